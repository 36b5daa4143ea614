"""The HTTP leaf against real loopback servers: aiohttp's for good manners, a raw one for bad."""

import asyncio
import gzip
import itertools
import socket
import struct
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any, TypeVar

import aiohttp
import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpServer
from yarl import URL

from dealerproxy.transport import fetch
from dealerproxy.transport.errors import (
    Blocked,
    Drift,
    Overloaded,
    Suspended,
    TimedOut,
    Unreachable,
    UpstreamError,
    UpstreamFault,
)
from dealerproxy.transport.fetch import (
    MAX_FIELD_BYTES,
    MAX_HEADERS,
    MAX_REDIRECTS,
    UNWATCHED,
    Fetcher,
    FetchObserver,
    FetchPolicy,
)
from dealerproxy.transport.health import Health
from dealerproxy.transport.limits import RateLimiter
from dealerproxy.transport.reading import CaptureReason, Unknown, report, report_unknown_code
from dealerproxy.transport.response import Response, json_body, page_body
from dealerproxy.transport.retry import Retries
from dealerproxy.transport.turns import TurnQueue
from dealerproxy.vocabulary import Vocabulary
from tests.support.clock import Clock
from tests.support.timing import Stopwatch

T = TypeVar("T")
CAP = 10_000
# Long enough never to matter where time is not the subject.
PATIENT_S = 10.0
# What the loop's clock and the tests' may disagree by.
CLOCKS_DIFFER_S = 0.002
JSON = b'{"Count": 0}'


class Once(Retries):
    """No retries, so that every call seen is one that was asked for."""

    async def call(self, attempt: Callable[[float], Awaitable[T]], *, within_s: float) -> T:
        return await attempt(within_s)


async def read_json(fetcher: "Plain", url: URL) -> bytes:
    return json_body(await fetcher.get(url, within_s=PATIENT_S))


class Plain:
    """A fetcher asked for answers as they are."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher

    async def get(self, url: URL, *, within_s: float, operation: str = "op") -> Response:
        return await self._fetcher.get(operation, url, lambda response: response, within_s=within_s)


MakeFetcher = Callable[..., Plain]


def fetcher_of(
    session: aiohttp.ClientSession,
    retries: Retries,
    *,
    rps: float = 100_000.0,
    burst: int = 1_000,
    in_flight: int = 1_000,
    max_bytes: int = CAP,
    watch: FetchObserver = UNWATCHED,
    clock: Callable[[], float] = time.monotonic,
) -> Fetcher:
    return Fetcher(
        "site",
        session,
        health=Health(),
        turns=TurnQueue(RateLimiter("site", rps=rps, burst=burst, clock=clock), in_flight, clock=clock),
        retries=retries,
        manners=FetchPolicy(["op", "another"], burst, in_flight, max_bytes),
        headers={"X-Test": "1"},
        watch=watch,
    )


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A session without a limit of its own, so that every limit seen is the fetcher's."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
    ) as opened:
        yield opened


@pytest.fixture
def fetcher(session: aiohttp.ClientSession) -> MakeFetcher:
    """Make a fetcher that nothing limits but what the test names."""

    def make(**limits: Any) -> Plain:
        return Plain(fetcher_of(session, Once(attempt_s=PATIENT_S), **limits))

    return make


class RawServer:
    """Reads each request's head, then writes whatever its script does. `over` is set when the test ends."""

    def __init__(self, script: Callable[["RawServer", asyncio.StreamWriter], Awaitable[None]]) -> None:
        self.script = script
        self.over = asyncio.Event()
        self.heads: list[bytes] = []
        self.asked = asyncio.Event()
        self.cut = asyncio.Event()  # the client closed the connection while the script was still writing
        self.url = URL()
        self.tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            while not self.over.is_set():
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                self.asked.set()
                await self.script(self, writer)
        except ConnectionError:
            self.cut.set()
        except asyncio.IncompleteReadError:
            pass  # the client is done
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


