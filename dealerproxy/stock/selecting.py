"""Which cars of a listing a query wants."""

from collections.abc import Callable, Hashable, Sequence
from weakref import WeakKeyDictionary

import numpy as np

from dealerproxy.contract.pricing import least_won
from dealerproxy.stock.table import Bounds, Mask, Table, Words
from dealerproxy.upstreams.query import RowFilter
from dealerproxy.vehicles.listing import Listing

# Filters by words remembered for each table.
FILTERS_KEPT = 200


def bounds_of(keep: RowFilter) -> Bounds:
    """Return a filter's bounds on numbers; those in dollars as the prices in won that round to them."""
    query, rate = keep.query, keep.krw_per_usd
    low, high = query.price_min_usd, query.price_max_usd
    return Bounds(
        query.year_min,
        query.year_max,
        query.mileage_max_km,
        least_won(low, rate) if low is not None else None,
        least_won(high + 1, rate) - 1 if high is not None else None,
    )


class KindFilter:
    """Which kinds of cars match a filter's words, remembered for each table; `template` shows a kind as a listing.

    A kind without a listing is of an unknown model and never matches.
    """

    def __init__(self, template: Callable[[Words], Listing | None]) -> None:
        self._template = template
        self._known: WeakKeyDictionary[Table, dict[Hashable, Mask]] = WeakKeyDictionary()

    def mask(self, table: Table, keep: RowFilter, model: tuple[str, str] | None = None) -> Mask:
        """Return which rows match the words of a filter, and are of a make's model if one is named."""
        known = self._known.setdefault(table, {})
        key = keep.word_key, model
        wanted = known.get(key)
        if wanted is None:
            if len(known) >= FILTERS_KEPT:
                known.clear()
            wanted = known[key] = np.array([self._wants(words, keep, model) for words in table.words.kinds], np.bool_)
        return table.of_kinds(wanted)

    def _wants(self, words: Words, keep: RowFilter, model: tuple[str, str] | None) -> bool:
        listing = self._template(words)
        if listing is None or (model is not None and (listing.make, listing.model) != model):
            return False
        return keep.words(listing, stocked=True)


def all_of(masks: Sequence[Mask]) -> Mask:
    """Return the rows that are in every one of these."""
    whole: Mask = np.logical_and.reduce(masks)
    return whole
