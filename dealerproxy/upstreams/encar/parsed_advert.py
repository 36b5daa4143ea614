"""An Encar advert, parsed once: availability, car, enrichment and off-sale notes use this one result."""

from msgspec import Struct

from dealerproxy.transport.errors import Drift
from dealerproxy.transport.reading import report
from dealerproxy.upstreams.cached_drift import CachedDrift
from dealerproxy.upstreams.encar.advert import Advert, is_under_contract, normalise, sale_status
from dealerproxy.vehicles.car import Car, SaleStatus
from dealerproxy.vocabulary import Vocabulary


class ParsedAdvert(Struct, frozen=True):
    """The result of reading an advert; prices in KRW, ids as in `Advert`.

    `status` is None if the advert has no known words on whether the car can be bought. `car` is set for a LIVE advert
    with readable required fields. `drift` is why either of them is missing.
    """

    listing_id: str
    other_id: str | None
    status: SaleStatus | None
    under_contract: bool = False
    car: Car | None = None
    drift: CachedDrift | None = None

    def sale(self) -> tuple[SaleStatus, bool]:
        """Return the sale status, and whether the car is under contract. Raises Drift if unknown."""
        if self.status is None:
            raise self._error()
        return self.status, self.under_contract

    def live_car(self) -> Car:
        """Return the car of a LIVE advert. Raises Drift if it cannot be read."""
        if self.car is None:
            raise self._error()
        return self.car

    def _error(self) -> Drift:
        return self.drift.error() if self.drift is not None else Drift("$", "neither a car nor a reason")


def parse(advert: Advert, listing_id: str, vocabulary: Vocabulary) -> ParsedAdvert:
    """Read an advert's status and its car, listed under `listing_id`; a drift is reported and returned.

    It is not raised, because a car without a readable description may still be known to be on sale, and because an
    advert of unknown status must replace the cached one: the new word may mean sold.
    """
    status: SaleStatus | None = None
    under_contract, car, drift = False, None, None
    try:
        judged = sale_status(advert)
        under_contract = judged is SaleStatus.LIVE and is_under_contract(advert)
        status = judged
        car = normalise(advert, listing_id, vocabulary) if status is SaleStatus.LIVE else None
    except Drift as error:
        report(error)
        drift = CachedDrift.of(error)
    return ParsedAdvert(advert.listing_id, advert.other_id, status, under_contract, car, drift)
