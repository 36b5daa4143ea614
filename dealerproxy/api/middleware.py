"""Middleware: request id, access log, request metrics, error envelope, overload limit and key check of `/v1`."""

import hmac
import os
import random
import time
from collections.abc import Callable, Sequence

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from dealerproxy import logs
from dealerproxy.api.http import LOGGED, error_response
from dealerproxy.contract.errors import ApiError
from dealerproxy.contract.headers import API_KEY, REQUEST_ID, REQUEST_ID_SHAPE
from dealerproxy.ops.routes import route_of

_HTTP_CODES = {404: "not_found", 405: "method_not_allowed", 413: "payload_too_large"}

log = structlog.get_logger(__name__)


def access_log(count: Callable[[str, str, int, float], None]) -> Middleware:
    """Build the outer middleware: log one line per request, and count it by method, route, status and seconds."""
    worker = os.getpid()

    @web.middleware
    async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = time.perf_counter()
        response = await handler(request)
        seconds = time.perf_counter() - began
        method, route, status = request.method, route_of(request), response.status
        line = {"method": method, "route": route, "status": status, "ms": round(seconds * 1000, 1)}
        own = {"request_id": response.headers[REQUEST_ID], "worker": worker}
        quiet = status < 400 and not route.startswith("/v1/")
        logs.request({**line, **request.get(LOGGED, {}), **own}, quiet=quiet)
        count(method, route, status, seconds)
        return response

    return answered


@web.middleware
async def envelope(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id, which its log lines carry, and turn every failure into the error envelope."""
    request_id = _request_id(request)
    bound = structlog.contextvars.bind_contextvars(request_id=request_id)
    try:
        response = await handler(request)
    except ApiError as error:
        response = error_response(error, request_id)
    except web.HTTPException as error:
        response = error_response(_from_http(error), request_id)
    except Exception:
        log.exception("request_failed")
        generic = ApiError(500, "internal_error", "Internal error. The log has it under this request id.")
        response = error_response(generic, request_id)
    finally:
        structlog.contextvars.reset_contextvars(**bound)
    response.headers[REQUEST_ID] = request_id
    return response


def shed_load(most: int) -> Middleware:
    """Build the limit of `most` concurrent requests for cars.

    One more request would slow all of them, so it gets a 503 with Retry-After at once.
    """
    inside = 0

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        nonlocal inside
        if not request.path.startswith("/v1/vehicles"):
            return await handler(request)
        if inside >= most:
            message = f"The service already answers {most} requests. Retry in a moment."
            raise ApiError(503, "overloaded", message, headers={"Retry-After": "1"})
        inside += 1
        try:
            return await handler(request)
        finally:
            inside -= 1

    return check


def require_key(keys: Sequence[str]) -> Middleware:
    """Build the check of `x-api-key` on `/v1`; without keys everything passes."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if keys and request.path.startswith("/v1/"):
            given = request.headers.get(API_KEY)
            if given is None:
                raise ApiError(401, "missing_api_key", f"The {API_KEY} header is missing.")
            # Every key is compared, so that the time reveals nothing.
            matches = [hmac.compare_digest(_bytes(given), _bytes(key)) for key in keys]
            if not any(matches):
                raise ApiError(401, "invalid_api_key", f"The {API_KEY} header holds no valid key.")
        return await handler(request)

    return check


def _bytes(text: str) -> bytes:
    """Return the original bytes of a text: headers and variables that are not UTF-8 contain surrogates."""
    return text.encode(errors="surrogateescape")


def _request_id(request: web.Request) -> str:
    given = request.headers.get(REQUEST_ID)
    if given is not None and REQUEST_ID_SHAPE.fullmatch(given):
        return given
    return f"req_{random.getrandbits(96):024x}"


def _from_http(error: web.HTTPException) -> ApiError:
    code = _HTTP_CODES.get(error.status, "bad_request" if error.status < 500 else "internal_error")
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
    return ApiError(error.status, code, error.reason, headers=headers)
