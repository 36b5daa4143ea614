"""Retries: what is tried again, when, how often, and who pays for it. The clock moves only when somebody sleeps."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy.transport.errors import (
    Blocked,
    Drift,
    NotFound,
    Overloaded,
    RateLimited,
    ServerFault,
    Suspended,
    TimedOut,
    Unreachable,
    UpstreamError,
    UpstreamFault,
    Warming,
)
from dealerproxy.transport.retry import (
    ATTEMPTS,
    CAPACITY,
    PAUSE_S,
    REFILL_PER_S,
    RETRY_COST,
    TIMEOUT_COST,
    USEFUL_S,
    Budget,
    Retries,
)

MENDABLE = [ServerFault("status 503"), Unreachable("reset"), TimedOut("no answer")]
FINAL = [
    Blocked("captcha"),
    RateLimited("429", 1.0),
    Drift("SearchResults"),
    NotFound("status 404"),
    UpstreamFault("status 400"),
    Suspended("blocked", 60.0),
    Overloaded("full"),
    Warming("reading"),
]


@pytest.fixture(autouse=True)
def short_pauses() -> None:
    """Not here: the pauses are the subject."""


class World:
    """A clock, a sleep that moves it, and an upstream that fails as told."""

    def __init__(self, *, draw: float = 0.0, attempt_s: float = 5.0) -> None:
        self.now = 1_000.0
        self.sleeps: list[float] = []
        self.given: list[float] = []
        self.retries = Retries(attempt_s=attempt_s, sleep=self.sleep, random=lambda: draw, clock=lambda: self.now)

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds

    async def ask(self, failures: Iterable[BaseException], *, within_s: float = 8.0, takes_s: float = 0.0) -> str:
        left = iter(failures)

        async def attempt(may_take_s: float) -> str:
            self.given.append(may_take_s)
            self.now += min(takes_s, may_take_s)
            failure = next(left, None)
            if failure is not None:
                raise failure
            return "answer"

        return await self.retries.call(attempt, within_s=within_s)


async def test_a_good_answer_is_given_at_once() -> None:
    world = World()
    assert await world.ask([]) == "answer"
    assert (world.sleeps, world.retries.attempts, world.retries.retried.total()) == ([], 1, 0)


@pytest.mark.parametrize("failure", MENDABLE, ids=lambda error: error.code)
async def test_what_another_try_may_mend_is_tried_again(failure: UpstreamError) -> None:
    world = World()
    assert await world.ask([failure, failure]) == "answer"
    assert world.retries.attempts == ATTEMPTS
    assert world.retries.retried == {failure.code: 2}


@pytest.mark.parametrize("failure", FINAL, ids=lambda error: type(error).__name__)
async def test_what_no_other_try_can_mend_is_raised_at_once(failure: UpstreamError) -> None:
    world = World()
    with pytest.raises(type(failure)) as raised:
        await world.ask([failure])
    assert raised.value is failure
    assert (world.retries.attempts, world.sleeps, world.retries.budget.left) == (1, [], CAPACITY)


async def test_after_three_attempts_the_last_failure_is_raised() -> None:
    world, last = World(), Unreachable("reset")
    with pytest.raises(Unreachable) as raised:
        await world.ask([ServerFault("1"), TimedOut("2"), last, ServerFault("4")])
    assert raised.value is last
    assert world.retries.attempts == 3


async def test_pauses_double_and_are_drawn_from_their_upper_half() -> None:
    low, high = World(draw=0.0), World(draw=0.999)
    for world in (low, high):
        await world.ask(MENDABLE[:2])
    assert low.sleeps == pytest.approx([PAUSE_S / 2, PAUSE_S])
    assert high.sleeps == pytest.approx([PAUSE_S, 2 * PAUSE_S], rel=0.01)


async def test_each_attempt_gets_its_own_time_or_what_is_left() -> None:
    world = World(attempt_s=3.0)
    with pytest.raises(TimedOut):
        await world.ask([TimedOut("")] * 3, within_s=8.0, takes_s=9.0)
    assert world.given == pytest.approx([3.0, 3.0, 8.0 - 6.0 - 1.5 * PAUSE_S])


async def test_a_retry_that_would_come_too_late_to_be_useful_is_not_made() -> None:
    world = World()
    with pytest.raises(ServerFault):
        await world.ask([ServerFault("")], within_s=3.0, takes_s=3.0 - USEFUL_S)
    assert (world.sleeps, world.retries.attempts, world.retries.budget.left) == ([], 1, CAPACITY)


async def test_a_retry_after_is_honoured_when_it_fits() -> None:
    world = World()
    assert await world.ask([ServerFault("503", 2.0)]) == "answer"
    assert world.sleeps == [pytest.approx(2.0 + PAUSE_S / 2)]


async def test_a_retry_after_that_does_not_fit_is_not_waited_for() -> None:
    world = World()
    with pytest.raises(ServerFault):
        await world.ask([ServerFault("503", 9_999.0)])
    assert (world.sleeps, world.now) == ([], 1_000.0)


async def test_a_second_failure_that_is_final_ends_the_tries() -> None:
    world = World()
    with pytest.raises(Suspended):
        await world.ask([ServerFault("503"), Suspended("upstream_error", 5.0)])
    assert world.retries.attempts == 2


async def test_a_cancel_is_not_retried() -> None:
    world = World()
    with pytest.raises(asyncio.CancelledError):
        await world.ask([asyncio.CancelledError()])
    assert world.retries.attempts == 1


async def test_an_outer_time_out_ends_a_hanging_attempt_and_the_retries_with_it() -> None:
    retries = Retries(attempt_s=5.0)

    async def hang(_: float) -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await retries.call(hang, within_s=8.0)
    assert retries.attempts == 1


async def test_attempts_are_counted_when_sent_so_that_hanging_ones_show() -> None:
    retries, gate = Retries(attempt_s=5.0), asyncio.Event()

    async def hang(_: float) -> None:
        await gate.wait()

    calls = [asyncio.create_task(retries.call(hang, within_s=8.0)) for _ in range(3)]
    await asyncio.sleep(0)
    assert retries.attempts == 3
    gate.set()
    await asyncio.gather(*calls)


async def test_a_retry_is_paid_for_and_a_good_answer_gives_its_price_back() -> None:
    world = World(draw=0.0)
    budget = world.retries.budget
    with pytest.raises(ServerFault):
        await world.ask([ServerFault("")] * 3)
    assert budget.left == pytest.approx(CAPACITY - 2 * RETRY_COST + sum(world.sleeps) * REFILL_PER_S)
    before, slept = budget.left, sum(world.sleeps)
    await world.ask([ServerFault("")])
    assert budget.left == pytest.approx(before + sum(world.sleeps) - slept)


async def test_a_retry_after_a_time_out_costs_more() -> None:
    dear, cheap = World(), World()
    with pytest.raises(TimedOut):
        await dear.ask([TimedOut("")] * 3)
    with pytest.raises(ServerFault):
        await cheap.ask([ServerFault("")] * 3)
    assert cheap.retries.budget.left - dear.retries.budget.left == pytest.approx(2 * (TIMEOUT_COST - RETRY_COST))


async def test_an_upstream_that_is_down_is_soon_asked_once_a_request_only() -> None:
    world = World()
    for _ in range(100):
        with pytest.raises(ServerFault):
            await world.ask([ServerFault("")] * 3)
    spent = CAPACITY + sum(world.sleeps) * REFILL_PER_S
    assert world.retries.retried.total() == spent // RETRY_COST
    assert world.retries.attempts == 100 + world.retries.retried.total() < 130
    assert world.retries.denied >= 85


async def test_a_quiet_service_may_always_retry() -> None:
    world = World()
    for _ in range(50):
        with pytest.raises(ServerFault):
            await world.ask([ServerFault("")] * 3)
        world.now += 2 * RETRY_COST / REFILL_PER_S
    assert (world.retries.attempts, world.retries.denied) == (150, 0)


async def test_good_answers_fill_the_bucket_but_never_over_its_brim() -> None:
    world = World()
    assert world.retries.budget.spend(50.0)
    for _ in range(30):
        await world.ask([])
    assert world.retries.budget.left == 80.0
    for _ in range(30):
        await world.ask([])
    assert world.retries.budget.left == CAPACITY


@given(
    st.lists(st.tuples(st.sampled_from(["spend", "put back", "wait"]), st.floats(min_value=0, max_value=500))),
)
def test_a_bucket_is_never_below_empty_nor_above_full(steps: list[tuple[str, float]]) -> None:
    now = 0.0
    budget = Budget(clock=lambda: now)
    for step, amount in steps:
        before = budget.left
        if step == "spend":
            assert budget.spend(amount) == (before >= amount)
        elif step == "put back":
            budget.put_back(amount)
        else:
            now += amount
        assert 0.0 <= budget.left <= CAPACITY


@given(
    failures=st.lists(
        st.builds(
            lambda kind, after: kind("", after),
            st.sampled_from([ServerFault, Unreachable, TimedOut]),
            st.none() | st.floats(min_value=0, max_value=20),
        ),
        max_size=4,
    ),
    within_s=st.floats(min_value=0, max_value=20),
    takes_s=st.floats(min_value=0, max_value=6),
    draw=st.floats(min_value=0, max_value=1, exclude_max=True),
)
def test_a_call_never_outlives_its_deadline(
    failures: list[UpstreamError], within_s: float, takes_s: float, draw: float
) -> None:
    world = World(draw=draw)

    async def call() -> None:
        with suppress(UpstreamError):
            await world.ask(failures, within_s=within_s, takes_s=takes_s)

    asyncio.run(call())
    assert world.now <= 1_000.0 + within_s + 1e-6
    assert 1 <= len(world.given) <= ATTEMPTS
    assert all(given_s >= USEFUL_S for given_s in world.given[1:])
