"""Listings as indexes: what is read, how long it serves, and when an emptiness is believed."""

import asyncio
from collections.abc import Sequence

import pytest

from dealerproxy.cache.cache import StaleCache
from dealerproxy.cache.entries import CacheResult, CacheStatus
from dealerproxy.contract.deadline import Deadline
from dealerproxy.transport.errors import Blocked, Drift, NotFound, ServerFault, TimedOut, UpstreamError, Warming
from dealerproxy.upstreams.danawa import index
from dealerproxy.upstreams.danawa.index import Brand, Index, Indexes, PageRead
from dealerproxy.vehicles.listing import LeftOut, LeftOutReason
from tests.support.flights import landed

KIA = Brand("307")


def page(*numbers: int, cars: int | None = None, says_empty: bool = False) -> PageRead:
    rows = tuple(LeftOut(LeftOutReason.SOLD_OR_RESERVED, str(number)) for number in numbers)
    return PageRead(rows, len(rows) if cars is None else cars, says_empty)


class Site:
    """Serves numbered cars thirty a page, and can be slow, failing or odd."""

    def __init__(self, cars: int = 0) -> None:
        self.cars, self.asked = cars, list[int]()
        self.error: UpstreamError | None = None
        self.odd: dict[int, PageRead] = {}
        self.errors: dict[int, UpstreamError] = {}
        self.gate = asyncio.Event()
        self.gate.set()
        self.now = 1000.0
        self.cache = StaleCache(clock=lambda: self.now)
        self.indexes = Indexes(self.read, self.cache, now=lambda: self.now)

    async def read(self, brand: Brand, number: int) -> PageRead:
        self.asked.append(number)
        await self.gate.wait()
        if self.error is not None or number in self.errors:
            raise self.error or self.errors[number]
        first = (number - 1) * 30
        return self.odd.get(number) or page(*range(first, min(first + 30, self.cars)))

    async def ids(self) -> Sequence[str | None]:
        return [entry.listing_id for entry in (await self.get()).value.entries]

    async def get(self) -> CacheResult[Index]:
        return await self.indexes.get(KIA, Deadline(5))


@pytest.mark.parametrize(("cars", "pages"), [(1, 1), (29, 1), (30, 1), (95, 4), (299, 10)])
async def test_pages_are_read_until_one_has_nothing_new(cars: int, pages: int) -> None:
    site = Site(cars)
    assert await site.ids() == [str(number) for number in range(cars)]
    assert set(range(1, pages + 2)) <= set(site.asked)
    assert len(site.asked) <= pages + (index.SIDE_BY_SIDE if cars >= 30 else 1)


async def test_a_short_page_in_the_middle_is_not_the_end() -> None:
    site = Site(100)
    site.odd = {2: page(*range(30, 59), cars=29)}
    assert len(await site.ids()) == 99
    small = Site()
    small.odd = {number: page(*range(20 * (number - 1), 20 * number)) for number in range(1, 6)}
    assert len(await small.ids()) == 100


async def test_what_fails_behind_the_end_does_not_matter() -> None:
    site = Site(70)
    site.errors = {5: NotFound("404"), 6: Drift("#usedcarList")}
    assert len(await site.ids()) == 70
    broken = Site(70)
    broken.errors = {2: ServerFault("status 500")}
    with pytest.raises(ServerFault):
        await broken.ids()


@pytest.mark.parametrize(("cars", "missing"), [(30, 2), (60, 3), (65, 4), (240, 9)])
async def test_a_page_past_the_end_that_is_not_found_is_the_end(cars: int, missing: int) -> None:
    site = Site(cars)
    site.errors = {number: NotFound("404") for number in range(missing, 300)}
    assert len(await site.ids()) == cars


