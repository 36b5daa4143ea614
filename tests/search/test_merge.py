"""What a page says of itself: caps, sources, notices, and what it leaves out."""

import asyncio
from typing import Any

import pytest

from dealerproxy.api.keys import CACHE
from dealerproxy.sandbox.danawa.inventory import DanawaInventory
from dealerproxy.sandbox.encar.inventory import Inventory
from dealerproxy.sandbox.faults import (
    BadRows,
    Block,
    Drop,
    Empty,
    Fault,
    Hang,
    Html,
    MissingField,
    RateLimited,
    Status,
    Trickle,
)
from tests.support.flights import landed
from tests.support.stock import add, stock
from tests.support.timing import Stopwatch


def codes(answer: Any) -> list[str]:
    return [notice["code"] for notice in answer["notices"]]


async def test_a_page_never_holds_more_than_48_rows_and_says_so(build: Any) -> None:
    house = await build(stock(120))
    assert len((await house.ask(make="Kia"))["data"]) == 48
    assert house.headers["X-LMN-Dealer-Page-Max"] == "48"
    await house.ask(make="Kia", limit=200)
    assert house.headers["X-LMN-Dealer-Page-Max"] == "48"
    assert len((await house.ask(make="Kia", limit=48))["data"]) == 48
    assert "X-LMN-Dealer-Page-Max" not in house.headers
    assert "X-LMN-Partial-Dealer-Unavailable" not in house.headers


async def test_an_honest_zero_is_an_empty_page_with_its_count(build: Any) -> None:
    house = await build(Inventory())
    answer = await house.ask(make="Kia")
    assert house.status == 200
    assert (answer["data"], answer["next_cursor"]) == ([], None)
    nothing: dict[str, object] = {"rows": 0, "retry_at": None}
    assert answer["sources"] == [
        {"name": "encar", "status": "ok", "reason": None, "total": 0, "age_s": 0, **nothing},
        {"name": "danawa", "status": "skipped", "reason": "upstream_excluded", "total": None, "age_s": None, **nothing},
    ]


async def test_a_fresh_chunk_is_used_again_and_tells_its_age(build: Any) -> None:
    house = await build(stock(10))
    await house.ask(make="Kia")
    again = await house.ask(make="Kia", limit=5)
    assert len(house.calls) == 1
    assert again["sources"][0]["age_s"] == 0


async def test_what_is_not_offered_is_left_out_and_counted(build: Any) -> None:
    inventory = stock(4)
    add(inventory, 1, sales_status="CONTRACT", price=9999)
    add(inventory, 2, sales_status="CONTRACT")
    add(inventory, 1, price=99_999)
    add(inventory, 1, price=999_999)
    add(inventory, 1, mileage=999_999)
    house = await build(inventory)
    answer = await house.ask(make="Kia")
    counts = {n["code"]: n["count"] for n in answer["notices"] if n["code"].startswith("left_out")}
    assert len(answer["data"]) == 4
    assert counts == {
        "left_out_under_contract": 3,
        "left_out_placeholder_price": 2,
        "left_out_placeholder_mileage": 1,
    }


async def test_of_two_adverts_of_one_car_the_page_shows_the_original(build: Any) -> None:
    inventory = stock(1, price=2000)
    (original,) = inventory
    for price in (1500, 2500):
        add(inventory, 1, price=price, vehicle_id=original.id, manufacturer=original.manufacturer)
    house = await build(inventory)
    answer = await house.ask(make="Kia", sort="price_asc")
    assert [row["id"] for row in answer["data"]] == [f"encar_{original.id}"]
    assert {n["code"]: n["count"] for n in answer["notices"]}["left_out_duplicate"] == 2


