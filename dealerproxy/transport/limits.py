"""The service's limits towards an upstream: requests a second, and requests at a time.

A caller takes a slot of the bulkhead first and then a turn of the rate limiter. So callers queue in the lanes, where
interactive ones go first, and only callers with a slot wait for a turn.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from enum import StrEnum

from redis.asyncio import Redis

from dealerproxy.transport.errors import Overloaded, TimedOut
from dealerproxy.transport.redis_guard import RedisGuard

# No caller waits longer for a turn than the longest deadline; a stored turn that is further away is invalid.
LONGEST_WAIT_S = 60.0
# About what a burst of 24 and 4 requests a second serve within a list's deadline of 8 s; later callers would time out.
QUEUE = 64

# GCRA in one step, by Redis' clock, so that the machines' clocks need not agree. All times are microseconds. Returns
# the wait; if it is longer than the caller can wait, takes nothing and returns the negative wait. An invalid row
# (another type, a text, a time too far away) is replaced.
_RESERVE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2])
local longest, furthest = tonumber(ARGV[3]), tonumber(ARGV[4])
local size = redis.pcall('STRLEN', KEYS[1])
local due = type(size) == 'number' and size <= 32 and tonumber(redis.call('GET', KEYS[1]) or '') or now
if not (due >= now and due <= now + tolerance + furthest + interval) then due = now end
due = math.max(due, now + tonumber(ARGV[5]))
local wait = math.max(0, due - tolerance - now)
if wait > longest then return -wait end
due = due + interval
redis.call('SET', KEYS[1], string.format('%.0f', due), 'PX', math.ceil((due - now) / 1000))
return wait
"""


class Bucket:
    """Turns of one process: `burst` at once, then one every `interval_s` seconds (GCRA)."""

    def __init__(self, interval_s: float, burst: float, clock: Callable[[], float]) -> None:
        self._interval_s, self._tolerance_s, self._clock = interval_s, (burst - 1) * interval_s, clock
        self._due = clock()

    @property
    def taken_s(self) -> float:
        """Return the seconds until all taken turns are over."""
        return max(0.0, self._due - self._clock())

    @property
    def wait_s(self) -> float:
        """Seconds until the next turn."""
        return max(0.0, self.taken_s - self._tolerance_s)

    def take(self) -> None:
        """Take the next turn."""
        self._due = max(self._due, self._clock()) + self._interval_s

    def drain(self) -> None:
        """Take the next turn; the wait for one after it is at most one interval. For turns given out by Redis."""
        self.take()
        self._due = min(self._due, self._clock() + self._tolerance_s + self._interval_s)


