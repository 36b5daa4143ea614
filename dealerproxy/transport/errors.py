"""The two families of errors: what a client of ours sees, and what an upstream did to us.

`ApiError` becomes the JSON envelope of the public API. `UpstreamError` never leaves the service as such: it
becomes a reason code beside the source it happened to, and only when every source failed a 503.
"""

from collections.abc import Sequence
from typing import ClassVar


class UpstreamError(Exception):
    """Something an upstream did. `code` is the closed word shown in `sources[].reason`.

    `severity` picks the one reason to show when the legs of a source failed differently: the one ops must act
    on first.
    """

    code: ClassVar[str] = "upstream_error"
    severity: ClassVar[int] = 0

    def __init__(self, message: str = "", retry_after_s: float | None = None) -> None:
        """`retry_after_s` is what the upstream asked for, in seconds, when it did; `capture` the page kept of it."""
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.capture: str | None = None


class UpstreamFault(UpstreamError):
    """The upstream answered, with a status or a size nobody can use (5xx, 400, an oversized body)."""


class ServerFault(UpstreamFault):
    """A 5xx or a 408: the kind of fault that another try may mend."""


class NotFound(UpstreamFault):
    """A plain 404: no block text, no page. One witness alone is not enough to call a car gone."""


class Unreachable(UpstreamError):
    """No connection, a reset, or a body that broke off."""

    code = "unreachable"
    severity = 1


class TimedOut(UpstreamError):
    """No answer within the attempt's time-out or within what was left of the request's deadline."""

    code = "timed_out"
    severity = 2


class TooLate(TimedOut):
    """The request's own deadline came first; what it waited for may still arrive for others."""


class Drift(UpstreamError):
    """The upstream's shape changed: `path` names what is missing or unreadable."""

    code = "drift"
    severity = 3

    def __init__(self, path: str, message: str = "missing") -> None:
        super().__init__(f"{path}: {message}")
        self.path = path


class MassAbsence(UpstreamError):
    """Most adverts that lists show are missing: the upstream lost them, and no absence proves that a car is gone."""

    code = "mass_absence"
    severity = 3


class Overloaded(UpstreamError):
    """Our own queue to the upstream is full; it was not asked."""

    code = "overloaded"
    severity = 4


class Suspended(UpstreamError):
    """Not asked, to leave the upstream alone for a while; `cause` is the code of what suspended it."""

    code = "suspended"
    severity = 5

    def __init__(self, cause: str, retry_after_s: float) -> None:
        """`retry_after_s` is the time until the upstream is asked again, in seconds."""
        super().__init__(f"suspended ({cause})", retry_after_s)
        self.cause = cause


class RateLimited(UpstreamError):
    """429."""

    code = "rate_limited"
    severity = 6


class Warming(UpstreamError):
    """Not the upstream's failure: an index of it is still being read for the first time."""

    code = "warming"
    severity = -1


class Blocked(UpstreamError):
    """The upstream refuses us, whatever status it says so with. `kind` names the sign that gave it away."""

    code = "blocked"
    severity = 7

    def __init__(self, kind: str) -> None:
        super().__init__(f"blocked ({kind})")
        self.kind = kind


# What an upstream is suspended for: a failure's code, or that its answers take too long.
SUSPENDED_FOR = frozenset({UpstreamError.code, Unreachable.code, TimedOut.code, RateLimited.code, Blocked.code, "slow"})


def worst(errors: Sequence[UpstreamError]) -> UpstreamError:
    """Return the error of the highest severity; the first of equals."""
    return max(errors, key=lambda error: error.severity)
