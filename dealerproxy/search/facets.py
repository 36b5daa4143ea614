"""The facets of dealer cars: makes that have cars now, their models, fuels and transmissions."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dealerproxy.contract.answers import FacetsAnswer
from dealerproxy.contract.deadline import Deadline
from dealerproxy.contract.rate import iso_kst
from dealerproxy.contract.terms import DEALER
from dealerproxy.upstreams.upstream import Upstream
from dealerproxy.vocabulary import Vocabulary


async def facets(
    sites: Mapping[str, Upstream[Any]],
    vocabulary: Vocabulary,
    sources: Sequence[str],
    deadline: Deadline,
    *,
    now: Callable[[], float] = time.time,
) -> FacetsAnswer:
    """Join the sites' facets, in the order of the sites; empty `sources` mean all.

    `as_of` is the time of the oldest facets used.
    """
    if sources and DEALER not in sources:
        return FacetsAnswer(makes=(), models={}, fuels=(), transmissions=(), sources=(), as_of=iso_kst(now()))
    stocked = await asyncio.gather(*(site.facets(deadline) for site in sites.values()))
    models: dict[str, dict[str, None]] = {}
    for own in stocked:
        for make, names in own.models.items():
            models.setdefault(make, {}).update(dict.fromkeys(names))
    return FacetsAnswer(
        makes=list(models),
        models={make: list(names) for make, names in models.items()},
        fuels=list(vocabulary.fuel_filters),
        transmissions=[token for token, words in vocabulary.transmission_filters.items() if words],
        sources=[DEALER],
        as_of=iso_kst(min((own.at for own in stocked if own.at is not None), default=now())),
        notices=[notice for own in stocked for notice in own.notices],
    )
