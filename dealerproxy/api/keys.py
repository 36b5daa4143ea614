"""Typed keys of the resources that routes use."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from dealerproxy.api.list_cache import Answers
from dealerproxy.cache.cache import StaleCache
from dealerproxy.captures.keeper import Keeper
from dealerproxy.ops.metrics import Metrics
from dealerproxy.search.service import SearchService
from dealerproxy.settings import Settings
from dealerproxy.transport.health import Health
from dealerproxy.transport.redis_guard import RedisGuard
from dealerproxy.transport.valve import Valves
from dealerproxy.upstreams.off_sale import OffSale
from dealerproxy.upstreams.upstream import Upstream
from dealerproxy.vehicles.fx import FxRates
from dealerproxy.vocabulary import Vocabulary

KEEPER = web.AppKey("keeper", Keeper)
DRAINING = web.AppKey("draining", asyncio.Event)
METRICS = web.AppKey("metrics", Metrics)
SHARED: web.AppKey[RedisGuard | None] = web.AppKey("shared")
HEALTH = web.AppKey("health", Health)
CACHE = web.AppKey("cache", StaleCache)
# The clock of all ages and pauses: monotonic seconds from an arbitrary start.
CLOCK: web.AppKey[Callable[[], float]] = web.AppKey("clock")
# The time of day in unix seconds.
UNIX: web.AppKey[Callable[[], float]] = web.AppKey("unix")
VALVES = web.AppKey("valves", Valves)
OFF_SALE = web.AppKey("off_sale", OffSale)
SETTINGS = web.AppKey("settings", Settings)
VOCABULARY = web.AppKey("vocabulary", Vocabulary)
RATES = web.AppKey("rates", FxRates)
SEARCH = web.AppKey("search", SearchService)
# The sites by name, in the order of `UPSTREAMS`.
SITES: web.AppKey[Mapping[str, Upstream[Any]]] = web.AppKey("sites")
ANSWERS = web.AppKey("answers", Answers)
