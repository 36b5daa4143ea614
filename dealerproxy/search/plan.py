"""A query becomes legs: one search per upstream facet of a make and per model asked, with its native filters."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct

from dealerproxy.errors import Issue, validation_error
from dealerproxy.search.answer import Notice, SkipReason
from dealerproxy.search.query import Query, Sort, short
from dealerproxy.upstreams.encar import query as encar
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


class Leg(NamedTuple):
    """One search on one upstream; `q` and `sort` are the upstream's words and identify it."""

    upstream: str
    q: str
    sort: str
    asked: Asked


class Facets(Struct, frozen=True):
    """The filters in the upstream's words; an empty tuple does not filter."""

    fuels: tuple[str, ...] = ()
    transmissions: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


class Plan(NamedTuple):
    """What to ask, what to keep of it, and what to remark; `skip` says why there is nothing to ask."""

    legs: tuple[Leg, ...]
    keep: "Keep"
    notices: tuple[Notice, ...]
    skip: SkipReason | None = None


class Keep(Struct, frozen=True):
    """The filters once more, on the rows: the guard behind the upstream's own and exact where that one is wide."""

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
    """Plan a query's legs, in the order makes and models were asked for.

    Raises ApiError 400 for more than 24 legs. Makes, models and pairs nobody knows become notices.
    """
    notices = [_dropped(name) for name in query.dropped]
    facets, unfilterable = _facets(query, vocabulary)
    notices += unfilterable
    keep = Keep(query, facets, krw_per_usd)
    makes = _makes(query, vocabulary, notices)
    asked = list(_pairs(query, makes, vocabulary, notices))
    if len(asked) > MAX_LEGS:
        field = "model" if query.models else "make"
        message = f"This asks for {len(asked)} searches; at most {MAX_LEGS} makes x models are allowed."
        raise validation_error([Issue(field, message)])
    if not asked:
        return Plan((), keep, tuple(notices), SkipReason.NOTHING_TO_ASK)
    if query.transmissions and not facets.transmissions:
        return Plan((), keep, tuple(notices), SkipReason.NO_FACET)
    sort = ENCAR_SORTS[query.sort]
    legs = tuple(Leg("encar", encar.q(_search(query, pair, facets, krw_per_usd)), sort, pair) for pair in asked)
    return Plan(legs, keep, tuple(notices))


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


def _makes(query: Query, vocabulary: Vocabulary, notices: list[Notice]) -> list[Make]:
    makes: dict[str, Make] = {}
    for text in query.makes:
        make = vocabulary.find_make(text)
        if make is None:
            notices.append(_unknown("make", text))
        else:
            makes[make.name] = make
    return list(makes.values())


def _pairs(query: Query, makes: list[Make], vocabulary: Vocabulary, notices: list[Notice]) -> Iterator[Asked]:
    """Yield the pairs that exist, remarking on models nobody has and on makes and models left without a partner."""
    if not query.models:
        for make in makes:
            yield from (Asked(make, facet.korean) for facet in make.facets)
        return
    known = [text for text in query.models if vocabulary.knows_model(text)]
    notices += [_unknown("model", text) for text in query.models if text not in known]
    paired: set[str] = set()
    for make in makes:
        found = False
        seen: set[tuple[str, str]] = set()
        for text in known:
            for model in vocabulary.find_models(make, text):
                found = True
                paired.add(text)
                if (model.make_facet, model.korean) not in seen:
                    seen.add((model.make_facet, model.korean))
                    yield Asked(make, model.make_facet, model)
        if known and not found:
            message = f"{make.name} has none of the models asked for, so it was not searched."
            notices.append(Notice(code="no_such_pair", field="make", message=message))
    notices += [
        Notice(code="no_such_pair", field="model", message=f"None of the makes asked for has a model `{short(text)}`.")
        for text in known
        if makes and text not in paired
    ]


def _unknown(field: str, text: str) -> Notice:
    return Notice(code=f"unknown_{field}", field=field, message=f"No {field} is known as `{short(text)}`.")


def _dropped(name: str) -> Notice:
    why = "with several values " if name in {"fuel", "color"} else ""
    return Notice(code="filter_dropped", field=name, message=f"`{name}` {why}is not applied to dealer cars.")
