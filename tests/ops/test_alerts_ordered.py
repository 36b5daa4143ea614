"""What is ordered or usual fires no alert of trouble: pauses, restarts, processes that come and go, defaults."""

import pytest

from tests.ops.alerting import ALIVE, Check, Figures, answers, counted, in_stock, level, questions

pytestmark = pytest.mark.slow

PAUSED, LIST_DOWN = "Paused upstream=encar", "ListDown upstream=encar"
# Of two processes.
A, B = 'instance="a"', 'instance="b"'


def of(instance: str, figures: Figures) -> Figures:
    """The same figures, of one process."""
    return {name.replace("}", f",{instance}}}"): values for name, values in figures.items()}


def paused(*phases: tuple[float, float]) -> Figures:
    name = 'dealerproxy_upstream_paused_until_timestamp_seconds{upstream="encar",instance="a"}'
    return {name: level(*phases)}


def without_lists(*, before: float = 30, minutes: float = 60, after: float = 40, still: bool = False) -> Figures:
    """Lists and cars of a site that fail for so long, or from then on."""
    rate = 0 if still else 4
    return {
        **answers("ok", counted((before, 4), (minutes, 0), (after, rate))),
        **answers("failed", counted((before, 0), (minutes, 4), (after, 4 - rate))),
        **answers("ok", counted((before, 4), (minutes, 0), (after, rate)), kind="car"),
        **answers("failed", counted((before, 0), (minutes, 4), (after, 4 - rate)), kind="car"),
    }


# Pauses


def test_a_paused_site_fires_only_that_it_is_paused_and_that_only_when_it_lasts(check: Check) -> None:
    figures = {
        **ALIVE,
        **without_lists(),
        **answers("stale", counted((30, 0), (60, 2), (40, 0))),
        **in_stock("1000x279 700x88 1000x150", level((30, 900), (60, 7_200), (40, 900)), up_since="-9999x520"),
        **paused((30, 0), (60, 5_400), (40, 0)),
    }
    fires = {f"{minutes}m": [PAUSED] if 60 <= minutes < 90 else [] for minutes in range(30, 129, 3)}
    check(figures, fires)


def test_a_pause_that_is_ended_early_clears_at_once_and_fires_nothing(check: Check) -> None:
    figures = {**ALIVE, **without_lists(minutes=40), **paused((30, 0), (40, 99_999), (40, 0))}
    check(figures, {"65m": [PAUSED], "70m15s": [], "71m": [], "75m": [], "80m": [], "100m": []})


@pytest.mark.parametrize("after", [0.0, 4.0], ids=["silence", "traffic"])
def test_failures_of_a_short_pause_fire_nothing_when_it_is_over(check: Check, after: float) -> None:
    figures = {
        **ALIVE,
        **answers("ok", counted((30, 4), (12, 0), (40, after))),
        **answers("failed", counted((30, 0), (12, 4), (40, 0))),
        **paused((30, 0), (12, 2_520), (40, 0)),
    }
    check(figures, {f"{minutes}m": [] for minutes in range(30, 80, 2)})


def test_a_site_that_is_still_down_after_its_pause_fires_within_ten_minutes(check: Check) -> None:
    figures = {**ALIVE, **without_lists(still=True), **paused((30, 0), (60, 5_400), (40, 0))}
    down = [LIST_DOWN, "CarDown upstream=encar kind=car"]
    check(figures, {"89m": [PAUSED], "97m": [], "99m": down, "112m": [*down, "SourceMissing upstream=encar"]})


def test_a_site_that_is_down_fires_while_the_other_is_paused(check: Check) -> None:
    figures = {
        **ALIVE,
        **without_lists(),
        **paused((30, 0), (60, 5_400), (40, 0)),
        **answers("ok", counted((30, 4), (20, 0), (80, 4)), upstream="danawa"),
        **answers("failed", counted((30, 0), (20, 4), (80, 0)), upstream="danawa"),
    }
    check(
        figures,
        {"31m": [], "35m": ["ListDown upstream=danawa"], "51m": ["SourceMissing upstream=danawa"], "60m": [PAUSED]},
    )


def test_stock_of_trucks_that_grows_old_fires_unless_its_site_is_paused(check: Check) -> None:
    age = level((30, 900), (60, 5_500), (40, 900))
    trucks = {f'dealerproxy_stock_due_age_seconds{{upstream="encar_trucks",{A}}}': age}
    check({**ALIVE, **trucks}, {"34m": [], "36m": ["StockOld upstream=encar_trucks"], "91m": []})
    check({**ALIVE, **trucks, **paused((30, 0), (60, 5_400), (40, 0))}, {"36m": [], "62m": [PAUSED], "96m": []})


# Restarts, and several processes


