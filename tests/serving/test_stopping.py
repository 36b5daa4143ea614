"""How a server stops: what has reached it is answered, whatever state it is in, and nobody new is let in."""

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from dealerproxy.serving import sockets as server

ASK = b"GET /now HTTP/1.1\r\nHost: a\r\n\r\n"
ASK_SLOWLY = b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"
PATIENCE_S = 10.0
# A stop that waits for nothing takes 0.1 s; this is what a busy machine may make of it.
SOON_S = 3.0

Address = tuple[str, int]


async def now(_: web.Request) -> web.Response:
    return web.Response(text="now")


async def slow(_: web.Request) -> web.Response:
    await asyncio.sleep(0.3)
    return web.Response(text="slow")


async def never(_: web.Request) -> web.Response:
    await asyncio.Event().wait()
    return web.Response()


async def echo(request: web.Request) -> web.Response:
    return web.Response(text=await request.text())


@pytest.fixture
async def runner() -> AsyncIterator[web.AppRunner]:
    app = web.Application()
    app.router.add_routes([web.get("/now", now), web.get("/slow", slow), web.get("/never", never)])
    app.router.add_post("/echo", echo)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=server.CUT_S)
    await runner.setup()
    await server.Site(runner, "127.0.0.1", 0).start()
    yield runner
    await runner.cleanup()


@pytest.fixture
def address(runner: web.AppRunner) -> Address:
    host, port = runner.addresses[0]
    return host, port


async def read(wire: socket.socket) -> list[bytes]:
    """All that comes until the connection ends: the last line of each answer."""
    reader, writer = await asyncio.open_connection(sock=wire)
    said = await asyncio.wait_for(reader.read(), PATIENCE_S)
    writer.close()
    return [answer.rsplit(b"\r\n\r\n", 1)[1] for answer in said.split(b"HTTP/1.1 200")[1:]]


async def kept(address: Address) -> socket.socket:
    """A connection that has been answered once, and then nothing came on it for a while."""
    wire = socket.create_connection(address)
    wire.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(wire, ASK)
    assert (await loop.sock_recv(wire, 65_536)).endswith(b"now")
    await asyncio.sleep(2 * server.ARRIVAL_S)
    return wire


async def test_what_only_the_kernel_has_accepted_is_answered(runner: web.AppRunner, address: Address) -> None:
    wires = [socket.create_connection(address) for _ in range(60)]
    for wire in wires:
        wire.sendall(ASK)
    await server.stop(runner, PATIENCE_S)
    assert await asyncio.gather(*map(read, wires)) == [[b"now"]] * 60


async def test_a_connection_whose_request_comes_a_moment_later_is_answered(
    runner: web.AppRunner, address: Address
) -> None:
    wires = [socket.create_connection(address) for _ in range(20)]
    stopping = asyncio.create_task(server.stop(runner, PATIENCE_S))
    await asyncio.sleep(server.ARRIVAL_S / 4)
    for wire in wires:
        wire.sendall(ASK)
    assert await asyncio.gather(*map(read, wires)) == [[b"now"]] * 20
    await stopping


async def test_what_was_sent_on_a_kept_connection_is_answered_and_ends_it(
    runner: web.AppRunner, address: Address
) -> None:
    wires = [await kept(address) for _ in range(3)]
    assert runner.server is not None
    for wire in wires:
        wire.sendall(ASK)
    for connection in runner.server.connections:
        assert isinstance(connection, server.Protocol)
        connection.end()  # before the loop could read any of it
    assert await asyncio.gather(*map(read, wires)) == [[b"now"]] * 3


@pytest.mark.slow  # goes by a clock on the wall
async def test_a_kept_connection_without_a_request_is_ended_at_once(runner: web.AppRunner, address: Address) -> None:
    wire = await kept(address)
    began = time.monotonic()
    await server.stop(runner, PATIENCE_S)
    assert time.monotonic() - began < SOON_S
    assert await read(wire) == []


