"""The order in which waiting calls get the turns of an upstream's rate; pure, times are parameters.

Each lane has a share of the turns that the others cannot take, and may save up two of them. Within their shares cars
come before lists, lists before papers, papers before background calls. Turns beyond the shares go to lists first: all
adverts that wait share a call, so cars need no more than their share.

Within a lane, answers that lack the fewest calls come first, and the newest of these: under overload, answers are whole
and quick or not at all, instead of all just too late (in a simulation at five times what the rate can serve, 2.6 whole
lists a second; 1.6 newest first, 1.3 oldest first). Background calls come in the order of arrival. Calls that cannot
have their turn in time are rejected at once.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from dealerproxy.transport.limits import Lane


class LanePolicy(NamedTuple):
    """The rules of a lane: at least `share` of the turns is its own while it waits.

    A call waits `longest_s` at most, and gives up when it loses `lost_s` of turns to other answers in its lane.
    """

    share: float
    longest_s: float = math.inf
    lost_s: float = math.inf


LANES: Mapping[Lane, LanePolicy] = {
    Lane.CARS: LanePolicy(0.25),
    # Others would overtake such a list further: it answers from what it has.
    Lane.LISTS: LanePolicy(0.25, lost_s=1.5),
    # The answer of a car waits for its papers.
    Lane.PAPERS: LanePolicy(0.1, longest_s=1.0),
    Lane.BACKGROUND: LanePolicy(0.25),
}
# The order of lanes that have used up their shares.
_LEFT_OVER = (Lane.LISTS, Lane.CARS, Lane.PAPERS, Lane.BACKGROUND)
# The most turns that a lane can save up, so that a lane cannot delay the others after a quiet time.
_MOST_SAVED = 2.0
_ROUNDING = 1e-9


class WaitingCall:
    """A call that waits. Calls of the same `answer` belong together; `until` is when its own time is over.

    `overtaken` counts the turns that other answers in its lane got meanwhile, apart from those of a burst.
    """

    def __init__(self, lane: Lane, *, now: float, within_s: float, answer: object | None = None) -> None:
        self.lane, self.until = lane, now + min(within_s, LANES[lane].longest_s)
        self.answer = self if answer is None else answer
        self.overtaken = 0

    def left_s(self, now: float) -> float:
        """Return the seconds until its turn is of no use any more."""
        return self.until - now


C = TypeVar("C", bound=WaitingCall)


class Line(Generic[C]):
    """The calls that wait for a turn."""

    def __init__(self) -> None:
        self._waiting: dict[Lane, list[C]] = {lane: [] for lane in Lane}
        self._saved = dict.fromkeys(Lane, _MOST_SAVED)

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    @property
    def queued(self) -> Mapping[Lane, int]:
        """How many calls wait, by lane."""
        return {lane: len(waiting) for lane, waiting in self._waiting.items()}

    def add(self, call: C) -> None:
        """Add the newest call."""
        self._waiting[call.lane].append(call)

    def remove(self, call: C) -> None:
        """Remove a call that no longer waits. Raises ValueError if it does not."""
        self._waiting[call.lane].remove(call)

    def next(self, may_go: Callable[[C], bool]) -> C | None:
        """Return the call for the next turn, of those that `may_go`; None if there is none."""
        within_their_shares = [lane for lane in Lane if self.has_saved(lane)]
        for lane in (*within_their_shares, *_LEFT_OVER):
            if (call := next(filter(may_go, ordered(self._waiting[lane])), None)) is not None:
                return call
        return None

    def has_saved(self, lane: Lane) -> bool:
        """Whether a lane has a turn of its share."""
        return self._saved[lane] >= 1 - _ROUNDING

    def grant(self, call: C, *, of_burst: bool = False) -> None:
        """Give a turn to a call, which leaves the line. A turn `of_burst` costs the others no time."""
        for lane in Lane:
            self._saved[lane] = min(_MOST_SAVED, self._saved[lane] + LANES[lane].share)
        self._saved[call.lane] = max(0.0, self._saved[call.lane] - 1)
        self.remove(call)
        for other in self._waiting[call.lane] if not of_burst else ():
            other.overtaken += other.answer is not call.answer

    def too_long(self, now: float, turn_in_s: float, interval_s: float) -> Iterator[tuple[C, float]]:
        """Yield the calls whose turn cannot come in time, with their waits; the next turn is in `turn_in_s` seconds.

        A call waits at least for those before it, but no longer than its lane's share of the turns needs for them.
        """
        before = 0
        for lane in Lane:
            ahead, of_others, answer = 0, 0, None
            for call in ordered(self._waiting[lane]):
                if call.answer is not answer:
                    answer, of_others = call.answer, ahead
                own = math.ceil((ahead + 1 - self._saved[lane]) / LANES[lane].share) - 1
                wait_s = turn_in_s + interval_s * max(0, min(before + ahead, own))
                lost_s = interval_s * (call.overtaken + of_others) if of_others else 0.0
                if wait_s > call.left_s(now) or lost_s > LANES[lane].lost_s:
                    yield call, wait_s
                else:
                    ahead += 1
            before += ahead


def ordered(waiting: Sequence[C]) -> Sequence[C]:
    """Return the calls of one lane in the order of their turns; `waiting` is in the order of arrival."""
    if len(waiting) < 2 or waiting[0].lane is Lane.BACKGROUND:
        return waiting
    lacking = Counter(call.answer for call in waiting)
    newest = {call.answer: number for number, call in enumerate(waiting)}
    return sorted(waiting, key=lambda call: (lacking[call.answer], -newest[call.answer]))
