"""The cache's second tier: aiocache's Redis backend behind the guard, and the lock that lets one process load.

A place is where a piece is kept: its kind's name, its key, and what of it is kept there.
"""

import asyncio
import math
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiocache.backends.redis import RedisCache  # type: ignore[import-untyped]
from aiocache.serializers import NullSerializer  # type: ignore[import-untyped]

from dealerproxy.transport.pieces import Key
from dealerproxy.transport.shared import Shared

# A lock outlives its holder's death by a lease at most; while the holder lives it renews it.
LEASE_S = 2.0
RENEW_S = 0.5
# How often a process asks whether the one that loads is done.
POLL_S = 0.03

# Take lock KEYS[1] with token ARGV[1] for ARGV[2] ms. One that would never end is none of ours.
_TAKE = """
if not redis.call('set', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  if redis.call('pttl', KEYS[1]) >= 0 then return 'held' end
  redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
"""
_HELD = b"held"
_RENEW = "if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('pexpire', KEYS[1], ARGV[2]) end"

Place = tuple[str, Key, str]


class RedisTier:
    """Bytes by place. Whatever happens to Redis, there is merely nothing there and nobody else."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        pool = shared.client.connection_pool
        self._cache = RedisCache(
            serializer=NullSerializer(encoding=None), timeout=None, connection_pool_class=lambda **_: pool
        )

    async def read(self, places: Sequence[Place]) -> Sequence[bytes | None]:
        """What is stored at each place."""
        names = [self._name(place) for place in places]
        found: Sequence[bytes | None] = await self._shared.run(lambda _: self._cache.multi_get(names), otherwise=())
        return found or [None] * len(names)

    async def write(self, place: Place, raw: bytes, keep_s: float) -> None:
        """Store it. A Redis too full for it must not keep an older truth, so that goes."""
        name = self._name(place)
        # A float makes aiocache say PSETEX: redis-py warns of SETEX.
        if not await self._shared.run(lambda _: self._cache.set(name, raw, ttl=float(keep_s)), otherwise=False):
            await self.delete(place)

    async def delete(self, place: Place) -> None:
        """Take away what is there."""
        name = self._name(place)
        await self._shared.run(lambda _: self._cache.delete(name), otherwise=0)

    @asynccontextmanager
    async def alone(self, place: Place, patience_s: float) -> AsyncIterator[None]:
        """Wait while another process is at it, but not beyond patience; without Redis go on at once."""
        name, token = self._name(place), uuid.uuid4().hex
        for _ in range(math.ceil(patience_s / POLL_S)):
            if await self._eval(_TAKE, name, token, int(LEASE_S * 1000)) != _HELD:
                break
            await asyncio.sleep(POLL_S)
        renewal = asyncio.create_task(self._renew(name, token))
        try:
            yield
        finally:
            renewal.cancel()
            await asyncio.wait({renewal})
            await self._eval(RedisCache.RELEASE_SCRIPT, name, token)

    async def _renew(self, name: str, token: str) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            await self._eval(_RENEW, name, token, int(LEASE_S * 1000))

    async def _eval(self, script: str, *arguments: str | int) -> object:
        return await self._shared.run(lambda _: self._cache.raw("eval", script, 1, *arguments), otherwise=None)

    def _name(self, place: Place) -> str:
        kind, key, what = place
        return self._shared.key(what, kind, *((key,) if isinstance(key, str) else key))
