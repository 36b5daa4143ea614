"""The signed cursor: the position of each leg. Any process with the same secret can continue the walk.

A cursor is `base64url(msgpack payload + signature)`, under 3 kB. The payload is not secret: it has offsets, keys and
digests of ids that the client has. With more legs, it remembers fewer returned ids.
"""

import base64
import hashlib
import hmac
import secrets
import struct
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from dealerproxy.contract.errors import invalid_cursor
from dealerproxy.contract.rate import Rate
from dealerproxy.upstreams.paging import DIGEST_BYTES, digest
from dealerproxy.upstreams.query import Query, Vehicles
from dealerproxy.upstreams.results import Leg

LIFETIME_S = 3600
# Sites repeat rows across pages, mostly about a hundred rows apart, so a walk remembers the last rows it returned.
REMEMBERED_ROWS = 380
_SIGNATURE_BYTES = 16
# Bytes of a payload that fit into 3,000 characters of base64 with the signature and the length of the ids.
_MOST_BYTES = 2_250 - _SIGNATURE_BYTES - 4
_VERSION = 2
_DIGEST = struct.Struct(">I")
# The clock of the process that signed may be a little ahead.
_CLOCK_SKEW_S = 60


class LegCursor(Struct, array_like=True, frozen=True):
    """A position in a leg.

    `offset` counts the passed rows in the upstream's order; `key` is the sort key of the last one and `last` the digest
    of its id, both None at the start. `total` is the upstream's last count. A `late` leg failed and may still return
    rows that sort before the frontier. In a `stocked` leg, `offset` is the rank of the next row, and `last` the number
    of the last car instead of a digest.
    """

    offset: int = 0
    key: int | None = None
    last: int | None = None
    total: int | None = None
    ended: bool = False
    late: bool = False
    stocked: bool = False


class Position(Struct, array_like=True, frozen=True):
    """A position in a walk.

    `frontier` is the key of the last returned row over all legs, `seen` the digests of returned ids. `returned` counts
    all returned rows, `at_frontier` the rows with the frontier's key. An `exact` walk is in `Order.YEAR`.
    """

    version: int
    issued_at: int
    fingerprint: bytes
    rate: Rate
    legs: tuple[LegCursor, ...]
    frontier: int | None = None
    seen: bytes = b""
    at_frontier: int = 0
    returned: int = 0
    exact: bool = False

    @classmethod
    def start(cls, fingerprint: bytes, rate: Rate, legs: int) -> "Position":
        """Return the position before the first row of a walk."""
        return cls(_VERSION, 0, fingerprint, rate, (LegCursor(),) * legs)

    def after(self, keys: Sequence[int], legs: Callable[[int | None], Iterable[LegCursor]], seen: bytes) -> "Position":
        """Return the position after a page of rows with these keys; `legs` returns its legs for the new frontier."""
        known = (self.frontier, *keys)
        frontier = max((key for key in known if key is not None), default=None)
        before = self.at_frontier if frontier == self.frontier else 0
        return replace(
            self,
            legs=tuple(legs(frontier)),
            frontier=frontier,
            seen=seen,
            at_frontier=before + sum(key == frontier for key in keys),
            returned=self.returned + len(keys),
        )


class Resumption(NamedTuple):
    """Where a leg resumes: it has no row left to return before `key`, which is None at the start.

    `remembered` is true if the ids of all returned rows with that key are known.
    """

    key: int | None
    remembered: bool


def resumption(leg: LegCursor, walk: Position, seen: "ReturnedIds") -> Resumption:
    """Return where a leg resumes. A failed leg may still return rows that sort before the frontier."""
    if leg.late:
        return Resumption(leg.key, seen.held(walk.returned))
    return Resumption(walk.frontier, seen.held(walk.at_frontier))


_decoder = msgspec.msgpack.Decoder(Position)


class CursorCodec:
    """Signs and reads cursors. A random secret replaces an empty one; cursors then become invalid at a restart."""

    def __init__(self, secret: str, now: Callable[[], float] = time.time) -> None:
        self._key = secret.encode(errors="surrogateescape") or secrets.token_bytes(32)
        self._now = now

    def encode(self, position: Position) -> str:
        """Return a position as a cursor, with the current time and as many of the last returned ids as fit."""
        issued = replace(position, issued_at=int(self._now()))
        room = (_MOST_BYTES - len(msgspec.msgpack.encode(replace(issued, seen=b"")))) // DIGEST_BYTES
        payload = msgspec.msgpack.encode(replace(issued, seen=position.seen[-room * DIGEST_BYTES :]))
        return _base64(payload + self._sign(payload))

    def decode(self, text: str) -> Position:
        """Read a cursor. Raises ApiError 400 `invalid_cursor` if it is malformed, forged or expired."""
        raw = _unbase64(text)
        if raw is None:
            raise invalid_cursor("malformed", "The cursor is incomplete, or not from this service.")
        payload, signature = raw[:-_SIGNATURE_BYTES], raw[-_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(payload)):
            raise invalid_cursor("forged", "The cursor was changed, or signed with another secret.")
        try:
            position = _decoder.decode(payload)
        except msgspec.DecodeError:
            raise invalid_cursor("malformed", "The cursor was written by another version.") from None
        if position.version != _VERSION:
            raise invalid_cursor("malformed", "The cursor was written by another version.")
        if not -_CLOCK_SKEW_S <= self._now() - position.issued_at <= LIFETIME_S:
            raise invalid_cursor("expired", "The cursor is older than an hour. Start again without it.")
        return position

    def _sign(self, payload: bytes) -> bytes:
        return hmac.digest(self._key, payload, "sha256")[:_SIGNATURE_BYTES]


def fingerprint(query: Query, legs: Iterable[Leg], vehicles: Vehicles) -> bytes:
    """Return 8 bytes that identify a walk: its sort, its legs and its row filters, including `vehicles`.

    Spelling does not matter (`기아` is `Kia`). Page size, shown fields and requested rate may change during a walk.
    """
    kept = (
        *(query.year_min, query.year_max, query.mileage_max_km, query.price_min_usd, query.price_max_usd),
        query.fuel,
    )
    parts: list[object] = [query.sort, kept, [(leg.upstream, leg.q) for leg in legs]]
    if vehicles:
        parts.append(sorted((*group, sorted(map(str, names))) for group, names in vehicles.items()))
    text = msgspec.json.encode(parts)
    return hashlib.blake2b(text, digest_size=8).digest()


class ReturnedIds:
    """The public ids that a walk returned: the last 380, or fewer if they did not fit in the cursor."""

    def __init__(self, remembered: bytes = b"") -> None:
        whole = len(remembered) // DIGEST_BYTES * DIGEST_BYTES
        self._digests = dict.fromkeys(number for (number,) in _DIGEST.iter_unpack(remembered[:whole]))
        self._held = len(self._digests)

    def __len__(self) -> int:
        return len(self._digests)

    def __contains__(self, vehicle_id: str) -> bool:
        return bool(self._digests) and digest(vehicle_id) in self._digests

    def held(self, last: int) -> bool:
        """Whether the cursor contained the ids of the newest `last` returned rows."""
        return last <= self._held

    def add(self, vehicle_id: str) -> None:
        """Add an id."""
        self._digests[digest(vehicle_id)] = None

    def __bytes__(self) -> bytes:
        kept = list(self._digests)[-REMEMBERED_ROWS:]
        return b"".join(map(_DIGEST.pack, kept))


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unbase64(text: str) -> bytes | None:
    """Decode base64; None unless `_base64` writes the bytes exactly so."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    return raw if _base64(raw) == text else None
