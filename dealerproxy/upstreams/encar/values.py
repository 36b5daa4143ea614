"""The single values of Encar's papers (inspection, record, diagnosis), read one by one: a value, or None.

Papers are filled in by hand and by many hands, so one odd value must not spoil a paper: only what a reader declares
mandatory raises Drift.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import NamedTuple, TypeVar

import msgspec

from dealerproxy.errors import Drift
from dealerproxy.vocabulary import Vocabulary

T = TypeVar("T")

# `20250818`, `2026-07-30` and `2026-07-15T14:34:47.5` all stand in captured papers.
_DATE = re.compile(r"(\d{4})(-?)(\d{2})\2(\d{2})(?:T.*)?", re.ASCII)
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")  # what may stand in an answer as it is: no Korean, no novels
_DIGITS = re.compile(r"\d{1,12}", re.ASCII)
_AMOUNT_LIMIT = 10**12
# The ends of msgspec's messages: which field is missing, and where.
_MISSING = re.compile(r"missing required field `([^`]+)`")
_PLACE = re.compile(r"- at `\$\.?([^`]*)`$")


class Coded(NamedTuple):
    """A `{code, title}` pair; each may be missing. The title is Korean."""

    code: str | None
    title: str | None


def decode(body: bytes, kind: type[T]) -> T:
    """Decode a body whose fields without a default are mandatory; raises Drift naming the path that is wrong."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise Drift(_path(str(error)), str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Drift("$", str(error)) from error


def _path(message: str) -> str:
    place, missing = _PLACE.search(message), _MISSING.search(message)
    return ".".join(match[1] for match in (place, missing) if match) or "$"


def iso_date(value: object) -> str | None:
    """Return the day of `YYYYMMDD`, `YYYY-MM-DD` or an ISO time as `YYYY-MM-DD`."""
    match = _DATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    try:
        return date(int(match[1]), int(match[3]), int(match[4])).isoformat()
    except ValueError:
        return None


def whole(value: object) -> int | None:
    """Return a whole number from 0 up; it may come as a float (`202305.0`) or as digits in a text."""
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _AMOUNT_LIMIT:
        return None
    return int(value) if value == int(value) else None


def tick(value: object) -> bool | None:
    """Return a box that was ticked or not; anything but true and false is no answer."""
    return value if isinstance(value, bool) else None


def code(value: object) -> str | None:
    """Return a code if it is fit to stand in an answer: short, and plain ASCII."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return text if isinstance(text, str) and _CODE.fullmatch(text) else None


def coded(value: object) -> Coded:
    """Return the code and title of a `{code, title}` object; of anything else neither."""
    if not isinstance(value, Mapping):
        return Coded(None, None)
    title = value.get("title")
    return Coded(code(value.get("code")), title.strip() or None if isinstance(title, str) else None)


def token(table: str, pair: Coded, vocabulary: Vocabulary) -> str:
    """Return the token of a pair by a table of sheet.toml: by its code, else by its title.

    What the table does not know is counted and keeps its code (`code_7`), or is `unknown` without one.
    """
    words = vocabulary.sheet.tokens[table]
    for word in pair:
        if word is not None and word in words:
            return words[word]
    vocabulary.missed(table, pair.title or pair.code or "?")
    return f"code_{pair.code.lower()}" if pair.code else "unknown"
