"""The types of the look-ups: make, model, option and colour, and the closed sets of words."""

from dataclasses import dataclass
from typing import Literal

Body = Literal["suv", "minivan", "van", "bus", "truck", "sedan", "compact", "wagon", "coupe", "convertible"]
Group = Literal["exterior", "safety", "convenience", "seats"]

SELLER_TYPES = frozenset({"private", "dealer", "brand_certified", "rental_company"})
SELL_TYPES = frozenset({"outright", "lease", "rent"})


class VocabularyError(Exception):
    """An error in a translation file; the message names file, line and problem."""


@dataclass(frozen=True, slots=True)
class MakeFacet:
    """One of Encar's Korean words for a make; `domestic` is its side of the site (CarType Y or N)."""

    korean: str
    code: str | None
    domestic: bool


@dataclass(frozen=True, slots=True)
class Make:
    """A make by the partner's name; Chevrolet and Renault have two facets, all others one."""

    name: str
    facets: tuple[MakeFacet, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """A model group of one make facet; `stock` is its number of adverts at the time of the list."""

    make_facet: str
    korean: str
    name: str
    body: Body | None
    code: str | None
    stock: int


@dataclass(frozen=True, slots=True)
class Option:
    """One option token of the partner API with the Encar facet that filters on it."""

    token: str
    facet: str
    code: str
    name: str
    group: Group


@dataclass(frozen=True, slots=True)
class Colour:
    """One colour facet; `family` is the plain English word for it."""

    korean: str
    name: str
    family: str
