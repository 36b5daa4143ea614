"""Both sites and the feeder on one port, with as many cars as the real ones: the stand-in for partners' traffic.

It gives at most `page_rows` rows a page, whatever is asked for. `GET /__calls` tells its `Calls`.
"""

import asyncio
import math
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection

import msgspec
import orjson
from msgspec import Struct
from yarl import URL

from dealerproxy import vocabulary
from dealerproxy.sandbox.danawa.inventory import generate_danawa
from dealerproxy.sandbox.danawa.pages import PAGE_SIZE, Manners, listing
from dealerproxy.sandbox.encar.cars import Car
from dealerproxy.sandbox.encar.details import detail
from dealerproxy.sandbox.encar.inspections import inspection
from dealerproxy.sandbox.encar.query_language import Term, parse, terms
from dealerproxy.sandbox.encar.records import diagnosis, record
from dealerproxy.upstreams.encar.facets import MAKES, MODEL_GROUPS
from dealerproxy.upstreams.encar.query import window_of
from tests.bench import pages
from tests.bench.cars import Cars, Column
from tests.bench.standin import CALLS, NOT_FOUND, http, listen

DANAWA_CARS = 4_500
# The rows of a page that Encar gives at most.
SITE_PAGE_ROWS = 500
# Searches whose rows are remembered: a reading comes for page after page of one.
SEARCHES_KEPT = 100
PAPERS: Mapping[str, Callable[[Car], object]] = {"inspection": inspection, "record": record, "diagnosis": diagnosis}


class Calls(Struct):
    """How many requests there were: by operation, and by site the most in any second.

    For the last `quiet_s` seconds nobody asked for rows of a list.
    """

    operations: Mapping[str, int]
    most_in_a_second: Mapping[str, int]
    quiet_s: float


class Market:
    """The sites; `pause_s` is how far away they are."""

    def __init__(self, pause_s: float, page_rows: int, most: float = math.inf) -> None:
        self.pause_s = pause_s
        self._cars, self._page_rows = Cars(vocabulary.load(), most), page_rows
        danawa = list(generate_danawa(1, DANAWA_CARS))
        self._pages = [danawa[at : at + PAGE_SIZE] for at in range(0, len(danawa), PAGE_SIZE)]
        self._found: OrderedDict[tuple[str, str], Column] = OrderedDict()
        self._operations, self._seconds = Counter[str](), Counter[tuple[str, int]]()
        self._listed_at = time.monotonic()

    def answer(self, head: bytes) -> bytes:
        """Return the whole answer to a request."""
        url = URL(head[4 : head.index(b" ", 4)].decode(), encoded=True)
        if url.path == CALLS:
            return http(msgspec.json.encode(self._calls()))
        parts = url.path.strip("/").split("/")
        match parts:
            case ["search", "car", "list", _]:
                return self._search(url)
            case ["search", "truck", "list", _]:
                self._count("encar", "trucks")
                return http(orjson.dumps({"Count": 0, "SearchResults": []}))
            case ["v1", "readside", "vehicle", number]:
                self._count("encar", "detail")
                return self._document(number, detail)
            case ["v1", "readside", "vehicles"]:
                self._count("encar", "batch")
                wanted = url.query.get("vehicleIds", "").split(",")
                found = (self._cars.by_id(number) for number in wanted)
                return http(orjson.dumps([detail(car) for car in found if car is not None]))
            case ["v1", "readside", ("inspection" | "record" | "diagnosis") as paper, "vehicle", number, *_]:
                self._count("encar", paper)
                return self._document(number, PAPERS[paper])
            case ["usedcar"]:
                self._count("danawa", "list")
                return self._list(int(url.query.get("Page", "1")))
        self._count(parts[0], "other")
        return NOT_FOUND

    def _search(self, url: URL) -> bytes:
        q, window = url.query["q"], window_of(url)
        if window is None:
            self._count("encar", "facets")
            makes = [term.value for term in terms(parse(q)) if isinstance(term, Term) and term.name == MAKES]
            axis = MODEL_GROUPS if makes else MAKES
            return http(pages.counted(axis, self._cars.counts(*makes)))
        self._count("encar", "search")
        key = (q, window.sort)
        if key not in self._found:
            self._found[key] = self._cars.find(*key)
            if len(self._found) > SEARCHES_KEPT:
                self._found.popitem(last=False)
        return http(self._cars.answer(self._found[key], window.offset, min(window.limit, self._page_rows)))

    def _document(self, number: str, of: Callable[[Car], object]) -> bytes:
        car = self._cars.by_id(number)
        document = None if car is None else of(car)
        return NOT_FOUND if document is None else http(orjson.dumps(document))

    def _list(self, page: int) -> bytes:
        cars = self._pages[page - 1] if 1 <= page <= len(self._pages) else []
        return http(listing(cars, page, len(self._pages), "", Manners()).encode(), kind="text/html;charset=UTF-8")

    def _count(self, site: str, operation: str) -> None:
        now = time.monotonic()
        self._operations[f"{site} {operation}"] += 1
        self._seconds[site, int(now)] += 1
        if operation in {"search", "list"}:
            self._listed_at = now

    def _calls(self) -> Calls:
        most: dict[str, int] = {}
        for (site, _), number in self._seconds.items():
            most[site] = max(number, most.get(site, 0))
        return Calls(self._operations, most, time.monotonic() - self._listed_at)


def serve(told: Connection, pause_s: float, page_rows: int, most: float) -> None:
    """Serve until ended, as the target of a process; the port goes through `told`."""
    asyncio.run(listen(told, Market(pause_s, page_rows, most)))
