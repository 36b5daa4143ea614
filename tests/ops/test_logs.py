"""The log of a running service: a line for each request and each trouble, and nothing that is nobody's business."""

import asyncio
import itertools
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import aiohttp
import pytest
import structlog
from yarl import URL

from dealerproxy import logs
from dealerproxy.contract.rate import Rate, now_kst
from dealerproxy.sandbox.showcase import SHOWN_ID
from dealerproxy.transport.fetch import Fetcher, FetchPolicy
from dealerproxy.transport.health import Health
from dealerproxy.transport.limits import RateLimiter
from dealerproxy.transport.response import json_body
from dealerproxy.transport.retry import Retries
from dealerproxy.transport.turns import TurnQueue
from dealerproxy.vehicles.fx import FxRates
from tests.ops.running import GENEROUS_S, Sandbox
from tests.support.log_events import documented_events

KEY, OTHER_KEY, WRONG_KEY = "lmn_key_of_the_main_api", "lmn_second_key", "lmn_no_key_at_all"
FX_KEY, REDIS_KEY, CURSOR = "fx-key-31415", "redis-key-27182", "lgHOaCursorThatIsNone"
RATE = "1399.77"
CAR = f"/v1/vehicles/encar_{SHOWN_ID}"


class Asked(NamedTuple):
    """A request, its id, and how it was answered."""

    request_id: str
    route: str
    status: int
    answer: Any


