"""A leg that is answered from a listing in stock, as the search uses it."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from dealerproxy.cache.entries import CacheStatus
from dealerproxy.upstreams.paging import Order
from dealerproxy.vehicles.listing import LeftOutReason, Listing


class LastReading(NamedTuple):
    """The last reading or check of a listing: `ok` or an error's code, and the seconds since it ended."""

    work: str
    result: str
    age_s: float


class StockFigures(NamedTuple):
    """Figures of a site's listings in this process.

    `rows` counts a car once for each listing with it. `due_age_s` is the age of the oldest listing that is due for
    reading, 0 if there is none. `spared` counts the calls that stock spared since the start; `results` the readings,
    checks and loaded listings by (work, result). `oldest_s` and `newest_s` are the ages of the oldest and the newest
    listing, None without listings; `last` is None until this process has read or checked a listing.
    """

    listings: int
    rows: int
    size_bytes: int
    due_age_s: float
    spared: float
    results: Mapping[tuple[str, str], int]
    oldest_s: float | None = None
    newest_s: float | None = None
    last: LastReading | None = None


def trucks_of(upstream: str) -> str:
    """Return the name of the stock of a site's trucks, if it is separate from the cars'."""
    return f"{upstream}_trucks"


class Rows(Protocol):
    """The matching rows of a leg in an order, by rank from 0. Rows of equal keys: newest number first."""

    def __len__(self) -> int:
        """Return how many rows match."""

    def places(self, start: int, end: int) -> Sequence[tuple[int, int]]:
        """Return the key and numeric listing id of the rows from rank `start` up to, not including, `end`."""

    def from_key(self, key: int) -> int:
        """Return the rank of the first row whose key is at least `key`."""

    def after(self, key: int, number: int) -> int:
        """Return the rank of the first row after a car with this key and number; the car need not be among the rows."""

    def listings(self, start: int, end: int) -> Sequence[Listing]:
        """Return the rows from rank `start` up to, not including, `end`."""


class StockedLeg(NamedTuple):
    """A leg from stock: the number of its matching rows, and their readers by order.

    `age_s` is the age of the reading in seconds. `stale` is the reason why it is old: a failure's code, or
    `refreshing`. It stays fresh for `fresh_for_s` more seconds; after `wait_s` seconds a failing site can be called
    again. `left_out` counts the listing's cars that are not offered. If not `confirmed`, zero rows may mean that the
    site does not know a word.
    """

    total: int
    rows: Callable[[Order], Rows]
    age_s: float
    state: CacheStatus
    stale: str | None = None
    fresh_for_s: float = 0.0
    wait_s: float | None = None
    left_out: Mapping[LeftOutReason, int] = {}
    confirmed: bool = True
