"""What partners get from each site now, for lists and for cars, derived from circuits and recent answers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import takewhile

from msgspec import Struct

from dealerproxy.api.upstreams import Operation, State, Upstream
from dealerproxy.contract.answers import Status
from dealerproxy.ops.families import UPDATING, WARMING
from dealerproxy.ops.history import Minute, Totals
from dealerproxy.transport.circuit import Phase
from dealerproxy.transport.errors import DailyBudget

# The operations that lists and cars require, by upstream.
LIST_OPERATIONS: Mapping[str, str] = {"encar": "search", "danawa": "list"}
CAR_OPERATIONS: Mapping[str, str] = {"encar": "detail", "danawa": "feeder"}
DOWN = frozenset({Phase.SUSPENDED, Phase.PROBING})
# The newest minutes count, until they have ENOUGH answers together; at most RECENT minutes.
ENOUGH, RECENT = 5, 5
# A site is in trouble if at least LEAST answers failed, and at least the share TROUBLE of all answers.
LEAST, TROUBLE = 2, 0.2


class SourceNow(Struct, frozen=True, kw_only=True):
    """What an upstream returns now, in the words of `sources[].status`.

    `partial`: some of the answers fail or lack rows. `status` is null if there was no traffic in the last hour.
    `since` and `retry_at` are those of its circuit while that is suspended or probing, else null.
    """

    name: str
    status: Status | None
    reason: str | None
    since: str | None
    retry_at: str | None


class PartnersNow(Struct, frozen=True):
    """What each upstream returns now, for lists and for cars."""

    lists: Sequence[SourceNow]
    cars: Sequence[SourceNow]


def circuit_of(upstream: Upstream, operation: str) -> Operation:
    """Return an operation's circuit; it counts as suspended while all calls to the upstream are blocked."""
    if upstream.state is not State.PAUSED and upstream.reason != DailyBudget.code:
        return upstream.operations[operation]
    return Operation(
        state=Phase.SUSPENDED,
        reason=upstream.reason,
        retry_at=upstream.retry_at,
        since=upstream.pause.since if upstream.pause else None,
        level=0,
        failures=0,
    )


def source_now(
    name: str, circuit: Operation, answered: Sequence[Minute], sent: Sequence[Minute], now: datetime
) -> SourceNow:
    """Return what an upstream gives to partners.

    `answered` has its answers to partners by minute, the current minute last, with their statuses as failures; `sent`
    has the requests that were sent to it.
    """
    down = circuit.state in DOWN
    if down:
        status: Status | None = Status.STALE if _goes_on(circuit, answered, now) else Status.FAILED
        reason = circuit.reason
    else:
        status = _status_of(_latest(answered))
        reason = None if status in {None, Status.OK} else _main_failure(sent[-RECENT:])
    return SourceNow(
        name=name,
        status=status,
        reason=reason,
        since=circuit.since if down else None,
        retry_at=circuit.retry_at if down else None,
    )


def answers_of(answered: Mapping[str, float]) -> Totals:
    """Return answers by status as totals; a source that was not called gave none."""
    counts = {status: count for status, count in answered.items() if status not in {Status.SKIPPED, WARMING}}
    good = {Status.OK, UPDATING}
    return Totals(sum(counts.values()), {status: count for status, count in counts.items() if status not in good})


def _goes_on(circuit: Operation, answered: Sequence[Minute], now: datetime) -> bool:
    """Whether answers continue from stock or cache, as the minutes since the circuit opened show."""
    since = datetime.fromisoformat(circuit.since) if circuit.since else now
    whole = min(int((now - since).total_seconds() // 60), RECENT)
    failures = _failures(answered[-whole:] if whole else answered[-1:])
    # Good answers of the minute in which the circuit opened may be older than that.
    good = sum(minute.requests for minute in answered[-whole:]) - failures.total() if whole else 0
    return good + failures[Status.STALE] > failures[Status.FAILED]


def _latest(answered: Sequence[Minute]) -> Sequence[Minute]:
    """Return the newest minutes with enough answers; only the newest with any if the minutes before are too old."""
    newest_first = [minute for minute in reversed(answered[-RECENT:]) if minute.requests]
    if not newest_first:
        return [minute for minute in answered if minute.requests][-1:]
    counts = [sum(minute.requests for minute in newest_first[:index]) for index in range(len(newest_first))]
    return newest_first[: len(list(takewhile(lambda before: before < ENOUGH, counts)))]


def _status_of(minutes: Sequence[Minute]) -> Status | None:
    answers, failures = sum(minute.requests for minute in minutes), _failures(minutes)
    if not answers:
        return None
    if failures[Status.FAILED] == answers:
        return Status.FAILED
    if failures[Status.FAILED] + failures[Status.PARTIAL] >= max(LEAST, TROUBLE * answers):
        return Status.PARTIAL
    return Status.STALE if 2 * failures[Status.STALE] > answers else Status.OK


def _main_failure(sent: Sequence[Minute]) -> str | None:
    return next((reason for reason, _ in _failures(sent).most_common(1)), None)


def _failures(minutes: Sequence[Minute]) -> Counter[str]:
    return sum((Counter(minute.failures) for minute in minutes), Counter[str]())
