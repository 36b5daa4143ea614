"""Danawa's leg of a query: its one list, filtered to the requested makes and models."""

from typing import NamedTuple

from dealerproxy.contract.answers import Notice, SkipReason
from dealerproxy.stock.selecting import Pick
from dealerproxy.upstreams.danawa.names import UPSTREAM as DANAWA
from dealerproxy.upstreams.query import LegRequest, Query
from dealerproxy.upstreams.results import SitePlan
from dealerproxy.vocabulary import Vocabulary


class DanawaLeg(NamedTuple):
    """The list, filtered to the cars of some makes and models."""

    pick: Pick
    upstream: str = DANAWA
    named: bool = True
    filtered: bool = True

    @property
    def q(self) -> str:
        """Identifies the leg in one line; cursors depend on it."""
        return ", ".join(sorted(f"{make} {model or '*'}" for make, model in self.pick))


def plan_legs(request: LegRequest, vocabulary: Vocabulary) -> SitePlan:
    """Plan the leg; plan none if the query has a filter that the site can neither apply nor show."""
    unable = _unable(request.query)
    if unable:
        return SitePlan(skip=SkipReason.FILTER_UNSUPPORTED, notices=[_unfiltered(name) for name in unable])
    pick: set[tuple[str, str | None]] = set()
    for make, texts in request.makes:
        models = {model.name for text in texts for model in vocabulary.danawa.models_meant(make, text)}
        pick |= {(make.name, model) for model in models} if texts else {(make.name, None)}
    return SitePlan([DanawaLeg(frozenset(pick))]) if pick else SitePlan(skip=SkipReason.NOTHING_TO_ASK)


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
    return Notice(
        code="filter_unsupported", field=name, message=f"Danawa cannot filter by `{name}` and was not searched."
    )
