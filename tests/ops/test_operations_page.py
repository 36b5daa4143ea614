"""The operations page agrees with the code: log events, operations, and the numbers of waits, limits and shares."""

import re

import pytest

from dealerproxy import app
from dealerproxy.serving import serve, sockets, workers
from dealerproxy.stock import keeping, rule, shared, shelf
from dealerproxy.transport import circuit, fetch, limits, line, redis_guard, retry, valve
from dealerproxy.upstreams.danawa import client as danawa_client
from dealerproxy.upstreams.danawa import operations as danawa_operations
from dealerproxy.upstreams.danawa import stock as danawa_stock
from dealerproxy.upstreams.danawa.site import STOCK_BYTES
from dealerproxy.upstreams.encar import client as encar_client
from dealerproxy.upstreams.encar import operations as encar_operations
from dealerproxy.upstreams.encar.site import TRUCKS_SHARE
from dealerproxy.vehicles import fx
from tests.support.documents import CODE_BLOCK, document
from tests.support.log_events import ANY, documented_events, log_calls, log_events

EVENTS = log_events()
PAGE = document("dealerproxy/ops/README.md")
# The page's words in one line.
TEXT = " ".join(CODE_BLOCK.sub("", PAGE).split())


def written(seconds: float) -> str:
    """How the page writes a time."""
    for size, unit in ((3_600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:g} s"


def percent(share: float) -> str:
    return f"{100 * share:g} %"


# Log events


def test_the_tables_of_log_events_have_every_event_of_the_code() -> None:
    assert documented_events().keys() == EVENTS.keys()


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_a_log_event_is_documented_with_its_levels_and_fields(event: str) -> None:
    told, real = documented_events()[event], EVENTS[event]
    assert real.levels in ({ANY}, told.levels)
    # Fields that a call passes on are checked against a real log.
    assert real.fields <= told.fields if real.passes_on else real.fields == told.fields


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_no_field_of_a_log_event_is_overwritten_by_those_of_every_line(event: str) -> None:
    assert not EVENTS[event].fields & {"timestamp", "event", "level"}


def test_the_page_names_no_log_event_that_does_not_exist() -> None:
    named = re.findall(r"log lines? `([a-z_]+)`|`([a-z]+_[a-z_]+)` \(log|[Tt]he log has `([a-z_]+)`", TEXT)
    assert len(named) > 10
    assert {"".join(names) for names in named} <= EVENTS.keys()


@pytest.mark.parametrize(
    ("source", "event", "level", "fields"),
    [
        ("log.warning('lost', a=1)", "lost", "warning", {"a"}),
        ("log.exception('broke')", "broke", "error", {"exception"}),
        ("log.error('broke', exc_info=error, b=2)", "broke", "error", {"exception", "b"}),
        ("log.log(level, 'any', c=3)", "any", ANY, {"c"}),
        ("bound = log.bind(d=4)\n    bound.info('bound', e=5)", "bound", "info", {"d", "e"}),
    ],
)
def test_a_log_call_is_found_with_its_level_and_fields(source: str, event: str, level: str, fields: set[str]) -> None:
    (call,) = log_calls(f"def f():\n    {source}\n    other.info('else')\n")
    assert (call.event, call.level, set(call.fields)) == (event, level, fields)


# Operations and lanes


def test_the_table_of_operations_has_every_circuit() -> None:
    rows = re.findall(r"^\| `(encar|danawa)` \| `(\w+)` \| .+ \|$", PAGE, re.MULTILINE)
    operations = (*encar_operations.OPERATIONS, *danawa_operations.OPERATIONS)
    assert rows == list(dict.fromkeys((each.host.upstream, each.circuit) for each in operations))


def test_the_table_of_lanes_has_each_lane_in_order_with_its_share() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d+ %) \| .+ \|$", PAGE, re.MULTILINE)
    assert rows == [(lane, percent(line.LANES[lane].share)) for lane in limits.Lane]


# Numbers


