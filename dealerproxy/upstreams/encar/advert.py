"""Encar's two witnesses on one car: the detail JSON, and the state inside the car's page.

Both have the same document (`cars.base` of the page is the JSON plus two keys); captures of August 2026. Its
`vehicleId` names the car, `manage.dummyVehicleId` the copy of its advert; `manage.dummy` says that this one is a copy.
Prices are 만원. Only mandatory paths can fail a document; any other odd value is unknown.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from dealerproxy.transport.errors import Drift
from dealerproxy.upstreams.caps import MOST_ROWS, short_text
from dealerproxy.upstreams.car_words import (
    ENGINE_CC,
    NO_GENERATION,
    PLACEHOLDER_MILEAGE,
    WON_PER_MANWON,
    body_of,
    facts_in_name,
    fuel_token,
    full_trim,
    has_engine,
    is_placeholder_price,
    read_generation,
    trim,
)
from dealerproxy.upstreams.encar.addresses import LISTING_ID, PAGE_BASE, UPSTREAM, photo_url
from dealerproxy.upstreams.encar.advert_facts import read_facts, under_body_photos
from dealerproxy.upstreams.encar.advert_names import TRUCK_KEYS, Naming, is_truck, name_truck, truck_tokens
from dealerproxy.upstreams.markup import parse, plain_text
from dealerproxy.upstreams.values import decode, is_year, plate, shown, vin, whole
from dealerproxy.vehicles.car import Car, Photo, SaleStatus
from dealerproxy.vocabulary import Generation, Make, Model, Vocabulary

# Mandatory paths.
VEHICLE_ID, STATUS, PRICE = "vehicleId", "advertisement.status", "advertisement.price"
MANUFACTURER, MODEL_NAME = "category.manufacturerName", "category.modelName"
YEAR_MONTH, FORM_YEAR, MILEAGE = "category.yearMonth", "category.formYear", "spec.mileage"

_KEPT_VALUES = (VEHICLE_ID, "vehicleType", "vin", "vehicleNo")
_KEPT_SECTIONS = {
    "manage": ("dummy", "dummyVehicleId", "firstAdvertisedDateTime"),
    "advertisement": (
        *("status", "price", "salesStatus", "advertisementType", "leaseRentInfo", "oneLineText", "trust"),
        *("homeService", "meetGo", "extendWarranty", "directInspected", "preVerified", "encarCheck", "underBodyPhotos"),
    ),
    "contents": ("text",),
    "category": (
        *("type", "manufacturerName", "manufacturerEnglishName", "modelName", "modelGroupName"),
        *("modelGroupEnglishName", "gradeName", "gradeDetailName", "yearMonth", "formYear"),
        *("importType", "domestic", "originPrice", "warranty"),
    ),
    "spec": (
        *("type", "mileage", "displacement", "transmissionName", "fuelName", "colorName", "bodyName"),
        *("seatCount", "horsePower"),
    ),
    "contact": ("userType", "address"),
    "options": ("type", "standard", "choice", "tuning"),
    "condition": ("accident", "inspection", "seizing"),
    "view": ("hasEvBatteryInfo", "isBatteryPass"),
}
_KEPT_PHOTO = ("path", "code", "type")

SELLER_TEXTS = ("advertisement.oneLineText", "contents.text")

STATE_NAME = "__PRELOADED_STATE__"
STATE_BASE = ("cars", "base")
# The text of the page, with status 200, of a car that was sold or deleted.
GONE_TEXT = "이 차량은 판매되었거나 삭제된 차량입니다"
PHOTO_TAGS = {"OUTER": "exterior", "INNER": "interior", "OPTION": "option"}
# The only slot whose view is proven: outside, first in the list and repeated as thumbnail. Its file has the slot's
# number; a cover of another file (DIAG2) may show anything. Slots 002 to 006 are outside, 007 to 010 inside.
FRONT_SLOT = "001"
_STATE_DECLARED = re.compile(rf"(?:window\.|var\s+|const\s+|let\s+)?{STATE_NAME}")
_NUMBER = re.compile(r"\d{1,12}(\.\d+)?", re.ASCII)


# SOLD was captured; WAIT is documented by the partner API for the same state of the page.
STATUSES = {"ADVERTISE": SaleStatus.LIVE, "SOLD": SaleStatus.SOLD, "WAIT": SaleStatus.WAITING}
OUTRIGHT = frozenset({None, "NORMAL"})
LEASE_OR_RENT = frozenset({"OPERATING_LEASE", "FINANCING_LEASE", "RENT_SUCCESSION", "RENT_CAR"})
CONTRACT = frozenset({"CONTRACT", "CONTRACT_PROGRESS"})


class Advert(Struct, frozen=True):
    """A document that names its car. `listing_id` is the advert's own id, `other_id` its twin's."""

    vehicle_id: str
    listing_id: str
    other_id: str | None
    document: Mapping[str, Any]

    def at(self, path: str) -> object:
        """Return the value at a dotted path; None if there is none."""
        value: object = self.document
        for step in path.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
        return value


def read_detail(body: bytes, listing_id: str) -> Advert:
    """Read the detail JSON. Raises Drift if it is not a document, or is about another car."""
    return _about(read_document(decode(body, object)), listing_id)


def read_details(body: bytes) -> list[object]:
    """Read the batch answer into documents for `read_document`."""
    documents = decode(body, object)
    if not isinstance(documents, list):
        raise Drift("$", "expected a list of cars")
    return documents


def read_document(document: object) -> Advert:
    """Read one document about any car. Raises Drift if it does not name its car."""
    if not isinstance(document, Mapping):
        raise Drift("$", "expected a car")
    advert = Advert("", "", None, _kept(document))
    vehicle_id, copy_id = _identity(advert.at(VEHICLE_ID)), _identity(advert.at("manage.dummyVehicleId"))
    if vehicle_id is None:
        raise Drift(VEHICLE_ID)
    if advert.at("manage.dummy") is True and copy_id is not None:
        return Advert(vehicle_id, copy_id, vehicle_id, advert.document)
    return Advert(vehicle_id, vehicle_id, copy_id, advert.document)


def read_page(body: bytes, listing_id: str) -> Advert | None:
    """Read the state inside a car's page; None if the page says that the car was sold or deleted.

    Raises Drift if the page has neither a state with the car nor that message.
    """
    document = _state_base(body)
    if document:
        return _about(read_document(document), listing_id)
    if GONE_TEXT.encode() in body:
        return None
    raise Drift(".".join(STATE_BASE), "neither a car nor a message that it is gone")


def sale_status(advert: Advert) -> SaleStatus:
    """Return whether the car can be bought. Raises Drift for an unknown status or offer."""
    status = advert.at(STATUS)
    verdict = STATUSES.get(status) if isinstance(status, str) else None
    if verdict is None:
        raise Drift(STATUS, "missing or an unknown word")
    if verdict is not SaleStatus.LIVE:
        return verdict
    offer = advert.at("advertisement.advertisementType")
    if advert.at("advertisement.leaseRentInfo") is not None:
        return SaleStatus.NOT_FOR_SALE
    if not isinstance(offer, str | None) or offer not in OUTRIGHT | LEASE_OR_RENT:
        raise Drift("advertisement.advertisementType", "an unknown word")
    return SaleStatus.LIVE if offer in OUTRIGHT else SaleStatus.NOT_FOR_SALE


def is_under_contract(advert: Advert) -> bool:
    """Whether a sale is agreed. Raises Drift for an unknown sales status: it might mean sold."""
    sales = advert.at("advertisement.salesStatus")
    if sales is None:
        return False
    if not isinstance(sales, str) or sales not in CONTRACT:
        raise Drift("advertisement.salesStatus", "an unknown word")
    return True


def normalise(advert: Advert, listing_id: str, vocabulary: Vocabulary) -> Car:
    """Return a live document as a car, listed under the requested id.

    Raises Drift with the mandatory path that is missing or has no English.
    """
    named = name_truck(advert.at, vocabulary) or _name_car(advert, vocabulary)
    transmission, colour = short_text(advert.at("spec.transmissionName")), short_text(advert.at("spec.colorName"))
    shade = vocabulary.colour(colour) if colour else None
    under_contract = is_under_contract(advert)
    price, mileage = _mandatory_number(advert, PRICE), _mandatory_number(advert, MILEAGE)
    seller = short_text(advert.at("contact.userType"))
    return Car(
        upstream=UPSTREAM,
        listing_id=listing_id,
        vehicle_id=advert.vehicle_id,
        make=named.make,
        model=named.model,
        trim=named.trim,
        year=_mandatory_digits(advert, FORM_YEAR, 4),
        registered=_mandatory_digits(advert, YEAR_MONTH, 6),
        mileage_km=int(mileage) if mileage < PLACEHOLDER_MILEAGE else None,
        price_krw=None if is_placeholder_price(price, under_contract=under_contract) else round(price * WON_PER_MANWON),
        under_contract=under_contract,
        fuel=named.fuel,
        transmission=vocabulary.transmission(transmission) if transmission else None,
        colour=shade.name if shade else None,
        engine_cc=_engine_cc(advert, named.fuel),
        drivetrain=named.drivetrain,
        body=named.body,
        options=_options(advert, vocabulary),
        photos=(*_photos(advert.at("photos")), *under_body_photos(advert.at)),
        vin=vin(advert.at("vin"), vocabulary),
        license_plate=plate(advert.at("vehicleNo"), vocabulary),
        url=PAGE_BASE + listing_id,
        seller_type=vocabulary.seller_type(seller) if seller else None,
        region=_region(advert, vocabulary),
        model_korean=_mandatory_text(advert, MODEL_NAME),
        trim_korean=named.trim_korean,
        generation=named.generation,
        truck=named.truck,
        record_is_private=advert.at("condition.accident.recordView") is False,
        has_no_sheet=advert.at("condition.inspection.formats") == [],
        seizures=whole(advert.at("condition.seizing.seizingCount")),
        pledges=whole(advert.at("condition.seizing.pledgeCount")),
        seller_mentions=_seller_mentions(advert, vocabulary),
        facts=read_facts(advert.at),
    )


def _name_car(advert: Advert, vocabulary: Vocabulary) -> Naming:
    """Return the names of a car. Raises Drift with the mandatory path that is missing or has no English."""
    make, model = _make_and_model(advert, vocabulary)
    model_korean = _mandatory_text(advert, MODEL_NAME)
    grades = trim(
        (short_text(advert.at("category.gradeName")), short_text(advert.at("category.gradeDetailName"))),
        vocabulary,
        make.name if isinstance(make, Make) else None,
        model_korean,
    )
    names = facts_in_name(f"{model_korean} {grades.korean or ''}", _mandatory_text(advert, MANUFACTURER), vocabulary)
    generation = read_generation(model, model_korean, vocabulary) if isinstance(model, Model) else NO_GENERATION
    return Naming(
        make=make.name if isinstance(make, Make) else make,
        model=model.name if isinstance(model, Model) else model,
        trim=full_trim(grades, generation),
        trim_korean=grades.korean,
        generation=generation.english,
        fuel=fuel_token(short_text(advert.at("spec.fuelName")), names, vocabulary),
        drivetrain=names.drivetrain,
        body=_body(model, generation, short_text(advert.at("spec.bodyName")), vocabulary),
    )


def _kept(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the used parts of a document. The rest is many times larger, and has names and phone numbers."""
    kept: dict[str, Any] = {name: document.get(name) for name in _KEPT_VALUES}
    for name, keys in _KEPT_SECTIONS.items():
        section = document.get(name)
        if isinstance(section, Mapping):
            wanted = (*keys, *TRUCK_KEYS.get(name, ()))
            kept[name] = {key: section[key] for key in wanted if key in section}
    photos = document.get("photos")
    if isinstance(photos, list):
        kept["photos"] = [
            {key: photo.get(key) for key in _KEPT_PHOTO} for photo in photos[:MOST_ROWS] if isinstance(photo, Mapping)
        ]
    return kept


