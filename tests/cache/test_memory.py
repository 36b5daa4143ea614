"""Memory with a bound: what was not used for longest goes first, what expired is passed over, no timer ever runs."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy.cache.memory import ENTRY_BYTES, BoundedMemory
from tests.support.clock import Clock


def memory(entries: int = 3, clock: Clock | None = None) -> BoundedMemory:
    """Room for so many small values; a number weighs what it says."""
    return BoundedMemory(max_bytes=entries * (ENTRY_BYTES + 10), weigh=int, clock=clock or Clock(100.0))


async def kept(cache: BoundedMemory, names: str) -> str:
    return "".join([name for name in names if await cache.get(name) is not None])


async def test_a_value_is_given_back_as_it_is() -> None:
    value = object()
    cache = BoundedMemory(max_bytes=10_000, weigh=lambda _: 1)
    await cache.set("a", value, ttl=60.0)
    assert await cache.get("a") is value
    assert await cache.get("b", "default") == "default"
    assert await cache.multi_get(["a", "b"]) == [value, None]


async def test_what_was_not_used_for_longest_goes_first() -> None:
    cache = memory(entries=3)
    for name in "abc":
        await cache.set(name, 10)
    await cache.get("a")
    await cache.set("d", 10)
    assert await kept(cache, "abcd") == "acd"


async def test_a_heavy_value_takes_the_place_of_several() -> None:
    cache = memory(entries=3)
    for name in "abc":
        await cache.set(name, 10)
    await cache.set("d", ENTRY_BYTES + 20)
    assert await kept(cache, "abcd") == "cd"
    assert cache.size == 2 * ENTRY_BYTES + ENTRY_BYTES + 30


async def test_a_value_that_is_set_again_counts_once() -> None:
    cache = memory()
    for weight in (10, 3, 7):
        await cache.set("a", weight)
    assert (len(cache), cache.size) == (1, ENTRY_BYTES + 7)


async def test_a_value_larger_than_everything_is_not_kept_and_leaves_no_older_one() -> None:
    cache = memory(entries=1)
    await cache.set("a", 10)
    assert await cache.set("a", 11) is False
    assert await kept(cache, "a") == ""
    assert cache.size == 0


async def test_a_value_expires_after_its_time_without_any_timer() -> None:
    clock = Clock(100.0)
    cache = memory(clock=clock)
    await cache.set("a", 1, ttl=5.0)
    await cache.set("b", 1)
    assert not asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
    clock.at += 4.9
    assert await kept(cache, "ab") == "ab"
    clock.at += 0.1
    assert await kept(cache, "ab") == "b"
    assert len(cache) == 1


async def test_a_time_that_is_over_already_takes_away_what_was_there() -> None:
    cache = memory()
    await cache.set("a", 1)
    await cache.set("a", 2, ttl=0.0)
    assert await kept(cache, "a") == ""


async def test_deleting_says_whether_there_was_something() -> None:
    cache = memory()
    await cache.set("a", 1)
    assert (await cache.delete("a"), await cache.delete("a")) == (1, 0)
    assert await kept(cache, "a") == ""


async def test_setting_one_key_again_and_again_leaves_nothing_behind() -> None:
    cache = memory()
    for _ in range(2_000):
        await cache.set("a", 1, ttl=60.0)
    assert len(cache) == 1
    assert len(vars(cache._entries)["_TLRUCache__order"]) < 10


async def test_what_it_was_not_made_for_is_refused_rather_than_done_wrong() -> None:
    with pytest.raises(NotImplementedError):
        await memory().increment("a")


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from("abcd"),
        st.one_of(st.none(), st.integers(1, 2 * ENTRY_BYTES)),
        st.floats(0.0, 20.0),
        st.floats(0.0, 10.0),
    ),
    max_size=30,
)


@given(ACTIONS)
async def test_it_never_holds_more_than_its_bound_nor_anything_but_the_last_value(actions: list[Any]) -> None:
    clock = Clock(100.0)
    cache = memory(entries=3, clock=clock)
    said: dict[str, tuple[int, float]] = {}
    for name, weight, ttl, later in actions:
        if weight is None:
            await cache.delete(name)
            said.pop(name, None)
        else:
            await cache.set(name, weight, ttl=ttl)
            said[name] = (weight, clock.at + ttl)
        clock.at += later
        assert cache.size <= 3 * (ENTRY_BYTES + 10)
        for other in "abcd":
            value = await cache.get(other)
            weight_said, until = said.get(other, (0, 0.0))
            assert value is None or (value == weight_said and clock.at < until)
