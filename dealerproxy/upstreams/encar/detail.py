"""Encar's two witnesses on one car: the detail JSON, and the state inside the car's page.

Both carry the same document (`cars.base` of the page is the JSON plus two keys); captures of August 2026. Its
`vehicleId` names the car, `manage.dummyVehicleId` the copy it may have been asked for as. Prices are 만원.
"""

from collections.abc import Sequence
from enum import StrEnum

import msgspec
import orjson
from msgspec import Struct
from selectolax.lexbor import LexborHTMLParser

from dealerproxy.errors import Drift
from dealerproxy.upstreams.encar.naming import (
    PAGE_BASE,
    PLACEHOLDER_MILEAGE,
    UPSTREAM,
    WON_PER_MANWON,
    fuel_token,
    has_engine,
    is_placeholder_price,
    photo_url,
    said,
    trim,
)
from dealerproxy.vehicles.car import Car, Photo
from dealerproxy.vocabulary import Make, Model, Vocabulary

STATE_NAME = "__PRELOADED_STATE__"
STATE_BASE = ("cars", "base")
# The text of the page that stands, with status 200, where a car was sold or deleted.
GONE_TEXT = "이 차량은 판매되었거나 삭제된 차량입니다"
TRUCK = "TRUCK"
# Displacements outside are no engines: electric cars carry motor outputs such as 111 or 230 there.
ENGINE_CC = range(500, 10_001)
PHOTO_TAGS = {"OUTER": "exterior", "INNER": "interior", "OPTION": "option"}


class Verdict(StrEnum):
    """What a witness says: on sale, or why the car cannot be bought."""

    LIVE = "live"
    SOLD = "sold"
    WAITING = "waiting"
    NOT_FOR_SALE = "not_for_sale"
    GONE = "gone"


# SOLD is seen; WAIT is documented by the partner API for the same state of the page.
STATUSES = {"ADVERTISE": Verdict.LIVE, "SOLD": Verdict.SOLD, "WAIT": Verdict.WAITING}
OUTRIGHT = "NORMAL"
LEASE_OR_RENT = frozenset({"OPERATING_LEASE", "FINANCING_LEASE", "RENT_SUCCESSION", "RENT_CAR"})
CONTRACT = frozenset({"CONTRACT", "CONTRACT_PROGRESS"})


class _Manage(Struct, frozen=True):
    dummyVehicleId: int | None = None


class _Category(Struct, frozen=True):
    manufacturerName: str
    modelName: str
    yearMonth: str
    formYear: str
    type: str | None = None
    manufacturerEnglishName: str | None = None
    modelGroupName: str | None = None
    modelGroupEnglishName: str | None = None
    gradeName: str | None = None
    gradeDetailName: str | None = None


class _Advertisement(Struct, frozen=True):
    price: float
    status: str
    salesStatus: str | None = None
    advertisementType: str | None = None
    leaseRentInfo: object = None


class _Spec(Struct, frozen=True):
    mileage: float
    displacement: float | None = None
    transmissionName: str | None = None
    fuelName: str | None = None
    colorName: str | None = None
    bodyName: str | None = None


class _Photo(Struct, frozen=True):
    path: str
    code: str = ""
    type: str = ""


class _Options(Struct, frozen=True):
    standard: tuple[str, ...] = ()


class _Contact(Struct, frozen=True):
    userType: str | None = None
    address: str | None = None


class _Accident(Struct, frozen=True):
    recordView: bool = True


class _Condition(Struct, frozen=True):
    accident: _Accident | None = None


class Advert(Struct, frozen=True):
    """The parts of the document that are read. Fields without a default are mandatory."""

    vehicleId: int
    category: _Category
    advertisement: _Advertisement
    spec: _Spec
    manage: _Manage | None = None
    contact: _Contact | None = None
    photos: list[object] | None = None
    options: _Options | None = None
    condition: _Condition | None = None
    vehicleType: str | None = None
    vin: str | None = None
    vehicleNo: str | None = None


def read_detail(body: bytes, listing_id: str) -> Advert:
    """Read the detail JSON. Raises Drift naming the path that is missing, or of a document about another car."""
    return _checked(_decoded(body), listing_id)


