"""Inspection sheets: the project's own with every item answered, real captured ones, and sheets that went wrong."""

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy import vocabulary as words
from dealerproxy.contract.inspection import (
    CategoryGrade,
    ChecklistItem,
    DealerInspection,
    Inspection,
    Issue,
    NoReport,
    NoReportReason,
    Panel,
)
from dealerproxy.transport.errors import Drift
from dealerproxy.upstreams.encar.inspection import read_inspection
from dealerproxy.vocabulary import Vocabulary

SHEET = orjson.loads(
    (Path(__file__).parents[2] / "captures" / "encar_inspection_every_item" / "body.json").read_bytes()
)
HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")
CAPTURED = {
    # file: (frame panels, exterior panels, answered items), counted by eye on the sheet
    "inspection_42499686_clean.json": (0, 0, 29),
    "inspection_42106289_ev_7_panels.json": (0, 7, 30),
    "inspection_42406998_frame_damage.json": (1, 4, 28),
}
PARTNER_KEYS = [
    "source",
    "overall_grade",
    "grade_description",
    "accident_summary",
    "has_accident",
    "has_frame_damage",
    "exterior_summary",
    "accident_reason",
    "category_grades",
    "checklist",
    "accident_history",
    "accident_cost_summary",
    "issues",
    "inspector_notes",
    "inspection_sheet_url",
]
LOADED = words.load()


@pytest.fixture
def fresh() -> Vocabulary:
    return words.load()


def sheet(change: Callable[[dict[str, Any]], object] = lambda _: None) -> bytes:
    """The project's own sheet, changed."""
    document = copy.deepcopy(SHEET)
    change(document)
    return orjson.dumps(document)


def report_of(body: bytes, vocabulary: Vocabulary = LOADED) -> Any:
    found = read_inspection(body, vocabulary)
    assert isinstance(found, Inspection)
    return found


def with_panel(code: str = "P011", statuses: Any = (("X", "교환(교체)"),), ranks: Any = ("RANK_ONE",)) -> bytes:
    """The sheet with this one touched panel."""
    listed = [{"code": c, "title": t} for c, t in statuses] if isinstance(statuses, tuple) else statuses
    panel = {"type": {"code": code, "title": "무엇인가"}, "statusTypes": listed, "attributes": list(ranks)}
    return sheet(lambda d: d.update(outers=[panel]))


def leaf(document: dict[str, Any], code: str) -> dict[str, Any]:
    """The checklist node with this code."""

    def search(nodes: list[dict[str, Any]]) -> dict[str, Any] | None:
        for node in nodes:
            found = node if node["type"]["code"] == code else search(node.get("children") or [])
            if found:
                return found
        return None

    found = search(document["inners"])
    assert found is not None
    return found


def answering(code: str, status: Any) -> bytes:
    """The sheet with one item's answer replaced."""
    return sheet(lambda d: leaf(d, code).update(statusType=status))


def item_of(body: bytes, item: str, group: str | None = None, vocabulary: Vocabulary = LOADED) -> ChecklistItem:
    (found,) = (i for i in report_of(body, vocabulary).report.checklist if i.item == item and group in {None, i.group})
    return found  # type: ignore[no-any-return]


# The body


def test_touched_panels_stand_in_the_order_of_their_codes() -> None:
    found = report_of(sheet())
    assert found.body_condition.image_url is None
    assert [(p.panel_id, p.panel_type, p.damage_codes, p.severity) for p in found.body_condition.panels] == [
        ("hood", "exterior", ("c",), "medium"),
        ("front-door-r", "exterior", ("u", "a"), "minor"),
        ("quarter-panel-l", "exterior", ("x", "w"), "major"),
        ("rear-panel", "frame", ("a",), "major"),
    ]
    assert found.report.dealer_inspection == DealerInspection(1, 3)
    assert found.report.has_frame_damage is True


