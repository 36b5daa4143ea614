"""A listing as an index: Danawa neither sorts nor filters, so a brand's pages are read whole and kept.

An index is fresh for ten minutes and usable for two hours; a stale one is returned at once while it is read again in
the background. For an index that was never read a request waits WAIT_S; the reading continues in the background.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import NamedTuple

from msgspec import Struct

from dealerproxy.cache.cache import StaleCache
from dealerproxy.cache.entries import CachePolicy, CacheResult
from dealerproxy.contract.deadline import Deadline
from dealerproxy.transport.errors import Drift, NotFound, TooLate, UpstreamError, Warming
from dealerproxy.transport.limits import background
from dealerproxy.transport.troubles import upstream_trouble
from dealerproxy.upstreams.danawa.listing import CONTAINER, silence
from dealerproxy.vehicles.listing import LeftOut, LeftOutReason, Listing

# Increase it when the stored rows change.
_VERSION = 2
FRESH_S = 600.0
USABLE_S = 7_200.0
# How long a request waits for an index that was never read, and the Retry-After it then returns.
WAIT_S = 1.5
COME_BACK_S = 5.0
# The pause after a failed reading.
BACK_OFF_S = 30.0
# Rows read within this time show that Danawa's pages are still readable.
ALIVE_S = 86_400.0
CARS_A_PAGE = 30
SIDE_BY_SIDE = 4
# Readings at a time; more would only share the same request rate.
READINGS = 2
# Longer than any reading takes: 200 pages at 4 a second.
READING_S = 90.0
MAX_PAGES = 200
# A listing of several pages, or one that ends with a 404, has at least this share of its previous rows.
MOST_OF = 0.8
# For listings that are kept warm: how often they are checked, and how long before they grow stale they are read again.
LOOK_EVERY_S = 15.0
AHEAD_S = 60.0


class Brand(NamedTuple):
    """A listing's address: a brand's code, and a series' where one is known."""

    brand: str
    series: str | None = None


class PageRead(NamedTuple):
    """One page: its rows in order, how many cars it holds, and whether a text says that there are none."""

    entries: Sequence[Listing | LeftOut]
    cars: int
    says_empty: bool


class Index(Struct, frozen=True):
    """All rows of a listing; `confirmed` is false if it is empty and no text says so, `cut` true at the page limit."""

    entries: tuple[Listing | LeftOut, ...]
    confirmed: bool = True
    cut: bool = False


class _Known(NamedTuple):
    """A listing's last used index, the time of its reading, and its (make, model) pairs."""

    kept: Index
    at: float
    models: AbstractSet[tuple[str, str]]


