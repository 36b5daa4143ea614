"""The OpenAPI 3.1 document (`GET /openapi.json`), built at the start from the models, the parameters and the errors.

Its examples are answers of the sandbox in `examples.json`; tests compare them with the sandbox and the schemas.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from inspect import cleandoc
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import orjson
from aiohttp import web
from msgspec import Meta, Struct

import dealerproxy
from dealerproxy.api import parameters
from dealerproxy.api.cars import MAX_IDS
from dealerproxy.api.http import REVALIDATE, X_CACHE, etag, not_modified
from dealerproxy.api.parameters import DEALER_ID, Json
from dealerproxy.api.security import MAX_BODY_BYTES
from dealerproxy.api.status import StatusAnswer
from dealerproxy.api.upstreams import PauseOrder, State, UpstreamList
from dealerproxy.cache.entries import CacheStatus
from dealerproxy.contract.answers import AvailabilityAnswer, FacetsAnswer, VehicleList
from dealerproxy.contract.detail import InsiderDetail, VehicleDetail
from dealerproxy.contract.explain import Explanation
from dealerproxy.contract.headers import API_KEY, PAGE_MAX_HEADER, PARTIAL_HEADER, RATE_HEADER, REQUEST_ID
from dealerproxy.contract.rate import PLAUSIBLE
from dealerproxy.contract.summary import InsiderSummary
from dealerproxy.contract.terms import PAGE_MAX, UPSTREAMS
from dealerproxy.search.source_report import RETRY_AFTER_S
from dealerproxy.vocabulary import Vocabulary

EXAMPLES = Path(__file__).with_name("examples.json")
SHOWN_ID = "encar_41985016"
_JSON = "application/json"

ABOUT = f"""\
Cars of the Korean dealer sites Encar and Danawa for the main API: one merged list in English and US dollars.

* An outage never looks like an empty list: if every site that was called failed, the answer is a 503.
* A sold car is never shown as available. A value that the site does not state is `null`.
* Unknown parameters are ignored. A parameter given twice counts as one comma-separated list.
* Every answer has the header `{REQUEST_ID}`. Every error, also of an unknown route (404 `not_found`) or method (405
  `method_not_allowed`, with `Allow`), is `{{"error": {{"code", "message", "request_id", "details"}}}}`.
* `HEAD` works wherever `GET` does.
"""


class Failure(NamedTuple):
    """An error code's status, its meaning, the names of its examples, and headers of its answers."""

    status: int
    means: str
    examples: Sequence[str]
    headers: Sequence[str] = ()


FAILURES: Mapping[str, Failure] = {
    "validation_error": Failure(
        400,
        "A parameter, header or body is wrong. `details.field` names the first, `details.issues` lists all.",
        ("wrong_parameters", "wrong_ids", "wrong_pause"),
    ),
    "invalid_cursor": Failure(
        400,
        "`details.reason`: `malformed`, `forged`, `expired` (older than an hour) or `mismatch` (other sort or"
        " filters).",
        ("wrong_cursor",),
        (PAGE_MAX_HEADER,),
    ),
    "mixed_source_pagination_unsupported": Failure(
        400, "`cursor` together with `dealer` and an auction house in `source`.", ("mixed_sources",)
    ),
    "bad_request": Failure(400, "The request is broken in another way.", ("bad_request",)),
    "missing_api_key": Failure(401, f"The header `{API_KEY}` is missing.", ("missing_key",)),
    "invalid_api_key": Failure(401, f"The header `{API_KEY}` holds no valid key.", ("wrong_key",)),
    "vehicle_not_found": Failure(
        404,
        "The car is not for sale. `details.reason`: `sold`, `waiting`, `not_for_sale` (lease, rent), `gone` or"
        " `unknown_id`.",
        ("sold_car", "gone_car", "no_dealer_id"),
        (X_CACHE, "Age"),
    ),
    "upstream_not_found": Failure(404, "No upstream has this name.", ("no_upstream",)),
    "not_found": Failure(404, "No such route.", ("no_route",)),
    "method_not_allowed": Failure(
        405, "The route has other methods; `Allow` lists them.", ("wrong_method",), ("Allow",)
    ),
    "request_timeout": Failure(408, "The body did not arrive in time.", ("slow_body",)),
    "payload_too_large": Failure(413, f"The body is larger than {MAX_BODY_BYTES:,} bytes.", ("large_body",)),
    "internal_error": Failure(500, "A fault of this service. The log has it under the `request_id`.", ("own_fault",)),
    "dealer_upstream_unavailable": Failure(
        503,
        "Every site that was called failed. `details.sources` has their states.",
        ("outage",),
        ("Retry-After", PARTIAL_HEADER, PAGE_MAX_HEADER),
    ),
    "overloaded": Failure(
        503, "The service already answers as many requests as it may.", ("overload",), ("Retry-After",)
    ),
}


