"""The words of a car's papers: panels, damages, the checklist, and the smaller tables.

Papers contain codes, which are the keys of the tables. The files mark unconfirmed entries.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from dealerproxy.vocabulary.files import English, File, Word, read_file

Confidence = Literal["confirmed", "inferred"]
Kind = Literal["exterior", "frame"]
Severity = Literal["minor", "medium", "major"]
Token = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")]
PanelId = Annotated[str, Meta(pattern=r"^[a-z]+(-[a-z]+)*$")]

SEVERITIES: tuple[Severity, ...] = ("minor", "medium", "major")
LEAKS = frozenset("4567")  # the statuses of a leak; the item decides the fluid
FLUID = "{fluid}"

# The tables of sheet.toml that turn a code, or a Korean word, into a token.
TABLES = (
    "usage_changes",
    "guarantees",
    "recalls",
    "color_types",
    "vin_markings",
    "board_states",
    "transmissions",
    "serious",
    "tuning",
    "mileage_states",
    "paint",
    "repair_parts",
    "repair_places",
    "equipment",
    "record_uses",
    "diagnosis_results",
)


class PanelWord(Struct, frozen=True, forbid_unknown_fields=True):
    """panels.toml: a panel under Encar's code."""

    id: PanelId
    name: English
    kind: Kind
    rank: Word
    korean: tuple[Word, ...]
    confidence: Confidence


class DamageWord(Struct, frozen=True, forbid_unknown_fields=True):
    """damages.toml: the damage of a panel; the file's order is worst first."""

    token: Token
    name: English
    severity: Severity
    korean: Word
    confidence: Confidence


class StatusWord(Struct, frozen=True, forbid_unknown_fields=True):
    """checklist.toml: an answer; without severity it is good; `leak` is the label of a leak of a known fluid."""

    token: Token
    label: English
    korean: Word
    confidence: Confidence
    severity: Severity | None = None
    leak: English | None = None

    def label_for(self, fluid: str | None) -> str:
        """Return the label for an item about this fluid."""
        if self.leak is None or fluid is None:
            return self.label
        label = self.leak.replace(FLUID, fluid)
        return label[0].upper() + label[1:]


class GroupWord(Struct, frozen=True, forbid_unknown_fields=True):
    """checklist.toml: a group of items."""

    token: Token
    label: English
    korean: Word
    confidence: Confidence


class ItemWord(Struct, frozen=True, forbid_unknown_fields=True):
    """checklist.toml: an item, the answers that the sheet allows for it, and the fluid that can leak, if any."""

    group: Word
    token: Token
    label: English
    answers: tuple[Word, ...]
    korean: Word
    confidence: Confidence
    fluid: English | None = None


class _TokenWord(Struct, frozen=True, forbid_unknown_fields=True):
    token: Token
    confidence: Confidence
    korean: Word | None = None


class _DiagnosisWord(Struct, frozen=True, forbid_unknown_fields=True):
    panel: Word
    confidence: Confidence


@dataclass(frozen=True, slots=True)
class SheetWords:
    """All words of a car's papers.

    `panels`, `damages`, `groups`, `items`, `statuses`: by Encar's code; `damages` worst first. `ranks`: the kind of a
    panel by its rank. `tokens`: for each table of sheet.toml, the token by code and by Korean word. `diagnosis_panels`:
    by the diagnosis' own name.
    """

    panels: Mapping[str, PanelWord]
    ranks: Mapping[str, Kind]
    damages: Mapping[str, DamageWord]
    groups: Mapping[str, GroupWord]
    items: Mapping[str, ItemWord]
    statuses: Mapping[str, StatusWord]
    tokens: Mapping[str, Mapping[str, str]]
    diagnosis_panels: Mapping[str, PanelWord]


