"""The parser of the feeder M-Park, whose cars Danawa lists: bytes in, a car and its papers out.

No answer of the feeder was ever captured. Published programs read `data.detailInfo[0]` and its keys `carName`,
`demoAmt` (만원), `yymm`, `yyyy`, `startYearMonth`, `km`, `carGas`, `carColor`, `numCc`, `carAutoGbn`,
`images`, and elsewhere `demoNo` and `carNo`. The words of `yymm`, the state, and the whole inspection and insurance
history are reconstructed from the labels of its page. So a number may be a text, and only a mandatory field can fail
an answer; any other unreadable value is unknown.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct
from yarl import URL

from dealerproxy.contract.inspection import DealerInspection, InspectionReport, Record
from dealerproxy.transport.errors import Drift
from dealerproxy.upstreams.caps import MOST_ROWS, short_text
from dealerproxy.upstreams.car_words import (
    ENGINE_CC,
    PLACEHOLDER_MILEAGE,
    WON_PER_MANWON,
    body_of,
    facts_in_name,
    fuel_token,
    full_trim,
    has_engine,
    is_placeholder_price,
)
from dealerproxy.upstreams.danawa.marks import squeezed, tells_of_sale
from dealerproxy.upstreams.danawa.names import FEEDER, UPSTREAM, photo_url, read_name
from dealerproxy.upstreams.danawa.urls import HOME, bridge_url
from dealerproxy.upstreams.values import decode, is_year, iso_date, plate, shown, whole
from dealerproxy.vehicles.car import Car, Photo, SaleStatus
from dealerproxy.vocabulary import Vocabulary

PLACE = "data.detailInfo[0]"
NUMBER = f"{PLACE}.demoNo"
# Mandatory paths. `yyyy` is the model year if `yymm` has none.
NAME, PRICE, MILEAGE, YEAR = f"{PLACE}.carName", f"{PLACE}.demoAmt", f"{PLACE}.km", f"{PLACE}.yyyy"

# Reconstructed: the state of a car off sale. Its words are the list's own marks.
STATUS = f"{PLACE}.demoStatus"
STATUSES = {
    "판매완료": SaleStatus.SOLD,
    "거래완료": SaleStatus.SOLD,
    "판매종료": SaleStatus.SOLD,
    "예약": SaleStatus.WAITING,
    "계약중": SaleStatus.WAITING,
    "판매대기": SaleStatus.WAITING,
}
# Reconstructed, and mandatory in an inspection and in an insurance history.
ACCIDENT, OWN_COUNT = f"{PLACE}.accident", f"{PLACE}.myDamageCnt"
YES_OR_NO = {"유": True, "있음": True, "무": False, "없음": False}
# The unit of counts (`교환 0회`), as on the page.
TIMES = "회"

NOTHING = (None, "")
LIMIT = 10**12
CENTURY_ENDS = 50  # two-digit years from 50 on are in the last century
_NUMBER = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d{1,12})(?:\.\d+)?", re.ASCII)
# `22년09월(23년형)`: first registered in September 2022, model year 2023.
_YYMM = re.compile(r"(?:(\d{2}|\d{4})년\s*(\d{1,2})월)?\s*(?:\(\s*(\d{2}|\d{4})년형\s*\))?", re.ASCII)
_YEAR_MONTH = re.compile(r"(\d{4})[/.-](\d{1,2})", re.ASCII)
_DATE_JOINERS = str.maketrans(dict.fromkeys("년월./", "-"))


class Advert(Struct, frozen=True):
    """A car's fields under the feeder's own names; each may be missing or of any type."""

    demoNo: Any = None
    demoStatus: Any = None
    carNo: Any = None
    carName: Any = None
    demoAmt: Any = None
    yymm: Any = None
    yyyy: Any = None
    startYearMonth: Any = None
    km: Any = None
    carGas: Any = None
    carColor: Any = None
    numCc: Any = None
    carAutoGbn: Any = None
    images: Any = None
    checkNo: Any = None
    checkDate: Any = None
    accident: Any = None
    simpleRepair: Any = None
    exchangeCnt: Any = None
    sheetMetalCnt: Any = None
    usageChange: Any = None
    flood: Any = None
    myDamageCnt: Any = None
    otherDamageCnt: Any = None
    ownerChangeCnt: Any = None
    seizureCnt: Any = None
    mortgageCnt: Any = None


class _Data(Struct, frozen=True):
    detailInfo: list[dict[str, Any]]


class _Answer(Struct, frozen=True):
    data: _Data


class _Dated(NamedTuple):
    """The parsed `yymm`; None for a missing part."""

    model_year: int | None
    registered: int | None


def read_advert(body: bytes, listing_id: str) -> Advert | SaleStatus:
    """Read the answer about a car: the advert of a car on sale, or its sale status. An empty list means GONE.

    Raises Drift for a missing list, another car, an unknown state, or an unknown field about a sale, because each
    might mean sold.
    """
    found = decode(body, _Answer).data.detailInfo
    if not found:
        return SaleStatus.GONE
    fields = found[0]
    advert = msgspec.convert(fields, Advert)
    if advert.demoNo not in NOTHING and _digits(advert.demoNo) != listing_id:
        raise Drift(NUMBER, "the answer is about another car")
    verdict = _judge(advert.demoStatus)
    if verdict is not SaleStatus.LIVE:
        return verdict
    if any(tells_of_sale(name, value) for name, value in fields.items() if name not in Advert.__struct_fields__):
        raise Drift(STATUS, "another field says that the car was sold")
    return advert


def normalise(advert: Advert, listing_id: str, vocabulary: Vocabulary, base: URL = HOME) -> Car:
    """Return an advert as a car; `base` is the address of the list that links to it.

    Raises Drift with the mandatory path that is missing or has no English. A fuel or engine size that the feeder
    leaves out comes from the name, as in the list.
    """
    name = shown(advert.carName)
    if name is None:
        raise Drift(NAME)
    named = read_name(name, vocabulary)
    if named.make is None or named.model is None:
        vocabulary.missed("make" if named.make is None else "model", name)
        raise Drift(NAME, "no English name")
    price, mileage = _mandatory(advert.demoAmt, "만원", PRICE), _mandatory(advert.km, "km", MILEAGE)
    dated = _dated(advert.yymm)
    year = dated.model_year or _year(advert.yyyy)
    if year is None:
        raise Drift(YEAR, "no year")
    registered = _year_month(advert.startYearMonth) or dated.registered
    fuel_word, colour_word = _word(advert.carGas, vocabulary), _word(advert.carColor, vocabulary)
    transmission = _word(advert.carAutoGbn, vocabulary)
    names = facts_in_name(named.korean, named.facet or "", vocabulary)
    names = names._replace(plug_in=names.plug_in or named.fuel == "plug_in_hybrid")
    fuel = fuel_token(fuel_word, names, vocabulary) if fuel_word else named.fuel
    engine_cc = named.engine_cc if advert.numCc in NOTHING else _engine_cc(advert.numCc)
    shade = vocabulary.colour(colour_word) if colour_word else None
    return Car(
        upstream=UPSTREAM,
        listing_id=listing_id,
        vehicle_id=listing_id,
        make=named.make.name,
        model=named.model.name,
        trim=full_trim(named.trim, named.generation),
        year=year,
        registered=registered or year * 100 + 12,
        month_known=registered is not None,
        mileage_km=int(mileage) if mileage < PLACEHOLDER_MILEAGE else None,
        price_krw=None if is_placeholder_price(price, under_contract=False) else round(price * WON_PER_MANWON),
        under_contract=False,
        fuel=fuel,
        transmission=vocabulary.transmission(transmission) if transmission else None,
        colour=shade.name if shade else None,
        engine_cc=engine_cc if has_engine(fuel) else None,
        drivetrain=named.drivetrain,
        body=body_of(named.model, named.generation),  # as in the list, so that both have the same freight
        options=(),
        photos=_photos(advert.images),
        vin=None,
        license_plate=plate(advert.carNo, vocabulary),
        url=bridge_url(base, FEEDER, listing_id),
        seller_type=None,
        region=None,
        model_korean=named.korean,
        trim_korean=named.trim.korean,
        generation=named.generation.english,
        record_is_private=False,
        seizures=_count(advert.seizureCnt),
        pledges=_count(advert.mortgageCnt),
    )


def read_inspection(advert: Advert, vocabulary: Vocabulary) -> InspectionReport | None:
    """Read the summary of an inspection; None without an inspection.

    It counts replacements and welds but names no panels, so frame and exterior damage are unknown. Raises Drift
    unless a known word states whether there was an accident.
    """
    if advert.checkNo in NOTHING:
        return None
    has_accident = _yes_or_no(advert.accident, vocabulary)
    if has_accident is None:
        raise Drift(ACCIDENT, "missing or an unknown word")
    simple_repair, flood = _yes_or_no(advert.simpleRepair, vocabulary), _yes_or_no(advert.flood, vocabulary)
    served = _yes_or_no(advert.usageChange, vocabulary)
    return InspectionReport(
        source="mpark",
        accident_summary=_accident_summary(advert, has_accident, simple_repair, flood),
        has_accident=has_accident,
        has_frame_damage=None,
        exterior_summary=None,
        category_grades=(),
        checklist=(),
        issues=(),
        dealer_inspection=DealerInspection(None, None),
        simple_repair=simple_repair,
        inspected_on=_date(advert.checkDate),
        # It states that the car's usage changed, but not to what.
        usage_changes=None if served is None else ("unknown",) if served else (),
        flood=flood,
    )


def read_record(advert: Advert) -> Record | None:
    """Read the insurance history; None if there is none. Raises Drift if its count of own damage is not a number.

    The sums beside the counts are left out, because they may be payments or estimates. Seizures and mortgages are facts
    of the car, not of the insurer.
    """
    if advert.myDamageCnt in NOTHING:
        return None
    own_count = _count(advert.myDamageCnt)
    if own_count is None:
        raise Drift(OWN_COUNT, "not a number")
    return Record(
        open=True,
        own_accident_count=own_count,
        other_accident_count=_count(advert.otherDamageCnt),
        owner_change_count=_count(advert.ownerChangeCnt),
    )


def _judge(mark: object) -> SaleStatus:
    if mark is None or (isinstance(mark, str) and not mark.strip()):
        return SaleStatus.LIVE
    word = short_text(mark)
    verdict = STATUSES.get(squeezed(word)) if word is not None else None
    if verdict is None:
        raise Drift(STATUS, "an unknown word")
    return verdict


def _accident_summary(advert: Advert, has_accident: bool, simple_repair: bool | None, flood: bool | None) -> str:
    replaced, welded = _count(advert.exchangeCnt), _count(advert.sheetMetalCnt)
    sentences = (
        "Accident reported." if has_accident else "No accident reported.",
        "Simple repairs reported." if simple_repair else None,
        None if replaced is None else f"Replacements: {replaced}.",
        None if welded is None else f"Sheet metal or welding repairs: {welded}.",
        "Flood damage reported." if flood else None,
    )
    return " ".join(filter(None, sentences))


def _word(value: object, vocabulary: Vocabulary) -> str | None:
    """Return Encar's word for a word of the feeder."""
    text = short_text(value)
    return vocabulary.danawa.encar_word(text) if text else None


