"""Enriches the rows of a page from their adverts. Sites are called concurrently."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from dealerproxy.contract.answers import Notice
from dealerproxy.contract.deadline import Deadline
from dealerproxy.upstreams.upstream import Upstream
from dealerproxy.vehicles.listing import LeftOutReason, Listing


async def enrich(
    rows: Sequence[Listing], sites: Mapping[str, Upstream[Any]], deadline: Deadline, *, bypass_cache: bool
) -> tuple[list[Listing], list[Notice]]:
    """Enrich rows; rows that could not be enriched are returned unchanged, with a notice.

    Rows whose adverts say that the car is no longer on sale are left out, with a notice.
    """
    by_site: dict[str, list[Listing]] = {}
    for row in rows:
        by_site.setdefault(row.upstream, []).append(row)
    answers = await asyncio.gather(
        *(sites[site].enrich(own, deadline, bypass_cache=bypass_cache) for site, own in by_site.items())
    )
    enriched = {
        (site, listing_id): row
        for site, answer in zip(by_site, answers, strict=True)
        for listing_id, row in answer.rows.items()
    }
    found = [enriched.get((row.upstream, row.listing_id), row) for row in rows]
    kept = [row for row in found if row is not None]
    plain, gone = len(rows) - len(enriched), len(found) - len(kept)
    notices: list[Notice] = []
    if plain:
        failures = [answer.failure for answer in answers if answer.failure is not None]
        why = f" ({failures[0].code})" if failures else ""
        message = f"Not enriched, shown as in the list: {plain}{why}."
        notices.append(Notice(code="not_enriched", message=message, count=plain))
    if gone:
        message = f"Left out: {gone} that are no longer on sale according to their adverts."
        notices.append(Notice(code=f"left_out_{LeftOutReason.NOT_BUYABLE}", message=message, count=gone))
    return kept, notices
