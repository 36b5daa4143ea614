"""Scrubs single texts: identities in any text, values of personal names, and unknown words."""

import html
import re
from collections.abc import Callable
from urllib.parse import quote, unquote

from dealerproxy.captures.scrub.keys import kind_of
from dealerproxy.captures.scrub.safe_words import QUANTITY, Words, identities
from dealerproxy.captures.scrub.stand_ins import HANGUL, Kind, StandIns, masked
from dealerproxy.vocabulary.text import UNTRANSLATED

# Kinds whose values identify a person anywhere on the page.
REPEATED = frozenset({Kind.PLATE, Kind.VIN, Kind.PHONE, Kind.NAME, Kind.USER, Kind.EMAIL, Kind.NUMBER, Kind.TOKEN})
# Shorter names and numbers also occur inside other words and numbers.
_SHORTEST_NAME, _SHORTEST_NUMBER = 2, 6
# Searching a page for more of them would take too long.
_MOST = 1_000
_PART = re.compile(
    rf"(?P<quantity>{QUANTITY})|(?P<run>{UNTRANSLATED.pattern})|(?:[^\W_]|[\udc80-\udcff])+", re.IGNORECASE
)
# Letters and digits, wide ones too, that are not Korean.
_LATIN = re.compile(r"[^\W_\uac00-\ud7a3\u1100-\u11ff\u3130-\u318f]")
# A name and a value, as in the query of an address.
_PAIR = re.compile(r"(?<![\w$-])([A-Za-z_][\w-]*)=([\w%.~+/@:-]{4,})")
_TOLD_BY_NAME = frozenset(Kind) - {Kind.TEXT, Kind.ADDRESS}
# An address, or a part of one, in which Korean is written as its bytes.
_ENCODED = re.compile(r"""(?<![^\s"'<>`])[^\s"'<>`]*%[0-9A-Fa-f]{2}[^\s"'<>`]*""")


class ScrubError(Exception):
    """A page in which personal data may remain, and which therefore must not be written."""


class Texts:
    """Scrubs the texts of one capture with one set of stand-ins; `sentences`: whole sentences may stay."""

    def __init__(self, words: Words, standins: StandIns, *, sentences: bool) -> None:
        self._words, self._sentences = words, sentences
        self.standins = standins
        self._repeats: re.Pattern[str] | None = None
        self._kinds: dict[str, Kind] = {}

    def known(self, text: str) -> str:
        """Scrub a text that is harmless except for plates, telephone numbers and the like in it."""
        plain = _PAIR.sub(self._pair, text) if "=" in text else text
        return self._without_identities(_ENCODED.sub(self._encoded, plain) if "%" in plain else plain)

    def any(self, text: str) -> str:
        """Scrub an arbitrary text: unknown words and the text around them are masked."""
        plain = html.unescape(text)
        if self.is_safe(plain) or (self._sentences and self._words.is_sentence(plain)):
            return self.known(text)
        if plain != text:
            return self.mask(text)
        return self._without_identities(text, gaps=self._mask_unknown)

    def value(self, kind: Kind, text: str) -> str:
        """Scrub a personal value; a text may stay when the dictionaries have all of it."""
        if kind is Kind.TEXT:
            return text if self.may_stay(text) else self.mask(text)
        if kind is Kind.ADDRESS:
            region = self._words.region(text.split(maxsplit=1)[0]) if text.strip() else None
            return f"{region}{self.mask(text.removeprefix(region))}" if region else self.mask(text)
        return self.standins.of(kind, text)

    def under(self, name: str, text: str) -> str:
        """Scrub the value of a name: a parameter's, a header's, a variable's."""
        kind = kind_of("", name)
        return self.known(text) if kind is None else self.value(kind, text)

    def may_stay(self, text: str) -> bool:
        """Whether a text written by a person has only words of the dictionaries."""
        return self._words.is_standing_phrase(text) or not (_LATIN.search(text) or self._words.unknown(text))

    def is_safe(self, text: str) -> bool:
        """Whether no part of a text can be personal."""
        return not self._words.unknown(text) if UNTRANSLATED.search(text) else self._words.is_plain(text)

    def mask(self, text: str) -> str:
        """Mask a text, and count it."""
        found = masked(text)
        self.standins.counts[Kind.TEXT] += found != text
        return found

    def learn(self) -> None:
        """From now on replace the values found so far in every text."""
        self._kinds = {value: kind for kind, value in self.standins.given if kind in REPEATED and self._tells(value)}
        if len(self._kinds) > _MOST:
            raise ScrubError(f"{len(self._kinds)} names and numbers; no page has so many")
        longest_first = sorted(self._kinds, key=len, reverse=True)
        # Korean words may be followed by other letters (홍길동님), numbers and Latin words may not.
        alternatives = "|".join(
            rf"(?<![A-Za-z0-9]){re.escape(value)}(?![A-Za-z0-9])" if value.isascii() else re.escape(value)
            for value in longest_first
        )
        self._repeats = re.compile(alternatives) if alternatives else None

    def _tells(self, value: str) -> bool:
        if HANGUL.search(value):
            return len(value) >= _SHORTEST_NAME and bool(self._words.unknown(value))
        return len(value) >= _SHORTEST_NUMBER and not self.standins.is_one(value)

    def _without_identities(self, text: str, gaps: Callable[[str], str] = str) -> str:
        pieces: list[str] = []
        end = 0
        for start, stop, kind in self._identities(text):
            pieces += (gaps(text[end:start]), self.standins.of(kind, text[start:stop]))
            end = stop
        return "".join((*pieces, gaps(text[end:])))

    def _pair(self, match: re.Match[str]) -> str:
        """Mask the value of a personal name; its words may also occur elsewhere."""
        name, value = match.groups()
        return f"{name}={self.mask(value)}" if kind_of("", name) in _TOLD_BY_NAME else match[0]

    def _encoded(self, match: re.Match[str]) -> str:
        plain = unquote(match[0])
        scrubbed = self._without_identities(plain)
        return match[0] if scrubbed == plain else quote(scrubbed, safe="/:?&=#+,;@!$'()*[]~")

    def _identities(self, text: str) -> list[tuple[int, int, Kind]]:
        repeats = [] if self._repeats is None else list(self._repeats.finditer(text))
        found = [(match.start(), match.end(), self._kinds[match[0]]) for match in repeats]
        found += [span for span in identities(text) if all(span[1] <= s or e <= span[0] for s, e, _ in found)]
        return sorted(found)

    def _mask_unknown(self, text: str) -> str:
        def replace(match: re.Match[str]) -> str:
            if match["quantity"] or (match["run"] and not self._words.unknown(match["run"])):
                return match[0]
            return masked(match[0])

        found = _PART.sub(replace, text)
        self.standins.counts[Kind.TEXT] += found != text
        return found
