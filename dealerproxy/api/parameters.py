"""The query parameters and request headers of the OpenAPI document.

Words and bounds come from the parser, so that they cannot differ. Tests send every one of them through the parser, and
compare the names here with those that it looks up.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dealerproxy.contract.headers import DEADLINE_HEADER, REQUEST_ID
from dealerproxy.contract.ids import PUBLIC_ID
from dealerproxy.contract.rate import PLAUSIBLE
from dealerproxy.contract.terms import DEFAULT_LIMIT, MAX_LIMIT, PAGE_MAX, SOURCES, UPSTREAMS, Sort
from dealerproxy.search import query
from dealerproxy.vocabulary import Vocabulary

Json = Mapping[str, Any]

DEALER_ID = f"^({PUBLIC_ID.pattern})$"
AUCTION = "An auction filter: with `dealer` named in `source` it is a 400, without `source` it hides all dealer cars."


def of_list(vocabulary: Vocabulary) -> Sequence[Json]:
    """Describe what `GET /v1/vehicles` takes."""
    colours = ", ".join(f"`{colour}`" for colour in vocabulary.colour_families)
    return [
        _any_of(
            "make",
            "Required for dealer cars, unless `ids` names them. English, a common short name (`Benz`, `VW`) or Korean.",
            example=["Hyundai", "Kia"],
        ),
        _ids(
            f"Instead of `make`: the rows of these cars, at most {query.MAX_ROWS_BY_ID}, in this order. `states` has"
            " those without a row. Filters, sort or cursor beside it are a 400.",
            query.MAX_ROWS_BY_ID,
        ),
        _any_of("model", "Needs `make`. Only pairs that exist are asked, at most 24 searches a site."),
        _whole("year_min", "Model year, inclusive.", *query.YEARS),
        _whole("year_max", "Model year, inclusive.", *query.YEARS),
        _whole("mileage_max_km", "Inclusive.", 0, query.BIGGEST),
        _whole("price_min_usd", "On `pricing.listing_price`, inclusive.", 0, query.BIGGEST),
        _whole("price_max_usd", "On `pricing.listing_price`, inclusive.", 0, query.BIGGEST),
        _words("fuel", "One is applied, several are dropped with a notice.", vocabulary.fuel_filters),
        _words("transmission", "Any of these.", vocabulary.transmission_filters),
        _any_of("color", f"One family ({colours}) or one exact name is applied, several are dropped with a notice."),
        _words("options_include", "All of them required.", vocabulary.options),
        _one_of(
            "sort", f"`{Sort.AUCTION_DATE_ASC}` and `{Sort.YEAR_DESC}`: newest first.", Sort, Sort.AUCTION_DATE_ASC
        ),
        _whole("limit", f"Rows wanted; a page holds at most {PAGE_MAX}.", 1, MAX_LIMIT, default=DEFAULT_LIMIT),
        _text("cursor", "`next_cursor` of the page before, with the same parameters."),
        SOURCE,
        _words("upstream", "Ask these sites only, as when one of them failed before.", UPSTREAMS),
        _words("explain", "`1` tells what the request would ask and use instead; no site is asked.", query.EXPLAIN),
        _include("`dealer` adds what only insiders may see, `enriched` fills in colour, engine, options and body."),
        KRW_PER_USD,
        _text("keyword", "Dropped with a notice: dealer cars cannot be searched by words."),
        _words("body_style", "Dropped with a notice.", query.BODY_STYLES),
        _words("auction_status", AUCTION, query.AUCTION_STATUSES),
        _words("accident_grade", AUCTION, query.GRADES),
        _words("exterior_grade", AUCTION, query.GRADES),
        _day("auction_date_from", AUCTION),
        _day("auction_date_to", AUCTION),
        _whole("auction_count_min", AUCTION, 0, query.BIGGEST),
        _whole("auction_count_max", AUCTION, 0, query.BIGGEST),
    ]


def of_car() -> Sequence[Json]:
    """Describe what `GET /v1/vehicles/{id}` takes besides the id."""
    return [_include("`dealer` adds what only insiders may see; `enriched` changes nothing here."), KRW_PER_USD]


def of_facets() -> Sequence[Json]:
    """Describe what `GET /v1/vehicles/facets` takes."""
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


SOURCE = _words("source", "Without `dealer` among them the answer is empty and no site is asked.", SOURCES)
KRW_PER_USD: Json = {
    "name": "krw_per_usd",
    "in": "query",
    "description": "Won per dollar, for this request. A walk keeps the rate of its first page (notice `rate_kept`).",
    "schema": {"type": "number", "minimum": PLAUSIBLE[0], "maximum": PLAUSIBLE[1]},
}

# Headers of a request, by the name of their component.
HEADERS: Mapping[str, Json] = {
    "RequestId": {
        "name": REQUEST_ID,
        "in": "header",
        "description": "Kept for logs and answers when it is `req_` and 24 hex digits; else a new one is drawn.",
        "schema": {"type": "string"},
    },
    "Deadline": {
        "name": DEADLINE_HEADER,
        "in": "header",
        "description": "The longest it may take, in milliseconds; this can only shorten the service's own limit.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "FreshLook": {
        "name": "Cache-Control",
        "in": "header",
        "description": "`no-cache` looks at the sites themselves, as one does before an order.",
        "schema": {"type": "string"},
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The `ETag` of an answer already at hand: a 304 says that it still holds.",
        "schema": {"type": "string"},
    },
}