class Ran(NamedTuple):
    """What was asked, under a name each, and the lines that were written."""

    asked: Mapping[str, Asked]
    text: str
    document: Any

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def about(self, name: str, event: str) -> list[dict[str, Any]]:
        """The lines of an event that bear the id of a request."""
        request_id = self.asked[name].request_id
        return [line for line in self.lines if line["event"] == event and line.get("request_id") == request_id]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A sandbox that was asked, broken, asked again, and ended."""
    sandbox = Sandbox(
        tmp_path_factory.mktemp("log") / "log.jsonl",
        API_KEYS=f"{KEY},{OTHER_KEY}",
        REDIS_URL=f"redis://user:{REDIS_KEY}@127.0.0.1:9/0",
        DETAIL_FRESH_S="0",
        LOG_LEVEL="debug",
    )
    ids = (f"req_{number:024x}" for number in itertools.count(1))
    asked: dict[str, Asked] = {}

    def ask(name: str, path: str, body: object = None, *, route: str = "", key: str = KEY) -> None:
        request_id = next(ids)
        status, answer = sandbox.ask(path, body, x_api_key=key, X_Request_Id=request_id)
        asked[name] = Asked(request_id, route or path.partition("?")[0], status, answer)

    def broken(name: str, path: str, fault: Mapping[str, object], **options: Any) -> None:
        sandbox.breaks(fault)
        ask(name, path, **options)
        sandbox.breaks()
        sandbox.forgive(x_api_key=KEY)

    a_car = "/v1/vehicles/{id}"
    try:
        ask("list", f"/v1/vehicles?make=Kia&krw_per_usd={RATE}&include=dealer")
        ask("car", f"{CAR}?include=dealer", route=a_car)
        ask("many", "/v1/vehicles/availability", {"ids": [f"encar_{SHOWN_ID}", "encar_17"]})
        ask("bad cursor", f"/v1/vehicles?make=Kia&cursor={CURSOR}")
        ask("wrong key", "/v1/vehicles?make=Kia", key=WRONG_KEY)
        ask("nowhere", f"/nowhere/{WRONG_KEY}", route="unmatched")
        encar = "/v1/vehicles?upstream=encar&make="
        broken("blocked", f"{encar}BMW", {"kind": "block", "operation": "search"})
        broken("drift", f"{encar}Audi", {"kind": "missing_field", "operation": "search", "field": "Price"})
        broken("down", f"{encar}Volvo", {"kind": "status", "operation": "search", "status": 503})
        drifted = {"kind": "missing_field", "operation": "detail", "field": "advertisement.status", "of": "answer"}
        broken("odd car", f"{CAR}?include=dealer", drifted, route=a_car)
        number = next(row["id"] for row in asked["list"].answer["data"] if row["id"].startswith("encar"))
        broken(
            "paper", f"/v1/vehicles/{number}", {"kind": "status", "operation": "inspection", "status": 500}, route=a_car
        )
        sandbox.send(b"GET /v1/vehicles HTTP/1.1\r\nHost: a\r\nx-api-key\x01: " + KEY.encode() + b"\r\n\r\n")
        document = sandbox.control(f"/v1/readside/vehicle/{SHOWN_ID}")
    finally:
        text = sandbox.stop()
    return Ran(asked, text, document)


def test_every_line_is_json_with_an_event_a_level_and_a_time(ran: Ran) -> None:
    assert len(ran.lines) > 20
    for line in ran.lines:
        assert {"event", "level", "timestamp"} <= line.keys()
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line["timestamp"])


def test_every_field_of_a_line_is_documented_and_every_field_of_a_request_occurs(ran: Ran) -> None:
    documented = documented_events()
    met: dict[str, set[str]] = {}
    for line in ran.lines:
        met.setdefault(line["event"], set()).update(line.keys() - {"timestamp", "event", "level"})
    for event, fields in met.items():
        assert fields - {"request_id"} <= documented[event].fields, event
    assert met["request"] == documented["request"].fields


def test_every_request_is_one_line_under_its_template_with_status_and_time(ran: Ran) -> None:
    for name, asked in ran.asked.items():
        (line,) = ran.about(name, "request")
        assert (line["route"], line["status"]) == (asked.route, asked.status), name
        assert 0 <= line["ms"] < 20_000


def test_a_line_begins_with_its_time_and_what_happened(ran: Ran) -> None:
    assert {tuple(line)[:2] for line in ran.lines} == {("timestamp", "event")}


def test_a_lists_line_says_what_was_asked_how_each_site_did_and_what_came(ran: Ran) -> None:
    (line,) = ran.about("list", "request")
    answer = ran.asked["list"].answer
    assert line["asked"] == {"make": ["Kia"], "sort": "auction_date_asc", "limit": 50}
    assert line["sources"] == {
        source["name"]: source["status"] + (f": {source['reason']}" if source["reason"] else "")
        for source in answer["sources"]
    }
    assert line["rows"] == len(answer["data"])
    assert line["cache"] in {"miss", "hit"}  # Danawa's rows come from stock
    assert line["worker"] > 0


def test_a_failed_list_says_why_in_its_line(ran: Ran) -> None:
    (line,) = ran.about("blocked", "request")
    assert line["asked"]["make"] == ["BMW"]
    assert line["sources"] == {"encar": "failed: blocked", "danawa": "skipped: upstream_excluded"}


def test_a_cars_line_names_the_car_and_its_site(ran: Ran) -> None:
    (line,) = ran.about("car", "request")
    assert (line["asked"], line["sources"]) == ({"id": f"encar_{SHOWN_ID}"}, {"encar": "ok"})
    (line,) = ran.about("many", "request")
    assert line["asked"] == {"ids": 2}
    assert line["states"] == {"available": 1, "gone": 1}


def test_each_try_of_a_call_is_a_line_with_the_id_of_its_request(ran: Ran) -> None:
    (call,) = ran.about("blocked", "upstream_call")
    assert (call["upstream"], call["operation"], call["outcome"], call["attempt"]) == ("encar", "search", "blocked", 1)
    assert call["level"] == "debug"
    tries = ran.about("down", "upstream_call")
    assert [call["attempt"] for call in tries] == list(range(1, len(tries) + 1))
    assert len(tries) > 1
    assert {call["outcome"] for call in tries} == {"upstream_error"}


def test_start_ready_stop_and_the_loss_of_redis_are_events(ran: Ran) -> None:
    told = [line for line in ran.lines if line["event"] in {"starting", "ready", "stopping", "stopped"}]
    assert [line["event"] for line in told] == ["starting", "ready", "stopping", "stopped"]
    assert [line["event"] for line in ran.lines].count("redis_lost") == 1


def test_probes_and_scrapes_are_lines_at_debug_alone() -> None:
    script = """
import asyncio, sys
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from dealerproxy import logs
from dealerproxy.api import middleware
from dealerproxy.ops.metrics import Metrics

async def fine(request):
    return web.Response()

async def failing(request):
    return web.Response(status=503)

