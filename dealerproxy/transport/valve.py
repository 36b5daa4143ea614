"""The valve of a site: it stops all calls during an operator's pause, or when the daily budget is used up.

Both hold for all processes that share a Redis. One step, right before a call is sent, checks for a pause and counts
the call, so no process sends a call after another process was told to pause. A process learns within a second that a
pause was ended. Without Redis each process has its own pause and counts for its share of the budget; a
restart forgets both. Pauses are timed by a clock that never jumps (between processes by Redis' clock). A budget's day
ends at midnight in Seoul, by Redis' clock if there is one, else by the time of day.
"""

import asyncio
import math
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Annotated, NamedTuple

import msgspec
import structlog
from msgspec import Meta, Struct
from redis.asyncio import Redis

from dealerproxy.transport.errors import Closed, DailyBudget, Paused
from dealerproxy.transport.redis_guard import RedisGuard

# The longest pause, in minutes, and the longest note.
MOST_MINUTES = 1_440
MOST_NOTE = 500
# Background calls stop when this many of 100 calls of a day's budget are used.
BACKGROUND_PERCENT = 80
# How old a process's copy of the shared state may be between calls.
REFRESH_S = 1.0
_DAY_S = 86_400
_SEOUL_S = 9 * 3_600
_KEPT_MS = MOST_MINUTES * 60_000

# Looks at the pause KEYS[1] and takes a call of the day's KEYS[2] ("day:calls") if ARGV[1] is 1, the pause is the one
# that the process knows (ARGV[2]), and less than ARGV[3] calls were made (-1: no bound). The process adds the calls
# that it made without Redis (ARGV[6]) on its day ARGV[4], and restores a lost count to what it knows (ARGV[5]). Answers
# Redis' time in microseconds, the calls of the day, whether one was taken, and the pause. What this cannot have
# written counts as absent.
_LOOK = """
local function text(key, most)
  local size = redis.pcall('STRLEN', key)
  if type(size) ~= 'number' or size > most then return '' end
  return redis.call('GET', key) or ''
end
local time = redis.call('TIME')
local day = math.floor((time[1] + 32400) / 86400)
local stored_day, stored = string.match(text(KEYS[2], 32), '^(%d+):(%d+)$')
local calls = stored_day == string.format('%.0f', day) and tonumber(stored) or 0
local before = calls
if tonumber(ARGV[4]) == day then calls = math.max(calls, tonumber(ARGV[5])) + tonumber(ARGV[6]) end
local pause, most, taken = text(KEYS[1], 4000), tonumber(ARGV[3]), 0
if ARGV[1] == '1' and pause == ARGV[2] and (most < 0 or calls < most) then
  taken = 1
  calls = calls + 1
end
if calls ~= before then redis.call('SET', KEYS[2], string.format('%.0f:%.0f', day, calls), 'EX', 86400) end
return {time[1] * 1000000 + time[2], calls, taken, pause}
"""

log = structlog.get_logger(__name__)


class Pause(Struct, frozen=True):
    """An operator's order at `since` (seconds): no calls until `until`, or calls may go out again (None)."""

    since: Annotated[float, Meta(ge=0, le=1e11)]
    until: Annotated[float, Meta(ge=0, le=1e11)] | None
    note: Annotated[str, Meta(max_length=MOST_NOTE)] = ""

    def moved(self, by_s: float) -> "Pause":
        """Return the same order with times of a clock that is `by_s` seconds ahead."""
        return Pause(self.since + by_s, None if self.until is None else self.until + by_s, self.note)


class PauseState(NamedTuple):
    """A pause that holds, as operators see it; times are unix seconds."""

    since: float
    until: float
    note: str


class ValveState(NamedTuple):
    """A valve as operators see it: its pause, if one holds; the calls of this day; when the day ends (unix seconds).

    At `most` calls all calls stop, at `most_background` those in the background; 0 is no limit.
    """

    pause: PauseState | None
    calls: int
    most: int
    most_background: int
    day_ends_at: float


class _Found(NamedTuple):
    """The answer of Redis: its time in seconds, the calls of its day, whether one was taken, the stored pause."""

    now: float
    calls: int
    taken: bool
    pause: bytes


