"""Dealer prices by the partner's public rules."""

from decimal import ROUND_HALF_UP, Decimal, localcontext

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dealerproxy.contract.pricing import dealer_pricing, detail_pricing, ocean_freight, usd

SUV_CLASS = ["suv", "minivan", "van", "bus", "truck"]
SEDAN_CLASS = ["sedan", "compact", "wagon", "coupe", "convertible"]
MAKES = ["Hyundai", "Kia", "Genesis", "BMW", "Audi", "Mercedes-Benz"]


@pytest.mark.parametrize("body", [*SUV_CLASS, *SEDAN_CLASS, None])
def test_a_mercedes_pays_the_large_freight_whatever_its_body(body: str | None) -> None:
    assert ocean_freight("Mercedes-Benz", body) == 1800


@pytest.mark.parametrize("make", ["Hyundai", "BMW"])
@pytest.mark.parametrize("body", SUV_CLASS)
def test_an_suv_class_body_pays_the_large_freight(make: str, body: str) -> None:
    assert ocean_freight(make, body) == 1800


@pytest.mark.parametrize("make", ["Hyundai", "BMW"])
@pytest.mark.parametrize("body", SEDAN_CLASS)
def test_a_sedan_class_body_pays_the_small_freight(make: str, body: str) -> None:
    assert ocean_freight(make, body) == 1500


@pytest.mark.parametrize("body", [None, "", "spaceship"])
def test_an_unknown_body_counts_as_sedan_class(body: str | None) -> None:
    assert ocean_freight("Hyundai", body) == 1500


@pytest.mark.parametrize(
    ("krw", "rate", "dollars"),
    [
        (0, 1347.52, 0),
        (19_500_000, 1347.52, 14_471),
        (1_500, 1000.0, 2),  # a half goes up,
        (2_500, 1000.0, 3),  # from an even number too: this is no banker's rounding
        (1_499, 1000.0, 1),
        (2_499, 1000.0, 2),
        (67_376, 1347.52, 50),  # 50 dollars to the won
        (68_050, 1347.52, 51),  # 50.5001...
        (68_049, 1347.52, 50),  # 50.4994...
    ],
)
def test_won_become_whole_dollars_half_up(krw: int, rate: float, dollars: int) -> None:
    assert usd(krw, rate) == dollars


@example(krw=10**11, micro=128_010_000)  # as a float, this rate times a million is a little less than it should be
@given(krw=st.integers(0, 10**11), micro=st.integers(100 * 10**6, 10_000 * 10**6))
def test_the_conversion_agrees_with_decimal_arithmetic_to_the_last_won(krw: int, micro: int) -> None:
    with localcontext() as context:
        context.prec = 60
        exact = Decimal(krw) / (Decimal(micro) / 10**6)
        assert usd(krw, micro / 10**6) == int(exact.quantize(Decimal(1), ROUND_HALF_UP))


@given(dollars=st.integers(0, 10**7), half_rate=st.integers(50, 5_000))
def test_exactly_half_a_dollar_always_goes_up(dollars: int, half_rate: int) -> None:
    rate = 2 * half_rate
    assert usd(dollars * rate + half_rate, float(rate)) == dollars + 1
    assert usd(dollars * rate + half_rate - 1, float(rate)) == dollars


@given(krw=st.integers(0, 10**10), more=st.integers(0, 10**7), rate=st.floats(100, 10_000))
def test_a_dearer_car_is_never_cheaper_in_dollars(krw: int, more: int, rate: float) -> None:
    assert usd(krw, rate) <= usd(krw + more, rate)


@given(
    krw=st.integers(10_000, 10**10),
    rate=st.floats(100, 10_000),
    make=st.sampled_from(MAKES),
    body=st.sampled_from([*SUV_CLASS, *SEDAN_CLASS, None]),
)
def test_the_dealer_fee_and_the_fixed_discount_cancel_out(krw: int, rate: float, make: str, body: str | None) -> None:
    priced = dealer_pricing(krw, rate, make, body)
    lines, discount = priced.breakdown, priced.discount_config
    assert lines.dealer_fee == discount.fixed_discount_amount
    every_line = lines.auction_fee + lines.dealer_fee + lines.lmn_commission + lines.ocean_freight
    assert lines.estimated_landed == priced.listing_price + every_line - discount.fixed_discount_amount
    assert lines.estimated_landed == priced.listing_price + 300 + ocean_freight(make, body)


def test_a_price_has_the_partners_shape_with_every_number_in_place() -> None:
    priced = msgspec.to_builtins(dealer_pricing(28_700_000, 1347.52, "Kia", "suv"))
    assert priced == {
        "listing_price": 21_298,
        "sold_price": None,
        "discount_config": {"bid_threshold": 0, "rate_below": 0, "rate_at_or_above": 0, "fixed_discount_amount": 300},
        "breakdown": {
            "auction_fee": 0,
            "dealer_fee": 300,
            "lmn_commission": 300,
            "ocean_freight": 1800,
            "estimated_landed": 23_398,
        },
    }


def test_a_price_in_full_says_the_same_as_the_price_in_a_list_and_what_only_auctions_have_is_null_or_empty() -> None:
    short = msgspec.to_builtins(dealer_pricing(28_700_000, 1347.52, "Kia", "suv"))
    full = msgspec.to_builtins(detail_pricing(28_700_000, 1347.52, "Kia", "suv"))
    only_in_full: dict[str, object] = {"auction_fee_config": None, "history": (), "market_assessment": None}
    assert {name: full.pop(name) for name in only_in_full} == only_in_full
    assert full == short


@pytest.mark.parametrize(("make", "freight"), [("Mercedes-Benz", 1800), ("Kia", 1500)])
def test_without_a_price_nothing_is_made_up_from_fees_alone(make: str, freight: int) -> None:
    priced = detail_pricing(None, 1347.52, make, None)
    assert priced.listing_price is None
    assert priced.breakdown.estimated_landed is None
    assert (priced.breakdown.dealer_fee, priced.breakdown.ocean_freight) == (300, freight)
