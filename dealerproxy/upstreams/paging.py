"""Chunks, sort keys and the order of rows, shared by the search and the sites."""

import zlib
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from dealerproxy.contract.terms import Sort
from dealerproxy.vehicles.listing import Listing

V = TypeVar("V", int, Any)

CHUNK_ROWS = 48
# A walk of a leg in chunks ends at this row: further pages repeat the same rows (seen at one site).
MAX_OFFSET = 10_000


# A registration month is YYYYMM, so a model year times this outweighs it.
_MONTHS = 1_000_000


class Order(StrEnum):
    """The orders of rows. A walk keeps the one it began with."""

    YEAR = "year"  # newest model year first, within it newest registration first
    REGISTERED = "registered"  # newest registration first
    PRICE_ASC = "price_asc"
    PRICE_DESC = "price_desc"
    MILEAGE_ASC = "mileage_asc"

    @classmethod
    def of(cls, sort: Sort, *, exact: bool = False) -> "Order":
        """Return the order of a sort. No site sorts by model year: only an `exact` walk does."""
        if sort.by_year:
            return cls.YEAR if exact else cls.REGISTERED
        return cls(sort)


def year_key(year: V, registered: V) -> V:
    """Return the key of `Order.YEAR` for a model year and a registration as YYYYMM; numbers, or columns of them."""
    return -(year * _MONTHS + registered)


# The key of a row by order. Keys ascend from row to row, so values sorted in descending order are negated.
ORDER_KEYS: Mapping[Order, Callable[[Listing], int]] = {
    Order.YEAR: lambda listing: year_key(listing.year, listing.registered),
    Order.REGISTERED: lambda listing: -listing.registered,
    Order.PRICE_ASC: lambda listing: listing.price_krw,
    Order.PRICE_DESC: lambda listing: -listing.price_krw,
    Order.MILEAGE_ASC: lambda listing: listing.mileage_km,
}
DIGEST_BYTES = 4


def digest(text: str) -> int:
    """Return the 32-bit number that represents an id in a cursor."""
    return zlib.crc32(text.encode())
