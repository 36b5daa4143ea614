"""What an upstream's answer means, decided from status, headers and body alone (no I/O).

The order of checks follows how the sites fail: a block can come with any status, so its text is looked for
before a 404 is believed; an empty body is never an empty result.
"""

import email.utils
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC

from dealerproxy.errors import Blocked, Drift, NotFound, RateLimited, ServerFault, UpstreamFault

BLOCK_STATUSES = frozenset({403, 407})
# Nobody is believed who asks for more than a day.
LONGEST_WAIT_S = 86_400.0
_BOM = b"\xef\xbb\xbf"
# How far into a body the start of a page is looked for.
_SNIFF_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Response:
    """An upstream's complete answer; header names are looked up ignoring case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def json_body(
    response: Response, *, block_markers: Sequence[bytes] = (), now: Callable[[], float] = time.time
) -> bytes:
    """Return the body of a good JSON answer.

    Raises Blocked (403, 407, a block marker on any status, HTML where JSON is due), RateLimited (429), NotFound (a
    plain 404), ServerFault (5xx, 408), UpstreamFault (any other status that is not 200) or Drift (an empty body).
    """
    return _good_body(response, block_markers, now, html_is_due=False)


def page_body(
    response: Response, *, block_markers: Sequence[bytes] = (), now: Callable[[], float] = time.time
) -> bytes:
    """Return the body of a good page. Raises as `json_body` does, but HTML is what is due here."""
    return _good_body(response, block_markers, now, html_is_due=True)


def _good_body(response: Response, markers: Sequence[bytes], now: Callable[[], float], *, html_is_due: bool) -> bytes:
    body = response.body.removeprefix(_BOM)
    wait = retry_after_s(response.headers.get("Retry-After"), now())
    if response.status == 429:
        raise RateLimited("429", wait)
    if response.status in BLOCK_STATUSES:
        raise Blocked(f"status {response.status}")
    # A good answer holds texts of sellers', so there only its beginning can be the page itself.
    sniffed = body if response.status >= 400 else body[:_SNIFF_BYTES]
    if any(marker in sniffed for marker in markers):
        raise Blocked(f"block page with status {response.status}")
    if not html_is_due and response.status < 500 and body[:_SNIFF_BYTES].lstrip().startswith(b"<"):
        raise Blocked(f"HTML with status {response.status}")
    if response.status == 404:
        raise NotFound("status 404")
    if response.status >= 500 or response.status == 408:
        raise ServerFault(f"status {response.status}", wait)
    if response.status != 200:
        raise UpstreamFault(f"status {response.status}", wait)
    if not body.strip():
        raise Drift("body", "empty")
    return body


def retry_after_s(value: str | None, now: float) -> float | None:
    """Seconds to wait by a Retry-After header (seconds or an HTTP date), at most a day; None when unreadable."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_WAIT_S)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)  # an HTTP date is GMT even when it does not say so
    return min(max(0.0, moment.timestamp() - now), LONGEST_WAIT_S)
