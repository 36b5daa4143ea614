"""The insurance record and the diagnosis: shapes laid over the captures, and every case that occurs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from dealerproxy.sandbox.encar.inventory import Inventory
from dealerproxy.sandbox.encar.papers import Accident, Diagnosis, Record
from dealerproxy.sandbox.encar.records import diagnosis, record

Shape = dict[str, set[str]]


@pytest.fixture(scope="module")
def records(cars: Inventory) -> list[Any]:
    return [orjson.loads(orjson.dumps(found)) for found in map(record, cars) if found]


@pytest.fixture(scope="module")
def diagnoses(cars: Inventory) -> list[Any]:
    return [orjson.loads(orjson.dumps(found)) for found in map(diagnosis, cars) if found]


def test_a_record_has_the_captured_fields_in_the_captured_types_and_order(
    records: list[Any], captures: Path, shape: Callable[..., Shape], unlike: Callable[..., Shape]
) -> None:
    names = ("record_clean.json", "record_with_accident.json")
    captured = [json.loads((captures / "encar_record" / name).read_bytes()) for name in names]
    seen, ours = shape(captured), shape(records)
    assert unlike(ours, seen) == {}
    assert ours.keys() - seen.keys() == set()
    assert list(records[0]) == list(captured[0])
    claims = next(one["accidents"] for one in records if one["accidents"])
    assert list(claims[0]) == list(captured[1]["accidents"][0])
    # Null in every captured record.
    beyond = {"robberDate", "totalLossDate", "floodDate", "floodPartLossCnt", "maker", "model", "notJoinDate1"}
    assert {path for path, kinds in seen.items() if ours[path] - kinds} <= beyond


def test_a_diagnosis_has_the_captured_fields_in_the_captured_types_and_order(
    diagnoses: list[Any], captures: Path, shape: Callable[..., Shape]
) -> None:
    captured = json.loads((captures / "encar_diagnosis" / "diagnosis_42374259.json").read_bytes())
    assert shape(diagnoses) == shape([captured])
    assert list(diagnoses[0]) == list(captured)
    known = [(item["code"], item["name"]) for item in captured["items"]]
    assert [(item["code"], item["name"]) for item in diagnoses[0]["items"]] == known


def test_every_kind_of_past_occurs(records: list[Any]) -> None:
    claims = [claim for one in records for claim in one["accidents"]]
    assert {claim["type"] for claim in claims} == {"1", "2", "3"}
    assert any(claim["insuranceBenefit"] == 1 for claim in claims)
    assert any(not one["accidents"] for one in records)
    for key in ("totalLossCnt", "floodTotalLossCnt", "robberCnt", "government", "business", "loan"):
        assert {one[key] for one in records} == {0, 1}
    assert {one["floodPartLossCnt"] for one in records} == {None, 1}
    assert all(one["floodDate"] for one in records if one["floodTotalLossCnt"] or one["floodPartLossCnt"])
    assert 0.01 < sum(one["totalLossCnt"] for one in records) / len(records) < 0.04
    assert any(one["ownerChanges"] for one in records)
    assert any(one["notJoinDate1"] for one in records)
    assert any(one["maker"] is None for one in records)
    assert {"하이브리드", "가스"} <= {one["fuel"] for one in records}


def test_counts_and_costs_add_up(records: list[Any]) -> None:
    for one in records:
        mine = [claim for claim in one["accidents"] if claim["type"] != "3"]
        assert (one["myAccidentCnt"], one["accidentCnt"]) == (len(mine), len(one["accidents"]))
        assert one["otherAccidentCnt"] == one["accidentCnt"] - one["myAccidentCnt"]
        assert one["myAccidentCost"] == sum(c["partCost"] + c["laborCost"] + c["paintingCost"] for c in mine)
        assert one["ownerChangeCnt"] == len(one["ownerChanges"])
        assert one["ownerChanges"] == sorted(one["ownerChanges"], reverse=True)
        assert all(claim["date"] > one["firstDate"] for claim in one["accidents"])


def test_a_record_is_shown_only_where_the_car_says_so(cars: Inventory) -> None:
    assert all((record(car) is not None) == ("Record" in car.condition) for car in cars)
    assert any(record(car) is None for car in cars)
    assert all(record(car) is not None for car in cars if car.is_private)


def test_a_record_says_exactly_what_the_car_carries() -> None:
    accidents = (
        Accident(kind="1", date="2024-05-01", cost=800_000, benefit=700_000),
        Accident(kind="3", date="2023-05-01", cost=1, benefit=1),
    )
    said = Record(accidents=accidents, owner_changes=("2024-01-01",), total_loss="2024-05-01", rental=True)
    found: Any = record(Inventory().new_car(record=said, plate="12가3456"))
    assert (found["myAccidentCost"], found["otherAccidentCost"]) == (800_000, 1)
    assert (found["totalLossCnt"], found["totalLossDate"]) == (1, "2024-05-01")
    assert (found["loan"], found["carNo"], found["ownerChanges"]) == (1, "12가3456", ["2024-01-01"])
    assert found["accidents"][0]["insuranceBenefit"] == 700_000


def test_cars_marked_p0_are_diagnosed_and_others_are_not(cars: Inventory) -> None:
    marked = [car for car in cars if "EncarDiagnosisP0" in car.service_mark]
    found = sum(diagnosis(car) is not None for car in marked)
    assert 0.9 < found / len(marked) < 1
    assert all(diagnosis(car) is None for car in cars if "EncarDiagnosisP0" not in car.service_mark)


def test_a_diagnosis_says_exactly_what_the_car_carries() -> None:
    found: Any = diagnosis(Inventory().new_car(diagnosis=Diagnosis(replaced=("HOOD", "ROOF_PANEL"))))
    results = {item["name"]: item["resultCode"] for item in found["items"]}
    assert [name for name, result in results.items() if result == "REPLACEMENT"] == ["HOOD", "ROOF_PANEL"]
    assert results["CHECKER_COMMENT"] is None
    assert len({item["code"] for item in found["items"]}) == len(found["items"])


def test_a_diagnosis_mostly_agrees_with_the_sheet(diagnoses: list[Any]) -> None:
    results = [item["resultCode"] for one in diagnoses for item in one["items"]]
    assert 0 < results.count("REPLACEMENT") < results.count("NORMAL") / 4
