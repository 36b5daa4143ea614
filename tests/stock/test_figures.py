"""The figures of a stock: how much there is, how old it is, and what came of the work on it."""

import asyncio
from pathlib import Path

import pytest

from dealerproxy.stock.folder import Folder
from dealerproxy.stock.keeping import figures_of
from dealerproxy.stock.rule import FRESH_S, WHOLE_S
from dealerproxy.transport.errors import Blocked, Drift
from tests.stock.stocks import SITE, Process
from tests.support.clock import Clock


@pytest.fixture
def process(tmp_path: Path) -> Process:
    clock = Clock()
    return Process(Folder(tmp_path, SITE, max_bytes=10_000_000, clock=clock, wall=clock), clock)


def test_listings_are_counted_with_their_rows_and_memory(process: Process) -> None:
    process.put("a", 1, 2)
    process.put("b", 2)
    listings, rows, size_bytes, *_ = figures_of(process)
    assert (listings, rows) == (2, 3)
    assert size_bytes == process.shelf.figures.size_bytes > 0


def test_the_oldest_and_the_newest_listing_tell_their_ages(process: Process) -> None:
    assert figures_of(process)[-3:] == (None, None, None)
    for age_s, key in ((900.0, "old"), (60.0, "new"), (300.0, "between")):
        process.put(key, 1, at=process.clock.at - age_s)
    assert figures_of(process)[-3:-1] == (900.0, 60.0)


@pytest.mark.parametrize(
    ("found", "result"),
    [
        pytest.param(None, "ok", id="read"),
        pytest.param(Blocked("no"), "blocked", id="blocked"),
        pytest.param(Drift("x"), "drift", id="drift"),
        pytest.param(ValueError("x"), "broken", id="our own fault"),
    ],
)
@pytest.mark.parametrize("work", ["read", "check"])
async def test_the_last_reading_tells_what_came_of_it_and_when(
    process: Process, monkeypatch: pytest.MonkeyPatch, work: str, found: Exception | None, result: str
) -> None:
    async def end(key: str) -> None:
        if found is not None:
            raise found
        process.put(key, 1)

    monkeypatch.setattr(process, work, end)
    if work == "check":
        process.readings.known("a", process.clock.at - FRESH_S - 1, process.clock.at - FRESH_S - 1)
    process.readings.keep_warm("a")
    process.readings.asked("a")
    process.readings.leading = True
    process.readings.start_due()
    while figures_of(process).last is None:  # noqa: ASYNC110  # a reading has no event to wait for
        await asyncio.sleep(0)
    process.clock.at += 40
    assert figures_of(process).last == (work, result, 40)


@pytest.mark.parametrize(
    ("asked", "warm", "age_s", "due_age_s"),
    [
        pytest.param(0, True, WHOLE_S - 1, 0, id="warm, not old"),
        pytest.param(0, True, WHOLE_S + 1, WHOLE_S + 1, id="warm"),
        pytest.param(3, False, WHOLE_S + 1, WHOLE_S + 1, id="asked for"),
        pytest.param(2, False, WHOLE_S + 1, 0, id="hardly asked for"),
        pytest.param(0, False, 9 * WHOLE_S, 0, id="not asked for"),
        pytest.param(9, True, None, 0, id="never read"),
    ],
)
def test_a_listing_is_as_old_as_its_reading_if_it_is_to_be_read_again(
    process: Process, asked: int, warm: bool, age_s: float | None, due_age_s: float
) -> None:
    if age_s is not None:
        process.readings.known("a", process.clock.at, process.clock.at)
        process.clock.at += age_s
    if warm:
        process.readings.keep_warm("a")
    if asked:
        process.readings.asked("a", asked)
    assert figures_of(process).due_age_s == due_age_s


async def test_a_reading_that_fails_makes_a_listing_no_younger(process: Process) -> None:
    process.readings.known("a", process.clock.at, process.clock.at)
    process.readings.keep_warm("a")
    process.clock.at += 2 * WHOLE_S
    demand = process.readings.demand("a")
    demand.failures, demand.failed_at = 3, process.clock.at
    assert figures_of(process).due_age_s == 2 * WHOLE_S


async def test_listings_that_are_loaded_are_counted_apart_from_damaged_ones(process: Process, tmp_path: Path) -> None:
    process.put("a", 1)
    process.put("b", 2)
    await process.keeping.close()
    next((tmp_path / SITE).glob("*.listing")).write_bytes(b"damaged")
    after = Process(Folder(tmp_path, SITE, max_bytes=10_000_000, clock=process.clock, wall=process.clock), Clock())
    after.clock.at = process.clock.at
    await after.keeping.sync()
    assert figures_of(after).results == {("load", "ok"): 1, ("load", "damaged"): 1}