def _about(advert: Advert, listing_id: str) -> Advert:
    if listing_id not in {advert.listing_id, advert.other_id}:
        raise Drift(VEHICLE_ID, "the document is about another car")
    return advert


def page_state(body: bytes) -> object:
    """Return the page's state, None without one. The script is JSON to its end, or to a semicolon. Raises Drift."""
    for script in parse(body.decode("utf-8", "replace"), STATE_NAME).css("script"):
        name, _, state = script.text().partition("=")
        if not _STATE_DECLARED.fullmatch(name.strip()):
            continue
        try:
            return decode(state.strip().removesuffix(";").encode(errors="surrogatepass"), object)
        except Drift as error:
            raise Drift(STATE_NAME, str(error)) from error
    return None


def _state_base(body: bytes) -> object:
    """Return `cars.base` of the page's state, None if there is none."""
    value = page_state(body)
    for step in STATE_BASE:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _make_and_model(advert: Advert, vocabulary: Vocabulary) -> tuple[Make | str, Model | str]:
    """Return the vocabulary's make and model, as in a list; for unknown ones, Encar's own English names."""
    facet, generation = _mandatory_text(advert, MANUFACTURER), _mandatory_text(advert, MODEL_NAME)
    make: Make | str | None = vocabulary.make_of(facet) or vocabulary.trucks.make_of(facet)
    make = make or _english(advert.at("category.manufacturerEnglishName"))
    group = short_text(advert.at("category.modelGroupName")) or generation
    models: Sequence[Model] = vocabulary.find_models(make, group) if isinstance(make, Make) else ()
    model: Model | str | None = (
        next((model for model in models if model.make_facet == facet), None)
        or vocabulary.model_of_generation(facet, generation)
        or _english(advert.at("category.modelGroupEnglishName"))
    )
    if make is None:
        vocabulary.missed("make", facet)
        raise Drift(MANUFACTURER, "no English name")
    if model is None:
        vocabulary.missed("model", generation)
        raise Drift(MODEL_NAME, "no English name")
    return make, model


