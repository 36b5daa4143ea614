"""Complete lists, encoded and ready to go, for as long as everything in them is fresh: the cache's second layer.

What is kept is one client's question word for word. Only ages change from one answer to the next, so only they are
written anew.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import orjson

from dealerproxy.transport.memory import BoundedMemory
from dealerproxy.upstreams.departed import Departed
from dealerproxy.vehicles.fx import FxRates
from dealerproxy.vehicles.rate import Rate

# Beside its rows: sources, notices, headers and a cursor of up to 3 kB.
ENVELOPE_BYTES = 8_000


class Rendered(NamedTuple):
    """A list: its rows as JSON, the rest of its envelope, its headers but for ages, and its tag.

    `rate` is the exchange rate in it if that is the service's current one, None if a cursor brought it.
    """

    rows: bytes
    envelope: Mapping[str, Any]
    headers: Mapping[str, str]
    tag: str
    rate: Rate | None

    def body(self, older_s: float = 0.0) -> dict[str, Any]:
        """The whole answer, so many seconds after it was made."""
        sources = [
            source if source["age_s"] is None else source | {"age_s": source["age_s"] + round(older_s)}
            for source in self.envelope["sources"]
        ]
        return {"data": orjson.Fragment(self.rows), **self.envelope, "sources": sources}

    def age_s(self, older_s: float = 0.0) -> float | None:
        """Seconds of its oldest piece, so many seconds after it was made."""
        ages = [source["age_s"] for source in self.envelope["sources"] if source["age_s"] is not None]
        return max(ages) + older_s if ages else None


class _Kept(NamedTuple):
    rendered: Rendered
    at: float
    departed: int


def _weigh(kept: _Kept) -> int:
    return len(kept.rendered.rows) + ENVELOPE_BYTES


class Answers:
    """Keeps lists by their query string, at most `max_bytes` of them."""

    def __init__(
        self, departed: Departed, rates: FxRates, *, max_bytes: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._departed, self._rates, self._clock = departed, rates, clock
        # The envelope beside the rows: sources, notices and a cursor of up to 3 kB.
        self.memory = BoundedMemory(
            max_bytes=max_bytes, weigh=lambda kept: len(kept.rendered.rows) + 8_000, clock=clock
        )

    async def get(self, query: str) -> tuple[Rendered, float] | None:
        """The list kept for a query string, and its age in seconds; None when something in it changed since."""
        kept: _Kept | None = await self.memory.get(query)
        if kept is None or kept.departed != self._departed.version:
            return None
        if kept.rendered.rate not in (None, self._rates.current()):
            return None
        return kept.rendered, self._clock() - kept.at

    async def put(self, query: str, rendered: Rendered, fresh_for_s: float) -> None:
        """Keep a list that is fresh for so many seconds more."""
        if fresh_for_s > 0:
            await self.memory.set(query, _Kept(rendered, self._clock(), self._departed.version), ttl=fresh_for_s)
