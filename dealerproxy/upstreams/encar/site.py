"""Encar as one Upstream, composed of the site's parts."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import NamedTuple

from dealerproxy.contract.deadline import Deadline
from dealerproxy.contract.explain import RateBudget
from dealerproxy.settings import Settings, SettingsError
from dealerproxy.stock.keeping import figures_of, running, store_of
from dealerproxy.stock.shelf import Shelf
from dealerproxy.transport.errors import UpstreamError
from dealerproxy.upstreams.absence import Absence, Adverts
from dealerproxy.upstreams.availability import Outcome
from dealerproxy.upstreams.encar.addresses import UPSTREAM
from dealerproxy.upstreams.encar.availability import check, rows
from dealerproxy.upstreams.encar.cars import EncarCars
from dealerproxy.upstreams.encar.client import MANNERS, EncarClient, request_headers
from dealerproxy.upstreams.encar.enrich import enrich
from dealerproxy.upstreams.encar.facet_counts import FacetCounts
from dealerproxy.upstreams.encar.index_stock import IndexStock, ListingKey
from dealerproxy.upstreams.encar.indexes import CARS, TRUCKS, SearchIndex
from dealerproxy.upstreams.encar.leg import EncarLeg
from dealerproxy.upstreams.encar.legs import plan_legs
from dealerproxy.upstreams.encar.makes import MakeReader
from dealerproxy.upstreams.encar.operations import DETAIL
from dealerproxy.upstreams.encar.search import EncarChunks, SearchWatch
from dealerproxy.upstreams.encar.stock import EncarStock
from dealerproxy.upstreams.encar.truck_check import TruckCheck
from dealerproxy.upstreams.encar.truck_stock import TruckStock
from dealerproxy.upstreams.encar.whole import WholeReader
from dealerproxy.upstreams.papers import BATTERY, DIAGNOSIS, INSPECTION, PACKAGES, RECORD
from dealerproxy.upstreams.query import RowFilter
from dealerproxy.upstreams.resources import OpenSite, Resources
from dealerproxy.upstreams.results import EnrichedRows, FoundRows
from dealerproxy.upstreams.stocked import StockedLeg, StockFigures, trucks_of
from dealerproxy.vehicles.listing import Listing
from dealerproxy.vocabulary import Make, Vocabulary


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
        stocks: Mapping[SearchIndex, IndexStock],
    ) -> None:
        """`stocks` are by index; an index without one is only read live."""
        self._client, self._cars, self._stocks = client, cars, stocks
        self.adverts = cars.adverts
        self.chunk, self.count, self.outlook = chunks.chunk, chunks.count, chunks.outlook
        self.find, self.documents = cars.find, cars.documents
        self.facets = facets.stocked

    @property
    def stocks(self) -> Mapping[str, StockFigures]:
        """The figures of each index's stock, by name; empty if the site is only read live."""
        return {STOCK_NAMES[index]: figures_of(stock) for index, stock in self._stocks.items()}

    async def stocked(
        self, leg: EncarLeg, keep: RowFilter, deadline: Deadline, *, bypass_cache: bool
    ) -> StockedLeg | None:
        """Return the rows of a leg from stock; None if they are not there, or `bypass_cache` asks for a live read."""
        stock = self._stocks.get(leg.site_index)
        return None if stock is None or bypass_cache else stock.stocked(leg, keep)

    def peek(self, leg: EncarLeg, keep: RowFilter, *, bypass_cache: bool) -> StockedLeg | None:
        """Return the result of `stocked`, without counting it as demand."""
        stock = self._stocks.get(leg.site_index)
        return None if stock is None or bypass_cache else stock.peek(leg, keep)

    def trouble(self, leg: EncarLeg | None = None) -> UpstreamError | None:
        """Return why a leg's index (without a leg: that of cars) must not be searched now; None if it may."""
        return self._client.trouble(CARS.search if leg is None else leg.site_index.search)

    @property
    def budget(self) -> RateBudget:
        """The request rate of the site."""
        return self._client.budget

    async def enrich(self, rows: Sequence[Listing], deadline: Deadline, *, bypass_cache: bool) -> EnrichedRows:
        """Enrich rows from their adverts, 20 per call."""
        return await enrich(rows, self._cars, deadline, bypass_cache=bypass_cache)

    async def availability(
        self, listing_ids: Sequence[str], deadline: Deadline, *, bypass_cache: bool
    ) -> Mapping[str, Outcome]:
        """Check cars by the batch endpoint, then those missing from it one by one."""
        return await check(self._cars, listing_ids, deadline, bypass_cache=bypass_cache)

    async def rows_of(self, listing_ids: Sequence[str], deadline: Deadline, *, bypass_cache: bool) -> FoundRows:
        """Look cars up as `availability` does, and return their adverts as rows."""
        return await rows(self._cars, listing_ids, deadline, bypass_cache=bypass_cache)


STOCK_NAMES = {CARS: UPSTREAM, TRUCKS: trucks_of(UPSTREAM)}
# The share of the stock's memory for trucks: Encar has about ten times as many cars.
TRUCKS_SHARE = 0.1


