"""Danger words (total loss, flood, accident ...) in texts about a car, unless the text denies them.

Nothing is translated, so this works inside any sentence: 전손이력 있음 names a total loss; 전손이력 없음, 무사고 and
침수 시 환불 (refund if flooded) name none. If a sentence is doubtful, the danger counts.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator

from msgspec import Struct

from dealerproxy.vocabulary.files import English, File, Word
from dealerproxy.vocabulary.sheet import Severity, Token

LONGEST = 10_000  # the most characters of a text that are searched; sellers write some hundred

# The end of a sentence; the point in 2.0 is none. In a numbered list, every number starts a sentence.
SENTENCE_END = re.compile(
    r"(?:(?<=\s)|^)\d{1,2}[.)](?!\d)|[\n\r!?;<>|•■□●★☆◆◇※▶►✔✅♥~]+|\.(?!\d)|(?<!\d)\.|[\u2460-\u2473]", re.MULTILINE
)
_FILLING = r"[ :=()\[\]'\"_*-]"
_LIST_JOINER = "[,/、]"
_MOST_FILLERS, _LONGEST_LIST = 6, 8
_HANGUL = "가-힣"


class Danger(Struct, frozen=True, forbid_unknown_fields=True):
    """dangers.toml: a danger, its name in an issue, and its words."""

    english: English
    category: English
    severity: Severity
    words: tuple[Word, ...]
    harmless: tuple[Word, ...] = ()
    not_after: tuple[Word, ...] = ()


class _Negation(Struct, frozen=True, forbid_unknown_fields=True, rename={"joins": "and"}):
    """dangers.toml: the words around a danger word that deny it."""

    before: tuple[Word, ...]
    after: tuple[Word, ...]
    is_not: tuple[Word, ...]
    fillers: tuple[Word, ...]
    closing: tuple[Word, ...]
    joins: tuple[Word, ...]
    peers: tuple[Word, ...]
    scopes: tuple[Word, ...]
    ends: tuple[Word, ...]


class Dangers:
    """Finds the dangers of dangers.toml in texts. `by_token` has all of them, in the file's order."""

    def __init__(self, file: File) -> None:
        """Read the file. Raises VocabularyError for a wrong entry and for a repeated word."""
        file_dangers = file.entries("dangers", Danger)
        for token in file_dangers:
            file.convert(token, Token, "dangers", token)
        self.by_token = file_dangers
        words = file.value("negation", _Negation)
        self._tokens = _tokens(file, file_dangers)
        item = _any(_flexible(word) for word in (*self._tokens, *words.peers))
        filler = f"(?:{_any(map(_flexible, words.fillers))}|{_FILLING})"
        closer = f"(?:{_any(map(_flexible, (*words.closing, *words.fillers)))}|{_FILLING})"
        fillers, closers = f"{filler}{{0,{_MOST_FILLERS}}}", f"{closer}{{0,{_MOST_FILLERS}}}"
        joins, is_not = _any(map(_flexible, words.joins)), _any(map(_flexible, words.is_not))
        denial = rf"(?:{_any(map(_flexible, words.after))}|(?<! )[무無](?={item}[무無])|[1-9]?0 ?%)"
        more = f"{{0,{_LONGEST_LIST}}}"
        self._words = re.compile("|".join(_alternatives(file_dangers, fillers)))
        self._item = re.compile("|".join(_longest_first(map(_flexible, (*self._tokens, *words.peers)))))
        # Words after a part's name are one list only with "and"; else the first word is the part's own state.
        self._denied = re.compile(f"{item}{fillers}(?:(?:{joins}) ?{item}{fillers}){more}{closers}{denial}")
        listed = f"(?:{_LIST_JOINER}|{joins})? ?{item}"
        self._denied_list = re.compile(
            f"{item}{fillers}(?:{listed}{fillers}){more}{closers}{denial}|{item}{closers}(?:{listed}{closers}){more}{is_not}"
        )
        self._starts = re.compile(
            rf"(?:^|[,/、·+&(\[]|{_any(map(_flexible, words.ends))}|(?:{_any(map(_flexible, words.scopes))})[ :]*) ?$"
        )
        word_begins = f"(?<![{_HANGUL}a-z])"
        before = [f"{word_begins if word != word.lstrip() else ''}{_flexible(word)}" for word in words.before]
        self._denied_before = re.compile(f"(?:{_any(before)}|{word_begins}{_any(map(_flexible, words.before))} )$")
        self._denied_after_all = re.compile(f"{closers}{is_not}")

    def find(self, text: str) -> tuple[str, ...]:
        """Return the tokens of the dangers that a text (or a long text's start) names, in the file's order."""
        found: set[str] = set()
        for sentence in SENTENCE_END.split(text[:LONGEST]):
            plain = plain_sentence(sentence)
            hits = [(match, self._token(match[0])) for match in self._words.finditer(plain)]
            if not any(token and token not in found for _, token in hits):
                continue
            denied = bytearray(len(plain))
            for start, end in self.denied(plain):
                denied[start:end] = b"\1" * (end - start)
            found.update(
                token
                for match, token in hits
                if token and not self._is_denied(plain, match.start(), match.end(), denied)
            )
        return tuple(token for token in self.by_token if token in found)

    def denied(self, plain: str) -> Iterator[tuple[int, int]]:
        """Yield the spans of a plain sentence that deny a danger word, or a list of them (침수, 전손 없음)."""
        end = 0
        for match in self._item.finditer(plain):
            if match.start() < end:
                continue
            is_start = self._starts.search(plain, max(0, match.start() - 20), match.start())
            pattern = self._denied_list if is_start else self._denied
            span = pattern.match(plain, match.start())
            if span is not None:
                end = span.end()
                yield span.span()

    def _is_denied(self, plain: str, start: int, end: int, denied: bytearray) -> bool:
        """Whether the word at a position is denied; `denied` marks the positions of denials."""
        before = self._denied_before.search(plain, max(0, start - 4), start)
        if before and not denied[before.start()]:
            return self._denied_after_all.match(plain, end) is None
        return bool(denied[start])

    def _token(self, word: str) -> str | None:
        return self._tokens.get(word) or self._tokens.get(word.replace(" ", ""))


