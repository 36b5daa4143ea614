"""One rate, given once for the client or for a call, and told back in every answer with its age and cache state."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from dealerproxy.client import (
    DealerCar,
    DealerClient,
    DealerError,
    DealerList,
    DealerUnavailable,
    Snapshot,
    detail_or_snapshot,
    for_partner,
    order_error,
    parse,
    take_snapshot,
)
from dealerproxy.sandbox.faults import Block
from tests.client.conftest import MainApiHarness, Scripted, failure, says
from tests.client.test_client import page
from tests.client.test_snapshot import DETAIL, ID, ORDERED, OWNER, Store, snapshot

QUERY = parse({"source": "dealer", "make": "Kia"})


def dealer(scripted: Scripted, krw_per_usd: float | None = None) -> DealerClient:
    return DealerClient(scripted.session, scripted.url, krw_per_usd=krw_per_usd)


Call = Callable[..., Awaitable[Any]]


async def first_page(client: DealerClient, **rate: Any) -> DealerList:
    return await anext(client.iterate({"make": "Kia"}, **rate))


CALLS: dict[str, tuple[object, Call]] = {
    "search": (page(), lambda client, **rate: client.search({"make": "Kia"}, **rate)),
    "iterate": (page(), first_page),
    "answer": (page(), lambda client, **rate: client.answer(QUERY, **rate)),
    "vehicle": (DETAIL, lambda client, **rate: client.vehicle(ID, **rate)),
    "detail_or_snapshot": (
        DETAIL,
        lambda client, **rate: detail_or_snapshot(client, ID, "acme", "production", Store(), **rate),
    ),
    "take_snapshot": (ORDERED, lambda client, **rate: take_snapshot(client, OWNER, **rate)),
}


@pytest.mark.parametrize("name", CALLS)
async def test_the_rate_of_the_call_goes_before_that_of_the_client(scripted: Scripted, name: str) -> None:
    said, call = CALLS[name]
    scripted.says(says(said, X_Krw_Per_Usd="1500"))
    await call(dealer(scripted, 1400.25))
    await call(dealer(scripted, 1400.25), krw_per_usd=1300)
    await call(dealer(scripted))
    assert [request.query.get("krw_per_usd") for request in scripted.asked] == ["1400.25", "1300", None]


@pytest.mark.parametrize("name", CALLS)
async def test_every_answer_names_the_rate_of_its_prices(house: MainApiHarness, name: str) -> None:
    _, call = CALLS[name]
    for client, asked, told in (
        (house.dealer, {}, house.dealer),
        (DealerClient(house.session, house.service, krw_per_usd=1400.25), {}, 1400.25),
        (DealerClient(house.session, house.service, krw_per_usd=1400.25), {"krw_per_usd": 1300.5}, 1300.5),
    ):
        found = await call(client, **asked)
        assert found.krw_per_usd == (1347.52 if told is house.dealer else told)


@pytest.mark.parametrize(
    ("header", "rate"),
    [("1500.1234567890123", 1500.1234567890123), ("nan", 1400), ("", 1400), ("99", 1400), ("1e3", 1400)],
)
async def test_a_rate_that_the_service_names_is_told_and_one_that_cannot_be_read_is_the_one_asked_for(
    scripted: Scripted, header: str, rate: float
) -> None:
    scripted.says(says(ORDERED, X_Krw_Per_Usd=header))
    assert (await dealer(scripted).vehicle(ID, krw_per_usd=1400)).krw_per_usd == rate
    assert (await take_snapshot(dealer(scripted), OWNER, 1400)).krw_per_usd == rate


async def test_a_snapshot_is_never_of_an_unknown_rate(scripted: Scripted) -> None:
    scripted.says(says(ORDERED))
    with pytest.raises(DealerUnavailable) as raised:
        await take_snapshot(dealer(scripted), OWNER)
    assert raised.value.details == {"reason": "rate_unknown"}


async def test_a_car_shown_from_a_snapshot_names_the_orders_rate(scripted: Scripted) -> None:
    scripted.says(failure(404, "vehicle_not_found", {"reason": "sold"}))
    found = await detail_or_snapshot(dealer(scripted, 1500), ID, "acme", "production", Store(snapshot()))
    assert (found.krw_per_usd, found.x_cache, found.age_s) == (1347.52, None, None)


RATES = [139.12e-1, 0, -1347, 99.9, 10_001, float("nan"), float("inf")]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("name", CALLS)
async def test_a_rate_that_cannot_be_is_an_outage_and_never_a_price(scripted: Scripted, name: str, rate: float) -> None:
    _, call = CALLS[name]
    try:
        error = await call(dealer(scripted), krw_per_usd=rate)
    except DealerError as raised:
        error = raised
    assert isinstance(error, DealerUnavailable)
    assert scripted.asked == []
    with pytest.raises(ValueError, match="won per dollar"):
        dealer(scripted, rate)


async def test_a_rate_among_the_parameters_is_that_of_the_call(scripted: Scripted) -> None:
    scripted.says(says(page()))
    await dealer(scripted, 1400).search({"make": "Kia", "krw_per_usd": "1200"})
    assert dict(scripted.asked[0].query) == {"make": "Kia", "krw_per_usd": "1200"}


async def test_a_walk_keeps_its_rate(scripted: Scripted) -> None:
    scripted.says(says(page("two")), says(page()))
    _ = [found async for found in dealer(scripted, 1400).iterate({"make": "Kia"})]
    assert [request.query["krw_per_usd"] for request in scripted.asked] == ["1400", "1400"]


async def test_a_walk_in_a_circle_ends_as_an_outage(scripted: Scripted) -> None:
    scripted.says(says(page("a")), says(page("b")), says(page("a")), says(page("b")))
    with pytest.raises(DealerUnavailable):
        _ = [found async for found in dealer(scripted).iterate({})]
    assert len(scripted.asked) == 3


@pytest.mark.parametrize(
    ("headers", "x_cache", "age_s"),
    [
        ({"X_Cache": "hit", "Age": "17"}, "hit", 17),
        ({"X_Cache": "a_state_of_tomorrow" * 9, "Age": "-3"}, None, None),
        ({"X_Cache": "", "Age": "soon"}, None, None),
        ({"Age": "9" * 400}, None, None),
        ({}, None, None),
    ],
)
async def test_an_answer_tells_its_x_cache_and_age_and_encodes_as_its_body_alone(
    scripted: Scripted, headers: dict[str, str], x_cache: str | None, age_s: int | None
) -> None:
    scripted.says(says(DETAIL, 200, **headers), says(page(), 200, **headers))
    car = await dealer(scripted).vehicle(ID)
    assert isinstance(car, DealerCar)
    assert (car.x_cache, car.age_s) == (x_cache, age_s)
    assert msgspec.json.decode(msgspec.json.encode(car)) == DETAIL
    found = await dealer(scripted).answer(QUERY)
    assert isinstance(found, DealerList)
    assert (found.x_cache, found.age_s) == (x_cache, age_s)
    facets = {"makes": [], "models": {}, "fuels": [], "transmissions": [], "sources": [], "as_of": ""}
    scripted.says(says(facets, 200, **headers))
    assert (await dealer(scripted).facets()).x_cache == x_cache


async def test_the_real_service_says_how_an_answer_came_about(house: MainApiHarness) -> None:
    params = {"make": "Kia", "source": "dealer"}
    first, second = await house.dealer.search(params), await house.dealer.search(params)
    assert (first.x_cache, second.x_cache) == ("hit", "hit")  # Danawa's list is in stock
    assert second.age_s in range(5)
    live = await detail_or_snapshot(house.dealer, "encar_41985016", "acme", "production", Store())
    assert live.x_cache == "miss"
    assert live.age_s in range(5)


async def test_nothing_internal_of_an_outage_reaches_a_partner(house: MainApiHarness) -> None:
    house.breaks(Block(operation="search"), Block(operation="danawa_list"))
    with pytest.raises(DealerUnavailable) as raised:
        await house.dealer.search({"make": "Kia", "source": "dealer"}, deadline_s=5)
    assert raised.value.details["sources"][0]["reason"] == "blocked"  # for the main API's own log
    body = await house.curl("/v1/vehicles?source=dealer&make=Kia&limit=48")
    assert (house.status, body["error"]["details"]) == (503, {})
    assert "blocked" not in body["error"]["message"]
    assert set(house.told) == {"X-LMN-Partial-Dealer-Unavailable"}
    assert 5 <= int(house.headers["Retry-After"]) <= 30


@pytest.mark.parametrize("reason", ["blocked", "mass_absence", "a_reason_of_tomorrow"])
async def test_a_503_for_a_partner_has_no_details_and_keeps_its_headers(scripted: Scripted, reason: str) -> None:
    sources = [{"name": "encar", "status": "failed", "reason": reason, "capture": "20260930-blocked-1", "new": 1}]
    scripted.says(
        failure(
            503,
            "dealer_upstream_unavailable",
            {"sources": sources, "inside": reason},
            Retry_After="12",
            X_LMN_Partial_Dealer_Unavailable="encar, \xa0,<b>,danawa",
        )
    )
    with pytest.raises(DealerUnavailable) as raised:
        await dealer(scripted).search({}, deadline_s=5)
    assert raised.value.details["sources"] == sources
    shown = for_partner(raised.value)
    assert (shown.status, shown.code, shown.details, shown.__cause__) == (
        503, "dealer_upstream_unavailable", {}, raised.value,
    )  # fmt: skip
    assert shown.headers == {"Retry-After": "12", "X-LMN-Partial-Dealer-Unavailable": "encar,danawa"}
    assert reason not in f"{shown}{shown.message}"
    assert for_partner(shown) is shown
    assert for_partner(order_error(raised.value)).details == {}
    with pytest.raises(DealerUnavailable) as passed_on:
        await detail_or_snapshot(dealer(scripted), ID, "acme", "production", Store())
    assert passed_on.value.details == {}


def test_a_rate_is_stored_with_the_snapshot() -> None:
    assert Snapshot.decode(snapshot(krw_per_usd=1400.5).encode()).krw_per_usd == 1400.5
