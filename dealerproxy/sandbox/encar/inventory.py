"""The invented cars of the stand-in, as a list that can change while it runs.

A seed gives the same cars on every machine and day: no wall clock is used, and the last change of an invented car is
in the weeks before `LAST_CHANGE`. The cars have oddities of the real site: re-advertised copies, lease and
rent offers, cars under contract, placeholder prices, hidden rows, optional keys left out, adverts that ended.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import cycle
from typing import Final

from dealerproxy.sandbox.changes import changed, check_names
from dealerproxy.sandbox.encar.cars import ADVERTISED, Car, Lease
from dealerproxy.sandbox.encar.catalogue import GENERATIONS
from dealerproxy.sandbox.encar.inventing import (
    FIRST_ID,
    FIRST_NEW_ID,
    LAST_CHANGE,
    copy,
    fitting,
    invent,
    settled,
    with_oddities,
)
from dealerproxy.sandbox.encar.trucks import invent_trucks
from dealerproxy.sandbox.progress import Watch, unwatched

__all__ = ["LAST_CHANGE", "Car", "Inventory", "Lease", "generate"]

# How adverts end: the status in their detail, and whether the JSON is still returned.
_ENDS: Final = (("SOLD", False), ("SOLD", True), ("WAIT", False), ("WAIT", True))


class Inventory:
    """The cars by advert id; iteration yields those on offer, `known` those sold or waiting, too.

    Every change increases `version`, so that readers can detect stale caches.
    """

    def __init__(self, cars: Iterable[Car] = (), *, seed: int = 0) -> None:
        self.version = 0
        self._cars: dict[str, Car] = {}
        self._adverts: dict[str, set[str]] = {}
        self._removed: set[str] = set()
        self._rng = random.Random(f"new cars of {seed}")  # noqa: S311 - inventing cars, not secrets
        self._made = 0
        for car in cars:
            self._put(car)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[Car]:
        return (car for car in self._cars.values() if car.status == ADVERTISED)

    def known(self) -> Iterator[Car]:
        """All cars that are not removed: on offer, sold, waiting or anything else."""
        return iter(self._cars.values())

    def by_id(self, car_id: str) -> Car | None:
        """The car with this advert id, on offer or not, or None."""
        return self._cars.get(car_id)

    def of_vehicle(self, vehicle_id: str) -> list[Car]:
        """The adverts that show this vehicle: the original if it is known, then its copies by id."""
        adverts = [self._cars[car_id] for car_id in sorted(self._adverts.get(vehicle_id, ()))]
        return sorted(adverts, key=lambda car: car.is_copy)

    def was_known(self, car_id: str) -> bool:
        """Whether there was an advert with this id: it was removed, or a copy of it is known."""
        return car_id in self._removed or car_id in self._adverts

    def insert(self, car: Car) -> Car:
        """Put a car in (or replace the one with its id) and return it."""
        self._take(car.id)
        self._put(car)
        self.version += 1
        return car

    def change(self, car_id: str, **changes: object) -> Car:
        """Change fields of a car, such as its status, and return the new car.

        Raises KeyError for an unknown car, TypeError for a name that is no field, ValueError for another id.
        """
        return self.insert(changed(self._cars[car_id], changes))

    def remove(self, car_id: str) -> bool:
        """Delete an advert; False if no advert has this id."""
        car = self._take(car_id)
        if car is None:
            return False
        self._removed |= {car.id, car.vehicle_id}
        self.version += 1
        return True

    def new_car(self, **overrides: object) -> Car:
        """Invent an ordinary car (outright sale, shown, real price) that is not on offer yet; newest of all.

        Overrides are fields of `Car`; the rest is invented to fit the given make, group and model where the
        catalogue has them. Raises TypeError for a name that is no field.
        """
        check_names(Car, overrides)
        self._made += 1
        while str(FIRST_NEW_ID + self._made) in self._cars:
            self._made += 1
        car = invent(self._rng, FIRST_NEW_ID + self._made, fitting(self._rng, overrides))
        implied: dict[str, object] = {"modified": LAST_CHANGE + timedelta(seconds=self._made)}
        if "id" in overrides:
            implied["vehicle_id"] = overrides["id"]
        if "year" in overrides:
            implied["form_year"] = str(overrides["year"])[:4]
        return replace(car, **(implied | overrides))  # type: ignore[arg-type]

    def _put(self, car: Car) -> None:
        self._cars[car.id] = car
        self._adverts.setdefault(car.vehicle_id, set()).add(car.id)

    def _take(self, car_id: str) -> Car | None:
        car = self._cars.pop(car_id, None)
        if car is not None:
            self._adverts[car.vehicle_id].discard(car_id)
            if not self._adverts[car.vehicle_id]:
                del self._adverts[car.vehicle_id]
        return car


def generate(seed: int, size: int = 4000, *, trucks: int = 0, watch: Watch = unwatched) -> Inventory:
    """Invent `size` cars on offer: about one in seven a copy, each generation of the catalogue at least once.

    In addition, one in fifty is sold or waiting. `trucks` is how many stand in the truck index besides.
    `watch` sees two steps.
    """
    rng = random.Random(seed)  # noqa: S311
    copies = size // 7
    numbers = iter(rng.sample(range(FIRST_ID, FIRST_NEW_ID), 2 * size))
    rest = max(0, size - copies - len(GENERATIONS))
    weights = [generation.group.weight for generation in GENERATIONS]
    chosen = [*GENERATIONS, *rng.choices(GENERATIONS, weights, k=rest)][: size - copies]
    cars = [with_oddities(rng, invent(rng, next(numbers), generation)) for generation in watch(chosen)]
    cars += [copy(rng, rng.choice(cars), numbers) for _ in range(copies)]
    rng.shuffle(cars)
    ended = [
        replace(invent(rng, next(numbers), rng.choice(GENERATIONS)), status=status, lingers=lingers)
        for (status, lingers), _ in zip(cycle(_ENDS), range(size // 50), strict=False)
    ]
    copied = {car.vehicle_id for car in cars if car.is_copy}
    everything = [*cars, *ended, *invent_trucks(seed, trucks)]
    return Inventory((settled(car, has_copies=car.vehicle_id in copied) for car in watch(everything)), seed=seed)
