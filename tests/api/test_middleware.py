"""What every request gets: an id, one log line, the error envelope, the key check."""

import asyncio
import os
import re
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from pytest_aiohttp import AiohttpClient
from structlog.testing import capture_logs

from dealerproxy.api import middleware
from dealerproxy.api.http import json_response
from dealerproxy.app import create_app
from dealerproxy.contract.errors import ApiError, Issue, invalid_cursor, validation_error
from dealerproxy.ops.metrics import Metrics
from dealerproxy.settings import Settings
from dealerproxy.vocabulary import Vocabulary

Client = TestClient[web.Request, web.Application]

GIVEN = "req_0123456789abcdef01234567"
SHAPE = re.compile(r"req_[0-9a-f]{24}")
# A text that must stay inside the process.
SECRET = "psql://root:hunter2@db"


async def fine(_: web.Request) -> web.Response:
    return json_response({"fine": True})


async def raises_api_error(_: web.Request) -> web.Response:
    raise ApiError(
        418, "teapot", "No coffee here.", details={"field": "drink", "allowed": ["tea"]}, headers={"Retry-After": "7"}
    )


async def raises_anything(_: web.Request) -> web.Response:
    raise RuntimeError(SECRET)


async def raises_too_large(_: web.Request) -> web.Response:
    raise web.HTTPRequestEntityTooLarge(max_size=1, actual_size=2)


async def raises_unavailable(_: web.Request) -> web.Response:
    raise web.HTTPServiceUnavailable(text=SECRET)


def small_app(keys: Sequence[str] = ()) -> web.Application:
    """The middleware around routes that go well and wrong."""
    checks = [middleware.access_log(Metrics().request), middleware.envelope, middleware.require_key(keys)]
    app = web.Application(middlewares=checks)
    app.router.add_get("/fine", fine)
    app.router.add_get("/v1/fine", fine)
    app.router.add_get("/v1/cars/{id}", fine)
    app.router.add_get("/api-error", raises_api_error)
    app.router.add_get("/bug", raises_anything)
    app.router.add_get("/too-large", raises_too_large)
    app.router.add_get("/unavailable", raises_unavailable)
    return app


@pytest.fixture
async def client(aiohttp_client: AiohttpClient) -> Client:
    return await aiohttp_client(small_app())


@pytest.fixture
async def locked(aiohttp_client: AiohttpClient) -> Client:
    return await aiohttp_client(small_app(["one", "two", "열쇠"]))


# Where nobody listens.
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
async def service(aiohttp_client: AiohttpClient, vocabulary: Vocabulary) -> Client:
    return await aiohttp_client(
        create_app(Settings(cursor_secret="s", api_keys="one,two", encar_api_url=NOBODY, danawa_url=NOBODY), vocabulary)
    )


