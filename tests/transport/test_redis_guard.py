"""Redis behind its guard: whatever happens to it, nothing is raised and nobody waits long."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import exceptions
from structlog.testing import capture_logs

from dealerproxy.transport.redis_guard import LOG_EVERY_S, RedisGuard, connect
from tests.support.clock import Clock
from tests.support.timing import Stopwatch

NOTHING: Any = None


class Calls:
    """What is run: counts, fails while `failure` is set, and waits while `gate` is closed."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.gate = asyncio.Event()
        self.gate.set()
        self.made = 0

    async def __call__(self, _: object) -> str:
        self.made += 1
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return "said"


def guard(clock: Clock, *, timeout_s: float = 5.0) -> RedisGuard:
    return RedisGuard(NOTHING, timeout_s=timeout_s, pause_s=1.0, clock=clock)


async def test_what_redis_says_is_handed_on() -> None:
    shared, calls = guard(Clock(100.0)), Calls()
    assert await shared.run(calls, "otherwise") == "said"
    assert (shared.up, shared.failures) == (True, 0)


@pytest.mark.parametrize(
    "failure",
    [
        exceptions.ConnectionError("refused"),
        exceptions.TimeoutError("reading"),
        exceptions.AuthenticationError("password"),
        exceptions.BusyLoadingError("loading"),
        OSError("no route"),
        TimeoutError(),
        ValueError("odd"),
    ],
    ids=lambda failure: type(failure).__name__,
)
async def test_after_a_failure_redis_is_left_alone_for_a_pause(failure: Exception) -> None:
    clock, calls = Clock(100.0), Calls(failure)
    shared = guard(clock)
    assert await shared.run(calls, "otherwise") == "otherwise"
    assert not shared.up
    clock.at += 0.99
    assert await shared.run(calls, "otherwise") == "otherwise"
    assert calls.made == 1
    clock.at += 0.02
    calls.failure = None
    assert shared.up
    assert await shared.run(calls, "otherwise") == "said"
    assert await shared.run(calls, "otherwise") == "said"
    assert (calls.made, shared.failures) == (3, 1)


@pytest.mark.parametrize(
    "failure", [exceptions.OutOfMemoryError("full"), exceptions.ReadOnlyError("replica")], ids=["full", "read-only"]
)
async def test_a_redis_that_says_no_is_there_all_the_same(failure: Exception) -> None:
    shared, calls = guard(Clock(100.0)), Calls(failure)
    assert await shared.run(calls, "otherwise") == "otherwise"
    calls.failure = None
    assert await shared.run(calls, "otherwise") == "said"
    assert shared.failures == 1


async def test_after_a_pause_one_call_finds_out_while_the_others_go_on_without() -> None:
    clock, calls = Clock(100.0), Calls(exceptions.ConnectionError("refused"))
    shared = guard(clock)
    await shared.run(calls, None)
    clock.at += 1.1
    calls.gate.clear()
    probe = asyncio.create_task(shared.run(calls, "otherwise"))
    await asyncio.sleep(0)
    assert [await shared.run(calls, "otherwise") for _ in range(10)] == ["otherwise"] * 10
    calls.failure = None
    calls.gate.set()
    assert await probe == "said"
    assert await shared.run(calls, "otherwise") == "said"
    assert calls.made == 3


async def test_a_probe_that_was_cancelled_is_followed_by_another() -> None:
    clock, calls = Clock(100.0), Calls(exceptions.ConnectionError("refused"))
    shared = guard(clock, timeout_s=0.2)
    await shared.run(calls, None)
    clock.at += 1.1
    calls.gate.clear()
    probe = asyncio.create_task(shared.run(calls, "otherwise"))
    await asyncio.sleep(0)
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
    calls.gate.set()
    calls.failure = None
    clock.at += 0.3
    assert await shared.run(calls, "otherwise") == "said"


async def test_nobody_waits_longer_than_the_time_out() -> None:
    shared, calls = guard(Clock(100.0), timeout_s=0.01), Calls()
    calls.gate.clear()
    assert await shared.run(calls, "otherwise") == "otherwise"
    assert not shared.up


