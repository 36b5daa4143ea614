"""Queries become the right legs, and what forms none is remarked on."""

import math
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy.captures.fetching import PLANNERS
from dealerproxy.contract.answers import SkipReason
from dealerproxy.contract.errors import ApiError
from dealerproxy.search.plan import MOST_GUESSES, Plan, plan
from dealerproxy.search.query import parse
from dealerproxy.upstreams.danawa.legs import DanawaLeg
from dealerproxy.upstreams.encar.bounds import manwon_bounds, registration_bounds
from dealerproxy.upstreams.encar.indexes import CARS
from dealerproxy.upstreams.encar.leg import EncarLeg
from dealerproxy.vocabulary import Vocabulary

Planner = Callable[..., Plan]


@pytest.fixture(scope="module")
def planned(vocabulary: Vocabulary) -> Planner:
    def make(**params: str) -> Plan:
        query = parse({name: [value] for name, value in params.items()}, vocabulary)
        return plan(query, 1347.52, vocabulary, PLANNERS)

    return make


def pairs(made: Plan) -> list[tuple[str, str | None]]:
    """What Encar's index of cars is asked for: make facet and model group."""
    legs = [leg for leg in made.legs if isinstance(leg, EncarLeg) and leg.site_index is CARS]
    return [(leg.asked.facet, leg.asked.model.korean if leg.asked.model else None) for leg in legs]


def picked(made: Plan) -> set[tuple[str, str | None]]:
    """The makes and models wanted of Danawa's list; its leg is one at most."""
    legs = [leg for leg in made.legs if isinstance(leg, DanawaLeg)]
    assert len(legs) <= 1
    return set().union(*(leg.pick for leg in legs))


def codes(made: Plan) -> list[tuple[str, str | None]]:
    return [(notice.code, notice.field) for notice in made.notices]


def test_makes_and_models_form_only_the_pairs_that_exist(planned: Planner) -> None:
    made = planned(make="Hyundai,Kia", model="Avante,K5")
    assert pairs(made) == [("현대", "아반떼"), ("기아", "K5")]
    assert codes(made) == []


def test_a_make_with_two_facets_is_two_legs(planned: Planner) -> None:
    assert pairs(planned(make="Chevrolet")) == [("쉐보레(GM대우)", None), ("쉐보레", None)]
    assert pairs(planned(make="renault")) == [("르노코리아(삼성)", None), ("르노", None)]
    assert pairs(planned(make="Chevrolet", model="Tahoe")) == [("쉐보레(GM대우)", "타호"), ("쉐보레", "타호")]
    assert pairs(planned(make="Chevrolet", model="Spark")) == [("쉐보레(GM대우)", "스파크")]


@pytest.mark.parametrize("make", ["Mercedes", "Benz", "mercedes benz", "MERCEDES-BENZ", "벤츠"])
@pytest.mark.parametrize("model", ["E-Class", "e class", "EClass", "E-클래스"])
def test_names_people_type_are_understood(planned: Planner, make: str, model: str) -> None:
    assert pairs(planned(make=make, model=model)) == [("벤츠", "E-클래스")]


def test_the_same_leg_asked_twice_is_one(planned: Planner) -> None:
    assert pairs(planned(make="Kia,기아,KIA", model="K5,k 5,K-5")) == [("기아", "K5")]


def test_unknown_makes_and_models_are_remarked_on(planned: Planner) -> None:
    made = planned(make="Kia,Wartburg", model="K5,353")
    assert pairs(made) == [("기아", "K5")]
    assert codes(made) == [("unknown_make", "make"), ("unknown_model", "model")]


