"""The listening socket: our envelope even for what is no HTTP, and limits on who holds a connection open."""

import asyncio
import resource
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, cast

import structlog
from aiohttp import web

from dealerproxy.api.responses import error_response
from dealerproxy.api.state import DRAINING
from dealerproxy.errors import ApiError
from dealerproxy.headers import REQUEST_ID

# A connection on which no whole request arrives for so long is closed; so is one that is kept alive for nothing.
IDLE_S = 75.0
# A client that does not send the body it promised is not waited for longer.
LINGER_S = 5.0
# What the kernel does not take of an answer in so long, because the client does not read, is not sent any more.
UNREAD_S = 20.0
# Connections held at a time, kept ones included; one more is closed at once.
MOST_CONNECTIONS = 4_096
# Pages for people bring a policy of their own.
_POLICY = "default-src 'none'; frame-ancestors 'none'"
_ALWAYS = {"Server": "dealerproxy", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
# The partner's longest query has some 30 parameters; a cursor takes 3 kB.
MAX_LINE_BYTES = 16_384
MAX_BODY_BYTES = 65_536

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

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
        super().connection_made(transport)

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
        return await super().finish_response(request, resp, start_time)

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


async def secure_all(request: web.Request, response: web.StreamResponse) -> None:
    """Give every answer its security headers, as a signal of the application; one that drains ends its connections."""
    secure(response)
    if request.app[DRAINING].is_set():
        response.headers["Connection"] = "close"
        response.force_close()


def secure(response: web.StreamResponse) -> None:
    """Say nothing of what we run on, and let browsers do nothing that a page of ours does not need."""
    response.headers.update(_ALWAYS)
    response.headers.setdefault("Content-Security-Policy", _POLICY)
