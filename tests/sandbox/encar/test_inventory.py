"""The invented cars: the same from the same seed, and odd in every way real ones are."""

from collections import Counter

import pytest

from dealerproxy.sandbox.encar.inventory import Inventory, generate
from dealerproxy.sandbox.encar.rows import photo_prefix


def test_the_same_seed_gives_the_same_cars_and_another_seed_others() -> None:
    assert list(generate(5, 300)) == list(generate(5, 300)) != list(generate(6, 300))


@pytest.mark.parametrize("size", [1, 50, 4000])
def test_there_are_as_many_cars_as_asked_for_with_ids_of_eight_digits(size: int) -> None:
    ids = [car.id for car in generate(1, size)]
    assert len(set(ids)) == len(ids) == size
    assert all(len(number) == 8 and number.isdecimal() for number in ids)


def test_the_catalogue_is_wide(cars: Inventory) -> None:
    makes = {car.manufacturer for car in cars}
    assert {
        "현대",
        "쉐보레(GM대우)",
        "쉐보레",
        "르노코리아(삼성)",
        "르노",
        "벤츠",
        "BMW",
        "아우디",
        "테슬라",
        "BYD",
    } <= makes
    assert len({(car.manufacturer, car.model_group) for car in cars}) >= 70
    assert len({car.model for car in cars}) >= 130
    assert {"E350e 플러그인 하이브리드", "530e M 스포츠", "1.6 터보", "디젤 2.2 4WD"} <= {car.badge for car in cars}


def test_the_model_year_is_the_year_of_registration_or_the_next_one(cars: Inventory) -> None:
    ahead = Counter(int(car.form_year) - car.year // 100 for car in cars)
    assert set(ahead) == {0, 1}
    assert all(1 <= car.year % 100 <= 12 for car in cars)


@pytest.mark.parametrize("field", ["year", "price", "mileage"])
def test_many_cars_tie(cars: Inventory, field: str) -> None:
    values = Counter(getattr(car, field) for car in cars)
    assert sum(count for count in values.values() if count > 1) > len(cars) / 2


def test_a_copy_carries_the_number_of_its_original_which_may_be_gone(cars: Inventory) -> None:
    copies = [car for car in cars if car.copy_kind == "DUPLICATION"]
    present = sum(cars.by_id(car.vehicle_id) is not None for car in copies)
    assert 0.1 < len(copies) / len(cars) < 0.2
    assert 0 < present < len(copies)
    for copy in copies:
        original = cars.by_id(copy.vehicle_id)
        assert original is None or (original.model, original.price) == (copy.model, copy.price)


def test_every_oddity_of_the_real_site_occurs(cars: Inventory) -> None:
    assert {"일반", "리스", "렌트"} == {car.sell_type for car in cars}
    assert all((car.lease is None) == (car.sell_type == "일반") for car in cars)
    assert {99_999, 999_999} <= {car.price for car in cars}
    assert any(car.price == 9_999 and car.sales_status == "CONTRACT" for car in cars)
    assert any(car.mileage == 999_999 for car in cars)
    assert any(car.hidden for car in cars)
    assert any("SellType" in car.left_out for car in cars)
    assert {None, "(세부등급 없음)", "프레스티지"} <= {car.badge_detail for car in cars}
    assert {"오토", "수동", "세미오토", "CVT"} <= {car.transmission for car in cars}
    assert {
        "가솔린",
        "디젤",
        "LPG(일반인 구입)",
        "가솔린+전기",
        "디젤+전기",
        "LPG+전기",
        "가솔린+LPG",
        "전기",
        "수소",
        "기타",
    } == {car.fuel for car in cars}
    assert any(len(car.photo_slots) < 4 for car in cars)


def test_a_new_car_is_ordinary_newest_and_not_yet_on_offer() -> None:
    inventory = generate(1, 100)
    car = inventory.new_car(manufacturer="기아", model_group="K5", price=1234)
    assert (car.model_group, car.price, car.car_type, car.sell_type, car.hidden) == ("K5", 1234, "Y", "일반", False)
    assert "K5" in car.model
    assert car.modified > max(other.modified for other in inventory)
    assert inventory.by_id(car.id) is None


def test_a_new_car_follows_its_overrides() -> None:
    inventory = Inventory()
    car = inventory.new_car(id="41000001", year=202103, manufacturer="아무개", model_group="없는 차")
    assert (car.vehicle_id, car.form_year, car.model, car.copy_kind) == ("41000001", "2021", "없는 차", "ORIGINAL")
    assert inventory.new_car(manufacturer="BMW", model_group="없는 차").car_type == "N"


def test_new_cars_get_ids_of_their_own() -> None:
    inventory = generate(1, 100)
    made = [inventory.insert(inventory.new_car()) for _ in range(50)]
    assert len({car.id for car in made}) == 50
    assert len(inventory) == 150


@pytest.mark.parametrize("wrong", ["123", "1234567a", "123456789"])
def test_an_id_that_is_not_eight_digits_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="eight digits"):
        Inventory().new_car(id=wrong)


