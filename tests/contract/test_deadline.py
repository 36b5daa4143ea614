"""One deadline per request."""

import pytest

from dealerproxy.contract.deadline import Deadline
from tests.support.clock import Clock


def test_what_is_left_shrinks_as_the_clock_moves() -> None:
    clock = Clock()
    deadline = Deadline(8.0, clock)
    assert deadline.remaining() == 8.0
    clock.at += 3.0
    assert deadline.remaining() == 5.0


def test_nothing_is_left_at_the_deadline_and_it_never_turns_negative() -> None:
    clock = Clock()
    deadline = Deadline(8.0, clock)
    clock.at += 8.0
    assert deadline.remaining() == 0.0
    clock.at += 1_000.0
    assert deadline.remaining() == 0.0


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_a_deadline_without_time_is_over_at_once(seconds: float) -> None:
    assert Deadline(seconds, Clock()).remaining() == 0.0


def test_the_clock_is_read_once_at_the_start_and_never_set_back_by_asking() -> None:
    clock = Clock()
    deadline = Deadline(8.0, clock)
    clock.at += 2.0
    assert [deadline.remaining() for _ in range(3)] == [6.0, 6.0, 6.0]


def test_the_real_clock_is_monotonic_time_in_seconds() -> None:
    assert 59.0 < Deadline(60.0).remaining() <= 60.0
