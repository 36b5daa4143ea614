"""What the service does between a site's bytes and its own: each step beside the least any program must do for it.

`micro.py` measures the steps with pytest-benchmark; the guard only compares them with their baselines.
"""

import asyncio
import base64
import hashlib
import heapq
import hmac
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote

import msgspec
import orjson
from selectolax.lexbor import LexborHTMLParser
from yarl import URL

from dealerproxy import vocabulary
from dealerproxy.api.http import encode
from dealerproxy.captures.fetching import PLANNERS
from dealerproxy.contract.deadline import Deadline
from dealerproxy.contract.terms import PAGE_MAX
from dealerproxy.search.cursor import CursorCodec, LegCursor, Position, ReturnedIds, fingerprint
from dealerproxy.search.merge import MergedPage, merge_legs
from dealerproxy.search.plan import plan
from dealerproxy.search.query import parse
from dealerproxy.search.readers import open_reader
from dealerproxy.upstreams.danawa.listing import ListRow, read_list
from dealerproxy.upstreams.danawa.names import normalise
from dealerproxy.upstreams.encar.facets import MODEL_GROUPS, read_facets
from dealerproxy.upstreams.encar.query import ANY_MONTH, Search, q, search_url
from dealerproxy.upstreams.encar.rows import read_search
from dealerproxy.upstreams.paging import ORDER_KEYS, Order
from dealerproxy.vehicles.render import summarise
from tests.bench import pages, stock
from tests.bench.figures import Bar

BASE = URL("https://api.encar.com")
ENCAR_PAGE = Bar("value", "<", 0.5e-3)
DANAWA_PAGE = Bar("value", "<", 1.5e-3)
MOST_LEGS = 24
# Different pages, taken in turn, so that no cache of words sees the same row again at once.
DIFFERENT_PAGES = 12


class Pair(NamedTuple):
    """A step of the service's and its baseline, with what each does; `close` ends what the pair opened."""

    what: str
    ours: Callable[[], object]
    baseline: str
    base: Callable[[], object]
    close: Callable[[], None] = lambda: None


def encar_page() -> Pair:
    """48 rows of Encar's search, decoded and normalised."""
    words = vocabulary.load()
    (leg,) = stock.planned(1, words)[1].legs
    bodies = [pages.search_page(number=number) for number in range(DIFFERENT_PAGES)]
    return Pair(
        "48 rows decoded and normalised",
        _over(bodies, lambda body: read_search(body, stock.asked(leg), words)),
        "orjson.loads alone",
        _over(bodies, orjson.loads),
    )


def danawa_page() -> Pair:
    """30 rows of Danawa's list, parsed and normalised."""
    words, body = vocabulary.load(), pages.list_page()
    return Pair(
        "30 rows parsed and normalised",
        lambda: [normalise(row, words) for row in read_list(body).rows if isinstance(row, ListRow)],
        "selectolax building the tree alone",
        lambda: LexborHTMLParser(body.decode()),
    )


def facets() -> Pair:
    """A whole navigation of Encar's."""
    body = pages.facets(vocabulary.load())
    return Pair(
        f"{len(body) // 1000} kB of facets read",
        lambda: read_facets(body, MODEL_GROUPS),
        "orjson.loads alone",
        lambda: orjson.loads(body),
    )


def encoding() -> Pair:
    """48 rows into bytes."""
    shown = _summaries()
    plain = orjson.loads(encode(shown))
    return Pair("48 rows encoded", lambda: encode(shown), "orjson of plain dicts", lambda: orjson.dumps(plain))


def pricing() -> Pair:
    """48 rows into dollars."""
    rows = stock.listings(vocabulary.load())
    plain = orjson.loads(encode(_summaries()))
    return Pair(
        "48 rows priced in dollars",
        lambda: [summarise(row, stock.RATE.krw_per_usd) for row in rows],
        "48 dicts built",
        lambda: [dict(row) for row in plain],
    )


def question() -> Pair:
    """The way from a query string to a plan."""
    words = vocabulary.load()
    filters = {"year_min": ["2019"], "price_max_usd": ["30000"], "fuel": ["diesel"]}
    asked = {**stock.params(1, words), **filters}
    return Pair(
        "a query string validated and planned",
        lambda: plan(parse(asked, words), stock.RATE.krw_per_usd, words, PLANNERS),
        "msgspec.convert of it",
        lambda: msgspec.convert(asked, Mapping[str, Sequence[str]]),
    )


