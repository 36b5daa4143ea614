"""A query becomes legs.

On Encar one search per facet of a make and model asked, with its native filters; on Danawa, which can neither filter
nor sort, the listings that hold the makes asked for.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from msgspec import Struct

from dealerproxy.errors import Issue, validation_error
from dealerproxy.search.answer import Notice, SkipReason
from dealerproxy.search.query import Query, short
from dealerproxy.search.terms import UPSTREAMS, Sort
from dealerproxy.upstreams.danawa.index import Brand
from dealerproxy.upstreams.danawa.names import UPSTREAM as DANAWA
from dealerproxy.upstreams.encar import query as encar
from dealerproxy.upstreams.encar.naming import UPSTREAM as ENCAR
from dealerproxy.upstreams.encar.naming import WON_PER_MANWON
from dealerproxy.upstreams.encar.rows import Asked
from dealerproxy.vehicles.listing import Listing
from dealerproxy.vehicles.pricing import usd
from dealerproxy.vocabulary import Make, Vocabulary

MAX_LEGS = 24

# `Year` is Encar's newest-first; no ascending year sort is known.
ENCAR_SORTS = {
    Sort.AUCTION_DATE_ASC: "Year",
    Sort.YEAR_DESC: "Year",
    Sort.PRICE_ASC: "PriceAsc",
    Sort.PRICE_DESC: "PriceDesc",
    Sort.MILEAGE_ASC: "MileageAsc",
}


class EncarLeg(NamedTuple):
    """One search on Encar; `q` and `sort` are its own words and identify it."""

    q: str
    sort: str
    asked: Asked
    upstream: str = ENCAR


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


Leg = EncarLeg | DanawaLeg


class Facets(Struct, frozen=True):
    """The filters in the upstream's words; an empty tuple does not filter."""

    fuels: tuple[str, ...] = ()
    transmissions: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


class Plan(NamedTuple):
    """What to ask, what to keep of it, and what to remark; `skips` says of the sites without a leg why."""

    legs: tuple[Leg, ...]
    keep: "Keep"
    notices: tuple[Notice, ...]
    skips: Mapping[str, SkipReason]


class Keep(Struct, frozen=True):
    """The filters on the rows: all that Danawa has, and the guard behind Encar's own, exact where those are wide."""

    query: Query
    facets: Facets
    krw_per_usd: float

    def __call__(self, listing: Listing) -> bool:
        """Whether a listing matches. What a row does not say is left to the upstream's own filter."""
        query, facets = self.query, self.facets
        return (
            (query.year_min is None or listing.year >= query.year_min)
            and (query.year_max is None or listing.year <= query.year_max)
            and (query.mileage_max_km is None or listing.mileage_km <= query.mileage_max_km)
            and self._price(listing)
            and self._fuel(listing)
            and (not facets.transmissions or listing.transmission_word in (None, *facets.transmissions))
        )

    def _price(self, listing: Listing) -> bool:
        low, high = self.query.price_min_usd, self.query.price_max_usd
        if low is None and high is None:
            return True
        price = usd(listing.price_krw, self.krw_per_usd)
        return (low is None or price >= low) and (high is None or price <= high)

    def _fuel(self, listing: Listing) -> bool:
        asked = self.query.fuel
        if asked is None:
            return True
        if asked == "plug_in_hybrid" or (asked != "hybrid" and listing.fuel == "plug_in_hybrid"):
            # No facet tells plug-ins from other hybrids, so here the row's text decides alone.
            return listing.fuel == asked
        return listing.fuel_word in (None, *self.facets.fuels)


def plan(query: Query, krw_per_usd: float, vocabulary: Vocabulary) -> Plan:
    """Plan a query's legs, in the order makes and models were asked for, Encar's first.

    Raises ApiError 400 for more than 24 legs on a site. Makes, models and pairs nobody knows become notices.
    """
    notices = [_dropped(name) for name in query.dropped]
    facets, unfilterable = _facets(query, vocabulary)
    notices += unfilterable
    wanted = _wanted(query, vocabulary, notices)
    skips = {name: SkipReason.UPSTREAM_EXCLUDED for name in UPSTREAMS if name not in query.upstreams}
    encar_legs: list[EncarLeg] = []
    danawa_legs: list[DanawaLeg] = []
    if ENCAR not in skips:
        encar_legs = list(_encar_legs(query, wanted, facets, krw_per_usd, vocabulary))
        if not encar_legs:
            skips[ENCAR] = SkipReason.NOTHING_TO_ASK
        elif query.transmissions and not facets.transmissions:
            encar_legs, skips[ENCAR] = [], SkipReason.NO_FACET
    if DANAWA not in skips:
        unable = _unable(query)
        if unable:
            skips[DANAWA] = SkipReason.FILTER_UNSUPPORTED
            notices += [_unfiltered(name) for name in unable]
        else:
            danawa_legs = list(_danawa_legs(query, wanted, vocabulary, notices))
            if not danawa_legs:
                skips[DANAWA] = SkipReason.NOTHING_TO_ASK
    most = max(len(encar_legs), len(danawa_legs))
    if most > MAX_LEGS:
        field = "model" if query.models else "make"
        message = f"This asks for {most} searches on one site; at most {MAX_LEGS} makes x models are allowed."
        raise validation_error([Issue(field, message)])
    return Plan((*encar_legs, *danawa_legs), Keep(query, facets, krw_per_usd), tuple(notices), skips)


