"""Loads that wait for a turn of the request rate: dropped when nobody waits for them any more, unless they are kept."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from dealerproxy.cache.cache import StaleCache
from dealerproxy.cache.entries import CachePolicy, CacheResult, CacheStatus
from dealerproxy.contract.deadline import Deadline
from dealerproxy.transport.errors import Overloaded, TooLate
from dealerproxy.transport.limits import Lane, RateLimiter, background
from dealerproxy.transport.turns import TurnQueue
from tests.support import virtual_time

ROWS: CachePolicy[int] = CachePolicy("rows", int, fresh_s=60.0, revalidate_s=120.0, if_error_s=1_800.0)


class World:
    """A cache over a site that takes a second and has a turn every ten."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.turns = TurnQueue(RateLimiter("site", rps=0.1, burst=1, clock=clock), 6, clock=clock)
        self.cache = StaleCache(clock=clock)
        self.sent: list[str] = []

    async def get(self, key: str, within_s: float, lane: Lane = Lane.LISTS) -> CacheResult[int]:
        async def load() -> int:
            async with self.turns.turn(lane, 60.0):
                self.sent.append(key)
                await asyncio.sleep(1.0)
            return len(self.sent)

        return await self.cache.get(ROWS, key, load, Deadline(within_s, self.clock))


def play(main: Callable[[World], Awaitable[None]]) -> list[str]:
    """Let it happen, and half a minute pass; what was sent."""

    async def run(clock: Callable[[], float]) -> list[str]:
        world = World(clock)
        await world.get("first", 60.0)
        await main(world)
        await asyncio.sleep(30.0)
        await world.cache.close()
        return world.sent[1:]

    return virtual_time.run(run)


def test_a_load_that_nobody_waits_for_any_more_is_not_sent() -> None:
    async def main(world: World) -> None:
        for _ in range(2):
            with pytest.raises(Overloaded):
                await world.get("a", 1.0)

    assert play(main) == []


def test_nobody_waits_for_a_turn_that_comes_after_his_deadline() -> None:
    async def main(world: World) -> None:
        await asyncio.sleep(0.5)
        began = world.clock()
        waiting = asyncio.create_task(world.get("a", 30.0))
        await asyncio.sleep(0.1)
        with pytest.raises(Overloaded):
            await world.get("b", 5.0)
        assert world.clock() - began == pytest.approx(0.1, abs=0.01)
        await waiting

    assert play(main) == ["a"]


def test_a_load_waits_as_long_as_the_most_patient_of_those_who_want_it() -> None:
    async def main(world: World) -> None:
        hurried = asyncio.create_task(world.get("a", 9.0))
        await asyncio.sleep(0)
        patient = await world.get("a", 30.0)
        assert patient.state is CacheStatus.MISS
        await asyncio.gather(hurried, return_exceptions=True)

    assert play(main) == ["a"]


def test_a_load_is_sent_for_whoever_is_left() -> None:
    async def main(world: World) -> None:
        patient = asyncio.create_task(world.get("a", 30.0))
        with pytest.raises(Overloaded):
            await world.get("a", 1.0)
        assert (await patient).state is CacheStatus.MISS

    assert play(main) == ["a"]


def test_a_cancelled_request_takes_its_load_out_of_the_queue() -> None:
    async def main(world: World) -> None:
        asking = asyncio.create_task(world.get("a", 30.0))
        await asyncio.sleep(1.0)
        asking.cancel()
        await asyncio.sleep(0)
        # Who comes right then starts a load of its own.
        assert (await world.get("a", 30.0)).state is CacheStatus.MISS

    assert play(main) == ["a"]


def test_a_load_that_was_sent_goes_on_without_anybody() -> None:
    async def main(world: World) -> None:
        with pytest.raises(TooLate):
            await world.get("a", 9.5)  # its turn comes after nine seconds
        await asyncio.sleep(1.0)
        assert (await world.get("a", 0.0)).state is CacheStatus.HIT

    assert play(main) == ["a"]


def test_an_old_value_stands_in_for_a_load_without_a_turn_and_says_why() -> None:
    async def main(world: World) -> None:
        await world.get("a", 30.0)
        await asyncio.sleep(300.0)
        await world.get("b", 30.0)
        found = await world.get("a", 1.0)
        assert (found.state, found.failure and found.failure.code) == (CacheStatus.STALE, "overloaded")

    assert play(main) == ["a", "b"]


def test_a_reading_in_the_background_goes_on_though_those_who_wait_for_it_leave() -> None:
    async def main(world: World) -> None:
        for _ in range(3):
            with pytest.raises(TooLate):
                await world.get("a", 1.0, Lane.BACKGROUND)
        await asyncio.sleep(10.0)
        assert (await world.get("a", 1.0, Lane.BACKGROUND)).state is CacheStatus.HIT

    assert play(main) == ["a"]


def test_a_refresh_needs_nobody_to_wait_for_it() -> None:
    async def main(world: World) -> None:
        await world.get("a", 30.0)
        await asyncio.sleep(90.0)
        await world.get("b", 30.0)
        assert (await world.get("a", 1.0)).state is CacheStatus.UPDATING

    assert play(main) == ["a", "b", "a"]


def test_a_request_does_not_wait_behind_the_refresh_of_its_value() -> None:
    async def main(world: World) -> None:
        await world.get("a", 30.0)
        await asyncio.sleep(90.0)
        await world.get("b", 30.0)
        with background():
            others = [asyncio.create_task(world.get(key, 60.0)) for key in "cd"]
            await asyncio.sleep(0)
        await world.get("a", 1.0)
        await asyncio.sleep(1.0)
        found = await world.cache.get(ROWS, "a", lambda: _number(world), Deadline(60.0, world.clock), bypass_cache=True)
        assert found.value == 7
        for other in others:
            other.cancel()

    async def _number(_: World) -> int:
        return 7

    assert "a" not in play(main)[2:]
