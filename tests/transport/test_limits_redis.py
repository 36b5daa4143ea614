"""Circuits and turns that several processes share, over a real redis-server of the tests' own.

A process is a `Health` or a `RateLimiter` with a connection of its own; their clock moves when told to.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, TypeVar

import msgspec
import pytest
from redis.asyncio import Redis

from dealerproxy.transport.circuit import CAP_S, FORGET_S, LADDER_S, LEASE_S, PROBING_S, TRIP_STREAK, Phase
from dealerproxy.transport.errors import Blocked, RateLimited, ServerFault, Suspended
from dealerproxy.transport.health import REFRESH_S, Circuit, Health
from dealerproxy.transport.limits import RateLimiter
from dealerproxy.transport.redis_guard import RedisGuard, connect

T = TypeVar("T")
D = TypeVar("D")

PATIENT_S = 30.0
FAULT = ServerFault("status 503")
KEY = "dealerproxy:1:circuit:encar:search"
LEASE_KEY = "dealerproxy:1:probe:encar:search"
RATE_KEY = "dealerproxy:1:rate:encar"


class Counted(RedisGuard):
    """Counts what it is asked for."""

    asked = 0

    async def run(self, what: Callable[[Redis], Awaitable[T]], otherwise: D) -> T | D:
        self.asked += 1
        return await super().run(what, otherwise)


class Delayed(RedisGuard):
    """Holds answers back while its gate is closed."""

    def __init__(self, client: Redis) -> None:
        super().__init__(client, timeout_s=10.0)
        self.gate, self.arrived = asyncio.Event(), asyncio.Event()
        self.gate.set()

    async def run(self, what: Callable[[Redis], Awaitable[T]], otherwise: D) -> T | D:
        answer = await super().run(what, otherwise)
        if not self.gate.is_set():
            self.arrived.set()
        await self.gate.wait()
        return answer


class World:
    """Processes around one Redis, and their clock."""

    def __init__(self, url: str, connect_to: Callable[[str], RedisGuard]) -> None:
        self.url, self.connect_to = url, connect_to
        self.now = 1_000_000.0
        self.opened: list[RedisGuard] = []

    def connect(self) -> RedisGuard:
        shared = self.connect_to(self.url)
        shared.time_of = self.time
        self.opened.append(shared)
        return shared

    async def time(self, _: Redis) -> float:
        """Redis' own time, which the processes' clocks agree with here."""
        return self.now

    def health(self, shared: RedisGuard | None = None) -> Health:
        return Health(shared or self.connect(), clock=lambda: self.now, unix=lambda: self.now, random=lambda: 0.0)

    def circuit(self) -> Circuit:
        return self.health().circuit("encar", "search", slow_s=4.0)

    async def redis(self, what: Callable[[Redis], Awaitable[T]]) -> T:
        """Look behind the curtain."""
        found = await self.connect().run(what, None)
        assert found is not None
        return found


def patient(url: str) -> RedisGuard:
    """A connection that a busy machine does not break."""
    return connect(url, timeout_s=10.0)


@asynccontextmanager
async def around(url: str, connect_to: Callable[[str], RedisGuard] = connect) -> AsyncIterator[World]:
    made = World(url, connect_to)
    try:
        yield made
    finally:
        for shared in made.opened:
            await shared.close()


@pytest.fixture
async def world(redis_server: Any) -> AsyncIterator[World]:
    async with around(redis_server.url, patient) as made:
        yield made


async def ask(circuit: Circuit, failure: Exception | None = None) -> None:
    """Make one call. Raises Suspended when it is refused."""
    call: AbstractAsyncContextManager[None] = circuit.admit()
    await call.__aenter__()
    await end(call, failure)


async def end(call: AbstractAsyncContextManager[None], failure: BaseException | None) -> None:
    if failure is None:
        await call.__aexit__(None, None, None)
        return
    with suppress(type(failure)):
        await call.__aexit__(type(failure), failure, None)


async def trip(circuit: Circuit) -> None:
    for _ in range(TRIP_STREAK):
        await ask(circuit, FAULT)


async def refusal(circuit: Circuit) -> Suspended:
    with pytest.raises(Suspended) as raised:
        await ask(circuit)
    return raised.value


def state(circuit: Circuit) -> Phase:
    return circuit.snapshot().state


async def test_what_one_process_suffered_all_leave_alone(world: World) -> None:
    first, second = world.circuit(), world.circuit()
    await ask(second)
    await trip(first)
    world.now += REFRESH_S
    told = await refusal(second)
    assert (told.cause, told.retry_after_s) == ("upstream_error", LADDER_S[0] - REFRESH_S)


async def test_a_process_that_was_not_asked_for_long_looks_before_it_asks(world: World) -> None:
    first, second = world.circuit(), world.circuit()
    await ask(second)
    world.now += 3_000.0
    await trip(first)
    refused = await asyncio.gather(*(ask(second) for _ in range(24)), return_exceptions=True)
    assert [type(error) for error in refused] == [Suspended] * 24


async def test_a_busy_circuit_asks_redis_once_a_second(world: World) -> None:
    shared = Counted(world.connect().client, timeout_s=10.0)
    circuit = world.health(shared).circuit("encar", "search", slow_s=4.0)
    for _ in range(100):
        await ask(circuit)
        world.now += 0.05
    assert 5 <= shared.asked <= 6


async def test_many_calls_at_once_look_once(world: World) -> None:
    shared = Counted(world.connect().client, timeout_s=10.0)
    circuit = world.health(shared).circuit("encar", "search", slow_s=4.0)
    await asyncio.gather(*(ask(circuit) for _ in range(24)))
    assert shared.asked == 1


async def test_refused_calls_hardly_ask_redis_while_another_process_probes(world: World) -> None:
    first, shared = world.circuit(), Counted(world.connect().client, timeout_s=10.0, time_of=world.time)
    await trip(first)
    second = world.health(shared).circuit("encar", "search", slow_s=4.0)
    await refusal(second)
    world.now += LADDER_S[0]
    probe = first.admit()
    await probe.__aenter__()
    before = shared.asked
    for _ in range(50):
        await refusal(second)
    assert shared.asked - before <= 3
    await end(probe, None)


async def test_old_news_does_not_end_a_suspension_that_began_while_they_travelled(world: World) -> None:
    shared = Delayed(world.connect().client)
    circuit = world.health(shared).circuit("encar", "search", slow_s=4.0)
    under_way = circuit.admit()
    await under_way.__aenter__()
    await ask(other := world.circuit(), Blocked("captcha"))
    world.now += 180.0
    await ask(other)
    shared.gate.clear()
    looking = asyncio.create_task(circuit.refresh())
    await asyncio.wait_for(shared.arrived.wait(), 5.0)
    ending = asyncio.create_task(end(under_way, Blocked("captcha")))
    await asyncio.sleep(0)
    shared.gate.set()
    await asyncio.gather(looking, ending)
    assert state(circuit) is Phase.SUSPENDED
    assert (await refusal(world.circuit())).cause == "blocked"


async def test_a_level_that_went_down_elsewhere_goes_down_here(world: World) -> None:
    first, second = world.circuit(), world.circuit()
    await ask(first, Blocked("captcha"))
    world.now += 180.0
    await ask(first)
    await second.refresh()
    assert (state(second), second.snapshot().reason, second.snapshot().level) == (Phase.DEGRADED, "blocked", 3)
    await ask(first)
    world.now += REFRESH_S
    await second.refresh()
    assert second.snapshot().level == 2


async def test_a_restart_forgets_nothing(world: World) -> None:
    await ask(world.circuit(), Blocked("captcha"))
    fresh = world.circuit()
    told = await refusal(fresh)
    assert (told.cause, told.retry_after_s, fresh.snapshot().level) == ("blocked", 180.0, 4)
    world.now += 180.0
    await ask(world.circuit(), FAULT)
    assert (await refusal(world.circuit())).retry_after_s == 600.0


async def test_what_was_forgiven_stays_forgiven_after_a_restart(world: World) -> None:
    circuit = world.circuit()
    await ask(circuit, Blocked("captcha"))
    world.now += 180.0
    for _ in range(4):
        await ask(circuit)
    fresh = world.circuit()
    await ask(fresh)
    assert (state(fresh), fresh.snapshot().level) == (Phase.HEALTHY, 0)


@pytest.mark.slow  # goes by a clock on the wall
async def test_one_probe_goes_through_in_all_processes_together(world: World) -> None:
    processes = [world.circuit() for _ in range(4)]
    await trip(processes[0])
    world.now += LADDER_S[0]
    inside, gate = [0], asyncio.Event()

    async def call(circuit: Circuit) -> None:
        async with circuit.admit():
            inside[0] += 1
            await gate.wait()

    calls = [asyncio.create_task(call(circuit)) for _ in range(5) for circuit in processes]
    patience = time.monotonic() + 5.0
    while len(refused := [task.exception() for task in calls if task.done()]) < len(calls) - 1:
        assert time.monotonic() < patience
        await asyncio.sleep(0.005)
    assert inside[0] == 1
    assert {(type(error), getattr(error, "retry_after_s", None)) for error in refused} == {(Suspended, PROBING_S)}
    gate.set()
    await asyncio.wait(calls)
    world.now += REFRESH_S
    for circuit in processes:
        await ask(circuit)
        assert state(circuit) is Phase.HEALTHY


async def test_a_probe_that_just_failed_elsewhere_is_not_repeated(world: World) -> None:
    first, second = world.circuit(), world.circuit()
    await trip(first)
    world.now += LADDER_S[0]
    await second.refresh()
    await ask(first, FAULT)
    assert (await refusal(second)).retry_after_s == LADDER_S[1]


async def test_a_probe_that_just_went_well_elsewhere_lets_everybody_through(world: World) -> None:
    first, second = world.circuit(), world.circuit()
    await trip(first)
    world.now += LADDER_S[0]
    await second.refresh()
    await ask(first)
    for _ in range(5):
        await ask(second)
    assert state(second) is Phase.HEALTHY


async def test_a_cancelled_probe_makes_way_in_all_processes(world: World) -> None:
    first, second = world.circuit(), world.circuit()
    await trip(first)
    world.now += LADDER_S[0]
    await second.refresh()
    probe = first.admit()
    await probe.__aenter__()
    assert (await refusal(second)).retry_after_s == PROBING_S
    await end(probe, asyncio.CancelledError())
    world.now += PROBING_S
    await ask(second)
    assert state(second) is Phase.HEALTHY


async def test_the_lease_of_a_process_that_died_runs_out(world: World) -> None:
    circuit = world.circuit()
    await trip(circuit)
    world.now += LADDER_S[0]
    lost = circuit.admit()
    await lost.__aenter__()
    left_ms = await world.redis(lambda redis: redis.pttl(LEASE_KEY))
    assert 0 < left_ms <= LEASE_S * 1000
    await world.redis(lambda redis: redis.delete(LEASE_KEY))
    await ask(world.circuit())
    await end(lost, FAULT)


async def test_a_lease_that_went_to_another_is_not_given_back_by_the_first(world: World) -> None:
    circuit = world.circuit()
    await trip(circuit)
    world.now += LADDER_S[0]
    probe = circuit.admit()
    await probe.__aenter__()
    await world.redis(lambda redis: redis.set(LEASE_KEY, b"another"))
    await end(probe, asyncio.CancelledError())
    assert await world.redis(lambda redis: redis.get(LEASE_KEY)) == b"another"


async def test_a_reset_reaches_every_process(world: World) -> None:
    first, second = world.health(), world.health()
    here, there = (health.circuit("encar", "search", slow_s=4.0) for health in (first, second))
    await ask(here, Blocked("captcha"))
    assert (await refusal(there)).cause == "blocked"
    world.now += 10.0
    await second.reset("encar")
    world.now += REFRESH_S
    for circuit in (here, there, world.circuit()):
        await ask(circuit)
        assert state(circuit) is Phase.HEALTHY


async def test_the_operators_view_has_the_news_of_other_processes(world: World) -> None:
    health = world.health()
    health.circuit("encar", "search", slow_s=4.0)
    await ask(world.circuit(), Blocked("captcha"))
    told = (await health.snapshot())["encar", "search"]
    assert (told.state, told.reason, told.retry_at) == (Phase.SUSPENDED, "blocked", world.now + 180.0)


@pytest.mark.parametrize("block_first", [True, False])
async def test_of_two_suspensions_in_the_same_moment_the_longer_counts(world: World, *, block_first: bool) -> None:
    first, second = world.circuit(), world.circuit()
    for circuit in (first, second):
        await ask(circuit)
    for circuit in (first, second) if block_first else (second, first):
        if circuit is first:
            await ask(circuit, Blocked("captcha"))
        else:
            await trip(circuit)
    world.now += REFRESH_S
    for circuit in (first, second, world.circuit()):
        assert (await refusal(circuit)).cause == "blocked"


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"level":99,"retry_at":1e300}',
        b'{"level":"3"}',
        b'{"since":1e300}',
        b'{"since":-1e300}',
        b'{"retry_at":1e999}',
        b'{"level":6,"reason":"blocked","since":1e300,"retry_at":1e300}',
        b'{"level":6,"reason":"blocked","since":1000000,"retry_at":-1e300}',
        b'{"level":2,"reason":"blocked","since":-1e300,"retry_at":1e300}',
    ],
)
async def test_nothing_stored_suspends_beyond_the_cap_or_breaks_anything(world: World, stored: bytes) -> None:
    await world.redis(lambda redis: redis.set(KEY, stored))
    circuit = world.circuit()
    for _ in range(3):
        with suppress(Suspended):
            await ask(circuit)
        since = circuit.snapshot().since
        assert since is None or 0 < since <= world.now
        world.now += CAP_S / 2
    await ask(circuit)
    await trip(world.circuit())
    assert (await refusal(world.circuit())).cause == "upstream_error"


async def test_a_key_that_holds_something_else_costs_nothing(world: World) -> None:
    await world.redis(lambda redis: redis.hset(KEY, "a", "b"))
    circuit = world.circuit()
    await trip(circuit)
    assert (await refusal(circuit)).cause == "upstream_error"


async def test_a_call_with_a_fresh_copy_does_not_wait_for_redis(world: World) -> None:
    shared = Delayed(world.connect().client)
    circuit = world.health(shared).circuit("encar", "search", slow_s=4.0)
    await ask(circuit)
    shared.gate.clear()
    resetting = asyncio.create_task(circuit.reset())
    await asyncio.wait_for(shared.arrived.wait(), 5.0)
    await asyncio.wait_for(ask(circuit), 5.0)
    shared.gate.set()
    await resetting


async def test_what_is_stored_expires(world: World) -> None:
    await trip(world.circuit())
    left_ms = await world.redis(lambda redis: redis.pttl(KEY))
    assert FORGET_S * 1000 - 60_000 < left_ms <= FORGET_S * 1000


async def test_a_redis_that_is_stopped_midway_leaves_each_process_with_its_own_circuit(frail_redis: Any) -> None:
    async with around(frail_redis.url, patient) as world:
        first, second = world.circuit(), world.circuit()
        await trip(first)
        world.now += REFRESH_S
        await refusal(second)
        frail_redis.kill()
        world.now += LADDER_S[0]
        for circuit in (first, second):
            await ask(circuit, FAULT)
            assert (await refusal(circuit)).retry_after_s == LADDER_S[1]
            world.now += LADDER_S[1]
            await ask(circuit)
            assert state(circuit) is Phase.DEGRADED


@pytest.mark.slow  # goes by a clock on the wall
async def test_a_redis_that_hangs_costs_a_moment_once(frail_redis: Any) -> None:
    async with around(frail_redis.url) as world:
        circuit, rate = world.circuit(), RateLimiter("encar", rps=100.0, burst=1_000, shared=world.connect())
        await ask(circuit)
        frail_redis.hang()
        began = time.monotonic()
        for _ in range(100):
            world.now += 0.01
            await ask(circuit)
            await rate.take()
        assert time.monotonic() - began < 3.0  # not 100 times 0.2 s


def limiter(world: World, *, rps: float = 5.0, burst: int = 1, processes: int = 1) -> RateLimiter:
    return RateLimiter("encar", rps=rps, burst=burst, processes=processes, shared=world.connect())


async def taken(rate: RateLimiter) -> float:
    """Wait for a turn; the seconds it took."""
    began = time.monotonic()
    while wait_s := await rate.take():  # noqa: ASYNC110  # another process may take it
        await asyncio.sleep(wait_s)
    return time.monotonic() - began


async def now(rate: RateLimiter, calls: int) -> int:
    """How many of so many turns are due now."""
    return [await rate.take() for _ in range(calls)].count(0.0)


async def test_processes_keep_the_rate_together(world: World) -> None:
    processes = [limiter(world, rps=20.0, processes=2) for _ in range(2)]
    began = time.monotonic()

    async def turn(rate: RateLimiter) -> float:
        await taken(rate)
        return time.monotonic() - began

    at = sorted(await asyncio.gather(*(turn(rate) for _ in range(10) for rate in processes)))
    # A turn may be used late, but none comes early.
    assert all(when >= number / 20 - 0.005 for number, when in enumerate(at))


async def test_a_burst_is_one_for_all_processes(world: World) -> None:
    processes = [limiter(world, rps=0.02, burst=24) for _ in range(3)]
    waits = [await rate.take() for _ in range(9) for rate in processes]
    assert waits[:24] == [0.0] * 24
    assert all(wait > 0 for wait in waits[24:])


async def test_a_turn_that_is_not_due_is_taken_by_none_and_its_wait_known_to_all(world: World) -> None:
    first, second = limiter(world, rps=0.1), limiter(world, rps=0.1)
    assert await first.take() == 0.0
    for _ in range(20):
        assert 5.0 < await second.take() <= 10.0


async def test_spare_turns_leave_half_of_the_burst_to_all_processes(world: World) -> None:
    first, second = limiter(world, rps=0.01, burst=9), limiter(world, rps=0.01, burst=9)
    waits = [await first.take(spare=True) for _ in range(6)]
    assert waits[:5] == [0.0] * 5
    assert waits[5] > 0
    assert await now(second, 9) == 4


async def test_the_row_is_kept_as_long_as_it_matters(world: World) -> None:
    assert await now(limiter(world, rps=0.5, burst=10), 15) == 10
    assert 15_000 < await world.redis(lambda redis: redis.pttl(RATE_KEY)) <= 20_000
    assert await limiter(world, rps=0.5, burst=10).take() > 0


@pytest.mark.parametrize("stored", [b"junk", b"", b"-5", b"9e15", b"nan", b"inf"])
async def test_a_stored_turn_that_cannot_be_is_not_believed(world: World, stored: bytes) -> None:
    await world.redis(lambda redis: redis.set(RATE_KEY, stored))
    rate = limiter(world, rps=0.1, processes=4)
    assert await rate.take() == 0.0
    assert 0.0 < await rate.take() <= 10.0  # its own share would be one in 40 s


async def test_a_stored_turn_further_away_than_any_that_is_taken_is_not_believed(world: World) -> None:
    seconds, _ = await world.redis(lambda redis: redis.time())
    await world.redis(lambda redis: redis.set(RATE_KEY, str((seconds + 30) * 1_000_000)))
    assert await limiter(world, rps=1.0, burst=5).take() == 0.0


async def test_without_redis_each_process_goes_on_with_its_share(frail_redis: Any) -> None:
    async with around(frail_redis.url, patient) as world:
        rate = limiter(world, rps=0.04, burst=4, processes=2)
        assert await rate.take() == 0.0
        frail_redis.kill()
        # Its two turns at once are booked for what it took from Redis too: a hiccup brings no new burst.
        assert await now(rate, 4) == 1
        assert 0.0 < await rate.take() <= 50.0


@pytest.mark.parametrize("burst", [1, 24])
@pytest.mark.parametrize("every", [1, 3, 20])
@pytest.mark.parametrize("processes", [1, 4])
async def test_a_row_that_is_lost_again_and_again_gives_no_new_burst(
    world: World, burst: int, every: int, processes: int
) -> None:
    rate, given = limiter(world, rps=1.0, burst=burst, processes=processes), 0
    began = time.monotonic()
    for call in range(60):
        if call % every == 0:
            await world.redis(lambda redis: redis.flushall())
        given += await rate.take() == 0.0
    assert given <= burst + time.monotonic() - began + 1


async def test_what_one_process_knows_of_a_lost_row_holds_for_all(world: World) -> None:
    first, second = limiter(world, rps=0.01, burst=4), limiter(world, rps=0.01, burst=4)
    assert await now(first, 4) == 4
    await world.redis(lambda redis: redis.flushall())
    assert 90.0 < await first.take() <= 100.0
    assert 90.0 < await second.take() <= 100.0


async def test_a_redis_that_comes_and_goes_gives_no_new_burst_either(frail_redis: Any) -> None:
    async with around(frail_redis.url, lambda url: connect(url, timeout_s=10.0, pause_s=0.0)) as world:
        rate, given = limiter(world, rps=0.01, burst=6, processes=2), 0
        for _ in range(3):
            given += await now(rate, 4)
            frail_redis.kill()
            given += await now(rate, 2)
            frail_redis.start()
            await asyncio.sleep(0.05)
        assert given <= 6


async def test_what_was_taken_through_redis_is_not_paid_for_again_when_it_goes_away(frail_redis: Any) -> None:
    async with around(frail_redis.url, patient) as world:
        rate = limiter(world, rps=1_000.0, burst=1, processes=20)
        for _ in range(200):
            await taken(rate)
        frail_redis.kill()
        assert await rate.take() < 0.5


FOREIGN_ROWS: dict[str, Callable[[Redis], Awaitable[Any]]] = {
    "a list": lambda redis: redis.rpush(RATE_KEY, "1"),
    "a hash": lambda redis: redis.hset(RATE_KEY, "1", "1"),
    "a stream": lambda redis: redis.xadd(RATE_KEY, {"1": "1"}),
    "huge": lambda redis: redis.set(RATE_KEY, b"9" * 2**20),
    "bytes": lambda redis: redis.set(RATE_KEY, b"\xff\x00" * 8),
    "hexadecimal": lambda redis: redis.set(RATE_KEY, b"0x7fffffffffffffff"),
}


@pytest.mark.parametrize("put", FOREIGN_ROWS.values(), ids=FOREIGN_ROWS)
async def test_what_is_no_turn_is_replaced_by_one(world: World, put: Callable[[Redis], Awaitable[Any]]) -> None:
    await world.redis(put)
    rate = limiter(world, rps=0.1, processes=4)
    assert await rate.take() == 0.0
    assert 0.0 < await rate.take() <= 10.0
    assert await world.redis(lambda redis: redis.type(RATE_KEY)) == b"string"


# What Redis loses, and what others put there


SUSPENDING: dict[str, tuple[Exception, str]] = {
    "a block": (Blocked("captcha"), "blocked"),
    "rate limited": (RateLimited("429", 600.0), "rate_limited"),
}


@pytest.mark.parametrize(("failure", "cause"), SUSPENDING.values(), ids=SUSPENDING)
@pytest.mark.parametrize(
    "lose",
    [
        lambda redis: redis.flushall(),
        lambda redis: redis.delete(KEY),
        lambda redis: redis.set(KEY, b"\xff" * 2_000),
        lambda redis: redis.set(KEY, b"nonsense"),
    ],
    ids=["all", "the key", "huge", "another value"],
)
async def test_a_suspension_that_redis_lost_is_told_again(
    world: World, failure: Exception, cause: str, lose: Callable[[Redis], Awaitable[Any]]
) -> None:
    circuit = world.circuit()
    await ask(circuit, failure)
    retry_at = circuit.snapshot().retry_at
    for _ in range(3):
        await world.redis(lose)
        world.now += REFRESH_S
        assert (await refusal(circuit)).cause == cause
        fresh = world.circuit()
        assert (await refusal(fresh)).cause == cause
        assert fresh.snapshot().retry_at == retry_at


async def test_a_suspension_of_another_type_in_redis_is_replaced(world: World) -> None:
    circuit = world.circuit()
    await ask(circuit, Blocked("captcha"))
    await world.redis(lambda redis: redis.delete(KEY))
    await world.redis(lambda redis: redis.rpush(KEY, "a"))
    world.now += REFRESH_S
    await refusal(circuit)
    assert (await refusal(world.circuit())).cause == "blocked"


async def test_a_level_that_redis_lost_is_told_again_and_good_health_is_not(world: World) -> None:
    circuit = world.circuit()
    await ask(circuit, Blocked("captcha"))
    world.now += 180.0
    await ask(circuit)
    await world.redis(lambda redis: redis.flushall())
    world.now += REFRESH_S
    await circuit.refresh()
    fresh = world.circuit()
    await fresh.refresh()
    assert fresh.snapshot().level == circuit.snapshot().level == 3
    await circuit.reset()
    await world.redis(lambda redis: redis.flushall())
    world.now += REFRESH_S
    await circuit.refresh()
    assert not await world.redis(lambda redis: redis.exists(KEY))


async def test_a_suspension_that_was_reset_does_not_come_back_when_redis_is_emptied(world: World) -> None:
    first, second = world.circuit(), world.circuit()
    await ask(first, Blocked("captcha"))
    await refusal(second)
    world.now += REFRESH_S
    await second.reset()
    await world.redis(lambda redis: redis.flushall())
    await refusal(first)
    for _ in range(2):
        world.now += REFRESH_S
        await second.refresh()
        await first.refresh()
    for circuit in (first, second, world.circuit()):
        await ask(circuit)


async def test_a_suspension_is_told_again_although_nobody_asks_for_the_upstream(world: World) -> None:
    health = world.health()
    await ask(health.circuit("encar", "search", slow_s=4.0), Blocked("captcha"))
    await world.redis(lambda redis: redis.flushall())
    world.now += REFRESH_S
    await health.remind()
    assert (await refusal(world.circuit())).cause == "blocked"


@pytest.mark.parametrize("reason", ["", "wicked", "<b>", "suspended", "healthy", "x" * 400])
async def test_a_stored_suspension_for_a_reason_there_is_none_of_is_not_believed(world: World, reason: str) -> None:
    told = {"level": 2, "reason": reason, "since": world.now, "retry_at": world.now + 60.0}
    await world.redis(lambda redis: redis.set(KEY, msgspec.json.encode(told)))
    circuit = world.circuit()
    await ask(circuit)
    assert state(circuit) is Phase.HEALTHY


PROBES: dict[str, Callable[[Redis], Awaitable[Any]]] = {
    "for ever": lambda redis: redis.set(LEASE_KEY, "0" * 16),
    "beyond the lease": lambda redis: redis.set(LEASE_KEY, "0" * 16, px=round(LEASE_S * 2_000)),
    "a word": lambda redis: redis.set(LEASE_KEY, "another", px=5_000),
    "a list": lambda redis: redis.rpush(LEASE_KEY, "a"),
}


@pytest.mark.parametrize("put", PROBES.values(), ids=PROBES)
async def test_what_is_no_lease_of_a_probe_keeps_nobody_from_probing(
    world: World, put: Callable[[Redis], Awaitable[Any]]
) -> None:
    circuit = world.circuit()
    await trip(circuit)
    world.now += LADDER_S[0]
    await world.redis(put)
    await ask(circuit)
    assert state(circuit) is not Phase.SUSPENDED
    assert not await world.redis(lambda redis: redis.exists(LEASE_KEY))
