"""A day at the partner API's curl lines, against the main API in small, the real service and both stand-ins."""

from typing import Any

from dealerproxy.sandbox.faults import Block
from tests.client.conftest import MainApiHarness

MIXED = "/v1/vehicles?source=glovis,dealer&make=Hyundai"
OPTIONS = "/v1/vehicles?source=dealer&make=BMW&options_include=sunroof,ventilated_seats"
VAN = "/v1/vehicles?make=Kia&model=Morning&body_style=van&auction_status=upcoming"


def ids(page: Any) -> list[str]:
    return [row["id"] for row in page["data"]]


def houses(page: Any) -> set[str]:
    return {row["id"].split("_")[0] for row in page["data"]}


async def test_the_lists_of_the_partner_pages(house: MainApiHarness) -> None:
    page = await house.curl(MIXED)
    assert (house.status, house.told) == (200, {"X-LMN-Dealer-Page-Max": "48"})
    assert houses(page) == {"glovis", "encar", "danawa"}
    assert [row["source"] for row in page["data"]] == ["glovis"] * 21 + ["dealer"] * 29  # 21 leave 4 of their 25
    assert page["next_cursor"] is None
    assert all(row["auction_date"] is row["accident_grade"] is None for row in page["data"][21:])
    assert all(row["pricing"]["breakdown"]["dealer_fee"] == 300 for row in page["data"][21:])

    van = await house.curl(VAN)
    assert ids(van) == ["glovis_202604_021"]
    assert int(house.told["X-LMN-Filtered-Out"].removeprefix("dealer=")) > 0

    # Danawa tells no options, so it is skipped and not missing.
    page = await house.curl(OPTIONS)
    assert (house.status, house.told) == (200, {"X-LMN-Dealer-Page-Max": "48"})
    assert houses(page) <= {"encar"}


async def test_dealer_cars_are_walked_on_their_own(house: MainApiHarness) -> None:
    seen, cursor = list[str](), ""
    while cursor is not None:
        page = await house.curl(f"/v1/vehicles?source=dealer&make=Hyundai&limit=40{cursor and f'&cursor={cursor}'}")
        assert house.status == 200
        seen += ids(page)
        cursor = page["next_cursor"]
    assert len(seen) == len(set(seen)) > 80

    first = await house.curl("/v1/vehicles?source=glovis&limit=8")
    second = await house.curl(f"/v1/vehicles?source=glovis&limit=8&cursor={first['next_cursor']}")
    assert len({*ids(first), *ids(second)}) == 16
    body = await house.curl(f"/v1/vehicles?source=dealer&make=Kia&cursor={first['next_cursor']}")
    assert (house.status, body["error"]["code"]) == (400, "invalid_cursor")


async def test_one_site_down_and_then_both(house: MainApiHarness) -> None:
    house.breaks(Block(operation="danawa_list"))
    page = await house.curl(f"{MIXED}&limit=48")
    assert (house.status, house.told) == (200, {"X-LMN-Partial-Dealer-Unavailable": "danawa"})
    assert houses(page) == {"glovis", "encar"}
    page = await house.curl("/v1/vehicles?source=dealer&make=Kia&limit=48")
    assert (house.status, house.told) == (200, {"X-LMN-Partial-Dealer-Unavailable": "danawa"})
    assert houses(page) == {"encar"}

    house.breaks(Block(operation="danawa_list"), Block(operation="search"))
    page = await house.curl(f"{MIXED},Genesis&limit=48")
    assert house.status == 200
    assert "danawa" in house.told["X-LMN-Partial-Dealer-Unavailable"].split(",")
    body = await house.curl("/v1/vehicles?source=dealer&make=Genesis&limit=48")
    assert (house.status, body["error"]["code"]) == (503, "dealer_upstream_unavailable")
    assert body["error"]["request_id"] == house.headers["X-Request-Id"]
    assert house.told == {"X-LMN-Partial-Dealer-Unavailable": "encar,danawa"}
    page = await house.curl("/v1/vehicles?source=glovis&make=Hyundai")
    assert (house.status, house.told) == (200, {})


async def test_a_car_is_ordered_sold_and_still_shown_to_who_ordered_it(house: MainApiHarness) -> None:
    path = "/v1/vehicles/encar_41985016"
    car = await house.curl(path)
    assert (house.status, car["inspection_report"]["dealer_inspection"]["exterior_damage_count"] > 0) == (200, True)
    ordered = await house.curl("/v1/orders", body={"vehicle_id": "encar_41985016"})
    assert (house.status, ordered["fx_rate"]) == (201, 1347.52)

    house.encar.inventory.change("41985016", status="SOLD")
    assert await house.curl(path) == car
    body = await house.curl(path, key="lmn_prd_bolt")
    assert (house.status, body["error"]["details"]["reason"]) == (404, "sold")
    body = await house.curl("/v1/orders", key="lmn_prd_bolt", body={"vehicle_id": "encar_41985016"})
    assert (house.status, body["error"]["code"]) == (410, "vehicle_unavailable")
