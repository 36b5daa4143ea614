"""One car from Encar: two witnesses on whether it can be bought, and its documents.

The advert's JSON is the first witness. The car's page is fetched only if the JSON fails or is a 404, because a 404
alone does not prove that a car is gone: callers from abroad get one for every path.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from msgspec import Struct

from dealerproxy.cache.cache import StaleCache
from dealerproxy.cache.entries import CachePolicy, CacheResult, CacheStatus
from dealerproxy.contract.deadline import Deadline
from dealerproxy.contract.detail import STALE, Enrichment, EnrichmentStatus, NotAsked
from dealerproxy.contract.inspection import (
    Diagnosis,
    EvBattery,
    FactoryPackage,
    FactoryPackages,
    Inspection,
    NoReport,
    Record,
)
from dealerproxy.transport.errors import Drift, NotFound, Overloaded, UpstreamError
from dealerproxy.transport.limits import one_answer
from dealerproxy.transport.reading import NO_READING, Reading, current_reading, report
from dealerproxy.transport.troubles import upstream_trouble
from dealerproxy.upstreams.absence import Adverts
from dealerproxy.upstreams.encar import operations
from dealerproxy.upstreams.encar.addresses import UPSTREAM
from dealerproxy.upstreams.encar.advert import read_document
from dealerproxy.upstreams.encar.advert_calls import AdvertCalls
from dealerproxy.upstreams.encar.client import BATCH_IDS, EncarClient
from dealerproxy.upstreams.encar.inspection import is_of_other_vehicle
from dealerproxy.upstreams.encar.packages import on_the_car
from dealerproxy.upstreams.encar.parsed_advert import ParsedAdvert, parse
from dealerproxy.upstreams.encar.truck_sheet import read_truck_sheet
from dealerproxy.upstreams.off_sale import OffSale
from dealerproxy.upstreams.operations import Operation
from dealerproxy.upstreams.papers import BATTERY, DIAGNOSIS, INSPECTION, OTHER_VEHICLE, PACKAGES, RECORD
from dealerproxy.vehicles.car import Car, Documents, SaleStatus
from dealerproxy.vehicles.history import full_report
from dealerproxy.vocabulary import Vocabulary

# Inspection sheets, records and diagnoses hardly ever change while a car is on sale.
PAPER_FRESH_S, PAPER_IF_ERROR_S = 86_400.0, 7 * 86_400.0
# A document that was missing may be published at any time.
ABSENT_FRESH_S = 600.0
# Raise it when the shape of a ParsedAdvert changes: other processes may still store the old one.
_VERSION = 8
# The same for the papers.
_PAPER_VERSION = 5
# Drift without any document: the page may still have the car.
_NO_DOCUMENT = frozenset({"$", "body"})
# The share of the time for the first witness, and for both: if one hangs, the other and the answer still need time.
_FIRST_SHARE = 0.45
_BOTH_SHARE = 0.9


class NoDocument(Struct, frozen=True):
    """A 404 for a document, cached like a document, so that it is not fetched again and again."""


Document = Inspection | NoReport | Record | Diagnosis | FactoryPackages | EvBattery | NoDocument
Batch = dict[str, ParsedAdvert]


class Paper(NamedTuple):
    """A document if there is one, its enrichment status, and the cache result it came from, if any."""

    document: Document | None
    enrichment: Enrichment
    found: CacheResult[Document] | None = None


class Many(NamedTuple):
    """Adverts by listing id, the failures of other calls, and when the oldest was read (the cache's clock).

    The car of an advert found by its twin's id has the advert's own id. `age_s` is the age of the oldest in seconds;
    `kept` is true if any call was answered from the cache.
    """

    adverts: Mapping[str, ParsedAdvert]
    errors: Sequence[UpstreamError]
    read_at: float
    age_s: float = 0.0
    kept: bool = False


class EncarCars:
    """Finds cars and their documents; concurrent requests for one car share one fetch."""

    def __init__(
        self,
        client: EncarClient,
        vocabulary: Vocabulary,
        cache: StaleCache,
        off_sale: OffSale,
        *,
        fresh_s: float,
        deadline_s: float,
        now: Callable[[], float] = time.monotonic,
        adverts: Adverts | None = None,
    ) -> None:
        """`fresh_s`: seconds for which a cached advert is used; `deadline_s` bounds all calls for a car, in seconds."""
        self.adverts = adverts or Adverts(UPSTREAM, operations.DETAIL.circuit, off_sale)
        self._client, self._vocabulary, self._cache, self._off_sale = client, vocabulary, cache, off_sale
        self._deadline_s, self._now = deadline_s, now
        self._calls = AdvertCalls(client, self._read_own)
        # An old advert is never used, not even while the site fails: its car may be sold.
        ages = {"fresh_s": fresh_s, "revalidate_s": fresh_s, "if_error_s": fresh_s}
        self._adverts: CachePolicy[ParsedAdvert | SaleStatus] = CachePolicy(
            "advert", ParsedAdvert | SaleStatus, _VERSION, **ages
        )
        self._batches: CachePolicy[Batch] = CachePolicy("batch", Batch, _VERSION, **ages)
        self._papers: Mapping[str, CachePolicy[Document]] = {
            name: CachePolicy(
                name,
                Document,
                _PAPER_VERSION,
                fresh_s=PAPER_FRESH_S,
                revalidate_s=PAPER_FRESH_S,
                if_error_s=PAPER_IF_ERROR_S,
            )
            for name in (INSPECTION, RECORD, DIAGNOSIS, PACKAGES, BATTERY)
        }

    async def find(
        self, listing_id: str, deadline: Deadline, *, bypass_cache: bool = False
    ) -> CacheResult[Car | SaleStatus]:
        """Return a car on sale, or the status of a car off sale. Raises UpstreamError if the status is unknown."""
        found = await self.find_advert(listing_id, deadline, bypass_cache=bypass_cache)
        return CacheResult(self._car(found.value, listing_id), *found[1:])

    def _car(self, advert: ParsedAdvert | SaleStatus, listing_id: str) -> Car | SaleStatus:
        if isinstance(advert, SaleStatus):
            return advert
        status, _ = advert.sale()
        if status is not SaleStatus.LIVE:
            return status
        try:
            return advert.live_car()
        except Drift as error:
            upstream_trouble(UPSTREAM, "detail", error, id=listing_id)
            raise

    async def find_advert(
        self,
        listing_id: str,
        deadline: Deadline,
        *,
        bypass_cache: bool = False,
        since: float = -math.inf,
        alone: bool = False,
    ) -> CacheResult[ParsedAdvert | SaleStatus]:
        """Return the advert, or GONE, by the two witnesses. Raises UpstreamError if neither could tell.

        An advert read before `since`, or before the car was found off sale, is read again. Adverts that wait for a turn
        at the same time share a call, unless `alone`.
        """
        load = partial(self._ask, listing_id, alone=alone)

        async def find(bypass_cache: bool) -> CacheResult[ParsedAdvert | SaleStatus]:
            return await self._cache.get(self._adverts, listing_id, load, deadline, bypass_cache=bypass_cache)

        note = partial(self._note, listing_id)
        look = partial(self._off_sale.look, UPSTREAM, listing_id, find, note, since=since)
        return await self.adverts.confirmed(listing_id, look, bypass_cache=bypass_cache)

    async def find_adverts(self, listing_ids: Iterable[str], deadline: Deadline, *, bypass_cache: bool = False) -> Many:
        """Fetch adverts 20 per call, with concurrent calls."""
        wanted = list(listing_ids)
        batches = [tuple(wanted[start : start + BATCH_IDS]) for start in range(0, len(wanted), BATCH_IDS)]
        answers = await asyncio.gather(
            *(
                self._cache.get(self._batches, batch, partial(self._batch, batch), deadline, bypass_cache=bypass_cache)
                for batch in batches
            ),
            return_exceptions=True,
        )
        found: dict[str, ParsedAdvert] = {}
        errors: list[UpstreamError] = []
        oldest, age_s, kept = self._now(), 0.0, False
        for answer in answers:
            if isinstance(answer, CacheResult):
                oldest, age_s = min(oldest, answer.at), max(age_s, answer.age_s)
                kept |= answer.state is not CacheStatus.MISS
                for listing_id, advert in answer.value.items():
                    if not self._off_sale.since(UPSTREAM, listing_id, answer.at):
                        found[listing_id] = advert
                        self._note(listing_id, advert, answer.at)
            elif isinstance(answer, UpstreamError):
                errors.append(answer)
            else:
                raise answer
        return Many(found, errors, oldest, age_s, kept)

    async def documents(self, car: Car, krw_per_usd: float, deadline: Deadline, *, insider: bool) -> Documents:
        """Fetch a car's documents concurrently; none of them can fail the car.

        Documents that do not exist according to the advert are not fetched, nor insiders' documents unless `insider`.
        """
        with one_answer():
            inspected, recorded, diagnosed, packages, battery = await asyncio.gather(
                _skipped(INSPECTION, NotAsked.NOT_PUBLISHED) if car.has_no_sheet else self._sheet(car, deadline),
                _skipped(RECORD, NotAsked.PRIVATE)
                if car.record_is_private
                else self._document(operations.RECORD, car, deadline),
                self._document(operations.DIAGNOSIS, car, deadline)
                if insider
                else _skipped(DIAGNOSIS, NotAsked.NOT_REQUESTED),
                self._packages(car, deadline, insider=insider),
                self._ev_battery(car, deadline, insider=insider),
            )
        papers = (inspected, recorded, diagnosed)
        pieces = [paper.found for paper in papers if paper.found is not None]
        sheet = inspected.document if isinstance(inspected.document, Inspection) else None
        record = recorded.document if isinstance(recorded.document, Record) else None
        report = full_report(
            sheet.report if sheet else None, inspected.enrichment, record, car, krw_per_usd, source="encar"
        )
        return Documents(
            vin=sheet.vin if sheet else None,
            body_condition=sheet.body_condition if sheet else None,
            report=report,
            record=record,
            factory_packages=packages,
            ev_battery=battery,
            diagnosis=diagnosed.document if isinstance(diagnosed.document, Diagnosis) else None,
            enrichment=tuple(paper.enrichment for paper in papers),
            age_s=max((found.age_s for found in pieces), default=0.0),
            kept=any(found.state is not CacheStatus.MISS for found in pieces),
        )

    def _note(self, listing_id: str, found: ParsedAdvert | SaleStatus, read_at: float) -> None:
        """Note a car that cannot be bought, so that no earlier answer shows it."""
        if isinstance(found, SaleStatus):
            return  # a gone car is noted where both witnesses said so
        try:
            status, under_contract = found.sale()
        except Drift as error:
            upstream_trouble(UPSTREAM, "detail", error, id=listing_id)
            return
        if status is SaleStatus.LIVE and not under_contract:
            self._off_sale.back(UPSTREAM, listing_id, read_at)
        else:
            self._off_sale.note(UPSTREAM, listing_id, read_at, status)

    async def _ask(self, listing_id: str, *, alone: bool) -> ParsedAdvert | SaleStatus:
        deadline = Deadline(_BOTH_SHARE * self._deadline_s)
        failure: UpstreamError | None = None
        answer = NO_READING

        def read(body: bytes) -> ParsedAdvert:
            return parse(operations.DETAIL.read(body, listing_id), listing_id, self._vocabulary)

        def missing() -> None:
            nonlocal answer
            answer = current_reading()

        first = Deadline(_FIRST_SHARE * self._deadline_s)
        advert = None
        try:
            if not alone:
                advert = await self._calls.advert(listing_id, read, within_s=first.remaining(), missing=missing)
            if advert is None:
                advert = await self._client.detail(listing_id, read, within_s=first.remaining(), missing=missing)
        except Overloaded:
            raise  # no call was sent, and the page would have to wait too
        except NotFound:
            pass
        except UpstreamError as error:
            upstream_trouble(UPSTREAM, "detail", error, id=listing_id)
            if isinstance(error, Drift) and error.path not in _NO_DOCUMENT:
                raise
            failure = error
        else:
            self.adverts.found(listing_id)
            return advert
        return await self._second_witness(listing_id, failure, deadline, answer)

    async def _second_witness(
        self, listing_id: str, failure: UpstreamError | None, deadline: Deadline, answer: Reading
    ) -> ParsedAdvert | SaleStatus:
        """Fetch the page after the JSON failed with `failure`, or returned the 404 `answer` (`failure` is None)."""
        asked_at = self._now()

        def read(body: bytes) -> ParsedAdvert | None:
            nonlocal answer
            advert = operations.PAGE.read(body, listing_id)
            if advert is None:
                answer = current_reading()
                return None
            return parse(advert, listing_id, self._vocabulary)

        try:
            advert = await self._client.page(listing_id, read, within_s=deadline.remaining())
        except NotFound as error:
            if failure is not None:
                raise failure from error
            advert = None
        except UpstreamError as error:
            upstream_trouble(UPSTREAM, "page", error, id=listing_id)
            if failure is None:
                self.adverts.missing(listing_id, answer)
                return SaleStatus.GONE  # by one witness, so lists keep the row
            raise failure from error
        if advert is None:
            self.adverts.missing(listing_id, answer)
            self._off_sale.note(UPSTREAM, listing_id, asked_at, SaleStatus.GONE)
            return SaleStatus.GONE
        self.adverts.found(listing_id)
        return advert

    async def _batch(self, listing_ids: tuple[str, ...]) -> Batch:
        try:
            batch = await self._client.details(
                listing_ids,
                lambda body: self._read_batch(body, listing_ids),
                within_s=_BOTH_SHARE * self._deadline_s,
            )
        except UpstreamError as error:
            upstream_trouble(UPSTREAM, "batch", error, id=",".join(listing_ids))
            raise
        for listing_id in batch:
            self.adverts.found(listing_id)
        return batch

    def _read_own(self, body: bytes, listing_ids: Sequence[str]) -> Batch:
        """Read a batch without adverts of twins: a car keeps its requested id."""
        batch = self._read_batch(body, listing_ids)
        return {listing_id: advert for listing_id, advert in batch.items() if advert.listing_id == listing_id}

    def _read_batch(self, body: bytes, listing_ids: Sequence[str]) -> Batch:
        """Read a batch's documents that name their car, by their requested ids."""
        adverts: list[ParsedAdvert] = []
        for document in operations.BATCH.read(body):
            try:
                advert = read_document(document)
            except Drift as error:
                report(error)
                upstream_trouble(UPSTREAM, "batch", error, id="")
            else:
                adverts.append(parse(advert, advert.listing_id, self._vocabulary))
        # A document counts for its own id; for its twin's id only if the twin has no document.
        own = {advert.listing_id: advert for advert in adverts}
        twins = {advert.other_id: advert for advert in adverts if advert.other_id is not None}
        known = twins | own
        return {listing_id: known[listing_id] for listing_id in listing_ids if listing_id in known}

    async def _document(
        self,
        operation: Operation[..., Document],
        car: Car,
        deadline: Deadline,
        read: Callable[[bytes], Document] | None = None,
    ) -> Paper:
        """Fetch a paper of a car; `read` replaces its operation's reader."""
        name, vehicle_id = operation.name, car.vehicle_id
        read = read or partial(operation.read, vocabulary=self._vocabulary)
        load = partial(self._client.paper, operation, vehicle_id, read, within_s=self._deadline_s)
        find = partial(self._cache.get, self._papers[name], vehicle_id, lambda: _or_none(load()), deadline)
        try:
            found = await find()
            if isinstance(found.value, NoDocument) and found.age_s > ABSENT_FRESH_S:
                found = await find(bypass_cache=True)
        except Overloaded:
            return await _skipped(name, NotAsked.OVERLOADED)
        except UpstreamError as error:
            upstream_trouble(UPSTREAM, name, error, id=vehicle_id)
            return Paper(None, Enrichment(name, EnrichmentStatus.FAILED, error.code))
        document = found.value
        if isinstance(document, NoDocument):
            return Paper(None, Enrichment(name, EnrichmentStatus.ABSENT, "not_found"), found)
        if isinstance(document, NoReport):
            return Paper(None, Enrichment(name, EnrichmentStatus.ABSENT, document.reason), found)
        if isinstance(document, Record) and not document.open:
            return Paper(None, Enrichment(name, EnrichmentStatus.ABSENT, "not_open"), found)
        reason = STALE if found.state is CacheStatus.STALE else None
        return Paper(document, Enrichment(name, EnrichmentStatus.OK, reason), found)

    async def _packages(self, car: Car, deadline: Deadline, *, insider: bool) -> tuple[FactoryPackage, ...] | None:
        """Return the packages on the car, last in the queue; None if they could not be read."""
        codes = car.facts.choice_codes
        if not insider or codes is None:
            return None
        if not codes:
            return ()
        paper = await self._document(operations.PACKAGES, car, deadline)
        return on_the_car(codes, paper.document) if isinstance(paper.document, FactoryPackages) else None

    async def _ev_battery(self, car: Car, deadline: Deadline, *, insider: bool) -> EvBattery | None:
        """Return the battery's report, last in the queue; None if it could not be read, or is empty."""
        if not insider or not car.facts.has_battery_report:
            return None
        paper = await self._document(operations.BATTERY, car, deadline)
        return paper.document if isinstance(paper.document, EvBattery) and paper.document != EvBattery() else None

    async def _sheet(self, car: Car, deadline: Deadline) -> Paper:
        read_sheet = read_truck_sheet if car.truck else operations.INSPECTION.read

        def read(body: bytes) -> Inspection | NoReport:
            sheet = read_sheet(body, self._vocabulary)
            if isinstance(sheet, Inspection) and is_of_other_vehicle(sheet, car):
                report(Drift("master.detail", "the sheet is of another car"))
            return sheet

        paper = await self._document(operations.INSPECTION, car, deadline, read)
        if isinstance(paper.document, Inspection) and is_of_other_vehicle(paper.document, car):
            return Paper(None, Enrichment(INSPECTION, EnrichmentStatus.FAILED, OTHER_VEHICLE), paper.found)
        return paper


async def _skipped(name: str, reason: NotAsked) -> Paper:
    return Paper(None, Enrichment(name, EnrichmentStatus.SKIPPED, reason))


async def _or_none(load: Awaitable[Document]) -> Document:
    try:
        return await load
    except NotFound:
        return NoDocument()
