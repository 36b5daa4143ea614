"""A stand-in for Encar over an invented inventory: `GET /search/car/list/{view}`, the truck index, the routes of a car.

The search behaves as the site: `Count` with `count=true`, `SearchResults` only with `sr`, `iNav` only with
`inav`, a malformed `q` with 200 and an empty body, an unknown axis with a plain 404, page after page the same rows past
the deepest offset. A value that the site is not known to accept (another sort, a bad offset) is a 400 here, to
reveal a caller's mistake. `car_routes.py` has the routes of one car.
"""

import hashlib
import re
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from aiohttp import web
from cachetools import LRUCache

from dealerproxy.sandbox import control, sites
from dealerproxy.sandbox.encar import car_routes as readside
from dealerproxy.sandbox.encar.axes import FACETS
from dealerproxy.sandbox.encar.cars import Car
from dealerproxy.sandbox.encar.facets import inav
from dealerproxy.sandbox.encar.inventory import Inventory
from dealerproxy.sandbox.encar.query_language import Malformed, Node, UnknownAxis, parse, predicate
from dealerproxy.sandbox.encar.rows import VIEWS
from dealerproxy.sandbox.encar.trucks import TRUCK_FACETS, TRUCK_VIEWS
from dealerproxy.sandbox.faults import FIRST_PAGE, Faults, still_listed
from dealerproxy.sandbox.wire import json_answer

SEARCH: Final = "search"
TRUCK_SEARCH: Final = "truck_search"
MAX_LIMIT: Final = 500
DEEPEST_OFFSET: Final = 10_000

# Sort name -> (what it sorts by, whether the largest comes first).
_SORTS: Final[dict[str, tuple[Callable[[Car], Any], bool]]] = {
    "ModifiedDate": (lambda car: car.modified, True),
    "PriceAsc": (lambda car: car.price, False),
    "PriceDesc": (lambda car: car.price, True),
    "MileageAsc": (lambda car: car.mileage, False),
    "MileageDesc": (lambda car: car.mileage, True),
    "Year": (lambda car: car.year, True),
}
_MOBILE_SORTS: Final = {"MobileModifiedDate": "ModifiedDate", "MobilePriceAsc": "PriceAsc"}
_SR: Final = re.compile(r"\|([A-Za-z]+)\|([0-9]{1,9})\|([0-9]{1,9})")


@dataclass(slots=True, kw_only=True)
class Call(sites.Call):
    """One received request. `view` to `limit` are those of a search, empty or None for other operations."""

    view: str = ""
    q: str = ""
    sort: str | None = None
    offset: int | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """The parsed `sr=|Sort|offset|limit`."""

    sort: str
    offset: int
    limit: int


