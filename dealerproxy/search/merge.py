"""One page of a walk: legs are read concurrently, merged by sort key and cut at the page size."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from heapq import heapify, heappop, heappush, heapreplace

from dealerproxy.cache.entries import CacheResult, CacheStatus
from dealerproxy.contract.terms import UPSTREAMS, Sort
from dealerproxy.search.leg_reader import LegReader
from dealerproxy.search.readers import Reader
from dealerproxy.transport.errors import UpstreamError
from dealerproxy.vehicles.listing import Chunk, Listing

# Chunks that a request may fetch beyond one per leg, if filters or left-out rows make its page short.
MAX_REFILLS = 4

# Finds a leg's chunk by index. Raises UpstreamError.
Load = Callable[[LegReader, int], Awaitable[CacheResult[Chunk]]]

_Key = tuple[str, str]
_RANK = {name: place for place, name in enumerate(UPSTREAMS)}


class MergedPage:
    """The rows merged so far. A page never repeats a car.

    Among adverts of a car on one site, the original is kept; on several sites, the advert of the first site.
    """

    def __init__(self, sites: int) -> None:
        """`sites` is the number of sites that rows may come from."""
        self._sites = sites
        self._rows: dict[_Key, Listing] = {}
        self._by_facts: dict[tuple[str, str, int, int, int], list[_Key]] = {}
        self.duplicates = 0
        self.short = False

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, listing: Listing) -> None:
        """Append a listing, or replace a worse advert of the same car; ignore it if the page has one as good."""
        key = (listing.upstream, listing.vehicle_key)
        other = self._rows.get(key)
        if other is not None:
            self.duplicates += 1
            if other.original or not listing.original:
                return
            del self._rows[key]
        if self._sites > 1 and (twins := self._elsewhere(listing, key)):
            if any(_RANK[site] < _RANK[listing.upstream] for site, _ in twins):
                self.duplicates += 1
                return
            self.duplicates += len(twins)
            for twin in twins:
                del self._rows[twin]
        self._rows[key] = listing

    def _elsewhere(self, listing: Listing, key: _Key) -> list[_Key]:
        """Return rows of other sites with equal facts: the sites share no number that identifies a car."""
        facts = (listing.make, listing.model, listing.year, listing.mileage_km, listing.price_krw)
        keys = self._by_facts.setdefault(facts, [])
        twins = [other for other in keys if other[0] != listing.upstream and other in self._rows]
        keys.append(key)
        return twins

    def rows(self, sort: Sort) -> list[Listing]:
        """Return the rows in the order to show: as merged, or by (year, registration, id) for the year sorts."""
        rows = list(self._rows.values())
        if sort.by_year:
            rows.sort(key=lambda row: (row.year, row.registered, int(row.listing_id)), reverse=True)
        return rows


async def merge_legs(readers: Sequence[Reader], size: int, load: Load) -> MergedPage:
    """Fill a page from the readers, and leave each reader after its last row on the page.

    Legs are merged by the keys of their next rows; ties go to the earlier leg. A failed leg has no rows on this page
    and keeps its position. The page is short if it would need more than four refills.
    """
    page = MergedPage(len({reader.leg.upstream for reader in readers}))
    refills = MAX_REFILLS
    heads = [_head(reader, place) for place, reader in enumerate(readers) if reader.ready]
    heapify(heads)
    waiting = list(range(len(readers)))
    while len(page) < size:
        while waiting := [place for place in waiting if readers[place].wanted is not None]:
            affordable = [place for place in waiting if readers[place].calls == 0] or waiting[:refills]
            if not affordable:
                page.short = True
                return page
            refills -= sum(await _fill([readers[place] for place in affordable], load))
            for place in affordable:
                if readers[place].ready:
                    heappush(heads, _head(readers[place], place))
        if not heads:
            break
        place = heads[0][-1]
        reader = readers[place]
        page.add(reader.take())
        if reader.ready:
            heapreplace(heads, _head(reader, place))
        else:
            heappop(heads)
            waiting.append(place)
    return page


def _head(reader: Reader, place: int) -> tuple[int, int, int]:
    """Return the merge key of a reader's next row."""
    return reader.next_key, reader.next_tie, place


async def _fill(readers: Iterable[Reader], load: Load) -> list[bool]:
    """Fetch the readers' wanted chunks concurrently; return for each whether it was a refill."""
    return await asyncio.gather(*(_fill_one(reader, load) for reader in readers))


async def _fill_one(reader: Reader, load: Load) -> bool:
    index = reader.wanted
    if index is None or not isinstance(reader, LegReader):
        return False
    refill = reader.calls > 0
    try:
        found = await load(reader, index)
    except UpstreamError as error:
        reader.failure = error
        reader.calls += 1
        return refill
    asked = found.state in {CacheStatus.MISS, CacheStatus.STALE}
    reader.calls += asked
    reader.offer(found)
    return refill and asked
