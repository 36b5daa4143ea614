"""How much is measured, and how things that are compared take turns."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeVar

from tests.bench.figures import Round, percentile

T = TypeVar("T")
# Takes about so many seconds of calls and tells how long each took.
Stretch = Callable[[float], Sequence[float]]


class Traffic(NamedTuple):
    """How partners ask: so many requests a second, for so many seconds, after `quiet_s` seconds without any.

    The site gives at most `page_rows` rows a page; `cold` is without stock; `settings` are those of the service.
    """

    rate: float = 5.0
    seconds: float = 30.0
    quiet_s: float = 0.0
    page_rows: int = 500
    cold: bool = False
    settings: tuple[tuple[str, str], ...] = ()
    seed: int = 1


class Effort(NamedTuple):
    """Rounds of each comparison; seconds of each turn over sockets, and of each turn within the process."""

    rounds: int
    socket_s: float
    call_s: float
    quick: bool = False
    traffic: Traffic = Traffic()


FULL = Effort(rounds=5, socket_s=0.6, call_s=0.12)
QUICK = Effort(rounds=1, socket_s=0.08, call_s=0.01, quick=True)


def in_turn(rounds: int, *turns: Callable[[], T]) -> Sequence[Sequence[T]]:
    """Let each take its turn once a round, every other round backwards: so a drift of the machine hits all alike."""
    taken: list[Sequence[T]] = []
    for number in range(rounds):
        if number % 2:
            taken.append([turn() for turn in reversed(turns)][::-1])
        else:
            taken.append([turn() for turn in turns])
    return taken


def timed(effort: Effort, *stretches: Stretch) -> Sequence[Sequence[Round]]:
    """Let stretches take turns; each round is a median and a 99th percentile in seconds, first calls left out."""
    for stretch in stretches:
        stretch(0.0)

    def turn(stretch: Stretch) -> Callable[[], Round]:
        def take() -> Round:
            took = sorted(stretch(effort.call_s))
            return Round(percentile(took, 0.5), percentile(took, 0.99))

        return take

    return in_turn(effort.rounds, *map(turn, stretches))


def calls(job: Callable[[], object]) -> Stretch:
    """Call it again and again."""

    def stretch(seconds: float) -> Sequence[float]:
        took: list[float] = []
        began = time.perf_counter()
        ends = began + seconds
        while not took or began < ends:
            job()
            now = time.perf_counter()
            took.append(now - began)
            began = now
        return took

    return stretch


def awaits(job: Callable[[], Awaitable[object]]) -> Stretch:
    """Await it again and again, in one event loop a stretch."""

    async def stretch(seconds: float) -> Sequence[float]:
        took: list[float] = []
        began = time.perf_counter()
        ends = began + seconds
        while not took or began < ends:
            await job()
            now = time.perf_counter()
            took.append(now - began)
            began = now
        return took

    return lambda seconds: asyncio.run(stretch(seconds))
