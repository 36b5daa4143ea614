"""How a leg finds its place again when the upstream's rows moved under it."""

from typing import Any

import pytest
from msgspec.structs import replace

from dealerproxy.cache.entries import CacheResult, CacheStatus
from dealerproxy.contract.rate import Rate
from dealerproxy.search.cursor import LegCursor, Position, ReturnedIds
from dealerproxy.search.leg_reader import LegReader
from dealerproxy.upstreams.encar.leg import EncarLeg
from dealerproxy.upstreams.encar.rows import SearchTarget
from dealerproxy.upstreams.paging import CHUNK_ROWS, ORDER_KEYS, Order
from dealerproxy.vehicles.listing import Chunk, LeftOut, LeftOutReason, Listing
from tests.support import invented_site
from tests.support.invented_site import FIRST


def car(number: int, price: int) -> Listing:
    return replace(invented_site.car(FIRST, number, 1), price_krw=price)


def found(chunk: Chunk) -> CacheResult[Chunk]:
    return CacheResult(chunk, 0.0, CacheStatus.HIT)


class Upstream:
    """A list of rows that can change, cut into aligned chunks."""

    def __init__(self, rows: list[Listing | LeftOut]) -> None:
        self.rows = rows
        self.asked: list[int] = []

    def chunk(self, index: int) -> CacheResult[Chunk]:
        self.asked.append(index)
        offset = index * CHUNK_ROWS
        piece = tuple(self.rows[offset : offset + CHUNK_ROWS])
        return found(Chunk(piece, len(self.rows), ended=offset + CHUNK_ROWS >= len(self.rows)))


START = Position.start(b"", Rate(1000.0, "2026-04-15T00:00:00+09:00", "static"), 1)


class Walk:
    """Takes rows from a leg, page by page, remembering nothing but its place."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream, self.place = upstream, START

    @property
    def state(self) -> LegCursor:
        return self.place.legs[0]

    def take(self, count: int) -> list[int]:
        leg = EncarLeg("q", "PriceAsc", SearchTarget(None, "기아"))  # type: ignore[arg-type]
        seen = ReturnedIds(self.place.seen)
        reader = LegReader(leg, self.state, self.place, order=Order.PRICE_ASC, keep=lambda _: True, seen=seen)
        taken: list[int] = []
        keys: list[int] = []
        while len(taken) < count:
            while reader.wanted is not None:
                reader.offer(self.upstream.chunk(reader.wanted))
            if reader.next_row is None:
                break
            listing = reader.take()
            seen.add(listing.id)
            taken.append(int(listing.listing_id))
            keys.append(listing.price_krw)
        self.place = self.place.after(keys, lambda frontier: [reader.state(frontier)], bytes(seen))
        return taken


def rising(count: int) -> list[Any]:
    return [car(i, 1000 + i) for i in range(count)]


def test_a_still_list_is_read_once_chunk_by_chunk() -> None:
    upstream = Upstream(rising(100))
    walk = Walk(upstream)
    assert walk.take(48) + walk.take(48) + walk.take(48) == list(range(100))
    assert upstream.asked == [0, 1, 2]
    assert walk.state.ended


@pytest.mark.parametrize("inserted", [1, 30, 47, 48])
def test_rows_inserted_before_the_place_repeat_nothing_and_lose_nothing(inserted: int) -> None:
    upstream = Upstream(rising(100))
    walk = Walk(upstream)
    first = walk.take(20)
    upstream.rows[:0] = [car(900 + i, 1) for i in range(inserted)]
    assert first + walk.take(200) == list(range(100))


@pytest.mark.parametrize("removed", [1, 10, 19])
def test_rows_removed_before_the_place_lose_nothing_after_it(removed: int) -> None:
    upstream = Upstream(rising(200))
    walk = Walk(upstream)
    first = walk.take(60)
    del upstream.rows[:removed]
    assert first + walk.take(200) == list(range(200))


def test_rows_removed_so_many_that_the_place_is_a_chunk_earlier() -> None:
    upstream = Upstream(rising(200))
    walk = Walk(upstream)
    first = walk.take(60)
    del upstream.rows[:50]
    assert first + walk.take(200) == list(range(200))


def test_the_last_row_gone_goes_on_with_its_ties() -> None:
    upstream = Upstream([car(i, 1000) for i in range(40)])
    walk = Walk(upstream)
    first = walk.take(10)
    del upstream.rows[9]
    assert first + walk.take(100) == list(range(40))


def test_ties_shuffled_by_the_upstream_repeat_nothing() -> None:
    upstream = Upstream([car(i, 1000) for i in range(90)])
    walk = Walk(upstream)
    first = walk.take(30)
    upstream.rows.reverse()
    rest = walk.take(100)
    assert len(set(first + rest)) == len(first + rest)


def test_once_ids_are_forgotten_ties_of_a_lost_place_are_missed_rather_than_repeated() -> None:
    upstream = Upstream([car(i, 1000) for i in range(900)])
    walk = Walk(upstream)
    first = [number for _ in range(12) for number in walk.take(40)]
    upstream.rows[:] = [row for row in upstream.rows if row.listing_id != str(first[-1])]
    rest = walk.take(900)
    assert len(set(first + rest)) == len(first + rest)


def test_left_out_rows_keep_their_place_and_are_counted_once_a_page() -> None:
    rows: list[Any] = rising(10)
    rows[3] = LeftOut(LeftOutReason.UNDER_CONTRACT, "3")
    walk = Walk(Upstream(rows))
    assert walk.take(3) == [0, 1, 2]
    assert walk.state.offset == 4
    assert walk.take(100) == [4, 5, 6, 7, 8, 9]


def test_a_list_that_shrank_under_the_walk_ends() -> None:
    upstream = Upstream(rising(100))
    walk = Walk(upstream)
    walk.take(60)
    del upstream.rows[5:]
    assert walk.take(10) == []
    assert walk.state.ended


def test_keys_grow_along_every_order() -> None:
    cheap, dear = car(1, 10), car(2, 20)
    assert ORDER_KEYS[Order.PRICE_ASC](cheap) < ORDER_KEYS[Order.PRICE_ASC](dear)
    assert ORDER_KEYS[Order.PRICE_DESC](cheap) > ORDER_KEYS[Order.PRICE_DESC](dear)
    assert ORDER_KEYS[Order.REGISTERED](cheap) == -202001
    assert ORDER_KEYS[Order.YEAR](cheap) == -2020_202001
    assert ORDER_KEYS[Order.MILEAGE_ASC](cheap) == 1
