"""The valve of a site: pauses and the calls of a day, in one process and in several that share a Redis."""

import asyncio
import math
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy.transport import redis_guard
from dealerproxy.transport.errors import Closed, DailyBudget, Paused
from dealerproxy.transport.redis_guard import RedisGuard, connect
from dealerproxy.transport.valve import MOST_MINUTES, REFRESH_S, Valve, Valves
from tests.support.clock import Clock
from tests.support.redis_server import RedisServer

NOON = datetime.fromisoformat("2026-04-15T12:00:00+09:00").timestamp()
MIDNIGHT_S = 12 * 3_600.0
LANES = [False, True]


async def later(valve: Valve, clock: Clock) -> Valve:
    """The valve when it next looks at what other processes did."""
    clock.at += REFRESH_S
    await valve.refresh()
    return valve


class World:
    """Valves by one clock, which starts at noon in Seoul."""

    def __init__(self) -> None:
        self.clock = Clock()
        self._ahead_s = NOON - self.clock.at

    def unix(self) -> float:
        return self.clock.at + self._ahead_s

    def valve(self, shared: RedisGuard | None = None, **limits: int) -> Valve:
        """Make the valve of a process; one with a Redis goes by the real time of day, as that does."""
        unix = self.unix if shared is None else time.time
        return Valve("encar", shared=shared, clock=self.clock, unix=unix, **limits)


@pytest.fixture
def world() -> World:
    return World()


async def granted(valve: Valve, tries: int, *, background: bool = False) -> int:
    """How many of so many calls may be sent."""
    count = 0
    for _ in range(tries):
        try:
            await valve.take(background=background)
        except Closed:
            continue
        count += 1
    return count


async def refusal(valve: Valve, *, background: bool = False) -> Closed:
    with pytest.raises(Closed) as caught:
        await valve.take(background=background)
    return caught.value


# One process


@pytest.mark.parametrize("background", LANES)
async def test_a_pause_lets_no_call_out_and_ends_by_itself(world: World, background: bool) -> None:
    valve = world.valve()
    await valve.pause(30, "they asked us to")
    world.clock.at += 600.0
    error = await refusal(valve, background=background)
    assert (type(error), error.code, error.retry_after_s) == (Paused, "paused", 1_200.0)
    assert valve.state().pause == (NOON, NOON + 1_800.0, "they asked us to")
    world.clock.at += 1_200.0
    assert await granted(valve, 3, background=background) == 3
    assert valve.state().pause is None


async def test_a_resume_ends_a_pause_and_a_later_pause_replaces_it(world: World) -> None:
    valve = world.valve()
    await valve.pause(60, "long")
    await valve.pause(1, "short")
    assert (await refusal(valve)).retry_after_s == 60.0
    await valve.resume()
    assert await granted(valve, 1) == 1
    await valve.resume()  # without a pause there is nothing to do
    assert await granted(valve, 1) == 1


@pytest.mark.parametrize(
    ("most", "background"), [(1, 1), (2, 2), (3, 3), (4, 4), (5, 4), (6, 5), (10, 8), (99, 80), (100, 80)]
)
async def test_background_calls_stop_at_80_percent_and_all_calls_at_100(
    world: World, most: int, background: int
) -> None:
    valve = world.valve(daily_calls=most)
    assert await granted(valve, 200, background=True) == background
    error = await refusal(valve, background=True)
    assert (type(error), error.code, error.retry_after_s) == (DailyBudget, "daily_budget", MIDNIGHT_S)
    assert (valve.closed() is None) == (most > background)
    assert await granted(valve, 200) == most - background
    assert type(await refusal(valve)) is DailyBudget
    state = valve.state()
    assert (state.calls, state.most, state.day_ends_at) == (most, most, NOON + MIDNIGHT_S)


async def test_without_a_bound_every_call_is_counted_and_may_be_sent(world: World) -> None:
    valve = world.valve()
    assert await granted(valve, 50) == 50
    assert (valve.state().calls, valve.state().most) == (50, 0)


@pytest.mark.parametrize("background", LANES)
async def test_a_day_ends_at_midnight_in_seoul_and_not_at_that_of_any_other_place(
    world: World, background: bool
) -> None:
    valve = world.valve(daily_calls=1)
    assert await granted(valve, 2, background=background) == 1
    for _ in range(11):  # midnight in London and elsewhere
        world.clock.at += 3_600.0
        assert await granted(valve, 1, background=background) == 0
    world.clock.at += 3_599.0
    assert (await refusal(valve, background=background)).retry_after_s == pytest.approx(1.0)
    world.clock.at += 1.0
    assert valve.state().calls == 0
    assert await granted(valve, 2, background=background) == 1
    assert (await refusal(valve, background=background)).retry_after_s == pytest.approx(86_400.0)


