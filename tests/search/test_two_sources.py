"""Two sites, one honest answer: what each state of each means for status, header and rows."""

import asyncio
import itertools
from collections.abc import Iterable
from typing import Any, NamedTuple

import pytest
from structlog.testing import capture_logs

from dealerproxy.sandbox.danawa.inventory import DanawaInventory
from dealerproxy.sandbox.encar.inventory import Inventory
from dealerproxy.sandbox.faults import Block, Drop, Fault, Hang, Latency, MissingField, MissingSelector
from dealerproxy.upstreams.car_words import is_placeholder_price
from dealerproxy.upstreams.danawa import stock as danawa_list
from dealerproxy.vocabulary import Vocabulary
from tests.support.clock import ClockAhead
from tests.support.harness import list_read
from tests.support.inventories import generate, generate_danawa

PARTIAL = "X-LMN-Partial-Dealer-Unavailable"
SORTS = ("auction_date_asc", "year_desc", "price_asc", "price_desc", "mileage_asc")


class State(NamedTuple):
    """What to do to a site, and what is then said of it: status, reason, rows."""

    said: tuple[str, str | None, int]
    fault: Fault | None = None
    stocked: bool = True


ENCAR = {
    "ok": State(("ok", None, 2)),
    "empty": State(("ok", None, 0), stocked=False),
    "down": State(("failed", "unreachable", 0), Drop(operation="search")),
    "slow": State(("failed", "timed_out", 0), Hang(operation="search")),
    "blocked": State(("failed", "blocked", 0), Block(operation="search")),
    "drifting": State(("failed", "drift", 0), MissingField(operation="search", field="Count", of="answer")),
    "skipped": State(("skipped", "upstream_excluded", 0)),
}
DANAWA = {
    "ok": State(("ok", None, 3)),
    "empty": State(("ok", None, 0), stocked=False),
    "down": State(("failed", "unreachable", 0), Drop(operation="danawa_list")),
    "slow": State(("failed", "warming", 0), Hang(operation="danawa_list")),
    "blocked": State(("failed", "blocked", 0), Block(operation="danawa_list", status=403)),
    "drifting": State(("failed", "drift", 0), MissingSelector(operation="danawa_list", selector="#usedcarList")),
    "skipped": State(("skipped", "upstream_excluded", 0)),
}


def encar_stock(count: int) -> Inventory:
    inventory = Inventory()
    for i in range(count):
        inventory.insert(inventory.new_car(manufacturer="기아", price=1000 + i, mileage=10_000 + i))
    return inventory


def danawa_stock(count: int, **fields: Any) -> DanawaInventory:
    inventory = DanawaInventory()
    for i in range(count):
        inventory.insert(inventory.new_car(**{"brand": "기아", "price": 2000 + i, "mileage": 20_000 + i, **fields}))
    return inventory


def said(answer: Any) -> list[tuple[str, str | None, int]]:
    sources = answer["sources"] if "sources" in answer else answer["error"]["details"]["sources"]
    assert [source["name"] for source in sources] == ["encar", "danawa"]
    return [(source["status"], source["reason"], source["rows"]) for source in sources]


# Slow ones cost a second each, and go by a clock on the wall.
PAIRS = [
    pytest.param(*pair, marks=pytest.mark.slow if "slow" in pair else ()) for pair in itertools.product(ENCAR, DANAWA)
]


