"""The list service: plans, reads, merges and renders a page, and reports each upstream's status."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import UNSET, UnsetType

from dealerproxy.cache.entries import CacheStatus
from dealerproxy.contract.answers import Notice, SkipReason, VehicleList
from dealerproxy.contract.deadline import Deadline
from dealerproxy.contract.errors import invalid_cursor
from dealerproxy.contract.explain import Explanation
from dealerproxy.contract.rate import Rate
from dealerproxy.contract.terms import UPSTREAMS
from dealerproxy.search.by_id import IdsQuery, in_order, look_up, sources_of
from dealerproxy.search.cursor import CursorCodec, Position, ReturnedIds, fingerprint
from dealerproxy.search.enrich import enrich
from dealerproxy.search.explaining import LegOutlook, explained_sources, peek
from dealerproxy.search.merge import merge_legs
from dealerproxy.search.notices import RATE_KEPT, page_notices, trucks_missing, walk_notices
from dealerproxy.search.plan import Plan, plan
from dealerproxy.search.readers import Reader, Stocked, open_readers
from dealerproxy.search.source_report import (
    LegReport,
    Missing,
    fresh_for,
    from_entry,
    from_stock,
    shown,
    source_states,
    while_closed,
    worst_of,
)
from dealerproxy.transport.errors import UpstreamError
from dealerproxy.transport.limits import one_answer
from dealerproxy.transport.valve import Valves
from dealerproxy.upstreams.paging import ORDER_KEYS, Order
from dealerproxy.upstreams.query import Display, FilterWords, Query, RowFilter
from dealerproxy.upstreams.results import Leg
from dealerproxy.upstreams.stocked import StockedLeg
from dealerproxy.upstreams.upstream import Upstream
from dealerproxy.vehicles.fx import FxRates
from dealerproxy.vehicles.render import summarise
from dealerproxy.vocabulary import Vocabulary

CURSOR_MISMATCH = "The cursor belongs to another sort or other filters."


class Listed(NamedTuple):
    """An answer, its cache status, and the seconds for which all its parts stay fresh."""

    answer: VehicleList
    state: CacheStatus
    fresh_for_s: float = 0.0


class SearchService:
    """Answers list requests; one for all requests. `sites` are by name. Without `valves` all sites are open."""

    def __init__(
        self,
        *,
        sites: Mapping[str, Upstream[Any]],
        vocabulary: Vocabulary,
        rates: FxRates,
        cursors: CursorCodec,
        valves: Valves | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._sites, self._vocabulary = sites, vocabulary
        self._planners = {name: site.plan for name, site in sites.items()}
        self._rates, self._cursors, self._now = rates, cursors, now
        self._valves = Valves() if valves is None else valves

    async def answer(self, query: Query, deadline: Deadline, *, bypass_cache: bool = False) -> Listed:
        """Answer a valid query within its deadline; `bypass_cache` forces one attempt at each site that is read live.

        Raises ApiError: 400 for a cursor of another query or more than 24 legs, 503 if every attempted source failed.
        """
        if not query.dealer_in_scope:
            skips = dict.fromkeys(UPSTREAMS, SkipReason.SOURCE_EXCLUDED)
            return self._skipped(self._rate(query.display, None), (), skips)
        position = self._cursors.decode(query.cursor) if query.cursor else None
        rate = self._rate(query.display, position)
        planned = plan(query, rate.krw_per_usd, self._vocabulary, self._planners)
        if position is not None and query.display.krw_per_usd not in {None, rate.krw_per_usd}:
            planned = planned._replace(notices=(*planned.notices, RATE_KEPT))
        if not planned.legs and position is not None:
            raise invalid_cursor("mismatch", CURSOR_MISMATCH)
        if not planned.legs:
            return self._skipped(rate, planned.notices, planned.skips, 0 if query.auction_only else UNSET)
        with one_answer():
            if query.auction_only:
                return await self._hidden(planned, rate, deadline, bypass_cache=bypass_cache)
            return await self._page(query, planned, rate, position, deadline, bypass_cache=bypass_cache)

    async def explain(self, query: Query, deadline: Deadline, *, bypass_cache: bool = False) -> Explanation:
        """Return what `answer` would call and use now. Calls no site. Raises ApiError 400 as `answer` does."""
        position = self._cursors.decode(query.cursor) if query.cursor else None
        rate = self._rate(query.display, position)
        if query.dealer_in_scope:
            planned = plan(query, rate.krw_per_usd, self._vocabulary, self._planners)
        else:
            skips = dict.fromkeys(UPSTREAMS, SkipReason.SOURCE_EXCLUDED)
            planned = Plan((), RowFilter(query, FilterWords(), rate.krw_per_usd), (), skips)
        walk = self._walk(query, planned, rate, position)
        stocked = peek(planned, self._sites, bypass_cache=bypass_cache and not walk.exact)
        walk, readers = open_readers(query, planned, walk, stocked, ReturnedIds(walk.seen))
        legs: list[LegOutlook] = []
        for reader, found in zip(readers, stocked, strict=True):
            leg, wanted = reader.leg, reader.wanted
            index = None if query.auction_only else wanted or 0
            outlook = await self._sites[leg.upstream].outlook(
                leg, planned.keep, index, deadline, bypass_cache=bypass_cache
            )
            legs.append(LegOutlook(leg, found, outlook, query.auction_only or wanted is not None))
        sources = explained_sources(planned, legs, self._sites)
        return Explanation(
            order=Order.of(query.sort, exact=walk.exact),
            page_size=query.page_size,
            calls=sum(len(search.calls) for source in sources for search in source.searches),
            dropped=query.dropped,
            sources=sources,
            fx=shown(rate),
            notices=planned.notices,
        )

    def _walk(self, query: Query, planned: Plan, rate: Rate, position: Position | None) -> Position:
        """Return the position at which a page begins. Raises ApiError 400 for a cursor of another query."""
        walked = fingerprint(query, planned.legs, planned.keep.vehicles)
        if position is not None and position.fingerprint != walked:
            raise invalid_cursor("mismatch", CURSOR_MISMATCH)
        return position or Position.start(walked, rate, len(planned.legs))

    async def rows(self, query: IdsQuery, deadline: Deadline, *, bypass_cache: bool = False) -> Listed:
        """Answer with the rows of these cars, and the states of the cars without a row.

        Raises ApiError 503 if no car of any site could be checked.
        """
        display, rate = query.display, self._rate(query.display, None)
        found = await look_up(query, self._sites, deadline, bypass_cache=bypass_cache)
        rows, states = in_order(query, found)
        answer = VehicleList(
            data=[summarise(row, rate.krw_per_usd, insider=display.insider) for row in rows],
            next_cursor=None,
            sources=sources_of(found),
            fx=shown(rate),
            notices=(),
            states=states,
        )
        return Listed(answer, CacheStatus.HIT if any(each.kept for each in found.values()) else CacheStatus.MISS)

    async def _page(
        self,
        query: Query,
        planned: Plan,
        rate: Rate,
        position: Position | None,
        deadline: Deadline,
        *,
        bypass_cache: bool,
    ) -> Listed:
        walk = self._walk(query, planned, rate, position)
        stocked = await self._stocked(planned, deadline, bypass_cache=bypass_cache and not walk.exact)
        seen = ReturnedIds(walk.seen)
        walk, readers = open_readers(query, planned, walk, stocked, seen)
        order = Order.of(query.sort, exact=walk.exact)
        page = await merge_legs(
            readers,
            query.page_size,
            lambda reader, index: self._sites[reader.leg.upstream].chunk(
                reader.leg, index, deadline, bypass_cache=bypass_cache
            ),
        )
        found = page.rows(query.sort)
        rows, enriched = found, list[Notice]()
        if query.display.enriched and found:
            rows, enriched = await enrich(found, self._sites, deadline, bypass_cache=bypass_cache)
        reports = [self._while_closed(reader.reports) for reader in readers]
        told = Missing.among([(report, reader.leg.named) for report, reader in zip(reports, readers, strict=True)])
        sources = source_states(told.reports, Counter(row.upstream for row in rows), planned.skips, self._now())
        for row in found:
            seen.add(row.id)
        place = walk.after(
            list(map(ORDER_KEYS[order], found)),
            lambda frontier: [reader.state(frontier) for reader in readers],
            bytes(seen),
        )
        answer = VehicleList(
            data=[
                summarise(row, rate.krw_per_usd, insider=query.display.insider, colour=planned.keep.colour)
                for row in rows
            ],
            next_cursor=None if all(map(_is_over, readers)) else self._cursors.encode(place),
            sources=sources,
            fx=shown(rate),
            notices=(
                *planned.notices,
                *walk_notices(readers, walk.legs, order),
                *page_notices(readers, page, rows),
                *_missing(told),
                *enriched,
            ),
        )
        # The adverts of enriched rows have other ages than the rows.
        fresh_for_s = 0.0 if query.display.enriched else fresh_for(reports)
        return Listed(answer, worst_of(leg.state for leg in told.reports), fresh_for_s)

    async def _stocked(self, planned: Plan, deadline: Deadline, *, bypass_cache: bool) -> list[Stocked]:
        """Return what each leg has in stock: rows, None, or for a leg that is never read live, why it has no rows."""
        found: list[Stocked] = []
        for leg in planned.legs:
            site = self._sites[leg.upstream]
            try:
                found.append(await site.stocked(leg, planned.keep, deadline, bypass_cache=bypass_cache))
            except UpstreamError as error:
                found.append(error)
        return found

    async def _hidden(self, planned: Plan, rate: Rate, deadline: Deadline, *, bypass_cache: bool) -> Listed:
        """Count the rows that an auction-only filter hides, from stock or by one small call per leg."""
        stocked = await self._stocked(planned, deadline, bypass_cache=bypass_cache)
        counts = (
            self._count(leg, found, planned.keep, deadline, bypass_cache=bypass_cache)
            for leg, found in zip(planned.legs, stocked, strict=True)
        )
        reports = [self._while_closed(report) for report in await asyncio.gather(*counts)]
        told = Missing.among([(report, leg.named) for report, leg in zip(reports, planned.legs, strict=True)])
        uncounted = any(report.answered and report.total is None for report in told.reports)
        answer = VehicleList(
            data=(),
            next_cursor=None,
            sources=source_states(told.reports, {}, planned.skips, self._now()),
            fx=shown(rate),
            notices=(*planned.notices, *_missing(told)),
            filtered_out=None if uncounted else sum(leg.total or 0 for leg in reports),
        )
        return Listed(answer, worst_of(leg.state for leg in told.reports), fresh_for(reports))

    async def _count(
        self, leg: Leg, stocked: Stocked, keep: RowFilter, deadline: Deadline, *, bypass_cache: bool
    ) -> LegReport:
        if isinstance(stocked, StockedLeg):
            return from_stock(leg.upstream, stocked)
        try:
            if stocked is not None:
                raise stocked
            found = await self._sites[leg.upstream].count(leg, keep, deadline, bypass_cache=bypass_cache)
        except UpstreamError as error:
            return LegReport(leg.upstream, error, None)
        return from_entry(leg.upstream, found, found.value if leg.filtered else None)

    def _while_closed(self, report: LegReport) -> LegReport:
        valve = self._valves[report.upstream]
        return while_closed(report, valve.closed(), valve.closed(background=True))

    def _rate(self, display: Display, position: Position | None) -> Rate:
        """Return the exchange rate of the answer. A walk keeps its first page's rate, so that prices do not jump."""
        if position is not None:
            return position.rate
        return self._rates.current() if display.krw_per_usd is None else self._rates.requested(display.krw_per_usd)

    def _skipped(
        self,
        rate: Rate,
        notices: Sequence[Notice],
        skips: Mapping[str, SkipReason],
        hidden: int | UnsetType = UNSET,
    ) -> Listed:
        answer = VehicleList(
            data=(),
            next_cursor=None,
            sources=source_states((), {}, skips, self._now()),
            fx=shown(rate),
            notices=notices,
            filtered_out=hidden,
        )
        return Listed(answer, CacheStatus.HIT)


def _is_over(reader: Reader) -> bool:
    """Whether a leg is finished: at its end, or failed without being named by the query."""
    return reader.ended or (reader.failure is not None and not reader.leg.named)


def _missing(told: Missing) -> Sequence[Notice]:
    return () if told.failure is None else (trucks_missing(told.failure),)