async def test_a_pause_that_lasts_over_midnight_is_told_before_the_calls_of_the_day(world: World) -> None:
    valve = world.valve(daily_calls=1)
    await valve.take(background=False)
    await valve.pause(MOST_MINUTES, "")
    assert type(await refusal(valve)) is Paused
    world.clock.at += MIDNIGHT_S
    assert type(await refusal(valve)) is Paused


@given(most=st.integers(1, 60), processes=st.integers(1, 8))
async def test_without_redis_processes_together_send_no_more_than_the_bound_allows(most: int, processes: int) -> None:
    world = World()
    valves = [world.valve(daily_calls=most, processes=processes) for _ in range(processes)]
    sent = [await granted(valve, most) for valve in valves]
    assert all(each == math.ceil(most / processes) for each in sent)


def test_the_valves_of_a_process_are_made_once_and_tell_which_are_closed() -> None:
    valves = Valves({"encar": 5, "danawa": 0})
    assert [*valves] == ["encar", "danawa"]
    assert valves["encar"] is valves["encar"]
    assert (valves["encar"].state().most, valves["danawa"].state().most, valves["fx"].state().most) == (5, 0, 0)
    asyncio.run(valves["danawa"].pause(1, ""))
    assert valves.closed() == {"danawa"}


# Processes that share a Redis

Shares = Callable[[], RedisGuard]


@pytest.fixture
async def share(redis_server: RedisServer) -> Any:
    """Connect a process to Redis."""
    opened: list[RedisGuard] = []

    def connected() -> RedisGuard:
        opened.append(connect(redis_server.url))
        return opened[-1]

    yield connected
    for each in opened:
        await each.close()


async def test_what_one_process_is_told_holds_for_the_next_call_of_another(world: World, share: Shares) -> None:
    first, second = world.valve(share()), world.valve(share())
    assert await granted(second, 1) == 1
    await first.pause(30, "why")
    error = await refusal(second)  # though it looked just now
    assert isinstance(error, Paused)
    assert error.retry_after_s == pytest.approx(1_800.0, abs=60.0)
    assert second.state().pause is not None
    await second.resume()
    assert await granted(await later(first, world.clock), 1) == 1


async def test_of_calls_that_ask_at_once_none_is_sent_in_a_pause_that_the_first_learns_of(
    world: World, share: Shares
) -> None:
    first, second = (world.valve(share()) for _ in range(2))
    assert await granted(second, 1) == 1
    await first.pause(30, "why")
    assert sum(await asyncio.gather(*(granted(second, 1) for _ in range(5)))) == 0


async def test_a_call_that_waits_for_redis_is_not_sent_in_a_pause_that_is_ordered_meanwhile(
    world: World, share: Shares
) -> None:
    valve = world.valve(share())
    asked = [asyncio.create_task(granted(valve, 1)) for _ in range(3)]
    await asyncio.sleep(0)  # the first is at Redis, the others wait for it
    await valve.pause(30, "why")
    assert await asyncio.gather(*asked) == [1, 0, 0]


async def test_a_process_that_calls_nothing_learns_of_a_pause_when_it_looks(world: World, share: Shares) -> None:
    first, second = world.valve(share()), world.valve(share())
    await second.refresh()
    await first.pause(30, "why")
    assert second.closed() is None
    assert isinstance((await later(second, world.clock)).closed(), Paused)


async def test_those_who_look_at_once_look_once(world: World, share: Shares, redis_server: RedisServer) -> None:
    valve = world.valve(share())
    await valve.pause(30, "why")
    world.clock.at += REFRESH_S
    before = looks(redis_server)
    await asyncio.gather(*(valve.refresh() for _ in range(50)))
    assert looks(redis_server) == before + 1
    assert not valve.outdated


def looks(redis_server: RedisServer) -> int:
    """How often Redis was looked at."""
    calls: int = redis_server.client.info("commandstats")["cmdstat_eval"]["calls"]
    return calls


async def test_a_pause_and_the_calls_of_the_day_outlast_a_restart(world: World, share: Shares) -> None:
    before = world.valve(share(), daily_calls=10)
    assert await granted(before, 7) == 7
    await before.pause(30, "why <so>")
    after = world.valve(share(), daily_calls=10)
    await after.refresh()
    pause = after.state().pause
    assert (pause and pause.note, after.state().calls) == ("why <so>", 7)
    await after.resume()
    assert await granted(after, 10) == 3


