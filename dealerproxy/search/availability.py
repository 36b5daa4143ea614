"""Whether cars can be bought, many at once: the sites side by side, within one deadline."""

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
    """Return the outcome of each car by (site, listing id); `listing_ids` are those to check, by site.

    A car that could not be checked is `unknown` with the reason, even if an old answer says that it is on sale.
    """
    answers = await asyncio.gather(
        *(sites[site].availability(ids, deadline, bypass_cache=bypass_cache) for site, ids in listing_ids.items())
    )
    return {
        (site, listing_id): outcome
        for site, outcomes in zip(listing_ids, answers, strict=True)
        for listing_id, outcome in outcomes.items()
    }
