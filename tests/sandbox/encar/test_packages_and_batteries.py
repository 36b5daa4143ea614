"""Factory packages and batteries of the stand-in: shapes as captured or described, and every case that occurs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from dealerproxy.sandbox.encar.battery import battery
from dealerproxy.sandbox.encar.details import detail
from dealerproxy.sandbox.encar.inventory import Inventory
from dealerproxy.sandbox.encar.packages import packages

# The whole answer for a car without a battery, 69 bytes long at the site.
NOTHING = b'{"ensolRawInfo":null,"jatoBatteryInfo":null,"encarComputedInfo":null}'


def test_packages_have_the_captured_fields_in_the_captured_types_and_order(
    cars: Inventory, captures: Path, shape: Callable[..., dict[str, set[str]]]
) -> None:
    captured = json.loads((captures / "encar_options" / "options_choice.json").read_bytes())
    lists = [found for found in map(packages, cars) if found]
    assert shape(lists) == shape([captured])
    assert list(lists[0][0]) == list(captured[0])


def test_packages_are_those_of_the_trim_with_the_cars_own_among_them(cars: Inventory) -> None:
    more = 0
    for car in cars:
        options: Any = detail(car)["options"]
        listed = packages(car)
        if listed is None:
            assert car.vehicle_type == "TRUCK"
            continue
        codes = {package["optionCd"] for package in listed}
        assert set(options["choice"]) <= codes
        assert len(codes) == len(listed)
        more += len(codes) > len(options["choice"])
    assert more > 100


def test_a_battery_says_what_its_advert_announces_and_nothing_of_any_other_car(cars: Inventory) -> None:
    seen = set()
    for car in cars:
        view: Any = detail(car)["view"]
        report = battery(car)
        parts = (report["jatoBatteryInfo"] is not None, report["ensolRawInfo"] is not None)
        assert parts == (view["hasEvBatteryInfo"], view["isBatteryPass"])
        seen.add((car.fuel == "전기", *parts))
        if not any(parts):
            assert orjson.dumps(report) == NOTHING
    assert seen == {
        (False, False, False),
        *((True, mark, tested) for mark in (True, False) for tested in (True, False)),
    }
