"""The fetcher and the valve, against a real server: every request is counted, and none goes out once calls may not."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from dealerproxy.transport.circuit import Phase
from dealerproxy.transport.errors import Closed, DailyBudget, Paused, ServerFault
from dealerproxy.transport.fetch import Fetcher, FetchPolicy
from dealerproxy.transport.health import Health
from dealerproxy.transport.limits import Lane, RateLimiter, background
from dealerproxy.transport.response import Response, json_body
from dealerproxy.transport.retry import Retries
from dealerproxy.transport.turns import TurnQueue
from dealerproxy.transport.valve import Valve
from tests.support.clock import turns

PATIENT_S = 30.0


class World:
    """A site that hops from `/1` to `/2` to `/end`, answers 503 on `/fault`, and waits on `/slow`; and its fetcher.

    The fetcher has one connection.
    """

    def __init__(self, session: aiohttp.ClientSession, valve: Valve) -> None:
        self.asked: list[str] = []
        self.valve, self.health = valve, Health()
        self.base, self.pause_at = URL(), ""
        self.arrived, self.release = asyncio.Event(), asyncio.Event()
        self._fetcher = Fetcher(
            "site",
            session,
            health=self.health,
            turns=TurnQueue(RateLimiter("site", rps=1_000.0, burst=100), in_flight=1),
            retries=Retries(attempt_s=PATIENT_S),
            manners=FetchPolicy(["op"], 100, 1, 10_000, {"op": Lane.LISTS}),
            headers={},
            valve=valve,
        )

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        if request.path == self.pause_at:
            await self.valve.pause(10, "")
        if request.path == "/slow":
            self.arrived.set()
            await self.release.wait()
        if request.path == "/fault":
            return web.Response(status=503)
        following = {"/1": "/2", "/2": "/end"}.get(request.path)
        return web.Response(status=302, headers={"Location": following}) if following else web.json_response({})

    async def get(self, path: str) -> int:
        def judge(response: Response) -> int:
            json_body(response)
            return response.status

        return await self._fetcher.get("op", self.base / path, judge, within_s=PATIENT_S)


@pytest.fixture
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    most: int = getattr(request, "param", 0)
    async with aiohttp.ClientSession() as session:
        made = World(session, Valve("site", daily_calls=most))
        app = web.Application()
        app.router.add_get("/{path}", made.handle)
        async with TestServer(app) as server:
            made.base = server.make_url("/")
            yield made


async def test_redirects_and_retries_are_calls_of_the_day(world: World) -> None:
    assert await world.get("1") == 200
    assert (world.asked, world.valve.state().calls) == (["/1", "/2", "/end"], 3)
    with pytest.raises(ServerFault):
        await world.get("fault")
    assert world.asked[3:] == ["/fault"] * 3
    assert world.valve.state().calls == 6


@pytest.mark.parametrize("world", [2], indirect=True)
async def test_the_last_call_of_the_day_is_the_last_whatever_follows_from_it(world: World) -> None:
    with pytest.raises(DailyBudget):
        await world.get("1")
    assert world.asked == ["/1", "/2"]
    with pytest.raises(DailyBudget) as caught:
        await world.get("end")
    assert 0 < (caught.value.retry_after_s or 0.0) <= 86_400
    assert world.asked == ["/1", "/2"]


@pytest.mark.parametrize("world", [1], indirect=True)
async def test_a_fault_on_the_last_call_of_the_day_is_not_tried_again(world: World) -> None:
    with pytest.raises(Closed):
        await world.get("fault")
    assert world.asked == ["/fault"]


@pytest.mark.parametrize("world", [5], indirect=True)
async def test_background_calls_leave_the_last_fifth_to_requests(world: World) -> None:
    with background():
        for _ in range(4):
            await world.get("end")
        with pytest.raises(DailyBudget):
            await world.get("end")
    assert await world.get("end") == 200
    assert len(world.asked) == 5


@pytest.mark.parametrize("path", ["/1", "/2", "/fault"])
async def test_a_pause_while_a_call_is_under_way_stops_what_would_follow_from_it(world: World, path: str) -> None:
    world.pause_at = path
    with pytest.raises(Paused) as caught:
        await world.get(path.strip("/"))
    assert world.asked == [path]
    assert caught.value.retry_after_s == pytest.approx(600.0, abs=PATIENT_S)


async def test_an_answer_that_comes_during_a_pause_is_taken(world: World) -> None:
    world.pause_at = "/end"
    assert await world.get("end") == 200


async def test_calls_that_wait_are_refused_when_the_site_is_paused(world: World) -> None:
    first = asyncio.create_task(world.get("slow"))
    await world.arrived.wait()
    waiting = [asyncio.create_task(world.get("end")) for _ in range(3)]
    await turns()
    await world.valve.pause(10, "")
    world.release.set()
    assert await first == 200
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [Paused] * 3
    assert world.asked == ["/slow"]


async def test_a_closed_valve_says_nothing_about_the_site(world: World) -> None:
    await world.valve.pause(10, "")
    for _ in range(20):
        with pytest.raises(Paused):
            await world.get("end")
    assert {each.state for each in world.health.known().values()} == {Phase.HEALTHY}
    await world.valve.resume()
    assert await world.get("end") == 200
