"""How well rows are filled: exact for few, and for many a share that follows the latest."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy.ops.fill_ratio import FillRatio


def fill_of(window: int = 100, least: int = 1) -> FillRatio:
    return FillRatio(("fuel", "options"), window=window, least=least)


@given(st.lists(st.lists(st.booleans(), max_size=30), max_size=20))
def test_up_to_the_window_a_share_is_the_plain_mean_whatever_comes_together(batches: list[list[bool]]) -> None:
    fill = fill_of(window=10_000)
    for batch in batches:
        fill.note("fuel", batch)
    everything = [filled for batch in batches for filled in batch]
    expected = {"fuel": pytest.approx(sum(everything) / len(everything))} if everything else {}
    assert fill.shares == expected


@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=50), min_size=1, max_size=60))
def test_a_share_never_leaves_its_bounds(batches: list[list[bool]]) -> None:
    fill = fill_of(window=20)
    for batch in batches:
        fill.note("fuel", batch)
        assert 0 <= fill.shares["fuel"] <= 1 + 1e-9


def test_a_field_that_is_gone_falls_towards_nothing_and_one_that_stays_does_not() -> None:
    fill = fill_of(window=100)
    with_fuel, without = SimpleNamespace(fuel="lpg", options=("a",)), SimpleNamespace(fuel=None, options=("a",))
    fill.add([with_fuel] * 500)
    falling = []
    for _ in range(30):
        fill.add([without] * 10)
        falling.append(fill.shares["fuel"])
    assert falling == sorted(falling, reverse=True)
    assert falling[9] < 0.4
    assert falling[-1] < 0.05
    assert fill.shares["options"] == pytest.approx(1)


def test_nothing_is_said_of_too_few() -> None:
    fill = fill_of(least=20)
    fill.add([SimpleNamespace(fuel="lpg", options=())] * 19)
    assert not fill.shares
    fill.add([SimpleNamespace(fuel="lpg", options=())])
    assert fill.shares == {"fuel": 1, "options": 0}


def test_nothing_at_all_changes_nothing() -> None:
    fill = fill_of()
    fill.add([])
    assert not fill.shares


def test_an_empty_tuple_is_as_good_as_nothing_and_a_zero_is_something() -> None:
    fill = fill_of()
    fill.add([SimpleNamespace(fuel=0, options=())])
    assert fill.shares == {"fuel": 1, "options": 0}
