"""A sheet's findings as plain English sentences and as a list of issues; only facts from the sheet."""

from collections.abc import Mapping, Sequence

from dealerproxy.contract.inspection import ChecklistItem, Issue, Panel, Severity
from dealerproxy.upstreams.encar.inspection_head import Head
from dealerproxy.vocabulary import Danger

_SERIOUS = {"flood": "Flood damage reported.", "fire": "Fire damage reported."}
_GRAVE = "major"


def accident_summary(has_accident: bool, head: Head, panels: Sequence[Panel], dangers: Mapping[str, Danger]) -> str:
    """Return the sheet's findings on accidents, frame, flood and fire, and the grave dangers of the remarks."""
    sentences = ["Accident reported." if has_accident else "No accident reported."]
    if head.fields["simple_repair"]:
        sentences.append("Simple repairs reported.")
    frame = [panel.label for panel in panels if panel.panel_type == "frame"]
    unknown = [panel.label for panel in panels if panel.panel_type == "unknown"]
    if frame:
        sentences.append(f"Frame damage: {', '.join(frame)}.")
    if unknown:
        sentences.append(f"Damage to parts of unknown kind: {', '.join(unknown)}.")
    if not frame and not unknown:
        sentences.append("No frame damage marked.")
    serious = list(head.serious or ())
    serious = [kind for kind in _SERIOUS if head.fields.get(kind) and kind not in serious] + serious
    sentences += [_SERIOUS.get(kind, "Other special history reported.") for kind in serious]
    grave = [danger.english for token, danger in dangers.items() if danger.severity == _GRAVE and token not in _SERIOUS]
    if grave:
        sentences.append(f"The inspector's remarks mention: {', '.join(grave)}.")
    return " ".join(dict.fromkeys(sentences))


def exterior_summary(panels: Sequence[Panel]) -> str:
    """Return every panel that counts as exterior with its damage, and mark parts of unknown kind."""
    found: dict[str, list[str]] = {}
    for panel in panels:
        if panel.panel_type != "frame":
            note = " (part of unknown kind)" if panel.panel_type == "unknown" else ""
            found.setdefault(panel.description, []).append(panel.label + note)
    if not found:
        return "No exterior damage marked."
    return " ".join(f"{description}: {', '.join(labels)}." for description, labels in found.items())


def issues(
    panels: Sequence[Panel],
    answers: Sequence[tuple[ChecklistItem, Severity | None]],
    dangers: Mapping[str, Danger],
) -> tuple[Issue, ...]:
    """Return one issue for each damaged panel, each bad answer (with a severity), and each danger by token."""
    damaged = [
        Issue(
            category=panel.panel_type,
            status=panel.severity,
            detail=f"{panel.label} — {panel.description.lower()}",
            faults=panel.damage_codes,
            type="panel_damage",
        )
        for panel in panels
    ]
    bad = [
        Issue(
            category=item.group,
            status=severity,
            detail=f"{item.label} — {item.result_label.lower()}",
            faults=(item.result,),
            type="checklist",
        )
        for item, severity in answers
        if severity is not None
    ]
    remarked = [
        Issue(
            category=danger.category,
            status=danger.severity,
            detail=f"Inspector's remark — {danger.english}",
            faults=(token,),
            type="remark",
        )
        for token, danger in dangers.items()
    ]
    return (*damaged, *bad, *remarked)
