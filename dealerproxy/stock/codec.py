"""Readings as bytes for storage: packed columns, compressed, with a digest."""

import hashlib
import zlib
from typing import get_type_hints

import msgspec
import numpy as np
from msgspec import Struct

from dealerproxy.stock.shelf import Reading
from dealerproxy.stock.table import EMPTY, Column, Columns, Table, WordLists, Words

# Raise the number when the format changes; bytes of any other format count as damaged.
FORMAT = b"dealerproxy-stock-1\n"
DIGEST_BYTES = 16
# The most bytes of a reading and of its encoded form; more is an error.
MOST_BYTES = 256 * 2**20
_LEVEL = 1
_TYPES: Columns[np.dtype] = Columns(*(column.dtype.newbyteorder("<") for column in EMPTY.columns))
_LEFT_OUT = get_type_hints(Reading)["left_out"]


class DamagedError(ValueError):
    """Bytes that are not a whole reading."""


class _Body(Struct, array_like=True, forbid_unknown_fields=True):
    """The decoded contents. Times are unix seconds."""

    key: str
    read_at: float
    checked_at: float
    found: int
    left_out: bytes
    kinds: tuple[Words, ...]
    places: tuple[Words, ...]
    colours: tuple[str, ...]
    columns: tuple[bytes, ...]
    photos: bytes
    numbers: bytes | None


def encode(key: str, reading: Reading, ahead_s: float) -> bytes:
    """Return a reading as bytes; `ahead_s` is how many seconds unix time is ahead of the reading's clock."""
    table = reading.table
    body = _Body(
        key=key,
        read_at=reading.read_at + ahead_s,
        checked_at=reading.checked_at + ahead_s,
        found=reading.found,
        left_out=msgspec.msgpack.encode(reading.left_out),
        kinds=table.words.kinds,
        places=table.words.places,
        colours=table.words.colours,
        columns=tuple(column.astype(dtype).tobytes() for column, dtype in zip(table.columns, _TYPES, strict=True)),
        photos=table.photos,
        numbers=None if reading.numbers is None else reading.numbers.astype("<i8").tobytes(),
    )
    packed = zlib.compress(msgspec.msgpack.encode(body), _LEVEL)
    return FORMAT + _digest(packed) + packed


def decode(raw: bytes, ahead_s: float) -> tuple[str, Reading]:
    """Return a listing's key and its reading, with times of this clock. Raises DamagedError."""
    start = len(FORMAT) + DIGEST_BYTES
    packed = raw[start:]
    if not raw.startswith(FORMAT) or raw[len(FORMAT) : start] != _digest(packed):
        raise DamagedError("the digest does not match")
    try:
        unpacker = zlib.decompressobj()
        body = msgspec.msgpack.decode(unpacker.decompress(packed, MOST_BYTES), type=_Body)
        reading = Reading(
            table=_table(body),
            read_at=body.read_at - ahead_s,
            checked_at=body.checked_at - ahead_s,
            found=body.found,
            left_out=msgspec.msgpack.decode(body.left_out, type=_LEFT_OUT),
            numbers=None if body.numbers is None else np.frombuffer(body.numbers, "<i8"),
        )
    except (zlib.error, msgspec.MsgspecError, ValueError, TypeError) as error:
        raise DamagedError(f"{type(error).__name__}: {error}") from error
    if not unpacker.eof or unpacker.unused_data:
        raise DamagedError("the bytes are too few or too many")
    return body.key, reading


def _table(body: _Body) -> Table:
    """Return the table of a body. Raises ValueError if its parts do not match."""
    columns: Columns[Column] = Columns(
        *(np.frombuffer(raw, dtype) for raw, dtype in zip(body.columns, _TYPES, strict=True))
    )
    rows = len(columns.number)
    fits = (
        all(len(column) == rows for column in columns)
        and bool((np.diff(columns.number) > 0).all())
        and _within(columns.kind, 0, len(body.kinds) - 1)
        and _within(columns.place, 0, len(body.places) - 1)
        and _within(columns.colour, -1, len(body.colours) - 1)
        and _within(columns.photo_start, 0, len(body.photos))
        and _within(columns.photo_end, 0, len(body.photos))
    )
    if not fits:
        raise ValueError("the columns do not match")
    return Table(columns, WordLists(body.kinds, body.places, body.colours), body.photos)


def _within(column: Column, least: int, most: int) -> bool:
    return not len(column) or bool(least <= column.min() and column.max() <= most)


def _digest(packed: bytes) -> bytes:
    return hashlib.blake2b(packed, digest_size=DIGEST_BYTES).digest()
