"""Encar's client: what is asked, how it is spelled on the wire, and what becomes of the answer."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeVar

import aiohttp
import pytest
from aiohttp import web
from aioresponses import aioresponses
from pytest_aiohttp import AiohttpClient, AiohttpServer
from yarl import URL

from dealerproxy.app import create_app
from dealerproxy.settings import Settings
from dealerproxy.transport.circuit import JITTER
from dealerproxy.transport.errors import (
    Blocked,
    Drift,
    NotFound,
    RateLimited,
    ServerFault,
    TimedOut,
    Unreachable,
    UpstreamError,
    UpstreamFault,
)
from dealerproxy.transport.fetch import Fetcher
from dealerproxy.transport.health import Health
from dealerproxy.transport.limits import RateLimiter
from dealerproxy.transport.retry import Retries
from dealerproxy.transport.turns import TurnQueue
from dealerproxy.upstreams.encar import client as encar
from dealerproxy.upstreams.encar import operations
from dealerproxy.upstreams.encar.client import EncarClient
from dealerproxy.upstreams.encar.query import Search, q
from dealerproxy.vocabulary import Vocabulary

T = TypeVar("T")
BASE = "https://api.encar.com"
PAGES = "https://fem.encar.com"
BMW = q(Search(make="BMW"))
BMW_URL = (
    "https://api.encar.com/search/car/list/premium?count=true"
    "&q=(And.Hidden.N._.SellType.%EC%9D%BC%EB%B0%98._.(C.CarType.A._.Manufacturer.BMW.))"
    "&sr=%7CModifiedDate%7C0%7C48"
)
NOTHING = b'{"Count": 0.0, "SearchResults": []}'
BLOCK_PAGE = b"<script>location.href='/html/has_been_cr_blocked.html'</script>"


class Recorder(aioresponses):
    """Answers instead of the network, and keeps each address exactly as the client spelled it."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, str, dict[str, Any]]] = []

    async def _request_mock(
        self, orig_self: aiohttp.ClientSession, method: str, url: URL | str, *args: Any, **kwargs: Any
    ) -> aiohttp.ClientResponse:
        self.sent.append((method, str(url), kwargs))
        answer: aiohttp.ClientResponse = await super()._request_mock(orig_self, method, url, *args, **kwargs)
        return answer


@pytest.fixture
def network() -> Iterator[Recorder]:
    recorder = Recorder()
    with recorder:
        yield recorder


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as opened:
        yield opened


class Once(Retries):
    """No retries: what one call does is the subject here."""

    async def call(self, attempt: Callable[[float], Awaitable[T]], *, within_s: float) -> T:
        return await attempt(within_s)


def client_of(session: aiohttp.ClientSession, base: str = BASE, pages: str = PAGES) -> EncarClient:
    fetcher = Fetcher(
        "encar",
        session,
        health=Health(),
        turns=TurnQueue(RateLimiter("encar", rps=100_000, burst=1_000), encar.MANNERS.in_flight),
        retries=Once(attempt_s=5.0),
        manners=encar.MANNERS,
        headers=encar.request_headers("Ours/1.0"),
    )
    return EncarClient(fetcher, base, pages)


async def first_page(client: EncarClient, query: str = BMW) -> bytes:
    return await client.search(query, bytes, sort="ModifiedDate", offset=0, limit=48, within_s=5.0)


# What is asked


async def test_a_search_is_one_get_of_exactly_this_address(session: aiohttp.ClientSession, network: Recorder) -> None:
    network.get(re.compile(".*"), body=NOTHING)
    assert await first_page(client_of(session)) == NOTHING
    assert [(method, url) for method, url, _ in network.sent] == [("GET", BMW_URL)]


async def test_sort_offset_and_limit_travel_together_between_escaped_pipes(
    session: aiohttp.ClientSession, network: Recorder
) -> None:
    network.get(re.compile(".*"), body=NOTHING)
    await client_of(session).search(BMW, bytes, sort="PriceAsc", offset=96, limit=20, within_s=5.0)
    assert network.sent[0][1].endswith("&sr=%7CPriceAsc%7C96%7C20")