def manwon_bounds(low_usd: int | None, high_usd: int | None, krw_per_usd: float) -> tuple[int, int] | None:
    """Widen bounds on a half-up rounded dollar price outward to whole 만원; None when there are none."""
    if low_usd is None and high_usd is None:
        return None
    lowest, highest = encar.ANY_NUMBER
    low = math.floor((low_usd - 0.5) * krw_per_usd / WON_PER_MANWON) if low_usd else lowest
    high = math.ceil((high_usd + 0.5) * krw_per_usd / WON_PER_MANWON) if high_usd is not None else highest
    return min(max(low, lowest), highest), min(high, highest)


def registration_bounds(year_min: int | None, year_max: int | None) -> tuple[int, int] | None:
    """Months of first registration that cars of these model years can have.

    In 727 of 727 captured rows the model year is the registration's year or the one after it.
    """
    if year_min is None and year_max is None:
        return None
    earliest, latest = encar.ANY_MONTH
    low = (year_min - 1) * 100 + 1 if year_min is not None else earliest
    high = year_max * 100 + 12 if year_max is not None else latest
    return low, high


def _search(query: Query, asked: Asked, facets: Facets, krw_per_usd: float) -> encar.Search:
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


def _facets(query: Query, vocabulary: Vocabulary) -> tuple[Facets, list[Notice]]:
    words = [vocabulary.transmission_filters[token] for token in query.transmissions]
    notices = [
        Notice(code="no_facet", field="transmission", message=f"Dealer cars cannot be searched by `{token}`.")
        for token, facets in zip(query.transmissions, words, strict=True)
        if not facets
    ]
    return Facets(
        fuels=vocabulary.fuel_filters[query.fuel] if query.fuel else (),
        transmissions=tuple(facet for facets in words for facet in facets),
        colours=tuple(colour.korean for colour in vocabulary.colours_of(query.colour)) if query.colour else (),
        options=tuple(vocabulary.options[token].facet for token in query.options),
    ), notices


def _wanted(query: Query, vocabulary: Vocabulary, notices: list[Notice]) -> list[tuple[Make, tuple[str, ...]]]:
    """The makes to search, each with the words for its models that were asked for; () when no model was.

    Remarks on makes and models nobody knows, and on those left without a partner.
    """
    makes: dict[str, Make] = {}
    for text in query.makes:
        make = vocabulary.find_make(text) or vocabulary.danawa.find_make(text)
        if make is None:
            notices.append(_unknown("make", text))
        else:
            makes[make.name] = make
    if not query.models:
        return [(make, ()) for make in makes.values()]
    known = [text for text in query.models if vocabulary.danawa.knows_model(text)]
    notices += [_unknown("model", text) for text in query.models if text not in known]
    pairs = {
        name: tuple(text for text in known if vocabulary.danawa.find_models(make, text)) for name, make in makes.items()
    }
    for name, texts in pairs.items():
        if known and not texts:
            message = f"{name} has none of the models asked for, so it was not searched."
            notices.append(Notice(code="no_such_pair", field="make", message=message))
    paired = {text for texts in pairs.values() for text in texts}
    notices += [
        Notice(code="no_such_pair", field="model", message=f"None of the makes asked for has a model `{short(text)}`.")
        for text in known
        if makes and text not in paired
    ]
    return [(make, pairs[name]) for name, make in makes.items() if pairs[name]]


def _encar_legs(
    query: Query,
    wanted: Iterable[tuple[Make, tuple[str, ...]]],
    facets: Facets,
    krw_per_usd: float,
    vocabulary: Vocabulary,
) -> Iterator[EncarLeg]:
    """Yield one leg per facet of a make and model; none for what only Danawa has."""
    sort = ENCAR_SORTS[query.sort]
    for make, texts in wanted:
        models = dict.fromkeys(model for text in texts for model in vocabulary.find_models(make, text))
        pairs = [Asked(make, model.make_facet, model) for model in models]
        if not texts:
            pairs = [Asked(make, facet.korean) for facet in make.facets if vocabulary.make_of(facet.korean)]
        for pair in pairs:
            yield EncarLeg(encar.q(_search(query, pair, facets, krw_per_usd)), sort, pair)


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


def _unknown(field: str, text: str) -> Notice:
    return Notice(code=f"unknown_{field}", field=field, message=f"No {field} is known as `{short(text)}`.")


def _dropped(name: str) -> Notice:
    why = "with several values " if name in {"fuel", "color"} else ""
    return Notice(code="filter_dropped", field=name, message=f"`{name}` {why}is not applied to dealer cars.")


def _unfiltered(name: str) -> Notice:
    return Notice(code="filter_unsupported", field=name, message=f"Danawa cannot filter by `{name}`; it was not asked.")
