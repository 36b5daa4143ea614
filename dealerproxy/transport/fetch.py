"""The HTTP leaf: one fetcher per upstream, with its own session, rate, time-outs and size cap.

Redirects are followed only on the upstream's own host: elsewhere they lead to block or login pages.
"""

import asyncio
from collections.abc import Mapping

import aiohttp
from aiolimiter import AsyncLimiter
from yarl import URL

from dealerproxy.errors import Blocked, TimedOut, Unreachable, UpstreamFault
from dealerproxy.transport.response import Response

CONNECT_S = 3.0
READ_S = 5.0
MAX_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Fetcher:
    """Fetches from one upstream, politely: `rps` a second after a burst, `in_flight` at a time."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        rps: float,
        burst: int,
        in_flight: int,
        max_bytes: int,
        headers: Mapping[str, str],
    ) -> None:
        self._session = session
        self._rate = AsyncLimiter(burst, burst / rps)
        self._slots = asyncio.Semaphore(in_flight)
        self._max_bytes = max_bytes
        self._headers = headers

    async def get(self, url: URL, *, within_s: float) -> Response:
        """Send one GET and read all of its answer within `within_s` seconds, waiting for a slot included.

        Raises TimedOut, Unreachable (no connection, reset, broken body), Blocked (a redirect to another host)
        or UpstreamFault (a body over the cap, too many redirects).
        """
        try:
            async with asyncio.timeout(within_s):
                return await self._follow(url)
        except TimeoutError as error:
            raise TimedOut(str(error) or f"no answer within {within_s:.1f} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"{type(error).__name__}: {error}") from error

    async def _follow(self, url: URL) -> Response:
        host = url.host
        for _ in range(MAX_REDIRECTS + 1):
            await self._rate.acquire()
            async with self._slots:
                response, location = await self._once(url)
            if location is None:
                return response
            try:
                url = url.join(URL(location))
                elsewhere = url.host != host
            except ValueError:
                raise UpstreamFault("a redirect to no address") from None
            if elsewhere:
                raise Blocked("redirect to another host")
        raise UpstreamFault("too many redirects")

    async def _once(self, url: URL) -> tuple[Response, str | None]:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=READ_S)
        async with self._session.get(url, headers=self._headers, timeout=timeout, allow_redirects=False) as answer:
            location = answer.headers.get("Location")
            if answer.status in _REDIRECTS and location:
                return Response(answer.status, answer.headers, b""), location
            return Response(answer.status, answer.headers, await self._read(answer)), None

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        pieces: list[bytes] = []
        size = 0
        async for piece in answer.content.iter_any():
            size += len(piece)
            if size > self._max_bytes:
                raise UpstreamFault(f"body over {self._max_bytes} bytes")
            pieces.append(piece)
        return b"".join(pieces)
