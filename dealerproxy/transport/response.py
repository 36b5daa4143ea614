"""Tells good answers from blocks and faults, by status, headers and body alone (no I/O).

The order of checks follows how the sites fail: a block can come with any status, so its signs are checked before a
404 counts as one; an empty body is never an empty result.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from dealerproxy.contract.headers import retry_after_s
from dealerproxy.transport.errors import Blocked, Drift, NotFound, RateLimited, ServerFault, UpstreamFault

BLOCK_STATUSES = frozenset({403, 407})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Headers that only blocks have, with any value and any status, and the bot guard that sends each.
BLOCK_HEADERS: Mapping[str, str] = {
    # 202 `challenge`, 405 `captcha`; without a body for callers that do not accept HTML (AWS WAF Developer Guide,
    # "CAPTCHA and Challenge action behavior").
    "x-amzn-waf-action": "AWS WAF",
    # `challenge`, on every challenge page (Cloudflare, "Detect a Challenge Page response"); also seen with 429.
    "cf-mitigated": "Cloudflare",
    # 202 `challenge`; not documented, recorded by several clients of sites hosted there.
    "sg-captcha": "SiteGround",
    # `challenge` with 403 or 429, `deny` with 403; recorded by several clients of sites hosted there.
    "x-vercel-mitigated": "Vercel",
    # Why the request was blocked (wafw00f, plugins/sucuri.py).
    "x-sucuri-block": "Sucuri",
}
# Headers that a bot guard may add to good answers too; on any other answer they are a sign of a block.
GUARD_HEADERS: Mapping[str, str] = {
    # `protected` on whatever passes DataDome; `x-dd-b` is 1 to 3 on its blocks (recorded by clients, with 403).
    "x-datadome": "DataDome",
    "x-dd-b": "DataDome",
}
# Texts in the pages of bot guards, and the guard of each. Good pages may hold some of them, in the guard's own script.
GUARD_WORDS: Mapping[bytes, str] = {
    # The block page and its script (HUMAN's own examples of custom block pages).
    b"px-captcha": "HUMAN",
    b"_pxAppId": "HUMAN",
    # The host that serves DataDome's challenge; recorded by clients.
    b"captcha-delivery.com": "DataDome",
    # The settings and titles of Cloudflare's challenge page, and the text of its block page; recorded by clients.
    b"_cf_chl_opt": "Cloudflare",
    b"<title>Just a moment...": "Cloudflare",
    b"<title>Attention Required! | Cloudflare": "Cloudflare",
    b"blocked_why_headline": "Cloudflare",
    # The script of AWS WAF's challenge (AWS WAF Developer Guide, "Client application integrations").
    b"awswaf.com": "AWS WAF",
    b"AwsWafIntegration": "AWS WAF",
    # Imperva's challenge, and the text of its error pages; recorded by clients.
    b"_Incapsula_Resource": "Imperva",
    b"Incapsula incident ID": "Imperva",
    # "Access Denied" with a reference number, and the proof of work of Akamai's Bot Manager; recorded by clients.
    b"Reference&#32;&#35;": "Akamai",
    b"errors.edgesuite.net": "Akamai",
    b"sec-if-cpt-container": "Akamai",
}
_GUARD_WORD = re.compile(b"|".join(map(re.escape, GUARD_WORDS)))
# Bot guards' pages and JSON are smaller: only this much of a page is searched, and no larger JSON.
GUARD_BYTES = 65_536
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w-]+)", re.ASCII | re.IGNORECASE)
_BOM = b"\xef\xbb\xbf"
# How many bytes of a body are searched for the start of a page.
_SNIFF_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Response:
    """An upstream's complete answer; header names are looked up ignoring case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def charset(self) -> str | None:
        """The charset that `Content-Type` names."""
        named = _CHARSET.search(self.headers.get("Content-Type", ""))
        return named[1] if named else None


class _Refusal(msgspec.Struct):
    """The keys in a bot guard's JSON, which replaces the site's own."""

    # HUMAN, for callers that accept JSON (its enforcers' "Advanced Blocking Response").
    app: object = msgspec.field(default=None, name="appId")
    script: object = msgspec.field(default=None, name="blockScript")
    client: object = msgspec.field(default=None, name="jsClientSrc")
    host: object = msgspec.field(default=None, name="hostUrl")
    # DataDome, for callers that accept JSON: the address of its challenge; recorded by clients.
    url: object = None
    # Akamai's proof of work, with status 428; recorded by clients.
    challenge: object = msgspec.field(default=None, name="sec-cp-challenge")


