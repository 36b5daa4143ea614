"""The running service keeps the page of what it does not understand, though it goes on: a status, a price, a code."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from structlog.testing import capture_logs

from dealerproxy.api.keys import KEEPER
from dealerproxy.app import create_app
from dealerproxy.captures import capture as saved
from dealerproxy.vocabulary import Vocabulary
from tests.support.harness import list_read, read_anew, wired
from tests.upstreams.danawa.pages import page, row

from .conftest import FIXTURES

CAR, OTHER = "49000001", "49000002"

Change = Callable[[Any], None]


def body_of(capture: str) -> Any:
    return json.loads((FIXTURES / capture / "body.json").read_bytes())


FEEDERS_CAR = body_of("danawa_feeder_checked")["data"]["detailInfo"][0]["demoNo"]


def a_car() -> Any:
    """An advert of which everything is known."""
    car = body_of("encar_detail")
    car["options"]["standard"].remove("999")
    return car


def a_sheet() -> Any:
    """That car's sheet, with codes nobody knows."""
    sheet = body_of("encar_inspection_unknown_codes")
    sheet["master"]["detail"]["vin"] = a_car()["vin"]
    return sheet


class CaptureHarness:
    """The service over a site that has one car; `papers` and `car` are what it answers."""

    def __init__(self, folder: Path, vocabulary: Vocabulary) -> None:
        self.folder, self._vocabulary = folder, vocabulary
        self.car = a_car()
        self.batch: list[Any] = []
        self.papers: dict[str, Any] = {}
        self.feeder = body_of("danawa_feeder_checked")
        self.listing = page(row()).decode().replace("sDemoNo=77", f"sDemoNo={FEEDERS_CAR}")
        self.rows = body_of("encar_search_premium")

    async def answer(self, request: web.Request) -> web.Response:
        if request.path.startswith("/home/"):
            return web.json_response(self.feeder)
        if request.path.startswith("/usedcar/"):
            return web.Response(text=self.listing, content_type="text/html")
        match request.path.strip("/").split("/")[2:]:
            case ["vehicles"]:
                return web.json_response(self.batch)
            case ["list", _]:
                return web.json_response(self.rows)
            case ["vehicle", _]:
                return web.json_response(self.car)
            case [paper, "vehicle", *_] if paper in self.papers:
                return web.json_response(self.papers[paper])
        return web.Response(status=404)

    async def start(self) -> None:
        site = web.Application()
        site.router.add_route("*", "/{path:.*}", self.answer)
        self.site = TestServer(site)
        await self.site.start_server()
        url = str(self.site.make_url(""))
        settings = wired(url, capture_dir=str(self.folder))
        self.client = TestClient(TestServer(create_app(settings, self._vocabulary)))
        await self.client.start_server()
        await list_read(self.client.app)

    async def close(self) -> None:
        await self.client.close()
        await self.site.close()

    async def ask(self, car: str = f"/encar_{CAR}", *, no_cache: bool = False) -> Any:
        headers = {"Cache-Control": "no-cache"} if no_cache else {}
        async with self.client.get(f"/v1/vehicles{car}", headers=headers) as answer:
            return await answer.json()

    async def list_is_read(self) -> None:
        """Have Danawa's list read anew."""
        read_anew(self.client.app)
        await list_read(self.client.app)

    async def check(self, *numbers: str) -> dict[str, str]:
        ids = [f"encar_{number}" for number in numbers]
        async with self.client.post("/v1/vehicles/availability", json={"ids": ids}) as answer:
            assert answer.status == 200
            return {each["id"].removeprefix("encar_"): each["status"] for each in (await answer.json())["data"]}

    async def kept(self, site: str = "encar") -> list[saved.Capture]:
        """Stop the service, which writes what still waits, and return what was kept."""
        await self.client.app[KEEPER]._waiting.join()  # closing waits for half a second, which may be too short here
        await self.client.close()
        return [saved.read(folder) for folder in sorted(self.folder.glob(f"{site}-*"))]


@pytest.fixture
async def house(tmp_path: Path, vocabulary: Vocabulary) -> AsyncIterator[CaptureHarness]:
    made = CaptureHarness(tmp_path / "kept", vocabulary)
    await made.start()
    yield made
    await made.close()