async def test_a_row_that_cannot_be_read_is_skipped_and_counted(build: Any) -> None:
    house = await build(stock(10))
    house.stand_in.faults.add(BadRows(share=0.3))
    answer = await house.ask(make="Kia")
    assert len(answer["data"]) == 7
    assert {n["code"]: n["count"] for n in answer["notices"]}["left_out_unreadable"] == 3
    assert answer["sources"][0]["status"] == "ok"


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (Block(), "blocked"),
        (Block(status=403), "blocked"),
        (Block(status=407), "blocked"),
        (Block(status=200), "blocked"),
        (Block(status=202), "blocked"),
        (Block(status=405), "blocked"),
        (Block(status=302), "blocked"),
        (Status(status=204), "blocked"),
        (Status(status=404, headers={"X-DataDome": "protected"}), "blocked"),
        (Html(), "blocked"),
        (Status(status=500), "upstream_error"),
        (Status(status=503, body="<html>"), "upstream_error"),
        (Status(status=400), "upstream_error"),
        (Status(status=404), "upstream_error"),
        (RateLimited(retry_after=17), "rate_limited"),
        (Empty(), "drift"),
        (BadRows(share=0.6), "drift"),
        (MissingField(field="Count", of="answer"), "drift"),
        (MissingField(field="SearchResults", of="answer"), "drift"),
        (MissingField(field="Price"), "drift"),
        (MissingField(field="FormYear"), "drift"),
        (Drop(), "unreachable"),
        (Drop(at="body"), "unreachable"),
        # What goes by a clock on the wall.
        pytest.param(Hang(), "timed_out", marks=pytest.mark.slow),
        pytest.param(Trickle(bytes_per_second=50), "timed_out", marks=pytest.mark.slow),
    ],
    ids=repr,
)
class TestWhenAllOfEncarFails:
    async def test_it_is_a_503_that_names_the_source_and_the_reason(
        self, build: Any, broken: Fault, reason: str
    ) -> None:
        house = await build(stock(10), list_deadline_s=patience(reason))
        house.stand_in.faults.add(broken)
        answer = await house.ask(make="Kia")
        assert house.status == 503
        assert answer["error"]["code"] == "dealer_upstream_unavailable"
        source, _ = answer["error"]["details"]["sources"]
        assert (source["name"], source["status"], source["reason"]) == ("encar", "failed", reason)
        assert house.headers["X-LMN-Partial-Dealer-Unavailable"] == "encar"
        assert 5 <= int(house.headers["Retry-After"]) <= 30

    async def test_one_leg_failing_keeps_the_others_and_says_partial(
        self, build: Any, broken: Fault, reason: str
    ) -> None:
        inventory = stock(10)
        add(inventory, 5, manufacturer="BMW")
        house = await build(inventory, list_deadline_s=patience(reason))
        house.stand_in.faults.add(type(broken)(**{**fields_of(broken), "contains": "Manufacturer.BMW"}))
        answer = await house.ask(make="BMW,Kia")
        assert house.status == 200
        assert {row["make"] for row in answer["data"]} == {"Kia"}
        source, _ = answer["sources"]
        assert (source["status"], source["reason"], source["rows"], source["total"]) == ("partial", reason, 10, 10)
        assert house.headers["X-LMN-Partial-Dealer-Unavailable"] == "encar"
        await landed(house.client.app[CACHE])  # the failed flight may land after the request that waited for it
        await house.heal()
        healed = await house.ask(make="BMW,Kia", cursor=answer["next_cursor"], bypass_cache=True)
        assert {row["make"] for row in healed["data"]} == {"BMW"}
        assert healed["next_cursor"] is None


def patience(reason: str) -> float:
    """A deadline that only what should time out can miss."""
    return 1.0 if reason == "timed_out" else 8.0


def fields_of(fault: Fault) -> dict[str, Any]:
    return {name: getattr(fault, name) for name in fault.__struct_fields__}


async def test_a_rate_limit_tells_when_to_come_back(build: Any) -> None:
    house = await build(stock(1))
    house.stand_in.faults.add(RateLimited(retry_after=17))
    answer = await house.ask(make="Kia")
    assert 17 <= int(house.headers["Retry-After"]) <= 19  # a suspension is a little longer than asked, never shorter
    assert answer["error"]["details"]["sources"][0]["retry_at"].endswith("+09:00")


async def test_a_request_may_shorten_its_deadline_and_a_late_answer_serves_the_next(build: Any) -> None:
    house = await build(stock(3))
    house.stand_in.faults.add(Trickle(bytes_per_second=8000, times=1))
    async with house.client.get(
        "/v1/vehicles", params={"make": "Kia", "upstream": "encar"}, headers={"X-Request-Deadline-Ms": "60"}
    ) as response:
        assert response.status == 503
    answer = await house.ask(make="Kia")
    assert len(answer["data"]) == 3
    assert len(house.calls) == 1


@pytest.mark.slow  # goes by a clock on the wall
async def test_a_slow_leg_costs_no_more_than_the_deadline(build: Any) -> None:
    house = await build(stock(3), list_deadline_s=0.2)
    house.stand_in.faults.add(Hang())
    async with Stopwatch() as watch:
        await house.ask(make="Kia,BMW,Hyundai")
    assert watch.seconds < 0.4


async def test_a_hundred_identical_requests_ask_once(build: Any) -> None:
    house = await build(stock(60))
    answers = await asyncio.gather(*(house.ask(make="Kia") for _ in range(100)))
    assert len(house.calls) == 1
    assert {len(answer["data"]) for answer in answers} == {48}


