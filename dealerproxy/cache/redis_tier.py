"""The cache's second tier: aiocache's Redis backend behind the guard, and the lock that lets one process load.

A place is the name of a policy, a key, and what is stored there (value, failure, lock).
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiocache.backends.redis import RedisCache  # type: ignore[import-untyped]
from aiocache.serializers import NullSerializer  # type: ignore[import-untyped]
from redis.asyncio import Redis

from dealerproxy.cache.entries import Key, sealed
from dealerproxy.tasks import cancel_and_wait
from dealerproxy.transport.redis_guard import HELD, RELEASE, TAKE, RedisGuard, read

# A lock outlives its holder's death by at most one lease; a living holder renews it.
LEASE_S = 2.0
RENEW_S = 0.5
# Seconds between checks whether another process's load is done.
POLL_S = 0.03
# Seconds to wait for the end of a renewal.
RENEWED_S = 0.2
# The largest entry is a listing of thousands of rows of about 600 bytes each.
MAX_STORED = 8 * 2**20

_RENEW = "if redis.pcall('get', KEYS[1]) == ARGV[1] then redis.call('pexpire', KEYS[1], ARGV[2]) end"

Place = tuple[str, Key, str]


class Looked(NamedTuple):
    """What is stored at each place, FOREIGN if it cannot be an entry.

    `now` is Redis' time of the read, `ahead_s` the most by which it is ahead of this process's clock.
    """

    stored: Sequence[bytes | None]
    now: float
    ahead_s: float


class RedisTier:
    """Bytes by place. Without Redis every place is empty, and no other process loads.

    Arguments and results use this process's clock, stored times Redis' clock. Network delay makes an entry older, never
    newer: an entry read before a car was found sold never counts as later.
    """

    def __init__(self, shared: RedisGuard, clock: Callable[[], float] = time.monotonic) -> None:
        self._shared, self._clock = shared, clock
        pool = shared.client.connection_pool
        self._cache = RedisCache(
            serializer=NullSerializer(encoding=None), timeout=None, connection_pool_class=lambda **_: pool
        )

    async def read(self, places: Sequence[Place]) -> Looked:
        """Read some places in one call; all are empty if Redis is unavailable."""
        names = [self._name(place) for place in places]
        asked_at = self._clock()

        async def look(redis: Redis) -> Looked:
            stored = await read(redis, names, MAX_STORED)
            now = await self._shared.time_of(redis)  # after the read, or an entry just written would be in the future
            return Looked(stored, now, now - asked_at)

        return await self._shared.run(look, Looked([None] * len(names), 0.0, 0.0))

    async def write(self, place: Place, body: bytes, began_at: float, ended_at: float, keep_s: float) -> None:
        """Store what was loaded from `began_at` to `ended_at`, by this process's clock.

        If it does not fit, the older value is removed, because it is outdated.
        """
        name = self._name(place)

        async def store(redis: Redis) -> bool:
            # Dated before it is sent: a Redis that hangs may store it much later.
            ahead_s = await self._shared.time_of(redis) - self._clock()
            raw = sealed(body, began_at + ahead_s, ended_at + ahead_s)
            # With a float, aiocache calls PSETEX; redis-py deprecates SETEX.
            return len(raw) <= MAX_STORED and bool(await self._cache.set(name, raw, ttl=float(keep_s)))

        if not await self._shared.run(store, otherwise=False):
            await self.delete(place)

    async def delete(self, place: Place) -> None:
        """Remove what is stored at a place."""
        name = self._name(place)
        await self._shared.run(lambda _: self._cache.delete(name), otherwise=0)

    @asynccontextmanager
    async def lock(self, place: Place, patience_s: float) -> AsyncIterator[None]:
        """Wait while another process holds the lock, at most `patience_s`; without Redis, continue at once."""
        name, token = self._name(place), uuid.uuid4().hex
        now = asyncio.get_running_loop().time
        until = now() + patience_s
        while now() < until:
            if await self._eval(TAKE, name, token, int(LEASE_S * 1000)) != HELD:
                break
            await asyncio.sleep(POLL_S)
        renewal = asyncio.create_task(self._renew(name, token), name="renew-lock")
        try:
            yield
        finally:
            await cancel_and_wait(renewal, within_s=RENEWED_S)
            await self._eval(RELEASE, name, token)

    async def _renew(self, name: str, token: str) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            await self._eval(_RENEW, name, token, int(LEASE_S * 1000))

    async def _eval(self, script: str, *arguments: str | int) -> object:
        return await self._shared.run(lambda _: self._cache.raw("eval", script, 1, *arguments), otherwise=None)

    def _name(self, place: Place) -> str:
        kind, key, what = place
        return self._shared.key(what, kind, *((key,) if isinstance(key, str) else key))
