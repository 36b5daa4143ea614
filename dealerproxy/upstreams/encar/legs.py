"""A query as Encar's legs: one search for each facet of a make and model."""

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from dealerproxy.contract.answers import SkipReason
from dealerproxy.contract.terms import Sort
from dealerproxy.upstreams.car_words import WON_PER_MANWON
from dealerproxy.upstreams.encar import query as encar
from dealerproxy.upstreams.encar.addresses import UPSTREAM as ENCAR
from dealerproxy.upstreams.encar.rows import SearchTarget
from dealerproxy.upstreams.query import FilterWords, LegRequest, Query, RowFilter
from dealerproxy.upstreams.results import SitePlan
from dealerproxy.vocabulary import Vocabulary

# `Year` is Encar's newest-first; no ascending year sort is known.
ENCAR_SORTS = {
    Sort.AUCTION_DATE_ASC: "Year",
    Sort.YEAR_DESC: "Year",
    Sort.PRICE_ASC: "PriceAsc",
    Sort.PRICE_DESC: "PriceDesc",
    Sort.MILEAGE_ASC: "MileageAsc",
}


class EncarLeg(NamedTuple):
    """One search; `q` and `sort` are in the site's words and identify it. Cursors depend on `q`.

    `facets` are the filters in it that rows do not all show.
    """

    q: str
    sort: str
    asked: SearchTarget
    facets: FilterWords = FilterWords()
    upstream: str = ENCAR


def plan_legs(request: LegRequest, vocabulary: Vocabulary) -> SitePlan:
    """Plan one leg per facet of a make and model, with the site's own filters."""
    legs = tuple(_legs(request, vocabulary))
    if not legs:
        return SitePlan(skip=SkipReason.NOTHING_TO_ASK)
    if request.query.transmissions and not request.facets.transmissions:
        return SitePlan(skip=SkipReason.NO_FACET)
    return SitePlan(legs)


def manwon_bounds(low_usd: int | None, high_usd: int | None, krw_per_usd: float) -> tuple[int, int] | None:
    """Return bounds in whole 만원 that hold every price within the dollar bounds, rounded half up; None without any."""
    if low_usd is None and high_usd is None:
        return None
    lowest, highest = encar.ANY_NUMBER
    low = math.floor((low_usd - 0.5) * krw_per_usd / WON_PER_MANWON) if low_usd else lowest
    high = math.ceil((high_usd + 0.5) * krw_per_usd / WON_PER_MANWON) if high_usd is not None else highest
    return min(max(low, lowest), highest), min(high, highest)


def registration_bounds(year_min: int | None, year_max: int | None) -> tuple[int, int] | None:
    """Return the months (YYYYMM) of first registration that cars of these model years can have; None without bounds.

    In 727 of 727 captured rows the model year is the registration's year or the one after it.
    """
    if year_min is None and year_max is None:
        return None
    earliest, latest = encar.ANY_MONTH
    low = (year_min - 1) * 100 + 1 if year_min is not None else earliest
    high = year_max * 100 + 12 if year_max is not None else latest
    return low, high


def site_filters(keep: RowFilter, leg: EncarLeg) -> Mapping[str, str]:
    """Return the filters in a leg's search, in Encar's words, by the parameters of the request that they stand for."""
    search = _search(keep.query, leg.asked, leg.facets, keep.krw_per_usd)
    words = {name: "".join(map(str, items)) for name, items in encar.filters_of(search).items() if items}
    asked = (
        ("year_min", "Year", keep.query.year_min is not None),
        ("year_max", "Year", keep.query.year_max is not None),
        ("mileage_max_km", "Mileage", True),
        ("price_min_usd", "Price", keep.query.price_min_usd is not None),
        ("price_max_usd", "Price", keep.query.price_max_usd is not None),
        ("fuel", "FuelType", True),
        ("transmission", "Transmission", True),
        ("color", "Color", True),
        ("options_include", "Options", True),
    )
    return {field: words[name] for field, name, wanted in asked if wanted and name in words}


def _search(query: Query, asked: SearchTarget, facets: FilterWords, krw_per_usd: float) -> encar.Search:
    return encar.Search(
        make=asked.facet,
        model_group=asked.model.korean if asked.model else None,
        registered=registration_bounds(query.year_min, query.year_max),
        mileage=(0, query.mileage_max_km) if query.mileage_max_km is not None else None,
        price=manwon_bounds(query.price_min_usd, query.price_max_usd, krw_per_usd),
        fuels=facets.fuels,
        transmissions=facets.transmissions,
        colours=facets.colours,
        options=facets.options,
    )


def _legs(request: LegRequest, vocabulary: Vocabulary) -> Iterator[EncarLeg]:
    """Yield the legs in the order makes and models were asked for; none for what only other sites have."""
    sort = ENCAR_SORTS[request.query.sort]
    for make, texts in request.makes:
        models = dict.fromkeys(model for text in texts for model in vocabulary.models_meant(make, text))
        pairs = [SearchTarget(make, model.make_facet, model) for model in models]
        if not texts:
            pairs = [SearchTarget(make, facet.korean) for facet in make.facets if vocabulary.make_of(facet.korean)]
        for pair in pairs:
            search = _search(request.query, pair, request.facets, request.krw_per_usd)
            yield EncarLeg(encar.q(search), sort, pair, request.facets)
