"""A stand-in for Danawa's used-car list and for the feeder it leads to, M-Park, over an invented inventory.

A route's name is the operation that faults aim at:

* `danawa_list` `/usedcar/?Work=list&Tab=list&Page=&Order=&Brand=&Series=&Model=`: 30 cars a page, and an item that is
  none. Any other `Work` returns the section's first page, as the site does for an invalid query. A value that the site
  is not known to accept (another `Tab` or `Order`, a page that is no number, several codes, an unknown parameter) is a
  400 here, to reveal a caller's mistake.
* `bridge` `/usedcar/loadingBridge.php`: a page with only a script; no caller needs it
* `feeder` `/home/api/v1/wb/searchmycar/cardetailinfo/get?demoNo=`: M-Park's own JSON

No order of the site sorts by a value in the list, so each `Order` is a shuffle, which stays while the cars do.
"""

import hashlib
from collections import deque
from collections.abc import Iterable
from typing import Final

from aiohttp import web

from dealerproxy.sandbox import control
from dealerproxy.sandbox.danawa.cars import DanawaCar
from dealerproxy.sandbox.danawa.inventory import DanawaInventory
from dealerproxy.sandbox.danawa.mpark import detail_info
from dealerproxy.sandbox.danawa.pages import PAGE_SIZE, Manners, bridge, home, listing
from dealerproxy.sandbox.faults import FIRST_PAGE, Faults, still_listed
from dealerproxy.sandbox.sites import MOST_CALLS, Call, serve
from dealerproxy.sandbox.wire import answer, json_answer

LIST: Final = "danawa_list"
BRIDGE: Final = "bridge"
FEEDER: Final = "feeder"

_PARAMETERS: Final = frozenset({"Work", "Tab", "Page", "Order", "Brand", "Series", "Model"})
_TABS: Final = frozenset({"", "list"})
_ORDERS: Final = frozenset({"", "7", "8"})


class DanawaStandIn:
    """Danawa and M-Park over an inventory that may change while it runs.

    `seed` decides the order of the list. `faults` may be shared with other stand-ins. `manners` are the list's
    variants and may be replaced at any time. `calls` holds the last 100,000 requests, oldest first, faulty ones
    included.
    """

    def __init__(
        self,
        inventory: DanawaInventory,
        *,
        seed: int = 0,
        faults: Faults | None = None,
        manners: Manners | None = None,
    ) -> None:
        self.inventory = inventory
        self.faults = Faults() if faults is None else faults
        self.manners = Manners() if manners is None else manners
        self.calls: deque[Call] = deque(maxlen=MOST_CALLS)
        self._seed = seed
        self._version = inventory.version
        self._ordered: dict[str, list[DanawaCar]] = {}

    def app(self) -> web.Application:
        """Build the server: the list, the bridge, the feeder, the faults, and the control routes `/__sandbox/`."""
        return serve(self)

    def routes(self) -> Iterable[web.RouteDef]:
        """List the routes of the site and of its cars and manners under `/__sandbox/danawa/`."""
        return [
            web.get("/usedcar/", self._list, name=LIST),
            web.get("/usedcar/loadingBridge.php", _bridge, name=BRIDGE),
            web.get("/home/api/v1/wb/searchmycar/cardetailinfo/get", self._feeder, name=FEEDER),
            *control.danawa_routes(self),
        ]

    def record(self, request: web.Request, operation: str) -> Call:
        """Add a request to `calls` and return its record."""
        call = Call(operation=operation, path=request.path, query=request.query_string)
        self.calls.append(call)
        return call

    def find(self, brand: str = "", series: str = "", model: str = "", *, order: str = "8") -> list[DanawaCar]:
        """Return all cars of a listing, in its order; an empty code matches any."""
        return [
            car
            for car in self._in_order(order or "8")
            if brand in {"", car.brand_code} and series in {"", car.series_code} and model in {"", car.model_code}
        ]

    def _in_order(self, order: str) -> list[DanawaCar]:
        if self._version != self.inventory.version:
            self._version = self.inventory.version
            self._ordered.clear()
        if order not in self._ordered:
            self._ordered[order] = sorted(self.inventory, key=lambda car: self._shuffle(order, car))
        return self._ordered[order]

    def _shuffle(self, order: str, car: DanawaCar) -> bytes:
        return hashlib.blake2b(f"{self._seed}:{order}:{car.id}".encode(), digest_size=8).digest()

    async def _list(self, request: web.Request) -> web.Response:
        asked, manners = request.query, self.manners
        if asked.get("Work") != "list":
            return _html(request, home(manners), manners)
        brand, series, model = (_code(request, name) for name in ("Brand", "Series", "Model"))
        page, order = 1 if FIRST_PAGE in request else _page(request), asked.get("Order", "")
        if asked.keys() - _PARAMETERS or asked.get("Tab", "") not in _TABS or order not in _ORDERS:
            raise web.HTTPBadRequest(text="the real list is not known to accept this query")
        cars = still_listed(request, self.find(brand, series, model, order=order), self.inventory)
        pages = -(-len(cars) // PAGE_SIZE)
        if manners.past_end == "repeat":
            page = max(1, min(page, pages))
        start = (page - 1) * PAGE_SIZE
        return _html(request, listing(cars[start : start + PAGE_SIZE], page, pages, brand, manners), manners)

    async def _feeder(self, request: web.Request) -> web.Response:
        number = request.query.get("demoNo", "")
        if not number:
            raise web.HTTPBadRequest(text="demoNo is missing")
        return json_answer(request, detail_info(self.inventory.by_id(number)))


async def _bridge(request: web.Request) -> web.Response:
    page = bridge(request.query.get("sCompany", ""), request.query.get("sDemoNo", ""))
    return answer(request, page.encode(), "text/html")


def _html(request: web.Request, page: str, manners: Manners) -> web.Response:
    charset = "utf-8" if manners.charset == "utf-8" else "euc-kr"
    return answer(request, page.encode(manners.charset, "xmlcharrefreplace"), "text/html", charset)


def _code(request: web.Request, name: str) -> str:
    code = request.query.get(name, "")
    if code and not (code.isascii() and code.isdecimal()):
        raise web.HTTPBadRequest(text=f"{name} must be one code")
    return code


def _page(request: web.Request) -> int:
    asked = request.query.get("Page") or "1"
    if not (asked.isascii() and asked.isdecimal() and 0 < len(asked) < 7 and int(asked) > 0):
        raise web.HTTPBadRequest(text="Page must be a number from 1")
    return int(asked)
