"""Availability checks: whether many cars can be bought. Sites are called concurrently, within one deadline."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from dealerproxy.contract.deadline import Deadline
from dealerproxy.upstreams.availability import Outcome
from dealerproxy.upstreams.upstream import Upstream


async def check(
    sites: Mapping[str, Upstream[Any]],
    listing_ids: Mapping[str, Sequence[str]],
    deadline: Deadline,
    *,
    bypass_cache: bool = False,
) -> dict[tuple[str, str], Outcome]:
    """Return each car's outcome by (site, listing id); `listing_ids` has the ids to check by site.

    A car that could not be checked is `unknown` with the reason, even if a cached answer says that it is on sale.
    """
    answers = await asyncio.gather(
        *(sites[site].availability(ids, deadline, bypass_cache=bypass_cache) for site, ids in listing_ids.items())
    )
    return {
        (site, listing_id): outcome
        for site, outcomes in zip(listing_ids, answers, strict=True)
        for listing_id, outcome in outcomes.items()
    }
