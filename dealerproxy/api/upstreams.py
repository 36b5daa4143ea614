"""`GET /v1/upstreams`: every upstream's state, without a call. `POST /v1/upstreams/{name}/reset`: clears it.

`POST /v1/upstreams/{name}/pause` stops all calls to an upstream for some minutes; `/resume` allows them again.
"""

import time
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from dealerproxy.api.http import body_of, json_response
from dealerproxy.api.keys import CACHE, HEALTH, SETTINGS, SITES, VALVES
from dealerproxy.contract.errors import ApiError, Issue, validation_error
from dealerproxy.contract.rate import iso_kst
from dealerproxy.transport.circuit import Phase, Snapshot
from dealerproxy.transport.errors import DailyBudget, Paused
from dealerproxy.transport.valve import MOST_MINUTES, MOST_NOTE, Valve
from dealerproxy.upstreams.stocked import StockFigures, trucks_of

# From best to worst.
WORST_LAST = (Phase.HEALTHY, Phase.DEGRADED, Phase.PROBING, Phase.SUSPENDED)


class State(StrEnum):
    """The state of an upstream: that of its worst operation, or `paused` by an operator."""

    HEALTHY = Phase.HEALTHY
    DEGRADED = Phase.DEGRADED
    PROBING = Phase.PROBING
    SUSPENDED = Phase.SUSPENDED
    PAUSED = "paused"


class Operation(Struct, frozen=True, kw_only=True):
    """One operation of an upstream. `level` counts the suspensions in a row, `failures` the failures in a row."""

    state: Phase
    reason: str | None
    retry_at: str | None
    since: str | None
    level: int
    failures: int


class LastReading(Struct, frozen=True, kw_only=True):
    """The last listing that was read whole (`read`) or checked for new cars (`check`): `ok` or an error's code."""

    work: str
    result: str
    at: str


class Stock(Struct, frozen=True, kw_only=True):
    """The listings of an upstream that the process holds whole.

    `rows` counts a car once for each listing with it. The oldest and the newest listing were read at `oldest_at` and
    `newest_at`, null without listings. `last_reading` is null until this process has read or checked one.
    """

    listings: int
    rows: int
    bytes: int
    oldest_at: str | None
    newest_at: str | None
    last_reading: LastReading | None


class PauseShown(Struct, frozen=True, kw_only=True):
    """An operator's pause, which stops all calls `until` a time."""

    since: str
    until: str
    note: str


class DailyCalls(Struct, frozen=True, kw_only=True):
    """The calls of this day in Seoul, which ends at `resets_at`. `limit` is null without a bound.

    At `background_limit` background calls stop, at `limit` all calls.
    """

    used: int
    limit: int | None
    background_limit: int | None
    resets_at: str


class Upstream(Struct, frozen=True, kw_only=True):
    """An upstream, with the state of its worst operation.

    While all calls are blocked, `reason` and `retry_at` are those of the pause (state `paused`), or of the used-up
    daily calls (state `suspended`, reason `daily_budget`). `stock` is null if it is off (`DEALERPROXY_STOCK_MB=0`);
    `truck_stock` is null also if trucks are kept with the cars.
    """

    name: str
    state: State
    reason: str | None
    retry_at: str | None
    operations: Mapping[str, Operation]
    pause: PauseShown | None
    calls: DailyCalls
    stock: Stock | None
    truck_stock: Stock | None


class PauseOrder(Struct, frozen=True):
    """How long to stop all calls, in minutes, and a note for the status page."""

    minutes: Annotated[int, Meta(ge=1, le=MOST_MINUTES)]
    note: Annotated[str, Meta(max_length=MOST_NOTE)] = ""


class UpstreamList(Struct, frozen=True):
    """The answer of all routes."""

    data: Sequence[Upstream]


async def get_upstreams(request: web.Request) -> web.Response:
    """Return an UpstreamList of all upstreams."""
    return json_response(UpstreamList(await upstreams_of(request.app)))


async def reset_upstream(request: web.Request) -> web.Response:
    """Allow requests to an upstream again at once, in all processes, unless it is paused; 404 for an unknown name."""
    name = await _named(request)
    await request.app[HEALTH].reset(name)
    request.app[CACHE].forgive()
    return await _one(request.app, name)


async def pause_upstream(request: web.Request) -> web.Response:
    """Stop all calls to an upstream for some minutes, in all processes; 404 for an unknown name."""
    name = await _named(request)
    order = pause_order(await body_of(request, request.app[SETTINGS].list_deadline_s))
    await request.app[VALVES][name].pause(order.minutes, order.note)
    return await _one(request.app, name)


