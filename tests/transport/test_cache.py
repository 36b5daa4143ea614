"""The chunk cache: one load per key however many ask, detached from whoever asked first."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dealerproxy.errors import TimedOut, Unreachable
from dealerproxy.transport.cache import FlightCache
from dealerproxy.transport.deadline import Deadline


class Clock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


class Source:
    """What is behind the cache: counts its loads; holds them back until `gate` opens."""

    def __init__(self, *, open_gate: bool = False, failure: Exception | None = None) -> None:
        self.gate = asyncio.Event()
        if open_gate:
            self.gate.set()
        self.failure = failure
        self.loads = 0
        self.cancelled = 0

    async def load(self) -> str:
        self.loads += 1
        number = self.loads
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.failure is not None:
            raise self.failure
        return f"load {number}"


Cache = FlightCache[str, str | None]


def patient() -> Deadline:
    return Deadline(30.0)


def hurried() -> Deadline:
    return Deadline(0.001)


def chunk_cache(*, clock: Callable[[], float] | None = None, max_entries: int = 100) -> Cache:
    if clock is None:
        return FlightCache(fresh_s=60.0, max_entries=max_entries)
    return FlightCache(fresh_s=60.0, max_entries=max_entries, clock=clock)


async def turns(count: int = 5) -> None:
    """Let everything that can run do so."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
async def complaints() -> list[dict[str, Any]]:
    """What the event loop complained about: above all errors nobody looked at."""
    heard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context))
    return heard


async def test_a_hundred_concurrent_misses_are_one_load() -> None:
    cache, source = chunk_cache(), Source()
    waiters = [asyncio.create_task(cache.get("a", source.load, patient())) for _ in range(100)]
    await turns()
    source.gate.set()
    assert await asyncio.gather(*waiters) == [("load 1", False)] * 100
    assert source.loads == 1


async def test_a_value_is_used_again_and_said_to_have_been_there() -> None:
    cache, source = chunk_cache(), Source(open_gate=True)
    assert await cache.get("a", source.load, patient()) == ("load 1", False)
    assert await cache.get("a", source.load, patient()) == ("load 1", True)
    assert source.loads == 1


async def test_a_value_that_is_there_is_given_even_when_no_time_is_left() -> None:
    cache, source = chunk_cache(), Source(open_gate=True)
    await cache.get("a", source.load, patient())
    assert await cache.get("a", source.load, hurried()) == ("load 1", True)


async def test_none_is_a_value_like_any_other() -> None:
    cache, loads = chunk_cache(), []

    async def load() -> None:
        loads.append(1)

    assert await cache.get("a", load, patient()) == (None, False)
    assert await cache.get("a", load, patient()) == (None, True)
    assert len(loads) == 1


async def test_keys_do_not_wait_for_one_another() -> None:
    cache, slow, quick = chunk_cache(), Source(), Source(open_gate=True)
    waiting = asyncio.create_task(cache.get("slow", slow.load, patient()))
    await turns()
    assert await cache.get("quick", quick.load, patient()) == ("load 1", False)
    assert not waiting.done()
    slow.gate.set()
    await waiting


async def test_a_waiter_without_any_time_starts_no_load_that_nobody_would_hear() -> None:
    cache, source = chunk_cache(), Source()
    with pytest.raises(TimedOut):
        await cache.get("a", source.load, Deadline(0.0))
    await turns()
    source.gate.set()
    assert await cache.get("a", source.load, patient()) == ("load 1", False)


async def test_a_waiter_that_runs_out_of_time_does_not_end_the_load() -> None:
    cache, source = chunk_cache(), Source()
    with pytest.raises(TimedOut):
        await cache.get("a", source.load, hurried())
    with pytest.raises(TimedOut):
        await cache.get("a", source.load, Deadline(0.01))
    source.gate.set()
    await turns()
    assert await cache.get("a", source.load, hurried()) == ("load 1", True)
    assert (source.loads, source.cancelled) == (1, 0)


async def test_a_patient_waiter_gets_its_value_though_a_hurried_one_gave_up() -> None:
    cache, source = chunk_cache(), Source()
    waiting = asyncio.create_task(cache.get("a", source.load, patient()))
    await turns()
    with pytest.raises(TimedOut):
        await cache.get("a", source.load, hurried())
    source.gate.set()
    assert await waiting == ("load 1", False)


async def test_a_cancelled_waiter_neither_ends_nor_fails_the_load() -> None:
    cache, source = chunk_cache(), Source()
    first = asyncio.create_task(cache.get("a", source.load, patient()))
    second = asyncio.create_task(cache.get("a", source.load, patient()))
    await turns()
    first.cancel()
    await turns()
    assert first.cancelled()
    source.gate.set()
    assert await second == ("load 1", False)
    assert (source.loads, source.cancelled) == (1, 0)


async def test_a_load_whose_every_waiter_left_still_keeps_its_value() -> None:
    cache, source = chunk_cache(), Source()
    waiters = [asyncio.create_task(cache.get("a", source.load, patient())) for _ in range(3)]
    await turns()
    for waiter in waiters:
        waiter.cancel()
    await asyncio.gather(*waiters, return_exceptions=True)
    source.gate.set()
    await turns()
    assert await cache.get("a", source.load, hurried()) == ("load 1", True)


async def test_a_failing_load_fails_all_its_waiters_once_and_is_not_kept() -> None:
    cache, source = chunk_cache(), Source(failure=Unreachable("reset"))
    waiters = [asyncio.create_task(cache.get("a", source.load, patient())) for _ in range(20)]
    await turns()
    source.gate.set()
    outcomes = await asyncio.gather(*waiters, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unreachable] * 20
    assert source.loads == 1
    source.failure = None
    assert await cache.get("a", source.load, patient()) == ("load 2", False)


