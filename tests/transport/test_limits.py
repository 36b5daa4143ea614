"""Our own limits: turns at a steady rate, and slots in two lanes."""

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dealerproxy.transport.errors import Overloaded, TimedOut
from dealerproxy.transport.limits import LONGEST_WAIT_S, Bulkhead, Lane, RateLimiter
from tests.support.clock import Clock

PATIENT_S = 30.0
INTERACTIVE, BACKGROUND = Lane.INTERACTIVE, Lane.BACKGROUND


def limiter(clock: Clock, *, rps: float = 4.0, burst: int = 1, processes: int = 1) -> RateLimiter:
    return RateLimiter("encar", rps=rps, burst=burst, processes=processes, clock=clock)


async def turns(count: int = 5) -> None:
    """Let everything that can run do so."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_twenty_callers_at_once_come_at_five_a_second() -> None:
    rate = limiter(Clock(), rps=5.0)
    waits = await asyncio.gather(*(rate.reserve(PATIENT_S) for _ in range(20)))
    assert waits == pytest.approx([turn / 5 for turn in range(20)])


async def test_a_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    rate = limiter(Clock(), burst=24)
    waits = [await rate.reserve(PATIENT_S) for _ in range(28)]
    assert waits == pytest.approx([0.0] * 24 + [0.25, 0.5, 0.75, 1.0])


async def test_a_burst_comes_back_with_time_and_never_grows() -> None:
    clock = Clock()
    rate = limiter(clock, burst=8)
    for _ in range(8):
        await rate.reserve(0.0)
    clock.at += 1.0
    assert [await rate.reserve(PATIENT_S) for _ in range(5)] == pytest.approx([0, 0, 0, 0, 0.25])
    clock.at += 1_000.0
    assert [await rate.reserve(PATIENT_S) for _ in range(9)] == pytest.approx([0] * 8 + [0.25])


async def test_a_turn_that_would_come_too_late_is_refused_at_once_and_stays_free() -> None:
    rate = limiter(Clock())
    assert [await rate.reserve(PATIENT_S) for _ in range(5)] == pytest.approx([0, 0.25, 0.5, 0.75, 1.0])
    for _ in range(10):
        with pytest.raises(Overloaded) as raised:
            await rate.reserve(1.2)
        assert raised.value.retry_after_s == pytest.approx(1.25)
    assert await rate.reserve(1.3) == pytest.approx(1.25)


async def test_nobody_waits_longer_than_the_longest_deadline() -> None:
    rate = limiter(Clock(), rps=0.5 / LONGEST_WAIT_S)
    await rate.reserve(PATIENT_S)
    with pytest.raises(Overloaded):
        await rate.reserve(1e9)


async def test_each_of_several_processes_takes_its_share() -> None:
    rate = limiter(Clock(), rps=4.0, burst=24, processes=4)
    waits = [await rate.reserve(PATIENT_S) for _ in range(9)]
    assert waits == pytest.approx([0] * 6 + [1, 2, 3])


async def test_many_processes_still_get_a_turn_each() -> None:
    rate = limiter(Clock(), rps=4.0, burst=2, processes=8)
    assert [await rate.reserve(PATIENT_S) for _ in range(3)] == pytest.approx([0, 2, 4])


@given(
    rps=st.floats(0.5, 50),
    burst=st.integers(1, 30),
    steps=st.lists(st.tuples(st.floats(0, 3), st.floats(0, 5)), min_size=1, max_size=60),
)
def test_no_second_ever_sees_more_than_the_rate_and_the_burst(
    rps: float, burst: int, steps: list[tuple[float, float]]
) -> None:
    async def play() -> list[float]:
        clock, sent = Clock(), []
        rate = limiter(clock, rps=rps, burst=burst)
        for passed, patience in steps:
            clock.at += passed
            with suppress(Overloaded):
                wait = await rate.reserve(patience)
                assert 0 <= wait <= patience
                sent.append(clock.at + wait)
        return sent

    sent = asyncio.run(play())
    assert sent == sorted(sent)
    for first, begin in enumerate(sent):
        within = sum(begin <= at < begin + 1.0 - 1e-6 for at in sent[first:])
        assert within <= burst + rps + 1e-6


class Caller:
    """Somebody who takes a slot and holds it until told to leave."""

    def __init__(self, bulkhead: Bulkhead, lane: Lane = INTERACTIVE, within_s: float = PATIENT_S) -> None:
        self.bulkhead, self.lane, self.within_s = bulkhead, lane, within_s
        self.leave = asyncio.Event()
        self.inside = False
        self.task = asyncio.create_task(self.run())

    async def run(self) -> None:
        async with self.bulkhead.slot(self.lane, self.within_s):
            self.inside = True
            try:
                await self.leave.wait()
            finally:
                self.inside = False

    async def go(self) -> None:
        self.leave.set()
        await self.task
        await turns()


async def callers(bulkhead: Bulkhead, *lanes: Lane) -> list[Caller]:
    """Callers that came in this order."""
    came = []
    for lane in lanes:
        came.append(Caller(bulkhead, lane))
        await turns()
    return came


def inside(came: list[Caller]) -> list[int]:
    return [number for number, caller in enumerate(came) if caller.inside]


async def test_no_more_than_the_slots_are_at_it_and_the_rest_come_in_their_order() -> None:
    bulkhead = Bulkhead(2)
    came = await callers(bulkhead, *[INTERACTIVE] * 5)
    assert (inside(came), bulkhead.held[INTERACTIVE], bulkhead.queued[INTERACTIVE]) == ([0, 1], 2, 3)
    await came[1].go()
    assert inside(came) == [0, 2]
    await came[0].go()
    assert inside(came) == [2, 3]
    for caller in came[2:]:
        await caller.go()
    assert (bulkhead.held.total(), sum(bulkhead.queued.values())) == (0, 0)


async def test_interactive_callers_go_first() -> None:
    bulkhead = Bulkhead(1)
    came = await callers(bulkhead, INTERACTIVE, BACKGROUND, INTERACTIVE, INTERACTIVE)
    order = []
    for _ in came:
        (now,) = inside(came)
        order.append(now)
        await came[now].go()
    assert order == [0, 2, 3, 1]


async def test_background_callers_hold_half_of_the_slots_at_most() -> None:
    bulkhead = Bulkhead(6)
    came = await callers(bulkhead, *[BACKGROUND] * 8)
    assert inside(came) == [0, 1, 2]
    late = await callers(bulkhead, *[INTERACTIVE] * 3)
    assert inside(late) == [0, 1, 2]
    await late[0].go()
    assert inside(came) == [0, 1, 2]
    await came[0].go()
    assert inside(came) == [1, 2, 3]
    for caller in [*came[1:], *late[1:]]:
        await caller.go()


async def test_background_callers_get_a_slot_even_where_there_is_only_one() -> None:
    (alone,) = await callers(Bulkhead(1), BACKGROUND)
    assert alone.inside
    await alone.go()


async def test_a_full_queue_refuses_at_once_and_only_its_own_lane() -> None:
    bulkhead = Bulkhead(1, queue=2)
    came = await callers(bulkhead, *[INTERACTIVE] * 3)
    refused = Caller(bulkhead)
    with pytest.raises(Overloaded):
        await refused.task
    other = await callers(bulkhead, BACKGROUND)
    assert (bulkhead.queued[INTERACTIVE], bulkhead.queued[BACKGROUND]) == (2, 1)
    for caller in [*came, *other]:
        await caller.go()


async def test_a_bulkhead_without_a_queue_still_gives_out_its_slots() -> None:
    bulkhead = Bulkhead(1, queue=0)
    (holder,) = await callers(bulkhead, INTERACTIVE)
    assert holder.inside
    with pytest.raises(Overloaded):
        await Caller(bulkhead).task
    await holder.go()


async def test_waiting_ends_with_the_time_there_is_and_leaves_no_trace() -> None:
    bulkhead = Bulkhead(1)
    (holder,) = await callers(bulkhead, INTERACTIVE)
    with pytest.raises(TimedOut):
        await Caller(bulkhead, within_s=0.005).task
    assert bulkhead.queued[INTERACTIVE] == 0
    await holder.go()
    assert bulkhead.held.total() == 0


async def test_without_any_time_a_free_slot_is_still_taken() -> None:
    async with Bulkhead(1).slot(INTERACTIVE, 0.0):
        pass


async def test_a_caller_cancelled_in_the_queue_gives_up_its_place() -> None:
    bulkhead = Bulkhead(1)
    came = await callers(bulkhead, *[INTERACTIVE] * 3)
    came[1].task.cancel()
    await turns()
    assert bulkhead.queued[INTERACTIVE] == 1
    await came[0].go()
    assert inside(came) == [2]
    await came[2].go()


async def test_a_caller_cancelled_in_the_moment_its_slot_comes_hands_it_on() -> None:
    bulkhead = Bulkhead(1)
    came = await callers(bulkhead, *[INTERACTIVE] * 3)
    came[0].leave.set()
    await asyncio.sleep(0)  # the slot is given to the second, who did not wake up yet
    came[1].task.cancel()
    await turns()
    assert inside(came) == [2]
    await came[2].go()
    assert bulkhead.held.total() == 0


async def test_an_error_while_a_slot_is_held_gives_it_back() -> None:
    bulkhead = Bulkhead(1)
    with pytest.raises(KeyError):
        async with bulkhead.slot(BACKGROUND, PATIENT_S):
            raise KeyError
    assert bulkhead.held.total() == 0


STEPS = st.one_of(
    st.tuples(st.just("come"), st.sampled_from(Lane)),
    st.tuples(st.just("hurry"), st.sampled_from(Lane)),
    st.tuples(st.just("go"), st.integers(0, 30)),
    st.tuples(st.just("cancel"), st.integers(0, 30)),
    st.tuples(st.just("turn"), st.integers(1, 3)),
)


async def play(in_flight: int, steps: list[tuple[str, object]]) -> None:
    bulkhead, came = Bulkhead(in_flight, queue=4), list[Caller]()
    for step in steps:
        match step:
            case ("come", Lane() as lane):
                came.append(Caller(bulkhead, lane))
            case ("hurry", Lane() as lane):
                came.append(Caller(bulkhead, lane, within_s=0.0))
            case ("go", int(number)) if came:
                came[number % len(came)].leave.set()
            case ("cancel", int(number)) if came:
                came[number % len(came)].task.cancel()
            case ("turn", int(count)):
                await turns(count)
        held = [caller for caller in came if caller.inside]
        assert len(held) <= bulkhead.held.total() <= in_flight
        assert bulkhead.held[BACKGROUND] <= max(1, in_flight // 2)
        assert all(0 <= queued <= 4 for queued in bulkhead.queued.values())
        if bulkhead.queued[INTERACTIVE]:
            assert bulkhead.held.total() == in_flight
    for caller in came:
        caller.leave.set()
    await asyncio.wait_for(asyncio.gather(*(caller.task for caller in came), return_exceptions=True), 10.0)
    assert (bulkhead.held.total(), sum(bulkhead.queued.values())) == (0, 0)
    for caller in [Caller(bulkhead) for _ in range(in_flight)]:
        await turns()
        assert caller.inside
        await caller.go()


@settings(max_examples=200)
@given(st.integers(1, 5), st.lists(STEPS, max_size=60))
def test_no_slot_is_ever_lost_or_given_twice(in_flight: int, steps: list[tuple[str, object]]) -> None:
    asyncio.run(play(in_flight, steps))
