"""Every case of the benchmark runs, and what it finds can be believed."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.bench import command, growth, lists, pure, sockets, tables, traffic
from tests.bench.effort import QUICK
from tests.bench.figures import Figure


def measured(case: str) -> Sequence[Figure]:
    report = command.measure([case], QUICK, lambda _: None)
    if report.skipped:
        pytest.skip(report.skipped[case])
    return report.figures


def believable(figures: Sequence[Figure]) -> bool:
    numbers = [number for one in figures for number in (one.value, one.base, one.ratio, one.p99 or 1.0)]
    return bool(numbers) and all(math.isfinite(number) and number > 0 for number in numbers)


# A step each of `pure.py` and `tables.py`, as pytest takes seconds to start; test_guard.py takes every step.
STEPS = (next(iter(pure.PAIRS)), next(iter(tables.PAIRS)))


@pytest.mark.parametrize("case", [*STEPS, *growth.CASES, *tables.CASES])
def test_a_case_within_the_process_yields_figures(case: str) -> None:
    assert believable(measured(case))


@pytest.mark.slow
@pytest.mark.parametrize("case", [*sockets.CASES, *lists.CASES, *traffic.CASES])
def test_a_case_over_sockets_yields_figures(case: str) -> None:
    assert believable(measured(case))


@pytest.mark.slow
@pytest.mark.parametrize("case", ["misses", "redis"])
def test_a_hundred_who_miss_the_same_page_cost_one_call(case: str) -> None:
    calls = [one for one in measured(case) if one.what.endswith("calls")]
    assert [(one.value, one.base, one.holds) for one in calls] == [(1, 100, True)]


def test_the_command_prints_a_table_and_writes_the_same_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "stay_aside", lambda: None)  # the other tests need all processors
    written = tmp_path / "figures.json"
    assert command.main(["--quick", "--json", str(written), "encode", "memory-chunk"]) == 0
    cases = [line.split(" | ")[0].strip("| ") for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    report = json.loads(written.read_bytes())
    assert cases[2:] == [one["case"] for one in report["figures"]] == ["encode", "memory-chunk"]
    assert report["machine"]["python"].startswith("CPython")


def test_a_case_that_lacks_something_is_skipped_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.bench.processes.which", lambda _: None)
    report = command.measure(["redis", "memory-chunk"], QUICK, lambda _: None)
    assert report.skipped == {"redis": "redis-server is not installed"}
    assert "skipped: redis: redis-server is not installed" in command.written(report)
    assert {one.case for one in report.figures} == {"memory-chunk"}
