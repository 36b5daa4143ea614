"""What an upstream's answer means, from status, headers and body alone."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from multidict import CIMultiDict

from dealerproxy.contract.headers import LONGEST_WAIT_S, retry_after_s
from dealerproxy.contract.rate import iso_kst
from dealerproxy.transport.errors import (
    Blocked,
    Drift,
    NotFound,
    RateLimited,
    ServerFault,
    UpstreamError,
    UpstreamFault,
)
from dealerproxy.transport.response import (
    BLOCK_HEADERS,
    GUARD_BYTES,
    GUARD_HEADERS,
    GUARD_WORDS,
    REDIRECTS,
    Response,
    drift_or_block,
    json_body,
    page_body,
)

MARKER = b"has_been_cr_blocked"
# Sunday, 6 November 1994 08:49:37 GMT, the moment RFC 9110 writes its examples with.
RFC_MOMENT = 784_111_777.0
BOM = b"\xef\xbb\xbf"
JSON = b'{"Count": 0, "SearchResults": []}'
HTML = b"<!DOCTYPE html><html><body>nothing here</body></html>"
BLOCK_TEXT = b"/html/has_been_cr_blocked.html"
# A CRLF, a byte order mark and a blank before the first tag: all seen from template engines.
MESSY_HTML = BOM + b"\r\n <html></html>"


Read = Callable[..., bytes]


def answer(status: int, body: bytes, **headers: str) -> Response:
    named = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return Response(status, named, body)


def outcome(response: Response) -> bytes | tuple[type[UpstreamError], str]:
    try:
        return json_body(response, block_markers=(MARKER,), now=lambda: RFC_MOMENT)
    except UpstreamError as error:
        return type(error), str(error)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        # A good answer.
        (200, JSON, JSON),
        (200, b"  " + JSON + b"\n", b"  " + JSON + b"\n"),
        (200, b"[]", b"[]"),
        (200, "“한글”".encode(), "“한글”".encode()),
        # A block, whatever status it comes with.
        (200, BLOCK_TEXT, (Blocked, "blocked (block page with status 200)")),
        (404, BLOCK_TEXT, (Blocked, "blocked (block page with status 404)")),
        (500, BLOCK_TEXT, (Blocked, "blocked (block page with status 500)")),
        (400, b'{"error": "' + BLOCK_TEXT + b'"}', (Blocked, "blocked (block page with status 400)")),
        (403, BLOCK_TEXT, (Blocked, "blocked (status 403)")),
        (407, BLOCK_TEXT, (Blocked, "blocked (status 407)")),
        (403, b"", (Blocked, "blocked (status 403)")),
        (403, JSON, (Blocked, "blocked (status 403)")),
        (407, b"", (Blocked, "blocked (status 407)")),
        # HTML where JSON is due.
        (200, HTML, (Blocked, "blocked (HTML with status 200)")),
        (404, HTML, (Blocked, "blocked (HTML with status 404)")),
        (400, HTML, (Blocked, "blocked (HTML with status 400)")),
        (200, MESSY_HTML, (Blocked, "blocked (HTML with status 200)")),
        # A server in trouble often says so in HTML, and is no block.
        (500, HTML, (ServerFault, "status 500")),
        (502, HTML, (ServerFault, "status 502")),
        (503, HTML, (ServerFault, "status 503")),
        # Statuses nobody can use.
        (408, b"", (ServerFault, "status 408")),
        (400, b"", (UpstreamFault, "status 400")),
        (400, b'{"message": "bad q"}', (UpstreamFault, "status 400")),
        (401, b"", (UpstreamFault, "status 401")),
        (404, b"", (NotFound, "status 404")),
        (404, b'{"status": 404}', (NotFound, "status 404")),
        (500, b"", (ServerFault, "status 500")),
        (503, JSON, (ServerFault, "status 503")),
        (201, JSON, (UpstreamFault, "status 201")),
        (206, JSON, (UpstreamFault, "status 206")),
        (304, b"", (UpstreamFault, "status 304")),
        (300, b"", (UpstreamFault, "status 300")),
        (405, b"", (UpstreamFault, "status 405")),
        # A redirect that leads nowhere, and what only looks like an answer.
        (302, b"", (Blocked, "blocked (status 302 where a body is due)")),
        (202, b"", (Blocked, "blocked (status 202 without content)")),
        (204, b"", (Blocked, "blocked (status 204 without content)")),
        # A 200 that says nothing is no empty result.
        (200, b"", (Drift, "body: empty")),
        (200, b" \r\n\t ", (Drift, "body: empty")),
        # 429 is a 429 even on a page that looks like a block.
        (429, b"", (RateLimited, "429")),
        (429, HTML, (RateLimited, "429")),
        (429, BLOCK_TEXT, (RateLimited, "429")),
        # The whole body is no sign of a block, only its beginning: a comment of a seller's must not be one.
        (200, b'{"a": "' + b"x" * 5_000 + MARKER + b'"}', b'{"a": "' + b"x" * 5_000 + MARKER + b'"}'),
    ],
)
def test_the_outcome_follows_from_status_and_body(
    status: int, body: bytes, expected: bytes | tuple[type[UpstreamError], str]
) -> None:
    assert outcome(answer(status, body)) == expected


@pytest.mark.parametrize("read", [json_body, page_body])
@pytest.mark.parametrize("body", [BLOCK_TEXT, b"<html><script>location='" + BLOCK_TEXT + b"'</script></html>"])
def test_a_blocked_page_with_status_404_is_a_block_not_an_absence(read: Read, body: bytes) -> None:
    with pytest.raises(Blocked):
        read(answer(404, body), block_markers=(MARKER,))


@pytest.mark.parametrize("read", [json_body, page_body])
def test_a_plain_404_is_an_absence_and_not_a_block(read: Read) -> None:
    with pytest.raises(NotFound):
        read(answer(404, b"Not Found"), block_markers=(MARKER,))


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, HTML, HTML),
        (200, BOM + HTML, HTML),
        (200, BLOCK_TEXT, Blocked),
        (403, HTML, Blocked),
        (407, HTML, Blocked),
        (404, HTML, NotFound),
        (429, HTML, RateLimited),
        (400, HTML, UpstreamFault),
        (500, HTML, ServerFault),
        (200, b"", Drift),
        (200, b" \n", Drift),
    ],
)
def test_where_a_page_is_due_html_is_no_sign_of_a_block(
    status: int, body: bytes, expected: bytes | type[UpstreamError]
) -> None:
    try:
        result: bytes | type[UpstreamError] = page_body(answer(status, body), block_markers=(MARKER,))
    except UpstreamError as error:
        result = type(error)
    assert result == expected


# Bot guards

READS = pytest.mark.parametrize("read", [json_body, page_body])


def read_whole(response: Response, read: Read) -> object:
    """Read an answer as a site's reader does, for whom a page needs its list and JSON needs its rows."""
    with drift_or_block(response):
        body = read(response)
        if read is page_body and b"usedcarList" not in body:
            raise Drift("#usedcarList")
        if read is json_body and (not isinstance(rows := json.loads(body), dict) or "SearchResults" not in rows):
            raise Drift("SearchResults")
        return body


