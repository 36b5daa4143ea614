"""The stand-in's own routes under `/__sandbox/`: faults, cars and the requests seen. No fault ever hits them."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any, Final, get_type_hints

import msgspec
import orjson
from aiohttp import web

from dealerproxy.sandbox.cars import Car
from dealerproxy.sandbox.faults import AnyFault, Fault, Faults
from dealerproxy.sandbox.inventory import Inventory

_FILTERS: Final = ("id", "vehicle_id", "manufacturer", "model_group", "model", "status")
_NO_CAR: Final = {"error": "no such car"}
_CAR_FIELDS: Final = get_type_hints(Car, include_extras=True)


def routes(inventory: Inventory, faults: Faults, calls: Sequence[Any]) -> Iterable[web.RouteDef]:
    """List the control routes over a stand-in's state; `calls` are dataclasses, oldest first.

    * `GET`, `POST`, `DELETE /__sandbox/faults`: `{"data": [fault]}`; a POST takes one fault or a list of them
    * `GET /__sandbox/cars?id=&vehicle_id=&manufacturer=&model_group=&model=&status=&limit=`: `{"data": [car in
      short]}`, cars sold or waiting included
    * `POST /__sandbox/cars`: fields of `Car` to override, answers 201 with the new car in short
    * `POST /__sandbox/cars/{id}`: fields to change (`{"status": "SOLD", "lingers": true}`), answers with the car in
      short, or 404; copies of the car are adverts of their own and stay as they are
    * `DELETE /__sandbox/cars/{id}`: 204, or 404
    * `GET /__sandbox/calls?limit=`: `{"data": [call]}`, newest first

    A body that cannot be used is a 400 `{"error": message}`.
    """

    async def list_calls(request: web.Request) -> web.Response:
        return _json({"data": [asdict(call) for call in islice(reversed(calls), _limit(request))]})

    return [*_fault_routes(faults), *_car_routes(inventory), web.get("/__sandbox/calls", list_calls)]


def _fault_routes(faults: Faults) -> list[web.RouteDef]:
    async def list_faults(_: web.Request) -> web.Response:
        return _json({"data": msgspec.to_builtins(list(faults))})

    async def add_faults(request: web.Request) -> web.Response:
        try:
            asked = msgspec.json.decode(await request.read(), type=AnyFault | list[AnyFault])
        except msgspec.MsgspecError as problem:
            return _refused(problem)
        faults.add(*([asked] if isinstance(asked, Fault) else asked))
        return await list_faults(request)

    async def clear_faults(request: web.Request) -> web.Response:
        faults.clear()
        return await list_faults(request)

    return [
        web.get("/__sandbox/faults", list_faults),
        web.post("/__sandbox/faults", add_faults),
        web.delete("/__sandbox/faults", clear_faults),
    ]


def _car_routes(inventory: Inventory) -> list[web.RouteDef]:
    async def list_cars(request: web.Request) -> web.Response:
        wanted = {name: request.query[name] for name in _FILTERS if name in request.query}
        cars = (car for car in inventory.known() if all(getattr(car, name) == word for name, word in wanted.items()))
        return _json({"data": [_in_short(car) for car in islice(cars, _limit(request))]})

    async def add_car(request: web.Request) -> web.Response:
        try:
            car = inventory.new_car(**await _fields(request))
        except (msgspec.MsgspecError, TypeError, ValueError) as problem:
            return _refused(problem)
        return _json(_in_short(inventory.insert(car)), status=201)

    async def change_car(request: web.Request) -> web.Response:
        try:
            car = inventory.change(request.match_info["id"], **await _fields(request))
        except KeyError:
            return _json(_NO_CAR, status=404)
        except (msgspec.MsgspecError, TypeError, ValueError) as problem:
            return _refused(problem)
        return _json(_in_short(car))

    async def remove_car(request: web.Request) -> web.Response:
        found = inventory.remove(request.match_info["id"])
        return web.Response(status=204) if found else _json(_NO_CAR, status=404)

    return [
        web.get("/__sandbox/cars", list_cars),
        web.post("/__sandbox/cars", add_car),
        web.post("/__sandbox/cars/{id}", change_car),
        web.delete("/__sandbox/cars/{id}", remove_car),
    ]


async def _fields(request: web.Request) -> dict[str, Any]:
    """Read fields of `Car` from a body. Raises MsgspecError for no JSON object, ValueError for a wrong value."""
    asked = msgspec.json.decode(await request.read() or b"{}", type=dict[str, object])
    return {name: _typed(name, value) if name in _CAR_FIELDS else value for name, value in asked.items()}


def _typed(name: str, value: object) -> object:
    try:
        return msgspec.convert(value, _CAR_FIELDS[name])
    except msgspec.ValidationError as problem:
        raise ValueError(f"{name}: {problem}") from None


def _in_short(car: Car) -> dict[str, object]:
    return {
        "id": car.id,
        "vehicle_id": car.vehicle_id,
        "status": car.status,
        "manufacturer": car.manufacturer,
        "model_group": car.model_group,
        "model": car.model,
        "year": car.year,
        "price": car.price,
    }


def _limit(request: web.Request) -> int:
    asked = request.query.get("limit", "50")
    if not (asked.isascii() and asked.isdecimal()):
        raise web.HTTPBadRequest(text="limit is a whole number")
    return int(asked)


def _refused(problem: Exception) -> web.Response:
    return _json({"error": str(problem)}, status=400)


def _json(answer: object, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(answer), status=status, content_type="application/json")
