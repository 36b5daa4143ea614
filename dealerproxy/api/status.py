"""`GET /`: the status page for operators. `GET /v1/status`: its figures. Neither calls a site."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web
from msgspec import Struct
from prometheus_client import CollectorRegistry

import dealerproxy
from dealerproxy.api.http import json_response
from dealerproxy.api.keys import METRICS, RATES, SETTINGS
from dealerproxy.api.pages import STATIC, files, page
from dealerproxy.api.partners import (
    CAR_OPERATIONS,
    LIST_OPERATIONS,
    PartnersNow,
    SourceNow,
    answers_of,
    circuit_of,
    source_now,
)
from dealerproxy.api.upstreams import Upstream, upstreams_of
from dealerproxy.contract.answers import FxShown
from dealerproxy.contract.rate import iso_kst
from dealerproxy.ops.families import CAR, LIST, NOT_FOUND, OK
from dealerproxy.ops.history import History, Minute, Totals
from dealerproxy.search.source_report import shown
from dealerproxy.tasks import cancel_and_wait

# The metrics from which the figures come.
SENT = "dealerproxy_upstream_requests_total"
SECONDS = "dealerproxy_upstream_request_duration_seconds_sum"
CACHE = "dealerproxy_cache_answers_total"
DRIFT = "dealerproxy_upstream_drift_total"
ANSWERS = "dealerproxy_source_answers_total"
UNTRANSLATED = "dealerproxy_untranslated_terms_total"
# A 404 for a car counts as an answer.
ANSWERED = frozenset({OK, NOT_FOUND})


class WatchedUpstream(Upstream, frozen=True, kw_only=True):
    """An upstream with the requests sent to it in each minute of the last hour, oldest first."""

    minutes: Sequence[Minute]


class CacheUse(Struct, frozen=True):
    """How often an entry of a kind, or a whole list (`answer`), was `hit`, `updating`, `miss`, `stale` or `error`."""

    kind: str
    results: Mapping[str, int]


class DriftSeen(Struct, frozen=True):
    """A required field that was missing or unreadable, and in how many answers."""

    upstream: str
    operation: str
    path: str
    count: int


class CaptureKept(Struct, frozen=True):
    """A saved page with a fault, which the name of its folder states."""

    name: str
    at: str


class StatusAnswer(Struct, frozen=True, kw_only=True):
    """Figures of the process that answers, since its start.

    `captures` are the latest ones, the last one first; null if captures are off.
    """

    version: str
    started_at: str
    now: str
    partners: PartnersNow
    upstreams: Sequence[WatchedUpstream]
    cache: Sequence[CacheUse]
    drift: Sequence[DriftSeen]
    untranslated: Mapping[str, int]
    captures: Sequence[CaptureKept] | None
    fx: FxShown


class Started(Struct, frozen=True):
    """The start time of the process, the outcomes of its requests since then, and its answers by (upstream, kind)."""

    at: str
    history: History[str]
    answered: History[tuple[str, str]]


STARTED = web.AppKey("started", Started)


# The most captures on the page.
MOST_CAPTURES = 5
# The samples of a metric: labels and value of each.
Samples = Sequence[tuple[Mapping[str, str], float]]


async def watch(app: web.Application) -> AsyncIterator[None]:
    """Record the last hour's requests while the application runs."""
    registry = app[METRICS].registry
    history = History(lambda: totals(*read(registry, SENT, SECONDS)))
    answered = History(lambda: answers(*read(registry, ANSWERS)))
    app[STARTED] = Started(iso_kst(time.time()), history, answered)
    keeping = [asyncio.create_task(each.keep(), name="keep-history") for each in (history, answered)]
    yield
    await cancel_and_wait(*keeping)


async def get_status(request: web.Request) -> web.Response:
    """Return the figures of the status page."""
    app = request.app
    minutes = app[STARTED].history.minutes()
    upstreams = await upstreams_of(app)
    folder = app[SETTINGS].capture_dir
    cache, drift, untranslated = read(app[METRICS].registry, CACHE, DRIFT, UNTRANSLATED)
    answer = StatusAnswer(
        version=dealerproxy.__version__,
        started_at=app[STARTED].at,
        now=iso_kst(time.time()),
        partners=partners_now(upstreams, minutes, app[STARTED].answered.minutes()),
        upstreams=[
            WatchedUpstream(
                name=each.name,
                state=each.state,
                reason=each.reason,
                retry_at=each.retry_at,
                operations=each.operations,
                pause=each.pause,
                calls=each.calls,
                stock=each.stock,
                truck_stock=each.truck_stock,
                minutes=minutes.get(each.name, ()),
            )
            for each in upstreams
        ],
        cache=cache_use(cache),
        drift=drift_seen(drift),
        untranslated={labels["kind"]: round(count) for labels, count in untranslated},
        captures=await asyncio.to_thread(last_captures, Path(folder)) if folder else None,
        fx=shown(app[RATES].last),
    )
    return json_response(answer, headers={"Cache-Control": "no-store"})


