"""The control routes, over HTTP."""

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient

from dealerproxy.sandbox.encar.papers import Accident, Diagnosis, Record, Sheet
from dealerproxy.sandbox.encar.site import EncarStandIn

Ask = Callable[..., Awaitable[aiohttp.ClientResponse]]
Client = TestClient[Any, Any]
FAULTS, CARS, CALLS = "/__sandbox/faults", "/__sandbox/cars", "/__sandbox/calls"


async def test_a_fault_is_switched_on_listed_and_switched_off(client: Client, ask: Ask) -> None:
    posted = await client.post(FAULTS, json={"kind": "status", "status": 502, "operation": "search", "times": 3})
    assert posted.status == 200
    assert (await ask()).status == 502
    listed = await (await client.get(FAULTS)).json()
    of_all = {"kind": "status", "operation": "search", "contains": None, "times": 2}
    assert listed == {"data": [{**of_all, "status": 502, "body": "", "headers": {}}]}
    assert await (await client.delete(FAULTS)).json() == {"data": []}
    assert (await ask()).status == 200


async def test_a_list_of_faults_is_switched_on_together(client: Client) -> None:
    kinds: list[dict[str, object]] = [
        {"kind": "latency", "ms": 5}, {"kind": "status"}, {"kind": "rate_limited", "retry_after": 3}, {"kind": "block"},
        {"kind": "html"}, {"kind": "empty"}, {"kind": "drop", "at": "body"}, {"kind": "trickle"}, {"kind": "hang"},
        {"kind": "missing_field", "field": "Id"}, {"kind": "bad_rows", "share": 0.6},
    ]  # fmt: skip
    answer = await (await client.post(FAULTS, json=kinds)).json()
    assert [fault["kind"] for fault in answer["data"]] == [fault["kind"] for fault in kinds]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"kind": "flood"}, "flood"),
        ({}, "kind"),
        ({"kind": "latency"}, "ms"),
        ({"kind": "latency", "ms": -1}, ">= 0"),
        ({"kind": "block", "status": 500}, "500"),
        ({"kind": "flood"}, "missing_field, rename_field, bad_rows"),
        ({"kind": "drop", "at": "end"}, "'end' - at `$.at`; allowed: body, start"),
        ([{"kind": "html"}, {"kind": "missing_field", "field": "Id", "of": "row"}], "allowed: answer, rows"),
        ({"kind": "block", "status": 500}, "allowed: 200, 202, 302"),
        ({"kind": "rename_field", "field": "Price"}, "to"),
        (
            {"kind": "html", "operation": "serach"},
            "unknown operation 'serach'; allowed: batch, battery, detail, diagnosis",
        ),
        ([{"kind": "html"}, {"kind": "html", "operation": ""}], "unknown operation ''"),
        ({"kind": "status", "headers": {"X-A": "a\r\nX-B: b"}}, "headers"),
        ({"kind": "status", "headers": {"X A": "a"}}, "headers"),
        ({"kind": "bad_rows", "share": 2}, "<= 1"),
        ({"kind": "html", "tims": 1}, "tims"),
        ({"kind": "html", "times": 0}, ">= 1"),
        ([{"kind": "html"}, {"kind": "flood"}], "flood"),
        ("html", "str"),
    ],
)
async def test_a_bad_fault_is_a_400_that_says_why_and_nothing_is_switched_on(
    client: Client, stand_in: EncarStandIn, fault: object, message: str
) -> None:
    response = await client.post(FAULTS, json=fault)
    assert response.status == 400
    assert message in (await response.json())["error"]
    assert len(stand_in.faults) == 0


async def test_a_body_that_is_no_json_is_a_400(client: Client) -> None:
    assert (await client.post(FAULTS, data=b"{")).status == 400
    assert (await client.post(CARS, data=b"[]")).status == 400


async def test_faults_never_hit_the_control_routes(client: Client) -> None:
    await client.post(FAULTS, json={"kind": "status"})
    assert (await client.get(FAULTS)).status == 200
    assert (await client.get(CALLS)).status == 200


async def test_a_car_is_put_on_offer_found_and_taken_off(client: Client, ask: Ask) -> None:
    overrides = {"manufacturer": "기아", "model_group": "K5", "price": 1234, "left_out": ["SellType"]}
    posted = await client.post(CARS, json=overrides)
    car = await posted.json()
    assert posted.status == 201
    assert (car["manufacturer"], car["model_group"], car["price"]) == ("기아", "K5", 1234)
    q = "(And.Hidden.N._.(C.CarType.A._.(C.Manufacturer.기아._.ModelGroup.K5.))_.Price.range(1234..1234).)"
    row = (await (await ask(q=q)).json())["SearchResults"][0]
    assert (row["Id"], row["Price"], "SellType" in row) == (car["id"], 1234.0, False)
    assert (await client.delete(f"{CARS}/{car['id']}")).status == 204
    assert (await client.delete(f"{CARS}/{car['id']}")).status == 404
    assert car["id"] not in [row["Id"] for row in (await (await ask(q=q)).json())["SearchResults"]]


async def test_a_car_without_overrides_is_invented_whole(client: Client) -> None:
    assert (await client.post(CARS)).status == 201


