"""The event loop's lag: code that blocks the loop delays every request."""

import asyncio
import time
from collections.abc import Awaitable, Callable

LOOK_EVERY_S = 0.25


async def watch_lag(
    observe: Callable[[float], None],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Reports by how many seconds each sleep was too long, until cancelled."""
    while True:
        slept_at = clock()
        await sleep(LOOK_EVERY_S)
        observe(max(0.0, clock() - slept_at - LOOK_EVERY_S))
