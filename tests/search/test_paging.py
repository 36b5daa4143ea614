"""Encar's chunks from a site that caps, repeats or miscounts: every row once, or drift, and never an invented total."""

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy.cache.cache import StaleCache
from dealerproxy.contract.deadline import Deadline
from dealerproxy.transport.errors import Drift
from dealerproxy.upstreams.encar.leg import EncarLeg
from dealerproxy.upstreams.encar.rows import SearchTarget
from dealerproxy.upstreams.encar.search import EncarChunks
from dealerproxy.upstreams.off_sale import OffSale
from dealerproxy.upstreams.paging import CHUNK_ROWS
from dealerproxy.vehicles.listing import Chunk
from dealerproxy.vocabulary import load

WORDS = load()
KIA = WORDS.find_make("Kia")
assert KIA is not None
LEG = EncarLeg("q", "PriceAsc", SearchTarget(KIA, "기아"))


def row(number: int) -> dict[str, Any]:
    return {
        "Id": str(40_000_000 + number),
        "Manufacturer": "기아",
        "Model": "K5 3세대",
        "Year": 202001.0,
        "FormYear": "2020",
        "Mileage": 10_000.0,
        "Price": 1000.0 + number,
    }


class Site:
    """A client of a site with so many rows; `count` and `place` bend what it says at an offset."""

    def __init__(self, rows: int, *, cap: int = 500, more: int = 0) -> None:
        self.rows, self.cap, self.more = [row(number) for number in range(rows)], cap, more
        self.count: Callable[[int], int] = lambda offset: len(self.rows)
        self.place: Callable[[int], int] = lambda offset: offset
        self.calls: list[tuple[int, int]] = []

    async def search(self, q: str, read: Callable[[bytes], Any], *, offset: int, limit: int, **_: object) -> Any:
        self.calls.append((offset, limit))
        start = self.place(offset)
        found = self.rows[start : start + min(limit + self.more, self.cap)]
        return read(orjson.dumps({"Count": self.count(offset), "SearchResults": found}))


async def chunks_of(site: Any) -> tuple[list[Chunk], bool]:
    """The chunks of a walk to its end, and whether it ended by drift."""
    off_sale = OffSale(lambda: 1000.0)
    source = EncarChunks(site, WORDS, StaleCache(), off_sale, fresh_s=300.0, deadline_s=8.0)
    chunks: list[Chunk] = []
    while not chunks or not chunks[-1].ended:
        assert len(chunks) < 50
        try:
            found = await source.chunk(LEG, len(chunks), Deadline(8.0), bypass_cache=False)
        except Drift:
            return chunks, True
        chunks.append(found.value)
    return chunks, False


def walk(site: Site) -> tuple[list[int], list[int | None], int, bool]:
    """The numbers of the rows that came, each chunk's total, how many are missing, and whether it ended by drift."""
    chunks, drifted = asyncio.run(chunks_of(site))
    ids = [int(entry.listing_id or 0) - 40_000_000 for chunk in chunks for entry in chunk.entries]
    return ids, [chunk.total for chunk in chunks], sum(chunk.missing for chunk in chunks), drifted


@pytest.mark.parametrize(("rows", "calls"), [(0, 1), (1, 1), (47, 1), (48, 1), (49, 2), (96, 2), (150, 4)])
def test_a_sound_site_is_asked_once_a_chunk(rows: int, calls: int) -> None:
    site = Site(rows)
    assert walk(site) == (list(range(rows)), [rows] * max(1, calls), 0, False)
    assert site.calls == [(index * CHUNK_ROWS, CHUNK_ROWS) for index in range(calls)]


@given(rows=st.integers(0, 200), cap=st.integers(1, 60), more=st.integers(0, 20))
def test_pages_of_any_size_give_each_row_once_and_the_sites_count(rows: int, cap: int, more: int) -> None:
    ids, totals, missing, drifted = walk(Site(rows, cap=cap, more=more))
    assert (ids, set(totals), missing, drifted) == (list(range(rows)), {rows}, 0, False)


