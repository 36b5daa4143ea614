"""What the service knows to be sold reaches every answer, whatever was read before."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from dealerproxy.sandbox.danawa.inventory import DanawaInventory
from dealerproxy.sandbox.faults import Block, Fault, Status
from dealerproxy.upstreams.danawa import stock as danawa_list
from dealerproxy.upstreams.off_sale import MOST, OffSale
from dealerproxy.vehicles.car import SaleStatus
from dealerproxy.vehicles.listing import Listing
from tests.support.harness import read_anew
from tests.support.stock import stock

NO_CACHE = {"Cache-Control": "no-cache"}


class Held(Fault, tag="held", frozen=True):
    """The answer is made, and sent when `gate` is open."""

    made: asyncio.Event
    gate: asyncio.Event

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        answered = await handler(request)
        self.made.set()
        await self.gate.wait()
        return answered


async def get(house: Any, path: str, **headers: str) -> tuple[int, Any]:
    async with house.client.get(path, headers=headers) as response:
        return response.status, await response.json()


async def check(house: Any, *ids: str) -> list[str]:
    async with house.client.post("/v1/vehicles/availability", json={"ids": list(ids)}) as response:
        return [found["status"] for found in (await response.json())["data"]]


def ids_of(answer: Any) -> set[str]:
    return {row["id"] for row in answer["data"]}


async def test_a_detail_is_never_older_than_what_availability_found(build: Any) -> None:
    house = await build(stock())
    car = next(iter(house.inventory)).id
    assert (await get(house, f"/v1/vehicles/encar_{car}"))[0] == 200
    house.inventory.change(car, status="SOLD")
    assert await check(house, f"encar_{car}") == ["sold"]
    status, body = await get(house, f"/v1/vehicles/encar_{car}")
    assert (status, body["error"]["details"]["reason"]) == (404, "sold")
    house.stand_in.faults.add(Status(status=500))
    status, body = await get(house, f"/v1/vehicles/encar_{car}", **NO_CACHE)
    assert (status, body["error"]["details"]["reason"]) == (404, "sold")


async def test_a_car_that_is_sold_or_gone_is_asked_for_once_and_then_at_hand(build: Any) -> None:
    danawa = DanawaInventory()
    ended = danawa.insert(danawa.new_car(brand="기아", mark="판매완료"))
    house = await build(stock(), danawa)
    sold, gone, *_ = (car.id for car in house.inventory)
    house.inventory.change(sold, status="SOLD")
    house.inventory.remove(gone)
    for vehicle_id in (f"encar_{sold}", f"encar_{gone}", f"danawa_{ended.id}", "danawa_1"):
        seen = []
        for _ in range(3):
            asked = len(house.stand_in.calls) + len(house.danawa.calls)
            async with house.client.get(f"/v1/vehicles/{vehicle_id}") as response:
                assert response.status == 404
                cost = len(house.stand_in.calls) + len(house.danawa.calls) - asked
                seen.append((response.headers["X-Cache"], cost))
        once = 2 if vehicle_id.startswith("encar") else 1  # of Encar both witnesses are heard
        assert seen == [("miss", once), ("hit", 0), ("hit", 0)], vehicle_id


async def test_availability_is_never_older_than_what_a_detail_found(build: Any) -> None:
    house = await build(stock())
    car = next(iter(house.inventory)).id
    assert await check(house, f"encar_{car}") == ["available"]
    house.inventory.change(car, status="SOLD")
    assert (await get(house, f"/v1/vehicles/encar_{car}"))[0] == 404
    assert await check(house, f"encar_{car}") == ["sold"]


async def test_an_advert_read_before_does_not_overrule_a_batch_that_lacks_the_car(build: Any) -> None:
    house = await build(stock())
    car = next(iter(house.inventory)).id
    assert (await get(house, f"/v1/vehicles/encar_{car}"))[0] == 200
    house.inventory.remove(car)
    assert await check(house, f"encar_{car}") == ["gone"]


async def test_a_list_that_leaves_a_car_out_teaches_the_lists_read_before(build: Any) -> None:
    house = await build(stock())
    car = next(iter(house.inventory)).id
    old = "/v1/vehicles?make=Kia&upstream=encar"
    assert f"encar_{car}" in ids_of((await get(house, old))[1])
    house.inventory.change(car, sales_status="CONTRACT")
    await get(house, f"{old}&sort=price_asc")
    assert f"encar_{car}" not in ids_of((await get(house, old))[1])


@pytest.mark.parametrize("upstream", ["encar", "danawa"])
async def test_a_car_that_sells_while_a_list_is_read_is_not_in_it(
    build: Any, upstream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(danawa_list, "WAIT_S", 20.0)
    inventory, danawa = stock(1), DanawaInventory()
    theirs = danawa.insert(danawa.new_car(brand="기아"))
    number = theirs.id if upstream == "danawa" else next(iter(inventory)).id
    house = await build(inventory, danawa)
    made, gate = asyncio.Event(), asyncio.Event()
    house.stand_in.faults.add(*(Held(operation=name, made=made, gate=gate) for name in ("danawa_list", "search")))
    read_anew(house.client.app)
    reading = asyncio.create_task(get(house, f"/v1/vehicles?make=Kia&upstream={upstream}"))
    await made.wait()
    # What the site answers was made before the car sold.
    if upstream == "danawa":
        house.danawa.inventory.change(number, mark="판매완료")
    else:
        house.inventory.change(number, status="SOLD")
    assert (await get(house, f"/v1/vehicles/{upstream}_{number}"))[0] == 404
    gate.set()
    assert ids_of((await reading)[1]) == set()


async def test_one_witness_that_says_gone_empties_no_list(build: Any) -> None:
    house = await build(stock(2))
    url = "/v1/vehicles?make=Kia&upstream=encar"
    assert len((await get(house, url))[1]["data"]) == 2
    car = next(iter(house.inventory)).id
    house.stand_in.faults.add(Status(operation="detail", status=404), Block(operation="page"))
    status, body = await get(house, f"/v1/vehicles/encar_{car}")
    assert (status, body["error"]["details"]["reason"]) == (404, "gone")
    assert len((await get(house, url))[1]["data"]) == 2


@pytest.mark.parametrize("fault", [Block(status=403), Status(status=503)], ids=repr)
async def test_a_car_that_a_list_shows_as_sold_is_not_answered_as_it_was_read_before(build: Any, fault: Any) -> None:
    danawa = DanawaInventory()
    car = danawa.insert(danawa.new_car(brand="기아"))
    house = await build(stock(), danawa)
    assert (await get(house, f"/v1/vehicles/danawa_{car.id}"))[0] == 200
    house.danawa.inventory.change(car.id, mark="판매완료")
    await house.list_is_read()
    house.stand_in.faults.add(fault)
    assert (await get(house, f"/v1/vehicles/danawa_{car.id}"))[0] == 503
    assert await check(house, f"danawa_{car.id}") == ["unknown"]


@pytest.mark.parametrize("fault", [Block(status=403), Status(status=503)], ids=repr)
@pytest.mark.parametrize(("change", "reason"), [({"status": "SOLD"}, "sold"), ({"status": "WAIT"}, "waiting")])
async def test_a_car_known_not_to_be_buyable_is_not_answered_as_it_was_read_before(
    build: Any, fault: Any, change: dict[str, str], reason: str
) -> None:
    house = await build(stock())
    car = next(iter(house.inventory)).id
    assert (await get(house, f"/v1/vehicles/encar_{car}"))[0] == 200
    house.inventory.change(car, **change)
    assert await check(house, f"encar_{car}") == [reason]
    house.stand_in.faults.add(fault)
    status, body = await get(house, f"/v1/vehicles/encar_{car}")
    assert (status, body["error"]["details"].get("reason")) in {(404, reason), (503, None)}


@pytest.mark.slow  # goes by a clock on the wall
async def test_a_hundred_unknown_ids_keep_nobody_else_waiting(build: Any) -> None:
    house = await build(stock(), encar_rps=20.0, detail_deadline_s=1.0)
    checking = asyncio.create_task(check(house, *(f"encar_{number}" for number in range(1, 101))))
    await asyncio.sleep(0.3)
    assert (await get(house, "/v1/vehicles?make=Kia&upstream=encar"))[0] == 200
    found = await checking
    assert set(found) <= {"gone", "unknown"}
    assert "gone" in found


# The memory itself


def test_what_is_known_from_later_stands() -> None:
    off_sale = OffSale(lambda: 1000.0)
    off_sale.note("encar", "1", 500.0, SaleStatus.SOLD)
    off_sale.note("encar", "1", 400.0, SaleStatus.WAITING)
    found = off_sale.since("encar", "1", 450.0)
    assert found is not None
    assert found.verdict is SaleStatus.SOLD
    assert off_sale.since("encar", "1", 500.0) is None
    off_sale.back("encar", "1", 450.0)
    assert off_sale.since("encar", "1", 0.0) is not None
    off_sale.back("encar", "1", 501.0)
    assert off_sale.since("encar", "1", 0.0) is None


@pytest.mark.parametrize("known", [SaleStatus.SOLD, SaleStatus.WAITING, SaleStatus.NOT_FOR_SALE, None])
@pytest.mark.parametrize("times", [1, 2])
def test_a_car_that_is_not_gone_after_all_is_as_it_was_known_before(known: SaleStatus | None, times: int) -> None:
    off_sale = OffSale(lambda: 1000.0)
    off_sale.note("encar", "1", 400.0, known)
    for number in range(times):
        off_sale.note("encar", "1", 500.0 + number, SaleStatus.GONE)
        off_sale.note("encar", "2", 500.0 + number, SaleStatus.GONE)
    before = off_sale.version
    off_sale.withdraw("encar", ["1", "2", "3"])
    off_sale.withdraw("danawa", ["1"])
    found = off_sale.since("encar", "1", 0.0)
    assert found is not None
    assert (found.at, found.verdict) == (400.0, known)
    assert off_sale.since("encar", "2", 0.0) is None
    assert off_sale.version > before


@pytest.mark.parametrize(("later_s", "shown"), [(301.0, False), (1_799.0, False), (1_801.0, True)])
def test_a_car_that_is_gone_stays_off_the_lists_for_half_an_hour(later_s: float, *, shown: bool) -> None:
    off_sale = OffSale(lambda: 6_000.0)
    off_sale.note("encar", "1", 4_000.0, SaleStatus.GONE)
    (entry,) = off_sale.leave_out("encar", (row(1),), 6_000.0 - 4_000.0 - later_s)
    assert isinstance(entry, Listing) == shown


def test_the_memory_is_bounded_and_forgets_the_oldest() -> None:
    off_sale = OffSale(lambda: 1000.0)
    for number in range(MOST + 10):
        off_sale.note("encar", str(number), 1000.0)
    assert off_sale.since("encar", "0", 0.0) is None
    assert off_sale.since("encar", str(MOST + 9), 0.0) is not None
    assert off_sale.version == MOST + 10


def row(number: int) -> Listing:
    facts: dict[str, Any] = dict.fromkeys(Listing.__struct_fields__)
    facts |= {"upstream": "encar", "listing_id": str(number), "make": "Kia", "model": "K5"}
    return Listing(**facts)


@pytest.mark.parametrize(("read_at", "shown"), [(4_000.0, 1), (5_000.0, 1), (5_299.0, 1), (5_301.0, 2)])
def test_a_list_is_believed_again_some_minutes_after(read_at: float, shown: int) -> None:
    off_sale = OffSale(lambda: 6_000.0)
    off_sale.note("encar", "1", 5_000.0)
    rows = (row(1), row(2))
    found = off_sale.leave_out("encar", rows, 6_000.0 - read_at)
    assert sum(isinstance(entry, Listing) for entry in found) == shown
    assert off_sale.leave_out("danawa", rows, 6_000.0 - read_at) is rows
