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
from typing import NamedTuple

import numpy as np
from cachetools import TTLCache
from msgspec.structs import replace

from dealerproxy.stock.ages import stocked_leg
from dealerproxy.stock.readings import Readings
from dealerproxy.stock.selecting import KindFilter, Pick, all_of, bounds_of
from dealerproxy.stock.shelf import Kept, LeftOutKey, Reading, Shelf
from dealerproxy.stock.table import EMPTY, Mask, Selection, StockedCar, Table, Words, build, joined
from dealerproxy.transport.errors import Drift, UpstreamError
from dealerproxy.upstreams.absence import NoteRows, unwatched
from dealerproxy.upstreams.encar.addresses import UPSTREAM
from dealerproxy.upstreams.encar.kinds import listing_of, template
from dealerproxy.upstreams.encar.legs import EncarLeg
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
        self._kinds = KindFilter(self._template)
        self._asked: TTLCache[tuple[str, str], bool] = TTLCache(LEGS_NOTED, fresh_s, timer=clock)
        self.readings = Readings(UPSTREAM, self, clock=clock)

    def stocked(self, leg: EncarLeg, keep: RowFilter) -> StockedLeg | None:
        """Return the rows of a leg that match; None if a listing that it takes is not in stock."""
        base = self._base(leg.asked)
        if base is None:
            return None
        kept, table = base.kept, base.kept.reading.table
        kinds = self._kinds.mask(table, keep, base.pick)
        masks = [kept.alive, table.within(bounds_of(keep)), kinds]
        used = [_key_of(kept, base, leg.asked)]
        for keys in _facet_keys(leg):
            sets = [self.shelf.get(str(key)) for key in keys]
            if None in sets:
                return None
            masks.append(_any_of(table, [each.reading for each in sets if each is not None]))
            used += keys
        if self._asked.setdefault((leg.q, leg.sort), False) is False:
            self._asked[leg.q, leg.sort] = True
            for key in used:
                self.readings.asked(str(key), from_stock=key is used[0])
        sold = int(np.count_nonzero(kinds & ~kept.alive))
        return self._leg(Selection(table, all_of(masks), partial(self._show, kept)), base, sold)

    def fetched(self, leg: EncarLeg) -> None:
        """Note that a leg was asked for live: what it lacked in stock would have spared the call."""
        base = self._base(leg.asked)
        if base is None:
            self.readings.asked(str(self._unit(leg.asked)))
            return
        for keys in _facet_keys(leg):
            for key in keys:
                if self.shelf.get(str(key)) is None:
                    self.readings.asked(str(key), 1 / len(keys))

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
        self.shelf.put(key, reading)

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
        self.shelf.put(key, replace(reading, table=table, checked_at=began_at))

    async def _read(self, listing: ListingKey) -> Reading:
        last = self.shelf.peek(str(listing))
        search, target = self._asked_for(listing)
        whole = await self._reader.read_whole(search, target, before=last.found if last else None)
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
        make = self.shelf.get(str(ListingKey(target.facet)))
        if target.model is None:
            return None if make is None else _Base(make, None)
        group = self.shelf.get(str(ListingKey(target.facet, target.model.korean)))
        if make is not None and (group is None or make.reading.checked_at > group.reading.checked_at):
            return _Base(make, frozenset({(target.make.name, target.model.name)}))
        return None if group is None else _Base(group, None)

    def _unit(self, target: SearchTarget) -> ListingKey:
        """Return the listing to read for a target: the whole make if that takes no more than one page."""
        make = ListingKey(target.facet)
        if target.model is None or self._cars(make) <= self._reader.page_rows:
            return make
        return ListingKey(target.facet, target.model.korean)

    def _leg(self, selection: Selection, base: _Base, sold: int) -> StockedLeg:
        # Who left what out of a make's listing is not known by group.
        left_out = base.kept.reading.left_out_of(None) if base.pick is None else Counter[LeftOutReason]()
        left_out[LeftOutReason.NOT_BUYABLE] += sold
        return stocked_leg(selection, base.kept, self._clock(), trouble=self._trouble(), left_out=+left_out)

    def _show(self, kept: Kept, cars: Sequence[StockedCar]) -> Sequence[Listing]:
        rows = [row for car in cars if isinstance(row := listing_of(car, self._vocabulary), Listing)]
        self._listed(tuple(rows), max(0.0, self._clock() - kept.reading.read_at))
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
            colours=values if listing.axis == "Color" else (),
            options=values if listing.axis == "Options" else (),
        )
        return search, SearchTarget(make, listing.facet, model)


def _key_of(kept: Kept, base: _Base, target: SearchTarget) -> ListingKey:
    whole_make = base.pick is not None or target.model is None
    return ListingKey(target.facet) if whole_make else ListingKey(target.facet, target.model.korean)  # type: ignore[union-attr]


def _facet_keys(leg: EncarLeg) -> list[list[ListingKey]]:
    """Return the listings of numbers that a leg takes: one of each group must hold a car."""
    base = ListingKey(leg.asked.facet, leg.asked.model.korean if leg.asked.model else None)
    colours = [base._replace(axis="Color", value=value) for value in leg.facets.colours]
    options = [[base._replace(axis="Options", value=value)] for value in leg.facets.options]
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
