"""Makes a capture of an answer: scrubbed, described, and optionally with its current reading as expectation."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from msgspec.structs import replace
from multidict import CIMultiDict

from dealerproxy.captures import sites
from dealerproxy.captures.capture import About, Capture, Request, Trouble, sha256
from dealerproxy.captures.reading import read
from dealerproxy.captures.scrub.scrub import Scrubber
from dealerproxy.captures.sites import Page
from dealerproxy.transport.errors import Drift
from dealerproxy.transport.response import Response
from dealerproxy.upstreams.danawa import operations as danawa
from dealerproxy.vocabulary import Vocabulary

Provenance = Literal["captured", "captured-shape", "reconstructed-shape"]


class Maker:
    """Makes captures. Untranslated words are counted separately: the count of `vocabulary` is for live answers."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary.counting_apart()
        self._scrubber = Scrubber(self._vocabulary)

    def make(
        self,
        name: str,
        page: Page,
        response: Response,
        *,
        at: datetime,
        trouble: Trouble | None = None,
        provenance: Provenance = "captured",
    ) -> Capture:
        """Make a capture without an expectation. Raises ScrubError when personal data may remain."""
        headers = {f"{name}": ", ".join(_all(response.headers, name)) for name in response.headers}
        clean = self._scrubber.scrub(page.url, headers, response.body, sentences=page.operation == danawa.LIST.name)
        html_is_due = sites.OPERATIONS[page.operation].html
        about = About(
            upstream=page.upstream,
            operation=page.operation,
            captured_at=at,
            url=clean.url,
            provenance=provenance,
            sha256=sha256(clean.body),
            charset=clean.charset,
            content_encoding=response.headers.get("Content-Encoding"),
            scrubbed=clean.counts,
            dropped_headers=clean.dropped,
            trouble=trouble,
        )
        return Capture(
            name=name,
            request=Request("GET", clean.url),
            response=Response(response.status, CIMultiDict(clean.headers), clean.body),
            html=clean.is_page or (html_is_due and not clean.body.lstrip().startswith((b"{", b"["))),
            about=about,
        )

    def expecting(self, capture: Capture, *, even_drift: bool = False) -> Capture:
        """Add the capture's current reading as its expectation. A drift should be fixed, so it needs `even_drift`."""
        reading = read(capture, self._vocabulary)
        if reading.error is not None and reading.error["code"] == Drift.code and not even_drift:
            return capture
        return replace(capture, expected=reading.document, expected_error=reading.error)


def _all(headers: Mapping[str, str], name: str) -> list[str]:
    every = getattr(headers, "getall", None)
    return every(name) if every is not None else [headers[name]]
