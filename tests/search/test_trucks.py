"""Trucks in lists: asked of Encar's other index, merged with cars, and told when they are missing."""

import re
from typing import Any

import orjson
import pytest
from yarl import URL

from dealerproxy.sandbox import faults
from dealerproxy.sandbox.danawa.inventory import DanawaInventory
from dealerproxy.sandbox.encar.cars import Car, Load
from dealerproxy.sandbox.encar.inventory import Inventory
from dealerproxy.sandbox.encar.papers import Sheet
from dealerproxy.sandbox.faults import Fault
from dealerproxy.upstreams.encar.query import TRUCK_PATH, search_url
from tests.search.conftest import Build, SearchHarness
from tests.support.inventories import generate

HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")
TRUCK = "truck_search"


def truck(inventory: Inventory, *, load: dict[str, Any] | None = None, **fields: Any) -> Car:
    """An ordinary Bongo III, with what a test cares about."""
    words = {"form": "윙바디/탑", "form_detail": "냉동탑", "standard": "초장축", **(load or {})}
    usual: dict[str, Any] = {
        "manufacturer": "기아(아시아)",
        "model_group": "",
        "model": "봉고Ⅲ",
        "badge": "킹캡 CRDI",
        "badge_detail": None,
        "fuel": "디젤",
        "transmission": "수동",
        "year": 201803,
        "form_year": "2018",
        "price": 1_100,
        "mileage": 90_000,
        "vehicle_type": "TRUCK",
    }
    return inventory.insert(inventory.new_car(load=Load(**words), **{**usual, **fields}))


@pytest.fixture
def stock() -> Inventory:
    return generate(5, 300, trucks=240)


@pytest.fixture
async def house(build: Build, stock: Inventory) -> SearchHarness:
    return await build(stock)


def asked(house: SearchHarness) -> list[tuple[str, str]]:
    """The searches that were sent: their index and their `q`."""
    return [(call.operation, call.q) for call in house.stand_in.calls if call.operation in {TRUCK, "search"}]


def of_kind(answer: Any) -> set[tuple[str, str]]:
    return {(row["make"], row["model"]) for row in answer["data"]}


def codes(answer: Any) -> set[str]:
    return {notice["code"] for notice in answer["notices"]} - {"order_by_registration"}


def state(answer: Any) -> tuple[str, str | None]:
    return answer["sources"][0]["status"], answer["sources"][0]["reason"]


async def all_of(house: SearchHarness, **params: Any) -> list[Any]:
    return [row for answer in await house.walk(**params) for row in answer["data"]]


# What is asked


async def test_porter_and_bongo_are_two_searches_of_the_truck_index_and_a_car_model_is_a_third(
    house: SearchHarness,
) -> None:
    await house.ask(make="Hyundai,Kia", model="Porter,Bongo")
    assert [operation for operation, _ in asked(house)] == [TRUCK, TRUCK]
    house.stand_in.calls.clear()
    await house.ask(make="Hyundai,Kia", model="Porter,Bongo,Avante", sort="price_asc")
    assert sorted(operation for operation, _ in asked(house)) == ["search", TRUCK, TRUCK]


@pytest.mark.parametrize(
    ("make", "model", "q"),
    [
        ("Hyundai", "Porter II", "(And.Hidden.N._.(C.Manufacturer.현대._.Model.포터 Ⅱ.))"),
        ("Hyundai", "Porter", "(And.Hidden.N._.Manufacturer.현대._.(Or.Model.포터 Ⅱ._.Model.포터._.Model.뉴포터.))"),
        (
            "Kia",
            "Bongo",
            "(And.Hidden.N._.Manufacturer.기아(아시아_)._.(Or.Model.봉고Ⅲ._.Model.더 뉴 봉고Ⅲ._.Model.봉고프론티어.))",
        ),
        ("Kia", "Bongo Frontier", "(And.Hidden.N._.(C.Manufacturer.기아(아시아_)._.Model.봉고프론티어.))"),
        ("Hyundai", "Forest", "(And.Hidden.N._.(C.Manufacturer.현대._.Model.포레스트 (포터Ⅱ_).))"),
        ("Scania", None, "(And.Hidden.N._.Manufacturer.스카니아.)"),
    ],
)
async def test_the_query_is_the_one_the_site_and_its_clients_write(
    house: SearchHarness, make: str, model: str | None, q: str
) -> None:
    await house.ask(make=make, model=model)
    (call,) = house.stand_in.calls
    assert (call.operation, call.view, call.q, call.offset, call.limit) == (TRUCK, "premium", q, 0, 48)


