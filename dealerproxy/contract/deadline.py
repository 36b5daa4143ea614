"""The deadline of a request. Every step inside the request waits at most the time left."""

import time
from collections.abc import Callable


class Deadline:
    """The moment on the monotonic clock by which the answer must be sent."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at = clock() + seconds

    def remaining(self) -> float:
        """Return the seconds left, never negative."""
        return max(0.0, self._at - self._clock())

    def share(self, part: float) -> "Deadline":
        """Return a deadline after `part` (0 to 1) of the time left."""
        return Deadline(part * self.remaining(), self._clock)
