"""Encar as the search and the routes know it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from dealerproxy.contract.deadline import Deadline
from dealerproxy.contract.explain import RateBudget
from dealerproxy.settings import Settings, SettingsError
from dealerproxy.stock.keeping import figures_of, running, store_of
from dealerproxy.stock.shelf import Shelf
from dealerproxy.upstreams.absence import Absence, Adverts
from dealerproxy.upstreams.availability import Outcome
from dealerproxy.upstreams.encar.addresses import UPSTREAM
from dealerproxy.upstreams.encar.availability import check, rows
from dealerproxy.upstreams.encar.cars import EncarCars
from dealerproxy.upstreams.encar.client import MANNERS, EncarClient, request_headers
from dealerproxy.upstreams.encar.enrich import enrich
from dealerproxy.upstreams.encar.facet_counts import FacetCounts
from dealerproxy.upstreams.encar.leg import EncarLeg
from dealerproxy.upstreams.encar.legs import plan_legs
from dealerproxy.upstreams.encar.makes import MakeReader
from dealerproxy.upstreams.encar.operations import DETAIL
from dealerproxy.upstreams.encar.search import EncarChunks, SearchWatch, unnoted
from dealerproxy.upstreams.encar.stock import EncarStock, ListingKey
from dealerproxy.upstreams.encar.truck_check import TruckCheck
from dealerproxy.upstreams.encar.whole import WholeReader
from dealerproxy.upstreams.papers import BATTERY, DIAGNOSIS, INSPECTION, PACKAGES, RECORD
from dealerproxy.upstreams.query import RowFilter
from dealerproxy.upstreams.resources import OpenSite, Resources
from dealerproxy.upstreams.results import EnrichedRows, FoundRows
from dealerproxy.upstreams.stocked import StockedLeg, StockFigures
from dealerproxy.vehicles.listing import Listing
from dealerproxy.vocabulary import Vocabulary


class Encar:
    """The site's parts as one upstream."""

    operations = (
        *("search", "count", "facets", "truck_search", "detail", "page", "batch"),
        *(INSPECTION, RECORD, DIAGNOSIS, PACKAGES, BATTERY),
    )
    plan = staticmethod(plan_legs)

    def __init__(
        self,
        client: EncarClient,
        chunks: EncarChunks,
        cars: EncarCars,
        facets: FacetCounts,
        stock: EncarStock | None = None,
    ) -> None:
        self._client, self._cars, self._stock = client, cars, stock
        self.adverts = cars.adverts
        self.chunk, self.count, self.outlook = chunks.chunk, chunks.count, chunks.outlook
        self.trouble = client.trouble
        self.find, self.documents = cars.find, cars.documents
        self.facets = facets.stocked

    @property
    def stock(self) -> StockFigures | None:
        """What is in stock; None if the site is only asked live."""
        return None if self._stock is None else figures_of(self._stock)

    async def stocked(
        self, leg: EncarLeg, keep: RowFilter, deadline: Deadline, *, bypass_cache: bool
    ) -> StockedLeg | None:
        """Return the rows of a leg from stock; None if they are not there, or if the site is to be asked anyway."""
        return None if self._stock is None or bypass_cache else self._stock.stocked(leg, keep)

    def peek(self, leg: EncarLeg, keep: RowFilter, *, bypass_cache: bool) -> StockedLeg | None:
        """Return the same as `stocked`, without counting it as asked for."""
        return None if self._stock is None or bypass_cache else self._stock.peek(leg, keep)

    @property
    def budget(self) -> RateBudget:
        """The request rate of the site."""
        return self._client.budget

    async def enrich(self, rows: Sequence[Listing], deadline: Deadline, *, bypass_cache: bool) -> EnrichedRows:
        """Fill rows from their adverts, 20 a call."""
        return await enrich(rows, self._cars, deadline, bypass_cache=bypass_cache)

    async def availability(
        self, listing_ids: Sequence[str], deadline: Deadline, *, bypass_cache: bool
    ) -> Mapping[str, Outcome]:
        """Check cars by the batch endpoint, then those missing from it one by one."""
        return await check(self._cars, listing_ids, deadline, bypass_cache=bypass_cache)

    async def rows_of(self, listing_ids: Sequence[str], deadline: Deadline, *, bypass_cache: bool) -> FoundRows:
        """Look cars up as `availability` does, and make rows of their adverts."""
        return await rows(self._cars, listing_ids, deadline, bypass_cache=bypass_cache)


