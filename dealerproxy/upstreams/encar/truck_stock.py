"""Encar's trucks in stock: the listings of the truck index, and which of them answers a leg.

A listing is the models of a family (Porter), or all trucks of a maker. Keys contain the words of the models as sent,
so that a reading never answers for a model outside its search.
"""

import time
from collections.abc import Callable, Mapping
from weakref import WeakKeyDictionary

import numpy as np

from dealerproxy.stock.shelf import Shelf
from dealerproxy.stock.table import Mask, Table
from dealerproxy.transport.errors import UpstreamError
from dealerproxy.upstreams.absence import NoteRows, unwatched
from dealerproxy.upstreams.encar.index_stock import Base, IndexStock, ListingKey
from dealerproxy.upstreams.encar.leg import EncarLeg
from dealerproxy.upstreams.encar.query import TruckSearch
from dealerproxy.upstreams.encar.rows import SearchTarget
from dealerproxy.upstreams.encar.truck_kinds import TruckKind
from dealerproxy.upstreams.encar.whole import WholeReader
from dealerproxy.upstreams.query import RowFilter
from dealerproxy.upstreams.stocked import StockedLeg
from dealerproxy.vocabulary import Make, Vocabulary

# Separates the words of a listing's models; no word contains it.
AND = "|"
# The assumed number of trucks of an uncounted listing: Encar has a few thousand of the best-selling ones.
UNCOUNTED = 1_000


class TruckStock(IndexStock):
    """The stock of trucks."""

    def __init__(
        self,
        reader: WholeReader,
        vocabulary: Vocabulary,
        shelf: Shelf,
        *,
        trouble: Callable[[], UpstreamError | None],
        fresh_s: float,
        empty: Callable[[EncarLeg], None],
        listed: NoteRows = unwatched,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """See IndexStock; `empty` is called with each leg whose models had no truck in the listing."""
        super().__init__(reader, vocabulary, shelf, trouble=trouble, fresh_s=fresh_s, listed=listed, clock=clock)
        self._empty = empty
        # Which kinds of a table are of some models.
        self._models: WeakKeyDictionary[Table, dict[tuple[str, ...], Mask]] = WeakKeyDictionary()

    def stocked(self, leg: EncarLeg, keep: RowFilter) -> StockedLeg | None:
        """Return the rows of a leg that match; None if its listing is not in stock."""
        found = super().stocked(leg, keep)
        if found is not None and not found.confirmed:
            self._empty(leg)
        return found

    def names_in_stock(self, make: Make) -> Mapping[str, bool]:
        """Return whether there are trucks of each name of a make; without names whose listing is not in stock."""
        trucks, there = self._vocabulary.trucks, dict[ListingKey, frozenset[tuple[str, str]]]()
        found: dict[str, bool] = {}
        for name in trucks.names.get(make.name, ()):
            meant = trucks.meant(make, name)
            words = tuple(truck.korean for truck in meant)
            base = self._base(SearchTarget(make, meant[0].maker, None, words)) if meant else None
            if base is not None:
                if base.key not in there:
                    there[base.key] = self._kinds.models(base.kept.reading.table, base.kept.alive)
                found[name] = (make.name, name) in there[base.key]
        return found

    def _base(self, target: SearchTarget) -> Base | None:
        maker, own = ListingKey(target.facet), self._unit(target)
        held = [(key, kept) for key in dict.fromkeys((own, maker)) if (kept := self.shelf.get(str(key))) is not None]
        if not held:
            return None
        key, kept = max(held, key=lambda each: each[1].reading.checked_at)
        if _words(key) == target.trucks:
            return Base(key, kept, None)
        known = (self._vocabulary.trucks.model_of(target.facet, word) for word in target.trucks)
        return Base(key, kept, frozenset((truck.make.name, truck.model.name) for truck in known if truck is not None))

    def _wanted(self, base: Base, target: SearchTarget, keep: RowFilter) -> Mask:
        mask = super()._wanted(base, target, keep)
        return mask if base.pick is None else mask & self._of_models(base.kept.reading.table, target)

    def _confirmed(self, base: Base, target: SearchTarget) -> bool:
        """Whether any truck of the models was listed; a word that the index does not know finds none."""
        if base.pick is None:
            return base.kept.reading.found > 0
        return bool(self._of_models(base.kept.reading.table, target).any())

    def _of_models(self, table: Table, target: SearchTarget) -> Mask:
        """Return which rows are of the target's models; several words may be names of one model."""
        known = self._models.setdefault(table, {})
        if target.trucks not in known:
            model_of, words = self._vocabulary.trucks.model_of, set(target.trucks)
            trucks = (model_of(kind.manufacturer, kind.generation) for kind in map(TruckKind._make, table.words.kinds))
            wanted = (truck is not None and truck.korean in words for truck in trucks)
            known[target.trucks] = np.fromiter(wanted, np.bool_, len(table.words.kinds))
        return table.of_kinds(known[target.trucks])

    def _unit(self, target: SearchTarget) -> ListingKey:
        """Return the listing to read for a target: the family of its models if they are of one."""
        trucks = self._vocabulary.trucks
        first = trucks.model_of(target.facet, target.trucks[0]) if target.trucks else None
        family = () if first is None else tuple(truck.korean for truck in trucks.family_of(first))
        models = family if set(target.trucks) <= set(family) else target.trucks
        return ListingKey(target.facet, AND.join(models) or None)

    def _counted(self, listing: ListingKey) -> int:
        trucks, words = self._vocabulary.trucks, _words(listing)
        models = (trucks.model_of(listing.facet, word) for word in words or trucks.models_of(listing.facet))
        return sum(truck.model.stock for truck in models if truck is not None)

    def _cars(self, listing: ListingKey) -> int:
        return super()._cars(listing) or UNCOUNTED

    def _asked_for(self, listing: ListingKey) -> tuple[TruckSearch, SearchTarget]:
        make, words = self._vocabulary.trucks.make_of(listing.facet), _words(listing)
        if make is None:
            raise LookupError(f"no make has the word {listing.facet!r}")
        return TruckSearch(maker=listing.facet, models=words), SearchTarget(make, listing.facet, None, words)


def _words(listing: ListingKey) -> tuple[str, ...]:
    """Return the words of a listing's models; () for all trucks of its maker."""
    return tuple(listing.group.split(AND)) if listing.group else ()
