"""`explain=1`: what a list request would ask and use. The same request without it does exactly that."""

from typing import Any

import pytest
from yarl import URL

from dealerproxy.sandbox.danawa.inventory import DanawaInventory
from dealerproxy.sandbox.faults import Block
from tests.support.clock import ClockAhead
from tests.support.inventories import generate, generate_danawa
from tests.support.stock import stock

LIVE = {"stock_mb": 0}  # readings in the background would be calls, too


def searches(answer: Any, name: str = "encar") -> list[Any]:
    return next(source["searches"] for source in answer["sources"] if source["name"] == name)


def announced(answer: Any) -> list[str]:
    return sorted(
        URL(call).query["q"] + URL(call).query["sr"]
        for source in answer["sources"]
        for search in source["searches"]
        for call in search["calls"]
    )


def made(house: Any) -> list[str]:
    return sorted(call.q + URL(f"/?{call.query}").query["sr"] for call in house.stand_in.calls)


@pytest.mark.parametrize(
    "params",
    [
        {"make": "Kia", "limit": 20},
        {"make": "Kia,Hyundai", "model": "K5,Avante,Sorento", "sort": "price_asc"},
        {"make": "Chevrolet", "sort": "mileage_asc", "limit": 3},
        {"make": "BMW", "year_min": 2018, "price_max_usd": 40_000, "fuel": "diesel", "color": "white"},
        {"make": "Kia", "options_include": "sunroof", "transmission": "auto", "mileage_max_km": 90_000},
        {"make": "Kia", "transmission": "cvt"},
        {"make": "Kia", "auction_status": "sold"},
        {"make": "Nobody"},
        {"make": "Kia", "source": "glovis"},
        {"make": "Kia", "upstream": "danawa"},
    ],
    ids=lambda params: ",".join(f"{name}={value}" for name, value in params.items()),
)
async def test_a_request_makes_exactly_the_calls_that_were_explained(build: Any, params: dict[str, Any]) -> None:
    house = await build(generate(7, 600, trucks=60), generate_danawa(7, 50), **LIVE)
    explained = await house.ask(explain=1, **params)
    assert (house.status, house.headers["Cache-Control"], made(house)) == (200, "no-store", [])
    assert not house.danawa.calls
    await house.ask(**params)
    assert house.status == 200
    assert (made(house), len(made(house))) == (announced(explained), explained["calls"])


async def test_a_search_that_is_cached_is_not_asked_again_and_its_age_is_told(build: Any) -> None:
    """The second search is that of the trucks of the make."""
    ahead = ClockAhead()
    house = await build(stock(5), list_fresh_s=60.0, clock=ahead, **LIVE)
    assert [search["answered_from"] for search in searches(await house.ask(explain=1, make="Kia"))] == ["live"] * 2
    await house.ask(make="Kia")
    ahead.ahead_s += 30
    search, _ = searches(await house.ask(explain=1, make="Kia"))
    assert (search["answered_from"], search["state"], search["age_s"], search["calls"]) == ("cache", "hit", 30, [])
    ahead.ahead_s += 60
    search, _ = searches(await house.ask(explain=1, make="Kia"))
    assert (search["answered_from"], search["state"], len(search["calls"])) == ("cache", "updating", 1)
    search, _ = searches(await house.ask(explain=1, make="Kia", bypass_cache=True))
    assert (search["answered_from"], len(search["calls"])) == ("live", 1)


async def test_a_list_in_stock_is_told_with_its_age_and_costs_no_call(build: Any) -> None:
    ahead = ClockAhead()
    house = await build(stock(0), danawa_kias(7), clock=ahead)
    ahead.ahead_s += 40
    (search,) = searches(await house.ask(explain=1, make="Kia", year_min=2020), "danawa")
    assert (search["answered_from"], search["rows"], search["age_s"], search["calls"]) == ("stock", 7, 40, [])
    assert [(each["field"], each["applied_at"]) for each in search["filters"]] == [("year_min", "stock")]
    assert "usedcar" in search["url"]
    assert not house.danawa.calls


def danawa_kias(cars: int) -> DanawaInventory:
    danawa = DanawaInventory()
    for _ in range(cars):
        danawa.insert(danawa.new_car(brand="기아", model="카니발(KA4)", year=2022, price=3000))
    return danawa


async def test_a_page_further_on_is_explained_from_its_cursor(build: Any) -> None:
    house = await build(stock(120), **LIVE)
    first = await house.ask(make="Kia", sort="price_asc")
    house.stand_in.calls.clear()
    params = {"make": "Kia", "sort": "price_asc", "cursor": first["next_cursor"]}
    explained = await house.ask(explain=1, **params)
    await house.ask(**params)
    assert (made(house), len(made(house))) == (announced(explained), 1)
    refused = await house.ask(explain=1, **{**params, "sort": "price_desc"})
    assert (house.status, refused["error"]["code"]) == (400, "invalid_cursor")


async def test_filters_are_told_with_the_place_where_they_apply_and_the_sites_own_words(build: Any) -> None:
    house = await build(stock(1), **LIVE)
    explained = await house.ask(
        explain=1,
        make="Kia",
        year_min=2019,
        price_max_usd=20_000,
        color="white,black",
        options_include="sunroof",
        keyword="x",
    )
    (search,) = searches(explained)
    told = {each["field"]: (each["applied_at"], each["words"]) for each in search["filters"]}
    assert told["year_min"] == ("site_and_service", "Year.range(201801..999912).")
    assert told["price_max_usd"][0] == "site_and_service"
    assert told["options_include"] == ("site", "Options.선루프.")
    assert set(told) == {"year_min", "price_max_usd", "options_include"}
    assert explained["dropped"] == ["color", "keyword"]
    assert {notice["field"] for notice in explained["notices"] if notice["code"] == "filter_dropped"} == {
        "color",
        "keyword",
    }
    assert all(each["words"] in search["search"] for each in search["filters"])


async def test_a_suspended_site_is_told_and_would_not_be_asked(build: Any) -> None:
    house = await build(stock(3), **LIVE)
    house.stand_in.faults.add(Block(operation="search"))
    await house.ask(make="Volvo")
    assert house.status == 503
    house.stand_in.calls.clear()
    explained = await house.ask(explain=1, make="BMW")
    encar = explained["sources"][0]
    (search,) = encar["searches"]
    assert (encar["trouble"], search["answered_from"], search["calls"]) == ("suspended", "nothing", [])
    assert search["reason"] == "suspended"
    await house.ask(make="BMW")
    assert made(house) == []


async def test_the_rate_budget_of_each_site_is_told(build: Any) -> None:
    house = await build(stock(1), encar_rps=7.0, danawa_rps=3.0, **LIVE)
    explained = await house.ask(explain=1, make="Kia", upstream=None)
    budgets = {source["name"]: source["budget"] for source in explained["sources"]}
    assert [budgets[name]["calls_per_s"] for name in ("encar", "danawa")] == [7.0, 3.0]
    assert {(each["open"], each["waiting"]) for each in budgets.values()} == {(0, 0)}


async def test_an_explanation_counts_for_no_reading_and_is_never_kept_as_an_answer(build: Any) -> None:
    house = await build(stock(5))
    for _ in range(20):
        await house.ask(explain=1, make="Kia")
    assert not house.stand_in.calls
    assert "data" in await house.ask(make="Kia", explain=0)
