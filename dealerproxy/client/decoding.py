"""Decoding of untrusted JSON: answers and stored snapshots of any shape and depth."""

from collections.abc import Iterable
from typing import TypeVar

import msgspec

# Most levels of nested lists and objects. Answers of the service and of the partner API have fewer than ten.
MAX_DEPTH = 32

T = TypeVar("T")


class Unreadable(ValueError):
    """The bytes are not JSON, not of the expected type, or nested too deeply."""


def decode(decoder: msgspec.json.Decoder[T], content: bytes) -> T:
    """Decodes `content`. Raises Unreadable, and nothing else."""
    try:
        return decoder.decode(content)
    except (ValueError, RecursionError) as error:  # msgspec's own errors are ValueErrors
        raise Unreadable(str(error)) from error


def check_depth(value: object) -> None:
    """Raises Unreadable if lists and objects are nested deeper than `MAX_DEPTH`.

    msgspec decodes several hundred levels; encoding or comparing such a value would fail later.
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
