"""Sites with rows at hand, and the search over them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, NamedTuple

import numpy as np

from dealerproxy.cache.entries import CacheOutlook, CacheResult, CacheStatus
from dealerproxy.contract.answers import Buyable, VehicleList
from dealerproxy.contract.deadline import Deadline
from dealerproxy.contract.explain import RateBudget
from dealerproxy.contract.rate import Rate
from dealerproxy.contract.terms import UPSTREAMS
from dealerproxy.search.cursor import CursorCodec
from dealerproxy.search.query import parse
from dealerproxy.search.service import SearchService
from dealerproxy.stock.showing import ShownRows
from dealerproxy.stock.table import Selection, StockedCar, build
from dealerproxy.transport.errors import TimedOut, UpstreamError
from dealerproxy.upstreams.absence import Adverts
from dealerproxy.upstreams.availability import Outcome
from dealerproxy.upstreams.off_sale import OffSale
from dealerproxy.upstreams.paging import CHUNK_ROWS
from dealerproxy.upstreams.query import LegRequest, RowFilter
from dealerproxy.upstreams.results import EnrichedRows, FoundRows, SearchOutlook, SitePlan, StockedModels
from dealerproxy.upstreams.stocked import StockedLeg, StockFigures
from dealerproxy.upstreams.upstream import Upstream
from dealerproxy.vehicles.car import Car, Documents, SaleStatus
from dealerproxy.vehicles.fx import FxRates
from dealerproxy.vehicles.listing import Chunk, Listing
from dealerproxy.vocabulary import Vocabulary

FIRST, SECOND = UPSTREAMS


class InventedLeg(NamedTuple):
    """A leg that says whether it is in stock."""

    upstream: str
    q: str
    whole: bool
    named: bool = True
    filtered: bool = True


class InventedSite:
    """A site with rows at hand, in stock or live in chunks; it notes what it was asked."""

    operations = ("rows",)
    stocks: ClassVar[Mapping[str, StockFigures]] = {}

    def __init__(self, name: str, prices: Sequence[int] = (), *, whole: bool = False) -> None:
        self.rows = [car(name, number, price) for number, price in enumerate(prices, 1)]
        self.planned = SitePlan([InventedLeg(name, "all", whole)])
        self.enriched = EnrichedRows()
        self.models = StockedModels({})
        self.asked: list[object] = []
        self.adverts = Adverts(name, "detail", OffSale())

    def plan(self, request: LegRequest, vocabulary: Vocabulary) -> SitePlan:
        self.asked.append([make.name for make, _ in request.makes])
        return self.planned

    async def stocked(
        self, leg: InventedLeg, keep: RowFilter, deadline: Deadline, *, bypass_cache: bool
    ) -> StockedLeg | None:
        return invented_stock(self.rows, keep) if leg.whole else None

    def peek(self, leg: InventedLeg, keep: RowFilter, *, bypass_cache: bool) -> StockedLeg | None:
        return invented_stock(self.rows, keep) if leg.whole else None

    async def outlook(
        self, leg: InventedLeg, keep: RowFilter, index: int | None, deadline: Deadline, *, bypass_cache: bool
    ) -> SearchOutlook:
        return SearchOutlook(f"https://site.test/{index}", {}, CacheOutlook(CacheStatus.MISS, None, loads=True))

    def trouble(self, leg: InventedLeg | None = None) -> UpstreamError | None:
        return None

    @property
    def budget(self) -> RateBudget:
        return RateBudget(calls_per_s=4.0, burst=1, in_flight=1, open=0, waiting=0)

    async def chunk(
        self, leg: InventedLeg, index: int, deadline: Deadline, *, bypass_cache: bool
    ) -> CacheResult[Chunk]:
        self.asked.append(index)
        start = index * CHUNK_ROWS
        rows = self.rows[start : start + CHUNK_ROWS]
        ended = start + CHUNK_ROWS >= len(self.rows)
        return CacheResult(Chunk(tuple(rows), len(self.rows), ended), 0.0, CacheStatus.MISS)

    async def count(
        self, leg: InventedLeg, keep: Callable[[Listing], bool], deadline: Deadline, *, bypass_cache: bool
    ) -> CacheResult[int]:
        return CacheResult(sum(map(keep, self.rows)), 0.0, CacheStatus.MISS)

    async def enrich(self, rows: Sequence[Listing], deadline: Deadline, *, bypass_cache: bool) -> EnrichedRows:
        self.asked.append([row.listing_id for row in rows])
        return self.enriched

    async def find(
        self, listing_id: str, deadline: Deadline, *, bypass_cache: bool = False
    ) -> CacheResult[Car | SaleStatus]:
        raise TimedOut("this one never answers")

    async def documents(self, car: Car, krw_per_usd: float, deadline: Deadline, *, insider: bool) -> Documents:
        return Documents()

    async def availability(
        self, listing_ids: Sequence[str], deadline: Deadline, *, bypass_cache: bool
    ) -> Mapping[str, Outcome]:
        self.asked.append((tuple(listing_ids), bypass_cache))
        return dict.fromkeys(listing_ids, Outcome(Buyable.AVAILABLE))

    async def rows_of(self, listing_ids: Sequence[str], deadline: Deadline, *, bypass_cache: bool) -> FoundRows:
        own = {row.listing_id: row for row in self.rows if row.listing_id in listing_ids}
        return FoundRows(own, {number: Outcome(Buyable.GONE) for number in listing_ids if number not in own})

    async def facets(self, deadline: Deadline) -> StockedModels:
        return self.models


def invented_stock(rows: Sequence[Listing], keep: RowFilter) -> StockedLeg:
    """A leg out of stock with these rows, read just now."""
    like = {int(row.listing_id): row for row in rows if keep(row)}
    table = build(map(stocked_car, like.values()))
    selection = Selection(table, np.ones(len(table), np.bool_), ShownRows(lambda each: like[each.number]))
    return StockedLeg(selection.total, selection.rows, 0.0, CacheStatus.HIT, fresh_for_s=60.0)


def stocked_car(row: Listing) -> StockedCar:
    """The car of a row as a site lists it."""
    return StockedCar(
        number=int(row.listing_id),
        kind=(row.model_korean,),
        place=(),
        year=row.year,
        registered=row.registered,
        mileage_km=row.mileage_km,
        price_krw=row.price_krw,
        vehicle=int(row.listing_id),
        original=True,
    )


def car(site: str, number: int, price: int) -> Listing:
    return Listing(
        upstream=site,
        listing_id=str(number),
        vehicle_key=str(number),
        original=True,
        make="Kia",
        model="K5",
        trim=None,
        year=2020,
        registered=202001,
        mileage_km=price,
        price_krw=price * 10_000_000,
        fuel="diesel",
        fuel_word=None,
        transmission=None,
        transmission_word=None,
        engine_cc=None,
        drivetrain=None,
        body=None,
        thumbnail_url=None,
        url="",
        seller_type=None,
        region=None,
        model_korean="K5",
        trim_korean=None,
    )


def search_over(vocabulary: Vocabulary, *sites: InventedSite) -> Callable[..., VehicleList]:
    """Ask the search over sites; a site is found under the name of its place in the list."""
    named: dict[str, Upstream[InventedLeg]] = dict(zip(UPSTREAMS, sites, strict=True))
    rates = FxRates(Rate(1000.0, "2026-04-15T00:00:00+09:00", "static"))
    service = SearchService(sites=named, vocabulary=vocabulary, rates=rates, cursors=CursorCodec("secret"))

    def ask(**params: str) -> VehicleList:
        query = parse({"make": ["Kia"], "sort": ["price_asc"], **{k: [v] for k, v in params.items()}}, vocabulary)
        return asyncio.run(service.answer(query, Deadline(5.0))).answer

    return ask
