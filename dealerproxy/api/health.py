"""Liveness and readiness. Neither asks an upstream anything: a probe must never cause traffic."""

from aiohttp import web

from dealerproxy.api.responses import json_response


async def live(_: web.Request) -> web.Response:
    """200 while the process can answer at all."""
    return json_response({"status": "live"})


async def ready(_: web.Request) -> web.Response:
    """200 once started. An upstream in trouble is no reason to take the process out of service."""
    return json_response({"status": "ready"})


ROUTES = (web.get("/health/live", live), web.get("/health/ready", ready))