def build_sheet(folder: Path) -> SheetWords:
    """Read the four files of the folder; raises VocabularyError with the line of the first error."""
    panel_file, sheet = read_file(folder, "panels.toml"), read_file(folder, "sheet.toml")
    panels, ranks = _panels(panel_file)
    groups, items, statuses = _checklist(read_file(folder, "checklist.toml"))
    return SheetWords(
        panels=panels,
        ranks=ranks,
        damages=_damages(read_file(folder, "damages.toml")),
        groups=groups,
        items=items,
        statuses=statuses,
        tokens={table: _tokens(sheet, table) for table in TABLES},
        diagnosis_panels=_diagnosis_panels(sheet, panels),
    )


def _panels(file: File) -> tuple[dict[str, PanelWord], dict[str, Kind]]:
    ranks: dict[str, Kind] = file.entries("ranks", Kind)  # type: ignore[arg-type]  # a Literal is a type to msgspec
    panels = file.entries("panels", PanelWord)
    for code, panel in panels.items():
        if ranks.get(panel.rank) != panel.kind:
            raise file.error(f"{panel.rank!r} is no rank of a part of kind {panel.kind}", "panels", code)
    _unique(file, "panels", ((code, panel.id) for code, panel in panels.items()))
    return panels, ranks


def _damages(file: File) -> dict[str, DamageWord]:
    damages = file.entries("damages", DamageWord)
    worse = SEVERITIES[-1]
    for code, damage in damages.items():
        if SEVERITIES.index(damage.severity) > SEVERITIES.index(worse):
            raise file.error(f"is {damage.severity} but follows one that is {worse}", "damages", code)
        worse = damage.severity
    _unique(file, "damages", ((code, damage.token) for code, damage in damages.items()))
    return damages


def _checklist(file: File) -> tuple[dict[str, GroupWord], dict[str, ItemWord], dict[str, StatusWord]]:
    statuses = file.entries("statuses", StatusWord)
    groups = file.entries("groups", GroupWord)
    items = file.entries("items", ItemWord)
    for code, status in statuses.items():
        if (code in LEAKS) != (FLUID in (status.leak or "")):
            raise file.error(f"leak, with {FLUID} in it, belongs to the statuses {sorted(LEAKS)}", "statuses", code)
    for code, item in items.items():
        if item.group not in groups:
            raise file.error(f"{item.group!r} is no group of this file", "items", code)
        for answer in item.answers:
            if answer not in statuses:
                raise file.error(f"{answer!r} is no status of this file", "items", code)
        if (item.fluid is None) != LEAKS.isdisjoint(item.answers):
            raise file.error("an item that can leak, and no other, names the fluid", "items", code)
    _unique(file, "groups", ((code, group.token) for code, group in groups.items()))
    _unique(file, "items", ((code, f"{item.group} {item.token}") for code, item in items.items()))
    return groups, items, statuses


def _tokens(file: File, table: str) -> dict[str, str]:
    tokens: dict[str, str] = {}
    for key, entry in file.entries(table, _TokenWord).items():
        for word in filter(None, (key, entry.korean)):
            if word in tokens:
                raise file.error(f"{word!r} already means {tokens[word]}", table, key)
            tokens[word] = entry.token
    return tokens


def _diagnosis_panels(file: File, panels: Mapping[str, PanelWord]) -> dict[str, PanelWord]:
    table = "diagnosis_panels"
    entries = file.entries(table, _DiagnosisWord)
    for name, entry in entries.items():
        if entry.panel not in panels:
            raise file.error(f"{entry.panel!r} is no panel of panels.toml", table, name)
    _unique(file, table, ((name, entry.panel) for name, entry in entries.items()))
    return {name: panels[entry.panel] for name, entry in entries.items()}


def _unique(file: File, table: str, pairs: Iterable[tuple[str, str]]) -> None:
    """Raise VocabularyError for a word that two entries of a table share."""
    owners: dict[str, str] = {}
    for key, word in pairs:
        if word in owners:
            raise file.error(f"{word!r} already belongs to {owners[word]}", table, key)
        owners[word] = key
