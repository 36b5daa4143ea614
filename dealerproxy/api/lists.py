"""`GET /v1/vehicles`: takes the partner API's query string, returns dealer rows. `GET /v1/vehicles/facets`."""

import time
from collections.abc import Mapping, Sequence

import msgspec
from aiohttp import web
from msgspec import structs

from dealerproxy.api.captured import with_captures
from dealerproxy.api.http import (
    LOGGED,
    NO_STORE,
    REVALIDATE,
    age_headers,
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
from dealerproxy.api.keys import ANSWERS, METRICS, SEARCH, SETTINGS, SITES, VALVES, VOCABULARY
from dealerproxy.api.list_cache import Rendered, answered_by, oldest_s, render
from dealerproxy.cache.entries import CacheStatus
from dealerproxy.contract.answers import SourceState, VehicleList
from dealerproxy.contract.deadline import Deadline
from dealerproxy.contract.errors import ApiError
from dealerproxy.contract.headers import PAGE_MAX_HEADER, PARTIAL_HEADER
from dealerproxy.contract.rate import Rate
from dealerproxy.contract.terms import PAGE_MAX
from dealerproxy.search.by_id import IdsQuery
from dealerproxy.search.cursor import LIFETIME_S
from dealerproxy.search.facets import facets
from dealerproxy.search.query import asked_of, parse, parse_ids, parse_sources
from dealerproxy.search.service import Listed


async def list_vehicles(request: web.Request) -> web.Response:
    """Return `{"data", "next_cursor", "sources", "fx", "notices"}`; 400 and 503 as errors."""
    app, asked = request.app, request.rel_url.raw_query_string
    deadline = deadline_of(request, app[SETTINGS].list_deadline_s)
    answers, metrics, bypass_cache = app[ANSWERS], app[METRICS], wants_fresh_look(request)
    await app[VALVES].refresh()
    kept = None if bypass_cache else answers.get(asked)
    if kept is not None and app[VALVES].closed().isdisjoint(answered_by(kept.envelope)):
        metrics.listed(kept.envelope, result=CacheStatus.HIT)
        tell_log(request, **{**kept.logged, "cache": CacheStatus.HIT})
        return _respond(request, kept)
    params = params_of(request)
    if "ids" in params:
        return await _by_id(request, parse_ids(params), deadline)
    query = parse(params, app[VOCABULARY])
    tell_log(request, asked=asked_of(query))
    if query.explain:
        explained = await app[SEARCH].explain(query, deadline, bypass_cache=bypass_cache)
        return json_response(explained, headers=NO_STORE)
    headers = {PAGE_MAX_HEADER: str(PAGE_MAX)} if query.dealer_in_scope and query.limit > PAGE_MAX else {}
    try:
        listed = await app[SEARCH].answer(query, deadline, bypass_cache=bypass_cache)
    except ApiError as error:
        await _note_failure(request, error, deadline)
        error.headers |= headers
        raise
    rendered = await _answered(request, listed, headers, deadline)
    if "ETag" in rendered.headers and query.display.krw_per_usd is None:
        rate = None if query.cursor else _rate(listed.answer)
        await answers.put(asked, rendered._replace(rate=rate), listed.fresh_for_s)
    return _respond(request, rendered)


async def _by_id(request: web.Request, query: IdsQuery, deadline: Deadline) -> web.Response:
    """Return rows by id. The list is not cached; each site caches its cars."""
    app = request.app
    tell_log(request, asked={"ids": len(query.cars)})
    try:
        listed = await app[SEARCH].rows(query, deadline, bypass_cache=wants_fresh_look(request))
    except ApiError as error:
        await _note_failure(request, error, deadline)
        raise
    return _respond(request, await _answered(request, listed, {}, deadline))


async def _answered(request: web.Request, listed: Listed, headers: Mapping[str, str], deadline: Deadline) -> Rendered:
    """Encode an answer without captures that are not written; add it to the log and metrics."""
    sources = await with_captures(request.app, listed.answer.sources, deadline)
    answer = structs.replace(listed.answer, sources=sources)
    tell_log(request, sources=_logged_states(sources), rows=len(answer.data), cache=listed.state)
    logged = request[LOGGED]
    rendered = _render(listed._replace(answer=answer), headers)._replace(logged=logged)
    request.app[METRICS].listed(rendered.envelope)
    return rendered


async def _note_failure(request: web.Request, error: ApiError, deadline: Deadline) -> None:
    """Remove captures that are not written from a failure; add it to the log and metrics."""
    if "sources" not in error.details:
        return  # the request was invalid
    sources = error.details["sources"] = await with_captures(request.app, error.details["sources"], deadline)
    tell_log(request, sources=_logged_states(sources))
    request.app[METRICS].listed({"sources": msgspec.to_builtins(sources)}, result="error")


def _logged_states(sources: Sequence[SourceState]) -> dict[str, str]:
    return {source.name: status_and_reason(source.status, source.reason) for source in sources}


def _render(listed: Listed, headers: Mapping[str, str]) -> Rendered:
    """Encode a list. A list that may not be stored, here or in other caches, has no ETag."""
    answer, state = listed.answer, listed.state
    failing = [source.name for source in answer.sources if source.failing]
    if failing:
        headers = {**headers, PARTIAL_HEADER: ",".join(failing)}
    rows = encode(answer.data)
    envelope = msgspec.to_builtins(structs.replace(answer, data=()))
    del envelope["data"]
    states = [(source.name, source.status) for source in answer.sources]
    said = encode([answer.fx, states, answer.notices, envelope.get("filtered_out"), envelope.get("states")])
    storable = not failing and state is not CacheStatus.STALE
    kept = {"ETag": etag(rows, said, _era(answer)), "Cache-Control": REVALIDATE} if storable else NO_STORE
    return render(rows, envelope, {**headers, **age_headers(state, oldest_s(envelope)), **kept}, None)


def _rate(answer: VehicleList) -> Rate:
    return Rate(answer.fx.krw_per_usd, answer.fx.as_of, answer.fx.source)


def _respond(request: web.Request, rendered: Rendered) -> web.Response:
    tag = rendered.headers.get("ETag")
    unchanged = None if tag is None else not_modified(request, tag, rendered.headers)
    return encoded_response(rendered.body, headers=rendered.headers) if unchanged is None else unchanged


def _era(answer: VehicleList) -> bytes:
    """Return the current half hour for the ETag, so that a client that only receives 304s gets a new cursor in time."""
    return b"" if answer.next_cursor is None else str(int(time.time() // (LIFETIME_S / 2))).encode()


async def get_facets(request: web.Request) -> web.Response:
    """Return the filter values of dealer cars. An upstream's failure never fails this route."""
    app = request.app
    deadline = deadline_of(request, app[SETTINGS].list_deadline_s)
    return json_response(await facets(app[SITES], app[VOCABULARY], parse_sources(params_of(request)), deadline))


ROUTES = (web.get("/v1/vehicles", list_vehicles), web.get("/v1/vehicles/facets", get_facets))
