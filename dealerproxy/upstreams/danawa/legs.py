"""A query as Danawa's listings: the ones that hold the makes asked for."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from dealerproxy.contract.answers import Notice
from dealerproxy.contract.terms import Sort
from dealerproxy.upstreams.danawa.index import Brand
from dealerproxy.upstreams.danawa.names import UPSTREAM as DANAWA
from dealerproxy.upstreams.query import Query
from dealerproxy.vocabulary import Make, Vocabulary


class DanawaLeg(NamedTuple):
    """One listing of Danawa, sorted here. Kept are the cars of `make`, and of its `models` unless those are None."""

    listing: Brand
    make: str
    models: frozenset[str] | None
    sort: Sort
    upstream: str = DANAWA

    @property
    def q(self) -> str:
        """What identifies it, in a line."""
        models = "*" if self.models is None else ",".join(sorted(self.models))
        return f"{self.listing.brand}/{self.listing.series or ''} {self.make} {models}"


def _danawa_legs(
    query: Query, wanted: Iterable[tuple[Make, tuple[str, ...]]], vocabulary: Vocabulary, notices: list[Notice]
) -> Iterator[DanawaLeg]:
    """Yield the listings to read: a make's series if all of its models asked for have codes, else its brand's."""
    words = vocabulary.danawa
    for make, texts in wanted:
        brands = words.brands_of(make)
        if not brands:
            message = f"Danawa's code for {make.name} is not known, so it was not searched there."
            notices.append(Notice(code="no_brand_code", field="make", message=message))
            continue
        series: dict[str, str | None] = {}
        for model in (model for text in texts for model in words.find_models(make, text)):
            series[model.name] = series.get(model.name) or words.series_of(model)
        if series and all(series.values()):
            for name, code in series.items():
                yield DanawaLeg(Brand(brands[0], code), make.name, frozenset({name}), query.sort)
        else:
            for brand in brands:
                yield DanawaLeg(Brand(brand), make.name, frozenset(series) or None, query.sort)


def _unable(query: Query) -> list[str]:
    """The filters of a query that Danawa can neither apply nor show."""
    asked = {
        "fuel": query.fuel,
        "color": query.colour,
        "transmission": query.transmissions,
        "options_include": query.options,
    }
    return [name for name, value in asked.items() if value]


def _unfiltered(name: str) -> Notice:
    return Notice(code="filter_unsupported", field=name, message=f"Danawa cannot filter by `{name}`; it was not asked.")
