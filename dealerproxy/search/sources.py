"""Where legs get their rows: Encar's searches chunk by chunk, Danawa's listings whole, sorted here."""

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

import msgspec
from cachetools import LRUCache

from dealerproxy.errors import Drift, UpstreamError
from dealerproxy.logs import upstream_trouble
from dealerproxy.search.legs import CHUNK_ROWS, index_order
from dealerproxy.search.plan import DanawaLeg, EncarLeg
from dealerproxy.transport.cache import FlightCache
from dealerproxy.transport.deadline import Deadline
from dealerproxy.upstreams.danawa.index import Index, Indexes
from dealerproxy.upstreams.encar.client import EncarClient
from dealerproxy.upstreams.encar.rows import ROWS, read_count, read_search
from dealerproxy.vehicles.listing import Chunk, LeftOut, Listing
from dealerproxy.vocabulary import Vocabulary

# Sorted listings kept beside the indexes they are of; a brand of 1,400 cars takes about 3 ms to sort.
MAX_SORTED = 64

ChunkCache = FlightCache[tuple[str, ...], Chunk]
CountCache = FlightCache[tuple[str, ...], int]

L_contra = TypeVar("L_contra", contravariant=True)


class Source(Protocol[L_contra]):
    """One upstream, as a search sees it."""

    async def chunk(self, leg: L_contra, index: int, deadline: Deadline) -> tuple[Chunk, bool]:
        """Return a leg's chunk by index and whether it was already there. Raises UpstreamError."""

    async def count(self, leg: L_contra, deadline: Deadline) -> int:
        """Return how many rows a leg has before what the service filters itself. Raises UpstreamError."""


class EncarSource:
    """Chunks of 48 rows and counts, each asked once however many want it."""

    def __init__(
        self,
        client: EncarClient,
        vocabulary: Vocabulary,
        *,
        chunks: ChunkCache,
        counts: CountCache,
        deadline_s: float,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._client, self._vocabulary = client, vocabulary
        self._chunks, self._counts = chunks, counts
        self._deadline_s, self._now = deadline_s, now

    async def chunk(self, leg: EncarLeg, index: int, deadline: Deadline) -> tuple[Chunk, bool]:
        """One page of a search."""
        return await self._chunks.get(
            (leg.q, leg.sort, str(index)), lambda: self._fetch_chunk(leg, index * CHUNK_ROWS), deadline
        )

    async def count(self, leg: EncarLeg, deadline: Deadline) -> int:
        """The site's own count, by one small call."""
        count, _ = await self._counts.get((leg.q,), lambda: self._fetch_count(leg), deadline)
        return count

    async def _fetch_chunk(self, leg: EncarLeg, offset: int) -> Chunk:
        try:
            body = await self._ask(leg, offset, CHUNK_ROWS)
            total, entries = read_search(body, leg.asked, self._vocabulary)
            if total and not entries and not offset:
                raise Drift(ROWS, f"empty although {total} cars are counted")
        except UpstreamError as error:
            upstream_trouble(leg.upstream, "search", error, q=leg.q)
            raise
        return chunk_of(entries, total, offset, self._now())

    async def _fetch_count(self, leg: EncarLeg) -> int:
        try:
            return read_count(await self._ask(leg, 0, 1))
        except UpstreamError as error:
            upstream_trouble(leg.upstream, "count", error, q=leg.q)
            raise

    async def _ask(self, leg: EncarLeg, offset: int, limit: int) -> bytes:
        """Ask under the service's own deadline: a flight outlives the request that started it."""
        return await self._client.search(leg.q, sort=leg.sort, offset=offset, limit=limit, within_s=self._deadline_s)


class DanawaSource:
    """Listings from the indexes, cut to a leg's cars and sorted by its sort."""

    def __init__(self, indexes: Indexes) -> None:
        self._indexes = indexes
        self._sorted: LRUCache[DanawaLeg, Chunk] = LRUCache(MAX_SORTED)

    async def chunk(self, leg: DanawaLeg, index: int, deadline: Deadline) -> tuple[Chunk, bool]:
        """The whole of a leg: an index has no second chunk."""
        found, stale = await self._indexes.get(leg.listing, deadline)
        chunk = self._sorted.get(leg)
        if chunk is None or chunk.fetched_at != found.at:
            chunk = self._sorted[leg] = sorted_chunk(leg, found)
        return (msgspec.structs.replace(chunk, stale=stale) if stale else chunk), True

    async def count(self, leg: DanawaLeg, deadline: Deadline) -> int:
        """The cars of the listing."""
        chunk, _ = await self.chunk(leg, 0, deadline)
        return chunk.total


def chunk_of(entries: tuple[Listing | LeftOut, ...], total: int, offset: int, now: float) -> Chunk:
    """Make a chunk of an answer. Rows prove a count that is too low wrong; a full chunk then goes on."""
    read = offset + len(entries)
    promised = min(CHUNK_ROWS, max(0, total - offset))
    return Chunk(
        entries=entries,
        total=max(total, read),
        ended=not entries or (read >= total and len(entries) < CHUNK_ROWS) or read == total,
        fetched_at=now,
        missing=max(0, promised - len(entries)),
    )


def sorted_chunk(leg: DanawaLeg, index: Index) -> Chunk:
    """Cut an index to a leg's cars. What is left out comes first, so that a walk counts it once, at its start."""
    left_out: list[LeftOut] = []
    rows: list[Listing] = []
    for entry in index.entries:
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
        fetched_at=index.at,
        confirmed=index.confirmed,
    )
