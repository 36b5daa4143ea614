"""The cache of typed entries (a chunk of a search, an advert, a sheet), in memory and in Redis, with three ages each.

Until `fresh_s` an entry is returned as it is. Until `revalidate_s` it is returned at once and reloaded in the
background; if the last load failed, the result carries that failure. Until `if_error_s` it is reloaded first, and
returned with the failure if that fails or takes too long. Loads are single-flight, within a process and across
processes, and detached from the request that started them. Failures are stored apart from values: during a policy's
back-off no load starts. A load without waiters continues, unless it still waits for its turn in the rate limit. A
load's result replaces the older entry: a car found sold never comes back from an older entry.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import copy_context
from functools import partial
from typing import Any, NamedTuple, TypeVar

import structlog

from dealerproxy.cache.entries import (
    CacheOutlook,
    CachePolicy,
    CacheResult,
    CacheStatus,
    Key,
    copy_of,
    decode_failure,
    encode_failure,
    opened,
)
from dealerproxy.cache.memory import BoundedMemory
from dealerproxy.cache.redis_tier import Place, RedisTier
from dealerproxy.contract.deadline import Deadline
from dealerproxy.tasks import cancel_and_wait
from dealerproxy.transport.errors import Closed, Overloaded, TooLate, UpstreamError
from dealerproxy.transport.limits import FLIGHT, LANE, Flight, Lane, background
from dealerproxy.transport.redis_guard import RedisGuard

MAX_BYTES = 64 * 2**20
# Decoded, listings and adverts take about 3 times their encoded size, nested mappings 6 times.
MEMORY_FACTOR = 4
# A short-lived entry must still last until the processes that waited for it have read it.
LEAST_KEPT_S = 1.0
TOO_LATE = "the request's deadline passed first"

log = structlog.get_logger(__name__)
V = TypeVar("V")
Load = Callable[[], Awaitable[V]]
# What is stored at a place: a value, a failure, a read of Redis under way, a lock.
_PIECE, _FAILURE, _LOOK, _LOCK = "piece", "failure", "look", "lock"


class _Kept(NamedTuple):
    """A value or a failure, when its load began and ended (this process's clock), and its approximate size in bytes."""

    value: Any
    at: float
    ended_at: float
    size: int


_NOTHING = _Kept(None, -math.inf, -math.inf, 0)


class _Load(Flight):
    """A load under way, and the deadlines of its waiters.

    A refresh needs no waiter.
    """

    task: asyncio.Task[Any]

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place, self.is_refresh = place, False
        self.waiters: list[Deadline] = []

    def patience_s(self) -> float:
        """Seconds until the last waiter's deadline; infinite for a refresh, and without waiters."""
        return math.inf if self.kept else max((each.remaining() for each in self.waiters), default=math.inf)

    def __await__(self) -> Generator[Any, None, Any]:
        """Wait until it ends."""
        return self.task.__await__()


class StaleCache:
    """All entries of a process and, through `shared`, those of other processes.

    `counts` has the number of results by policy, tier (`memory`, `redis`, `upstream`) and result: a CacheStatus, or
    `error` if there was nothing to return. An `error` of tier `redis` is a stored value that cannot be decoded.
    `clock` never jumps: nothing here depends on the time of day. Redis stores times of its own clock.
    """

    def __init__(
        self,
        shared: RedisGuard | None = None,
        *,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.counts: Counter[tuple[str, str, str]] = Counter()
        self.memory = BoundedMemory(max_bytes=max_bytes, weigh=lambda kept: kept.size, clock=clock)
        self._redis = None if shared is None else RedisTier(shared, clock)
        self._clock = clock
        self._forgiven_at = -math.inf
        self._flights: dict[Place, _Load] = {}

    async def get(
        self,
        kind: CachePolicy[V],
        key: Key,
        load: Load[V],
        deadline: Deadline,
        *,
        bypass_cache: bool = False,
    ) -> CacheResult[V]:
        """Return an entry or load it; with `bypass_cache`, always load it or join the load under way.

        If no entry is young enough to stand in, raises what the load raised, or TooLate if the deadline passed first.
        """
        place = (kind.stored_as, key, _PIECE)
        kept = self._kept(place)
        if not bypass_cache and self._age(kept) < kind.fresh_s:
            return self._found(kind, "memory", CacheStatus.HIT, kept)
        fetch = partial(self._fetch, kind, key, load, bypass_cache=bypass_cache)
        try:
            if not bypass_cache:
                if place not in self._flights:
                    kept = await self._catch_up(kind, key, deadline)
                if self._age(kept) < kind.fresh_s:
                    return self._found(kind, "redis", CacheStatus.HIT, kept)
                if self._age(kept) < kind.revalidate_s:
                    with background():
                        flight = self._flight(place, fetch)
                        flight.is_refresh = flight.kept = True
                    # Until a load succeeds, the entry is old because the last load failed.
                    failure = self._failure(kind, key, kept.at)
                    state = CacheStatus.UPDATING if failure is None else CacheStatus.STALE
                    return self._found(kind, "memory", state, kept, failure)
            if place not in self._flights and not deadline.remaining():
                raise TooLate(TOO_LATE)  # no time to wait for a load
            kept = await self._wait_for(self._flight(place, fetch), deadline)
            return self._found(kind, "upstream", CacheStatus.MISS, kept)
        except UpstreamError as error:
            kept = self._kept(place)  # again: a newer entry may have arrived during the wait
            if self._age(kept) >= kind.if_error_s:
                self.counts[kind.name, "upstream", "error"] += 1
                raise
            return self._found(kind, "memory", CacheStatus.STALE, kept, error)

    async def outlook(
        self, kind: CachePolicy[Any], key: Key, deadline: Deadline, *, bypass_cache: bool = False
    ) -> CacheOutlook:
        """Return what `get` would do now. Does not load."""
        place = (kind.stored_as, key, _PIECE)
        failure: UpstreamError | None = None
        if not bypass_cache and self._age(self._kept(place)) >= kind.fresh_s:
            try:
                await self._catch_up(kind, key, deadline)
            except UpstreamError as error:
                failure = error
        kept = self._kept(place)
        age_s, loads = self._age(kept), place not in self._flights
        at_hand_s = age_s if age_s < kind.if_error_s else None
        if failure is not None:
            return CacheOutlook(CacheStatus.STALE, at_hand_s, loads=False, failure=failure)
        if not bypass_cache and age_s < kind.fresh_s:
            return CacheOutlook(CacheStatus.HIT, at_hand_s, loads=False)
        if not bypass_cache and age_s < kind.revalidate_s:
            return CacheOutlook(CacheStatus.UPDATING, at_hand_s, loads, self._failure(kind, key, kept.at))
        return CacheOutlook(CacheStatus.MISS, at_hand_s, loads)

    def at_hand(self, kind: CachePolicy[V], key: Key) -> V | None:
        """Return the entry in this process's memory, of any age; None without one. Does not load."""
        kept: V | None = self._kept((kind.stored_as, key, _PIECE)).value
        return kept

    def forgive(self) -> None:
        """Forget past failures in this process, so that the next call of `get` starts a load."""
        self._forgiven_at = self._clock()

    async def close(self) -> None:
        """Cancel all loads."""
        await cancel_and_wait(*(flight.task for flight in self._flights.values()))

    async def _catch_up(self, kind: CachePolicy[V], key: Key, deadline: Deadline) -> _Kept:
        """Return the newest entry of memory and Redis. Raises the failure whose back-off is not over."""
        since = self._clock() - kind.back_off_s
        failure = self._failure(kind, key, since)
        if failure is None and self._redis is not None:
            look = self._flight((kind.stored_as, key, _LOOK), partial(self._look, self._redis, kind, key))
            await asyncio.wait({look.task}, timeout=deadline.remaining())
            failure = self._failure(kind, key, since)
        kept = self._kept((kind.stored_as, key, _PIECE))
        if failure is not None and self._age(kept) >= kind.fresh_s:
            raise failure
        return kept

    async def _fetch(self, kind: CachePolicy[V], key: Key, load: Load[V], *, bypass_cache: bool) -> _Kept:
        """Load an entry, or wait for another process's load and take its result."""
        if self._redis is None:
            return await self._load(kind, key, load)
        began = self._clock()
        async with self._redis.lock((kind.stored_as, key, _LOCK), kind.load_s):
            await self._look(self._redis, kind, key)
            kept = self._kept((kind.stored_as, key, _PIECE))
            # A load that was under way in another process is new enough, even for `bypass_cache`.
            if kept.ended_at > began or (not bypass_cache and kept.at > began - kind.fresh_s):
                return kept
            failure = self._failure(kind, key, began if bypass_cache else began - kind.back_off_s)
            if failure is not None:
                raise failure
            return await self._load(kind, key, load)

    async def _load(self, kind: CachePolicy[V], key: Key, load: Load[V]) -> _Kept:
        # An entry is as old as the start of its load: the first data of a long load may have changed by its end.
        began = self._clock()
        try:
            value = await load()
        except (Overloaded, Closed):
            raise  # a full queue or a pause says nothing about the site, and may be over at the next call
        except UpstreamError as error:
            body = encode_failure(error)
            # A copy: the error itself keeps all frames of its traceback alive.
            copy = decode_failure(body) if body else error
            await self._store(
                (kind.stored_as, key, _FAILURE), copy, self._clock(), body, kind.back_off_s, here_s=_failure_s(kind)
            )
            raise
        return await self._store((kind.stored_as, key, _PIECE), value, began, kind.encode(value), kind.if_error_s)

    async def _store(
        self, place: Place, value: object, at: float, body: bytes, keep_s: float, *, here_s: float = 0.0
    ) -> _Kept:
        """Store in both tiers for `keep_s` seconds, in memory for `here_s` if that is more.

        A value that cannot be encoded (an empty `body`) is stored in neither tier, and the old value is removed.
        """
        kept = _Kept(value, at, self._clock(), MEMORY_FACTOR * len(body))
        keep_s = max(keep_s, LEAST_KEPT_S)
        if body:
            await self.memory.set(place, kept, ttl=max(keep_s, here_s))
            if self._redis is not None:
                await self._redis.write(place, body, kept.at, kept.ended_at, keep_s)
        else:
            await self.memory.delete(place)
            if self._redis is not None:
                await self._redis.delete(place)
        return kept

    async def _look(self, redis: RedisTier, kind: CachePolicy[V], key: Key) -> None:
        """Copy newer entries from Redis to memory."""
        piece, failure = (kind.stored_as, key, _PIECE), (kind.stored_as, key, _FAILURE)
        looked = await redis.read((piece, failure))
        for place, raw, decode, keep_s in zip(
            (piece, failure),
            looked.stored,
            (kind.decode, decode_failure),
            (kind.if_error_s, _failure_s(kind)),
            strict=True,
        ):
            if raw is None:
                continue
            try:
                began_at, ended_at, body = opened(raw, looked.now)
                at = began_at - looked.ahead_s
                if at > self._kept(place).at:
                    kept = _Kept(decode(body), at, ended_at - looked.ahead_s, MEMORY_FACTOR * len(body))
                    await self.memory.set(place, kept, ttl=max(keep_s, LEAST_KEPT_S))
            except Exception:  # the stored value may be anything
                self.counts[kind.name, "redis", "error"] += 1

    def _kept(self, place: Place) -> _Kept:
        kept: _Kept | None = self.memory.at_hand(place)
        return _NOTHING if kept is None else kept

    def _failure(self, kind: CachePolicy[V], key: Key, since: float) -> UpstreamError | None:
        """Return the last load's failure, if it came after `since` and no load succeeded after it."""
        failed = self._kept((kind.stored_as, key, _FAILURE))
        if failed.at <= max(since, self._forgiven_at):
            return None
        if failed.at < self._kept((kind.stored_as, key, _PIECE)).at:
            return None
        # Each raise needs a copy: the remaining wait changes, and the traceback must not grow.
        error = copy_of(failed.value)
        if error.retry_after_s is not None:
            error.retry_after_s = max(0.0, error.retry_after_s - self._age(failed))
        return error

    def _age(self, kept: _Kept) -> float:
        return max(0.0, self._clock() - kept.at)

    def _found(
        self, kind: CachePolicy[V], tier: str, state: CacheStatus, kept: _Kept, failure: UpstreamError | None = None
    ) -> CacheResult[V]:
        self.counts[kind.name, tier, state] += 1
        age_s = self._age(kept)
        return CacheResult(kept.value, age_s, state, failure, max(0.0, kind.fresh_s - age_s), kept.at)

    def _flight(self, place: Place, work: Callable[[], Coroutine[Any, Any, Any]]) -> "_Load":
        """Join a flight, or start it as a task of its own.

        A request does not wait behind background calls: it replaces a refresh that still waits for its turn.
        """
        flight = self._flights.get(place)
        if (
            flight is not None
            and flight.is_refresh
            and flight.unsent
            and not flight.waiters
            and LANE.get() is not Lane.BACKGROUND
        ):
            self._drop(flight)
            flight = None
        if flight is None:
            flight = self._flights[place] = _Load(place)
            context = copy_context()
            context.run(FLIGHT.set, flight)
            flight.task = asyncio.create_task(work(), context=context)
            flight.task.add_done_callback(partial(self._landed, flight))
        return flight

    async def _wait_for(self, flight: "_Load", deadline: Deadline) -> _Kept:
        """Wait for a flight. If the last waiter leaves before the flight has its turn, the flight is cancelled."""
        flight.waiters.append(deadline)
        try:
            await asyncio.wait({flight.task}, timeout=deadline.remaining())
        finally:
            flight.waiters.remove(deadline)
            if not flight.waiters and not flight.kept and flight.unsent:
                self._drop(flight)
        if not flight.task.done():
            raise Overloaded(TOO_LATE) if flight.unsent and not flight.kept else TooLate(TOO_LATE)
        kept: _Kept = flight.task.result()
        return kept

    def _drop(self, flight: "_Load") -> None:
        if self._flights.get(flight.place) is flight:
            del self._flights[flight.place]
        flight.task.cancel()

    def _landed(self, load: "_Load", flight: asyncio.Task[Any]) -> None:
        place = load.place
        if self._flights.get(place) is load:
            del self._flights[place]
        # Read here, so that asyncio does not log a failure without waiters as never retrieved.
        error = None if flight.cancelled() else flight.exception()
        if error is not None and not isinstance(error, UpstreamError):
            log.error("load_broke", kind=place[0], key=place[1], exc_info=error)


def _failure_s(kind: CachePolicy[Any]) -> float:
    """Seconds for which memory keeps a failure: first for the back-off, then as the reason of a stale entry."""
    return max(kind.back_off_s, kind.revalidate_s)
