"""The fault matrix as data: what is answered when one operation of a site fails in one way, and nothing else does.

`TABLE[operation][fault]` is checked cell by cell in `test_fault_matrix.py`; `markdown()` shows it as the README has it.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from dealerproxy.sandbox.faults import Block, Empty, Fault, Hang, Html, RateLimited, Status, Trickle
from tests.reliability.wire import Bomb, Garbled, Half, Padded, Reset, WrongType

ASKED_FOR_S = 60

# None: nobody listens.
FAULTS: Mapping[str, Callable[[str], Fault] | None] = {
    "refused": None,
    "reset": lambda operation: Reset(operation=operation),
    "hang": lambda operation: Hang(operation=operation),
    "trickle": lambda operation: Trickle(operation=operation, bytes_per_second=100),
    "503": lambda operation: Status(operation=operation, status=503),
    "429": lambda operation: RateLimited(operation=operation, retry_after=ASKED_FOR_S),
    "block as 403": lambda operation: Block(operation=operation, status=403),
    "block as 407": lambda operation: Block(operation=operation, status=407),
    "block as 404": lambda operation: Block(operation=operation, status=404),
    "block as 200": lambda operation: Block(operation=operation, status=200),
    "challenge as 202": lambda operation: Block(operation=operation, status=202),
    "captcha as 405": lambda operation: Block(operation=operation, status=405),
    "redirect to itself": lambda operation: Block(operation=operation, status=302),
    "no content": lambda operation: Status(operation=operation, status=204),
    "HTML": lambda operation: Html(operation=operation),
    "empty": lambda operation: Empty(operation=operation),
    "half a body": lambda operation: Half(operation=operation),
    "wrong type": lambda operation: WrongType(operation=operation),
    "huge body": lambda operation: Padded(operation=operation),
    "gzip bomb": lambda operation: Bomb(operation=operation),
    "bad charset": lambda operation: Garbled(operation=operation),
}
# These take as long as a call may.
TIMED = {"hang", "trickle"}


class Told(NamedTuple):
    """What is said of what failed, when nothing else was asked for.

    `http` is the status, `state` and `reason` are those of the source (of the sheet, for an inspection), `kept` says
    how many rows, cars or sheets are shown all the same.
    """

    http: int
    state: str
    reason: str | None
    x_cache: str | None
    kept: int


class Cell(NamedTuple):
    """The answer with nothing kept and with old pieces kept; how often the site is tried, and what comes after.

    `circuit` is the state of the operation's circuit after the answer, `then` the reason of the next answer after the
    back-off while the fault goes on.
    """

    cold: Told
    warm: Told
    tries: int
    circuit: str
    then: str | None


# How many of each there are to show.
ROWS = {"search": 2, "danawa_list": 8}

_Row = tuple[str, int, str, str]


def _list(operation: str, row: _Row, cold: Told | None = None) -> Cell:
    """A list of this site alone: 503, or its old rows."""
    reason, tries, circuit, then = row
    warm = Told(200, "stale", reason, "stale", ROWS[operation])
    return Cell(cold or Told(503, "failed", reason, None, 0), warm, tries, circuit, then)


def _car(row: _Row) -> Cell:
    """A car whose every witness fails: 503, whatever was read before, for it may be sold by now."""
    reason, tries, circuit, then = row
    told = Told(503, "failed", reason, None, 0)
    return Cell(told, told, tries, circuit, then)


def _sheet(row: _Row) -> Cell:
    """An inspection of a car that is at hand: nulls, or the old sheet."""
    reason, tries, circuit, then = row
    return Cell(Told(200, "failed", reason, "hit", 0), Told(200, "ok", "stale", "hit", 1), tries, circuit, then)


def _other_witness(tries: int, circuit: str) -> Cell:
    """A car whose JSON fails: its page tells it, beside which papers may have been kept."""
    return Cell(Told(200, "ok", None, "miss", 1), Told(200, "ok", None, "hit", 1), tries, circuit, None)


# What every operation makes of them whose answers are JSON, and which may take two attempts long.
_JSON: dict[str, _Row] = {
    "refused": ("unreachable", 3, "degraded", "suspended"),
    "reset": ("unreachable", 3, "degraded", "suspended"),
    "hang": ("timed_out", 2, "degraded", "timed_out"),
    "trickle": ("timed_out", 2, "degraded", "timed_out"),
    "503": ("upstream_error", 3, "degraded", "suspended"),
    "429": ("rate_limited", 1, "suspended", "suspended"),
    "block as 403": ("blocked", 1, "suspended", "suspended"),
    "block as 407": ("blocked", 1, "suspended", "suspended"),
    "block as 404": ("blocked", 1, "suspended", "suspended"),
    "block as 200": ("blocked", 1, "suspended", "suspended"),
    "challenge as 202": ("blocked", 1, "suspended", "suspended"),
    "captcha as 405": ("blocked", 1, "suspended", "suspended"),
    "redirect to itself": ("blocked", 1, "suspended", "suspended"),
    "no content": ("blocked", 1, "suspended", "suspended"),
    "HTML": ("blocked", 1, "suspended", "suspended"),
    "empty": ("drift", 1, "healthy", "drift"),
    "half a body": ("drift", 1, "healthy", "drift"),
    "wrong type": ("drift", 1, "healthy", "drift"),
    "huge body": ("upstream_error", 1, "healthy", "upstream_error"),
    "gzip bomb": ("upstream_error", 1, "healthy", "upstream_error"),
    "bad charset": ("drift", 1, "healthy", "drift"),
}
# A sheet and an advert's JSON get one attempt's time.
_ONE_ATTEMPT: dict[str, _Row] = _JSON | dict.fromkeys(("hang", "trickle"), ("timed_out", 1, "degraded", "timed_out"))
_PAGES: dict[str, _Row] = _JSON | {
    # A reading goes on behind the answer, with time for three attempts.
    "hang": ("timed_out", 3, "degraded", "suspended"),
    "trickle": ("timed_out", 3, "degraded", "suspended"),
    # What a block page of Danawa's looks like, nobody knows: only its status can tell it.
    "block as 404": ("upstream_error", 1, "healthy", "upstream_error"),
    "block as 200": ("drift", 1, "healthy", "drift"),
    "HTML": ("drift", 1, "healthy", "drift"),
    "half a body": ("drift", 1, "healthy", "drift"),
}
_WARMING = Told(503, "failed", "warming", None, 0)

TABLE: Mapping[str, Mapping[str, Cell]] = {
    "search": {fault: _list("search", row) for fault, row in _JSON.items()},
    # The advert's JSON alone; then JSON and page.
    "detail": {fault: _other_witness(row[1], row[2]) for fault, row in _ONE_ATTEMPT.items()}
    | {"wrong type": _car(_JSON["wrong type"])},
    "detail and page": {fault: _car(row) for fault, row in _ONE_ATTEMPT.items()},
    "inspection": {fault: _sheet(row) for fault, row in _ONE_ATTEMPT.items()},
    "danawa_list": {
        fault: _list("danawa_list", row, cold=_WARMING if row[0] == "timed_out" else None)
        for fault, (reason, tries, circuit, _) in _PAGES.items()
        # Why there is no list, or an old one, stays what the last reading says.
        for row in [(reason, tries, circuit, reason)]
    },
    "feeder": {fault: _car(row) for fault, row in _JSON.items()},
}

_ASKED = {
    "search": "a list; Encar's search fails",
    "danawa_list": "a list; Danawa's list fails",
    "detail": "an Encar car; its JSON fails",
    "detail and page": "an Encar car; JSON and page fail",
    "feeder": "a Danawa car; M-Park fails",
    "inspection": "an Encar car; its inspection fails (status of the document)",
}
_THEN = {
    "healthy": "called again, never suspended",
    "degraded": "called again, suspended after five failures in a row",
    "suspended": "suspended at once",
}


def markdown() -> Iterator[str]:
    """The tables of the API's document: the answer to each request, then the reason and effect of each fault."""
    yield "| request | nothing cached | old parts cached |"
    yield "|---|---|---|"
    for operation, asked in _ASKED.items():
        cell = TABLE[operation]["503"]
        yield f"| {asked} | {_shown(cell.cold)} | {_shown(cell.warm)} |"
    yield ""
    yield "| the site | reason | tries | then | reason for Danawa's list |"
    yield "|---|---|---|---|---|"
    groups: dict[tuple[str | None, int, str], list[str]] = {}
    for fault, cell in TABLE["search"].items():
        groups.setdefault((cell.cold.reason, cell.tries, cell.circuit), []).append(fault)
    for (reason, tries, circuit), faults in groups.items():
        elsewhere: dict[str | None, list[str]] = {}
        for fault in faults:
            elsewhere.setdefault(TABLE["danawa_list"][fault].cold.reason, []).append(fault)
        elsewhere.pop(reason, None)
        other = "; ".join(f"`{told}` for {', '.join(names)}" for told, names in elsewhere.items())
        yield f"| {', '.join(faults)} | `{reason}` | {tries} | {_THEN[circuit]} | {other} |"


def _shown(told: Told) -> str:
    parts = [f"{told.http} `{told.state}`" + (f", `{told.reason}`" if told.reason == "stale" else "")]
    if told.x_cache == "stale":
        parts.append("`X-Cache: stale`")
    return ", ".join(parts)
