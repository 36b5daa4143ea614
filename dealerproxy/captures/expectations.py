"""Compares a capture's expectation with its reading, field by field."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from dealerproxy.captures.capture import Capture, Json
from dealerproxy.captures.reading import Reading

NOTHING = "(nothing)"
# The check that is no field: whether the page could be read, or failed as it should.
READS = "reads"
_SHOWN = 5
_PLACE = re.compile(r"\[\d+\]")


class Difference(NamedTuple):
    """An unexpected value; `path` includes its positions in lists."""

    path: str
    expected: str
    got: str


def differences(capture: Capture, reading: Reading) -> list[Difference]:
    """Return all differences. A capture without an expectation only has to be readable."""
    failure = unexpected(capture, reading)
    if failure is not None:
        return [failure]
    fields = compared(expectation(capture), reading.outcome)
    return [difference for found in fields.values() for difference in found]


def unexpected(capture: Capture, reading: Reading) -> Difference | None:
    """Return the difference if the reading failed unexpectedly, or did not fail as expected."""
    if capture.expected_error is None and reading.error is not None:
        return Difference(READS, "a page that can be read", reading.told)
    if capture.expected_error is not None and reading.error is None:
        return Difference(READS, f"the error {capture.expected_error.get('code')}", reading.told)
    return None


def expectation(capture: Capture) -> Json | None:
    """Return the expected document or error, if any."""
    return capture.expected if capture.expected_error is None else capture.expected_error


def compared(expected: Json | None, got: Json | None) -> Mapping[str, list[Difference]]:
    """Return the differences of every field, empty for equal ones; nothing without an expectation.

    A field is a path without positions in lists (`rows[].price_krw`), so that a whole column is one field.
    """
    if expected is None:
        return {}
    wanted, found = dict(_leaves(expected)), dict(_leaves(got))
    fields: dict[str, list[Difference]] = {}
    for path in dict.fromkeys((*wanted, *found)):
        field = fields.setdefault(field_of(path), [])
        before, after = (_shown(leaves[path]) if path in leaves else NOTHING for leaves in (wanted, found))
        if before != after:
            field.append(Difference(path, before, after))
    return fields


def field_of(path: str) -> str:
    """Return the field of a path: the path without positions in lists."""
    return _PLACE.sub("[]", path)


def told(found: Sequence[Difference]) -> str:
    """Return differences as lines for people; of many only the first."""
    lines = [f"{path}: expected {expected}, got {got}" for path, expected, got in found[:_SHOWN]]
    more = len(found) - _SHOWN
    return "\n".join((*lines, f"... and {more} more") if more > 0 else lines)


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value that is no container, and every empty container, with its path."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple) and value:
        for at, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{at}]")
    else:
        yield path, value


def _shown(value: object) -> str:
    return orjson.dumps(value).decode()
