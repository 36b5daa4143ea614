"""Whether Danawa's cars can be bought: one call of the feeder for each."""

from collections.abc import Sequence

from dealerproxy.contract.deadline import Deadline
from dealerproxy.upstreams.availability import OUTCOMES, Outcome, few_at_a_time, unless_lost, unless_stale
from dealerproxy.upstreams.danawa.cars import DanawaCars


async def check(
    cars: DanawaCars, listing_ids: Sequence[str], deadline: Deadline, *, bypass_cache: bool
) -> dict[str, Outcome]:
    """Return each car's outcome by listing id; `unknown` for one that could not be checked."""

    async def single(listing_id: str) -> Outcome:
        found = await cars.availability_of(listing_id, deadline, bypass_cache=bypass_cache)
        return unless_stale(OUTCOMES[found.value], found.failure)

    return unless_lost(await few_at_a_time(single, listing_ids, deadline), cars.adverts)
