"""The query parameters and request headers of the OpenAPI document.

Words and bounds come from the parser, so they cannot differ. Tests send every parameter through the parser, and
compare the names here with those that it looks up.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dealerproxy.contract.headers import DEADLINE_HEADER, REQUEST_ID
from dealerproxy.contract.ids import PUBLIC_ID
from dealerproxy.contract.rate import PLAUSIBLE
from dealerproxy.contract.terms import DEFAULT_LIMIT, MAX_LIMIT, PAGE_MAX, SOURCES, UPSTREAMS, Sort
from dealerproxy.search import query
from dealerproxy.search.plan import MAX_LEGS
from dealerproxy.vocabulary import Vocabulary

Json = Mapping[str, Any]

DEALER_ID = f"^({PUBLIC_ID.pattern})$"
AUCTION = "Auction filter. With `dealer` in `source`: a 400. Without `source`: no rows, and `filtered_out` counts them."


def of_list(vocabulary: Vocabulary) -> Sequence[Json]:
    """Describe the parameters of `GET /v1/vehicles`."""
    colours = ", ".join(f"`{colour}`" for colour in vocabulary.colour_families)
    unsupported = " and ".join(f"`{option}`" for option in sorted(vocabulary.unsupported_options))
    return [
        _any_of(
            "make",
            "Required without `ids`. English, a common short name (`Benz`, `VW`) or Korean; case, spaces and"
            " hyphens do not matter.",
            example=["Hyundai", "Kia"],
        ),
        _ids(
            f"Returns the rows of these cars, at most {query.MAX_ROWS_BY_ID}, in this order, and in `states`"
            " the cars without a row. With a filter, `sort`, `cursor` or `explain` it is a 400.",
            query.MAX_ROWS_BY_ID,
        ),
        _any_of("model", f"Needs `make`. The service searches existing pairs only, at most {MAX_LEGS} per site."),
        _whole("year_min", "Model year, inclusive.", *query.YEARS),
        _whole("year_max", "Model year, inclusive.", *query.YEARS),
        _whole("mileage_max_km", "Kilometres, inclusive.", 0, query.BIGGEST),
        _whole("price_min_usd", "Limits `pricing.listing_price`, inclusive.", 0, query.BIGGEST),
        _whole("price_max_usd", "Limits `pricing.listing_price`, inclusive.", 0, query.BIGGEST),
        _words(
            "fuel",
            "One value filters; `hybrid` means any hybrid. Several values are ignored with a notice.",
            vocabulary.fuel_filters,
        ),
        _words("transmission", "Rows have one of these. No row has `dct`.", vocabulary.transmission_filters),
        _any_of(
            "color",
            f"One family ({colours}) or one exact name (`Pearl`) filters. Several values are ignored with a notice.",
        ),
        _words("options_include", f"Rows have all of these. {unsupported} are a 400.", vocabulary.options),
        _one_of(
            "sort",
            f"`{Sort.AUCTION_DATE_ASC}` and `{Sort.YEAR_DESC}` both put the newest first.",
            Sort,
            Sort.AUCTION_DATE_ASC,
        ),
        _whole("limit", f"Rows per page. A page holds at most {PAGE_MAX}.", 1, MAX_LIMIT, default=DEFAULT_LIMIT),
        _text("cursor", "`next_cursor` of the page before. Send the same other parameters."),
        SOURCE,
        _words("upstream", "Limits the search to these sites, for example to repeat one that failed.", UPSTREAMS),
        _one_of(
            "explain", "`1` returns the plan of the request instead of rows, and calls no site.", query.EXPLAIN, "0"
        ),
        _include(
            "`dealer` adds the `dealer` object. `enriched` fills colour, engine size, options and body from"
            " each advert."
        ),
        KRW_PER_USD,
        _text("keyword", "Ignored with a notice: dealer cars have no text search."),
        _words("body_style", "Ignored with a notice.", query.BODY_STYLES),
        _words("auction_status", AUCTION, query.AUCTION_STATUSES),
        _words("accident_grade", AUCTION, query.GRADES),
        _words("exterior_grade", AUCTION, query.GRADES),
        _day("auction_date_from", AUCTION),
        _day("auction_date_to", AUCTION),
        _whole("auction_count_min", AUCTION, 0, query.BIGGEST),
        _whole("auction_count_max", AUCTION, 0, query.BIGGEST),
    ]


def of_car() -> Sequence[Json]:
    """Describe the parameters of `GET /v1/vehicles/{id}` besides the id."""
    return [_include("`dealer` adds the `dealer` object. `enriched` changes nothing here."), KRW_PER_USD]


def of_facets() -> Sequence[Json]:
    """Describe the parameters of `GET /v1/vehicles/facets`."""
    return [SOURCE]


def _text(name: str, means: str) -> Json:
    return {"name": name, "in": "query", "description": means, "schema": {"type": "string"}}


def _day(name: str, means: str) -> Json:
    return {"name": name, "in": "query", "description": means, "schema": {"type": "string", "format": "date"}}


def _whole(name: str, means: str, low: int, high: int, default: int | None = None) -> Json:
    schema: dict[str, Any] = {"type": "integer", "minimum": low, "maximum": high}
    if default is not None:
        schema["default"] = default
    return {"name": name, "in": "query", "description": means, "schema": schema}


def _one_of(name: str, means: str, words: Iterable[str], default: str) -> Json:
    schema = {"type": "string", "enum": [str(word) for word in words], "default": str(default)}
    return {"name": name, "in": "query", "description": means, "schema": schema}


def _words(name: str, means: str, words: Iterable[str]) -> Json:
    return _csv(name, means, {"type": "string", "enum": list(words)})


def _any_of(name: str, means: str, example: Sequence[str] | None = None) -> Json:
    told = _csv(name, means, {"type": "string"})
    return told if example is None else {**told, "example": example}


def _ids(means: str, most: int) -> Json:
    told = _csv("ids", means, {"type": "string", "pattern": DEALER_ID})
    return {**told, "schema": {**told["schema"], "minItems": 1, "maxItems": most}}


def _csv(name: str, means: str, items: Json) -> Json:
    return {
        "name": name,
        "in": "query",
        "description": means,
        "style": "form",
        "explode": False,
        "schema": {"type": "array", "items": items},
    }


def _include(means: str) -> Json:
    return _words("include", means, query.INCLUDES)


SOURCE = _words("source", "Without `dealer` in it the list is empty, and no site is called.", SOURCES)
KRW_PER_USD: Json = {
    "name": "krw_per_usd",
    "in": "query",
    "description": "Won per dollar, for this request. With a cursor, the rate of the first page applies (notice"
    " `rate_kept`).",
    "schema": {"type": "number", "minimum": PLAUSIBLE[0], "maximum": PLAUSIBLE[1]},
}

# Request headers, by the names of their components.
HEADERS: Mapping[str, Json] = {
    "RequestId": {
        "name": REQUEST_ID,
        "in": "header",
        "description": "The request's id in logs and answer, if it is `req_` and 24 lower-case hex digits. Else"
        " the service makes one.",
        "schema": {"type": "string"},
    },
    "Deadline": {
        "name": DEADLINE_HEADER,
        "in": "header",
        "description": "Longest time for the answer, in milliseconds. It only shortens the service's own limit.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "FreshLook": {
        "name": "Cache-Control",
        "in": "header",
        "description": "`no-cache` bypasses the cache, for example before an order.",
        "schema": {"type": "string"},
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "`ETag` of an earlier answer. If nothing changed since, the answer is a 304 without a body.",
        "schema": {"type": "string"},
    },
}
