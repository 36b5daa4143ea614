"""Mass absence: the state of an upstream that returns 404 for most adverts.

A single 404 means that a car is gone. If most of the last ten different adverts that lists still show are missing,
the upstream fails, and until its adverts return, a missing advert does not prove that its car is gone.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import NamedTuple, Protocol, TypeVar

from dealerproxy.cache.entries import CacheResult
from dealerproxy.transport.errors import Drift, MassAbsence
from dealerproxy.transport.reading import NO_READING, Reading
from dealerproxy.transport.troubles import upstream_trouble
from dealerproxy.upstreams.off_sale import Entries, OffSale
from dealerproxy.vehicles.car import SaleStatus
from dealerproxy.vehicles.listing import LeftOut, Listing

# The number of latest adverts that count; more than half of them must be missing.
WINDOW = 10
# Seconds for which an advert counts after a list showed it, and after it was fetched.
COUNTS_S = 7_200.0
MOST_SHOWN = 50_000
# Remembered adverts, including those that no list showed yet.
MOST_ASKED = 500
PATH, MESSAGE = "mass_absence", "most of the latest adverts that lists show are missing"

T = TypeVar("T")


class Look(Protocol[T]):
    """A function that finds an advert, like `OffSale.look` for one car."""

    async def __call__(self, *, bypass_cache: bool) -> CacheResult[T | SaleStatus]:
        """Return the advert; with `bypass_cache`, always fetch it from the site."""


class _Asked(NamedTuple):
    """Whether an advert was missing at its last fetch, and the time of that fetch (seconds of the clock)."""

    missing: bool
    at: float


class Absence:
    """Detects a mass absence from fetched adverts and lists; `clock` counts seconds and never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._shown: dict[str, float] = {}
        self._asked: dict[str, _Asked] = {}
        self._doubted: set[str] = set()
        self._held = False

    @property
    def holds(self) -> bool:
        """Whether most of the latest adverts that lists show are missing."""
        return self._held and self._most_missing()

    def doubts(self, listing_id: str) -> bool:
        """Whether a missing advert must be fetched again before its car counts as gone."""
        return listing_id in self._doubted or self.holds

    def asked(self, listing_id: str, *, missing: bool) -> Sequence[str]:
        """Record the result of fetching an advert; return the same as `listed`."""
        self._asked.pop(listing_id, None)
        self._asked[listing_id] = _Asked(missing, self._clock())
        self._doubted.discard(listing_id)
        if len(self._asked) > MOST_ASKED:
            del self._asked[next(iter(self._asked))]
        return self._turn()

    def listed(self, listing_ids: Iterable[str], age_s: float = 0.0) -> Sequence[str]:
        """Record the rows of a list read `age_s` seconds ago.

        Return the adverts whose absence is in doubt from now on; only the start of a mass absence returns any.
        """
        read_at = self._clock() - age_s
        shown, ids = self._shown, tuple(listing_ids)
        for listing_id in ids:
            before = shown.pop(listing_id, read_at)
            shown[listing_id] = max(read_at, before)
        while len(shown) > MOST_SHOWN:
            del shown[next(iter(shown))]
        return () if self._asked.keys().isdisjoint(ids) else self._turn()

    def _turn(self) -> Sequence[str]:
        held, self._held = self._held, self._most_missing()
        if held or not self._held:
            return ()
        missing = [
            listing_id for listing_id, asked in self._asked.items() if asked.missing and self._counts(listing_id)
        ]
        self._doubted.update(missing)
        return missing

    def _most_missing(self) -> bool:
        latest = islice((each for each in reversed(self._asked) if self._counts(each)), WINDOW)
        return sum(self._asked[listing_id].missing for listing_id in latest) > WINDOW // 2

    def _counts(self, listing_id: str) -> bool:
        oldest = self._clock() - COUNTS_S
        shown_at = self._shown.get(listing_id)
        return shown_at is not None and shown_at > oldest and self._asked[listing_id].at > oldest


class Adverts:
    """Watches an upstream's adverts for a mass absence, and revokes the off-sale notes that were part of it.

    A mass absence is logged as drift of `operation`.
    """

    def __init__(self, upstream: str, operation: str, off_sale: OffSale, absence: Absence | None = None) -> None:
        self._upstream, self._operation, self._off_sale = upstream, operation, off_sale
        self._absence = absence or Absence()
        self._missed = NO_READING

    @property
    def lost(self) -> bool:
        """Whether a mass absence holds."""
        return self._absence.holds

    def doubts(self, listing_id: str) -> bool:
        """Whether a missing advert must be fetched again before its car counts as gone."""
        return self._absence.doubts(listing_id)

    async def confirmed(self, listing_id: str, look: Look[T], *, bypass_cache: bool) -> CacheResult[T | SaleStatus]:
        """Return an advert, fetched again if its absence is in doubt. Raises MassAbsence if it is missing again."""
        found = await look(bypass_cache=bypass_cache)
        if found.value is not SaleStatus.GONE or not self.doubts(listing_id):
            return found
        found = await look(bypass_cache=True)
        if found.value is SaleStatus.GONE and self.doubts(listing_id):
            raise found.failure or MassAbsence(MESSAGE)
        return found

    def found(self, listing_id: str) -> None:
        """Record an advert that the site returned, with any status."""
        self._absence.asked(listing_id, missing=False)

    def missing(self, listing_id: str, answer: Reading) -> None:
        """Record a missing advert; `answer` is captured if a mass absence starts with it. Raises MassAbsence."""
        self._missed = answer
        self._doubt(self._absence.asked(listing_id, missing=True))
        if self._absence.holds:
            raise MassAbsence(MESSAGE)

    def listed(self, entries: Iterable[Listing | LeftOut], age_s: float) -> None:
        """Record the rows of a list read `age_s` seconds ago."""
        shown = (entry.listing_id for entry in entries if isinstance(entry, Listing))
        self._doubt(self._absence.listed(shown, age_s))

    def _doubt(self, listing_ids: Sequence[str]) -> None:
        if not listing_ids:
            return
        self._off_sale.withdraw(self._upstream, listing_ids)
        drift = Drift(PATH, MESSAGE)
        self._missed.report(drift)
        upstream_trouble(self._upstream, self._operation, drift, id=listing_ids[-1])


NoteRows = Callable[[Entries, float], None]


def unwatched(entries: Entries, age_s: float) -> None:
    """Ignore the rows of lists."""
