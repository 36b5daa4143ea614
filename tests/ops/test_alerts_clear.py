"""Each alert tells the truth about now: it starts soon after its trouble and clears soon after the recovery."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from tests.ops.alerting import (
    ALIVE,
    STEP_S,
    Check,
    Figures,
    answers,
    blocked,
    circuit,
    counted,
    drift,
    in_stock,
    level,
    not_offered,
    questions,
    rows,
    sent,
)

pytestmark = pytest.mark.slow

# Minutes of a story: all is well, trouble, all is well again.
BEFORE, AFTER = 70, 15
AT_MOST = 10


class Trouble(NamedTuple):
    """A trouble of so many minutes, and when its alert starts and clears after its begin and its end, in minutes.

    `figures` gets a function that makes a counter of what grows before, during and after the trouble (by minute).
    """

    alert: str
    figures: Callable[["Story"], Figures]
    starts: tuple[float, float]
    clears: float = 5.0
    minutes: float = 25.0
    before: float = BEFORE


class Story:
    """Counters and gauges of a trouble; after it there is traffic, or none."""

    def __init__(self, trouble: Trouble, traffic: float) -> None:
        self._before, self._minutes, self._traffic = trouble.before, trouble.minutes, traffic
        self._ends = trouble.before + trouble.minutes

    def counter(self, before: float, during: float, after: float | None = None) -> str:
        """By minute; `after` as before by default."""
        after = before if after is None else after
        return counted((self._before, before), (self._minutes, during), (AFTER, after * self._traffic))

    def gauge(self, before: float, during: float, after: float | None = None) -> str:
        return level((self._before, before), (self._minutes, during), (AFTER, before if after is None else after))

    def time_of_last(self) -> str:
        """The time of something that happens all the time, but not in the trouble."""
        begin, end, last = (round(minutes * 60) for minutes in (self._before, self._ends, self._ends + AFTER))
        return " ".join(str(begin if begin <= at < end else at) for at in range(0, last, STEP_S))


def lists(story: Story, during_ok: float, status: str = "failed", rate: float = 4.0) -> Figures:
    ok, bad = story.counter(rate, during_ok), story.counter(0, rate - during_ok)
    return {**answers("ok", ok), **answers(status, bad), **answers("ok", ok, upstream="danawa")}


def questions_for(story: Story, kind: str, status: str = "stale") -> Figures:
    """Cars or checks that fail; now and then one is known to be sold although the site is not reached."""
    return {
        **answers("ok", story.counter(2, 0), kind=kind),
        **answers("failed", story.counter(0, 2), kind=kind),
        **answers(status, story.counter(0, 0.5), kind=kind),
    }


def lag(story: Story) -> Figures:
    """Half of the looks at the loop are late."""
    name = 'dealerproxy_event_loop_lag_seconds_bucket{{instance="a",le="{}"}}'
    return {
        name.format("0.05"): story.counter(240, 120),
        name.format("0.25"): story.counter(240, 240),
        name.format("+Inf"): story.counter(240, 240),
    }


def provider(story: Story) -> Figures:
    """A provider whose rate is not read any more, while another process, without requests, has an older one."""
    return {
        'dealerproxy_fx_as_of_timestamp_seconds{source="provider",instance="a"}': story.time_of_last(),
        'dealerproxy_fx_read_timestamp_seconds{instance="a"}': story.time_of_last(),
        'dealerproxy_http_requests_total{route="/v1/vehicles",status="200",instance="a"}': story.counter(4, 4),
        'dealerproxy_fx_as_of_timestamp_seconds{source="provider",instance="idle"}': story.gauge(0, 0),
        'dealerproxy_fx_read_timestamp_seconds{instance="idle"}': story.gauge(0, 0),
        'dealerproxy_http_requests_total{route="/v1/vehicles",status="200",instance="idle"}': story.gauge(9, 9),
    }


PAUSED_UNTIL = 'dealerproxy_upstream_paused_until_timestamp_seconds{upstream="encar",instance="a"}'
TROUBLES = [
    Trouble(
        "Gone",
        lambda _: {'dealerproxy_build_info{version="1"}': "1x280 stale _x99 1x60"},
        (2, 2.5),
        0.5,
    ),
    Trouble(
        "InstanceDown instance=a",
        lambda story: {
            'up{job="dealerproxy",instance="a"}': story.gauge(1, 0),
            'up{job="dealerproxy",instance="b"}': story.gauge(1, 1),
        },
        (2, 2.5),
        0.5,
    ),
    Trouble("ListDown upstream=encar", lambda story: lists(story, 0), (2, 2.75), 0.75),
    Trouble("SourceMissing upstream=encar", lambda story: lists(story, 2), (10, 14)),
    Trouble("SourceMissing upstream=encar", lambda story: lists(story, 2, "partial"), (10, 14)),
    Trouble("SourceMissing upstream=encar", lambda story: lists(story, 0, rate=0.5), (10, 20), 10, minutes=60),
    Trouble("CarDown upstream=encar kind=car", lambda story: questions_for(story, "car"), (5, 6), 0.75),
    Trouble("CarDown upstream=encar kind=check", lambda story: questions_for(story, "check"), (5, 6), 0.75),
    Trouble(
        "Suspended upstream=encar operation=search",
        lambda story: {**circuit(story.gauge(0, 1)), **circuit(story.gauge(1, 0), "healthy")},
        (2, 2.5),
        0.5,
    ),
    Trouble(
        "Blocked upstream=encar operation=search",
        lambda story: {**circuit(story.gauge(0, 1)), **blocked(story.gauge(0, 1))},
        (0, 0.5),
        0.5,
    ),
    Trouble("Drift upstream=encar operation=search", lambda story: drift("search", story.counter(0, 1)), (0, 1.5), 9),
    Trouble("Drift upstream=encar operation=detail", lambda story: drift("detail", story.counter(0, 1)), (5, 8), 9),
    Trouble(
        "Drift upstream=encar operation=detail",
        lambda story: {
            **sent("detail", "ok", story.counter(0.4, 0.2)),
            **sent("detail", "drift", story.counter(0, 0.2)),
        },
        (10, 40),
        9,
        minutes=60,
    ),
    Trouble(
        "NoRows upstream=encar",
        lambda story: rows(story.counter(4, 4), story.counter(160, 0)),
        (18, 21),
        0.75,
        minutes=60,
    ),
    Trouble(
        "RowsLeftOut upstream=encar",
        lambda story: {
            **rows(story.counter(4, 4), story.counter(160, 160)),
            **not_offered("under_contract", story.counter(8, 156)),
        },
        (20, 35),
        9,
        minutes=60,
    ),
    Trouble(
        "RowsRejected upstream=encar",
        lambda story: {
            **rows(story.counter(4, 4), story.counter(160, 160)),
            'dealerproxy_rows_rejected_total{upstream="encar",reason="Id"}': story.counter(0, 80),
        },
        (5, 7),
        9,
    ),
    Trouble(
        "MassAbsence upstream=encar",
        lambda story: {'dealerproxy_mass_absence_state{upstream="encar",instance="a"}': story.gauge(0, 1)},
        (0, 0.5),
        5.5,
    ),
    Trouble(
        "DailyBudget upstream=encar",
        lambda story: {
            'dealerproxy_upstream_today_calls{upstream="encar",instance="a"}': story.gauge(799, 800, 0),
            'dealerproxy_upstream_daily_limit_calls{upstream="encar",instance="a"}': story.gauge(1_000, 1_000),
        },
        (0, 0.5),
        0.5,
    ),
    Trouble("Paused upstream=encar", lambda story: {PAUSED_UNTIL: story.gauge(0, 99_999)}, (30, 30.5), 0.5, minutes=60),
    Trouble("Stale upstream=encar kind=list", lambda story: answers("stale", story.counter(0, 4)), (10, 11), 5.5),
    Trouble(
        "StockOld upstream=encar",
        lambda story: in_stock(story.gauge(1_000, 1_000), story.gauge(1_800, 5_500), up_since="0x999"),
        (5, 5.5),
        0.5,
    ),
    Trouble(
        "StockShrinks upstream=encar",
        lambda story: in_stock(story.gauge(1_000, 700), story.gauge(0, 0), up_since="-9999x999"),
        (10, 10.5),
        0.5,
    ),
    Trouble(
        "ErrorBudgetBurnsFast",
        lambda story: {**questions(200, story.counter(4, 0)), **questions(503, story.counter(0, 4))},
        (4, 8),
        5.5,
    ),
    Trouble(
        "ErrorBudgetBurnsSlowly",
        lambda story: {**questions(200, story.counter(4, 0)), **questions(503, story.counter(0, 4))},
        (15, 27),
        9,
        minutes=60,
        before=360,
    ),
    Trouble("LoopLag instance=a", lag, (5, 8)),
    Trouble("FxOld source=provider", provider, (190, 190.5), 0.5, minutes=200, before=10),
    Trouble(
        "FxRefused", lambda story: {'dealerproxy_fx_refused_total{instance="a"}': story.counter(0, 1)}, (0, 1.5), 9
    ),
    Trouble(
        "FxJump", lambda story: {'dealerproxy_fx_change_ratio{instance="a"}': story.gauge(0.01, 0.06)}, (0, 0.5), 0.5
    ),
    Trouble(
        "RedisDown instance=a", lambda story: {'dealerproxy_redis_up{instance="a"}': story.gauge(1, 0)}, (2, 2.5), 0.5
    ),
    Trouble(
        "RedisDown instance=a",
        lambda story: {'dealerproxy_redis_failures_total{instance="a"}': story.counter(0, 30)},
        (2, 3.5),
        5.5,
    ),
]
STORIES = [
    pytest.param(trouble, traffic, id=f"{trouble.alert.split()[0]} {number} {'traffic' if traffic else 'silence'}")
    for number, trouble in enumerate(TROUBLES)
    for traffic in (1.0, 0.0)
    if traffic or trouble.figures(Story(trouble, 0.0)) != trouble.figures(Story(trouble, 1.0))
]


@pytest.mark.parametrize(("trouble", "traffic"), STORIES)
def test_an_alert_starts_soon_after_its_trouble_and_clears_soon_after_it(
    check: Check, trouble: Trouble, traffic: float
) -> None:
    """Where there is no traffic after the trouble nothing proves that it is over, but the alert clears."""
    begins, ends = trouble.before, trouble.before + trouble.minutes
    soonest, latest = trouble.starts
    clears = trouble.clears if traffic else AT_MOST
    fires = {
        begins - 1: [],
        begins + soonest - 0.25: [],
        begins + latest: [trouble.alert],
        ends - 0.25: [trouble.alert],
        ends + clears: [],
        ends + AFTER - 0.5: [],
    }
    alive = {} if trouble.alert == "Gone" else ALIVE
    check(
        {**alive, **trouble.figures(Story(trouble, traffic))},
        {f"{round(minutes * 60)}s": alerts for minutes, alerts in fires.items()},
        only=f"Dealerproxy{trouble.alert.split()[0]}",
    )
    assert clears <= AT_MOST


def test_a_field_that_is_filled_again_clears_its_alert(check: Check) -> None:
    fill = 'dealerproxy_field_fill_ratio{upstream="encar",kind="list",field="fuel",instance="a"}'
    figures = {'dealerproxy_build_info{version="1"}': "1x400", fill: "0.98x300 0.05x11 0.98x40"}
    fires = ["FillFalling upstream=encar kind=list field=fuel"]
    check(figures, {"25h30m": [], "25h40m": fires, "26h": fires, "26h5m": []}, interval="5m")