class Indexes:
    """Reads and keeps indexes; concurrent requests for a listing share one reading."""

    def __init__(
        self,
        read_page: Callable[[Brand, int], Awaitable[PageRead]],
        cache: StaleCache,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read_page, self._cache, self._now = read_page, cache, now
        self._kind, self._warm = (
            CachePolicy[Index](
                "listing",
                Index,
                _VERSION,
                fresh_s=fresh_s,
                revalidate_s=USABLE_S,
                if_error_s=USABLE_S,
                back_off_s=BACK_OFF_S,
                load_s=READING_S,
            )
            for fresh_s in (FRESH_S, FRESH_S - AHEAD_S)
        )
        self._known: dict[Brand, _Known] = {}
        self._rows_seen_at: float | None = None
        self._turns = asyncio.Semaphore(READINGS)

    async def get(self, brand: Brand, deadline: Deadline) -> CacheResult[Index]:
        """Return an index. Raises Warming, or the error of the last reading.

        A request cannot bypass the cache: no listing is read again for one request.
        """
        try:
            return await self._get(self._kind, brand, Deadline(min(WAIT_S, deadline.remaining())))
        except TooLate:
            raise Warming("the listing is being read for the first time", COME_BACK_S) from None

    def at_hand(self, brand: Brand) -> bool:
        """Whether a usable index of a listing is cached."""
        known = self._known.get(brand)
        return known is not None and self._now() - known.at < USABLE_S

    def models(self) -> AbstractSet[tuple[str, str]]:
        """Return the (make, model) pairs among the rows of all indexes used in the last two hours."""
        return frozenset().union(*(known.models for known in self._known.values() if self._now() - known.at < USABLE_S))

    async def keep_warm(
        self, brands: Sequence[Brand], sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """Read listings again before they grow stale, one after another, until cancelled."""
        with background():
            while True:
                for brand in brands:
                    with suppress(UpstreamError):  # logged where it occurred, and retried after the back-off
                        await self._get(self._warm, brand, Deadline(READING_S))
                await sleep(LOOK_EVERY_S)

    async def _get(self, kind: CachePolicy[Index], brand: Brand, deadline: Deadline) -> CacheResult[Index]:
        key = (brand.brand, brand.series or "")
        found = await self._cache.get(kind, key, lambda: self._read(brand), deadline)
        known = self._known.get(brand)
        if known is None or known.kept is not found.value:
            rows = (entry for entry in found.value.entries if isinstance(entry, Listing))
            models = frozenset((row.make, row.model) for row in rows)
            self._known[brand] = _Known(found.value, found.at, models)
        return found

    async def _read(self, brand: Brand) -> Index:
        """Read page after page until one has no new car. A short page is not the end: some cars may be unreadable.

        Pages are fetched several at a time, but an error on a page after the end is ignored.
        """
        async with self._turns:
            first = await self._read_page(brand, 1)
            if not first.cars:
                return self._nothing(brand, first)
            self._rows_seen_at = self._now()
            entries, seen = [*first.entries], _ids(first)
            page, last = first, 1
            while last < MAX_PAGES:
                ahead = SIDE_BY_SIDE if page.cars >= CARS_A_PAGE else 1
                numbers = range(last + 1, min(last + ahead, MAX_PAGES) + 1)
                pages = (self._read_page(brand, number) for number in numbers)
                answers = await asyncio.gather(*pages, return_exceptions=True)
                for place, answer in enumerate(answers):
                    if isinstance(answer, NotFound) and self._ends(brand, seen, answers[place:]):
                        return self._index(brand, entries)
                    if isinstance(answer, BaseException):
                        raise answer
                    page = answer
                    if not _ids(page) - seen:
                        return self._index(brand, entries)
                    entries += (entry for entry in page.entries if entry.listing_id not in seen)
                    seen |= _ids(page)
                last = numbers[-1]
            return self._index(brand, entries, cut=True)

    def _ends(self, brand: Brand, seen: AbstractSet[str], rest: Sequence[PageRead | BaseException]) -> bool:
        """Whether a 404 is past the end: no page after it has cars, and few rows of the last index are missing."""
        known = self._known.get(brand)
        expected = len({entry.listing_id for entry in known.kept.entries}) if known is not None else 0
        cars_after = any(
            not isinstance(page, NotFound) and (isinstance(page, BaseException) or page.cars) for page in rest
        )
        return not cars_after and len(seen) >= MOST_OF * expected

    def _index(self, brand: Brand, entries: Sequence[Listing | LeftOut], *, cut: bool = False) -> Index:
        unknown = sum(isinstance(entry, LeftOut) and entry.reason is LeftOutReason.UNKNOWN_MODEL for entry in entries)
        if 2 * unknown > len(entries):
            problem = f"{unknown} of {len(entries)} names say no make and model that is known"
            raise _told(brand, Drift("a.name", problem))
        known = self._known.get(brand)
        due = len(known.kept.entries) if known is not None and self.at_hand(brand) else 0
        if due > CARS_A_PAGE and len(entries) < MOST_OF * due:
            problem = f"pages end or repeat after {len(entries)} cars, where {due} stood before"
            raise _told(brand, Drift(CONTAINER, problem))
        return Index(tuple(entries), cut=cut)

    def _nothing(self, brand: Brand, page: PageRead) -> Index:
        """Return an empty index if the first page says so, or if the last one was empty too. Raises Drift."""
        silent = silence(1, page.cars, says_empty=page.says_empty)
        if silent is None:
            return Index(())
        alive = self._rows_seen_at is not None and self._now() - self._rows_seen_at < ALIVE_S
        known = self._known.get(brand)
        if alive and known is not None and not known.kept.entries:
            return Index((), confirmed=False)
        raise _told(brand, silent)


def _told(brand: Brand, error: Drift) -> Drift:
    """Log the drift of a whole listing and return it; the drift of single pages is logged where they are read."""
    upstream_trouble("danawa", "list", error, listing="/".join(filter(None, brand)))
    return error


def _ids(page: PageRead) -> set[str]:
    return {entry.listing_id for entry in page.entries if entry.listing_id is not None}
