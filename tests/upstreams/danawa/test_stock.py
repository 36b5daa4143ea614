"""Danawa's list in stock: how long it serves, what it answers, and when it is read."""

import asyncio
from typing import Any

import pytest
from yarl import URL

from dealerproxy.cache.entries import CacheStatus
from dealerproxy.contract.deadline import Deadline
from dealerproxy.stock.shelf import USABLE_S, Shelf
from dealerproxy.stock.table import MOST_NUMBER
from dealerproxy.transport.errors import Blocked, Drift, Paused, Suspended, TimedOut, UpstreamError, Warming
from dealerproxy.upstreams.danawa import stock as danawa_list
from dealerproxy.upstreams.danawa.legs import DanawaLeg
from dealerproxy.upstreams.danawa.stock import COME_BACK_S, FRESH_S, LIST_KEY, READ_EVERY_S, DanawaStock
from dealerproxy.upstreams.danawa.whole import Entry, WholeReader
from dealerproxy.upstreams.off_sale import OffSale
from dealerproxy.upstreams.paging import Order
from dealerproxy.upstreams.query import FilterWords, Query, RowFilter
from dealerproxy.upstreams.stocked import StockedLeg
from dealerproxy.vehicles.car import SaleStatus
from dealerproxy.vehicles.listing import LeftOut, LeftOutReason
from dealerproxy.vocabulary import Vocabulary
from tests.support.clock import Clock
from tests.upstreams.danawa.listed import AVANTE, Site, car, page, sold

KIA: frozenset[tuple[str, str | None]] = frozenset({("Kia", None)})


