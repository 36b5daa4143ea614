"""The cache of pieces over a real Redis: several processes load once, and Redis may do what it likes.

A process is a cache with a connection of its own; one test starts real ones.
"""

import asyncio
import random
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from dealerproxy.app import ATTEMPT_S
from dealerproxy.cache import redis_tier
from dealerproxy.cache.cache import StaleCache
from dealerproxy.cache.entries import CachePolicy, CacheResult, CacheStatus, encode_failure, sealed
from dealerproxy.contract.deadline import Deadline
from dealerproxy.settings import Settings
from dealerproxy.tasks import cancel_and_wait
from dealerproxy.transport.errors import Drift, Overloaded, RateLimited, TooLate, Unreachable
from dealerproxy.transport.redis_guard import RedisGuard, connect
from tests.support.clock import Clock, turns
from tests.support.flights import landed
from tests.support.timing import Stopwatch

HIT, MISS, UPDATING, STALE = CacheStatus.HIT, CacheStatus.MISS, CacheStatus.UPDATING, CacheStatus.STALE
CAR: CachePolicy[str | None] = CachePolicy(
    "car", str | None, fresh_s=20.0, revalidate_s=60.0, if_error_s=600.0, load_s=2.0
)
PIECE, FAILURE, LOCK = ("dealerproxy:1:" + what + ":car:a" for what in ("piece", "failure", "lock"))
# What a process that holds a lock has put there, and for how long.
TOKEN, LEASE_MS = uuid.uuid4().hex, int(redis_tier.LEASE_S * 1000)
PAUSE_S = 0.1
LOAD_S = 0.02


class Source:
    """The upstream of all processes: what it says or how it fails, once `gate` is open; counts its loads."""

    def __init__(self) -> None:
        self.says: str | None = "on sale"
        self.failure: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()
        self.loads = 0

    async def load(self) -> str | None:
        self.loads += 1
        self.asked.set()
        await asyncio.sleep(LOAD_S)
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return self.says


class Process:
    """A cache with its own connections, and short ways to ask."""

    def __init__(self, url: str, clock: Clock, source: Source, pause_s: float) -> None:
        self.shared = connect(url, pause_s=pause_s)
        self.shared.time_of = clock.of_redis
        self.cache = StaleCache(self.shared, clock=clock)
        self.source = source

    async def find(self, *, within_s: float = 5.0, bypass_cache: bool = False) -> CacheResult[str | None]:
        return await self.cache.get(CAR, "a", self.source.load, Deadline(within_s), bypass_cache=bypass_cache)

    async def ask(self, **how: Any) -> tuple[str | None, CacheStatus]:
        found = await self.find(**how)
        return found.value, found.state

    def start(self, **how: Any) -> "asyncio.Task[tuple[str | None, CacheStatus]]":
        return asyncio.create_task(self.ask(**how))

    async def close(self) -> None:
        await self.cache.close()
        await self.shared.close()


