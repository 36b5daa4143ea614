"""Whatever the service answers, only documented errors come out of the client, and little of it is ever held."""

import asyncio
import gzip
import itertools
import json
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from dealerproxy.client import (
    DealerClient,
    DealerError,
    DealerUnavailable,
    InvalidRequest,
    Snapshot,
    SnapshotUnreadable,
    VehicleNotFound,
    detail_or_snapshot,
    for_partner,
    order_error,
    parse,
    take_snapshot,
)
from dealerproxy.client.client import MAX_BODY
from tests.client.conftest import Answer, Scripted, failure, says
from tests.client.test_client import page
from tests.client.test_snapshot import DETAIL, ID, OWNER, Store, snapshot

DEPTHS = [40, 200, 900, 2_000, 100_000]


@pytest.fixture
def dealer(scripted: Scripted) -> DealerClient:
    return DealerClient(scripted.session, scripted.url)


Call = Callable[[DealerClient], Awaitable[object]]
CALLS: dict[str, Call] = {
    "search": lambda dealer: dealer.search({"make": "Kia"}),
    "vehicle": lambda dealer: dealer.vehicle(ID),
    "facets": lambda dealer: dealer.facets(),
    "availability": lambda dealer: dealer.availability([ID]),
    "take_snapshot": lambda dealer: take_snapshot(dealer, OWNER, 1347.52),
    "detail_or_snapshot": lambda dealer: detail_or_snapshot(dealer, ID, "acme", "production", Store()),
}


@pytest.fixture(params=CALLS)
def call(request: pytest.FixtureRequest) -> Call:
    return CALLS[request.param]


async def refused(asking: Awaitable[object]) -> DealerError:
    with pytest.raises(DealerError) as raised:
        await asking
    return raised.value


def nested(depth: int, opening: str = "[", closing: str = "]") -> bytes:
    return (opening * depth + closing * depth).encode()


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("status", [200, 404, 503])
@pytest.mark.parametrize(
    "around", [b"%s", b'{"data": %s}', b'{"unknown": %s}', b'{"error": %s}', b'{"details": {"a": %s}}']
)
async def test_json_nested_deep_is_an_outage(
    dealer: DealerClient, scripted: Scripted, call: Call, around: bytes, status: int, depth: int
) -> None:
    scripted.says(says(around % nested(depth), status))
    assert isinstance(await refused(call(dealer)), DealerUnavailable)
    scripted.says(says(around % nested(depth, '{"a":', "}").replace(b":}", b":1}"), status))
    assert isinstance(await refused(call(dealer)), DealerUnavailable)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize(("status", "code"), [(404, "vehicle_not_found"), (400, "invalid_cursor"), (418, "teapot")])
async def test_details_nested_deep_are_an_outage(
    dealer: DealerClient, scripted: Scripted, status: int, code: str, depth: int
) -> None:
    body = b'{"error": {"code": "%s", "message": "", "details": {"a": %s}}}' % (code.encode(), nested(depth))
    scripted.says(says(body, status))
    error = await refused(dealer.vehicle(ID))
    assert isinstance(error, DealerUnavailable)
    assert order_error(error).status == 503


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_stored_snapshot_nested_deep_is_unreadable(depth: int) -> None:
    stored = snapshot().encode().replace(b'"detail":{', b'"detail":{"deep":' + nested(depth) + b",")
    with pytest.raises(SnapshotUnreadable):
        Snapshot.decode(stored)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (status, code)
        for status, code in itertools.product(
            (206, 302, 400, 401, 404, 410, 500, 502, 503),
            (
                "vehicle_not_found",
                "validation_error",
                "invalid_cursor",
                "mixed_source_pagination_unsupported",
                "dealer_upstream_unavailable",
            ),
        )
        if status != {"vehicle_not_found": 404, "dealer_upstream_unavailable": 503}.get(code, 400)
    ],
)
async def test_a_code_that_does_not_belong_to_its_status_is_an_outage_and_ends_no_order(
    dealer: DealerClient, scripted: Scripted, status: int, code: str
) -> None:
    scripted.says(failure(status, code, {"reason": "sold"}))
    for asking in (dealer.search({}), dealer.vehicle(ID), take_snapshot(dealer, OWNER, 1347.52)):
        error = await refused(asking)
        assert isinstance(error, DealerUnavailable)
        assert (error.status, error.details) == (503, {"reason": "unexpected_answer", "status": status})


