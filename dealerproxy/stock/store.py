"""Where a site's listings are kept outside of the process: what a store does, and what it exchanges."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from dealerproxy.stock.shelf import Reading
from dealerproxy.vehicles.car import SaleStatus


class Note(NamedTuple):
    """What was learned of a car at a time: it is off sale with a status, None if a list said so, or `back` on sale."""

    listing_id: str
    at: float
    status: SaleStatus | None = None
    back: bool = False


class Lead(NamedTuple):
    """That this process reads the site's listings.

    `asked` is how many calls were asked for of each listing since it was last read, by all processes. The store is
    `emptied` if what was saved in it is gone.
    """

    asked: Mapping[str, float] = {}
    emptied: bool = False


class Store(Protocol):
    """Keeps the listings of one site. Faults of a store cost what is kept, and never raise.

    All times are the clock's; the store keeps them as unix time.
    """

    @property
    def damaged(self) -> int:
        """How many kept listings could not be read."""

    def newer(self) -> AsyncIterator[tuple[str, Reading]]:
        """Yield the listings that were saved since the last call, by others or before a restart; oldest first."""

    async def save(self, key: str, reading: Reading) -> bool:
        """Keep a listing in the place of an older reading of it; False if that failed for now."""

    async def remove(self, key: str) -> None:
        """Keep a listing no longer."""

    async def exchange(self, notes: Sequence[Note]) -> Sequence[Note] | None:
        """Keep notes, and return those that others kept since the last call; None if that failed."""

    async def lead(self, asked: Mapping[str, float]) -> Lead | None:
        """Report the calls that this process was asked for since the last call; None if another process reads."""

    async def close(self) -> None:
        """Let another process read."""


def shifted(note: Note, by_s: float) -> Note:
    """Return a note by another clock."""
    return note._replace(at=note.at + by_s)
