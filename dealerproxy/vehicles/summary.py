"""A row of the public list: exactly the partner API's VehicleSummary, nulls explicit."""

from typing import Any

from msgspec import Struct, structs

from dealerproxy.vehicles.car import Car
from dealerproxy.vehicles.listing import Listing
from dealerproxy.vehicles.pricing import Pricing, dealer_pricing


class VehicleSummary(Struct, frozen=True, kw_only=True, gc=False):
    """One dealer car as the partner sees it: USD, English, auction-only fields null."""

    id: str
    source: str = "dealer"
    make: str
    model: str
    trim: str | None
    year: int
    mileage_km: int
    fuel: str | None
    transmission: str | None
    color: str | None
    engine_cc: int | None
    drivetrain: str | None
    options: tuple[str, ...] = ()
    accident_grade: None = None
    exterior_grade: None = None
    auction_date: None = None
    order_cutoff_at: None = None
    thumbnail_url: str | None
    pricing: Pricing
    auction_result: None = None
    auction_count: None = None


class DealerFacts(Struct, frozen=True, kw_only=True, gc=False):
    """What only insiders may see (`include=dealer`): won, Korean names, the advert's own address."""

    upstream: str
    listing_id: str
    url: str
    price_krw: int | None
    first_registered: str | None
    body: str | None
    seller_type: str | None
    region: str | None
    model_korean: str
    trim_korean: str | None


class InsiderSummary(VehicleSummary, frozen=True, kw_only=True, gc=False):
    """A summary with the `dealer` object."""

    dealer: DealerFacts


def summarise(listing: Listing, krw_per_usd: float, *, insider: bool = False) -> VehicleSummary:
    """Render a listing at one exchange rate; with `insider` it carries the `dealer` object.

    Encar's search says neither colour nor options, so they are null and empty until the listing was enriched.
    """
    summary = VehicleSummary(
        id=listing.id,
        make=listing.make,
        model=listing.model,
        trim=listing.trim,
        year=listing.year,
        mileage_km=listing.mileage_km,
        fuel=listing.fuel,
        transmission=listing.transmission,
        color=listing.colour,
        engine_cc=listing.engine_cc,
        drivetrain=listing.drivetrain,
        options=listing.options,
        thumbnail_url=listing.thumbnail_url,
        pricing=dealer_pricing(listing.price_krw, krw_per_usd, listing.make, listing.body),
    )
    if not insider:
        return summary
    return InsiderSummary(**structs.asdict(summary), dealer=DealerFacts(**insider_facts(listing)))


def insider_facts(car: Listing | Car) -> dict[str, Any]:
    """The fields of `DealerFacts` for a row or a car."""
    return {
        "upstream": car.upstream,
        "listing_id": car.listing_id,
        "url": car.url,
        "price_krw": car.price_krw,
        "first_registered": month(car.registered) if car.month_known else None,
        "body": car.body,
        "seller_type": car.seller_type,
        "region": car.region,
        "model_korean": car.model_korean,
        "trim_korean": car.trim_korean,
    }


def month(registered: int) -> str | None:
    """YYYYMM as `2023-05`; None when it holds no month."""
    year, month = divmod(registered, 100)
    return f"{year:04d}-{month:02d}" if 1 <= month <= 12 else None
