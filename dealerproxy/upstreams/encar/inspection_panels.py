"""The damaged panels of an inspection sheet (`outers`): no entry is ever dropped.

An entry is `{type: {code, title}, statusTypes: [{code, title}, ...], attributes: [rank]}`. A panel can carry several
statuses (X and WC). Only an empty `statusTypes` means that a panel is undamaged; an unreadable entry is kept as
unknown, because a lost entry would be hidden damage.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from dealerproxy.contract.inspection import Panel, PanelType, Severity
from dealerproxy.upstreams.caps import MOST_ROWS
from dealerproxy.upstreams.values import code, coded
from dealerproxy.vocabulary import SEVERITIES, Vocabulary

TYPE, STATUSES, RANKS = "type", "statusTypes", "attributes"
UNKNOWN = "unknown"
MAJOR: Severity = "major"


class _Outer(NamedTuple):
    """A listed panel: its code, ranks and status codes; None is an unreadable code."""

    code: str | None
    ranks: tuple[str, ...]
    statuses: tuple[str | None, ...]


class _Damage(NamedTuple):
    token: str
    name: str
    severity: Severity
    place: int  # in the table, worst first


def read_panels(outers: list[Any], vocabulary: Vocabulary) -> tuple[Panel, ...]:
    """Return the damaged panels by code, each once: the sheet's own order is arbitrary and changes."""
    merged: dict[str | int, _Outer] = {}
    for place, value in enumerate(outers[:MOST_ROWS]):
        outer = _outer(value)
        if not outer.statuses:
            continue
        key = outer.code or place
        seen = merged.get(key, _Outer(None, (), ()))
        merged[key] = _Outer(outer.code, seen.ranks + outer.ranks, seen.statuses + outer.statuses)
    ordered = sorted(merged.values(), key=lambda outer: (outer.code is None, outer.code or ""))
    return tuple(_panel(outer, vocabulary) for outer in ordered)


def _outer(value: object) -> _Outer:
    entry = value if isinstance(value, Mapping) else {}
    found = coded(entry.get(TYPE)).code
    statuses = entry.get(STATUSES)
    listed = tuple(coded(status).code for status in statuses) if isinstance(statuses, list) else (None,)
    ranks = entry.get(RANKS)
    return _Outer(
        found.upper() if found else None,
        tuple(filter(None, map(code, ranks))) if isinstance(ranks, list) else (),
        listed,
    )


def _panel(outer: _Outer, vocabulary: Vocabulary) -> Panel:
    word = vocabulary.sheet.panels.get(outer.code or "")
    if word is None:
        vocabulary.missed("panel", outer.code or UNKNOWN)
    kind: PanelType = word.kind if word else _kind(outer.ranks, vocabulary)
    damages = sorted(
        {_damage(status, vocabulary) for status in outer.statuses},
        key=lambda damage: (-SEVERITIES.index(damage.severity), damage.place, damage.token),
    )
    return Panel(
        panel_id=word.id if word else (outer.code or UNKNOWN).lower(),
        panel_type=kind,
        damage_code=damages[0].token,
        damage_codes=tuple(damage.token for damage in damages),
        label=word.name if word else outer.code or "Unknown panel",
        description=", ".join(damage.name for damage in damages),
        severity=damages[0].severity if kind == "exterior" else MAJOR,
    )


def _kind(ranks: tuple[str, ...], vocabulary: Vocabulary) -> PanelType:
    """Return an unknown panel's kind by its ranks; frame if any of them is."""
    kinds = {vocabulary.sheet.ranks.get(rank) for rank in ranks}
    if "frame" in kinds:
        return "frame"
    return "exterior" if "exterior" in kinds else "unknown"


def _damage(status: str | None, vocabulary: Vocabulary) -> _Damage:
    """Return the damage of a status; an unknown status may be the worst, so it is major."""
    damages = vocabulary.sheet.damages
    word = damages.get(status.upper()) if status else None
    if status and word:
        return _Damage(word.token, word.name, word.severity, list(damages).index(status.upper()))
    vocabulary.missed("damage", status or UNKNOWN)
    if status:
        return _Damage(status.lower(), f"Unknown damage ({status.lower()})", MAJOR, len(damages))
    return _Damage(UNKNOWN, "Unknown damage", MAJOR, len(damages))
