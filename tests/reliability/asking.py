"""Clients that ask without a pause while a service is stopped, and count what stayed without an answer."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence

PATIENCE_S = 20.0


class Askers:
    """So many clients; each asks on connections of its own, one request for each or one after another."""

    def __init__(self, host: str, port: int, paths: Sequence[str], number: int = 30) -> None:
        self._host, self._port, self._paths = host, port, paths
        self.answered: Counter[int] = Counter()
        self.unanswered: list[str] = []
        self._tasks = [asyncio.create_task(self._ask(random.Random(n), keeps=n % 3 > 0)) for n in range(number)]

    async def ended(self) -> None:
        """Until nobody can connect any more and all that was asked is answered, or is not."""
        await asyncio.wait_for(asyncio.gather(*self._tasks), PATIENCE_S)

    async def _ask(self, draw: random.Random, *, keeps: bool) -> None:
        while True:
            try:
                reader, writer = await asyncio.open_connection(self._host, self._port)
            except OSError:
                return
            try:
                again, number = True, 0
                while again:
                    number += 1
                    again = await self._one(reader, writer, draw, number) and keeps
                    await asyncio.sleep(draw.choice((0.0, 0.0, 0.002, 0.03)))
            finally:
                writer.close()

    async def _one(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, draw: random.Random, number: int
    ) -> bool:
        """Ask and read the answer; whether the connection may be used again."""
        path, body = draw.choice(self._paths), b""
        try:
            if draw.random() < 0.2:  # a body that comes later than its head
                path, body = "/v1/vehicles/availability", b'{"ids":["encar_1"]}'
                writer.write(b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n" % (path.encode(), len(body)))
                writer.write(b"Content-Type: application/json\r\n\r\n")
                await asyncio.sleep(0.01)
                writer.write(body)
            else:
                writer.write(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % path.encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.split("content-length: ")[1].split("\r\n")[0])
            await reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError) as error:
            self.unanswered.append(f"{path}, request {number} of its connection: {error!r}")
            return False
        self.answered[int(head[9:12])] += 1
        return "connection: close" not in head
