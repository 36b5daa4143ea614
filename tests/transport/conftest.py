"""A redis-server of the tests' own, on a free loopback port, that can be hung, killed and started again."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry


class RedisServer:
    """A redis-server that keeps nothing on disk; `client` is for arranging things behind the service's back."""

    def __init__(self, binary: str, folder: Path) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.port: int = taken.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"
        self.client: Any = redis.Redis(port=self.port, protocol=2, retry=Retry(NoBackoff(), 0))
        self._command = [binary, "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--dir", str(folder)]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        patience = time.monotonic() + 10.0
        while not self._answers():
            assert self._process.poll() is None, "redis-server ended at once"
            assert time.monotonic() < patience, "redis-server does not answer"
            time.sleep(0.005)

    def _answers(self) -> bool:
        with suppress(redis.exceptions.ConnectionError):
            return bool(self.client.ping())
        return False

    def hang(self) -> None:
        os.kill(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self._process.pid, signal.SIGCONT)

    def kill(self) -> None:
        self.client.close()
        self._process.kill()
        self._process.wait()


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
def redis_server(_lasting_redis: RedisServer) -> RedisServer:
    """An empty Redis. It serves other tests too, so it is not to be harmed."""
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
