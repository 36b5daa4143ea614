"""A day's mix of calls at a rate of four a second, by a clock that is simulated: who is served, and how late."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import pytest

from dealerproxy.transport.errors import Overloaded
from dealerproxy.transport.limits import LANE, Lane, RateLimiter, one_answer
from dealerproxy.transport.turns import TurnQueue
from tests.support import virtual_time

RPS, BURST, IN_FLIGHT, SITE_S = 4.0, 24, 6, 0.15
WARM_S, SECONDS = 20.0, 80.0
LIST_S, CAR_S, PAPER_S = 8.0, 4.5, 3.0
# Of 100 requests 15 are cars; the lists need a call for each leg.
CAR_SHARE = 0.15
LEGS = (1, 1, 1, 1, 1, 1, 2, 2, 3, 6)


class Load(NamedTuple):
    """What became of the requests after the warm-up: those that were made and answered, and when calls were sent."""

    made: Counter[str]
    answered: Counter[str]
    waited: list[float]
    sent: list[float]

    def share(self, kind: str) -> float:
        return self.answered[kind] / self.made[kind]


class World:
    def __init__(self, clock: Callable[[], float], reading: bool) -> None:
        self.clock, self.reading = clock, reading
        self.turns = TurnQueue(RateLimiter("site", rps=RPS, burst=BURST, clock=clock), IN_FLIGHT, clock=clock)
        self.load = Load(Counter(), Counter(), [], [])
        self.began = clock()
        self.adverts: list[asyncio.Future[bool]] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def call(self, lane: Lane, within_s: float) -> bool:
        try:
            async with self.turns.turn(lane, within_s):
                self.load.sent.append(self.clock())
                await asyncio.sleep(SITE_S)
        except Overloaded:
            return False
        return True

    async def advert(self) -> bool:
        """Ask for an advert, with those that wait for a turn already."""
        mine: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.adverts.append(mine)
        if len(self.adverts) == 1:
            self.tasks.append(asyncio.create_task(self.send_adverts()))
        return await mine

    async def send_adverts(self) -> None:
        together: list[asyncio.Future[bool]] = []
        try:
            async with self.turns.turn(Lane.CARS, CAR_S):
                self.load.sent.append(self.clock())
                together, self.adverts = self.adverts, []
                await asyncio.sleep(SITE_S)
        except Overloaded:
            together, self.adverts = self.adverts, []
            for each in together:
                each.set_result(False)
        else:
            for each in together:
                each.set_result(True)

    async def car(self) -> None:
        warm, began = self.warm(), self.clock()
        if self.note("car", warm, await self.advert(), began):
            with one_answer():
                papers = await asyncio.gather(*(self.call(Lane.PAPERS, PAPER_S) for _ in range(2)))
            self.note("papers", warm, all(papers), began)

    async def list(self, legs: int) -> None:
        warm, began = self.warm(), self.clock()
        with one_answer():
            whole = all(await asyncio.gather(*(self.call(Lane.LISTS, LIST_S) for _ in range(legs))))
        self.note("list", warm, whole, began)

    async def read(self) -> None:
        """Read listings one page after another, as long as the world lasts."""
        LANE.set(Lane.BACKGROUND)
        while self.clock() < self.began + WARM_S + SECONDS:
            self.note("page", self.warm(), await self.call(Lane.BACKGROUND, 60.0), None)

    def warm(self) -> bool:
        return self.clock() > self.began + WARM_S

    def note(self, kind: str, warm: bool, answered: bool, began: float | None) -> bool:
        if warm:
            self.load.made[kind] += 1
            self.load.answered[kind] += answered
            if began is not None:
                self.load.waited.append(self.clock() - began)
        return answered

    async def play(self, rate: float) -> Load:
        chance = random.Random(1)
        tasks = [asyncio.create_task(self.read())] if self.reading else []
        for _ in range(round(rate * (WARM_S + SECONDS))):
            await asyncio.sleep(chance.expovariate(rate))
            what = self.car() if chance.random() < CAR_SHARE else self.list(chance.choice(LEGS))
            tasks.append(asyncio.create_task(what))
        await asyncio.gather(*tasks)
        return self.load


@cache
def under(rate: float, *, reading: bool = False) -> Load:
    return virtual_time.run(lambda clock: World(clock, reading).play(rate))


RATES = (5.0, 10.0, 20.0, 60.0)


@pytest.mark.parametrize("reading", [False, True])
@pytest.mark.parametrize("rate", RATES)
def test_every_car_is_answered_and_its_share_of_lists_at_any_load(rate: float, reading: bool) -> None:
    load = under(rate, reading=reading)
    assert load.share("car") > 0.99
    # A single leg is a call; with two thirds of the turns, that many lists a second are whole.
    assert load.answered["list"] / SECONDS > (1.4 if reading else 2.1)
    assert sorted(load.waited)[len(load.waited) // 2] < 1.0


@pytest.mark.parametrize("reading", [False, True])
def test_ten_times_the_load_is_answered_no_less(reading: bool) -> None:
    loads = [under(rate, reading=reading) for rate in RATES]
    # Among these are more cars, which take their share of the turns.
    assert loads[-1].answered["list"] >= 0.85 * max(load.answered["list"] for load in loads)
    answered = [load.answered["list"] + load.answered["car"] for load in loads]
    assert answered == sorted(answered)


@pytest.mark.parametrize("rate", RATES)
def test_reading_gets_its_share_under_any_load_and_all_that_is_left_at_none(rate: float) -> None:
    pages = under(rate, reading=True).answered["page"] / SECONDS
    assert 0.9 < pages <= RPS / 2


def test_reading_takes_what_a_quiet_service_leaves_and_costs_no_visitor_an_answer() -> None:
    load = under(0.2, reading=True)
    assert load.answered["page"] / SECONDS > 0.8 * RPS
    assert load.share("list") == load.share("car") == load.share("papers") == 1.0


@pytest.mark.parametrize("reading", [False, True])
@pytest.mark.parametrize("rate", [0.5, *RATES])
def test_the_rate_and_the_burst_are_never_exceeded(rate: float, reading: bool) -> None:
    sent = under(rate, reading=reading).sent
    for window_s in (1.0, 10.0):
        ends = iter(enumerate(sent))
        last, _ = next(ends)
        for first, at in enumerate(sent):
            while last + 1 < len(sent) and sent[last + 1] < at + window_s - 1e-6:
                last, _ = next(ends)
            assert last - first + 1 <= BURST + RPS * window_s + 1e-6


def test_at_a_load_below_the_rate_everything_is_answered_at_once() -> None:
    load = under(0.5)
    assert load.share("list") == load.share("car") == load.share("papers") == 1.0
    assert max(load.waited) < 1.0
