"""The invented Danawa cars: the same from the same seed, named as the list names cars, some of them Encar's."""

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from dealerproxy.sandbox.danawa.catalogue import BRANDS, GENERATIONS, SERIES
from dealerproxy.sandbox.danawa.inventory import MARKS, MPARK, DanawaInventory, generate_danawa
from dealerproxy.sandbox.encar.inventory import Inventory, generate

# The codes of the site, written down a second time.
BRAND_CODES = {
    "현대": "303", "제네시스": "304", "기아": "307", "쉐보레(대우)": "312", "르노(삼성)": "321",
    "KG모빌리티(쌍용)": "326", "벤츠": "349", "BMW": "362", "미니": "367", "아우디": "371", "폭스바겐": "376",
    "롤스로이스": "385", "볼보": "459", "코닉세그": "468", "렉서스": "486", "토요타": "491", "지프": "587",
    "테슬라": "611", "이베코": "622", "크라이슬러": None,
}  # fmt: skip
SERIES_CODES = {
    "아반떼": "2710", "그랜저": "2718", "아이오닉5": "4200", "G80": "3558", "GV70": "4161", "모닝": "2735",
    "쏘렌토": "2740", "카니발": "2743", "레이": "3162", "스파크": "3163", "E클래스": "2822", "5시리즈": "2792",
    "쿠퍼": "2886", "티구안": "3369", "XC60": "3527", "ES": "2905", "모델 Y": "4333",
}  # fmt: skip


@pytest.fixture(scope="module")
def danawa(cars: Inventory) -> DanawaInventory:
    return generate_danawa(7, also=cars)


def test_the_same_seed_gives_the_same_cars_and_another_seed_others() -> None:
    assert list(generate_danawa(5, 300)) == list(generate_danawa(5, 300)) != list(generate_danawa(6, 300))


@pytest.mark.parametrize("size", [1, 50, 900])
def test_there_are_as_many_cars_as_asked_for_with_numbers_of_ten_digits(size: int, cars: Inventory) -> None:
    for also in ((), cars):
        numbers = [car.id for car in generate_danawa(1, size, also)]
        assert len(set(numbers)) == len(numbers) == size
        assert all(len(number) == 10 and number.isdecimal() for number in numbers)


def test_brands_and_series_carry_the_site_s_codes() -> None:
    assert {brand.label: brand.code for brand in BRANDS} == BRAND_CODES
    assert {series.name: series.code for series in SERIES if series.code} == SERIES_CODES


def test_a_car_carries_the_codes_of_its_brand_and_series(danawa: DanawaInventory) -> None:
    labels = {label: brand.code for brand in BRANDS for label in (brand.label, brand.second)}
    for car in danawa:
        assert (car.brand_code, car.series_code) == (labels[car.brand], SERIES_CODES.get(car.series))


def test_a_name_is_four_parts_with_a_blank_for_each_empty_one(danawa: DanawaInventory) -> None:
    for car in danawa:
        assert car.name == " ".join((car.brand, car.model, car.grade, car.detail))
    blanks = Counter(len(car.name) - len(car.name.rstrip()) for car in danawa)
    assert set(blanks) == {0, 1, 2}
    assert any("  " in car.name.rstrip() for car in danawa)


def test_names_have_every_oddity_of_the_list(danawa: DanawaInventory) -> None:
    names = [car.name for car in danawa]
    for words in (
        "쉐보레(대우) ",
        "르노(삼성) ",
        "KG모빌리티(쌍용) ",
        "포터II",
        "봉고Ⅲ",
        "투리스모",
        "(KA4)",
        "(5세대)",
    ):
        assert any(words in name for name in names), words
    second = {"쉐보레(GM대우)", "르노삼성", "도요타"}
    told = [car for car in generate_danawa(1, 4000) if car.brand in second]
    assert {car.brand for car in told} == second
    spelt = {one.second for one in GENERATIONS} - {one.words for one in GENERATIONS}
    assert any(car.model in spelt for car in told)


def test_labels_and_many_models_are_those_of_the_captured_list(captures: Path) -> None:
    lines = (captures / "danawa" / "list_rows_73pages_2025-03.jsonl").read_text().splitlines()
    captured = [name for line in lines if (name := json.loads(line)["car_name"]) != "[]"]
    stocked = {generation.series.brand for generation in GENERATIONS}
    labels = {name.split()[0] for name in captured}
    assert {label for brand in stocked for label in (brand.label, brand.second)} <= labels
    named = [
        generation
        for generation in GENERATIONS
        if any(name.startswith(f"{generation.series.brand.label} {generation.words} ") for name in captured)
    ]
    assert len(named) > 0.7 * len(GENERATIONS)


def test_rows_stay_within_what_the_captured_rows_say(danawa: DanawaInventory) -> None:
    for car in danawa:
        assert re.fullmatch(r"20[0-2][0-9]", str(car.year))
        assert car.year - car.registered // 100 in {0, 1}
        assert 1 <= car.registered % 100 <= 12
        assert 120 <= car.price <= 19_900
        assert 8 <= car.mileage < 400_000


