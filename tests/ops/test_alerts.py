"""The alert rules: each fires when it should, after the time it should, and not for less; proved by promtool."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.ops.alerting import (
    ALIVE,
    RULES,
    Check,
    answers,
    blocked,
    circuit,
    counted,
    drift,
    every,
    in_stock,
    not_offered,
    questions,
    rows,
    sent,
)

pytestmark = pytest.mark.slow


def test_promtool_accepts_the_rules(promtool: str, tmp_path: Path) -> None:
    path = tmp_path / "alerts.yml"
    path.write_text(RULES, encoding="utf-8")
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
        **answers("failed", "0x400", kind="car"),
        **answers("ok", "0+1x400", kind="check"),
        **answers("failed", "0x400", kind="check"),
        **circuit("0x400"),
        **circuit("1x400", state="healthy"),
        **questions(200, "0+5x400"),
        **questions(404, "0+1x400"),
        **drift("search", "0x400"),
        **rows("0+1x400", "0+48x400"),
        **not_offered("under_contract", "0+3x400"),
        **sent("detail", "ok", "0+1x400"),
        **sent("detail", "drift", "0x400"),
        **in_stock("150000-10x400", "900x400"),
        'up{job="dealerproxy",instance="a"}': "1x400",
        'dealerproxy_field_fill_ratio{upstream="encar",kind="list",field="fuel"}': "0.98x400",
        'dealerproxy_fx_as_of_timestamp_seconds{source="static"}': "0x400",
        "dealerproxy_redis_up": "1x400",
        "dealerproxy_redis_failures_total": "0x400",
    }
    check(figures, {"1m": [], "10m": [], "1h": [], "100m": []})


@pytest.mark.parametrize("grows", ["0x400", every(24, 16)])
def test_a_fresh_start_no_traffic_and_a_question_in_an_hour_fire_nothing(check: Check, grows: str) -> None:
    figures = {
        'dealerproxy_build_info{version="1"}': "1x400",
        'up{job="dealerproxy",instance="a"}': "1x400",
        **answers("ok", grows),
        **answers("failed", "0x400"),
        **answers("partial", "0x400"),
        **answers("warming", "0+1x9 9x400"),
        **answers("ok", grows, kind="car"),
        **answers("failed", "0x400", kind="car"),
        **answers("ok", grows, kind="check"),
        **answers("failed", "0x400", kind="check"),
        **questions(200, grows),
        # A rare search without cars.
        **rows(grows, "0x400"),
        **not_offered("lease_or_rent", "0x400"),
        **circuit("0x400"),
        **drift("search", "0x400"),
        **sent("detail", "ok", grows),
        **sent("detail", "drift", "0x400"),
        # Facets are learned without anybody asking.
        **sent("search", "ok", "0+2x400"),
    }
    check(figures, {f"{minutes}m": [] for minutes in (5, 20, 60, 130, 400, 900)}, interval="150s")


def test_one_process_of_several_that_cannot_be_scraped_is_down_after_two_minutes(check: Check) -> None:
    figures = {
        **ALIVE,
        'up{job="dealerproxy",instance="a"}': "1x80",
        'up{job="dealerproxy",instance="b"}': "1x8 0x40 1x30",
        'up{job="other",instance="c"}': "0x80",
    }
    down = ["InstanceDown instance=b"]
    check(figures, {"2m": [], "4m": [], "5m": down, "12m": down, "13m": []})


def test_a_service_that_cannot_be_scraped_is_gone_after_two_minutes(check: Check) -> None:
    figures = {'dealerproxy_build_info{version="1"}': "1x20 stale _x60"}
    check(figures, {"5m": [], "6m": [], "8m": ["Gone"]})


# Lists and cars


def test_a_site_without_any_good_list_is_down_after_two_minutes(check: Check) -> None:
    figures = {**ALIVE, **answers("ok", "0+1x20 20x40 21+1x40"), **answers("failed", "0x20 1+1x40 40x40")}
    down = ["ListDown upstream=encar"]
    # So young a service has no good hours that make ten bad minutes few.
    check(figures, {"5m": [], "7m": [], "8m30s": down, "14m": down, "18m": ["SourceMissing upstream=encar"]})


def test_ten_bad_minutes_in_hours_are_over_when_they_are_over(check: Check) -> None:
    figures = {**ALIVE, **answers("ok", "0+1x1440 1440x40 1441+1x300"), **answers("failed", "0x1440 1+1x40 41x300")}
    check(figures, {"6h": [], "6h8m": ["ListDown upstream=encar"], "6h16m": [], "6h30m": [], "7h": []})


@pytest.mark.parametrize("good", ["ok", "stale", "updating", "partial"])
def test_a_site_that_answers_some_lists_is_not_down(check: Check, good: str) -> None:
    figures = {**ALIVE, **answers(good, "0+1x80"), **answers("failed", "0+9x80"), **questions(200, "0x80")}
    missing = ["SourceMissing upstream=encar"]
    check(
        figures,
        {"5m": [], "9m": [], "20m": ["Stale upstream=encar kind=list", *missing] if good == "stale" else missing},
    )


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
    down = ["CarDown upstream=encar kind=car"]
    check(figures, {"9m": [], "13m": down, "19m": down, "24m": []})


def test_cars_that_fail_one_by_one_are_enough_where_nobody_asks_for_more(check: Check) -> None:
    figures = {
        **ALIVE,
        **answers("ok", "7x300 8x100", kind="car"),
        **answers("failed", f"0x20 {every(12, 20)} 20x200", kind="car"),
    }
    down = ["CarDown upstream=encar kind=car"]
    check(figures, {"12m": [], "25m": down, "50m": down, "76m": []})


def test_two_cars_that_fail_prove_nothing(check: Check) -> None:
    check({**ALIVE, **answers("failed", "0x20 1x20 2x100", kind="car")}, {"12m": [], "20m": [], "30m": []})


def test_checks_that_fail_are_told_of_although_cars_are_well_and_one_check_of_many_cars_is_not(check: Check) -> None:
    figures = {
        **ALIVE,
        **answers("ok", "0+1x160", kind="car"),
        **answers("failed", "0x20 20+20x60 1220x80", kind="check"),
        **answers("failed", "0x20 100x140", kind="check", upstream="danawa"),
    }
    check(figures, {"9m": [], "13m": ["CarDown upstream=encar kind=check"], "25m": []})


# A site that is missing from some lists


def test_a_site_that_is_missing_from_some_lists_for_long_is_told_of(check: Check) -> None:
    figures = {
        **ALIVE,
        **answers("ok", "0+6x40 240+6x200 1440+10x400"),
        **answers("failed", "0x40 0+2x200 400x400"),
        **answers("partial", "0x40 0+2x200 400x400"),
        **answers("skipped", "0+90x640"),
        **answers("ok", "0+10x640", upstream="danawa"),
        **answers("failed", "0x640", upstream="danawa"),
    }
    missing = ["SourceMissing upstream=encar"]
    check(figures, {"9m": [], "12m": [], "25m": missing, "60m": missing, "155m": []})


def test_a_site_that_is_missing_from_few_lists_is_told_of_when_five_lack_it_in_an_hour(check: Check) -> None:
    # A list in two minutes; of four two lack the site, for an hour and a half.
    ok = counted((30, 0.5), (90, 0.25), (60, 0.5))
    figures = {**ALIVE, **answers("ok", ok), **answers("partial", counted((30, 0), (90, 0.25), (60, 0)))}
    missing = ["SourceMissing upstream=encar"]
    check(figures, {"40m": [], "65m": missing, "90m": missing, "119m": missing, "130m": [], "170m": []})


@pytest.mark.parametrize("failed", [every(40, 15), "0x100 3x500"])
def test_now_and_then_a_list_without_a_site_is_nothing(check: Check, failed: str) -> None:
    # One in 40 lists; three lists at once, all there were.
    figures = {**ALIVE, **answers("ok", "0+1x600" if "39" in failed else "0x600"), **answers("failed", failed)}
    check(figures, {"20m": [], "60m": [], "100m": [], "149m": []})


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
                    "summary": "The service sends no requests for encar search.",
                    "description": "The circuit has been open for over 2 minutes. Reason: timed_out ",
                    "hint": "It closes by itself with the first good answer. To send a request at once, POST "
                    "/v1/upstreams/encar/reset.",
                    "dashboard": "/d/dealerproxy?viewPanel=10",
                    "runbook": "dealerproxy/ops/README.md#dealerproxysuspended",
                },
            }
        ],
    }
    fires = ["Suspended upstream=encar operation=search"]
    check(figures, {"2m": [], "4m": fires, "9m": []}, texts=[text])


def test_a_block_is_told_of_at_once_and_a_time_out_is_not_a_block(check: Check) -> None:
    figures = {
        **ALIVE,
        **blocked("_x4 1x12 stale _x20"),
        **circuit("0x4 1x12 0x20"),
        'dealerproxy_circuit_reason{upstream="danawa",operation="list",reason="timed_out"}': "1x40",
        'dealerproxy_circuit_state{upstream="danawa",operation="list",state="suspended"}': "1x2 0x40",
    }
    hint = (
        "Do not reset: new requests may prolong the block. Lower DEALERPROXY_ENCAR_RPS, check that all processes share "
        "Redis, and from which address the requests come. Cached answers still work."
    )
    text = {
        "eval_time": "2m",
        "alertname": "DealerproxyBlocked",
        "exp_alerts": [
            {
                "exp_labels": {"severity": "critical", "upstream": "encar", "operation": "search"},
                "exp_annotations": {
                    "summary": "encar blocks the service.",
                    "description": "The site returned a block page, a 403 or a 407 for search.",
                    "hint": hint,
                    "dashboard": "/d/dealerproxy?viewPanel=10",
                    "runbook": "dealerproxy/ops/README.md#dealerproxyblocked",
                },
            }
        ],
    }
    check(figures, {"45s": [], "2m": ["Blocked upstream=encar operation=search"], "5m": []}, texts=[text])


BLOCKED, SUSPENDED = "Blocked upstream=encar operation=search", "Suspended upstream=encar operation=search"


def test_a_circuit_that_nobody_asks_after_its_suspension_is_no_trouble(check: Check) -> None:
    figures = {
        **ALIVE,
        **blocked("_x4 1x400"),
        **circuit("0x4 1x12 0x388"),
        **circuit("0x16 1x388", state="probing"),
    }
    check(figures, {"1m": [], "3m30s": [BLOCKED, SUSPENDED], "7m": [BLOCKED], "10m": [], "90m": []})


def test_a_circuit_that_is_suspended_again_at_each_question_stays_told_of(check: Check) -> None:
    # A question every two minutes: blocked for three, then for ten. And one every minute: suspended for some seconds.
    long = {
        **ALIVE,
        **blocked("1x400"),
        **circuit("1x12 0x3 1x40 0x3 1x120"),
        **circuit("0x12 1x3 0x40 1x3 0x120", "probing"),
    }
    check(long, {"2m30s": [BLOCKED, SUSPENDED], "3m45s": [BLOCKED, SUSPENDED], "10m": [BLOCKED, SUSPENDED]})
    short = {
        **ALIVE,
        **blocked("1x80", reason="unreachable"),
        **circuit(" ".join(["1", "0x2"] * 20)),
        **circuit(" ".join(["0", "1x2"] * 20), "probing"),
    }
    check(short, {"1m": [], "3m": [SUSPENDED], "8m": [SUSPENDED]})


def test_one_short_suspension_is_not_told_of_whether_it_ends_well_or_nobody_asks(check: Check) -> None:
    for after in ("healthy", "probing"):
        figures = {**ALIVE, **circuit("0x4 1x1 0x80"), **circuit("0x6 1x80", state=after), **blocked("1x80", "slow")}
        check(figures, {"1m30s": [], "3m": [], "3m30s": [], "5m": []})


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
                    "summary": "Answers of encar search have changed their shape.",
                    "description": "A required field is missing or unreadable. Paths since the start: Count ",
                    "hint": "The captures show the page. `dealerproxy doctor` shows what else changed. Repair the "
                    "reader, replay the captures.",
                    "dashboard": "/d/dealerproxy?viewPanel=20",
                    "runbook": "dealerproxy/ops/README.md#dealerproxydrift",
                },
            }
        ],
    }
    search, feeder = "Drift upstream=encar operation=search", "Drift upstream=danawa operation=feeder"
    check(figures, {"1m": [], "3m": [search], "6m": [search, feeder], "15m": [feeder]}, texts=[text])


def test_details_that_drift_are_told_of_where_few_are_asked_for_too(check: Check) -> None:
    figures = {
        **ALIVE,
        **sent("detail", "ok", "9x600"),
        **sent("detail", "drift", f"0x20 {every(12, 20)} 20x400"),
        # One in 50, of many.
        **sent("papers", "ok", "0+1x600"),
        **sent("papers", "drift", every(50, 11)),
        # Told by the other figure.
        **sent("search", "drift", "0+1x600"),
    }
    fires = ["Drift upstream=encar operation=detail"]
    check(figures, {"10m": [], "25m": fires, "60m": fires, "125m": []})


# A site that hides its cars


def test_a_site_that_answers_well_without_any_rows_is_told_of(check: Check) -> None:
    figures = {
        **ALIVE,
        **rows("0+1x400", "0+40x60 2400x160 2400+40x180"),
        **rows("0+1x400", "0+40x400", upstream="danawa"),
    }
    none = ["NoRows upstream=encar"]
    check(figures, {"14m": [], "29m": [], "36m": none, "54m": none, "56m": []})


def test_a_site_without_rows_is_told_of_where_few_ask_too(check: Check) -> None:
    # A search every three minutes.
    figures = {**ALIVE, **rows("0+0.0834x1000", "0+4x80 320x620 360+4x300")}
    check(figures, {"60m": [], "130m": [], "160m": ["NoRows upstream=encar"], "180m": []})


def test_a_site_without_rows_from_the_start_is_told_of(check: Check) -> None:
    check({**ALIVE, **rows("0+1x80", "0x80")}, {"2m": [], "9m": ["NoRows upstream=encar"]})


def test_a_few_searches_without_rows_are_rare_cars(check: Check) -> None:
    check({**ALIVE, **rows(f"{every(4, 8)} 8x300", "0x340")}, {"5m": [], "20m": [], "80m": []})


def test_far_fewer_rows_than_the_day_before_are_told_of(check: Check) -> None:
    figures = {
        'dealerproxy_build_info{version="1"}': "1x800",
        **rows("0+5x800", "0+200x600 120000+30x40 121200+200x160"),
        **rows("0+5x800", "0+200x600 120000+60x200", upstream="danawa"),
    }
    check(figures, {"49h": [], "52h": ["NoRows upstream=encar"], "55h": []}, interval="5m")


def test_rows_of_which_nearly_all_are_left_out_are_told_of(check: Check) -> None:
    figures = {
        **ALIVE,
        **rows("0+1x600", "0+40x600"),
        **not_offered("under_contract", "0+3x80 240+20x240 5040+3x280"),
        **not_offered("lease_or_rent", "0+1x80 80+19x240 4640+1x280"),
        **rows("0+1x600", "0+40x600", upstream="danawa"),
    }
    check(figures, {"45m": [], "62m": ["RowsLeftOut upstream=encar"], "90m": []})


def test_a_few_rows_left_out_are_no_news(check: Check) -> None:
    figures = {**ALIVE, **rows("0x20 4x300", "0x20 180x300"), **not_offered("placeholder_price", "0x20 180x300")}
    check(figures, {"20m": [], "60m": []})


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


@pytest.mark.parametrize("upstream", ["encar", "danawa"])
def test_a_mass_absence_is_told_of_at_once_and_a_while_longer_than_it_holds(check: Check, upstream: str) -> None:
    figures = {
        **ALIVE,
        f'dealerproxy_mass_absence_state{{upstream="{upstream}",instance="a"}}': "0x20 1x8 0x100",
        f'dealerproxy_mass_absence_state{{upstream="{upstream}",instance="b"}}': "0x120",
    }
    fires = [f"MassAbsence upstream={upstream}"]
    check(figures, {"4m": [], "6m": fires, "10m": fires, "14m": []})


# The error budget


def test_a_budget_that_burns_fast_is_told_of_within_minutes_and_no_longer_than_it_burns(check: Check) -> None:
    figures = {**ALIVE, **questions(200, "0+10x240 2400+4x60 2650+10x240"), **questions(503, "0x240 6+6x60 370x240")}
    fast = ["ErrorBudgetBurnsFast"]
    check(figures, {"55m": [], "62m": [], "74m": fast, "80m": ["ErrorBudgetBurnsSlowly"], "84m": [], "115m": []})


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


def read_at(values: str) -> dict[str, str]:
    return {"dealerproxy_fx_read_timestamp_seconds": values}


def rate_of(source: str, values: str) -> dict[str, str]:
    return {f'dealerproxy_fx_as_of_timestamp_seconds{{source="{source}"}}': values}


@pytest.mark.parametrize(
    ("figures", "fires"),
    [
        ({**rate_of("provider", "0x999"), **questions(200, "0+9x999")}, ["FxOld source=provider"]),
        ({**rate_of("provider", "0x999"), **questions(200, "9x999")}, []),
        ({**rate_of("provider", "0+300x999"), **questions(200, "0+9x999")}, []),
        ({**rate_of("provider", "0x999"), **read_at("0+300x999"), **questions(200, "0+9x999")}, []),
        ({**rate_of("provider", "0x999"), **read_at("0x999"), **questions(200, "0+9x999")}, ["FxOld source=provider"]),
        (
            {**rate_of("provider", "-700000x999"), **read_at("0+300x999"), **questions(200, "0+9x999")},
            ["FxOld source=provider"],
        ),
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


@pytest.mark.parametrize(
    ("refused", "fires"),
    [
        ("0x60", {"1h": []}),
        ("0x10 1x120", {"9m": [], "12m": ["FxRefused"], "2h": []}),
        ("_x10 1x120", {"9m": [], "12m": ["FxRefused"], "2h": []}),
        ("0x10 1+1x120", {"9m": [], "12m": ["FxRefused"], "2h": ["FxRefused"]}),
    ],
    ids=["never", "once", "at the start", "again and again"],
)
def test_a_refused_rate_is_told_of_at_once_for_as_long_as_it_goes_on(
    check: Check, refused: str, fires: Mapping[str, Sequence[str]]
) -> None:
    check({**ALIVE, 'dealerproxy_fx_refused_total{instance="a"}': refused}, fires, interval="1m")


@pytest.mark.parametrize(
    ("change", "at_50m", "at_61m"),
    [("0.05x90", [], []), ("0.051x60 0x30", ["FxJump"], []), ("0.187x90", ["FxJump"], ["FxJump"])],
)
def test_a_rate_that_changed_by_more_than_a_twentieth_is_told_of_until_the_next_one_is_read(
    check: Check, change: str, at_50m: Sequence[str], at_61m: Sequence[str]
) -> None:
    figures = {**ALIVE, 'dealerproxy_fx_change_ratio{instance="a"}': change}
    check(figures, {"50m": at_50m, "61m": at_61m}, interval="1m")


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


# Stock


def test_a_listing_that_cannot_be_read_again_for_90_minutes_is_old(check: Check) -> None:
    figures = {**ALIVE, **in_stock("1000x400", "0x29 1800+60x90 0x30")}
    old = ["StockOld upstream=encar"]
    check(figures, {"85m": [], "90m": [], "98m": old, "119m": old, "121m": []}, interval="60s")


def test_stock_that_loses_a_fifth_within_an_hour_shrinks(check: Check) -> None:
    figures = {**ALIVE, **in_stock("1000x120 790x200", "0x400")}
    shrunken = ["StockShrinks upstream=encar"]
    check(figures, {"125m": [], "132m": shrunken, "170m": shrunken, "190m": []}, interval="60s")


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param("1000x120 810x200", id="less than a fifth"),
        pytest.param("1000-2x200", id="slowly"),
        pytest.param("0x60 1000x60 3000x60", id="grows"),
        pytest.param("1000x120 100x5 1000x100", id="for a short time"),
    ],
)
def test_stock_that_does_not_lose_a_fifth_within_an_hour_does_not_shrink(check: Check, rows: str) -> None:
    figures = {**ALIVE, **in_stock(rows, "0x400")}
    check(figures, {f"{minutes}m": [] for minutes in range(60, 200, 10)}, interval="60s")


def test_a_restart_without_stock_is_no_shrinking(check: Check) -> None:
    figures = {**ALIVE, **in_stock("1000x120 0x10 0+10x80", "0x400", up_since="-9999x120 7260x100")}
    check(figures, {f"{minutes}m": [] for minutes in range(60, 200, 10)}, interval="60s")


# The calls of a day


def calls(values: str, limit: str = "1000x400", upstream: str = "encar", instance: str = "a") -> dict[str, str]:
    labels = f'upstream="{upstream}",instance="{instance}"'
    return {
        f"dealerproxy_upstream_today_calls{{{labels}}}": values,
        f"dealerproxy_upstream_daily_limit_calls{{{labels}}}": limit,
    }


BUDGET = "DailyBudget upstream=encar"


def test_the_calls_of_a_day_fire_at_80_percent_at_once_and_clear_with_the_day(check: Check) -> None:
    # Ten calls every 15 s: 790 after 19 min 45 s, 800 after 20 min; a new day begins after an hour.
    figures = {**ALIVE, **calls("0+10x239 0+10x60")}
    check(figures, {"19m45s": [], "20m": [BUDGET], "59m45s": [BUDGET], "60m": [], "70m": []})


def test_a_higher_bound_clears_the_alert_on_the_calls_of_a_day(check: Check) -> None:
    check({**ALIVE, **calls("800x80", limit="1000x39 2000x40")}, {"1m": [BUDGET], "9m45s": [BUDGET], "10m": []})


@pytest.mark.parametrize("used", ["0x80", "1000000x80"])
def test_calls_without_a_bound_fire_nothing(check: Check, used: str) -> None:
    check({**ALIVE, **calls(used, limit="0x80")}, {"10m": []})


def test_several_processes_with_one_count_fire_one_alert_for_each_site(check: Check) -> None:
    figures = {
        **ALIVE,
        **calls("900x80"),
        **calls("900x80", instance="b"),
        **calls("1000x80", upstream="danawa"),
    }
    check(figures, {"1m": [BUDGET, "DailyBudget upstream=danawa"]})