class World:
    """A Redis, a clock, a source and as many processes as a test wants."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.redis: Any = server.client
        self.clock, self.source = Clock(time.time()), Source()
        self.processes: list[Process] = []

    def process(self, *, pause_s: float = PAUSE_S) -> Process:
        self.processes.append(Process(self.server.url, self.clock, self.source, pause_s))
        return self.processes[-1]


@pytest.fixture
async def world(redis_server: Any) -> AsyncIterator[World]:
    world = World(redis_server)
    yield world
    for process in world.processes:
        await process.close()


@pytest.fixture
async def frail(frail_redis: Any) -> AsyncIterator[World]:
    world = World(frail_redis)
    yield world
    for process in world.processes:
        await process.close()


async def leading(process: Process) -> "asyncio.Task[tuple[str | None, CacheStatus]]":
    """Let a process load, and keep it at it until the gate is opened."""
    process.source.gate.clear()
    process.source.asked.clear()
    leader = process.start()
    await process.source.asked.wait()
    return leader


async def many(count: int, *processes: Process) -> list[Any]:
    return await asyncio.gather(*(process.ask() for process in processes for _ in range(count)), return_exceptions=True)


# One load for all processes


async def test_a_hundred_misses_in_two_processes_are_one_load(world: World) -> None:
    assert await many(50, world.process(), world.process()) == [("on sale", MISS)] * 100
    assert world.source.loads == 1
    assert not world.redis.exists(LOCK)


async def test_what_one_process_loaded_is_a_hit_in_another(world: World) -> None:
    first, second = world.process(), world.process()
    await first.ask()
    world.clock.at += 5.0
    found = await second.find()
    assert (found.value, found.state, found.age_s) == ("on sale", HIT, 5.0)
    assert (await second.find()).state is HIT
    assert world.source.loads == 1
    assert second.cache.counts == {("car", "redis", "hit"): 1, ("car", "memory", "hit"): 1}


async def test_a_process_that_came_too_late_to_wait_does_not_load_again(world: World) -> None:
    """The other one stores and lets go between this one's look and its own turn."""
    first, second = world.process(), world.process()
    world.redis.set(LOCK, TOKEN, px=LEASE_MS)
    waiting = second.start()
    await turns()
    world.redis.delete(LOCK)
    await first.ask()
    assert await waiting == ("on sale", MISS)
    assert world.source.loads == 1


async def test_nothing_in_redis_is_kept_for_ever(world: World) -> None:
    process = world.process()
    await process.ask()
    assert 0 < world.redis.pttl(PIECE) <= 600_000
    world.source.failure = Unreachable("reset")
    await process.ask(bypass_cache=True)
    assert 0 < world.redis.pttl(FAILURE) <= 2_000
    assert sorted(world.redis.keys()) == sorted([PIECE.encode(), FAILURE.encode()])


async def test_one_refresh_runs_behind_the_answers_of_all_processes(world: World) -> None:
    first, second = world.process(), world.process()
    await many(1, first, second)
    world.clock.at += 21.0
    world.source.says = "cheaper"
    assert await many(20, first, second) == [("on sale", UPDATING)] * 40
    for process in (first, second):
        await landed(process.cache)
    assert await many(1, first, second) == [("cheaper", HIT)] * 2
    assert world.source.loads == 2


async def test_a_fresh_look_in_two_processes_is_one_load_and_a_new_one(world: World) -> None:
    first, second = world.process(), world.process()
    await many(1, first, second)
    world.source.says = "cheaper"
    world.clock.at += 1.0
    world.source.gate.clear()
    looks = [first.start(bypass_cache=True), second.start(bypass_cache=True)]
    await turns()
    world.clock.at += 0.1
    world.source.gate.set()
    assert await asyncio.gather(*looks) == [("cheaper", MISS)] * 2
    assert world.source.loads == 2


async def test_even_of_a_kind_that_keeps_nothing_there_is_one_load_at_a_time(world: World) -> None:
    brief: CachePolicy[str | None] = CachePolicy("car", str | None, fresh_s=0.0, revalidate_s=0.0, if_error_s=0.0)
    first, second = world.process(), world.process()
    world.source.gate.clear()
    asked = [
        asyncio.create_task(process.cache.get(brief, "a", world.source.load, Deadline(5.0)))
        for process in (first, second)
    ]
    await turns()
    world.clock.at += 0.05
    world.source.gate.set()
    assert [(await found).value for found in asked] == ["on sale"] * 2
    assert world.source.loads == 1


async def test_a_leaders_cancelled_waiter_ends_nothing(world: World) -> None:
    first, second = world.process(), world.process()
    leader = await leading(first)
    follower = second.start()
    leader.cancel()
    world.source.gate.set()
    assert await follower == ("on sale", MISS)
    assert world.source.loads == 1


@pytest.mark.slow  # goes by a clock on the wall
async def test_a_leader_that_closes_hands_over_at_once(world: World) -> None:
    first, second = world.process(), world.process()
    leader = await leading(first)
    follower = second.start()
    await asyncio.sleep(0.02)
    began = time.monotonic()
    await first.cache.close()
    await asyncio.gather(leader, return_exceptions=True)
    world.source.gate.set()
    assert await follower == ("on sale", MISS)
    assert time.monotonic() - began < 1.0


