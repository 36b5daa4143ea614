"""What was measured: rounds of ours and of a baseline, summed up as medians, spreads and ratios; a table, and JSON."""

import math
import operator
import statistics
from collections.abc import Sequence
from typing import Literal, NamedTuple

from msgspec import Struct

# How a number is written, and by how much it is multiplied for it.
_UNITS = {"s": ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")), "B": ((2**20, "MiB"), (2**10, "KiB"), (1, "B"))}
_COLUMNS = ("case", "figure", "ours (p99)", "baseline", "its figure (p99)", "ratio (spread)", "to hold")


class Skipped(Exception):
    """A case that cannot be measured here; the message says what is missing."""


class Round(NamedTuple):
    """One turn: the figure itself (a rate, a median, a size), and the 99th percentile where there are many to tell."""

    value: float
    p99: float | None = None


class Bar(NamedTuple):
    """A number to hold: `of` the ratio to the baseline, the figure itself, or what it is above the baseline."""

    of: Literal["ratio", "value", "added"]
    relation: Literal[">=", "<", "<="]
    bound: float


class Figure(Struct, frozen=True, kw_only=True):
    """One line of the table.

    `unit` is `s`, `B`, `/s` or empty for counts. `value`, `p99`, `base` and `base_p99` are medians over the rounds,
    `ratio` is the median of ours to the baseline's round by round and `ratios` its least and greatest. `holds` is None
    where there is no number to hold.
    """

    case: str
    what: str
    unit: str
    value: float
    p99: float | None
    baseline: str
    base: float
    base_p99: float | None
    ratio: float
    ratios: tuple[float, float]
    bar: Bar | None = None
    holds: bool | None = None
    rounds: int = 1


def figure(
    case: str,
    what: str,
    unit: str,
    baseline: str,
    rounds: Sequence[tuple[Round, Round]],
    bar: Bar | None = None,
) -> Figure:
    """Sum up rounds of (ours, baseline) taken in turn."""
    ours, theirs = [mine for mine, _ in rounds], [other for _, other in rounds]
    ratios = [mine.value / other.value for mine, other in rounds]
    value, base, ratio = _middle(ours), _middle(theirs), statistics.median(ratios)
    return Figure(
        case=case,
        what=what,
        unit=unit,
        value=value,
        p99=_middle_p99(ours),
        baseline=baseline,
        base=base,
        base_p99=_middle_p99(theirs),
        ratio=ratio,
        ratios=(min(ratios), max(ratios)),
        bar=bar,
        holds=None if bar is None else _holds(bar, value, base, ratio),
        rounds=len(rounds),
    )


def percentile(ordered: Sequence[float], part: float) -> float:
    """The value that this part of sorted values does not exceed."""
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def table(figures: Sequence[Figure]) -> str:
    """Write figures as a Markdown table."""
    lines = [_COLUMNS, ["---"] * len(_COLUMNS), *(_cells(one) for one in figures)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def shown(value: float, unit: str) -> str:
    """Write a number with three digits and the unit that suits it."""
    for size, name in _UNITS.get(unit, ()):
        if abs(value) >= size:
            return f"{_digits(value / size)} {name}"
    return f"{_digits(value)}{unit}"


def _middle(rounds: Sequence[Round]) -> float:
    return statistics.median(one.value for one in rounds)


def _middle_p99(rounds: Sequence[Round]) -> float | None:
    known = [one.p99 for one in rounds if one.p99 is not None]
    return statistics.median(known) if known else None


def _holds(bar: Bar, value: float, base: float, ratio: float) -> bool:
    relations = {">=": operator.ge, "<": operator.lt, "<=": operator.le}
    judged = {"ratio": ratio, "value": value, "added": value - base}[bar.of]
    return bool(relations[bar.relation](judged, bar.bound))


def _cells(one: Figure) -> Sequence[str]:
    ours, theirs = shown(one.value, one.unit), shown(one.base, one.unit)
    if one.p99 is not None:
        ours += f" ({shown(one.p99, one.unit)})"
    if one.base_p99 is not None:
        theirs += f" ({shown(one.base_p99, one.unit)})"
    low, high = one.ratios
    spread = f" ({_digits(low)} to {_digits(high)})" if one.rounds > 1 else ""
    return one.case, one.what, ours, one.baseline, theirs, f"{_digits(one.ratio)}{spread}", _bar(one)


def _bar(one: Figure) -> str:
    if one.bar is None:
        return ""
    unit = "" if one.bar.of == "ratio" else one.unit
    what = {"ratio": "ratio", "value": "ours", "added": f"added {shown(one.value - one.base, one.unit)}"}[one.bar.of]
    return f"{what} {one.bar.relation} {shown(one.bar.bound, unit)}: {'yes' if one.holds else '**no**'}"


def _digits(value: float) -> str:
    """Three digits, more only before the point."""
    if not value:
        return "0"
    return f"{value:,.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"
