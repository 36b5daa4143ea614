"""The servers that are measured against each other: the service, and aiohttp handlers that do less.

Each is the target of a process: it sends its port through `told` and serves until it is ended. Access logs are off, as
in `dealerproxy serve`.
"""

import asyncio
import gc
import os
import sys
from collections.abc import Callable, Coroutine, Iterable, Mapping
from multiprocessing.connection import Connection
from typing import Any

import aiohttp
from aiohttp import web
from msgspec.structs import replace
from yarl import URL

from dealerproxy import logs
from dealerproxy.app import create_app
from dealerproxy.serving.sockets import Site
from dealerproxy.settings import Settings
from dealerproxy.upstreams.encar import client as encar
from tests.bench.load import HOST

ASYNCIO, UVLOOP = "asyncio", "uvloop"
PAPERS = ("inspection", "record", "diagnosis")
# Our manners towards a site are no part of what is measured: 4 requests a second and 6 at a time would be all it shows.
# Nothing is read for stock, unless a case says so: the stand-in has no whole listings.
FREE = {"encar_rps": 1e9, "danawa_rps": 1e9, "max_requests": 100_000, "cursor_secret": "bench", "stock_mb": 0}
AT_A_TIME = 4_096


def run(loop: str, main: Coroutine[Any, Any, None]) -> None:
    """Run on asyncio's own event loop or on uvloop."""
    if loop == UVLOOP:
        import uvloop  # noqa: PLC0415  # an optional extra

        uvloop.run(main)
    else:
        asyncio.run(main)


def service(told: Connection, upstream: str, loop: str, settings: Mapping[str, object]) -> None:
    """The service as `dealerproxy serve` runs it: metrics counted, a JSON line a request, to nowhere."""
    sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115  # for as long as the process lives
    logs.configure("json")
    encar.MANNERS = encar.MANNERS._replace(burst=AT_A_TIME, in_flight=AT_A_TIME)
    urls = dict.fromkeys(("encar_api_url", "encar_page_url", "danawa_url", "mpark_api_url"), upstream)
    run(loop, _serve(told, create_app(replace(Settings(), **{**urls, **FREE, **settings})), Site))


def bare(told: Connection, loop: str, body: bytes, headers: Mapping[str, str]) -> None:
    """An aiohttp handler that sends the same bytes with the same headers, whatever is asked."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, headers=headers)

    run(loop, _serve(told, _app([web.get("/{path:.*}", answer)])))


def passing_on(told: Connection, upstream: str, loop: str, search: str) -> None:
    """An aiohttp handler that passes bytes on: of a search, or of a car and its three papers, all in one list."""
    session = web.AppKey("session", aiohttp.ClientSession)

    async def opened(app: web.Application) -> Any:  # an async generator, as aiohttp wants it
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_A_TIME)) as app[session]:
            yield

    async def fetch(app: web.Application, path: str) -> bytes:
        async with app[session].get(URL(upstream + path, encoded=True)) as response:
            return await response.read()

    async def vehicles(request: web.Request) -> web.Response:
        return _json(await fetch(request.app, search))

    async def vehicle(request: web.Request) -> web.Response:
        number = request.match_info["number"]
        car = await fetch(request.app, f"/v1/readside/vehicle/{number}")
        papers = (fetch(request.app, f"/v1/readside/{name}/vehicle/{number}") for name in PAPERS)
        return _json(b"[%b]" % b",".join([car, *await asyncio.gather(*papers)]))

    app = _app([web.get("/v1/vehicles", vehicles), web.get("/v1/vehicles/encar_{number}", vehicle)])
    app.cleanup_ctx.append(opened)
    run(loop, _serve(told, app))


def _app(routes: Iterable[web.RouteDef]) -> web.Application:
    app = web.Application()
    app.router.add_routes(routes)
    return app


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json", charset="utf-8")


async def _serve(
    told: Connection, app: web.Application, site: Callable[[web.AppRunner, str, int], web.BaseSite] = web.TCPSite
) -> None:
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    await site(runner, HOST, 0).start()
    gc.collect()
    gc.freeze()
    told.send(runner.addresses[0][1])
    await asyncio.Event().wait()
