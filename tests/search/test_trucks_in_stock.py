"""Lists of trucks out of stock: no call, exact totals, one walk with the cars, and trouble that stays theirs."""

from typing import Any

import pytest

from dealerproxy.sandbox import faults
from dealerproxy.sandbox.encar.inventory import Inventory
from dealerproxy.stock.rule import FRESH_S
from dealerproxy.stock.shelf import USABLE_S
from tests.search.conftest import Build, SearchHarness
from tests.support.clock import ClockAhead
from tests.support.inventories import generate
from tests.support.stock import stock

TRUCK = "truck_search"


def codes(answer: Any) -> set[str]:
    return {notice["code"] for notice in answer["notices"]}


def source(answer: Any) -> Any:
    return answer["sources"][0]


async def rows_of(house: SearchHarness, **params: Any) -> list[Any]:
    return [row for answer in await house.walk(**params) for row in answer["data"]]


@pytest.fixture
def fleet() -> Inventory:
    fleet = generate(5, 200, trucks=240)
    for car in list(fleet.known()):
        if car.is_copy:  # a page shows one advert of a car: which one depends on the page
            fleet.remove(car.id)
    return fleet


@pytest.fixture
async def house(build: Build, fleet: Inventory) -> SearchHarness:
    house = await build(fleet, encar_warm="Kia,Hyundai,Scania")
    await house.in_stock(make="Kia,Hyundai,Scania")
    house.stand_in.calls.clear()
    return house


@pytest.mark.parametrize("sort", ["year_desc", "price_asc", "price_desc", "mileage_asc"])
async def test_a_make_with_its_trucks_costs_no_call_and_counts_exactly_whatever_the_filters(
    house: SearchHarness, build: Build, fleet: Inventory, sort: str
) -> None:
    live = await build(fleet, stock_mb=0)
    for filters in ({}, {"fuel": "diesel"}, {"year_min": 2018, "transmission": "manual"}, {"mileage_max_km": 70_000}):
        asked: dict[str, Any] = {"make": "Kia", "sort": sort, **filters}
        pages = await house.walk(**asked)
        rows = [row for page in pages for row in page["data"]]
        assert {source(page)["total"] for page in pages} == {len(rows)}
        assert "order_by_registration" not in codes(pages[0])
        assert {row["model"] for row in rows} & {"Bongo III", "Bongo Frontier"}
        assert {row["id"] for row in rows} == {row["id"] for row in await rows_of(live, **asked)}
    assert list(house.stand_in.calls) == []


async def test_trucks_that_an_auction_only_filter_hides_are_counted_exactly(house: SearchHarness) -> None:
    asked: dict[str, Any] = {"make": "Hyundai,Kia", "model": "Porter,Bongo", "fuel": "electric"}
    rows = await rows_of(house, **asked)
    hidden = await house.ask(auction_status="upcoming", **asked)
    assert hidden["filtered_out"] == source(hidden)["total"] == len(rows) > 0
    assert list(house.stand_in.calls) == []


async def test_no_car_is_found_by_a_trucks_name_and_no_truck_by_a_cars(house: SearchHarness, fleet: Inventory) -> None:
    trucks = {f"encar_{car.id}" for car in fleet if car.load is not None}
    assert {row["id"] for row in await rows_of(house, make="Kia,Hyundai", model="Porter,Bongo")} <= trucks
    cars = await rows_of(house, make="Kia,Hyundai", model="K5,Sorento,Avante,Grandeur")
    assert cars
    assert trucks.isdisjoint(row["id"] for row in cars)
    assert list(house.stand_in.calls) == []


async def test_a_make_that_only_the_truck_index_has_can_be_kept_warm(house: SearchHarness) -> None:
    assert {row["model"] for row in await rows_of(house, make="Scania")} == {"Tractor Unit"}
    assert list(house.stand_in.calls) == []


async def test_all_makes_kept_warm_are_those_of_both_indexes(build: Build, fleet: Inventory) -> None:
    house = await build(fleet, encar_warm="*")
    await house.in_stock(make="Hyundai,Kia,Tata Daewoo,Scania,BMW")


async def test_no_cache_asks_both_indexes(house: SearchHarness) -> None:
    answer = await house.ask(make="Kia", bypass_cache=True)
    assert source(answer)["age_s"] == 0
    assert {call.operation for call in house.stand_in.calls} == {"search", TRUCK}


async def test_a_truck_found_sold_leaves_the_stock(house: SearchHarness) -> None:
    row, *_ = (await house.ask(make="Kia", model="Bongo"))["data"]
    house.inventory.change(row["id"].removeprefix("encar_"), status="SOLD", lingers=True)
    async with house.client.get(f"/v1/vehicles/{row['id']}") as response:
        assert response.status == 404
    answer = await house.ask(make="Kia", model="Bongo")
    assert row["id"] not in {each["id"] for each in answer["data"]}
    assert "left_out_not_buyable" in codes(answer)


async def test_a_walk_goes_on_over_both_indexes_when_their_stock_is_gone(build: Build, fleet: Inventory) -> None:
    ahead = ClockAhead()
    house = await build(fleet, encar_warm="Kia", clock=ahead)
    await house.in_stock(make="Kia")
    first = await house.ask(make="Kia", sort="price_asc", limit=20)
    ahead.ahead_s += USABLE_S
    rows, cursor = list(first["data"]), first["next_cursor"]
    while cursor:
        page = await house.ask(make="Kia", sort="price_asc", limit=20, cursor=cursor)
        rows, cursor = rows + page["data"], page["next_cursor"]
    assert len({row["id"] for row in rows}) == len(rows)
    wanted = {car.id for car in fleet if car.manufacturer in {"기아", "기아(아시아)"} and not car.hidden}
    trucks = {car.id for car in fleet if car.load is not None and car.model == "라이노"}
    assert {row["id"].removeprefix("encar_") for row in rows} <= wanted - trucks


