"""The OpenAPI document is valid, says all there is and nothing else, and its examples are real answers."""

import ast
import asyncio
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest

import dealerproxy
from dealerproxy.api import middleware, openapi, parameters
from dealerproxy.api.openapi import EXAMPLES, FAILURES
from dealerproxy.app import create_app
from dealerproxy.contract.errors import ApiError
from dealerproxy.contract.ids import site_and_number
from dealerproxy.search import query
from dealerproxy.settings import Settings
from dealerproxy.vocabulary import Vocabulary
from tests.api.conftest import KEY, Sandbox, Sandboxes
from tests.api.recording import Recorded, record
from tests.support.passing import OF_THE_DAY

HERE = Path(__file__).parent
WRITE = "DEALERPROXY_TEST_WRITE_EXAMPLES"
# What every server says, and nobody has to tell.
USUAL_HEADERS = {
    *("content-type", "content-length", "date", "server", "connection"),
    *("x-content-type-options", "referrer-policy", "content-security-policy"),
}
# Pages for people and what they load.
PAGES = re.compile(r"/|/docs|/docs/pages/\{name\}|/(docs|static)/\{file\}")
# What differs from run to run: moments, ages, cursors (sealed with a moment in them), and counts of the whole process.
PASSING = {
    *("retry_at", "since", "until", "resets_at", "age_s", "next_cursor", "as_of", "started_at", "now", "mean_ms"),
    "used",
    *("version", "minutes", "cache", "drift", "untranslated", "stock"),
    *OF_THE_DAY,
}

Parse = Callable[[Mapping[str, Sequence[str]]], object]


@pytest.fixture(scope="module")
def document(vocabulary: Vocabulary) -> dict[str, Any]:
    """The document as JSON has it."""
    made: dict[str, Any] = orjson.loads(orjson.dumps(openapi.document(vocabulary, guarded=False)))
    return made


@pytest.fixture(scope="module")
def records(vocabulary: Vocabulary) -> Mapping[str, Recorded]:
    """What the sandbox answers, by the names of the examples."""

    async def recorded() -> Mapping[str, Recorded]:
        async with AsyncExitStack() as stack:
            return await record(Sandboxes(vocabulary, stack))

    return asyncio.run(recorded())


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Path, method and operation of all of them."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def references(part: object) -> Iterator[str]:
    """Every `$ref` inside."""
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    validator = pytest.importorskip("openapi_spec_validator", reason="openapi-spec-validator is not installed")
    validator.validate(document)


def test_every_name_in_it_is_plain_and_used(document: dict[str, Any]) -> None:
    """A model whose name is taken would get one with its module's path."""
    used = set(references(document))
    components = document["components"]
    names = {f"#/components/{kind}/{name}" for kind, members in components.items() for name in members}
    assert used <= names
    unused = names - used
    assert {name for name in unused if "/securitySchemes/" not in name and "/responses/" not in name} == set()
    assert all(re.fullmatch(r"[A-Za-z]+", name) for name in components["schemas"])
    assert len({operation["operationId"] for _, _, operation in operations(document)}) == len(document["paths"])


