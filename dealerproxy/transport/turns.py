"""Turns of an upstream's rate, and its connections, for the calls that wait for them.

A turn is taken when it is due, for whichever call then comes first (`line`): nothing is reserved ahead. A call gets its
turn together with a connection (a slot).
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from contextvars import Context

from dealerproxy.contract.explain import RateBudget
from dealerproxy.transport.errors import Overloaded, TimedOut, UpstreamError
from dealerproxy.transport.limits import ANSWER, FLIGHT, Lane, RateLimiter
from dealerproxy.transport.line import Line, WaitingCall

# Papers and background calls never hold more than half of the slots: they are not urgent, and some hang.
_HALF = frozenset({Lane.PAPERS, Lane.BACKGROUND})


def _anyway() -> None:
    """The check of a call that may always go."""


class _Call(WaitingCall):
    """A waiting call, with what it needs (`slot`), its last `check` and its outcome."""

    def __init__(self, lane: Lane, now: float, within_s: float, check: Callable[[], None], *, slot: bool) -> None:
        super().__init__(lane, now=now, within_s=within_s, answer=ANSWER.get())
        self.slot, self.check, self._flight = slot, check, FLIGHT.get()
        self.outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def left_s(self, now: float) -> float:
        own_s = super().left_s(now)
        # A load of which a call was sent is completed, even if nobody waits.
        return min(own_s, self._flight.patience_s()) if self._flight and self._flight.unsent else own_s


class TurnQueue:
    """Gives out the turns of `limiter` and `in_flight` slots. `held` counts the slots in use, by lane."""

    def __init__(self, limiter: RateLimiter, in_flight: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._limiter, self._clock = limiter, clock
        self._slots = in_flight
        self._most = {lane: max(1, in_flight // 2) if lane in _HALF else in_flight for lane in Lane}
        self._line = Line[_Call]()
        self._turn_at = clock()
        self._task: asyncio.Task[None] | None = None
        self._spare = False
        self._woken = asyncio.Event()
        self.held: Counter[Lane] = Counter(dict.fromkeys(Lane, 0))

    @property
    def budget(self) -> RateBudget:
        """The rate, and how much of it is in use."""
        return RateBudget(
            calls_per_s=round(1 / self._limiter.interval_s, 2),
            burst=self._limiter.burst,
            in_flight=self._slots,
            open=self.held.total(),
            waiting=sum(self.queued.values()),
        )

    @property
    def queued(self) -> Mapping[Lane, int]:
        """How many calls wait, by lane."""
        return self._line.queued

    @asynccontextmanager
    async def turn(self, lane: Lane, within_s: float, check: Callable[[], None] = _anyway) -> AsyncIterator[None]:
        """Wait for a turn and hold a slot. `check` is called before the turn is taken, and may raise UpstreamError.

        Raises Overloaded as soon as it is clear that the turn cannot come within `within_s` seconds, and TimedOut when
        no slot became free in them. A call that stops waiting takes no turn.
        """
        flight = FLIGHT.get()
        if flight is not None:
            flight.queued = True
            flight.kept = flight.kept or lane is Lane.BACKGROUND
        await self._wait(_Call(lane, self._clock(), within_s, check, slot=True))
        if flight is not None:
            flight.sent = True
        try:
            yield
        finally:
            self._free(lane)

    async def another(self, lane: Lane, within_s: float) -> None:
        """Wait for one more turn while a slot is held. Raises Overloaded as `turn` does."""
        await self._wait(_Call(lane, self._clock(), within_s, _anyway, slot=False))

    async def _wait(self, call: _Call) -> None:
        self._line.add(call)
        if self._spare:
            self._woken.set()  # it may take a turn of the burst that a background call must leave
        self._refuse()
        if self._has_room(call):
            self._serve()
        try:
            await asyncio.wait({call.outcome}, timeout=max(0.0, call.until - self._clock()))
        except asyncio.CancelledError:
            if not call.outcome.done():
                self._leave(call)
            elif call.outcome.exception() is None and call.slot:
                self._free(call.lane)  # the turn was granted in the same moment
            raise
        if not call.outcome.done():
            self._leave(call)
            if not self._has_room(call):
                raise TimedOut(f"no free slot in the {call.lane} lane in time")
            raise _overloaded(max(self._turn_in_s, self._limiter.interval_s * len(self._line)))
        call.outcome.result()

    def _leave(self, call: _Call) -> None:
        self._line.remove(call)
        if not self._line:
            self._woken.set()  # no call needs the awaited turn any more

    def _free(self, lane: Lane) -> None:
        self.held[lane] -= 1
        self._serve()

    def _serve(self) -> None:
        """Start giving out turns if a call can take one."""
        if self._task is None and self._best() is not None:
            # In a context of its own: it serves all calls, whoever starts it.
            self._task = asyncio.create_task(self._give_turns(), name="give-turns", context=Context())

    async def _give_turns(self) -> None:
        of_burst = True
        try:
            while (call := self._best()) is not None:
                self._woken.clear()
                # Background calls leave half of the burst, except for turns of their own share.
                self._spare = call.lane is Lane.BACKGROUND and not self._line.has_saved(call.lane)
                wait_s = await self._limiter.take(spare=self._spare)
                if not wait_s:
                    self._grant(of_burst=of_burst)
                    continue
                of_burst = False
                if not self._spare:
                    self._turn_at = self._clock() + wait_s
                    self._refuse()
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._woken.wait()
        finally:
            self._task, self._spare = None, False

    def _grant(self, *, of_burst: bool) -> None:
        """Give the turn just taken to the call that comes first by now, if any still waits."""
        call = self._best()
        if call is None:
            return
        self._line.grant(call, of_burst=of_burst)
        if call.slot:
            self.held[call.lane] += 1
        call.outcome.set_result(None)

    def _best(self) -> _Call | None:
        """Return the call for the next turn, after its last check. Calls that fail the check leave."""
        while (call := self._line.next(self._has_room)) is not None:
            try:
                call.check()
            except UpstreamError as error:
                self._end(call, error)
            else:
                return call
        return None

    def _refuse(self) -> None:
        """End the calls whose turn cannot come in time. While a turn is due, more may be, so no call ends then."""
        if turn_in_s := self._turn_in_s:
            for call, wait_s in [*self._line.too_long(self._clock(), turn_in_s, self._limiter.interval_s)]:
                self._end(call, _overloaded(wait_s))

    def _end(self, call: _Call, error: UpstreamError) -> None:
        self._leave(call)
        call.outcome.set_exception(error)

    def _has_room(self, call: _Call) -> bool:
        if not call.slot:
            return True
        return self.held.total() < self._slots and self.held[call.lane] < self._most[call.lane]

    @property
    def _turn_in_s(self) -> float:
        return max(0.0, self._turn_at - self._clock())


def _overloaded(wait_s: float) -> Overloaded:
    return Overloaded(f"the next turn comes in {wait_s:.1f} s", wait_s)