@cache
def zeros(megabytes: int, encoding: str) -> bytes:
    """So many megabytes of blanks, in the words of a content coding."""
    packer = zlib.compressobj(9, wbits=31 if encoding == "gzip" else 15)
    pieces = [packer.compress(b" " * 2**20) for _ in range(megabytes)]
    return b"".join([*pieces, packer.flush()])


@pytest.mark.parametrize("status", [200, 404, 503])
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_body_that_is_small_on_the_wire_and_200_megabytes_decoded_is_an_outage_and_not_decoded_whole(
    dealer: DealerClient, scripted: Scripted, encoding: str, status: int
) -> None:
    body = zeros(200, encoding)

    async def bomb(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers={"Content-Encoding": encoding})

    scripted.says(bomb)
    tracemalloc.start()
    try:
        error = await refused(dealer.search({}))
        _, most_held = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (type(error), error.details) == (DealerUnavailable, {"reason": "unexpected_answer"})
    assert most_held < 5 * MAX_BODY


async def test_a_body_without_an_end_is_an_outage_long_before_the_deadline(
    dealer: DealerClient, scripted: Scripted
) -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 65_536)
            sent += 65_536

    scripted.says(endless)
    assert (await refused(dealer.search({}, deadline_s=300))).details == {"reason": "unexpected_answer"}
    assert sent < 4 * MAX_BODY


async def test_a_body_of_the_largest_size_is_read(dealer: DealerClient, scripted: Scripted) -> None:
    whole = orjson.dumps(page())
    scripted.says(says(whole + b" " * (MAX_BODY - len(whole))))
    assert (await dealer.search({})).next_cursor is None
    scripted.says(says(whole + b" " * (MAX_BODY + 1 - len(whole))))
    await refused(dealer.search({}))


@pytest.mark.parametrize("deadline_s", [float("inf"), 1e300, 10**400, 86_400, 300.0])
async def test_an_endless_deadline_is_one_of_five_minutes(
    dealer: DealerClient, scripted: Scripted, call: Call, deadline_s: float
) -> None:
    scripted.says(says(page()))
    await dealer.search({}, deadline_s=deadline_s)
    assert 284_000 <= int(scripted.asked[0].headers["X-Request-Deadline-Ms"]) <= 285_000


@pytest.mark.parametrize("deadline_s", [float("nan"), 0, -0.0, -1, float("-inf"), -(10**400)])
async def test_a_deadline_without_time_is_an_outage(
    dealer: DealerClient, scripted: Scripted, deadline_s: float
) -> None:
    scripted.says(says(DETAIL))
    looked = Store()
    for asking in (
        dealer.search({}, deadline_s=deadline_s),
        dealer.vehicle(ID, deadline_s=deadline_s),
        take_snapshot(dealer, OWNER, 1347.52, deadline_s=deadline_s),
        detail_or_snapshot(dealer, ID, "acme", "production", looked, deadline_s=deadline_s),
    ):
        assert isinstance(await refused(asking), DealerUnavailable)
    assert isinstance(await dealer.answer(parse({"make": "Kia"}), deadline_s=deadline_s), DealerUnavailable)
    assert looked.looked == [OWNER]


DAMAGED = [
    b"",
    b"{}",
    b"null",
    b"\xff\xfe",
    snapshot().encode()[:-5],
    snapshot(version=2).encode(),
    snapshot(version=-1).encode(),
    snapshot(detail={"a": json.loads(nested(500))}).encode(),
    b"[" * 100_000,
    b'{"version": 1, "detail": ' + b"[" * 100_000,
    b'{"version": 999999999999999999999999}',
]


@pytest.mark.parametrize("stored", DAMAGED)
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (failure(404, "vehicle_not_found", {"reason": "sold"}), VehicleNotFound),
        (failure(503, "dealer_upstream_unavailable"), DealerUnavailable),
        (failure(401, "invalid_api_key"), DealerUnavailable),
        (says(b"<html>"), DealerUnavailable),
    ],
)
async def test_a_stored_snapshot_that_is_damaged_or_newer_leaves_the_live_answers_error(
    dealer: DealerClient,
    scripted: Scripted,
    caplog: pytest.LogCaptureFixture,
    answer: Answer,
    kind: type[DealerError],
    stored: bytes,
) -> None:
    scripted.says(answer)
    store = Store()
    store.stored[OWNER] = stored
    with pytest.raises(DealerError) as raised:
        await detail_or_snapshot(dealer, ID, "acme", "production", store)
    assert type(raised.value) is kind
    assert f"stored snapshot of {ID}" in caplog.text


