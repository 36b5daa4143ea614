"""Sends answers: compact JSON, gzipped if the caller accepts that."""

from typing import Final

import orjson
from aiohttp import web

GZIP_FROM_BYTES: Final = 1_000


def json_answer(request: web.Request, document: object) -> web.Response:
    """Answer with a document as compact JSON."""
    return answer(request, orjson.dumps(document), "application/json")


def answer(request: web.Request, body: bytes, content_type: str, charset: str = "utf-8") -> web.Response:
    """Answer with a body, gzipped if it is large and the caller accepts that."""
    response = web.Response(body=body, content_type=content_type, charset=charset)
    if len(body) >= GZIP_FROM_BYTES and "gzip" in request.headers.get("Accept-Encoding", ""):
        response.enable_compression(web.ContentCoding.gzip)
    return response
