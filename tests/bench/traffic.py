"""Partners' traffic: the service as it is set by default, in front of sites of the real size and distance.

A bounded, seeded stream of visitors asks for lists, further pages and cars, whether or not answers come. A list is
whole if none of the sites that were asked failed or came in part.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import NamedTuple

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector
from msgspec import Struct

from dealerproxy import vocabulary
from dealerproxy.contract.answers import Status
from dealerproxy.settings import Settings
from dealerproxy.upstreams.danawa import client as danawa
from dealerproxy.upstreams.encar import client as encar
from tests.bench import load, market
from tests.bench.cars import Cars
from tests.bench.effort import Effort, Traffic
from tests.bench.figures import Bar, Figure, Round, figure, percentile
from tests.bench.processes import Server, serve_command, serving
from tests.bench.stocked import calls, stock_dir, urls
from tests.bench.visitors import Visit, Visitors

CASE = "partner-traffic"
SITE_AWAY_S = 0.15
# A visitor goes away after so long.
PATIENCE_S = 40.0
FEW_CARS, SHORT_S = 6_000, 3.0
BROKEN = {Status.FAILED, Status.PARTIAL}
PAPERS = {"inspection", "record"}
PAPER_KNOWN = {"ok", "absent"}
# So many of the reasons why lists are not whole are told.
REASONS_TOLD = 5
# Without stock a list is a call, a car is one and two for its papers.
CALLS_OF_A_CAR = 3


class Hold(NamedTuple):
    """Numbers to hold with both sites in stock; times in seconds."""

    whole: float
    cars: float
    papers: float = 0.0
    p50_s: float = PATIENCE_S
    p95_s: float = PATIENCE_S


# By requests a second.
HOLDS: Mapping[float, Hold] = {
    5: Hold(0.985, 0.99, 0.75, 0.05, 1.5),
    10: Hold(0.94, 0.985, 0.0, 0.05, 2.0),
    20: Hold(0.88, 0.96, 0.0, 0.05, 3.0),
    60: Hold(0.8, 0.85),
}


class _Source(Struct):
    name: str
    status: Status
    reason: str | None = None


class _Row(Struct):
    id: str


class _Details(Struct):
    sources: Sequence[_Source] = ()


class _Error(Struct):
    code: str
    details: _Details = msgspec.field(default_factory=_Details)


class _Paper(Struct):
    name: str
    status: str


class _Answer(Struct):
    """What is looked at of a list, a car or an error."""

    data: Sequence[_Row] = ()
    next_cursor: str | None = None
    sources: Sequence[_Source] = ()
    enrichment: Sequence[_Paper] = ()
    error: _Error | None = None


class Outcome(NamedTuple):
    """What came of a visit: seconds it took, whether the list was whole or the car came, with papers, and why not."""

    visit: Visit
    minute: int
    seconds: float
    good: bool
    papers: bool | None = None
    reasons: Sequence[str] = ()


def partner_traffic(effort: Effort) -> Iterator[Figure]:
    """Send the traffic; both sites are in stock unless it is to be from cold."""
    traffic, most = effort.traffic, float("inf")
    if effort.quick:
        traffic, most = traffic._replace(seconds=SHORT_S, cold=True), FEW_CARS
    cars = Cars(vocabulary.load(), most)
    with ExitStack() as opened:
        kept: dict[str, str] = {}
        if not traffic.cold:
            kept = {"stock_dir": opened.enter_context(stock_dir(most)), "encar_warm": "*"}
        site = opened.enter_context(serving(market.serve, SITE_AWAY_S, traffic.page_rows, most, measured=False))
        service = opened.enter_context(serve_command(**urls(site), **kept, **dict(traffic.settings)))
        time.sleep(traffic.quiet_s)
        before, used, resident = calls(site), service.cpu_s(), service.resident_bytes()
        outcomes = asyncio.run(_visit(service, Visitors(cars, traffic.seed), traffic))
        after = calls(site)
        spent = (service.cpu_s() - used) / len(outcomes)
        yield from summed_up(outcomes, traffic)
        yield from _calls(outcomes, before, after)
        yield _one("processor time a request", "s", spent, "the seconds between two requests", 1 / traffic.rate)
        yield _one("most memory ever", "B", service.peak_bytes(), "before the first visitor", resident)


def summed_up(outcomes: Sequence[Outcome], traffic: Traffic) -> Iterator[Figure]:
    """Yield what share came, and how long it took; held to the numbers of the rate with both sites in stock."""
    hold = None if traffic.cold or traffic.settings else HOLDS.get(traffic.rate)
    yield from _shares(outcomes, traffic.rate, hold)
    yield from _times(outcomes, hold)


async def _visit(service: Server, visitors: Visitors, traffic: Traffic) -> Sequence[Outcome]:
    """Ask at even distances, and wait for all answers."""
    timeout, connector = ClientTimeout(total=PATIENCE_S), TCPConnector(limit=0)
    async with ClientSession(f"http://{load.HOST}:{service.port}", timeout=timeout, connector=connector) as session:
        began, asked = time.perf_counter(), list[asyncio.Task[Outcome]]()
        for number in range(round(traffic.rate * traffic.seconds)):
            due_s = number / traffic.rate
            await asyncio.sleep(max(0.0, began + due_s - time.perf_counter()))
            asked.append(asyncio.create_task(_ask(session, visitors, visitors.next(), int(due_s // 60))))
        return await asyncio.gather(*asked)


async def _ask(session: ClientSession, visitors: Visitors, visit: Visit, minute: int) -> Outcome:
    began = time.perf_counter()
    try:
        async with session.get(visit.path) as response:
            status, body = response.status, await response.read()
    except (ClientError, TimeoutError) as error:
        return Outcome(visit, minute, time.perf_counter() - began, good=False, reasons=[type(error).__name__])
    seconds, answer = time.perf_counter() - began, msgspec.json.decode(body, type=_Answer)
    why = [f"{status} {answer.error.code}"] if answer.error is not None else []
    if visit.kind == "car":
        papers = [paper.status in PAPER_KNOWN for paper in answer.enrichment if paper.name in PAPERS]
        return Outcome(visit, minute, seconds, status == 200, all(papers) if status == 200 else None, why)
    visitors.answered(visit.query, [row.id for row in answer.data if row.id.startswith("encar")], answer.next_cursor)
    sources = answer.sources if answer.error is None else answer.error.details.sources
    why = [f"{each.name} {each.status}: {each.reason}" for each in sources if each.status in BROKEN] or why
    return Outcome(visit, minute, seconds, status == 200 and not why, None, why)


def _shares(outcomes: Sequence[Outcome], rate: float, hold: Hold | None) -> Iterator[Figure]:
    lists, cars = _of(outcomes, "list"), _of(outcomes, "car")
    papers = [each.papers for each in cars if each.papers is not None]
    for what, all_of_them, got, least in (
        ("whole lists", "lists", [each.good for each in lists], hold and hold.whole),
        ("cars", "cars asked for", [each.good for each in cars], hold and hold.cars),
        ("cars with papers", "cars", papers, hold and hold.papers),
    ):
        if got:
            bar = Bar("ratio", ">=", least) if least else None
            yield _one(f"{what}, {rate:g} requests a second", "", sum(got), all_of_them, len(got), bar)
    minutes = sorted({each.minute for each in lists})
    for minute in minutes if len(minutes) > 1 else ():
        good = [each.good for each in lists if each.minute == minute]
        yield _one(f"whole lists in minute {minute + 1}", "", sum(good), "lists", len(good))
    reasons = Counter(reason for each in outcomes for reason in each.reasons)
    for reason, number in reasons.most_common(REASONS_TOLD):
        yield _one(f"not whole: {reason}", "", number, "requests", len(outcomes))


def _times(outcomes: Sequence[Outcome], hold: Hold | None) -> Iterator[Figure]:
    took = sorted(each.seconds for each in outcomes)
    for name, part, most in (
        ("p50", 0.5, hold and hold.p50_s),
        ("p95", 0.95, hold and hold.p95_s),
        ("p99", 0.99, None),
    ):
        bar = Bar("value", "<", most) if most else None
        yield _one(f"{name} of all answers", "s", percentile(took, part), "the site itself", SITE_AWAY_S, bar)


def _calls(outcomes: Sequence[Outcome], before: market.Calls, after: market.Calls) -> Iterator[Figure]:
    plain = len(_of(outcomes, "list")) + CALLS_OF_A_CAR * len(_of(outcomes, "car"))
    for operation, number in sorted(after.operations.items()):
        sent = number - before.operations.get(operation, 0)
        if sent:
            yield _one(f"calls: {operation}", "", sent, "without stock: calls of all kinds", plain)
    bursts = {
        "encar": (Settings().encar_rps, encar.MANNERS.burst),
        "danawa": (Settings().danawa_rps, danawa.LIST_MANNERS.burst),
    }
    for site, (rate, burst) in bursts.items():
        if site in after.most_in_a_second:
            most = Bar("value", "<=", rate + burst)
            yield _one(f"calls to {site}, most in a second", "", after.most_in_a_second[site], "its rate", rate, most)


def _of(outcomes: Sequence[Outcome], kind: str) -> Sequence[Outcome]:
    return [each for each in outcomes if each.visit.kind == kind]


def _one(what: str, unit: str, value: float, baseline: str, base: float, bar: Bar | None = None) -> Figure:
    return figure(CASE, what, unit, baseline, [(Round(value), Round(base))], bar)


CASES: Mapping[str, Callable[[Effort], Iterator[Figure]]] = {CASE: partner_traffic}
