"""The pytest plugin: captures are tests, and a drift names the field."""

import shutil
from pathlib import Path

import pytest

from .conftest import FIXTURES

pytest_plugins = ["pytester"]

PLUGIN = ("-p", "dealerproxy.captures.plugin", "-p", "no:cacheprovider", "-rfs")


@pytest.fixture(autouse=True)
def _strict(pytester: pytest.Pytester) -> None:
    """As in this project, a warning is an error."""
    pytester.makeini("[pytest]\nfilterwarnings = error\nasyncio_default_fixture_loop_scope = function\n")


@pytest.fixture
def project(pytester: pytest.Pytester) -> Path:
    """A project with one capture of a list."""
    shutil.copytree(FIXTURES / "encar_search_model", pytester.path / "captures" / "a_list")
    return pytester.path / "captures" / "a_list"


def change(path: Path, before: str, after: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


def test_every_field_of_a_capture_is_an_item(project: Path, pytester: pytest.Pytester) -> None:
    found = pytester.runpytest_inprocess(*PLUGIN, "--collect-only", "-q")
    found.stdout.fnmatch_lines(
        [
            "captures/a_list/meta.json::reads",
            "captures/a_list/meta.json::total",
            "captures/a_list/meta.json::rows[[]].price_krw",
            "captures/a_list/meta.json::nothing_else",
        ]
    )
    assert sum("price_krw" in line for line in found.outlines) == 1  # a column, not a cell


@pytest.mark.parametrize("field", ["total", "rows[].price_krw", "reads"])
def test_an_item_can_be_run_by_the_name_it_is_told_under(project: Path, pytester: pytest.Pytester, field: str) -> None:
    pytester.runpytest_inprocess(*PLUGIN, f"captures/a_list/meta.json::{field}").assert_outcomes(passed=1)


def test_a_drift_names_the_field_its_place_and_both_values(project: Path, pytester: pytest.Pytester) -> None:
    change(project / "expected.json", '"mileage_km": 38004', '"mileage_km": 38005')
    result = pytester.runpytest_inprocess(*PLUGIN)
    assert result.parseoutcomes()["failed"] == 1
    result.stdout.fnmatch_lines(
        ["a_list: rows[[]1].mileage_km: expected 38005, got 38004", "FAILED captures/a_list/meta.json::rows*"]
    )


def test_a_field_that_nobody_expects_is_named_too(project: Path, pytester: pytest.Pytester) -> None:
    change(project / "expected.json", '"total": 2,', "")
    result = pytester.runpytest_inprocess(*PLUGIN)
    result.stdout.fnmatch_lines(["a_list: total: expected (nothing), got 2"])
    assert result.parseoutcomes()["failed"] == 1


def test_a_page_that_cannot_be_read_is_one_failure_with_its_path(project: Path, pytester: pytest.Pytester) -> None:
    shutil.copytree(FIXTURES / "encar_drift_no_rows", project.parent / "kept")
    (project.parent / "kept" / "expected_error.json").unlink()
    result = pytester.runpytest_inprocess(*PLUGIN, "captures/kept")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["kept: reads: expected a page that can be read, got drift: SearchResults: missing"])


def test_a_failure_that_no_longer_happens_fails(project: Path, pytester: pytest.Pytester) -> None:
    (project / "expected.json").unlink()
    shutil.copy(FIXTURES / "encar_blocked_403" / "expected_error.json", project)
    result = pytester.runpytest_inprocess(*PLUGIN)
    result.stdout.fnmatch_lines(["a_list: reads: expected the error blocked, got 2 rows", "SKIPPED*see reads"])
    assert result.parseoutcomes()["failed"] == 1


@pytest.mark.parametrize("name", ["request.json", "response.json", "body.json"])
def test_a_capture_that_is_not_sound_is_one_failing_item(project: Path, pytester: pytest.Pytester, name: str) -> None:
    (project / name).unlink()
    result = pytester.runpytest_inprocess(*PLUGIN)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*{name}* is missing"])


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('"format": 1', '"format": 2', "*meta.json: Invalid enum value 2*"),
        ('"format": 1', '<<<<<<< HEAD\n  "format": 1', "*meta.json: JSON is malformed*"),
        ('"operation": "search"', '"operation": "serach"', "*unknown operation 'serach'*"),
    ],
)
def test_a_damaged_description_of_ours_is_a_failure_without_a_traceback(
    project: Path, pytester: pytest.Pytester, before: str, after: str, said: str
) -> None:
    change(project / "meta.json", before, after)
    result = pytester.runpytest_inprocess(*PLUGIN, "-x")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([said])
    assert not any("Traceback" in line for line in result.outlines)


OTHER_METAS = (
    None,
    "{}",
    "[]",
    "",
    "\x00",
    '{"format": 1}',
    '{"format": "csv", "upstream": "encar"}',
    '{"format": 1, "upstream": "https://example.com"}',
    '{"upstream": "encar"}',
    '{"name": "expected.json", "version": 1}',
)


@pytest.mark.parametrize(
    "names",
    [
        ("request.json", "response.json"),
        ("request.json", "response.json", "expected.json"),
        ("request.json", "response.json", "body.json", "expected.json", "expected_error.json"),
    ],
)
def test_directories_of_others_are_left_alone(pytester: pytest.Pytester, names: tuple[str, ...]) -> None:
    for number, meta in enumerate(OTHER_METAS):
        other = pytester.mkdir(f"other_{number}")
        for name in names:
            (other / name).write_text("{}")
        if meta is not None:
            (other / "meta.json").write_text(meta)
        (other / f"test_{number}.py").write_text("def test_it(): pass\n")
    pytester.runpytest_inprocess(*PLUGIN).assert_outcomes(passed=len(OTHER_METAS))
