"""The background work of a stock: reads due listings, the most urgent first, within the site's rate limit."""

import asyncio
import math
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Protocol

import structlog

from dealerproxy.stock import rule
from dealerproxy.stock.rule import Demand, Work
from dealerproxy.tasks import cancel_and_wait
from dealerproxy.transport.errors import Closed, UpstreamError
from dealerproxy.transport.limits import background
from dealerproxy.upstreams.stocked import LastReading

# Seconds between looks for due work if nothing triggers one.
LOOK_EVERY_S = 1.0
# More concurrent readings would only share the same rate.
SIDE_BY_SIDE = 2

log = structlog.get_logger(__name__)


class ListingSource(Protocol):
    """A site that can read its listings whole; each site defines its own keys."""

    def cost(self, key: str) -> int:
        """Return the approximate number of calls of a reading, at least 1."""

    def suspended(self) -> bool:
        """Whether calls to the site are blocked now."""

    async def read(self, key: str) -> None:
        """Read a listing and store it. Raises UpstreamError, and keeps the old one."""

    async def check(self, key: str) -> None:
        """Read a listing's newest cars and store the changes. Raises UpstreamError."""


class Readings:
    """Records the demand for listings, and reads them when they are due.

    `results` counts readings, checks and loaded listings by (work, result): `ok`, or an error's code. `spared` counts
    the live calls that were answered from stock.
    """

    def __init__(
        self,
        upstream: str,
        source: ListingSource,
        *,
        side_by_side: int = SIDE_BY_SIDE,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._upstream, self._source, self._side_by_side = upstream, source, side_by_side
        self._clock, self._sleep = clock, sleep
        self._demands: dict[str, Demand] = {}
        self._candidates: set[str] = set()  # the keys that may be due
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self.results: Counter[tuple[str, str]] = Counter()
        self._last: tuple[str, str, float] | None = None
        self.spared = 0.0
        # Whether this process reads; among processes that share a stock, one does.
        self.leading = True
        self._stopped = False
        self._asked: defaultdict[str, float] = defaultdict(float)

    def asked(self, key: str, calls: float = 1.0, *, from_stock: bool = False) -> None:
        """Note a request of a listing that cost `calls` live calls, or would have without stock."""
        self.credit(key, calls)
        self._asked[key] += calls
        if from_stock:
            self.spared += calls

    def credit(self, key: str, calls: float) -> None:
        """Note requests of a listing in other processes."""
        demand = self.demand(key)
        demand.spared += calls
        if demand.spared >= demand.cost or demand.read_at > -math.inf:
            self._candidates.add(key)

    def take_asked(self) -> Mapping[str, float]:
        """Return the calls by listing since the last call of this method."""
        asked, self._asked = self._asked, defaultdict(float)
        return asked

    def keep_warm(self, key: str, *, whole_s: float = rule.WHOLE_S, checks: bool = True) -> None:
        """Read a listing without demand too, and again every `whole_s` seconds."""
        demand = self.demand(key)
        demand.warm, demand.whole_s, demand.checks = True, whole_s, checks
        self._candidates.add(key)

    def demand(self, key: str) -> Demand:
        """Return the demand record of a listing."""
        known = self._demands.get(key)
        if known is None:
            known = self._demands[key] = Demand(self._source.cost(key))
        return known

    def known(self, key: str, read_at: float, checked_at: float) -> None:
        """Note that a listing was read, by another process or before a restart."""
        demand = self.demand(key)
        if read_at > demand.read_at:
            demand.spared, demand.spared_at_check = 0.0, 0.0
        demand.read_at, demand.checked_at = max(demand.read_at, read_at), max(demand.checked_at, checked_at)

    @property
    def due_age_s(self) -> float:
        """The age of the oldest listing that is due for a reading; 0 if there is none."""
        now = self._clock()
        read = (demand.read_at for demand in self._demands.values() if rule.outdated(demand, now))
        return max((now - read_at for read_at in read if read_at > -math.inf), default=0.0)

    @property
    def last(self) -> LastReading | None:
        """The last finished reading or check; None if there was none."""
        if self._last is None:
            return None
        work, result, ended_at = self._last
        return LastReading(work, result, self._clock() - ended_at)

    async def run(self) -> None:
        """Read due listings until cancelled."""
        structlog.contextvars.clear_contextvars()
        with background():
            try:
                while True:
                    self.start_due()
                    await self._sleep(LOOK_EVERY_S)
            finally:
                self._stopped = True
                await cancel_and_wait(*self._under_way.values())

    def start_due(self) -> None:
        """Start the most urgent work, up to the concurrency limit."""
        free = self._side_by_side - len(self._under_way)
        if free <= 0 or self._stopped or not self.leading or self._source.suspended():
            return
        now = self._clock()
        works = [
            (rule.urgency(self._demands[key], work), key, work)
            for key in self._candidates - self._under_way.keys()
            if (work := rule.due(self._demands[key], now)) is not None
        ]
        for _, key, work in sorted(works)[:free]:
            task = self._under_way[key] = asyncio.create_task(self._do(key, work), name=f"{work}-listing")
            task.add_done_callback(partial(self._over, key))

    def _over(self, key: str, _: asyncio.Task[None]) -> None:
        del self._under_way[key]
        self.start_due()

    async def _do(self, key: str, work: Work) -> None:
        demand, began_at = self._demands[key], self._clock()
        spared = demand.spared
        rule.began(demand, work)
        try:
            await (self._source.read(key) if work is Work.READ else self._source.check(key))
        except UpstreamError as error:
            self._count(work, error.code)
            if work is Work.READ:
                demand.spared += spared
            if not isinstance(error, Closed):  # work resumes as soon as calls are allowed again
                rule.failed(demand, self._clock())
            return
        except Exception:
            self._count(work, "broken")
            rule.failed(demand, self._clock())
            log.exception("reading_broke", upstream=self._upstream, listing=key)
            return
        self._count(work, "ok")
        demand.cost = self._source.cost(key)
        rule.ended(demand, work, began_at)

    def _count(self, work: Work, result: str) -> None:
        self.results[work, result] += 1
        self._last = (work, result, self._clock())