class House:
    """The stock over a site whose `trouble` can be set."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.site, self.clock = Site(70), Clock()
        self.trouble: UpstreamError | None = None
        self.off_sale = OffSale(self.clock)
        self.stock = DanawaStock(
            WholeReader(self.site.read, clock=self.clock),
            vocabulary,
            Shelf("danawa", self.off_sale, max_bytes=2**26, clock=self.clock),
            base=URL("http://127.0.0.1:9"),
            trouble=lambda: self.trouble,
            clock=self.clock,
        )

    def shows(self, *entries: Entry | int) -> None:
        self.site.cars, self.site.odd = 0, {1: page(*entries)}

    async def read(self) -> None:
        await self.stock.read(LIST_KEY)

    async def fail(self, error: UpstreamError) -> None:
        self.site.error = error
        with pytest.raises(type(error)):
            await self.read()

    async def leg(self, pick: frozenset[tuple[str, str | None]] = KIA, **query: Any) -> StockedLeg:
        keep = RowFilter(Query(**query), FilterWords(), 1_000.0)
        return await self.stock.stocked(DanawaLeg(pick), keep, Deadline(20.0))

    async def stands(self, *numbers: int) -> list[bool | None]:
        return [await self.stock.stands(str(number), Deadline(20.0)) for number in numbers]


@pytest.fixture
def house(vocabulary: Vocabulary) -> House:
    return House(vocabulary)


# The first reading


async def test_a_list_waits_a_moment_for_the_first_reading_and_is_then_warming(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(danawa_list, "WAIT_S", 0.01)
    house.site.gate.clear()
    house.stock.readings.start_due()
    with pytest.raises(Warming) as caught:
        await house.leg()
    assert caught.value.retry_after_s == COME_BACK_S
    assert await house.stands(1) == [None]
    house.site.gate.set()
    await house.stock.tried.wait()
    assert (await house.leg()).total == 70


async def test_a_list_that_comes_within_the_moment_is_answered(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(danawa_list, "WAIT_S", 20.0)  # a moment of a busy machine
    house.stock.readings.start_due()
    answers = await asyncio.gather(*(house.leg() for _ in range(100)))
    assert {leg.total for leg in answers} == {70}
    assert house.site.asked.count(1) == 1


async def test_a_first_reading_that_failed_says_why_at_once_and_is_tried_again(house: House) -> None:
    await house.fail(Blocked("captcha"))
    for _ in range(2):
        with pytest.raises(Blocked):
            await house.leg()
    house.site.error = None
    await house.read()
    assert (await house.leg()).total == 70


async def test_a_reading_that_a_pause_ended_is_told_only_while_the_pause_lasts(house: House) -> None:
    house.trouble = Paused(600.0)
    await house.fail(house.trouble)
    with pytest.raises(Paused):
        await house.leg()
    house.trouble = house.site.error = None
    with pytest.raises(Warming):
        await house.leg()
    await house.read()
    assert (await house.leg()).total == 70


async def test_a_site_that_must_not_be_asked_is_told_without_a_wait(house: House) -> None:
    house.trouble = Suspended("blocked", 30.0)
    house.stock.readings.start_due()
    with pytest.raises(Suspended) as caught:
        await house.leg()
    assert (caught.value.retry_after_s, house.site.asked) == (30.0, [])


async def test_each_question_gets_an_error_of_its_own(house: House) -> None:
    await house.fail(TimedOut("slow"))
    raised = []
    for _ in range(2):
        with pytest.raises(TimedOut) as caught:
            await house.leg()
        raised.append(caught.value)
    assert raised[0] is not raised[1]


async def test_a_reading_that_breaks_keeps_nobody_waiting(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(danawa_list, "build", lambda _: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        await house.read()
    with pytest.raises(Warming):
        await house.leg()


# Ages


@pytest.mark.parametrize(
    ("age_s", "state", "stale"),
    [
        (0.0, CacheStatus.HIT, None),
        (FRESH_S - 1, CacheStatus.HIT, None),
        (FRESH_S + 1, CacheStatus.UPDATING, "refreshing"),
        (USABLE_S - 1, CacheStatus.UPDATING, "refreshing"),
    ],
)
async def test_a_list_is_fresh_ten_minutes_and_its_age_is_the_readings(
    house: House, age_s: float, state: CacheStatus, stale: str | None
) -> None:
    await house.read()
    house.clock.at += age_s
    leg = await house.leg()
    assert (leg.state, leg.stale, leg.age_s, leg.total) == (state, stale, age_s, 70)


@pytest.mark.parametrize("error", [Blocked("captcha"), TimedOut("slow"), Drift("#usedcarList")], ids=repr)
async def test_a_failed_reading_leaves_the_old_list_which_says_why(house: House, error: UpstreamError) -> None:
    await house.read()
    house.clock.at += FRESH_S + 1
    await house.fail(error)
    leg = await house.leg()
    assert (leg.state, leg.stale, leg.total) == (CacheStatus.STALE, error.code, 70)
    house.site.error = None
    await house.read()
    assert (await house.leg()).stale is None


async def test_an_old_list_of_a_site_that_must_not_be_asked_says_so(house: House) -> None:
    await house.read()
    house.clock.at += FRESH_S + 1
    house.trouble = Suspended("blocked", 30.0)
    leg = await house.leg()
    assert (leg.state, leg.stale, leg.wait_s) == (CacheStatus.STALE, "suspended", 30.0)


async def test_a_list_is_of_no_use_after_two_hours(house: House) -> None:
    await house.read()
    await house.fail(TimedOut("slow"))
    house.clock.at += USABLE_S - 1
    assert (await house.leg()).stale == "timed_out"
    house.clock.at += 1
    with pytest.raises(TimedOut):
        await house.leg()


async def test_a_shrunken_list_is_not_believed_until_the_old_one_is_of_no_use(house: House) -> None:
    await house.read()
    house.site.cars = 40
    with pytest.raises(Drift, match="shrunken to 40"):
        await house.read()
    assert (await house.leg()).total == 70
    house.clock.at += USABLE_S
    await house.read()
    assert (await house.leg()).total == 40


async def test_the_list_is_read_at_the_start_and_again_before_it_is_old(house: House) -> None:
    readings = house.stock.readings
    for at_s, times in ((0.0, 1), (READ_EVERY_S - 1, 1), (READ_EVERY_S, 2), (2 * READ_EVERY_S - 1, 2)):
        house.clock.at = 1_000.0 + at_s
        house.stock.tried.clear()
        readings.start_due()
        if readings._under_way:
            await asyncio.gather(*readings._under_way.values())
        assert house.site.asked.count(1) == times
    assert READ_EVERY_S < FRESH_S


async def test_a_reading_that_failed_is_tried_again_after_a_pause(house: House) -> None:
    readings = house.stock.readings
    house.site.error = TimedOut("slow")
    for at_s, times in ((0.0, 1), (29.0, 1), (31.0, 2), (90.0, 2), (92.0, 3)):
        house.clock.at = 1_000.0 + at_s
        readings.start_due()
        if readings._under_way:
            await asyncio.gather(*readings._under_way.values())
        assert house.site.asked.count(1) == times


# What is answered


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ({}, [1, 2, 3]),
        ({"year_min": 2021}, [2, 3]),
        ({"year_max": 2020}, [1]),
        ({"mileage_max_km": 60_000}, [1, 2]),
        ({"price_min_usd": 10_020}, [2, 3]),
        ({"price_max_usd": 10_020}, [1, 2]),
        ({"year_min": 2021, "mileage_max_km": 60_000, "price_max_usd": 10_020}, [2]),
        ({"price_min_usd": 1_000_000}, []),
    ],
)
async def test_total_and_rows_are_exact_after_all_filters(
    house: House, filters: dict[str, Any], numbers: list[int]
) -> None:
    cars = (
        car(1, year=2020),
        car(2, year=2021, mileage_km=60_000),
        car(3, year=2022, mileage_km=70_000),
        car(4, AVANTE),
    )
    house.shows(*cars)
    await house.read()
    leg = await house.leg(**filters)
    rows = leg.rows(Order.PRICE_ASC)
    shown = [int(row.listing_id) for row in rows.listings(0, len(rows))]
    assert (leg.total, shown) == (len(numbers), numbers)


@pytest.mark.parametrize(
    ("pick", "numbers"),
    [
        ({("Kia", None)}, [1, 2]),
        ({("Kia", "K5")}, [1]),
        ({("Kia", "K5"), ("Hyundai", None)}, [1, 4]),
        ({("Hyundai", "Avante")}, [4]),
        ({("BMW", None)}, []),
    ],
)
async def test_a_leg_has_the_makes_and_models_that_are_picked(
    house: House, pick: set[tuple[str, str | None]], numbers: list[int]
) -> None:
    house.shows(1, car(2, "기아 더 뉴쏘렌토(MQ4) 2.2 디젤"), car(4, AVANTE))
    await house.read()
    leg = await house.leg(frozenset(pick))
    rows = leg.rows(Order.YEAR)
    assert sorted(int(row.listing_id) for row in rows.listings(0, len(rows))) == numbers
    assert house.stock.models() == {("Kia", "K5"), ("Kia", "Sorento"), ("Hyundai", "Avante")}


async def test_what_is_left_out_is_counted_by_make_and_model(house: House) -> None:
    others = (
        LeftOut(LeftOutReason.PLACEHOLDER_PRICE, "8", "Avante", "Hyundai"),
        LeftOut(LeftOutReason.UNKNOWN_MODEL, "9"),
    )
    house.shows(1, car(4, AVANTE), sold(7), *others)
    await house.read()
    everywhere = {LeftOutReason.UNKNOWN_MODEL: 1}
    for pick, left_out in (
        (KIA, {LeftOutReason.SOLD_OR_RESERVED: 1}),
        (frozenset({("Hyundai", "Avante")}), {LeftOutReason.PLACEHOLDER_PRICE: 1}),
        (frozenset({("Kia", "Sorento")}), {}),
    ):
        assert (await house.leg(pick)).left_out == left_out | everywhere


@pytest.mark.parametrize("verdict", [SaleStatus.SOLD, SaleStatus.WAITING, SaleStatus.GONE])
async def test_a_car_that_is_sold_leaves_at_once_and_is_counted(house: House, verdict: SaleStatus) -> None:
    await house.read()
    house.clock.at += 10
    house.off_sale.note("danawa", "5", house.clock.at, verdict)
    leg = await house.leg()
    assert (leg.total, leg.left_out) == (69, {LeftOutReason.NOT_BUYABLE: 1})
    house.off_sale.back("danawa", "5", house.clock.at + 1)
    assert (await house.leg()).total == 70


# The list as a witness of a car


async def test_a_car_stands_in_the_list_for_two_hours_and_is_missing_for_ten_minutes(house: House) -> None:
    house.shows(1, sold(5), LeftOut(LeftOutReason.PLACEHOLDER_PRICE, "7", "K5", "Kia"))
    assert await house.stock.stands("1", Deadline(0.0)) is None
    await house.read()
    assert await house.stands(1, 7, 5, 6) == [True, True, False, False]
    house.clock.at += FRESH_S
    assert await house.stands(1, 7, 5, 6) == [True, True, None, None]
    house.clock.at += USABLE_S
    assert await house.stands(1, 7, 5, 6) == [None] * 4


@pytest.mark.parametrize("text", [str(MOST_NUMBER + 1), "9" * 19, "01", "0", "00001"])
async def test_a_number_that_no_row_can_have_does_not_stand_in_the_list(house: House, text: str) -> None:
    await house.read()
    assert await house.stock.stands(text, Deadline(20.0)) is False
