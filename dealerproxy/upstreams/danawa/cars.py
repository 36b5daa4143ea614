"""One car of Danawa's list, from the feeder that has it: one answer says whether it can be bought, and has its papers.

The feeder is the only witness. So a 404 of its own is a failure, and only an empty answer proves that a car is gone.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol, TypeVar

import msgspec
from yarl import URL

from dealerproxy.cache.cache import StaleCache
from dealerproxy.cache.entries import CachePolicy, CacheResult, CacheStatus
from dealerproxy.contract.deadline import Deadline
from dealerproxy.contract.detail import STALE, Enrichment, EnrichmentStatus
from dealerproxy.transport.errors import Drift, UpstreamError
from dealerproxy.transport.fetch import KeepPage, capture_current_page, keep_nothing, page_at_hand
from dealerproxy.transport.troubles import upstream_trouble
from dealerproxy.upstreams.absence import Adverts
from dealerproxy.upstreams.danawa.feeder import Advert, normalise, read_advert, read_inspection, read_record
from dealerproxy.upstreams.danawa.names import UPSTREAM
from dealerproxy.upstreams.off_sale import OffSale
from dealerproxy.upstreams.papers import DIAGNOSIS, INSPECTION, RECORD
from dealerproxy.vehicles.accident_costs import accident_costs
from dealerproxy.vehicles.car import Car, Documents, SaleStatus
from dealerproxy.vocabulary import Vocabulary

OPERATION = "feeder"
# How old papers may be when the feeder cannot be asked; a car is never older than it may be without asking.
PAPER_IF_ERROR_S = 600.0

T = TypeVar("T")


class Feeder(Protocol):
    """Asks the feeder for a car, as the client of the site does; `base` is the site's address."""

    base: URL

    async def car(self, listing_id: str, read: Callable[[bytes], T], *, within_s: float) -> T:
        """Return what `read` makes of a good answer, or raise UpstreamError."""
        ...


class ParsedAdvert(Advert, frozen=True):
    """An advert as an answer had it; `captures` are the pages kept of it, by the path that cannot be read."""

    captures: Mapping[str, str | None] = {}