class ErrorBody(Struct, frozen=True):
    """An error. Branch on `code`, which decides the contents of `details`."""

    code: Annotated[str, Meta(extra_json_schema={"enum": list(FAILURES)})]
    message: str
    request_id: Annotated[str, Meta(pattern=r"^req_[0-9a-f]{24}$")]
    details: Mapping[str, Any]


class ErrorAnswer(Struct, frozen=True):
    """The body of every answer that is neither 2xx nor 304."""

    error: ErrorBody


class InsiderList(VehicleList, frozen=True, kw_only=True):
    """A list with `include=dealer`."""

    data: Sequence[InsiderSummary]


class AvailabilityQuestion(Struct, frozen=True):
    """The cars to check; repeated ids are answered once."""

    ids: Annotated[Sequence[Annotated[str, Meta(pattern=DEALER_ID)]], Meta(min_length=1, max_length=MAX_IDS)]


class Liveness(Struct, frozen=True):
    """The process can answer."""

    status: Literal["live"]


class Readiness(Struct, frozen=True):
    """Whether to send requests here. `upstreams` reports each upstream's state, which does not change `status`."""

    status: Literal["ready", "draining"]
    upstreams: Mapping[str, State]


MODELS = (
    VehicleList,
    InsiderList,
    VehicleDetail,
    InsiderDetail,
    Explanation,
    FacetsAnswer,
    AvailabilityQuestion,
    AvailabilityAnswer,
    PauseOrder,
    UpstreamList,
    StatusAnswer,
    Liveness,
    Readiness,
    ErrorAnswer,
)

# Headers of answers.
HEADERS: Mapping[str, Json] = {
    REQUEST_ID: {
        "description": "The request's id in the logs.",
        "required": True,
        "schema": {"type": "string", "pattern": r"^req_[0-9a-f]{24}$"},
    },
    X_CACHE: {
        "description": "`miss`: all of it was fetched for this answer. `hit`: some of it came from the cache."
        " `updating`: some of it is old, and a refresh runs in the background. `stale`: some of it is old because a"
        " site failed.",
        "schema": {"type": "string", "enum": [str(state) for state in CacheStatus]},
    },
    "Age": {
        "description": "Seconds since the oldest part of the answer was fetched.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "ETag": {
        "description": "Value for `If-None-Match`. Stale and partial answers have none.",
        "schema": {"type": "string"},
    },
    "Cache-Control": {
        "description": "`private, no-cache`. `no-store` if the answer is stale, partial or an error.",
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": f"Seconds to wait: {RETRY_AFTER_S[0]} to {RETRY_AFTER_S[1]} after an outage, 1 if the"
        " service is overloaded.",
        "schema": {"type": "integer", "minimum": 1},
    },
    PARTIAL_HEADER: {
        "description": "Comma-separated sources that failed: completely (`failed`), in part (`partial`), or at"
        " a refresh, so that old rows are shown (`stale` with any reason but `refreshing` and `overloaded`).",
        "schema": {"type": "string"},
    },
    PAGE_MAX_HEADER: {
        "description": "Most rows of a page. Sent if `limit` is larger.",
        "schema": {"type": "integer", "const": PAGE_MAX},
    },
    RATE_HEADER: {
        "description": "Exchange rate of the car's prices, won per dollar.",
        "schema": {"type": "number", "minimum": PLAUSIBLE[0], "maximum": PLAUSIBLE[1]},
    },
    "Allow": {"description": "The methods of the route.", "schema": {"type": "string"}},
}
_OF_CACHED = (X_CACHE, "Age", "ETag", "Cache-Control")


