"""A car as the public API shows it: the partner API's VehicleDetail, nulls explicit, US dollars.

`enrichment` is the one extra key: what became of each document asked besides the advert, so that nobody mistakes
"could not ask" for "there is none".
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct

from dealerproxy.vehicles.car import Car
from dealerproxy.vehicles.inspection import BodyCondition, Diagnosis, InspectionReport, Record
from dealerproxy.vehicles.pricing import DetailPricing, detail_pricing
from dealerproxy.vehicles.summary import DealerFacts, insider_facts

# The reason of a document that is `ok`, but older than it should be.
STALE = "stale"


class EnrichmentStatus(StrEnum):
    """`absent`: asked, and there is none. `failed`: could not ask. `skipped`: not asked."""

    OK = "ok"
    ABSENT = "absent"
    FAILED = "failed"
    SKIPPED = "skipped"


class Enrichment(Struct, frozen=True):
    """One document: its name, what became of it, and why."""

    name: str
    status: EnrichmentStatus
    reason: str | None = None


class PhotoTag(Struct, frozen=True):
    """What a photo shows."""

    url: str
    tag: str


class Comparables(Struct, frozen=True):
    """Auction sales of like cars; a dealer car has none."""

    past_sales: tuple[()] = ()
    upcoming_sales: tuple[()] = ()


class VehicleDetail(Struct, frozen=True, kw_only=True):
    """One dealer car in full. `mileage_km` is null where the advert holds a placeholder."""

    id: str
    source: str = "dealer"
    make: str
    model: str
    trim: str | None
    year: int
    mileage_km: int | None
    fuel: str | None
    transmission: str | None
    color: str | None
    engine_cc: int | None
    drivetrain: str | None
    options: Sequence[str]
    accident_grade: None = None
    exterior_grade: None = None
    auction_date: None = None
    order_cutoff_at: None = None
    thumbnail_url: str | None
    pricing: DetailPricing
    comparables: Comparables = Comparables()
    auction_result: None = None
    auction_count: None = None
    vin: str | None
    license_plate: str | None
    photos: Sequence[str]
    photo_tags: Sequence[PhotoTag]
    body_condition: BodyCondition | None
    inspection_report: InspectionReport | None
    enrichment: Sequence[Enrichment]


class DealerDocuments(DealerFacts, frozen=True, kw_only=True):
    """What only insiders may see of a car; `record` and `diagnosis` are the upstream's other sheets, in won."""

    under_contract: bool
    record: Record | None
    diagnosis: Diagnosis | None


class InsiderDetail(VehicleDetail, frozen=True, kw_only=True):
    """A detail with the `dealer` object."""

    dealer: DealerDocuments


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


def detail(car: Car, documents: Documents, krw_per_usd: float, *, insider: bool = False) -> VehicleDetail:
    """Render a car at one exchange rate; with `insider` it carries the `dealer` object."""
    fields: dict[str, Any] = {
        "id": car.id,
        "make": car.make,
        "model": car.model,
        "trim": car.trim,
        "year": car.year,
        "mileage_km": car.mileage_km,
        "fuel": car.fuel,
        "transmission": car.transmission,
        "color": car.colour,
        "engine_cc": car.engine_cc,
        "drivetrain": car.drivetrain,
        "options": car.options,
        "thumbnail_url": car.photos[0].url if car.photos else None,
        "pricing": detail_pricing(car.price_krw, krw_per_usd, car.make, car.body),
        "vin": car.vin,
        "license_plate": car.license_plate,
        "photos": [photo.url for photo in car.photos],
        "photo_tags": [PhotoTag(photo.url, photo.tag) for photo in car.photos if photo.tag],
        "body_condition": documents.body_condition,
        "inspection_report": documents.report,
        "enrichment": documents.enrichment,
    }
    if not insider:
        return VehicleDetail(**fields)
    dealer = DealerDocuments(
        **insider_facts(car),
        under_contract=car.under_contract,
        record=documents.record,
        diagnosis=documents.diagnosis,
    )
    return InsiderDetail(**fields, dealer=dealer)
