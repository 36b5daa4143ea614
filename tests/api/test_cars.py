"""One car over real sockets: what two witnesses make of every state and every failure, and the documents beside it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from dealerproxy.upstreams.encar.advert import GONE_TEXT
from dealerproxy.vocabulary import Vocabulary
from tests.support.harness import ServiceHarness, service_over
from tests.support.timing import Stopwatch

DOCUMENT = orjson.loads((Path(__file__).parents[1] / "captures" / "encar_detail" / "body.json").read_bytes())
ID = "49000001"
# What cars take where something hangs, and where nothing does.
DEADLINE_S, PATIENT_S = 2.0, 30.0
BLOCK = (
    '<html><head><meta http-equiv="refresh" content="0; url=https://x/has_been_cr_blocked_AWS.html" /></head></html>'
)
GONE = f'<html><body><p class="DetailNone_text__a1">{GONE_TEXT}.</p></body></html>'

Answer = web.Response | str


def document(**advertisement: Any) -> dict[str, Any]:
    changed: dict[str, Any] = DOCUMENT | {"advertisement": DOCUMENT["advertisement"] | advertisement}
    return changed


def as_json(value: object, status: int = 200) -> Answer:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")


def as_page(base: object) -> Answer:
    state = json.dumps({"cars": {"base": base}}, ensure_ascii=False)
    return f"<html><script>__PRELOADED_STATE__ = {state}</script></html>"


class Encar:
    """An upstream that answers each operation as told; a path it was told nothing about is a plain 404."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[], Awaitable[web.StreamResponse]]] = {}
        self.asked: list[str] = []

    def says(self, operation: str, answer: Answer | int | str) -> None:
        async def give() -> web.StreamResponse:
            if answer == "hang":
                await asyncio.sleep(5)
            if isinstance(answer, web.Response):
                return web.Response(status=answer.status, body=answer.body, content_type=answer.content_type)
            if isinstance(answer, int):
                return web.Response(status=answer)
            return web.Response(text=str(answer), content_type="text/html")

        self.answers[operation] = give

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if path == "/usedcar/":  # Danawa's list, read from the start
            return web.Response(status=404)
        self.asked.append(request.path_qs)
        operation = next(
            (name for name in ("inspection", "record", "diagnosis", "vehicles", "cars/detail") if f"/{name}" in path),
            "vehicle",
        )
        give = self.answers.get(operation)
        return web.Response(status=404) if give is None else await give()


class CarHarness(ServiceHarness):
    def __init__(self, client: TestClient[Any, Any], encar: Encar) -> None:
        super().__init__(client)
        self.encar = encar

    async def get(self, path: str, **params: str) -> tuple[int, Any, Any]:
        async with self.client.get(path, params=params) as response:
            return response.status, await response.json(), response.headers

    async def post(self, body: object) -> tuple[int, Any]:
        async with self.client.post("/v1/vehicles/availability", json=body) as response:
            return response.status, await response.json()


@pytest.fixture
async def house(vocabulary: Vocabulary, request: pytest.FixtureRequest) -> AsyncIterator[CarHarness]:
    """A service whose cars take as long as a busy machine needs, or at most as long as the test asks for."""
    encar = Encar()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", encar.handle)
    async with service_over(app, vocabulary, detail_deadline_s=getattr(request, "param", PATIENT_S)) as client:
        yield CarHarness(client, encar)


LIVE, SOLD, WAIT = document(), document(status="SOLD"), document(status="WAIT")
OTHER = document(status="RESERVED")
FAILURES: dict[str, Answer | int] = {
    "500": 500,
    "403": 403,
    "407": 407,
    "429": 429,
    "empty": web.Response(body=b"", content_type="application/json"),
    "junk": web.Response(body=b"{broken", content_type="application/json"),
    "html": "<!DOCTYPE html><p>wait</p>",
    "block 404": web.Response(text=BLOCK, status=404, content_type="text/html"),
    "block 200": BLOCK,
    "hang": "hang",
}
# What the page says where the JSON does not decide -> what is answered after (a failed JSON, a plain 404).
PAGES: dict[str, tuple[Answer | int, tuple[int, str], tuple[int, str]]] = {
    "live": (as_page(LIVE), (200, ""), (200, "")),
    "sold": (as_page(SOLD), (404, "sold"), (404, "sold")),
    "wait": (as_page(WAIT), (404, "waiting"), (404, "waiting")),
    "gone text": (GONE, (404, "gone"), (404, "gone")),
    "plain 404": (404, (503, ""), (404, "gone")),
    "500": (500, (503, ""), (404, "gone")),
    "blocked": (web.Response(text=BLOCK, status=404, content_type="text/html"), (503, ""), (404, "gone")),
    "blocked 200": (BLOCK, (503, ""), (404, "gone")),
    "nothing": ("<html></html>", (503, ""), (404, "gone")),
}


