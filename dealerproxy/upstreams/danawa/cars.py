"""One car of Danawa's list, from its feeder: one answer has its sale status, the car and its papers.

The feeder's answer is enough if it states why a sale ended. If it calls a car on sale or gone, the list must agree.
A 404 of the feeder is a failure; only an empty answer means that the car is unknown to it.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol, TypeVar

from msgspec import Struct
from yarl import URL

from dealerproxy.cache.cache import StaleCache
from dealerproxy.cache.entries import CachePolicy, CacheResult, CacheStatus
from dealerproxy.contract.deadline import Deadline
from dealerproxy.contract.detail import STALE, Enrichment, EnrichmentStatus, NotAsked
from dealerproxy.contract.inspection import InspectionReport, Record
from dealerproxy.transport.errors import Drift, Unconfirmed, UpstreamError
from dealerproxy.transport.reading import NO_READING, current_reading, report
from dealerproxy.transport.troubles import upstream_trouble
from dealerproxy.upstreams.absence import Adverts
from dealerproxy.upstreams.cached_drift import CachedDrift
from dealerproxy.upstreams.danawa.feeder import normalise, read_inspection, read_record
from dealerproxy.upstreams.danawa.names import UPSTREAM
from dealerproxy.upstreams.danawa.operations import FEEDER
from dealerproxy.upstreams.off_sale import OffSale
from dealerproxy.upstreams.papers import DIAGNOSIS, INSPECTION, RECORD
from dealerproxy.vehicles.car import Car, Documents, SaleStatus
from dealerproxy.vehicles.history import full_report
from dealerproxy.vocabulary import Vocabulary

CAR = "car"
# Raise it when the shape of a ParsedAdvert changes: Redis may still have the old one.
_VERSION = 6
# Seconds for which old papers may be used while the feeder fails; a car is never older than `fresh_s`.
PAPER_IF_ERROR_S = 600.0

T = TypeVar("T")


class Feeder(Protocol):
    """A client that fetches a car from the feeder; `base` is the site's address."""

    base: URL

    async def car(self, listing_id: str, read: Callable[[bytes], T], *, within_s: float) -> T:
        """Return the result of `read` for a good answer. Raises UpstreamError."""
        ...


class Listed(Protocol):
    """The list in stock, the second witness."""

    async def stands(self, listing_id: str, deadline: Deadline) -> bool | None:
        """Whether the list has a car; None if unknown. Waits a little for the first reading."""


class ParsedAdvert(Struct, frozen=True):
    """A car on sale and its papers, read once: prices in KRW, papers None if the feeder has none.

    Unreadable parts are None too; then `drifts` has the error, under CAR, INSPECTION or RECORD.
    """

    car: Car | None
    inspection: InspectionReport | None
    record: Record | None
    drifts: Mapping[str, CachedDrift] = {}

    def shown_car(self) -> Car:
        """Return the car. Raises Drift if it cannot be read."""
        if self.car is None:
            raise self.drifts[CAR].error() if CAR in self.drifts else Drift("$", "neither a car nor a reason")
        return self.car

    def checked(self, name: str, part: T) -> T:
        """Return a part. Raises Drift if the part of this name cannot be read."""
        if name in self.drifts:
            raise self.drifts[name].error()
        return part


