"""Cars that are asked for at the same time share calls, and get the answers they would get alone."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from dealerproxy.upstreams.encar import client as encar_client
from dealerproxy.upstreams.encar import site as encar_site
from dealerproxy.vocabulary import Vocabulary
from tests.support.harness import service_over

CAPTURE = Path(__file__).parents[1] / "captures" / "encar_detail" / "body.json"
FIRST = 49_100_001
# A turn every 50 ms, after the first.
RPS = 20.0


def advert(number: int, **changes: Any) -> Any:
    """A car without papers."""
    found = orjson.loads(CAPTURE.read_bytes())
    no_papers = {"accident": {"recordView": False}, "inspection": {"formats": []}}
    return found | {"vehicleId": number, "manage": {"dummy": False}, "condition": no_papers} | changes


class Site:
    """Adverts by number: some of them a batch lacks, and batches may fail."""

    def __init__(self) -> None:
        self.lacking: set[str] = set()
        self.gone: set[str] = set()
        self.copies: dict[str, int] = {}
        self.batch: Callable[[], web.Response] | None = None
        self.asked: list[tuple[str, ...]] = []
        self.pages: list[str] = []

    def detail(self, number: str) -> Any:
        if number in self.copies:
            return advert(self.copies[number], manage={"dummy": True, "dummyVehicleId": int(number)})
        return advert(int(number))

    async def one(self, request: web.Request) -> web.Response:
        number = request.match_info["number"]
        self.asked.append((number,))
        if number in self.gone:
            return web.Response(status=404)
        return web.json_response(self.detail(number))

    async def many(self, request: web.Request) -> web.Response:
        numbers = tuple(request.query["vehicleIds"].split(","))
        self.asked.append(numbers)
        if self.batch is not None:
            return self.batch()
        return web.json_response([self.detail(each) for each in numbers if each not in self.lacking | self.gone])

    async def page(self, request: web.Request) -> web.Response:
        self.pages.append(request.match_info["number"])
        return web.Response(status=404)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get(r"/v1/readside/vehicle/{number:\d+}", self.one)
        app.router.add_get("/v1/readside/vehicles", self.many)
        app.router.add_get(r"/cars/detail/{number:\d+}", self.page)
        return app


class Cars:
    """A service over the site, whose turns are scarce."""

    def __init__(self, client: Any, site: Site) -> None:
        self.client, self.site = client, site

    async def get(self, number: int | str, **headers: str) -> tuple[int, Any]:
        async with self.client.get(f"/v1/vehicles/encar_{number}", headers=headers) as response:
            return response.status, await response.json()

    async def crowd(self, count: int) -> list[tuple[int, Any]]:
        return await asyncio.gather(*(self.get(number) for number in range(FIRST, FIRST + count)))


Open = Callable[..., AbstractAsyncContextManager[Cars]]


@pytest.fixture
def opened(vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch) -> Open:
    scarce = encar_client.MANNERS._replace(burst=1)
    monkeypatch.setattr(encar_site, "MANNERS", scarce)

    @asynccontextmanager
    async def open_cars(rps: float = RPS) -> AsyncIterator[Cars]:
        site = Site()
        async with service_over(site.app(), vocabulary, encar_rps=rps, detail_deadline_s=30.0) as client:
            yield Cars(client, site)

    return open_cars


async def test_cars_that_wait_for_a_turn_at_the_same_time_share_a_call(opened: Open) -> None:
    async with opened(rps=4.0) as cars:
        answers = await cars.crowd(15)
        assert [status for status, _ in answers] == [200] * 15
        assert [body["id"] for _, body in answers] == [f"encar_{FIRST + number}" for number in range(15)]
        assert len(cars.site.asked) <= 3
        assert sorted(number for call in cars.site.asked for number in call) == [str(FIRST + n) for n in range(15)]


async def test_a_lone_car_is_asked_for_alone(opened: Open) -> None:
    async with opened() as cars:
        for number in range(3):
            assert (await cars.get(FIRST + number))[0] == 200
        assert [len(call) for call in cars.site.asked] == [1, 1, 1]


async def test_no_call_has_more_than_20_adverts(opened: Open) -> None:
    async with opened(rps=4.0) as cars:
        assert {status for status, _ in await cars.crowd(50)} == {200}
        assert max(len(call) for call in cars.site.asked) == 20
        assert len(cars.site.asked) <= 5


async def test_a_car_that_the_batch_lacks_is_asked_for_alone(opened: Open) -> None:
    async with opened() as cars:
        cars.site.lacking = {str(FIRST + number) for number in range(3, 6)}
        assert {status for status, _ in await cars.crowd(8)} == {200}
        alone = {call[0] for call in cars.site.asked if len(call) == 1}
        assert cars.site.lacking <= alone
        assert not cars.site.pages


async def test_a_car_that_is_gone_is_so_by_two_witnesses(opened: Open) -> None:
    async with opened() as cars:
        cars.site.gone = {str(FIRST + 4)}
        answers = await cars.crowd(6)
        assert [status for status, _ in answers] == [200, 200, 200, 200, 404, 200]
        assert answers[4][1]["error"]["details"] == {"reason": "gone"}
        assert cars.site.pages == [str(FIRST + 4)]


async def test_a_copy_keeps_the_id_it_was_asked_for(opened: Open) -> None:
    async with opened() as cars:
        cars.site.copies = {str(FIRST + 2): 48_000_002}
        # The site may answer an original by its copy, too.
        cars.site.copies |= {str(FIRST + 3): FIRST + 3}
        answers = await cars.crowd(5)
        assert [body["id"] for _, body in answers] == [f"encar_{FIRST + number}" for number in range(5)]


@pytest.mark.parametrize(
    "batch",
    [
        lambda: web.Response(status=404),
        lambda: web.Response(status=400),
        lambda: web.json_response({"not": "a list"}),
        lambda: web.json_response([]),
        lambda: web.json_response(["junk", {"vehicleId": None}]),
    ],
    ids=["404", "400", "no list", "empty", "junk"],
)
async def test_a_batch_that_cannot_be_used_costs_no_car(opened: Open, batch: Callable[[], web.Response]) -> None:
    async with opened() as cars:
        cars.site.batch = batch
        assert {status for status, _ in await cars.crowd(5)} == {200}
        assert not cars.site.pages


@pytest.mark.parametrize("status", [403, 429, 407])
async def test_a_batch_that_is_blocked_is_not_followed_by_single_calls(opened: Open, status: int) -> None:
    async with opened() as cars:
        cars.site.batch = lambda: web.Response(status=status)
        answers = await cars.crowd(8)
        failed = [answer for answer, _ in answers if answer == 503]
        assert failed
        single = [call for call in cars.site.asked if len(call) == 1]
        assert len(single) <= len(answers) - len(failed)


async def test_a_car_that_gets_no_turn_in_time_is_a_503_that_says_when_to_ask_again(opened: Open) -> None:
    async with opened(rps=0.01) as cars:
        assert (await cars.get(FIRST))[0] == 200
        status, body = await cars.get(FIRST + 1)
        (source,) = body["error"]["details"]["sources"]
        assert (status, source["status"], source["reason"]) == (503, "failed", "overloaded")
        assert source["retry_at"] is not None
        async with cars.client.get(f"/v1/vehicles/encar_{FIRST + 2}") as response:
            assert response.headers["Retry-After"] == "30"
        assert (len(cars.site.asked), cars.site.pages) == (1, [])


async def test_who_leaves_before_its_turn_hears_that_there_was_none_and_waits_for_none(opened: Open) -> None:
    async with opened(rps=0.1) as cars:
        assert (await cars.get(FIRST))[0] == 200
        hurried = await asyncio.gather(
            *(cars.get(FIRST + number, **{"X-Request-Deadline-Ms": "100"}) for number in range(1, 4))
        )
        assert {(status, body["error"]["details"]["sources"][0]["reason"]) for status, body in hurried} == {
            (503, "overloaded")
        }
        async with cars.client.get("/metrics") as response:
            queued = [line for line in (await response.text()).splitlines() if "requests_queued{" in line]
        assert queued
        assert all(line.endswith(" 0.0") for line in queued)
