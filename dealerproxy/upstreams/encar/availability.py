"""Whether Encar's cars can be bought: 20 a call, then one by one those that the batch does not have."""

from collections.abc import Sequence

from dealerproxy.contract.answers import Buyable
from dealerproxy.contract.deadline import Deadline
from dealerproxy.transport.errors import Blocked, RateLimited, Suspended, UpstreamError
from dealerproxy.upstreams.availability import (
    OUTCOMES,
    UNDER_CONTRACT,
    Outcome,
    few_at_a_time,
    unless_lost,
    unless_stale,
)
from dealerproxy.upstreams.encar.cars import EncarCars
from dealerproxy.upstreams.encar.parsed_advert import ParsedAdvert
from dealerproxy.vehicles.car import SaleStatus


async def check(
    cars: EncarCars, listing_ids: Sequence[str], deadline: Deadline, *, bypass_cache: bool
) -> dict[str, Outcome]:
    """Return each car's outcome by listing id; `unknown` for one that could not be checked."""
    # Half of the time is left for single calls, should the batch hang.
    many = await cars.find_adverts(listing_ids, deadline.share(0.5), bypass_cache=bypass_cache)
    outcomes = {listing_id: outcome_of(advert) for listing_id, advert in many.adverts.items()}
    missing = [listing_id for listing_id in listing_ids if listing_id not in outcomes]
    refusal = next((error for error in many.errors if isinstance(error, Blocked | RateLimited | Suspended)), None)
    if refusal is not None:
        # Single calls would only prolong a block.
        return outcomes | dict.fromkeys(missing, Outcome(Buyable.UNKNOWN, refusal.code))

    async def single(listing_id: str) -> Outcome:
        # An advert read before the batch does not overrule that the batch lacks it.
        found = await cars.find_advert(
            listing_id, deadline, bypass_cache=bypass_cache, since=many.read_at, alone=not many.errors
        )
        advert = found.value
        outcome = OUTCOMES[advert] if isinstance(advert, SaleStatus) else outcome_of(advert)
        return unless_stale(outcome, found.failure)

    outcomes |= await few_at_a_time(single, missing, deadline)
    return unless_lost(outcomes, cars.adverts)


def outcome_of(advert: ParsedAdvert) -> Outcome:
    """Return what an advert says; `unknown` when it does not say it in known words."""
    try:
        status, under_contract = advert.sale()
    except UpstreamError as error:
        return Outcome(Buyable.UNKNOWN, error.code)
    return UNDER_CONTRACT if under_contract else OUTCOMES[status]
