"""A load generator: so many keep-alive connections, each asking again as soon as it has its answer.

It speaks no more HTTP than the servers it asks need (a Content-Length, nothing chunked) and looks at no more of an
answer than its status and its end, so that it is not what is measured.
"""

import asyncio
import math
import re
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

from tests.bench.figures import percentile

HOST = "127.0.0.1"
# Whatever is asked of whom, it ends.
LONGEST_S = 60.0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_HEAD_END = b"\r\n\r\n"


class Failed(Exception):
    """An answer other than 200, or none."""


class Load(NamedTuple):
    """What came of it: seconds from the first request to the last answer, and those of each answer, sorted."""

    seconds: float
    latencies: Sequence[float]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    @property
    def p50(self) -> float:
        """The median, in seconds."""
        return percentile(self.latencies, 0.5)

    @property
    def p99(self) -> float:
        """The 99th percentile, in seconds."""
        return percentile(self.latencies, 0.99)


def request(path: str) -> bytes:
    """A GET as it goes over the wire."""
    return f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nAccept: application/json\r\n\r\n".encode()


def ask(
    port: int,
    requests: Iterator[bytes],
    *,
    connections: int,
    seconds: float = math.inf,
    count: float = math.inf,
    within_s: float = 0.0,
) -> Load:
    """Ask for so many seconds, or so many times; connections begin one after another `within_s`, not in step.

    Raises Failed for any answer but a 200.
    """
    return asyncio.run(_ask([port], requests, connections, within_s, seconds, count))


def ask_all(ports: Sequence[int], requests: Iterator[bytes], count: int) -> Load:
    """Ask several servers at once, `count` times in all, each time over a connection of its own."""
    return asyncio.run(_ask(ports, requests, count, 0.0, math.inf, count))


def fetch(port: int, path: str) -> tuple[dict[str, str], bytes]:
    """One answer: its headers and its body. Raises Failed for any answer but a 200."""
    return asyncio.run(_fetch(port, path))


async def _ask(
    ports: Sequence[int], requests: Iterator[bytes], connections: int, within_s: float, seconds: float, count: float
) -> Load:
    loop = asyncio.get_running_loop()
    run = _Run(requests, connections, seconds, count, loop.create_future())
    opened = [
        await loop.create_connection(lambda: _Connection(run), HOST, ports[number % len(ports)])
        for number in range(connections)
    ]
    run.began = time.perf_counter()
    for number, (_, connection) in enumerate(opened):
        loop.call_later(within_s * number / connections, connection.send)
    try:
        async with asyncio.timeout(LONGEST_S):
            await run.ended
    except TimeoutError:
        raise Failed(f"{len(run.latencies)} answers within {LONGEST_S:.0f} s, but not the last") from None
    finally:
        for transport, _ in opened:
            transport.abort()
    return Load(run.answered - run.began, sorted(run.latencies))


class _Run:
    """What the connections share."""

    def __init__(
        self, requests: Iterator[bytes], busy: int, seconds: float, count: float, ended: asyncio.Future[None]
    ) -> None:
        self._requests, self._busy, self._seconds, self._count = requests, busy, seconds, count
        self.ended = ended
        self.began = 0.0
        self.latencies: list[float] = []
        self.answered = 0.0
        self._sent = 0

    def next(self, now: float, *, first: bool) -> bytes | None:
        """The next request, None when it is enough. Every connection may ask once, however late it begins."""
        if self._sent >= self._count or (now - self.began >= self._seconds and not first):
            return None
        self._sent += 1
        return next(self._requests)

    def done(self, sent: float, now: float) -> None:
        """Note an answer."""
        self.latencies.append(now - sent)
        self.answered = now

    def rest(self) -> None:
        """A connection has nothing more to ask; the last one ends the run."""
        self._busy -= 1
        if not self._busy and not self.ended.done():
            self.ended.set_result(None)

    def fail(self, why: str) -> None:
        """End the run."""
        if not self.ended.done():
            self.ended.set_exception(Failed(why))


class _Connection(asyncio.Protocol):
    def __init__(self, run: _Run) -> None:
        self._run = run
        self._head = b""
        self._missing = 0
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._run.fail(f"the server closed a connection: {exc or 'without a word'}")

    def send(self) -> None:
        """Ask the next thing, if there is one."""
        now = time.perf_counter()
        asked = self._run.next(now, first=not self._sent)
        if asked is None:
            self._run.rest()
            return
        self._sent = now
        self._transport.write(asked)

    def data_received(self, data: bytes) -> None:
        if self._missing:
            self._missing -= len(data)
        else:
            self._head += data
            end = self._head.find(_HEAD_END)
            if end < 0:
                return
            if self._head[9:12] != b"200":
                self._run.fail(self._head[:800].decode(errors="replace"))
                return
            self._missing = end + len(_HEAD_END) + length_of(self._head) - len(self._head)
            self._head = b""
        if not self._missing:
            self._run.done(self._sent, time.perf_counter())
            self.send()


def length_of(head: bytes) -> int:
    """The Content-Length in a head. Raises Failed where there is none."""
    found = _LENGTH.search(head)
    if found is None:
        raise Failed("an answer without Content-Length")
    return int(found[1])


async def _fetch(port: int, path: str) -> tuple[dict[str, str], bytes]:
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(request(path))
        head = await reader.readuntil(_HEAD_END)
        body = await reader.readexactly(length_of(head))
    finally:
        writer.close()
        await writer.wait_closed()
    status, *lines = head.decode().strip().split("\r\n")
    if status.split()[1] != "200":
        raise Failed(f"{path}: {status} {body[:400].decode(errors='replace')}")
    return dict(line.split(": ", 1) for line in lines), body