@pytest.mark.slow  # goes by a clock on the wall
@pytest.mark.parametrize("sent", [b"", b"GET /no", b"POST /echo HTTP/1.1\r\nHost: a\r\n"])
async def test_a_request_that_does_not_come_is_not_waited_for(
    runner: web.AppRunner, address: Address, sent: bytes
) -> None:
    wire = socket.create_connection(address)
    wire.sendall(sent)
    began = time.monotonic()
    await server.stop(runner, PATIENCE_S)
    assert time.monotonic() - began < SOON_S
    assert await read(wire) == []


async def test_a_request_under_way_and_a_body_that_is_still_coming_are_waited_for(
    runner: web.AppRunner, address: Address
) -> None:
    asked, sending = socket.create_connection(address), socket.create_connection(address)
    asked.sendall(ASK_SLOWLY)
    sending.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbo")
    await asyncio.sleep(0.05)
    stopping = asyncio.create_task(server.stop(runner, PATIENCE_S))
    await asyncio.sleep(3 * server.ARRIVAL_S)
    sending.sendall(b"dy")
    assert [*await asyncio.gather(read(asked), read(sending))] == [[b"slow"], [b"body"]]
    await stopping


async def test_requests_sent_one_behind_another_are_all_answered(runner: web.AppRunner, address: Address) -> None:
    wire = socket.create_connection(address)
    wire.sendall(ASK_SLOWLY + ASK * 3)
    await asyncio.sleep(0.05)
    await server.stop(runner, PATIENCE_S)
    assert await read(wire) == [b"slow", *[b"now"] * 3]


@pytest.mark.slow  # goes by a clock on the wall
async def test_a_request_that_takes_too_long_is_cut_off(runner: web.AppRunner, address: Address) -> None:
    wire = socket.create_connection(address)
    wire.sendall(b"GET /never HTTP/1.1\r\nHost: a\r\n\r\n")
    await asyncio.sleep(0.05)
    began = time.monotonic()
    await server.stop(runner, 0.2)
    assert 0.2 < time.monotonic() - began < SOON_S
    assert await read(wire) == []


@pytest.mark.skipif(sys.platform != "linux", reason="the packet filter of Linux")
async def test_while_it_stops_no_connection_begins_and_then_each_is_refused(
    runner: web.AppRunner, address: Address
) -> None:
    (site,) = runner.sites
    assert isinstance(site, server.Site)
    before = socket.create_connection(address)
    site.refuse()
    with socket.socket() as late:
        late.settimeout(0.05)
        with pytest.raises(TimeoutError):
            late.connect(address)
    before.sendall(ASK)
    await server.stop(runner, PATIENCE_S)
    assert await read(before) == [b"now"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=PATIENCE_S)


async def test_a_kernel_without_the_filter_takes_connections_to_the_end(
    runner: web.AppRunner, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_SO_ATTACH_FILTER", 9_999)
    wires = [socket.create_connection(address) for _ in range(5)]
    (site,) = runner.sites
    assert isinstance(site, server.Site)
    site.refuse()
    wires += [socket.create_connection(address, timeout=PATIENCE_S) for _ in range(5)]
    for wire in wires:
        wire.sendall(ASK)
    await server.stop(runner, PATIENCE_S)
    assert await asyncio.gather(*map(read, wires)) == [[b"now"]] * 10


async def test_of_two_servers_on_one_port_each_answers_what_came_to_it(runner: web.AppRunner) -> None:
    runners = [runner]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = probe.getsockname()
    for _ in range(2):
        app = web.Application()
        app.router.add_get("/now", now)
        runners.append(web.AppRunner(app, access_log=None, shutdown_timeout=server.CUT_S))
        await runners[-1].setup()
        await server.Site(runners[-1], *address, reuse_port=True).start()
    wires = [socket.create_connection(address) for _ in range(60)]
    for wire in wires:
        wire.sendall(ASK)
    await asyncio.gather(*(server.stop(each, PATIENCE_S) for each in runners))
    assert await asyncio.gather(*map(read, wires)) == [[b"now"]] * 60
