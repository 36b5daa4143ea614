"""Real captured answers, which are not part of the project: they read as before when scrubbed, and can be replayed."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace
from multidict import CIMultiDict
from yarl import URL

from dealerproxy.app import create_app
from dealerproxy.captures.capture import Capture
from dealerproxy.captures.expectations import compared
from dealerproxy.captures.maker import Maker
from dealerproxy.captures.reading import read
from dealerproxy.captures.replay import Replay, offline, serving
from dealerproxy.captures.sites import recognise
from dealerproxy.settings import Settings
from dealerproxy.transport.response import Response
from dealerproxy.upstreams.encar.operations import SEARCH
from dealerproxy.upstreams.encar.query import Search, facets_url, makes_q, models_q, q, search_url
from dealerproxy.upstreams.paging import CHUNK_ROWS
from dealerproxy.vocabulary import Vocabulary
from tests.support.passing import of_any_day

from .conftest import AT
from .test_scrub import PERSONAL_FIELDS

API = URL("https://api.encar.com")
READSIDE = API / "v1/readside"
JSON, HTML = {"Content-Type": "application/json"}, {"Content-Type": "text/html; charset=utf-8"}
ADDRESSES = {
    "encar_detail/vehicle_41344448_copy_of_41335009_2026-08.json": READSIDE / "vehicle/41344448",
    "encar_detail/vehicle_42276134_under_contract_2026-08.json": READSIDE / "vehicle/42276134",
    "encar_detail/vehicle_42391233_grand_koleos_2026-08.json": READSIDE / "vehicle/42391233",
    "encar_detail/page_41756847_preloaded_state_2026-08.html": URL("https://fem.encar.com/cars/detail/41756847"),
    "encar_inspection/inspection_42106289_ev_7_panels.json": READSIDE / "inspection/vehicle/42276134",
    "encar_inspection/inspection_42406998_frame_damage.json": READSIDE / "inspection/vehicle/41335009",
    "encar_inspection/inspection_42499686_clean.json": READSIDE / "inspection/vehicle/42391233",
    "encar_record/record_with_accident.json": READSIDE / "record/vehicle/41335009/open",
    "encar_record/record_clean.json": READSIDE / "record/vehicle/42391233/open",
    "encar_diagnosis/diagnosis_42374259.json": READSIDE / "diagnosis/vehicle/41335009",
    "encar_options/options_choice.json": READSIDE / "vehicles/car/42391233/options/choice",
    "encar_search/premium_sorento_20rows_2023-06.json": search_url(
        API, q(Search(make="기아", model_group="쏘렌토")), "Year", 0, 48
    ),
    "encar_search/premium_sonata_1row_2025-06.json": search_url(
        API, q(Search(make="현대", model_group="쏘나타")), "Year", 0, 48
    ),
    "encar_search/general_bmw5_1row_2025-06.json": search_url(
        API, q(Search(make="BMW", model_group="5시리즈")), "Year", 0, 48
    ),
    "encar_search/facets_all_2023-07.json": facets_url(API, makes_q()),
    "encar_search/facets_hyundai_2023-07.json": facets_url(API, models_q("현대", domestic=True)),
}
GOLDEN = Path(__file__).parent.parent / "api" / "golden"
GOLDEN_CARS = {"copy": "41344448", "under_contract": "42276134", "clean": "42391233", "page_only": "41756847"}


def capture_of(name: str, captures: Path, maker: Maker) -> tuple[Response, Capture]:
    """A real answer, and the capture of it."""
    response = Response(200, CIMultiDict(HTML if name.endswith("html") else JSON), (captures / name).read_bytes())
    page = recognise(ADDRESSES[name])
    assert page is not None
    return response, maker.make(name, page, response, at=AT)


def whole(capture: Capture) -> Capture:
    """The capture of a search as if its rows were all there are: its other pages were not captured."""
    if capture.about.operation != SEARCH.name:
        return capture
    answer = json.loads(capture.response.body)
    body = json.dumps(answer | {"Count": len(answer["SearchResults"])}, ensure_ascii=False).encode()
    return replace(capture, response=dataclasses.replace(capture.response, body=body))


def of_one_car(capture: Capture) -> Capture:
    """The capture of an advert or a sheet with the one VIN of them all."""
    body = re.sub(rb'("vin"\s*:\s*)"\w+"', rb'\1"KNA00000000000001"', capture.response.body)
    return replace(capture, response=dataclasses.replace(capture.response, body=body))


@pytest.mark.parametrize("name", ADDRESSES)
def test_scrubbed_a_real_answer_reads_as_before_but_for_what_is_personal(
    name: str, captures: Path, maker: Maker, vocabulary: Vocabulary
) -> None:
    response, scrubbed = capture_of(name, captures, maker)
    before = read(replace(scrubbed, response=response), vocabulary)
    after = read(scrubbed, vocabulary)
    assert before.error is None
    changed = {field for field, found in compared(before.document, after.outcome).items() if found}
    assert changed <= PERSONAL_FIELDS
    document: Any = before.document
    car = document.get("car") or {}
    text = scrubbed.response.body.decode()
    for value in filter(None, (car.get("vin"), car.get("license_plate"))):
        assert value not in text


async def test_the_service_replays_real_captures_as_reviewed(
    captures: Path, maker: Maker, vocabulary: Vocabulary
) -> None:
    # The papers of one car were not captured together: it is shown with another's, as in the reviewed answers.
    replay = Replay([of_one_car(whole(capture_of(name, captures, maker)[1])) for name in ADDRESSES], say=lambda _: None)
    async with (
        serving(replay.app()) as upstream,
        serving(create_app(offline(Settings(), upstream), vocabulary)) as url,
        aiohttp.ClientSession() as session,
    ):

        async def ask(path: str) -> Any:
            async with session.get(url + path) as answer:
                assert answer.status == 200
                return json.loads(await answer.read())

        for name, number in GOLDEN_CARS.items():
            body = of_any_day(await ask(f"/v1/vehicles/encar_{number}?include=dealer&krw_per_usd=1300"))
            golden = json.loads((GOLDEN / f"{name}.json").read_bytes())
            differing = {key for key in golden if body[key] != golden[key]}
            # Enrichment: a paper that was not captured is a failure here, and was an absence there.
            assert differing <= {"vin", "license_plate", "enrichment"}
        listed = await ask("/v1/vehicles?make=Kia,Hyundai&model=Sorento,Sonata&upstream=encar")
        assert {row["make"] for row in listed["data"]} == {"Hyundai", "Kia"}
        assert len(listed["data"]) >= 20
        facets = await ask("/v1/vehicles/facets")
        assert "Hyundai" in facets["makes"]


async def test_the_service_reads_every_row_of_200_that_were_captured_apart_from_their_pages(
    captures: Path, maker: Maker, vocabulary: Vocabulary
) -> None:
    rows = json.loads((captures / "encar_search/premium_carType_Y_200rows_2026-03.json").read_bytes())
    unique = {row["Id"]: row for row in rows}.values()
    makes = {make for row in unique if (make := vocabulary.make_of(row["Manufacturer"])) is not None}
    pages = []
    for facet in (facet.korean for make in makes for facet in make.facets):
        mine = sorted((row for row in unique if row["Manufacturer"] == facet), key=lambda row: -row["Year"])
        for offset in range(0, len(mine) or 1, CHUNK_ROWS):
            page = recognise(search_url(API, q(Search(make=facet)), "Year", offset, CHUNK_ROWS))
            assert page is not None
            part = {"Count": len(mine), "SearchResults": mine[offset : offset + CHUNK_ROWS]}
            response = Response(200, CIMultiDict(JSON), json.dumps(part, ensure_ascii=False).encode())
            pages.append(maker.make(f"{facet} {offset}", page, response, at=AT))
    missed: list[str] = []
    async with (
        serving(Replay(pages, say=missed.append).app()) as upstream,
        serving(create_app(offline(Settings(), upstream), vocabulary)) as url,
        aiohttp.ClientSession() as session,
    ):
        found = set()
        for make in makes:
            cursor = ""
            while cursor is not None:
                query = {"make": make.name, "upstream": "encar"} | ({"cursor": cursor} if cursor else {})
                async with session.get(f"{url}/v1/vehicles", params=query) as answer:
                    body = await answer.json()
                assert answer.status == 200
                assert {notice["code"] for notice in body["notices"]} <= {
                    "left_out_under_contract",
                    "left_out_duplicate",
                    "trucks_missing",  # no page of that index was captured
                    "order_by_registration",
                }
                found |= {row["id"] for row in body["data"]}
                cursor = body["next_cursor"]
    on_sale = {f"encar_{row['Id']}" for row in unique if row.get("SalesStatus") is None}
    # Danawa's list is always read, and no page of the index of trucks was captured.
    heads = [line.partition("\n")[0] for line in missed]
    assert not [line for line in heads if "usedcar" not in line and "/search/truck/" not in line]
    assert found <= on_sale
    assert len(found) > 0.9 * len(on_sale)  # a car's copies stand on a page but once
