"""Whole numbers on the command line."""

import argparse
import re
from collections.abc import Callable

_NUMBER = re.compile(r"[+-]?[0-9]{1,19}")


def whole_number(lowest: int, highest: int) -> Callable[[str], int]:
    """Returns an argparse `type` for whole numbers between two bounds, both included, in plain digits."""

    def read(text: str) -> int:
        number = int(text) if _NUMBER.fullmatch(text) else None
        if number is None or not lowest <= number <= highest:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {lowest} to {highest}")
        return number

    return read
