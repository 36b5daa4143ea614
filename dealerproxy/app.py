"""The application factory. Reads top-down: settings and words in, one resource after another, routes out."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

import aiohttp
import structlog
from aiohttp import web
from yarl import URL

from dealerproxy import vocabulary as words
from dealerproxy.api import cars, health, middleware, vehicles
from dealerproxy.api.state import (
    AVAILABILITY,
    CARS,
    DANAWA,
    ENCAR,
    ENCAR_CARS,
    FACETS,
    INDEXES,
    RATES,
    SEARCH,
    SETTINGS,
    VOCABULARY,
    WARM,
    Cars,
)
from dealerproxy.search import facets
from dealerproxy.search.availability import Availability
from dealerproxy.search.cursor import CursorCodec
from dealerproxy.search.facets import Facets
from dealerproxy.search.service import SearchService
from dealerproxy.search.sources import ChunkCache, CountCache, DanawaSource, EncarSource
from dealerproxy.settings import DEFAULT_KRW_PER_USD, DEFAULT_RATE_AS_OF, Settings, SettingsError
from dealerproxy.transport.cache import FlightCache
from dealerproxy.transport.fetch import Fetcher
from dealerproxy.transport.response import json_body
from dealerproxy.upstreams.danawa import client as danawa
from dealerproxy.upstreams.danawa.cars import DanawaCars
from dealerproxy.upstreams.danawa.index import Brand, Indexes
from dealerproxy.upstreams.danawa.pages import Pages
from dealerproxy.upstreams.encar import client as encar
from dealerproxy.upstreams.encar.cars import EncarCars
from dealerproxy.vehicles.fx import FxRates, Rate, now_kst

# A chunk of 48 listings takes about 60 kB of memory.
MAX_CHUNKS = 1_000
MAX_COUNTS = 10_000
MAX_ADVERTS = 2_000
MAX_BATCHES = 100
MAX_DOCUMENTS = 5_000
# Inspection sheets, records and diagnoses hardly ever change while a car is on sale.
DOCUMENT_FRESH_S = 600.0
FX_TIMEOUT_S = 5.0
FX_PRIME_S = 1.0
FX_MAX_BYTES = 1_000_000

log = structlog.get_logger(__name__)


def create_app(settings: Settings, vocabulary: words.Vocabulary | None = None) -> web.Application:
    """Build the service. Raises VocabularyError for a broken vocabulary, SettingsError for a make it does not know."""
    app = web.Application(middlewares=[middleware.envelope, middleware.require_key(settings.keys)])
    app[SETTINGS] = settings
    app[VOCABULARY] = vocabulary or words.load()
    app[WARM] = _warm(settings, app[VOCABULARY])
    app.cleanup_ctx.extend([_encar, _danawa, _fx, _cars, _search, _facets])
    app.router.add_routes([*health.ROUTES, *vehicles.ROUTES, *cars.ROUTES])
    return app


async def _encar(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS]
    async with _session(encar.IN_FLIGHT) as session:
        fetcher = Fetcher(
            session,
            rps=settings.encar_rps,
            burst=encar.BURST,
            in_flight=encar.IN_FLIGHT,
            max_bytes=encar.MAX_BYTES,
            headers=encar.request_headers(settings.user_agent),
        )
        app[ENCAR] = encar.EncarClient(fetcher, settings.encar_api_url, settings.encar_page_url)
        yield


async def _danawa(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS]
    async with _session(danawa.IN_FLIGHT) as site, _session(danawa.IN_FLIGHT) as feeder:
        list_fetcher, car_fetcher = (
            Fetcher(
                session,
                rps=settings.danawa_rps,
                burst=danawa.BURST,
                in_flight=danawa.IN_FLIGHT,
                max_bytes=danawa.MAX_BYTES,
                headers=danawa.request_headers(settings.user_agent),
            )
            for session in (site, feeder)
        )
        client = app[DANAWA] = danawa.DanawaClient(
            list_fetcher, car_fetcher, site_url=settings.danawa_url, feeder_url=settings.mpark_api_url
        )
        pages = Pages(client, app[VOCABULARY], page_s=settings.list_deadline_s)
        indexes = app[INDEXES] = Indexes(pages.read)
        warming = asyncio.create_task(indexes.keep_warm(app[WARM]), name="keep-danawa-warm") if app[WARM] else None
        yield
        if warming is not None:
            warming.cancel()
            await asyncio.gather(warming, return_exceptions=True)
        await indexes.close()


async def _fx(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS]
    as_of = DEFAULT_RATE_AS_OF if settings.krw_per_usd == DEFAULT_KRW_PER_USD else now_kst()
    static = Rate(settings.krw_per_usd, as_of, "static")
    if not settings.fx_url:
        app[RATES] = FxRates(static)
        yield
        return
    async with _session(1) as session:
        fetcher = Fetcher(
            session,
            rps=1,
            burst=1,
            in_flight=1,
            max_bytes=FX_MAX_BYTES,
            headers={"Accept": "application/json"},
        )

        async def fetch() -> bytes:
            return json_body(await fetcher.get(URL(settings.fx_url), within_s=FX_TIMEOUT_S))

        rates = app[RATES] = FxRates(static, fetch=fetch, path=settings.fx_path)
        await rates.prime(FX_PRIME_S)
        yield
        await rates.close()


async def _cars(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS]
    encar_cars = EncarCars(
        app[ENCAR],
        app[VOCABULARY],
        adverts=FlightCache(fresh_s=settings.detail_fresh_s, max_entries=MAX_ADVERTS),
        batches=FlightCache(fresh_s=settings.detail_fresh_s, max_entries=MAX_BATCHES),
        documents=FlightCache(fresh_s=DOCUMENT_FRESH_S, max_entries=MAX_DOCUMENTS),
        deadline_s=settings.detail_deadline_s,
    )
    danawa_cars = DanawaCars(
        app[DANAWA],
        app[VOCABULARY],
        cars=FlightCache(fresh_s=settings.detail_fresh_s, max_entries=MAX_ADVERTS),
        deadline_s=settings.detail_deadline_s,
    )
    app[ENCAR_CARS] = encar_cars
    by_site: Mapping[str, Cars] = {"encar": encar_cars, "danawa": danawa_cars}
    app[CARS] = by_site
    app[AVAILABILITY] = Availability(encar_cars, danawa_cars)
    yield
    await encar_cars.close()
    await danawa_cars.close()


async def _search(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS]
    if not settings.cursor_secret:
        log.warning("cursor_secret_random", hint="set DEALERPROXY_CURSOR_SECRET so that cursors outlive a restart")
    chunks: ChunkCache = FlightCache(fresh_s=settings.list_fresh_s, max_entries=MAX_CHUNKS)
    counts: CountCache = FlightCache(fresh_s=settings.list_fresh_s, max_entries=MAX_COUNTS)
    encar_source = EncarSource(
        app[ENCAR], app[VOCABULARY], chunks=chunks, counts=counts, deadline_s=settings.list_deadline_s
    )
    app[SEARCH] = SearchService(
        sources={"encar": encar_source, "danawa": DanawaSource(app[INDEXES])},
        cars=app[ENCAR_CARS],
        vocabulary=app[VOCABULARY],
        rates=app[RATES],
        cursors=CursorCodec(settings.cursor_secret),
    )
    yield
    await chunks.close()
    await counts.close()


async def _facets(app: web.Application) -> AsyncIterator[None]:
    app[FACETS] = Facets(
        app[ENCAR],
        app[VOCABULARY],
        FlightCache(fresh_s=facets.FRESH_S, max_entries=1),
        also=app[INDEXES].models,
        deadline_s=app[SETTINGS].list_deadline_s,
    )
    yield
    await app[FACETS].close()


def _warm(settings: Settings, vocabulary: words.Vocabulary) -> Sequence[Brand]:
    """The listings to keep warm. Raises SettingsError for a make that Danawa is not known to have."""
    brands: list[Brand] = []
    for text in filter(None, map(str.strip, settings.danawa_warm.split(","))):
        make = vocabulary.find_make(text) or vocabulary.danawa.find_make(text)
        codes = vocabulary.danawa.brands_of(make) if make else ()
        if not codes:
            raise SettingsError(f"DEALERPROXY_DANAWA_WARM cannot be used: Danawa has no make known as {text!r}")
        brands += [Brand(code) for code in codes]
    return tuple(dict.fromkeys(brands))


def _session(connections: int) -> aiohttp.ClientSession:
    """Open a session that keeps no cookies: nobody here logs in, and a tracking cookie must not follow us."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, ttl_dns_cache=300),
        cookie_jar=aiohttp.DummyCookieJar(),
    )
