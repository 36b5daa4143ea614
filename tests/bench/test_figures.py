"""Rounds become medians, spreads and ratios; a number to hold is held or not by them."""

import pytest

from tests.bench.effort import in_turn
from tests.bench.figures import Bar, Figure, Round, figure, percentile, shown, table


def of(*pairs: tuple[float, float], bar: Bar | None = None, unit: str = "s") -> Figure:
    return figure("case", "what", unit, "baseline", [(Round(a, 2 * a), Round(b)) for a, b in pairs], bar)


def test_the_ratio_is_the_median_of_those_of_each_round() -> None:
    one = of((1, 10), (4, 2), (9, 3))
    assert (one.value, one.base, one.ratio, one.ratios) == (4, 3, 2, (0.1, 3))
    assert (one.p99, one.base_p99) == (8, None)


@pytest.mark.parametrize(
    ("bar", "holds"),
    [
        (Bar("ratio", ">=", 2.0), True),
        (Bar("ratio", ">=", 2.1), False),
        (Bar("value", "<", 4.0), False),
        (Bar("value", "<=", 4.0), True),
        (Bar("added", "<", 2.1), True),
        (Bar("added", "<", 2.0), False),
    ],
)
def test_a_bar_is_about_the_ratio_the_figure_or_what_it_adds(bar: Bar, holds: bool) -> None:
    one = of((4, 2), bar=bar)
    assert one.holds is holds
    assert table([one]).endswith(": yes |") is holds


def test_without_a_number_to_hold_nothing_is_judged() -> None:
    one = of((4, 2))
    assert one.holds is None
    assert table([one]).splitlines()[-1] == "| case | what | 4.00 s (8.00 s) | baseline | 2.00 s | 2.00 |  |"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0000215, "s", "21.5 µs"),
        (0.0999, "s", "99.9 ms"),
        (12.345, "s", "12.3 s"),
        (3_965.2, "/s", "3,965/s"),
        (57_800, "B", "56.4 KiB"),
        (1, "", "1.00"),
        (0, "s", "0s"),
    ],
)
def test_numbers_are_written_with_three_digits_and_a_fitting_unit(value: float, unit: str, text: str) -> None:
    assert shown(value, unit) == text


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(value) for value in range(1, 101)]
    assert [percentile(values, part) for part in (0.0, 0.5, 0.99, 1.0)] == [1, 50, 99, 100]
    assert percentile([7.0], 0.99) == 7.0


def test_turns_are_taken_forwards_and_backwards() -> None:
    order: list[str] = []

    def turn(name: str) -> str:
        order.append(name)
        return name

    taken = in_turn(3, lambda: turn("a"), lambda: turn("b"))
    assert [list(round_) for round_ in taken] == [["a", "b"]] * 3
    assert "".join(order) == "abbaab"
