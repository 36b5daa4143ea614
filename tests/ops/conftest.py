"""The real service wired over loopback to its stand-ins, and what it tells Prometheus."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from prometheus_client.parser import text_string_to_metric_families

from dealerproxy.sandbox.danawa.site import DanawaStandIn
from dealerproxy.sandbox.encar.site import EncarStandIn
from dealerproxy.sandbox.faults import Fault
from dealerproxy.sandbox.showcase import shown_car
from dealerproxy.sandbox.sites import serve
from dealerproxy.vocabulary import Vocabulary
from tests.ops.alerting import Alerts, Check
from tests.support.harness import ServiceHarness, list_read, read_anew, service_over
from tests.support.inventories import generate, generate_danawa


class Figures:
    """What one scrape told."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self._samples = [sample for family in self.families.values() for sample in family.samples]

    def of(self, name: str, **labels: str) -> Mapping[tuple[str, ...], float]:
        """The figures of a name that have these labels, by the values of their other labels in alphabetical order."""
        return {
            tuple(value for label, value in sorted(sample.labels.items()) if label not in labels): sample.value
            for sample in self._samples
            if sample.name == f"dealerproxy_{name}" and labels.items() <= sample.labels.items()
        }

    def one(self, name: str, **labels: str) -> float:
        """The one figure of a name and all its labels; 0 if there is none yet."""
        return self.of(name, **labels).get((), 0.0)


class OpsHarness(ServiceHarness):
    """A running service and its stand-ins."""

    def __init__(self, client: TestClient[Any, Any], encar: EncarStandIn, danawa: DanawaStandIn) -> None:
        super().__init__(client)
        self.encar, self.danawa = encar, danawa

    async def get(self, path: str, status: int = 200) -> Any:
        async with self.client.get(path) as response:
            assert response.status == status, await response.text()
            return await response.json()

    async def figures(self) -> Figures:
        async with self.client.get("/metrics") as response:
            assert response.status == 200
            return Figures(await response.text())

    def breaks(self, *faults: Fault) -> None:
        self.encar.faults.clear()
        self.encar.faults.add(*faults)
        read_anew(self.client.app, faults)


Build = Callable[..., Awaitable[OpsHarness]]


@pytest.fixture
async def build(vocabulary: Vocabulary) -> AsyncIterator[Build]:
    """Start services; keyword arguments are settings."""
    async with AsyncExitStack() as running:

        async def start(**settings: Any) -> OpsHarness:
            inventory = generate(7, 300)
            inventory.insert(shown_car(inventory))
            encar = EncarStandIn(inventory)
            danawa = DanawaStandIn(generate_danawa(7, 80, also=inventory), faults=encar.faults)
            client = await running.enter_async_context(service_over(serve(encar, danawa), vocabulary, **settings))
            await list_read(client.app)
            danawa.calls.clear()
            return OpsHarness(client, encar, danawa)

        yield start


@pytest.fixture
async def house(build: Build) -> OpsHarness:
    return await build()


@pytest.fixture(scope="session")
def promtool() -> str:
    """Prometheus' own checker."""
    binary = shutil.which("promtool")
    if binary is None:
        pytest.skip("there is no promtool on the path (Debian's package prometheus has it)")
    return binary


@pytest.fixture
def check(promtool: str, tmp_path: Path) -> Check:
    """Run figures through the rules: which alerts fire at which times?"""
    return Alerts(promtool, tmp_path).check
