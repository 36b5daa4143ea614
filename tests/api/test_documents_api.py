"""The API's documents say what the code does, word by word, and their examples are real answers."""

import ast
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from msgspec import Struct

import dealerproxy
from dealerproxy.api import security
from dealerproxy.api.openapi import FAILURES
from dealerproxy.api.upstreams import Stock, Upstream
from dealerproxy.app import create_app
from dealerproxy.cli import _parser
from dealerproxy.contract import answers, detail, explain, headers, inspection, pricing, summary
from dealerproxy.contract.answers import REFRESHING, Buyable, SkipReason, Status
from dealerproxy.contract.detail import STALE, EnrichmentStatus, NotAsked
from dealerproxy.contract.inspection import NoReportReason
from dealerproxy.contract.terms import PAGE_MAX
from dealerproxy.sandbox.danawa.site import DanawaStandIn
from dealerproxy.sandbox.encar.site import EncarStandIn
from dealerproxy.sandbox.showcase import shown_car
from dealerproxy.sandbox.sites import serve
from dealerproxy.search.cursor import LIFETIME_S
from dealerproxy.serving.sandboxed import SANDBOX_RPS
from dealerproxy.settings import Settings
from dealerproxy.stock import rule, shelf
from dealerproxy.transport.errors import UpstreamError, UpstreamFault
from dealerproxy.upstreams.danawa import cars as danawa_cars
from dealerproxy.upstreams.danawa import stock
from dealerproxy.upstreams.encar import cars, facet_counts, search
from dealerproxy.upstreams.papers import OTHER_VEHICLE
from dealerproxy.vehicles.listing import LeftOutReason
from dealerproxy.vocabulary import Vocabulary
from tests.api import api_tables
from tests.api.api_tables import Field, children, fields_of, first_column, rows_under, section
from tests.api.document_examples import differences, examples, head_differences, shown_json
from tests.support.documents import document
from tests.support.harness import list_read, wired
from tests.support.inventories import generate, generate_danawa

API, FIELDS = "dealerproxy/api/README.md", "dealerproxy/api/FIELDS.md"
MOST_BYTES = 38_000
LINK = re.compile(r"\[([^]]+)\]\(([^)#]*)#([^)]+)\)")


class Told(NamedTuple):
    """The table of a struct: its document and heading. Fields that `base` describes alike stand in the base's table."""

    path: str
    heading: str
    struct: type[Struct]
    base: type[Struct] | None = None


TABLES = (
    Told(API, "Sources", answers.SourceState),
    Told(API, "Notices", answers.Notice),
    Told(API, "Documents", detail.Enrichment),
    Told(API, "Availability", answers.CarState),
    Told(API, "Filter values", answers.FacetsAnswer),
    Told(FIELDS, "Fields of a list", answers.VehicleList),
    Told(FIELDS, "Exchange rate", answers.FxShown),
    Told(FIELDS, "Fields of a row", summary.InsiderSummary),
    Told(FIELDS, "Prices", pricing.DetailPricing),
    Told(FIELDS, "The dealer object", summary.DealerFacts),
    Told(FIELDS, "The truck object", summary.TruckDetail),
    Told(FIELDS, "Fields of a car", detail.InsiderDetail, summary.InsiderSummary),
    Told(FIELDS, "The inspection report", inspection.InspectionReport),
    Told(FIELDS, "The dealer object of a car", detail.DealerDocuments, summary.DealerFacts),
    Told(FIELDS, "The insurance record", inspection.Record),
    Told(FIELDS, "Fields of a plan", explain.Explanation),
    Told(FIELDS, "Fields of an upstream", Upstream),
    Told(FIELDS, "Stock", Stock),
)
# Structs whose fields all stand in the table of another one.
PARTS: dict[type[Struct], type[Struct]] = {
    pricing.Pricing: pricing.DetailPricing,
    summary.TruckFacts: summary.TruckDetail,
    summary.VehicleSummary: summary.InsiderSummary,
    detail.VehicleDetail: detail.InsiderDetail,
}
# Structs of the contract that no answer holds, and one whose only field needs no table.
ELSEWHERE = {inspection.Inspection, inspection.NoReport, inspection.FactoryPackages, answers.AvailabilityAnswer}