async def test_a_caller_that_is_cancelled_is_no_failure_of_redis() -> None:
    shared, calls = guard(Clock(100.0)), Calls()
    calls.gate.clear()
    caller = asyncio.create_task(shared.run(calls, "otherwise"))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert (shared.up, shared.failures) == (True, 0)


SWALLOWED: dict[str, Exception | None] = {
    "an error of its own": exceptions.ConnectionError("cancelled"),
    "a time-out": exceptions.TimeoutError("reading"),
    "an answer of redis": exceptions.ResponseError("odd"),
    "any error": ValueError("odd"),
    "nothing at all": None,
}


def swallowing(error: Exception | None) -> Callable[[object], Awaitable[str]]:
    """A call that is cancelled while it waits, and makes something else of it."""

    async def call(_: object) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if error is not None:
                raise error from None
        return "said"

    return call


@pytest.mark.parametrize("error", SWALLOWED.values(), ids=SWALLOWED)
async def test_a_cancel_that_the_client_swallows_reaches_the_caller(error: Exception | None) -> None:
    shared = guard(Clock(100.0))
    caller = asyncio.create_task(shared.run(swallowing(error), "otherwise"))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert (shared.up, shared.failures) == (True, 0)


@pytest.mark.parametrize("error", SWALLOWED.values(), ids=SWALLOWED)
async def test_watching_ends_although_the_client_swallows_the_cancel(error: Exception | None) -> None:
    shared = guard(Clock(100.0))
    shared.client = SimpleNamespace(ping=lambda: swallowing(error)(None))  # type: ignore[assignment]
    watching = asyncio.create_task(shared.watch())
    await asyncio.sleep(0)
    watching.cancel()
    await asyncio.wait({watching}, timeout=5.0)
    assert watching.cancelled()


@pytest.mark.parametrize("error", SWALLOWED.values(), ids=SWALLOWED)
async def test_a_time_out_that_the_client_swallows_is_no_cancel(error: Exception | None) -> None:
    shared = guard(Clock(100.0), timeout_s=0.01)
    answer = await shared.run(swallowing(error), "otherwise")
    assert answer == ("said" if error is None else "otherwise")


async def test_who_cleans_up_after_a_cancel_goes_on_cleaning_up_when_redis_fails() -> None:
    shared, calls = guard(Clock(100.0), timeout_s=0.01), Calls()
    calls.gate.clear()
    answers: list[object] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            for failure in (None, ValueError("odd")):  # a time-out, then an error
                calls.failure = failure
                if failure is not None:
                    calls.gate.set()
                    shared._resume_at = 0.0
                answers.append(await shared.run(calls, "otherwise"))

    working = asyncio.create_task(work())
    await asyncio.sleep(0)
    working.cancel()
    await asyncio.wait({working})
    assert answers == ["otherwise", "otherwise"]
    assert working.cancelled()


async def test_that_redis_is_lost_and_back_is_one_event_each() -> None:
    clock, calls = Clock(100.0), Calls(exceptions.ConnectionError("refused"))
    shared = guard(clock)

    class Over(Exception):
        """The last look is done."""

    looks = 0

    async def run(_: object, otherwise: object) -> object:
        return await run_call(calls, otherwise)

    run_call = shared.run
    shared.run = run  # type: ignore[method-assign, assignment]

    async def sleep(seconds: float) -> None:
        nonlocal looks
        looks += 1
        clock.at += 60.0
        if looks == 3:
            calls.failure = None
        if looks == 6:
            raise Over

    with capture_logs() as lines, suppress(Over):
        await shared.watch(sleep)
    told = [line["event"] for line in lines if line["event"] != "redis_failed"]
    assert told == ["redis_lost", "redis_back"]


