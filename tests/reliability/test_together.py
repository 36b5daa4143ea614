"""Many askers, and several processes around one Redis: one question is one call, and what one learns all know."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import aiohttp
import pytest

from dealerproxy.cache.redis_tier import LEASE_S
from dealerproxy.sandbox.faults import Block, Latency, RateLimited
from dealerproxy.transport.circuit import JITTER, LADDER_S
from dealerproxy.transport.health import REFRESH_S
from dealerproxy.transport.redis_guard import TIMEOUT_S
from dealerproxy.upstreams.danawa import stock as danawa_list
from tests.reliability.conftest import Answer, Build, Service, Sites, StartService
from tests.support.harness import read_anew
from tests.support.timing import Stopwatch

CROWD = 100
LIST = "/v1/vehicles?make=Kia&upstream=encar"
SLOW = Latency(ms=200)


async def crowd(ask: Callable[[], Awaitable[Answer]], size: int = CROWD) -> list[Answer]:
    return await asyncio.gather(*(ask() for _ in range(size)))


def one_and_the_same(answers: list[Answer], status: int) -> Any:
    """The body all of them have, but for ages, an error's request id and the second it tells to come back."""
    assert {answer[0] for answer in answers} == {status}
    if status == 200:
        bodies = [body for _, _, body in answers]
        for source in itertools.chain.from_iterable(body.get("sources", ()) for body in bodies):
            del source["age_s"]  # the answers are not all of one moment
    else:
        bodies = [body["error"] | {"request_id": ""} for _, _, body in answers]
        for source in itertools.chain.from_iterable(body["details"]["sources"] for body in bodies):
            assert (source.pop("retry_at") is None) == (source["status"] == "skipped")
    assert all(body == bodies[0] for body in bodies)
    return bodies[0]


# In one process


