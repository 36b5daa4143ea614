"""Health of the upstreams: a circuit per operation, which stops asking a site that fails or refuses us.

A circuit is healthy; degraded (it failed lately but is still asked); suspended (not asked until `retry_at`); or
probing (the suspension is over: one call goes through, the others are refused until it reports or its lease ends).
Each suspension is one step further up a ladder, each success one step down.

Processes share what they learn through Redis, but each decides by its own copy. A call looks at Redis only when that
copy is older than a second: so a busy circuit costs one GET a second, a call after a quiet hour is not made in
ignorance, and nothing polls while nobody asks. Only news is written: a suspension, a recovery, a change of level, and
the lease of a probe. What is read is checked and capped, and Redis going away leaves each process with its own copy.
A process times its copy by a clock that never jumps; in Redis stand times of Redis' own clock.
"""

import asyncio
import math
import random as _random
import secrets
import time
from asyncio import Lock
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from enum import StrEnum
from functools import partial
from typing import Annotated, ClassVar, NamedTuple

import msgspec
import structlog
from msgspec import Meta, Struct
from msgspec.structs import replace
from redis.asyncio import Redis

from dealerproxy.transport.errors import (
    SUSPENDED_FOR,
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
from dealerproxy.transport.redis_guard import HELD, RELEASE, TAKE, RedisGuard, read

# Each step is about three times the one before (Prowlarr's ladder has the same shape). It ends at half an hour: a site
# that is back after forty minutes must not stay suspended for a day.
LADDER_S = (5.0, 15.0, 60.0, 180.0, 600.0, 1800.0)
CAP_S = LADDER_S[-1]
# A block begins at this level, 3 min, as SearXNG's does.
BLOCK_LEVEL = 4
# Suspensions are up to this much longer, so that processes without Redis do not probe together.
JITTER = 0.1
# Envoy's five failures in a row, however slowly they come: so a circuit with little traffic trips too.
TRIP_STREAK = 5
# resilience4j's half of the calls, once there are enough to judge by.
TRIP_SHARE, TRIP_CALLS = 0.5, 10
RECENT_S, RECENT_CALLS = 60.0, 20
# A time-out after less than this says that we were in a hurry, not that the upstream is slow.
FAIR_S = 1.0
# Longer than any single attempt may take.
LEASE_S = 15.0
# How soon to come again while somebody else probes: most answers take less.
PROBING_S = 1.0
REFRESH_S = 1.0
# After this long a level is forgotten; stored states expire then.
FORGET_S = 2 * CAP_S

# More than any stored standing takes.
_MOST_BYTES = 1_000

log = structlog.get_logger(__name__)


class Slow(UpstreamError):
    """Never raised: what a good answer counts as when it took too long."""

    code: ClassVar[str] = "slow"


# Anything else that an upstream does (a plain 404, a 400, drift) shows that it answers.
_FAILURES = (Blocked, RateLimited, ServerFault, TimedOut, Unreachable, Slow)
_AT_ONCE = (Blocked, RateLimited)
# The trouble may be our own network's, or there are answers after all: a short pause, and never further up.
_GENTLE = (Unreachable, Slow)
_NOT_ASKED = (Suspended, Overloaded, Warming)


class Phase(StrEnum):
    """What a circuit does with the next call."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    SUSPENDED = "suspended"
    PROBING = "probing"


# What can be a time of Redis' clock.
_Moment = Annotated[float, Meta(ge=0, le=1e11)]


class Standing(Struct, frozen=True):
    """What every process should know; as JSON, this is what Redis keeps, with times of Redis' clock (unix seconds).

    `retry_at` is null unless the circuit is suspended or probing; `since` is when that last changed.
    """

    level: Annotated[int, Meta(ge=0, le=len(LADDER_S))] = 0
    reason: str = ""
    since: _Moment = -math.inf
    retry_at: _Moment | None = None

    def moved(self, by_s: float) -> "Standing":
        """Return the same by a clock that is so many seconds ahead."""
        retry_at = None if self.retry_at is None else self.retry_at + by_s
        return Standing(self.level, self.reason, self.since + by_s, retry_at)


class Heard(NamedTuple):
    """What Redis had under a key, empty for nothing, and how far its clock was ahead of this process's."""

    stored: bytes
    ahead_s: float


class CircuitState(Standing, frozen=True):
    """A circuit as one process sees it; times are by its own clock.

    `streak` counts failures in a row, `recent` has (when, whether it failed) of the latest calls. An `epoch` ends
    with every suspension and recovery: what began in an earlier one has nothing to say in this one. `lease` names
    the probe under way, until `leased_until`.
    """

    streak: int = 0
    recent: tuple[tuple[float, bool], ...] = ()
    epoch: int = 0
    lease: str = ""
    leased_until: float = 0.0


class Snapshot(Struct, frozen=True):
    """A circuit for people: `reason` is the code of the cause, times are unix seconds, `failures` are in a row."""

    state: Phase
    reason: str | None
    retry_at: float | None
    level: int
    since: float | None
    failures: int


def phase(state: CircuitState, now: float) -> Phase:
    """Tell a state's phase."""
    if state.retry_at is not None:
        return Phase.SUSPENDED if now < state.retry_at else Phase.PROBING
    failed = any(failed and 0 <= now - at < RECENT_S for at, failed in state.recent)
    return Phase.DEGRADED if failed or state.streak or state.level else Phase.HEALTHY


def repaired(state: CircuitState, now: float) -> CircuitState:
    """Bring times back to what is possible: clocks jump, and what others stored may be anything."""
    if state.retry_at is None and not state.level:
        return state
    if now - state.since > FORGET_S:
        return CircuitState(epoch=state.epoch + 1)
    retry_at = None if state.retry_at is None else min(state.retry_at, now + CAP_S)
    leased_until = min(state.leased_until, now + LEASE_S)
    return replace(state, since=min(state.since, now), retry_at=retry_at, leased_until=leased_until)


def admitted(state: CircuitState, now: float, lease: str) -> CircuitState:
    """Let a call through, as the probe `lease` if one is due. Raises Suspended."""
    if state.retry_at is None:
        return state
    wait_s = state.retry_at - now if now < state.retry_at else min(state.leased_until - now, PROBING_S)
    if wait_s > 0:
        raise Suspended(state.reason, wait_s)
    return replace(state, lease=lease, leased_until=now + LEASE_S)


def released(state: CircuitState, lease: str) -> CircuitState:
    """End a probe, unless its lease went to another one."""
    return replace(state, lease="", leased_until=0.0) if lease and state.lease == lease else state


def settled(state: CircuitState, epoch: int, failure: UpstreamError | None, now: float, draw: float) -> CircuitState:
    """Count what became of a call that was let through in `epoch`; None is a good answer, `draw` in [0, 1) jitters."""
    worse = isinstance(failure, Blocked) and state.level < BLOCK_LEVEL
    if epoch != state.epoch and not worse:
        return state
    if failure is None or not isinstance(failure, _FAILURES):
        return _answered(state, now)
    state = replace(state, reason=failure.code, streak=state.streak + 1, recent=_recent(state, now, failed=True))
    if state.retry_at is not None or isinstance(failure, _AT_ONCE) or _trips(state):
        level, pause_s = _suspension(state.level, failure)
        retry_at = now + min(pause_s * (1 + JITTER * draw), CAP_S)
        return CircuitState(level, failure.code, now, retry_at, streak=state.streak, epoch=state.epoch + 1)
    return state


def adopted(state: CircuitState, standing: Standing) -> CircuitState:
    """Take over what another process found out."""
    if state.retry_at is None and standing.retry_at is None:
        return replace(state, level=standing.level, reason=standing.reason or state.reason, since=standing.since)
    return CircuitState(standing.level, standing.reason, standing.since, standing.retry_at, epoch=state.epoch + 1)


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
    """The next level, and how many seconds to leave the upstream alone."""
    if isinstance(failure, _GENTLE):
        return level, LADDER_S[0]
    lowest = BLOCK_LEVEL if isinstance(failure, Blocked) else 1
    level = min(max(level + 1, lowest), len(LADDER_S))
    step_s, asked_s = LADDER_S[level - 1], failure.retry_after_s
    if asked_s is None:
        return level, step_s
    # A 429 knows best how long; a fault's Retry-After only ever makes the pause longer.
    return level, max(asked_s, LADDER_S[0] if isinstance(failure, RateLimited) else step_s)


class Circuit:
    """Guards one operation of one upstream."""

    def __init__(
        self,
        upstream: str,
        operation: str,
        *,
        slow_s: float,
        shared: RedisGuard | None,
        clock: Callable[[], float],
        unix: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        """`slow_s`: a good answer that takes longer counts as a failure."""
        self.upstream, self.operation, self._slow_s = upstream, operation, slow_s
        self._shared, self._clock, self._unix, self._random = shared, clock, unix, random
        self._key = shared.key("circuit", upstream, operation) if shared else ""
        self._lease_key = shared.key("probe", upstream, operation) if shared else ""
        self._state = CircuitState()
        self._exchange = Lock()
        self._reports: bytes | None = None  # what Redis had last
        self._looked_at = -math.inf
        self._unsaid = False  # whether Redis was away when there was something to say

    @asynccontextmanager
    async def admit(self) -> AsyncIterator[None]:
        """Let one call through and count what becomes of it: a good answer, or the UpstreamError the body raises.

        Any other way out, as a cancel, counts as nothing. Raises Suspended when the upstream is not to be asked.
        Keep the body to what is sent and the judgement of its answer: a wait in a queue of our own is not the
        upstream's fault.
        """
        await self.refresh()
        epoch, probe = self._enter()
        outcome: UpstreamError | None = Overloaded("not asked")
        try:
            if probe and self._shared:
                epoch = await self._lease(self._shared, probe)
            began = self._clock()
            try:
                yield
                outcome = Slow("a good answer, too late") if self._clock() - began > self._slow_s else None
            except UpstreamError as error:
                if not isinstance(error, TimedOut) or self._clock() - began >= FAIR_S:
                    outcome = error
                raise
        finally:
            await self._leave(epoch, probe, outcome)

    def check(self) -> None:
        """Raise Suspended if a call would surely be refused now. Saves waiting in a queue for a refusal."""
        admitted(self._current(), self._clock(), "")

    def wait_s(self) -> float | None:
        """Seconds until the upstream is asked again; None while it is."""
        retry_at = self._current().retry_at
        return None if retry_at is None else max(0.0, retry_at - self._clock())

    def snapshot(self) -> Snapshot:
        """Tell how it stands, as far as this process knows."""
        state, now = self._current(), self._clock()
        shown, unix_s = phase(state, now), self._unix() - now
        return Snapshot(
            state=shown,
            reason=None if shown is Phase.HEALTHY else state.reason,
            retry_at=None if state.retry_at is None or shown is not Phase.SUSPENDED else state.retry_at + unix_s,
            level=state.level,
            since=None if state.since == -math.inf else min(state.since, now) + unix_s,
            failures=state.streak,
        )

    async def refresh(self) -> None:
        """Hear what other processes found out, if that was not done within the last second."""
        if self._shared is None or self._is_fresh():
            return
        async with self._exchange:
            if self._is_fresh():
                return
            epoch = self._state.epoch
            reports = await self._shared.run(partial(self._listen, self._shared), None)
            self._looked_at = self._clock()
            if self._state.epoch == epoch:
                self._hear(reports)
            # What was said may be lost there, with all else or alone.
            lost = _decoded(reports) is None and (self._state.retry_at is not None or self._state.level > 0)
            if reports is not None and (self._unsaid or lost):
                await self._say(self._shared)

    async def reset(self) -> None:
        """Forget everything, in all processes: an operator knows better."""
        self._state = CircuitState(since=self._clock(), epoch=self._state.epoch + 1)
        if self._shared is None:
            return
        async with self._exchange:
            await self._shared.run(partial(self._write, self._shared, self._state), None)

    def _current(self) -> CircuitState:
        self._state = repaired(self._state, self._clock())
        return self._state

    def _enter(self, probe: str = "") -> tuple[int, str]:
        """Be admitted: the epoch, and the name of the probe if this call is one."""
        state = self._state = admitted(self._current(), self._clock(), probe or secrets.token_hex(8))
        return state.epoch, "" if state.retry_at is None else state.lease

    async def _lease(self, shared: RedisGuard, probe: str) -> int:
        """Become the one probe of all processes. Raises Suspended if another is, or has just failed.

        The state is read after the lease is won, for its last holder wrote what it found before giving it back.
        """

        async def take(redis: Redis) -> tuple[bool, Heard | None]:
            taken: object = await redis.eval(TAKE, 1, self._lease_key, probe, round(LEASE_S * 1000))
            return taken != HELD, await self._listen(shared, redis)

        async with self._exchange:
            won, reports = await shared.run(take, (True, None))
            self._hear(reports)
        if not won:
            self._state = replace(self._state, lease="another's", leased_until=self._clock() + PROBING_S)
        elif self._state.lease == probe:
            return self._state.epoch
        return self._enter(probe)[0]

    async def _leave(self, epoch: int, probe: str, outcome: UpstreamError | None) -> None:
        before = self._current()
        self._state = released(before, probe)
        if not isinstance(outcome, _NOT_ASKED):
            self._state = settled(self._state, epoch, outcome, self._clock(), self._random())
        self._tell(before, outcome)
        if self._shared is None:
            return
        if (self._state.epoch, self._state.level) != (before.epoch, before.level):
            await self._publish(self._shared)
        if probe:
            await self._shared.run(lambda redis: redis.eval(RELEASE, 1, self._lease_key, probe), None)

    async def _publish(self, shared: RedisGuard) -> None:
        """Write the news."""
        async with self._exchange:
            await self._say(shared)

    async def _say(self, shared: RedisGuard) -> None:
        """Write how it stands, unless another process suspended for longer in the same moment: then its word counts."""

        async def exchange(redis: Redis) -> Heard:
            theirs = await self._listen(shared, redis)
            standing = _decoded(theirs) if theirs.stored != self._reports else None
            if standing and (standing.retry_at or -math.inf) > (state.retry_at or -math.inf):
                return theirs
            return await self._write(shared, state, redis)

        state = self._state
        reports = await shared.run(exchange, None)
        self._unsaid = reports is None
        if self._state.epoch == state.epoch:
            self._hear(reports)

    async def _listen(self, shared: RedisGuard, redis: Redis) -> Heard:
        """Read what Redis has."""
        (stored,) = await read(redis, [self._key], _MOST_BYTES)
        return Heard(stored or b"", await self._ahead_s(shared, redis))

    async def _ahead_s(self, shared: RedisGuard, redis: Redis) -> float:
        # Off by what the answer takes, at most the time-out of a call; the clocks themselves may differ by anything.
        return await shared.time_of(redis) - self._clock()

    async def _write(self, shared: RedisGuard, state: CircuitState, redis: Redis) -> Heard:
        ahead_s = await self._ahead_s(shared, redis)
        since = max(state.since, self._clock() - FORGET_S)
        standing = Standing(state.level, state.reason, since, state.retry_at).moved(ahead_s)
        self._reports = mine = msgspec.json.encode(standing)
        await redis.set(self._key, mine, px=round(FORGET_S * 1000))
        return Heard(mine, ahead_s)

    def _hear(self, reports: Heard | None) -> None:
        """Adopt what is stored if it is news. Nothing stored is no news: Redis may have lost it."""
        if reports is None or not reports.stored or reports.stored == self._reports:
            return
        self._reports = reports.stored
        standing = _decoded(reports)
        if standing is None:
            log.warning("redis_foreign_value", upstream=self.upstream, operation=self.operation)
            return
        # What seems to be of the future was written before Redis' clock was set back: it began at this moment at most.
        standing = standing.moved(min(0.0, self._clock() - standing.since))
        if standing.since < self._state.since:
            self._unsaid = True  # written while we could not write
        else:
            self._state = adopted(self._state, standing)

    def _is_fresh(self) -> bool:
        return 0 <= self._clock() - self._looked_at < REFRESH_S

    def _tell(self, before: CircuitState, outcome: UpstreamError | None) -> None:
        state = self._state
        if state.epoch == before.epoch:
            return
        bound = log.bind(upstream=self.upstream, operation=self.operation, reason=state.reason, level=state.level)
        if state.retry_at is None:
            bound.info("upstream_recovered")
        else:
            bound.warning("upstream_suspended", for_s=round(state.retry_at - state.since, 1), detail=str(outcome))


class Health:
    """All circuits of a process, by (upstream, operation)."""

    def __init__(
        self,
        shared: RedisGuard | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        unix: Callable[[], float] = time.time,
        random: Callable[[], float] = _random.random,
    ) -> None:
        """`clock` never jumps, and all pauses go by it; `unix` is the time of day, and only shown."""
        self._shared, self._clock, self._unix, self._random = shared, clock, unix, random
        self._circuits: dict[tuple[str, str], Circuit] = {}

    def circuit(self, upstream: str, operation: str, *, slow_s: float) -> Circuit:
        """The circuit of an operation, made when first asked for; answers slower than `slow_s` count as failures.

        Only circuits that were made are shown and reset: make them all at the start.
        """
        circuit = self._circuits.get((upstream, operation))
        if circuit is None:
            circuit = self._circuits[upstream, operation] = Circuit(
                upstream,
                operation,
                slow_s=slow_s,
                shared=self._shared,
                clock=self._clock,
                unix=self._unix,
                random=self._random,
            )
        return circuit

    async def snapshot(self) -> Mapping[tuple[str, str], Snapshot]:
        """Tell how every circuit stands, with the news of other processes. No upstream is asked."""
        await asyncio.gather(*(circuit.refresh() for circuit in self._circuits.values()))
        return self.known()

    def known(self) -> Mapping[tuple[str, str], Snapshot]:
        """Tell how every circuit stands, as far as this process knows."""
        return {name: circuit.snapshot() for name, circuit in self._circuits.items()}

    async def remind(self) -> None:
        """See to it that suspensions are known to other processes although nobody asks for the upstream."""
        circuits = [circuit for circuit in self._circuits.values() if circuit.wait_s() is not None]
        await asyncio.gather(*(circuit.refresh() for circuit in circuits))

    async def reset(self, upstream: str) -> None:
        """Forget everything about an upstream, in all processes."""
        for circuit in [*self._circuits.values()]:
            if circuit.upstream == upstream:
                await circuit.reset()


def _decoded(reports: Heard | None) -> Standing | None:
    """What was heard, by this process's clock; None for what is no standing of ours."""
    if reports is None:
        return None
    try:
        standing = msgspec.json.decode(reports.stored, type=Standing)
    except (ValueError, RecursionError):
        return None
    # A reason is shown, and is one of those there are.
    reasons = SUSPENDED_FOR if standing.retry_at is not None or standing.level else SUSPENDED_FOR | {""}
    return standing.moved(-reports.ahead_s) if standing.reason in reasons else None
