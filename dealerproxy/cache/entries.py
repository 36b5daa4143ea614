"""Policies and results of the cache, and the encoding of entries and failures for other processes.

An entry in Redis is a format byte, the start and end of its load (unix seconds of Redis' own clock), msgpack, and a
checksum. Any other value is foreign and never decoded.
"""

import re
import struct
import zlib
from enum import StrEnum
from types import UnionType
from typing import Annotated, Any, Generic, NamedTuple, TypeVar, get_args

import msgspec
from msgspec import Meta, Struct

from dealerproxy.transport.errors import (
    SUSPENDED_FOR,
    Blocked,
    Closed,
    DailyBudget,
    Drift,
    Paused,
    Suspended,
    UpstreamError,
)

V = TypeVar("V")
Key = str | tuple[str, ...]

_FORMAT = 3
_HEAD = struct.Struct("!Bdd")
_CHECK = struct.Struct("!I")
_MEMBER = msgspec.msgpack.Decoder(tuple[str, msgspec.Raw])
# Bounds of a stored failure.
_LONGEST_TEXT, _LONGEST_WAIT_S = 1_000, 86_400.0
_CAPTURE = re.compile(r"[\w.-]{1,200}")
# The field that an error class has beside those of UpstreamError.
_OWN_FIELD: dict[type[UpstreamError], str] = {
    Drift: "path",
    Blocked: "kind",
    **dict.fromkeys((Suspended, Closed, Paused, DailyBudget), "cause"),
}


class CacheStatus(StrEnum):
    """Where a result came from. `updating`: old, a reload is under way. `stale`: old, because the load failed."""

    HIT = "hit"
    MISS = "miss"
    UPDATING = "updating"
    STALE = "stale"


class CacheResult(NamedTuple, Generic[V]):
    """A value, the seconds since its load began, and the failure that made it stale.

    It stays fresh for `fresh_for_s` more seconds; its load began `at` (this process's clock).
    """

    value: V
    age_s: float
    state: CacheStatus
    failure: UpstreamError | None = None
    fresh_for_s: float = 0.0
    at: float = 0.0


class CacheOutlook(NamedTuple):
    """What a request for an entry would find and do.

    `age_s` is the age of the stored entry, None without one young enough to stand in; `loads` is true if a load
    would start; `failure` is why the entry is old or missing.
    """

    state: CacheStatus
    age_s: float | None
    loads: bool
    failure: UpstreamError | None = None


class CachePolicy(Generic[V]):
    """One kind of entry, with its three ages in seconds, in ascending order.

    `holds` is V as msgspec decodes it, immutable. A union at its top needs no tags, because its members are stored by
    class name; so Structs that are rendered too need no tag field. Unions of Structs further inside need tags.
    `back_off_s` is the least time between a failed load and the next. Other processes wait `load_s` for a load and then
    load themselves. It must leave a request enough time for that, unless no request waits for the load.
    """

    def __init__(
        self,
        name: str,
        holds: Any,  # noqa: ANN401  # a union is no type[V]
        version: int = 1,
        /,
        *,
        fresh_s: float,
        revalidate_s: float,
        if_error_s: float,
        back_off_s: float = 2.0,
        load_s: float = 3.0,
    ) -> None:
        """`version` is part of the key: raise it when the shape of V changes, so that no process reads an old one."""
        self.name, self.stored_as = name, name if version == 1 else f"{name}-{version}"
        self.fresh_s, self.revalidate_s, self.if_error_s = fresh_s, revalidate_s, if_error_s
        self.back_off_s, self.load_s = back_off_s, load_s
        self._is_union = isinstance(holds, UnionType)
        members = {member.__name__: member for member in get_args(holds)} if self._is_union else {"": holds}
        self._decoders = {name: msgspec.msgpack.Decoder(member) for name, member in members.items()}

    def encode(self, value: V) -> bytes:
        """Encode a value; empty if it cannot be encoded."""
        return _encoded((type(value).__name__ if self._is_union else "", value))

    def decode(self, body: bytes) -> V:
        """Decode the bytes of `encode`. Raises ValueError, LookupError or RecursionError for any other bytes."""
        member, encoded = _MEMBER.decode(body)
        value: V = self._decoders[member].decode(encoded)
        return value


