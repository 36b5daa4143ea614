"""Encar's listings in stock: which of them answer a leg, and how each is read.

A listing is a model group of a make; a make that is read in one go answers for all of its groups. Rows do not say
colour and options: for those the numbers of the same listing searched by one more facet are kept beside it.
"""

import asyncio
import math
import time
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
from dealerproxy.stock.shelf import Kept, LeftOutKey, Reading, Shelf
from dealerproxy.stock.showing import ShownRows
from dealerproxy.stock.table import EMPTY, Mask, Positions, StockedCar, Table, Words, build, joined
from dealerproxy.transport.errors import Drift, UpstreamError
from dealerproxy.upstreams.absence import NoteRows, unwatched
from dealerproxy.upstreams.encar.addresses import UPSTREAM
from dealerproxy.upstreams.encar.indexes import CARS
from dealerproxy.upstreams.encar.kinds import listing_of, template
from dealerproxy.upstreams.encar.leg import EncarLeg
from dealerproxy.upstreams.encar.makes import MakeReader
from dealerproxy.upstreams.encar.query import Search
from dealerproxy.upstreams.encar.rows import SearchTarget
from dealerproxy.upstreams.encar.whole import WholeListing, WholeReader
from dealerproxy.upstreams.query import RowFilter
from dealerproxy.upstreams.stocked import StockedLeg
from dealerproxy.vehicles.listing import LeftOutReason, Listing
from dealerproxy.vocabulary import Vocabulary

# Kinds of cars that are translated without a break.
SLICE_KINDS = 20
# About the share of a listing that one of its facets has.
FACET_SHARE = 0.5
# A check whose count differs by more than this from what was read is followed by a reading.
COUNT_DIFFERS = 0.05
COUNT_FEW = 20
LEGS_NOTED = 4_096
# Encar's facets that rows do not show.
COLOUR, OPTION = "Color", "Options"


class ListingKey(NamedTuple):
    """A listing: all cars of a make's facet, or of one model group of it, or those of them with a facet's value."""

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


class _Base(NamedTuple):
    """A listing that answers for a target, and what to pick from it, None for all of its cars."""

    key: ListingKey
    kept: Kept
    pick: Pick | None


