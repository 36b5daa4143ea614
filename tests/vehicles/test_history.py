"""What the insurance record and the liens add to the report of a car."""

from typing import Any

import msgspec
import pytest

from dealerproxy.contract.detail import Enrichment, EnrichmentStatus, NotAsked
from dealerproxy.contract.inspection import BodyCondition, DealerInspection, Inspection, InspectionReport, Record
from dealerproxy.upstreams.encar.inspection import is_of_other_vehicle
from dealerproxy.vehicles.car import Car
from dealerproxy.vehicles.history import full_report

CAR = Car(
    upstream="encar",
    listing_id="41985016",
    vehicle_id="41985016",
    make="Kia",
    model="Sorento",
    trim=None,
    year=2023,
    registered=202305,
    mileage_km=41_250,
    price_krw=30_500_000,
    under_contract=False,
    fuel="diesel",
    transmission="auto",
    colour="White",
    engine_cc=2151,
    drivetrain="4WD",
    body="suv",
    options=(),
    photos=(),
    vin="KNAMA81ABPA123456",
    license_plate=None,
    url="https://example.test/41985016",
    seller_type=None,
    region=None,
    model_korean="",
    trim_korean=None,
    record_is_private=False,
)

SHEET = InspectionReport(
    accident_summary="No accident reported. No frame damage marked.",
    has_accident=False,
    has_frame_damage=False,
    exterior_summary="No exterior damage marked.",
    category_grades=(),
    checklist=(),
    issues=(),
    dealer_inspection=DealerInspection(0, 0),
    flood=False,
)
CLEAN = Record(
    open=True,
    own_accident_count=0,
    total_loss_count=0,
    flood_total_loss_count=0,
    flood_part_loss_count=0,
    theft_count=0,
)
LOSSES = [
    ("total_loss_count", "total_loss_date", "total_loss", "1 total loss"),
    ("flood_total_loss_count", "flood_date", "flood_total_loss", "1 flood total loss"),
    ("flood_part_loss_count", "flood_date", "flood_part_loss", "1 flood partial loss"),
    ("theft_count", "theft_date", "theft", "1 theft"),
]


OK, ABSENT, FAILED, SKIPPED = (Enrichment("inspection", status) for status in EnrichmentStatus)


def told(
    sheet: InspectionReport | None, record: Record | None, car: Car = CAR, inspected: Enrichment | None = None
) -> Any:
    inspected = inspected or (ABSENT if sheet is None else OK)
    return full_report(sheet, inspected, record, car, 1400, source="encar")


def record(**changes: Any) -> Record:
    return msgspec.structs.replace(CLEAN, **changes)


@pytest.mark.parametrize(("count", "date", "token", "words"), LOSSES)
@pytest.mark.parametrize("sheet", [SHEET, None])
def test_a_loss_of_the_record_is_told_beside_a_clean_sheet_and_without_one(
    count: str, date: str, token: str, words: str, sheet: InspectionReport | None
) -> None:
    report = told(sheet, record(**{count: 1, date: "2021-03-15"}))
    (issue,) = report.issues
    assert (issue.category, issue.status, issue.type, issue.faults) == ("history", "major", "history", (token,))
    assert "2021-03-15" in issue.detail
    assert f"Insurance record: {words}, 2021-03." in report.accident_summary
    assert report.accident_summary.startswith("No accident on the inspection sheet. " if sheet else "Insurance record")
    assert report.has_accident is (False if sheet else None)
    assert report.flood is token.startswith("flood")
    assert report.accident_cost_summary is not None


def test_both_witnesses_are_named_next_to_each_other() -> None:
    summary = told(SHEET, record(total_loss_count=1, total_loss_date="2021-03")).accident_summary
    assert summary.startswith("No accident on the inspection sheet. Insurance record: 1 total loss, 2021-03.")


def test_several_losses_are_counted_each_and_a_loss_without_a_date_has_none() -> None:
    report = told(SHEET, record(total_loss_count=2, theft_count=1))
    assert "Insurance record: 2 total losses; 1 theft." in report.accident_summary
    assert [issue.faults for issue in report.issues] == [("total_loss",), ("theft",)]


def test_a_clean_record_changes_nothing_on_a_sheet_and_alone_is_no_report() -> None:
    report = told(SHEET, CLEAN)
    assert (report.accident_summary, report.issues, report.flood) == (SHEET.accident_summary, (), False)
    assert told(None, CLEAN) is None
    assert told(None, None) is None
    assert told(None, Record(open=False, total_loss_count=1)) is None


