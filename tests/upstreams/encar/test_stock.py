"""Encar's legs out of stock: what is read for them, and that they are answered as live legs would be."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy.cache.entries import CacheStatus
from dealerproxy.contract.answers import REFRESHING
from dealerproxy.contract.pricing import usd
from dealerproxy.search.plan import plan
from dealerproxy.search.query import parse
from dealerproxy.stock.rule import FRESH_S, WHOLE_S
from dealerproxy.stock.selecting import bounds_of
from dealerproxy.stock.shelf import USABLE_S, Shelf
from dealerproxy.transport.errors import Drift, Suspended, TimedOut, UpstreamError
from dealerproxy.upstreams.encar.index_stock import ListingKey
from dealerproxy.upstreams.encar.leg import EncarLeg
from dealerproxy.upstreams.encar.legs import plan_legs
from dealerproxy.upstreams.encar.makes import MakeReader
from dealerproxy.upstreams.encar.stock import EncarStock
from dealerproxy.upstreams.encar.whole import WholeReader
from dealerproxy.upstreams.off_sale import OffSale
from dealerproxy.upstreams.paging import Order
from dealerproxy.upstreams.query import FilterWords, Query, RowFilter
from dealerproxy.upstreams.stocked import StockedLeg
from dealerproxy.vehicles.listing import LeftOutReason
from dealerproxy.vocabulary import Vocabulary
from tests.support.clock import Clock
from tests.upstreams.encar.listing_site import FINE, Car, ListingSite, Trouble

SORENTO, K5 = ListingKey("기아", "쏘렌토"), ListingKey("기아", "K5")
MAKE = ListingKey("기아")
RATE = 1000.0


class Stocked:
    """Encar's stock over a site in memory."""

    def __init__(self, vocabulary: Vocabulary, cars: Sequence[Car]) -> None:
        self.vocabulary, self.site, self.clock = vocabulary, ListingSite(list(cars)), Clock()
        self.off_sale = OffSale(self.clock)
        self.trouble: UpstreamError | None = None
        self.listed: list[str] = []
        reader = WholeReader(self.site.search, vocabulary, self.off_sale, clock=self.clock)
        self.stock = EncarStock(
            reader,
            MakeReader(reader, self.site.facets, vocabulary),
            vocabulary,
            Shelf("encar", self.off_sale, max_bytes=50_000_000, clock=self.clock),
            trouble=lambda: self.trouble,
            fresh_s=60.0,
            listed=lambda entries, _: self.listed.extend(entry.listing_id or "" for entry in entries),
            clock=self.clock,
        )

    async def read(self, *keys: ListingKey) -> None:
        for key in keys:
            await self.stock.read(str(key))

    def leg(self, **params: str) -> tuple[EncarLeg, RowFilter]:
        query = parse({"upstream": ["encar"], **{name: [value] for name, value in params.items()}}, self.vocabulary)
        planned = plan(query, RATE, self.vocabulary, {"encar": plan_legs})
        leg, *_ = planned.legs  # the trucks of a make come last
        assert isinstance(leg, EncarLeg)
        return leg, planned.keep

    def ask(self, **params: str) -> StockedLeg | None:
        return self.stock.stocked(*self.leg(**params))

    def numbers(self, **params: str) -> list[int]:
        found = self.ask(**params)
        assert found is not None
        rows = found.rows(Order.PRICE_ASC)
        assert found.total == len(rows)
        return [int(row.listing_id) for row in rows.listings(0, len(rows))]

    def due(self, key: ListingKey) -> float:
        return self.stock.readings.demand(str(key)).spared


def sorentos(count: int, **facts: Any) -> list[Car]:
    return [Car(100 + i, price=1000 + i, modified=i, **facts) for i in range(count)]


