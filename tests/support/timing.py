"""Seconds without what the machine took away: what the code did in time must not fail because others were busy."""

import asyncio
import time
from typing import Self

BEAT_S = 0.01


class Stopwatch:
    """`async with Stopwatch() as watch:` and then `watch.seconds`; `watch.wall_s` is what a clock on the wall says.

    A pulse beats beside what is measured. Where a beat comes late although this process did not compute, another
    process had the machine, and that time does not count. Where it comes late because this process did compute, it
    was the code that held up the loop, and that does.
    """

    def __init__(self) -> None:
        self.wall_s = self.seconds = 0.0
        self._taken_away = 0.0

    async def __aenter__(self) -> Self:
        self._began = self._beat_at = time.monotonic()
        self._computed = time.process_time()
        self._pulse = asyncio.create_task(self._beat())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._look()  # a beat may be due
        self.wall_s = time.monotonic() - self._began
        self.seconds = self.wall_s - self._taken_away
        self._pulse.cancel()
        await asyncio.gather(self._pulse, return_exceptions=True)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            self._look()

    def _look(self) -> None:
        """Tell what was taken away since the last beat."""
        now, computed = time.monotonic(), time.process_time()
        late = now - self._beat_at - BEAT_S - (computed - self._computed)
        if late > BEAT_S:  # less is how any loop runs
            self._taken_away += late
        self._beat_at, self._computed = now, computed
