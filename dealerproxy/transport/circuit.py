"""The circuit of one operation as a pure state machine: states, transitions and the ladder of suspensions.

A circuit is healthy; degraded (it failed lately, calls still go out); suspended (no call goes out until `retry_at`); or
probing (the suspension is over: one call goes out, the others are rejected until it ends or its lease does). Each
suspension is one step up the ladder, each success one step down. Times and random numbers are parameters, durations
are seconds, and nothing here reads a clock or Redis: `transport/health.py` does.
"""

import math
from enum import StrEnum
from typing import Annotated, ClassVar

from msgspec import Meta, Struct
from msgspec.structs import replace

from dealerproxy.transport.errors import (
    Blocked,
    Overloaded,
    RateLimited,
    ServerFault,
    Suspended,
    TimedOut,
    Unreachable,
    UpstreamError,
    Warming,
)

# Each step is about three times the previous one (Prowlarr's ladder has the same shape). The longest is half an hour:
# a site that recovers after forty minutes must not stay suspended for a day.
LADDER_S = (5.0, 15.0, 60.0, 180.0, 600.0, 1800.0)
CAP_S = LADDER_S[-1]
# A block starts at this level (3 min), as in SearXNG.
BLOCK_LEVEL = 4
# Suspensions are up to this much longer, so that processes without Redis do not probe together.
JITTER = 0.1
# Five failures in a row, as in Envoy, over any length of time: so a circuit with little traffic trips too.
TRIP_STREAK = 5
# Half of the calls, as in resilience4j, once there are enough calls.
TRIP_SHARE, TRIP_CALLS = 0.5, 10
RECENT_S, RECENT_CALLS = 60.0, 20
# A time-out after less than this means that the deadline was short, not that the upstream is slow.
FAIR_S = 1.0
# Longer than any single attempt may take.
LEASE_S = 15.0
# The `retry_after_s` while a probe is under way: most answers take less.
PROBING_S = 1.0
# A level expires after this time, and so does a stored state.
FORGET_S = 2 * CAP_S


class Slow(UpstreamError):
    """A good answer that took too long. It counts as a failure and is never raised."""

    code: ClassVar[str] = "slow"


# Other results (a plain 404, a 400, drift) are no failures: the upstream answers.
_FAILURES = (Blocked, RateLimited, ServerFault, TimedOut, Unreachable, Slow)
_AT_ONCE = (Blocked, RateLimited)
# Local network failures, or slow but good answers: a short pause that never lengthens the back-off.
_GENTLE = (Unreachable, Slow)
# No request was sent, so these say nothing about the upstream.
NOT_ASKED = (Suspended, Overloaded, Warming)


class Phase(StrEnum):
    """What a circuit does with the next call."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    SUSPENDED = "suspended"
    PROBING = "probing"


# A plausible time by Redis' clock.
_Moment = Annotated[float, Meta(ge=0, le=1e11)]


class Standing(Struct, frozen=True):
    """The part of a circuit that processes share; its JSON is what Redis stores, with times of Redis' clock (unix).

    `retry_at` is null unless the circuit is suspended or probing; `since` is when that last changed.
    """

    level: Annotated[int, Meta(ge=0, le=len(LADDER_S))] = 0
    reason: str = ""
    since: _Moment = -math.inf
    retry_at: _Moment | None = None

    def moved(self, by_s: float) -> "Standing":
        """Return the same state with times of a clock that is `by_s` seconds ahead."""
        retry_at = None if self.retry_at is None else self.retry_at + by_s
        return Standing(self.level, self.reason, self.since + by_s, retry_at)


class CircuitState(Standing, frozen=True):
    """A circuit's state in one process, with times of its own clock.

    `streak` counts failures in a row, `recent` has (when, whether it failed) of the latest calls. An `epoch` ends
    with every suspension and recovery: calls that began in an earlier epoch no longer count. `lease` names the probe
    under way, until `leased_until`. `down_since` is when the first of several suspensions without a good answer between
    them began.
    """

    streak: int = 0
    recent: tuple[tuple[float, bool], ...] = ()
    epoch: int = 0
    lease: str = ""
    leased_until: float = 0.0
    down_since: float = -math.inf


class Snapshot(Struct, frozen=True):
    """A circuit as operators see it: `reason` is the code of the cause, times are unix seconds, `failures` in a row.

    `since` is when the first suspension without a good answer since began, or when the circuit closed.
    """

    state: Phase
    reason: str | None
    retry_at: float | None
    level: int
    since: float | None
    failures: int


def phase(state: CircuitState, now: float) -> Phase:
    """Return the phase of a state."""
    if state.retry_at is not None:
        return Phase.SUSPENDED if now < state.retry_at else Phase.PROBING
    failed = any(failed and 0 <= now - at < RECENT_S for at, failed in state.recent)
    return Phase.DEGRADED if failed or state.streak or state.level else Phase.HEALTHY


def snapshot(state: CircuitState, now: float, unix_s: float) -> Snapshot:
    """Return a state as shown to operators; `unix_s` is how far unix time is ahead of the state's clock."""
    shown = phase(state, now)
    since = state.since if state.retry_at is None else state.down_since
    return Snapshot(
        state=shown,
        reason=None if shown is Phase.HEALTHY else state.reason,
        retry_at=None if state.retry_at is None or shown is not Phase.SUSPENDED else state.retry_at + unix_s,
        level=state.level,
        since=None if since == -math.inf else min(since, now) + unix_s,
        failures=state.streak,
    )


