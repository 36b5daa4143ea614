"""Reads a partner's query string and decides which sources it needs, before any call.

If `source` names `dealer`, a filter that dealer cars cannot match is a 400. If `source` is omitted, the request is not
about dealer cars in particular, so the answer leaves them out instead.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from dealerproxy.client.errors import InvalidRequest, refused
from dealerproxy.contract.errors import Issue
from dealerproxy.contract.terms import (
    AUCTION_ONLY,
    DEALER,
    DEFAULT_LIMIT,
    MAX_LIMIT,
    PAGE_MAX,
    SOURCES,
    UPSTREAMS,
    Sort,
)

# The partner API's parameters that the service takes under the same name. Its other ones (`ids`, `explain`,
# `include`, `krw_per_usd`, `upstream`) are for the main API alone: from a partner they are unknown and ignored.
FILTERS = (
    *("make", "model", "year_min", "year_max", "mileage_max_km", "price_min_usd", "price_max_usd"),
    *("fuel", "transmission", "color", "options_include", "keyword", "body_style"),
)
# The partner API's tokens that Encar has no facet for.
UNSUPPORTED_OPTIONS = ("panoramic_sunroof", "dashcam")
_DEALER_ID = re.compile(rf"({'|'.join(UPSTREAMS)})_")
# The cursor after a first page with dealer rows. Base64 has no colon, so it cannot be one of the auction side's.
_REST = re.compile(r"auction:([a-z_]+):(\d{1,3}):(\d{1,3})", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,9}", re.ASCII)

Params = Mapping[str, str] | Iterable[tuple[str, str]]


class DealerPart(StrEnum):
    """What the dealer side has to do with a request: give rows, count those that a filter hides, or nothing."""

    ROWS = "rows"
    COUNT = "count"
    NONE = "none"


class Rest(NamedTuple):
    """The position of the auction rows that did not fit on a first page with dealer rows.

    The first page had `chosen_of` auction rows as candidates and showed `shown` of them; this page holds `size` rows.
    """

    chosen_of: int
    shown: int
    size: int


class PartnerQuery(Struct, frozen=True, kw_only=True):
    """A partner's list request. `params` holds all parameters, unknown ones included, for the auction half.

    `sources` are the named ones, empty if `source` is omitted. `limit` is the number of auction rows to fetch: the
    partner's own limit, with a `rest` plus those already shown. `cursor` is the auction side's or the service's own;
    `params` holds the same one under that name.
    """

    params: Mapping[str, str]
    sources: tuple[str, ...]
    sort: Sort
    limit: int
    cursor: str | None
    dealer: DealerPart
    rest: Rest | None = None

    @property
    def auctions(self) -> tuple[str, ...]:
        """The auction houses to query; none for a pure dealer request."""
        return tuple(name for name in self.sources or SOURCES if name != DEALER)

    @property
    def names_dealer(self) -> bool:
        """Whether `source` names `dealer`."""
        return DEALER in self.sources

    @property
    def mixed(self) -> bool:
        """Whether the page holds auction and dealer rows."""
        return self.dealer is DealerPart.ROWS and bool(self.auctions)

    @property
    def capped(self) -> bool:
        """Whether the partner's own limit is above what a dealer page holds."""
        return self.dealer is DealerPart.ROWS and self.limit > PAGE_MAX

    @property
    def dealer_params(self) -> dict[str, str]:
        """The query string for the service.

        A mixed page requests the full limit of rows, not half of it: dealer rows fill the room of a short auction
        half, and the service reads 48 at a time anyway.
        """
        kept = {name: self.params[name] for name in FILTERS if name in self.params}
        if self.dealer is DealerPart.COUNT:
            return kept | {name: self.params[name] for name in AUCTION_ONLY if name in self.params}
        kept |= {"source": DEALER, "sort": self.sort, "limit": str(min(self.limit, PAGE_MAX))}
        return kept if self.cursor is None else kept | {"cursor": self.cursor}


