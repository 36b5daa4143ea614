"""A query becomes legs: each site plans its own from the makes and models that were asked for."""

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
MOST_GUESSES = 5  # unknown names of a query that the nearest known one is told for

OVER_LIMIT = Notice(
    code="trucks_missing",
    message=f"Trucks were left out: with them, one site would need more than {MAX_LEGS} searches.",
)

# Plans the legs of a query at one site.
Planner = Callable[[LegRequest, Vocabulary], SitePlan]


class Plan(NamedTuple):
    """What to search, what to keep of it, and notices; `skips` says of the sites without a leg why."""

    legs: tuple[Leg, ...]
    keep: RowFilter
    notices: tuple[Notice, ...]
    skips: Mapping[str, SkipReason]


def plan(query: Query, krw_per_usd: float, vocabulary: Vocabulary, planners: Mapping[str, Planner]) -> Plan:
    """Plan a query's legs, site by site, at each in the order makes and models were asked for.

    `planners` are those of the sites, by name. Raises ApiError 400 for more than 24 legs on a site. Unknown makes,
    models and pairs become notices.
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
    """Return a site's legs, without those that the query does not name if there are too many with them."""
    return legs if len(legs) <= MAX_LEGS else [leg for leg in legs if leg.named]


def _vehicles(
    wanted: Iterable[tuple[Make, Sequence[str]]], vocabulary: Vocabulary
) -> dict[tuple[str, str], frozenset[str | None]]:
    """Return which vehicles are wanted, by make and model, of the model groups that are not wanted whole."""
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
    """Return the colour that all rows of a search have, in the partner's words: its own name, or its family's."""
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
    """Return the makes to search, each with the words for its models that were asked for; () when no model was.

    Adds notices about unknown makes and models, and about those that form no pair.
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
        for notice in _told_of_name(makes[name], text, vocabulary)
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
    """Whether the nearest name is still looked for: that takes some milliseconds, and a query may hold many names."""
    return sum(notice.code.startswith("unknown_") for notice in notices) < MOST_GUESSES


def _unknown(field: str, text: str, nearest: str | None) -> Notice:
    hint = f" The nearest is `{nearest}`." if nearest else ""
    return Notice(code=f"unknown_{field}", field=field, message=f"`{short(text)}` is not a known {field}.{hint}")


def _told_of_name(make: Make, text: str, vocabulary: Vocabulary) -> Iterator[Notice]:
    """Say when a model's name stands for several, or only for one that is not sold any more.

    A family of trucks (Porter) is what its name says.
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
