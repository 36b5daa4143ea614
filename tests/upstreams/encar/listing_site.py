"""A search of Encar's in memory: pages of invented cars, with faults by the call. Asked as EncarClient.search is."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

import orjson

T = TypeVar("T")

_PRICE = re.compile(r"Price\.range\((\d+)\.\.(\d+)\)")
_GROUP = re.compile(r"ModelGroup\.([^.]*)\.")


class Car(NamedTuple):
    """One advert; `modified` orders the newest-first sort."""

    number: int
    price: float = 1000.0
    generation: str = "더 뉴 쏘렌토 4세대"
    group: str = "쏘렌토"
    modified: int = 0
    extra: tuple[tuple[str, Any], ...] = ()

    def row(self) -> dict[str, Any]:
        return {
            "Id": str(self.number),
            "Manufacturer": "기아",
            "Model": self.generation,
            "Badge": "디젤 2.2 4WD",
            "FuelType": "디젤",
            "Transmission": "오토",
            "Year": 202305.0,
            "FormYear": "2023",
            "Mileage": 41250.0,
            "Price": float(self.price),
            "SellType": "일반",
            **dict(self.extra),
        }


class Ask(NamedTuple):
    """One call."""

    q: str
    sort: str
    offset: int
    limit: int


class Trouble(NamedTuple):
    """What is wrong with one answer.

    At most `cap` rows, another count (`counted`), the rows of the first page (`repeat`), the first rows once more in
    place of the last ones (`doubled`), no rows (`empty`), only this share of all cars (`kept`), an error instead, a
    field that cannot be read in every n-th row (`spoilt`).
    """

    cap: int | None = None
    counted: int | None = None
    repeat: bool = False
    doubled: int = 0
    empty: bool = False
    kept: float = 1.0
    error: Exception | None = None
    spoilt: int | None = None
    field: str = "Mileage"


FINE = Trouble()


class ListingSite:
    """`troubles` are those of one call after the other; the last one stays. `calls` holds what was asked."""

    def __init__(self, cars: list[Car], *troubles: Trouble) -> None:
        self.cars, self.calls = cars, list[Ask]()
        # What the facets count of each group, if not what there is; or how they fail.
        self.facet_counts: dict[str, int] | Exception | None = None
        self.fail(*troubles)
        self.before_each: Callable[[int], None] = lambda call: None

    def fail(self, *troubles: Trouble) -> None:
        """Have these troubles from the next call on."""
        self._troubles: Iterator[Trouble] = iter(troubles)
        self._trouble = FINE

    async def search(
        self, q: str, read: Callable[[bytes], T], *, sort: str, offset: int, limit: int, within_s: float
    ) -> T:
        self.before_each(len(self.calls))
        self.calls.append(Ask(q, sort, offset, limit))
        trouble = self._trouble = next(self._troubles, self._trouble)
        if trouble.error is not None:
            raise trouble.error
        found = self._found(q, sort)
        found = found[: round(len(found) * trouble.kept)]
        start = 0 if trouble.repeat else offset
        rows = [car.row() for car in found[start : start + min(limit, 500)]]
        rows = rows[: trouble.cap]
        if trouble.doubled and offset and rows:
            rows = [car.row() for car in found[: trouble.doubled]] + rows[: -trouble.doubled]
        if trouble.spoilt:
            for row in rows[:: trouble.spoilt]:
                row[trouble.field] = {"unreadable": True}
        count = len(found) if trouble.counted is None else trouble.counted
        return read(orjson.dumps({"Count": float(count), "SearchResults": [] if trouble.empty else rows}))

    async def facets(self, q: str, read: Callable[[bytes], T], *, within_s: float) -> T:
        if isinstance(self.facet_counts, Exception):
            raise self.facet_counts
        counts = self.facet_counts if self.facet_counts is not None else Counter(car.group for car in self.cars)
        facets = [{"Value": group, "Count": float(count)} for group, count in counts.items()]
        return read(orjson.dumps({"iNav": {"Nodes": [{"Name": "ModelGroup", "Facets": facets}]}}))

    def _found(self, q: str, sort: str) -> list[Car]:
        price, group = _PRICE.search(q), _GROUP.search(q)
        low, high = (int(price[1]), int(price[2])) if price else (0, 10**9)
        found = [car for car in self.cars if low <= car.price <= high and (not group or car.group == group[1])]
        if sort == "ModifiedDate":
            return sorted(found, key=lambda car: -car.modified)
        assert sort == "PriceAsc"
        return sorted(found, key=lambda car: car.price)
