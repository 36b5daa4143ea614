"""Auction data of any shape merges: nothing raises, no row is lost, and what cannot be read sorts last."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy.client import DealerUnavailable, FacetsAnswer, Sort, merge, merge_facets, merge_rows, parse
from dealerproxy.client.errors import outage

SEOUL = timezone(timedelta(hours=9))
UNREADABLE_DATES: list[object] = [
    "",
    " ",
    "2026/09/30",
    "soon",
    "30.09.2026",
    "2026-13-01",
    "\ud83d",
    20260930,
    1.5,
    True,
    [],
    {},
]
UNREADABLE_NUMBERS = ["", "12000", "12,000", "n/a", float("nan"), float("inf"), -float("inf"), 10**400, True, [], {}]
UNREADABLE_NUMBERS += [Decimal("NaN"), Decimal("sNaN"), 1j, b"12"]


class NoTime(datetime):
    """As libraries have it for a missing moment: a datetime whose time stamp is no number."""

    def timestamp(self) -> float:
        return float("nan")


UNREADABLE_DATES.append(NoTime(2026, 9, 30, tzinfo=UTC))
UNREADABLE_PRICINGS: list[object] = ["12000", 12_000, [], [{"listing_price": 1}], None, True, {}]

anything: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), st.binary(max_size=3),
        st.dates(), st.datetimes(), st.datetimes(timezones=st.just(UTC)), st.decimals(),
        st.sampled_from(["2026-09-30", "2026-09-30T13:00:00+09:00", "2026-09-30T13:00:00Z", *UNREADABLE_DATES]),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
odd_rows = anything | st.fixed_dictionaries(
    {},
    optional={
        "id": anything,
        "year": anything,
        "mileage_km": anything,
        "auction_date": anything,
        "pricing": anything | st.fixed_dictionaries({"listing_price": anything}),
    },
)


def row(**fields: Any) -> dict[str, Any]:
    return {"source": "glovis", "year": 2020, "mileage_km": 1, "pricing": {"listing_price": 1}, **fields}


def order(sort: Sort, *rows: Any) -> list[int]:
    """The places the rows had before they were sorted."""
    places = [id(one) for one in rows]
    return [places.index(id(one)) for one in merge_rows(sort, 200, rows, [])]


@pytest.fixture(params=["Asia/Seoul", "America/Los_Angeles", "UTC"])
def host_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(os.environ, "TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("odd", [*UNREADABLE_DATES, None])
def test_an_auction_date_that_cannot_be_read_sorts_last(odd: object) -> None:
    rows = [row(auction_date=odd), row(auction_date="2026-09-30T13:00:00+09:00"), row(auction_date="2026-09-29")]
    assert order(Sort.AUCTION_DATE_ASC, *rows) == [2, 1, 0]


@pytest.mark.parametrize("odd", UNREADABLE_NUMBERS)
@pytest.mark.parametrize("sort", [Sort.PRICE_ASC, Sort.PRICE_DESC, Sort.YEAR_DESC, Sort.MILEAGE_ASC])
def test_a_number_that_cannot_be_read_sorts_last_in_either_direction(sort: Sort, odd: object) -> None:
    def numbered(value: object) -> dict[str, Any]:
        return row(year=value, mileage_km=value, pricing={"listing_price": value})

    rising = sort in {Sort.PRICE_ASC, Sort.MILEAGE_ASC}
    found = order(sort, numbered(odd), numbered(9), numbered(Fraction(19, 2)), numbered(8.5), numbered(odd))
    assert found == [3, 1, 2, 0, 4] if rising else [2, 1, 3, 0, 4]


@pytest.mark.parametrize("odd", UNREADABLE_PRICINGS)
@pytest.mark.parametrize("sort", [Sort.PRICE_ASC, Sort.PRICE_DESC])
def test_a_pricing_without_a_readable_price_sorts_last(sort: Sort, odd: object) -> None:
    assert order(sort, row(pricing=odd), row()) == [1, 0]


@pytest.mark.parametrize("odd", [None, "car", 7, [], ["year", 2020], {}])
@pytest.mark.parametrize("sort", Sort)
def test_a_row_that_is_no_object_sorts_last_and_stays(sort: Sort, odd: Any) -> None:
    page = merge(parse({"make": "Kia", "sort": sort}), [odd, row(auction_date="2026-09-30")], outage("unreachable"))
    assert page.data == [row(auction_date="2026-09-30"), odd]


@pytest.mark.usefixtures("host_zone")
@pytest.mark.parametrize(
    "midnight_in_seoul",
    ["2026-09-30", "2026-09-30T00:00:00", date(2026, 9, 30), datetime(2026, 9, 30)],  # noqa: DTZ001
)
def test_a_date_without_an_offset_is_in_seoul_wherever_the_host_stands(midnight_in_seoul: object) -> None:
    before, after = "2026-09-29T23:59:59+09:00", "2026-09-29T15:00:01+00:00"
    rows = [row(auction_date=after), row(auction_date=midnight_in_seoul), row(auction_date=before)]
    assert order(Sort.AUCTION_DATE_ASC, *rows) == [2, 1, 0]


def test_a_datetime_sorts_at_its_moment_as_its_text_does() -> None:
    noon = datetime(2026, 9, 30, 12, tzinfo=SEOUL)
    rows = [row(auction_date=noon), row(auction_date="2026-09-30T02:59:00Z"), row(auction_date=noon.isoformat())]
    assert order(Sort.AUCTION_DATE_ASC, *rows) == [1, 0, 2]


@given(st.lists(odd_rows, max_size=12), st.sampled_from(Sort), st.integers(1, 12))
def test_no_auction_rows_raise_lose_a_row_or_change_the_order_of_another_try(
    rows: list[Any], sort: Sort, limit: int
) -> None:
    merged = merge_rows(sort, 200, rows, [])
    assert sorted(map(id, merged)) == sorted(map(id, rows))
    assert list(map(id, merge_rows(sort, 200, merged, []))) == list(map(id, merged))
    assert list(map(id, merge_rows(sort, limit, rows, []))) == list(map(id, merged[:limit]))


@given(
    st.permutations(range(6)), st.sampled_from([Sort.PRICE_ASC, Sort.PRICE_DESC]), st.sampled_from(UNREADABLE_NUMBERS)
)
def test_the_order_of_readable_rows_does_not_depend_on_where_an_unreadable_one_stands(
    numbers: list[int], sort: Sort, odd: object
) -> None:
    rows = [row(pricing={"listing_price": number}) for number in numbers]
    rows.insert(3, row(pricing={"listing_price": odd}))
    prices = [one["pricing"]["listing_price"] for one in merge_rows(sort, 200, rows, [])]
    assert prices[:6] == sorted(numbers, reverse=sort is Sort.PRICE_DESC)


DEALER = FacetsAnswer(
    makes=["Kia"],
    models={"Kia": ["K5"]},
    fuels=["diesel"],
    transmissions=["auto"],
    sources=["dealer"],
    as_of="2026-04-15T21:45:00+09:00",
)
ODD_LISTS: list[Any] = [None, [], [None], [1, {}, "Kia"], "Kia", 7, {}, True]


@pytest.mark.parametrize("odd", ODD_LISTS)
@pytest.mark.parametrize("name", ["makes", "models", "fuels", "transmissions", "sources"])
def test_facets_with_a_list_that_is_none_keep_the_dealer_sides_values(name: str, odd: object) -> None:
    merged = merge_facets((), {name: odd}, DEALER)
    values = merged[name]
    assert set(getattr(DEALER, name)) <= set(values) <= {*getattr(DEALER, name), "Kia"}
    assert all(isinstance(value, str) for value in values)


@pytest.mark.parametrize("odd", ODD_LISTS)
def test_facets_with_models_of_a_make_that_are_no_list_keep_the_dealer_sides_models(odd: object) -> None:
    assert "K5" in merge_facets((), {"models": {"Kia": odd, "BMW": odd, 7: odd}}, DEALER)["models"]["Kia"]


@pytest.mark.usefixtures("host_zone")
@pytest.mark.parametrize(
    ("ours", "shown"),
    [
        *((odd, DEALER.as_of) for odd in UNREADABLE_DATES),
        (None, DEALER.as_of),
        ("2026-04-15T21:44:59", "2026-04-15T21:44:59"),
        ("2026-04-15T21:45:01", DEALER.as_of),
        ("2026-04-15T12:44:59Z", "2026-04-15T12:44:59Z"),
        ("2026-04-15", "2026-04-15"),
    ],
)
def test_facets_are_as_old_as_their_older_readable_half(ours: object, shown: object) -> None:
    assert merge_facets((), {"as_of": ours}, DEALER)["as_of"] == shown


@given(
    st.dictionaries(st.sampled_from(["makes", "models", "fuels", "transmissions", "sources", "as_of"]), anything),
    st.sampled_from([(), ("dealer",), ("glovis", "dealer"), ("glovis",)]),
    st.sampled_from([DEALER, outage("unreachable"), None]),
)
def test_no_auction_facets_raise_unless_the_dealer_side_alone_was_asked_and_failed(
    auction: dict[str, Any], sources: tuple[str, ...], dealer: Any
) -> None:
    if sources == ("dealer",) and dealer is not DEALER:
        with pytest.raises(DealerUnavailable):
            merge_facets(sources, auction, dealer)
    else:
        merge_facets(sources, auction, dealer)


@pytest.mark.parametrize("odd", [None, 7, "rows", b"rows", {"data": []}, object()])
def test_an_auction_side_that_is_no_list_has_no_rows(odd: Any) -> None:
    page = merge(parse({"make": "Kia", "source": "glovis,dealer"}), odd, outage("unreachable"))
    assert list(page.data) == []
    assert merge_rows(Sort.PRICE_ASC, 10, odd, [row(year=2020)]) == [row(year=2020)]


def test_auction_rows_may_come_one_by_one() -> None:
    rows = [row(year=2020), row(year=2021)]
    assert merge_rows(Sort.YEAR_DESC, 10, (each for each in rows), []) == [rows[1], rows[0]]  # type: ignore[arg-type]


@pytest.mark.parametrize("odd", [None, [], "facets", 7])
def test_facets_of_an_auction_side_that_is_no_object_are_the_dealer_sides(odd: Any) -> None:
    assert merge_facets((), odd, DEALER)["makes"] == list(DEALER.makes)
