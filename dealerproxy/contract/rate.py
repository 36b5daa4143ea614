"""The exchange rate (won per US dollar), and ISO 8601 times in Korean time."""

import time
from datetime import UTC, date, datetime, timedelta, timezone

from msgspec import Struct

KST = timezone(timedelta(hours=9))
# Won per dollar. The bounds reject dollars per won, and other currencies' rates.
PLAUSIBLE = (100.0, 10_000.0)


class Rate(Struct, frozen=True, array_like=True):
    """An exchange rate with its time (ISO 8601, +09:00) and its source: `static`, `provider` or `request`."""

    krw_per_usd: float
    as_of: str
    source: str


def now_kst() -> str:
    """Return the current time as ISO 8601 in Korean time."""
    return iso_kst(time.time())


def iso_kst(unix_s: float) -> str:
    """Return unix seconds as ISO 8601 in Korean time, in whole seconds."""
    return datetime.fromtimestamp(unix_s, UTC).astimezone(KST).isoformat(timespec="seconds")


def day_kst(unix_s: float) -> date:
    """Return the day in Seoul at a unix time."""
    return datetime.fromtimestamp(unix_s, KST).date()
