"""Encar's cars in stock: the listings, and which of them answers a leg.

A listing is a model group of a make; a make that is read at once answers for all of its groups. Rows have no
colour and options: for those, the numbers of the same listing searched by one more facet are stored beside it.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable

from msgspec.structs import replace

from dealerproxy.stock.shelf import LeftOutKey, Reading, Shelf
from dealerproxy.stock.table import EMPTY, joined
from dealerproxy.transport.errors import Drift, UpstreamError
from dealerproxy.upstreams.absence import NoteRows, unwatched
from dealerproxy.upstreams.encar.index_stock import COLOUR, OPTION, Base, IndexStock, ListingKey
from dealerproxy.upstreams.encar.makes import MakeReader
from dealerproxy.upstreams.encar.query import Search
from dealerproxy.upstreams.encar.rows import SearchTarget
from dealerproxy.upstreams.encar.whole import WholeReader
from dealerproxy.vocabulary import Vocabulary


class EncarStock(IndexStock):
    """The stock of cars."""

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
        """See IndexStock."""
        super().__init__(reader, vocabulary, shelf, trouble=trouble, fresh_s=fresh_s, listed=listed, clock=clock)
        self._makes = makes

    def groups_of(self, facet: str) -> frozenset[str] | None:
        """Return the model groups with cars of a make's facet, by their Korean names; None if not in stock."""
        kept, make = self.shelf.get(str(ListingKey(facet))), self._vocabulary.make_of(facet)
        if kept is None or make is None:
            return None
        names = self._kinds.models(kept.reading.table, kept.alive)
        models = (model for model in self._vocabulary.models_of(make) if model.make_facet == facet)
        return frozenset(model.korean for model in models if (make.name, model.name) in names)

    def _base(self, target: SearchTarget) -> Base | None:
        whole = ListingKey(target.facet)
        make = self.shelf.get(str(whole))
        if target.model is None:
            return None if make is None else Base(whole, make, None)
        key = ListingKey(target.facet, target.model.korean)
        group = self.shelf.get(str(key))
        if make is not None and (group is None or make.reading.checked_at > group.reading.checked_at):
            return Base(whole, make, frozenset({(target.make.name, target.model.name)}))
        return None if group is None else Base(key, group, None)

    def _unit(self, target: SearchTarget) -> ListingKey:
        """Return the listing to read for a target: the whole make if that takes at most one page."""
        make = ListingKey(target.facet)
        if target.model is None or self._cars(make) <= self._reader.page_rows:
            return make
        return ListingKey(target.facet, target.model.korean)

    def _counted(self, listing: ListingKey) -> int:
        make = self._vocabulary.make_of(listing.facet)
        return sum(
            model.stock
            for model in (self._vocabulary.models_of(make) if make else ())
            if model.make_facet == listing.facet and listing.group in {None, model.korean}
        )

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

    async def _read(self, listing: ListingKey) -> Reading:
        if listing.axis is None and listing.group is None:
            return await self._read_make(listing)
        return await super()._read(listing)

    def _keep(self, listing: ListingKey, reading: Reading) -> None:
        super()._keep(listing, self._coloured(listing, reading))
        if listing.axis == COLOUR and (last := self.shelf.peek(str(listing.base))) is not None:
            self._keep(listing.base, last)

    def _coloured(self, listing: ListingKey, reading: Reading) -> Reading:
        """Return a reading with the colours known from searches by colour."""
        if listing.axis is not None:
            return reading
        for colour in self._vocabulary.colours:
            last = self.shelf.peek(str(listing._replace(axis=COLOUR, value=colour.korean)))
            if last is not None and last.numbers is not None:
                reading = replace(reading, table=reading.table.coloured(last.numbers, colour.korean))
        return reading

    async def _read_make(self, make: ListingKey) -> Reading:
        """Read all groups of a make, store each, and return them as one listing. Raises Drift if a group is missing."""
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

    def _groups(self, make: ListingKey) -> list[ListingKey]:
        known = self._vocabulary.make_of(make.facet)
        models = self._vocabulary.models_of(known) if known else ()
        return [ListingKey(make.facet, model.korean) for model in models if model.make_facet == make.facet]
