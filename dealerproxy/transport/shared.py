"""Redis, if there is one: what several processes know together.

Redis going away costs hits and nothing else. No call waits longer than `timeout_s`, none raises, and after a failure
Redis is left alone for `pause_s`; then one call finds out whether it is back, while the others go on without.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

PREFIX = "dealerproxy:1"
TIMEOUT_S = 0.2
PAUSE_S = 1.0
CONNECTIONS = 20
# A Redis that is down or full is one line a minute, not one a request.
LOG_EVERY_S = 60.0
LOOK_EVERY_S = 5.0

log = structlog.get_logger(__name__)
T = TypeVar("T")
D = TypeVar("D")


class Shared:
    """A guarded Redis. `client` is there for libraries that build on it; talk to it inside `run` only.

    `failures` counts the calls that failed, not those that were spared during a pause.
    """

    def __init__(
        self,
        client: Redis,
        *,
        timeout_s: float = TIMEOUT_S,
        pause_s: float = PAUSE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.client = client
        self.failures = 0
        self._timeout_s, self._pause_s, self._clock = timeout_s, pause_s, clock
        self._failing = False
        self._resume_at = self._log_at = -math.inf

    @property
    def up(self) -> bool:
        """False while Redis is left alone after a failure."""
        return self._clock() >= self._resume_at

    @property
    def failing(self) -> bool:
        """Whether the last call failed."""
        return self._failing

    def key(self, *parts: str) -> str:
        """A key of ours; different parts never make the same key."""
        return ":".join([PREFIX, *(part.replace("%", "%25").replace(":", "%3A") for part in parts)])

    async def run(self, what: Callable[[Redis], Awaitable[T]], otherwise: D) -> T | D:
        """Run one or a few commands; answer `otherwise` when they fail, are not done in time, or in a pause."""
        if not self.up:
            return otherwise
        if self._failing:
            self._resume_at = self._clock() + self._timeout_s  # this call finds out for all
        answer: T | D = otherwise
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await what(self.client)
        except ResponseError as error:
            self._failed(error)  # full, read-only, not allowed: but it is there, and a read may well succeed
        except Exception as error:
            self._failing, self._resume_at = True, self._clock() + self._pause_s
            self._failed(error)
            return otherwise
        self._failing, self._resume_at = False, -math.inf
        return answer

    async def watch(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Look again and again, until cancelled, so that how Redis is shows even while nobody needs it."""
        while True:
            await self.run(lambda redis: redis.ping(), None)
            await sleep(LOOK_EVERY_S)

    async def close(self) -> None:
        """Close all connections."""
        await self.client.aclose()

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        now = self._clock()
        if now >= self._log_at:
            self._log_at = now + LOG_EVERY_S
            log.warning("redis_failed", error=type(error).__name__, detail=str(error))


def connect(url: str) -> Shared:
    """Prepare a client for `redis://`, `rediss://` or `unix://`; nothing is connected yet. Raises ValueError.

    No retries: a second try would only wait longer. RESP2, because with RESP3 redis-py 8 listens for maintenance
    notices and no longer notices that a pooled connection went stale, so that each fails once after a restart.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=TIMEOUT_S,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
    return Shared(Redis.from_pool(pool))
