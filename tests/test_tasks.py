"""Background tasks are ended in a bounded time, even those that swallow a cancel."""

import asyncio
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import pytest
from structlog.testing import capture_logs

from dealerproxy.tasks import END_S, TRIES, cancel_and_wait

SOON_S = 0.08


async def stubborn(times: int) -> str:
    """Swallow the first so many cancels, as a library does that takes them for trouble of its own."""
    for _ in range(times):
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
    await asyncio.Event().wait()
    return "never"


async def failing() -> None:
    try:
        await asyncio.Event().wait()
    finally:
        raise ValueError("at the end")


async def started(*works: Coroutine[Any, Any, Any]) -> list[asyncio.Task[Any]]:
    tasks = [asyncio.create_task(work) for work in works]
    await asyncio.sleep(0)
    return tasks


@pytest.mark.parametrize("times", range(TRIES))
async def test_a_task_that_swallows_cancels_is_cancelled_again(times: int) -> None:
    (task,) = await started(stubborn(times))
    with capture_logs() as lines:
        await cancel_and_wait(task, within_s=SOON_S)
    assert task.cancelled()
    assert lines == []


@pytest.mark.slow  # goes by a clock on the wall
async def test_a_task_that_never_ends_is_logged_and_left_behind() -> None:
    (task,) = await started(stubborn(TRIES + 1))
    task.set_name("watch-something")
    began = time.monotonic()
    with capture_logs() as lines:
        await cancel_and_wait(task, within_s=SOON_S)
    assert SOON_S / 2 < time.monotonic() - began < SOON_S + 1.0
    assert [(line["event"], line["task"]) for line in lines] == [("task_not_ended", "watch-something")]
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)


@pytest.mark.slow  # goes by a clock on the wall
async def test_tasks_are_ended_together_and_what_they_raise_is_dropped() -> None:
    tasks = await started(*(stubborn(1) for _ in range(20)), failing(), asyncio.sleep(0))
    began = time.monotonic()
    await cancel_and_wait(*tasks, within_s=END_S)
    assert all(task.done() for task in tasks)
    assert time.monotonic() - began < END_S


async def test_nothing_to_end_takes_no_time() -> None:
    await cancel_and_wait()
    (task,) = await started(asyncio.sleep(0))
    await task
    await cancel_and_wait(task)


async def test_who_is_cancelled_while_ending_a_task_is_cancelled() -> None:
    (task,) = await started(stubborn(2))
    (ending,) = await started(cancel_and_wait(task, within_s=60.0))
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    await cancel_and_wait(task, within_s=SOON_S)
