"""What is kept: usable for two hours, within its memory, without the cars that went off sale."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy.stock.shelf import USABLE_S, Kept, Reading, Shelf
from dealerproxy.stock.table import build
from dealerproxy.transport.errors import TimedOut
from dealerproxy.upstreams.off_sale import CHANGES, GONE_LAG_S, LISTS_LAG_S, OffSale
from dealerproxy.vehicles.car import SaleStatus
from dealerproxy.vehicles.listing import LeftOutReason
from tests.stock.cars import car
from tests.support.clock import Clock

SITE = "encar"


class Shelved:
    """A shelf, what goes off sale, and the clock of both."""

    def __init__(self, max_bytes: int = 10_000_000) -> None:
        self.clock = Clock()
        self.off_sale = OffSale(self.clock)
        self.shelf = Shelf(SITE, self.off_sale, max_bytes=max_bytes, clock=self.clock)

    def put(self, key: str, *numbers: int) -> None:
        self.shelf.put(key, self.reading(*numbers))

    def reading(self, *numbers: int) -> Reading:
        at = self.clock.at
        return Reading(table=build(map(car, numbers)), read_at=at, checked_at=at, found=len(numbers))

    def get(self, key: str) -> Kept:
        kept = self.shelf.get(key)
        assert kept is not None
        return kept

    def alive(self, key: str) -> list[int]:
        kept = self.get(key)
        numbers: list[int] = kept.reading.table.columns.number[kept.alive].tolist()
        return numbers


@pytest.fixture
def kept() -> Shelved:
    return Shelved()


def test_a_listing_is_usable_for_two_hours(kept: Shelved) -> None:
    kept.put("a", 1, 2)
    kept.clock.at += USABLE_S - 1
    assert kept.alive("a") == [1, 2]
    kept.clock.at += 1
    assert kept.shelf.get("a") is None
    assert kept.shelf.figures[:3] == (0, 0, 0)


def test_an_older_reading_never_takes_the_place_of_a_newer_one(kept: Shelved) -> None:
    old = kept.reading(1)
    kept.clock.at += 5
    kept.put("a", 2)
    kept.shelf.put("a", old)
    assert kept.alive("a") == [2]


def test_the_listing_that_was_not_used_for_longest_goes_first() -> None:
    size = Shelved().reading(*range(1, 101)).size_bytes
    kept = Shelved(max_bytes=2 * size + size // 2)
    kept.put("a", *range(1, 101))
    kept.put("b", *range(1, 101))
    assert kept.shelf.get("a")
    kept.put("c", *range(1, 101))
    assert [key for key, _ in kept.shelf] == ["a", "c"]
    assert kept.shelf.figures[:3] == (2, 200, 2 * size)


def test_one_listing_is_kept_however_large_it_is() -> None:
    kept = Shelved(max_bytes=1)
    kept.put("a", *range(1, 50))
    assert len(kept.alive("a")) == 49


def test_a_failure_is_told_until_the_next_reading(kept: Shelved) -> None:
    kept.shelf.failed("a", TimedOut("slow"))  # nothing is kept of it
    kept.put("a", 1)
    kept.shelf.failed("a", TimedOut("slow"))
    assert isinstance(kept.get("a").failure, TimedOut)
    kept.clock.at += 1
    kept.put("a", 1)
    assert kept.get("a").failure is None


@pytest.mark.parametrize(
    ("verdict", "lag_s"),
    [
        (None, LISTS_LAG_S),
        (SaleStatus.SOLD, LISTS_LAG_S),
        (SaleStatus.WAITING, LISTS_LAG_S),
        (SaleStatus.GONE, GONE_LAG_S),
    ],
)
def test_a_car_that_goes_off_sale_leaves_at_once_and_comes_back_with_a_later_reading(
    kept: Shelved, verdict: SaleStatus | None, lag_s: float
) -> None:
    kept.put("a", 1, 2, 3)
    assert kept.alive("a") == [1, 2, 3]
    kept.clock.at += 60
    kept.off_sale.note(SITE, "2", kept.clock.at, verdict)
    assert kept.alive("a") == [1, 3]
    kept.clock.at += lag_s - 1
    kept.put("a", 1, 2, 3)  # lists lag behind the adverts
    assert kept.alive("a") == [1, 3]
    kept.clock.at += 1
    kept.put("a", 1, 2, 3)
    assert kept.alive("a") == [1, 2, 3]


def test_a_car_whose_advert_shows_it_again_comes_back_and_so_does_one_whose_absence_is_withdrawn(kept: Shelved) -> None:
    kept.put("a", 1, 2, 3)
    kept.off_sale.note(SITE, "1", kept.clock.at, SaleStatus.SOLD)
    kept.off_sale.note(SITE, "2", kept.clock.at, SaleStatus.GONE)
    assert kept.alive("a") == [3]
    kept.off_sale.back(SITE, "1", kept.clock.at + 1)
    kept.off_sale.withdraw(SITE, ["2"])
    assert kept.alive("a") == [1, 2, 3]


def test_cars_of_another_site_do_not_matter(kept: Shelved) -> None:
    kept.put("a", 1, 2)
    kept.off_sale.note("danawa", "1", kept.clock.at)
    assert kept.alive("a") == [1, 2]


def test_more_changes_than_are_told_one_by_one_lose_none(kept: Shelved) -> None:
    kept.put("a", 1, 2)
    assert kept.alive("a") == [1, 2]
    kept.off_sale.note(SITE, "1", kept.clock.at)
    for number in range(100, 100 + CHANGES + 1):
        kept.off_sale.note(SITE, str(number), kept.clock.at)
    assert kept.alive("a") == [2]


def test_ids_too_long_for_a_table_are_passed_over(kept: Shelved) -> None:
    kept.put("a", 1)
    kept.off_sale.note(SITE, "9" * 19, kept.clock.at)
    assert kept.alive("a") == [1]


Step = Callable[[Shelved], None]


def pass_time(by_s: float) -> Step:
    def step(kept: Shelved) -> None:
        kept.clock.at += by_s

    return step


steps = st.one_of(
    st.integers(1, 8).map(lambda number: lambda kept: kept.off_sale.note(SITE, str(number), kept.clock.at)),
    st.integers(1, 8).map(
        lambda number: lambda kept: kept.off_sale.note(SITE, str(number), kept.clock.at, SaleStatus.GONE)
    ),
    st.integers(1, 8).map(lambda number: lambda kept: kept.off_sale.back(SITE, str(number), kept.clock.at)),
    st.integers(1, 8).map(lambda number: lambda kept: kept.off_sale.withdraw(SITE, [str(number)])),
    st.sampled_from([1.0, 299.0, 1_000.0]).map(
        lambda by_s: lambda kept: setattr(kept.clock, "at", kept.clock.at + by_s)
    ),
    st.just(lambda kept: kept.put("a", *range(1, 9))),
    st.just(lambda kept: kept.shelf.get("a")),
)


@given(script=st.lists(steps, max_size=40))
def test_at_any_moment_those_cars_are_shown_that_a_list_of_that_age_may_show(script: list[Step]) -> None:
    kept = Shelved()
    kept.put("a", *range(1, 9))
    for step in script:
        step(kept)
        if (found := kept.shelf.get("a")) is None:
            continue
        read_at = found.reading.read_at
        expected = [number for number in range(1, 9) if not kept.off_sale.hides(SITE, str(number), read_at)]
        assert found.reading.table.columns.number[found.alive].tolist() == expected


def test_left_out_cars_are_counted_for_the_models_picked() -> None:
    reading = Reading(
        table=build(()),
        read_at=0.0,
        checked_at=0.0,
        found=9,
        left_out={
            (LeftOutReason.UNREADABLE, None, None): 1,
            (LeftOutReason.SOLD_OR_RESERVED, "Kia", "K5"): 2,
            (LeftOutReason.SOLD_OR_RESERVED, "Kia", "Ray"): 4,
            (LeftOutReason.LEASE_OR_RENT, "BMW", "5 Series"): 8,
        },
    )
    sold, unreadable = LeftOutReason.SOLD_OR_RESERVED, LeftOutReason.UNREADABLE
    assert reading.left_out_of(frozenset({("Kia", "K5")})) == {sold: 2, unreadable: 1}
    assert reading.left_out_of(frozenset({("Kia", None)})) == {sold: 6, unreadable: 1}
    assert reading.left_out_of(None).total() == 15


def test_numbers_count_as_memory() -> None:
    numbers = np.arange(1_000)
    with_numbers = Reading(table=build(()), numbers=numbers, read_at=0.0, checked_at=0.0, found=1_000)
    assert with_numbers.size_bytes >= 8_000
