"""The steps of `pure.py` and `tables.py`: runs `micro.py` with pytest-benchmark, and reads its report as figures."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from tests.bench import pure, tables
from tests.bench.effort import Effort
from tests.bench.figures import Bar, Figure, Round, Skipped, figure
from tests.bench.processes import need
from tests.bench.pure import Pair

PAIRS: Mapping[str, Callable[[], Pair]] = {**pure.PAIRS, **tables.PAIRS}
BARS: Mapping[str, Bar] = {**pure.BARS, **tables.BARS}
MICRO = Path(__file__).with_name("micro.py")


def step(case: str, effort: Effort) -> Iterator[Figure]:
    """Measure one step beside its baseline. Raises Skipped without pytest-benchmark, and when the run fails."""
    need("pytest_benchmark", extra="bench")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        # Not by the options of the project's own tests, which switch the plugin off.
        command = [sys.executable, "-m", "pytest", "-q", "-o", "addopts=", "-p", "no:cacheprovider", str(MICRO)]
        command += [f"--benchmark-json={report}", f"--benchmark-max-time={effort.rounds * effort.call_s}"]
        command += ["--import-mode=importlib", "-k", f"[{case}-"]
        # A run of its own, also where another pytest started it in one of several processes.
        env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        ran = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
        if ran.returncode:
            raise Skipped(f"pytest-benchmark ended with {ran.returncode}: {ran.stdout[-400:]}")
        sides = {each["extra_info"]["side"]: each for each in orjson.loads(report.read_bytes())["benchmarks"]}
    ours, base = sides["ours"], sides["base"]
    yield figure(
        case,
        ours["extra_info"]["what"],
        "s",
        base["extra_info"]["what"],
        [(_round(ours["stats"]), _round(base["stats"]))],
        BARS.get(case),
    )


CASES: Mapping[str, Callable[[Effort], Iterator[Figure]]] = {case: partial(step, case) for case in PAIRS}


def _round(stats: Mapping[str, Any]) -> Round:
    return Round(stats["median"])
