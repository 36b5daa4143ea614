"""The answers of the list, facets and availability routes."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from msgspec import UNSET, Struct, UnsetType

from dealerproxy.contract.summary import VehicleSummary

# Reason of `stale` while a background refresh of the rows runs.
REFRESHING = "refreshing"
# Reasons of `stale` that are no failure of the site.
NOT_ITS_FAILURE = frozenset({REFRESHING, "overloaded"})


class Status(StrEnum):
    """The status of a source: a site in one answer."""

    OK = "ok"
    STALE = "stale"
    PARTIAL = "partial"
    FAILED = "failed"
    SKIPPED = "skipped"


class SkipReason(StrEnum):
    """The reason why a source was skipped."""

    SOURCE_EXCLUDED = "source_excluded"
    NOTHING_TO_ASK = "nothing_to_ask"
    NO_FACET = "no_facet"
    FILTER_UNSUPPORTED = "filter_unsupported"
    UPSTREAM_EXCLUDED = "upstream_excluded"


class SourceState(Struct, frozen=True, kw_only=True):
    """One upstream in one answer.

    `reason` is a skip reason or an upstream error's code; `total` the upstream's own count over the legs that
    answered, null if it sent more rows than it counts; `age_s` the age of the oldest part used, in seconds; `retry_at`
    the time at which a retry makes sense, ISO 8601. `capture` exists only if the page with the trouble was saved: its
    id, or `pending` while it is being written.
    """

    name: str
    status: Status
    reason: str | None = None
    rows: int = 0
    total: int | None = None
    age_s: int | None = None
    retry_at: str | None = None
    capture: str | UnsetType = UNSET

    @property
    def failing(self) -> bool:
        """Whether the site failed: completely, in part, or during a refresh, so that old rows are shown.

        `X-LMN-Partial-Dealer-Unavailable` names such a source.
        """
        if self.status is Status.STALE:
            return self.reason not in NOT_ITS_FAILURE
        return self.status in {Status.FAILED, Status.PARTIAL}


class Notice(Struct, frozen=True, kw_only=True):
    """What was left out, ignored or replaced. `count` is the number of rows or values, else null."""

    code: str
    field: str | None = None
    message: str
    count: int | None = None


class FxShown(Struct, frozen=True):
    """The exchange rate of this answer."""

    krw_per_usd: float
    as_of: str
    source: str


class Buyable(StrEnum):
    """The sale status of a car in an answer."""

    AVAILABLE = "available"
    SOLD = "sold"
    WAITING = "waiting"
    GONE = "gone"
    UNKNOWN = "unknown"


class CarState(Struct, frozen=True):
    """The availability of one car; `reason` is null if the status explains itself."""

    id: str
    status: Buyable
    reason: str | None = None


class VehicleList(Struct, frozen=True, kw_only=True):
    """The answer of `GET /v1/vehicles`.

    `filtered_out` exists only with an auction filter, which hides all dealer rows; null if their number is unknown.
    `states` exists only with `ids` and holds the cars without a row.
    """

    data: Sequence[VehicleSummary]
    next_cursor: str | None
    sources: Sequence[SourceState]
    fx: FxShown
    notices: Sequence[Notice]
    filtered_out: int | UnsetType | None = UNSET
    states: Sequence[CarState] | UnsetType = UNSET


class FacetsAnswer(Struct, frozen=True, kw_only=True):
    """Values that dealer cars can be filtered by, without counts, in the partner API's shape."""

    makes: Sequence[str]
    models: Mapping[str, Sequence[str]]
    fuels: Sequence[str]
    transmissions: Sequence[str]
    sources: Sequence[str]
    as_of: str
    notices: Sequence[Notice] = ()


class AvailabilityAnswer(Struct, frozen=True):
    """The answer of `POST /v1/vehicles/availability`, in the order asked, repeated ids once."""

    data: Sequence[CarState]
