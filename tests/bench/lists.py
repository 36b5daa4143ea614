"""Lists with ever other filters, out of a stock of 100,000 cars: the service against FastAPI and SQLite."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from dealerproxy import vocabulary
from dealerproxy.settings import Settings
from tests.bench import load, market
from tests.bench.cars import Cars
from tests.bench.effort import Effort
from tests.bench.figures import Bar, Figure, Round, figure
from tests.bench.filters import questions
from tests.bench.processes import need, serving
from tests.bench.sockets import BUSY, Requests, Servers, compared, take
from tests.bench.stocked import calls, stock_dir

CARS, FEW_CARS = 100_000, 6_000
RATIO = Bar("ratio", ">=", 5.0)
RATE = Bar("value", ">=", 1_500.0)


def from_stock(effort: Effort) -> Iterator[Figure]:
    """One leg, 48 rows, another question each time; both have the same cars and are asked the same questions."""
    need("fastapi", "httpx", "pydantic", "uvicorn", "httptools", extra="bench")
    from tests.bench import sql_peer  # noqa: PLC0415  # an optional extra

    words = vocabulary.load()
    most = FEW_CARS if effort.quick else CARS
    cars = Cars(words, most)
    makes = ",".join(dict.fromkeys(group.make.name for group in cars.groups))
    what, baseline = f"48 of {len(cars):,} cars, other filters each time", "FastAPI and SQLite"
    with tempfile.TemporaryDirectory() as folder, stock_dir(most, makes) as kept, Servers() as house:
        path = str(Path(folder, "cars.sqlite"))
        sql_peer.write(path, cars, words)
        site = house.enter_context(serving(market.serve, 0.0, market.SITE_PAGE_ROWS, most, measured=False))
        service = house.service(site, settings={"stock_dir": kept, "stock_mb": Settings().stock_mb})
        peer = house.enter_context(serving(sql_peer.serve, path))
        taken = take(effort, BUSY, *((server, _asked(cars)) for server in (service, peer)))
        if calls(site).operations.get("encar search"):
            raise load.Failed("the site was asked for what is in stock")
    yield from compared("lists-in-stock", what, baseline, taken, RATIO)
    busy = [(Round(1 / mine.cpu_s), Round(1 / other.cpu_s)) for mine, other in taken if mine.cpu_s and other.cpu_s]
    if busy:
        yield figure("lists-in-stock", f"{what}: in a second of processor time", "/s", baseline, busy, RATE)


def _asked(cars: Cars) -> Requests:
    return (load.request(question.path) for question in questions(cars))


CASES: Mapping[str, Callable[[Effort], Iterator[Figure]]] = {"lists-in-stock": from_stock}