@pytest.mark.parametrize(
    "after", [ServerFault("status 500"), TimedOut("slow"), Drift("#usedcarList"), Blocked("captcha"), None]
)
async def test_a_page_that_is_not_found_before_others_that_are_not_is_no_end(after: UpstreamError | None) -> None:
    site = Site(300)
    site.errors = {2: NotFound("404")} | ({3: after} if after else {})
    with pytest.raises(NotFound):
        await site.ids()


async def test_a_first_page_that_is_not_found_is_no_empty_listing() -> None:
    site = Site(0)
    site.errors = {number: NotFound("404") for number in range(1, 300)}
    with pytest.raises(NotFound):
        await site.ids()


async def test_a_listing_that_breaks_off_by_a_page_that_is_not_found_is_not_believed_to_have_shrunk() -> None:
    site = Site(300)
    assert len(await site.ids()) == 300
    site.now += index.FRESH_S + 1
    site.errors = {number: NotFound("404") for number in range(5, 300)}
    await site.get()
    await landed(site.cache)
    found = await site.get()
    assert (found.state, len(found.value.entries)) == (CacheStatus.STALE, 300)


async def test_rows_without_a_number_do_not_keep_a_reading_going() -> None:
    site = Site()
    last = PageRead((LeftOut(LeftOutReason.UNREADABLE), *page(*range(29)).entries), 30, says_empty=False)
    site.odd = dict.fromkeys(range(1, 300), last)
    assert len(await site.ids()) == 30
    assert len(site.asked) <= 1 + index.SIDE_BY_SIDE


async def test_names_nobody_knows_are_drift_and_not_a_listing_without_cars() -> None:
    site = Site()
    strange = (LeftOut(LeftOutReason.UNKNOWN_MODEL, str(number)) for number in range(11))
    site.odd = {1: PageRead((*strange, *page(*range(100, 110)).entries), 21, says_empty=False)}
    with pytest.raises(Drift, match="11 of 21 names"):
        await site.ids()


async def test_many_listings_are_read_two_at_a_time() -> None:
    site = Site(10)
    site.gate.clear()
    asking = [asyncio.create_task(site.indexes.get(Brand(str(code)), Deadline(5))) for code in range(300, 310)]
    await asyncio.sleep(0.01)
    assert site.asked == [1] * index.READINGS
    site.gate.set()
    assert len(await asyncio.gather(*asking)) == 10


async def test_a_page_that_repeats_is_the_end() -> None:
    site = Site(60)
    site.odd = {number: page(*range(30, 60)) for number in range(3, 300)}
    assert len(await site.ids()) == 60
    assert max(site.asked) <= 2 + index.SIDE_BY_SIDE


@pytest.mark.parametrize("odd", ["the first again", "rows seen before", "nothing"])
async def test_a_listing_that_suddenly_ends_early_is_drift_and_the_old_one_stays(odd: str) -> None:
    site = Site(400)
    assert len(await site.ids()) == 400
    site.now += index.FRESH_S + 1
    again = {"the first again": page(*range(30)), "rows seen before": page(*range(10, 30)), "nothing": page()}
    site.odd = dict.fromkeys(range(2, 300), again[odd])
    await site.get()
    await landed(site.cache)
    found = await site.get()
    assert (found.state, type(found.failure), len(found.value.entries)) == (CacheStatus.STALE, Drift, 400)
    site.now += index.USABLE_S
    assert len(await site.ids()) == 30


@pytest.mark.parametrize(("before", "after"), [(400, 330), (60, 50), (30, 2), (5, 1)])
async def test_cars_that_are_sold_between_two_readings_are_no_drift(before: int, after: int) -> None:
    site = Site(before)
    assert len(await site.ids()) == before
    site.now += index.FRESH_S + 1
    site.cars = after
    await site.get()
    await landed(site.cache)
    assert len(await site.ids()) == after


async def test_a_brand_without_end_is_cut_at_the_page_limit() -> None:
    site = Site(1_000_000)
    found = (await site.get()).value
    assert (len(found.entries), found.cut) == (index.MAX_PAGES * 30, True)