def set_up_encar(settings: Settings, vocabulary: Vocabulary) -> OpenSite:
    """Return what opens Encar with these settings. Raises SettingsError for a make to keep warm that it lacks."""
    return partial(_open, settings, vocabulary, _warm(settings, vocabulary))


@asynccontextmanager
async def _open(
    settings: Settings, vocabulary: Vocabulary, warm: Sequence[str], resources: Resources
) -> AsyncIterator[Encar]:
    cache, off_sale, clock = resources.cache, resources.off_sale, resources.clock
    headers = request_headers(settings.user_agent)
    async with resources.open_fetcher(MANNERS, headers, rps=settings.encar_rps) as fetcher:
        client = EncarClient(fetcher, settings.encar_api_url, settings.encar_page_url)
        adverts = Adverts(UPSTREAM, DETAIL.circuit, off_sale, Absence(clock))
        cars = EncarCars(
            client,
            vocabulary,
            cache,
            off_sale,
            fresh_s=settings.detail_fresh_s,
            deadline_s=settings.detail_deadline_s,
            adverts=adverts,
            now=clock,
        )
        stock = _stock(settings, vocabulary, client, adverts, resources) if settings.stock_mb else None
        trucks = TruckCheck(client, vocabulary, deadline_s=settings.list_deadline_s, clock=clock)
        chunks = EncarChunks(
            client,
            vocabulary,
            cache,
            off_sale,
            fresh_s=settings.list_fresh_s,
            deadline_s=settings.list_deadline_s,
            now=clock,
            watch=SearchWatch(resources.judged, adverts.listed, stock.fetched if stock else unnoted, trucks.empty),
        )
        facets = FacetCounts(
            client,
            vocabulary,
            cache,
            clock=clock,
            deadline_s=settings.list_deadline_s,
            in_stock=stock.groups_of if stock else lambda _: None,
        )
        async with AsyncExitStack() as opened:
            opened.push_async_callback(facets.close)
            opened.push_async_callback(trucks.close)
            if stock is not None:
                for facet in warm:
                    stock.readings.keep_warm(str(ListingKey(facet)))
                room = settings.stock_mb * 2**20
                store = store_of(UPSTREAM, settings.stock_dir, resources.shared, room, clock)
                await opened.enter_async_context(running(UPSTREAM, stock, off_sale, store, clock))
            yield Encar(client, chunks, cars, facets, stock)


def _stock(
    settings: Settings, vocabulary: Vocabulary, client: EncarClient, adverts: Adverts, resources: Resources
) -> EncarStock:
    clock, off_sale = resources.clock, resources.off_sale
    reader = WholeReader(client.search, vocabulary, off_sale, clock=clock)
    return EncarStock(
        reader,
        MakeReader(reader, client.facets, vocabulary),
        vocabulary,
        Shelf(UPSTREAM, off_sale, max_bytes=settings.stock_mb * 2**20, clock=clock),
        trouble=client.trouble,
        fresh_s=settings.list_fresh_s,
        listed=adverts.listed,
        clock=clock,
    )


def _warm(settings: Settings, vocabulary: Vocabulary) -> Sequence[str]:
    """Return the makes' facets to keep warm. Raises SettingsError for a make that Encar does not have."""
    facets: list[str] = []
    for text in filter(None, map(str.strip, settings.encar_warm.split(","))):
        make = vocabulary.find_make(text)
        if make is None and text != "*":
            raise SettingsError(f"DEALERPROXY_ENCAR_WARM cannot be used: Encar has no make known as {text!r}")
        facets += [facet.korean for each in ([make] if make else vocabulary.makes) for facet in each.facets]
    return tuple(dict.fromkeys(facets))
