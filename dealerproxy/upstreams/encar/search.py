"""Encar's searches as chunks of 48 rows, and their counts."""

import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from dealerproxy.cache.cache import StaleCache
from dealerproxy.cache.entries import CachePolicy, CacheResult
from dealerproxy.contract.deadline import Deadline
from dealerproxy.transport.errors import Drift, UpstreamError
from dealerproxy.transport.reading import report
from dealerproxy.transport.troubles import upstream_trouble
from dealerproxy.upstreams.absence import NoteRows, unwatched
from dealerproxy.upstreams.encar.client import EncarClient
from dealerproxy.upstreams.encar.leg import EncarLeg
from dealerproxy.upstreams.encar.legs import site_filters
from dealerproxy.upstreams.encar.rows import COUNT, ROWS, check_not_empty, read_count
from dealerproxy.upstreams.off_sale import Entries, OffSale
from dealerproxy.upstreams.paging import CHUNK_ROWS
from dealerproxy.upstreams.query import RowFilter
from dealerproxy.upstreams.results import SearchOutlook
from dealerproxy.vehicles.listing import Chunk, Judged, LeftOut, LeftOutReason, Listing, unheeded
from dealerproxy.vocabulary import Vocabulary

T = TypeVar("T")


# Raise it when the stored rows change.
_VERSION = 3
# Of 200 rows read page after page, 168 were different; this many repeated together are not chance.
LEAST_REPEATED = 8
# The greatest age in seconds of a list while the site is blocked: as long as a suspension may last.
IF_ERROR_S = 1_800.0


def unnoted(leg: EncarLeg) -> None:
    """Ignore legs."""


class SearchWatch(NamedTuple):
    """Callbacks for searches.

    `judged` is called for the rows of each answer, `listed` with the rows of each chunk, including cars off sale, and
    their age in seconds, `fetched` with each leg that is read live, `empty` with each leg whose count of 0 may mean
    that the index does not know a word.
    """

    judged: Judged = unheeded
    listed: NoteRows = unwatched
    fetched: Callable[[EncarLeg], None] = unnoted
    empty: Callable[[EncarLeg], None] = unnoted


UNNOTED = SearchWatch()


