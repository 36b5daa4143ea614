"""Stand-ins for personal values: of the same shape, and the same for the same value within one capture.

Stand-ins are numbered in the order of the values, so they cannot be traced back: neither by trying all of the few
million plates, nor with a leaked key. They stay the same when the same page is captured again, which
keeps differences small. None of them can be real: no plate's series is 00 or 000, no telephone's exchange begins with
a zero, and no maker describes a car with zeros alone. Free text has no number; it is masked character by character.
"""

import json
import re
from collections import Counter
from collections.abc import Callable
from enum import StrEnum

_SYLLABLES = "가나다라마바사아자차카타파하"
_HANGUL = r"\uac00-\ud7a3"
HANGUL = re.compile(f"[{_HANGUL}\u1100-\u11ff\u3130-\u318f]")
# The letters before the last four digits of a plate. 년, 만, 원 and the like are not among them.
_USES = "가나다라마거너더러머버서어저고노도로모보소오조구누두루무부수우주바사아자배하허호국합육해공"
PLATE = re.compile(rf"(?<!\d)(\d{{2,3}})(\s?[{_USES}]\s?)(\d{{4}}|[Xx*]{{4}})(?![\dA-Za-z])", re.ASCII)
VIN = re.compile(r"(?<![A-Za-z0-9_-])(?=[A-Z0-9]*\d[A-Z0-9]*\d)(?=[A-Z0-9]*[A-Z])[A-HJ-NPR-Z0-9]{17}(?![A-Za-z0-9_-])")
_VIN_OF_ANY_LENGTH = re.compile(r"[A-Za-z0-9]{6,17}", re.ASCII)
_ESCAPED = re.compile(r"\\u[0-9a-fA-F]{4}|\\.|&#x?[0-9a-fA-F]+;|&\w+;|.", re.DOTALL)


class Kind(StrEnum):
    """The kind of a personal value; `meta.json` counts by these words."""

    PLATE = "plate"
    VIN = "vin"
    PHONE = "phone"
    NAME = "name"
    USER = "user"
    NUMBER = "number"
    TOKEN = "token"  # noqa: S105 - the word for what is taken out
    EMAIL = "email"
    ADDRESS = "address"
    TEXT = "text"
    IP = "ip"


class StandIns:
    """The stand-ins of one capture; `given` maps values to stand-ins, `counts` counts replacements."""

    def __init__(self) -> None:
        self.given: dict[tuple[Kind, str], str] = {}
        self.counts: Counter[Kind] = Counter()
        self._numbers: Counter[Kind] = Counter()
        self._made: set[str] = set()

    def is_one(self, value: str) -> bool:
        """Whether a value is a stand-in of this capture."""
        return value in self._made

    def of(self, kind: Kind, value: str) -> str:
        """Return the stand-in of a value; an empty one stays, and so does a stand-in."""
        if value in self._made:
            return value
        plate = PLATE.search(value) if kind is Kind.PLATE else None
        if plate is not None and plate[0] != value:  # older plates begin with a province
            return f"{value[: plate.start()]}{self.of(kind, plate[0])}{value[plate.end() :]}"
        found = self.given.get((kind, value))
        if found is None:
            found = self.given[kind, value] = self._make(kind, value)
            self._made.add(found)
        self.counts[kind] += found != value
        return found

    def _make(self, kind: Kind, value: str) -> str:
        if not value.strip() or _is_zero(kind, value):
            return value
        if kind not in _MAKERS:
            return masked(value)
        self._numbers[kind] += 1
        return _MAKERS[kind](value, self._numbers[kind])


def masked(text: str) -> str:
    """Mask the letters and digits of a text; its length, gaps, marks and escapes of JSON and HTML stay."""
    syllables = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal syllables
        char = _character(match[0])
        if HANGUL.match(char):
            syllables += 1
            return _SYLLABLES[(syllables - 1) % len(_SYLLABLES)]
        if char.isnumeric():
            return "0"
        if char.isalnum() or "\udc80" <= char <= "\udcff":  # an undecodable byte may be part of a name
            return "X" if char.isupper() else "x"
        return match[0]

    return _ESCAPED.sub(replace, text)


def _character(piece: str) -> str:
    """Return the character of an escape, or a character itself; the escape of a mark stays."""
    if piece.startswith("\\u"):
        char: str = json.loads(f'"{piece}"')
        return char
    if piece.startswith("&#"):
        number = piece[2:-1]
        code = int(number[1:], 16) if number[0] in "xX" else int(number) if number.isdigit() else 0
        return chr(code) if 0 < code < 0x11_0000 else " "
    return piece if len(piece) == 1 else " "


def _is_zero(kind: Kind, value: str) -> bool:
    """Whether a value is a telephone number with only zeros after its prefix, which is a stand-in already."""
    return kind is Kind.PHONE and not any(map(int, re.sub(r"\D", "", value)[3:]))


def _plate(value: str, number: int) -> str:
    match = PLATE.fullmatch(value)
    if match is None:
        return masked(value)
    serial = f"{number % 10_000:04d}" if match[3].isdigit() else match[3]
    return f"{'0' * len(match[1])}{match[2]}{serial}"


def _vin(value: str, number: int) -> str:
    """Return the stand-in of a VIN, which keeps the maker's code; a text of a seller in its place is masked."""
    if not _VIN_OF_ANY_LENGTH.fullmatch(value):
        return masked(value)
    maker = value[:3] if len(value) == 17 else ""
    return f"{maker}{number:0{len(value) - len(maker)}d}"


def _digits(value: str, number: int) -> str:
    """Return the value with the number for its digits; letters are masked."""
    room = sum(char.isdigit() for char in value)
    digits = iter(f"{number:0{room}d}"[-room:] if room else "")
    return "".join(next(digits) if char.isdigit() else masked(char) for char in value)


def _phone(value: str, number: int) -> str:
    """Return the stand-in of a telephone number, which keeps its prefix (the kind of line)."""
    if not any(char.isdigit() for char in value):
        return masked(value)
    match = re.match(r"\D*(?:\+?82\D*)?(?:02|0\d\d)?", value)
    head = match[0] if match else ""
    return head + _digits(value[len(head) :], number)


def _name(value: str, number: int) -> str:
    """Return the stand-in of a name: a number in Korean syllables, with all other letters masked."""
    room = len(HANGUL.findall(value))
    figures: list[str] = []
    for _ in range(room):
        number, figure = divmod(number, len(_SYLLABLES))
        figures.insert(0, _SYLLABLES[figure])
    syllables = iter(figures)
    return "".join(next(syllables) if HANGUL.match(char) else masked(char) for char in value)


def _user(value: str, number: int) -> str:
    if value.isdigit() or len(value) < 6:
        return f"{number:0{len(value)}d}"[-len(value) :]
    return f"user{number:0{len(value) - 4}d}"


_MAKERS: dict[Kind, Callable[[str, int], str]] = {
    Kind.PLATE: _plate,
    Kind.VIN: _vin,
    Kind.PHONE: _phone,
    Kind.NAME: _name,
    Kind.USER: _user,
    Kind.NUMBER: _digits,
    Kind.TOKEN: _user,
    Kind.EMAIL: lambda _, number: f"user{number}@example.com",
    Kind.IP: lambda _, number: f"192.0.2.{number % 256}",
}
