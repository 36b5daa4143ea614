"""Fills a page's rows from their adverts, fetched 20 a call: colour, engine size, options and body."""

from collections.abc import Sequence

import msgspec

from dealerproxy.contract.answers import Notice
from dealerproxy.contract.deadline import Deadline
from dealerproxy.transport.errors import UpstreamError
from dealerproxy.transport.troubles import upstream_trouble
from dealerproxy.upstreams.encar.advert import is_under_contract, normalise, sale_status
from dealerproxy.upstreams.encar.cars import EncarCars, ParsedAdvert
from dealerproxy.upstreams.encar.naming import UPSTREAM as ENCAR
from dealerproxy.vehicles.car import SaleStatus
from dealerproxy.vehicles.listing import LeftOutReason, Listing
from dealerproxy.vocabulary import Vocabulary


async def enrich(
    rows: Sequence[Listing], cars: EncarCars, vocabulary: Vocabulary, deadline: Deadline, *, bypass_cache: bool
) -> tuple[list[Listing], list[Notice]]:
    """Enrich Encar's rows; those whose advert could not be had or read stay as they were, with a notice.

    So do Danawa's: its feeder can only be asked car by car. An advert that is no longer on sale takes its row out:
    the search can be minutes behind.
    """
    wanted = [row.listing_id for row in rows if row.upstream == ENCAR]
    adverts, errors, _ = await cars.find_adverts(wanted, deadline, bypass_cache=bypass_cache)
    kept: list[Listing] = []
    plain = gone = 0
    for row in rows:
        advert = adverts.get(row.listing_id) if row.upstream == ENCAR else None
        try:
            if advert is None:
                plain += 1
                kept.append(row)
            elif sale_status(advert) is SaleStatus.LIVE and not is_under_contract(advert):
                kept.append(_filled(row, advert, vocabulary))
            else:
                gone += 1
        except UpstreamError:
            plain += 1
            kept.append(row)
    notices = []
    if plain:
        why = f" ({errors[0].code})" if errors else ""
        message = f"Rows that could not be enriched and stand as the list has them: {plain}{why}."
        notices.append(Notice(code="not_enriched", message=message, count=plain))
    if gone:
        message = f"Left out: {gone} no longer on sale by their own adverts."
        notices.append(Notice(code=f"left_out_{LeftOutReason.NOT_BUYABLE}", message=message, count=gone))
    return kept, notices


def _filled(row: Listing, advert: ParsedAdvert, vocabulary: Vocabulary) -> Listing:
    try:
        car = normalise(advert, row.listing_id, vocabulary)
    except UpstreamError as error:
        error.capture = advert.capture
        upstream_trouble(ENCAR, "batch", error, id=row.listing_id)
        raise
    return msgspec.structs.replace(
        row,
        colour=car.colour,
        engine_cc=car.engine_cc or row.engine_cc,
        options=car.options,
        body=row.body or car.body,
    )
