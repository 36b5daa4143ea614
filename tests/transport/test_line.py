"""Which of the calls that wait comes next, and which of them wait in vain."""

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy.transport.limits import Lane
from dealerproxy.transport.line import LANES, Line, WaitingCall, ordered

CARS, LISTS, PAPERS, BACKGROUND = Lane


def call(lane: Lane, answer: object | None = None, within_s: float = 8.0) -> WaitingCall:
    return WaitingCall(lane, now=0.0, within_s=within_s, answer=answer)


def line_of(*calls: WaitingCall) -> Line[WaitingCall]:
    line = Line[WaitingCall]()
    for each in calls:
        line.add(each)
    return line


def anyone(_: WaitingCall) -> bool:
    return True


def served(line: Line[WaitingCall], turns: int) -> list[WaitingCall]:
    """Who gets so many turns."""
    found = []
    for _ in range(turns):
        following = line.next(anyone)
        assert following is not None
        line.grant(following)
        found.append(following)
    return found


def lanes_served(waiting: Sequence[Lane], turns: int) -> Counter[Lane]:
    """How often each lane is served while so many calls of all these lanes wait all the time."""
    line = line_of(*(call(lane) for lane in waiting for _ in range(turns)))
    return Counter(each.lane for each in served(line, turns))


def test_nobody_comes_next_where_nobody_waits_or_may_go() -> None:
    assert Line[WaitingCall]().next(anyone) is None
    assert line_of(call(CARS)).next(lambda _: False) is None


def test_a_car_comes_before_the_24_legs_of_a_list() -> None:
    answer, car = object(), call(CARS)
    line = line_of(*(call(LISTS, answer) for _ in range(24)), car)
    assert served(line, 1) == [car]


def test_cars_come_before_lists_these_before_papers_and_these_before_background_calls() -> None:
    line = line_of(*(call(lane) for lane in reversed(Lane)))
    assert [each.lane for each in served(line, 4)] == list(Lane)


@pytest.mark.parametrize("lane", [CARS, LISTS, PAPERS])
def test_the_newest_comes_first(lane: Lane) -> None:
    came = [call(lane) for _ in range(5)]
    assert list(ordered(came)) == came[::-1]


def test_background_calls_come_in_their_order() -> None:
    came = [call(BACKGROUND, answer) for answer in (None, 1, 1, None, 2)]
    assert list(ordered(came)) == came


def test_the_answer_that_lacks_the_fewest_calls_comes_first_and_its_calls_together() -> None:
    many, few = [call(LISTS, "many") for _ in range(3)], [call(LISTS, "few") for _ in range(2)]
    one, newest = call(LISTS), [call(LISTS, "newest") for _ in range(2)]
    waiting = [many[0], few[0], one, few[1], *many[1:], *newest]
    assert list(ordered(waiting)) == [one, *newest, *few, *many]


def test_an_answer_begun_is_completed_before_another_of_its_size_is_begun() -> None:
    line = line_of(call(LISTS, "first"), call(LISTS, "first"))
    line.grant(next(iter(ordered([first for first in [line.next(anyone)] if first is not None]))))
    line.add(call(LISTS, "second"))
    line.add(call(LISTS, "second"))
    assert served(line, 1)[0].answer == "first"


@pytest.mark.parametrize("lane", Lane)
def test_each_lane_gets_its_share_whatever_the_others_ask_for(lane: Lane) -> None:
    assert lanes_served(list(Lane), 1_000)[lane] >= 1_000 * LANES[lane].share - 3


@given(st.sets(st.sampled_from(Lane), min_size=1))
def test_no_turn_is_lost_and_the_shares_hold_among_any_lanes(waiting: set[Lane]) -> None:
    given = lanes_served(sorted(waiting), 200)
    assert given.total() == 200
    assert all(given[lane] >= 200 * LANES[lane].share - 3 for lane in waiting)


def test_background_calls_get_less_than_half_while_anybody_waits_and_all_where_nobody_does() -> None:
    for lane in (CARS, LISTS, PAPERS):
        assert lanes_served([lane, BACKGROUND], 400)[BACKGROUND] <= 200
    assert lanes_served([BACKGROUND], 400)[BACKGROUND] == 400


def test_the_shares_leave_something_over() -> None:
    assert sum(policy.share for policy in LANES.values()) <= 1


def test_who_cannot_be_served_in_its_time_is_found_at_once_with_its_wait() -> None:
    came = [call(BACKGROUND, within_s=1.0) for _ in range(6)]
    found = dict(line_of(*came).too_long(0.0, 0.25, 0.25))
    assert list(found) == came[4:]
    assert all(wait_s > 1.0 for wait_s in found.values())


def test_who_is_refused_holds_up_nobody() -> None:
    hurried = [call(BACKGROUND, within_s=0.1) for _ in range(9)]
    patient = call(BACKGROUND, within_s=0.5)
    assert [each for each, _ in line_of(*hurried, patient).too_long(0.0, 0.25, 0.25)] == hurried


def test_time_that_passes_makes_it_clear_too() -> None:
    line = line_of(call(CARS, within_s=2.0))
    assert not [*line.too_long(1.7, 0.25, 0.25)]
    assert [*line.too_long(1.8, 0.25, 0.25)]


def test_a_list_that_newer_ones_overtake_gives_up_long_before_its_deadline() -> None:
    old = call(LISTS)
    line = line_of(old, *(call(LISTS) for _ in range(5)))
    assert not [*line.too_long(0.0, 0.25, 0.25)]
    for _ in range(9):
        line.add(call(LISTS))
        served(line, 1)
        if old in [each for each, _ in line.too_long(0.0, 0.25, 0.25)]:
            return
    raise AssertionError("it still waits")


def test_a_list_of_24_legs_alone_waits_for_all_of_them() -> None:
    legs = [call(LISTS, "one list") for _ in range(24)]
    assert not [*line_of(*legs).too_long(0.0, 0.25, 0.25)]


def test_papers_wait_a_second_at_most() -> None:
    assert not [*line_of(call(PAPERS)).too_long(0.0, 1.0, 0.25)]
    assert [*line_of(call(PAPERS)).too_long(0.0, 1.1, 0.25)]


STEPS = st.lists(
    st.tuples(st.sampled_from(("come", "turn", "leave")), st.sampled_from(Lane), st.integers(0, 3)), max_size=60
)


@given(STEPS)
def test_every_call_leaves_once_and_only_those_that_wait_are_served(steps: list[tuple[str, Lane, int]]) -> None:
    line, waiting = Line[WaitingCall](), list[WaitingCall]()
    for what, lane, number in steps:
        if what == "come":
            waiting.append(call(lane, number or None))
            line.add(waiting[-1])
        elif what == "leave" and waiting:
            line.remove(waiting.pop(number % len(waiting)))
        elif what == "turn":
            following = line.next(anyone)
            assert (following is None) == (not waiting)
            if following is not None:
                waiting.remove(following)
                line.grant(following)
        assert len(line) == len(waiting) == sum(line.queued.values())
        assert {each for each, _ in line.too_long(0.0, 0.5, 0.5)} <= set(waiting)
