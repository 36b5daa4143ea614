"""Danawa's legs of a query: the listings that hold the requested makes."""

from collections.abc import Iterator
from typing import NamedTuple

from dealerproxy.contract.answers import Notice, SkipReason
from dealerproxy.contract.terms import Sort
from dealerproxy.upstreams.danawa.index import Brand
from dealerproxy.upstreams.danawa.names import UPSTREAM as DANAWA
from dealerproxy.upstreams.query import LegRequest, Query
from dealerproxy.upstreams.results import SitePlan
from dealerproxy.vocabulary import Vocabulary


class DanawaLeg(NamedTuple):
    """One listing, cut to the cars of `make`, and of its `models` unless those are None."""

    listing: Brand
    make: str
    models: frozenset[str] | None
    sort: Sort
    upstream: str = DANAWA

    @property
    def q(self) -> str:
        """A line that identifies the leg; cursors depend on it."""
        models = "*" if self.models is None else ",".join(sorted(self.models))
        return f"{self.listing.brand}/{self.listing.series or ''} {self.make} {models}"

    @property
    def whole(self) -> bool:
        """Always true: the site neither sorts nor filters, so a listing is read whole."""
        return True


def plan_legs(request: LegRequest, vocabulary: Vocabulary) -> SitePlan:
    """Plan the listings to read; none if the query has a filter that the site can neither apply nor show."""
    unable = _unable(request.query)
    if unable:
        return SitePlan(skip=SkipReason.FILTER_UNSUPPORTED, notices=[_unfiltered(name) for name in unable])
    notices: list[Notice] = []
    legs = tuple(_legs(request, vocabulary, notices))
    return SitePlan(legs, None if legs else SkipReason.NOTHING_TO_ASK, notices)


def _legs(request: LegRequest, vocabulary: Vocabulary, notices: list[Notice]) -> Iterator[DanawaLeg]:
    """Yield a make's series if all of its models asked for have codes, else its brand's listing."""
    words, sort = vocabulary.danawa, request.query.sort
    for make, texts in request.makes:
        brands = words.brands_of(make)
        if not brands:
            message = f"Danawa's code for {make.name} is not known, so it was not searched there."
            notices.append(Notice(code="no_brand_code", field="make", message=message))
            continue
        series: dict[str, str | None] = {}
        for model in (model for text in texts for model in words.models_meant(make, text)):
            series[model.name] = series.get(model.name) or words.series_of(model)
        if series and all(series.values()):
            for name, code in series.items():
                yield DanawaLeg(Brand(brands[0], code), make.name, frozenset({name}), sort)
        else:
            for brand in brands:
                yield DanawaLeg(Brand(brand), make.name, frozenset(series) or None, sort)


def _unable(query: Query) -> list[str]:
    """Return the filters of a query that the site can neither apply nor show."""
    asked = {
        "fuel": query.fuel,
        "color": query.colour,
        "transmission": query.transmissions,
        "options_include": query.options,
    }
    return [name for name, value in asked.items() if value]


def _unfiltered(name: str) -> Notice:
    return Notice(code="filter_unsupported", field=name, message=f"Danawa cannot filter by `{name}`; it was not asked.")
