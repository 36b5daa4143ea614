"""Chunks, sort keys and the order of rows: what a walk and an upstream agree on."""

import sys
import zlib
from collections.abc import Callable, Mapping

from dealerproxy.contract.terms import Sort
from dealerproxy.vehicles.listing import Chunk, Listing

CHUNK_ROWS = 48
# Past about this offset Encar answers the same page again and again.
MAX_OFFSET = 10_000


def _newest_first(listing: Listing) -> int:
    return -listing.registered


# By sort, a number that grows along it: months count backwards, prices descend as negatives.
SORT_KEYS: Mapping[Sort, Callable[[Listing], int]] = dict.fromkeys(Sort, _newest_first) | {
    Sort.PRICE_ASC: lambda listing: listing.price_krw,
    Sort.PRICE_DESC: lambda listing: -listing.price_krw,
    Sort.MILEAGE_ASC: lambda listing: listing.mileage_km,
}
# Before every row.
FIRST = (-sys.maxsize, 0)


def index_order(listing: Listing, sort: Sort) -> tuple[int, int]:
    """The place of a row among those of an index: a total order, and one that a cursor can hold."""
    return SORT_KEYS[sort](listing), digest(listing.listing_id)


def matching(chunk: Chunk, keep: Callable[[Listing], bool]) -> int:
    """How many rows of a whole listing match. What is left out counts only while all do: it may not match."""
    rows = [entry for entry in chunk.entries if isinstance(entry, Listing)]
    matched = sum(map(keep, rows))
    return matched if matched < len(rows) else len(chunk.entries)


_DIGEST_BYTES = 4


def digest(text: str) -> int:
    """A number of 32 bits that stands for an id where room is short."""
    return zlib.crc32(text.encode())
