"""The shelf of a site's listings: the last whole reading of each, and which of its cars went off sale since."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from dealerproxy.stock.selecting import Pick
from dealerproxy.stock.table import MOST_NUMBER, Column, Mask, Table
from dealerproxy.transport.errors import Closed, UpstreamError
from dealerproxy.upstreams.off_sale import OffSale
from dealerproxy.vehicles.listing import LeftOutReason

# The greatest age in seconds of a usable listing, while the site is failing.
USABLE_S = 7_200.0
# A reading with less than this share of the last one's cars is drift.
SHRUNK = 0.8


# The reason why a car is left out, and its make and model if known.
LeftOutKey = tuple[LeftOutReason, str | None, str | None]


class Reading(Struct, frozen=True, kw_only=True):
    """A listing that was read whole.

    Its cars are a `table`. For a listing that was searched with one more facet, the table is empty and only `numbers`
    are kept. Sites that need them also keep the `numbers` of all cars, including cars not offered. Numbers ascend.
    `read_at` is when the reading began, `checked_at` when it or its last check began (the clock's seconds). `found` is
    the number of different cars; `left_out` counts cars that are not offered, by reason, make and model.
    """

    table: Table
    read_at: float
    checked_at: float
    found: int
    left_out: Mapping[LeftOutKey, int] = {}
    numbers: Column | None = None

    @property
    def size_bytes(self) -> int:
        """The approximate size in bytes."""
        return self.table.size_bytes + (0 if self.numbers is None else self.numbers.nbytes)

    def left_out_of(self, pick: Pick | None) -> Counter[LeftOutReason]:
        """Return counts of left-out cars by reason; among cars of a known model, only the picked ones count."""
        counts = Counter[LeftOutReason]()
        for (reason, make, model), count in self.left_out.items():
            if pick is None or make is None or (make, None) in pick or (model is not None and (make, model) in pick):
                counts[reason] += count
        return counts


class Kept(Struct):
    """A reading on the shelf. `alive` marks its cars that are not off sale; `failure` is why the last try failed."""

    reading: Reading
    alive: Mask
    off_sale_seen: int
    failure: UpstreamError | None = None


class ShelfFigures(NamedTuple):
    """Figures of a shelf: listings, rows, bytes, and the ages of the oldest and the newest reading in seconds."""

    listings: int
    rows: int
    size_bytes: int
    oldest_s: float | None
    newest_s: float | None


class Shelf:
    """The listings of one site by key, within `max_bytes`; the least recently used is evicted first."""

    def __init__(self, upstream: str, off_sale: OffSale, *, max_bytes: int, clock: Callable[[], float]) -> None:
        self._upstream, self._off_sale, self._max_bytes, self._clock = upstream, off_sale, max_bytes, clock
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._bytes = 0

    def __iter__(self) -> Iterator[tuple[str, Kept]]:
        return iter(tuple(self._kept.items()))

    @property
    def figures(self) -> ShelfFigures:
        """The figures of the shelf."""
        readings, now = [kept.reading for kept in self._kept.values()], self._clock()
        ages = [now - reading.read_at for reading in readings]
        rows = sum(len(reading.table) for reading in readings)
        return ShelfFigures(len(readings), rows, self._bytes, max(ages, default=None), min(ages, default=None))

    def get(self, key: str) -> Kept | None:
        """Return a listing with its cars now off sale marked; None if there is none under two hours old."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if self._clock() - kept.reading.read_at >= USABLE_S:
            self.remove(key)
            return None
        self._kept.move_to_end(key)
        self._mark(kept)
        return kept

    def peek(self, key: str) -> Reading | None:
        """Return the last reading of a listing, of any age, without counting it as used."""
        kept = self._kept.get(key)
        return kept.reading if kept is not None else None

    def put(self, key: str, reading: Reading) -> None:
        """Store a reading in place of an older one."""
        known = self._kept.get(key)
        if known is not None and known.reading.read_at > reading.read_at:
            return
        self.remove(key)
        self._kept[key] = Kept(reading, np.ones(len(reading.table), np.bool_), -1)
        self._bytes += reading.size_bytes
        while self._bytes > self._max_bytes and len(self._kept) > 1:
            self.remove(next(iter(self._kept)))

    def failed(self, key: str, error: UpstreamError) -> None:
        """Note why the last try to read a listing failed, unless calls were blocked."""
        kept = self._kept.get(key)
        if kept is not None and not isinstance(error, Closed):
            kept.failure = error

    def remove(self, key: str) -> None:
        """Drop a listing."""
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._bytes -= kept.reading.size_bytes

    def _mark(self, kept: Kept) -> None:
        """Mark cars that went off sale, or returned, since the listing was last used."""
        seen, numbers = self._off_sale.changed_since(self._upstream, kept.off_sale_seen)
        if numbers:
            alive = kept.alive.copy()
            for position in kept.reading.table.positions(
                np.array([number for number in numbers if number <= MOST_NUMBER], np.int64)
            ).tolist():
                number = str(kept.reading.table.columns.number[position])
                alive[position] = not self._off_sale.hides(self._upstream, number, kept.reading.read_at)
            kept.alive = alive
        kept.off_sale_seen = seen
