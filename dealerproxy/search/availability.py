"""Whether cars can be bought, many at once.

At Encar the batch endpoint first, then what it did not know, one by one; at Danawa's feeder one by one.
"""

import asyncio
from collections.abc import Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from dealerproxy.errors import Blocked, RateLimited, UpstreamError
from dealerproxy.transport.deadline import Deadline
from dealerproxy.upstreams.danawa.cars import DanawaCars
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

    def __init__(self, encar: EncarCars, danawa: DanawaCars) -> None:
        self._encar, self._danawa = encar, danawa

    async def check(self, ids: Mapping[str, Sequence[str]], deadline: Deadline) -> dict[tuple[str, str], Outcome]:
        """Say for each (site, number) whether it can be bought; `ids` are numbers by site.

        A car nobody could ask about is `unknown` with the reason.
        """
        checks = {"encar": self._check_encar, "danawa": self._check_danawa}
        answers = await asyncio.gather(*(checks[site](numbers, deadline) for site, numbers in ids.items()))
        return {
            (site, number): outcome
            for site, outcomes in zip(ids, answers, strict=True)
            for number, outcome in outcomes.items()
        }

    async def _check_danawa(self, listing_ids: Sequence[str], deadline: Deadline) -> dict[str, Outcome]:
        found = await asyncio.gather(*(self._single_danawa(listing_id, deadline) for listing_id in listing_ids))
        return dict(zip(listing_ids, found, strict=True))

    async def _single_danawa(self, listing_id: str, deadline: Deadline) -> Outcome:
        try:
            return _OUTCOMES[await self._danawa.availability_of(listing_id, deadline)]
        except UpstreamError as error:
            return Outcome(Buyable.UNKNOWN, error.code)

    async def _check_encar(self, listing_ids: Sequence[str], deadline: Deadline) -> dict[str, Outcome]:
        # Half of the time is left to ask singly, should the batch hang.
        adverts, errors = await self._encar.find_many(listing_ids, deadline.share(0.5))
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
            found = await self._encar.find_advert(listing_id, deadline)
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
