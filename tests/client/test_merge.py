"""Merging two halves: no row lost or doubled, never more than the limit, one order for all of them."""

import itertools
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from dealerproxy.client import (
    DealerError,
    DealerUnavailable,
    FacetsAnswer,
    InvalidRequest,
    Row,
    Sort,
    VehicleList,
    VehicleNotFound,
    merge,
    merge_facets,
    merge_rows,
    parse,
    split,
)
from dealerproxy.client.errors import outage, refused
from dealerproxy.contract.answers import FxShown, SourceState, Status
from dealerproxy.contract.errors import Issue
from dealerproxy.contract.pricing import dealer_pricing
from dealerproxy.contract.summary import VehicleSummary

limits = st.integers(1, 200)
# Few values, so that ties and nulls are common; dates in two offsets, of which one is a moment of the other.
dates = st.sampled_from([None, "2026-04-18T13:00:00+09:00", "2026-04-18T06:00:00+02:00", "2026-04-19T09:00:00+09:00"])
numbers = st.one_of(st.none(), st.integers(1, 4))


@st.composite
def halves(draw: st.DrawFn, most: int = 60) -> tuple[list[Row], list[Row]]:
    def rows(kind: str, date: st.SearchStrategy[str | None]) -> list[Row]:
        return [
            {
                "id": f"{kind}_{number}",
                "source": kind,
                "year": draw(numbers),
                "mileage_km": draw(numbers),
                "auction_date": draw(date),
                "pricing": {"listing_price": draw(numbers)},
            }
            for number in range(draw(st.integers(0, most)))
        ]

    return rows("glovis", dates), rows("dealer", st.none())


def dealer_row(number: int, **changes: Any) -> VehicleSummary:
    fields: dict[str, Any] = {
        "id": f"encar_{number}",
        "make": "Kia",
        "model": "K5",
        "trim": None,
        "year": 2015 + number % 10,
        "mileage_km": 1000 * number,
        "fuel": None,
        "transmission": None,
        "color": None,
        "engine_cc": None,
        "drivetrain": None,
        "thumbnail_url": None,
        "pricing": dealer_pricing(10_000_000 + number, 1000.0, "Kia", None),
    }
    return VehicleSummary(**fields | changes)


def answer(
    rows: int = 0, *, cursor: str | None = None, hidden: Any = UNSET, reason: str | None = None, **statuses: str
) -> VehicleList:  # fmt: skip
    return VehicleList(
        data=[dealer_row(number) for number in range(1, rows + 1)],
        next_cursor=cursor,
        sources=[SourceState(name=name, status=Status(status), reason=reason) for name, status in statuses.items()],
        fx=FxShown(1000.0, "2026-04-15T21:50:00+09:00", "static"),
        notices=(),
        filtered_out=hidden,
    )


def auction(count: int) -> list[Row]:
    return [
        {"id": f"glovis_{number}", "year": 2020, "auction_date": f"2026-04-{number:02d}T09:00:00+09:00"}
        for number in range(1, count + 1)
    ]


def asked(**params: str) -> Any:
    return parse(params)


@given(halves(), limits, st.sampled_from(Sort))
def test_no_row_is_lost_or_doubled_and_never_more_than_the_limit_shown(
    rows: tuple[list[Row], list[Row]], limit: int, sort: Sort
) -> None:
    merged = [row["id"] for row in merge_rows(sort, limit, *rows)]
    given_ids = [row["id"] for half in rows for row in half]
    assert len(merged) == min(limit, len(given_ids))
    assert len(set(merged)) == len(merged)
    assert set(merged) <= set(given_ids)


