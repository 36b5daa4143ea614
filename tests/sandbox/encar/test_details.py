"""The detail document: its shape laid over the captures, its agreement with the search row, its odd cars."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from dealerproxy.sandbox.encar.cars import Car
from dealerproxy.sandbox.encar.details import SECTIONS, detail, narrowed
from dealerproxy.sandbox.encar.inventory import Inventory
from dealerproxy.sandbox.encar.rows import mobile, premium

# Thousands of invented papers are built and compared here.
pytestmark = pytest.mark.slow

Shape = dict[str, set[str]]

CAPTURED = (
    "vehicle_41344448_copy_of_41335009_2026-08.json",
    "vehicle_42276134_under_contract_2026-08.json",
    "vehicle_42391233_grand_koleos_2026-08.json",
)
# Seen in later answers or told by others who read the site, but in none of the captured documents.
BEYOND = {
    "advertisement.verification",
    "view.meetgoCheckupAvailable",
    "view.meetgoVisitAvailable",
    "spec.horsePower",
    "advertisement.leaseRentInfo",
    "partnership.lease",
    "partnership.rent",
    "options.tuning[]",
    "advertisement.underBodyPhotos[]",
}


def _wire(car: Car) -> Any:
    return orjson.loads(orjson.dumps(detail(car)))


@pytest.fixture(scope="module")
def documents(cars: Inventory) -> list[Any]:
    return [_wire(car) for car in cars.known()]


def test_a_document_has_every_captured_field_in_the_captured_types(
    documents: list[Any], captures: Path, shape: Callable[..., Shape], unlike: Callable[..., Shape]
) -> None:
    captured = shape(json.loads((captures / "encar_detail" / name).read_bytes()) for name in CAPTURED)
    ours = shape(documents)
    assert unlike(ours, captured) == {}
    extra = {path for path in ours.keys() - captured.keys() if not any(path.startswith(known) for known in BEYOND)}
    assert extra == set()
    beyond_null = {path: ours[path] - kinds - {"NoneType"} for path, kinds in captured.items() if "NoneType" in kinds}
    # A capture that is null everywhere cannot say what else may stand there.
    allowed = {
        "category.warranty.companyName", "spec.customColor", "spec.tradeOwnerType", "advertisement.leaseRentInfo",
        "partnership.lease", "partnership.rent",
    }  # fmt: skip
    assert {path for path, kinds in beyond_null.items() if kinds} <= allowed
    never_null = {path for path, kinds in captured.items() if "NoneType" not in kinds and "NoneType" in ours[path]}
    # Null for private sellers, in some captures of others, or when the seller left it open.
    assert never_null <= {
        "vin", "category.jatoVehicleId", "spec.tradeType", "spec.seatCount", "partnership.dealer", "contents",
        "condition.seizing.seizingCount", "condition.seizing.pledgeCount", "advertisement.oneLineText",
        "advertisement.warrantyStyleColor", "manage.dummyVehicleId",
    }  # fmt: skip


def test_keys_stand_in_the_captured_order(documents: list[Any], captures: Path) -> None:
    captured = json.loads((captures / "encar_detail" / CAPTURED[0]).read_bytes())
    for section in SECTIONS.values():
        keys = list(captured[section][0] if section == "photos" else captured[section])
        ours = documents[0][section][0] if section == "photos" else documents[0][section]
        assert [key for key in ours if key in keys] == keys


def test_no_number_is_a_float(documents: list[Any], shape: Callable[..., Shape]) -> None:
    assert not any("float" in kinds for kinds in shape(documents).values())


def test_a_document_says_what_the_search_row_says(cars: Inventory) -> None:
    for car in cars:
        row, document = premium(car), _wire(car)
        spec, category, advertisement = document["spec"], document["category"], document["advertisement"]
        assert (spec["mileage"], advertisement["price"]) == (row["Mileage"], row["Price"])
        assert (float(category["yearMonth"]), category["formYear"]) == (row["Year"], row["FormYear"])
        assert (category["manufacturerName"], category["modelName"]) == (row["Manufacturer"], row["Model"])
        assert (category["gradeName"], category["gradeDetailName"]) == (row["Badge"], row.get("BadgeDetail"))
        assert (spec["fuelName"], spec["transmissionName"]) == (row["FuelType"], row["Transmission"])
        assert spec["colorName"] == mobile(car)["Color"]
        assert advertisement["salesStatus"] == row.get("SalesStatus")
        assert document["condition"]["accident"]["recordView"] == ("Record" in car.condition)
        assert document["contact"]["address"].startswith(car.region if car.region != "null" else "")
        prefix = row["Photo"]
        assert all(photo["path"].startswith(prefix) for photo in document["photos"])
        assert set(car.photo_slots) <= {photo["code"] for photo in document["photos"]}


def test_the_photo_s_time_is_the_row_s_moment_in_seoul(cars: Inventory) -> None:
    car = next(iter(cars))
    row: Any = premium(car)
    utc = row["Photos"][0]["updatedDate"]
    seoul = _wire(car)["photos"][0]["updateDateTime"]
    assert (int(seoul[11:13]) - int(utc[11:13])) % 24 == 9
    assert seoul[13:] == utc[13:-1]


def test_photos_are_shuffled_and_thumbnails_repeat_the_cover(documents: list[Any]) -> None:
    assert any(
        [photo["code"] for photo in one["photos"]] != sorted(p["code"] for p in one["photos"]) for one in documents
    )
    kinds = Counter(photo["type"] for one in documents for photo in one["photos"])
    assert set(kinds) == {"OUTER", "INNER", "OPTION", "THUMBNAIL", "DIAG2"}
    for one in documents:
        paths = {photo["code"]: photo["path"] for photo in one["photos"] if photo["type"] != "THUMBNAIL"}
        assert all(photo["path"] in paths.values() for photo in one["photos"] if photo["type"] == "THUMBNAIL")


def test_an_original_a_copy_and_an_original_with_a_copy_tell_who_they_are(cars: Inventory) -> None:
    copy = next(car for car in cars if car.is_copy and cars.by_id(car.vehicle_id))
    original = cars.by_id(copy.vehicle_id)
    assert original is not None
    shown: Any = detail(copy)
    assert shown["vehicleId"] == int(original.id)
    assert shown["manage"]["dummy"] is True
    assert shown["manage"]["dummyVehicleId"] == int(copy.id)
    own: Any = detail(original, [copy])
    assert own["vehicleId"] == int(original.id)
    assert (own["manage"]["dummy"], own["manage"]["dummyVehicleId"]) == (False, int(copy.id))
    alone: Any = detail(original)
    assert (alone["manage"]["dummy"], alone["manage"]["dummyVehicleId"]) == (False, None)
    assert (shown["vin"], shown["vehicleNo"], shown["spec"]) == (own["vin"], own["vehicleNo"], own["spec"])


def test_private_sellers_show_neither_vin_nor_dealer_nor_sheet(documents: list[Any]) -> None:
    private = [one for one in documents if one["contact"]["userType"] == "CLIENT"]
    assert private
    for one in private:
        assert one["vin"] is None
        assert one["spec"]["tradeType"] is None
        assert one["partnership"]["dealer"] is None
        assert one["condition"]["inspection"]["formats"] == []


def test_lease_and_rent_offers_have_their_type_and_terms(cars: Inventory) -> None:
    leased = [(car, _wire(car)) for car in cars if car.lease]
    types = {one["advertisement"]["advertisementType"] for _, one in leased}
    assert types == {"OPERATING_LEASE", "FINANCING_LEASE", "RENT_SUCCESSION", "RENT_CAR"}
    for car, one in leased:
        assert car.lease is not None
        assert one["advertisement"]["leaseRentInfo"]["monthlyFee"] == car.lease.month_price
        assert (one["partnership"]["rent"] is None) == (car.sell_type == "리스")


def test_some_sellers_say_that_a_car_was_written_off_or_flooded(documents: list[Any]) -> None:
    headlines = [document["advertisement"]["oneLineText"] or "" for document in documents]
    assert 0.003 < sum("전손" in headline for headline in headlines) / len(headlines) < 0.03
    assert any("부분침수" in headline for headline in headlines)
    assert any("침수 없음" in headline for headline in headlines)


def test_cars_under_contract_may_have_a_placeholder_price(documents: list[Any]) -> None:
    prices = [one["advertisement"]["price"] for one in documents if one["advertisement"]["salesStatus"] == "CONTRACT"]
    assert 9_999 in prices
    assert any(price < 9_000 for price in prices)


def test_cars_without_an_engine_carry_junk_as_displacement(documents: list[Any]) -> None:
    electric = [one["spec"]["displacement"] for one in documents if one["spec"]["fuelName"] in {"전기", "수소"}]
    assert set(electric) == {111, 167, 180, 230}
    engines = [one["spec"]["displacement"] for one in documents if one["spec"]["fuelName"] == "디젤"]
    assert min(engines) > 1_000


def test_some_trucks_have_horse_power_and_options_of_their_own_dictionary(documents: list[Any]) -> None:
    trucks = [one for one in documents if one["vehicleType"] == "TRUCK"]
    assert trucks
    for one in trucks:
        assert {one[section]["type"] for section in ("category", "advertisement", "spec", "options")} == {"TRUCK"}
        assert one["spec"]["horsePower"] > 0
    assert all("horsePower" not in one["spec"] for one in documents if one["vehicleType"] == "CAR")


def test_numbers_of_15_to_19_digits_are_whole(documents: list[Any]) -> None:
    lengths = Counter(len(str(one["category"]["jatoVehicleId"] or "")) for one in documents)
    assert set(lengths) == {0, 15, 16, 17, 18, 19}
    assert all((one["category"]["jatoVehicleId"] or 0) < 2**63 for one in documents)


def test_options_are_the_codes_of_the_words_the_search_knows(cars: Inventory) -> None:
    car = next(car for car in cars if {"선루프", "가죽시트"} <= car.options and car.vehicle_type == "CAR")
    standard = _wire(car)["options"]["standard"]
    assert {"010", "014"} <= set(standard)
    assert standard == sorted(standard)
    assert len(standard) == len(car.options)


@pytest.mark.parametrize(
    ("include", "shown"),
    [
        ("SPEC,CATEGORY", {"spec", "category"}),
        ("CONTENTS", {"contents"}),
        ("CENTER", set()),
        ("", set()),
        ("spec, view", {"spec", "view"}),
    ],
)
def test_include_shows_only_the_sections_it_names(cars: Inventory, include: str, shown: set[str]) -> None:
    car = next(car for car in cars if detail(car)["contents"])
    whole = detail(car)
    document = narrowed(whole, include)
    assert list(document) == list(whole)
    assert {section for section in SECTIONS.values() if document[section] is not None} == shown
    assert (document["vehicleId"], document["vehicleNo"]) == (whole["vehicleId"], whole["vehicleNo"])


def test_the_same_car_has_the_same_document_again(cars: Inventory) -> None:
    car = next(iter(cars))
    assert detail(car) == detail(car)


def test_top_level_keys_come_in_more_than_one_order(documents: list[Any]) -> None:
    assert len({tuple(one) for one in documents}) == 2
