"""Whether Danawa's cars can be bought: one call of the feeder per car. Rows by id come from the list in stock."""

from collections.abc import Sequence

from dealerproxy.cache.entries import CacheStatus
from dealerproxy.contract.answers import Buyable
from dealerproxy.contract.deadline import Deadline
from dealerproxy.upstreams.availability import (
    OUTCOMES,
    Outcome,
    few_at_a_time,
    row_or_reason,
    unless_lost,
    unless_stale,
)
from dealerproxy.upstreams.danawa.cars import DanawaCars
from dealerproxy.upstreams.danawa.stock import DanawaStock
from dealerproxy.upstreams.results import FoundRows
from dealerproxy.vehicles.car import SaleStatus
from dealerproxy.vehicles.listing import Listing


async def check(
    cars: DanawaCars, listing_ids: Sequence[str], deadline: Deadline, *, bypass_cache: bool
) -> dict[str, Outcome]:
    """Return each car's outcome by listing id; `unknown` for one that could not be checked."""

    async def single(listing_id: str) -> Outcome:
        found = await cars.availability_of(listing_id, deadline, bypass_cache=bypass_cache)
        return unless_stale(OUTCOMES[found.value], found.failure)

    return unless_lost(await few_at_a_time(single, listing_ids, deadline), cars.adverts)


async def rows(
    cars: DanawaCars, stock: DanawaStock, listing_ids: Sequence[str], deadline: Deadline, *, bypass_cache: bool
) -> FoundRows:
    """Return the rows of cars that can be bought, from the list in stock, and the outcomes of all others.

    A car that the list does not offer is checked at the feeder; with `bypass_cache`, every car is.
    """
    listed, age_s = await stock.offered(listing_ids, deadline)
    found = {} if bypass_cache else dict(listed)
    asked = [listing_id for listing_id in listing_ids if listing_id not in found]
    kept, age_s = bool(found), age_s if found else 0.0

    async def single(listing_id: str) -> Outcome:
        nonlocal age_s, kept
        advert = await cars.current(listing_id, deadline, bypass_cache=bypass_cache)
        age_s, kept = max(age_s, advert.age_s), kept or advert.state is not CacheStatus.MISS
        if isinstance(advert.value, SaleStatus):
            return OUTCOMES[advert.value]
        row = row_or_reason(advert.value.shown_car, listing_id)
        if isinstance(row, Listing):
            found[listing_id] = row
            return OUTCOMES[SaleStatus.LIVE]
        return Outcome(Buyable.AVAILABLE, row)

    outcomes = unless_lost(await few_at_a_time(single, asked, deadline), cars.adverts)
    rest = {listing_id: outcome for listing_id, outcome in outcomes.items() if listing_id not in found}
    return FoundRows(found, rest, age_s, kept)
