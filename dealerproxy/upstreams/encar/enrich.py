"""Enriches rows from their adverts, fetched 20 per call: colour, engine size, options and body."""

from collections.abc import Sequence

import msgspec

from dealerproxy.contract.deadline import Deadline
from dealerproxy.transport.errors import UpstreamError
from dealerproxy.transport.troubles import upstream_trouble
from dealerproxy.upstreams.encar.addresses import UPSTREAM as ENCAR
from dealerproxy.upstreams.encar.cars import EncarCars
from dealerproxy.upstreams.encar.parsed_advert import ParsedAdvert
from dealerproxy.upstreams.results import EnrichedRows
from dealerproxy.vehicles.car import SaleStatus
from dealerproxy.vehicles.listing import Listing


async def enrich(rows: Sequence[Listing], cars: EncarCars, deadline: Deadline, *, bypass_cache: bool) -> EnrichedRows:
    """Enrich rows whose adverts could be fetched and read.

    A row whose advert is no longer on sale becomes None: the search can be minutes behind.
    """
    listing_ids = [row.listing_id for row in rows]
    many = await cars.find_adverts(listing_ids, deadline, bypass_cache=bypass_cache)
    found: dict[str, Listing | None] = {}
    for row in rows:
        advert = many.adverts.get(row.listing_id)
        if advert is None:
            continue
        try:
            on_sale = advert.sale() == (SaleStatus.LIVE, False)
            found[row.listing_id] = _filled(row, advert) if on_sale else None
        except UpstreamError:
            continue
    return EnrichedRows(found, many.errors[0] if many.errors else None)


def _filled(row: Listing, advert: ParsedAdvert) -> Listing:
    try:
        car = advert.live_car()
    except UpstreamError as error:
        upstream_trouble(ENCAR, "batch", error, id=row.listing_id)
        raise
    return msgspec.structs.replace(
        row,
        colour=car.colour,
        engine_cc=car.engine_cc or row.engine_cc,
        options=car.options,
        body=row.body or car.body,
    )
