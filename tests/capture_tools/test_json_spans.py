"""Values are found in any text, sound JSON or not, under the keys they stand under."""

import json
import re
from itertools import pairwise
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy.captures.scrub.json_spans import spans

TEXT = st.text(max_size=12)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


def leaves(value: Any, parent: str = "", key: str = "") -> list[tuple[str, str, Any]]:
    if isinstance(value, dict):
        return [leaf for name, inner in value.items() for leaf in leaves(inner, key, name)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in leaves(inner, key if isinstance(inner, list) else parent, key)]
    return [(parent, key, value)]


@given(DOCUMENTS, st.sampled_from([None, 2]), st.booleans())
def test_every_value_of_a_document_is_found_where_it_stands(
    document: Any, indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only)
    found = [span for span in spans(text) if not span.is_key]
    assert [json.loads(span.raw) for span in found] == [value for _, _, value in leaves(document)]
    assert all(text[span.start : span.end] == span.raw for span in found)


def test_a_value_knows_its_key_and_the_key_above() -> None:
    text = '{"a": 1, "b": {"c": "x", "d": [2, {"e": 3}, 4]}, "f": [[5]]}'
    found = {span.raw: (span.parent, span.key) for span in spans(text) if not span.is_key}
    assert found == {
        "1": ("", "a"),
        '"x"': ("b", "c"),
        "2": ("b", "d"),
        "3": ("d", "e"),
        "4": ("b", "d"),
        "5": ("f", "f"),
    }


@given(st.text(alphabet='{}[]:,"\\ \nab1가', max_size=40) | st.text(max_size=40))
def test_no_text_fails_and_nothing_but_marks_and_gaps_is_left_out(text: str) -> None:
    found = list(spans(text))
    assert all(before.end <= after.start for before, after in pairwise(found))
    rest = text
    for span in reversed(found):
        rest = rest[: span.start] + rest[span.end :]
    assert re.fullmatch(r"[{}\[\]:,\s]*", rest)


@given(DOCUMENTS, st.integers(0, 200))
def test_what_a_cut_leaves_of_a_document_keeps_its_keys(document: Any, at: int) -> None:
    text = json.dumps({"wrapped": document}, ensure_ascii=False)
    whole = {(span.start, span.key) for span in spans(text) if not span.is_key}
    # Of the last string nobody can tell whether it was to be a key.
    assert {(span.start, span.key) for span in list(spans(text[:at]))[:-2] if not span.is_key} <= whole


def test_a_string_says_what_json_makes_of_it() -> None:
    (span,) = spans(orjson.dumps('가"\n').decode())
    assert span.text == '가"\n'
    (broken,) = spans('"cut \\u00')
    assert broken.text == "cut \\u00"
