"""Tables: what goes in comes out, filtered and ordered as a loop over the cars would."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy.stock.table import EMPTY, Bounds, Positions, Selection, StockedCar, Table, build, joined
from dealerproxy.upstreams.paging import Order, year_key
from dealerproxy.vehicles.listing import Listing
from tests.stock.cars import car, cars

KEYS: dict[Order, Callable[[StockedCar], int]] = {
    Order.YEAR: lambda car: year_key(car.year, car.registered),
    Order.REGISTERED: lambda car: -car.registered,
    Order.PRICE_ASC: lambda car: car.price_krw,
    Order.PRICE_DESC: lambda car: -car.price_krw,
    Order.MILEAGE_ASC: lambda car: car.mileage_km,
}
open_or = st.none() | st.integers(0, 3_000)


def last_of_each(listed: list[StockedCar]) -> list[StockedCar]:
    return list({car.number: car for car in listed}.values())


@given(listed=st.lists(cars, max_size=40))
def test_cars_come_out_as_they_went_in_each_number_once(listed: list[StockedCar]) -> None:
    table = build(listed)
    assert table.cars(np.arange(len(table))) == sorted(last_of_each(listed))


@given(first=st.lists(cars, max_size=20), second=st.lists(cars, max_size=20), third=st.lists(cars, max_size=20))
def test_joined_tables_are_the_table_of_all_their_cars(
    first: list[StockedCar], second: list[StockedCar], third: list[StockedCar]
) -> None:
    table = joined([build(first), build(second), build(third)])
    assert table.cars(np.arange(len(table))) == sorted(last_of_each([*first, *second, *third]))


@pytest.mark.parametrize("order", Order)
@given(listed=st.lists(cars, max_size=40), low=open_or, high=open_or, dear=open_or)
def test_a_selection_is_what_a_loop_over_the_cars_would_select(
    order: Order, listed: list[StockedCar], low: int | None, high: int | None, dear: int | None
) -> None:
    bounds = Bounds(
        year_min=low,
        year_max=high,
        mileage_max_km=None if high is None else high * 300,
        price_max_krw=None if dear is None else dear * 300_000,
    )
    wanted = [
        car
        for car in last_of_each(listed)
        if (low is None or car.year >= low)
        and (high is None or (car.year <= high and car.mileage_km <= high * 300))
        and (dear is None or car.price_krw <= dear * 300_000)
    ]
    wanted.sort(key=lambda car: (KEYS[order](car), -car.number))
    table = build(listed)
    shown: list[StockedCar] = []

    def show(table: Table, positions: Positions) -> list[Listing]:
        shown.extend(table.cars(positions))
        return []

    selection = Selection(table, table.within(bounds), show)
    rows = selection.rows(order)
    rows.listings(0, len(rows))
    assert shown == wanted
    assert selection.total == len(rows) == len(wanted)
    assert rows.places(0, len(rows)) == [(KEYS[order](car), car.number) for car in wanted]


@pytest.mark.parametrize("order", Order)
@given(listed=st.lists(cars, max_size=40), passed=cars)
def test_the_place_after_a_car_is_found_whether_or_not_it_is_listed(
    order: Order, listed: list[StockedCar], passed: StockedCar
) -> None:
    table, key = build(listed), KEYS[order]
    rows = Selection(table, table.within(Bounds()), lambda _, __: []).rows(order)
    in_order = sorted(last_of_each(listed), key=lambda car: (key(car), -car.number))
    before = [car for car in in_order if (key(car), -car.number) <= (key(passed), -passed.number)]
    assert rows.after(key(passed), passed.number) == len(before)
    assert rows.from_key(key(passed)) == sum(key(car) < key(passed) for car in in_order)


@given(listed=st.lists(cars, max_size=30), wanted=st.sets(st.integers(1, 60)))
def test_cars_are_found_by_their_numbers(listed: list[StockedCar], wanted: set[int]) -> None:
    table = build(listed)
    numbers = np.array(sorted(wanted), np.int64)
    found = [car.number for car in table.cars(table.positions(numbers))]
    assert found == sorted(wanted & {car.number for car in listed})
    assert table.columns.number[table.among(numbers)].tolist() == found


def test_a_table_is_coloured_by_numbers_and_the_first_one_stays_as_it_was() -> None:
    table = build([car(1), car(2, colour="검정색"), car(3)])
    white = table.coloured(np.array([1, 3, 99]), "흰색")
    assert [each.colour for each in white.cars(np.arange(3))] == ["흰색", "검정색", "흰색"]
    assert [each.colour for each in table.cars(np.arange(3))] == [None, "검정색", None]


def test_an_empty_table_answers_everything_with_nothing() -> None:
    rows = Selection(EMPTY, EMPTY.within(Bounds(year_min=2000)), lambda _, __: []).rows(Order.YEAR)
    assert (len(rows), rows.after(5, 5), rows.from_key(5)) == (0, 0, 0)
    assert len(joined([EMPTY, EMPTY])) == 0
    assert EMPTY.positions(np.array([1])).tolist() == []


def test_a_car_takes_some_two_hundred_bytes() -> None:
    table = build(car(number, kind=("기아", str(number % 100))) for number in range(10_000))
    assert table.size_bytes < 10_000 * 220
