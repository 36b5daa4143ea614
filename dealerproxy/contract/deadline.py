"""One deadline per request; everything inside waits at most what is left of it."""

import time
from collections.abc import Callable


class Deadline:
    """A moment on the monotonic clock by which an answer must be out."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at = clock() + seconds

    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self._at - self._clock())

    def share(self, part: float) -> "Deadline":
        """A deadline that leaves the rest of what is left to somebody else."""
        return Deadline(part * self.remaining(), self._clock)