def test_an_override_that_is_no_field_is_refused() -> None:
    with pytest.raises(TypeError, match="prize"):
        Inventory().new_car(prize=1)


def test_every_change_is_a_new_version() -> None:
    inventory = generate(1, 10)
    car = inventory.insert(inventory.new_car())
    assert inventory.version == 1
    assert inventory.remove(car.id)
    assert inventory.version == 2
    assert not inventory.remove(car.id)
    assert inventory.version == 2


@pytest.mark.parametrize(
    ("number", "prefix"),
    [("42664100", "/carpicture06/pic4266/42664100_"), ("41503333", "/carpicture10/pic4150/41503333_")],
)
def test_the_photo_folder_is_the_fourth_digit_and_zero_is_ten(number: str, prefix: str) -> None:
    assert photo_prefix(number) == prefix


def test_beside_the_cars_on_offer_some_are_sold_or_waiting(cars: Inventory) -> None:
    ended = [car for car in cars.known() if car.status != "ADVERTISE"]
    assert {(car.status, car.lingers) for car in ended} == {
        ("SOLD", False), ("SOLD", True), ("WAIT", False), ("WAIT", True),
    }  # fmt: skip
    assert len(ended) == len(cars) // 50
    assert not {car.id for car in ended} & {car.id for car in cars}
    assert all(cars.by_id(car.id) is car for car in ended)


def test_a_car_changes_and_keeps_its_id() -> None:
    inventory = generate(1, 100)
    car = next(iter(inventory))
    assert inventory.change(car.id, status="WAIT").status == "WAIT"
    assert (len(inventory), inventory.version) == (99, 1)
    assert inventory.change(car.id, status="ADVERTISE") == car
    with pytest.raises(ValueError, match="id of a car cannot change"):
        inventory.change(car.id, id="41000001")
    with pytest.raises(TypeError, match="prize"):
        inventory.change(car.id, prize=1)
    with pytest.raises(KeyError):
        inventory.change("49999999", status="SOLD")


def test_the_adverts_of_a_vehicle_are_its_original_and_its_copies() -> None:
    inventory = Inventory()
    copy = inventory.insert(inventory.new_car(id="41000009", vehicle_id="41000001"))
    assert inventory.of_vehicle("41000001") == [copy]
    assert inventory.was_known("41000001"), "a copy tells that there was an original"
    original = inventory.insert(inventory.new_car(id="41000001"))
    early = inventory.insert(inventory.new_car(id="40000005", vehicle_id="41000001"))
    assert inventory.of_vehicle("41000001") == [original, early, copy]
    assert inventory.of_vehicle("41000009") == []
    assert inventory.remove(early.id)
    assert inventory.of_vehicle("41000001") == [original, copy]


def test_a_removed_advert_is_remembered_and_one_that_never_was_is_not() -> None:
    inventory = generate(1, 10)
    car = next(iter(inventory))
    assert inventory.remove(car.id)
    assert inventory.was_known(car.id)
    assert inventory.by_id(car.id) is None
    assert not inventory.was_known("49999999")


def test_private_sellers_show_no_sheet_and_have_no_copies(cars: Inventory) -> None:
    private = [car for car in cars if car.is_private]
    copied = {car.vehicle_id for car in cars if car.is_copy}
    assert private
    assert not any("Inspection" in car.condition or car.is_copy or car.vehicle_id in copied for car in private)
