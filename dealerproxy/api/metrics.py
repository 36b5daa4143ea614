"""`GET /metrics`, for Prometheus."""

from collections.abc import Sequence

from aiohttp import web
from prometheus_client.aiohttp import make_aiohttp_handler

from dealerproxy.ops.metrics import Metrics


def routes(metrics: Metrics) -> Sequence[web.RouteDef]:
    """The route of the scrape. It asks no upstream anything."""
    return (web.get("/metrics", make_aiohttp_handler(metrics.registry)),)
