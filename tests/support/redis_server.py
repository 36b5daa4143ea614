"""A redis-server of the tests' own, on a free loopback port, that can be hung, killed and started again."""

import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

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
