"""Reports the progress of inventing cars, if it takes longer than a second."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")

# Seconds between two lines.
EVERY_S = 1.0


class Watch(Protocol):
    """Yields the items of one step of the work unchanged."""

    def __call__(self, items: Sequence[T], /) -> Iterable[T]:
        """Yield the items."""
        ...


def unwatched(items: Sequence[T]) -> Iterable[T]:
    """Yield the items without a report."""
    return items


class Progress:
    """Reports at most once a second the current step, counted from 1, and how many % of it are done."""

    def __init__(self, say: Callable[[int, int], None], *, now: Callable[[], float] = time.monotonic) -> None:
        self._say, self._now = say, now
        self._step = 0
        self._due = now() + EVERY_S

    def __call__(self, items: Sequence[T]) -> Iterator[T]:
        """Yield the items of the next step."""
        self._step += 1
        for done, item in enumerate(items):
            if self._now() >= self._due:
                self._due = self._now() + EVERY_S
                self._say(self._step, 100 * done // len(items))
            yield item
