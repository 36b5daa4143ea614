"""Facts of an advert beyond the partner's fields, and the values that depend on the day they are shown."""

from datetime import date

from msgspec import Struct

from dealerproxy.contract.detail import Warranty, WarrantyCover


class CoverTerms(Struct, frozen=True):
    """The terms of one part of a warranty since first registration; `km` is None if mileage is not limited."""

    months: int | None
    km: int | None
    km_unlimited: bool


class WarrantyTerms(Struct, frozen=True):
    """A warranty as stated in the advert; `set_by_seller` terms may start at any time."""

    set_by_seller: bool | None
    body: CoverTerms
    transmission: CoverTerms


class AdvertFacts(Struct, frozen=True, kw_only=True):
    """Facts that only insiders see; None or empty if the advert does not state them.

    `choice_codes` name the factory packages on the car; `has_battery_report` is true if the site has a battery report.
    """

    first_advertised_on: str | None = None
    warranty: WarrantyTerms | None = None
    parallel_import: bool | None = None
    new_price_krw: int | None = None
    seats: int | None = None
    horse_power: int | None = None
    tuning_codes: tuple[str, ...] | None = None
    trust_marks: tuple[str, ...] | None = None
    choice_codes: tuple[str, ...] | None = None
    has_battery_report: bool = False


def days_between(first: str | None, today: date) -> int | None:
    """Return the days from an ISO date to `today`, never fewer than 0; None without a date."""
    return None if first is None else max(0, (today - date.fromisoformat(first)).days)


def warranty_left(
    terms: WarrantyTerms | None, registered: int | None, mileage_km: int | None, today: date
) -> Warranty | None:
    """Return a warranty with what is left of it `today`; `registered` is the month (YYYYMM) in which it started."""
    if terms is None:
        return None
    start = None if terms.set_by_seller is not False else registered
    return Warranty(
        set_by_seller=terms.set_by_seller,
        body=_cover(terms.body, start, mileage_km, today),
        transmission=_cover(terms.transmission, start, mileage_km, today),
    )


def _cover(terms: CoverTerms, start: int | None, mileage_km: int | None, today: date) -> WarrantyCover:
    months_left = km_left = None
    if start is not None and terms.months is not None and 1 <= start % 100 <= 12:
        gone = (today.year - start // 100) * 12 + today.month - start % 100
        months_left = min(terms.months, max(0, terms.months - gone))
    if start is not None and terms.km is not None and mileage_km is not None:
        km_left = max(0, terms.km - mileage_km)
    return WarrantyCover(terms.months, terms.km, terms.km_unlimited, months_left, km_left)
