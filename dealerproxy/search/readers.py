"""Opens the readers of legs at their positions: a reader of stock if the leg is in stock, else a live reader."""

from collections.abc import Sequence

from msgspec.structs import replace

from dealerproxy.search.cursor import LegCursor, Position, ReturnedIds
from dealerproxy.search.leg_reader import LegReader
from dealerproxy.search.plan import Plan
from dealerproxy.search.stock_reader import StockReader
from dealerproxy.transport.errors import UpstreamError
from dealerproxy.upstreams.paging import Order
from dealerproxy.upstreams.query import Query, RowFilter
from dealerproxy.upstreams.results import Leg
from dealerproxy.upstreams.stocked import StockedLeg

Reader = LegReader | StockReader
# A leg's rows in stock; None if it has none; for a leg that is never read live, the error because of which it has none.
Stocked = StockedLeg | UpstreamError | None


def open_readers(
    query: Query, planned: Plan, walk: Position, stocked: Sequence[Stocked], seen: ReturnedIds
) -> tuple[Position, list[Reader]]:
    """Return the position of the walk, and the reader of each leg. The first page decides the order of the walk.

    A walk by year is exact if all readable legs are in stock at its first page.
    """
    if query.cursor is None and query.sort.by_year:
        in_stock = None not in stocked and any(isinstance(each, StockedLeg) for each in stocked)
        walk = replace(walk, exact=in_stock)
    order = Order.of(query.sort, exact=walk.exact)
    return walk, [
        open_reader(leg, state, found, walk, order=order, keep=planned.keep, seen=seen)
        for leg, state, found in zip(planned.legs, walk.legs, stocked, strict=True)
    ]


def open_reader(
    leg: Leg, state: LegCursor, stocked: Stocked, walk: Position, *, order: Order, keep: RowFilter, seen: ReturnedIds
) -> Reader:
    """Return the reader of a leg; `state` is its position in the walk.

    A walk by model year cannot continue live: without stock, the leg ends.
    """
    if isinstance(stocked, StockedLeg):
        return StockReader(leg, state, walk, stocked=stocked, order=order, seen=seen)
    if order is Order.YEAR and stocked is None:
        state = replace(state, ended=True)
    if not leg.filtered:
        keep = replace(keep, strict=True)
    reader = LegReader(leg, state, walk, order=order, keep=keep, seen=seen)
    reader.failure = stocked
    return reader
