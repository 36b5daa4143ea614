"""One car in full as an upstream tells it, normalised to English but still in won."""

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from dealerproxy.contract.detail import Enrichment
from dealerproxy.contract.inspection import BodyCondition, Diagnosis, InspectionReport, Record


class SaleStatus(StrEnum):
    """What a witness says: on sale, or why the car cannot be bought."""

    LIVE = "live"
    SOLD = "sold"
    WAITING = "waiting"
    NOT_FOR_SALE = "not_for_sale"
    GONE = "gone"


class Photo(Struct, frozen=True):
    """A photo's full address and what it shows, when the upstream says so."""

    url: str
    tag: str | None


class Car(Struct, frozen=True, kw_only=True):
    """A car for sale.

    `vehicle_id` is the number its documents are filed under: for a re-advertised copy not the number it is listed
    under. `price_krw` is None for a placeholder, `mileage_km` likewise. `options` are partner tokens.
    """

    upstream: str
    listing_id: str
    vehicle_id: str
    make: str
    model: str
    trim: str | None
    year: int
    registered: int
    mileage_km: int | None
    price_krw: int | None
    under_contract: bool
    fuel: str | None
    transmission: str | None
    colour: str | None
    engine_cc: int | None
    drivetrain: str | None
    body: str | None
    options: tuple[str, ...]
    photos: tuple[Photo, ...]
    vin: str | None
    license_plate: str | None
    url: str
    seller_type: str | None
    region: str | None
    model_korean: str
    trim_korean: str | None
    record_is_private: bool
    month_known: bool = True
    generation: str | None = None

    @property
    def id(self) -> str:
        """The public id, such as `encar_41985016`."""
        return f"{self.upstream}_{self.listing_id}"


class Documents(Struct, frozen=True, kw_only=True):
    """What was found besides the advert, None where there is nothing to show.

    `age_s` seconds is the oldest of it; `kept` tells whether any of it was read for an earlier answer.
    """

    body_condition: BodyCondition | None = None
    report: InspectionReport | None = None
    record: Record | None = None
    diagnosis: Diagnosis | None = None
    enrichment: Sequence[Enrichment] = ()
    age_s: float = 0.0
    kept: bool = False
