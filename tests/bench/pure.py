"""What the service does between a site's bytes and its own, each step against the least any program must do for it."""

import base64
import hashlib
import heapq
import hmac
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from urllib.parse import quote

import msgspec
import orjson
from selectolax.lexbor import LexborHTMLParser
from yarl import URL

from dealerproxy import vocabulary
from dealerproxy.api.http import encode
from dealerproxy.captures.fetching import PLANNERS
from dealerproxy.contract.deadline import Deadline
from dealerproxy.contract.terms import PAGE_MAX, Sort
from dealerproxy.search.cursor import CursorCodec, LegCursor, ReturnedIds, fingerprint
from dealerproxy.search.leg_reader import reader_of
from dealerproxy.search.merge import MergedPage, merge_legs
from dealerproxy.search.plan import plan
from dealerproxy.search.query import parse
from dealerproxy.upstreams.danawa.listing import ListRow, read_list
from dealerproxy.upstreams.danawa.names import normalise
from dealerproxy.upstreams.encar.facets import MODEL_GROUPS, read_facets
from dealerproxy.upstreams.encar.query import ANY_MONTH, Search, q, search_url
from dealerproxy.upstreams.encar.rows import read_search
from dealerproxy.upstreams.paging import SORT_KEYS
from dealerproxy.vehicles.render import summarise
from tests.bench import pages, stock
from tests.bench.effort import Effort, Stretch, awaits, calls, timed
from tests.bench.figures import Bar, Figure, figure

BASE = URL("https://api.encar.com")
ENCAR_PAGE = Bar("value", "<", 0.5e-3)
DANAWA_PAGE = Bar("value", "<", 1.5e-3)
MOST_LEGS = 24
# Different pages, taken in turn, so that no cache of words sees the same row again at once.
DIFFERENT_PAGES = 12


def encar_page(effort: Effort) -> Iterator[Figure]:
    """48 rows of Encar's search, decoded and normalised."""
    words = vocabulary.load()
    (leg,) = stock.planned(1, words)[1].legs
    bodies = [pages.search_page(number=number) for number in range(DIFFERENT_PAGES)]
    yield _pair(
        effort,
        "encar-page",
        ("48 rows decoded and normalised", _over(bodies, lambda body: read_search(body, stock.asked(leg), words))),
        ("orjson.loads alone", _over(bodies, orjson.loads)),
        ENCAR_PAGE,
    )


def danawa_page(effort: Effort) -> Iterator[Figure]:
    """30 rows of Danawa's list, parsed and normalised."""
    words, body = vocabulary.load(), pages.list_page()

    def read() -> object:
        return [normalise(row, words) for row in read_list(body).rows if isinstance(row, ListRow)]

    yield _pair(
        effort,
        "danawa-page",
        ("30 rows parsed and normalised", calls(read)),
        ("selectolax building the tree alone", calls(lambda: LexborHTMLParser(body.decode()))),
        DANAWA_PAGE,
    )


def facets(effort: Effort) -> Iterator[Figure]:
    """A whole navigation of Encar's."""
    body = pages.facets(vocabulary.load())
    yield _pair(
        effort,
        "facets",
        (f"{len(body) // 1000} kB of facets read", calls(lambda: read_facets(body, MODEL_GROUPS))),
        ("orjson.loads alone", calls(lambda: orjson.loads(body))),
    )


def render(effort: Effort) -> Iterator[Figure]:
    """48 rows into dollars and into bytes."""
    words = vocabulary.load()
    rows = stock.listings(words)
    shown = [summarise(row, stock.RATE.krw_per_usd) for row in rows]
    plain = orjson.loads(encode(shown))
    yield _pair(
        effort,
        "encode",
        ("48 rows encoded", calls(lambda: encode(shown))),
        ("orjson of plain dicts", calls(lambda: orjson.dumps(plain))),
    )
    yield _pair(
        effort,
        "summarise",
        ("48 rows priced in dollars", calls(lambda: [summarise(row, stock.RATE.krw_per_usd) for row in rows])),
        ("48 dicts built", calls(lambda: [dict(row) for row in plain])),
    )


def question(effort: Effort) -> Iterator[Figure]:
    """The way from a query string to an address."""
    words = vocabulary.load()
    filters = {"year_min": ["2019"], "price_max_usd": ["30000"], "fuel": ["diesel"]}
    asked = {**stock.params(1, words), **filters}
    yield _pair(
        effort,
        "query",
        (
            "a query string validated and planned",
            calls(lambda: plan(parse(asked, words), stock.RATE.krw_per_usd, words, PLANNERS)),
        ),
        ("msgspec.convert of it", calls(lambda: msgspec.convert(asked, Mapping[str, Sequence[str]]))),
    )
    search = Search(
        make=pages.MAKE,
        model_group="K5",
        registered=ANY_MONTH,
        mileage=(0, 100_000),
        fuels=("디젤",),
        options=("선루프",),
    )
    text = q(search)
    yield _pair(
        effort,
        "dsl",
        ("a search written and made an address", calls(lambda: search_url(BASE, q(search), "PriceAsc", 0, PAGE_MAX))),
        (
            "percent-encoding the finished text",
            calls(lambda: f"{BASE}/search/car/list/premium?count=true&q={quote(text)}&sr=%7CPriceAsc%7C0%7C48"),
        ),
    )


