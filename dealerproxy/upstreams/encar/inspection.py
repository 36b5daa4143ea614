"""Encar's inspection sheet (`/v1/readside/inspection/vehicle/{vehicleId}`): bytes in, a report in English out.

The shape is that of sheets of 2026 and of 9,243 sheets in others' statistics. Encar's own misspellings are kept
(`accdient`). `outers` lists damaged panels only. `inners` is the legal checklist: groups of items, some one level
deeper; an item counts if it has a `statusType`. A scan (`IMAGE`) or an empty form is not a report, so that it never
looks like a clean one.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from msgspec import Struct

from dealerproxy.contract.inspection import (
    BodyCondition,
    CategoryGrade,
    CategoryStatus,
    ChecklistItem,
    DealerInspection,
    Inspection,
    InspectionReport,
    NoReport,
    NoReportReason,
    Panel,
    Severity,
)
from dealerproxy.transport.errors import Drift
from dealerproxy.upstreams.encar.inspection_findings import accident_summary, exterior_summary, issues
from dealerproxy.upstreams.encar.inspection_head import Head, read_head
from dealerproxy.upstreams.encar.inspection_panels import read_panels
from dealerproxy.upstreams.encar.inspection_repairs import Foot, read_foot
from dealerproxy.upstreams.values import DAMAGED, coded, decode, vin
from dealerproxy.vehicles.car import Car
from dealerproxy.vocabulary import SEVERITIES, Danger, Vocabulary

TABLE, IMAGE = "TABLE", "IMAGE"
TYPE, STATUS, CHILDREN = "type", "statusType", "children"
# Kilometres between advert and sheet that the drive to the inspection does not explain.
MILEAGE_APART = 1_000
SHORT_VIN = 6
DEPTH = 4  # a group's items are one or two levels below it; a sheet has no deeper nesting


class _Form(Struct, frozen=True):
    """The fields of every sheet, including a scan."""

    formats: list[Any]


class _Master(Struct, frozen=True):
    accdient: bool
    simpleRepair: Any = None
    detail: Any = None


class _Checklist(Struct, frozen=True):
    """The fields of every TABLE sheet, including an empty form."""

    inners: list[Any]


class _Sheet(Struct, frozen=True):
    """The fields that a TABLE sheet with answers must have; `master.detail` may be null."""

    master: _Master
    outers: list[Any]
    etcs: Any = None


class Answer(NamedTuple):
    """One answered item; without `severity` it is good, unless `known` is false."""

    item: ChecklistItem
    severity: Severity | None
    known: bool


def read_inspection(body: bytes, vocabulary: Vocabulary) -> Inspection | NoReport:
    """Read a sheet into the body's condition and the report, or return why it is not a report.

    Raises Drift if `formats` is missing or of another type, or `inners` of a TABLE sheet, or `master.accdient` or
    `outers` of a sheet with answers. Any other odd value is null, or kept under its code, and counted.
    """
    formats = decode(body, _Form).formats
    if TABLE not in formats and DAMAGED in formats:
        raise Drift("formats", "unreadable")
    if TABLE not in formats:
        return NoReport(NoReportReason.PHOTO_ONLY if IMAGE in formats else NoReportReason.EMPTY_SHEET)
    answers = read_answers(decode(body, _Checklist).inners, vocabulary)
    if not answers:
        return NoReport(NoReportReason.EMPTY_SHEET)  # its `master` may be null: nobody filled it in
    sheet = decode(body, _Sheet)
    panels = read_panels(sheet.outers, vocabulary)
    head = read_head(sheet.master.detail, sheet.master.simpleRepair, vocabulary)
    dangers = {token: vocabulary.dangers.by_token[token] for token in head.dangers}
    foot = read_foot(sheet.etcs, vocabulary)
    report = _report(sheet.master.accdient, head, panels, answers, dangers, foot)
    return Inspection(BodyCondition(panels=panels), report, _vin(sheet.master.detail, vocabulary))


def is_of_other_vehicle(inspection: Inspection, car: Car) -> bool:
    """Whether a sheet contradicts the advert: in the VIN, or in mileage, first registration and year together."""
    if inspection.vin is not None and car.vin is not None:
        return inspection.vin != car.vin
    report = inspection.report
    if report.mileage_km is None or car.mileage_km is None or report.first_registered_on is None:
        return False
    first = report.first_registered_on[:7].replace("-", "")
    apart = abs(report.mileage_km - car.mileage_km) > MILEAGE_APART
    return apart and first != str(car.registered) and report.model_year not in {None, car.year}


def _vin(detail: object, vocabulary: Vocabulary) -> str | None:
    """Return the whole VIN of a sheet; None for the sheets that show only its end."""
    value = detail.get("vin") if isinstance(detail, Mapping) else None
    return None if isinstance(value, str) and len(value.strip()) == SHORT_VIN else vin(value, vocabulary)


def _report(
    has_accident: bool,
    head: Head,
    panels: tuple[Panel, ...],
    answers: tuple[Answer, ...],
    dangers: Mapping[str, Danger],
    foot: Foot,
) -> InspectionReport:
    frame = sum(panel.panel_type == "frame" for panel in panels)
    unsure = any(panel.panel_type == "unknown" for panel in panels)
    return InspectionReport(
        accident_summary=accident_summary(has_accident, head, panels, dangers),
        has_accident=has_accident,
        has_frame_damage=None if unsure and not frame else frame > 0,
        exterior_summary=exterior_summary(panels),
        category_grades=grades(answers),
        checklist=tuple(answer.item for answer in answers),
        issues=issues(panels, [(answer.item, answer.severity) for answer in answers], dangers),
        dealer_inspection=DealerInspection(frame, len(panels) - frame),
        **head.fields,
        **foot._asdict(),
    )


def read_answers(inners: list[Any], vocabulary: Vocabulary) -> tuple[Answer, ...]:
    """Read the answered items in the sheet's order, each (group, item) once; of two, the worse one is kept.

    An unreadable answer is ignored, but a sheet needs at least one readable answer.
    """
    found: dict[tuple[str, str], Answer] = {}
    readable = 0
    for group in inners:
        if not isinstance(group, Mapping):
            vocabulary.missed("checklist", "unreadable group")
            continue
        token = _group_token(group, vocabulary)
        for node in _answered(group.get(CHILDREN), vocabulary):
            answer = _answer(token, node, vocabulary)
            key = (answer.item.group, answer.item.item)
            found[key] = max(found.get(key, answer), answer, key=_badness)
            readable += coded(node[STATUS]).code is not None
    return tuple(found.values()) if readable else ()


def grades(answers: tuple[Answer, ...]) -> tuple[CategoryGrade, ...]:
    """Return the grade of each group, in the sheet's order; a group without answers has none."""
    groups: dict[str, list[Answer]] = {}
    for answer in answers:
        groups.setdefault(answer.item.group, []).append(answer)
    return tuple(CategoryGrade(group, _grade(max(members, key=_badness))) for group, members in groups.items())


