"""What the service tells Prometheus: that it is true, complete, bounded and cheap."""

import asyncio
import itertools
import re
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpServer

from dealerproxy.api.keys import CACHE, HEALTH, METRICS, RATES
from dealerproxy.contract.detail import Enrichment, EnrichmentStatus
from dealerproxy.contract.terms import UPSTREAMS
from dealerproxy.ops.families import FAMILIES, NOT_OFFERED, OUTCOMES, Type
from dealerproxy.ops.metrics import MOST_CAPTURES, MOST_REASONS, Metrics
from dealerproxy.sandbox.faults import (
    BadRows,
    Block,
    Drop,
    Empty,
    Fault,
    Hang,
    Latency,
    MissingField,
    MissingSelector,
    RateLimited,
    Status,
)
from dealerproxy.sandbox.showcase import SHOWN_ID
from dealerproxy.transport import fetch, retry, troubles
from dealerproxy.transport.errors import Blocked, Drift, UpstreamError
from dealerproxy.transport.limits import Lane, RateLimiter
from dealerproxy.transport.retry import Retries
from dealerproxy.transport.troubles import MOST_TROUBLES, upstream_trouble
from dealerproxy.transport.turns import TurnQueue
from dealerproxy.upstreams.danawa import stock as danawa_list
from dealerproxy.vehicles.car import Car
from dealerproxy.vehicles.listing import LeftOut, LeftOutReason
from tests.ops.conftest import Build, Figures, OpsHarness
from tests.support.flights import landed
from tests.support.harness import list_read

KIA = "/v1/vehicles?make=Kia&limit=5"
ENCAR, DANAWA = f"{KIA}&upstream=encar", f"{KIA}&upstream=danawa"
CAR = f"/v1/vehicles/encar_{SHOWN_ID}"
# Where nobody listens.
NO_REDIS = "redis://127.0.0.1:9"
MAKES = ("Kia", "Hyundai", "Genesis", "BMW", "Mercedes-Benz", "Audi", "Toyota", "Jeep")
OWN = re.compile(r"dealerproxy_\w+")
NOBODY = {(str(lane),): 0 for lane in Lane}
TURNS = TurnQueue(RateLimiter("site", rps=1_000, burst=9), 1)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once: when is not the subject here."""
    monkeypatch.setattr(retry, "PAUSE_S", 0.005)


async def everything_happens(house: OpsHarness) -> None:
    """Make each family have something to tell."""
    house.breaks(BadRows(operation="search", share=0.2))
    await house.get(KIA)
    for make, sort in itertools.product(MAKES, ("price_asc", "price_desc")):
        await house.get(f"/v1/vehicles?make={make}&upstream=encar&sort={sort}")
    await house.get(CAR)
    house.breaks(MissingField(operation="search", field="Count", of="answer"))
    await house.get("/v1/vehicles?make=Honda&upstream=encar", 503)
    house.breaks(Block(operation="search"))
    await house.get("/v1/vehicles?make=Volvo&upstream=encar", 503)
    house.breaks()
    assert house.client.app is not None
    house.client.app[METRICS].met("encar-search-drift-count-00000000")


def a_car() -> Car:
    """A car of Danawa's that says little."""
    nothing = dict.fromkeys(Car.__struct_fields__)
    return Car(**nothing | {"upstream": "danawa", "fuel": "lpg", "options": (), "photos": ()})  # type: ignore[arg-type]


# As a whole


async def test_every_family_is_told_with_the_type_the_labels_and_the_words_of_the_table(build: Build) -> None:
    house = await build(redis_url=NO_REDIS)
    await everything_happens(house)
    figures = await house.figures()
    told = {}
    for name, family in figures.families.items():
        if OWN.fullmatch(name):
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            full = f"{name}_total" if family.type == Type.COUNTER else name
            told[full] = (family.type, family.documentation, labels)
    assert told == {name: (family.type, family.about, set(family.labels)) for name, family in FAMILIES.items()}


