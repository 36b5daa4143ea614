"""Whole listings: how pages of 500 are read, how tables are made, kept and asked, and what 200,000 cars take."""

import itertools
import random
import tracemalloc
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial

import msgspec
import numpy as np
import orjson

from dealerproxy import vocabulary
from dealerproxy.sandbox.encar.rows import photo_prefix
from dealerproxy.stock.codec import decode, encode
from dealerproxy.stock.shelf import Reading
from dealerproxy.stock.table import Bounds, Positions, Selection, StockedCar, Table, build, joined
from dealerproxy.upstreams.car_words import WON_PER_MANWON
from dealerproxy.upstreams.encar.kinds import Kind, place_of
from dealerproxy.upstreams.encar.rows import read_frame, read_row
from dealerproxy.upstreams.encar.whole import PAGE_ROWS, SLICE_ROWS
from dealerproxy.upstreams.paging import Order
from dealerproxy.vehicles.listing import Listing
from tests.bench import pages, stock
from tests.bench.cars import FIRST_ID, Cars
from tests.bench.effort import Effort
from tests.bench.figures import Bar, Figure, Round, figure
from tests.bench.pure import Pair

SELECTED = Bar("value", "<", 1e-3)
WHOLE_PAGE = Bar("value", "<", 6e-3)
SLICE = Bar("value", "<", 3e-3)
MEMORY = Bar("value", "<", 300e6)
ROWS, SHARES, PAGE = 12_000, 8, 48
BOUNDS = Bounds(year_min=2015, mileage_max_km=120_000, price_max_krw=30_000_000)
MOST_ROWS, FEW_ROWS = 200_000, 5_000


def selecting() -> Pair:
    """A page of 48 out of 12,000 cars, filtered anew in an order that is known."""
    table = _table()
    wanted = np.array([kind[6] == "가솔린" for kind in table.words.kinds])
    table.ordered(Order.PRICE_ASC)
    cars = _cars()

    def ours() -> object:
        shown: list[StockedCar] = []
        selection = Selection(table, table.within(BOUNDS) & table.of_kinds(wanted), partial(_show, shown))
        selection.rows(Order.PRICE_ASC).listings(0, PAGE)
        return shown

    def base() -> object:
        found = (car for car in cars if car.kind[6] == "가솔린" and _within(car))
        return sorted(found, key=lambda car: (car.price_krw, -car.number))[:PAGE]

    if ours() != base():
        raise ValueError("the two ways do not find the same cars")
    return Pair(f"48 of {len(cars):,} cars, filtered and sorted", ours, "a loop in Python, and sorted()", base)


def whole_page() -> Pair:
    """500 rows of Encar's, decoded and read, as a whole reading does."""
    words, body = vocabulary.load(), pages.search_page(rows=PAGE_ROWS)
    (leg,) = stock.planned(1, words)[1].legs
    read = partial(read_row, asked=stock.asked(leg), vocabulary=words, bad=Counter[str]())
    return Pair(
        f"{PAGE_ROWS} rows decoded and read",
        lambda: [read(raw) for raw in read_frame(body).rows],
        "orjson.loads alone",
        lambda: orjson.loads(body),
    )


def frame() -> Pair:
    """The first of the slices in which a page is read."""
    body = pages.search_page(rows=PAGE_ROWS)
    what = f"slice: a page of {PAGE_ROWS} rows without its rows"
    return Pair(what, lambda: read_frame(body), "orjson.loads of all", lambda: orjson.loads(body))


def rows() -> Pair:
    """Another of these slices."""
    words, body = vocabulary.load(), pages.search_page(rows=SLICE_ROWS)
    (leg,) = stock.planned(1, words)[1].legs
    read = partial(read_row, asked=stock.asked(leg), vocabulary=words, bad=Counter[str]())
    raws = read_frame(body).rows
    what = f"slice: {SLICE_ROWS} rows decoded and read"
    return Pair(what, lambda: [read(raw) for raw in raws], "orjson.loads of the page", lambda: orjson.loads(body))


def building() -> Pair:
    """A table made of cars."""
    cars = _cars()
    return Pair(
        f"a table of {len(cars):,} cars",
        lambda: build(cars),
        "the cars sorted, and numbers in columns",
        lambda: [np.array(column) for column in list(zip(*sorted(cars), strict=True))[3:9]],
    )