@pytest.mark.slow  # goes by a clock on the wall
async def test_a_leader_that_was_killed_is_waited_for_until_its_lock_runs_out(world: World) -> None:
    world.redis.set(LOCK, TOKEN, px=200)
    began = time.monotonic()
    assert await world.process().ask() == ("on sale", MISS)
    assert 0.1 < time.monotonic() - began < 1.0


@pytest.mark.slow  # goes by a clock on the wall
async def test_a_leader_keeps_its_lock_for_as_long_as_it_loads(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_tier, "LEASE_S", 0.15)
    monkeypatch.setattr(redis_tier, "RENEW_S", 0.04)
    first, second = world.process(), world.process()
    leader, follower = await leading(first), second.start()
    await asyncio.sleep(0.4)
    world.source.gate.set()
    assert [await leader, await follower] == [("on sale", MISS)] * 2
    assert world.source.loads == 1


async def test_patience_with_another_process_ends_and_then_one_loads_oneself(world: World) -> None:
    impatient: CachePolicy[str | None] = CachePolicy(
        "car", str, fresh_s=20.0, revalidate_s=60.0, if_error_s=600.0, load_s=0.1
    )
    world.redis.set(LOCK, TOKEN, px=LEASE_MS)
    found = await world.process().cache.get(impatient, "a", world.source.load, Deadline(5.0))
    assert found.state is MISS
    assert world.redis.get(LOCK) == TOKEN.encode()  # nobody takes away another's lock


async def test_a_waiter_for_another_process_waits_its_own_deadline_only(world: World) -> None:
    leader = await leading(world.process())
    with pytest.raises(TooLate):
        await world.process().ask(within_s=0.05)
    world.source.gate.set()
    assert await leader == ("on sale", MISS)
    assert world.source.loads == 1


# Failures


@pytest.mark.parametrize(
    "failure",
    [RateLimited("429", 7.0), Drift("SearchResults", "missing"), Unreachable("reset")],
    ids=lambda failure: type(failure).__name__,
)
async def test_a_hundred_misses_in_two_processes_with_a_failing_leader_are_one_load_and_equal_failures(
    world: World, failure: Any
) -> None:
    world.source.failure = failure
    outcomes = await many(50, world.process(), world.process())
    assert world.source.loads == 1
    assert {(type(outcome), str(outcome)) for outcome in outcomes} == {(type(failure), str(failure))}
    assert {tuple(vars(outcome).items()) for outcome in outcomes} == {tuple(vars(failure).items())}


async def test_a_failure_holds_back_the_other_processes_too_until_the_back_off_is_over(world: World) -> None:
    first, second = world.process(), world.process()
    world.source.failure = Unreachable("reset")
    for process in (first, second, second):
        with pytest.raises(Unreachable):
            await process.ask()
    assert world.source.loads == 1
    world.source.failure = None
    world.clock.at += CAR.back_off_s
    assert await second.ask() == ("on sale", MISS)
    assert await first.ask() == ("on sale", HIT)


async def test_a_fresh_value_is_a_hit_although_a_look_after_it_failed(world: World) -> None:
    first, second = world.process(), world.process()
    await first.ask()
    world.clock.at += 1.0
    world.source.failure = Unreachable("reset")
    assert await first.ask(bypass_cache=True) == ("on sale", STALE)
    assert await second.ask() == ("on sale", HIT)


async def test_a_fresh_look_does_not_mind_that_another_process_failed_before(world: World) -> None:
    first, second = world.process(), world.process()
    world.source.failure = Unreachable("reset")
    with pytest.raises(Unreachable):
        await first.ask()
    world.source.failure = None
    world.clock.at += 0.1
    assert await second.ask(bypass_cache=True) == ("on sale", MISS)


