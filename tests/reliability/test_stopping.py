"""A process that is told to stop, and one that is asked for more than it can do."""

import asyncio
import json
import signal
import time

import pytest

from dealerproxy.sandbox.faults import Hang, Latency
from tests.reliability.asking import Askers
from tests.reliability.conftest import Service, Sites, StartService
from tests.serving.test_workers import free_port
from tests.support.timing import Stopwatch

LIST = "/v1/vehicles?make=Kia&upstream=encar"
LATE_MS = 400

pytestmark = pytest.mark.slow


async def told_to_stop(service: Service) -> None:
    service.process.send_signal(signal.SIGTERM)
    await asyncio.sleep(0.1)


async def test_told_to_stop_it_finishes_what_was_asked_and_drops_what_nobody_waits_for(
    sites: Sites, service: StartService
) -> None:
    sites.faults.add(Latency(operation="search", ms=LATE_MS), Hang(operation="danawa_list"))
    running = await service()  # reads Danawa's list from the start on, though nobody asked for it
    asking = asyncio.create_task(running.get(LIST))
    await sites.wait_for("search")
    await sites.wait_for("danawa_list")
    began = time.monotonic()
    await told_to_stop(running)
    status, _, body = await asking
    assert (status, len(body["data"])) == (200, 2)
    assert await running.ended() == 0
    assert time.monotonic() - began < LATE_MS / 1000 + 2.0
    # Nothing but its own lines, none of them about a mistake: no warning, no traceback, no task left behind.
    said = [json.loads(line) for line in running.lines]
    assert {line["level"] for line in said} <= {"info", "warning"}
    assert {line["event"] for line in said if line["level"] == "warning"} <= {"upstream_trouble"}


async def test_told_to_stop_it_says_so_on_a_connection_that_was_kept_and_on_a_new_one(
    sites: Sites, service: StartService
) -> None:
    running = await service()
    sites.faults.add(Latency(operation="search", ms=LATE_MS))
    host, port = running.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))

    async def ready() -> tuple[bytes, str, bool]:
        writer.write(b"GET /health/ready HTTP/1.1\r\nHost: a\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        return head[9:12], json.loads(await reader.readuntil(b"}}"))["status"], b"\r\nConnection: close\r\n" in head

    assert await ready() == (b"200", "ready", False)
    asking = asyncio.create_task(running.get(LIST))
    await sites.wait_for("search")
    await told_to_stop(running)
    try:
        assert await ready() == (b"503", "draining", True)
        status, _, body = await running.get("/health/ready")
        assert (status, body["status"]) == (503, "draining")
    finally:
        writer.close()
        await asking


async def test_more_than_it_can_do_is_refused_at_once_and_only_while_it_is_too_much(
    sites: Sites, service: StartService
) -> None:
    running = await service(max_requests=2, list_deadline_s=1.0)
    sites.faults.add(Hang(operation="search"))
    under_way = [asyncio.create_task(running.get(f"{LIST}&year_min={year}")) for year in (2010, 2011)]
    await sites.wait_for("search", 2)
    for path in (LIST, "/v1/vehicles/facets", f"/v1/vehicles/{sites.ids('encar')[0]}"):
        status, headers, body = await running.get(path)
        assert (status, body["error"]["code"], headers["Retry-After"]) == (503, "overloaded", "1")
        assert headers["Cache-Control"] == "no-store"
    for path in ("/health/live", "/health/ready", "/v1/upstreams"):
        assert (await running.get(path))[0] == 200
    assert not any(each.done() for each in under_way)  # at once, while those are still waiting
    assert [answer[0] for answer in await asyncio.gather(*under_way)] == [503, 503]
    sites.faults.clear()
    assert (await running.get(LIST))[0] == 200


STOPS = 5
LONGEST_S = 0.3
# What a machine may take from a process that does nothing wrong.
BUSY_S = 2.0


@pytest.mark.parametrize("workers", [1, 2])
async def test_no_request_that_reached_it_stays_unanswered_when_it_is_stopped_under_load(
    sites: Sites, service: StartService, workers: int
) -> None:
    sites.faults.add(Latency(operation="search", ms=LONGEST_S * 1000))
    longest, answered = 0.0, 0
    for _ in range(STOPS):
        running = await service(workers=workers, port=free_port() if workers > 1 else 0)
        host, port = running.url.removeprefix("http://").split(":")
        lists = (f"{LIST}&year_min={year}" for year in range(2000, 2010))
        paths = (*(["/health/live"] * 80), "/v1/upstreams", "/nowhere", *lists)
        askers = Askers(host, int(port), paths)
        await asyncio.sleep(0.5)
        async with Stopwatch() as watch:
            running.process.send_signal(signal.SIGTERM)
            assert await running.ended() == 0
        longest = max(longest, watch.seconds)
        await askers.ended()
        assert askers.unanswered == []
        answered += askers.answered.total()
    assert answered > 100 * STOPS
    print(f"{answered} answered, the longest stop took {longest:.2f} s")
    assert longest < LONGEST_S + 1.0 + BUSY_S
