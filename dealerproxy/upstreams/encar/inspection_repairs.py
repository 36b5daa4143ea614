"""The foot of an inspection sheet (`etcs`): needed repairs, wheel by wheel, and equipment on board.

Sheets of 2026 have the lines but no answers, so the form of an answer is inferred: `exists` is true or false, and
`statusTypes` has the ticked places or things.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from dealerproxy.contract.inspection import NeededRepair
from dealerproxy.upstreams.caps import MOST_ROWS
from dealerproxy.upstreams.values import Coded, coded, tick, token
from dealerproxy.vocabulary import Vocabulary

EQUIPMENT_LINE = "e008"


class Foot(NamedTuple):
    """Needed repairs and equipment on board; each None if the sheet has no answer."""

    needed_repairs: tuple[NeededRepair, ...] | None
    equipment: tuple[str, ...] | None


def read_foot(etcs: object, vocabulary: Vocabulary) -> Foot:
    """Read `etcs`; an unreadable part counts as unanswered."""
    repairs: list[NeededRepair] | None = None
    equipment: tuple[str, ...] | None = None
    for line, answered, ticked in _lines(etcs):
        if line.code == EQUIPMENT_LINE:
            equipment = tuple(dict.fromkeys(token("equipment", thing, vocabulary) for thing in ticked))
            continue
        repairs = repairs or []
        if answered is not False or ticked:
            places = tuple(dict.fromkeys(token("repair_places", place, vocabulary) for place in ticked))
            repairs.append(NeededRepair(token("repair_parts", line, vocabulary), places))
    return Foot(None if repairs is None else tuple(repairs), equipment)


def _lines(etcs: object) -> Iterator[tuple[Coded, bool | None, list[Coded]]]:
    """Yield each line that has an answer: its type, `exists`, and its ticks."""
    for group in _entries(etcs):
        for line in _entries(group.get("children")):
            answered = tick(line.get("exists"))
            ticked = [coded(entry) for entry in _entries(line.get("statusTypes"))]
            if answered is not None or ticked:
                yield coded(line.get("type")), answered, ticked


def _entries(value: object) -> list[Mapping[str, Any]]:
    return [entry for entry in value[:MOST_ROWS] if isinstance(entry, Mapping)] if isinstance(value, list) else []