@pytest.mark.parametrize(("encar", "danawa"), PAIRS)
async def test_every_state_of_both_sites_has_its_one_right_answer(
    build: Any, monkeypatch: pytest.MonkeyPatch, encar: str, danawa: str
) -> None:
    # Short only where something must time out: a busy machine may take its time for the rest.
    monkeypatch.setattr(danawa_list, "WAIT_S", 0.1 if danawa == "slow" else 5.0)
    deadline_s = 1.0 if "slow" in (encar, danawa) else 8.0
    first, second = ENCAR[encar], DANAWA[danawa]
    stocks = encar_stock(2 * first.stocked), danawa_stock(3 * second.stocked)
    faults = [*filter(None, (first.fault, second.fault))]
    house = await build(*stocks, faults=faults, list_deadline_s=deadline_s)
    narrowed = {"encar": danawa == "skipped", "danawa": encar == "skipped"}
    both_skipped = all(narrowed.values())
    params = {"fuel": "diesel"} if both_skipped else {}
    upstream = "danawa" if both_skipped else ",".join(name for name, only in narrowed.items() if only)
    answer = await house.ask(make="Kia", upstream=upstream, **params)

    expected = [first.said, ("skipped", "filter_unsupported", 0) if both_skipped else second.said]
    failed = [name for name, (status, _, _) in zip(("encar", "danawa"), expected, strict=True) if status == "failed"]
    attempted = [status for status, _, _ in expected if status != "skipped"]
    assert said(answer) == expected
    assert house.headers.get(PARTIAL) == (",".join(failed) or None)
    if failed and len(failed) == len(attempted):
        assert (house.status, answer["error"]["code"]) == (503, "dealer_upstream_unavailable")
        assert 5 <= int(house.headers["Retry-After"]) <= 30
    else:
        assert house.status == 200
        counts = {name: sum(row["id"].startswith(name) for row in answer["data"]) for name in ("encar", "danawa")}
        assert list(counts.values()) == [rows for _, _, rows in expected]
        assert (answer["next_cursor"] is not None) == bool(failed)


async def test_when_one_sites_rows_are_all_shown_and_the_other_fails_the_next_page_is_a_503(build: Any) -> None:
    house = await build(encar_stock(60), danawa_stock(3, price=900))
    page = await house.ask(make="Kia", sort="price_asc", limit=20)
    assert page["sources"][1]["rows"] == 3
    house.stand_in.faults.add(Block(operation="search"))
    shown = len(page["data"])
    while house.status == 200:
        assert page["data"], "an empty page while a site fails"
        page = await house.ask(make="Kia", sort="price_asc", limit=20, cursor=page["next_cursor"])
        shown += len(page.get("data", ()))
    assert shown == 51  # the chunk that was read before, and Danawa's
    assert (house.status, house.headers[PARTIAL], said(page)) == (
        503,
        "encar",
        [("failed", "blocked", 0), ("ok", None, 0)],
    )
    await house.heal()


