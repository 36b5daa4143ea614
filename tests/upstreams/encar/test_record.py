"""Insurance records: the project's own in the captured shape, real captured ones, and what they cost in dollars."""

from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy import vocabulary as words
from dealerproxy.contract.inspection import Accident, AccidentCostSummary, CostBreakdown, CostIncident, Months, Record
from dealerproxy.transport.errors import Drift
from dealerproxy.upstreams.encar.record import read_record
from dealerproxy.vehicles.accident_costs import accident_costs

BODY = (Path(__file__).parents[2] / "captures" / "encar_record_accidents" / "body.json").read_bytes()
LOADED = words.load()
RATE = 1000.0


def record(**changes: Any) -> Record:
    """The project's own record, with keys changed."""
    return read_record(orjson.dumps(orjson.loads(BODY) | changes), LOADED)


def accident(**changes: Any) -> dict[str, Any]:
    return {
        "type": "1",
        "date": "2025-01-02",
        "insuranceBenefit": 1000,
        "partCost": 500,
        "laborCost": 300,
        "paintingCost": 200,
    } | changes


def test_a_record_tells_the_cars_own_accidents_and_its_history() -> None:
    assert record() == Record(
        open=True,
        own_accidents=(
            Accident(
                date="2025-11-12", insurance_krw=1_200_000, parts_krw=700_000, labor_krw=300_000, paint_krw=200_000
            ),
            Accident(date="2024-02-03", insurance_krw=None, parts_krw=None, labor_krw=None, paint_krw=None),
            Accident(date="2023-04-05", insurance_krw=900_000, parts_krw=None, labor_krw=None, paint_krw=None),
        ),
        own_accident_count=4,
        other_accident_count=1,
        owner_changes=("2025-05-06", "2023-01-02"),
        owner_change_count=2,
        plate_changes=1,
        total_loss_count=1,
        flood_total_loss_count=0,
        flood_part_loss_count=None,
        theft_count=0,
        total_loss_date="2024-02-03",
        government_use=False,
        commercial_use=False,
        rental_use=True,
        uses=("private", "commercial"),
        uninsured_months=(Months("2024-01", "2024-03"), Months("2026-06", None)),
    )


def test_no_plate_and_no_name_is_kept() -> None:
    kept = msgspec.json.encode(record()).decode()
    assert not any(word in kept for word in ("12가", "34하", "3456", "XXXX", "쏘렌토", "기아"))
    assert kept.isascii()


@pytest.mark.parametrize(("kind", "own"), [("1", 1), ("2", 1), (1, 1), ("3", 0), ("4", 0), (None, 0), ({}, 0)])
def test_only_types_1_and_2_are_this_cars_damage(kind: Any, own: int) -> None:
    assert len(record(accidents=[accident(type=kind), "?", None]).own_accidents) == own


@pytest.mark.parametrize(
    ("cost", "won"), [(0, 0), (1, None), (2, 2), (2.0, 2), ("700", 700), (-5, None), (None, None), (True, None)]
)
def test_a_cost_of_one_won_is_unknown(cost: Any, won: int | None) -> None:
    assert record(accidents=[accident(partCost=cost)]).own_accidents[0].parts_krw == won


@pytest.mark.parametrize(
    ("benefit", "costs", "won"),
    [
        (0, (0, 0, 0), (0, 0, 0)),
        (1000, (0, 0, 0), (None, None, None)),
        (1, (0, 0, 0), (None, None, None)),
        (None, (0, 0, 0), (None, None, None)),
        ("?", (0, 0, 0), (None, None, None)),
        (0, (1, 0, 0), (None, None, None)),
        (1, (0, None, 0), (None, None, None)),
        (0, (500, 0, 0), (500, 0, 0)),
        (1, (500, 0, 1), (500, 0, None)),
    ],
)
def test_a_repair_of_nothing_is_known_only_where_insurance_paid_nothing(
    benefit: Any, costs: tuple[Any, ...], won: tuple[int | None, ...]
) -> None:
    entry = accident(insuranceBenefit=benefit) | dict(
        zip(("partCost", "laborCost", "paintingCost"), costs, strict=True)
    )
    (found,) = record(accidents=[entry]).own_accidents
    assert (found.parts_krw, found.labor_krw, found.paint_krw) == won


@pytest.mark.parametrize(
    ("spans", "months"),
    [
        (["202307~202407", None], (Months("2023-07", "2024-07"),)),
        ([None, ""], ()),
        (["202307 ~ 202407"], (Months("2023-07", "2024-07"),)),
        (["202313~202407"], None),
        (["someday"], None),
        ([7], None),
    ],
)
def test_months_without_insurance_are_all_told_or_none(spans: list[Any], months: tuple[Months, ...] | None) -> None:
    keys = [f"notJoinDate{number}" for number in range(1, 6)]
    fields = dict.fromkeys(keys) | dict(zip(keys, spans, strict=False))
    assert record(**fields).uninsured_months == months


@pytest.mark.parametrize(("flag", "use"), [(0, False), (1, True), (2, True), ("0", False), ("1", True), (None, None)])
def test_a_use_is_told_only_where_the_record_answers(flag: Any, use: bool | None) -> None:
    found = record(government=flag, business=flag, loan=flag)
    assert (found.government_use, found.commercial_use, found.rental_use) == (use, use, use)


