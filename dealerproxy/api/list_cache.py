"""The cache of complete, encoded lists, each as long as all its parts are fresh: the cache's second layer.

The key is the exact query string. Only ages differ between two answers of one entry, so the part with the ages is
encoded again at most once a second.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from msgspec import Struct

from dealerproxy.api.http import X_CACHE, age_headers, encode
from dealerproxy.cache.entries import CacheStatus
from dealerproxy.cache.memory import BoundedMemory
from dealerproxy.contract.answers import Status
from dealerproxy.contract.rate import Rate
from dealerproxy.upstreams.off_sale import OffSale
from dealerproxy.vehicles.fx import FxRates

# Bytes of a list beside its rows: sources, notices, headers and a cursor of up to 3 kB.
ENVELOPE_BYTES = 8_000


class Rendered(NamedTuple):
    """An encoded list: the JSON body, whose rows end at `rows_end`, its other fields as data, and its headers.

    `rate` is its exchange rate if it is the service's current one, None if it comes from a cursor. `logged` has its
    facts for the access log.
    """

    body: bytes
    rows_end: int
    envelope: Mapping[str, Any]
    headers: Mapping[str, str]
    rate: Rate | None
    logged: Mapping[str, Any] = {}

    def after(self, seconds: int) -> "Rendered":
        """Return a copy whose ages have grown by `seconds`."""
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
    """Build a list from its rows as JSON and its other fields."""
    begun = b'{"data":' + rows
    return Rendered(begun + _rest(envelope), len(begun), envelope, headers, rate)


def oldest_s(envelope: Mapping[str, Any]) -> int | None:
    """Return the greatest age in seconds among a list's sources; None if no source has one."""
    return max((source["age_s"] for source in envelope["sources"] if source["age_s"] is not None), default=None)


def answered_by(envelope: Mapping[str, Any]) -> frozenset[str]:
    """Return the upstreams that were called for a list."""
    return frozenset(source["name"] for source in envelope["sources"] if source["status"] != Status.SKIPPED)


def _rest(envelope: Mapping[str, Any]) -> bytes:
    """Return the JSON after the rows."""
    return b"," + encode(envelope).removeprefix(b"{")


class _Kept(Struct):
    """A list as last sent, `older_s` seconds after it was built."""

    rendered: Rendered
    made_at: float
    off_sale: int
    older_s: int = 0


class Answers:
    """Stores encoded lists by query string, in at most `max_bytes` bytes."""

    def __init__(
        self, off_sale: OffSale, rates: FxRates, *, max_bytes: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._off_sale, self._rates, self._clock = off_sale, rates, clock
        self.memory = BoundedMemory(
            max_bytes=max_bytes, weigh=lambda kept: len(kept.rendered.body) + ENVELOPE_BYTES, clock=clock
        )

    def get(self, query: str) -> Rendered | None:
        """Return the list of a query string with current ages; None without one, or if a part of it has changed."""
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
        """Store a list for `fresh_for_s` seconds."""
        if fresh_for_s > 0:
            found = rendered._replace(headers={**rendered.headers, X_CACHE: CacheStatus.HIT})
            kept = _Kept(found, self._clock(), self._off_sale.version)
            self.memory.keep(query, kept, fresh_for_s)
