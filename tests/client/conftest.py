"""Main APIs wired over loopback to the real service and its stand-ins, or to a service that says what it is told."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from multidict import CIMultiDict

from dealerproxy.app import create_app
from dealerproxy.client import DealerClient, Row
from dealerproxy.sandbox.danawa.site import DanawaStandIn
from dealerproxy.sandbox.encar.site import EncarStandIn
from dealerproxy.sandbox.faults import AnyFault
from dealerproxy.sandbox.showcase import shown_car
from dealerproxy.sandbox.sites import serve
from dealerproxy.vocabulary import Vocabulary
from tests.client.main_api import envelope
from tests.client.partner_api import PartnerApi
from tests.client.partners import check_keys
from tests.support.harness import list_read, read_anew, wired
from tests.support.inventories import generate, generate_danawa

ENVIRONMENTS = {"lmn_prd": "production", "lmn_stg": "sandbox"}


def auction_row(number: int, **changes: object) -> Row:
    """An invented auction car; the higher the number, the later its auction, the dearer and the newer."""
    day = f"2026-04-{18 + number % 10:02d}"
    return {
        "id": f"glovis_202604_{number:03d}",
        "source": "glovis",
        "make": "Hyundai",
        "model": "Grandeur",
        "trim": "Calligraphy",
        "year": 2015 + number % 10,
        "mileage_km": 90_000 - 3_000 * number,
        "fuel": "gasoline",
        "accident_grade": "A",
        "auction_date": f"{day}T13:00:00+09:00",
        "pricing": {"listing_price": 9_000 + 700 * number},
        **changes,
    }


AUCTION = [
    *(auction_row(number) for number in range(20)),
    auction_row(20, id="glovis_20260428_1069_2126", model="Palisade", fuel="diesel"),
    auction_row(21, make="Kia", model="Morning", trim="Van", auction_status="upcoming"),
    auction_row(22, source="sk", id="sk_1", trim="Cargo Van", fuel="hybrid", accident_grade="B"),
]


class MainApiHarness:
    """Main APIs for both environments over one dealer client and one store of snapshots, the service, its stand-ins."""

    def __init__(
        self,
        clients: Mapping[str, TestClient[Any, Any]],
        main: PartnerApi,
        stand_ins: tuple[EncarStandIn, DanawaStandIn],
        service: str,
        app: web.Application,
        session: aiohttp.ClientSession,
    ) -> None:
        self._app = app
        self._clients, self.main = clients, main
        self.encar, self.danawa = stand_ins
        self.service, self.session = service, session
        self.status, self.headers = 0, CIMultiDict[str]()

    async def curl(
        self, path: str, *, key: str = "lmn_prd_acme", environment: str | None = None, body: object = None
    ) -> Any:
        """Ask as a partner would, under the environment of the key; remembers status and headers, returns the body."""
        client = self._clients[environment or ENVIRONMENTS.get(key[:7], "production")]
        headers = {"x-api-key": key} if key else {}
        method = "GET" if body is None else "POST"
        async with client.request(method, path, headers=headers, json=body) as response:
            self.status, self.headers = response.status, CIMultiDict(response.headers)
            return await response.json()

    @property
    def told(self) -> dict[str, str]:
        """The headers of the partner API's own."""
        return {name: value for name, value in self.headers.items() if name.startswith("X-LMN-")}

    @property
    def dealer(self) -> DealerClient:
        return self.main.dealer

    def dealer_at(self, path: str) -> DealerClient:
        """A client of what stands at another path of the service."""
        return DealerClient(self.session, self.service + path)

    @property
    def calls(self) -> int:
        """How often the sites were asked anything."""
        return len(self.encar.calls) + len(self.danawa.calls)

    def breaks(self, *faults: AnyFault) -> None:
        """Switch faults on, in place of those that were."""
        self.encar.faults.clear()
        self.encar.faults.add(*faults)
        read_anew(self._app, faults)

    async def list_tried(self) -> None:
        """Wait until the service has read Danawa's list, or could not; it does so in the background after `breaks`."""
        await list_read(self._app)

    async def raw(self, path: str, **request: Any) -> Any:
        """What the service itself answers, as plain values."""
        async with self.session.request(request.pop("method", "GET"), self.service + path, **request) as response:
            return orjson.loads(await response.read())


@pytest.fixture
async def house(vocabulary: Vocabulary) -> AsyncIterator[MainApiHarness]:
    inventory = generate(7, 400)
    inventory.insert(shown_car(inventory))
    encar = EncarStandIn(inventory)
    danawa = DanawaStandIn(generate_danawa(7, 100), faults=encar.faults)
    async with AsyncExitStack() as stack:
        upstream = str((await served(stack, serve(encar, danawa))).make_url(""))
        settings = wired(upstream, detail_fresh_s=0)
        served_app = create_app(settings, vocabulary)
        service = str((await served(stack, served_app)).make_url("")).rstrip("/")
        await list_read(served_app)
        danawa.calls.clear()
        session = await stack.enter_async_context(aiohttp.ClientSession())
        main = PartnerApi(DealerClient(session, service), AUCTION)
        clients = {}
        for environment in ENVIRONMENTS.values():
            app = web.Application(middlewares=[check_keys(environment), envelope])
            app.add_routes(main.routes())
            clients[environment] = await stack.enter_async_context(TestClient(await served(stack, app)))
        yield MainApiHarness(clients, main, (encar, danawa), service, served_app, session)


async def served(stack: AsyncExitStack, app: web.Application) -> TestServer:
    """Serve an application on loopback until the stack ends."""
    server = TestServer(app)
    stack.push_async_callback(server.close)
    await server.start_server()
    return server


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def says(body: object, status: int = 200, **headers: str) -> Answer:
    """An answer of plain values as JSON, or of bytes as they are; `Retry_After` is the header Retry-After."""

    async def answer(_: web.Request) -> web.StreamResponse:
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        return web.Response(
            status=status, body=content, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )

    return answer


def failure(status: int, code: str, details: object = None, **headers: str) -> Answer:
    """An answer in the error envelope."""
    content = {"code": code, "message": "No.", "request_id": "req_" + "a" * 24, "details": details or {}}
    return says({"error": content}, status, **headers)


class Scripted:
    """A service that gives the answers it was told, in turn, the last one for ever; it notes who asked what."""

    url: str
    session: aiohttp.ClientSession

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.asked: list[web.Request] = []
        self.peers: set[object] = set()

    def says(self, *answers: Answer) -> None:
        self.answers[:] = answers

    async def handle(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.asked.append(request)
        assert request.transport is not None
        self.peers.add(request.transport.get_extra_info("peername"))
        return await (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])(request)


@pytest.fixture
async def scripted() -> AsyncIterator[Scripted]:
    service = Scripted()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", service.handle)
    async with TestServer(app) as server, aiohttp.ClientSession() as service.session:
        service.url = str(server.make_url(""))
        yield service