@pytest.mark.parametrize("how", [True, False, "custom"])
async def test_what_a_session_does_with_errors_of_other_services_changes_nothing(scripted: Scripted, how: Any) -> None:
    async def custom(answer: aiohttp.ClientResponse) -> None:
        raise ArithmeticError(answer.status)

    async with aiohttp.ClientSession(
        raise_for_status=custom if how == "custom" else how, auto_decompress=False
    ) as session:
        dealer = DealerClient(session, scripted.url)
        for answer, kind in (
            (failure(404, "vehicle_not_found", {"reason": "sold"}), VehicleNotFound),
            (failure(400, "invalid_cursor"), InvalidRequest),
            (failure(503, "dealer_upstream_unavailable"), DealerUnavailable),
            (failure(401, "invalid_api_key"), DealerError),
        ):
            scripted.says(answer)
            error = await refused(dealer.search({}))
            assert (type(error), error.message) == (kind, "No.")
        scripted.says(says(gzip.compress(orjson.dumps(page())), Content_Encoding="gzip"))
        assert (await dealer.search({})).data == []


async def test_a_closed_session_is_an_outage(scripted: Scripted, call: Call) -> None:
    session = aiohttp.ClientSession()
    await session.close()
    error = await refused(call(DealerClient(session, scripted.url)))
    assert isinstance(error, DealerUnavailable)
    assert (error.headers, scripted.asked) == ({"X-LMN-Partial-Dealer-Unavailable": "encar,danawa"}, [])


async def test_a_session_closed_while_it_is_asked_or_waits_is_an_outage(scripted: Scripted) -> None:
    session = aiohttp.ClientSession()

    async def close(_: object) -> web.StreamResponse:
        await session.close()
        return await failure(503, "dealer_upstream_unavailable", Retry_After="1")(None)  # type: ignore[arg-type]

    scripted.says(close)
    assert isinstance(await refused(DealerClient(session, scripted.url).search({})), DealerUnavailable)

    session = aiohttp.ClientSession()
    scripted.says(failure(503, "dealer_upstream_unavailable", Retry_After="1"))

    async def closing(_: float) -> None:
        await session.close()

    error = await refused(DealerClient(session, scripted.url, sleep=closing).search({}))
    assert error.details == {"reason": "session_closed"}


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["error", "data", "code", "details", "reason", "sources", "id", "x"]), inner)
    ),
    max_leaves=8,
)
envelopes = st.fixed_dictionaries(
    {
        "error": st.fixed_dictionaries(
            {
                "code": st.sampled_from(["vehicle_not_found", "invalid_cursor", "dealer_upstream_unavailable"])
                | st.text(),
                "message": st.text() | json_values,
            },
            optional={
                "details": json_values | st.dictionaries(st.text(max_size=6), json_values),
                "request_id": json_values,
            },
        )
    }
)
bodies = st.one_of(
    st.binary(max_size=300),
    st.builds(lambda value: json.dumps(value).encode(), json_values | envelopes),
    st.builds(
        lambda changes: json.dumps(page() | changes).encode(), st.dictionaries(st.sampled_from([*page()]), json_values)
    ),
    st.builds(
        lambda changes: json.dumps(DETAIL | changes).encode(), st.dictionaries(st.sampled_from([*DETAIL]), json_values)
    ),
    st.builds(nested, st.sampled_from(DEPTHS)),
)
odd_headers = st.lists(
    st.sampled_from(
        [
            b"Content-Encoding: gzip", b"Content-Encoding: br", b"Content-Encoding: nonsense", b"Content-Length: 5",
            b"Content-Length: -1", b"Content-Length: 99999", b"Transfer-Encoding: chunked", b"Retry-After: soon",
            b"Retry-After: 99999999999999999999", b"Retry-After: Mon, 01 Jan 0001 00:00:00 GMT", b"Age: -1",
            b"Age: \xff",
            b"X-Cache: \xed\xa0\x80", b"X-LMN-Partial-Dealer-Unavailable: \xff,,encar", b"Location: http://[",
            b"Set-Cookie: =;;=\xff", b"Content-Type: \xff/\xff; charset=nonsense", b"X-Request-Id: \xff", b": nothing",
            b"no colon", b"X: " + b"x" * 20_000, b"X-Krw-Per-Usd: nan",
        ]
    )
    | st.binary(max_size=20),
    max_size=4,
)  # fmt: skip
statuses = st.sampled_from([200, 200, 204, 206, 302, 304, 400, 401, 404, 404, 410, 429, 500, 503, 599, 999])
# Mostly sound, so that what is behind them is read at all.
header_lines = st.integers(0, 3).flatmap(lambda odd: odd_headers if odd == 3 else st.just(list[bytes]()))
status_lines = st.integers(0, 9).flatmap(
    lambda odd: st.binary(max_size=20) if odd == 9 else statuses.map(lambda status: b"HTTP/1.1 %d -" % status)
)