class EncarStock:
    """Reads listings and answers legs from them. It is the source of its own `readings`."""

    def __init__(
        self,
        reader: WholeReader,
        makes: MakeReader,
        vocabulary: Vocabulary,
        shelf: Shelf,
        *,
        trouble: Callable[[], UpstreamError | None],
        fresh_s: float,
        listed: NoteRows = unwatched,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """A search that was asked for in the last `fresh_s` seconds would have been answered from the cache.

        `trouble` says why the search cannot be asked now; `listed` is called with the rows that are shown and their age
        in seconds.
        """
        self._reader, self._makes, self._vocabulary, self.shelf = reader, makes, vocabulary, shelf
        self._trouble, self._listed, self._clock = trouble, listed, clock
        self._kinds, self._rows = KindFilter(self._template), ShownRows(partial(listing_of, vocabulary=vocabulary))
        self._asked: TTLCache[tuple[str, str], bool] = TTLCache(LEGS_NOTED, fresh_s, timer=clock)
        self.readings = Readings(UPSTREAM, self, clock=clock)

    def stocked(self, leg: EncarLeg, keep: RowFilter) -> StockedLeg | None:
        """Return the rows of a leg that match; None if a listing that it takes is not in stock."""
        found = self._selected(leg, keep)
        if found is None:
            return None
        stocked, keys = found
        self._note_spared(leg, keys)
        return stocked

    def peek(self, leg: EncarLeg, keep: RowFilter) -> StockedLeg | None:
        """Return the same as `stocked`, without counting its listings as asked for."""
        found = self._selected(leg, keep)
        return None if found is None else found[0]

    def _selected(self, leg: EncarLeg, keep: RowFilter) -> tuple[StockedLeg, Sequence[ListingKey]] | None:
        """Return the rows of a leg that match, and the listings that they are taken from."""
        base = self._base(leg.asked) if leg.site_index is CARS else None
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
        # Who left what out of a make's listing is not known by group.
        left_out = kept.reading.left_out_of(None) if base.pick is None else Counter[LeftOutReason]()
        chosen = Chosen(kept, self._kinds.mask(table, keep, base.pick), left_out, sets)
        now = self._clock()
        show = partial(self._show, max(0.0, now - kept.reading.read_at))
        return stocked_leg(chosen, keep, show, now, trouble=self._trouble()), keys

    def _note_spared(self, leg: EncarLeg, keys: Sequence[ListingKey]) -> None:
        """Note the call that was spared, unless the cache would have spared it too."""
        if (leg.q, leg.sort) in self._asked:
            return
        self._asked[leg.q, leg.sort] = True
        self.readings.asked(str(keys[0]), from_stock=True)
        for key in keys[1:]:
            self.readings.asked(str(key))

    def fetched(self, leg: EncarLeg) -> None:
        """Note that a leg was asked for live: what it lacked in stock would have spared the call. Trucks have none."""
        if leg.site_index is not CARS:
            return
        base = self._base(leg.asked)
        if base is None:
            self.readings.asked(str(self._unit(leg.asked)))
            return
        for keys in _facet_keys(leg):
            for key in keys:
                if self.shelf.get(str(key)) is None:
                    self.readings.asked(str(key), 1 / len(keys))

    def groups_of(self, facet: str) -> frozenset[str] | None:
        """Return the model groups of a make's facet with cars, by their Korean names; None if that is not in stock."""
        kept, make = self.shelf.get(str(ListingKey(facet))), self._vocabulary.make_of(facet)
        if kept is None or make is None:
            return None
        names = self._kinds.models(kept.reading.table, kept.alive)
        models = (model for model in self._vocabulary.models_of(make) if model.make_facet == facet)
        return frozenset(model.korean for model in models if (make.name, model.name) in names)

    def cost(self, key: str) -> int:
        """Return about how many calls a reading takes."""
        listing, last = ListingKey.of(key), self.shelf.peek(key)
        if last is not None:
            cars = float(last.found)
        elif listing.axis is not None:
            base = self.shelf.peek(str(listing.base))
            cars = FACET_SHARE * (base.found if base is not None else self._cars(listing))
        else:
            cars = self._cars(listing)
        return max(1, math.ceil(cars / self._reader.page_rows))

    def suspended(self) -> bool:
        """Whether the search must not be asked now."""
        return self._trouble() is not None

    async def read(self, key: str) -> None:
        """Read a listing and keep it; raises UpstreamError, and keeps the old one."""
        listing = ListingKey.of(key)
        try:
            if listing.axis is None and listing.group is None:
                reading = await self._read_make(listing)
            else:
                reading = await self._read(listing)
        except UpstreamError as error:
            self.shelf.failed(key, error)
            raise
        self.shelf.put(key, self._coloured(listing, reading))
        if listing.axis == COLOUR:
            self._colour_base(listing)

    async def restore(self, key: str, reading: Reading) -> None:
        """Keep a reading that another process made, or this one before a restart."""
        await self._prepare(reading.table)
        self.shelf.put(key, reading)

    async def check(self, key: str) -> None:
        """Look for new and changed cars in a listing; reads it again if there are many. Raises UpstreamError."""
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
        self.shelf.put(key, self._coloured(listing, replace(reading, table=table, checked_at=began_at)))

    def _coloured(self, listing: ListingKey, reading: Reading) -> Reading:
        """Return a reading with the colours that are known from searches by colour."""
        if listing.axis is not None:
            return reading
        for colour in self._vocabulary.colours:
            last = self.shelf.peek(str(listing._replace(axis=COLOUR, value=colour.korean)))
            if last is not None and last.numbers is not None:
                reading = replace(reading, table=reading.table.coloured(last.numbers, colour.korean))
        return reading

    def _colour_base(self, listing: ListingKey) -> None:
        last = self.shelf.peek(str(listing.base))
        if last is not None:
            self.shelf.put(str(listing.base), self._coloured(listing.base, last))

    async def _read(self, listing: ListingKey) -> Reading:
        last = self.shelf.peek(str(listing))
        search, target = self._asked_for(listing)
        # A count from elsewhere spares the look behind the last row.
        expected = self._cars(listing) or None if listing.axis is None or last else None
        whole = await self._reader.read_whole(search, target, before=last.found if last else None, expected=expected)
        return await self._made(whole, numbers_only=listing.axis is not None)

    async def _read_make(self, make: ListingKey) -> Reading:
        """Read all groups of a make, keep each, and return them as one listing. Raises Drift if a group is missing."""
        _, target = self._asked_for(make)
        keys = {key.group or "": str(key) for key in self._groups(make)}
        last = {group: reading.found for group, key in keys.items() if (reading := self.shelf.peek(key)) is not None}
        parts: list[Reading] = []
        spoilt: Drift | None = None
        async for group, listing in self._makes.read_make(target, last):
            if isinstance(listing, Drift):
                spoilt = listing
                self.shelf.failed(keys[group], listing)
                continue
            parts.append(await self._made(listing, numbers_only=False))
            self.shelf.put(keys[group], parts[-1])
        if spoilt is not None:
            raise spoilt
        table = await asyncio.to_thread(joined, [EMPTY, *(part.table for part in parts)])
        return Reading(
            table=table,
            read_at=min((part.read_at for part in parts), default=self._clock()),
            checked_at=min((part.checked_at for part in parts), default=self._clock()),
            found=sum(part.found for part in parts),
            left_out=sum((Counter(part.left_out) for part in parts), Counter[LeftOutKey]()),
        )

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

    def _base(self, target: SearchTarget) -> _Base | None:
        """Return the newest listing that answers for a target."""
        whole = ListingKey(target.facet)
        make = self.shelf.get(str(whole))
        if target.model is None:
            return None if make is None else _Base(whole, make, None)
        key = ListingKey(target.facet, target.model.korean)
        group = self.shelf.get(str(key))
        if make is not None and (group is None or make.reading.checked_at > group.reading.checked_at):
            return _Base(whole, make, frozenset({(target.make.name, target.model.name)}))
        return None if group is None else _Base(key, group, None)

    def _unit(self, target: SearchTarget) -> ListingKey:
        """Return the listing to read for a target: the whole make if that takes no more than one page."""
        make = ListingKey(target.facet)
        if target.model is None or self._cars(make) <= self._reader.page_rows:
            return make
        return ListingKey(target.facet, target.model.korean)

    def _show(self, age_s: float, table: Table, positions: Positions) -> Sequence[Listing]:
        rows = self._rows(table, positions)
        self._listed(tuple(rows), age_s)
        return rows

    def _template(self, words: Words) -> Listing | None:
        return template(words, self._vocabulary).listing

    def _cars(self, listing: ListingKey) -> int:
        """Return how many cars a listing had when it was last read, else when the vocabulary was made."""
        last = self.shelf.peek(str(listing))
        if last is not None:
            return last.found
        make = self._vocabulary.make_of(listing.facet)
        return sum(
            model.stock
            for model in (self._vocabulary.models_of(make) if make else ())
            if model.make_facet == listing.facet and listing.group in {None, model.korean}
        )

    def _groups(self, make: ListingKey) -> list[ListingKey]:
        known = self._vocabulary.make_of(make.facet)
        models = self._vocabulary.models_of(known) if known else ()
        return [ListingKey(make.facet, model.korean) for model in models if model.make_facet == make.facet]

    def _asked_for(self, listing: ListingKey) -> tuple[Search, SearchTarget]:
        make = self._vocabulary.make_of(listing.facet)
        if make is None:
            raise LookupError(f"no make has the facet {listing.facet!r}")
        models = (model for model in self._vocabulary.models_of(make) if model.make_facet == listing.facet)
        model = next((model for model in models if model.korean == listing.group), None)
        values = () if listing.value is None else (listing.value,)
        search = Search(
            make=listing.facet,
            model_group=listing.group,
            colours=values if listing.axis == COLOUR else (),
            options=values if listing.axis == OPTION else (),
        )
        return search, SearchTarget(make, listing.facet, model)


def _facet_keys(leg: EncarLeg) -> list[list[ListingKey]]:
    """Return the listings of numbers that a leg takes: one of each group must hold a car."""
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
    """Whether a table has a car exactly so."""
    positions = table.positions(np.array([car.number], np.int64))
    return bool(len(positions)) and table.cars(positions)[0]._replace(colour=car.colour) == car