@READS
@pytest.mark.parametrize("body", [b"", JSON, HTML], ids=["nothing", "JSON", "HTML"])
@pytest.mark.parametrize("status", [200, 202, 302, 403, 404, 405, 429, 500, 503])
@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x-amzn-waf-action", "challenge"),
        ("X-Amzn-Waf-Action", "captcha"),
        ("x-amzn-waf-action", "something-new"),
        ("cf-mitigated", "challenge"),
        ("SG-Captcha", "challenge"),
        ("X-Vercel-Mitigated", "deny"),
        ("X-Sucuri-Block", "SQLI"),
    ],
)
def test_a_header_that_only_blocks_have_is_a_block_whatever_comes_with_it(
    read: Read, body: bytes, status: int, header: str, value: str
) -> None:
    with pytest.raises(Blocked, match=f"with status {status}"):
        read(answer(status, body, **{header: value}))


@READS
@pytest.mark.parametrize("header", GUARD_HEADERS)
def test_a_bot_guards_header_on_a_good_answer_is_no_block(read: Read, header: str) -> None:
    body = HTML.replace(b"nothing", b'<ul id="usedcarList">') if read is page_body else JSON
    assert read_whole(answer(200, body, **{header: "protected"}), read) == body


@READS
@pytest.mark.parametrize("header", GUARD_HEADERS)
@pytest.mark.parametrize("status", [201, 202, 204, 304, 400, 401, 404, 405, 410, 418, 451])
def test_a_bot_guards_header_on_any_other_status_is_a_block(read: Read, header: str, status: int) -> None:
    with pytest.raises(Blocked):
        read(answer(status, JSON, **{header: "protected"}))


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_bot_guards_header_on_a_fault_of_the_server_is_still_a_fault(status: int) -> None:
    with pytest.raises(ServerFault):
        json_body(answer(status, b"", x_datadome="protected"))


