"""The real service wired over loopback to the stand-ins, with the car that the examples show."""

import io
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from dealerproxy.app import create_app
from dealerproxy.sandbox.danawa.site import DanawaStandIn
from dealerproxy.sandbox.encar.site import EncarStandIn
from dealerproxy.sandbox.faults import AnyFault
from dealerproxy.sandbox.showcase import shown_car
from dealerproxy.sandbox.sites import serve
from dealerproxy.settings import Settings
from dealerproxy.vocabulary import Vocabulary
from tests.support.harness import list_read, read_anew
from tests.support.inventories import generate, generate_danawa

KEY = "a-key-of-this-service"


class Sandbox:
    """The service, its stand-ins and a session to ask it with; `url` and `sites` have no slash at their ends."""

    def __init__(
        self,
        app: web.Application,
        url: str,
        sites: str,
        session: aiohttp.ClientSession,
        encar: EncarStandIn,
        danawa: DanawaStandIn,
    ) -> None:
        self.app, self.url, self.sites, self._session = app, url, sites, session
        self.encar, self.danawa = encar, danawa

    def breaks(self, *faults: AnyFault) -> None:
        """Switch faults on, in place of those that were."""
        self.encar.faults.clear()
        self.encar.faults.add(*faults)
        read_anew(self.app, faults)

    async def heals(self) -> None:
        """Switch all faults off, and let the sites be asked again at once."""
        self.encar.faults.clear()
        for name in ("encar", "danawa"):
            assert (await self.ask("POST", f"/v1/upstreams/{name}/reset"))[0] == 200
        read_anew(self.app)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | AsyncIterable[bytes] | None = None,
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Ask; returns status, headers and body."""
        return await self.request(method, self.url + path, headers=headers, body=body)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | AsyncIterable[bytes] | None = None,
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send a request to the service or its stand-ins; returns status, headers and body."""
        data = io.BytesIO(body) if isinstance(body, bytes) else body
        async with self._session.request(method, url, headers=headers, data=data) as answer:
            return answer.status, answer.headers, await answer.read()


class Sandboxes:
    """Starts sandboxes; keyword arguments are settings."""

    def __init__(self, vocabulary: Vocabulary, stack: AsyncExitStack) -> None:
        self._vocabulary, self._stack = vocabulary, stack

    async def start(self, *, seed: int = 7, cars: int = 400, trucks: int = 60, **settings: Any) -> Sandbox:
        inventory = generate(seed, cars, trucks=trucks)
        inventory.insert(shown_car(inventory))
        encar = EncarStandIn(inventory)
        danawa = DanawaStandIn(generate_danawa(seed, cars // 4, also=inventory), faults=encar.faults)
        sites = await self._serve(serve(encar, danawa))
        wired: dict[str, Any] = {
            "encar_api_url": sites,
            "encar_page_url": sites,
            "danawa_url": sites,
            "mpark_api_url": sites,
            "encar_rps": 1000.0,
            "danawa_rps": 1000.0,
            "cursor_secret": "test",
        }
        app = create_app(Settings(**wired | settings), self._vocabulary)
        url = await self._serve(app)
        await list_read(app)
        danawa.calls.clear()
        session = await self._stack.enter_async_context(aiohttp.ClientSession())
        return Sandbox(app, url, sites, session, encar, danawa)

    async def _serve(self, app: web.Application) -> str:
        server = TestServer(app)
        self._stack.push_async_callback(server.close)
        await server.start_server()
        return str(server.make_url("")).rstrip("/")


@pytest.fixture
async def sandboxes(vocabulary: Vocabulary) -> AsyncIterator[Sandboxes]:
    async with AsyncExitStack() as stack:
        yield Sandboxes(vocabulary, stack)


@pytest.fixture
async def sandbox(sandboxes: Sandboxes) -> Sandbox:
    return await sandboxes.start()
