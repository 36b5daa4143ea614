"""Where legs get their rows: Encar's searches chunk by chunk, Danawa's listings whole, sorted here."""

from typing import TypeVar

T = TypeVar("T")
