"""Merges auction rows and the dealer side's answer into one page, with headers that name missing sources.

Pure: the main API fetches both halves (up to `query.limit` auction rows). Rows are plain JSON-ready dicts of the
partner API's VehicleSummary. Only the sort keys of an auction row are read, and a row with an unreadable key sorts
last. Auction data of any shape never raises, and every row stays unchanged.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from numbers import Real
from typing import Any

import msgspec
from msgspec import Struct

from dealerproxy.client.errors import (
    DealerError,
    DealerUnavailable,
    InvalidRequest,
    VehicleNotFound,
    VehicleUnavailable,
    for_partner,
    outage,
)
from dealerproxy.client.sources import DealerPart, PartnerQuery, Rest, rest_cursor
from dealerproxy.contract.answers import FacetsAnswer, VehicleList
from dealerproxy.contract.headers import PAGE_MAX_HEADER, PARTIAL_HEADER
from dealerproxy.contract.rate import KST
from dealerproxy.contract.terms import DEALER, PAGE_MAX, Sort

FILTERED_OUT_HEADER = "X-LMN-Filtered-Out"

Row = Mapping[str, Any]
Key = Callable[[object], tuple[bool, float]]
Dealer = VehicleList | DealerError


class Page(Struct, frozen=True, kw_only=True):
    """The partner's answer: `data` and `next_cursor` are the body, `headers` its further headers."""

    data: Sequence[Row]
    next_cursor: str | None
    headers: Mapping[str, str]


def merge(
    query: PartnerQuery,
    auction_rows: Sequence[Row],
    dealer: Dealer | None,
    *,
    auction_cursor: str | None = None,
) -> Page:
    """Builds the page.

    `dealer` is the result of `DealerClient.answer` for this query. None counts as an outage if the query wants dealer
    rows. `auction_cursor` continues after the last of `auction_rows`.

    If the request names `dealer`, a mixed page has no next page: callers page through each half separately. If it omits
    `source`, the next pages hold auction rows alone, each of them once: first the rows that did not fit on this page,
    by a cursor of the client's own that `parse` reads, then by `auction_cursor`.

    Raises InvalidRequest if the service rejected a request that names `dealer`, and DealerUnavailable, with the headers
    to send, if a pure dealer request failed. Any other failure of the dealer side only leaves out its rows.
    """
    auction_rows = _rows(auction_rows)
    headers = {PAGE_MAX_HEADER: str(PAGE_MAX)} if query.capped else {}
    answer = None if query.dealer is DealerPart.NONE else _reports(query, dealer, headers)
    if query.dealer is not DealerPart.ROWS:
        if answer is not None and isinstance(answer.filtered_out, int):
            headers[FILTERED_OUT_HEADER] = f"{DEALER}={answer.filtered_out}"
        if query.rest is not None:
            return _rest_page(query.sort, query.limit, query.rest, auction_rows, auction_cursor, headers)
        return Page(data=auction_rows[: query.limit], next_cursor=auction_cursor, headers=headers)
    dealer_rows: list[Row] = msgspec.to_builtins(answer.data) if answer is not None else []
    if not query.mixed:
        return Page(data=dealer_rows, next_cursor=answer.next_cursor if answer is not None else None, headers=headers)
    rows, shown = _merged(query.sort, query.limit, auction_rows, dealer_rows)
    if query.names_dealer:
        cursor = None
    else:
        cursor = auction_cursor if shown >= len(auction_rows) else rest_cursor(query.sort, query.limit, shown)
    return Page(data=rows, next_cursor=cursor, headers=headers)


def _rest_page(
    sort: Sort, limit: int, rest: Rest, auction: Sequence[Row], auction_cursor: str | None, headers: Mapping[str, str]
) -> Page:
    """A page of the auction rows that did not fit on earlier pages, then of the rows after them.

    The candidates of the first page keep its order, the rows after them their own.
    """
    chosen_of = sorted(auction[: rest.chosen_of], key=_KEYS[sort])
    end = rest.shown + rest.size
    ordered = [*chosen_of, *auction[rest.chosen_of : limit]]
    cursor = auction_cursor if end >= len(ordered) else rest_cursor(sort, rest.chosen_of, end)
    return Page(data=ordered[rest.shown : end], next_cursor=cursor, headers=headers)


def merge_rows(sort: Sort, limit: int, auction: Sequence[Row], dealer: Sequence[Row]) -> list[Row]:
    """Merges the halves into at most `limit` rows.

    `auction_date_asc` splits the limit: auction rows by date, then dealer rows, which have no date, newest first. Any
    other sort orders all rows together. Equal rows keep their order, auction before dealer. A date or date-time is ISO
    8601 text or a Python object; without an offset it is Seoul time. A number is finite and not text. A row without
    such a value sorts last.
    """
    return _merged(sort, limit, _rows(auction), dealer)[0]


def _merged(sort: Sort, limit: int, auction: Sequence[Row], dealer: Sequence[Row]) -> tuple[list[Row], int]:
    """As `merge_rows`, with the number of auction rows on the page, which are the first ones of the sort."""
    if sort is Sort.AUCTION_DATE_ASC:
        of_auction, of_dealer = split(limit, len(auction), len(dealer))
        dated, newest = sorted(auction, key=_KEYS[sort]), sorted(dealer, key=_KEYS[Sort.YEAR_DESC])
        return [*dated[:of_auction], *newest[:of_dealer]], of_auction
    key = _KEYS[sort]
    rows = [*((row, True) for row in auction), *((row, False) for row in dealer)]
    shown = sorted(rows, key=lambda row: key(row[0]))[:limit]
    return [row for row, _ in shown], sum(is_auction for _, is_auction in shown)


