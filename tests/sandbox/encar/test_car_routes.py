"""The routes of one car over a loopback server: who is answered, with what, and what is recorded."""

import gzip
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp import AiohttpClient

from dealerproxy.sandbox.encar.cars import Car
from dealerproxy.sandbox.encar.pages import GONE, INCLUDE
from dealerproxy.sandbox.encar.papers import Diagnosis
from dealerproxy.sandbox.encar.site import EncarStandIn

Shape = dict[str, set[str]]

Client = TestClient[Any, Any]
Get = Callable[..., Awaitable[Any]]
VEHICLE, BATCH, PAGE = "/v1/readside/vehicle/", "/v1/readside/vehicles", "/cars/detail/"
PAPERS = (
    "/v1/readside/inspection/vehicle/{}",
    "/v1/readside/record/vehicle/{}/open",
    "/v1/readside/diagnosis/vehicle/{}",
)
MARK = "__PRELOADED_STATE__ = "


def _state(page: str) -> Any:
    return json.loads(page.split(MARK)[1].split("</script>", maxsplit=1)[0])


@pytest.fixture
def car(stand_in: EncarStandIn) -> Car:
    """An ordinary car with all three papers."""
    return stand_in.inventory.insert(stand_in.inventory.new_car(diagnosis=Diagnosis()))


@pytest.fixture
def copy(stand_in: EncarStandIn, car: Car) -> Car:
    """The same car, advertised again."""
    return stand_in.inventory.insert(stand_in.inventory.new_car(id="43999999", vehicle_id=car.id, badge=car.badge))


async def test_every_car_the_search_shows_has_a_document_and_a_page(client: Client, get: Get, ask: Get) -> None:
    rows = (await (await ask(sr="|Year|0|500")).json())["SearchResults"]
    for row in rows:
        document = await get(VEHICLE + row["Id"])
        assert document["advertisement"]["status"] == "ADVERTISE"
        assert document["advertisement"]["price"] == row["Price"]
        assert (document["vehicleId"] == int(row["Id"])) == (row["ServiceCopyCar"] == "ORIGINAL")
    for row in rows[:20]:
        assert (await client.get(PAGE + row["Id"])).status == 200


async def test_a_document_is_compact_json_and_gzipped_for_who_takes_it(
    stand_in: EncarStandIn, car: Car, aiohttp_client: AiohttpClient
) -> None:
    client: Client = await aiohttp_client(stand_in.app(), auto_decompress=False)
    packed = await client.get(VEHICLE + car.id, headers={"Accept-Encoding": "gzip"})
    plain = await client.get(VEHICLE + car.id, headers={"Accept-Encoding": "identity"})
    text = await plain.read()
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(await packed.read()) == text
    assert plain.headers["Content-Type"] == "application/json; charset=utf-8"
    assert text.startswith((b'{"manage":{"dummy":false,', b'{"vehicleId":'))
    assert car.model.encode() in text


async def test_include_narrows_a_document_and_a_batch(get: Get, car: Car) -> None:
    one = await get(VEHICLE + car.id, include="SPEC,MANAGE")
    many = await get(BATCH, vehicleIds=car.id, include="SPEC,MANAGE")
    assert many == [one]
    assert one["spec"]["mileage"] == car.mileage
    assert (one["photos"], one["advertisement"], one["contents"]) == (None, None, None)


@pytest.mark.parametrize("car_id", ["49999999", "1", "abc", "4" * 40, "%EC%B0%A8"])
async def test_an_advert_that_never_was_is_a_plain_404_everywhere(client: Client, get: Get, car_id: str) -> None:
    assert await get(VEHICLE + car_id) is None
    assert await get(BATCH, vehicleIds=car_id) == []
    page = await client.get(PAGE + car_id)
    assert page.status == 404
    assert GONE not in await page.text()
    for paper in PAPERS:
        assert await get(paper.format(car_id)) is None


