"""What an answer says of its age, and what a fresh look, an old copy and a car known sold make of it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dealerproxy.api.keys import CACHE, SEARCH
from dealerproxy.api.list_cache import Answers, render
from dealerproxy.contract.rate import Rate, now_kst
from dealerproxy.sandbox.danawa.inventory import DanawaInventory
from dealerproxy.sandbox.faults import Block, Hang, Status
from dealerproxy.settings import Settings
from dealerproxy.upstreams.off_sale import OffSale
from dealerproxy.vehicles.fx import FxRates
from tests.support.clock import ClockAhead
from tests.support.flights import landed
from tests.support.stock import stock

NO_CACHE = {"Cache-Control": "no-cache"}


async def get(house: Any, path: str, **headers: str) -> tuple[int, Mapping[str, str], Any]:
    async with house.client.get(path, headers=headers) as response:
        body = await response.json() if response.status != 304 else await response.read()
        return response.status, response.headers, body


LIST = "/v1/vehicles?make=Kia&upstream=encar"


async def test_a_list_is_a_miss_then_a_hit_and_tells_its_age(build: Any) -> None:
    house = await build(stock())
    _, first, _ = await get(house, LIST)
    _, again, _ = await get(house, LIST)
    assert (first["X-Cache"], again["X-Cache"]) == ("miss", "hit")
    assert (int(first["Age"]) <= 5, first["Cache-Control"]) == (True, "private, no-cache")


async def test_an_answer_the_client_has_is_a_304_and_a_changed_one_is_not(build: Any) -> None:
    house = await build(stock())
    _, headers, body = await get(house, LIST)
    bare = headers["ETag"].removeprefix("W/")
    for held in (headers["ETag"], bare, f'"old", {headers["ETag"]}', "*"):
        status, unchanged, empty = await get(house, LIST, **{"If-None-Match": held})
        assert (status, empty, unchanged["ETag"]) == (304, b"", headers["ETag"])
        assert unchanged["X-Cache"] == "hit"
    house.inventory.change(body["data"][0]["id"].removeprefix("encar_"), price=777)
    status, changed, _ = await get(house, LIST, **{"If-None-Match": headers["ETag"], **NO_CACHE})
    assert (status, changed["ETag"] != headers["ETag"]) == (200, True)


async def test_the_tag_covers_rows_rate_and_sources_but_not_ages(build: Any) -> None:
    house = await build(stock())
    tags = [(await get(house, url))[1]["ETag"] for url in (LIST, LIST, f"{LIST}&krw_per_usd=1000", f"{LIST}&limit=2")]
    assert tags[0] == tags[1]
    assert len(set(tags)) == 3


async def test_a_fresh_look_asks_the_site_again(build: Any) -> None:
    house = await build(stock())
    await get(house, LIST)
    house.inventory.insert(house.inventory.new_car(manufacturer="기아", price=1))
    assert len((await get(house, LIST))[2]["data"]) == 3
    _, headers, body = await get(house, LIST, **NO_CACHE)
    assert (headers["X-Cache"], len(body["data"]), len(house.calls)) == ("miss", 4, 2)


async def test_a_fresh_look_that_fails_gives_the_old_rows_as_stale_and_no_store(build: Any) -> None:
    house = await build(stock())
    await get(house, LIST)
    house.stand_in.faults.add(Block(operation="search"))
    status, headers, body = await get(house, LIST, **NO_CACHE)
    assert (status, len(body["data"]), body["sources"][0]["status"]) == (200, 3, "stale")
    assert (headers["X-Cache"], headers["Cache-Control"], body["sources"][0]["reason"]) == (
        *("stale", "no-store"),
        "blocked",
    )
    assert "ETag" not in headers
    assert headers["X-LMN-Partial-Dealer-Unavailable"] == "encar"


async def test_a_suspended_site_answers_at_once_with_what_is_kept_and_is_not_asked(build: Any) -> None:
    house = await build(stock())
    await get(house, LIST)
    house.stand_in.faults.add(Block(operation="search"))
    other = LIST.replace("Kia", "BMW")
    status, headers, body = await get(house, other)
    assert (status, headers["Cache-Control"], headers["Retry-After"]) == (503, "no-store", "30")
    assert body["error"]["details"]["sources"][0]["retry_at"] is not None
    asked = len(house.calls)
    status, _, body = await get(house, other.replace("BMW", "Audi"))
    assert (status, body["error"]["details"]["sources"][0]["reason"]) == (503, "suspended")
    assert body["error"]["details"]["sources"][0]["retry_at"] is not None
    status, headers, body = await get(house, LIST, **NO_CACHE)
    assert (status, headers["X-Cache"], body["sources"][0]["reason"]) == (200, "stale", "suspended")
    assert len(house.calls) == asked


async def test_an_old_list_is_answered_at_once_and_read_anew_behind(build: Any) -> None:
    clock = ClockAhead()
    house = await build(stock(), clock=clock)
    await get(house, LIST)
    house.inventory.insert(house.inventory.new_car(manufacturer="기아", price=1))
    clock.ahead_s += Settings().list_fresh_s + 1.0
    _, headers, body = await get(house, LIST)
    source = body["sources"][0]
    assert (headers["X-Cache"], len(body["data"])) == ("updating", 3)
    assert (source["status"], source["reason"]) == ("stale", "refreshing")
    await landed(house.client.app[CACHE])
    _, headers, body = await get(house, LIST)
    assert (headers["X-Cache"], len(body["data"])) == ("hit", 4)


async def test_a_car_found_sold_is_on_no_list_that_was_read_before(build: Any) -> None:
    danawa = DanawaInventory()
    other = danawa.insert(danawa.new_car(brand="기아"))
    house = await build(stock(), danawa)
    url = "/v1/vehicles?make=Kia"
    _, _, body = await get(house, url)
    assert len(body["data"]) == 4
    car = next(row["id"] for row in body["data"] if row["id"].startswith("encar"))
    house.inventory.change(car.removeprefix("encar_"), status="SOLD")
    house.danawa.inventory.change(other.id, mark="판매완료")
    for vehicle_id in (car, f"danawa_{other.id}"):
        assert (await get(house, f"/v1/vehicles/{vehicle_id}"))[0] == 404
    _, headers, body = await get(house, url)
    assert headers["X-Cache"] == "hit"
    assert {row["id"] for row in body["data"]}.isdisjoint({car, f"danawa_{other.id}"})
    assert len(body["data"]) == 2
    assert {n["code"]: n["count"] for n in body["notices"]}["left_out_not_buyable"] == 2
    # A list read just after it may be behind; the car's own advert tells that it is back.
    house.inventory.change(car.removeprefix("encar_"), status="ADVERTISE")
    _, _, body = await get(house, url, **NO_CACHE)
    assert car not in {row["id"] for row in body["data"]}
    assert (await get(house, f"/v1/vehicles/{car}", **NO_CACHE))[0] == 200
    _, _, body = await get(house, url, **NO_CACHE)
    assert car in {row["id"] for row in body["data"]}


async def test_a_car_in_full_has_a_tag_and_an_age_too(build: Any) -> None:
    house = await build(stock())
    car = next(iter(house.inventory)).id
    status, headers, _ = await get(house, f"/v1/vehicles/encar_{car}")
    assert (status, headers["X-Cache"], int(headers["Age"]) <= 1) == (200, "miss", True)
    status, again, _ = await get(house, f"/v1/vehicles/encar_{car}", **{"If-None-Match": headers["ETag"]})
    assert (status, again["X-Cache"]) == (304, "hit")


async def test_before_an_order_a_car_is_looked_at_anew(build: Any) -> None:
    house = await build(stock())
    car = next(iter(house.inventory)).id
    url = f"/v1/vehicles/encar_{car}"
    await get(house, url)
    house.inventory.change(car, status="SOLD")
    assert (await get(house, url))[0] == 200  # twenty seconds it may be old
    status, headers, body = await get(house, url, **NO_CACHE)
    assert (status, body["error"]["details"]["reason"], headers["X-Cache"]) == (404, "sold", "miss")
    house.stand_in.faults.add(Status(status=500))
    status, headers, body = await get(house, url, **NO_CACHE)
    assert (status, body["error"]["details"]["reason"], headers["X-Cache"]) == (404, "sold", "stale")


@pytest.mark.parametrize("fault", [Block(), Status(status=503)], ids=repr)
async def test_an_old_answer_never_makes_a_car_available(build: Any, fault: Any) -> None:
    house = await build(stock(1), detail_fresh_s=0.0)
    car = next(iter(house.inventory)).id
    ids = {"ids": [f"encar_{car}"]}
    async with house.client.post("/v1/vehicles/availability", json=ids) as response:
        assert (await response.json())["data"][0]["status"] == "available"
    await get(house, f"/v1/vehicles/encar_{car}")
    house.stand_in.faults.add(fault)
    async with house.client.post("/v1/vehicles/availability", json=ids) as response:
        assert (await response.json())["data"][0]["status"] == "unknown"


async def test_errors_are_never_stored(build: Any) -> None:
    house = await build(stock())
    for path in ("/v1/vehicles", "/v1/vehicles/encar_1", "/nowhere"):
        _, headers, _ = await get(house, path)
        assert headers["Cache-Control"] == "no-store"


async def test_upstreams_are_told_without_asking_any_and_reset_by_hand(build: Any) -> None:
    house = await build(stock())
    house.stand_in.faults.add(Block(operation="search"))
    await get(house, LIST)
    asked = len(house.calls)
    _, _, told = await get(house, "/v1/upstreams")
    encar, danawa = told["data"]
    assert (encar["name"], encar["state"], encar["reason"]) == ("encar", "suspended", "blocked")
    assert encar["retry_at"] == encar["operations"]["search"]["retry_at"] is not None
    assert {name: one["state"] for name, one in encar["operations"].items()} == {
        "search": "suspended",
        **dict.fromkeys(("truck_search", "detail", "page", "papers", "extras"), "healthy"),
    }
    assert (danawa["name"], danawa["state"], set(danawa["operations"])) == ("danawa", "healthy", {"list", "feeder"})
    assert len(house.calls) == asked
    house.stand_in.faults.clear()
    async with house.client.post("/v1/upstreams/encar/reset") as response:
        assert (response.status, (await response.json())["data"][0]["state"]) == (200, "healthy")
    assert (await get(house, LIST))[0] == 200
    async with house.client.post("/v1/upstreams/carvana/reset") as response:
        assert (response.status, (await response.json())["error"]["code"]) == (404, "upstream_not_found")


async def test_one_request_too_many_is_told_at_once_to_come_back(build: Any) -> None:
    house = await build(stock(), max_requests=2)
    house.stand_in.faults.add(Hang())
    held = [asyncio.create_task(get(house, f"{LIST}&year_min={year}")) for year in (2010, 2011)]
    while len(house.calls) < len(held):  # noqa: ASYNC110  # the stand-ins tell nobody
        await asyncio.sleep(0.01)
    status, headers, body = await get(house, f"{LIST}&year_min=2012")
    assert (status, body["error"]["code"], headers["Retry-After"]) == (503, "overloaded", "1")
    assert (await get(house, "/v1/upstreams"))[0] == 200
    assert (await get(house, "/health/ready"))[0] == 200
    for task in held:
        task.cancel()
    await asyncio.gather(*held, return_exceptions=True)


async def test_a_whole_answer_is_kept_only_while_everything_in_it_is_fresh(build: Any, monkeypatch: Any) -> None:
    clock = ClockAhead()
    house = await build(stock(), clock=clock)
    asked = 0
    search = house.client.app[SEARCH]
    answer = search.answer

    def counted(*args: Any, **how: Any) -> Any:
        nonlocal asked
        asked += 1
        return answer(*args, **how)

    monkeypatch.setattr(search, "answer", counted)
    first = await get(house, LIST)
    again = await get(house, LIST)
    assert (first[2]["data"], first[1]["ETag"]) == (again[2]["data"], again[1]["ETag"])
    assert asked == 1
    for other in (
        f"{LIST}&limit=1",
        f"{LIST}&krw_per_usd=1000",
        f"{LIST}&krw_per_usd=1000",
        f"{LIST}&include=enriched",
    ):
        await get(house, other)
    assert asked == 5
    clock.ahead_s += Settings().list_fresh_s + 1.0
    headers = (await get(house, LIST))[1]
    assert (asked, headers["X-Cache"]) == (6, "updating")
    await get(house, LIST)
    assert asked == 7  # what is being read anew is no whole answer to keep


class Hands:
    """A clock that is set."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


