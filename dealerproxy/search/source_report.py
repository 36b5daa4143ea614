"""The status of each source, combined from the reports on its legs."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import UNSET

from dealerproxy.cache.entries import CacheResult, CacheStatus
from dealerproxy.contract.answers import NOT_ITS_FAILURE, REFRESHING, FxShown, SkipReason, SourceState, Status
from dealerproxy.contract.errors import ApiError
from dealerproxy.contract.headers import PARTIAL_HEADER
from dealerproxy.contract.rate import Rate, iso_kst
from dealerproxy.contract.terms import UPSTREAMS
from dealerproxy.transport.errors import UpstreamError, worst
from dealerproxy.upstreams.stocked import StockedLeg

# An answer has the last of these that any of its pieces has.
WORST_LAST = (CacheStatus.MISS, CacheStatus.HIT, CacheStatus.UPDATING, CacheStatus.STALE)


class LegReport(NamedTuple):
    """A request's report on one leg.

    `total` is the upstream's last count; `age_s` the age of the oldest piece used and `state` the worst cache status,
    both None without a piece. `stale` is the reason why a piece is old. All pieces stay fresh for `fresh_for_s`
    seconds. `wait_s` is the wait in seconds that the site requires before the next call.
    """

    upstream: str
    failure: UpstreamError | None
    total: int | None
    age_s: float | None = None
    state: CacheStatus | None = None
    stale: str | None = None
    fresh_for_s: float = 0.0
    wait_s: float | None = None

    @property
    def answered(self) -> bool:
        """Whether any piece of the leg was available."""
        return self.state is not None


class Missing(NamedTuple):
    """Reports without failed legs that the query does not name, and the worst failure of those legs."""

    reports: Sequence[LegReport]
    failure: UpstreamError | None

    @classmethod
    def among(cls, reports: Sequence[tuple[LegReport, bool]]) -> "Missing":
        """Split reports; each comes with whether the query names its leg.

        A leg that the query does not name does not change its source's status, whether it fails or finds nothing.
        """
        failures = [report.failure for report, named in reports if report.failure is not None and not named]
        kept = [
            report if named else report._replace(failure=None)
            for report, named in reports
            if named or (report.total != 0 and (report.answered or report.failure is None))
        ]
        return cls(kept, worst(failures) if failures else None)


def from_entry(upstream: str, found: CacheResult[Any], total: int | None) -> LegReport:
    """Return the report on one piece of a leg."""
    stale = None
    wait_s = found.failure.retry_after_s if found.failure else None
    if found.state in {CacheStatus.STALE, CacheStatus.UPDATING}:
        stale = found.failure.code if found.failure else REFRESHING
    return LegReport(upstream, None, total, found.age_s, found.state, stale, found.fresh_for_s, wait_s)


def from_stock(upstream: str, stocked: StockedLeg) -> LegReport:
    """Return the report on a leg that was read from stock."""
    return LegReport(
        upstream,
        None,
        stocked.total,
        stocked.age_s,
        stocked.state,
        stocked.stale,
        stocked.fresh_for_s,
        stocked.wait_s,
    )


def while_closed(report: LegReport, closed: UpstreamError | None, renewing: UpstreamError | None) -> LegReport:
    """Return the report on a leg whose site may be closed. If it is, the leg is stale unless it was read just now.

    `closed` is the error that blocks calls to the site, `renewing` the error that blocks background refreshes.
    """
    why = closed or (renewing if report.stale == REFRESHING else None)
    if why is None or report.state in {None, CacheStatus.MISS}:
        return report
    return report._replace(state=CacheStatus.STALE, stale=why.code, wait_s=why.retry_after_s)


def combined(upstream: str, pieces: Sequence[LegReport], failure: UpstreamError | None, total: int | None) -> LegReport:
    """Return the report on a leg from the reports on its pieces; without pieces it has only the last count."""
    if not pieces:
        return LegReport(upstream, failure, total)
    return LegReport(
        upstream,
        failure,
        total,
        max(piece.age_s or 0.0 for piece in pieces),
        worst_of(piece.state for piece in pieces),
        _why_stale(pieces),
        min(piece.fresh_for_s for piece in pieces),
        max((piece.wait_s for piece in pieces if piece.wait_s is not None), default=None),
    )


def source_states(
    reports: Sequence[LegReport], rows: Mapping[str, int], skips: Mapping[str, SkipReason], now: float
) -> tuple[SourceState, ...]:
    """Return each source's state; `rows` counts the shown rows by upstream, `now` is unix seconds.

    Raises ApiError 503 if every attempted source failed.
    """
    states: list[SourceState] = []
    waits: list[float] = []
    for name in UPSTREAMS:
        if name in skips:
            states.append(SourceState(name=name, status=Status.SKIPPED, reason=skips[name]))
            continue
        legs = [leg for leg in reports if leg.upstream == name]
        state = _state(name, legs, rows.get(name, 0), now)
        states.append(state)
        if state.status is Status.FAILED:
            waits.append(wait_of([leg.failure for leg in legs if leg.failure is not None]))
    # A source whose legs all ended on earlier pages was not attempted: it cannot confirm an empty page.
    attempted = {leg.upstream for leg in reports if leg.answered or leg.failure is not None}
    if waits and len(waits) == len(attempted):
        raise unavailable(states, waits)
    return tuple(states)


def _state(name: str, legs: Sequence[LegReport], rows: int, now: float) -> SourceState:
    failures = [leg.failure for leg in legs if leg.failure is not None]
    failure = worst(failures) if failures else None
    answered = any(leg.answered for leg in legs)
    stale = _why_stale(legs)
    if failure is None:
        status, reason = (Status.STALE if stale else Status.OK), stale
    else:
        status, reason = (Status.PARTIAL if answered else Status.FAILED), failure.code
    known = [leg.total for leg in legs if leg.total is not None]
    trusted = all(leg.total is not None for leg in legs if leg.answered or leg.failure is None)
    ages = [leg.age_s for leg in legs if leg.age_s is not None]
    asked = (*(error.retry_after_s for error in failures), *(leg.wait_s for leg in legs))
    waits = [wait for wait in asked if wait is not None]
    return SourceState(
        name=name,
        status=status,
        reason=reason,
        rows=rows,
        total=sum(known) if known and trusted and (answered or failure is None) else None,
        age_s=round(max(ages)) if ages else None,
        retry_at=iso_kst(now + max(waits)) if waits else None,
        capture=(failure.capture if failure else None) or UNSET,
    )


def _why_stale(reports: Iterable[LegReport]) -> str | None:
    """Return the reason why a leg is stale: a failure of the site before a refresh."""
    reasons = [each.stale for each in reports if each.stale is not None]
    return min(reasons, key=lambda reason: (reason in NOT_ITS_FAILURE, reason == REFRESHING), default=None)


def worst_of(states: Iterable[CacheStatus | None]) -> CacheStatus:
    """Return the worst cache status among the pieces; HIT if there are none.

    An answer is a miss only if all its pieces are; one cached piece makes it a hit.
    """
    return max((state for state in states if state is not None), key=WORST_LAST.index, default=CacheStatus.HIT)


def fresh_for(legs: Iterable[LegReport]) -> float:
    """Return the seconds for which these legs stay fresh; legs that ended on earlier pages do not count."""
    return min((leg.fresh_for_s for leg in legs if leg.answered or leg.failure is not None), default=0.0)


# Bounds of the Retry-After of a 503, in seconds; the partner pages name a back-off of 5 to 30 s.
RETRY_AFTER_S = (5, 30)
# Reasons that last longer than seconds.
SLOW_TO_MEND = frozenset({"blocked", "drift", "mass_absence"})


def shown(rate: Rate) -> FxShown:
    """Return a rate as answers show it."""
    return FxShown(rate.krw_per_usd, rate.as_of, rate.source)


def wait_of(failures: Sequence[UpstreamError]) -> float:
    """Return the seconds until a retry of a failed source: the longest wait among its errors, else a default."""
    asked = [error.retry_after_s for error in failures if error.retry_after_s is not None]
    low, high = RETRY_AFTER_S
    return max(asked) if asked else high if worst(failures).code in SLOW_TO_MEND else low


def unavailable(states: Sequence[SourceState], waits: Sequence[float]) -> ApiError:
    """Return the 503 for a request of which every source failed. `waits` has the seconds until each can be retried."""
    low, high = RETRY_AFTER_S
    failed = [state for state in states if state.status is Status.FAILED]
    return ApiError(
        503,
        "dealer_upstream_unavailable",
        f"Every dealer source failed ({', '.join(f'{state.name}: {state.reason}' for state in failed)}).",
        details={"sources": states},
        headers={
            "Retry-After": str(math.ceil(min(max(min(waits), low), high))),
            PARTIAL_HEADER: ",".join(state.name for state in failed),
        },
    )
