"""Asks the sandbox for every answer that the OpenAPI document shows as an example.

To write them anew after a deliberate change: `DEALERPROXY_TEST_WRITE_EXAMPLES=1 pytest tests/api/test_openapi.py`.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import Any, NamedTuple

import orjson
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from msgspec import Struct

from dealerproxy.api import middleware
from dealerproxy.api.keys import DRAINING
from dealerproxy.api.openapi import (
    SHOWN_ID,
    ErrorAnswer,
    InsiderList,
    Liveness,
    Readiness,
)
from dealerproxy.api.status import StatusAnswer
from dealerproxy.api.upstreams import UpstreamList
from dealerproxy.contract.answers import AvailabilityAnswer, FacetsAnswer, VehicleList
from dealerproxy.contract.detail import InsiderDetail, VehicleDetail
from dealerproxy.contract.headers import API_KEY, DEADLINE_HEADER, REQUEST_ID
from dealerproxy.sandbox.faults import Block, Hang, RateLimited
from tests.api.conftest import KEY, Sandbox, Sandboxes

GIVEN_ID = "req_0123456789abcdef01234567"
CARS = "/v1/vehicles?make=Hyundai,Kia&model=Avante,K5&year_min=2020&sort=price_asc"
ONE_SITE = "/v1/vehicles?make=Kia&upstream=encar&limit=1"


class Recorded(NamedTuple):
    """What was asked, and the answer as it came, with the model it should be and its headers' names in lower case."""

    summary: str
    model: type[Struct]
    method: str
    path: str
    status: int
    value: Any
    headers: frozenset[str]


