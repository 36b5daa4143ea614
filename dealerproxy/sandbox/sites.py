"""Serving stand-ins: each alone, or several on one port as one server with the same faults and one list of calls."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from dealerproxy.sandbox import SANDBOX_HEADER, control, photos
from dealerproxy.sandbox.faults import Faults

MOST_CALLS: Final = 100_000


@dataclass(slots=True, kw_only=True)
class Call:
    """One received request: `query` is the whole query, decoded, `status` None while it is being answered."""

    operation: str
    path: str
    query: str
    status: int | None = None


class Site(Protocol):
    """A stand-in: its faults and routes. The named routes are the site's operations."""

    faults: Faults

    def routes(self) -> Iterable[web.RouteDef]:
        """List the site's routes and its own control routes, which have no name."""
        ...

    def record(self, request: web.Request, operation: str) -> Call:
        """Add a request to the site's calls and return its record."""
        ...


def serve(*sites: Site) -> web.Application:
    """Build one server for the sites, with the control routes `/__sandbox/`.

    Raises ValueError for sites that do not share their faults.
    """
    faults = sites[0].faults
    if any(site.faults is not faults for site in sites):
        raise ValueError("stand-ins on one server must share their faults")
    calls: deque[Call] = deque(maxlen=MOST_CALLS)
    routes = [(route, site) for site in sites for route in site.routes()]
    of_operation = {str(name): site for route, site in routes if (name := route.kwargs.get("name"))}
    app = web.Application(middlewares=[_recorder(of_operation, calls)])
    app.on_response_prepare.append(_mark)
    faults.attach(app)
    app.router.add_routes([route for route, _ in routes])
    app.router.add_routes([*control.routes(faults, calls, of_operation.keys()), *photos.routes()])
    return app


async def _mark(_: web.Request, response: web.StreamResponse) -> None:
    response.headers[SANDBOX_HEADER] = "1"


def _recorder(sites: dict[str, Site], calls: deque[Call]) -> Middleware:
    @web.middleware
    async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
        operation = request.match_info.route.name
        if operation is None:
            return await handler(request)
        call = sites[operation].record(request, operation)
        calls.append(call)
        try:
            response = await handler(request)
        except web.HTTPException as answer:
            call.status = answer.status
            raise
        call.status = response.status
        return response

    return record