def json_body(
    response: Response, *, block_markers: Sequence[bytes] = (), now: Callable[[], float] = time.time
) -> bytes:
    """Return the body of a good JSON answer.

    Raises Blocked (403 or 407; a bot guard's header or JSON or a block marker with any status; its words with a
    status other than 200; a redirect or no content in place of a body; HTML in place of JSON), RateLimited (429),
    NotFound (a plain 404), ServerFault (5xx, 408), UpstreamFault (any other status that is not 200) or Drift (an empty
    body with 200).
    """
    return _good_body(response, block_markers, now, html_is_due=False)


def page_body(
    response: Response, *, block_markers: Sequence[bytes] = (), now: Callable[[], float] = time.time
) -> bytes:
    """Return the body of a good HTML page. Raises as `json_body`, except that HTML is expected."""
    return _good_body(response, block_markers, now, html_is_due=True)


def check_headers(response: Response) -> None:
    """Raise Blocked for a header that only blocks have."""
    if name := _first(BLOCK_HEADERS, response.headers):
        raise Blocked(f"{name} with status {response.status}")


@contextmanager
def drift_or_block(response: Response) -> Iterator[None]:
    """Turn a Drift into Blocked if the answer has a bot guard's sign: then the guard sent it, not the site."""
    try:
        yield
    except Drift as error:
        if guard := _guard(response):
            raise Blocked(f"{guard} in place of what is due") from error
        raise


def _good_body(response: Response, markers: Sequence[bytes], now: Callable[[], float], *, html_is_due: bool) -> bytes:
    status, body = response.status, response.body.removeprefix(_BOM)
    wait = retry_after_s(response.headers.get("Retry-After"), now())
    check_headers(response)
    if status == 429:
        raise RateLimited("429", wait)
    if kind := next(_signs(response, body, markers, html_is_due=html_is_due), None):
        raise Blocked(kind)
    if status == 404:
        raise NotFound("status 404")
    if status >= 500 or status == 408:
        raise ServerFault(f"status {status}", wait)
    if status != 200:
        raise UpstreamFault(f"status {status}", wait)
    if not body.strip():
        raise Drift("body", "empty")
    return body


def _signs(response: Response, body: bytes, markers: Sequence[bytes], *, html_is_due: bool) -> Iterator[str]:
    """Yield the signs that an answer is a block, the surest first."""
    status = response.status
    if status in BLOCK_STATUSES:
        yield f"status {status}"
    # A good answer holds sellers' texts, so only its beginning is searched.
    sniffed = body if status >= 400 else body[:_SNIFF_BYTES]
    if any(marker in sniffed for marker in markers):
        yield f"block page with status {status}"
    if guard := _guard_json(body) or (_guard(response) if status != 200 else None):
        yield f"{guard} with status {status}"
    if not html_is_due and status < 500 and body[:_SNIFF_BYTES].lstrip().startswith(b"<"):
        yield f"HTML with status {status}"
    if status in REDIRECTS:
        yield f"status {status} where a body is due"
    if 200 < status < 300 and not body.strip():
        yield f"status {status} without content"


def _guard(response: Response) -> str | None:
    """Return the bot guard whose sign a failed answer has. Headers of a 5xx do not count: guards pass it through."""
    header = _first(GUARD_HEADERS, response.headers) if response.status < 500 else None
    return header or _guard_word(response.body)


def _first(names: Mapping[str, str], headers: Mapping[str, str]) -> str | None:
    return next((names[name] for name in names if name in headers), None)


def _guard_word(body: bytes) -> str | None:
    """Return the bot guard whose text the beginning of a page holds; None for JSON, where it may be a seller's text."""
    page = body.removeprefix(_BOM)[:GUARD_BYTES]
    found = None if page.lstrip().startswith((b"{", b"[")) else _GUARD_WORD.search(page)
    return GUARD_WORDS[found[0]] if found else None


def _guard_json(body: bytes) -> str | None:
    """Return the bot guard that sent a small JSON object, by its top-level keys."""
    if len(body) > GUARD_BYTES or not body.lstrip().startswith(b"{"):
        return None
    try:
        refusal = msgspec.json.decode(body, type=_Refusal)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    if str(refusal.app).startswith("PX") and (refusal.script or refusal.client or refusal.host):
        return "HUMAN"
    if "captcha-delivery.com/" in str(refusal.url):
        return "DataDome"
    return "Akamai" if refusal.challenge else None
