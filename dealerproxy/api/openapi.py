"""`GET /openapi.json`: the OpenAPI 3.1 document, built at the start from the models, the parameters and the errors.

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
Cars of Korean dealer sites for the main API: one honest list out of Encar and Danawa, in English and US dollars.

* An outage never looks like an empty list: if every site that was asked failed, the answer is a 503.
* A sold car is never shown as one that can be bought. What a site does not say is `null`.
* Unknown parameters are ignored. A parameter given twice counts as one comma-separated list.
* Every answer bears `{REQUEST_ID}`. Every failure is `{{"error": {{"code", "message", "request_id", "details"}}}}`,
  unknown routes (404 `not_found`) and methods (405 `method_not_allowed`, with `Allow`) included.
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
        "a parameter, a header or the body is wrong; `details.field` names the first, `details.issues` all of them",
        ("wrong_parameters", "wrong_ids", "wrong_pause"),
    ),
    "invalid_cursor": Failure(
        400,
        "`details.reason` is `malformed`, `forged`, `expired` (after an hour) or `mismatch` (other sort or filters)",
        ("wrong_cursor",),
        (PAGE_MAX_HEADER,),
    ),
    "mixed_source_pagination_unsupported": Failure(
        400, "a cursor, with an auction house beside `dealer`", ("mixed_sources",)
    ),
    "bad_request": Failure(400, "a request that cannot be served for any other reason", ("bad_request",)),
    "missing_api_key": Failure(401, f"no `{API_KEY}`", ("missing_key",)),
    "invalid_api_key": Failure(401, f"an `{API_KEY}` that is none", ("wrong_key",)),
    "vehicle_not_found": Failure(
        404,
        "the car cannot be bought: `details.reason` is `sold`, `waiting`, `not_for_sale`, `gone` or `unknown_id`",
        ("sold_car", "gone_car", "no_dealer_id"),
        (X_CACHE, "Age"),
    ),
    "upstream_not_found": Failure(404, "no upstream has this name", ("no_upstream",)),
    "not_found": Failure(404, "no such route", ("no_route",)),
    "method_not_allowed": Failure(
        405, "the route has other methods; `Allow` names them", ("wrong_method",), ("Allow",)
    ),
    "request_timeout": Failure(408, "the body did not come in time", ("slow_body",)),
    "payload_too_large": Failure(413, "the body is too large", ("large_body",)),
    "internal_error": Failure(500, "a fault of this service; it was logged with the `request_id`", ("own_fault",)),
    "dealer_upstream_unavailable": Failure(
        503,
        "every site that was asked failed, so nobody can tell; `details.sources` says how each did",
        ("outage",),
        ("Retry-After", PARTIAL_HEADER, PAGE_MAX_HEADER),
    ),
    "overloaded": Failure(
        503, "as many requests are being answered as may be at a time", ("overload",), ("Retry-After",)
    ),
}


class ErrorBody(Struct, frozen=True):
    """What went wrong. Branch on `code`, which decides what is in `details`."""

    code: Annotated[str, Meta(extra_json_schema={"enum": list(FAILURES)})]
    message: str
    request_id: Annotated[str, Meta(pattern=r"^req_[0-9a-f]{24}$")]
    details: Mapping[str, Any]


class ErrorAnswer(Struct, frozen=True):
    """Every answer that is neither 2xx nor 304."""

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
    """Whether requests should be sent here; how the upstreams are is told, and no reason not to."""

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
        "description": "The request's name in the logs.",
        "required": True,
        "schema": {"type": "string", "pattern": r"^req_[0-9a-f]{24}$"},
    },
    X_CACHE: {
        "description": "How the answer came about: `updating` is old and being read anew behind it, `stale` is old"
        " because a site could not be asked.",
        "schema": {"type": "string", "enum": [str(state) for state in CacheStatus]},
    },
    "Age": {
        "description": "Seconds since the oldest piece of the answer was read.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "ETag": {
        "description": "For `If-None-Match`. A stale or partial answer has none.",
        "schema": {"type": "string"},
    },
    "Cache-Control": {
        "description": "`private, no-cache`, or `no-store` where an answer is stale or partial.",
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": f"Seconds to wait; {RETRY_AFTER_S[0]} to {RETRY_AFTER_S[1]} for an outage, 1 when overloaded.",
        "schema": {"type": "integer", "minimum": 1},
    },
    PARTIAL_HEADER: {
        "description": "The sources that failed, separated by commas: wholly (`failed`), in part (`partial`), or at a"
        " refresh, so that their old rows stand in (`stale` with another reason than `refreshing` or `overloaded`).",
        "schema": {"type": "string"},
    },
    PAGE_MAX_HEADER: {
        "description": "The most rows a page holds, where `limit` is more.",
        "schema": {"type": "integer", "const": PAGE_MAX},
    },
    RATE_HEADER: {
        "description": "Won per dollar of the car's prices.",
        "schema": {"type": "number", "minimum": PLAUSIBLE[0], "maximum": PLAUSIBLE[1]},
    },
    "Allow": {"description": "The route's methods.", "schema": {"type": "string"}},
}
_OF_CACHED = (X_CACHE, "Age", "ETag", "Cache-Control")


def document(vocabulary: Vocabulary, *, guarded: bool) -> dict[str, Any]:
    """Builds the document; `guarded` is true if `/v1` requires a key."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "dealerproxy", "version": dealerproxy.__version__, "description": ABOUT},
        "security": [{"key": []}] if guarded else [],
        "tags": [
            {"name": "vehicles", "description": "Dealer cars"},
            {"name": "upstreams", "description": "How the sites are; nothing here asks any of them"},
            {"name": "service", "description": "The process itself; nothing here asks for a key"},
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
    """Builds the JSON Schemas of all models and of their parts, by name; removes the indentation of docstrings."""
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
        "`sources` tells how each site did, `notices` what was left out and why.",
        takes=[*parameters.of_list(vocabulary), *_request_headers("Deadline", "FreshLook", "IfNoneMatch")],
        answers={
            "200": _answer(
                "The rows of a page; with `include=dealer` each has the `dealer` object. With `ids` the rows of these"
                " cars, and `states`; with `explain=1` what the request would ask.",
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
        "What dealer cars can be filtered on",
        "When a site cannot be asked, `notices` says what stands in for its answer.",
        takes=[*parameters.of_facets(), *_request_headers("Deadline")],
        answers={"200": _answer("Makes that have cars now, with their models.", [FacetsAnswer], ["facets"])},
        fails=always,
    )
    availability = _operation(
        "checkAvailability",
        f"Whether cars can be bought, up to {MAX_IDS} at once",
        takes=_request_headers("Deadline", "FreshLook"),
        body={"schema": _ref(AvailabilityQuestion), "example": {"ids": [SHOWN_ID]}},
        answers={
            "200": _answer(
                "The cars in the order asked; one that could not be checked is `unknown`, and so is one that is missing"
                " while most adverts of its site are (`mass_absence`), or that only one of Danawa's list and its feeder"
                " shows (`unconfirmed`).",
                [AvailabilityAnswer],
                ["availability"],
            )
        },
        fails=[*always, "request_timeout", "payload_too_large"],
    )
    car = _operation(
        "getVehicle",
        "One car in full",
        "`enrichment` tells what became of its papers; one that could not be had leaves nulls, never a 503.",
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
        "description": "As `GET /v1/upstreams` has it.",
        "schema": {"type": "string"},
        "example": UPSTREAMS[0],
    }
    all_of_them = _operation(
        "listUpstreams",
        "How every site stands",
        "Each operation has a circuit of its own; the site is as its worst one, unless no call to it may go out.",
        tag="upstreams",
        answers={"200": _answer("The sites.", [UpstreamList], ["upstreams", "suspended_upstream"])},
    )
    reset = _operation(
        "resetUpstream",
        "Let a site be asked again at once",
        "Forgets its suspensions, in all processes that share a Redis.",
        tag="upstreams",
        takes=[name],
        answers={"200": _answer("The site, as it stands now.", [UpstreamList], ["reset_upstream"])},
        fails=["upstream_not_found"],
    )
    pause = _operation(
        "pauseUpstream",
        "Send no call to a site for some minutes",
        "In all processes that share a Redis. Its sources are `failed`, or `stale` from what is kept, reason `paused`."
        " It ends by itself; another pause replaces it.",
        tag="upstreams",
        takes=[name],
        body={"schema": _ref(PauseOrder), "example": {"minutes": 30, "note": "The site asked us to stop"}},
        answers={"200": _answer("The site, as it stands now.", [UpstreamList], ["paused_upstream"])},
        fails=["validation_error", "upstream_not_found", "request_timeout", "payload_too_large"],
    )
    resume = _operation(
        "resumeUpstream",
        "End a pause",
        "In all processes that share a Redis. Suspensions and the calls of the day stay as they are.",
        tag="upstreams",
        takes=[name],
        answers={"200": _answer("The site, as it stands now.", [UpstreamList], ["resumed_upstream"])},
        fails=["upstream_not_found"],
    )
    status = _operation(
        "getStatus",
        "What the status page shows",
        "The sites with their last hour, and what was kept, drifted or not translated by the process that answers.",
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
    text = _told("Figures in Prometheus' text format.", {"text/plain": {"schema": {"type": "string"}}})
    live = _operation(
        "isLive",
        "Whether the process can answer",
        tag="service",
        answers={"200": _answer("It can.", [Liveness], ["live"])},
    )
    ready = _operation(
        "isReady",
        "Whether requests should be sent here",
        "How the sites are is told, and is never a reason to stay away.",
        tag="service",
        answers={
            "200": _answer("They should.", [Readiness], ["ready"]),
            "503": _answer("The process is about to stop.", [Readiness], ["draining"]),
        },
    )
    metrics = _operation("getMetrics", "What Prometheus scrapes", tag="service", answers={"200": text})
    itself = _operation(
        "getDocument",
        "This document",
        tag="service",
        takes=_request_headers("IfNoneMatch"),
        answers={
            "200": _told("OpenAPI 3.1.", {_JSON: {"schema": {"type": "object"}}}, ["ETag", "Cache-Control"]),
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
    """Describes an operation; `fails` are its error codes except those of the key and of an internal error."""
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
    """Describes a JSON answer that is one of these models, with the examples of these names."""
    schema = _ref(models[0]) if len(models) == 1 else {"anyOf": [_ref(model) for model in models]}
    return _told(says, {_JSON: {"schema": schema, "examples": _examples(examples)}}, headers)


def _failure(codes: Sequence[str]) -> Json:
    """Describes the error answer of one status, with all its codes."""
    failures = [FAILURES[code] for code in codes]
    return _told(
        "\n".join(f"* `{code}`: {failure.means}" for code, failure in zip(codes, failures, strict=True)),
        {
            _JSON: {
                "schema": _ref(ErrorAnswer),
                "examples": _examples([name for failure in failures for name in failure.examples]),
            }
        },
        ["Cache-Control", *(name for failure in failures for name in failure.headers)],
    )


def _told(says: str, content: Json, headers: Sequence[str] = ()) -> Json:
    """Describes any answer. All of them carry the request's id."""
    named = {name: {"$ref": f"#/components/headers/{name}"} for name in (REQUEST_ID, *headers)}
    return {"description": says, "headers": named, "content": content}


def _request_headers(*names: str) -> list[Json]:
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def _examples(names: Iterable[str]) -> Json:
    return {name: {"$ref": f"#/components/examples/{name}"} for name in names}


def _ref(model: type[Struct]) -> Json:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


_UNCHANGED = _told("What `If-None-Match` names still holds.", {}, _OF_CACHED)


def routes(vocabulary: Vocabulary, *, guarded: bool) -> Sequence[web.RouteDef]:
    """Builds the document and the route that returns it."""
    body = orjson.dumps(document(vocabulary, guarded=guarded))
    headers = {"ETag": etag(body), "Cache-Control": REVALIDATE}

    async def get_document(request: web.Request) -> web.Response:
        unchanged = not_modified(request, headers["ETag"], headers)
        return unchanged or web.Response(body=body, headers=headers, content_type=_JSON, charset="utf-8")

    return [web.get("/openapi.json", get_document)]
