"""What is said of a source, from what was heard of its legs."""

from itertools import permutations

import pytest

from dealerproxy.cache.entries import CacheResult, CacheStatus
from dealerproxy.contract.answers import SourceState, Status
from dealerproxy.search.source_report import combined, from_entry, source_states
from dealerproxy.transport.errors import Overloaded, Suspended, TimedOut, UpstreamError


def told(*failures: UpstreamError | None, as_pieces: bool) -> SourceState:
    """The state of Encar's, of whose old pieces some were not loaded anew for these failures, others just now are."""
    reports = [
        from_entry("encar", CacheResult(1, 90.0, CacheStatus.STALE if failure else CacheStatus.UPDATING, failure), 1)
        for failure in failures
    ]
    legs = [combined("encar", reports, None, 1)] if as_pieces else reports
    (state,) = (state for state in source_states(legs, {"encar": 1}, {}, 0.0) if state.name == "encar")
    return state


@pytest.mark.parametrize("as_pieces", [False, True], ids=["legs", "pieces of a leg"])
def test_a_refresh_that_failed_is_told_before_one_that_is_under_way(*, as_pieces: bool) -> None:
    for failures in permutations([None, TimedOut(), None]):
        state = told(*failures, as_pieces=as_pieces)
        assert (state.status, state.reason, state.failing) == (Status.STALE, "timed_out", True)
    assert not told(None, None, as_pieces=as_pieces).failing


def test_a_full_queue_of_ours_is_no_failure_of_the_site_but_being_suspended_is() -> None:
    assert not told(Overloaded(), as_pieces=False).failing
    assert told(Suspended("blocked", 5.0), as_pieces=False).failing
    assert told(Overloaded(), TimedOut(), as_pieces=False).failing
