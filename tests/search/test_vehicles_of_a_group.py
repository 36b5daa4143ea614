"""A model group holds several vehicles: each is found by its own name, on both sites, and shown as what it is."""

from typing import Any

import pytest

from dealerproxy.sandbox.danawa.inventory import DanawaInventory
from dealerproxy.sandbox.encar.inventory import Inventory
from tests.support.stock import stock

MARKED = {
    "Jeep": ("지프", "체로키", ("체로키 (KL)", "그랜드 체로키 (WK2)", "그랜드 체로키 L (WL)")),
    "KG Mobility": ("KG모빌리티(쌍용)", "렉스턴", ("올 뉴 렉스턴", "렉스턴 스포츠", "더 뉴 렉스턴 스포츠 칸")),
    "Hyundai": ("현대", "제네시스", ("제네시스 DH", "제네시스 쿠페", "뉴 제네시스 쿠페")),
}
CASES = [
    ("Jeep", "Grand Cherokee", {"그랜드 체로키 (WK2)", "그랜드 체로키 L (WL)"}),
    ("Jeep", "Cherokee", {"체로키 (KL)"}),
    ("Jeep", "Cherokee,Grand Cherokee", set(MARKED["Jeep"][2])),
    ("KG Mobility", "Rexton Sports", {"렉스턴 스포츠", "더 뉴 렉스턴 스포츠 칸"}),
    ("KG Mobility", "Rexton Sports Khan", {"더 뉴 렉스턴 스포츠 칸"}),
    ("KG Mobility", "Rexton", {"올 뉴 렉스턴"}),
    ("Hyundai", "Genesis Coupe", {"제네시스 쿠페", "뉴 제네시스 쿠페"}),
    ("Hyundai", "Genesis", {"제네시스 DH"}),
]


def on_encar() -> Inventory:
    inventory = Inventory()
    for facet, group, generations in MARKED.values():
        for generation in generations:
            fields = {"manufacturer": facet, "model_group": group, "model": generation, "price": 2000}
            inventory.insert(inventory.new_car(**fields))
    return inventory


def on_danawa() -> DanawaInventory:
    inventory = DanawaInventory()
    for facet, _, generations in MARKED.values():
        for generation in generations:
            inventory.insert(inventory.new_car(brand=facet, model=generation, grade="2.2", detail="", price=2000))
    return inventory


@pytest.mark.parametrize(("make", "model", "generations"), CASES)
async def test_encar_shows_only_the_vehicle_that_was_named(
    build: Any, make: str, model: str, generations: set[str]
) -> None:
    house = await build(on_encar())
    rows = (await house.ask(make=make, model=model, upstream="encar", include="dealer"))["data"]
    assert {row["dealer"]["model_korean"] for row in rows} == generations


@pytest.mark.parametrize(("make", "model", "generations"), CASES)
async def test_danawa_shows_only_the_vehicle_that_was_named(
    build: Any, make: str, model: str, generations: set[str]
) -> None:
    house = await build(Inventory(), on_danawa())
    rows = (await house.ask(make=make, model=model, upstream="danawa", include="dealer"))["data"]
    assert {row["dealer"]["model_korean"].removesuffix("2.2").strip() for row in rows} == generations


async def test_without_a_model_every_vehicle_is_shown_as_what_it_is(build: Any) -> None:
    house = await build(on_encar())
    rows = (await house.ask(make="KG Mobility", upstream="encar", include="dealer"))["data"]
    bodies = {row["dealer"]["model_korean"]: row["dealer"]["body"] for row in rows}
    assert bodies == {"올 뉴 렉스턴": "suv", "렉스턴 스포츠": "truck", "더 뉴 렉스턴 스포츠 칸": "truck"}
    khan = next(row for row in rows if row["dealer"]["model_korean"] == "더 뉴 렉스턴 스포츠 칸")
    assert khan["trim"].startswith("Sports Khan ")
    assert khan["trim"].endswith(" (The New)")
    assert khan["dealer"]["generation"] == "The New"


async def test_a_cursor_of_one_vehicle_is_none_of_another(build: Any) -> None:
    inventory = Inventory()
    for generation in ("체로키 (KL)", "그랜드 체로키 (WK2)") * 30:
        fields = {"manufacturer": "지프", "model_group": "체로키", "model": generation, "price": 2000}
        inventory.insert(inventory.new_car(**fields))
    house = await build(inventory)
    cursor = (await house.ask(make="Jeep", model="Cherokee", upstream="encar", limit=5))["next_cursor"]
    assert len((await house.ask(make="Jeep", model="Cherokee", upstream="encar", limit=5, cursor=cursor))["data"]) == 5
    refused = await house.ask(make="Jeep", model="Grand Cherokee", upstream="encar", limit=5, cursor=cursor)
    assert refused["error"]["code"] == "invalid_cursor"


@pytest.mark.parametrize(
    ("asked", "word", "shown"),
    [("white", "흰색", "White"), ("black", "검정색", "Black"), ("Pearl", "진주색", "Pearl White")],
)
async def test_rows_of_a_search_by_colour_have_that_colour(build: Any, asked: str, word: str, shown: str) -> None:
    house = await build(stock(2, colour=word))
    assert {row["color"] for row in (await house.ask(make="Kia", color=asked))["data"]} == {shown}
    assert {row["color"] for row in (await house.ask(make="Kia"))["data"]} == {None}
