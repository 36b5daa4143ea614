"""Tables of the API's document: those made from the words of the OpenAPI document, and fields as models have them."""

import re
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import groupby
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import Struct, UnsetType

from dealerproxy.api import openapi, parameters
from dealerproxy.contract.headers import API_KEY
from dealerproxy.vocabulary import Vocabulary

# A longer list of values has a place of its own in the document.
MOST_VALUES = 12
LONG_LIST = "[option tokens](#option-tokens)"
NAMES = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}


def table(*rows: Sequence[str]) -> str:
    """A table in Markdown; the first row is its head."""
    head, *others = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *others)).replace("| --- ", "|---")


def parameter_table(vocabulary: Vocabulary) -> str:
    """The query parameters of a list; neighbours that differ in nothing but their names share a row."""
    told = [(each["name"], values_of(each["schema"]), each["description"]) for each in parameters.of_list(vocabulary)]
    rows = [
        (", ".join(f"`{name}`" for name, _, _ in alike), values, means)
        for (values, means), alike in groupby(told, key=lambda row: row[1:])
    ]
    return table(("parameter", "values", "meaning"), *rows)


def values_of(schema: Mapping[str, Any]) -> str:
    """What a parameter takes, from its JSON Schema."""
    if schema["type"] == "array":
        words = schema["items"].get("enum")
        return "list" if words is None else f"list of {_words(words)}"
    told = "date" if schema.get("format") == "date" else schema["type"].replace("string", "text")
    if "enum" in schema:
        told = _words(schema["enum"])
    if "minimum" in schema:
        told += f", {schema['minimum']:,.0f} to {schema['maximum']:,.0f}"
    return told + (f"; default `{schema['default']}`" if "default" in schema else "")


def _words(words: Sequence[str]) -> str:
    return LONG_LIST if len(words) > MOST_VALUES else ", ".join(f"`{word}`" for word in words)


def request_header_table() -> str:
    """The headers that a request may have."""
    told = {header["name"]: header["description"] for header in parameters.HEADERS.values()}
    key = "A key of the service, if it has keys. Required on `/v1` then; else ignored."
    return _header_table({API_KEY: key, **told})


def response_header_table() -> str:
    """The headers that answers have."""
    return _header_table({name: header["description"] for name, header in openapi.HEADERS.items()})


def _header_table(told: Mapping[str, str]) -> str:
    return table(("header", "meaning"), *((f"`{name}`", means) for name, means in told.items()))


def error_table() -> str:
    """Every error code with its status and meaning, and the headers that come with it."""
    rows = [
        (str(failure.status), f"`{code}`", failure.means, ", ".join(f"`{name}`" for name in failure.headers))
        for code, failure in openapi.FAILURES.items()
    ]
    return table(("status", "`code`", "meaning", "headers"), *rows)


class Field(NamedTuple):
    """A field as a document should tell it: its type in words, whether it may be null, its closed values.

    `part` is the struct that it holds, or that the elements of its list are.
    """

    kind: str
    nullable: bool
    values: frozenset[str]
    part: type[Struct] | None


def fields_of(struct: type[Struct]) -> dict[str, Field]:
    """The fields of a struct by name, in their order."""
    hints = typing.get_type_hints(struct)
    return {field.name: described(hints[field.name]) for field in msgspec.structs.fields(struct)}


def described(hint: Any) -> Field:
    """Describe a type annotation."""
    if isinstance(hint, UnionType) or typing.get_origin(hint) is typing.Union:
        members = [each for each in typing.get_args(hint) if each is not UnsetType]
        inner = [each for each in members if each is not NoneType]
        (one,) = inner
        return described(one)._replace(nullable=NoneType in members)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return Field("string", False, frozenset(args), None)
    if (origin is tuple and not args) or hint == tuple[()]:
        return Field("empty list", False, frozenset(), None)
    if origin in {tuple, Sequence}:
        element = described(args[0])
        return element._replace(kind=f"list of {_plural(element.kind)}", nullable=False)
    if origin is Mapping:
        element = described(args[1])
        return element._replace(kind=f"object of {_plural(element.kind)}", nullable=False)
    if issubclass(hint, Struct):
        return Field("object", False, frozenset(), hint)
    if issubclass(hint, StrEnum):
        return Field("string", False, frozenset(map(str, hint)), None)
    return Field(NAMES[hint], hint is NoneType, frozenset(), None)


def _plural(name: str) -> str:
    return name.replace("list", "lists", 1) if name.startswith("list") else f"{name}s"


class Row(NamedTuple):
    """A row of a table of fields in the document, for one of the fields that it names."""

    kind: str
    meaning: str
    null_when: str


def rows_under(document: str, heading: str) -> dict[str, Row]:
    """The fields in the table under a heading, by name."""
    found: dict[str, Row] = {}
    for line in section(document, heading).splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 4:
            for name in re.findall(r"`([\w.*\[\]]+)`", cells[0]):
                assert name not in found, f"{name} stands twice under {heading}"
                found[name] = Row(*cells[1:])
    return found


def section(document: str, heading: str) -> str:
    """The text under a heading, up to the next one of any level."""
    match = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", document, re.MULTILINE | re.DOTALL)
    assert match, f"no heading {heading}"
    return match[1]


def first_column(document: str, heading: str) -> list[str]:
    """The words in code in the first column of the tables under a heading, without their heads."""
    lines = section(document, heading).splitlines()
    rows = [line for line, after in zip(lines, [*lines[1:], ""], strict=True) if not after.startswith("|---")]
    return [word for line in rows if line.startswith("| `") for word in re.findall(r"`([^`]+)`", line.split("|")[1])]


def children(rows: Iterable[str], name: str) -> Iterator[str]:
    """The names of rows that stand below a field."""
    return (row for row in rows if re.match(rf"{re.escape(name)}(\[\]|\.\*)?\.", row))
