"""Processes on one real Redis whose clocks differ by anything: ages and suspensions go by Redis' time."""

import inspect
from collections.abc import AsyncIterator
from typing import Any

import pytest

from dealerproxy.api.list_cache import Answers
from dealerproxy.cache.cache import StaleCache
from dealerproxy.cache.entries import CachePolicy, CacheResult, sealed
from dealerproxy.cache.memory import BoundedMemory
from dealerproxy.contract.deadline import Deadline
from dealerproxy.transport.errors import Blocked, RateLimited, ServerFault, Suspended, UpstreamError
from dealerproxy.transport.health import Circuit, Health
from dealerproxy.transport.limits import RateLimiter
from dealerproxy.transport.redis_guard import RedisGuard, connect
from dealerproxy.transport.retry import Retries
from dealerproxy.upstreams.danawa.pages import Pages
from dealerproxy.upstreams.danawa.stock import DanawaStock
from dealerproxy.upstreams.danawa.whole import WholeReader
from dealerproxy.upstreams.encar.cars import EncarCars
from dealerproxy.upstreams.encar.search import EncarChunks
from dealerproxy.upstreams.off_sale import OffSale
from dealerproxy.vehicles.fx import FxRates

GAPS_S = (2.0, 30.0, 300.0, 3_600.0, 31_536_000.0)
APART_S = [0.0, *(sign * gap for gap in GAPS_S for sign in (1.0, -1.0))]
# More than the machine may take away, less than what is told apart.
SLACK_S = 3.0
BEGAN = 1_000_000_000.0
CAR: CachePolicy[str] = CachePolicy("car", str, fresh_s=20.0, revalidate_s=60.0, if_error_s=600.0)


class Process:
    """A cache and a circuit with connections and a clock of their own, which moves when told to."""

    def __init__(self, url: str, at: float) -> None:
        self.now, self.unix = at, 5 * BEGAN
        self.shared = connect(url)
        self.cache = StaleCache(self.shared, clock=lambda: self.now)
        health = Health(self.shared, clock=lambda: self.now, unix=lambda: self.unix, random=lambda: 0.0)
        self.circuit: Circuit = health.circuit("encar", "search", slow_s=4.0)

    async def find(self, says: str, *, bypass_cache: bool = False) -> CacheResult[str]:
        async def load() -> str:
            return says

        return await self.cache.get(CAR, "a", load, Deadline(10.0), bypass_cache=bypass_cache)

    async def ask(self, failure: UpstreamError | None = None) -> None:
        async with self.circuit.admit():
            if failure is not None:
                raise failure

    async def fail(self, failure: UpstreamError, times: int = 1) -> None:
        for _ in range(times):
            with pytest.raises(type(failure)):
                await self.ask(failure)

    async def refusal(self) -> float:
        with pytest.raises(Suspended) as raised:
            await self.ask()
        assert raised.value.retry_after_s is not None
        return raised.value.retry_after_s


class World:
    """A Redis and its processes."""

    def __init__(self, server: Any) -> None:
        self.server, self.processes = server, list[Process]()

    def process(self, ahead_s: float = 0.0) -> Process:
        self.processes.append(Process(self.server.url, BEGAN + ahead_s))
        return self.processes[-1]


@pytest.fixture
async def world(redis_server: Any) -> AsyncIterator[World]:
    world = World(redis_server)
    yield world
    for process in world.processes:
        await process.cache.close()
        await process.shared.close()


@pytest.mark.parametrize("apart_s", APART_S)
async def test_a_piece_is_as_old_for_another_process_as_it_is(world: World, apart_s: float) -> None:
    first, second = world.process(apart_s), world.process()
    await first.find("theirs")
    found = await second.find("own")
    assert found.value == "theirs"
    assert 0.0 <= found.age_s <= SLACK_S
    assert found.at <= second.now


