"""Faults of an upstream's answer, which are switched on and off while the stand-in runs.

Each kind of fault wraps the handler of the route. Several may match one request; then the one switched on first is the
outermost. Statuses and bodies follow reports by clients of the real site (blocks, 429, empty bodies, pages of HTML
instead of JSON). `damage.py` holds the damage to a finished answer.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Final, Literal, Protocol, TypeVar

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler
from msgspec import Meta, structs

from dealerproxy.sandbox.damage import (
    Answer,
    body_of,
    close,
    drop,
    every,
    rename,
    rewritten,
    rows_of,
    send,
    without_selector,
)


class _Numbered(Protocol):
    @property
    def id(self) -> str: ...


C = TypeVar("C", bound=_Numbered)
Share = Annotated[float, Meta(ge=0, le=1)]
_HeaderName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]+$")]
_HeaderValue = Annotated[str, Meta(pattern=r"^[ -~]*$")]
# AWS WAF's actions by status (its Developer Guide, "CAPTCHA and Challenge action behavior").
_WAF_ACTIONS: Final = {202: "challenge", 405: "captcha"}

BLOCK_BODY: Final = (
    '<html><head><meta http-equiv="refresh" content="0; url=https://api.encar.com/has_been_cr_blocked_AWS.html" />'
    "</head></html>"
)
INTERSTITIAL: Final = "<!DOCTYPE html><html><head><title>잠시만 기다려 주세요</title></head><body></body></html>"
# nginx's status for "closed without an answer"; it is recorded for a dropped request and never sent.
CLOSED_WITHOUT_ANSWER: Final = 444
# The parameters of the sites without a query language.
_NAMED: Final = ("Brand", "Series", "Model", "Page", "demoNo")
# Set on a request for which the list's first page is returned.
FIRST_PAGE = web.RequestKey("first_page", bool)
# Set on a request for which the site lists only this share of its cars.
LISTED_SHARE = web.RequestKey("listed_share", float)
_STOPPING: Final = web.AppKey("sandbox_stopping", asyncio.Event)


class Fault(msgspec.Struct, tag_field="kind", kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One fault, switched on for some requests.

    * `operation`: the route that it hits; None: all
    * `contains`: a text in the decoded path, in the parameter `q` or `vehicleIds`, or in the parameters of the other
      sites, written as `Brand=303&Series=2718&Model=&Page=2&demoNo=&`; None: any request
    * `times`: how often it fires; None: until it is switched off
    """

    operation: str | None = None
    contains: str | None = None
    times: Annotated[int, Meta(ge=1)] | None = None

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer the request with the fault; the base class has none."""
        return await handler(request)

    def hits(self, request: web.Request) -> bool:
        """Whether the fault matches this request."""
        return (self.operation is None or self.operation == request.match_info.route.name) and (
            self.contains is None
            or self.contains in request.path
            or any(self.contains in request.query.get(name, "") for name in ("q", "vehicleIds"))
            or self.contains in "".join(f"{name}={request.query[name]}&" for name in _NAMED if name in request.query)
        )


class Latency(Fault, tag="latency", frozen=True):
    """The answer is `ms` milliseconds late."""

    ms: Annotated[float, Meta(ge=0)]

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Wait, then answer as usual."""
        await asyncio.sleep(self.ms / 1000)
        return await handler(request)


class Status(Fault, tag="status", frozen=True):
    """A bare status with a plain body, 5xx or any other, and with headers such as those of bot guards."""

    status: Annotated[int, Meta(ge=200, le=599)] = 503
    body: str = ""
    headers: Mapping[_HeaderName, _HeaderValue] = {}

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer with the status."""
        answered = web.Response(status=self.status, text=self.body)
        answered.headers.update(self.headers)
        return answered


class RateLimited(Fault, tag="rate_limited", frozen=True):
    """429; `retry_after` is seconds or an HTTP date, None leaves the header out."""

    retry_after: int | str | None = 1

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer 429."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return web.Response(status=429, headers=headers)


class Block(Fault, tag="block", frozen=True):
    """The caller is blocked: with the site's block page under 404 (as most report it), 403, 407 or 200.

    202 and 405 are AWS WAF's challenge and captcha, with its header and nothing else; 302 redirects to the same
    address and sets a cookie.
    """

    status: Literal[404, 403, 407, 200, 202, 405, 302] = 404

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer with the block."""
        if self.status == 302:
            return web.Response(status=302, headers={"Location": request.raw_path, "Set-Cookie": "passed=1; Path=/"})
        if self.status in _WAF_ACTIONS:
            return web.Response(status=self.status, headers={"x-amzn-waf-action": _WAF_ACTIONS[self.status]})
        return web.Response(status=self.status, text=BLOCK_BODY, content_type="text/html")


