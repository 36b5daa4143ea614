"""Chunks, sort keys and the order of rows, shared by the search and the sites."""

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


# The key of a row by sort. Keys ascend from row to row, so values sorted in descending order are negated.
SORT_KEYS: Mapping[Sort, Callable[[Listing], int]] = dict.fromkeys(Sort, _newest_first) | {
    Sort.PRICE_ASC: lambda listing: listing.price_krw,
    Sort.PRICE_DESC: lambda listing: -listing.price_krw,
    Sort.MILEAGE_ASC: lambda listing: listing.mileage_km,
}
# Sorts before every row.
FIRST = (-sys.maxsize, 0)


def index_order(listing: Listing, sort: Sort) -> tuple[int, int]:
    """Return the sort position of a row in a leg that is read whole: its sort key, then the digest of its id."""
    return SORT_KEYS[sort](listing), digest(listing.listing_id)


def matching(chunk: Chunk, keep: Callable[[Listing], bool]) -> int:
    """Count the rows that `keep` accepts; if it accepts all, count left-out entries too."""
    rows = [entry for entry in chunk.entries if isinstance(entry, Listing)]
    matched = sum(map(keep, rows))
    return matched if matched < len(rows) else len(chunk.entries)


DIGEST_BYTES = 4


def digest(text: str) -> int:
    """Return the 32-bit number that represents an id in a cursor."""
    return zlib.crc32(text.encode())
