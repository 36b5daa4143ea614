"""The two indexes of Encar's search, cars and trucks, and the differences in reading their legs."""

from dataclasses import dataclass

from dealerproxy.contract.terms import Sort
from dealerproxy.upstreams.encar.operations import SEARCH, TRUCK_SEARCH
from dealerproxy.upstreams.encar.rows import ReadOne, read_row
from dealerproxy.upstreams.encar.truck_rows import read_truck
from dealerproxy.upstreams.off_sale import Entries
from dealerproxy.upstreams.operations import Operation

# `Year` is Encar's newest-first; an ascending year sort is not known. Both indexes have the same sorts.
ENCAR_SORTS = {
    Sort.AUCTION_DATE_ASC: "Year",
    Sort.YEAR_DESC: "Year",
    Sort.PRICE_ASC: "PriceAsc",
    Sort.PRICE_DESC: "PriceDesc",
    Sort.MILEAGE_ASC: "MileageAsc",
}
NEWEST = "ModifiedDate"


@dataclass(frozen=True, eq=False)
class SearchIndex:
    """An index: the operation that searches it, and the reader of one of its rows.

    `count` is the name of a call for a count alone, as in log lines. If not `zero_is_certain`, a count of 0 may mean
    that the index does not know a word of the search.
    """

    search: Operation[..., tuple[int, Entries]]
    read_row: ReadOne
    count: str
    zero_is_certain: bool


CARS = SearchIndex(SEARCH, read_row, "count", zero_is_certain=True)
TRUCKS = SearchIndex(TRUCK_SEARCH, read_truck, TRUCK_SEARCH.name, zero_is_certain=False)
