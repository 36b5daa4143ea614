"""The sandbox's document names each fault, operation, control route and field, with its default and values."""

import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, Literal, get_args, get_origin, get_type_hints

import aiohttp
import msgspec
import pytest
from aiohttp.test_utils import TestServer

from dealerproxy.sandbox import control
from dealerproxy.sandbox.danawa.cars import DanawaCar
from dealerproxy.sandbox.danawa.pages import Manners
from dealerproxy.sandbox.danawa.site import DanawaStandIn
from dealerproxy.sandbox.encar.cars import Car
from dealerproxy.sandbox.encar.site import Call, EncarStandIn
from dealerproxy.sandbox.faults import AnyFault, Fault
from dealerproxy.sandbox.photos import PHOTOS
from dealerproxy.sandbox.sites import serve
from dealerproxy.vocabulary import Vocabulary
from tests.api.conftest import Sandbox, Sandboxes
from tests.support.documents import document
from tests.support.inventories import generate, generate_danawa
from tests.support.shell import blocks, commands
from tests.test_shell_blocks import run_curl

DOCUMENT = "dealerproxy/sandbox/README.md"
FAULTS: Sequence[type[Fault]] = get_args(AnyFault)
REQUIRED = object()
# A field of a table, with its default in brackets.
FIELD = re.compile(r"`(\w+)`(?: \(([^)]*)\))?")


def section(heading: str) -> str:
    return document(DOCUMENT).partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def rows(text: str) -> Iterator[list[str]]:
    """The cells of each row of the tables, without their heads."""
    for line in re.findall(r"^\| (`.+) \|$", text, re.MULTILINE):
        yield [cell.strip() for cell in line.split(" |")]


def defaults(cell: str) -> dict[str, object]:
    return {name: json.loads(default) if default else REQUIRED for name, default in FIELD.findall(cell)}


def declared(kind: type[msgspec.Struct]) -> dict[str, object]:
    """The fields of a struct with their defaults, without those that all faults have."""
    found = msgspec.structs.fields(kind)
    of_all = Fault.__struct_fields__ if issubclass(kind, Fault) else ()
    made: dict[str, object] = {
        each.name: {} if each.default_factory is dict else REQUIRED if each.required else each.default for each in found
    }
    return {name: default for name, default in made.items() if name not in of_all}


def words_of(kind: type) -> Iterator[str]:
    """The allowed words of the fields of a type."""
    for hint in get_type_hints(kind).values():
        if get_origin(hint) is Literal:
            yield from map(str, get_args(hint))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__struct_config__.tag)
def test_the_table_of_faults_has_each_kind_with_its_fields_defaults_and_allowed_values(fault: type[Fault]) -> None:
    found = {kind: (named, says) for kind, named, says in rows(section("All faults"))}
    named, says = found[f"`{fault.__struct_config__.tag}`"]
    assert defaults(named) == declared(fault)
    assert all(re.search(rf"\b{word}\b", says) for word in words_of(fault))


def test_the_table_of_faults_has_no_other_kind_and_the_order_of_the_code() -> None:
    kinds = [kind.strip("`") for kind, *_ in rows(section("All faults"))]
    assert kinds == [fault.__struct_config__.tag for fault in FAULTS]


def test_the_fields_that_choose_requests_are_those_of_every_fault() -> None:
    assert [FIELD.findall(name)[0][0] for name, _ in rows(section("Switch on a fault"))] == list(
        Fault.__struct_fields__
    )


def test_the_variants_of_danawas_list_have_their_defaults_and_allowed_values() -> None:
    found = list(rows(section("Variants of Danawa's list")))
    assert {name: value for cell, _ in found for name, value in defaults(cell).items()} == declared(Manners)
    says = " ".join(text for _, text in found)
    assert all(f"`{word}`" in says for word in words_of(Manners))


@pytest.fixture(scope="module")
def routes() -> list[tuple[str, str, str | None]]:
    """Method, path and operation of each route of the stand-ins."""
    encar = EncarStandIn(generate(1, 40))
    app = serve(encar, DanawaStandIn(generate_danawa(1, 10), faults=encar.faults))
    return [
        (route.method, route.resource.canonical, route.name)
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    ]


