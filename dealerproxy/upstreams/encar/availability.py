"""Whether Encar's cars can be bought: 20 per call, then single calls for cars that the batch lacks."""

from collections.abc import Sequence
from typing import NamedTuple

from dealerproxy.cache.entries import CacheStatus
from dealerproxy.contract.answers import Buyable
from dealerproxy.contract.deadline import Deadline
from dealerproxy.transport.errors import Blocked, RateLimited, Suspended, UpstreamError
from dealerproxy.upstreams.availability import (
    OUTCOMES,
    UNDER_CONTRACT,
    Outcome,
    few_at_a_time,
    row_or_reason,
    unless_lost,
    unless_stale,
)
from dealerproxy.upstreams.encar.cars import EncarCars
from dealerproxy.upstreams.encar.parsed_advert import ParsedAdvert
from dealerproxy.upstreams.results import FoundRows
from dealerproxy.vehicles.car import SaleStatus
from dealerproxy.vehicles.listing import Listing


class Checked(NamedTuple):
    """Each car's outcome by listing id, and the adverts read; `age_s` and `kept` as in `FoundRows`."""

    outcomes: dict[str, Outcome]
    adverts: dict[str, ParsedAdvert]
    age_s: float
    kept: bool


async def check(
    cars: EncarCars, listing_ids: Sequence[str], deadline: Deadline, *, bypass_cache: bool
) -> dict[str, Outcome]:
    """Return each car's outcome by listing id; `unknown` for one that could not be checked."""
    return (await _checked(cars, listing_ids, deadline, bypass_cache=bypass_cache)).outcomes


async def rows(cars: EncarCars, listing_ids: Sequence[str], deadline: Deadline, *, bypass_cache: bool) -> FoundRows:
    """Return the rows of cars that can be bought, from their adverts, and the outcomes of all others."""
    outcomes, adverts, age_s, kept = await _checked(cars, listing_ids, deadline, bypass_cache=bypass_cache)
    found: dict[str, Listing] = {}
    for listing_id, outcome in outcomes.items():
        if outcome.status is Buyable.AVAILABLE:
            row = row_or_reason(adverts[listing_id].live_car, listing_id)
            if isinstance(row, Listing):
                found[listing_id] = row
            else:
                outcomes[listing_id] = Outcome(outcome.status, row)
    cars.adverts.listed(tuple(found.values()), age_s)  # the rows are shown, as in a list
    rest = {listing_id: outcome for listing_id, outcome in outcomes.items() if listing_id not in found}
    return FoundRows(found, rest, age_s, kept)


async def _checked(cars: EncarCars, listing_ids: Sequence[str], deadline: Deadline, *, bypass_cache: bool) -> Checked:
    # Half of the time is left for single calls, in case the batch hangs.
    many = await cars.find_adverts(listing_ids, deadline.share(0.5), bypass_cache=bypass_cache)
    adverts, age_s, kept = dict(many.adverts), many.age_s, many.kept
    outcomes = {listing_id: outcome_of(advert) for listing_id, advert in adverts.items()}
    missing = [listing_id for listing_id in listing_ids if listing_id not in outcomes]
    refusal = next((error for error in many.errors if isinstance(error, Blocked | RateLimited | Suspended)), None)
    if refusal is not None:
        # Single calls would only prolong a block.
        unknown = dict.fromkeys(missing, Outcome(Buyable.UNKNOWN, refusal.code))
        return Checked(outcomes | unknown, adverts, age_s, kept)

    async def single(listing_id: str) -> Outcome:
        nonlocal age_s, kept
        # An advert read before the batch does not overrule a batch that lacks it.
        found = await cars.find_advert(
            listing_id, deadline, bypass_cache=bypass_cache, since=many.read_at, alone=not many.errors
        )
        age_s, kept = max(age_s, found.age_s), kept or found.state is not CacheStatus.MISS
        if isinstance(found.value, SaleStatus):
            outcome = OUTCOMES[found.value]
        else:
            adverts[listing_id] = found.value
            outcome = outcome_of(found.value)
        return unless_stale(outcome, found.failure)

    outcomes |= await few_at_a_time(single, missing, deadline)
    return Checked(unless_lost(outcomes, cars.adverts), adverts, age_s, kept)


def outcome_of(advert: ParsedAdvert) -> Outcome:
    """Return the outcome of an advert; `unknown` if it has no known words about the sale."""
    try:
        status, under_contract = advert.sale()
    except UpstreamError as error:
        return Outcome(Buyable.UNKNOWN, error.code)
    return UNDER_CONTRACT if under_contract else OUTCOMES[status]
