"""The listening socket: our envelope even for what is no HTTP, and limits on who holds a connection open."""

import asyncio
import secrets

import structlog
from aiohttp import web

from dealerproxy.api.responses import error_response
from dealerproxy.errors import ApiError
from dealerproxy.headers import REQUEST_ID

# A connection on which no whole request arrives for so long is closed; so is one that is kept alive for nothing.
IDLE_S = 75.0
# A client that does not read, or does not send the body it promised, is not waited for longer.
LINGER_S = 5.0
_DATA = "default-src 'none'; frame-ancestors 'none'"
# A page may use what is served here and show the sites' photos.
_PAGE = "default-src 'self'; img-src 'self' https: data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
# The partner's longest query has some 30 parameters; a cursor takes 3 kB.
MAX_LINE_BYTES = 16_384
MAX_BODY_BYTES = 65_536

log = structlog.get_logger(__name__)


class Protocol(web.RequestHandler):
    """Answers what never reached the application as the application would."""

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
        request_id = f"req_{secrets.token_hex(12)}"
        log.info("not_http", status=status, error=type(exc).__name__, request_id=request_id)
        code, said = ("internal_error", "Something went wrong here.") if status >= 500 else _REFUSALS
        response = error_response(ApiError(status, code, said), request_id)
        response.headers[REQUEST_ID] = request_id
        secure(response)
        response.force_close()
        return response


_REFUSALS = ("bad_request", "This is no HTTP request, or its line or one of its headers is too long.")


class Site(web.BaseSite):
    """Listens on a host and a port."""

    def __init__(self, runner: web.AppRunner, host: str, port: int) -> None:
        super().__init__(runner)
        self._app_runner, self._host, self._port = runner, host, port

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
        )


async def secure_all(_: web.Request, response: web.StreamResponse) -> None:
    """Give every answer its security headers, as a signal of the application."""
    secure(response)


def secure(response: web.StreamResponse) -> None:
    """Say nothing of what we run on, and let browsers do nothing that a page of ours does not need."""
    response.headers["Server"] = "dealerproxy"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers.setdefault("Content-Security-Policy", _PAGE if response.content_type == "text/html" else _DATA)
