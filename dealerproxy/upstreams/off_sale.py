"""Cars that are off sale (sold, reserved or gone): no older cached answer shows them as buyable."""

import itertools
import math
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable
from collections.abc import Set as AbstractSet
from typing import NamedTuple, TypeVar

from dealerproxy.cache.entries import CacheResult
from dealerproxy.vehicles.car import SaleStatus
from dealerproxy.vehicles.listing import LeftOut, LeftOutReason, Listing

MOST = 20_000
# The most changes that are reported one by one.
CHANGES = 5_000
# The greatest age in seconds of a list that may be shown.
REMEMBERED_S = 7_200.0
# Lists lag behind the adverts, so a list read within this time does not show the car either.
LISTS_LAG_S = 300.0
# The same for a car whose advert was deleted.
GONE_LAG_S = 1_800.0

T = TypeVar("T")

Entries = tuple[Listing | LeftOut, ...]


class OffSaleCar(NamedTuple):
    """When a car was found off sale, and the status in its own advert, if that was read.

    `before` is the entry before a car was found gone, to be restored if it is not gone.
    """

    at: float
    verdict: SaleStatus | None
    before: "OffSaleCar | None" = None


class OffSale:
    """The off-sale cars of each site. `version` grows with every new one.

    All times are by the cache's clock, which is monotonic: the later reading counts.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._cars: dict[str, dict[str, OffSaleCar]] = {}
        self.version = 0
        # The cars whose notes changed last, by site, and how many changes there were.
        self._changes: dict[str, deque[int]] = {}
        self._changed: Counter[str] = Counter()

    def note(self, upstream: str, listing_id: str, at: float, verdict: SaleStatus | None = None) -> None:
        """Note that a car was off sale at a time; a later note is kept."""
        cars = self._cars.setdefault(upstream, {})
        known = cars.pop(listing_id, None)
        if known is None:
            self.version += 1
        if known is None or known.at <= at:
            before = known.before if known is not None and known.verdict is SaleStatus.GONE else known
            known = OffSaleCar(at, verdict, before if verdict is SaleStatus.GONE else None)
        cars[listing_id] = known
        self._change(upstream, listing_id)
        if len(cars) > MOST:
            del cars[next(iter(cars))]

    def back(self, upstream: str, listing_id: str, at: float) -> None:
        """Note that a car's own advert showed it as buyable at a time."""
        known = self._cars.get(upstream, {}).get(listing_id)
        if known is not None and known.at < at:
            del self._cars[upstream][listing_id]
            self._change(upstream, listing_id)

    def withdraw(self, upstream: str, listing_ids: Iterable[str]) -> None:
        """Remove the notes that cars are gone; earlier notes from an advert or a list stay."""
        cars = self._cars.get(upstream, {})
        for listing_id in listing_ids:
            if listing_id not in cars or cars[listing_id].verdict is not SaleStatus.GONE:
                continue
            before = cars.pop(listing_id).before
            self.version += 1
            self._change(upstream, listing_id)
            if before is not None:
                cars[listing_id] = before

    def since(self, upstream: str, listing_id: str, at: float) -> OffSaleCar | None:
        """Return the note of a car, if it was found off sale after a time."""
        known = self._cars.get(upstream, {}).get(listing_id)
        return known if known is not None and known.at > at else None

    def changed_since(self, upstream: str, change: int) -> tuple[int, AbstractSet[int]]:
        """Return the number of the last change of a site's notes, and the cars whose notes changed after `change`.

        If that is too long ago (or -1), these are all cars with a note.
        """
        last, changes = self._changed[upstream], self._changes.get(upstream, ())
        new = last - change
        if change >= 0 and new <= len(changes):
            return last, frozenset(itertools.islice(reversed(changes), new))
        return last, frozenset(map(int, self._cars.get(upstream, ())))

    def hides(self, upstream: str, listing_id: str, read_at: float) -> bool:
        """Whether a list read at a time must not show a car."""
        known = self._cars.get(upstream, {}).get(listing_id)
        return known is not None and read_at < known.at + _lag_s(known)

    def _change(self, upstream: str, listing_id: str) -> None:
        self._changes.setdefault(upstream, deque(maxlen=CHANGES)).append(int(listing_id))
        self._changed[upstream] += 1

    async def look(
        self,
        upstream: str,
        listing_id: str,
        find: Callable[[bool], Awaitable[CacheResult[T | SaleStatus]]],
        note: Callable[[T | SaleStatus, float], None],
        *,
        bypass_cache: bool = False,
        since: float = -math.inf,
    ) -> CacheResult[T | SaleStatus]:
        """Return a car, read after `since` and after it was last found off sale.

        `find` takes `bypass_cache`; `note` is called with the result and its time, if the result still counts. Raises
        the errors of `find`, also as the reason why an off-sale car could not be fetched again.
        """
        found = await find(bypass_cache)
        # A result that is itself off sale needs no second fetch.
        outdated = not isinstance(found.value, SaleStatus) and self.since(upstream, listing_id, found.at)
        if found.at < since or outdated:
            found = await find(True)
            if found.at < since and found.failure is None:
                found = await find(True)  # the shared fetch had started before `since`
        departure = self.since(upstream, listing_id, found.at)
        if departure is not None and departure.verdict not in (None, SaleStatus.LIVE):
            age_s = max(0.0, self._clock() - departure.at)
            return CacheResult(departure.verdict, age_s, found.state, found.failure, at=departure.at)
        if departure is not None and found.failure is not None and not isinstance(found.value, SaleStatus):
            raise found.failure  # a reading from before the car was off sale is no answer
        note(found.value, found.at)
        return found

    def leave_out(self, upstream: str, entries: Entries, age_s: float) -> Entries:
        """Return rows that are `age_s` seconds old without the off-sale cars; the same object if there are none."""
        cars = self._cars.get(upstream)
        if not cars or not any(entry.listing_id in cars for entry in entries):
            return entries
        now = self._clock()
        read_at = now - age_s
        gone = {
            entry.listing_id
            for entry in entries
            if entry.listing_id in cars
            and read_at < cars[entry.listing_id].at + _lag_s(cars[entry.listing_id])
            and now < cars[entry.listing_id].at + REMEMBERED_S
        }
        if not gone:
            return entries
        return tuple(
            LeftOut(LeftOutReason.NOT_BUYABLE, entry.listing_id, entry.model)
            if isinstance(entry, Listing) and entry.listing_id in gone
            else entry
            for entry in entries
        )


def _lag_s(departure: OffSaleCar) -> float:
    """Return the seconds for which lists may still show a car after it was found off sale."""
    return GONE_LAG_S if departure.verdict is SaleStatus.GONE else LISTS_LAG_S
