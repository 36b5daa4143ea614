"""The project's documents, as tests read them."""

from pathlib import Path

PROJECT = Path(__file__).parents[2]


def document(path: str) -> str:
    """The text of a document by its path in the project."""
    return (PROJECT / path).read_text(encoding="utf-8")
