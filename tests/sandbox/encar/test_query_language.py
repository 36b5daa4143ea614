"""The query language: what parses, what does not, and what a query finds."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dealerproxy.sandbox.encar.axes import FACETS, RANGES
from dealerproxy.sandbox.encar.inventory import Car, Inventory
from dealerproxy.sandbox.encar.query_language import (
    MAX_DEPTH,
    And,
    Child,
    Keyword,
    Malformed,
    Node,
    Or,
    Range,
    Term,
    UnknownAxis,
    matches,
    parse,
    predicate,
    terms,
    write,
)

REAL_QUERIES = [
    "Hidden.N.",
    "(C.CarType.N._.Manufacturer.BMW.)",
    "(And.Hidden.N._.(C.CarType.Y._.Manufacturer.현대.))",
    (
        "(And.Mileage.range(50000..150000)._.Price.range(1500..4000)._.Hidden.N._.(C.CarType.Y._.(C.Manufacturer.기아._."
        "(C.ModelGroup.쏘렌토._.Model.더 뉴 쏘렌토.)))_.(Or.OfficeCityState.서울._.OfficeCityState.경기.)"
        "_.Condition.Inspection._.Condition.Record.)"
    ),
    (
        "(And.(And.Year.range(202202..)._.Mileage.range(60000..)._.Price.range(1600..)._.Hidden.N._.SellType.일반._."
        "(C.CarType.A._.(C.Manufacturer.BMW._.(C.ModelGroup.5시리즈._.(C.Model.5시리즈 (G30_)._."
        "(C.BadgeGroup.가솔린 4WD._.Badge.530i xDrive M 스포츠.)))))_.Color.쥐색.)_.AdType.A.)"
    ),
    "(And.Hidden.N._.CarType.N._.SellType.일반._.Manufacturer.BMW._.Year.range(202601..).)",
    "(Or.CarType.N._.(C.CarType.Y._.Manufacturer.현대.))",
    (
        "(And.Hidden.N._.SellType.일반._.(C.CarType.A._.(C.Manufacturer.기아._.ModelGroup.K5.))"
        "_.Year.range(202001..202412)._.Mileage.range(0..100000)._.Price.range(500..3000)._.FuelType.가솔린."
        "_.Color.흰색._.Options.선루프._.Options.통풍시트(운전석_).)"
    ),
    "(And.Hidden.N._.Simple.keyword(12가3456).)",
]


@pytest.mark.parametrize("q", REAL_QUERIES)
def test_a_real_query_parses_and_is_written_back_letter_for_letter(q: str) -> None:
    assert write(parse(q)) == q


@pytest.mark.parametrize("name", ["facets_all_2023-07.json", "facets_hyundai_2023-07.json"])
def test_every_expression_and_action_of_the_captured_facets_parses(captures: Path, name: str) -> None:
    answer = json.loads((captures / "encar_search" / name).read_bytes())
    queries = {q for facet in _facets(answer) for q in (facet["Expression"], facet["Action"])}
    assert len(queries) > 100
    for q in queries:
        assert write(parse(q)) == q


def _facets(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        if "Expression" in part and "Action" in part:
            yield part
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from _facets(inner)


def test_groups_become_a_tree() -> None:
    assert parse(
        "(And.Hidden.N._.(C.CarType.Y._.(C.Manufacturer.현대._.ModelGroup.그랜저.))_.Year.range(..202312).)"
    ) == And(
        (
            Term("Hidden", "N"),
            Child(Term("CarType", "Y"), Child(Term("Manufacturer", "현대"), Term("ModelGroup", "그랜저"))),
            Range("Year", None, 202312),
        )
    )


@pytest.mark.parametrize(
    ("q", "value"),
    [
        ("Badge.1_.6 터보.", "1.6 터보"),
        ("Model.5시리즈 (G30_).", "5시리즈 (G30)"),
        ("Model.ID_.4.", "ID.4"),
        ("ModelGroup.씨라이언 7 .", "씨라이언 7 "),
        ("FuelType.가솔린+전기.", "가솔린+전기"),
        ("Badge.a_b.", "a_b"),
        ("Badge.__..", "_."),
    ],
)
def test_escapes_are_decoded_and_everything_else_stands_for_itself(q: str, value: str) -> None:
    node = parse(q)
    assert isinstance(node, Term)
    assert node.value == value


@pytest.mark.parametrize(
    "q",
    [
        "",
        " ",
        "Hidden",
        "Hidden.N",
        "Hidden..",
        "Hidden.N. ",
        " Hidden.N.",
        "Hidden.N.Hidden.N.",
        "(And.Hidden.N._.(C.CarType.Y._.Manufacturer.현대.)",
        "(And.Hidden.N._.CarType.Y)",
        "(And.Hidden.N._CarType.Y.)",
        "(And.Hidden.N.CarType.Y.)",
        "(And.Hidden.N._.)",
        "(And._.Hidden.N.)",
        "(And.)",
        "()",
        "(And.(C.CarType.Y._.Manufacturer.현대.)._.Hidden.N.)",
        "(And.Hidden.N._.Or.Color.흰색._.Color.검정색.)",
        "(And.Hidden.N._.Color.흰색._.Or.Color.검정색.)",
        "And.Hidden.N.",
        "(and.Hidden.N.)",
        "(Not.Hidden.N.)",
        "(C.CarType.Y.)",
        "(C.CarType.Y._.Manufacturer.현대._.ModelGroup.그랜저.)",
        "(C.(C.CarType.Y._.Manufacturer.현대.)_.ModelGroup.그랜저.)",
        "(C.Year.range(202001..)._.Manufacturer.현대.)",
        "(And.Hidden.N.))",
        "Model.5시리즈 (G30).",
        "Badge.1.6 터보.",
        "Badge.터보_.",
        "Year.range(202001..202412)",
        "Year.range(202001).",
        "Year.range(a..b).",
        "Year.range(-1..2).",
        "Price.range(1.5..2).",
        "Simple.keyword().",
        "Simple.keyword(12가3456)",
        "Simple.keyword(a.b).",
        "모델.K5.",
    ],
)
def test_anything_else_is_malformed(q: str) -> None:
    with pytest.raises(Malformed) as raised:
        parse(q)
    assert not isinstance(raised.value, UnknownAxis)


@pytest.mark.parametrize(
    "q",
    ["FormYear.2023.", "FormYear.range(2020..2021).", "(And.Hidden.N._.hidden.N.)", "Model.range(1..2).", "Year.2023."],
)
def test_a_name_the_search_does_not_have_is_an_unknown_axis(q: str) -> None:
    with pytest.raises(UnknownAxis):
        parse(q)


def test_a_malformed_query_with_an_unknown_name_is_malformed_first() -> None:
    with pytest.raises(Malformed) as raised:
        parse("(And.FormYear.2023._.Hidden.N)")
    assert not isinstance(raised.value, UnknownAxis)


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 100_000])
def test_groups_nested_too_deep_are_malformed_and_not_a_crash(depth: int) -> None:
    deepest = "(And." * MAX_DEPTH + "Hidden.N." + ")" * MAX_DEPTH
    assert write(parse(deepest)) == deepest
    with pytest.raises(Malformed):
        parse("(And." * depth + "Hidden.N." + ")" * depth)


# Values: any text but the two things the language cannot say, an empty value and one that ends in an underscore.
_values = st.text(min_size=1, max_size=12).filter(lambda value: not value.endswith("_"))
_awkward = st.text(alphabet="._)( aB가1+", min_size=1, max_size=12).filter(lambda value: not value.endswith("_"))
_facets_of = st.builds(Term, st.sampled_from(sorted(FACETS)), _values | _awkward)
_bounds = st.none() | st.integers(0, 10**9)
_leaves = (
    _facets_of | st.builds(Range, st.sampled_from(sorted(RANGES)), _bounds, _bounds) | st.builds(Keyword, _awkward)
)
_nodes: st.SearchStrategy[Node] = st.recursive(
    _leaves,
    lambda inner: (
        st.builds(And, st.lists(inner, min_size=1, max_size=4).map(tuple))
        | st.builds(Or, st.lists(inner, min_size=1, max_size=4).map(tuple))
        | st.builds(Child, _facets_of, inner)
    ),
    max_leaves=12,
)


def _say(node: Node) -> str:
    """A second writer, on purpose: character by character, from the grammar alone."""

    def said(value: str) -> str:
        return "".join("_" + letter if letter in ".)" else letter for letter in value)

    match node:
        case Term(name, value):
            return name + "." + said(value) + "."
        case Range(name, lo, hi):
            return name + ".range(" + ("" if lo is None else str(lo)) + ".." + ("" if hi is None else str(hi)) + ")."
        case Keyword(text):
            return "Simple.keyword(" + said(text) + ")."
        case Child(facet, item):
            return "(C." + _say(facet) + "_." + _say(item) + ")"
        case And(items):
            return "(And." + "_.".join(_say(item) for item in items) + ")"
        case Or(items):
            return "(Or." + "_.".join(_say(item) for item in items) + ")"


@settings(max_examples=300)
@given(_nodes)
@example(Term("Badge", "range(1..2)."))
@example(
    And(
        (Term("Badge", "_.)"), Term("Model", ".")),
    )
)
def test_what_is_written_is_what_is_read(node: Node) -> None:
    assert parse(_say(node)) == node
    assert write(node) == _say(node)


@settings(max_examples=300)
@given(st.text(alphabet="(AndOrC._)HiddenN 1range", max_size=40))
def test_any_text_is_either_a_query_written_the_same_way_or_malformed(q: str) -> None:
    try:
        node = parse(q)
    except Malformed:
        return
    # Only leading zeros of a bound are lost.
    assert parse(write(node)) == node


def test_terms_are_walked_from_left_to_right() -> None:
    names = [getattr(term, "name", "keyword") for term in terms(parse(REAL_QUERIES[3]))]
    assert names == [
        "Mileage", "Price", "Hidden", "CarType", "Manufacturer", "ModelGroup", "Model",
        "OfficeCityState", "OfficeCityState", "Condition", "Condition",
    ]  # fmt: skip


def _found(cars: Inventory, q: str) -> list[Car]:
    return list(filter(predicate(parse(q)), cars))


def test_a_nested_query_finds_what_a_plain_reading_of_the_cars_finds(cars: Inventory) -> None:
    found = _found(
        cars,
        "(And.Hidden.N._.SellType.일반._.(C.CarType.A._.(C.Manufacturer.기아._.ModelGroup.쏘렌토.))_.Year.range(201801..202212)."
        "_.Price.range(1000..3000)._.(Or.Color.흰색._.Color.검정색.)_.Options.블루투스._.Options.통풍시트(운전석_).)",
    )
    expected = [
        car
        for car in cars
        if (car.manufacturer, car.model_group, car.sell_type, car.hidden) == ("기아", "쏘렌토", "일반", False)
        and 201801 <= car.year <= 202212
        and 1000 <= car.price <= 3000
        and car.colour in {"흰색", "검정색"}
        and {"블루투스", "통풍시트(운전석)"} <= car.options
    ]
    assert found == expected != []


def test_the_flat_form_finds_the_same_cars_as_the_nested_one(cars: Inventory) -> None:
    nested = _found(cars, "(And.Hidden.N._.(C.CarType.Y._.(C.Manufacturer.현대._.ModelGroup.그랜저.)))")
    assert nested == _found(cars, "(And.Hidden.N._.CarType.Y._.Manufacturer.현대._.ModelGroup.그랜저.)") != []


def test_a_make_under_the_wrong_side_finds_nothing_and_side_a_is_both(cars: Inventory) -> None:
    assert _found(cars, "(C.CarType.N._.Manufacturer.현대.)") == []
    sides = [len(_found(cars, f"CarType.{side}.")) for side in "YNA"]
    assert sides[0] + sides[1] == sides[2] == len(cars)
    assert min(sides) > 0


def test_both_chevrolets_have_their_own_tahoe_and_need_both_facets(cars: Inventory) -> None:
    for group in ("타호", "콜로라도", "콜벳"):
        makes = {car.manufacturer for car in _found(cars, f"ModelGroup.{group}.")}
        assert makes == {"쉐보레(GM대우)", "쉐보레"}
    assert len({car.id for make in ("쉐보레(GM대우_)", "쉐보레") for car in _found(cars, f"Manufacturer.{make}.")}) > 10


def test_a_group_with_a_blank_at_its_end_is_found_only_with_the_blank(cars: Inventory) -> None:
    assert _found(cars, "ModelGroup.씨라이언 7 .")
    assert _found(cars, "ModelGroup.씨라이언 7.") == []


def test_bounds_are_inclusive_and_may_be_open(cars: Inventory) -> None:
    price = sorted(car.price for car in cars)[2000]
    at = _found(cars, f"Price.range({price}..{price}).")
    below, above = _found(cars, f"Price.range(..{price})."), _found(cars, f"Price.range({price}..).")
    assert at
    assert len(below) + len(above) == len(cars) + len(at)
    assert len(_found(cars, "Price.range(..).")) == len(cars)
    assert _found(cars, "Price.range(3000..1000).") == []


def test_cars_without_a_lease_are_outside_every_lease_range(cars: Inventory) -> None:
    assert all(car.lease for car in _found(cars, "MonthLeasePrice.range(..)."))


def test_a_car_whose_row_lacks_the_sell_type_is_still_an_outright_sale(cars: Inventory) -> None:
    assert any("SellType" in car.left_out for car in _found(cars, "SellType.일반."))


def test_a_lease_is_found_by_the_old_word_and_by_the_new_one(cars: Inventory) -> None:
    assert _found(cars, "SellType.리스.") == _found(cars, "SellType.리스승계.") != []


def test_a_keyword_finds_a_plate(cars: Inventory) -> None:
    car = next(iter(cars))
    assert matches(parse(f"Simple.keyword({car.plate})."), car)
    assert not matches(parse("Simple.keyword(없는말)."), car)


def test_a_known_axis_without_values_finds_nothing(cars: Inventory) -> None:
    assert _found(cars, "DealerShipNm.경기 SAC.") == []
