"""JSON of an answer or of a stored snapshot, decoded without trust in its shape or depth."""

from collections.abc import Iterable
from typing import TypeVar

import msgspec

# Levels of lists and objects that free-form parts may have; those of the service and of the partner API have under ten.
MAX_DEPTH = 32

T = TypeVar("T")


class Unreadable(ValueError):
    """Bytes that are no JSON, not of the type expected, or nested too deep."""


def decode(decoder: msgspec.json.Decoder[T], content: bytes) -> T:
    """Decode `content`. Raises Unreadable, whatever is wrong with it."""
    try:
        return decoder.decode(content)
    except (ValueError, RecursionError) as error:  # msgspec's own errors are ValueErrors
        raise Unreadable(str(error)) from error


def check_depth(value: object) -> None:
    """Raise Unreadable when lists and objects are nested deeper than `MAX_DEPTH`.

    A decoder of any value takes some hundred levels, which whoever encodes or compares the value fails at.
    """
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _inner(outer)]
        if not level:
            return
    raise Unreadable(f"nested deeper than {MAX_DEPTH} levels")


def _inner(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
