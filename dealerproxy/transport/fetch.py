"""The HTTP leaf: one fetcher per upstream, with its own session, limits, circuits, retries, time-outs and size cap.

Redirects are followed only on the upstream's own host: elsewhere they lead to block or login pages.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple, TypeVar

import aiohttp
import structlog
from yarl import URL

from dealerproxy.contract.deadline import Deadline
from dealerproxy.contract.explain import RateBudget
from dealerproxy.transport.errors import Blocked, Closed, Suspended, TimedOut, Unreachable, UpstreamError, UpstreamFault
from dealerproxy.transport.health import Health
from dealerproxy.transport.limits import LANE, Lane
from dealerproxy.transport.reading import CapturePage, Reading, keep_no_page, reading
from dealerproxy.transport.response import REDIRECTS, Response, check_headers, drift_or_block
from dealerproxy.transport.retry import Retries
from dealerproxy.transport.turns import TurnQueue
from dealerproxy.transport.valve import Valve

CONNECT_S = 3.0
READ_S = 5.0
# A slower good answer counts as a failure: within a list's deadline of 8 s it leaves no time for a retry.
SLOW_S = 4.0
MAX_REDIRECTS = 3
# Size limit of the status line and of each header. Some sites' policy headers exceed aiohttp's defaults (8,190, 128).
MAX_FIELD_BYTES = 65_536
MAX_HEADERS = 512

T = TypeVar("T")

log = structlog.get_logger(__name__)


class FetchPolicy(NamedTuple):
    """The bounds of one fetcher: each of its `operations` has a circuit of its own.

    `burst` requests may start at once, `in_flight` may be open; a decoded body may have `max_bytes` bytes. `lanes` has
    the lane of each operation whose lane is not `lists`.
    """

    operations: Sequence[str]
    burst: int
    in_flight: int
    max_bytes: int
    lanes: Mapping[str, Lane] = {}


class FetchObserver:
    """Observes requests; the base class only holds `capture`.

    `capture` is called for every answer that counts as a failure or is reported while it is read.
    """

    def __init__(self, capture: CapturePage = keep_no_page) -> None:
        self.capture = capture

    def waited(self, lane: Lane, seconds: float) -> None:
        """A caller waited `seconds` for a slot and a turn."""

    def sending(self, operation: str) -> AbstractContextManager[None]:
        """Spans a request from sending it to judging its answer; an UpstreamError from inside is its outcome."""
        return nullcontext()


UNWATCHED = FetchObserver()


class Fetcher:
    """Fetches from one upstream, within its FetchPolicy; circuits, logs and metrics go by its `name`."""

    def __init__(
        self,
        name: str,
        session: aiohttp.ClientSession,
        *,
        health: Health,
        turns: TurnQueue,
        retries: Retries,
        manners: FetchPolicy,
        headers: Mapping[str, str],
        watch: FetchObserver = UNWATCHED,
        valve: Valve | None = None,
    ) -> None:
        """Without a `valve` it is always open."""
        self._name, self._session, self._valve = name, session, valve or Valve(name)
        self._circuits = {each: health.circuit(name, each, slow_s=SLOW_S) for each in manners.operations}
        self._lanes = {each: manners.lanes.get(each, Lane.LISTS) for each in manners.operations}
        self._turns, self._retries = turns, retries
        self._max_bytes, self._headers, self._watch = manners.max_bytes, headers, watch

    async def get(
        self, operation: str, url: URL | Callable[[], URL], judge: Callable[[Response], T], *, within_s: float
    ) -> T:
        """Sends a GET, reads the whole answer and returns the result of `judge`; retries where that can help.

        If `url` is a function, it is called when the request has its turn. LANE, if set, replaces the operation's lane.
        `within_s` bounds everything in seconds, including waits for a slot, a turn and a retry. Raises what `judge`
        raises, TimedOut, Unreachable (no connection, reset, broken body, headers over the caps), Blocked (a redirect to
        another host or to nowhere, in a circle or too often; a drift of an answer with a bot guard's sign),
        UpstreamFault (a body over the cap), Suspended, Closed or Overloaded (nothing was sent). While the operation is
        suspended, the error's `retry_after_s` is the wait in seconds. An error's `capture` is the id of its page.
        """
        circuit, lane = self._circuits[operation], LANE.get() or self._lanes[operation]
        deadline, background = Deadline(within_s), lane is Lane.BACKGROUND

        def check() -> None:
            self._valve.check(background=background)
            circuit.check()

        tries = itertools.count(1)

        async def attempt(seconds: float) -> T:
            number, came_at = next(tries), time.monotonic()

            def told(outcome: str) -> None:
                ms = round((time.monotonic() - came_at) * 1000, 1)
                log.debug(
                    "upstream_call", upstream=self._name, operation=operation, attempt=number, outcome=outcome, ms=ms
                )

            try:
                answer = await send(seconds)
            except UpstreamError as error:
                told(error.code)
                raise
            told("ok")
            return answer

        async def send(seconds: float) -> T:
            await self._valve.refresh()
            check()
            came_at = time.monotonic()
            async with self._turns.turn(lane, deadline.remaining(), check):
                self._watch.waited(lane, time.monotonic() - came_at)
                address = url if isinstance(url, URL) else url()
                async with circuit.admit():
                    await self._valve.take(background=background)
                    with self._watch.sending(operation):
                        response = await self._send(address, Deadline(min(seconds, deadline.remaining())), lane)
                        answer = Reading(self._name, operation, address, response, self._watch.capture)
                        with reading(answer):
                            try:
                                with drift_or_block(response):
                                    return judge(response)
                            except UpstreamError as error:
                                answer.report(error)
                                raise

        try:
            return await self._retries.call(attempt, within_s=within_s)
        except UpstreamError as error:
            if not isinstance(error, Closed) and (wait_s := circuit.wait_s()) is not None:
                error.retry_after_s = wait_s
            raise

    @property
    def budget(self) -> RateBudget:
        """The request rate and how much of it is in use."""
        return self._turns.budget

    def trouble(self, operation: str) -> Suspended | None:
        """Return why no background call of an operation may go out now; None if one may."""
        try:
            self._valve.check(background=True)
            self._circuits[operation].check()
        except Suspended as error:
            return error
        return None

    async def _send(self, url: URL, deadline: Deadline, lane: Lane) -> Response:
        within_s = deadline.remaining()
        try:
            async with asyncio.timeout(within_s):
                return await self._follow(url, deadline, lane)
        except TimeoutError as error:
            raise TimedOut(str(error) or f"no answer within {within_s:.1f} s") from error
        except aiohttp.ClientResponseError as error:
            # The error's text holds the whole address, which may contain a key, and bytes of the answer.
            raise Unreachable(type(error).__name__) from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"{type(error).__name__}: {error}") from error

    async def _follow(self, url: URL, deadline: Deadline, lane: Lane) -> Response:
        # Another port is another server. The only exception is a redirect from http to the host's https.
        here = {(url.scheme, url.host, url.port), ("https", url.host, 443)}
        visited: list[URL] = []
        while len(visited) <= MAX_REDIRECTS:
            if visited:
                await self._another(lane, deadline)
            visited.append(url)
            response, location = await self._once(url, deadline, lane)
            if location is None:
                if response.status == 404 and len(visited) > 1:
                    # This 404 is about another address, so it says nothing about the requested one.
                    raise Blocked("redirect to what does not exist")
                return response
            check_headers(response)
            try:
                url = url.join(URL(location)).with_fragment(None)
                elsewhere = (url.scheme, url.host, url.port) not in here
            except ValueError:
                raise Blocked("redirect to no address") from None
            if elsewhere:
                raise Blocked("redirect to another host")
            if url in visited:
                # No cookies are kept, so a site that sets one and redirects would do so endlessly.
                raise Blocked("redirect in a circle")
        raise Blocked("too many redirects")

    async def _once(self, url: URL, deadline: Deadline, lane: Lane) -> tuple[Response, str | None]:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=READ_S)
        sent = 0

        async def paid(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
            # aiohttp repeats a request by itself when a kept connection turns out to be closed.
            nonlocal sent
            sent += 1
            if sent > 1:
                await self._another(lane, deadline)
            return await send(request)

        async with self._session.get(
            url,
            headers=self._headers,
            timeout=timeout,
            allow_redirects=False,
            middlewares=(paid,),
            max_line_size=MAX_FIELD_BYTES,
            max_field_size=MAX_FIELD_BYTES,
            max_headers=MAX_HEADERS,
        ) as answer:
            location = answer.headers.get("Location")
            if answer.status in REDIRECTS and location:
                return Response(answer.status, answer.headers, b""), location
            return Response(answer.status, answer.headers, await self._read(answer)), None

    async def _another(self, lane: Lane, deadline: Deadline) -> None:
        """Wait until one more request may be sent."""
        await self._turns.another(lane, deadline.remaining())
        await self._valve.take(background=lane is Lane.BACKGROUND)

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        pieces: list[bytes] = []
        size = 0
        async for piece in answer.content.iter_any():
            size += len(piece)
            if size > self._max_bytes:
                raise UpstreamFault(f"body over {self._max_bytes} bytes")
            pieces.append(piece)
        return b"".join(pieces)