async def test_a_queue_that_is_full_here_does_not_keep_others_from_asking(world: World) -> None:
    first, second = world.process(), world.process()
    world.source.failure = Overloaded("queue")
    with pytest.raises(Overloaded):
        await first.ask()
    world.source.failure = None
    assert await second.ask() == ("on sale", MISS)


async def test_a_failed_refresh_of_one_process_makes_the_old_value_stale_in_another(world: World) -> None:
    first, second = world.process(), world.process()
    await many(1, first, second)
    world.clock.at += 61.0
    world.source.failure = Unreachable("reset")
    assert await first.ask() == ("on sale", STALE)
    found = await second.find()
    assert (found.value, found.state) == ("on sale", STALE)
    assert isinstance(found.failure, Unreachable)
    assert world.source.loads == 2


async def test_what_is_newer_here_is_not_replaced_by_what_is_older_in_redis(world: World) -> None:
    process = world.process()
    await process.ask()
    world.redis.set(PIECE, sealed(CAR.encode("older"), world.clock.at - 1.0, world.clock.at - 1.0))
    world.clock.at += 61.0
    world.source.failure = Unreachable("reset")
    assert await process.ask() == ("on sale", STALE)


async def test_what_cannot_be_written_down_ends_what_it_replaces_for_the_other_processes_too(world: World) -> None:
    odd: CachePolicy[Any] = CachePolicy("car", Any, fresh_s=20.0, revalidate_s=60.0, if_error_s=600.0)
    process = world.process()

    async def load(price: int) -> dict[str, int]:
        return {"price": price}

    await process.cache.get(odd, "a", lambda: load(5), Deadline(5.0))
    assert world.redis.exists(PIECE)
    world.clock.at += 61.0
    found = await process.cache.get(odd, "a", lambda: load(10**40), Deadline(5.0))
    assert found.value == {"price": 10**40}
    assert not world.redis.exists(PIECE)


async def test_a_process_that_just_started_has_an_older_value_to_stand_in(world: World) -> None:
    await world.process().ask()
    world.clock.at += 300.0
    world.source.failure = Unreachable("reset")
    assert await world.process().ask() == ("on sale", STALE)


async def test_a_car_found_gone_by_one_process_is_not_answered_as_on_sale_by_another(world: World) -> None:
    first, second = world.process(), world.process()
    await many(1, first, second)  # both hold it as on sale
    world.clock.at += 61.0
    world.source.says = "gone"
    assert await first.ask() == ("gone", MISS)
    world.source.failure = Unreachable("reset")
    world.clock.at += 21.0
    assert await second.ask() == ("gone", UPDATING)
    world.clock.at += 61.0
    assert await second.ask() == ("gone", STALE)


async def test_a_fresh_look_that_fails_falls_back_on_what_another_process_found(world: World) -> None:
    first, second = world.process(), world.process()
    await many(1, first, second)  # both hold it as on sale
    world.clock.at += 1.0
    world.source.says = "gone"
    await first.ask(bypass_cache=True)
    world.source.failure = Unreachable("reset")
    world.clock.at += 1.0
    assert await second.ask(bypass_cache=True) == ("gone", STALE)


# Redis does what it likes


@pytest.mark.slow  # goes by a clock on the wall
async def test_a_redis_that_hangs_costs_one_time_out_and_no_answer(frail: World) -> None:
    process = frail.process(pause_s=0.3)
    await process.ask()
    frail.clock.at += 21.0
    frail.source.says = "cheaper"
    frail.server.hang()
    async with Stopwatch() as watch:
        assert await process.ask() == ("on sale", UPDATING)
    assert watch.seconds < 0.35
    await asyncio.sleep(LOAD_S + 0.02)
    assert await process.ask() == ("cheaper", HIT)
    assert process.shared.failures == 1
    frail.server.resume()
    await asyncio.sleep(0.3)
    frail.clock.at += 61.0
    assert (await process.ask())[1] is MISS
    assert (await frail.process().ask())[1] is HIT


