"""The hook by which parsing reports an odd answer, so that its page may be kept as a capture.

A Fetcher opens a `Reading` for each answer it returned. Anything called while the answer is judged finds it by
`current_reading()`; an answer that turns out odd later is reported to the `Reading` that was taken then.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from yarl import URL

from dealerproxy.transport.errors import UpstreamError
from dealerproxy.transport.response import Response


class Unknown(NamedTuple):
    """A new code of a closed list in an otherwise good answer; `word` is the code as the upstream wrote it."""

    kind: str
    word: str


CaptureReason = UpstreamError | Unknown
# Keeps a page: upstream, operation, address, answer, reason. Returns the capture's id, None when nothing is kept.
CapturePage = Callable[[str, str, URL, Response, CaptureReason], str | None]


def keep_no_page(upstream: str, operation: str, url: URL, response: Response, reason: CaptureReason) -> None:
    """Keeps nothing, as without a folder for captures."""


class Reading:
    """One fetched answer, to which oddities are reported."""

    def __init__(self, upstream: str, operation: str, url: URL, response: Response, capture: CapturePage) -> None:
        self._page, self._capture = (upstream, operation, url, response), capture

    def report(self, reason: CaptureReason) -> str | None:
        """Report an unknown code or an error; returns the id of the capture that shows it, None if there is none.

        An error gets that id as its `capture`. A report never raises.
        """
        capture = self._capture(*self._page, reason)
        if isinstance(reason, UpstreamError):
            reason.capture = capture
        return capture


# The current reading where no answer is being read, as in a test or a replay.
NO_READING = Reading("", "", URL(), Response(0, {}, b""), keep_no_page)
_CURRENT: ContextVar[Reading] = ContextVar("reading", default=NO_READING)


def current_reading() -> Reading:
    """The answer being read; NO_READING, whose reports keep nothing, if there is none."""
    return _CURRENT.get()


def report(reason: CaptureReason) -> str | None:
    """Report something to the answer being read; see `Reading.report`."""
    return _CURRENT.get().report(reason)


def report_unknown_code(kind: str, word: str) -> None:
    """Report a code without a translation to the answer being read; a Vocabulary calls this."""
    _CURRENT.get().report(Unknown(kind, word))


@contextmanager
def reading(answer: Reading) -> Iterator[Reading]:
    """Make an answer the current one while it is read."""
    token = _CURRENT.set(answer)
    try:
        yield answer
    finally:
        _CURRENT.reset(token)
