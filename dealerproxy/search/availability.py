"""Whether cars can be bought, many at once.

At Encar the batch endpoint first, then what it did not know, one by one; at Danawa's feeder one by one.
"""

import asyncio
from collections.abc import Mapping, Sequence

from msgspec import Struct

from dealerproxy.errors import Blocked, RateLimited, Suspended, UpstreamError
from dealerproxy.search.answer import Buyable
from dealerproxy.transport.deadline import Deadline
from dealerproxy.transport.limits import background
from dealerproxy.upstreams.danawa.cars import DanawaCars
from dealerproxy.upstreams.encar.cars import EncarCars
from dealerproxy.upstreams.encar.detail import Advert, is_under_contract, judge
from dealerproxy.vehicles.car import Verdict


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

    async def check(
        self, ids: Mapping[str, Sequence[str]], deadline: Deadline, *, fresh_look: bool = False
    ) -> dict[tuple[str, str], Outcome]:
        """Say for each (site, number) whether it can be bought; `ids` are numbers by site.

        A car nobody could ask about is `unknown` with the reason, even if an old answer says that it is on sale.
        """
        checks = {"encar": self._check_encar, "danawa": self._check_danawa}
        answers = await asyncio.gather(
            *(checks[site](numbers, deadline, fresh_look=fresh_look) for site, numbers in ids.items())
        )
        return {
            (site, number): outcome
            for site, outcomes in zip(ids, answers, strict=True)
            for number, outcome in outcomes.items()
        }

    async def _check_danawa(
        self, listing_ids: Sequence[str], deadline: Deadline, *, fresh_look: bool
    ) -> dict[str, Outcome]:
        async def single(listing_id: str) -> Outcome:
            try:
                found = await self._danawa.availability_of(listing_id, deadline, fresh_look=fresh_look)
            except UpstreamError as error:
                return Outcome(Buyable.UNKNOWN, error.code)
            return _unless_stale(_OUTCOMES[found.value], found.failure)

        with background():  # a hundred cars one by one must not keep a single car in full waiting
            asked = [asyncio.ensure_future(single(listing_id)) for listing_id in listing_ids]
        return dict(zip(listing_ids, await asyncio.gather(*asked), strict=True))

    async def _check_encar(
        self, listing_ids: Sequence[str], deadline: Deadline, *, fresh_look: bool
    ) -> dict[str, Outcome]:
        # Half of the time is left to ask singly, should the batch hang.
        adverts, errors = await self._encar.find_many(listing_ids, deadline.share(0.5), fresh_look=fresh_look)
        outcomes = {listing_id: outcome_of(advert) for listing_id, advert in adverts.items()}
        missing = [listing_id for listing_id in listing_ids if listing_id not in outcomes]
        refusal = next((error for error in errors if isinstance(error, Blocked | RateLimited | Suspended)), None)
        if refusal is not None:
            # Asking for each car singly would only make it worse.
            return outcomes | dict.fromkeys(missing, Outcome(Buyable.UNKNOWN, refusal.code))
        singles = await asyncio.gather(*(self._single(listing_id, deadline, fresh_look) for listing_id in missing))
        return outcomes | dict(zip(missing, singles, strict=True))

    async def _single(self, listing_id: str, deadline: Deadline, fresh_look: bool) -> Outcome:
        try:
            found = await self._encar.find_advert(listing_id, deadline, fresh_look=fresh_look)
        except UpstreamError as error:
            return Outcome(Buyable.UNKNOWN, error.code)
        advert = found.value
        return _unless_stale(_OUTCOMES[advert] if isinstance(advert, Verdict) else outcome_of(advert), found.failure)


def _unless_stale(outcome: Outcome, failure: UpstreamError | None) -> Outcome:
    """Believe an old answer only that a car is not on sale."""
    if failure is not None and outcome.status is Buyable.AVAILABLE:
        return Outcome(Buyable.UNKNOWN, failure.code)
    return outcome


def outcome_of(advert: Advert) -> Outcome:
    """Judge an advert; one that says something nobody knows is `unknown`."""
    try:
        verdict = judge(advert)
        if verdict is Verdict.LIVE and is_under_contract(advert):
            return UNDER_CONTRACT
    except UpstreamError as error:
        return Outcome(Buyable.UNKNOWN, error.code)
    return _OUTCOMES[verdict]
