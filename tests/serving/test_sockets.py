"""The listening socket: what is no HTTP, what is too long, and what every answer says of itself."""

import asyncio
import gzip
import json
import logging
import re
import resource
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest
from aiohttp import web

from dealerproxy.api.security import MAX_BODY_BYTES
from dealerproxy.app import create_app
from dealerproxy.serving import sockets as server
from dealerproxy.settings import Settings
from dealerproxy.vocabulary import Vocabulary

NOBODY = "http://127.0.0.1:9"
PATIENCE_S = 10.0
REQUEST_ID = re.compile(r"req_[0-9a-f]{24}")

Complaints = Callable[[], list[str]]


@pytest.fixture
def complaints(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Complaints:
    """What was logged as an error so far, and tracebacks wherever they went."""

    def all_of_them() -> list[str]:
        errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
        return errors + [text for text in capfd.readouterr() if "Traceback" in text]

    return all_of_them


@pytest.fixture
async def runner(vocabulary: Vocabulary) -> AsyncIterator[web.AppRunner]:
    settings = Settings(
        cursor_secret="s", encar_api_url=NOBODY, encar_page_url=NOBODY, danawa_url=NOBODY, mpark_api_url=NOBODY
    )
    runner = web.AppRunner(create_app(settings, vocabulary), access_log=None)
    await runner.setup()
    await server.Site(runner, "127.0.0.1", 0).start()
    yield runner
    await runner.cleanup()


@pytest.fixture
def address(runner: web.AppRunner) -> tuple[str, int]:
    host, port = runner.addresses[0]
    return host, port


async def held(runner: web.AppRunner, connections: int) -> None:
    """Wait until the service holds so many connections."""
    assert runner.server is not None
    async with asyncio.timeout(PATIENCE_S):
        while len(runner.server.connections) != connections:  # noqa: ASYNC110  # the server tells nobody
            await asyncio.sleep(0.01)


async def say(address: tuple[str, int], request: bytes, *, ended: bool = False) -> tuple[int, dict[str, str], bytes]:
    """Send bytes and read the answer; if it was to be the last, the connection ends after it."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(request)
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)).decode()
    lines = head.strip().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
    body = await asyncio.wait_for(reader.readexactly(int(headers["content-length"])), PATIENCE_S)
    if ended:
        assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
    writer.close()
    await writer.wait_closed()
    return int(lines[0].split()[1]), headers, body


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"NONSENSE\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        "GET /v1/vehicles?make=기아 HTTP/1.1\r\nHost: x\r\n\r\n".encode("cp949"),
        b"GET /?" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: a\r\n" % number for number in range(1_000)) + b"\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        # Where one request ends, two readers could see differently.
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
    ],
    ids=[
        *("tls", "nonsense", "version", "raw bytes", "line", "header", "length", "headers", "no host", "two hosts"),
        *("length and chunks", "two lengths", "encoding", "line feeds", "folded"),
    ],
)
async def test_what_is_no_request_gets_the_envelope_and_the_connection_ends(
    address: tuple[str, int], request_: bytes
) -> None:
    status, headers, body = await say(address, request_, ended=True)
    error = json.loads(body)["error"]
    assert (status, error["code"]) == (400, "bad_request")
    assert error["request_id"] == headers["x-request-id"]
    assert headers["server"] == "dealerproxy"


def head(line: str, *headers: bytes) -> bytes:
    return b"\r\n".join((f"{line} HTTP/1.1".encode(), b"Host: x", *headers, b"", b""))


# With and without a body, known and unknown.
LINES = (
    "GET /health/live",
    "GET /v1/vehicles?source=glovis",
    "POST /v1/vehicles/availability",
    "GET /nowhere",
    "PUT /",
)


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize(
    "expected",
    [
        (b"tea",),
        (b"\xff\xfe",),
        (b"\x80",),
        (b"\xed\xa0\xbd",),
        ("기아".encode(),),
        ("기아".encode("cp949"),),
        (b"100-continue, tea",),
        (b"100-continue\xff",),
        (b"100-continue", b"\xff"),
        (b"a" * 5_000,),
    ],
    ids=repr,
)
async def test_an_expectation_nobody_meets_gets_the_envelope(
    address: tuple[str, int], complaints: Complaints, line: str, expected: tuple[bytes, ...]
) -> None:
    headers = [b"Expect: " + value for value in expected]
    status, told, body = await say(address, head(line, *headers, b"Content-Length: 0"), ended=True)
    error = json.loads(body)["error"]
    assert (status, error["code"], error["message"]) == (417, "bad_request", "Expectation Failed")
    assert error["request_id"] == told["x-request-id"]
    assert complaints() == []


@pytest.mark.parametrize("expected", [b"100-continue", b"100-Continue", b"", b" "])
async def test_an_expectation_that_is_met_is_answered(address: tuple[str, int], expected: bytes) -> None:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(head("GET /health/live", b"Expect: " + expected, b"Connection: close"))
    answer = await asyncio.wait_for(reader.read(), PATIENCE_S)
    assert answer.startswith(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK" if expected.strip() else b"HTTP/1.1 200 OK"
    )
    writer.close()
    await writer.wait_closed()


ZIPPED = gzip.compress(b'{"ids": []}', mtime=0)
# Bodies that cannot be decoded, with the headers that say how they should be.
UNDECODABLE = {
    "no gzip": (b"Content-Encoding: gzip", b"hello"),
    "no deflate": (b"Content-Encoding: deflate", b"\xff\xffllo"),
    "gzip with a wrong checksum": (b"Content-Encoding: gzip", ZIPPED[:-8] + b"\0" * 8),
}
NO_CHUNKS = (b"zz\r\nhello\r\n0\r\n\r\n", b"5\r\nhelloXX0\r\n\r\n", b"5\r\nhello\r\n-1\r\n\r\n", b"\xff\xfe\r\n\r\n")


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("header", "content"), UNDECODABLE.values(), ids=UNDECODABLE)
async def test_a_body_that_cannot_be_decoded_gets_the_envelope_and_no_traceback(
    address: tuple[str, int], complaints: Complaints, line: str, header: bytes, content: bytes, chunked: bool
) -> None:
    length = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(content)
    content = b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content) if chunked else content
    status, headers, body = await say(address, head(line, header, length) + content, ended=True)
    error = json.loads(body)["error"]
    assert (status, error["code"]) == (400, "bad_request")
    assert error["request_id"] == headers["x-request-id"]
    assert complaints() == []


@pytest.mark.parametrize("content", [ZIPPED[:12], ZIPPED[:12] + b"\xff" * 20, gzip.compress(b"hello", mtime=0), b""])
async def test_a_body_that_unpacks_to_no_json_gets_the_envelope(
    address: tuple[str, int], complaints: Complaints, content: bytes
) -> None:
    headers = (b"Content-Encoding: gzip", b"Content-Length: %d" % len(content))
    status, _, body = await say(address, head("POST /v1/vehicles/availability", *headers) + content)
    assert (status, json.loads(body)["error"]["code"]) == (400, "validation_error")
    assert complaints() == []


@pytest.mark.parametrize("line", LINES)
async def test_a_body_that_cannot_be_decoded_and_comes_after_its_head_leaves_no_traceback_either(
    runner: web.AppRunner, address: tuple[str, int], complaints: Complaints, line: str
) -> None:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(head(line, b"Content-Encoding: gzip", b"Content-Length: 5"))
    if "POST" not in line:
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
    else:
        await held(runner, 1)
    writer.write(b"hello")
    rest = await asyncio.wait_for(reader.read(), PATIENCE_S)
    assert "POST" not in line or rest.startswith(b"HTTP/1.1 400 ")
    writer.close()
    await writer.wait_closed()
    assert complaints() == []


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("content", NO_CHUNKS)
async def test_a_body_that_is_not_in_chunks_as_it_says_gets_the_envelope(
    address: tuple[str, int], complaints: Complaints, line: str, content: bytes
) -> None:
    status, _, body = await say(address, head(line, b"Transfer-Encoding: chunked") + content, ended=True)
    assert (status, json.loads(body)["error"]["code"]) == (400, "bad_request")
    assert complaints() == []


@pytest.mark.parametrize("charset", [b"klingon", b"\xff\xfe", b"utf-16", b"cp949"])
@pytest.mark.parametrize("content", [b"\xff\xfe{}", "{기아}".encode("cp949"), "{}".encode("utf-16")])
async def test_a_body_in_a_charset_of_its_own_gets_the_envelope(
    address: tuple[str, int], complaints: Complaints, charset: bytes, content: bytes
) -> None:
    headers = (b"Content-Type: application/json; charset=" + charset, b"Content-Length: %d" % len(content))
    status, _, body = await say(address, head("POST /v1/vehicles/availability", *headers) + content)
    assert (status, json.loads(body)["error"]["code"]) == (400, "validation_error")
    assert (await say(address, head("GET /health/live", *headers) + content))[0] == 200
    assert complaints() == []


NAMES = (
    *(
        "Accept",
        "Accept-Encoding",
        "Accept-Language",
        "Authorization",
        "Cache-Control",
        "Connection",
        "Content-Encoding",
    ),
    *("Content-Type", "Cookie", "Forwarded", "If-Modified-Since", "If-None-Match", "Origin", "Range", "TE", "Upgrade"),
    *("User-Agent", "X-Api-Key", "X-Forwarded-For", "X-Request-Deadline-Ms", "X-Request-Id", "traceparent"),
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [b"\xff\xfe", b"\xed\xa0\xbd", "기아".encode("cp949"), "기아".encode()], ids=repr)
async def test_a_header_that_is_no_text_is_never_a_fault_of_ours(
    address: tuple[str, int], complaints: Complaints, name: str, value: bytes
) -> None:
    for line in LINES:
        header = name.encode() + b": " + value
        status, headers, _ = await say(address, head(line, header, b"Content-Length: 2") + b"{}")
        assert status < 500
        assert REQUEST_ID.fullmatch(headers["x-request-id"])
    assert complaints() == []


async def test_every_answer_is_secure_and_says_nothing_of_what_it_runs_on(address: tuple[str, int]) -> None:
    for path in ("/health/live", "/v1/vehicles", "/nowhere"):
        _, headers, _ = await say(address, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert (headers["server"], headers["x-content-type-options"]) == ("dealerproxy", "nosniff")
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


async def test_a_long_query_that_could_be_a_partners_is_read(address: tuple[str, int]) -> None:
    long = ",".join(f"model{number}" for number in range(1_000))
    status, _, body = await say(
        address, f"GET /v1/vehicles?source=glovis&model={long} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    )
    assert (status, json.loads(body)["error"]["details"]["field"]) == (400, "model")


async def test_a_body_beyond_what_a_hundred_ids_take_is_refused(address: tuple[str, int]) -> None:
    body = b"x" * (MAX_BODY_BYTES + 1)
    head = f"POST /v1/vehicles/availability HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    status, _, answer = await say(address, head + body)
    assert (status, json.loads(answer)["error"]["code"]) == (413, "payload_too_large")


async def test_a_body_that_does_not_come_is_not_waited_for(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "LINGER_S", 0.1)
    head = b"POST %s HTTP/1.1\r\nHost: x\r\nX-Request-Deadline-Ms: 1\r\nContent-Length: 9\r\n\r\n{"
    for path, expected in ((b"/v1/vehicles/availability", (408, "request_timeout")), (b"/nowhere", (404, "not_found"))):
        status, _, body = await say(address, head % path, ended=True)
        assert (status, json.loads(body)["error"]["code"]) == expected


async def test_a_client_that_never_finishes_its_request_is_not_waited_for(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "IDLE_S", 0.1)
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"GET /health/live HTTP/1.1\r\nHost: ")
    with suppress(ConnectionError):  # what is sent to a connection that ends resets it
        assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def test_a_client_that_sends_byte_after_byte_is_not_waited_for_either(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "IDLE_S", 0.2)
    reader, writer = await asyncio.open_connection(*address)

    async def drip() -> None:
        for byte in b"GET /health/live HTTP/1.1\r\nX: " + b"a" * 1_000:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.02)

    dripping = asyncio.create_task(drip())
    with suppress(ConnectionError):  # what is sent to a connection that ends resets it
        assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
    dripping.cancel()
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


@pytest.mark.parametrize("requests", [200, 1])
async def test_a_client_that_does_not_read_its_answers_is_not_waited_for(
    runner: web.AppRunner, address: tuple[str, int], monkeypatch: pytest.MonkeyPatch, requests: int
) -> None:
    monkeypatch.setattr(server, "UNREAD_S", 0.2)
    with socket.socket() as deaf:
        # So little that not even one answer fits into what the kernel holds for both.
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_024)
        deaf.setblocking(False)
        await asyncio.get_running_loop().sock_connect(deaf, address)
        await held(runner, 1)
        assert runner.server is not None
        for protocol in runner.server.connections:
            assert protocol.transport is not None
            protocol.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        await asyncio.get_running_loop().sock_sendall(deaf, b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * requests)
        await held(runner, 0)


async def test_a_client_that_reads_slowly_gets_all_of_its_answer(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "UNREAD_S", 5.0)
    reader, writer = await asyncio.open_connection(*address, limit=1_024)
    writer.write(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    size = 0
    while piece := await asyncio.wait_for(reader.read(16_384), PATIENCE_S):
        size += len(piece)
        await asyncio.sleep(0.02)
    assert size > 100_000
    writer.close()
    await writer.wait_closed()


async def test_more_connections_than_may_be_open_are_closed_at_once_until_one_is_free(
    runner: web.AppRunner, address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "most_connections", lambda: 2)
    held_open = [await asyncio.open_connection(*address) for _ in range(2)]
    await held(runner, 2)
    reader, one_more = await asyncio.open_connection(*address)
    with suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
    one_more.close()
    held_open.pop()[1].close()
    await held(runner, 1)
    assert (await say(address, b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"))[0] == 200
    held_open.pop()[1].close()


def test_connections_leave_the_process_half_of_the_files_it_may_open(monkeypatch: pytest.MonkeyPatch) -> None:
    for allowed, most in (
        (1_024, 512),
        (1_048_576, server.MOST_CONNECTIONS),
        (resource.RLIM_INFINITY, server.MOST_CONNECTIONS),
    ):
        monkeypatch.setattr(resource, "getrlimit", lambda _, allowed=allowed: (allowed, allowed))
        assert server.most_connections() == most