def test_a_panel_tells_everything_that_was_done_to_it_worst_first() -> None:
    (panel,) = report_of(
        with_panel("P032", (("A", "흠집"), ("X", "교환(교체)"), ("W", "판금/용접")))
    ).body_condition.panels
    assert panel == Panel(
        panel_id="front-door-r",
        panel_type="exterior",
        damage_code="x",
        damage_codes=("x", "w", "a"),
        label="Front Door (R)",
        description="Replaced, Sheet Metal/Welding, Scratch",
        severity="major",
    )


@pytest.mark.parametrize(
    ("code", "severity"),
    [
        ("A", "minor"),
        ("U", "minor"),
        ("W", "medium"),
        ("C", "medium"),
        ("T", "medium"),
        ("X", "major"),
        ("WC", "major"),
    ],
)
def test_the_severity_of_an_exterior_panel_is_its_damage_s(code: str, severity: str) -> None:
    (panel,) = report_of(with_panel(statuses=((code, "?"),))).body_condition.panels
    assert (panel.damage_code, panel.severity) == (code.lower(), severity)


def test_any_mark_on_a_frame_panel_is_major() -> None:
    (panel,) = report_of(with_panel("P142", (("A", "흠집"),), ("RANK_B",))).body_condition.panels
    assert (panel.panel_type, panel.damage_code, panel.severity) == ("frame", "a", "major")


@pytest.mark.parametrize(
    ("rank", "kind", "counts", "frame", "severity"),
    [
        ("RANK_TWO", "exterior", DealerInspection(0, 1), False, "minor"),
        ("RANK_C", "frame", DealerInspection(1, 0), True, "major"),
        ("RANK_Z", "unknown", DealerInspection(0, 1), None, "major"),
    ],
)
def test_an_unknown_panel_keeps_its_code_and_its_rank_tells_its_kind(
    fresh: Vocabulary, rank: str, kind: str, counts: DealerInspection, frame: bool | None, severity: str
) -> None:
    found = report_of(with_panel("P999", (("A", "흠집"),), (rank,)), fresh)
    (panel,) = found.body_condition.panels
    assert (panel.panel_id, panel.label, panel.panel_type, panel.severity) == ("p999", "P999", kind, severity)
    assert found.report.dealer_inspection == counts
    assert found.report.has_frame_damage is frame
    assert fresh.untranslated["panel", "P999"] == 1


def test_the_exterior_summary_names_every_panel_that_counts_as_exterior() -> None:
    unknown = {"type": {"code": "P999"}, "statusTypes": [{"code": "A"}], "attributes": []}
    alone = report_of(sheet(lambda d: d.update(outers=[unknown]))).report
    assert alone.dealer_inspection == DealerInspection(0, 1)
    assert alone.exterior_summary == "Scratch: P999 (part of unknown kind)."
    among = report_of(sheet(lambda d: d["outers"].append(unknown))).report
    assert among.dealer_inspection == DealerInspection(1, 4)
    assert among.exterior_summary == (
        "Corrosion: Hood. Dent, Scratch: Front Door (R). Replaced, Sheet Metal/Welding: Quarter Panel (L). "
        "Scratch: P999 (part of unknown kind)."
    )


def test_an_unknown_damage_is_kept_as_major_and_counted(fresh: Vocabulary) -> None:
    (panel,) = report_of(with_panel(statuses=(("A", "흠집"), ("ZZ", "모름"))), fresh).body_condition.panels
    assert (panel.damage_code, panel.damage_codes, panel.severity) == ("zz", ("zz", "a"), "major")
    assert panel.description == "Unknown damage (zz), Scratch"
    assert fresh.untranslated["damage", "ZZ"] == 1


def test_only_an_empty_list_of_statuses_says_untouched() -> None:
    assert report_of(with_panel(statuses=[])).body_condition.panels == ()
    unreadable: list[Any] = [None, "X", {}, [None], [{"title": "교환"}]]
    for odd in unreadable:
        (panel,) = report_of(with_panel(statuses=odd)).body_condition.panels
        assert (panel.panel_id, panel.damage_codes, panel.severity) == ("hood", ("unknown",), "major")


