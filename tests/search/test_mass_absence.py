"""A site whose adverts are all missing while its lists show the cars is in trouble; its cars are not gone."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dealerproxy.sandbox.danawa.inventory import DanawaInventory
from dealerproxy.sandbox.encar.inventory import Inventory
from dealerproxy.sandbox.faults import Fault, Status
from dealerproxy.transport.troubles import trouble_counts

CARS = 30
PATH = "mass_absence"
OPERATION = {"encar": "detail", "danawa": "feeder"}
# How the sites say of all cars that there are none.
LOST: dict[str, tuple[str, tuple[Fault, ...]]] = {
    "plain 404s, batch too": (
        "encar",
        (Status(operation=None, contains="vehicle", status=404), Status(operation="page", status=404)),
    ),
    "plain 404s": ("encar", tuple(Status(operation=each, status=404) for each in ("detail", "batch", "page"))),
    "empty batches, then 404s": (
        "encar",
        (
            *(Status(operation=each, status=404) for each in ("detail", "page")),
            Status(operation="batch", status=200, body="[]"),
        ),
    ),
    "404s and a page that fails": (
        "encar",
        (*(Status(operation=each, status=404) for each in ("detail", "batch")), Status(operation="page", status=500)),
    ),
    "empty answers of the feeder": (
        "danawa",
        (Status(operation="feeder", status=200, body='{"data":{"detailInfo":[]}}'),),
    ),
}


@pytest.fixture(params=LOST)
def lost(request: pytest.FixtureRequest) -> tuple[str, tuple[Fault, ...]]:
    return LOST[request.param]


@pytest.fixture(autouse=True)
def _nothing_counted() -> Iterator[None]:
    trouble_counts.clear()
    yield
    trouble_counts.clear()


def drifts() -> dict[str, int]:
    return {
        site: count for (site, _, reason, path), count in trouble_counts.items() if (reason, path) == ("drift", PATH)
    }


class Site:
    """The service with thirty cars of one site."""

    def __init__(self, house: Any, name: str) -> None:
        self.house, self.name = house, name
        inventory = house.inventory if name == "encar" else house.danawa.inventory
        self.ids = [f"{name}_{car.id}" for car in inventory]

    @property
    def missing(self) -> tuple[int, str]:
        """What is said of a single car whose advert is missing: Danawa's list, a second witness, still shows it."""
        return (404, "gone") if self.name == "encar" else (503, "unconfirmed")

    @property
    def unknown(self) -> tuple[str, str | None]:
        """The same in a check."""
        return ("gone", None) if self.name == "encar" else ("unknown", "unconfirmed")

    async def car(self, vehicle_id: str) -> tuple[int, str | None]:
        """The status, and why there is no car."""
        async with self.house.client.get(f"/v1/vehicles/{vehicle_id}") as response:
            body = await response.json()
        if response.status == 503:
            (source,) = body["error"]["details"]["sources"]
            assert (source["name"], response.headers["X-LMN-Partial-Dealer-Unavailable"]) == (self.name, self.name)
            assert response.headers["Retry-After"] == "30" or source["reason"] != "mass_absence"
            return 503, source["reason"]
        return response.status, body["error"]["details"]["reason"] if response.status != 200 else None

    async def check(self, ids: list[str]) -> list[tuple[str, str | None]]:
        async with self.house.client.post("/v1/vehicles/availability", json={"ids": ids}) as response:
            return [(state["status"], state["reason"]) for state in (await response.json())["data"]]

    async def listed(self, **params: str) -> set[str]:
        body = await self.house.ask(make="Kia", upstream=self.name, **params)
        assert self.house.status == 200
        return {row["id"] for row in body["data"]}

    def lose(self, faults: tuple[Fault, ...]) -> None:
        self.house.stand_in.faults.add(*faults)

    def delete(self, vehicle_id: str) -> None:
        if self.name == "encar":
            self.house.inventory.remove(vehicle_id.removeprefix("encar_"))
        else:
            self.house.danawa.inventory.remove(vehicle_id.removeprefix("danawa_"))


async def site(build: Any, name: str, **settings: Any) -> Site:
    inventory, danawa = Inventory(), DanawaInventory()
    for i in range(CARS):
        if name == "encar":
            inventory.insert(inventory.new_car(manufacturer="기아", price=1000 + i, mileage=10_000 + i))
        else:
            danawa.insert(danawa.new_car(brand="기아", price=1000 + i, mileage=10_000 + i))
    return Site(await build(inventory, danawa, **settings), name)


async def test_thirty_cars_asked_for_at_once_are_not_gone_and_lists_keep_them(build: Any, lost: Any) -> None:
    shop = await site(build, lost[0])
    assert await shop.listed() == set(shop.ids)
    shop.lose(lost[1])
    first = await asyncio.gather(*map(shop.car, shop.ids))
    assert set(first) <= {shop.missing, (503, "mass_absence")}
    assert first.count(shop.missing) <= 5
    assert await shop.listed() == set(shop.ids)
    assert await shop.listed(sort="price_asc") == set(shop.ids)
    assert {await shop.car(vehicle_id) for vehicle_id in shop.ids} == {(503, "mass_absence")}
    assert await shop.check(shop.ids) == [("unknown", "mass_absence")] * CARS
    assert drifts() == {shop.name: 1}