@pytest.mark.parametrize(
    ("base", "start"),
    [
        ("http://127.0.0.1:8081", "http://127.0.0.1:8081/search/car/list/premium?count=true&q="),
        ("http://127.0.0.1:8081/", "http://127.0.0.1:8081/search/car/list/premium?count=true&q="),
        ("https://gate.test/encar/", "https://gate.test/encar/search/car/list/premium?count=true&q="),
        ("https://gate.test/a%20b", "https://gate.test/a%20b/search/car/list/premium?count=true&q="),
    ],
)
async def test_a_base_address_keeps_its_port_and_its_path(
    session: aiohttp.ClientSession, network: Recorder, base: str, start: str
) -> None:
    network.get(re.compile(".*"), body=NOTHING)
    await first_page(client_of(session, base))
    assert network.sent[0][1].startswith(start)


Ask = Callable[[EncarClient], Awaitable[bytes]]

OTHER_CALLS: list[tuple[str, Ask, str]] = [
    (
        "an advert",
        lambda client: client.detail("41985016", bytes, within_s=5.0),
        "https://api.encar.com/v1/readside/vehicle/41985016",
    ),
    (
        "adverts",
        lambda client: client.details(["41985016", "41985017"], bytes, within_s=5.0),
        "https://api.encar.com/v1/readside/vehicles?vehicleIds=41985016,41985017",
    ),
    (
        "a page",
        lambda client: client.page("41985016", bytes, within_s=5.0),
        "https://fem.encar.com/cars/detail/41985016",
    ),
    (
        "an inspection",
        lambda client: client.paper(operations.INSPECTION, "41500000", bytes, within_s=5.0),
        "https://api.encar.com/v1/readside/inspection/vehicle/41500000",
    ),
    (
        "a record",
        lambda client: client.paper(operations.RECORD, "41500000", bytes, within_s=5.0),
        "https://api.encar.com/v1/readside/record/vehicle/41500000/open",
    ),
    (
        "a diagnosis",
        lambda client: client.paper(operations.DIAGNOSIS, "41500000", bytes, within_s=5.0),
        "https://api.encar.com/v1/readside/diagnosis/vehicle/41500000",
    ),
]


@pytest.mark.parametrize(("ask", "url"), [pytest.param(ask, url, id=name) for name, ask, url in OTHER_CALLS])
async def test_every_other_call_is_one_get_of_exactly_its_address(
    session: aiohttp.ClientSession, network: Recorder, ask: Ask, url: str
) -> None:
    network.get(re.compile(".*"), body=b'{"any": "thing"}')
    assert await ask(client_of(session)) == b'{"any": "thing"}'
    assert [(method, sent) for method, sent, _ in network.sent] == [("GET", url)]


@pytest.mark.parametrize(("ask", "url"), [pytest.param(ask, url, id=name) for name, ask, url in OTHER_CALLS])
async def test_every_other_call_tells_a_block_from_an_absence(
    session: aiohttp.ClientSession, network: Recorder, ask: Ask, url: str
) -> None:
    network.get(re.compile(".*"), status=404, body=BLOCK_PAGE)
    with pytest.raises(Blocked):
        await ask(client_of(session))
    network.get(re.compile(".*"), status=404)
    with pytest.raises(NotFound):
        await ask(client_of(session))


async def test_html_is_a_block_where_json_is_due_and_an_answer_where_a_page_is(
    session: aiohttp.ClientSession, network: Recorder
) -> None:
    network.get(re.compile(".*"), body=b"<!doctype html>", repeat=True)
    with pytest.raises(Blocked):
        await client_of(session).detail("41985016", bytes, within_s=5.0)
    assert await client_of(session).page("41985016", bytes, within_s=5.0) == b"<!doctype html>"


async def test_a_base_address_with_a_path_keeps_it_for_every_call(
    session: aiohttp.ClientSession, network: Recorder
) -> None:
    network.get(re.compile(".*"), body=b"{}", repeat=True)
    client = client_of(session, "http://127.0.0.1:8081/api/", "http://127.0.0.1:8081/pages")
    for _, ask, _ in OTHER_CALLS:
        await ask(client)
    assert [url.removeprefix("http://127.0.0.1:8081").split("/")[1] for _, url, _ in network.sent] == [
        "api",
        "api",
        "pages",
        "api",
        "api",
        "api",
    ]
    assert not [url for _, url, _ in network.sent if "//" in url.removeprefix("http://")]


