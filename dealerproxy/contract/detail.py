"""One car in full: the partner API's VehicleDetail, nulls explicit."""

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from dealerproxy.contract.inspection import (
    BodyCondition,
    Diagnosis,
    EvBattery,
    FactoryPackage,
    InspectionReport,
    Record,
)
from dealerproxy.contract.pricing import DetailPricing
from dealerproxy.contract.summary import DealerFacts, TruckDetail

# Reason of a document that is `ok` but stale.
STALE = "stale"


class NotAsked(StrEnum):
    """Why a document was `skipped`. Only `not_requested` and `overloaded` may change with the next request."""

    NOT_OFFERED = "not_offered"  # the site publishes no such document for any car
    NOT_PUBLISHED = "not_published"  # the advert says that this car has no such document
    PRIVATE = "private"  # the seller hides it
    NOT_REQUESTED = "not_requested"  # the document needs `include=dealer`
    OVERLOADED = "overloaded"  # the site's rate limit left no time for the call


# Reasons of `skipped` that are final.
SKIPPED_FOR_GOOD = frozenset({NotAsked.NOT_OFFERED, NotAsked.NOT_PUBLISHED, NotAsked.PRIVATE})


class EnrichmentStatus(StrEnum):
    """The status of a document. `absent`: none exists. `failed`: no answer, or another car's. `skipped`: not called."""

    OK = "ok"
    ABSENT = "absent"
    FAILED = "failed"
    SKIPPED = "skipped"


class Enrichment(Struct, frozen=True):
    """The status of one document, and its reason; the reason of a `skipped` document is a NotAsked."""

    name: str
    status: EnrichmentStatus
    reason: str | None = None

    @property
    def may_come(self) -> bool:
        """Whether this document could not be read this time, but may exist."""
        if self.status is EnrichmentStatus.SKIPPED:
            return self.reason == NotAsked.OVERLOADED
        return self.status is EnrichmentStatus.FAILED


class PhotoTag(Struct, frozen=True):
    """What a photo shows: `front` or `underbody`; `exterior`, `interior` or `option` if the view is uncertain."""

    url: str
    tag: str


class Comparables(Struct, frozen=True):
    """Auction sales of similar cars; always empty for a dealer car."""

    past_sales: tuple[()] = ()
    upcoming_sales: tuple[()] = ()


class VehicleDetail(Struct, frozen=True, kw_only=True):
    """One dealer car in full. `mileage_km` is null for a placeholder."""

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


class WarrantyCover(Struct, frozen=True):
    """One part of a warranty: its terms since first registration, and what is left of them today.

    `km` is null, and `km_unlimited` true, if mileage is not limited. The cover ends when either is used up: 0 in
    `months_left` or `km_left` means that it has ended. They are null if the start or the mileage is unknown.
    """

    months: int | None
    km: int | None
    km_unlimited: bool
    months_left: int | None
    km_left: int | None


class Warranty(Struct, frozen=True):
    """The manufacturer's warranty, or terms `set_by_seller`, whose start is unknown."""

    set_by_seller: bool | None
    body: WarrantyCover
    transmission: WarrantyCover


class DealerDocuments(DealerFacts, frozen=True, kw_only=True):
    """What only insiders see of a car. `record` and `diagnosis` are the upstream's other documents, in won.

    `seller_mentions`: the dangers that the seller's own text names without denying them (`total_loss`, `flood`,
    `theft`, `fire`, `odometer_tampering`, `accident`, `sheet_metal`, `replaced`, `corrosion`, `oil_leak`). The text
    itself is not returned. Empty if the text names none, or the site shows no such text.

    From the advert, null if it lacks the fact, and all null for Danawa's cars:

    * `first_advertised_on`: ISO date in Seoul; `days_on_offer`: days from it to today, in Seoul
    * `parallel_import`: true for a grey import, false for an official import or a car made in Korea
    * `new_price_krw`: the price of the car when new; `seats`; `horse_power` (trucks only)
    * `tuning_codes`: the site's codes of conversions; their meanings are unknown
    * `trust_marks`: the site's marks of trust: `home_service`, `warranty`, `extended_warranty`, `meetgo`,
      `directly_inspected`, `pre_verified`, `encar_check`, or the site's own word in snake case

    `factory_packages` are the packages ordered with the car: empty if the advert says that there are none, null if it
    does not name any. `ev_battery` is null if the advert announces no report, or the report is empty. Each of the two
    comes from a document that `enrichment` does not list, and is null if that document could not be read.
    """

    truck: TruckDetail | None
    under_contract: bool
    seller_mentions: tuple[str, ...]
    first_advertised_on: str | None
    days_on_offer: int | None
    warranty: Warranty | None
    parallel_import: bool | None
    new_price_krw: int | None
    seats: int | None
    horse_power: int | None
    tuning_codes: tuple[str, ...] | None
    trust_marks: tuple[str, ...] | None
    factory_packages: tuple[FactoryPackage, ...] | None
    ev_battery: EvBattery | None
    record: Record | None
    diagnosis: Diagnosis | None


class InsiderDetail(VehicleDetail, frozen=True, kw_only=True):
    """A detail with the `dealer` object."""

    dealer: DealerDocuments
