"""What the documents promise about commands, settings and metrics is what the code does; their links lead somewhere."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import pytest
from msgspec import Meta

from dealerproxy.cli import main
from dealerproxy.ops.families import FAMILIES
from dealerproxy.settings import PREFIX, Settings
from tests.support.documents import CODE_BLOCK, DOCUMENTS, PROJECT, anchors, document

OPS = "dealerproxy/ops/README.md"
ROW = re.compile(rf"^\| `({PREFIX}[A-Z_]+)` \| (.+?) \| (.+?) \| (.+) \|$", re.MULTILINE)
MENTION = re.compile(rf"{PREFIX}[A-Z_]+")
LINK = re.compile(r"\[[^][]*\]\(([^)\s]+)\)")
LONGEST_ROW = 250
MOST_BYTES = 12_000
# The kinds of changes of Keep a Changelog, in its order.
CHANGES = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")


@pytest.fixture(scope="module")
def readme() -> str:
    return document("README.md")


@pytest.fixture(scope="module")
def ops() -> str:
    return document(OPS)


class SettingRow(NamedTuple):
    """What the table says of a setting."""

    default: str
    allowed: str
    meaning: str


def default_of(field: str) -> object:
    return getattr(Settings(), field)


def written(value: object) -> str:
    """How the table writes a default."""
    return f"`{value}`" if value != "" else "empty"


def number(value: float) -> str:
    return f"{value:,.0f}"


def allowed(kind: Any) -> str:
    """How the table writes the allowed values of a setting's type."""
    inner, meta = get_args(kind)[0], meta_of(kind)
    if get_origin(inner) is Literal:
        return " or ".join(f"`{word}`" for word in get_args(inner))
    if inner is str:
        return "text"
    assert meta.le is not None
    least = f"above {number(meta.gt)}" if meta.gt is not None else number(meta.ge or 0)
    return f"{least} to {number(meta.le)}"


def meta_of(kind: Any) -> Meta:
    (meta,) = (each for each in get_args(kind)[1:] if isinstance(each, Meta))
    return meta


def groups_of(readme: str) -> Mapping[str, list[str]]:
    """The settings of each group in the README's table."""
    section = readme.partition("\n## Settings\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+) \| (`.*) \|$", section, re.MULTILINE)
    return {group: re.findall(r"`([A-Z_]+)`", names) for group, names in rows}


def test_the_readme_is_short(readme: str) -> None:
    assert len(readme.encode()) <= MOST_BYTES


@pytest.mark.parametrize("path", DOCUMENTS)
def test_every_link_leads_to_a_file_of_the_project_and_to_a_heading_in_it(path: str) -> None:
    for link in LINK.findall(CODE_BLOCK.sub("", document(path))):
        file, _, anchor = link.partition("#")
        target = (PROJECT / path).parent / file if file else PROJECT / path
        assert target.exists(), link
        assert not anchor or anchor in set(anchors(target.read_text(encoding="utf-8"))), link


def test_every_document_is_reached_by_links_from_the_readme() -> None:
    reached, left = set[Path](), [PROJECT / "README.md"]
    while left:
        here = left.pop().resolve()
        if here in reached or here.suffix != ".md":
            continue
        reached.add(here)
        links = (link.partition("#")[0] for link in LINK.findall(here.read_text(encoding="utf-8")))
        left += [here.parent / link for link in links if link]
    assert {(PROJECT / path).resolve() for path in DOCUMENTS} <= reached


def test_the_tables_of_settings_have_every_setting_once_in_the_groups_of_the_readme(readme: str, ops: str) -> None:
    section = ops.partition("\n## Settings\n")[2].partition("\n## ")[0]
    parts = re.findall(r"^### (.+)\n((?:(?!### ).*\n)*)", section, re.MULTILINE)
    groups = {heading.lower(): [row[0].removeprefix(PREFIX) for row in ROW.findall(text)] for heading, text in parts}
    assert groups == {group.lower(): names for group, names in groups_of(readme).items()}
    assert sum(map(len, groups.values())) == len(ROW.findall(ops)) == len(Settings.__struct_fields__)


