"""Fixtures every test may use, and one shim.

aioresponses 0.7.9 does not build aiohttp 3.14's ClientResponse (its issues 289 and 288): the shim below supplies
the missing argument and a reader without flow control, as a body over 128 KiB would otherwise hit an assertion.
"""

import asyncio
import gc
import inspect
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import aioresponses.core
import pytest
from aiohttp.client_proto import ResponseHandler
from hypothesis import HealthCheck, settings

from dealerproxy import vocabulary as words
from dealerproxy.transport import redis_guard, retry
from dealerproxy.vocabulary import Vocabulary
from tests.support.redis_server import RedisServer

CAPTURES = "DEALERPROXY_TEST_CAPTURES"

# A machine that does other things beside makes examples slowly, which says nothing of the code.
settings.register_profile("default", deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")

if "stream_writer" in inspect.signature(aiohttp.ClientResponse.__init__).parameters:

    class _MockedResponse(aiohttp.ClientResponse):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.setdefault("stream_writer", SimpleNamespace(output_size=0))
            super().__init__(*args, **kwargs)

    def _reader(loop: asyncio.AbstractEventLoop | None = None) -> aiohttp.StreamReader:
        running = loop or asyncio.get_running_loop()
        return aiohttp.StreamReader(ResponseHandler(loop=running), limit=2**40, loop=running)

    vars(aioresponses.core).update(ClientResponse=_MockedResponse, stream_reader_factory=_reader)


_look_up = socket.getaddrinfo


def _look_up_this_machine(host: Any, *args: Any, **kwargs: Any) -> Any:
    """No test ever leaves this machine, whatever address a default or a mistake would send it to."""
    name = host.decode() if isinstance(host, bytes) else host
    if name not in {None, "", "localhost", "0.0.0.0", "::", "::1"} and not name.startswith("127."):
        raise OSError(f"a test looked up {name}")
    return _look_up(host, *args, **kwargs)


socket.getaddrinfo = _look_up_this_machine


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that tries again does so soon; tests of the pauses themselves have a clock of their own."""
    monkeypatch.setattr(retry, "PAUSE_S", 0.002)


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    return words.load()


@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder of real upstream answers; they are not part of the project."""
    folder = os.environ.get(CAPTURES)
    if not folder:
        pytest.skip(f"{CAPTURES} names no folder of captured upstream answers")
    return Path(folder)


@pytest.fixture(scope="session")
def start_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], RedisServer]]:
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("there is no redis-server on the path")
    started: list[RedisServer] = []

    def start() -> RedisServer:
        started.append(RedisServer(binary, tmp_path_factory.mktemp("redis")))
        return started[-1]

    yield start
    for server in started:
        server.kill()


@pytest.fixture(scope="session")
def _lasting_redis(start_redis: Callable[[], RedisServer]) -> RedisServer:
    return start_redis()


@pytest.fixture
def redis_server(_lasting_redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> RedisServer:
    """An empty Redis. It serves other tests too, so it is not to be harmed.

    It always answers, so clients wait long enough that a pause of the machine is no fault of Redis.
    """
    monkeypatch.setattr(redis_guard, "TIMEOUT_S", 10.0)
    _lasting_redis.client.flushall()
    return _lasting_redis


@pytest.fixture
def frail_redis(start_redis: Callable[[], RedisServer]) -> Iterator[RedisServer]:
    """A Redis that a test may hang, fill or kill."""
    server = start_redis()
    yield server
    server.kill()


@pytest.fixture
async def complaints() -> list[dict[str, Any]]:
    """What the event loop complained about: above all errors nobody looked at."""
    reports: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
    return reports


# The stand-ins and the benchmark hardly change: their own tests run with the slow ones, so that all others are quick.
SLOW = {Path(__file__).parent / name for name in ("bench", "sandbox")}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not SLOW.isdisjoint(item.path.parents):
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish() -> None:
    """What is there by now, tests and modules, stays to the end: the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()