def test_every_route_is_told_and_no_other(document: dict[str, Any], vocabulary: Vocabulary) -> None:
    app = create_app(Settings(), vocabulary)
    routes = {
        (route.resource.canonical, route.method.lower())
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    told = {(path, method) for path, method, _ in operations(document)}
    assert {route for route in routes if not PAGES.fullmatch(route[0])} == told


def test_every_error_code_is_told_with_its_status() -> None:
    raised = set(raised_codes())
    raised |= {(status, code) for status, code in middleware._HTTP_CODES.items()}
    raised |= {(400, "bad_request")}
    assert raised == {(failure.status, code) for code, failure in FAILURES.items()}


def raised_codes() -> Iterator[tuple[int, str]]:
    """The status and code of every ApiError that the service makes, out of its source."""
    package = Path(dealerproxy.__file__).parent
    for file in package.rglob("*.py"):
        if file.relative_to(package).parts[0] in {"client", "sandbox"}:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "ApiError":
                status, code = node.args[:2]
                if isinstance(status, ast.Constant) and isinstance(code, ast.Constant):
                    yield int(str(status.value)), str(code.value)


def test_with_keys_all_of_v1_asks_for_one_and_nothing_else(vocabulary: Vocabulary) -> None:
    document = openapi.document(vocabulary, guarded=True)
    assert document["security"] == [{"key": []}]
    open_to_all = {path for path, _, operation in operations(document) if operation.get("security") == []}
    assert open_to_all == {path for path in document["paths"] if not path.startswith("/v1/")}


class Asked(dict[str, Sequence[str]]):
    """No parameters at all; it notes which were looked for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return default


def test_the_parameters_told_are_those_the_parser_reads(vocabulary: Vocabulary) -> None:
    def read_by(parse: Parse) -> set[str]:
        asked = Asked()
        try:
            parse(asked)
        except ApiError as error:
            assert error.code == "validation_error"
        return asked.names

    of_lists = read_by(lambda asked: query.parse(asked, vocabulary)) | read_by(query.parse_ids)
    assert of_lists == named(parameters.of_list(vocabulary))
    assert read_by(query.parse_display) == named(parameters.of_car())
    assert read_by(query.parse_sources) == named(parameters.of_facets())


def named(told: Sequence[Mapping[str, Any]]) -> set[str]:
    return {parameter["name"] for parameter in told}


def read(vocabulary: Vocabulary, name: str, value: object) -> ApiError | None:
    """Read one parameter, with the others that it needs; the refusal, if it is refused."""
    try:
        query.parse({"make": ["Kia"], name: [str(value)]}, vocabulary)
    except ApiError as error:
        return error
    return None


def test_every_word_told_is_understood_and_no_other_is(vocabulary: Vocabulary) -> None:
    checked = 0
    for parameter in parameters.of_list(vocabulary):
        schema = parameter["schema"]
        words = schema.get("enum") or schema.get("items", {}).get("enum")
        if words:
            assert [word for word in words if read(vocabulary, parameter["name"], word)] == []
            refusal = read(vocabulary, parameter["name"], "nonsense")
            assert refusal is not None
            assert refusal.details["allowed"] == words
            checked += 1
    assert checked >= 10


def test_every_colour_told_is_understood(vocabulary: Vocabulary) -> None:
    colour = next(each for each in parameters.of_list(vocabulary) if each["name"] == "color")
    told = re.findall(r"`(\w+)`", colour["description"])
    assert len(told) > 10
    assert [word for word in told if read(vocabulary, "color", word)] == []


def test_every_bound_told_is_the_last_value_that_is_read(vocabulary: Vocabulary) -> None:
    checked = 0
    for parameter in parameters.of_list(vocabulary):
        schema = parameter["schema"]
        if "minimum" in schema:
            step = 1 if schema["type"] == "integer" else 0.001
            for inside, outside in (
                (schema["minimum"], schema["minimum"] - step),
                (schema["maximum"], schema["maximum"] + step),
            ):
                assert read(vocabulary, parameter["name"], inside) is None
                assert read(vocabulary, parameter["name"], outside) is not None
            checked += 1
    assert checked >= 8


def test_several_words_are_told_of_where_several_are_read(vocabulary: Vocabulary) -> None:
    checked = 0
    for parameter in parameters.of_list(vocabulary):
        schema = parameter["schema"]
        words = schema.get("items", schema).get("enum", ())
        if len(words) > 1:
            refused = read(vocabulary, parameter["name"], ",".join(words)) or ""
            assert ("takes one value" in str(refused)) is (schema["type"] != "array"), parameter["name"]
            checked += 1
    assert checked >= 8


def test_the_defaults_told_are_the_parsers(vocabulary: Vocabulary) -> None:
    told = {each["name"]: each["schema"].get("default") for each in parameters.of_list(vocabulary)}
    given = query.parse({"make": ["Kia"]}, vocabulary)
    assert (told["sort"], told["limit"]) == (given.sort, given.limit)


def test_the_ids_told_of_a_list_are_those_that_are_read(vocabulary: Vocabulary) -> None:
    (ids,) = (each["schema"] for each in parameters.of_list(vocabulary) if each["name"] == "ids")
    assert ids["items"] == {"type": "string", "pattern": parameters.DEALER_ID}

    def read(count: int) -> int:
        """Read so many ids; how many issues there are."""
        try:
            query.parse_ids({"ids": [",".join(f"encar_{number}" for number in range(1, count + 1))]})
        except ApiError as error:
            return len(error.details["issues"])
        return 0

    least, most = ids["minItems"], ids["maxItems"]
    assert [read(count) for count in (least - 1, least, most, most + 1)] == [1, 0, 0, 1]


def test_ids_are_told_as_availability_reads_them() -> None:
    shape = re.compile(parameters.DEALER_ID)
    for text in ("encar_1", "encar_0", "encar_" + "9" * 19, "encar_" + "9" * 20, "danawa_0", "danawa_" + "1" * 20, "x"):
        assert bool(shape.fullmatch(text)) is (site_and_number(text) is not None), text


def test_the_examples_are_what_the_sandbox_answers(records: Mapping[str, Recorded]) -> None:
    recorded = {name: {"summary": each.summary, "value": each.value} for name, each in records.items()}
    if os.environ.get(WRITE):
        EXAMPLES.write_bytes(orjson.dumps(recorded, option=orjson.OPT_INDENT_2) + b"\n")
    stored = orjson.loads(EXAMPLES.read_bytes())
    assert stored.keys() == recorded.keys()
    for name, example in recorded.items():
        assert lasting(example) == lasting(stored[name]), name


def lasting(part: Any) -> Any:
    """A value without what passes; that there was something, or nothing, lasts."""
    if isinstance(part, dict):
        return {key: (inner is not None) if key in PASSING else lasting(inner) for key, inner in part.items()}
    return [lasting(inner) for inner in part] if isinstance(part, list) else part


def test_every_answer_of_the_sandbox_fits_its_model_and_its_schema(
    records: Mapping[str, Recorded], document: dict[str, Any]
) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema comes with openapi-spec-validator")
    for name, recorded in records.items():
        model = recorded.model
        typed = msgspec.convert(recorded.value, model)
        assert orjson.loads(msgspec.json.encode(typed)) == recorded.value, name
        schema = {"$ref": f"#/components/schemas/{model.__name__}", "components": document["components"]}
        errors = list(jsonschema.Draft202012Validator(schema).iter_errors(recorded.value))
        assert errors == [], name


def test_every_answer_of_the_sandbox_is_told_with_its_example_status_and_headers(
    records: Mapping[str, Recorded], document: dict[str, Any]
) -> None:
    shown = 0
    for name, recorded in records.items():
        operation = operation_of(document, recorded.method, recorded.path)
        if operation is None:  # an unknown route or method
            continue
        answer = operation["responses"][str(recorded.status)]
        assert name in answer["content"]["application/json"]["examples"]
        assert recorded.headers - USUAL_HEADERS <= {header.lower() for header in answer["headers"]}, name
        shown += 1
    assert shown >= 25


def operation_of(document: Mapping[str, Any], method: str, path: str) -> Mapping[str, Any] | None:
    """The operation that a request is for; a path told as such comes before a template."""
    plain = path.partition("?")[0]
    for template, methods in sorted(document["paths"].items(), key=lambda told: "{" in told[0]):
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), plain):
            found: Mapping[str, Any] | None = methods.get(method.lower())
            return found
    return None


async def test_the_document_is_answered_with_a_tag_and_without_a_key(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.start(api_keys=KEY)
    status, headers, body = await sandbox.ask("GET", "/openapi.json")
    assert status == 200
    assert headers["Content-Type"].startswith("application/json")
    assert orjson.loads(body)["security"] == [{"key": []}]
    status, _, body = await sandbox.ask("GET", "/openapi.json", headers={"If-None-Match": headers["ETag"]})
    assert (status, body) == (304, b"")


@pytest.mark.slow
async def test_schemathesis_finds_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    command = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    if command is None:
        pytest.skip("schemathesis is not installed beside this Python")
    process = await asyncio.create_subprocess_exec(
        command,
        *("--no-color", "--config-file", str(HERE / "schemathesis.toml")),
        *("run", sandbox.url + "/openapi.json", "--max-examples", "30", "--continue-on-failure"),
        cwd=tmp_path,
        env=os.environ | {"SCHEMATHESIS_HOOKS": str(HERE / "schemathesis_checks.py")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await process.communicate()
    assert process.returncode == 0, told.decode()
    assert b"No issues found" in told