RATE = Rate(1_300.0, now_kst(), "static")
SOURCES: Sequence[dict[str, Any]] = [{"name": "encar", "age_s": 5}, {"name": "danawa", "age_s": None}]
KEPT = render(b'[{"id":1}]', {"next_cursor": None, "sources": SOURCES}, {"X-Cache": "miss", "Age": "5"}, None)


@given(st.lists(st.floats(0.0, 9.0), max_size=6))
@example([1.0, 0.5])
async def test_a_kept_answer_tells_its_age_whenever_it_is_asked_for(pauses: Sequence[float]) -> None:
    clock = Hands()
    answers = Answers(OffSale(), FxRates(RATE), max_bytes=100_000, clock=clock)
    await answers.put("q", KEPT, 60.0)
    for pause in pauses:
        clock.now += pause
        found = answers.get("q")
        assert found is not None
        passed = clock.now - 1_000.0
        assert found.headers == {"X-Cache": "hit", "Age": str(5 + round(passed))}
        encar, danawa = SOURCES
        sources = [{**encar, "age_s": 5 + round(passed)}, danawa]
        assert orjson.loads(found.body) == {"data": [{"id": 1}], "next_cursor": None, "sources": sources}
        assert found.envelope["sources"] == sources


async def test_a_kept_answer_is_forgotten_in_time_and_when_a_car_departs() -> None:
    clock, off_sale = Hands(), OffSale()
    answers = Answers(off_sale, FxRates(RATE), max_bytes=100_000, clock=clock)
    await answers.put("q", KEPT, 60.0)
    clock.now += 59.0
    assert answers.get("q") is not None
    clock.now += 1.0
    assert answers.get("q") is None
    await answers.put("q", KEPT, 60.0)
    off_sale.note("encar", "1", clock.now)
    assert answers.get("q") is None


async def test_a_kept_answer_grows_older_and_its_cursor_goes_on(build: Any) -> None:
    clock = ClockAhead()
    house = await build(stock(60), clock=clock)
    first = (await get(house, f"{LIST}&limit=20"))[2]
    clock.ahead_s += 1.05
    _, headers, again = await get(house, f"{LIST}&limit=20")
    assert int(headers["Age"]) == again["sources"][0]["age_s"] >= 1
    assert again["data"] == first["data"]
    _, _, second = await get(house, f"{LIST}&limit=20&cursor={again['next_cursor']}")
    assert len({row["id"] for row in [*again["data"], *second["data"]]}) == 40