def read_details(body: bytes) -> list[object]:
    """Read the batch answer into documents, each still to be read with `read_document`."""
    documents = _decoded(body)
    if not isinstance(documents, list):
        raise Drift("$", "expected a list of cars")
    return documents


def read_document(document: object) -> Advert:
    """Read one document of a batch, whatever car it is about. Raises Drift."""
    try:
        return msgspec.convert(document, Advert, strict=True)
    except msgspec.ValidationError as error:
        raise Drift("detail", str(error)) from error


def read_page(body: bytes, listing_id: str) -> Advert | None:
    """Read the state inside a car's page; None when the page says the car was sold or deleted.

    Raises Drift when the page holds neither a state with the car nor that message.
    """
    document = _state_base(body)
    if document:
        return _checked(document, listing_id)
    if GONE_TEXT.encode() in body:
        return None
    raise Drift(".".join(STATE_BASE), "no car and no word on why")


def ids_of(advert: Advert) -> tuple[str, ...]:
    """The ids a document answers for: the car's own and its copy's."""
    copy = advert.manage.dummyVehicleId if advert.manage else None
    return tuple(str(number) for number in (advert.vehicleId, copy) if number is not None)


def judge(advert: Advert) -> Verdict:
    """Say whether the car can be bought. Raises Drift for a status or an offer nobody knows."""
    verdict = STATUSES.get(advert.advertisement.status)
    if verdict is None:
        raise Drift("advertisement.status", "an unknown word")
    if verdict is not Verdict.LIVE:
        return verdict
    offer = advert.advertisement.advertisementType
    if offer in LEASE_OR_RENT or advert.advertisement.leaseRentInfo is not None:
        return Verdict.NOT_FOR_SALE
    if offer not in {None, OUTRIGHT}:
        raise Drift("advertisement.advertisementType", "an unknown word")
    return Verdict.LIVE


def is_under_contract(advert: Advert) -> bool:
    """Whether a sale is agreed. Raises Drift for a sales status nobody knows: it might mean sold."""
    sales = advert.advertisement.salesStatus
    if sales is None:
        return False
    if sales not in CONTRACT:
        raise Drift("advertisement.salesStatus", "an unknown word")
    return True


def normalise(advert: Advert, listing_id: str, vocabulary: Vocabulary) -> Car:
    """Turn a live document into a car, listed under the id it was asked for.

    Raises Drift when make, model, month or model year cannot be told in English.
    """
    category, spec, contact = advert.category, advert.spec, advert.contact
    make, model = _make_and_model(category, vocabulary)
    grades = trim((category.gradeName, category.gradeDetailName), vocabulary)
    names = said(f"{category.modelName} {grades.korean or ''}")
    fuel = fuel_token(spec.fuelName, names, vocabulary)
    under_contract = is_under_contract(advert)
    price = advert.advertisement.price
    colour = vocabulary.colour(spec.colorName) if spec.colorName else None
    return Car(
        upstream=UPSTREAM,
        listing_id=listing_id,
        vehicle_id=str(advert.vehicleId),
        make=make.name if isinstance(make, Make) else make,
        model=model.name if isinstance(model, Model) else model,
        trim=grades.english,
        year=_number(category.formYear, "category.formYear", 4),
        registered=_number(category.yearMonth, "category.yearMonth", 6),
        mileage_km=int(spec.mileage) if 0 <= spec.mileage < PLACEHOLDER_MILEAGE else None,
        price_krw=None if is_placeholder_price(price, under_contract=under_contract) else round(price * WON_PER_MANWON),
        under_contract=under_contract,
        fuel=fuel,
        transmission=vocabulary.transmission(spec.transmissionName) if spec.transmissionName else None,
        colour=colour.name if colour else None,
        engine_cc=_engine_cc(spec.displacement, fuel),
        drivetrain=names.drivetrain,
        body=(model.body if isinstance(model, Model) else None)
        or (vocabulary.category_body(spec.bodyName) if spec.bodyName else None),
        options=_options(advert, vocabulary),
        photos=_photos(advert.photos or ()),
        vin=(advert.vin or "").strip() or None,
        license_plate=(advert.vehicleNo or "").strip() or None,
        url=PAGE_BASE + listing_id,
        seller_type=vocabulary.seller_type(contact.userType) if contact and contact.userType else None,
        region=_region(contact, vocabulary),
        model_korean=category.modelName,
        trim_korean=grades.korean,
        record_is_private=bool(
            advert.condition and advert.condition.accident and not advert.condition.accident.recordView
        ),
    )


