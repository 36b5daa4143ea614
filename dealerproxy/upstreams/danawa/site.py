"""Danawa with its feeder M-Park, behind the Upstream protocol."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial

from dealerproxy.cache.entries import CacheOutlook, CacheResult, CacheStatus
from dealerproxy.contract.deadline import Deadline
from dealerproxy.contract.explain import RateBudget
from dealerproxy.settings import Settings
from dealerproxy.stock.keeping import figures_of, running, store_of
from dealerproxy.stock.shelf import Shelf
from dealerproxy.transport.errors import UpstreamError
from dealerproxy.upstreams.absence import Absence, Adverts
from dealerproxy.upstreams.availability import Outcome
from dealerproxy.upstreams.danawa.availability import check, rows
from dealerproxy.upstreams.danawa.cars import DanawaCars
from dealerproxy.upstreams.danawa.client import (
    FEEDER_MANNERS,
    LIST_MANNERS,
    DanawaClient,
    request_headers,
)
from dealerproxy.upstreams.danawa.legs import DanawaLeg, plan_legs
from dealerproxy.upstreams.danawa.names import UPSTREAM
from dealerproxy.upstreams.danawa.operations import FEEDER, LIST
from dealerproxy.upstreams.danawa.pages import Pages
from dealerproxy.upstreams.danawa.stock import DanawaStock
from dealerproxy.upstreams.danawa.urls import list_url
from dealerproxy.upstreams.danawa.whole import WholeReader
from dealerproxy.upstreams.papers import INSPECTION, RECORD
from dealerproxy.upstreams.query import RowFilter
from dealerproxy.upstreams.resources import OpenSite, Resources
from dealerproxy.upstreams.results import EnrichedRows, FoundRows, SearchOutlook, StockedModels
from dealerproxy.upstreams.stocked import StockedLeg, StockFigures
from dealerproxy.vehicles.listing import Chunk, Listing
from dealerproxy.vocabulary import Vocabulary

# The whole list takes about 1 MB.
STOCK_BYTES = 64 * 2**20
NEVER_LIVE = "Danawa's legs are read from stock only"


class Danawa:
    """Danawa as one Upstream, composed of the site's parts."""

    operations = (LIST.name, FEEDER.name, INSPECTION, RECORD)
    plan = staticmethod(plan_legs)

    def __init__(self, client: DanawaClient, stock: DanawaStock, cars: DanawaCars) -> None:
        self._client, self._cars, self.list = client, cars, stock
        self.adverts = cars.adverts
        self.find, self.documents = cars.find, cars.documents

    @property
    def stocks(self) -> Mapping[str, StockFigures]:
        """What is in stock."""
        return {UPSTREAM: figures_of(self.list)}

    async def stocked(
        self, leg: DanawaLeg, keep: RowFilter, deadline: Deadline, *, bypass_cache: bool
    ) -> StockedLeg | None:
        """Return the rows of a leg. Raises UpstreamError until the list was read: a leg is never read live."""
        return await self.list.stocked(leg, keep, deadline)

    def peek(self, leg: DanawaLeg, keep: RowFilter, *, bypass_cache: bool) -> StockedLeg | None:
        """Return the result of `stocked` at this moment, without counting it as demand."""
        return self.list.peek(leg, keep)

    def trouble(self, leg: DanawaLeg | None = None) -> UpstreamError | None:
        """Return why the list must not be read now; None if it may."""
        return self._client.trouble()

    async def outlook(
        self, leg: DanawaLeg, keep: RowFilter, index: int | None, deadline: Deadline, *, bypass_cache: bool
    ) -> SearchOutlook:
        """Return the address of the list. It has no filters, and no request ever fetches it."""
        return SearchOutlook(str(list_url(self._client.base, 1)), {}, CacheOutlook(CacheStatus.MISS, None, loads=False))

    @property
    def budget(self) -> RateBudget:
        """The request rate of the list; the feeder has its own."""
        return self._client.budget

    async def chunk(self, leg: DanawaLeg, index: int, deadline: Deadline, *, bypass_cache: bool) -> CacheResult[Chunk]:
        """Never called: legs are read from stock only."""
        raise TypeError(NEVER_LIVE)

    async def count(
        self, leg: DanawaLeg, keep: Callable[[Listing], bool], deadline: Deadline, *, bypass_cache: bool
    ) -> CacheResult[int]:
        """Never called: legs are read from stock only."""
        raise TypeError(NEVER_LIVE)

    async def enrich(self, rows: Sequence[Listing], deadline: Deadline, *, bypass_cache: bool) -> EnrichedRows:
        """Enrich no row, because the feeder returns only one car per call."""
        return EnrichedRows()

    async def availability(
        self, listing_ids: Sequence[str], deadline: Deadline, *, bypass_cache: bool
    ) -> Mapping[str, Outcome]:
        """Check cars one by one at the feeder."""
        return await check(self._cars, listing_ids, deadline, bypass_cache=bypass_cache)

    async def rows_of(self, listing_ids: Sequence[str], deadline: Deadline, *, bypass_cache: bool) -> FoundRows:
        """Look cars up in the list in stock; check the others at the feeder."""
        return await rows(self._cars, self.list, listing_ids, deadline, bypass_cache=bypass_cache)

    async def facets(self, deadline: Deadline) -> StockedModels:
        """Return the models of the cars in the list, by name. Sends no request."""
        models: dict[str, list[str]] = {}
        for make, model in sorted(self.list.models()):
            models.setdefault(make, []).append(model)
        return StockedModels(models)


def set_up_danawa(settings: Settings, vocabulary: Vocabulary) -> OpenSite:
    """Return the function that opens Danawa."""
    return partial(_open, settings, vocabulary)


@asynccontextmanager
async def _open(settings: Settings, vocabulary: Vocabulary, resources: Resources) -> AsyncIterator[Danawa]:
    cache, off_sale, clock = resources.cache, resources.off_sale, resources.clock
    headers, rps = request_headers(settings.user_agent), settings.danawa_rps
    async with (
        resources.open_fetcher(LIST_MANNERS, headers, rps=rps) as site,
        resources.open_fetcher(FEEDER_MANNERS, headers, rps=rps) as feeder,
    ):
        client = DanawaClient(site, feeder, site_url=settings.danawa_url, feeder_url=settings.mpark_api_url)
        adverts = Adverts(UPSTREAM, FEEDER.circuit, off_sale, Absence(clock))
        pages = Pages(client, vocabulary, off_sale, judged=resources.judged, listed=adverts.listed, now=clock)
        stock = DanawaStock(
            WholeReader(pages.read, clock=clock),
            vocabulary,
            Shelf(UPSTREAM, off_sale, max_bytes=STOCK_BYTES, clock=clock),
            base=client.base,
            trouble=client.trouble,
            clock=clock,
        )
        cars = DanawaCars(
            client,
            vocabulary,
            cache,
            off_sale,
            fresh_s=settings.detail_fresh_s,
            deadline_s=settings.detail_deadline_s,
            adverts=adverts,
            stock=stock,
        )
        store = store_of(UPSTREAM, settings.stock_dir, resources.shared, STOCK_BYTES, clock)
        async with running(UPSTREAM, stock, off_sale, store, clock):
            yield Danawa(client, stock, cars)
