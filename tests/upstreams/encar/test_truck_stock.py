"""Encar's trucks out of stock: which listing answers for which name, and what is believed of one without rows."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dealerproxy.cache.entries import CacheStatus
from dealerproxy.search.plan import plan
from dealerproxy.search.query import parse
from dealerproxy.stock.folder import Folder
from dealerproxy.stock.rule import FRESH_S, WHOLE_S
from dealerproxy.stock.shelf import USABLE_S, Shelf
from dealerproxy.transport.errors import Drift, Suspended, TimedOut, UpstreamError
from dealerproxy.upstreams.encar.dsl import escape
from dealerproxy.upstreams.encar.index_stock import ListingKey
from dealerproxy.upstreams.encar.indexes import TRUCKS
from dealerproxy.upstreams.encar.leg import EncarLeg
from dealerproxy.upstreams.encar.legs import plan_legs
from dealerproxy.upstreams.encar.rows import SearchTarget
from dealerproxy.upstreams.encar.truck_rows import read_truck_search
from dealerproxy.upstreams.encar.truck_stock import UNCOUNTED, TruckStock
from dealerproxy.upstreams.encar.whole import PAGE_ROWS, WholeReader
from dealerproxy.upstreams.off_sale import OffSale
from dealerproxy.upstreams.paging import Order
from dealerproxy.upstreams.query import RowFilter
from dealerproxy.upstreams.stocked import StockedLeg
from dealerproxy.vehicles.listing import Listing
from dealerproxy.vocabulary import Vocabulary
from tests.support.clock import Clock
from tests.upstreams.encar.listing_site import FINE, Car, ListingSite, Trouble

HYUNDAI, KIA, SCANIA = "현대", "기아(아시아)", "스카니아"
PORTERS = ListingKey(HYUNDAI, "포터 Ⅱ|포터|뉴포터")
BONGOS = ListingKey(KIA, "봉고Ⅲ|더 뉴 봉고Ⅲ|봉고프론티어")
RATE = 1000.0


def truck(number: int, model: str = "포터 Ⅱ", maker: str = HYUNDAI, price: float = 1000.0, **facts: Any) -> Car:
    usual = {
        "Manufacturer": maker,
        "Badge": "슈퍼캡",
        "FormDetail": "카고(화물)트럭",
        "Capacity": "1톤",
        "SellType": None,
    }
    return Car(number, price, model, "", number, tuple((usual | facts).items()))


def porters(count: int, **facts: Any) -> list[Car]:
    return [truck(100 + i, price=1000 + i, **facts) for i in range(count)]


class TruckSite(ListingSite):
    """The truck index: it finds by maker and models, and nothing by an axis of the cars."""

    def _found(self, q: str, sort: str) -> list[Car]:
        assert not any(axis in q for axis in ("CarType", "ModelGroup", "SellType"))
        return [
            car
            for car in super()._found(q, sort)
            if f"Manufacturer.{escape(dict(car.extra)['Manufacturer'])}." in q
            and ("Model." not in q or f"Model.{escape(car.generation)}." in q)
        ]


class Trucks:
    """The stock of trucks over an index in memory."""

    def __init__(self, vocabulary: Vocabulary, cars: Sequence[Car] = ()) -> None:
        self.vocabulary, self.site, self.clock = vocabulary, TruckSite(list(cars)), Clock()
        self.off_sale = OffSale(self.clock)
        self.trouble: UpstreamError | None = None
        self.empty: list[SearchTarget] = []
        self.stock = TruckStock(
            WholeReader(self.site.search, vocabulary, self.off_sale, index=TRUCKS, clock=self.clock),
            vocabulary,
            Shelf("encar", self.off_sale, max_bytes=50_000_000, clock=self.clock),
            trouble=lambda: self.trouble,
            fresh_s=60.0,
            empty=lambda leg: self.empty.append(leg.asked),
            clock=self.clock,
        )

    async def read(self, *keys: ListingKey) -> None:
        for key in keys:
            await self.stock.read(str(key))

    def leg(self, **params: str) -> tuple[EncarLeg, RowFilter]:
        query = parse({"upstream": ["encar"], **{name: [value] for name, value in params.items()}}, self.vocabulary)
        planned = plan(query, RATE, self.vocabulary, {"encar": plan_legs})
        (leg,) = (leg for leg in planned.legs if isinstance(leg, EncarLeg) and leg.site_index is TRUCKS)
        return leg, planned.keep

    def ask(self, **params: str) -> StockedLeg | None:
        return self.stock.stocked(*self.leg(**params))

    def rows(self, **params: str) -> Sequence[Listing]:
        found = self.ask(**params)
        assert found is not None
        rows = found.rows(Order.PRICE_ASC)
        assert found.total == len(rows)
        return rows.listings(0, len(rows))

    def numbers(self, **params: str) -> list[int]:
        return sorted(int(row.listing_id) for row in self.rows(**params))

    def due(self, key: ListingKey) -> float:
        return self.stock.readings.demand(str(key)).spared


FLEET = [
    truck(1),
    truck(2, "포터"),
    truck(3, "뉴포터"),
    truck(4, "마이티"),
    truck(5, "포레스트 (포터Ⅱ)"),
    truck(6, "봉고Ⅲ", KIA),
    truck(7, "더 뉴 봉고Ⅲ", KIA),
    truck(8, "봉고프론티어", KIA),
    truck(9, "라이노", KIA),
]


@pytest.mark.parametrize(
    ("params", "own", "expected"),
    [
        ({"make": "Hyundai", "model": "Porter"}, PORTERS, [1, 2, 3]),
        ({"make": "Hyundai"}, PORTERS, [1, 2, 3]),
        ({"make": "Hyundai", "model": "Porter II"}, PORTERS, [1]),
        ({"make": "Hyundai", "model": "New Porter"}, PORTERS, [3]),
        ({"make": "Hyundai", "model": "Forest"}, ListingKey(HYUNDAI, "포레스트 (포터Ⅱ)"), [5]),
        ({"make": "Kia", "model": "Bongo"}, BONGOS, [6, 7, 8]),
        ({"make": "Kia", "model": "Bongo III"}, BONGOS, [6, 7]),
        ({"make": "Kia", "model": "더 뉴 봉고Ⅲ"}, BONGOS, [7]),
        ({"make": "Kia", "model": "Bongo Frontier"}, BONGOS, [8]),
        ({"make": "Kia", "model": "Rhino"}, ListingKey(KIA, "라이노"), [9]),
    ],
)
async def test_a_name_is_answered_from_its_family_and_from_its_maker_alike(
    vocabulary: Vocabulary, params: dict[str, str], own: ListingKey, expected: list[int]
) -> None:
    for listing in (own, ListingKey(own.facet)):
        trucks = Trucks(vocabulary, FLEET)
        assert trucks.ask(**params) is None
        await trucks.read(listing)
        calls = len(trucks.site.calls)
        assert trucks.numbers(**params) == expected
        assert len(trucks.site.calls) == calls


async def test_a_make_that_only_the_index_has_is_answered_from_all_of_its_trucks(vocabulary: Vocabulary) -> None:
    trucks = Trucks(vocabulary, [truck(1, "트렉터", SCANIA), truck(2, "덤프", SCANIA), *FLEET])
    await trucks.read(ListingKey(SCANIA))
    assert trucks.numbers(make="Scania") == [1, 2]
    assert trucks.numbers(make="Scania", model="Tractor Unit") == [1]
    assert trucks.ask(make="Hyundai", model="Porter") is None


async def test_the_newer_of_two_listings_answers(vocabulary: Vocabulary) -> None:
    trucks = Trucks(vocabulary, FLEET)
    await trucks.read(ListingKey(HYUNDAI))
    trucks.site.cars.append(truck(20))
    trucks.clock.at += 10
    await trucks.read(PORTERS)
    assert 20 in trucks.numbers(make="Hyundai", model="Porter")
    assert trucks.numbers(make="Hyundai", model="Mighty") == [4]
    trucks.site.cars.append(truck(21))
    trucks.clock.at += 10
    await trucks.read(ListingKey(HYUNDAI))
    assert 21 in trucks.numbers(make="Hyundai", model="Porter")


FACTS = st.fixed_dictionaries(
    {},
    optional={
        "Badge": st.sampled_from(["슈퍼캡", "킹캡 EV", "4WD 더블캡 LPG", "슈퍼캡 CRDI", None]),
        "FuelType": st.sampled_from(["디젤", "전기", "LPG(일반인 구입)", "기타", None]),
        "Transmission": st.sampled_from(["수동", "오토", "세미오토", None]),
        "FormYear": st.sampled_from(["2019", "2022", None]),
        "Mileage": st.sampled_from([1000.0, 60_000.0, 60_001.0]),
        "Price": st.sampled_from([900.0, 1000.0, 1001.0, 99_999.0]),
        "SalesStatus": st.sampled_from([None, None, "CONTRACT"]),
        "FormDetail": st.sampled_from(["냉동탑", "버스", "꽹과리", None]),
    },
)
ASKED: list[dict[str, str]] = [
    {},
    *({"fuel": fuel} for fuel in ("diesel", "electric", "lpg", "hybrid", "gasoline")),
    *({"transmission": transmission} for transmission in ("manual", "auto", "manual,auto")),
    *({"year_min": "2020"}, {"year_max": "2020"}, {"mileage_max_km": "60000"}),
    *({"price_min_usd": "10000"}, {"price_max_usd": "10000", "fuel": "diesel", "transmission": "manual"}),
]


@given(st.lists(FACTS, min_size=1, max_size=12), st.sampled_from(ASKED))
async def test_stock_shows_exactly_the_rows_that_live_ones_match(
    vocabulary: Vocabulary, facts: list[dict[str, Any]], asked: dict[str, str]
) -> None:
    """A row that lacks a word asked for matches nothing: the index is not asked by it."""
    cars = [truck(100 + i, "더 뉴 봉고Ⅲ", KIA, **each) for i, each in enumerate(facts)]
    trucks = Trucks(vocabulary, cars)
    leg, keep = trucks.leg(make="Kia", model="Bongo", **asked)
    live: list[Listing] = []
    for car in cars:
        site = TruckSite([car])
        _, entries = await site.search(
            leg.q,
            lambda body: read_truck_search(body, leg.asked, vocabulary),
            sort="ModifiedDate",
            offset=0,
            limit=1,
            within_s=1.0,
        )
        live += [entry for entry in entries if isinstance(entry, Listing) and replace(keep, strict=True)(entry)]
    await trucks.read(BONGOS)
    shown = trucks.rows(make="Kia", model="Bongo", **asked)
    assert sorted(shown, key=lambda row: row.id) == sorted(live, key=lambda row: row.id)


async def test_a_truck_off_sale_leaves_the_stock(vocabulary: Vocabulary) -> None:
    trucks = Trucks(vocabulary, porters(3))
    await trucks.read(PORTERS)
    trucks.off_sale.note("encar", "101", trucks.clock.at)
    assert trucks.numbers(make="Hyundai", model="Porter") == [100, 102]


async def test_names_with_trucks_are_known_from_what_is_in_stock(vocabulary: Vocabulary) -> None:
    trucks = Trucks(vocabulary, [truck(1), truck(4, "마이티")])
    hyundai = vocabulary.find_make("Hyundai")
    assert hyundai is not None
    assert trucks.stock.names_in_stock(hyundai) == {}
    await trucks.read(PORTERS)
    assert trucks.stock.names_in_stock(hyundai) == {"Porter II": True, "Porter": False}
    await trucks.read(ListingKey(HYUNDAI))
    known = trucks.stock.names_in_stock(hyundai)
    assert known.keys() > {"Forest", "County", "Mega Truck"}
    assert {name for name, there in known.items() if there} == {"Porter II", "Mighty"}
    trucks.off_sale.note("encar", "4", trucks.clock.at)
    assert not trucks.stock.names_in_stock(hyundai)["Mighty"]


# What is believed


@pytest.mark.parametrize("params", [{"make": "Hyundai", "model": "Porter"}, {"make": "Hyundai"}])
async def test_a_listing_that_counts_0_is_told_and_checked_when_it_is_asked_for(
    vocabulary: Vocabulary, params: dict[str, str]
) -> None:
    trucks = Trucks(vocabulary)
    await trucks.read(PORTERS)
    assert trucks.empty == []
    leg, keep = trucks.leg(**params)
    explained = trucks.stock.peek(leg, keep)
    assert explained is not None
    assert (explained.total, explained.confirmed, trucks.empty) == (0, False, [])
    found = trucks.ask(**params)
    assert found is not None
    assert (found.total, found.confirmed) == (0, False)
    assert trucks.empty == [leg.asked]


async def test_a_model_that_no_truck_of_a_listing_is_of_is_told_and_checked(vocabulary: Vocabulary) -> None:
    trucks = Trucks(vocabulary, FLEET)
    await trucks.read(ListingKey(HYUNDAI))
    found = trucks.ask(make="Hyundai", model="Mega Truck")
    assert found is not None
    assert (found.total, found.confirmed) == (0, False)
    assert [target.trucks for target in trucks.empty] == [("메가트럭",)]


async def test_that_no_truck_matches_a_filter_is_believed(vocabulary: Vocabulary) -> None:
    trucks = Trucks(vocabulary, FLEET)
    await trucks.read(ListingKey(HYUNDAI))
    found = trucks.ask(make="Hyundai", model="Porter", price_max_usd="1")
    assert found is not None
    assert (found.total, found.confirmed, trucks.empty) == (0, True, [])


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(error=TimedOut("slow")),
        Trouble(kept=0.0),
        Trouble(kept=0.5),
        Trouble(empty=True),
        Trouble(cap=20, repeat=True),
        Trouble(counted=7),
        Trouble(counted=0),
        Trouble(spoilt=2, field="Model"),
        Trouble(spoilt=1, field="Price"),
    ],
)
async def test_a_reading_that_fails_keeps_the_old_listing_and_tells_why(
    vocabulary: Vocabulary, trouble: Trouble
) -> None:
    trucks = Trucks(vocabulary, porters(40))
    await trucks.read(PORTERS)
    trucks.clock.at += WHOLE_S
    trucks.site.fail(trouble)
    with pytest.raises((TimedOut, Drift)) as caught:
        await trucks.read(PORTERS)
    found = trucks.ask(make="Hyundai", model="Porter")
    assert found is not None
    assert (found.total, found.confirmed, found.stale) == (40, True, caught.value.code)
    trucks.site.fail(FINE)
    await trucks.read(PORTERS)
    again = trucks.ask(make="Hyundai", model="Porter")
    assert again is not None
    assert (again.state, again.stale) == (CacheStatus.HIT, None)


@pytest.mark.parametrize(
    "foreign",
    [
        Car(1, generation="더 뉴 쏘렌토 4세대"),  # a row of a car
        truck(1, "봉고Ⅲ", KIA),
        truck(1, "마이티"),
        truck(1, "아반떼"),
    ],
    ids=["a car", "another maker", "another model", "a model nobody knows"],
)
async def test_rows_that_were_not_asked_for_are_never_kept(vocabulary: Vocabulary, foreign: Car) -> None:
    trucks = Trucks(vocabulary)
    trucks.site.cars = [foreign._replace(number=100 + i) for i in range(10)]
    trucks.site._found = lambda q, sort: trucks.site.cars  # type: ignore[method-assign]
    with pytest.raises(Drift):
        await trucks.read(PORTERS)
    assert trucks.ask(make="Hyundai", model="Porter") is None


async def test_a_smaller_page_than_asked_for_is_read_on_from_the_row_received(vocabulary: Vocabulary) -> None:
    trucks = Trucks(vocabulary, porters(130))
    trucks.site.fail(Trouble(cap=20))
    await trucks.read(PORTERS)
    assert len(trucks.numbers(make="Hyundai", model="Porter")) == 130


# Ages, demand, and what is kept


async def test_ages_are_those_of_the_truck_index(vocabulary: Vocabulary) -> None:
    trucks = Trucks(vocabulary, porters(3))
    await trucks.read(PORTERS)

    def told(after_s: float) -> tuple[CacheStatus, str | None] | None:
        trucks.clock.at += after_s
        found = trucks.ask(make="Hyundai", model="Porter")
        return None if found is None else (found.state, found.stale)

    assert told(FRESH_S - 1) == (CacheStatus.HIT, None)
    assert told(1) == (CacheStatus.UPDATING, None)
    trucks.trouble = Suspended("blocked", 60.0)
    assert told(0) == (CacheStatus.STALE, "suspended")
    assert told(USABLE_S) is None


async def test_a_check_brings_what_is_new(vocabulary: Vocabulary) -> None:
    trucks = Trucks(vocabulary, porters(40))
    await trucks.read(PORTERS)
    trucks.site.cars += [truck(500, "뉴포터"), truck(501, "마이티")]
    trucks.clock.at += FRESH_S
    calls = len(trucks.site.calls)
    await trucks.stock.check(str(PORTERS))
    assert len(trucks.site.calls) == calls + 1
    assert trucks.numbers(make="Hyundai", model="Porter") == [*range(100, 140), 500]


@pytest.mark.parametrize(
    ("params", "unit"),
    [
        ({"make": "Hyundai"}, PORTERS),
        ({"make": "Hyundai", "model": "Porter II"}, PORTERS),
        ({"make": "Kia", "model": "Bongo", "fuel": "electric"}, BONGOS),
        ({"make": "Kia", "model": "Rhino"}, ListingKey(KIA, "라이노")),
        ({"make": "Scania"}, ListingKey(SCANIA)),
        ({"make": "Scania", "model": "Tractor Unit"}, ListingKey(SCANIA, "트렉터")),
    ],
)
async def test_live_calls_count_toward_the_family_or_the_maker(
    vocabulary: Vocabulary, params: dict[str, str], unit: ListingKey
) -> None:
    trucks = Trucks(vocabulary)
    leg, _ = trucks.leg(**params)
    trucks.stock.fetched(leg)
    trucks.stock.fetched(leg)
    assert trucks.due(unit) == 2


def test_a_listing_nobody_counted_is_taken_for_a_usual_one(vocabulary: Vocabulary) -> None:
    cost = Trucks(vocabulary).stock.cost
    assert cost(str(ListingKey(SCANIA))) == cost(str(ListingKey(KIA, "라이노"))) == UNCOUNTED // PAGE_ROWS
    assert cost(str(PORTERS)) > cost(str(BONGOS)) > UNCOUNTED // PAGE_ROWS


async def test_what_is_in_demand_is_read_and_then_costs_no_call(vocabulary: Vocabulary) -> None:
    trucks = Trucks(vocabulary, FLEET)
    leg, _ = trucks.leg(make="Kia")
    for _ in range(trucks.stock.cost(str(BONGOS))):
        assert trucks.ask(make="Kia") is None
        trucks.stock.fetched(leg)
    trucks.stock.readings.start_due()
    while trucks.stock.readings.last is None:  # noqa: ASYNC110  # a reading has no event to wait for
        await asyncio.sleep(0)
    calls = len(trucks.site.calls)
    for more in range(29):
        assert trucks.ask(make="Kia", mileage_max_km=str(60_000 + more)) is not None
    assert len(trucks.site.calls) == calls
    assert trucks.stock.readings.spared == 29


@pytest.mark.parametrize("key", [PORTERS, ListingKey(SCANIA), ListingKey(HYUNDAI, "포레스트 (포터Ⅱ)")])
async def test_a_kept_listing_answers_after_a_restart(vocabulary: Vocabulary, key: ListingKey, tmp_path: Path) -> None:
    before = Trucks(vocabulary, [*FLEET, truck(30, "트렉터", SCANIA)])
    await before.read(key)
    store = Folder(tmp_path, "encar_trucks", max_bytes=10_000_000, clock=before.clock)
    reading = before.stock.shelf.peek(str(key))
    assert reading is not None
    assert await store.save(str(key), reading)
    after = Trucks(vocabulary)
    after.clock.at = before.clock.at
    async for text, kept in Folder(tmp_path, "encar_trucks", max_bytes=10_000_000, clock=after.clock).newer():
        assert ListingKey.of(text) == key
        await after.stock.restore(text, kept)
    words = after.vocabulary.trucks.make_of(key.facet)
    assert words is not None
    model = "Forest" if key.group and "|" not in key.group else None
    params = {"make": words.name, **({"model": model} if model else {})}
    assert after.rows(**params) == before.rows(**params)
    assert len(after.rows(**params)) > 0
