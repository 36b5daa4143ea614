"""Fetches one small page of each operation of each site, and reports the shape of the answers.

The same answers give the same table, so that the tables of two days can be compared with `diff`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dealerproxy.captures.capture import About, Capture, Request, counted, sha256, utc_now
from dealerproxy.captures.fetching import Unfetched, fetching, pages_of_car, papers_of
from dealerproxy.captures.reading import Reading, is_drift, read
from dealerproxy.captures.shapes import Line, shape_of, shape_of_lists
from dealerproxy.captures.sites import OPERATIONS, Page, recognise
from dealerproxy.contract.ids import LISTING_IDS
from dealerproxy.settings import Settings
from dealerproxy.transport.errors import Drift, NotFound
from dealerproxy.transport.response import Response
from dealerproxy.upstreams.danawa import listing
from dealerproxy.upstreams.danawa import operations as danawa
from dealerproxy.upstreams.danawa.urls import list_url
from dealerproxy.upstreams.encar import operations as encar
from dealerproxy.upstreams.encar.advert import page_state
from dealerproxy.upstreams.encar.query import Search, TruckSearch, facets_url, makes_q, q, search_url, trucks_q
from dealerproxy.upstreams.encar.rows import COUNT, ROWS
from dealerproxy.upstreams.values import decode
from dealerproxy.vocabulary import Vocabulary

GOOD, WRONG, UNUSABLE = 0, 1, 2
# A make of which both sites always have cars, but few enough for a small answer.
MAKE = "기아"
# A truck of which there are thousands: a count of 0 means that a word or an axis of the query is wrong.
TRUCKS_SEARCH = TruckSearch(maker="현대", models=("포터 Ⅱ",))
NO_TRUCKS = f"{COUNT}: 0 for a truck of which there are thousands: a word or an axis of the query is wrong"
CARS = 20
ABSENT = "this car has none (404)"
_NUMBERS = {
    encar.SEARCH.name: re.compile(rf'"Id"\s*:\s*"({LISTING_IDS["encar"].pattern})"'.encode()),
    encar.TRUCK_SEARCH.name: re.compile(rf'"Id"\s*:\s*"({LISTING_IDS["encar"].pattern})"'.encode()),
    danawa.LIST.name: re.compile(rf"sDemoNo=({LISTING_IDS['danawa'].pattern})(?![0-9])".encode()),
}
# The papers of a car as a search row names them, in `Condition` and `ServiceMark`: of the cars with P0 2,269 of 2,382
# had a diagnosis, of those with P1 and P2 none.
_PAPERS = ("Inspection", "Record", "EncarDiagnosisP0")
_PATH_WIDTH = 46


class Finding(NamedTuple):
    """The finding for one operation; `failure` is the error's code when an answer was unusable."""

    upstream: str
    operation: str
    told: str
    failure: str | None
    lines: Sequence[Line] = ()


async def ask_around(settings: Settings, vocabulary: Vocabulary) -> list[Finding]:
    """Fetch one page of each operation. Cars are from the lists: the first one with the most papers."""
    api = encar.API.home
    first = (
        search_url(api, q(Search(make=MAKE)), "Year", 0, CARS),
        facets_url(api, makes_q()),
        search_url(api, trucks_q(TRUCKS_SEARCH), "Year", 0, CARS, path=encar.TRUCK_SEARCH.path),
        list_url(danawa.SITE.home, 1),
    )
    waiting = [page for page in map(recognise, first) if page is not None]
    answers: list[Capture] = []
    silent: list[Finding] = []
    async with fetching(settings) as fetch:
        while waiting:
            page = waiting.pop(0)
            try:
                response = await fetch(page)
            except Unfetched as error:
                silent.append(Finding(page.upstream, page.operation, str(error), "unreachable"))
                continue
            answer = _as_capture(page, response)
            answers.append(answer)
            reading = read(answer, vocabulary)
            waiting += _cars_on(answer, reading) or ([] if _is_truck(reading) else papers_of(page, response))
    return [*look_at(answers, vocabulary), *silent]


def look_at(captures: Iterable[Capture], vocabulary: Vocabulary) -> list[Finding]:
    """Return one finding for each operation in the captures."""
    groups: dict[tuple[str, str], list[Capture]] = {}
    for capture in captures:
        groups.setdefault((capture.about.upstream, capture.about.operation), []).append(capture)
    return [_finding(*group, members, vocabulary) for group, members in sorted(groups.items())]


def status(found: Iterable[Finding]) -> int:
    """Return the exit status: drift outranks a site that could not be fetched."""
    failures = {finding.failure for finding in found} - {None}
    return WRONG if Drift.code in failures else UNUSABLE if failures else GOOD


