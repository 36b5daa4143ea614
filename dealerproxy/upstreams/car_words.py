"""Facts from a site's words about a car: trim, fuel, engine size, drivetrain, plug-in."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from dealerproxy.upstreams.values import is_fit, shown
from dealerproxy.vocabulary import Generation, Model, Vocabulary

UNREADABLE_TEXT = "unreadable text"
WON_PER_MANWON = 10_000
# Placeholders in price and mileage fields: 99999 and 999999. 9999 is a placeholder only for a car under contract,
# because dealers also use it as the price of expensive cars.
PLACEHOLDER_PRICE = 99_999
PLACEHOLDER_PRICE_UNDER_CONTRACT = 9_999
PLACEHOLDER_MILEAGE = 999_999
NO_GENERATION = Generation(None, None, ())
_ENGINELESS = frozenset({"electric", "hydrogen"})
_MAY_PLUG_IN = frozenset({"gasoline_hybrid", "diesel_hybrid"})


class Trim(NamedTuple):
    """Grade texts in both languages, and the words without English."""

    korean: str | None
    english: str | None
    missing: tuple[str, ...]


class NameFacts(NamedTuple):
    """Facts that a car's names state explicitly."""

    engine_cc: int | None
    drivetrain: str | None
    plug_in: bool


def is_placeholder_price(manwon: float, *, under_contract: bool) -> bool:
    """Whether a price in 만원 is a placeholder ("ask us") instead of an amount."""
    if manwon < 1 or manwon >= PLACEHOLDER_PRICE:
        return True
    return under_contract and manwon == PLACEHOLDER_PRICE_UNDER_CONTRACT


def trim(
    texts: Iterable[str | None], vocabulary: Vocabulary, make: str | None = None, after: str | None = None
) -> Trim:
    """Join grade texts without placeholders; words without English are counted, not shown.

    `make` is the car's make in English, `after` the name before the grades: some words depend on them.
    """
    grades = join_grades(vocabulary, make, after, *texts)
    for word in grades.missing:
        vocabulary.missed("trim", word)
    return grades


@lru_cache(maxsize=16_384)
def join_grades(vocabulary: Vocabulary, make: str | None, after: str | None, *texts: str | None) -> Trim:
    """Return the result of `trim` without counting."""
    korean: list[str] = []
    english: list[str] = []
    missing: list[str] = []
    for raw in filter(None, texts):
        text = shown(raw)
        translated, unknown = vocabulary.translate(text, make, after) if text else (None, ())
        if text is None or not (translated is None or is_fit(translated)):
            missing += [UNREADABLE_TEXT] if raw.strip() else []
            continue
        missing += unknown
        if translated:
            english.append(translated)
        if translated or unknown:  # a placeholder has neither
            korean.append(text)
            after = text
    return Trim(" ".join(korean) or None, " ".join(english) or None, tuple(missing))


def full_trim(grades: Trim, generation: Generation) -> str | None:
    """Return the trim for display: the vehicle, the grades, and the generation in brackets at the end."""
    vehicle = generation.vehicle
    words = vehicle.trim.split() if vehicle else []
    known = f" {grades.english or ''} ".casefold()
    first = "" if all(f" {word} ".casefold() in known for word in words) else " ".join(words)
    last = f"({generation.english})" if generation.english else ""
    return " ".join(filter(None, (first, grades.english, last))) or None


def read_generation(model: Model, korean: str, vocabulary: Vocabulary) -> Generation:
    """Read the name of a generation of a model; words without English are counted, not shown."""
    generation = vocabulary.generations.read(model, korean)
    for word in generation.missing:
        vocabulary.missed("trim", word)
    return generation


def body_of(model: Model, generation: Generation) -> str | None:
    """Return the body class of a generation, which may name a pickup in a group of SUVs."""
    vehicle = generation.vehicle
    return vehicle.body if vehicle and vehicle.body else model.body


def fuel_token(word: str | None, names: NameFacts, vocabulary: Vocabulary) -> str | None:
    """Return the partner's fuel token. No facet or code marks plug-in hybrids; the car's names do."""
    token = vocabulary.fuel(word) if word else None
    return "plug_in_hybrid" if names.plug_in and token in _MAY_PLUG_IN else token


def has_engine(fuel: str | None) -> bool:
    """Whether a displacement is meaningful; electric cars have arbitrary numbers in that field."""
    return fuel not in _ENGINELESS


_WORDS = re.ASCII | re.IGNORECASE
# A size in litres: one digit either side of the point, alone or before a turbo's T or an engine word (2.0TDI).
# Payloads (1.2톤), battery sizes and lengths are not engine sizes.
_LITRES = re.compile(r"(?<![\d.])(\d\.\d)(?![\d.]|\s?(?:톤|t\b|kWh|m\b))", re.ASCII)
_DRIVETRAINS = (
    (
        re.compile(r"\b(?:AWD|xDrive\d*[a-z]*|4MATIC\b|quattro|HTRAC|4MOTION)\b|4매틱|콰트로|4모션", _WORDS),
        "AWD",
    ),
    (re.compile(r"\b4WD\b|\b4x4\b|사륜|4륜", _WORDS), "4WD"),
    (re.compile(r"\b2WD\b", _WORDS), "2WD"),
    (re.compile(r"\bFWD\b|전륜", _WORDS), "FWD"),
    (re.compile(r"\bRWD\b|후륜", _WORDS), "RWD"),
)
_PLUG_IN = re.compile(r"플러그인|PHEV|plug-?in", _WORDS)


@lru_cache(maxsize=16_384)
def facts_in_name(text: str, facet: str, vocabulary: Vocabulary) -> NameFacts:
    """Return the engine, drivetrain and plug-in facts that a car's names state; None for a fact that they lack."""
    litres = set(_LITRES.findall(text))
    drives = {name for pattern, name in _DRIVETRAINS if pattern.search(text)}
    return NameFacts(
        engine_cc=round(float(litres.pop()) * 1000) if len(litres) == 1 else None,
        drivetrain=drives.pop() if len(drives) == 1 else None,
        plug_in=bool(_PLUG_IN.search(text)) or vocabulary.name_codes.names_plug_in(facet, text),
    )


# Other numbers are not displacements: electric cars have motor outputs such as 111 or 230 there.
ENGINE_CC = range(500, 10_001)
