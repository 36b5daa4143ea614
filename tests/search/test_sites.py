"""The search over sites that nobody knows: all it needs of them is what the protocol says."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from dealerproxy.cache.entries import CacheResult, CacheStatus
from dealerproxy.contract.answers import Buyable, Notice, SkipReason, VehicleList
from dealerproxy.contract.deadline import Deadline
from dealerproxy.contract.rate import Rate, iso_kst
from dealerproxy.contract.terms import UPSTREAMS
from dealerproxy.search.availability import check
from dealerproxy.search.cursor import CursorCodec
from dealerproxy.search.facets import facets
from dealerproxy.search.query import parse
from dealerproxy.search.service import SearchService
from dealerproxy.transport.errors import TimedOut
from dealerproxy.upstreams.absence import Adverts
from dealerproxy.upstreams.availability import Outcome
from dealerproxy.upstreams.off_sale import OffSale
from dealerproxy.upstreams.paging import CHUNK_ROWS, matching
from dealerproxy.upstreams.query import LegRequest
from dealerproxy.upstreams.results import EnrichedRows, SitePlan, StockedModels
from dealerproxy.upstreams.upstream import Upstream
from dealerproxy.vehicles.car import Car, Documents, SaleStatus
from dealerproxy.vehicles.fx import FxRates
from dealerproxy.vehicles.listing import Chunk, Listing
from dealerproxy.vocabulary import Vocabulary

FIRST, SECOND = UPSTREAMS


class InventedLeg(NamedTuple):
    """A leg that says how it is to be read."""

    upstream: str
    q: str
    whole: bool


class InventedSite:
    """A site with rows at hand, read in chunks or whole; it notes what it was asked."""

    operations = ("rows",)

    def __init__(self, name: str, prices: Sequence[int] = (), *, whole: bool = False) -> None:
        self.rows = [car(name, number, price) for number, price in enumerate(prices, 1)]
        self.planned = SitePlan([InventedLeg(name, "all", whole)])
        self.enriched = EnrichedRows()
        self.stocked = StockedModels({})
        self.asked: list[object] = []
        self.adverts = Adverts(name, "detail", OffSale())

    def plan(self, request: LegRequest, vocabulary: Vocabulary) -> SitePlan:
        self.asked.append([make.name for make, _ in request.makes])
        return self.planned

    async def chunk(
        self, leg: InventedLeg, index: int, deadline: Deadline, *, bypass_cache: bool
    ) -> CacheResult[Chunk]:
        self.asked.append(index)
        start = index * CHUNK_ROWS
        rows = self.rows if leg.whole else self.rows[start : start + CHUNK_ROWS]
        ended = leg.whole or start + CHUNK_ROWS >= len(self.rows)
        return CacheResult(Chunk(tuple(rows), len(self.rows), ended), 0.0, CacheStatus.MISS)

    async def count(
        self, leg: InventedLeg, keep: Callable[[Listing], bool], deadline: Deadline, *, bypass_cache: bool
    ) -> CacheResult[int]:
        chunk = Chunk(tuple(self.rows), len(self.rows), ended=True)
        return CacheResult(matching(chunk, keep), 0.0, CacheStatus.MISS)

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

    async def facets(self, deadline: Deadline) -> StockedModels:
        return self.stocked


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


@pytest.mark.parametrize("whole", [(False, False), (False, True), (True, False), (True, True)])
def test_rows_of_all_sites_are_merged_however_their_legs_are_read(
    vocabulary: Vocabulary, whole: tuple[bool, bool]
) -> None:
    odd, even = InventedSite(FIRST, range(1, 120, 2), whole=whole[0]), InventedSite(SECOND, range(2, 120, 2))
    even.planned = SitePlan([InventedLeg(SECOND, "all", whole[1])])
    ask = search_over(vocabulary, odd, even)
    prices: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        answer = ask(**cursor)
        prices += [row.mileage_km for row in answer.data]
        if answer.next_cursor is None:
            break
        cursor = {"cursor": answer.next_cursor}
    assert prices == list(range(1, 120))
    for site, is_whole in zip((odd, even), whole, strict=True):
        assert {index for index in site.asked if isinstance(index, int)} == ({0} if is_whole else {0, 1})


def test_the_sites_plan_and_what_they_say_comes_in_their_order(vocabulary: Vocabulary) -> None:
    sites = InventedSite(FIRST), InventedSite(SECOND)
    for number, site in enumerate(sites):
        site.planned = SitePlan(skip=list(SkipReason)[1 + number], notices=[Notice(code=f"n{number}", message="")])
    answer = search_over(vocabulary, *sites)()
    assert [source.reason for source in answer.sources] == [SkipReason.NOTHING_TO_ASK, SkipReason.NO_FACET]
    assert [notice.code for notice in answer.notices] == ["n0", "n1"]
    assert [site.asked for site in sites] == [[["Kia"]], [["Kia"]]]


def test_a_site_that_was_excluded_plans_nothing(vocabulary: Vocabulary) -> None:
    first, second = InventedSite(FIRST, [1]), InventedSite(SECOND, [2])
    answer = search_over(vocabulary, first, second)(upstream=SECOND)
    assert [row.id for row in answer.data] == [f"{SECOND}_1"]
    assert first.asked == []


@pytest.mark.parametrize("whole", [(False, True), (True, False)])
@pytest.mark.parametrize("earlier", [FIRST, SECOND])
def test_of_two_adverts_of_one_car_that_of_the_site_listed_first_is_shown(
    vocabulary: Vocabulary, whole: tuple[bool, bool], earlier: str
) -> None:
    """Whichever of them the merge meets first, and however their legs are read."""
    first, second = (InventedSite(name, [7], whole=is_whole) for name, is_whole in zip(UPSTREAMS, whole, strict=True))
    # The same car, met first at one site: before it there is another one of the same price.
    waiting = first if earlier == SECOND else second
    waiting.rows.insert(0, replace(waiting.rows[0], listing_id="2", vehicle_key="2", mileage_km=1, price_krw=10))
    answer = search_over(vocabulary, first, second)()
    assert [row.id for row in answer.data if row.mileage_km == 7] == [f"{FIRST}_1"]
    assert [(notice.code, notice.count) for notice in answer.notices] == [("left_out_duplicate", 1)]


def test_each_site_enriches_its_own_rows(vocabulary: Vocabulary) -> None:
    first, second = InventedSite(FIRST, [1, 3, 5]), InventedSite(SECOND, [2, 4])
    first.enriched = EnrichedRows({"1": replace(first.rows[0], colour="red"), "2": None}, TimedOut("slow"))
    answer = search_over(vocabulary, first, second)(include="enriched")
    assert [(row.id, row.color) for row in answer.data] == [
        (f"{FIRST}_1", "red"),
        (f"{SECOND}_1", None),
        (f"{SECOND}_2", None),
        (f"{FIRST}_3", None),
    ]
    assert (first.asked[-1], second.asked[-1]) == (["1", "2", "3"], ["1", "2"])
    assert [(notice.code, notice.count) for notice in answer.notices] == [
        ("not_enriched", 3),
        ("left_out_not_buyable", 1),
    ]
    assert f"({TimedOut.code})" in answer.notices[0].message


async def test_each_site_checks_its_own_cars() -> None:
    first, second = InventedSite(FIRST), InventedSite(SECOND)
    sites: dict[str, Upstream[InventedLeg]] = {FIRST: first, SECOND: second}
    found = await check(sites, {SECOND: ["5", "4"], FIRST: ["5"]}, Deadline(1.0), bypass_cache=True)
    assert list(found) == [(SECOND, "5"), (SECOND, "4"), (FIRST, "5")]
    assert (first.asked, second.asked) == ([(("5",), True)], [(("5", "4"), True)])


async def test_facets_are_joined_in_the_order_of_the_sites_and_as_old_as_the_oldest(vocabulary: Vocabulary) -> None:
    first, second = InventedSite(FIRST), InventedSite(SECOND)
    first.stocked = StockedModels({"Kia": ["K5", "Ray"], "BMW": []}, 2000.0, [Notice(code="n", message="")])
    second.stocked = StockedModels({"Kia": ["Ray", "Bongo"], "Lotus": ["Emira"]})
    sites: dict[str, Upstream[InventedLeg]] = {FIRST: first, SECOND: second}
    answer = await facets(sites, vocabulary, (), Deadline(1.0), now=lambda: 3000.0)
    assert answer.makes == ["Kia", "BMW", "Lotus"]
    assert answer.models == {"Kia": ["K5", "Ray", "Bongo"], "BMW": [], "Lotus": ["Emira"]}
    assert answer.as_of == iso_kst(2000.0)
    assert [notice.code for notice in answer.notices] == ["n"]
    first.stocked = StockedModels({})
    assert (await facets(sites, vocabulary, ("dealer",), Deadline(1.0), now=lambda: 3000.0)).as_of == iso_kst(3000.0)
