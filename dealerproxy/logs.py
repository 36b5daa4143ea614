"""Log lines: JSON for machines, or console for a person, always to standard error."""

import sys
from typing import Literal

import structlog

from dealerproxy.errors import UpstreamError

log = structlog.get_logger(__name__)


def configure(log_format: Literal["json", "console"]) -> None:
    """Set up structlog for the process."""
    processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if log_format == "json":
        processors += [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer(ensure_ascii=False)]
    else:
        processors.append(structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()))
    structlog.configure(
        processors=processors,
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def upstream_trouble(upstream: str, operation: str, error: UpstreamError, **about: str) -> None:
    """Write the one line that every trouble with an upstream gets; `about` says what was asked."""
    log.warning(
        "upstream_trouble",
        upstream=upstream,
        operation=operation,
        reason=error.code,
        detail=str(error),
        **about,
    )
