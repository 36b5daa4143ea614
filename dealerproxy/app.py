"""The application factory. Reads top-down: settings and words in, one resource after another, routes out."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import structlog
from aiohttp import web
from yarl import URL

from dealerproxy import vocabulary as words
from dealerproxy.api import cars, docs, health, metrics, middleware, openapi, status, upstreams
from dealerproxy.api import lists as vehicles
from dealerproxy.api.keys import (
    ADVERTS,
    ANSWERS,
    AVAILABILITY,
    CACHE,
    CARS,
    CLOCK,
    DANAWA,
    DRAINING,
    ENCAR,
    ENCAR_CARS,
    FACETS,
    HEALTH,
    INDEXES,
    KEEPER,
    METRICS,
    OFF_SALE,
    RATES,
    SEARCH,
    SETTINGS,
    SHARED,
    VOCABULARY,
    WARM,
    Cars,
)
from dealerproxy.api.list_cache import Answers
from dealerproxy.api.security import MAX_BODY_BYTES, secure_all
from dealerproxy.cache.cache import StaleCache
from dealerproxy.captures.keeper import Keeper
from dealerproxy.captures.sites import bases
from dealerproxy.contract.rate import Rate, now_kst
from dealerproxy.contract.terms import UPSTREAMS
from dealerproxy.ops.lag import watch_lag
from dealerproxy.ops.metrics import Metrics
from dealerproxy.search.availability import Availability
from dealerproxy.search.cursor import CursorCodec
from dealerproxy.search.facets import FacetsService
from dealerproxy.search.service import SearchService
from dealerproxy.settings import DEFAULT_KRW_PER_USD, DEFAULT_RATE_AS_OF, Settings, SettingsError
from dealerproxy.tasks import cancel_and_wait
from dealerproxy.transport.errors import Drift
from dealerproxy.transport.fetch import Fetcher, FetchPolicy
from dealerproxy.transport.health import Health
from dealerproxy.transport.limits import Bulkhead, RateLimiter
from dealerproxy.transport.redis_guard import connect
from dealerproxy.transport.response import Response, json_body
from dealerproxy.transport.retry import Retries
from dealerproxy.upstreams.absence import Absence, Adverts
from dealerproxy.upstreams.danawa import client as danawa
from dealerproxy.upstreams.danawa.cars import DanawaCars
from dealerproxy.upstreams.danawa.index import Brand, Indexes
from dealerproxy.upstreams.danawa.pages import Pages
from dealerproxy.upstreams.danawa.search import DanawaSource
from dealerproxy.upstreams.encar import client as encar
from dealerproxy.upstreams.encar.cars import EncarCars
from dealerproxy.upstreams.encar.search import EncarSource
from dealerproxy.upstreams.off_sale import OffSale
from dealerproxy.upstreams.upstream import Source
from dealerproxy.vehicles.fx import FxRates, date_at, rate_at

if TYPE_CHECKING:
    from dealerproxy.ops.tracing import Tracing

# The longest a single attempt may take: a list of 8 s can be tried again after it.
ATTEMPT_S = 5.0
# One part in so many of the cache is for whole answers, the others for the pieces they are made of.
ANSWERS_SHARE = 4
FX_OPERATION = "rate"
FX_MANNERS = FetchPolicy((FX_OPERATION,), burst=1, in_flight=1, max_bytes=1_000_000)
FX_TIMEOUT_S = 5.0
FX_PRIME_S = 1.0
# OpenTelemetry's own variables that ask for traces.
OTLP_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")

TRACING: web.AppKey["Tracing"] = web.AppKey("tracing")

log = structlog.get_logger(__name__)


def create_app(
    settings: Settings,
    vocabulary: words.Vocabulary | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> web.Application:
    """Build the service; its ages and pauses go by `clock`, in seconds.

    Raises VocabularyError for a broken vocabulary, SettingsError for a make it does not know, or traces it cannot send.
    """
    counted, tracing = Metrics(), _tracing()
    app = web.Application(
        client_max_size=MAX_BODY_BYTES,
        middlewares=[
            *([tracing.middleware()] if tracing else []),
            middleware.access_log(counted.request),
            middleware.envelope,
            middleware.require_key(settings.keys),
            middleware.shed_load(settings.max_requests),
        ],
    )
    app[METRICS] = counted
    if tracing:
        app[TRACING] = tracing
        app.cleanup_ctx.append(_traces)
    app[SETTINGS] = settings
    app[VOCABULARY] = vocabulary or words.load()
    app[WARM] = _warm(settings, app[VOCABULARY])
    app[DRAINING] = asyncio.Event()
    app[CLOCK] = clock
    app[OFF_SALE] = OffSale(clock)
    app[ADVERTS] = {
        site: Adverts(site, operation, app[OFF_SALE], Absence(clock))
        for site, operation in (("encar", encar.DETAIL), ("danawa", danawa.FEEDER))
    }
    app.on_shutdown.append(_drain)
    app.on_response_prepare.append(secure_all)
    app.cleanup_ctx.extend([_captures, _shared, _encar, _danawa, _fx, _cars, _search, _facets, _metrics, _flights])
    app.cleanup_ctx.append(status.watch)
    app.router.add_routes([*health.ROUTES, *vehicles.ROUTES, *cars.ROUTES, *upstreams.ROUTES, *status.ROUTES])
    app.router.add_routes(metrics.routes(counted))
    app.router.add_routes(openapi.routes(app[VOCABULARY], guarded=bool(settings.keys)))
    app.router.add_routes(docs.ROUTES)
    return app


async def _drain(app: web.Application) -> None:
    """Say that no more requests should come; those under way are finished."""
    app[DRAINING].set()


async def _traces(app: web.Application) -> AsyncIterator[None]:
    """Send the last spans after everything that makes some has ended."""
    yield
    await app[TRACING].close()


async def _flights(app: web.Application) -> AsyncIterator[None]:
    """End what is being loaded before anything that loads is closed."""
    yield
    await app[CACHE].close()


async def _shared(app: web.Application) -> AsyncIterator[None]:
    """Open what pieces, suspensions and turns are shared through; without Redis the process keeps them to itself."""
    url = app[SETTINGS].redis_url
    shared = app[SHARED] = connect(url) if url else None
    app[HEALTH] = Health(shared, clock=app[CLOCK])
    pieces = app[SETTINGS].cache_mb * 2**20 * (ANSWERS_SHARE - 1) // ANSWERS_SHARE
    app[CACHE] = StaleCache(shared, max_bytes=pieces, clock=app[CLOCK])
    if shared is None:
        yield
        return
    watching = asyncio.create_task(shared.watch(remind=app[HEALTH].remind), name="watch-redis")
    yield
    await cancel_and_wait(watching)
    await shared.close()


async def _captures(app: web.Application) -> AsyncIterator[None]:
    """Keep pages that make trouble, if there is a folder for them."""
    settings = app[SETTINGS]
    if not settings.capture_dir:
        yield
        return
    counted = app[METRICS]
    keeper = app[KEEPER] = Keeper(
        Path(settings.capture_dir), app[VOCABULARY], bases(settings), count=counted.captured, met=counted.met
    )
    keeper.start()
    yield
    await keeper.close()


async def _encar(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS]
    headers = encar.request_headers(settings.user_agent)
    async with _session(encar.MANNERS) as session:
        fetcher = _fetcher(app, "encar", session, encar.MANNERS, headers, rps=settings.encar_rps)
        app[ENCAR] = encar.EncarClient(fetcher, settings.encar_api_url, settings.encar_page_url)
        yield


async def _danawa(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS]
    headers, rps = danawa.request_headers(settings.user_agent), settings.danawa_rps
    async with _session(danawa.LIST_MANNERS) as site, _session(danawa.FEEDER_MANNERS) as feeder:
        client = app[DANAWA] = danawa.DanawaClient(
            _fetcher(app, "danawa", site, danawa.LIST_MANNERS, headers, rps=rps),
            _fetcher(app, "danawa", feeder, danawa.FEEDER_MANNERS, headers, rps=rps),
            site_url=settings.danawa_url,
            feeder_url=settings.mpark_api_url,
        )
        pages = Pages(client, app[VOCABULARY], app[OFF_SALE], judged=app[METRICS].judged, now=app[CLOCK])
        indexes = app[INDEXES] = Indexes(pages.read, app[CACHE], now=app[CLOCK])
        warming = asyncio.create_task(indexes.keep_warm(app[WARM]), name="keep-danawa-warm") if app[WARM] else None
        yield
        if warming is not None:
            await cancel_and_wait(warming)


async def _fx(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS]
    as_of = DEFAULT_RATE_AS_OF if settings.krw_per_usd == DEFAULT_KRW_PER_USD else now_kst()
    static = Rate(settings.krw_per_usd, as_of, "static")
    if not settings.fx_url:
        app[RATES] = FxRates(static)
        yield
        return
    async with _session(FX_MANNERS) as session:
        fetcher = _fetcher(app, "fx", session, FX_MANNERS, {"Accept": "application/json"}, rps=1)

        def read(response: Response) -> bytes:
            """The body, if it has a rate: an answer without one must not count as a good one."""
            body = json_body(response)
            try:
                rate_at(body, settings.fx_path)
                if settings.fx_date_path:
                    date_at(body, settings.fx_date_path, time.time())
            except ValueError as error:
                raise Drift(settings.fx_path, str(error)) from error
            return body

        async def fetch() -> bytes:
            return await fetcher.get(FX_OPERATION, URL(settings.fx_url), read, within_s=FX_TIMEOUT_S)

        rates = app[RATES] = FxRates(
            static, fetch=fetch, path=settings.fx_path, date_path=settings.fx_date_path, clock=app[CLOCK]
        )
        await rates.prime(FX_PRIME_S)
        yield
        await rates.close()


async def _cars(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS]
    fresh_s, deadline_s = settings.detail_fresh_s, settings.detail_deadline_s
    encar_cars = app[ENCAR_CARS] = EncarCars(
        app[ENCAR],
        app[VOCABULARY],
        app[CACHE],
        app[OFF_SALE],
        fresh_s=fresh_s,
        deadline_s=deadline_s,
        adverts=app[ADVERTS]["encar"],
        now=app[CLOCK],
    )
    danawa_cars = DanawaCars(
        app[DANAWA],
        app[VOCABULARY],
        app[CACHE],
        app[OFF_SALE],
        fresh_s=fresh_s,
        deadline_s=deadline_s,
        adverts=app[ADVERTS]["danawa"],
    )
    by_site: Mapping[str, Cars] = {"encar": encar_cars, "danawa": danawa_cars}
    app[CARS] = by_site
    app[AVAILABILITY] = Availability(encar_cars, danawa_cars)
    yield


async def _search(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS]
    if not settings.cursor_secret:
        log.warning("cursor_secret_random", hint="set DEALERPROXY_CURSOR_SECRET so that cursors outlive a restart")
    encar_source = EncarSource(
        app[ENCAR],
        app[VOCABULARY],
        app[CACHE],
        app[OFF_SALE],
        fresh_s=settings.list_fresh_s,
        deadline_s=settings.list_deadline_s,
        judged=app[METRICS].judged,
        now=app[CLOCK],
        listed=app[ADVERTS]["encar"].listed,
    )
    danawa_source = DanawaSource(app[INDEXES], app[OFF_SALE], listed=app[ADVERTS]["danawa"].listed)
    most = settings.cache_mb * 2**20 // ANSWERS_SHARE
    app[ANSWERS] = Answers(app[OFF_SALE], app[RATES], max_bytes=most, clock=app[CLOCK])
    sources: dict[str, Source[Any]] = {"encar": encar_source, "danawa": danawa_source}
    if TRACING in app:
        sources = {name: app[TRACING].source(source) for name, source in sources.items()}
    app[SEARCH] = SearchService(
        sources=sources,
        cars=app[ENCAR_CARS],
        vocabulary=app[VOCABULARY],
        rates=app[RATES],
        cursors=CursorCodec(settings.cursor_secret),
    )
    yield


async def _facets(app: web.Application) -> AsyncIterator[None]:
    app[FACETS] = FacetsService(
        app[ENCAR],
        app[VOCABULARY],
        app[CACHE],
        also=app[INDEXES].models,
        clock=app[CLOCK],
        deadline_s=app[SETTINGS].list_deadline_s,
    )
    yield
    await app[FACETS].close()


async def _metrics(app: web.Application) -> AsyncIterator[None]:
    app[METRICS].watch(
        health=app[HEALTH],
        adverts=app[ADVERTS],
        cache=app[CACHE],
        answers=app[ANSWERS].memory,
        shared=app[SHARED],
        rates=app[RATES],
        vocabulary=app[VOCABULARY],
    )
    lag = asyncio.create_task(watch_lag(app[METRICS].lag.observe), name="watch-lag")
    yield
    await cancel_and_wait(lag)


def _fetcher(
    app: web.Application,
    name: str,
    session: aiohttp.ClientSession,
    manners: FetchPolicy,
    headers: Mapping[str, str],
    *,
    rps: float,
) -> Fetcher:
    """Build an upstream's way out. One that has two has its turns for each: they are two hosts."""
    turns = f"{name}/{manners.operations[0]}"
    processes, shared = app[SETTINGS].processes, app[SHARED]
    bulkhead, retries = Bulkhead(manners.in_flight), Retries(attempt_s=ATTEMPT_S)
    watch = app[METRICS].pool(name, manners.operations, bulkhead, retries)
    if KEEPER in app:
        watch.keep = app[KEEPER].notice
    # Not the provider of rates: its address may hold a key.
    fetcher = app[TRACING].fetcher if TRACING in app and name in UPSTREAMS else Fetcher
    return fetcher(
        name,
        session,
        health=app[HEALTH],
        limiter=RateLimiter(turns, rps=rps, burst=manners.burst, processes=processes, shared=shared),
        bulkhead=bulkhead,
        retries=retries,
        manners=manners,
        headers=headers,
        watch=watch,
    )


def _tracing(env: Mapping[str, str] = os.environ) -> "Tracing | None":
    """Make spans if OpenTelemetry's own variables ask for it. Raises SettingsError when that cannot be done."""
    asked = next((name for name in OTLP_ENDPOINTS if env.get(name)), None)
    if asked is None or env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    try:
        from dealerproxy.ops import tracing  # noqa: PLC0415  # an extra, and not free to load

        return tracing.Tracing(tracing.exported())
    except ImportError as error:
        hint = "pip install 'dealerproxy[otel]'"
        raise SettingsError(f"{asked} is set, but traces need what is not installed ({error}): {hint}") from None
    except ValueError as error:
        raise SettingsError(f"{asked} is set, but one of OTEL_* cannot be used: {error}") from None


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


def _session(manners: FetchPolicy) -> aiohttp.ClientSession:
    """Open a session that keeps no cookies: nobody here logs in, and a tracking cookie must not follow us."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=manners.in_flight, ttl_dns_cache=300),
        cookie_jar=aiohttp.DummyCookieJar(),
    )
