"""Reads all model groups of one of Encar's makes: the make at once, split by group, or group by group.

Rows have no model group, but their generation names it (`더 뉴 쏘렌토 4세대`), so a make of few cars takes a few calls
instead of some for each group. The site's facets count the groups, which shows whether the split is right.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Protocol, TypeVar

from dealerproxy.stock.shelf import SHRUNK
from dealerproxy.stock.table import StockedCar, Words
from dealerproxy.transport.errors import Drift, UpstreamError
from dealerproxy.transport.troubles import upstream_trouble
from dealerproxy.upstreams.encar.addresses import UPSTREAM
from dealerproxy.upstreams.encar.facets import MODEL_GROUPS
from dealerproxy.upstreams.encar.kinds import Kind
from dealerproxy.upstreams.encar.operations import FACETS
from dealerproxy.upstreams.encar.query import Search, models_q
from dealerproxy.upstreams.encar.rows import ReadRow, SearchTarget
from dealerproxy.upstreams.encar.whole import PAGE_S, WHOLE, WholeListing, WholeReader
from dealerproxy.upstreams.paging import MAX_OFFSET
from dealerproxy.vehicles.listing import LeftOut, LeftOutReason
from dealerproxy.vocabulary import Model, Vocabulary

T = TypeVar("T")

# Rows that are split without yielding to the event loop: about 1 ms.
SLICE_ROWS = 1_000

# By listing id: the rows of one group.
_Share = dict[int, ReadRow]


class AskFacets(Protocol):
    """A function that fetches the facets of a search, like `EncarClient.facets`."""

    async def __call__(self, q: str, read: Callable[[bytes], T], *, within_s: float) -> T:
        """Return what `read` makes of the answer."""


class MakeReader:
    """Reads makes; remembers which must be read group by group."""

    def __init__(
        self, reader: WholeReader, ask_facets: AskFacets, vocabulary: Vocabulary, *, facets_s: float = PAGE_S
    ) -> None:
        """`facets_s` bounds the call for the facets, in seconds."""
        self._reader, self._ask_facets, self._vocabulary = reader, ask_facets, vocabulary
        self._facets_s = facets_s
        # Make facets with a generation that this vocabulary does not know.
        self._by_group: set[str] = set()

    async def read_make(
        self, target: SearchTarget, before: Mapping[str, int]
    ) -> AsyncIterator[tuple[str, WholeListing | Drift]]:
        """Yield each model group of a make with its whole listing, or with its drift.

        `before` is `distinct` of the groups' last whole readings. A group without cars is yielded if two answers
        confirm it. Each group's listing has the calls of the make. Raises UpstreamError if the site fails, and Drift
        if the make cannot be read at once.
        """
        counts = await self._count_groups(target)
        shares = await self._read_shares(target, counts, before)
        alone = []
        for model in self._groups(target):
            name, share = model.korean, shares.get(model.korean) if shares is not None else None
            if share is not None and _adds_up(share.distinct, counts, before, name):
                yield name, share
            elif shares is not None or counts is None or name in counts:
                alone.append(model)
        for model in alone:
            yield model.korean, await self._read_group(target, model, counts, before)

    async def _count_groups(self, target: SearchTarget) -> Mapping[str, int] | None:
        """Return the site's count of each model group with cars; None if the answer drifted."""
        domestic = any(facet.domestic for facet in target.make.facets if facet.korean == target.facet)
        try:
            read = partial(FACETS.read, axis=MODEL_GROUPS)
            return await self._ask_facets(models_q(target.facet, domestic=domestic), read, within_s=self._facets_s)
        except UpstreamError as error:
            upstream_trouble(UPSTREAM, "facets", error)
            if isinstance(error, Drift):
                return None
            raise

    async def _read_shares(
        self, target: SearchTarget, counts: Mapping[str, int] | None, before: Mapping[str, int]
    ) -> Mapping[str, WholeListing] | None:
        """Read the make at once; None if it has too many cars, or one of an unknown generation."""
        if target.facet in self._by_group or (counts is not None and sum(counts.values()) > MAX_OFFSET):
            return None
        make = await self._reader.read_whole(
            Search(make=target.facet),
            target,
            before=sum(before.values()) or None,
            expected=sum(counts.values()) if counts is not None else None,
        )
        shares = await share_out(make, target.facet, self._vocabulary)
        if shares is None:
            self._by_group.add(target.facet)
            return None
        if counts is None and make.distinct < make.total:
            return None  # nothing shows which group lacks cars
        return {
            model.korean: make._replace(rows=share, total=len(share), nameless=0)
            for model in self._groups(target)
            for share in (shares.get(model.korean, {}),)
        }

    async def _read_group(
        self, target: SearchTarget, model: Model, counts: Mapping[str, int] | None, before: Mapping[str, int]
    ) -> WholeListing | Drift:
        name = model.korean
        search, expected = Search(make=target.facet, model_group=name), None if counts is None else counts.get(name)
        try:
            return await self._reader.read_whole(
                search, target._replace(model=model), before=before.get(name), expected=expected
            )
        except Drift as error:
            return error

    def _groups(self, target: SearchTarget) -> list[Model]:
        return [model for model in self._vocabulary.models_of(target.make) if model.make_facet == target.facet]


async def share_out(make: WholeListing, facet: str, vocabulary: Vocabulary) -> Mapping[str, _Share] | None:
    """Return the rows of a make's listing by model group, with the kinds that a search for the group has.

    None if a row names a make or a generation that is not known as this make's. Unreadable rows are left out.
    """
    shares: dict[str, _Share] = defaultdict(dict)
    kinds: dict[Words, Words] = {}
    rows = list(make.rows.items())
    for start in range(0, len(rows), SLICE_ROWS):
        await asyncio.sleep(0)
        for number, row in rows[start : start + SLICE_ROWS]:
            if isinstance(row.car, LeftOut) and row.car.reason is LeftOutReason.UNREADABLE:
                continue
            model, car = vocabulary.model_of_generation(facet, row.generation or ""), row.car
            if model is None:
                return None
            if isinstance(car, StockedCar):
                kind = Kind._make(car.kind)
                if kind.manufacturer != facet:
                    return None
                shared = kinds.setdefault(kind, kind._replace(group=model.korean))
                car = car._replace(kind=shared)
            shares[model.korean][number] = row._replace(car=car)
    return shares


def _adds_up(distinct: int, counts: Mapping[str, int] | None, before: Mapping[str, int], name: str) -> bool:
    counted = distinct if counts is None else counts.get(name, 0)
    return WHOLE * max(distinct, counted) <= min(distinct, counted) and distinct >= SHRUNK * before.get(name, 0)