def test_a_restart_while_all_is_well_fires_nothing(check: Check) -> None:
    figures = {
        **ALIVE,
        **answers("ok", f"{counted((40, 4))} {counted((40, 4))}"),
        **answers("failed", f"2x159 {level((40, 0))}"),
        **questions(200, f"{counted((40, 4))} {counted((40, 4))}"),
        **questions(503, f"9x159 {level((40, 0))}"),
    }
    check(figures, {f"{minutes}m": [] for minutes in range(10, 80, 5)})


def test_a_restart_in_an_outage_neither_clears_the_alert_nor_makes_another(check: Check) -> None:
    figures = {
        **ALIVE,
        **answers("ok", f"{counted((20, 4))} {level((6, 80))} 0x55 {counted((10, 4))}"),
        **answers("failed", f"{level((20, 0))} {counted((6, 4))} {counted((14, 4))} 55x40"),
    }
    check(
        figures,
        {
            "21m": [],
            "24m": [LIST_DOWN],
            "26m": [LIST_DOWN],
            "29m": [LIST_DOWN],
            "41m": ["SourceMissing upstream=encar"],
            "46m": [],
        },
    )


def test_one_process_of_two_without_a_site_is_a_site_that_is_missing_and_not_one_that_is_down(check: Check) -> None:
    figures = {
        **ALIVE,
        **of(A, answers("ok", counted((80, 4)))),
        **of(B, answers("ok", counted((20, 4), (25, 0), (35, 4)))),
        **of(B, answers("failed", counted((20, 0), (25, 4), (35, 0)))),
    }
    missing = ["SourceMissing upstream=encar"]
    check(figures, {"24m": [], "29m": [], "35m": missing, "44m": missing, "50m30s": [], "70m": []})


def test_a_process_that_is_taken_away_takes_its_alerts_with_it(check: Check) -> None:
    gone = "stale _x200"
    figures = {
        **ALIVE,
        f'up{{job="dealerproxy",{A}}}': "1x320",
        f'up{{job="dealerproxy",{B}}}': f"{level((20, 1))} {level((10, 0))} {gone}",
        **of(A, answers("ok", counted((80, 4)))),
        **of(B, answers("failed", f"{level((10, 0))} {counted((20, 4))} {gone}")),
        f"dealerproxy_redis_up{{{B}}}": f"{level((20, 1))} {level((10, 0))} {gone}",
        f'dealerproxy_mass_absence_state{{upstream="encar",{B}}}': f"{level((25, 0))} {level((5, 1))} {gone}",
    }
    there = ["InstanceDown instance=b", "RedisDown instance=b", "SourceMissing upstream=encar"]
    check(figures, {"19m": [], "24m": there, "29m": ["MassAbsence upstream=encar", *there], "40m": [], "60m": []})


def test_a_process_that_takes_over_all_traffic_fires_nothing(check: Check) -> None:
    figures = {
        **ALIVE,
        **of(A, answers("ok", f"{counted((30, 4))} stale _x200")),
        **of(A, answers("failed", f"{level((30, 0))} stale _x200")),
        **of(B, answers("ok", f"_x119 {counted((50, 4))}")),
        **of(B, answers("failed", f"_x119 {level((50, 0))}")),
    }
    check(figures, {f"{minutes}m": [] for minutes in range(20, 80, 3)})


# Defaults


def static(as_of: str, started: str = "0x999") -> Figures:
    return {
        f'dealerproxy_fx_as_of_timestamp_seconds{{source="static",{A}}}': as_of,
        f"process_start_time_seconds{{{A}}}": started,
        **of(A, questions(200, "0+9x999")),
    }


def test_the_rate_built_into_the_program_is_never_old(check: Check) -> None:
    check({**ALIVE, **static("-20000000x999")}, {"20m": [], "5h": [], "16h": [], "220h": []}, interval="60m")


def test_a_rate_that_an_operator_set_is_old_after_a_week_and_new_with_the_next_start(check: Check) -> None:
    # Taken up as the process starts: 2 s later, or just before the start of a worker.
    for as_of in (2, -2):
        started = "0x199 720000x99"
        figures = {**ALIVE, **static(f"{as_of}x199 {720_000 + as_of}x99", started)}
        check(figures, {"160h": [], "171h": ["FxOld source=static"], "201h": []}, interval="60m")


def test_a_provider_that_never_answered_is_told_of_though_the_built_in_rate_stands_in(check: Check) -> None:
    failing = f'dealerproxy_upstream_requests_total{{upstream="fx",operation="rate",outcome="timed_out",{A}}}'
    check({**ALIVE, **static("-20000000x999"), failing: "0+1x999"}, {"1h": ["FxOld source=static"]}, interval="1m")
