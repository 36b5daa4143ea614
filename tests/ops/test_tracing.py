"""What a trace tells, and that nobody pays or waits for it.

Most of these need the extra `otel`, which the extra `test` does not bring: they run with the slow ones.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpServer

from dealerproxy.app import TRACING, create_app
from dealerproxy.sandbox.faults import Block, Fault, Latency, Status
from dealerproxy.settings import Settings, SettingsError
from dealerproxy.vocabulary import Vocabulary
from tests.ops.conftest import Build, OpsHarness
from tests.ops.running import Sandbox
from tests.support.harness import list_read, read_anew

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

with_extra = pytest.mark.slow

NAMES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
NOWHERE = "http://127.0.0.1:9"
LIST = "/v1/vehicles?make=Hyundai,Kia&model=Avante,K5"
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GENEROUS_S = 20


class Spans:
    """What was recorded since the start of the service; `all` has what it read at its start, too."""

    def __init__(self, recorded: Callable[[], Sequence["ReadableSpan"]]) -> None:
        self._recorded, self._before = recorded, 0

    def __iter__(self) -> Any:
        return iter(self.all[self._before :])

    @property
    def all(self) -> Sequence["ReadableSpan"]:
        return self._recorded()

    def started(self) -> None:
        """Note that the service has read what it reads at its start."""
        self._before = len(self.all)

    def of(self, kind: str) -> list[Any]:
        return [span for span in self if span.kind.name == kind]

    def calls(self, operation: str) -> list[Any]:
        return [span for span in self.of("CLIENT") if span.attributes["dealerproxy.operation"] == operation]

    @property
    def server(self) -> Any:
        (span,) = self.of("SERVER")
        return span

    @property
    def legs(self) -> list[Any]:
        return self.of("INTERNAL")


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Spans:
    """Services that are built now are traced, and this tells what they record."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra otel is not installed")
    export = pytest.importorskip("opentelemetry.sdk.trace.export")
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter").InMemorySpanExporter()
    monkeypatch.setenv(NAMES[0], NOWHERE)
    monkeypatch.setattr("dealerproxy.ops.tracing.exported", lambda: export.SimpleSpanProcessor(memory))
    return Spans(memory.get_finished_spans)


@pytest.fixture
def build(build: Build, spans: Spans) -> Build:
    """Start traced services."""

    async def start(**settings: Any) -> OpsHarness:
        house = await build(**settings)
        spans.started()
        return house

    return start


def is_below(child: Any, parent: Any) -> bool:
    return bool(
        child.parent
        and child.parent.span_id == parent.context.span_id
        and child.context.trace_id == parent.context.trace_id
    )


def shape(span: Any) -> tuple[str, str, bool]:
    return span.name, span.attributes["dealerproxy.outcome"], span.status.is_ok


# What stands in a trace


@with_extra
async def test_a_list_is_one_server_span_with_its_legs_below_and_the_calls_below_those(
    spans: Spans, build: Build
) -> None:
    house = await build()
    async with house.client.get(LIST) as response:
        request_id = response.headers["X-Request-ID"]
        assert response.status == 200
    assert (spans.server.name, spans.server.parent, spans.server.status.is_ok) == ("GET /v1/vehicles", None, True)
    assert dict(spans.server.attributes) == {
        "http.request.method": "GET",
        "http.route": "/v1/vehicles",
        "http.response.status_code": 200,
        "dealerproxy.request_id": request_id,
    }
    assert {leg.attributes["dealerproxy.upstream"] for leg in spans.legs} == {"encar", "danawa"}
    searches = {
        leg.attributes["dealerproxy.leg"]: leg for leg in spans.legs if "(And." in leg.attributes["dealerproxy.leg"]
    }
    assert len(searches) == 2
    assert set(searches) == {call.q for call in house.encar.calls}
    for leg in searches.values():
        assert is_below(leg, spans.server)
        assert shape(leg) == ("leg", "miss", True)
        assert leg.attributes["dealerproxy.chunk"] == 0
        (call,) = [call for call in spans.calls("search") if is_below(call, leg)]
        assert dict(call.attributes) == {
            "dealerproxy.upstream": "encar",
            "dealerproxy.operation": "search",
            "dealerproxy.outcome": "ok",
            "dealerproxy.attempts": 1,
            "http.request.method": "GET",
            "server.address": "127.0.0.1",
            "url.path": call.attributes["url.path"],
        }
        assert call.name == "encar search"
        assert "?" not in call.attributes["url.path"]
    listings = [leg for leg in spans.legs if leg.attributes["dealerproxy.upstream"] == "danawa"]
    assert len(listings) == len(spans.legs) - 2 > 0
    for leg in listings:
        assert is_below(leg, spans.server)
        assert shape(leg) == ("leg", "hit", True)
        assert leg.attributes["dealerproxy.stock"] is True
        assert "dealerproxy.chunk" not in leg.attributes
    # No request reads Danawa's list.
    assert len(spans.of("CLIENT")) == 2


