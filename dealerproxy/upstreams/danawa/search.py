"""Danawa's legs: a listing cut to the leg's cars, and sorted."""

from collections.abc import Callable

from cachetools import LRUCache

from dealerproxy.cache.entries import CacheResult
from dealerproxy.contract.deadline import Deadline
from dealerproxy.transport.errors import Drift
from dealerproxy.transport.troubles import upstream_trouble
from dealerproxy.upstreams.absence import NoteRows, unwatched
from dealerproxy.upstreams.danawa.index import Brand, Index, Indexes
from dealerproxy.upstreams.danawa.legs import DanawaLeg
from dealerproxy.upstreams.off_sale import Entries, OffSale
from dealerproxy.upstreams.paging import Order, index_order, matching
from dealerproxy.vehicles.listing import Chunk, LeftOut, Listing

# Sorted legs kept beside the indexes; a brand of 1,400 cars takes about 3 ms to sort.
MAX_SORTED = 64


class DanawaChunks:
    """Reads legs from the indexes."""

    def __init__(self, indexes: Indexes, off_sale: OffSale, *, listed: NoteRows = unwatched) -> None:
        """`listed` is called with the rows of each listing that was read, and their age in seconds."""
        self._indexes, self._off_sale, self._listed = indexes, off_sale, listed
        self._read_at: dict[Brand, float] = {}
        self._sorted: LRUCache[DanawaLeg, tuple[Entries, Chunk]] = LRUCache(MAX_SORTED)

    async def chunk(self, leg: DanawaLeg, index: int, deadline: Deadline, *, bypass_cache: bool) -> CacheResult[Chunk]:
        """Return a whole leg as one chunk. `bypass_cache` has no effect: no listing is read again for one request."""
        brand = Brand(leg.listing.brand)
        # The brand's index includes the series' cars and may be cached.
        listing = brand if self._indexes.at_hand(brand) else leg.listing
        found = await self._indexes.get(listing, deadline)
        if self._read_at.get(listing) != found.at:
            self._read_at[listing] = found.at
            self._listed(found.value.entries, found.age_s)
        entries = self._off_sale.leave_out(leg.upstream, found.value.entries, found.age_s)
        kept = self._sorted.get(leg)
        if kept is None or kept[0] is not entries:
            try:
                kept = (entries, sorted_chunk(leg, found.value, entries))
            except Drift as error:
                upstream_trouble(leg.upstream, "list", error, q=leg.q)
                raise
            if entries is found.value.entries:
                self._sorted[leg] = kept
        return CacheResult(kept[1], *found[1:])

    async def count(
        self, leg: DanawaLeg, keep: Callable[[Listing], bool], deadline: Deadline, *, bypass_cache: bool
    ) -> CacheResult[int]:
        """Return how many cars of the leg match."""
        found = await self.chunk(leg, 0, deadline, bypass_cache=bypass_cache)
        return CacheResult(matching(found.value, keep), *found[1:])


def sorted_chunk(leg: DanawaLeg, index: Index, entries: Entries) -> Chunk:
    """Return the leg's cars of an index, sorted; left-out entries come first, so that a walk counts them once.

    `entries` are the index's with cars off sale left out. Raises Drift for a listing without any car of the leg's make.
    """
    makes = {entry.make for entry in entries if isinstance(entry, Listing)}
    if makes and leg.make not in makes:
        raise Drift("Brand", f"a listing of {leg.make} with cars of {', '.join(sorted(makes)[:3])} only")
    left_out: list[LeftOut] = []
    rows: list[Listing] = []
    for entry in entries:
        if leg.models is not None and entry.model is not None and entry.model not in leg.models:
            continue
        if isinstance(entry, LeftOut):
            left_out.append(entry)
        elif entry.make == leg.make:
            rows.append(entry)
    rows.sort(key=lambda row: index_order(row, Order.of(leg.sort)))
    return Chunk(
        entries=(*left_out, *rows),
        total=len(left_out) + len(rows),
        ended=True,
        confirmed=index.confirmed,
        cut=index.cut,
    )
