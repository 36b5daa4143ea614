"""How pieces and failures are written for other processes: the same comes back, and nothing foreign is believed."""

import math
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from dealerproxy.cache.entries import CachePolicy, decode_failure, encode_failure, opened, sealed
from dealerproxy.contract.inspection import Diagnosis, DiagnosisPanel, NoReport, NoReportReason, Record
from dealerproxy.transport.errors import (
    Blocked,
    Closed,
    DailyBudget,
    Drift,
    MassAbsence,
    NotFound,
    Overloaded,
    Paused,
    RateLimited,
    ServerFault,
    Suspended,
    TimedOut,
    TooLate,
    Unconfirmed,
    Unreachable,
    UpstreamError,
    UpstreamFault,
    Warming,
)
from dealerproxy.vehicles.car import SaleStatus

AGES: dict[str, Any] = {"fresh_s": 10.0, "revalidate_s": 20.0, "if_error_s": 60.0}
NOW = 1_700_000_000.0


class Sheet(Struct, frozen=True):
    notes: tuple[str, ...]
    marks: frozenset[str] = frozenset()


class Blank(Struct, frozen=True):
    """No fields: what must not be taken for a sheet that says nothing."""


PAPERS: CachePolicy[Record | Diagnosis | NoReport | Blank] = CachePolicy(
    "paper", Record | Diagnosis | NoReport | Blank, **AGES
)
FOUND: CachePolicy[Sheet | SaleStatus | None] = CachePolicy("found", Sheet | SaleStatus | None, **AGES)
COUNTS: CachePolicy[int] = CachePolicy("count", int, **AGES)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (COUNTS, 1234),
        (FOUND, Sheet(("a", "가"), frozenset({"x", "y"}))),
        (FOUND, SaleStatus.GONE),
        (FOUND, None),
        (PAPERS, Record(open=False)),
        (PAPERS, Record(open=True, own_accident_count=2, uses=("private",))),
        (PAPERS, Diagnosis("2026-08-05", (DiagnosisPanel("hood", "Hood", "normal"),))),
        (PAPERS, NoReport(NoReportReason.PHOTO_ONLY)),
        (PAPERS, Blank()),
    ],
    ids=lambda given: given.name if isinstance(given, CachePolicy) else type(given).__name__,
)
def test_what_was_encoded_comes_back_with_its_type(kind: CachePolicy[Any], value: object) -> None:
    back = kind.decode(kind.encode(value))
    assert back == value
    assert type(back) is type(value)


def test_what_names_a_member_of_a_union_is_not_seen_in_what_is_rendered() -> None:
    record = Record(open=False)
    back = PAPERS.decode(PAPERS.encode(record))
    assert list(msgspec.to_builtins(back)) == list(Record.__struct_fields__)


@pytest.mark.parametrize("value", [10**40, "\ud800"], ids=["a number of 40 digits", "half a character"])
def test_what_cannot_be_encoded_is_empty(value: object) -> None:
    assert CachePolicy[Any]("any", Any, **AGES).encode({"price": value}) == b""


def test_a_value_of_another_type_is_not_believed() -> None:
    with pytest.raises(ValueError, match="Expected `int`"):
        COUNTS.decode(CachePolicy[Any]("any", Any, **AGES).encode("12"))
    with pytest.raises(LookupError):
        FOUND.decode(PAPERS.encode(Blank()))


ERRORS = [
    UpstreamError("odd"),
    UpstreamFault("status 400"),
    ServerFault("status 503", 12.5),
    NotFound("status 404"),
    MassAbsence("missing"),
    Unconfirmed("not listed"),
    Unreachable("reset"),
    TimedOut("late"),
    TooLate("late"),
    Drift("SearchResults", "missing"),
    Overloaded("queue"),
    Suspended("blocked", 30.0),
    Closed(30.0),
    Paused(30.0),
    DailyBudget(30.0),
    RateLimited("429", 7.0),
    Warming("being read", 5.0),
    Blocked("status 403"),
]


def test_every_error_there_is_is_tried() -> None:
    def family(kind: type[UpstreamError]) -> set[type[UpstreamError]]:
        return {kind}.union(*(family(child) for child in kind.__subclasses__()))

    ours = {kind for kind in family(UpstreamError) if kind.__module__ == UpstreamError.__module__}
    assert ours == {type(error) for error in ERRORS}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_failure_comes_back_as_the_same_error(error: UpstreamError) -> None:
    back = decode_failure(encode_failure(error))
    assert type(back) is type(error)
    assert (str(back), back.args, vars(back)) == (str(error), error.args, vars(error))