@pytest.mark.parametrize(
    ("make", "model", "field", "nearest"),
    [
        ("Hyundia", "", "make", "Hyundai"),
        ("Kia", "Sorenot", "model", "Sorento"),
        ("Hyundai", "Portr", "model", "Porter"),  # only Danawa has it
        ("Kia", "Grandeur2", "model", None),  # another make's
        ("Xqzw", "", "make", None),
    ],
)
def test_the_nearest_name_is_told_of_one_nobody_knows(
    planned: Planner, make: str, model: str, field: str, nearest: str | None
) -> None:
    made = planned(make=make, model=model)
    told = [notice.message for notice in made.notices if notice.code == f"unknown_{field}"]
    assert len(told) == 1
    assert ("The nearest is" in told[0]) == (nearest is not None)
    assert nearest is None or told[0].endswith(f"The nearest is `{nearest}`.")


def test_the_nearest_name_is_looked_for_a_few_times_a_query(planned: Planner) -> None:
    made = planned(make=",".join(f"Hyundia{number}" for number in range(200)))
    told = ["The nearest is" in notice.message for notice in made.notices]
    assert (len(told), sum(told)) == (200, MOST_GUESSES)


@pytest.mark.parametrize(
    ("make", "model", "groups"),
    [
        ("Hyundai", "Elantra", ["엘란트라", "아반떼"]),
        ("Kia", "Optima", ["옵티마", "K5", "로체"]),
        ("Kia", "Rio", ["리오", "프라이드"]),
        ("Kia", "Cerato", ["쎄라토", "K3", "포르테"]),
    ],
)
def test_a_name_of_several_models_searches_all_and_says_so(
    planned: Planner, make: str, model: str, groups: list[str]
) -> None:
    made = planned(make=make, model=model)
    assert [group for _, group in pairs(made)] == groups
    assert codes(made) == [("ambiguous_model", "model")]
    assert len(picked(made)) == len(groups)


@pytest.mark.parametrize(("make", "model"), [("Hyundai", "Avante"), ("Kia", "K5"), ("Hyundai", "Porter")])
def test_a_name_of_one_model_on_sale_is_searched_without_a_word(planned: Planner, make: str, model: str) -> None:
    assert codes(planned(make=make, model=model)) == []


@pytest.mark.parametrize(("make", "model"), [("Hyundai", "Stellar"), ("Kia", "Concord"), ("Kia", "Opirus")])
def test_a_model_that_is_not_sold_any_more_says_so(planned: Planner, make: str, model: str) -> None:
    made = planned(make=make, model=model)
    assert len(pairs(made)) == 1
    assert codes(made) == [("old_model", "model")]


def test_known_ones_that_form_no_pair_are_remarked_on(planned: Planner) -> None:
    made = planned(make="Hyundai,BMW", model="Avante,K5")
    assert pairs(made) == [("현대", "아반떼")]
    assert codes(made) == [("no_such_pair", "make"), ("no_such_pair", "model")]
    alone = planned(make="Hyundai", model="K5")
    assert alone.legs == ()
    assert alone.skips == {"encar": SkipReason.NOTHING_TO_ASK, "danawa": SkipReason.NOTHING_TO_ASK}


def test_more_than_24_legs_are_refused(planned: Planner, vocabulary: Vocabulary) -> None:
    makes = [make.name for make in vocabulary.makes if len(make.facets) == 1]
    assert len(pairs(planned(make=",".join(makes[:24])))) == 24
    with pytest.raises(ApiError) as caught:
        planned(make=",".join(makes[:25]))
    assert caught.value.details["field"] == "make"
    with pytest.raises(ApiError) as caught:
        planned(make="Chevrolet," + ",".join(makes[:23]))
    assert "25" in caught.value.message


def test_danawas_list_is_cut_to_the_makes_and_models_asked_for(planned: Planner) -> None:
    made = planned(make="Hyundai,Kia", model="Avante,K5,Sportage")
    assert picked(made) == {("Hyundai", "Avante"), ("Kia", "K5"), ("Kia", "Sportage")}
    assert picked(planned(make="Kia,BYD")) == {("Kia", None), ("BYD", None)}


def test_what_only_danawa_has_is_asked_only_there(planned: Planner) -> None:
    van = planned(make="Hyundai", model="ST1")
    assert (pairs(van), picked(van)) == ([], {("Hyundai", "ST1")})
    assert (van.skips, codes(van)) == ({"encar": SkipReason.NOTHING_TO_ASK}, [])
    cammsys = planned(make="cammsys")
    assert (pairs(cammsys), picked(cammsys)) == ([], {("Cammsys", None)})


