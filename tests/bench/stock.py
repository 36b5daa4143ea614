"""Searches with rows at hand: everything of an answer but what it is asked and sent over."""

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from msgspec.structs import replace

from dealerproxy.cache.entries import CacheResult, CacheStatus
from dealerproxy.captures.fetching import PLANNERS
from dealerproxy.contract.deadline import Deadline
from dealerproxy.contract.rate import Rate
from dealerproxy.search.cursor import CursorCodec
from dealerproxy.search.plan import Plan, plan
from dealerproxy.search.query import parse
from dealerproxy.search.service import SearchService
from dealerproxy.settings import DEFAULT_KRW_PER_USD, DEFAULT_RATE_AS_OF
from dealerproxy.upstreams.encar.leg import EncarLeg
from dealerproxy.upstreams.encar.legs import plan_legs
from dealerproxy.upstreams.encar.rows import SearchTarget, read_search
from dealerproxy.upstreams.paging import CHUNK_ROWS
from dealerproxy.upstreams.query import Query, RowFilter
from dealerproxy.upstreams.results import Leg
from dealerproxy.upstreams.upstream import Upstream
from dealerproxy.vehicles.fx import FxRates
from dealerproxy.vehicles.listing import Chunk, Listing
from dealerproxy.vocabulary import Vocabulary
from tests.bench import pages

MAKE = "Kia"
RATE = Rate(DEFAULT_KRW_PER_USD, DEFAULT_RATE_AS_OF, "static")


def params(legs: int, vocabulary: Vocabulary) -> Mapping[str, Sequence[str]]:
    """A question that makes so many searches of Encar."""
    make = vocabulary.find_make(MAKE)
    names = dict.fromkeys(model.name for model in vocabulary.models_of(make)) if make else {}
    return {"make": [MAKE], "model": [",".join(list(names)[:legs])], "upstream": ["encar"], "sort": ["price_asc"]}


def planned(legs: int, vocabulary: Vocabulary) -> tuple[Query, Plan]:
    """The same, read and planned."""
    query = parse(params(legs, vocabulary), vocabulary)
    return query, plan(query, RATE.krw_per_usd, vocabulary, PLANNERS)


def listings(vocabulary: Vocabulary, body: bytes | None = None) -> Sequence[Listing]:
    """The rows of a page of a search."""
    (leg,) = planned(1, vocabulary)[1].legs
    _, entries = read_search(body or pages.search_page(), asked(leg), vocabulary)
    return [entry for entry in entries if isinstance(entry, Listing)]


def asked(leg: Leg) -> SearchTarget:
    """What a leg of Encar's names."""
    return cast("EncarLeg", leg).asked


class Ready:
    """Legs with a full chunk each; their prices are such that a merge takes from all of them in turn."""

    plan = staticmethod(plan_legs)

    def __init__(self, legs: Sequence[Leg], like: Sequence[Listing]) -> None:
        self.rows = {leg.q: _rows(number, len(legs), like) for number, leg in enumerate(legs)}
        self._found = {
            q: CacheResult(Chunk(tuple(rows), pages.TOTAL, ended=False), 1.0, CacheStatus.HIT, None, 60.0)
            for q, rows in self.rows.items()
        }

    async def stocked(self, leg: Leg, keep: RowFilter, deadline: Deadline, *, bypass_cache: bool) -> None:
        """Return that no leg is in stock."""

    async def chunk(self, leg: Leg, index: int, deadline: Deadline, *, bypass_cache: bool) -> CacheResult[Chunk]:
        """The leg's chunk, whichever is wanted."""
        return self._found[leg.q]

    async def count(
        self, leg: Leg, keep: Callable[[Listing], bool], deadline: Deadline, *, bypass_cache: bool
    ) -> CacheResult[int]:
        """How many rows a leg has."""
        return CacheResult(pages.TOTAL, *self._found[leg.q][1:])


def service(site: Ready, vocabulary: Vocabulary) -> SearchService:
    """The search over one site; it cannot enrich."""
    return SearchService(
        sites={"encar": cast("Upstream[Leg]", site)},
        vocabulary=vocabulary,
        rates=FxRates(RATE),
        cursors=CursorCodec("bench"),
    )


def _rows(number: int, legs: int, like: Sequence[Listing]) -> Sequence[Listing]:
    ids = (str(10_000_000 + 1_000 * number + at) for at in range(CHUNK_ROWS))
    return [
        replace(row, listing_id=name, vehicle_key=name, price_krw=10_000 * (300 + legs * at + number))
        for at, (name, row) in enumerate(zip(ids, like, strict=False))
    ]
