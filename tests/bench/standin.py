"""A site that answers at once, or after a pause, with bodies made beforehand: it must never be what is measured.

`GET /__calls` tells how many requests it had.
"""

import asyncio
import re
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import NamedTuple, cast

from tests.bench.load import HOST
from tests.bench.pages import Route

CALLS = "/__calls"
_NUMBER = re.compile(rb"/(\d{8})(?=[/? ])")


class _Answer(NamedTuple):
    needle: bytes
    answer: bytes
    number: bytes


class Site:
    """Everything its connections share."""

    def __init__(self, routes: Sequence[Route], pause_s: float) -> None:
        self.pause_s = pause_s
        self._calls = 0
        self._answers = [_Answer(route.needle.encode(), _http(route.body), route.number.encode()) for route in routes]

    def answer(self, head: bytes) -> bytes:
        """The whole answer to a request. Raises LookupError for a path it has nothing for."""
        if head.startswith(b"GET " + CALLS.encode()):
            return _http(str(self._calls).encode())
        self._calls += 1
        for known in self._answers:
            if known.needle in head:
                asked = _NUMBER.search(head) if known.number else None
                return known.answer.replace(known.number, asked[1]) if asked else known.answer
        raise LookupError(head.decode(errors="replace"))


class Visitor(asyncio.Protocol):
    """A connection to the site. One request at a time, each with its head in one piece, as all clients here send it."""

    def __init__(self, site: Site) -> None:
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


def _http(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def serve(told: Connection, routes: Sequence[Route], pause_s: float) -> None:
    """Serve until ended, as the target of a process; the port goes through `told`."""
    asyncio.run(_serve(told, Site(routes, pause_s)))


async def _serve(told: Connection, site: Site) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Visitor(site), HOST, 0, backlog=1024)
    told.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()
