"""Keeps a site's stock beyond the process: loads and saves its listings, and shares the work of reading."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Protocol

import structlog
from cachetools import LRUCache

from dealerproxy.stock.folder import Folder
from dealerproxy.stock.readings import ListingSource, Readings
from dealerproxy.stock.shared import SharedStock
from dealerproxy.stock.shelf import Reading, Shelf
from dealerproxy.stock.store import Note, Store
from dealerproxy.tasks import cancel_and_wait
from dealerproxy.transport.redis_guard import RedisGuard
from dealerproxy.upstreams.off_sale import MOST, OffSale
from dealerproxy.upstreams.stocked import StockFigures
from dealerproxy.vehicles.car import SaleStatus

# The work `load`, counted beside readings and checks.
LOAD = "load"
SYNC_EVERY_S = 1.0
# Seconds that the start waits for loading, and that the end waits for saving.
LOAD_S, SAVE_S = 5.0, 3.0
# The pause after a failed save, in seconds.
RETRY_S = 10.0
NOTES_REMEMBERED = 2 * MOST
ID_DIGITS = 18

log = structlog.get_logger(__name__)


class KeptSource(ListingSource, Protocol):
    """A site with listings on a shelf and readings that renew them."""

    @property
    def shelf(self) -> Shelf:
        """The listings in memory."""

    @property
    def readings(self) -> Readings:
        """The background work that reads them."""

    async def restore(self, key: str, reading: Reading) -> None:
        """Put a reading of another process, or from before a restart, on the shelf."""


class Stamp(NamedTuple):
    """When a listing was read, and when it was last checked."""

    read_at: float
    checked_at: float


class NoteStamp(NamedTuple):
    """When a car was found off sale, and its status if an advert stated it."""

    at: float
    status: SaleStatus | None


class Keeping:
    """Copies listings, and notes on cars off sale, between a site's stock and a store."""

    def __init__(
        self,
        upstream: str,
        source: KeptSource,
        off_sale: OffSale | None,
        store: Store,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`off_sale` is None if another store of the site has the notes."""
        self._upstream, self._source, self._off_sale, self._store = upstream, source, off_sale, store
        self._clock, self._sleep = clock, sleep
        self._stored: dict[str, Stamp] = {}
        self._save_at = -math.inf
        self._changes_seen = -1
        # What the store has noted about each car; None if it is on sale.
        self._known: LRUCache[str, NoteStamp | None] = LRUCache(NOTES_REMEMBERED)
        # How many calls of all processes the demand of each listing includes.
        self._credited: dict[str, float] = {}
        self._synced = asyncio.Event()
        source.readings.leading = False

    async def run(self) -> None:
        """Synchronise until cancelled."""
        structlog.contextvars.clear_contextvars()
        while True:
            try:
                await self.sync()
            except Exception:
                log.exception("stock_sync_broke", upstream=self._upstream)
            self._synced.set()
            await self._sleep(SYNC_EVERY_S)

    async def loaded(self, within_s: float) -> None:
        """Wait until the stored listings are loaded, at most `within_s` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._synced.wait()

    async def sync(self) -> None:
        """Load new listings from the store, learn whether this process reads, and save new listings."""
        readings = self._source.readings
        await self._exchange_notes()
        asked = readings.take_asked()
        for key in asked.keys() & self._credited.keys():
            self._credited[key] += asked[key]
        lead = await self._store.lead(asked)
        if lead is None or not readings.leading:
            await self._load()
        if lead is None:
            self._credited.clear()
        else:
            self._credit(lead.asked)
            if lead.emptied:
                self._stored.clear()
        readings.leading = lead is not None
        await self.save()

    async def save(self) -> None:
        """Store each listing that changed here, and remove the listings that this process dropped."""
        if self._clock() < self._save_at:
            return
        here = {key: kept.reading for key, kept in self._source.shelf}
        for key in self._stored.keys() - here.keys():
            del self._stored[key]
            if self._source.readings.leading:
                await self._store.remove(key)
        for key, reading in here.items():
            stamp = Stamp(reading.read_at, reading.checked_at)
            known = self._stored.get(key)
            if known == stamp:
                continue
            if not await self._store.save(key, reading):
                self._save_at = self._clock() + RETRY_S
                return
            self._stored[key] = stamp
            if known is None or known.read_at != stamp.read_at:
                self._credited.pop(key, None)

    async def close(self) -> None:
        """Save what is unsaved, and let another process read."""
        try:
            async with asyncio.timeout(SAVE_S):
                await self._exchange_notes()
                await self.save()
                await self._store.close()
        except TimeoutError:
            log.warning("stock_not_saved", upstream=self._upstream)

    async def _load(self) -> None:
        results, damaged = self._source.readings.results, self._store.damaged
        async for key, reading in self._store.newer():
            results[LOAD, "ok"] += 1
            with self._passed_over(key):
                await self._source.restore(key, reading)
                self._source.readings.known(key, reading.read_at, reading.checked_at)
            kept = self._source.shelf.peek(key)
            if kept is not None and kept.read_at == reading.read_at:
                self._stored[key] = Stamp(kept.read_at, kept.checked_at)
        results[LOAD, "damaged"] += self._store.damaged - damaged

    def _credit(self, totals: Mapping[str, float]) -> None:
        """Add the demand of other processes to this process's."""
        readings = self._source.readings
        for key, total in totals.items():
            known = self._credited.get(key)
            if known is not None and total <= known:
                continue
            self._credited[key] = total
            with self._passed_over(key):
                readings.credit(key, max(0.0, total - (readings.demand(key).spared if known is None else known)))

    @contextmanager
    def _passed_over(self, key: str) -> Iterator[None]:
        """Skip a listing that the site does not know, such as one of another version."""
        try:
            yield
        except Exception:
            log.exception("stock_listing_broke", upstream=self._upstream, listing=key)

    async def _exchange_notes(self) -> None:
        if self._off_sale is None:
            return
        seen, changed = self._off_sale.changed_since(self._upstream, self._changes_seen)
        notes: list[Note] = []
        stamps: dict[str, NoteStamp | None] = {}
        for listing_id in map(str, changed):
            car = self._off_sale.since(self._upstream, listing_id, -math.inf)
            stamp = None if car is None else NoteStamp(car.at, car.verdict)
            known = self._known.get(listing_id)
            if listing_id in self._known and known == stamp:
                continue
            stamps[listing_id] = stamp
            if car is None or (known is not None and car.at < known.at):
                notes.append(Note(listing_id, self._clock(), back=True))
            cars = (car.before, car) if car is not None else ()
            notes += [Note(listing_id, each.at, each.verdict) for each in cars if each is not None]
        received = await self._store.exchange(notes)
        if received is None:
            return  # sent again with the next changes
        self._changes_seen = seen
        self._known.update(stamps)
        for note in received:
            self._apply(note)

    def _apply(self, note: Note) -> None:
        listing_id, at, off_sale = note.listing_id, min(note.at, self._clock()), self._off_sale
        if off_sale is None or not (listing_id.isascii() and listing_id.isdecimal() and len(listing_id) <= ID_DIGITS):
            return
        if note.back:
            off_sale.back(self._upstream, listing_id, at)
            self._known[listing_id] = None
        else:
            off_sale.note(self._upstream, listing_id, at, note.status)
            self._known[listing_id] = NoteStamp(at, note.status)


def figures_of(source: KeptSource) -> StockFigures:
    """Return the figures of a site's stock."""
    readings = source.readings
    listings, rows, size_bytes, oldest_s, newest_s = source.shelf.figures
    return StockFigures(
        listings=listings,
        rows=rows,
        size_bytes=size_bytes,
        due_age_s=readings.due_age_s,
        spared=readings.spared,
        results=dict(readings.results),
        oldest_s=oldest_s,
        newest_s=newest_s,
        last=readings.last,
    )


def store_of(
    upstream: str, folder: str, shared: RedisGuard | None, max_bytes: int, clock: Callable[[], float] = time.monotonic
) -> Store | None:
    """Return the store of a site's listings: Redis, else a folder, else None."""
    if shared is not None:
        return SharedStock(upstream, shared, clock)
    return Folder(Path(folder), upstream, max_bytes=max_bytes, clock=clock) if folder else None


@asynccontextmanager
async def running(
    upstream: str,
    source: KeptSource,
    off_sale: OffSale | None,
    store: Store | None,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[None]:
    """Run a site's readings and keep its stock in a store, if there is one.

    Stored listings are loaded first; the start waits at most LOAD_S for that. `off_sale` is as in Keeping.
    """
    if store is None:
        reading = asyncio.create_task(source.readings.run(), name=f"read-{upstream}")
        try:
            yield
        finally:
            await cancel_and_wait(reading)
        return
    keeping = Keeping(upstream, source, off_sale, store, clock=clock)
    carrying = asyncio.create_task(keeping.run(), name=f"keep-{upstream}")
    reading = asyncio.create_task(source.readings.run(), name=f"read-{upstream}")
    try:
        await keeping.loaded(LOAD_S)
        yield
    finally:
        await cancel_and_wait(reading, carrying)
        await keeping.close()