async def test_a_check_of_thirty_cars_calls_none_of_them_gone_and_lists_keep_them(build: Any, lost: Any) -> None:
    shop = await site(build, lost[0])
    await shop.listed()
    shop.lose(lost[1])
    first = await shop.check(shop.ids)
    assert set(first) <= {("unknown", "mass_absence"), ("unknown", "unconfirmed")}
    assert first.count(("unknown", "unconfirmed")) <= 5 * (shop.name == "danawa")
    assert await shop.listed() == set(shop.ids)
    assert drifts() == {shop.name: 1}


# Danawa's list is read before anything is asked.
@pytest.mark.parametrize("lost", [each for each in LOST if LOST[each][0] != "danawa"], indirect=True)
async def test_a_list_read_after_the_cars_were_asked_for_shows_that_they_are_not_gone(build: Any, lost: Any) -> None:
    shop = await site(build, lost[0])
    shop.lose(lost[1])
    assert {await shop.car(vehicle_id) for vehicle_id in shop.ids[:10]} == {(404, "gone")}
    assert await shop.listed() == set(shop.ids)
    assert {await shop.car(vehicle_id) for vehicle_id in shop.ids[:10]} == {(503, "mass_absence")}
    assert drifts() == {shop.name: 1}


async def test_ten_questions_for_one_car_are_one_absence(build: Any, lost: Any) -> None:
    shop = await site(build, lost[0], detail_fresh_s=0.0)
    await shop.listed()
    shop.lose(lost[1])
    assert set(await asyncio.gather(*[shop.car(shop.ids[0]) for _ in range(10)])) == {shop.missing}
    for _ in range(10):
        assert await shop.car(shop.ids[0]) == shop.missing
    assert drifts() == {}


async def test_a_single_car_that_is_gone_stays_gone_beside_others_that_answer(build: Any, lost: Any) -> None:
    shop = await site(build, lost[0])
    await shop.listed()
    gone = shop.ids[4]
    shop.delete(gone)
    for vehicle_id in shop.ids:
        assert await shop.car(vehicle_id) == (shop.missing if vehicle_id == gone else (200, None))
    assert (gone in await shop.listed()) == (shop.name == "danawa")
    assert (await shop.check(shop.ids)).count(shop.unknown) == 1
    assert drifts() == {}


async def test_a_check_of_an_old_wish_list_is_no_mass_absence(build: Any, lost: Any) -> None:
    shop = await site(build, lost[0])
    await shop.listed()
    old = [f"{shop.name}_{number}" for number in range(1, CARS + 1)]
    assert await shop.check(old) == [("gone", None)] * CARS
    assert await shop.car(old[0]) == (404, "gone")
    assert drifts() == {}


async def test_it_ends_when_the_adverts_answer_again(build: Any, lost: Any) -> None:
    shop = await site(build, lost[0], detail_fresh_s=0.0)
    await shop.listed()
    shop.lose(lost[1])
    await asyncio.gather(*map(shop.car, shop.ids))
    await shop.house.heal()
    assert {await shop.car(vehicle_id) for vehicle_id in shop.ids} == {(200, None)}
    assert await shop.check(shop.ids) == [("available", None)] * CARS
    shop.delete(shop.ids[0])
    if shop.name == "danawa":
        await shop.house.list_is_read()
    assert await shop.car(shop.ids[0]) == (404, "gone")
    assert await shop.check(shop.ids[:1]) == [("gone", None)]
    assert shop.ids[0] not in await shop.listed()


async def test_cars_found_gone_at_its_beginning_are_asked_for_anew_after_it(build: Any, lost: Any) -> None:
    shop = await site(build, lost[0])
    await shop.listed()
    shop.lose(lost[1])
    before = [await shop.car(vehicle_id) for vehicle_id in shop.ids[:10]]
    assert before == [shop.missing] * 5 + [(503, "mass_absence")] * 5
    await shop.house.heal()
    for vehicle_id in shop.ids[10:]:
        assert await shop.car(vehicle_id) == (200, None)
    assert {await shop.car(vehicle_id) for vehicle_id in shop.ids[:10]} == {(200, None)}


async def test_it_is_kept_as_one_capture_and_told_by_the_metric(build: Any, lost: Any, tmp_path: Path) -> None:
    shop = await site(build, lost[0], capture_dir=str(tmp_path))
    await shop.listed()

    async def metric() -> str:
        async with shop.house.client.get("/metrics") as response:
            return str(await response.text())

    assert f'dealerproxy_mass_absence_state{{upstream="{shop.name}"}} 0.0' in await metric()
    shop.lose(lost[1])
    for vehicle_id in shop.ids:
        await shop.car(vehicle_id)
    assert f'dealerproxy_mass_absence_state{{upstream="{shop.name}"}} 1.0' in await metric()
    await shop.house.client.close()
    assert len([name for name in os.listdir(tmp_path) if "mass-absence" in name]) == 1  # noqa: PTH208  # no waiting


async def test_the_other_site_is_not_touched(build: Any, lost: Any) -> None:
    shop = await site(build, lost[0])
    await shop.listed()
    shop.lose(lost[1])
    await shop.check(shop.ids)
    other = "danawa_1" if shop.name == "encar" else "encar_1"
    shop.house.stand_in.faults.clear()
    assert await shop.check([other]) == [("gone", None)]
