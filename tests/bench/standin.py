"""A site that answers at once, or after a pause, with bodies made beforehand: it must never be what is measured.

`GET /__calls` tells how many requests it had an answer for; a service asks at its start for what is not here. Other
sites are served by the same server (`market.py`).
"""

import asyncio
import re
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import NamedTuple, Protocol, cast

from tests.bench.load import HOST
from tests.bench.pages import Route

CALLS = "/__calls"
_NUMBER = re.compile(rb"/(\d{8})(?=[/? ])")


class Answering(Protocol):
    """A site as its connections see it."""

    pause_s: float

    def answer(self, head: bytes) -> bytes:
        """Return the whole answer to a request."""


class _Answer(NamedTuple):
    needle: bytes
    answer: bytes
    number: bytes


class Site:
    """Everything its connections share."""

    def __init__(self, routes: Sequence[Route], pause_s: float) -> None:
        self.pause_s = pause_s
        self._calls = 0
        self._answers = [_Answer(route.needle.encode(), http(route.body), route.number.encode()) for route in routes]

    def answer(self, head: bytes) -> bytes:
        """The whole answer to a request; 404 for a path it has nothing for."""
        if head.startswith(b"GET " + CALLS.encode()):
            return http(str(self._calls).encode())
        for known in self._answers:
            if known.needle in head:
                self._calls += 1
                asked = _NUMBER.search(head) if known.number else None
                return known.answer.replace(known.number, asked[1]) if asked else known.answer
        return NOT_FOUND


class Visitor(asyncio.Protocol):
    """A connection to the site. One request at a time, each with its head in one piece, as all clients here send it."""

    def __init__(self, site: Answering) -> None:
        self._site = site

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer a request."""
        answer = self._site.answer(data)
        if self._site.pause_s:
            asyncio.get_running_loop().call_later(self._site.pause_s, self._transport.write, answer)
        else:
            self._transport.write(answer)


def http(body: bytes, status: str = "200 OK", kind: str = "application/json;charset=UTF-8") -> bytes:
    """Return a whole answer with this body."""
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


NOT_FOUND = http(b"", "404 Not Found")


def serve(told: Connection, routes: Sequence[Route], pause_s: float) -> None:
    """Serve until ended, as the target of a process; the port goes through `told`."""
    asyncio.run(listen(told, Site(routes, pause_s)))


async def listen(told: Connection, site: Answering) -> None:
    """Serve a site until ended; the port goes through `told`."""
    server = await asyncio.get_running_loop().create_server(lambda: Visitor(site), HOST, 0, backlog=1024)
    told.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()
