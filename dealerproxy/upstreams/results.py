"""Types that a site returns besides chunks of rows and cars."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from dealerproxy.cache.entries import CacheOutlook
from dealerproxy.contract.answers import Notice, SkipReason
from dealerproxy.transport.errors import UpstreamError
from dealerproxy.upstreams.availability import Outcome
from dealerproxy.vehicles.listing import Listing


class Leg(Protocol):
    """One search or listing of a site that a query needs."""

    @property
    def upstream(self) -> str:
        """The site's name."""

    @property
    def q(self) -> str:
        """Identifies the leg among the site's in one line; cursors depend on it."""

    @property
    def named(self) -> bool:
        """Whether the query names this search's models. An answer may lack the rows of a leg that is not named."""

    @property
    def filtered(self) -> bool:
        """Whether the site applies all filters. If not, rows that lack a requested word do not match."""


class SearchOutlook(NamedTuple):
    """A search in the site's own words: its address, its filters by the partner's parameter, and its cache outlook."""

    url: str
    filters: Mapping[str, str]
    kept: CacheOutlook


class SitePlan(NamedTuple):
    """The legs of a query at one site; without any, `skip` is the reason. `notices` name what was not searched."""

    legs: Sequence[Leg] = ()
    skip: SkipReason | None = None
    notices: Sequence[Notice] = ()


class EnrichedRows(NamedTuple):
    """Rows enriched from their adverts, by listing id; None for a car that is no longer on sale.

    A missing row stays as it is; `failure` is the reason if the site failed.
    """

    rows: Mapping[str, Listing | None] = {}
    failure: UpstreamError | None = None


class FoundRows(NamedTuple):
    """Cars looked up by listing id: the rows of those that can be bought and shown, the outcomes of all others.

    `age_s` is the age of the oldest row in seconds; `kept` is true if any of them comes from the cache or from stock.
    """

    rows: Mapping[str, Listing] = {}
    outcomes: Mapping[str, Outcome] = {}
    age_s: float = 0.0
    kept: bool = False


class StockedModels(NamedTuple):
    """The models of which a site has cars, by make, in the order to show; all names are the vocabulary's.

    `at` is the time of the site's answer in unix seconds; None for current data.
    """

    models: Mapping[str, Sequence[str]]
    at: float | None = None
    notices: Sequence[Notice] = ()