async def test_facets_name_the_trucks_in_stock_and_makes_of_trucks_alone(house: SearchHarness) -> None:
    async with house.client.get("/v1/vehicles/facets") as response:
        models = (await response.json())["models"]
    assert {"Porter II", "Porter", "Mighty", "County", "Xcient"} <= set(models["Hyundai"])
    assert "Pavise" not in models["Hyundai"]
    assert models["Scania"] == ["Tractor Unit"]
    assert "Tata Daewoo" not in models  # not in stock: whether there are any is not known


# Trouble of one index


async def test_trouble_of_the_truck_index_makes_its_stock_stale_and_hides_no_car(
    build: Build, fleet: Inventory
) -> None:
    ahead = ClockAhead()
    house = await build(fleet, encar_warm="Kia", clock=ahead)
    await house.in_stock(make="Kia")
    before = await rows_of(house, make="Kia", sort="price_asc")
    house.stand_in.faults.add(faults.Block(operation=TRUCK))
    ahead.ahead_s += FRESH_S
    await house.ask(make="Kia", model="Bongo", bypass_cache=True)
    assert await rows_of(house, make="Kia", sort="price_asc") == before
    told = await house.ask(make="Kia", model="Bongo")
    assert (source(told)["status"], source(told)["reason"]) in {("stale", "blocked"), ("stale", "suspended")}
    assert house.headers["X-LMN-Partial-Dealer-Unavailable"] == "encar"
    assert source(await house.ask(make="Kia", model="K5,Sorento"))["status"] == "ok"


async def test_cars_come_from_stock_while_trucks_never_could_be_read(build: Build, fleet: Inventory) -> None:
    house = await build(fleet, faults=[faults.Status(operation=TRUCK, status=404)], encar_warm="Kia")
    await house.in_stock(make="Kia", model="K5")
    answer = await house.ask(make="Kia", sort="price_asc")
    assert (house.status, source(answer)["status"]) == (200, "ok")
    assert "trucks_missing" in codes(answer)
    answer = await house.ask(make="Kia", model="K5,Bongo", sort="price_asc")
    assert source(answer)["status"] == "partial"
    assert {row["model"] for row in answer["data"]} == {"K5"}


async def test_a_list_of_live_cars_is_no_hit_because_stock_knows_of_no_trucks(build: Build) -> None:
    unread = faults.Status(operation="search", contains="Manufacturer.기아.))")  # searches without any filter
    house = await build(stock(20), faults=[unread], encar_warm="Kia")
    await house.in_stock(make="Kia", model="Bongo")
    answer = await house.ask(make="Kia", mileage_max_km=900_000)
    assert (len(answer["data"]), house.headers["X-Cache"]) == (20, "miss")


async def test_a_count_of_0_is_told_from_stock_too_and_the_maker_alone_is_searched(
    build: Build, fleet: Inventory
) -> None:
    none = faults.Shrunken(operation=TRUCK, share=0.0, contains="Model.")
    house = await build(fleet, faults=[none])
    for more in range(40):
        answer = await house.ask(make="Kia", model="Rhino", mileage_max_km=100_000 + more)
        assert (source(answer)["status"], answer["data"]) == ("ok", [])
        assert "unconfirmed_empty" in codes(answer)
    checks = [call.q for call in house.stand_in.calls if call.operation == TRUCK and "Model." not in call.q]
    assert checks == ["(And.Hidden.N._.Manufacturer.기아(아시아_).)"]


# What a suspended index means for an explanation


async def explained(house: SearchHarness, **params: Any) -> tuple[str | None, dict[str, tuple[str, str | None, int]]]:
    """The trouble of the site, and of each search its index, source, reason and calls."""
    found = source(await house.ask(explain=1, **params))
    return found["trouble"], {
        TRUCK if "/truck/" in search["url"] else "search": (
            search["answered_from"],
            search["reason"],
            len(search["calls"]),
        )
        for search in found["searches"]
    }


async def test_a_suspended_truck_index_is_no_trouble_of_cars(build: Build, fleet: Inventory) -> None:
    house = await build(fleet, stock_mb=0)
    house.stand_in.faults.add(faults.Block(operation=TRUCK))
    await house.ask(make="Kia", model="Bongo", sort="price_asc")
    live, down = ("live", None, 1), ("nothing", "suspended", 0)
    assert await explained(house, make="Kia", model="Bongo") == ("suspended", {TRUCK: down})
    assert await explained(house, make="Kia", model="K5") == (None, {"search": live})
    assert await explained(house, make="Kia") == (None, {"search": live, TRUCK: down})
    assert await explained(house, make="Kia", model="K5,Bongo") == ("suspended", {"search": live, TRUCK: down})


async def test_a_suspended_search_of_cars_is_no_trouble_of_trucks(build: Build, fleet: Inventory) -> None:
    house = await build(fleet, stock_mb=0)
    house.stand_in.faults.add(faults.Block(operation="search"))
    await house.ask(make="Kia", model="K5", sort="price_asc")
    live, down = ("live", None, 1), ("nothing", "suspended", 0)
    assert await explained(house, make="Kia", model="Bongo") == (None, {TRUCK: live})
    assert await explained(house, make="Kia") == ("suspended", {"search": down, TRUCK: live})
    answer = await house.ask(make="Kia", model="Bongo")
    assert (source(answer)["status"], len(answer["data"])) == ("ok", 48)
