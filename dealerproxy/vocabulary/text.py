"""Text functions: the form in which look-ups compare words, and the splitting and tidying of trim texts.

Characters that are neither Hangul nor ASCII (Hanja, kana ...) have no translation: they become ASCII if no meaning is
lost; else they are left out in runs, like unknown Hangul.
"""

import re
import unicodedata
from collections.abc import Collection, Container, Iterable
from difflib import SequenceMatcher, get_close_matches
from functools import lru_cache

LONGEST_NAME = 40  # characters of a make's or a model's name
RESEMBLANCE = 0.66  # of 1; two letters of three in their order (BWM and BMW) are enough
NEAR = 0.9  # of 1; one letter of ten is wrong
RUN_LENGTH = 40  # longer Hangul without a blank is no trim and is not split

# Words of one syllable that form compounds (뉴그랜저, 파워팩, 슈퍼밴, 6단자동). The others (더, 디, 올, 필, 팝 ...)
# are as often a syllable of a longer, unknown word: they count only alone, or in a compound with its own line.
COMPOUNDING = frozenset("뉴밴벤팩펄휠톤단열윙쿱칸")

# Syllables, their letters and two tone marks; all but syllables occur only in malformed input.
_HANGUL = r"\uac00-\ud7a3\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\ud7b0-\ud7ff\u302e\u302f"
HANGUL = re.compile(f"[{_HANGUL}]+")
UNTRANSLATED = re.compile(rf"[{_HANGUL}]+|[^{_HANGUL}\x00-\x7f]+")  # a run of Hangul, or of other foreign letters
# Signs with the same meaning in ASCII; dashes and accented letters need no line.
_SIGNS = {"·": "/", "‧": "/", "・": "/", "•": "/", "\u2044": "/", "\u00d7": "x", "\u2212": "-"}
_SIGNS |= dict.fromkeys("\u2018\u2019\u2032", "'") | dict.fromkeys("\u201c\u201d\u2033", '"')
GAP = "\0"  # marks a word that was left out, until the text is tidied
_JOINERS = r"[/+&,-]"
_TIDY: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), with_)
    for pattern, with_ in (
        (r"\s+", " "),  # first, so that no other pattern scans long runs of blanks
        (rf"{GAP}[\s{GAP}]*", f"{GAP} "),  # neighbouring gaps are one
        (rf"({_JOINERS}\s*){GAP}\s*{_JOINERS}", r"\1"),  # of two joiners around a gap, one is kept
        (rf"\s*{_JOINERS}?\s*{GAP}", " "),  # a joiner before a gap is removed with it
        (r"\(\s+", "("),
        (r"\s+\)", ")"),
        (rf"(^|\()(\s*{_JOINERS})+\s*", r"\1"),  # nothing before it to join
        (r"\(\)|\[\s*\]", " "),
        (r"(?<=[^\s(])\(", " ("),
        (r"\)(?=\w)", ") "),
        (r"\s+", " "),
    )
)


@lru_cache(maxsize=4_096)
def squeeze(text: str) -> tuple[str, frozenset[int]]:
    """Return the text in the form for look-ups, and the positions of removed blanks and hyphens.

    Case, accents, width and the two ways to write Hangul in Unicode make no difference.
    """
    marks_apart = unicodedata.normalize("NFKD", text)
    plain = unicodedata.normalize("NFC", "".join(c for c in marks_apart if unicodedata.category(c) != "Mn")).casefold()
    kept: list[str] = []
    breaks: set[int] = set()
    for char in plain:
        if char.isspace() or unicodedata.category(char) in {"Pd", "Cf"}:  # dashes and invisible characters
            breaks.add(len(kept))
        else:
            kept.append(char)
    return "".join(kept), frozenset(breaks)


def word_key(text: str) -> str:
    """Return the text as the key of a look-up: words with the same key are one word."""
    return squeeze(text)[0]


def find_word(term: str, text: str, breaks: frozenset[int]) -> int | None:
    """Return the position of `term` as a separate word in a squeezed text."""
    at = text.find(term)
    while at >= 0:
        end = at + len(term)
        if _is_edge(text, at, breaks) and _is_edge(text, end, breaks) and not _is_borrowed(text, at, end, breaks):
            return at
        at = text.find(term, at + 1)
    return None


