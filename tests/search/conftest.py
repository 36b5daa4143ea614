"""The real service wired over loopback to the stand-ins for Encar and for Danawa with its feeder."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from dealerproxy.sandbox.danawa.inventory import DanawaInventory
from dealerproxy.sandbox.danawa.site import DanawaStandIn
from dealerproxy.sandbox.encar.inventory import Inventory
from dealerproxy.sandbox.encar.site import EncarStandIn
from dealerproxy.sandbox.faults import Fault
from dealerproxy.sandbox.sites import serve
from dealerproxy.vocabulary import Vocabulary
from tests.support.harness import ServiceHarness, list_read, read_anew, service_over
from tests.support.inventories import generate


class SearchHarness(ServiceHarness):
    """A running service, its stand-ins, and short ways to ask: Encar alone, unless it was built with Danawa."""

    def __init__(
        self, client: TestClient[Any, Any], stand_in: EncarStandIn, danawa: DanawaStandIn, upstream: str | None
    ) -> None:
        super().__init__(client)
        self.stand_in, self.danawa = stand_in, danawa
        self.upstream = upstream
        self.status, self.headers = 0, dict[str, str]()

    @property
    def inventory(self) -> Inventory:
        return self.stand_in.inventory

    @property
    def calls(self) -> list[str]:
        """The `q` of every call of the stand-in but those of the truck index, oldest first."""
        return [call.q for call in self.stand_in.calls if call.operation != "truck_search"]

    async def ask(self, *, bypass_cache: bool = False, **params: object) -> Any:
        """GET the list; remembers status and headers, returns the body."""
        query = {name: str(value) for name, value in {"upstream": self.upstream, **params}.items() if value is not None}
        headers = {"Cache-Control": "no-cache"} if bypass_cache else {}
        async with self.client.get("/v1/vehicles", params=query, headers=headers) as response:
            self.status, self.headers = response.status, dict(response.headers)
            return await response.json()

    async def in_stock(self, **params: Any) -> None:
        """Wait until every search of Encar's that a request takes is in stock."""
        while True:
            sources = (await self.ask(explain=1, **params))["sources"]
            searches = next(source["searches"] for source in sources if source["name"] == "encar")
            if all(search["answered_from"] == "stock" for search in searches):
                return
            await asyncio.sleep(0.005)

    async def list_is_read(self) -> None:
        """Have Danawa's list read anew."""
        read_anew(self.client.app)
        await list_read(self.client.app)

    async def heal(self) -> None:
        """Mend both sites, and let the service ask them again at once."""
        self.stand_in.faults.clear()
        await self.reset()

    async def walk(self, *, pages: int = 200, **params: Any) -> list[Any]:
        """Follow cursors to the end, or for so many pages."""
        answers = []
        cursor = None
        for _ in range(pages):
            answers.append(await self.ask(cursor=cursor, **params))
            assert self.status == 200, answers[-1]
            cursor = answers[-1]["next_cursor"]
            if cursor is None:
                break
        return answers


Build = Callable[..., Awaitable[SearchHarness]]


@pytest.fixture
async def build(vocabulary: Vocabulary) -> AsyncIterator[Build]:
    """Start services; keyword arguments are settings.

    With `faults` from the beginning Danawa's first reading may be under way, else it is done and not among the calls.
    """
    async with AsyncExitStack() as running:

        async def start(
            inventory: Inventory | None = None,
            danawa: DanawaInventory | None = None,
            *,
            faults: Iterable[Fault] = (),
            **settings: Any,
        ) -> SearchHarness:
            stand_in = EncarStandIn(generate(7, 600) if inventory is None else inventory)
            stand_in.faults.add(*faults)
            second = DanawaStandIn(DanawaInventory() if danawa is None else danawa, faults=stand_in.faults)
            sites = serve(stand_in, second)
            client = await running.enter_async_context(service_over(sites, vocabulary, **settings))
            if not faults:
                await list_read(client.app)
                second.calls.clear()
            return SearchHarness(client, stand_in, second, "encar" if danawa is None else None)

        yield start


@pytest.fixture
async def house(build: Build) -> SearchHarness:
    return await build()