class Valve:
    """Lets calls to one site out, or stops them. Without a limit and a pause it only counts."""

    def __init__(
        self,
        upstream: str,
        *,
        daily_calls: int = 0,
        processes: int = 1,
        shared: RedisGuard | None = None,
        clock: Callable[[], float] = time.monotonic,
        unix: Callable[[], float] = time.time,
    ) -> None:
        """`daily_calls`: the most calls of all processes in a day (Seoul time), 0 for no limit."""
        self.upstream, self._most, self._processes = upstream, daily_calls, processes
        self._shared, self._clock, self._unix = shared, clock, unix
        self._keys = tuple(shared.key(what, upstream) for what in ("pause", "calls")) if shared else ()
        self._pause: Pause | None = None  # by this process's clock
        self._unwritten = self._lost = False  # whether Redis lacks it, because it lost it
        self._stored = b""  # the pause's bytes that Redis returned last
        # Of the day: the calls that Redis knows of, and those that only this process knows of.
        self._day, self._together, self._alone = 0, 0, 0
        self._ahead_s: float | None = None  # how far Redis' clock is ahead of this process's
        self._looked_at = -math.inf
        self._told = 0
        self._exchanging = asyncio.Lock()

    def closed(self, *, background: bool = False) -> Closed | None:
        """Return why no call may go out now, as far as this process knows; None if one may."""
        now = self._clock()
        if self._pause is not None and self._pause.until is not None and now < self._pause.until:
            return Paused(self._pause.until - now)
        if self._most and self._calls() >= self._bound(background=background):
            return DailyBudget(self._day_left_s())
        return None

    def check(self, *, background: bool) -> None:
        """Raise Paused or DailyBudget if no call may go out now, as far as this process knows."""
        if (error := self.closed(background=background)) is not None:
            raise error

    async def take(self, *, background: bool) -> None:
        """Count a call that is sent next. Raises Paused or DailyBudget if it may not be sent, as any process knows."""
        most = self._bound(background=background) if self._most else -1
        while True:
            async with self._exchanging:
                # While this call waited, another one may have learned of a pause.
                self.check(background=background)
                found = await self._exchange(take=True, most=most)
            if found is None:
                self._calls()  # a new day begins at zero
                self._alone += 1
                self._tell()
                return
            if found.taken:
                return

    async def pause(self, minutes: int, note: str) -> None:
        """Stop all calls for `minutes`, in all processes. A later pause replaces an earlier one."""
        now = self._clock()
        log.warning("upstream_paused", upstream=self.upstream, minutes=minutes, note=note)
        await self._set(Pause(now, now + 60.0 * minutes, note))

    async def resume(self) -> None:
        """End a pause, in all processes."""
        log.warning("upstream_resumed", upstream=self.upstream)
        await self._set(Pause(self._clock(), None))

    @property
    def outdated(self) -> bool:
        """Whether the shared state was not read within the last second."""
        return self._shared is not None and not 0 <= self._clock() - self._looked_at < REFRESH_S

    async def refresh(self) -> None:
        """Read the shared state, unless it was read within the last second; write what Redis lacks."""
        if self.outdated:
            async with self._exchanging:
                if self.outdated:  # another request may have read it meanwhile
                    await self._exchange()

    def state(self) -> ValveState:
        """Return the state as this process knows it."""
        unix, now, pause = self._unix(), self._clock(), None
        if self._pause is not None and self._pause.until is not None and now < self._pause.until:
            pause = PauseState(unix + self._pause.since - now, unix + self._pause.until - now, self._pause.note)
        most, most_background = (self._bound(background=background) for background in (False, True))
        day_ends_at = float((_day_of(self._now()) + 1) * _DAY_S - _SEOUL_S)
        return ValveState(pause, self._calls(), most, most_background, day_ends_at)

    async def _set(self, pause: Pause) -> None:
        self._pause, self._unwritten, self._lost = pause, self._shared is not None, False
        async with self._exchanging:
            await self._exchange()

    async def _exchange(self, *, take: bool = False, most: int = -1) -> _Found | None:
        """Write what Redis lacks and read the rest, under the lock. Return None without Redis."""
        if self._shared is None:
            return None
        found = await self._shared.run(partial(self._look, take=take, most=most), None)
        self._looked_at = self._clock()
        if found is None:
            return None
        self._ahead_s = found.now - self._looked_at
        self._day, self._together, self._alone = _day_of(found.now), found.calls, 0
        self._adopt(found.pause)
        if self._unwritten and self._pause is not None:
            written = msgspec.json.encode(self._pause.moved(self._ahead_s))
            write = partial(self._write, written, anew=self._lost)
            if await self._shared.run(write, None):
                self._stored, self._unwritten = written, False
        self._tell()
        return found

    async def _look(self, redis: Redis, *, take: bool, most: int) -> _Found:
        known = (int(take), self._stored, most, self._day, self._together, self._alone)
        now, calls, taken, pause = await redis.eval(_LOOK, 2, *self._keys, *known)
        return _Found(now / 1e6, calls, bool(taken), pause)

    async def _write(self, pause: bytes, redis: Redis, *, anew: bool) -> bool:
        """Write the pause; one that Redis lost only if no other process wrote one since."""
        return bool(await redis.set(self._keys[0], pause, px=_KEPT_MS, nx=anew))

    def _adopt(self, stored: bytes) -> None:
        """Adopt the stored pause if it changed. A missing one ends no pause: Redis may have lost it."""
        if stored == self._stored:
            return
        self._stored = stored
        if not stored:
            if not self._unwritten:
                self._unwritten = self._lost = isinstance(self.closed(), Paused)
            return
        try:
            found = msgspec.json.decode(stored, type=Pause).moved(-(self._ahead_s or 0.0))
        except (ValueError, RecursionError):
            log.warning("redis_foreign_value", upstream=self.upstream, operation="pause")
            return
        if self._unwritten and self._pause is not None and found.since < self._pause.since:
            return  # this process has a later order, and writes it
        now = self._clock()
        until = None if found.until is None else min(found.until, now + 60.0 * MOST_MINUTES)
        # A time in the future was written before Redis' clock was set back: it counts as now.
        self._pause = Pause(min(found.since, now), until, found.note)
        self._unwritten = False

    def _calls(self) -> int:
        """Return the calls of this day. Calls that Redis lacks count once per process: others may have made as many."""
        day = _day_of(self._now())
        if day != self._day:
            self._day, self._together, self._alone = day, 0, 0
        return self._together + self._alone * self._processes

    def _bound(self, *, background: bool) -> int:
        """Return the number of calls at which calls stop."""
        return -(-self._most * BACKGROUND_PERCENT // 100) if background else self._most

    def _now(self) -> float:
        return self._unix() if self._ahead_s is None else self._clock() + self._ahead_s

    def _day_left_s(self) -> float:
        return _DAY_S - (self._now() + _SEOUL_S) % _DAY_S

    def _tell(self) -> None:
        """Log once a day that the budget reached 80 or 100 %."""
        calls = self._calls()
        for percent in (BACKGROUND_PERCENT, 100):
            reached = self._day * 1_000 + percent
            if self._most and 100 * calls >= percent * self._most and reached > self._told:
                self._told = reached
                log.warning("daily_budget_reached", upstream=self.upstream, percent=percent, calls=calls)


class Valves(Mapping[str, Valve]):
    """The valves of a process by upstream, each made on first use."""

    def __init__(
        self,
        daily_calls: Mapping[str, int] = {},
        *,
        processes: int = 1,
        shared: RedisGuard | None = None,
        clock: Callable[[], float] = time.monotonic,
        unix: Callable[[], float] = time.time,
    ) -> None:
        """`daily_calls`: the most calls in a day by upstream, 0 for no limit."""
        self._daily_calls, self._made = daily_calls, dict[str, Valve]()
        self._make = partial(Valve, processes=processes, shared=shared, clock=clock, unix=unix)
        for upstream in daily_calls:
            self[upstream]

    def __getitem__(self, upstream: str) -> Valve:
        """Return the valve of an upstream."""
        if upstream not in self._made:
            self._made[upstream] = self._make(upstream, daily_calls=self._daily_calls.get(upstream, 0))
        return self._made[upstream]

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._made))

    def __len__(self) -> int:
        return len(self._made)

    def closed(self) -> frozenset[str]:
        """Return the upstreams to which no call may go out."""
        return frozenset(name for name, valve in self._made.items() if valve.closed() is not None)

    async def refresh(self) -> None:
        """Read the shared state of all valves, unless it was read within the last second."""
        if outdated := [valve for valve in self._made.values() if valve.outdated]:
            await asyncio.gather(*(valve.refresh() for valve in outdated))


def _day_of(now: float) -> int:
    """Return the number of the day in Seoul at a time in unix seconds."""
    return int((now + _SEOUL_S) // _DAY_S)
