"""Korean and English text as look-ups compare it, and trim texts: runs of Hangul taken apart, gaps tidied away."""

import re
import unicodedata
from collections.abc import Mapping

RUN_LENGTH = 40  # Hangul without a blank beyond this is no trim, and not worth taking apart

# Words of one syllable that do form compounds (뉴그랜저, 파워팩, 슈퍼밴, 6단자동). The others (더, 디, 올, 필, 팝 ...)
# are as often a syllable of a longer word nobody has entered: they count alone, or in a compound with its own line.
COMPOUNDING = frozenset("뉴밴벤팩펄휠톤단열윙쿱칸")

# Syllables, the letters they are made of and two tone marks; all but syllables only come from odd input.
HANGUL = re.compile(r"[\uac00-\ud7a3\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\ud7b0-\ud7ff\u302e\u302f]+")
GAP = "\0"  # stands where a word was left out, until the text is tidied
_JOINERS = r"[/+&,·-]"
_TIDY: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), with_)
    for pattern, with_ in (
        (rf"{GAP}[\s{GAP}]*", f"{GAP} "),  # neighbouring gaps are one
        (rf"({_JOINERS}\s*){GAP}\s*{_JOINERS}", r"\1"),  # of two joiners around a gap one stays
        (rf"\s*{_JOINERS}?\s*{GAP}", " "),  # a joiner before a gap goes with it
        (r"\(\s+", "("),
        (r"\s+\)", ")"),
        (rf"(^|\()(\s*{_JOINERS})+\s*", r"\1"),  # nothing before it to join
        (r"\(\)|\[\s*\]", " "),
        (r"(?<=[^\s(])\(", " ("),
        (r"\s+", " "),
    )
)


def squeeze(text: str) -> tuple[str, frozenset[int]]:
    """Return the text as look-ups compare it, and the places in it where a blank or hyphen was left out.

    Case, accents, width and the two ways to write Hangul in Unicode make no difference.
    """
    marks_apart = unicodedata.normalize("NFKD", text)
    plain = unicodedata.normalize("NFC", "".join(c for c in marks_apart if unicodedata.category(c) != "Mn")).casefold()
    kept: list[str] = []
    breaks: set[int] = set()
    for char in plain:
        if char.isspace() or unicodedata.category(char) in {"Pd", "Cf"}:  # dashes, and characters nobody sees
            breaks.add(len(kept))
        else:
            kept.append(char)
    return "".join(kept), frozenset(breaks)


def word_key(text: str) -> str:
    """Return the text as the key of a look-up: words with the same key are one word."""
    return squeeze(text)[0]


def find_word(term: str, text: str, breaks: frozenset[int]) -> int | None:
    """Return where `term` stands as a word of its own in a squeezed text."""
    at = text.find(term)
    while at >= 0:
        if _is_edge(text, at, breaks) and _is_edge(text, at + len(term), breaks):
            return at
        at = text.find(term, at + 1)
    return None


def _is_edge(text: str, at: int, breaks: frozenset[int]) -> bool:
    """Tell whether a word may begin or end here: not between two Latin letters, nor between two digits.

    Hangul runs on without blanks (뉴SM5), and a letter may meet a digit: an ES300h is an ES, a K50 no K5.
    """
    if at in {0, len(text)} or at in breaks:
        return True
    before, after = text[at - 1], text[at]
    both = before + after
    return not (both.isascii() and (both.isalpha() or both.isdigit()))


def tidy(text: str) -> str:
    """Return the text without its gaps, the joiners and brackets they leave empty, and needless blanks."""
    for pattern, replacement in _TIDY:
        text = pattern.sub(replacement, text)
    return text.strip()


def split_run(run: str, words: Mapping[str, str]) -> list[str] | None:
    """Return the known words that make up the whole run, longer ones preferred from the left, or None.

    Of the words of one syllable only the COMPOUNDING ones can be a part of it.
    """
    if run in words:
        return [run]
    if len(run) > RUN_LENGTH:
        return None
    rests: list[list[str] | None] = [None] * len(run) + [[]]  # rests[i] makes up run[i:]
    for start in range(len(run) - 1, -1, -1):
        for end in range(len(run), start, -1):
            rest = rests[end]
            word = run[start:end]
            if rest is not None and word in words and (len(word) > 1 or word in COMPOUNDING):
                rests[start] = [word, *rest]
                break
    return rests[0]