@pytest.fixture
async def raw() -> AsyncIterator[Callable[..., Awaitable[RawServer]]]:
    """Start a raw server from a script, or from the bytes it answers every request with before it hangs up."""
    started: list[tuple[RawServer, asyncio.Server]] = []

    async def start(answer: bytes | Callable[[RawServer, asyncio.StreamWriter], Awaitable[None]]) -> RawServer:
        async def say(_: RawServer, writer: asyncio.StreamWriter) -> None:
            assert isinstance(answer, bytes)
            writer.write(answer)
            await writer.drain()
            writer.close()

        server = RawServer(say if isinstance(answer, bytes) else answer)
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        server.url = URL(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/")
        started.append((server, listening))
        return server

    yield start
    for server, listening in started:
        server.over.set()
        listening.close()
        # Whatever a client left open ends here: every connection of these tests is the fetcher's, and it is done.
        _, hanging = await asyncio.wait(server.tasks, timeout=1) if server.tasks else (set(), set())
        assert not hanging


StartRaw = Callable[..., Awaitable[RawServer]]


def http(status: int, body: bytes = b"", **headers: str) -> bytes:
    """An answer as bytes on the wire; header values may carry bytes that are no UTF-8 as surrogates."""
    head = f"HTTP/1.1 {status} Word\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
    head += "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return head.encode("utf-8", "surrogateescape") + b"\r\n" + body


async def serving(
    aiohttp_server: AiohttpServer, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> URL:
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handler)
    return (await aiohttp_server(app)).make_url("/")


# A good answer


async def test_an_answer_comes_back_with_its_status_headers_and_whole_body(
    aiohttp_server: AiohttpServer, fetcher: MakeFetcher
) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=418, body=JSON, headers={"X-Seen": request.headers["X-Test"]})

    answer = await fetcher().get(await serving(aiohttp_server, handler), within_s=PATIENT_S)
    assert (answer.status, answer.body) == (418, JSON)
    assert answer.headers["x-seen"] == "1"


async def test_a_gzip_body_is_decoded(aiohttp_server: AiohttpServer, fetcher: MakeFetcher) -> None:
    async def handler(request: web.Request) -> web.Response:
        assert "gzip" in request.headers["Accept-Encoding"]
        return web.Response(body=gzip.compress(JSON), headers={"Content-Encoding": "gzip"})

    assert (await fetcher().get(await serving(aiohttp_server, handler), within_s=PATIENT_S)).body == JSON


async def test_a_body_in_many_chunks_is_put_together(aiohttp_server: AiohttpServer, fetcher: MakeFetcher) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        for number in range(100):
            await answer.write(b"%02d" % number)
        return answer

    answer = await fetcher().get(await serving(aiohttp_server, handler), within_s=PATIENT_S)
    assert answer.body == b"".join(b"%02d" % number for number in range(100))


async def test_a_connection_is_used_again(aiohttp_server: AiohttpServer, fetcher: MakeFetcher) -> None:
    peers = set()

    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        return web.Response(body=JSON)

    url, one = await serving(aiohttp_server, handler), fetcher()
    for _ in range(5):
        await one.get(url, within_s=PATIENT_S)
    assert len(peers) == 1


async def test_a_connection_the_upstream_closed_in_between_is_no_failure(raw: StartRaw, fetcher: MakeFetcher) -> None:
    async def once_a_connection(server: RawServer, writer: asyncio.StreamWriter) -> None:
        if len(server.heads) == 2:  # the second request on the first connection finds it closing
            writer.close()
            return
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()

    server, one = await raw(once_a_connection), fetcher()
    for _ in range(2):
        assert (await one.get(server.url, within_s=PATIENT_S)).body == b"{}"


# Too much


@pytest.mark.parametrize("size", [0, 1, CAP])
async def test_a_body_up_to_the_cap_is_taken(aiohttp_server: AiohttpServer, fetcher: MakeFetcher, size: int) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=b"x" * size)

    assert len((await fetcher().get(await serving(aiohttp_server, handler), within_s=PATIENT_S)).body) == size


async def test_a_body_one_byte_over_the_cap_is_a_fault(aiohttp_server: AiohttpServer, fetcher: MakeFetcher) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=b"x" * (CAP + 1))

    with pytest.raises(UpstreamFault, match=f"over {CAP} bytes"):
        await fetcher().get(await serving(aiohttp_server, handler), within_s=PATIENT_S)


async def test_an_endless_body_is_cut_off_at_the_cap(raw: StartRaw, fetcher: MakeFetcher) -> None:
    async def endless(_: RawServer, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"3e8\r\n" + b"x" * 1000 + b"\r\n")
            await writer.drain()

    server = await raw(endless)
    with pytest.raises(UpstreamFault):
        await fetcher().get(server.url, within_s=PATIENT_S)
    await asyncio.wait_for(server.cut.wait(), PATIENT_S)