@pytest.mark.parametrize("entry", [None, "P011", 7, {}, [], {"type": {"code": "패널"}, "statusTypes": [{"code": "X"}]}])
def test_an_unreadable_entry_is_damage_of_unknown_kind(entry: Any, fresh: Vocabulary) -> None:
    found = report_of(sheet(lambda d: d.update(outers=[entry, entry])), fresh)
    assert [panel.panel_id for panel in found.body_condition.panels] == ["unknown", "unknown"]
    assert found.report.dealer_inspection == DealerInspection(0, 2)
    assert "Unknown panel" in found.report.accident_summary
    assert fresh.untranslated["panel", "unknown"] == 2


def test_a_panel_listed_twice_stands_once_with_both_marks() -> None:
    twice = [{"type": {"code": "P011"}, "statusTypes": [{"code": code}], "attributes": []} for code in "WX"]
    (panel,) = report_of(sheet(lambda d: d.update(outers=twice))).body_condition.panels
    assert panel.damage_codes == ("x", "w")


# The checklist


def test_every_answered_item_has_tokens_and_labels_and_stands_once() -> None:
    checklist = report_of(sheet()).report.checklist
    assert len(checklist) == len({(i.group, i.item) for i in checklist}) == 42
    token = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
    for item in checklist:
        assert all(token.fullmatch(part) for part in (item.group, item.item, item.result)), item
        assert item.label
        assert item.result_label


def test_items_follow_the_sheet_and_unanswered_ones_are_left_out() -> None:
    body = sheet(lambda d: [leaf(d, code).update(statusType=None) for code in ("s001", "s005")])
    items = [(i.group, i.item) for i in report_of(body).report.checklist]
    assert items[:4] == [
        ("self_diagnosis", "transmission"),
        ("engine", "idle_operation"),
        ("engine", "oil_leak_cylinder_cover"),
        ("engine", "oil_leak_cylinder_block"),
    ]
    assert items[-1] == ("fuel", "fuel_leak")


@pytest.mark.parametrize(
    ("item", "result", "label"),
    [
        ("oil_leak_cylinder_cover", "minor_leak", "Oil seepage (minor leak)"),
        ("oil_leak_cylinder_head", "leak", "Oil leak"),
        ("oil_leak_cylinder_block", "none", "None"),
        ("coolant_leak_water_pump", "minor_leak", "Coolant seepage (minor leak)"),
        ("coolant_leak_radiator", "leak", "Coolant leak"),
        ("automatic_oil_leak", "minor_leak", "Transmission fluid seepage (minor leak)"),
        ("manual_oil_leak", "leak", "Oil leak"),
        ("power_steering_oil_leak", "minor_leak", "Power steering fluid seepage (minor leak)"),
        ("master_cylinder_oil_leak", "minor_leak", "Brake fluid seepage (minor leak)"),
        ("brake_fluid_leak", "leak", "Brake fluid leak"),
        ("coolant_level", "low", "Low"),
        ("automatic_oil_condition", "excessive", "Overfilled"),
        ("alternator_output", "defective", "Defective"),
        ("fuel_leak", "present", "Present"),
    ],
)
def test_a_leak_names_the_fluid_of_its_item(item: str, result: str, label: str) -> None:
    found = item_of(sheet(), item)
    assert (found.result, found.result_label) == (result, label)


def test_gearbox_steering_and_brakes_never_leak_water() -> None:
    for status in "4567":
        for code in ("s013", "s016", "s023", "s027", "s028"):
            answered = report_of(answering(code, {"code": status, "title": "누수"})).report
            told = [
                f"{i.item} {i.label} {i.result} {i.result_label}" for i in answered.checklist if i.group != "engine"
            ]
            told += [issue.detail for issue in answered.issues if issue.category != "engine"]
            assert not [text for text in told if "water" in text.lower()]


def test_an_unknown_item_and_an_unknown_status_keep_their_codes_and_are_counted(fresh: Vocabulary) -> None:
    body = sheet(lambda d: leaf(d, "s022").update(type={"code": "s099", "title": "새 항목"}))
    found = item_of(body, "s099", vocabulary=fresh)
    assert (found.group, found.result, found.label) == ("drivetrain", "good", "s099")
    found = item_of(answering("s022", {"code": "12", "title": "모름"}), "propeller_shaft", vocabulary=fresh)
    assert (found.result, found.result_label) == ("status_12", "Status 12")
    assert fresh.untranslated["checklist", "s099"] == fresh.untranslated["checklist", "status 12"] == 1


