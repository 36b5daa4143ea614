"""Fills rows from their adverts, fetched 20 a call: colour, engine size, options and body."""

from collections.abc import Sequence

import msgspec

from dealerproxy.contract.deadline import Deadline
from dealerproxy.transport.errors import UpstreamError
from dealerproxy.transport.troubles import upstream_trouble
from dealerproxy.upstreams.encar.advert import is_under_contract, normalise, sale_status
from dealerproxy.upstreams.encar.cars import EncarCars, ParsedAdvert
from dealerproxy.upstreams.encar.naming import UPSTREAM as ENCAR
from dealerproxy.upstreams.results import EnrichedRows
from dealerproxy.vehicles.car import SaleStatus
from dealerproxy.vehicles.listing import Listing
from dealerproxy.vocabulary import Vocabulary


async def enrich(
    rows: Sequence[Listing], cars: EncarCars, vocabulary: Vocabulary, deadline: Deadline, *, bypass_cache: bool
) -> EnrichedRows:
    """Fill rows whose adverts could be fetched and read.

    A row whose advert is no longer on sale becomes None: the search can be minutes behind.
    """
    listing_ids = [row.listing_id for row in rows]
    adverts, errors, _ = await cars.find_adverts(listing_ids, deadline, bypass_cache=bypass_cache)
    found: dict[str, Listing | None] = {}
    for row in rows:
        advert = adverts.get(row.listing_id)
        if advert is None:
            continue
        try:
            on_sale = sale_status(advert) is SaleStatus.LIVE and not is_under_contract(advert)
            found[row.listing_id] = _filled(row, advert, vocabulary) if on_sale else None
        except UpstreamError:
            continue
    return EnrichedRows(found, errors[0] if errors else None)


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