def plain_sentence(text: str) -> str:
    """Return a sentence in the form for look-ups: narrow letters, lower case, single blanks."""
    return narrow(text).casefold()


def narrow(text: str) -> str:
    """Return a text with narrow letters and single blanks, without invisible characters."""
    plain = unicodedata.normalize("NFKC", text)
    return " ".join("".join(char for char in plain if unicodedata.category(char) != "Cf").split())


def _tokens(file: File, dangers: dict[str, Danger]) -> dict[str, str]:
    """Return the token of every word, with and without its blanks."""
    tokens: dict[str, str] = {}
    for token, danger in dangers.items():
        for word in danger.words:
            key = plain_sentence(word)
            if tokens.get(key, token) != token:
                raise file.error(f"{word!r} already means {tokens[key]}", "dangers", token)
            tokens[key] = tokens[key.replace(" ", "")] = token
    return tokens


def _alternatives(dangers: dict[str, Danger], fillers: str) -> list[str]:
    """Return the patterns of all danger words, after those of harmless words, which have no token.

    Each starts with a character of its own, so that `re` skips other text fast.
    """
    harmless = [_flexible(word) for danger in dangers.values() for word in danger.harmless]
    spared = [
        f"{_flexible(before)}(?:{fillers}|\\d{{1,2}}(?:개|짝|본|회)?)*?(?:{_any(map(_flexible, danger.words))})"
        for danger in dangers.values()
        for before in danger.not_after
    ]
    words = [_word(word) for danger in dangers.values() for word in danger.words]
    return [*_longest_first(harmless), *_longest_first(spared), *_longest_first(words)]


def _flexible(word: str) -> str:
    """Return the pattern of an entry: its blanks are optional; a blank at its end means the end of a word."""
    plain = unicodedata.normalize("NFKC", word).casefold()
    parts = plain.split()
    pattern = " ?".join(map(re.escape, parts))
    if plain.endswith(" "):
        pattern += r"(?![a-z0-9.])" if plain.isascii() else f"(?![{_HANGUL}])"
    return pattern


def _word(word: str) -> str:
    """Return the pattern of a danger word. A one-syllable first word (전 손) must start a word (not 완전 손상)."""
    first, _, rest = plain_sentence(word).partition(" ")
    return f"{first}(?<![{_HANGUL}]{first}) {_flexible(rest)}" if rest and len(first) == 1 else _flexible(word)


def _any(patterns: Iterable[str]) -> str:
    return f"(?:{'|'.join(_longest_first(patterns))})"


def _longest_first(patterns: Iterable[str]) -> list[str]:
    return sorted(dict.fromkeys(patterns), key=len, reverse=True)
