"""The errors of a call to an upstream.

    UpstreamError
        UpstreamFault           an unusable answer
            ServerFault         a 5xx or a 408
            NotFound            a plain 404
        Unreachable             no connection, or a broken one
        TimedOut                no answer in time
            TooLate             the request's own deadline passed first
        Drift                   the shape changed
        MassAbsence             most listed adverts are missing
        Unconfirmed             one witness of a car is not enough
        Overloaded              nothing sent: no turn of the request rate in time
        Suspended               nothing sent: the circuit is open
            Closed              nothing sent: no call to the site may go out
                Paused          an operator paused the site
                DailyBudget     the day's calls are used up
        RateLimited             a 429
        Warming                 a list is being read for the first time
        Blocked                 the upstream blocks the caller

Clients never get them directly: each becomes the reason of its source, and a 503 if every source failed.
"""

from collections.abc import Sequence
from typing import ClassVar


class UpstreamError(Exception):
    """A failed call. `code` is the word shown in `sources[].reason`, from a closed list.

    When the legs of a source failed differently, the source shows the reason of the highest `severity`.
    """

    code: ClassVar[str] = "upstream_error"
    severity: ClassVar[int] = 0

    def __init__(self, message: str = "", retry_after_s: float | None = None) -> None:
        """`retry_after_s`: the upstream's Retry-After, in seconds. `capture`: the id of the kept page, if any."""
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.capture: str | None = None


class UpstreamFault(UpstreamError):
    """An unusable answer: a status (5xx, 400) or a body over the cap."""


class ServerFault(UpstreamFault):
    """A 5xx or a 408, which a retry may fix."""


class NotFound(UpstreamFault):
    """A plain 404 without block text. It does not prove that a car is gone: some callers get a 404 for any path."""


class Unreachable(UpstreamError):
    """No connection, a reset, or an incomplete body."""

    code = "unreachable"
    severity = 1


class TimedOut(UpstreamError):
    """No answer within the attempt's time-out or the rest of the request's deadline."""

    code = "timed_out"
    severity = 2


class TooLate(TimedOut):
    """The request's own deadline passed first; the shared fetch may still succeed for other requests."""


class Drift(UpstreamError):
    """The upstream's shape changed: `path` names what is missing or unreadable."""

    code = "drift"
    severity = 3

    def __init__(self, path: str, message: str = "missing") -> None:
        super().__init__(f"{path}: {message}")
        self.path = path


class MassAbsence(UpstreamError):
    """Most adverts that lists show are missing: the upstream fails, so a missing advert does not prove a sale."""

    code = "mass_absence"
    severity = 3


class Unconfirmed(UpstreamError):
    """One witness is not enough to call a car on sale or gone."""

    code = "unconfirmed"
    severity = 3


class Overloaded(UpstreamError):
    """The request rate left no turn in time; nothing was sent. `retry_after_s`: when there may be one."""

    code = "overloaded"
    severity = 4


class Suspended(UpstreamError):
    """Nothing was sent, because the circuit is suspended; `cause` is the code of the failure that suspended it."""

    code = "suspended"
    severity = 5

    def __init__(self, cause: str, retry_after_s: float) -> None:
        """`retry_after_s`: seconds until calls go out again."""
        super().__init__(f"suspended ({cause})", retry_after_s)
        self.cause = cause


class Closed(Suspended):
    """Nothing was sent, because no call to the site may go out now. The site is not the cause."""

    def __init__(self, retry_after_s: float) -> None:
        """`retry_after_s`: seconds until calls may go out again."""
        super().__init__(self.code, retry_after_s)


class Paused(Closed):
    """An operator paused the site."""

    code = "paused"
    severity = 9


class DailyBudget(Closed):
    """The calls of this day (Seoul time) are used up. Background calls get it earlier, at 80 %."""

    code = "daily_budget"
    severity = 8


class RateLimited(UpstreamError):
    """The upstream rate-limits the service (429)."""

    code = "rate_limited"
    severity = 6


class Warming(UpstreamError):
    """A list is being read for the first time; not a failure of the upstream."""

    code = "warming"
    severity = -1


class Blocked(UpstreamError):
    """A block page or a bot guard, with any status. `kind` names the sign by which it was recognised."""

    code = "blocked"
    severity = 7

    def __init__(self, kind: str) -> None:
        super().__init__(f"blocked ({kind})")
        self.kind = kind


# The reasons of a suspension: codes of failures, and `slow`.
SUSPENDED_FOR = frozenset({UpstreamError.code, Unreachable.code, TimedOut.code, RateLimited.code, Blocked.code, "slow"})


def worst(errors: Sequence[UpstreamError]) -> UpstreamError:
    """Return the error of the highest severity; the first of equals."""
    return max(errors, key=lambda error: error.severity)