def test_an_unknown_group_keeps_its_code() -> None:
    body = sheet(lambda d: d["inners"][0].update(type={"code": "S09", "title": "새 그룹"}))
    assert [i.group for i in report_of(body).report.checklist][:2] == ["s09", "s09"]


def test_an_odd_leaf_does_not_spoil_the_sheet(fresh: Vocabulary) -> None:
    body = sheet(lambda d: d["inners"][0].update(children=["odd", None, *d["inners"][0]["children"]]))
    assert len(report_of(body, fresh).report.checklist) == 42
    assert fresh.untranslated["checklist", "unreadable item"] == 2


def test_an_answer_nobody_can_read_is_unknown_not_good() -> None:
    body = answering("s022", "불량")
    assert item_of(body, "propeller_shaft").result == "unknown"
    assert CategoryGrade("drivetrain", "unknown") in report_of(body).report.category_grades


def test_of_two_answers_to_one_item_the_worse_stays() -> None:
    def repeat(document: dict[str, Any]) -> None:
        good = copy.deepcopy(leaf(document, "s030"))
        good["statusType"] = {"code": "1", "title": "양호"}
        document["inners"][6]["children"] += [good]

    assert item_of(sheet(repeat), "alternator_output").result == "defective"


def test_a_group_is_as_good_as_its_worst_answer() -> None:
    assert {(g.category, g.status) for g in report_of(sheet()).report.category_grades} == {
        ("self_diagnosis", "good"),
        ("engine", "poor"),
        ("transmission", "poor"),
        ("drivetrain", "good"),
        ("steering", "fair"),
        ("brake", "poor"),
        ("electrical", "poor"),
        ("high_voltage", "good"),
        ("fuel", "poor"),
    }


def test_a_group_without_an_answer_has_no_grade() -> None:
    body = answering("s036", None)
    assert "fuel" not in {grade.category for grade in report_of(body).report.category_grades}


# The report


def test_the_partners_keys_stand_first_and_in_order() -> None:
    keys = list(msgspec.to_builtins(report_of(sheet()).report))
    assert keys[: len(PARTNER_KEYS)] == PARTNER_KEYS
    assert keys[len(PARTNER_KEYS)] == "dealer_inspection"


def test_the_head_of_the_sheet_is_told() -> None:
    report = msgspec.json.decode(msgspec.json.encode(report_of(sheet()).report))
    assert {key: report[key] for key in list(report)[len(PARTNER_KEYS) + 1 :]} == {
        "simple_repair": True,
        "inspected_on": "2026-08-31",
        "mileage_km": 41250,
        "model_year": 2022,
        "first_registered_on": "2022-03-01",
        "roadworthy_from": "2026-03-01",
        "roadworthy_until": "2028-02-28",
        "transmission": "auto",
        "color_type": "coloured",
        "usage_changes": ["rental", "commercial"],
        "paint_changes": ["full_repaint"],
        "tuning": True,
        "tuning_types": ["lawful", "structure"],
        "flood": True,
        "fire": False,
        "recall": True,
        "recall_fulfilled": True,
        "guarantee": "insurer",
        "odometer_state": "good",
        "mileage_state": None,
        "vin_marking": "good",
        "co_percent": 0.07,
        "hc_ppm": 3.0,
        "smoke_percent": None,
        "engine_code": "D4HE",
        "needed_repairs": None,
        "equipment": None,
    }
    assert report["inspector_notes"] == "No remarks. Has a total-loss history."


def test_the_summaries_say_only_what_stands_on_the_sheet() -> None:
    report = report_of(sheet()).report
    assert report.accident_summary == (
        "Accident reported. Simple repairs reported. Frame damage: Rear End Panel. Flood damage reported."
        " The inspector's remarks mention: total loss."
    )
    assert report.exterior_summary == (
        "Corrosion: Hood. Dent, Scratch: Front Door (R). Replaced, Sheet Metal/Welding: Quarter Panel (L)."
    )