@pytest.mark.slow  # goes by a clock on the wall
async def test_a_redis_that_dies_while_one_loads_and_another_waits_fails_neither(frail: World) -> None:
    first, second = frail.process(), frail.process()
    leader, follower = await leading(first), second.start()
    await asyncio.sleep(0.02)
    frail.server.kill()
    began = time.monotonic()
    await asyncio.sleep(0.05)
    frail.source.gate.set()
    assert [await leader, await follower] == [("on sale", MISS)] * 2
    assert time.monotonic() - began < 1.0
    assert frail.source.loads == 2  # each for itself
    assert await many(10, first, second) == [("on sale", HIT)] * 20
    frail.server.start()
    await asyncio.sleep(PAUSE_S + 0.01)
    frail.clock.at += 61.0
    assert await many(10, first, second) == [("on sale", MISS)] * 20
    assert frail.source.loads == 3


async def test_a_redis_that_was_never_there_costs_nothing(frail: World) -> None:
    frail.server.kill()
    process = frail.process(pause_s=60.0)
    assert await many(50, process) == [("on sale", MISS)] * 50
    assert frail.source.loads == 1
    assert process.shared.failures == 1


async def test_a_redis_that_is_emptied_costs_hits_only(world: World) -> None:
    first, second = world.process(), world.process()
    leader = await leading(first)
    world.redis.flushall()
    other = await leading(second)
    world.source.gate.set()
    assert [await leader, await other] == [("on sale", MISS)] * 2
    world.redis.flushall()
    assert await many(5, first, second) == [("on sale", HIT)] * 10


async def test_a_full_redis_takes_nothing_but_keeps_no_older_truth(frail: World) -> None:
    first, second = frail.process(), frail.process()
    await first.ask()
    frail.redis.config_set("maxmemory", "1")
    frail.clock.at += 61.0
    frail.source.says = "gone"
    assert await first.ask() == ("gone", MISS)
    assert not frail.redis.exists(PIECE)
    frail.source.failure = Unreachable("reset")
    with pytest.raises(Unreachable):
        await second.ask()
    assert (first.shared.up, second.shared.up) == (True, True)


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"not ours",
        b"\x04" + sealed(CAR.encode("of a later version"), time.time(), time.time())[1:],
        sealed(b"\xc1", time.time(), time.time()),
        sealed(
            CachePolicy[Any]("any", Any, fresh_s=1, revalidate_s=1, if_error_s=1).encode("no union"), *[time.time()] * 2
        ),
        sealed(CAR.encode("from the future"), time.time(), time.time() + 3_600.0),
    ],
    ids=["empty", "text", "later version", "no msgpack", "another type", "from the future"],
)
async def test_what_is_wrong_under_our_key_is_a_miss_and_is_counted_and_replaced(world: World, wrong: bytes) -> None:
    world.redis.set(PIECE, wrong)
    world.redis.set(FAILURE, b"nonsense")
    process = world.process()
    assert await process.ask() == ("on sale", MISS)
    assert process.cache.counts["car", "redis", "error"] >= 2
    assert await world.process().ask() == ("on sale", HIT)


@pytest.mark.slow  # goes by a clock on the wall
async def test_values_of_another_redis_type_under_our_keys_are_no_obstacle(world: World) -> None:
    for key in (PIECE, FAILURE, LOCK):
        world.redis.rpush(key, "a", "b")
    process = world.process()
    began = time.monotonic()
    assert await process.ask() == ("on sale", MISS)
    assert time.monotonic() - began < 1.0
    assert await world.process().ask() == ("on sale", HIT)


def put_list(redis: Any, px: int | None) -> None:
    redis.rpush(LOCK, TOKEN)
    if px is not None:
        redis.pexpire(LOCK, px)