@pytest.fixture(scope="module")
def api() -> str:
    return document(API)


@pytest.fixture(scope="module")
def fields() -> str:
    return document(FIELDS)


def test_the_document_of_the_api_is_short(api: str) -> None:
    assert len(api.encode()) <= MOST_BYTES


def test_parameters_have_the_words_and_values_of_the_openapi_document(api: str, vocabulary: Vocabulary) -> None:
    assert api_tables.parameter_table(vocabulary) in section(api, "Parameters of a list")
    assert re.findall(r"`(\w+)`", section(api, "Option tokens")) == list(vocabulary.options)


def test_errors_have_the_words_and_headers_of_the_openapi_document(api: str) -> None:
    assert api_tables.error_table() in section(api, "Errors")
    assert first_column_of_codes(api) == list(FAILURES)


def first_column_of_codes(api: str) -> list[str]:
    return re.findall(r"^\| \d{3} \| `(\w+)`", section(api, "Errors"), re.MULTILINE)


def test_headers_have_the_words_of_the_openapi_document(api: str) -> None:
    assert api_tables.request_header_table() in section(api, "Request headers")
    assert api_tables.response_header_table() in section(api, "Response headers")


def test_every_header_that_service_and_client_share_is_told(api: str) -> None:
    shared = {value for name, value in vars(headers).items() if name.isupper() and isinstance(value, str)}
    told = first_column(api, "Request headers") + first_column(api, "Response headers")
    assert shared <= set(told)
    assert all(f"`{name}" in api for name in (*security._ALWAYS, "Content-Security-Policy"))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.heading)
def test_each_field_has_its_type_and_says_when_it_is_null(table: Told) -> None:
    text = document(table.path)
    rows = rows_under(text, table.heading)
    known = fields_of(table.base) if table.base else {}
    told = {name: field for name, field in fields_of(table.struct).items() if not same(known.get(name), field)}
    expected = dict(walked(told, rows, ""))
    assert set(rows) == set(expected)
    for name, field in expected.items():
        row = rows[name]
        assert LINK.sub(r"\1", row.kind) == field.kind, name
        assert bool(row.null_when) == field.nullable, name
        words = set(re.findall(r"`([\w.]+)`", row.meaning))
        assert field.values <= words or LINK.search(row.meaning), name


def same(known: Field | None, field: Field) -> bool:
    return known is not None and (known.kind, known.nullable) == (field.kind, field.nullable)


def walked(told: dict[str, Field], rows: dict[str, Any], above: str) -> Iterator[tuple[str, Field]]:
    """All fields below some fields, by the names that the table has; a part with a link has a table of its own."""
    for name, field in told.items():
        path = above + name
        yield path, field
        if field.part is None:
            continue
        link = LINK.search(rows[path].kind) if path in rows else None
        if link:
            assert not list(children(rows, path)), path
            assert has_table(field.part, link[3]), path
            continue
        mark = {"list": "[]", "object of objects": ".*"}
        step = next((text for kind, text in mark.items() if field.kind.startswith(kind)), "")
        yield from walked(fields_of(field.part), rows, f"{path}{step}.")


def has_table(struct: type[Struct], anchor: str) -> bool:
    """Whether a heading has the table of a struct, or of one that it is a part of."""
    here = {table.struct for table in TABLES if table.heading.lower().replace(" ", "-") == anchor}
    return not here.isdisjoint({struct, PARTS.get(struct, struct)})


@pytest.mark.parametrize("part", PARTS, ids=lambda struct: struct.__name__)
def test_a_part_has_no_field_that_the_whole_lacks(part: type[Struct]) -> None:
    assert set(fields_of(part)) <= set(fields_of(PARTS[part]))