async def test_a_hundred_questions_for_a_list_at_once_ask_the_site_once(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(danawa_list, "WAIT_S", 20.0)
    house = await build()
    house.faults.add(SLOW)
    read_anew(house.client.app)
    body = one_and_the_same(await crowd(lambda: house.get("/v1/vehicles?make=Kia")), 200)
    assert len(body["data"]) == 10
    # Of a listing the page behind the last one is read as well.
    assert (house.asked("search"), house.asked("danawa_list")) == (1, 2)


async def test_a_hundred_questions_for_a_car_at_once_ask_for_each_document_once(build: Build) -> None:
    house = await build()
    house.faults.add(SLOW)
    car = house.ids("encar")[0]
    body = one_and_the_same(await crowd(lambda: house.get(f"/v1/vehicles/{car}")), 200)
    assert body["inspection_report"] is not None
    assert [house.asked(each) for each in ("detail", "page", "inspection", "record", "diagnosis")] == [1, 0, 1, 1, 0]


@pytest.mark.parametrize("path", [LIST, "/v1/vehicles?make=Kia&upstream=danawa", "car"])
async def test_a_failure_is_shared_by_all_who_wait_for_it(build: Build, path: str) -> None:
    house = await build()
    house.faults.add(Block(status=403), SLOW)
    if path.endswith("danawa"):
        read_anew(house.client.app)
    told = await crowd(lambda: house.get(f"/v1/vehicles/{house.ids('encar')[0]}" if path == "car" else path))
    assert "blocked" in {source["reason"] for source in one_and_the_same(told, 503)["details"]["sources"]}
    sent = [call for call in (*house.encar.calls, *house.danawa.calls) if call.operation != "truck_search"]
    assert len(sent) == (2 if path == "car" else 1)  # a car has two witnesses


# Processes around one Redis


class Pair:
    """Two services, and ways to ask both."""

    def __init__(self, first: Service, second: Service) -> None:
        self.first, self.second = first, second

    async def crowd(self, path: str) -> list[Answer]:
        """Ask each of them, half of the crowd."""
        halves = (crowd(partial(each.get, path), CROWD // 2) for each in (self.first, self.second))
        return [answer for half in await asyncio.gather(*halves) for answer in half]


async def start_pair(service: StartService, **settings: object) -> Pair:
    """Start two services, and wait until both have Danawa's list: before that, questions for its cars wait for it."""
    pair = Pair(*await asyncio.gather(service(**settings), service(**settings)))
    await asyncio.gather(pair.first.list_read(), pair.second.list_read())
    return pair


@pytest.fixture
async def pair(service: StartService, frail_redis: Any) -> Pair:
    return await start_pair(service, redis_url=frail_redis.url)


def reasons(answer: Answer) -> set[str]:
    """Why the sites that were asked failed."""
    sources = answer[2]["error"]["details"]["sources"]
    return {source["reason"] for source in sources if source["status"] == "failed"}


@pytest.mark.slow
async def test_a_hundred_questions_to_two_processes_are_one_call_and_so_is_a_failure(sites: Sites, pair: Pair) -> None:
    sites.faults.add(SLOW)
    assert len(one_and_the_same(await pair.crowd(LIST), 200)["data"]) == 2
    assert sites.asked("search") == 1
    sites.faults.add(Block(operation="search"))
    failure = one_and_the_same(await pair.crowd("/v1/vehicles?make=BMW&upstream=encar"), 503)
    assert failure["details"]["sources"][0]["reason"] == "blocked"
    assert sites.asked("search") == 2


@pytest.mark.slow
async def test_a_car_asked_for_in_two_processes_is_one_call_for_each_document(sites: Sites, pair: Pair) -> None:
    sites.faults.add(SLOW)
    one_and_the_same(await pair.crowd(f"/v1/vehicles/{sites.ids('encar')[0]}"), 200)
    assert [sites.asked(each) for each in ("detail", "page", "inspection", "record", "diagnosis")] == [1, 0, 1, 1, 0]


@pytest.mark.slow
async def test_when_redis_dies_in_between_everybody_is_answered(sites: Sites, pair: Pair, frail_redis: Any) -> None:
    sites.faults.add(Latency(operation="search", ms=800))
    asking = asyncio.create_task(pair.crowd(LIST))
    await sites.wait_for("search")
    await asyncio.sleep(0.1)  # the other process waits for the first by now
    frail_redis.kill()
    began = time.monotonic()
    assert len(one_and_the_same(await asking, 200)["data"]) == 2
    assert sites.asked("search") == 2  # each of them goes on alone
    assert time.monotonic() - began < 0.8 + 0.2 + 0.5


@pytest.mark.slow
async def test_what_one_process_suffers_the_other_does_not_try_nor_a_new_one_nor_the_same_again(
    sites: Sites, pair: Pair, service: StartService, frail_redis: Any
) -> None:
    sites.faults.add(Block(operation="search"))
    assert reasons(await pair.first.get(LIST)) == {"blocked"}
    assert sites.asked("search") == 1
    await asyncio.sleep(REFRESH_S)
    other = "/v1/vehicles?make=BMW&upstream=encar"
    assert reasons(await pair.second.get(other)) == {"suspended"}
    assert await pair.second.state("encar", "search") == "suspended"
    assert await pair.first.stop() == 0
    restarted = await service(redis_url=frail_redis.url)
    assert reasons(await restarted.get(other.replace("BMW", "Audi"))) == {"suspended"}
    assert sites.asked("search") == 1

    sites.faults.clear()
    assert (await pair.second.post("/v1/upstreams/encar/reset"))[0] == 200
    await asyncio.sleep(REFRESH_S)
    for each in (pair.second, restarted):
        assert await each.state("encar", "search") == "healthy"
        assert (await each.get(LIST))[0] == 200


@pytest.mark.slow
async def test_a_suspended_operation_is_one_operation_in_both_processes(sites: Sites, pair: Pair) -> None:
    sites.faults.add(Block(operation="search"))
    await pair.first.get(LIST)
    await asyncio.sleep(REFRESH_S)
    status, headers, body = await pair.second.get("/v1/vehicles?make=Kia")
    assert (status, len(body["data"]), headers["X-LMN-Partial-Dealer-Unavailable"]) == (200, 8, "encar")
    assert (await pair.second.get(f"/v1/vehicles/{sites.ids('encar')[0]}"))[0] == 200


@pytest.mark.slow
async def test_when_a_suspension_is_over_one_call_of_both_processes_finds_out(sites: Sites, pair: Pair) -> None:
    sites.faults.add(RateLimited(operation="search", retry_after=1))
    assert reasons(await pair.first.get(LIST)) == {"rate_limited"}
    sites.faults.clear()
    sites.faults.add(Latency(operation="search", ms=1500))  # so that all ask before it is answered
    await asyncio.sleep(LADDER_S[0] * (1 + JITTER) + 0.1)
    different = (f"{LIST}&mileage_max_km={km}" for km in range(50_000, 50_000 + CROWD))
    asked = (each.get(path) for each, path in zip(itertools.cycle((pair.first, pair.second)), different, strict=False))
    answers = await asyncio.gather(*asked)
    assert sites.asked("search") == 2
    assert Counter(status for status, _, _ in answers) == {200: 1, 503: CROWD - 1}
    assert {reason for answer in answers if answer[0] == 503 for reason in reasons(answer)} == {"suspended"}
    for each in (pair.first, pair.second):
        await asyncio.sleep(REFRESH_S)
        assert (await each.get(LIST))[0] == 200


@pytest.mark.slow
async def test_when_the_process_that_asks_is_killed_the_other_asks(sites: Sites, pair: Pair) -> None:
    sites.faults.add(Latency(operation="search", ms=500))
    for_nobody = asyncio.create_task(pair.first.get(LIST))
    await sites.wait_for("search")
    asking = asyncio.create_task(crowd(partial(pair.second.get, LIST)))
    await asyncio.sleep(0.1)
    pair.first.process.kill()
    began = time.monotonic()
    assert len(one_and_the_same(await asking, 200)["data"]) == 2
    assert time.monotonic() - began < LEASE_S + 0.5 + 0.5
    assert sites.asked("search") == 2
    with pytest.raises(aiohttp.ClientError):
        await for_nobody


# Redis in trouble, and both processes under load

STEADY_S = 1.0


class Load:
    """Askers of both processes, each with one question after another: lists anew and again, and cars."""

    def __init__(self, pair: Pair, sites: Sites) -> None:
        self.took: list[float] = []
        self.statuses: Counter[int] = Counter()
        lists = (f"/v1/vehicles?make=Kia&price_max_usd={price}" for price in range(30_000, 30_400))
        self._paths = itertools.cycle(
            [path for each in lists for path in (each, LIST, f"/v1/vehicles/{sites.ids('encar')[0]}")]
        )
        self._askers = [asyncio.create_task(self._ask(each)) for each in (pair.first, pair.second) for _ in range(4)]

    async def _ask(self, service: Service) -> None:
        while True:
            async with Stopwatch() as watch:
                status, _, _ = await service.get(next(self._paths))
            self.took.append(watch.seconds)
            self.statuses[status] += 1
            await asyncio.sleep(0.01)

    async def end(self) -> None:
        for asker in self._askers:
            asker.cancel()
        await asyncio.gather(*self._askers, return_exceptions=True)


async def paused(redis: Any) -> None:
    redis.hang()
    await asyncio.sleep(2.5)
    redis.resume()


async def killed(redis: Any) -> None:
    redis.kill()
    await asyncio.sleep(1.5)


async def restarted(redis: Any) -> None:
    for _ in range(3):
        redis.kill()
        await asyncio.sleep(0.1)
        await asyncio.to_thread(redis.start)
        await asyncio.sleep(0.5)


async def emptied(redis: Any) -> None:
    for _ in range(50):
        redis.client.flushall()
        await asyncio.sleep(0.03)


async def full(redis: Any) -> None:
    redis.client.config_set("maxmemory", 1)
    await asyncio.sleep(1.5)
    redis.client.config_set("maxmemory", 0)


@pytest.mark.slow
@pytest.mark.parametrize("trouble", [paused, killed, restarted, emptied, full])
async def test_trouble_with_redis_costs_a_time_out_at_most_and_no_answer(
    sites: Sites, service: StartService, frail_redis: Any, trouble: Callable[[Any], Awaitable[None]]
) -> None:
    pair = await start_pair(service, redis_url=frail_redis.url, list_fresh_s=0.2, detail_fresh_s=0)
    load = Load(pair, sites)
    await asyncio.sleep(STEADY_S)
    calm = max(load.took[len(load.took) // 2 :])
    before = len(load.took)
    await trouble(frail_redis)
    await asyncio.sleep(STEADY_S)
    await load.end()
    print(
        trouble.__name__,
        load.statuses,
        before,
        len(load.took),
        "calm",
        calm,
        "slowest",
        sorted(load.took[before:])[-5:],
    )
    assert set(load.statuses) == {200}
    assert max(load.took[before:]) < calm + TIMEOUT_S + 0.2
    assert trouble is killed or frail_redis.client.dbsize()  # it is made use of again
    assert not any("Traceback" in line for each in (pair.first, pair.second) for line in each.lines)
