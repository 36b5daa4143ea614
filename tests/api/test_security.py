"""What the documented walk through the OWASP API Security Top 10 says, where no other test says it already."""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.web_urldispatcher import DynamicResource, PlainResource

from dealerproxy.api import pages
from dealerproxy.api.security import MAX_BODY_BYTES
from dealerproxy.settings import Settings
from tests.api.conftest import KEY, Sandbox, Sandboxes
from tests.support.documents import document

TESTS = Path(__file__).parent.parent
RISKS = 10
NAMED = re.compile(r"`(test_\w+)`")
# All that is answered without a key: nothing about a car, and nothing that changes anything.
OPEN = {
    *("/", "/static/{file}", "/docs", "/docs/{file}", "/docs/pages/{name}", "/openapi.json"),
    *("/health/live", "/health/ready", "/metrics"),
}
ELSEWHERE = "elsewhere.test"


# The document


@pytest.fixture(scope="module")
def section() -> str:
    return document("dealerproxy/ops/README.md").partition("\n## Security\n")[2].partition("\n## ")[0]


def test_each_of_the_ten_risks_is_told_once_and_in_order_with_the_tests_that_prove_it(section: str) -> None:
    _, *risks = re.split(r"^\* \*\*API", section, flags=re.MULTILINE)
    assert [int(risk.split(" ", 1)[0]) for risk in risks] == list(range(1, RISKS + 1))
    assert all(NAMED.search(risk) for risk in risks)


def test_each_test_that_the_section_names_exists(section: str) -> None:
    existing = {
        name
        for path in TESTS.rglob("test_*.py")
        for name in re.findall(r"^\s*(?:async )?def (test_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    named = set(NAMED.findall(section))
    assert named
    assert named <= existing


# Who may ask


def routes(app: web.Application) -> Iterator[tuple[str, str]]:
    """Every method and path of the application."""
    for route in app.router.routes():
        assert isinstance(route.resource, PlainResource | DynamicResource)
        yield route.method, route.resource.canonical


async def test_without_a_key_no_route_answers_but_the_open_ones_and_those_only_read(
    sandboxes: Sandboxes,
) -> None:
    sandbox = await sandboxes.start(api_keys=f"an-old-key,{KEY}")
    found = set(routes(sandbox.app))
    assert {path for _, path in found if not path.startswith("/v1/")} == OPEN
    assert {method for method, path in found if path in OPEN} == {"GET", "HEAD"}
    for method, path in sorted(found):
        asked = path.replace("{name}", "encar").replace("{id}", "encar_1").replace("{file}", "status.js")
        status, _, body = await sandbox.ask(method, asked)
        assert (status == 401) == path.startswith("/v1/"), path
        if status == 401 and method != "HEAD":
            assert json.loads(body)["error"]["code"] == "missing_api_key"
    assert not sandbox.encar.calls


async def test_the_only_thing_a_caller_can_change_is_when_a_site_is_asked(sandbox: Sandbox) -> None:
    changing = {(method, path) for method, path in routes(sandbox.app) if method not in {"GET", "HEAD"}}
    orders = {("POST", f"/v1/upstreams/{{name}}/{order}") for order in ("reset", "pause", "resume")}
    assert changing == {*orders, ("POST", "/v1/vehicles/availability")}


def test_it_listens_to_this_machine_only_unless_told_otherwise() -> None:
    assert Settings().host == "127.0.0.1"


# What a request may do


async def test_no_header_of_a_request_leads_anywhere_or_comes_back(sandbox: Sandbox) -> None:
    headers = dict.fromkeys(
        ("Host", "Forwarded", "X-Forwarded-Host", "X-Forwarded-For", "X-Original-URL", "Origin", "Referer", "Cookie"),
        f"http://{ELSEWHERE}/",
    )
    for path in ("/v1/vehicles?make=Kia&model=K5", "/v1/upstreams", "/nowhere", "/", "/openapi.json"):
        status, told, body = await sandbox.ask("GET", path, headers={**headers, "Host": ELSEWHERE})
        assert status == (404 if path == "/nowhere" else 200)
        assert ELSEWHERE not in f"{told}{body.decode()}"
    for call in sandbox.encar.calls:
        assert ELSEWHERE not in str(call)


async def test_a_page_of_another_site_can_read_nothing(sandbox: Sandbox) -> None:
    for method, path in (("GET", "/v1/vehicles?make=Kia&model=K5"), ("OPTIONS", "/v1/vehicles"), ("GET", "/metrics")):
        _, headers, _ = await sandbox.ask(
            method, path, headers={"Origin": f"https://{ELSEWHERE}", "Access-Control-Request-Method": "GET"}
        )
        assert not [name for name in headers if name.lower().startswith("access-control-")]


async def test_a_body_that_unpacks_beyond_the_limit_is_refused(sandbox: Sandbox) -> None:
    bomb = gzip.compress(b"a" * 50_000_000)
    assert len(bomb) < MAX_BODY_BYTES
    status, _, body = await sandbox.ask(
        "POST", "/v1/vehicles/availability", headers={"Content-Encoding": "gzip"}, body=bomb
    )
    assert (status, json.loads(body)["error"]["code"]) == (413, "payload_too_large")


# What people see


async def test_no_page_runs_what_is_not_a_file_of_ours(sandbox: Sandbox) -> None:
    for path in ("/", "/docs", "/docs/pages/ops"):
        _, headers, _ = await sandbox.ask("GET", path)
        policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
        assert (policy["default-src"], policy["script-src"], policy["connect-src"]) == ("'none'", "'self'", "'self'")
        assert "unsafe" not in str(policy)


def test_no_script_of_ours_writes_markup() -> None:
    scripts = {path: path.read_text(encoding="utf-8") for path in pages.STATIC.glob("*.js")}
    assert scripts
    for path, text in scripts.items():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|srcdoc", text), path