async def raw(client: Client, *lines: bytes) -> tuple[int, dict[bytes, bytes], bytes]:
    """Send a request byte by byte as given; return status, headers (names in lower case) and body."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(b"\r\n".join([*lines, b"Host: test", b"Connection: close", b"", b""]))
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *rest = head.split(b"\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in rest)}
    return int(first.split()[1]), headers, body


# Request ids


@pytest.mark.parametrize("path", ["/fine", "/api-error", "/bug", "/nowhere", "/unavailable"])
async def test_a_well_formed_request_id_is_kept(client: Client, path: str) -> None:
    async with client.get(path, headers={"X-Request-Id": GIVEN}) as answer:
        assert answer.headers.getall("X-Request-Id") == [GIVEN]


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "req_",
        "req_0123456789abcdef0123456",
        "req_0123456789abcdef012345678",
        "req_0123456789ABCDEF01234567",
        "req_0123456789abcdef0123456g",
        "REQ_0123456789abcdef01234567",
        f"x{GIVEN}",
        f"{GIVEN},{GIVEN}",
        "req_٠١٢٣٤٥٦٧٨٩abcdef01234567",
        "요청",
        "x" * 4_000,
    ],
)
async def test_any_other_request_id_is_replaced_by_one_of_ours(client: Client, given: str | None) -> None:
    async with client.get("/fine", headers={} if given is None else {"X-Request-Id": given}) as answer:
        assert SHAPE.fullmatch(answer.headers["X-Request-Id"])
        assert answer.headers["X-Request-Id"] != given


async def test_a_request_id_that_is_no_text_is_replaced(client: Client) -> None:
    status, headers, _ = await raw(client, b"GET /fine HTTP/1.1", b"X-Request-Id: req_\xff\xfe")
    assert status == 200
    assert SHAPE.fullmatch(headers[b"x-request-id"].decode())


async def test_no_two_requests_get_the_same_id(client: Client) -> None:
    ids = {(await client.get("/fine")).headers["X-Request-Id"] for _ in range(50)}
    assert len(ids) == 50


@pytest.mark.parametrize("given", [GIVEN, None])
@pytest.mark.parametrize("path", ["/api-error", "/bug", "/nowhere"])
async def test_the_request_id_in_the_body_of_an_error_is_the_one_in_the_header(
    client: Client, path: str, given: str | None
) -> None:
    async with client.get(path, headers={"X-Request-Id": given} if given else {}) as answer:
        assert (await answer.json())["error"]["request_id"] == answer.headers["X-Request-Id"]


# The error envelope


async def error_of(client: Client, path: str, method: str = "GET") -> tuple[int, dict[str, Any]]:
    async with client.request(method, path, headers={"X-Request-Id": GIVEN}) as answer:
        assert answer.content_type == "application/json"
        content = await answer.json()
    assert list(content) == ["error"]
    assert list(content["error"]) == ["code", "message", "request_id", "details"]
    return answer.status, content["error"]


async def test_an_unknown_route_is_404_in_the_envelope(service: Client) -> None:
    status, error = await error_of(service, "/nowhere")
    assert (status, error) == (
        404,
        {"code": "not_found", "message": "Not Found", "request_id": GIVEN, "details": {}},
    )


async def test_an_unknown_method_is_405_in_the_envelope_with_the_allowed_ones(service: Client) -> None:
    async with service.post("/health/live") as answer:
        assert answer.status == 405
        assert answer.headers.getall("Allow") == ["GET,HEAD"]
        assert (await answer.json())["error"]["code"] == "method_not_allowed"
    status, error = await error_of(service, "/health/live", "DELETE")
    assert (status, error["message"], error["details"]) == (405, "Method Not Allowed", {})


async def test_a_method_nobody_ever_heard_of_is_405_too(service: Client) -> None:
    status, headers, body = await raw(service, b"PROPFIND /health/live HTTP/1.1")
    assert (status, headers[b"allow"]) == (405, b"GET,HEAD")
    assert orjson.loads(body)["error"]["code"] == "method_not_allowed"


async def test_an_api_error_keeps_its_status_code_message_details_and_headers(client: Client) -> None:
    assert await error_of(client, "/api-error") == (
        418,
        {
            "code": "teapot",
            "message": "No coffee here.",
            "request_id": GIVEN,
            "details": {"field": "drink", "allowed": ["tea"]},
        },
    )
    async with client.get("/api-error") as answer:
        assert answer.headers["Retry-After"] == "7"


async def test_an_unexpected_failure_is_a_generic_500_that_tells_nothing_of_the_inside(client: Client) -> None:
    with capture_logs() as lines:
        async with client.get("/bug") as answer:
            text = await answer.text()
            assert answer.status == 500
    error = orjson.loads(text)["error"]
    assert (error["code"], error["details"]) == ("internal_error", {})
    for inside in (SECRET, "hunter2", "RuntimeError", "Traceback", "middleware", ".py"):
        assert inside not in text + str(answer.headers)
    assert [line["event"] for line in lines] == ["request_failed", "request"]
    assert lines[0]["exc_info"]  # whoever reads the log does get the traceback


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [("/too-large", 413, "payload_too_large"), ("/unavailable", 503, "internal_error")],
)
async def test_an_http_error_of_the_framework_gets_the_envelope_without_its_text(
    client: Client, path: str, status: int, code: str
) -> None:
    answered, error = await error_of(client, path)
    assert (answered, error["code"]) == (status, code)
    assert SECRET not in error["message"]


async def test_the_head_of_an_error_has_no_body_but_the_id(client: Client) -> None:
    async with client.head("/nowhere", headers={"X-Request-Id": GIVEN}) as answer:
        assert (answer.status, answer.headers["X-Request-Id"], await answer.read()) == (404, GIVEN, b"")


def test_a_validation_error_carries_both_documented_shapes_and_the_allowed_values_of_the_first() -> None:
    error = validation_error([Issue("fuel", "No such fuel.", ["gasoline", "diesel"]), Issue("limit", "Too many.")])
    assert (error.status, error.code, error.message) == (400, "validation_error", "No such fuel.")
    assert error.details == {
        "field": "fuel",
        "issues": [{"path": "fuel", "message": "No such fuel."}, {"path": "limit", "message": "Too many."}],
        "allowed": ["gasoline", "diesel"],
    }
    assert "allowed" not in validation_error([Issue("limit", "Too many.")]).details


def test_an_invalid_cursor_names_its_field_and_the_reason() -> None:
    error = invalid_cursor("expired", "The cursor is too old.")
    assert (error.status, error.code) == (400, "invalid_cursor")
    assert error.details == {"field": "cursor", "reason": "expired"}


async def test_a_bad_query_of_the_service_is_a_validation_error_in_the_envelope(service: Client) -> None:
    async with service.get(
        "/v1/vehicles", params={"make": "BMW", "limit": "0"}, headers={"x-api-key": "one"}
    ) as answer:
        error = (await answer.json())["error"]
    assert (answer.status, error["code"], error["details"]["field"]) == (400, "validation_error", "limit")
    assert error["details"]["issues"][0]["path"] == "limit"
    assert error["request_id"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize("text", ["0", "-5", "1.5", "soon", "", "٣"])
async def test_a_deadline_header_that_is_no_number_of_milliseconds_is_a_validation_error(
    service: Client, text: str
) -> None:
    headers = {"x-api-key": "one", "X-Request-Deadline-Ms": text}
    async with service.get("/v1/vehicles", params={"make": "BMW", "upstream": "encar"}, headers=headers) as answer:
        error = (await answer.json())["error"]
    assert (answer.status, error["details"]["field"]) == (400, "X-Request-Deadline-Ms")


# Keys


async def test_without_configured_keys_everything_is_open(client: Client) -> None:
    for headers in ({}, {"x-api-key": "whatever"}):
        async with client.get("/v1/fine", headers=headers) as answer:
            assert answer.status == 200


async def test_a_missing_key_is_401_missing_api_key(locked: Client) -> None:
    status, error = await error_of(locked, "/v1/fine")
    assert (status, error["code"]) == (401, "missing_api_key")


@pytest.mark.parametrize("key", ["three", "", "on", "onee", "One", "one,two", "tw\u00f6", "\u200bone"])
async def test_a_wrong_key_is_401_invalid_api_key_and_not_repeated(locked: Client, key: str) -> None:
    async with locked.get("/v1/fine", headers={"x-api-key": key}) as answer:
        error = (await answer.json())["error"]
    assert (answer.status, error["code"]) == (401, "invalid_api_key")
    assert error["message"] == "The x-api-key header holds no valid key."


@pytest.mark.parametrize("key", ["one", "two", "열쇠"])
async def test_any_of_the_configured_keys_is_accepted(locked: Client, key: str) -> None:
    async with locked.get("/v1/fine", headers={"X-API-Key": key}) as answer:
        assert answer.status == 200


async def test_a_key_that_is_no_text_is_a_wrong_key(locked: Client) -> None:
    status, _, body = await raw(locked, b"GET /v1/fine HTTP/1.1", b"x-api-key: \xff\xfe")
    assert (status, orjson.loads(body)["error"]["code"]) == (401, "invalid_api_key")


async def test_a_configured_key_that_is_no_text_shuts_nobody_else_out(aiohttp_client: AiohttpClient) -> None:
    # How the environment hands on a byte that is no UTF-8.
    client = await aiohttp_client(small_app(["\udcff", "one"]))
    async with client.get("/v1/fine", headers={"x-api-key": "one"}) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    "target",
    [
        b"/v1/fine",
        b"/%761/fine",
        b"/v1%2Ffine",
        b"//v1/fine",
        b"/./v1/fine",
        b"/x/../v1/fine",
        b"http://elsewhere.test/v1/fine",
        b"/V1/fine",
    ],
)
async def test_no_spelling_of_the_path_leads_past_the_key(locked: Client, target: bytes) -> None:
    status, _, body = await raw(locked, b"GET " + target + b" HTTP/1.1")
    assert status in {401, 404}
    assert b"fine" not in body


async def test_an_unknown_path_below_v1_says_nothing_to_whoever_has_no_key(locked: Client) -> None:
    assert (await error_of(locked, "/v1/nowhere"))[0] == 401
    async with locked.get("/v1/nowhere", headers={"x-api-key": "one"}) as answer:
        assert answer.status == 404


async def test_outside_of_v1_no_key_is_asked_for(locked: Client) -> None:
    async with locked.get("/fine") as answer:
        assert answer.status == 200
    assert (await error_of(locked, "/v1"))[0] == 404


async def test_the_service_itself_is_locked_by_its_setting(service: Client) -> None:
    for headers, status in (({}, 401), ({"x-api-key": "three"}, 401), ({"x-api-key": "two"}, 200)):
        async with service.get("/v1/vehicles", params={"source": "glovis"}, headers=headers) as answer:
            assert answer.status == status
    async with service.get("/health/live") as answer:
        assert answer.status == 200


# The log


async def test_a_request_is_one_line_with_id_method_route_status_and_time(client: Client) -> None:
    with capture_logs() as lines:
        await client.get("/v1/cars/encar_1?secret=1", headers={"X-Request-Id": GIVEN})
    (line,) = lines
    assert line.pop("ms") >= 0
    assert line.pop("worker") == os.getpid()
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": "GET",
        "route": "/v1/cars/{id}",
        "status": 200,
        "request_id": GIVEN,
    }


@pytest.mark.parametrize(
    ("path", "status"), [("/nowhere", 404), ("/api-error", 418), ("/bug", 500), ("/too-large", 413)]
)
async def test_a_failed_request_is_logged_with_the_status_it_was_answered_with(
    client: Client, path: str, status: int
) -> None:
    with capture_logs() as lines:
        await client.get(path)
    assert [line["status"] for line in lines if line["event"] == "request"] == [status]


async def test_paths_nobody_knows_share_one_name_in_the_log(client: Client) -> None:
    with capture_logs() as lines:
        for number in range(3):
            await client.get(f"/nowhere/{number}")
    assert {line["route"] for line in lines} == {"unmatched"}


async def test_no_key_is_ever_logged(locked: Client) -> None:
    with capture_logs() as lines:
        for key in ("one", "a-wrong-one"):
            await locked.get("/v1/fine", headers={"x-api-key": key})
    assert len(lines) == 2
    assert "one" not in str(lines)
