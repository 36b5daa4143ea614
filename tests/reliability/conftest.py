"""The real service over loopback, its sites behind doors that can be shut, and a clock that can be put forward.

A `House` is all of it in one process. A `Service` is a process of its own, of which several may share the same sites
and one Redis.
"""

import asyncio
import gc
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from dealerproxy import app as application
from dealerproxy.api.keys import CACHE
from dealerproxy.sandbox.danawa.inventory import DanawaInventory
from dealerproxy.sandbox.danawa.site import DanawaStandIn
from dealerproxy.sandbox.encar.inventory import Inventory
from dealerproxy.sandbox.encar.papers import Diagnosis, Record, Sheet
from dealerproxy.sandbox.encar.site import EncarStandIn
from dealerproxy.sandbox.faults import Faults
from dealerproxy.sandbox.sites import serve
from dealerproxy.settings import PREFIX, Settings
from dealerproxy.transport import circuit, fetch, retry
from dealerproxy.upstreams.danawa import pages
from dealerproxy.upstreams.danawa import stock as danawa_list
from dealerproxy.upstreams.encar import client as encar_client
from dealerproxy.vocabulary import Vocabulary
from tests.reliability.wire import DeafDoor
from tests.support.clock import ClockAhead
from tests.support.flights import landed
from tests.support.harness import QUICK, ServiceHarness, list_read

# All times of the service's own are this much shorter, so that their proportions stay what they are.
HURRY = 6
HOSTS = ("encar_api", "encar_page", "danawa", "mpark_api")
GENEROUS_S = 60.0
SECRET = "a secret of the tests"

Answer = tuple[int, Mapping[str, str], Any]


class Sites:
    """The sites, with a door (a port) for each host the service knows."""

    def __init__(self, inventory: Inventory, danawa: DanawaInventory) -> None:
        self.encar = EncarStandIn(inventory)
        self.danawa = DanawaStandIn(danawa, faults=self.encar.faults)
        self._runner = web.AppRunner(serve(self.encar, self.danawa), access_log=None)
        self._ports: dict[str, int] = {}
        self._doors: dict[str, web.TCPSite] = {}
        self._deaf: list[DeafDoor] = []

    @property
    def urls(self) -> dict[str, str]:
        """The settings that lead to them."""
        return {f"{host}_url": f"http://127.0.0.1:{port}" for host, port in self._ports.items()}

    @property
    def faults(self) -> Faults:
        return self.encar.faults

    def ids(self, site: str) -> list[str]:
        """The ids of a site's cars."""
        cars: Iterable[Any] = self.encar.inventory if site == "encar" else self.danawa.inventory
        return [f"{site}_{car.id}" for car in cars]

    async def wait_for(self, operation: str, times: int = 1) -> None:
        """Until they were asked for it so often."""
        async with asyncio.timeout(GENEROUS_S):
            while self.asked(operation) < times:  # noqa: ASYNC110  # the stand-ins tell nobody
                await asyncio.sleep(0.01)

    def asked(self, operation: str) -> int:
        """How often a site was asked for it, however it answered."""
        return sum(call.operation == operation for call in (*self.encar.calls, *self.danawa.calls))

    async def start(self) -> None:
        await self._runner.setup()
        for host in HOSTS:
            await self.open(host)

    async def open(self, host: str) -> None:
        """Listen, on the port it had before."""
        self._doors[host] = door = web.TCPSite(self._runner, "127.0.0.1", self._ports.get(host, 0))
        await door.start()
        self._ports.setdefault(host, self._runner.addresses[-1][1])

    async def shut(self, host: str) -> None:
        """Refuse connections."""
        await self._doors.pop(host).stop()
        await self.hang_up()

    async def deafen(self, host: str) -> None:
        """Never answer a knock."""
        await self.shut(host)
        self._deaf.append(DeafDoor(self._ports[host]))

    async def hang_up(self) -> None:
        """End the connections that are kept for later."""
        assert self._runner.server is not None
        for connection in self._runner.server.connections:
            connection.force_close()
        await asyncio.sleep(0.01)

    async def mend(self) -> None:
        """Let every site answer as it should."""
        self.faults.clear()
        for host in set(HOSTS) - self._doors.keys():
            await self.open(host)

    async def close(self) -> None:
        await self._runner.cleanup()
        for door in self._deaf:
            door.close()


class FaultHarness(Sites, ServiceHarness):
    """The sites and a service that reads them, in this process."""

    def __init__(self, inventory: Inventory, danawa: DanawaInventory, clock: ClockAhead) -> None:
        super().__init__(inventory, danawa)
        self.clock = clock

    async def serve(self, vocabulary: Vocabulary, **settings: Any) -> None:
        app = application.create_app(Settings(**{**QUICK, **self.urls, **settings}), vocabulary, clock=self.clock)
        self.client = TestClient(TestServer(app))
        await self.client.start_server()
        await list_read(self.client.app)
        self.danawa.calls.clear()

    async def get(self, path: str, **headers: str) -> Answer:
        async with self.client.get(path, headers=headers) as response:
            return response.status, response.headers, await response.json()

    async def idle(self) -> None:
        """Until nothing is loaded behind the answers, and no listing is being read."""
        async with asyncio.timeout(GENEROUS_S):
            await landed(self.client.app[CACHE])
            await asyncio.gather(*(task for task in asyncio.all_tasks() if task.get_name().endswith("-listing")))

    async def circuits(self) -> dict[str, str]:
        """The state of each circuit, as `encar.search`."""
        _, _, told = await self.get("/v1/upstreams")
        return {
            f"{site['name']}.{name}": operation["state"]
            for site in told["data"]
            for name, operation in site["operations"].items()
        }

    async def failures(self, circuit: str) -> int:
        """How often it failed in a row."""
        _, _, told = await self.get("/v1/upstreams")
        name, operation = circuit.split(".")
        (count,) = (site["operations"][operation]["failures"] for site in told["data"] if site["name"] == name)
        return int(count)

    async def close(self) -> None:
        await self.client.close()
        await super().close()


