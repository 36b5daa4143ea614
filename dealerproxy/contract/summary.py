"""One row of the public list: the partner API's VehicleSummary, nulls explicit."""

from msgspec import Struct

from dealerproxy.contract.pricing import Pricing


class VehicleSummary(Struct, frozen=True, kw_only=True, gc=False):
    """One dealer car as the partner sees it: USD, English, auction-only fields null."""

    id: str
    source: str = "dealer"
    make: str
    model: str
    trim: str | None
    year: int
    mileage_km: int
    fuel: str | None
    transmission: str | None
    color: str | None
    engine_cc: int | None
    drivetrain: str | None
    options: tuple[str, ...] = ()
    accident_grade: None = None
    exterior_grade: None = None
    auction_date: None = None
    order_cutoff_at: None = None
    thumbnail_url: str | None
    pricing: Pricing
    auction_result: None = None
    auction_count: None = None


class TruckFacts(Struct, frozen=True, kw_only=True, gc=False):
    """A site's own facts about a truck or bus, in English; null if the site does not state them.

    `form` is the kind of its body (`Wing Body or Box`) and `form_detail` the body (`Dry Box`), `capacity` the load
    (`1 t`), `standard` the wheelbase (`Extra-Long`) or number of axles, `use` is `private`, `commercial` or
    `registered_copy`.
    """

    form: str | None
    form_detail: str | None
    capacity: str | None
    standard: str | None
    use: str | None


class CarryingBox(Struct, frozen=True, kw_only=True, gc=False):
    """The box of a truck, in the site's numbers; their unit is unknown."""

    bore: int | None
    height: int | None
    width: int | None


class TruckDetail(TruckFacts, frozen=True, kw_only=True, gc=False):
    """The facts that a truck's advert adds to its row.

    `options` are those without a partner token, in English.
    """

    horse_power: int | None
    carrying_box: CarryingBox | None
    options: tuple[str, ...]


class DealerFacts(Struct, frozen=True, kw_only=True, gc=False):
    """What only insiders see (`include=dealer`): won, Korean names, the advert's own address.

    `truck` is null for a car.
    """

    upstream: str
    listing_id: str
    url: str
    price_krw: int | None
    first_registered: str | None
    body: str | None
    seller_type: str | None
    region: str | None
    model_korean: str
    trim_korean: str | None
    generation: str | None
    truck: TruckFacts | None


class InsiderSummary(VehicleSummary, frozen=True, kw_only=True, gc=False):
    """A summary with the `dealer` object."""

    dealer: DealerFacts