async def test_a_redis_that_is_away_is_one_line_a_minute() -> None:
    clock, calls = Clock(100.0), Calls(exceptions.ConnectionError("refused"))
    shared = guard(clock)
    with capture_logs() as lines:
        for _ in range(int(LOG_EVERY_S)):
            await shared.run(calls, None)
            clock.at += 1.001
    assert [(line["event"], line["error"]) for line in lines] == [("redis_failed", "ConnectionError")]
    assert calls.made == shared.failures == LOG_EVERY_S
    with capture_logs() as lines:
        await shared.run(calls, None)
    assert len(lines) == 1


def test_keys_say_whose_they_are_and_in_which_version() -> None:
    assert guard(Clock(100.0)).key("rate", "encar") == "dealerproxy:1:rate:encar"


PARTS = st.lists(st.text("a:%25", max_size=4), min_size=1, max_size=3)


@given(PARTS, PARTS)
def test_different_parts_never_make_the_same_key(some: list[str], others: list[str]) -> None:
    shared = guard(Clock(100.0))
    assert (shared.key(*some) == shared.key(*others)) == (some == others)


@pytest.mark.parametrize("url", ["", "127.0.0.1:6379", "http://127.0.0.1"])
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="scheme"):
        connect(url)


async def test_where_nobody_listens_there_is_merely_nothing() -> None:
    shared = connect("redis://127.0.0.1:1")
    assert await shared.run(lambda redis: redis.get("a"), "otherwise") == "otherwise"
    await shared.close()


@pytest.fixture
async def frail(frail_redis: Any) -> AsyncIterator[RedisGuard]:
    shared = connect(frail_redis.url, pause_s=0.1)
    yield shared
    await shared.close()


@pytest.fixture
async def patient(frail_redis: Any) -> AsyncIterator[RedisGuard]:
    """Not in trouble only because the machine is busy."""
    shared = connect(frail_redis.url, timeout_s=10.0)
    yield shared
    await shared.close()


async def crowd(shared: RedisGuard, size: int) -> list[Any]:
    def ask(number: int) -> Awaitable[Any]:
        return shared.run(lambda redis: redis.echo(str(number)), "otherwise")

    return await asyncio.gather(*(ask(number) for number in range(size)))


async def test_a_crowd_larger_than_the_pool_is_served(patient: RedisGuard) -> None:
    assert await crowd(patient, 300) == [str(number).encode() for number in range(300)]


@pytest.mark.slow  # goes by a clock on the wall
async def test_a_redis_that_hangs_costs_one_time_out_and_then_nothing(frail: RedisGuard, frail_redis: Any) -> None:
    await crowd(frail, 30)
    frail_redis.hang()
    async with Stopwatch() as watch:
        assert await crowd(frail, 30) == ["otherwise"] * 30
    assert 0.1 < watch.seconds < 0.5
    async with Stopwatch() as watch:
        assert [await frail.run(lambda redis: redis.get("a"), "otherwise") for _ in range(100)] == ["otherwise"] * 100
    assert watch.seconds < 0.1
    frail_redis.resume()
    await asyncio.sleep(0.1)
    assert await crowd(frail, 1) == [b"0"]
    assert await crowd(frail, 30) == [str(number).encode() for number in range(30)]  # nobody gets another's answer


async def test_a_restart_between_two_calls_goes_unnoticed(patient: RedisGuard, frail_redis: Any) -> None:
    await crowd(patient, 100)
    frail_redis.kill()
    frail_redis.start()
    await asyncio.sleep(0.02)  # the loop hears that its connections are closed
    assert await crowd(patient, 100) == [str(number).encode() for number in range(100)]
    assert patient.failures == 0


async def test_how_redis_does_shows_even_while_nobody_needs_it(frail: RedisGuard, frail_redis: Any) -> None:
    seen: list[bool] = []

    async def sleep(_: float) -> None:
        seen.append(frail.failing)
        if seen == [True]:
            frail_redis.start()
        elif not frail.failing:
            raise asyncio.CancelledError
        await asyncio.sleep(0.02)

    frail_redis.kill()
    with pytest.raises(asyncio.CancelledError):
        await frail.watch(sleep)
    assert seen[0]
    assert not seen[-1]
