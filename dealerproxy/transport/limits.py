"""The service's limits towards an upstream: its request rate, and which calls come first (lanes).

`turns` gives turns of the rate to waiting calls, in the order of `line`.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum

from redis.asyncio import Redis

from dealerproxy.transport.redis_guard import RedisGuard

# The share of the burst that `spare` turns leave to others.
KEPT_BURST = 0.5
# A wait below the clocks' resolution counts as none; the time of the next turn does not change.
_ROUNDING_S = 1e-7

# GCRA in one step, by Redis' clock, so that the machines' clocks need not agree. All times are microseconds. Takes a
# turn that is due and returns 0; else takes nothing and returns the wait. Turns are never taken ahead, so a stored time
# more than a burst and one turn away is invalid, as is another type or a text: such a row is replaced. What the process
# took itself is written again if the row was lost.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, tolerance, kept, own = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local size = redis.pcall('STRLEN', KEYS[1])
local due = type(size) == 'number' and size <= 32 and tonumber(redis.call('GET', KEYS[1]) or '') or now
if not (due >= now and due <= now + tolerance + interval) then due = now end
local stored = due
due = math.max(due, now + own)
local wait = math.max(0, math.ceil(due - (tolerance - kept) - now))
if wait == 0 then due = due + interval end
if due > stored then redis.call('SET', KEYS[1], string.format('%.0f', due), 'PX', math.ceil((due - now) / 1000)) end
return wait
"""


class Bucket:
    """Turns of one process: `burst` at once, then one every `interval_s` seconds (GCRA)."""

    def __init__(self, interval_s: float, burst: float, clock: Callable[[], float]) -> None:
        self.interval_s, self._tolerance_s, self._clock = interval_s, (burst - 1) * interval_s, clock
        self._due = clock()

    @property
    def taken_s(self) -> float:
        """Return the seconds until all taken turns are over."""
        return max(0.0, self._due - self._clock())

    def wait_s(self, *, spare: bool = False) -> float:
        """Seconds until the next turn; with `spare`, until one that leaves part of the burst."""
        wait_s = self.taken_s - self._tolerance_s * ((1 - KEPT_BURST) if spare else 1.0)
        return wait_s if wait_s > _ROUNDING_S else 0.0

    def take(self) -> None:
        """Take the next turn."""
        self._due = max(self._due, self._clock()) + self.interval_s

    def drain(self) -> None:
        """Take the next turn; the wait for one after it is at most one interval. For turns given out by Redis."""
        self.take()
        self._due = min(self._due, self._clock() + self._tolerance_s + self.interval_s)


class RateLimiter:
    """Gives out turns that are due: `burst` at once, then `rps` a second; so at most burst + rps x t in any t seconds.

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
        self._shared, self.burst = shared, burst
        self._tolerance_s = (burst - 1) / rps
        self._own = Bucket(1 / rps, burst, clock)
        self._share = Bucket(processes / rps, max(1.0, burst / processes), clock)
        self._key = shared.key("rate", name) if shared else ""

    @property
    def interval_s(self) -> float:
        """Seconds from one turn to the next when this process takes all that it can have."""
        together = self._shared is not None and self._shared.up
        return self._own.interval_s if together else max(self._own.interval_s, self._share.interval_s)

    async def take(self, *, spare: bool = False) -> float:
        """Take a turn and return 0 if one is due; else take nothing and return the seconds until one may be due.

        With `spare` it takes one only while half of the burst is left for others.
        """
        wait_s = None if self._shared is None else await self._take_together(self._shared, spare=spare)
        if wait_s is None:
            wait_s = max(self._own.wait_s(spare=spare), self._share.wait_s(spare=spare))
            if not wait_s:
                self._own.take()
                self._share.take()
        elif not wait_s:
            self._own.take()
            self._share.drain()  # or each failure of Redis would allow a new burst
        return wait_s

    async def _take_together(self, shared: RedisGuard, *, spare: bool) -> float | None:
        """Take a turn from Redis; None while Redis is down."""
        kept_s = self._tolerance_s * KEPT_BURST if spare else 0.0
        figures = (self._own.interval_s, self._tolerance_s, kept_s, self._own.taken_s)

        async def take(redis: Redis) -> float:
            wait: int = await redis.eval(_TAKE, 1, self._key, *(round(1e6 * figure) for figure in figures))
            return wait / 1e6

        return await shared.run(take, None)


class Lane(StrEnum):
    """The class of a call, in the order in which they are served; `line.LANES` has their shares."""

    CARS = "cars"
    LISTS = "lists"
    PAPERS = "papers"
    BACKGROUND = "background"


# The lane of all calls of a task, and of the tasks that it starts; None leaves it to the operation (FetchPolicy).
LANE: ContextVar[Lane | None] = ContextVar("lane", default=None)
# The answer that calls of a task belong to, if several calls make one answer.
ANSWER: ContextVar[object | None] = ContextVar("answer", default=None)


class Flight:
    """The progress of a load: `queued` once it waits for its first turn, `sent` once it had it.

    A `kept` load continues even if no request waits for it, because later requests use its result.
    """

    def __init__(self) -> None:
        self.queued = self.sent = self.kept = False

    @property
    def unsent(self) -> bool:
        """Whether it waits for its first turn."""
        return self.queued and not self.sent

    def patience_s(self) -> float:
        """Seconds until no request waits for it any more."""
        return math.inf


# The load to which the calls of a task belong.
FLIGHT: ContextVar[Flight | None] = ContextVar("flight", default=None)


@contextmanager
def background() -> Iterator[None]:
    """Puts all calls inside into the background lane, because no client waits for them."""
    token = LANE.set(Lane.BACKGROUND)
    try:
        yield
    finally:
        LANE.reset(token)


@contextmanager
def one_answer() -> Iterator[None]:
    """Marks all calls inside as parts of one answer, which needs all of them."""
    token = ANSWER.set(object())
    try:
        yield
    finally:
        ANSWER.reset(token)