@with_extra
async def test_what_is_read_in_the_background_is_a_trace_of_its_own(spans: Spans, house: OpsHarness) -> None:
    calls = [span for span in spans.all if span.name == "danawa list"]
    assert calls
    for call in calls:
        assert (call.kind.name, call.parent, shape(call)) == ("CLIENT", None, ("danawa list", "ok", True))
    assert len({call.context.trace_id for call in calls}) == len(calls)
    await house.get(LIST)
    assert spans.server.context.trace_id not in {call.context.trace_id for call in calls}


@with_extra
@pytest.mark.parametrize("filters", [pytest.param("", id="a list"), pytest.param("&auction_status=sold", id="a count")])
async def test_a_leg_in_stock_is_a_span_below_the_request_without_a_call(
    spans: Spans, house: OpsHarness, filters: str
) -> None:
    await house.get(f"{LIST}{filters}&upstream=danawa")
    assert spans.legs
    for leg in spans.legs:
        assert is_below(leg, spans.server)
        assert shape(leg) == ("leg", "hit", True)
        assert dict(leg.attributes).keys() == {
            "dealerproxy.upstream",
            "dealerproxy.leg",
            "dealerproxy.stock",
            "dealerproxy.outcome",
        }
        assert spans.server.start_time <= leg.start_time <= leg.end_time <= spans.server.end_time
    assert not spans.of("CLIENT")


@with_extra
@pytest.mark.parametrize("filters", [pytest.param("", id="a list"), pytest.param("&auction_status=sold", id="a count")])
@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        pytest.param(Block(operation="danawa_list", status=403), "blocked", id="blocked"),
        pytest.param(Status(operation="danawa_list", status=404), "not_found", id="not there"),
    ],
)
async def test_a_leg_without_stock_that_is_never_asked_live_tells_why(
    spans: Spans, build: Build, tmp_path: Path, fault: Fault, outcome: str, filters: str
) -> None:
    house = await build(capture_dir=str(tmp_path))
    house.breaks(fault)
    await list_read(house.client.app)
    await house.get(f"{LIST}{filters}&upstream=danawa", 503)
    assert spans.legs
    (call,) = spans.calls("list")
    for leg in spans.legs:
        assert is_below(leg, spans.server)
        assert shape(leg) == ("leg", outcome, False)
        assert leg.attributes["dealerproxy.stock"] is True
        assert leg.attributes.get("dealerproxy.capture") == call.attributes.get("dealerproxy.capture")


@with_extra
async def test_a_leg_that_waits_for_the_first_reading_takes_as_long(spans: Spans, house: OpsHarness) -> None:
    house.breaks(Latency(operation="danawa_list", ms=60_000))
    path = "/v1/vehicles?make=Kia&model=K5&upstream=danawa"
    async with house.client.get(path, headers={"X-Request-Deadline-Ms": "200"}) as response:
        assert response.status == 503
    (leg,) = spans.legs
    assert shape(leg) == ("leg", "warming", False)
    assert leg.end_time - leg.start_time > 50e6  # ns
    assert spans.server.start_time <= leg.start_time


@with_extra
async def test_what_is_at_hand_is_a_leg_without_a_call_and_a_whole_answer_no_leg(
    spans: Spans, house: OpsHarness
) -> None:
    await house.get(LIST)
    before = len(list(spans))
    await house.get(f"{LIST}&limit=5")
    later = list(spans)[before:]
    assert [shape(span) for span in later if span.name == "leg"] == [("leg", "hit", True)] * (len(later) - 1)
    await house.get(LIST)
    assert [span.name for span in list(spans)[before + len(later) :]] == ["GET /v1/vehicles"]


@with_extra
async def test_a_count_is_a_leg_without_a_chunk(spans: Spans, house: OpsHarness) -> None:
    answer = await house.get(f"{LIST}&auction_status=sold&upstream=encar")
    assert answer["filtered_out"] > 0
    assert [shape(leg) for leg in spans.legs] == [("leg", "miss", True)] * 2
    assert not any("dealerproxy.chunk" in leg.attributes for leg in spans.legs)


