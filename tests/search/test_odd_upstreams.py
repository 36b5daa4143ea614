"""An upstream that does not keep its word on counts, limits and offsets: nothing is lost without a notice."""

import re
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from dealerproxy.vocabulary import Vocabulary
from tests.support.harness import ServiceHarness, service_over


def row(number: int) -> dict[str, Any]:
    return {
        "Id": str(40_000_000 + number),
        "Photo": f"/carpicture00/pic4000/{40_000_000 + number}_",
        "Manufacturer": "기아",
        "Model": "K5 3세대",
        "Year": 202001.0,
        "FormYear": "2020",
        "Mileage": 10_000.0,
        "Price": 1000.0 + number,
        "SellType": "일반",
    }


class Odd:
    """Answers 150 rows, bent by its switches."""

    def __init__(self) -> None:
        self.rows = [row(number) for number in range(150)]
        self.cap, self.count, self.ignores_offset, self.location = 500, 150, False, ""
        self.more, self.calls, self.broken_after, self.damage = 0, 0, 10_000, b""

    async def handle(self, request: web.Request) -> web.Response:
        if self.location and "현대" in request.query["q"]:
            return web.Response(status=302, headers={"Location": self.location})
        match = re.fullmatch(r"\|\w+\|(\d+)\|(\d+)", request.query["sr"])
        assert match is not None
        self.calls += 1
        if int(match[1]) >= self.broken_after:
            return web.Response(body=b'{"Count":1.0,"SearchResults":[]}', content_type="application/json")
        offset, limit = (0 if self.ignores_offset else int(match[1])), min(int(match[2]) + self.more, self.cap)
        body = {"Count": float(self.count), "SearchResults": self.rows[offset : offset + limit]}
        return web.Response(body=orjson.dumps(body).replace(b"@@", self.damage), content_type="application/json")


class OddSiteHarness(ServiceHarness):
    def __init__(self, client: TestClient[Any, Any], odd: Odd) -> None:
        super().__init__(client)
        self.odd = odd

    async def ask(self, **params: str) -> tuple[int, Any]:
        """One page: the status and the answer."""
        query = {"make": "Kia", "sort": "price_asc", "upstream": "encar"} | params
        async with self.client.get("/v1/vehicles", params=query) as response:
            return response.status, await response.json()

    async def walk(self, **params: str) -> tuple[list[str], dict[str, int]]:
        """All ids of a walk, and the notices' counts summed up."""
        ids: list[str] = []
        counts: dict[str, int] = {}
        cursor: dict[str, str] = {}
        for _ in range(20):
            query = {"make": "Kia", "sort": "price_asc", "upstream": "encar"} | params | cursor
            async with self.client.get("/v1/vehicles", params=query) as response:
                assert response.status == 200
                answer = await response.json()
            ids += [found["id"] for found in answer["data"]]
            for notice in answer["notices"]:
                if notice["code"] == "trucks_missing":  # this site has no index of trucks
                    continue
                counts[notice["code"]] = counts.get(notice["code"], 0) + (notice["count"] or 1)
            if answer["next_cursor"] is None:
                break
            cursor = {"cursor": answer["next_cursor"]}
        assert len(ids) == len(set(ids))
        return ids, counts


@pytest.fixture
async def house(vocabulary: Vocabulary) -> AsyncIterator[OddSiteHarness]:
    odd = Odd()
    app = web.Application()
    app.router.add_get("/search/car/list/premium", odd.handle)
    async with service_over(app, vocabulary) as client:
        yield OddSiteHarness(client, odd)


async def test_one_that_keeps_its_word_gives_all_without_a_notice(house: OddSiteHarness) -> None:
    ids, counts = await house.walk()
    assert (len(ids), counts) == (150, {})


@pytest.mark.parametrize("cap", [7, 20, 47])
async def test_one_that_caps_its_pages_is_read_on_from_the_row_received(house: OddSiteHarness, cap: int) -> None:
    house.odd.cap = cap
    ids, counts = await house.walk()
    assert (len(ids), counts) == (150, {})


async def test_one_that_sends_more_than_was_asked_gives_each_row_once(house: OddSiteHarness) -> None:
    house.odd.more = 1
    ids, counts = await house.walk()
    assert (len(ids), counts) == (150, {})


