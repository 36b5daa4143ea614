"""Walks over the stand-in, held against the inventory filtered in plain Python with the site's own words."""

import itertools
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dealerproxy.sandbox.encar.inventory import Car, Inventory
from tests.support.inventories import generate

RATE = 1347.52
# Partner words on the left, what they mean on the site on the right: written down here by hand, on purpose.
MAKES = {
    "Hyundai": {"현대"},
    "Kia": {"기아"},
    "Chevrolet": {"쉐보레(GM대우)", "쉐보레"},
    "Renault": {"르노코리아(삼성)", "르노"},
    "Mercedes-Benz": {"벤츠"},
    "BMW": {"BMW"},
    "BYD": {"BYD"},
    "Tesla": {"테슬라"},
}
MODELS = {
    "Avante": "아반떼",
    "K5": "K5",
    "Sorento": "쏘렌토",
    "E-Class": "E-클래스",
    "5 Series": "5시리즈",
    "Tahoe": "타호",
}
FUELS = {
    "gasoline": {"가솔린"},
    "diesel": {"디젤"},
    "lpg": {"LPG(일반인 구입)"},
    "electric": {"전기"},
    "hybrid": {"가솔린+전기", "디젤+전기", "LPG+전기"},
}
TRANSMISSIONS = {"auto": {"오토", "세미오토"}, "manual": {"수동"}, "cvt": {"CVT"}}
COLOURS = {
    "white": {"흰색", "진주색", "흰색투톤", "진주투톤"},
    "black": {"검정색", "검정투톤", "검은색"},
    "red": {"빨간색"},
}
OPTIONS = {"sunroof": "선루프", "ventilated_seats": "통풍시트(운전석)", "hud": "헤드업 디스플레이(HUD)"}
TWENTY_FOUR = (
    *("Grandeur", "Santa Fe", "Sonata", "Avante", "Tucson", "Kona", "IONIQ 5", "Palisade", "Casper", "NEXO", "Genesis"),
    *("Sorento", "Carnival", "K5", "Sportage", "Niro", "Ray", "K3", "Seltos", "Morning", "K8", "EV6", "Tasman", "K7"),
)
SORTS = ("auction_date_asc", "price_asc", "price_desc", "year_desc", "mileage_asc")


def dollars(car: Car) -> int:
    return int(car.price * 10_000 / RATE + 0.5)


def offered(car: Car) -> bool:
    """What a walk may show at all."""
    return (
        not car.hidden
        and car.sell_type == "일반"
        and car.lease is None
        and car.sales_status is None
        and 0 < car.price < 99_999
        and car.mileage < 999_999
    )


def wanted(params: dict[str, Any]) -> Callable[[Car], bool]:
    facets = set().union(*(MAKES[make] for make in params["make"].split(",")))
    groups = {MODELS[model] for model in params["model"].split(",")} if params.get("model") else None
    tokens = params["options_include"].split(",") if params.get("options_include") else []
    gears: set[str] = set()
    for token in (params.get("transmission") or "").split(","):
        gears |= TRANSMISSIONS.get(token, set())

    def test(car: Car) -> bool:
        year = int(car.form_year)
        return (
            offered(car)
            and car.manufacturer in facets
            and (groups is None or car.model_group in groups)
            and (not params.get("year_min") or year >= params["year_min"])
            and (not params.get("year_max") or year <= params["year_max"])
            and (not params.get("mileage_max_km") or car.mileage <= params["mileage_max_km"])
            and (not params.get("price_min_usd") or dollars(car) >= params["price_min_usd"])
            and (not params.get("price_max_usd") or dollars(car) <= params["price_max_usd"])
            and (not params.get("fuel") or car.fuel in FUELS[params["fuel"]])
            and (not gears or car.transmission in gears)
            and (not params.get("color") or car.colour in COLOURS[params["color"]])
            and all(OPTIONS[token] in car.options for token in tokens)
        )

    return test


def some(words: Any, **kwargs: Any) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(list(words)), unique=True, **kwargs).map(",".join)


