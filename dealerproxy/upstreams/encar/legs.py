"""A query as Encar's legs: one search for each facet of a make and model, and searches of trucks."""

from collections.abc import Iterator, Mapping

from dealerproxy.contract.answers import SkipReason
from dealerproxy.upstreams.encar import query as encar
from dealerproxy.upstreams.encar.bounds import manwon_bounds, registration_bounds
from dealerproxy.upstreams.encar.indexes import ENCAR_SORTS
from dealerproxy.upstreams.encar.leg import EncarLeg
from dealerproxy.upstreams.encar.rows import SearchTarget
from dealerproxy.upstreams.encar.truck_legs import plan_trucks
from dealerproxy.upstreams.query import FilterWords, LegRequest, Query, RowFilter
from dealerproxy.upstreams.results import SitePlan
from dealerproxy.vocabulary import Vocabulary


def plan_legs(request: LegRequest, vocabulary: Vocabulary) -> SitePlan:
    """Plan one leg per facet of a make and model, with the site's own filters; the trucks' come last."""
    trucks, notices = plan_trucks(request, vocabulary)
    legs = (*_legs(request, vocabulary), *trucks)
    if not legs:
        return SitePlan(skip=SkipReason.FILTER_UNSUPPORTED if notices else SkipReason.NOTHING_TO_ASK, notices=notices)
    if request.query.transmissions and not request.facets.transmissions:
        return SitePlan(skip=SkipReason.NO_FACET)
    return SitePlan(legs, notices=notices)


def site_filters(keep: RowFilter, leg: EncarLeg) -> Mapping[str, str]:
    """Return the filters in a leg's search, in Encar's words, by their request parameters."""
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
    """Yield the legs in the requested order of makes and models; none for models that only other sites have."""
    sort = ENCAR_SORTS[request.query.sort]
    for make, texts in request.makes:
        models = dict.fromkeys(model for text in texts for model in vocabulary.models_meant(make, text))
        pairs = [SearchTarget(make, model.make_facet, model) for model in models]
        if not texts:
            pairs = [SearchTarget(make, facet.korean) for facet in make.facets if vocabulary.make_of(facet.korean)]
        for pair in pairs:
            search = _search(request.query, pair, request.facets, request.krw_per_usd)
            yield EncarLeg(encar.q(search), sort, pair, request.facets)