def says(path: str, value: object) -> Change:
    def change(car: Any) -> None:
        *above, last = path.split(".")
        for step in above:
            car = car[step]
        car[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (says("advertisement.status", "RESERVED"), "advertisement.status"),
        (says("advertisement.advertisementType", "RAFFLE"), "advertisement.advertisementType"),
        (says("advertisement.salesStatus", "PROMISED"), "advertisement.salesStatus"),
        (says("advertisement.price", "ask"), "advertisement.price"),
        (says("category.formYear", None), "category.formYear"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_an_advert_that_says_what_nobody_knows_is_kept_once_and_named_by_answer_and_log(
    house: CaptureHarness, change: Change, path: str
) -> None:
    change(house.car)
    with capture_logs() as lines:
        answers = [await house.ask(no_cache=again) for again in (False, False, True)]
        (kept,) = await house.kept()
    named = {answer["error"]["details"]["sources"][0]["capture"] for answer in answers}
    assert named == {kept.name} == {line["capture"] for line in lines if line["event"] == "upstream_trouble"}
    assert kept.about.trouble == saved.Trouble("drift", path)


async def test_what_nobody_knows_is_never_answered_with_what_was_read_before(house: CaptureHarness) -> None:
    assert (await house.ask())["id"] == f"encar_{CAR}"
    says("advertisement.status", "RESERVED")(house.car)
    for no_cache in (True, False):
        assert (await house.ask(no_cache=no_cache))["error"]["details"]["sources"][0]["reason"] == "drift"


async def test_a_car_on_sale_that_cannot_be_shown_is_still_told_to_be_on_sale(house: CaptureHarness) -> None:
    says("advertisement.price", "ask")(house.car)
    assert await house.check(CAR) == {CAR: "available"}


@pytest.mark.parametrize("path", ["advertisement.status", "advertisement.salesStatus", "advertisement.price"])
async def test_one_odd_advert_of_a_batch_is_kept_and_takes_none_of_the_others_along(
    house: CaptureHarness, path: str
) -> None:
    odd, good = a_car(), a_car()
    good["vehicleId"] = int(OTHER)
    says(path, "WHATEVER")(odd)
    house.batch = [odd, good]
    assert await house.check(CAR, OTHER) == {
        CAR: "available" if path.endswith("price") else "unknown",
        OTHER: "available",
    }
    (kept,) = await house.kept()
    assert (kept.about.operation, kept.about.trouble) == ("batch", saved.Trouble("drift", path))


async def test_a_document_of_a_batch_that_names_no_car_is_kept(house: CaptureHarness) -> None:
    house.batch = [{"no": "car"}]
    await house.check(CAR)
    (kept,) = await house.kept()
    assert kept.about.trouble == saved.Trouble("drift", "vehicleId")


async def test_each_unknown_code_of_a_paper_keeps_one_page_however_many_cars_have_it(house: CaptureHarness) -> None:
    house.papers["inspection"] = a_sheet()
    with capture_logs() as lines:
        cars = [await house.ask(no_cache=again) for again in (False, True, True)]
        kept = await house.kept()
    written = [line for line in lines if line["event"] == "capture_written"]
    assert {line["capture"] for line in written} == {each.name for each in kept}
    assert all(line["request_id"].startswith("req_") for line in written)
    assert [car["enrichment"][0]["status"] for car in cars] == ["ok"] * 3
    troubles = [each.about.trouble for each in kept]
    assert troubles == [
        saved.Trouble("unknown", sign) for sign in ("checklist s099", "checklist status 12", "damage Q", "panel P999")
    ]


async def test_words_that_are_no_codes_keep_no_page(house: CaptureHarness) -> None:
    says("category.gradeName", "듣도보도못한")(house.car)
    says("vin", "no vin at all")(house.car)
    await house.ask()
    assert await house.kept() == []


@pytest.mark.parametrize(
    ("key", "told"), [("carName", "feeder"), ("km", "feeder"), ("accident", "inspection"), ("myDamageCnt", "record")]
)
async def test_a_car_of_the_feeders_is_kept_and_named_too(house: CaptureHarness, key: str, told: str) -> None:
    car = house.feeder["data"]["detailInfo"][0]
    car[key] = "nothing known"
    with capture_logs() as lines:
        answer = await house.ask(f"/danawa_{car['demoNo']}")
        (kept,) = await house.kept("danawa")
    assert kept.about.trouble == saved.Trouble("drift", f"data.detailInfo[].{key}")
    (line,) = (line for line in lines if line["event"] == "upstream_trouble")
    assert (line["operation"], line["capture"]) == (told, kept.name)
    if told == "feeder":
        assert answer["error"]["details"]["sources"][0]["capture"] == kept.name


async def test_a_page_with_a_row_that_cannot_be_read_is_kept_and_answered_all_the_same(house: CaptureHarness) -> None:
    house.rows["SearchResults"][0]["SalesStatus"] = "PROMISED"
    answer = await house.ask("?make=Kia&upstream=encar")
    assert answer["sources"][0]["status"] == "ok"
    (kept,) = [page for page in await house.kept() if page.about.operation == "search"]
    assert kept.about.trouble == saved.Trouble("drift", "SearchResults[]: SalesStatus is an unknown word")


async def test_a_listing_with_a_car_that_cannot_be_read_is_kept(house: CaptureHarness) -> None:
    text = (FIXTURES / "danawa_list" / "body.html").read_text(encoding="utf-8")
    before, _, after = text.partition('class="col km"')
    house.listing = f'{before}class="col xx"{after}'
    await house.list_is_read()
    (kept,) = await house.kept("danawa")
    assert kept.about.trouble == saved.Trouble("drift", ".col.km .middle")


async def test_a_first_page_without_a_car_or_a_word_on_why_is_kept(house: CaptureHarness) -> None:
    house.listing = '<div id="usedcarList"><ul></ul></div>'
    await house.list_is_read()
    (kept,) = await house.kept("danawa")
    assert kept.about.trouble == saved.Trouble("drift", "#usedcarList li a.name")
