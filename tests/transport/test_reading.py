"""The one hook by which a reader reports what is odd about the answer at hand."""

from contextlib import suppress

import pytest
from multidict import CIMultiDict
from yarl import URL

from dealerproxy.transport.errors import Blocked, Drift, NotFound, UpstreamError
from dealerproxy.transport.reading import (
    NO_READING,
    CaptureReason,
    Reading,
    Unknown,
    current_reading,
    keep_no_page,
    reading,
    report,
    report_unknown_code,
)
from dealerproxy.transport.response import Response
from dealerproxy.vocabulary import CODE_KINDS, MISS_LENGTH, Vocabulary

REASONS = [Drift("Count"), Blocked("captcha"), NotFound("404"), UpstreamError("odd")]


class Pages:
    """Keeps every page, under a number."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, CaptureReason]] = []

    def capture(self, upstream: str, operation: str, url: URL, response: Response, reason: CaptureReason) -> str:
        self.kept.append((f"{upstream} {operation} {url.path} {response.status}", reason))
        return f"page-{len(self.kept)}"

    def reading(self, path: str = "/car") -> Reading:
        return Reading("site", "op", URL(f"http://site{path}"), Response(200, CIMultiDict(), b"body"), self.capture)


@pytest.fixture
def pages() -> Pages:
    return Pages()


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: type(reason).__name__)
def test_a_reported_error_has_the_captures_id(pages: Pages, reason: UpstreamError) -> None:
    with reading(pages.reading()):
        assert report(reason) == "page-1"
    assert reason.capture == "page-1"
    assert pages.kept == [("site op /car 200", reason)]


def test_without_an_answer_reports_keep_nothing() -> None:
    error = Drift("Count")
    assert current_reading() is NO_READING
    assert report(error) is None
    assert error.capture is None
    report_unknown_code("panel", "P999")


def test_an_observer_that_keeps_no_page_gives_no_id(pages: Pages) -> None:
    answer = Reading("site", "op", URL("http://site/"), Response(200, CIMultiDict(), b""), keep_no_page)
    assert answer.report(Drift("Count")) is None
    assert pages.kept == []


def test_an_answer_can_be_reported_after_it_was_read(pages: Pages) -> None:
    with reading(pages.reading()):
        taken = current_reading()
    assert taken.report(Drift("mass_absence")) == "page-1"


def test_the_answer_that_was_read_before_is_current_again_whatever_ends_the_reading(pages: Pages) -> None:
    with reading(pages.reading("/outer")):
        with suppress(ValueError), reading(pages.reading("/inner")):
            report_unknown_code("panel", "P1")
            raise ValueError
        report_unknown_code("panel", "P2")
    report_unknown_code("panel", "P3")
    assert pages.kept == [
        ("site op /inner 200", Unknown("panel", "P1")),
        ("site op /outer 200", Unknown("panel", "P2")),
    ]


@pytest.mark.parametrize("kind", [*sorted(CODE_KINDS), "trim", "make", "model", "region", "fuel"])
def test_a_miss_is_counted_and_one_of_a_closed_list_is_reported_too(
    pages: Pages, vocabulary: Vocabulary, kind: str
) -> None:
    words = vocabulary.counting_apart().reporting(report_unknown_code)
    word = "듣도보도못한" * 10
    with reading(pages.reading()):
        words.missed(kind, word)
    assert words.untranslated == {(kind, word[:MISS_LENGTH]): 1}
    assert [reason for _, reason in pages.kept] == ([Unknown(kind, word[:MISS_LENGTH])] if kind in CODE_KINDS else [])


def test_words_that_report_share_their_count_and_words_that_count_apart_report_nothing(
    pages: Pages, vocabulary: Vocabulary
) -> None:
    own = vocabulary.counting_apart()
    with reading(pages.reading()):
        own.reporting(report_unknown_code).missed("panel", "P1")
        own.reporting(report_unknown_code).counting_apart().missed("panel", "P2")
    assert own.untranslated == {("panel", "P1"): 1}
    assert [reason for _, reason in pages.kept] == [Unknown("panel", "P1")]
