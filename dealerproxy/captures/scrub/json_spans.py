"""The values of a JSON text with their positions, found by a tokenizer that accepts broken JSON.

A page that caused an error is often broken JSON: cut short, with an extra comma, or after a notice. So the tokenizer
finds only marks and strings, and never fails: every character of the text that is neither a mark nor a gap belongs to
exactly one span.
"""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

# A string may lack its end where the text was cut; any other text is a bare word.
_TOKEN = re.compile(r'(?P<string>"[^"\\]*(?:\\.[^"\\]*)*"?)|(?P<mark>[{}\[\]:,])|(?P<bare>[^\s"{}\[\]:,]+)', re.DOTALL)
_DECODER = json.JSONDecoder(strict=False)
_COLON = re.compile(r"\s*:")


class Span(NamedTuple):
    """A value with its key and the key above that; `raw` is text[start:end], quotes included.

    Elements of a list have the list's `key`. `is_key`: the span is itself a key.
    """

    parent: str
    key: str
    start: int
    end: int
    raw: str
    is_key: bool = False

    @property
    def is_string(self) -> bool:
        """Whether it is quoted."""
        return self.raw.startswith('"')

    @property
    def text(self) -> str:
        """The value as text: a string without quotes and escapes."""
        return _said(self.raw) if self.is_string else self.raw


def spans(text: str) -> Iterator[Span]:
    """Yield every key and every value of a text in order; numbers, true, false and null are values, too."""
    above: list[str] = []  # the names of the containers around
    key: str | None = None
    for token in _TOKEN.finditer(text):
        raw = token[0]
        if token["mark"]:
            if raw in "{[":
                above.append(key if key is not None else above[-1] if above else "")
            elif raw in "}]" and above:
                above.pop()
            if raw != ":":
                key = None
        elif token["string"] and _COLON.match(text, token.end()):
            key = _said(raw)
            yield Span(_last(above, 1), key, token.start(), token.end(), raw, is_key=True)
        else:
            parent, name = (_last(above, 2), _last(above, 1)) if key is None else (_last(above, 1), key)
            yield Span(parent, name, token.start(), token.end(), raw)


def _last(names: list[str], place: int) -> str:
    return names[-place] if len(names) >= place else ""


def _said(raw: str) -> str:
    """Return the text of a string; of an invalid one the raw text between its quotes."""
    if "\\" in raw:
        try:
            said: str = _DECODER.decode(raw)
        except json.JSONDecodeError:
            pass
        else:
            return said
    return raw[1:].removesuffix('"')
