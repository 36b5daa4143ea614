"""A listing in columns: numbers packed, the site's words as codes; filtered and sorted without a loop over rows.

A table holds the cars of a listing that can be bought. It has the site's own words, and prices in won. English words
and dollars are made when a row is shown, so a new word or rate needs no new reading.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from dealerproxy.upstreams.paging import Order, year_key
from dealerproxy.vehicles.listing import Listing

C = TypeVar("C")
K = TypeVar("K")
# The site's own words that many cars share, in an order that the site defines.
Words = tuple[str | None, ...]
Column = NDArray[Any]
Mask = NDArray[np.bool_]
Positions = NDArray[np.int64]
# A function that shows rows of a table as listings.
Show = Callable[["Table", Positions], Sequence[Listing]]


# The largest listing id that a table can hold.
MOST_NUMBER = 2**63 - 1


class StockedCar(NamedTuple):
    """One car for sale, as its site lists it.

    `number` is its listing id, at most MOST_NUMBER. Its `kind` has the words that filters may depend on, its `place`
    the others (seller, region). `registered` is YYYYMM, `year` the model year. `vehicle` is the same number for all
    adverts of one car, `original` false for the later ones. `photo` is the thumbnail's address as the site writes it,
    `colour` the site's word if a search by colour found the car.
    """

    number: int
    kind: Words
    place: Words
    year: int
    registered: int
    mileage_km: int
    price_krw: int
    vehicle: int
    original: bool
    photo: str | None = None
    colour: str | None = None


class Bounds(NamedTuple):
    """Inclusive bounds on a row's numbers; None leaves an end open."""

    year_min: int | None = None
    year_max: int | None = None
    mileage_max_km: int | None = None
    price_min_krw: int | None = None
    price_max_krw: int | None = None


class Columns(NamedTuple, Generic[C]):
    """A table's rows, ascending by number: one sequence of type C for each field.

    `kind`, `place` and `colour` are codes (-1 for an unknown colour). A row's photo is between `photo_start` and
    `photo_end` among the photos, in bytes.
    """

    number: C
    kind: C
    place: C
    year: C
    registered: C
    mileage_km: C
    price_krw: C
    vehicle: C
    original: C
    colour: C
    photo_start: C
    photo_end: C


_TYPES: Columns[Any] = Columns(*map(np.dtype, ("i8", "i4", "i4", "i2", "i4", "i4", "i8", "i8", "?", "i2", "i8", "i8")))


class WordLists(NamedTuple):
    """The words of a table's codes."""

    kinds: tuple[Words, ...]
    places: tuple[Words, ...]
    colours: tuple[str, ...]