async def test_the_headers_are_those_of_the_sites_own_pages_with_our_own_name(
    session: aiohttp.ClientSession, network: Recorder
) -> None:
    network.get(re.compile(".*"), body=NOTHING)
    await first_page(client_of(session))
    assert dict(network.sent[0][2]["headers"]) == {
        "User-Agent": "Ours/1.0",
        "Accept": "application/json, text/plain, */*",
        "Accept-Language": "ko-KR,ko;q=0.9,en;q=0.8",
        "Referer": "https://www.encar.com/",
        "Origin": "https://www.encar.com",
    }


# What becomes of the answer


async def test_a_page_of_many_cars_comes_back_byte_for_byte(session: aiohttp.ClientSession, network: Recorder) -> None:
    page = b'{"Count": 1.0, "SearchResults": ["' + "쏘렌토".encode() * 50_000 + b'"]}'
    network.get(re.compile(".*"), body=page)
    assert await first_page(client_of(session)) == page


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, BLOCK_PAGE, Blocked),
        (404, BLOCK_PAGE, Blocked),
        (403, BLOCK_PAGE, Blocked),
        (500, BLOCK_PAGE, Blocked),
        (404, b"/html/has_been_cr_blocked.html", Blocked),
        (407, b"", Blocked),
        (200, b"<!doctype html>", Blocked),
        (404, b"", NotFound),
        (400, b'{"message": "bad q"}', UpstreamFault),
        (503, b"<html>try later</html>", ServerFault),
        (200, b"", Drift),
        (200, b" \n", Drift),
    ],
)
async def test_what_is_no_list_is_an_error_that_says_why(
    session: aiohttp.ClientSession, network: Recorder, status: int, body: bytes, expected: type[UpstreamError]
) -> None:
    network.get(re.compile(".*"), status=status, body=body)
    with pytest.raises(UpstreamError) as caught:
        await first_page(client_of(session))
    assert type(caught.value) is expected


async def test_a_429_carries_the_wait_the_site_asked_for(session: aiohttp.ClientSession, network: Recorder) -> None:
    network.get(re.compile(".*"), status=429, headers={"Retry-After": "17"})
    with pytest.raises(RateLimited) as caught:
        await first_page(client_of(session))
    assert 17.0 <= (caught.value.retry_after_s or 0) <= 17.0 * (1 + JITTER)


async def test_a_redirect_to_the_sites_block_page_is_a_block(session: aiohttp.ClientSession, network: Recorder) -> None:
    network.get(
        re.compile(r"https://api\.encar\.com/.*"),
        status=302,
        headers={"Location": "https://www.encar.com/html/has_been_cr_blocked.html"},
    )
    with pytest.raises(Blocked):
        await first_page(client_of(session))
    assert len(network.sent) == 1


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (aiohttp.ServerDisconnectedError(), Unreachable),
        (aiohttp.ClientPayloadError("cut"), Unreachable),
        (ConnectionResetError("reset"), Unreachable),
        (TimeoutError(), TimedOut),
        (aiohttp.SocketTimeoutError(), TimedOut),
    ],
)
async def test_trouble_on_the_way_is_told_in_our_words(
    session: aiohttp.ClientSession, network: Recorder, failure: Exception, expected: type[UpstreamError]
) -> None:
    network.get(re.compile(".*"), exception=failure)
    with pytest.raises(expected):
        await first_page(client_of(session))


# On the wire


class Wire:
    """Reads requests as bytes and counts no car."""

    def __init__(self) -> None:
        self.heads: list[list[bytes]] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append((await reader.readuntil(b"\r\n\r\n")).removesuffix(b"\r\n\r\n").split(b"\r\n"))
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
            b"Set-Cookie: wm_tracker=1; Path=/\r\nContent-Length: %d\r\n\r\n%s" % (len(NOTHING), NOTHING)
        )
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    server = Wire()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    yield server
    listening.close()
    await listening.wait_closed()


