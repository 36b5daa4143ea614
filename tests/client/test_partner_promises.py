"""What the partner API promises about dealer cars, each promise against the main API in small and the real service."""

from typing import Any

import msgspec
import pytest

from dealerproxy.client import Owner, Snapshot, VehicleDetail
from dealerproxy.sandbox.faults import Block, Status
from tests.client.conftest import AUCTION, MainApiHarness

DEALER_CAR = "/v1/vehicles/encar_41985016"
ENCAR_DOWN, DANAWA_DOWN = Block(operation="search"), Block(operation="danawa_list")
PARTIAL, PAGE_MAX, FILTERED_OUT = (
    "X-LMN-Partial-Dealer-Unavailable",
    "X-LMN-Dealer-Page-Max",
    "X-LMN-Filtered-Out",
)
AUCTION_ONLY = {
    "auction_status": "upcoming", "accident_grade": "A", "exterior_grade": "B", "auction_date_from": "2026-04-18",
    "auction_date_to": "2026-04-28", "auction_count_min": "1", "auction_count_max": "3",
}  # fmt: skip


def dealer_rows(page: Any) -> list[Any]:
    return [row for row in page["data"] if row["source"] == "dealer"]


def auction_rows(page: Any) -> list[Any]:
    return [row for row in page["data"] if row["source"] != "dealer"]


def refused(house: MainApiHarness, body: Any, code: str, field: str) -> bool:
    error = body["error"]
    return (house.status, error["code"], error["details"]["field"]) == (400, code, field)


async def test_mixed_auction_and_dealer_sources_work_on_the_first_page(house: MainApiHarness) -> None:
    page = await house.curl("/v1/vehicles?source=glovis,dealer&make=Hyundai")
    assert house.status == 200
    assert auction_rows(page)
    assert dealer_rows(page)
    assert page["next_cursor"] is None


async def test_mixed_sources_with_a_cursor_give_400_mixed_source_pagination_unsupported(house: MainApiHarness) -> None:
    body = await house.curl("/v1/vehicles?source=glovis,dealer&make=Hyundai&cursor=x")
    assert refused(house, body, "mixed_source_pagination_unsupported", "cursor")


async def test_the_default_sort_splits_the_limit_half_to_auction_rows_by_date_half_to_dealer_rows_by_year(
    house: MainApiHarness,
) -> None:
    page = await house.curl("/v1/vehicles?source=glovis,dealer&make=Hyundai&limit=20")
    dates = [row["auction_date"] for row in page["data"][:10]]
    years = [row["year"] for row in page["data"][10:]]
    assert dates == sorted(dates)
    assert years == sorted(years, reverse=True)
    assert len(auction_rows(page)) == len(dealer_rows(page)) == 10


@pytest.mark.parametrize("sort", ["price_asc", "price_desc", "year_desc", "mileage_asc"])
async def test_any_other_sort_orders_the_merged_rows_together(house: MainApiHarness, sort: str) -> None:
    page = await house.curl(f"/v1/vehicles?source=glovis,dealer&make=Hyundai&limit=60&sort={sort}")
    values = [
        {"price": row["pricing"]["listing_price"], "mileage": row["mileage_km"], "year": row["year"]}[
            sort.split("_", maxsplit=1)[0]
        ]
        for row in page["data"]
    ]
    assert values == sorted(values, reverse=sort.endswith("_desc"))
    kinds = [row["source"] == "dealer" for row in page["data"]]
    assert kinds not in (sorted(kinds), sorted(kinds, reverse=True))  # not one half after the other


@pytest.mark.parametrize("source", ["source=dealer", "source=glovis,dealer", ""])
async def test_a_limit_above_48_with_dealer_in_scope_adds_the_page_max_header_mixed_or_not(
    house: MainApiHarness, source: str
) -> None:
    await house.curl(f"/v1/vehicles?{source}&make=Hyundai&limit=49")
    assert house.told[PAGE_MAX] == "48"
    page = await house.curl(f"/v1/vehicles?{source}&make=Hyundai&limit=48")
    assert PAGE_MAX not in house.told
    assert len(page["data"]) == 48


