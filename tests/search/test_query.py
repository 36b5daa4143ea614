"""Every parameter of the partner's table, and every way to get it wrong, before any upstream is asked."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy.contract.errors import ApiError
from dealerproxy.contract.terms import Sort
from dealerproxy.search.query import parse
from dealerproxy.upstreams.query import Query
from dealerproxy.vocabulary import Vocabulary

AUCTION_ONLY = {
    "auction_status": "upcoming",
    "accident_grade": "A",
    "exterior_grade": "B,C",
    "auction_date_from": "2026-04-01",
    "auction_date_to": "2026-04-30",
    "auction_count_min": "1",
    "auction_count_max": "3",
}


def read(vocabulary: Vocabulary, **params: str) -> Query:
    return parse({name: [value] for name, value in params.items()}, vocabulary)


def refused(vocabulary: Vocabulary, **params: str) -> dict[str, Any]:
    with pytest.raises(ApiError) as caught:
        read(vocabulary, **params)
    assert (caught.value.status, caught.value.code) == (400, "validation_error")
    details = caught.value.details
    assert details["field"] == details["issues"][0]["path"]
    return details


def test_no_make_is_refused(vocabulary: Vocabulary) -> None:
    for params in ({}, {"source": "dealer"}, {"source": "glovis,dealer"}, {"make": " , "}, {"accident_grade": "A"}):
        assert refused(vocabulary, **params)["field"] == "make"


def test_a_model_without_a_make_names_both(vocabulary: Vocabulary) -> None:
    paths = [issue["path"] for issue in refused(vocabulary, model="K5")["issues"]]
    assert paths[0] == "make"
    assert "model" in paths


@pytest.mark.parametrize("name", AUCTION_ONLY)
def test_an_auction_filter_is_refused_when_dealer_is_named(vocabulary: Vocabulary, name: str) -> None:
    for source in ("dealer", "DEALER", "glovis,dealer"):
        assert refused(vocabulary, source=source, make="Kia", **{name: AUCTION_ONLY[name]})["field"] == name


@pytest.mark.parametrize("name", AUCTION_ONLY)
def test_an_auction_filter_without_a_source_only_hides_dealer_rows(vocabulary: Vocabulary, name: str) -> None:
    assert read(vocabulary, make="Kia", **{name: AUCTION_ONLY[name]}).auction_only
    assert not read(vocabulary, source="glovis", **{name: AUCTION_ONLY[name]}).dealer_in_scope


@pytest.mark.parametrize("token", ["panoramic_sunroof", "dashcam", "Dashcam", "PANORAMIC_SUNROOF"])
def test_the_two_options_without_a_facet_are_refused_by_name(vocabulary: Vocabulary, token: str) -> None:
    details = refused(vocabulary, source="glovis,dealer", make="Kia", options_include=f"sunroof,{token}")
    assert details["field"] == "options_include"
    assert token.lower() in details["issues"][0]["message"]
    assert read(vocabulary, source="glovis", options_include=token).options == (token.lower(),)


def test_all_62_options_are_accepted_in_any_case(vocabulary: Vocabulary) -> None:
    tokens = list(vocabulary.options)
    assert len(tokens) == 62
    assert read(vocabulary, make="Kia", options_include=",".join(tokens).upper()).options == tuple(tokens)


def test_an_unknown_option_lists_the_known_ones(vocabulary: Vocabulary) -> None:
    details = refused(vocabulary, make="Kia", options_include="sunroof,hovering")
    assert (details["field"], len(details["allowed"])) == ("options_include", 62)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"),
        ("limit", "201"),
        ("limit", "-1"),
        ("limit", "ten"),
        ("limit", "1e2"),
        ("limit", "5.0"),
        ("limit", "٥"),
        ("limit", "9" * 5000),
        ("year_min", "20l8"),
        ("year_max", "99999"),
        ("mileage_max_km", "-5"),
        ("price_min_usd", "1,000"),
        ("price_max_usd", "$5"),
        ("krw_per_usd", "0"),
        ("krw_per_usd", "nan"),
        ("krw_per_usd", "inf"),
        ("sort", "price"),
        ("sort", "price_asc,price_desc"),
        ("fuel", "petrol"),
        ("transmission", "automatic"),
        ("color", "greenish"),
        ("source", "encar"),
        ("upstream", "google"),
        ("include", "everything"),
        ("body_style", "sedan"),
        ("auction_date_from", "yesterday"),
        ("auction_count_min", "one"),
    ],
)
def test_a_bad_value_names_its_field(vocabulary: Vocabulary, name: str, value: str) -> None:
    details = refused(vocabulary, **{"make": "Kia", name: value})
    assert details["field"] == name
    assert len(details["issues"][0]["message"]) < 400


@pytest.mark.parametrize("name", ["fuel", "transmission", "color", "sort", "source", "include", "upstream"])
def test_a_bad_word_lists_the_allowed_ones(vocabulary: Vocabulary, name: str) -> None:
    assert refused(vocabulary, **{"make": "Kia", name: "nonsense"})["allowed"]


@pytest.mark.parametrize(
    ("low", "high"),
    [
        ({"year_min": "2022"}, {"year_max": "2021"}),
        ({"price_min_usd": "2"}, {"price_max_usd": "1"}),
        ({"auction_count_min": "2"}, {"auction_count_max": "1"}),
        ({"auction_date_from": "2026-04-02"}, {"auction_date_to": "2026-04-01"}),
    ],
)
def test_bounds_that_cross_are_refused(vocabulary: Vocabulary, low: dict[str, str], high: dict[str, str]) -> None:
    assert refused(vocabulary, make="Kia", **low, **high)["field"] == next(iter(low))


def test_all_issues_are_told_at_once(vocabulary: Vocabulary) -> None:
    paths = [issue["path"] for issue in refused(vocabulary, limit="0", fuel="x", year_min="x")["issues"]]
    assert set(paths) == {"limit", "fuel", "year_min", "make"}


def test_several_fuels_or_colours_keyword_and_body_style_are_dropped(vocabulary: Vocabulary) -> None:
    query = read(vocabulary, make="Kia", fuel="diesel,lpg", color="white,black", keyword="turbo", body_style="van")
    assert (query.fuel, query.colour) == (None, None)
    assert set(query.dropped) == {"fuel", "color", "keyword", "body_style"}


def test_the_same_value_twice_is_one_value(vocabulary: Vocabulary) -> None:
    query = read(vocabulary, make="Kia", fuel="Diesel,diesel", color="grey,gray")
    assert (query.fuel, query.dropped) == ("diesel", ())
    assert query.colour is not None


def test_a_parameter_given_twice_is_one_list(vocabulary: Vocabulary) -> None:
    assert parse({"make": ["Kia", "BMW,Audi"]}, vocabulary).makes == ("Kia", "BMW", "Audi")
    with pytest.raises(ApiError):
        parse({"make": ["Kia"], "limit": ["5", "6"]}, vocabulary)


def test_unknown_parameters_are_ignored(vocabulary: Vocabulary) -> None:
    ignored = ("page", "perPage", "fuel_type", "transmissions", "result", "status", "mileage_min_km")
    assert read(vocabulary, make="Kia", **dict.fromkeys(ignored, "x")) == read(vocabulary, make="Kia")


def test_a_cursor_with_mixed_sources_has_its_own_code(vocabulary: Vocabulary) -> None:
    with pytest.raises(ApiError) as caught:
        read(vocabulary, source="glovis,dealer", cursor="x")
    assert (caught.value.status, caught.value.code) == (400, "mixed_source_pagination_unsupported")
    assert read(vocabulary, source="dealer", make="Kia", cursor="x").cursor == "x"


def test_defaults_are_the_partners(vocabulary: Vocabulary) -> None:
    query = read(vocabulary, make="Kia")
    assert (query.limit, query.page_size, query.sort) == (50, 48, Sort.AUCTION_DATE_ASC)
    assert query.dealer_in_scope


names = st.sampled_from([
    *("make", "model", "fuel", "color", "transmission", "options_include", "sort", "limit", "cursor", "source"),
    *("year_min", "price_max_usd", "krw_per_usd", "include", "upstream", "keyword", "body_style", *AUCTION_ONLY),
])  # fmt: skip


@given(params=st.dictionaries(names, st.lists(st.text(max_size=30), max_size=3), max_size=8))
def test_any_query_is_either_read_or_refused_with_a_field(vocabulary: Vocabulary, params: dict[str, list[str]]) -> None:
    try:
        query = parse(params, vocabulary)
    except ApiError as error:
        assert error.status == 400
        assert error.details["field"]
    else:
        assert 1 <= query.page_size <= 48
