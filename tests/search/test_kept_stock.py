"""Encar's stock over a restart and between processes: the next one answers from it, and the site is not asked."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dealerproxy.sandbox.danawa.inventory import DanawaInventory
from dealerproxy.sandbox.danawa.site import DanawaStandIn
from dealerproxy.sandbox.encar.site import EncarStandIn
from dealerproxy.sandbox.sites import serve
from dealerproxy.upstreams.paging import CHUNK_ROWS
from dealerproxy.vocabulary import Vocabulary
from tests.search.conftest import SearchHarness
from tests.support.harness import service_over
from tests.support.inventories import generate
from tests.support.redis_server import RedisServer
from tests.support.stock import stock

CARS = 60


@pytest.fixture(params=["folder", "redis"])
def kept_in(request: pytest.FixtureRequest, tmp_path: Path) -> Mapping[str, Any]:
    if request.param == "folder":
        return {"stock_dir": str(tmp_path / "stock")}
    server: RedisServer = request.getfixturevalue("redis_server")
    return {"redis_url": server.url}


async def until_stocked(house: SearchHarness) -> Any:
    """Wait until cars and trucks of a make are in stock, and list them."""
    asked: dict[str, Any] = {"make": "Kia", "sort": "price_asc"}
    await house.in_stock(**asked)
    return await house.ask(**asked)


async def test_the_next_process_answers_from_what_was_read(vocabulary: Vocabulary, kept_in: Mapping[str, Any]) -> None:
    stand_in = EncarStandIn(stock(CARS))
    danawa = DanawaStandIn(DanawaInventory(), faults=stand_in.faults)
    first, second = serve(stand_in, danawa), serve(stand_in, danawa)
    async with service_over(first, vocabulary, encar_warm="Kia", **kept_in) as client:
        before = await until_stocked(SearchHarness(client, stand_in, danawa, "encar"))
    calls = searches(stand_in)
    async with service_over(second, vocabulary, **kept_in) as client:
        house = SearchHarness(client, stand_in, danawa, "encar")
        after = await house.ask(make="Kia", sort="price_asc", mileage_max_km=899_999)
        assert [row["id"] for row in after["data"]] == [row["id"] for row in before["data"]]
        assert (after["sources"][0]["status"], after["sources"][0]["total"]) == ("ok", CARS)
        assert house.headers["X-Cache"] == "hit"
    assert searches(stand_in) == calls


async def test_trucks_and_those_found_sold_are_kept_too(vocabulary: Vocabulary, kept_in: Mapping[str, Any]) -> None:
    stand_in = EncarStandIn(generate(5, 30, trucks=60))
    danawa = DanawaStandIn(DanawaInventory(), faults=stand_in.faults)
    first, second = serve(stand_in, danawa), serve(stand_in, danawa)
    asked: dict[str, Any] = {"make": "Kia", "model": "Bongo", "sort": "price_asc"}
    async with service_over(first, vocabulary, encar_warm="Kia", **kept_in) as client:
        house = SearchHarness(client, stand_in, danawa, "encar")
        await house.in_stock(**asked)
        sold, *others = (await house.ask(**asked))["data"]
        stand_in.inventory.change(sold["id"].removeprefix("encar_"), status="SOLD", lingers=True)
        async with client.get(f"/v1/vehicles/{sold['id']}") as response:
            assert response.status == 404
    stand_in.calls.clear()
    async with service_over(second, vocabulary, **kept_in) as client:
        after = await SearchHarness(client, stand_in, danawa, "encar").ask(**asked)
        assert [row["id"] for row in after["data"]][: len(others)] == [row["id"] for row in others]
        assert after["sources"][0]["total"] == len(after["data"]) <= len(others)
    assert not [call for call in stand_in.calls if call.operation in {"search", "truck_search"}]


def searches(stand_in: EncarStandIn) -> int:
    """How often cars were searched for."""
    return sum(call.operation == "search" for call in stand_in.calls)


def readings(stand_in: EncarStandIn) -> int:
    """How many calls asked for more rows than a live search does."""
    return sum(call.limit is not None and call.limit > CHUNK_ROWS for call in stand_in.calls)


async def test_one_of_two_processes_reads_and_the_other_answers_from_it_also_when_that_one_ended(
    vocabulary: Vocabulary, redis_server: RedisServer
) -> None:
    stand_in = EncarStandIn(stock(CARS))
    danawa = DanawaStandIn(DanawaInventory(), faults=stand_in.faults)
    settings: dict[str, Any] = {"encar_warm": "Kia", "redis_url": redis_server.url}
    async with service_over(serve(stand_in, danawa), vocabulary, **settings) as second_client:
        async with service_over(serve(stand_in, danawa), vocabulary, **settings) as first_client:
            first = await until_stocked(SearchHarness(first_client, stand_in, danawa, "encar"))
            calls = readings(stand_in)
            house = SearchHarness(second_client, stand_in, danawa, "encar")
            second = await until_stocked(house)
            assert first["data"] == second["data"]
            assert readings(stand_in) == calls > 0
        await until_stocked(house)
        assert readings(stand_in) == calls