def table(found: Iterable[Finding]) -> str:
    """Return all findings as lines of text; missing and new paths are marked."""
    lines: list[str] = []
    for finding in found:
        lines.append(f"{finding.upstream} {finding.operation}: {finding.told}")
        if finding.lines:
            lines.append(f"  {'path':<{_PATH_WIDTH}} {'need':<9} {'there/of':>9}   filled")
        for line in finding.lines:
            missing = line.need == "mandatory" and line.found < line.of
            mark = "!" if missing else "+" if line.need == "new" else " "
            share = f"{100 * line.filled // line.of}% filled" if line.of else ""
            counts = f"{line.found:>5}/{line.of:<5}"
            lines.append(f"{mark} {line.path:<{_PATH_WIDTH}} {line.need:<9} {counts} {share}".rstrip())
    return "\n".join(lines)


def _finding(upstream: str, operation: str, captures: Sequence[Capture], vocabulary: Vocabulary) -> Finding:
    readings = [read(capture, vocabulary) for capture in captures]
    failed = [reading for reading in readings if reading.error is not None and not _is_absence(reading, operation)]
    worst = next(filter(is_drift, failed), failed[0] if failed else None)
    if operation == danawa.LIST.name:
        lines = shape_of_lists([listing.decode(capture.response.body, None) for capture in captures])
    else:
        documents = [document for document in map(_document, captures) if document is not None]
        lines = shape_of(operation, documents) if documents else []
    if worst is None and any(map(_lacks_trucks, captures, readings)):
        return Finding(upstream, operation, NO_TRUCKS, Drift.code, lines)
    only = ABSENT if _is_absence(readings[0], operation) else readings[0].told
    return Finding(
        upstream,
        operation,
        worst.told if worst else only if len(captures) == 1 else counted(len(captures), "page"),
        None if worst is None else _code(worst),
        lines,
    )


def _is_absence(reading: Reading, operation: str) -> bool:
    """Whether an answer means only that a car lacks this paper."""
    papers = {encar.INSPECTION.name, encar.RECORD.name, encar.DIAGNOSIS.name}
    return operation in papers and reading.error is not None and reading.error["error"] == NotFound.__name__


def _lacks_trucks(capture: Capture, reading: Reading) -> bool:
    """Whether the answer to our own search for trucks counts none."""
    ours = capture.url.query.get("q") == trucks_q(TRUCKS_SEARCH)
    return ours and (reading.document or {}).get("total") == 0


def _code(reading: Reading) -> str:
    return str((reading.error or {})["code"])


def _cars_on(answer: Capture, reading: Reading) -> list[Page]:
    """Return the pages of a car on a list, if possible a readable one; none if the answer is no list."""
    number = _NUMBERS.get(answer.about.operation)
    if number is None:
        return []
    rows = (reading.document or {}).get("rows", ())
    found = [row["listing_id"] for row in rows if "price_krw" in row]
    found = found or [each.decode() for each in number.findall(answer.response.body)]
    pages = pages_of_car(answer.about.upstream, max(found, key=_papers(answer).__getitem__)) if found else []
    return pages[:1] if answer.about.operation == encar.TRUCK_SEARCH.name else pages


def _is_truck(reading: Reading) -> bool:
    """Whether it is a truck's advert. Its papers are not fetched, because a car's papers have the same fields."""
    return bool(((reading.document or {}).get("car") or {}).get("truck"))


def _papers(answer: Capture) -> Counter[str]:
    """Return the number of papers in each row of a search; empty for any other answer."""
    document = _document(answer)
    found = document.get(ROWS) if isinstance(document, dict) else None
    rows = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
    said = {str(row.get("Id")): (row.get("Condition"), row.get("ServiceMark")) for row in rows}
    return Counter(
        {
            number: sum(mark in words for words in lists if isinstance(words, list) for mark in _PAPERS)
            for number, lists in said.items()
        }
    )


def _document(capture: Capture) -> object:
    """Return an answer as plain data; None when it is unreadable."""
    body = capture.response.body
    try:
        return page_state(body) if capture.about.operation == encar.PAGE.name else decode(body, object)
    except Drift:
        return None


def _as_capture(page: Page, response: Response) -> Capture:
    """Return an answer as a capture, unscrubbed because it is never written."""
    about = About(
        upstream=page.upstream,
        operation=page.operation,
        captured_at=utc_now(),
        url=str(page.url),
        provenance="captured",
        sha256=sha256(response.body),
    )
    return Capture(
        name=page.operation,
        request=Request("GET", str(page.url)),
        response=response,
        html=OPERATIONS[page.operation].html,
        about=about,
    )