def _identity(value: object) -> str | None:
    """Return an id as digits; it may be a number of any length, `42391233.0`, or a text."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return text if LISTING_ID.fullmatch(text) else None


def _english(value: object) -> str | None:
    text = shown(value)
    return text if text is not None and text.isascii() else None


def _number(value: object) -> float | None:
    text = short_text(value)
    if text is not None and _NUMBER.fullmatch(text):
        return float(text)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _mandatory_text(advert: Advert, path: str) -> str:
    text = shown(advert.at(path))
    if text is None:
        raise Drift(path)
    return text


def _mandatory_number(advert: Advert, path: str) -> float:
    number = _number(advert.at(path))
    if number is None or (path == MILEAGE and number < 0):
        raise Drift(path, "not a number")
    return number


def _mandatory_digits(advert: Advert, path: str, digits: int) -> int:
    number = _number(advert.at(path))
    if number is None or len(str(int(number))) != digits or not is_year(int(str(int(number))[:4])):
        raise Drift(path, f"not {digits} digits of a year")
    return int(number)


def _body(model: Model | str, generation: Generation, word: str | None, vocabulary: Vocabulary) -> str | None:
    """Return the body class: that of the group, as in lists, so that both have the same freight.

    For a group that is not in the vocabulary, and so not in lists, the site's own word decides.
    """
    said = vocabulary.category_body(word) if word else None
    return body_of(model, generation) if isinstance(model, Model) else said


def _engine_cc(advert: Advert, fuel: str | None) -> int | None:
    number = _number(advert.at("spec.displacement"))
    return int(number) if number is not None and has_engine(fuel) and int(number) in ENGINE_CC else None


def _region(advert: Advert, vocabulary: Vocabulary) -> str | None:
    """Return the province or city at the start of an address (`경기 수원시 권선구`)."""
    address = short_text(advert.at("contact.address"))
    return vocabulary.region(address.split()[0]) if address else None


def _seller_mentions(advert: Advert, vocabulary: Vocabulary) -> tuple[str, ...]:
    """Return the dangers that the seller's headline or text names; the rest of these texts is not used."""
    texts = [advert.at(path) for path in SELLER_TEXTS]
    return vocabulary.remarks.dangers("\n".join(plain_text(text) for text in texts if isinstance(text, str)))


