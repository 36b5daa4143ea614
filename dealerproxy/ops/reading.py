"""Metrics read at each scrape from the objects they describe."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

import dealerproxy
from dealerproxy.cache.memory import BoundedMemory
from dealerproxy.ops.families import DRIFT, FAMILIES, OK
from dealerproxy.ops.fill_ratio import FillRatio
from dealerproxy.transport import troubles as upstream_troubles
from dealerproxy.transport.circuit import Phase
from dealerproxy.transport.health import Health
from dealerproxy.transport.redis_guard import RedisGuard
from dealerproxy.transport.retry import CAPACITY, MENDABLE, Retries
from dealerproxy.transport.turns import TurnQueue
from dealerproxy.transport.valve import Valves
from dealerproxy.upstreams.upstream import Upstream
from dealerproxy.vehicles.fx import FxRates
from dealerproxy.vocabulary import Vocabulary


class Pool(NamedTuple):
    """The connections, turns and retries that some operations of an upstream share. The first operation names it."""

    upstream: str
    name: str
    turns: TurnQueue
    retries: Retries


class Reading(Collector):
    """A collector that calls functions."""

    def __init__(self, *reads: Callable[[], Iterable[Metric]]) -> None:
        self._reads = reads

    def collect(self) -> Iterator[Metric]:
        """Yields the current metrics of each function."""
        for read in self._reads:
            yield from read()


def build() -> Iterator[Metric]:
    """Yields the version of the running build."""
    info = _gauge("dealerproxy_build_info")
    info.add_metric((dealerproxy.__version__,), 1)
    yield info


def pools(watched: Iterable[Pool]) -> Iterator[Metric]:
    """Yields the load of the pools of requests to the upstreams."""
    held, queued = (_gauge(f"dealerproxy_upstream_requests_{state}") for state in ("in_flight", "queued"))
    retried, denied = (_counter(f"dealerproxy_upstream_{figure}_total") for figure in ("retries", "retries_denied"))
    budget = _gauge("dealerproxy_upstream_retry_budget_ratio")
    for pool in watched:
        labels = (pool.upstream, pool.name)
        waiting = pool.turns.queued
        for lane, count in pool.turns.held.items():
            held.add_metric((*labels, lane), count)
            queued.add_metric((*labels, lane), waiting[lane])
        for cause in sorted({error.code for error in MENDABLE}):
            retried.add_metric((*labels, cause), pool.retries.retried[cause])
        denied.add_metric(labels, pool.retries.denied)
        budget.add_metric(labels, pool.retries.budget.left / CAPACITY)
    yield from (held, queued, retried, denied, budget)


def circuits(health: Health) -> Iterator[Metric]:
    """Yields the circuits' states, as this process knows them."""
    states, reasons = _gauge("dealerproxy_circuit_state"), _gauge("dealerproxy_circuit_reason")
    until = _gauge("dealerproxy_circuit_suspended_until_timestamp_seconds")
    for circuit, snapshot in health.known().items():
        for state in Phase:
            states.add_metric((*circuit, state), state is snapshot.state)
        if snapshot.reason and snapshot.state in {Phase.SUSPENDED, Phase.PROBING}:
            reasons.add_metric((*circuit, snapshot.reason), 1)
        until.add_metric(circuit, snapshot.retry_at or 0)
    yield from (states, reasons, until)


def valves(watched: Valves) -> Iterator[Metric]:
    """Yields the pauses of the upstreams and their calls of this day, as this process knows them."""
    until = _gauge("dealerproxy_upstream_paused_until_timestamp_seconds")
    calls, limit = _gauge("dealerproxy_upstream_today_calls"), _gauge("dealerproxy_upstream_daily_limit_calls")
    for upstream, valve in watched.items():
        state = valve.state()
        until.add_metric((upstream,), state.pause.until if state.pause else 0)
        calls.add_metric((upstream,), state.calls)
        limit.add_metric((upstream,), state.most)
    yield from (until, calls, limit)


def absences(sites: Mapping[str, Upstream[Any]]) -> Iterator[Metric]:
    """Yields for each site whether it lost its adverts."""
    lost = _gauge("dealerproxy_mass_absence_state")
    for upstream, site in sites.items():
        lost.add_metric((upstream,), site.adverts.lost)
    yield lost