@pytest.mark.parametrize(
    ("name", "value"),
    [("fuel", "diesel"), ("color", "black"), ("transmission", "auto"), ("options_include", "sunroof")],
)
def test_danawa_is_skipped_for_a_filter_it_cannot_honour(planned: Planner, name: str, value: str) -> None:
    made = planned(make="Kia", **{name: value})
    assert (len(pairs(made)), picked(made)) == (1, set())
    assert made.skips == {"danawa": SkipReason.FILTER_UNSUPPORTED}
    assert ("filter_unsupported", name) in codes(made)


def test_a_filter_that_is_dropped_skips_nobody(planned: Planner) -> None:
    assert planned(make="Kia", fuel="diesel,lpg", color="red,blue").skips == {}


def test_upstream_narrows_to_one_site(planned: Planner) -> None:
    encar = planned(make="Kia", upstream="encar")
    assert (len(pairs(encar)), picked(encar)) == (1, set())
    assert encar.skips == {"danawa": SkipReason.UPSTREAM_EXCLUDED}
    danawa = planned(make="Kia", upstream="danawa")
    assert (pairs(danawa), picked(danawa)) == ([], {("Kia", None)})
    assert danawa.skips == {"encar": SkipReason.UPSTREAM_EXCLUDED}


def test_filters_are_asked_in_the_sites_own_words(planned: Planner) -> None:
    q = (
        planned(
            make="Kia",
            model="K5",
            year_min="2020",
            year_max="2023",
            mileage_max_km="90000",
            fuel="hybrid",
            transmission="auto",
            color="black",
            options_include="driver_airbag,sunroof",
        )
        .legs[0]
        .q
    )
    assert "_.Year.range(201901..202312)._.Mileage.range(0..90000)._." in q
    assert "(Or.FuelType.가솔린+전기._.FuelType.디젤+전기._.FuelType.LPG+전기.)" in q
    assert "(Or.Transmission.오토._.Transmission.세미오토.)" in q
    assert "(Or.Color.검정색._.Color.검정투톤._.Color.검은색.)" in q
    assert q.endswith("_.Options.에어백(운전석_)._.Options.선루프.)")


def test_a_gearbox_without_a_facet_asks_for_the_others_only(planned: Planner) -> None:
    made = planned(make="Kia", transmission="dct,manual")
    assert "_.Transmission.수동.)" in made.legs[0].q
    assert codes(made) == [("no_facet", "transmission"), ("filter_unsupported", "transmission")]


def test_dropped_filters_are_remarked_on(planned: Planner) -> None:
    made = planned(make="Kia", keyword="x", body_style="van", fuel="lpg,diesel", color="red,blue")
    assert {field for code, field in codes(made) if code == "filter_dropped"} == {
        "keyword",
        "body_style",
        "fuel",
        "color",
    }


@given(price=st.integers(1, 99_998), rate=st.decimals(500, 3000, places=2), slack=st.integers(0, 3))
def test_price_bounds_never_lose_a_car_whose_dollar_price_is_inside(price: int, rate: Decimal, slack: int) -> None:
    dollars = int((Decimal(price * 10_000) / rate).quantize(Decimal(1), ROUND_HALF_UP))
    bounds = manwon_bounds(max(0, dollars - slack), dollars + slack, float(rate))
    assert bounds is not None
    assert bounds[0] <= price <= bounds[1]


def test_one_sided_bounds_are_written_with_both_ends() -> None:
    assert manwon_bounds(None, 10_000, 1000.0) == (0, math.ceil(10_000.5 / 10))
    assert manwon_bounds(10_000, None, 1000.0) == (999, 999_999)
    assert registration_bounds(2020, None) == (201901, 999912)
    assert registration_bounds(None, 2020) == (190001, 202012)
    assert registration_bounds(None, None) is None
