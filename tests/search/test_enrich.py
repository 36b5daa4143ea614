"""Rows filled from their adverts: what is added, what it costs, and what a closer look takes out."""

from collections import Counter
from typing import Any

from dealerproxy.sandbox.danawa.inventory import DanawaInventory
from dealerproxy.sandbox.encar.inventory import Inventory
from dealerproxy.sandbox.faults import Block, MissingField
from tests.support.stock import stock


def asked(house: Any) -> Counter[str]:
    return Counter(call.operation for call in house.stand_in.calls if call.operation != "truck_search")


async def test_a_plain_list_asks_no_adverts(build: Any) -> None:
    house = await build(stock(5))
    answer = await house.ask(make="Kia")
    assert asked(house) == {"search": 1}
    assert {(row["color"], tuple(row["options"])) for row in answer["data"]} == {(None, ())}


async def test_an_enriched_page_of_48_costs_three_calls_and_tells_colour_engine_and_options(build: Any) -> None:
    house = await build(stock(60, colour="쥐색", options=frozenset({"선루프", "통풍시트(운전석)"}), fuel="디젤"))
    answer = await house.ask(make="Kia", include="enriched")
    assert len(answer["data"]) == 48
    assert asked(house) == {"search": 1, "batch": 3}
    for row in answer["data"]:
        assert row["color"] == "Dark Gray"
        assert set(row["options"]) == {"sunroof", "ventilated_seats"}
        assert row["engine_cc"] is None or 500 <= row["engine_cc"] <= 8000
    assert not [notice for notice in answer["notices"] if notice["code"] == "not_enriched"]


async def test_rows_come_as_they_were_with_a_notice_when_the_adverts_cannot_be_had(build: Any) -> None:
    house = await build(stock(5))
    house.stand_in.faults.add(Block(operation="batch"))
    answer = await house.ask(make="Kia", include="enriched")
    assert (house.status, len(answer["data"])) == (200, 5)
    assert {row["color"] for row in answer["data"]} == {None}
    (notice,) = [notice for notice in answer["notices"] if notice["code"] == "not_enriched"]
    assert (notice["count"], "blocked" in notice["message"]) == (5, True)


async def test_adverts_that_cannot_be_read_leave_their_rows_as_they_were(build: Any) -> None:
    house = await build(stock(5))
    house.stand_in.faults.add(MissingField(operation="batch", field="advertisement.price", of="answer"))
    answer = await house.ask(make="Kia", include="enriched")
    assert len(answer["data"]) == 5
    assert [n["count"] for n in answer["notices"] if n["code"] == "not_enriched"] == [5]


async def test_a_car_sold_since_the_search_is_taken_out_and_counted(build: Any) -> None:
    house = await build(stock(5))
    first = await house.ask(make="Kia", sort="price_asc")  # the search's chunk is cached now
    sold, agreed = (row["id"].removeprefix("encar_") for row in first["data"][:2])
    house.inventory.change(sold, status="SOLD", lingers=True)
    house.inventory.change(agreed, sales_status="CONTRACT")
    answer = await house.ask(make="Kia", sort="price_asc", include="enriched")
    assert [row["id"] for row in answer["data"]] == [row["id"] for row in first["data"][2:]]
    assert [n["count"] for n in answer["notices"] if n["code"] == "left_out_not_buyable"] == [2]


async def test_a_list_and_a_detail_agree_on_what_both_say(build: Any) -> None:
    house = await build(stock(30))
    answer = await house.ask(make="Kia", include="enriched", limit=20)
    for row in answer["data"]:
        async with house.client.get(f"/v1/vehicles/{row['id']}") as response:
            car = await response.json()
        same = ("id", "make", "model", "trim", "year", "mileage_km", "fuel", "transmission", "color", "drivetrain")
        assert {name: car[name] for name in same} == {name: row[name] for name in same}
        assert car["options"] == row["options"]
        assert car["pricing"]["listing_price"] == row["pricing"]["listing_price"]
        assert car["pricing"]["breakdown"] == row["pricing"]["breakdown"]
        assert car["thumbnail_url"] == row["thumbnail_url"]


async def test_encar_is_never_asked_about_a_row_of_danawas(build: Any) -> None:
    danawa = DanawaInventory()
    danawa.insert(danawa.new_car(brand="현대", price=3000))
    house = await build(Inventory(), danawa)
    answer = await house.ask(make="Hyundai", upstream="danawa", include="enriched")
    assert [row["color"] for row in answer["data"]] == [None]
    assert {notice["code"]: notice["count"] for notice in answer["notices"]}["not_enriched"] == 1
    assert not house.stand_in.calls