async def test_a_group_is_answered_from_its_listing_and_from_its_make(vocabulary: Vocabulary) -> None:
    k5 = [Car(900 + i, price=500 + i, generation="K5 3세대", group="K5") for i in range(3)]
    stocked = Stocked(vocabulary, [*sorentos(4), *k5])
    assert stocked.ask(make="Kia", model="Sorento") is None
    await stocked.read(SORENTO)
    assert stocked.numbers(make="Kia", model="Sorento") == [100, 101, 102, 103]
    assert stocked.ask(make="Kia", model="K5") is None
    assert stocked.ask(make="Kia") is None
    await stocked.read(MAKE)
    assert stocked.numbers(make="Kia", model="K5") == [900, 901, 902]
    assert stocked.numbers(make="Kia") == [900, 901, 902, 100, 101, 102, 103]
    calls = len(stocked.site.calls)
    stocked.stock.shelf.remove(str(SORENTO))
    assert stocked.numbers(make="Kia", model="Sorento") == [100, 101, 102, 103]
    assert len(stocked.site.calls) == calls


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"fuel": "diesel"}, [1, 2]),
        ({"fuel": "gasoline"}, [3]),
        ({"transmission": "manual"}, [2]),
        ({"transmission": "auto"}, [1, 3, 4]),
        ({"year_min": "2022"}, [1, 3, 4]),
        ({"year_max": "2021"}, [2]),
        ({"mileage_max_km": "50000"}, [1, 2]),
        ({"price_max_usd": "11000"}, [1, 2]),
        ({"price_min_usd": "11001"}, [3, 4]),
        ({"price_min_usd": "11000", "price_max_usd": "12000"}, [2, 3]),
    ],
)
async def test_rows_are_filtered_as_the_site_would_and_what_a_row_does_not_say_matches_nothing(
    vocabulary: Vocabulary, filters: dict[str, str], expected: list[int]
) -> None:
    odd = {"FuelType": None, "Mileage": 90_000.0}
    cars = [
        Car(1, price=1000),
        Car(2, price=1100, extra=(("Transmission", "수동"), ("FormYear", "2021"), ("Year", 202_103.0))),
        Car(3, price=1200, extra=(("FuelType", "가솔린"), ("Mileage", 60_000.0))),
        Car(4, price=1300, extra=tuple(odd.items())),
    ]
    stocked = Stocked(vocabulary, cars)
    await stocked.read(SORENTO)
    assert stocked.numbers(make="Kia", model="Sorento", **filters) == expected


@given(
    low=st.none() | st.integers(0, 40_000),
    high=st.none() | st.integers(0, 40_000),
    rate=st.floats(800, 2000),
    prices=st.lists(st.integers(1, 5_000), min_size=1, max_size=30),
)
def test_dollar_bounds_in_won_hold_exactly_the_prices_that_round_into_them(
    vocabulary: Vocabulary, low: int | None, high: int | None, rate: float, prices: list[int]
) -> None:
    bounds = bounds_of(RowFilter(Query(price_min_usd=low, price_max_usd=high), FilterWords(), rate))
    for price in (10_000 * manwon for manwon in prices):
        dollars = usd(price, rate)
        within = (bounds.price_min_krw is None or price >= bounds.price_min_krw) and (
            bounds.price_max_krw is None or price <= bounds.price_max_krw
        )
        assert within == ((low is None or dollars >= low) and (high is None or dollars <= high))


async def test_what_is_left_out_and_sold_is_counted_and_never_shown(vocabulary: Vocabulary) -> None:
    cars = [*sorentos(5), Car(200, extra=(("SalesStatus", "CONTRACT"),)), Car(201, extra=(("SellType", "리스"),))]
    stocked = Stocked(vocabulary, cars)
    await stocked.read(SORENTO)
    stocked.off_sale.note("encar", "102", stocked.clock.at)
    found = stocked.ask(make="Kia", model="Sorento")
    assert found is not None
    assert stocked.numbers(make="Kia", model="Sorento") == [100, 101, 103, 104]
    assert found.left_out == {
        LeftOutReason.UNDER_CONTRACT: 1,
        LeftOutReason.LEASE_OR_RENT: 1,
        LeftOutReason.NOT_BUYABLE: 1,
    }


