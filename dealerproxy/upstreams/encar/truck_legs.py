"""A query as legs on Encar's truck index: one search for each name that means trucks of a make."""

from collections.abc import Iterator, Sequence

from dealerproxy.contract.answers import Notice
from dealerproxy.upstreams.encar.bounds import manwon_bounds, registration_bounds
from dealerproxy.upstreams.encar.indexes import ENCAR_SORTS, TRUCKS
from dealerproxy.upstreams.encar.leg import EncarLeg
from dealerproxy.upstreams.encar.query import TruckSearch, trucks_q
from dealerproxy.upstreams.encar.rows import SearchTarget
from dealerproxy.upstreams.query import LegRequest
from dealerproxy.vocabulary import Make, TruckModel, Vocabulary


def plan_trucks(request: LegRequest, vocabulary: Vocabulary) -> tuple[Sequence[EncarLeg], Sequence[Notice]]:
    """Plan the legs, or return notices of the filters that prevent them.

    The index cannot be searched by colour and options: its words for them are unknown. Fuel and transmission are
    compared with the rows, because searches by them were never captured.
    """
    legs = tuple(_legs(request, vocabulary))
    unable = [name for name, value in _unsupported(request).items() if value] if legs else []
    return ((), [_left_out(name) for name in unable]) if unable else (legs, ())


def _legs(request: LegRequest, vocabulary: Vocabulary) -> Iterator[EncarLeg]:
    trucks = vocabulary.trucks
    for make, texts in request.makes:
        known: set[TruckModel] = set()
        for text in texts:
            yield from _searches(request, make, [model for model in trucks.meant(make, text) if model not in known])
            known.update(trucks.meant(make, text))
        if not texts and trucks.has_alone(make):
            yield from (_leg(request, make, maker, ()) for maker in trucks.makers_of(make))
        elif not texts and _may_match(request, vocabulary):
            yield from _searches(request, make, trucks.with_make(make), named=False)


def _may_match(request: LegRequest, vocabulary: Vocabulary) -> bool:
    """Whether trucks that the query does not name can have the requested fuel."""
    fuels = request.facets.fuels
    return not fuels or not vocabulary.trucks.fuels_with_make.isdisjoint(fuels)


def _searches(
    request: LegRequest, make: Make, models: Sequence[TruckModel], *, named: bool = True
) -> Iterator[EncarLeg]:
    """Yield one search for the models of each maker."""
    for maker in dict.fromkeys(model.maker for model in models):
        yield _leg(request, make, maker, tuple(each.korean for each in models if each.maker == maker), named=named)


def _leg(request: LegRequest, make: Make, maker: str, models: tuple[str, ...], *, named: bool = True) -> EncarLeg:
    query = request.query
    search = TruckSearch(
        maker=maker,
        models=models,
        registered=registration_bounds(query.year_min, query.year_max),
        mileage=(0, query.mileage_max_km) if query.mileage_max_km is not None else None,
        price=manwon_bounds(query.price_min_usd, query.price_max_usd, request.krw_per_usd),
    )
    return EncarLeg(
        trucks_q(search),
        ENCAR_SORTS[query.sort],
        SearchTarget(make, maker, None, models),
        site_index=TRUCKS,
        named=named,
        filtered=not (request.facets.fuels or request.facets.transmissions),
    )


def _unsupported(request: LegRequest) -> dict[str, object]:
    return {"color": request.query.colour, "options_include": request.query.options}


def _left_out(name: str) -> Notice:
    message = f"Encar's trucks cannot be filtered by `{name}` and were left out."
    return Notice(code="filter_unsupported", field=name, message=message)