@pytest.mark.parametrize(
    ("faults", "survivors", "named"),
    [
        ([DANAWA_DOWN], {"encar"}, "danawa"),
        ([ENCAR_DOWN], {"danawa"}, "encar"),
        ([ENCAR_DOWN, DANAWA_DOWN], set[str](), "encar,danawa"),
    ],
)
async def test_a_mixed_search_with_dealer_failures_is_200_with_all_auction_rows_the_survivors_and_the_failed_ones_named(
    house: MainApiHarness, faults: list[Block], survivors: set[str], named: str
) -> None:
    house.breaks(*faults)
    page = await house.curl("/v1/vehicles?source=glovis,dealer&make=Hyundai&limit=60")
    assert house.status == 200
    assert len(auction_rows(page)) == sum(row["source"] == "glovis" and row["make"] == "Hyundai" for row in AUCTION)
    assert {row["id"].split("_")[0] for row in dealer_rows(page)} == survivors
    assert house.told[PARTIAL] == named


@pytest.mark.parametrize(
    ("fault", "survivor", "named"), [(DANAWA_DOWN, "encar", "danawa"), (ENCAR_DOWN, "danawa", "encar")]
)
async def test_a_dealer_only_search_with_one_upstream_down_is_200_with_the_survivors_rows_and_the_header(
    house: MainApiHarness, fault: Block, survivor: str, named: str
) -> None:
    house.breaks(fault)
    page = await house.curl("/v1/vehicles?source=dealer&make=Hyundai")
    assert (house.status, house.told[PARTIAL]) == (200, named)
    assert {row["id"].split("_")[0] for row in page["data"]} == {survivor}


async def test_a_dealer_only_search_is_503_only_when_all_upstreams_are_down(house: MainApiHarness) -> None:
    house.breaks(ENCAR_DOWN, DANAWA_DOWN)
    body = await house.curl("/v1/vehicles?source=dealer&make=Hyundai")
    assert (house.status, body["error"]["code"]) == (503, "dealer_upstream_unavailable")
    assert body["error"]["request_id"] == house.headers["X-Request-Id"]
    assert 5 <= int(house.headers["Retry-After"]) <= 30


async def test_auction_only_requests_are_untouched_by_dealer_outages(house: MainApiHarness) -> None:
    whole = await house.curl("/v1/vehicles?source=glovis&make=Hyundai")
    house.breaks(ENCAR_DOWN, DANAWA_DOWN)
    await house.list_tried()
    calls = house.calls
    assert await house.curl("/v1/vehicles?source=glovis&make=Hyundai") == whole
    assert (house.status, house.told, house.calls) == (200, {}, calls)


@pytest.mark.parametrize("name", AUCTION_ONLY)
async def test_source_omitted_plus_a_filter_on_a_dealer_null_field_drops_dealer_rows_and_counts_them(
    house: MainApiHarness, name: str
) -> None:
    page = await house.curl(f"/v1/vehicles?make=Hyundai&{name}={AUCTION_ONLY[name]}")
    assert house.status == 200
    assert auction_rows(page)
    assert not dealer_rows(page)
    totals = [source["total"] for source in (await house.raw("/v1/vehicles?make=Hyundai"))["sources"]]
    assert house.told == {FILTERED_OUT: f"dealer={sum(totals)}"}
    assert min(totals) > 0


@pytest.mark.parametrize("source", ["dealer", "glovis,dealer"])
async def test_the_same_filter_with_dealer_named_in_source_is_400_instead_also_in_a_mixed_request(
    house: MainApiHarness, source: str
) -> None:
    for name, value in AUCTION_ONLY.items():
        body = await house.curl(f"/v1/vehicles?source={source}&make=Hyundai&{name}={value}")
        assert refused(house, body, "validation_error", name)
    assert house.calls == 0


