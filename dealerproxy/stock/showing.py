"""Rows of tables as listings, cached: making one takes some microseconds, and most requested rows were shown before."""

from collections.abc import Callable, Sequence
from weakref import WeakKeyDictionary

import numpy as np

from dealerproxy.stock.table import Positions, StockedCar, Table
from dealerproxy.vehicles.listing import LeftOut, Listing

# The most cached listings over all tables: about 24 MB.
MOST_KEPT = 40_000


class ShownRows:
    """Shows rows of tables, and caches the listings; `listing_of` makes one of a car. Their models must be known."""

    def __init__(self, listing_of: Callable[[StockedCar], Listing | LeftOut]) -> None:
        self._listing_of = listing_of
        self._kept: WeakKeyDictionary[Table, dict[int, Listing]] = WeakKeyDictionary()
        self._count = 0

    def __call__(self, table: Table, positions: Positions) -> Sequence[Listing]:
        """Return the listings at these positions, in the given order."""
        kept = self._kept.setdefault(table, {})
        wanted = positions.tolist()
        missing = [position for position in wanted if position not in kept]
        if missing:
            if self._count + len(missing) > MOST_KEPT:
                self._kept.clear()
                kept, missing, self._count = self._kept.setdefault(table, {}), wanted, 0
            kept.update(zip(missing, map(self._show, table.cars(np.array(missing))), strict=True))
            self._count += len(missing)
        return [kept[position] for position in wanted]

    def _show(self, car: StockedCar) -> Listing:
        listing = self._listing_of(car)
        if isinstance(listing, LeftOut):
            raise TypeError(f"car {car.number} is of a model that its kind does not name")
        return listing
