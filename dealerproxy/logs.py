"""Log lines to standard error: JSON for machines, or console text for a person.

Lines hold only the service's own words, no data of a client or a site: no keys, no cursors, no plates, no names.
"""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Literal

import orjson
import structlog

log = structlog.get_logger(__name__)

# The direct output of access log lines as JSON. structlog's pipeline takes a tenth of the time of a cached list.
_straight: structlog.BytesLogger | None = None
_debug = False
# Without local variables, which may hold keys, requests and cars.
_with_exception = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


class LibraryLines(logging.Handler):
    """Writes the log records of libraries as the service's own lines."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        log.log(record.levelno, "library", logger=record.name, detail=record.getMessage(), exc_info=record.exc_info)


def configure(log_format: Literal["json", "console"], log_level: Literal["debug", "info"] = "info") -> None:
    """Set up structlog for the process; lines of a level under `log_level` are not written."""
    global _straight, _debug  # noqa: PLW0603  # there is one log in a process
    _debug = log_level == "debug"
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
    structlog.configure(
        processors=processors,
        logger_factory=factory,
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if _debug else logging.INFO),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[LibraryLines()])


def request(line: Mapping[str, object], *, quiet: bool = False) -> None:
    """Write the access log line of a request; a `quiet` one has the level debug."""
    level = "debug" if quiet else "info"
    if quiet and not _debug:
        return
    if _straight is None:
        log.log(logging.DEBUG if quiet else logging.INFO, "request", **line)
    else:
        _straight.msg(_json(_straight, level, {"event": "request", **line, "level": level}))


def _json(logger: structlog.typing.WrappedLogger, method: str, line: structlog.typing.EventDict) -> bytes:
    """Encode a line, the time first and then what happened."""
    if "exc_info" in line:
        _with_exception(logger, method, line)
    now = datetime.now(UTC)
    event = {"event": line.pop("event")} if "event" in line else {}
    try:
        return orjson.dumps({"timestamp": now, **event, **line}, default=str, option=orjson.OPT_UTC_Z)
    except TypeError:
        # Text that is not UTF-8, or a number of more than 64 bits, must not lose the line.
        return json.dumps({"timestamp": f"{now:%Y-%m-%dT%H:%M:%S.%fZ}", **event, **line}, default=str).encode()
