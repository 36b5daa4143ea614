"""Every way to fail hits a reading of a whole Encar listing too: it fails with its reason, or every car is there.

Listings of both indexes are read, of cars and of trucks.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, TypeVar

import aiohttp
import pytest
from msgspec.structs import replace

from dealerproxy.sandbox.encar.cars import Load
from dealerproxy.sandbox.encar.inventory import Inventory
from dealerproxy.sandbox.faults import (
    BadRows,
    Drop,
    Fault,
    Latency,
    MissingField,
    PageCap,
    RateLimited,
    RepeatPage,
    Shrunken,
    Status,
    WrongCount,
)
from dealerproxy.transport.errors import Drift, UpstreamError
from dealerproxy.transport.fetch import Fetcher
from dealerproxy.transport.health import Health
from dealerproxy.transport.limits import RateLimiter
from dealerproxy.transport.retry import Retries
from dealerproxy.transport.turns import TurnQueue
from dealerproxy.upstreams.encar.client import MANNERS, EncarClient, request_headers
from dealerproxy.upstreams.encar.indexes import CARS as CARS_INDEX
from dealerproxy.upstreams.encar.indexes import TRUCKS as TRUCKS_INDEX
from dealerproxy.upstreams.encar.indexes import SearchIndex
from dealerproxy.upstreams.encar.makes import MakeReader
from dealerproxy.upstreams.encar.query import Search, TruckSearch
from dealerproxy.upstreams.encar.rows import SearchTarget
from dealerproxy.upstreams.encar.whole import WholeListing, WholeReader
from dealerproxy.upstreams.off_sale import OffSale
from dealerproxy.vocabulary import Vocabulary
from tests.reliability.conftest import GENEROUS_S, Sites, danawa_stock
from tests.reliability.fault_table import FAULTS, TABLE, TIMED
from tests.support.stock import stock

T = TypeVar("T")
CARS, CAP = 60, 20
MAKERS = {CARS_INDEX: "기아", TRUCKS_INDEX: "기아(아시아)"}
ON_OFFER: Mapping[SearchIndex, Mapping[str, Any]] = {
    CARS_INDEX: {},
    TRUCKS_INDEX: {
        "manufacturer": "기아(아시아)",
        "model_group": "",
        "model": "봉고Ⅲ",
        "badge": "킹캡",
        "badge_detail": None,
        "vehicle_type": "TRUCK",
        "load": Load(form="윙바디/탑", form_detail="냉동탑"),
    },
}


class ReadSite:
    """A site, and a real client that reads it; `faults_at` are switched on before the search of that number, from 0."""

    def __init__(self, sites: Sites, client: EncarClient, vocabulary: Vocabulary, index: SearchIndex) -> None:
        self.sites, self._client, self._index = sites, client, index
        make, maker = vocabulary.find_make("Kia"), MAKERS[index]
        assert make is not None
        self.target = SearchTarget(make, maker)
        self.whole = TruckSearch(maker=maker) if index is TRUCKS_INDEX else Search(make=maker)
        self.operation = index.search.name
        self.off_sale = OffSale()
        self.calls = 0
        self.faults_at: dict[int, list[Fault]] = {}
        self.page_s = GENEROUS_S
        self._vocabulary = vocabulary

    async def search(
        self, q: str, read: Callable[[bytes], T], *, sort: str, offset: int, limit: int, within_s: float
    ) -> T:
        if due := self.faults_at.pop(self.calls, []):
            others = list(self.sites.faults)
            self.sites.faults.clear()
            self.sites.faults.add(*due, *others)  # the first is the outermost
        self.calls += 1
        return await self._client.search(
            q, read, sort=sort, offset=offset, limit=limit, within_s=self.page_s, operation=self._index.search
        )

    async def read(self, before: int | None = None) -> WholeListing:
        reader = WholeReader(self.search, self._vocabulary, self.off_sale, index=self._index)
        return await reader.read_whole(self.whole, self.target, before=before)

    async def read_make(self) -> Mapping[str, WholeListing | Drift]:
        reader = WholeReader(self.search, self._vocabulary, self.off_sale)
        makes = MakeReader(reader, self._client.facets, self._vocabulary)
        return {name: found async for name, found in makes.read_make(self.target, {})}


@pytest.fixture(params=[CARS_INDEX, TRUCKS_INDEX], ids=["cars", "trucks"])
def index(request: pytest.FixtureRequest) -> SearchIndex:
    found = request.param
    assert isinstance(found, SearchIndex)
    return found


@pytest.fixture
def inventory(index: SearchIndex) -> Inventory:
    return stock(CARS, **ON_OFFER[index])


@pytest.fixture
async def site(inventory: Inventory, vocabulary: Vocabulary, index: SearchIndex) -> AsyncIterator[ReadSite]:
    sites = Sites(inventory, danawa_stock(1))
    await sites.start()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        fetcher = Fetcher(
            "encar",
            session,
            health=Health(),
            turns=TurnQueue(RateLimiter("encar", rps=100_000, burst=1_000), MANNERS.in_flight),
            retries=Retries(attempt_s=GENEROUS_S),
            manners=MANNERS,
            headers=request_headers("Ours/1.0"),
        )
        url = sites.urls["encar_api_url"]
        yield ReadSite(sites, EncarClient(fetcher, url, url), vocabulary, index)
    await sites.close()


def ids(inventory: Inventory) -> set[int]:
    return {int(car.id) for car in inventory}


@pytest.mark.parametrize("after", [0, 2], ids=["at the first page", "in the middle"])
@pytest.mark.parametrize(
    "fault", [pytest.param(name, marks=pytest.mark.slow if name in TIMED else ()) for name in FAULTS]
)
async def test_a_site_that_fails_ends_the_reading_with_its_reason(
    request: pytest.FixtureRequest, site: ReadSite, fault: str, after: int
) -> None:
    make = FAULTS[fault]
    site.sites.faults.add(PageCap(rows=CAP))
    if fault in TIMED:
        request.getfixturevalue("hurried")
        site.page_s = 1.0
    if make is not None:
        site.faults_at[after] = [make(site.operation)]
    else:
        await site.sites.shut("encar_api")
    with pytest.raises(UpstreamError) as raised:
        await site.read()
    assert raised.value.code == TABLE["search"][fault].cold.reason


WRONG_PAGES: Mapping[str, Fault] = {
    "repeated": RepeatPage(),
    "too few counted": WrongCount(count=3),
    "too many counted": WrongCount(count=500),
    "none counted": WrongCount(count=0),
    "counted as many as a page has": WrongCount(count=CAP),
    "half of the cars gone": Shrunken(share=0.5),
    "all cars gone": Shrunken(share=0.0),
    "bad ids": BadRows(share=0.3),
    "bad prices": BadRows(share=0.3, field="Price"),
    "no ids": MissingField(field="Id", share=0.6),
    "no count": MissingField(field="Count", of="answer"),
    "no rows": MissingField(field="SearchResults", of="answer"),
}


@pytest.mark.parametrize("after", [0, 1, 2])
@pytest.mark.parametrize("fault", WRONG_PAGES.values(), ids=WRONG_PAGES)
async def test_pages_that_do_not_fit_are_drift(site: ReadSite, inventory: Inventory, fault: Fault, after: int) -> None:
    site.sites.faults.add(PageCap(rows=CAP))
    site.faults_at[after] = [replace(fault, operation=site.operation)]
    with pytest.raises(Drift):
        await site.read(before=CARS)
    site.sites.faults.clear()
    assert set((await site.read(before=CARS)).rows) == ids(inventory)


@pytest.mark.parametrize(
    "fault",
    [
        PageCap(rows=7),
        PageCap(rows=1, times=3),
        Status(status=503, times=1),
        Drop(at="body", times=1),
        Latency(ms=5),
        BadRows(share=0.04, field="Price"),
    ],
    ids=lambda fault: type(fault).__name__ + str(fault.times or ""),
)
@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.usefixtures("hurried")
async def test_what_a_reading_can_live_with_costs_calls_and_hardly_a_car(
    site: ReadSite, inventory: Inventory, fault: Fault, after: int
) -> None:
    site.sites.faults.add(PageCap(rows=CAP))
    site.faults_at[after] = [fault]
    listing = await site.read(before=CARS)
    assert set(listing.rows) <= ids(inventory)
    assert len(listing.cars) >= 0.95 * CARS


@pytest.mark.parametrize("share", [1.0, 0.9, 0.8])
async def test_a_site_that_lost_no_more_than_a_fifth_of_its_cars_is_believed(site: ReadSite, share: float) -> None:
    site.sites.faults.add(Shrunken(share=share))
    assert (await site.read(before=CARS)).distinct == share * CARS


async def test_a_rate_limit_in_the_middle_suspends_as_it_does_for_lists(site: ReadSite) -> None:
    site.sites.faults.add(PageCap(rows=CAP))
    site.faults_at[1] = [RateLimited(operation=site.operation, retry_after=60)]
    with pytest.raises(UpstreamError) as raised:
        await site.read()
    assert raised.value.code == "rate_limited"
    asked = site.sites.asked(site.operation)
    with pytest.raises(UpstreamError) as raised:
        await site.read()
    assert raised.value.code == "suspended"
    assert site.sites.asked(site.operation) == asked


async def test_cars_that_cannot_be_bought_are_in_no_listing(
    site: ReadSite, inventory: Inventory, index: SearchIndex
) -> None:
    cars = list(inventory)
    inventory.change(cars[0].id, sales_status="CONTRACT")
    inventory.change(cars[1].id, status="SOLD")
    off_sale = {cars[0].id, cars[1].id}
    if index is CARS_INDEX:  # rows of trucks have no SellType
        inventory.change(cars[2].id, sell_type="리스")
        off_sale.add(cars[2].id)
    listing = await site.read()
    for_sale = {car.number for car in listing.cars}
    assert for_sale == {int(car.id) for car in cars if car.id not in off_sale}
    assert site.off_sale.since("encar", cars[0].id, 0.0) is not None


@pytest.mark.parametrize("index", [CARS_INDEX], indirect=True)
async def test_a_make_is_shared_out_over_the_wire(site: ReadSite, inventory: Inventory) -> None:
    answer = await site.read_make()
    assert not [found for found in answer.values() if isinstance(found, Drift)]
    read = {number for found in answer.values() if isinstance(found, WholeListing) for number in found.rows}
    assert read == ids(inventory)
    assert site.calls == 1