async def outcome(house: CarHarness) -> tuple[int, str]:
    status, body, headers = await house.get(f"/v1/vehicles/encar_{ID}")
    if status == 200:
        assert body["id"] == f"encar_{ID}"
        return status, ""
    if status == 404:
        assert body["error"]["code"] == "vehicle_not_found"
        return status, body["error"]["details"]["reason"]
    assert body["error"]["code"] == "dealer_upstream_unavailable"
    assert 5 <= int(headers["Retry-After"]) <= 30
    assert headers["X-LMN-Partial-Dealer-Unavailable"] == "encar"
    return status, ""


@pytest.mark.parametrize(
    ("advert", "expected"),
    [
        (LIVE, (200, "")),
        (SOLD, (404, "sold")),
        (WAIT, (404, "waiting")),
        (OTHER, (503, "")),
        (document(price="ask"), (503, "")),
        (document(advertisementType="OPERATING_LEASE"), (404, "not_for_sale")),
        (document(salesStatus="CONTRACT", price=9999), (200, "")),
        ({"vehicleId": 49000001}, (503, "")),
    ],
)
async def test_a_json_that_speaks_decides_alone(house: CarHarness, advert: Any, expected: tuple[int, str]) -> None:
    house.encar.says("vehicle", as_json(advert))
    house.encar.says("cars/detail", as_page(LIVE))
    assert await outcome(house) == expected
    assert not [path for path in house.encar.asked if path.startswith("/cars/")]


# What hangs takes its time, and goes by a clock on the wall.
BOTH = [
    pytest.param(DEADLINE_S, failure, page, marks=pytest.mark.slow, id=f"{failure}-{page}")
    if failure == "hang"
    else pytest.param(PATIENT_S, failure, page, id=f"{failure}-{page}")
    for failure in FAILURES
    for page in PAGES
]
hurried = pytest.mark.parametrize("house", [DEADLINE_S], indirect=True, ids=[""])


@pytest.mark.parametrize(("house", "failure", "page"), BOTH, indirect=["house"])
async def test_after_a_failed_json_the_page_decides(house: CarHarness, failure: str, page: str) -> None:
    house.encar.says("vehicle", FAILURES[failure])
    answer, expected, _ = PAGES[page]
    house.encar.says("cars/detail", answer)
    assert await outcome(house) == expected


@pytest.mark.parametrize("page", PAGES)
async def test_after_a_plain_404_the_page_decides_or_the_404_stands(house: CarHarness, page: str) -> None:
    house.encar.says("vehicle", 404)
    answer, _, expected = PAGES[page]
    house.encar.says("cars/detail", answer)
    assert await outcome(house) == expected


async def test_a_page_with_a_status_nobody_knows_is_no_gone_car(house: CarHarness) -> None:
    house.encar.says("vehicle", 404)
    house.encar.says("cars/detail", as_page(OTHER))
    assert await outcome(house) == (503, "")


@pytest.mark.slow  # goes by a clock on the wall
@hurried
async def test_both_witnesses_hanging_are_a_503_within_the_deadline(house: CarHarness) -> None:
    house.encar.says("vehicle", "hang")
    house.encar.says("cars/detail", "hang")
    async with Stopwatch() as watch:
        assert await outcome(house) == (503, "")
    assert watch.seconds < DEADLINE_S + 0.2


@pytest.mark.slow  # goes by a clock on the wall
@hurried
async def test_documents_that_hang_cost_their_nulls_not_the_car(house: CarHarness) -> None:
    house.encar.says("vehicle", as_json(LIVE))
    for name in ("inspection", "record", "diagnosis"):
        house.encar.says(name, "hang")
    async with Stopwatch() as watch:
        status, body, _ = await house.get(f"/v1/vehicles/encar_{ID}", include="dealer")
    assert watch.seconds < DEADLINE_S + 0.2
    assert (status, body["inspection_report"], body["body_condition"]) == (200, None, None)
    assert body["enrichment"] == [
        {"name": name, "status": "failed", "reason": "timed_out"} for name in ("inspection", "record", "diagnosis")
    ]


async def test_documents_nobody_has_are_absent_not_failed(house: CarHarness) -> None:
    house.encar.says("vehicle", as_json(LIVE))
    _, body, _ = await house.get(f"/v1/vehicles/encar_{ID}")
    assert [(item["status"], item["reason"]) for item in body["enrichment"]] == [
        *[("absent", "not_found")] * 2,
        ("skipped", "not_requested"),
    ]