class DanawaCars:
    """Finds cars and their papers; concurrent requests for one car share one fetch."""

    def __init__(
        self,
        client: Feeder,
        vocabulary: Vocabulary,
        cache: StaleCache,
        off_sale: OffSale,
        *,
        fresh_s: float,
        deadline_s: float,
        adverts: Adverts | None = None,
        stock: Listed | None = None,
    ) -> None:
        """`fresh_s`: seconds for which a cached car is used; `deadline_s` bounds a call, in seconds.

        Without a `stock` the feeder alone decides.
        """
        self._stock = stock
        self.adverts = adverts or Adverts(UPSTREAM, FEEDER.circuit, off_sale)
        self._client, self._vocabulary, self._cache, self._off_sale = client, vocabulary, cache, off_sale
        self._deadline_s = deadline_s
        # The papers come with the car, so they are read from the answer that was just cached.
        self._fresh, self._found = (
            CachePolicy[ParsedAdvert | SaleStatus](
                FEEDER.circuit,
                ParsedAdvert | SaleStatus,
                _VERSION,
                fresh_s=each_s,
                revalidate_s=each_s,
                if_error_s=max(each_s, PAPER_IF_ERROR_S),
            )
            for each_s in (fresh_s, max(fresh_s, deadline_s))
        )

    async def find(
        self, listing_id: str, deadline: Deadline, *, bypass_cache: bool = False
    ) -> CacheResult[Car | SaleStatus]:
        """Return a car on sale, or the status of a car off sale. Raises UpstreamError if the status is unknown."""
        found = await self.current(listing_id, deadline, bypass_cache=bypass_cache)
        return CacheResult(self._car(found.value, listing_id), *found[1:])

    def _car(self, advert: ParsedAdvert | SaleStatus, listing_id: str) -> Car | SaleStatus:
        if isinstance(advert, SaleStatus):
            return advert
        try:
            return advert.shown_car()
        except Drift as error:
            upstream_trouble(UPSTREAM, FEEDER.circuit, error, id=listing_id)
            raise

    async def availability_of(
        self, listing_id: str, deadline: Deadline, *, bypass_cache: bool = False
    ) -> CacheResult[SaleStatus]:
        """Return a car's sale status, even if its car cannot be read. Raises UpstreamError if it is unknown."""
        found = await self.current(listing_id, deadline, bypass_cache=bypass_cache)
        verdict = found.value if isinstance(found.value, SaleStatus) else SaleStatus.LIVE
        return CacheResult(verdict, *found[1:])

    async def documents(self, car: Car, krw_per_usd: float, deadline: Deadline, *, insider: bool) -> Documents:
        """Return a car's inspection and insurance history, which came with it; neither can fail the car."""
        (report, inspected), (record, recorded) = await asyncio.gather(
            self._paper(INSPECTION, car, lambda advert: advert.inspection, deadline),
            self._paper(RECORD, car, lambda advert: advert.record, deadline),
        )
        report = full_report(report, inspected, record, car, krw_per_usd, source="mpark")
        diagnosed = Enrichment(DIAGNOSIS, EnrichmentStatus.SKIPPED, NotAsked.NOT_OFFERED)
        return Documents(report=report, record=record, enrichment=(inspected, recorded, diagnosed))

    async def current(
        self, listing_id: str, deadline: Deadline, *, bypass_cache: bool
    ) -> CacheResult[ParsedAdvert | SaleStatus]:
        """Return a fresh advert. Raises the error of its reload, or Unconfirmed.

        If the feeder calls a car on sale, the list must have it; if the feeder does not know it, the list must not.
        """
        found = await self._advert(self._fresh, listing_id, deadline, bypass_cache=bypass_cache)
        if found.failure is not None and found.age_s >= self._fresh.fresh_s:
            raise found.failure
        if not await self._is_confirmed(listing_id, found.value, deadline):
            raise Unconfirmed("list and feeder disagree about the car")
        if found.value is SaleStatus.GONE:
            self._off_sale.note(UPSTREAM, listing_id, found.at, SaleStatus.GONE)
        return found

    async def _is_confirmed(self, listing_id: str, found: ParsedAdvert | SaleStatus, deadline: Deadline) -> bool:
        """Whether the list agrees that a car is on sale or gone; not needed if the feeder states why the sale ended."""
        if self._stock is None or (isinstance(found, SaleStatus) and found is not SaleStatus.GONE):
            return True
        return await self._stock.stands(listing_id, deadline) is (found is not SaleStatus.GONE)

    async def _advert(
        self,
        kind: CachePolicy[ParsedAdvert | SaleStatus],
        listing_id: str,
        deadline: Deadline,
        *,
        bypass_cache: bool = False,
    ) -> CacheResult[ParsedAdvert | SaleStatus]:
        async def find(bypass_cache: bool) -> CacheResult[ParsedAdvert | SaleStatus]:
            return await self._cache.get(
                kind, listing_id, lambda: self._ask(listing_id), deadline, bypass_cache=bypass_cache
            )

        note = partial(self._note, listing_id)
        look = partial(self._off_sale.look, UPSTREAM, listing_id, find, note)
        return await self.adverts.confirmed(listing_id, look, bypass_cache=bypass_cache)

    def _note(self, listing_id: str, found: ParsedAdvert | SaleStatus, read_at: float) -> None:
        if not isinstance(found, SaleStatus):
            self._off_sale.back(UPSTREAM, listing_id, read_at)
        elif found is not SaleStatus.GONE:  # GONE needs a second witness
            self._off_sale.note(UPSTREAM, listing_id, read_at, found)

    async def _ask(self, listing_id: str) -> ParsedAdvert | SaleStatus:
        answer = NO_READING

        def read(body: bytes) -> ParsedAdvert | SaleStatus:
            nonlocal answer
            answer = current_reading()
            return self._read(body, listing_id)

        try:
            found = await self._client.car(listing_id, read, within_s=self._deadline_s)
        except UpstreamError as error:
            upstream_trouble(UPSTREAM, FEEDER.circuit, error, id=listing_id)
            raise
        if found is SaleStatus.GONE:
            self.adverts.missing(listing_id, answer)
        else:
            self.adverts.found(listing_id)
        return found

    def _read(self, body: bytes, listing_id: str) -> ParsedAdvert | SaleStatus:
        """Read an answer and all its parts; a part that drifts is reported, and raises when it is used."""
        advert = FEEDER.read(body, listing_id)
        if isinstance(advert, SaleStatus):
            return advert
        drifts: dict[str, CachedDrift] = {}

        def part(name: str, read: Callable[[], T]) -> T | None:
            try:
                return read()
            except Drift as error:
                report(error)
                drifts[name] = CachedDrift.of(error)
                return None

        return ParsedAdvert(
            part(CAR, lambda: normalise(advert, listing_id, self._vocabulary, self._client.base)),
            part(INSPECTION, lambda: read_inspection(advert, self._vocabulary)),
            part(RECORD, lambda: read_record(advert)),
            drifts,
        )

    async def _paper(
        self, name: str, car: Car, part: Callable[[ParsedAdvert], T | None], deadline: Deadline
    ) -> tuple[T | None, Enrichment]:
        try:
            found = await self._advert(self._found, car.listing_id, deadline)
            advert = found.value
            paper = None if isinstance(advert, SaleStatus) else advert.checked(name, part(advert))
        except UpstreamError as error:
            upstream_trouble(UPSTREAM, name, error, id=car.listing_id)
            return None, Enrichment(name, EnrichmentStatus.FAILED, error.code)
        if paper is None:
            return None, Enrichment(name, EnrichmentStatus.ABSENT, "not_found")
        return paper, Enrichment(name, EnrichmentStatus.OK, STALE if found.state is CacheStatus.STALE else None)
