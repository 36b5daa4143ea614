"""The application factory: opens the resources one after another, and adds the routes."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import structlog
from aiohttp import web
from yarl import URL

from dealerproxy import vocabulary as words
from dealerproxy.api import cars, docs, documents, health, metrics, middleware, openapi, status, upstreams
from dealerproxy.api import lists as vehicles
from dealerproxy.api.keys import (
    ANSWERS,
    CACHE,
    CLOCK,
    DRAINING,
    HEALTH,
    KEEPER,
    METRICS,
    OFF_SALE,
    RATES,
    SEARCH,
    SETTINGS,
    SHARED,
    SITES,
    UNIX,
    VALVES,
    VOCABULARY,
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
from dealerproxy.search.cursor import CursorCodec
from dealerproxy.search.service import SearchService
from dealerproxy.settings import DEFAULT_KRW_PER_USD, DEFAULT_RATE_AS_OF, Settings, SettingsError
from dealerproxy.tasks import cancel_and_wait
from dealerproxy.transport.errors import Drift
from dealerproxy.transport.fetch import Fetcher, FetchPolicy
from dealerproxy.transport.health import Health
from dealerproxy.transport.limits import RateLimiter
from dealerproxy.transport.reading import keep_no_page, report_unknown_code
from dealerproxy.transport.redis_guard import connect
from dealerproxy.transport.response import Response, json_body
from dealerproxy.transport.retry import Retries
from dealerproxy.transport.turns import TurnQueue
from dealerproxy.transport.valve import Valves
from dealerproxy.upstreams.danawa.site import set_up_danawa
from dealerproxy.upstreams.encar.site import set_up_encar
from dealerproxy.upstreams.off_sale import OffSale
from dealerproxy.upstreams.resources import OpenSite, Resources, SetUpSite
from dealerproxy.upstreams.upstream import Upstream
from dealerproxy.vehicles.fx import FxRates, date_at, rate_at

if TYPE_CHECKING:
    from dealerproxy.ops.tracing import Tracing

# Time-out of one attempt, in seconds: a list's 8 s leave time for a second attempt.
ATTEMPT_S = 5.0
# Whole answers get 1 part in ANSWERS_SHARE of the cache's memory, entries get the rest.
ANSWERS_SHARE = 4
FX_OPERATION = "rate"
FX_MANNERS = FetchPolicy((FX_OPERATION,), burst=1, in_flight=1, max_bytes=1_000_000)
FX_TIMEOUT_S = 5.0
FX_PRIME_S = 1.0
# OpenTelemetry's own variables that turn tracing on.
OTLP_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")

# The set-up function of each site, by name.
SITE_SETUPS: Mapping[str, SetUpSite] = {"encar": set_up_encar, "danawa": set_up_danawa}

OPENERS: web.AppKey[Mapping[str, OpenSite]] = web.AppKey("openers")
TRACING: web.AppKey["Tracing"] = web.AppKey("tracing")

log = structlog.get_logger(__name__)


def create_app(
    settings: Settings,
    vocabulary: words.Vocabulary | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
    unix: Callable[[], float] = time.time,
) -> web.Application:
    """Build the service. Ages and pauses use `clock`, which counts seconds and never goes back.

    `unix` is the time of day, which ends the day of a budget of calls if there is no Redis.

    Raises VocabularyError for a broken vocabulary, SettingsError for a setting that a site or the tracing cannot use.
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
    app[VOCABULARY] = (vocabulary or words.load()).reporting(report_unknown_code)
    app[OPENERS] = {name: SITE_SETUPS[name](settings, app[VOCABULARY]) for name in UPSTREAMS}
    app[DRAINING] = asyncio.Event()
    app[CLOCK], app[UNIX] = clock, unix
    app[OFF_SALE] = OffSale(clock)
    app.on_shutdown.append(_drain)
    app.on_response_prepare.append(secure_all)
    app.cleanup_ctx.extend([_captures, _shared, _sites, _fx, _search, _metrics, _flights])
    app.cleanup_ctx.append(status.watch)
    app.router.add_routes([*health.ROUTES, *vehicles.ROUTES, *cars.ROUTES, *upstreams.ROUTES, *status.ROUTES])
    app.router.add_routes(metrics.routes(counted))
    app.router.add_routes(openapi.routes(app[VOCABULARY], guarded=bool(settings.keys)))
    app.router.add_routes(docs.ROUTES)
    app.router.add_routes(documents.ROUTES)
    return app


async def _drain(app: web.Application) -> None:
    """Mark the service as not ready; open requests are finished."""
    app[DRAINING].set()


async def _traces(app: web.Application) -> AsyncIterator[None]:
    """Send the last spans after everything that creates spans has ended."""
    yield
    await app[TRACING].close()


async def _flights(app: web.Application) -> AsyncIterator[None]:
    """End all loads before the resources that they use are closed."""
    yield
    await app[CACHE].close()


async def _shared(app: web.Application) -> AsyncIterator[None]:
    """Open the cache, the circuits and the valves: shared through Redis if it is set, else local to this process."""
    settings = app[SETTINGS]
    shared = app[SHARED] = connect(settings.redis_url) if settings.redis_url else None
    app[HEALTH] = Health(shared, clock=app[CLOCK])
    app[VALVES] = Valves(
        settings.daily_calls, processes=settings.processes, shared=shared, clock=app[CLOCK], unix=app[UNIX]
    )
    pieces = settings.cache_mb * 2**20 * (ANSWERS_SHARE - 1) // ANSWERS_SHARE
    app[CACHE] = StaleCache(shared, max_bytes=pieces, clock=app[CLOCK])
    if shared is None:
        yield
        return

    async def remind() -> None:
        await app[HEALTH].remind()
        await app[VALVES].refresh()

    await app[VALVES].refresh()  # before the first read: a pause may have begun before the start
    watching = asyncio.create_task(shared.watch(remind=remind), name="watch-redis")
    yield
    await cancel_and_wait(watching)
    await shared.close()


