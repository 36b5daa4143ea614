"""Helpers that routes share: parameters, deadline, JSON answers, cache headers and ETags."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from aiohttp import web

from dealerproxy.cache.entries import CacheStatus
from dealerproxy.contract.deadline import Deadline
from dealerproxy.contract.errors import ApiError, Issue, validation_error
from dealerproxy.contract.headers import DEADLINE_HEADER

_LONGEST_NUMBER = 9
# Facts for the access log besides route and status, set by the handler.
LOGGED: web.RequestKey[dict[str, Any]] = web.RequestKey("logged")
# The least time in seconds that a client has to send its body, even under a shorter deadline.
BODY_S = 0.5


def tell_log(request: web.Request, **facts: object) -> None:
    """Add facts to the access log line of a request."""
    request[LOGGED] = dict(request.get(LOGGED, {}), **facts)


def status_and_reason(status: str, reason: str | None) -> str:
    """Return an upstream's or a car's status as the access log shows it: `failed: blocked`."""
    return f"{status}" if reason is None else f"{status}: {reason}"


def params_of(request: web.Request) -> Mapping[str, Sequence[str]]:
    """Return the query string's parameters, each with all its values."""
    return {name: request.query.getall(name) for name in request.query}


def deadline_of(request: web.Request, longest_s: float) -> Deadline:
    """Return the request's deadline; its header can only shorten it. Raises ApiError 400 for a bad header."""
    text = request.headers.get(DEADLINE_HEADER)
    if text is None:
        return Deadline(longest_s)
    if not (text.isascii() and text.isdigit() and text.strip("0")):
        message = f"`{DEADLINE_HEADER}` must be a whole number of milliseconds above 0."
        raise validation_error([Issue(DEADLINE_HEADER, message)])
    return Deadline(longest_s if len(text) > _LONGEST_NUMBER else min(longest_s, int(text) / 1000))


async def body_of(request: web.Request, within_s: float) -> bytes:
    """Return the body, empty if its encoding is wrong. Raises ApiError 408 or 400 if it does not arrive."""
    try:
        async with asyncio.timeout(max(BODY_S, within_s)):
            return await request.read()
    except TimeoutError:
        raise ApiError(408, "request_timeout", "The body did not arrive in time.") from None
    except ConnectionError:
        raise ApiError(400, "bad_request", "The client disconnected before its body arrived.") from None
    except web.RequestPayloadError:
        return b""


def encode(value: object) -> bytes:
    """Encode structs and plain values."""
    return msgspec.json.encode(value)


def json_response(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Encode structs or plain values as a JSON answer."""
    return encoded_response(encode(value), status=status, headers=headers)


def encoded_response(body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return an answer whose body is already encoded JSON."""
    return web.Response(body=body, status=status, headers=headers, content_type="application/json", charset="utf-8")


def error_response(error: ApiError, request_id: str) -> web.Response:
    """Render `{"error": {"code", "message", "request_id", "details"}}`."""
    content: dict[str, Any] = {
        "code": error.code,
        "message": error.message,
        "request_id": request_id,
        "details": error.details,
    }
    return json_response(
        {"error": content}, status=error.status, headers={"Cache-Control": "no-store", **error.headers}
    )


X_CACHE = "X-Cache"
# Caches between service and client must not store an answer made during an upstream's failure.
NO_STORE = {"Cache-Control": "no-store"}
REVALIDATE = "private, no-cache"


def wants_fresh_look(request: web.Request) -> bool:
    """Whether the request bypasses the cache (`Cache-Control: no-cache`), as before an order."""
    return "no-cache" in map(str.lower, _listed(request, "Cache-Control"))


def age_headers(state: CacheStatus, age_s: float | None) -> dict[str, str]:
    """Return the headers `X-Cache` and `Age`: cache status, and age of an answer's oldest part in whole seconds."""
    return {X_CACHE: state} | ({} if age_s is None else {"Age": str(round(age_s))})


def etag(*parts: bytes) -> str:
    """Return the ETag of an answer's content. It is weak: ages and cursors may differ under the same tag."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return f'W/"{digest.hexdigest()[:24]}"'


def not_modified(request: web.Request, tag: str, headers: Mapping[str, str]) -> web.Response | None:
    """Return a 304 if the client already has this tag, else None; `headers` are those of the full answer."""
    held = map(_opaque, _listed(request, "If-None-Match"))
    return None if {"*", _opaque(tag)}.isdisjoint(held) else web.Response(status=304, headers=headers)


def _opaque(tag: str) -> str:
    """Return a tag without its `W/` mark, which the comparison ignores."""
    return tag.removeprefix("W/")


def _listed(request: web.Request, name: str) -> Sequence[str]:
    """Return the comma-separated values of a header, over all its lines. Most requests lack the headers read here."""
    lines = request.headers.getall(name, ())
    return [one.strip() for one in ",".join(lines).split(",")] if lines else ()
