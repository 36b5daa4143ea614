"""Pages of the stand-ins, with all their oddities, read the same when scrubbed, but for what is personal."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from msgspec.structs import replace
from multidict import CIMultiDict
from yarl import URL

from dealerproxy.captures import capture as saved
from dealerproxy.captures.expectations import compared
from dealerproxy.captures.maker import Maker
from dealerproxy.captures.reading import read
from dealerproxy.captures.sites import recognise
from dealerproxy.sandbox.danawa import mpark
from dealerproxy.sandbox.danawa import pages as danawa_pages
from dealerproxy.sandbox.danawa.inventory import generate_danawa
from dealerproxy.sandbox.danawa.pages import Manners
from dealerproxy.sandbox.encar import details, pages, rows
from dealerproxy.sandbox.encar.battery import battery
from dealerproxy.sandbox.encar.inspections import inspection
from dealerproxy.sandbox.encar.inventory import generate
from dealerproxy.sandbox.encar.packages import packages
from dealerproxy.sandbox.encar.records import diagnosis, record
from dealerproxy.transport.response import Response
from dealerproxy.vocabulary import Vocabulary

from .conftest import AT, FIXTURES
from .test_scrub import PERSONAL_FIELDS

API, FEEDER = "https://api.encar.com", "https://api.m-park.co.kr/home/api/v1/wb/searchmycar/cardetailinfo/get"
LIST = "https://auto.danawa.com/usedcar/?Work=list&Tab=list&Page=1&Order=8&Brand=307&Series=&Model="
SIZES = [20, pytest.param(100, marks=pytest.mark.slow)]


# What is personal in these answers, named here once more so that a key cannot be forgotten in one place for all.
PERSONAL_KEYS = {
    *("vehicleNo", "carNo", "vin", "DealerName", "OfficeName", "inspName", "noticeName", "userId", "registrantId"),
    *("updaterId", "recordNo", "supplyNum", "oneLineText", "AdWords", "MobileAdWords", "desc", "customColor"),
    *("dealer.name", "firm.name", "diagnosisCenters.name", "contents.text"),
}


def personal_values(body: bytes) -> set[str]:
    """The personal values of a document; none of a page, or of what is no document."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return set()
    found: set[str] = set()

    def walk(value: Any, parent: str, key: str) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                walk(inner, key, name)
        elif isinstance(value, list):
            for inner in value:
                walk(inner, parent, key)
        elif isinstance(value, str) and (key in PERSONAL_KEYS or f"{parent}.{key}" in PERSONAL_KEYS) and len(value) > 2:
            found.add(value)

    walk(document, "", "")
    return found


def encar_pages(size: int) -> Iterator[tuple[str, bytes]]:
    cars = list(generate(5, max(size, 300)).known())[:size]
    for view, row in rows.VIEWS.items():
        answer = {"Count": size, "SearchResults": [row(car) for car in cars]}
        yield f"{API}/search/car/list/{view}?count=true&q=Hidden.N.&sr=%7CYear%7C0%7C48", orjson.dumps(answer)
    for car in cars:
        document = details.detail(car)
        yield f"{API}/v1/readside/vehicle/{car.id}", orjson.dumps(document)
        yield f"https://fem.encar.com/cars/detail/{car.id}", pages.live(car, document)
        for path, tail, paper in (
            ("inspection/vehicle", "", inspection),
            ("record/vehicle", "/open", record),
            ("diagnosis/vehicle", "", diagnosis),
            ("vehicles/car", "/options/choice", packages),
            ("vehicle/ev-battery", "", battery),
        ):
            sheet: Any = paper(car)
            if sheet is not None:
                yield f"{API}/v1/readside/{path}/{car.vehicle_id}{tail}", orjson.dumps(sheet)


def danawa_pages_of(size: int) -> Iterator[tuple[str, bytes]]:
    cars = list(generate_danawa(5, max(size, 100)))[:size]
    for manners in (
        Manners(),
        Manners(part="list", lazy_images=True),
        Manners(charset="cp949"),
        Manners(part="container"),
    ):
        for start in range(0, size, 30):
            page = danawa_pages.listing(cars[start : start + 30], 1, 9, "307", manners)
            yield LIST, page.encode(manners.charset, "xmlcharrefreplace")
    yield LIST, danawa_pages.listing([], 1, 0, "307", Manners()).encode()
    for car in cars:
        yield f"{FEEDER}?demoNo={car.id}", orjson.dumps(mpark.detail_info(car))


@pytest.mark.parametrize("path", [path for path in saved.find(FIXTURES) if not saved.read(path).about.scrubbed])
def test_no_personal_value_of_a_fixture_survives(path: Path, maker: Maker, tmp_path: Path) -> None:
    fixture = saved.read(path)
    page = recognise(fixture.url)
    assert page is not None
    saved.write(tmp_path / "one", maker.make(path.name, page, fixture.response, at=AT))
    stored = "".join(file.read_text(encoding="utf-8") for file in (tmp_path / "one").iterdir())
    values = personal_values(fixture.response.body) - {"user000001"}  # a stand-in already
    assert not [value for value in values if value in stored]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("answers", [encar_pages, danawa_pages_of])
def test_every_page_reads_as_before_but_for_what_is_personal(
    answers: Any, size: int, maker: Maker, vocabulary: Vocabulary
) -> None:
    for url, body in answers(size):
        page = recognise(URL(url, encoded=True))
        assert page is not None
        response = Response(200, CIMultiDict({"Content-Type": "text/html"}), body)
        scrubbed = maker.make("one", page, response, at=AT)
        before = read(replace(scrubbed, response=response), vocabulary)
        after = read(scrubbed, vocabulary)
        for value in personal_values(body):
            assert value not in scrubbed.response.body.decode(scrubbed.about.charset), url
        changed = {field for field, found in compared(before.outcome, after.outcome).items() if found}
        assert changed <= PERSONAL_FIELDS, url
