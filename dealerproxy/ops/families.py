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
    "dealerproxy_build_info": Family(Type.GAUGE, "The version that runs.", ("version",)),
    "dealerproxy_event_loop_lag_seconds": Family(
        Type.HISTOGRAM, "Lag of the event loop, in seconds; measured four times a second."
    ),
    # Requests to the service
    "dealerproxy_http_requests_total": Family(Type.COUNTER, "Requests to the service.", ("method", "route", "status")),
    "dealerproxy_http_request_duration_seconds": Family(
        Type.HISTOGRAM, "Time to answer a request, in seconds.", ("route", "status_class")
    ),
    "dealerproxy_source_answers_total": Family(
        Type.COUNTER,
        "Status of each source in a list, for a car, or for each car of an availability check.",
        ("upstream", "kind", "status"),
    ),
    "dealerproxy_rows_returned_total": Family(Type.COUNTER, "Rows in lists.", ("upstream",)),
    "dealerproxy_rows_left_out_total": Family(Type.COUNTER, "Rows left out of lists.", ("reason",)),
    # Requests to the upstreams
    "dealerproxy_upstream_requests_total": Family(
        Type.COUNTER, "Requests sent to an upstream, by outcome.", ("upstream", "operation", "outcome")
    ),
    "dealerproxy_upstream_request_duration_seconds": Family(
        Type.HISTOGRAM, "Time from sending a request to judging its answer, in seconds.", ("upstream", "operation")
    ),
    "dealerproxy_upstream_queue_wait_seconds": Family(
        Type.HISTOGRAM,
        "Time a request waited for a connection and a turn of the request rate, in seconds.",
        ("upstream", "pool", "lane"),
    ),
    "dealerproxy_upstream_requests_in_flight": Family(
        Type.GAUGE, "Requests that hold a connection now.", ("upstream", "pool", "lane")
    ),
    "dealerproxy_upstream_requests_queued": Family(
        Type.GAUGE, "Requests that wait for a connection and a turn now.", ("upstream", "pool", "lane")
    ),
    "dealerproxy_upstream_retries_total": Family(
        Type.COUNTER, "Retries, by the code of the failure before.", ("upstream", "pool", "cause")
    ),
    "dealerproxy_upstream_retries_denied_total": Family(
        Type.COUNTER, "Retries that the retry budget did not allow.", ("upstream", "pool")
    ),
    "dealerproxy_upstream_retry_budget_ratio": Family(
        Type.GAUGE, "Share of the retry budget that is left, 0 to 1.", ("upstream", "pool")
    ),
    "dealerproxy_circuit_state": Family(
        Type.GAUGE, "1 for the current state of a circuit, 0 for the others.", ("upstream", "operation", "state")
    ),
    "dealerproxy_circuit_reason": Family(
        Type.GAUGE,
        "1 for the reason of a suspended or probing circuit; absent otherwise.",
        ("upstream", "operation", "reason"),
    ),
    "dealerproxy_circuit_suspended_until_timestamp_seconds": Family(
        Type.GAUGE,
        "Unix time at which a suspended circuit lets a request out; 0 if not suspended.",
        ("upstream", "operation"),
    ),
    "dealerproxy_upstream_paused_until_timestamp_seconds": Family(
        Type.GAUGE, "Unix time at which an operator's pause ends; 0 without a pause.", ("upstream",)
    ),
    "dealerproxy_upstream_today_calls": Family(
        Type.GAUGE, "Calls to an upstream today (Seoul time), of all processes that share a Redis.", ("upstream",)
    ),
    "dealerproxy_upstream_daily_limit_calls": Family(
        Type.GAUGE, "Most calls to an upstream in a day (Seoul time); 0 without a limit.", ("upstream",)
    ),
    # The content of the upstreams' answers
    "dealerproxy_mass_absence_state": Family(
        Type.GAUGE, "1 while most of the latest adverts that lists show are missing, else 0.", ("upstream",)
    ),
    "dealerproxy_upstream_troubles_total": Family(
        Type.COUNTER, "Log lines `upstream_trouble`.", ("upstream", "operation", "reason")
    ),
    "dealerproxy_upstream_drift_total": Family(
        Type.COUNTER, "Answers in which a required field was missing or unreadable.", ("upstream", "operation", "path")
    ),
    "dealerproxy_row_pages_read_total": Family(
        Type.COUNTER, "Good answers of an upstream that may have rows; counts and facets do not.", ("upstream",)
    ),
    "dealerproxy_rows_read_total": Family(Type.COUNTER, "Rows in the answers of an upstream.", ("upstream",)),
    "dealerproxy_rows_not_offered_total": Family(
        Type.COUNTER,
        "Rows of an upstream left out because of their content, such as sold cars.",
        ("upstream", "reason"),
    ),
    "dealerproxy_rows_rejected_total": Family(
        Type.COUNTER, "Rows of an upstream that could not be read.", ("upstream", "reason")
    ),
    "dealerproxy_field_fill_ratio": Family(
        Type.GAUGE, "Share of the latest rows or cars that have a field, 0 to 1.", ("upstream", "kind", "field")
    ),
    "dealerproxy_untranslated_terms_total": Family(Type.COUNTER, "Words without an English translation.", ("kind",)),
    "dealerproxy_captures_total": Family(Type.COUNTER, "Captures of broken pages.", ("result",)),
    "dealerproxy_capture_last_met_timestamp_seconds": Family(
        Type.GAUGE, "Unix time at which the trouble of a capture last occurred; the latest 50 captures.", ("capture",)
    ),
    # Cache, stock, Redis, exchange rate
    "dealerproxy_cache_answers_total": Family(
        Type.COUNTER, "Results of the cache, by the tier they came from.", ("kind", "tier", "result")
    ),
    "dealerproxy_cache_bytes": Family(
        Type.GAUGE, "Memory of cached site answers (`pieces`) and of whole lists (`answers`).", ("layer",)
    ),
    "dealerproxy_stock_listings": Family(Type.GAUGE, "Listings in stock.", ("upstream",)),
    "dealerproxy_stock_rows": Family(
        Type.GAUGE, "Cars in stock, counted once for each listing that holds them.", ("upstream",)
    ),
    "dealerproxy_stock_bytes": Family(Type.GAUGE, "Memory of the stock.", ("upstream",)),
    "dealerproxy_stock_due_age_seconds": Family(
        Type.GAUGE, "Age in seconds of the oldest listing that is due to be read again; 0 if none is.", ("upstream",)
    ),
    "dealerproxy_stock_spared_calls_total": Family(
        Type.COUNTER, "Requests to an upstream that stock saved.", ("upstream",)
    ),
    "dealerproxy_stock_readings_total": Family(
        Type.COUNTER,
        "Listings read whole (`read`), checked for new cars (`check`) or loaded from storage (`load`), by result.",
        ("upstream", "work", "result"),
    ),
    "dealerproxy_redis_up": Family(Type.GAUGE, "0 if the last call to Redis failed, else 1; absent without a Redis."),
    "dealerproxy_redis_failures_total": Family(Type.COUNTER, "Calls to Redis that failed; absent without a Redis."),
    "dealerproxy_fx_krw_per_usd": Family(Type.GAUGE, "Exchange rate in use, won per dollar.", ("source",)),
    "dealerproxy_fx_as_of_timestamp_seconds": Family(Type.GAUGE, "Unix time of the exchange rate in use.", ("source",)),
    "dealerproxy_fx_read_timestamp_seconds": Family(
        Type.GAUGE, "Unix time at which the provider's rate in use was fetched."
    ),
    "dealerproxy_fx_change_ratio": Family(
        Type.GAUGE, "Relative difference between the provider's rate in use and the rate before it."
    ),
    "dealerproxy_fx_refused_total": Family(Type.COUNTER, "Rates of the provider that were rejected."),
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