async def test_a_lease_is_an_object_of_its_own(client: Client, stand_in: EncarStandIn) -> None:
    lease = {
        "lease_type": "운용리스", "acceptance_charge": 100, "month_price": 90, "deposit": 0, "residual_value": 2000,
        "month_rest": 5, "month_total": 60,
    }  # fmt: skip
    answer = await (await client.post(CARS, json={"sell_type": "리스", "lease": lease})).json()
    car = stand_in.inventory.by_id(answer["id"])
    assert car is not None
    assert car.lease is not None
    assert car.lease.month_price == 90


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"prize": 1}, "prize"),
        ({"price": "much"}, "price"),
        ({"id": "12"}, "eight digits"),
        ({"car_type": "X"}, "car_type"),
        ({"modified": "2026-10-02T09:00:00Z"}, "modified"),
    ],
)
async def test_a_car_that_cannot_be_is_a_400_that_says_why(
    client: Client, stand_in: EncarStandIn, overrides: dict[str, object], message: str
) -> None:
    response = await client.post(CARS, json=overrides)
    assert response.status == 400
    assert message in (await response.json())["error"]
    assert len(stand_in.inventory) == 400


async def test_cars_are_listed_by_make_and_group_in_short(client: Client, stand_in: EncarStandIn) -> None:
    asked = {"manufacturer": "BMW", "model_group": "5시리즈", "limit": "3"}
    answer = await (await client.get(CARS, params=asked)).json()
    assert len(answer["data"]) == 3
    shown = {"id", "vehicle_id", "status", "manufacturer", "model_group", "model", "year", "price"}
    assert all(set(car) == shown for car in answer["data"])
    assert all(car["model_group"] == "5시리즈" for car in answer["data"])
    one = await (await client.get(CARS, params={"id": answer["data"][0]["id"]})).json()
    assert one["data"] == answer["data"][:1]
    assert (await client.get(CARS, params={"limit": "x"})).status == 400


async def test_calls_are_listed_newest_first(client: Client, ask: Ask) -> None:
    await ask(q="Hidden.N.", sr="|Year|0|48")
    await ask(q="Hidden.Y.", sr=None)
    answer = await (await client.get(CALLS, params={"limit": "5"})).json()
    assert [call["q"] for call in answer["data"]] == ["Hidden.Y.", "Hidden.N."]
    assert answer["data"][1] == {
        "view": "premium", "q": "Hidden.N.", "sort": "Year", "offset": 0, "limit": 48, "status": 200,
        "operation": "search", "path": "/search/car/list/premium", "query": "count=true&q=Hidden.N.&sr=|Year|0|48",
    }  # fmt: skip


async def test_a_car_is_sold_over_http_and_comes_back(client: Client, ask: Ask) -> None:
    car_id = (await (await ask()).json())["SearchResults"][0]["Id"]
    changed = await client.post(f"{CARS}/{car_id}", json={"status": "SOLD", "lingers": True})
    assert ((await changed.json())["id"], (await changed.json())["status"]) == (car_id, "SOLD")
    assert (await (await ask()).json())["SearchResults"][0]["Id"] != car_id
    sold = await (await client.get(CARS, params={"status": "SOLD"})).json()
    assert car_id in [car["id"] for car in sold["data"]]
    assert (await client.post(f"{CARS}/{car_id}", json={"status": "ADVERTISE"})).status == 200
    assert (await (await ask()).json())["SearchResults"][0]["Id"] == car_id


@pytest.mark.parametrize(
    ("changes", "status"), [({"id": "41000001"}, 400), ({"prize": 1}, 400), ({"price": "much"}, 400), ([], 400)]
)
async def test_a_change_that_cannot_be_is_refused(client: Client, ask: Ask, changes: object, status: int) -> None:
    car_id = (await (await ask()).json())["SearchResults"][0]["Id"]
    response = await client.post(f"{CARS}/{car_id}", json=changes)
    assert response.status == status
    assert "error" in await response.json()


async def test_only_a_car_that_is_known_can_change(client: Client) -> None:
    assert (await client.post(f"{CARS}/49999999", json={"status": "SOLD"})).status == 404


async def test_the_papers_of_a_car_are_objects_of_their_own(client: Client, stand_in: EncarStandIn) -> None:
    papers = {
        "sheet": {"panels": [["P021", ["X", "WC"]]], "items": [["s013", "4"]]},
        "record": {"accidents": [{"kind": "2", "date": "2024-02-01", "cost": 1, "benefit": 1}]},
        "diagnosis": {"replaced": ["HOOD"]},
    }
    posted = await (await client.post(CARS, json=papers)).json()
    car = stand_in.inventory.by_id(posted["id"])
    assert car is not None
    assert (car.sheet, car.record, car.diagnosis) == (
        Sheet(panels=(("P021", ("X", "WC")),), items=(("s013", "4"),)),
        Record(accidents=(Accident(kind="2", date="2024-02-01", cost=1, benefit=1),)),
        Diagnosis(replaced=("HOOD",)),
    )
    refused = await client.post(CARS, json={"sheet": {"form": "PAPER"}})
    assert refused.status == 400
    assert "allowed: EMPTY, IMAGE, TABLE" in (await refused.json())["error"]


@pytest.mark.parametrize("limit", ["0", "1", "99999999999999999999"])
async def test_any_whole_number_limits_what_is_listed(client: Client, limit: str) -> None:
    for path in (CARS, CALLS):
        assert (await client.get(path, params={"limit": limit})).status == 200


async def test_every_operation_of_a_stand_in_can_be_broken(client: Client, stand_in: EncarStandIn) -> None:
    operations = [name for route in stand_in.routes() if (name := route.kwargs.get("name"))]
    assert len(operations) > 5
    for operation in operations:
        assert (await client.post(FAULTS, json={"kind": "html", "operation": operation})).status == 200
