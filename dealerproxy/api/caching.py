"""What an answer says of its own age (`Age`, `X-Cache`, `ETag`, `Cache-Control`), and the 304 that may stand for it."""

import hashlib
from collections.abc import Mapping, Sequence

from aiohttp import web

from dealerproxy.transport.pieces import State

X_CACHE = "X-Cache"
# What came from a failing upstream must not live on in a cache in between.
NO_STORE = {"Cache-Control": "no-store"}
REVALIDATE = "private, no-cache"


def wants_fresh_look(request: web.Request) -> bool:
    """Whether the client asks to look at the upstream itself, as one does before an order."""
    return "no-cache" in map(str.lower, _listed(request, "Cache-Control"))


def age_headers(state: State, age_s: float | None) -> dict[str, str]:
    """Tell how an answer came about, and the age in whole seconds of the oldest piece in it."""
    return {X_CACHE: state} | ({} if age_s is None else {"Age": str(round(age_s))})


def etag(*parts: bytes) -> str:
    """Return a tag over what the answer says, whenever it says it; weak, as ages and cursors differ."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return f'W/"{digest.hexdigest()[:24]}"'


def not_modified(request: web.Request, tag: str, headers: Mapping[str, str]) -> web.Response | None:
    """Answer 304 if the client already has this; `headers` are those the whole answer would have."""
    held = map(_opaque, _listed(request, "If-None-Match"))
    return None if {"*", _opaque(tag)}.isdisjoint(held) else web.Response(status=304, headers=headers)


def _opaque(tag: str) -> str:
    """A tag without its mark of being weak, which does not count here."""
    return tag.removeprefix("W/")


def _listed(request: web.Request, name: str) -> Sequence[str]:
    """What a header lists, over however many lines; most requests have neither of ours."""
    lines = request.headers.getall(name, ())
    return [one.strip() for one in ",".join(lines).split(",")] if lines else ()
