"""The real service wired over loopback to its stand-ins, and what it tells Prometheus."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from dealerproxy.app import create_app
from dealerproxy.sandbox.danawa.inventory import generate_danawa
from dealerproxy.sandbox.danawa.site import DanawaStandIn
from dealerproxy.sandbox.encar.inventory import generate
from dealerproxy.sandbox.encar.site import EncarStandIn
from dealerproxy.sandbox.faults import Fault
from dealerproxy.sandbox.showcase import shown_car
from dealerproxy.sandbox.sites import serve
from dealerproxy.settings import Settings
from dealerproxy.vocabulary import Vocabulary


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


class House:
    """A running service and its stand-ins."""

    def __init__(self, client: TestClient[Any, Any], encar: EncarStandIn, danawa: DanawaStandIn) -> None:
        self.client, self.encar, self.danawa = client, encar, danawa

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

    async def forgive(self) -> None:
        """Let the service ask the sites again at once."""
        for name in ("encar", "danawa"):
            async with self.client.post(f"/v1/upstreams/{name}/reset") as response:
                assert response.status == 200


Build = Callable[..., Awaitable[House]]


@pytest.fixture
async def build(vocabulary: Vocabulary) -> AsyncIterator[Build]:
    """Start services; keyword arguments are settings."""
    running: list[Any] = []

    async def start(**settings: Any) -> House:
        inventory = generate(7, 300)
        inventory.insert(shown_car(inventory))
        encar = EncarStandIn(inventory)
        danawa = DanawaStandIn(generate_danawa(7, 80, also=inventory), faults=encar.faults)
        sites = TestServer(serve(encar, danawa))
        await sites.start_server()
        url = str(sites.make_url(""))
        wired = {"encar_rps": 1000.0, "danawa_rps": 1000.0, "cursor_secret": "test", **settings}
        app = create_app(
            Settings(encar_api_url=url, encar_page_url=url, danawa_url=url, mpark_api_url=url, **wired), vocabulary
        )
        client = TestClient(TestServer(app))
        await client.start_server()
        running.extend([client, sites])
        return House(client, encar, danawa)

    yield start
    for server in running:
        await server.close()


@pytest.fixture
async def house(build: Build) -> House:
    return await build()


@pytest.fixture(scope="session")
def promtool() -> str:
    """Prometheus' own checker."""
    binary = shutil.which("promtool")
    if binary is None:
        pytest.skip("there is no promtool on the path (Debian's package prometheus has it)")
    return binary
