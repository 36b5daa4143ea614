"""Answers a list request: plan, read, merge, render; every source with an honest word on how it went."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import UNSET, UnsetType

from dealerproxy.cache.entries import State
from dealerproxy.contract.answers import Notice, SkipReason, VehicleList
from dealerproxy.contract.deadline import Deadline
from dealerproxy.contract.errors import invalid_cursor
from dealerproxy.contract.rate import Rate
from dealerproxy.contract.terms import UPSTREAMS
from dealerproxy.search.cursor import CursorCodec, LegState, Position, Seen, fingerprint
from dealerproxy.search.leg_reader import reader_of
from dealerproxy.search.merge import gather
from dealerproxy.search.notices import RATE_KEPT, remarks
from dealerproxy.search.plan import Leg, Plan, plan
from dealerproxy.search.source_report import Heard, fresh_for, heard_of, shown, sum_up, worst_of
from dealerproxy.transport.errors import UpstreamError
from dealerproxy.upstreams.encar.cars import EncarCars
from dealerproxy.upstreams.encar.enrich import enrich
from dealerproxy.upstreams.paging import SORT_KEYS
from dealerproxy.upstreams.query import Keep, Query
from dealerproxy.upstreams.upstream import Source
from dealerproxy.vehicles.fx import FxRates
from dealerproxy.vehicles.render import summarise
from dealerproxy.vocabulary import Vocabulary

CURSOR_MISMATCH = "The cursor belongs to another sort or other filters."


class Listed(NamedTuple):
    """An answer, how its pieces came about, and for how many seconds all of them stay fresh."""

    answer: VehicleList
    state: State
    fresh_for_s: float = 0.0


class SearchService:
    """Everything a list request needs, shared by all requests; `sources` by upstream."""

    def __init__(
        self,
        *,
        sources: Mapping[str, Source[Any]],
        cars: EncarCars,
        vocabulary: Vocabulary,
        rates: FxRates,
        cursors: CursorCodec,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._sources, self._cars, self._vocabulary = sources, cars, vocabulary
        self._rates, self._cursors, self._now = rates, cursors, now

    async def answer(self, query: Query, deadline: Deadline, *, fresh_look: bool = False) -> Listed:
        """Answer a valid query within its deadline; with `fresh_look` ask Encar in any case.

        Raises ApiError: 400 for a cursor that does not fit or more than 24 legs, 503 when every attempted
        source failed.
        """
        if not query.dealer_in_scope:
            skips = dict.fromkeys(UPSTREAMS, SkipReason.SOURCE_EXCLUDED)
            return self._skipped(self._rate(query, None), (), skips)
        position = self._cursors.decode(query.cursor) if query.cursor else None
        rate = self._rate(query, position)
        planned = plan(query, rate.krw_per_usd, self._vocabulary)
        if position is not None and query.display.krw_per_usd not in {None, rate.krw_per_usd}:
            planned = planned._replace(notices=(*planned.notices, RATE_KEPT))
        if not planned.legs and position is not None:
            raise invalid_cursor("mismatch", CURSOR_MISMATCH)
        if not planned.legs:
            return self._skipped(rate, planned.notices, planned.skips, 0 if query.auction_only else UNSET)
        if query.auction_only:
            return await self._hidden(planned, rate, deadline, fresh_look=fresh_look)
        return await self._page(query, planned, rate, position, deadline, fresh_look=fresh_look)

    async def _page(
        self,
        query: Query,
        planned: Plan,
        rate: Rate,
        position: Position | None,
        deadline: Deadline,
        *,
        fresh_look: bool,
    ) -> Listed:
        walk = fingerprint(query, planned.legs)
        if position is not None and position.fingerprint != walk:
            raise invalid_cursor("mismatch", CURSOR_MISMATCH)
        states = position.legs if position else [LegState()] * len(planned.legs)
        seen = Seen(position.seen if position else b"", len(states))
        front = position.front if position else None
        readers = [
            reader_of(leg)(leg, state, sort=query.sort, keep=planned.keep, seen=seen, front=front)
            for leg, state in zip(planned.legs, states, strict=True)
        ]
        page = await gather(
            readers,
            query.page_size,
            lambda reader, index: self._sources[reader.leg.upstream].chunk(
                reader.leg, index, deadline, fresh_look=fresh_look
            ),
        )
        found = page.rows(query.sort)
        rows, enriched = found, list[Notice]()
        if query.display.enriched and found:
            rows, enriched = await enrich(found, self._cars, self._vocabulary, deadline, fresh_look=fresh_look)
        heard = [reader.heard for reader in readers]
        sources = sum_up(heard, Counter(row.upstream for row in rows), planned.skips, self._now())
        for row in found:
            seen.add(row.id)
        keys = (front, *map(SORT_KEYS[query.sort], found))
        front = max((key for key in keys if key is not None), default=None)
        walked = all(reader.ended for reader in readers)
        answer = VehicleList(
            data=[summarise(row, rate.krw_per_usd, insider=query.display.insider) for row in rows],
            next_cursor=None
            if walked
            else self._cursors.encode(walk, rate, [reader.state(front) for reader in readers], front, bytes(seen)),
            sources=sources,
            fx=shown(rate),
            notices=(*planned.notices, *remarks(readers, page, rows), *enriched),
        )
        # The adverts behind enriched rows have ages of their own.
        fresh_for_s = 0.0 if query.display.enriched else fresh_for(heard)
        return Listed(answer, worst_of(leg.state for leg in heard), fresh_for_s)

    async def _hidden(self, planned: Plan, rate: Rate, deadline: Deadline, *, fresh_look: bool) -> Listed:
        """Count the rows an auction-only filter hides: one small call a leg, or an index at hand."""
        counts = (self._count(leg, planned.keep, deadline, fresh_look=fresh_look) for leg in planned.legs)
        heard = await asyncio.gather(*counts)
        answer = VehicleList(
            data=(),
            next_cursor=None,
            sources=sum_up(heard, {}, planned.skips, self._now()),
            fx=shown(rate),
            notices=planned.notices,
            filtered_out=sum(leg.total or 0 for leg in heard),
        )
        return Listed(answer, worst_of(leg.state for leg in heard), fresh_for(heard))

    async def _count(self, leg: Leg, keep: Keep, deadline: Deadline, *, fresh_look: bool) -> Heard:
        try:
            found = await self._sources[leg.upstream].count(leg, keep, deadline, fresh_look=fresh_look)
        except UpstreamError as error:
            return Heard(leg.upstream, error, None)
        return heard_of(leg.upstream, found, found.value)

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
        self,
        rate: Rate,
        notices: Sequence[Notice],
        skips: Mapping[str, SkipReason],
        hidden: int | UnsetType = UNSET,
    ) -> Listed:
        answer = VehicleList(
            data=(),
            next_cursor=None,
            sources=sum_up((), {}, skips, self._now()),
            fx=shown(rate),
            notices=notices,
            filtered_out=hidden,
        )
        return Listed(answer, State.HIT)