async def test_a_mixed_request_without_make_is_400_with_details_field_make_not_a_degraded_200(
    house: MainApiHarness,
) -> None:
    body = await house.curl("/v1/vehicles?source=glovis,dealer")
    assert refused(house, body, "validation_error", "make")
    assert house.told == {}


@pytest.mark.parametrize("token", ["panoramic_sunroof", "dashcam"])
async def test_a_mixed_request_with_panoramic_sunroof_or_dashcam_is_400_before_any_fan_out(
    house: MainApiHarness, token: str
) -> None:
    body = await house.curl(f"/v1/vehicles?source=glovis,dealer&make=Hyundai&options_include=sunroof,{token}")
    assert refused(house, body, "validation_error", "options_include")
    assert "data" not in body
    assert (house.told, house.calls) == ({}, 0)


@pytest.mark.parametrize("token", ["panoramic_sunroof", "dashcam"])
async def test_auction_only_requests_accept_those_two_tokens(house: MainApiHarness, token: str) -> None:
    for source in ("source=glovis", ""):
        page = await house.curl(f"/v1/vehicles?{source}&make=Hyundai&options_include={token}")
        assert house.status == 200
        assert auction_rows(page)
        assert not dealer_rows(page)


async def test_the_auction_half_of_a_mixed_request_still_honours_keyword_multi_value_fuel_and_body_style(
    house: MainApiHarness,
) -> None:
    path = "/v1/vehicles?source=glovis,sk,dealer&make=Hyundai"
    for extra, found in (
        ("keyword=Cargo", {"sk_1"}),
        ("body_style=van", {"sk_1"}),
        ("fuel=diesel,hybrid", {"sk_1", "glovis_20260428_1069_2126"}),
    ):
        page = await house.curl(f"{path}&{extra}")
        assert {row["id"] for row in auction_rows(page)} == found
        assert dealer_rows(page)


async def test_detail_is_routed_by_id_prefix_dealer_ids_to_the_proxy_and_the_others_to_auction_data(
    house: MainApiHarness,
) -> None:
    car = await house.curl("/v1/vehicles/glovis_20260428_1069_2126")
    assert (car["source"], house.calls) == ("glovis", 0)
    car = await house.curl(DEALER_CAR)
    assert (car["id"], car["source"]) == ("encar_41985016", "dealer")


async def order(house: MainApiHarness, key: str = "lmn_prd_acme") -> None:
    await house.curl("/v1/orders", key=key, body={"vehicle_id": "encar_41985016"})
    assert house.status == 201


def disappear(house: MainApiHarness, how: str) -> None:
    if how == "404":
        house.encar.inventory.remove("41985016")
    else:
        house.encar.inventory.change("41985016", status=how)


@pytest.mark.parametrize("how", ["404", "SOLD", "WAIT"])
async def test_when_a_listing_is_gone_and_this_partner_ordered_the_car_in_this_environment_the_answer_is_the_snapshot(
    house: MainApiHarness, how: str
) -> None:
    before = await house.curl(DEALER_CAR)
    await order(house)
    disappear(house, how)
    after = await house.curl(DEALER_CAR)
    assert house.status == 200
    assert after == before


@pytest.mark.parametrize("how", ["404", "SOLD", "WAIT"])
async def test_another_partner_or_the_same_partners_key_for_the_other_environment_gets_404_for_that_same_car(
    house: MainApiHarness, how: str
) -> None:
    await order(house)
    disappear(house, how)
    for key in ("lmn_prd_bolt", "lmn_stg_acme"):
        body = await house.curl(DEALER_CAR, key=key)
        assert (house.status, body["error"]["code"]) == (404, "vehicle_not_found")


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [("SOLD", 404, "vehicle_not_found"), ("500", 503, "dealer_upstream_unavailable")],
)
async def test_with_no_matching_order_404_and_503_pass_through_unchanged(
    house: MainApiHarness, how: str, status: int, code: str
) -> None:
    if how == "500":
        house.breaks(Status(status=500))
    else:
        disappear(house, how)
    error = (await house.curl(DEALER_CAR))["error"]
    assert (house.status, error["code"]) == (status, code)
    assert (await house.raw(DEALER_CAR))["error"]["code"] == code
    assert error["details"].get("reason") == ("sold" if status == 404 else None)
    assert ("Retry-After" in house.headers) == (status == 503)