class EncarStandIn:
    """Encar over an inventory that may change while it runs.

    `seed` decides the order of ties, which stays the same while the inventory does. `faults` may be shared with other
    stand-ins. `calls` holds the last 100,000 requests of every operation, oldest first, faulty ones included.
    """

    def __init__(
        self,
        inventory: Inventory,
        *,
        seed: int = 0,
        faults: Faults | None = None,
        deepest: int = DEEPEST_OFFSET,
    ) -> None:
        self.inventory = inventory
        self.faults = Faults() if faults is None else faults
        self.calls: deque[Call] = deque(maxlen=sites.MOST_CALLS)
        self._seed = seed
        self._deepest = deepest
        self._version = inventory.version
        self._ordered: dict[str, list[Car]] = {}
        self._found: LRUCache[tuple[Node, str, bool], list[Car]] = LRUCache(256)

    def app(self) -> web.Application:
        """Build the server: the search, the routes of one car, the faults, and the control routes `/__sandbox/`."""
        return sites.serve(self)

    def routes(self) -> Iterable[web.RouteDef]:
        """List the routes of the site and, under `/__sandbox/cars`, of its cars."""
        return [
            web.get("/search/car/list/{view}", self._search, name=SEARCH),
            web.get("/search/truck/list/{view}", self._truck_search, name=TRUCK_SEARCH),
            *readside.routes(self.inventory),
            *control.encar_routes(self.inventory),
        ]

    def record(self, request: web.Request, operation: str) -> Call:
        """Add a request to `calls` and return its record."""
        call = Call(operation=operation, path=request.path, query=request.query_string)
        if operation in {SEARCH, TRUCK_SEARCH}:
            call.view, call.q = request.match_info["view"], request.query.get("q", "")
            if asked := _SR.fullmatch(request.query.get("sr", "")):
                call.sort, call.offset, call.limit = asked[1], int(asked[2]), int(asked[3])
        self.calls.append(call)
        return call

    def find(self, node: Node, sort: str = "ModifiedDate", *, trucks: bool = False) -> list[Car]:
        """Return all cars, or trucks, that a query finds, in the order of the sort. Raises KeyError for another."""
        if self._version != self.inventory.version:
            self._version = self.inventory.version
            self._ordered.clear()
            self._found.clear()
        found = self._found.get((node, sort, trucks))
        if found is None:
            matches = predicate(node, TRUCK_FACETS if trucks else FACETS)
            there = (car for car in self._in_order(sort) if (car.load is not None) is trucks)
            found = self._found[node, sort, trucks] = list(filter(matches, there))
        return found

    def _find_listed(
        self, request: web.Request, node: Node, sort: str = "ModifiedDate", *, trucks: bool = False
    ) -> list[Car]:
        return still_listed(request, self.find(node, sort, trucks=trucks), self.inventory)

    def _in_order(self, sort: str) -> list[Car]:
        if sort not in self._ordered:
            read, largest_first = _SORTS[sort]
            shuffled = sorted(self.inventory, key=self._tie_break)
            # sorted() is stable in both directions, so ties keep the shuffle.
            self._ordered[sort] = sorted(shuffled, key=read, reverse=largest_first)
        return self._ordered[sort]

    def _tie_break(self, car: Car) -> bytes:
        return hashlib.blake2b(f"{self._seed}:{car.id}".encode(), digest_size=8).digest()

    async def _search(self, request: web.Request) -> web.Response:
        return self._answer(request, trucks=False)

    async def _truck_search(self, request: web.Request) -> web.Response:
        return self._answer(request, trucks=True)

    def _answer(self, request: web.Request, *, trucks: bool) -> web.Response:
        view = (TRUCK_VIEWS if trucks else VIEWS).get(request.match_info["view"])
        if view is None:
            raise web.HTTPNotFound
        try:
            node = parse(request.query.get("q", ""), TRUCK_FACETS if trucks else FACETS)
        except UnknownAxis:
            raise web.HTTPNotFound from None
        except Malformed:
            return web.Response(content_type="application/json")
        page = _page(request.query["sr"]) if "sr" in request.query else None
        find = partial(self._find_listed, request, trucks=trucks)
        cars = find(node, page.sort if page else "ModifiedDate")
        answer: dict[str, object] = {}
        if request.query.get("count") == "true":
            answer["Count"] = len(cars)
        if request.query.get("inav") and not trucks:
            answer["iNav"] = inav(node, find)
        if page:
            start = 0 if FIRST_PAGE in request else min(page.offset, self._deepest)
            answer["SearchResults"] = [view(car) for car in cars[start : start + min(page.limit, MAX_LIMIT)]]
        return json_answer(request, answer)


def _page(sr: str) -> Page:
    asked = _SR.fullmatch(sr)
    if asked is None:
        raise web.HTTPBadRequest(text="sr must be |Sort|offset|limit")
    sort = _MOBILE_SORTS.get(asked[1], asked[1])
    if sort not in _SORTS:
        raise web.HTTPBadRequest(text=f"unknown sort: {asked[1]}")
    return Page(sort, int(asked[2]), int(asked[3]))