@given(rows=st.integers(1, 200), cap=st.integers(1, 60), count=st.integers(0, 400))
def test_a_wrong_count_loses_no_row_that_it_does_not_deny(rows: int, cap: int, count: int) -> None:
    site = Site(rows, cap=cap)
    site.count = lambda offset: count
    ids, totals, missing, drifted = walk(site)
    assert ids == list(range(len(ids)))
    assert len(ids) in {rows, count}
    assert set(totals) <= {count, None}
    assert drifted or len(ids) + missing == max(count, rows) or count < rows


@given(
    rows=st.integers(120, 300),
    cap=st.integers(8, 60),
    repeated=st.integers(0, 40),
    frm=st.integers(41, 90),
    more=st.integers(0, 1),
)
def test_one_page_for_every_offset_is_drift(rows: int, cap: int, repeated: int, frm: int, more: int) -> None:
    site = Site(rows, cap=cap, more=more)
    site.place = lambda offset: repeated if offset >= frm else offset
    ids, totals, _, drifted = walk(site)
    assert drifted
    assert set(totals) <= {rows}
    assert len(site.calls) <= 2 * (200 // min(cap, CHUNK_ROWS) + 4)
    assert len(ids) <= 4 * CHUNK_ROWS


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("rows", [120, 2000])
def test_a_site_that_ignores_the_offset_costs_a_few_calls(rows: int, more: int) -> None:
    site = Site(rows, more=more)
    site.place = lambda offset: 0
    ids, totals, _, drifted = walk(site)
    assert (ids, totals, drifted, len(site.calls)) == (list(range(48)), [rows], True, 3)


def test_pages_that_take_turns_are_drift() -> None:
    site = Site(2000)
    site.place = lambda offset: offset % 96
    assert walk(site)[3]


@pytest.mark.parametrize("count", [0, 1, 48, 50, 95])
def test_a_count_that_breaks_down_without_rows_is_drift(count: int) -> None:
    site = Site(120)
    site.count = lambda offset: count if offset else 120
    site.place = lambda offset: offset if not offset else 1000
    ids, totals, _, drifted = walk(site)
    assert (len(ids), totals, drifted) == (48, [120], True)


def test_a_count_that_breaks_down_with_a_few_rows_is_drift() -> None:
    site = Site(400)
    site.count = lambda offset: 50 if offset else 400
    site.more = -46
    site.cap = 500
    chunks, drifted = asyncio.run(chunks_of(_Short(site)))
    assert (len(chunks), drifted) == (1, True)


class _Short:
    """Gives whole pages at the start and two rows after it."""

    def __init__(self, site: Site) -> None:
        self.site = site

    async def search(self, q: str, read: Callable[[bytes], Any], **asked: Any) -> Any:
        self.site.more = -asked["limit"] + 2 if asked["offset"] else 0
        return await self.site.search(q, read, **asked)


@given(rows=st.integers(49, 200), cap=st.integers(5, 60), counts=st.lists(st.integers(0, 300), min_size=1, max_size=9))
def test_whatever_the_counts_say_no_row_comes_twice_and_no_total_is_invented(
    rows: int, cap: int, counts: list[int]
) -> None:
    site = Site(rows, cap=cap)
    site.count = lambda offset: counts[len(site.calls) % len(counts)]
    ids, totals, _, _ = walk(site)
    assert ids == sorted(set(ids))
    assert set(totals) <= {*counts, None}


def test_rows_repeated_here_and_there_are_no_drift() -> None:
    site = Site(200)
    for at in range(60, 200, 6):
        site.rows[at] = site.rows[at - 50]
    ids, totals, missing, drifted = walk(site)
    assert (len(ids), set(totals), missing, drifted) == (200, {200}, 0, False)
