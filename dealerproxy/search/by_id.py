"""Rows by id: looks up the requested cars at their sites and returns them in the requested order."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from dealerproxy.contract.answers import Buyable, CarState, SkipReason, SourceState, Status
from dealerproxy.contract.deadline import Deadline
from dealerproxy.contract.terms import UPSTREAMS
from dealerproxy.search.source_report import RETRY_AFTER_S, SLOW_TO_MEND, unavailable
from dealerproxy.upstreams.query import Display
from dealerproxy.upstreams.results import FoundRows
from dealerproxy.upstreams.upstream import Upstream
from dealerproxy.vehicles.listing import Listing


class IdsQuery(Struct, frozen=True):
    """The requested cars by public id, in the requested order, each with site and number; and how to show them."""

    cars: Mapping[str, tuple[str, str]]
    display: Display


async def look_up(
    query: IdsQuery, sites: Mapping[str, Upstream[Any]], deadline: Deadline, *, bypass_cache: bool
) -> dict[str, FoundRows]:
    """Look up the cars at their sites concurrently; return what each site found, by its name."""
    numbers: dict[str, list[str]] = {}
    for site, number in query.cars.values():
        numbers.setdefault(site, []).append(number)
    answers = await asyncio.gather(
        *(sites[site].rows_of(own, deadline, bypass_cache=bypass_cache) for site, own in numbers.items())
    )
    return dict(zip(numbers, answers, strict=True))


def in_order(query: IdsQuery, found: Mapping[str, FoundRows]) -> tuple[list[Listing], list[CarState]]:
    """Return the rows, and the states of the cars without a row, both in the requested order."""
    rows: list[Listing] = []
    states: list[CarState] = []
    for vehicle_id, (site, number) in query.cars.items():
        row = found[site].rows.get(number)
        if row is not None:
            rows.append(row)
        else:
            outcome = found[site].outcomes[number]
            states.append(CarState(vehicle_id, outcome.status, outcome.reason))
    return rows, states


def sources_of(found: Mapping[str, FoundRows]) -> Sequence[SourceState]:
    """Return each source's state. Raises ApiError 503 when no car of any site could be checked."""
    states = [_source(name, found.get(name)) for name in UPSTREAMS]
    failed = [state for state in states if state.status is Status.FAILED]
    if failed and len(failed) == len(found):
        low, high = RETRY_AFTER_S
        raise unavailable(states, [high if state.reason in SLOW_TO_MEND else low for state in failed])
    return states


def _source(name: str, found: FoundRows | None) -> SourceState:
    if found is None:
        return SourceState(name=name, status=Status.SKIPPED, reason=SkipReason.NOTHING_TO_ASK)
    unknown = [outcome for outcome in found.outcomes.values() if outcome.status is Buyable.UNKNOWN]
    if not unknown:
        return SourceState(name=name, status=Status.OK, rows=len(found.rows), age_s=round(found.age_s))
    told = len(found.rows) + len(found.outcomes) - len(unknown)
    return SourceState(
        name=name,
        status=Status.PARTIAL if told else Status.FAILED,
        reason=unknown[0].reason,
        rows=len(found.rows),
        age_s=round(found.age_s) if told else None,
    )