class Recorder:
    """Keeps what a sandbox answers."""

    def __init__(self, sandbox: Sandbox, records: dict[str, Recorded]) -> None:
        self.sandbox, self.records = sandbox, records

    async def keep(
        self,
        name: str,
        summary: str,
        model: type[Struct],
        path: str,
        *,
        status: int = 200,
        method: str = "GET",
        body: bytes | AsyncIterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Ask and keep the answer under a name."""
        told = {REQUEST_ID: GIVEN_ID, **(headers or {})}
        answered, answer_headers, content = await self.sandbox.ask(method, path, headers=told, body=body)
        assert answered == status, content
        names = frozenset(name.lower() for name in answer_headers)
        self.records[name] = Recorded(summary, model, method, path, status, orjson.loads(content), names)

    async def fail(self, name: str, summary: str, status: int, path: str, **request: Any) -> None:
        """Ask and keep the error."""
        await self.keep(name, summary, ErrorAnswer, path, status=status, **request)


async def record(sandboxes: Sandboxes) -> Mapping[str, Recorded]:
    """Record all of them, each by its name."""
    records: dict[str, Recorded] = {}
    recorder = Recorder(await sandboxes.start(detail_fresh_s=0, list_fresh_s=0.001), records)
    await _cars(recorder)
    await _service(recorder)
    await _refusals(recorder)
    await _troubles(recorder)
    await _keys(Recorder(await sandboxes.start(api_keys=KEY), records))
    await _overload(Recorder(await sandboxes.start(max_requests=1, list_deadline_s=0.5), records))
    await _faults_of_our_own(records)
    return records


async def _cars(recorder: Recorder) -> None:
    keep = recorder.keep
    await keep("cars", "Two of the cheapest", VehicleList, f"{CARS}&limit=2")
    await keep("insiders_cars", "With include=dealer", InsiderList, f"{ONE_SITE}&include=dealer")
    await keep("hidden_cars", "An auction filter hides them", VehicleList, "/v1/vehicles?make=Kia&accident_grade=A")
    await keep("nothing_asked", "Only auction cars asked for", VehicleList, "/v1/vehicles?source=glovis")
    await keep("car", "A car", VehicleDetail, f"/v1/vehicles/{SHOWN_ID}")
    await keep("insiders_car", "With include=dealer", InsiderDetail, f"/v1/vehicles/{SHOWN_ID}?include=dealer")
    await keep("facets", "What is there now", FacetsAnswer, "/v1/vehicles/facets")
    sold = next(car for car in recorder.sandbox.encar.inventory.known() if car.status == "SOLD")
    ids = orjson.dumps({"ids": [SHOWN_ID, f"encar_{sold.id}", "encar_10000001"]})
    await keep(
        "availability",
        "One to be bought, two not",
        AvailabilityAnswer,
        "/v1/vehicles/availability",
        method="POST",
        body=ids,
    )
    await recorder.fail("sold_car", "Sold by its own advert", 404, f"/v1/vehicles/encar_{sold.id}")
    await recorder.fail("gone_car", "Two witnesses do not know it", 404, "/v1/vehicles/encar_10000001")
    await recorder.fail("no_dealer_id", "An auction car's id", 404, "/v1/vehicles/glovis_1069")


async def _service(recorder: Recorder) -> None:
    await recorder.keep("live", "It can", Liveness, "/health/live")
    await recorder.keep("ready", "Started", Readiness, "/health/ready")
    draining = recorder.sandbox.app[DRAINING]
    draining.set()
    await recorder.keep("draining", "Stopping", Readiness, "/health/ready", status=503)
    draining.clear()


async def _refusals(recorder: Recorder) -> None:
    fail = recorder.fail
    await fail("wrong_parameters", "Two at once", 400, "/v1/vehicles?make=Kia&color=plaid&limit=500")
    path = "/v1/vehicles/availability"
    await fail("wrong_ids", "No id of a dealer car", 400, path, method="POST", body=b'{"ids": ["glovis_1069"]}')
    await fail("large_body", "Too large a body", 413, path, method="POST", body=b" " * 2**21)
    soon = {DEADLINE_HEADER: "50"}
    await fail("slow_body", "A body that takes too long", 408, path, method="POST", body=_trickle(), headers=soon)
    await fail("wrong_cursor", "Not one of ours", 400, f"{CARS}&cursor=lgHO")
    await fail("mixed_sources", "Both kinds of cars", 400, "/v1/vehicles?make=Kia&source=glovis,dealer&cursor=lgHO")
    path = "/v1/upstreams/encar/pause"
    await fail("wrong_pause", "A pause of no minutes", 400, path, method="POST", body=b'{"minutes": 0}')
    await fail("no_upstream", "An unknown name", 404, "/v1/upstreams/google/reset", method="POST")
    await fail("no_route", "An unknown route", 404, "/v2/vehicles")
    await fail("wrong_method", "A POST to a list", 405, "/v1/vehicles", method="POST")


async def _trickle() -> AsyncIterator[bytes]:
    yield b"{"
    await asyncio.sleep(0.8)


async def _troubles(recorder: Recorder) -> None:
    sandbox, keep = recorder.sandbox, recorder.keep
    await keep("upstreams", "All well", UpstreamList, "/v1/upstreams")
    sandbox.breaks(Block(operation="search"))
    await keep("one_site_down", "Encar refuses us", VehicleList, "/v1/vehicles?make=Hyundai&limit=1")
    await keep("status", "Encar's search is suspended", StatusAnswer, "/v1/status")
    await keep("suspended_upstream", "Encar's search is suspended", UpstreamList, "/v1/upstreams")
    sandbox.breaks(Block(operation="search"), RateLimited(operation="danawa_list", retry_after=20))
    await recorder.fail("outage", "Both sites are down", 503, "/v1/vehicles?make=BMW")
    sandbox.breaks()
    pause = b'{"minutes": 30, "note": "The site asked us to stop"}'
    await keep("paused_upstream", "Paused", UpstreamList, "/v1/upstreams/encar/pause", method="POST", body=pause)
    await keep("resumed_upstream", "No longer paused", UpstreamList, "/v1/upstreams/encar/resume", method="POST")
    await keep("reset_upstream", "Encar, forgiven", UpstreamList, "/v1/upstreams/encar/reset", method="POST")


async def _keys(recorder: Recorder) -> None:
    await recorder.fail("missing_key", "No key", 401, "/v1/upstreams")
    await recorder.fail("wrong_key", "No key of ours", 401, "/v1/upstreams", headers={API_KEY: "x"})


async def _overload(recorder: Recorder) -> None:
    recorder.sandbox.breaks(Hang(operation="search"))
    slow = asyncio.create_task(recorder.sandbox.ask("GET", ONE_SITE))
    while not recorder.sandbox.encar.calls:  # noqa: ASYNC110  # the stand-in has no event to wait for
        await asyncio.sleep(0.005)
    await recorder.fail("overload", "One too many", 503, ONE_SITE)
    await slow


async def _faults_of_our_own(records: dict[str, Recorded]) -> None:
    """Record what no request to the real service brings about, from the middleware that would answer it."""

    async def breaks(_: web.Request) -> web.Response:
        raise ZeroDivisionError

    async def refuses(_: web.Request) -> web.Response:
        raise web.HTTPBadRequest

    app = web.Application(middlewares=[middleware.envelope])
    app.add_routes([web.get("/breaks", breaks), web.get("/refuses", refuses)])
    async with TestClient(TestServer(app)) as client:
        for name, summary, path, status in (
            ("own_fault", "A bug", "/breaks", 500),
            ("bad_request", "No request", "/refuses", 400),
        ):
            async with client.get(path, headers={REQUEST_ID: GIVEN_ID}) as answer:
                assert answer.status == status
                value, names = orjson.loads(await answer.read()), frozenset(name.lower() for name in answer.headers)
                records[name] = Recorded(summary, ErrorAnswer, "GET", path, status, value, names)
