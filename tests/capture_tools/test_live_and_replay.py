"""Live reading and replay give the same answer for the same page, and use the same table of operations."""

import ast
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from yarl import URL

import dealerproxy
from dealerproxy.cache.cache import StaleCache
from dealerproxy.captures import capture as saved
from dealerproxy.captures.reading import Reading, asked_of, read
from dealerproxy.captures.replay_requests import request_for
from dealerproxy.captures.sites import HOMES, OPERATIONS, page_of, recognise
from dealerproxy.contract.deadline import Deadline
from dealerproxy.contract.ids import LISTING_IDS
from dealerproxy.transport.errors import Drift, UpstreamError
from dealerproxy.transport.response import Response, drift_or_block
from dealerproxy.upstreams.danawa import client as danawa_client
from dealerproxy.upstreams.danawa.client import DanawaClient
from dealerproxy.upstreams.danawa.names import as_shown
from dealerproxy.upstreams.danawa.pages import Pages
from dealerproxy.upstreams.danawa.whole import PageRead, WholeReader
from dealerproxy.upstreams.encar import client as encar_client
from dealerproxy.upstreams.encar.cars import EncarCars
from dealerproxy.upstreams.encar.client import EncarClient
from dealerproxy.upstreams.encar.facet_counts import FacetCounts
from dealerproxy.upstreams.encar.leg import EncarLeg
from dealerproxy.upstreams.encar.query import (
    Search,
    TruckSearch,
    Window,
    facets_url,
    makes_q,
    q,
    search_url,
    trucks_q,
    window_of,
)
from dealerproxy.upstreams.encar.search import EncarChunks
from dealerproxy.upstreams.off_sale import OffSale
from dealerproxy.upstreams.paging import CHUNK_ROWS, MAX_OFFSET
from dealerproxy.vocabulary import Vocabulary

from .conftest import FIXTURES, Make

API, DANAWA = HOMES["encar_api_url"], HOMES["danawa_url"]
KIA = q(Search(make="기아"))
TRUCKS = trucks_q(TruckSearch(maker="기아(아시아)", models=("봉고Ⅲ",)))
LIST_URL = f"{DANAWA}/usedcar/?Work=list&Tab=list&Page=1&Order=8&Brand=307&Series=&Model="
BASES = [HOMES, dict.fromkeys(HOMES, URL("http://127.0.0.1:8081")), dict.fromkeys(HOMES, URL("http://stand.in/below/"))]


class Wire:
    """Stands for a fetcher: gives one answer to everything, and notes the circuits and addresses."""

    def __init__(self, body: bytes = b"{}", *, status: int = 200, content_type: str = "application/json") -> None:
        self.response = Response(status, CIMultiDict({"Content-Type": content_type}), body)
        self.asked: list[tuple[str, URL]] = []

    async def get(self, circuit: str, url: URL, judge: Callable[[Response], Any], *, within_s: float) -> Any:
        self.asked.append((circuit, url))
        with drift_or_block(self.response):
            return judge(self.response)

    def encar(self) -> EncarClient:
        return EncarClient(self, str(API), str(HOMES["encar_page_url"]))  # type: ignore[arg-type]

    def danawa(self) -> DanawaClient:
        urls = {"site_url": str(DANAWA), "feeder_url": str(HOMES["mpark_api_url"])}
        return DanawaClient(self, self, **urls)  # type: ignore[arg-type]


def search_page(total: int, rows: int) -> bytes:
    body = json.loads(saved.read(FIXTURES / "encar_search_general").response.body)
    row = body["SearchResults"][0]
    return json.dumps(
        {"Count": total, "SearchResults": [row | {"Id": str(40_000_000 + number)} for number in range(rows)]}
    ).encode()


def source_of(wire: Wire, vocabulary: Vocabulary) -> EncarChunks:
    off_sale = OffSale(lambda: 1000.0)
    return EncarChunks(wire.encar(), vocabulary, StaleCache(), off_sale, fresh_s=300.0, deadline_s=8.0)


def leg_of(vocabulary: Vocabulary) -> EncarLeg:
    return EncarLeg(q=KIA, sort="Year", asked=asked_of(search_url(API, KIA, "Year", 0, CHUNK_ROWS), vocabulary))


