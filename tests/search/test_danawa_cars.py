"""A Danawa car through the service: in full, gone, sold, unanswered, and checked together with cars of Encar's."""

from typing import Any

import pytest

from dealerproxy.sandbox.danawa.inventory import DanawaInventory
from dealerproxy.sandbox.encar.inventory import Inventory
from dealerproxy.sandbox.faults import Block, Drop, Empty, Fault, Hang, Html, RateLimited, Status


async def stocked(build: Any, **settings: Any) -> tuple[Any, Any]:
    danawa = DanawaInventory()
    car = danawa.insert(danawa.new_car(brand="기아", model="카니발(KA4)", year=2022, price=3000))
    danawa.insert(danawa.new_car(brand="현대"))
    return await build(Inventory(), danawa, **settings), car


async def get(house: Any, vehicle_id: str, **params: str) -> tuple[int, Any]:
    async with house.client.get(f"/v1/vehicles/{vehicle_id}", params=params) as response:
        house.headers = dict(response.headers)
        return response.status, await response.json()


async def check(house: Any, *ids: str) -> list[tuple[str, str | None]]:
    async with house.client.post("/v1/vehicles/availability", json={"ids": list(ids)}) as response:
        return [(found["status"], found["reason"]) for found in (await response.json())["data"]]


async def test_a_car_is_told_by_its_feeder_and_the_bridge_is_never_followed(build: Any) -> None:
    house, car = await stocked(build)
    status, body = await get(house, f"danawa_{car.id}", krw_per_usd="1000")
    assert (status, body["make"], body["model"], body["year"]) == (200, "Kia", "Carnival", 2022)
    assert (body["pricing"]["listing_price"], body["license_plate"]) == (30_000, car.plate)
    assert "dealer" not in body
    assert [call.operation for call in house.danawa.calls] == ["feeder"]
    status, body = await get(house, f"danawa_{car.id}", include="dealer")
    assert body["dealer"]["upstream"] == "danawa"


async def test_one_the_feeder_does_not_have_any_more_is_gone_and_a_sold_one_is_told(build: Any) -> None:
    house, car = await stocked(build, detail_fresh_s=0.0)
    for mark, reason in (("판매완료", "sold"), ("예약", "waiting"), ("계약중", "waiting")):
        house.danawa.inventory.change(car.id, mark=mark)
        status, body = await get(house, f"danawa_{car.id}")
        assert (status, body["error"]["details"]["reason"]) == (404, reason)
    house.danawa.inventory.remove(car.id)
    await house.list_is_read()
    status, body = await get(house, f"danawa_{car.id}")
    assert (status, body["error"]["code"], body["error"]["details"]["reason"]) == (404, "vehicle_not_found", "gone")


async def test_a_car_that_only_one_of_feeder_and_list_shows_is_neither_on_sale_nor_gone(build: Any) -> None:
    house, car = await stocked(build, detail_fresh_s=0.0)
    new = house.danawa.inventory.insert(house.danawa.inventory.new_car())
    house.danawa.inventory.remove(car.id)
    for number in (car.id, new.id):
        status, body = await get(house, f"danawa_{number}")
        assert (status, body["error"]["details"]["sources"][0]["reason"]) == (503, "unconfirmed")
        assert house.headers["X-LMN-Partial-Dealer-Unavailable"] == "danawa"
        assert await check(house, f"danawa_{number}") == [("unknown", "unconfirmed")]
    await house.list_is_read()
    assert [(await get(house, f"danawa_{number}"))[0] for number in (car.id, new.id)] == [404, 200]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Block(status=403), "blocked"),
        (Html(), "blocked"),
        (Status(status=404), "upstream_error"),
        (Status(status=500), "upstream_error"),
        (RateLimited(retry_after=12), "rate_limited"),
        (Empty(), "drift"),
        (Drop(), "unreachable"),
        (Hang(), "timed_out"),
    ],
    ids=repr,
)
async def test_a_feeder_that_cannot_be_heard_is_a_503_and_never_gone(build: Any, fault: Fault, reason: str) -> None:
    house, car = await stocked(build, detail_deadline_s=0.3 if reason == "timed_out" else 8.0)
    house.stand_in.faults.add(fault)
    status, body = await get(house, f"danawa_{car.id}")
    assert (status, body["error"]["code"]) == (503, "dealer_upstream_unavailable")
    (source,) = body["error"]["details"]["sources"]
    assert (source["name"], source["reason"]) == ("danawa", reason)
    assert house.headers["X-LMN-Partial-Dealer-Unavailable"] == "danawa"
    assert await check(house, f"danawa_{car.id}") == [("unknown", reason)]


async def test_cars_of_both_sites_are_checked_together_in_the_order_asked(build: Any) -> None:
    house, car = await stocked(build)
    encar = house.inventory.insert(house.inventory.new_car())
    sold = house.danawa.inventory.insert(house.danawa.inventory.new_car(mark="판매완료"))
    asked = [f"danawa_{sold.id}", f"encar_{encar.id}", f"danawa_{car.id}", "danawa_1", "encar_1", f"danawa_{sold.id}"]
    assert await check(house, *asked) == [
        ("sold", None),
        ("available", None),
        ("available", None),
        ("gone", None),
        ("gone", None),
    ]


@pytest.mark.parametrize("vehicle_id", ["encar_0", "encar_01", "danawa_", "danawa_12a", "mpark_12", "danawa_１２"])
async def test_what_is_no_dealer_id_is_told_so(build: Any, vehicle_id: str) -> None:
    house, _ = await stocked(build)
    status, body = await get(house, vehicle_id)
    assert (status, body["error"]["details"]["reason"]) == (404, "unknown_id")
