"""Whole numbers on the command line."""

import argparse
import re
from collections.abc import Callable

_NUMBER = re.compile(r"[+-]?[0-9]{1,19}")


def whole_number(lowest: int, highest: int) -> Callable[[str], int]:
    """Return a `type` for argparse that takes the whole numbers from one bound to the other, in plain digits."""

    def read(text: str) -> int:
        number = int(text) if _NUMBER.fullmatch(text) else None
        if number is None or not lowest <= number <= highest:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {lowest} to {highest}")
        return number

    return read