class RawService:
    """Answers every request with the bytes of `answer`, then hangs up."""

    def __init__(self) -> None:
        self.answer = b""

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(self.answer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def test_an_answer_of_any_shape_is_read_or_a_dealer_error() -> None:
    service = RawService()

    async def outcome(name: str) -> DealerError | None:
        """What becomes of one call of a session of its own."""
        server = await asyncio.start_server(service.talk, "127.0.0.1", 0)
        async with server, aiohttp.ClientSession() as session:
            port = server.sockets[0].getsockname()[1]
            try:
                await CALLS[name](DealerClient(session, f"http://127.0.0.1:{port}"))
            except DealerError as error:
                return error
        return None

    @settings(max_examples=150)
    @given(status_lines, header_lines, bodies, st.booleans(), st.sampled_from(sorted(CALLS)))
    def check(status: bytes, headers: list[bytes], body: bytes, measured: bool, name: str) -> None:
        if measured:
            headers = [*headers, b"Content-Length: %d" % len(body)]
        service.answer = b"\r\n".join([status, *headers, b"", body])
        error = runner.run(outcome(name))
        if error is not None:
            json.dumps([error.details, for_partner(error).details])
            assert error.retry_after_s is None or error.retry_after_s >= 0

    with asyncio.Runner() as runner:
        check()


@pytest.mark.parametrize("other", ["encar_41985017", "danawa_41985016", "", "encar_041985016"])
async def test_another_cars_answer_is_an_outage(dealer: DealerClient, scripted: Scripted, other: str) -> None:
    scripted.says(says(DETAIL | {"id": other}))
    assert isinstance(await refused(dealer.vehicle(ID)), DealerUnavailable)
    assert isinstance(await refused(take_snapshot(dealer, OWNER, 1347.52)), DealerUnavailable)


@pytest.mark.parametrize(
    "told", [[], ["encar_2"], ["encar_2", "encar_1"], ["encar_1", "encar_2", "encar_3"], ["encar_1"] * 2]
)
async def test_states_of_other_cars_than_asked_are_an_outage(
    dealer: DealerClient, scripted: Scripted, told: list[str]
) -> None:
    scripted.says(says({"data": [{"id": each, "status": "available", "reason": None} for each in told]}))
    assert isinstance(await refused(dealer.availability(["encar_1", "encar_2", "encar_1"])), DealerUnavailable)


async def test_a_request_id_that_is_none_of_ours_is_not_sent(dealer: DealerClient, scripted: Scripted) -> None:
    scripted.says(says(DETAIL))
    for odd in ("req_1", "a\r\nX-Admin: yes", "\ud83d", "req_" + "g" * 24):
        await dealer.vehicle(ID, request_id=odd)
    assert not {request.headers.get("X-Request-Id") for request in scripted.asked} & {"req_1", "req_" + "g" * 24}
    await dealer.vehicle(ID, request_id="req_" + "a" * 24)
    assert scripted.asked[-1].headers["X-Request-Id"] == "req_" + "a" * 24


@pytest.mark.parametrize("stored", [{"version": 1}, 7, [b"{}"], None])
def test_a_stored_snapshot_that_is_no_bytes_is_unreadable(stored: Any) -> None:
    with pytest.raises(SnapshotUnreadable):
        Snapshot.decode(stored)


def test_a_503_without_details_is_not_passed_on_with_its_message() -> None:
    told = DealerUnavailable(503, "dealer_upstream_unavailable", "Every dealer source failed (encar: blocked).")
    shown = for_partner(told)
    assert "encar" not in shown.message
    assert for_partner(shown) is shown
