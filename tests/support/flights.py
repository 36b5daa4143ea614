"""Loads behind the answers, for tests that go on when they have ended, however long that took."""

import asyncio

from dealerproxy.cache.cache import StaleCache


async def landed(cache: StaleCache) -> None:
    """Wait until the cache loads nothing."""
    while loads := [flight.task for flight in cache._flights.values()]:
        await asyncio.wait(loads)
