"""Answers a list request: plan, read, merge, render; every source with an honest word on how it went."""

import asyncio
import time
from collections.abc import Callable, Sequence

from msgspec import UNSET, UnsetType

from dealerproxy.errors import Drift, UpstreamError, invalid_cursor, worst
from dealerproxy.logs import upstream_trouble
from dealerproxy.search.answer import (
    Notice,
    SkipReason,
    SourceState,
    Status,
    VehicleList,
    shown,
    unavailable,
)
from dealerproxy.search.cursor import CursorCodec, LegState, Position, Seen, fingerprint
from dealerproxy.search.enrich import enrich
from dealerproxy.search.legs import CHUNK_ROWS, LegReader, sort_key
from dealerproxy.search.page import gather
from dealerproxy.search.plan import Leg, Plan, plan
from dealerproxy.search.query import UPSTREAMS, Query
from dealerproxy.search.remarks import remarks
from dealerproxy.transport.cache import FlightCache
from dealerproxy.transport.deadline import Deadline
from dealerproxy.upstreams.encar.cars import EncarCars
from dealerproxy.upstreams.encar.client import EncarClient
from dealerproxy.upstreams.encar.rows import ROWS, read_count, read_search
from dealerproxy.vehicles.fx import FxRates, Rate, iso_kst
from dealerproxy.vehicles.listing import Chunk, LeftOut, Listing
from dealerproxy.vehicles.summary import summarise
from dealerproxy.vocabulary import Vocabulary

CURSOR_MISMATCH = "The cursor belongs to another sort or other filters."

ChunkCache = FlightCache[tuple[str, ...], Chunk]
CountCache = FlightCache[tuple[str, ...], int]