async def test_a_listing_read_for_the_first_time_is_warming_and_its_rows_come_with_the_next_page(
    build: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(danawa_list, "WAIT_S", 0.02)
    house = await build(encar_stock(2), danawa_stock(40), faults=[Latency(operation="danawa_list", ms=300, times=1)])
    alone = await house.ask(make="Kia", upstream="danawa")
    assert (house.status, house.headers["Retry-After"], house.headers[PARTIAL]) == (503, "5", "danawa")
    state = alone["error"]["details"]["sources"][1]
    assert (state["reason"], state["retry_at"] is not None) == ("warming", True)
    await list_read(house.client.app)
    pages = await house.walk(make="Kia", sort="price_asc")
    assert [len(page["data"]) for page in pages] == [42]


async def test_a_failed_reading_answers_the_old_rows_as_stale_with_the_reason(build: Any) -> None:
    clock = ClockAhead()
    house = await build(encar_stock(1), danawa_stock(5), clock=clock)
    assert said(await house.ask(make="Kia"))[1] == ("ok", None, 5)
    house.stand_in.faults.add(Block(operation="danawa_list", status=403))
    clock.ahead_s += danawa_list.FRESH_S + 1.0
    async with asyncio.timeout(20):
        while said(await house.ask(make="Kia"))[1] == ("stale", "refreshing", 5):
            assert PARTIAL not in house.headers
            await asyncio.sleep(0.05)
    assert said(await house.ask(make="Kia"))[1] == ("stale", "blocked", 5)
    assert (house.status, house.headers[PARTIAL], house.headers["X-Cache"]) == (200, "danawa", "stale")
    assert house.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("sort", SORTS)
async def test_walking_three_makes_over_both_sites_gives_exactly_what_matches(
    build: Any, vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    monkeypatch.setattr(danawa_list, "WAIT_S", 30.0)
    inventory = generate(11, 700)
    danawa = generate_danawa(11, 500, also=inventory)
    house = await build(inventory, danawa)
    pages = await house.walk(
        make="Hyundai,Kia,BMW", year_min=2015, mileage_max_km=150_000, price_max_usd=40_000, sort=sort, krw_per_usd=1000
    )
    rows = [row for page in pages for row in page["data"]]
    ids = [row["id"] for row in rows]
    assert len(ids) == len(set(ids))
    wanted = {
        f"danawa_{car.id}": car.encar_id
        for car in danawa
        if vocabulary.danawa.make_of(vocabulary.danawa.make_facet_of(car.brand) or "") in makes(vocabulary)
        and car.mark is None
        and car.feeder == "mpark"
        and car.year >= 2015
        and car.mileage <= 150_000
        and car.price <= 4_000
        and not is_placeholder_price(car.price, under_contract=False)
    }
    missing = wanted.keys() - set(ids)
    assert {wanted_id for wanted_id in ids if wanted_id.startswith("danawa")} == wanted.keys() - missing
    assert missing, "some of the cars on both sites should have met on a page"
    # A row of Danawa's is missing only because the same car from Encar stands on the page.
    assert {f"encar_{wanted[vehicle_id]}" for vehicle_id in missing} <= set(ids)
    alone = await house.walk(
        make="Hyundai,Kia,BMW",
        year_min=2015,
        mileage_max_km=150_000,
        price_max_usd=40_000,
        sort=sort,
        krw_per_usd=1000,
        upstream="encar",
    )
    cars = {f"encar_{car.id}": car.vehicle_id for car in inventory}  # of a car's copies any may be the one shown
    shown = {cars[vehicle_id] for vehicle_id in ids if vehicle_id in cars}
    assert shown == {cars[row["id"]] for page in alone for row in page["data"]}
    assert sum(n["count"] for page in pages for n in notices(page, "left_out_duplicate")) >= len(missing)
    for key in ("price_asc", "price_desc", "mileage_asc"):
        if sort == key:
            values = [row["pricing"]["listing_price"] if "price" in key else row["mileage_km"] for row in rows]
            assert values == sorted(values, reverse=key == "price_desc")


def makes(vocabulary: Vocabulary) -> list[Any]:
    return [vocabulary.find_make(name) for name in ("Hyundai", "Kia", "BMW")]


def notices(page: Any, code: str) -> Iterable[Any]:
    return (notice for notice in page["notices"] if notice["code"] == code)


async def test_the_same_car_on_both_sites_is_shown_once_as_encars(build: Any) -> None:
    inventory = encar_stock(3)
    danawa = danawa_stock(2)
    for car in list(inventory):
        danawa.insert(danawa.new_twin(car))
    house = await build(inventory, danawa)
    answer = await house.ask(make="Kia", sort="price_asc")
    assert sorted(row["id"].split("_")[0] for row in answer["data"]) == ["danawa"] * 2 + ["encar"] * 3
    (notice,) = notices(answer, "left_out_duplicate")
    assert notice["count"] == 3


async def test_rows_sold_reserved_or_of_another_feeder_are_left_out_and_counted_once(build: Any) -> None:
    danawa = danawa_stock(60)
    for mark in ("판매완료", "예약"):
        danawa.insert(danawa.new_car(brand="기아", mark=mark))
    danawa.insert(danawa.new_car(brand="기아", feeder="other"))
    house = await build(Inventory(), danawa)
    pages = await house.walk(make="Kia", upstream="danawa", limit=20)
    counted = [{n["code"]: n["count"] for n in page["notices"] if "left_out" in n["code"]} for page in pages]
    assert counted == [{"left_out_sold_or_reserved": 2, "left_out_other_feeder": 1}, {}, {}]
    assert {page["sources"][1]["total"] for page in pages} == {60}


async def test_an_auction_only_filter_counts_the_rows_of_both_sites(build: Any) -> None:
    house = await build(encar_stock(7), danawa_stock(5))
    answer = await house.ask(make="Kia", accident_grade="A")
    assert (answer["filtered_out"], answer["data"]) == (12, [])
    house.stand_in.faults.add(Block(operation="search"))
    answer = await house.ask(make="Kia", model="Morning,K5", accident_grade="A")
    assert house.status == 200
    assert house.headers[PARTIAL] == "encar"


@pytest.mark.parametrize(
    ("filters", "matching"),
    [
        ({"year_min": 2030}, 0),
        ({"year_max": 2020}, 3),
        ({"mileage_max_km": 20_000}, 2),
        ({"price_min_usd": 1_000_000}, 0),
        ({"year_max": 2020, "mileage_max_km": 20_000}, 1),
        ({}, 6),
    ],
)
async def test_what_danawa_counts_are_the_rows_that_match_the_filters(
    build: Any, filters: dict[str, Any], matching: int
) -> None:
    danawa = DanawaInventory()
    for year, mileage in (
        (2020, 10_000),
        (2020, 50_000),
        (2019, 60_000),
        (2022, 15_000),
        (2023, 70_000),
        (2022, 80_000),
    ):
        danawa.insert(danawa.new_car(brand="기아", year=year, mileage=mileage))
    danawa.insert(danawa.new_car(brand="기아", mark="판매완료"))
    house = await build(Inventory(), danawa)
    answer = await house.ask(make="Kia", upstream="danawa", **filters)
    assert answer["sources"][1]["total"] == matching
    hidden = await house.ask(make="Kia", upstream="danawa", auction_status="upcoming", **filters)
    assert (hidden["filtered_out"], hidden["data"]) == (matching, [])


async def test_a_danawa_row_says_only_what_the_list_says(build: Any) -> None:
    danawa = DanawaInventory()
    car = danawa.insert(
        danawa.new_car(
            brand="기아",
            model="더 뉴쏘렌토(MQ4)",
            grade="2.2 디젤 4WD",
            detail="",
            year=2021,
            mileage=41_000,
            price=3000,
        )
    )
    house = await build(Inventory(), danawa)
    (row,) = (await house.ask(make="Kia", upstream="danawa", include="dealer", krw_per_usd=1000))["data"]
    told = {
        name: row[name] for name in ("id", "make", "model", "year", "mileage_km", "fuel", "engine_cc", "drivetrain")
    }
    assert told == {
        "id": f"danawa_{car.id}",
        "make": "Kia",
        "model": "Sorento",
        "year": 2021,
        "mileage_km": 41_000,
        "fuel": "diesel",
        "engine_cc": None,
        "drivetrain": "4WD",
    }
    assert (row["transmission"], row["color"], row["pricing"]["listing_price"]) == (None, None, 30_000)
    assert (row["dealer"]["first_registered"], row["dealer"]["price_krw"]) == (None, 30_000_000)


async def test_makes_of_danawas_to_keep_warm_are_ignored_with_a_warning(build: Any) -> None:
    with capture_logs() as lines:
        await build(danawa_warm="Kia,Wartburg")
    assert [line["log_level"] for line in lines if line["event"] == "danawa_warm_ignored"] == ["warning"]


async def test_facets_show_what_only_danawa_has_once_it_was_read(build: Any) -> None:
    danawa = danawa_stock(1)
    danawa.insert(danawa.new_car(brand="현대", model="포터2"))
    house = await build(encar_stock(1), danawa)

    async def models() -> Any:
        async with house.client.get("/v1/vehicles/facets") as response:
            return (await response.json())["models"]

    assert len((await house.ask(make="Hyundai", model="Porter"))["data"]) == 1
    assert (await models())["Hyundai"] == ["Porter II"]
