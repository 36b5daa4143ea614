"""`GET /v1/vehicles?ids=`: rows by id in the order asked, what is told of the others, and what it costs."""

from collections import Counter
from typing import Any

import pytest
from msgspec.structs import replace

from dealerproxy.sandbox.danawa.inventory import DanawaInventory
from dealerproxy.sandbox.encar.inventory import Inventory
from dealerproxy.sandbox.faults import Block, Fault, Hang, Html, RateLimited, Status
from dealerproxy.search.query import NOT_WITH_IDS
from tests.support.stock import stock

PARTIAL = "X-LMN-Partial-Dealer-Unavailable"


def danawa_stock(cars: int) -> DanawaInventory:
    danawa = DanawaInventory()
    for _ in range(cars):
        danawa.insert(danawa.new_car(brand="기아", model="카니발(KA4)", year=2022, price=3000))
    return danawa


def asked(house: Any) -> Counter[str]:
    return Counter(call.operation for call in (*house.stand_in.calls, *house.danawa.calls))


def encar_ids(house: Any) -> list[str]:
    return [f"encar_{car.id}" for car in house.inventory.known()]


def danawa_ids(house: Any) -> list[str]:
    return [f"danawa_{car.id}" for car in house.danawa.inventory]


async def by_id(house: Any, *ids: str, **more: Any) -> Any:
    return await house.ask(ids=",".join(ids), upstream=None, **more)


def told(answer: Any) -> list[tuple[str, str, str | None]]:
    return [(state["id"], state["status"], state["reason"]) for state in answer["states"]]


def sources(answer: Any) -> list[tuple[str, str | None, int]]:
    return [(source["status"], source["reason"], source["rows"]) for source in answer["sources"]]


async def test_rows_of_both_sites_come_in_the_order_asked_and_twenty_cost_one_call(build: Any) -> None:
    house = await build(stock(20), danawa_stock(3))
    wanted = [*danawa_ids(house)[:2], *reversed(encar_ids(house)), danawa_ids(house)[2]]
    answer = await by_id(house, *wanted)
    assert (house.status, [row["id"] for row in answer["data"]]) == (200, wanted)
    assert (answer["states"], answer["next_cursor"], answer["notices"]) == ([], None, [])
    assert sources(answer) == [("ok", None, 20), ("ok", None, 3)]
    assert asked(house) == {"batch": 1}


async def test_the_rows_are_those_of_the_list_filled_from_the_adverts(build: Any) -> None:
    house = await build(stock(6), danawa_stock(4))
    listed = await house.ask(make="Kia", include="dealer,enriched", krw_per_usd=1000)
    ids = [row["id"] for row in listed["data"]]
    answer = await by_id(house, *ids, include="dealer", krw_per_usd=1000)
    assert len(ids) == 10
    assert answer["fx"]["krw_per_usd"] == 1000
    for row, other in zip(listed["data"], answer["data"], strict=True):
        # The photograph in front and the words of a region may differ between list and advert.
        assert {**other, "thumbnail_url": None, "dealer": None} == {**row, "thumbnail_url": None, "dealer": None}
        assert other["dealer"]["price_krw"] == row["dealer"]["price_krw"]


async def test_cars_without_a_row_have_the_state_that_availability_tells(build: Any) -> None:
    house = await build(stock(7), danawa_stock(2), detail_fresh_s=0.0)
    encar, danawa = encar_ids(house), danawa_ids(house)
    number = [vehicle_id.removeprefix("encar_") for vehicle_id in encar]
    house.inventory.change(number[1], status="SOLD")
    house.inventory.change(number[2], status="WAIT")
    house.inventory.change(number[3], sales_status="CONTRACT")
    house.inventory.remove(number[4])
    house.danawa.inventory.change(danawa[1].removeprefix("danawa_"), mark="판매완료")
    await house.list_is_read()
    ids = [*encar, *danawa, "danawa_99"]
    answer = await by_id(house, *ids)
    rows = {row["id"] for row in answer["data"]}
    assert [row["id"] for row in answer["data"]] == [encar[0], *encar[5:], danawa[0]]
    async with house.client.post("/v1/vehicles/availability", json={"ids": ids}) as response:
        states = (await response.json())["data"]
    assert answer["states"] == [state for state in states if state["id"] not in rows]
    assert told(answer) == [
        (encar[1], "sold", None),
        (encar[2], "waiting", None),
        (encar[3], "waiting", "under_contract"),
        (encar[4], "gone", None),
        (danawa[1], "sold", None),
        ("danawa_99", "gone", None),
    ]


async def test_a_car_that_can_be_bought_but_shows_no_price_has_a_state_and_never_a_made_up_row(build: Any) -> None:
    house = await build(Inventory())
    car = house.inventory.insert(house.inventory.new_car(price=99_999))
    answer = await by_id(house, f"encar_{car.id}")
    assert (house.status, answer["data"]) == (200, [])
    assert told(answer) == [(f"encar_{car.id}", "available", "placeholder_price")]


