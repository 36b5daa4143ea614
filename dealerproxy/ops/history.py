"""The outcomes of each upstream's requests in the last hour, by minute, from monotonic counters."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import pairwise
from typing import Generic, NamedTuple, TypeVar

from msgspec import Struct

MINUTES = 60


class Totals(NamedTuple):
    """An upstream's counters at a moment: requests, failures by outcome, seconds of all answers together."""

    requests: float = 0.0
    failures: Mapping[str, float] = {}
    seconds: float = 0.0


NOTHING = Totals()


class Minute(Struct, frozen=True):
    """The requests sent to an upstream in a minute, and how they failed; `mean_ms` is null when there was none."""

    requests: int
    failures: Mapping[str, int]
    mean_ms: float | None


K = TypeVar("K")


class History(Generic[K]):
    """Keeps the counters at the end of each of the last `MINUTES` minutes; `read` returns them, as by upstream."""

    def __init__(self, read: Callable[[], Mapping[K, Totals]]) -> None:
        self._read = read
        self._marks: deque[Mapping[K, Totals]] = deque([read()], maxlen=MINUTES)

    def mark(self) -> None:
        """Ends a minute."""
        self._marks.append(self._read())

    def minutes(self) -> Mapping[K, Sequence[Minute]]:
        """Returns each minute by key, oldest first; the last one is the running minute."""
        marks = [*self._marks, self._read()]
        return {
            key: [_between(one.get(key, NOTHING), other.get(key, NOTHING)) for one, other in pairwise(marks)]
            for key in marks[-1]
        }

    async def keep(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Ends a minute every 60 s, until cancelled."""
        while True:
            await sleep(60.0)
            self.mark()


def _between(one: Totals, other: Totals) -> Minute:
    requests = other.requests - one.requests
    failures = {outcome: round(count - one.failures.get(outcome, 0.0)) for outcome, count in other.failures.items()}
    return Minute(
        requests=round(requests),
        failures={outcome: count for outcome, count in failures.items() if count},
        mean_ms=round((other.seconds - one.seconds) / requests * 1000, 1) if requests else None,
    )
