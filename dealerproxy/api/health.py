"""Liveness and readiness. Neither calls an upstream: a health check must never cause traffic."""

from aiohttp import web

from dealerproxy.api.http import json_response
from dealerproxy.api.keys import DRAINING
from dealerproxy.api.upstreams import upstreams_of


async def live(_: web.Request) -> web.Response:
    """Return 200 while the process can answer at all."""
    return json_response({"status": "live"})


async def ready(request: web.Request) -> web.Response:
    """Return 200 once started, 503 during shutdown. The upstreams' states in the body do not change the status."""
    upstreams = {upstream.name: upstream.state for upstream in await upstreams_of(request.app)}
    draining = request.app[DRAINING].is_set()
    status = "draining" if draining else "ready"
    return json_response({"status": status, "upstreams": upstreams}, status=503 if draining else 200)


ROUTES = (web.get("/health/live", live), web.get("/health/ready", ready))
