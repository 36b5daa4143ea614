"""The stand-in's own routes under `/__sandbox/`: faults, cars and the received requests. They have no faults."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any, Final, Protocol, TypeVar, get_type_hints

import msgspec
import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from dealerproxy.sandbox.danawa.cars import DanawaCar
from dealerproxy.sandbox.danawa.inventory import DanawaInventory
from dealerproxy.sandbox.danawa.pages import Manners
from dealerproxy.sandbox.encar.cars import Car
from dealerproxy.sandbox.encar.inventory import Inventory
from dealerproxy.sandbox.faults import AnyFault, Fault, Faults
from dealerproxy.sandbox.wire import naming_allowed

_ENCAR_FILTERS: Final = ("id", "vehicle_id", "manufacturer", "model_group", "model", "status")
_ENCAR_SHORT: Final = ("id", "vehicle_id", "status", "manufacturer", "model_group", "model", "year", "price")
_DANAWA_FILTERS: Final = ("id", "brand", "brand_code", "series", "series_code", "feeder", "mark", "encar_id")
_DANAWA_SHORT: Final = (
    "id", "name", "brand_code", "series_code", "year", "mileage", "price", "feeder", "mark", "at_feeder", "encar_id",
)  # fmt: skip
# As many as any list holds.
MOST_SHOWN: Final = 10_000_000
_NO_CAR: Final = {"error": "no such car"}

_CarT = TypeVar("_CarT")


class _Cars(Protocol[_CarT]):
    """The part of an inventory that the routes use."""

    def new_car(self, **overrides: object) -> _CarT: ...
    def insert(self, car: _CarT) -> _CarT: ...
    def change(self, car_id: str, **changes: object) -> _CarT: ...
    def remove(self, car_id: str) -> bool: ...


class _Mannered(Protocol):
    """The part of the Danawa stand-in that the routes use."""

    inventory: DanawaInventory
    manners: Manners


def routes(faults: Faults, calls: Sequence[Any], operations: Collection[str]) -> Iterable[web.RouteDef]:
    """List the control routes that all stand-ins of a server share; `calls` are dataclasses, oldest first.

    * `GET`, `POST`, `DELETE /__sandbox/faults`: `{"data": [fault]}`; a POST takes one fault or a list of them
    * `GET /__sandbox/calls?limit=`: `{"data": [call]}`, newest first

    An invalid body or an unknown operation is a 400 `{"error": message}`.
    """

    async def list_calls(request: web.Request) -> web.Response:
        return _json({"data": [asdict(call) for call in islice(reversed(calls), _limit(request))]})

    return [*_fault_routes(faults, operations), web.get("/__sandbox/calls", list_calls)]


def encar_routes(inventory: Inventory) -> Iterable[web.RouteDef]:
    """List the control routes over Encar's cars.

    * `GET /__sandbox/cars?id=&vehicle_id=&manufacturer=&model_group=&model=&status=&limit=`: `{"data": [car in
      short]}`, cars sold or waiting included
    * `POST /__sandbox/cars`: fields of `Car` to override, answers 201 with the new car in short
    * `POST /__sandbox/cars/{id}`: fields to change (`{"status": "SOLD", "lingers": true}`), answers with the car in
      short, or 404; copies of the car are adverts of their own and stay as they are
    * `DELETE /__sandbox/cars/{id}`: 204, or 404
    """
    return [
        web.get("/__sandbox/cars", _lister(inventory.known, _ENCAR_FILTERS, _ENCAR_SHORT)),
        *_car_routes("/__sandbox/cars", inventory, Car, _ENCAR_SHORT),
    ]


def danawa_routes(site: _Mannered) -> Iterable[web.RouteDef]:
    """List the control routes over Danawa's cars and manners.

    * `GET /__sandbox/danawa/cars?id=&brand=&brand_code=&series=&series_code=&feeder=&mark=&encar_id=&limit=`
    * `POST /__sandbox/danawa/cars`, `POST`, `DELETE /__sandbox/danawa/cars/{id}`: as those of Encar's cars, with the
      fields of `DanawaCar` (`{"mark": "판매완료"}`, `{"at_feeder": false}`)
    * `GET`, `POST /__sandbox/danawa/manners`: the variants of the list; a POST takes the fields of `Manners` to set
      and resets the others to their defaults
    """

    async def show_manners(_: web.Request) -> web.Response:
        return _json(msgspec.to_builtins(site.manners))

    async def set_manners(request: web.Request) -> web.Response:
        try:
            body = await request.read()
            with naming_allowed(Manners):
                site.manners = msgspec.json.decode(body, type=Manners)
        except msgspec.MsgspecError as problem:
            return _refused(problem)
        return await show_manners(request)

    return [
        web.get("/__sandbox/danawa/cars", _lister(site.inventory.__iter__, _DANAWA_FILTERS, _DANAWA_SHORT)),
        *_car_routes("/__sandbox/danawa/cars", site.inventory, DanawaCar, _DANAWA_SHORT),
        web.get("/__sandbox/danawa/manners", show_manners),
        web.post("/__sandbox/danawa/manners", set_manners),
    ]


def _fault_routes(faults: Faults, operations: Collection[str]) -> list[web.RouteDef]:
    async def list_faults(_: web.Request) -> web.Response:
        return _json({"data": msgspec.to_builtins(list(faults))})

    async def add_faults(request: web.Request) -> web.Response:
        try:
            body = await request.read()
            with naming_allowed(AnyFault | list[AnyFault]):
                asked = msgspec.json.decode(body, type=AnyFault | list[AnyFault])
            added: list[Fault] = [asked] if isinstance(asked, Fault) else asked
            _check_operations(added, operations)
        except (msgspec.MsgspecError, ValueError) as problem:
            return _refused(problem)
        faults.add(*added)
        return await list_faults(request)

    async def clear_faults(request: web.Request) -> web.Response:
        faults.clear()
        return await list_faults(request)

    return [
        web.get("/__sandbox/faults", list_faults),
        web.post("/__sandbox/faults", add_faults),
        web.delete("/__sandbox/faults", clear_faults),
    ]


def _check_operations(faults: Iterable[Fault], operations: Collection[str]) -> None:
    """Raise ValueError for a fault of an unknown operation."""
    for fault in faults:
        if fault.operation is not None and fault.operation not in operations:
            raise ValueError(f"unknown operation {fault.operation!r}; allowed: {', '.join(sorted(operations))}")


def _lister(cars: Callable[[], Iterator[object]], filters: Sequence[str], shown: Sequence[str]) -> Handler:
    async def list_cars(request: web.Request) -> web.Response:
        wanted = {name: request.query[name] for name in filters if name in request.query}
        found = (car for car in cars() if all(getattr(car, name) == word for name, word in wanted.items()))
        return _json({"data": [_in_short(car, shown) for car in islice(found, _limit(request))]})

    return list_cars


def _car_routes(path: str, inventory: _Cars[_CarT], kind: type[_CarT], shown: Sequence[str]) -> list[web.RouteDef]:
    types = get_type_hints(kind, include_extras=True)

    async def add_car(request: web.Request) -> web.Response:
        try:
            car = inventory.new_car(**await _fields(request, types))
        except (msgspec.MsgspecError, TypeError, ValueError) as problem:
            return _refused(problem)
        return _json(_in_short(inventory.insert(car), shown), status=201)

    async def change_car(request: web.Request) -> web.Response:
        try:
            car = inventory.change(request.match_info["id"], **await _fields(request, types))
        except KeyError:
            return _json(_NO_CAR, status=404)
        except (msgspec.MsgspecError, TypeError, ValueError) as problem:
            return _refused(problem)
        return _json(_in_short(car, shown))

    async def remove_car(request: web.Request) -> web.Response:
        found = inventory.remove(request.match_info["id"])
        return web.Response(status=204) if found else _json(_NO_CAR, status=404)

    return [
        web.post(path, add_car),
        web.post(path + "/{id}", change_car),
        web.delete(path + "/{id}", remove_car),
    ]


async def _fields(request: web.Request, types: dict[str, Any]) -> dict[str, Any]:
    """Read fields of a car from a body. Raises MsgspecError for no JSON object, ValueError for a wrong value."""
    asked = msgspec.json.decode(await request.read() or b"{}", type=dict[str, object])
    return {name: _typed(name, value, types[name]) if name in types else value for name, value in asked.items()}


def _typed(name: str, value: object, kind: object) -> object:
    try:
        with naming_allowed(kind):
            return msgspec.convert(value, kind)
    except msgspec.ValidationError as problem:
        raise ValueError(f"{name}: {problem}") from None


def _in_short(car: object, shown: Sequence[str]) -> dict[str, object]:
    return {name: getattr(car, name) for name in shown}


def _limit(request: web.Request) -> int:
    asked = request.query.get("limit", "50")
    if not (asked.isascii() and asked.isdecimal()):
        raise web.HTTPBadRequest(text="limit must be a whole number")
    return min(int(asked), MOST_SHOWN)


def _refused(problem: Exception) -> web.Response:
    return _json({"error": str(problem)}, status=400)


def _json(answer: object, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(answer), status=status, content_type="application/json")
