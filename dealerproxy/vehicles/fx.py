"""The exchange rate in won per dollar: static, from an optional HTTP provider, or from the request."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import orjson
import structlog

from dealerproxy.contract.rate import KST, PLAUSIBLE, Rate, iso_kst
from dealerproxy.tasks import cancel_and_wait
from dealerproxy.transport.errors import UpstreamError

FRESH_S = 3600.0
RETRY_S = 60.0
# The most relative change of a new rate. Other currencies, or rates for 100 units, mostly differ more.
MOST_CHANGE = 0.2
# Seconds for which a new rate is compared with the last good one; after that, with the static rate.
COMPARABLE_S = 7 * 86_400.0
# Bounds of a provider's date: the earliest time, seconds in the future, and the least number that means milliseconds.
EARLIEST_S = 946_684_800.0
AHEAD_S = 86_400.0
LEAST_MS = 1e11

_NUMBER = re.compile(r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?", re.ASCII)
_UNIX = re.compile(r"[0-9]{9,13}(?:\.[0-9]+)?", re.ASCII)
_LONGEST_TEXT = 64

log = structlog.get_logger(__name__)


class FxRates:
    """The current exchange rate.

    With a provider, a rate older than an hour starts one refresh in the background, and the last good rate stays in
    use. Before the first success, and without a provider, the static rate is in use. No request ever waits.

    A rate that differs by more than a fifth from the last good one of the past week, else from the static one, is
    rejected; `refused` counts these. `change` is the relative difference between the provider's rate in use and the
    rate it was compared with; `read_at` is its fetch time in unix seconds. Both are None without one.
    """

    def __init__(
        self,
        static: Rate,
        *,
        fetch: Callable[[], Awaitable[bytes]] | None = None,
        path: str = "",
        date_path: str = "",
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`fetch` returns the provider's JSON or raises UpstreamError.

        `path` is the dotted path of its rate, `date_path` of its date; without a date, the time of the request counts.
        """
        self._static, self._rate, self._fetch, self._now, self._clock = static, static, fetch, now, clock
        self._path, self._date_path = path, date_path
        self.refused = 0
        self.change: float | None = None
        self.read_at: float | None = None
        self._good_at: float | None = None
        self._refusing = False
        self._next_refresh = clock()
        self._refreshing: asyncio.Task[None] | None = None

    def current(self) -> Rate:
        """The last good rate; starts a background refresh if one is due."""
        if self._fetch is not None and self._refreshing is None and self._clock() >= self._next_refresh:
            self._refreshing = asyncio.create_task(self._refresh(self._fetch), name="fx-refresh")
            self._refreshing.add_done_callback(self._refreshed)
        return self._rate

    @property
    def last(self) -> Rate:
        """The last good rate, without a refresh."""
        return self._rate

    async def prime(self, within_s: float) -> None:
        """Wait up to `within_s` seconds for the first refresh; without it, the first answers use the static rate."""
        self.current()
        if self._refreshing is not None:
            await asyncio.wait({self._refreshing}, timeout=within_s)

    def requested(self, krw_per_usd: float) -> Rate:
        """The rate that one request sets, with the current time."""
        return Rate(krw_per_usd, iso_kst(self._now()), "request")

    async def close(self) -> None:
        """Cancel a running refresh."""
        if self._refreshing is not None:
            await cancel_and_wait(self._refreshing)

    async def _refresh(self, fetch: Callable[[], Awaitable[bytes]]) -> None:
        self._next_refresh = self._clock() + RETRY_S
        try:
            body = await fetch()
            now = self._now()
            value = rate_at(body, self._path)
            as_of = date_at(body, self._date_path, now) if self._date_path else now
        except (UpstreamError, ValueError) as error:
            log.warning("fx_refresh_failed", error=str(error))
            return
        before = self._compared_with()
        change = round(abs(value / before.krw_per_usd - 1), 6)
        if change > MOST_CHANGE:
            self._refuse(value, before)
            return
        self._rate = Rate(value, iso_kst(as_of), "provider")
        self.change, self.read_at, self._good_at, self._refusing = change, now, self._clock(), False
        self._next_refresh = self._clock() + FRESH_S

    def _compared_with(self) -> Rate:
        recent = self._good_at is not None and self._clock() - self._good_at < COMPARABLE_S
        return self._rate if recent else self._static

    def _refuse(self, value: float, before: Rate) -> None:
        """Count a rejected rate; log only the first of consecutive ones."""
        self.refused += 1
        if not self._refusing:
            log.error("fx_rate_refused", rate=value, compared_with=before.krw_per_usd, source=before.source)
        self._refusing = True

    def _refreshed(self, _: asyncio.Task[None]) -> None:
        self._refreshing = None


def rate_at(body: bytes, path: str) -> float:
    """Return the rate at a dotted path; list positions are numbers. Raises ValueError that names the problem.

    A rate is a number or a number as text, with or without commas between thousands.
    """
    value = _value_at(body, path)
    if isinstance(value, str) and len(value) <= _LONGEST_TEXT and _NUMBER.fullmatch(value.strip()):
        value = float(value.replace(",", ""))
    rate = _number(value)
    if rate is None:
        raise ValueError(f"{path!r} is not a number")
    if not PLAUSIBLE[0] <= rate <= PLAUSIBLE[1]:
        raise ValueError(f"{path!r} is {rate}, which cannot be won per dollar")
    return rate


def date_at(body: bytes, path: str, now: float) -> float:
    """Return the date at a dotted path as unix seconds, at most `now`. Raises ValueError if it is not a date.

    A date is ISO 8601, in Seoul time without an offset, or unix time in seconds or milliseconds.
    """
    value = _value_at(body, path)
    text = value.strip() if isinstance(value, str) and len(value) <= _LONGEST_TEXT else None
    if text is not None:
        value = float(text) if _UNIX.fullmatch(text) else _unix_of(text)
    number = _number(value)
    if number is None:
        raise ValueError(f"{path!r} is not a date")
    seconds = number / 1000 if number >= LEAST_MS else number
    if not EARLIEST_S <= seconds <= now + AHEAD_S:
        raise ValueError(f"{path!r} is too early or too late for a rate's date")
    return min(seconds, now)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _unix_of(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=KST)).timestamp()
    except (ValueError, OverflowError):
        return None


def _value_at(body: bytes, path: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    value = orjson.loads(body)
    for step in path.split("."):
        try:
            value = value[int(step)] if isinstance(value, list) else value[step]
        except (KeyError, IndexError, TypeError, ValueError):
            raise ValueError(f"{path!r}: {step!r} does not exist") from None
    return value
