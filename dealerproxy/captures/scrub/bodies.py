"""Scrubs whole bodies: JSON value by value, pages by their scripts, tags and texts. Only personal data changes."""

import json
import re

from dealerproxy.captures.scrub.json_spans import Span, spans
from dealerproxy.captures.scrub.keys import is_harmless, kind_of
from dealerproxy.captures.scrub.stand_ins import Kind
from dealerproxy.captures.scrub.texts import Texts
from dealerproxy.vocabulary.text import UNTRANSLATED

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", re.ASCII)
_LITERALS = frozenset({"true", "false", "null", "undefined", "NaN", "\ufeff"})
# Numbers of so many digits may be telephone numbers or accounts; counts, prices and days are shorter.
_LONG = 9
_SURROGATE = re.compile(r"[\ud800-\udc7f\udd00-\udfff]")

# A page in pieces: comments, scripts and styles, tags, and the text between them. An incomplete tag is text.
_PIECE = re.compile(
    r"(?P<comment><!--.*?(?:-->|\Z))"
    r"|(?P<open><(?P<name>script|style)\b[^<>]*>)(?P<inside>.*?)(?P<close></(?P=name)\s*>|\Z)"
    r"""|(?P<tag><[/!?]?[A-Za-z][^\s<>/]*(?:"[^"<]*"|'[^'<]*'|[^"'<>])*>)"""
    r"|(?P<text><[^<]*|[^<]+)",
    re.DOTALL | re.IGNORECASE,
)
_QUOTED = re.compile(r"""("[^"]*"|'[^']*')""")
_SECRET = re.compile(r"csrf|token|session|nonce", re.IGNORECASE)
_GIVEN = re.compile(r"""(\b(?:content|value|nonce)\s*=\s*["'])([^"']*)""", re.IGNORECASE)
# A script that is data: only a value, or its assignment to a name.
_DATA = re.compile(r"\s*(?:(?:window\.|var\s+|const\s+|let\s+)?[\w$.]+\s*=\s*)?[{\[]")
_ASSIGNED = re.compile(
    r"""(?<![\w$-])(?P<name>[\w$-]+)["']?\s*[:=]\s*(?P<quote>["'])(?P<value>(?:(?!(?P=quote))[^\\\n]|\\.)*)(?P=quote)"""
)
_FOREIGN = re.compile(rf"(?:\\u[0-9a-fA-F]{{4}}|{UNTRANSLATED.pattern})+")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


def scrub_json(text: str, texts: Texts) -> str:
    """Scrub a text that is JSON or broken JSON."""
    pieces: list[str] = []
    end = 0
    for span in spans(text):
        pieces += (text[end : span.start], _scrubbed(span, texts))
        end = span.end
    return "".join((*pieces, text[end:]))


def scrub_page(text: str, texts: Texts) -> str:
    """Scrub a page. Its scripts come first: their personal data is then replaced everywhere else, too."""
    pieces = list(_PIECE.finditer(text))
    scripts = {place: _script(piece["inside"], texts) for place, piece in enumerate(pieces) if piece["open"]}
    texts.learn()
    return "".join(
        f"{_tag(piece['open'], texts)}{texts.known(scripts[place])}{piece['close']}"
        if piece["open"]
        else _tag(piece[0], texts)
        if piece["tag"]
        else scrub_text(piece[0], texts)
        for place, piece in enumerate(pieces)
    )


def _script(script: str, texts: Texts) -> str:
    """Scrub a script: data as JSON; in a program the values of personal names, and unknown words."""
    if _DATA.match(script):
        return scrub_json(script, texts)

    def assigned(match: re.Match[str]) -> str:
        start, end = (place - match.start() for place in match.span("value"))
        kind = kind_of("", match["name"])
        return match[0] if kind is None else match[0][:start] + texts.value(kind, match["value"]) + match[0][end:]

    def foreign(match: re.Match[str]) -> str:
        said = _ESCAPE.sub(lambda code: chr(int(code[1], 16)), match[0])
        return match[0] if texts.is_safe(said) or not UNTRANSLATED.search(said) else texts.mask(match[0])

    return _FOREIGN.sub(foreign, _ASSIGNED.sub(assigned, script))


def scrub_text(text: str, texts: Texts) -> str:
    """Scrub a visible text; without Korean words, only identities in it are replaced."""
    return texts.any(text) if UNTRANSLATED.search(text) or "&#" in text else texts.known(text)


def _tag(tag: str, texts: Texts) -> str:
    """Scrub the quoted values of a tag as texts, and in the rest everything but markup."""
    scrubbed = "".join(
        f"{part[0]}{scrub_text(part[1:-1], texts)}{part[-1]}"
        if place % 2
        else UNTRANSLATED.sub(lambda run: texts.any(run[0]), texts.known(part))
        for place, part in enumerate(_QUOTED.split(tag))
    )
    if _SECRET.search(tag):
        return _GIVEN.sub(lambda match: match[1] + texts.value(Kind.TOKEN, match[2]), scrubbed)
    return scrubbed


def _scrubbed(span: Span, texts: Texts) -> str:
    kind = kind_of(span.parent, span.key)
    if span.is_key:
        # A key may be personal: some answers have numbers or names as keys.
        return _as_written(span, texts.any(span.text) if UNTRANSLATED.search(span.text) else texts.known(span.text))
    if not span.is_string:
        return _bare(span, kind, texts)
    if kind is Kind.TEXT:
        return span.raw if texts.may_stay(span.text) else texts.mask(span.raw)
    if kind is not None:
        return _as_written(span, texts.value(kind, span.text))
    return _as_written(span, texts.known(span.text) if is_harmless(span.parent, span.key) else texts.any(span.text))


def _bare(span: Span, kind: Kind | None, texts: Texts) -> str:
    """Scrub a number under a personal key, or a long one under an unknown key, and text that is no JSON."""
    raw = span.raw
    if raw in _LITERALS:
        return raw
    if not _NUMBER.fullmatch(raw):
        # A name before the data is code; a text with single quotes is a string.
        return texts.any(raw) if "'" in raw or UNTRANSLATED.search(raw) else texts.known(raw)
    if kind is None and (len(raw) < _LONG or is_harmless(span.parent, span.key)):
        return raw
    # A number has no leading zeros.
    return raw if len(raw) == 1 else f"1{texts.standins.of(Kind.NUMBER, raw)[1:]}"


def _as_written(span: Span, text: str) -> str:
    """Return the string unchanged if its text is, else the new text in the quoting of the old one."""
    if text == span.text:
        return span.raw
    written = json.dumps(text, ensure_ascii=False)
    written = _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", written)
    if "<" not in span.raw:
        written = written.replace("<", "\\u003c")
    return written if len(span.raw) > 1 and span.raw.endswith('"') else written[:-1]
