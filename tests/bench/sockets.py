"""The service over real sockets, against servers that do less, or the same with other libraries.

Server, stand-in and load generator are processes of their own; the server has one processor, everything else another.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

from yarl import URL

from dealerproxy.upstreams.encar.query import Search, q, search_url
from tests.bench import load, pages, servers, standin
from tests.bench.effort import Effort, in_turn
from tests.bench.figures import Bar, Figure, Round, Skipped, figure
from tests.bench.load import Load
from tests.bench.processes import Server, need, redis, serving, start_s
from tests.bench.servers import ASYNCIO, UVLOOP

# Numbers to hold.
CACHED = Bar("ratio", ">=", 0.6)
PROXIED = Bar("ratio", ">=", 6.0)
ADDED = Bar("added", "<", 5e-3)
ONE_CALL = Bar("value", "<=", 1)
SCRAPE = Bar("value", "<", 25e-3)
CHILDREN = Bar("value", "<=", 80)

LIST = "/v1/vehicles?make=Kia&model=K5&upstream=encar&sort=price_asc&limit=48"
FOUR_LEGS = "/v1/vehicles?make=Kia&model=K5,K8,Sorento,Carnival&upstream=encar&sort=price_asc&limit=48"
CAR = "/v1/vehicles/encar_"
METRICS = "/metrics"
PAUSE_S = 0.05
CONNECTIONS = (1, 16, 64, 256)
# Enough to keep a server busy, so that its rate shows all it can.
# With those of the turn before, which the service still works on, no more than its queue holds.
BUSY = 24
IDENTICAL = 100
DEFAULTS: Mapping[str, object] = {}
# Nothing grows old or is dropped while it is measured.
LASTING: Mapping[str, object] = {"list_fresh_s": 3600.0, "cache_mb": 1024}
# The least that says where it listens.
BARE_START = """
import asyncio, sys
from aiohttp import ClientSession, web
async def main():
    async with ClientSession():
        runner = web.AppRunner(web.Application())
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print("listens on", runner.addresses, file=sys.stderr, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""

Requests = Iterator[bytes]
# Numbers no request had before, whichever server it goes to.
_numbers = itertools.count()


class Servers(ExitStack):
    """Servers that end with it."""

    def site(self, pause_s: float = 0.0) -> Server:
        """The stand-in."""
        return self.enter_context(serving(standin.serve, pages.routes(), pause_s, measured=False))

    def service(self, site: Server, loop: str = ASYNCIO, settings: Mapping[str, object] = DEFAULTS) -> Server:
        """The service, asking the stand-in."""
        return self.enter_context(serving(servers.service, _url(site), loop, settings))

    def bare(self, like: Server, path: str, loop: str = ASYNCIO) -> Server:
        """A handler that sends the bytes and the headers that another server sends."""
        headers, body = load.fetch(like.port, path)
        kept = {name: value for name, value in headers.items() if name not in {"Content-Length", "Date", "Server"}}
        return self.enter_context(serving(servers.bare, loop, body, kept))

    def passing_on(self, site: Server, loop: str = ASYNCIO) -> Server:
        """A handler that sends on what the stand-in says."""
        return self.enter_context(serving(servers.passing_on, _url(site), loop, search_path()))

    def peer(self, site: Server, loop: str = ASYNCIO) -> Server:
        """The same job in FastAPI and httpx. Raises Skipped where they are not installed."""
        need("fastapi", "httpx", "pydantic", "uvicorn", "httptools", extra="bench")
        from tests.bench import peer  # noqa: PLC0415  # an optional extra

        return self.enter_context(serving(peer.serve, _url(site), loop))


class Taken(NamedTuple):
    """A turn over sockets; `cpu_s` is the server's processor time an answer."""

    load: Load
    cpu_s: float


def search_path() -> str:
    """The path by which the stand-in is asked for the rows of `LIST`."""
    return str(
        search_url(URL("http://site"), q(Search(make=pages.MAKE, model_group="K5")), "PriceAsc", 0, 48).relative()
    )


def same(path: str) -> Requests:
    """The same question again and again."""
    return itertools.repeat(load.request(path))


def new(path: str) -> Requests:
    """Questions nobody asked before; all have the same rows for an answer."""
    return (load.request(f"{path}&mileage_max_km={1_000_000 + number}") for number in _numbers)


def new_cars() -> Requests:
    """Cars nobody asked for before."""
    return (load.request(f"{CAR}{10_000_000 + number}?include=dealer") for number in _numbers)


def cached(effort: Effort) -> Iterator[Figure]:
    """48 rows at hand."""
    case, baseline = "cached-list", "aiohttp sending the same bytes"
    with Servers() as house:
        site = house.site()
        service = house.service(site, settings=LASTING)
        bare = house.bare(service, LIST)
        taken = take(effort, BUSY, (service, same(LIST)), (bare, same(LIST)), (site, same(search_path())))
    yield from compared(case, "48 rows at hand", baseline, [turns[:2] for turns in taken], CACHED)
    rates = [(Round(limit.load.rate), Round(other.load.rate)) for _, other, limit in taken]
    yield figure(case, "what the load generator can take, beside the server it asks", "/s", baseline, rates)


def proxied(effort: Effort, connections: int, loop: str = ASYNCIO) -> Iterator[Figure]:
    """48 rows that were never asked for before, of a site that answers at once."""
    case, what = f"proxy-{connections}", "48 rows fetched and normalised"
    if loop != ASYNCIO:
        need(loop, extra=loop)
        case += f"-{loop}"
    missing: Skipped | None = None
    with Servers() as house:
        site = house.site()
        asked = [house.service(site, loop), house.passing_on(site, loop)]
        try:
            asked.append(house.peer(site, loop))
        except Skipped as why:
            missing = why
        taken = take(effort, connections, *((server, new(LIST)) for server in asked))
    if missing is None:
        yield from compared(case, what, "FastAPI, httpx, pydantic", [turns[::2] for turns in taken], PROXIED)
    yield from compared(case, what, "aiohttp passing the bytes on", [turns[:2] for turns in taken])
    if missing is not None:
        raise missing


def added(effort: Effort) -> Iterator[Figure]:
    """What the service adds to a site 50 ms away."""
    few = effort._replace(rounds=min(3, effort.rounds))
    with Servers() as house:
        site = house.site(PAUSE_S)
        service = house.service(site)
        for legs, path in ((1, LIST), (4, FOUR_LEGS)):
            for connections in CONNECTIONS[:2] if effort.quick else CONNECTIONS:
                taken = take(few, connections, (service, new(path)), (site, same(search_path())), within_s=PAUSE_S)
                what = f"{legs} of 48 rows, {connections} connections"
                bar = ADDED if (legs, connections) == (1, 16) else None
                rounds = [(_latency(mine), _latency(other)) for mine, other in taken]
                yield figure("fan-out", what, "s", "the site itself, 50 ms away", rounds, bar)


def detail(effort: Effort) -> Iterator[Figure]:
    """Cars with their three papers, of a site that answers at once."""
    with Servers() as house:
        site = house.site()
        service, through = house.service(site), house.passing_on(site)
        taken = take(effort, BUSY, (service, new_cars()), (through, new_cars()))
    yield from compared("detail", "a car and its three papers", "aiohttp passing the four on", taken)


def on_uvloop(effort: Effort) -> Iterator[Figure]:
    """The service on uvloop against itself on asyncio's own event loop."""
    need(UVLOOP, extra=UVLOOP)
    with Servers() as house:
        site = house.site()
        plain, fast = (house.service(site, loop, LASTING) for loop in (ASYNCIO, UVLOOP))
        bare_plain, bare_fast = (house.bare(plain, LIST, loop) for loop in (ASYNCIO, UVLOOP))
        for what, pair, requests in (
            ("48 rows at hand", (fast, plain), same(LIST)),
            ("48 rows fetched and normalised", (fast, plain), new(LIST)),
            ("a car and its three papers", (fast, plain), new_cars()),
            ("aiohttp sending bytes", (bare_fast, bare_plain), same(LIST)),
        ):
            taken = take(effort, BUSY, *((server, requests) for server in pair))
            yield from compared(UVLOOP, what, "the same on asyncio's loop", taken)


def misses(effort: Effort) -> Iterator[Figure]:
    """A hundred who ask for the same page at once, which nobody has."""
    with Servers() as house:
        site = house.site(PAUSE_S)
        service, through = house.service(site), house.passing_on(site)
        taken = in_turn(effort.rounds, partial(_burst, site, service), partial(_burst, site, through))
    yield from _bursts("misses", f"{IDENTICAL} identical misses", "aiohttp passing the bytes on", taken)


def together(effort: Effort) -> Iterator[Figure]:
    """Two processes with one Redis: what one has read, the other finds there."""
    number = 20 if effort.quick else 200
    with redis() as at, Servers() as house:
        site = house.site(PAUSE_S)
        one, other = (house.service(site, settings={**LASTING, "redis_url": at}) for _ in range(2))
        alone = house.passing_on(site)
        rounds = [_found_in_redis(site, one, other, number) for _ in range(effort.rounds)]
        bursts = in_turn(effort.rounds, partial(_burst, site, one, other), partial(_burst, site, alone))
    yield figure("redis", "a page another process has read", "s", "a page in memory", rounds)
    what = f"{IDENTICAL} identical misses over two processes"
    yield from _bursts("redis", what, "aiohttp passing the bytes on", bursts)


def memory(effort: Effort) -> Iterator[Figure]:
    """What a page takes that was asked for once: the chunk it was made of, and the answer."""
    number = 60 if effort.quick else 600
    with Servers() as house:
        service = house.service(house.site(), settings=LASTING)
        load.ask(service.port, new(LIST), connections=4, count=number)
        before = service.resident_bytes()
        load.ask(service.port, new(LIST), connections=4, count=number)
        each = (service.resident_bytes() - before) / number
        body = len(load.fetch(service.port, LIST)[1])
    yield figure(
        "memory", "a page of 48 rows, both layers", "B", "the bytes of its answer", [(Round(each), Round(body))]
    )


def start(effort: Effort) -> Iterator[Figure]:
    """From the command to the socket."""
    taken = in_turn(
        effort.rounds,
        lambda: Round(start_s(("-m", "dealerproxy", "serve"), "listens on", port=0)),
        lambda: Round(start_s(("-c", BARE_START), "listens on")),
    )
    yield figure("start", "until it listens", "s", "an aiohttp server and client alone", [(a, b) for a, b in taken])


def scrape(effort: Effort) -> Iterator[Figure]:
    """What Prometheus fetches, of a service that has been asked all kinds of things."""
    with Servers() as house:
        service = house.service(house.site())
        for requests in (new(LIST), new(FOUR_LEGS), new_cars()):
            load.ask(service.port, requests, connections=4, count=30)
        try:
            text = load.fetch(service.port, METRICS)[1].decode()
        except load.Failed:
            raise Skipped("this service has no /metrics") from None
        bare = house.bare(service, METRICS)
        taken = take(effort, 1, (service, same(METRICS)), (bare, same(METRICS)))
    rounds = [(_latency(mine), _latency(other)) for mine, other in taken]
    yield figure("scrape", "a scrape", "s", "aiohttp sending the same bytes", rounds, SCRAPE)
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    counts = (Round(sum('le="+Inf"' in line for line in lines)), Round(len(lines)))
    yield figure("scrape", "histogram children", "", "all series", [counts], CHILDREN)


CASES: Mapping[str, Callable[[Effort], Iterator[Figure]]] = {
    "cached-list": cached,
    "proxy-16": partial(proxied, connections=16),
    "proxy-64": partial(proxied, connections=64),
    "proxy-16-uvloop": partial(proxied, connections=16, loop=UVLOOP),
    "fan-out": added,
    "detail": detail,
    "misses": misses,
    "redis": together,
    "memory": memory,
    "start": start,
    "scrape": scrape,
    "uvloop": on_uvloop,
}


def _url(server: Server) -> str:
    return f"http://{load.HOST}:{server.port}"


def take(
    effort: Effort, connections: int, *asked: tuple[Server, Requests], within_s: float = 0.0
) -> Sequence[Sequence[Taken]]:
    """Let servers take turns under load, each after a short run that does not count."""

    def turn(server: Server, requests: Requests, seconds: float) -> Taken:
        used = server.cpu_s()
        taken = load.ask(server.port, requests, connections=connections, seconds=seconds, within_s=within_s)
        return Taken(taken, (server.cpu_s() - used) / len(taken.latencies))

    for each in asked:
        turn(*each, effort.socket_s / 4)
    return in_turn(effort.rounds, *(partial(turn, *each, effort.socket_s) for each in asked))


def compared(
    case: str, what: str, baseline: str, taken: Sequence[Sequence[Taken]], bar: Bar | None = None
) -> Iterator[Figure]:
    """Three figures; `bar` is about the rate, and so about processor time, which is true on a busy machine as well."""
    rates = [(Round(mine.load.rate), Round(other.load.rate)) for mine, other in taken]
    yield figure(case, what, "/s", baseline, rates, bar)
    yield figure(case, f"{what}: latency", "s", baseline, [(_latency(mine), _latency(other)) for mine, other in taken])
    spent = [(Round(mine.cpu_s), Round(other.cpu_s)) for mine, other in taken]
    if all(mine.value and other.value for mine, other in spent):
        inverse = None if bar is None else Bar("ratio", "<=", 1 / bar.bound)
        yield figure(case, f"{what}: processor time", "s", baseline, spent, inverse)


def _latency(taken: Taken) -> Round:
    return Round(taken.load.p50, taken.load.p99)


def _calls(site: Server) -> int:
    return int(load.fetch(site.port, standin.CALLS)[1])


def _burst(site: Server, *asked: Server) -> tuple[Round, Round]:
    """Ask the same new thing a hundred times at once: how often the site was asked, and seconds until all know."""
    before = _calls(site)
    request = next(new(LIST))
    taken = load.ask_all([server.port for server in asked], itertools.repeat(request), IDENTICAL)
    return Round(_calls(site) - before), Round(taken.seconds)


def _bursts(case: str, what: str, baseline: str, taken: Sequence[Sequence[tuple[Round, Round]]]) -> Iterator[Figure]:
    yield figure(case, f"{what}: calls", "", baseline, [(mine[0], other[0]) for mine, other in taken], ONE_CALL)
    yield figure(case, f"{what}: until all know", "s", baseline, [(mine[1], other[1]) for mine, other in taken])


def _found_in_redis(site: Server, one: Server, other: Server, number: int) -> tuple[Round, Round]:
    """Latencies of the same new pages, found in Redis and then in memory."""
    # With a rate of their own no whole answers are kept, so that the second time it is the chunk that is found.
    asked = list(itertools.islice(new(f"{LIST}&krw_per_usd=1300"), number))

    def ask(server: Server, connections: int = 1) -> Round:
        taken = load.ask(server.port, iter(asked), connections=connections, count=number)
        return Round(taken.p50, taken.p99)

    ask(one, BUSY)
    before = _calls(site)
    found, again = ask(other), ask(other)
    if _calls(site) != before:
        raise load.Failed("the site was asked for what Redis had")
    return found, again