def set_up_encar(settings: Settings, vocabulary: Vocabulary) -> OpenSite:
    """Return the function that opens Encar. Raises SettingsError for a make to keep warm that Encar lacks."""
    return partial(_open, settings, vocabulary, _warm(settings, vocabulary))


@asynccontextmanager
async def _open(
    settings: Settings, vocabulary: Vocabulary, warm: Mapping[SearchIndex, Sequence[str]], resources: Resources
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
        trucks = TruckCheck(client, vocabulary, deadline_s=settings.list_deadline_s, clock=clock)
        stocks = _Stocks.of(settings, vocabulary, client, adverts, trucks, resources) if settings.stock_mb else None
        by_index = stocks.by_index if stocks else {}
        chunks = EncarChunks(
            client,
            vocabulary,
            cache,
            off_sale,
            fresh_s=settings.list_fresh_s,
            deadline_s=settings.list_deadline_s,
            now=clock,
            watch=SearchWatch(resources.judged, adverts.listed, _noting(by_index), trucks.empty),
        )
        facets = FacetCounts(
            client,
            vocabulary,
            cache,
            clock=clock,
            deadline_s=settings.list_deadline_s,
            in_stock=stocks.cars.groups_of if stocks else lambda _: None,
            trucks_in_stock=stocks.trucks.names_in_stock if stocks else lambda _: {},
        )
        async with AsyncExitStack() as opened:
            opened.push_async_callback(facets.close)
            opened.push_async_callback(trucks.close)
            for index, stock in by_index.items():
                for facet in warm[index]:
                    stock.readings.keep_warm(str(ListingKey(facet)))
                store = store_of(
                    STOCK_NAMES[index], settings.stock_dir, resources.shared, _room(settings, index), clock
                )
                # The store of cars, loaded first, has the notes on all cars off sale.
                notes = off_sale if index is CARS else None
                await opened.enter_async_context(running(STOCK_NAMES[index], stock, notes, store, clock))
            yield Encar(client, chunks, cars, facets, by_index)


def _noting(stocks: Mapping[SearchIndex, IndexStock]) -> Callable[[EncarLeg], None]:
    """Return the function that notes live reads of legs in the stock of their index."""

    def fetched(leg: EncarLeg) -> None:
        if (stock := stocks.get(leg.site_index)) is not None:
            stock.fetched(leg)

    return fetched


def _room(settings: Settings, index: SearchIndex) -> int:
    """Return the most bytes of an index's stock."""
    room = settings.stock_mb * 2**20
    trucks = int(TRUCKS_SHARE * room)
    return trucks if index is TRUCKS else room - trucks


class _Stocks(NamedTuple):
    """The stocks of both indexes."""

    cars: EncarStock
    trucks: TruckStock

    @property
    def by_index(self) -> Mapping[SearchIndex, IndexStock]:
        return {CARS: self.cars, TRUCKS: self.trucks}

    @classmethod
    def of(
        cls,
        settings: Settings,
        vocabulary: Vocabulary,
        client: EncarClient,
        adverts: Adverts,
        check: TruckCheck,
        resources: Resources,
    ) -> "_Stocks":
        """Build both, empty."""
        clock, off_sale = resources.clock, resources.off_sale
        shelves = {
            index: Shelf(UPSTREAM, off_sale, max_bytes=_room(settings, index), clock=clock) for index in (CARS, TRUCKS)
        }
        ask_trucks = partial(client.search, operation=TRUCKS.search)
        reader = WholeReader(client.search, vocabulary, off_sale, clock=clock)
        return cls(
            EncarStock(
                reader,
                MakeReader(reader, client.facets, vocabulary),
                vocabulary,
                shelves[CARS],
                trouble=client.trouble,
                fresh_s=settings.list_fresh_s,
                listed=adverts.listed,
                clock=clock,
            ),
            TruckStock(
                WholeReader(ask_trucks, vocabulary, off_sale, index=TRUCKS, clock=clock),
                vocabulary,
                shelves[TRUCKS],
                trouble=partial(client.trouble, TRUCKS.search),
                fresh_s=settings.list_fresh_s,
                empty=check.empty,
                listed=adverts.listed,
                clock=clock,
            ),
        )


def _warm(settings: Settings, vocabulary: Vocabulary) -> Mapping[SearchIndex, Sequence[str]]:
    """Return the words of each index for the makes to keep warm.

    Raises SettingsError for a make that Encar does not have.
    """
    makes: list[Make] = []
    for text in filter(None, map(str.strip, settings.encar_warm.split(","))):
        make = vocabulary.find_make(text) or vocabulary.trucks.find_make(text)
        if make is None and text != "*":
            raise SettingsError(f"DEALERPROXY_ENCAR_WARM cannot be used: Encar has no make known as {text!r}")
        makes += [make] if make else [*vocabulary.makes, *vocabulary.trucks.makes]
    words = {
        CARS: (facet.korean for make in makes for facet in make.facets if vocabulary.make_of(facet.korean)),
        TRUCKS: (maker for make in makes for maker in vocabulary.trucks.makers_of(make)),
    }
    return {index: tuple(dict.fromkeys(each)) for index, each in words.items()}