def _digits(value: object) -> str:
    """Return an id as text; it may be a number, such as `6061500368.0`."""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value).strip()


def _number(value: object, unit: str = "") -> float | None:
    """Return a plausible number of at least 0; a text may have commas and the unit."""
    if isinstance(value, str):
        text = (short_text(value) or "").removesuffix(unit).rstrip()
        value = float(text.replace(",", "")) if _NUMBER.fullmatch(text) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < LIMIT:
        return None
    return float(value)


def _mandatory(value: object, unit: str, path: str) -> float:
    number = _number(value, unit)
    if number is None:
        raise Drift(path, "not a number")
    return number


def _count(value: object) -> int | None:
    return whole(_number(value, TIMES))


def _engine_cc(value: object) -> int | None:
    number = _number(value, "cc")
    return int(number) if number is not None and int(number) in ENGINE_CC else None


def _year(value: object) -> int | None:
    year = whole(_number(value, "년"))
    return year if year is not None and is_year(year) else None


def _year_of(digits: str) -> int | None:
    year = int(digits)
    if len(digits) == 2:
        year += 1900 if year >= CENTURY_ENDS else 2000
    return year if is_year(year) else None


def _month_of(year: str, month: str) -> int | None:
    """Return the month as YYYYMM."""
    full = _year_of(year)
    return full * 100 + int(month) if full and 1 <= int(month) <= 12 else None


