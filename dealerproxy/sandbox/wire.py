"""Reads what is posted to the stand-in, and sends answers: compact JSON, gzipped if the caller accepts that."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec
import orjson
from aiohttp import web
from msgspec import inspect

GZIP_FROM_BYTES: Final = 1_000
# What msgspec says of a word that is none of those allowed, and where.
_NO_SUCH_WORD: Final = re.compile(r"Invalid (?:enum )?value .*?(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_STEP: Final = re.compile(r"\[|[A-Za-z_]\w*")


def json_answer(request: web.Request, document: object) -> web.Response:
    """Answer with a document as compact JSON."""
    return answer(request, orjson.dumps(document), "application/json")


def answer(request: web.Request, body: bytes, content_type: str, charset: str = "utf-8") -> web.Response:
    """Answer with a body, gzipped if it is large and the caller accepts that."""
    response = web.Response(body=body, content_type=content_type, charset=charset)
    if len(body) >= GZIP_FROM_BYTES and "gzip" in request.headers.get("Accept-Encoding", ""):
        response.enable_compression(web.ContentCoding.gzip)
    return response


@contextmanager
def naming_allowed(kind: object) -> Iterator[None]:
    """Add the allowed words to the ValidationError of msgspec for a word that is none of them; `kind` is the type."""
    try:
        yield
    except msgspec.ValidationError as problem:
        found = _NO_SUCH_WORD.fullmatch(str(problem))
        allowed = list(_allowed(inspect.type_info(kind), _STEP.findall(found["path"] or ""))) if found else []
        if not allowed:
            raise
        raise msgspec.ValidationError(f"{problem}; allowed: {', '.join(map(str, dict.fromkeys(allowed)))}") from None


def _allowed(kind: inspect.Type, path: Sequence[str]) -> Iterator[object]:
    """Yield the words that a type allows at a path of field names, with `[` for any element of a list."""
    match kind:
        case inspect.UnionType():
            for each in kind.types:
                yield from _allowed(each, path)
        case inspect.ListType() if path[:1] == ["["]:
            yield from _allowed(kind.item_type, path[1:])
        case inspect.LiteralType() if not path:
            yield from kind.values
        case inspect.StructType() if path[:1] == [kind.tag_field]:
            yield kind.tag
        case inspect.StructType() | inspect.DataclassType():
            for field in kind.fields:
                if path[:1] == [field.encode_name]:
                    yield from _allowed(field.type, path[1:])
