"""The real service on captures: what it got that day it gets again, and what was not captured is never fetched."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from yarl import URL

from dealerproxy.app import create_app
from dealerproxy.captures import capture as saved
from dealerproxy.captures.capture import Capture
from dealerproxy.captures.replay import NO_CAPTURE, Replay, offline, serving
from dealerproxy.captures.replay_requests import request_for
from dealerproxy.settings import Settings
from dealerproxy.vocabulary import Vocabulary

from .conftest import AT, FIXTURES, Make

SEARCH = "https://api.encar.com/search/car/list/premium?count=true&q=Hidden.N.&sr=%7CYear%7C0%7C48"


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


def fixture(*names: str) -> list[Capture]:
    return [saved.read(FIXTURES / name) for name in names]


async def test_a_request_is_answered_when_all_of_it_matches(make: Make, session: aiohttp.ClientSession) -> None:
    said: list[str] = []
    made = make(SEARCH, b'{"Count": 7}', status=503, headers={"Retry-After": "9", "Content-Type": "application/json"})
    async with serving(Replay([made], say=said.append).app()) as url:
        base = f"{url}/api.encar.com/search/car/list/premium"
        for query in ("count=true&q=Hidden.N.&sr=|Year|0|48", "sr=%7CYear%7C0%7c48&q=Hidden%2EN.&count=true"):
            async with session.get(URL(f"{base}?{query}", encoded=True)) as answer:
                assert (answer.status, await answer.read()) == (503, b'{"Count": 7}')
                assert answer.headers["Retry-After"] == "9"
        assert said == []
        for method, address in (
            ("GET", f"{base}?count=true&q=Hidden.N.&sr=|Year|48|48"),
            ("GET", f"{base}?count=true&q=Hidden.N."),
            ("GET", base.replace("premium", "general") + "?count=true&q=Hidden.N.&sr=|Year|0|48"),
            ("GET", base.replace("api.", "fem.") + "?count=true&q=Hidden.N.&sr=|Year|0|48"),
            ("POST", f"{base}?count=true&q=Hidden.N.&sr=|Year|0|48"),
        ):
            async with session.request(method, address) as answer:
                assert answer.status == NO_CAPTURE
                assert (await answer.json())["error"] == "no capture"
    assert len(said) == 5
    assert said[0].startswith("no capture of GET https://api.encar.com/search/car/list/premium?")
    assert "nearest: a_capture, https://api.encar.com/search/" in said[0]


async def test_the_same_miss_is_told_once(session: aiohttp.ClientSession) -> None:
    said: list[str] = []
    async with serving(Replay([], say=said.append).app()) as url:
        for _ in range(3):
            async with session.get(f"{url}/api.encar.com/v1/readside/vehicle/1") as answer:
                assert answer.status == NO_CAPTURE
    assert said == ["no capture of GET https://api.encar.com/v1/readside/vehicle/1\n  nearest: there are no captures"]


async def test_of_two_captures_of_one_page_the_newer_answers(make: Make, session: aiohttp.ClientSession) -> None:
    newer, older = make(SEARCH, b"[2]", at=AT), make(SEARCH, b"[1]", at=AT - timedelta(days=1))
    async with (
        serving(Replay([newer, older]).app()) as url,
        session.get(f"{url}/api.encar.com{newer.url.raw_path_qs}") as answer,
    ):
        assert await answer.read() == b"[2]"


def test_a_service_on_captures_asks_nobody_else() -> None:
    settings = offline(Settings(fx_url="https://fx.example", fx_path="a"), "http://127.0.0.1:9")
    asked = {name: getattr(settings, name) for name in Settings.__struct_fields__ if name.endswith("_url")}
    assert all(value == "" or value.startswith("http://127.0.0.1:9/") for value in asked.values())


async def ask(captures: list[Capture], path: str, vocabulary: Vocabulary) -> tuple[int, dict[str, str], Any]:
    """Ask the real service on a replay."""
    async with (
        serving(Replay(captures, say=lambda _: None).app()) as upstream,
        serving(create_app(offline(Settings(), upstream), vocabulary)) as url,
        aiohttp.ClientSession() as session,
        session.get(url + path) as answer,
    ):
        return answer.status, dict(answer.headers), json.loads(await answer.read())


async def test_a_captured_car_is_shown_with_its_papers(vocabulary: Vocabulary) -> None:
    names = ("encar_detail", "encar_inspection_every_item", "encar_record_accidents", "encar_diagnosis_hood_replaced")
    captures = fixture(*names)
    status, _, body = await ask(captures, "/v1/vehicles/encar_49000001?include=dealer", vocabulary)
    assert status == 200
    assert captures[0].expected is not None
    assert body["vin"] == captures[0].expected["car"]["vin"]
    assert {entry["name"]: entry["status"] for entry in body["enrichment"]} == dict.fromkeys(
        ("inspection", "record", "diagnosis"), "ok"
    )


@pytest.mark.parametrize("name", ["encar_detail_sold", "encar_page_sold", "encar_page_gone"])
async def test_a_captured_sale_is_a_404_with_its_reason(name: str, vocabulary: Vocabulary) -> None:
    (capture,) = fixture(name)
    path = request_for(capture, vocabulary)
    assert path is not None
    status, _, body = await ask([capture], path, vocabulary)
    assert status == 404
    assert body["error"]["details"]["reason"] == ("gone" if name.endswith("gone") else "sold")


async def test_a_captured_list_is_the_list_that_partners_got(vocabulary: Vocabulary) -> None:
    (capture,) = fixture("encar_search_model")
    path = request_for(capture, vocabulary)
    assert path == "/v1/vehicles?make=Kia&model=Sorento&sort=price_asc&upstream=encar"
    status, _, body = await ask([capture], path, vocabulary)
    assert status == 200
    assert capture.expected is not None
    assert {row["id"] for row in body["data"]} == {f"encar_{row['listing_id']}" for row in capture.expected["rows"]}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("encar_drift_price", "drift"),
        ("encar_undecodable", "drift"),
        ("encar_blocked_404", "blocked"),
        ("encar_blocked_html", "blocked"),
        ("encar_rate_limited", "rate_limited"),
    ],
)
async def test_a_captured_failure_fails_again(make: Make, name: str, reason: str, vocabulary: Vocabulary) -> None:
    (capture,) = fixture(name)
    first = fixture("encar_search_premium")[0]
    answer = make(
        str(first.url), capture.response.body, status=capture.response.status, headers=dict(capture.response.headers)
    )
    status, headers, body = await ask([answer], "/v1/vehicles?make=Kia&upstream=encar", vocabulary)
    assert status == 503
    assert headers["X-LMN-Partial-Dealer-Unavailable"] == "encar"
    assert body["error"]["details"]["sources"][0]["reason"].startswith(reason)


async def test_what_was_not_captured_is_a_failure_and_no_empty_list(vocabulary: Vocabulary) -> None:
    status, _, body = await ask([], "/v1/vehicles?make=Kia", vocabulary)
    assert status == 503
    assert {source["status"] for source in body["error"]["details"]["sources"]} == {"failed"}


def test_a_request_is_known_for_every_list_and_car(vocabulary: Vocabulary) -> None:
    found = {path.name: request_for(saved.read(path), vocabulary) for path in saved.find(FIXTURES)}
    assert found["encar_search_premium"] == "/v1/vehicles?make=Kia&sort=auction_date_asc&upstream=encar"
    assert found["encar_detail"] == "/v1/vehicles/encar_49000001?include=dealer"
    assert found["encar_truck_search_family"] == "/v1/vehicles?make=Kia&model=bongo&sort=price_asc&upstream=encar"
    assert found["encar_truck_search_none"] == (
        "/v1/vehicles?make=Hyundai&model=%ED%8F%AC%ED%84%B0ii&sort=auction_date_asc&upstream=encar"
    )
    assert found["danawa_list"] == "/v1/vehicles?make=Hyundai&upstream=danawa"
    assert found["danawa_feeder_checked"] == "/v1/vehicles/danawa_6100000001?include=dealer"
    assert found["encar_facets_makes"] == "/v1/vehicles/facets"
    assert found["encar_blocked_403"] is None  # no first page: only a walk leads there
    assert found["encar_record_clean"] is None  # a paper comes with its car