def test_every_struct_of_an_answer_is_told() -> None:
    told = {struct for table in TABLES for struct in reached(table.struct)} | set(PARTS)
    modules: tuple[ModuleType, ...] = (answers, detail, explain, inspection, pricing, summary)
    structs = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Struct) and value.__module__ == module.__name__
    }
    assert structs - told == ELSEWHERE


def reached(struct: type[Struct]) -> Iterator[type[Struct]]:
    yield struct
    for field in fields_of(struct).values():
        if field.part is not None:
            yield from reached(field.part)


STRUCTS = {struct.__name__: struct for table in TABLES for struct in reached(table.struct)}


@pytest.mark.parametrize("name", STRUCTS)
def test_the_words_of_a_models_docstring_stand_in_the_documents(name: str, api: str, fields: str) -> None:
    """So that a word that a field may have from now on cannot be missing."""
    words = set(re.findall(r"`([a-z_]+)`", vars(STRUCTS[name]).get("__doc__") or ""))
    assert {word for word in words if not re.search(rf"\b{word}\b", api + fields)} == set()


def test_every_status_of_a_source_is_told(api: str) -> None:
    assert first_column(api, "Statuses") == list(Status)


def test_every_reason_of_a_source_is_told_and_no_other(api: str) -> None:
    codes = {error.code for error in errors(UpstreamError)}
    assert set(first_column(api, "Reasons")) == codes | set(SkipReason) | {REFRESHING}


def errors(error: type[UpstreamError]) -> Iterator[type[UpstreamError]]:
    yield error
    for kind in error.__subclasses__():
        if kind.__module__ == UpstreamFault.__module__:
            yield from errors(kind)


def test_every_status_and_reason_of_a_document_is_told(api: str) -> None:
    text = section(api, "Documents")
    told = set(re.findall(r"`(\w+)`", text))
    assert {*EnrichmentStatus, *NotAsked, *NoReportReason, OTHER_VEHICLE, STALE, "not_found", "not_open"} <= told


def test_every_state_of_a_car_is_told(api: str) -> None:
    assert set(Buyable) <= set(re.findall(r"`(\w+)`", section(api, "Availability")))


def test_every_code_of_a_notice_is_told_and_no_other(api: str) -> None:
    table = first_column(api, "Notices")[len(fields_of(answers.Notice)) :]
    constant, patterns = set[str](), set[str]()
    for code in codes_of_notices():
        (patterns if "*" in code else constant).add(code)
    constant |= {f"left_out_{reason}" for reason in LeftOutReason}
    assert constant <= set(table)
    known = re.compile("|".join(pattern.replace("*", r"\w+") for pattern in patterns))
    assert [code for code in table if code not in constant and not known.fullmatch(code)] == []


def codes_of_notices() -> Iterator[str]:
    """The codes of all notices in the source, with `*` for a part that is computed."""
    package = Path(dealerproxy.__file__).parent
    for room in ("search", "upstreams", "api"):
        for file in (package / room).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Notice":
                    yield from (written(word.value) for word in node.keywords if word.arg == "code")
                if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "_COUNTED":
                    assert isinstance(node.value, ast.Dict)
                    yield from (written(key) for key in node.value.keys if key is not None)


def written(code: ast.expr) -> str:
    if isinstance(code, ast.Constant):
        return str(code.value)
    if isinstance(code, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in code.values)
    return "*nothing*"  # a name: its values are the keys of a table


