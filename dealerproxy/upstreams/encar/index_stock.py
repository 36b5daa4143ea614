"""Listings of one of Encar's indexes in stock: how they are read, and how they answer legs.

`stock` (cars) and `truck_stock` (trucks) define the listings of an index, and which of them answers a leg.
"""

import asyncio
import math
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import repeat
from typing import NamedTuple

import numpy as np
from cachetools import TTLCache
from msgspec.structs import replace

from dealerproxy.stock.ages import Chosen, stocked_leg
from dealerproxy.stock.readings import Readings
from dealerproxy.stock.selecting import KindFilter, Pick
from dealerproxy.stock.shelf import Kept, Reading, Shelf
from dealerproxy.stock.showing import ShownRows
from dealerproxy.stock.table import EMPTY, Mask, Positions, StockedCar, Table, Words, build, joined
from dealerproxy.transport.errors import UpstreamError
from dealerproxy.upstreams.absence import NoteRows, unwatched
from dealerproxy.upstreams.encar.addresses import UPSTREAM
from dealerproxy.upstreams.encar.kinds import listing_of, template
from dealerproxy.upstreams.encar.leg import EncarLeg
from dealerproxy.upstreams.encar.query import AnySearch
from dealerproxy.upstreams.encar.rows import SearchTarget
from dealerproxy.upstreams.encar.whole import WholeListing, WholeReader
from dealerproxy.upstreams.query import RowFilter
from dealerproxy.upstreams.stocked import StockedLeg
from dealerproxy.vehicles.listing import LeftOutReason, Listing
from dealerproxy.vocabulary import Vocabulary

# Kinds that are translated without yielding to the event loop.
SLICE_KINDS = 20
# The approximate share of a listing's cars that have one facet.
FACET_SHARE = 0.5
# If a check's count differs from the last reading by more than this, the listing is read again.
COUNT_DIFFERS = 0.05
COUNT_FEW = 20
LEGS_NOTED = 4_096
# Encar's facets that rows do not show.
COLOUR, OPTION = "Color", "Options"


class ListingKey(NamedTuple):
    """A listing: all cars of a make's facet or of one model group, or only those with one more facet's value."""

    facet: str
    group: str | None = None
    axis: str | None = None
    value: str | None = None

    @property
    def base(self) -> "ListingKey":
        """The listing without the facet's value."""
        return self._replace(axis=None, value=None)

    def __str__(self) -> str:
        return "\t".join(part or "" for part in self)

    @classmethod
    def of(cls, text: str) -> "ListingKey":
        """Return the key of a text."""
        facet, *rest = text.split("\t")
        return cls(facet, *(part or None for part in rest))


class Base(NamedTuple):
    """A listing that answers a target, and what to pick from it, None for all of its cars."""

    key: ListingKey
    kept: Kept
    pick: Pick | None


