"""`GET /v1/vehicles/{id}` and `POST /v1/vehicles/availability`."""

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web
from msgspec import UNSET

from dealerproxy.api.captured import with_captures
from dealerproxy.api.http import (
    NO_STORE,
    REVALIDATE,
    age_headers,
    body_of,
    deadline_of,
    encode,
    encoded_response,
    etag,
    json_response,
    not_modified,
    params_of,
    status_and_reason,
    tell_log,
    wants_fresh_look,
)
from dealerproxy.api.keys import METRICS, RATES, SETTINGS, SITES
from dealerproxy.cache.entries import CacheStatus
from dealerproxy.contract.answers import AvailabilityAnswer, CarState, SourceState, Status
from dealerproxy.contract.deadline import Deadline
from dealerproxy.contract.detail import STALE
from dealerproxy.contract.errors import ApiError, Issue, validation_error
from dealerproxy.contract.headers import RATE_HEADER
from dealerproxy.contract.ids import site_and_number
from dealerproxy.contract.rate import Rate, iso_kst
from dealerproxy.search.availability import check
from dealerproxy.search.query import parse_display
from dealerproxy.search.source_report import unavailable, wait_of
from dealerproxy.transport.errors import UpstreamError
from dealerproxy.vehicles.car import SaleStatus
from dealerproxy.vehicles.render import detail

MAX_IDS = 100

_WORDS = {
    SaleStatus.SOLD: "was sold",
    SaleStatus.WAITING: "is not on sale at present",
    SaleStatus.NOT_FOR_SALE: "is offered for lease or rent only",
    SaleStatus.GONE: "is no longer listed",
}


async def get_vehicle(request: web.Request) -> web.Response:
    """Return one car in full; 404 with `details.reason` if it cannot be bought, 503 if its state is unknown."""
    deadline = deadline_of(request, request.app[SETTINGS].detail_deadline_s)
    display = parse_display(params_of(request))
    vehicle_id = request.match_info["id"]
    dealer_id = site_and_number(vehicle_id)
    if dealer_id is None:
        raise ApiError(
            404,
            "vehicle_not_found",
            "Dealer cars have ids such as encar_41985016 or danawa_6061500368.",
            details={"reason": "unknown_id"},
        )
    site, listing_id = dealer_id
    tell_log(request, asked={"id": vehicle_id})
    cars, metrics = request.app[SITES][site], request.app[METRICS]
    rates = request.app[RATES]
    rate: Rate = rates.current() if display.krw_per_usd is None else rates.requested(display.krw_per_usd)
    try:
        found = await cars.find(listing_id, deadline, bypass_cache=wants_fresh_look(request))
    except UpstreamError as error:
        metrics.asked_for_car(site, None)
        tell_log(request, sources={site: status_and_reason(Status.FAILED, error.code)})
        waiting = None if error.retry_after_s is None else iso_kst(time.time() + error.retry_after_s)
        state = SourceState(
            name=site, status=Status.FAILED, reason=error.code, retry_at=waiting, capture=error.capture or UNSET
        )
        states = await with_captures(request.app, [state], deadline)
        raise unavailable(states, [wait_of([error])]) from error
    metrics.asked_for_car(site, found.state)
    tell_log(request, sources={site: status_and_reason(Status.OK, None)}, cache=found.state)
    car, headers = found.value, age_headers(found.state, found.age_s)
    if isinstance(car, SaleStatus):
        message = f"{vehicle_id} {_WORDS[car]}."
        raise ApiError(404, "vehicle_not_found", message, details={"reason": car}, headers=headers)
    documents = await cars.documents(car, rate.krw_per_usd, deadline, insider=display.insider)
    metrics.described(car, documents.enrichment)
    body = encode(detail(car, documents, rate.krw_per_usd, insider=display.insider))
    came = CacheStatus.HIT if found.state is CacheStatus.MISS and documents.kept else found.state
    headers |= age_headers(came, max(found.age_s, documents.age_s))
    odd = any(paper.may_come or paper.reason == STALE for paper in documents.enrichment)
    if found.state is CacheStatus.STALE or odd:
        headers |= NO_STORE
    else:
        tag = etag(body)
        headers |= {"ETag": tag, "Cache-Control": REVALIDATE}
        if (unchanged := not_modified(request, tag, headers)) is not None:
            return unchanged
    return encoded_response(body, headers=headers | {RATE_HEADER: str(rate.krw_per_usd)})


async def post_availability(request: web.Request) -> web.Response:
    """Return whether each of up to 100 cars can be bought, in the order of the request, repeated ids once."""
    deadline = deadline_of(request, request.app[SETTINGS].detail_deadline_s)
    ids = await _ids(request, deadline)
    tell_log(request, asked={"ids": len(ids)})
    by_site: dict[str, list[str]] = {}
    for site, number in ids.values():
        by_site.setdefault(site, []).append(number)
    found = await check(request.app[SITES], by_site, deadline, bypass_cache=wants_fresh_look(request))
    request.app[METRICS].checked(found)
    states = [
        CarState(vehicle_id, found[dealer_id].status, found[dealer_id].reason) for vehicle_id, dealer_id in ids.items()
    ]
    tell_log(request, states=dict(Counter(status_and_reason(state.status, state.reason) for state in states)))
    return json_response(AvailabilityAnswer(states))


async def _ids(request: web.Request, deadline: Deadline) -> dict[str, tuple[str, str]]:
    """Return the ids of the body in their order, each with its site and number.

    Raises ApiError 400 with the index of each value that is not a dealer id.
    """
    raw = await body_of(request, deadline.remaining())
    try:
        body: Mapping[str, Any] = msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise validation_error([Issue("ids", 'The body must be JSON: {"ids": ["encar_41985016"]}.')]) from None
    ids = body.get("ids")
    if not isinstance(ids, list) or not 1 <= len(ids) <= MAX_IDS:
        raise validation_error([Issue("ids", f"`ids` must be a list of 1 to {MAX_IDS} ids.")])
    found: dict[str, tuple[str, str]] = {}
    issues: list[Issue] = []
    for index, vehicle_id in enumerate(ids):
        dealer_id = site_and_number(vehicle_id) if isinstance(vehicle_id, str) else None
        if dealer_id is None:
            issues.append(Issue(f"ids[{index}]", "A dealer id looks like encar_41985016 or danawa_6061500368."))
        else:
            found[vehicle_id] = dealer_id
    if issues:
        raise validation_error(issues)
    return found


ROUTES = (
    web.post("/v1/vehicles/availability", post_availability),
    # The pattern excludes `availability`, which is a 405 for other methods than POST.
    web.get("/v1/vehicles/{id:(?!availability$)[^/]+}", get_vehicle),
)
