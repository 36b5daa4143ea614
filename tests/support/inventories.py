"""The generated inventories of the stand-ins, each invented once: only which cars are there ever changes."""

from collections.abc import Iterable
from functools import lru_cache

from dealerproxy.sandbox.danawa import inventory as danawa
from dealerproxy.sandbox.danawa.cars import DanawaCar
from dealerproxy.sandbox.encar import inventory as encar
from dealerproxy.sandbox.encar.cars import Car


def generate(seed: int, size: int, *, trucks: int = 0) -> encar.Inventory:
    """Like `generate` of the stand-in for Encar: a new inventory of the same cars."""
    return encar.Inventory(_encar_cars(seed, size, trucks), seed=seed)


def generate_danawa(seed: int, size: int, also: Iterable[Car] = ()) -> danawa.DanawaInventory:
    """Like `generate_danawa` of the stand-in for Danawa: a new inventory of the same cars."""
    return danawa.DanawaInventory(_danawa_cars(seed, size, tuple(also)), seed=seed)


@lru_cache(maxsize=16)
def _encar_cars(seed: int, size: int, trucks: int) -> tuple[Car, ...]:
    return tuple(encar.generate(seed, size, trucks=trucks).known())


@lru_cache(maxsize=16)
def _danawa_cars(seed: int, size: int, also: tuple[Car, ...]) -> tuple[DanawaCar, ...]:
    return tuple(danawa.generate_danawa(seed, size, also))