async def main():
    app = web.Application(middlewares=[middleware.access_log(Metrics().request), middleware.envelope])
    app.router.add_get("/health/live", fine)
    app.router.add_get("/health/ready", failing)
    app.router.add_get("/v1/vehicles", fine)
    async with TestClient(TestServer(app)) as client:
        for path in ("/health/live", "/health/ready", "/v1/vehicles", "/nowhere"):
            async with client.get(path):
                pass

logs.configure(sys.argv[1], sys.argv[2])
asyncio.run(main())
"""

    def written(log_format: str, log_level: str) -> str:
        command = [sys.executable, "-c", script, log_format, log_level]
        return subprocess.run(command, capture_output=True, text=True, timeout=GENEROUS_S, check=True).stderr

    def routes(log_level: str) -> list[tuple[str, str]]:
        lines = (json.loads(line) for line in written("json", log_level).splitlines())
        return [(line["route"], line["level"]) for line in lines]

    shown = [("/health/ready", "info"), ("/v1/vehicles", "info"), ("unmatched", "info")]
    assert routes("info") == shown
    assert routes("debug") == [("/health/live", "debug"), *shown]
    assert "/health/live" not in written("console", "info")
    assert "/health/live" in written("console", "debug")


@pytest.mark.parametrize(
    ("name", "upstream", "operation", "reason"),
    [
        ("blocked", "encar", "search", "blocked"),
        ("drift", "encar", "search", "drift"),
        ("down", "encar", "search", "upstream_error"),
        ("odd car", "encar", "detail", "drift"),
        ("paper", "encar", "inspection", "upstream_error"),
    ],
)
def test_a_trouble_with_an_upstream_is_one_line_with_the_id_of_the_request(
    ran: Ran, name: str, upstream: str, operation: str, reason: str
) -> None:
    (line,) = ran.about(name, "upstream_trouble")
    assert (line["upstream"], line["operation"], line["reason"]) == (upstream, operation, reason)
    assert line["level"] == "warning"
    assert line["detail"]


@pytest.mark.parametrize("name", ["list", "car", "bad cursor", "wrong key", "nowhere"])
def test_without_trouble_there_is_no_such_line(ran: Ran, name: str) -> None:
    assert not ran.about(name, "upstream_trouble")


def test_drift_names_the_path(ran: Ran) -> None:
    paths = {name: ran.about(name, "upstream_trouble")[0]["path"] for name in ("drift", "odd car")}
    assert paths == {
        "drift": "SearchResults[]: Object missing required field `Price`",
        "odd car": "advertisement.status",
    }
    assert "path" not in ran.about("blocked", "upstream_trouble")[0]


def test_every_line_that_a_request_led_to_bears_its_id(ran: Ran) -> None:
    # Lists are read whole in the background.
    alone = {line["event"] for line in ran.lines if "request_id" not in line} - {"upstream_call"}
    # Redis may fail before any request.
    assert alone <= {
        "redis_failed",
        "redis_lost",
        "redis_back",
        "inventing",
        "starting",
        "ready",
        "stopping",
        "stopped",
    }
    assert {"upstream_trouble", "upstream_suspended", "not_http"} <= {
        line["event"] for line in ran.lines if "request_id" in line
    }


def test_what_is_asked_for_in_the_background_bears_no_id_of_a_request(ran: Ran) -> None:
    known = {asked.request_id for asked in ran.asked.values()}
    for line in ran.lines:
        if line["event"] == "upstream_trouble":
            assert line["request_id"] in known


@pytest.mark.parametrize("secret", [KEY, OTHER_KEY, WRONG_KEY, REDIS_KEY, CURSOR, RATE])
def test_no_key_no_cursor_and_no_rate_of_a_client_is_in_the_log(ran: Ran, secret: str) -> None:
    assert secret not in ran.text


def test_the_failures_that_could_have_told_a_key_are_there(ran: Ran) -> None:
    events = {line["event"] for line in ran.lines}
    assert {"redis_failed", "not_http"} <= events


def test_nothing_of_a_car_but_its_number_is_in_the_log(ran: Ran) -> None:
    car = ran.asked["car"].answer
    personal = [car["vin"], car["license_plate"], *(photo for photo in car["photos"]), car["dealer"]["url"]]
    personal += [value for value in ran.document["contact"].values() if isinstance(value, str) and len(value) > 6]
    personal += [ran.document["vin"], ran.document["vehicleNo"]]
    assert len(personal) > 15
    for value in personal:
        assert value not in ran.text, value
    assert SHOWN_ID in ran.text


def test_there_is_no_other_line_for_a_request(ran: Ran) -> None:
    assert "HTTP/1.1" not in ran.text
    assert "aiohttp" not in ran.text


async def test_an_answer_that_is_no_http_tells_nothing_of_the_address_it_came_from() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/9 what?\r\n\r\n")
        await writer.drain()
        writer.close()

    provider = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = provider.sockets[0].getsockname()[1]
    manners = FetchPolicy(("rate",), burst=9, in_flight=1, max_bytes=1_000)
    async with provider, aiohttp.ClientSession() as session:
        fetcher = Fetcher(
            "fx",
            session,
            health=Health(),
            turns=TurnQueue(RateLimiter("fx", rps=1_000, burst=9), 1),
            retries=Retries(attempt_s=1.0),
            manners=manners,
            headers={},
        )
        url = URL(f"http://127.0.0.1:{port}/rates?access_key={FX_KEY}")
        rates = FxRates(
            Rate(1_300.0, now_kst(), "static"),
            fetch=lambda: fetcher.get("rate", url, json_body, within_s=0.2),
            path="rates.KRW",
        )
        with structlog.testing.capture_logs() as lines:
            await rates.prime(5.0)
    (line,) = (line for line in lines if line["event"] == "fx_refresh_failed")
    assert line["error"] == "ClientResponseError"
    assert FX_KEY not in str(lines)


@pytest.mark.parametrize("detail", ["\ud800", 2**70, {1: 2}, frozenset({"a"})], ids=repr)
def test_no_line_is_lost_for_what_is_in_it(detail: object) -> None:
    line = json.loads(logs._json(None, "info", {"event": "library", "detail": detail}))
    assert line["event"] == "library"
    assert "detail" in line
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line["timestamp"])


# A fault of ours

BROKEN = """
import asyncio, logging, sys
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from dealerproxy import logs
from dealerproxy.api import middleware
from dealerproxy.ops.metrics import Metrics

