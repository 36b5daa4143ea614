"""What partners get right now: told by circuits, and where those are well by the latest answers."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import orjson
import pytest

from dealerproxy.api.keys import SITES
from dealerproxy.api.partners import CAR_OPERATIONS, LIST_OPERATIONS, answers_of, source_now
from dealerproxy.api.upstreams import Operation
from dealerproxy.contract.answers import Status
from dealerproxy.contract.terms import UPSTREAMS
from dealerproxy.ops.families import CAR, LIST, STATUSES
from dealerproxy.ops.history import MINUTES, Minute, Totals
from dealerproxy.transport.circuit import Phase
from tests.api.conftest import Sandbox

NOW = datetime.fromisoformat("2026-11-29T02:10:00+09:00")
NOTHING = Minute(0, {}, None)


def circuit(state: Phase = Phase.HEALTHY, ago_s: float = 0.0) -> Operation:
    down = state is not Phase.HEALTHY
    return Operation(
        state=state,
        reason="blocked" if down else None,
        retry_at="2026-11-29T02:13:00+09:00" if down else None,
        since=(NOW - timedelta(seconds=ago_s)).isoformat(),  # a closed circuit tells when it closed
        level=int(down),
        failures=int(down),
    )


def minute(ok: int = 0, **others: int) -> Minute:
    return Minute(ok + sum(others.values()), others, 0.0)


def status_of(state: Phase, answered: Sequence[Minute], ago_s: float = 0.0) -> Status | None:
    return source_now("encar", circuit(state, ago_s), answered, (), NOW).status


@pytest.mark.parametrize(
    ("answered", "status"),
    [
        pytest.param([], None, id="just started"),
        pytest.param([NOTHING] * MINUTES, None, id="no traffic for an hour"),
        pytest.param([minute(3)], "ok", id="all well"),
        pytest.param([minute(3), *[NOTHING] * 30], "ok", id="all well when last asked"),
        pytest.param([minute(9, failed=1)], "ok", id="one failure among many"),
        pytest.param([minute(3, failed=2)], "partial", id="some fail"),
        pytest.param([minute(3, partial=2)], "partial", id="some lack rows"),
        pytest.param([minute(failed=1)], "failed", id="the only one fails"),
        pytest.param([minute(failed=7), minute(5)], "ok", id="well again"),
        pytest.param([minute(50), minute(failed=5)], "failed", id="just broken"),
        pytest.param([minute(stale=4, ok=1)], "stale", id="mostly stale"),
        pytest.param([minute(stale=2, ok=3)], "ok", id="some stale"),
    ],
)
def test_a_site_whose_circuit_is_closed_is_as_its_latest_answers(
    answered: Sequence[Minute], status: str | None
) -> None:
    assert status_of(Phase.HEALTHY, answered) == status


@pytest.mark.parametrize("state", [Phase.SUSPENDED, Phase.PROBING])
@pytest.mark.parametrize(
    ("answered", "ago_s", "status"),
    [
        pytest.param([], 0, "failed", id="nobody asked"),
        pytest.param([minute(100, failed=1)], 10, "failed", id="it was well before"),
        pytest.param([minute(stale=3, failed=1)], 10, "stale", id="kept answers"),
        pytest.param([minute(100), minute(failed=4)], 70, "failed", id="nothing kept"),
        pytest.param([minute(failed=9), minute(4)], 70, "stale", id="stock that is still fresh"),
        pytest.param([minute(failed=5)] * 9, 3_600, "failed", id="long down"),
    ],
)
def test_a_suspended_site_gives_what_was_kept_or_fails(
    state: Phase, answered: Sequence[Minute], ago_s: float, status: str
) -> None:
    told = source_now("encar", circuit(state, ago_s), answered, (), NOW)
    assert (told.status, told.reason, told.retry_at) == (status, "blocked", "2026-11-29T02:13:00+09:00")


def test_the_reason_of_trouble_without_a_suspension_is_the_most_frequent_failure() -> None:
    sent = [minute(5, drift=3, timed_out=1)]
    assert source_now("encar", circuit(), [minute(failed=3)], sent, NOW).reason == "drift"
    assert source_now("encar", circuit(), [minute(3)], sent, NOW).reason is None
    assert source_now("encar", circuit(), [minute(3)], sent, NOW).since is None


@pytest.mark.parametrize("kind", [LIST, CAR])
def test_each_status_that_is_counted_is_good_trouble_or_no_answer(kind: str) -> None:
    told = {str(status): answers_of({str(status): 1.0}) for status in STATUSES[kind]}
    nothing, good = Totals(0, {}, 0.0), Totals(1.0, {}, 0.0)
    expected: Mapping[str, Totals] = {"ok": good, "updating": good, "skipped": nothing, "warming": nothing}
    assert told == {status: expected.get(status, Totals(1.0, {status: 1.0}, 0.0)) for status in told}


async def test_every_site_has_the_operations_of_lists_and_cars(sandbox: Sandbox) -> None:
    for name in UPSTREAMS:
        assert {LIST_OPERATIONS[name], CAR_OPERATIONS[name]} <= set(sandbox.app[SITES][name].operations)


async def test_a_paused_site_gives_no_more_than_what_is_kept(sandbox: Sandbox) -> None:
    await sandbox.ask("POST", "/v1/upstreams/danawa/pause", body=b'{"minutes": 30, "note": "why"}')
    partners = orjson.loads((await sandbox.ask("GET", "/v1/status"))[2])["partners"]
    for kind in ("lists", "cars"):
        encar, danawa = partners[kind]
        assert (encar["status"], encar["reason"]) == (None, None)
        assert (danawa["status"], danawa["reason"]) == ("failed", "paused")
        assert danawa["since"] < danawa["retry_at"]
