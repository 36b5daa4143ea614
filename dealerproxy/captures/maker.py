"""Makes a capture of an answer: scrubbed, described, and optionally with its current reading as expectation."""

from collections.abc import Mapping
from datetime import datetime

from msgspec.structs import replace
from multidict import CIMultiDict
from yarl import URL

from dealerproxy.captures import sites
from dealerproxy.captures.capture import About, Capture, Provenance, Request, Trouble, sha256
from dealerproxy.captures.reading import is_drift, read
from dealerproxy.captures.scrub.scrub import Scrubber
from dealerproxy.captures.sites import Page
from dealerproxy.sandbox import SANDBOX_HEADER
from dealerproxy.transport.response import Response
from dealerproxy.upstreams.danawa import operations as danawa
from dealerproxy.vocabulary import Vocabulary


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
        asked_at: Mapping[str, URL] = sites.HOMES,
        trouble: Trouble | None = None,
        provenance: Provenance = "captured",
    ) -> Capture:
        """Make a capture without an expectation; `asked_at` are the addresses at which the sites were called.

        Raises ScrubError when personal data may remain.
        """
        headers = {f"{name}": ", ".join(_all(response.headers, name)) for name in response.headers}
        clean = self._scrubber.scrub(page.url, headers, response.body, sentences=page.operation == danawa.LIST.name)
        of_stand_in = SANDBOX_HEADER in response.headers
        html_is_due = sites.OPERATIONS[page.operation].html
        about = About(
            upstream=page.upstream,
            operation=page.operation,
            captured_at=at,
            url=_at_stand_in(clean.url, page, asked_at) if of_stand_in else clean.url,
            provenance="sandbox" if of_stand_in else provenance,
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
        if is_drift(reading) and not even_drift:
            return capture
        return replace(capture, expected=reading.document, expected_error=reading.error)


def _at_stand_in(url: str, page: Page, asked_at: Mapping[str, URL]) -> str:
    """Return the address of a page at the stand-in instead of the site."""
    home, base = (f"{address}".rstrip("/") for address in (page.site.home, asked_at[page.site.setting]))
    return base + url.removeprefix(home)


def _all(headers: Mapping[str, str], name: str) -> list[str]:
    every = getattr(headers, "getall", None)
    return every(name) if every is not None else [headers[name]]