async def test_the_snapshot_is_captured_when_an_order_is_created_and_holds_a_full_detail_payload(
    house: MainApiHarness,
) -> None:
    await order(house)
    stored = house.main.snapshots[Owner("acme", "production", "encar_41985016")]
    snapshot = Snapshot.decode(stored)
    assert snapshot.detail == await house.raw(f"{DEALER_CAR}?krw_per_usd={snapshot.krw_per_usd}")
    assert msgspec.convert(snapshot.detail, VehicleDetail).inspection_report is not None


async def test_facets_list_dealer_among_sources_are_flat_without_counts_cached_five_minutes_and_scoped_by_source(
    house: MainApiHarness,
) -> None:
    facets = await house.curl("/v1/vehicles/facets")
    asked = house.calls
    assert facets["sources"] == ["glovis", "sk", "dealer"]
    assert {"Hyundai", "Kia", "BMW"} <= set(facets["makes"])
    assert all(
        type(value) is str
        for values in (facets["makes"], facets["fuels"], *facets["models"].values())
        for value in values
    )
    assert await house.curl("/v1/vehicles/facets") == facets
    assert house.calls == asked == 1
    assert (await house.curl("/v1/vehicles/facets?source=glovis"))["sources"] == ["glovis"]
    assert (await house.curl("/v1/vehicles/facets?source=dealer"))["sources"] == ["dealer"]
    house.main.dealer = house.dealer_at("/no/such/path")
    assert (await house.curl("/v1/vehicles/facets"))["makes"] == ["Hyundai", "Kia"]


async def test_limit_defaults_to_50_at_most_200(house: MainApiHarness) -> None:
    assert len((await house.curl("/v1/vehicles?make=Hyundai"))["data"]) == 50
    await house.curl("/v1/vehicles?limit=200")
    assert house.status == 200
    assert refused(house, await house.curl("/v1/vehicles?limit=201"), "validation_error", "limit")


@pytest.mark.parametrize(
    ("key", "status", "code"),
    [
        ("", 401, "missing_api_key"),
        ("lmn_prd_nobody", 401, "invalid_api_key"),
        ("lmn_prd_elsewhere", 403, "ip_not_allowed"),
    ],
)
async def test_keys_that_are_missing_unknown_or_of_an_unlisted_address_are_refused(
    house: MainApiHarness, key: str, status: int, code: str
) -> None:
    body = await house.curl("/v1/vehicles", key=key)
    assert (house.status, body["error"]["code"]) == (status, code)


async def test_a_key_of_the_wrong_environment_is_invalid_and_one_over_the_limit_is_429_with_retry_after(
    house: MainApiHarness,
) -> None:
    body = await house.curl("/v1/vehicles", key="lmn_stg_acme", environment="production")
    assert (house.status, body["error"]["code"]) == (401, "invalid_api_key")
    for _ in range(3):
        body = await house.curl("/v1/vehicles?source=glovis", key="lmn_prd_eager")
    assert (house.status, body["error"]["code"]) == (429, "rate_limited")
    assert int(house.headers["Retry-After"]) > 0


async def test_our_own_wrong_key_is_an_outage_to_a_partner_never_their_401(house: MainApiHarness) -> None:
    house.main.dealer = house.dealer_at("/no/such/path")
    body = await house.curl("/v1/vehicles?source=dealer&make=Kia")
    assert (house.status, body["error"]["code"]) == (503, "dealer_upstream_unavailable")
    page = await house.curl("/v1/vehicles?make=Hyundai")
    assert (house.status, house.told[PARTIAL]) == (200, "encar,danawa")
    assert auction_rows(page)