class Html(Fault, tag="html", frozen=True):
    """200 with a page of HTML instead of JSON."""

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer with an interstitial page."""
        return web.Response(text=INTERSTITIAL, content_type="text/html")


class Empty(Fault, tag="empty", frozen=True):
    """200 with an empty body."""

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer with nothing."""
        return web.Response(content_type="application/json")


class Drop(Fault, tag="drop", frozen=True):
    """The connection closes before the first byte (`start`) or half way through the body (`body`)."""

    at: Literal["start", "body"] = "start"

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Close the connection early."""
        if self.at == "start":
            close(request)
            return web.Response(status=CLOSED_WITHOUT_ANSWER)
        answered = await handler(request)
        body = body_of(answered)
        return await send(request, answered, [body[: len(body) // 2]], pause=0) if body else answered


class Trickle(Fault, tag="trickle", frozen=True):
    """Headers at once, then the body at `bytes_per_second`."""

    bytes_per_second: Annotated[int, Meta(ge=1)] = 1000

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer as usual, slowly."""
        answered = await handler(request)
        body = body_of(answered)
        step = max(1, self.bytes_per_second // 50)
        chunks = [body[at : at + step] for at in range(0, len(body), step)]
        return await send(request, answered, chunks, pause=step / self.bytes_per_second) if body else answered


class Hang(Fault, tag="hang", frozen=True):
    """The request is accepted but not answered until the caller disconnects or the stand-in stops."""

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Wait for the caller to give up."""
        # A server need not cancel the handler when the caller disconnects, so this checks the connection.
        stopping = request.app[_STOPPING]
        while request.transport is not None and not request.transport.is_closing() and not stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), 0.05)
        close(request)
        return web.Response(status=CLOSED_WITHOUT_ANSWER)


class MissingField(Fault, tag="missing_field", frozen=True):
    """A key is missing: from a share of the rows, or (`of` = `answer`) from the top level.

    With `answer` the field may be a path (`advertisement.price`), and the answer a list of documents or a page with
    its state (`cars.base.advertisement.price`).
    """

    field: str
    of: Literal["rows", "answer"] = "rows"
    share: Share = 1.0

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer without the key."""
        return rewritten(await handler(request), self._without)

    def _without(self, answer: Answer) -> None:
        if self.of == "rows":
            for row in every(rows_of(answer), self.share):
                row.pop(self.field, None)
        else:
            for document in answer if isinstance(answer, list) else [answer]:
                drop(document, self.field.split("."))


class RenamedField(Fault, tag="rename_field", frozen=True):
    """A key has another name, its value stays: in a share of the rows, or (`of` = `answer`) at the top level.

    `field` is as in `MissingField`, `to` the new name of its last part.
    """

    field: str
    to: Annotated[str, Meta(min_length=1)]
    of: Literal["rows", "answer"] = "rows"
    share: Share = 1.0

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer with the key renamed."""
        return rewritten(await handler(request), self._renamed)

    def _renamed(self, answer: Answer) -> None:
        if self.of == "rows":
            for row in every(rows_of(answer), self.share):
                rename(row, [self.field], self.to)
        else:
            for document in answer if isinstance(answer, list) else [answer]:
                rename(document, self.field.split("."), self.to)


class BadRows(Fault, tag="bad_rows", frozen=True):
    """A share of the rows is unreadable: an object replaces the text or number of `field`."""

    share: Share = 1.0
    field: str = "Id"

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer with unreadable rows."""
        return rewritten(await handler(request), self._spoil)

    def _spoil(self, answer: Answer) -> None:
        for row in every(rows_of(answer), self.share):
            row[self.field] = {"unreadable": True}


class MissingSelector(Fault, tag="missing_selector", frozen=True):
    """A page lacks a class (`km`, `.km`) or an id (`#usedcarList`): in a share of its cars, or (1) everywhere."""

    selector: Annotated[str, Meta(pattern=r"^[.#]?[A-Za-z][A-Za-z0-9_-]*$")]
    share: Share = 1.0

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer without the elements of the selector."""
        answered = await handler(request)
        if isinstance(answered, web.Response) and answered.content_type == "text/html":
            answered.body = without_selector(body_of(answered), self.selector, self.share)
        return answered


class PageCap(Fault, tag="page_cap", frozen=True):
    """No answer has more than `rows` rows, for any requested number."""

    rows: Annotated[int, Meta(ge=1)] = 20

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer with the first rows."""
        return rewritten(await handler(request), self._cut)

    def _cut(self, answer: Answer) -> None:
        del rows_of(answer)[self.rows :]


class RepeatPage(Fault, tag="repeat_page", frozen=True):
    """Each page of a list is the first one."""

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer with the first page."""
        request[FIRST_PAGE] = True
        return await handler(request)


class WrongCount(Fault, tag="wrong_count", frozen=True):
    """A search returns this count for any result."""

    count: Annotated[int, Meta(ge=0)] = 1

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer with the count."""
        return rewritten(await handler(request), self._miscount)

    def _miscount(self, answer: Answer) -> None:
        if isinstance(answer, dict) and "Count" in answer:
            answer["Count"] = self.count


class Shrunken(Fault, tag="shrunken", frozen=True):
    """Searches and lists know only a share of the site's cars, the same ones each time; counts and facets fit."""

    share: Share = 0.5

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer as if the site had fewer cars."""
        request[LISTED_SHARE] = self.share
        return await handler(request)


def still_listed(request: web.Request, found: list[C], cars: Iterable[C]) -> list[C]:
    """Return those of the cars found that a site with these cars lists for a request."""
    if LISTED_SHARE not in request:
        return found
    ids = {car.id for car in every(list(cars), request[LISTED_SHARE])}
    return [car for car in found if car.id in ids]


AnyFault = (
    Latency
    | Status
    | RateLimited
    | Block
    | Html
    | Empty
    | Drop
    | Trickle
    | Hang
    | MissingField
    | RenamedField
    | BadRows
    | MissingSelector
    | PageCap
    | RepeatPage
    | WrongCount
    | Shrunken
)


@dataclass(slots=True)
class _Switched:
    fault: Fault
    left: int | None


class Faults:
    """The faults that are on. Several stand-ins may share one set; operations distinguish them."""

    def __init__(self) -> None:
        self._on: list[_Switched] = []

    def __len__(self) -> int:
        return len(self._on)

    def __iter__(self) -> Iterator[Fault]:
        """The faults that are on; `times` is how often each will still fire."""
        return (structs.replace(switched.fault, times=switched.left) for switched in list(self._on))

    def add(self, *faults: Fault) -> None:
        """Switch faults on."""
        self._on += [_Switched(fault, fault.times) for fault in faults]

    def clear(self) -> None:
        """Switch all faults off; requests in progress keep theirs."""
        self._on.clear()

    def due(self, request: web.Request) -> list[Fault]:
        """The faults that hit this request, counted as fired; one that has fired `times` times is removed."""
        hits = [switched for switched in self._on if switched.fault.hits(request)]
        for switched in hits:
            if switched.left is not None:
                switched.left -= 1
        self._on = [switched for switched in self._on if switched.left != 0]
        return [switched.fault for switched in hits]

    def attach(self, app: web.Application) -> None:
        """Apply the faults to the app's named routes: a route's name is its operation, unnamed ones have no faults."""

        @web.middleware
        async def breaking(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.match_info.route.name is not None:
                for fault in reversed(self.due(request)):
                    handler = partial(fault.answer, handler=handler)
            return await handler(request)

        async def release(stopped: web.Application) -> None:
            stopped[_STOPPING].set()

        app.middlewares.append(breaking)
        app[_STOPPING] = asyncio.Event()
        app.on_shutdown.append(release)