def repaired(state: CircuitState, now: float) -> CircuitState:
    """Cap all times to plausible values, since a stored state may hold anything, and drop an expired level."""
    if state.retry_at is None and not state.level:
        return state
    if now - state.since > FORGET_S:
        return CircuitState(epoch=state.epoch + 1)
    retry_at = None if state.retry_at is None else min(state.retry_at, now + CAP_S)
    leased_until = min(state.leased_until, now + LEASE_S)
    return replace(state, since=min(state.since, now), retry_at=retry_at, leased_until=leased_until)


def outcome(error: UpstreamError | None, took_s: float, slow_s: float) -> UpstreamError | None:
    """Return a call's outcome: Slow for a good answer after over `slow_s`, not sent for a time-out before FAIR_S."""
    if error is None:
        return Slow("a good answer, too late") if took_s > slow_s else None
    return Overloaded("not asked") if isinstance(error, TimedOut) and took_s < FAIR_S else error


def admitted(state: CircuitState, now: float, lease: str) -> CircuitState:
    """Return the state after a call is sent, as the probe `lease` if one is due. Raises Suspended if none may be."""
    if state.retry_at is None:
        return state
    wait_s = state.retry_at - now if now < state.retry_at else min(state.leased_until - now, PROBING_S)
    if wait_s > 0:
        raise Suspended(state.reason, wait_s)
    return replace(state, lease=lease, leased_until=now + LEASE_S)


def released(state: CircuitState, lease: str) -> CircuitState:
    """Return the state after the probe `lease` ends; unchanged if the lease passed to another probe."""
    return replace(state, lease="", leased_until=0.0) if lease and state.lease == lease else state


def settled(state: CircuitState, epoch: int, failure: UpstreamError | None, now: float, draw: float) -> CircuitState:
    """Return the state after a call of `epoch` ends; no `failure` is a good answer, `draw` in [0, 1) is the jitter."""
    worse = isinstance(failure, Blocked) and state.level < BLOCK_LEVEL
    if epoch != state.epoch and not worse:
        return state
    if failure is None or not isinstance(failure, _FAILURES):
        return _answered(state, now)
    state = replace(state, reason=failure.code, streak=state.streak + 1, recent=_recent(state, now, failed=True))
    if state.retry_at is not None or isinstance(failure, _AT_ONCE) or _trips(state):
        level, pause_s = _suspension(state.level, failure)
        retry_at = now + min(pause_s * (1 + JITTER * draw), CAP_S)
        down_since = now if state.retry_at is None else state.down_since
        return CircuitState(
            level, failure.code, now, retry_at, streak=state.streak, epoch=state.epoch + 1, down_since=down_since
        )
    return state


def adopted(state: CircuitState, standing: Standing) -> CircuitState:
    """Return the state after another process's standing is adopted."""
    if state.retry_at is None and standing.retry_at is None:
        return replace(state, level=standing.level, reason=standing.reason or state.reason, since=standing.since)
    down_since = standing.since if state.retry_at is None else state.down_since
    return CircuitState(
        standing.level,
        standing.reason,
        standing.since,
        standing.retry_at,
        epoch=state.epoch + 1,
        down_since=down_since,
    )


def _answered(state: CircuitState, now: float) -> CircuitState:
    level = max(0, state.level - 1)
    if state.retry_at is not None:
        return CircuitState(level, state.reason, now, epoch=state.epoch + 1)
    return replace(state, level=level, streak=0, recent=_recent(state, now, failed=False))


def _recent(state: CircuitState, now: float, *, failed: bool) -> tuple[tuple[float, bool], ...]:
    still = (call for call in state.recent if 0 <= now - call[0] < RECENT_S)
    return (*still, (now, failed))[-RECENT_CALLS:]


def _trips(state: CircuitState) -> bool:
    failures = sum(failed for _, failed in state.recent)
    many = len(state.recent) >= TRIP_CALLS and failures >= TRIP_SHARE * len(state.recent)
    return many or state.streak >= TRIP_STREAK


def _suspension(level: int, failure: UpstreamError) -> tuple[int, float]:
    """Return the next level and the seconds of the suspension."""
    if isinstance(failure, _GENTLE):
        return level, LADDER_S[0]
    lowest = BLOCK_LEVEL if isinstance(failure, Blocked) else 1
    level = min(max(level + 1, lowest), len(LADDER_S))
    step_s, asked_s = LADDER_S[level - 1], failure.retry_after_s
    if asked_s is None:
        return level, step_s
    # A 429's Retry-After replaces the step; any other Retry-After can only lengthen the pause.
    return level, max(asked_s, LADDER_S[0] if isinstance(failure, RateLimited) else step_s)
