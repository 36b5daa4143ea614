"""Removes personal data from a page before it is written: from its address, its headers and its body.

Replaced are plates, VINs, names of people and firms, telephone numbers, addresses, accounts, tokens and the
texts of sellers and inspectors. Text that is not known to be harmless is masked. Nothing is decoded and encoded again:
every byte outside a replaced value stays, `202305.0` and broken markup included.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from yarl import URL

from dealerproxy.captures.scrub.bodies import scrub_json, scrub_page, scrub_text
from dealerproxy.captures.scrub.safe_words import Words
from dealerproxy.captures.scrub.stand_ins import Kind, StandIns
from dealerproxy.captures.scrub.texts import ScrubError, Texts
from dealerproxy.vocabulary import Vocabulary

# Headers with secrets, or with a checksum of the page from which a plate could be guessed.
_SECRET = re.compile(r"cookie|auth|token|session|csrf|key|secret|signature|fingerprint|etag|md5|digest", re.IGNORECASE)
# Headers of the connection, or of the body's transfer.
TRANSPORT_HEADERS = frozenset(
    {"content-encoding", "content-length", "transfer-encoding", "connection", "keep-alive", "trailer", "upgrade"}
)
_CODECS = ("utf-8", "cp949")
_NO_CHARACTER = re.compile("[\udc80-\udcff]")
_HTML = re.compile(r"[\s\ufeff]*<")
# Kinds of which no value may remain in a capture.
_LEFT_OVER = frozenset({Kind.PLATE, Kind.VIN, Kind.PHONE, Kind.USER, Kind.EMAIL, Kind.TOKEN})
_TELLING = 6


class Scrubbed(NamedTuple):
    """A page without personal data. `dropped` names headers, `counts` replaced values by kind."""

    url: str
    headers: dict[str, str]
    body: bytes
    is_page: bool
    charset: str
    counts: dict[str, int]
    dropped: tuple[str, ...]


class Scrubber:
    """Scrubs pages, each with its own stand-ins, without adding to the misses of `vocabulary`."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._words = Words(vocabulary)

    def scrub(self, url: URL, headers: Mapping[str, str], body: bytes, *, sentences: bool) -> Scrubbed:
        """Scrub a page. `sentences`: whole sentences may stay, as on pages without sellers' text. Raises ScrubError."""
        charset, text = _decoded(body)
        standins = StandIns()
        texts = Texts(self._words, standins, sentences=sentences)
        is_page = bool(_HTML.match(text))
        if is_page:
            scrubbed = scrub_page(text, texts)
        else:
            scrubbed = scrub_json(text, texts) if re.search(r"[{\[]", text) else scrub_text(text, texts)
            texts.learn()
        address = _address(url, texts)
        kept = {name: _header(name, value, texts) for name, value in headers.items() if not _is_dropped(name)}
        _check(standins, (scrubbed, address, *kept.values()))
        try:
            stored = scrubbed.encode(charset, "surrogateescape")
        except UnicodeEncodeError as error:
            raise ScrubError(str(error)) from error
        return Scrubbed(
            url=address,
            headers=kept,
            body=stored,
            is_page=is_page,
            charset=charset,
            counts={kind.value: count for kind, count in sorted(standins.counts.items()) if count},
            dropped=tuple(sorted(name for name in set(headers) if _SECRET.search(name))),
        )


def _decoded(body: bytes) -> tuple[str, str]:
    """Return the charset with the fewest invalid bytes, and the text; invalid bytes become lone surrogates."""
    found = [(codec, body.decode(codec, "surrogateescape")) for codec in _CODECS]
    exact = [(codec, text) for codec, text in found if text.encode(codec, "surrogateescape") == body]
    if not exact:
        raise ScrubError("the body cannot be decoded and encoded unchanged in any known charset")
    return min(exact, key=lambda pair: len(_NO_CHARACTER.findall(pair[1])))


def _address(url: URL, texts: Texts) -> str:
    path = texts.known(url.path)
    query = [(name, texts.under(name, value)) for name, value in url.query.items()]
    changed = url if path == url.path else url.with_path(path)
    return (changed if query == list(url.query.items()) else changed.with_query(query)).human_repr()


def _header(name: str, value: str, texts: Texts) -> str:
    """Scrub a header; the query of a redirect may hold a secret."""
    if name.lower() != "location":
        return texts.under(name, value)
    try:
        url = URL(value)
        query = [(each, texts.under(each, said)) for each, said in url.query.items()]
        masked = [(each, said if said != url.query[each] else texts.mask(said)) for each, said in query]
        return url.with_path(texts.known(url.path)).with_query(masked).human_repr()
    except ValueError:
        return texts.mask(value)


def _is_dropped(name: str) -> bool:
    return name.lower() in TRANSPORT_HEADERS or bool(_SECRET.search(name))


def _check(standins: StandIns, texts: tuple[str, ...]) -> None:
    """Raise ScrubError if a replaced value remains anywhere, found by a plain text search."""
    for kind, value in standins.given:
        if kind not in _LEFT_OVER or len(value) < _TELLING or standins.is_one(value):
            continue
        if any(value in text for text in texts):
            raise ScrubError(f"a {kind.value} remains in the page")