@pytest.mark.slow  # goes by a clock on the wall
@pytest.mark.parametrize(
    "put",
    [
        lambda redis: redis.set(LOCK, TOKEN),
        lambda redis: redis.set(LOCK, TOKEN, px=LEASE_MS + 60_000),
        lambda redis: redis.set(LOCK, "somebody", px=LEASE_MS),
        lambda redis: redis.set(LOCK, "", px=LEASE_MS),
        lambda redis: redis.set(LOCK, TOKEN.upper().replace("0", "A"), px=LEASE_MS),
        lambda redis: redis.set(LOCK, TOKEN + "0", px=LEASE_MS),
        lambda redis: redis.set(LOCK, b"\xff" * 32, px=LEASE_MS),
        lambda redis: redis.set(LOCK, b"0" * 2**20, px=LEASE_MS),
        lambda redis: put_list(redis, LEASE_MS),
        lambda redis: put_list(redis, None),
    ],
    ids=[
        *("for ever", "beyond the lease", "a word", "nothing", "capitals", "too long", "no text", "huge"),
        *("a list", "a list for ever"),
    ],
)
async def test_what_no_process_of_ours_put_at_a_lock_is_waited_for_by_nobody(
    world: World, put: Callable[[Any], object]
) -> None:
    put(world.redis)
    process = world.process()
    async with Stopwatch() as watch:
        assert await process.ask() == ("on sale", MISS)
    assert watch.seconds < 1.0
    assert not world.redis.exists(LOCK)
    assert process.shared.failures == 0


@pytest.mark.slow  # goes by a clock on the wall
async def test_who_waits_for_another_process_waits_no_longer_because_redis_is_slow(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tier = redis_tier.RedisTier(world.process().shared)

    async def slowly_held(*_: object) -> bytes:
        await asyncio.sleep(0.05)
        return b"held"

    monkeypatch.setattr(tier, "_eval", slowly_held)
    async with Stopwatch() as watch, tier.lock(("car", "a", "lock"), 0.2):
        pass
    assert watch.wall_s >= 0.2
    assert watch.seconds < 0.6


def test_whoever_waits_for_another_process_has_time_left_for_an_attempt_of_its_own() -> None:
    kind: CachePolicy[str] = CachePolicy("car", str, fresh_s=1.0, revalidate_s=1.0, if_error_s=1.0)
    assert kind.load_s + ATTEMPT_S <= min(Settings().list_deadline_s, Settings().detail_deadline_s)


async def test_a_failure_from_another_version_of_the_service_is_ignored(world: World) -> None:
    body = encode_failure(Unreachable("reset")).replace(b"Unreachable", b"Unthinkable")
    world.redis.set(FAILURE, sealed(body, world.clock.at, world.clock.at))
    assert await world.process().ask() == ("on sale", MISS)


async def test_closing_leaves_no_lock_and_no_complaint(world: World, complaints: list[dict[str, Any]]) -> None:
    process = world.process()
    asked = await leading(process)
    assert world.redis.exists(LOCK)
    await process.cache.close()
    await asyncio.gather(asked, return_exceptions=True)
    assert not world.redis.exists(LOCK)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert complaints == []


# Cancels that get lost on the way, and a slow Redis


class Swallowing(RedisGuard):
    """Swallows the first cancel that comes while Redis is asked, as redis-py did it before it was guarded."""

    def __init__(self, shared: RedisGuard) -> None:
        super().__init__(shared.client)
        self.swallowed = 0

    async def run(self, what: Callable[[Any], Awaitable[Any]], otherwise: Any) -> Any:
        try:
            await asyncio.sleep(0.03)
            return await super().run(what, otherwise)
        except asyncio.CancelledError:
            if self.swallowed:
                raise
            self.swallowed += 1
            return otherwise


@pytest.mark.slow  # goes by a clock on the wall
async def test_a_renewal_that_swallows_its_cancel_holds_nobody_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_tier, "RENEW_S", 0.0)
    shared = Swallowing(world.process().shared)
    tier = redis_tier.RedisTier(shared)
    async with Stopwatch() as watch:
        async with tier.lock(("car", "a", "lock"), 1.0):
            await asyncio.sleep(0.02)
        assert shared.swallowed == 1
    assert watch.seconds < 1.0
    assert not world.redis.exists(LOCK)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_closing_ends_a_load_that_swallows_its_cancel(world: World) -> None:
    process = world.process()
    process.cache._redis = redis_tier.RedisTier(shared := Swallowing(process.shared))
    asked = process.start()
    await asyncio.sleep(0.01)
    await process.cache.close()
    assert shared.swallowed == 1
    await asyncio.gather(asked, return_exceptions=True)
    assert asyncio.all_tasks() == {asyncio.current_task()}


