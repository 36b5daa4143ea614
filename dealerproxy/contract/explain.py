"""The answer of a list request with `explain=1`: what the request would call and use. No site is called."""

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from dealerproxy.contract.answers import FxShown, Notice


class Origin(StrEnum):
    """Where the rows of a search come from."""

    STOCK = "stock"
    CACHE = "cache"
    LIVE = "live"
    NOTHING = "nothing"


class AppliedAt(StrEnum):
    """Where a filter applies: at the site, in this service to the rows it gets, both, or here to a list in stock."""

    SITE = "site"
    SERVICE = "service"
    SITE_AND_SERVICE = "site_and_service"
    STOCK = "stock"


class AppliedFilter(Struct, frozen=True, kw_only=True):
    """A parameter of the request that filters rows; `words` is the site's form of the filter, if the site gets one."""

    field: str
    applied_at: AppliedAt
    words: str | None = None


class ExplainedSearch(Struct, frozen=True, kw_only=True):
    """One search of a site.

    `search` and `url` are the site's own words and address. `age_s` and `rows` are known for stock, `age_s` for the
    cache. `state` is as in `X-Cache`; `reason` is why the rows are old, or missing. `calls` has the addresses of the
    first calls; further calls follow only when the rows of these are used up.
    """

    search: str
    url: str
    answered_from: Origin
    state: str | None
    reason: str | None
    age_s: int | None
    rows: int | None
    calls: Sequence[str]
    filters: Sequence[AppliedFilter]


class RateBudget(Struct, frozen=True, kw_only=True):
    """A site's request rate in this process: calls per second, burst, open at a time; calls open and waiting now."""

    calls_per_s: float
    burst: int
    in_flight: int
    open: int
    waiting: int


class ExplainedSource(Struct, frozen=True, kw_only=True):
    """One site. `reason` is why it is skipped; `trouble` is why it must not be called now."""

    name: str
    reason: str | None
    trouble: str | None
    budget: RateBudget
    searches: Sequence[ExplainedSearch]


class Explanation(Struct, frozen=True, kw_only=True):
    """The plan of a list request. `calls` counts the first calls to all sites; `dropped` names ignored parameters."""

    order: str
    page_size: int
    calls: int
    dropped: Sequence[str]
    sources: Sequence[ExplainedSource]
    fx: FxShown
    notices: Sequence[Notice]