def parse(params: Params) -> PartnerQuery:
    """Reads a partner's query string, as a mapping or as pairs (such as `request.query.items()`).

    Each half checks the values that only it understands. If `source` is omitted, a cursor is the auction side's: only
    the first page holds dealer rows. Raises InvalidRequest: `validation_error` with every issue found, the first also
    as `details.field`, or `mixed_source_pagination_unsupported`.
    """
    given = _joined(params)
    issues: list[Issue] = []
    sources = _words(given, "source", SOURCES, issues)
    part = _dealer_part(given, sources)
    named = DEALER in sources
    if "cursor" in given:
        if named and len(sources) > 1:
            raise _mixed_cursor()
        if not sources and part is DealerPart.ROWS:
            part = DealerPart.NONE
    if named:
        issues += [*_no_make(given), *_forbidden(given), *_unsupported(given)]
    if "model" in given and not _values(given, "make"):
        issues.append(Issue("model", "`model` needs `make`."))
    sorts = _words(given, "sort", tuple(Sort), issues)
    limit = _limit(given, issues)
    if issues:
        raise refused(issues)
    sort = Sort(sorts[0]) if sorts else Sort.AUCTION_DATE_ASC
    rest = None if sources else _rest(given.get("cursor", ""), sort, limit)
    if rest is not None:
        del given["cursor"]
        part, limit = DealerPart.NONE, max(rest.chosen_of, rest.shown + rest.size)
    return PartnerQuery(
        params=given,
        sources=sources,
        sort=sort,
        limit=limit,
        cursor=given.get("cursor"),
        dealer=part,
        rest=rest,
    )


def rest_cursor(sort: Sort, chosen_of: int, shown: int) -> str:
    """The cursor for the auction rows that did not fit on a first page. `parse` reads it as a `Rest`."""
    return f"auction:{sort}:{chosen_of}:{shown}"


def _rest(cursor: str, sort: Sort, size: int) -> Rest | None:
    """Reads a cursor of `rest_cursor`; None for any other. Raises InvalidRequest for one of another sort order."""
    found = _REST.fullmatch(cursor)
    if found is None or not int(found[3]) < int(found[2]) <= MAX_LIMIT:
        return None
    if found[1] != sort:
        raise InvalidRequest(
            400,
            "invalid_cursor",
            "The cursor belongs to another sort.",
            details={"field": "cursor", "reason": "mismatch"},
        )
    return Rest(int(found[2]), int(found[3]), size)


def is_dealer_id(vehicle_id: str) -> bool:
    """Whether an id belongs to a dealer car, which this service answers, and not to an auction car."""
    return _DEALER_ID.match(vehicle_id) is not None


def _joined(params: Params) -> dict[str, str]:
    """Parameters by name. A repeated one becomes one comma-separated list; blank ones count as absent."""
    joined: dict[str, str] = {}
    for name, value in params.items() if isinstance(params, Mapping) else params:
        if value.strip():
            joined[name] = f"{joined[name]},{value.strip()}" if name in joined else value.strip()
    return joined


def _values(given: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value.strip() for value in given.get(name, "").split(",") if value.strip()))


def _words(given: Mapping[str, str], name: str, allowed: Sequence[str], issues: list[Issue]) -> tuple[str, ...]:
    """Values of a closed list, ignoring case; adds an issue for any other value."""
    words = dict.fromkeys(value.casefold() for value in _values(given, name))
    if words.keys() - set(allowed):
        issues.append(Issue(name, f"`{name}` has an unknown value. Allowed: {', '.join(allowed)}.", tuple(allowed)))
    return tuple(word for word in words if word in allowed)


def _limit(given: Mapping[str, str], issues: list[Issue]) -> int:
    text = given.get("limit", str(DEFAULT_LIMIT))
    limit = int(text) if _INTEGER.fullmatch(text) else 0
    if not 1 <= limit <= MAX_LIMIT:
        issues.append(Issue("limit", f"`limit` must be a whole number from 1 to {MAX_LIMIT}."))
    return limit


def _dealer_part(given: Mapping[str, str], sources: Sequence[str]) -> DealerPart:
    left_out = DEALER not in sources if sources else bool(_no_make(given) or _unsupported(given))
    if left_out:
        return DealerPart.NONE
    return DealerPart.COUNT if _forbidden(given) else DealerPart.ROWS


def _no_make(given: Mapping[str, str]) -> list[Issue]:
    return [] if _values(given, "make") else [Issue("make", "`make` is required for dealer cars.")]


def _forbidden(given: Mapping[str, str]) -> list[Issue]:
    return [
        Issue(name, f"`{name}` is an auction filter and cannot be combined with source=dealer.")
        for name in AUCTION_ONLY
        if name in given
    ]


def _unsupported(given: Mapping[str, str]) -> list[Issue]:
    tokens = [value.lower() for value in _values(given, "options_include")]
    return [
        Issue("options_include", f"`{token}` cannot be filtered on for dealer cars.")
        for token in tokens
        if token in UNSUPPORTED_OPTIONS
    ]


def _mixed_cursor() -> InvalidRequest:
    return InvalidRequest(
        400,
        "mixed_source_pagination_unsupported",
        "A cursor works with one kind of source; page auction and dealer sources separately.",
        details={"field": "cursor"},
    )
