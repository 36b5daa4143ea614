"""The metrics of an application: counters that events increase, and figures read at each scrape.

Most figures live in the objects they describe (`reading`); this module counts only what no other object counts.
Frequent calls find their counter in a dictionary and increase it, which takes about a microsecond.
"""

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from cachetools import LRUCache
from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from dealerproxy.cache.cache import StaleCache
from dealerproxy.cache.entries import CacheStatus
from dealerproxy.cache.memory import BoundedMemory
from dealerproxy.contract.answers import Buyable, Status
from dealerproxy.contract.detail import Enrichment, EnrichmentStatus
from dealerproxy.contract.terms import UPSTREAMS
from dealerproxy.ops import reading
from dealerproxy.ops.families import (
    CAPTURED,
    CAR,
    CHECK,
    FAMILIES,
    LEFT_OUT,
    LIST,
    METHODS,
    NO_TROUBLE,
    NOT_FOUND,
    NOT_OFFERED,
    OK,
    OUTCOMES,
    STATUSES,
)
from dealerproxy.ops.fill_ratio import CAR_FIELDS, ROW_FIELDS, FillRatio
from dealerproxy.transport.errors import NotFound, UpstreamError
from dealerproxy.transport.fetch import FetchObserver
from dealerproxy.transport.health import Health
from dealerproxy.transport.limits import Lane
from dealerproxy.transport.reading import CapturePage, keep_no_page
from dealerproxy.transport.redis_guard import RedisGuard
from dealerproxy.transport.retry import Retries
from dealerproxy.transport.troubles import OTHER
from dealerproxy.transport.turns import TurnQueue
from dealerproxy.transport.valve import Valves
from dealerproxy.upstreams.availability import Outcome
from dealerproxy.upstreams.upstream import Upstream
from dealerproxy.vehicles.car import Car
from dealerproxy.vehicles.fx import FxRates
from dealerproxy.vehicles.listing import LeftOut, LeftOutReason, Listing
from dealerproxy.vocabulary import Vocabulary

# Upper bounds of the histograms in seconds. Deadlines: a list 8 s, a car 10 s, an attempt 5 s; after 4 s it is slow.
REQUEST_S = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
UPSTREAM_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 5.0)
WAIT_S = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
LAG_S = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
# The most reasons of unreadable rows with a label of their own.
MOST_REASONS = 60
# The most captures with a label of their own: the latest.
MOST_CAPTURES = 50