def longest_word(terms: Iterable[str], text: str, breaks: frozenset[int]) -> tuple[str, int] | None:
    """Return the longest of the terms that is a separate word in a squeezed text, and where it ends.

    Among equally long terms, it is the first in the text.
    """
    best: tuple[int, int] = (0, 0)
    found: str | None = None
    for term in terms:
        place = find_word(term, text, breaks)
        if place is not None and (len(term), -place) > best:
            best, found = (len(term), -place), term
    return None if found is None else (found, best[0] - best[1])


def nearest_word(text: str, words: Collection[str]) -> str | None:
    """Return the key of the word that an unknown text most likely means; None without one, or for a long text.

    That is the word with nearly its spelling, else the longest word in it (Wrangler Unlimited: Wrangler), else the word
    with the most similar spelling.
    """
    key, breaks = squeeze(text) if len(text) <= LONGEST_NAME else ("", frozenset[int]())
    if not key:
        return None
    close = next(iter(get_close_matches(key, words, n=1, cutoff=RESEMBLANCE)), None)
    if close and SequenceMatcher(None, close, key).ratio() >= NEAR:
        return close
    found = longest_word(words, key, breaks)
    return found[0] if found else close


def _is_edge(text: str, at: int, breaks: frozenset[int]) -> bool:
    """Whether a word may start or end here: not between two Latin letters, nor between two digits.

    Hangul continues without blanks (뉴SM5), and a letter may follow a digit: an ES300h is an ES, a K50 is not a K5.
    """
    if at in {0, len(text)} or at in breaks:
        return True
    before, after = text[at - 1], text[at]
    both = before + after
    return not (both.isascii() and (both.isalpha() or both.isdigit()))


def _is_borrowed(text: str, at: int, end: int, breaks: frozenset[int]) -> bool:
    """Whether a term would join parts of separate words.

    A term across a blank consists of whole words: an "X5 M50i" is an X5, not an X5M; "렌터카 스타일" lacks 카스타.
    """
    if not any(at < place < end for place in breaks):
        return False
    begins = at == 0 or at in breaks or not text[at - 1].isalnum()
    ends = end == len(text) or end in breaks or not text[end].isalnum()
    return not (begins and ends)


def one_line(text: str) -> str:
    """Return a trim text on one line, with only printable ASCII, Hangul, and letters of other scripts.

    Wide characters, accents, dashes and quotes become ASCII; decorations and control characters become blanks.
    """
    return " ".join("".join(map(_simplest, unicodedata.normalize("NFKC", text))).split())


def _simplest(char: str) -> str:
    if char.isascii():
        return char if char.isprintable() else " "
    if HANGUL.match(char):
        return char
    category = unicodedata.category(char)
    if category in {"Mn", "Me", "Cf"}:  # combining accents and invisible characters
        return ""
    if category[0] in "LNM":
        without_accents = unicodedata.normalize("NFD", char)[0]
        return without_accents if without_accents.isascii() else char
    return "-" if category == "Pd" else _SIGNS.get(char, " ")


def tidy(text: str) -> str:
    """Return the text without gaps, without joiners and brackets that they leave empty, and without extra blanks."""
    for pattern, replacement in _TIDY:
        text = pattern.sub(replacement, text)
    return text.strip()


def split_run(run: str, words: Container[str]) -> list[str] | None:
    """Return the known words of which the whole run consists, longer ones first from the left; else None.

    Of the words of one syllable, only the COMPOUNDING ones can be a part of it.
    """
    if run in words:
        return [run]
    if len(run) > RUN_LENGTH:
        return None
    rests: list[list[str] | None] = [None] * len(run) + [[]]  # rests[i] are the words of run[i:]
    for start in range(len(run) - 1, -1, -1):
        for end in range(len(run), start, -1):
            rest = rests[end]
            word = run[start:end]
            if rest is not None and word in words and (len(word) > 1 or word in COMPOUNDING):
                rests[start] = [word, *rest]
                break
    return rests[0]