async def test_bounds_are_written_as_those_of_cars(house: SearchHarness) -> None:
    await house.ask(make="Hyundai", model="Porter II", year_min=2023, year_max=2025, mileage_max_km=50_000)
    bounds = "Year.range(202201..202512)._.Mileage.range(0..50000)."
    assert asked(house) == [
        (TRUCK, f"(And.Hidden.N._.(C.Manufacturer.현대._.Model.포터 Ⅱ.)_.{bounds})"),
    ]


@pytest.mark.parametrize(
    ("sort", "word"),
    [
        ("auction_date_asc", "Year"),
        ("year_desc", "Year"),
        ("price_asc", "PriceAsc"),
        ("price_desc", "PriceDesc"),
        ("mileage_asc", "MileageAsc"),
    ],
)
async def test_every_sort_is_one_of_the_index(house: SearchHarness, sort: str, word: str) -> None:
    rows = await all_of(house, make="Kia", model="Bongo", sort=sort)
    assert {call.sort for call in house.stand_in.calls} == {word}
    assert len(rows) > 48
    assert len({row["id"] for row in rows}) == len(rows)


@pytest.mark.parametrize(("make", "family"), [("Hyundai", "Porter"), ("Kia", "Bongo")])
async def test_a_make_alone_brings_its_light_trucks_and_no_others(house: SearchHarness, make: str, family: str) -> None:
    rows = await all_of(house, make=make)
    models = {row["model"] for row in rows}
    assert any(model.startswith(family) for model in models)
    assert models.isdisjoint({"Mighty", "County", "Xcient"})
    assert len(models) > 3  # cars, too


async def test_a_make_of_cars_alone_asks_nothing_of_the_truck_index(house: SearchHarness) -> None:
    await house.ask(make="BMW,Volvo")
    await house.ask(make="Kia", model="Carnival,Bongo III Minibus")
    assert {operation for operation, _ in asked(house)} == {"search"}


@pytest.mark.parametrize("model", ["Mighty", "County", "Xcient", "Solati"])
async def test_other_trucks_and_buses_come_by_name(house: SearchHarness, model: str) -> None:
    rows = await all_of(house, make="Hyundai", model=model)
    assert {row["model"] for row in rows if int(row["id"].removeprefix("encar_")) < 40_000_000} == {model}


async def test_a_make_that_only_the_truck_index_has_is_searched_there(house: SearchHarness) -> None:
    assert {row["model"] for row in await all_of(house, make="Tata Daewoo")} == {"Prima Dump Truck"}
    assert {row["model"] for row in await all_of(house, make="Scania", model="Tractor Unit")} == {"Tractor Unit"}


async def test_trucks_nobody_named_never_make_a_query_too_large(house: SearchHarness, vocabulary: Any) -> None:
    domestic = [make.name for make in vocabulary.makes if len(make.facets) == 1][:24]
    answer = await house.ask(make=",".join(domestic))
    assert (house.status, "Kia" in domestic) == (200, True)
    assert "trucks_missing" in codes(answer)
    named = [model.name for model in vocabulary.models_of(vocabulary.find_make("Kia"))][:24]
    await house.ask(make="Kia", model=",".join([*named, "Bongo"]))
    assert house.status == 400


# Filters


