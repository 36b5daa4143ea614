"""Faults of the wire that the sandbox has no switch for, and a door nobody opens."""

import contextlib
import gzip
import socket
import struct
from functools import cache

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from dealerproxy.sandbox.damage import body_of
from dealerproxy.sandbox.faults import Fault, Hang

# More than the service reads of any answer.
TOO_MUCH = 4_000_001
BOMB_BYTES = 64_000_000


class Reset(Fault, tag="reset", frozen=True):
    """The connection is reset, as a firewall does it, before a byte of the answer."""

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.transport is not None:
            reset = struct.pack("ii", 1, 0)
            request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            request.transport.abort()
        return web.Response()


class Stall(Fault, tag="stall", frozen=True):
    """Headers and half of the body come, then nothing more until the caller leaves."""

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        body = body_of(await handler(request))
        response = web.StreamResponse()
        response.content_length = len(body)
        with contextlib.suppress(ConnectionError):  # the caller may have left already
            await response.prepare(request)
            await response.write(body[: len(body) // 2])
        await Hang().answer(request, handler)
        return response


class Spoilt(Fault, frozen=True):
    """A whole answer, well sent, with another body."""

    def spoil(self, body: bytes, *, is_json: bool) -> bytes:
        raise NotImplementedError

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        answered = await handler(request)
        body = self.spoil(body_of(answered), is_json=answered.content_type == "application/json")
        return web.Response(body=body, headers={"Content-Type": self.content_type(answered)})

    def content_type(self, answered: web.StreamResponse) -> str:
        return answered.headers["Content-Type"]


class Half(Spoilt, tag="half", frozen=True):
    """The first half, and a Content-Length that says it is all."""

    def spoil(self, body: bytes, *, is_json: bool) -> bytes:
        return body[: len(body) // 2]


class WrongType(Spoilt, tag="wrong_type", frozen=True):
    """An object where the answer has a list, and a list where it has anything else; JSON where a page is due."""

    def spoil(self, body: bytes, *, is_json: bool) -> bytes:
        answer = orjson.loads(body) if is_json else {}
        swapped = {name: {"0": value} if isinstance(value, list) else [value] for name, value in answer.items()}
        return orjson.dumps(swapped)


class Padded(Spoilt, tag="padded", frozen=True):
    """A good answer with blanks behind it, a byte more than is ever read."""

    def spoil(self, body: bytes, *, is_json: bool) -> bytes:
        return body.ljust(TOO_MUCH)


class Garbled(Spoilt, tag="garbled", frozen=True):
    """The text in UTF-16, and a charset that nobody knows."""

    def spoil(self, body: bytes, *, is_json: bool) -> bytes:
        return body.decode().encode("utf-16-le")

    def content_type(self, answered: web.StreamResponse) -> str:
        return f"{answered.content_type}; charset=klingon"


class Bomb(Fault, tag="bomb", frozen=True):
    """A few kilobytes that are many megabytes once they are unpacked."""

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        return web.Response(body=_bomb(), headers={"Content-Type": "text/html", "Content-Encoding": "gzip"})


@cache
def _bomb() -> bytes:
    return gzip.compress(bytes(BOMB_BYTES))


class DeafDoor:
    """A port on which connections wait for ever: its queue of those nobody accepted is full."""

    def __init__(self, port: int) -> None:
        self._sockets = [socket.socket()]
        listening = self._sockets[0]
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen(0)
        for _ in range(8):
            caller = socket.socket()
            caller.setblocking(False)
            caller.connect_ex(listening.getsockname())
            self._sockets.append(caller)

    def close(self) -> None:
        for each in self._sockets:
            each.close()
