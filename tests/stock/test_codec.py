"""Readings as bytes: what goes in comes out, and damaged bytes are never a listing."""

import math
import zlib

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy.stock import codec
from dealerproxy.stock.codec import DamagedError, decode, encode
from dealerproxy.stock.shelf import Reading
from dealerproxy.stock.table import EMPTY, StockedCar, build
from tests.stock.cars import car, cars

AHEAD_S = 1_700_000_000.5
WHOLE = encode("a", Reading(table=build(map(car, range(1, 6))), read_at=5.0, checked_at=9.0, found=7), AHEAD_S)


def sealed(body: codec._Body) -> bytes:
    """Bytes with a digest that fits."""
    packed = zlib.compress(msgspec.msgpack.encode(body))
    return codec.FORMAT + codec._digest(packed) + packed


def opened(raw: bytes) -> codec._Body:
    return msgspec.msgpack.decode(zlib.decompress(raw[len(codec.FORMAT) + codec.DIGEST_BYTES :]), type=codec._Body)


@given(
    key=st.text(max_size=30),
    listed=st.lists(cars, max_size=30),
    numbers=st.none() | st.sets(st.integers(1, 2**63 - 1)).map(sorted),
    age_s=st.floats(0, 7_200),
)
def test_a_reading_comes_back_as_it_was(
    key: str, listed: list[StockedCar], numbers: list[int] | None, age_s: float
) -> None:
    table = build(listed)
    columns = None if numbers is None else np.array(numbers, np.int64)
    reading = Reading(table=table, read_at=5.0, checked_at=5.0 + age_s, found=len(listed), numbers=columns)
    found_key, found = decode(encode(key, reading, AHEAD_S), AHEAD_S)
    assert found_key == key
    assert found.table.cars(np.arange(len(table))) == table.cars(np.arange(len(table)))
    assert found.table.words == table.words
    assert [column.dtype for column in found.table.columns] == [column.dtype for column in table.columns]
    assert (None if found.numbers is None else found.numbers.tolist()) == numbers
    assert (found.found, found.left_out) == (reading.found, reading.left_out)
    assert math.isclose(found.read_at, 5.0, abs_tol=1e-3)
    assert math.isclose(found.checked_at, reading.checked_at, abs_tol=1e-3)


def test_times_go_by_the_clock_of_the_process_that_reads_them() -> None:
    _, later = decode(WHOLE, AHEAD_S - 100.0)  # a clock that counts 100 s more
    assert (later.read_at, later.checked_at) == pytest.approx((105.0, 109.0))


@given(place=st.integers(0, len(WHOLE) - 1), flipped=st.integers(1, 255))
def test_a_damaged_byte_is_told(place: int, flipped: int) -> None:
    damaged = bytearray(WHOLE)
    damaged[place] ^= flipped
    with pytest.raises(DamagedError):
        decode(bytes(damaged), AHEAD_S)


@given(end=st.integers(0, len(WHOLE) - 1))
def test_bytes_that_end_too_early_are_told(end: int) -> None:
    with pytest.raises(DamagedError):
        decode(WHOLE[:end], AHEAD_S)


@given(raw=st.binary(max_size=200))
def test_other_bytes_are_told(raw: bytes) -> None:
    with pytest.raises(DamagedError):
        decode(raw, AHEAD_S)
    packed = zlib.compress(raw)
    with pytest.raises(DamagedError):
        decode(codec.FORMAT + codec._digest(packed) + packed, AHEAD_S)


def test_more_after_the_end_is_told() -> None:
    with pytest.raises(DamagedError):
        decode(WHOLE + b"\0", AHEAD_S)


def test_what_is_too_large_when_unpacked_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "MOST_BYTES", 100)
    with pytest.raises(DamagedError):
        decode(WHOLE, AHEAD_S)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kinds", ()),
        ("places", ()),
        ("columns", ()),
        ("photos", b"x"),
        ("numbers", b"1234567"),
        ("left_out", b"\xc1"),
    ],
)
def test_parts_that_do_not_fit_each_other_are_told_although_the_digest_fits(field: str, value: object) -> None:
    body = opened(WHOLE)
    setattr(body, field, value)
    with pytest.raises(DamagedError):
        decode(sealed(body), AHEAD_S)


@pytest.mark.parametrize("column", range(len(EMPTY.columns)))
def test_a_column_of_another_length_is_told(column: int) -> None:
    body = opened(WHOLE)
    size = EMPTY.columns[column].dtype.itemsize
    body.columns = tuple(raw[size:] if place == column else raw for place, raw in enumerate(body.columns))
    with pytest.raises(DamagedError):
        decode(sealed(body), AHEAD_S)


def test_a_table_whose_numbers_do_not_ascend_is_told() -> None:
    body = opened(WHOLE)
    numbers = np.frombuffer(body.columns[0], "<i8")[::-1].tobytes()
    body.columns = (numbers, *body.columns[1:])
    with pytest.raises(DamagedError):
        decode(sealed(body), AHEAD_S)