@pytest.mark.parametrize(
    ("filters", "matches"),
    [
        ({"fuel": "electric"}, lambda row: row["fuel"] == "electric"),
        ({"fuel": "lpg"}, lambda row: row["fuel"] == "lpg"),
        ({"transmission": "manual"}, lambda row: row["transmission"] == "manual"),
        (
            {"transmission": "auto", "fuel": "diesel"},
            lambda row: (row["transmission"], row["fuel"]) == ("auto", "diesel"),
        ),
        ({"year_min": 2015, "year_max": 2020}, lambda row: 2015 <= row["year"] <= 2020),
        ({"mileage_max_km": 60_000}, lambda row: row["mileage_km"] <= 60_000),
        ({"price_max_usd": 9_000}, lambda row: row["pricing"]["listing_price"] <= 9_000),
    ],
)
async def test_a_filter_keeps_the_rows_that_match_and_loses_none(
    house: SearchHarness, filters: dict[str, Any], matches: Any
) -> None:
    everything = await all_of(house, make="Hyundai,Kia", model="Porter,Bongo", sort="price_asc")
    found = await all_of(house, make="Hyundai,Kia", model="Porter,Bongo", sort="price_asc", **filters)
    assert found == [row for row in everything if matches(row)]
    assert 0 < len(found) < len(everything)


@pytest.mark.parametrize(
    "filters", [{}, {"fuel": "diesel"}, {"price_min_usd": 3_000, "price_max_usd": 20_000}], ids=str
)
@pytest.mark.parametrize("sort", ["price_asc", "price_desc", "mileage_asc", "year_desc"])
async def test_every_page_of_a_walk_has_the_total_of_the_first_also_when_its_trucks_are_all_shown(
    house: SearchHarness, sort: str, filters: dict[str, Any]
) -> None:
    pages = await house.walk(make="Kia", sort=sort, limit=3, **filters)
    kinds = [{row["model"] for row in page["data"]} for page in pages]
    assert any("Bongo III" in models for models in kinds)
    totals = {page["sources"][0]["total"] for page in pages}
    assert len(totals) == 1
    assert (totals == {None}) == ("fuel" in filters)


async def test_a_search_by_fuel_tells_no_total_because_the_site_counts_all(house: SearchHarness) -> None:
    answer = await house.ask(make="Kia", model="Bongo", fuel="electric")
    assert answer["sources"][0]["total"] is None
    hidden = await house.ask(make="Kia", model="Bongo", fuel="electric", auction_status="upcoming")
    assert (hidden["filtered_out"], hidden["sources"][0]["total"]) == (None, None)
    hidden = await house.ask(make="Kia", model="Bongo", auction_status="upcoming")
    assert hidden["filtered_out"] == hidden["sources"][0]["total"] > 0


@pytest.mark.parametrize("filters", [{"color": "white"}, {"options_include": "sunroof"}])
async def test_colour_and_options_leave_the_trucks_out_and_say_so(
    house: SearchHarness, filters: dict[str, Any]
) -> None:
    answer = await house.ask(make="Kia", model="Bongo", **filters)
    (field,) = filters
    told = [(notice["code"], notice["field"]) for notice in answer["notices"]]
    assert (state(answer), answer["data"], told) == (
        ("skipped", "filter_unsupported"),
        [],
        [("filter_unsupported", field)],
    )
    assert asked(house) == []
    answer = await house.ask(make="Kia", **filters)
    assert "filter_unsupported" in codes(answer)
    assert {operation for operation, _ in asked(house)} == {"search"}
    assert state(answer)[0] == "ok"


async def test_trucks_nobody_named_are_not_searched_for_a_fuel_they_never_have(house: SearchHarness) -> None:
    await house.ask(make="Kia,Hyundai", fuel="gasoline")
    assert {operation for operation, _ in asked(house)} == {"search"}
    await house.ask(make="Kia", fuel="electric")
    assert TRUCK in {operation for operation, _ in asked(house)}


# Rows


