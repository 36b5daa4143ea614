"""The facts in a row of Danawa's list: nearly all are in one free text, the name.

A name is brand label, model, grade and detail, with blanks where one is empty (`기아 더 뉴쏘렌토(MQ4) 2.2 디젤 4WD `),
as in 4,513 names of March 2025. Fuel, drive and engine come only from words that state them.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from msgspec.structs import replace
from yarl import URL

from dealerproxy.stock.table import MOST_NUMBER, StockedCar, Words
from dealerproxy.upstreams.caps import MOST_TEXT
from dealerproxy.upstreams.car_words import (
    NO_GENERATION,
    PLACEHOLDER_MILEAGE,
    WON_PER_MANWON,
    Trim,
    body_of,
    facts_in_name,
    full_trim,
    has_engine,
    is_placeholder_price,
    read_generation,
    trim,
)
from dealerproxy.upstreams.danawa.listing import ListRow
from dealerproxy.upstreams.danawa.urls import HOME, bridge_url
from dealerproxy.upstreams.truck_words import read_grades
from dealerproxy.upstreams.values import is_year, shown
from dealerproxy.vehicles.listing import LeftOut, LeftOutReason, Listing
from dealerproxy.vocabulary import PLUG_IN, Generation, Make, Model, Vocabulary

UPSTREAM = "danawa"
# The only feeder with readable cars; the codes of others, seen years ago, are unknown.
FEEDER = "mpark"
# The domains of pictures in the list.
PHOTO_DOMAINS = ("danawa.com", "m-park.co.kr", "kukmincha.com")
_PHOTO = re.compile(
    rf"(?:https?:)?//((?:[a-z0-9-]+\.)*(?:{'|'.join(map(re.escape, PHOTO_DOMAINS))}))"
    # No parent folders, no empty ones, and nothing that needs an escape.
    r"((?:/[a-z0-9_~-][a-z0-9._~-]*){1,12}(?:\?[a-z0-9._~=&:,-]{0,200})?)",
    re.IGNORECASE | re.ASCII,
)

# Generations in brackets: (4세대), (2세대F/L), (MQ4), (G30), (신형). Two letters alone may be a grade.
_GENERATION = re.compile(r"\((?:\d세대[^()]*|[A-Z]{1,3}\d{1,3}|신형|구형)\)", re.ASCII)
_FUELS = {
    token: re.compile(pattern, re.ASCII | re.IGNORECASE)
    for token, pattern in {
        "gasoline": r"가솔린|휘발유",
        "diesel": r"디젤|경유",
        "lpg": r"(?<![a-z])LP(?:G|Gi|i|e|Li)(?![a-z])|엘피지",
        "hybrid": r"하이브리드|(?<![a-z])(?:M?HEV|hybrid)(?![a-z])",
        "plug_in_hybrid": r"플러그인|(?<![a-z])P-?HEV(?![a-z])|plug-?in",
        "electric": r"전기(?!형)|일렉트릭|일렉트리파이드|(?<![a-z])EV\d?(?![a-z\d])",
        "hydrogen": r"수소|(?<![a-z])FCEV(?![a-z])",
    }.items()
}
_TWO_FUELS = re.compile(r"바이퓨얼|겸용")
_ENGINES = frozenset({"gasoline", "diesel"})


class Named(NamedTuple):
    """The facts of a name. `korean` is the name without its brand; make and model are None if unknown."""

    make: Make | None
    facet: str | None
    model: Model | None
    korean: str
    trim: Trim
    generation: Generation
    fuel: str | None
    engine_cc: int | None
    drivetrain: str | None


def read_name(text: str, vocabulary: Vocabulary) -> Named:
    """Read a name. Its first word is the label: no known label contains a blank."""
    label, _, korean = " ".join(text.split()).partition(" ")
    facet = vocabulary.danawa.make_facet_of(label)
    found = vocabulary.danawa.split_name(facet, korean) if facet else None
    model, words = found or (None, 0)
    facet = model.make_facet if model else facet
    fuel = fuel_said(korean, facet or "", vocabulary)
    names = facts_in_name(korean, facet or "", vocabulary)
    make = vocabulary.danawa.make_of(facet) if facet else None
    before, grades = _split(korean, words, model, vocabulary)
    return Named(
        make=make,
        facet=facet,
        model=model,
        korean=korean,
        trim=_trim(grades, make, model, before, vocabulary),
        generation=read_generation(model, before, vocabulary) if model else NO_GENERATION,
        fuel=fuel,
        engine_cc=names.engine_cc if has_engine(fuel) else None,
        drivetrain=names.drivetrain,
    )


def _trim(grades: str, make: Make | None, model: Model | None, before: str, vocabulary: Vocabulary) -> Trim:
    """Read the grades; for a Porter or Bongo, in the words and order of Encar's truck index."""
    if make is None or model is None or not vocabulary.trucks.is_brought(make, model.name):
        return trim((grades,), vocabulary, make.name if make else None, before)
    found = read_grades(grades, vocabulary)
    for word in found.missing:
        vocabulary.missed("trim", word)
    return found


