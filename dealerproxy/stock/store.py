"""The interface of a store that keeps a site's listings outside of the process, and the data that it exchanges."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from dealerproxy.stock.shelf import Reading
from dealerproxy.vehicles.car import SaleStatus


class Note(NamedTuple):
    """A finding about a car at a time: off sale with a status, None if a list showed it, or `back` on sale."""

    listing_id: str
    at: float
    status: SaleStatus | None = None
    back: bool = False


class Lead(NamedTuple):
    """The lease of reading the site's listings.

    `asked` is the number of calls by listing since it was last read, over all processes. The store is `emptied` if its
    contents are gone.
    """

    asked: Mapping[str, float] = {}
    emptied: bool = False


class Store(Protocol):
    """Keeps the listings of one site. Its faults lose stored listings, and never raise.

    All times are the clock's; the store keeps them as unix time.
    """

    @property
    def damaged(self) -> int:
        """The number of stored listings that could not be read."""

    def newer(self) -> AsyncIterator[tuple[str, Reading]]:
        """Yield the listings that were saved since the last call, by others or before a restart; oldest first."""

    async def save(self, key: str, reading: Reading) -> bool:
        """Store a listing in place of an older reading; False if that failed for now."""

    async def remove(self, key: str) -> None:
        """Delete a listing."""

    async def exchange(self, notes: Sequence[Note]) -> Sequence[Note] | None:
        """Store notes, and return other processes' notes since the last call; None if that failed."""

    async def lead(self, asked: Mapping[str, float]) -> Lead | None:
        """Report this process's calls by listing since the last call; None if another process reads."""

    async def close(self) -> None:
        """Let another process read."""


def shifted(note: Note, by_s: float) -> Note:
    """Return a note with its time shifted to another clock."""
    return note._replace(at=note.at + by_s)