@with_extra
async def test_a_block_is_the_outcome_of_the_call_and_of_the_leg_and_names_the_page_that_was_kept(
    spans: Spans, build: Build, tmp_path: Path
) -> None:
    house = await build(capture_dir=str(tmp_path))
    house.breaks(Block(operation="search"))
    await house.get("/v1/vehicles?make=Kia&model=K5&upstream=encar", 503)
    (call,) = spans.of("CLIENT")
    assert (shape(call), shape(spans.legs[0])) == (("encar search", "blocked", False), ("leg", "blocked", False))
    assert call.attributes["dealerproxy.capture"] == spans.legs[0].attributes["dealerproxy.capture"] != ""
    assert (spans.server.attributes["http.response.status_code"], spans.server.status.is_ok) == (503, False)
    # No error's text: it may hold what a site sent.
    assert [event.name for span in spans for event in span.events] == ["sent"]
    assert not any(span.status.description for span in spans)


@with_extra
async def test_a_site_that_is_left_alone_is_a_call_that_sent_nothing(spans: Spans, house: OpsHarness) -> None:
    house.breaks(Block(operation="search"))
    await house.get("/v1/vehicles?make=Kia&model=K5&upstream=encar", 503)
    await house.get("/v1/vehicles?make=Hyundai&model=Avante&upstream=encar", 503)
    assert shape(spans.calls("search")[-1]) == ("encar search", "suspended", False)
    assert spans.calls("search")[-1].attributes["dealerproxy.attempts"] == 0


@with_extra
async def test_other_tries_are_one_call_with_an_event_for_each(spans: Spans, house: OpsHarness) -> None:
    house.breaks(Status(operation="search", status=503, times=1))
    await house.get("/v1/vehicles?make=Kia&model=K5&upstream=encar")
    (call,) = spans.of("CLIENT")
    assert shape(call) == ("encar search", "ok", True)
    assert call.attributes["dealerproxy.attempts"] == 2
    assert [event.name for event in call.events] == ["sent", "sent"]


@with_extra
async def test_calls_one_after_another_count_their_own_tries(spans: Spans, house: OpsHarness) -> None:
    await house.get("/v1/vehicles/encar_1", 404)
    told = {span.name: span.attributes["dealerproxy.attempts"] for span in spans.of("CLIENT")}
    assert told == {"encar detail": 1, "encar page": 1}


@with_extra
async def test_a_call_that_outlives_its_request_stands_below_the_leg_that_began_it(
    spans: Spans, house: OpsHarness
) -> None:
    house.breaks(Latency(operation="search", ms=400))
    path = "/v1/vehicles?make=Kia&model=K5&upstream=encar"
    async with house.client.get(path, headers={"X-Request-Deadline-Ms": "100"}) as response:
        assert response.status == 503
    assert [shape(leg) for leg in spans.legs] == [("leg", "timed_out", False)]
    assert not spans.of("CLIENT")
    async with asyncio.timeout(GENEROUS_S):
        while not spans.of("CLIENT"):  # noqa: ASYNC110  # the recorder tells nobody
            await asyncio.sleep(0.02)
    assert shape(spans.of("CLIENT")[0]) == ("encar search", "ok", True)
    assert is_below(spans.of("CLIENT")[0], spans.legs[0])


@with_extra
@pytest.mark.parametrize(
    ("path", "name", "status"),
    [
        pytest.param("/v1/vehicles/encar_1", "GET /v1/vehicles/{id}", 404, id="a car that is gone"),
        pytest.param("/v1/vehicles?limit=0", "GET /v1/vehicles", 400, id="a bad request"),
        pytest.param("/v1/4-2-2", "GET unmatched", 404, id="no route"),
    ],
)
async def test_a_request_is_named_by_its_route_and_is_no_error_below_500(
    spans: Spans, house: OpsHarness, path: str, name: str, status: int
) -> None:
    await house.get(path, status)
    assert (spans.server.name, spans.server.attributes["http.response.status_code"]) == (name, status)
    assert spans.server.status.is_ok


@with_extra
async def test_a_method_that_nobody_knows_makes_no_name(spans: Spans, house: OpsHarness) -> None:
    async with house.client.request("PROPFIND", "/v1/vehicles") as response:
        assert response.status == 405
    assert (spans.server.name, spans.server.attributes["http.request.method"]) == ("HTTP unmatched", "_OTHER")