queries = st.fixed_dictionaries(
    {"make": some(MAKES, min_size=1, max_size=4), "sort": st.sampled_from(SORTS), "limit": st.integers(7, 60)},
    optional={
        "model": some(MODELS, min_size=1, max_size=4),
        "year_min": st.integers(2012, 2020),
        "year_max": st.integers(2020, 2027),
        "mileage_max_km": st.integers(20_000, 150_000),
        "price_min_usd": st.integers(1, 8_000),
        "price_max_usd": st.integers(8_000, 60_000),
        "fuel": st.sampled_from(list(FUELS)),
        "transmission": some(TRANSMISSIONS, min_size=1),
        "color": st.sampled_from(list(COLOURS)),
        "options_include": some(OPTIONS, min_size=1),
    },
)


@given(params=queries, seed=st.integers(0, 3))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_walking_to_the_end_gives_what_filtering_the_inventory_gives(
    build: Any, params: dict[str, Any], seed: int
) -> None:
    house = await build(generate(seed, 500))
    pages = [answer["data"] for answer in await house.walk(**params)]
    rows = [row for page in pages for row in page]
    ids = [row["id"].removeprefix("encar_") for row in rows]
    expected = {car.id: car for car in house.inventory if wanted(params)(car)}

    assert len(ids) == len(set(ids))
    assert set(ids) <= set(expected)
    # A copy may be left out for another advert of the same car, a car never.
    assert {expected[i].vehicle_id for i in ids} == {car.vehicle_id for car in expected.values()}
    for page in pages:
        assert len(page) <= min(params["limit"], 48)
        vehicles = [expected[row["id"].removeprefix("encar_")].vehicle_id for row in page]
        assert len(vehicles) == len(set(vehicles))
    assert_in_order(params["sort"], pages, expected)


def assert_in_order(sort: str, pages: list[Any], cars: dict[str, Car]) -> None:
    walked = [[cars[row["id"].removeprefix("encar_")] for row in page] for page in pages]
    flat = [car for page in walked for car in page]
    if sort == "price_asc":
        assert [car.price for car in flat] == sorted(car.price for car in flat)
    elif sort == "price_desc":
        assert [car.price for car in flat] == sorted((car.price for car in flat), reverse=True)
    elif sort == "mileage_asc":
        assert [car.mileage for car in flat] == sorted(car.mileage for car in flat)
    else:
        for page in walked:
            keys = [(int(car.form_year), car.year, int(car.id)) for car in page]
            assert keys == sorted(keys, reverse=True)
        for earlier, later in itertools.pairwise(walked):
            if earlier and later:
                assert min(car.year for car in earlier) >= max(car.year for car in later)


@given(seed=st.integers(0, 10_000), sort=st.sampled_from(SORTS), limit=st.sampled_from([5, 17, 48]))
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_rows_inserted_and_removed_during_a_walk_never_repeat_an_id(
    build: Any, seed: int, sort: str, limit: int
) -> None:
    chance = random.Random(seed)
    house = await build(generate(3, 500), list_fresh_s=0.001)  # every page reads its chunks anew
    ids: list[str] = []
    months: list[list[int]] = []
    cursor = None
    untouched = {car.id for car in house.inventory if wanted({"make": "Kia,BMW"})(car)}
    for _ in range(100):
        answer = await house.ask(make="Kia,BMW", sort=sort, limit=limit, cursor=cursor)
        ids += [row["id"] for row in answer["data"]]
        found = (house.inventory.by_id(row["id"].removeprefix("encar_")) for row in answer["data"])
        months.append([car.year for car in found if car is not None])
        cursor = answer["next_cursor"]
        if cursor is None:
            break
        for _ in range(chance.randint(0, 6)):
            if chance.random() < 0.5:
                house.inventory.insert(house.inventory.new_car(manufacturer=chance.choice(["기아", "BMW"])))
            else:
                gone = chance.choice([car.id for car in house.inventory])
                house.inventory.remove(gone)
                untouched.discard(gone)
    assert cursor is None
    assert [i for i, count in Counter(ids).items() if count > 1] == []
    assert len(ids) > len(untouched) / 2  # and the walk still went through the stock
    if "price" not in sort and "mileage" not in sort:
        for earlier, later in itertools.pairwise(page for page in months if page):
            assert min(earlier) >= max(later)


