"""How the cost grows with what there is to do: every size against the smallest, in turn."""

import asyncio
import itertools
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence

from dealerproxy import vocabulary
from dealerproxy.cache.cache import StaleCache
from dealerproxy.cache.entries import CachePolicy
from dealerproxy.contract.deadline import Deadline
from dealerproxy.upstreams.encar.rows import read_search
from dealerproxy.upstreams.encar.search import chunk_of
from dealerproxy.vehicles.listing import Chunk
from tests.bench import pages, stock
from tests.bench.effort import Effort, Stretch, awaits, calls, timed
from tests.bench.figures import Figure, Round, figure

LEGS = (1, 2, 4, 8, 16, 24)
ROWS = (1, 6, 12, 24, 48)
KEPT = (10, 100, 1_000, 10_000, 100_000)
LONG = Deadline(3600.0)
UNBOUNDED = 2**40
KIND: CachePolicy[Chunk] = CachePolicy("chunk", Chunk, fresh_s=3600.0, revalidate_s=3600.0, if_error_s=3600.0)


def legs(effort: Effort) -> Iterator[Figure]:
    """A page of 48 and its cursor, out of more and more legs at hand."""
    words = vocabulary.load()
    like = stock.listings(words)

    def of(number: int) -> Stretch:
        query, planned = stock.planned(number, words)
        service = stock.service(stock.Ready(planned.legs, like), words)
        return awaits(lambda: service.answer(query, LONG))

    yield from _grown(effort, "growth-legs", "a page of 48 out of {} legs", LEGS, of)


def rows(effort: Effort) -> Iterator[Figure]:
    """A page of Encar's search with more and more rows."""
    words = vocabulary.load()
    (leg,) = stock.planned(1, words)[1].legs

    def of(number: int) -> Stretch:
        body = pages.search_page(rows=number)
        return calls(lambda: read_search(body, stock.asked(leg), words))

    yield from _grown(effort, "growth-rows", "{} rows decoded and normalised", ROWS, of)


def kept(effort: Effort) -> Iterator[Figure]:
    """Finding a piece among more and more of them, then putting one in the place of another: the memory is full."""

    async def load() -> Chunk:
        return Chunk((), 0, ended=True)

    async def put(cache: StaleCache, number: int) -> StaleCache:
        for at in range(number):
            await cache.get(KIND, str(at), load, LONG)
        return cache

    each = asyncio.run(put(StaleCache(), 1)).memory.size
    sizes = KEPT[:3] if effort.quick else KEPT
    full = {number: asyncio.run(put(StaleCache(max_bytes=number * each), number)) for number in sizes}

    def finding(number: int) -> Stretch:
        turn = itertools.cycle(map(str, range(number)))
        return awaits(lambda: full[number].get(KIND, next(turn), load, LONG))

    def adding(number: int) -> Stretch:
        turn = itertools.count(number)
        return awaits(lambda: full[number].get(KIND, str(next(turn)), load, LONG))

    yield from _grown(effort, "growth-kept", "a piece found among {}", sizes, finding)
    yield from _grown(effort, "growth-kept", "a piece put among {}", sizes, adding)


def size(effort: Effort) -> Iterator[Figure]:
    """What a chunk of 48 rows takes in memory, against what it is counted for."""
    words = vocabulary.load()
    (leg,) = stock.planned(1, words)[1].legs
    bodies = [pages.search_page(number=number) for number in range(4 if effort.quick else 48)]

    async def keep(body: bytes, cache: StaleCache) -> None:
        async def load() -> Chunk:
            total, entries = read_search(body, stock.asked(leg), words)
            return chunk_of(entries, total, 0)

        await cache.get(KIND, body[:200].decode(), load, LONG)

    async def kept_all() -> StaleCache:
        cache = StaleCache(max_bytes=UNBOUNDED)
        for body in bodies:
            await keep(body, cache)
        return cache

    asyncio.run(kept_all())  # the words it meets first are not part of it
    tracemalloc.start()
    cache = asyncio.run(kept_all())
    traced, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    taken, counted = traced / len(bodies), cache.memory.size / len(bodies)
    what = "a chunk of 48 rows, as the process keeps it"
    yield figure("memory-chunk", what, "B", "counted of the cache's bound", [(Round(taken), Round(counted))])


CASES: Mapping[str, Callable[[Effort], Iterator[Figure]]] = {
    "growth-legs": legs,
    "growth-rows": rows,
    "growth-kept": kept,
    "memory-chunk": size,
}


def _grown(
    effort: Effort, case: str, what: str, sizes: Sequence[int], of: Callable[[int], Stretch]
) -> Iterator[Figure]:
    smallest = what.format(sizes[0])
    taken = timed(effort, *map(of, sizes))
    for at, number in enumerate(sizes):
        yield figure(case, what.format(f"{number:,}"), "s", smallest, [(turn[at], turn[0]) for turn in taken])
