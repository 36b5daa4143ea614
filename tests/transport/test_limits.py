"""The rate of an upstream: turns that are taken when they are due."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy.transport.limits import RateLimiter
from tests.support.clock import Clock


def limiter(clock: Clock, *, rps: float = 4.0, burst: int = 1, processes: int = 1) -> RateLimiter:
    return RateLimiter("encar", rps=rps, burst=burst, processes=processes, clock=clock)


async def taken(rate: RateLimiter, clock: Clock, turns: int, *, spare: bool = False) -> list[float]:
    """Take so many turns one after another; the seconds waited for each from now on."""
    began, waits = clock.at, []
    for _ in range(turns):
        while wait_s := await rate.take(spare=spare):
            await clock.sleep(wait_s)
        waits.append(clock.at - began)
    return waits


async def test_twenty_turns_come_at_five_a_second() -> None:
    clock = Clock()
    assert await taken(limiter(clock, rps=5.0), clock, 20) == pytest.approx([turn / 5 for turn in range(20)])


async def test_a_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    clock = Clock()
    waits = await taken(limiter(clock, burst=24), clock, 28)
    assert waits == pytest.approx([0.0] * 24 + [0.25, 0.5, 0.75, 1.0])


async def test_a_burst_comes_back_with_time_and_never_grows() -> None:
    clock = Clock()
    rate = limiter(clock, burst=8)
    await taken(rate, clock, 8)
    clock.at += 1.0
    assert await taken(rate, clock, 5) == pytest.approx([0, 0, 0, 0, 0.25])
    clock.at += 1_000.0
    assert await taken(rate, clock, 9) == pytest.approx([0] * 8 + [0.25])


async def test_a_turn_that_is_not_due_is_not_taken_however_often_one_asks() -> None:
    clock = Clock()
    rate = limiter(clock)
    await rate.take()
    for _ in range(10):
        assert await rate.take() == pytest.approx(0.25)
    clock.at += 0.25
    assert await rate.take() == 0.0


async def test_spare_turns_come_at_the_rate_and_leave_half_of_the_burst() -> None:
    clock = Clock()
    rate = limiter(clock, burst=25)
    assert await taken(rate, clock, 15, spare=True) == pytest.approx([0.0] * 13 + [0.25, 0.5])
    assert await taken(rate, clock, 12) == [0.0] * 12
    assert await taken(rate, clock, 1) == pytest.approx([0.25])


async def test_each_of_several_processes_takes_its_share() -> None:
    clock = Clock()
    rate = limiter(clock, rps=4.0, burst=24, processes=4)
    assert await taken(rate, clock, 9) == pytest.approx([0] * 6 + [1, 2, 3])
    assert rate.interval_s == 1.0


async def test_many_processes_still_get_a_turn_each() -> None:
    clock = Clock()
    assert await taken(limiter(clock, rps=4.0, burst=2, processes=8), clock, 3) == pytest.approx([0, 2, 4])


@given(
    rps=st.floats(0.5, 50),
    burst=st.integers(1, 30),
    steps=st.lists(st.tuples(st.floats(0, 3), st.booleans()), min_size=1, max_size=60),
)
def test_no_second_ever_sees_more_than_the_rate_and_the_burst(
    rps: float, burst: int, steps: list[tuple[float, bool]]
) -> None:
    async def play() -> list[float]:
        clock, sent = Clock(), []
        rate = limiter(clock, rps=rps, burst=burst)
        for passed, spare in steps:
            clock.at += passed
            for _ in range(burst + 1):
                if await rate.take(spare=spare):
                    break
                sent.append(clock.at)
        return sent

    sent = asyncio.run(play())
    for first, begin in enumerate(sent):
        within = sum(begin <= at < begin + 1.0 - 1e-6 for at in sent[first:])
        assert within <= burst + rps + 1e-6
