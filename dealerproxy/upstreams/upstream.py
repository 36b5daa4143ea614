"""The protocol that a site implements; the search and the routes use nothing else of it.

Its types are in `query` (requests), `results` (legs and other results), `paging` (chunks and the order of rows) and
`availability` (whether a car can be bought); listings, chunks, cars and papers are in `vehicles`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from dealerproxy.cache.entries import CacheResult
from dealerproxy.contract.deadline import Deadline
from dealerproxy.contract.explain import RateBudget
from dealerproxy.transport.errors import UpstreamError
from dealerproxy.upstreams.absence import Adverts
from dealerproxy.upstreams.availability import Outcome
from dealerproxy.upstreams.query import LegRequest, RowFilter
from dealerproxy.upstreams.results import EnrichedRows, FoundRows, SearchOutlook, SitePlan, StockedModels
from dealerproxy.upstreams.stocked import StockedLeg, StockFigures
from dealerproxy.vehicles.car import Car, Documents, SaleStatus
from dealerproxy.vehicles.listing import Chunk, Listing
from dealerproxy.vocabulary import Vocabulary

L_contra = TypeVar("L_contra", contravariant=True)


class Upstream(Protocol[L_contra]):
    """One site, with legs of type L. `bypass_cache` forces one attempt; every call ends by its deadline."""

    @property
    def operations(self) -> Sequence[str]:
        """The names of the site's operations, as in log lines and metrics."""

    @property
    def adverts(self) -> Adverts:
        """The watch for missing adverts of the site."""

    @property
    def stocks(self) -> Mapping[str, StockFigures]:
        """The figures of the site's stock, by the site's name; a separate stock of trucks by `trucks_of`.

        Empty if the site never has stock.
        """

    def plan(self, request: LegRequest, vocabulary: Vocabulary) -> SitePlan:
        """Return the legs of a query, or why there are none. Sends no request."""

    async def stocked(
        self, leg: L_contra, keep: RowFilter, deadline: Deadline, *, bypass_cache: bool
    ) -> StockedLeg | None:
        """Return the matching rows of a leg from a listing in stock; None if it must be read live.

        Raises UpstreamError for a leg that is never read live; such a leg always uses its stock.
        """

    def peek(self, leg: L_contra, keep: RowFilter, *, bypass_cache: bool) -> StockedLeg | None:
        """Return the result of `stocked` at this moment, without counting it as demand. Raises as `stocked` does."""

    async def outlook(
        self, leg: L_contra, keep: RowFilter, index: int | None, deadline: Deadline, *, bypass_cache: bool
    ) -> SearchOutlook:
        """Return the search for a chunk of a leg, or for its count if `index` is None. Sends no request to the site."""

    def trouble(self, leg: L_contra | None = None) -> UpstreamError | None:
        """Return why a leg (without one: most legs) must not be read live now; None if it may."""

    @property
    def budget(self) -> RateBudget:
        """The request rate of the site's lists, and how much of it is in use."""

    async def chunk(self, leg: L_contra, index: int, deadline: Deadline, *, bypass_cache: bool) -> CacheResult[Chunk]:
        """Return a leg's chunk by index. Raises UpstreamError."""

    async def count(
        self, leg: L_contra, keep: Callable[[Listing], bool], deadline: Deadline, *, bypass_cache: bool
    ) -> CacheResult[int]:
        """Return a leg's row count; if the site cannot filter, of rows that `keep` accepts. Raises UpstreamError."""

    async def enrich(self, rows: Sequence[Listing], deadline: Deadline, *, bypass_cache: bool) -> EnrichedRows:
        """Enrich rows of this site from their adverts. Never raises UpstreamError."""

    async def find(
        self, listing_id: str, deadline: Deadline, *, bypass_cache: bool = False
    ) -> CacheResult[Car | SaleStatus]:
        """Return a car that can be bought, or the status of any other. Raises UpstreamError if it is unknown."""

    async def documents(self, car: Car, krw_per_usd: float, deadline: Deadline, *, insider: bool) -> Documents:
        """Return a car's papers; with `insider`, also those that need `include=dealer`.

        Never raises UpstreamError: a failed paper does not fail the car.
        """

    async def availability(
        self, listing_ids: Sequence[str], deadline: Deadline, *, bypass_cache: bool
    ) -> Mapping[str, Outcome]:
        """Return each car's outcome by listing id; `unknown` for one that could not be checked."""

    async def rows_of(self, listing_ids: Sequence[str], deadline: Deadline, *, bypass_cache: bool) -> FoundRows:
        """Return the rows of the cars that can be bought, and the outcomes of all others."""

    async def facets(self, deadline: Deadline) -> StockedModels:
        """Return the makes and models with cars; if the site fails, the known ones with a notice."""
