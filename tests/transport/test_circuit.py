"""The circuit's state machine by itself: whatever calls end as, in any order, at any time."""

import ast
import inspect
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dealerproxy.transport import circuit
from dealerproxy.transport.circuit import (
    BLOCK_LEVEL,
    CAP_S,
    FAIR_S,
    FORGET_S,
    LADDER_S,
    LEASE_S,
    PROBING_S,
    RECENT_CALLS,
    CircuitState,
    Phase,
    Slow,
    Standing,
    admitted,
    adopted,
    outcome,
    phase,
    released,
    repaired,
    settled,
    snapshot,
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
)

GENTLE = (Unreachable("reset"), Slow("late"))
GENTLE_TYPES = (Unreachable, Slow)
FAILURES = (Blocked("captcha"), RateLimited("429", 7.0), ServerFault("503", 30.0), TimedOut("nothing"), *GENTLE)
ANSWERS = (None, NotFound("404"), Drift("Count"))

times = st.floats(0, 1e6)
draws = st.floats(0, 1, exclude_max=True)
outcomes = st.sampled_from(FAILURES + ANSWERS)
calls = st.lists(st.tuples(st.floats(0, 2 * FORGET_S), outcomes, draws), max_size=40)


def after(steps: list[tuple[float, UpstreamError | None, float]], now: float = 1_000.0) -> tuple[CircuitState, float]:
    """The state, and the time, after calls so far apart; those that must not go out do not."""
    state = CircuitState()
    for gap_s, error, draw in steps:
        now += gap_s
        state = repaired(state, now)
        try:
            state = admitted(state, now, "probe")
        except Suspended:
            continue
        state = settled(released(state, "probe"), state.epoch, error, now, draw)
    return state, now


states = st.builds(after, calls)


@given(states)
def test_every_reachable_state_is_within_its_bounds(reached: tuple[CircuitState, float]) -> None:
    state, now = reached
    assert 0 <= state.level <= len(LADDER_S)
    assert len(state.recent) <= RECENT_CALLS
    if state.retry_at is not None:
        assert state.retry_at <= now + CAP_S
        assert state.reason in {error.code for error in FAILURES}


@given(states)
def test_every_suspension_ends_in_one_probe_and_a_good_answer_in_a_recovery(
    reached: tuple[CircuitState, float],
) -> None:
    state, now = reached
    if state.retry_at is None:
        return
    later = max(now, state.retry_at)
    assert phase(state, later) is Phase.PROBING
    probing = admitted(state, later, "first")
    with pytest.raises(Suspended) as refused:
        admitted(probing, later, "second")
    assert refused.value.retry_after_s is not None
    assert 0 < refused.value.retry_after_s <= PROBING_S
    assert admitted(probing, later + LEASE_S, "third").lease == "third"
    recovered = settled(released(probing, "first"), probing.epoch, None, later, 0.0)
    assert (recovered.retry_at, recovered.level) == (None, max(0, state.level - 1))
    assert recovered.epoch > state.epoch


@given(states, st.sampled_from(FAILURES), draws)
def test_a_failed_probe_goes_up_the_ladder_by_a_step_and_never_for_our_own_networks_trouble(
    reached: tuple[CircuitState, float], error: UpstreamError, draw: float
) -> None:
    state, now = reached
    if state.retry_at is None:
        return
    failed = settled(state, state.epoch, error, now, draw)
    step = 0 if isinstance(error, GENTLE_TYPES) else 1
    lowest = BLOCK_LEVEL if isinstance(error, Blocked) else 0
    assert failed.level == min(len(LADDER_S), max(lowest, state.level + step))
    assert failed.retry_at is not None
    assert now < failed.retry_at <= now + CAP_S


@given(states, st.sampled_from(FAILURES + ANSWERS), draws)
def test_what_began_in_an_earlier_epoch_changes_nothing_unless_it_is_the_first_block(
    reached: tuple[CircuitState, float], error: UpstreamError | None, draw: float
) -> None:
    state, now = reached
    settles = settled(state, state.epoch - 1, error, now, draw)
    if isinstance(error, Blocked) and state.level < BLOCK_LEVEL:
        assert settles.level == BLOCK_LEVEL
    else:
        assert settles is state


@given(states, times)
def test_repairing_is_done_once_and_never_lengthens_a_suspension(
    reached: tuple[CircuitState, float], now: float
) -> None:
    state, _ = reached
    mended = repaired(state, now)
    assert repaired(mended, now) == mended
    if state.retry_at is not None and mended.retry_at is not None:
        assert mended.retry_at <= min(state.retry_at, now + CAP_S)


@given(states, st.integers(0, len(LADDER_S)), times, st.none() | times)
def test_another_processs_suspension_is_adopted_as_it_is(
    reached: tuple[CircuitState, float], level: int, since: float, retry_at: float | None
) -> None:
    state, _ = reached
    theirs = Standing(level, "blocked", since, retry_at)
    ours = adopted(state, theirs)
    assert (ours.level, ours.since, ours.retry_at) == (level, since, retry_at)
    assert (ours.epoch > state.epoch) is (state.retry_at is not None or retry_at is not None)


def test_operators_see_since_when_no_call_succeeded_however_often_a_probe_failed() -> None:
    state, now, seen = CircuitState(), 1_000.0, list[float | None]()
    for failure in (Blocked("no"), Blocked("no"), ServerFault("500"), None, Blocked("no"), Blocked("no")):
        now = max(now, state.retry_at or 0.0) + 10.0
        state = settled(state, state.epoch, failure, now, draw=0.5)
        seen.append(snapshot(state, now, 0.0).since)
    began, closed, again = 1_010.0, seen[3], seen[4]
    assert seen == [began, began, began, closed, again, again]
    assert closed is not None
    assert again is not None
    assert began < closed < again


@given(times, st.none() | times, st.floats(-1e9, 1e9))
def test_a_standing_moved_there_and_back_is_the_same(since: float, retry_at: float | None, by_s: float) -> None:
    standing = Standing(1, "blocked", since, retry_at)
    back = standing.moved(by_s).moved(-by_s)
    assert back.since == pytest.approx(since, abs=1e-3)
    assert (back.retry_at is None) is (retry_at is None)
    assert (back.retry_at or 0.0) == pytest.approx(retry_at or 0.0, abs=1e-3)


@pytest.mark.parametrize(
    ("error", "took_s", "counts_as"),
    [
        (None, 3.9, type(None)),
        (None, 4.0, type(None)),
        (None, 4.1, Slow),
        (TimedOut("hurry"), FAIR_S / 2, Overloaded),
        (TimedOut("slow"), FAIR_S, TimedOut),
        (ServerFault("503"), 0.0, ServerFault),
        (Drift("Count"), 9.0, Drift),
    ],
)
def test_what_a_call_counts_as(error: UpstreamError | None, took_s: float, counts_as: type) -> None:
    assert type(outcome(error, took_s, 4.0)) is counts_as


def test_a_state_cannot_be_changed_in_place() -> None:
    state = CircuitState()
    with pytest.raises(AttributeError):
        state.level = 1  # type: ignore[misc]
    assert replace(state, since=-math.inf) == state


def test_the_state_machine_imports_nothing_that_waits_or_has_a_clock() -> None:
    nodes = [
        node
        for node in ast.walk(ast.parse(inspect.getsource(circuit)))
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    imported = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names} | {
        str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)
    }
    assert imported <= {"math", "enum", "typing", "msgspec", "msgspec.structs", "dealerproxy.transport.errors"}
