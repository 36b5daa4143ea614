"""One car in full from an upstream, normalised to English, with prices in won."""

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from dealerproxy.contract.detail import Enrichment
from dealerproxy.contract.inspection import (
    BodyCondition,
    Diagnosis,
    EvBattery,
    FactoryPackage,
    InspectionReport,
    Record,
)
from dealerproxy.contract.summary import TruckDetail, TruckFacts
from dealerproxy.vehicles.advert_facts import AdvertFacts
from dealerproxy.vehicles.listing import LeftOutReason, Listing


class SaleStatus(StrEnum):
    """A car's status according to one witness: on sale, or why it cannot be bought."""

    LIVE = "live"
    SOLD = "sold"
    WAITING = "waiting"
    NOT_FOR_SALE = "not_for_sale"
    GONE = "gone"


class Photo(Struct, frozen=True):
    """A photo's full address and its tag, if the upstream provides one."""

    url: str
    tag: str | None


class Car(Struct, frozen=True, kw_only=True):
    """A car for sale.

    `vehicle_id` is the number of its documents; for a re-advertised copy it differs from the advert's number.
    `price_krw` and `mileage_km` are None for a placeholder. `options` are partner tokens. `seizures` and
    `pledges` count liens, which must be lifted before export. `has_no_sheet` is true if the advert says that there is
    no inspection sheet. `seller_mentions` are the dangers that the seller's own text names: tokens of dangers.toml.
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
    has_no_sheet: bool = False
    seizures: int | None = None
    pledges: int | None = None
    month_known: bool = True
    generation: str | None = None
    truck: TruckDetail | None = None
    seller_mentions: tuple[str, ...] = ()
    facts: AdvertFacts = AdvertFacts()

    @property
    def id(self) -> str:
        """The public id, such as `encar_41985016`."""
        return f"{self.upstream}_{self.listing_id}"


class Documents(Struct, frozen=True, kw_only=True):
    """The documents of a car besides the advert, None if there is nothing to show; `vin` is the sheet's.

    `age_s` is the age of the oldest document in seconds; `kept` is true if any comes from the cache.
    """

    vin: str | None = None
    body_condition: BodyCondition | None = None
    report: InspectionReport | None = None
    record: Record | None = None
    diagnosis: Diagnosis | None = None
    factory_packages: tuple[FactoryPackage, ...] | None = None
    ev_battery: EvBattery | None = None
    enrichment: Sequence[Enrichment] = ()
    age_s: float = 0.0
    kept: bool = False


def row_of(car: Car) -> Listing | LeftOutReason:
    """Return a car as a row of a list, or the reason why lists leave it out: no price or no mileage."""
    if car.price_krw is None:
        return LeftOutReason.PLACEHOLDER_PRICE
    if car.mileage_km is None:
        return LeftOutReason.PLACEHOLDER_MILEAGE
    return Listing(
        upstream=car.upstream,
        listing_id=car.listing_id,
        vehicle_key=car.vehicle_id,
        original=True,
        make=car.make,
        model=car.model,
        trim=car.trim,
        year=car.year,
        registered=car.registered,
        mileage_km=car.mileage_km,
        price_krw=car.price_krw,
        fuel=car.fuel,
        fuel_word=None,
        transmission=car.transmission,
        transmission_word=None,
        engine_cc=car.engine_cc,
        drivetrain=car.drivetrain,
        body=car.body,
        thumbnail_url=car.photos[0].url if car.photos else None,
        url=car.url,
        seller_type=car.seller_type,
        region=car.region,
        model_korean=car.model_korean,
        trim_korean=car.trim_korean,
        month_known=car.month_known,
        colour=car.colour,
        options=car.options,
        generation=car.generation,
        truck=_truck_of_row(car.truck) if car.truck else None,
    )


def _truck_of_row(truck: TruckDetail) -> TruckFacts:
    return TruckFacts(**{field: getattr(truck, field) for field in TruckFacts.__struct_fields__})
