"""The listening socket: our envelope even for what is no HTTP, limits on who holds a connection open, and its end.

A listening socket that is closed resets the connections that the kernel has accepted for it and the process has not
taken yet. So at the end the kernel is told to start no more connections, those that it has begun are taken and
answered, and only then is the socket closed. Of several processes on one port each does so with its own socket.
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

# A connection on which no whole request arrives for so long is closed; so is one that is kept alive for nothing.
IDLE_S = 75.0
# A client that does not send the body it promised is not waited for longer.
LINGER_S = 5.0
# What the kernel does not take of an answer in so long, because the client does not read, is not sent any more.
UNREAD_S = 20.0
# At the end a handshake that has begun is over in so long, as is a pause between the parts of a request; a new
# connection has so long for its first request.
ARRIVAL_S = 0.1
FIRST_S = 0.4
LOOK_EVERY_S = 0.02
# A handler that has not ended in the time it was given is cancelled, and has so long for that.
CUT_S = 0.1
# More turns of the loop than asyncio takes from accepting a connection to telling its protocol.
_TURNS = 8
# Connections held at a time, kept ones included; one more is closed at once.
MOST_CONNECTIONS = 4_096
# The partner's longest query has some 30 parameters; a cursor takes 3 kB.
MAX_LINE_BYTES = 16_384

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
_SO_ATTACH_FILTER = 26
# A program for the kernel's packet filter: what opens a connection (SYN without ACK) is dropped, all else kept.
_NO_SYN = (
    (0x30, 0, 0, 13),  # load the flags
    (0x54, 0, 0, 0x12),  # of them SYN and ACK
    (0x15, 0, 1, 0x02),  # if it is SYN alone
    (0x06, 0, 0, 0),  # drop it
    (0x06, 0, 0, 0xFFFFFFFF),  # else keep all of it
)

log = structlog.get_logger(__name__)


def readable(answer: Answer) -> Answer:
    """Wrap what answers requests: one whose expectation or body nobody can read is refused before anything sees it.

    aiohttp itself would repeat the expectation, which may be no text, and log a traceback for a GET's bad body.
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
    """Answers what never reached the application as the application would, and ends what holds a connection."""

    _unread: asyncio.TimerHandle | None = None
    # When the connection was made, or last brought something or was answered.
    _moved_at = 0.0
    _ending = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, unless there are too many."""
        wire = cast("asyncio.Transport", transport)
        most = most_connections()
        if self._manager is not None and len(self._manager.connections) >= most:
            log.warning("too_many_connections", most=most)
            wire.abort()
            return
        # So that `pause_writing` tells of every byte the kernel does not take.
        wire.set_write_buffer_limits(high=0)
        self._moved_at = self._loop.time()
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Take what the client sends."""
        self._moved_at = self._loop.time()
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection."""
        self._read_on()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Give the client a while to read."""
        super().pause_writing()
        if self.transport is not None:
            self._unread = self._loop.call_later(UNREAD_S, self.transport.abort)

    def resume_writing(self) -> None:
        """All is sent."""
        self._read_on()
        super().resume_writing()

    @property
    def has_more(self) -> bool:
        """Whether the client has sent another request already."""
        return bool(self._messages)

    def end(self) -> None:
        """End the connection: after what is under way is answered, or now if nothing has come for a while."""
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
        """Send an answer. A refusal of aiohttp's own, which no middleware saw, gets the application's shape."""
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
        """Answer bytes that are no request, or a line or header that is too long; the connection ends."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun already")
        code, said = ("internal_error", "Something went wrong here.") if status >= 500 else _REFUSALS
        return _refused(status, code, said, error=type(exc).__name__)

    def log_exception(self, *args: Any, **parts: Any) -> None:  # noqa: ANN401  # as the base has it
        """Log a fault of ours; a body that cannot be decoded is the client's, and arrives after the answer at times."""
        if isinstance(parts.get("exc_info"), web.RequestPayloadError):
            log.info("body_not_decoded")
        else:
            super().log_exception(*args, **parts)


_REFUSALS = (
    "bad_request",
    "This is no HTTP request, its body is not in chunks as it says, or its line or one of its headers is too long.",
)


def _refused(status: int, code: str, said: str, **why: str) -> web.Response:
    """The answer to what the application does not get to see; the connection ends with it."""
    request_id = f"req_{secrets.token_hex(12)}"
    log.info("not_http", status=status, request_id=request_id, **why)
    response = error_response(ApiError(status, code, said), request_id)
    response.headers[REQUEST_ID] = request_id
    secure(response)
    response.force_close()
    return response


def most_connections() -> int:
    """How many connections may be open: half of the files of the process at most.

    Without a free one it could not ask the sites, and asyncio's accepting of connections would stop all else.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, soft // 2)


class Site(web.BaseSite):
    """Listens on a host and a port; with `reuse_port` others of the same user may do so beside it."""

    def __init__(self, runner: web.AppRunner, host: str, port: int, *, reuse_port: bool = False) -> None:
        super().__init__(runner)
        self._app_runner, self._host, self._port, self._reuse_port = runner, host, port, reuse_port

    @property
    def name(self) -> str:
        """Where it listens."""
        return f"http://{self._host}:{self._port}"

    async def start(self) -> None:
        """Begin to listen. Raises OSError."""
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
        """Let the kernel start no more connections; a client that tries does so again after a second.

        Where the kernel cannot do that, new ones are accepted until the socket is closed.
        """
        program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in _NO_SYN))
        attached = struct.pack("HP", len(_NO_SYN), ctypes.addressof(program))
        for listening in self._sockets():
            if sys.platform == "linux":
                with suppress(OSError):
                    listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, attached)

    async def stop(self) -> None:
        """Take what the kernel has accepted so far, and close the socket."""
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
    """Stop listening, answer every request that has come or is about to, and end the application.

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