async def test_a_row_says_cab_wheelbase_body_and_load_in_english(build: Build) -> None:
    inventory = Inventory()
    car = truck(inventory)
    house = await build(inventory)
    answer = await house.ask(make="Kia", model="Bongo III", include="dealer", krw_per_usd=1000)
    (row,) = answer["data"]
    dealer = row.pop("dealer")
    assert row == {
        "id": f"encar_{car.id}",
        "source": "dealer",
        "make": "Kia",
        "model": "Bongo III",
        "trim": "King Cab CRDi, Extra-Long, Refrigerated Box, 1 t",
        "year": 2018,
        "mileage_km": 90_000,
        "fuel": "diesel",
        "transmission": "manual",
        "color": None,
        "engine_cc": None,
        "drivetrain": None,
        "options": [],
        "accident_grade": None,
        "exterior_grade": None,
        "auction_date": None,
        "order_cutoff_at": None,
        "thumbnail_url": row["thumbnail_url"],
        "pricing": row["pricing"],
        "auction_result": None,
        "auction_count": None,
    }
    assert row["thumbnail_url"].startswith("https://ci.encar.com/")
    assert row["pricing"]["breakdown"]["ocean_freight"] == 1800
    assert row["pricing"]["listing_price"] == 11_000
    assert dealer["truck"] == {
        "form": "Wing Body or Box",
        "form_detail": "Refrigerated Box",
        "capacity": "1 t",
        "standard": "Extra-Long",
        "use": "private",
    }
    assert (dealer["body"], dealer["model_korean"]) == ("truck", "봉고Ⅲ")


@pytest.mark.parametrize(
    ("fields", "load", "told"),
    [
        ({"badge": "킹캡 EV", "fuel": "기타"}, {}, {"fuel": "electric"}),
        ({"badge": "킹캡", "fuel": "전기"}, {}, {"fuel": "electric"}),
        ({"badge": "4WD 킹캡 LPG", "left_out": frozenset({"FuelType"})}, {}, {"fuel": "lpg", "drivetrain": "4WD"}),
        (
            {"badge": "킹캡", "left_out": frozenset({"FuelType", "Transmission"})},
            {},
            {"fuel": None, "transmission": None},
        ),
        (
            {"model": "더 뉴 봉고Ⅲ"},
            {},
            {"model": "Bongo III", "trim": "King Cab CRDi, Extra-Long, Refrigerated Box, 1 t (The New)"},
        ),
        ({"badge": "기타"}, {"form_detail": "기타", "capacity": "기타"}, {"trim": "Extra-Long"}),
        (
            {"badge": "등급 없음"},
            {"form_detail": "기타", "capacity": "30 이상톤", "standard": None},
            {"trim": "30 t or more"},
        ),
        (
            {"badge": "4WD 킹캡 TCI"},
            {"capacity": "1.2톤"},
            {"trim": "4WD King Cab TCI, Extra-Long, Refrigerated Box, 1.2 t"},
        ),
        ({"badge": "꽹과리 킹캡"}, {"form_detail": "꽹과리"}, {"trim": "King Cab, Extra-Long, 1 t"}),
        ({"left_out": frozenset({"FormYear"})}, {}, {"year": 2018}),
    ],
)
async def test_what_a_row_says_or_lacks(
    build: Build, fields: dict[str, Any], load: dict[str, Any], told: dict[str, Any]
) -> None:
    inventory = Inventory()
    truck(inventory, load=load, **fields)
    house = await build(inventory)
    (row,) = (await house.ask(make="Kia", model="Bongo", include="dealer"))["data"]
    assert told.items() <= row.items()
    row.pop("dealer")
    assert not HANGUL.search(orjson.dumps(row).decode())


@pytest.mark.parametrize(
    ("form", "detail", "body"),
    [
        ("버스", "버스", "bus"),
        ("윙바디/탑", "씨티/워크스루밴", "van"),
        ("윙바디/탑", "기타", "truck"),
        ("트렉터", "트렉터", "truck"),
        ("캠핑카/캠핑 트레일러", "캠핑카", "truck"),
    ],
)
async def test_the_body_is_a_truck_unless_the_form_says_otherwise_and_pays_the_large_freight(
    build: Build, form: str, detail: str, body: str
) -> None:
    inventory = Inventory()
    truck(inventory, load={"form": form, "form_detail": detail})
    house = await build(inventory)
    (row,) = (await house.ask(make="Kia", model="Bongo", include="dealer"))["data"]
    assert (row["dealer"]["body"], row["pricing"]["breakdown"]["ocean_freight"]) == (body, 1800)


