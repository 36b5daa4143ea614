"""Won per dollar: a static rate, an optional HTTP provider, or the one a request brings."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import orjson
import structlog

from dealerproxy.contract.rate import PLAUSIBLE, Rate, iso_kst
from dealerproxy.tasks import cancel_and_wait
from dealerproxy.transport.errors import UpstreamError

FRESH_S = 3600.0
RETRY_S = 60.0

log = structlog.get_logger(__name__)


class FxRates:
    """The rate to use now.

    With a provider, a rate older than an hour starts one refresh in the background and the last good rate goes
    on serving; before the first success, and without a provider, the static rate does. No request ever waits.
    """

    def __init__(
        self,
        static: Rate,
        *,
        fetch: Callable[[], Awaitable[bytes]] | None = None,
        path: str = "",
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`fetch` answers the provider's JSON; it raises UpstreamError when it cannot."""
        self._rate, self._fetch, self._path, self._now = static, fetch, path, now
        self._clock = clock
        self._next_refresh = clock()
        self._refreshing: asyncio.Task[None] | None = None

    def current(self) -> Rate:
        """The last good rate; starts a refresh behind it when one is due."""
        if self._fetch is not None and self._refreshing is None and self._clock() >= self._next_refresh:
            self._refreshing = asyncio.create_task(self._refresh(self._fetch), name="fx-refresh")
            self._refreshing.add_done_callback(self._refreshed)
        return self._rate

    @property
    def last(self) -> Rate:
        """The last good rate; to look at, as it starts no refresh."""
        return self._rate

    async def prime(self, within_s: float) -> None:
        """Wait a little for the first refresh, so that the first answers need not use the static rate."""
        self.current()
        if self._refreshing is not None:
            await asyncio.wait({self._refreshing}, timeout=within_s)

    def requested(self, krw_per_usd: float) -> Rate:
        """A rate that one request brought along."""
        return Rate(krw_per_usd, iso_kst(self._now()), "request")

    async def close(self) -> None:
        """End a refresh that is still running."""
        if self._refreshing is not None:
            await cancel_and_wait(self._refreshing)

    async def _refresh(self, fetch: Callable[[], Awaitable[bytes]]) -> None:
        self._next_refresh = self._clock() + RETRY_S
        try:
            value = rate_at(await fetch(), self._path)
        except (UpstreamError, ValueError) as error:
            log.warning("fx_refresh_failed", error=str(error))
            return
        self._rate = Rate(value, iso_kst(self._now()), "provider")
        self._next_refresh = self._clock() + FRESH_S

    def _refreshed(self, _: asyncio.Task[None]) -> None:
        self._refreshing = None


def rate_at(body: bytes, path: str) -> float:
    """Read the rate at a dotted path; list positions are numbers. Raises ValueError saying what is wrong."""
    value = orjson.loads(body)
    for step in path.split("."):
        try:
            value = value[int(step)] if isinstance(value, list) else value[step]
        except (KeyError, IndexError, TypeError, ValueError):
            raise ValueError(f"no {step!r} on the way along {path!r}") from None
    try:
        rate = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{path!r} holds no number") from None
    if not PLAUSIBLE[0] <= rate <= PLAUSIBLE[1]:
        raise ValueError(f"{path!r} holds {rate}, which cannot be won per dollar")
    return rate
