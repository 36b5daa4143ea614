"""Damage to a finished answer: cut short, sent slowly, without a key, or without a class of its page.

The damaged rows are spread evenly over an answer, so a share of them is exact and repeatable.
"""

import asyncio
import contextlib
import re
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import orjson
from aiohttp import web

JsonObject = dict[str, object]
Answer = JsonObject | list[JsonObject]

_STATE_MARK: Final = b"__PRELOADED_STATE__ = "
_CAR_LINK: Final = b"loadingBridge.php"
_T = TypeVar("_T")


def close(request: web.Request) -> None:
    """Close the caller's connection."""
    if request.transport is not None:
        request.transport.close()


def body_of(answered: web.StreamResponse) -> bytes:
    """The body of a whole answer; empty for any other."""
    body = answered.body if isinstance(answered, web.Response) else None
    return body if isinstance(body, bytes) else b""


async def send(
    request: web.Request, answered: web.StreamResponse, chunks: list[bytes], *, pause: float
) -> web.StreamResponse:
    """Send an answer's headers, then only these chunks; close the connection if a part is missing."""
    total = len(body_of(answered))
    response = web.StreamResponse(status=answered.status, headers={"Content-Type": answered.headers["Content-Type"]})
    response.content_length = total
    # The caller may disconnect in the middle; these faults provoke that.
    with contextlib.suppress(ConnectionError):
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
            await asyncio.sleep(pause)
    if sum(map(len, chunks)) < total:
        close(request)
    return response


def rewritten(answered: web.StreamResponse, change: Callable[[Answer], None]) -> web.StreamResponse:
    """The answer with its JSON or its page's state changed; unchanged if it has neither, as after another fault."""
    before, text, after = _state(body_of(answered))
    try:
        answer = orjson.loads(text)
    except orjson.JSONDecodeError:
        return answered
    if isinstance(answer, dict | list) and isinstance(answered, web.Response):
        change(answer)
        changed = orjson.dumps(answer)
        answered.body = before + (changed.replace(b"<", b"\\u003c") if before else changed) + after
    return answered


def _state(body: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the parts before, of and after the JSON of an answer; in a page the JSON is its state."""
    before, mark, rest = body.partition(_STATE_MARK)
    text, end, after = rest.partition(b"</script>")
    return (before + mark, text, end + after) if mark else (b"", body, b"")


def rows_of(answer: Answer) -> list[JsonObject]:
    """The cars in an answer: those of a batch, of a search, or of the feeder."""
    if isinstance(answer, list):
        return answer
    data = answer.get("data")
    rows = data.get("detailInfo") if isinstance(data, dict) else answer.get("SearchResults")
    return rows if isinstance(rows, list) else []


def drop(document: object, path: list[str]) -> None:
    """Remove the key at the end of a path from a document, if present."""
    for key in path[:-1]:
        document = document.get(key) if isinstance(document, dict) else None
    if isinstance(document, dict):
        document.pop(path[-1], None)


def rename(document: object, path: list[str], name: str) -> None:
    """Give the key at the end of a path in a document another name, if present; the order of the keys stays."""
    for key in path[:-1]:
        document = document.get(key) if isinstance(document, dict) else None
    if isinstance(document, dict):
        renamed = {name if key == path[-1] else key: value for key, value in document.items()}
        document.clear()
        document.update(renamed)


def every(rows: Sequence[_T], share: float) -> list[_T]:
    """An evenly spread share of the rows: of n rows exactly floor(n * share)."""
    # The small addend keeps 100 * 0.29 from being 28.
    return [row for at, row in enumerate(rows) if int((at + 1) * share + 1e-9) > int(at * share + 1e-9)]


def without_selector(page: bytes, selector: str, share: float) -> bytes:
    """The page without a class token (`km`) or an id (`#usedcarList`): in a share of its cars, or everywhere.

    The page stays bytes, because the patterns are the same in each of its charsets.
    """
    if share == 1:
        return _unmarked(page, selector)
    pieces = re.split(rb"(?=<li\b)", page)
    cars = [at for at, piece in enumerate(pieces) if _CAR_LINK in piece]
    for at in every(cars, share):
        pieces[at] = _unmarked(pieces[at], selector)
    return b"".join(pieces)


def _unmarked(part: bytes, selector: str) -> bytes:
    attribute, name = (b"id", selector[1:]) if selector.startswith("#") else (b"class", selector.removeprefix("."))

    def rest(found: re.Match[bytes]) -> bytes:
        kept = [token for token in found[1].split() if token != name.encode()]
        return b' %s="%s"' % (attribute, b" ".join(kept)) if kept else b""

    return re.sub(rb' %s="([^"]*)"' % attribute, rest, part)
