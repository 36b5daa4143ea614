"""A site to which no call may go out: paused by an operator, or with the calls of its day used up."""

import time
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy.api.upstreams import pause_order
from dealerproxy.captures.fetching import Unfetched, fetching, pages_of_car
from dealerproxy.contract.errors import ApiError
from dealerproxy.contract.headers import PARTIAL_HEADER
from dealerproxy.sandbox.danawa.inventory import DanawaInventory
from dealerproxy.sandbox.danawa.site import DanawaStandIn
from dealerproxy.sandbox.encar.site import EncarStandIn
from dealerproxy.sandbox.sites import serve
from dealerproxy.settings import Settings
from dealerproxy.transport.valve import MOST_MINUTES, MOST_NOTE
from dealerproxy.vocabulary import Vocabulary
from tests.search.conftest import Build, SearchHarness
from tests.search.test_kept_stock import until_stocked
from tests.support.clock import Clock, ClockAhead, turns
from tests.support.harness import service_over
from tests.support.redis_server import RedisServer
from tests.support.stock import stock

MINUTES, NOTE = 30, '<b>asked</b> & "agreed" until \'s'


async def order(house: SearchHarness, what: str, name: str = "encar", body: bytes | None = None) -> Any:
    """Pause or resume a site; returns what is said of it."""
    data = orjson.dumps({"minutes": MINUTES, "note": NOTE}) if body is None and what == "pause" else body
    async with house.client.post(f"/v1/upstreams/{name}/{what}", data=data) as response:
        house.status = response.status
        return await response.json()


async def get(house: SearchHarness, path: str) -> Any:
    async with house.client.get(path) as response:
        house.status, house.headers = response.status, dict(response.headers)
        return await response.json() if response.content_type == "application/json" else await response.text()


def source(body: Any, name: str = "encar") -> Any:
    """What a list, or its failure, says of a site."""
    sources = body["sources"] if "sources" in body else body["error"]["details"]["sources"]
    return next(each for each in sources if each["name"] == name)


def in_s(retry_at: str) -> float:
    return datetime.fromisoformat(retry_at).timestamp() - time.time()


def calls(house: SearchHarness) -> int:
    return len(house.stand_in.calls) + len(house.danawa.calls)


@pytest.fixture
async def paused(build: Build) -> SearchHarness:
    house = await build(stock(5))
    await order(house, "pause")
    return house


# What clients get


async def test_a_list_that_would_have_to_be_asked_for_fails_and_says_until_when(paused: SearchHarness) -> None:
    told = source(await paused.ask(make="Kia"))
    assert paused.status == 503
    assert (told["status"], told["reason"]) == ("failed", "paused")
    assert in_s(told["retry_at"]) == pytest.approx(60 * MINUTES, abs=30)
    assert paused.headers[PARTIAL_HEADER] == "encar"
    assert 5 <= int(paused.headers["Retry-After"]) <= 30
    assert calls(paused) == 0


async def test_beside_a_paused_site_the_other_is_asked(build: Build) -> None:
    house = await build(stock(5), DanawaInventory())
    await order(house, "pause", "danawa")
    read = len(house.danawa.calls)  # its listing is read at the start
    body = await house.ask(make="Kia")
    assert (house.status, len(body["data"])) == (200, 5)
    assert source(body)["status"] == "ok"
    assert source(body, "danawa")["reason"] == "paused"
    assert house.headers[PARTIAL_HEADER] == "danawa"
    assert len(house.danawa.calls) == read


@pytest.mark.parametrize("bypass_cache", [False, True])
async def test_what_is_kept_goes_on_as_stale_however_fresh_and_is_ok_again_after_the_pause(
    build: Build, bypass_cache: bool
) -> None:
    house = await build(stock(5))
    before = await house.ask(make="Kia")
    assert (await house.ask(make="Kia"))["sources"] == before["sources"]  # from the cache of whole answers
    await order(house, "pause")
    sent = calls(house)
    body = await house.ask(make="Kia", bypass_cache=bypass_cache)
    told = source(body)
    assert (house.status, body["data"]) == (200, before["data"])
    assert (told["status"], told["reason"]) == ("stale", "paused")
    assert in_s(told["retry_at"]) == pytest.approx(60 * MINUTES, abs=30)
    headers = {name: house.headers[name] for name in (PARTIAL_HEADER, "X-Cache", "Cache-Control")}
    assert headers == {PARTIAL_HEADER: "encar", "X-Cache": "stale", "Cache-Control": "no-store"}
    assert calls(house) == sent
    await order(house, "resume")
    assert source(await house.ask(make="Kia"))["status"] == "ok"
    assert PARTIAL_HEADER not in house.headers


