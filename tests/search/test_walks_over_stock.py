"""A walk over legs in stock and legs asked live, which may change at every page."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dealerproxy.cache.entries import CacheResult, CacheStatus
from dealerproxy.contract.answers import VehicleList
from dealerproxy.contract.deadline import Deadline
from dealerproxy.contract.terms import Sort
from dealerproxy.stock.table import Bounds, Selection, build
from dealerproxy.transport.errors import TimedOut
from dealerproxy.upstreams.paging import CHUNK_ROWS, ORDER_KEYS, Order, digest
from dealerproxy.upstreams.query import RowFilter
from dealerproxy.upstreams.results import SitePlan
from dealerproxy.upstreams.stocked import StockedLeg
from dealerproxy.vehicles.listing import Chunk, Listing
from dealerproxy.vocabulary import Vocabulary
from tests.support.invented_site import (
    FIRST,
    SECOND,
    InventedLeg,
    InventedSite,
    car,
    invented_stock,
    search_over,
    stocked_car,
)


class Shelved(InventedSite):
    """A site whose rows are in stock or asked live, as `in_stock` says; live, rows of one key come in its own order."""

    in_stock = True
    fails = False

    def __init__(self, name: str, rows: Sequence[Listing], legs: int = 1) -> None:
        super().__init__(name)
        self.rows, self.legs = list(rows), legs
        self.planned = SitePlan([InventedLeg(name, str(leg), False) for leg in range(legs)])
        self.sort = Sort.PRICE_ASC

    def of(self, leg: InventedLeg) -> list[Listing]:
        return [row for row in self.rows if int(row.listing_id) % self.legs == int(leg.q)]

    async def stocked(
        self, leg: InventedLeg, keep: RowFilter, deadline: Deadline, *, bypass_cache: bool
    ) -> StockedLeg | None:
        if not self.in_stock:
            return None
        return invented_stock(self.of(leg), keep)

    async def chunk(
        self, leg: InventedLeg, index: int, deadline: Deadline, *, bypass_cache: bool
    ) -> CacheResult[Chunk]:
        if self.fails:
            raise TimedOut("too slow")
        key = ORDER_KEYS[Order.of(self.sort)]
        rows = sorted(self.of(leg), key=lambda row: (key(row), digest(row.listing_id)))
        start = index * CHUNK_ROWS
        chunk = Chunk(tuple(rows[start : start + CHUNK_ROWS]), len(rows), ended=start + CHUNK_ROWS >= len(rows))
        return CacheResult(chunk, 0.0, CacheStatus.HIT)


def listing(site: str, number: int, price: int, year: int = 2020, month: int = 1) -> Listing:
    return replace(car(site, number, price), year=year, registered=year * 100 + month, mileage_km=price)


class Page(NamedTuple):
    size: int
    in_stock: tuple[bool, bool]


def pages(
    vocabulary: Vocabulary, sites: Sequence[Shelved], script: Sequence[Page], sort: Sort
) -> Iterator[VehicleList]:
    """Walk to the end; after the script's pages the last one is repeated."""
    ask = search_over(vocabulary, *sites)
    cursor: dict[str, str] = {}
    for number in range(300):
        page = script[min(number, len(script) - 1)]
        for site, in_stock in zip(sites, page.in_stock, strict=True):
            site.in_stock, site.sort = in_stock, sort
        answer = ask(sort=sort, limit=str(page.size), **cursor)
        yield answer
        if answer.next_cursor is None:
            return
        cursor = {"cursor": answer.next_cursor}
    pytest.fail("the walk does not end")


def ids(answers: Sequence[VehicleList]) -> list[str]:
    return [row.id for answer in answers for row in answer.data]


def codes(answer: VehicleList) -> list[str]:
    return [notice.code for notice in answer.notices]


rows_of_two_sites = st.lists(
    st.tuples(st.integers(1, 9), st.integers(2018, 2021), st.integers(1, 3)), min_size=1, max_size=220
).map(
    lambda cars: [
        [listing(site, number, *facts) for number, facts in enumerate(cars, 1) if number % 2 == half]
        for half, site in enumerate((FIRST, SECOND))
    ]
)
# Each row has its own mileage, so that no two sites list one car.
scripts = st.lists(
    st.builds(Page, st.integers(5, 48), st.tuples(st.booleans(), st.booleans())), min_size=1, max_size=12
)


@given(
    cars=rows_of_two_sites, script=scripts, sort=st.sampled_from([Sort.PRICE_ASC, Sort.PRICE_DESC, Sort.MILEAGE_ASC])
)
def test_a_walk_that_switches_at_any_page_gives_each_row_exactly_once(
    vocabulary: Vocabulary, cars: list[list[Listing]], script: list[Page], sort: Sort
) -> None:
    sites = [Shelved(site, unique(rows), legs=2) for site, rows in zip((FIRST, SECOND), cars, strict=True)]
    answers = list(pages(vocabulary, sites, script, sort))
    given_out = ids(answers)
    assert sorted(given_out) == sorted(row.id for site in sites for row in site.rows)
    assert [code for answer in answers for code in codes(answer)] == []
    keys = [ORDER_KEYS[Order.of(sort)](row) for row in in_order(sites, given_out)]
    assert keys == sorted(keys)


@given(cars=rows_of_two_sites, script=scripts)
def test_a_live_walk_by_year_that_goes_on_in_stock_gives_each_row_exactly_once(
    vocabulary: Vocabulary, cars: list[list[Listing]], script: list[Page]
) -> None:
    sites = [Shelved(site, unique(rows), legs=2) for site, rows in zip((FIRST, SECOND), cars, strict=True)]
    script = [script[0]._replace(in_stock=(False, script[0].in_stock[1])), *script[1:]]
    answers = list(pages(vocabulary, sites, script, Sort.YEAR_DESC))
    assert sorted(ids(answers)) == sorted(row.id for site in sites for row in site.rows)
    assert {code for answer in answers for code in codes(answer)} == {"order_by_registration"}