@pytest.mark.parametrize("at", [NOW, NOW - 1e9, 1.5])
def test_the_head_says_when_it_was_stored(at: float) -> None:
    assert opened(sealed(b"body", at - 1.5, at), NOW) == (at - 1.5, at, b"body")


@given(st.data())
def test_a_piece_with_any_other_byte_is_not_believed(data: st.DataObject) -> None:
    raw = bytearray(sealed(FOUND.encode(Sheet(("a", "b"))), NOW, NOW))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ValueError, match="not in this format"):
        opened(bytes(raw), NOW)
    with pytest.raises(ValueError, match="not in this format"):
        opened(bytes(raw[:place]), NOW)


@pytest.mark.parametrize("at", [NOW + 0.001, math.inf, math.nan, -1e95, -math.inf])
def test_what_is_from_the_future_is_not_believed(at: float) -> None:
    with pytest.raises(ValueError, match="future"):
        opened(sealed(b"body", at, at), NOW)


@given(st.one_of(st.binary(max_size=64), st.binary(max_size=48).map(lambda tail: sealed(tail, NOW, NOW))))
def test_foreign_bytes_raise_nothing_but_what_is_promised(raw: bytes) -> None:
    with suppress(ValueError, LookupError, RecursionError):
        opened(raw, NOW)
    for decode in (COUNTS.decode, FOUND.decode, PAPERS.decode, decode_failure):
        with suppress(ValueError, LookupError, RecursionError):
            decode(raw)


MESSAGES = st.recursive(
    st.none() | st.text() | st.floats(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@given(MESSAGES)
def test_foreign_messages_raise_nothing_but_what_is_promised(message: object) -> None:
    for body in (msgspec.msgpack.encode(message), msgspec.msgpack.encode(("Drift", message, message))):
        for decode in (COUNTS.decode, FOUND.decode, PAPERS.decode, decode_failure):
            with suppress(ValueError, LookupError, RecursionError):
                decode(body)


FIELDS = st.none() | st.text(max_size=5) | st.floats() | st.integers(-5, 2**40) | st.lists(st.none(), max_size=2)


@given(
    st.sampled_from(["Drift", "Suspended", "Blocked", "ServerFault", "Slow", "Wicked"]), st.lists(FIELDS, max_size=6)
)
def test_a_stored_failure_is_one_the_service_could_have_written_or_none(name: str, fields: list[object]) -> None:
    with suppress(ValueError, LookupError):
        error = decode_failure(msgspec.msgpack.encode((name, *fields)))
        assert type(error) in {type(each) for each in ERRORS}
        assert error.retry_after_s is None or 0 <= error.retry_after_s <= 86_400
        assert vars(decode_failure(encode_failure(error))) == vars(error)


@pytest.mark.parametrize(
    "fields",
    [
        ("Wicked", "a", None, None, ""),
        ("Slow", "a", None, None, ""),
        ("Suspended", "a", 5.0, None, "wicked"),
        ("Suspended", "a", 5.0, None, ""),
        ("ServerFault", "a", -1.0, None, ""),
        ("ServerFault", "a", math.inf, None, ""),
        ("ServerFault", "a", math.nan, None, ""),
        ("ServerFault", "a", "5", None, ""),
        ("ServerFault", "a", None, "../etc", ""),
        ("ServerFault", "a", None, "a\n", ""),
        ("ServerFault", "a" * 1_001, None, None, ""),
        ("ServerFault", b"a", None, None, ""),
        ("ServerFault", ("a",), {"retry_after_s": None}),
        ("ServerFault", "a", None, None, "", "more"),
        ("ServerFault",),
        (),
        None,
    ],
    ids=str,
)
def test_a_stored_failure_out_of_bounds_is_none(fields: object) -> None:
    with pytest.raises((ValueError, LookupError)):
        decode_failure(msgspec.msgpack.encode(fields))


def test_what_a_failure_has_beyond_the_bounds_is_not_stored() -> None:
    error = ServerFault("a" * 5_000, 1e9)
    error.capture = "../etc"
    back = decode_failure(encode_failure(error))
    assert (str(back), back.retry_after_s, back.capture) == ("a" * 1_000, 86_400.0, None)
    assert decode_failure(encode_failure(RateLimited("429", math.nan))).retry_after_s == 0.0


def test_a_failure_that_nobody_could_read_is_empty() -> None:
    class Foreign(UpstreamError):
        """Of another module."""

    assert [encode_failure(error) for error in (Foreign("a"), Suspended("wicked", 5.0), ServerFault("\ud800"))] == [
        b""
    ] * 3
