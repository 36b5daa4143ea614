"""Every metric family by name, and the closed sets of its label values; any other value becomes `other`."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from dealerproxy.contract.answers import REFRESHING, Status
from dealerproxy.transport.errors import Drift, Warming
from dealerproxy.transport.troubles import OTHER
from dealerproxy.vehicles.listing import LeftOutReason


class Type(StrEnum):
    """The kind of a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Family(NamedTuple):
    """A metric family: samples of one name that differ by their labels."""

    type: Type
    about: str
    labels: tuple[str, ...] = ()


FAMILIES: Mapping[str, Family] = {
    "dealerproxy_build_info": Family(Type.GAUGE, "What is running.", ("version",)),
    "dealerproxy_event_loop_lag_seconds": Family(Type.HISTOGRAM, "By how much the event loop was late."),
    # Requests to the service
    "dealerproxy_http_requests_total": Family(Type.COUNTER, "Requests answered.", ("method", "route", "status")),
    "dealerproxy_http_request_duration_seconds": Family(
        Type.HISTOGRAM, "Time to answer a request.", ("route", "status_class")
    ),
    "dealerproxy_source_answers_total": Family(
        Type.COUNTER,
        "What each source did in a list, for a car, or for each car of a check.",
        ("upstream", "kind", "status"),
    ),
    "dealerproxy_rows_returned_total": Family(Type.COUNTER, "Rows in the lists that were answered.", ("upstream",)),
    "dealerproxy_rows_left_out_total": Family(Type.COUNTER, "Rows left out of lists that were answered.", ("reason",)),
    # Requests to the upstreams
    "dealerproxy_upstream_requests_total": Family(
        Type.COUNTER, "Requests sent to an upstream, by what came of them.", ("upstream", "operation", "outcome")
    ),
    "dealerproxy_upstream_request_duration_seconds": Family(
        Type.HISTOGRAM, "Time from sending a request until its answer was judged.", ("upstream", "operation")
    ),
    "dealerproxy_upstream_queue_wait_seconds": Family(
        Type.HISTOGRAM, "Time a request waited for a connection and its turn.", ("upstream", "pool", "lane")
    ),
    "dealerproxy_upstream_requests_in_flight": Family(
        Type.GAUGE, "Requests that hold a connection.", ("upstream", "pool", "lane")
    ),
    "dealerproxy_upstream_requests_queued": Family(
        Type.GAUGE, "Requests that wait for a connection and a turn.", ("upstream", "pool", "lane")
    ),
    "dealerproxy_upstream_retries_total": Family(
        Type.COUNTER, "Requests that were another try, by what failed before.", ("upstream", "pool", "cause")
    ),
    "dealerproxy_upstream_retries_denied_total": Family(
        Type.COUNTER, "Failures not tried again because the retry budget was spent.", ("upstream", "pool")
    ),
    "dealerproxy_upstream_retry_budget_ratio": Family(
        Type.GAUGE, "Part of the retry budget that is left.", ("upstream", "pool")
    ),
    "dealerproxy_circuit_state": Family(
        Type.GAUGE, "1 for the state that a circuit is in.", ("upstream", "operation", "state")
    ),
    "dealerproxy_circuit_reason": Family(
        Type.GAUGE, "1 for the reason why a circuit is suspended or probing.", ("upstream", "operation", "reason")
    ),
    "dealerproxy_circuit_suspended_until_timestamp_seconds": Family(
        Type.GAUGE, "When a suspended circuit lets a request through; 0 if it does now.", ("upstream", "operation")
    ),
    "dealerproxy_upstream_paused_until_timestamp_seconds": Family(
        Type.GAUGE, "When an operator's pause of an upstream ends; 0 without one.", ("upstream",)
    ),
    "dealerproxy_upstream_today_calls": Family(
        Type.GAUGE, "Calls to an upstream in this day of Seoul, of all processes that share a Redis.", ("upstream",)
    ),
    "dealerproxy_upstream_daily_limit_calls": Family(
        Type.GAUGE, "The most calls to an upstream in a day of Seoul; 0 without a bound.", ("upstream",)
    ),
    # What the upstreams' answers are like
    "dealerproxy_mass_absence_state": Family(
        Type.GAUGE, "1 while most of the latest adverts that lists show are missing.", ("upstream",)
    ),
    "dealerproxy_upstream_troubles_total": Family(
        Type.COUNTER, "Log lines about trouble with an upstream.", ("upstream", "operation", "reason")
    ),
    "dealerproxy_upstream_drift_total": Family(
        Type.COUNTER, "Answers in which a mandatory path was missing or unreadable.", ("upstream", "operation", "path")
    ),
    "dealerproxy_row_pages_read_total": Family(
        Type.COUNTER, "Good answers of an upstream in which rows were looked for.", ("upstream",)
    ),
    "dealerproxy_rows_read_total": Family(Type.COUNTER, "Rows in the answers of an upstream.", ("upstream",)),
    "dealerproxy_rows_not_offered_total": Family(
        Type.COUNTER, "Rows in the answers of an upstream left out for what they say.", ("upstream", "reason")
    ),
    "dealerproxy_rows_rejected_total": Family(
        Type.COUNTER, "Rows in the answers of an upstream that could not be read.", ("upstream", "reason")
    ),
    "dealerproxy_field_fill_ratio": Family(
        Type.GAUGE, "Part of the latest rows or cars that have a field.", ("upstream", "kind", "field")
    ),
    "dealerproxy_untranslated_terms_total": Family(Type.COUNTER, "Words met that have no English.", ("kind",)),
    "dealerproxy_captures_total": Family(Type.COUNTER, "Pages kept because something was wrong.", ("result",)),
    "dealerproxy_capture_last_met_timestamp_seconds": Family(
        Type.GAUGE, "When the trouble that a captured page shows was last met; the latest ones.", ("capture",)
    ),
    # What is kept
    "dealerproxy_cache_answers_total": Family(
        Type.COUNTER, "What the cache answered, and where it had it from.", ("kind", "tier", "result")
    ),
    "dealerproxy_cache_bytes": Family(
        Type.GAUGE, "Memory taken by pieces of what the sites said, and by whole answers.", ("layer",)
    ),
    "dealerproxy_stock_listings": Family(Type.GAUGE, "Listings read whole that are in stock.", ("upstream",)),
    "dealerproxy_stock_rows": Family(
        Type.GAUGE, "Cars in stock, once for each listing that holds them.", ("upstream",)
    ),
    "dealerproxy_stock_bytes": Family(Type.GAUGE, "Memory taken by the listings in stock.", ("upstream",)),
    "dealerproxy_stock_due_age_seconds": Family(
        Type.GAUGE, "Age of the oldest listing that is to be read again; 0 if none is.", ("upstream",)
    ),
    "dealerproxy_stock_spared_calls_total": Family(
        Type.COUNTER, "Requests to an upstream that stock spared.", ("upstream",)
    ),
    "dealerproxy_stock_readings_total": Family(
        Type.COUNTER,
        "Listings read whole, checked, or loaded from where they are kept, by what came of it.",
        ("upstream", "work", "result"),
    ),
    "dealerproxy_redis_up": Family(Type.GAUGE, "0 if the last call to Redis failed; there only with a Redis."),
    "dealerproxy_redis_failures_total": Family(Type.COUNTER, "Calls to Redis that failed."),
    "dealerproxy_fx_krw_per_usd": Family(Type.GAUGE, "Exchange rate in use.", ("source",)),
    "dealerproxy_fx_as_of_timestamp_seconds": Family(Type.GAUGE, "When the exchange rate was true.", ("source",)),
    "dealerproxy_fx_read_timestamp_seconds": Family(Type.GAUGE, "When the provider's rate in use was read."),
    "dealerproxy_fx_change_ratio": Family(
        Type.GAUGE, "By which part the provider's rate in use differs from the one it was compared with."
    ),
    "dealerproxy_fx_refused_total": Family(Type.COUNTER, "Rates of the provider too far from the one before."),
}