class _Failure(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A failure in the form for other processes: the class's name, the common fields, and the class's own field."""

    name: Annotated[str, Meta(max_length=_LONGEST_TEXT)]
    message: Annotated[str, Meta(max_length=_LONGEST_TEXT)]
    retry_after_s: Annotated[float, Meta(ge=0, le=_LONGEST_WAIT_S)] | None
    capture: Annotated[str, Meta(pattern=rf"^{_CAPTURE.pattern}\Z")] | None
    own: Annotated[str, Meta(max_length=_LONGEST_TEXT)]


_FAILURE = msgspec.msgpack.Decoder(_Failure)


def encode_failure(error: UpstreamError) -> bytes:
    """Encode an error's class, message and fields; empty if no process could decode it."""
    wait_s, own = error.retry_after_s, str(getattr(error, _OWN_FIELD.get(type(error), ""), ""))
    if _family(UpstreamError).get(type(error).__name__) is not type(error) or not _is_known(type(error), own):
        return b""
    return _encoded(
        _Failure(
            type(error).__name__,
            str(error)[:_LONGEST_TEXT],
            None if wait_s is None else max(0.0, min(wait_s, _LONGEST_WAIT_S)),
            error.capture if _CAPTURE.fullmatch(error.capture or "") else None,
            own[:_LONGEST_TEXT],
        )
    )


def decode_failure(body: bytes) -> UpstreamError:
    """Build the error from its bytes. Raises ValueError or LookupError if `encode_failure` did not make them."""
    stored = _FAILURE.decode(body)
    kind = _family(UpstreamError)[stored.name]
    if not _is_known(kind, stored.own):
        raise ValueError("unknown reason of a suspension")
    error = kind.__new__(kind, stored.message)
    fields = {"retry_after_s": stored.retry_after_s, "capture": stored.capture}
    if kind in _OWN_FIELD:
        fields[_OWN_FIELD[kind]] = stored.own
    vars(error).update(fields)
    return error


def copy_of(error: UpstreamError) -> UpstreamError:
    """Return a copy to raise or keep: the traceback of a raised error grows, and keeps its frames alive."""
    body = encode_failure(error)
    return decode_failure(body) if body else error


def _is_known(kind: type[UpstreamError], own: str) -> bool:
    """Whether all words of a failure are known and may be shown."""
    return own == kind.code if issubclass(kind, Closed) else kind is not Suspended or own in SUSPENDED_FOR


def sealed(body: bytes, began_at: float, ended_at: float) -> bytes:
    """Prefix a body with when its load began and ended, by Redis' clock."""
    return _checked(_HEAD.pack(_FORMAT, began_at, ended_at) + body)


def opened(raw: bytes, now: float) -> tuple[float, float, bytes]:
    """Split sealed bytes into start, end and body; `now` is Redis' time. Raises ValueError if bad or impossible."""
    whole, raw = raw, raw[: -_CHECK.size]
    if len(raw) < _HEAD.size or raw[0] != _FORMAT or whole != _checked(raw):
        raise ValueError("not in this format, or damaged")
    _, began_at, ended_at = _HEAD.unpack_from(raw)
    if not 0 <= began_at <= ended_at <= now:  # false for NaN too
        raise ValueError("a time that is negative or in the future")
    return began_at, ended_at, raw[_HEAD.size :]


def _checked(raw: bytes) -> bytes:
    """Append a checksum: damaged bytes may still decode to the right type."""
    return raw + _CHECK.pack(zlib.crc32(raw))


def _encoded(value: object) -> bytes:
    try:
        return msgspec.msgpack.encode(value)
    except (ValueError, OverflowError, RecursionError):  # JSON allows numbers of 40 digits, msgpack does not
        return b""


def _family(kind: type[UpstreamError]) -> dict[str, type[UpstreamError]]:
    """Return a class of errors and its subclasses in its module, by name; no code raises other subclasses."""
    known = {kind.__name__: kind}
    for child in kind.__subclasses__():
        if child.__module__ == kind.__module__:
            known |= _family(child)
    return known
