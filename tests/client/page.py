"""The client's page, as its tests read it."""

import re
from collections.abc import Iterable

from tests.support.documents import CODE_BLOCK, document

PATH = "dealerproxy/client/README.md"
PAGE = document(PATH)


def blocks(language: str) -> list[str]:
    """The code blocks of a language."""
    return [text for told, text in CODE_BLOCK.findall(PAGE) if told == language]


def table(after: str, column: int = 0) -> list[str]:
    """The cells of a column of the first table after some text."""
    lines = PAGE[PAGE.index(after) :].splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("|---"))
    rows = iter(lines[start + 1 :])
    return [line.split("|")[column + 1].strip() for line in iter(lambda: next(rows), "") if line.startswith("|")]


def words(cells: Iterable[str]) -> list[str]:
    """What the cells write as code."""
    return [word for cell in cells for word in re.findall(r"`([^`]+)`", cell)]
