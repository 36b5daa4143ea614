"""Danawa's list read whole: what its end looks like, and when what came is not believed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy.transport.errors import Blocked, Drift, NotFound, ServerFault, TimedOut, UpstreamError
from dealerproxy.upstreams.danawa import whole
from dealerproxy.upstreams.danawa.whole import PageRead, WholeReader
from dealerproxy.vehicles.listing import LeftOut, LeftOutReason
from tests.support.clock import Clock
from tests.upstreams.danawa.listed import Site, car, page, sold

STRANGE = tuple(LeftOut(LeftOutReason.UNKNOWN_MODEL, str(number)) for number in range(11, 22))


async def numbers(site: Site, before: int | None = None) -> list[int]:
    return [car.number for car in (await WholeReader(site.read).read(before)).cars]


@given(cars=st.integers(1, 400))
async def test_pages_are_read_until_one_has_nothing_new(cars: int) -> None:
    site = Site(cars)
    assert await numbers(site) == list(range(1, cars + 1))
    pages = -(-cars // whole.CARS_A_PAGE)
    assert site.asked == sorted(set(site.asked))
    assert pages < len(site.asked) <= pages + whole.SIDE_BY_SIDE


async def test_short_pages_are_not_the_end() -> None:
    site = Site(100)
    site.odd = {2: page(*range(31, 60))}
    assert len(await numbers(site)) == 99
    small = Site()
    small.odd = {number: page(*range(20 * number, 20 * number + 20)) for number in range(1, 6)}
    assert len(await numbers(small)) == 100


async def test_each_car_comes_once_wherever_the_pages_repeat_it() -> None:
    site = Site()
    site.odd = {1: page(*range(1, 30), 29), 2: page(*range(30, 58), 5, 57), 3: page(58, 3)}
    assert await numbers(site) == list(range(1, 59))


async def test_what_fails_behind_the_end_does_not_matter() -> None:
    site = Site(70)
    site.errors = {5: NotFound("404"), 6: Drift("#usedcarList"), 7: Blocked("captcha")}
    assert len(await numbers(site)) == 70


@pytest.mark.parametrize("number", [1, 2, 4])
@pytest.mark.parametrize(
    "error", [ServerFault("status 500"), TimedOut("slow"), Drift("#usedcarList"), Blocked("x")], ids=repr
)
async def test_a_page_that_fails_fails_the_reading(number: int, error: UpstreamError) -> None:
    site = Site(150)
    site.errors = {number: error}
    with pytest.raises(type(error)):
        await numbers(site)


@pytest.mark.parametrize(("cars", "missing"), [(30, 2), (60, 3), (65, 4), (240, 9)])
async def test_pages_past_the_end_that_are_not_found_are_the_end(cars: int, missing: int) -> None:
    site = Site(cars)
    site.errors = dict.fromkeys(range(missing, 300), NotFound("404"))
    assert len(await numbers(site)) == cars


@pytest.mark.parametrize("after", [ServerFault("status 500"), TimedOut("slow"), Drift("x"), Blocked("x"), None])
async def test_a_page_that_is_not_found_before_others_that_are_not_is_no_end(after: UpstreamError | None) -> None:
    site = Site(300)
    site.errors = {2: NotFound("404")} | ({3: after} if after else {})
    with pytest.raises(NotFound):
        await numbers(site)


async def test_a_first_page_that_is_not_found_is_no_empty_list() -> None:
    site = Site()
    site.errors = {1: NotFound("404")}
    with pytest.raises(NotFound):
        await numbers(site)


@pytest.mark.parametrize("before", [None, 60])
async def test_a_last_page_that_comes_for_all_after_it_is_the_end(before: int | None) -> None:
    site = Site(60)
    site.odd = dict.fromkeys(range(3, 300), page(*range(31, 61)))
    assert len(await numbers(site, before)) == 60
    assert max(site.asked) <= 2 + whole.SIDE_BY_SIDE


@pytest.mark.parametrize("before", [None, 30, 400])
async def test_a_list_that_is_stuck_on_its_first_page_is_drift(before: int | None) -> None:
    site = Site(400)
    site.odd = dict.fromkeys(range(2, 300), page(*range(1, 31)))
    with pytest.raises(Drift, match="page 2 repeats an earlier page"):
        await numbers(site, before)


@pytest.mark.parametrize("again", [page(*range(1, 31)), page(*range(31, 61)), page()], ids=["first", "second", "none"])
async def test_a_page_that_repeats_or_is_empty_before_new_ones_is_drift(again: PageRead) -> None:
    site = Site(300)
    site.odd = {3: again}
    with pytest.raises(Drift, match="page 3 repeats cars"):
        await numbers(site)


async def test_a_list_that_goes_back_to_pages_long_before_is_drift() -> None:
    site = Site(400)
    site.odd = {number: page(*range(31, 61)) for number in range(6, 300)}
    with pytest.raises(Drift, match="page 6 repeats an earlier page"):
        await numbers(site)


async def test_cars_pushed_down_by_a_new_one_while_it_is_read_are_no_drift() -> None:
    site = Site(60)
    site.odd = {3: page(60)}
    assert len(await numbers(site)) == 60


@pytest.mark.parametrize(("before", "after"), [(400, 330), (60, 50), (5, 4), (0, 3), (100, 100), (100, 150), (30, 24)])
async def test_cars_that_are_sold_or_new_since_the_last_reading_are_no_drift(before: int, after: int) -> None:
    assert len(await numbers(Site(after), before)) == after


@pytest.mark.parametrize(("before", "after"), [(400, 300), (4_500, 30), (30, 23), (5, 3)])
async def test_a_list_that_lost_more_than_a_fifth_is_drift(before: int, after: int) -> None:
    with pytest.raises(Drift, match=f"shrunken to {after} cars from {before}"):
        await numbers(Site(after), before)


async def test_a_list_without_end_is_drift() -> None:
    site = Site(1_000_000)
    with pytest.raises(Drift, match="more than 500 pages"):
        await numbers(site)
    assert max(site.asked) == whole.MAX_PAGES


async def test_rows_without_a_number_keep_no_reading_going() -> None:
    site = Site()
    unreadable = LeftOut(LeftOutReason.UNREADABLE)
    site.odd = {1: page(*range(1, 31)), 2: page(unreadable, *range(31, 40))} | dict.fromkeys(
        range(3, 300), page(unreadable, *range(31, 40))
    )
    found = await WholeReader(site.read).read(None)
    assert (len(found.entries), found.left_out) == (40, {(LeftOutReason.UNREADABLE, None, None): 1})


async def test_names_nobody_knows_are_drift_and_not_a_list_without_cars() -> None:
    site = Site()
    site.odd = {1: page(*STRANGE, *range(100, 110))}
    with pytest.raises(Drift, match="11 of 21 names"):
        await numbers(site)
    site.odd = {1: page(*STRANGE, *range(100, 111))}
    assert len(await numbers(site)) == 11


async def test_what_stands_in_the_list_is_told_from_what_is_sold_or_not_offered() -> None:
    site = Site()
    dear = LeftOut(LeftOutReason.PLACEHOLDER_PRICE, "7", "K5", "Kia")
    other = LeftOut(LeftOutReason.OTHER_FEEDER, "99999999999999999999")
    site.odd = {1: page(car(3), sold(5), dear, other, 1)}
    found = await WholeReader(site.read).read(None)
    assert ([car.number for car in found.cars], found.listed) == ([3, 1], [1, 3, 7])
    assert found.left_out == {
        (LeftOutReason.SOLD_OR_RESERVED, "Kia", "K5"): 1,
        (LeftOutReason.PLACEHOLDER_PRICE, "Kia", "K5"): 1,
        (LeftOutReason.OTHER_FEEDER, None, None): 1,
    }


# A first page without cars


async def test_a_list_that_says_it_is_empty_is_believed_where_no_car_was_seen() -> None:
    found = await WholeReader(Site(0).read).read(None)
    assert found.entries == ()
    assert (await WholeReader(Site(0).read).read(0)).entries == ()


@pytest.mark.parametrize("before", [None, 0, 5])
async def test_a_first_page_without_cars_or_a_word_is_drift(before: int | None) -> None:
    site = Site()
    site.odd = {1: page()}
    with pytest.raises(Drift, match="does not say so"):
        await numbers(site, before)


async def test_a_list_that_says_it_is_empty_is_drift_where_the_last_one_had_cars() -> None:
    with pytest.raises(Drift, match="an empty list where there were cars"):
        await numbers(Site(0), 1)


@pytest.mark.parametrize(("later_s", "believed"), [(86_399.0, False), (86_401.0, True)])
async def test_a_list_that_says_it_is_empty_is_believed_a_day_after_the_last_car(
    later_s: float, *, believed: bool
) -> None:
    clock, site = Clock(), Site(5)
    reader = WholeReader(site.read, clock=clock)
    await reader.read(None)
    clock.at += later_s
    site.cars = 0
    if believed:
        assert (await reader.read(None)).entries == ()
    else:
        with pytest.raises(Drift, match="where there were cars"):
            await reader.read(None)


async def test_a_reading_is_as_old_as_its_beginning() -> None:
    clock, site = Clock(), Site(100)

    async def slow(number: int) -> PageRead:
        clock.at += 1.0
        return await site.read(number)

    assert (await WholeReader(slow, clock=clock).read(None)).read_at == 1_000.0
