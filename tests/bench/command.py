"""The command: what to measure and how long, a word on the way, a table at the end."""

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import msgspec

from dealerproxy.settings import PREFIX
from tests.bench import growth, lists, sockets, steps, tables, traffic
from tests.bench.effort import FULL, QUICK, Effort, Traffic
from tests.bench.figures import Figure, Skipped, table
from tests.bench.processes import stay_aside

CASES: Mapping[str, Callable[[Effort], Iterator[Figure]]] = {
    **sockets.CASES,
    **lists.CASES,
    **traffic.CASES,
    **steps.CASES,
    **growth.CASES,
    **tables.CASES,
}
LIBRARIES = ("aiohttp", "msgspec", "orjson", "selectolax", "uvloop", "fastapi", "httpx", "pydantic", "uvicorn")


class Report(msgspec.Struct, frozen=True):
    """A whole run, as JSON has it; `skipped` are cases with the reason."""

    machine: Mapping[str, str]
    figures: Sequence[Figure]
    skipped: Mapping[str, str]
    seconds: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print. The exit status says nothing about the figures: they depend on the machine."""
    options = _parser().parse_args(arguments)
    stay_aside()
    say = (lambda case: print(case, file=sys.stderr)) if sys.stderr.isatty() else (lambda case: None)
    effort = (QUICK if options.quick else FULL)._replace(traffic=_traffic(options))
    report = measure(options.case or list(CASES), effort, say)
    print(written(report))
    if options.json is not None:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1))
    return 0


def measure(cases: Sequence[str], effort: Effort, say: Callable[[str], None]) -> Report:
    """Run cases one after another; `say` is told of each before it begins."""
    began = time.perf_counter()
    figures: list[Figure] = []
    skipped: dict[str, str] = {}
    for case in cases:
        say(case)
        try:
            for figure in CASES[case](effort):
                figures.append(figure)  # noqa: PERF402  # what came before a case was skipped counts
        except Skipped as why:
            skipped[case] = str(why)
    return Report(machine(), figures, skipped, time.perf_counter() - began)


def machine() -> Mapping[str, str]:
    """What it runs on, and with."""
    return {
        "processor": _processor(),
        "cores": f"{os.cpu_count()} cores",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
        **{name: f"{name} {version(name)}" for name in LIBRARIES if find_spec(name)},
    }


def written(report: Report) -> str:
    """The report for people."""
    missed = [f"does not hold: {one.case}, {one.what}" for one in report.figures if one.holds is False]
    left_out = [f"skipped: {case}: {why}" for case, why in report.skipped.items()]
    about = ", ".join(report.machine.values())
    return "\n".join([table(report.figures), "", *missed, *left_out, f"{about}; {report.seconds:.0f} s"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure the service here, now.")
    parser.add_argument(
        "case",
        nargs="*",
        metavar="CASE",
        choices=[*CASES, []],  # what argparse takes nothing for
        help=f"what to measure; without any, everything: {', '.join(CASES)}",
    )
    parser.add_argument("--quick", action="store_true", help="only see that it runs: the figures mean little")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to a file as well")
    asked = parser.add_argument_group("partner-traffic")
    asked.add_argument("--rate", type=float, default=Traffic().rate, help="requests a second")
    asked.add_argument("--seconds", type=float, default=Traffic().seconds, help="for how long")
    asked.add_argument("--quiet", type=float, default=Traffic().quiet_s, help="seconds before the first visitor")
    asked.add_argument("--site-page", type=int, default=Traffic().page_rows, help="rows of a page that Encar gives")
    asked.add_argument("--cold", action="store_true", help="begin without stock")
    asked.add_argument("--set", type=_setting, action="append", default=[], metavar="NAME=VALUE", help="of the service")
    return parser


def _traffic(options: argparse.Namespace) -> Traffic:
    settings = tuple(options.set)
    return Traffic(options.rate, options.seconds, options.quiet, options.site_page, options.cold, settings)


def _setting(text: str) -> tuple[str, str]:
    """Return the name of a setting as the code has it, and its value."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError("must be NAME=VALUE")
    return name.removeprefix(PREFIX).lower(), value


def _processor() -> str:
    """The processor's name, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "unknown processor")
