"""The cursor: the place of each leg, signed, so that any process with the same secret can continue a walk.

A cursor is `base64url(msgpack payload + signature)`, under 3 kB. The payload is not secret: offsets, keys and digests
of ids that the client has. The more legs, the fewer returned ids are remembered.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterable

import msgspec
from msgspec import Struct

from dealerproxy.contract.errors import invalid_cursor
from dealerproxy.contract.rate import Rate
from dealerproxy.upstreams.paging import DIGEST_BYTES, digest
from dealerproxy.upstreams.query import Query, Vehicles
from dealerproxy.upstreams.results import Leg

LIFETIME_S = 3600
# A site may repeat rows across pages, mostly about a hundred apart, so a walk remembers the rows it returned last.
REMEMBERED_ROWS = 380
# Bytes in 3,000 characters of base64, less those that grow neither with legs nor with rows.
_ROOM_BYTES = 2_250 - 90
_LEG_BYTES = 26
_SIGNATURE_BYTES = 16
_VERSION = 1
# The clock of the process that signed may be a little ahead.
_CLOCK_SKEW_S = 60


class LegCursor(Struct, array_like=True, frozen=True):
    """A place in a leg.

    `offset` rows of the upstream's order were passed; `key` is the sort key of the last of them and `last` the digest
    of its id, both None at the start. `total` is the upstream's last count. A `late` leg failed and may still return
    rows that sort before the frontier.
    """

    offset: int = 0
    key: int | None = None
    last: int | None = None
    total: int | None = None
    ended: bool = False
    late: bool = False


class Position(Struct, array_like=True, frozen=True):
    """A place in a walk.

    `frontier` is the sort key of the last row returned over all legs, `seen` the digests of returned ids.
    """

    version: int
    issued_at: int
    fingerprint: bytes
    rate: Rate
    legs: tuple[LegCursor, ...]
    frontier: int | None = None
    seen: bytes = b""


_decoder = msgspec.msgpack.Decoder(Position)


class CursorCodec:
    """Signs and reads cursors. An empty secret is replaced by a random one: cursors then end with the process."""

    def __init__(self, secret: str, now: Callable[[], float] = time.time) -> None:
        self._key = secret.encode(errors="surrogateescape") or secrets.token_bytes(32)
        self._now = now

    def encode(
        self, fingerprint: bytes, rate: Rate, legs: Iterable[LegCursor], frontier: int | None, seen: bytes
    ) -> str:
        """Write a cursor for the page that follows."""
        position = Position(_VERSION, int(self._now()), fingerprint, rate, tuple(legs), frontier, seen)
        payload = msgspec.msgpack.encode(position)
        return _base64(payload + self._sign(payload))

    def decode(self, text: str) -> Position:
        """Read a cursor. Raises ApiError 400 `invalid_cursor` for a cut, forged or old one."""
        raw = _unbase64(text)
        if raw is None:
            raise invalid_cursor("malformed", "The cursor is not one of ours, or was cut.")
        payload, signature = raw[:-_SIGNATURE_BYTES], raw[-_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(payload)):
            raise invalid_cursor("forged", "The cursor was changed, or signed by another service.")
        try:
            position = _decoder.decode(payload)
        except msgspec.DecodeError:
            raise invalid_cursor("malformed", "The cursor was written by another version.") from None
        if position.version != _VERSION:
            raise invalid_cursor("malformed", "The cursor was written by another version.")
        if not -_CLOCK_SKEW_S <= self._now() - position.issued_at <= LIFETIME_S:
            raise invalid_cursor("expired", "The cursor is older than an hour; start again from the first page.")
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
    """The public ids that a walk of so many legs returned: the last 380, or as many as there is room for."""

    def __init__(self, remembered: bytes = b"", legs: int = 1) -> None:
        size = DIGEST_BYTES
        self._most = min(REMEMBERED_ROWS, (_ROOM_BYTES - legs * _LEG_BYTES) // size)
        pieces = (remembered[at : at + size] for at in range(0, len(remembered) - size + 1, size))
        self._digests = dict.fromkeys(int.from_bytes(piece, "big") for piece in pieces)

    def __contains__(self, vehicle_id: str) -> bool:
        return bool(self._digests) and digest(vehicle_id) in self._digests

    @property
    def complete(self) -> bool:
        """Whether no id was dropped yet."""
        return len(self._digests) < self._most

    def add(self, vehicle_id: str) -> None:
        """Remember an id."""
        self._digests[digest(vehicle_id)] = None

    def __bytes__(self) -> bytes:
        kept = list(self._digests)[-self._most :]
        return b"".join(number.to_bytes(DIGEST_BYTES, "big") for number in kept)


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unbase64(text: str) -> bytes | None:
    """Decode; None for anything but the spelling that `_base64` writes."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    return raw if _base64(raw) == text else None