async def test_a_filter_that_nothing_passes_costs_four_refills_and_leaves_a_short_page(build: Any) -> None:
    house = await build(stock(600, fuel="가솔린+전기", model="더 뉴 쏘렌토 4세대", badge="1.6 터보", badge_detail=None))
    answer = await house.ask(make="Kia", fuel="plug_in_hybrid")
    assert len(house.calls) == 1 + 4
    assert (answer["data"], "page_short" in codes(answer)) == ([], True)
    assert answer["next_cursor"] is not None


@pytest.mark.slow
async def test_a_walk_past_ten_thousand_rows_ends_with_a_notice(build: Any) -> None:
    inventory = Inventory()
    pattern = inventory.new_car(manufacturer="기아", price=1000)
    for i in range(10_100):
        inventory.insert(
            type(pattern)(**{**slots_of(pattern), "id": str(41_000_000 + i), "vehicle_id": str(41_000_000 + i)})
        )
    house = await build(inventory)
    pages = await house.walk(pages=400, make="Kia", sort="price_asc")
    assert pages[-1]["next_cursor"] is None
    assert codes(pages[-1]) == ["depth_limit"]
    assert 10_000 <= sum(len(page["data"]) for page in pages) <= 10_048


def slots_of(car: Any) -> dict[str, Any]:
    return {name: getattr(car, name) for name in car.__slots__}


async def test_auction_only_filters_without_a_source_count_what_they_hide(build: Any) -> None:
    inventory = stock(10)
    add(inventory, 5, manufacturer="BMW")
    house = await build(inventory)
    answer = await house.ask(make="Kia,BMW", accident_grade="A")
    assert (house.status, answer["data"], answer["filtered_out"]) == (200, [], 15)
    assert answer["sources"][0]["status"] == "ok"
    assert [call.limit for call in house.stand_in.calls if call.operation == "search"] == [1, 1]
    assert "filtered_out" not in await house.ask(make="Kia,BMW")


async def test_hidden_rows_that_cannot_be_counted_are_an_outage_not_a_zero(build: Any) -> None:
    house = await build(stock(10))
    house.stand_in.faults.add(Block())
    await house.ask(make="Kia", auction_status="upcoming")
    assert house.status == 503


@pytest.mark.parametrize(
    "refusal",
    [
        *(Block(status=status) for status in (403, 202, 405, 302)),
        *(Status(status=status) for status in (202, 204, 302)),
        Status(status=200, headers={"cf-mitigated": "challenge"}),
        Status(status=404, headers={"X-DataDome": "protected"}),
        Status(status=200, body='{"appId": "PX1", "blockScript": "/captcha.js"}'),
        Status(status=503, body="<html><div id='px-captcha'></div></html>"),
    ],
    ids=repr,
)
async def test_twelve_searches_of_a_site_that_blocks_ask_it_once(build: Any, refusal: Fault) -> None:
    house = await build(stock(10))
    house.stand_in.faults.add(refusal)
    reasons = []
    for number in range(12):
        answer = await house.ask(make="Kia", year_min=str(2000 + number))
        reasons.append(answer["error"]["details"]["sources"][0]["reason"])
    assert reasons == ["blocked"] + ["suspended"] * 11
    assert len(house.calls) == 1


@pytest.mark.parametrize(
    "refusal",
    [
        *(Block(status=status) for status in (403, 202, 405, 302)),
        Status(status=204),
        Status(status=200, headers={"cf-mitigated": "challenge"}),
        Status(status=200, headers={"X-DataDome": "protected"}, body="<html></html>"),
        *(Status(status=status, body="<html><div id='px-captcha'></div></html>") for status in (200, 404, 503)),
        Status(status=200, body="<html><iframe src='/_Incapsula_Resource?a'></iframe></html>"),
        Status(status=200, body='{"appId": "PX1", "blockScript": "/captcha.js"}'),
    ],
    ids=repr,
)
async def test_a_danawa_that_blocks_is_asked_once_whatever_page_it_blocks_with(build: Any, refusal: Fault) -> None:
    house = await build(stock(1), DanawaInventory(), faults=[refusal])
    reasons = []
    for make in ("Kia", "Hyundai", "BMW"):
        answer = await house.ask(make=make, upstream="danawa")
        reasons.append({source["name"]: source["reason"] for source in answer["error"]["details"]["sources"]}["danawa"])
    assert reasons == ["blocked"] * 3
    assert len(house.danawa.calls) == 1


async def test_without_dealer_in_source_nothing_is_asked(house: Any) -> None:
    answer = await house.ask(source="glovis,sk", options_include="dashcam")
    assert (house.status, answer["data"], house.calls) == (200, [], [])
    assert (answer["sources"][0]["status"], answer["sources"][0]["reason"]) == ("skipped", "source_excluded")
    assert "X-LMN-Dealer-Page-Max" not in house.headers


