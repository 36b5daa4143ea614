"""The facts of an Encar advert beyond the partner's fields: warranty, import, marks, packages, under-body photos.

All paths are optional. Amounts are 만원, times are those of Seoul.
"""

import re
from collections.abc import Callable, Mapping

from dealerproxy.upstreams.caps import MOST_ROWS, short_text
from dealerproxy.upstreams.car_words import WON_PER_MANWON, is_placeholder_price
from dealerproxy.upstreams.encar.addresses import under_body_url
from dealerproxy.upstreams.values import code, iso_date, tick, whole
from dealerproxy.vehicles.advert_facts import AdvertFacts, CoverTerms, WarrantyTerms
from dealerproxy.vehicles.car import Photo

UNDER_BODY = "underbody"
# A mileage of at least this means no limit (999,999 and 9,999,999 occur).
UNLIMITED_KM = 999_999
IMPORT_TYPES = {"PARALLEL_IMPORT": True, "REGULAR_IMPORT": False, "BRAND_IMPORT": False}
NOT_IMPORTED = "NONE_IMPORT_TYPE"  # foreign cars have it too, if nobody filled it in
FLAGS = {
    "homeService": "home_service",
    "meetGo": "meetgo",
    "extendWarranty": "extended_warranty",
    "directInspected": "directly_inspected",
    "preVerified": "pre_verified",
    "encarCheck": "encar_check",
}
MARKS = {
    "HomeService": "home_service",
    "Meetgo": "meetgo",
    "ExtendWarranty": "extended_warranty",
    "Warranty": "warranty",
}
MOST_SEATS, MOST_HORSE_POWER, MOST_MONTHS = 99, 2_000, 240
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def read_facts(at: Callable[[str], object]) -> AdvertFacts:
    """Read the facts of an advert, whose values `at` returns by dotted path."""
    return AdvertFacts(
        first_advertised_on=iso_date(at("manage.firstAdvertisedDateTime")),
        warranty=_warranty(at("category.warranty")),
        parallel_import=_parallel_import(at("category.importType"), at("category.domestic")),
        new_price_krw=_new_price(at("category.originPrice")),
        seats=_counted(at("spec.seatCount"), MOST_SEATS),
        horse_power=_counted(at("spec.horsePower"), MOST_HORSE_POWER),
        tuning_codes=_codes(at("options.tuning")),
        trust_marks=_marks(at),
        choice_codes=_codes(at("options.choice")),
        has_battery_report=at("view.hasEvBatteryInfo") is True or at("view.isBatteryPass") is True,
    )


def under_body_photos(at: Callable[[str], object]) -> tuple[Photo, ...]:
    """Return the photos of the car's underside in the site's order, each once."""
    entries = at("advertisement.underBodyPhotos")
    rows = entries[:MOST_ROWS] if isinstance(entries, list) else []
    paths = (short_text(row.get("photoPath")) for row in rows if isinstance(row, Mapping))
    urls = (under_body_url(path) for path in paths if path)
    return tuple(Photo(url, UNDER_BODY) for url in dict.fromkeys(urls) if url is not None)


def _warranty(value: object) -> WarrantyTerms | None:
    """Return the terms; None if no part of the car has any."""
    if not isinstance(value, Mapping):
        return None
    body, transmission = (
        _cover(value.get(f"{part}Month"), value.get(f"{part}Mileage")) for part in ("body", "transmission")
    )
    if body == transmission == CoverTerms(None, None, km_unlimited=False):
        return None
    return WarrantyTerms(tick(value.get("userDefined")), body, transmission)


def _cover(months: object, mileage: object) -> CoverTerms:
    span, km = whole(months), whole(mileage)
    unlimited = km is not None and km >= UNLIMITED_KM
    return CoverTerms(
        span if span is not None and span <= MOST_MONTHS else None, None if unlimited else km, km_unlimited=unlimited
    )


def _parallel_import(kind: object, domestic: object) -> bool | None:
    word = short_text(kind)
    if word == NOT_IMPORTED:
        return False if domestic is True else None
    return IMPORT_TYPES.get(word or "")


def _new_price(value: object) -> int | None:
    price = whole(value)
    if not price or is_placeholder_price(price, under_contract=False):
        return None
    return price * WON_PER_MANWON


def _counted(value: object, most: int) -> int | None:
    number = whole(value)
    return number if number and number <= most else None


def _codes(value: object) -> tuple[str, ...] | None:
    """Return the readable codes of a list, each once; None for anything but a list."""
    if not isinstance(value, list):
        return None
    return tuple(dict.fromkeys(filter(None, map(code, value[:MOST_ROWS]))))


def _marks(at: Callable[[str], object]) -> tuple[str, ...] | None:
    """Return the site's marks as tokens, each once; an unknown mark is its own word in snake case."""
    listed = _codes(at("advertisement.trust"))
    flags = {token: tick(at(f"advertisement.{flag}")) for flag, token in FLAGS.items()}
    if listed is None and set(flags.values()) == {None}:
        return None
    told = (MARKS.get(mark) or _WORD.sub("_", mark).lower().replace("-", "_") for mark in listed or ())
    return tuple(dict.fromkeys((*told, *(token for token, ticked in flags.items() if ticked))))