async def test_no_row_of_any_truck_holds_korean(house: SearchHarness) -> None:
    rows = await all_of(house, make="Hyundai,Kia,Tata Daewoo,Scania", model="Porter,Bongo,Mighty,County,Prima,Tractor")
    assert len(rows) > 150
    for row in rows:
        assert not HANGUL.search(orjson.dumps(row).decode()), row
        assert row["trim"] or row["model"] in {"Porter II", "Bongo III", "County", "Porter"}, row


async def test_a_page_mixes_cars_and_trucks_by_the_sort_and_a_walk_repeats_none(house: SearchHarness) -> None:
    pages = await house.walk(make="Kia", sort="price_asc")
    rows = [row for page in pages for row in page["data"]]
    prices = [row["pricing"]["listing_price"] for row in rows]
    assert prices == sorted(prices)
    assert len({row["id"] for row in rows}) == len(rows)
    assert len(of_kind({"data": pages[0]["data"]})) > 2
    known = {car.id for car in house.inventory if car.manufacturer == "기아(아시아)" and not car.hidden}
    assert known == {row["id"].removeprefix("encar_") for row in rows if row["model"].startswith("Bongo")}


async def test_the_row_of_a_truck_by_its_id_is_that_of_the_list_filled_from_its_advert(build: Build) -> None:
    inventory = Inventory()
    for load, fields in (({}, {}), ({"capacity": "1.2톤"}, {"badge": "4WD 킹캡", "model": "더 뉴 봉고Ⅲ"})):
        truck(inventory, load=load, **fields)
    house = await build(inventory)
    rows = (await house.ask(make="Kia", model="Bongo", include="dealer"))["data"]
    by_id = (await house.ask(ids=",".join(row["id"] for row in rows), include="dealer", upstream=None))["data"]
    assert len(rows) == 2
    for row, other in zip(rows, by_id, strict=True):
        assert row["dealer"]["truck"] is not None
        filled = {"color": other["color"], "engine_cc": other["engine_cc"], "options": other["options"]}
        assert other == row | filled


async def test_availability_of_trucks_is_that_of_cars(house: SearchHarness) -> None:
    row, other = (await house.ask(make="Kia", model="Bongo"))["data"][:2]
    house.inventory.change(other["id"].removeprefix("encar_"), status="SOLD", lingers=True)
    async with house.client.post("/v1/vehicles/availability", json={"ids": [row["id"], other["id"]]}) as response:
        states = [each["status"] for each in (await response.json())["data"]]
    assert states == ["available", "sold"]


async def test_a_truck_on_both_sites_is_one_car_and_encars_row_stays(build: Build) -> None:
    inventory, danawa = Inventory(), DanawaInventory()
    there = truck(inventory)
    rows = (("봉고Ⅲ화물", "CRDi 킹캡", "초장축", 2018), ("더 뉴봉고Ⅲ화물", "1톤 더블캡", "초장축 GL", 2021))
    for model, grade, detail, year in rows:
        facts = {"mileage": there.mileage, "price": there.price, "year": year}
        danawa.insert(danawa.new_car(brand="기아", model=model, grade=grade, detail=detail, **facts))
    house = await build(inventory, danawa)
    answer = await house.ask(make="Kia", model="Bongo", sort="price_asc")
    assert [(row["id"].split("_")[0], row["model"], row["trim"]) for row in answer["data"]] == [
        ("encar", "Bongo III", "King Cab CRDi, Extra-Long, Refrigerated Box, 1 t"),
        ("danawa", "Bongo III", "Double Cab, Extra-Long, 1 t, GL (The New)"),
    ]
    assert "left_out_duplicate" in codes(answer)


# One truck in full


async def in_full(house: SearchHarness, number: str) -> Any:
    async with house.client.get(f"/v1/vehicles/encar_{number}?include=dealer") as response:
        assert response.status == 200
        return await response.json()


