"""A stock in a real Redis: one process reads, all use it, and Redis may go away or hold anything."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from structlog.testing import capture_logs

from dealerproxy.stock import shared as stocks
from dealerproxy.stock.keeping import running
from dealerproxy.stock.shared import ALONE_S, PART_BYTES, SharedStock
from dealerproxy.stock.shelf import USABLE_S
from dealerproxy.stock.store import Note
from dealerproxy.transport.redis_guard import RedisGuard, connect
from dealerproxy.vehicles.car import SaleStatus
from tests.stock.stocks import SITE, UNKNOWN, Process, numbers_of, reading_of
from tests.support.clock import Clock
from tests.support.redis_server import RedisServer

REDIS_TIME = 1_700_000_000.0
LEASE = f"dealerproxy:1:stock:lease:{SITE}"
INDEX = f"dealerproxy:1:stock:index:{SITE}"
STREAM = f"dealerproxy:1:stock:off-sale:{SITE}"
ASKED = f"dealerproxy:1:stock:asked:{SITE}"


class Fleet:
    """Processes that share a Redis; each has a clock that started at another time."""

    def __init__(self, server: RedisServer) -> None:
        self.server, self.redis_clock = server, Clock(REDIS_TIME)
        self._guards: list[RedisGuard] = []
        self._clocks: list[Clock] = []

    def process(self, at: float = 50.0) -> Process:
        clock = Clock(at)
        guard = connect(self.server.url)
        guard = RedisGuard(guard.client, timeout_s=2.0, clock=clock, time_of=self.redis_clock.of_redis)
        self._guards.append(guard)
        self._clocks.append(clock)
        return Process(SharedStock(SITE, guard, clock), clock)

    async def started(self, at: float = 50.0) -> Process:
        process = self.process(at)
        await process.keeping.sync()
        return process

    def wait(self, seconds: float) -> None:
        for clock in (self.redis_clock, *self._clocks):
            clock.at += seconds

    def lease_ends(self) -> None:
        self.server.client.delete(LEASE)

    async def close(self) -> None:
        for guard in self._guards:
            await guard.close()


@pytest.fixture
async def fleet(redis_server: RedisServer) -> AsyncIterator[Fleet]:
    fleet = Fleet(redis_server)
    yield fleet
    await fleet.close()


async def test_one_process_reads_and_the_others_use_what_it_read(fleet: Fleet) -> None:
    first, second = await fleet.started(), await fleet.started(at=90_000.0)
    assert (first.readings.leading, second.readings.leading) == (True, False)
    first.put("기아\t쏘렌토", 1, 2)
    fleet.wait(5)
    await first.keeping.sync()
    await second.keeping.sync()
    assert second.shown == {"기아\t쏘렌토": [1, 2]}
    reading = second.shelf.peek("기아\t쏘렌토")
    assert reading is not None
    assert second.clock.at - reading.read_at == pytest.approx(5, abs=0.01)
    assert second.readings.demand("기아\t쏘렌토").read_at == reading.read_at


async def test_a_process_that_does_not_lead_reads_nothing(fleet: Fleet) -> None:
    first, second = await fleet.started(), await fleet.started()
    for process in (first, second):
        process.on_offer["a"] = (1,)
        process.readings.keep_warm("a")
        process.readings.start_due()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert (first.read_keys, second.read_keys) == (["a"], [])


async def test_a_new_process_answers_at_once_from_what_is_there(fleet: Fleet) -> None:
    first = await fleet.started()
    for number in range(30):
        first.put(f"listing {number}", number + 1)
    await first.keeping.sync()
    new = await fleet.started(at=7.0)
    assert len(new.shown) == 30


async def test_a_later_reading_replaces_an_older_one_in_all_processes(fleet: Fleet) -> None:
    first, second = await fleet.started(), await fleet.started()
    for cars in ((1, 2, 3), (2, 3), (3,)):
        fleet.wait(1)
        first.put("a", *cars)
        await first.keeping.sync()
        await second.keeping.sync()
        assert second.shown == {"a": list(cars)}


async def test_a_check_is_told_too(fleet: Fleet) -> None:
    first, second = await fleet.started(), await fleet.started()
    first.put("a", 1)
    read_at = first.clock.at
    await first.keeping.sync()
    await second.keeping.sync()
    fleet.wait(300)
    first.put("a", 1, 2, at=read_at, checked_at=first.clock.at)
    await first.keeping.sync()
    await second.keeping.sync()
    assert second.shown == {"a": [1, 2]}
    assert second.readings.demand("a").checked_at == pytest.approx(second.clock.at, abs=0.01)


async def test_another_process_takes_over_when_the_lease_of_a_killed_one_ends(fleet: Fleet) -> None:
    killed, other = await fleet.started(), await fleet.started()
    other.readings.asked("a", 1)
    killed.readings.asked("a", 2)
    await other.keeping.sync()
    await killed.keeping.sync()
    assert killed.readings.demand("a").spared == 3
    killed.readings._demands["a"].spared = 0  # it began to read, and was killed in the middle
    fleet.lease_ends()
    await other.keeping.sync()
    assert other.readings.leading
    assert other.readings.demand("a").spared == 3


async def test_a_process_that_ends_gives_its_lease_back(fleet: Fleet) -> None:
    first, second = await fleet.started(), await fleet.started()
    first.put("a", 1)
    await first.keeping.close()
    await second.keeping.sync()
    assert second.readings.leading
    assert second.shown == {"a": [1]}
    await first.keeping.sync()
    assert not first.readings.leading


async def test_what_all_processes_were_asked_for_adds_up_where_it_is_read(fleet: Fleet) -> None:
    leader, second, third = [await fleet.started() for _ in range(3)]
    for _ in range(4):
        leader.readings.asked("a", 1)
        second.readings.asked("a", 0.5)
        third.readings.asked("a", 2)
        third.readings.asked("b", 1)
        for process in (second, third, leader):
            await process.keeping.sync()
    assert leader.readings.demand("a").spared == pytest.approx(14)
    assert leader.readings.demand("b").spared == pytest.approx(4)
    leader.on_offer = {"a": (1,), "b": (2,)}
    leader.readings.start_due()
    for _ in range(5):
        await asyncio.sleep(0)
    assert leader.read_keys == ["a", "b"]
    for _ in range(2):
        await leader.keeping.sync()
    assert leader.readings.demand("a").spared == 0
    second.readings.asked("a", 1)
    leader.readings.asked("a", 1)
    await second.keeping.sync()
    await leader.keeping.sync()
    assert leader.readings.demand("a").spared == pytest.approx(2)


@pytest.mark.parametrize("status", [None, *SaleStatus])
async def test_a_car_that_one_process_found_off_sale_leaves_the_stock_of_all(
    fleet: Fleet, status: SaleStatus | None
) -> None:
    first, second, third = await fleet.started(), await fleet.started(at=3.0), await fleet.started(at=77_777.0)
    first.put("a", 1, 2)
    for process in (first, second, third):
        await process.keeping.sync()
    fleet.wait(5)
    second.off_sale.note(SITE, "1", second.clock.at, status)
    for process in (second, first, third):
        await process.keeping.sync()
    assert first.shown == third.shown == {"a": [2]}
    assert (await fleet.started()).shown == {"a": [2]}
    fleet.wait(5)
    third.off_sale.back(SITE, "1", third.clock.at)
    for process in (third, first, second):
        await process.keeping.sync()
    assert first.shown == second.shown == {"a": [1, 2]}
    assert (await fleet.started()).shown == {"a": [1, 2]}


async def test_notes_are_not_sent_to_and_fro(fleet: Fleet) -> None:
    processes = [await fleet.started() for _ in range(3)]
    for number, process in enumerate(processes):
        process.off_sale.note(SITE, "1", process.clock.at + number, SaleStatus.SOLD)
        process.off_sale.note(SITE, "2", process.clock.at)
    fleet.wait(5)
    processes[1].off_sale.back(SITE, "2", processes[1].clock.at)
    for _ in range(10):
        for process in processes:
            await process.keeping.sync()
    entries = fleet.server.client.xlen(STREAM)
    for _ in range(5):
        for process in processes:
            await process.keeping.sync()
    assert fleet.server.client.xlen(STREAM) == entries <= 12


async def test_many_notes_all_arrive(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stocks, "NOTES_AN_ENTRY", 10)
    monkeypatch.setattr(stocks, "ENTRIES_A_READ", 3)
    first, second = await fleet.started(), await fleet.started()
    for number in range(1, 120):
        first.off_sale.note(SITE, str(number), first.clock.at, SaleStatus.SOLD)
    await first.keeping.sync()
    await second.keeping.sync()
    assert all(second.off_sale.since(SITE, str(number), 0.0) for number in range(1, 120))


async def test_a_large_listing_is_stored_in_parts(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stocks, "PART_BYTES", 100)
    store = fleet.process().store
    reading = reading_of(*range(1, 500), at=50.0)
    assert await store.save("a", reading)
    found = {key: reading async for key, reading in fleet.process().store.newer()}
    assert numbers_of(found["a"]) == numbers_of(reading)


async def test_a_listing_that_is_too_large_is_not_stored_and_this_is_told_once(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stocks, "MOST_SAVED", 100)
    process = await fleet.started()
    process.put("a", *range(1, 200))
    with capture_logs() as lines:
        for _ in range(3):
            await process.keeping.sync()
    assert [line["event"] for line in lines] == ["stock_too_large"]
    assert not fleet.server.client.keys("*listing*")


async def test_a_listing_of_another_version_costs_the_others_nothing(fleet: Fleet) -> None:
    other = fleet.process()
    assert await other.store.save(UNKNOWN, reading_of(5, at=50.0))
    assert await other.store.save("a", reading_of(1, at=50.0))
    await other.store.lead({UNKNOWN: 3.0, "a": 2.0})
    await other.store.close()
    process = await fleet.started()
    assert process.shown == {"a": [1]}
    assert process.readings.demand("a").spared == 2


async def test_everything_in_redis_expires(fleet: Fleet) -> None:
    first, second = await fleet.started(), await fleet.started()
    first.put("a", 1)
    first.off_sale.note(SITE, "1", first.clock.at)
    second.readings.asked("b", 1)
    await first.keeping.sync()
    await second.keeping.sync()
    keys = fleet.server.client.keys("*")
    assert len(keys) == 5
    assert all(0 < fleet.server.client.pttl(key) <= USABLE_S * 1000 for key in keys)


async def test_a_listing_that_left_the_readers_memory_leaves_redis(fleet: Fleet) -> None:
    first, second = await fleet.started(), await fleet.started()
    first.put("a", 1)
    first.put("b", 1)
    await first.keeping.sync()
    await second.keeping.sync()
    second.shelf.remove("a")
    await second.keeping.sync()  # less memory here is no reason
    assert fleet.server.client.zrange(INDEX, 0, -1) == [b"a", b"b"]
    first.shelf.remove("a")
    await first.keeping.sync()
    assert fleet.server.client.zrange(INDEX, 0, -1) == [b"b"]


async def test_what_a_redis_that_was_emptied_lacks_is_stored_again(fleet: Fleet) -> None:
    first = await fleet.started()
    first.put("a", 1)
    await first.keeping.sync()
    fleet.server.client.flushall()
    await first.keeping.sync()
    await first.keeping.sync()
    assert (await fleet.started()).shown == {"a": [1]}


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "emptied": lambda _: b"",
    "truncated": lambda raw: raw[: len(raw) // 2],
    "one bit": lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]),
    "longer": lambda raw: raw + b"x",
    "a part too long": lambda raw: raw.ljust(PART_BYTES * 2, b"x"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
async def test_a_damaged_listing_is_passed_over(fleet: Fleet, damage: Callable[[bytes], bytes]) -> None:
    first, client = await fleet.started(), fleet.server.client
    first.put("a", 1)
    first.put("b", 2)
    await first.keeping.sync()
    name = f"dealerproxy:1:stock:listing:{SITE}:a"
    client.set(name, damage(client.get(name)))
    second = await fleet.started()
    assert second.shown == {"b": [2]}
    await second.keeping.sync()
    assert second.store.damaged <= 1
    fleet.wait(1)
    first.put("a", 1)
    await first.keeping.sync()
    await second.keeping.sync()
    assert second.shown == {"a": [1], "b": [2]}


@pytest.mark.parametrize("name", [LEASE, INDEX, STREAM, ASKED])
@pytest.mark.parametrize(
    "plant",
    [
        pytest.param(lambda client, name: client.set(name, "\x00 nonsense"), id="a string"),
        pytest.param(lambda client, name: client.rpush(name, "x"), id="a list"),
        pytest.param(lambda client, name: client.hset(name, "a", "nan"), id="a hash"),
        pytest.param(lambda client, name: client.zadd(name, {b"\xff": 9e18}), id="a sorted set"),
        pytest.param(lambda client, name: client.xadd(name, {"notes": b"\xc1", "by": "x"}), id="a stream"),
    ],
)
async def test_what_others_put_in_redis_never_stops_a_process(
    fleet: Fleet, name: str, plant: Callable[[object, str], None]
) -> None:
    plant(fleet.server.client, name)
    process = await fleet.started()
    process.put("a", 1)
    process.readings.asked("a", 1)
    process.off_sale.note(SITE, "5", process.clock.at)
    for _ in range(3):
        fleet.wait(ALONE_S / 2)
        await process.keeping.sync()
    assert process.readings.leading
    assert process.shown == {"a": [1]}


@pytest.mark.parametrize(
    "note",
    [
        Note("x", REDIS_TIME),
        Note("", REDIS_TIME),
        Note("1" * 30, REDIS_TIME),
        Note("²", REDIS_TIME),
    ],
    ids=["a word", "nothing", "too long", "no ASCII digit"],
)
async def test_notes_of_no_listing_are_passed_over(fleet: Fleet, note: Note) -> None:
    process = await fleet.started()
    process.keeping._apply(note)
    assert process.off_sale.changed_since(SITE, -1) == (0, frozenset())


async def test_a_note_of_the_future_counts_as_of_now(fleet: Fleet) -> None:
    process = await fleet.started()
    process.keeping._apply(Note("1", process.clock.at + 10**6, SaleStatus.SOLD))
    known = process.off_sale.since(SITE, "1", 0.0)
    assert known is not None
    assert known.at == process.clock.at


async def test_without_redis_the_reader_goes_on_and_after_a_minute_each_process_reads(
    frail_redis: RedisServer,
) -> None:
    fleet = Fleet(frail_redis)
    first, second = await fleet.started(), await fleet.started()
    first.put("a", 1)
    await first.keeping.sync()
    await second.keeping.sync()
    frail_redis.kill()
    fleet.wait(10)
    first.put("a", 1, 2)
    for process in (first, second):
        await process.keeping.sync()
    assert (first.readings.leading, second.readings.leading) == (True, False)
    assert second.shown == {"a": [1]}
    fleet.wait(ALONE_S)
    await second.keeping.sync()
    assert second.readings.leading
    frail_redis.start()
    fleet.wait(20)
    for _ in range(3):
        for process in (first, second):
            await process.keeping.sync()
        fleet.wait(20)
    assert (first.readings.leading, second.readings.leading) == (True, False)
    assert second.shown == {"a": [1, 2]}
    await fleet.close()


async def test_without_redis_from_the_start_a_process_reads_at_once(frail_redis: RedisServer) -> None:
    frail_redis.kill()
    fleet = Fleet(frail_redis)
    assert (await fleet.started()).readings.leading
    frail_redis.start()
    await fleet.close()


async def test_running_loads_first_and_saves_last(fleet: Fleet) -> None:
    before = await fleet.started()
    before.put("a", 1)
    await before.keeping.close()
    process = fleet.process()
    async with running(SITE, process, process.off_sale, process.store, process.clock):
        assert process.shown == {"a": [1]}
        fleet.wait(1)
        process.put("b", 2)
    assert (await fleet.started()).shown == {"a": [1], "b": [2]}
    assert fleet.server.client.exists(LEASE)
