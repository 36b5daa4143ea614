"""Cars that were found sold, reserved or gone: no older list may show them again."""

import time
from collections.abc import Callable

from cachetools import TTLCache

from dealerproxy.vehicles.listing import LeftOut, LeftOutReason, Listing

Entries = tuple[Listing | LeftOut, ...]

MOST = 20_000
# As long as the oldest list that may still be shown.
REMEMBERED_S = 7_200.0


class Departed:
    """Remembers of each site which cars were found not to be buyable, and when (unix seconds)."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.version = 0  # grows with every car that departs
        self._clock = clock
        self._cars: dict[str, TTLCache[str, float]] = {}

    def note(self, upstream: str, listing_id: str, *, buyable: bool) -> None:
        """Note what a car's own advert says of it just now."""
        cars = self._cars.setdefault(upstream, TTLCache(MOST, REMEMBERED_S, timer=self._clock))
        if buyable:
            cars.pop(listing_id, None)
        else:
            self.version += listing_id not in cars
            cars[listing_id] = self._clock()

    def leave_out(self, upstream: str, entries: Entries, age_s: float) -> Entries:
        """Leave out of rows that are `age_s` seconds old what departed since; the same rows if nothing did."""
        cars = self._cars.get(upstream)
        if not cars:
            return entries
        fetched_at = self._clock() - age_s
        gone = {number for number, at in cars.items() if at > fetched_at}
        if not any(entry.listing_id in gone for entry in entries):
            return entries
        return tuple(
            LeftOut(LeftOutReason.NOT_BUYABLE, entry.listing_id, entry.model)
            if isinstance(entry, Listing) and entry.listing_id in gone
            else entry
            for entry in entries
        )
