"""Trims of trucks: cab and engine, wheelbase, body and load, in the same words and order on both sites."""

import re
from functools import lru_cache
from typing import NamedTuple

from dealerproxy.contract.summary import TruckFacts
from dealerproxy.upstreams.car_words import UNREADABLE_TEXT, Trim
from dealerproxy.upstreams.values import is_fit, shown
from dealerproxy.vocabulary import TruckForm, Vocabulary

# Words of a badge by their position: the drive, the cab, the engine or fuel.
_DRIVE = re.compile(r"\d{1,2}[xX]\d|[24]WD", re.ASCII | re.IGNORECASE)
_ENGINE = re.compile(r"CRDi|e?-?VGT|TCI|LP[GIi]|EV|디젤|일렉트릭|터보인터쿨러", re.ASCII | re.IGNORECASE)
_CAB = re.compile(r"\b\w+캡")
_SPELLINGS = {"crdi": "CRDi", "lpi": "LPI"}


class Cargo(NamedTuple):
    """The truck fields of a row, in English; None if missing.

    `missing` are words without English.
    """

    body: TruckForm | None
    load: str | None
    standard: str | None
    use: str | None
    missing: tuple[str, ...]


def read_cargo(
    form_detail: str | None,
    capacity: str | None,
    standard: str | None,
    use: str | None,
    vocabulary: Vocabulary,
    *,
    form: str | None = None,
) -> Cargo:
    """Read the fields of a row or an advert; `form` counts if the detail is missing."""
    trucks = vocabulary.trucks
    texts = [text and shown(text) for text in (form_detail, capacity, standard, use)]
    said = [None if text is None or trucks.says_nothing(text) else text for text in texts]
    body, load, wheelbase, used = (
        said[0] and trucks.form(said[0]),
        said[1] and trucks.load(said[1]),
        said[2] and trucks.standard(said[2]),
        said[3] and trucks.use(said[3]),
    )
    found = (body, load, wheelbase, used)
    missing = tuple(text for text, english in zip(said, found, strict=True) if text and not english)
    if not body and form and (kind := shown(form)):
        body = trucks.form_alone(kind)
    return Cargo(body or None, load or None, wheelbase or None, used or None, missing)


@lru_cache(maxsize=4_096)
def read_badge(text: str | None, vocabulary: Vocabulary) -> Trim:
    """Return the English of a badge: from a whole-badge entry, else word by word. Counts nothing."""
    badge = shown(text) if text else None
    if badge is None or vocabulary.trucks.says_nothing(badge):
        return Trim(None, None, () if badge or not text or not text.strip() else (UNREADABLE_TEXT,))
    english, missing = vocabulary.trucks.badge(badge), tuple[str, ...]()
    if english is None:
        english, missing = vocabulary.translate(badge)
    return Trim(badge, english if english and is_fit(english) else None, missing)


def truck_facts(cargo: Cargo) -> TruckFacts:
    """Return the facts for insiders."""
    return TruckFacts(
        form=cargo.body.form if cargo.body else None,
        form_detail=cargo.body.name if cargo.body else None,
        capacity=cargo.load,
        standard=cargo.standard,
        use=cargo.use,
    )


def compose(badge: str | None, cargo: Cargo, generation: str | None) -> str | None:
    """Return the trim for display: `King Cab CRDi, Extra-Long, Dry Box, 1 t (The New)`."""
    body = cargo.body.name if cargo.body else None
    parts = ", ".join(filter(None, (badge, cargo.standard, body, cargo.load)))
    return " ".join(filter(None, (parts, f"({generation})" if generation else None))) or None


@lru_cache(maxsize=4_096)
def read_grades(text: str, vocabulary: Vocabulary) -> Trim:
    """Read the grades of a truck in a free text, such as `1톤 킹캡 초장축 L`, into the order of `compose`.

    Words outside this order are last. Counts nothing.
    """
    words = text.split()
    body = load = standard = None
    badge: dict[str, list[str]] = {"drive": [], "cab": [], "engine": []}
    rest: list[str] = []
    missing: list[str] = []
    trucks = vocabulary.trucks
    while words:
        two, word = " ".join(words[:2]), words[0]
        if body is None and (found := trucks.form(two) or trucks.form(word)) is not None:
            body = found
            words = words[2:] if trucks.form(two) else words[1:]
            continue
        words = words[1:]
        if load is None and trucks.load(word):
            load = trucks.load(word)
        elif standard is None and trucks.standard(word):
            standard = trucks.standard(word)
        elif kind := _kind_of(word):
            english, unknown = vocabulary.translate(word)
            missing += unknown
            badge[kind].append(_SPELLINGS.get(word.lower(), english or ""))
        else:
            rest.append(word)
    english_rest, unknown = vocabulary.translate(" ".join(rest)) if rest else (None, ())
    head = " ".join(filter(None, (*badge["drive"], *badge["cab"], *badge["engine"])))
    parts = (compose(head, Cargo(body, load, standard, None, ()), None), english_rest)
    return Trim(shown(text), ", ".join(filter(None, parts)) or None, (*missing, *unknown))


def _kind_of(word: str) -> str | None:
    kinds = {"drive": _DRIVE, "engine": _ENGINE, "cab": _CAB}
    return next((kind for kind, pattern in kinds.items() if pattern.fullmatch(word)), None)