# `_created` series double the number of counters and nothing reads them; prometheus_client has only this global switch.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """One registry and all its metrics."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(support_collectors_without_names=True)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self.lag = self._histogram("dealerproxy_event_loop_lag_seconds", LAG_S)

        self._requests = self._counter("dealerproxy_http_requests_total")
        self._request_s = self._histogram("dealerproxy_http_request_duration_seconds", REQUEST_S)
        self._bound: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        answers = self._counter("dealerproxy_source_answers_total")
        self._answers = {
            (upstream, kind, str(status)): answers.labels(upstream, kind, status)
            for upstream in UPSTREAMS
            for kind, statuses in STATUSES.items()
            for status in statuses
        }
        returned = self._counter("dealerproxy_rows_returned_total")
        self._returned = {upstream: returned.labels(upstream) for upstream in UPSTREAMS}
        left_out = self._counter("dealerproxy_rows_left_out_total")
        self._left_out = {f"left_out_{reason}": left_out.labels(reason) for reason in LEFT_OUT}
        self._lists: Tally[tuple[str, str, str]] = Tally()

        self._pools: list[reading.Pool] = []
        self._sent = self._counter("dealerproxy_upstream_requests_total")
        self._sent_s = self._histogram("dealerproxy_upstream_request_duration_seconds", UPSTREAM_S)
        self._waited_s = self._histogram("dealerproxy_upstream_queue_wait_seconds", WAIT_S)

        # All counters start at 0: Prometheus sees an increase only of a series that exists.
        pages, read = self._counter("dealerproxy_row_pages_read_total"), self._counter("dealerproxy_rows_read_total")
        self._read = {upstream: (pages.labels(upstream), read.labels(upstream)) for upstream in UPSTREAMS}
        not_offered = self._counter("dealerproxy_rows_not_offered_total")
        self._not_offered = {
            (upstream, reason): not_offered.labels(upstream, reason) for upstream in UPSTREAMS for reason in NOT_OFFERED
        }
        self._rejected = self._counter("dealerproxy_rows_rejected_total")
        self._reasons: set[str] = set()
        self._fills = {(upstream, LIST): FillRatio(ROW_FIELDS, window=1_000, least=200) for upstream in UPSTREAMS}
        self._fills |= {(upstream, CAR): FillRatio(CAR_FIELDS, window=200, least=20) for upstream in UPSTREAMS}
        captures = self._counter("dealerproxy_captures_total")
        self._captures = {result: captures.labels(result) for result in CAPTURED}
        self._met: LRUCache[str, float] = LRUCache(MOST_CAPTURES)

    def watch(
        self,
        *,
        health: Health,
        valves: Valves,
        sites: Mapping[str, Upstream[Any]],
        cache: StaleCache,
        answers: BoundedMemory,
        shared: RedisGuard | None,
        rates: FxRates,
        vocabulary: Vocabulary,
    ) -> None:
        """Adds these objects to each scrape; `answers` is the cache of complete lists."""
        layers = {"pieces": cache.memory, "answers": answers}
        self.registry.register(
            reading.Reading(
                reading.build,
                lambda: reading.pools(self._pools),
                lambda: reading.circuits(health),
                lambda: reading.valves(valves),
                lambda: reading.absences(sites),
                lambda: reading.troubles(sites),
                lambda: reading.fills(self._fills),
                lambda: reading.stocks(sites),
                lambda: reading.captures(self._met),
                lambda: reading.words(vocabulary),
                lambda: reading.cache({**cache.counts, **self._lists}, layers),
                lambda: reading.fx(rates),
                *((lambda: reading.redis(shared),) if shared is not None else ()),
            )
        )

    def pool(
        self,
        upstream: str,
        operations: Sequence[str],
        turns: TurnQueue,
        retries: Retries,
        capture: CapturePage = keep_no_page,
    ) -> FetchObserver:
        """Returns the observer of a fetcher's operations, which share a pool; the first operation names the pool.

        It counts requests and passes pages on to `capture`.
        """
        pool = reading.Pool(upstream, operations[0], turns, retries)
        self._pools.append(pool)
        return _PoolWatch(
            capture,
            partial(self._waited_s.labels, upstream, pool.name),
            {operation: self._sent_s.labels(upstream, operation) for operation in operations},
            {
                (operation, outcome): self._sent.labels(upstream, operation, outcome)
                for operation in operations
                for outcome in OUTCOMES
            },
        )

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts an answered request; `route` is its template."""
        key = (method if method in METHODS else OTHER, route, status)
        bound = self._bound.get(key)
        if bound is None:
            # A 304 counts as 2xx, which saves a series per route.
            status_class = f"{2 if status < 400 else status // 100}xx"
            bound = (self._requests.labels(*key), self._request_s.labels(route, status_class))
            self._bound[key] = bound
        bound[0].inc()
        bound[1].observe(seconds)

    def listed(self, envelope: Mapping[str, Any], *, result: str = CacheStatus.MISS) -> None:
        """Counts a list by its `sources` and `notices`: `hit` if all of it was cached, `error` if it failed."""
        self._lists["answer", "memory", result] += 1
        for source in envelope["sources"]:
            status = NO_TROUBLE.get((source["status"], source["reason"]), source["status"])
            self._answers[source["name"], LIST, status].inc()
            self._returned[source["name"]].inc(source["rows"])
        for notice in envelope.get("notices", ()):
            left_out = self._left_out.get(notice["code"])
            if left_out is not None:
                left_out.inc(notice["count"])

    def asked_for_car(self, upstream: str, state: CacheStatus | None) -> None:
        """Counts the outcome of a site's request for a car; None is a failure."""
        status = {CacheStatus.STALE: Status.STALE, None: Status.FAILED}.get(state, Status.OK)
        self._answers[upstream, CAR, status].inc()

    def checked(self, found: Mapping[tuple[str, str], Outcome]) -> None:
        """Counts each site's outcome of an availability check of cars, by site and number."""
        for (upstream, _), outcome in found.items():
            self._answers[upstream, CHECK, Status.FAILED if outcome.status is Buyable.UNKNOWN else Status.OK].inc()

    def described(self, car: Car, papers: Sequence[Enrichment]) -> None:
        """Updates the fill ratios with a car and its documents; documents that were not fetched do not count."""
        fill = self._fills[car.upstream, CAR]
        fill.add([car])
        for paper in papers:
            if paper.status in {EnrichmentStatus.OK, EnrichmentStatus.ABSENT}:
                fill.note(paper.name, [paper.status is EnrichmentStatus.OK])

    def judged(self, upstream: str, entries: Sequence[Listing | LeftOut], unreadable: Mapping[str, int]) -> None:
        """Counts the rows of an upstream's answer; `unreadable` is the number of unreadable rows by reason."""
        pages, read = self._read[upstream]
        pages.inc()
        read.inc(len(entries))
        for entry in entries:
            if isinstance(entry, LeftOut) and entry.reason is not LeftOutReason.UNREADABLE:
                self._not_offered[upstream, entry.reason].inc()
        # Trucks have other fields, which would distort the shares of cars.
        cars = [entry for entry in entries if isinstance(entry, Listing) and entry.truck is None]
        self._fills[upstream, LIST].add(cars)
        for reason, count in unreadable.items():
            shown = reason if reason in self._reasons or len(self._reasons) < MOST_REASONS else OTHER
            self._reasons.add(shown)
            self._rejected.labels(upstream, shown).inc(count)

    def captured(self, result: str) -> None:
        """Counts a capture as `written` or `failed`."""
        self._captures[result].inc()

    def met(self, capture: str) -> None:
        """Records the time of a trouble that a captured page shows."""
        self._met[capture] = time.time()

    def _counter(self, name: str) -> Counter:
        return Counter(name, FAMILIES[name].about, FAMILIES[name].labels, registry=self.registry)

    def _histogram(self, name: str, buckets: Sequence[float]) -> Histogram:
        return Histogram(name, FAMILIES[name].about, FAMILIES[name].labels, buckets=buckets, registry=self.registry)


class _PoolWatch(FetchObserver):
    """Counts requests, and the seconds that they waited before being sent."""

    def __init__(
        self,
        capture: CapturePage,
        waited: Callable[[Lane], Histogram],
        seconds: Mapping[str, Histogram],
        outcomes: Mapping[tuple[str, str], Counter],
    ) -> None:
        super().__init__(capture)
        self._waited, self._seconds, self._outcomes = waited, seconds, outcomes

    def waited(self, lane: Lane, seconds: float) -> None:
        self._waited(lane).observe(seconds)

    @contextmanager
    def sending(self, operation: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        except UpstreamError as error:
            self._count(operation, NOT_FOUND if isinstance(error, NotFound) else error.code, began)
            raise
        self._count(operation, OK, began)

    def _count(self, operation: str, outcome: str, began: float) -> None:
        self._seconds[operation].observe(time.perf_counter() - began)
        self._outcomes[operation, outcome if outcome in OUTCOMES else OTHER].inc()
