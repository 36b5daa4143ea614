"""`GET /v1/vehicles`: the partner API's query string in, dealer rows out. `GET /v1/vehicles/facets` beside it."""

from aiohttp import web

from dealerproxy.api.requests import deadline_of, params_of
from dealerproxy.api.responses import json_response
from dealerproxy.api.state import FACETS, SEARCH, SETTINGS, VOCABULARY
from dealerproxy.errors import ApiError
from dealerproxy.search.answer import PARTIAL_HEADER, Status
from dealerproxy.search.query import PAGE_MAX, parse, parse_sources

PAGE_MAX_HEADER = "X-LMN-Dealer-Page-Max"


async def list_vehicles(request: web.Request) -> web.Response:
    """Answer `{"data", "next_cursor", "sources", "fx", "notices"}`; 400 and 503 as errors."""
    deadline = deadline_of(request, request.app[SETTINGS].list_deadline_s)
    query = parse(params_of(request), request.app[VOCABULARY])
    headers = {PAGE_MAX_HEADER: str(PAGE_MAX)} if query.dealer_in_scope and query.limit > PAGE_MAX else {}
    try:
        answer = await request.app[SEARCH].answer(query, deadline)
    except ApiError as error:
        error.headers |= headers
        raise
    troubled = [source.name for source in answer.sources if source.status in {Status.FAILED, Status.PARTIAL}]
    if troubled:
        headers[PARTIAL_HEADER] = ",".join(troubled)
    return json_response(answer, headers=headers)


async def get_facets(request: web.Request) -> web.Response:
    """What dealer cars can be filtered on; never fails for an upstream's sake."""
    deadline = deadline_of(request, request.app[SETTINGS].list_deadline_s)
    return json_response(await request.app[FACETS].answer(parse_sources(params_of(request)), deadline))


ROUTES = (web.get("/v1/vehicles", list_vehicles), web.get("/v1/vehicles/facets", get_facets))
