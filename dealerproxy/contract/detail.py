"""One car in full: the partner API's VehicleDetail, nulls explicit."""

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from dealerproxy.contract.inspection import BodyCondition, Diagnosis, InspectionReport, Record
from dealerproxy.contract.pricing import DetailPricing
from dealerproxy.contract.summary import DealerFacts

# Reason of a document that is `ok` but stale.
STALE = "stale"


class EnrichmentStatus(StrEnum):
    """`absent`: asked, and there is none. `failed`: could not ask, or it is another car's. `skipped`: not asked."""

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