@pytest.mark.parametrize(
    "said",
    [
        # Circuits
        f"{circuit.TRIP_STREAK} failures in a row",
        f"half of at least {circuit.TRIP_CALLS} calls within a minute",
        f"a good answer that takes over {fetch.SLOW_S:g} s",
        f"the one before: {', '.join(map(written, circuit.LADDER_S))}.",
        f"A block suspends for {written(circuit.LADDER_S[circuit.BLOCK_LEVEL - 1])} at once",
        f"No suspension is longer than {written(circuit.CAP_S)}",
        f"slow answers suspend for {written(circuit.LADDER_S[0])} and never",
        # Retries
        f"is retried at most {retry.ATTEMPTS - 1} times",
        f"One attempt takes at most {app.ATTEMPT_S:g} s",
        f"each have a retry budget of {retry.CAPACITY:g} tokens: a retry costs {retry.RETRY_COST:g},",
        f"after a time-out {retry.TIMEOUT_COST:g}; a good answer gives back {retry.GOOD_ANSWER:g},",
        f"each second gives back {retry.REFILL_PER_S:g}.",
        # Request rate
        f"For Encar the burst is {encar_client.MANNERS.burst} and at most {encar_client.MANNERS.in_flight} requests",
        f"no burst and at most {danawa_client.FEEDER_MANNERS.in_flight} open requests",
        f"The burst is {encar_client.MANNERS.burst}; at most {encar_client.MANNERS.in_flight} are open",
        f"No burst; at most {danawa_client.LIST_MANNERS.in_flight} each are open",
        f"has lost {line.LANES[limits.Lane.LISTS].lost_s:g} s of turns",
        f"has waited {line.LANES[limits.Lane.PAPERS].longest_s:g} s",
        f"one call for up to {encar_client.BATCH_IDS}",
        # Daily budgets and pauses
        f"At {valve.BACKGROUND_PERCENT} % background calls stop",
        f"for 1 to {valve.MOST_MINUTES:,} minutes",
        f"at most {valve.MOST_NOTE} characters",
        # Stock
        f"It is fresh for {written(rule.FRESH_S)} after",
        f"is read again every {written(rule.WHOLE_S)}",
        f"before it is {written(danawa_stock.FRESH_S)} old",
        f"waits up to {danawa_stock.WAIT_S:g} s for the first reading",
        f"listings serve for up to {written(shelf.USABLE_S)} as",
        f"less than {percent(shelf.SHRUNK)} of the cars of the last one",
        f"waits {written(rule.BACK_OFF_S)}, and twice as long after each further failure",
        f"failure, up to {written(rule.LONGEST_BACK_OFF_S)}.",
        f"{STOCK_BYTES // 2**20} MiB of its own",
        # Redis
        f"waits {redis_guard.TIMEOUT_S:g} s at most",
        f"skips Redis for {redis_guard.PAUSE_S:g} s",
        f"After {shared.ALONE_S:g} s without Redis each process reads stock",
        f"`redis_back` within {redis_guard.LOOK_EVERY_S:g} s",
        f"takes over within {shared.LEASE_S:g} s",
        f"begin with `{redis_guard.PREFIX}:`",
        # Load, start and stop
        f"503 for {serve.DRAIN_S:g} s",
        f"for up to {serve.SHUTDOWN_S:g} s",
        f"saves stock ({keeping.SAVE_S:g} s at most)",
        f"has not stopped {workers.PATIENCE_S:g} s after",
        f"at most {sockets.MOST_CONNECTIONS:,} connections",
        f"must arrive within {sockets.IDLE_S:g} s, an answer must be read within {sockets.UNREAD_S:g} s",
        # Exchange rate
        f"differs by over {percent(fx.MOST_CHANGE)} from the last good one",
    ],
)
def test_a_number_on_the_page_is_that_of_the_code(said: str) -> None:
    assert said in TEXT


def test_the_numbers_that_the_page_writes_as_words_are_those_of_the_code() -> None:
    assert limits.KEPT_BURST == 0.5  # "half of the burst"
    assert circuit.TRIP_SHARE == 0.5  # "half of"
    assert circuit.RECENT_S == 60  # "within a minute"
    assert danawa_client.LIST_MANNERS.burst == danawa_client.FEEDER_MANNERS.burst == 1  # "no burst"
    assert fx.FRESH_S == 3_600  # "once an hour"
    assert fx.RETRY_S == 60  # "a minute after a failure"
    assert fx.COMPARABLE_S == 7 * 86_400  # "of the past week"
    assert redis_guard.LOG_EVERY_S == 60  # "at most once a minute"
    assert TRUCKS_SHARE == 0.1  # "a tenth is for trucks"
    assert app.ANSWERS_SHARE == 4  # "a quarter is for whole lists"
