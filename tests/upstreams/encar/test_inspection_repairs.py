"""The foot of a sheet and its measured values: what is answered, and null where all is left open."""

from typing import Any

import pytest

from dealerproxy.contract.inspection import NeededRepair
from dealerproxy.upstreams.encar.inspection_repairs import Foot, read_foot
from dealerproxy.upstreams.values import measured
from dealerproxy.vocabulary import Vocabulary


def line(code: str | None, exists: object = None, *ticked: str, title: str = "") -> dict[str, Any]:
    return {
        "type": {"code": code, "title": title},
        "exists": exists,
        "statusTypes": [{"code": place, "title": ""} for place in ticked],
    }


def foot(vocabulary: Vocabulary, *lines: object) -> Foot:
    return read_foot([{"type": {"code": "", "title": "수리필요"}, "children": list(lines)}], vocabulary)


def test_a_foot_that_is_left_open_says_nothing(vocabulary: Vocabulary) -> None:
    assert foot(vocabulary, *(line(f"e00{at}") for at in range(1, 9))) == Foot(None, None)


@pytest.mark.parametrize("etcs", [None, [], "x", 5, [None], [{"children": None}], [{"children": [{}, 5]}]])
def test_an_odd_foot_says_nothing(vocabulary: Vocabulary, etcs: object) -> None:
    assert read_foot(etcs, vocabulary) == Foot(None, None)


@pytest.mark.parametrize(
    ("code", "part"),
    [
        *(("e001", "exterior"), ("e002", "interior"), ("e003", "polish"), ("e004", "cleaning")),
        *(("e005", "wheels"), ("e006", "tires"), ("e007", "glass")),
    ],
)
def test_every_part_is_told_with_its_places(vocabulary: Vocabulary, code: str, part: str) -> None:
    everywhere = ("driver_front", "driver_rear", "passenger_front", "passenger_rear", "spare")
    assert foot(vocabulary, line(code, True)).needed_repairs == (NeededRepair(part, ()),)
    assert foot(vocabulary, line(code, None, *"12345")).needed_repairs == (NeededRepair(part, everywhere),)
    assert foot(vocabulary, line(code, False)).needed_repairs == ()


def test_a_part_is_known_by_its_word_too_and_an_unknown_one_keeps_its_code(vocabulary: Vocabulary) -> None:
    told = foot(vocabulary, line(None, True, title="타이어"), line("e099", True, "9", title="새 부품")).needed_repairs
    assert told == (NeededRepair("tires", ()), NeededRepair("code_e099", ("code_9",)))


def test_what_is_on_board_is_no_repair(vocabulary: Vocabulary) -> None:
    assert foot(vocabulary, line("e008", True, "1", "2", "3", "4")) == Foot(
        None, ("manual", "warning_triangle", "jack", "wrench")
    )


@pytest.mark.parametrize(
    ("value", "number"),
    [
        *(("0.02", 0.02), ("3", 3.0), (0, 0.0), (1.5, 1.5), ("0", 0.0), ("100", 100.0)),
        *((None, None), ("", None), ("양호", None), (-1, None), (True, None), ("101", None), ([], None), ("1e1", None)),
        *((float("nan"), None), (float("inf"), None), ("0.0.2", None)),
    ],
)
def test_a_measured_value_is_a_number_in_its_bounds_or_null(value: object, number: float | None) -> None:
    assert measured(value, most=100) == number