async def test_rows_that_are_shown_are_told_to_the_watch_for_missing_adverts(vocabulary: Vocabulary) -> None:
    stocked = Stocked(vocabulary, sorentos(3))
    await stocked.read(SORENTO)
    stocked.numbers(make="Kia", model="Sorento")
    assert stocked.listed == ["100", "101", "102"]


async def test_ages_are_told_as_they_are(vocabulary: Vocabulary) -> None:
    stocked = Stocked(vocabulary, sorentos(3))
    await stocked.read(SORENTO)

    def told(after_s: float) -> tuple[CacheStatus, str | None, float] | None:
        stocked.clock.at += after_s
        found = stocked.ask(make="Kia", model="Sorento")
        return None if found is None else (found.state, found.stale, found.fresh_for_s)

    assert told(0) == (CacheStatus.HIT, None, FRESH_S)
    assert told(FRESH_S - 1) == (CacheStatus.HIT, None, 1.0)
    assert told(1) == (CacheStatus.UPDATING, None, 0.0)
    assert told(WHOLE_S - FRESH_S) == (CacheStatus.UPDATING, REFRESHING, 0.0)
    stocked.trouble = Suspended("blocked", 60.0)
    assert told(0) == (CacheStatus.STALE, "suspended", 0.0)
    assert told(USABLE_S - WHOLE_S) is None


async def test_a_check_makes_a_listing_fresh_and_brings_what_is_new_or_changed(vocabulary: Vocabulary) -> None:
    stocked = Stocked(vocabulary, sorentos(40))
    await stocked.read(SORENTO)
    read_at = stocked.clock.at
    stocked.site.cars[3] = Car(103, price=9_000, modified=101)
    stocked.site.cars.append(Car(300, price=1, modified=100))
    stocked.clock.at += FRESH_S
    calls = len(stocked.site.calls)
    await stocked.stock.check(str(SORENTO))
    assert len(stocked.site.calls) == calls + 1
    numbers = stocked.numbers(make="Kia", model="Sorento")
    assert (numbers[0], numbers[-1], len(numbers)) == (300, 103, 41)
    found = stocked.ask(make="Kia", model="Sorento")
    assert found is not None
    assert (found.age_s, found.state) == (stocked.clock.at - read_at, CacheStatus.HIT)


async def test_a_check_that_finds_another_count_reads_everything(vocabulary: Vocabulary) -> None:
    stocked = Stocked(vocabulary, sorentos(100))
    await stocked.read(SORENTO)
    del stocked.site.cars[85:]
    stocked.site.cars += [Car(300 + i, price=5, modified=0) for i in range(60)]
    stocked.clock.at += FRESH_S
    await stocked.stock.check(str(SORENTO))
    assert len(stocked.numbers(make="Kia", model="Sorento")) == 145


@pytest.mark.parametrize("trouble", [Trouble(error=TimedOut("slow")), Trouble(kept=0.5), Trouble(empty=True)])
async def test_a_reading_that_fails_keeps_the_old_listing_and_tells_why(
    vocabulary: Vocabulary, trouble: Trouble
) -> None:
    stocked = Stocked(vocabulary, sorentos(40))
    await stocked.read(SORENTO)
    stocked.site.fail(trouble)
    stocked.clock.at += WHOLE_S
    with pytest.raises((TimedOut, Drift)) as caught:
        await stocked.read(SORENTO)
    found = stocked.ask(make="Kia", model="Sorento")
    assert found is not None
    assert (found.total, found.state, found.stale) == (40, CacheStatus.STALE, caught.value.code)
    stocked.site.fail(FINE)
    await stocked.read(SORENTO)
    again = stocked.ask(make="Kia", model="Sorento")
    assert again is not None
    assert (again.state, again.stale) == (CacheStatus.HIT, None)