async def fails(request):
    plate, keys = "98가7654", request.headers["x-api-key"]
    raise LookupError("a mistake")

async def main():
    key = middleware.require_key(["lmn_key_of_the_main_api"])
    app = web.Application(middlewares=[middleware.access_log(Metrics().request), middleware.envelope, key])
    app.router.add_get("/v1/fails", fails)
    async with TestClient(TestServer(app)) as client:
        async with client.get("/v1/fails", headers={"x-api-key": "lmn_key_of_the_main_api"}) as answer:
            assert answer.status == 500
    logging.getLogger("asyncio").error("Task exception was never retrieved")
    logging.getLogger("asyncio").info("nobody wants to know")

logs.configure(sys.argv[1])
asyncio.run(main())
"""


def wrote(log_format: str) -> str:
    command = [sys.executable, "-c", BROKEN, log_format]
    return subprocess.run(command, capture_output=True, text=True, timeout=GENEROUS_S, check=True).stderr


def test_a_fault_of_ours_has_its_traceback_in_one_line_and_no_values_in_it() -> None:
    lines = [json.loads(line) for line in wrote("json").splitlines()]
    assert [line["event"] for line in lines] == ["request_failed", "request", "library"]
    failed, request, library = lines
    (error,) = failed["exception"]
    assert (error["exc_type"], error["exc_value"]) == ("LookupError", "a mistake")
    assert error["frames"][-1]["name"] == "fails"
    assert failed["request_id"] == request["request_id"]
    assert (library["logger"], library["level"]) == ("asyncio", "error")


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_neither_format_shows_the_values_of_variables(log_format: str) -> None:
    text = wrote(log_format)
    assert "a mistake" in text
    assert KEY not in text
    assert "98가7654" not in text


def test_the_console_is_for_people() -> None:
    text = wrote("console")
    assert "Traceback (most recent call last)" in text
    assert re.search(r"request .*method=GET .*route=/v1/fails .*status=500", text)
    assert "{" not in text.splitlines()[-1]
