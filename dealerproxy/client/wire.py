"""What goes over the wire between a caller and the service: header names, limits, closed words, answers.

Rows and cars are the service's own models (`dealerproxy.vehicles`). The rest is told here a second time, because the
server's modules that hold it load what only a server needs; tests hold every name and field of it against them.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from msgspec import UNSET, Struct, UnsetType

from dealerproxy.vehicles.summary import VehicleSummary

REQUEST_ID = "X-Request-Id"
API_KEY = "x-api-key"
DEADLINE_HEADER = "X-Request-Deadline-Ms"
PARTIAL_HEADER = "X-LMN-Partial-Dealer-Unavailable"
PAGE_MAX_HEADER = "X-LMN-Dealer-Page-Max"

DEFAULT_LIMIT, MAX_LIMIT = 50, 200
PAGE_MAX = 48
DEALER = "dealer"
SOURCES = (DEALER, "glovis", "sk", "aj", "lotte", "kcar")
UPSTREAMS = ("encar", "danawa")
AUCTION_ONLY = (
    "auction_status",
    "accident_grade",
    "exterior_grade",
    "auction_date_from",
    "auction_date_to",
    "auction_count_min",
    "auction_count_max",
)
UNSUPPORTED_OPTIONS = ("panoramic_sunroof", "dashcam")


class Sort(StrEnum):
    """Orders a partner can ask for. Dealer cars have no auction date: the default means newest first."""

    AUCTION_DATE_ASC = "auction_date_asc"
    PRICE_ASC = "price_asc"
    PRICE_DESC = "price_desc"
    YEAR_DESC = "year_desc"
    MILEAGE_ASC = "mileage_asc"


class Status(StrEnum):
    """What became of a source: failed and partial are troubles, stale and skipped are not."""

    OK = "ok"
    STALE = "stale"
    PARTIAL = "partial"
    FAILED = "failed"
    SKIPPED = "skipped"


class SourceState(Struct, frozen=True, kw_only=True):
    """One dealer site in one answer; `reason` is a word of a closed list, `retry_at` ISO 8601."""

    name: str
    status: Status
    reason: str | None = None
    rows: int = 0
    total: int | None = None
    age_s: int | None = None
    retry_at: str | None = None


class Notice(Struct, frozen=True, kw_only=True):
    """A remark for whoever merges the rows; branch on `code`."""

    code: str
    field: str | None = None
    message: str
    count: int | None = None


class FxShown(Struct, frozen=True):
    """The exchange rate of an answer, with its moment (ISO 8601) and source."""

    krw_per_usd: float
    as_of: str
    source: str


class VehicleList(Struct, frozen=True, kw_only=True):
    """A page of dealer rows. `filtered_out` is there only when an auction-only filter hid dealer rows."""

    data: Sequence[VehicleSummary]
    next_cursor: str | None
    sources: Sequence[SourceState]
    fx: FxShown
    notices: Sequence[Notice]
    filtered_out: int | UnsetType = UNSET


class FacetsAnswer(Struct, frozen=True, kw_only=True):
    """What dealer cars can be filtered on: flat unique values without counts."""

    makes: Sequence[str]
    models: Mapping[str, Sequence[str]]
    fuels: Sequence[str]
    transmissions: Sequence[str]
    sources: Sequence[str]
    as_of: str
    notices: Sequence[Notice] = ()


class Buyable(StrEnum):
    """Whether a car can be bought; `unknown` is one nobody could ask about."""

    AVAILABLE = "available"
    SOLD = "sold"
    WAITING = "waiting"
    GONE = "gone"
    UNKNOWN = "unknown"


class CarState(Struct, frozen=True):
    """One car of an availability check; `reason` says more where the status alone does not."""

    id: str
    status: Buyable
    reason: str | None = None


class Availability(Struct, frozen=True):
    """An availability check, in the order asked, repeated ids once."""

    data: Sequence[CarState]