METHODS = frozenset({"GET", "HEAD", "POST"})
LIST, CAR, CHECK = "list", "car", "check"
# Metric words for states of `sources[].status` that are not a failure: stale rows under refresh (`updating`), and a
# listing that is read for the first time (`warming`), alone or beside others.
UPDATING, WARMING = "updating", "warming"
NO_TROUBLE = {
    (Status.STALE, REFRESHING): UPDATING,
    (Status.FAILED, Warming.code): WARMING,
    (Status.PARTIAL, Warming.code): WARMING,
}
STATUSES = {
    LIST: (*Status, UPDATING, WARMING),
    CAR: (Status.OK, Status.STALE, Status.FAILED),
    CHECK: (Status.OK, Status.FAILED),
}
LEFT_OUT = (*LeftOutReason, "duplicate")
# The reasons that the row itself gives. Cars sold since are counted elsewhere; unreadable rows count as rejected.
NOT_OFFERED: Sequence[LeftOutReason] = tuple(
    reason for reason in LeftOutReason if reason not in {LeftOutReason.NOT_BUYABLE, LeftOutReason.UNREADABLE}
)
# The outcomes of a request to an upstream. A plain 404 mostly means a car that is gone.
OK, NOT_FOUND = "ok", "not_found"
OUTCOMES = (
    *(OK, NOT_FOUND, "blocked", "rate_limited", "upstream_error", "drift", "timed_out", "unreachable"),
    OTHER,
)
DRIFT = Drift.code
CAPTURED = ("written", "failed")