def test_an_unknown_use_keeps_its_code_and_is_counted() -> None:
    fresh = words.load()
    found = read_record(orjson.dumps(orjson.loads(BODY) | {"carInfoUse1s": ["8", "2", None]}), fresh)
    assert found.uses == ("private", "code_8")
    assert fresh.untranslated == {("record_uses", "8"): 1}


def test_a_record_that_is_not_open_says_nothing() -> None:
    closed = read_record(b'{"openData": false, "myAccidentCnt": 0}', LOADED)
    assert closed == Record(open=False)
    assert accident_costs(closed, RATE) is None


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"accidents": None}, "accidents"),
        ({"accidents": {}}, "accidents"),
        ({"myAccidentCnt": None}, "myAccidentCnt"),
        ({"myAccidentCnt": "many"}, "myAccidentCnt"),
    ],
)
def test_an_open_record_without_its_accidents_is_drift(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(Drift) as caught:
        record(**changes)
    assert caught.value.path == path


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_record_is_drift(body: bytes) -> None:
    with pytest.raises(Drift):
        read_record(body, LOADED)


VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.lists(st.none() | st.text(max_size=3))


@given(st.dictionaries(st.sampled_from(sorted(orjson.loads(BODY))), VALUES | st.just([accident(date=3)])))
def test_any_change_gives_a_record_or_drift(changes: dict[str, Any]) -> None:
    try:
        body = orjson.dumps(orjson.loads(BODY) | changes)
    except TypeError:  # an integer JSON libraries do not write
        return
    try:
        found = read_record(body, LOADED)
    except Drift:
        return
    assert msgspec.json.encode(found).decode().isascii()
    accident_costs(found, RATE)


# Costs


def test_costs_are_told_in_whole_dollars() -> None:
    assert accident_costs(record(), RATE) == AccidentCostSummary(
        total_incidents=4,
        total_repair_cost=1200,
        breakdown=CostBreakdown(parts=700, labor=300, paint=200),
        insurance_paid=2100,
        incidents=(
            CostIncident("2025.11.12", 1200, 1200),
            CostIncident("2024.02.03", None, None),
            CostIncident("2023.04.05", 900, None),
        ),
    )


def test_an_accident_of_unknown_cost_is_no_free_one() -> None:
    unknown = accident(date="2019-06-12", insuranceBenefit=1, partCost=0, laborCost=0, paintingCost=0)
    assert accident_costs(record(accidents=[unknown], myAccidentCnt=1), RATE) == AccidentCostSummary(
        total_incidents=1,
        total_repair_cost=None,
        breakdown=CostBreakdown(None, None, None),
        insurance_paid=None,
        incidents=(CostIncident("2019.06.12", None, None),),
    )


def test_half_a_dollar_is_rounded_up() -> None:
    costs = accident_costs(record(accidents=[accident(insuranceBenefit=2500, partCost=1499)]), RATE)
    assert costs is not None
    assert (costs.insurance_paid, costs.breakdown.parts) == (3, 1)


def test_accidents_the_record_counts_but_does_not_list_have_no_cost() -> None:
    costs = accident_costs(record(accidents=[], myAccidentCnt=2), RATE)
    assert costs == AccidentCostSummary(
        total_incidents=2,
        total_repair_cost=None,
        breakdown=CostBreakdown(None, None, None),
        insurance_paid=None,
        incidents=(),
    )


def test_a_car_without_an_accident_cost_nothing() -> None:
    costs = accident_costs(record(accidents=[], myAccidentCnt=0), RATE)
    assert costs is not None
    assert (costs.total_incidents, costs.total_repair_cost, costs.insurance_paid) == (0, 0, 0)


def test_the_partners_keys_stand_in_order() -> None:
    costs = msgspec.to_builtins(accident_costs(record(), RATE))
    assert list(costs) == ["total_incidents", "total_repair_cost", "breakdown", "insurance_paid", "incidents"]
    assert list(costs["breakdown"]) == ["parts", "labor", "paint"]
    assert list(costs["incidents"][0]) == ["date", "insurance_paid", "repair_cost"]


# Captured records


def test_the_captured_accident_is_someone_elses_damage(captures: Path) -> None:
    found = read_record((captures / "encar_record" / "record_with_accident.json").read_bytes(), LOADED)
    assert (found.own_accidents, found.own_accident_count, found.other_accident_count) == ((), 0, 1)
    assert (found.owner_changes, found.uninsured_months) == (("2026-07-30",), (Months("2023-07", "2024-07"),))
    costs = accident_costs(found, 1347.52)
    assert costs is not None
    assert (costs.total_incidents, costs.total_repair_cost, costs.incidents) == (0, 0, ())


def test_the_captured_clean_record_is_clean(captures: Path) -> None:
    found = read_record((captures / "encar_record" / "record_clean.json").read_bytes(), LOADED)
    assert (found.own_accident_count, found.other_accident_count, found.total_loss_count) == (0, 0, 0)
    assert (found.uses, found.rental_use, found.uninsured_months) == (("private",), False, ())


@pytest.mark.parametrize(
    ("value", "date"),
    [
        ("2021-03-15", "2021-03-15"),
        ("20210315", "2021-03-15"),
        ("202103", "2021-03"),
        ("2021-03", "2021-03"),
        ("2021-13", None),
        ("2021", None),
        ("어제", None),
        ("", None),
        (None, None),
        (3, None),
    ],
)
def test_the_dates_of_losses_are_days_or_months(value: Any, date: str | None) -> None:
    found = record(totalLossDate=value, floodDate=value, robberDate=value)
    assert (found.total_loss_date, found.flood_date, found.theft_date) == (date,) * 3
