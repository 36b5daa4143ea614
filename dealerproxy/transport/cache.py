"""A bounded cache whose loads are single-flight and detached from whoever asked first."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from cachetools import TTLCache

from dealerproxy.errors import TimedOut
from dealerproxy.transport.deadline import Deadline

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class FlightCache(Generic[K, V]):
    """Keeps the last `max_entries` values for `fresh_s` seconds.

    Asked for a key it does not have, it starts one load however many ask. A waiter that runs out of time or is
    cancelled neither ends nor fails the load; a failed load fails all its waiters and is not kept.
    """

    def __init__(self, *, fresh_s: float, max_entries: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._values: TTLCache[K, V] = TTLCache(max_entries, fresh_s, timer=clock)
        self._flights: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K, load: Callable[[], Awaitable[V]], deadline: Deadline) -> tuple[V, bool]:
        """Return the value and whether it was already there.

        Raises what the load raised, or TimedOut when the deadline came first.
        """
        try:
            return self._values[key], True
        except KeyError:
            pass
        flight = self._flights.get(key)
        if flight is None:
            if not deadline.remaining():
                raise TimedOut("the request's deadline came first")  # nobody would hear the answer
            flight = asyncio.create_task(self._load(key, load))
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._landed(key, done))
        done, _ = await asyncio.wait({flight}, timeout=deadline.remaining())
        if not done:
            raise TimedOut("the request's deadline came first")
        return flight.result(), False

    async def close(self) -> None:
        """Cancel the loads still in flight."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    async def _load(self, key: K, load: Callable[[], Awaitable[V]]) -> V:
        value = await load()
        self._values[key] = value
        return value

    def _landed(self, key: K, flight: asyncio.Task[V]) -> None:
        self._flights.pop(key, None)
        if not flight.cancelled():
            flight.exception()  # read here, so that a failure nobody waits for any more is not reported as unseen
