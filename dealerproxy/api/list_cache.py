"""Complete lists, encoded and ready to go, for as long as everything in them is fresh: the cache's second layer.

What is kept is one client's question word for word. Only ages change from one answer to the next, and those once a
second, so what tells them is written anew once a second.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from msgspec import Struct

from dealerproxy.api.http import X_CACHE, age_headers, encode
from dealerproxy.cache.entries import CacheStatus
from dealerproxy.cache.memory import BoundedMemory
from dealerproxy.contract.rate import Rate
from dealerproxy.upstreams.off_sale import OffSale
from dealerproxy.vehicles.fx import FxRates

# Beside its rows: sources, notices, headers and a cursor of up to 3 kB.
ENVELOPE_BYTES = 8_000


class Rendered(NamedTuple):
    """A list as it is sent: all of it as JSON, whose rows end at `rows_end`, the rest as data, and its headers.

    `rate` is the exchange rate in it if that is the service's current one, None if a cursor brought it.
    """

    body: bytes
    rows_end: int
    envelope: Mapping[str, Any]
    headers: Mapping[str, str]
    rate: Rate | None

    def after(self, seconds: int) -> "Rendered":
        """It as it is sent so many seconds later: older."""
        sources = [
            source if source["age_s"] is None else source | {"age_s": source["age_s"] + seconds}
            for source in self.envelope["sources"]
        ]
        envelope = {**self.envelope, "sources": sources}
        return self._replace(
            body=self.body[: self.rows_end] + _rest(envelope),
            envelope=envelope,
            headers={**self.headers, **age_headers(CacheStatus.HIT, oldest_s(envelope))},
        )


def render(rows: bytes, envelope: Mapping[str, Any], headers: Mapping[str, str], rate: Rate | None) -> Rendered:
    """Put a list together of its rows as JSON and all that is beside them."""
    begun = b'{"data":' + rows
    return Rendered(begun + _rest(envelope), len(begun), envelope, headers, rate)


def oldest_s(envelope: Mapping[str, Any]) -> int | None:
    """Seconds of the oldest piece in a list."""
    return max((source["age_s"] for source in envelope["sources"] if source["age_s"] is not None), default=None)


def _rest(envelope: Mapping[str, Any]) -> bytes:
    """What follows the rows."""
    return b"," + encode(envelope).removeprefix(b"{")


class _Kept(Struct):
    """A list as it was last sent, `older_s` seconds after it was made."""

    rendered: Rendered
    made_at: float
    off_sale: int
    older_s: int = 0


class Answers:
    """Keeps lists by their query string, at most `max_bytes` of them."""

    def __init__(
        self, off_sale: OffSale, rates: FxRates, *, max_bytes: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._off_sale, self._rates, self._clock = off_sale, rates, clock
        self.memory = BoundedMemory(
            max_bytes=max_bytes, weigh=lambda kept: len(kept.rendered.body) + ENVELOPE_BYTES, clock=clock
        )

    def get(self, query: str) -> Rendered | None:
        """The list kept for a query string, at its present age; None when something in it changed since."""
        kept: _Kept | None = self.memory.at_hand(query)
        if kept is None or kept.off_sale != self._off_sale.version:
            return None
        if kept.rendered.rate not in (None, self._rates.current()):
            return None
        older_s = round(self._clock() - kept.made_at)
        if older_s != kept.older_s:
            kept.rendered, kept.older_s = kept.rendered.after(older_s - kept.older_s), older_s
        return kept.rendered

    async def put(self, query: str, rendered: Rendered, fresh_for_s: float) -> None:
        """Keep a list that is fresh for so many seconds more."""
        if fresh_for_s > 0:
            found = rendered._replace(headers={**rendered.headers, X_CACHE: CacheStatus.HIT})
            kept = _Kept(found, self._clock(), self._off_sale.version)
            await self.memory.set(query, kept, ttl=fresh_for_s)
