"""One car of Danawa's list, from the feeder that has it: one answer says whether it can be bought, and has its papers.

The feeder is the only witness. So a 404 of its own is a failure, and only an empty answer proves that a car is gone.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol, TypeVar

import msgspec
from yarl import URL

from dealerproxy.cache.cache import AgedCache
from dealerproxy.cache.entries import Found, Kind, State
from dealerproxy.contract.deadline import Deadline
from dealerproxy.contract.detail import STALE, Enrichment, EnrichmentStatus
from dealerproxy.transport.errors import Drift, UpstreamError
from dealerproxy.transport.fetch import KeepPage, keep_nothing, keep_page, page_at_hand
from dealerproxy.transport.troubles import upstream_trouble
from dealerproxy.upstreams.absence import Adverts
from dealerproxy.upstreams.danawa.feeder import Advert, normalise, read_advert, read_inspection, read_record
from dealerproxy.upstreams.danawa.names import UPSTREAM
from dealerproxy.upstreams.encar.cars import DIAGNOSIS, INSPECTION, RECORD
from dealerproxy.upstreams.off_sale import Departed
from dealerproxy.vehicles.accident_costs import accident_costs
from dealerproxy.vehicles.car import Car, Documents, Verdict
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


class Seen(Advert, frozen=True):
    """An advert as an answer had it; `captures` are the pages kept of it, by the path that cannot be read."""

    captures: Mapping[str, str | None] = {}


class DanawaCars:
    """Finds cars and what goes with them; concurrent questions about one car are asked once."""

    def __init__(
        self,
        client: Feeder,
        vocabulary: Vocabulary,
        cache: AgedCache,
        departed: Departed,
        *,
        fresh_s: float,
        deadline_s: float,
        adverts: Adverts | None = None,
    ) -> None:
        """`fresh_s`: how long a car is used without asking again; `deadline_s` bounds a call. Both in seconds."""
        self.adverts = adverts or Adverts(UPSTREAM, OPERATION, departed)
        self._client, self._vocabulary, self._cache, self._departed = client, vocabulary, cache, departed
        self._trial_words = vocabulary.counting_apart()
        self._deadline_s = deadline_s
        # The papers come with the car, so they are read from what was found a moment ago.
        self._fresh, self._found = (
            Kind[Seen | Verdict](
                OPERATION, Seen | Verdict, fresh_s=each_s, revalidate_s=each_s, if_error_s=max(each_s, PAPER_IF_ERROR_S)
            )
            for each_s in (fresh_s, max(fresh_s, deadline_s))
        )

    async def find(self, listing_id: str, deadline: Deadline, *, fresh_look: bool = False) -> Found[Car | Verdict]:
        """Find a car that can be bought, or say why it cannot. Raises UpstreamError when nobody can tell."""
        found = await self._current(listing_id, deadline, fresh_look=fresh_look)
        return Found(self._car(found.value, listing_id), *found[1:])

    def _car(self, advert: Seen | Verdict, listing_id: str) -> Car | Verdict:
        if isinstance(advert, Verdict):
            return advert
        try:
            return _told(advert, lambda seen: normalise(seen, listing_id, self._vocabulary, self._client.base))
        except Drift as error:
            upstream_trouble(UPSTREAM, OPERATION, error, id=listing_id)
            raise

    async def availability_of(self, listing_id: str, deadline: Deadline, *, fresh_look: bool = False) -> Found[Verdict]:
        """Say whether a car can be bought, be it described well or not. Raises UpstreamError when nobody can tell."""
        found = await self._current(listing_id, deadline, fresh_look=fresh_look)
        verdict = found.value if isinstance(found.value, Verdict) else Verdict.LIVE
        return Found(verdict, *found[1:])

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

    async def _current(self, listing_id: str, deadline: Deadline, *, fresh_look: bool) -> Found[Seen | Verdict]:
        """Find an advert that is not old. Raises why it could not be asked for anew."""
        found = await self._advert(self._fresh, listing_id, deadline, fresh_look=fresh_look)
        if found.failure is not None and found.age_s >= self._fresh.fresh_s:
            raise found.failure
        return found

    async def _advert(
        self, kind: Kind[Seen | Verdict], listing_id: str, deadline: Deadline, *, fresh_look: bool = False
    ) -> Found[Seen | Verdict]:
        async def find(fresh_look: bool) -> Found[Seen | Verdict]:
            return await self._cache.get(
                kind, listing_id, lambda: self._ask(listing_id), deadline, fresh_look=fresh_look
            )

        note = partial(self._note, listing_id)
        look = partial(self._departed.look, UPSTREAM, listing_id, find, note)
        return await self.adverts.believe(listing_id, look, fresh_look=fresh_look)

    def _note(self, listing_id: str, found: Seen | Verdict, read_at: float) -> None:
        if not isinstance(found, Verdict):
            self._departed.back(UPSTREAM, listing_id, read_at)
        elif found is not Verdict.GONE or not self.adverts.doubts(listing_id):
            self._departed.note(UPSTREAM, listing_id, read_at, found)

    async def _ask(self, listing_id: str) -> Seen | Verdict:
        keep: KeepPage = keep_nothing

        def read(body: bytes) -> Seen | Verdict:
            nonlocal keep
            keep = page_at_hand()
            return self._read(body, listing_id)

        try:
            found = await self._client.car(listing_id, read, within_s=self._deadline_s)
        except UpstreamError as error:
            upstream_trouble(UPSTREAM, OPERATION, error, id=listing_id)
            raise
        if found is Verdict.GONE:
            self.adverts.missing(listing_id, keep)
        else:
            self.adverts.found(listing_id)
        return found

    def _read(self, body: bytes, listing_id: str) -> Seen | Verdict:
        """Read an answer; its page is kept if the car cannot be shown, or one of its papers: that fails nobody yet."""
        advert = read_advert(body, listing_id)
        if isinstance(advert, Verdict):
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
                captures[error.path] = keep_page(error)
        return msgspec.structs.replace(Seen(*msgspec.structs.astuple(advert)), captures=captures)

    async def _paper(
        self, name: str, car: Car, read: Callable[[Advert], T | None], deadline: Deadline
    ) -> tuple[T | None, Enrichment]:
        try:
            found = await self._advert(self._found, car.listing_id, deadline)
            paper = None if isinstance(found.value, Verdict) else _told(found.value, read)
        except UpstreamError as error:
            upstream_trouble(UPSTREAM, name, error, id=car.listing_id)
            return None, Enrichment(name, EnrichmentStatus.FAILED, error.code)
        if paper is None:
            return None, Enrichment(name, EnrichmentStatus.ABSENT, "not_found")
        return paper, Enrichment(name, EnrichmentStatus.OK, STALE if found.state is State.STALE else None)


def _told(seen: Seen, read: Callable[[Advert], T]) -> T:
    """Read something of an advert. Raises Drift with the page that was kept of it."""
    try:
        return read(seen)
    except Drift as error:
        error.capture = seen.captures.get(error.path)
        raise
