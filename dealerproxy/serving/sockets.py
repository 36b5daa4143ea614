"""The listening socket: the error envelope even for invalid HTTP, limits on open connections, and the shutdown.

Closing a listening socket resets the connections that the kernel has accepted and the process has not. So a shutdown
first makes the kernel start no new connections, then accepts and answers those already begun, and only then closes the
socket. If several processes share a port, each does so with its own socket.
"""

import asyncio
import ctypes
import resource
import secrets
import select
import socket
import struct
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, cast

import structlog
from aiohttp import web

from dealerproxy.api.http import error_response
from dealerproxy.api.security import secure
from dealerproxy.contract.errors import ApiError
from dealerproxy.contract.headers import REQUEST_ID

# Seconds after which a connection without a complete request, or an idle kept-alive one, is closed.
IDLE_S = 75.0
# Seconds to wait for the rest of an announced body.
LINGER_S = 5.0
# Seconds after which the connection of a client that does not read its answer is aborted.
UNREAD_S = 20.0
# At a shutdown, in seconds: the longest handshake or pause between the parts of a request (ARRIVAL_S), and the time
# that a new connection has for its first request (FIRST_S).
ARRIVAL_S = 0.1
FIRST_S = 0.4
LOOK_EVERY_S = 0.02
# Seconds that a cancelled handler has to end.
CUT_S = 0.1
# More loop iterations than asyncio needs between accepting a connection and calling its protocol.
_TURNS = 8
# Open connections at most, idle ones included; one more is closed at once.
MOST_CONNECTIONS = 4_096
# The partner's longest query has some 30 parameters; a cursor takes 3 kB.
MAX_LINE_BYTES = 16_384

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
_SO_ATTACH_FILTER = 26
# A program for the kernel's packet filter: it drops packets that open a connection (SYN without ACK) and keeps others.
_NO_SYN = (
    (0x30, 0, 0, 13),  # load the flags
    (0x54, 0, 0, 0x12),  # of them SYN and ACK
    (0x15, 0, 1, 0x02),  # if it is SYN alone
    (0x06, 0, 0, 0),  # drop it
    (0x06, 0, 0, 0xFFFFFFFF),  # else keep all of it
)

log = structlog.get_logger(__name__)


def readable(answer: Answer) -> Answer:
    """Wraps a request handler: rejects a request with an unreadable `Expect` header or body before the handler runs.

    aiohttp itself would repeat the header, which may not be text, and log a traceback for a GET's bad body.
    """

    async def check(request: web.BaseRequest) -> web.StreamResponse:
        expected = filter(None, request.headers.getall("Expect", ()))
        if any(value.lower() != "100-continue" for value in expected):
            raise web.HTTPExpectationFailed
        if isinstance(request.content.exception(), web.RequestPayloadError):
            raise web.HTTPBadRequest(reason="The body is not encoded as its Content-Encoding says.")
        return await answer(request)

    return check


