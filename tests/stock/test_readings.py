"""The background work: what is due is read, the most urgent first, and what fails leaves the rest alone."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from dealerproxy.stock.readings import LOOK_EVERY_S, Readings
from dealerproxy.stock.rule import BACK_OFF_S, FRESH_S, WHOLE_S
from dealerproxy.tasks import cancel_and_wait
from dealerproxy.transport.errors import Closed, DailyBudget, Drift, Paused, TimedOut, UpstreamError
from dealerproxy.transport.limits import LANE, Lane
from tests.support.clock import Clock


class Source:
    """A site with listings of given costs, which may hang, fail or be suspended."""

    def __init__(self, **costs: int) -> None:
        self.costs, self.done = costs, list[str]()
        self.errors: dict[str, Exception] = {}
        self.open = asyncio.Event()
        self.open.set()
        self.started: list[str] = []
        self.lanes: set[Lane | None] = set()
        self.is_suspended = False

    def cost(self, key: str) -> int:
        return self.costs.get(key, 1)

    def suspended(self) -> bool:
        return self.is_suspended

    async def read(self, key: str) -> None:
        await self._work("read", key)

    async def check(self, key: str) -> None:
        await self._work("check", key)

    async def _work(self, work: str, key: str) -> None:
        self.started.append(f"{work} {key}")
        self.lanes.add(LANE.get())
        await self.open.wait()
        if key in self.errors:
            raise self.errors[key]
        self.done.append(f"{work} {key}")


class Running:
    """Readings at work; `look` lets them look for work once."""

    def __init__(self, source: Source) -> None:
        self.source, self.clock = source, Clock()
        self._looks: asyncio.Queue[None] = asyncio.Queue()
        self.readings = Readings("encar", source, clock=self.clock, sleep=self._sleep)
        self.task = asyncio.create_task(self.readings.run())

    async def _sleep(self, seconds: float) -> None:
        assert seconds == LOOK_EVERY_S
        await self._looks.get()

    async def look(self, after_s: float = 0.0) -> list[str]:
        """Pass some time, let all work end that can, and return what was done since the last look."""
        self.clock.at += after_s
        self._looks.put_nowait(None)
        for _ in range(50):
            await asyncio.sleep(0)
        done, self.source.done = self.source.done, []
        return done


Run = Callable[..., Running]


@pytest.fixture
async def run() -> AsyncIterator[Run]:
    started: list[Running] = []

    def start(**costs: int) -> Running:
        started.append(Running(Source(**costs)))
        return started[-1]

    yield start
    await cancel_and_wait(*(each.task for each in started))


async def test_nothing_is_read_that_nobody_asked_for(run: Run) -> None:
    running = run()
    assert await running.look() == []
    running.readings.asked("a", 0.5)
    assert await running.look() == []
    running.readings.asked("a", 0.5)
    assert await running.look() == ["read a"]
    assert running.source.lanes == {Lane.BACKGROUND}
    assert running.readings.results == {("read", "ok"): 1}


async def test_what_is_asked_for_is_checked_when_it_is_not_fresh_and_read_again_after_half_an_hour(
    run: Run,
) -> None:
    running = run(a=2)
    running.readings.asked("a", 2)
    assert await running.look() == ["read a"]
    running.readings.asked("a", from_stock=True)
    assert await running.look(FRESH_S - 1) == []
    assert await running.look(1) == ["check a"]
    running.readings.asked("a", from_stock=True)
    assert await running.look(WHOLE_S - FRESH_S) == ["read a"]
    assert running.readings.spared == 2


async def test_two_are_read_at_a_time_and_the_most_urgent_first(run: Run) -> None:
    running = run(a=1, b=1, c=1)
    running.source.open.clear()
    for key, calls in (("a", 1), ("b", 3), ("c", 2)):
        running.readings.asked(key, calls)
    await running.look()
    assert running.source.started == ["read b", "read c"]
    running.source.open.set()
    assert await running.look() == ["read b", "read c", "read a"]


async def test_while_the_site_is_suspended_nothing_is_read(run: Run) -> None:
    running = run()
    running.source.is_suspended = True
    running.readings.keep_warm("a")
    assert await running.look(WHOLE_S) == []
    running.source.is_suspended = False
    assert await running.look() == ["read a"]


@pytest.mark.parametrize(("error", "told"), [(TimedOut("slow"), "timed_out"), (Drift("Count"), "drift")])
async def test_a_reading_that_fails_is_tried_again_after_a_pause_and_what_it_would_have_spared_counts_on(
    run: Run, error: UpstreamError, told: str
) -> None:
    running = run(a=2)
    running.source.errors["a"] = error
    running.readings.asked("a", 2)
    assert await running.look() == []
    assert running.readings.results == {("read", told): 1}
    running.source.errors.clear()
    assert await running.look(BACK_OFF_S - 1) == []
    assert await running.look(1) == ["read a"]


@pytest.mark.parametrize("error", [Paused(600.0), DailyBudget(600.0)], ids=["paused", "daily budget"])
async def test_a_reading_that_a_pause_or_the_budget_ended_goes_on_as_soon_as_calls_may_go_out(
    run: Run, error: Closed
) -> None:
    running = run()
    running.source.open.clear()
    running.source.errors["a"] = error
    running.readings.asked("a")
    await running.look()
    running.source.is_suspended = True
    running.source.open.set()
    assert await running.look() == []
    running.source.is_suspended = False
    running.source.errors.clear()
    assert await running.look() == ["read a"]


async def test_an_error_of_our_own_is_logged_and_ends_nothing(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    running = run()
    running.source.errors["a"] = ZeroDivisionError()
    running.readings.asked("a")
    running.readings.asked("b")
    assert await running.look() == ["read b"]
    assert running.readings.results["read", "broken"] == 1
    assert "reading_broke" in capsys.readouterr().out


async def test_what_another_process_read_is_not_read_again(run: Run) -> None:
    running = run()
    running.readings.keep_warm("a")
    running.readings.known("a", running.clock.at, running.clock.at)
    assert await running.look() == []
    assert await running.look(WHOLE_S) == ["read a"]


async def test_readings_are_broken_off_when_the_service_stops_and_none_begins(run: Run) -> None:
    running = run()
    running.source.open.clear()
    for key in "abcd":
        running.readings.asked(key)
    await running.look()
    await cancel_and_wait(running.task)
    running.source.open.set()
    for _ in range(10):
        await asyncio.sleep(0)
    assert (len(running.source.started), running.source.done) == (2, [])
