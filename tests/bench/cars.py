"""Invented cars in the number of the real sites: of each of Encar's model groups as many as the vocabulary counts.

They are kept in columns and found without a loop over them, so that a site with 200,000 cars takes little of the
machine it shares with what is measured.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from dealerproxy.sandbox.encar.cars import Car
from dealerproxy.sandbox.encar.inventory import Inventory
from dealerproxy.sandbox.encar.query_language import Range, Term, parse, terms
from dealerproxy.sandbox.encar.rows import premium
from dealerproxy.vocabulary import Make, Model, Vocabulary

FIRST_ID = 40_000_000
THIS_YEAR = 2026
# Words and how often they come.
FUELS = {"가솔린": 50, "디젤": 25, "가솔린+전기": 13, "LPG(일반인 구입)": 7, "전기": 5}
GEARS = {"오토": 98, "수동": 2}
COLOURS = {"흰색": 34, "검정색": 26, "쥐색": 18, "은색": 10, "청색": 7, "빨간색": 5}
OPTIONS = ("선루프", "통풍시트(운전석)", "내비게이션", "열선시트(앞좌석)", "스마트키", "후방 카메라")
OPTION_SHARE = 0.6
ENGINES = ("1.6", "2.0", "2.2", "2.5", "3.0", "3.5")
GRADES = ("스마트", "모던", "프레스티지", "노블레스", "시그니처", "익스클루시브", "럭셔리", "프리미엄")

Column = NDArray[np.int64]


class Group(NamedTuple):
    """A model group of a make: its cars are those from row `start` to before row `end`."""

    make: Make
    model: Model
    start: int
    end: int


class Cars:
    """Encar's cars, make by make; at most `most` of them. The same on every machine and day."""

    def __init__(self, vocabulary: Vocabulary, most: float = math.inf, seed: int = 1) -> None:
        self.groups = list(_groups(vocabulary, most))
        size = self.groups[-1].end
        chance = np.random.default_rng(seed)
        # Half of the cars are younger than four years, none is older than twenty.
        age = np.minimum(20, chance.gamma(2.2, 2.4, size)).astype(np.int64)
        new_price = np.repeat(chance.uniform(1_500, 6_000, len(self.groups)), [len_of(each) for each in self.groups])
        self.year = THIS_YEAR - age
        self.registered = 100 * self.year + chance.integers(1, 13, size)
        self.price = np.maximum(90, new_price * 0.88**age * chance.uniform(0.85, 1.15, size)).astype(np.int64)
        self.mileage = np.maximum(10, chance.normal(14_000 * age + 6_000, 9_000)).astype(np.int64)
        self.fuel, self.gear, self.colour = (_drawn(chance, words, size) for words in (FUELS, GEARS, COLOURS))
        self.options = chance.random((len(OPTIONS), size)) < OPTION_SHARE
        self.engine, self.grade = (chance.integers(0, len(words), size) for words in (ENGINES, GRADES))
        self._like = Inventory().new_car(manufacturer=self.groups[0].model.make_facet)
        self._starts = np.array([group.start for group in self.groups])

    def __len__(self) -> int:
        return len(self.year)

    def find(self, q: str, sort: str) -> Column:
        """Return the rows that a query of Encar's finds, in an order of Encar's. Raises Malformed."""
        words: dict[str, list[str]] = {}
        ranges: list[Range] = []
        for term in terms(parse(q)):
            if isinstance(term, Term):
                words.setdefault(term.name, []).append(term.value)
            elif isinstance(term, Range):
                ranges.append(term)
        rows = self._rows_of(words)
        kept = np.ones(len(rows), np.bool_)
        for name, column, known in (
            ("FuelType", self.fuel, FUELS),
            ("Transmission", self.gear, GEARS),
            ("Color", self.colour, COLOURS),
        ):
            if name in words:
                kept &= np.array([word in words[name] for word in known])[column[rows]]
        for option in words.get("Options", ()):
            kept &= self.options[OPTIONS.index(option), rows] if option in OPTIONS else np.False_
        for each in ranges:
            values = {"Year": self.registered, "Price": self.price, "Mileage": self.mileage}[each.name][rows]
            kept &= (values >= (each.lo or 0)) & (values <= (each.hi or math.inf))
        found = rows[kept]
        keys = {"PriceAsc": self.price, "PriceDesc": -self.price, "MileageAsc": self.mileage, "Year": -self.registered}
        return found[np.lexsort((-found, keys[sort][found]))] if sort in keys else found[::-1]

    def counts(self, facet: str | None = None) -> Mapping[str, int]:
        """Return how many cars each of the makes' facets has, or each model group of one of them."""
        counts = Counter[str]()
        for each in self.groups:
            if facet is None or each.model.make_facet == facet:
                counts[each.model.make_facet if facet is None else each.model.korean] += len_of(each)
        return counts

    def answer(self, found: Column, offset: int, limit: int) -> bytes:
        """Return the answer with some of the rows that were found."""
        rows = [premium(self.car(int(row))) for row in found[offset : offset + limit]]
        return orjson.dumps({"Count": len(found), "SearchResults": rows})

    def car(self, row: int) -> Car:
        """Return a car in full."""
        model = self.groups[int(np.searchsorted(self._starts, row, "right")) - 1].model
        number = str(FIRST_ID + row)
        return replace(
            self._like,
            id=number,
            vehicle_id=number,
            manufacturer=model.make_facet,
            model_group=model.korean,
            model=model.korean,
            badge=ENGINES[self.engine[row]],
            badge_detail=GRADES[self.grade[row]],
            fuel=tuple(FUELS)[self.fuel[row]],
            transmission=tuple(GEARS)[self.gear[row]],
            colour=tuple(COLOURS)[self.colour[row]],
            options=frozenset(option for option, has in zip(OPTIONS, self.options[:, row], strict=True) if has),
            year=int(self.registered[row]),
            form_year=str(self.year[row]),
            mileage=int(self.mileage[row]),
            price=int(self.price[row]),
        )

    def by_id(self, number: str) -> Car | None:
        """Return the car with a listing id; None if there is none."""
        row = int(number) - FIRST_ID if number.isdecimal() else -1
        return self.car(row) if 0 <= row < len(self) else None

    def _rows_of(self, words: dict[str, list[str]]) -> Column:
        """Return the rows of the makes and groups that a query names."""
        makes, groups = words.get("Manufacturer"), words.get("ModelGroup")
        wanted = (
            np.arange(each.start, each.end)
            for each in self.groups
            if (makes is None or each.model.make_facet in makes) and (groups is None or each.model.korean in groups)
        )
        return np.concatenate([np.empty(0, np.int64), *wanted])


def len_of(group: Group) -> int:
    """Return how many cars a group has."""
    return group.end - group.start


def _groups(vocabulary: Vocabulary, most: float) -> Iterator[Group]:
    """Yield the groups that have cars, until there are enough."""
    start = 0
    for make in vocabulary.makes:
        for model in sorted(vocabulary.models_of(make), key=lambda model: model.make_facet):
            end = int(min(most, start + model.stock))
            if end > start:
                yield Group(make, model, start, end)
            start = end


def _drawn(chance: np.random.Generator, words: dict[str, int], size: int) -> Column:
    """Return codes of words, as often as they come."""
    shares = np.array(list(words.values())) / sum(words.values())
    return chance.choice(len(words), size, p=shares)


def by_popularity(things: Sequence[object]) -> Sequence[float]:
    """Return how often each is asked for: the second half as often as the first, the third a third."""
    return [1 / place for place in range(1, len(things) + 1)]