def test_the_accident_is_the_inspectors_tick_whatever_the_panels_say() -> None:
    assert report_of(sheet(lambda d: d["master"].update(accdient=False))).report.has_accident is False
    assert report_of(sheet(lambda d: d.update(outers=[]))).report.has_accident is True


def test_every_damaged_panel_and_every_bad_answer_is_an_issue() -> None:
    issues = report_of(sheet()).report.issues
    assert [issue.type for issue in issues] == ["panel_damage"] * 4 + ["checklist"] * 13 + ["remark"]
    assert issues[2] == Issue(
        "exterior", "major", "Quarter Panel (L) — replaced, sheet metal/welding", ("x", "w"), "panel_damage"
    )
    assert Issue("brake", "medium", "Brake fluid leak — brake fluid leak", ("leak",), "checklist") in issues
    assert Issue("electrical", "major", "Alternator output — defective", ("defective",), "checklist") in issues


def test_without_a_head_the_sheet_is_still_a_report() -> None:
    heads: list[Any] = [None, [], "?"]
    for detail in heads:
        report = report_of(sheet(lambda d, detail=detail: d["master"].update(detail=detail))).report  # type: ignore[misc]
        assert (report.inspected_on, report.mileage_km, report.flood, report.usage_changes) == (None,) * 4
        assert len(report.checklist) == 42


@pytest.mark.parametrize("day", ["20261301", "2026", "어제", None, 20260101, "00000000", ""])
def test_what_is_no_date_is_null(day: Any) -> None:
    body = sheet(lambda d: d["master"]["detail"].update(issueDate=day, mileage="?", modelYear="    "))
    report = report_of(body).report
    assert (report.inspected_on, report.mileage_km, report.model_year) == (None, None, None)


@pytest.mark.parametrize(
    ("waterlog", "serious", "flood", "fire"),
    [
        (False, [], False, False),
        (True, [], True, False),
        (False, [("1", "침수")], True, False),
        (False, [("2", "화재")], False, True),
        (False, [("9", "모름")], None, None),
        (None, [], None, False),
        (False, None, False, None),
    ],
)
def test_flood_and_fire_are_denied_only_where_the_sheet_denies_them(
    waterlog: bool | None, serious: list[tuple[str, str]] | None, flood: bool | None, fire: bool | None
) -> None:
    kinds = None if serious is None else [{"code": c, "title": t} for c, t in serious]
    report = report_of(sheet(lambda d: d["master"]["detail"].update(waterlog=waterlog, seriousTypes=kinds))).report
    assert (report.flood, report.fire) == (flood, fire)
    assert ("Flood" in report.accident_summary, "Fire" in report.accident_summary) == (flood is True, fire is True)
    assert ("Other special history" in report.accident_summary) == (serious == [("9", "모름")])


def test_a_word_the_sheet_adds_keeps_its_code(fresh: Vocabulary) -> None:
    added = [{"code": "7", "title": "관용"}, {"code": "", "title": "렌트"}, "?"]
    report = report_of(sheet(lambda d: d["master"]["detail"].update(usageChangeTypes=added)), fresh).report
    assert report.usage_changes == ("code_7", "rental", "unknown")
    assert fresh.untranslated["usage_changes", "관용"] == 1


def remarked(comments: object, **detail: Any) -> Any:
    """The report of a sheet with these remarks, and nothing grave in its boxes."""
    boxes = {"seriousTypes": [], "waterlog": False, "comments": comments}
    return report_of(sheet(lambda d: d["master"]["detail"].update(boxes | detail))).report


@pytest.mark.parametrize(
    ("comments", "notes"),
    [
        ("전손이력 있음. 앞범퍼 도색", "Has a total-loss history. Front bumper repainted."),
        ("조)리어도어 부분수리", "Passenger-side rear door partially repaired."),
        ("특이사항 없음 / 문의 050-1234-5678", "No remarks. [1 remark not translated]"),
        ("홍길동 사장님 차량", "[1 remark not translated]"),
        ("홍길동 / 김철수, 앞범퍼 도색", "Front bumper repainted. [2 remarks not translated]"),
        ("비금속 및 탈부착 가능 부품은 점검에서 제외됩니다.", None),
        (None, None),
        ("", None),
        (" / ", None),
        (3, None),
    ],
)
def test_the_notes_are_told_phrase_by_phrase(comments: object, notes: str | None) -> None:
    assert remarked(comments).inspector_notes == notes


