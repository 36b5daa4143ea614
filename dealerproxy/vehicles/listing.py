"""What an upstream's list says about one car, normalised to English but still in won.

Listings are cached, so nothing here depends on the request: no exchange rate, no chosen fields.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

from msgspec import Struct


class LeftOutReason(StrEnum):
    """Why a row of an upstream is not offered. The words are used in notices and metrics."""

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
    """A row that keeps its place in the upstream's order but is not offered, with its number and model if known."""

    reason: LeftOutReason
    listing_id: str | None = None
    model: str | None = None


class Listing(Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """One car for sale.

    `registered` is the first registration as YYYYMM; where `month_known` is false its month is only there to sort by.
    `year` is the model year, `price_krw` whole won. `vehicle_key` is the same for every copy of one car on one
    upstream; `original` tells the first advert from its copies.
    `fuel` and `transmission` are partner tokens or null, the `_word` fields what the upstream said, if anything.
    `vehicle` is the one its generation names, where that is another than its model group's (`Grand Cherokee`), and
    `generation` the rest of its name in English.
    `untranslated` counts words of the trim that had no English. `colour` and `options` are known only once the
    listing was enriched from its advert.
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

    @property
    def id(self) -> str:
        """The public id, such as `encar_41985016`."""
        return f"{self.upstream}_{self.listing_id}"


class Chunk(Struct, frozen=True):
    """One aligned piece of a leg: its rows in the upstream's order.

    `total` is the upstream's own count for the whole leg, None where its rows prove it wrong; `ended` tells that
    nothing follows; `missing` how many rows it kept back of those its count promises for this piece; `confirmed` is
    false for an emptiness not put in words, and `cut` true where the listing goes on past what is read of it.
    """

    entries: tuple[Listing | LeftOut, ...]
    total: int | None
    ended: bool
    missing: int = 0
    confirmed: bool = True
    cut: bool = False


# Is told of the rows of each answer that was read: their upstream, the rows, and why how many could not be read.
Judged = Callable[[str, Sequence[Listing | LeftOut], Mapping[str, int]], None]


def unheeded(upstream: str, entries: Sequence[Listing | LeftOut], unreadable: Mapping[str, int]) -> None:
    """Where nobody wants to be told."""
