"""What the main API imports to show dealer cars beside its auction cars.

Import all of it from here::

    query = parse(request.query.items())                     # raises InvalidRequest
    rows, cursor = await auction_rows(query)                 # the main API's own, none for a pure dealer request
    answer = await dealer.answer(query, deadline_s=3)        # DealerClient; failures come as values
    page = merge(query, rows, answer, auction_cursor=cursor)

* `parse`, `PartnerQuery`: which sources a partner's query string names, and whether dealer cars can match it
* `DealerClient`: the service over HTTP with typed answers and errors; needs an aiohttp session
* `merge`, `merge_facets`: one answer out of both halves, with headers that name missing parts
* `detail_or_snapshot`, `take_snapshot`, `complete_snapshot`, `order_error`, `is_dealer_id`: one car, live or as ordered
* `watch`: events of cars that are sold, waiting, gone or back, or whose price changed
* `DealerError` and its subclasses, `for_partner`: an error, and the part of it that a partner may see

The package needs aiohttp, msgspec and yarl; it loads none of the server's other dependencies.
"""

from dealerproxy.client.answers import DealerCar, DealerFacets, DealerList, DealerRows
from dealerproxy.client.client import DealerClient
from dealerproxy.client.errors import (
    DealerError,
    DealerUnavailable,
    InvalidRequest,
    VehicleNotFound,
    VehicleUnavailable,
    for_partner,
)
from dealerproxy.client.merge import Page, Row, merge, merge_facets, merge_rows, split
from dealerproxy.client.snapshot import (
    Found,
    Owner,
    Snapshot,
    SnapshotUnreadable,
    complete_snapshot,
    detail_or_snapshot,
    order_error,
    take_snapshot,
)
from dealerproxy.client.sources import DealerPart, PartnerQuery, is_dealer_id, parse
from dealerproxy.client.watching import CarChange, CarEvent, Sighting, Watch, WatchStateUnreadable, watch
from dealerproxy.contract.answers import Buyable, CarState, FacetsAnswer, VehicleList
from dealerproxy.contract.detail import VehicleDetail
from dealerproxy.contract.summary import VehicleSummary
from dealerproxy.contract.terms import Sort

__all__ = [
    "Buyable",
    "CarChange",
    "CarEvent",
    "CarState",
    "DealerCar",
    "DealerClient",
    "DealerError",
    "DealerFacets",
    "DealerList",
    "DealerPart",
    "DealerRows",
    "DealerUnavailable",
    "FacetsAnswer",
    "Found",
    "InvalidRequest",
    "Owner",
    "Page",
    "PartnerQuery",
    "Row",
    "Sighting",
    "Snapshot",
    "SnapshotUnreadable",
    "Sort",
    "VehicleDetail",
    "VehicleList",
    "VehicleNotFound",
    "VehicleSummary",
    "VehicleUnavailable",
    "Watch",
    "WatchStateUnreadable",
    "complete_snapshot",
    "detail_or_snapshot",
    "for_partner",
    "is_dealer_id",
    "merge",
    "merge_facets",
    "merge_rows",
    "order_error",
    "parse",
    "split",
    "take_snapshot",
    "watch",
]