def test_remarks_without_a_translation_are_counted_without_a_word_of_them(fresh: Vocabulary) -> None:
    body = sheet(lambda d: d["master"]["detail"].update(comments="홍길동 / 김철수 / 양호"))
    report_of(body, fresh)
    assert fresh.untranslated == {("notes", "remark"): 2}


@pytest.mark.parametrize(
    ("comments", "issues", "summary"),
    [
        ("홍길동님 차량 전손 후 복원", [("history", "major", "total_loss")], "total loss"),
        ("1. 침수 이력\n2. 무사고", [("history", "major", "flood")], None),
        ("화재로 인한 수리", [("history", "major", "fire")], None),
        ("도난 회수 차량", [("history", "major", "theft")], "theft"),
        ("미터기 교환 이력 있음", [("history", "major", "odometer_tampering")], "odometer tampering"),
        (
            "무사고 아님, 전손",
            [("history", "major", "total_loss"), ("history", "major", "accident")],
            "total loss, accident",
        ),
        ("앞도어 교환, 뒤휀더 판금", [("history", "medium", "sheet_metal"), ("history", "medium", "replaced")], None),
        ("하체 부식, 미션 누유", [("condition", "medium", "corrosion"), ("condition", "medium", "oil_leak")], None),
        ("침수, 전손 없음. 무사고. 누유 無", [], None),
        ("사고이력 최신화 전", [], None),
        (None, [], None),
    ],
)
def test_dangers_in_the_remarks_are_issues_unless_they_are_denied(
    comments: str | None, issues: list[tuple[str, str, str]], summary: str | None
) -> None:
    report = remarked(comments)
    found = [issue for issue in report.issues if issue.type == "remark"]
    assert [(issue.category, issue.status, *issue.faults) for issue in found] == issues
    assert all(issue.detail.startswith("Inspector's remark — ") for issue in found)
    told = report.accident_summary.partition("The inspector's remarks mention: ")[2]
    assert told == (f"{summary}." if summary else "")


@pytest.mark.parametrize(
    ("comments", "flood", "fire"),
    [
        ("실내 침수 흔적", True, False),
        ("침수 없음", False, False),
        ("엔진룸 화재 이력", False, True),
        ("화재, 침수 이력 무", False, False),
    ],
)
def test_flood_and_fire_are_true_if_the_remarks_say_so(comments: str, flood: bool, fire: bool) -> None:
    report = remarked(comments)
    assert (report.flood, report.fire) == (flood, fire)
    assert ("Flood" in report.accident_summary, "Fire" in report.accident_summary) == (flood, fire)


def test_a_clean_sheet_is_a_full_report() -> None:
    def clean(document: dict[str, Any]) -> None:
        document["outers"] = []
        document["master"].update(accdient=False, simpleRepair=False)
        document["master"]["detail"].update(seriousTypes=[], waterlog=False, comments="특이사항 없음")
        for code in ["s004", "s005", "s009", "s010", "s013", "s016", "s023", "s027", "s028", "s036"]:
            leaf(document, code)["statusType"] = {"code": "3", "title": "없음"}
        for code in ("s011", "s014"):
            leaf(document, code)["statusType"] = {"code": "2", "title": "적정"}
        leaf(document, "s030")["statusType"] = {"code": "1", "title": "양호"}

    found = report_of(sheet(clean))
    assert found.body_condition.panels == ()
    assert found.report.dealer_inspection == DealerInspection(0, 0)
    assert (found.report.has_accident, found.report.has_frame_damage, found.report.issues) == (False, False, ())
    assert len(found.report.checklist) == 42
    assert {grade.status for grade in found.report.category_grades} == {"good"}
    assert found.report.accident_summary == "No accident reported. No frame damage marked."
    assert found.report.exterior_summary == "No exterior damage marked."