@given(cars=rows_of_two_sites, size=st.integers(5, 48))
def test_a_walk_by_year_in_stock_is_ordered_by_model_year_as_a_whole(
    vocabulary: Vocabulary, cars: list[list[Listing]], size: int
) -> None:
    sites = [Shelved(site, unique(rows), legs=2) for site, rows in zip((FIRST, SECOND), cars, strict=True)]
    answers = list(pages(vocabulary, sites, [Page(size, (True, True))], Sort.YEAR_DESC))
    rows = in_order(sites, ids(answers))
    assert rows == sorted(rows, key=lambda row: (row.year, row.registered, int(row.listing_id)), reverse=True)
    assert len(rows) == sum(len(site.rows) for site in sites)
    assert [code for answer in answers for code in codes(answer)] == []


@given(
    cars=rows_of_two_sites,
    script=scripts,
    changes=st.lists(st.tuples(st.integers(1, 220), st.none() | st.integers(1, 9)), max_size=12),
    sort=st.sampled_from(Sort),
)
def test_a_walk_over_moving_rows_repeats_no_id_and_loses_no_row_that_stood_still(
    vocabulary: Vocabulary,
    cars: list[list[Listing]],
    script: list[Page],
    changes: list[tuple[int, int | None]],
    sort: Sort,
) -> None:
    sites = [Shelved(site, unique(rows), legs=2) for site, rows in zip((FIRST, SECOND), cars, strict=True)]
    standing = {row.id for site in sites for row in site.rows}
    answers: list[VehicleList] = []
    ended = False
    for number, answer in enumerate(pages(vocabulary, sites, script, sort)):
        answers.append(answer)
        ended |= "walk_ended" in codes(answer)
        if number < len(changes):
            which, price = changes[number]
            site = sites[which % 2]
            standing.discard(f"{FIRST if which % 2 == 0 else SECOND}_{which}")
            site.rows = [row for row in site.rows if row.listing_id != str(which)]
            if price is not None:
                site.rows.append(unique([listing(FIRST if which % 2 == 0 else SECOND, which, price)])[0])
    given_out = ids(answers)
    assert len(given_out) == len(set(given_out))
    assert ended or standing <= set(given_out)


def unique(rows: Sequence[Listing]) -> list[Listing]:
    """Give each row a price of its own beyond what sorts count, so that no car is listed twice."""
    return [replace(row, make=f"Make {row.listing_id}") for row in rows]


def in_order(sites: Sequence[Shelved], given_out: Sequence[str]) -> list[Listing]:
    rows = {row.id: row for site in sites for row in site.rows}
    return [rows[number] for number in given_out]


@pytest.mark.parametrize("back_live", [True, False])
def test_more_rows_of_one_key_than_are_remembered_are_passed_over_when_the_way_changes(
    vocabulary: Vocabulary, back_live: bool
) -> None:
    rows = [listing(FIRST, number, 5 if number <= 500 else 6) for number in range(1, 551)]
    sites = [Shelved(FIRST, unique(rows)), Shelved(SECOND, [])]
    script = [*[Page(48, (back_live, True))] * 9, Page(48, (not back_live, True))]
    answers = list(pages(vocabulary, sites, script, Sort.PRICE_ASC))
    given_out = ids(answers)
    assert len(given_out) == len(set(given_out))
    assert {f"{FIRST}_{number}" for number in range(501, 551)} <= set(given_out)
    assert [number for number, answer in enumerate(answers) if "walk_moved" in codes(answer)] == [9]


def test_a_walk_by_year_ends_with_a_notice_when_its_listing_is_not_kept_any_more(vocabulary: Vocabulary) -> None:
    rows = [listing(FIRST, number, number, 2020 - number % 3) for number in range(1, 60)]
    sites = [Shelved(FIRST, rows), Shelved(SECOND, [listing(SECOND, 1, 1, 2010)])]
    answers = list(pages(vocabulary, sites, [Page(20, (True, True)), Page(20, (False, True))], Sort.YEAR_DESC))
    assert [len(answer.data) for answer in answers] == [20, 1]
    assert [codes(answer) for answer in answers] == [[], ["walk_ended"]]


def test_a_leg_that_failed_live_gives_its_rows_from_stock_later(vocabulary: Vocabulary) -> None:
    sites = [
        Shelved(FIRST, [listing(FIRST, number, 1) for number in (1, 2)]),
        Shelved(SECOND, [listing(SECOND, number, number + 1) for number in range(1, 11)]),
    ]
    sites[0].fails = True
    answers = list(pages(vocabulary, sites, [Page(5, (False, True)), Page(20, (True, True))], Sort.PRICE_ASC))
    assert [source.status for source in answers[0].sources] == ["failed", "ok"]
    assert sorted(ids(answers)) == sorted(row.id for site in sites for row in site.rows)


def test_numbers_of_a_selection_are_found_whatever_is_asked_for() -> None:
    table = build(stocked_car(listing(FIRST, number, number % 3)) for number in range(20))
    rows = Selection(table, table.within(Bounds()), lambda _, __: []).rows(Order.PRICE_ASC)
    assert [key for key, _ in (*rows.places(0, 1), *rows.places(19, 20))] == [0, 2 * 10_000_000]
    assert rows.after(-1, 0) == 0
    assert rows.after(10**12, 0) == len(rows) == 20
    assert table.positions(np.array([3, 99, 7])).tolist() == [3, 7]
