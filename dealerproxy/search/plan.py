"""The plan of a query: each site plans its legs from the requested makes and models."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from dealerproxy.contract.answers import Notice, SkipReason
from dealerproxy.contract.errors import Issue, validation_error
from dealerproxy.contract.terms import UPSTREAMS
from dealerproxy.search.query import short
from dealerproxy.upstreams.query import FilterWords, LegRequest, Query, RowFilter
from dealerproxy.upstreams.results import Leg, SitePlan
from dealerproxy.vocabulary import Make, Vocabulary

MAX_LEGS = 24
MOST_GUESSES = 5  # unknown names of a query for which the notice names the nearest known one

OVER_LIMIT = Notice(
    code="trucks_missing",
    message=f"Trucks were left out: with them, one site would need more than {MAX_LEGS} searches.",
)

# Plans the legs of a query at one site.
Planner = Callable[[LegRequest, Vocabulary], SitePlan]


class Plan(NamedTuple):
    """The legs to search, the filter on their rows, and notices; `skips` has the reason for each site without a leg."""

    legs: tuple[Leg, ...]
    keep: RowFilter
    notices: tuple[Notice, ...]
    skips: Mapping[str, SkipReason]


def plan(query: Query, krw_per_usd: float, vocabulary: Vocabulary, planners: Mapping[str, Planner]) -> Plan:
    """Plan a query's legs by site, at each site in the requested order of makes and models.

    `planners` has the sites' planners by name. Unknown makes, models and pairs become notices. Raises ApiError 400
    for more than 24 legs on a site.
    """
    facets, unfilterable = _facets(query, vocabulary)
    notices = [_dropped(name) for name in query.dropped] + unfilterable
    wanted = _wanted(query, vocabulary, notices)
    request = LegRequest(query, wanted, facets, krw_per_usd)
    legs: list[Leg] = []
    skips: dict[str, SkipReason] = {}
    for name in UPSTREAMS:
        if name not in query.upstreams:
            skips[name] = SkipReason.UPSTREAM_EXCLUDED
            continue
        own = planners[name](request, vocabulary)
        notices += own.notices
        if own.skip is not None:
            skips[name] = own.skip
        kept = _fitting(own.legs)
        if len(kept) < len(own.legs):
            notices.append(OVER_LIMIT)
        legs += kept
    _check_size(query, max(Counter(leg.upstream for leg in legs).values(), default=0))
    keep = RowFilter(query, facets, krw_per_usd, _vehicles(wanted, vocabulary), _colour(query, vocabulary))
    return Plan(tuple(legs), keep, tuple(notices), skips)


def _fitting(legs: Sequence[Leg]) -> Sequence[Leg]:
    """Return a site's legs; if they exceed the limit, only the legs that the query names."""
    return legs if len(legs) <= MAX_LEGS else [leg for leg in legs if leg.named]


def _vehicles(
    wanted: Iterable[tuple[Make, Sequence[str]]], vocabulary: Vocabulary
) -> dict[tuple[str, str], frozenset[str | None]]:
    """Return the wanted vehicles by make and model, for model groups of which only some vehicles are wanted."""
    found: dict[tuple[str, str], list[frozenset[str | None] | None]] = {}
    for make, texts in wanted:
        for text in texts:
            for model in vocabulary.models_meant_anywhere(make, text):
                found.setdefault((make.name, model.name), []).append(vocabulary.generations.asked_for(model, text))
    return {
        group: frozenset().union(*(names for names in asked if names is not None))
        for group, asked in found.items()
        if None not in asked
    }


def _colour(query: Query, vocabulary: Vocabulary) -> str | None:
    """Return the colour of all rows of a search, in the partner's words: the requested name, or its family's name."""
    colours = vocabulary.colours_of(query.colour) if query.colour else ()
    names = {colour.name for colour in colours}
    families = {colour.family.capitalize() for colour in colours}
    return next(iter(names if len(names) == 1 else families), None)