async def test_a_truck_whose_document_fails_comes_from_its_page_and_a_sold_one_is_sold_by_it(build: Build) -> None:
    stock = Inventory()
    live, sold = truck(stock), truck(stock)
    house = await build(stock)
    stock.change(sold.id, status="SOLD")
    house.stand_in.faults.add(faults.Status(operation="detail", status=500))
    assert (await in_full(house, live.id))["model"] == "Bongo III"
    async with house.client.get(f"/v1/vehicles/encar_{sold.id}") as response:
        assert (response.status, (await response.json())["error"]["details"]["reason"]) == (404, "sold")


async def test_a_truck_in_full_has_the_names_of_its_row_and_what_its_advert_says_of_form_and_box(build: Build) -> None:
    inventory = Inventory()
    car = truck(inventory, sheet=Sheet())
    house = await build(inventory)
    (row,) = (await house.ask(make="Kia", model="Bongo", include="dealer"))["data"]
    found = await in_full(house, car.id)
    same = ("make", "model", "trim", "year", "mileage_km", "fuel", "transmission", "drivetrain")
    assert {name: found[name] for name in same} == {name: row[name] for name in same}
    assert found["pricing"]["breakdown"] == row["pricing"]["breakdown"]
    told = found["dealer"]["truck"]
    assert {name: told[name] for name in row["dealer"]["truck"]} == row["dealer"]["truck"]
    assert told["horse_power"] == found["dealer"]["horse_power"] == 133
    assert told["carrying_box"] == {"bore": 2_860, "height": 1_800, "width": 1_630}
    assert found["options"] == ["alloy_wheels", "sunroof", "leather_seats"]
    assert told["options"] == ["Tail Lift", "Power Tilting Cab", "Exhaust Reduction Device (DPF)"]
    assert found["enrichment"][0] == {"name": "inspection", "status": "ok", "reason": None}
    found["license_plate"] = None
    found.pop("dealer")
    assert not HANGUL.search(orjson.dumps(found).decode())


@pytest.mark.parametrize(
    "fault",
    [
        faults.MissingField(operation="inspection", field="formats", of="answer"),
        faults.MissingField(operation="inspection", field="inners", of="answer"),
        faults.MissingField(operation="inspection", field="master", of="answer"),
        faults.Status(operation="inspection", status=200, body='{"truckSheet": {"items": []}}'),
    ],
)
async def test_a_trucks_sheet_in_an_unknown_shape_is_absent_and_never_a_clean_bill(build: Build, fault: Fault) -> None:
    inventory = Inventory()
    car = truck(inventory, sheet=Sheet())
    house = await build(inventory)
    house.stand_in.faults.add(fault)
    found = await in_full(house, car.id)
    assert found["enrichment"][0] == {"name": "inspection", "status": "absent", "reason": "unknown_sheet"}
    assert found["body_condition"] is None
    report = found["inspection_report"] or {}
    assert report.get("dealer_inspection") is None
    assert not report.get("checklist")


async def test_a_trucks_sheet_with_a_code_that_no_cars_has_is_absent(build: Build) -> None:
    inventory = Inventory()
    car = truck(inventory, sheet=Sheet(panels=(("P999", ("X",)),)))
    house = await build(inventory)
    assert (await in_full(house, car.id))["enrichment"][0]["reason"] == "unknown_sheet"


async def test_explaining_a_list_names_the_truck_index_and_asks_nothing(house: SearchHarness) -> None:
    answer = await house.ask(make="Kia", model="Bongo", explain=1)
    (search,) = answer["sources"][0]["searches"]
    assert "/search/truck/list/premium?" in search["url"]
    assert search["calls"] == [search["url"]]
    assert asked(house) == []


