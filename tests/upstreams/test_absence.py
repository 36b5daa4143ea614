"""When missing adverts are an upstream's trouble, and when they are cars that are gone."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy.upstreams.absence import COUNTS_S, MOST_ASKED, MOST_SHOWN, WINDOW, Absence
from tests.support.clock import Clock

MOST = WINDOW // 2 + 1


@pytest.fixture
def clock() -> Clock:
    return Clock(1_000_000.0)


@pytest.fixture
def absence(clock: Clock) -> Absence:
    return Absence(clock)


def ids(count: int, first: int = 0) -> list[str]:
    return [str(number) for number in range(first, first + count)]


def ask(absence: Absence, listing_ids: Sequence[str], *, missing: bool) -> list[str]:
    """Ask for adverts one after another; return those whose absence is doubted for it."""
    return [each for listing_id in listing_ids for each in absence.asked(listing_id, missing=missing)]


@pytest.mark.parametrize("missing", range(WINDOW + 1))
@pytest.mark.parametrize("missing_first", [True, False])
def test_it_holds_when_more_than_half_of_the_last_ten_are_missing(
    absence: Absence, missing: int, *, missing_first: bool
) -> None:
    absence.listed(ids(WINDOW))
    gone, there = ids(missing), ids(WINDOW - missing, missing)
    for some, are_missing in ((gone, True), (there, False)) if missing_first else ((there, False), (gone, True)):
        ask(absence, some, missing=are_missing)
    assert absence.holds == (missing >= MOST)


def test_one_advert_counts_once_however_often_it_is_asked_for(absence: Absence) -> None:
    absence.listed(ids(WINDOW))
    assert ask(absence, ["0"] * 100 + ["1"] * 100, missing=True) == []
    assert not absence.holds


def test_adverts_that_no_list_showed_do_not_count_until_one_does(absence: Absence) -> None:
    assert ask(absence, ids(100), missing=True) == []
    assert not absence.holds
    assert absence.listed(ids(MOST - 1)) == ()
    assert set(absence.listed(ids(1, MOST))) == {*ids(MOST - 1), str(MOST)}
    assert absence.holds


@pytest.mark.parametrize(
    ("age_s", "holds"), [(0.0, True), (COUNTS_S - 1, True), (COUNTS_S, False), (COUNTS_S + 1, False)]
)
def test_a_list_counts_for_two_hours(absence: Absence, age_s: float, *, holds: bool) -> None:
    absence.listed(ids(30), age_s)
    ask(absence, ids(30), missing=True)
    assert absence.holds == holds


def test_an_older_list_does_not_make_an_advert_older(absence: Absence) -> None:
    absence.listed(ids(30))
    absence.listed(ids(30), COUNTS_S)
    ask(absence, ids(30), missing=True)
    assert absence.holds


def test_it_begins_once_and_names_all_that_were_missing(absence: Absence) -> None:
    absence.listed(ids(30))
    doubted = [absence.asked(listing_id, missing=True) for listing_id in ids(30)]
    assert [list(each) for each in doubted] == [[]] * (MOST - 1) + [ids(MOST)] + [[]] * (30 - MOST)


def test_it_ends_when_adverts_answer_again_and_may_begin_anew(absence: Absence) -> None:
    absence.listed(ids(30))
    ask(absence, ids(30), missing=True)
    answered = 0
    while absence.holds:
        ask(absence, ids(1, answered), missing=False)
        answered += 1
    assert answered == WINDOW - WINDOW // 2
    assert ask(absence, ids(WINDOW, 10), missing=True) != []
    assert absence.holds


def test_what_was_missing_before_is_doubted_until_it_is_asked_again(absence: Absence) -> None:
    absence.listed(ids(30))
    ask(absence, ids(MOST), missing=True)
    ask(absence, ids(20, 10), missing=False)
    assert not absence.holds
    assert all(absence.doubts(listing_id) for listing_id in ids(MOST))
    assert not absence.doubts("29")
    absence.asked("0", missing=True)
    assert not absence.doubts("0")


def test_it_does_not_outlast_what_it_is_about(absence: Absence, clock: Clock) -> None:
    absence.listed(ids(30))
    ask(absence, ids(30), missing=True)
    clock.at += COUNTS_S
    assert not absence.holds
    absence.listed(ids(30))
    assert not absence.holds


def test_memory_is_bounded(absence: Absence) -> None:
    absence.listed(ids(2 * MOST_SHOWN))
    ask(absence, ids(3 * MOST_ASKED), missing=True)
    assert not absence.holds  # the lists that showed them are forgotten
    assert (len(absence._shown), len(absence._asked)) == (MOST_SHOWN, MOST_ASKED)


class Event(NamedTuple):
    kind: Literal["listed", "missing", "found", "wait"]
    number: int
    seconds: int


EVENTS = st.lists(
    st.builds(
        Event,
        st.sampled_from(["listed", "listed", "missing", "missing", "found", "wait"]),
        st.integers(0, 20),
        st.sampled_from([0, 1, 600, 3_600, 7_200]),
    ),
    max_size=60,
)


def most_are_missing(asked: Mapping[str, tuple[bool, float]], shown: Mapping[str, float], now: float) -> bool:
    """The rule, word by word."""
    count = [
        (at, missing)
        for listing_id, (missing, at) in asked.items()
        if now - at < COUNTS_S and now - shown.get(listing_id, now - COUNTS_S) < COUNTS_S
    ]
    return sum(missing for _, missing in sorted(count, key=lambda each: each[0])[-WINDOW:]) >= MOST


@given(EVENTS)
def test_it_holds_exactly_while_most_of_the_last_ten_that_lists_show_are_missing(events: list[Event]) -> None:
    clock = Clock(1_000_000.0)
    absence, shown, asked = Absence(clock), dict[str, float](), dict[str, tuple[bool, float]]()
    held = False
    for kind, number, seconds in events:
        clock.at += 0.001
        listing_id, began = str(number), list[str]()
        if kind == "wait":
            clock.at += seconds
        elif kind == "listed":
            began = [*absence.listed([listing_id], seconds)]
            shown[listing_id] = max(shown.get(listing_id, 0.0), clock.at - seconds)
        else:
            began = [*absence.asked(listing_id, missing=kind == "missing")]
            asked[listing_id] = (kind == "missing", clock.at)
        expected = most_are_missing(asked, shown, clock.at)
        assert absence.holds == expected
        assert bool(began) == (expected and not held)
        assert all(asked[each][0] for each in began)
        held = expected
