"""A leg answered from listings in stock, and the age and freshness of the answer."""

from collections import Counter
from collections.abc import Sequence
from functools import reduce
from operator import and_
from typing import NamedTuple

import numpy as np

from dealerproxy.cache.entries import CacheStatus
from dealerproxy.contract.answers import REFRESHING
from dealerproxy.stock.rule import FRESH_S, WHOLE_S
from dealerproxy.stock.selecting import bounds_of
from dealerproxy.stock.shelf import Kept
from dealerproxy.stock.table import Mask, Selection, Show
from dealerproxy.transport.errors import UpstreamError
from dealerproxy.upstreams.query import RowFilter
from dealerproxy.upstreams.stocked import StockedLeg
from dealerproxy.vehicles.listing import LeftOutReason


class Chosen(NamedTuple):
    """The rows of a listing of the wanted kinds. Of the cars in stock, only those in all `sets` are offered.

    `left_out` counts the cars that the listing leaves out.
    """

    kept: Kept
    kinds: Mask
    left_out: Counter[LeftOutReason]
    sets: Sequence[tuple[Kept, Mask]] = ()


def stocked_leg(
    chosen: Chosen,
    keep: RowFilter,
    show: Show,
    now: float,
    *,
    trouble: UpstreamError | None = None,
    fresh_s: float = FRESH_S,
    whole_s: float = WHOLE_S,
) -> StockedLeg:
    """Return a leg from listings in stock, as old as the oldest of them. Cars off sale are left out and counted.

    It is fresh for `fresh_s` after the last reading or check; until it is `whole_s` old it is refreshed in the
    background; then it is stale. `trouble` is the error that blocks calls to the site: a listing that is not fresh is
    then stale, for this reason or that of the last failed try.
    """
    kept, table = chosen.kept, chosen.kept.reading.table
    masks = [kept.alive, table.within(bounds_of(keep)), chosen.kinds, *(mask for _, mask in chosen.sets)]
    selection = Selection(table, reduce(and_, masks), show)
    sold = int(np.count_nonzero(chosen.kinds & ~kept.alive))
    used = [kept, *(each for each, _ in chosen.sets)]
    failure = next((kept.failure for kept in used if kept.failure is not None), trouble)
    age_s = max(0.0, now - min(kept.reading.read_at for kept in used))
    unchecked_s = max(0.0, now - min(kept.reading.checked_at for kept in used))
    state, stale = CacheStatus.HIT, None
    if unchecked_s >= fresh_s:
        state = CacheStatus.UPDATING
        if failure is not None:
            state, stale = CacheStatus.STALE, failure.code
        elif age_s >= whole_s:
            stale = REFRESHING
    return StockedLeg(
        selection.total,
        selection.rows,
        age_s,
        state,
        stale,
        max(0.0, fresh_s - unchecked_s),
        failure.retry_after_s if stale and failure else None,
        +(chosen.left_out + Counter({LeftOutReason.NOT_BUYABLE: sold})),
    )