@with_extra
async def test_probes_and_scrapes_have_no_span(spans: Spans, house: OpsHarness) -> None:
    await house.get("/health/live")
    await house.get("/health/ready")
    await house.figures()
    assert not list(spans)


# Where a trace comes from, and where it does not go


@with_extra
async def test_the_callers_span_is_the_parent(spans: Spans, house: OpsHarness) -> None:
    headers = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
    async with house.client.get(LIST, headers=headers) as response:
        assert response.status == 200
    assert f"{spans.server.parent.span_id:016x}" == CALLER
    assert {f"{span.context.trace_id:032x}" for span in spans} == {TRACE}


@with_extra
async def test_a_caller_may_say_that_a_trace_is_not_wanted(spans: Spans, house: OpsHarness) -> None:
    async with house.client.get(LIST, headers={"traceparent": f"00-{TRACE}-{CALLER}-00"}) as response:
        assert response.status == 200
    assert not list(spans)


@with_extra
@pytest.mark.parametrize("value", ["", "00", f"00-{'0' * 32}-{CALLER}-01", f"ff-{TRACE}-{CALLER}-01", "가" * 40])
async def test_a_parent_that_cannot_be_read_is_none(spans: Spans, house: OpsHarness, value: str) -> None:
    async with house.client.get("/v1/upstreams", headers={"traceparent": value}) as response:
        assert response.status == 200
    assert spans.server.parent is None


class Listening(Fault, tag="listening", frozen=True):
    """Remembers what was asked."""

    reports: list[Any] = msgspec.field(default_factory=list)

    async def answer(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.reports.append(request)
        return await super().answer(request, handler)


@with_extra
async def test_nothing_of_a_trace_is_sent_to_a_site(spans: Spans, house: OpsHarness) -> None:
    listening = Listening()
    house.breaks(listening)
    read_anew(house.client.app)
    headers = {"traceparent": f"00-{TRACE}-{CALLER}-01", "tracestate": "a=b", "baggage": "c=d"}
    async with house.client.get(LIST, headers=headers) as response:
        assert response.status == 200
    assert {request.path for request in listening.reports} >= {"/search/car/list/premium", "/usedcar/"}
    assert len(listening.reports) >= 3
    for request in listening.reports:
        sent = json.dumps([request.path_qs, *request.headers.items()]).lower()
        assert not any(word in sent for word in (TRACE, "trace", "baggage", "b3"))


@with_extra
async def test_no_key_cursor_or_plate_is_in_any_span(spans: Spans, build: Build, aiohttp_server: AiohttpServer) -> None:
    async def rate(_: web.Request) -> web.Response:
        return web.json_response({"rates": {"KRW": 1400}})

    provider = web.Application()
    provider.router.add_get("/r4te/latest", rate)
    fx_url = str((await aiohttp_server(provider)).make_url("/r4te/latest"))
    house = await build(api_keys="s3same", fx_url=fx_url, fx_path="rates.KRW")
    headers = {"x-api-key": "s3same"}
    path = f"{LIST}&upstream=encar&limit=3"
    async with house.client.get(path, headers=headers) as response:
        page = await response.json()
    assert page["fx"]["source"] == "provider"
    async with house.client.get(f"{path}&cursor={page['next_cursor']}", headers=headers) as response:
        assert response.status == 200
    async with house.client.get(f"/v1/vehicles/{page['data'][0]['id']}?include=dealer", headers=headers) as response:
        car = await response.json()
    assert car["license_plate"]
    assert spans.calls("detail")
    told = json.dumps([json.loads(span.to_json()) for span in spans], ensure_ascii=False)
    for secret in ("s3same", "r4te", page["next_cursor"], car["license_plate"], car["vin"] or "no vin"):
        assert secret not in told


# Who asks for it


@pytest.fixture
def unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


def run(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-c", f"import sys\n{code}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=GENEROUS_S, check=False)


@pytest.mark.usefixtures("unasked")
def test_without_being_asked_for_nothing_that_makes_or_sends_spans_is_loaded() -> None:
    ran = run(
        "from dealerproxy.app import create_app\n"
        "from dealerproxy.settings import Settings\n"
        "create_app(Settings())\n"
        "print(*sys.modules)"
    )
    loaded = set(ran.stdout.split())
    assert "dealerproxy.app" in loaded, ran.stderr
    # The Redis client loads OpenTelemetry's metrics by itself wherever they are installed.
    assert not loaded & {"dealerproxy.ops.tracing", "opentelemetry.sdk.trace", "opentelemetry.exporter", "requests"}


@pytest.mark.parametrize("name", NAMES)
def test_asked_for_without_the_extra_the_start_ends_with_one_line(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, NOWHERE)
    ran = run(
        "sys.modules['opentelemetry'] = None\nfrom dealerproxy.cli import main\nsys.exit(main(['serve']))",
    )
    (line,) = ran.stderr.splitlines()
    assert ran.returncode == 2
    assert line.startswith("error: ")
    assert all(said in line for said in ("OTEL_EXPORTER_OTLP_", "pip install 'dealerproxy[otel]'"))


@pytest.mark.parametrize("disabled", ["true", "TRUE"])
def test_what_is_disabled_is_not_asked_for(
    monkeypatch: pytest.MonkeyPatch, vocabulary: Vocabulary, disabled: str
) -> None:
    monkeypatch.setenv(NAMES[0], NOWHERE)
    monkeypatch.setenv("OTEL_SDK_DISABLED", disabled)
    assert TRACING not in create_app(Settings(), vocabulary)


@with_extra
def test_a_variable_that_cannot_be_used_is_one_line(monkeypatch: pytest.MonkeyPatch, vocabulary: Vocabulary) -> None:
    monkeypatch.setenv(NAMES[1], NOWHERE)
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")
    with pytest.raises(SettingsError, match=r"OTEL_\* cannot be used: .*queue_size"):
        create_app(Settings(), vocabulary)


@with_extra
@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({}, "dealerproxy"),
        ({"OTEL_SERVICE_NAME": "cars"}, "cars"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=lots,team=a"}, "lots"),
    ],
)
async def test_the_service_is_named_as_the_environment_wants(
    spans: Spans, build: Build, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], name: str
) -> None:
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    await (await build()).get("/v1/upstreams")
    attributes = spans.server.resource.attributes
    assert attributes["service.name"] == name
    assert attributes["service.version"]
    assert attributes["telemetry.sdk.language"] == "python"


