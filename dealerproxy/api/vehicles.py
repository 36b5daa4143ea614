"""`GET /v1/vehicles`: the partner API's query string in, dealer rows out."""

from aiohttp import web

from dealerproxy.api.responses import json_response
from dealerproxy.errors import Issue, validation_error
from dealerproxy.search.answer import Status, VehicleList
from dealerproxy.search.query import PAGE_MAX, Query, parse
from dealerproxy.search.service import PARTIAL_HEADER, SearchService
from dealerproxy.settings import Settings
from dealerproxy.transport.deadline import Deadline
from dealerproxy.vocabulary import Vocabulary

DEADLINE_HEADER = "X-Request-Deadline-Ms"
PAGE_MAX_HEADER = "X-LMN-Dealer-Page-Max"
_LONGEST_NUMBER = 9

SETTINGS = web.AppKey("settings", Settings)
VOCABULARY = web.AppKey("vocabulary", Vocabulary)
SEARCH = web.AppKey("search", SearchService)


async def list_vehicles(request: web.Request) -> web.Response:
    """Answer `{"data", "next_cursor", "sources", "fx", "notices"}`; 400 and 503 as errors."""
    deadline = Deadline(_seconds(request, request.app[SETTINGS].list_deadline_s))
    query = parse({name: request.query.getall(name) for name in request.query}, request.app[VOCABULARY])
    answer = await request.app[SEARCH].answer(query, deadline)
    return json_response(answer, headers=_headers(query, answer))


def _headers(query: Query, answer: VehicleList) -> dict[str, str]:
    headers = {}
    if query.dealer_in_scope and query.limit > PAGE_MAX:
        headers[PAGE_MAX_HEADER] = str(PAGE_MAX)
    troubled = [source.name for source in answer.sources if source.status in {Status.FAILED, Status.PARTIAL}]
    if troubled:
        headers[PARTIAL_HEADER] = ",".join(troubled)
    return headers


def _seconds(request: web.Request, longest: float) -> float:
    """Return the time this request may take; its header can only shorten it."""
    text = request.headers.get(DEADLINE_HEADER)
    if text is None:
        return longest
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER and int(text) > 0):
        message = f"`{DEADLINE_HEADER}` must be a whole number of milliseconds above 0."
        raise validation_error([Issue(DEADLINE_HEADER, message)])
    return min(longest, int(text) / 1000)


ROUTES = (web.get("/v1/vehicles", list_vehicles),)
