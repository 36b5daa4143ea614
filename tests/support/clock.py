"""Clocks for tests: time that moves when told to, and real time put forward."""

import asyncio
import time


class Clock:
    """Seconds that pass only when a test says so (`clock.at += 3.0`) or while somebody sleeps by it."""

    def __init__(self, at: float = 1_000.0) -> None:
        self.at = at
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        """Pass the time at once, and remember for how long."""
        self.slept.append(seconds)
        self.at += seconds

    async def of_redis(self, _: object) -> float:
        """Redis' own time, for caches that ask it."""
        return self.at


async def turns() -> None:
    """Let everybody else go on until each of them waits for something.

    In many short sleeps: a pause of the machine ends only one of them before its time.
    """
    for _ in range(20):
        await asyncio.sleep(0.002)


class ClockAhead:
    """Seconds that pass as they do, `ahead_s` ahead. Ages and suspensions go by it, time-outs do not."""

    def __init__(self, ahead_s: float = 0.0) -> None:
        self.ahead_s = ahead_s

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_s