class DanawaCars:
    """Finds cars and what goes with them; concurrent questions about one car are asked once."""

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
    ) -> None:
        """`fresh_s`: how long a car is used without asking again; `deadline_s` bounds a call. Both in seconds."""
        self.adverts = adverts or Adverts(UPSTREAM, OPERATION, off_sale)
        self._client, self._vocabulary, self._cache, self._off_sale = client, vocabulary, cache, off_sale
        self._trial_words = vocabulary.counting_apart()
        self._deadline_s = deadline_s
        # The papers come with the car, so they are read from what was found a moment ago.
        self._fresh, self._found = (
            CachePolicy[ParsedAdvert | SaleStatus](
                OPERATION,
                ParsedAdvert | SaleStatus,
                fresh_s=each_s,
                revalidate_s=each_s,
                if_error_s=max(each_s, PAPER_IF_ERROR_S),
            )
            for each_s in (fresh_s, max(fresh_s, deadline_s))
        )

    async def find(
        self, listing_id: str, deadline: Deadline, *, bypass_cache: bool = False
    ) -> CacheResult[Car | SaleStatus]:
        """Find a car that can be bought, or say why it cannot. Raises UpstreamError when nobody can tell."""
        found = await self._current(listing_id, deadline, bypass_cache=bypass_cache)
        return CacheResult(self._car(found.value, listing_id), *found[1:])

    def _car(self, advert: ParsedAdvert | SaleStatus, listing_id: str) -> Car | SaleStatus:
        if isinstance(advert, SaleStatus):
            return advert
        try:
            return _told(advert, lambda seen: normalise(seen, listing_id, self._vocabulary, self._client.base))
        except Drift as error:
            upstream_trouble(UPSTREAM, OPERATION, error, id=listing_id)
            raise

    async def availability_of(
        self, listing_id: str, deadline: Deadline, *, bypass_cache: bool = False
    ) -> CacheResult[SaleStatus]:
        """Say whether a car can be bought, be it described well or not. Raises UpstreamError when nobody can tell."""
        found = await self._current(listing_id, deadline, bypass_cache=bypass_cache)
        verdict = found.value if isinstance(found.value, SaleStatus) else SaleStatus.LIVE
        return CacheResult(verdict, *found[1:])

    async def documents(self, car: Car, krw_per_usd: float, deadline: Deadline) -> Documents:
        """Read a car's inspection and insurance history, which came with it; neither can fail the car."""
        (report, inspected), (record, recorded) = await asyncio.gather(
            self._paper(INSPECTION, car, partial(read_inspection, vocabulary=self._vocabulary), deadline),
            self._paper(RECORD, car, read_record, deadline),
        )
        if report is not None and record is not None:
            report = msgspec.structs.replace(report, accident_cost_summary=accident_costs(record, krw_per_usd))
        diagnosed = Enrichment(DIAGNOSIS, EnrichmentStatus.SKIPPED, "not_offered")
        return Documents(report=report, record=record, enrichment=(inspected, recorded, diagnosed))

    async def _current(
        self, listing_id: str, deadline: Deadline, *, bypass_cache: bool
    ) -> CacheResult[ParsedAdvert | SaleStatus]:
        """Find an advert that is not old. Raises why it could not be asked for anew."""
        found = await self._advert(self._fresh, listing_id, deadline, bypass_cache=bypass_cache)
        if found.failure is not None and found.age_s >= self._fresh.fresh_s:
            raise found.failure
        return found

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
        return await self.adverts.believe(listing_id, look, bypass_cache=bypass_cache)

    def _note(self, listing_id: str, found: ParsedAdvert | SaleStatus, read_at: float) -> None:
        if not isinstance(found, SaleStatus):
            self._off_sale.back(UPSTREAM, listing_id, read_at)
        elif found is not SaleStatus.GONE or not self.adverts.doubts(listing_id):
            self._off_sale.note(UPSTREAM, listing_id, read_at, found)

    async def _ask(self, listing_id: str) -> ParsedAdvert | SaleStatus:
        keep: KeepPage = keep_nothing

        def read(body: bytes) -> ParsedAdvert | SaleStatus:
            nonlocal keep
            keep = page_at_hand()
            return self._read(body, listing_id)

        try:
            found = await self._client.car(listing_id, read, within_s=self._deadline_s)
        except UpstreamError as error:
            upstream_trouble(UPSTREAM, OPERATION, error, id=listing_id)
            raise
        if found is SaleStatus.GONE:
            self.adverts.missing(listing_id, keep)
        else:
            self.adverts.found(listing_id)
        return found

    def _read(self, body: bytes, listing_id: str) -> ParsedAdvert | SaleStatus:
        """Read an answer; its page is kept if the car cannot be shown, or one of its papers: that fails nobody yet."""
        advert = read_advert(body, listing_id)
        if isinstance(advert, SaleStatus):
            return advert
        captures: dict[str, str | None] = {}
        for read in (
            partial(normalise, listing_id=listing_id, vocabulary=self._trial_words),
            partial(read_inspection, vocabulary=self._trial_words),
            read_record,
        ):
            try:
                read(advert)
            except Drift as error:
                captures[error.path] = capture_current_page(error)
        return msgspec.structs.replace(ParsedAdvert(*msgspec.structs.astuple(advert)), captures=captures)

    async def _paper(
        self, name: str, car: Car, read: Callable[[Advert], T | None], deadline: Deadline
    ) -> tuple[T | None, Enrichment]:
        try:
            found = await self._advert(self._found, car.listing_id, deadline)
            paper = None if isinstance(found.value, SaleStatus) else _told(found.value, read)
        except UpstreamError as error:
            upstream_trouble(UPSTREAM, name, error, id=car.listing_id)
            return None, Enrichment(name, EnrichmentStatus.FAILED, error.code)
        if paper is None:
            return None, Enrichment(name, EnrichmentStatus.ABSENT, "not_found")
        return paper, Enrichment(name, EnrichmentStatus.OK, STALE if found.state is CacheStatus.STALE else None)


def _told(seen: ParsedAdvert, read: Callable[[Advert], T]) -> T:
    """Read something of an advert. Raises Drift with the page that was kept of it."""
    try:
        return read(seen)
    except Drift as error:
        error.capture = seen.captures.get(error.path)
        raise
