"""The query builder, held against the stand-in's own parser."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from dealerproxy.sandbox.encar import query_language as ryvuss
from dealerproxy.upstreams.encar import query
from dealerproxy.upstreams.encar.dsl import And, Child, Item, Or, Range, Term, percent_encode

names = st.sampled_from(["Manufacturer", "ModelGroup", "Model", "Badge", "FuelType", "Color", "Options"])
# Whatever characters there are, but for the underscore, which is refused.
values = st.text(min_size=1, max_size=30).filter(lambda text: "_" not in text)
leaves: st.SearchStrategy[Item] = st.builds(Term, names, values) | st.builds(
    Range, st.sampled_from(["Year", "Price", "Mileage"]), st.integers(0, 999_999), st.integers(0, 999_999)
)


def groups(items: st.SearchStrategy[Item]) -> st.SearchStrategy[Item]:
    several = st.lists(items, min_size=2, max_size=4).map(tuple)
    return st.builds(And, several) | st.builds(Or, several) | st.builds(Child, st.builds(Term, names, values), items)


def plain(node: object) -> object:
    """A tree of either kind as nested tuples, so that the two can be compared."""
    match node:
        case Term(name, value) | ryvuss.Term(name, value):
            return ("term", name, value)
        case Range(name, low, high) | ryvuss.Range(name, low, high):
            return ("range", name, low, high)
        case Child(facet, item) | ryvuss.Child(facet, item):
            return ("child", plain(facet), plain(item))
        case And(items) | ryvuss.And(items):
            return ("and", *map(plain, items))
        case Or(items) | ryvuss.Or(items):
            return ("or", *map(plain, items))
    raise TypeError(node)


@given(st.recursive(leaves, groups, max_leaves=12))
def test_whatever_is_written_is_read_as_it_was_meant(item: Item) -> None:
    assert plain(ryvuss.parse(str(item))) == plain(item)


@given(values)
def test_a_value_cannot_break_out_of_its_term_in_a_whole_query(value: str) -> None:
    text = query.q(query.Search(make="기아", model_group=value, colours=(value,), options=(value, "선루프")))
    terms = [(term.name, term.value) for term in ryvuss.terms(ryvuss.parse(text)) if isinstance(term, ryvuss.Term)]
    assert terms == [
        ("Hidden", "N"),
        ("SellType", "일반"),
        ("CarType", "A"),
        ("Manufacturer", "기아"),
        ("ModelGroup", value),
        ("Color", value),
        ("Options", value),
        ("Options", "선루프"),
    ]


@given(st.text(max_size=20), st.text(max_size=20))
def test_an_underscore_is_refused_because_nobody_knows_its_escape(before: str, after: str) -> None:
    with pytest.raises(ValueError, match="cannot be a value"):
        str(Term("Model", f"{before}_{after}"))


def test_an_empty_value_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be a value"):
        str(Term("Model", ""))


@given(st.text(max_size=50))
def test_percent_encoding_survives_the_trip(text: str) -> None:
    text = text.encode(errors="replace").decode()
    assert unquote(percent_encode(text)) == text
    assert not set(percent_encode(text)) & set(" +&#=?")


def test_a_query_reads_as_the_site_writes_it() -> None:
    search = query.Search(
        make="기아",
        model_group="K5",
        registered=(202001, 202412),
        mileage=(0, 100_000),
        price=(500, 3000),
        fuels=("가솔린",),
        colours=("흰색",),
        options=("선루프", "통풍시트(운전석)"),
    )
    assert query.q(search) == (
        "(And.Hidden.N._.SellType.일반._.(C.CarType.A._.(C.Manufacturer.기아._.ModelGroup.K5.))"
        "_.Year.range(202001..202412)._.Mileage.range(0..100000)._.Price.range(500..3000)."
        "_.FuelType.가솔린._.Color.흰색._.Options.선루프._.Options.통풍시트(운전석_).)"
    )


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (Term("Model", "ID.4"), "Model.ID_.4."),
        (Term("Badge", "1.6 터보"), "Badge.1_.6 터보."),
        (Term("Options", "에어백(운전석)"), "Options.에어백(운전석_)."),
        (Term("ModelGroup", "씨라이언 7 "), "ModelGroup.씨라이언 7 ."),
        (Term("FuelType", "가솔린+전기"), "FuelType.가솔린+전기."),
        (Or((Term("Color", "흰색"),)), "Color.흰색."),
        (Or((Term("CarType", "N"), Child(Term("CarType", "Y"), Term("Manufacturer", "현대")))),
         "(Or.CarType.N._.(C.CarType.Y._.Manufacturer.현대.))"),
    ],
)  # fmt: skip
def test_escapes_and_groups_are_the_captured_ones(item: Item, text: str) -> None:
    assert str(item) == text


def test_the_address_carries_the_query_in_one_piece() -> None:
    url = query.search_url(URL("http://127.0.0.1:9/base/"), "FuelType.가솔린+전기.", "Year", 48, 48)
    assert url.raw_path == "/base/search/car/list/premium"
    assert url.query == {"count": "true", "q": "FuelType.가솔린+전기.", "sr": "|Year|48|48"}
    assert "%2B" in url.raw_query_string
    assert "sr=%7CYear%7C48%7C48" in url.raw_query_string
