"""`GET /`: the status page, which ops look at first. `GET /v1/status`: its figures. Neither asks a site anything."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence

from aiohttp import web
from msgspec import Struct
from prometheus_client import CollectorRegistry

import dealerproxy
from dealerproxy import logs
from dealerproxy.api.history import History, Minute, Totals
from dealerproxy.api.pages import STATIC, files, page
from dealerproxy.api.responses import json_response
from dealerproxy.api.state import CACHE, METRICS, RATES, VOCABULARY
from dealerproxy.api.upstreams import Upstream, upstreams_of
from dealerproxy.ops.families import NOT_FOUND, OK
from dealerproxy.search.answer import FxShown, shown
from dealerproxy.vehicles.rate import iso_kst

SENT = "dealerproxy_upstream_requests_total"
SECONDS = "dealerproxy_upstream_request_duration_seconds_sum"
# A car that is not there is an answer.
ANSWERED = frozenset({OK, NOT_FOUND})


class WatchedUpstream(Upstream, frozen=True, kw_only=True):
    """An upstream with the requests sent to it in each minute of the last hour, oldest first."""

    minutes: Sequence[Minute]


class CacheUse(Struct, frozen=True):
    """How often a kind of piece was answered in which way: `hit`, `updating`, `miss`, `stale` or `error`."""

    kind: str
    results: Mapping[str, int]


class DriftSeen(Struct, frozen=True):
    """A mandatory path that was missing or unreadable in so many answers."""

    upstream: str
    operation: str
    path: str
    count: int


class StatusAnswer(Struct, frozen=True, kw_only=True):
    """How the service does: figures of the process that answers, since it started."""

    version: str
    started_at: str
    now: str
    upstreams: Sequence[WatchedUpstream]
    cache: Sequence[CacheUse]
    drift: Sequence[DriftSeen]
    untranslated: Mapping[str, int]
    fx: FxShown


class Started(Struct, frozen=True):
    """When the process started, and what became of its requests since."""

    at: str
    history: History


STARTED = web.AppKey("started", Started)


async def watch(app: web.Application) -> AsyncIterator[None]:
    """Remember the last hour for as long as the application runs."""
    history = History(lambda: totals(app[METRICS].registry))
    app[STARTED] = Started(iso_kst(time.time()), history)
    keeping = asyncio.create_task(history.keep(), name="keep-history")
    yield
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


async def get_status(request: web.Request) -> web.Response:
    """Answer what the status page shows."""
    app = request.app
    minutes = app[STARTED].history.minutes()
    answer = StatusAnswer(
        version=dealerproxy.__version__,
        started_at=app[STARTED].at,
        now=iso_kst(time.time()),
        upstreams=[
            WatchedUpstream(
                name=each.name,
                state=each.state,
                reason=each.reason,
                retry_at=each.retry_at,
                operations=each.operations,
                minutes=minutes.get(each.name, ()),
            )
            for each in await upstreams_of(app)
        ],
        cache=cache_use(app[CACHE].counts),
        drift=drift_seen(logs.troubles),
        untranslated=_by_kind(app[VOCABULARY].untranslated),
        fx=shown(app[RATES].last),
    )
    return json_response(answer, headers={"Cache-Control": "no-store"})


def totals(registry: CollectorRegistry) -> Mapping[str, Totals]:
    """Sum up, by upstream, what was sent to all of its operations."""
    found: dict[str, Totals] = {}
    for metric in registry.restricted_registry([SENT, SECONDS]).collect():
        for sample in metric.samples:
            upstream = sample.labels["upstream"]
            so_far = found.get(upstream, Totals())
            if sample.name == SECONDS:
                found[upstream] = so_far._replace(seconds=so_far.seconds + sample.value)
            else:
                failures = 0.0 if sample.labels["outcome"] in ANSWERED else sample.value
                found[upstream] = so_far._replace(
                    requests=so_far.requests + sample.value, failures=so_far.failures + failures
                )
    return found


def cache_use(counts: Mapping[tuple[str, str, str], int]) -> Sequence[CacheUse]:
    """Sum up the cache's counts over its tiers, by kind of piece."""
    by_kind: dict[str, Counter[str]] = {}
    for (kind, _, result), count in counts.items():
        by_kind.setdefault(kind, Counter())[str(result)] += count
    return [CacheUse(kind, results) for kind, results in sorted(by_kind.items())]


def drift_seen(troubles: Mapping[tuple[str, str, str, str], int]) -> Sequence[DriftSeen]:
    """Pick the drift out of all troubles, what was met most often first."""
    seen = [
        DriftSeen(upstream, operation, path, count)
        for (upstream, operation, _, path), count in troubles.items()
        if path
    ]
    return sorted(seen, key=lambda drift: -drift.count)


def _by_kind(untranslated: Mapping[tuple[str, str], int]) -> Mapping[str, int]:
    counts: Counter[str] = Counter()
    for (kind, _), count in untranslated.items():
        counts[kind] += count
    return counts


ROUTES = (
    # Thumbnails stand on the sites' own hosts.
    web.get("/", page("status.html", img_src="https: data:")),
    files("/static", sorted(each for each in STATIC.iterdir() if each.suffix in {".css", ".js", ".svg"})),
    web.get("/v1/status", get_status),
)