@pytest.mark.slow
async def test_promtool_finds_nothing_to_say_against_the_names(build: Build, promtool: str) -> None:
    house = await build(redis_url=NO_REDIS)
    await everything_happens(house)
    text = (await house.figures()).text
    checked = await asyncio.to_thread(
        subprocess.run, [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_units_stand_in_the_names() -> None:
    units = ("_seconds", "_bytes", "_ratio", "_total", "_info", "_krw_per_usd")
    things = ("_state", "_reason", "_in_flight", "_queued", "_up", "_listings", "_rows", "_calls")
    for name, family in FAMILIES.items():
        assert name.endswith(units + things), name
        assert name.endswith("_total") == (family.type is Type.COUNTER), name
        assert family.about.endswith(".")


async def test_the_process_and_the_interpreter_are_told_of_too(house: OpsHarness) -> None:
    names = (await house.figures()).families.keys()
    assert {"process_resident_memory_bytes", "process_cpu_seconds", "python_info", "python_gc_collections"} <= names


async def test_two_applications_in_a_process_count_apart(build: Build) -> None:
    one, other = await build(), await build()
    await one.get(ENCAR)
    assert (await one.figures()).one("rows_read_total", upstream="encar") > 0
    assert (await other.figures()).one("rows_read_total", upstream="encar") == 0


async def test_a_scrape_asks_no_upstream_and_needs_no_key(build: Build) -> None:
    house = await build(api_keys="one")
    await house.figures()
    async with house.client.head("/metrics") as response:
        assert response.status == 200
    assert not house.encar.calls
    assert not house.danawa.calls


async def test_prometheus_gets_the_format_that_it_asks_for(house: OpsHarness) -> None:
    for accept, told in (
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text"),
        ("*/*", "text/plain"),
    ):
        async with house.client.get("/metrics", headers={"Accept": accept}) as response:
            assert response.headers["Content-Type"].startswith(told)


async def test_one_family_can_be_asked_for_alone(house: OpsHarness) -> None:
    async with house.client.get("/metrics", params={"name[]": "dealerproxy_build_info"}) as response:
        lines = [line for line in (await response.text()).splitlines() if not line.startswith("#")]
    assert len(lines) == 1


# Bounds


def every_child(app: web.Application) -> None:
    """Make each series there can be: all routes with all kinds of statuses, and what is known of the upstreams."""
    for resource in [*app.router.resources(), None]:
        for method in ("GET", "POST", "HEAD"):
            for status in (200, 304, 400, 404, 500, 503):
                app[METRICS].request(method, resource.canonical if resource else "unmatched", status, 0.01)


def test_an_answer_that_nothing_changed_counts_as_a_good_one_in_the_time_to_answer() -> None:
    metrics = Metrics()
    for status in (200, 304, 404, 503):
        metrics.request("GET", "/v1/vehicles", status, 0.01)
    (family,) = metrics.registry.restricted_registry(["dealerproxy_http_request_duration_seconds_count"]).collect()
    counts = {sample.labels["status_class"]: sample.value for sample in family.samples}
    assert counts == {"2xx": 2, "4xx": 1, "5xx": 1}


async def test_there_are_never_more_than_80_children_of_histograms(build: Build) -> None:
    house = await build()
    app = house.client.app
    assert app is not None
    every_child(app)
    app[METRICS].pool("fx", ("rate",), TURNS, Retries(attempt_s=1.0))
    figures = await house.figures()
    children = sum(
        sample.name.endswith("_count")
        for family in figures.families.values()
        if family.type == Type.HISTOGRAM
        for sample in family.samples
    )
    assert 20 < children <= 80


async def test_a_scrape_of_all_that_there_can_be_takes_less_than_25_ms(build: Build) -> None:
    house = await build()
    app = house.client.app
    assert app is not None
    await everything_happens(house)
    every_child(app)
    took = []
    for _ in range(7):
        began = time.process_time()  # whatever else this machine does meanwhile
        async with house.client.get("/metrics", headers={"Accept-Encoding": "gzip"}) as response:
            await response.read()
        took.append(time.process_time() - began)
    assert min(took) < 0.025, took


async def test_words_that_anybody_can_send_make_no_series(house: OpsHarness) -> None:
    for number, method in enumerate(("PROPFIND", "MKCOL", "LOCK", "SEARCH", "PURGE")):
        async with house.client.request(method, f"/pot/{number}") as response:
            assert response.status == 404
        await house.get(f"/v1/vehicles/encar_{number}9", 404)
    requests = (await house.figures()).of("http_requests_total")
    assert requests[("other", "unmatched", "404")] == 5
    assert requests[("GET", "/v1/vehicles/{id}", "404")] == 5
    assert len(requests) == 2


def test_ever_new_reasons_and_paths_end_up_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = Metrics()
    for number in range(MOST_REASONS + 20):
        metrics.judged("encar", (), {f"reason {number}": 1})
    assert metrics.registry.get_sample_value(
        "dealerproxy_rows_rejected_total", {"upstream": "encar", "reason": "other"}
    ) == pytest.approx(20)
    monkeypatch.setattr(troubles, "trouble_counts", Counter())
    for number in range(1_000):
        upstream_trouble("encar", "search", Drift("x" * number))
    assert len(troubles.trouble_counts) <= MOST_TROUBLES + 1
    assert troubles.trouble_counts.total() == 1_000


def test_numbers_in_a_path_make_no_new_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(troubles, "trouble_counts", Counter())
    for number in range(50):
        upstream_trouble("danawa", "feeder", Drift(f"data.detailInfo[{number}].km"))
    assert dict(troubles.trouble_counts) == {("danawa", "feeder", "drift", "data.detailInfo[#].km"): 50}


# Requests


async def test_a_request_is_counted_and_timed_under_its_template(house: OpsHarness) -> None:
    await house.get(ENCAR)
    await house.get(f"{ENCAR}&limit=0", 400)
    await house.get(CAR)
    await house.get("/nowhere", 404)
    async with house.client.post("/health/live") as response:
        assert response.status == 405
    figures = await house.figures()
    assert figures.of("http_requests_total") == {
        ("GET", "/v1/vehicles", "200"): 1,
        ("GET", "/v1/vehicles", "400"): 1,
        ("GET", "/v1/vehicles/{id}", "200"): 1,
        ("GET", "unmatched", "404"): 1,
        ("POST", "unmatched", "405"): 1,
    }
    assert figures.of("http_request_duration_seconds_count", route="/v1/vehicles") == {("2xx",): 1, ("4xx",): 1}
    assert 0 < figures.one("http_request_duration_seconds_sum", route="/v1/vehicles/{id}", status_class="2xx") < 5


async def test_a_refused_key_and_a_fault_of_ours_are_requests_like_any(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await build(api_keys="one")
    await house.get(ENCAR, 401)
    monkeypatch.setattr("dealerproxy.api.health.DRAINING", None)
    await house.get("/health/ready", 500)
    figures = await house.figures()
    assert figures.one("http_requests_total", method="GET", route="/v1/vehicles", status="401") == 1
    assert figures.one("http_requests_total", method="GET", route="/health/ready", status="500") == 1


# Requests to the upstreams


@pytest.mark.parametrize(
    ("fault", "outcome", "times"),
    [
        (None, "ok", 1),
        (Block(operation="search"), "blocked", 1),
        (Block(operation="search", status=403), "blocked", 1),
        (RateLimited(operation="search"), "rate_limited", 1),
        (Status(operation="search", status=503), "upstream_error", 3),
        (Status(operation="search", status=404), "not_found", 1),
        (Empty(operation="search"), "drift", 1),
        (Drop(operation="search"), "unreachable", 3),
    ],
)
async def test_a_request_to_an_upstream_is_counted_by_what_came_of_it(
    house: OpsHarness, fault: Fault | None, outcome: str, times: int
) -> None:
    house.breaks(*(fault,) if fault else ())
    await house.get(ENCAR, 503 if fault else 200)
    figures = await house.figures()
    sent = figures.of("upstream_requests_total", upstream="encar", operation="search")
    assert {word: count for (word,), count in sent.items() if count} == {outcome: times}
    assert set(OUTCOMES) == {word for (word,) in sent}
    assert figures.one("upstream_request_duration_seconds_count", upstream="encar", operation="search") == times


async def test_no_answer_in_time_is_an_outcome_too(house: OpsHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "READ_S", 0.05)
    house.breaks(Hang(operation="detail"))
    await house.get(CAR)
    assert (await house.figures()).one(
        "upstream_requests_total", upstream="encar", operation="detail", outcome="timed_out"
    )


async def test_a_request_that_is_called_off_has_no_outcome(house: OpsHarness) -> None:
    metrics = Metrics()
    watch = metrics.pool("encar", ("search",), TURNS, Retries(attempt_s=1.0))
    with pytest.raises(asyncio.CancelledError), watch.sending("search"):
        raise asyncio.CancelledError
    assert metrics.registry.get_sample_value(
        "dealerproxy_upstream_request_duration_seconds_count", {"upstream": "encar", "operation": "search"}
    ) == pytest.approx(0)


def test_an_error_nobody_has_heard_of_is_another_outcome() -> None:
    class Odd(UpstreamError):
        code = "odd"

    metrics = Metrics()
    watch = metrics.pool("encar", ("search",), TURNS, Retries(attempt_s=1.0))
    with suppress(Odd), watch.sending("search"):
        raise Odd
    labels = {"upstream": "encar", "operation": "search", "outcome": "other"}
    assert metrics.registry.get_sample_value("dealerproxy_upstream_requests_total", labels) == pytest.approx(1)


async def test_retries_are_told_by_their_cause_and_their_budget_shrinks(house: OpsHarness) -> None:
    house.breaks(Status(operation="search", status=500, times=1))
    await house.get(ENCAR)
    figures = await house.figures()
    assert figures.of("upstream_retries_total", upstream="encar") == {
        ("timed_out", "search"): 0,
        ("unreachable", "search"): 0,
        ("upstream_error", "search"): 1,
    }
    assert figures.one("upstream_retries_denied_total", upstream="encar", pool="search") == 0
    house.breaks(Status(operation="search", status=500))
    await house.get(f"{ENCAR}&model=K5", 503)
    left = (await house.figures()).one("upstream_retry_budget_ratio", upstream="encar", pool="search")
    assert 0.85 < left < 0.95


async def test_requests_in_flight_and_queued_are_told_by_lane(house: OpsHarness) -> None:
    house.breaks(Latency(operation="search", ms=300))
    paths = (f"/v1/vehicles?make={make}&upstream=encar&limit=1" for make in ("Volvo", "Lexus", *MAKES[2:]))
    asking = [asyncio.ensure_future(house.get(path)) for path in paths]
    labels = {"upstream": "encar", "pool": "search"}
    figures = await house.figures()
    while figures.of("upstream_requests_queued", **labels) != NOBODY | {("lists",): 2}:
        assert not any(asked.done() for asked in asking)
        figures = await house.figures()
    assert figures.of("upstream_requests_in_flight", **labels) == NOBODY | {("lists",): 6}
    await asyncio.gather(*asking)
    figures = await house.figures()
    assert figures.one("upstream_queue_wait_seconds_count", lane=Lane.LISTS, **labels) == 8
    assert figures.one("upstream_queue_wait_seconds_sum", lane=Lane.LISTS, **labels) > 0.3
    assert sum(figures.of("upstream_requests_in_flight").values()) == 0


# Circuits


async def test_a_circuit_is_in_one_state_and_says_why_and_until_when(house: OpsHarness) -> None:
    house.breaks(Block(operation="search"))
    await house.get(ENCAR, 503)
    figures = await house.figures()
    search = {"upstream": "encar", "operation": "search"}
    states = figures.of("circuit_state", **search)
    assert states == {("healthy",): 0, ("degraded",): 0, ("suspended",): 1, ("probing",): 0}
    assert figures.of("circuit_reason") == {("search", "blocked", "encar"): 1}
    until = figures.one("circuit_suspended_until_timestamp_seconds", **search)
    assert 170 < until - time.time() < 200
    assert figures.one("circuit_suspended_until_timestamp_seconds", upstream="encar", operation="detail") == 0
    house.breaks()
    await house.reset()
    figures = await house.figures()
    assert figures.one("circuit_state", state="healthy", **search) == 1
    assert figures.of("circuit_reason") == {}


async def test_a_circuit_whose_suspension_is_over_is_probing_and_still_says_why(house: OpsHarness) -> None:
    app = house.client.app
    assert app is not None
    house.breaks(Block(operation="search"))
    await house.get(ENCAR, 503)
    clock = time.monotonic() + 250
    app[HEALTH].circuit("encar", "search", slow_s=4.0)._clock = lambda: clock
    figures = await house.figures()
    assert figures.one("circuit_state", upstream="encar", operation="search", state="probing") == 1
    assert figures.of("circuit_reason") == {("search", "blocked", "encar"): 1}


# What sources did


async def test_what_each_source_did_is_counted_for_each_list(house: OpsHarness) -> None:
    await house.get(KIA)
    await house.get(KIA)  # the whole answer was kept
    house.breaks(Block(operation="search"))
    await house.get("/v1/vehicles?make=Volvo")
    await house.get("/v1/vehicles?make=Volvo&upstream=encar", 503)
    await house.get("/v1/vehicles?source=glovis")
    figures = await house.figures()
    encar = figures.of("source_answers_total", upstream="encar", kind="list")
    danawa = figures.of("source_answers_total", upstream="danawa", kind="list")
    assert {word: count for (word,), count in encar.items() if count} == {"ok": 2, "failed": 2, "skipped": 1}
    assert {word: count for (word,), count in danawa.items() if count} == {"ok": 3, "skipped": 2}


async def test_old_rows_are_stale_while_a_site_is_down_and_updating_while_they_are_read_anew(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = 0.0
    house = await build()
    app = house.client.app
    assert app is not None
    monkeypatch.setattr(app[CACHE], "_clock", lambda: time.monotonic() + ahead)
    own_rate = f"{ENCAR}&krw_per_usd=1400"  # such answers are not kept complete
    await house.get(own_rate)
    ahead = 61.0
    await house.get(own_rate)
    await landed(app[CACHE])
    ahead = 300.0
    house.breaks(Block(operation="search"))
    await house.get(own_rate)
    answers = (await house.figures()).of("source_answers_total", upstream="encar", kind="list")
    assert {word: count for (word,), count in answers.items() if count} == {"ok": 1, "updating": 1, "stale": 1}


async def test_a_listing_that_is_read_for_the_first_time_is_no_failure_of_the_site(
    house: OpsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(danawa_list, "WAIT_S", 0.05)
    house.breaks(Latency(operation="danawa_list", ms=300))
    await house.get(DANAWA, 503)
    answers = (await house.figures()).of("source_answers_total", upstream="danawa", kind="list")
    assert (answers[("warming",)], answers[("failed",)]) == (1, 0)


def test_a_list_that_lacks_only_listings_read_for_the_first_time_is_no_trouble() -> None:
    metrics = Metrics()
    for reason in ("warming", "timed_out"):
        metrics.listed({"sources": [{"name": "danawa", "status": "partial", "reason": reason, "rows": 3}]})
    told = {
        status: metrics.registry.get_sample_value(
            "dealerproxy_source_answers_total", {"upstream": "danawa", "kind": "list", "status": status}
        )
        for status in ("warming", "partial")
    }
    assert told == {"warming": 1, "partial": 1}


async def test_what_a_site_did_is_counted_for_each_car(build: Build) -> None:
    house = await build(detail_fresh_s=0)
    await house.get(CAR)
    await house.get("/v1/vehicles/encar_7", 404)
    house.breaks(Block())
    await house.get(CAR, 503)
    await house.get("/v1/vehicles/encar_9", 503)
    answers = (await house.figures()).of("source_answers_total", upstream="encar", kind="car")
    assert answers == {("ok",): 2, ("stale",): 0, ("failed",): 2}


async def test_what_a_site_did_is_counted_for_each_car_of_a_check(house: OpsHarness) -> None:
    async def check(*ids: str) -> None:
        async with house.client.post("/v1/vehicles/availability", json={"ids": ids}) as response:
            assert response.status == 200

    def told(figures: Figures) -> dict[str, Mapping[tuple[str, ...], float]]:
        return {name: figures.of("source_answers_total", upstream=name, kind="check") for name in UPSTREAMS}

    assert told(await house.figures()) == {name: {("ok",): 0, ("failed",): 0} for name in UPSTREAMS}
    await check(f"encar_{SHOWN_ID}", "encar_7", "danawa_7")  # that a car is gone is an answer
    house.breaks(Block(operation="batch"), Block(operation="detail"))
    await check("encar_8", "encar_9", "encar_8")
    assert told(await house.figures()) == {
        "encar": {("ok",): 2, ("failed",): 2},
        "danawa": {("ok",): 1, ("failed",): 0},
    }


async def test_rows_returned_and_left_out_are_those_of_the_answers(house: OpsHarness) -> None:
    answers = [await house.get(f"/v1/vehicles?make={make}") for make in ("Kia", "Hyundai", "Kia")]
    figures = await house.figures()
    for upstream in ("encar", "danawa"):
        rows = sum(source["rows"] for answer in answers for source in answer["sources"] if source["name"] == upstream)
        assert figures.one("rows_returned_total", upstream=upstream) == rows
    left_out = Counter[tuple[str]]()
    for notice in (notice for answer in answers for notice in answer["notices"]):
        if notice["code"].startswith("left_out_"):
            left_out[(notice["code"].removeprefix("left_out_"),)] += notice["count"]
    assert left_out.total() > 0
    told = figures.of("rows_left_out_total")
    assert {reason: count for reason, count in told.items() if count} == dict(left_out)
    assert {(str(reason),) for reason in LeftOutReason} | {("duplicate",)} == set(told)


# What the sites send


async def test_drift_is_told_by_its_path(house: OpsHarness) -> None:
    before = await house.figures()
    house.breaks(
        MissingField(operation="search", field="Price"),
        MissingField(operation="detail", field="advertisement.status", of="answer"),
        MissingSelector(operation="danawa_list", selector=".km"),
    )
    await house.get(ENCAR, 503)
    await house.get(DANAWA, 503)
    await house.get(CAR, 503)
    after = await house.figures()

    def more(name: str) -> dict[tuple[str, ...], float]:
        old = before.of(name)
        new = {key: value - old.get(key, 0) for key, value in after.of(name).items() if value != old.get(key, 0)}
        return {key: count for key, count in new.items() if "truck_search" not in key}  # there are none here

    assert more("upstream_drift_total") == {
        ("search", "SearchResults[]: Object missing required field `Price`", "encar"): 1,
        ("list", ".col.km .middle", "danawa"): 1,
        ("detail", "advertisement.status", "encar"): 1,
    }
    assert more("upstream_troubles_total") == {
        ("search", "drift", "encar"): 1,
        ("list", "drift", "danawa"): 1,
        ("detail", "drift", "encar"): 1,
    }


async def test_drift_is_counted_from_zero_so_that_the_first_one_is_an_increase(house: OpsHarness) -> None:
    troubles = (await house.figures()).of("upstream_troubles_total", reason="drift")
    assert {("search", "encar"), ("list", "danawa"), ("detail", "encar"), ("feeder", "danawa")} <= troubles.keys()


async def test_unreadable_rows_are_told_by_the_reason_and_beside_all_rows_read(house: OpsHarness) -> None:
    # Danawa's rows were read well once before.
    house.breaks(
        BadRows(operation="search", field="Mileage", share=0.25),
        MissingSelector(operation="danawa_list", selector=".price", share=0.4),
    )
    await list_read(house.client.app)
    await house.get(KIA)
    figures = await house.figures()
    rejected = figures.of("rows_rejected_total")
    assert rejected.keys() == {
        ("Expected `float`, got `object` - at `$.Mileage`", "encar"),
        (".col.price .num", "danawa"),
    }
    for (_, upstream), count in rejected.items():
        assert 0.1 < count / figures.one("rows_read_total", upstream=upstream) < 0.4


async def test_a_field_that_is_gone_shows_as_a_falling_share(build: Build) -> None:
    house = await build()
    for make, sort in itertools.product(MAKES, ("auction_date_asc", "mileage_asc")):
        await house.get(f"/v1/vehicles?make={make}&upstream=encar&sort={sort}")
    before = (await house.figures()).of("field_fill_ratio", upstream="encar", kind="list")
    house.breaks(MissingField(operation="search", field="FuelType"))
    for make, sort in itertools.product(MAKES, ("price_asc", "price_desc")):
        await house.get(f"/v1/vehicles?make={make}&upstream=encar&sort={sort}")
    after = (await house.figures()).of("field_fill_ratio", upstream="encar", kind="list")
    assert before[("fuel",)] > 0.9
    assert after[("fuel",)] < 0.6
    assert after[("body",)] == pytest.approx(before[("body",)], abs=0.05)


async def test_a_car_is_looked_at_with_its_papers(build: Build) -> None:
    house = await build(detail_fresh_s=0)
    for _ in range(20):
        await house.get(f"{CAR}?include=dealer")
    shares = (await house.figures()).of("field_fill_ratio", upstream="encar", kind="car")
    assert {shares[(field,)] for field in ("photos", "vin", "colour", "inspection", "record", "diagnosis")} == {1.0}


def test_a_paper_that_there_is_not_counts_against_it_and_one_nobody_could_ask_for_does_not() -> None:
    metrics = Metrics()
    fill = metrics._fills["danawa", "car"]
    papers = [Enrichment("record", EnrichmentStatus.ABSENT), Enrichment("inspection", EnrichmentStatus.FAILED)]
    for _ in range(20):
        metrics.described(a_car(), [*papers, Enrichment("diagnosis", EnrichmentStatus.SKIPPED)])
    assert (fill.shares["record"], fill.shares["fuel"], fill.shares["vin"]) == (0, 1, 0)
    assert {"inspection", "diagnosis"}.isdisjoint(fill.shares)


async def test_left_out_rows_are_read_but_say_nothing_of_how_rows_are_filled() -> None:
    metrics = Metrics()
    metrics.judged("encar", [LeftOut(LeftOutReason.UNREADABLE)] * 300, {})
    assert metrics.registry.get_sample_value("dealerproxy_rows_read_total", {"upstream": "encar"}) == pytest.approx(300)
    assert not metrics._fills["encar", "list"].shares


async def test_pages_and_rows_are_counted_from_zero_and_counts_and_facets_are_no_pages(house: OpsHarness) -> None:
    figures = await house.figures()
    for name in ("row_pages_read_total", "rows_read_total"):
        assert figures.of(name).keys() == {(upstream,) for upstream in UPSTREAMS}
        assert figures.one(name, upstream="encar") == 0  # Danawa's list is read at the start
    await house.get("/v1/vehicles/facets?upstream=encar")
    await house.get(ENCAR)
    await house.get(f"{ENCAR}&year_min=2099")
    figures = await house.figures()
    assert figures.one("row_pages_read_total", upstream="encar") == 4  # of cars and of trucks
    assert figures.one("upstream_requests_total", upstream="encar", operation="search", outcome="ok") > 2


def test_rows_that_are_no_offer_are_told_by_what_they_say() -> None:
    metrics = Metrics()
    contract, unreadable = LeftOut(LeftOutReason.UNDER_CONTRACT), LeftOut(LeftOutReason.UNREADABLE)
    metrics.judged("encar", [contract, contract, unreadable], {})
    told = {
        reason: metrics.registry.get_sample_value(
            "dealerproxy_rows_not_offered_total", {"upstream": "encar", "reason": reason}
        )
        for reason in (*LeftOutReason, "duplicate")
    }
    assert {reason: count for reason, count in told.items() if count is not None} == {
        **dict.fromkeys(NOT_OFFERED, 0),
        LeftOutReason.UNDER_CONTRACT: 2,
    }
    assert LeftOutReason.UNREADABLE not in NOT_OFFERED


async def test_words_without_english_are_told_by_their_kind(house: OpsHarness) -> None:
    before = (await house.figures()).of("untranslated_terms_total").get(("trim",), 0)
    answer = await house.get(ENCAR)
    (notice,) = (notice for notice in answer["notices"] if notice["code"] == "untranslated")
    assert (await house.figures()).of("untranslated_terms_total")[("trim",)] >= before + notice["count"]


async def test_captures_are_counted_and_named(house: OpsHarness) -> None:
    app = house.client.app
    assert app is not None
    app[METRICS].captured("written")
    assert (await house.figures()).of("captures_total") == {("written",): 1, ("failed",): 0}
    for number in range(MOST_CAPTURES + 1):
        app[METRICS].met(f"page-{number}")
    last = (await house.figures()).of("capture_last_met_timestamp_seconds")
    assert set(last) == {(f"page-{number}",) for number in range(1, MOST_CAPTURES + 1)}
    assert all(abs(at - time.time()) < 60 for at in last.values())


# What is kept


async def test_the_cache_tells_what_it_answered_and_from_where(house: OpsHarness) -> None:
    await house.get(ENCAR)
    await house.get(f"{ENCAR}&krw_per_usd=1400")
    await house.get(ENCAR)
    figures = await house.figures()
    assert figures.of("cache_answers_total") == {
        ("chunk", "miss", "upstream"): 2,
        ("chunk", "hit", "memory"): 2,
        ("answer", "miss", "memory"): 2,
        ("answer", "hit", "memory"): 1,
    }
    house.breaks(Block(operation="search"))
    await house.get("/v1/vehicles?make=Volvo&upstream=encar", 503)
    await house.get("/v1/vehicles?cursor=none", 400)
    lists = (await house.figures()).of("cache_answers_total", kind="answer", tier="memory")
    assert lists == {("miss",): 2, ("hit",): 1, ("error",): 1}
    taken = figures.of("cache_bytes")
    assert taken[("pieces",)] > 10_000
    assert taken[("answers",)] > 10_000


async def test_a_redis_that_is_away_is_told_of_and_none_at_all_is_not(build: Build) -> None:
    house = await build(redis_url=NO_REDIS)
    await house.get(ENCAR)
    figures = await house.figures()
    assert figures.one("redis_up") == 0
    assert figures.one("redis_failures_total") >= 1
    assert "dealerproxy_redis" not in (await (await build()).figures()).text


async def test_the_exchange_rate_is_told_with_its_source_and_its_time(house: OpsHarness) -> None:
    figures = await house.figures()
    assert figures.of("fx_krw_per_usd") == {("static",): 1347.52}
    assert figures.of("fx_as_of_timestamp_seconds") == {("static",): 1776257400}


async def test_a_rate_of_a_provider_is_as_old_as_its_last_good_answer_and_no_scrape_asks_for_one(
    build: Build, aiohttp_server: AiohttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def rates(_: web.Request) -> web.Response:
        asked.append(1)
        return web.json_response({"rates": {"KRW": 1402.5}})

    provider = web.Application()
    provider.router.add_get("/", rates)
    url = str((await aiohttp_server(provider)).make_url("/"))
    house = await build(fx_url=url, fx_path="rates.KRW")
    app = house.client.app
    assert app is not None
    monkeypatch.setattr(app[RATES], "_next_refresh", 0.0)
    figures = await house.figures()
    assert figures.of("fx_krw_per_usd") == {("provider",): 1402.5}
    assert abs(figures.of("fx_as_of_timestamp_seconds")[("provider",)] - time.time()) < 5
    assert figures.one("upstream_requests_total", upstream="fx", operation="rate", outcome="ok") == len(asked) == 1


async def test_blocked_is_the_word_for_any_kind_of_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(troubles, "trouble_counts", Counter())
    upstream_trouble("encar", "search", Blocked("status 403"))
    assert dict(troubles.trouble_counts) == {("encar", "search", "blocked", ""): 1}


# Stock


async def test_stock_is_told_with_what_it_spared_and_what_came_of_readings(build: Build) -> None:
    house = await build(encar_warm="Kia")
    figures = await house.figures()
    while not figures.one("stock_readings_total", upstream="encar", work="read", result="ok"):
        await asyncio.sleep(0.005)
        figures = await house.figures()
    rows = figures.one("stock_rows", upstream="encar")
    assert figures.one("stock_listings", upstream="encar") > 1  # the make, and its groups
    assert rows > 20
    assert figures.one("stock_bytes", upstream="encar") > 50 * rows
    assert figures.one("stock_due_age_seconds", upstream="encar") == 0
    assert figures.one("stock_readings_total", upstream="encar", work="read", result="drift") == 0
    assert figures.one("stock_spared_calls_total", upstream="encar") == 0
    for year in range(2000, 2010):
        await house.get(f"{ENCAR}&year_min={year}")
    assert (await house.figures()).one("stock_spared_calls_total", upstream="encar") > 0


async def test_the_stock_of_trucks_is_told_apart_from_that_of_cars(build: Build) -> None:
    house = await build(encar_warm="Kia")
    figures = await house.figures()
    while not figures.one("stock_readings_total", upstream="encar_trucks", work="read", result="ok"):
        await asyncio.sleep(0.005)
        figures = await house.figures()
    assert figures.one("stock_listings", upstream="encar_trucks") == 1
    assert figures.one("stock_readings_total", upstream="encar_trucks", work="read", result="drift") == 0


async def test_a_site_that_is_only_asked_live_tells_nothing_of_stock(build: Build) -> None:
    house = await build(stock_mb=0)
    figures = await house.figures()
    assert figures.of("stock_listings", upstream="encar") == figures.of("stock_listings", upstream="encar_trucks") == {}
