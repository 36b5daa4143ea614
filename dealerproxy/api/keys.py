"""What the application holds for its routes, by typed key."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from aiohttp import web

from dealerproxy.api.list_cache import Answers
from dealerproxy.cache.cache import StaleCache
from dealerproxy.cache.entries import CacheResult
from dealerproxy.captures.keeper import Keeper
from dealerproxy.contract.deadline import Deadline
from dealerproxy.ops.metrics import Metrics
from dealerproxy.search.availability import Availability
from dealerproxy.search.facets import FacetsService
from dealerproxy.search.service import SearchService
from dealerproxy.settings import Settings
from dealerproxy.transport.health import Health
from dealerproxy.transport.redis_guard import RedisGuard
from dealerproxy.upstreams.absence import Adverts
from dealerproxy.upstreams.danawa.client import DanawaClient
from dealerproxy.upstreams.danawa.index import Brand, Indexes
from dealerproxy.upstreams.encar.cars import EncarCars
from dealerproxy.upstreams.encar.client import EncarClient
from dealerproxy.upstreams.off_sale import OffSale
from dealerproxy.vehicles.car import Car, Documents, SaleStatus
from dealerproxy.vehicles.fx import FxRates
from dealerproxy.vocabulary import Vocabulary


class Cars(Protocol):
    """The cars of one site, one at a time."""

    async def find(
        self, listing_id: str, deadline: Deadline, *, bypass_cache: bool = False
    ) -> CacheResult[Car | SaleStatus]:
        """Find a car that can be bought, or say why it cannot. Raises UpstreamError when nobody can tell."""

    async def documents(self, car: Car, krw_per_usd: float, deadline: Deadline) -> Documents:
        """Fetch what goes with a car; nothing of it can fail the car."""


KEEPER = web.AppKey("keeper", Keeper)
DRAINING = web.AppKey("draining", asyncio.Event)
METRICS = web.AppKey("metrics", Metrics)
SHARED: web.AppKey[RedisGuard | None] = web.AppKey("shared")
HEALTH = web.AppKey("health", Health)
CACHE = web.AppKey("cache", StaleCache)
# What all ages, pauses and departures of the process go by: seconds of no meaning by themselves, that never jump.
CLOCK: web.AppKey[Callable[[], float]] = web.AppKey("clock")
OFF_SALE = web.AppKey("departed", OffSale)
ADVERTS = web.AppKey("adverts", Mapping[str, Adverts])
SETTINGS = web.AppKey("settings", Settings)
VOCABULARY = web.AppKey("vocabulary", Vocabulary)
ENCAR = web.AppKey("encar", EncarClient)
DANAWA = web.AppKey("danawa", DanawaClient)
WARM = web.AppKey("warm", Sequence[Brand])
INDEXES = web.AppKey("indexes", Indexes)
RATES = web.AppKey("rates", FxRates)
SEARCH = web.AppKey("search", SearchService)
ENCAR_CARS = web.AppKey("encar_cars", EncarCars)
CARS = web.AppKey("cars", Mapping[str, Cars])
ANSWERS = web.AppKey("answers", Answers)
AVAILABILITY = web.AppKey("availability", Availability)
FACETS = web.AppKey("facets", FacetsService)