def _grade(worst: Answer) -> CategoryStatus:
    if worst.severity is None:
        return "good" if worst.known else "unknown"
    return "fair" if worst.severity == SEVERITIES[0] else "poor"


def _badness(answer: Answer) -> float:
    """Return the sort key of answers: good, unknown, then by severity."""
    if answer.severity is None:
        return 0 if answer.known else 0.5
    return 1 + SEVERITIES.index(answer.severity)


def _answered(nodes: object, vocabulary: Vocabulary, depth: int = 1) -> Iterator[Mapping[str, Any]]:
    """Yield every node below a group that has a status, in order."""
    if nodes is None:
        return
    if not isinstance(nodes, list) or depth > DEPTH:
        vocabulary.missed("checklist", "unreadable items")
        return
    for node in nodes:
        if not isinstance(node, Mapping):
            vocabulary.missed("checklist", "unreadable item")
            continue
        if node.get(STATUS):  # null and an empty value mean that nobody answered
            yield node
        yield from _answered(node.get(CHILDREN), vocabulary, depth + 1)


def _group_token(group: Mapping[str, Any], vocabulary: Vocabulary) -> str:
    found = coded(group.get(TYPE)).code
    word = vocabulary.sheet.groups.get(found or "")
    if word is not None:
        return word.token
    vocabulary.missed("checklist", found or "unreadable group")
    return found.lower() if found else "unknown"


def _answer(group: str, node: Mapping[str, Any], vocabulary: Vocabulary) -> Answer:
    """Return an answered node as an item; unknown codes stay as they are (`s099`, `status_12`)."""
    item, status = coded(node.get(TYPE)).code, coded(node[STATUS]).code
    item_word = vocabulary.sheet.items.get(item or "")
    status_word = vocabulary.sheet.statuses.get(status or "")
    if item_word is None:
        vocabulary.missed("checklist", item or "unreadable item")
    if status_word is None:
        vocabulary.missed("checklist", f"status {status}" if status else "unreadable status")
    entry = ChecklistItem(
        group=group,
        item=item_word.token if item_word else (item or "unknown").lower(),
        result=status_word.token if status_word else _unknown_status(status, "_"),
        label=item_word.label if item_word else item or "Unknown item",
        result_label=(
            status_word.label_for(item_word.fluid if item_word else None)
            if status_word
            else _unknown_status(status, " ").capitalize()
        ),
    )
    return Answer(entry, status_word.severity if status_word else None, status_word is not None)


def _unknown_status(status: str | None, joiner: str) -> str:
    return f"status{joiner}{status.lower()}" if status else "unknown"
