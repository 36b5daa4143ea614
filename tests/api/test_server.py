"""The listening socket: what is no HTTP, what is too long, and what every answer says of itself."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from dealerproxy.api import server
from dealerproxy.app import create_app
from dealerproxy.settings import Settings
from dealerproxy.vocabulary import Vocabulary

NOBODY = "http://127.0.0.1:9"


@pytest.fixture
async def address(vocabulary: Vocabulary) -> AsyncIterator[tuple[str, int]]:
    settings = Settings(
        cursor_secret="s", encar_api_url=NOBODY, encar_page_url=NOBODY, danawa_url=NOBODY, mpark_api_url=NOBODY
    )
    runner = web.AppRunner(create_app(settings, vocabulary), access_log=None)
    await runner.setup()
    await server.Site(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0]
    await runner.cleanup()


async def say(address: tuple[str, int], request: bytes, *, ended: bool = False) -> tuple[int, dict[str, str], bytes]:
    """Send bytes and read the answer; if it was to be the last, the connection ends after it."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(request)
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).decode()
    lines = head.strip().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
    body = await asyncio.wait_for(reader.readexactly(int(headers["content-length"])), 5)
    if ended:
        assert await asyncio.wait_for(reader.read(), 5) == b""
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
    ],
    ids=["tls", "nonsense", "version", "raw bytes", "line", "header", "length"],
)
async def test_what_is_no_request_gets_the_envelope_and_the_connection_ends(
    address: tuple[str, int], request_: bytes
) -> None:
    status, headers, body = await say(address, request_, ended=True)
    error = json.loads(body)["error"]
    assert (status, error["code"]) == (400, "bad_request")
    assert error["request_id"] == headers["x-request-id"]
    assert headers["server"] == "dealerproxy"


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
    body = b"x" * (server.MAX_BODY_BYTES + 1)
    head = f"POST /v1/vehicles/availability HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    status, _, answer = await say(address, head + body)
    assert (status, json.loads(answer)["error"]["code"]) == (413, "payload_too_large")


async def test_a_client_that_never_finishes_its_request_is_not_waited_for(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "IDLE_S", 0.1)
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"GET /health/live HTTP/1.1\r\nHost: ")
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    await writer.wait_closed()