@lru_cache(maxsize=16_384)
def fuel_said(text: str, facet: str, vocabulary: Vocabulary) -> str | None:
    """Return the partner's fuel token that a name of this make states, in words or else by the maker's codes.

    None if it states none, or several that conflict.
    """
    found = {token for token, pattern in _FUELS.items() if pattern.search(text)}
    if _TWO_FUELS.search(text):
        return None
    code = vocabulary.name_codes.fuel(facet, text)
    if not found or code == PLUG_IN:
        return code
    if "hydrogen" in found:
        found.discard("electric")  # 수소전기차
    if PLUG_IN in found:
        found -= {"hybrid", *_ENGINES}
    if found == {"hybrid"}:
        return vocabulary.name_codes.hybrid(facet, text)
    if "hybrid" in found and len(found) == 2:
        (other,) = found - {"hybrid"}
        return f"{other}_hybrid" if other in _ENGINES else "hybrid" if other == "lpg" else None
    return found.pop() if len(found) == 1 else None


def normalise(row: ListRow, vocabulary: Vocabulary) -> StockedCar | LeftOut:
    """Return the car of a row as the site lists it, or the reason why it is left out.

    The list has only a year: the car sorts as if registered in December of it.
    """
    name, number = shown(row.name), int(row.listing_id)
    if name is None or not is_year(row.year) or str(number) != row.listing_id or number > MOST_NUMBER:
        return LeftOut(LeftOutReason.UNREADABLE)
    shared = template((name,), vocabulary)
    reason = _left_out(row)
    if reason is not None:
        return LeftOut(reason, row.listing_id, shared.model if shared else None, shared.make if shared else None)
    if shared is None:
        vocabulary.missed("make" if read_name(name, vocabulary).make is None else "model", name)
        return LeftOut(LeftOutReason.UNKNOWN_MODEL, row.listing_id)
    return StockedCar(
        number=number,
        kind=(name,),
        place=(),
        year=row.year,
        registered=row.year * 100 + 12,
        mileage_km=row.mileage_km,
        price_krw=row.price_manwon * WON_PER_MANWON,
        vehicle=number,
        original=True,
        photo=row.image if row.image and photo_url(row.image) else None,
    )


@lru_cache(maxsize=16_384)
def template(words: Words, vocabulary: Vocabulary) -> Listing | None:
    """Return a name as a listing, without the values that differ between cars; None for an unknown model."""
    named = read_name(words[0] or "", vocabulary)
    if named.make is None or named.model is None:
        return None
    return Listing(
        upstream=UPSTREAM,
        listing_id="",
        vehicle_key="",
        original=True,
        make=named.make.name,
        model=named.model.name,
        trim=full_trim(named.trim, named.generation),
        year=0,
        registered=0,
        month_known=False,
        mileage_km=0,
        price_krw=0,
        fuel=named.fuel,
        fuel_word=None,
        transmission=None,
        transmission_word=None,
        engine_cc=None,  # a size in litres is rounded; the feeder has the exact one
        drivetrain=named.drivetrain,
        body=body_of(named.model, named.generation),
        thumbnail_url=None,
        url="",
        seller_type=None,
        region=None,
        model_korean=named.korean,
        trim_korean=named.trim.korean,
        untranslated=len(named.trim.missing) + len(named.generation.missing),
        vehicle=named.generation.vehicle.name if named.generation.vehicle else None,
        generation=named.generation.english,
    )


def listing_of(car: StockedCar, vocabulary: Vocabulary, base: URL = HOME) -> Listing | LeftOut:
    """Return a car for display; it is left out if its model is unknown to this vocabulary."""
    shared, number = template(car.kind, vocabulary), str(car.number)
    if shared is None:
        return LeftOut(LeftOutReason.UNKNOWN_MODEL, number)
    return replace(
        shared,
        listing_id=number,
        vehicle_key=number,
        year=car.year,
        registered=car.registered,
        mileage_km=car.mileage_km,
        price_krw=car.price_krw,
        thumbnail_url=photo_url(car.photo) if car.photo else None,
        url=bridge_url(base, FEEDER, number),
    )


def as_shown(entry: StockedCar | LeftOut, vocabulary: Vocabulary, base: URL = HOME) -> Listing | LeftOut:
    """Return a row's car for display, or the reason why it is left out."""
    if isinstance(entry, LeftOut):
        return entry
    return listing_of(entry, vocabulary, base)


def photo_url(address: str) -> str | None:
    """Return a picture's address with https; None unless its host is known to have the list's pictures."""
    match = _PHOTO.fullmatch(address) if len(address) <= MOST_TEXT else None
    return f"https://{match[1]}{match[2]}" if match else None


def _left_out(row: ListRow) -> LeftOutReason | None:
    if row.mark is not None:
        return LeftOutReason.SOLD_OR_RESERVED
    if row.monthly:
        return LeftOutReason.LEASE_OR_RENT
    if row.feeder != FEEDER:
        return LeftOutReason.OTHER_FEEDER
    if is_placeholder_price(row.price_manwon, under_contract=False):
        return LeftOutReason.PLACEHOLDER_PRICE
    if row.mileage_km >= PLACEHOLDER_MILEAGE:
        return LeftOutReason.PLACEHOLDER_MILEAGE
    return None


def _split(korean: str, words: int, model: Model | None, vocabulary: Vocabulary) -> tuple[str, str]:
    """Split a name, whose first `words` are its model, into the name of its generation and its trim."""
    if model is None:
        return "", ""
    split = korean.split()
    rest = " ".join(split[words:])
    brackets = " ".join(_GENERATION.findall(rest))
    more, grades = vocabulary.generations.split(model, " ".join(_GENERATION.sub(" ", rest).split()))
    return " ".join((*split[:words], more, brackets)), grades
