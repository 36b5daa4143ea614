"""Cursors survive the trip and nothing else."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dealerproxy.contract.errors import ApiError
from dealerproxy.contract.rate import Rate
from dealerproxy.search.cursor import REMEMBERED_ROWS, CursorCodec, LegCursor, Position, ReturnedIds

RATE = Rate(1347.52, "2026-04-15T21:50:00+09:00", "static")
states = st.builds(
    LegCursor,
    offset=st.integers(0, 20_000),
    key=st.none() | st.integers(-(10**10), 10**10),
    last=st.none() | st.integers(0, 2**32 - 1),
    total=st.none() | st.integers(0, 300_000),
    late=st.booleans(),
    ended=st.booleans(),
)


def codec(at: float = 1000.0) -> CursorCodec:
    return CursorCodec("secret", now=lambda: at)


def place(walk: bytes, legs: Sequence[LegCursor], frontier: int | None = None, seen: bytes = b"") -> Position:
    return replace(Position.start(walk, RATE, 0), legs=tuple(legs), frontier=frontier, seen=seen)


def reason(text: str, reader: CursorCodec) -> str:
    with pytest.raises(ApiError) as caught:
        reader.decode(text)
    assert (caught.value.status, caught.value.code) == (400, "invalid_cursor")
    return str(caught.value.details["reason"])


@given(
    legs=st.lists(states, min_size=1, max_size=24), seen=st.binary(max_size=40), walk=st.binary(min_size=8, max_size=8)
)
def test_a_cursor_reads_back_as_it_was_written(legs: list[LegCursor], seen: bytes, walk: bytes) -> None:
    position = codec().decode(codec().encode(place(walk, legs, 5, seen)))
    assert (list(position.legs), position.seen, position.fingerprint, position.rate) == (legs, seen, walk, RATE)


@given(text=st.text(max_size=400) | st.binary(max_size=400).map(lambda raw: raw.hex()))
def test_whatever_is_not_ours_is_refused(text: str) -> None:
    assert reason(text, codec()) in {"malformed", "forged"}


@given(data=st.data())
def test_one_changed_character_is_refused(data: st.DataObject) -> None:
    text = codec().encode(place(b"12345678", [LegCursor(5, 7, 40000001)], 7, b"abcd"))
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("ABCxyz019-_").filter(lambda c: c != text[at]))
    assert reason(text[:at] + other + text[at + 1 :], codec()) in {"malformed", "forged"}
    assert reason(text[:at], codec()) in {"malformed", "forged"}


def test_another_services_cursor_is_forged() -> None:
    text = CursorCodec("another").encode(place(b"12345678", [LegCursor()]))
    assert reason(text, codec()) == "forged"


def test_without_a_secret_every_process_draws_its_own() -> None:
    text = CursorCodec("").encode(place(b"12345678", [LegCursor()]))
    assert reason(text, CursorCodec("")) == "forged"


def test_a_cursor_lives_an_hour() -> None:
    text = codec(0).encode(place(b"12345678", [LegCursor()]))
    assert codec(3600).decode(text).legs == (LegCursor(),)
    assert reason(text, codec(3601)) == "expired"


@pytest.mark.parametrize("stocked", [False, True])
@pytest.mark.parametrize(("legs", "remembered"), [(1, 380), (24, 380), (48, 160), (52, 130)])
def test_the_largest_cursor_stays_under_three_kilobytes(legs: int, remembered: int, stocked: bool) -> None:
    seen = ReturnedIds()
    for i in range(5000):
        seen.add(f"danawa_{9_000_000_000_000_000_000 + i}")
    number = 41_985_016 if stocked else 4_000_000_000
    states = [LegCursor(9_999, -2026_202612, number, 60_000, late=True, stocked=stocked)] * legs
    text = codec(1_800_000_000).encode(place(b"12345678", states, -2026_202612, bytes(seen)))
    assert 2_500 < len(text) <= 3_000 or legs == 1
    again = ReturnedIds(codec(1_800_000_000).decode(text).seen)
    assert sum(f"danawa_{9_000_000_000_000_004_999 - i}" in again for i in range(400)) >= remembered


def test_longer_numbers_in_a_cursor_leave_room_for_fewer_ids() -> None:
    seen = ReturnedIds()
    for i in range(380):
        seen.add(str(i))
    states = [LegCursor(200_000, -9_000_000_000, 999_999_999_999, 300_000, stocked=True)] * 52
    assert len(codec().encode(place(b"12345678", states, -9_000_000_000, bytes(seen)))) <= 3_000


def test_a_walk_remembers_the_last_rows_it_gave_out() -> None:
    seen = ReturnedIds()
    for i in range(REMEMBERED_ROWS + 100):
        seen.add(str(i))
    again = ReturnedIds(bytes(seen))
    assert str(REMEMBERED_ROWS + 99) in again
    assert "0" not in again
    assert again.held(REMEMBERED_ROWS)
    assert not again.held(REMEMBERED_ROWS + 1)