def _check_size(query: Query, most: int) -> None:
    """Raise ApiError 400 if the site with the most legs has more than 24."""
    if most > MAX_LEGS:
        field = "model" if query.models else "make"
        message = f"This request needs {most} searches on one site; at most {MAX_LEGS} makes x models are allowed."
        raise validation_error([Issue(field, message)])


def _facets(query: Query, vocabulary: Vocabulary) -> tuple[FilterWords, list[Notice]]:
    words = [vocabulary.transmission_filters[token] for token in query.transmissions]
    notices = [
        Notice(code="no_facet", field="transmission", message=f"Dealer cars cannot be filtered by `{token}`.")
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
    """Return the makes to search, each with the requested words for its models; () if no model is requested.

    Adds notices about unknown makes and models, and about models that no requested make has.
    """
    makes: dict[str, Make] = {}
    for text in query.makes:
        make = vocabulary.find_make_anywhere(text)
        if make is None:
            nearest = vocabulary.nearest_make(text) if _guesses_left(notices) else None
            notices.append(_unknown("make", text, nearest.name if nearest else None))
        else:
            makes[make.name] = make
    if not query.models:
        return [(make, ()) for make in makes.values()]
    known = [text for text in query.models if vocabulary.knows_model_anywhere(text)]
    for text in query.models:
        if text not in known:
            guess = vocabulary.nearest_model(makes.values(), text) if _guesses_left(notices) else None
            notices.append(_unknown("model", text, guess))
    pairs = {
        name: tuple(text for text in known if vocabulary.find_models_anywhere(make, text))
        for name, make in makes.items()
    }
    notices += [
        notice
        for name, texts in pairs.items()
        for text in texts
        for notice in _name_notices(makes[name], text, vocabulary)
    ]
    for name, texts in pairs.items():
        if known and not texts:
            message = f"{name} has none of the requested models and was not searched."
            notices.append(Notice(code="no_such_pair", field="make", message=message))
    paired = {text for texts in pairs.values() for text in texts}
    notices += [
        Notice(code="no_such_pair", field="model", message=f"None of the requested makes has a model `{short(text)}`.")
        for text in known
        if makes and text not in paired
    ]
    return [(make, pairs[name]) for name, make in makes.items() if pairs[name]]


def _guesses_left(notices: Sequence[Notice]) -> bool:
    """Whether to look for another nearest name: each takes some milliseconds, and a query may have many names."""
    return sum(notice.code.startswith("unknown_") for notice in notices) < MOST_GUESSES


def _unknown(field: str, text: str, nearest: str | None) -> Notice:
    hint = f" The nearest is `{nearest}`." if nearest else ""
    return Notice(code=f"unknown_{field}", field=field, message=f"`{short(text)}` is not a known {field}.{hint}")


def _name_notices(make: Make, text: str, vocabulary: Vocabulary) -> Iterator[Notice]:
    """Yield a notice if a name means several models, or only a model that is no longer sold.

    A family of trucks (Porter) needs no notice.
    """
    if vocabulary.trucks.meant(make, text):
        return
    names = list(dict.fromkeys(model.name for model in vocabulary.models_meant_anywhere(make, text)))
    if len(names) > 1:
        message = f"`{short(text)}` names several models of {make.name}. All were searched: {', '.join(names)}."
        yield Notice(code="ambiguous_model", field="model", message=message)
        return
    listed = vocabulary.find_models(make, text)
    if listed and not any(model.stock for model in listed):
        message = f"`{short(text)}` is an old model of {make.name}. None was on sale when models were last counted."
        yield Notice(code="old_model", field="model", message=message)


def _dropped(name: str) -> Notice:
    why = "with several values " if name in {"fuel", "color"} else ""
    return Notice(code="filter_dropped", field=name, message=f"`{name}` {why}is not applied to dealer cars.")
