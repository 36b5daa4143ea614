"""What the README promises about commands and settings is what the code does."""

import re
from pathlib import Path

import pytest

from dealerproxy.cli import main
from dealerproxy.ops.families import FAMILIES
from dealerproxy.settings import PREFIX, Settings

README = Path(__file__).parent.parent / "README.md"
ROW = re.compile(rf"^\| `({PREFIX}[A-Z_]+)` \| (.+?) \| (.+) \|$", re.MULTILINE)
MENTION = re.compile(rf"{PREFIX}[A-Z_]+")
CODE_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LONGEST_ROW = 250


@pytest.fixture(scope="module")
def readme() -> str:
    return README.read_text(encoding="utf-8")


def default_of(field: str) -> object:
    return getattr(Settings(), field)


def written(value: object) -> str:
    """How the table writes a default."""
    return f"`{value}`" if value != "" else "empty"


def test_the_table_of_settings_names_every_setting_once_and_in_the_order_of_the_code(readme: str) -> None:
    named = [name for name, _, _ in ROW.findall(readme)]
    assert named == [PREFIX + field.upper() for field in Settings.__struct_fields__]


@pytest.mark.parametrize("field", Settings.__struct_fields__)
def test_the_table_gives_the_default_and_a_meaning_of_each_setting(readme: str, field: str) -> None:
    rows = {name: (default, meaning) for name, default, meaning in ROW.findall(readme)}
    default, meaning = rows[PREFIX + field.upper()]
    assert default == written(default_of(field))
    assert 3 < len(meaning) < LONGEST_ROW


def test_no_variable_is_mentioned_that_nobody_reads(readme: str) -> None:
    known = {PREFIX + field.upper() for field in Settings.__struct_fields__}
    assert {name for name in MENTION.findall(readme) if not name.startswith(PREFIX + "TEST_")} <= known


def test_the_first_two_code_blocks_are_one_command_each_to_try_it_and_to_test_it(readme: str) -> None:
    (try_language, try_it), (test_language, test_it) = CODE_BLOCK.findall(readme)[:2]
    assert (try_language, test_language) == ("sh", "sh")
    assert (try_it.count("\n"), test_it.count("\n")) == (1, 1)
    assert "pip install" in try_it
    assert try_it.rstrip().endswith("/dealerproxy sandbox")
    assert ".[test]" in test_it
    assert test_it.rstrip().endswith("/pytest -n auto")


def test_the_options_of_the_sandbox_are_told_with_their_defaults(
    readme: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["sandbox", "--help"])
    told = re.findall(r"(--[a-z-]+) [A-Z_]+\s+[^(]*\(([0-9]+)\)", capsys.readouterr().out)
    assert len(told) >= 3
    for option, default in told:
        assert f"[{option} {default}]" in readme


def test_the_table_of_metrics_names_every_family(readme: str) -> None:
    assert set(re.findall(r"`(dealerproxy_\w+)`", readme)) == set(FAMILIES)
