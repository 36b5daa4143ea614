"""The log events of the service, read from its source: each call such as `log.warning("redis_lost")`."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tests.support.documents import PROJECT, document

PACKAGE = PROJECT / "dealerproxy"
# The client runs in the main API, whose log it uses.
ELSEWHERE = PACKAGE / "client"
LEVELS = {**{level: level for level in ("debug", "info", "warning", "error")}, "exception": "error"}
# The level of a call whose level is not in the source, as of a library's line.
ANY = "any"


class LogCall(NamedTuple):
    """One call: its event, level (`any` if it varies), fields by name, and whether it passes on further fields."""

    event: str
    level: str
    fields: frozenset[str]
    passes_on: bool


class LogEvent(NamedTuple):
    """All calls with one event together."""

    levels: frozenset[str]
    fields: frozenset[str]
    passes_on: bool


def documented_events() -> Mapping[str, LogEvent]:
    """Return the events of the tables in the operations page."""
    section = document("dealerproxy/ops/README.md").partition("\n## Logs\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| ([\w, ]+) \| (.*?) ?\| .{10,} \|$", section, re.MULTILINE)
    assert len({event for event, *_ in rows}) == len(rows)
    return {
        event: LogEvent(frozenset(levels.split(", ")), frozenset(re.findall(r"`(\w+)`", fields)), passes_on=False)
        for event, levels, fields in rows
    }


def log_events() -> Mapping[str, LogEvent]:
    """Return the events by name."""
    calls: dict[str, list[LogCall]] = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        if not path.is_relative_to(ELSEWHERE):
            for call in log_calls(path.read_text(encoding="utf-8")):
                calls[call.event].append(call)
    return {
        event: LogEvent(
            frozenset(call.level for call in same),
            frozenset().union(*(call.fields for call in same)),
            any(call.passes_on for call in same),
        )
        for event, same in calls.items()
    }


def log_calls(source: str) -> Iterator[LogCall]:
    """Yield the log calls of a module."""
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            found = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
            bound = frozenset().union(*(_fields(call) for call in found if _method(call) == ("log", "bind")))
            yield from (event for call in found if (event := _event(call, bound)) is not None)


def _event(call: ast.Call, bound: frozenset[str]) -> LogCall | None:
    name, method = _method(call)
    if name not in {"log", "bound"} or method not in {*LEVELS, "log"}:
        return None
    event = call.args[method == "log"]
    assert isinstance(event, ast.Constant), "an event is a constant"
    fields = _fields(call) | (bound if name == "bound" else frozenset())
    if method == "exception" or "exc_info" in fields:
        fields = fields - {"exc_info"} | {"exception"}
    passes_on = any(keyword.arg is None for keyword in call.keywords)
    return LogCall(str(event.value), LEVELS.get(method, ANY), fields, passes_on)


def _method(call: ast.Call) -> tuple[str, str]:
    """The name of the object and of its method; empty for other calls."""
    if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
        return call.func.value.id, call.func.attr
    return "", ""


def _fields(call: ast.Call) -> frozenset[str]:
    return frozenset(keyword.arg for keyword in call.keywords if keyword.arg is not None)
