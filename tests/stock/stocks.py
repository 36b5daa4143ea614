"""A process with a stock: its shelf, its readings and what it knows of cars off sale."""

from typing import Any

import numpy as np

from dealerproxy.stock.keeping import Keeping
from dealerproxy.stock.readings import Readings
from dealerproxy.stock.shelf import Reading, Shelf
from dealerproxy.stock.store import Store
from dealerproxy.stock.table import build
from dealerproxy.upstreams.off_sale import OffSale
from tests.stock.cars import car
from tests.support.clock import Clock

SITE = "encar"
# A listing that this version of the service does not know.
UNKNOWN = "unknown"


def reading_of(*numbers: int, at: float, checked_at: float | None = None) -> Reading:
    return Reading(
        table=build(map(car, numbers)),
        read_at=at,
        checked_at=at if checked_at is None else checked_at,
        found=len(numbers),
    )


def numbers_of(reading: Reading | None) -> list[int]:
    assert reading is not None
    numbers: list[int] = reading.table.columns.number.tolist()
    return numbers


class Process:
    """The source of its own readings; `read` reads the cars in `on_offer`."""

    def __init__(self, store: Store, clock: Clock, max_bytes: int = 10_000_000) -> None:
        self.clock, self.store = clock, store
        self.off_sale = OffSale(clock)
        self.shelf = Shelf(SITE, self.off_sale, max_bytes=max_bytes, clock=clock)
        self.readings = Readings(SITE, self, clock=clock)
        self.keeping = Keeping(SITE, self, self.off_sale, store, clock=clock)
        self.on_offer: dict[str, tuple[int, ...]] = {}
        self.read_keys: list[str] = []

    def cost(self, key: str) -> int:
        if key == UNKNOWN:
            raise LookupError(key)
        return 3

    def suspended(self) -> bool:
        return False

    async def read(self, key: str) -> None:
        self.read_keys.append(key)
        self.put(key, *self.on_offer[key])

    async def check(self, key: str) -> None:
        await self.read(key)

    async def restore(self, key: str, reading: Reading) -> None:
        if key == UNKNOWN:
            raise LookupError(key)
        self.shelf.put(key, reading)

    def put(self, key: str, *numbers: int, **times: Any) -> None:
        self.shelf.put(key, reading_of(*numbers, **{"at": self.clock.at, **times}))

    @property
    def shown(self) -> dict[str, list[int]]:
        """The cars that can be bought, by listing."""
        kept = {key: self.shelf.get(key) for key, _ in self.shelf}
        return {
            key: each.reading.table.columns.number[np.flatnonzero(each.alive)].tolist()
            for key, each in kept.items()
            if each is not None
        }