async def test_colours_and_options_take_the_numbers_of_the_listing_searched_by_them(vocabulary: Vocabulary) -> None:
    stocked = Stocked(vocabulary, sorentos(6))
    await stocked.read(SORENTO)
    asked = {"make": "Kia", "model": "Sorento", "options_include": "sunroof,navigation"}
    assert stocked.ask(**asked) is None
    leg, _ = stocked.leg(**asked)
    sunroof, navigation = (SORENTO._replace(axis="Options", value=value) for value in leg.facets.options)
    stocked.site.cars = sorentos(6)[:4]
    await stocked.read(sunroof)
    assert stocked.ask(**asked) is None
    stocked.site.cars = sorentos(6)[2:]
    await stocked.read(navigation)
    assert stocked.numbers(**asked) == [102, 103]
    assert "Options" in stocked.site.calls[-1].q
    assert stocked.numbers(make="Kia", model="Sorento") == [100, 101, 102, 103, 104, 105]


async def test_rows_have_the_colour_that_a_search_by_colour_told(vocabulary: Vocabulary) -> None:
    stocked = Stocked(vocabulary, sorentos(4))
    await stocked.read(SORENTO)
    leg, _ = stocked.leg(make="Kia", model="Sorento", color="black")
    for value in leg.facets.colours:
        stocked.site.cars = sorentos(4)[:2] if value == leg.facets.colours[0] else []
        await stocked.read(SORENTO._replace(axis="Color", value=value))
    assert stocked.numbers(make="Kia", model="Sorento", color="black") == [100, 101]
    stocked.site.cars = sorentos(4)
    stocked.clock.at += 1
    await stocked.read(SORENTO)
    found = stocked.ask(make="Kia", model="Sorento")
    assert found is not None
    assert [row.colour for row in found.rows(Order.PRICE_ASC).listings(0, 4)] == ["Black", "Black", None, None]


async def test_a_leg_is_as_old_as_the_oldest_listing_that_it_takes(vocabulary: Vocabulary) -> None:
    stocked = Stocked(vocabulary, sorentos(4))
    asked = {"make": "Kia", "model": "Sorento", "options_include": "sunroof"}
    leg, _ = stocked.leg(**asked)
    await stocked.read(SORENTO._replace(axis="Options", value=leg.facets.options[0]))
    stocked.clock.at += 400
    await stocked.read(SORENTO)
    found = stocked.ask(**asked)
    assert found is not None
    assert (found.age_s, found.state) == (400, CacheStatus.UPDATING)


async def test_live_calls_count_toward_what_the_leg_lacked(vocabulary: Vocabulary) -> None:
    stocked = Stocked(vocabulary, sorentos(4))
    plain, _ = stocked.leg(make="Kia", model="Sorento")
    optional, _ = stocked.leg(make="Kia", model="Sorento", options_include="sunroof,navigation")
    stocked.stock.fetched(plain)
    stocked.stock.fetched(optional)
    assert stocked.due(SORENTO) == 2
    await stocked.read(SORENTO)
    before = stocked.due(SORENTO)
    stocked.stock.fetched(optional)
    assert stocked.due(SORENTO) == before
    assert [stocked.due(SORENTO._replace(axis="Options", value=value)) for value in optional.facets.options] == [1, 1]


async def test_only_what_the_cache_would_not_have_spared_counts_as_spared(vocabulary: Vocabulary) -> None:
    stocked = Stocked(vocabulary, sorentos(4))
    await stocked.read(SORENTO)
    for _ in range(3):
        stocked.ask(make="Kia", model="Sorento")
    stocked.ask(make="Kia", model="Sorento", sort="price_asc")
    assert stocked.stock.readings.spared == 2
    stocked.clock.at += 60
    stocked.ask(make="Kia", model="Sorento")
    assert stocked.stock.readings.spared == 3


async def test_models_with_cars_are_known_from_a_make_in_stock(vocabulary: Vocabulary) -> None:
    stocked = Stocked(vocabulary, sorentos(4))
    assert stocked.stock.groups_of("기아") is None
    await stocked.read(MAKE)
    assert stocked.stock.groups_of("기아") == frozenset({"쏘렌토"})


@pytest.mark.parametrize("key", [MAKE, SORENTO, SORENTO._replace(axis="Options", value="선루프")])
def test_a_key_survives_as_text(key: ListingKey) -> None:
    assert ListingKey.of(str(key)) == key
