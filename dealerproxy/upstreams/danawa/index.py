"""A listing as an index: Danawa neither sorts nor filters, so a brand's pages are read whole and kept.

An index is fresh for ten minutes and usable for two hours; a usable one is answered at once while it is read anew
behind the request. One that was never read is waited for a moment only: reading goes on in the background.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from msgspec import Struct

from dealerproxy.errors import Drift, UpstreamError, Warming
from dealerproxy.transport.deadline import Deadline
from dealerproxy.vehicles.listing import LeftOut, Listing

FRESH_S = 600.0
USABLE_S = 7_200.0
# How long a request waits for an index that was never read, and when it is told to come back.
WAIT_S = 1.5
COME_BACK_S = 5.0
# After a failed reading the next one starts no sooner.
BACK_OFF_S = 30.0
# Rows seen within this time show that Danawa's pages can still be read.
ALIVE_S = 86_400.0
CARS_A_PAGE = 30
SIDE_BY_SIDE = 4
MAX_PAGES = 200
# Listings that are kept warm: how often they are looked at, and how long before they grow stale they are read anew.
LOOK_EVERY_S = 15.0
AHEAD_S = 60.0
# Why a usable index is stale when nothing has failed.
REFRESHING = "refreshing"


class Brand(NamedTuple):
    """A listing's address: a brand's code, and a series' where one is known."""

    brand: str
    series: str | None = None


class PageRead(NamedTuple):
    """One page: its rows in order, how many cars it holds, and whether it says in words that there are none."""

    entries: Sequence[Listing | LeftOut]
    cars: int
    says_empty: bool


class Index(Struct, frozen=True):
    """All rows of a listing, read at `at` (unix seconds), and the (make, model) pairs among them.

    `confirmed` is false for an emptiness not put in words.
    """

    entries: tuple[Listing | LeftOut, ...]
    at: float
    confirmed: bool = True
    models: frozenset[tuple[str, str]] = frozenset()


class Indexes:
    """Reads and keeps indexes; one reading of a listing at a time, however many ask."""

    def __init__(
        self, read_page: Callable[[Brand, int], Awaitable[PageRead]], *, now: Callable[[], float] = time.time
    ) -> None:
        self._read_page, self._now = read_page, now
        self._kept: dict[Brand, Index] = {}
        self._failed: dict[Brand, tuple[float, UpstreamError]] = {}
        self._reading: dict[Brand, asyncio.Task[Index]] = {}
        self._rows_seen_at: float | None = None

    async def get(self, brand: Brand, deadline: Deadline) -> tuple[Index, str | None]:
        """An index and, if it is stale, why: `refreshing`, or the code of what failed the last reading.

        Raises Warming, or what the last reading raised.
        """
        kept = self._kept.get(brand)
        age = self._now() - kept.at if kept is not None else USABLE_S
        if kept is not None and age < FRESH_S:
            return kept, None
        reading = self._start(brand)
        if kept is not None and age < USABLE_S:
            return kept, REFRESHING if reading is not None else self._failed[brand][1].code
        if reading is None:
            raise self._failed[brand][1]
        done, _ = await asyncio.wait({reading}, timeout=min(WAIT_S, deadline.remaining()))
        if not done:
            raise Warming("the listing is being read for the first time", COME_BACK_S)
        return reading.result(), None

    def models(self) -> AbstractSet[tuple[str, str]]:
        """Return the (make, model) pairs that the usable indexes hold."""
        usable = (kept for kept in self._kept.values() if self._now() - kept.at < USABLE_S)
        return frozenset().union(*(kept.models for kept in usable))

    async def keep_warm(
        self, brands: Sequence[Brand], sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """Read listings anew before they grow stale, one after another, for as long as the service runs."""
        while True:
            for brand in brands:
                kept = self._kept.get(brand)
                if kept is None or self._now() - kept.at >= FRESH_S - AHEAD_S:
                    reading = self._start(brand)
                    if reading is not None:
                        await asyncio.wait({reading})
            await sleep(LOOK_EVERY_S)

    async def close(self) -> None:
        """End the readings under way."""
        readings = list(self._reading.values())
        for reading in readings:
            reading.cancel()
        await asyncio.gather(*readings, return_exceptions=True)

    def _start(self, brand: Brand) -> asyncio.Task[Index] | None:
        """The reading under way, or a new one; None while a failed one is backed off from."""
        reading = self._reading.get(brand)
        if reading is not None:
            return reading
        failed_at, _ = self._failed.get(brand, (float("-inf"), None))
        if self._now() - failed_at < BACK_OFF_S:
            return None
        reading = self._reading[brand] = asyncio.create_task(self._read(brand), name=f"danawa-{brand.brand}")
        reading.add_done_callback(lambda done: self._landed(brand, done))
        return reading

    def _landed(self, brand: Brand, reading: asyncio.Task[Index]) -> None:
        self._reading.pop(brand, None)
        if reading.cancelled():
            return
        error = reading.exception()
        if error is None:
            self._kept[brand] = reading.result()
            self._failed.pop(brand, None)
        elif isinstance(error, UpstreamError):
            self._failed[brand] = (self._now(), error)

    async def _read(self, brand: Brand) -> Index:
        first = await self._read_page(brand, 1)
        if not first.cars:
            return self._empty(brand, first)
        self._rows_seen_at = self._now()
        entries = {_key(entry, number): entry for number, entry in enumerate(first.entries)}
        page, last = first, 1
        while page.cars >= CARS_A_PAGE and last < MAX_PAGES:
            numbers = range(last + 1, min(last + SIDE_BY_SIDE, MAX_PAGES) + 1)
            for page in await asyncio.gather(*(self._read_page(brand, number) for number in numbers)):
                before = len(entries)
                entries.update({_key(entry, len(entries) + n): entry for n, entry in enumerate(page.entries)})
                if page.cars < CARS_A_PAGE or len(entries) == before:
                    return self._index(entries.values())
            last = numbers[-1]
        return self._index(entries.values())

    def _index(self, entries: Iterable[Listing | LeftOut]) -> Index:
        rows = tuple(entries)
        models = frozenset((row.make, row.model) for row in rows if isinstance(row, Listing))
        return Index(rows, self._now(), models=models)

    def _empty(self, brand: Brand, page: PageRead) -> Index:
        """Believe a first page without cars if it says so, or if it fits all that was seen lately."""
        if page.says_empty:
            return Index((), self._now())
        alive = self._rows_seen_at is not None and self._now() - self._rows_seen_at < ALIVE_S
        kept = self._kept.get(brand)
        if alive and kept is not None and not kept.entries:
            return Index((), self._now(), confirmed=False)
        raise Drift("#usedcarList li a.name", "a first page without cars that does not say so")


def _key(entry: Listing | LeftOut, number: int) -> str:
    """A row's own id, so that a page that repeats adds nothing; rows without one all count."""
    return entry.listing_id or f"row {number}"
