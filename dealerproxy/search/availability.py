"""Whether cars can be bought, many at once.

At Encar the batch endpoint first, then what it did not know, one by one; at Danawa's feeder one by one.
"""

import asyncio
from collections.abc import Mapping, Sequence

from dealerproxy.contract.answers import Buyable
from dealerproxy.contract.deadline import Deadline
from dealerproxy.transport.errors import Blocked, MassAbsence, RateLimited, Suspended, UpstreamError
from dealerproxy.upstreams.absence import Adverts
from dealerproxy.upstreams.availability import _OUTCOMES, UNDER_CONTRACT, Outcome, _few_at_a_time, _unless_stale
from dealerproxy.upstreams.danawa.cars import DanawaCars
from dealerproxy.upstreams.encar.advert import Advert, is_under_contract, sale_status
from dealerproxy.upstreams.encar.cars import EncarCars
from dealerproxy.vehicles.car import SaleStatus


class Availability:
    """Checks many cars within one deadline."""

    def __init__(self, encar: EncarCars, danawa: DanawaCars) -> None:
        self._encar, self._danawa = encar, danawa

    async def check(
        self, ids: Mapping[str, Sequence[str]], deadline: Deadline, *, bypass_cache: bool = False
    ) -> dict[tuple[str, str], Outcome]:
        """Say for each (site, number) whether it can be bought; `ids` are numbers by site.

        A car nobody could ask about is `unknown` with the reason, even if an old answer says that it is on sale.
        """
        checks = {"encar": self._check_encar, "danawa": self._check_danawa}
        answers = await asyncio.gather(
            *(checks[site](numbers, deadline, bypass_cache=bypass_cache) for site, numbers in ids.items())
        )
        return {
            (site, number): outcome
            for site, outcomes in zip(ids, answers, strict=True)
            for number, outcome in outcomes.items()
        }

    async def _check_danawa(
        self, listing_ids: Sequence[str], deadline: Deadline, *, bypass_cache: bool
    ) -> dict[str, Outcome]:
        async def single(listing_id: str) -> Outcome:
            found = await self._danawa.availability_of(listing_id, deadline, bypass_cache=bypass_cache)
            return _unless_stale(_OUTCOMES[found.value], found.failure)

        outcomes = await _few_at_a_time(single, listing_ids, deadline)
        return _unless_lost(outcomes, self._danawa.adverts)

    async def _check_encar(
        self, listing_ids: Sequence[str], deadline: Deadline, *, bypass_cache: bool
    ) -> dict[str, Outcome]:
        # Half of the time is left to ask singly, should the batch hang.
        many = await self._encar.find_adverts(listing_ids, deadline.share(0.5), bypass_cache=bypass_cache)
        outcomes = {listing_id: outcome_of(advert) for listing_id, advert in many.adverts.items()}
        missing = [listing_id for listing_id in listing_ids if listing_id not in outcomes]
        refusal = next((error for error in many.errors if isinstance(error, Blocked | RateLimited | Suspended)), None)
        if refusal is not None:
            # Asking for each car singly would only make it worse.
            return outcomes | dict.fromkeys(missing, Outcome(Buyable.UNKNOWN, refusal.code))

        async def single(listing_id: str) -> Outcome:
            # That the batch does not have it is news: an advert read before does not overrule it.
            found = await self._encar.find_advert(listing_id, deadline, bypass_cache=bypass_cache, since=many.read_at)
            advert = found.value
            outcome = _OUTCOMES[advert] if isinstance(advert, SaleStatus) else outcome_of(advert)
            return _unless_stale(outcome, found.failure)

        outcomes |= await _few_at_a_time(single, missing, deadline)
        return _unless_lost(outcomes, self._encar.adverts)


def _unless_lost(outcomes: Mapping[str, Outcome], adverts: Adverts) -> dict[str, Outcome]:
    """Doubt the absence of the first cars too, if the check of the others showed that the upstream lost its adverts."""
    gone = _OUTCOMES[SaleStatus.GONE]
    return {
        listing_id: Outcome(Buyable.UNKNOWN, MassAbsence.code) if outcome == gone and adverts.lost else outcome
        for listing_id, outcome in outcomes.items()
    }


def outcome_of(advert: Advert) -> Outcome:
    """Judge an advert; one that says something nobody knows is `unknown`."""
    try:
        verdict = sale_status(advert)
        if verdict is SaleStatus.LIVE and is_under_contract(advert):
            return UNDER_CONTRACT
    except UpstreamError as error:
        return Outcome(Buyable.UNKNOWN, error.code)
    return _OUTCOMES[verdict]
