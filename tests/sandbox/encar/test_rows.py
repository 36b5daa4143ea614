"""Rows on the wire: keys, their order, and which numbers are floats."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from dealerproxy.sandbox.encar.inventory import Car, Inventory
from dealerproxy.sandbox.encar.rows import VIEWS, general, mobile, premium


def _wire(row: dict[str, object]) -> dict[str, Any]:
    answer = json.loads(orjson.dumps(row))
    assert isinstance(answer, dict)
    return answer


def _in_the_order_of(row: dict[str, Any], captured: dict[str, Any]) -> bool:
    common = [key for key in captured if key in row]
    return common == [key for key in row if key in captured]


@pytest.mark.parametrize(
    ("view", "name"),
    [
        ("premium", "premium_sonata_1row_2025-06.json"),
        ("premium", "premium_carType_Y_200rows_2026-03.json"),
        ("general", "general_bmw5_1row_2025-06.json"),
    ],
)
def test_a_row_has_the_captured_keys_in_the_captured_order(
    cars: Inventory, captures: Path, view: str, name: str
) -> None:
    answer = json.loads((captures / "encar_search" / name).read_bytes())
    captured = answer["SearchResults"] if isinstance(answer, dict) else answer
    rows = [_wire(VIEWS[view](car)) for car in cars]
    seen = {key for row in rows for key in row}
    # The seller's power-pack line is the one captured key no invented car has.
    assert {key for row in captured for key in row} - seen <= {"Powerpack"}
    assert all(_in_the_order_of(row, captured[0]) for row in rows)
    kinds = {key: type(value) for row in captured for key, value in row.items() if not isinstance(value, int)}
    assert all(type(row[key]) is kind for row in rows for key, kind in kinds.items() if key in row)


def test_numbers_are_floats_as_in_the_captures_that_kept_them(cars: Inventory, captures: Path) -> None:
    text = (captures / "encar_search" / "premium_sorento_20rows_2023-06.json").read_text()
    captured = json.loads(text)["SearchResults"][0]
    floats = {key for key, value in captured.items() if isinstance(value, float)}
    assert floats == {"Year", "Mileage", "Price"}
    for car in cars:
        row = _wire(premium(car))
        assert all(isinstance(row[key], float) for key in floats)
        assert all(isinstance(photo["ordering"], float) for photo in row["Photos"])


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_is_null(cars: Inventory, view: str) -> None:
    assert all(value is not None for car in cars for value in VIEWS[view](car).values())


def test_the_views_differ_as_the_site_s_do(cars: Inventory) -> None:
    car = next(car for car in cars if car.fuel == "전기" and not car.left_out)
    rows = {"premium": premium(car), "general": general(car), "mobile": mobile(car)}
    holders = {
        key: {view for view, row in rows.items() if key in row}
        for key in ("Transmission", "ModifiedDate", "OfficeName", "GreenType", "SellType", "ModelGroup", "Color")
    }
    assert holders == {
        "Transmission": {"premium", "mobile"},
        "ModifiedDate": {"premium"},
        "OfficeName": {"premium"},
        "GreenType": {"general"},
        "SellType": {"premium", "general"},
        "ModelGroup": {"mobile"},
        "Color": {"mobile"},
    }
    assert rows["general"]["GreenType"] == "Y"


def test_a_copy_shows_the_number_of_its_vehicle_in_the_photo(cars: Inventory) -> None:
    for car in cars:
        row = _wire(premium(car))
        number = row["Photo"].rpartition("/")[2].rstrip("_")
        assert (row["ServiceCopyCar"] == "DUPLICATION") == (number != row["Id"])
        assert all(photo["location"].startswith(row["Photo"]) for photo in row["Photos"])


def test_a_lease_row_carries_its_terms(cars: Inventory) -> None:
    leased = next(car for car in cars if car.lease and car.lease.lease_type == "운용리스")
    row = premium(leased)
    assert row["SellType"] == "리스"
    assert row["Lease"] == "1"
    assert isinstance(row["MonthLeasePrice"], float)


def test_a_key_left_out_is_absent(cars: Inventory) -> None:
    car: Car = next(car for car in cars if "SellType" in car.left_out)
    assert "SellType" not in premium(car)


def test_dates_are_written_as_the_site_does(cars: Inventory) -> None:
    row = _wire(premium(next(iter(cars))))
    assert row["ModifiedDate"].endswith(".000 +09")
    assert row["Photos"][0]["updatedDate"].endswith("Z")