@READS
@pytest.mark.parametrize("body", [b"", b" \n", b'"denied"', b"[]", HTML, b'{"message": "denied"}'])
def test_a_bot_guards_header_with_a_body_that_is_not_due_is_a_block(read: Read, body: bytes) -> None:
    with pytest.raises(Blocked):
        read_whole(answer(200, body, x_datadome="protected"), read)


@READS
@pytest.mark.parametrize("word", GUARD_WORDS, ids=bytes.decode)
@pytest.mark.parametrize("status", [200, 202, 400, 404, 405, 500, 503])
def test_a_page_of_a_bot_guard_is_a_block_whatever_the_status(read: Read, word: bytes, status: int) -> None:
    page = b"\n<!DOCTYPE html><html><head><script>var a = '" + word + b"'</script></head></html>"
    with pytest.raises(Blocked):
        read_whole(answer(status, page), read)


@pytest.mark.parametrize("word", GUARD_WORDS, ids=bytes.decode)
def test_a_good_page_may_hold_the_words_of_bot_guards(word: bytes) -> None:
    page = b"<html><script src='" + word + b"'></script><ul id='usedcarList'><li>" + word + b"</ul></html>"
    assert read_whole(answer(200, page), page_body) == page


@pytest.mark.parametrize("word", [*GUARD_WORDS, b"captcha", b"x-amzn-waf-action", b"cf-mitigated"], ids=bytes.decode)
def test_good_json_may_hold_the_words_of_bot_guards(word: bytes) -> None:
    body = b'{"Count": 1, "SearchResults": [{"Id": "1", "Badge": "%s", "url": "%s", "appId": "PX1"}]}' % (word, word)
    assert read_whole(answer(200, body), json_body) == body


@pytest.mark.parametrize("body", [b'{"text": "px-captcha"}', b'[{"text": "_pxAppId"}]', b'{"SearchResult": []}'])
def test_json_that_lacks_what_is_due_is_drift_even_if_a_text_in_it_names_a_bot_guard(body: bytes) -> None:
    with pytest.raises(Drift):
        read_whole(answer(200, body), json_body)


PX = {"appId": "PXabc12345", "vid": "", "uuid": "u", "hostUrl": "/x/xhr", "firstPartyEnabled": True}
REFUSALS = [
    {**PX, "blockScript": "/x/captcha/captcha.js?a=c", "jsClientSrc": "/x/init.js"},
    {"blockScript": "//captcha.px-cdn.test/PXabc12345/captcha.js", "appId": "PXabc12345"},
    {"jsClientSrc": "/x/init.js", **PX},
    PX,
    {"url": "https://geo.captcha-delivery.com/captcha/?initialCid=a&hash=b"},
    {"sec-cp-challenge": "true", "provider": "crypto"},
]


