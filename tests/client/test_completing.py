"""A snapshot taken while a document could not be asked for says so, and is completed later."""

from typing import Any

import msgspec
import pytest
from hypothesis import given

from dealerproxy.client import (
    DealerClient,
    DealerUnavailable,
    Snapshot,
    VehicleNotFound,
    complete_snapshot,
    take_snapshot,
)
from dealerproxy.sandbox.faults import Status
from tests.client.conftest import MainApiHarness, Scripted, failure, says
from tests.client.test_snapshot import DETAIL, OWNER, details, snapshot


def enrichment(**states: str) -> list[dict[str, str | None]]:
    """States such as `failed` or `skipped/overloaded`, by document."""
    return [
        {"name": name, "status": state.partition("/")[0], "reason": state.partition("/")[2] or None}
        for name, state in states.items()
    ]


def taken(**states: str) -> Snapshot:
    return snapshot(detail=DETAIL | {"enrichment": enrichment(**states)})


@pytest.fixture
def dealer(scripted: Scripted) -> DealerClient:
    return DealerClient(scripted.session, scripted.url)


@pytest.mark.parametrize(
    ("inspection", "record", "complete"),
    [
        ("ok", "ok", True),
        ("ok/stale", "absent/not_open", True),
        ("absent/not_found", "skipped/private", True),
        ("ok", "skipped/not_offered", True),
        ("failed/timed_out", "ok", False),
        ("failed/a_reason_of_tomorrow", "ok", False),
        ("ok", "failed/blocked", False),
        ("skipped/not_published", "ok", True),
        ("skipped/overloaded", "ok", False),
        ("ok", "skipped/overloaded", False),
        ("skipped/not_requested", "ok", False),
        ("a_status_of_tomorrow", "ok", False),
    ],
)
def test_a_snapshot_says_whether_it_is_complete(inspection: str, record: str, complete: bool) -> None:
    one = taken(inspection=inspection, record=record, diagnosis="failed/blocked")  # which partners see nothing of
    assert one.complete is complete
    assert msgspec.json.decode(one.encode())["complete"] is complete
    assert Snapshot.decode(one.encode()) == one


@given(details)
def test_a_detail_of_any_shape_has_an_answer(detail: dict[str, Any]) -> None:
    assert snapshot(detail=detail | {"enrichment": list(detail.values())}).complete is False
    assert snapshot(detail=detail | {"enrichment": detail}).complete is False


async def test_the_documents_come_later_and_the_rest_stays_as_it_was_ordered(
    dealer: DealerClient, scripted: Scripted
) -> None:
    before = taken(inspection="failed/timed_out", record="ok")
    states = enrichment(inspection="ok", record="ok")
    condition: dict[str, Any] = {"image_url": None, "panels": []}
    later = DETAIL | {"mileage_km": 99_999, "photos": [], "body_condition": condition, "enrichment": states}
    scripted.says(says(later, X_Krw_Per_Usd="1347.52"))
    after = await complete_snapshot(dealer, before, now=lambda: 1_776_257_460.0)
    assert (after.complete, after.completed_at, after.taken_at) == (
        True, "2026-04-15T21:51:00+09:00", before.taken_at,
    )  # fmt: skip
    assert after.detail == before.detail | {"body_condition": condition, "enrichment": states}
    assert dict(scripted.asked[0].query) == {"krw_per_usd": "1347.52"}  # the order's own rate
    assert scripted.asked[0].headers["Cache-Control"] == "no-cache"
    assert Snapshot.decode(after.encode()) == after


@pytest.mark.parametrize(
    "states", [{"inspection": "failed", "record": "ok"}, {"inspection": "ok", "record": "failed"}, {}]
)
async def test_documents_that_fail_again_or_others_in_their_place_take_nothing_away(
    dealer: DealerClient, scripted: Scripted, states: dict[str, str]
) -> None:
    before = taken(inspection="failed", record="ok")
    scripted.says(says(DETAIL | {"enrichment": enrichment(**states)}))
    assert await complete_snapshot(dealer, before) is before


async def test_a_complete_snapshot_is_not_asked_for_again(dealer: DealerClient, scripted: Scripted) -> None:
    whole = taken(inspection="ok", record="absent/not_found")
    assert await complete_snapshot(dealer, whole) is whole
    assert scripted.asked == []


async def test_a_car_that_is_gone_or_cannot_be_asked_about_is_told(dealer: DealerClient, scripted: Scripted) -> None:
    before = taken(inspection="failed", record="ok")
    scripted.says(failure(404, "vehicle_not_found", {"reason": "sold"}))
    with pytest.raises(VehicleNotFound):
        await complete_snapshot(dealer, before)
    scripted.says(failure(503, "dealer_upstream_unavailable"))
    with pytest.raises(DealerUnavailable):
        await complete_snapshot(dealer, before)


async def test_an_order_made_while_the_real_services_sheet_failed_is_not_complete(house: MainApiHarness) -> None:
    house.breaks(Status(operation="inspection", status=500))
    partly = Snapshot.decode((await take_snapshot(house.dealer, OWNER, 1347.52)).encode())
    assert (partly.complete, partly.detail["inspection_report"]) == (False, None)


async def test_an_order_made_while_all_is_well_is_complete(house: MainApiHarness) -> None:
    assert (await take_snapshot(house.dealer, OWNER, 1347.52)).complete
