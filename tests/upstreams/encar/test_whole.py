"""Encar's searches read whole: every car once, and never a listing that lacks cars unnoticed."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from dealerproxy.stock.table import StockedCar
from dealerproxy.transport.errors import Blocked, Drift, ServerFault, TimedOut, UpstreamError
from dealerproxy.transport.reading import CaptureReason, Reading, reading
from dealerproxy.transport.response import Response
from dealerproxy.upstreams.encar import whole
from dealerproxy.upstreams.encar.kinds import listing_of
from dealerproxy.upstreams.encar.query import Search
from dealerproxy.upstreams.encar.rows import SearchTarget
from dealerproxy.upstreams.encar.whole import PAGE_ROWS, WholeReader
from dealerproxy.upstreams.off_sale import OffSale
from dealerproxy.vehicles.listing import LeftOutReason, Listing
from dealerproxy.vocabulary import Vocabulary
from tests.support.clock import Clock
from tests.upstreams.encar.listing_site import FINE, Car, ListingSite, Trouble

SORENTOS = Search(make="기아", model_group="쏘렌토")
CONTRACT = (("SalesStatus", "CONTRACT"),)
NO_OFFERS: dict[LeftOutReason, tuple[tuple[str, Any], ...]] = {
    LeftOutReason.UNDER_CONTRACT: CONTRACT,
    LeftOutReason.LEASE_OR_RENT: (("SellType", "리스"),),
    LeftOutReason.PLACEHOLDER_MILEAGE: (("Mileage", 999999.0),),
}


@pytest.fixture(scope="module")
def sorento(vocabulary: Vocabulary) -> SearchTarget:
    kia = vocabulary.find_make("Kia")
    assert kia is not None
    return SearchTarget(kia, "기아", vocabulary.find_models(kia, "Sorento")[0])


def cars(count: int, *, first: int = 1, step: int = 1, **fields: Any) -> list[Car]:
    """So many cars, each a little dearer, the newest last."""
    return [Car(first + i, price=1000 + step * i, modified=i, **fields) for i in range(count)]


def reader(site: ListingSite, vocabulary: Vocabulary, off_sale: OffSale | None = None, **more: Any) -> WholeReader:
    return WholeReader(site.search, vocabulary, off_sale or OffSale(), **more)


Small = Callable[[int, int], None]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Small:
    """A site of small pages that gives few rows of a search."""

    def shrink(page: int, deepest: int) -> None:
        monkeypatch.setattr(whole, "PAGE_ROWS", page)
        monkeypatch.setattr(whole, "MAX_OFFSET", deepest)

    return shrink


@pytest.mark.parametrize("count", [0, 1, 7, 8, PAGE_ROWS - 1, PAGE_ROWS, PAGE_ROWS + 1, 1234])
@pytest.mark.parametrize("cap", [None, 20, 48, 200])
async def test_every_car_is_read_once_whatever_the_site_gives_in_a_page(
    vocabulary: Vocabulary, sorento: SearchTarget, count: int, cap: int | None
) -> None:
    site = ListingSite(cars(count), Trouble(cap=cap))
    listing = await reader(site, vocabulary).read_whole(SORENTOS, sorento)
    assert sorted(listing.rows) == [car.number for car in site.cars]
    assert (len(listing.cars), listing.total, listing.calls) == (count, count, len(site.calls))
    steps = cap or PAGE_ROWS
    assert len(site.calls) == max(1, -(-count // steps) + (count > 0))  # the last call finds nothing more
    assert [ask.offset for ask in site.calls[:-1]] == list(range(0, count, steps))
    assert {ask.sort for ask in site.calls} == {"PriceAsc"}


@pytest.mark.parametrize(("count", "calls"), [(3, 1), (500, 1), (501, 2), (1000, 2)])
async def test_a_count_from_elsewhere_spares_the_look_behind_the_last_row(
    vocabulary: Vocabulary, sorento: SearchTarget, count: int, calls: int
) -> None:
    site = ListingSite(cars(count))
    listing = await reader(site, vocabulary).read_whole(SORENTOS, sorento, expected=count)
    assert (listing.distinct, listing.calls) == (count, calls)


@pytest.mark.parametrize("expected", [0, 20, 29, 31, 40, 1000])
async def test_another_answer_that_counts_otherwise_spares_nothing_and_breaks_nothing(
    vocabulary: Vocabulary, sorento: SearchTarget, expected: int
) -> None:
    listing = await reader(ListingSite(cars(30)), vocabulary).read_whole(SORENTOS, sorento, expected=expected)
    assert (listing.distinct, listing.total) == (30, 30)
    assert listing.calls == (2 if 0.95 * expected > 30 else 1)


async def test_a_count_from_elsewhere_shows_that_a_site_counts_wrong_where_it_cuts(
    vocabulary: Vocabulary, sorento: SearchTarget
) -> None:
    site = ListingSite(cars(100), Trouble(cap=20, counted=20))
    with pytest.raises(Drift, match="20 counted, and 40 came"):
        await reader(site, vocabulary).read_whole(SORENTOS, sorento, expected=100)


async def test_the_page_size_is_learned(vocabulary: Vocabulary, sorento: SearchTarget) -> None:
    site = ListingSite(cars(130), Trouble(cap=48))
    learning = reader(site, vocabulary)
    assert learning.page_rows == PAGE_ROWS
    await learning.read_whole(SORENTOS, sorento)
    assert learning.page_rows == 48


@pytest.mark.parametrize("count", [100, 101, 199, 200, 350, 1000])
@pytest.mark.parametrize("step", [1, 0.05])
async def test_past_the_deepest_row_the_reading_goes_on_from_the_last_price(
    vocabulary: Vocabulary, sorento: SearchTarget, small: Small, count: int, step: float
) -> None:
    small(30, 100)
    stock = [Car(1 + i, price=1000 + step * i) for i in range(count)]
    site = ListingSite(stock)
    listing = await reader(site, vocabulary).read_whole(SORENTOS, sorento)
    assert sorted(listing.rows) == [car.number for car in stock]
    assert listing.total == count
    assert all(ask.offset + ask.limit <= 100 for ask in site.calls)


async def test_more_cars_of_one_price_than_the_site_gives_are_drift(
    vocabulary: Vocabulary, sorento: SearchTarget, small: Small
) -> None:
    small(30, 100)
    site = ListingSite([Car(number, price=1990) for number in range(1, 151)])
    with pytest.raises(Drift, match="without a higher price than 1990"):
        await reader(site, vocabulary).read_whole(SORENTOS, sorento)


async def test_rows_that_the_site_repeats_are_made_up_for_by_a_second_reading_in_parts(
    vocabulary: Vocabulary, sorento: SearchTarget, small: Small
) -> None:
    small(30, 10_000)
    site = ListingSite(cars(300), *[Trouble(doubled=5)] * 11, FINE)
    listing = await reader(site, vocabulary).read_whole(SORENTOS, sorento)
    assert (listing.distinct, listing.total) == (300, 300)
    assert any("Price.range" in ask.q for ask in site.calls)
    assert len(site.calls) <= 11 + 2 * 13


async def test_a_site_that_repeats_rows_in_the_second_reading_too_is_drift(
    vocabulary: Vocabulary, sorento: SearchTarget, small: Small
) -> None:
    small(30, 10_000)

    class Forgetful(ListingSite):
        """Shows the same cars in place of others under every query."""

        def _found(self, q: str, sort: str) -> list[Car]:
            found = super()._found(q, sort)
            return [car if car.number % 10 else Car(1, price=car.price) for car in found]

    with pytest.raises(Drift, match="270 different cars although 300 are counted"):
        await reader(Forgetful(cars(300)), vocabulary).read_whole(SORENTOS, sorento)


async def test_between_the_least_share_and_all_a_listing_is_whole(
    vocabulary: Vocabulary, sorento: SearchTarget
) -> None:
    site = ListingSite(cars(100))
    site.before_each = lambda call: site.cars.__delitem__(slice(97, None)) if call == 1 else None
    listing = await reader(ListingSite(cars(100), Trouble(cap=60, counted=100), FINE), vocabulary).read_whole(
        SORENTOS, sorento
    )
    assert listing.distinct == 100
    listing = await reader(site, vocabulary).read_whole(SORENTOS, sorento)
    assert listing.distinct == 100


TROUBLES = {
    "an earlier page again": Trouble(cap=20, repeat=True),
    "an earlier page again and again, one row each": Trouble(cap=1, repeat=True),
    "a count that is too small": Trouble(counted=3),
    "a count of none": Trouble(counted=0),
    "a count that is too large": Trouble(counted=300),
    "a count that is too small where pages are cut there": Trouble(cap=20, counted=20),
    "no rows": Trouble(empty=True),
    "rows without a mileage": Trouble(spoilt=3),
    "rows without an id": Trouble(spoilt=3, field="Id"),
    "most rows without a price": Trouble(spoilt=1, field="Price"),
}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
@pytest.mark.parametrize("after", [0, 1, 2])
async def test_a_page_that_does_not_fit_is_named_drift_and_captured(
    vocabulary: Vocabulary, sorento: SearchTarget, trouble: Trouble, after: int
) -> None:
    """The trouble begins with a later page, of a site that gives 40 rows at a time."""
    kept: list[CaptureReason] = []

    def capture(upstream: str, operation: str, url: URL, response: Response, reason: CaptureReason) -> str:
        kept.append(reason)
        return f"capture-{len(kept)}"

    site = ListingSite(cars(100), *[Trouble(cap=40)] * after, trouble._replace(cap=trouble.cap or 40))
    with reading(Reading("encar", "search", URL(), Response(0, {}, b""), capture)), pytest.raises(Drift) as raised:
        await reader(site, vocabulary).read_whole(SORENTOS, sorento)
    assert raised.value in kept
    assert raised.value.capture is not None
    assert len(site.calls) < 40


@pytest.mark.parametrize("error", [ServerFault("503"), Blocked("page"), TimedOut("late")], ids=type)
@pytest.mark.parametrize("after", [0, 2])
async def test_a_failed_call_fails_the_reading(
    vocabulary: Vocabulary, sorento: SearchTarget, error: UpstreamError, after: int
) -> None:
    site = ListingSite(cars(100), *[Trouble(cap=40)] * after, Trouble(error=error))
    with pytest.raises(type(error)):
        await reader(site, vocabulary).read_whole(SORENTOS, sorento)


@pytest.mark.parametrize(("count", "ok"), [(100, True), (81, True), (80, True), (79, False), (1, False), (0, False)])
async def test_a_listing_that_lost_more_than_a_fifth_is_drift(
    vocabulary: Vocabulary, sorento: SearchTarget, count: int, ok: bool
) -> None:
    read = reader(ListingSite(cars(count)), vocabulary).read_whole(SORENTOS, sorento, before=100)
    if ok:
        assert (await read).distinct == count
        return
    with pytest.raises(Drift, match=f"shrunken to {count} cars from 100"):
        await read


async def test_rows_that_are_no_offer_are_left_out_with_their_reason_and_those_under_contract_noted(
    vocabulary: Vocabulary, sorento: SearchTarget
) -> None:
    stock = cars(30) + [
        car for place, extra in enumerate(NO_OFFERS.values(), 1) for car in cars(place, first=1000 * place, extra=extra)
    ]
    clock, off_sale = Clock(), OffSale()
    listing = await reader(ListingSite(stock), vocabulary, off_sale, clock=clock).read_whole(SORENTOS, sorento)
    assert sorted(car.number for car in listing.cars) == list(range(1, 31))
    assert listing.left_out == Counter({reason: place for place, reason in enumerate(NO_OFFERS, 1)})
    assert (listing.distinct, listing.total) == (36, 36)
    assert off_sale.since("encar", "1000", clock.at - 1.0) is not None
    assert off_sale.since("encar", "2000", clock.at - 1.0) is None


async def test_a_car_that_comes_under_contract_while_the_listing_is_read_is_not_for_sale(
    vocabulary: Vocabulary, sorento: SearchTarget
) -> None:
    """The site repeats rows, so a car may come twice."""
    site = ListingSite(cars(60), Trouble(cap=40), Trouble(doubled=3))
    site.before_each = lambda call: site.cars.__setitem__(0, Car(1, 1000, extra=CONTRACT)) if call == 1 else None
    listing = await reader(site, vocabulary).read_whole(SORENTOS, sorento)
    assert 1 not in {car.number for car in listing.cars}


def troubles(cars_for_sale: int) -> st.SearchStrategy[Trouble]:
    counts = st.none() | st.integers(0, 2 * cars_for_sale)
    return st.one_of(
        st.just(FINE),
        st.builds(
            Trouble,
            error=st.none(),
            cap=st.none() | st.integers(1, 30),
            counted=counts,
            repeat=st.booleans(),
            doubled=st.integers(0, 4),
            empty=st.booleans(),
            kept=st.sampled_from((1.0, 1.0, 0.9, 0.5, 0.0)),
            spoilt=st.none() | st.integers(1, 8),
            field=st.sampled_from(("Id", "Price", "SalesStatus", "SellType", "Model")),
        ),
        st.integers(1, 30).map(Trouble),
        st.tuples(st.integers(1, 30), counts).map(lambda parts: Trouble(*parts)),
    )


@settings(max_examples=200)
@given(st.data(), st.integers(0, 60), st.integers(0, 12))
def test_no_sequence_of_faults_gives_a_listing_that_lacks_cars_or_shows_one_that_is_not_for_sale(
    vocabulary: Vocabulary, sorento: SearchTarget, data: st.DataObject, offers: int, others: int
) -> None:
    no_offers = [car for extra in NO_OFFERS.values() for car in cars(others // 3, extra=extra)]
    stock = cars(offers) + [car._replace(number=1000 + place) for place, car in enumerate(no_offers)]
    sequence = data.draw(st.lists(troubles(len(stock)), min_size=1, max_size=6))
    site = ListingSite(stock, *sequence)
    reading_it = reader(site, vocabulary).read_whole(SORENTOS, sorento, before=len(stock), expected=None)
    try:
        listing = asyncio.run(reading_it)
    except Drift:
        return
    for_sale = {car.number for car in listing.cars}
    assert for_sale <= set(range(1, offers + 1))
    # A site whose pages all count too few cars, or lack less than a fifth, cannot be told from a smaller one.
    told_less = any(trouble.counted is not None or trouble.kept < 1.0 for trouble in sequence)
    assert len(stock) - listing.distinct <= (0.2 if told_less else 0.05) * len(stock)


@settings(max_examples=200)
@given(st.integers(1, 60), st.lists(st.integers(1, 70), min_size=1, max_size=8), st.data())
def test_a_wrong_count_and_cut_pages_never_hide_cars(
    vocabulary: Vocabulary, sorento: SearchTarget, total: int, caps: list[int], data: st.DataObject
) -> None:
    """Without an earlier reading to compare with."""
    counts = data.draw(st.lists(st.none() | st.integers(0, 2 * total), min_size=len(caps), max_size=len(caps)))
    sequence = [Trouble(cap=cap, counted=count) for cap, count in zip(caps, counts, strict=True)]
    site = ListingSite(cars(total), *sequence)
    try:
        listing = asyncio.run(reader(site, vocabulary).read_whole(SORENTOS, sorento))
    except Drift:
        return
    assert total - listing.distinct <= 0.05 * total


async def test_a_check_reads_the_newest_until_a_page_has_nothing_new(
    vocabulary: Vocabulary, sorento: SearchTarget
) -> None:
    site = ListingSite(cars(1000))
    checking = reader(site, vocabulary)
    known = {car.number: car for car in (await checking.read_whole(SORENTOS, sorento)).cars}
    site.calls.clear()

    def is_known(car: StockedCar) -> bool:
        return known.get(car.number) == car

    checked = await checking.check(SORENTOS, sorento, is_known)
    assert (checked.cars, checked.total, checked.calls, checked.settled) == ([], 1000, 1, True)
    site.cars += [Car(5000 + i, price=1500, modified=2000 + i) for i in range(3)]
    site.cars[7] = site.cars[7]._replace(price=900, modified=3000)
    checked = await checking.check(SORENTOS, sorento, is_known)
    assert [car.number for car in checked.cars] == [8, 5002, 5001, 5000]
    assert (checked.total, checked.calls, checked.settled) == (1003, 2, True)
    assert {ask.sort for ask in site.calls} == {"ModifiedDate"}


@pytest.mark.parametrize("cap", [None, 20])
async def test_a_check_that_finds_too_much_is_not_settled(
    vocabulary: Vocabulary, sorento: SearchTarget, cap: int | None
) -> None:
    site = ListingSite(cars(2000), Trouble(cap=cap))
    checked = await reader(site, vocabulary).check(SORENTOS, sorento, lambda car: False)
    assert (checked.settled, checked.calls) == (False, whole.CHECK_PAGES)


async def test_a_check_of_a_small_listing_ends_with_its_last_row(vocabulary: Vocabulary, sorento: SearchTarget) -> None:
    checked = await reader(ListingSite(cars(30)), vocabulary).check(SORENTOS, sorento, lambda car: False)
    assert (len(checked.cars), checked.settled, checked.calls) == (30, True, 1)


async def test_a_check_notes_cars_under_contract_and_does_not_offer_them(
    vocabulary: Vocabulary, sorento: SearchTarget
) -> None:
    off_sale = OffSale()
    site = ListingSite([Car(1), Car(2, extra=CONTRACT)])
    checked = await reader(site, vocabulary, off_sale).check(SORENTOS, sorento, lambda car: False)
    assert [car.number for car in checked.cars] == [1]
    assert off_sale.since("encar", "2", 0.0) is not None


@pytest.mark.parametrize("trouble", [Trouble(empty=True), Trouble(counted=0)], ids=["empty", "count"])
async def test_a_check_whose_page_does_not_fit_is_drift(
    vocabulary: Vocabulary, sorento: SearchTarget, trouble: Trouble
) -> None:
    with pytest.raises(Drift):
        await reader(ListingSite(cars(50), trouble), vocabulary).check(SORENTOS, sorento, lambda car: True)


async def test_the_loop_runs_between_slices_of_a_page(vocabulary: Vocabulary, sorento: SearchTarget) -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(others())
    await reader(ListingSite(cars(500)), vocabulary).read_whole(SORENTOS, sorento, expected=500)
    beside.cancel()
    assert turns >= 500 // whole.SLICE_ROWS


async def test_a_reading_that_is_cancelled_gives_nothing(vocabulary: Vocabulary, sorento: SearchTarget) -> None:
    site, third = ListingSite(cars(100), Trouble(cap=10)), asyncio.Event()
    site.before_each = lambda call: third.set() if call == 3 else None
    task = asyncio.create_task(reader(site, vocabulary).read_whole(SORENTOS, sorento))
    await third.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_cars_read_whole_are_shown_as_live_ones(vocabulary: Vocabulary, sorento: SearchTarget) -> None:
    listing = await reader(ListingSite([Car(49000001, price=3050)]), vocabulary).read_whole(SORENTOS, sorento)
    shown = listing_of(listing.cars[0], vocabulary)
    assert isinstance(shown, Listing)
    assert (shown.listing_id, shown.make, shown.model, shown.price_krw) == ("49000001", "Kia", "Sorento", 30_500_000)