def test_a_few_cars_are_not_free_or_another_feeder_s_or_gone(danawa: DanawaInventory) -> None:
    assert {car.mark for car in danawa} == {None, *MARKS}
    assert 0.9 < sum(car.mark is None for car in danawa) / len(danawa) < 1
    feeders = Counter(car.feeder for car in danawa)
    assert len(feeders) == 3
    assert feeders[MPARK] > 0.95 * len(danawa)
    assert 0 < sum(not car.at_feeder for car in danawa) < 20
    assert any(car.check is None for car in danawa)
    assert any(car.check and car.check.accident for car in danawa)


def test_some_cars_are_on_encar_too_with_the_same_facts(danawa: DanawaInventory, cars: Inventory) -> None:
    makes = {label: brand.encar for brand in BRANDS for label in (brand.label, brand.second)}
    groups = {series.name: series.encar for series in SERIES}
    twins = [car for car in danawa if car.encar_id]
    assert len(twins) == 900 // 8
    for twin in twins:
        car = cars.by_id(twin.encar_id or "")
        assert car is not None
        assert (car.status, car.hidden, car.is_copy, car.lease, car.sales_status) == (
            "ADVERTISE", False, False, None, None,
        )  # fmt: skip
        assert (twin.year, twin.mileage, twin.price) == (int(car.form_year), car.mileage, car.price)
        assert car.manufacturer in makes[twin.brand]
        assert car.model_group == groups[twin.series]
        assert (twin.mark, twin.feeder, twin.at_feeder) == (None, MPARK, True)
    assert len({twin.brand for twin in twins}) > 5


def test_a_few_cars_of_encar_are_all_shown_here(cars: Inventory) -> None:
    few = [car for car in cars if car.model_group == "쏘나타" and not car.is_copy and car.price < 9_000][:5]
    plain = [replace(car, hidden=False, lease=None, sales_status=None, price=1234, mileage=9_000) for car in few]
    assert {car.encar_id for car in generate_danawa(1, 100, plain)} >= {car.id for car in plain}


def test_a_twin_is_made_for_one_car_and_refused_for_one_nobody_would_show() -> None:
    inventory, encar = DanawaInventory(), generate(1, 10)
    same = inventory.new_twin(encar.new_car(manufacturer="기아", model_group="K5", price=1234), mark="예약")
    assert (same.brand, same.series, same.price, same.mark) == ("기아", "K5", 1234, "예약")
    for wrong in ({"manufacturer": "BYD"}, {"hidden": True}, {"price": 99_999}, {"status": "SOLD"}):
        with pytest.raises(ValueError, match="would not show"):
            inventory.new_twin(encar.new_car(**{"manufacturer": "기아", "model_group": "K5"} | wrong))


def test_a_new_car_is_ordinary_and_follows_its_overrides() -> None:
    inventory = generate_danawa(1, 100)
    car = inventory.new_car(series="카니발", year=2021)
    assert (car.brand, car.series_code, car.registered // 100) == ("기아", "2743", 2021)
    assert (car.mark, car.feeder, car.at_feeder, car.encar_id) == (None, MPARK, True, None)
    assert car.check is not None
    assert inventory.by_id(car.id) is None
    second = inventory.new_car(brand="르노삼성", model="더 뉴 QM6")
    assert (second.brand, second.model, second.brand_code) == ("르노삼성", "더 뉴 QM6", "321")
    unknown = inventory.new_car(brand="아무개", model="없는 차")
    assert (unknown.brand_code, unknown.series_code, unknown.name.split()[:3]) == (None, None, ["아무개", "없는", "차"])
    with pytest.raises(TypeError, match="prize"):
        inventory.new_car(prize=1)
    with pytest.raises(ValueError, match="ten digits"):
        inventory.new_car(id="123")


def test_new_cars_get_numbers_of_their_own() -> None:
    inventory = generate_danawa(1, 100)
    made = [inventory.insert(inventory.new_car()) for _ in range(50)]
    assert len({car.id for car in made}) == 50
    assert len(inventory) == 150


def test_a_car_changes_and_goes_and_each_change_is_a_new_version() -> None:
    inventory = generate_danawa(1, 10)
    car = next(iter(inventory))
    assert inventory.change(car.id, mark="계약중").mark == "계약중"
    assert inventory.version == 1
    with pytest.raises(ValueError, match="id of a car cannot change"):
        inventory.change(car.id, id="3000000001")
    with pytest.raises(TypeError, match="prize"):
        inventory.change(car.id, prize=1)
    with pytest.raises(KeyError):
        inventory.change("9999999999", mark=None)
    assert inventory.remove(car.id)
    assert not inventory.remove(car.id)
    assert (inventory.version, inventory.by_id(car.id), len(inventory)) == (2, None, 9)
