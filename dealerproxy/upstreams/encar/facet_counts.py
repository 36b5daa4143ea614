"""The makes and models of which Encar has cars: makes by one cached call, models learned in the background."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import structlog
from msgspec import Struct

from dealerproxy.cache.cache import StaleCache
from dealerproxy.cache.entries import CachePolicy
from dealerproxy.contract.answers import Notice
from dealerproxy.contract.deadline import Deadline
from dealerproxy.tasks import cancel_and_wait
from dealerproxy.transport.errors import UpstreamError
from dealerproxy.transport.limits import background
from dealerproxy.transport.troubles import upstream_trouble
from dealerproxy.upstreams.encar.addresses import UPSTREAM
from dealerproxy.upstreams.encar.client import EncarClient
from dealerproxy.upstreams.encar.facets import MAKES, MODEL_GROUPS, known_makes
from dealerproxy.upstreams.encar.operations import FACETS
from dealerproxy.upstreams.encar.query import makes_q, models_q
from dealerproxy.upstreams.results import StockedModels
from dealerproxy.vocabulary import Make, MakeFacet, Vocabulary

FRESH_S, IF_ERROR_S = 300.0, 86_400.0
# The models of one make are fetched at a time, and kept for a day.
LEARN_EVERY_S = 5.0
LEARNED_S = 86_400.0


class Stock(Struct, frozen=True):
    """Make facets that have cars, and the time of the site's answer (unix seconds)."""

    facets: frozenset[str]
    at: float


class FacetCounts:
    """Caches makes and models with cars; `now` is unix seconds, `clock` counts seconds and never goes back."""

    def __init__(
        self,
        client: EncarClient,
        vocabulary: Vocabulary,
        cache: StaleCache,
        *,
        deadline_s: float,
        in_stock: Callable[[str], frozenset[str] | None] = lambda _: None,
        trucks_in_stock: Callable[[Make], Mapping[str, bool]] = lambda _: {},
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`deadline_s` bounds each call, in seconds.

        `in_stock` returns the model groups with cars of a make's facet, None if its cars are not in stock.
        `trucks_in_stock` returns whether there are trucks of each name of a make, for the names in stock.
        """
        self._in_stock, self._trucks_in_stock = in_stock, trucks_in_stock
        self._client, self._vocabulary, self._cache = client, vocabulary, cache
        self._kind: CachePolicy[Stock] = CachePolicy(
            "stock", Stock, fresh_s=FRESH_S, revalidate_s=2 * FRESH_S, if_error_s=IF_ERROR_S
        )
        self._deadline_s, self._now, self._clock, self._sleep = deadline_s, now, clock, sleep
        self._learned: dict[str, tuple[float, frozenset[str]]] = {}
        self._stocked: frozenset[str] = frozenset()
        self._learner: asyncio.Task[None] | None = None

    async def stocked(self, deadline: Deadline) -> StockedModels:
        """Return makes with cars and their models; all known models of a make until its own were learned.

        Trucks are those in stock; without stock, all known trucks of these makes, because the facets of their index
        were never captured. If the site fails: all makes and models of the vocabulary, with a notice.
        """
        try:
            stock = (await self._cache.get(self._kind, MAKES, self._ask_makes, deadline)).value
        except UpstreamError as error:
            message = f"Encar's makes and models could not be read ({error.code}). These are all known values."
            notices = (Notice(code="from_vocabulary", message=message),)
            return StockedModels(self._models_by_make(None), self._now(), notices)
        self._stocked = stock.facets
        if self._learner is None:
            with background():
                self._learner = asyncio.create_task(self._learn(), name="learn-models")
        return StockedModels(self._models_by_make(stock.facets), stock.at)

    async def close(self) -> None:
        """Cancel the background work."""
        if self._learner is not None:
            await cancel_and_wait(self._learner)

    def _models_by_make(self, stocked: frozenset[str] | None) -> dict[str, list[str]]:
        cars = {
            make.name: list(dict.fromkeys((*self._models(make, stocked), *self._trucks(make, assumed=True))))
            for make in self._vocabulary.makes
            if stocked is None or _facets_in(make, stocked)
        }
        alone = {make.name: self._trucks(make, assumed=False) for make in self._vocabulary.trucks.makes}
        return cars | {name: trucks for name, trucks in alone.items() if trucks}

    def _trucks(self, make: Make, *, assumed: bool) -> list[str]:
        """Return a make's trucks by name; `assumed` is whether trucks count that stock does not know."""
        known = self._trucks_in_stock(make)
        return [name for name in self._vocabulary.trucks.names.get(make.name, ()) if known.get(name, assumed)]

    def _models(self, make: Make, stocked: frozenset[str] | None) -> list[str]:
        """Return a make's models by name: those of its learned facets, else all known ones."""
        names: dict[str, None] = {}
        for model in self._vocabulary.models_of(make):
            if stocked is not None and model.make_facet not in stocked:
                continue
            learned = self._fresh(model.make_facet)
            if learned is None or model.korean in learned:
                names[model.name] = None
        return list(names)

    def _fresh(self, facet: str) -> frozenset[str] | None:
        if (groups := self._in_stock(facet)) is not None:
            return groups
        learned = self._learned.get(facet)
        return learned[1] if learned is not None and self._clock() - learned[0] < LEARNED_S else None

    async def _ask_makes(self) -> Stock:
        try:
            read = partial(FACETS.read, axis=MAKES)
            counts = await self._client.facets(makes_q(), read, within_s=self._deadline_s)
            for facet in counts:
                if self._vocabulary.make_of(facet) is None:
                    self._vocabulary.missed("make", facet)
            known = known_makes(counts, self._vocabulary)
        except UpstreamError as error:
            upstream_trouble(UPSTREAM, "facets", error)
            raise
        return Stock(known, self._now())

    async def _learn(self) -> None:
        """Learn one make's models every few seconds, in turn, for as long as the service runs."""
        structlog.contextvars.clear_contextvars()  # its log lines do not belong to the request that started it
        for facet in itertools.cycle([facet for make in self._vocabulary.makes for facet in make.facets]):
            if facet.korean in self._stocked and self._fresh(facet.korean) is None:
                await self._sleep(LEARN_EVERY_S)
                await self._learn_one(facet)
            elif facet is self._vocabulary.makes[0].facets[0]:
                await self._sleep(LEARN_EVERY_S)  # a round with nothing to learn must not spin

    async def _learn_one(self, facet: MakeFacet) -> None:
        try:
            q, read = models_q(facet.korean, domestic=facet.domestic), partial(FACETS.read, axis=MODEL_GROUPS)
            groups = frozenset(await self._client.facets(q, read, within_s=self._deadline_s))
        except UpstreamError as error:
            upstream_trouble(UPSTREAM, "facets", error)
            return
        make = self._vocabulary.make_of(facet.korean)
        if make is not None and any(model.korean in groups for model in self._vocabulary.models_of(make)):
            self._learned[facet.korean] = (self._clock(), groups)


def _facets_in(make: Make, stocked: frozenset[str]) -> bool:
    return any(facet.korean in stocked for facet in make.facets)
