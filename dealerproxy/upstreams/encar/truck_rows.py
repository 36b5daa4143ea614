"""Rows of Encar's truck index (`premium` view) as typed listings.

No full answer was captured: the fields are those that public programs read. So few are required, all others are
optional, and a row outside the search is unreadable: the index might ignore an axis that it does not know.
"""

from collections import Counter

from dealerproxy.stock.table import StockedCar
from dealerproxy.upstreams.caps import Text
from dealerproxy.upstreams.encar.rows import (
    FORGIVABLE,
    Offer,
    RowReader,
    SearchTarget,
    Unreadable,
    car_of,
    read_listings,
)
from dealerproxy.upstreams.encar.truck_kinds import TruckKind
from dealerproxy.vehicles.listing import LeftOut, LeftOutReason, Listing
from dealerproxy.vocabulary import Vocabulary


class TruckRow(Offer, frozen=True, gc=False, kw_only=True):
    """A row of a truck. `Form` was never seen in a row."""

    Form: Text | None = None
    FormDetail: Text | None = None
    Capacity: Text | None = None
    Standard: Text | None = None
    Use: Text | None = None


def read_truck_search(
    body: bytes, asked: SearchTarget, vocabulary: Vocabulary, bad: Counter[str] | None = None
) -> tuple[int, tuple[Listing | LeftOut, ...]]:
    """Read an answer of the truck index as `read_search` reads one of cars."""
    return read_listings(body, asked, vocabulary, read_truck, bad)


def _truck(row: TruckRow, asked: SearchTarget, vocabulary: Vocabulary) -> StockedCar | LeftOutReason:
    if asked.facet and row.Manufacturer != asked.facet:
        raise Unreadable("Manufacturer was not asked for")
    truck = vocabulary.trucks.model_of(row.Manufacturer, row.Model)
    if asked.trucks and (truck is None or truck.korean not in asked.trucks):
        raise Unreadable("Model was not asked for")
    return car_of(row, vocabulary, _kind(row))


def _kind(row: TruckRow) -> TruckKind:
    name = (row.Manufacturer, None, row.Manufacturer, row.Model, row.Badge, None, row.FuelType, row.Transmission)
    return TruckKind(*name, row.FormDetail, row.Capacity, row.Standard, row.Use, row.Form)


_FORGIVEN = {*FORGIVABLE, "FormYear", "Form", "FormDetail", "Capacity", "Standard", "Use"} - {"BadgeDetail"}
read_truck = RowReader(TruckRow, _FORGIVEN, _truck)
