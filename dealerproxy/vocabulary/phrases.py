"""Trim texts in English: each word by its line in words.toml, and by its neighbours or make if the line has cases.

A word is a run of Hangul, a known part of such a run, or a run of ASCII letters, digits and points.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from msgspec import Struct

from dealerproxy.vocabulary.files import English, File, Word
from dealerproxy.vocabulary.terms import Make
from dealerproxy.vocabulary.text import GAP, HANGUL, UNTRANSLATED, one_line, split_run, tidy

_WORD = re.compile(rf"{UNTRANSLATED.pattern}|[0-9A-Za-z.]+")
# The start of a word's English if it is joined to the word before it: `-seater` keeps its sign, `+MATIC` does not.
_JOINED = ("-", "+")


class Case(Struct, frozen=True, forbid_unknown_fields=True):
    """words.toml: the meaning of a word after or before certain words, or in certain makes' trims; "" is nothing."""

    english: str
    after: tuple[Word, ...] = ()
    before: tuple[Word, ...] = ()
    make: tuple[Word, ...] = ()

    @property
    def conditional(self) -> bool:
        """Whether it applies only beside certain words or in certain makes."""
        return bool(self.after or self.before or self.make)


class Translated(NamedTuple):
    """A text in printable ASCII, None if nothing is left of it, and the words that were left out."""

    english: str | None
    left_out: tuple[str, ...]


class _Run(NamedTuple):
    """The position of a run and its words: the known words of which it consists, else the run as one word."""

    start: int
    end: int
    words: tuple[str, ...]
    known: bool


class Phrases:
    """Translates trim texts by words.toml."""

    def __init__(self, file: File, makes: Mapping[str, Make]) -> None:
        """Read words.toml; `makes` by any word for them. Raises VocabularyError at the first error."""
        conversions = _cases(file, "conversions", makes)
        self._words = _cases(file, "words", makes)
        for word in conversions.keys() & self._words.keys():
            raise file.error("is under [words] too", "conversions", word)
        self._words |= conversions
        self._conversions = sorted(conversions, key=len, reverse=True)
        self._nothing = file.value("placeholders", tuple[str, ...])

    def last_word(self, text: str) -> str:
        """Return the last word of a text in the form that conditions compare; "" if it has none."""
        runs = self._runs(one_line(text))
        return runs[-1].words[-1].casefold() if runs else ""

    def translate(self, text: str, make: str | None = None, after: str = "") -> Translated:
        """Translate a text of a `make`, by its English name; `after` is the word before the text."""
        plain = one_line(text)
        for nothing in self._nothing:
            plain = plain.replace(nothing, " ")
        runs = self._runs(plain)
        words = [after, *(word.casefold() for run in runs for word in run.words), ""]
        english, done, place = "", 0, 1
        left_out: list[str] = []
        for run in runs:
            english += plain[done : run.start]
            done = run.end
            meanings = [
                self._meaning(word, words[at - 1], words[at + 1], make) if run.known else None
                for at, word in enumerate(run.words, place)
            ]
            place += len(run.words)
            source = plain[run.start : run.end]
            if not UNTRANSLATED.match(source):
                english += source
                continue
            if None in meanings:
                left_out.append(source)
                meanings = [self._conversion_in(source, words[place], make) or GAP]
            english = _append(english, [meaning for meaning in meanings if meaning])
            if plain[done : done + 1].isalnum():
                english += " "
        return Translated(tidy(english + plain[done:]) or None, tuple(left_out))

    def _runs(self, plain: str) -> list[_Run]:
        return list(self._find_runs(plain))

    def _find_runs(self, plain: str) -> Iterator[_Run]:
        for match in _WORD.finditer(plain):
            parts = split_run(match[0], self._words) if HANGUL.match(match[0]) else None
            yield _Run(match.start(), match.end(), tuple(parts or [match[0]]), parts is not None)

    def _meaning(self, word: str, previous: str, following: str, make: str | None) -> str | None:
        """Return the English of a word in its context: the first case that applies; None if none does."""
        for case in self._words[word]:
            if (
                (not case.after or previous in case.after)
                and (not case.before or following in case.before)
                and (not case.make or make in case.make)
            ):
                return case.english
        return None

    def _conversion_in(self, run: str, following: str, make: str | None) -> str | None:
        """Return the conversion at the end or start of an unknown run, because conversions must be shown."""
        ends = [word for word in self._conversions if run.endswith(word) or run.startswith(word)]
        word = next(iter(sorted(ends, key=lambda word: not run.endswith(word))), None)
        return None if word is None else self._meaning(word, "", following, make)


def _append(text: str, meanings: list[str]) -> str:
    """Append the English of a run to a text, after a blank unless it is joined to the word before it."""
    for place, meaning in enumerate(meanings):
        if meaning.startswith(_JOINED):
            bare = text.rstrip()
            text = (bare if bare[-1:].isdigit() else text) + meaning.removeprefix("+")  # 7 인승 is 7-seater too
        else:
            text += f" {meaning}" if place or text[-1:].isalnum() else meaning
    return text


def _cases(file: File, table: str, makes: Mapping[str, Make]) -> dict[str, tuple[Case, ...]]:
    """Return the cases of every word of a table, with conditions in the form for comparison."""
    names = {make.name for make in makes.values()}
    found: dict[str, tuple[Case, ...]] = {}
    entries = file.value(table, dict[str, Any])
    for word, entry in entries.items():
        if not HANGUL.fullmatch(word):
            raise file.error("a word is Hangul without blanks or anything else", table, word)
        if isinstance(entry, list):
            cases = file.convert(entry, tuple[Case, ...], table, word)
        else:
            cases = (Case(file.convert(entry, English, table, word)),)
        found[word] = tuple(_checked(file, cases, names, table, word))
    return found


def _checked(file: File, cases: tuple[Case, ...], makes: set[str], table: str, word: str) -> Iterator[Case]:
    if not cases:
        raise file.error("has no case", table, word)
    for case in cases:
        if case.english:
            file.convert(case.english, English, table, word)
        if not case.conditional and case is not cases[-1]:
            raise file.error("the case without a condition comes last", table, word)
        for neighbour in (*case.after, *case.before):
            if not _WORD.fullmatch(neighbour):
                raise file.error(f"{neighbour!r} is not one word", table, word)
        for make in case.make:
            if make not in makes:
                raise file.error(f"{make!r} is no make of makes.toml", table, word)
        yield Case(
            case.english,
            tuple(neighbour.casefold() for neighbour in case.after),
            tuple(neighbour.casefold() for neighbour in case.before),
            case.make,
        )