def _decoded(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Drift("$", str(error)) from error


def _checked(document: object, listing_id: str) -> Advert:
    advert = read_document(document)
    if listing_id not in ids_of(advert):
        raise Drift("vehicleId", "the document is about another car")
    return advert


def _state_base(body: bytes) -> object:
    """`cars.base` of the page's state, None when there is none. The script is JSON to its end, or to a semicolon."""
    for script in LexborHTMLParser(body).css("script"):
        name, _, state = script.text().partition("=")
        if name.strip().removeprefix("window.") != STATE_NAME:
            continue
        try:
            value: object = orjson.loads(state.strip().removesuffix(";"))
        except orjson.JSONDecodeError as error:
            raise Drift(STATE_NAME, str(error)) from error
        for step in STATE_BASE:
            value = value.get(step) if isinstance(value, dict) else None
        return value
    return None


def _make_and_model(category: _Category, vocabulary: Vocabulary) -> tuple[Make | str, Model | str]:
    """The vocabulary's make and model, as in a list; for one it does not have, the English Encar itself gives."""
    facet = category.manufacturerName
    make: Make | str | None = vocabulary.make_of(facet) or _ascii(category.manufacturerEnglishName)
    group = category.modelGroupName or category.modelName
    models: Sequence[Model] = vocabulary.find_models(make, group) if isinstance(make, Make) else ()
    model: Model | str | None = (
        next((model for model in models if model.make_facet == facet), None)
        or vocabulary.model_of_generation(facet, category.modelName)
        or _ascii(category.modelGroupEnglishName)
    )
    if make is None:
        vocabulary.missed("make", facet)
        raise Drift("category.manufacturerName", "no English name")
    if model is None:
        vocabulary.missed("model", category.modelName)
        raise Drift("category.modelName", "no English name")
    return make, model


def _ascii(text: str | None) -> str | None:
    return text.strip() or None if text and text.isascii() else None


def _number(text: str, path: str, digits: int) -> int:
    if not (len(text) == digits and text.isascii() and text.isdigit()):
        raise Drift(path, "no number")
    return int(text)


def _engine_cc(displacement: float | None, fuel: str | None) -> int | None:
    return int(displacement) if displacement and has_engine(fuel) and int(displacement) in ENGINE_CC else None


def _region(contact: _Contact | None, vocabulary: Vocabulary) -> str | None:
    """The province or city an address begins with (`경기 수원시 권선구`)."""
    words = (contact.address or "").split() if contact else []
    return vocabulary.region(words[0]) if words else None


def _options(advert: Advert, vocabulary: Vocabulary) -> tuple[str, ...]:
    """The partner's tokens for a car's option codes. Trucks number theirs differently, so theirs stay unread."""
    if advert.options is None or TRUCK in {advert.vehicleType, advert.category.type}:
        return ()
    found: dict[str, None] = {}
    for code in advert.options.standard:
        option = vocabulary.option_of_code(code)
        if option is None:
            vocabulary.missed("option", code)
        else:
            found[option.token] = None
    return tuple(found)


def _photos(documents: Sequence[object]) -> tuple[Photo, ...]:
    """Photos in slot order without repeats; thumbnails show the same files again, and an odd entry shows nothing."""
    photos = []
    for document in documents:
        try:
            photos.append(msgspec.convert(document, _Photo))
        except msgspec.ValidationError:
            continue
    found: dict[str, Photo] = {}
    for photo in sorted(photos, key=lambda photo: (photo.type == "THUMBNAIL", photo.code)):
        url = photo_url(photo.path)
        if url is not None:
            found.setdefault(url, Photo(url, PHOTO_TAGS.get(photo.type)))
    return tuple(found.values())