def _dated(value: object) -> _Dated:
    text = short_text(value)
    match = _YYMM.fullmatch(text) if text is not None else None
    if match is None:
        return _Dated(None, None)
    year, month, model_year = match.groups()
    return _Dated(_year_of(model_year) if model_year else None, _month_of(year, month) if year else None)


def _year_month(value: object) -> int | None:
    match = _YEAR_MONTH.fullmatch(short_text(value) or "")
    return _month_of(match[1], match[2]) if match else None


def _date(value: object) -> str | None:
    """Return the day as ISO 8601; the page writes `2026년 06월 08일`."""
    return iso_date("".join((short_text(value) or "").split()).removesuffix("일").translate(_DATE_JOINERS))


def _yes_or_no(value: object, vocabulary: Vocabulary) -> bool | None:
    text = short_text(value)
    if text is not None and text not in YES_OR_NO:
        vocabulary.missed("sheet", text)
    return YES_OR_NO.get(text or "")


def _photos(images: object) -> tuple[Photo, ...]:
    """Return the photos in order without repeats. An entry is an address, or has one under an unknown key."""
    found: dict[str, Photo] = {}
    for entry in images[:MOST_ROWS] if isinstance(images, list) else ():
        texts = entry.values() if isinstance(entry, Mapping) else (entry,)
        urls = (photo_url(text.strip()) for text in texts if isinstance(text, str))
        url = next(filter(None, urls), None)
        if url is not None:
            found.setdefault(url, Photo(url, None))
    return tuple(found.values())
