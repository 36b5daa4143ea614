"""`GET /v1/vehicles`: the partner API's query string in, dealer rows out. `GET /v1/vehicles/facets` beside it."""

import time

import msgspec
import orjson
from aiohttp import web
from msgspec import structs

from dealerproxy.api.caching import NO_STORE, REVALIDATE, age_headers, etag, not_modified, wants_fresh_look
from dealerproxy.api.requests import deadline_of, params_of
from dealerproxy.api.responses import encode, json_response
from dealerproxy.api.state import FACETS, SEARCH, SETTINGS, VOCABULARY
from dealerproxy.errors import ApiError
from dealerproxy.headers import PAGE_MAX_HEADER, PARTIAL_HEADER
from dealerproxy.search.answer import Status, VehicleList
from dealerproxy.search.cursor import LIFETIME_S
from dealerproxy.search.query import parse, parse_sources
from dealerproxy.search.terms import PAGE_MAX
from dealerproxy.transport.pieces import State


async def list_vehicles(request: web.Request) -> web.Response:
    """Answer `{"data", "next_cursor", "sources", "fx", "notices"}`; 400 and 503 as errors."""
    deadline = deadline_of(request, request.app[SETTINGS].list_deadline_s)
    query = parse(params_of(request), request.app[VOCABULARY])
    headers = {PAGE_MAX_HEADER: str(PAGE_MAX)} if query.dealer_in_scope and query.limit > PAGE_MAX else {}
    try:
        listed = await request.app[SEARCH].answer(query, deadline, fresh_look=wants_fresh_look(request))
    except ApiError as error:
        error.headers |= headers
        raise
    answer = listed.answer
    troubled = [source.name for source in answer.sources if source.status in {Status.FAILED, Status.PARTIAL}]
    if troubled:
        headers[PARTIAL_HEADER] = ",".join(troubled)
    headers |= age_headers(listed.state, max((s.age_s for s in answer.sources if s.age_s is not None), default=None))
    rows = encode(answer.data)
    if troubled or listed.state is State.STALE:
        headers |= NO_STORE
    else:
        tag = etag(rows, encode([answer.fx, [(source.name, source.status) for source in answer.sources]]), _era(answer))
        headers |= {"ETag": tag, "Cache-Control": REVALIDATE}
        if (unchanged := not_modified(request, tag, headers)) is not None:
            return unchanged
    envelope = msgspec.to_builtins(structs.replace(answer, data=()))
    return json_response(envelope | {"data": orjson.Fragment(rows)}, headers=headers)


def _era(answer: VehicleList) -> bytes:
    """Half an hour: a client that is told again and again that nothing changed must still get a cursor that lives."""
    return b"" if answer.next_cursor is None else str(int(time.time() // (LIFETIME_S / 2))).encode()


async def get_facets(request: web.Request) -> web.Response:
    """What dealer cars can be filtered on; never fails for an upstream's sake."""
    deadline = deadline_of(request, request.app[SETTINGS].list_deadline_s)
    return json_response(await request.app[FACETS].answer(parse_sources(params_of(request)), deadline))


ROUTES = (web.get("/v1/vehicles", list_vehicles), web.get("/v1/vehicles/facets", get_facets))
