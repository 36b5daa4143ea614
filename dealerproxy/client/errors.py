"""The errors that the main API catches, one class a kind of `error.code`, and the part that a partner may see.

Every outage is a DealerUnavailable: both sites down, the service down, no answer in time, or an unreadable answer.
`details` and the exception's cause say which.
"""

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from dealerproxy.client.decoding import Unreadable, check_depth, decode
from dealerproxy.contract.errors import ApiError, Issue, validation_error
from dealerproxy.contract.headers import PARTIAL_HEADER, REQUEST_ID, retry_after_s
from dealerproxy.contract.terms import UPSTREAMS

RETRY_AFTER = "Retry-After"
# The message of an outage for a partner. Only the main API sees which site failed and how.
OUTAGE_MESSAGE = "The dealer sources are unavailable."
_SOURCE_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)


class DealerError(ApiError):
    """An answer that is not 2xx: `status`, `code`, `message`, `details`, and `headers` to pass on to the partner."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(status, code, message, details=details, headers=headers)
        self.request_id = request_id

    @property
    def retry_after_s(self) -> float | None:
        """Seconds to wait before a retry, from `Retry-After`; None without one."""
        return retry_after_s(self.headers.get(RETRY_AFTER), time.time())


class InvalidRequest(DealerError):
    """400: `validation_error`, `invalid_cursor` or `mixed_source_pagination_unsupported`."""


class VehicleNotFound(DealerError):
    """404 `vehicle_not_found`: `reason` is `gone`, `sold`, `waiting`, `not_for_sale` or `unknown_id`."""

    @property
    def reason(self) -> str | None:
        """Why the car cannot be bought."""
        reason: object = self.details.get("reason")
        return reason if isinstance(reason, str) else None


class VehicleUnavailable(DealerError):
    """410 `vehicle_unavailable`: the listing disappeared before the purchase could be completed, or cannot be bought.

    `details.reason` is that of the 404, or `under_contract` (a sale is agreed) or `no_price`.
    """


class DealerUnavailable(DealerError):
    """503 `dealer_upstream_unavailable`: the state is unknown, so callers must not show anything as gone or empty."""

    @property
    def sources(self) -> tuple[str, ...]:
        """The dealer sources that failed; all of them if the service itself failed."""
        names = self.headers.get(PARTIAL_HEADER, "")
        return tuple(filter(None, names.split(","))) or UPSTREAMS


# The codes that the client knows, each with its status.
_BY_CODE: Mapping[str, tuple[int, type[DealerError]]] = {
    "validation_error": (400, InvalidRequest),
    "invalid_cursor": (400, InvalidRequest),
    "mixed_source_pagination_unsupported": (400, InvalidRequest),
    "vehicle_not_found": (404, VehicleNotFound),
    "dealer_upstream_unavailable": (503, DealerUnavailable),
}


class _Body(Struct):
    code: str
    message: str
    request_id: str | None = None
    details: dict[str, Any] = {}


class _Envelope(Struct):
    error: _Body


_envelope = msgspec.json.Decoder(_Envelope)


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> DealerError:
    """Returns the error for an answer that is not 200, by its `error.code`.

    An answer without the envelope, or with a code of another status, is an outage. Header names ignore case.
    """
    kept = _passed_on(headers)
    try:
        error = decode(_envelope, body).error
        check_depth(error.details)
    except Unreadable:
        return outage("unexpected_answer", kept, status=status, request_id=headers.get(REQUEST_ID))
    expected, kind = _BY_CODE.get(error.code, (status, DealerError))
    if status != expected or status < 400:
        return outage("unexpected_answer", kept, status=status, request_id=error.request_id)
    return kind(status, error.code, error.message, details=error.details, headers=kept, request_id=error.request_id)


def _passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    """The readable headers that a partner may see."""
    kept = {}
    if retry_after_s(headers.get(RETRY_AFTER), time.time()) is not None:
        kept[RETRY_AFTER] = headers[RETRY_AFTER]
    names = [name.strip() for name in headers.get(PARTIAL_HEADER, "").split(",")]
    if failed := ",".join(filter(_SOURCE_NAME.fullmatch, names)):
        kept[PARTIAL_HEADER] = failed
    return kept


def outage(
    reason: str,
    headers: Mapping[str, str] | None = None,
    *,
    status: int | None = None,
    request_id: str | None = None,
) -> DealerUnavailable:
    """503 for a call without a usable answer; its message holds no address or other internals."""
    return DealerUnavailable(
        503,
        "dealer_upstream_unavailable",
        OUTAGE_MESSAGE,
        details={"reason": reason} if status is None else {"reason": reason, "status": status},
        headers={PARTIAL_HEADER: ",".join(UPSTREAMS), **(headers or {})},
        request_id=request_id,
    )


def refused(issues: Sequence[Issue]) -> InvalidRequest:
    """400 `validation_error` in the service's shape, for a request that the client rejects without a call."""
    error = validation_error(issues)
    return InvalidRequest(error.status, error.code, error.message, details=error.details)


def for_partner(error: DealerError) -> DealerError:
    """The error for a partner: 400, 404 and 410 unchanged, everything else as a 503 without details.

    A 503 keeps only `Retry-After` and the header that names the failed sources: reasons and capture ids are internal.
    A wrong key of the main API, or a fault inside the service, is a 503 too: the partner's own key was fine.
    `__cause__` is the original error.
    """
    if isinstance(error, InvalidRequest | VehicleNotFound | VehicleUnavailable):
        return error
    if isinstance(error, DealerUnavailable) and not error.details and error.message == OUTAGE_MESSAGE:
        return error
    headers = error.headers if isinstance(error, DealerUnavailable) else {}
    shown = outage("internal", headers, request_id=error.request_id)
    shown.details = {}
    shown.__cause__ = error
    return shown
