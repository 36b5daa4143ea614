"""The client over real sockets, against a service that answers as it is told."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest
from aiohttp import web

from dealerproxy.client import (
    Buyable,
    DealerClient,
    DealerError,
    DealerUnavailable,
    InvalidRequest,
    VehicleNotFound,
    for_partner,
    parse,
)
from dealerproxy.client.errors import OUTAGE_MESSAGE
from tests.client.conftest import Answer, Scripted, failure, says
from tests.support.clock import Clock

REQUEST_ID = "req_0123456789abcdef01234567"
ROW: dict[str, Any] = {
    "id": "encar_41985016", "source": "dealer", "make": "Kia", "model": "K5", "trim": None, "year": 2021,
    "mileage_km": 41_250, "fuel": "gasoline", "transmission": None, "color": None, "engine_cc": None,
    "drivetrain": None, "options": [], "accident_grade": None, "exterior_grade": None, "auction_date": None,
    "order_cutoff_at": None, "thumbnail_url": None, "auction_result": None, "auction_count": None,
    "pricing": {
        "listing_price": 13_358, "sold_price": None,
        "discount_config": {"bid_threshold": 0, "rate_below": 0, "rate_at_or_above": 0, "fixed_discount_amount": 300},
        "breakdown": {"auction_fee": 0, "dealer_fee": 300, "lmn_commission": 300, "ocean_freight": 1500,
                      "estimated_landed": 15_158},
    },
}  # fmt: skip


def page(cursor: str | None = None, *rows: object) -> dict[str, Any]:
    return {
        "data": list(rows),
        "next_cursor": cursor,
        "sources": [{"name": "encar", "status": "ok", "reason": None, "rows": 0, "total": 9, "age_s": 0}],
        "fx": {"krw_per_usd": 1347.52, "as_of": "2026-04-15T21:50:00+09:00", "source": "static"},
        "notices": [],
    }


@pytest.fixture
def clock() -> Clock:
    return Clock(100.0)


@pytest.fixture
def dealer(scripted: Scripted, clock: Clock) -> DealerClient:
    return DealerClient(scripted.session, scripted.url, api_key="inside", clock=clock, sleep=clock.sleep)


async def refused(asking: Awaitable[object]) -> DealerError:
    with pytest.raises(DealerError) as raised:
        await asking
    return raised.value


async def test_an_answer_comes_typed(dealer: DealerClient, scripted: Scripted) -> None:
    scripted.says(says(page(None, ROW)))
    found = await dealer.search({"make": "Kia", "model": "K5,쏘렌토", "options_include": "a+b&c"})
    assert (found.data[0].pricing.listing_price, found.data[0].trim) == (13_358, None)
    assert dict(scripted.asked[0].query) == {"make": "Kia", "model": "K5,쏘렌토", "options_include": "a+b&c"}


async def test_what_a_newer_service_says_beside_is_ignored(dealer: DealerClient, scripted: Scripted) -> None:
    scripted.says(says(page(None, ROW | {"dealer": {"price_krw": 1}}) | {"new": 1}))
    found = await dealer.search({})
    assert not hasattr(found.data[0], "dealer")


async def test_the_key_the_request_id_and_a_little_less_than_the_deadline_go_along(
    dealer: DealerClient, scripted: Scripted
) -> None:
    scripted.says(says(page()))
    await dealer.search({}, deadline_s=4, request_id=REQUEST_ID)
    headers = scripted.asked[0].headers
    assert (headers["x-api-key"], headers["X-Request-Id"]) == ("inside", REQUEST_ID)
    assert headers["X-Request-Deadline-Ms"] == "3800"
    assert "Cache-Control" not in headers


async def test_a_fresh_look_says_no_cache_and_brings_its_rate(dealer: DealerClient, scripted: Scripted) -> None:
    scripted.says(failure(404, "vehicle_not_found", {"reason": "sold"}))
    await refused(dealer.vehicle("encar_1", krw_per_usd=1347.5, fresh=True))
    assert scripted.asked[0].headers["Cache-Control"] == "no-cache"
    assert dict(scripted.asked[0].query) == {"krw_per_usd": "1347.5"}


async def test_connections_are_reused_after_errors_too(dealer: DealerClient, scripted: Scripted) -> None:
    scripted.says(says(page()), failure(400, "validation_error"), says(page()), says(b"<html>", 502))
    for _ in range(2):
        await dealer.search({})
        await refused(dealer.search({}))
    assert len(scripted.asked) == 4
    assert len(scripted.peers) == 1


async def test_a_walk_follows_the_cursor_and_gives_pages(dealer: DealerClient, scripted: Scripted) -> None:
    scripted.says(says(page("two", ROW)), says(page("three")), says(page(None, ROW)))
    pages = [found async for found in dealer.iterate({"make": "Kia"})]
    assert [len(found.data) for found in pages] == [1, 0, 1]  # a short page is not the end
    assert [request.query.get("cursor") for request in scripted.asked] == [None, "two", "three"]


async def test_availability_keeps_the_order(dealer: DealerClient, scripted: Scripted) -> None:
    states = [
        {"id": "encar_2", "status": "sold", "reason": None},
        {"id": "encar_1", "status": "unknown", "reason": "x"},
    ]
    scripted.says(says({"data": states}))
    found = await dealer.availability(["encar_2", "encar_1"])
    assert [(car.id, car.status) for car in found] == [("encar_2", Buyable.SOLD), ("encar_1", Buyable.UNKNOWN)]
    assert await scripted.asked[0].json() == {"ids": ["encar_2", "encar_1"]}


@pytest.mark.parametrize("vehicle_id", ["glovis_1", "encar_", "encar_1/../../../health/live", "encar_x", "encar_0", ""])
async def test_what_is_no_dealer_id_is_not_asked_for(dealer: DealerClient, scripted: Scripted, vehicle_id: str) -> None:
    error = await refused(dealer.vehicle(vehicle_id))
    assert isinstance(error, VehicleNotFound)
    assert error.reason == "unknown_id"
    assert not scripted.asked


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "validation_error", InvalidRequest),
        (400, "invalid_cursor", InvalidRequest),
        (400, "mixed_source_pagination_unsupported", InvalidRequest),
        (404, "vehicle_not_found", VehicleNotFound),
        (503, "dealer_upstream_unavailable", DealerUnavailable),
        (401, "invalid_api_key", DealerError),
        (500, "internal_error", DealerError),
        (429, "rate_limited", DealerError),
        (418, "a_code_of_tomorrow", DealerError),
    ],
)
async def test_an_error_is_typed_by_its_code_and_keeps_all_it_says(
    dealer: DealerClient, scripted: Scripted, status: int, code: str, kind: type[DealerError]
) -> None:
    scripted.says(failure(status, code, {"reason": "gone"}, Retry_After="12"))
    error = await refused(dealer.search({}, deadline_s=5))
    assert type(error) is kind
    assert (error.status, error.code, error.message, error.details) == (status, code, "No.", {"reason": "gone"})
    assert (error.request_id, error.retry_after_s) == ("req_" + "a" * 24, 12)


async def test_a_partner_sees_mistakes_of_theirs_and_outages_never_our_own_key_or_fault(
    dealer: DealerClient, scripted: Scripted
) -> None:
    for status, code in ((401, "invalid_api_key"), (429, "rate_limited"), (500, "internal_error"), (404, "not_found")):
        scripted.says(failure(status, code))
        error = await refused(dealer.search({}))
        shown = for_partner(error)
        assert (shown.status, shown.code, shown.__cause__) == (503, "dealer_upstream_unavailable", error)
    for status, code in ((400, "invalid_cursor"), (404, "vehicle_not_found"), (503, "dealer_upstream_unavailable")):
        scripted.says(failure(status, code))
        error = await refused(dealer.search({}))
        shown = for_partner(error)
        assert shown is error if status != 503 else shown.message == OUTAGE_MESSAGE
        assert for_partner(shown) is shown


async def hang(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(5)
    return web.Response()


async def cut_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"{")
    assert request.transport is not None
    request.transport.close()
    return response


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (hang, "timed_out"),
        (cut_off, "unreachable"),
        (says(b"<html>login</html>"), "unexpected_answer"),
        (says(b'{"next_cursor": "\xff"}'), "unexpected_answer"),
        (says(page() | {"data": [{"id": "encar_1"}]}), "unexpected_answer"),
        (says(b"<html>bad gateway</html>", 502), "unexpected_answer"),
        (says(b"", 302, Location="http://127.0.0.1:1/"), "unexpected_answer"),
        (says({"error": "no envelope"}, 500), "unexpected_answer"),
    ],
)
async def test_no_answer_and_an_unreadable_one_are_outages_of_all_sources(
    dealer: DealerClient, scripted: Scripted, answer: Answer, reason: str
) -> None:
    scripted.says(answer)
    deadline_s = 0.2 if reason == "timed_out" else 8.0
    error = await refused(dealer.search({}, deadline_s=deadline_s, request_id=REQUEST_ID))
    assert isinstance(error, DealerUnavailable)
    assert (error.status, error.details["reason"], error.sources) == (503, reason, ("encar", "danawa"))
    assert error.headers == {"X-LMN-Partial-Dealer-Unavailable": "encar,danawa"}
    assert scripted.url not in str(error)


async def test_a_deadline_that_has_passed_is_an_outage_too(dealer: DealerClient, scripted: Scripted) -> None:
    scripted.says(says(page()))
    assert (await refused(dealer.search({}, deadline_s=0))).details == {"reason": "timed_out"}


async def test_a_service_that_is_not_there_is_an_outage(scripted: Scripted) -> None:
    error = await refused(DealerClient(scripted.session, "http://127.0.0.1:1").search({}))
    assert (error.code, error.details) == ("dealer_upstream_unavailable", {"reason": "unreachable"})


async def test_a_503_that_says_when_is_tried_once_more_then(
    dealer: DealerClient, scripted: Scripted, clock: Clock
) -> None:
    scripted.says(failure(503, "dealer_upstream_unavailable", Retry_After="5"), says(page()))
    await dealer.search({}, deadline_s=10)
    assert clock.slept == [5]
    assert [request.headers["X-Request-Deadline-Ms"] for request in scripted.asked] == ["9500", "4750"]


@pytest.mark.parametrize(
    ("deadline_s", "answer"),
    [
        (5.4, failure(503, "dealer_upstream_unavailable", Retry_After="5")),  # no time left for the answer
        (60, failure(503, "dealer_upstream_unavailable")),
        (60, failure(429, "rate_limited", Retry_After="1")),
        (60, failure(500, "internal_error", Retry_After="1")),
        (60, says(b"<html>", 502)),
    ],
)
async def test_anything_else_is_not_tried_again(
    dealer: DealerClient, scripted: Scripted, clock: Clock, deadline_s: float, answer: Answer
) -> None:
    scripted.says(answer)
    await refused(dealer.search({}, deadline_s=deadline_s))
    assert (len(scripted.asked), clock.slept) == (1, [])


async def test_a_second_503_is_the_answer(dealer: DealerClient, scripted: Scripted, clock: Clock) -> None:
    partial = {"X_LMN_Partial_Dealer_Unavailable": "encar"}
    scripted.says(failure(503, "dealer_upstream_unavailable", Retry_After="5", **partial))
    error = await refused(dealer.search({}, deadline_s=60))
    assert isinstance(error, DealerUnavailable)
    assert (len(scripted.asked), clock.slept, error.sources) == (2, [5], ("encar",))


async def test_a_failure_is_a_value_for_the_merge_and_nobody_asked_is_none(
    dealer: DealerClient, scripted: Scripted
) -> None:
    scripted.says(failure(503, "dealer_upstream_unavailable"))
    assert isinstance(await dealer.answer(parse({"source": "dealer", "make": "Kia"})), DealerUnavailable)
    assert len(scripted.asked) == 1
    assert await dealer.answer(parse({"source": "glovis"})) is None
    assert await dealer.answer(parse({})) is None
    assert len(scripted.asked) == 1


async def test_a_caller_who_goes_away_is_not_an_outage(dealer: DealerClient, scripted: Scripted) -> None:
    scripted.says(hang)
    asking = asyncio.create_task(dealer.search({}))
    await asyncio.sleep(0.05)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


@pytest.mark.parametrize(
    "base_url", ["dealerproxy:8080", "127.0.0.1:8080", "/v1", "", "ftp://dealerproxy", "http://", "http://[", "//host"]
)
async def test_an_address_that_no_call_could_reach_is_refused_at_once(scripted: Scripted, base_url: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        DealerClient(scripted.session, base_url)


@pytest.mark.parametrize("api_key", ["a\nb", "a\r", "\x00", "\ud800"])
async def test_a_key_that_no_header_can_hold_is_refused_at_once_and_not_shown(scripted: Scripted, api_key: str) -> None:
    with pytest.raises(ValueError, match="api_key") as raised:
        DealerClient(scripted.session, scripted.url, api_key=api_key)
    assert api_key not in str(raised.value)


async def test_no_cars_are_available_without_a_call(dealer: DealerClient, scripted: Scripted) -> None:
    assert list(await dealer.availability([])) == []
    assert not scripted.asked