class Protocol(web.RequestHandler):
    """The protocol of a connection: errors outside the application get its envelope; slow clients are cut off."""

    _unread: asyncio.TimerHandle | None = None
    # The time of the connection's start, of its last data or of its last answer.
    _moved_at = 0.0
    _ending = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accepts the connection, unless there are too many."""
        wire = cast("asyncio.Transport", transport)
        most = most_connections()
        if self._manager is not None and len(self._manager.connections) >= most:
            log.warning("too_many_connections", most=most)
            wire.abort()
            return
        # `pause_writing` then runs for every byte that the kernel does not accept.
        wire.set_write_buffer_limits(high=0)
        self._moved_at = self._loop.time()
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Receives data of the client."""
        self._moved_at = self._loop.time()
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Removes the connection."""
        self._read_on()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Starts the time-out of a client that does not read."""
        super().pause_writing()
        if self.transport is not None:
            self._unread = self._loop.call_later(UNREAD_S, self.transport.abort)

    def resume_writing(self) -> None:
        """Ends that time-out: all data is sent."""
        self._read_on()
        super().resume_writing()

    @property
    def has_more(self) -> bool:
        """Whether the client has sent another request already."""
        return bool(self._messages)

    def end(self) -> None:
        """Ends the connection after the running request's answer, or now if it is idle."""
        self._ending = True
        if self.transport is None or self._waiter is None or self._waiter.done():
            return
        quiet = self._loop.time() - self._moved_at >= (ARRIVAL_S if self._request_count else FIRST_S)
        if quiet and not _is_readable(self.transport.get_extra_info("socket").fileno()):
            self.force_close()

    def _read_on(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Sends an answer. An error of aiohttp itself, which no middleware handles, gets the error envelope."""
        if isinstance(resp, web.HTTPException):
            resp = _refused(resp.status, "bad_request", resp.reason)
        if self._ending and not self.has_more:
            resp.force_close()
        finished = await super().finish_response(request, resp, start_time)
        self._moved_at = self._loop.time()
        return finished

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answers bytes that are not HTTP, or a line or header that is too long, and ends the connection."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun already")
        code, said = ("internal_error", "Something went wrong here.") if status >= 500 else _REFUSALS
        return _refused(status, code, said, error=type(exc).__name__)

    def log_exception(self, *args: Any, **parts: Any) -> None:  # noqa: ANN401  # as the base has it
        """Logs an internal error. An undecodable body is the client's fault; it may arrive after the answer."""
        if isinstance(parts.get("exc_info"), web.RequestPayloadError):
            log.info("body_not_decoded")
        else:
            super().log_exception(*args, **parts)


_REFUSALS = (
    "bad_request",
    "This is not a valid HTTP request, or its line or a header is too long, or its body is not chunked as announced.",
)


def _refused(status: int, code: str, said: str, **why: str) -> web.Response:
    """The answer to a request that does not reach the application; the connection ends with it."""
    request_id = f"req_{secrets.token_hex(12)}"
    log.info("not_http", status=status, request_id=request_id, **why)
    response = error_response(ApiError(status, code, said), request_id)
    response.headers[REQUEST_ID] = request_id
    secure(response)
    response.force_close()
    return response


def most_connections() -> int:
    """The limit of open connections: at most half of the process's file descriptors.

    Without a free descriptor the service could not call the sites, and asyncio's accept loop would block all else.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, soft // 2)


class Site(web.BaseSite):
    """A listener on a host and a port; `reuse_port` lets other processes of the same user share the port."""

    def __init__(self, runner: web.AppRunner, host: str, port: int, *, reuse_port: bool = False) -> None:
        super().__init__(runner)
        self._app_runner, self._host, self._port, self._reuse_port = runner, host, port, reuse_port

    @property
    def name(self) -> str:
        """The address it listens on."""
        return f"http://{self._host}:{self._port}"

    async def start(self) -> None:
        """Starts to listen. Raises OSError."""
        await super().start()
        loop, server = asyncio.get_running_loop(), self._app_runner.server
        if server is None:
            raise RuntimeError("the runner is not set up")
        server.request_handler = readable(server.request_handler)
        self._server = await loop.create_server(
            lambda: Protocol(
                server,
                loop=loop,
                access_log=None,  # type: ignore[arg-type]  # as the runner itself has it
                keepalive_timeout=IDLE_S,
                lingering_time=LINGER_S,
                max_line_size=MAX_LINE_BYTES,
            ),
            self._host,
            self._port,
            reuse_port=self._reuse_port,
        )

    def refuse(self) -> None:
        """Makes the kernel start no new connections; clients retry the handshake after a second.

        If the kernel cannot do that, it accepts new connections until the socket closes.
        """
        program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in _NO_SYN))
        attached = struct.pack("HP", len(_NO_SYN), ctypes.addressof(program))
        for listening in self._sockets():
            if sys.platform == "linux":
                with suppress(OSError):
                    listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, attached)

    async def stop(self) -> None:
        """Accepts the connections that the kernel already has, and closes the socket."""
        now = asyncio.get_running_loop().time
        until = now() + ARRIVAL_S
        while any(_is_readable(each.fileno()) for each in self._sockets()) and now() < until:  # noqa: ASYNC110
            await asyncio.sleep(0)
        await super().stop()
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    def _sockets(self) -> Sequence[socket.socket]:
        return self._server.sockets if isinstance(self._server, asyncio.Server) else ()


async def stop(runner: web.AppRunner, within_s: float) -> None:
    """Stops listening, answers every request already sent, and ends the application.

    Requests that take longer than `within_s` are cancelled.
    """
    sites = [site for site in runner.sites if isinstance(site, Site)]
    for site in sites:
        site.refuse()
    await asyncio.sleep(ARRIVAL_S)
    for site in sites:
        await site.stop()
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            while runner.server is not None and (connections := runner.server.connections):
                for connection in connections:
                    cast("Protocol", connection).end()
                await asyncio.sleep(LOOK_EVERY_S)
    await runner.cleanup()


def _is_readable(file: int) -> bool:
    """Whether there is something to accept or to read."""
    if file < 0:
        return False
    poll = select.poll()
    poll.register(file, select.POLLIN)
    return bool(poll.poll(0))