async def test_only_unknown_makes_are_told_without_a_call(house: Any) -> None:
    answer = await house.ask(make="Wartburg")
    assert (house.status, house.calls, codes(answer)) == (200, [], ["unknown_make"])
    assert (answer["sources"][0]["status"], answer["sources"][0]["reason"]) == ("skipped", "nothing_to_ask")


async def test_a_gearbox_encar_has_no_facet_for_is_told_without_a_call(house: Any) -> None:
    answer = await house.ask(make="Kia", transmission="dct")
    assert (house.status, house.calls, codes(answer)) == (200, [], ["no_facet"])


async def test_insiders_see_the_won_and_the_korean_names(build: Any) -> None:
    house = await build(
        stock(1, price=1890, model="더 뉴 쏘렌토 4세대", badge="디젤 2.2 4WD", badge_detail="프레스티지")
    )
    (row,) = (await house.ask(make="Kia", include="dealer"))["data"]
    assert row["trim"] == "Diesel 2.2 4WD Prestige (The New, 4th Gen)"
    assert row["dealer"]["generation"] == "The New, 4th Gen"
    assert (row["engine_cc"], row["drivetrain"], row["model"]) == (None, "4WD", "Sorento")
    assert row["dealer"]["price_krw"] == 18_900_000
    assert row["dealer"]["model_korean"] == "더 뉴 쏘렌토 4세대"
    assert row["dealer"]["trim_korean"] == "디젤 2.2 4WD 프레스티지"
    assert row["dealer"]["url"] == f"https://fem.encar.com/cars/detail/{row['dealer']['listing_id']}"


async def test_a_request_may_bring_its_own_rate_and_a_walk_keeps_it(build: Any) -> None:
    house = await build(stock(3, price=1000))
    first = await house.ask(make="Kia", krw_per_usd=1000, limit=2)
    assert [row["pricing"]["listing_price"] for row in first["data"]] == [10_000, 10_000]
    assert (first["fx"]["krw_per_usd"], first["fx"]["source"]) == (1000.0, "request")
    second = await house.ask(make="Kia", krw_per_usd=1000, limit=2, cursor=first["next_cursor"])
    assert second["fx"] == first["fx"]
    assert [row["pricing"]["listing_price"] for row in second["data"]] == [10_000]


@pytest.mark.parametrize("first_rate", [{}, {"krw_per_usd": 1000}], ids=["own rate", "rate of the request"])
@pytest.mark.parametrize("bounds", [{}, {"price_min_usd": 100, "price_max_usd": 40_000}], ids=["any price", "bounds"])
@pytest.mark.parametrize(
    ("later_rate", "noticed"),
    [({}, False), ({"krw_per_usd": "same"}, False), ({"krw_per_usd": 1500}, True), ({"krw_per_usd": 100}, True)],
    ids=["none", "the same", "another", "the lowest"],
)
async def test_a_walk_keeps_its_rate_whatever_rate_a_later_page_names(
    build: Any, first_rate: dict[str, Any], bounds: dict[str, Any], later_rate: dict[str, Any], noticed: bool
) -> None:
    house = await build(stock(6, price=1000))
    first = await house.ask(make="Kia", limit=2, **bounds, **first_rate)
    rate = {"krw_per_usd": first["fx"]["krw_per_usd"]} if later_rate.get("krw_per_usd") == "same" else later_rate
    second = await house.ask(make="Kia", limit=2, **bounds, **rate, cursor=first["next_cursor"])
    third = await house.ask(make="Kia", limit=2, **bounds, **rate, cursor=second["next_cursor"])
    assert first["fx"] == second["fx"] == third["fx"]
    prices = {row["pricing"]["listing_price"] for page in (first, second, third) for row in page["data"]}
    assert len(prices) == 1
    assert ["rate_kept" in codes(page) for page in (first, second, third)] == [False, noticed, noticed]


async def test_a_cursor_belongs_to_its_sort_and_its_filters(build: Any) -> None:
    house = await build(stock(10))
    cursor = (await house.ask(make="Kia", limit=2))["next_cursor"]
    for changed in ({"sort": "price_asc"}, {"year_min": 2010}, {"make": "Kia,BMW"}):
        answer = await house.ask(**{"make": "Kia", "cursor": cursor, **changed})
        assert (house.status, answer["error"]["code"]) == (400, "invalid_cursor"), changed
    await house.ask(make="기아", limit=7, include="dealer", cursor=cursor)
    assert house.status == 200
