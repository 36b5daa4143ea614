"""Danawa's list in stock: it is read whole at the start and every ten minutes, and answers legs."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from yarl import URL

from dealerproxy.cache.entries import copy_of
from dealerproxy.contract.deadline import Deadline
from dealerproxy.stock.ages import Chosen, stocked_leg
from dealerproxy.stock.readings import Readings
from dealerproxy.stock.selecting import KindFilter
from dealerproxy.stock.shelf import Kept, Reading, Shelf
from dealerproxy.stock.showing import ShownRows
from dealerproxy.stock.table import MOST_NUMBER, build
from dealerproxy.transport.errors import Closed, UpstreamError, Warming
from dealerproxy.upstreams.danawa.legs import DanawaLeg
from dealerproxy.upstreams.danawa.names import UPSTREAM, listing_of, template
from dealerproxy.upstreams.danawa.whole import CARS_A_PAGE, WholeReader
from dealerproxy.upstreams.query import RowFilter
from dealerproxy.upstreams.stocked import StockedLeg
from dealerproxy.vehicles.listing import Listing
from dealerproxy.vocabulary import Vocabulary

# The key of the only listing.
LIST_KEY = "*"
FRESH_S = 600.0
# A reading takes a minute or so; started this early, it ends before the last one is too old.
READ_EVERY_S = FRESH_S - 90.0
# How long a request waits for the first reading, and the Retry-After it then returns, in seconds.
WAIT_S = 1.5
COME_BACK_S = 5.0
# The approximate number of cars in the list, until it is read.
CARS = 4_500


class DanawaStock:
    """Reads the list and answers legs from it. It is the source of its own `readings`."""

    def __init__(
        self,
        reader: WholeReader,
        vocabulary: Vocabulary,
        shelf: Shelf,
        *,
        base: URL,
        trouble: Callable[[], UpstreamError | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`base` is the site's address; `trouble` returns why it cannot be called now.

        `tried` is set after the first reading, even if it failed.
        """
        self._reader, self._vocabulary, self.shelf = reader, vocabulary, shelf
        self._base, self._trouble, self._clock = base, trouble, clock
        self._kinds = KindFilter(lambda words: template(words, vocabulary))
        self._rows = ShownRows(partial(listing_of, vocabulary=vocabulary, base=base))
        self.tried = asyncio.Event()
        self._failure: UpstreamError | None = None
        self.readings = Readings(UPSTREAM, self, clock=clock)
        self.readings.keep_warm(LIST_KEY, whole_s=READ_EVERY_S, checks=False)

    async def stocked(self, leg: DanawaLeg, keep: RowFilter, deadline: Deadline) -> StockedLeg:
        """Return the matching rows of a leg. Raises Warming before the first reading, or its failure."""
        await self._tried_once(deadline)
        found = self.peek(leg, keep)
        self.readings.asked(LIST_KEY, from_stock=True)
        return found

    def peek(self, leg: DanawaLeg, keep: RowFilter) -> StockedLeg:
        """Return the result of `stocked` at this moment, without counting it as demand."""
        kept = self._kept()
        kinds = self._kinds.mask(kept.reading.table, keep, leg.pick)
        chosen = Chosen(kept, kinds, kept.reading.left_out_of(leg.pick))
        return stocked_leg(
            chosen, keep, self._rows, self._clock(), trouble=self._trouble(), fresh_s=FRESH_S, whole_s=FRESH_S
        )

    async def stands(self, listing_id: str, deadline: Deadline) -> bool | None:
        """Return whether the list has a car and does not mark it as sold; the car need not be offered.

        None if unknown: there is no list, or it lacks the car but is not fresh. Waits for the first reading.
        """
        await self._tried_once(deadline)
        kept = self.shelf.get(LIST_KEY)
        if kept is None:
            return None
        numbers, number = kept.reading.numbers, int(listing_id)
        if numbers is not None and number <= MOST_NUMBER and str(number) == listing_id:
            place = int(np.searchsorted(numbers, number))
            if place < len(numbers) and numbers[place] == number:
                return True
        return False if self._clock() - kept.reading.read_at < FRESH_S else None

    async def offered(self, listing_ids: Sequence[str], deadline: Deadline) -> tuple[dict[str, Listing], float]:
        """Return the rows of the cars that the list offers, by listing id, and its age in seconds.

        Without a list there are none. Waits for the first reading.
        """
        await self._tried_once(deadline)
        kept = self.shelf.get(LIST_KEY)
        if kept is None:
            return {}, 0.0
        table, ids = kept.reading.table, {int(listing_id): listing_id for listing_id in listing_ids}
        numbers = np.array([number for number in ids if number <= MOST_NUMBER], np.int64)
        positions = table.positions(numbers)
        rows = self._rows(table, positions[kept.alive[positions]])
        found = {ids[int(row.listing_id)]: row for row in rows}
        by_id = {listing_id: row for listing_id, row in found.items() if row.listing_id == listing_id}
        return by_id, max(0.0, self._clock() - kept.reading.read_at)

    def models(self) -> frozenset[tuple[str, str]]:
        """Return the makes and models of the cars in the list."""
        kept = self.shelf.get(LIST_KEY)
        return frozenset() if kept is None else self._kinds.models(kept.reading.table, kept.alive)

    def cost(self, key: str) -> int:
        """Return the approximate number of calls of a reading."""
        last = self.shelf.peek(key)
        return math.ceil((last.found if last is not None else CARS) / CARS_A_PAGE) + 1

    def suspended(self) -> bool:
        """Whether calls for the list are blocked now."""
        return self._trouble() is not None

    async def read(self, key: str) -> None:
        """Read the list and store it. Raises UpstreamError, and keeps the old one."""
        last = self.shelf.get(key)
        try:
            whole = await self._reader.read(last.reading.found if last is not None else None)
            reading = Reading(
                table=await asyncio.to_thread(build, whole.cars),
                read_at=whole.read_at,
                checked_at=whole.read_at,
                found=len(whole.entries),
                left_out=whole.left_out,
                numbers=np.array(whole.listed, np.int64),
            )
        except Closed:
            raise  # `trouble` reports it as long as it lasts
        except UpstreamError as error:
            self._failure = copy_of(error)
            self.shelf.failed(key, self._failure)
            raise
        else:
            self._failure = None
            self.shelf.put(key, reading)
        finally:
            self.tried.set()

    async def restore(self, key: str, reading: Reading) -> None:
        """Store a reading that another process made, or this one before a restart."""
        self.shelf.put(key, reading)
        self.tried.set()

    async def check(self, key: str) -> None:
        """Read the list: only a whole reading shows what is new."""
        await self.read(key)

    def _kept(self) -> Kept:
        """Return the list. Raises Warming before the first reading, or why there is none."""
        kept = self.shelf.get(LIST_KEY)
        if kept is not None:
            return kept
        failure = self._failure or self._trouble()
        raise Warming("the list is being read for the first time", COME_BACK_S) if failure is None else copy_of(failure)

    async def _tried_once(self, deadline: Deadline) -> None:
        """Wait briefly for the end of the first reading, even if it fails."""
        if self.tried.is_set() or self.suspended():
            return
        waiting = asyncio.ensure_future(self.tried.wait())
        try:
            await asyncio.wait({waiting}, timeout=min(WAIT_S, deadline.remaining()))
        finally:
            waiting.cancel()