def search_address() -> Pair:
    """A search in the site's own language, as an address."""
    search = Search(
        make=pages.MAKE,
        model_group="K5",
        registered=ANY_MONTH,
        mileage=(0, 100_000),
        fuels=("디젤",),
        options=("선루프",),
    )
    text = q(search)
    return Pair(
        "a search written and made an address",
        lambda: search_url(BASE, q(search), "PriceAsc", 0, PAGE_MAX),
        "percent-encoding the finished text",
        lambda: f"{BASE}/search/car/list/premium?count=true&q={quote(text)}&sr=%7CPriceAsc%7C0%7C48",
    )


class _LongestCursor:
    """The longest cursor there is: 24 legs, and as many remembered ids as fit."""

    def __init__(self) -> None:
        query, planned = stock.planned(MOST_LEGS, vocabulary.load())
        walk, self.codec = fingerprint(query, planned.legs, planned.keep.vehicles), CursorCodec("bench")
        self.legs = [LegCursor(48 * number, 12_340_000 + number, number, pages.TOTAL) for number in range(MOST_LEGS)]
        given = ReturnedIds()
        for number in range(1_000):
            given.add(f"encar_{number}")
        self.seen = bytes(given)
        legs = [list(msgspec.structs.astuple(leg)) for leg in self.legs]
        start = Position.start(walk, stock.RATE, MOST_LEGS)
        self.place = start.after([1], lambda _: self.legs, self.seen)
        self.plain = {"walk": walk.hex(), "legs": legs, "seen": self.seen.hex()}
        self.what = f"24 legs and {len(self.seen) // 4} ids"

    def written(self) -> str:
        """The cursor's text."""
        return self.codec.encode(self.place)


def cursor_written() -> Pair:
    """A cursor written."""
    cursor = _LongestCursor()
    what = f"{cursor.what}, {len(cursor.written())} characters"
    return Pair(what, cursor.written, "json, hmac, base64", lambda: _sealed(cursor.plain))


def cursor_read() -> Pair:
    """A cursor read."""
    cursor = _LongestCursor()
    text, sealed = cursor.written(), _sealed(cursor.plain)
    return Pair(cursor.what, lambda: cursor.codec.decode(text), "base64, hmac, json", lambda: _opened(sealed))


def cursor_ids() -> Pair:
    """The ids that a walk returned, read and added to."""
    seen = _LongestCursor().seen
    return Pair(
        f"{len(seen) // 4} ids read, 48 added, written",
        lambda: _remember(seen),
        "a set of as many digests",
        lambda: {hashlib.blake2b(b"%d" % number, digest_size=4).digest() for number in range(PAGE_MAX)},
    )


def merge() -> Pair:
    """A page of 48 out of 24 legs that are at hand."""
    words = vocabulary.load()
    _, planned = stock.planned(MOST_LEGS, words)
    ready, deadline = stock.Ready(planned.legs, stock.listings(words)), Deadline(3600.0)
    loop = asyncio.Runner()

    async def page() -> MergedPage:
        seen, walk = ReturnedIds(), Position.start(b"", stock.RATE, MOST_LEGS)
        readers = [
            open_reader(leg, LegCursor(), None, walk, order=Order.PRICE_ASC, keep=planned.keep, seen=seen)
            for leg in planned.legs
        ]
        return await merge_legs(
            readers, PAGE_MAX, lambda reader, index: ready.chunk(reader.leg, index, deadline, bypass_cache=False)
        )

    keyed = [
        [(ORDER_KEYS[Order.PRICE_ASC](row), number, row.id) for row in rows]
        for number, rows in enumerate(ready.rows.values())
    ]
    return Pair(
        "a page of 48 out of 24 legs",
        lambda: loop.run(page()),
        "heapq.merge of sorted tuples",
        lambda: list(itertools.islice(heapq.merge(*keyed), PAGE_MAX)),
        close=loop.close,
    )


PAIRS: Mapping[str, Callable[[], Pair]] = {
    "encar-page": encar_page,
    "danawa-page": danawa_page,
    "facets": facets,
    "encode": encoding,
    "summarise": pricing,
    "query": question,
    "dsl": search_address,
    "cursor-encode": cursor_written,
    "cursor-decode": cursor_read,
    "cursor-seen": cursor_ids,
    "merge": merge,
}


BARS: Mapping[str, Bar] = {"encar-page": ENCAR_PAGE, "danawa-page": DANAWA_PAGE}


def _summaries() -> Sequence[object]:
    return [summarise(row, stock.RATE.krw_per_usd) for row in stock.listings(vocabulary.load())]


def _over(bodies: Sequence[bytes], read: Callable[[bytes], object]) -> Callable[[], object]:
    """Read bodies in turn."""
    turn = itertools.cycle(bodies)
    return lambda: read(next(turn))


def _remember(seen: bytes) -> bytes:
    given = ReturnedIds(seen)
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
