"""The routes of one car: its detail, its page and its papers. A route's name is the operation that faults aim at.

* `detail` `/v1/readside/vehicle/{id}?include=`: 404 with an empty body for an advert that is unknown, removed, or no
  longer advertised and not lingering
* `batch` `/v1/readside/vehicles?vehicleIds=&include=`: the documents of those that `detail` would answer for, the
  first 20 ids, each once, in the order of their vehicles and not in that of the ids
* `page` `/cars/detail/{id}`: 200 for every advert that is or was known (an original whose copy is known counts as
  removed), 404 for all others
* `inspection`, `record`, `diagnosis` `/v1/readside/…/vehicle/{vehicleId}`, `packages`
  `/v1/readside/vehicles/car/{vehicleId}/options/choice`, `battery` `/v1/readside/vehicle/ev-battery/{vehicleId}` (of
  any car, with or without a battery): whatever the advert's status; 404 with an empty body for a vehicle without the
  paper and for the id of a copy
"""

from collections.abc import Callable, Iterable
from typing import Final

from aiohttp import web

from dealerproxy.sandbox.encar import pages
from dealerproxy.sandbox.encar.battery import battery
from dealerproxy.sandbox.encar.cars import ADVERTISED, Car
from dealerproxy.sandbox.encar.details import Json, detail, narrowed
from dealerproxy.sandbox.encar.inspections import inspection
from dealerproxy.sandbox.encar.inventory import Inventory
from dealerproxy.sandbox.encar.packages import packages
from dealerproxy.sandbox.encar.records import diagnosis, record
from dealerproxy.sandbox.wire import answer, json_answer

DETAIL: Final = "detail"
BATCH: Final = "batch"
PAGE: Final = "page"
INSPECTION: Final = "inspection"
RECORD: Final = "record"
DIAGNOSIS: Final = "diagnosis"
PACKAGES: Final = "packages"
BATTERY: Final = "battery"
MOST_IDS: Final = 20


def routes(inventory: Inventory) -> Iterable[web.RouteDef]:
    """List the routes over an inventory that may change while they serve."""

    async def one(request: web.Request) -> web.Response:
        car = _answering(inventory, request.match_info["id"])
        return _missing() if car is None else json_answer(request, _document(inventory, car, request))

    async def several(request: web.Request) -> web.Response:
        asked = list(dict.fromkeys(request.query.get("vehicleIds", "").split(",")))[:MOST_IDS]
        found = [car for car in (_answering(inventory, car_id) for car_id in asked) if car is not None]
        found.sort(key=lambda car: (car.vehicle_id, car.id))
        return json_answer(request, [_document(inventory, car, request) for car in found])

    async def page(request: web.Request) -> web.Response:
        car_id = request.match_info["id"]
        if car := inventory.by_id(car_id):
            body = pages.live(car, detail(car, _copies(inventory, car)))
        elif inventory.was_known(car_id):
            body = pages.gone(car_id)
        else:
            raise web.HTTPNotFound
        return answer(request, body, "text/html")

    return [
        web.get("/v1/readside/vehicle/{id}", one, name=DETAIL),
        web.get("/v1/readside/vehicles", several, name=BATCH),
        web.get("/cars/detail/{id}", page, name=PAGE),
        _paper(inventory, "/v1/readside/inspection/vehicle/{id}", INSPECTION, inspection),
        _paper(inventory, "/v1/readside/record/vehicle/{id}/open", RECORD, record),
        _paper(inventory, "/v1/readside/diagnosis/vehicle/{id}", DIAGNOSIS, diagnosis),
        _paper(inventory, "/v1/readside/vehicles/car/{id}/options/choice", PACKAGES, packages),
        _paper(inventory, "/v1/readside/vehicle/ev-battery/{id}", BATTERY, battery),
    ]


def _paper(inventory: Inventory, path: str, name: str, read: Callable[[Car], Json | list[Json] | None]) -> web.RouteDef:
    async def paper(request: web.Request) -> web.Response:
        adverts = inventory.of_vehicle(request.match_info["id"])
        found = read(adverts[0]) if adverts else None
        return _missing() if found is None else json_answer(request, found)

    return web.get(path, paper, name=name)


def _answering(inventory: Inventory, car_id: str) -> Car | None:
    car = inventory.by_id(car_id)
    return car if car is not None and (car.status == ADVERTISED or car.lingers) else None


def _document(inventory: Inventory, car: Car, request: web.Request) -> Json:
    document = detail(car, _copies(inventory, car))
    return narrowed(document, request.query["include"]) if "include" in request.query else document


def _copies(inventory: Inventory, car: Car) -> list[Car]:
    """The adverts on offer that show this one's car again."""
    adverts = inventory.of_vehicle(car.vehicle_id)
    return [advert for advert in adverts if advert.is_copy and advert.status == ADVERTISED]


def _missing() -> web.Response:
    return web.Response(status=404)
