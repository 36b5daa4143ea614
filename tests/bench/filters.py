"""Lists that nobody asked for before: other makes, models, filters and sorts each time, as partners ask."""

import random
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlencode

import numpy as np

from dealerproxy.contract.pricing import least_won
from dealerproxy.settings import DEFAULT_KRW_PER_USD
from dealerproxy.upstreams.car_words import WON_PER_MANWON
from tests.bench.cars import FUELS, GEARS, Cars, Group, by_popularity, len_of

# A page of 48 comes out of every list.
LEAST_CARS, LEAST_FOUND = 400, 48
SORTS = ("price_asc", "price_desc", "mileage_asc", "auction_date_asc")
FUEL_WORDS = {"gasoline": "가솔린", "diesel": "디젤"}


class Question(NamedTuple):
    """One leg, and the path that asks for it."""

    group: Group
    path: str


def questions(cars: Cars, seed: int = 1) -> Iterator[Question]:
    """Yield questions, all different, each with at least 48 cars for an answer."""
    rng = random.Random(seed)
    groups = sorted((group for group in cars.groups if len_of(group) >= LEAST_CARS), key=len_of, reverse=True)
    weights = by_popularity(groups)
    asked: set[str] = set()
    while True:
        (group,) = rng.choices(groups, weights)
        filters: dict[str, str | int] = {"year_min": rng.randrange(2008, 2022)}
        filters["price_max_usd"] = 100 * rng.randrange(80, 500)
        filters["mileage_max_km"] = rng.randrange(60_000, 300_000)
        if rng.random() < 0.4:
            filters["fuel"] = rng.choice(list(FUEL_WORDS))
        if rng.random() < 0.2:
            filters["transmission"] = "auto"
        shown = {"sort": rng.choice(SORTS), "limit": LEAST_FOUND, "upstream": "encar"}
        path = "/v1/vehicles?" + urlencode({"make": group.make.name, "model": group.model.name, **filters, **shown})
        if path not in asked and _found(cars, group, filters) >= LEAST_FOUND:
            asked.add(path)
            yield Question(group, path)


def _found(cars: Cars, group: Group, filters: dict[str, str | int]) -> int:
    rows = slice(group.start, group.end)
    most = least_won(int(filters["price_max_usd"]), DEFAULT_KRW_PER_USD) // WON_PER_MANWON
    kept = (cars.year[rows] >= int(filters["year_min"])) & (cars.mileage[rows] <= int(filters["mileage_max_km"]))
    kept &= cars.price[rows] <= most
    if "fuel" in filters:
        kept &= cars.fuel[rows] == list(FUELS).index(FUEL_WORDS[str(filters["fuel"])])
    if "transmission" in filters:
        kept &= cars.gear[rows] == list(GEARS).index("오토")
    return int(np.count_nonzero(kept))
