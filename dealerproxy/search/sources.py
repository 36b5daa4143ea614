"""Where legs get their rows: Encar's searches chunk by chunk, Danawa's listings whole, sorted here."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol, TypeVar

from cachetools import LRUCache
from msgspec.structs import replace

from dealerproxy.errors import Drift, UpstreamError
from dealerproxy.logs import upstream_trouble
from dealerproxy.search.legs import CHUNK_ROWS, MAX_OFFSET, index_order
from dealerproxy.search.plan import DanawaLeg, EncarLeg
from dealerproxy.transport.aged import AgedCache
from dealerproxy.transport.deadline import Deadline
from dealerproxy.transport.fetch import keep_page
from dealerproxy.transport.pieces import Found, Kind
from dealerproxy.upstreams.danawa.index import Brand, Index, Indexes
from dealerproxy.upstreams.departed import Departed, Entries
from dealerproxy.upstreams.encar.client import EncarClient
from dealerproxy.upstreams.encar.rows import ROWS, read_count, read_search
from dealerproxy.vehicles.listing import Chunk, Judged, LeftOut, LeftOutReason, Listing, unheeded
from dealerproxy.vocabulary import Vocabulary

# Sorted listings kept beside the indexes they are of; a brand of 1,400 cars takes about 3 ms to sort.
MAX_SORTED = 64

# A list may be this old when the site cannot be asked: as long as a suspension may last.
IF_ERROR_S = 1_800.0

T = TypeVar("T")
L_contra = TypeVar("L_contra", contravariant=True)


class Source(Protocol[L_contra]):
    """One upstream, as a search sees it."""

    async def chunk(self, leg: L_contra, index: int, deadline: Deadline, *, fresh_look: bool) -> Found[Chunk]:
        """Return a leg's chunk by index. Raises UpstreamError."""

    async def count(self, leg: L_contra, deadline: Deadline, *, fresh_look: bool) -> Found[int]:
        """Return how many rows a leg has before what the service filters itself. Raises UpstreamError."""


class EncarSource:
    """Chunks of 48 rows and counts, each asked once however many want it."""

    def __init__(
        self,
        client: EncarClient,
        vocabulary: Vocabulary,
        cache: AgedCache,
        departed: Departed,
        *,
        fresh_s: float,
        deadline_s: float,
        now: Callable[[], float] = time.time,
        judged: Judged = unheeded,
    ) -> None:
        self._client, self._vocabulary, self._cache, self._departed = client, vocabulary, cache, departed
        self._deadline_s, self._now, self._judged = deadline_s, now, judged
        ages = {"fresh_s": fresh_s, "revalidate_s": 2 * fresh_s, "if_error_s": max(2 * fresh_s, IF_ERROR_S)}
        self._chunks: Kind[Chunk] = Kind("chunk", Chunk, **ages)
        self._counts: Kind[int] = Kind("count", int, **ages)

    async def chunk(self, leg: EncarLeg, index: int, deadline: Deadline, *, fresh_look: bool) -> Found[Chunk]:
        """One page of a search."""
        found = await self._cache.get(
            self._chunks,
            (leg.q, leg.sort, str(index)),
            lambda: self._fetch_chunk(leg, index * CHUNK_ROWS),
            deadline,
            fresh_look=fresh_look,
        )
        entries = self._departed.leave_out(leg.upstream, found.value.entries, found.age_s)
        return found if entries is found.value.entries else found._replace(value=replace(found.value, entries=entries))

    async def count(self, leg: EncarLeg, deadline: Deadline, *, fresh_look: bool) -> Found[int]:
        """The site's own count, by one small call."""
        return await self._cache.get(
            self._counts, leg.q, lambda: self._fetch_count(leg), deadline, fresh_look=fresh_look
        )

    async def _fetch_chunk(self, leg: EncarLeg, offset: int) -> Chunk:
        unreadable = Counter[str]()
        asked_at = self._now()

        def read(body: bytes) -> tuple[int, Entries]:
            unreadable.clear()
            total, entries = read_search(body, leg.asked, self._vocabulary, unreadable)
            # A count may be a little off at the end of a search, but not by more than a page.
            if not entries and total > (offset + CHUNK_ROWS if offset else 0) and offset < MAX_OFFSET:
                raise Drift(ROWS, f"empty from {offset} on although {total} cars are counted")
            for path in unreadable:
                keep_page(Drift(f"{ROWS}[]: {path}", "in some rows"))
            return total, entries

        try:
            total, entries = await self._ask(leg, read, offset, CHUNK_ROWS)
        except UpstreamError as error:
            upstream_trouble(leg.upstream, "search", error, q=leg.q)
            raise
        self._judged(leg.upstream, entries, unreadable)
        for entry in entries:
            if isinstance(entry, LeftOut) and entry.reason is LeftOutReason.UNDER_CONTRACT and entry.listing_id:
                self._departed.note(leg.upstream, entry.listing_id, asked_at)
        return chunk_of(entries, total, offset)

    async def _fetch_count(self, leg: EncarLeg) -> int:
        try:
            return await self._ask(leg, read_count, 0, 1)
        except UpstreamError as error:
            upstream_trouble(leg.upstream, "count", error, q=leg.q)
            raise

    async def _ask(self, leg: EncarLeg, read: Callable[[bytes], T], offset: int, limit: int) -> T:
        """Ask under the service's own deadline: a flight outlives the request that started it."""
        return await self._client.search(
            leg.q, read, sort=leg.sort, offset=offset, limit=limit, within_s=self._deadline_s
        )


