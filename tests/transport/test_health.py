"""Circuits: what suspends an operation, for how long, and how it comes back. The clock moves when told to."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from dealerproxy.transport.circuit import (
    BLOCK_LEVEL,
    CAP_S,
    FAIR_S,
    FORGET_S,
    JITTER,
    LADDER_S,
    LEASE_S,
    PROBING_S,
    RECENT_S,
    TRIP_CALLS,
    TRIP_STREAK,
    CircuitState,
    Phase,
    settled,
)
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
from dealerproxy.transport.health import Health

SLOW_S = 4.0
FAULT = ServerFault("status 503")
BLOCK = Blocked("captcha")
ANSWERS = [None, NotFound("404"), Drift("SearchResults"), UpstreamFault("status 400")]
Call = AbstractAsyncContextManager[None]

NOT_ASKED = [Suspended("blocked", 9.0), Overloaded("full"), Warming("reading")]


async def end(call: Call, outcome: BaseException | None) -> None:
    if outcome is None:
        await call.__aexit__(None, None, None)
        return
    with suppress(type(outcome)):
        await call.__aexit__(type(outcome), outcome, None)


class World:
    """A clock and one circuit; calls take no time unless they are told to."""

    def __init__(self, *, draw: float = 0.0) -> None:
        self.now = 1_000_000.0
        self.health = Health(clock=lambda: self.now, unix=lambda: self.now, random=lambda: draw)
        self.circuit = self.health.circuit("encar", "search", slow_s=SLOW_S)

    def phase(self) -> Phase:
        return self.circuit.snapshot().state

    async def call(self, outcome: BaseException | None = None, *, takes_s: float = 0.0) -> None:
        """Make one call that ends so. Raises Suspended when it is refused."""
        call = self.circuit.admit()
        await call.__aenter__()
        self.now += takes_s
        await end(call, outcome)

    async def calls(self, outcomes: Sequence[BaseException | None]) -> None:
        for outcome in outcomes:
            await self.call(outcome)

    async def trip(self) -> None:
        await self.calls([FAULT] * TRIP_STREAK)

    def pass_suspension(self) -> float:
        """Go to the end of the suspension; answer how long it was."""
        retry_at = self.circuit.snapshot().retry_at
        assert retry_at is not None
        waited, self.now = retry_at - self.now, retry_at
        return waited

    async def refusal(self) -> Suspended:
        with pytest.raises(Suspended) as raised:
            await self.call()
        return raised.value


async def test_a_circuit_nobody_asked_yet_is_healthy() -> None:
    told = World().circuit.snapshot()
    assert (told.state, told.reason, told.retry_at, told.level, told.since, told.failures) == (
        Phase.HEALTHY,
        None,
        None,
        0,
        None,
        0,
    )


async def test_a_failure_degrades_and_goes_on_asking() -> None:
    world = World()
    await world.call(FAULT)
    told = world.circuit.snapshot()
    assert (told.state, told.reason, told.failures) == (Phase.DEGRADED, "upstream_error", 1)
    await world.call()


@pytest.mark.parametrize("failure", [FAULT, Unreachable("reset"), TimedOut("nothing")], ids=lambda error: error.code)
async def test_five_failures_in_a_row_suspend(failure: UpstreamError) -> None:
    world = World()
    for _ in range(TRIP_STREAK - 1):
        await world.call(failure, takes_s=FAIR_S)
    assert world.phase() is Phase.DEGRADED
    await world.call(failure, takes_s=FAIR_S)
    told = world.circuit.snapshot()
    assert (told.state, told.reason, told.since, told.failures) == (Phase.SUSPENDED, failure.code, world.now, 5)
    assert told.retry_at == world.now + LADDER_S[0]


async def test_failures_in_a_row_suspend_however_slowly_they_come() -> None:
    world = World()
    for _ in range(TRIP_STREAK):
        await world.call(FAULT)
        world.now += 1_200.0
    assert world.phase() is Phase.PROBING
    assert world.circuit.snapshot().failures == TRIP_STREAK


async def test_a_good_answer_in_between_begins_the_row_anew() -> None:
    world = World()
    await world.calls([FAULT] * (TRIP_STREAK - 1) + [None] + [FAULT] * (TRIP_STREAK - 1))
    assert world.phase() is Phase.DEGRADED


async def test_half_of_ten_calls_suspend_though_never_five_in_a_row() -> None:
    world = World()
    await world.calls([None, FAULT] * (TRIP_CALLS // 2 - 1) + [None])
    assert world.phase() is Phase.DEGRADED
    await world.call(FAULT)
    assert world.phase() is Phase.SUSPENDED


async def test_less_than_half_of_the_calls_may_fail() -> None:
    world = World()
    await world.calls([None, None, FAULT] * 20)
    assert world.phase() is Phase.DEGRADED


async def test_failures_are_forgotten_after_a_minute_of_good_answers() -> None:
    world = World()
    await world.calls([FAULT] * (TRIP_STREAK - 1) + [None])
    world.now += RECENT_S
    assert world.phase() is Phase.HEALTHY
    await world.calls([None, FAULT] * (TRIP_CALLS // 2 - 1))
    assert world.phase() is Phase.DEGRADED


async def test_good_answers_that_take_too_long_suspend_for_a_moment() -> None:
    world = World()
    for _ in range(TRIP_STREAK):
        await world.call(takes_s=SLOW_S + 0.1)
    told = world.circuit.snapshot()
    assert (told.state, told.reason, told.level) == (Phase.SUSPENDED, "slow", 0)
    assert world.pass_suspension() == LADDER_S[0]


async def test_a_time_out_in_no_time_is_not_the_upstreams_fault() -> None:
    world = World()
    for _ in range(50):
        await world.call(TimedOut("in a hurry"), takes_s=FAIR_S / 2)
    assert world.phase() is Phase.HEALTHY


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda error: type(error).__name__)
async def test_an_upstream_that_answers_is_never_suspended(answer: UpstreamError | None) -> None:
    world = World()
    await world.calls([answer] * 50)
    assert world.phase() is Phase.HEALTHY


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda error: type(error).__name__)
async def test_a_probe_that_is_answered_at_all_ends_the_suspension(answer: UpstreamError | None) -> None:
    world = World()
    await world.trip()
    world.pass_suspension()
    await world.call(answer)
    assert world.phase() is Phase.HEALTHY


NOTHING = [*NOT_ASKED, asyncio.CancelledError(), KeyError("a bug of ours"), TimedOut("in a hurry")]


@pytest.mark.parametrize("outcome", NOTHING, ids=lambda error: type(error).__name__)
async def test_what_is_not_the_upstreams_doing_counts_as_nothing(outcome: BaseException) -> None:
    world = World()
    await world.calls([outcome] * 50)
    assert world.phase() is Phase.HEALTHY
    await world.call(FAULT)
    await world.calls([outcome] * 50)
    assert world.circuit.snapshot().failures == 1


@pytest.mark.parametrize("outcome", NOTHING, ids=lambda error: type(error).__name__)
async def test_a_probe_that_comes_to_nothing_makes_way_for_the_next(outcome: BaseException) -> None:
    world = World()
    await world.trip()
    world.pass_suspension()
    await world.call(outcome)
    assert world.phase() is Phase.PROBING
    await world.call()
    assert world.phase() is Phase.HEALTHY


async def test_a_suspended_upstream_is_not_asked_and_the_refusal_says_why_and_how_long() -> None:
    world = World()
    await world.trip()
    world.now += 2.0
    refusal = await world.refusal()
    assert (refusal.cause, refusal.retry_after_s) == ("upstream_error", LADDER_S[0] - 2.0)


async def test_each_failing_probe_is_one_step_up_to_half_an_hour() -> None:
    world = World()
    await world.trip()
    waits = []
    for _ in range(8):
        waits.append(world.pass_suspension())
        assert world.phase() is Phase.PROBING
        await world.call(FAULT)
    assert waits == [*LADDER_S, CAP_S, CAP_S]
    assert world.circuit.snapshot().level == len(LADDER_S)


@pytest.mark.parametrize("failure", [Unreachable("no route"), None], ids=["unreachable", "slow"])
async def test_trouble_that_may_be_ours_suspends_briefly_and_never_escalates(failure: UpstreamError | None) -> None:
    world = World()
    await world.trip()
    for _ in range(3):
        world.pass_suspension()
        await world.call(FAULT)
    world.pass_suspension()
    level = world.circuit.snapshot().level
    for _ in range(5):
        await world.call(failure, takes_s=SLOW_S + 1)
        assert world.circuit.snapshot().level == level
        assert world.pass_suspension() == LADDER_S[0]


async def test_a_block_suspends_at_once_for_three_minutes_and_then_longer() -> None:
    world = World()
    await world.call(BLOCK)
    assert (await world.refusal()).cause == "blocked"
    waits = []
    for _ in range(4):
        waits.append(world.pass_suspension())
        await world.call(BLOCK)
    assert waits == [180.0, 600.0, 1800.0, 1800.0]


def test_an_operation_has_one_circuit_however_often_it_is_asked_for() -> None:
    world = World()
    assert world.health.circuit("encar", "search", slow_s=9.0) is world.circuit


async def test_a_block_of_one_operation_leaves_the_others_alone() -> None:
    world = World()
    detail = world.health.circuit("encar", "detail", slow_s=SLOW_S)
    await world.call(BLOCK)
    async with detail.admit():
        pass
    assert {name: told.state for name, told in (await world.health.snapshot()).items()} == {
        ("encar", "search"): Phase.SUSPENDED,
        ("encar", "detail"): Phase.HEALTHY,
    }


@pytest.mark.parametrize(
    ("asked_s", "wait_s"), [(None, LADDER_S[0]), (0.0, LADDER_S[0]), (90.0, 90.0), (86_400.0, CAP_S)]
)
async def test_a_429_suspends_at_once_for_as_long_as_it_says_within_reason(
    asked_s: float | None, wait_s: float
) -> None:
    world = World()
    await world.call(RateLimited("429", asked_s))
    assert world.circuit.snapshot().reason == "rate_limited"
    assert world.pass_suspension() == wait_s


async def test_a_429_without_a_word_on_how_long_goes_up_the_ladder() -> None:
    world, waits = World(), []
    for _ in range(3):
        await world.call(RateLimited("429"))
        waits.append(world.pass_suspension())
    assert waits == list(LADDER_S[:3])


@pytest.mark.parametrize(("asked_s", "wait_s"), [(1.0, LADDER_S[0]), (30.0, 30.0), (86_400.0, CAP_S)])
async def test_a_faults_retry_after_only_makes_the_suspension_longer(asked_s: float, wait_s: float) -> None:
    world = World()
    await world.calls([ServerFault("503", asked_s)] * TRIP_STREAK)
    assert world.pass_suspension() == wait_s


def test_no_suspension_begins_beyond_the_cap() -> None:
    for failure in (RateLimited("429", 86_400.0), BLOCK):
        state = settled(CircuitState(level=len(LADDER_S), since=1_000.0), 0, failure, now=1_000.0, draw=0.999)
        assert state.retry_at == 1_000.0 + CAP_S


async def test_suspensions_are_drawn_a_little_longer_but_never_over_the_cap() -> None:
    world = World(draw=0.999)
    await world.trip()
    assert LADDER_S[0] < world.pass_suspension() <= LADDER_S[0] * (1 + JITTER)
    for _ in LADDER_S:
        await world.call(FAULT)
        assert world.pass_suspension() <= CAP_S + 1e-6


async def test_one_probe_goes_through_and_the_others_are_refused_until_it_reports() -> None:
    world = World()
    await world.trip()
    world.pass_suspension()
    async with world.circuit.admit():
        for _ in range(20):
            refusal = await world.refusal()
            assert (refusal.cause, refusal.retry_after_s) == ("upstream_error", PROBING_S)
    await world.calls([None] * 20)


async def test_a_probe_that_never_reports_gives_way_when_its_lease_runs_out() -> None:
    world = World()
    await world.trip()
    world.pass_suspension()
    lost = world.circuit.admit()
    await lost.__aenter__()
    world.now += LEASE_S - 0.1
    assert (await world.refusal()).retry_after_s == pytest.approx(0.1)
    world.now += 0.1
    await world.call()
    assert world.phase() is Phase.HEALTHY
    with suppress(ServerFault):
        await lost.__aexit__(ServerFault, FAULT, None)
    assert world.phase() is Phase.HEALTHY


async def test_a_lost_probe_that_ends_late_does_not_make_way_for_a_third() -> None:
    world = World()
    await world.trip()
    world.pass_suspension()
    (lost,) = await begun(world, 1)
    world.now += LEASE_S
    (probe,) = await begun(world, 1)
    await end(lost, asyncio.CancelledError())
    await world.refusal()
    await end(probe, None)
    await world.call()


async def test_a_success_unblocks_at_once_but_the_level_goes_down_one_at_a_time() -> None:
    world = World()
    await world.call(BLOCK)
    world.pass_suspension()
    levels = []
    for _ in range(BLOCK_LEVEL):
        await world.call()
        levels.append(world.circuit.snapshot().level)
    assert levels == [3, 2, 1, 0]
    assert world.phase() is Phase.HEALTHY


async def test_a_relapse_begins_where_the_level_is() -> None:
    world = World()
    await world.call(BLOCK)
    world.pass_suspension()
    await world.call()
    assert (world.phase(), world.circuit.snapshot().reason) == (Phase.DEGRADED, "blocked")
    await world.trip()
    assert world.pass_suspension() == LADDER_S[BLOCK_LEVEL - 1]


async def begun(world: World, count: int) -> list[Call]:
    """Calls under way."""
    calls: list[Call] = [world.circuit.admit() for _ in range(count)]
    for call in calls:
        await call.__aenter__()
    return calls


async def test_failures_of_calls_begun_before_the_suspension_do_not_add_to_it() -> None:
    world = World()
    for call in await begun(world, 30):
        await end(call, FAULT)
    told = world.circuit.snapshot()
    assert (told.level, told.failures, world.pass_suspension()) == (1, TRIP_STREAK, LADDER_S[0])


async def test_blocks_of_calls_under_way_together_are_one_block() -> None:
    world = World()
    for call in await begun(world, 6):
        await end(call, BLOCK)
    assert (world.circuit.snapshot().level, world.pass_suspension()) == (BLOCK_LEVEL, 180.0)


async def test_a_good_answer_to_a_call_begun_before_a_block_does_not_end_the_block() -> None:
    world = World()
    first, second = await begun(world, 2)
    await end(first, BLOCK)
    await end(second, None)
    assert world.phase() is Phase.SUSPENDED


async def test_a_block_heard_late_makes_a_short_suspension_long() -> None:
    world = World()
    (late,) = await begun(world, 1)
    await world.trip()
    await end(late, BLOCK)
    assert (world.circuit.snapshot().reason, world.pass_suspension()) == ("blocked", 180.0)


async def test_looking_whether_a_call_would_be_refused_takes_no_probe() -> None:
    world = World()
    world.circuit.check()
    await world.trip()
    with pytest.raises(Suspended):
        world.circuit.check()
    world.pass_suspension()
    world.circuit.check()
    async with world.circuit.admit():
        with pytest.raises(Suspended):
            world.circuit.check()


async def test_a_suspension_and_a_recovery_are_one_line_each() -> None:
    world = World()
    with capture_logs() as lines:
        await world.calls([None, FAULT, None, BLOCK])
        world.pass_suspension()
        await world.calls([None] * 10)
    assert [(line["event"], line["operation"], line["reason"], line.get("for_s")) for line in lines] == [
        ("upstream_suspended", "search", "blocked", 180.0),
        ("upstream_recovered", "search", "blocked", None),
    ]


async def test_an_operator_resets_all_operations_of_one_upstream() -> None:
    world = World()
    danawa = world.health.circuit("danawa", "list", slow_s=SLOW_S)
    for circuit in (world.circuit, danawa):
        with suppress(Blocked):
            async with circuit.admit():
                raise BLOCK
    await world.health.reset("encar")
    await world.call()
    assert (world.phase(), world.circuit.snapshot().level) == (Phase.HEALTHY, 0)
    assert danawa.snapshot().state is Phase.SUSPENDED


async def test_what_was_under_way_at_a_reset_has_nothing_to_say() -> None:
    world = World()
    await world.trip()
    world.pass_suspension()
    (probe,) = await begun(world, 1)
    await world.health.reset("encar")
    await end(probe, FAULT)
    assert world.phase() is Phase.HEALTHY


async def test_a_clock_set_back_does_not_lengthen_a_suspension_beyond_the_cap() -> None:
    world = World()
    await world.trip()
    world.now -= 500_000.0
    assert (await world.refusal()).retry_after_s == CAP_S
    world.now += CAP_S
    await world.call()
    assert world.phase() is Phase.HEALTHY


async def test_a_clock_set_back_does_not_lengthen_the_lease_of_a_lost_probe() -> None:
    world = World()
    await world.trip()
    world.pass_suspension()
    (lost,) = await begun(world, 1)
    world.now -= 500_000.0
    await world.refusal()
    world.now += CAP_S
    await world.call()
    assert world.phase() is Phase.HEALTHY
    await end(lost, None)


async def test_a_level_is_forgotten_when_nobody_asked_for_long() -> None:
    world = World()
    await world.call(BLOCK)
    world.now += FORGET_S + 1
    assert (world.phase(), world.circuit.snapshot().level) == (Phase.HEALTHY, 0)


OUTCOMES: list[BaseException | None] = [
    *ANSWERS,
    *NOTHING,
    FAULT,
    ServerFault("503", 1e6),
    Unreachable("reset"),
    BLOCK,
    RateLimited("429"),
    RateLimited("429", 86_400.0),
]
STEPS = st.one_of(
    st.just(("begin", None)),
    st.tuples(st.just("end"), st.integers(0, 5), st.sampled_from(OUTCOMES)),
    st.tuples(st.just("tick"), st.one_of(st.floats(0, 20), st.floats(0, 2 * CAP_S), st.floats(-2 * CAP_S, 0))),
    st.just(("reset", None)),
)


class Probe:
    """A call under way: how much time passed since it began, if it is a probe."""

    def __init__(self, call: Call, *, probe: bool) -> None:
        self.call, self.probe, self.age_s = call, probe, 0.0


async def play(steps: Sequence[tuple[Any, ...]], draw: float) -> None:
    world = World(draw=draw)
    under_way: list[Probe] = []
    for step in steps:
        before = world.circuit.snapshot()
        match step:
            case ("begin", _):
                call = world.circuit.admit()
                try:
                    await call.__aenter__()
                except Suspended as refusal:
                    assert before.state in {Phase.SUSPENDED, Phase.PROBING}
                    assert refusal.retry_after_s is not None
                    assert 0 < refusal.retry_after_s <= CAP_S
                    continue
                assert before.state is not Phase.SUSPENDED
                probe = before.state is Phase.PROBING
                assert not probe or not any(other.probe and other.age_s < LEASE_S for other in under_way)
                under_way.append(Probe(call, probe=probe))
            case ("end", index, outcome) if under_way:
                await end(under_way.pop(index % len(under_way)).call, outcome)
            case ("tick", seconds):
                world.now += seconds
                for other in under_way:
                    other.age_s += max(0.0, seconds)
            case ("reset", _):
                await world.health.reset("encar")
                for other in under_way:
                    other.probe = False
        told = world.circuit.snapshot()
        assert told.retry_at is None or world.now < told.retry_at <= world.now + CAP_S
        assert 0 <= told.level <= len(LADDER_S)
    world.now += CAP_S + LEASE_S  # whoever is still under way never reports
    await world.call()
    for other in under_way:
        await end(other.call, asyncio.CancelledError())


@settings(max_examples=300)
@given(st.lists(STEPS, max_size=60), st.floats(0, 1, exclude_max=True))
def test_nothing_suspends_for_ever_or_beyond_the_cap_or_lets_two_probes_through(
    steps: list[tuple[Any, ...]], draw: float
) -> None:
    asyncio.run(play(steps, draw))
