"""Explains a list request: what each search would read and call. Calls no site and does not count as demand."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from dealerproxy.cache.entries import CacheStatus
from dealerproxy.contract.explain import AppliedAt, AppliedFilter, ExplainedSearch, ExplainedSource, Origin
from dealerproxy.contract.terms import UPSTREAMS
from dealerproxy.search.plan import Plan
from dealerproxy.search.readers import Stocked
from dealerproxy.transport.errors import UpstreamError
from dealerproxy.upstreams.query import RowFilter
from dealerproxy.upstreams.results import Leg, SearchOutlook
from dealerproxy.upstreams.stocked import StockedLeg
from dealerproxy.upstreams.upstream import Upstream


class LegOutlook(NamedTuple):
    """A leg, its rows in stock, and the outlook of its next search at the site; None if it needs no search."""

    leg: Leg
    stocked: Stocked
    outlook: SearchOutlook
    needed: bool


def peek(planned: Plan, sites: Mapping[str, Upstream[Any]], *, bypass_cache: bool) -> list[Stocked]:
    """Return what each leg has in stock, as a request would find it, without counting it as demand."""
    found: list[Stocked] = []
    for leg in planned.legs:
        try:
            found.append(sites[leg.upstream].peek(leg, planned.keep, bypass_cache=bypass_cache))
        except UpstreamError as error:
            found.append(error)
    return found


def explained_sources(
    planned: Plan, legs: Sequence[LegOutlook], sites: Mapping[str, Upstream[Any]]
) -> Sequence[ExplainedSource]:
    """Return each site's part of the explanation."""
    explained = []
    for name in UPSTREAMS:
        site, own = sites[name], [each for each in legs if each.leg.upstream == name]
        troubles = [site.trouble(each.leg) for each in own]
        # A leg that the query does not name does not change the status of its source.
        decisive = [trouble for each, trouble in zip(own, troubles, strict=True) if each.leg.named]
        trouble = next(filter(None, decisive), None) if own else site.trouble()
        explained.append(
            ExplainedSource(
                name=name,
                reason=planned.skips.get(name),
                trouble=trouble.code if trouble else None,
                budget=site.budget,
                searches=[_search(each, planned.keep, trouble) for each, trouble in zip(own, troubles, strict=True)],
            )
        )
    return explained


def _search(each: LegOutlook, keep: RowFilter, trouble: UpstreamError | None) -> ExplainedSearch:
    outlook, stocked = each.outlook, each.stocked
    state: str | None = None
    reason: str | None = None
    age_s: float | None = None
    calls: Sequence[str] = ()
    origin = Origin.NOTHING
    if isinstance(stocked, StockedLeg):
        origin, state, reason, age_s = Origin.STOCK, stocked.state, stocked.stale, stocked.age_s
    elif stocked is not None:
        reason = stocked.code
    elif each.needed:
        kept, failure = outlook.kept, outlook.kept.failure or (trouble if outlook.kept.loads else None)
        calls = [outlook.url] if kept.loads and trouble is None else []
        if kept.age_s is not None and (kept.state is not CacheStatus.MISS or failure is not None):
            origin, age_s = Origin.CACHE, kept.age_s
            state = CacheStatus.STALE if failure is not None else kept.state
        elif failure is None:
            origin, state = Origin.LIVE, CacheStatus.MISS
        reason = failure.code if failure is not None else None
    return ExplainedSearch(
        search=each.leg.q,
        url=outlook.url,
        answered_from=origin,
        state=state,
        reason=reason,
        age_s=None if age_s is None else round(age_s),
        rows=stocked.total if isinstance(stocked, StockedLeg) else None,
        calls=calls,
        filters=list(_filters(keep, outlook.filters, stocked=isinstance(stocked, StockedLeg))),
    )


def _filters(keep: RowFilter, at_site: Mapping[str, str], *, stocked: bool) -> Iterator[AppliedFilter]:
    """Yield the requested row filters; `at_site` has the site's words by parameter."""
    query = keep.query
    ours = {
        "year_min": query.year_min is not None,
        "year_max": query.year_max is not None,
        "mileage_max_km": query.mileage_max_km is not None,
        "price_min_usd": query.price_min_usd is not None,
        "price_max_usd": query.price_max_usd is not None,
        "fuel": query.fuel is not None,
        "transmission": bool(query.transmissions),
        "model": bool(keep.vehicles),
    }
    for field in dict.fromkeys(itertools.chain(ours, at_site)):
        own, words = ours.get(field, False), at_site.get(field)
        if not own and words is None:
            continue
        if stocked:
            place = AppliedAt.STOCK
        elif words is None:
            place = AppliedAt.SERVICE
        else:
            place = AppliedAt.SITE_AND_SERVICE if own else AppliedAt.SITE
        yield AppliedFilter(field=field, applied_at=place, words=words)