@pytest.mark.parametrize("apart_s", APART_S)
async def test_what_another_process_read_before_does_not_replace_what_this_one_read_after(
    world: World, apart_s: float
) -> None:
    first, second = world.process(apart_s), world.process()
    await first.find("before")
    theirs = await second.find("own")
    assert (await second.find("after", bypass_cache=True)).at >= theirs.at
    assert (await second.find("own")).value == "after"
    assert (await world.process(-apart_s).find("own")).value == "after"


@pytest.mark.parametrize("ahead_s", [0.5, 2.0, 30.0, 3_600.0, 31_536_000.0])
async def test_a_piece_from_the_future_is_dropped(world: World, ahead_s: float) -> None:
    seconds, microseconds = world.server.client.time()
    at = seconds + microseconds / 1e6 + SLACK_S + ahead_s
    world.server.client.set("dealerproxy:1:piece:car:a", sealed(CAR.encode("of the future"), at, at))
    assert (await world.process().find("own")).value == "own"


SUSPENSIONS = {
    "a 429 of 7 s": (RateLimited("slow down", 7.0), 1, 7.0),
    "a block": (Blocked("captcha"), 1, 180.0),
    "faults": (ServerFault("500"), 5, 5.0),
}


@pytest.mark.parametrize(("failure", "times", "lasts_s"), SUSPENSIONS.values(), ids=SUSPENSIONS)
@pytest.mark.parametrize("apart_s", APART_S)
async def test_a_suspension_lasts_as_long_for_every_process(
    world: World, apart_s: float, failure: UpstreamError, times: int, lasts_s: float
) -> None:
    first, second = world.process(apart_s), world.process()
    await first.fail(failure, times)
    for process in (second, first):
        left_s = await process.refusal()
        assert lasts_s - SLACK_S <= left_s <= lasts_s + SLACK_S
        snapshot = process.circuit.snapshot()
        assert snapshot.retry_at == pytest.approx(process.unix + left_s)
        assert snapshot.since is not None
        assert abs(snapshot.since - process.unix) <= SLACK_S
    level = second.circuit.snapshot().level
    second.now += lasts_s + SLACK_S
    await second.ask()
    assert second.circuit.snapshot().level == level - 1  # no step further up


@pytest.mark.parametrize("jump_s", APART_S)
async def test_a_suspension_does_not_change_when_the_time_of_day_is_set(world: World, jump_s: float) -> None:
    process = world.process()
    await process.fail(RateLimited("slow down", 7.0))
    process.unix += jump_s
    assert await process.refusal() == pytest.approx(7.0)
    process.now += 6.9
    assert await process.refusal() == pytest.approx(0.1)
    process.now += 0.2
    await process.ask()


async def test_a_suspension_lasts_no_longer_although_the_clock_of_redis_is_set_back(world: World) -> None:
    first, second = world.process(), world.process()
    at, redis_time = [9_000_000.0], 9_000_000.0

    async def time_of(_: object) -> float:
        return at[0]

    first.shared.time_of = second.shared.time_of = time_of
    await first.fail(RateLimited("slow down", 7.0))
    at[0] = redis_time - 3_600.0
    assert await second.refusal() == pytest.approx(7.0)


CLOCKS = {
    StaleCache: "clock",
    Answers: "clock",
    BoundedMemory: "clock",
    OffSale: "clock",
    FxRates: "clock",
    Health: "clock",
    RateLimiter: "clock",
    Retries: "clock",
    RedisGuard: "clock",
    EncarCars: "now",
    EncarChunks: "now",
    WholeReader: "clock",
    DanawaStock: "clock",
    Pages: "now",
}


@pytest.mark.parametrize("kind", CLOCKS, ids=lambda kind: kind.__name__)
def test_ages_and_pauses_go_by_a_clock_that_nobody_sets(kind: type) -> None:
    clock = inspect.signature(kind).parameters[CLOCKS[kind]].default
    assert clock.__name__ == "monotonic"
