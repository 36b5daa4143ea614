"""A query's bounds in Encar's units, wide enough for every row that matches."""

import math

from dealerproxy.upstreams.car_words import WON_PER_MANWON
from dealerproxy.upstreams.encar.query import ANY_MONTH, ANY_NUMBER


def manwon_bounds(low_usd: int | None, high_usd: int | None, krw_per_usd: float) -> tuple[int, int] | None:
    """Return bounds in whole 만원 that include every price within the dollar bounds, rounded half up; None if none."""
    if low_usd is None and high_usd is None:
        return None
    lowest, highest = ANY_NUMBER
    low = math.floor((low_usd - 0.5) * krw_per_usd / WON_PER_MANWON) if low_usd else lowest
    high = math.ceil((high_usd + 0.5) * krw_per_usd / WON_PER_MANWON) if high_usd is not None else highest
    return min(max(low, lowest), highest), min(high, highest)


def registration_bounds(year_min: int | None, year_max: int | None) -> tuple[int, int] | None:
    """Return the months (YYYYMM) of first registration that cars of these model years can have; None without bounds.

    In 727 of 727 captured rows the model year is the registration's year or the one after it.
    """
    if year_min is None and year_max is None:
        return None
    earliest, latest = ANY_MONTH
    low = (year_min - 1) * 100 + 1 if year_min is not None else earliest
    high = year_max * 100 + 12 if year_max is not None else latest
    return low, high
