"""The same job in FastAPI, httpx and pydantic, as a careful author would write it.

It asks the stand-in's search, validates the page by models, turns its rows into the very rows the service shows, and
encodes them. It is given what helps: one pooled client (httpx's own limits did best of those tried at 16 and at 64
connections), pydantic's own JSON parser and encoder (faster than orjson over dumped models), an answer that FastAPI
does not validate again, no access log, no middleware, and the service's vocabulary with its caches. It is spared what
the service does besides: limits, circuits, retries, cache, merge, cursor, metrics, log line.
"""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection
from typing import Annotated

import httpx
import uvicorn
from fastapi import FastAPI, Query, Response
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_pascal
from yarl import URL

from dealerproxy import vocabulary
from dealerproxy.contract.pricing import COMMISSION_USD, DEALER_FEE_USD, ocean_freight, usd
from dealerproxy.settings import DEFAULT_KRW_PER_USD
from dealerproxy.upstreams.car_words import WON_PER_MANWON, facts_in_name, fuel_token, full_trim, read_generation, trim
from dealerproxy.upstreams.encar.addresses import photo_url
from dealerproxy.upstreams.encar.client import request_headers
from dealerproxy.upstreams.encar.query import Search, q, search_url
from dealerproxy.vocabulary import Make, Model, Vocabulary
from tests.bench.load import HOST
from tests.bench.servers import run


class Photo(BaseModel):
    """A photo of a row."""

    location: str
    type: str = ""
    ordering: float = 0.0


class Row(BaseModel):
    """A row as Encar sends it."""

    model_config = ConfigDict(alias_generator=to_pascal)

    id: str
    manufacturer: str
    model: str
    year: float
    form_year: int
    mileage: float
    price: float
    badge: str | None = None
    badge_detail: str | None = None
    fuel_type: str | None = None
    transmission: str | None = None
    sell_type: str | None = None
    sales_status: str | None = None
    service_copy_car: str | None = None
    photo: str | None = None
    photos: list[Photo] = []
    separation: list[str] = []
    office_city_state: str | None = None
    lease_type: str | None = None
    month_lease_price: float | None = None


class Page(BaseModel):
    """A page of a search."""

    model_config = ConfigDict(alias_generator=to_pascal)

    count: float
    search_results: list[Row]


class DiscountConfig(BaseModel):
    """A dealer car has no bid."""

    bid_threshold: int = 0
    rate_below: int = 0
    rate_at_or_above: int = 0
    fixed_discount_amount: int = DEALER_FEE_USD


class Breakdown(BaseModel):
    """Cost lines in USD."""

    auction_fee: int = 0
    dealer_fee: int = DEALER_FEE_USD
    lmn_commission: int = COMMISSION_USD
    ocean_freight: int
    estimated_landed: int


class Pricing(BaseModel):
    """A price in USD."""

    listing_price: int
    sold_price: None = None
    discount_config: DiscountConfig = DiscountConfig()
    breakdown: Breakdown


class Summary(BaseModel):
    """A row as it is shown."""

    id: str
    source: str = "dealer"
    make: str
    model: str
    trim: str | None
    year: int
    mileage_km: int
    fuel: str | None
    transmission: str | None
    color: str | None = None
    engine_cc: int | None
    drivetrain: str | None
    options: list[str] = []
    accident_grade: None = None
    exterior_grade: None = None
    auction_date: None = None
    order_cutoff_at: None = None
    thumbnail_url: str | None
    pricing: Pricing
    auction_result: None = None
    auction_count: None = None


class Answer(BaseModel):
    """The list."""

    data: list[Summary]
    total: int


def create_app(upstream: str, words: Vocabulary) -> FastAPI:
    """Build the peer."""
    client = httpx.AsyncClient(headers=dict(request_headers("Mozilla/5.0")))
    base = URL(upstream)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with client:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/v1/vehicles")
    async def vehicles(
        make: str,
        model: str,
        mileage_max_km: Annotated[int | None, Query(ge=0)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 48,
    ) -> Response:
        known = words.find_make(make)
        (group,) = words.find_models(known, model) if known else ()
        assert known is not None  # the benchmark asks for nothing else
        mileage = None if mileage_max_km is None else (0, mileage_max_km)
        query = q(Search(make=group.make_facet, model_group=group.korean, mileage=mileage))
        response = await client.get(str(search_url(base, query, "PriceAsc", 0, limit)))
        response.raise_for_status()
        page = Page.model_validate_json(response.content)
        rows = [shown(row, known, group, words) for row in page.search_results if not is_left_out(row)]
        answer = Answer(data=rows, total=int(page.count))
        return Response(answer.model_dump_json(), media_type="application/json")

    return app


def is_left_out(row: Row) -> bool:
    """Whether a row is no offer to buy."""
    return (
        row.sell_type not in {None, "일반"}
        or row.lease_type is not None
        or row.month_lease_price is not None
        or row.sales_status is not None
        or not 1 <= row.price < 99_999
        or not 0 <= row.mileage < 999_999
    )


def shown(row: Row, make: Make, model: Model, words: Vocabulary) -> Summary:
    """Turn a row into one that is shown."""
    grades, generation = trim((row.badge, row.badge_detail), words), read_generation(model, row.model, words)
    names = facts_in_name(f"{row.model} {grades.korean or ''}", row.manufacturer, words)
    fuel = fuel_token(row.fuel_type, names, words)
    price = usd(round(row.price * WON_PER_MANWON), DEFAULT_KRW_PER_USD)
    freight = ocean_freight(make.name, model.body)
    front = min(row.photos, key=lambda photo: (photo.type != "001", photo.ordering), default=None)
    return Summary(
        id=f"encar_{row.id}",
        make=make.name,
        model=model.name,
        trim=full_trim(grades, generation),
        year=row.form_year,
        mileage_km=int(row.mileage),
        fuel=fuel,
        transmission=words.transmission(row.transmission) if row.transmission else None,
        engine_cc=None,
        drivetrain=names.drivetrain,
        thumbnail_url=photo_url(front.location) if front else None,
        pricing=Pricing(
            listing_price=price,
            breakdown=Breakdown(ocean_freight=freight, estimated_landed=price + COMMISSION_USD + freight),
        ),
    )


def serve(told: Connection, upstream: str, loop: str) -> None:
    """Serve with uvicorn and httptools, as a process target like those of `servers`."""
    run(loop, listen(told, create_app(upstream, vocabulary.load())))


async def listen(told: Connection, app: FastAPI) -> None:
    """Serve an application with uvicorn until ended; the port goes through `told`."""
    listening = socket.create_server((HOST, 0), backlog=1024)
    config = uvicorn.Config(app, http="httptools", access_log=False, log_level="warning", lifespan="on")
    told.send(listening.getsockname()[1])
    await uvicorn.Server(config).serve(sockets=[listening])
