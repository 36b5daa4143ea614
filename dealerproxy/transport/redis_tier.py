"""The cache's second tier: aiocache's Redis backend behind the guard, and the lock that lets one process load.

A place is where a piece is kept: its kind's name, its key, and what of it is kept there.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiocache.backends.redis import RedisCache  # type: ignore[import-untyped]
from aiocache.serializers import NullSerializer  # type: ignore[import-untyped]

from dealerproxy.tasks import cancel_and_wait
from dealerproxy.transport.pieces import Key
from dealerproxy.transport.shared import HELD, RELEASE, TAKE, Shared, read

# A lock outlives its holder's death by a lease at most; while the holder lives it renews it.
LEASE_S = 2.0
RENEW_S = 0.5
# How often a process asks whether the one that loads is done.
POLL_S = 0.03
# How long the end of a renewal is waited for.
RENEWED_S = 0.2
# The largest piece by far is a listing of thousands of rows, of about 600 bytes each.
MAX_STORED = 8 * 2**20

_RENEW = "if redis.pcall('get', KEYS[1]) == ARGV[1] then redis.call('pexpire', KEYS[1], ARGV[2]) end"

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
        """What is stored at each place, FOREIGN where it cannot be a piece."""
        names = [self._name(place) for place in places]
        found = await self._shared.run(lambda redis: read(redis, names, MAX_STORED), otherwise=())
        return found or [None] * len(names)

    async def write(self, place: Place, raw: bytes, keep_s: float) -> None:
        """Store it. Where there is no room for it, an older truth must not stay, so that goes."""
        name = self._name(place)
        # A float makes aiocache say PSETEX: redis-py warns of SETEX.
        if len(raw) > MAX_STORED or not await self._shared.run(
            lambda _: self._cache.set(name, raw, ttl=float(keep_s)), otherwise=False
        ):
            await self.delete(place)

    async def delete(self, place: Place) -> None:
        """Take away what is there."""
        name = self._name(place)
        await self._shared.run(lambda _: self._cache.delete(name), otherwise=0)

    @asynccontextmanager
    async def alone(self, place: Place, patience_s: float) -> AsyncIterator[None]:
        """Wait while another process is at it, but not beyond patience; without Redis go on at once."""
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
