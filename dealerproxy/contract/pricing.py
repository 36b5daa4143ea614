"""Dealer prices in whole US dollars by the partner API's public rules."""

from functools import lru_cache

from msgspec import Struct

DEALER_FEE_USD = 300
COMMISSION_USD = 300
FREIGHT_USD = 1500
FREIGHT_LARGE_USD = 1800
# "Mercedes-Benz is 1800 for any body type; other makers are 1800 for SUV-class (SUV, minivan, van, truck)". A bus is a
# large van.
LARGE_BODIES = frozenset({"suv", "minivan", "van", "bus", "truck"})
LARGE_MAKE = "Mercedes-Benz"

_MICRO = 1_000_000
# Cars have round prices: a few thousand different values.
_PRICES_KEPT = 16_384


class DiscountConfig(Struct, frozen=True, gc=False):
    """Dealer cars have no bid, so the bid-based parts are 0; the fixed amount offsets the dealer fee."""

    bid_threshold: int = 0
    rate_below: int = 0
    rate_at_or_above: int = 0
    fixed_discount_amount: int = DEALER_FEE_USD


class Breakdown(Struct, frozen=True, gc=False):
    """Cost lines in whole USD. Only `estimated_landed` is after the discount; it is null without a price."""

    auction_fee: int
    dealer_fee: int
    lmn_commission: int
    ocean_freight: int
    estimated_landed: int | None


class Pricing(Struct, frozen=True, gc=False):
    """The summary's `pricing` object. `sold_price` exists only in auctions and is always null here."""

    listing_price: int
    sold_price: None
    discount_config: DiscountConfig
    breakdown: Breakdown


class DetailPricing(Struct, frozen=True, gc=False):
    """The detail's `pricing` object; fields that only auctions have are null or empty."""

    listing_price: int | None
    sold_price: None
    auction_fee_config: None
    discount_config: DiscountConfig
    breakdown: Breakdown
    history: tuple[()] = ()
    market_assessment: None = None


_DISCOUNT = DiscountConfig()


def usd(krw: int, krw_per_usd: float) -> int:
    """Convert won to whole dollars, half up; the rate counts to six decimals."""
    rate = round(krw_per_usd * _MICRO)
    return (2 * krw * _MICRO + rate) // (2 * rate)


def least_won(dollars: int, krw_per_usd: float) -> int:
    """Return the lowest price in won that `usd` converts to `dollars`."""
    rate = round(krw_per_usd * _MICRO)
    return -(-(2 * dollars - 1) * rate // (2 * _MICRO))


def ocean_freight(make: str, body: str | None) -> int:
    """Return the freight in USD; an unknown body counts as sedan class."""
    return FREIGHT_LARGE_USD if make == LARGE_MAKE or body in LARGE_BODIES else FREIGHT_USD


def dealer_pricing(price_krw: int, krw_per_usd: float, make: str, body: str | None) -> Pricing:
    """Return the prices of a dealer car. Dealer fee and fixed discount cancel out in `estimated_landed`."""
    return _dealer_pricing(price_krw, krw_per_usd, ocean_freight(make, body))


@lru_cache(maxsize=_PRICES_KEPT)
def _dealer_pricing(price_krw: int, krw_per_usd: float, freight: int) -> Pricing:
    listing_price = usd(price_krw, krw_per_usd)
    return Pricing(listing_price, None, _DISCOUNT, _breakdown(listing_price, freight))


def detail_pricing(price_krw: int | None, krw_per_usd: float, make: str, body: str | None) -> DetailPricing:
    """Return the prices of a car in full. A placeholder price is null, and so is every figure that depends on it."""
    listing_price = None if price_krw is None else usd(price_krw, krw_per_usd)
    return DetailPricing(listing_price, None, None, _DISCOUNT, _breakdown(listing_price, ocean_freight(make, body)))


def _breakdown(listing_price: int | None, freight: int) -> Breakdown:
    return Breakdown(
        auction_fee=0,
        dealer_fee=DEALER_FEE_USD,
        lmn_commission=COMMISSION_USD,
        ocean_freight=freight,
        estimated_landed=None if listing_price is None else listing_price + COMMISSION_USD + freight,
    )