class Table:
    """The cars of a listing. Immutable. `photos` has the photos' addresses one after another in UTF-8."""

    def __init__(self, columns: Columns[Column], words: WordLists, photos: bytes) -> None:
        self.columns, self.words, self.photos = columns, words, photos
        self._keys: dict[Order, Column] = {}
        self._orders: dict[Order, Positions] = {}

    def __len__(self) -> int:
        return len(self.columns.number)

    @cached_property
    def size_bytes(self) -> int:
        """The approximate size of the table in bytes, with all its orders."""
        words = sum(200 + 2 * len("".join(filter(None, words))) for words in (*self.words.kinds, *self.words.places))
        orders = 2 * len(Order) * self.columns.number.nbytes
        return sum(column.nbytes for column in self.columns) + orders + len(self.photos) + words

    def key(self, order: Order) -> Column:
        """Return each row's key in an order; keys ascend from row to row."""
        if order not in self._keys:
            self._keys[order] = self._key(order)
        return self._keys[order]

    def _key(self, order: Order) -> Column:
        columns = self.columns
        match order:
            case Order.YEAR:
                by_year: Column = year_key(columns.year.astype(np.int64), columns.registered)
                return by_year
            case Order.REGISTERED:
                return -columns.registered.astype(np.int64)
            case Order.PRICE_ASC:
                return columns.price_krw
            case Order.PRICE_DESC:
                return -columns.price_krw
            case Order.MILEAGE_ASC:
                return columns.mileage_km.astype(np.int64)

    def ordered(self, order: Order) -> Positions:
        """Return the positions of all rows in an order: by key, then by number descending."""
        if order not in self._orders:
            self._orders[order] = np.lexsort((-self.columns.number, self.key(order)))
        return self._orders[order]

    def positions(self, numbers: Column) -> Positions:
        """Return the positions of the cars with these numbers; unknown numbers are skipped."""
        if not len(self):
            return np.empty(0, np.int64)
        found = np.searchsorted(self.columns.number, numbers).clip(max=len(self) - 1)
        present: Positions = found[self.columns.number[found] == numbers]
        return present

    def within(self, bounds: Bounds) -> Mask:
        """Return which rows are within bounds."""
        mask = np.ones(len(self), np.bool_)
        for column, low, high in (
            (self.columns.year, bounds.year_min, bounds.year_max),
            (self.columns.mileage_km, None, bounds.mileage_max_km),
            (self.columns.price_krw, bounds.price_min_krw, bounds.price_max_krw),
        ):
            if low is not None:
                mask &= column >= low
            if high is not None:
                mask &= column <= high
        return mask

    def of_kinds(self, wanted: Mask) -> Mask:
        """Return which rows are of a wanted kind; `wanted` is indexed by the code of the kind."""
        mask: Mask = wanted.take(self.columns.kind)
        return mask

    def among(self, numbers: Column) -> Mask:
        """Return which rows have one of these numbers."""
        mask = np.zeros(len(self), np.bool_)
        mask[self.positions(numbers)] = True
        return mask

    def coloured(self, numbers: Column, colour: str) -> "Table":
        """Return a copy in which the cars with these numbers have this colour."""
        colours = self.words.colours if colour in self.words.colours else (*self.words.colours, colour)
        codes = self.columns.colour.copy()
        codes[self.positions(numbers)] = colours.index(colour)
        return Table(self.columns._replace(colour=codes), self.words._replace(colours=colours), self.photos)

    def cars(self, positions: Column) -> list[StockedCar]:
        """Return the cars at these positions, in the given order."""
        columns: Columns[list[Any]] = Columns(*(column.take(positions).tolist() for column in self.columns))
        kinds, places, colours = self.words
        return [
            StockedCar(
                number=columns.number[row],
                kind=kinds[columns.kind[row]],
                place=places[columns.place[row]],
                year=columns.year[row],
                registered=columns.registered[row],
                mileage_km=columns.mileage_km[row],
                price_krw=columns.price_krw[row],
                vehicle=columns.vehicle[row],
                original=columns.original[row],
                photo=self.photos[columns.photo_start[row] : columns.photo_end[row]].decode() or None,
                colour=colours[columns.colour[row]] if columns.colour[row] >= 0 else None,
            )
            for row in range(len(positions))
        ]


class Selection:
    """The rows of a table that a query wants, shown as listings by `show`. `total` is their number."""

    def __init__(self, table: Table, mask: Mask, show: Show) -> None:
        self._table, self._mask, self._show = table, mask, show
        self.total = int(np.count_nonzero(mask))

    def rows(self, order: Order) -> "SelectedRows":
        """Return the rows in an order."""
        ordered = self._table.ordered(order)
        # Several times as fast as indexing by the mask.
        return SelectedRows(self._table, order, ordered.compress(self._mask.take(ordered)), self._show)


