"""The project's documents, as tests read them."""

import re
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path.relative_to(PROJECT).as_posix()
    for folder in ("", ".github", "dealerproxy", "tests")
    for path in (PROJECT / folder).glob("**/*.md" if folder in {"dealerproxy", "tests"} else "*.md")
)
CODE_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


def document(path: str) -> str:
    """The text of a document by its path in the project."""
    return (PROJECT / path).read_text(encoding="utf-8")


def anchors(text: str) -> Iterator[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    met: dict[str, int] = {}
    for heading in HEADING.findall(CODE_BLOCK.sub("", text)):
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        count = met[anchor] = met.get(anchor, -1) + 1
        yield f"{anchor}-{count}" if count else anchor
