"""A real Prometheus scrapes a real service that is in trouble: every panel has something to show, and alerts fire."""

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from dealerproxy.ops import shipped
from dealerproxy.sandbox.showcase import SHOWN_ID
from tests.ops.prometheus import Prometheus, free_port, wait_until
from tests.ops.running import Sandbox

pytestmark = pytest.mark.slow

PANELS = [panel for panel in json.loads(shipped.read("dashboard"))["panels"] if panel["type"] != "row"]
# Scraped every second, a few seconds are enough for a rate.
RATE_INTERVAL = "5s"
MAKES = ("Kia", "Hyundai", "Genesis", "BMW", "Mercedes-Benz", "Audi", "Toyota", "Jeep", "Volvo", "Honda")
SORTS = ("auction_date_asc", "price_asc", "price_desc", "mileage_asc")


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("there is no redis-server on the path")
    port = free_port()
    folder = tmp_path_factory.mktemp("redis")
    command = [binary, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    with wait_until(lambda: socket.create_connection(("127.0.0.1", port), 1), "redis-server does not answer"):
        pass
    yield f"redis://127.0.0.1:{port}"
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[Sandbox]:
    log = tmp_path_factory.mktemp("log") / "log.jsonl"
    captures = str(tmp_path_factory.mktemp("captures"))
    daily_calls = "1000000"  # more than are made: a bound to show
    running = Sandbox(
        log,
        cars=1_500,
        REDIS_URL=redis_url,
        DETAIL_FRESH_S="0",
        CAPTURE_DIR=captures,
        ENCAR_DAILY_CALLS=daily_calls,
        DANAWA_DAILY_CALLS=daily_calls,
    )
    yield running
    running.stop()


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("prometheus")
    with Prometheus.scraping(sandbox.port, folder, shipped.read("alerts")) as running:
        yield running


# The sandbox has a static rate: nothing is read of a provider, and nothing changes.
OF_A_PROVIDER = ("dealerproxy_fx_change_ratio", "dealerproxy_fx_read_timestamp_seconds")


def ask_for_much(sandbox: Sandbox) -> None:
    for make in MAKES:
        for sort in SORTS:
            sandbox.ask(f"/v1/vehicles?make={make}&sort={sort}")
    for _ in range(25):
        sandbox.ask(f"/v1/vehicles/encar_{SHOWN_ID}")


@pytest.fixture(scope="module")
def troubled(sandbox: Sandbox, prometheus: Prometheus) -> Prometheus:
    """Prometheus, while the sites of the service are in all kinds of trouble."""
    ask_for_much(sandbox)
    prometheus.scrape_twice()
    broken: list[tuple[dict[str, object], str]] = [
        ({"kind": "bad_rows", "operation": "search", "share": 0.2}, "Kia&model=K5"),
        ({"kind": "missing_field", "operation": "search", "field": "Price"}, "Hyundai&model=Avante"),
        ({"kind": "status", "operation": "search", "status": 500, "times": 1}, "BMW&year_min=2019"),
        ({"kind": "block", "operation": "search"}, "Audi&year_min=2018"),
    ]
    for fault, make in broken:
        sandbox.breaks(fault)
        for page in (1, 2):
            sandbox.ask(f"/v1/vehicles?make={make}&limit={page}")
    sandbox.ask(f"/v1/vehicles/encar_{SHOWN_ID}")
    prometheus.scrape_twice()
    return prometheus


def test_the_service_is_scraped_in_time(troubled: Prometheus) -> None:
    (target,) = troubled.targets()
    assert (target["health"], target["lastError"]) == ("up", "")
    (quickest,) = troubled.ask("min_over_time(scrape_duration_seconds[10m])")
    assert float(quickest["value"][1]) < 0.2


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_each_question_of_each_panel_has_an_answer(troubled: Prometheus, panel: Any) -> None:
    for target in panel["targets"]:
        question = target["expr"].replace("$__rate_interval", RATE_INTERVAL).replace("$instance", ".*")
        if any(name in question for name in OF_A_PROVIDER):
            continue
        # Some of what happened is over by the time of this test.
        seen = troubled.ask(f"count_over_time(({question})[2m:1s])")
        assert seen, question
        assert any(float(each["value"][1]) > 0 for each in seen)


def test_no_rule_fails(troubled: Prometheus) -> None:
    rules = troubled.rules()
    assert len(rules) == shipped.read("alerts").count("- alert: ") + shipped.read("alerts").count("- record: ")
    assert [rule["lastError"] for rule in rules if rule["health"] != "ok"] == []


def test_a_block_and_drift_fire_while_they_last_and_a_block_clears_when_it_is_over(
    sandbox: Sandbox, troubled: Prometheus
) -> None:
    firing = troubled.alerts("firing")
    assert {"DealerproxyBlocked", "DealerproxyDrift"} <= firing.keys()
    assert any("Price" in texts["description"] for texts in firing["DealerproxyDrift"])
    texts = [text for alerts in firing.values() for alert in alerts for text in alert.values()]
    assert not [text for text in texts if "error" in text and "template" in text]
    assert "DealerproxySuspended" in troubled.alerts("pending")
    sandbox.breaks()
    sandbox.forgive()
    wait_until(lambda: "DealerproxyBlocked" not in troubled.alerts("firing"), "the block goes on")
