"""The foot of an inspection sheet (`etcs`): what needs repair, wheel by wheel, and what is on board.

Sheets of 2026 have the lines and leave all of them open, so how an answer looks is inferred: `exists` is true or false,
and the places or things ticked stand in `statusTypes`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from dealerproxy.contract.inspection import NeededRepair
from dealerproxy.upstreams.caps import MOST_ROWS
from dealerproxy.upstreams.values import Coded, coded, tick, token
from dealerproxy.vocabulary import Vocabulary

EQUIPMENT_LINE = "e008"


class Foot(NamedTuple):
    """What needs repair and what is on board; each None where the sheet leaves it open."""

    needed_repairs: tuple[NeededRepair, ...] | None
    equipment: tuple[str, ...] | None


def read_foot(etcs: object, vocabulary: Vocabulary) -> Foot:
    """Read `etcs`; what cannot be read counts as left open."""
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
    """Yield each line that has an answer: its type, `exists`, and what is ticked on it."""
    for group in _entries(etcs):
        for line in _entries(group.get("children")):
            answered = tick(line.get("exists"))
            ticked = [coded(entry) for entry in _entries(line.get("statusTypes"))]
            if answered is not None or ticked:
                yield coded(line.get("type")), answered, ticked


def _entries(value: object) -> list[Mapping[str, Any]]:
    return [entry for entry in value[:MOST_ROWS] if isinstance(entry, Mapping)] if isinstance(value, list) else []
