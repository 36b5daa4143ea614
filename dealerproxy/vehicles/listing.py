"""One car of an upstream's list, normalised to English, with prices in won.

Listings are cached, so nothing here depends on the request, such as its exchange rate or its fields.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from dealerproxy.contract.summary import TruckFacts


class LeftOutReason(StrEnum):
    """Why a row of an upstream is not offered. Notices and metrics use these words."""

    LEASE_OR_RENT = "lease_or_rent"
    UNDER_CONTRACT = "under_contract"
    PLACEHOLDER_PRICE = "placeholder_price"
    PLACEHOLDER_MILEAGE = "placeholder_mileage"
    UNKNOWN_MODEL = "unknown_model"
    UNREADABLE = "unreadable"
    NOT_BUYABLE = "not_buyable"
    SOLD_OR_RESERVED = "sold_or_reserved"
    OTHER_FEEDER = "other_feeder"


class LeftOut(Struct, frozen=True, tag=True, gc=False):
    """A row that is not offered but keeps its place in the upstream's order; with number, model and make if known."""

    reason: LeftOutReason
    listing_id: str | None = None
    model: str | None = None
    make: str | None = None


class Listing(Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """One car for sale.

    `registered` is the first registration as YYYYMM; if `month_known` is false, its month serves only for sorting.
    `registered` is the first registration as YYYYMM; if `month_known` is false, its month serves only for sorting.
    `year` is the model year, `price_krw` whole won. `vehicle_key` is the same for every copy of one car on one
    upstream; `original` is true for the first advert and false for its copies.
    `fuel` and `transmission` are partner tokens or null, the `_word` fields the upstream's own words or null.
    `vehicle` is the vehicle that its generation names, if it differs from its model group's (`Grand Cherokee`), and
    `generation` is the rest of the generation's name in English.
    from the advert. `truck` is set for rows of a truck index alone.
    """

    upstream: str
    listing_id: str
    vehicle_key: str
    original: bool
    make: str
    model: str
    trim: str | None
    year: int
    registered: int
    mileage_km: int
    price_krw: int
    fuel: str | None
    fuel_word: str | None
    transmission: str | None
    transmission_word: str | None
    engine_cc: int | None
    drivetrain: str | None
    body: str | None
    thumbnail_url: str | None
    url: str
    seller_type: str | None
    region: str | None
    model_korean: str
    trim_korean: str | None
    untranslated: int = 0
    month_known: bool = True
    colour: str | None = None
    options: tuple[str, ...] = ()
    vehicle: str | None = None
    generation: str | None = None
    truck: TruckFacts | None = None

    @property
    def id(self) -> str:
        """The public id, such as `encar_41985016`."""
        return f"{self.upstream}_{self.listing_id}"


class Chunk(Struct, frozen=True):
    """One aligned piece of a leg: its rows in the upstream's order.

    `total` is the upstream's own count for the whole leg, None if its rows prove it wrong. `ended` is true if nothing
    follows. `missing` is the number of rows that this chunk lacks by the upstream's count. `confirmed` is false if the
    chunk is empty but the upstream does not say so.
    """

    entries: tuple[Listing | LeftOut, ...]
    total: int | None
    ended: bool
    missing: int = 0
    confirmed: bool = True


# The observer of parsed rows: it gets their upstream, the rows, and the number of unreadable ones by reason.
Judged = Callable[[str, Sequence[Listing | LeftOut], Mapping[str, int]], None]


def unheeded(upstream: str, entries: Sequence[Listing | LeftOut], unreadable: Mapping[str, int]) -> None:
    """No-op observer."""
