"""The cursor: the place of each leg, signed, so that any process with the same secret can continue a walk.

A cursor is `base64url(msgpack payload + signature)`, under 3 kB. The payload is not secret: offsets, keys and digests
of ids that the client has. The more legs, the fewer returned ids are remembered.
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
# A site may repeat rows across pages, mostly about a hundred apart, so a walk remembers the rows it returned last.
REMEMBERED_ROWS = 380
_SIGNATURE_BYTES = 16
# Bytes of a payload that fit into 3,000 characters of base64 with the signature and the length of the ids.
_MOST_BYTES = 2_250 - _SIGNATURE_BYTES - 4
_VERSION = 2
_DIGEST = struct.Struct(">I")
# The clock of the process that signed may be a little ahead.
_CLOCK_SKEW_S = 60


class LegCursor(Struct, array_like=True, frozen=True):
    """A place in a leg.

    `offset` rows of the upstream's order were passed; `key` is the sort key of the last of them and `last` the digest
    of its id, both None at the start. `total` is the upstream's last count. A `late` leg failed and may still return
    rows that sort before the frontier. For a leg that was `stocked`, `offset` is the rank of the next row, and `last`
    the number of the last car itself.
    """

    offset: int = 0
    key: int | None = None
    last: int | None = None
    total: int | None = None
    ended: bool = False
    late: bool = False
    stocked: bool = False


class Position(Struct, array_like=True, frozen=True):
    """A place in a walk.

    `frontier` is the key of the last row returned over all legs, `seen` the digests of returned ids; `returned` counts
    all rows returned, `at_frontier` those with the frontier's key. An `exact` walk is in `Order.YEAR`.
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
        """Return the place before the first row of a walk."""
        return cls(_VERSION, 0, fingerprint, rate, (LegCursor(),) * legs)

    def after(self, keys: Sequence[int], legs: Callable[[int | None], Iterable[LegCursor]], seen: bytes) -> "Position":
        """Return the place after a page of rows with these keys; `legs` gives theirs for the new frontier."""
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
    """Where a leg goes on: it has no row left to return before `key`, None at the start.

    `remembered` says whether all returned rows of that key are known by their ids.
    """

    key: int | None
    remembered: bool


def resumption(leg: LegCursor, walk: Position, seen: "ReturnedIds") -> Resumption:
    """Return where a leg of a walk goes on. One that failed may still return rows that sort before the frontier."""
    if leg.late:
        return Resumption(leg.key, seen.held(walk.returned))
    return Resumption(walk.frontier, seen.held(walk.at_frontier))


_decoder = msgspec.msgpack.Decoder(Position)


class CursorCodec:
    """Signs and reads cursors. An empty secret is replaced by a random one: cursors then end with the process."""

    def __init__(self, secret: str, now: Callable[[], float] = time.time) -> None:
        self._key = secret.encode(errors="surrogateescape") or secrets.token_bytes(32)
        self._now = now

    def encode(self, position: Position) -> str:
        """Write a place, as of now. Of the returned ids it holds the last, as many as there is room for."""
        issued = replace(position, issued_at=int(self._now()))
        room = (_MOST_BYTES - len(msgspec.msgpack.encode(replace(issued, seen=b"")))) // DIGEST_BYTES
        payload = msgspec.msgpack.encode(replace(issued, seen=position.seen[-room * DIGEST_BYTES :]))
        return _base64(payload + self._sign(payload))

    def decode(self, text: str) -> Position:
        """Read a cursor. Raises ApiError 400 `invalid_cursor` for a cut, forged or old one."""
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
    """Return 8 bytes that identify a walk: its sort, its legs and the filters on their rows, `vehicles` among them.

    Spelling does not count (`기아` is `Kia`). Page size, shown fields and the requested rate may change on the way.
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
    """The public ids that a walk returned: the last 380, or as many as the cursor had room for."""

    def __init__(self, remembered: bytes = b"") -> None:
        whole = len(remembered) // DIGEST_BYTES * DIGEST_BYTES
        self._digests = dict.fromkeys(number for (number,) in _DIGEST.iter_unpack(remembered[:whole]))
        self._held = len(self._digests)

    def __len__(self) -> int:
        return len(self._digests)

    def __contains__(self, vehicle_id: str) -> bool:
        return bool(self._digests) and digest(vehicle_id) in self._digests

    def held(self, last: int) -> bool:
        """Whether the cursor held all ids that were returned last, so many of them."""
        return last <= self._held

    def add(self, vehicle_id: str) -> None:
        """Remember an id."""
        self._digests[digest(vehicle_id)] = None

    def __bytes__(self) -> bytes:
        kept = list(self._digests)[-REMEMBERED_ROWS:]
        return b"".join(map(_DIGEST.pack, kept))


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unbase64(text: str) -> bytes | None:
    """Decode; None for anything but the spelling that `_base64` writes."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    return raw if _base64(raw) == text else None