def split(limit: int, auction: int, dealer: int) -> tuple[int, int]:
    """The numbers of auction and dealer rows on a page.

    Each side gets half of the limit, auction the odd row. A side may use the room that the other cannot fill.
    """
    shown = min(dealer, max(limit // 2, limit - auction))
    return min(auction, limit - shown), shown


def merge_facets(sources: Sequence[str], auction: object, dealer: FacetsAnswer | DealerError | None) -> dict[str, Any]:
    """One facets answer, flat and without counts: the auction side's values, then those only dealer cars have.

    `sources` are those the partner named, empty for all; `auction` is the main API's own answer for them with its
    `as_of`. List items that are not text are left out. An `as_of` without an offset is Seoul time; the dealer side's
    replaces an unreadable one. A failure of the dealer side only leaves out its values, unless `dealer` is the only
    source: that raises DealerUnavailable, or InvalidRequest if the service rejected the request.
    """
    of_auction: Mapping[str, Any] = auction if isinstance(auction, Mapping) else {}
    merged = dict(of_auction)
    if sources and DEALER not in sources:
        return merged
    merged["sources"] = _union(of_auction.get("sources"), (DEALER,))
    if isinstance(dealer, FacetsAnswer):
        for name in ("makes", "fuels", "transmissions"):
            merged[name] = _union(of_auction.get(name), getattr(dealer, name))
        ours = of_auction.get("models")
        models = ours if isinstance(ours, Mapping) else {}
        makes = _union(models, dealer.models)
        merged["models"] = {make: _union(models.get(make), dealer.models.get(make, ())) for make in makes}
        merged["as_of"] = min(dealer.as_of, of_auction.get("as_of"), key=_known_moment)
    elif sources and set(sources) == {DEALER}:
        raise _failure(dealer)
    return merged


def _reports(query: PartnerQuery, dealer: Dealer | None, headers: dict[str, str]) -> VehicleList | None:
    """The dealer side's answer, or None after a failure. Adds the names of failed sources to `headers`."""
    if isinstance(dealer, VehicleList):
        failing = [source.name for source in dealer.sources if source.failing]
        if failing:
            headers[PARTIAL_HEADER] = ",".join(failing)
        return dealer
    error = _failure(dealer)
    if not query.auctions or (query.names_dealer and isinstance(error, InvalidRequest)):
        error.headers |= headers
        raise error
    # A rejected request is not a failure of a source. It does not name `dealer`, so dealer rows are left out.
    if isinstance(error, DealerUnavailable):
        headers[PARTIAL_HEADER] = ",".join(error.sources)
    return None


def _failure(error: DealerError | None) -> DealerError:
    """The partner's error for a missing dealer list: InvalidRequest or DealerUnavailable, never a 404."""
    if error is None or isinstance(error, VehicleNotFound | VehicleUnavailable):
        error = outage("not_asked" if error is None else "unexpected_answer")
    return for_partner(error)


def _rows(auction: object) -> Sequence[Row]:
    """The auction side's rows; empty if its value is not a list of rows."""
    if isinstance(auction, Sequence) and not isinstance(auction, str | bytes):
        return auction
    is_rows = isinstance(auction, Iterable) and not isinstance(auction, Mapping | str | bytes)
    return list(auction) if is_rows else ()  # type: ignore[call-overload]


def _union(ours: object, theirs: Iterable[str]) -> list[str]:
    """The texts of `ours`, a value of any shape, then those of `theirs` that are not among them."""
    values = ours if isinstance(ours, Iterable) and not isinstance(ours, str) else ()
    return list(dict.fromkeys([*(value for value in values if isinstance(value, str)), *theirs]))


def _by(read: Callable[[Mapping[str, Any]], float | None], sign: int = 1) -> Key:
    def key(row: object) -> tuple[bool, float]:
        value = read(row) if isinstance(row, Mapping) else None
        return value is None, 0 if value is None else sign * value

    return key


def _moment(value: object) -> float | None:
    """Unix seconds of a date or date-time, as text or as an object; Seoul time if it has no offset."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        return None
    return _number((value if value.utcoffset() is not None else value.replace(tzinfo=KST)).timestamp())


def _known_moment(value: object) -> float:
    """As `_moment`; an unreadable value is later than any other."""
    moment = _moment(value)
    return math.inf if moment is None else moment


def _number(value: object) -> float | None:
    """A finite number as a float; None for anything else, text and booleans included."""
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        return None
    try:
        number = float(value)
    except (OverflowError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _price(row: Mapping[str, Any]) -> float | None:
    pricing = row.get("pricing")
    return _number(pricing.get("listing_price")) if isinstance(pricing, Mapping) else None


_KEYS: Mapping[Sort, Key] = {
    Sort.AUCTION_DATE_ASC: _by(lambda row: _moment(row.get("auction_date"))),
    Sort.PRICE_ASC: _by(_price),
    Sort.PRICE_DESC: _by(_price, -1),
    Sort.YEAR_DESC: _by(lambda row: _number(row.get("year")), -1),
    Sort.MILEAGE_ASC: _by(lambda row: _number(row.get("mileage_km"))),
}