@pytest.mark.parametrize("count", [0, 40, 149])
async def test_one_that_counts_too_few_does_not_end_the_walk(house: OddSiteHarness, count: int) -> None:
    house.odd.count = count
    ids, _ = await house.walk()
    assert len(ids) == 150


async def test_a_count_that_its_rows_prove_wrong_is_no_total(house: OddSiteHarness) -> None:
    house.odd.count = 40
    _, answer = await house.ask()
    assert (answer["sources"][0]["status"], answer["sources"][0]["total"]) == ("ok", None)


async def test_one_that_counts_too_many_is_told(house: OddSiteHarness) -> None:
    house.odd.count = 190
    ids, counts = await house.walk()
    assert (len(ids), counts["rows_missing"]) == (150, 40)


async def test_one_that_stops_sending_far_from_its_count_is_drift_and_not_the_end(house: OddSiteHarness) -> None:
    house.odd.count = 400
    params: dict[str, str] = {"make": "Kia", "sort": "price_asc", "upstream": "encar"}
    answer: Any = None
    for _ in range(4):
        async with house.client.get("/v1/vehicles", params=params) as response:
            answer = await response.json()
        params["cursor"] = answer["next_cursor"]
    source = answer["sources"][0]
    assert (len(answer["data"]), source["status"], source["reason"]) == (6, "partial", "drift")
    assert answer["next_cursor"] is not None


@pytest.mark.parametrize("cap", [20, 48, 500])
@pytest.mark.parametrize("more", [0, 1])
async def test_one_that_ignores_the_offset_drifts_after_a_few_calls(house: OddSiteHarness, cap: int, more: int) -> None:
    house.odd.ignores_offset, house.odd.cap, house.odd.more = True, cap, more
    status, answer = await house.ask()
    if status == 200:
        assert (len(answer["data"]), answer["sources"][0]["total"]) == (48, 150)
        status, answer = await house.ask(cursor=answer["next_cursor"])
    assert (status, answer["error"]["details"]["sources"][0]["reason"]) == (503, "drift")
    assert house.odd.calls <= 4


async def test_a_count_that_breaks_down_in_the_middle_of_a_walk_does_not_end_it(house: OddSiteHarness) -> None:
    _, first = await house.ask()
    house.odd.broken_after = 48
    status, answer = await house.ask(cursor=first["next_cursor"])
    assert (status, answer["error"]["details"]["sources"][0]["reason"]) == (503, "drift")


async def test_stock_that_is_sold_in_the_middle_of_a_walk_ends_it(house: OddSiteHarness) -> None:
    _, first = await house.ask()
    del house.odd.rows[5:]
    house.odd.count = 5
    status, answer = await house.ask(cursor=first["next_cursor"])
    assert (status, answer["data"], answer["next_cursor"]) == (200, [], None)


async def test_new_stock_that_moves_a_whole_page_on_is_no_drift(house: OddSiteHarness) -> None:
    _, first = await house.ask()
    house.odd.rows[:0] = [row(number) | {"Price": 500.0 + number} for number in range(500, 548)]
    house.odd.count += 48
    status, second = await house.ask(cursor=first["next_cursor"])
    assert status == 200
    assert [each["id"] for each in second["data"]] == [f"encar_{40_000_000 + number}" for number in range(48, 96)]


@pytest.mark.parametrize("location", ["http://[::1", "http://127.0.0.1:99999/", "//:0:0/"])
async def test_a_redirect_to_no_address_fails_its_leg_only(house: OddSiteHarness, location: str) -> None:
    house.odd.location = location
    async with house.client.get("/v1/vehicles", params={"make": "Kia,Hyundai", "upstream": "encar"}) as response:
        answer = await response.json()
    assert (response.status, len(answer["data"])) == (200, 48)
    assert (answer["sources"][0]["status"], answer["sources"][0]["reason"]) == ("partial", "blocked")


@pytest.mark.parametrize("damage", [rb"\ud83d", b"a\tb", b"a\x00b", b"\xff", b"\xc0\xaf"], ids=ascii)
async def test_a_damaged_text_of_one_row_costs_no_other(house: OddSiteHarness, damage: bytes) -> None:
    house.odd.rows[3]["DealerName"] = house.odd.rows[5]["Model"] = "@@"
    house.odd.damage = damage
    ids, counts = await house.walk()
    assert len(ids) == 149
    assert counts == {"left_out_unreadable": 1}
