"""Diagnoses: the project's own in the captured shape, a real captured one, and what cannot be read."""

from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy import vocabulary as words
from dealerproxy.contract.inspection import Diagnosis, DiagnosisPanel
from dealerproxy.transport.errors import Drift
from dealerproxy.upstreams.encar.diagnosis import read_diagnosis
from dealerproxy.vocabulary import Vocabulary

BODY = (Path(__file__).parents[2] / "captures" / "encar_diagnosis_hood_replaced" / "body.json").read_bytes()
LOADED = words.load()


@pytest.fixture
def fresh() -> Vocabulary:
    return words.load()


def of_item(vocabulary: Vocabulary = LOADED, **item: Any) -> tuple[DiagnosisPanel, ...]:
    return read_diagnosis(orjson.dumps({"items": [item]}), vocabulary).panels


def test_a_diagnosis_speaks_of_the_same_panels_as_the_inspection() -> None:
    assert read_diagnosis(BODY, LOADED) == Diagnosis(
        diagnosed_on="2026-09-03",
        panels=(
            DiagnosisPanel("front-door-l", "Front Door (L)", "normal"),
            DiagnosisPanel("rear-door-l", "Rear Door (L)", "normal"),
            DiagnosisPanel("trunk-lid", "Trunk Lid/Tailgate", "normal"),
            DiagnosisPanel("rear-door-r", "Rear Door (R)", "normal"),
            DiagnosisPanel("front-door-r", "Front Door (R)", "normal"),
            DiagnosisPanel("hood", "Hood", "replaced"),
            DiagnosisPanel("front-fender-r", "Front Fender (R)", "normal"),
            DiagnosisPanel("front-fender-l", "Front Fender (L)", "normal"),
        ),
    )
    inspected = {panel.id for panel in LOADED.sheet.panels.values()}
    assert {panel.id for panel in LOADED.sheet.diagnosis_panels.values()} <= inspected


def test_comments_are_dropped_and_counted(fresh: Vocabulary) -> None:
    read_diagnosis(BODY, fresh)
    assert fresh.untranslated == {
        ("diagnosis_comment", "CHECKER_COMMENT"): 1,
        ("diagnosis_comment", "OUTER_PANEL_COMMENT"): 1,
    }


def test_an_unknown_panel_and_an_unknown_result_keep_their_codes(fresh: Vocabulary) -> None:
    assert of_item(fresh, name="SUN_ROOF", resultCode="SHEET_METAL") == (
        DiagnosisPanel("sun-roof", "Sun Roof", "sheet_metal"),
    )
    assert fresh.untranslated == {("diagnosis", "SUN_ROOF"): 1, ("diagnosis_results", "SHEET_METAL"): 1}


def test_without_a_code_the_word_tells_the_result() -> None:
    assert [panel.result for panel in of_item(name="HOOD", result="교환", resultCode=None)] == ["replaced"]
    assert [panel.result for panel in of_item(name="HOOD", result="글쎄", resultCode=None)] == ["unknown"]


@pytest.mark.parametrize("item", [None, "HOOD", {}, {"name": "후드", "resultCode": "NORMAL"}])
def test_an_item_without_a_name_is_only_counted(item: Any, fresh: Vocabulary) -> None:
    assert read_diagnosis(orjson.dumps({"items": [item]}), fresh) == Diagnosis(None, ())
    assert fresh.untranslated == {("diagnosis", "unreadable item"): 1}


def test_the_day_is_the_one_the_car_was_looked_at() -> None:
    assert read_diagnosis(b'{"items": [], "diagnosisDate": "2026-07-15T00:00:00"}', LOADED).diagnosed_on == "2026-07-15"
    assert read_diagnosis(b'{"items": [], "diagnosisDate": 7}', LOADED).diagnosed_on is None


@pytest.mark.parametrize(("body", "path"), [(b"{}", "items"), (b'{"items": null}', "items"), (b"", "$"), (b"[]", "$")])
def test_a_diagnosis_without_items_is_drift(body: bytes, path: str) -> None:
    with pytest.raises(Drift) as caught:
        read_diagnosis(body, LOADED)
    assert caught.value.path == path


VALUES = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8) | st.just("REPLACEMENT")


@given(st.lists(VALUES | st.dictionaries(st.sampled_from(["name", "result", "resultCode"]), VALUES)))
def test_any_items_give_a_diagnosis_without_korean(items: list[Any]) -> None:
    found = read_diagnosis(orjson.dumps({"items": items}), LOADED)
    assert msgspec.json.encode(found).decode().isascii()


def test_the_captured_diagnosis_names_two_replaced_doors(captures: Path, fresh: Vocabulary) -> None:
    found = read_diagnosis((captures / "encar_diagnosis" / "diagnosis_42374259.json").read_bytes(), fresh)
    assert found.diagnosed_on == "2026-07-15"
    assert {panel.panel_id for panel in found.panels if panel.result == "replaced"} == {"front-door-l", "rear-door-l"}
    assert [panel.result for panel in found.panels].count("normal") == 6
    assert {kind for kind, _ in fresh.untranslated} == {"diagnosis_comment"}
