"""What the cache keeps: kinds of pieces with their ages, and how pieces and failures are written for other processes.

In Redis a piece is a format byte, the unix times when its load began and ended, and msgpack. Anything else there is
none of ours.
"""

import struct
from enum import StrEnum
from types import UnionType
from typing import Any, Generic, NamedTuple, TypeVar, get_args

import msgspec

from dealerproxy.errors import UpstreamError

V = TypeVar("V")
Key = str | tuple[str, ...]

# Machines' clocks differ; what is from further in the future is none of ours.
SKEW_S = 60.0

_FORMAT = 2
_HEAD = struct.Struct("!Bdd")
_MEMBER = msgspec.msgpack.Decoder(tuple[str, msgspec.Raw])
_FAILURE = msgspec.msgpack.Decoder(tuple[str, tuple[str, ...], dict[str, str | float | None]])


class State(StrEnum):
    """How an answer came about. `updating`: old, being loaded anew. `stale`: old, because loading failed."""

    HIT = "hit"
    MISS = "miss"
    UPDATING = "updating"
    STALE = "stale"


class Found(NamedTuple, Generic[V]):
    """A value, the seconds since its load began, and for a stale one what went wrong.

    `fresh_for_s` is how many seconds more it will be answered as it is, `at` when its load began (unix seconds).
    """

    value: V
    age_s: float
    state: State
    failure: UpstreamError | None = None
    fresh_for_s: float = 0.0
    at: float = 0.0


class Kind(Generic[V]):
    """One kind of piece; its three ages count in seconds and do not fall from one to the next.

    `holds` is V as msgspec sees it, immutable. A union at its top needs no tags: members go by their names, so that
    Structs which are also rendered stay clean. Unions of Structs further inside need tags.
    `back_off_s` is the least time between a failed load and the next; `load_s` is more than a load ever takes: so
    long do other processes wait for one.
    """

    def __init__(
        self,
        name: str,
        holds: Any,  # noqa: ANN401  # a union is no type[V]
        *,
        fresh_s: float,
        revalidate_s: float,
        if_error_s: float,
        back_off_s: float = 2.0,
        load_s: float = 15.0,
    ) -> None:
        self.name = name
        self.fresh_s, self.revalidate_s, self.if_error_s = fresh_s, revalidate_s, if_error_s
        self.back_off_s, self.load_s = back_off_s, load_s
        self._is_union = isinstance(holds, UnionType)
        members = {member.__name__: member for member in get_args(holds)} if self._is_union else {"": holds}
        self._decoders = {name: msgspec.msgpack.Decoder(member) for name, member in members.items()}

    def encode(self, value: V) -> bytes:
        """Encode a value; empty for what cannot be encoded."""
        return _encoded((type(value).__name__ if self._is_union else "", value))

    def decode(self, body: bytes) -> V:
        """Decode what `encode` made. Raises ValueError, LookupError or RecursionError for anything else."""
        member, encoded = _MEMBER.decode(body)
        value: V = self._decoders[member].decode(encoded)
        return value


def encode_failure(error: UpstreamError) -> bytes:
    """Encode what makes an error what it is: its class, its message and its fields."""
    return _encoded((type(error).__name__, error.args, vars(error)))


def decode_failure(body: bytes) -> UpstreamError:
    """Make the same error anew. Raises ValueError or LookupError for what `encode_failure` did not make."""
    name, args, fields = _FAILURE.decode(body)
    kind = _family(UpstreamError)[name]
    error = kind.__new__(kind, *args)
    vars(error).update(fields)
    return error


def sealed(body: bytes, began_at: float, ended_at: float) -> bytes:
    """Put the head before a body: when its load began and ended."""
    return _HEAD.pack(_FORMAT, began_at, ended_at) + body


def opened(raw: bytes, now: float) -> tuple[float, float, bytes]:
    """Read the head and the body. Raises ValueError for another format, or one from the future."""
    if len(raw) < _HEAD.size or raw[0] != _FORMAT:
        raise ValueError("not in this format")
    _, began_at, ended_at = _HEAD.unpack_from(raw)
    if not began_at <= ended_at <= now + SKEW_S:  # so is what is no number
        raise ValueError("from the future")
    return began_at, ended_at, raw[_HEAD.size :]


def _encoded(value: object) -> bytes:
    try:
        return msgspec.msgpack.encode(value)
    except (ValueError, OverflowError, RecursionError):  # JSON knows numbers of 40 digits, msgpack does not
        return b""


def _family(kind: type[UpstreamError]) -> dict[str, type[UpstreamError]]:
    """Return a class of errors and all classes below it, by name."""
    known = {kind.__name__: kind}
    for child in kind.__subclasses__():
        known |= _family(child)
    return known