@READS
@pytest.mark.parametrize("status", [200, 202, 400, 404, 428, 503])
@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: next(iter(refusal)))
def test_the_json_of_a_bot_guard_is_a_block_whatever_the_status(
    read: Read, refusal: dict[str, object], status: int
) -> None:
    for body in (json.dumps(refusal).encode(), b"\xef\xbb\xbf \n" + json.dumps(refusal, indent=2).encode()):
        with pytest.raises(Blocked):
            read(answer(status, body))


@pytest.mark.parametrize(
    "body",
    [
        b'{"appId": "PX1"}',
        b'{"appId": "shop", "blockScript": "x"}',
        b'{"appId": 7, "blockScript": null}',
        b'{"url": "https://ci.encar.test/captcha-delivery.com"}',
        b'{"sec-cp-challenge": ""}',
        b'{"data": {"appId": "PX1", "blockScript": "x"}}',
        b'{"appId": "PX1", "blockScript": "x"',
        b'{"appId": "PX1", "blockScript": "\xff"}',
        b'{"appId": ' + b"[" * 30_000,
        b'{"appId": "PX1", "blockScript": "' + b"x" * GUARD_BYTES + b'"}',
    ],
    ids=range(10),
)
def test_json_that_only_resembles_a_bot_guards_is_no_block(body: bytes) -> None:
    assert json_body(answer(200, body)) == body


@READS
@pytest.mark.parametrize("status", [201, 202, 203, 204, 205, 206, 207, 226])
@pytest.mark.parametrize("body", [b"", b" \r\n", BOM], ids=["nothing", "blanks", "a byte order mark"])
def test_a_good_status_without_content_is_a_block_where_a_body_is_due(read: Read, status: int, body: bytes) -> None:
    with pytest.raises(Blocked, match="without content"):
        read(answer(status, body))


@READS
@pytest.mark.parametrize("status", sorted(REDIRECTS))
def test_a_redirect_that_could_not_be_followed_is_a_block(read: Read, status: int) -> None:
    for body in (b"", HTML, JSON):
        with pytest.raises(Blocked):
            read(answer(status, body))


@given(
    status=st.integers(200, 599),
    header=st.sampled_from(sorted(BLOCK_HEADERS)),
    value=st.text(max_size=9),
    body=st.binary(max_size=64),
)
def test_no_body_and_no_status_hides_the_header_of_a_block(status: int, header: str, value: str, body: bytes) -> None:
    for read in (json_body, page_body):
        with pytest.raises(Blocked):
            read(Response(status, CIMultiDict({header: value}), body))


def test_without_markers_a_text_is_only_a_text() -> None:
    assert json_body(answer(200, BLOCK_TEXT)) == BLOCK_TEXT


def test_any_of_several_markers_is_a_block() -> None:
    for text in (b'{"a": "first"}', b'{"a": "second"}'):
        with pytest.raises(Blocked):
            json_body(answer(200, text), block_markers=(b"first", b"second"))


def test_a_byte_order_mark_alone_is_an_empty_body() -> None:
    assert outcome(answer(200, BOM + b"\n")) == (Drift, "body: empty")


def test_a_byte_order_mark_before_json_does_not_spoil_it() -> None:
    assert outcome(answer(200, BOM + JSON)) == JSON


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry_After": "120"}, 120.0),
        ({"retry_after": "120"}, 120.0),
        ({"Retry_After": " 0 "}, 0.0),
        ({"Retry_After": "Sun, 06 Nov 1994 08:50:37 GMT"}, 60.0),
        ({"Retry_After": "soon"}, None),
    ],
)
def test_a_429_carries_how_long_the_upstream_asked_us_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    with pytest.raises(RateLimited) as caught:
        json_body(answer(429, b"", **headers), now=lambda: RFC_MOMENT)
    assert caught.value.retry_after_s == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("Sun, 06 Nov 1994 08:49:47 GMT", 10.0),
        ("Sun, 06 Nov 1994 17:49:47 +0900", 10.0),
        ("Sunday, 06-Nov-94 08:49:47 GMT", 10.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
        ("Sun, 06 Nov 1994 08:00:00 GMT", 0.0),  # already past: at once, never a negative wait
        ("7", 7.0),
        ("007", 7.0),
    ],
)
def test_a_readable_retry_after_is_seconds_from_now(value: str, seconds: float) -> None:
    assert retry_after_s(value, RFC_MOMENT) == seconds