async def test_a_gzip_bomb_is_cut_off_at_the_decoded_cap_without_filling_the_memory(
    raw: StartRaw, fetcher: MakeFetcher
) -> None:
    # 4 MB of zeros in 4 kB; after a full flush the same 4 kB may be sent again and again.
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    zeros = b"\0" * 4_000_000
    first = packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)
    more = packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)
    assert len(more) < 5_000

    async def endless(_: RawServer, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n" + first)
        while True:
            await writer.drain()
            writer.write(more)

    server = await raw(endless)
    tracemalloc.start()
    try:
        with pytest.raises(UpstreamFault):
            await fetcher(max_bytes=100_000).get(server.url, within_s=PATIENT_S)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    await asyncio.wait_for(server.cut.wait(), PATIENT_S)
    assert peak < 4_000_000


# No answer, or a broken one


async def test_a_refused_connection_is_unreachable(fetcher: MakeFetcher) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: nobody else gets the port, and it refuses
        with pytest.raises(Unreachable):
            await fetcher().get(URL(f"http://127.0.0.1:{taken.getsockname()[1]}/"), within_s=PATIENT_S)


async def test_a_host_without_an_address_is_unreachable() -> None:
    class Nowhere(aiohttp.abc.AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[aiohttp.abc.ResolveResult]:
            raise OSError(f"no address for {host}")

        async def close(self) -> None:
            pass

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Nowhere())) as session:
        one = Plain(fetcher_of(session, Once(attempt_s=PATIENT_S), rps=1, burst=1, in_flight=1, max_bytes=CAP))
        with pytest.raises(Unreachable):
            await one.get(URL("http://upstream.test/"), within_s=PATIENT_S)


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with a TCP reset instead of a goodbye."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def test_a_reset_before_the_headers_is_unreachable(raw: StartRaw, fetcher: MakeFetcher) -> None:
    async def script(_: RawServer, writer: asyncio.StreamWriter) -> None:
        reset(writer)

    server = await raw(script)
    with pytest.raises(Unreachable):
        await fetcher().get(server.url, within_s=PATIENT_S)


async def test_a_reset_in_the_middle_of_the_body_is_unreachable(raw: StartRaw, fetcher: MakeFetcher) -> None:
    async def script(_: RawServer, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 500)
        await writer.drain()
        await asyncio.sleep(0.01)  # the half body is on its way before the reset
        reset(writer)

    server = await raw(script)
    with pytest.raises(Unreachable):
        await fetcher().get(server.url, within_s=PATIENT_S)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="closed without a word"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Le", id="headers cut"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{}", id="body shorter than said"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}", id="chunk cut"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", id="last chunk missing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n", id="chunk size no number"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}", id="length no number"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", id="two lengths"),
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", id="another protocol"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01" * 20, id="TLS where plain text is due"),
        pytest.param(b"{}\r\n\r\n", id="a body without a head"),
        pytest.param(http(99999), id="status of five digits"),
        pytest.param(http(200, JSON, X="y" * (MAX_FIELD_BYTES + 1)), id="a header over the cap"),
        pytest.param(http(200, JSON, **{"y" * (MAX_FIELD_BYTES + 1): "x"}), id="a name over the cap"),
        pytest.param(http(200, JSON, **{f"X{n}": "y" for n in range(MAX_HEADERS + 1)}), id="too many headers"),
        pytest.param(b"HTTP/1.1 200 " + b"y" * (MAX_FIELD_BYTES + 1) + b"\r\n\r\n", id="a first line over the cap"),
        pytest.param(http(200, JSON, Content_Encoding="gzip"), id="said to be gzip, is not"),
        pytest.param(http(200, JSON, Content_Encoding="deflate"), id="said to be deflate, is not"),
    ],
)
async def test_a_broken_answer_is_unreachable(raw: StartRaw, fetcher: MakeFetcher, answer: bytes) -> None:
    server = await raw(answer)
    with pytest.raises(Unreachable):
        await fetcher().get(server.url, within_s=PATIENT_S)


@pytest.mark.parametrize("size", [8_190, 8_191, 16_384, MAX_FIELD_BYTES])
async def test_a_long_header_is_read(raw: StartRaw, fetcher: MakeFetcher, size: int) -> None:
    server = await raw(http(200, JSON, Content_Security_Policy="y" * (size - len("Content-Security-Policy"))))
    assert (await fetcher().get(server.url, within_s=PATIENT_S)).body == JSON


@pytest.mark.parametrize("count", [128, 129, 300, MAX_HEADERS - 2])
async def test_many_headers_are_read(raw: StartRaw, fetcher: MakeFetcher, count: int) -> None:
    server = await raw(http(200, JSON, **{f"X_{number}": "y" for number in range(count)}))
    assert len((await fetcher().get(server.url, within_s=PATIENT_S)).headers) == count + 2