# Sheets that are no report


def unanswered(status: Any = None) -> bytes:
    def clear(nodes: list[dict[str, Any]]) -> None:
        for node in nodes:
            node["statusType"] = status
            clear(node.get("children") or [])

    def clear_all(document: dict[str, Any]) -> None:
        for group in document["inners"]:
            clear(group["children"])

    return sheet(clear_all)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (orjson.dumps({"formats": ["IMAGE"], "master": None, "images": [{}]}), NoReportReason.PHOTO_ONLY),
        (orjson.dumps({"formats": []}), NoReportReason.EMPTY_SHEET),
        (orjson.dumps({"formats": ["NEW"]}), NoReportReason.EMPTY_SHEET),
        (sheet(lambda d: d.update(inners=[])), NoReportReason.EMPTY_SHEET),
        (sheet(lambda d: d.update(inners=[], master=None)), NoReportReason.EMPTY_SHEET),
        (orjson.dumps({"formats": ["TABLE"], "master": None, "inners": []}), NoReportReason.EMPTY_SHEET),
        (unanswered(), NoReportReason.EMPTY_SHEET),
        (unanswered({"code": None, "title": "양호"}), NoReportReason.EMPTY_SHEET),
        (unanswered("양호"), NoReportReason.EMPTY_SHEET),
    ],
)
def test_a_scan_and_an_empty_form_are_no_report(body: bytes, reason: NoReportReason) -> None:
    assert read_inspection(body, LOADED) == NoReport(reason)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda d: d.pop("formats"), "formats"),
        (lambda d: d.update(formats="TABLE"), "formats"),
        (lambda d: d.pop("master"), "master"),
        (lambda d: d.update(master=None), "master"),
        (lambda d: d["master"].pop("accdient"), "master.accdient"),
        (lambda d: d["master"].update(accdient=None), "master.accdient"),
        (lambda d: d["master"].update(accdient="Y"), "master.accdient"),
        (lambda d: d.pop("outers"), "outers"),
        (lambda d: d.update(outers=None), "outers"),
        (lambda d: d.update(inners={}), "inners"),
        (lambda d: d.pop("inners"), "inners"),
    ],
)
def test_a_lost_mandatory_path_is_drift_and_named(change: Callable[[dict[str, Any]], object], path: str) -> None:
    with pytest.raises(Drift) as caught:
        read_inspection(sheet(change), LOADED)
    assert caught.value.path == path


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b"\xff", b'{"formats":', b"[" * 100_000])
def test_what_is_no_sheet_is_drift(body: bytes) -> None:
    with pytest.raises(Drift) as caught:
        read_inspection(body, LOADED)
    assert caught.value.path == "$"


# Any sheet at all

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["code", "type", "x"]), inner),
    max_leaves=4,
)


def paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in the sheet."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*([here] if here else []), *(path for key, child in inside for path in paths(child, (*here, key)))]


PLACES = paths(SHEET)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    document = copy.deepcopy(SHEET)
    for place in draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=6)):
        parent = document
        try:
            for key in place[:-1]:
                parent = parent[key]
            if draw(st.booleans()):
                del parent[place[-1]]
            else:
                parent[place[-1]] = draw(JUNK)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took this place away
    try:
        return orjson.dumps(document)
    except TypeError:  # an integer JSON libraries do not write
        return orjson.dumps(SHEET)


@given(mutated())
def test_a_changed_sheet_is_a_report_no_report_or_drift(body: bytes) -> None:
    try:
        found = read_inspection(body, LOADED)
    except Drift:
        return
    assert isinstance(found, Inspection | NoReport)
    if isinstance(found, Inspection):
        assert found.report.checklist
        assert not HANGUL.search(msgspec.json.encode(found).decode())
        counts = found.report.dealer_inspection
        assert counts is not None
        assert counts.frame_damage_count is not None
        assert counts.exterior_damage_count is not None
        assert counts.frame_damage_count + counts.exterior_damage_count == len(found.body_condition.panels)
        assert (counts.exterior_damage_count == 0) == (found.report.exterior_summary == "No exterior damage marked.")


