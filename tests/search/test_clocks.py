"""Two services on one Redis whose clocks differ by anything: no sold car is shown, and no age is negative."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from dealerproxy.app import create_app
from dealerproxy.sandbox.danawa.inventory import DanawaInventory
from dealerproxy.sandbox.danawa.site import DanawaStandIn
from dealerproxy.sandbox.encar.inventory import Inventory
from dealerproxy.sandbox.encar.site import EncarStandIn
from dealerproxy.sandbox.sites import serve
from dealerproxy.settings import Settings
from dealerproxy.vocabulary import Vocabulary
from tests.support.clock import ClockAhead

APART_S = [0.0, *(sign * gap for gap in (2.0, 30.0, 300.0, 3_600.0, 31_536_000.0) for sign in (1.0, -1.0))]
LIST = "/v1/vehicles?make=Kia&upstream=encar"
NO_CACHE = {"Cache-Control": "no-cache"}


class Service:
    """A running service and its clock."""

    def __init__(self, client: TestClient[Any, Any], clock: ClockAhead) -> None:
        self.client, self.clock = client, clock

    async def get(self, path: str, **headers: str) -> tuple[int, Any, Any]:
        async with self.client.get(path, headers=headers) as response:
            assert int(response.headers.get("Age", "0")) >= 0
            return response.status, await response.json(), response.headers

    async def lists(self, vehicle_id: str) -> bool:
        status, body, _ = await self.get(LIST)
        assert status == 200
        return vehicle_id in {row["id"] for row in body["data"]}

    async def check(self, vehicle_id: str) -> str:
        async with self.client.post("/v1/vehicles/availability", json={"ids": [vehicle_id]}) as response:
            return str((await response.json())["data"][0]["status"])


class Pair:
    """An inventory of a few cars, and two services that read it."""

    def __init__(self, inventory: Inventory, first: Service, second: Service) -> None:
        self.inventory, self.first, self.second = inventory, first, second
        self.number = next(iter(inventory)).id
        self.car = f"encar_{self.number}"


Start = Callable[[float], Awaitable[Pair]]


@pytest.fixture
async def start(vocabulary: Vocabulary, redis_server: Any) -> AsyncIterator[Start]:
    running: list[Any] = []

    async def pair(apart_s: float) -> Pair:
        inventory = Inventory()
        for i in range(3):
            inventory.insert(inventory.new_car(manufacturer="기아", price=1000 + i))
        stand_in = EncarStandIn(inventory)
        upstream = TestServer(serve(stand_in, DanawaStandIn(DanawaInventory(), faults=stand_in.faults)))
        await upstream.start_server()
        url = str(upstream.make_url(""))
        services = []
        for ahead_s in (apart_s, 0.0):
            clock = ClockAhead(ahead_s)
            settings = Settings(
                encar_api_url=url,
                encar_page_url=url,
                danawa_url=url,
                mpark_api_url=url,
                encar_rps=1000.0,
                cursor_secret="test",
                redis_url=redis_server.url,
            )
            client = TestClient(TestServer(create_app(settings, vocabulary, clock=clock)))
            await client.start_server()
            running.insert(0, client)
            services.append(Service(client, clock))
        running.append(upstream)
        return Pair(inventory, *services)

    yield pair
    for server in running:
        await server.close()


def sell(pair: Pair) -> str:
    pair.inventory.change(pair.number, status="SOLD")
    return "sold"


def remove(pair: Pair) -> str:
    pair.inventory.remove(pair.number)
    return "gone"


@pytest.mark.parametrize("end", [sell, remove])
@pytest.mark.parametrize("apart_s", APART_S)
async def test_what_another_service_read_before_the_sale_shows_the_car_to_nobody(
    start: Start, apart_s: float, end: Callable[[Pair], str]
) -> None:
    pair = await start(apart_s)
    assert (await pair.first.get(f"/v1/vehicles/{pair.car}"))[0] == 200
    assert await pair.first.lists(pair.car)
    ended = end(pair)
    for _ in range(2):
        assert await pair.second.check(pair.car) == ended
        status, body, _ = await pair.second.get(f"/v1/vehicles/{pair.car}")
        assert (status, body["error"]["details"]["reason"]) == (404, ended)
        assert not await pair.second.lists(pair.car)


@pytest.mark.parametrize("apart_s", APART_S)
async def test_a_car_that_another_service_read_is_at_hand_however_far_apart_the_clocks(
    start: Start, apart_s: float
) -> None:
    pair = await start(apart_s)
    assert (await pair.first.get(f"/v1/vehicles/{pair.car}"))[0] == 200
    status, _, headers = await pair.second.get(f"/v1/vehicles/{pair.car}")
    assert (status, headers["X-Cache"]) == (200, "hit")
    assert int(headers["Age"]) <= 5


@pytest.mark.parametrize("apart_s", APART_S)
async def test_a_car_that_is_offered_again_is_shown_again(start: Start, apart_s: float) -> None:
    pair = await start(apart_s)
    sell(pair)
    for service in (pair.first, pair.second):
        assert (await service.get(f"/v1/vehicles/{pair.car}", **NO_CACHE))[0] == 404
    pair.inventory.change(pair.number, status="ADVERTISE")
    for service in (pair.first, pair.second):
        assert (await service.get(f"/v1/vehicles/{pair.car}", **NO_CACHE))[0] == 200


async def test_a_fresh_look_at_a_car_is_no_miss_as_long_as_its_papers_were_kept(start: Start) -> None:
    pair = await start(0.0)
    path = f"/v1/vehicles/{pair.car}"
    assert (await pair.first.get(path))[2]["X-Cache"] == "miss"
    pair.first.clock.ahead_s += 62.0
    _, _, headers = await pair.first.get(path, **NO_CACHE)
    assert (headers["X-Cache"], int(headers["Age"]) >= 62) == ("hit", True)