@pytest.mark.slow
async def test_a_burst_of_new_cars_at_the_top_repeats_no_id_however_long_the_walk(build: Any) -> None:
    inventory = Inventory()
    for i in range(1500):
        inventory.insert(
            inventory.new_car(manufacturer="기아", price=1000, year=(2024 - i // 120) * 100 + 1 + i // 10 % 12)
        )
    house = await build(inventory, list_fresh_s=0.001)
    ids: list[str] = []
    cursor = None
    for page in range(60):
        answer = await house.ask(make="Kia", cursor=cursor)
        ids += [row["id"] for row in answer["data"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
        if page == 15:
            for _ in range(400):
                inventory.insert(inventory.new_car(manufacturer="기아", price=900, year=202501))
    assert cursor is None
    assert len(ids) == len(set(ids))
    assert len(ids) >= 1500 * 0.95


async def test_a_price_that_rises_during_a_walk_does_not_bring_the_car_again(build: Any) -> None:
    inventory = Inventory()
    cars = [inventory.insert(inventory.new_car(manufacturer="기아", price=1000 + i, year=202001)) for i in range(100)]
    house = await build(inventory, list_fresh_s=0.001)
    first = await house.ask(make="Kia", sort="price_asc", limit=20)
    moved = cars[3]
    inventory.remove(moved.id)
    inventory.insert(inventory.new_car(id=moved.id, manufacturer="기아", price=1050, year=202001))
    rest = await house.ask(make="Kia", sort="price_asc", limit=48, cursor=first["next_cursor"])
    ids = [row["id"] for row in first["data"]] + [row["id"] for row in rest["data"]]
    assert len(ids) == len(set(ids))


async def test_the_last_row_sold_during_a_walk_loses_no_other_row(build: Any) -> None:
    inventory = Inventory()
    for _ in range(60):
        inventory.insert(inventory.new_car(manufacturer="기아", price=1000, year=202001))
    house = await build(inventory, list_fresh_s=0.001)
    first = await house.ask(make="Kia", sort="price_asc", limit=10)
    inventory.remove(first["data"][-1]["id"].removeprefix("encar_"))
    rest: list[str] = []
    cursor = first["next_cursor"]
    while cursor:
        answer = await house.ask(make="Kia", sort="price_asc", limit=48, cursor=cursor, bypass_cache=True)
        rest += [row["id"] for row in answer["data"]]
        cursor = answer["next_cursor"]
    assert len(rest) == len(set(rest)) == 50


@pytest.mark.parametrize("sort", ["price_asc", *(pytest.param(sort, marks=pytest.mark.slow) for sort in SORTS[1:])])
async def test_twenty_pages_over_twenty_four_legs_cost_at_most_legs_and_pages_and_two_calls(
    build: Any, sort: str
) -> None:
    house = await build(generate(11, 4000))
    pages = await house.walk(pages=20, make="Hyundai,Kia", model=",".join(TWENTY_FOUR), sort=sort, limit=48)
    assert len(set(house.calls)) == 24
    assert [len(page["data"]) for page in pages] == [48] * 20
    assert len(house.calls) <= 24 + 20 + 2


async def test_two_makes_with_a_model_each_ask_exactly_two_searches(house: Any) -> None:
    await house.ask(make="Hyundai,Kia", model="Avante,K5")
    pairs = sorted(call.split("(C.Manufacturer.")[1].split("))")[0] for call in house.calls)
    assert pairs == ["기아._.ModelGroup.K5.", "현대._.ModelGroup.아반떼."]


async def test_adding_an_option_never_widens_a_result(house: Any) -> None:
    asked: list[str] = []
    total = None
    for token in ("sunroof", "ventilated_seats", "hud", "memory_seats_driver"):
        asked.append(token)
        answer = await house.ask(make="Hyundai,Kia,BMW", options_include=",".join(asked))
        found = answer["sources"][0]["total"]
        assert total is None or found <= total
        total = found
