"""Each kind of fault over a loopback server, as a client would meet it."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from dealerproxy.sandbox.encar.papers import Diagnosis
from dealerproxy.sandbox.encar.site import EncarStandIn
from dealerproxy.sandbox.faults import (
    CLOSED_WITHOUT_ANSWER,
    BadRows,
    Block,
    Drop,
    Empty,
    Hang,
    Html,
    Latency,
    MissingField,
    PageCap,
    RateLimited,
    RenamedField,
    RepeatPage,
    Shrunken,
    Status,
    Trickle,
    WrongCount,
)

Get = Callable[..., Awaitable[Any]]
Ask = Callable[..., Awaitable[aiohttp.ClientResponse]]
BMW = "(And.Hidden.N._.(C.CarType.N._.Manufacturer.BMW.))"


async def test_without_faults_the_answer_is_whole(ask: Ask) -> None:
    assert (await ask()).status == 200


async def test_latency_delays_the_answer_and_leaves_it_whole(ask: Ask, stand_in: EncarStandIn) -> None:
    stand_in.faults.add(Latency(ms=60))
    start = time.monotonic()
    answer = await (await ask()).json()
    assert time.monotonic() - start >= 0.06
    assert len(answer["SearchResults"]) == 20


@pytest.mark.parametrize("status", [500, 502, 503, 504, 400])
async def test_status_answers_with_the_status(ask: Ask, stand_in: EncarStandIn, status: int) -> None:
    stand_in.faults.add(Status(status=status, body="down"))
    response = await ask()
    assert (response.status, await response.text()) == (status, "down")


@pytest.mark.parametrize(
    ("retry_after", "header"),
    [(7, "7"), ("Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:28:00 GMT"), (None, None)],
)
async def test_rate_limited_says_when_to_come_back(
    ask: Ask, stand_in: EncarStandIn, retry_after: int | str | None, header: str | None
) -> None:
    stand_in.faults.add(RateLimited(retry_after=retry_after))
    response = await ask()
    assert (response.status, response.headers.get("Retry-After")) == (429, header)


@pytest.mark.parametrize("status", [404, 403, 407, 200])
async def test_block_shows_the_block_page_under_each_status(ask: Ask, stand_in: EncarStandIn, status: Any) -> None:
    stand_in.faults.add(Block(status=status))
    response = await ask()
    assert response.status == status
    assert response.content_type == "text/html"
    assert "has_been_cr_blocked" in await response.text()


@pytest.mark.parametrize(("status", "action"), [(202, "challenge"), (405, "captcha")])
async def test_block_challenges_as_aws_waf_does(ask: Ask, stand_in: EncarStandIn, status: Any, action: str) -> None:
    stand_in.faults.add(Block(status=status))
    response = await ask()
    assert (response.status, response.headers["x-amzn-waf-action"]) == (status, action)
    assert await response.read() == b""


async def test_block_leads_back_to_where_it_came_from(ask: Ask, stand_in: EncarStandIn) -> None:
    stand_in.faults.add(Block(status=302))
    with pytest.raises(aiohttp.TooManyRedirects) as caught:
        await ask()
    first, *_ = caught.value.history
    assert first.headers["Location"] == first.url.raw_path_qs
    assert "passed" in first.cookies


async def test_status_answers_with_the_headers_of_a_bot_guard(ask: Ask, stand_in: EncarStandIn) -> None:
    stand_in.faults.add(Status(status=200, body="denied", headers={"cf-mitigated": "challenge"}))
    assert (await ask()).headers["CF-Mitigated"] == "challenge"


async def test_html_is_a_page_where_json_is_due(ask: Ask, stand_in: EncarStandIn) -> None:
    stand_in.faults.add(Html())
    response = await ask()
    assert response.status == 200
    assert (await response.text()).startswith("<!DOCTYPE")


async def test_empty_is_200_without_a_body(ask: Ask, stand_in: EncarStandIn) -> None:
    stand_in.faults.add(Empty())
    response = await ask()
    assert (response.status, await response.read()) == (200, b"")


async def test_drop_at_the_start_closes_before_a_byte(ask: Ask, stand_in: EncarStandIn) -> None:
    stand_in.faults.add(Drop())
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await ask()
    assert [call.status for call in stand_in.calls][-1] == CLOSED_WITHOUT_ANSWER


async def test_drop_in_the_body_closes_half_way(ask: Ask, stand_in: EncarStandIn) -> None:
    whole = await (await ask()).read()
    stand_in.faults.add(Drop(at="body"))
    response = await ask()
    assert response.status == 200
    half = await response.content.readexactly(len(whole) // 2)
    assert half == whole[: len(whole) // 2]
    with pytest.raises(aiohttp.ClientPayloadError):
        await response.read()


async def test_trickle_sends_the_headers_at_once_and_the_body_slowly(ask: Ask, stand_in: EncarStandIn) -> None:
    whole = await (await ask(sr="|Year|0|1")).read()
    stand_in.faults.add(Trickle(bytes_per_second=len(whole) * 10))
    start = time.monotonic()
    response = await ask(sr="|Year|0|1")
    headers_after = time.monotonic() - start
    assert await response.read() == whole
    assert headers_after < 0.08 < time.monotonic() - start < 0.5


async def test_a_caller_may_leave_a_trickle(ask: Ask, stand_in: EncarStandIn) -> None:
    stand_in.faults.add(Trickle(bytes_per_second=1000))
    response = await ask()
    response.close()
    stand_in.faults.clear()
    assert (await ask()).status == 200


async def test_hang_never_answers_and_ends_with_the_caller(ask: Ask, stand_in: EncarStandIn) -> None:
    stand_in.faults.add(Hang(times=1))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ask(), 0.05)
    assert stand_in.calls[-1].status in {None, CLOSED_WITHOUT_ANSWER}
    assert (await ask()).status == 200


async def test_a_hung_request_does_not_keep_the_stand_in_from_stopping(stand_in: EncarStandIn) -> None:
    stand_in.faults.add(Hang())
    server = TestServer(stand_in.app())
    async with TestClient(server) as client:
        hung = asyncio.ensure_future(client.get("/search/car/list/premium?q=Hidden.N."))
        await asyncio.sleep(0.02)
        start = time.monotonic()
        await server.close()
        with pytest.raises(aiohttp.ClientError):
            await hung
        assert time.monotonic() - start < 0.2


async def test_missing_field_takes_a_key_from_every_row_or_from_a_share(ask: Ask, stand_in: EncarStandIn) -> None:
    stand_in.faults.add(MissingField(field="Price", times=1), MissingField(field="Id", share=0.25))
    rows = (await (await ask()).json())["SearchResults"]
    assert not any("Price" in row for row in rows)
    assert sum("Id" not in row for row in rows) == 5
    assert all("Price" in row for row in (await (await ask()).json())["SearchResults"])


async def test_a_renamed_field_keeps_its_value_and_its_place(ask: Ask, stand_in: EncarStandIn) -> None:
    whole = (await (await ask()).json())["SearchResults"]
    stand_in.faults.add(RenamedField(operation="search", field="Price", to="SalePrice", share=0.5))
    rows = (await (await ask()).json())["SearchResults"]
    assert sum("SalePrice" in row for row in rows) == len(rows) // 2
    for row, before in zip(rows, whole, strict=True):
        assert list(row.values()) == list(before.values())
        assert list(row) == list(before) or list(row) == ["SalePrice" if key == "Price" else key for key in before]


async def test_a_renamed_field_of_an_answer_is_found_by_its_path(get: Get, stand_in: EncarStandIn) -> None:
    car = next(iter(stand_in.inventory))
    whole = await get(f"/v1/readside/vehicle/{car.id}")
    stand_in.faults.add(RenamedField(operation="detail", of="answer", field="advertisement.price", to="salePrice"))
    answer = await get(f"/v1/readside/vehicle/{car.id}")
    assert answer["advertisement"].pop("salePrice") == whole["advertisement"].pop("price")
    assert answer == whole


async def test_a_field_that_is_not_there_is_not_renamed(ask: Ask, stand_in: EncarStandIn) -> None:
    whole = await (await ask()).read()
    stand_in.faults.add(RenamedField(field="NoSuchKey", to="Other"), RenamedField(of="answer", field="a.b", to="c"))
    assert await (await ask()).json() == json.loads(whole)


async def test_missing_field_takes_a_key_from_the_top_level(ask: Ask, stand_in: EncarStandIn) -> None:
    stand_in.faults.add(MissingField(field="SearchResults", of="answer"))
    assert list(await (await ask()).json()) == ["Count"]


async def test_missing_field_takes_a_path_from_a_document_a_batch_and_a_page(
    client: TestClient[Any, Any], get: Get, stand_in: EncarStandIn
) -> None:
    first, second, *_ = (car.id for car in stand_in.inventory)
    stand_in.faults.add(MissingField(operation="detail", field="advertisement.price", of="answer"))
    stand_in.faults.add(MissingField(operation="batch", field="spec", of="answer"))
    stand_in.faults.add(MissingField(operation="page", field="cars.base.spec.mileage", of="answer"))
    document = await get(f"/v1/readside/vehicle/{first}")
    assert "price" not in document["advertisement"]
    assert "status" in document["advertisement"]
    batch = await get("/v1/readside/vehicles", vehicleIds=f"{first},{second}")
    assert [("spec" in one, "advertisement" in one) for one in batch] == [(False, True)] * 2
    page = await (await client.get(f"/cars/detail/{first}")).text()
    state = json.loads(page.split("__PRELOADED_STATE__ = ")[1].split("</script>")[0])
    assert "mileage" not in state["cars"]["base"]["spec"]
    assert "displacement" in state["cars"]["base"]["spec"]


@pytest.mark.parametrize("path", ["nothing.here", "vehicleId.deeper", "nothing"])
async def test_missing_field_leaves_a_document_without_the_path_alone(
    get: Get, stand_in: EncarStandIn, path: str
) -> None:
    car = next(iter(stand_in.inventory))
    whole = await get(f"/v1/readside/vehicle/{car.id}")
    stand_in.faults.add(MissingField(field=path, of="answer"))
    assert await get(f"/v1/readside/vehicle/{car.id}") == whole


async def test_bad_rows_spoil_a_share_of_a_batch(get: Get, stand_in: EncarStandIn) -> None:
    ids = ",".join(car.id for car, _ in zip(stand_in.inventory, range(10), strict=False))
    stand_in.faults.add(BadRows(operation="batch", field="vehicleId", share=0.3))
    batch = await get("/v1/readside/vehicles", vehicleIds=ids)
    assert sum(one["vehicleId"] == {"unreadable": True} for one in batch) == 3


@pytest.mark.parametrize(
    "operation", ["detail", "batch", "page", "inspection", "record", "diagnosis", "packages", "battery"]
)
async def test_a_fault_hits_each_operation_by_its_name(
    client: TestClient[Any, Any], stand_in: EncarStandIn, operation: str
) -> None:
    inventory = stand_in.inventory
    car = inventory.insert(inventory.new_car(service_mark=("EncarDiagnosisP0",), diagnosis=Diagnosis()))
    paths = {
        "detail": f"/v1/readside/vehicle/{car.id}",
        "batch": f"/v1/readside/vehicles?vehicleIds={car.id}",
        "page": f"/cars/detail/{car.id}",
        "inspection": f"/v1/readside/inspection/vehicle/{car.id}",
        "record": f"/v1/readside/record/vehicle/{car.id}/open",
        "diagnosis": f"/v1/readside/diagnosis/vehicle/{car.id}",
        "packages": f"/v1/readside/vehicles/car/{car.id}/options/choice",
        "battery": f"/v1/readside/vehicle/ev-battery/{car.id}",
    }
    stand_in.faults.add(Status(operation=operation, contains=car.id))
    answers = {name: (await client.get(path)).status for name, path in paths.items()}
    assert answers == {name: 503 if name == operation else 200 for name in paths}


@pytest.mark.parametrize(("share", "spoilt"), [(0.0, 0), (0.29, 29), (0.5, 50), (1.0, 100)])
async def test_bad_rows_spoils_exactly_its_share(ask: Ask, stand_in: EncarStandIn, share: float, spoilt: int) -> None:
    stand_in.faults.add(BadRows(share=share))
    text = await (await ask(sr="|Year|0|100")).text()
    assert text.count('{"unreadable":true}') == spoilt
    assert '"Year":20' in text, "floats stay floats in a rewritten answer"
    assert '.0,"FormYear"' in text


async def test_a_fault_for_one_leg_leaves_the_others_alone(ask: Ask, stand_in: EncarStandIn) -> None:
    stand_in.faults.add(Status(operation="search", contains="Manufacturer.BMW."))
    assert (await ask(q=BMW)).status == 503
    assert (await ask(q=BMW.replace("BMW", "아우디"))).status == 200


async def test_a_fault_for_another_operation_does_not_fire(ask: Ask, stand_in: EncarStandIn) -> None:
    stand_in.faults.add(Status(operation="detail"))
    assert (await ask()).status == 200


async def test_a_fault_may_name_the_path(ask: Ask, stand_in: EncarStandIn) -> None:
    stand_in.faults.add(Status(contains="/list/premium"))
    assert (await ask()).status == 503
    assert (await ask(view="general")).status == 200


async def test_a_fault_fires_as_often_as_asked_and_only_for_what_it_hits(ask: Ask, stand_in: EncarStandIn) -> None:
    stand_in.faults.add(Status(contains="BMW", times=2))
    assert [(await ask(q=q)).status for q in (BMW, "Hidden.N.", BMW, BMW)] == [503, 200, 503, 200]
    assert len(stand_in.faults) == 0


async def test_faults_add_up_the_first_outermost(ask: Ask, stand_in: EncarStandIn) -> None:
    stand_in.faults.add(Latency(ms=50), Trickle(bytes_per_second=10**7), BadRows(), Status(contains="BMW"))
    start = time.monotonic()
    assert (await ask(q=BMW)).status == 503
    assert "unreadable" in await (await ask()).text()
    assert time.monotonic() - start >= 0.1


async def test_clearing_heals(ask: Ask, stand_in: EncarStandIn) -> None:
    stand_in.faults.add(Status(), Html())
    stand_in.faults.clear()
    assert (await (await ask()).json())["Count"] > 0


async def test_faulty_requests_are_recorded_with_their_status(ask: Ask, stand_in: EncarStandIn) -> None:
    stand_in.faults.add(Status(status=502, times=1), RateLimited(times=1))
    await ask()
    assert [call.status for call in stand_in.calls] == [502]


async def test_a_page_cap_gives_the_first_rows_and_the_whole_count(ask: Ask, stand_in: EncarStandIn) -> None:
    whole = await (await ask()).json()
    stand_in.faults.add(PageCap(rows=7))
    capped = await (await ask()).json()
    assert capped == whole | {"SearchResults": whole["SearchResults"][:7]}


async def test_a_repeated_page_is_the_first_whatever_is_asked(ask: Ask, stand_in: EncarStandIn) -> None:
    first = await (await ask()).json()
    stand_in.faults.add(RepeatPage())
    assert await (await ask(sr="|ModifiedDate|40|20")).json() == first


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
async def test_a_shrunken_site_lists_and_counts_the_same_share_of_its_cars_each_time(
    ask: Ask, stand_in: EncarStandIn, share: float
) -> None:
    every_car = "(And.Hidden.N._.(Or.CarType.Y._.CarType.N.))"
    whole = await (await ask(q=every_car, sr="|PriceAsc|0|500")).json()
    stand_in.faults.add(Shrunken(share=share))
    rows = []
    for sort in ("PriceAsc", "Year"):
        answer = await (await ask(q=every_car, sr=f"|{sort}|0|500", inav="|Metadata|Sort")).json()
        assert answer["Count"] == len(answer["SearchResults"])
        assert abs(answer["Count"] - whole["Count"] * share) < 20  # every other car, found or not
        rows.append({row["Id"] for row in answer["SearchResults"]})
    assert rows[0] == rows[1] <= {row["Id"] for row in whole["SearchResults"]}
    stand_in.faults.clear()
    assert await (await ask(q=every_car, sr="|PriceAsc|0|500")).json() == whole


async def test_a_wrong_count_leaves_the_rows_alone(ask: Ask, stand_in: EncarStandIn) -> None:
    whole = await (await ask()).json()
    stand_in.faults.add(WrongCount(count=3))
    assert await (await ask()).json() == whole | {"Count": 3}
