"""The event loop's lag: what a sleep took too long."""

import asyncio
import time

import pytest

from dealerproxy.ops.lag import LOOK_EVERY_S, watch_lag
from tests.ops.conftest import Build, OpsHarness


async def test_the_lag_is_what_a_sleep_took_too_long() -> None:
    now = 100.0
    late = iter([0.0, 0.3, 0.02])
    seen: list[float] = []

    async def sleep(seconds: float) -> None:
        nonlocal now
        try:
            now += seconds + next(late)
        except StopIteration:
            raise asyncio.CancelledError from None

    with pytest.raises(asyncio.CancelledError):
        await watch_lag(seen.append, clock=lambda: now, sleep=sleep)
    assert seen == pytest.approx([0.0, 0.3, 0.02])


async def test_a_sleep_that_ends_too_early_is_no_lag() -> None:
    times = iter([100.0, 100.0 + LOOK_EVERY_S - 0.001])
    seen: list[float] = []

    async def sleep(_: float) -> None:
        if seen:
            raise asyncio.CancelledError

    with pytest.raises((asyncio.CancelledError, StopIteration, RuntimeError)):
        await watch_lag(seen.append, clock=lambda: next(times), sleep=sleep)
    assert seen == [0.0]


async def test_a_loop_that_was_held_up_is_seen(house: OpsHarness) -> None:
    await asyncio.sleep(0.05)
    time.sleep(LOOK_EVERY_S + 0.15)  # noqa: ASYNC251  # what must never happen
    await asyncio.sleep(0.05)
    figures = await house.figures()
    assert figures.one("event_loop_lag_seconds_count") >= 1
    assert figures.one("event_loop_lag_seconds_sum") > 0.1


async def test_nothing_goes_on_looking_when_the_service_has_ended(build: Build) -> None:
    house = await build()
    assert "watch-lag" in {task.get_name() for task in asyncio.all_tasks()}
    await house.client.close()
    assert "watch-lag" not in {task.get_name() for task in asyncio.all_tasks()}
