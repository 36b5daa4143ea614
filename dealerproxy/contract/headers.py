"""The header names that the service and its client share."""

import email.utils
import re
from datetime import UTC

REQUEST_ID = "X-Request-Id"
REQUEST_ID_SHAPE = re.compile(r"req_[0-9a-f]{24}", re.ASCII)
API_KEY = "x-api-key"
DEADLINE_HEADER = "X-Request-Deadline-Ms"
PARTIAL_HEADER = "X-LMN-Partial-Dealer-Unavailable"
PAGE_MAX_HEADER = "X-LMN-Dealer-Page-Max"
RATE_HEADER = "X-Krw-Per-Usd"


# A longer Retry-After counts as one day.
LONGEST_WAIT_S = 86_400.0


def retry_after_s(value: str | None, now: float) -> float | None:
    """Return the seconds of a Retry-After header (seconds or an HTTP date), at most a day; None if unreadable."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_WAIT_S)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)  # an HTTP date without a zone is GMT
    return min(max(0.0, moment.timestamp() - now), LONGEST_WAIT_S)