def test_accidents_of_the_record_do_not_vanish_without_a_sheet() -> None:
    report = told(None, record(own_accident_count=2))
    assert report.accident_cost_summary.total_incidents == 2
    assert report.accident_summary == "Insurance record: 2 accidents."
    nothing = (report.has_accident, report.has_frame_damage, report.checklist, report.dealer_inspection)
    assert nothing == (None,) * 4
    assert report.category_grades is None


@pytest.mark.parametrize(
    ("sheet", "record_count", "flood"),
    [
        *((None, 0, False), (None, 1, True), (None, None, None)),
        *((True, 0, True), (False, 1, True), (False, None, False), (False, 0, False), (True, None, True)),
    ],
)
def test_flood_is_true_if_either_says_so(sheet: bool | None, record_count: int | None, flood: bool | None) -> None:
    said = record(own_accident_count=1, flood_total_loss_count=record_count, flood_part_loss_count=None)
    assert told(msgspec.structs.replace(SHEET, flood=sheet), said).flood is flood
    if sheet is None:
        assert told(None, said).flood is flood


@pytest.mark.parametrize(
    "found", [record(total_loss_count=1), record(own_accident_count=2), record(theft_count=3, theft_date="2020-01")]
)
def test_a_sheet_that_could_not_be_had_leaves_no_report_and_one_that_nobody_has_leaves_the_records(
    found: Record,
) -> None:
    lien = msgspec.structs.replace(CAR, seizures=1)
    assert told(None, found, lien, FAILED) is None
    assert told(None, found, lien, Enrichment("inspection", SKIPPED.status, NotAsked.OVERLOADED)) is None
    assert told(None, found, lien, ABSENT) == told(None, found, lien, SKIPPED) is not None


@pytest.mark.parametrize("sheet", [SHEET, None])
def test_seizures_and_liens_are_issues_of_their_own(sheet: InspectionReport | None) -> None:
    car = msgspec.structs.replace(CAR, seizures=2, pledges=1)
    report = told(sheet, None, car)
    assert [(issue.category, issue.faults) for issue in report.issues] == [
        ("history", ("seizure",)),
        ("history", ("pledge",)),
    ]
    assert "2 seizures" in report.issues[0].detail
    assert told(None, None, msgspec.structs.replace(CAR, seizures=0, pledges=0)) is None


@pytest.mark.parametrize(
    ("record", "seizures", "pledges", "summary"),
    [
        (None, 2, 1, "No inspection sheet, insurance record not available. On the car: 2 seizures; 1 pledge."),
        (CLEAN, 0, 1, "No inspection sheet, no accident on the insurance record. On the car: 1 pledge."),
        (Record(open=False), 1, None, "No inspection sheet, insurance record not available. On the car: 1 seizure."),
    ],
)
def test_liens_alone_read_well(record: Record | None, seizures: int | None, pledges: int | None, summary: str) -> None:
    report = told(None, record, msgspec.structs.replace(CAR, seizures=seizures, pledges=pledges))
    assert report.accident_summary == summary


OTHER_VIN = "KNAMA81ABPA654321"


@pytest.mark.parametrize(
    ("vin", "mileage", "first", "year", "other"),
    [
        (OTHER_VIN, CAR.mileage_km, "2023-05-01", CAR.year, True),
        (CAR.vin, 999, "2001-01-01", 2001, False),
        (None, 999, "2001-01-01", 2001, True),
        (None, CAR.mileage_km, "2001-01-01", 2001, False),
        (None, 999, f"{str(CAR.registered)[:4]}-{str(CAR.registered)[4:]}-01", 2001, False),
        (None, 999, "2001-01-01", CAR.year, False),
        (None, None, "2001-01-01", 2001, False),
        (None, 999, None, 2001, False),
    ],
)
def test_a_sheet_of_another_car_is_told_by_its_vin_or_by_all_three_facts(
    vin: str | None, mileage: int | None, first: str | None, year: int, other: bool
) -> None:
    report = msgspec.structs.replace(SHEET, mileage_km=mileage, first_registered_on=first, model_year=year)
    assert is_of_other_vehicle(Inspection(BodyCondition(panels=()), report, vin), CAR) is other
