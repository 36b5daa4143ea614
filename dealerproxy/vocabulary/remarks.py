"""Inspectors' remarks in English, phrase by phrase; a phrase that is not completely known is only counted.

Remarks contain names, firms, plates and telephone numbers. So a phrase is shown only if remarks.toml has all of its
words, and its numbers are small or years.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from msgspec import Struct

from dealerproxy.vocabulary.dangers import SENTENCE_END, Dangers, narrow, plain_sentence
from dealerproxy.vocabulary.files import English, File, Word
from dealerproxy.vocabulary.phrases import Phrases
from dealerproxy.vocabulary.sheet import Confidence
from dealerproxy.vocabulary.terms import Make
from dealerproxy.vocabulary.text import word_key

LONGEST = 5_000  # characters of a remark that is read

_PARTS = re.compile(r"(?<!\d)[,、]|[,、](?!\d)|/(?![A-Za-z])|(?<![A-Za-z])/")
_SLASH = re.compile(r"(?<= )/|/(?= )")
_EDGES = " \t-–—·:*_="
_ASCII = re.compile(r"[0-9A-Za-z]+")
_SMALL_OR_YEAR = re.compile(r"\d{1,2}|(?:19|20)\d\d")
_HANGUL = re.compile("[가-힣]")
_OTHER = re.compile(r"[^가-힣\x20-\x7e]")  # a sign such as ✕ denies the text before it
_ANYTHING = "~"
_ANY_WORDS = r"[^.\n]{0,200}?"
_TIDY = (
    (re.compile(r"(?<!\s)\s*:[\s:]*"), ": "),
    (re.compile(r"\(: "), "("),
    (re.compile(r"(: (?:none|yes|no)) (?=[a-z])"), r"\1, "),
    (re.compile(r"\s+"), " "),
)


class _Phrase(Struct, frozen=True, forbid_unknown_fields=True):
    """remarks.toml: a whole phrase."""

    english: English
    confidence: Confidence


class Translation(NamedTuple):
    """The sentences in English, each once, and how many phrases have no translation."""

    english: tuple[str, ...]
    untranslated: int


class Remarks:
    """Translates remarks by remarks.toml, and finds the dangers in them that dangers.toml has."""

    def __init__(self, file: File, dangers: Dangers, makes: Mapping[str, Make]) -> None:
        """Read remarks.toml. Raises VocabularyError at the first error."""
        self._dangers = dangers
        self._phrases: dict[str, str] = {}  # "" for boilerplate
        for phrase, entry in file.entries("phrases", _Phrase).items():
            if word_key(phrase) in self._phrases:
                raise file.error("is repeated", "phrases", phrase)
            self._phrases[word_key(phrase)] = entry.english
        self._words = Phrases(file, makes)
        self._latin = frozenset(file.value("latin", tuple[Word, ...]))
        short = file.entries("abbreviations", Word)
        self._long = {plain_sentence(abbreviation): long for abbreviation, long in short.items()}
        self._short = re.compile("|".join(map(_abbreviation, sorted(self._long, key=len, reverse=True))))
        boilerplate = file.value("boilerplate", tuple[Word, ...])
        self._boilerplate = re.compile("|".join(map(_boilerplate, boilerplate)))
        self._phrases |= {word_key(entry): "" for entry in boilerplate if _ANYTHING not in entry}

    def translate(self, text: str) -> Translation:
        """Return a remark in English; a remark that is too long counts as one untranslated phrase."""
        if len(text) > LONGEST:
            return Translation((), 1)
        sentences = [[self._phrase(phrase) for phrase in phrases] for phrases in self._sentences(text)]
        english = map(_sentence, sentences)
        return Translation(tuple(dict.fromkeys(filter(None, english))), sum(told.count(None) for told in sentences))

    def dangers(self, text: str) -> tuple[str, ...]:
        """Return the tokens of the dangers that a text names outside of boilerplate, in the order of dangers.toml."""
        return self._dangers.find(self._boilerplate.sub("\n", text[:LONGEST]) + text[LONGEST:])

    def knows(self, phrase: str) -> bool:
        """Whether remarks.toml has all words of a phrase, so that no word concerns a person."""
        return self._phrase(phrase) is not None

    def _sentences(self, text: str) -> Iterator[list[str]]:
        """Yield the phrases of each sentence without boilerplate; a list before one negation is one phrase."""
        longer = self._short.sub(lambda match: self._long[match[0]], text)
        for sentence in SENTENCE_END.split(longer):
            if word_key(sentence) in self._phrases:
                yield [sentence]
                continue
            plain = narrow(self._boilerplate.sub(" ", sentence))
            for part in _SLASH.split(self._with_lists_joined(plain)):
                yield _PARTS.split(part)

    def _with_lists_joined(self, plain: str) -> str:
        folded = plain.casefold()
        if len(folded) != len(plain):  # a remark has no letter for which they differ
            return plain
        joined, done = "", 0
        for start, end in self._dangers.denied(folded):
            joined += plain[done:start] + _PARTS.sub(" 및 ", plain[start:end])
            done = end
        return joined + plain[done:]

    def _phrase(self, phrase: str) -> str | None:
        """Return the English of a phrase, "" for an empty phrase, None for one without a translation."""
        bare = phrase.strip(_EDGES)
        known = self._phrases.get(word_key(bare))
        if known is not None:
            return known
        if not bare or re.fullmatch(r"[\W\d]{1,2}|\W+", bare):
            return ""
        if _OTHER.search(bare) or not _HANGUL.search(bare) or not all(map(self._may_stay, _ASCII.findall(bare))):
            return None
        english, left_out = self._words.translate(bare)
        if english is None or left_out:
            return None
        for pattern, replacement in _TIDY:
            english = pattern.sub(replacement, english)
        english = english.strip(" :")
        return english[:1].upper() + english[1:]

    def _may_stay(self, word: str) -> bool:
        return bool(_SMALL_OR_YEAR.fullmatch(word)) or word.lower() in self._latin


def _sentence(told: list[str | None]) -> str:
    """Join the phrases of a sentence that have English."""
    first, *others = list(filter(None, told)) or [""]
    return ", ".join((first, *(other if other[1:2].isupper() else other[0].lower() + other[1:] for other in others)))


def _abbreviation(short: str) -> str:
    """Return the pattern of a short form. A form for a side is before a part's name, not after it (앞도어(우))."""
    return re.escape(short) if short.isalpha() else f"(?<![가-힣(]){re.escape(short)}"


def _boilerplate(entry: str) -> str:
    """Return the pattern of an entry: ~ is any text of a sentence, a blank is optional."""
    return _ANY_WORDS.join(r"\s*".join(map(re.escape, part.split())) for part in entry.split(_ANYTHING))
