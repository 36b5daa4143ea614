"""The partner API's words and limits that the service and its callers share."""

from enum import StrEnum

from dealerproxy.contract.ids import LISTING_IDS

DEFAULT_LIMIT, MAX_LIMIT = 50, 200
PAGE_MAX = 48
DEALER = "dealer"
SOURCES = (DEALER, "glovis", "sk", "aj", "lotte", "kcar")
# The sites in the order of their legs. If two sites list one car, lists show the earlier site's advert.
UPSTREAMS = tuple(LISTING_IDS)
AUCTION_ONLY = (
    "auction_status",
    "accident_grade",
    "exterior_grade",
    "auction_date_from",
    "auction_date_to",
    "auction_count_min",
    "auction_count_max",
)


class Sort(StrEnum):
    """The sort orders of lists. Dealer cars have no auction date: the default means newest first."""

    AUCTION_DATE_ASC = "auction_date_asc"
    PRICE_ASC = "price_asc"
    PRICE_DESC = "price_desc"
    YEAR_DESC = "year_desc"
    MILEAGE_ASC = "mileage_asc"

    @property
    def by_year(self) -> bool:
        """Whether rows are sorted by first registration, newest first."""
        return self in {Sort.AUCTION_DATE_ASC, Sort.YEAR_DESC}