def partners_now(
    upstreams: Sequence[Upstream],
    sent: Mapping[str, Sequence[Minute]],
    answered: Mapping[tuple[str, str], Sequence[Minute]],
) -> PartnersNow:
    """Return what lists and cars are made of now."""
    now = datetime.now(UTC)

    def of(kind: str, needed: Mapping[str, str]) -> Sequence[SourceNow]:
        return [
            source_now(
                each.name,
                circuit_of(each, needed[each.name]),
                answered.get((each.name, kind), ()),
                sent.get(each.name, ()),
                now,
            )
            for each in upstreams
        ]

    return PartnersNow(of(LIST, LIST_OPERATIONS), of(CAR, CAR_OPERATIONS))


def read(registry: CollectorRegistry, *names: str) -> list[Samples]:
    """Return the samples of some metrics, in the order of their names."""
    found: dict[str, list[tuple[Mapping[str, str], float]]] = {name: [] for name in names}
    for metric in registry.restricted_registry(names).collect():
        for sample in metric.samples:
            found[sample.name].append((sample.labels, sample.value))
    return list(found.values())


def totals(sent: Samples, seconds: Samples) -> Mapping[str, Totals]:
    """Return the requests, failures and seconds of all operations, summed by upstream."""
    requests, taken = defaultdict[str, float](float), defaultdict[str, float](float)
    failures = defaultdict[str, dict[str, float]](dict)
    for labels, count in sent:
        upstream, outcome = labels["upstream"], labels["outcome"]
        requests[upstream] += count
        if outcome not in ANSWERED:
            failures[upstream][outcome] = failures[upstream].get(outcome, 0.0) + count
    for labels, count in seconds:
        taken[labels["upstream"]] += count
    return {upstream: Totals(requests[upstream], failures[upstream], taken[upstream]) for upstream in requests}


def answers(given: Samples) -> Mapping[tuple[str, str], Totals]:
    """Return the sources' answers to partners, summed by upstream and kind of answer."""
    by_kind = defaultdict[tuple[str, str], dict[str, float]](dict)
    for labels, count in given:
        by_kind[labels["upstream"], labels["kind"]][labels["status"]] = count
    return {key: answers_of(counts) for key, counts in by_kind.items()}


def cache_use(answers: Samples) -> Sequence[CacheUse]:
    """Return the cache's results, summed over its tiers, by kind of entry."""
    by_kind: dict[str, dict[str, int]] = {}
    for labels, count in answers:
        results = by_kind.setdefault(labels["kind"], {})
        results[labels["result"]] = results.get(labels["result"], 0) + round(count)
    return [CacheUse(kind, results) for kind, results in sorted(by_kind.items())]


def drift_seen(drift: Samples) -> Sequence[DriftSeen]:
    """Return the drift seen, most frequent first."""
    seen = [DriftSeen(labels["upstream"], labels["operation"], labels["path"], round(count)) for labels, count in drift]
    return sorted(seen, key=lambda each: -each.count)


def last_captures(folder: Path) -> Sequence[CaptureKept]:
    """Return the latest captures in a folder, the last one first."""
    found: list[tuple[float, str]] = []
    with suppress(OSError):  # no folder before the first capture; newer captures replace older ones
        # A name with a leading dot is still being written.
        found += [(each.stat().st_mtime, each.name) for each in folder.iterdir() if not each.name.startswith(".")]
    return [CaptureKept(name, iso_kst(at)) for at, name in sorted(found, reverse=True)[:MOST_CAPTURES]]


ROUTES = (
    # Thumbnails come from the sites' own hosts.
    web.get("/", page("status.html", img_src="https: data:")),
    files("/static", sorted(each for each in STATIC.iterdir() if each.suffix in {".css", ".js", ".svg"})),
    web.get("/v1/status", get_status),
)
