"""The cache of pieces in memory: one load per key however many ask, and three ages for what it brought."""

import asyncio
import gc
import sys
import weakref
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from dealerproxy.cache.cache import StaleCache
from dealerproxy.cache.entries import CachePolicy, CacheResult, CacheStatus, Key
from dealerproxy.contract.deadline import Deadline
from dealerproxy.transport.errors import Drift, RateLimited, TooLate, Unreachable, UpstreamError
from tests.support.clock import Clock

HIT, MISS, UPDATING, STALE = CacheStatus.HIT, CacheStatus.MISS, CacheStatus.UPDATING, CacheStatus.STALE
BACK_OFF_S = 2.0
CHUNK: CachePolicy[str | None] = CachePolicy(
    "chunk", str | None, fresh_s=60.0, revalidate_s=120.0, if_error_s=600.0, back_off_s=BACK_OFF_S
)


def within(seconds: float) -> Deadline:
    """So long, however slow the machine is before it comes to wait."""
    return Deadline(seconds, lambda: 0.0)


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


class Desk:
    """A cache, its clock and one source, with short ways to ask."""

    def __init__(self, kind: CachePolicy[Any] = CHUNK, *, open_gate: bool = True, **options: Any) -> None:
        self.clock = Clock(1_700_000_000.0)
        self.cache = StaleCache(clock=self.clock, **options)
        self.kind = kind
        self.source = Source(open_gate=open_gate)

    async def find(self, key: Key = "a", *, within_s: float = 30.0, bypass_cache: bool = False) -> CacheResult[Any]:
        return await self.cache.get(self.kind, key, self.source.load, within(within_s), bypass_cache=bypass_cache)

    async def ask(self, key: Key = "a", **how: Any) -> tuple[Any, CacheStatus]:
        found = await self.find(key, **how)
        return found.value, found.state

    def start(self, key: Key = "a", **how: Any) -> "asyncio.Task[tuple[Any, CacheStatus]]":
        return asyncio.create_task(self.ask(key, **how))