@pytest.mark.parametrize("status", ["SOLD", "WAIT", "PAUSED"])
async def test_a_car_that_is_no_longer_advertised_is_out_of_the_search_and_its_page_says_so(
    client: Client, get: Get, ask: Get, stand_in: EncarStandIn, car: Car, status: str
) -> None:
    stand_in.inventory.change(car.id, status=status)
    assert car.id not in [row["Id"] for row in (await (await ask(sr="|Year|0|500")).json())["SearchResults"]]
    assert await get(VEHICLE + car.id) is None
    assert await get(BATCH, vehicleIds=car.id) == []
    page = await (await client.get(PAGE + car.id)).text()
    cars = _state(page)["cars"]
    assert cars["base"]["advertisement"]["status"] == status
    assert cars["detailFlags"]["adStatus"] == status.lower()
    assert GONE not in page
    stand_in.inventory.change(car.id, lingers=True)
    assert (await get(VEHICLE + car.id))["advertisement"]["status"] == status
    assert len(await get(BATCH, vehicleIds=car.id)) == 1
    assert car.id not in [row["Id"] for row in (await (await ask(sr="|Year|0|500")).json())["SearchResults"]]


async def test_the_page_of_a_removed_car_is_200_and_says_sold_or_deleted(
    client: Client, get: Get, stand_in: EncarStandIn, car: Car
) -> None:
    assert (await client.delete(f"/__sandbox/cars/{car.id}")).status == 204
    assert await get(VEHICLE + car.id) is None
    response = await client.get(PAGE + car.id)
    page = await response.text()
    assert response.status == 200
    assert response.content_type == "text/html"
    assert GONE in page
    assert "DetailNone_no_data__" in page
    assert "DetailNone_text__" in page
    assert _state(page)["cars"]["base"] == {}
    for paper in PAPERS:
        assert await get(paper.format(car.id)) is None


async def test_the_original_of_a_copy_that_is_not_on_offer_counts_as_removed(
    client: Client, get: Get, stand_in: EncarStandIn
) -> None:
    copy = stand_in.inventory.insert(stand_in.inventory.new_car(vehicle_id="41000001"))
    assert await get(VEHICLE + "41000001") is None
    assert GONE in await (await client.get(PAGE + "41000001")).text()
    assert (await get(VEHICLE + copy.id))["vehicleId"] == 41000001
    assert (await get(PAPERS[0].format("41000001")))["vehicleId"] == 41000001


async def test_a_copy_is_answered_with_its_original_s_number(get: Get, car: Car, copy: Car) -> None:
    shown = await get(VEHICLE + copy.id)
    assert (shown["vehicleId"], shown["manage"]["dummy"]) == (int(car.id), True)
    assert shown["manage"]["dummyVehicleId"] == int(copy.id)
    own = await get(VEHICLE + car.id)
    assert (own["vehicleId"], own["manage"]["dummy"]) == (int(car.id), False)
    assert own["manage"]["dummyVehicleId"] == int(copy.id)


async def test_papers_are_found_by_the_vehicle_and_never_by_a_copy(get: Get, car: Car, copy: Car) -> None:
    for paper in PAPERS:
        assert await get(paper.format(car.id)) is not None
        assert await get(paper.format(copy.id)) is None


async def test_papers_outlive_the_advert_but_not_its_removal(get: Get, stand_in: EncarStandIn, car: Car) -> None:
    stand_in.inventory.change(car.id, status="SOLD")
    assert all([await get(paper.format(car.id)) for paper in PAPERS])


async def test_a_private_seller_has_a_record_and_no_other_paper(get: Get, stand_in: EncarStandIn) -> None:
    car = next(car for car in stand_in.inventory if car.is_private)
    assert [await get(paper.format(car.id)) is not None for paper in PAPERS] == [False, True, False]
    assert (await get(VEHICLE + car.id))["contact"]["userType"] == "CLIENT"


async def test_a_record_is_asked_with_open(client: Client, get: Get, stand_in: EncarStandIn, car: Car) -> None:
    assert (await client.get(f"/v1/readside/record/vehicle/{car.id}")).status == 404
    assert (await get(PAPERS[1].format(car.id), vehicleNo=car.plate))["carNo"] == car.plate
    stand_in.inventory.change(car.id, condition=("Inspection",))
    assert (await get(VEHICLE + car.id))["condition"]["accident"]["recordView"] is False
    assert await get(PAPERS[1].format(car.id)) is None


async def test_a_batch_leaves_out_what_is_missing_and_takes_twenty_ids(get: Get, stand_in: EncarStandIn) -> None:
    ids = [car.id for car in stand_in.inventory][:25]
    batch = await get(BATCH, vehicleIds=",".join(ids))
    assert {_asked(one) for one in batch} == set(ids[:20])
    some = await get(BATCH, vehicleIds=",".join([ids[3], "49999999", ids[3], "", ids[4]]))
    assert sorted(map(_asked, some)) == sorted([ids[3], ids[4]])
    assert await get(BATCH) == []


