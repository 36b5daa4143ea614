"""Encar's diagnosis (`/v1/readside/diagnosis/vehicle/{vehicleId}`): its own check of eight or more outer panels.

Two of the items are comments: Korean free text that names firms and telephone numbers. They are dropped, and counted.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from dealerproxy.contract.inspection import Diagnosis, DiagnosisPanel
from dealerproxy.upstreams.caps import MOST_ROWS
from dealerproxy.upstreams.values import code, decode, iso_date
from dealerproxy.vocabulary import Vocabulary

NAME, RESULT, RESULT_CODE = "name", "result", "resultCode"
COMMENTS = frozenset({"CHECKER_COMMENT", "OUTER_PANEL_COMMENT"})


class _Document(Struct, frozen=True):
    items: list[Any]
    diagnosisDate: Any = None
    realDiagnosisDate: Any = None


def read_diagnosis(body: bytes, vocabulary: Vocabulary) -> Diagnosis:
    """Read a diagnosis; raises Drift if it has no list `items`.

    An unknown panel keeps its name (`sun-roof`), an unknown result its code in lower case, or is `unknown`
    without one; all are counted. An item without a name is only counted.
    """
    document = decode(body, _Document)
    panels = (_panel(item, vocabulary) for item in document.items[:MOST_ROWS])
    return Diagnosis(
        diagnosed_on=iso_date(document.realDiagnosisDate) or iso_date(document.diagnosisDate),
        panels=tuple(panel for panel in panels if panel is not None),
    )


def _panel(item: object, vocabulary: Vocabulary) -> DiagnosisPanel | None:
    entry = item if isinstance(item, Mapping) else {}
    name = code(entry.get(NAME))
    if name is None:
        vocabulary.missed("diagnosis", "unreadable item")
        return None
    if name in COMMENTS:
        vocabulary.missed("diagnosis_comment", name)
        return None
    known = vocabulary.sheet.diagnosis_panels.get(name)
    if known is None:
        vocabulary.missed("diagnosis", name)
    return DiagnosisPanel(
        panel_id=known.id if known else name.lower().replace("_", "-"),
        label=known.name if known else name.replace("_", " ").title(),
        result=_result(entry, vocabulary),
    )


def _result(entry: Mapping[str, Any], vocabulary: Vocabulary) -> str:
    """Return the result: by its code, else by its Korean word."""
    words = vocabulary.sheet.tokens["diagnosis_results"]
    found = code(entry.get(RESULT_CODE))
    for word in (found, entry.get(RESULT)):
        if isinstance(word, str) and word in words:
            return words[word]
    vocabulary.missed("diagnosis_results", found or "unreadable result")
    return found.lower() if found else "unknown"