async def test_processes_that_call_at_once_together_send_as_many_as_the_bound_allows(
    world: World, share: Shares
) -> None:
    valves = [world.valve(share(), daily_calls=50, processes=3) for _ in range(3)]
    assert sum(await asyncio.gather(*(granted(valve, 30) for valve in valves))) == 50
    assert sum(await asyncio.gather(*(granted(valve, 1, background=True) for valve in valves))) == 0


async def test_the_calls_of_another_day_do_not_count(world: World, share: Shares, redis_server: RedisServer) -> None:
    valve = world.valve(share(), daily_calls=5)
    assert await granted(valve, 9) == 5
    (key,) = redis_server.client.keys("*:calls:*")
    day, calls = redis_server.client.get(key).split(b":")
    assert calls == b"5"
    redis_server.client.set(key, b"%d:5" % (int(day) - 1))
    fresh = world.valve(share(), daily_calls=5)
    assert await granted(fresh, 9) == 5
    assert redis_server.client.get(key) == day + b":5"


async def test_a_redis_that_lost_everything_is_told_again(
    world: World, share: Shares, redis_server: RedisServer
) -> None:
    first, second = world.valve(share(), daily_calls=10), world.valve(share(), daily_calls=10)
    assert await granted(first, 6) == 6
    await first.pause(30, "why")
    redis_server.client.flushall()
    await later(first, world.clock)
    assert isinstance(await refusal(second), Paused)
    await second.resume()
    assert await granted(second, 10) == 4


async def test_without_redis_a_pause_holds_here_and_is_told_when_redis_is_back(
    world: World, frail_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_guard, "TIMEOUT_S", 10.0)
    guards = [connect(frail_redis.url, pause_s=0.0) for _ in range(2)]
    first, second = (world.valve(guard, daily_calls=10) for guard in guards)
    assert await granted(first, 2) == 2
    frail_redis.kill()
    await first.pause(30, "why")
    assert isinstance(await refusal(first), Paused)
    assert await granted(second, 1) == 1
    frail_redis.start()
    await later(first, world.clock)
    assert isinstance(await refusal(second), Paused)
    await first.resume()
    # Of the three calls none is forgotten: the first process knew of two, the second made one.
    assert await granted(await later(second, world.clock), 10) == 7
    for guard in guards:
        await guard.close()


PAUSE, CALLS = "dealerproxy:1:pause:encar", "dealerproxy:1:calls:encar"
LONG = b'{"since":0,"until":99999999999,"note":"x"}'


@pytest.mark.parametrize("key", [PAUSE, CALLS])
@pytest.mark.parametrize(
    "value",
    [
        *(b"", b"x", b"\xff\x00", b"{", b"[]", b"null", b"1:2:3", b"-1:-1", b"99999999:1", b"x" * 5_000, b"nan:nan"),
        *(b'{"since":-1,"until":1e300,"note":1}', b'{"since":0,"until":NaN}', b'{"since":0,"until":1e10,"note":5}'),
    ],
    ids=range(14),
)
async def test_values_that_no_valve_wrote_close_nothing(
    world: World, share: Shares, redis_server: RedisServer, key: str, value: bytes
) -> None:
    redis_server.client.set(key, value)
    valve = world.valve(share(), daily_calls=10)
    assert await granted(valve, 12) == 10
    await valve.pause(30, "why")
    assert isinstance(await refusal(world.valve(share())), Paused)


@pytest.mark.parametrize("key", [PAUSE, CALLS])
async def test_values_of_another_type_close_nothing(
    world: World, share: Shares, redis_server: RedisServer, key: str
) -> None:
    redis_server.client.lpush(key, "x")
    valve = world.valve(share(), daily_calls=10)
    assert await granted(valve, 12) == 10
    await valve.pause(30, "why")
    assert isinstance(await refusal(world.valve(share())), Paused)


async def test_a_stored_pause_lasts_no_longer_than_a_pause_can(
    world: World, share: Shares, redis_server: RedisServer
) -> None:
    redis_server.client.set(PAUSE, LONG)
    valve = world.valve(share())
    assert (await refusal(valve)).retry_after_s == pytest.approx(60.0 * MOST_MINUTES, abs=1.0)
    await valve.resume()
    assert await granted(valve, 1) == 1
