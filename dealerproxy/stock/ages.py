"""How old a listing out of stock is, as answers tell it."""

from collections.abc import Mapping, Sequence

from dealerproxy.cache.entries import CacheStatus
from dealerproxy.contract.answers import REFRESHING
from dealerproxy.stock.rule import FRESH_S, WHOLE_S
from dealerproxy.stock.shelf import Kept
from dealerproxy.stock.table import Selection
from dealerproxy.transport.errors import UpstreamError
from dealerproxy.upstreams.stocked import StockedLeg
from dealerproxy.vehicles.listing import LeftOutReason


def stocked_leg(
    selection: Selection,
    used: Sequence[Kept],
    now: float,
    *,
    trouble: UpstreamError | None = None,
    fresh_s: float = FRESH_S,
    whole_s: float = WHOLE_S,
    left_out: Mapping[LeftOutReason, int] = {},
) -> StockedLeg:
    """Return a leg out of listings, as old as the oldest of them.

    For `fresh_s` after the last reading or check it is fresh; until it is `whole_s` old it is renewed behind the
    answers; then it is stale. `trouble` is why the site cannot be asked now: a listing that is not fresh is then stale
    for this reason, or for that of the last try.
    """
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
        left_out,
    )