@given(limits, st.integers(0, 300), st.integers(0, 48))
def test_each_half_has_its_half_of_the_limit_and_what_the_other_cannot_fill(
    limit: int, auction_rows: int, dealer_rows: int
) -> None:
    of_auction, of_dealer = split(limit, auction_rows, dealer_rows)
    assert of_auction + of_dealer == min(limit, auction_rows + dealer_rows)
    assert min(auction_rows, limit - limit // 2) <= of_auction <= auction_rows
    assert min(dealer_rows, limit // 2) <= of_dealer <= dealer_rows


@pytest.mark.parametrize(
    ("limit", "auction_rows", "dealer_rows", "shown"),
    [
        (50, 50, 48, (25, 25)),
        (5, 9, 9, (3, 2)),  # the odd one is an auction car
        (1, 9, 9, (1, 0)),
        (1, 0, 9, (0, 1)),
        (50, 10, 48, (10, 40)),
        (50, 50, 3, (47, 3)),
        (200, 200, 48, (152, 48)),  # a dealer page holds 48, so it cannot fill its hundred
        (50, 0, 0, (0, 0)),
    ],
)
def test_the_split_in_numbers(limit: int, auction_rows: int, dealer_rows: int, shown: tuple[int, int]) -> None:
    assert split(limit, auction_rows, dealer_rows) == shown


def value(row: Row, sort: Sort) -> int | None:
    number: int | None
    match sort:
        case Sort.PRICE_ASC | Sort.PRICE_DESC:
            number = row["pricing"]["listing_price"]
        case Sort.MILEAGE_ASC:
            number = row["mileage_km"]
        case _:
            number = row["year"]
    return number


@given(halves(), limits, st.sampled_from([sort for sort in Sort if sort is not Sort.AUCTION_DATE_ASC]))
def test_any_other_sort_is_one_order_over_both_halves_with_nulls_last_and_stable_ties(
    rows: tuple[list[Row], list[Row]], limit: int, sort: Sort
) -> None:
    everything = [*rows[0], *rows[1]]
    merged = merge_rows(sort, len(everything) or 1, *rows)
    places = {row["id"]: place for place, row in enumerate(everything)}
    for one, next_one in itertools.pairwise(merged):
        first, second = value(one, sort), value(next_one, sort)
        if first == second:
            assert places[one["id"]] < places[next_one["id"]]
        elif first is None or second is None:
            assert second is None
        else:
            assert (first > second) == (sort in {Sort.PRICE_DESC, Sort.YEAR_DESC})
    assert merge_rows(sort, limit, *rows) == merged[:limit]


@given(halves(), limits)
def test_the_default_sort_shows_auction_rows_by_date_then_dealer_rows_newest_first(
    rows: tuple[list[Row], list[Row]], limit: int
) -> None:
    merged = merge_rows(Sort.AUCTION_DATE_ASC, limit, *rows)
    kinds = [row["source"] for row in merged]
    assert kinds == sorted(kinds, key=["glovis", "dealer"].index)
    dates = [row["auction_date"] for row in merged if row["source"] != "dealer"]
    moments = [datetime.fromisoformat(date) for date in dates if date is not None]
    assert moments == sorted(moments)
    assert None not in dates[: len(moments)]
    years = [row["year"] for row in merged if row["source"] == "dealer"]
    assert years == sorted(years, key=lambda year: (year is None, -(year or 0)))


@given(halves(), limits, st.sampled_from(Sort))
def test_rows_that_come_sorted_keep_their_order_within_their_half(
    rows: tuple[list[Row], list[Row]], limit: int, sort: Sort
) -> None:
    once = (merge_rows(sort, 200, rows[0], []), merge_rows(sort, 200, [], rows[1]))
    merged = merge_rows(sort, limit, *once)
    for half in once:
        ids = [row["id"] for row in half]
        assert [row["id"] for row in merged if row["id"] in ids] == ids[: sum(row["id"] in ids for row in merged)]


def test_a_mixed_page_has_plain_rows_of_both_kinds_and_no_next_page() -> None:
    page = merge(
        asked(source="glovis,dealer", make="Kia"), auction(3), answer(2, cursor="c", encar="ok"), auction_cursor="a"
    )
    assert [row["id"] for row in page.data] == ["glovis_1", "glovis_2", "glovis_3", "encar_2", "encar_1"]
    assert all(type(row) is dict for row in page.data)
    assert page.next_cursor is None


def test_a_page_of_one_kind_leads_on() -> None:
    dealer_page = merge(asked(source="dealer", make="Kia"), [], answer(2, cursor="c", encar="ok"))
    auction_page = merge(asked(source="glovis"), auction(3), None, auction_cursor="a")
    assert (dealer_page.next_cursor, auction_page.next_cursor) == ("c", "a")
    assert [row["id"] for row in dealer_page.data] == ["encar_1", "encar_2"]  # as the service ordered them


def test_a_page_of_auction_rows_alone_holds_no_more_than_the_limit() -> None:
    assert len(merge(asked(limit="2"), auction(3), None).data) == 2


def test_a_page_without_dealer_rows_leads_on_though_source_was_omitted() -> None:
    assert merge(asked(), auction(3), None, auction_cursor="a").next_cursor == "a"
    hidden = merge(asked(make="Kia", accident_grade="A"), auction(3), answer(hidden=7, encar="ok"), auction_cursor="a")
    assert (hidden.next_cursor, hidden.headers) == ("a", {"X-LMN-Filtered-Out": "dealer=7"})


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"source": "dealer", "limit": "49"}, True),
        ({"source": "glovis,dealer", "limit": "60"}, True),  # though half of it is less than 48
        ({"limit": "200"}, True),
        ({"source": "glovis,dealer"}, True),  # 50 when absent
        ({"source": "dealer", "limit": "48"}, False),
        ({"source": "glovis", "limit": "200"}, False),
        ({"limit": "200", "accident_grade": "A"}, False),
    ],
)
def test_the_page_max_follows_the_partners_own_limit(params: dict[str, str], told: bool) -> None:
    page = merge(asked(make="Kia", **params), auction(1), answer(1, encar="ok"))
    assert page.headers.get("X-LMN-Dealer-Page-Max") == ("48" if told else None)


