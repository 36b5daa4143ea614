"""Readers of single values of adverts and papers: each returns a value, or None.

Many people fill in papers by hand, so one odd value must not make a paper unreadable: only values that a reader
declares mandatory raise Drift.
"""

import json
import math
import re
import time
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from dealerproxy.transport.errors import Drift
from dealerproxy.upstreams.caps import MOST_TEXT, check_json, short_text
from dealerproxy.vocabulary import Vocabulary

T = TypeVar("T")

# `20250818`, `2026-07-30` and `2026-07-15T14:34:47.5` all occur in captured papers.
_DATE = re.compile(r"(\d{4})(-?)(\d{2})\2(\d{2})(?:T.*)?", re.ASCII)
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")  # a code that may be shown unchanged: short, no Korean
_VIN = re.compile(r"[A-HJ-NPR-Z0-9]{17}", re.ASCII)
# `123가4567`, or with a region as before 2004 (`서울 12가 3456`).
_PLATE = re.compile(
    r"(?:(?:서울|부산|대구|인천|광주|대전|울산|세종|경기|강원|충북|충남|전북|전남|경북|경남|제주) ?\d{1,2}|\d{2,3})"
    r" ?[가-힣] ?\d{4}",
    re.ASCII,
)
_DIGITS = re.compile(r"\d{1,12}", re.ASCII)
_DECIMAL = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)
_AMOUNT_LIMIT = 10**12
# Patterns of msgspec's messages: the missing field, and its place.
_MISSING = re.compile(r"missing required field `([^`]+)`")
_PLACE = re.compile(r"- at `\$\.?([^`]*)`$")