def troubles(sites: Mapping[str, Upstream[Any]]) -> Iterator[Metric]:
    """Yields the number of logged troubles. Each operation's drift starts at 0, so that the first increase shows."""
    lines, drifts = _counter("dealerproxy_upstream_troubles_total"), _counter("dealerproxy_upstream_drift_total")
    counts: Counter[tuple[str, str, str]] = Counter(
        {(name, operation, DRIFT): 0 for name, site in sites.items() for operation in site.operations}
    )
    for (upstream, operation, reason, path), count in upstream_troubles.trouble_counts.items():
        counts[upstream, operation, reason] += count
        if path:
            drifts.add_metric((upstream, operation, path), count)
    for labels, count in counts.items():
        lines.add_metric(labels, count)
    yield from (lines, drifts)


def fills(watched: Mapping[tuple[str, str], FillRatio]) -> Iterator[Metric]:
    """Yields the fill ratios, by upstream and kind of item."""
    ratio = _gauge("dealerproxy_field_fill_ratio")
    for place, fill in watched.items():
        for field, share in fill.shares.items():
            ratio.add_metric((*place, field), share)
    yield ratio


def words(vocabulary: Vocabulary) -> Iterator[Metric]:
    """Yields how often words without English occurred."""
    terms = _counter("dealerproxy_untranslated_terms_total")
    counts: Counter[str] = Counter()
    for (kind, _), count in vocabulary.untranslated.items():
        counts[kind] += count
    for kind, count in counts.items():
        terms.add_metric((kind,), count)
    yield terms


def cache(counts: Mapping[tuple[str, str, str], int], layers: Mapping[str, BoundedMemory]) -> Iterator[Metric]:
    """Yields the cache's use by kind, tier and result, and the size of its layers."""
    answers, taken = _counter("dealerproxy_cache_answers_total"), _gauge("dealerproxy_cache_bytes")
    for labels, count in counts.items():
        answers.add_metric(labels, count)
    for layer, memory in layers.items():
        taken.add_metric((layer,), memory.size)
    yield from (answers, taken)


def stocks(sites: Mapping[str, Upstream[Any]]) -> Iterator[Metric]:
    """Yields what is in stock by the names of the stocks.

    Readings start at 0, so that the first increase shows.
    """
    gauges = [_gauge(f"dealerproxy_stock_{what}") for what in ("listings", "rows", "bytes", "due_age_seconds")]
    spared, readings = _counter("dealerproxy_stock_spared_calls_total"), _counter("dealerproxy_stock_readings_total")
    for name, stock in (each for site in sites.values() for each in site.stocks.items()):
        for gauge, value in zip(gauges, stock[:4], strict=True):
            gauge.add_metric((name,), value)
        spared.add_metric((name,), stock.spared)
        results = {(work, result): 0 for work in ("read", "check") for result in (OK, DRIFT)} | dict(stock.results)
        for labels, count in results.items():
            readings.add_metric((name, *labels), count)
    yield from (*gauges, spared, readings)


def captures(met: Mapping[str, float]) -> Iterator[Metric]:
    """Yields the captured pages of the latest troubles, with the time of the last occurrence."""
    last = _gauge("dealerproxy_capture_last_met_timestamp_seconds")
    for capture, at in met.items():
        last.add_metric((capture,), at)
    yield last


def redis(shared: RedisGuard) -> Iterator[Metric]:
    """Yields the state of Redis."""
    up, failures = _gauge("dealerproxy_redis_up"), _counter("dealerproxy_redis_failures_total")
    up.add_metric((), not shared.failing)
    failures.add_metric((), shared.failures)
    yield from (up, failures)


def fx(rates: FxRates) -> Iterator[Metric]:
    """Yields the exchange rate and its age, without a refresh."""
    rate = rates.last
    figure, as_of = _gauge("dealerproxy_fx_krw_per_usd"), _gauge("dealerproxy_fx_as_of_timestamp_seconds")
    figure.add_metric((rate.source,), rate.krw_per_usd)
    as_of.add_metric((rate.source,), datetime.fromisoformat(rate.as_of).timestamp())
    read_at, change = _gauge("dealerproxy_fx_read_timestamp_seconds"), _gauge("dealerproxy_fx_change_ratio")
    if rates.read_at is not None and rates.change is not None:
        read_at.add_metric((), rates.read_at)
        change.add_metric((), rates.change)
    refused = _counter("dealerproxy_fx_refused_total")
    refused.add_metric((), rates.refused)
    yield from (figure, as_of, read_at, change, refused)


def _gauge(name: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, FAMILIES[name].about, labels=FAMILIES[name].labels)


def _counter(name: str) -> CounterMetricFamily:
    return CounterMetricFamily(name, FAMILIES[name].about, labels=FAMILIES[name].labels)
