"""The parsed list request, and the filters on rows that follow from it."""

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct

from dealerproxy.contract.pricing import usd
from dealerproxy.contract.terms import DEFAULT_LIMIT, PAGE_MAX, UPSTREAMS, Sort
from dealerproxy.vehicles.listing import Listing
from dealerproxy.vocabulary import Make


class Display(Struct, frozen=True, kw_only=True):
    """How to show the rows: the request's exchange rate, if any, and the extra parts to include."""

    krw_per_usd: float | None = None
    insider: bool = False
    enriched: bool = False


class Query(Struct, frozen=True, kw_only=True):
    """A valid request for dealer rows. Bounds are inclusive; USD, km, model years; tokens are the partner's."""

    makes: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    year_min: int | None = None
    year_max: int | None = None
    mileage_max_km: int | None = None
    price_min_usd: int | None = None
    price_max_usd: int | None = None
    fuel: str | None = None
    transmissions: tuple[str, ...] = ()
    colour: str | None = None
    options: tuple[str, ...] = ()
    sort: Sort = Sort.AUCTION_DATE_ASC
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None
    display: Display = Display()
    upstreams: tuple[str, ...] = UPSTREAMS
    dealer_in_scope: bool = True
    auction_only: bool = False
    explain: bool = False
    dropped: tuple[str, ...] = ()

    @property
    def page_size(self) -> int:
        """Rows this page may hold."""
        return min(self.limit, PAGE_MAX)


class FilterWords(Struct, frozen=True):
    """The filters in the upstream's words; an empty tuple does not filter."""

    fuels: tuple[str, ...] = ()
    transmissions: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


# By make and model: the wanted vehicles of a model group; None is the vehicle that has the group's name.
Vehicles = Mapping[tuple[str, str], frozenset[str | None]]


class RowFilter(Struct, frozen=True):
    """The filters on rows, which refine a site's own filters or replace missing ones.

    A model group without an entry in `vehicles` matches whole. `colour` is the colour of rows from a search by colour.
    `strict`: the site does not filter by words that a row lacks, so such a row does not match.
    """

    query: Query
    facets: FilterWords
    krw_per_usd: float
    vehicles: Vehicles = {}
    colour: str | None = None
    strict: bool = False

    def __call__(self, listing: Listing) -> bool:
        """Whether a listing matches. If the row lacks a value, the upstream's own filter decides."""
        query = self.query
        return (
            (query.year_min is None or listing.year >= query.year_min)
            and (query.year_max is None or listing.year <= query.year_max)
            and (query.mileage_max_km is None or listing.mileage_km <= query.mileage_max_km)
            and self._price(listing)
            and self.words(listing)
        )

    @property
    def has_words(self) -> bool:
        """Whether anything depends on a listing's words."""
        return bool(self.query.fuel or self.facets.transmissions or self.vehicles)

    @property
    def word_key(self) -> Hashable:
        """The key of `words`: filters with equal keys accept the same words."""
        vehicles = tuple((group, names) for group, names in sorted(self.vehicles.items()))
        return self.query.fuel, self.facets.fuels, self.facets.transmissions, vehicles

    def words(self, listing: Listing, *, stocked: bool = False) -> bool:
        """Whether the words of a listing match; in a `stocked` listing, a missing word does not match."""
        unknown = () if stocked or self.strict else (None,)
        transmissions = self.facets.transmissions
        return (
            self._fuel(listing, unknown)
            and self._vehicle(listing)
            and (not transmissions or listing.transmission_word in (*unknown, *transmissions))
        )

    def _vehicle(self, listing: Listing) -> bool:
        wanted = self.vehicles.get((listing.make, listing.model))
        return wanted is None or listing.vehicle in wanted

    def _price(self, listing: Listing) -> bool:
        low, high = self.query.price_min_usd, self.query.price_max_usd
        if low is None and high is None:
            return True
        price = usd(listing.price_krw, self.krw_per_usd)
        return (low is None or price >= low) and (high is None or price <= high)

    def _fuel(self, listing: Listing, unknown: tuple[None, ...]) -> bool:
        asked = self.query.fuel
        if asked is None:
            return True
        if asked == "plug_in_hybrid" or (asked != "hybrid" and listing.fuel == "plug_in_hybrid"):
            # No facet separates plug-ins from other hybrids, so only the row's text decides.
            return listing.fuel == asked
        return listing.fuel_word in (*unknown, *self.facets.fuels)


class LegRequest(NamedTuple):
    """The input from which a site plans its legs.

    `makes` are the makes to search, each with the requested words for its models; () without a requested model.
    """

    query: Query
    makes: Sequence[tuple[Make, tuple[str, ...]]]
    facets: FilterWords
    krw_per_usd: float