async def test_danawas_feeder_is_asked_only_about_cars_that_the_list_does_not_offer(build: Any) -> None:
    house = await build(Inventory(), danawa_stock(5), detail_fresh_s=0.0)
    ids = danawa_ids(house)
    assert len((await by_id(house, *ids))["data"]) == 5
    assert asked(house) == {}
    assert house.headers["X-Cache"] == "hit"
    house.danawa.inventory.change(ids[0].removeprefix("danawa_"), mark="예약")
    answer = await by_id(house, *ids, bypass_cache=True)
    assert asked(house) == {"feeder": 5}
    assert told(answer) == [(ids[0], "waiting", None)]
    # What the feeder told is known from then on.
    assert told(await by_id(house, *ids)) == [(ids[0], "waiting", None)]
    assert asked(house) == {"feeder": 6}


async def test_repeated_ids_count_once_and_one_site_alone_leaves_the_other_unasked(build: Any) -> None:
    house = await build(stock(2))
    first, second = encar_ids(house)
    answer = await by_id(house, second, first, second)
    assert [row["id"] for row in answer["data"]] == [second, first]
    assert sources(answer) == [("ok", None, 2), ("skipped", "nothing_to_ask", 0)]
    assert asked(house) == {"batch": 1}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Block(status=403), "blocked"),
        (Html(), "blocked"),
        (Status(status=500), "upstream_error"),
        (RateLimited(retry_after=12), "rate_limited"),
        (Hang(), "timed_out"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
async def test_an_outage_is_a_503_alone_and_partial_beside_the_other_site_and_never_gone(
    build: Any, fault: Fault, reason: str
) -> None:
    deadline_s = 1.0 if reason == "timed_out" else 8.0
    house = await build(stock(3), danawa_stock(2), list_deadline_s=deadline_s, detail_deadline_s=deadline_s)
    for operation in ("batch", "detail", "page"):
        house.stand_in.faults.add(replace(fault, operation=operation))
    encar, danawa = encar_ids(house), danawa_ids(house)
    alone = await by_id(house, *encar)
    assert (house.status, alone["error"]["code"]) == (503, "dealer_upstream_unavailable")
    assert (house.headers[PARTIAL], int(house.headers["Retry-After"]) >= 5) == ("encar", True)
    both = await by_id(house, *encar, *danawa)
    assert (house.status, house.headers[PARTIAL], house.headers["Cache-Control"]) == (200, "encar", "no-store")
    assert [row["id"] for row in both["data"]] == danawa
    assert {status for _, status, _ in told(both)} == {"unknown"}
    assert [source["status"] for source in both["sources"]] == ["failed", "ok"]


@pytest.mark.parametrize("name", NOT_WITH_IDS)
async def test_a_filter_a_sort_or_a_cursor_beside_ids_is_refused(house: Any, name: str) -> None:
    answer = await house.ask(**{"ids": "encar_1", "upstream": None, name: "x"})
    assert (house.status, answer["error"]["details"]["field"]) == (400, name)
    assert asked(house) == {}


@pytest.mark.parametrize(
    ("ids", "known"),
    [
        ("", False),
        (",", False),
        ("encar_0", False),
        ("encar_1,glovis_2", False),
        ("41985016", False),
        (",".join(f"encar_{number}" for number in range(1, 41)), True),
        (",".join(f"encar_{number}" for number in range(1, 42)), False),
    ],
    ids=["none", "blank", "no-number", "auction", "bare", "forty", "forty-one"],
)
async def test_from_one_to_forty_dealer_ids_are_answered_and_anything_else_is_refused(
    house: Any, ids: str, known: bool
) -> None:
    answer = await house.ask(ids=ids, upstream=None)
    assert (house.status == 200) is known
    if not known:
        assert answer["error"]["details"]["field"] == "ids"
        assert asked(house) == {}


async def test_source_may_name_dealer_and_must_not_leave_it_out(build: Any) -> None:
    house = await build(stock(1))
    assert len((await by_id(house, *encar_ids(house), source="dealer,glovis"))["data"]) == 1
    answer = await by_id(house, *encar_ids(house), source="glovis")
    assert (house.status, answer["error"]["details"]["field"]) == (400, "source")


async def test_an_unchanged_answer_is_a_304_and_a_changed_state_is_not(build: Any) -> None:
    house = await build(stock(2), detail_fresh_s=0.0)
    ids = encar_ids(house)
    await by_id(house, *ids)
    tag = {"If-None-Match": house.headers["Etag"]}
    async with house.client.get("/v1/vehicles", params={"ids": ",".join(ids)}, headers=tag) as response:
        assert response.status == 304
    house.inventory.change(ids[0].removeprefix("encar_"), status="SOLD")
    async with house.client.get("/v1/vehicles", params={"ids": ",".join(ids)}, headers=tag) as response:
        assert response.status == 200