def test_the_table_of_operations_has_each_with_its_address(routes: list[tuple[str, str, str | None]]) -> None:
    found = {name.strip("`"): path.strip("`") for name, path, _ in rows(section("What the stand-ins replace"))}
    assert found == {name: path for _, path, name in routes if name}


def test_the_table_of_control_routes_is_complete(routes: list[tuple[str, str, str | None]]) -> None:
    found = {tuple(route.strip("`").split(" ")) for route, *_ in rows(section("All control routes"))}
    ours = {(method, path) for method, path, name in routes if name is None}
    assert {(method, path) for method, path in ours if path.startswith(PHOTOS)} == {
        ("GET", f"{PHOTOS}/{{host}}/{{folders}}{{name}}")
    }
    assert found == ours


@pytest.mark.parametrize(
    ("route", "filters"),
    [("GET /__sandbox/cars", control._ENCAR_FILTERS), ("GET /__sandbox/danawa/cars", control._DANAWA_FILTERS)],
)
def test_the_lists_of_cars_name_their_filters(route: str, filters: Sequence[str]) -> None:
    found = {cells[0].strip("`"): cells[1] for cells in rows(section("All control routes"))}
    assert re.findall(r"`(\w+)`", found[route]) == list(filters)


def test_the_named_fields_of_cars_exist() -> None:
    encar, _, danawa = section("Sell, add and remove cars").partition("Useful fields of these:")
    for text, kind in ((encar, Car), (danawa, DanawaCar)):
        named = {name for cells in rows(text) for name in re.findall(r"`(\w+)`", cells[0])}
        assert named
        assert named <= {field.name for field in fields(kind)}


def test_the_members_of_a_call_are_those_of_the_code() -> None:
    text = section("See the calls")
    (shown,) = [json.loads(block) for language, block in blocks(text) if language == "json"]
    of_encar = {field.name for field in fields(Call)} - set(shown["data"][0])
    assert set(re.findall(r"`(\w+)`", text)) & of_encar == of_encar


@pytest.fixture
async def sandbox(vocabulary: Vocabulary) -> AsyncIterator[Sandbox]:
    async with AsyncExitStack() as stack:
        yield await Sandboxes(vocabulary, stack).start()


async def test_a_fault_is_switched_on_and_off_with_the_answers_that_the_document_names(sandbox: Sandbox) -> None:
    answers = []
    for command in commands(section("Switch on a fault")):
        status, body = await run_curl(command, sandbox)
        answers.append((status, json.loads(body or b"{}")))
    assert [status for status, _ in answers] == [200, 503, 200, 200, 200, 200]
    (encar,) = [each for each in answers[1][1]["error"]["details"]["sources"] if each["name"] == "encar"]
    assert encar["reason"] == "rate_limited"
    (seconds,) = re.findall(r"`retry_at` is (\d+) seconds later", section("Switch on a fault"))
    later = (datetime.fromisoformat(encar["retry_at"]) - datetime.now(UTC)).total_seconds()
    assert 0 < later < float(seconds) + 1.5  # the time is given in whole seconds
    assert answers[4][1]["data"]


async def test_the_sale_of_a_car_is_shown_as_the_document_says(sandbox: Sandbox) -> None:
    for command in commands(section("Sell, add and remove cars")):
        status, body = await run_curl(command, sandbox)
        assert status in {200, 201, 204}, command.words
        if command.words[-1] == '{"status": "SOLD"}':
            assert json.loads(body)["status"] == "SOLD"
            found, _, _ = await sandbox.ask("GET", "/v1/vehicles/encar_41985016?include=dealer")
            assert found in {404, 410}


async def test_the_example_in_python_starts_a_stand_in_that_blocks() -> None:
    (example,) = [block for language, block in blocks(document(DOCUMENT)) if language == "python"]
    names: dict[str, Any] = {}
    exec(compile(example, DOCUMENT, "exec"), names)
    server: TestServer = await names["blocked_encar"]()
    async with server, aiohttp.ClientSession() as session:
        statuses = []
        for _ in range(2):
            async with session.get(server.make_url("/search/car/list/premium"), params={"q": "Hidden.N."}) as answer:
                statuses.append(answer.status)
    assert statuses == [404, 200]
