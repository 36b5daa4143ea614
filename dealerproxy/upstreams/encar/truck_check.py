"""A check of truck searches that count 0: one search by the maker alone, once a day, in the background.

A word that the truck index does not know counts 0, which looks like "none for sale". The maker's count, and the models
that its rows name, show whether the words of the search can be right.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable

import structlog

from dealerproxy.tasks import cancel_and_wait
from dealerproxy.transport.errors import Drift, UpstreamError
from dealerproxy.transport.limits import background
from dealerproxy.transport.reading import report
from dealerproxy.transport.troubles import upstream_trouble
from dealerproxy.upstreams.encar.addresses import UPSTREAM
from dealerproxy.upstreams.encar.client import EncarClient
from dealerproxy.upstreams.encar.indexes import NEWEST
from dealerproxy.upstreams.encar.leg import EncarLeg
from dealerproxy.upstreams.encar.operations import TRUCK_SEARCH
from dealerproxy.upstreams.encar.query import TruckSearch, trucks_q
from dealerproxy.upstreams.encar.rows import COUNT, SearchTarget
from dealerproxy.upstreams.paging import CHUNK_ROWS
from dealerproxy.vehicles.listing import Listing
from dealerproxy.vocabulary import Vocabulary

CHECK_EVERY_S = 86_400.0
# Seconds until the next check after one that failed.
AGAIN_S = 600.0


class TruckCheck:
    """Checks makers whose searches count 0; `clock` counts seconds and never goes back."""

    def __init__(
        self,
        client: EncarClient,
        vocabulary: Vocabulary,
        *,
        deadline_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`deadline_s` bounds a check, in seconds."""
        self._client, self._vocabulary = client, vocabulary
        self._deadline_s, self._clock = deadline_s, clock
        self._not_before: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def empty(self, leg: EncarLeg) -> None:
        """Note a leg that counts 0: its maker is checked unless that was done within a day."""
        maker = leg.asked.facet
        if self._clock() < self._not_before.get(maker, float("-inf")):
            return
        self._not_before[maker] = self._clock() + CHECK_EVERY_S
        with background():
            task = asyncio.create_task(self._check(leg.asked), name="check-trucks")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Cancel the background work."""
        await cancel_and_wait(*self._tasks)

    async def _check(self, asked: SearchTarget) -> None:
        structlog.contextvars.clear_contextvars()  # its log lines do not belong to the request that started it
        try:
            await self._client.search(
                trucks_q(TruckSearch(maker=asked.facet)),
                lambda body: self._read(body, asked),
                sort=NEWEST,
                offset=0,
                limit=CHUNK_ROWS,
                within_s=self._deadline_s,
                operation=TRUCK_SEARCH,
            )
        except UpstreamError as error:
            self._not_before[asked.facet] = self._clock() + AGAIN_S
            upstream_trouble(UPSTREAM, TRUCK_SEARCH.name, error)

    def _read(self, body: bytes, asked: SearchTarget) -> None:
        """Compare the maker's own answer with the search that counted 0; report a contradiction as drift."""
        total, entries = TRUCK_SEARCH.read(body, asked._replace(trucks=()), self._vocabulary, Counter())
        shown = {entry.model for entry in entries if isinstance(entry, Listing)}
        known = [self._vocabulary.trucks.model_of(asked.facet, korean) for korean in asked.trucks]
        names = sorted({truck.model.name for truck in known if truck is not None})
        expected = any(truck.model.stock for truck in known if truck is not None)
        if not total:
            problem = Drift(COUNT, "0 for a maker alone: its word may have changed")
        elif expected or not shown.isdisjoint(names):
            problem = Drift(COUNT, f"0 for {', '.join(names)}, and {total} for the maker alone")
        else:
            return
        report(problem)
        upstream_trouble(UPSTREAM, TRUCK_SEARCH.name, problem)
