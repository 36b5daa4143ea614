"""`GET /metrics`, for Prometheus, and the count of every request."""

import time
from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client.aiohttp import make_aiohttp_handler

from dealerproxy.api.middleware import route_of
from dealerproxy.ops.metrics import Metrics


def count_requests(metrics: Metrics) -> Middleware:
    """Build the count of requests by route template and status; it goes around everything that answers."""

    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = time.perf_counter()
        response = await handler(request)
        metrics.request(request.method, route_of(request), response.status, time.perf_counter() - began)
        return response

    return count


def routes(metrics: Metrics) -> Sequence[web.RouteDef]:
    """The route of the scrape. It asks no upstream anything."""
    return (web.get("/metrics", make_aiohttp_handler(metrics.registry)),)