async def test_a_long_first_line_is_read(raw: StartRaw, fetcher: MakeFetcher) -> None:
    server = await raw(b"HTTP/1.1 200 " + b"y" * 16_384 + b"\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
    assert (await fetcher().get(server.url, within_s=PATIENT_S)).body == b"{}"


async def test_an_encoding_nobody_asked_for_never_leaves_as_a_foreign_error(
    raw: StartRaw, fetcher: MakeFetcher
) -> None:
    for encoding in ("br", "zstd", "klingon", "gzip, gzip", "\udcff"):
        server = await raw(http(200, b"\x8b\x02\x80{}\x03", Content_Encoding=encoding))
        with suppress(UpstreamError):
            assert (await fetcher().get(server.url, within_s=PATIENT_S)).status == 200


# Too late


async def times_out(call: Awaitable[object], *, after_s: float) -> None:
    async with Stopwatch() as watch:
        with pytest.raises(TimedOut):
            await call
    assert after_s <= watch.wall_s
    assert watch.seconds < after_s + 0.45


async def hang(server: RawServer, _: asyncio.StreamWriter) -> None:
    await server.over.wait()


async def test_a_hang_before_the_headers_times_out_within_what_was_given(raw: StartRaw, fetcher: MakeFetcher) -> None:
    server = await raw(hang)
    await times_out(fetcher().get(server.url, within_s=0.05), after_s=0.05)


async def test_a_hang_in_the_middle_of_the_body_times_out(raw: StartRaw, fetcher: MakeFetcher) -> None:
    async def script(server: RawServer, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
        await server.over.wait()

    server = await raw(script)
    await times_out(fetcher().get(server.url, within_s=0.05), after_s=0.05)


async def test_a_body_that_trickles_times_out_though_it_never_pauses_long(raw: StartRaw, fetcher: MakeFetcher) -> None:
    async def script(_: RawServer, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.005)

    server = await raw(script)
    await times_out(fetcher().get(server.url, within_s=0.08), after_s=0.08)
    await asyncio.wait_for(server.cut.wait(), PATIENT_S)


async def test_headers_that_trickle_time_out(raw: StartRaw, fetcher: MakeFetcher) -> None:
    async def script(_: RawServer, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        for number in itertools.count():
            writer.write(b"X-%d: y\r\n" % number)
            await writer.drain()
            await asyncio.sleep(0.005)

    server = await raw(script)
    await times_out(fetcher().get(server.url, within_s=0.08), after_s=0.08)


async def test_a_silent_upstream_is_given_up_after_the_read_time_out_even_if_more_time_is_left(
    raw: StartRaw, fetcher: MakeFetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "READ_S", 0.05)
    server = await raw(hang)
    await times_out(fetcher().get(server.url, within_s=PATIENT_S), after_s=0.05)


async def test_a_connection_that_is_never_accepted_is_given_up_after_the_connect_time_out(
    fetcher: MakeFetcher, deaf: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "CONNECT_S", 0.05)
    await times_out(fetcher().get(deaf, within_s=PATIENT_S), after_s=0.05)


async def test_a_connection_that_is_never_accepted_times_out_within_what_was_given(
    fetcher: MakeFetcher, deaf: URL
) -> None:
    await times_out(fetcher().get(deaf, within_s=0.05), after_s=0.05)


@pytest.fixture
def deaf() -> Iterator[URL]:
    """A port whose queue of unaccepted connections is full, so that another connection gets no answer at all."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        callers = [socket.socket() for _ in range(8)]
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex(listening.getsockname())
        probe = socket.socket()
        probe.settimeout(0.02)
        try:
            probe.connect(listening.getsockname())
            pytest.skip("this system's queue of unaccepted connections cannot be filled")
        except TimeoutError:
            yield URL(f"http://127.0.0.1:{listening.getsockname()[1]}/")
        finally:
            for caller in (*callers, probe):
                caller.close()


async def test_without_any_time_nothing_is_sent(raw: StartRaw, fetcher: MakeFetcher) -> None:
    server = await raw(hang)
    await times_out(fetcher().get(server.url, within_s=0.0), after_s=0.0)
    assert server.heads == []


async def test_a_cancelled_call_is_cancelled_not_turned_into_a_failure(raw: StartRaw, fetcher: MakeFetcher) -> None:
    server, one = await raw(hang), fetcher(in_flight=1)
    calling = asyncio.create_task(one.get(server.url, within_s=PATIENT_S))
    await server.asked.wait()
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_on_the_same_host_is_followed(
    aiohttp_server: AiohttpServer, fetcher: MakeFetcher, status: int
) -> None:
    asked = []

    async def handler(request: web.Request) -> web.Response:
        asked.append((request.method, request.raw_path, request.headers.get("X-Test")))
        if request.path == "/here":
            return web.Response(status=status, headers={"Location": "/there?a=1"}, body=b"moved")
        return web.Response(body=JSON)

    url = await serving(aiohttp_server, handler)
    answer = await fetcher().get(url / "here", within_s=PATIENT_S)
    assert (answer.status, answer.body) == (200, JSON)
    assert asked == [("GET", "/here", "1"), ("GET", "/there?a=1", "1")]


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/new/path", "/new/path"),
        ("sibling", "/a/sibling"),
        ("?page=2", "/a/here?page=2"),
        ("/x?q=%28a%7Cb%29&sr=%7CPriceAsc%7C0%7C48", None),
        ("/x?plus=%2B&amp=%26&hash=%23&percent=%25&blank=%20", None),
    ],
)
async def test_a_location_is_read_as_a_browser_reads_it(
    aiohttp_server: AiohttpServer, fetcher: MakeFetcher, location: str, expected: str | None
) -> None:
    asked: list[web.Request] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request)
        return web.Response() if len(asked) == 2 else web.Response(status=302, headers={"Location": location})

    url = await serving(aiohttp_server, handler)
    await fetcher().get(url / "a" / "here", within_s=PATIENT_S)
    if expected is not None:
        assert asked[1].raw_path == expected
    else:  # how it is escaped may change on the way, what it says may not
        assert dict(asked[1].query) == dict(URL(location, encoded=True).query)


async def test_an_absolute_location_on_the_same_host_is_followed(
    aiohttp_server: AiohttpServer, fetcher: MakeFetcher
) -> None:
    async def handler(request: web.Request) -> web.Response:
        if request.path == "/here":
            return web.Response(status=302, headers={"Location": str(request.url.with_path("/there"))})
        return web.Response(body=JSON)

    url = await serving(aiohttp_server, handler)
    assert (await fetcher().get(url / "here", within_s=PATIENT_S)).body == JSON


@pytest.mark.parametrize(
    "form", ["http://localhost:{port}/login", "//localhost:{port}/login", "http://127.0.0.1:{port}/login"]
)
async def test_a_redirect_to_another_host_is_a_block_and_nothing_is_sent_there(
    aiohttp_server: AiohttpServer, fetcher: MakeFetcher, form: str
) -> None:
    strayed = []

    async def elsewhere(request: web.Request) -> web.Response:
        strayed.append(request.raw_path)
        return web.Response(body=JSON)

    # `localhost` is 127.0.0.1 under another name, so a request that did go out would arrive.
    location = form.format(port=(await serving(aiohttp_server, elsewhere)).port)

    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": location})

    url = await serving(aiohttp_server, handler)
    with pytest.raises(Blocked, match="another host"):
        await fetcher().get(url, within_s=PATIENT_S)
    assert strayed == []


@pytest.mark.parametrize("location", ["mailto:someone@encar.test", "data:text/html,hi", "ftp://127.0.0.1/"])
async def test_a_redirect_out_of_the_web_is_a_block(raw: StartRaw, fetcher: MakeFetcher, location: str) -> None:
    server = await raw(http(302, Location=location))
    with pytest.raises(Blocked):
        await fetcher().get(server.url, within_s=PATIENT_S)
    assert len(server.heads) == 1


@pytest.mark.parametrize("location", ["http://[", "http://127.0.0.1:99999/", "http://\udcff\udcfe/", "//:0:0/"])
async def test_a_location_that_is_no_address_is_a_block(raw: StartRaw, fetcher: MakeFetcher, location: str) -> None:
    server = await raw(http(302, Location=location))
    with pytest.raises(Blocked):
        await fetcher().get(server.url, within_s=PATIENT_S)


async def test_redirects_without_an_end_are_a_block_after_the_allowed_number(
    aiohttp_server: AiohttpServer, fetcher: MakeFetcher
) -> None:
    asked = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=302, headers={"Location": f"/again/{len(asked)}"})

    url = await serving(aiohttp_server, handler)
    with pytest.raises(Blocked, match="too many redirects"):
        await fetcher().get(url, within_s=PATIENT_S)
    assert len(asked) == MAX_REDIRECTS + 1


# As an upstream's own queries look, with what may and may not be escaped.
ASKED = "search?q=(And.Hidden.N._.(C.CarType.Y._.Manufacturer.기아.))&sr=%7CYear%7C0%7C48&a=%2B"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location",
    [
        lambda request: request.raw_path,
        lambda request: str(request.url),
        lambda request: str(URL(request.raw_path)),
        lambda request: request.raw_path + "#again",
        lambda request: "",
        lambda request: "?" + request.rel_url.raw_query_string,
    ],
    ids=["path", "address", "escaped anew", "fragment", "nothing", "query"],
)
async def test_a_redirect_to_itself_with_a_cookie_is_a_block_after_one_request(
    aiohttp_server: AiohttpServer, fetcher: MakeFetcher, status: int, location: Callable[[web.Request], str]
) -> None:
    asked = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.headers.get("Cookie"))
        return web.Response(status=status, headers={"Location": location(request), "Set-Cookie": "passed=1; Path=/"})

    url = (await serving(aiohttp_server, handler)).join(URL(ASKED))
    with pytest.raises(Blocked):
        await read_json(fetcher(), url)
    assert asked == [None]


async def test_a_redirect_in_a_circle_is_a_block_where_it_closes(
    aiohttp_server: AiohttpServer, fetcher: MakeFetcher
) -> None:
    asked = []
    follows = {"/a": "/b", "/b": "/c", "/c": "/b"}

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=302, headers={"Location": follows[request.path]})

    url = await serving(aiohttp_server, handler)
    with pytest.raises(Blocked, match="in a circle"):
        await fetcher().get(url / "a", within_s=PATIENT_S)
    assert asked == ["/a", "/b", "/c"]


async def test_a_404_at_the_end_of_a_redirect_is_a_block_and_no_absence(
    aiohttp_server: AiohttpServer, fetcher: MakeFetcher
) -> None:
    async def handler(request: web.Request) -> web.Response:
        if request.path == "/denied":
            return web.Response(status=404)
        return web.Response(status=302, headers={"Location": "/denied"})

    url = await serving(aiohttp_server, handler)
    with pytest.raises(Blocked):
        await fetcher().get(url / "car", within_s=PATIENT_S)


async def test_a_redirect_with_the_header_of_a_block_is_not_followed(raw: StartRaw, fetcher: MakeFetcher) -> None:
    server = await raw(http(302, Location="/solve", X_Amzn_Waf_Action="captcha"))
    with pytest.raises(Blocked):
        await fetcher().get(server.url, within_s=PATIENT_S)
    assert len(server.heads) == 1


REFUSALS = {
    "challenge": http(202, X_Amzn_Waf_Action="challenge"),
    "captcha": http(405, X_Amzn_Waf_Action="captcha"),
    "action and JSON": http(200, JSON, X_Amzn_Waf_Action="block"),
    "mitigated": http(429, b"<html>", CF_Mitigated="challenge", Retry_After="1"),
    "DataDome": http(405, b"{}", X_DataDome="protected"),
    "HUMAN": http(200, b'{"appId": "PX1", "blockScript": "/c.js"}'),
    "HUMAN's page": http(404, b"<div id='px-captcha'></div>"),
    "no content": http(204),
    "nothing yet": http(202),
    "itself": http(302, Location="/", Set_Cookie="passed=1"),
    "nowhere": http(302),
}


@pytest.mark.parametrize("read", [json_body, page_body])
@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
async def test_twelve_calls_to_a_site_that_refuses_make_one_request(
    raw: StartRaw, session: aiohttp.ClientSession, refusal: bytes, read: Callable[[Response], bytes]
) -> None:
    server = await raw(refusal)
    one = fetcher_of(session, Retries(attempt_s=PATIENT_S))
    codes = []
    for _ in range(12):
        with pytest.raises((Blocked, Suspended)) as caught:
            await one.get("op", server.url, read, within_s=PATIENT_S)
        codes.append(caught.value.code)
        assert caught.value.retry_after_s is not None
        assert 170 < caught.value.retry_after_s < 200
    assert codes == ["blocked"] + ["suspended"] * 11
    assert len(server.heads) == 1


async def test_a_drift_of_a_bot_guards_page_is_a_block_whose_page_is_kept(
    raw: StartRaw, session: aiohttp.ClientSession
) -> None:
    def judge(_: Response) -> None:
        raise Drift("#list")

    album, page = Album(), b"<html><script>window._pxAppId = 'PX1'</script></html>"
    one = fetcher_of(session, Once(attempt_s=PATIENT_S), watch=FetchObserver(album.keep))
    with pytest.raises(Blocked) as caught:
        await one.get("op", (await raw(http(200, page))).url, judge, within_s=PATIENT_S)
    assert (caught.value.capture, album.kept) == ("page 1", [("site op /", page, caught.value)])
    with pytest.raises(Drift):
        await one.get("another", (await raw(http(200, b"<html></html>"))).url, judge, within_s=PATIENT_S)


async def test_as_many_redirects_as_allowed_are_followed(aiohttp_server: AiohttpServer, fetcher: MakeFetcher) -> None:
    async def handler(request: web.Request) -> web.Response:
        step = int(request.path.strip("/") or 0)
        if step == MAX_REDIRECTS:
            return web.Response(body=JSON)
        return web.Response(status=302, headers={"Location": f"/{step + 1}"})

    url = await serving(aiohttp_server, handler)
    assert (await fetcher().get(url, within_s=PATIENT_S)).body == JSON


@pytest.mark.parametrize(("status", "location"), [(302, None), (302, ""), (304, "/there"), (300, "/there")])
async def test_an_answer_that_leads_nowhere_is_handed_on_as_it_is(
    raw: StartRaw, fetcher: MakeFetcher, status: int, location: str | None
) -> None:
    server = await raw(http(status) if location is None else http(status, Location=location))
    assert (await fetcher().get(server.url, within_s=PATIENT_S)).status == status
    assert len(server.heads) == 1


# Limits


class Gauge:
    """A handler that notes when requests arrive and how many are inside at once."""

    def __init__(self, work_s: float = 0.0) -> None:
        self.work_s = work_s
        self.inside = self.most = 0
        self.arrivals: list[float] = []

    async def answer(self, _: web.Request) -> web.Response:
        self.arrivals.append(time.perf_counter())
        self.inside += 1
        self.most = max(self.most, self.inside)
        await asyncio.sleep(self.work_s)
        self.inside -= 1
        return web.Response(body=JSON)


async def test_no_more_calls_than_allowed_are_in_flight_however_many_ask(
    aiohttp_server: AiohttpServer, fetcher: MakeFetcher
) -> None:
    gauge = Gauge(work_s=0.002)
    url, one = await serving(aiohttp_server, gauge.answer), fetcher(in_flight=6)
    answers = await asyncio.gather(*(one.get(url, within_s=PATIENT_S) for _ in range(50)))
    assert [answer.body for answer in answers] == [JSON] * 50
    assert gauge.most == 6


async def test_a_slot_is_free_again_after_every_kind_of_failure(raw: StartRaw, fetcher: MakeFetcher) -> None:
    one = fetcher(in_flight=1)
    hanging = await raw(hang)
    for trouble in (b"", b"garbage\r\n\r\n", http(200, b"x" * (CAP + 1)), http(302, Location="http://elsewhere.test/")):
        server = await raw(trouble)
        with pytest.raises(UpstreamError):
            await one.get(server.url, within_s=PATIENT_S)
    with pytest.raises(TimedOut):
        await one.get(hanging.url, within_s=0.01, operation="another")
    good = await raw(http(200, JSON))
    assert (await one.get(good.url, within_s=PATIENT_S, operation="another")).body == JSON


async def test_waiting_for_a_slot_counts_against_the_time_given(raw: StartRaw, fetcher: MakeFetcher) -> None:
    server, one = await raw(hang), fetcher(in_flight=1)
    holding = asyncio.create_task(one.get(server.url, within_s=PATIENT_S))
    await server.asked.wait()
    await times_out(one.get(server.url, within_s=0.05), after_s=0.05)
    assert len(server.heads) == 1
    holding.cancel()
    await asyncio.gather(holding, return_exceptions=True)


async def test_waiters_that_gave_up_hold_no_slot(raw: StartRaw, fetcher: MakeFetcher) -> None:
    server, one = await raw(hang), fetcher(in_flight=1)
    holding = asyncio.create_task(one.get(server.url, within_s=PATIENT_S))
    await server.asked.wait()
    waiters = [asyncio.create_task(one.get(server.url, within_s=0.01 + number / 1000)) for number in range(10)]
    await asyncio.sleep(0)
    for waiter in waiters[::2]:
        waiter.cancel()
    outcomes = await asyncio.gather(*waiters, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError, TimedOut] * 5
    holding.cancel()
    await asyncio.gather(holding, return_exceptions=True)
    good = await raw(http(200, JSON))
    assert (await one.get(good.url, within_s=PATIENT_S)).body == JSON


async def test_after_a_burst_calls_go_out_at_the_rate(aiohttp_server: AiohttpServer, fetcher: MakeFetcher) -> None:
    gauge = Gauge()
    url, one = await serving(aiohttp_server, gauge.answer), fetcher(rps=50.0, burst=2)
    started = time.perf_counter()
    await asyncio.gather(*(one.get(url, within_s=PATIENT_S) for _ in range(8)))
    # The n-th request after the burst may come late, but never before n/50 s.
    for number, arrival in enumerate(gauge.arrivals[2:], start=1):
        assert arrival - started >= number / 50 - CLOCKS_DIFFER_S


async def test_a_burst_goes_out_without_waiting(aiohttp_server: AiohttpServer, fetcher: MakeFetcher) -> None:
    gauge = Gauge()
    url, one = await serving(aiohttp_server, gauge.answer), fetcher(rps=0.01, burst=5)
    await asyncio.gather(*(one.get(url, within_s=PATIENT_S) for _ in range(5)))
    assert len(gauge.arrivals) == 5


async def test_redirects_are_paid_for_like_any_other_request(
    aiohttp_server: AiohttpServer, fetcher: MakeFetcher
) -> None:
    arrivals = []

    async def handler(request: web.Request) -> web.Response:
        arrivals.append(time.perf_counter())
        if request.path == "/":
            return web.Response(status=302, headers={"Location": "/there"})
        return web.Response(body=JSON)

    url = await serving(aiohttp_server, handler)
    started = time.perf_counter()
    await fetcher(rps=20.0, burst=1).get(url, within_s=PATIENT_S)
    assert arrivals[1] - started >= 1 / 20 - CLOCKS_DIFFER_S


async def test_a_call_whose_turn_would_come_too_late_is_refused_at_once_and_uses_none_of_the_rate(
    aiohttp_server: AiohttpServer, fetcher: MakeFetcher
) -> None:
    gauge, clock = Gauge(), Clock()
    url, one = await serving(aiohttp_server, gauge.answer), fetcher(rps=0.01, burst=1, clock=clock)
    await one.get(url, within_s=PATIENT_S)
    outcomes = await asyncio.gather(*(one.get(url, within_s=10.0) for _ in range(50)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Overloaded] * 50
    # Had one of the fifty been charged, this one would be refused too.
    clock.at += 100.0
    await one.get(url, within_s=PATIENT_S)
    assert len(gauge.arrivals) == 2


class Album:
    """Keeps every page it is shown, under a number."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, bytes, CaptureReason]] = []

    def keep(self, upstream: str, operation: str, url: URL, response: Response, odd: CaptureReason) -> str | None:
        self.kept.append((f"{upstream} {operation} {url.path}", response.body, odd))
        return f"page {len(self.kept)}"


async def test_a_failure_names_the_page_that_was_kept_of_it(
    aiohttp_server: AiohttpServer, session: aiohttp.ClientSession
) -> None:
    url, album = await serving(aiohttp_server, Gauge().answer), Album()

    def judge(_: Response) -> None:
        raise Drift("a.path")

    with pytest.raises(Drift) as caught:
        await fetcher_of(session, Once(attempt_s=PATIENT_S), watch=FetchObserver(album.keep)).get(
            "op", url, judge, within_s=PATIENT_S
        )
    assert caught.value.capture == "page 1"
    assert album.kept == [("site op /", JSON, caught.value)]


async def test_a_reader_can_have_a_page_kept_without_failing_it(
    aiohttp_server: AiohttpServer, session: aiohttp.ClientSession
) -> None:
    url, album = await serving(aiohttp_server, Gauge().answer), Album()
    one, odd = fetcher_of(session, Once(attempt_s=PATIENT_S), watch=FetchObserver(album.keep)), Drift("a.path")
    assert await one.get("op", url, lambda _: report(odd), within_s=PATIENT_S) == "page 1"
    assert album.kept == [("site op /", JSON, odd)]
    assert report(odd) is None  # nothing is being read now
    assert len(album.kept) == 1


async def test_a_code_that_no_dictionary_has_keeps_its_page_and_a_name_does_not(
    aiohttp_server: AiohttpServer, session: aiohttp.ClientSession, vocabulary: Vocabulary
) -> None:
    url, album = await serving(aiohttp_server, Gauge().answer), Album()
    one = fetcher_of(session, Once(attempt_s=PATIENT_S), watch=FetchObserver(album.keep))
    words = vocabulary.reporting(report_unknown_code)

    def judge(_: Response) -> str:
        words.missed("trim", "듣도보도못한")
        words.missed("panel", "P999")
        return "read all the same"

    assert await one.get("op", url, judge, within_s=PATIENT_S) == "read all the same"
    assert [odd for _, _, odd in album.kept] == [Unknown("panel", "P999")]
    words.missed("panel", "P998")  # said of an answer that was read before
    assert len(album.kept) == 1
