"""The load generator asks as often as it says, measures every answer, and takes none that is not good."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpServer

from tests.bench import load, pages
from tests.bench.load import Load
from tests.bench.standin import CALLS, Site, Visitor

Start = Callable[[Site], Awaitable[int]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Serve a stand-in and tell its port."""
    servers: list[asyncio.Server] = []

    async def serve(site: Site) -> int:
        server = await asyncio.get_running_loop().create_server(lambda: Visitor(site), load.HOST, 0)
        servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    yield serve
    for server in servers:
        server.close()
        await server.wait_closed()


async def ask(port: int, path: str, connections: int, **bounds: float) -> Load:
    requests = itertools.repeat(load.request(path))
    return await asyncio.to_thread(lambda: load.ask(port, requests, connections=connections, **bounds))


async def test_so_many_requests_are_so_many_calls(start: Start) -> None:
    site = Site(pages.routes(), 0.0)
    port = await start(site)
    site.answer(b"GET /not-there HTTP/1.1\r\n\r\n")  # which does not count
    taken = await ask(port, "/search?q=ModelGroup.K5.", 4, count=50)
    _, calls = await asyncio.to_thread(load.fetch, port, CALLS)
    assert (len(taken.latencies), calls) == (50, b"50")
    assert 0 < taken.p50 <= taken.p99 <= taken.seconds


async def test_latency_holds_the_pause_of_the_site_and_connections_wait_side_by_side(start: Start) -> None:
    port = await start(Site(pages.routes(), 0.05))
    taken = await ask(port, "/search?q=ModelGroup.K5.", 20, count=20)
    assert taken.latencies[0] >= 0.049
    assert taken.seconds < 20 * 0.05


async def test_for_so_many_seconds_every_connection_asks_at_least_once(start: Start) -> None:
    port = await start(Site(pages.routes(), 0.0))
    began = time.perf_counter()
    taken = await ask(port, "/search?q=ModelGroup.K5.", 8, seconds=0.0, within_s=0.01)
    assert len(taken.latencies) == 8
    assert time.perf_counter() - began < 5


async def test_several_servers_are_asked_alike(start: Start) -> None:
    ports = [await start(Site(pages.routes(), 0.0)) for _ in range(2)]
    requests = itertools.repeat(load.request("/search?q=ModelGroup.K5."))
    await asyncio.to_thread(load.ask_all, ports, requests, 10)
    assert [(await asyncio.to_thread(load.fetch, port, CALLS))[1] for port in ports] == [b"5", b"5"]


async def test_the_number_asked_for_stands_in_the_answer(start: Start) -> None:
    port = await start(Site(pages.routes(), 0.0))
    _, body = await asyncio.to_thread(load.fetch, port, "/v1/readside/vehicle/12345678")
    assert b'"vehicleId":12345678' in body
    assert pages.DETAIL_ID.encode() not in body


async def test_any_answer_but_a_200_ends_it(aiohttp_server: AiohttpServer) -> None:
    server = await aiohttp_server(web.Application())
    with pytest.raises(load.Failed, match="404"):
        await ask(server.port or 0, "/nothing", 2, seconds=5)
    with pytest.raises(load.Failed, match="404"):
        await asyncio.to_thread(load.fetch, server.port or 0, "/nothing")


async def test_a_large_answer_that_comes_in_pieces_is_one(aiohttp_server: AiohttpServer) -> None:
    async def large(_: web.Request) -> web.Response:
        return web.Response(body=bytes(3_000_000))

    app = web.Application()
    app.router.add_get("/", large)
    server = await aiohttp_server(app)
    taken = await ask(server.port or 0, "/", 2, count=6)
    assert len(taken.latencies) == 6
