"""When listings are read: the rule on single demands and on traces of whole days."""

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy.stock import rule
from dealerproxy.stock.rule import BACK_OFF_S, FRESH_S, LONGEST_BACK_OFF_S, WHOLE_S, Demand, Work, due, urgency


@pytest.mark.parametrize(
    ("spared", "cost", "expected"), [(0, 1, None), (1, 1, Work.READ), (4, 5, None), (5, 5, Work.READ)]
)
def test_a_listing_is_read_when_the_calls_it_would_have_spared_cost_as_much(
    spared: float, cost: int, expected: Work | None
) -> None:
    assert due(Demand(cost, spared=spared), 0.0) is expected


def test_a_reading_that_nobody_used_is_not_repeated() -> None:
    demand = Demand(1, spared=1.0)
    rule.began(demand, Work.READ)
    rule.ended(demand, Work.READ, 0.0)
    assert due(demand, 10 * WHOLE_S) is None


@pytest.mark.parametrize(
    ("after_s", "spared", "expected"),
    [
        (FRESH_S - 1, 9, None),
        (FRESH_S, 0, None),
        (FRESH_S, 1, Work.CHECK),
        (WHOLE_S - 1, 9, Work.CHECK),
        (WHOLE_S, 2, Work.CHECK),  # not yet worth the three calls of a reading
        (WHOLE_S, 3, Work.READ),
        (5 * WHOLE_S, 0, None),
    ],
)
def test_a_listing_in_stock_is_checked_while_it_is_asked_for_and_read_again_when_that_was_worth_it(
    after_s: float, spared: float, expected: Work | None
) -> None:
    demand = Demand(3, spared=3.0)
    rule.began(demand, Work.READ)
    rule.ended(demand, Work.READ, 100.0)
    demand.spared += spared
    assert due(demand, 100.0 + after_s) is expected


def test_a_check_makes_a_listing_fresh_and_counts_no_calls_anew() -> None:
    demand = Demand(5, spared=2.0, read_at=0.0, checked_at=0.0)
    assert due(demand, FRESH_S) is Work.CHECK
    rule.began(demand, Work.CHECK)
    rule.ended(demand, Work.CHECK, FRESH_S)
    assert due(demand, 2 * FRESH_S) is None
    demand.spared += 1
    assert due(demand, 2 * FRESH_S) is Work.CHECK
    assert demand.spared == 3


def test_what_is_kept_warm_is_read_without_being_asked_for() -> None:
    demand = Demand(7, warm=True)
    assert due(demand, 0.0) is Work.READ
    rule.began(demand, Work.READ)
    rule.ended(demand, Work.READ, 0.0)
    assert due(demand, WHOLE_S - 1) is None
    assert due(demand, WHOLE_S) is Work.READ


def test_after_a_failure_the_pause_doubles_up_to_ten_minutes() -> None:
    demand, now = Demand(1, spared=1.0), 0.0
    for pause_s in (30.0, 60.0, 120.0, 240.0, 480.0, 600.0, 600.0):
        rule.failed(demand, now)
        assert due(demand, now + pause_s - 1) is None
        assert due(demand, now + pause_s) is Work.READ
        now += pause_s
    rule.ended(demand, Work.READ, now)
    assert demand.failures == 0
    assert (rule.back_off_s(1), rule.back_off_s(10_000)) == (BACK_OFF_S, LONGEST_BACK_OFF_S)


def test_the_most_spared_for_its_cost_comes_first_and_small_ones_that_are_kept_warm() -> None:
    demands = {
        "large warm": (Demand(50, warm=True), Work.READ),
        "small warm": (Demand(2, warm=True), Work.READ),
        "wanted": (Demand(10, spared=20.0), Work.READ),
        "much wanted": (Demand(2, spared=20.0), Work.READ),
        "check": (Demand(2, spared=90.0), Work.CHECK),
    }
    assert sorted(demands, key=lambda name: urgency(*demands[name])) == [
        "much wanted",
        "wanted",
        "small warm",
        "large warm",
        "check",
    ]


def calls_of(trace: Sequence[float], cost: int) -> float:
    """Follow the rule over the moments at which a listing is asked for; a reading is done at once."""
    demand, calls = Demand(cost, checks=False), 0.0
    for now in trace:
        in_stock = now - demand.read_at < WHOLE_S
        calls += not in_stock
        demand.spared += 1
        if due(demand, now) is Work.READ:
            calls += cost
            rule.began(demand, Work.READ)
            rule.ended(demand, Work.READ, now)
    return calls


def least_calls(trace: Sequence[float], cost: int) -> float:
    """The fewest calls of any plan that knows the whole trace: at each moment ask live, or read for half an hour."""
    best = [0.0] * (len(trace) + 1)
    for place in range(len(trace) - 1, -1, -1):
        after = next((i for i in range(place, len(trace)) if trace[i] - trace[place] >= WHOLE_S), len(trace))
        best[place] = min(1 + best[place + 1], cost + best[after])
    return best[0]


@given(
    gaps=st.lists(st.floats(0.1, 2 * WHOLE_S), max_size=60) | st.lists(st.floats(0.1, 60.0), max_size=120),
    cost=st.integers(1, 12),
)
def test_calls_are_never_more_than_twice_those_of_the_best_plan_in_hindsight(gaps: list[float], cost: int) -> None:
    trace = [sum(gaps[:place]) for place in range(len(gaps))]
    assert calls_of(trace, cost) <= 2 * least_calls(trace, cost) + cost


def test_a_busy_day_costs_a_small_part_of_asking_live() -> None:
    draw = random.Random(1)
    trace = sorted(draw.uniform(0, 86_400) for _ in range(5_000))
    assert calls_of(trace, 10) < 600
    assert math.isinf(Demand(1).read_at)