async def test_a_list_that_does_not_ask_the_paused_site_is_not_changed_by_the_pause(build: Build) -> None:
    house = await build(stock(5))
    before = await house.ask(make="Kia")
    await order(house, "pause", "danawa")
    assert await house.ask(make="Kia") == before
    assert house.headers["X-Cache"] == "hit"


async def test_stock_goes_on_as_stale_and_is_not_read_until_the_pause_ends_by_itself(build: Build) -> None:
    clock = ClockAhead()
    house = await build(stock(60), encar_warm="Kia", clock=clock)
    await until_stocked(house)
    await order(house, "pause")
    sent = len(house.stand_in.calls)
    for year in (1990, 1991, 1992):
        told = source(await house.ask(make="Kia", year_min=year))
        assert (told["status"], told["reason"], told["total"]) == ("stale", "paused", 60)
    clock.ahead_s = 60.0 * MINUTES - 1
    await turns()
    assert source(await house.ask(make="Kia", year_min=1993))["reason"] == "paused"
    assert len(house.stand_in.calls) == sent
    clock.ahead_s = 60.0 * MINUTES + 1
    while source(await house.ask(make="Kia", year_min=1994))["status"] != "ok":  # it is read again by itself
        await turns()
    assert len(house.stand_in.calls) > sent


async def test_no_car_is_asked_for_while_its_site_is_paused(build: Build) -> None:
    house = await build(stock(2))
    ids = [row["id"] for row in (await house.ask(make="Kia"))["data"]]
    await order(house, "pause")
    await order(house, "pause", "danawa")
    sent = calls(house)
    for vehicle in (*ids, "danawa_6061500368"):
        told = (await get(house, f"/v1/vehicles/{vehicle}"))["error"]["details"]["sources"][0]
        assert (house.status, told["status"], told["reason"]) == (503, "failed", "paused")
        assert in_s(told["retry_at"]) > 0
    asked = orjson.dumps({"ids": [*ids, "danawa_6061500368"]})
    async with house.client.post("/v1/vehicles/availability", data=asked) as response:
        states = (await response.json())["data"]
    assert {(state["status"], state["reason"]) for state in states} == {("unknown", "paused")}
    assert (await get(house, "/v1/vehicles/facets"))["makes"]
    assert calls(house) == sent


# What operators get


async def test_a_pause_is_told_with_its_note_and_everything_else_stays_as_it_was(paused: SearchHarness) -> None:
    told = {site["name"]: site for site in (await get(paused, "/v1/upstreams"))["data"]}
    assert (told["encar"]["state"], told["encar"]["reason"]) == ("paused", "paused")
    assert told["encar"]["pause"]["note"] == NOTE
    assert told["encar"]["pause"]["until"] == told["encar"]["retry_at"]
    assert in_s(told["encar"]["retry_at"]) == pytest.approx(60 * MINUTES, abs=30)
    assert {each["state"] for each in told["encar"]["operations"].values()} == {"healthy"}
    assert (told["danawa"]["state"], told["danawa"]["pause"]) == ("healthy", None)
    assert (await get(paused, "/v1/status"))["upstreams"][0]["pause"] == told["encar"]["pause"]
    assert (await get(paused, "/health/ready"))["upstreams"] == {"encar": "paused", "danawa": "healthy"}
    assert paused.status == 200
    lines = (await get(paused, "/metrics")).splitlines()
    until = {line.split()[0]: float(line.split()[1]) for line in lines if "paused_until" in line and line[0] != "#"}
    assert list(until.values()) == [pytest.approx(time.time() + 60 * MINUTES, abs=30), 0.0]
    assert (await order(paused, "resume"))["data"] == [
        told["encar"] | {"state": "healthy", "reason": None, "retry_at": None, "pause": None}
    ]


async def test_a_reset_ends_no_pause(paused: SearchHarness) -> None:
    await paused.reset()
    assert source(await paused.ask(make="Kia"))["reason"] == "paused"


@pytest.mark.parametrize("what", ["pause", "resume"])
async def test_only_a_post_to_a_known_site_pauses_or_resumes(build: Build, what: str) -> None:
    house = await build(stock(1))
    body = await order(house, what, "google")
    assert (house.status, body["error"]["code"]) == (404, "upstream_not_found")
    async with house.client.get(f"/v1/upstreams/encar/{what}") as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")