def cursor(effort: Effort) -> Iterator[Figure]:
    """The longest cursor there is."""
    words = vocabulary.load()
    query, planned = stock.planned(MOST_LEGS, words)
    walk, codec = fingerprint(query, planned.legs), CursorCodec("bench")
    states = [LegCursor(48 * number, 12_340_000 + number, number, pages.TOTAL) for number in range(MOST_LEGS)]
    given = ReturnedIds(legs=MOST_LEGS)
    for number in range(1_000):
        given.add(f"encar_{number}")
    seen = bytes(given)
    text = codec.encode(walk, stock.RATE, states, 1, seen)
    plain = {"walk": walk.hex(), "legs": [list(msgspec.structs.astuple(state)) for state in states], "seen": seen.hex()}
    sealed = _sealed(plain)
    yield _pair(
        effort,
        "cursor-encode",
        (
            f"24 legs and {len(seen) // 4} ids, {len(text)} characters",
            calls(lambda: codec.encode(walk, stock.RATE, states, 1, seen)),
        ),
        ("json, hmac, base64", calls(lambda: _sealed(plain))),
    )
    yield _pair(
        effort,
        "cursor-decode",
        (f"24 legs and {len(seen) // 4} ids", calls(lambda: codec.decode(text))),
        ("base64, hmac, json", calls(lambda: _opened(sealed))),
    )
    yield _pair(
        effort,
        "cursor-seen",
        (f"{len(seen) // 4} ids read, 48 added, written", calls(lambda: _remember(seen))),
        (
            "a set of as many digests",
            calls(lambda: {hashlib.blake2b(b"%d" % number, digest_size=4).digest() for number in range(PAGE_MAX)}),
        ),
    )


def merge(effort: Effort) -> Iterator[Figure]:
    """A page of 48 out of 24 legs that are at hand."""
    words = vocabulary.load()
    query, planned = stock.planned(MOST_LEGS, words)
    ready, deadline = stock.Ready(planned.legs, stock.listings(words)), Deadline(3600.0)

    async def page() -> MergedPage:
        seen = ReturnedIds(legs=MOST_LEGS)
        readers = [
            reader_of(leg)(leg, LegCursor(), sort=query.sort, keep=planned.keep, seen=seen) for leg in planned.legs
        ]
        return await merge_legs(
            readers, PAGE_MAX, lambda reader, index: ready.chunk(reader.leg, index, deadline, bypass_cache=False)
        )

    keyed = [
        [(SORT_KEYS[Sort.PRICE_ASC](row), number, row.id) for row in rows]
        for number, rows in enumerate(ready.rows.values())
    ]
    yield _pair(
        effort,
        "merge",
        ("a page of 48 out of 24 legs", awaits(page)),
        ("heapq.merge of sorted tuples", calls(lambda: list(itertools.islice(heapq.merge(*keyed), PAGE_MAX)))),
    )


CASES: Mapping[str, Callable[[Effort], Iterator[Figure]]] = {
    "encar-page": encar_page,
    "danawa-page": danawa_page,
    "facets": facets,
    "render": render,
    "question": question,
    "cursor": cursor,
    "merge": merge,
}


def _pair(
    effort: Effort, case: str, ours: tuple[str, Stretch], baseline: tuple[str, Stretch], bar: Bar | None = None
) -> Figure:
    rounds = [(mine, other) for mine, other in timed(effort, ours[1], baseline[1])]
    return figure(case, ours[0], "s", baseline[0], rounds, bar)


def _over(bodies: Sequence[bytes], read: Callable[[bytes], object]) -> Stretch:
    """Read bodies in turn."""
    for body in bodies:
        read(body)
    turn = itertools.cycle(bodies)
    return calls(lambda: read(next(turn)))


def _remember(seen: bytes) -> bytes:
    given = ReturnedIds(seen, MOST_LEGS)
    for number in range(PAGE_MAX):
        given.add(f"encar_4198501{number}")
    return bytes(given)


def _sealed(plain: object) -> bytes:
    payload = json.dumps(plain).encode()
    return base64.urlsafe_b64encode(payload + hmac.digest(b"bench", payload, "sha256"))


def _opened(sealed: bytes) -> object:
    raw = base64.urlsafe_b64decode(sealed)
    if not hmac.compare_digest(hmac.digest(b"bench", raw[:-32], "sha256"), raw[-32:]):
        raise ValueError("forged")
    return json.loads(raw[:-32])
