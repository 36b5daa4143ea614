"""Lists out of stock in FastAPI and SQLite, as a careful author would write them, with the rows the service has.

It is given what helps: a file that is mapped into memory, an index for each sort within a model, words translated
beforehand, no thread (it would cost more than the query), an answer that FastAPI does not validate again, no access
log, no middleware. It is spared what the service
does besides: makes and models in several spellings, legs, merging, notices, counts, cursors that survive changes, log.
"""

import asyncio
import base64
import json
import sqlite3
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Query, Response
from pydantic import BaseModel

from dealerproxy import vocabulary
from dealerproxy.contract.pricing import COMMISSION_USD, least_won, ocean_freight, usd
from dealerproxy.settings import DEFAULT_KRW_PER_USD
from dealerproxy.upstreams.encar.query import Search, q
from dealerproxy.upstreams.encar.rows import SearchTarget, read_search
from dealerproxy.vehicles.listing import Listing
from dealerproxy.vocabulary import Vocabulary
from tests.bench.cars import Cars
from tests.bench.market import SITE_PAGE_ROWS
from tests.bench.peer import Breakdown, Pricing, Summary, listen

COLUMNS = (
    *("number", "make", "model", "trim", "year", "registered", "mileage_km", "price_krw", "fuel", "fuel_word"),
    *("transmission", "transmission_word", "drivetrain", "body", "thumbnail_url"),
)
SORTS = {
    "price_asc": "price_krw, number DESC",
    "price_desc": "price_krw DESC, number DESC",
    "mileage_asc": "mileage_km, number DESC",
    "auction_date_asc": "year DESC, registered DESC, number DESC",
}
MAPPED_BYTES = 2**30


class Answer(BaseModel):
    """The list."""

    data: list[Summary]
    total: int
    next_cursor: str | None


def write(path: str, cars: Cars, words: Vocabulary) -> None:
    """Write the cars to a new file."""
    with sqlite3.connect(path) as database:
        database.execute(f"CREATE TABLE cars ({', '.join(COLUMNS)}, PRIMARY KEY (number)) WITHOUT ROWID")
        places = ", ".join("?" * len(COLUMNS))
        rows = (_values(listing) for listing in _listings(cars, words))
        database.executemany(f"INSERT INTO cars VALUES ({places})", rows)  # names of our own
        for name, order in SORTS.items():
            database.execute(f"CREATE INDEX by_{name} ON cars (make, model, {order})")
        database.execute("ANALYZE")


def create_app(path: str, words: Vocabulary) -> FastAPI:
    """Build the peer."""
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, check_same_thread=False)
    database.execute(f"PRAGMA mmap_size = {MAPPED_BYTES}")
    app = FastAPI()

    @app.get("/v1/vehicles")
    async def vehicles(
        make: str,
        model: str,
        year_min: Annotated[int | None, Query(ge=1900)] = None,
        year_max: Annotated[int | None, Query(le=2100)] = None,
        mileage_max_km: Annotated[int | None, Query(ge=0)] = None,
        price_min_usd: Annotated[int | None, Query(ge=0)] = None,
        price_max_usd: Annotated[int | None, Query(ge=0)] = None,
        fuel: str | None = None,
        transmission: str | None = None,
        sort: Literal["price_asc", "price_desc", "mileage_asc", "auction_date_asc"] = "auction_date_asc",
        limit: Annotated[int, Query(ge=1, le=200)] = 48,
    ) -> Response:
        terms = ["make = ?", "model = ?"]
        values: list[str | int] = [make, model]
        for term, value in (
            ("year >= ?", year_min),
            ("year <= ?", year_max),
            ("mileage_km <= ?", mileage_max_km),
            ("price_krw >= ?", None if price_min_usd is None else least_won(price_min_usd, DEFAULT_KRW_PER_USD)),
            ("price_krw < ?", None if price_max_usd is None else least_won(price_max_usd + 1, DEFAULT_KRW_PER_USD)),
        ):
            if value is not None:
                terms.append(term)
                values.append(value)
        for column, chosen in (
            ("fuel_word", words.fuel_filters[fuel] if fuel else ()),
            ("transmission_word", words.transmission_filters[transmission] if transmission else ()),
        ):
            if chosen:
                terms.append(f"{column} IN ({', '.join('?' * len(chosen))})")
                values += chosen
        found = f"FROM cars WHERE {' AND '.join(terms)}"
        (total,) = database.execute(f"SELECT count(*) {found}", values).fetchone()  # words of our own
        page = f"SELECT {', '.join(COLUMNS)} {found} ORDER BY {SORTS[sort]} LIMIT {limit}"
        rows = database.execute(page, values).fetchall()
        answer = Answer(data=[shown(row) for row in rows], total=total, next_cursor=_cursor(rows, total))
        return Response(answer.model_dump_json(), media_type="application/json")

    return app


def shown(row: tuple[Any, ...]) -> Summary:
    """Turn a row of the table into one that is shown."""
    number, make, model, trim, year, _, mileage_km, price_krw, fuel, _, transmission, _, drivetrain, body, photo = row
    price, freight = usd(price_krw, DEFAULT_KRW_PER_USD), ocean_freight(make, body)
    return Summary(
        id=f"encar_{number}",
        make=make,
        model=model,
        trim=trim,
        year=year,
        mileage_km=mileage_km,
        fuel=fuel,
        transmission=transmission,
        engine_cc=None,
        drivetrain=drivetrain,
        thumbnail_url=photo,
        pricing=Pricing(
            listing_price=price,
            breakdown=Breakdown(ocean_freight=freight, estimated_landed=price + COMMISSION_USD + freight),
        ),
    )


def serve(told: Connection, path: str) -> None:
    """Serve as the other peer does."""
    asyncio.run(listen(told, create_app(path, vocabulary.load())))


def _cursor(rows: list[tuple[Any, ...]], total: int) -> str | None:
    if len(rows) == total:
        return None
    last = dict(zip(COLUMNS, rows[-1], strict=True))
    return base64.urlsafe_b64encode(json.dumps([last["price_krw"], last["number"]]).encode()).decode()


def _listings(cars: Cars, words: Vocabulary) -> Iterator[Listing]:
    for group in cars.groups:
        found = cars.find(q(Search(make=group.model.make_facet, model_group=group.model.korean)), "PriceAsc")
        target = SearchTarget(group.make, group.model.make_facet, group.model)
        for offset in range(0, len(found), SITE_PAGE_ROWS):
            _, entries = read_search(cars.answer(found, offset, SITE_PAGE_ROWS), target, words)
            yield from (entry for entry in entries if isinstance(entry, Listing))


def _values(listing: Listing) -> tuple[object, ...]:
    return (int(listing.listing_id), *(getattr(listing, name) for name in COLUMNS[1:]))