BAD_BODIES: Mapping[str, tuple[bytes, list[str]]] = {
    "nothing": (b"", ["minutes"]),
    "no JSON": (b"minutes=30", ["minutes"]),
    "cut": (b'{"minutes": 30', ["minutes"]),
    "a list": (b"[30]", ["minutes"]),
    "null": (b"null", ["minutes"]),
    "bad text": (b'{"minutes": 30, "note": "\xff"}', ["minutes"]),
    "deep": (b"[" * 5_000, ["minutes"]),
    "no minutes": (b'{"note": "why"}', ["minutes"]),
    "minutes null": (b'{"minutes": null}', ["minutes"]),
    "none": (b'{"minutes": 0}', ["minutes"]),
    "negative": (b'{"minutes": -1}', ["minutes"]),
    "too many": (b'{"minutes": 1441}', ["minutes"]),
    "huge": (b'{"minutes": 1' + b"0" * 300 + b"}", ["minutes"]),
    "a float": (b'{"minutes": 1.5}', ["minutes"]),
    "a text": (b'{"minutes": "30"}', ["minutes"]),
    "true": (b'{"minutes": true}', ["minutes"]),
    "note null": (b'{"minutes": 30, "note": null}', ["note"]),
    "note number": (b'{"minutes": 30, "note": 5}', ["note"]),
    "note list": (b'{"minutes": 30, "note": ["a"]}', ["note"]),
    "long note": (b'{"minutes": 30, "note": "' + b"x" * (MOST_NOTE + 1) + b'"}', ["note"]),
    "both": (b'{"minutes": 0, "note": 5}', ["minutes", "note"]),
}


@pytest.mark.parametrize("kind", BAD_BODIES)
async def test_a_bad_body_is_a_400_that_names_the_field_and_pauses_nothing(house: SearchHarness, kind: str) -> None:
    body, fields = BAD_BODIES[kind]
    error = (await order(house, "pause", body=body))["error"]
    assert (house.status, error["code"]) == (400, "validation_error")
    assert error["details"]["field"] == fields[0]
    assert [issue["path"] for issue in error["details"]["issues"]] == fields
    assert (await get(house, "/v1/upstreams"))["data"][0]["pause"] is None