def _options(advert: Advert, vocabulary: Vocabulary) -> tuple[str, ...]:
    """Return the partner's tokens for a car's option codes. Trucks have their own dictionary."""
    if is_truck(advert.at):
        return truck_tokens(advert.at, vocabulary)
    codes = advert.at("options.standard")
    if not isinstance(codes, list):
        return ()
    found: dict[str, None] = {}
    for code in codes[:MOST_ROWS]:
        option = vocabulary.option_of_code(code) if isinstance(code, str) else None
        if option is None:
            vocabulary.missed("option", str(code)[:8])
        else:
            found[option.token] = None
    return tuple(found)


def _photos(photos: object) -> tuple[Photo, ...]:
    """Return photos in slot order without repeats: thumbnails repeat files. Unreadable entries are skipped."""
    entries: list[Mapping[str, object]] = photos if isinstance(photos, list) else []
    slots = [
        (short_text(entry.get("type")), short_text(entry.get("code")) or "", short_text(entry.get("path")))
        for entry in entries
    ]
    found: dict[str, Photo] = {}
    for kind, code, path in sorted(slots, key=lambda slot: (slot[0] == "THUMBNAIL", slot[1], slot[2] or "")):
        url = photo_url(path) if path else None
        if url is not None:
            found.setdefault(url, Photo(url, _photo_tag(kind, code, url)))
    return tuple(found.values())


def _photo_tag(kind: str | None, code: str, url: str) -> str | None:
    """Return what a photo shows: the front, else the part of the car named by its type."""
    if kind == "OUTER" and code == FRONT_SLOT and url.endswith(f"_{FRONT_SLOT}.jpg"):
        return "front"
    return PHOTO_TAGS.get(kind or "")