class DanawaSource:
    """Listings from the indexes, cut to a leg's cars and sorted by its sort."""

    def __init__(self, indexes: Indexes, departed: Departed) -> None:
        self._indexes, self._departed = indexes, departed
        self._sorted: LRUCache[DanawaLeg, tuple[Entries, Chunk]] = LRUCache(MAX_SORTED)

    async def chunk(self, leg: DanawaLeg, index: int, deadline: Deadline, *, fresh_look: bool) -> Found[Chunk]:
        """The whole of a leg: an index has no second chunk, and is not read again for a fresh look."""
        brand = Brand(leg.listing.brand)
        # The brand's index has the series' cars too, and may be at hand.
        found = await self._indexes.get(brand if self._indexes.at_hand(brand) else leg.listing, deadline)
        entries = self._departed.leave_out(leg.upstream, found.value.entries, found.age_s)
        kept = self._sorted.get(leg)
        if kept is None or kept[0] is not entries:
            try:
                kept = (entries, sorted_chunk(leg, found.value, entries))
            except Drift as error:
                upstream_trouble(leg.upstream, "list", error, q=leg.q)
                raise
            if entries is found.value.entries:
                self._sorted[leg] = kept
        return Found(kept[1], *found[1:])

    async def count(self, leg: DanawaLeg, deadline: Deadline, *, fresh_look: bool) -> Found[int]:
        """The cars of the listing."""
        found = await self.chunk(leg, 0, deadline, fresh_look=fresh_look)
        return Found(found.value.total, *found[1:])


def chunk_of(entries: Entries, total: int, offset: int) -> Chunk:
    """Make a chunk of an answer. Rows prove a count that is too low wrong; a full chunk then goes on."""
    read = offset + len(entries)
    promised = min(CHUNK_ROWS, max(0, total - offset))
    return Chunk(
        entries=entries,
        total=max(total, read),
        ended=not entries or (read >= total and len(entries) < CHUNK_ROWS) or read == total,
        missing=max(0, promised - len(entries)),
    )


def sorted_chunk(leg: DanawaLeg, index: Index, entries: Entries) -> Chunk:
    """Cut an index to a leg's cars. What is left out comes first, so that a walk counts it once, at its start.

    `entries` are the index's, without what departed. Raises Drift for a listing without any car of the leg's make.
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
    rows.sort(key=lambda row: index_order(row, leg.sort))
    return Chunk(
        entries=(*left_out, *rows),
        total=len(left_out) + len(rows),
        ended=True,
        confirmed=index.confirmed,
        cut=index.cut,
    )
