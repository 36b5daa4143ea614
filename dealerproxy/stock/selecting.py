"""Selects the cars of a listing that a query wants."""

from collections.abc import Callable, Hashable
from weakref import WeakKeyDictionary

import numpy as np

from dealerproxy.contract.pricing import least_won
from dealerproxy.stock.table import Bounds, Mask, Table, Words
from dealerproxy.upstreams.query import RowFilter
from dealerproxy.vehicles.listing import Listing

# Makes and models, by name: a model of None means all models of the make.
Pick = frozenset[tuple[str, str | None]]
# Word filters that are remembered for each table.
FILTERS_KEPT = 200


def bounds_of(keep: RowFilter) -> Bounds:
    """Return a filter's bounds on numbers; bounds in dollars become the prices in won that round to them."""
    query, rate = keep.query, keep.krw_per_usd
    low, high = query.price_min_usd, query.price_max_usd
    return Bounds(
        query.year_min,
        query.year_max,
        query.mileage_max_km,
        least_won(low, rate) if low is not None else None,
        least_won(high + 1, rate) - 1 if high is not None else None,
    )


class _Kinds:
    """The kinds of a table: their listings, their models as codes, and the results of earlier word filters."""

    def __init__(self, table: Table, template: Callable[[Words], Listing | None]) -> None:
        self.listings = [template(words) for words in table.words.kinds]
        models: dict[tuple[str, str] | None, int] = {}
        named = [None if listing is None else (listing.make, listing.model) for listing in self.listings]
        self.model = np.array([models.setdefault(model, len(models)) for model in named], np.int32)
        self.models = tuple(models)
        self.known = np.array([listing is not None for listing in self.listings], np.bool_)
        self.wanted: dict[Hashable, Mask] = {}

    def matching(self, keep: RowFilter) -> Mask:
        """Return which kinds match the words of a filter."""
        key = keep.word_key
        if key not in self.wanted:
            if len(self.wanted) >= FILTERS_KEPT:
                self.wanted.clear()
            matches = (listing is not None and keep.words(listing, stocked=True) for listing in self.listings)
            self.wanted[key] = np.fromiter(matches, np.bool_, len(self.listings)) if keep.has_words else self.known
        return self.wanted[key]

    def picked(self, pick: Pick) -> Mask:
        """Return which kinds are of the picked models."""
        chosen = (model is not None and not pick.isdisjoint({model, (model[0], None)}) for model in self.models)
        mask: Mask = np.fromiter(chosen, np.bool_, len(self.models))[self.model]
        return mask


class KindFilter:
    """Selects cars by kind; `template` returns a kind as a listing, None for an unknown model."""

    def __init__(self, template: Callable[[Words], Listing | None]) -> None:
        self._template = template
        self._known: WeakKeyDictionary[Table, _Kinds] = WeakKeyDictionary()

    def mask(self, table: Table, keep: RowFilter, pick: Pick | None = None) -> Mask:
        """Return which rows match the words of a filter and, if `pick` is given, are of the picked models."""
        kinds = self._kinds(table)
        wanted = kinds.matching(keep)
        return table.of_kinds(wanted if pick is None else wanted & kinds.picked(pick))

    def models(self, table: Table, rows: Mask) -> frozenset[tuple[str, str]]:
        """Return the known makes and models of these rows."""
        kinds = self._kinds(table)
        codes = np.unique(kinds.model[table.columns.kind[rows]]).tolist()
        return frozenset(model for model in map(kinds.models.__getitem__, codes) if model is not None)

    def _kinds(self, table: Table) -> _Kinds:
        kinds = self._known.get(table)
        if kinds is None:
            kinds = self._known[table] = _Kinds(table, self._template)
        return kinds
