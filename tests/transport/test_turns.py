"""Turns and slots for calls that wait, by a loop whose time passes at once."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dealerproxy.transport.errors import Overloaded, Suspended, TimedOut
from dealerproxy.transport.limits import FLIGHT, Flight, Lane, RateLimiter
from dealerproxy.transport.turns import TurnQueue
from tests.support import virtual_time

CARS, LISTS, PAPERS, BACKGROUND = Lane
PATIENT_S = 30.0


class World:
    """A queue, and who had a turn of it when."""

    def __init__(self, clock: Callable[[], float], *, rps: float = 4.0, burst: int = 1, in_flight: int = 6) -> None:
        self.clock = clock
        self.limiter = RateLimiter("site", rps=rps, burst=burst, clock=clock)
        self.turns = TurnQueue(self.limiter, in_flight, clock=clock)
        self.began = clock()
        self.sent: list[tuple[str, float]] = []

    async def call(
        self, name: str, lane: Lane = LISTS, within_s: float = PATIENT_S, *, holds_s: float = 0.0
    ) -> str | None:
        """Take a turn and hold the slot; the code of the failure, if any."""
        try:
            async with self.turns.turn(lane, within_s):
                self.sent.append((name, round(self.clock() - self.began, 3)))
                await asyncio.sleep(holds_s)
        except (Overloaded, TimedOut) as error:
            return error.code
        return None

    @property
    def names(self) -> str:
        return "".join(name for name, _ in self.sent)


def play(main: Callable[[World], Awaitable[None]], **of_the_world: float) -> World:
    made: list[World] = []

    async def run(clock: Callable[[], float]) -> None:
        made.append(World(clock, **of_the_world))  # type: ignore[arg-type]
        await main(made[0])
        queue = made[0].turns
        await asyncio.sleep(1.0)
        assert (queue.held.total(), sum(queue.queued.values())) == (0, 0)
        assert len(asyncio.all_tasks()) == 1

    virtual_time.run(run)
    return made[0]


def test_turns_are_given_when_they_are_due_and_not_before() -> None:
    async def main(world: World) -> None:
        await asyncio.gather(*(world.call(name) for name in "abcdef"))

    world = play(main, burst=2)
    assert [at for _, at in world.sent] == pytest.approx([0, 0, 0.25, 0.5, 0.75, 1.0], abs=0.001)


def test_a_turn_goes_to_who_comes_first_when_it_is_due() -> None:
    async def main(world: World) -> None:
        lists = [asyncio.create_task(world.call("l")) for _ in range(4)]
        await asyncio.sleep(0.3)
        await world.call("c", CARS)
        await asyncio.gather(*lists)

    assert play(main).names == "llcll"


def test_who_cannot_have_a_turn_in_time_is_refused_at_once_and_uses_none() -> None:
    async def main(world: World) -> None:
        await world.call("a")
        began = world.clock()
        assert await world.call("b", within_s=0.2) == "overloaded"
        assert world.clock() == began
        assert await world.call("c", within_s=0.3) is None

    assert play(main).sent == [("a", 0.0), ("c", 0.25)]


def test_the_refusal_says_after_how_many_seconds_there_is_a_turn() -> None:
    async def main(world: World) -> None:
        await world.call("a")
        with pytest.raises(Overloaded) as raised:
            async with world.turns.turn(CARS, 1.0):
                pass
        assert raised.value.retry_after_s == pytest.approx(10.0, abs=0.01)

    play(main, rps=0.1)


def test_who_becomes_hopeless_while_he_waits_is_refused_then() -> None:
    async def main(world: World) -> None:
        await world.call("a")
        ended: list[float] = []

        async def old() -> None:
            assert await world.call("o") == "overloaded"
            ended.append(world.clock() - world.began)

        waiting = [asyncio.create_task(old())]
        for _ in range(12):
            await asyncio.sleep(0.1)
            waiting.append(asyncio.create_task(world.call("n")))  # type: ignore[arg-type]
        await asyncio.gather(*waiting)
        assert ended[0] < 1.5

    assert "o" not in play(main).names


def test_who_stops_waiting_takes_no_turn() -> None:
    async def main(world: World) -> None:
        await world.call("a")
        gone = asyncio.create_task(world.call("b"))
        await asyncio.sleep(0.1)
        gone.cancel()
        await asyncio.sleep(0.9)
        await asyncio.gather(*(world.call(name) for name in "cd"))

    assert play(main).sent == [("a", 0.0), ("d", 1.0), ("c", 1.25)]


def test_who_is_called_off_in_the_moment_of_its_turn_gives_its_slot_back() -> None:
    async def main(world: World) -> None:
        gone = asyncio.create_task(world.call("a"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone
        await world.call("b")

    assert "b" in play(main, in_flight=1).names


def test_no_more_calls_are_under_way_than_there_are_slots() -> None:
    async def main(world: World) -> None:
        await asyncio.gather(*(world.call(name, holds_s=2.0) for name in "abcd"))

    assert [at for _, at in play(main, rps=100.0, burst=9, in_flight=2).sent] == [0.0, 0.0, 2.0, 2.0]


@pytest.mark.parametrize("lane", [PAPERS, BACKGROUND])
def test_papers_and_background_calls_hold_half_of_the_slots_at_most(lane: Lane) -> None:
    async def main(world: World) -> None:
        hanging = [asyncio.create_task(world.call("h", lane, holds_s=5.0)) for _ in range(6)]
        await asyncio.sleep(0.1)
        assert world.turns.held[lane] == 3
        await asyncio.gather(*(world.call("c", CARS) for _ in range(3)))
        assert world.names == "hhhccc"
        await asyncio.gather(*hanging)

    play(main, rps=100.0, burst=24, in_flight=6)


def test_a_single_slot_serves_every_lane() -> None:
    async def main(world: World) -> None:
        for lane in Lane:
            assert await world.call("a", lane) is None

    play(main, in_flight=1)


def test_without_a_slot_in_time_the_call_timed_out_and_used_no_turn() -> None:
    async def main(world: World) -> None:
        hanging = asyncio.create_task(world.call("h", holds_s=9.0))
        await asyncio.sleep(1.0)
        assert await world.call("b", within_s=2.0) == "timed_out"
        await hanging

    play(main, in_flight=1)


def test_a_call_that_fails_its_last_check_uses_no_turn() -> None:
    async def main(world: World) -> None:
        def check() -> None:
            raise Suspended("blocked", 9.0)

        await world.call("a")
        with pytest.raises(Suspended):
            async with world.turns.turn(LISTS, PATIENT_S, check):
                raise AssertionError("it had a turn")
        await world.call("b")

    assert play(main).sent == [("a", 0.0), ("b", 0.25)]


def test_another_turn_is_waited_for_without_another_slot() -> None:
    async def main(world: World) -> None:
        async with world.turns.turn(LISTS, PATIENT_S):
            await world.turns.another(LISTS, PATIENT_S)
            assert world.clock() - world.began == pytest.approx(0.25, abs=0.001)
            with pytest.raises(Overloaded):
                await world.turns.another(LISTS, 0.1)

    play(main, in_flight=1)


def test_background_calls_leave_half_of_the_burst_to_whoever_comes() -> None:
    async def main(world: World) -> None:
        async def read() -> None:
            for _ in range(40):
                await world.call("b", BACKGROUND)

        reading = asyncio.create_task(read())
        await asyncio.sleep(3.0)
        began = world.clock()
        await asyncio.gather(*(world.call("l") for _ in range(9)))
        assert world.clock() == began
        await reading

    play(main, burst=24)


def test_a_load_says_whether_it_waits_for_its_turn_or_had_it() -> None:
    async def main(world: World) -> None:
        await world.call("a")
        flight = Flight()
        FLIGHT.set(flight)
        waiting = asyncio.create_task(world.call("b"))
        await asyncio.sleep(0.1)
        assert (flight.queued, flight.sent, flight.unsent) == (True, False, True)
        await waiting
        assert (flight.sent, flight.unsent) == (True, False)

    play(main)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("call", "cancel", "pass")),
        st.sampled_from(Lane),
        st.floats(0, 4),
        st.floats(0, 1),
        st.booleans(),
    ),
    max_size=50,
)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.integers(1, 4), st.integers(1, 5))
def test_no_slot_is_lost_and_no_turn_taken_too_early(
    steps: list[tuple[str, Lane, float, float, bool]], in_flight: int, burst: int
) -> None:
    async def main(world: World) -> None:
        calls: list[asyncio.Task[str | None]] = []
        for what, lane, within_s, seconds, moment in steps:
            if what == "call":
                calls.append(asyncio.create_task(world.call("x", lane, within_s, holds_s=seconds)))
                await asyncio.sleep(0 if moment else seconds / 4)
            elif what == "cancel" and calls:
                calls[int(seconds * 100) % len(calls)].cancel()
            else:
                await asyncio.sleep(seconds)
            assert world.turns.held.total() <= in_flight
        await asyncio.gather(*calls, return_exceptions=True)

    sent = [at for _, at in play(main, in_flight=in_flight, burst=burst).sent]
    for first, at in enumerate(sent):
        assert sum(at <= other < at + 1.0 - 1e-3 for other in sent[first:]) <= burst + 4


def test_a_burst_that_others_had_costs_nobody_his_place() -> None:
    async def main(world: World) -> None:
        await asyncio.gather(*(world.call("x") for _ in range(29)))

    assert len(play(main, burst=24).sent) == 29
