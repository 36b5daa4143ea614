"""The service's searches of Encar: one make, at most one model group, and the filters that Encar can apply."""

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct
from yarl import URL

from dealerproxy.upstreams.encar.dsl import And, Child, Item, Or, Range, Term, any_of, percent_encode

# The only list view with Transmission on every row (500 of 500 captured).
VIEW = "premium"
SEARCH_PATH = "search/car/list/{view}"
# Trucks, special vehicles and buses are in an index of their own.
TRUCK_PATH = "search/truck/list/{view}"
# Open ends are written as numbers that no car reaches: open ranges are reported to return nothing now and then.
ANY_MONTH = (190001, 999912)
ANY_NUMBER = (0, 999_999)
# `Hidden.N` is in every query of the site's pages; `SellType.일반` (outright sale) excludes lease and rental offers.
_OFFERED = (Term("Hidden", "N"), Term("SellType", "일반"))


_WINDOW = re.compile(r"\|(\w*)\|([0-9]{1,9})\|([0-9]{1,9})", re.ASCII)


class Window(NamedTuple):
    """Rows of a search: at most `limit` from `offset` (from 0) on, in the order of the site's word `sort`."""

    sort: str
    offset: int
    limit: int

    @property
    def is_count(self) -> bool:
        """Whether only the count is wanted; such a search fetches one row, because it cannot fetch none."""
        return (self.offset, self.limit) == (0, 1)


class Search(Struct, frozen=True, kw_only=True):
    """One search. Facets are Encar's own Korean words; bounds are inclusive.

    `registered` is YYYYMM of the first registration, `mileage` km, `price` 만원 (10,000 won).
    """

    make: str
    model_group: str | None = None
    registered: tuple[int, int] | None = None
    mileage: tuple[int, int] | None = None
    price: tuple[int, int] | None = None
    fuels: tuple[str, ...] = ()
    transmissions: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


class TruckSearch(Struct, frozen=True, kw_only=True):
    """One search of the truck index: the index's own words, bounds as in `Search`."""

    maker: str
    models: tuple[str, ...] = ()
    registered: tuple[int, int] | None = None
    mileage: tuple[int, int] | None = None
    price: tuple[int, int] | None = None


AnySearch = Search | TruckSearch


def q(search: Search) -> str:
    """Write the search in Encar's query language, nested as in the site's own queries.

    CarType.A means domestic and import alike: a make on the wrong side silently counts 0.
    """
    maker = Term("Manufacturer", search.make)
    car = maker if search.model_group is None else Child(maker, Term("ModelGroup", search.model_group))
    filters = itertools.chain.from_iterable(filters_of(search).values())
    return str(And((*_OFFERED, Child(Term("CarType", "A"), car), *filters)))


def filters_of(search: Search) -> Mapping[str, Sequence[Item]]:
    """Return the filters of a search by Encar's name, in the order of a query."""
    items: dict[str, Sequence[Item]] = {each.name: [each] for each in ranges(search)}
    items |= {
        name: [any_of(name, values)]
        for name, values in (
            ("FuelType", search.fuels),
            ("Transmission", search.transmissions),
            ("Color", search.colours),
        )
        if values
    }
    # The site repeats the term under And if a car must have several options.
    return items | {"Options": [Term("Options", option) for option in search.options]}


def trucks_q(search: TruckSearch) -> str:
    """Write a search of the truck index: no CarType, ModelGroup or SellType, which find nothing there.

    One model is nested in its maker; several are in an Or beside it. Public programs send both forms.
    """
    maker = Term("Manufacturer", search.maker)
    found = any_of("Model", search.models) if search.models else None
    wanted: tuple[Item, ...] = (maker,) if found is None else (maker, found)
    if len(search.models) == 1:
        wanted = (Child(maker, Term("Model", *search.models)),)
    return str(And((Term("Hidden", "N"), *wanted, *ranges(search))))


def query_of(search: AnySearch) -> str:
    """Write a search in the words of its index."""
    return trucks_q(search) if isinstance(search, TruckSearch) else q(search)


def ranges(search: AnySearch) -> list[Range]:
    """Write the bounds of a search."""
    axes = (("Year", search.registered), ("Mileage", search.mileage), ("Price", search.price))
    return [Range(name, *bounds) for name, bounds in axes if bounds is not None]


def makes_q() -> str:
    """Return the query for all cars on both sides of the site; its facets have the makes of each side."""
    return str(And((*_OFFERED, Or((Term("CarType", "Y"), Term("CarType", "N"))))))


def models_q(make: str, *, domestic: bool) -> str:
    """Return the query for one make's cars on its side of the site; its facets have the model groups."""
    side = Term("CarType", "Y" if domestic else "N")
    return str(And((*_OFFERED, Child(side, Term("Manufacturer", make)))))


def search_url(base: URL, query: str, sort: str, offset: int, limit: int, *, path: str = SEARCH_PATH) -> URL:
    """Return the address of one page of a search. `sr` counts rows, not pages; its pipes are sent as %7C."""
    return _list_url(base, path, query, f"sr={percent_encode(f'|{sort}|{offset}|{limit}')}")


def window_of(url: URL) -> Window | None:
    """Return the rows that a search's address names; None if it names none, or they cannot be read."""
    match = _WINDOW.fullmatch(url.query.get("sr", ""))
    return Window(match[1], int(match[2]), int(match[3])) if match else None


def facets_url(base: URL, query: str) -> URL:
    """Return the address of a search's facets; without `sr` the answer has no rows."""
    return _list_url(base, SEARCH_PATH, query, f"inav={percent_encode('|Metadata|Sort')}")


def _list_url(base: URL, path: str, query: str, rest: str) -> URL:
    place = f"{base.raw_path.rstrip('/')}/{path.format(view=VIEW)}"
    return URL(f"{base.origin()}{place}?count=true&q={percent_encode(query)}&{rest}", encoded=True)
