"""Opens the readers of legs where their cursors stand: out of stock if it is there, else live."""

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
# A leg's rows in stock; None without any; or why a leg that is never asked live has none.
Stocked = StockedLeg | UpstreamError | None


def open_readers(
    query: Query, planned: Plan, walk: Position, stocked: Sequence[Stocked], seen: ReturnedIds
) -> tuple[Position, list[Reader]]:
    """Return the place of the walk, whose order is settled by its first page, and the reader of each leg.

    A walk by year is exact if all legs that can be read at all are in stock at its first page.
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
    """Return the reader of a leg; `state` is its place in the walk.

    A walk by model year cannot go on live: without stock the leg has ended.
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