# Trouble


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (faults.Status(operation=TRUCK, status=404), "upstream_error"),
        (faults.Block(operation=TRUCK, status=407), "blocked"),
        (faults.Block(operation=TRUCK, status=404), "blocked"),
        (faults.Block(operation=TRUCK, status=200), "blocked"),
        (faults.Empty(operation=TRUCK), "drift"),
        (faults.Html(operation=TRUCK), "blocked"),
        (faults.MissingField(operation=TRUCK, field="Count", of="answer"), "drift"),
        (faults.MissingField(operation=TRUCK, field="SearchResults", of="answer"), "drift"),
        (faults.MissingField(operation=TRUCK, field="Model"), "drift"),
        (faults.RateLimited(operation=TRUCK), "rate_limited"),
    ],
)
async def test_trouble_of_the_truck_index_is_partial_for_trucks_named_and_leaves_cars_alone(
    house: SearchHarness, fault: Fault, reason: str
) -> None:
    house.stand_in.faults.add(fault)
    answer = await house.ask(make="Kia", model="Bongo,K5")
    assert (state(answer)[0], {row["model"] for row in answer["data"]}) == ("partial", {"K5"})
    assert state(answer)[1] == reason
    assert house.headers["X-LMN-Partial-Dealer-Unavailable"] == "encar"
    await house.ask(make="Kia", model="Bongo", sort="price_asc")
    assert house.status == 503
    answer = await house.ask(make="Kia", model="K5", sort="price_asc")
    assert state(answer) == ("ok", None)  # a block of one index suspends no search of the other


@pytest.mark.parametrize(
    "fault", [faults.Block(operation=TRUCK), faults.Empty(operation=TRUCK), faults.Status(operation=TRUCK, status=404)]
)
async def test_trouble_with_trucks_nobody_named_is_a_notice(house: SearchHarness, fault: Fault) -> None:
    house.stand_in.faults.add(fault)
    answer = await house.ask(make="Kia", sort="price_asc")
    assert (house.status, state(answer)) == (200, ("ok", None))
    assert "X-LMN-Partial-Dealer-Unavailable" not in house.headers
    assert "trucks_missing" in codes(answer)
    pages = await house.walk(make="Kia", sort="mileage_asc")
    assert all("trucks_missing" in codes(page) for page in pages)
    cars = {car.id for car in house.inventory if car.manufacturer == "기아" and car.load is None}
    assert {row["id"].removeprefix("encar_") for page in pages for row in page["data"]} <= cars
    hidden = await house.ask(make="Kia", auction_status="upcoming")
    assert (state(hidden)[0], codes(hidden)) == ("ok", {"trucks_missing"})


async def test_an_answer_without_its_trucks_is_not_kept_whole(house: SearchHarness) -> None:
    house.stand_in.faults.add(faults.Status(operation=TRUCK, status=404))
    assert "trucks_missing" in codes(await house.ask(make="Kia"))
    await house.heal()
    answer = await house.ask(make="Kia", bypass_cache=True)
    assert "trucks_missing" not in codes(answer)
    assert "trucks_missing" not in codes(await house.ask(make="Kia"))


async def test_a_count_of_0_is_told(house: SearchHarness) -> None:
    house.stand_in.faults.add(faults.Shrunken(operation=TRUCK, share=0.0, contains="Model."))
    for sort in ("price_asc", "price_desc"):
        answer = await house.ask(make="Hyundai", model="Porter", sort=sort)
        assert (house.status, state(answer), answer["data"]) == (200, ("ok", None), [])
        assert "unconfirmed_empty" in codes(answer)


def test_the_literal_queries_are_percent_encoded_once() -> None:
    q = "(And.Hidden.N._.(C.Manufacturer.현대._.Model.포터 Ⅱ.)_.Form.카고(화물_)트럭.)"
    url = search_url(URL("https://api.encar.com"), q, "ModifiedDate", 0, 48, path=TRUCK_PATH)
    assert str(url) == (
        "https://api.encar.com/search/truck/list/premium?count=true&q=(And.Hidden.N._.(C.Manufacturer."
        "%ED%98%84%EB%8C%80._.Model.%ED%8F%AC%ED%84%B0%20%E2%85%A1.)_.Form.%EC%B9%B4%EA%B3%A0(%ED%99%94%EB%AC%BC_)"
        "%ED%8A%B8%EB%9F%AD.)&sr=%7CModifiedDate%7C0%7C48"
    )
    assert url.query["q"] == q
