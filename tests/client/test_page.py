"""The main API of the client's page runs as copied; its curl lines are answered, its snippets run."""

import ast
import asyncio
import importlib.util
import os
import shlex
import signal
import sys
import types
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from dealerproxy import client
from dealerproxy.client import Owner, Snapshot, take_snapshot
from dealerproxy.sandbox.faults import Block
from tests.client import main_api
from tests.client.conftest import Answer, MainApiHarness, Scripted, failure, says, served
from tests.client.page import PATH, blocks, table
from tests.support.documents import document

EXAMPLE, *SNIPPETS = blocks("python")
CURLS = [line for text in blocks("sh") for line in text.splitlines() if line.startswith("curl")]
ID = "encar_41985016"
KEY = {"x-api-key": "lmn_prd_acme"}
GENEROUS_S = 30.0


def test_the_main_api_of_the_page_is_the_one_that_the_other_tests_use() -> None:
    assert document("tests/client/main_api.py") == EXAMPLE


@pytest.fixture
def copied(tmp_path: Path) -> types.ModuleType:
    """The example as a module of its own, in a folder of its own."""
    path = tmp_path / "copied_main_api.py"
    path.write_text(EXAMPLE, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("copied_main_api", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@asynccontextmanager
async def running(module: types.ModuleType, service: str, folder: Path) -> AsyncIterator[TestClient[Any, Any]]:
    async with AsyncExitStack() as stack:
        app = await module.create_app(service, folder / "watch.json")
        yield await stack.enter_async_context(TestClient(await served(stack, app)))


async def asked(api: TestClient[Any, Any], path: str, body: object = None) -> Any:
    async with api.request("GET" if body is None else "POST", path, headers=KEY, json=body) as response:
        return response.status, await response.json(), response.headers


async def test_the_copied_main_api_lists_shows_orders_and_checks_cars(
    house: MainApiHarness, copied: types.ModuleType, tmp_path: Path
) -> None:
    async with running(copied, house.service, tmp_path) as api:
        status, page, _ = await asked(api, "/v1/vehicles?make=Hyundai&limit=10")
        assert (status, {row["source"] for row in page["data"]}) == (200, {"sk", "dealer"})
        assert len(page["data"]) == 10
        status, following, _ = await asked(api, f"/v1/vehicles?make=Hyundai&limit=10&cursor={page['next_cursor']}")
        auction = [row["id"] for row in (*page["data"], *following["data"]) if row["source"] == "sk"]
        assert (status, auction) == (200, [row["id"] for row in main_api.AUCTION])
        assert (await asked(api, "/v1/vehicles?source=dealer"))[1]["error"]["details"]["field"] == "make"

        _, car, _ = await asked(api, f"/v1/vehicles/{ID}")
        status, order, sent = await asked(api, "/v1/orders", {"vehicle_id": ID})
        assert (status, order) == (201, {"price_usd": car["pricing"]["listing_price"], "fx_rate": 1347.52})
        assert sent["X-Request-Id"].startswith("req_")
        checked = f"/v1/vehicles/availability?ids={ID},encar_1,sk_18"
        _, states, _ = await asked(api, checked)
        assert [state["status"] for state in states["data"]] == ["available", "gone"]

        house.encar.inventory.change("41985016", status="SOLD")
        assert (await asked(api, f"/v1/vehicles/{ID}"))[:2] == (200, car)
        status, body, _ = await asked(api, "/v1/orders", {"vehicle_id": ID})
        assert (status, body["error"]["details"]) == (410, {"reason": "sold"})
        async with api.get(f"/v1/vehicles/{ID}", headers={"x-api-key": "lmn_stg_acme"}) as response:
            assert response.status == 404  # ordered under the other environment


async def test_the_copied_main_api_watches_cars_and_goes_on_after_a_restart(
    house: MainApiHarness, copied: types.ModuleType, tmp_path: Path
) -> None:
    vars(copied)["WATCH_EVERY_S"] = 0.01

    async def events(api: TestClient[Any, Any]) -> list[tuple[str, str]]:
        async with asyncio.timeout(GENEROUS_S):
            found: list[Any] = []
            while not found:
                found = (await asked(api, "/v1/changes"))[1]["data"]
        return [(change["id"], change["event"]) for change in found]

    house.encar.inventory.change("41985016", status="SOLD")
    async with running(copied, house.service, tmp_path) as api:
        assert await events(api) == [(ID, "sold")]
    house.encar.inventory.change("41985016", status="ADVERTISE")
    async with running(copied, house.service, tmp_path) as api:
        assert await events(api) == [(ID, "back")]


async def test_the_copied_main_api_answers_with_auction_rows_while_the_service_is_down(
    copied: types.ModuleType, tmp_path: Path
) -> None:
    async with running(copied, "http://127.0.0.1:1", tmp_path) as api:
        status, page, sent = await asked(api, "/v1/vehicles?make=Kia")
        assert (status, len(page["data"])) == (200, len(main_api.AUCTION))
        assert sent["X-LMN-Partial-Dealer-Unavailable"] == "encar,danawa"
        status, body, _ = await asked(api, "/v1/vehicles?make=Kia&source=dealer")
        assert (status, body["error"]["details"]) == (503, {})


DANAWA_DOWN = (Block(operation="danawa_list"), Block(operation="feeder"))
ENCAR_DOWN = tuple(Block(operation=name) for name in ("search", "batch", "detail", "page"))
QUESTIONS = {
    "mixed list": "/v1/vehicles?source=sk,dealer&make=Hyundai",
    "list of dealer cars": "/v1/vehicles?source=dealer&make=Hyundai",
    "car": f"/v1/vehicles/{ID}",
    "order": "/v1/orders",
    "availability": f"/v1/vehicles/availability?ids={ID}",
    "watch": "/v1/changes",
}
TROUBLES = table("## What happens in trouble")


def told(trouble: str, question: str) -> str:
    """A cell of the table of troubles."""
    return table("## What happens in trouble", 1 + list(QUESTIONS).index(question))[TROUBLES.index(trouble)]


async def found(api: TestClient[Any, Any], question: str) -> tuple[str, str]:
    """What the table says first of an answer, and the failed sources that the answer names."""
    body = {"vehicle_id": ID} if question == "order" else None
    status, content, sent = await asked(api, QUESTIONS[question], body)
    if question == "watch":
        return "no event" if content["data"] == [] else "event", ""
    unknown = status == 200 and question == "availability"
    return content["data"][0]["status"] if unknown else str(status), sent.get("X-LMN-Partial-Dealer-Unavailable", "")


@pytest.mark.parametrize(
    ("trouble", "names"), [("one site fails", "encar"), ("both sites fail", "encar,danawa")], ids=["one", "both"]
)
async def test_the_copied_main_api_answers_as_the_page_says_when_sites_fail(
    house: MainApiHarness, copied: types.ModuleType, tmp_path: Path, trouble: str, names: str
) -> None:
    house.breaks(*ENCAR_DOWN, *(DANAWA_DOWN if "danawa" in names else ()))
    async with running(copied, house.service, tmp_path) as api:
        for question in QUESTIONS:
            first, named = await found(api, question)
            assert told(trouble, question).replace("`", "").startswith(first), question
            assert named == (names if question.endswith(("list", "cars")) else named)
            assert named or "header" not in told(trouble, question)


@pytest.mark.parametrize(
    ("trouble", "answer"),
    [
        ("service is down, slow or unreadable", says(b"<html>", 502)),
        ("service is down, slow or unreadable", failure(500, "internal_error")),
        ("service rejects the key", failure(401, "invalid_api_key")),
    ],
    ids=["unreadable", "internal_error", "key"],
)
async def test_the_copied_main_api_answers_as_the_page_says_when_the_service_fails(
    scripted: Scripted, copied: types.ModuleType, tmp_path: Path, trouble: str, answer: Answer
) -> None:
    scripted.says(answer)
    async with running(copied, scripted.url, tmp_path) as api:
        for question in QUESTIONS:
            first, named = await found(api, question)
            assert told(trouble, question).startswith((first, "raises `DealerError`")), question
            assert named == ("" if question == "watch" else "encar,danawa")


async def test_the_file_runs_as_a_program(house: MainApiHarness, tmp_path: Path) -> None:
    (tmp_path / "main_api.py").write_text(EXAMPLE, encoding="utf-8")
    env = {**os.environ, "SERVICE_URL": house.service, "PORT": "0", "PYTHONUNBUFFERED": "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "main_api.py", cwd=tmp_path, env=env, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(GENEROUS_S):
            line = (await process.stdout.readline()).decode()
            port = line.split(":")[-1].split()[0]
            async with house.session.get(f"http://127.0.0.1:{port}/v1/vehicles/{ID}", headers=KEY) as response:
                assert (response.status, (await response.json())["id"]) == (200, ID)
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert (tmp_path / "watch.json").exists()


async def test_the_curl_lines_of_the_page_are_answered(
    house: MainApiHarness, copied: types.ModuleType, tmp_path: Path
) -> None:
    assert len(CURLS) >= len(main_api.MainApi(house.dealer, tmp_path).routes())
    async with running(copied, house.service, tmp_path) as api:
        for line in CURLS:
            _, _, flag, header, url, *data = shlex.split(line)
            name, _, value = header.partition(": ")
            assert (flag, name, url.startswith("http://127.0.0.1:8000/")) == ("-H", "x-api-key", True)
            path, method = url.removeprefix("http://127.0.0.1:8000"), "POST" if data else "GET"
            async with api.request(method, path, headers={name: value}, data=data[1] if data else None) as response:
                assert response.status in {200, 201}


async def test_the_snippets_of_the_page_run(house: MainApiHarness) -> None:
    taken = await take_snapshot(house.dealer, Owner("acme", "production", ID))
    namespace: dict[str, Any] = {**vars(client), "dealer": house.dealer, "stored": taken.encode()}
    for snippet in SNIPPETS:
        running_now = eval(compile(snippet, PATH, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), namespace)
        if running_now is not None:
            await running_now
    assert "Kia" in namespace["body"]["makes"]
    assert len(namespace["ids"]) == len(set(namespace["ids"])) > 48
    assert namespace["failed"] == set()
    assert Snapshot.decode(namespace["stored"]) == taken
