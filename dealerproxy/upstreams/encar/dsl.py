"""Encar's query language for `q` (the dialect called Ryvuss), written from queries the site itself wrote.

    term    Name.value.                     the last dot ends the term
    range   Name.range(lo..hi).             both bounds, inclusive
    And/Or  (And.item_.item_.item)          `_.` joins; after a term one therefore reads `._.`
    child   (C.Name.value._.item)           the item is read inside the facet; nests to the right

Evidence: the `Action`, `Expression` and `QueryWithPlaceholder` strings of Encar's own facet answers (2023) and
live queries with their counts (2025), for example `(C.CarType.A._.(C.Manufacturer.BMW._.ModelGroup.5시리즈.))`
and `Year.range(202001..202412).`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

_JOIN = "_."
# Values escape only these two, with a leading underscore: `Badge.1_.6 터보.`, `에어백(운전석_)` (62 option facets and
# every other facet with brackets in the captured answers, without exception).
_ESCAPES = str.maketrans({".": "_.", ")": "_)"})


@dataclass(frozen=True, slots=True)
class Term:
    """A facet with one value: `FuelType.가솔린.`."""

    name: str
    value: str

    def __str__(self) -> str:
        return f"{self.name}.{escape(self.value)}."


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds on a number, inclusive: `Price.range(500..3000).`.

    One-ended ranges are reported to return nothing now and then, so both bounds are always written.
    """

    name: str
    low: int
    high: int

    def __str__(self) -> str:
        return f"{self.name}.range({self.low}..{self.high})."


@dataclass(frozen=True, slots=True)
class Child:
    """An item inside a facet: `(C.Manufacturer.기아._.ModelGroup.K5.)`."""

    facet: Term
    item: "Item"

    def __str__(self) -> str:
        return f"(C.{self.facet}{_JOIN}{self.item})"


@dataclass(frozen=True, slots=True)
class And:
    """All of the items. One item needs no group and is written alone."""

    items: tuple["Item", ...]

    def __str__(self) -> str:
        return _group("And", self.items)


@dataclass(frozen=True, slots=True)
class Or:
    """Any of the items. One item needs no group and is written alone."""

    items: tuple["Item", ...]

    def __str__(self) -> str:
        return _group("Or", self.items)


Item = Term | Range | Child | And | Or


def escape(value: str) -> str:
    """Escape a value so that it cannot end its term.

    Raises ValueError for an empty value and for one with an underscore: no facet of Encar's has either, the escape of
    a literal underscore is unknown, and one at the end would escape the dot that ends the term.
    """
    if not value or "_" in value:
        raise ValueError(f"{value!r} cannot be a value of Encar's query language")
    return value.translate(_ESCAPES)


def any_of(name: str, values: Iterable[str]) -> Item:
    """Return a term for one value, an Or of terms for several."""
    return Or(tuple(Term(name, value) for value in values))


def percent_encode(text: str) -> str:
    """Encode for the query string. Brackets and underscores stay readable; `+`, `&`, `#` and blanks are encoded."""
    return quote(text, safe="()_.")


def _group(word: str, items: tuple[Item, ...]) -> str:
    if not items:
        raise ValueError(f"an empty {word} is not a search")
    if len(items) == 1:
        return str(items[0])
    return f"({word}.{_JOIN.join(map(str, items))})"
