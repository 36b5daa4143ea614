"""Guarded calls to an optional Redis, which holds what several processes share.

Redis faults reduce cache hits; they never fail a request. No call waits longer than `timeout_s` and none raises. After
a failure calls skip Redis for `pause_s`; then one call probes it while the others still skip it.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
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
# A Redis that is down or full logs one line a minute, not one a request.
LOG_EVERY_S = 60.0
LOOK_EVERY_S = 5.0
# Returned for a stored value that this service cannot have written: another type, or too large.
FOREIGN = b"\x00"

# Take lock KEYS[1] with token ARGV[1] for ARGV[2] ms. A stored value that is no token, or that expires later than a
# lease can, is no lock and is replaced.
TAKE = """
if redis.call('set', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return end
local left = redis.call('pttl', KEYS[1])
if left >= 0 and left <= tonumber(ARGV[2]) and redis.pcall('strlen', KEYS[1]) == #ARGV[1] then
  if not string.find(redis.call('get', KEYS[1]), '[^0-9a-f]') then return 'held' end
end
redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])
"""
HELD = b"held"
RELEASE = "if redis.pcall('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[1]) end"

log = structlog.get_logger(__name__)
T = TypeVar("T")
D = TypeVar("D")


class RedisGuard:
    """A guarded Redis. `client` is public for libraries that build on it; use it inside `run` only.

    `failures` counts the calls that failed, not those that were skipped during a pause.
    """

    def __init__(
        self,
        client: Redis,
        *,
        timeout_s: float = TIMEOUT_S,
        pause_s: float = PAUSE_S,
        clock: Callable[[], float] = time.monotonic,
        time_of: Callable[[Redis], Awaitable[float]] | None = None,
    ) -> None:
        self.client = client
        # Redis' own time (unix seconds): shared values are dated by it, because the processes' clocks differ.
        self.time_of = time_of or redis_time
        self.failures = 0
        self._timeout_s, self._pause_s, self._clock = timeout_s, pause_s, clock
        self._failing = False
        self._resume_at = self._log_at = -math.inf

    @property
    def up(self) -> bool:
        """False while calls skip Redis after a failure."""
        return self._clock() >= self._resume_at

    @property
    def failing(self) -> bool:
        """Whether the last call failed."""
        return self._failing

    def key(self, *parts: str) -> str:
        """Return a key of this service; different parts never make the same key."""
        return ":".join([PREFIX, *(part.replace("%", "%25").replace(":", "%3A") for part in parts)])

    async def run(self, what: Callable[[Redis], Awaitable[T]], otherwise: D) -> T | D:
        """Run one or a few commands; return `otherwise` when they fail or time out, or during a pause.

        Raises CancelledError when the caller is cancelled, even where redis-py turns the cancellation into an error
        of its own or swallows it.
        """
        if not self.up:
            return otherwise
        if self._failing:
            self._resume_at = self._clock() + self._timeout_s  # this call is the probe
        answer: T | D = otherwise
        cancels = _cancels()
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await what(self.client)
        except ResponseError as error:
            _raise_cancel(cancels)
            self._failed(error)  # full, read-only or forbidden: Redis is up, and a read may succeed
        except (Exception, asyncio.CancelledError) as error:
            _raise_cancel(cancels)
            self._failing, self._resume_at = True, self._clock() + self._pause_s
            self._failed(error)
            return otherwise
        _raise_cancel(cancels)
        self._failing, self._resume_at = False, -math.inf
        return answer

    async def watch(
        self,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        remind: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Check Redis at intervals until cancelled, so that its state is known even without requests.

        `remind` is called each time Redis is up, to write shared state again that it may have lost. Logs when Redis is
        lost and when it is back.
        """
        lost = False
        while True:
            there = await self.run(lambda redis: redis.ping(), None)
            if self._failing is not lost:
                lost = self._failing
                log.warning("redis_lost") if lost else log.info("redis_back")
            if there and remind is not None:
                await remind()
            await sleep(LOOK_EVERY_S)

    async def close(self) -> None:
        """Close all connections."""
        await self.client.aclose()

    def _failed(self, error: BaseException) -> None:
        self.failures += 1
        now = self._clock()
        if now >= self._log_at:
            self._log_at = now + LOG_EVERY_S
            log.warning("redis_failed", error=type(error).__name__, detail=str(error))


def _cancels() -> int:
    """Return how many cancellations of the running task are pending."""
    task = asyncio.current_task()
    return task.cancelling() if task is not None else 0


def _raise_cancel(cancels: int) -> None:
    """Raise CancelledError if more than `cancels` cancellations of the running task are pending."""
    if _cancels() > cancels:
        raise asyncio.CancelledError


async def redis_time(redis: Redis) -> float:
    """Read Redis' own clock, in unix seconds."""
    seconds, microseconds = await redis.time()
    return float(seconds + microseconds / 1e6)


async def read(redis: Redis, names: Sequence[str], most: int) -> Sequence[bytes | None]:
    """Read values of up to `most` bytes: None for a missing one, FOREIGN for another type or a larger one.

    At most slightly more than `most` bytes of each are transferred, whatever is stored.
    """
    async with redis.pipeline(transaction=False) as pipeline:
        for name in names:
            _ = pipeline.getrange(name, 0, most)
        found = await pipeline.execute(raise_on_error=False)
    return [_own(value, most) for value in found]


def _own(value: bytes | Exception, most: int) -> bytes | None:
    if isinstance(value, bytes):
        return FOREIGN if len(value) > most else value or None
    if isinstance(value, ResponseError) and str(value).startswith("WRONGTYPE"):
        return FOREIGN
    raise value


def connect(url: str, *, timeout_s: float | None = None, pause_s: float = PAUSE_S) -> RedisGuard:
    """Prepare a client for `redis://`, `rediss://` or `unix://`; nothing is connected yet. Raises ValueError.

    No call waits longer than `timeout_s`: `TIMEOUT_S` if it is None.

    No retries: a second try would only take longer. RESP2, because with RESP3 redis-py 8 listens for maintenance
    notices and does not detect a stale pooled connection, so that each connection fails once after a restart.
    """
    limit_s = TIMEOUT_S if timeout_s is None else timeout_s
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=limit_s,
        socket_timeout=limit_s,
        socket_connect_timeout=limit_s,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
    return RedisGuard(Redis.from_pool(pool), timeout_s=limit_s, pause_s=pause_s)
