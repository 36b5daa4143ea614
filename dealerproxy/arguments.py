"""Command-line types: bounded whole numbers, folders. Also adds allowed words to msgspec's error messages."""

import argparse
import re
from collections.abc import Callable
from typing import Annotated, Literal, get_args, get_origin, get_type_hints

import shtab

_NUMBER = re.compile(r"[+-]?[0-9]{1,19}")
_FIELD = re.compile(r"`\$\.(\w+)`\Z")


def with_allowed(error: Exception, kind: object) -> str:
    """Returns msgspec's message about a value of `kind` or of one of its fields, with the allowed words added."""
    found = _FIELD.search(str(error))
    wanted = get_type_hints(kind).get(found[1]) if found else kind
    if get_origin(wanted) is Annotated:
        wanted = get_args(wanted)[0]
    return f"{error}; allowed: {', '.join(map(str, get_args(wanted)))}" if get_origin(wanted) is Literal else str(error)


def whole_number(lowest: int, highest: int) -> Callable[[str], int]:
    """Returns an argparse `type` for whole numbers between two bounds, both included, in plain digits."""

    def read(text: str) -> int:
        number = int(text) if _NUMBER.fullmatch(text) else None
        if number is None or not lowest <= number <= highest:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {lowest} to {highest}")
        return number

    return read


def completes_folders(argument: argparse.Action) -> None:
    """Lets shells complete an argument with folder names."""
    argument.complete = shtab.DIRECTORY  # type: ignore[attr-defined]  # where shtab looks
