"""A running service over a site of the test's own."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from dealerproxy.api.keys import SITES
from dealerproxy.app import create_app
from dealerproxy.sandbox.faults import Fault
from dealerproxy.settings import Settings
from dealerproxy.upstreams.danawa.stock import LIST_KEY, DanawaStock
from dealerproxy.vocabulary import Vocabulary

# As fast as the stand-ins answer: what the real sites are owed would only make tests slow.
QUICK = {"encar_rps": 1000.0, "danawa_rps": 1000.0, "cursor_secret": "test"}
GENEROUS_S = 20.0
HOSTS = ("encar_api_url", "encar_page_url", "danawa_url", "mpark_api_url")


def wired(url: str, **settings: Any) -> Settings:
    """Settings of a service that finds every site at one address."""
    return Settings(**{**QUICK, **dict.fromkeys(HOSTS, url), **settings})


def _danawas_stock(app: web.Application) -> DanawaStock:
    site: Any = app[SITES]["danawa"]  # behind the tracing, if there is one
    found = site.list
    assert isinstance(found, DanawaStock)
    return found


async def list_read(app: web.Application) -> None:
    """Wait until Danawa's list was read for the first time, or could not be."""
    async with asyncio.timeout(GENEROUS_S):
        await _danawas_stock(app).tried.wait()


def read_due(app: web.Application) -> None:
    """Have Danawa's list read if it is due, as the service does once a second."""
    _danawas_stock(app).readings.start_due()


def read_anew(app: web.Application, faults: Iterable[Fault] | None = None) -> None:
    """Have Danawa's list read as after a start, if it is among what breaks: questions wait for it."""
    if faults is None or any(fault.operation == "danawa_list" for fault in faults):
        stock = _danawas_stock(app)
        demand = stock.readings.demand(LIST_KEY)
        stock.shelf.remove(LIST_KEY)
        stock.tried.clear()
        demand.read_at, demand.failures = -math.inf, 0
        stock.readings.start_due()


class ServiceHarness:
    """A running service: `client` asks it. Tests add what their site can do."""

    def __init__(self, client: TestClient[Any, Any]) -> None:
        self.client = client

    async def reset(self) -> None:
        """Let the service ask both sites again at once."""
        for name in ("encar", "danawa"):
            async with self.client.post(f"/v1/upstreams/{name}/reset") as response:
                assert response.status == 200


@asynccontextmanager
async def service_over(
    site: web.Application,
    vocabulary: Vocabulary,
    *,
    clock: Callable[[], float] = time.monotonic,
    unix: Callable[[], float] = time.time,
    **settings: Any,
) -> AsyncIterator[TestClient[Any, Any]]:
    """Serve a site and a service that reads it; yields a client of the service. Other arguments are settings."""
    async with TestServer(site) as upstream:
        app = create_app(wired(str(upstream.make_url("")), **settings), vocabulary, clock=clock, unix=unix)
        async with TestClient(TestServer(app)) as client:
            yield client