def replayed(make: Make, vocabulary: Vocabulary, url: URL | str, wire: Wire) -> Reading:
    """What the answer says in replay, as if nothing had been scrubbed."""
    return read(msgspec.structs.replace(make(str(url)), response=wire.response), vocabulary)


@pytest.mark.parametrize("offset", [0, CHUNK_ROWS, 4 * CHUNK_ROWS, MAX_OFFSET // CHUNK_ROWS * CHUNK_ROWS, 10_032])
@pytest.mark.parametrize("beyond", [-30, 0, 1, 30, CHUNK_ROWS, CHUNK_ROWS + 1, 5_000])
async def test_a_page_without_rows_is_drift_in_replay_where_it_is_drift_live(
    offset: int, beyond: int, make: Make, vocabulary: Vocabulary
) -> None:
    wire = Wire(search_page(max(0, offset + beyond), 0))
    live: UpstreamError | None = None
    try:
        await source_of(wire, vocabulary).chunk(
            leg_of(vocabulary), offset // CHUNK_ROWS, Deadline(8.0), bypass_cache=False
        )
    except Drift as error:
        live = error
    reading = replayed(make, vocabulary, search_url(API, KIA, "Year", offset, CHUNK_ROWS), wire)
    assert (reading.error or {}).get("message") == (None if live is None else str(live))


def test_rows_missing_in_the_middle_of_a_chunk_are_no_drift(make: Make, vocabulary: Vocabulary) -> None:
    reading = replayed(make, vocabulary, search_url(API, KIA, "Year", 20, 28), Wire(search_page(5_000, 0)))
    assert reading.document == {"total": 5_000, "rows": []}


@pytest.mark.parametrize(("came", "limit"), [(3, 48), (48, 20), (60, 48)])
async def test_rows_beyond_those_asked_for_are_used_neither_live_nor_in_replay(
    came: int, limit: int, make: Make, vocabulary: Vocabulary
) -> None:
    reading = replayed(make, vocabulary, search_url(API, KIA, "Year", 0, limit), Wire(search_page(came, came)))
    assert reading.document is not None
    assert len(reading.document["rows"]) == min(came, limit)


@pytest.mark.parametrize("body", [search_page(7, 0), search_page(7, 1), b'{"Count": 7}', b'{"SearchResults": []}'])
async def test_the_page_of_a_count_is_read_for_its_count_alone(body: bytes, make: Make, vocabulary: Vocabulary) -> None:
    wire = Wire(body)
    live: object
    try:
        source = source_of(wire, vocabulary)
        found = await source.count(leg_of(vocabulary), lambda _: True, Deadline(8.0), bypass_cache=False)
        live = {"total": found.value}
    except Drift as error:
        live = str(error)
    reading = replayed(make, vocabulary, wire.asked[-1][1], wire)
    assert live == (reading.document if reading.error is None else reading.error["message"])


@pytest.mark.parametrize("counts", [{"새제조사": 5}, {"새제조사": 5, "기아": 0}, {"새제조사": 5, "기아": 3}])
async def test_facets_without_a_make_that_is_known_are_drift_live_and_in_replay(
    counts: dict[str, int], make: Make, vocabulary: Vocabulary
) -> None:
    values = [{"Value": value, "Count": count} for value, count in counts.items()]
    wire = Wire(json.dumps({"Count": 8, "iNav": {"Nodes": [{"Name": "Manufacturer", "Facets": values}]}}).encode())
    facets = FacetCounts(wire.encar(), vocabulary.counting_apart(), StaleCache(), deadline_s=8.0)
    live = await facets.stocked(Deadline(8.0))
    await facets.close()
    reading = replayed(make, vocabulary, facets_url(API, makes_q()), wire)
    assert bool(live.notices) == (reading.error is not None)
    assert reading.error is None or reading.error["path"] == "iNav: Manufacturer"


@pytest.mark.parametrize("bad", [{}, {"vehicleId": "x"}, None, [], "text", 7])
async def test_an_advert_of_a_batch_that_cannot_be_read_costs_only_itself(
    bad: object, make: Make, vocabulary: Vocabulary
) -> None:
    good = json.loads(saved.read(FIXTURES / "encar_batch").response.body)
    wire = Wire(json.dumps([bad, *good]).encode())
    cars = EncarCars(wire.encar(), vocabulary, StaleCache(), OffSale(lambda: 1000.0), fresh_s=60.0, deadline_s=8.0)
    reading = replayed(make, vocabulary, saved.read(FIXTURES / "encar_batch").url, wire)
    assert reading.document is not None
    told = [advert for advert in reading.document["adverts"] if "error" not in advert]
    assert len(told) == len(reading.document["adverts"]) - 1
    live = await cars.find_adverts([advert["listing_id"] for advert in told], Deadline(8.0))
    assert live.adverts.keys() == {advert["listing_id"] for advert in told}


def shown_rows(page: PageRead, vocabulary: Vocabulary) -> Any:
    return json.loads(msgspec.json.encode([as_shown(entry, vocabulary) for entry in page.entries]))


def pages_of_the_list() -> Iterator[Any]:
    for path in sorted(FIXTURES.glob("danawa_list*")):
        yield pytest.param(saved.read(path), id=path.name)


@pytest.mark.parametrize("capture", [*pages_of_the_list()])
async def test_a_page_of_danawas_list_reads_live_as_in_replay(capture: saved.Capture, vocabulary: Vocabulary) -> None:
    wire = Wire()
    wire.response = capture.response
    pages = Pages(wire.danawa(), vocabulary, OffSale(lambda: 1000.0))
    number = int(capture.url.query.get("Page", "1"))
    reading = read(capture, vocabulary)
    try:
        page = await pages.read(number)
        if not page.cars and number == 1:
            await WholeReader(pages.read).read(None)
    except UpstreamError as error:
        assert reading.error is not None
        assert reading.error["message"] == str(error)
    else:
        assert reading.document is not None
        assert reading.document["rows"] == shown_rows(page, vocabulary)


@pytest.mark.parametrize("content_type", ["text/html", "text/html; charset=EUC-KR", 'text/html;Charset = "utf-8"'])
@pytest.mark.parametrize("encoding", ["utf-8", "cp949"])
async def test_the_text_of_danawas_list_is_decoded_live_as_in_replay(
    content_type: str, encoding: str, make: Make, vocabulary: Vocabulary
) -> None:
    body = saved.read(FIXTURES / "danawa_list").response.body.decode().encode(encoding, "replace")
    wire = Wire(body, content_type=content_type)
    page = await Pages(wire.danawa(), vocabulary, OffSale(lambda: 1000.0)).read(1)
    capture = saved.read(FIXTURES / "danawa_list")
    reading = read(msgspec.structs.replace(capture, response=wire.response), vocabulary)
    assert reading.document is not None
    assert reading.document["rows"] == shown_rows(page, vocabulary)


CALLS: dict[str, Callable[[Wire], Any]] = {
    "search": lambda wire: wire.encar().search(KIA, bytes, sort="Year", offset=0, limit=48, within_s=9),
    "facets": lambda wire: wire.encar().facets(KIA, bytes, within_s=9),
    "truck_search": lambda wire: wire.encar().search(
        TRUCKS, bytes, sort="Year", offset=0, limit=48, within_s=9, operation=OPERATIONS["truck_search"]
    ),
    "detail": lambda wire: wire.encar().detail("41985016", bytes, within_s=9),
    "batch": lambda wire: wire.encar().details(["41985016"], bytes, within_s=9),
    "page": lambda wire: wire.encar().page("41985016", bytes, within_s=9),
    "inspection": lambda wire: wire.encar().paper(OPERATIONS["inspection"], "41985016", bytes, within_s=9),
    "record": lambda wire: wire.encar().paper(OPERATIONS["record"], "41985016", bytes, within_s=9),
    "diagnosis": lambda wire: wire.encar().paper(OPERATIONS["diagnosis"], "41985016", bytes, within_s=9),
    "packages": lambda wire: wire.encar().paper(OPERATIONS["packages"], "41985016", bytes, within_s=9),
    "battery": lambda wire: wire.encar().paper(OPERATIONS["battery"], "41985016", bytes, within_s=9),
    "list": lambda wire: wire.danawa().page(1, lambda page: page.body, within_s=9),
    "feeder": lambda wire: wire.danawa().car("6100000001", bytes, within_s=9),
}


def test_every_operation_is_asked_live() -> None:
    assert CALLS.keys() == OPERATIONS.keys()
    circuits = (encar_client.MANNERS, danawa_client.LIST_MANNERS, danawa_client.FEEDER_MANNERS)
    assert [*dict.fromkeys(each.circuit for each in OPERATIONS.values())] == [
        name for policy in circuits for name in policy.operations
    ]


@pytest.mark.parametrize("name", OPERATIONS)
async def test_what_the_clients_ask_for_is_recognised_by_the_table(name: str) -> None:
    wire = Wire(b"{}")
    await CALLS[name](wire)
    [(circuit, url)] = wire.asked
    page = recognise(url)
    assert page is not None
    assert (page.operation, page.url, circuit) == (name, url, OPERATIONS[name].circuit)


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("status", [200, 404, 429, 500])
@pytest.mark.parametrize("body", [b"{}", b"", b"<html></html>", b'{"url": "/has_been_cr_blocked"}'])
async def test_an_answer_is_as_good_live_as_in_replay(
    name: str, status: int, body: bytes, make: Make, vocabulary: Vocabulary
) -> None:
    wire = Wire(body, status=status)
    live: str | None = None
    try:
        await CALLS[name](wire)
    except UpstreamError as error:
        live = str(error)
    reading = replayed(make, vocabulary, wire.asked[0][1], wire)
    if live is not None:
        assert reading.error is not None
        assert reading.error["message"] == live
    else:
        assert reading.error is None or reading.error["code"] == Drift.code


@pytest.mark.parametrize("asked_at", BASES)
@pytest.mark.parametrize(
    "name", [name for name, each in OPERATIONS.items() if "{id}" in each.path or each.id_parameter]
)
@given(data=st.data())
def test_a_car_is_recognised_by_every_number_that_its_site_can_give_it(
    name: str, asked_at: dict[str, URL], data: st.DataObject
) -> None:
    operation = OPERATIONS[name]
    number = data.draw(st.from_regex(LISTING_IDS[operation.host.upstream], fullmatch=True))
    asked = recognise(operation.url(asked_at[operation.host.setting], id=number), asked_at)
    assert asked == page_of(operation, number)


@pytest.mark.parametrize("number", ["0", "01", "1" * 20, "../1", "x", "", "1_", "\u0661"])  # the last: Arabic one
def test_what_is_no_number_of_a_car_is_no_subject(number: str, make: Make, vocabulary: Vocabulary) -> None:
    feeder = OPERATIONS["feeder"]
    addresses = (feeder.url(feeder.host.home, id=number), API / "v1/readside/vehicle" / (number or "x"))
    pages = map(recognise, addresses)
    subjects = {page.subject for page in pages if page is not None and page.subject is not None}
    assert subjects <= ({number} if LISTING_IDS["danawa"].fullmatch(number) else set())
    if not subjects:
        capture = make(str(feeder.url(feeder.host.home, id=number)))
        assert request_for(capture, vocabulary) is None


@given(offset=st.integers(0, 10**9 - 1), limit=st.integers(0, 10**9 - 1), sort=st.sampled_from(["Year", "PriceAsc"]))
def test_the_rows_that_an_address_names_are_read_back(offset: int, limit: int, sort: str) -> None:
    assert window_of(search_url(API, KIA, sort, offset, limit)) == Window(sort, offset, limit)


@pytest.mark.parametrize(
    "sr", ["", "|Year|0", "|Year|-1|48", "|Year|x|48", "|Year|0|" + "9" * 5_000, "Year|0|48", "|||"]
)
def test_rows_named_in_another_way_are_none(sr: str) -> None:
    assert window_of((API / "search/car/list/premium").with_query(q=KIA, sr=sr)) is None


def test_captures_import_nothing_of_the_application() -> None:
    folder = Path(dealerproxy.__file__).parent / "captures"
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.module not in {"dealerproxy.app", "dealerproxy.cli"}, path
