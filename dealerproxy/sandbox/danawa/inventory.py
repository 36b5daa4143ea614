"""The invented cars of the Danawa stand-in, as a list that can change while it runs.

A seed gives the same cars on every machine and day. Some of them may be cars of Encar's inventory, advertised here as
well. The list has invented oddities: two naming styles, other feeders, cars that are off sale.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import replace

from dealerproxy.sandbox.changes import changed, check_names
from dealerproxy.sandbox.danawa.cars import MARKS, MPARK, Check, DanawaCar
from dealerproxy.sandbox.danawa.catalogue import GENERATIONS, Generation
from dealerproxy.sandbox.danawa.inventing import FIRST_ID, FIRST_NEW_ID, fitting, invent, twin, with_oddities
from dealerproxy.sandbox.encar.cars import Car
from dealerproxy.sandbox.progress import Watch, unwatched

__all__ = ["MARKS", "MPARK", "Check", "DanawaCar", "DanawaInventory", "generate_danawa"]


class DanawaInventory:
    """The cars of the list by the feeder's number, those that are marked as sold or reserved included.

    Every change increases `version`, so that readers can detect stale caches.
    """

    def __init__(self, cars: Iterable[DanawaCar] = (), *, seed: int = 0) -> None:
        self.version = 0
        self._cars = {car.id: car for car in cars}
        self._rng = random.Random(f"new Danawa cars of {seed}")  # noqa: S311 - inventing cars, not secrets
        self._made = 0

    def __len__(self) -> int:
        return len(self._cars)

    def __iter__(self) -> Iterator[DanawaCar]:
        return iter(self._cars.values())

    def by_id(self, car_id: str) -> DanawaCar | None:
        """The car with this number, or None."""
        return self._cars.get(car_id)

    def insert(self, car: DanawaCar) -> DanawaCar:
        """Put a car in (or replace the one with its number) and return it."""
        self._cars[car.id] = car
        self.version += 1
        return car

    def change(self, car_id: str, **changes: object) -> DanawaCar:
        """Change fields of a car, such as its mark, and return the new car.

        Raises KeyError for an unknown car, TypeError for a name that is no field, ValueError for another id.
        """
        return self.insert(changed(self._cars[car_id], changes))

    def remove(self, car_id: str) -> bool:
        """Take a car off the list and from its feeder; False if no car has this number."""
        if self._cars.pop(car_id, None) is None:
            return False
        self.version += 1
        return True

    def new_car(self, **overrides: object) -> DanawaCar:
        """Invent an ordinary car (M-Park's, free, with an inspection) that is not on the list yet.

        Overrides are fields of `DanawaCar`; the rest, the codes too, is invented to fit the given brand, series and
        model where the catalogue has them. Raises TypeError for a name that is no field.
        """
        check_names(DanawaCar, overrides)
        car = invent(self._rng, self._next_number(), fitting(self._rng, overrides))
        implied: dict[str, object] = {}
        if isinstance(year := overrides.get("year"), int):
            implied["registered"] = year * 100 + car.registered % 100
        return replace(car, **(implied | overrides))  # type: ignore[arg-type]

    def new_twin(self, car: Car, **overrides: object) -> DanawaCar:
        """Invent the row of a car that is also at Encar; it is not on the list yet.

        Raises ValueError for a car that would not be shown here, TypeError for a name that is no field.
        """
        check_names(DanawaCar, overrides)
        same = twin(self._rng, self._next_number(), car)
        if same is None:
            raise ValueError(f"Danawa would not show {car.manufacturer} {car.model} ({car.id})")
        return replace(same, **overrides)  # type: ignore[arg-type]

    def _next_number(self) -> int:
        self._made += 1
        while str(FIRST_NEW_ID + self._made) in self._cars:
            self._made += 1
        return FIRST_NEW_ID + self._made


def generate_danawa(
    seed: int, size: int = 900, also: Iterable[Car] = (), *, watch: Watch = unwatched
) -> DanawaInventory:
    """Invent `size` cars, each generation of the catalogue at least once where there is room for it.

    Up to an eighth of them, and at least one, are cars of `also`, Encar's: as many as there are that both sites would
    show. Those are free, of M-Park and still there, so each of them is truly on offer twice. `watch` sees one step.
    """
    rng = random.Random(f"Danawa {seed}")  # noqa: S311
    numbers = iter(rng.sample(range(FIRST_ID, FIRST_NEW_ID), 2 * size + 1))
    shown = [same for car in watch(tuple(also)) if (same := twin(rng, FIRST_ID, car)) is not None]
    most = min(len(shown), max(1, size // 8), size)
    rest = max(0, size - most - len(GENERATIONS))
    weights = [generation.series.weight for generation in GENERATIONS]
    chosen = [*GENERATIONS, *rng.choices(GENERATIONS, weights, k=rest)][: size - most]
    named_otherwise = _second_manner(rng, chosen)
    own = [invent(rng, next(numbers), one, second=at in named_otherwise) for at, one in enumerate(chosen)]
    cars = with_oddities(rng, own) + [replace(same, id=str(next(numbers))) for same in rng.sample(shown, most)]
    rng.shuffle(cars)
    return DanawaInventory(cars, seed=seed)


def _second_manner(rng: random.Random, chosen: list[Generation]) -> set[int]:
    """Return the positions named in the second style: one of each brand with its own label there, and more."""
    labelled: dict[str, list[int]] = {}
    for at, generation in enumerate(chosen):
        if generation.series.brand.second != generation.series.brand.label:
            labelled.setdefault(generation.series.brand.label, []).append(at)
    return {rng.choice(places) for places in labelled.values()} | {
        at for at in range(len(chosen)) if rng.random() < 0.04
    }
