"""Cars that were found sold, reserved or gone: nothing that was read before may show them as buyable again."""

import math
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple, TypeVar

from dealerproxy.cache.entries import CacheResult
from dealerproxy.vehicles.car import SaleStatus
from dealerproxy.vehicles.listing import LeftOut, LeftOutReason, Listing

MOST = 20_000
# As long as the oldest list that may still be shown.
REMEMBERED_S = 7_200.0
# Lists are behind the adverts, so one read this soon after is not believed either.
LISTS_LAG_S = 300.0
# Nor is one that shows a car whose advert was deleted.
GONE_LAG_S = 1_800.0

T = TypeVar("T")

Entries = tuple[Listing | LeftOut, ...]


class OffSaleCar(NamedTuple):
    """When a car was found not to be buyable, and the verdict of its own advert, where that was read.

    `before` is what was known of a car that is gone before it was, for the case that it is not.
    """

    at: float
    verdict: SaleStatus | None
    before: "OffSaleCar | None" = None


class OffSale:
    """Remembers of each site which cars departed. `version` grows with every one that is news.

    All times are by the cache's clock, which never jumps: so what was read later is what counts.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._cars: dict[str, dict[str, OffSaleCar]] = {}
        self.version = 0

    def note(self, upstream: str, listing_id: str, at: float, verdict: SaleStatus | None = None) -> None:
        """Note that a car was not buyable at a time; what is known from later stands."""
        cars = self._cars.setdefault(upstream, {})
        known = cars.pop(listing_id, None)
        if known is None:
            self.version += 1
        if known is None or known.at <= at:
            before = known.before if known is not None and known.verdict is SaleStatus.GONE else known
            known = OffSaleCar(at, verdict, before if verdict is SaleStatus.GONE else None)
        cars[listing_id] = known
        if len(cars) > MOST:
            del cars[next(iter(cars))]

    def back(self, upstream: str, listing_id: str, at: float) -> None:
        """Note that a car's own advert said at a time that it can be bought."""
        known = self._cars.get(upstream, {}).get(listing_id)
        if known is not None and known.at < at:
            del self._cars[upstream][listing_id]

    def withdraw(self, upstream: str, listing_ids: Iterable[str]) -> None:
        """Forget that cars were found gone; what an advert or a list said of them before stands."""
        cars = self._cars.get(upstream, {})
        for listing_id in listing_ids:
            if listing_id not in cars or cars[listing_id].verdict is not SaleStatus.GONE:
                continue
            before = cars.pop(listing_id).before
            self.version += 1
            if before is not None:
                cars[listing_id] = before

    def since(self, upstream: str, listing_id: str, at: float) -> OffSaleCar | None:
        """Return the departure of a car, if it was found after a time."""
        known = self._cars.get(upstream, {}).get(listing_id)
        return known if known is not None and known.at > at else None

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
        """Find a car, and not as it was before it was found to have departed, or before `since`.

        `find` takes whether to look anew; `note` is given what was found and when it was read, if that still counts.
        Raises what `find` raises, or why a car that departed could not be looked at anew.
        """
        found = await find(bypass_cache)
        # What says of itself that the car departed needs no other look.
        outdated = not isinstance(found.value, SaleStatus) and self.since(upstream, listing_id, found.at)
        if found.at < since or outdated:
            found = await find(True)
            if found.at < since and found.failure is None:
                found = await find(True)  # the load that was joined had begun before
        departure = self.since(upstream, listing_id, found.at)
        if departure is not None and departure.verdict not in (None, SaleStatus.LIVE):
            age_s = max(0.0, self._clock() - departure.at)
            return CacheResult(departure.verdict, age_s, found.state, found.failure, at=departure.at)
        if departure is not None and found.failure is not None and not isinstance(found.value, SaleStatus):
            raise found.failure  # what was read before it departed is no answer
        note(found.value, found.at)
        return found

    def leave_out(self, upstream: str, entries: Entries, age_s: float) -> Entries:
        """Leave out of rows that are `age_s` seconds old what departed; the same rows if nothing did."""
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
    """Seconds after a departure for which lists may still show the car."""
    return GONE_LAG_S if departure.verdict is SaleStatus.GONE else LISTS_LAG_S