@pytest.mark.parametrize(
    "value", ["86401", "9" * 400, "Sun, 13 Nov 1994 08:49:37 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"]
)
def test_nobody_is_believed_who_asks_for_more_than_a_day(value: str) -> None:
    assert retry_after_s(value, RFC_MOMENT) == LONGEST_WAIT_S == 86_400.0


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "soon",
        "-5",
        "1.5",
        "1e3",
        "٣",
        "²",
        "Sun, 06 Nov 1994",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "0 0 0",
        "\udcff",
    ],
)
def test_an_unreadable_retry_after_says_nothing(value: str) -> None:
    assert retry_after_s(value, RFC_MOMENT) is None


@pytest.fixture
def clocks_in_seoul(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Seoul")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("clocks_in_seoul")
@pytest.mark.parametrize(
    "value", ["Sun, 06 Nov 1994 08:49:47 -0000", "Sun, 06 Nov 1994 08:49:47", "Sun Nov  6 08:49:47 1994"]
)
def test_an_http_date_without_a_zone_is_gmt_wherever_the_process_runs(value: str) -> None:
    assert retry_after_s(value, RFC_MOMENT) == 10.0


@pytest.mark.parametrize(
    "value",
    ["Fri, 31 Dec 9999 23:59:59 GMT", "99999999999999999999"],
)
def test_the_longest_retry_after_still_names_a_moment_that_can_be_shown(value: str) -> None:
    now = time.time()
    seconds = retry_after_s(value, now)
    assert seconds is not None
    assert iso_kst(now + seconds) > iso_kst(now)


_BODIES = st.one_of(
    st.binary(max_size=64),
    st.builds(
        lambda pieces, tail: b"".join(pieces) + tail,
        st.lists(st.sampled_from([BOM, b" ", b"\r\n", b"<", b"{", MARKER, HTML, JSON, b"\x00", b"\xff"]), max_size=4),
        st.binary(max_size=8),
    ),
)
_DATES = st.builds(
    "{} {} {} {}:{}:{} {}".format,
    st.sampled_from(["Sun,", "Mon", ""]),
    st.integers(0, 99),
    st.sampled_from(["Nov 1994", "Feb 1900", "Jan 1", "Dec 9999", "Xyz 2000", "Jan 99999"]),
    st.integers(0, 99),
    st.integers(0, 99),
    st.integers(0, 99),
    st.sampled_from(["GMT", "+0900", "-9999", "+99999999999", "", "-0000", "EST"]),
)


@given(
    status=st.one_of(st.sampled_from([200, 200, 400, 403, 404, 407, 429, 500, 503]), st.integers(100, 999)),
    body=_BODIES,
    retry_after=st.none() | st.text(max_size=30) | _DATES | st.from_regex(r"\A[0-9]{1,40}\Z"),
)
@example(status=429, body=b"", retry_after="Sun, 06 Nov 1994 08:49:37 +9999")
def test_any_answer_is_either_a_body_or_an_upstream_error(status: int, body: bytes, retry_after: str | None) -> None:
    headers: CIMultiDict[Any] = CIMultiDict() if retry_after is None else CIMultiDict({"Retry-After": retry_after})
    try:
        result = json_body(Response(status, headers, body), block_markers=(MARKER,), now=lambda: RFC_MOMENT)
    except UpstreamError as error:
        assert error.retry_after_s is None or error.retry_after_s >= 0
    else:
        assert status == 200
        assert result.strip()
        assert not result.lstrip().startswith(b"<")
