"""Validation of the partner's query string. Makes no upstream call.

Unknown parameters are ignored, as the public API promises; a repeated parameter counts as a comma-separated list.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TypeVar

from dealerproxy.contract.errors import ApiError, Issue, validation_error
from dealerproxy.contract.ids import site_and_number
from dealerproxy.contract.rate import PLAUSIBLE
from dealerproxy.contract.terms import (
    AUCTION_ONLY,
    DEALER,
    DEFAULT_LIMIT,
    MAX_LIMIT,
    SOURCES,
    UPSTREAMS,
    Sort,
)
from dealerproxy.search.by_id import IdsQuery
from dealerproxy.upstreams.query import Display, Query
from dealerproxy.vocabulary import Vocabulary

# The most ids in one request.
MAX_ROWS_BY_ID = 40
# Fields of a query that the log shows.
_LOGGED = (
    *("year_min", "year_max", "mileage_max_km", "price_min_usd", "price_max_usd", "fuel", "transmissions", "colour"),
    *("options", "auction_only", "explain", "dropped"),
)
# Parameters that select, sort or page rows cannot be combined with ids.
NOT_WITH_IDS = (
    *("make", "model", "year_min", "year_max", "mileage_max_km", "price_min_usd", "price_max_usd"),
    *("fuel", "transmission", "color", "options_include", "keyword", "body_style", "upstream"),
    *AUCTION_ONLY,
    *("sort", "cursor", "explain"),
)
EXPLAIN = ("1", "0")
INCLUDES = ("dealer", "enriched")
GRADES = ("A", "B", "C", "D", "F")
AUCTION_STATUSES = ("upcoming", "sold", "negotiation_sold", "no_bid", "negotiation_requested")
BODY_STYLES = ("van",)
YEARS = (1900, 2100)
BIGGEST = 999_999_999
_INTEGER = re.compile(r"[+-]?\d{1,9}", re.ASCII)
_NUMBER = re.compile(r"\d{1,6}(\.\d{1,20})?", re.ASCII)

N = TypeVar("N", int, float)


def parse(params: Mapping[str, Sequence[str]], vocabulary: Vocabulary) -> Query:
    """Validate a query string.

    Raises ApiError 400: `validation_error` with every issue found, the first also as `details.field`, or
    `mixed_source_pagination_unsupported` for a cursor with auction and dealer sources together.
    """
    reader = _Reader(params)
    sources = reader.words("source", SOURCES)
    if reader.text("cursor") and DEALER in sources and len(sources) > 1:
        raise ApiError(
            400,
            "mixed_source_pagination_unsupported",
            "A cursor works with one kind of source. Page auction and dealer sources separately.",
            details={"field": "cursor"},
        )
    query = _read(reader, sources, vocabulary)
    if query.dealer_in_scope:
        _check_dealer(reader, query, sources, vocabulary)
    reader.check()
    return query


def asked_of(query: Query) -> dict[str, object]:
    """Return a query's fields that are not at their defaults, for the log; without cursor and requested rate."""
    words = {"make": query.makes, "model": query.models}
    told: dict[str, object] = {name: [short(text) for text in texts] for name, texts in words.items() if texts}
    for name in _LOGGED:
        value = getattr(query, name)
        if value not in (None, (), False):
            told[name] = value
    told |= {"sort": f"{query.sort}", "limit": query.limit}
    if query.cursor is not None:
        told["further_page"] = True
    if query.upstreams != UPSTREAMS:
        told["upstream"] = query.upstreams
    return told


def parse_ids(params: Mapping[str, Sequence[str]]) -> IdsQuery:
    """Validate `ids` and the parameters of how to show cars; repeated ids count once.

    Raises ApiError 400 `validation_error` for a filter, sort or cursor beside `ids`, for no id, more than 40 ids, or
    a value that is not a dealer id.
    """
    reader = _Reader(params)
    for name in NOT_WITH_IDS:
        if reader.text(name):
            reader.issue(name, f"`{name}` cannot be combined with `ids`.")
    sources = reader.words("source", SOURCES)
    if sources and DEALER not in sources:
        reader.issue("source", "`ids` are of dealer cars and cannot be combined with a `source` without `dealer`.")
    cars: dict[str, tuple[str, str]] = {}
    values = reader.values("ids")
    for value in values:
        found = site_and_number(value)
        if found is None:
            reader.issue("ids", f"`{short(value)}` is not a dealer id.")
        else:
            cars[value] = found
    if not 1 <= len(values) <= MAX_ROWS_BY_ID:
        reader.issue("ids", f"`ids` takes 1 to {MAX_ROWS_BY_ID} ids; got {len(values)}.")
    display = _display(reader)
    reader.check()
    return IdsQuery(cars, display)


