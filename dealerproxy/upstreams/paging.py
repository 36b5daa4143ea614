"""Chunks, sort keys and the order of rows, as the search and the sites use them."""

import sys
import zlib
from collections.abc import Callable, Mapping

from dealerproxy.contract.terms import Sort
from dealerproxy.vehicles.listing import Chunk, Listing

CHUNK_ROWS = 48
# A walk of a leg in chunks ends at this row: further pages repeat the same rows (seen at one site).
MAX_OFFSET = 10_000


def _newest_first(listing: Listing) -> int:
    return -listing.registered


# By sort, the key of a row, which grows from row to row: descending values are negative.
SORT_KEYS: Mapping[Sort, Callable[[Listing], int]] = dict.fromkeys(Sort, _newest_first) | {
    Sort.PRICE_ASC: lambda listing: listing.price_krw,
    Sort.PRICE_DESC: lambda listing: -listing.price_krw,
    Sort.MILEAGE_ASC: lambda listing: listing.mileage_km,
}
# The order of what stands before every row.
FIRST = (-sys.maxsize, 0)


def index_order(listing: Listing, sort: Sort) -> tuple[int, int]:
    """Return the order of a row in a leg that is read whole: its sort key, then the digest of its id."""
    return SORT_KEYS[sort](listing), digest(listing.listing_id)


def matching(chunk: Chunk, keep: Callable[[Listing], bool]) -> int:
    """Count the rows that `keep` accepts; if it accepts all, the entries, those left out included."""
    rows = [entry for entry in chunk.entries if isinstance(entry, Listing)]
    matched = sum(map(keep, rows))
    return matched if matched < len(rows) else len(chunk.entries)


DIGEST_BYTES = 4


def digest(text: str) -> int:
    """Return a number of 32 bits that stands for an id in a cursor."""
    return zlib.crc32(text.encode())