class RateLimiter:
    """Gives out turns: `burst` at once, then `rps` a second.

    With Redis all processes take their turns from one row. Each process adds its own taken turns to it, so that a lost
    row gives no new burst. Without Redis, or while it is down, each process takes its share of the rate and the burst.
    """

    def __init__(
        self,
        name: str,
        *,
        rps: float,
        burst: int,
        processes: int = 1,
        shared: RedisGuard | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shared = shared
        self._interval_s = 1 / rps
        self._tolerance_s = (burst - 1) / rps
        self._own = Bucket(1 / rps, burst, clock)
        self._share = Bucket(processes / rps, max(1.0, burst / processes), clock)
        self._key = shared.key("rate", name) if shared else ""

    async def reserve(self, longest_wait_s: float) -> float:
        """Take the next turn and return the seconds until it, which the caller then waits.

        Raises Overloaded at once, and takes nothing, when the turn would come after `longest_wait_s` (at most 60).
        A caller that stops waiting loses its turn; no other caller moves up.
        """
        longest_s = min(longest_wait_s, LONGEST_WAIT_S)
        wait_s = None if self._shared is None else await self._reserve_together(self._shared, longest_s)
        if wait_s is None:
            wait_s = self._reserve_alone(longest_s)
        elif wait_s >= 0:
            self._own.take()
            self._share.drain()  # or each failure of Redis would allow a new burst
        if wait_s < 0:
            raise Overloaded(f"the next turn comes in {-wait_s:.1f} s", -wait_s)
        return wait_s

    def _reserve_alone(self, longest_s: float) -> float:
        wait_s = max(self._own.wait_s, self._share.wait_s)
        if wait_s > longest_s:
            return -wait_s
        self._own.take()
        self._share.take()
        return wait_s

    async def _reserve_together(self, shared: RedisGuard, longest_s: float) -> float | None:
        """Reserve a turn in Redis; None while Redis is down."""
        figures = (self._interval_s, self._tolerance_s, longest_s, LONGEST_WAIT_S, self._own.taken_s)

        async def reserve(redis: Redis) -> float:
            wait: int = await redis.eval(_RESERVE, 1, self._key, *(round(1e6 * figure) for figure in figures))
            return wait / 1e6

        return await shared.run(reserve, None)


class Lane(StrEnum):
    """The priority of a call: a client waits for it (interactive), or none does (background)."""

    INTERACTIVE = "interactive"
    BACKGROUND = "background"


# The routes know the lane and the fetcher uses it; tasks inherit the lane of the task that starts them.
LANE: ContextVar[Lane] = ContextVar("lane", default=Lane.INTERACTIVE)


@contextmanager
def background() -> Iterator[None]:
    """Puts all calls inside into the background lane, because no client waits for them."""
    token = LANE.set(Lane.BACKGROUND)
    try:
        yield
    finally:
        LANE.reset(token)


class Bulkhead:
    """At most `in_flight` requests at a time, in two lanes, first come first served within each.

    Interactive callers go first. Background ones may hold half of the slots, so that no crawl can hold all of them.
    `held` and `queued` count the slots in use and the callers waiting, by lane.
    """

    def __init__(self, in_flight: int, *, queue: int = QUEUE) -> None:
        self._free = in_flight
        self._queue = queue
        self._most = {Lane.INTERACTIVE: in_flight, Lane.BACKGROUND: max(1, in_flight // 2)}
        self._waiting: dict[Lane, deque[asyncio.Future[None]]] = {lane: deque() for lane in Lane}
        self.held: Counter[Lane] = Counter(dict.fromkeys(Lane, 0))

    @property
    def queued(self) -> Mapping[Lane, int]:
        """How many callers wait for a slot, by lane."""
        return {lane: len(waiting) for lane, waiting in self._waiting.items()}

    @asynccontextmanager
    async def slot(self, lane: Lane, within_s: float) -> AsyncIterator[None]:
        """Hold a slot. Raises Overloaded at once when the lane's queue is full, TimedOut after `within_s` in it."""
        await self._enter(lane, within_s)
        try:
            yield
        finally:
            self._leave(lane)

    async def _enter(self, lane: Lane, within_s: float) -> None:
        waiting = self._waiting[lane]
        if self._has_room(lane):
            self._take(lane)
            return
        if len(waiting) >= self._queue:
            raise Overloaded(f"{len(waiting)} are waiting in the {lane} lane")
        turn = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        try:
            await asyncio.wait({turn}, timeout=within_s)
        except asyncio.CancelledError:
            if turn.done():
                self._leave(lane)  # the slot was granted in the same moment
            else:
                waiting.remove(turn)
            raise
        if not turn.done():
            waiting.remove(turn)
            raise TimedOut(f"no free slot in the {lane} lane within {within_s:.1f} s")

    def _leave(self, lane: Lane) -> None:
        self.held[lane] -= 1
        self._free += 1
        for next_lane in Lane:  # interactive comes first
            if self._waiting[next_lane] and self._has_room(next_lane):
                self._take(next_lane)
                self._waiting[next_lane].popleft().set_result(None)

    def _has_room(self, lane: Lane) -> bool:
        return self._free > 0 and self.held[lane] < self._most[lane]

    def _take(self, lane: Lane) -> None:
        self.held[lane] += 1
        self._free -= 1
