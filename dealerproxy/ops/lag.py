"""How late the event loop is: what runs too long at a stretch delays everybody."""

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
    """Tell again and again, until cancelled, by how many seconds a sleep was too long."""
    while True:
        slept_at = clock()
        await sleep(LOOK_EVERY_S)
        observe(max(0.0, clock() - slept_at - LOOK_EVERY_S))
