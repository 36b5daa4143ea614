"""The reader of a leg in stock: all its rows are loaded and sorted."""

from collections import Counter
from collections.abc import Sequence

from dealerproxy.search.cursor import LegCursor, Position, Resumption, ReturnedIds, resumption
from dealerproxy.search.source_report import LegReport, from_stock
from dealerproxy.transport.errors import UpstreamError
from dealerproxy.upstreams.paging import Order
from dealerproxy.upstreams.results import Leg
from dealerproxy.upstreams.stocked import StockedLeg
from dealerproxy.vehicles.listing import Listing

# Rows that are rendered at a time: a page of one leg.
BATCH_ROWS = 48


class StockReader:
    """Reads a leg's rows by rank, from its position in the cursor; the merge uses it like a `LegReader`.

    A leg that was read live before resumes at the walk's frontier, because the site orders rows of one key differently;
    it skips returned rows of that key by their id. If the cursor lacks some of these ids, it resumes after that key
    (`jumped`).
    """

    failure: UpstreamError | None = None
    wanted: int | None = None
    calls = 0
    too_deep = False
    missing = 0

    def __init__(
        self,
        leg: Leg,
        state: LegCursor,
        walk: Position,
        *,
        stocked: StockedLeg,
        order: Order,
        seen: ReturnedIds,
    ) -> None:
        """`state` is the leg's position in the walk."""
        self.leg, self.total, self.confirmed = leg, stocked.total, stocked.confirmed
        self._stocked, self._seen, self._over = stocked, seen, state.ended
        self._rows = stocked.rows(order)
        self._count = len(self._rows)
        self._late = state.late
        # Key and number of the last passed row.
        self._passed = (state.key, state.last) if state.stocked else (state.key, None)
        self.moved = 0
        self.jumped = False
        self.left_out = Counter(stocked.left_out if state == LegCursor() else {})
        self._rank = self._count if state.ended else self._first(state, resumption(state, walk, seen))
        # A batch of rows: key and number of each, and the listings as soon as one is taken.
        self._from = self._rank
        self._places: Sequence[tuple[int, int]] = ()
        self._listings: Sequence[Listing] = ()
        self.ready = False
        self.next_key = self.next_tie = self._number = 0
        self._exact = order is Order.YEAR
        self._advance()

    def _first(self, state: LegCursor, place: Resumption) -> int:
        """Return the rank of the first row that may be returned."""
        key = place.key
        first = 0 if key is None else self._rows.from_key(key)
        if state.stocked and state.key is not None and state.last is not None:
            after = self._rows.after(state.key, state.last)
            self.moved = max(0, first - after)
            return max(first, after)
        untouched = state.key is None and state.last is None
        if key is None or untouched or place.remembered:
            return first
        self.jumped = True
        return self._rows.from_key(key + 1)

    @property
    def ended(self) -> bool:
        """Whether this leg has no further rows."""
        return not self.ready

    @property
    def reports(self) -> LegReport:
        """This request's report on the leg; a leg that ended on an earlier page has only its total."""
        if self._over:
            return LegReport(self.leg.upstream, None, self.total)
        return from_stock(self.leg.upstream, self._stocked)

    def state(self, frontier: int | None) -> LegCursor:
        """Return the leg's position for the cursor; `frontier` is the walk's new frontier."""
        caught_up = not self.ready or (frontier is not None and self.next_key >= frontier)
        key, last = self._passed
        if self.ready and last is None:  # just before the next row
            key, last = self.next_key, self._number + 1
        return LegCursor(self._rank, key, last, self.total, self.ended, self._late and not caught_up, stocked=True)

    def take(self) -> Listing:
        """Return the next row and advance. Raises LookupError if there is none."""
        if not self.ready:
            raise LookupError("the leg has no row left")
        if not self._listings:
            self._listings = self._rows.listings(self._from, self._from + len(self._places))
        listing = self._listings[self._rank - self._from]
        self._passed = (self.next_key, self._number)
        self._rank += 1
        self._advance()
        return listing

    def _advance(self) -> None:
        """Advance to the next row that was not returned yet."""
        while self._rank < self._count:
            at = self._rank - self._from
            if at >= len(self._places):
                self._from, at, self._listings = self._rank, 0, ()
                self._places = self._rows.places(self._rank, min(self._rank + BATCH_ROWS, self._count))
            key, number = self._places[at]
            if not self._seen or f"{self.leg.upstream}_{number}" not in self._seen:
                self.ready, self.next_key, self._number = True, key, number
                self.next_tie = -number if self._exact else 0
                return
            self._rank += 1
        self.ready = False
