"""The application factory. Reads top-down: settings and words in, one resource after another, routes out."""

from collections.abc import AsyncIterator

import aiohttp
import structlog
from aiohttp import web
from yarl import URL

from dealerproxy import vocabulary as words
from dealerproxy.api import cars, health, middleware, vehicles
from dealerproxy.api.state import AVAILABILITY, CARS, ENCAR, FACETS, RATES, SEARCH, SETTINGS, VOCABULARY
from dealerproxy.search import facets
from dealerproxy.search.availability import Availability
from dealerproxy.search.cursor import CursorCodec
from dealerproxy.search.facets import Facets
from dealerproxy.search.service import ChunkCache, CountCache, SearchService
from dealerproxy.settings import DEFAULT_KRW_PER_USD, DEFAULT_RATE_AS_OF, Settings
from dealerproxy.transport.cache import FlightCache
from dealerproxy.transport.fetch import Fetcher
from dealerproxy.transport.response import json_body
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
    """Build the service. Raises VocabularyError when the vocabulary cannot be loaded."""
    app = web.Application(middlewares=[middleware.envelope, middleware.require_key(settings.keys)])
    app[SETTINGS] = settings
    app[VOCABULARY] = vocabulary or words.load()
    app.cleanup_ctx.extend([_encar, _fx, _cars, _search, _facets])
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
    found = app[CARS] = EncarCars(
        app[ENCAR],
        app[VOCABULARY],
        adverts=FlightCache(fresh_s=settings.detail_fresh_s, max_entries=MAX_ADVERTS),
        batches=FlightCache(fresh_s=settings.detail_fresh_s, max_entries=MAX_BATCHES),
        documents=FlightCache(fresh_s=DOCUMENT_FRESH_S, max_entries=MAX_DOCUMENTS),
        deadline_s=settings.detail_deadline_s,
    )
    app[AVAILABILITY] = Availability(found)
    yield
    await found.close()


async def _search(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS]
    if not settings.cursor_secret:
        log.warning("cursor_secret_random", hint="set DEALERPROXY_CURSOR_SECRET so that cursors outlive a restart")
    chunks: ChunkCache = FlightCache(fresh_s=settings.list_fresh_s, max_entries=MAX_CHUNKS)
    counts: CountCache = FlightCache(fresh_s=settings.list_fresh_s, max_entries=MAX_COUNTS)
    app[SEARCH] = SearchService(
        encar=app[ENCAR],
        cars=app[CARS],
        vocabulary=app[VOCABULARY],
        rates=app[RATES],
        cursors=CursorCodec(settings.cursor_secret),
        chunks=chunks,
        counts=counts,
        deadline_s=settings.list_deadline_s,
    )
    yield
    await chunks.close()
    await counts.close()


async def _facets(app: web.Application) -> AsyncIterator[None]:
    app[FACETS] = Facets(
        app[ENCAR],
        app[VOCABULARY],
        FlightCache(fresh_s=facets.FRESH_S, max_entries=1),
        deadline_s=app[SETTINGS].list_deadline_s,
    )
    yield
    await app[FACETS].close()


def _session(connections: int) -> aiohttp.ClientSession:
    """Open a session that keeps no cookies: nobody here logs in, and a tracking cookie must not follow us."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, ttl_dns_cache=300),
        cookie_jar=aiohttp.DummyCookieJar(),
    )
