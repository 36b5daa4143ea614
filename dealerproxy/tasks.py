"""Cancellation of background tasks."""

import asyncio
from typing import Any

import structlog

# Seconds that a task may delay a shutdown.
END_S = 1.0
# How often a task is cancelled within that time, because libraries sometimes swallow a cancellation.
TRIES = 4

log = structlog.get_logger(__name__)


async def cancel_and_wait(*tasks: "asyncio.Task[Any]", within_s: float = END_S) -> None:
    """Cancel tasks and wait at most `within_s` seconds for their end.

    A task that continues is cancelled again and, after that time, logged and abandoned. Exceptions of the tasks are
    dropped.
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
                task.exception()  # read, so that asyncio does not log it as never retrieved
    for task in running:
        log.error("task_not_ended", task=task.get_name())
