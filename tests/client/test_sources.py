"""Reading a partner's query string: who is asked, what is refused, what goes on to the service."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy.client import DealerPart, InvalidRequest, Sort, is_dealer_id, parse
from dealerproxy.client.sources import UNSUPPORTED_OPTIONS
from dealerproxy.contract.terms import AUCTION_ONLY, SOURCES

INSIDERS = {"include": "dealer", "krw_per_usd": "100", "upstream": "encar", "ids": "encar_1", "explain": "1"}
FIELD = {name: "A" if "grade" in name else "1" for name in AUCTION_ONLY}


def refusal(**params: str) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as raised:
        parse(params)
    assert raised.value.status == 400
    return raised.value


@pytest.mark.parametrize("source", ["dealer", "glovis,dealer", "DEALER"])
def test_a_request_that_names_dealer_needs_a_make(source: str) -> None:
    assert refusal(source=source).details["field"] == "make"
    assert refusal(source=source, make=" , ").details["field"] == "make"


def test_without_source_and_make_dealer_cars_are_left_out() -> None:
    query = parse({"keyword": "van"})
    assert query.dealer is DealerPart.NONE
    assert query.auctions == SOURCES[1:]


@pytest.mark.parametrize("name", AUCTION_ONLY)
def test_an_auction_only_filter_is_refused_with_dealer_named_and_counts_dealer_cars_otherwise(name: str) -> None:
    for source in ("dealer", "glovis,dealer"):
        error = refusal(source=source, make="Kia", **{name: FIELD[name]})
        assert error.code == "validation_error"
        assert error.details["field"] == name
    counted = parse({"make": "Kia", name: FIELD[name], "cursor": "a", "keyword": "x"})
    assert counted.dealer is DealerPart.COUNT
    assert not counted.mixed
    # `source` stays omitted, as the service counts only then; the cursor is the auction side's.
    assert counted.dealer_params == {"make": "Kia", "keyword": "x", name: FIELD[name]}
    assert parse({"source": "glovis", name: FIELD[name]}).dealer is DealerPart.NONE
    assert parse({name: FIELD[name]}).dealer is DealerPart.NONE  # without a make nobody can count


@pytest.mark.parametrize("token", [*UNSUPPORTED_OPTIONS, "Dashcam"])
def test_the_two_tokens_without_a_facet_are_refused_with_dealer_named_and_leave_it_out_otherwise(token: str) -> None:
    error = refusal(source="glovis,dealer", make="Kia", options_include=f"sunroof,{token}")
    assert error.details["field"] == "options_include"
    assert token.lower() in error.message
    assert parse({"source": "glovis", "options_include": token}).dealer is DealerPart.NONE
    assert parse({"make": "Kia", "options_include": token}).dealer is DealerPart.NONE


def test_a_cursor_needs_one_kind_of_source() -> None:
    for params in ({"source": "glovis,dealer", "make": "Kia"}, {"source": "sk,dealer"}):
        assert refusal(cursor="c", **params).code == "mixed_source_pagination_unsupported"
    for params in (
        {"source": "dealer", "make": "Kia"},
        {"source": "glovis,sk"},
        {},
        {"make": "Kia"},
        {"accident_grade": "A"},
        {"sort": "year_desc"},
    ):
        assert parse({"cursor": "c", **params}).cursor == "c"
    assert not parse({"source": "dealer,dealer", "make": "Kia", "cursor": "c"}).mixed


@pytest.mark.parametrize("limit", ["0", "201", "ten", "-5", "1.5", "9999999999", "٥"])
def test_a_limit_is_a_whole_number_from_1_to_200(limit: str) -> None:
    assert refusal(limit=limit).details["field"] == "limit"


def test_every_issue_is_told_and_the_first_one_names_the_field() -> None:
    error = refusal(source="dealer,ebay", sort="cheapest", limit="0", model="K5", accident_grade="A")
    assert [issue["path"] for issue in error.details["issues"]] == [
        "source", "make", "accident_grade", "model", "sort", "limit",
    ]  # fmt: skip
    assert "glovis" in error.details["allowed"]


def test_what_is_between_the_main_api_and_the_service_never_comes_from_a_partner() -> None:
    query = parse({"source": "dealer", "make": "Kia", **INSIDERS})
    assert query.dealer_params == {"make": "Kia", "source": "dealer", "sort": "auction_date_asc", "limit": "48"}


def test_the_auction_half_gets_every_parameter_as_it_came() -> None:
    query = parse([("make", "Kia"), ("fuel", "diesel"), ("fuel", "lpg"), ("page", "7"), ("keyword", " ")])
    assert query.params == {"make": "Kia", "fuel": "diesel,lpg", "page": "7"}


@given(st.integers(1, 200), st.sampled_from(Sort))
def test_a_mixed_page_asks_for_all_that_could_be_shown(limit: int, sort: Sort) -> None:
    query = parse({"make": "Kia", "limit": str(limit), "sort": sort})
    assert query.dealer_params["limit"] == str(min(limit, 48))
    assert (query.limit, query.sort) == (limit, sort)


@pytest.mark.parametrize(
    ("vehicle_id", "ours"),
    [
        ("encar_41985016", True),
        ("danawa_6061500368", True),
        *((f"{house}_1", False) for house in SOURCES[1:]),
        ("encarx_1", False),
        ("01HXYZ", False),
    ],
)
def test_cars_are_told_apart_by_the_prefix_of_their_id(vehicle_id: str, ours: bool) -> None:
    assert is_dealer_id(vehicle_id) is ours
