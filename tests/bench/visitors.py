"""What partners' buyers ask for: makes and models by popularity, filters, sorts, further pages, cars. Seeded."""

import random
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, TypeVar
from urllib.parse import urlencode

from tests.bench.cars import Cars, Group, by_popularity, len_of

T = TypeVar("T")
# Of 100 requests so many are cars, and so many further pages; the rest are lists.
CAR_SHARE, PAGE_SHARE = 0.15, 0.23
MODEL_SHARE = 0.75
MAKES_OF_A_LIST = {1: 75, 2: 18, 3: 7}
SORTS = {"auction_date_asc": 45, "price_asc": 30, "mileage_asc": 12, "year_desc": 8, "price_desc": 5}
LIMITS = (20, 24, 48, 50)
# Cars and pages to go on with.
CARS_KEPT, CURSORS_KEPT, CARS_OF_A_LIST = 600, 60, 8


class Filter(NamedTuple):
    """A parameter, the share of lists that have it, and its values."""

    name: str
    share: float
    values: Sequence[str | int]


FILTERS = (
    Filter("year_min", 0.6, range(2012, 2024)),
    Filter("year_max", 0.2, range(2024, 2027)),
    Filter("price_max_usd", 0.45, (5000, 7500, 8000, 10000, 12000, 15000, 18000, 20000, 25000, 30000, 40000)),
    Filter("price_min_usd", 0.15, (1000, 2000, 3000, 4000)),
    Filter("mileage_max_km", 0.35, (30_000, 50_000, 60_000, 80_000, 100_000, 120_000, 150_000)),
    Filter("fuel", 0.25, ("gasoline", "gasoline", "diesel", "hybrid", "electric", "lpg")),
    Filter("transmission", 0.15, ("auto", "auto", "manual")),
    Filter("color", 0.1, ("white", "black", "gray", "silver", "blue", "red")),
    Filter(
        "options_include", 0.1, ("sunroof", "sunroof,navigation", "navigation", "smart_key", "smart_key,rear_camera")
    ),
)


class Visit(NamedTuple):
    """A request; `query` is that of a list without its cursor."""

    kind: Literal["list", "car"]
    path: str
    query: str = ""


class Visitors:
    """Yields visits; what answers hold is asked for later."""

    def __init__(self, cars: Cars, seed: int) -> None:
        self._rng = random.Random(seed)
        makes: dict[str, list[Group]] = {}
        for group in cars.groups:
            makes.setdefault(group.model.make_facet, []).append(group)
        for groups in makes.values():
            groups.sort(key=len_of, reverse=True)
        self._makes = sorted(makes.values(), key=lambda groups: -sum(map(len_of, groups)))
        self._cursors: deque[tuple[str, str]] = deque(maxlen=CURSORS_KEPT)
        self._ids: deque[str] = deque(maxlen=CARS_KEPT)

    def answered(self, query: str, ids: Sequence[str], cursor: str | None) -> None:
        """Note what a list had: somebody goes on with it."""
        self._ids.extend(ids[:CARS_OF_A_LIST])
        if cursor is not None:
            self._cursors.append((query, cursor))

    def next(self) -> Visit:
        """Return the next request."""
        kind = self._rng.random()
        if kind < CAR_SHARE and self._ids:
            return Visit("car", f"/v1/vehicles/{self._rng.choice(self._ids)}")
        if CAR_SHARE <= kind < CAR_SHARE + PAGE_SHARE and self._cursors:
            at = self._rng.randrange(len(self._cursors))
            query, cursor = self._cursors[at]
            del self._cursors[at]
            return Visit("list", f"/v1/vehicles?{query}&{urlencode({'cursor': cursor})}", query)
        query = urlencode(self._list())
        return Visit("list", f"/v1/vehicles?{query}", query)

    def _list(self) -> dict[str, str | int]:
        rng = self._rng
        (number,) = rng.choices(list(MAKES_OF_A_LIST), list(MAKES_OF_A_LIST.values()))
        groups = [self._popular(self._popular(self._makes)) for _ in range(number)]
        asked: dict[str, str | int] = {"source": "dealer", "make": _listed(group.make.name for group in groups)}
        if rng.random() < MODEL_SHARE:
            asked["model"] = _listed(group.model.name for group in groups)
        asked |= {each.name: rng.choice(each.values) for each in FILTERS if rng.random() < each.share}
        (sort,) = rng.choices(list(SORTS), list(SORTS.values()))
        return asked | {"sort": sort, "limit": rng.choice(LIMITS)}

    def _popular(self, things: Sequence[T]) -> T:
        return self._rng.choices(things, by_popularity(things))[0]


def _listed(words: Iterable[str]) -> str:
    return ",".join(dict.fromkeys(words))