async def test_whoever_tries_again_right_after_a_failure_starts_a_new_load() -> None:
    cache, source = chunk_cache(), Source(failure=Unreachable("reset"))

    async def stubborn() -> tuple[str | None, bool]:
        try:
            return await cache.get("a", source.load, patient())
        except Unreachable:
            source.failure = None
            return await cache.get("a", source.load, patient())

    waiters = [asyncio.create_task(stubborn()) for _ in range(10)]
    await turns()
    source.gate.set()
    assert await asyncio.gather(*waiters) == [("load 2", False)] * 10


async def test_a_load_that_fails_before_its_first_wait_fails_its_waiters() -> None:
    cache = chunk_cache()

    def load() -> Awaitable[str]:
        raise Unreachable("refused")

    with pytest.raises(Unreachable):
        await cache.get("a", load, patient())


async def test_a_failure_nobody_waits_for_any_more_is_not_reported_as_unseen(complaints: list[dict[str, Any]]) -> None:
    cache, source = chunk_cache(), Source(failure=Unreachable("reset"))
    with pytest.raises(TimedOut):
        await cache.get("a", source.load, hurried())
    source.gate.set()
    await turns()
    gc.collect()
    assert complaints == []


async def test_a_value_is_fresh_for_its_time_and_loaded_anew_afterwards() -> None:
    clock = Clock()
    cache, source = chunk_cache(clock=clock), Source(open_gate=True)
    await cache.get("a", source.load, patient())
    clock.at += 59.9
    assert await cache.get("a", source.load, patient()) == ("load 1", True)
    clock.at += 0.2
    assert await cache.get("a", source.load, patient()) == ("load 2", False)


async def test_a_cache_that_keeps_nothing_still_loads_once_for_all_who_ask_at_the_same_time() -> None:
    cache: Cache = FlightCache(fresh_s=0.0, max_entries=100, clock=Clock())
    source = Source()
    waiters = [asyncio.create_task(cache.get("a", source.load, patient())) for _ in range(10)]
    await turns()
    source.gate.set()
    assert await asyncio.gather(*waiters) == [("load 1", False)] * 10
    assert await cache.get("a", source.load, patient()) == ("load 2", False)


async def test_being_used_does_not_keep_a_value_fresh() -> None:
    clock = Clock()
    cache, source = chunk_cache(clock=clock), Source(open_gate=True)
    for _ in range(4):
        await cache.get("a", source.load, patient())
        clock.at += 20.0
    assert source.loads == 2


async def test_the_time_of_a_value_starts_when_its_load_ended() -> None:
    clock = Clock()
    cache, source = chunk_cache(clock=clock), Source()
    waiting = asyncio.create_task(cache.get("a", source.load, patient()))
    await turns()
    clock.at += 50.0
    source.gate.set()
    await waiting
    clock.at += 50.0
    assert await cache.get("a", source.load, patient()) == ("load 1", True)


async def test_no_more_values_are_kept_than_allowed_and_the_last_used_stay() -> None:
    cache, sources = chunk_cache(max_entries=3), {key: Source(open_gate=True) for key in "abcd"}
    for key in "abc":
        await cache.get(key, sources[key].load, patient())
    await cache.get("a", sources["a"].load, patient())  # now `b` is the one not used for longest
    await cache.get("d", sources["d"].load, patient())
    there = {key: (await cache.get(key, sources[key].load, patient()))[1] for key in "acd"}
    assert there == {"a": True, "c": True, "d": True}
    assert await cache.get("b", sources["b"].load, patient()) == ("load 2", False)


async def test_more_loads_may_be_in_flight_than_values_are_kept() -> None:
    cache, sources = chunk_cache(max_entries=2), {str(number): Source() for number in range(10)}
    waiters = [asyncio.create_task(cache.get(key, source.load, patient())) for key, source in sources.items()]
    await turns()
    for source in sources.values():
        source.gate.set()
    assert await asyncio.gather(*waiters) == [("load 1", False)] * 10


async def test_closing_ends_the_loads_in_flight_without_a_complaint(complaints: list[dict[str, Any]]) -> None:
    cache, sources = chunk_cache(), [Source() for _ in range(3)]
    for number, source in enumerate(sources):
        with pytest.raises(TimedOut):
            await cache.get(str(number), source.load, hurried())
    await turns()
    before = asyncio.all_tasks()
    await cache.close()
    assert [source.cancelled for source in sources] == [1, 1, 1]
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert len(before) == 4
    gc.collect()
    assert complaints == []


async def test_closing_waits_for_a_load_that_cleans_up_and_swallows_its_failure(
    complaints: list[dict[str, Any]],
) -> None:
    cache, steps = chunk_cache(), []

    async def load() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            await turns()
            steps.append("cleaned up")
            raise Unreachable("reset")

    with pytest.raises(TimedOut):
        await cache.get("a", load, hurried())
    await turns()
    await cache.close()
    assert steps == ["cleaned up"]
    gc.collect()
    assert complaints == []


async def test_closing_with_nothing_in_flight_is_no_event_and_may_be_repeated() -> None:
    cache, source = chunk_cache(), Source(open_gate=True)
    await cache.get("a", source.load, patient())
    await cache.close()
    await cache.close()
    assert await cache.get("a", source.load, patient()) == ("load 1", True)