async def test_a_private_record_is_not_asked_for(house: CarHarness) -> None:
    house.encar.says("vehicle", as_json(LIVE | {"condition": {"accident": {"recordView": False}}}))
    _, body, _ = await house.get(f"/v1/vehicles/encar_{ID}")
    assert body["enrichment"][1] == {"name": "record", "status": "skipped", "reason": "private"}
    assert not [path for path in house.encar.asked if "record" in path]


async def test_a_copy_asks_for_the_documents_of_its_original(house: CarHarness) -> None:
    house.encar.says("vehicle", as_json(LIVE | {"manage": {"dummy": True, "dummyVehicleId": 49000777}}))
    _, body, _ = await house.get("/v1/vehicles/encar_49000777")
    assert body["id"] == "encar_49000777"
    assert all(path.split("/")[-1] == ID or f"/{ID}/open" in path for path in house.encar.asked[1:])


@pytest.mark.parametrize(
    "path",
    [
        *("encar_", "encar_12x", "encar_" + "1" * 40, "encar_-5", "encar_1.0", "ENCAR_1", "glovis_5", "danawa_x", "x"),
        *("encar_1%2F..%2F2", "encar_%31x", "encar_1%00", "encar_١", "..%2Fencar_1", "encar_1%0a"),
    ],
)
async def test_what_is_no_dealer_id_is_unknown_without_a_call(house: CarHarness, path: str) -> None:
    async with house.client.get(f"/v1/vehicles/{path}") as response:
        assert response.status in {400, 404}
        assert (await response.json())["error"]["message"]
    assert house.encar.asked == []


async def test_prices_follow_the_partners_rules(house: CarHarness) -> None:
    house.encar.says("vehicle", as_json(LIVE))
    _, body, _ = await house.get(f"/v1/vehicles/encar_{ID}", krw_per_usd="1000")
    assert body["pricing"] == {
        "listing_price": 30_500,
        "sold_price": None,
        "auction_fee_config": None,
        "discount_config": {"bid_threshold": 0, "rate_below": 0, "rate_at_or_above": 0, "fixed_discount_amount": 300},
        "breakdown": {
            "auction_fee": 0,
            "dealer_fee": 300,
            "lmn_commission": 300,
            "ocean_freight": 1800,
            "estimated_landed": 32_600,
        },
        "history": [],
        "market_assessment": None,
    }
    assert body["comparables"] == {"past_sales": [], "upcoming_sales": []}
    assert "dealer" not in body


async def test_a_bad_parameter_of_a_car_is_a_400(house: CarHarness) -> None:
    for params in ({"krw_per_usd": "0"}, {"include": "all"}):
        status, body, _ = await house.get(f"/v1/vehicles/encar_{ID}", **params)
        assert (status, body["error"]["details"]["field"]) == (400, next(iter(params)))


class TestAvailability:
    async def test_each_car_has_its_state_in_the_order_asked(self, house: CarHarness) -> None:
        adverts = [
            document() | {"vehicleId": 1},
            document(status="SOLD") | {"vehicleId": 2},
            document(status="WAIT") | {"vehicleId": 3},
            document(salesStatus="CONTRACT") | {"vehicleId": 4},
            document(leaseRentInfo={"monthlyFee": 1}) | {"vehicleId": 5},
            document(status="ODD") | {"vehicleId": 6},
            document() | {"vehicleId": 70, "manage": {"dummyVehicleId": 7}},
            {"vehicleId": 8},
        ]
        house.encar.says("vehicles", as_json(adverts))
        house.encar.says("cars/detail", GONE)
        ids = [f"encar_{number}" for number in (9, 1, 2, 3, 4, 5, 6, 7, 1)]
        status, body = await house.post({"ids": ids})
        assert status == 200
        assert [(row["id"], row["status"], row["reason"]) for row in body["data"]] == [
            ("encar_9", "gone", None),
            ("encar_1", "available", None),
            ("encar_2", "sold", None),
            ("encar_3", "waiting", None),
            ("encar_4", "waiting", "under_contract"),
            ("encar_5", "gone", "not_for_sale"),
            ("encar_6", "unknown", "drift"),
            ("encar_7", "available", None),
        ]

    async def test_twenty_cars_are_one_call(self, house: CarHarness) -> None:
        house.encar.says("vehicles", as_json([document() | {"vehicleId": i} for i in range(1, 46)]))
        _, body = await house.post({"ids": [f"encar_{i}" for i in range(1, 46)]})
        assert {row["status"] for row in body["data"]} == {"available"}
        assert len(house.encar.asked) == 3

    async def test_a_block_is_not_made_worse_by_asking_singly(self, house: CarHarness) -> None:
        house.encar.says("vehicles", 403)
        _, body = await house.post({"ids": ["encar_1", "encar_2"]})
        assert [(row["status"], row["reason"]) for row in body["data"]] == [("unknown", "blocked")] * 2
        assert len(house.encar.asked) == 1

    @pytest.mark.slow  # goes by a clock on the wall
    @hurried
    async def test_what_cannot_be_asked_in_time_is_unknown_for_that_car_only(self, house: CarHarness) -> None:
        house.encar.says("vehicles", as_json([document() | {"vehicleId": 1}]))
        house.encar.says("vehicle", "hang")
        house.encar.says("cars/detail", "hang")
        _, body = await house.post({"ids": ["encar_1", "encar_2"]})
        assert [(row["status"], row["reason"]) for row in body["data"]] == [
            ("available", None),
            ("unknown", "timed_out"),
        ]

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ([], "ids"),
            ({}, "ids"),
            ({"ids": []}, "ids"),
            ({"ids": "encar_1"}, "ids"),
            ({"ids": ["encar_1"] * 101}, "ids"),
            ({"ids": ["encar_1", "encar_x"]}, "ids[1]"),
            ({"ids": [5]}, "ids[0]"),
        ],
    )
    async def test_a_bad_list_names_what_is_wrong(self, house: CarHarness, body: object, field: str) -> None:
        status, answer = await house.post(body)
        assert (status, answer["error"]["details"]["field"]) == (400, field)
        assert house.encar.asked == []


