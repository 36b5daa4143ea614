"""Calls for single adverts: adverts that wait for a turn of the rate limit at the same time share one call.

A lone advert comes from the detail endpoint, several from the batch endpoint, which leaves out cars that are gone.
"""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context, copy_context

from dealerproxy.transport.errors import Drift, ServerFault, UpstreamError, UpstreamFault
from dealerproxy.transport.limits import ANSWER, FLIGHT, LANE, Flight
from dealerproxy.upstreams.encar.client import BATCH_IDS, EncarClient
from dealerproxy.upstreams.encar.parsed_advert import ParsedAdvert

ReadOne = Callable[[bytes], ParsedAdvert]
ReadMany = Callable[[bytes, Sequence[str]], Mapping[str, ParsedAdvert]]


class _Wanted:
    """A wanted advert: how to read it alone, the callback for its 404, and its outcome."""

    def __init__(self, read: ReadOne, missing: Callable[[], None]) -> None:
        self.read, self.missing = read, missing
        self.flight: Flight | None = FLIGHT.get()
        self.outcome: asyncio.Future[ParsedAdvert | None] = asyncio.get_running_loop().create_future()
        if self.flight is not None:
            self.flight.queued = True

    def end(self, advert: ParsedAdvert | None) -> None:
        if not self.outcome.done():
            self.outcome.set_result(advert)

    def fail(self, error: UpstreamError) -> None:
        if not self.outcome.done():
            self.outcome.set_exception(error)
            self.outcome.exception()  # read, because it may have no waiter any more


class _Call(Flight):
    """One call and its adverts by id; more may join until it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted: dict[str, _Wanted] = {}
        self.task: asyncio.Task[None] | None = None

    def patience_s(self) -> float:
        """Seconds until the last waiter's deadline; infinite if an advert has none."""
        flights = [wanted.flight for wanted in self.wanted.values()]
        return max((math.inf if flight is None else flight.patience_s() for flight in flights), default=math.inf)


class AdvertCalls:
    """Combines adverts into calls. `read_many` reads a batch answer into adverts by the given ids."""

    def __init__(self, client: EncarClient, read_many: ReadMany) -> None:
        self._client, self._read_many = client, read_many
        self._open: _Call | None = None

    async def advert(
        self, listing_id: str, read: ReadOne, *, within_s: float, missing: Callable[[], None]
    ) -> ParsedAdvert | None:
        """Return an advert, or None if it must be fetched alone because the call cannot tell.

        None means that a batch lacks it, or could not be read. Raises UpstreamError: for a lone advert as
        `EncarClient.detail`; for several if the site failed, which then counts for each of them.
        """
        call = self._open
        if call is None or len(call.wanted) >= BATCH_IDS or listing_id in call.wanted:
            call = self._open = _Call()
        wanted = call.wanted[listing_id] = _Wanted(read, missing)
        if call.task is None:
            call.task = asyncio.create_task(self._send(call, within_s), context=_context_of(call))
        try:
            return await wanted.outcome
        finally:
            if not wanted.outcome.done() or wanted.outcome.cancelled():
                self._leave(call, listing_id)

    def _leave(self, call: _Call, listing_id: str) -> None:
        if call is self._open:
            del call.wanted[listing_id]
        if call.task is not None and all(wanted.outcome.done() for wanted in call.wanted.values()):
            self._close(call)
            call.task.cancel()

    def _close(self, call: _Call) -> None:
        if self._open is call:
            self._open = None

    async def _send(self, call: _Call, within_s: float) -> None:
        def listing_ids() -> Sequence[str]:
            """Return the ids that are wanted when the call has its turn."""
            self._close(call)
            for wanted in call.wanted.values():
                if wanted.flight is not None:
                    wanted.flight.sent = True
            return tuple(call.wanted)

        def read(body: bytes, ids: Sequence[str]) -> Mapping[str, ParsedAdvert]:
            return self._read_many(body, ids) if len(ids) > 1 else {ids[0]: call.wanted[ids[0]].read(body)}

        def missing(listing_id: str) -> None:
            call.wanted[listing_id].missing()

        try:
            found = await self._client.detail_or_details(listing_ids, read, within_s=within_s, missing=missing)
        except UpstreamError as error:
            self._close(call)
            alone = len(call.wanted) > 1 and _is_of_the_batch(error)
            for wanted in call.wanted.values():
                if alone:
                    wanted.end(None)
                else:
                    wanted.fail(error)
            return
        for listing_id, wanted in call.wanted.items():
            wanted.end(found.get(listing_id))


def _is_of_the_batch(error: UpstreamError) -> bool:
    """Whether a failure may affect only the batch endpoint, so that single calls are worth their turns."""
    return isinstance(error, Drift | UpstreamFault) and not isinstance(error, ServerFault)


def _context_of(call: _Call) -> Context:
    """Return a context for a call that serves several loads and belongs to none of them."""
    context = copy_context()
    context.run(FLIGHT.set, call)
    context.run(ANSWER.set, None)
    context.run(LANE.set, None)
    return context
