"""Troubles with upstreams: one log line each, and how many there were."""

import re
from collections import Counter

from dealerproxy.logs import log
from dealerproxy.transport.errors import Drift, Overloaded, Suspended, UpstreamError

# Different troubles that are told apart in the count; paths of drift beyond share one.
MOST_TROUBLES = 300
MOST_PATH = 80
OTHER = "other"
# How many lines of trouble were written, by upstream, operation, reason and (for drift, else empty) path. There is
# one of it in a process, as there is one log.
trouble_counts: Counter[tuple[str, str, str, str]] = Counter()


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
    if path and trouble not in trouble_counts and len(trouble_counts) >= MOST_TROUBLES:
        trouble = (upstream, operation, error.code, OTHER)
    trouble_counts[trouble] += 1