def document(vocabulary: Vocabulary, *, guarded: bool) -> dict[str, Any]:
    """Build the document; `guarded` is true if `/v1` requires a key."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "dealerproxy", "version": dealerproxy.__version__, "description": ABOUT},
        "security": [{"key": []}] if guarded else [],
        "tags": [
            {"name": "vehicles", "description": "Dealer cars"},
            {"name": "upstreams", "description": "The state of the sites; no route here calls one"},
            {"name": "service", "description": "The process itself; no route here needs a key"},
        ],
        "paths": _vehicles(vocabulary) | _upstreams() | _service(),
        "components": {
            "schemas": _schemas(),
            "parameters": parameters.HEADERS,
            "headers": HEADERS,
            "responses": {code: _failure([code]) for code in ("bad_request", "not_found", "method_not_allowed")},
            "examples": orjson.loads(EXAMPLES.read_bytes()),
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": API_KEY}},
        },
    }


@cache
def _schemas() -> dict[str, Any]:
    """Build the JSON Schemas of all models and of their parts, by name, without the indentation of docstrings."""
    _, components = msgspec.json.schema_components(MODELS, ref_template="#/components/schemas/{name}")
    return {
        name: {key: cleandoc(part) if key == "description" else part for key, part in schema.items()}
        for name, schema in components.items()
    }


def _vehicles(vocabulary: Vocabulary) -> dict[str, Json]:
    always = ("validation_error", "overloaded")
    car_id: Json = {
        "name": "id",
        "in": "path",
        "required": True,
        "description": "`encar_` or `danawa_` and the number at that site.",
        "schema": {"type": "string"},
        "example": SHOWN_ID,
    }
    listing = _operation(
        "listVehicles",
        "Dealer cars of both sites, merged, sorted and paged",
        "`sources` reports each site's status, `notices` what was left out and why.",
        takes=[*parameters.of_list(vocabulary), *_request_headers("Deadline", "FreshLook", "IfNoneMatch")],
        answers={
            "200": _answer(
                "The rows of a page; with `include=dealer` each has the `dealer` object. With `ids` the rows of these"
                " cars, and `states`; with `explain=1` the plan of the request.",
                [InsiderList, VehicleList, Explanation],
                ["cars", "insiders_cars", "one_site_down", "hidden_cars", "nothing_asked"],
                [*_OF_CACHED, PARTIAL_HEADER, PAGE_MAX_HEADER],
            ),
            "304": _UNCHANGED,
        },
        fails=[*always, "invalid_cursor", "mixed_source_pagination_unsupported", "dealer_upstream_unavailable"],
    )
    facets = _operation(
        "getFacets",
        "Values that dealer cars can be filtered by",
        "If a site fails, `notices` says which values replace its answer.",
        takes=[*parameters.of_facets(), *_request_headers("Deadline")],
        answers={"200": _answer("Makes with cars on sale, and their models.", [FacetsAnswer], ["facets"])},
        fails=always,
    )
    availability = _operation(
        "checkAvailability",
        f"Whether cars can be bought, up to {MAX_IDS} at once",
        takes=_request_headers("Deadline", "FreshLook"),
        body={"schema": _ref(AvailabilityQuestion), "example": {"ids": [SHOWN_ID]}},
        answers={
            "200": _answer(
                "The cars in the requested order. A car that could not be checked is `unknown`.",
                [AvailabilityAnswer],
                ["availability"],
            )
        },
        fails=[*always, "request_timeout", "payload_too_large"],
    )
    car = _operation(
        "getVehicle",
        "One car in full",
        "`enrichment` reports the status of each document. A missing document leaves nulls; it never causes a 503.",
        takes=[car_id, *parameters.of_car(), *_request_headers("Deadline", "FreshLook", "IfNoneMatch")],
        answers={
            "200": _answer(
                "The car; with `include=dealer` it has the `dealer` object.",
                [InsiderDetail, VehicleDetail],
                ["car", "insiders_car"],
                [*_OF_CACHED, RATE_HEADER],
            ),
            "304": _UNCHANGED,
        },
        fails=[*always, "vehicle_not_found", "dealer_upstream_unavailable"],
    )
    return {
        "/v1/vehicles": {"get": listing},
        "/v1/vehicles/facets": {"get": facets},
        "/v1/vehicles/availability": {"post": availability},
        "/v1/vehicles/{id}": {"get": car},
    }


def _upstreams() -> dict[str, Json]:
    name: Json = {
        "name": "name",
        "in": "path",
        "required": True,
        "description": "A name from `GET /v1/upstreams`.",
        "schema": {"type": "string"},
        "example": UPSTREAMS[0],
    }
    all_of_them = _operation(
        "listUpstreams",
        "The state of every site",
        "Each operation has its own circuit. A site has the state of its worst operation, or `paused`.",
        tag="upstreams",
        answers={"200": _answer("The sites.", [UpstreamList], ["upstreams", "suspended_upstream"])},
    )
    reset = _operation(
        "resetUpstream",
        "Allow calls to a site again at once",
        "Forgets its suspensions, in all processes that share a Redis.",
        tag="upstreams",
        takes=[name],
        answers={"200": _answer("The site's state now.", [UpstreamList], ["reset_upstream"])},
        fails=["upstream_not_found"],
    )
    pause = _operation(
        "pauseUpstream",
        "Stop all calls to a site for some minutes",
        "In all processes that share a Redis. The site's source is `failed`, or `stale` with cached rows; its reason is"
        " `paused`. The pause ends by itself; another pause replaces it.",
        tag="upstreams",
        takes=[name],
        body={"schema": _ref(PauseOrder), "example": {"minutes": 30, "note": "The site asked us to stop"}},
        answers={"200": _answer("The site's state now.", [UpstreamList], ["paused_upstream"])},
        fails=["validation_error", "upstream_not_found", "request_timeout", "payload_too_large"],
    )
    resume = _operation(
        "resumeUpstream",
        "End a pause",
        "In all processes that share a Redis. Suspensions and the count of the day's calls stay as they are.",
        tag="upstreams",
        takes=[name],
        answers={"200": _answer("The site's state now.", [UpstreamList], ["resumed_upstream"])},
        fails=["upstream_not_found"],
    )
    status = _operation(
        "getStatus",
        "The figures of the status page",
        "The sites with their last hour, and the cache, drift and untranslated words of the process that answers.",
        tag="upstreams",
        answers={"200": _answer("The figures.", [StatusAnswer], ["status"], ["Cache-Control"])},
    )
    return {
        "/v1/upstreams": {"get": all_of_them},
        "/v1/upstreams/{name}/reset": {"post": reset},
        "/v1/upstreams/{name}/pause": {"post": pause},
        "/v1/upstreams/{name}/resume": {"post": resume},
        "/v1/status": {"get": status},
    }


def _service() -> dict[str, Json]:
    text = _described("Figures in Prometheus' text format.", {"text/plain": {"schema": {"type": "string"}}})
    live = _operation(
        "isLive",
        "Whether the process can answer",
        tag="service",
        answers={"200": _answer("It can.", [Liveness], ["live"])},
    )
    ready = _operation(
        "isReady",
        "Whether to send requests here",
        "The body reports the sites' states, which do not change the status.",
        tag="service",
        answers={
            "200": _answer("Send requests.", [Readiness], ["ready"]),
            "503": _answer("The process is stopping.", [Readiness], ["draining"]),
        },
    )
    metrics = _operation("getMetrics", "The metrics, for Prometheus", tag="service", answers={"200": text})
    itself = _operation(
        "getDocument",
        "This document",
        tag="service",
        takes=_request_headers("IfNoneMatch"),
        answers={
            "200": _described("OpenAPI 3.1.", {_JSON: {"schema": {"type": "object"}}}, ["ETag", "Cache-Control"]),
            "304": _UNCHANGED,
        },
    )
    return {
        "/health/live": {"get": live},
        "/health/ready": {"get": ready},
        "/metrics": {"get": metrics},
        "/openapi.json": {"get": itself},
    }


def _operation(
    name: str,
    summary: str,
    says: str = "",
    *,
    tag: str = "vehicles",
    takes: Sequence[Json] = (),
    body: Json | None = None,
    answers: Mapping[str, Json],
    fails: Sequence[str] = (),
) -> Json:
    """Describe an operation; `fails` are its error codes except those of the key and of an internal error."""
    open_to_all = tag == "service"
    codes = [*fails, *([] if open_to_all else ["missing_api_key", "invalid_api_key"]), "internal_error"]
    by_status: dict[str, list[str]] = {}
    for code in codes:
        by_status.setdefault(str(FAILURES[code].status), []).append(code)
    responses = {**answers, **{status: _failure(same) for status, same in by_status.items()}}
    return {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "description": says,
        "parameters": [*takes, *_request_headers("RequestId")],
        "responses": dict(sorted(responses.items())),
        **({} if body is None else {"requestBody": {"required": True, "content": {_JSON: body}}}),
        **({"security": []} if open_to_all else {}),
    }


def _answer(says: str, models: Sequence[type[Struct]], examples: Sequence[str], headers: Sequence[str] = ()) -> Json:
    """Describe a JSON answer that is one of these models, with the examples of these names."""
    schema = _ref(models[0]) if len(models) == 1 else {"anyOf": [_ref(model) for model in models]}
    return _described(says, {_JSON: {"schema": schema, "examples": _examples(examples)}}, headers)


def _failure(codes: Sequence[str]) -> Json:
    """Describe the error answer of one status, with all its codes."""
    failures = [FAILURES[code] for code in codes]
    return _described(
        "\n".join(f"* `{code}`: {failure.means}" for code, failure in zip(codes, failures, strict=True)),
        {
            _JSON: {
                "schema": _ref(ErrorAnswer),
                "examples": _examples([name for failure in failures for name in failure.examples]),
            }
        },
        ["Cache-Control", *(name for failure in failures for name in failure.headers)],
    )


def _described(says: str, content: Json, headers: Sequence[str] = ()) -> Json:
    """Describe any answer. Each has the header of the request's id."""
    named = {name: {"$ref": f"#/components/headers/{name}"} for name in (REQUEST_ID, *headers)}
    return {"description": says, "headers": named, "content": content}


def _request_headers(*names: str) -> list[Json]:
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def _examples(names: Iterable[str]) -> Json:
    return {name: {"$ref": f"#/components/examples/{name}"} for name in names}


def _ref(model: type[Struct]) -> Json:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


_UNCHANGED = _described("Nothing changed since the answer that `If-None-Match` names.", {}, _OF_CACHED)


def routes(vocabulary: Vocabulary, *, guarded: bool) -> Sequence[web.RouteDef]:
    """Build the document and the route that returns it."""
    body = orjson.dumps(document(vocabulary, guarded=guarded))
    headers = {"ETag": etag(body), "Cache-Control": REVALIDATE}

    async def get_document(request: web.Request) -> web.Response:
        unchanged = not_modified(request, headers["ETag"], headers)
        return unchanged or web.Response(body=body, headers=headers, content_type=_JSON, charset="utf-8")

    return [web.get("/openapi.json", get_document)]