class SelectedRows:
    """The rows of a selection in an order, by rank from 0 (`upstreams.stocked.Rows`)."""

    def __init__(
        self,
        table: Table,
        order: Order,
        positions: Positions,
        show: Show,
    ) -> None:
        self._table, self._positions, self._show = table, positions, show
        self._key: Column = table.key(order)

    def __len__(self) -> int:
        return len(self._positions)

    @cached_property
    def _keys(self) -> Column:
        return self._key.take(self._positions)

    def places(self, start: int, end: int) -> Sequence[tuple[int, int]]:
        """Return the key and numeric listing id of the rows from rank `start` up to, not including, `end`."""
        positions = self._positions[start:end]
        return list(
            zip(self._key.take(positions).tolist(), self._table.columns.number.take(positions).tolist(), strict=True)
        )

    def from_key(self, key: int) -> int:
        """Return the rank of the first row whose key is at least `key`."""
        return int(np.searchsorted(self._keys, key, "left"))

    def after(self, key: int, number: int) -> int:
        """Return the rank of the first row after a car with this key and number; the car need not be among the rows."""
        first, end = self.from_key(key), int(np.searchsorted(self._keys, key, "right"))
        numbers = self._table.columns.number[self._positions[first:end]]  # descending
        return first + int(np.searchsorted(-numbers, -number, "right"))

    def listings(self, start: int, end: int) -> Sequence[Listing]:
        """Return the rows from rank `start` up to, not including, `end`."""
        return self._show(self._table, self._positions[start:end])


def build(cars: Iterable[StockedCar]) -> Table:
    """Return a table of these cars; among cars with one number, the last wins."""
    rows = sorted({car.number: car for car in cars}.values())
    kinds: dict[Words, int] = {}
    places: dict[Words, int] = {}
    colours: dict[str | None, int] = {None: -1}
    photos = [(car.photo or "").encode() for car in rows]
    ends = list(accumulate(map(len, photos), initial=0))
    fields: Columns[Sequence[Any]] = Columns(
        number=[car.number for car in rows],
        kind=[kinds.setdefault(car.kind, len(kinds)) for car in rows],
        place=[places.setdefault(car.place, len(places)) for car in rows],
        year=[car.year for car in rows],
        registered=[car.registered for car in rows],
        mileage_km=[car.mileage_km for car in rows],
        price_krw=[car.price_krw for car in rows],
        vehicle=[car.vehicle for car in rows],
        original=[car.original for car in rows],
        colour=[colours.setdefault(car.colour, len(colours) - 1) for car in rows],
        photo_start=ends[:-1],
        photo_end=ends[1:],
    )
    columns = Columns(*(np.array(values, dtype) for values, dtype in zip(fields, _TYPES, strict=True)))
    words = WordLists(tuple(kinds), tuple(places), tuple(filter(None, colours)))
    return Table(columns, words, b"".join(photos))


EMPTY = build(())


def joined(tables: Sequence[Table]) -> Table:
    """Return one table of several; among cars with one number, that of the last table wins."""
    kinds: dict[Words, int] = {}
    places: dict[Words, int] = {}
    colours: dict[str, int] = {}
    parts: list[Columns[Column]] = []
    shift = 0
    for table in tables:
        columns, words = table.columns, table.words
        parts.append(
            columns._replace(
                kind=_recoded(columns.kind, words.kinds, kinds),
                place=_recoded(columns.place, words.places, places),
                colour=np.where(columns.colour < 0, -1, _recoded(columns.colour, words.colours, colours)),
                photo_start=columns.photo_start + shift,
                photo_end=columns.photo_end + shift,
            )
        )
        shift += len(table.photos)
    whole = Columns(*(np.concatenate(pieces) for pieces in zip(*parts, strict=True)))
    # Among equal numbers, the first in the reversed order is the last one.
    _, first = np.unique(whole.number[::-1], return_index=True)
    rows = len(whole.number) - 1 - first
    columns = Columns(*(column[rows].astype(dtype) for column, dtype in zip(whole, _TYPES, strict=True)))
    return Table(columns, WordLists(tuple(kinds), tuple(places), tuple(colours)), b"".join(t.photos for t in tables))


def _recoded(codes: Column, words: Sequence[K], known: dict[K, int]) -> Column:
    """Translate codes into `words` to codes into `known`, which is extended."""
    new = np.array([known.setdefault(word, len(known)) for word in words] or [0], np.int32)
    return new[codes]