async def resume_upstream(request: web.Request) -> web.Response:
    """End a pause at once, in all processes; without a pause, do nothing. 404 for an unknown name."""
    name = await _named(request)
    await request.app[VALVES][name].resume()
    return await _one(request.app, name)


async def _named(request: web.Request) -> str:
    """Return the name of the upstream in the path. Raises ApiError 404 for an unknown name."""
    name = request.match_info["name"]
    if name not in {upstream.name for upstream in await upstreams_of(request.app)}:
        raise ApiError(404, "upstream_not_found", "No upstream has this name. GET /v1/upstreams lists them.")
    return name


async def _one(app: web.Application, name: str) -> web.Response:
    return json_response(UpstreamList([upstream for upstream in await upstreams_of(app) if upstream.name == name]))


def pause_order(raw: bytes) -> PauseOrder:
    """Return the pause that a body requests. Raises ApiError 400 that names each bad field."""
    try:
        body: Mapping[str, Any] = msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        message = 'The body must be JSON: {"minutes": 30, "note": "why"}.'
        raise validation_error([Issue("minutes", message)]) from None
    minutes: Any = body.get("minutes")
    note: Any = body.get("note", "")
    issues = list[Issue]()
    # In JSON, 30 and 30.0 are the same whole number; `true` is not a number.
    if isinstance(minutes, bool) or minutes not in range(1, MOST_MINUTES + 1):
        issues.append(Issue("minutes", f"`minutes` must be a whole number from 1 to {MOST_MINUTES}."))
    if not (isinstance(note, str) and len(note) <= MOST_NOTE):
        issues.append(Issue("note", f"`note` must be a text of at most {MOST_NOTE} characters."))
    if issues:
        raise validation_error(issues)
    return PauseOrder(int(minutes), note.strip())


async def upstreams_of(app: web.Application) -> Sequence[Upstream]:
    """Return the state of every upstream."""
    by_name: dict[str, dict[str, Operation]] = {}
    for (name, operation), snapshot in (await app[HEALTH].snapshot()).items():
        by_name.setdefault(name, {})[operation] = _shown(snapshot)
    await app[VALVES].refresh()
    sites, valves = app[SITES], app[VALVES]
    return [_summed_up(name, operations, valves[name], sites[name].stocks) for name, operations in by_name.items()]


def _shown(snapshot: Snapshot) -> Operation:
    return Operation(
        state=snapshot.state,
        reason=snapshot.reason,
        retry_at=None if snapshot.retry_at is None else iso_kst(snapshot.retry_at),
        since=None if snapshot.since is None else iso_kst(snapshot.since),
        level=snapshot.level,
        failures=snapshot.failures,
    )


def _summed_up(
    name: str, operations: Mapping[str, Operation], valve: Valve, stocks: Mapping[str, StockFigures]
) -> Upstream:
    worst = max(operations.values(), key=lambda operation: WORST_LAST.index(operation.state))
    state, reason, retry_at = State(worst.state), worst.reason, worst.retry_at
    valve_state = valve.state()
    pause, resets_at = valve_state.pause, iso_kst(valve_state.day_ends_at)
    if pause is not None:
        state, reason, retry_at = State.PAUSED, Paused.code, iso_kst(pause.until)
    elif isinstance(valve.closed(), DailyBudget):
        state, reason, retry_at = State.SUSPENDED, DailyBudget.code, resets_at
    return Upstream(
        name=name,
        state=state,
        reason=reason,
        retry_at=retry_at,
        operations=dict(operations),
        pause=pause and PauseShown(since=iso_kst(pause.since), until=iso_kst(pause.until), note=pause.note),
        calls=DailyCalls(
            used=valve_state.calls,
            limit=valve_state.most or None,
            background_limit=valve_state.most_background or None,
            resets_at=resets_at,
        ),
        stock=_held(stocks.get(name)),
        truck_stock=_held(stocks.get(trucks_of(name))),
    )


def _held(stock: StockFigures | None) -> Stock | None:
    if stock is None:
        return None
    now, last = time.time(), stock.last
    return Stock(
        listings=stock.listings,
        rows=stock.rows,
        bytes=stock.size_bytes,
        oldest_at=None if stock.oldest_s is None else iso_kst(now - stock.oldest_s),
        newest_at=None if stock.newest_s is None else iso_kst(now - stock.newest_s),
        last_reading=None
        if last is None
        else LastReading(work=last.work, result=last.result, at=iso_kst(now - last.age_s)),
    )


ROUTES = (
    web.get("/v1/upstreams", get_upstreams),
    web.post("/v1/upstreams/{name}/reset", reset_upstream),
    web.post("/v1/upstreams/{name}/pause", pause_upstream),
    web.post("/v1/upstreams/{name}/resume", resume_upstream),
)