async def turns(count: int = 10) -> None:
    """Let everything that can run do so."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
async def desk() -> Desk:
    return Desk()


@pytest.fixture
async def shut() -> Desk:
    """A desk whose source keeps everybody waiting."""
    return Desk(open_gate=False)


# One load, however many ask


async def test_a_hundred_concurrent_misses_are_one_load(shut: Desk) -> None:
    waiters = [shut.start() for _ in range(100)]
    await turns()
    shut.source.gate.set()
    assert await asyncio.gather(*waiters) == [("load 1", MISS)] * 100
    assert shut.source.loads == 1


async def test_a_value_is_used_again_and_said_to_have_been_there(desk: Desk) -> None:
    assert await desk.ask() == ("load 1", MISS)
    assert await desk.ask() == ("load 1", HIT)
    assert desk.source.loads == 1


async def test_a_value_that_is_there_is_given_even_when_no_time_is_left(desk: Desk) -> None:
    await desk.ask()
    assert await desk.ask(within_s=0.0) == ("load 1", HIT)


async def test_none_is_a_value_like_any_other(desk: Desk) -> None:
    async def load() -> None:
        desk.source.loads += 1

    for _ in range(2):
        assert (await desk.cache.get(CHUNK, "a", load, within(30.0))).value is None
    assert desk.source.loads == 1


async def test_kinds_and_keys_are_apart(desk: Desk) -> None:
    other: CachePolicy[str] = CachePolicy("other", str, fresh_s=60.0, revalidate_s=60.0, if_error_s=60.0)
    assert await desk.ask("a") == ("load 1", MISS)
    assert await desk.ask(("a", "0")) == ("load 2", MISS)
    assert (await desk.cache.get(other, "a", desk.source.load, within(30.0))).value == "load 3"
    assert await desk.ask("a") == ("load 1", HIT)


async def test_keys_do_not_wait_for_one_another(shut: Desk) -> None:
    waiting = shut.start("slow")
    await turns()
    quick = Source(open_gate=True)
    assert (await shut.cache.get(CHUNK, "quick", quick.load, within(30.0))).value == "load 1"
    assert not waiting.done()
    shut.source.gate.set()
    await waiting


async def test_a_waiter_without_any_time_starts_no_load_that_nobody_would_hear(shut: Desk) -> None:
    with pytest.raises(TooLate):
        await shut.ask(within_s=0.0)
    await turns()
    assert shut.source.loads == 0


async def test_a_waiter_that_runs_out_of_time_does_not_end_the_load(shut: Desk) -> None:
    for within_s in (0.001, 0.01):
        with pytest.raises(TooLate):
            await shut.ask(within_s=within_s)
    shut.source.gate.set()
    await turns()
    assert await shut.ask(within_s=0.001) == ("load 1", HIT)
    assert (shut.source.loads, shut.source.cancelled) == (1, 0)


async def test_a_patient_waiter_gets_its_value_though_a_hurried_one_gave_up(shut: Desk) -> None:
    waiting = shut.start()
    await turns()
    with pytest.raises(TooLate):
        await shut.ask(within_s=0.001)
    shut.source.gate.set()
    assert await waiting == ("load 1", MISS)


async def test_a_cancelled_waiter_neither_ends_nor_fails_the_load(shut: Desk) -> None:
    first, second = shut.start(), shut.start()
    await turns()
    first.cancel()
    await turns()
    assert first.cancelled()
    shut.source.gate.set()
    assert await second == ("load 1", MISS)
    assert (shut.source.loads, shut.source.cancelled) == (1, 0)


async def test_a_load_whose_every_waiter_left_still_keeps_its_value(shut: Desk) -> None:
    waiters = [shut.start() for _ in range(3)]
    await turns()
    for waiter in waiters:
        waiter.cancel()
    await asyncio.gather(*waiters, return_exceptions=True)
    shut.source.gate.set()
    await turns()
    assert await shut.ask() == ("load 1", HIT)


async def test_a_load_that_fails_before_its_first_wait_fails_its_waiters(desk: Desk) -> None:
    def load() -> Awaitable[str]:
        raise Unreachable("refused")

    with pytest.raises(Unreachable):
        await desk.cache.get(CHUNK, "a", load, within(30.0))


async def test_a_failure_nobody_waits_for_any_more_is_not_reported_as_unseen(
    shut: Desk, complaints: list[dict[str, Any]]
) -> None:
    shut.source.failure = Unreachable("reset")
    with pytest.raises(TooLate):
        await shut.ask(within_s=0.001)
    shut.source.gate.set()
    await turns()
    gc.collect()
    assert complaints == []


async def test_closing_ends_the_loads_in_flight_without_a_complaint(
    shut: Desk, complaints: list[dict[str, Any]]
) -> None:
    for key in "abc":
        with pytest.raises(TooLate):
            await shut.ask(key, within_s=0.001)
    waiter = shut.start("a")
    await turns()
    await shut.cache.close()
    await asyncio.gather(waiter, return_exceptions=True)
    assert shut.source.cancelled == 3
    assert asyncio.all_tasks() == {asyncio.current_task()}
    gc.collect()
    assert complaints == []


async def test_closing_waits_for_a_load_that_cleans_up_and_swallows_its_failure(
    desk: Desk, complaints: list[dict[str, Any]]
) -> None:
    steps = []

    async def load() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            await turns()
            steps.append("cleaned up")
            raise Unreachable("reset")

    with pytest.raises(TooLate):
        await desk.cache.get(CHUNK, "a", load, within(0.001))
    await desk.cache.close()
    assert steps == ["cleaned up"]
    gc.collect()
    assert complaints == []


async def test_closing_with_nothing_in_flight_is_no_event_and_may_be_repeated(desk: Desk) -> None:
    await desk.ask()
    await desk.cache.close()
    await desk.cache.close()
    assert await desk.ask() == ("load 1", HIT)


# Three ages


async def test_a_value_is_fresh_for_its_time_and_then_answered_while_it_is_loaded_anew(desk: Desk) -> None:
    await desk.ask()
    desk.clock.at += 59.9
    assert await desk.ask() == ("load 1", HIT)
    desk.clock.at += 0.2
    assert await desk.ask() == ("load 1", UPDATING)
    await turns()
    assert await desk.ask() == ("load 2", HIT)


async def test_however_many_ask_there_is_one_refresh_behind_them(desk: Desk) -> None:
    await desk.ask()
    desk.clock.at += 61.0
    desk.source.gate.clear()
    assert {await desk.ask() for _ in range(100)} == {("load 1", UPDATING)}
    desk.source.gate.set()
    await turns()
    assert await desk.ask() == ("load 2", HIT)


async def test_an_older_value_is_loaded_anew_first(desk: Desk) -> None:
    await desk.ask()
    desk.clock.at += 121.0
    assert await desk.ask() == ("load 2", MISS)


async def test_an_older_value_stands_in_when_loading_fails_and_says_why(desk: Desk) -> None:
    await desk.ask()
    desk.clock.at += 121.0
    desk.source.failure = Unreachable("reset")
    found = await desk.find()
    assert (found.value, found.state, found.age_s) == ("load 1", STALE, 121.0)
    assert isinstance(found.failure, Unreachable)


async def test_an_older_value_stands_in_when_the_deadline_comes_first(desk: Desk) -> None:
    await desk.ask()
    desk.clock.at += 121.0
    desk.source.gate.clear()
    for within_s in (0.01, 0.0):
        found = await desk.find(within_s=within_s)
        assert (found.value, found.state) == ("load 1", STALE)
        assert isinstance(found.failure, TooLate)
    desk.source.gate.set()
    await turns()
    assert await desk.ask() == ("load 2", HIT)


async def test_a_value_too_old_is_as_if_it_was_not_there(desk: Desk) -> None:
    await desk.ask()
    desk.clock.at += 600.0
    desk.source.failure = Unreachable("reset")
    with pytest.raises(Unreachable):
        await desk.ask()


async def test_a_value_that_grows_too_old_while_its_load_fails_is_not_answered(desk: Desk) -> None:
    await desk.ask()
    desk.clock.at += 599.0
    desk.source.gate.clear()
    desk.source.failure = Unreachable("reset")
    waiting = desk.start()
    await turns()
    desk.clock.at += 2.0
    desk.source.gate.set()
    with pytest.raises(Unreachable):
        await waiting


async def test_the_time_of_a_value_starts_when_its_load_began(shut: Desk) -> None:
    waiting = shut.start()
    await turns()
    shut.clock.at += 25.0
    shut.source.gate.set()
    await waiting
    shut.clock.at += 25.0
    found = await shut.find()
    assert (found.state, found.age_s) == (HIT, 50.0)


async def test_being_used_does_not_keep_a_value_fresh(desk: Desk) -> None:
    for _ in range(4):
        await desk.ask()
        desk.clock.at += 20.0
    assert await desk.ask() == ("load 1", UPDATING)


async def test_a_kind_that_keeps_nothing_still_loads_once_for_all_who_ask_at_the_same_time() -> None:
    desk = Desk(CachePolicy("odd", str, fresh_s=0.0, revalidate_s=0.0, if_error_s=0.0), open_gate=False)
    waiters = [desk.start() for _ in range(10)]
    await turns()
    desk.source.gate.set()
    assert await asyncio.gather(*waiters) == [("load 1", MISS)] * 10
    assert await desk.ask() == ("load 2", MISS)


AGE = st.integers(0, 64).map(lambda eighths: eighths / 8)  # which floats hold exactly, beside a unix time too


@given(st.tuples(AGE, AGE, AGE).map(sorted), AGE, st.sampled_from(["well", "failing", "hanging"]))
async def test_an_answer_is_never_older_than_its_state_allows(ages: list[float], age: float, upstream: str) -> None:
    fresh, revalidate, if_error = ages
    desk = Desk(CachePolicy("any", str, fresh_s=fresh, revalidate_s=revalidate, if_error_s=if_error))
    await desk.ask()
    desk.clock.at += age
    if upstream == "failing":
        desk.source.failure = Drift("$")
    elif upstream == "hanging":
        desk.source.gate.clear()
    try:
        found = await desk.find(within_s=0.001 if upstream == "hanging" else 30.0)
    except UpstreamError:
        assert age >= if_error
        assert upstream != "well"
    else:
        expected = HIT if age < fresh else UPDATING if age < revalidate else MISS if upstream == "well" else STALE
        assert found.state is expected
        assert found.age_s == (0.0 if expected is MISS else age)
        assert (found.failure is not None) == (expected is STALE)
    await desk.cache.close()


# A look that must be fresh


async def test_a_fresh_look_loads_although_there_is_a_fresh_value(desk: Desk) -> None:
    await desk.ask()
    assert await desk.ask(bypass_cache=True) == ("load 2", MISS)
    assert await desk.ask() == ("load 2", HIT)


async def test_fresh_looks_at_the_same_time_are_one_load(desk: Desk) -> None:
    await desk.ask()
    desk.source.gate.clear()
    looks = [desk.start(bypass_cache=True) for _ in range(20)]
    await turns()
    desk.source.gate.set()
    assert await asyncio.gather(*looks) == [("load 2", MISS)] * 20


async def test_a_fresh_look_that_fails_falls_back_on_what_is_there_and_says_so(desk: Desk) -> None:
    await desk.ask()
    desk.source.failure = Unreachable("reset")
    assert await desk.ask(bypass_cache=True) == ("load 1", STALE)
    assert await desk.ask() == ("load 1", HIT)


async def test_a_fresh_look_does_not_mind_that_the_last_load_failed(desk: Desk) -> None:
    desk.source.failure = Unreachable("reset")
    with pytest.raises(Unreachable):
        await desk.ask()
    desk.source.failure = None
    assert await desk.ask(bypass_cache=True) == ("load 2", MISS)
    desk.clock.at += 1.0
    assert await desk.ask() == ("load 2", HIT)


# Failures


async def test_a_failing_load_fails_all_its_waiters_once(shut: Desk) -> None:
    shut.source.failure = Unreachable("reset")
    waiters = [shut.start() for _ in range(20)]
    await turns()
    shut.source.gate.set()
    outcomes = await asyncio.gather(*waiters, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unreachable] * 20
    assert shut.source.loads == 1


async def test_who_comes_right_after_a_failure_gets_it_too_and_starts_no_other_load(desk: Desk) -> None:
    desk.source.failure = Unreachable("reset", 7.0)
    for _ in range(100):
        with pytest.raises(Unreachable, match="reset") as raised:
            await desk.ask()
        assert raised.value.retry_after_s == 7.0
        assert len(raised.traceback) < 10
    assert desk.source.loads == 1


async def test_a_failure_that_is_remembered_does_not_hold_on_to_what_was_loaded(desk: Desk) -> None:
    bodies: list[weakref.ref[Source]] = []

    async def load() -> str:
        body = Source()  # stands for megabytes
        bodies.append(weakref.ref(body))
        raise Drift("$")

    with pytest.raises(Drift) as raised:
        await desk.cache.get(CHUNK, "a", load, within(30.0))
    assert bodies[0]() is not None
    del raised
    await turns()
    gc.collect()
    assert bodies[0]() is None
    with pytest.raises(Drift):
        await desk.ask()


async def test_a_failure_that_cannot_be_written_down_is_no_mistake_of_ours(desk: Desk) -> None:
    desk.source.failure = Unreachable("odd \udcff header")
    for _ in range(2):
        with pytest.raises(Unreachable, match="odd"):
            await desk.ask()
    assert desk.source.loads == 2


async def test_after_the_back_off_there_is_a_new_load(desk: Desk) -> None:
    desk.source.failure = Unreachable("reset")
    with pytest.raises(Unreachable):
        await desk.ask()
    desk.source.failure = None
    desk.clock.at += BACK_OFF_S
    assert await desk.ask() == ("load 2", MISS)


async def test_what_a_kept_failure_asks_to_wait_gets_shorter_as_time_goes_by(desk: Desk) -> None:
    desk.source.failure = RateLimited("429", 30.0)
    waits = []
    for _ in range(3):
        with pytest.raises(RateLimited) as caught:
            await desk.ask()
        waits.append(caught.value.retry_after_s)
        desk.clock.at += 0.5
    assert (waits, desk.source.loads) == ([30.0, 29.5, 29.0], 1)


async def test_a_kind_without_a_back_off_tries_again_at_once() -> None:
    desk = Desk(CachePolicy("odd", str, fresh_s=9.0, revalidate_s=9.0, if_error_s=9.0, back_off_s=0.0))
    desk.source.failure = Unreachable("reset")
    with pytest.raises(Unreachable):
        await desk.ask()
    desk.source.failure = None
    assert await desk.ask() == ("load 2", MISS)


async def test_a_failure_never_takes_the_place_of_a_value(desk: Desk) -> None:
    await desk.ask()
    desk.source.failure = Unreachable("reset")
    for _ in range(5):
        desk.clock.at += 61.0
        await desk.ask()
        await turns()
    assert await desk.ask() == ("load 1", STALE)
    desk.source.failure = None
    desk.clock.at += BACK_OFF_S
    assert (await desk.ask())[1] is MISS


@pytest.mark.parametrize("age", [61.0, 121.0])
async def test_while_the_upstream_is_down_there_is_one_try_a_back_off(desk: Desk, age: float) -> None:
    await desk.ask()
    desk.clock.at += age
    desk.source.failure = Unreachable("reset")
    states = []
    for _ in range(100):
        states.append((await desk.ask())[1])
        await turns()
        desk.clock.at += BACK_OFF_S / 20
    assert desk.source.loads == 1 + 5
    assert states.count(STALE) >= 95
    assert set(states) <= {STALE, UPDATING}


async def test_a_success_ends_the_back_off(desk: Desk) -> None:
    desk.source.failure = Unreachable("reset")
    with pytest.raises(Unreachable):
        await desk.ask()
    desk.source.failure = None
    desk.clock.at += 0.5
    await desk.ask(bypass_cache=True)
    kind: CachePolicy[str] = CachePolicy("chunk", str, fresh_s=0.1, revalidate_s=60.0, if_error_s=60.0)
    desk.clock.at += 0.5
    assert (await desk.cache.get(kind, "a", desk.source.load, within(30.0))).state is UPDATING


async def test_a_car_found_gone_is_never_answered_from_an_older_good_body(desk: Desk) -> None:
    said = iter(["on sale", "gone"])

    async def look() -> str:
        try:
            return next(said)
        except StopIteration:
            raise Unreachable("reset") from None

    answers = []
    for _ in range(6):
        answers.append((await desk.cache.get(CHUNK, "car", look, within(30.0))).value)
        desk.clock.at += 121.0 if len(answers) == 1 else 61.0
    assert answers == ["on sale"] + ["gone"] * 5


async def test_an_upstream_oddity_that_cannot_be_kept_is_answered_once_and_ends_what_it_replaces(desk: Desk) -> None:
    odd: CachePolicy[Any] = CachePolicy("odd", Any, fresh_s=60.0, revalidate_s=120.0, if_error_s=600.0)
    prices = iter([5, 10**40])

    async def load() -> Any:
        try:
            return {"price": next(prices)}
        except StopIteration:
            raise Unreachable("reset") from None

    await desk.cache.get(odd, "a", load, within(30.0))
    desk.clock.at += 121.0
    assert (await desk.cache.get(odd, "a", load, within(30.0))).value == {"price": 10**40}
    with pytest.raises(Unreachable):
        await desk.cache.get(odd, "a", load, within(30.0))


async def test_a_mistake_of_ours_is_shown_and_logged_and_not_papered_over(desk: Desk) -> None:
    await desk.ask()
    desk.clock.at += 121.0
    desk.source.failure = KeyError("typing error")
    with capture_logs() as lines, pytest.raises(KeyError):
        await desk.ask()
    assert [(line["event"], line["kind"], line["key"]) for line in lines] == [("load_broke", "chunk", "a")]


# Bounds and counts


async def test_memory_is_bounded_by_bytes_and_the_last_used_stay() -> None:
    desk = Desk(max_bytes=3_200)
    for key in "abc":
        await desk.ask(key)
    await desk.ask("a")  # now `b` is the one not used for longest
    await desk.ask("d")
    assert [(await desk.ask(key))[1] for key in "acd"] == [HIT] * 3
    assert (await desk.ask("b"))[1] is MISS


async def test_more_loads_may_be_in_flight_than_values_are_kept() -> None:
    desk = Desk(max_bytes=2_200, open_gate=False)
    waiters = [desk.start(str(number)) for number in range(10)]
    await turns()
    desk.source.gate.set()
    assert {state for _, state in await asyncio.gather(*waiters)} == {MISS}


async def walk(desk: Desk, numbers: range) -> int:
    """Ask for so many different keys, every other in vain; return how many blocks of memory Python then holds."""
    for number in numbers:
        desk.source.failure = Unreachable("reset") if number % 2 else None
        desk.clock.at += 0.01
        with suppress(Unreachable):
            await desk.find(("query", str(number)))
    gc.collect()
    return sys.getallocatedblocks()


@pytest.mark.parametrize("count", [2_000, pytest.param(20_000, marks=pytest.mark.slow)])
async def test_distinct_keys_without_end_take_no_more_memory(count: int) -> None:
    entries = count // 20
    desk = Desk(max_bytes=1_050 * entries)
    full = await walk(desk, range(count // 2))
    held = await walk(desk, range(count // 2, count))
    assert entries * 0.8 < len(desk.cache.memory) <= entries
    assert held - full < 2 * entries
    assert not desk.cache._flights
    assert not asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]


async def test_every_answer_is_counted_once_by_where_it_came_from(desk: Desk) -> None:
    await desk.ask()
    await desk.ask()
    desk.clock.at += 61.0
    await desk.ask()
    await turns()
    desk.source.failure = Unreachable("reset")
    desk.clock.at += 121.0
    await desk.ask()
    with pytest.raises(Unreachable):
        await desk.ask("b")
    assert desk.cache.counts == {
        ("chunk", "upstream", "miss"): 1,
        ("chunk", "memory", "hit"): 1,
        ("chunk", "memory", "updating"): 1,
        ("chunk", "memory", "stale"): 1,
        ("chunk", "upstream", "error"): 1,
    }


async def test_with_aiocache_switched_off_nothing_is_kept_and_nothing_breaks(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIOCACHE_DISABLE", "1")
    assert [await desk.ask() for _ in range(2)] == [("load 1", MISS), ("load 2", MISS)]
