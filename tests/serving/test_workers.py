"""`serve --workers N`: several processes on one port, mostly as the processes they are."""

import asyncio
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import aiohttp
import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpClient, AiohttpServer
from structlog.testing import capture_logs

from dealerproxy import cli
from dealerproxy.api.metrics import WORKER_PORTS
from dealerproxy.app import create_app
from dealerproxy.sandbox.encar.inventory import generate
from dealerproxy.sandbox.encar.site import EncarStandIn
from dealerproxy.sandbox.sites import serve as serve_sites
from dealerproxy.serving import workers
from dealerproxy.settings import PREFIX, Settings
from dealerproxy.vocabulary import Vocabulary
from tests.test_cli import environment, run

NUMBER = 2
# Nothing is measured here: a machine may be as busy as it likes.
GENEROUS_S = 60
NO_PROC = not Path("/proc/self/task").exists()


def free_port() -> int:
    """A port with `NUMBER` more after it that are free; none of those that the system gives to clients."""
    while True:
        port = random.randrange(12_000, 32_000)
        with suppress(OSError):
            for following in range(port, port + NUMBER + 1):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", following))
            return port


class Together:
    """Several processes on one port, in a process group of their own."""

    def __init__(self, *before: str, **variables: str) -> None:
        self.port = free_port()
        self.own_ports = range(self.port + 1, self.port + NUMBER + 1)
        self.lines: list[str] = []
        self.popen = subprocess.Popen(
            [sys.executable, *(before or ("-m", "dealerproxy")), "serve", "--workers", str(NUMBER)],
            env=environment(DEALERPROXY_PORT=str(self.port), **variables),
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def listening(self) -> "Together":
        """Wait until it says that it listens."""
        assert self.popen.stderr is not None
        for line in self.popen.stderr:
            self.lines.append(line)
            if "listens on" in line:
                return self
        raise AssertionError(f"ended without listening: {self.lines}")

    def signal_group(self, number: int) -> None:
        os.killpg(self.popen.pid, number)

    def pids(self) -> Sequence[int]:
        """The workers. The parent has one more child, which does nothing but watch."""
        parent = self.popen.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return [int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def events(self) -> Sequence[dict[str, Any]]:
        """Wait until all processes have ended: the log lines that are not of requests.

        Each of them holds the standard error open, so reading it to its end is waiting for the last.
        """
        _, said = self.popen.communicate(timeout=GENEROUS_S)
        self.lines += said.splitlines()
        assert "Traceback" not in said
        logged = [json.loads(line) for line in self.lines if line.startswith("{")]
        return [line for line in logged if line["event"] != "request"]

    def warnings(self) -> Sequence[str]:
        """Wait as `events` does: what was warned of, but for sites that are not there."""
        warned = [event["event"] for event in self.events() if event["level"] == "warning"]
        return [event for event in warned if event != "upstream_trouble"]


Start = Callable[..., Together]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start the command; all its processes are gone when the test ends."""
    started: list[Together] = []

    def begin(*before: str, **variables: str) -> Together:
        started.append(Together(*before, **variables))
        return started[-1]

    yield begin
    for together in started:
        with suppress(ProcessLookupError):
            together.signal_group(signal.SIGKILL)
        together.popen.communicate()


def get(port: int, path: str) -> str:
    """Ask on a connection of its own."""
    with urlopen(f"http://127.0.0.1:{port}{path}", timeout=GENEROUS_S) as answer:
        text: str = answer.read().decode()
    return text


def counted(port: int, route: str) -> int:
    """How many requests for a route the worker with this port of its own has answered."""
    found = re.search(
        rf'^dealerproxy_http_requests_total{{.*route="{route}".*}} ([0-9.]+)$', get(port, "/metrics"), re.MULTILINE
    )
    return int(float(found[1])) if found else 0


@pytest.mark.slow
def test_all_workers_answer_on_the_shared_port_and_their_own_ports_count_each_request_once(start: Start) -> None:
    together = start().listening()
    asked, shares = 0, [0]
    until = time.monotonic() + GENEROUS_S
    while not all(shares):
        assert time.monotonic() < until, f"{asked} requests: {shares}"
        for _ in range(8):
            assert json.loads(get(together.port, "/health/live")) == {"status": "live"}
        asked += 8
        shares = [counted(port, "/health/live") for port in together.own_ports]
    assert sum(shares) == asked
    (line,) = (line for line in together.lines if "listens on" in line)
    first, second = together.own_ports
    assert line == f"dealerproxy listens on http://127.0.0.1:{together.port}, its workers on ports {first}, {second}\n"

    with pytest.raises(HTTPError) as refused:
        get(together.port, "/metrics")
    with refused.value as answer:
        error = json.load(answer)["error"]
    assert (refused.value.code, error["code"]) == (404, "not_found")
    assert all(str(port) in error["message"] for port in together.own_ports)

    together.popen.terminate()
    assert together.warnings() == ["workers_without_redis"]
    assert together.popen.returncode == 0


@pytest.mark.slow
async def test_what_one_worker_signed_the_others_understand_without_a_secret_being_set(
    start: Start, aiohttp_server: AiohttpServer
) -> None:
    sites = await aiohttp_server(serve_sites(EncarStandIn(generate(1, 400))))
    url = str(sites.make_url("/"))
    together = start(DEALERPROXY_CURSOR_SECRET="", DEALERPROXY_ENCAR_API_URL=url)
    await asyncio.to_thread(together.listening)
    first, second = together.own_ports
    question = "/v1/vehicles?make=Hyundai&upstream=encar&limit=3"
    page = json.loads(await asyncio.to_thread(get, first, question))
    following = json.loads(await asyncio.to_thread(get, second, f"{question}&cursor={page['next_cursor']}"))
    ids = [row["id"] for row in page["data"] + following["data"]]
    assert len(set(ids)) == 6
    together.popen.terminate()
    warned = await asyncio.to_thread(together.warnings)
    assert warned == ["cursor_secret_random", "workers_without_redis"]  # said once, not by each


@pytest.mark.slow
@pytest.mark.parametrize(
    "stop",
    [
        pytest.param(lambda together: together.popen.send_signal(signal.SIGTERM), id="SIGTERM to the parent"),
        pytest.param(lambda together: together.signal_group(signal.SIGINT), id="Ctrl-C, which all get"),
    ],
)
async def test_a_request_under_way_is_answered_before_all_end(
    start: Start, aiohttp_server: AiohttpServer, stop: Callable[[Together], None]
) -> None:
    asked, carry_on = asyncio.Event(), asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        asked.set()
        await carry_on.wait()
        return web.json_response({"Count": 0, "SearchResults": []})

    upstream = web.Application()
    upstream.router.add_get("/{rest:.*}", slow)
    url = str((await aiohttp_server(upstream)).make_url("/"))
    # However slow this machine is, the request must not end before the signal.
    together = start(DEALERPROXY_ENCAR_API_URL=url, DEALERPROXY_LIST_DEADLINE_S="60")
    await asyncio.to_thread(together.listening)
    async with aiohttp.ClientSession() as session:
        asking = asyncio.create_task(session.get(f"http://127.0.0.1:{together.port}/v1/vehicles?make=BMW"))
        await asyncio.wait_for(asked.wait(), GENEROUS_S)
        stop(together)
        await asyncio.sleep(0.1)  # the signal has arrived by now
        stop(together)  # and once more, as impatient people do
        carry_on.set()
        async with await asyncio.wait_for(asking, GENEROUS_S) as answer:
            assert answer.status == 200
            assert (await answer.json())["sources"][0]["status"] == "ok"
    events = await asyncio.to_thread(together.events)
    assert together.popen.returncode == 0, events


@pytest.mark.slow
@pytest.mark.skipif(NO_PROC, reason="the system does not tell a process's children")
def test_a_start_that_is_interrupted_ends_cleanly(start: Start) -> None:
    together = start()
    until = time.monotonic() + GENEROUS_S
    while not together.pids():
        assert time.monotonic() < until
        time.sleep(0.01)
    together.signal_group(signal.SIGINT)
    events = together.events()
    assert together.popen.returncode == 0, events


@pytest.mark.slow
@pytest.mark.skipif(NO_PROC, reason="the system does not tell a process's children")
def test_a_worker_that_is_killed_ends_all_with_one_line_so_that_all_are_started_anew(start: Start) -> None:
    together = start().listening()
    killed, _ = together.pids()
    os.kill(killed, signal.SIGKILL)
    (event,) = (event for event in together.events() if event["level"] == "error")
    assert (event["event"], event["pid"], event["exit_code"]) == ("worker_ended", killed, -signal.SIGKILL)
    assert together.popen.returncode == 1


@pytest.mark.slow
def test_a_parent_that_is_killed_leaves_nobody_behind(start: Start) -> None:
    together = start().listening()
    together.popen.kill()
    together.events()  # nobody holds the standard error any more
    for port in (together.port, *together.own_ports):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.slow
async def test_a_worker_that_just_ends_is_no_clean_end_either() -> None:
    listening: list[str] = []
    async with asyncio.timeout(GENEROUS_S):
        assert await workers.supervise(id, [(), ()], asyncio.Event(), listening.append) == 1
    assert listening == []


IMPATIENT = """
import sys
from dealerproxy import cli
from dealerproxy.serving import workers

workers.PATIENCE_S = 2.0
sys.exit(cli.main())
"""


@pytest.mark.slow
@pytest.mark.skipif(NO_PROC, reason="the system does not tell a process's children")
def test_a_worker_that_hangs_does_not_hold_up_the_end_for_ever(start: Start) -> None:
    together = start("-c", IMPATIENT).listening()
    hanging, _ = together.pids()
    os.kill(hanging, signal.SIGSTOP)
    together.popen.terminate()
    events = together.events()
    assert ("worker_killed", hanging) in [(event["event"], event.get("pid")) for event in events]
    assert together.popen.returncode == 1


# Starts that cannot succeed


@pytest.mark.slow
@pytest.mark.parametrize("taken", range(NUMBER + 1))
def test_a_port_in_use_ends_the_start_with_one_line_be_it_shared_or_a_workers_own(taken: int) -> None:
    port = free_port()
    with socket.socket() as socket_:
        socket_.bind(("127.0.0.1", port + taken))
        socket_.listen()
        ended = run("serve", "--workers", str(NUMBER), DEALERPROXY_PORT=str(port))
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: cannot listen: ")
    assert str(port + taken) in line


@pytest.mark.parametrize(
    "port", [pytest.param("0", marks=pytest.mark.slow), "65534"], ids=["none", "no room for the workers' own"]
)
def test_a_port_that_leaves_none_to_the_workers_ends_the_start_with_one_line(port: str) -> None:
    ended = run("serve", "--workers", str(NUMBER), DEALERPROXY_PORT=port)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"error: DEALERPROXY_PORT='{port}' cannot be used with 2 workers: expected a port with 2 more after it\n"
    )


# What they share, and what each has of its own


async def test_metrics_are_told_on_a_workers_own_port_and_the_shared_one_says_where(
    aiohttp_client: AiohttpClient, vocabulary: Vocabulary
) -> None:
    app = create_app(Settings(cursor_secret="s", danawa_url="http://127.0.0.1:9"), vocabulary)
    ports = [8081, 8082]
    app[WORKER_PORTS] = ports
    client = await aiohttp_client(app)
    async with client.get("/metrics") as answer:
        error = (await answer.json())["error"]
    assert (answer.status, error["code"]) == (404, "not_found")
    assert error["message"].endswith("on ports 8081, 8082.")
    ports.append(client.server.port or 0)
    async with client.get("/metrics") as answer:
        assert (answer.status, "dealerproxy_build_info" in await answer.text()) == (200, True)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Sequence[Settings]]:
    """Ask the command what it would start the workers with."""

    def ask(number: int, **variables: str) -> Sequence[Settings]:
        given: list[Settings] = []

        async def supervise(work: object, of_each: Sequence[tuple[Settings, int, object]], *_: object) -> int:
            given.extend(settings for settings, _, _ in of_each)
            return 0

        for name in list(os.environ):
            if name.startswith(PREFIX):
                monkeypatch.delenv(name)
        for name, value in {"DEALERPROXY_PORT": str(free_port()), **variables}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(workers, "supervise", supervise)
        monkeypatch.setattr("dealerproxy.logs.configure", lambda *_: None)  # the logs of this process stay as they are
        assert cli.main(["serve", "--workers", str(number)]) == 0
        return given

    return ask


def test_each_worker_takes_its_share_of_the_rate_and_all_have_one_random_secret(
    started: Callable[..., Sequence[Settings]],
) -> None:
    with capture_logs() as said:
        first, second = started(2, DEALERPROXY_PROCESSES="3")
    assert [line["event"] for line in said] == ["cursor_secret_random", "workers_without_redis"]
    assert first.processes == second.processes == 6
    assert first.cursor_secret == second.cursor_secret
    (another, _) = started(2)
    assert another.processes == 2
    assert len(first.cursor_secret) >= 32
    assert first.cursor_secret != another.cursor_secret


def test_a_secret_and_a_redis_that_are_set_are_those_of_all_workers_and_no_warning_is_said(
    started: Callable[..., Sequence[Settings]],
) -> None:
    with capture_logs() as said:
        given = started(2, DEALERPROXY_CURSOR_SECRET="ours, long enough", DEALERPROXY_REDIS_URL="redis://127.0.0.1:9/0")
    assert [(settings.cursor_secret, settings.redis_url) for settings in given] == [
        ("ours, long enough", "redis://127.0.0.1:9/0")
    ] * 2
    assert said == []