def parse_display(params: Mapping[str, Sequence[str]]) -> Display:
    """Validate the parameters of how to show a car. Raises ApiError 400 `validation_error`."""
    reader = _Reader(params)
    display = _display(reader)
    reader.check()
    return display


def parse_sources(params: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Validate `source` alone; return an empty tuple without it. Raises ApiError 400 `validation_error`."""
    reader = _Reader(params)
    sources = reader.words("source", SOURCES)
    reader.check()
    return sources


def _display(reader: "_Reader") -> Display:
    includes = reader.words("include", INCLUDES)
    return Display(
        krw_per_usd=reader.number("krw_per_usd", *PLAUSIBLE),
        insider="dealer" in includes,
        enriched="enriched" in includes,
    )


def _read(reader: "_Reader", sources: Sequence[str], vocabulary: Vocabulary) -> Query:
    makes, models = reader.values("make"), reader.values("model")
    if models and not makes:
        reader.issue("model", "`model` needs `make`.")
    fuels = reader.words("fuel", tuple(vocabulary.fuel_filters))
    colours = _colours(reader, vocabulary)
    _check_auction_values(reader)
    dropped = [name for name, values in (("fuel", fuels), ("color", colours)) if len(values) > 1]
    if reader.text("keyword"):
        dropped.append("keyword")
    if reader.words("body_style", BODY_STYLES):
        dropped.append("body_style")
    year_min, year_max = reader.bounds("year_min", "year_max", *YEARS)
    price_min, price_max = reader.bounds("price_min_usd", "price_max_usd", 0, BIGGEST)
    return Query(
        makes=makes,
        models=models,
        year_min=year_min,
        year_max=year_max,
        mileage_max_km=reader.integer("mileage_max_km", 0, BIGGEST),
        price_min_usd=price_min,
        price_max_usd=price_max,
        fuel=fuels[0] if len(fuels) == 1 else None,
        transmissions=reader.words("transmission", tuple(vocabulary.transmission_filters)),
        colour=colours[0] if len(colours) == 1 else None,
        options=tuple(dict.fromkeys(token.lower() for token in reader.values("options_include"))),
        sort=Sort(reader.word("sort", tuple(Sort)) or Sort.AUCTION_DATE_ASC),
        limit=reader.integer("limit", 1, MAX_LIMIT) or DEFAULT_LIMIT,
        cursor=reader.text("cursor"),
        display=_display(reader),
        upstreams=reader.words("upstream", UPSTREAMS) or UPSTREAMS,
        dealer_in_scope=not sources or DEALER in sources,
        auction_only=any(reader.text(name) for name in AUCTION_ONLY),
        dropped=tuple(dropped),
        explain=reader.word("explain", EXPLAIN) == EXPLAIN[0],
    )


def _check_dealer(reader: "_Reader", query: Query, sources: Sequence[str], vocabulary: Vocabulary) -> None:
    """Add issues for values that dealer cars cannot have. Not called for a request of auction cars alone."""
    if not query.makes:
        reader.issue("make", "`make` is required for dealer cars.", first=True)
    if DEALER in sources:
        for name in AUCTION_ONLY:
            if reader.text(name):
                reader.issue(name, f"`{name}` is an auction filter and cannot be combined with source=dealer.")
    for token in query.options:
        if token in vocabulary.unsupported_options:
            reader.issue("options_include", f"Dealer cars cannot be filtered by `{token}`.")
        elif token not in vocabulary.options:
            reader.issue("options_include", f"`{short(token)}` is not an option token.", tuple(vocabulary.options))


def _check_auction_values(reader: "_Reader") -> None:
    reader.words("auction_status", AUCTION_STATUSES)
    reader.words("accident_grade", GRADES)
    reader.words("exterior_grade", GRADES)
    reader.dates("auction_date_from", "auction_date_to")
    reader.bounds("auction_count_min", "auction_count_max", 0, BIGGEST)


def _colours(reader: "_Reader", vocabulary: Vocabulary) -> tuple[str, ...]:
    """Return the requested colours, one word for each set of Korean facets: `grey` and `gray` are one colour."""
    asked: dict[tuple[str, ...], str] = {}
    for text in reader.values("color"):
        facets = tuple(colour.korean for colour in vocabulary.colours_of(text))
        if facets:
            asked.setdefault(facets, text)
        else:
            reader.issue("color", f"`{short(text)}` is not a known colour.", vocabulary.colour_families)
    return tuple(asked.values())


class _Reader:
    """Reads typed values from raw parameters and collects the issues."""

    def __init__(self, params: Mapping[str, Sequence[str]]) -> None:
        self._params = params
        self.issues: list[Issue] = []

    def issue(self, path: str, message: str, allowed: Sequence[str] | None = None, *, first: bool = False) -> None:
        """Add an issue of a parameter; the first issue becomes `details.field`."""
        if allowed is not None:
            message += f" Allowed: {', '.join(allowed)}." if len(allowed) <= 12 else " See details.allowed."
        self.issues.insert(0 if first else len(self.issues), Issue(path, message, allowed))

    def check(self) -> None:
        """Raise ApiError 400 `validation_error` with all issues so far."""
        if self.issues:
            raise validation_error(self.issues)

    def text(self, name: str) -> str | None:
        """Return the parameter's text, repeated values joined; None if blank or absent."""
        return ",".join(self._params.get(name, ())).strip() or None

    def values(self, name: str) -> tuple[str, ...]:
        """Return the comma-separated values, trimmed, without empty and repeated values."""
        text = self.text(name)
        if text is None:
            return ()
        return tuple(dict.fromkeys(value.strip() for value in text.split(",") if value.strip()))

    def words(self, name: str, allowed: Sequence[str]) -> tuple[str, ...]:
        """Return values from a closed list; case is ignored."""
        values = self.values(name)
        if not values:
            return ()
        canonical = {word.casefold(): str(word) for word in allowed}
        found: dict[str, None] = {}
        for value in values:
            word = canonical.get(value.casefold())
            if word is None:
                self.issue(name, f"`{short(value)}` is not a value of `{name}`.", [str(word) for word in allowed])
            else:
                found[word] = None
        return tuple(found)

    def word(self, name: str, allowed: Sequence[str]) -> str | None:
        """Return at most one value from a closed list."""
        words = self.words(name, allowed)
        if len(words) > 1:
            self.issue(name, f"`{name}` takes one value.", [str(word) for word in allowed])
        return words[0] if words else None

    def integer(self, name: str, low: int, high: int) -> int | None:
        return self._bounded(name, _INTEGER, int, low, high, "a whole number")

    def number(self, name: str, low: float, high: float) -> float | None:
        return self._bounded(name, _NUMBER, float, low, high, "a number")

    def bounds(self, low_name: str, high_name: str, low: int, high: int) -> tuple[int | None, int | None]:
        """Return a lower and an upper bound, which must not cross."""
        bottom, top = self.integer(low_name, low, high), self.integer(high_name, low, high)
        if bottom is not None and top is not None and bottom > top:
            self.issue(low_name, f"`{low_name}` is above `{high_name}`.")
        return bottom, top

    def dates(self, low_name: str, high_name: str) -> None:
        """Check two ISO 8601 dates, which must not cross."""
        found: dict[str, date] = {}
        for name in (low_name, high_name):
            text = self.text(name)
            try:
                if text is not None:
                    found[name] = date.fromisoformat(text)
            except ValueError:
                self.issue(name, f"`{name}` must be a date such as 2026-04-18; got `{short(text or '')}`.")
        if len(found) == 2 and found[low_name] > found[high_name]:
            self.issue(low_name, f"`{low_name}` is after `{high_name}`.")

    def _bounded(
        self, name: str, shape: re.Pattern[str], convert: Callable[[str], N], low: N, high: N, what: str
    ) -> N | None:
        text = self.text(name)
        if text is None:
            return None
        value = convert(text) if shape.fullmatch(text) else None
        if value is None or not low <= value <= high:
            self.issue(name, f"`{name}` must be {what} from {low} to {high}; got `{short(text)}`.")
            return None
        return value


def short(text: str) -> str:
    """Return a value as messages show it: at most 41 characters, ASCII except for the ellipsis."""
    text = text.encode("ascii", "backslashreplace").decode()
    return text if len(text) <= 40 else text[:40] + "…"
