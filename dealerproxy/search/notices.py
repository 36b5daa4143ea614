"""Notices about a page: rows that were left out, and legs that end early."""

from collections import Counter
from collections.abc import Sequence

from dealerproxy.contract.answers import Notice
from dealerproxy.search.cursor import LegCursor
from dealerproxy.search.leg_reader import LegReader
from dealerproxy.search.merge import MergedPage
from dealerproxy.search.readers import Reader
from dealerproxy.transport.errors import UpstreamError
from dealerproxy.upstreams.paging import Order
from dealerproxy.vehicles.listing import LeftOutReason, Listing

PAGE_SHORT = Notice(code="page_short", message="Few of the rows read so far match. Continue with `next_cursor`.")
RATE_KEPT = Notice(
    code="rate_kept",
    field="krw_per_usd",
    message="The walk keeps the exchange rate of its first page. Start again without a cursor to use another rate.",
)

ORDER_BY_REGISTRATION = Notice(
    code="order_by_registration",
    field="sort",
    message="Rows are sorted by month of first registration, newest first, and by model year only within a page.",
)
WALK_MOVED = Notice(
    code="walk_moved",
    message="Many rows share the sort value at the start of this page, and some of them may be missing.",
)
WALK_ENDED = Notice(
    code="walk_ended",
    message="The list that this walk began with is no longer stored. Start again without a cursor to see the rest.",
)

# code -> (field, message around the count)
_COUNTED = {
    f"left_out_{LeftOutReason.LEASE_OR_RENT}": (None, "Left out: {} offered for lease or rent."),
    f"left_out_{LeftOutReason.UNDER_CONTRACT}": (None, "Left out: {} under contract."),
    f"left_out_{LeftOutReason.PLACEHOLDER_PRICE}": (None, "Left out: {} with a placeholder for a price."),
    f"left_out_{LeftOutReason.PLACEHOLDER_MILEAGE}": (None, "Left out: {} with a placeholder for a mileage."),
    f"left_out_{LeftOutReason.UNKNOWN_MODEL}": (None, "Left out: {} of a model without an English name."),
    f"left_out_{LeftOutReason.SOLD_OR_RESERVED}": (None, "Left out: {} sold or reserved."),
    f"left_out_{LeftOutReason.OTHER_FEEDER}": (None, "Left out: {} from an unsupported feeder."),
    f"left_out_{LeftOutReason.NOT_BUYABLE}": (None, "Left out: {} found sold or gone after the list was read."),
    f"left_out_{LeftOutReason.UNREADABLE}": (None, "Left out: {} that could not be read."),
    "left_out_duplicate": (None, "Left out: {} duplicate adverts of cars on this page."),
    "untranslated": ("trim", "Words without an English translation, removed from trim names: {}."),
    "depth_limit": (None, "Searches that end before their last row: {}. Narrow the filters to see the rest."),
    "moved": (None, "Skipped: {} that an earlier page returned, or that sort before this page. The list changed."),
    "rows_missing": (None, "Rows that the site counts but did not send: {}."),
}


def page_notices(readers: Sequence[Reader], page: MergedPage, rows: Sequence[Listing]) -> list[Notice]:
    """Return notices about the rows that a page does not show, with counts."""
    counts = Counter(
        {
            "left_out_duplicate": page.duplicates,
            "untranslated": sum(row.untranslated for row in rows),
            "depth_limit": sum(reader.too_deep for reader in readers),
            "moved": sum(reader.moved for reader in readers),
            "rows_missing": sum(reader.missing for reader in readers),
        }
    )
    for reader in readers:
        counts.update({f"left_out_{reason}": count for reason, count in reader.left_out.items()})
    notices = [
        Notice(code=code, field=field, message=message.format(counts[code]), count=counts[code])
        for code, (field, message) in _COUNTED.items()
        if counts[code]
    ]
    unconfirmed = dict.fromkeys(reader.leg.upstream for reader in readers if not reader.confirmed)
    notices += map(_unconfirmed_empty, unconfirmed)
    return [*notices, PAGE_SHORT] if page.short else notices


def walk_notices(readers: Sequence[Reader], before: Sequence[LegCursor], order: Order) -> list[Notice]:
    """Return notices about a walk as a whole; `before` has the positions of its legs before this page."""
    cut = order is Order.YEAR and any(
        isinstance(reader, LegReader) and reader.ended and not place.ended
        for reader, place in zip(readers, before, strict=True)
    )
    told = {
        ORDER_BY_REGISTRATION: order is Order.REGISTERED,
        WALK_MOVED: any(reader.jumped for reader in readers),
        WALK_ENDED: cut,
    }
    return [notice for notice, is_so in told.items() if is_so]


def trucks_missing(error: UpstreamError) -> Notice:
    """Return the notice about trucks that the query does not name and that could not be read."""
    message = f"The trucks of a make could not be read ({error.code}). Its cars are complete."
    return Notice(code="trucks_missing", message=message)


def _unconfirmed_empty(site: str) -> Notice:
    message = f"{site.capitalize()} shows no car of a make or model. This does not prove that it has none."
    return Notice(code="unconfirmed_empty", message=message)
