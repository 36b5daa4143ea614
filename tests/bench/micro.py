"""The steps of `steps.py` under pytest-benchmark, each beside its baseline; `python -m tests.bench` runs it."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.bench.steps import PAIRS


@pytest.mark.parametrize("side", ["ours", "base"])
@pytest.mark.parametrize("case", PAIRS)
def test_step(case: str, side: str, benchmark: BenchmarkFixture) -> None:
    pair = PAIRS[case]()
    benchmark.group = case
    benchmark.extra_info = {"case": case, "side": side, "what": pair.what if side == "ours" else pair.baseline}
    benchmark(pair.ours if side == "ours" else pair.base)
    pair.close()
