"""Listings as indexes: what is read, how long it serves, and when an emptiness is believed."""

import asyncio
from collections.abc import Sequence

import pytest

from dealerproxy.errors import Drift, TimedOut, UpstreamError, Warming
from dealerproxy.transport.deadline import Deadline
from dealerproxy.upstreams.danawa import index
from dealerproxy.upstreams.danawa.index import Brand, Indexes, PageRead
from dealerproxy.vehicles.listing import LeftOut, LeftOutReason

KIA = Brand("307")


def page(*numbers: int, cars: int | None = None, says_empty: bool = False) -> PageRead:
    rows = tuple(LeftOut(LeftOutReason.UNKNOWN_MODEL, str(number)) for number in numbers)
    return PageRead(rows, len(rows) if cars is None else cars, says_empty)


class Site:
    """Serves numbered cars thirty a page, and can be slow, failing or odd."""

    def __init__(self, cars: int = 0) -> None:
        self.cars, self.asked = cars, list[int]()
        self.error: UpstreamError | None = None
        self.odd: dict[int, PageRead] = {}
        self.gate = asyncio.Event()
        self.gate.set()
        self.now = 1000.0
        self.indexes = Indexes(self.read, now=lambda: self.now)

    async def read(self, brand: Brand, number: int) -> PageRead:
        self.asked.append(number)
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        first = (number - 1) * 30
        return self.odd.get(number) or page(*range(first, min(first + 30, self.cars)))

    async def ids(self) -> Sequence[str | None]:
        found, _ = await self.indexes.get(KIA, Deadline(5))
        return [entry.listing_id for entry in found.entries]


@pytest.mark.parametrize(("cars", "pages"), [(1, 1), (29, 1), (30, 2), (95, 4), (299, 10)])
async def test_pages_are_read_until_the_short_one(cars: int, pages: int) -> None:
    site = Site(cars)
    assert await site.ids() == [str(number) for number in range(cars)]
    assert set(range(1, pages + 1)) <= set(site.asked)
    assert len(site.asked) <= pages + index.SIDE_BY_SIDE


async def test_a_page_that_repeats_is_the_end() -> None:
    site = Site(60)
    site.odd = {number: page(*range(30, 60)) for number in range(3, 300)}
    assert len(await site.ids()) == 60
    assert max(site.asked) <= 2 + index.SIDE_BY_SIDE


async def test_a_brand_without_end_is_cut_at_the_page_limit() -> None:
    site = Site(1_000_000)
    assert len(await site.ids()) == index.MAX_PAGES * 30


async def test_an_index_is_fresh_ten_minutes_and_usable_two_hours() -> None:
    site = Site(10)
    await site.ids()
    site.now += index.FRESH_S - 1
    _, stale = await site.indexes.get(KIA, Deadline(5))
    assert (stale, site.asked) == (None, [1])
    site.now += 2
    site.gate.clear()
    kept, stale = await site.indexes.get(KIA, Deadline(5))
    assert (stale, len(kept.entries)) == ("refreshing", 10)
    site.gate.set()
    await asyncio.sleep(0.01)
    assert (await site.indexes.get(KIA, Deadline(5)))[1] is None
    assert site.asked == [1, 1]


async def test_a_failed_refresh_keeps_the_usable_index_and_backs_off() -> None:
    site = Site(10)
    await site.ids()
    site.now += index.FRESH_S + 1
    site.error = TimedOut("slow")
    for why in ("refreshing", "timed_out", "timed_out"):
        kept, stale = await site.indexes.get(KIA, Deadline(5))
        await asyncio.sleep(0.01)
        assert (stale, len(kept.entries)) == (why, 10)
    assert site.asked == [1, 1]
    site.now += index.USABLE_S
    with pytest.raises(TimedOut):
        await site.indexes.get(KIA, Deadline(5))


async def test_a_cold_index_is_waited_for_a_moment_and_read_on_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "WAIT_S", 0.02)
    site = Site(10)
    site.gate.clear()
    with pytest.raises(Warming) as caught:
        await site.indexes.get(KIA, Deadline(5))
    assert caught.value.retry_after_s == index.COME_BACK_S
    site.gate.set()
    await asyncio.sleep(0.01)
    assert len(await site.ids()) == 10
    assert site.asked == [1]


async def test_a_hundred_questions_read_a_listing_once() -> None:
    site = Site(10)
    answers = await asyncio.gather(*(site.ids() for _ in range(100)))
    assert {len(answer) for answer in answers} == {10}
    assert site.asked == [1]


async def test_an_emptiness_put_in_words_is_believed() -> None:
    site = Site()
    site.odd = {1: page(says_empty=True)}
    found, _ = await site.indexes.get(KIA, Deadline(5))
    assert (found.entries, found.confirmed) == ((), True)


async def test_an_emptiness_without_a_word_is_believed_only_where_it_fits() -> None:
    site = Site()
    with pytest.raises(Drift):
        await site.indexes.get(KIA, Deadline(5))
    site.now += index.BACK_OFF_S
    site.odd = {1: page(says_empty=True)}
    await site.indexes.get(KIA, Deadline(5))
    site.odd = {}
    site.now += index.USABLE_S
    with pytest.raises(Drift):  # nothing shows that the pages can be read at all
        await site.indexes.get(KIA, Deadline(5))
    site.cars = 5
    await site.indexes.get(Brand("303"), Deadline(5))
    site.cars = 0
    site.now += index.BACK_OFF_S
    found, _ = await site.indexes.get(KIA, Deadline(5))
    assert (found.entries, found.confirmed) == ((), False)


async def test_a_listing_kept_warm_is_read_before_anybody_asks_and_again_before_it_grows_stale() -> None:
    site = Site(10)
    rounds = 0

    async def sleep(seconds: float) -> None:
        nonlocal rounds
        rounds += 1
        site.now += seconds
        if site.now > 1000 + 3 * index.FRESH_S:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await site.indexes.keep_warm([KIA], sleep)
    # Three times ten minutes, each reading a minute early: never stale, and hardly more often than that.
    assert len(site.asked) == 4
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
    assert len(site.asked) == 5
