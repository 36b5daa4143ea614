"""Anything may be in Redis under the service's keys: it is a miss, and never an error or a word nobody knows."""

import random
import struct
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from dealerproxy.cache.entries import _family, sealed
from dealerproxy.sandbox.faults import RateLimited
from dealerproxy.transport.errors import UpstreamError
from dealerproxy.transport.redis_guard import PREFIX
from tests.reliability.conftest import Build, FaultHarness

LIST = "/v1/vehicles?make=Kia"
CODES = {kind.code for kind in _family(UpstreamError).values()} | {"refreshing"}

Junk = Callable[[random.Random, bytes], object]


def replaced(draw: random.Random, _: bytes) -> bytes:
    return draw.randbytes(draw.choice((0, 1, 17, 300, 70_000)))


def damaged(draw: random.Random, before: bytes) -> bytes:
    """What stood there with a few other bytes."""
    after = bytearray(before or b"\0")
    for _ in range(draw.randint(1, 4)):
        after[draw.randrange(len(after))] = draw.randrange(256)
    return bytes(after)


def cut(draw: random.Random, before: bytes) -> bytes:
    return before[: draw.randint(0, len(before))]


def another_body(draw: random.Random, before: bytes) -> bytes:
    """Another message in the right form."""
    shapes: Sequence[object] = (
        None,
        [],
        {},
        ["Drift", [], {}],
        ["Drift", "a", None, None, 5],
        ["Suspended", "a", 5.0, None, "wicked"],
        ["Wicked", "a", 5.0, None, ""],
        ["ServerFault", "a", 1e300, None, ""],
        ["ServerFault", "a", float("nan"), None, ""],
        ["ServerFault", "a", None, "../../etc/passwd", ""],
        ["ServerFault", "a" * 70_000, None, None, ""],
        ["", {"age_s": -1}],
    )
    at = time.time() if len(before) < 17 else struct.unpack("!d", before[1:9])[0]
    return sealed(msgspec.msgpack.encode(draw.choice(shapes)), at, at)


def a_standing(draw: random.Random, _: bytes) -> bytes:
    number: object = draw.choice((-1, 0, 3, 1e300, "3", None, [], {}))
    names = ("level", "reason", "since", "retry_at")
    return msgspec.json.encode({name: draw.choice((number, 2, "blocked", "wicked")) for name in names})


JUNK: Sequence[Junk] = (replaced, damaged, cut, another_body, a_standing)


def spoil(redis: Any, draw: random.Random) -> None:
    """Put something else under every key of the service."""
    for key in redis.keys(f"{PREFIX}:*"):
        before = redis.get(key) if redis.type(key) == b"string" else b""
        redis.delete(key)
        kind = draw.randrange(len(JUNK) + 3)
        if kind < len(JUNK):
            redis.set(key, JUNK[kind](draw, before or b""), px=draw.choice((50, 1_000, 10**9)))
        elif kind == len(JUNK):
            redis.rpush(key, "a", b"\xff")
        elif kind == len(JUNK) + 1:
            redis.hset(key, "a", "b")
        else:
            redis.zadd(key, {"a": 1.0})


def reasons(body: Any) -> set[str | None]:
    """The reasons an answer gives; the sources of facets are plain names."""
    told = body.get("error", {}).get("details", body)
    sources = told.get("meta", told).get("sources", ())
    return {source.get("reason") for source in sources if isinstance(source, dict)}


async def answers(house: FaultHarness, path: str, draw: random.Random) -> int:
    status, _, body = await house.get(path, **{"Cache-Control": draw.choice(("no-cache", "max-age=60"))})
    assert status in {200, 503}, body
    assert reasons(body) <= CODES | {None}
    for circuit in (await house.get("/v1/upstreams"))[2]["data"]:
        assert {operation["reason"] for operation in circuit["operations"].values()} <= CODES | {None, "slow"}
    return status


@pytest.mark.parametrize(
    ("seed", "rounds"), [(1, 8), *(pytest.param(seed, 30, marks=pytest.mark.slow) for seed in (2, 3))]
)
async def test_whatever_is_under_its_keys_every_request_is_answered_with_known_words(
    build: Build, frail_redis: Any, seed: int, rounds: int
) -> None:
    draw, redis = random.Random(seed), frail_redis.client
    writes = await build(redis_url=frail_redis.url)
    reads = await build(redis_url=frail_redis.url, **writes.urls)
    paths = (LIST, f"/v1/vehicles/{writes.ids('encar')[0]}", "/v1/vehicles/facets")
    for number in range(rounds):
        for house in (writes, reads):
            house.clock.ahead_s += 1_000.0
        if number % 4 == 3:  # so that there are failures and suspensions to spoil
            writes.faults.add(RateLimited(operation="search", retry_after=1))
        for house in (writes, reads):
            for path in paths:
                await answers(house, path, draw)
            spoil(redis, draw)
        writes.faults.clear()
    redis.flushall()
    await writes.reset()
    assert await answers(writes, LIST, draw) == 200
