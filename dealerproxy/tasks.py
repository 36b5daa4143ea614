"""Background tasks, and how they are ended."""

import asyncio
from typing import Any

import structlog

# Nothing that is ended at a shutdown may hold it up longer than this.
END_S = 1.0
# A task is cancelled again after each of these parts of the time: libraries swallow a cancel now and then.
TRIES = 4

log = structlog.get_logger(__name__)


async def cancel_and_wait(*tasks: "asyncio.Task[Any]", within_s: float = END_S) -> None:
    """Cancel tasks and wait until they have ended, but not longer than `within_s`.

    A task that goes on in spite of it is cancelled again and, when the time is over, logged and left behind. What the
    tasks raise is dropped.
    """
    running = set(tasks)
    for _ in range(TRIES):
        for task in running:
            task.cancel()
        if not running:
            break
        ended, running = await asyncio.wait(running, timeout=within_s / TRIES)
        for task in ended:
            if not task.cancelled():
                task.exception()  # read, so that asyncio does not report it as unseen
    for task in running:
        log.error("task_not_ended", task=task.get_name())