Build = Callable[..., Awaitable[FaultHarness]]


@pytest.fixture
async def build(vocabulary: Vocabulary) -> AsyncIterator[Build]:
    """Start services; keyword arguments are settings."""
    started: list[FaultHarness] = []

    async def start(**settings: Any) -> FaultHarness:
        house = FaultHarness(encar_stock(2), danawa_stock(8), ClockAhead())
        await house.start()
        await house.serve(vocabulary, **settings)
        started.append(house)
        return house

    yield start
    for house in started:
        await house.close()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapping[str, float]]:
    """Make all time-outs and pauses shorter alike; the settings that belong to it.

    The garbage of the tests before waits: to collect it can take longer than these time-outs.
    """
    for module, names in (
        (application, ("ATTEMPT_S",)),
        (fetch, ("CONNECT_S", "READ_S", "SLOW_S")),
        (retry, ("PAUSE_S", "USEFUL_S")),
        (circuit, ("FAIR_S",)),
        (encar_client, ("PAPER_S",)),
        (danawa_list, ("WAIT_S",)),
        (pages, ("PAGE_S",)),
    ):
        for name in names:
            monkeypatch.setattr(module, name, getattr(module, name) / HURRY)
    settings = Settings()
    gc.disable()
    yield {name: getattr(settings, name) / HURRY for name in ("list_deadline_s", "detail_deadline_s")}
    gc.enable()


@pytest.fixture
async def sites() -> AsyncIterator[Sites]:
    """Sites for services that are processes of their own."""
    opened = Sites(encar_stock(2), danawa_stock(8))
    await opened.start()
    yield opened
    await opened.close()


class Service:
    """`dealerproxy serve` as a process of its own, which says everything that Python would warn of."""

    def __init__(self, process: asyncio.subprocess.Process, session: aiohttp.ClientSession) -> None:
        self.process, self._session = process, session
        self.url = ""
        self.lines: list[str] = []
        self._listening = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            if found := re.search(r"listens on (http://\S+:[0-9]+)", line.decode()):
                self.url = found[1]
                self._listening.set()
            else:
                self.lines.append(line.decode())
        self._listening.set()

    async def listening(self) -> None:
        """Until it listens; one that ended instead fails the test at once, with what it said."""
        await asyncio.wait_for(self._listening.wait(), GENEROUS_S)
        assert self.url, "".join(self.lines)

    async def list_read(self) -> None:
        """Until it holds Danawa's list, which is read in the background from the start on, maybe by another process."""
        async with asyncio.timeout(GENEROUS_S):
            while True:
                _, _, told = await self.get("/v1/upstreams")
                if any(site["name"] == "danawa" and site["stock"]["listings"] for site in told["data"]):
                    return
                await asyncio.sleep(0.05)

    async def get(self, path: str, **headers: str) -> Answer:
        async with self._session.get(self.url + path, headers=headers) as response:
            return response.status, response.headers, await response.json()

    async def post(self, path: str) -> Answer:
        async with self._session.post(self.url + path) as response:
            return response.status, response.headers, await response.json()

    async def state(self, site: str, operation: str) -> str:
        """The state of a circuit."""
        _, _, told = await self.get("/v1/upstreams")
        (state,) = (one["operations"][operation]["state"] for one in told["data"] if one["name"] == site)
        return str(state)

    async def ended(self) -> int:
        """Its exit status, once it has ended and all it said was read."""
        status = await asyncio.wait_for(self.process.wait(), GENEROUS_S)
        await self._reading
        return status

    async def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return await self.ended()


StartService = Callable[..., Awaitable[Service]]


@pytest.fixture
async def service(sites: Sites) -> AsyncIterator[StartService]:
    """Start services that read the sites; keyword arguments are settings, and how many workers."""
    started: list[Service] = []
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def start(workers: int = 1, **settings: object) -> Service:
            wired = {**QUICK, "port": 0, "cursor_secret": SECRET, **sites.urls, **settings}
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-W", "default", "-m", "dealerproxy", "serve", "--workers", str(workers)),
                env=inherited | {PREFIX + name.upper(): str(value) for name, value in wired.items()},
                stderr=asyncio.subprocess.PIPE,
            )
            begun = Service(process, session)
            started.append(begun)
            await begun.listening()
            return begun

        yield start
        for each in started:
            if each.process.returncode is None:
                each.process.kill()
            await each.ended()


def encar_stock(count: int) -> Inventory:
    """Kias at Encar, each with all its papers."""
    inventory = Inventory()
    papers = {"sheet": Sheet(), "record": Record(), "diagnosis": Diagnosis()}
    for i in range(count):
        inventory.insert(inventory.new_car(manufacturer="기아", price=1000 + i, mileage=10_000 + i, **papers))
    return inventory


def danawa_stock(count: int) -> DanawaInventory:
    """Kias at Danawa."""
    inventory = DanawaInventory()
    for i in range(count):
        inventory.insert(inventory.new_car(brand="기아", price=2000 + i, mileage=20_000 + i))
    return inventory
