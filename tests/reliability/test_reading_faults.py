"""Every way to fail hits a reading of a whole Encar listing too: it fails with its reason, or every car is there."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import TypeVar

import aiohttp
import pytest

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
from dealerproxy.upstreams.encar.makes import MakeReader
from dealerproxy.upstreams.encar.query import Search
from dealerproxy.upstreams.encar.rows import SearchTarget
from dealerproxy.upstreams.encar.whole import WholeListing, WholeReader
from dealerproxy.upstreams.off_sale import OffSale
from dealerproxy.vocabulary import Vocabulary
from tests.reliability.conftest import GENEROUS_S, Sites, danawa_stock
from tests.reliability.fault_table import FAULTS, TABLE, TIMED
from tests.support.stock import stock

T = TypeVar("T")
CARS, CAP = 60, 20
KIA = Search(make="기아")


class ReadSite:
    """A site, and a real client that reads it; `faults_at` are switched on before the search of that number, from 0."""

    def __init__(self, sites: Sites, client: EncarClient, vocabulary: Vocabulary) -> None:
        self.sites, self._client = sites, client
        make = vocabulary.find_make("Kia")
        assert make is not None
        self.target = SearchTarget(make, "기아")
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
        return await self._client.search(q, read, sort=sort, offset=offset, limit=limit, within_s=self.page_s)

    async def read(self, before: int | None = None) -> WholeListing:
        reader = WholeReader(self.search, self._vocabulary, self.off_sale)
        return await reader.read_whole(KIA, self.target, before=before)

    async def read_make(self) -> Mapping[str, WholeListing | Drift]:
        reader = WholeReader(self.search, self._vocabulary, self.off_sale)
        makes = MakeReader(reader, self._client.facets, self._vocabulary)
        return {name: found async for name, found in makes.read_make(self.target, {})}


@pytest.fixture
def inventory() -> Inventory:
    return stock(CARS)


@pytest.fixture
async def site(inventory: Inventory, vocabulary: Vocabulary) -> AsyncIterator[ReadSite]:
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
        yield ReadSite(sites, EncarClient(fetcher, url, url), vocabulary)
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
        site.faults_at[after] = [make("search")]
    else:
        await site.sites.shut("encar_api")
    with pytest.raises(UpstreamError) as raised:
        await site.read()
    assert raised.value.code == TABLE["search"][fault].cold.reason


WRONG_PAGES: Mapping[str, Fault] = {
    "repeated": RepeatPage(operation="search"),
    "too few counted": WrongCount(operation="search", count=3),
    "too many counted": WrongCount(operation="search", count=500),
    "none counted": WrongCount(operation="search", count=0),
    "counted as many as a page has": WrongCount(operation="search", count=CAP),
    "half of the cars gone": Shrunken(operation="search", share=0.5),
    "all cars gone": Shrunken(operation="search", share=0.0),
    "bad ids": BadRows(operation="search", share=0.3),
    "bad prices": BadRows(operation="search", share=0.3, field="Price"),
    "no ids": MissingField(operation="search", field="Id", share=0.6),
    "no count": MissingField(operation="search", field="Count", of="answer"),
    "no rows": MissingField(operation="search", field="SearchResults", of="answer"),
}


@pytest.mark.parametrize("after", [0, 1, 2])
@pytest.mark.parametrize("fault", WRONG_PAGES.values(), ids=WRONG_PAGES)
async def test_pages_that_do_not_fit_are_drift(site: ReadSite, inventory: Inventory, fault: Fault, after: int) -> None:
    site.sites.faults.add(PageCap(rows=CAP))
    site.faults_at[after] = [fault]
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
    site.faults_at[1] = [RateLimited(operation="search", retry_after=60)]
    with pytest.raises(UpstreamError) as raised:
        await site.read()
    assert raised.value.code == "rate_limited"
    asked = site.sites.asked("search")
    with pytest.raises(UpstreamError) as raised:
        await site.read()
    assert raised.value.code == "suspended"
    assert site.sites.asked("search") == asked


async def test_cars_that_cannot_be_bought_are_in_no_listing(site: ReadSite, inventory: Inventory) -> None:
    cars = list(inventory)
    inventory.change(cars[0].id, sales_status="CONTRACT")
    inventory.change(cars[1].id, sell_type="리스")
    inventory.change(cars[2].id, status="SOLD")
    listing = await site.read()
    for_sale = {car.number for car in listing.cars}
    assert for_sale == {int(car.id) for car in cars[3:]}
    assert site.off_sale.since("encar", cars[0].id, 0.0) is not None


async def test_a_make_is_shared_out_over_the_wire(site: ReadSite, inventory: Inventory) -> None:
    answer = await site.read_make()
    assert not [found for found in answer.values() if isinstance(found, Drift)]
    read = {number for found in answer.values() if isinstance(found, WholeListing) for number in found.rows}
    assert read == ids(inventory)
    assert site.calls == 1
