"""Log lines: JSON for machines, or console for a person, always to standard error.

Nothing that a client or a site sent is repeated but words of ours: no keys, no cursors, no plates, no names.
"""

import logging
import re
import sys
from collections import Counter
from typing import Literal

import structlog

from dealerproxy.errors import Drift, Overloaded, Suspended, UpstreamError

# Different troubles that are told apart in the count; paths of drift beyond share one.
MOST_TROUBLES = 300
MOST_PATH = 80
OTHER = "other"

# How many lines of trouble were written, by upstream, operation, reason and (for drift, else empty) path. There is
# one of it in a process, as there is one log.
troubles: Counter[tuple[str, str, str, str]] = Counter()

log = structlog.get_logger(__name__)


class LibraryLines(logging.Handler):
    """What libraries log, as lines like ours."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        log.log(record.levelno, "library", logger=record.name, detail=record.getMessage(), exc_info=record.exc_info)


def configure(log_format: Literal["json", "console"]) -> None:
    """Set up structlog for the process."""
    processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # Tracebacks without local variables: among those are keys, requests and cars.
    if log_format == "json":
        bare = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        processors += [
            structlog.processors.ExceptionRenderer(bare),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    else:
        plain = structlog.dev.plain_traceback
        processors.append(structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain))
    structlog.configure(
        processors=processors,
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[LibraryLines()])


def upstream_trouble(upstream: str, operation: str, error: UpstreamError, **about: str) -> None:
    """Write the one line that every trouble with an upstream gets, and count it; `about` says what was asked."""
    if isinstance(error, Suspended | Overloaded):
        return  # it was not asked; the circuit says so once, and a line a search would drown everything else
    path = ""
    if isinstance(error, Drift):
        about["path"] = error.path
        # Numbers in a path are positions: they would make ever new paths of one.
        path = re.sub(r"\d+", "#", error.path)[:MOST_PATH]
    if error.capture is not None:
        about["capture"] = error.capture
    log.warning(
        "upstream_trouble",
        upstream=upstream,
        operation=operation,
        reason=error.code,
        detail=str(error),
        **about,
    )
    trouble = (upstream, operation, error.code, path)
    if path and trouble not in troubles and len(troubles) >= MOST_TROUBLES:
        trouble = (upstream, operation, error.code, OTHER)
    troubles[trouble] += 1