async def test_the_bytes_on_the_wire_are_the_address_as_it_was_spelled(
    session: aiohttp.ClientSession, wire: Wire
) -> None:
    await first_page(client_of(session, wire.url))
    assert wire.heads[0][0].decode("ascii") == f"GET {BMW_URL.removeprefix(BASE)} HTTP/1.1"


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        ("5시리즈", "5%EC%8B%9C%EB%A6%AC%EC%A6%88"),
        ("가솔린+전기", "%EA%B0%80%EC%86%94%EB%A6%B0%2B%EC%A0%84%EA%B8%B0"),
        ("A & B", "A%20%26%20B"),
        ("#1", "%231"),
        ("100%", "100%25"),
        ("%7C", "%257C"),
        ("a=b;c?d/e", "a%3Db%3Bc%3Fd%2Fe"),
        ("_(a_).", "_(a_)."),
        ("'\"<>|", "%27%22%3C%3E%7C"),
        ("a\u00a0b", "a%C2%A0b"),
    ],
)
async def test_no_character_of_a_query_changes_its_meaning_on_the_wire(
    session: aiohttp.ClientSession, wire: Wire, value: str, spelled: str
) -> None:
    await first_page(client_of(session, wire.url), f"Name.{value}.")
    target = wire.heads[0][0].split()[1].decode("ascii")
    assert target == f"/search/car/list/premium?count=true&q=Name.{spelled}.&sr=%7CModifiedDate%7C0%7C48"
    assert URL(target, encoded=True).query["q"] == f"Name.{value}."


async def test_every_header_on_the_wire_is_meant_to_be_there(session: aiohttp.ClientSession, wire: Wire) -> None:
    await first_page(client_of(session, wire.url))
    sent = dict(line.decode("ascii").split(": ", 1) for line in wire.heads[0][1:])
    assert sent == {
        **encar.request_headers("Ours/1.0"),
        "Host": wire.url.removeprefix("http://"),
        "Accept-Encoding": sent["Accept-Encoding"],
    }
    assert "gzip" in sent["Accept-Encoding"]


# As the service wires it


def bmw(**params: object) -> dict[str, str]:
    return {"make": "BMW", "upstream": "encar"} | {name: str(value) for name, value in params.items()}


async def test_the_service_sends_its_one_user_agent_and_never_a_cookie_it_was_given(
    aiohttp_client: AiohttpClient, vocabulary: Vocabulary, wire: Wire
) -> None:
    # By name: a client that keeps cookies does so for names, and not for bare addresses.
    url = wire.url.replace("127.0.0.1", "localhost")
    settings = Settings(cursor_secret="s", encar_api_url=url, user_agent="Ours/2.0")
    service = await aiohttp_client(create_app(settings, vocabulary))
    for make in ("BMW", "Audi"):
        async with service.get("/v1/vehicles", params={"make": make, "upstream": "encar"}) as answer:
            assert answer.status == 200
    assert len(wire.heads) == 2
    for head in wire.heads:
        assert b"User-Agent: Ours/2.0" in head
        assert not [line for line in head if line.lower().startswith((b"cookie:", b"authorization:"))]


async def test_the_service_never_has_more_than_its_share_of_searches_in_flight(
    aiohttp_client: AiohttpClient, aiohttp_server: AiohttpServer, vocabulary: Vocabulary
) -> None:
    inside, most = 0, 0

    async def slow(request: web.Request) -> web.Response:
        nonlocal inside, most
        if not request.path.startswith("/search/"):
            raise web.HTTPNotFound  # Danawa's list, which is read at the start
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.005)
        inside -= 1
        return web.Response(body=NOTHING)

    upstream = web.Application()
    upstream.router.add_get("/{rest:.*}", slow)
    url = str((await aiohttp_server(upstream)).make_url("/"))
    service = await aiohttp_client(
        create_app(Settings(cursor_secret="s", encar_api_url=url, danawa_url=url), vocabulary)
    )
    asked = [
        service.get("/v1/vehicles", params={"make": "BMW", "upstream": "encar", "year_min": str(year)})
        for year in range(2000, 2020)
    ]
    assert {answer.status for answer in await asyncio.gather(*asked)} == {200}
    assert most == encar.MANNERS.in_flight


async def test_the_service_holds_back_once_its_burst_is_used_up(
    aiohttp_client: AiohttpClient, wire: Wire, vocabulary: Vocabulary
) -> None:
    settings = Settings(cursor_secret="s", encar_api_url=wire.url, encar_rps=0.001, list_deadline_s=1.0)
    service = await aiohttp_client(create_app(settings, vocabulary))
    statuses = []
    for year in range(2000, 2000 + encar.MANNERS.burst + 1):
        async with service.get(
            "/v1/vehicles", params={"make": "BMW", "upstream": "encar", "year_min": str(year)}
        ) as answer:
            statuses.append(answer.status)
    assert statuses == [200] * encar.MANNERS.burst + [503]
    assert len(wire.heads) == encar.MANNERS.burst
