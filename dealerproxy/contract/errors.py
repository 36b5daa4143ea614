"""Answers that are not 2xx, with the JSON error envelope of the public API."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Issue(NamedTuple):
    """One problem of a request: `path` is the parameter's name, `message` is plain English."""

    path: str
    message: str
    allowed: Sequence[str] | None = None


class ApiError(Exception):
    """An answer that is not 2xx: status, `error.code`, message, optional details and headers."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = dict(details or {})
        self.headers = dict(headers or {})


def validation_error(issues: Sequence[Issue]) -> ApiError:
    """Return a 400 `validation_error` in both shapes of the partner pages: `field` and `issues[]`."""
    first = issues[0]
    details: dict[str, Any] = {
        "field": first.path,
        "issues": [{"path": issue.path, "message": issue.message} for issue in issues],
    }
    if first.allowed is not None:
        details["allowed"] = list(first.allowed)
    return ApiError(400, "validation_error", first.message, details=details)


def invalid_cursor(reason: str, message: str) -> ApiError:
    """Return a 400 `invalid_cursor`; `reason` is one of malformed, forged, expired, mismatch."""
    return ApiError(400, "invalid_cursor", message, details={"field": "cursor", "reason": reason})
