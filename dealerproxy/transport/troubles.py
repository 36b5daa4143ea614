"""Log lines and counts of failed calls to upstreams."""

import re
from collections import Counter

from dealerproxy.logs import log
from dealerproxy.transport.errors import Drift, Overloaded, Suspended, UpstreamError

# Distinct keys in the count; paths of drift beyond them share one key.
MOST_TROUBLES = 300
MOST_PATH = 80
OTHER = "other"
# How many lines were logged, by upstream, operation, reason and path (empty unless drift). Global in a process, like
# the log.
trouble_counts: Counter[tuple[str, str, str, str]] = Counter()


def upstream_trouble(upstream: str, operation: str, error: UpstreamError, **about: str) -> None:
    """Log one line for a failed call and count it; `about` describes the request."""
    if isinstance(error, Suspended | Overloaded):
        return  # nothing was sent; the circuit logs it once, a line for each search would flood the log
    path = ""
    if isinstance(error, Drift):
        about["path"] = error.path
        # Numbers in a path are positions in lists: without them the path stays the same.
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