class IndexStock(ABC):
    """Reads listings and answers legs from them. It is the source of its own `readings`."""

    def __init__(
        self,
        reader: WholeReader,
        vocabulary: Vocabulary,
        shelf: Shelf,
        *,
        trouble: Callable[[], UpstreamError | None],
        fresh_s: float,
        listed: NoteRows = unwatched,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """A search repeated within `fresh_s` seconds would have been answered from the cache.

        `trouble` returns why the index cannot be searched now; `listed` is called with the shown rows and their age in
        seconds.
        """
        self._reader, self._vocabulary, self.shelf = reader, vocabulary, shelf
        self._trouble, self._listed, self._clock = trouble, listed, clock
        self._kinds, self._rows = KindFilter(self._template), ShownRows(partial(listing_of, vocabulary=vocabulary))
        self._asked: TTLCache[tuple[str, str], bool] = TTLCache(LEGS_NOTED, fresh_s, timer=clock)
        self.readings = Readings(UPSTREAM, self, clock=clock)

    # Decided by each index

    @abstractmethod
    def _base(self, target: SearchTarget) -> Base | None:
        """Return the newest listing that answers a target."""

    @abstractmethod
    def _unit(self, target: SearchTarget) -> ListingKey:
        """Return the listing to read for a target."""

    @abstractmethod
    def _asked_for(self, listing: ListingKey) -> tuple[AnySearch, SearchTarget]:
        """Return the search for a listing, and its target. Raises LookupError for an impossible listing."""

    @abstractmethod
    def _counted(self, listing: ListingKey) -> int:
        """Return how many cars a listing without a facet's value had when the vocabulary was made; 0 if unknown."""

    # Legs

    def stocked(self, leg: EncarLeg, keep: RowFilter) -> StockedLeg | None:
        """Return the matching rows of a leg; None if a listing that it needs is not in stock."""
        found = self._selected(leg, keep)
        if found is None:
            return None
        stocked, keys = found
        self._note_spared(leg, keys)
        return stocked

    def peek(self, leg: EncarLeg, keep: RowFilter) -> StockedLeg | None:
        """Return the result of `stocked`, without counting it as demand."""
        found = self._selected(leg, keep)
        return None if found is None else found[0]

    def fetched(self, leg: EncarLeg) -> None:
        """Note that a leg was read live: the listings that it lacked in stock would have spared the call."""
        base = self._base(leg.asked)
        if base is None:
            self.readings.asked(str(self._unit(leg.asked)))
            return
        for keys in _facet_keys(leg):
            for key in keys:
                if self.shelf.get(str(key)) is None:
                    self.readings.asked(str(key), 1 / len(keys))

    def _selected(self, leg: EncarLeg, keep: RowFilter) -> tuple[StockedLeg, Sequence[ListingKey]] | None:
        """Return the matching rows of a leg, and the listings that have them."""
        base = self._base(leg.asked)
        if base is None:
            return None
        kept, table = base.kept, base.kept.reading.table
        sets: list[tuple[Kept, Mask]] = []
        keys = [base.key]
        for choice in _facet_keys(leg):
            held = [found for key in choice if (found := self.shelf.get(str(key))) is not None]
            if len(held) < len(choice):
                return None
            sets += zip(held, repeat(_any_of(table, [each.reading for each in held])))
            keys += choice
        # The left-out cars of a make's listing are not known by group.
        left_out = kept.reading.left_out_of(None) if base.pick is None else Counter[LeftOutReason]()
        chosen = Chosen(kept, self._wanted(base, leg.asked, keep), left_out, sets)
        now = self._clock()
        show = partial(self._show, max(0.0, now - kept.reading.read_at))
        stocked = stocked_leg(chosen, keep, show, now, trouble=self._trouble())
        return stocked._replace(confirmed=self._confirmed(base, leg.asked)), keys

    def _wanted(self, base: Base, target: SearchTarget, keep: RowFilter) -> Mask:
        """Return which rows of a listing match the target and the words of a filter."""
        return self._kinds.mask(base.kept.reading.table, keep, base.pick)

    def _confirmed(self, base: Base, target: SearchTarget) -> bool:
        """Whether a listing without cars of a target proves that there are none."""
        return True

    def _note_spared(self, leg: EncarLeg, keys: Sequence[ListingKey]) -> None:
        """Note the spared call, unless the cache would have spared it too."""
        if (leg.q, leg.sort) in self._asked:
            return
        self._asked[leg.q, leg.sort] = True
        self.readings.asked(str(keys[0]), from_stock=True)
        for key in keys[1:]:
            self.readings.asked(str(key))

    def _show(self, age_s: float, table: Table, positions: Positions) -> Sequence[Listing]:
        rows = self._rows(table, positions)
        self._listed(tuple(rows), age_s)
        return rows

    def _template(self, words: Words) -> Listing | None:
        return template(words, self._vocabulary).listing

    # Readings

    def cost(self, key: str) -> int:
        """Return the approximate number of calls of a reading."""
        listing, last = ListingKey.of(key), self.shelf.peek(key)
        if last is not None:
            cars = float(last.found)
        else:
            cars = self._cars(listing.base) * (1.0 if listing.axis is None else FACET_SHARE)
        return max(1, math.ceil(cars / self._reader.page_rows))

    def suspended(self) -> bool:
        """Whether searches of the index are blocked now."""
        return self._trouble() is not None

    async def read(self, key: str) -> None:
        """Read a listing and store it. Raises UpstreamError, and keeps the old one."""
        listing = ListingKey.of(key)
        try:
            reading = await self._read(listing)
        except UpstreamError as error:
            self.shelf.failed(key, error)
            raise
        self._keep(listing, reading)

    async def restore(self, key: str, reading: Reading) -> None:
        """Store a reading that another process made, or this one before a restart."""
        await self._prepare(reading.table)
        self.shelf.put(key, reading)

    async def check(self, key: str) -> None:
        """Look for new and changed cars in a listing; read it again if there are many. Raises UpstreamError."""
        kept, listing = self.shelf.get(key), ListingKey.of(key)
        if kept is None or listing.axis is not None:
            await self.read(key)
            return
        reading, began_at = kept.reading, self._clock()
        try:
            checked = await self._reader.check(*self._asked_for(listing), partial(_stands, reading.table))
        except UpstreamError as error:
            self.shelf.failed(key, error)
            raise
        differs = abs(checked.total - reading.found)
        if not checked.settled or differs > max(COUNT_FEW, COUNT_DIFFERS * reading.found):
            await self.read(key)
            return
        table = reading.table
        if checked.cars:
            table = await asyncio.to_thread(lambda: joined([table, build(checked.cars)]))
            await self._prepare(table)
        self._keep(listing, replace(reading, table=table, checked_at=began_at))

    def _keep(self, listing: ListingKey, reading: Reading) -> None:
        self.shelf.put(str(listing), reading)

    async def _read(self, listing: ListingKey) -> Reading:
        last = self.shelf.peek(str(listing))
        search, target = self._asked_for(listing)
        # A count from another answer saves the call that looks behind the last row.
        known = last.found if last is not None else 0 if listing.axis is not None else self._counted(listing)
        whole = await self._reader.read_whole(
            search, target, before=last.found if last else None, expected=known or None
        )
        return await self._made(whole, numbers_only=listing.axis is not None)

    async def _made(self, whole: WholeListing, *, numbers_only: bool) -> Reading:
        cars = whole.cars
        if numbers_only:
            table, numbers = EMPTY, np.array(sorted(car.number for car in cars), np.int64)
        else:
            table, numbers = await asyncio.to_thread(build, cars), None
            await self._prepare(table)
        return Reading(
            table=table,
            numbers=numbers,
            read_at=whole.read_at,
            checked_at=whole.read_at,
            found=whole.distinct,
            left_out={(reason, None, None): count for reason, count in whole.left_out.items()},
        )

    async def _prepare(self, table: Table) -> None:
        """Translate the kinds of a table, a few at a time, so that no request has to."""
        for start in range(0, len(table.words.kinds), SLICE_KINDS):
            for kind in table.words.kinds[start : start + SLICE_KINDS]:
                template(kind, self._vocabulary)
            await asyncio.sleep(0)

    def _cars(self, listing: ListingKey) -> int:
        """Return how many cars a listing had when it was last read, else when the vocabulary was made."""
        last = self.shelf.peek(str(listing))
        return self._counted(listing) if last is None else last.found


def _facet_keys(leg: EncarLeg) -> list[list[ListingKey]]:
    """Return the listings of numbers that a leg needs: a car must be in one of each group."""
    base = ListingKey(leg.asked.facet, leg.asked.model.korean if leg.asked.model else None)
    colours = [base._replace(axis=COLOUR, value=value) for value in leg.facets.colours]
    options = [[base._replace(axis=OPTION, value=value)] for value in leg.facets.options]
    return [*([colours] if colours else []), *options]


def _any_of(table: Table, readings: Sequence[Reading]) -> Mask:
    mask = np.zeros(len(table), np.bool_)
    for reading in readings:
        if reading.numbers is not None:
            mask |= table.among(reading.numbers)
    return mask


def _stands(table: Table, car: StockedCar) -> bool:
    """Whether a table has exactly this car."""
    positions = table.positions(np.array([car.number], np.int64))
    return bool(len(positions)) and table.cars(positions)[0]._replace(colour=car.colour) == car
