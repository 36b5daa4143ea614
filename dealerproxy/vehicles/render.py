"""A row of the public list: exactly the partner API's VehicleSummary, nulls explicit."""

import time
from typing import Any

from msgspec import structs

from dealerproxy.contract.detail import DealerDocuments, InsiderDetail, PhotoTag, VehicleDetail
from dealerproxy.contract.pricing import dealer_pricing, detail_pricing
from dealerproxy.contract.rate import day_kst
from dealerproxy.contract.summary import DealerFacts, InsiderSummary, VehicleSummary
from dealerproxy.vehicles.advert_facts import days_between, warranty_left
from dealerproxy.vehicles.car import Car, Documents
from dealerproxy.vehicles.listing import Listing


def summarise(
    listing: Listing, krw_per_usd: float, *, insider: bool = False, colour: str | None = None
) -> VehicleSummary:
    """Render a listing at one exchange rate; with `insider`, include the `dealer` object.

    Encar's search returns neither colour nor options; they are null and empty until the listing is enriched.
    `colour` is the colour of the search.
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
        color=listing.colour or colour,
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
    """Return the fields of `DealerFacts` for a row or a car."""
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
        "generation": car.generation,
        "truck": car.truck,
    }


def month(registered: int) -> str | None:
    """Return YYYYMM as `2023-05`; None if it contains no month."""
    year, month = divmod(registered, 100)
    return f"{year:04d}-{month:02d}" if 1 <= month <= 12 else None


def detail(
    car: Car, documents: Documents, krw_per_usd: float, *, insider: bool = False, now_s: float | None = None
) -> VehicleDetail:
    """Render a car at one exchange rate; with `insider`, include the `dealer` object.

    `now_s` (unix time; None: now) decides the days on offer and what is left of the warranty.
    """
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
        "vin": car.vin or documents.vin,
        "license_plate": car.license_plate,
        "photos": [photo.url for photo in car.photos],
        "photo_tags": [PhotoTag(photo.url, photo.tag) for photo in car.photos if photo.tag],
        "body_condition": documents.body_condition,
        "inspection_report": documents.report,
        "enrichment": documents.enrichment,
    }
    if not insider:
        return VehicleDetail(**fields)
    facts, today = car.facts, day_kst(time.time() if now_s is None else now_s)
    started = car.registered if car.month_known else None
    dealer = DealerDocuments(
        **insider_facts(car),
        under_contract=car.under_contract,
        seller_mentions=car.seller_mentions,
        first_advertised_on=facts.first_advertised_on,
        days_on_offer=days_between(facts.first_advertised_on, today),
        warranty=warranty_left(facts.warranty, started, car.mileage_km, today),
        parallel_import=facts.parallel_import,
        new_price_krw=facts.new_price_krw,
        seats=facts.seats,
        horse_power=facts.horse_power,
        tuning_codes=facts.tuning_codes,
        trust_marks=facts.trust_marks,
        factory_packages=documents.factory_packages,
        ev_battery=documents.ev_battery,
        record=documents.record,
        diagnosis=documents.diagnosis,
    )
    return InsiderDetail(**fields, dealer=dealer)