@pytest.mark.parametrize("reason", ["refreshing", "overloaded"])
def test_a_source_that_is_skipped_or_old_by_no_failure_of_its_own_is_not_named(reason: str) -> None:
    dealer = answer(1, reason=reason, encar="stale", danawa="skipped")
    assert merge(asked(source="glovis,dealer", make="Kia", limit="9"), [], dealer).headers == {}


@pytest.mark.parametrize(
    "reason", ["blocked", "rate_limited", "suspended", "timed_out", "unreachable", "upstream_error", "drift"]
)
def test_a_source_whose_old_rows_stand_in_for_a_failure_is_named_and_its_rows_stay(reason: str) -> None:
    page = merge(
        asked(source="dealer", make="Kia", limit="9"), [], answer(1, reason=reason, encar="ok", danawa="stale")
    )
    assert page.headers == {"X-LMN-Partial-Dealer-Unavailable": "danawa"}
    both = merge(asked(make="Kia", limit="9"), [], answer(1, reason=reason, encar="stale", danawa="stale"))
    assert both.headers == {"X-LMN-Partial-Dealer-Unavailable": "encar,danawa"}
    assert (len(page.data), len(both.data)) == (1, 1)


@pytest.mark.parametrize("status", ["failed", "partial"])
def test_a_source_that_failed_wholly_or_in_part_is_named(status: str) -> None:
    page = merge(asked(source="dealer", make="Kia", limit="9"), [], answer(1, encar="ok", danawa=status))
    assert page.headers == {"X-LMN-Partial-Dealer-Unavailable": "danawa"}
    assert len(page.data) == 1


NO_CAR = VehicleNotFound(404, "vehicle_not_found", "x", details={"reason": "sold"})  # which no list can be


