"""The inspection sheet: its shape laid over the captures, and every case a reader must tell apart."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pytest

from dealerproxy.sandbox.encar.inspections import formats, inspection
from dealerproxy.sandbox.encar.inventory import Inventory
from dealerproxy.sandbox.encar.papers import Sheet

# Thousands of invented papers are built and compared here.
pytestmark = pytest.mark.slow

Shape = dict[str, set[str]]

CAPTURED = (
    "inspection_42106289_ev_7_panels.json",
    "inspection_42406998_frame_damage.json",
    "inspection_42499686_clean.json",
)


def _sheet(**overrides: object) -> Any:
    return orjson.loads(orjson.dumps(inspection(Inventory().new_car(**overrides))))


def _lines(sheet: Any) -> Iterator[Any]:
    for group in sheet["inners"]:
        for line in group["children"]:
            yield line
            yield from line["children"]


def _status(sheet: Any, code: str) -> Any:
    return next(line["statusType"] for line in _lines(sheet) if line["type"]["code"] == code)


@pytest.fixture(scope="module")
def sheets(cars: Inventory) -> list[Any]:
    return [orjson.loads(orjson.dumps(sheet)) for sheet in map(inspection, islice(cars, 2000)) if sheet]


@pytest.fixture
def captured(captures: Path) -> list[Any]:
    return [json.loads((captures / "encar_inspection" / name).read_bytes()) for name in CAPTURED]


def test_a_sheet_has_every_captured_field_in_the_captured_types(
    sheets: list[Any], captured: list[Any], shape: Callable[..., Shape], unlike: Callable[..., Shape]
) -> None:
    seen, ours = shape(captured), shape(sheets)
    assert unlike(ours, seen) == {}
    lists = ("images[]", "master.detail.tuningStateTypes[]", "master.detail.seriousTypes[]")
    extra = {path for path in ours.keys() - seen.keys() if not path.startswith(lists)}
    assert extra <= {f"master.detail.recallFullFillTypes[]{key}" for key in ("", ".code", ".title")}
    for path, kinds in seen.items():
        beyond = {"master.detail": {"NoneType"}, "master.detail.smout": {"str"}}
        assert ours[path] - kinds <= beyond.get(path, set()), path


def test_keys_and_lines_stand_in_the_captured_order(sheets: list[Any], captured: list[Any]) -> None:
    ours = next(sheet for sheet in sheets if sheet["master"]["detail"] and sheet["inners"])
    assert list(ours) == list(captured[0])
    assert list(ours["master"]) == list(captured[0]["master"])
    assert list(ours["master"]["detail"]) == list(captured[0]["master"]["detail"])
    assert ours["etcs"] == captured[0]["etcs"]
    for real in captured:
        codes = [line["type"] for line in _lines(real)]
        fitting = [[line["type"] for line in _lines(sheet)] for sheet in sheets]
        assert codes in fitting, "some invented sheet has the lines of each captured one"
    allowed = {line["type"]["code"]: line["statusItemTypes"] for real in captured for line in _lines(real)}
    for line in (line for sheet in sheets for line in _lines(sheet) if line["type"]["code"] in allowed):
        assert line["statusItemTypes"] == allowed[line["type"]["code"]]


def test_a_line_of_the_second_level_has_children_and_one_of_the_third_has_not(sheets: list[Any]) -> None:
    for sheet in sheets[:50]:
        for group in sheet["inners"]:
            assert list(group) == ["type", "price", "children"]
            for line in group["children"]:
                assert "children" in line
                assert all("children" not in deeper for deeper in line["children"])


def test_high_voltage_is_checked_on_cars_with_a_motor_and_stands_before_the_fuel(cars: Inventory) -> None:
    for car in cars:
        sheet: Any = inspection(car)
        if sheet and sheet["inners"]:
            groups = [group["type"]["code"] for group in sheet["inners"]]
            assert ("S08" in groups) == car.is_green
            assert groups[-1] == "S07"
            assert not car.is_green or groups[-2] == "S08"


def test_the_site_s_misspellings_are_kept(sheets: list[Any]) -> None:
    text = json.dumps(next(sheet for sheet in sheets if sheet["inners"]), ensure_ascii=False)
    assert all(word in text for word in ('"accdient"', "추친축 및 베어링", "디피렌셜 기어", "룸 클리링"))


def test_most_sheets_are_clean_and_every_kind_of_damage_occurs(sheets: list[Any]) -> None:
    panels = [panel for sheet in sheets for panel in sheet["outers"]]
    ranks = Counter(panel["attributes"][0] for panel in panels)
    assert 0.6 < sum(not sheet["outers"] for sheet in sheets) / len(sheets) < 0.8
    assert set(ranks) == {"RANK_ONE", "RANK_TWO", "RANK_A", "RANK_B", "RANK_C"}
    assert {status["code"] for panel in panels for status in panel["statusTypes"]} == {
        "X", "W", "WC", "T", "C", "A", "U",
    }  # fmt: skip
    assert {len(panel["statusTypes"]) for panel in panels} == {1, 2}
    assert any(panel["type"]["code"] == "P999" for panel in panels)
    answered = {(line["type"]["code"], (line["statusType"] or {}).get("code")) for s in sheets for line in _lines(s)}
    leaks = {("s013", "4"), ("s023", "5"), ("s027", "4"), ("s028", "5"), ("s099", "1"), ("s034", "99")}
    assert leaks <= answered
    assert {form for sheet in sheets for form in sheet["formats"]} == {"TABLE", "IMAGE"}
    assert any(sheet["formats"] == ["TABLE"] and sheet["master"]["detail"] is None for sheet in sheets)
    details = [sheet["master"]["detail"] for sheet in sheets if sheet["master"]["detail"]]
    assert {word["code"] for one in details for word in one["usageChangeTypes"]} == {"1", "2", "3"}
    for key in ("recall", "tuning", "waterlog"):
        assert {one[key] for one in details} == {True, False}
    assert all(len(one["modelYear"]) == 6 for one in details)
    assert {len(one["vin"]) for one in details} == {0, 6, 17}


def test_some_sheets_have_remarks_of_losses_and_of_work_that_is_not_on_the_form(sheets: list[Any]) -> None:
    details = [sheet["master"]["detail"] for sheet in sheets if sheet["master"]["detail"]]
    remarks = " | ".join(filter(None, (one["comments"] for one in details)))
    for word in (
        "전손",
        "침수",
        "침수, 전손 없음",
        "미터기",
        "무사고",
        "조)리어도어",
        "미션 미세누유",
        "하체 부식",
        "홍길동",
    ):
        assert word in remarks
    grave = sum("전손" in (one["comments"] or "") for one in details)
    assert 0.005 < grave / len(details) < 0.03


def test_accident_does_not_simply_follow_from_the_panels(sheets: list[Any]) -> None:
    def frame(sheet: Any) -> bool:
        return any(panel["attributes"][0][-1] in "ABC" for panel in sheet["outers"])

    outcomes = Counter((frame(sheet), sheet["master"]["accdient"]) for sheet in sheets)
    assert set(outcomes) == {(False, False), (True, True), (False, True), (True, False)}
    assert outcomes[True, True] > outcomes[True, False]


def test_the_detail_s_formats_say_whether_there_is_a_sheet(cars: Inventory) -> None:
    for car in cars:
        sheet = inspection(car)
        assert formats(car) == (sheet["formats"] if sheet else [])
    assert any(inspection(car) is None for car in cars if not car.is_private)
    assert all(inspection(car) is None for car in cars if car.is_private)


def test_a_sheet_says_exactly_what_the_car_carries() -> None:
    said = Sheet(
        panels=(("P021", ("X",)), ("P081", ("X", "WC")), ("P777", ("Z",))),
        items=(("s013", "4"), ("s001", None), ("s777", "10"), ("s016", "5")),
        usage=("1", "3"),
        recall=False,
        waterlog=True,
        tuning=True,
        comments="타이어 교체 필요",
    )
    sheet = _sheet(sheet=said, fuel="가솔린", transmission="오토")
    panels = {panel["type"]["code"]: [word["code"] for word in panel["statusTypes"]] for panel in sheet["outers"]}
    assert panels == {"P021": ["X"], "P081": ["X", "WC"], "P777": ["Z"]}
    assert _status(sheet, "s013") == {"code": "4", "title": "미세누수"}
    assert _status(sheet, "s016") == {"code": "5", "title": "누수"}
    assert _status(sheet, "s001") is None
    assert _status(sheet, "s777") == {"code": "10", "title": "불량"}
    assert (sheet["master"]["accdient"], sheet["master"]["simpleRepair"]) == (False, True)
    detail = sheet["master"]["detail"]
    assert [word["title"] for word in detail["usageChangeTypes"]] == ["렌트", "영업용"]
    assert (detail["recall"], detail["recallFullFillTypes"]) == (True, [{"code": "2", "title": "미이행"}])
    assert (detail["waterlog"], detail["tuning"], detail["comments"]) == (True, True, "타이어 교체 필요")


def test_a_clean_sheet_answers_its_items_and_lists_no_panel() -> None:
    sheet = _sheet(sheet=Sheet())
    assert sheet["outers"] == []
    answers = Counter((line["statusType"] or {}).get("code") for line in _lines(sheet) if line["statusItemTypes"])
    assert set(answers) == {"1", "2", "3", None}
    assert answers["1"] > 10


def test_a_scan_has_pictures_and_nothing_else() -> None:
    sheet = _sheet(sheet=Sheet(form="IMAGE"))
    assert (sheet["formats"], sheet["inners"], sheet["outers"]) == (["IMAGE"], [], [])
    assert sheet["master"]["detail"] is None
    assert [image["type"] for image in sheet["images"]] == ["M1", "M2"]


def test_an_empty_table_has_its_lines_and_no_answer() -> None:
    sheet = _sheet(sheet=Sheet(form="EMPTY"))
    assert sheet["formats"] == ["TABLE"]
    assert {line["statusType"] for line in _lines(sheet)} == {None}


def test_the_verdicts_may_be_given() -> None:
    frame = (("P142", ("W",)),)
    assert _sheet(sheet=Sheet(panels=frame))["master"]["accdient"] is True
    assert _sheet(sheet=Sheet(panels=frame, accident=False))["master"]["accdient"] is False
    assert _sheet(sheet=Sheet(simple_repair=True))["master"]["simpleRepair"] is True
    assert _sheet(sheet=Sheet(has_detail=False))["master"]["detail"] is None
