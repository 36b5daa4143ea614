"""A query becomes legs.

On Encar one search per facet of a make and model asked, with its native filters; on Danawa, which can neither filter
nor sort, the listings that hold the makes asked for.
"""

from collections.abc import Mapping
from typing import NamedTuple

from dealerproxy.contract.answers import Notice, SkipReason
from dealerproxy.contract.errors import Issue, validation_error
from dealerproxy.contract.terms import UPSTREAMS
from dealerproxy.search.query import short
from dealerproxy.upstreams.danawa.legs import DanawaLeg, _danawa_legs, _unable, _unfiltered
from dealerproxy.upstreams.danawa.names import UPSTREAM as DANAWA
from dealerproxy.upstreams.encar.legs import EncarLeg, _encar_legs
from dealerproxy.upstreams.encar.naming import UPSTREAM as ENCAR
from dealerproxy.upstreams.query import FilterWords, Query, RowFilter
from dealerproxy.vocabulary import Make, Vocabulary

MAX_LEGS = 24


Leg = EncarLeg | DanawaLeg


class Plan(NamedTuple):
    """What to ask, what to keep of it, and what to remark; `skips` says of the sites without a leg why."""

    legs: tuple[Leg, ...]
    keep: "RowFilter"
    notices: tuple[Notice, ...]
    skips: Mapping[str, SkipReason]


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
    return Plan((*encar_legs, *danawa_legs), RowFilter(query, facets, krw_per_usd), tuple(notices), skips)


def _facets(query: Query, vocabulary: Vocabulary) -> tuple[FilterWords, list[Notice]]:
    words = [vocabulary.transmission_filters[token] for token in query.transmissions]
    notices = [
        Notice(code="no_facet", field="transmission", message=f"Dealer cars cannot be searched by `{token}`.")
        for token, facets in zip(query.transmissions, words, strict=True)
        if not facets
    ]
    return FilterWords(
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


def _unknown(field: str, text: str) -> Notice:
    return Notice(code=f"unknown_{field}", field=field, message=f"No {field} is known as `{short(text)}`.")


def _dropped(name: str) -> Notice:
    why = "with several values " if name in {"fuel", "color"} else ""
    return Notice(code="filter_dropped", field=name, message=f"`{name}` {why}is not applied to dealer cars.")