class SearchService:
    """Everything a list request needs, shared by all requests."""

    def __init__(
        self,
        *,
        encar: EncarClient,
        cars: EncarCars,
        vocabulary: Vocabulary,
        rates: FxRates,
        cursors: CursorCodec,
        chunks: ChunkCache,
        counts: CountCache,
        deadline_s: float,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._encar, self._cars, self._vocabulary = encar, cars, vocabulary
        self._rates, self._cursors = rates, cursors
        self._chunks, self._counts = chunks, counts
        self._deadline_s, self._now = deadline_s, now

    async def answer(self, query: Query, deadline: Deadline) -> VehicleList:
        """Answer a valid query within its deadline.

        Raises ApiError: 400 for a cursor that does not fit or more than 24 legs, 503 when every attempted
        source failed.
        """
        if not query.dealer_in_scope:
            return self._skipped(self._rate(query, None), (), SkipReason.SOURCE_EXCLUDED)
        position = self._cursors.decode(query.cursor) if query.cursor else None
        rate = self._rate(query, position)
        planned = plan(query, rate.krw_per_usd, self._vocabulary)
        if planned.skip is not None and position is not None:
            raise invalid_cursor("mismatch", CURSOR_MISMATCH)
        if planned.skip is not None:
            return self._skipped(rate, planned.notices, planned.skip, 0 if query.auction_only else UNSET)
        if query.auction_only:
            return await self._hidden(planned, rate, deadline)
        return await self._page(query, planned, rate, position, deadline)

    async def _page(
        self, query: Query, planned: Plan, rate: Rate, position: Position | None, deadline: Deadline
    ) -> VehicleList:
        walk = fingerprint(query, planned.legs)
        if position is not None and position.fingerprint != walk:
            raise invalid_cursor("mismatch", CURSOR_MISMATCH)
        states = position.legs if position else [LegState()] * len(planned.legs)
        seen = Seen(position.seen if position else b"")
        front = position.front if position else None
        readers = [
            LegReader(leg, state, sort=query.sort, keep=planned.keep, seen=seen, front=front)
            for leg, state in zip(planned.legs, states, strict=True)
        ]
        page = await gather(readers, query.page_size, lambda reader, index: self._chunk(reader.leg, index, deadline))
        found = page.rows(query.sort)
        rows, enriched = found, list[Notice]()
        if query.display.enriched and found:
            rows, enriched = await enrich(found, self._cars, self._vocabulary, deadline)
        source = self._source(
            failures=[reader.failure for reader in readers if reader.failure],
            answered=any(reader.answered for reader in readers),
            rows=len(rows),
            totals=[reader.total for reader in readers],
            fetched=[reader.fetched_at for reader in readers],
        )
        for row in found:
            seen.add(row.listing_id)
        keys = (front, *(sort_key(row, query.sort) for row in found))
        front = max((key for key in keys if key is not None), default=None)
        walked = all(reader.ended for reader in readers)
        return VehicleList(
            data=[summarise(row, rate.krw_per_usd, insider=query.display.insider) for row in rows],
            next_cursor=None
            if walked
            else self._cursors.encode(walk, rate, [reader.state(front) for reader in readers], front, bytes(seen)),
            sources=(source,),
            fx=shown(rate),
            notices=(*planned.notices, *remarks(readers, page, rows), *enriched),
        )

    async def _hidden(self, planned: Plan, rate: Rate, deadline: Deadline) -> VehicleList:
        """Count the rows an auction-only filter hides: one small call a leg."""
        counts = await asyncio.gather(*(self._count(leg, deadline) for leg in planned.legs), return_exceptions=True)
        failures: list[UpstreamError] = []
        totals: list[int] = []
        for count in counts:
            if isinstance(count, int):
                totals.append(count)
            elif isinstance(count, UpstreamError):
                failures.append(count)
            else:
                raise count
        source = self._source(failures=failures, answered=bool(totals), rows=0, totals=totals, fetched=())
        return VehicleList(
            data=(),
            next_cursor=None,
            sources=(source,),
            fx=shown(rate),
            notices=planned.notices,
            filtered_out=sum(totals),
        )

    def _rate(self, query: Query, position: Position | None) -> Rate:
        """A walk keeps the rate it began with; prices must not jump between its pages."""
        if position is not None:
            return position.rate
        return (
            self._rates.current()
            if query.display.krw_per_usd is None
            else self._rates.requested(query.display.krw_per_usd)
        )

    def _skipped(
        self, rate: Rate, notices: Sequence[Notice], reason: SkipReason, hidden: int | UnsetType = UNSET
    ) -> VehicleList:
        return VehicleList(
            data=(),
            next_cursor=None,
            sources=tuple(SourceState(name=name, status=Status.SKIPPED, reason=reason) for name in UPSTREAMS),
            fx=shown(rate),
            notices=notices,
            filtered_out=hidden,
        )

    def _source(
        self,
        *,
        failures: Sequence[UpstreamError],
        answered: bool,
        rows: int,
        totals: Sequence[int | None],
        fetched: Sequence[float | None],
    ) -> SourceState:
        """Sum up how Encar did. Raises ApiError 503 when no leg answered."""
        known = [total for total in totals if total is not None]
        ages = [self._now() - moment for moment in fetched if moment is not None]
        failure = worst(failures) if failures else None
        waits = [error.retry_after_s for error in failures if error.retry_after_s is not None]
        retry_after = max(waits, default=None)
        state = SourceState(
            name="encar",
            status=Status.OK if failure is None else Status.PARTIAL if answered else Status.FAILED,
            reason=failure.code if failure else None,
            rows=rows,
            total=sum(known) if known and answered else None,
            age_s=max(0, round(max(ages))) if ages else 0 if answered else None,
            retry_at=iso_kst(self._now() + retry_after) if retry_after is not None else None,
        )
        if failure is not None and not answered:
            raise unavailable([state], failure, retry_after)
        return state

    async def _chunk(self, leg: Leg, index: int, deadline: Deadline) -> tuple[Chunk, bool]:
        return await self._chunks.get(
            (leg.upstream, leg.q, leg.sort, str(index)), lambda: self._fetch_chunk(leg, index), deadline
        )

    async def _fetch_chunk(self, leg: Leg, index: int) -> Chunk:
        offset = index * CHUNK_ROWS
        try:
            body = await self._ask(leg, offset, CHUNK_ROWS)
            total, entries = read_search(body, leg.asked, self._vocabulary)
            if total and not entries and not offset:
                raise Drift(ROWS, f"empty although {total} cars are counted")
        except UpstreamError as error:
            upstream_trouble(leg.upstream, "search", error, q=leg.q)
            raise
        return chunk_of(entries, total, offset, self._now())

    async def _count(self, leg: Leg, deadline: Deadline) -> int:
        count, _ = await self._counts.get((leg.upstream, leg.q), lambda: self._fetch_count(leg), deadline)
        return count

    async def _fetch_count(self, leg: Leg) -> int:
        try:
            return read_count(await self._ask(leg, 0, 1))
        except UpstreamError as error:
            upstream_trouble(leg.upstream, "count", error, q=leg.q)
            raise

    async def _ask(self, leg: Leg, offset: int, limit: int) -> bytes:
        """Ask under the service's own deadline: a flight outlives the request that started it."""
        return await self._encar.search(leg.q, sort=leg.sort, offset=offset, limit=limit, within_s=self._deadline_s)


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