# Over the wire


@with_extra
async def test_a_collector_gets_the_spans_of_a_process_by_its_end(
    aiohttp_server: AiohttpServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    protocol = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    bodies: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        await asyncio.sleep(0.3)  # a process that did not wait for it would be gone
        if request.transport is not None:
            bodies.append(body)
        return web.Response(content_type="application/x-protobuf")

    app = web.Application()
    app.router.add_post("/v1/traces", take)
    collector = await aiohttp_server(app)
    monkeypatch.setenv(NAMES[0], str(collector.make_url("")).rstrip("/"))
    sandbox = await asyncio.to_thread(Sandbox, tmp_path / "log")
    try:
        status, _ = await asyncio.to_thread(sandbox.ask, LIST, traceparent=f"00-{TRACE}-{CALLER}-01")
        assert status == 200
    finally:
        said = await asyncio.to_thread(sandbox.stop)
    sent = [
        span
        for body in bodies
        for resource in protocol.ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    got = [span for span in sent if span.trace_id.hex() == TRACE]
    names = {span.name for span in got}
    assert {"GET /v1/vehicles", "leg", "encar search"} <= names
    background = [span for span in sent if span.name == "danawa list"]
    assert background
    assert not any(span.parent_span_id or span.trace_id.hex() == TRACE for span in background)
    assert [span.parent_span_id.hex() for span in got if span.name == "GET /v1/vehicles"] == [CALLER]
    assert '"library"' not in said


def hanging() -> socket.socket:
    """An address that takes connections and never says a word."""
    return socket.create_server(("127.0.0.1", 0))


def refusing() -> socket.socket:
    """An address that takes none."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    return taken


@with_extra
@pytest.mark.parametrize("broken", [hanging, refusing])
def test_a_collector_in_trouble_holds_up_nothing(
    broken: Callable[[], socket.socket], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    with broken() as address:
        monkeypatch.setenv(NAMES[0], f"http://127.0.0.1:{address.getsockname()[1]}")
        sandbox = Sandbox(tmp_path / "log")
        took = []
        try:
            for _ in range(10):
                began = time.monotonic()
                assert sandbox.ask(LIST)[0] == 200
                took.append(time.monotonic() - began)
                time.sleep(0.02)
        finally:
            began = time.monotonic()
            said = sandbox.stop()
            ended_in = time.monotonic() - began
    assert sorted(took)[5] < 1
    assert ended_in < 5
    assert "Traceback" not in said
