"""Forward proxies: every call to a site goes through its own, and nobody learns the proxy's password."""

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from dealerproxy.app import create_app
from dealerproxy.captures.fetching import Unfetched, fetching, pages_of_car
from dealerproxy.sandbox.danawa.inventory import DanawaInventory
from dealerproxy.sandbox.danawa.site import DanawaStandIn
from dealerproxy.sandbox.encar.site import EncarStandIn
from dealerproxy.sandbox.sites import serve
from dealerproxy.settings import Settings
from dealerproxy.vocabulary import Vocabulary
from tests.support.clock import Clock
from tests.support.harness import QUICK
from tests.support.stock import stock

# Names that nobody can look up: what is answered came through the proxy.
ENCAR, DANAWA = "http://encar.invalid", "http://danawa.invalid"
SECRET = "p@ss:hidden"
LIST = "/v1/vehicles?make=Kia&limit=3"


class ForwardProxy:
    """A forward proxy for http, in front of a stand-in: what it was asked for, and with which credentials."""

    def __init__(self, site: URL) -> None:
        self._site = site
        self.asked: list[str] = []
        self.credentials: set[str] = set()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        target = URL(request.raw_path, encoded=True)
        self.asked.append(str(target.host))
        scheme, _, encoded = request.headers.get("Proxy-Authorization", " ").partition(" ")
        self.credentials.add(f"{scheme} {base64.b64decode(encoded).decode('latin-1')}")
        assert "X-Forwarded-For" not in request.headers
        url = URL(str(self._site).rstrip("/") + target.raw_path_qs, encoded=True)
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return web.Response(body=await answer.read(), status=answer.status, content_type=answer.content_type)


class World:
    """A stand-in for both sites behind a proxy for each."""

    def __init__(self, stand_in: EncarStandIn, danawa: DanawaStandIn) -> None:
        self.stand_in, self.danawa = stand_in, danawa
        self.proxies: list[ForwardProxy] = []
        self.urls: list[str] = []

    def settings(self, **others: Any) -> Settings:
        wired = {"encar_api_url": ENCAR, "encar_page_url": ENCAR, "danawa_url": DANAWA, "mpark_api_url": DANAWA}
        encar, danawa = (
            str(URL(url).with_user(user).with_password(SECRET)) for url, user in zip(self.urls, "ed", strict=True)
        )
        return Settings(**{**QUICK, **wired, "encar_proxy": encar, "danawa_proxy": danawa, **others})


@pytest.fixture
async def world() -> AsyncIterator[World]:
    stand_in = EncarStandIn(stock(3))
    danawa = DanawaStandIn(DanawaInventory(), faults=stand_in.faults)
    made = World(stand_in, danawa)
    async with TestServer(serve(stand_in, danawa)) as site:
        servers = []
        for _ in range(2):
            proxy = ForwardProxy(site.make_url(""))
            made.proxies.append(proxy)
            server = _Raw(proxy)
            await server.start()
            servers.append(server)
            made.urls.append(server.url)
        yield made
        for server in servers:
            await server.stop()


class _Raw:
    """Serves a handler of any request line, as a proxy has to."""

    def __init__(self, proxy: ForwardProxy) -> None:
        self._runner = web.ServerRunner(web.Server(proxy.handle))
        self.url = ""

    async def start(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        await self._runner.cleanup()


@asynccontextmanager
async def service(settings: Settings, vocabulary: Vocabulary) -> AsyncIterator[TestClient[Any, Any]]:
    async with TestClient(TestServer(create_app(settings, vocabulary))) as client:
        yield client


async def test_each_site_is_called_through_its_own_proxy_alone(world: World, vocabulary: Vocabulary) -> None:
    async with service(world.settings(), vocabulary) as client:
        async with client.get(LIST + "&upstream=encar") as response:
            rows = (await response.json())["data"]
        async with client.get(f"/v1/vehicles/{rows[0]['id']}") as response:
            assert response.status == 200
        async with client.get("/v1/vehicles/danawa_6061500368") as response:
            await response.read()
    encar, danawa = world.proxies
    assert (set(encar.asked), set(danawa.asked)) == ({"encar.invalid"}, {"danawa.invalid"})
    assert (encar.credentials, danawa.credentials) == ({f"Basic e:{SECRET}"}, {f"Basic d:{SECRET}"})
    assert len(encar.asked) == len(world.stand_in.calls) >= 2


async def test_a_site_without_a_proxy_is_called_directly(world: World, vocabulary: Vocabulary) -> None:
    async with (
        service(world.settings(danawa_proxy=""), vocabulary) as client,
        client.get("/v1/vehicles/danawa_6061500368") as response,
    ):
        assert (await response.json())["error"]["details"]["sources"][0]["reason"] == "unreachable"
    assert world.proxies[1].asked == []


async def refusing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A proxy that knows nobody."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await writer.drain()
    writer.close()


@pytest.mark.parametrize("kind", ["refuses", "away", "unknown"])
async def test_a_proxy_that_fails_is_told_without_its_password(
    world: World, vocabulary: Vocabulary, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    server = await asyncio.start_server(refusing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    if kind == "away":
        server.close()
        await server.wait_closed()
    host = "proxy.invalid" if kind == "unknown" else "127.0.0.1"
    proxy = str(URL(f"http://{host}:{port}").with_user("ops").with_password(SECRET))
    # https, as the sites really have it: the proxy is asked to connect.
    settings = world.settings(encar_api_url="https://encar.invalid", encar_proxy=proxy, danawa_proxy=proxy)
    told: list[str] = []
    output = io.StringIO()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(output))
    try:
        async with service(settings, vocabulary) as client:
            for path in (LIST, "/v1/vehicles/encar_41985016", "/v1/upstreams", "/v1/status", "/metrics"):
                async with client.get(path) as response:
                    told.append(await response.text())
        async with fetching(settings, sleep=Clock().sleep) as fetch:
            with pytest.raises(Unfetched) as caught:
                await fetch(pages_of_car("encar", "41985016")[0])
            told.append(str(caught.value))
    finally:
        structlog.reset_defaults()
        server.close()
    assert "unreachable" in told[0]
    captured = capsys.readouterr()
    everything = "".join([*told, output.getvalue(), captured.out, captured.err])
    assert "upstream_trouble" in everything
    for secret in ("hidden", "p%40ss", base64.b64encode(f"ops:{SECRET}".encode()).decode()):
        assert secret not in everything


async def test_pages_fetched_by_hand_go_through_the_proxy_and_count_as_calls_of_the_day(
    world: World, vocabulary: Vocabulary
) -> None:
    settings = world.settings(encar_daily_calls=1)
    number = next(car.id for car in world.stand_in.inventory.known())
    page = pages_of_car("encar", str(number))[0]
    async with fetching(settings, sleep=Clock().sleep) as fetch:
        assert (await fetch(page)).status == 200
        with pytest.raises(Unfetched, match=r"calls to encar are stopped for \d+ min \(daily_budget\)"):
            await fetch(page)
    assert world.proxies[0].asked == ["encar.invalid"]
