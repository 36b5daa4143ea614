"""Circuits in use: one per operation, timed by a clock and shared between processes through Redis.

Each process decides by its own copy of the state (`transport/circuit.py`). A call reads Redis only when that copy is
older than a second: a busy circuit needs one GET a second, a call after an idle hour still sees the state of other
processes, and nothing polls while no calls are made. Only changes are written: a suspension, a recovery, a new level,
and the lease of a probe. Stored values are checked and capped; without Redis each process keeps its own copy. A process
times its copy by a monotonic clock; Redis stores times of its own clock.
"""

import asyncio
import math
import random as _random
import secrets
import time
from asyncio import Lock
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple

import msgspec
import structlog
from msgspec.structs import replace
from redis.asyncio import Redis

from dealerproxy.transport import circuit
from dealerproxy.transport.circuit import FORGET_S, LEASE_S, NOT_ASKED, PROBING_S, CircuitState, Snapshot, Standing
from dealerproxy.transport.errors import SUSPENDED_FOR, Overloaded, UpstreamError
from dealerproxy.transport.redis_guard import HELD, RELEASE, TAKE, RedisGuard, read

REFRESH_S = 1.0
# Above the size of any stored standing.
_MOST_BYTES = 1_000

log = structlog.get_logger(__name__)


class Stored(NamedTuple):
    """The bytes stored under a key (empty: none), and how many seconds Redis' clock is ahead of this process's."""

    body: bytes
    ahead_s: float


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
        self._last_stored: bytes | None = None  # the bytes that Redis returned last
        self._looked_at = -math.inf
        self._unwritten = False  # whether a change could not be written

    @asynccontextmanager
    async def admit(self) -> AsyncIterator[None]:
        """Admits one call and counts its outcome: a good answer, or the UpstreamError that the body raises.

        Any other exit, such as a cancellation, is not counted. Raises Suspended while no calls may go out. The body
        should hold only the request and the judgement of its answer, so that queueing does not count as slowness.
        """
        await self.refresh()
        epoch, probe = self._enter()
        counted: UpstreamError | None = Overloaded("not asked")
        try:
            if probe and self._shared:
                epoch = await self._lease(self._shared, probe)
            began = self._clock()
            try:
                yield
                counted = circuit.outcome(None, self._clock() - began, self._slow_s)
            except UpstreamError as error:
                counted = circuit.outcome(error, self._clock() - began, self._slow_s)
                raise
        finally:
            await self._leave(epoch, probe, counted)

    def check(self) -> None:
        """Raises Suspended if a call would be rejected now; callers check this before they queue."""
        circuit.admitted(self._current(), self._clock(), "")

    def wait_s(self) -> float | None:
        """Return the seconds until calls go out again; None if they do now."""
        retry_at = self._current().retry_at
        return None if retry_at is None else max(0.0, retry_at - self._clock())

    def snapshot(self) -> Snapshot:
        """Return the circuit's state as this process knows it."""
        state, now = self._current(), self._clock()
        return circuit.snapshot(state, now, self._unix() - now)

    async def refresh(self) -> None:
        """Reads the state of other processes, unless it was read within the last second."""
        if self._shared is None or self._is_fresh():
            return
        async with self._exchange:
            if self._is_fresh():
                return
            epoch = self._state.epoch
            found = await self._shared.run(partial(self._read_stored, self._shared), None)
            self._looked_at = self._clock()
            if self._state.epoch == epoch:
                self._adopt(found)
            # Redis may have lost the stored state, by eviction or a flush.
            lost = _decoded(found) is None and (self._state.retry_at is not None or self._state.level > 0)
            if found is not None and (self._unwritten or lost):
                await self._share(self._shared)

    async def reset(self) -> None:
        """Resets the circuit in all processes, for an operator."""
        self._state = CircuitState(since=self._clock(), epoch=self._state.epoch + 1)
        if self._shared is None:
            return
        async with self._exchange:
            await self._shared.run(partial(self._write, self._shared, self._state), None)

    def _current(self) -> CircuitState:
        self._state = circuit.repaired(self._state, self._clock())
        return self._state

    def _enter(self, probe: str = "") -> tuple[int, str]:
        """Admits a call; returns the epoch, and the name of the probe if this call is one. Raises Suspended."""
        state = self._state = circuit.admitted(self._current(), self._clock(), probe or secrets.token_hex(8))
        return state.epoch, "" if state.retry_at is None else state.lease

    async def _lease(self, shared: RedisGuard, probe: str) -> int:
        """Takes the lease for the one probe of all processes; returns the epoch. Raises Suspended if another has it.

        The state is read after the lease is taken, because its last holder wrote its result before returning it.
        """

        async def take(redis: Redis) -> tuple[bool, Stored | None]:
            taken: object = await redis.eval(TAKE, 1, self._lease_key, probe, round(LEASE_S * 1000))
            return taken != HELD, await self._read_stored(shared, redis)

        async with self._exchange:
            won, found = await shared.run(take, (True, None))
            self._adopt(found)
        if not won:
            self._state = replace(self._state, lease="another's", leased_until=self._clock() + PROBING_S)
        elif self._state.lease == probe:
            return self._state.epoch
        return self._enter(probe)[0]

    async def _leave(self, epoch: int, probe: str, outcome: UpstreamError | None) -> None:
        before = self._current()
        self._state = circuit.released(before, probe)
        if not isinstance(outcome, NOT_ASKED):
            self._state = circuit.settled(self._state, epoch, outcome, self._clock(), self._random())
        self._log_change(before, outcome)
        if self._shared is None:
            return
        if (self._state.epoch, self._state.level) != (before.epoch, before.level):
            await self._publish(self._shared)
        if probe:
            await self._shared.run(lambda redis: redis.eval(RELEASE, 1, self._lease_key, probe), None)

    async def _publish(self, shared: RedisGuard) -> None:
        """Writes a change."""
        async with self._exchange:
            await self._share(shared)

    async def _share(self, shared: RedisGuard) -> None:
        """Writes the state; adopts the stored one instead if it is a longer suspension."""

        async def exchange(redis: Redis) -> Stored:
            theirs = await self._read_stored(shared, redis)
            standing = _decoded(theirs) if theirs.body != self._last_stored else None
            if standing and (standing.retry_at or -math.inf) > (state.retry_at or -math.inf):
                return theirs
            return await self._write(shared, state, redis)

        state = self._state
        found = await shared.run(exchange, None)
        self._unwritten = found is None
        if self._state.epoch == state.epoch:
            self._adopt(found)

    async def _read_stored(self, shared: RedisGuard, redis: Redis) -> Stored:
        """Reads the stored state and the time of Redis' clock."""
        (stored,) = await read(redis, [self._key], _MOST_BYTES)
        return Stored(stored or b"", await self._ahead_s(shared, redis))

    async def _ahead_s(self, shared: RedisGuard, redis: Redis) -> float:
        # The error is the answer's travel time, at most the time-out of a call; the clocks may differ by any amount.
        return await shared.time_of(redis) - self._clock()

    async def _write(self, shared: RedisGuard, state: CircuitState, redis: Redis) -> Stored:
        ahead_s = await self._ahead_s(shared, redis)
        since = max(state.since, self._clock() - FORGET_S)
        standing = Standing(state.level, state.reason, since, state.retry_at).moved(ahead_s)
        self._last_stored = mine = msgspec.json.encode(standing)
        await redis.set(self._key, mine, px=round(FORGET_S * 1000))
        return Stored(mine, ahead_s)

    def _adopt(self, found: Stored | None) -> None:
        """Adopts the stored state if it changed. A missing key is no change: Redis may have lost it."""
        if found is None or not found.body or found.body == self._last_stored:
            return
        self._last_stored = found.body
        standing = _decoded(found)
        if standing is None:
            log.warning("redis_foreign_value", upstream=self.upstream, operation=self.operation)
            return
        # A time in the future was written before Redis' clock was set back: it counts as now.
        standing = standing.moved(min(0.0, self._clock() - standing.since))
        if standing.since < self._state.since:
            self._unwritten = True  # another process wrote while this one could not
        else:
            self._state = circuit.adopted(self._state, standing)

    def _is_fresh(self) -> bool:
        return 0 <= self._clock() - self._looked_at < REFRESH_S

    def _log_change(self, before: CircuitState, outcome: UpstreamError | None) -> None:
        state = self._state
        if state.epoch == before.epoch:
            return
        bound = log.bind(upstream=self.upstream, operation=self.operation, reason=state.reason, step=state.level)
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
        """`clock` never jumps and times all pauses; `unix` is the time of day, for display only."""
        self._shared, self._clock, self._unix, self._random = shared, clock, unix, random
        self._circuits: dict[tuple[str, str], Circuit] = {}

    def circuit(self, upstream: str, operation: str, *, slow_s: float) -> Circuit:
        """The circuit of an operation, created on first use; answers slower than `slow_s` seconds count as failures.

        Only created circuits are shown and reset: create them all at the start.
        """
        known = self._circuits.get((upstream, operation))
        if known is None:
            known = self._circuits[upstream, operation] = Circuit(
                upstream,
                operation,
                slow_s=slow_s,
                shared=self._shared,
                clock=self._clock,
                unix=self._unix,
                random=self._random,
            )
        return known

    async def snapshot(self) -> Mapping[tuple[str, str], Snapshot]:
        """Return every circuit's state, other processes' suspensions included. Calls no upstream."""
        await asyncio.gather(*(each.refresh() for each in self._circuits.values()))
        return self.known()

    def known(self) -> Mapping[tuple[str, str], Snapshot]:
        """Return every circuit's state as this process knows it."""
        return {name: each.snapshot() for name, each in self._circuits.items()}

    async def remind(self) -> None:
        """Writes suspensions again if Redis lost them, even while no calls are made."""
        waiting = [each for each in self._circuits.values() if each.wait_s() is not None]
        await asyncio.gather(*(each.refresh() for each in waiting))

    async def reset(self, upstream: str) -> None:
        """Resets all circuits of an upstream, in all processes."""
        for each in [*self._circuits.values()]:
            if each.upstream == upstream:
                await each.reset()


def _decoded(found: Stored | None) -> Standing | None:
    """The stored standing by this process's clock; None for anything that is not one."""
    if found is None:
        return None
    try:
        standing = msgspec.json.decode(found.body, type=Standing)
    except (ValueError, RecursionError):
        return None
    # Reasons are shown to clients, so only known ones pass.
    reasons = SUSPENDED_FOR if standing.retry_at is not None or standing.level else SUSPENDED_FOR | {""}
    return standing.moved(-found.ahead_s) if standing.reason in reasons else None