def _asked(document: Any) -> str:
    manage = document["manage"]
    return str(manage["dummyVehicleId"] if manage["dummy"] else document["vehicleId"])


async def test_a_batch_tells_an_original_from_its_copy(get: Get, car: Car, copy: Car) -> None:
    batch = await get(BATCH, vehicleIds=f"{copy.id},{car.id}")
    assert {_asked(one) for one in batch} == {car.id, copy.id}
    assert {one["vehicleId"] for one in batch} == {int(car.id)}
    assert batch == [await get(VEHICLE + one) for one in sorted([car.id, copy.id])]


async def test_the_page_carries_its_state_in_the_captured_form(
    client: Client, stand_in: EncarStandIn, captures: Path, shape: Callable[..., Shape], unlike: Callable[..., Shape]
) -> None:
    name = "page_41756847_preloaded_state_2026-08.html"
    captured = (captures / "encar_detail" / name).read_text()
    pages = [await (await client.get(PAGE + car.id)).text() for car in list(stand_in.inventory)[:100]]
    for page in (captured, pages[0]):
        before, _, rest = page.partition(MARK)
        assert before.endswith("<script>")
        assert rest.startswith('{"pender":')
        assert rest.partition("}</script>")[2].startswith('<script id="__LOADABLE_REQUIRED_CHUNKS__" type="application')
    real, ours = _state(captured), [_state(page) for page in pages]
    assert list(ours[0]) == list(real)
    assert list(ours[0]["cars"]) == list(real["cars"])
    assert list(ours[0]["cars"]["detailFlags"]) == list(real["cars"]["detailFlags"])
    seen = shape([real["cars"]])
    lacking = unlike(shape(state["cars"] for state in ours), seen)
    assert lacking == {}
    assert list(ours[0]["cars"]["base"])[-2:] == list(real["cars"]["base"])[-2:]


async def test_the_page_s_state_and_the_document_agree_as_far_as_javascript_can_count(
    client: Client, get: Get, stand_in: EncarStandIn
) -> None:
    rounded = 0
    for car in list(stand_in.inventory)[:60]:
        base = _state(await (await client.get(PAGE + car.id)).text())["cars"]["base"]
        document = await get(VEHICLE + car.id, include=INCLUDE)
        exact = document["category"].pop("jatoVehicleId")
        shown = base["category"].pop("jatoVehicleId")
        assert (base.pop("queryCarId"), base.pop("requestUrl")) == (int(car.id), f"{VEHICLE}{car.id}?include={INCLUDE}")
        assert base == document
        assert base["contents"] is None
        assert shown == exact or (exact > 2**53 and float(shown) == float(exact))
        rounded += shown != exact
    assert rounded > 10


async def test_a_page_escapes_what_a_seller_wrote(client: Client, stand_in: EncarStandIn) -> None:
    nasty = "</script><script>alert(1)</script>"
    car = stand_in.inventory.insert(stand_in.inventory.new_car(ad_words=nasty, badge="<b>", sales_status="CONTRACT"))
    page = await (await client.get(PAGE + car.id)).text()
    assert nasty not in page
    assert "<b>" not in page
    assert "만원(계약중)" in page
    assert _state(page)["cars"]["base"]["advertisement"]["oneLineText"] == nasty


async def test_every_operation_is_recorded_beside_the_searches(
    client: Client, get: Get, ask: Get, stand_in: EncarStandIn, car: Car
) -> None:
    await ask(sr="|Year|0|1")
    await get(VEHICLE + car.id, include="SPEC")
    await get(BATCH, vehicleIds=f"{car.id},49999999")
    await client.get(PAGE + "49999999")
    for paper in PAPERS:
        await get(paper.format(car.id))
    seen = [(call.operation, call.path, call.query, call.status) for call in stand_in.calls]
    assert seen == [
        ("search", "/search/car/list/premium", "count=true&q=Hidden.N.&sr=|Year|0|1", 200),
        ("detail", VEHICLE + car.id, "include=SPEC", 200),
        ("batch", BATCH, f"vehicleIds={car.id},49999999", 200),
        ("page", PAGE + "49999999", "", 404),
        ("inspection", PAPERS[0].format(car.id), "", 200),
        ("record", PAPERS[1].format(car.id), "", 200),
        ("diagnosis", PAPERS[2].format(car.id), "", 200),
    ]
    assert {(call.view, call.q, call.limit) for call in stand_in.calls if call.operation != "search"} == {
        ("", "", None)
    }
