"""Twenty thousand different questions, three upstream answers in ten bad: nothing grows, nothing is left behind."""

import asyncio
import gc
import itertools
import resource
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog
from aiohttp import web
from msgspec import structs
from yarl import URL

from dealerproxy import app as application
from dealerproxy.sandbox.encar.details import detail
from dealerproxy.sandbox.encar.rows import VIEWS
from dealerproxy.sandbox.faults import Drop, Empty, Hang, Status
from dealerproxy.settings import Settings
from dealerproxy.transport import retry
from dealerproxy.vocabulary import Vocabulary
from tests.reliability.conftest import Build, encar_stock
from tests.reliability.wire import Bomb, Reset, Stall

QUESTIONS = 24_000
# What is kept is full, and everything was used once, long before the first look at the memory.
WARM = 8_000
CACHE_MB = 2
ASKERS = 8
CAR_EVERY = 20
ROUNDS = 10

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="there is no /proc to read memory from")

MOST_GROWTH_BYTES = 3_000_000
MOST_NEW_OBJECTS = 3_000


class Instant:
    """A session whose site answers at once, and of ten answers in turn three badly: to try again, none, and empty."""

    def __init__(self) -> None:
        self.asked = 0
        car, *_ = cars = list(encar_stock(2))
        self._rows = orjson.dumps({"Count": len(cars), "SearchResults": [VIEWS["premium"](each) for each in cars]})
        self._car, self._id = orjson.dumps(detail(car)), car.id.encode()

    @asynccontextmanager
    async def get(self, url: URL, **_: object) -> AsyncIterator["Said"]:
        self.asked += 1
        match self.asked % 10:
            case 2:
                yield Said(503)
            case 5:
                yield Said(400)
            case 8:
                yield Said(200)
            case _:
                yield self._good(url)

    def _good(self, url: URL) -> "Said":
        if url.path.startswith("/search"):
            return Said(200, self._rows)
        if url.parent.name == "vehicle" and url.parent.parent.name == "readside":
            return Said(200, self._car.replace(self._id, url.name.encode()))
        return Said(404)


class Said:
    """An answer, as far as the service looks at it."""

    headers: Mapping[str, str] = {"Content-Type": "application/json"}

    def __init__(self, status: int, body: bytes = b"") -> None:
        self.status, self._body, self.content = status, body, self

    async def iter_any(self) -> AsyncIterator[bytes]:
        yield self._body


async def ask(port: int, numbers: Iterator[int], statuses: Counter[int]) -> None:
    """Ask one question after another over one connection, without a client that would weigh more than the service."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in numbers:
        path = f"?make=Kia&upstream=encar&mileage_max_km={number}"
        if number % CAR_EVERY == 0:
            path = f"/encar_{10_000_000 + number}"
        writer.write(f"GET /v1/vehicles{path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        await reader.readexactly(int(head.partition("Content-Length: ")[2].partition("\r\n")[0]))
        statuses[int(head[9:12])] += 1
    writer.close()
    await writer.wait_closed()


async def ask_all(port: int, numbers: range) -> Counter[int]:
    statuses: Counter[int] = Counter()
    shared = iter(numbers)
    await asyncio.gather(*(ask(port, shared, statuses) for _ in range(ASKERS)))
    return statuses


def memory() -> tuple[int, int]:
    """Bytes resident, and objects alive."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize(), len(gc.get_objects())


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def silent() -> Iterator[None]:
    """Only mistakes are logged."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("error"))
    yield
    structlog.reset_defaults()


@pytest.mark.slow
async def test_memory_stays_as_it_is_over_twenty_thousand_different_questions(
    vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], silent: None
) -> None:
    site = Instant()

    @asynccontextmanager
    async def session(*_: object) -> AsyncIterator[Any]:
        yield site

    monkeypatch.setattr(application, "_session", session)
    monkeypatch.setattr(retry, "PAUSE_S", 0.001)
    tasks, open_files = asyncio.all_tasks(), descriptors()
    settings = Settings(encar_rps=1e6, cursor_secret="s", cache_mb=CACHE_MB)
    runner = web.AppRunner(application.create_app(settings, vocabulary), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]

    statuses = await ask_all(port, range(WARM))
    before = memory()
    statuses += await ask_all(port, range(WARM, QUESTIONS))
    after = memory()
    await runner.cleanup()

    assert statuses.total() == QUESTIONS
    assert set(statuses) == {200, 503}
    assert 0.15 < statuses[503] / QUESTIONS < 0.3
    assert site.asked > QUESTIONS
    assert after[0] - before[0] < MOST_GROWTH_BYTES
    assert after[1] - before[1] < MOST_NEW_OBJECTS
    assert asyncio.all_tasks() == tasks
    assert descriptors() <= open_files
    assert capsys.readouterr().out == ""


@pytest.mark.slow
async def test_broken_connections_and_callers_who_leave_leave_nothing_behind(
    build: Build, hurried: Mapping[str, float], capsys: pytest.CaptureFixture[str], silent: None
) -> None:
    """What is dropped open (an answer, a session, a task) would be a warning, and every warning fails a test."""
    tasks, open_files = asyncio.all_tasks(), descriptors()
    house = await build(**hurried)
    faults = itertools.cycle((Drop(), Drop(at="body"), Hang(), Reset(), Stall(), Bomb(), Empty(), Status()))
    operations = itertools.cycle(("search", "detail", "page", "batch", "inspection"))
    answered: Counter[str] = Counter()

    async def one(number: int) -> None:
        path = f"?make=Kia&mileage_max_km={50_000 + number}" + (
            "&upstream=encar" if number % 2 else "&include=enriched"
        )
        if number % 3 == 0:
            path = f"/{house.ids('encar')[0]}"
        try:
            async with asyncio.timeout(0.02 if number % 7 == 0 else None):
                status, _, _ = await house.get(f"/v1/vehicles{path}", **{"Cache-Control": "no-cache"})
        except TimeoutError:
            answered["left"] += 1
        else:
            answered[str(status)] += 1

    for first in range(0, ROUNDS * ASKERS, ASKERS):
        for fault, operation, _ in zip(faults, operations, range(3), strict=False):
            house.faults.add(structs.replace(fault, operation=operation, times=4))
        await asyncio.gather(*map(one, range(first, first + ASKERS)))
        await house.reset()
    await house.close()
    gc.collect()
    assert answered.keys() == {"200", "503", "left"}
    assert asyncio.all_tasks() == tasks
    assert descriptors() <= open_files
    assert capsys.readouterr().out == ""