# Replaces a damaged text or number: not empty, and of a type that no reader accepts as a value.
DAMAGED: Mapping[str, bool] = {"unreadable": True}
# Half a character: a lone surrogate escape, a byte that is not UTF-8, or another program's replacement for one.
_HALF = re.compile("[\ud800-\udfff\ufffd]")
# Control characters that JSON allows nowhere, and escapes that JSON does not have.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_BAD_ESCAPE = re.compile(r'(?<!\\)((?:\\\\)*+)\\(?!["\\/bfnrt]|u[0-9A-Fa-f]{4})')
_LONGEST_NUMBER = 40
# The same damage in bytes: a control character, or a backslash without an escape (the group is a valid escape's rest).
_DAMAGE = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f\\](?:(?<=\\)(?:"
    rb'(["\\/bfnrt]|u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}|u(?![dD][89a-fA-F])[0-9A-Fa-f]{4})'
    rb"|u[dD][89a-fA-F][0-9A-Fa-f]{2}))?"
)
# Never a byte of UTF-8, so that only a text with it cannot be decoded.
_DAMAGED_BYTE = b"\xff"
# Damaged JSON is read by a slower parser, on the event loop; if it is larger than a normal page, it is drift.
MOST_DAMAGED, MOST_DAMAGED_KEYS, MOST_DAMAGED_ESCAPES = 800_000, 25_000, 60_000

# Characters that no shown text contains: markup, and half a character.
_MARKUP = re.compile('[<>"`\\\\\ufffd]')
# Spaces of other widths, and invisible characters that sellers copy along with a word.
_SPACES = dict.fromkeys(map(ord, "\u00a0\u2002\u2003\u2009\u202f\u3000"), " ") | dict.fromkeys(
    map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff")
)
FIRST_YEAR = 1950
# Model years are ahead of the calendar.
YEARS_AHEAD = 2


class Damaged(Struct, frozen=True):
    """A text that `decode` could not decode, for readers that must distinguish it from a missing one."""

    unreadable: bool


class Coded(NamedTuple):
    """A `{code, title}` pair; each may be missing. The title is Korean."""

    code: str | None
    title: str | None


def decode(body: bytes, kind: type[T]) -> T:
    """Decode a body whose fields without a default are mandatory; raises Drift with the wrong path.

    A text that is not Unicode, or a number that is too large, becomes DAMAGED; so does an object with such a key.
    """
    check_json(body)
    try:
        return msgspec.json.decode(body, type=kind)
    except RecursionError as error:
        raise Drift("$", str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        strict = error
    if len(body) > MOST_DAMAGED or body.count(b":") > MOST_DAMAGED_KEYS or body.count(b"\\") > MOST_DAMAGED_ESCAPES:
        raise Drift("$", str(strict)) from strict
    try:
        return msgspec.convert(_tolerant(body), kind)
    except msgspec.ValidationError as error:
        raise Drift(_path(str(error)), str(error)) from error
    except (ValueError, RecursionError):
        raise Drift("$", str(strict)) from strict


def without_broken_escapes(body: bytes) -> bytes:
    """Return JSON with a byte that is not UTF-8 in each damaged text, so that only readers of that text fail.

    Returns the same body if it has more damage than a page with some damage.
    """
    if len(body) > MOST_DAMAGED or body.count(b"\\") > MOST_DAMAGED_ESCAPES:
        return body
    return _DAMAGE.sub(lambda match: match[0] if match[1] else _DAMAGED_BYTE, body)


def _tolerant(body: bytes) -> object:
    """Decode JSON with damaged texts, in linear time. Raises ValueError for a body that is still not JSON."""
    text = _CONTROL.sub("\ufffd", body.decode("utf-8", "surrogateescape"))
    document: object = json.loads(
        _BAD_ESCAPE.sub("\\1\ufffd", text),
        strict=False,
        object_pairs_hook=_object,
        parse_float=_float,
        parse_int=_int,
        parse_constant=_refuse,
    )
    if (sound := _sound(document)) is DAMAGED:
        raise ValueError("not Unicode")
    return sound


def _object(pairs: list[tuple[str, object]]) -> Mapping[str, object]:
    if any(_HALF.search(key) for key, _ in pairs):
        return DAMAGED
    return {key: _sound(value) for key, value in pairs}


def _sound(value: object) -> object:
    """Replace damaged values; nested objects are replaced already."""
    if isinstance(value, str):
        return DAMAGED if not value.isascii() and _HALF.search(value) else value
    return [_sound(entry) for entry in value] if isinstance(value, list) else value


def _float(text: str) -> object:
    number = float(text)
    return number if math.isfinite(number) else DAMAGED


def _int(text: str) -> object:
    return int(text) if len(text) <= _LONGEST_NUMBER else DAMAGED


def _refuse(word: str) -> object:
    raise ValueError(f"{word} is not JSON")


def shown(value: object) -> str | None:
    """Return a text that can be shown, without surrounding blanks; None for a missing or unfit one."""
    return _fit(value) if isinstance(value, str) and len(value) <= MOST_TEXT else None


@lru_cache(maxsize=16_384)
def _fit(text: str) -> str | None:
    plain = (text if text.isascii() or text.isprintable() else text.translate(_SPACES)).strip(" ")
    return plain if is_fit(plain) else None


def is_fit(text: str) -> bool:
    """Whether a text can be shown: not empty, not too long, without markup, control or direction characters."""
    return 0 < len(text) <= MOST_TEXT and text.isprintable() and not _MARKUP.search(text)


def plate(value: object, vocabulary: Vocabulary) -> str | None:
    """Return a Korean licence plate; None for anything else, which is counted without its text."""
    return _shaped(_PLATE, value, "plate", vocabulary)


def vin(value: object, vocabulary: Vocabulary) -> str | None:
    """Return a VIN (17 letters and digits without I, O and Q); None for anything else, which is counted."""
    return _shaped(_VIN, value.upper() if isinstance(value, str) else value, "vin", vocabulary)


def _shaped(shape: re.Pattern[str], value: object, kind: str, vocabulary: Vocabulary) -> str | None:
    text = shown(value)
    if text is not None and shape.fullmatch(text):
        return text
    if isinstance(value, str) and value.strip():
        vocabulary.missed(kind, f"no {kind}")
    return None


def is_year(year: int) -> bool:
    """Whether a year is a possible model year: from 1950 to YEARS_AHEAD after the current year."""
    return FIRST_YEAR <= year <= time.gmtime().tm_year + YEARS_AHEAD


def _path(message: str) -> str:
    place, missing = _PLACE.search(message), _MISSING.search(message)
    return ".".join(match[1] for match in (place, missing) if match) or "$"


def iso_date(value: object) -> str | None:
    """Return the day of `YYYYMMDD`, `YYYY-MM-DD` or an ISO time as `YYYY-MM-DD`."""
    match = _DATE.fullmatch(short_text(value) or "")
    if match is None:
        return None
    try:
        return date(int(match[1]), int(match[3]), int(match[4])).isoformat()
    except ValueError:
        return None


def whole(value: object) -> int | None:
    """Return a whole number of at least 0; it may be a float (`202305.0`) or digits in a text."""
    if (text := short_text(value)) is not None and _DIGITS.fullmatch(text):
        return int(text)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _AMOUNT_LIMIT:
        return None
    return int(value) if value == int(value) else None


def measured(value: object, *, most: float) -> float | None:
    """Return a number from 0 to `most`; it may be digits in a text (`0.02`)."""
    text = short_text(value)
    number = float(text) if text is not None and _DECIMAL.fullmatch(text) else value
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= most:
        return None
    return float(number)


def tick(value: object) -> bool | None:
    """Return the value of a tick box; None for anything but true and false."""
    return value if isinstance(value, bool) else None


def code(value: object) -> str | None:
    """Return a code if it can be shown: short, and plain ASCII; else None."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return text if isinstance(text, str) and _CODE.fullmatch(text) else None


def coded(value: object) -> Coded:
    """Return the code and title of a `{code, title}` object; both None for anything else."""
    if not isinstance(value, Mapping):
        return Coded(None, None)
    return Coded(code(value.get("code")), short_text(value.get("title")))


def token(table: str, pair: Coded, vocabulary: Vocabulary) -> str:
    """Return the token of a pair by a table of sheet.toml: by its code, else by its title.

    A pair that the table lacks is counted and becomes its code (`code_7`), or `unknown` without one.
    """
    words = vocabulary.sheet.tokens[table]
    for word in pair:
        if word is not None and word in words:
            return words[word]
    vocabulary.missed(table, pair.title or pair.code or "?")
    return f"code_{pair.code.lower()}" if pair.code else "unknown"