class SlowDoor:
    """A way to Redis on which each piece of an answer takes up to `most_s`."""

    def __init__(self, port: int, most_s: float) -> None:
        self._port, self._most_s, self._random = port, most_s, random.Random(1)
        self._open: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        return f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await cancel_and_wait(*self._open)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        to_redis, back = await asyncio.open_connection("127.0.0.1", self._port), None
        try:
            back = asyncio.create_task(self._pass(to_redis[0], writer, self._most_s))
            await self._pass(reader, to_redis[1], 0.0)
        finally:
            if back is not None:
                back.cancel()
            for each in (writer, to_redis[1]):
                each.close()
            self._open.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most_s: float) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                await asyncio.sleep(self._random.uniform(0.0, most_s))
                writer.write(data)


@pytest.mark.parametrize("pieces", [40, pytest.param(2_000, marks=pytest.mark.slow)])
async def test_no_piece_hangs_however_slow_redis_is(
    redis_server: Any, monkeypatch: pytest.MonkeyPatch, pieces: int
) -> None:
    """Its answers take about as long as is waited for them, so that every cancel comes in another moment."""
    monkeypatch.setattr(redis_tier, "RENEW_S", 0.001)

    async def load(number: int) -> str:
        await asyncio.sleep(number % 7 / 100)
        return "on sale"

    async with SlowDoor(redis_server.port, 0.05) as url:
        shareds = [RedisGuard(connect(url).client, timeout_s=0.04, pause_s=0.0) for _ in range(2)]
        caches = [StaleCache(shared) for shared in shareds]
        asked = [
            asyncio.create_task(cache.get(CAR, str(number), partial(load, number), Deadline(60.0)))
            for number in range(pieces)
            for cache in caches
        ]
        ended, late = await asyncio.wait(asked, timeout=10.0 + pieces / 20)
        assert not late
        assert {task.result().value for task in ended} == {"on sale"}
        await asyncio.sleep(0.1)
        names = {task.get_name() for task in asyncio.all_tasks()}
        assert "renew-lock" not in names
        for cache, shared in zip(caches, shareds, strict=True):
            await cache.close()
            await shared.close()


REAL = """
import asyncio, sys
from dealerproxy.transport.errors import RateLimited
from dealerproxy.cache.cache import StaleCache
from dealerproxy.contract.deadline import Deadline
from dealerproxy.cache.entries import CachePolicy
from dealerproxy.transport.redis_guard import connect

async def main(url: str) -> None:
    shared = connect(url)
    cache = StaleCache(shared)
    kind = CachePolicy("car", str, fresh_s=20.0, revalidate_s=60.0, if_error_s=600.0)

    async def load(failing: bool) -> str:
        await shared.client.incr("loads of " + ("failures" if failing else "values"))
        await asyncio.sleep(0.5)
        if failing:
            raise RateLimited("429", 7.0)
        return "on sale"

    await shared.client.incr("ready")
    while int(await shared.client.get("ready")) < 3:
        await asyncio.sleep(0.01)
    for failing in (False, True):
        key = "b" if failing else "a"
        asked = [cache.get(kind, key, lambda: load(failing), Deadline(10.0)) for _ in range(50)]
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        print(sorted({str(getattr(outcome, "value", outcome)) for outcome in outcomes}))
    await cache.close()
    await shared.close()

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.slow
def test_three_real_processes_load_once_and_fail_once(redis_server: Any) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", REAL, redis_server.url], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = [process.communicate(timeout=60)[0] for process in started]
    assert said == ["['on sale']\n['429']\n"] * 3
    client: Any = redis_server.client
    assert (client.get("loads of values"), client.get("loads of failures")) == (b"1", b"1")