@given(
    body=st.binary(max_size=40) | st.dictionaries(st.text(max_size=8), st.integers(-9, 0) | st.text()).map(orjson.dumps)
)
def test_any_other_body_is_a_400_too(body: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        pause_order(body)
    assert caught.value.status == 400


@given(
    minutes=st.integers(1, MOST_MINUTES) | st.integers(1, MOST_MINUTES).map(float),  # one number in JSON
    note=st.text(st.characters(codec="utf-8"), max_size=MOST_NOTE),
)
def test_every_good_body_is_taken(minutes: float, note: str) -> None:
    found = pause_order(orjson.dumps({"minutes": minutes, "note": note, "unknown": 1}))
    assert (found.minutes, found.note) == (minutes, note.strip())
    assert type(found.minutes) is int


# Several processes


@pytest.fixture
async def pair(vocabulary: Vocabulary, redis_server: RedisServer) -> AsyncIterator[list[SearchHarness]]:
    """Two services on one Redis, whose clocks started days apart."""
    stand_in = EncarStandIn(stock(5))
    danawa = DanawaStandIn(DanawaInventory(), faults=stand_in.faults)
    settings: dict[str, Any] = {"redis_url": redis_server.url, "encar_daily_calls": 3}
    async with (
        service_over(serve(stand_in, danawa), vocabulary, **settings) as first,
        service_over(serve(stand_in, danawa), vocabulary, clock=ClockAhead(3e5), **settings) as second,
    ):
        yield [SearchHarness(client, stand_in, danawa, "encar") for client in (first, second)]


async def test_a_pause_holds_in_every_process_that_shares_a_redis_and_in_the_next_one(
    pair: list[SearchHarness], vocabulary: Vocabulary, redis_server: RedisServer
) -> None:
    first, second = pair
    await order(first, "pause")
    assert source(await second.ask(make="Kia"))["reason"] == "paused"
    assert (await get(second, "/v1/upstreams"))["data"][0]["pause"]["note"] == NOTE
    sites = serve(first.stand_in, first.danawa)
    async with service_over(sites, vocabulary, redis_url=redis_server.url, encar_warm="Kia") as client:
        third = SearchHarness(client, first.stand_in, first.danawa, "encar")
        assert (await get(third, "/v1/upstreams"))["data"][0]["state"] == "paused"
        assert source(await third.ask(make="Kia"))["reason"] == "paused"
        await turns()
        assert not third.stand_in.calls  # Danawa is not paused: its list may be read
        await order(third, "resume")
        while source(await first.ask(make="Kia"))["status"] != "ok":  # it looks once a second
            await turns()


async def test_processes_share_the_calls_of_a_day(pair: list[SearchHarness]) -> None:
    first, second = pair
    for year, house in enumerate((first, second, first), start=1990):
        assert source(await house.ask(make="Volvo", year_min=year))["status"] == "ok"
    told = source(await second.ask(make="Volvo", year_min=1980))
    assert (second.status, told["status"], told["reason"]) == (503, "failed", "daily_budget")
    assert len(first.stand_in.calls) == 3
    for house in pair:
        encar = (await get(house, "/v1/upstreams"))["data"][0]
        assert (encar["calls"]["used"], encar["calls"]["limit"]) == (3, 3)


# The calls of a day

MIDNIGHT = datetime.fromisoformat("2026-04-16T00:00:00+09:00").timestamp()


async def test_at_80_percent_background_work_stops_at_100_everything_and_a_new_day_begins_at_midnight_in_seoul(
    build: Build,
) -> None:
    clock = ClockAhead()
    started = clock()

    def unix() -> float:
        return MIDNIGHT - 7_200.0 + clock() - started

    house = await build(
        stock(60, manufacturer="볼보"), encar_daily_calls=5, list_fresh_s=60.0, clock=clock, unix=unix, stock_mb=0
    )
    for year in range(1990, 1994):
        assert source(await house.ask(make="Volvo", year_min=year))["status"] == "ok"
    encar = (await get(house, "/v1/upstreams"))["data"][0]
    assert (encar["state"], encar["calls"]) == (
        "healthy",
        {"used": 4, "limit": 5, "background_limit": 4, "resets_at": "2026-04-16T00:00:00+09:00"},
    )
    # A chunk that would be renewed behind the answer is not, and says why.
    clock.ahead_s = 90.0
    told = source(await house.ask(make="Volvo", year_min=1990))
    await turns()
    assert (told["status"], told["reason"], house.headers[PARTIAL_HEADER]) == ("stale", "daily_budget", "encar")
    assert in_s(told["retry_at"]) == pytest.approx(7_200.0 - 90.0, abs=30)
    assert calls(house) == 4
    # A question may still be asked; it is the last one.
    assert source(await house.ask(make="Volvo", year_min=1995))["status"] == "ok"
    for kept, expected in ((1995, "stale"), (1996, "failed")):
        told = source(await house.ask(make="Volvo", year_min=kept))
        assert (told["status"], told["reason"]) == (expected, "daily_budget")
    encar = (await get(house, "/v1/status"))["upstreams"][0]
    assert (encar["state"], encar["reason"], encar["retry_at"]) == (
        *("suspended", "daily_budget"),
        encar["calls"]["resets_at"],
    )
    lines = (await get(house, "/metrics")).splitlines()
    assert 'dealerproxy_upstream_today_calls{upstream="encar"} 5.0' in lines
    assert 'dealerproxy_upstream_daily_limit_calls{upstream="encar"} 5.0' in lines
    assert calls(house) == 5
    clock.ahead_s = 7_200.0
    assert source(await house.ask(make="Volvo", year_min=1997))["status"] == "ok"
    assert calls(house) == 6


async def test_no_listing_is_read_whole_over_80_percent_and_stock_says_why_it_grows_old(build: Build) -> None:
    clock = ClockAhead()
    house = await build(stock(60), encar_warm="Kia", clock=clock, encar_daily_calls=30)
    await until_stocked(house)
    while (used := (await get(house, "/v1/upstreams"))["data"][0]["calls"]["used"]) < 24:
        await house.ask(make="Kia", year_min=1900 + used, bypass_cache=True)
    sent = calls(house)
    assert used == sent >= 24
    clock.ahead_s = 1_200.0
    told = source(await house.ask(make="Kia", year_min=1990))
    await turns()
    sent = calls(house)  # with its trucks, which are never in stock
    assert (told["status"], told["reason"], told["total"]) == ("stale", "daily_budget", 60)
    assert house.headers[PARTIAL_HEADER] == "encar"
    # A question that must be asked live still is.
    assert source(await house.ask(make="BMW"))["status"] == "ok"
    assert calls(house) == sent + 1


async def test_pages_fetched_by_hand_are_not_fetched_from_a_paused_site(
    pair: list[SearchHarness], redis_server: RedisServer
) -> None:
    await order(pair[0], "pause")
    settings = Settings(redis_url=redis_server.url)
    async with fetching(settings, sleep=Clock().sleep) as fetch:
        with pytest.raises(Unfetched, match=rf"calls to encar are stopped for {MINUTES} min \(paused\)"):
            await fetch(pages_of_car("encar", "41985016")[0])