@pytest.mark.parametrize("dealer", [outage("unreachable"), DealerError(500, "internal_error", "x"), NO_CAR, None])
@pytest.mark.parametrize("source", ["glovis,dealer", None])
def test_any_failure_of_the_dealer_side_leaves_a_mixed_page_to_the_auction_rows(
    dealer: DealerError | None, source: str | None
) -> None:
    named = {} if source is None else {"source": source}
    page = merge(asked(make="Kia", limit="40", **named), auction(30), dealer, auction_cursor="a")
    assert len(page.data) == 30
    assert page.headers == {"X-LMN-Partial-Dealer-Unavailable": "encar,danawa"}
    assert page.next_cursor == (None if source else "a")


@pytest.mark.parametrize("dealer", [outage("unreachable"), DealerError(401, "invalid_api_key", "x"), NO_CAR, None])
def test_a_pure_dealer_page_that_failed_is_a_503_whatever_failed(dealer: DealerError | None) -> None:
    with pytest.raises(DealerUnavailable) as raised:
        merge(asked(source="dealer", make="Kia"), [], dealer)
    assert (raised.value.status, raised.value.code) == (503, "dealer_upstream_unavailable")
    assert raised.value.headers["X-LMN-Dealer-Page-Max"] == "48"


def test_what_the_service_refuses_is_a_400_to_who_named_dealer_and_nothing_to_who_did_not() -> None:
    refusal = refused([Issue("color", "no such colour")])
    for source in ("dealer", "glovis,dealer"):
        with pytest.raises(InvalidRequest):
            merge(asked(source=source, make="Kia", color="plaid"), auction(2), refusal)
    page = merge(asked(make="Kia", color="plaid", limit="9"), auction(2), refusal)
    assert (len(page.data), page.headers) == (2, {})


def test_a_count_that_could_not_be_had_is_not_told_but_who_failed_is() -> None:
    query = asked(make="Kia", accident_grade="A")
    assert merge(query, auction(1), outage("timed_out")).headers == {"X-LMN-Partial-Dealer-Unavailable": "encar,danawa"}
    some = merge(query, auction(1), answer(hidden=3, encar="ok", danawa="failed")).headers
    assert some == {"X-LMN-Partial-Dealer-Unavailable": "danawa", "X-LMN-Filtered-Out": "dealer=3"}


FACETS = FacetsAnswer(
    makes=["Kia", "BMW"],
    models={"Kia": ["K5", "Morning"], "BMW": ["X5"]},
    fuels=["diesel"],
    transmissions=["auto"],
    sources=["dealer"],
    as_of="2026-04-15T21:45:00+09:00",
)
OURS = {
    "makes": ["Hyundai", "Kia"],
    "models": {"Hyundai": ["Sonata"], "Kia": ["Morning", "Ray"]},
    "fuels": ["gasoline"],
    "transmissions": ["auto", "manual"],
    "sources": ["glovis"],
    "as_of": "2026-04-15T21:50:00+09:00",
}


def test_facets_are_the_auction_sides_values_and_then_those_only_dealer_cars_have() -> None:
    assert merge_facets((), OURS, FACETS) == {
        "makes": ["Hyundai", "Kia", "BMW"],
        "models": {"Hyundai": ["Sonata"], "Kia": ["Morning", "Ray", "K5"], "BMW": ["X5"]},
        "fuels": ["gasoline", "diesel"],
        "transmissions": ["auto", "manual"],
        "sources": ["glovis", "dealer"],
        "as_of": "2026-04-15T21:45:00+09:00",  # no fresher than its older half
    }


def test_facets_outlive_a_dealer_side_that_cannot_be_asked_unless_it_alone_was() -> None:
    assert merge_facets((), OURS, outage("unreachable")) == OURS | {"sources": ["glovis", "dealer"]}
    assert merge_facets(("glovis",), OURS, None) == OURS
    for failure in (outage("unreachable"), NO_CAR, None):
        with pytest.raises(DealerUnavailable):
            merge_facets(("dealer",), {}, failure)
    alone = merge_facets(("dealer",), {}, FACETS)
    assert (alone["makes"], alone["sources"], alone["as_of"]) == (["Kia", "BMW"], ["dealer"], FACETS.as_of)
