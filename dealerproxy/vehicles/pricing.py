"""Dealer prices in whole US dollars by the partner API's public rules."""

from msgspec import Struct

DEALER_FEE_USD = 300
COMMISSION_USD = 300
FREIGHT_USD = 1500
FREIGHT_LARGE_USD = 1800
# "Mercedes-Benz is 1800 for any body type; other makers are 1800 for SUV-class (SUV, minivan, van, truck)".
LARGE_BODIES = frozenset({"suv", "minivan", "van", "truck"})
LARGE_MAKE = "Mercedes-Benz"

_MICRO = 1_000_000


class DiscountConfig(Struct, frozen=True):
    """Dealer cars have no bid, so the bid-based parts are 0; the fixed amount offsets the dealer fee."""

    bid_threshold: int = 0
    rate_below: int = 0
    rate_at_or_above: int = 0
    fixed_discount_amount: int = DEALER_FEE_USD


class Breakdown(Struct, frozen=True):
    """Cost lines in whole USD; `estimated_landed` is the only one after the discount."""

    auction_fee: int
    dealer_fee: int
    lmn_commission: int
    ocean_freight: int
    estimated_landed: int


class Pricing(Struct, frozen=True):
    """The summary's `pricing` object. `sold_price` is an auction concept and always null here."""

    listing_price: int
    sold_price: None
    discount_config: DiscountConfig
    breakdown: Breakdown


_DISCOUNT = DiscountConfig()


def usd(krw: int, krw_per_usd: float) -> int:
    """Convert won to whole dollars, half up, exact to a millionth of the rate."""
    rate = round(krw_per_usd * _MICRO)
    return (2 * krw * _MICRO + rate) // (2 * rate)


def ocean_freight(make: str, body: str | None) -> int:
    """Freight in USD; an unknown body counts as sedan class."""
    return FREIGHT_LARGE_USD if make == LARGE_MAKE or body in LARGE_BODIES else FREIGHT_USD


def dealer_pricing(price_krw: int, krw_per_usd: float, make: str, body: str | None) -> Pricing:
    """Price a dealer car. The dealer fee and the fixed discount cancel out in `estimated_landed`."""
    listing_price = usd(price_krw, krw_per_usd)
    freight = ocean_freight(make, body)
    return Pricing(
        listing_price=listing_price,
        sold_price=None,
        discount_config=_DISCOUNT,
        breakdown=Breakdown(
            auction_fee=0,
            dealer_fee=DEALER_FEE_USD,
            lmn_commission=COMMISSION_USD,
            ocean_freight=freight,
            estimated_landed=listing_price + COMMISSION_USD + freight,
        ),
    )
