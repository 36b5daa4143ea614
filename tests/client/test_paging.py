"""The auction query of a partner who never named a source goes on paging, each auction row once."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy.client import DealerPart, InvalidRequest, Page, Row, Sort, VehicleList, merge, parse
from dealerproxy.client.errors import outage
from tests.client.conftest import MainApiHarness
from tests.client.test_merge import answer

values = st.none() | st.integers(1, 4) | st.just("odd")


class Auction:
    """The auction side: rows in an order of its own, an offset as its cursor, at most `most` rows a call."""

    def __init__(self, rows: Sequence[Row], most: int = 1000) -> None:
        self.rows, self.most = rows, most

    def page(self, limit: int, cursor: str | None) -> tuple[Sequence[Row], str | None]:
        start = int(cursor or 0)
        end = start + min(limit, self.most)
        return self.rows[start:end], str(end) if end < len(self.rows) else None


def walk(auction: Auction, dealer: Any, limits: Sequence[int], **params: str) -> list[Page]:
    """All pages; the limits are taken in turn, the last one for ever."""
    pages, cursor, remaining = list[Page](), dict[str, str](), list(limits)
    while True:
        limit = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        query = parse({"make": "Kia", "limit": str(limit), **params, **cursor})
        rows, following = auction.page(query.limit, query.params.get("cursor"))
        assert query.params.get("cursor") == query.cursor
        page = merge(query, rows, None if query.dealer is DealerPart.NONE else dealer, auction_cursor=following)
        assert len(page.data) <= limit
        pages.append(page)
        if page.next_cursor is None:
            return pages
        cursor = {"cursor": page.next_cursor}
        assert len(pages) <= 2 * len(auction.rows) + 2


def rows(numbers: Sequence[Any]) -> list[Row]:
    return [
        {
            "id": f"glovis_{place}",
            "source": "glovis",
            "year": number,
            "mileage_km": number,
            "auction_date": f"2026-04-{number:02d}" if isinstance(number, int) else number,
            "pricing": {"listing_price": number},
        }
        for place, number in enumerate(numbers)
    ]


@given(
    st.lists(values, max_size=40),
    st.integers(0, 12),
    st.lists(st.integers(1, 20), min_size=1, max_size=4),
    st.sampled_from(Sort),
    st.sampled_from([1000, 20]),
)
def test_a_walk_without_a_source_shows_each_auction_row_once_and_dealer_rows_on_the_first_page_alone(
    numbers: list[Any], dealer: int, limits: list[int], sort: Sort, most: int
) -> None:
    auction = Auction(rows(numbers), most)
    pages = walk(auction, answer(dealer, encar="ok"), limits, sort=sort)
    shown = [row["id"] for page in pages for row in page.data if row["source"] == "glovis"]
    assert sorted(shown) == sorted(row["id"] for row in auction.rows)
    assert all(row["source"] == "glovis" for page in pages[1:] for row in page.data)


@pytest.mark.parametrize("dealer", [outage("unreachable"), answer(0, encar="ok"), None])
def test_a_first_page_with_all_its_auction_rows_leads_on_by_the_auction_sides_own_cursor(
    dealer: VehicleList | None,
) -> None:
    pages = walk(Auction(rows([1] * 25)), dealer, [10])
    assert [len(page.data) for page in pages] == [10, 10, 5]
    assert [page.next_cursor for page in pages] == ["10", "20", None]


def test_the_page_after_a_mixed_one_is_full() -> None:
    pages = walk(Auction(rows([1] * 100)), answer(20, encar="ok"), [20])
    assert [len(page.data) for page in pages] == [20, 20, 20, 20, 20, 10]


def test_a_later_page_asks_nothing_of_the_dealer_side() -> None:
    for cursor in ("a", "auction:auction_date_asc:50:25"):
        query = parse({"make": "Kia", "cursor": cursor})
        assert (query.dealer, query.mixed, query.capped) == (DealerPart.NONE, False, False)


def test_the_cursor_of_another_sort_is_refused_and_one_that_only_looks_alike_is_the_auction_sides() -> None:
    with pytest.raises(InvalidRequest) as raised:
        parse({"make": "Kia", "sort": "price_asc", "cursor": "auction:auction_date_asc:50:25"})
    assert (raised.value.code, raised.value.details["field"]) == ("invalid_cursor", "cursor")
    for cursor in ("auction:auction_date_asc:50:50", "auction:auction_date_asc:201:5", "auction:auction_date_asc:5"):
        query = parse({"make": "Kia", "cursor": cursor})
        assert (query.cursor, query.limit, query.rest) == (cursor, 50, None)


async def test_a_partner_who_never_named_a_source_pages_on_through_the_main_api(house: MainApiHarness) -> None:
    whole = await house.curl("/v1/vehicles?source=glovis&make=Hyundai&limit=200")
    seen, cursor, pages = list[str](), "", 0
    while cursor is not None:
        page = await house.curl(f"/v1/vehicles?make=Hyundai&limit=8{cursor and f'&cursor={cursor}'}")
        assert house.status == 200
        seen += [row["id"] for row in page["data"] if row["source"] == "glovis"]
        assert any(row["source"] == "dealer" for row in page["data"]) is (pages == 0)
        cursor, pages = page["next_cursor"], pages + 1
    assert sorted(seen) == sorted(row["id"] for row in whole["data"])
    body = await house.curl("/v1/vehicles?source=glovis,dealer&make=Hyundai&cursor=x")
    assert body["error"]["code"] == "mixed_source_pagination_unsupported"
