"""Reads one translation file and checks its entries; an error names the file, the line and the problem."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from dealerproxy.vocabulary.terms import Body, Group, VocabularyError

T = TypeVar("T")

# The shapes of the entries in the files. English is printable ASCII without blanks at its ends.
English = Annotated[str, msgspec.Meta(pattern=r"^[!-~]([ -~]*[!-~])?$")]
Word = Annotated[str, msgspec.Meta(min_length=1)]


class _FacetEntry(msgspec.Struct, forbid_unknown_fields=True):
    korean: Word
    market: Literal["domestic", "import"]
    code: Word | None = None


class MakeEntry(msgspec.Struct, forbid_unknown_fields=True):
    """makes.toml: a make under its English name."""

    facets: Annotated[list[_FacetEntry], msgspec.Meta(min_length=1)]
    aliases: list[Word] = []


class ModelEntry(msgspec.Struct, forbid_unknown_fields=True):
    """models.toml: a model under its make facet and Korean name."""

    name: English
    stock: Annotated[int, msgspec.Meta(ge=0)]
    code: Word | None = None
    body: Body | None = None
    aliases: list[Word] = []
    shared: list[Word] = []
    confidence: Literal["low"] | None = None


class TokenEntry(msgspec.Struct, forbid_unknown_fields=True):
    """fuels.toml, transmissions.toml: a facet and the partner's token for it, if any."""

    name: English
    code: Word | None = None
    token: English | None = None


class ColourEntry(msgspec.Struct, forbid_unknown_fields=True):
    """colours.toml: a colour facet."""

    name: English
    family: English
    hex: English | None = None


class CategoryEntry(msgspec.Struct, forbid_unknown_fields=True):
    """categories.toml: a category and the body class it implies, if any."""

    name: English
    code: Word
    body: Body | None = None


class OptionEntry(msgspec.Struct, forbid_unknown_fields=True):
    """options.toml: an option under the partner's token."""

    facet: Word
    code: Word
    group: Group
    name: English


@dataclass(frozen=True, slots=True)
class File:
    """One translation file with its text, so that an error can name the line of an entry."""

    name: str
    text: str
    data: dict[str, Any]

    def error(self, problem: str, *path: str) -> VocabularyError:
        """Return the error to raise about the entry `path` (table, key), with its line."""
        line = _line_of(self.text, path)
        return VocabularyError(f"translations/{self.name} line {line}: {': '.join((*path, problem))}")

    def convert(self, value: object, kind: type[T], *path: str) -> T:
        """Return the value as a `kind`; `path` is its entry, for errors."""
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as wrong:
            raise self.error(str(wrong), *path) from None

    def value(self, name: str, kind: type[T]) -> T:
        """Return the top-level value `name`."""
        if name not in self.data:
            raise self.error("is missing", name)
        return self.convert(self.data[name], kind, name)

    def entries(self, table: str, kind: type[T]) -> dict[str, T]:
        """Return the entries of a table by their keys."""
        rows = self.value(table, dict[str, Any])
        return {key: self.convert(row, kind, table, key) for key, row in rows.items()}


def read_file(folder: Path, name: str) -> File:
    """Read a file of the folder; raises VocabularyError if it is not TOML or cannot be read."""
    try:
        text = (folder / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as wrong:
        raise VocabularyError(f"translations/{name} line 1: cannot be read: {wrong}") from None
    try:
        return File(name, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as wrong:
        place = re.search(r"at line (\d+)", str(wrong))
        line = int(place[1]) if place else text.count("\n") + 1  # an error without a line is at the end of the file
        raise VocabularyError(f"translations/{name} line {line}: {wrong}") from None


def _table(header: dict[str, Any]) -> tuple[str, ...]:
    """Return the path in a table's header, such as `[dangers.theft]`."""
    name = next(iter(header), None)
    if name is None:
        return ()
    inner = header[name]
    return (name, *_table(inner)) if isinstance(inner, dict) else (name,)


def _line_of(text: str, path: tuple[str, ...]) -> int:
    """Return the line on which the entry `path` (table, key) starts, else its table's, else 1.

    Every entry starts on its own line, so each line that is valid TOML shows its key.
    """
    table: tuple[str, ...] = ()
    found = 1
    for number, line in enumerate(text.split("\n"), 1):
        try:
            entry = tomllib.loads(line)
        except tomllib.TOMLDecodeError:
            continue  # inside a list over several lines
        if not entry:
            continue  # a comment or an empty line
        if line.lstrip().startswith("["):
            table = here = _table(entry)
        else:
            here = table + tuple(entry)
        if here == path:
            return number
        if here == path[:1]:
            found = number
    return found