AGES = {
    "48 rows of an Encar search": (Settings().list_fresh_s, 2 * Settings().list_fresh_s, search.IF_ERROR_S),
    "Encar listing in stock": (rule.FRESH_S, rule.WHOLE_S, shelf.USABLE_S),
    "Danawa's list": (stock.FRESH_S, shelf.USABLE_S),
    "car": (Settings().detail_fresh_s,),
    "inspection, record, diagnosis, packages, battery": (
        *(cars.PAPER_FRESH_S, cars.ABSENT_FRESH_S),
        *(cars.PAPER_IF_ERROR_S, danawa_cars.PAPER_IF_ERROR_S),
    ),
    "filter values": (facet_counts.FRESH_S, 2 * facet_counts.FRESH_S, facet_counts.IF_ERROR_S),
}
SECONDS = {"s": 1, "min": 60, "h": 3_600, "day": 86_400, "week": 7 * 86_400}
SPAN = re.compile(r"(\d+) (s|min|h|day|week)\b")


def spans(text: str) -> list[float]:
    """The spans of time in a text, in seconds."""
    return [float(count) * SECONDS[unit] for count, unit in SPAN.findall(text)]


@pytest.mark.parametrize("part", AGES)
def test_each_age_is_the_one_in_the_code(part: str, api: str) -> None:
    (row,) = re.findall(rf"^\| {re.escape(part)} \|(.*)\|$", section(api, "Ages and the cache"), re.MULTILINE)
    assert spans(row) == list(AGES[part])


def test_the_longest_times_and_the_last_page_are_those_of_the_code(api: str) -> None:
    (line,) = re.findall(r"^\* \*\*Time\*\*: (.*)$", section(api, "Conventions"), re.MULTILINE)
    assert spans(line) == [Settings().list_deadline_s, Settings().detail_deadline_s]
    paging = section(api, "Paging")
    assert (LIFETIME_S, "lasts an hour" in paging, f"at most {PAGE_MAX} rows" in paging) == (3_600, True, True)


def test_every_route_is_told_and_no_other(api: str, vocabulary: Vocabulary) -> None:
    app = create_app(wired("http://127.0.0.1:1"), vocabulary)
    routes = {
        f"{route.method} {route.resource.canonical}"
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD" and not PAGES.fullmatch(route.resource.canonical)
    }
    assert {route.partition("?")[0] for route in first_column(api, "Routes")} == routes


PAGES = re.compile(r"/|/docs.*|/static/.*")


@pytest.fixture
async def sandbox(vocabulary: Vocabulary) -> AsyncIterator[str]:
    """The address of a service over the cars that `dealerproxy sandbox` has if nothing else is asked for."""
    options = _parser().parse_args(["sandbox"])
    inventory = generate(options.seed, options.cars, trucks=options.cars // 20)
    inventory.insert(shown_car(inventory))
    encar = EncarStandIn(inventory)
    danawa = DanawaStandIn(generate_danawa(options.seed, options.cars // 4, also=inventory), faults=encar.faults)
    async with TestServer(serve(encar, danawa)) as sites:
        rates = {"encar_rps": SANDBOX_RPS, "danawa_rps": SANDBOX_RPS}
        app = create_app(wired(str(sites.make_url("")).rstrip("/"), **rates), vocabulary)
        async with TestServer(app) as service:
            await list_read(app)
            yield str(service.make_url("")).rstrip("/")


async def test_every_curl_line_is_answered_as_the_document_shows(api: str, sandbox: str) -> None:
    shown, met = list(examples(api)), set[str]()
    assert len(shown) >= 15
    async with aiohttp.ClientSession() as session:
        for example in shown:
            async with session.request(example.method, sandbox + example.path, data=example.data) as answer:
                text = await answer.text()
                wrong = list(head_differences(example.head, answer.status, answer.reason or "", answer.headers))
                if answer.content_type == "application/json":
                    wrong += differences(shown_json(example.body), json.loads(text))
                else:
                    wrong += differences(example.body.strip(), text, "text")
                assert not wrong, (example.path, text)
                met |= set(answer.headers)
    told = {name.lower() for name in re.findall(r"`([\w-]+)", section(api, "Response headers"))}
    assert {name.lower() for name in met} - {"content-type", "content-length", "date"} <= told