@pytest.mark.parametrize("field", Settings.__struct_fields__)
def test_a_row_of_a_setting_has_its_default_its_allowed_values_and_its_description(ops: str, field: str) -> None:
    rows = {name: SettingRow(*cells) for name, *cells in ROW.findall(ops)}
    row, kind = rows[PREFIX + field.upper()], get_type_hints(Settings, include_extras=True)[field]
    assert (row.default, row.allowed) == (written(default_of(field)), allowed(kind))
    description = meta_of(kind).description
    assert description
    assert row.meaning.startswith(description)
    assert len(row.meaning) < LONGEST_ROW


@pytest.mark.parametrize("path", DOCUMENTS)
def test_no_variable_is_mentioned_that_nobody_reads(path: str) -> None:
    known = {PREFIX + field.upper() for field in Settings.__struct_fields__}
    assert {name for name in MENTION.findall(document(path)) if not name.startswith(PREFIX + "TEST_")} <= known


def test_the_first_two_code_blocks_are_one_command_each_to_try_it_and_to_test_it(readme: str) -> None:
    (try_language, try_it), (test_language, test_it) = CODE_BLOCK.findall(readme)[:2]
    assert (try_language, test_language) == ("sh", "sh")
    assert (try_it.count("\n"), test_it.count("\n")) == (1, 1)
    assert "pip install" in try_it
    assert try_it.rstrip().endswith("/dealerproxy sandbox")
    assert ".[test]" in test_it
    assert test_it.rstrip().endswith("/pytest -n auto")


def test_the_options_of_the_sandbox_are_told_with_their_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["sandbox", "--help"])
    told = re.findall(r"(--[a-z-]+) [A-Z_]+\s+[^(]*\(([0-9]+)[),]", capsys.readouterr().out)
    assert len(told) >= 4
    for option, default in told:
        assert f"| `{option}` | {default} |" in document("dealerproxy/sandbox/README.md")


def test_the_tables_of_metrics_have_every_family_once_with_type_labels_and_help(ops: str) -> None:
    rows = re.findall(r"^\| `(dealerproxy_\w+)` \| (\w+) \| (.*?) ?\| (.+) \|$", ops, re.MULTILINE)
    assert sorted(name for name, *_ in rows) == sorted(FAMILIES)
    for name, kind, labels, meaning in rows:
        family = FAMILIES[name]
        assert (kind, tuple(re.findall(r"`(\w+)`", labels))) == (family.type, family.labels), name
        assert meaning.startswith(family.about)


def test_the_readme_names_every_command(readme: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    commands = set(re.findall(r"^    (\w+) ", capsys.readouterr().out, re.MULTILINE))
    rows = "".join(re.findall(r"^\| `dealerproxy .*? \|", readme, re.MULTILINE))
    assert set(re.findall(r"`(?:dealerproxy )?(\w+)(?: \w+)?`", rows)) == commands


def test_the_readme_has_every_setting_in_one_group(readme: str) -> None:
    named = [name for names in groups_of(readme).values() for name in names]
    assert sorted(named) == sorted(field.upper() for field in Settings.__struct_fields__)


def test_the_readme_shows_a_picture_that_loads_nothing(readme: str) -> None:
    (path,) = re.findall(r"!\[[^]]{20,}\]\(([^)]+\.svg)\)", readme)
    picture = document(path)
    assert len(picture) < MOST_BYTES
    assert "<title" in picture
    assert "prefers-color-scheme: dark" in picture
    assert not re.search(r"<script|<image|href=|@import|url\((?!#)", picture)


def test_the_changelog_follows_its_rules() -> None:
    changelog = document(".github/CHANGELOG.md")
    assert changelog.startswith("# Changelog\n")
    first, *released = re.findall(r"^## (.+)$", changelog, re.MULTILINE)
    assert first == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}", version) for version in released)
    for version in re.split(r"^## .+$", changelog, flags=re.MULTILINE)[1:]:
        kinds = re.findall(r"^### (.+)$", version, re.MULTILINE)
        assert kinds == [kind for kind in CHANGES if kind in kinds]
        assert all(re.match(r"\s*- \S", part) for part in re.split(r"^### .+$", version, flags=re.MULTILINE)[1:])