async def _captures(app: web.Application) -> AsyncIterator[None]:
    """Save pages that could not be read, if a folder is set."""
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


async def _sites(app: web.Application) -> AsyncIterator[None]:
    """Open the sites; close them in reverse order."""
    async with AsyncExitStack() as opened:
        sites: dict[str, Upstream[Any]] = {}
        for name, open_site in app[OPENERS].items():
            resources = Resources(
                cache=app[CACHE],
                off_sale=app[OFF_SALE],
                clock=app[CLOCK],
                judged=app[METRICS].judged,
                open_fetcher=partial(_open_fetcher, app, name),
                shared=app[SHARED],
            )
            site = await opened.enter_async_context(open_site(resources))
            sites[name] = app[TRACING].site(site) if TRACING in app else site
        app[SITES] = sites
        yield


async def _fx(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS]
    as_of = DEFAULT_RATE_AS_OF if settings.krw_per_usd == DEFAULT_KRW_PER_USD else now_kst()
    static = Rate(settings.krw_per_usd, as_of, "static")
    if not settings.fx_url:
        app[RATES] = FxRates(static)
        yield
        return
    async with _open_fetcher(app, "fx", FX_MANNERS, {"Accept": "application/json"}, rps=1) as fetcher:

        def read(response: Response) -> bytes:
            """Return the body. Raises Drift if it has no rate: the circuit must count that as a failure."""
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


async def _search(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS]
    if not settings.cursor_secret:
        log.warning("cursor_secret_random", hint="set DEALERPROXY_CURSOR_SECRET so that cursors outlive a restart")
    if settings.danawa_warm:
        log.warning("danawa_warm_ignored", hint="unset DEALERPROXY_DANAWA_WARM: Danawa's list is always read whole")
    most = settings.cache_mb * 2**20 // ANSWERS_SHARE
    app[ANSWERS] = Answers(app[OFF_SALE], app[RATES], max_bytes=most, clock=app[CLOCK])
    app[SEARCH] = SearchService(
        sites=app[SITES],
        vocabulary=app[VOCABULARY],
        rates=app[RATES],
        cursors=CursorCodec(settings.cursor_secret),
        valves=app[VALVES],
    )
    yield


async def _metrics(app: web.Application) -> AsyncIterator[None]:
    app[METRICS].watch(
        health=app[HEALTH],
        valves=app[VALVES],
        sites=app[SITES],
        cache=app[CACHE],
        answers=app[ANSWERS].memory,
        shared=app[SHARED],
        rates=app[RATES],
        vocabulary=app[VOCABULARY],
    )
    lag = asyncio.create_task(watch_lag(app[METRICS].lag.observe), name="watch-lag")
    yield
    await cancel_and_wait(lag)


@asynccontextmanager
async def _open_fetcher(
    app: web.Application, name: str, policy: FetchPolicy, headers: Mapping[str, str], *, rps: float
) -> AsyncIterator[Fetcher]:
    """Open one host of an upstream, with its own session and rate limit."""
    processes, shared = app[SETTINGS].processes, app[SHARED]
    limiter = RateLimiter(
        f"{name}/{policy.operations[0]}", rps=rps, burst=policy.burst, processes=processes, shared=shared
    )
    turns, retries = TurnQueue(limiter, policy.in_flight), Retries(attempt_s=ATTEMPT_S)
    capture = app[KEEPER].notice if KEEPER in app else keep_no_page
    watch = app[METRICS].pool(name, policy.operations, turns, retries, capture)
    # The provider of rates is not traced, because its address may contain a key.
    fetcher = app[TRACING].fetcher if TRACING in app and name in UPSTREAMS else Fetcher
    async with _session(policy, app[SETTINGS].proxies.get(name)) as session:
        yield fetcher(
            name,
            session,
            health=app[HEALTH],
            turns=turns,
            retries=retries,
            manners=policy,
            headers=headers,
            watch=watch,
            valve=app[VALVES][name],
        )


def _tracing(env: Mapping[str, str] = os.environ) -> "Tracing | None":
    """Return the tracing if OpenTelemetry's own variables turn it on. Raises SettingsError if it cannot be used."""
    asked = next((name for name in OTLP_ENDPOINTS if env.get(name)), None)
    if asked is None or env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    try:
        from dealerproxy.ops import tracing  # noqa: PLC0415  # an extra, and not free to load

        return tracing.Tracing(tracing.exported())
    except ImportError as error:
        hint = "pip install 'dealerproxy[otel]'"
        raise SettingsError(f"{asked} is set, but a package for traces is not installed ({error}): {hint}") from None
    except ValueError as error:
        raise SettingsError(f"{asked} is set, but a value of OTEL_* cannot be used: {error}") from None


def _session(manners: FetchPolicy, proxy: str | None) -> aiohttp.ClientSession:
    """Open a session without cookies: there is no log-in, and the sites must not track the service."""
    return aiohttp.ClientSession(
        proxy=proxy or None,
        connector=aiohttp.TCPConnector(limit=manners.in_flight, ttl_dns_cache=300),
        cookie_jar=aiohttp.DummyCookieJar(),
    )