@pytest.mark.slow  # goes by a clock on the wall
@hurried
async def test_papers_that_hang_leave_room_for_adverts_and_lists(house: CarHarness) -> None:
    house.encar.says("vehicle", as_json(LIVE | {"manage": {"dummyVehicleId": 49000777}}))
    house.encar.says("inspection", "hang")
    house.encar.says("vehicles", as_json([document()]))
    hanging = [asyncio.create_task(house.get(f"/v1/vehicles/encar_{ID}")) for _ in range(3)]
    hanging.append(asyncio.create_task(house.get("/v1/vehicles/encar_49000777")))
    await asyncio.sleep(0.1)
    async with Stopwatch() as watch:
        status, _ = await house.post({"ids": [f"encar_{ID}"]})
    assert (status, watch.seconds < 0.2) == (200, True)
    assert {answer[0] for answer in await asyncio.gather(*hanging)} == {200}


async def test_a_document_nobody_has_is_not_asked_for_again(house: CarHarness) -> None:
    house.encar.says("vehicle", as_json(LIVE))
    for _ in range(3):
        await house.get(f"/v1/vehicles/encar_{ID}")
    assert len(house.encar.asked) == 1 + 2


async def test_a_copy_and_its_original_each_have_their_own_state(house: CarHarness) -> None:
    twins = {"dummyVehicleId": 49000777}
    house.encar.says(
        "vehicles",
        as_json(
            [
                document() | {"manage": twins | {"dummy": False}},
                document(status="SOLD") | {"manage": twins | {"dummy": True}},
            ]
        ),
    )
    _, body = await house.post({"ids": [f"encar_{ID}", "encar_49000777"]})
    assert [row["status"] for row in body["data"]] == ["available", "sold"]


async def test_a_hundred_identical_checks_ask_once(house: CarHarness) -> None:
    house.encar.says("vehicles", as_json([document()]))
    answers = await asyncio.gather(*(house.post({"ids": [f"encar_{ID}"]}) for _ in range(100)))
    assert {body["data"][0]["status"] for _, body in answers} == {"available"}
    assert len(house.encar.asked) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_availability_takes_posts_only(house: CarHarness, method: str) -> None:
    async with house.client.request(method, "/v1/vehicles/availability") as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("body", "encoding"), [(b'{"ids":' + b"[" * 60_000, None), (b"not gzip", "gzip"), (b"\xff", None)]
)
async def test_a_body_that_cannot_be_read_is_the_clients_fault(
    house: CarHarness, body: bytes, encoding: str | None
) -> None:
    headers = {"Content-Encoding": encoding} if encoding else {}
    async with house.client.post("/v1/vehicles/availability", data=body, headers=headers) as response:
        answer = await response.json()
    assert (response.status, answer["error"]["details"]["field"]) == (400, "ids")


@pytest.mark.slow  # goes by a clock on the wall
@hurried
async def test_a_404_stands_when_the_page_hangs(house: CarHarness) -> None:
    house.encar.says("vehicle", 404)
    house.encar.says("cars/detail", "hang")
    assert await outcome(house) == (404, "gone")