class EncarChunks:
    """Chunks of 48 rows, and counts; concurrent requests share one fetch."""

    def __init__(
        self,
        client: EncarClient,
        vocabulary: Vocabulary,
        cache: StaleCache,
        off_sale: OffSale,
        *,
        fresh_s: float,
        deadline_s: float,
        now: Callable[[], float] = time.monotonic,
        watch: SearchWatch = UNNOTED,
    ) -> None:
        self._client, self._vocabulary, self._cache, self._off_sale = client, vocabulary, cache, off_sale
        self._deadline_s, self._now, self._watch = deadline_s, now, watch
        ages = {"fresh_s": fresh_s, "revalidate_s": 2 * fresh_s, "if_error_s": max(2 * fresh_s, IF_ERROR_S)}
        self._chunks: CachePolicy[Chunk] = CachePolicy("chunk", Chunk, _VERSION, **ages)
        self._counts: CachePolicy[int] = CachePolicy("count", int, **ages)

    async def chunk(self, leg: EncarLeg, index: int, deadline: Deadline, *, bypass_cache: bool) -> CacheResult[Chunk]:
        """Return a chunk of a search, without cars that are known to be off sale."""
        found = await self._cache.get(
            self._chunks,
            (leg.q, leg.sort, str(index)),
            lambda: self._fetch_chunk(leg, index),
            deadline,
            bypass_cache=bypass_cache,
        )
        self._watch.listed(found.value.entries, found.age_s)
        entries = self._off_sale.leave_out(leg.upstream, found.value.entries, found.age_s)
        return found if entries is found.value.entries else found._replace(value=replace(found.value, entries=entries))

    async def outlook(
        self, leg: EncarLeg, keep: RowFilter, index: int | None, deadline: Deadline, *, bypass_cache: bool
    ) -> SearchOutlook:
        """Return the search for a chunk, or for the count if `index` is None."""
        if index is None:
            kept = await self._cache.outlook(self._counts, leg.q, deadline, bypass_cache=bypass_cache)
            offset, limit = 0, 1
        else:
            key = (leg.q, leg.sort, str(index))
            kept = await self._cache.outlook(self._chunks, key, deadline, bypass_cache=bypass_cache)
            offset, limit = index * CHUNK_ROWS, CHUNK_ROWS
        operation = leg.site_index.search
        url = self._client.search_address(leg.q, sort=leg.sort, offset=offset, limit=limit, operation=operation)
        return SearchOutlook(str(url), site_filters(keep, leg), kept)

    async def count(
        self, leg: EncarLeg, keep: Callable[[Listing], bool], deadline: Deadline, *, bypass_cache: bool
    ) -> CacheResult[int]:
        """Return the site's own count, fetched by one small call; the site filters, so `keep` is not used."""
        return await self._cache.get(
            self._counts, leg.q, lambda: self._fetch_count(leg), deadline, bypass_cache=bypass_cache
        )

    async def _fetch_chunk(self, leg: EncarLeg, index: int) -> Chunk:
        self._watch.fetched(leg)
        try:
            return await self._read_chunk(leg, index, Deadline(self._deadline_s))
        except UpstreamError as error:
            upstream_trouble(leg.upstream, leg.site_index.search.name, error, q=leg.q)
            raise

    async def _read_chunk(self, leg: EncarLeg, index: int, deadline: Deadline) -> Chunk:
        """Read from the last received row until the chunk is full, the count is reached, or no rows follow."""
        offset = index * CHUNK_ROWS
        entries: Entries = ()
        exhausted, total = False, 0
        while not exhausted and len(entries) < CHUNK_ROWS:
            read = offset + len(entries)
            total, page = await self._page(leg, read, CHUNK_ROWS - len(entries), deadline)
            if page and (_ids(page) <= _ids(entries) or await self._repeats(leg, index, page, deadline)):
                if read < total:
                    raise Drift(ROWS, f"an earlier page again at {read} although {total} cars are counted")
                page = ()
            entries += page
            exhausted = not page
            if offset + len(entries) == total:
                break
        chunk = chunk_of(entries, total, offset, exhausted=exhausted)
        if chunk.ended:
            await self._confirm_end(leg, index, offset + len(entries), total, deadline)
        check_not_empty(len(entries), total, offset)
        if total or leg.site_index.zero_is_certain:
            return chunk
        self._watch.empty(leg)
        return replace(chunk, confirmed=False)

    async def _repeats(self, leg: EncarLeg, index: int, page: Entries, deadline: Deadline) -> bool:
        """Whether all rows of a page are in earlier chunks, at this very moment.

        In older readings they may be there because the stock moved. The site repeats single rows, but not this many.
        """
        ids = _ids(page)
        if len(ids) < LEAST_REPEATED:
            return False
        places: dict[str, int] = {}
        for earlier in range(index):
            chunk = self._cache.at_hand(self._chunks, (leg.q, leg.sort, str(earlier)))
            for place, entry in enumerate(chunk.entries if chunk else (), earlier * CHUNK_ROWS):
                places.setdefault(entry.listing_id or "", place)
        if not ids <= places.keys():
            return False
        _, again = await self._page(leg, min(map(places.__getitem__, ids)), CHUNK_ROWS, deadline)
        return ids <= _ids(again)

    async def _confirm_end(self, leg: EncarLeg, index: int, read: int, total: int, deadline: Deadline) -> None:
        """Fetch the count again, with the page before, if the end comes early. Raises Drift if it differs."""
        if not index:
            return
        before = self._cache.at_hand(self._chunks, (leg.q, leg.sort, str(index - 1)))
        promised = before.total if before is not None and before.total is not None else 0
        if read > index * CHUNK_ROWS and promised <= total + CHUNK_ROWS:
            return
        count, _ = await self._page(leg, (index - 1) * CHUNK_ROWS, CHUNK_ROWS, deadline)
        if count != total and count > read:
            raise Drift(COUNT, f"{total} on a page that ends the search at {read}, and {count} on the page before")

    async def _page(self, leg: EncarLeg, offset: int, limit: int, deadline: Deadline) -> tuple[int, Entries]:
        """Return one answer: the site's count and at most `limit` rows."""
        unreadable = Counter[str]()
        asked_at = self._now()

        def read(body: bytes) -> tuple[int, Entries]:
            unreadable.clear()
            total, entries = leg.site_index.search.read(body, leg.asked, self._vocabulary, unreadable)
            for path in unreadable:
                report(Drift(f"{ROWS}[]: {path}", "in some rows"))
            return total, entries

        total, entries = await self._ask(leg, read, offset, limit, deadline)
        self._watch.judged(leg.upstream, entries, unreadable)
        for entry in entries:
            if isinstance(entry, LeftOut) and entry.reason is LeftOutReason.UNDER_CONTRACT and entry.listing_id:
                self._off_sale.note(leg.upstream, entry.listing_id, asked_at)
        return total, entries[:limit]

    async def _fetch_count(self, leg: EncarLeg) -> int:
        self._watch.fetched(leg)
        try:
            return await self._ask(leg, read_count, 0, 1, Deadline(self._deadline_s))
        except UpstreamError as error:
            upstream_trouble(leg.upstream, leg.site_index.count, error, q=leg.q)
            raise

    async def _ask(self, leg: EncarLeg, read: Callable[[bytes], T], offset: int, limit: int, deadline: Deadline) -> T:
        """Fetch within the service's own deadline: a flight outlives the request that started it."""
        return await self._client.search(
            leg.q,
            read,
            sort=leg.sort,
            offset=offset,
            limit=limit,
            within_s=deadline.remaining(),
            operation=leg.site_index.search,
        )


def chunk_of(entries: Entries, total: int, offset: int, *, exhausted: bool = False) -> Chunk:
    """Return a chunk of the rows from `offset` on and the site's count; `exhausted` if no more of them came.

    Rows beyond the count prove it wrong: then it is None, and only a page without rows is the end.
    """
    read = offset + len(entries)
    ended = read == total or (exhausted and (not entries or total <= read + CHUNK_ROWS))
    promised = total if ended else min(total, offset + CHUNK_ROWS)
    return Chunk(
        entries=entries,
        total=total if read <= total or not entries else None,
        ended=ended,
        missing=max(0, promised - read),
    )


def _ids(entries: Entries) -> frozenset[str]:
    return frozenset(entry.listing_id for entry in entries if entry.listing_id is not None)