def joining() -> Pair:
    """A make's table made of those of its groups."""
    cars = _cars()
    parts = [build(cars[at::SHARES]) for at in range(SHARES)]
    return Pair(
        f"a table of {SHARES}, {len(cars):,} cars",
        lambda: joined(parts),
        "their columns one after another",
        lambda: [np.concatenate(columns) for columns in zip(*(part.columns for part in parts), strict=True)],
    )


def keeping() -> Pair:
    """A listing made bytes, to be kept."""
    reading, plain = _reading(), _plain()
    what = f"a listing of {ROWS:,} cars made bytes: {len(encode('', reading, 0.0)) / ROWS:.1f} B a car"
    return Pair(
        what,
        lambda: encode("", reading, 0.0),
        f"its numbers packed by zlib: {len(zlib.compress(plain, 1)) / ROWS:.1f} B a car",
        lambda: zlib.compress(plain, 1),
    )


def restoring() -> Pair:
    """The same read again."""
    kept, packed = encode("", _reading(), 0.0), zlib.compress(_plain(), 1)
    return Pair(
        f"a listing of {ROWS:,} cars read from bytes",
        lambda: decode(kept, 0.0),
        "its numbers unpacked by zlib",
        lambda: zlib.decompress(packed),
    )


PAIRS: Mapping[str, Callable[[], Pair]] = {
    "table-select": selecting,
    "whole-page": whole_page,
    "whole-frame": frame,
    "whole-rows": rows,
    "table-build": building,
    "table-join": joining,
    "table-encode": keeping,
    "table-decode": restoring,
}
BARS: Mapping[str, Bar] = {
    "table-select": SELECTED,
    "whole-page": WHOLE_PAGE,
    "whole-frame": SLICE,
    "whole-rows": SLICE,
}


def memory(effort: Effort) -> Iterator[Figure]:
    """What all cars take, with every order that can be asked for, against the same as tuples."""
    number = FEW_ROWS if effort.quick else MOST_ROWS
    cars = _cars(number)
    tracemalloc.start()
    table = build(cars)
    for order in Order:
        table.ordered(order)
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    copies = msgspec.msgpack.decode(msgspec.msgpack.encode(cars), type=list[StockedCar])
    tuples = tracemalloc.get_traced_memory()[0] - taken
    tracemalloc.stop()
    what = f"{len(copies):,} cars in a table, with all orders"
    yield figure("memory-stock", what, "B", "as tuples", [(Round(taken), Round(tuples))], MEMORY)
    counted = [(Round(taken), Round(table.size_bytes))]
    yield figure("memory-stock", what, "B", "counted of the stock's bound", counted)


CASES: Mapping[str, Callable[[Effort], Iterator[Figure]]] = {"memory-stock": memory}


@cache
def _cars(number: int = ROWS) -> Sequence[StockedCar]:
    """The cars of the first makes, in no order."""
    known = Cars(vocabulary.load(), number)
    found = [_stocked(known, row) for row in random.Random(1).sample(range(len(known)), len(known))]
    # The real site has no more than that; further ones are the first again.
    again = (car._replace(number=car.number + len(known)) for car in found)
    return [*found, *itertools.islice(again, number - len(found))]


def _stocked(cars: Cars, row: int) -> StockedCar:
    car = cars.car(row)
    words = (car.badge, car.badge_detail, car.fuel, car.transmission)
    return StockedCar(
        number=FIRST_ID + row,
        kind=tuple(Kind(car.manufacturer, car.model_group, car.manufacturer, car.model, *words)),
        place=place_of(car.region, car.separation),
        year=int(car.form_year),
        registered=car.year,
        mileage_km=car.mileage,
        price_krw=car.price * WON_PER_MANWON,
        vehicle=FIRST_ID + row,
        original=True,
        photo=f"{photo_prefix(car.vehicle_id)}001.jpg",
    )


def _table() -> Table:
    return build(_cars())


def _reading() -> Reading:
    return Reading(table=_table(), read_at=0.0, checked_at=0.0, found=ROWS)


def _plain() -> bytes:
    """The numbers of a table one after another."""
    return b"".join(column.tobytes() for column in _table().columns)


def _within(car: StockedCar) -> bool:
    return (
        car.year >= (BOUNDS.year_min or 0)
        and car.mileage_km <= (BOUNDS.mileage_max_km or 0)
        and car.price_krw <= (BOUNDS.price_max_krw or 0)
    )


def _show(shown: list[StockedCar], table: Table, positions: Positions) -> Sequence[Listing]:
    shown += table.cars(positions)
    return ()