@given(st.lists(JUNK, min_size=1, max_size=4))
def test_no_listed_panel_is_ever_lost(entries: list[Any]) -> None:
    try:
        body = sheet(lambda d: d.update(outers=entries))
    except TypeError:
        return
    try:
        found = report_of(body)
    except Drift:  # a number out of range
        return
    assert found.body_condition.panels
    assert found.report.has_frame_damage is not False


@given(JUNK)
def test_a_sheet_without_a_readable_answer_is_never_a_report(status: Any) -> None:
    if isinstance(status, dict) and "code" in status:
        return
    try:
        body = unanswered(status)
    except TypeError:
        return
    try:
        assert isinstance(read_inspection(body, LOADED), NoReport)
    except Drift:
        return


# Captured sheets


@pytest.mark.parametrize("name", CAPTURED)
def test_a_captured_sheet_is_read_in_full(captures: Path, name: str, fresh: Vocabulary) -> None:
    found = report_of((captures / "encar_inspection" / name).read_bytes(), fresh)
    counts = found.report.dealer_inspection
    checklist = found.report.checklist
    assert (counts.frame_damage_count, counts.exterior_damage_count, len(checklist)) == CAPTURED[name]
    assert len({(i.group, i.item) for i in checklist}) == len(checklist)
    assert all(i.label and i.result_label and i.item and i.result for i in checklist)
    assert not HANGUL.search(msgspec.json.encode(found).decode())
    assert fresh.untranslated == {}


def test_the_captured_frame_damage_is_told(captures: Path) -> None:
    body = (captures / "encar_inspection" / "inspection_42406998_frame_damage.json").read_bytes()
    found = report_of(body)
    assert found.report.accident_summary == "Accident reported. Simple repairs reported. Frame damage: B-Pillar (L)."
    assert {panel.panel_id: panel.damage_codes for panel in found.body_condition.panels} == {
        "front-fender-l": ("x",),
        "front-door-l": ("x",),
        "rear-door-l": ("x",),
        "side-sill-l": ("x", "wc"),
        "b-pillar-l": ("x",),
    }


def test_the_captured_total_loss_stands_in_the_notes(captures: Path) -> None:
    body = (captures / "encar_inspection" / "inspection_42106289_ev_7_panels.json").read_bytes()
    report = report_of(body).report
    assert (report.has_accident, report.has_frame_damage) == (False, False)
    assert report.inspector_notes == "The accident history is not up to date yet. Has a total-loss history."
    assert [issue.faults for issue in report.issues if issue.type == "remark"] == [("total_loss",)]
    assert report.accident_summary.endswith("The inspector's remarks mention: total loss.")


@pytest.mark.parametrize("name", CAPTURED)
def test_of_captured_notes_boilerplate_is_left_out_and_everything_else_is_told(name: str, captures: Path) -> None:
    report = report_of((captures / "encar_inspection" / name).read_bytes()).report
    assert "not translated" not in (report.inspector_notes or "")
    assert "not inspected" not in (report.inspector_notes or "")
    # The boilerplate itself names panel beating and corrosion.
    assert {issue.faults for issue in report.issues if issue.type == "remark"} <= {("total_loss",)}


@pytest.mark.parametrize(
    ("written", "vin", "counted"),
    [
        ("KNAMA81ABPK000001", "KNAMA81ABPK000001", False),
        ("knama81abpk000001", "KNAMA81ABPK000001", False),
        ("000001", None, False),
        ("000001  ", None, False),
        ("KNAMA81ABPK00000", None, True),
        ("KNAMA81ABPK00000O", None, True),
        ("", None, False),
        (None, None, False),
        (5, None, False),
    ],
)
def test_the_vin_of_a_sheet_is_whole_or_none(written: Any, vin: str | None, counted: bool, fresh: Vocabulary) -> None:
    document = orjson.loads(sheet())
    document["master"]["detail"]["vin"] = written
    assert report_of(orjson.dumps(document), fresh).vin == vin
    assert (("vin", "no vin") in fresh.untranslated) is counted
