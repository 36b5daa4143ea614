"""How each source did, summed up over its legs: one honest word a site."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from dealerproxy.errors import UpstreamError, worst
from dealerproxy.search.answer import SkipReason, SourceState, Status, unavailable, wait_of
from dealerproxy.search.query import UPSTREAMS
from dealerproxy.vehicles.fx import iso_kst


class Heard(NamedTuple):
    """What was heard of one leg in a request.

    `total` is the upstream's last count of it, `fetched_at` unix seconds of the oldest piece used, None when none was;
    `stale` says why that piece is older than it should be.
    """

    upstream: str
    failure: UpstreamError | None
    total: int | None
    fetched_at: float | None
    answered: bool
    stale: str | None = None


def sum_up(
    heard: Sequence[Heard], rows: Mapping[str, int], skips: Mapping[str, SkipReason], now: float
) -> tuple[SourceState, ...]:
    """Tell each source's state; `rows` counts those shown by upstream, `now` is unix seconds.

    Raises ApiError 503 when every source that was asked failed.
    """
    states: list[SourceState] = []
    waits: list[float] = []
    for name in UPSTREAMS:
        if name in skips:
            states.append(SourceState(name=name, status=Status.SKIPPED, reason=skips[name]))
            continue
        legs = [leg for leg in heard if leg.upstream == name]
        state = _state(name, legs, rows.get(name, 0), now)
        states.append(state)
        if state.status is Status.FAILED:
            waits.append(wait_of([leg.failure for leg in legs if leg.failure is not None]))
    # A source whose legs all ended on earlier pages was not asked now, so it does not vouch for an empty page.
    attempted = {leg.upstream for leg in heard if leg.answered or leg.failure is not None}
    if waits and len(waits) == len(attempted):
        raise unavailable(states, waits)
    return tuple(states)


def _state(name: str, legs: Sequence[Heard], rows: int, now: float) -> SourceState:
    failures = [leg.failure for leg in legs if leg.failure is not None]
    failure = worst(failures) if failures else None
    answered = any(leg.answered for leg in legs)
    stale = next((leg.stale for leg in legs if leg.stale is not None), None)
    if failure is None:
        status, reason = (Status.STALE if stale else Status.OK), stale
    else:
        status, reason = (Status.PARTIAL if answered else Status.FAILED), failure.code
    known = [leg.total for leg in legs if leg.total is not None]
    ages = [now - leg.fetched_at for leg in legs if leg.fetched_at is not None]
    waits = [error.retry_after_s for error in failures if error.retry_after_s is not None]
    return SourceState(
        name=name,
        status=status,
        reason=reason,
        rows=rows,
        total=sum(known) if known and (answered or failure is None) else None,
        age_s=max(0, round(max(ages))) if ages else 0 if answered else None,
        retry_at=iso_kst(now + max(waits)) if waits else None,
    )
