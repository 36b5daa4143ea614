"""The alert rules: each fires when it should, after the time it should, and not for less; proved by promtool."""

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from dealerproxy.ops import shipped

pytestmark = pytest.mark.slow

TEXT = shipped.read("alerts")
# What is there whenever the service is.
ALIVE = {'dealerproxy_build_info{version="1"}': "1x9999"}
SUMMED = "alertname, upstream, operation, kind, field, instance, source"

Check = Callable[..., None]


@pytest.fixture
def check(promtool: str, tmp_path: Path) -> Check:
    """Run figures through the rules: which alerts fire at which times?"""

    def run(
        figures: Mapping[str, str],
        firing: Mapping[str, Sequence[str]],
        *,
        interval: str = "15s",
        texts: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        rules, cases = tmp_path / "alerts.yml", tmp_path / "cases.json"
        rules.write_text(TEXT, encoding="utf-8")
        test = {
            "interval": interval,
            "input_series": [{"series": name, "values": values} for name, values in figures.items()],
            "promql_expr_test": [
                {
                    "expr": f'count by ({SUMMED}) (ALERTS{{alertstate="firing"}})',
                    "eval_time": at,
                    "exp_samples": [{"labels": _labels(alert), "value": 1} for alert in alerts],
                }
                for at, alerts in firing.items()
            ],
            "alert_rule_test": list(texts),
        }
        document = {"rule_files": ["alerts.yml"], "evaluation_interval": interval, "tests": [test]}
        cases.write_text(json.dumps(document), encoding="utf-8")
        ran = subprocess.run([promtool, "test", "rules", str(cases)], capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr

    return run


def _labels(alert: str) -> str:
    """Write `ListDown upstream=encar` as PromQL does."""
    name, *labels = alert.split()
    pairs = {"alertname": f"Dealerproxy{name}"} | dict(label.split("=") for label in labels)
    return f"{{{', '.join(f'{label}={json.dumps(value)}' for label, value in pairs.items())}}}"


def answers(status: str, values: str, kind: str = "list", upstream: str = "encar") -> dict[str, str]:
    return {f'dealerproxy_source_answers_total{{upstream="{upstream}",kind="{kind}",status="{status}"}}': values}


def circuit(values: str, state: str = "suspended", operation: str = "search") -> dict[str, str]:
    return {f'dealerproxy_circuit_state{{upstream="encar",operation="{operation}",state="{state}"}}': values}


def questions(status: int, values: str) -> dict[str, str]:
    return {f'dealerproxy_http_requests_total{{method="GET",route="/v1/vehicles",status="{status}"}}': values}


def drift(operation: str, values: str, upstream: str = "encar") -> dict[str, str]:
    labels = f'upstream="{upstream}",operation="{operation}",reason="drift"'
    return {f"dealerproxy_upstream_troubles_total{{{labels}}}": values}


def test_promtool_accepts_the_rules(promtool: str, tmp_path: Path) -> None:
    path = tmp_path / "alerts.yml"
    path.write_text(TEXT, encoding="utf-8")
    ran = subprocess.run([promtool, "check", "rules", str(path)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "SUCCESS" in ran.stdout


# Nothing at all


def test_a_service_that_is_well_fires_nothing(check: Check) -> None:
    figures = {
        **ALIVE,
        **answers("ok", "0+5x400"),
        **answers("failed", "0x400"),
        **answers("updating", "0+1x400"),
        **answers("ok", "0+1x400", kind="car"),
        **circuit("0x400"),
        **circuit("1x400", state="healthy"),
        **questions(200, "0+5x400"),
        **questions(404, "0+1x400"),
        **drift("search", "0x400"),
        'dealerproxy_rows_read_total{upstream="encar"}': "0+48x400",
        'dealerproxy_field_fill_ratio{upstream="encar",kind="list",field="fuel"}': "0.98x400",
        'dealerproxy_fx_as_of_timestamp_seconds{source="static"}': "0x400",
        "dealerproxy_redis_up": "1x400",
        "dealerproxy_redis_failures_total": "0x400",
    }
    check(figures, {"1m": [], "10m": [], "1h": [], "100m": []})


def test_a_service_that_cannot_be_scraped_is_gone_after_two_minutes(check: Check) -> None:
    figures = {'dealerproxy_build_info{version="1"}': "1x20 stale _x60"}
    check(figures, {"5m": [], "6m": [], "8m": ["Gone"]})


# Lists and cars


def test_a_site_without_any_good_list_is_down_after_two_minutes(check: Check) -> None:
    figures = {**ALIVE, **answers("ok", "0+1x20 20x40 21+1x40"), **answers("failed", "0x20 1+1x40 40x40")}
    down = ["ListDown upstream=encar"]
    check(figures, {"5m": [], "7m": [], "8m30s": down, "14m": down, "18m": []})


@pytest.mark.parametrize("good", ["ok", "stale", "updating", "partial"])
def test_a_site_that_answers_some_lists_is_not_down(check: Check, good: str) -> None:
    figures = {**ALIVE, **answers(good, "0+1x80"), **answers("failed", "0+9x80"), **questions(200, "0x80")}
    check(figures, {"5m": [], "9m": [], "20m": ["Stale upstream=encar kind=list"] if good == "stale" else []})


def test_one_list_that_fails_is_not_a_site_that_is_down(check: Check) -> None:
    check({**ALIVE, **answers("ok", "0x80"), **answers("failed", "0x20 1x60")}, {"6m": [], "8m": [], "15m": []})


def test_three_lists_that_fail_are_enough_where_nobody_asks_for_more(check: Check) -> None:
    figures = {**ALIVE, **answers("ok", "5x200"), **answers("failed", "0x20 1x20 2x20 3x20 4x60")}
    check(figures, {"12m": [], "23m": ["ListDown upstream=encar"], "38m": []})


def test_a_listing_that_is_being_read_for_the_first_time_is_not_down(check: Check) -> None:
    check({**ALIVE, **answers("warming", "0+1x80", upstream="danawa")}, {"5m": [], "15m": []})


def test_a_site_without_any_good_car_is_down_after_five_minutes(check: Check) -> None:
    figures = {
        **ALIVE,
        **answers("ok", "0+1x20 20x60 21+1x40", kind="car"),
        **answers("failed", "0x20 1+1x60 60x40", kind="car"),
        **answers("ok", "0+1x120", kind="car", upstream="danawa"),
        **answers("failed", "0+1x120", kind="car", upstream="danawa"),
    }
    down = ["CarDown upstream=encar"]
    check(figures, {"9m": [], "13m": down, "19m": down, "24m": []})


def test_old_answers_that_stand_in_for_ten_minutes_are_told_of(check: Check) -> None:
    figures = {**ALIVE, **answers("ok", "0+1x200"), **answers("stale", "0+1x60 60x100", kind="car")}
    check(figures, {"8m": [], "12m": ["Stale upstream=encar kind=car"], "22m": []})


# Circuits


def test_a_circuit_is_suspended_after_two_minutes_even_if_it_probes_in_between(check: Check) -> None:
    figures = {
        **ALIVE,
        **circuit("0x4 1x3 0x1 1x20 0x40"),
        **circuit("0x8 1x1 0x60", state="probing"),
        'dealerproxy_circuit_reason{upstream="encar",operation="search",reason="timed_out"}': "1x80",
    }
    text = {
        "eval_time": "4m",
        "alertname": "DealerproxySuspended",
        "exp_alerts": [
            {
                "exp_labels": {"severity": "warning", "upstream": "encar", "operation": "search"},
                "exp_annotations": {
                    "summary": "encar search is not asked.",
                    "description": "The circuit has been open for over 2 minutes. Reason: timed_out ",
                    "hint": "It closes by itself with the first good answer. To ask at once, "
                    "POST /v1/upstreams/encar/reset.",
                },
            }
        ],
    }
    fires = ["Suspended upstream=encar operation=search"]
    check(figures, {"2m": [], "4m": fires, "9m": []}, texts=[text])


def test_a_block_is_told_of_at_once_and_a_time_out_is_not_a_block(check: Check) -> None:
    figures = {
        **ALIVE,
        'dealerproxy_circuit_reason{upstream="encar",operation="search",reason="blocked"}': "_x4 1x12 _x20",
        'dealerproxy_circuit_reason{upstream="danawa",operation="list",reason="timed_out"}': "1x40",
    }
    hint = (
        "Do not reset: it would be asked again and the block may grow. Lower DEALERPROXY_ENCAR_RPS, check that all "
        "processes share Redis, and see from which address we ask. Answers from the cache go on."
    )
    text = {
        "eval_time": "2m",
        "alertname": "DealerproxyBlocked",
        "exp_alerts": [
            {
                "exp_labels": {"severity": "critical", "upstream": "encar", "operation": "search"},
                "exp_annotations": {
                    "summary": "encar blocks us.",
                    "description": "Requests for search were refused with a block page, a 403 or a 407.",
                    "hint": hint,
                },
            }
        ],
    }
    check(figures, {"45s": [], "2m": ["Blocked upstream=encar operation=search"], "10m": []}, texts=[text])


# What the sites send


def test_one_drift_of_a_list_is_told_of_and_one_of_a_car_is_not(check: Check) -> None:
    figures = {
        **ALIVE,
        **drift("search", "0x8 1x80"),
        **drift("detail", "0x8 1x80"),
        **drift("feeder", "0x8 1+1x80", upstream="danawa"),
        'dealerproxy_upstream_drift_total{upstream="encar",operation="search",path="Count"}': "_x8 1x80",
    }
    text = {
        "eval_time": "3m",
        "alertname": "DealerproxyDrift",
        "exp_alerts": [
            {
                "exp_labels": {"severity": "warning", "upstream": "encar", "operation": "search"},
                "exp_annotations": {
                    "summary": "encar search has changed its shape.",
                    "description": "Something mandatory is missing or unreadable. Paths since the start: Count ",
                    "hint": "The captures show the page. `dealerproxy doctor` says what else changed; mend the reader "
                    "and replay the captures.",
                },
            }
        ],
    }
    search, feeder = "Drift upstream=encar operation=search", "Drift upstream=danawa operation=feeder"
    check(figures, {"1m": [], "3m": [search], "6m": [search, feeder], "15m": [feeder]}, texts=[text])


def test_rows_that_cannot_be_read_are_told_of_when_they_are_more_than_one_in_twenty(check: Check) -> None:
    figures = {
        **ALIVE,
        'dealerproxy_rows_read_total{upstream="encar"}': "0+100x200",
        'dealerproxy_rows_rejected_total{upstream="encar",reason="Id is no number"}': "0+3x200",
        'dealerproxy_rows_rejected_total{upstream="encar",reason="Year is no month"}': "0+4x200",
        'dealerproxy_rows_read_total{upstream="danawa"}': "0+100x200",
        'dealerproxy_rows_rejected_total{upstream="danawa",reason=".col.km .middle"}': "0+4x200",
    }
    check(figures, {"5m": [], "20m": ["RowsRejected upstream=encar"]})


def test_a_field_that_falls_below_what_it_was_yesterday_is_told_of_after_half_an_hour(check: Check) -> None:
    def fill(field: str, values: str, instance: str = "a") -> dict[str, str]:
        labels = f'upstream="encar",kind="list",field="{field}",instance="{instance}"'
        return {f"dealerproxy_field_fill_ratio{{{labels}}}": values}

    figures = {
        'dealerproxy_build_info{version="1"}': "1x400",
        **fill("fuel", "0.98x300 0.9-0.05x17 0.05x40"),
        **fill("fuel", "0.98x300 0.9-0.05x17 0.05x40", instance="b"),
        **fill("body", "0.98x300 0.8x80"),
        **fill("drivetrain", "0.15x300 0.01x80"),
    }
    check(figures, {"25h": [], "28h": ["FillFalling upstream=encar kind=list field=fuel"]}, interval="5m")


# The error budget


def test_a_budget_that_burns_fast_is_told_of_within_minutes_and_no_longer_than_it_burns(check: Check) -> None:
    figures = {**ALIVE, **questions(200, "0+10x240 2400+4x60 2650+10x240"), **questions(503, "0x240 6+6x60 370x240")}
    fast = ["ErrorBudgetBurnsFast"]
    check(figures, {"55m": [], "62m": [], "74m": fast, "84m": ["ErrorBudgetBurnsSlowly"], "115m": []})


def test_a_budget_that_burns_slowly_is_told_of_too(check: Check) -> None:
    figures = {
        'dealerproxy_build_info{version="1"}': "1x900",
        **questions(200, "0+96x900"),
        **questions(500, "0+4x900"),
    }
    check(figures, {"10m": [], "6h": ["ErrorBudgetBurnsSlowly"]}, interval="1m")


def test_a_few_failures_in_a_quiet_night_burn_nothing(check: Check) -> None:
    check({**ALIVE, **questions(200, "0x400"), **questions(503, "0x20 4x380")}, {"8m": [], "20m": [], "90m": []})


# The process


def test_a_loop_that_is_late_one_time_in_a_hundred_is_told_of(check: Check) -> None:
    def lag(le: str, values: str) -> dict[str, str]:
        return {f'dealerproxy_event_loop_lag_seconds_bucket{{instance="a",le="{le}"}}': values}

    well = {**ALIVE, **lag("0.05", "0+20x80"), **lag("0.25", "0+20x80"), **lag("+Inf", "0+20x80")}
    check(well, {"15m": []})
    late = {**ALIVE, **lag("0.05", "0+19x80"), **lag("0.25", "0+20x80"), **lag("+Inf", "0+20x80")}
    check(late, {"3m": [], "15m": ["LoopLag instance=a"]})


def rate_of(source: str, values: str) -> dict[str, str]:
    return {f'dealerproxy_fx_as_of_timestamp_seconds{{source="{source}"}}': values}


@pytest.mark.parametrize(
    ("figures", "fires"),
    [
        ({**rate_of("provider", "0x999"), **questions(200, "0+9x999")}, ["FxOld source=provider"]),
        ({**rate_of("provider", "0x999"), **questions(200, "9x999")}, []),
        ({**rate_of("provider", "0+300x999"), **questions(200, "0+9x999")}, []),
        ({**rate_of("static", "0x999"), **questions(200, "0+9x999")}, []),
        ({**rate_of("static", "-700000x999"), **questions(200, "0+9x999")}, ["FxOld source=static"]),
        (
            {
                **rate_of("static", "0x999"),
                'dealerproxy_upstream_requests_total{upstream="fx",operation="rate",outcome="timed_out"}': "0+1x999",
            },
            ["FxOld source=static"],
        ),
    ],
)
def test_a_rate_is_old_when_its_provider_fails_or_nobody_set_it_for_a_week(
    check: Check, figures: Mapping[str, str], fires: Sequence[str]
) -> None:
    check({**ALIVE, **figures}, {"4h": fires}, interval="5m")


def test_a_redis_that_fails_or_refuses_is_told_of(check: Check) -> None:
    away = {**ALIVE, 'dealerproxy_redis_up{instance="a"}': "1x4 0x40"}
    check(away, {"2m": [], "4m": ["RedisDown instance=a"]})
    full = {
        **ALIVE,
        'dealerproxy_redis_up{instance="a"}': "1x60",
        'dealerproxy_redis_failures_total{instance="a"}': "0x8 1+1x60",
    }
    check(full, {"3m": [], "8m": ["RedisDown instance=a"]})
    once = {**ALIVE, 'dealerproxy_redis_failures_total{instance="a"}': "0x8 1x60"}
    check(once, {"3m": [], "8m": []})
