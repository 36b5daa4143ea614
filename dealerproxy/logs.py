"""Log lines to standard error: JSON for machines, or console text for a person.

Lines hold only the service's own words, no data of a client or a site: no keys, no cursors, no plates, no names.
"""

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

import orjson
import structlog

log = structlog.get_logger(__name__)

# The direct output of access log lines as JSON. structlog's pipeline takes a tenth of the time of a cached list.
_straight: structlog.BytesLogger | None = None
# Without local variables, which may hold keys, requests and cars.
_with_exception = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


class LibraryLines(logging.Handler):
    """Writes the log records of libraries as the service's own lines."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        log.log(record.levelno, "library", logger=record.name, detail=record.getMessage(), exc_info=record.exc_info)


def configure(log_format: Literal["json", "console"]) -> None:
    """Set up structlog for the process."""
    global _straight  # noqa: PLW0603  # there is one log in a process
    processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
    ]
    factory: Callable[..., structlog.typing.WrappedLogger]
    if log_format == "json":
        processors.append(_json)
        factory = structlog.BytesLoggerFactory(sys.stderr.buffer)
        _straight = factory()
    else:
        plain = structlog.dev.plain_traceback
        processors += [
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain),
        ]
        factory = structlog.PrintLoggerFactory(sys.stderr)
        _straight = None
    structlog.configure(processors=processors, logger_factory=factory, cache_logger_on_first_use=True)
    logging.basicConfig(level=logging.WARNING, handlers=[LibraryLines()])


def request(request_id: str, method: str, route: str, status: int, seconds: float) -> None:
    """Writes the access log line of a request."""
    line = {"method": method, "route": route, "status": status, "ms": round(seconds * 1000, 1)}
    if _straight is None:
        log.info("request", **line, request_id=request_id)
    else:
        line |= {"event": "request", "request_id": request_id, "level": "info"}
        _straight.msg(_json(_straight, "info", line))


def _json(logger: structlog.typing.WrappedLogger, method: str, line: structlog.typing.EventDict) -> bytes:
    """Adds the time to a line and encodes it."""
    if "exc_info" in line:
        _with_exception(logger, method, line)
    line["timestamp"] = datetime.now(UTC)
    try:
        return orjson.dumps(line, default=str, option=orjson.OPT_UTC_Z)
    except TypeError:
        # Text that is not UTF-8, or a number of more than 64 bits, must not lose the line.
        line["timestamp"] = f"{line['timestamp']:%Y-%m-%dT%H:%M:%S.%fZ}"
        return json.dumps(line, default=str).encode()
