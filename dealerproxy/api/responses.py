"""JSON answers and the one error envelope."""

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from dealerproxy.errors import ApiError


def encode(value: object) -> bytes:
    """Encode structs and plain values."""
    return msgspec.json.encode(value)


def json_response(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Encode structs or plain values as a JSON answer."""
    return encoded_response(encode(value), status=status, headers=headers)


def encoded_response(body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Answer with what is JSON already."""
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
