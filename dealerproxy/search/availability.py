"""Whether cars can be bought, many at once: the batch endpoint first, then what it did not know, one by one."""

import asyncio
from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from dealerproxy.errors import Blocked, RateLimited, UpstreamError
from dealerproxy.transport.deadline import Deadline
from dealerproxy.upstreams.encar.cars import EncarCars
from dealerproxy.upstreams.encar.detail import Advert, is_under_contract, judge
from dealerproxy.vehicles.car import Verdict


class Buyable(StrEnum):
    """The states of the public answer."""

    AVAILABLE = "available"
    SOLD = "sold"
    WAITING = "waiting"
    GONE = "gone"
    UNKNOWN = "unknown"


class Outcome(Struct, frozen=True):
    """One car's state; `reason` says more where the state alone does not."""

    status: Buyable
    reason: str | None = None


UNDER_CONTRACT = Outcome(Buyable.WAITING, "under_contract")
_OUTCOMES = {
    Verdict.LIVE: Outcome(Buyable.AVAILABLE),
    Verdict.SOLD: Outcome(Buyable.SOLD),
    Verdict.WAITING: Outcome(Buyable.WAITING),
    Verdict.NOT_FOR_SALE: Outcome(Buyable.GONE, "not_for_sale"),
    Verdict.GONE: Outcome(Buyable.GONE),
}


class Availability:
    """Checks many cars within one deadline."""

    def __init__(self, cars: EncarCars) -> None:
        self._cars = cars

    async def check(self, listing_ids: Sequence[str], deadline: Deadline) -> dict[str, Outcome]:
        """Say for each id whether it can be bought. A car nobody could ask about is `unknown` with the reason."""
        # Half of the time is left to ask singly, should the batch hang.
        adverts, errors = await self._cars.find_many(listing_ids, deadline.share(0.5))
        outcomes = {listing_id: outcome_of(advert) for listing_id, advert in adverts.items()}
        missing = [listing_id for listing_id in listing_ids if listing_id not in outcomes]
        refusal = next((error for error in errors if isinstance(error, Blocked | RateLimited)), None)
        if refusal is not None:
            # Asking for each car singly would only make it worse.
            return outcomes | dict.fromkeys(missing, Outcome(Buyable.UNKNOWN, refusal.code))
        singles = await asyncio.gather(*(self._single(listing_id, deadline) for listing_id in missing))
        return outcomes | dict(zip(missing, singles, strict=True))

    async def _single(self, listing_id: str, deadline: Deadline) -> Outcome:
        try:
            found = await self._cars.find_advert(listing_id, deadline)
        except UpstreamError as error:
            return Outcome(Buyable.UNKNOWN, error.code)
        return _OUTCOMES[found] if isinstance(found, Verdict) else outcome_of(found)


def outcome_of(advert: Advert) -> Outcome:
    """Judge an advert; one that says something nobody knows is `unknown`."""
    try:
        verdict = judge(advert)
        if verdict is Verdict.LIVE and is_under_contract(advert):
            return UNDER_CONTRACT
    except UpstreamError as error:
        return Outcome(Buyable.UNKNOWN, error.code)
    return _OUTCOMES[verdict]