async def test_an_index_is_fresh_ten_minutes_and_usable_two_hours() -> None:
    site = Site(10)
    await site.ids()
    site.now += index.FRESH_S - 1
    assert ((await site.get()).state, site.asked) == (CacheStatus.HIT, [1, 2])
    site.now += 2
    site.gate.clear()
    found = await site.get()
    assert (found.state, found.age_s, len(found.value.entries)) == (CacheStatus.UPDATING, index.FRESH_S + 1, 10)
    site.gate.set()
    await landed(site.cache)
    assert (await site.get()).state is CacheStatus.HIT
    assert site.asked.count(1) == 2


async def test_a_failed_refresh_keeps_the_usable_index_and_backs_off() -> None:
    site = Site(10)
    await site.ids()
    site.now += index.FRESH_S + 1
    site.error = TimedOut("slow")
    for state, failure in (
        (CacheStatus.UPDATING, type(None)),
        (CacheStatus.STALE, TimedOut),
        (CacheStatus.STALE, TimedOut),
    ):
        found = await site.get()
        await landed(site.cache)
        assert (found.state, len(found.value.entries), type(found.failure)) == (state, 10, failure)
    assert site.asked.count(1) == 2
    site.now += index.USABLE_S
    with pytest.raises(TimedOut):
        await site.get()


async def test_a_cold_index_is_waited_for_a_moment_and_read_on_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "WAIT_S", 0.02)
    site = Site(10)
    site.gate.clear()
    with pytest.raises(Warming) as caught:
        await site.get()
    assert caught.value.retry_after_s == index.COME_BACK_S
    site.gate.set()
    await landed(site.cache)
    assert len(await site.ids()) == 10
    assert site.asked == [1, 2]


async def test_a_hundred_questions_read_a_listing_once() -> None:
    site = Site(10)
    answers = await asyncio.gather(*(site.ids() for _ in range(100)))
    assert {len(answer) for answer in answers} == {10}
    assert site.asked == [1, 2]


async def test_an_emptiness_put_in_words_is_believed() -> None:
    site = Site()
    site.odd = {1: page(says_empty=True)}
    found = (await site.get()).value
    assert (found.entries, found.confirmed) == ((), True)


async def test_an_emptiness_without_a_word_is_believed_only_where_it_fits() -> None:
    site = Site()
    with pytest.raises(Drift):
        await site.get()
    site.now += index.BACK_OFF_S
    site.odd = {1: page(says_empty=True)}
    await site.get()
    site.odd = {}
    site.now += index.USABLE_S
    with pytest.raises(Drift):  # nothing shows that the pages can be read at all
        await site.get()
    site.cars = 5
    await site.indexes.get(Brand("303"), Deadline(5))
    site.cars = 0
    site.now += index.BACK_OFF_S
    found = (await site.get()).value
    assert (found.entries, found.confirmed) == ((), False)


async def test_a_listing_kept_warm_is_read_before_anybody_asks_and_again_before_it_grows_stale() -> None:
    site = Site(10)
    rounds = 0

    async def sleep(seconds: float) -> None:
        nonlocal rounds
        rounds += 1
        site.now += seconds
        await landed(site.cache)
        if site.now > 1000 + 3 * index.FRESH_S:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await site.indexes.keep_warm([KIA], sleep)
    # Three times ten minutes, each reading a minute early: never stale, and hardly more often than that.
    assert site.asked.count(1) == 4
    assert rounds == 3 * index.FRESH_S / index.LOOK_EVERY_S + 1


async def test_a_listing_kept_warm_that_fails_is_tried_again_with_a_back_off() -> None:
    site = Site(10)
    site.error = TimedOut("slow")

    async def sleep(seconds: float) -> None:
        site.now += seconds
        if site.now > 1000 + 4 * index.BACK_OFF_S:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await site.indexes.keep_warm([KIA], sleep)
    assert site.asked.count(1) == 5
