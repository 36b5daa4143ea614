"""`GET /v1/upstreams`: every upstream's state, without a call. `POST /v1/upstreams/{name}/reset`: clears it."""

from collections.abc import Mapping, Sequence

from aiohttp import web
from msgspec import Struct

from dealerproxy.api.http import json_response
from dealerproxy.api.keys import CACHE, HEALTH
from dealerproxy.contract.errors import ApiError
from dealerproxy.contract.rate import iso_kst
from dealerproxy.transport.circuit import Phase, Snapshot

# From best to worst.
WORST_LAST = (Phase.HEALTHY, Phase.DEGRADED, Phase.PROBING, Phase.SUSPENDED)


class Operation(Struct, frozen=True, kw_only=True):
    """One operation of an upstream. `level` counts the suspensions in a row, `failures` the failures in a row."""

    state: Phase
    reason: str | None
    retry_at: str | None
    since: str | None
    level: int
    failures: int


class Upstream(Struct, frozen=True, kw_only=True):
    """An upstream, as its worst operation has it."""

    name: str
    state: Phase
    reason: str | None
    retry_at: str | None
    operations: Mapping[str, Operation]


class UpstreamList(Struct, frozen=True):
    """The answer of both routes."""

    data: Sequence[Upstream]


async def get_upstreams(request: web.Request) -> web.Response:
    """Answer `{"data": [{"name", "state", "reason", "retry_at", "operations"}]}`."""
    return json_response(UpstreamList(await upstreams_of(request.app)))


async def reset_upstream(request: web.Request) -> web.Response:
    """Allows requests to an upstream again at once, in all processes; 404 for an unknown name."""
    name = request.match_info["name"]
    if name not in {upstream.name for upstream in await upstreams_of(request.app)}:
        raise ApiError(404, "upstream_not_found", "There is no upstream of this name; see GET /v1/upstreams.")
    await request.app[HEALTH].reset(name)
    request.app[CACHE].forgive()
    return json_response(
        UpstreamList([upstream for upstream in await upstreams_of(request.app) if upstream.name == name])
    )


async def upstreams_of(app: web.Application) -> Sequence[Upstream]:
    """Returns the state of every upstream."""
    by_name: dict[str, dict[str, Operation]] = {}
    for (name, operation), snapshot in (await app[HEALTH].snapshot()).items():
        by_name.setdefault(name, {})[operation] = _shown(snapshot)
    return [_summed_up(name, operations) for name, operations in by_name.items()]


def _shown(snapshot: Snapshot) -> Operation:
    return Operation(
        state=snapshot.state,
        reason=snapshot.reason,
        retry_at=None if snapshot.retry_at is None else iso_kst(snapshot.retry_at),
        since=None if snapshot.since is None else iso_kst(snapshot.since),
        level=snapshot.level,
        failures=snapshot.failures,
    )


def _summed_up(name: str, operations: Mapping[str, Operation]) -> Upstream:
    worst = max(operations.values(), key=lambda operation: WORST_LAST.index(operation.state))
    return Upstream(
        name=name, state=worst.state, reason=worst.reason, retry_at=worst.retry_at, operations=dict(operations)
    )


ROUTES = (web.get("/v1/upstreams", get_upstreams), web.post("/v1/upstreams/{name}/reset", reset_upstream))
