"""What dealer cars can be filtered on: the makes with stock now, their models, fuels and transmissions."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial

import structlog
from msgspec import Struct

from dealerproxy.cache.cache import StaleCache
from dealerproxy.cache.entries import CachePolicy
from dealerproxy.contract.answers import FacetsAnswer, Notice
from dealerproxy.contract.deadline import Deadline
from dealerproxy.contract.rate import iso_kst
from dealerproxy.contract.terms import DEALER
from dealerproxy.tasks import cancel_and_wait
from dealerproxy.transport.errors import Drift, UpstreamError
from dealerproxy.transport.limits import background
from dealerproxy.transport.troubles import upstream_trouble
from dealerproxy.upstreams.encar.client import EncarClient
from dealerproxy.upstreams.encar.facets import MAKES, MODEL_GROUPS, read_facets
from dealerproxy.upstreams.encar.query import makes_q, models_q
from dealerproxy.vocabulary import Make, MakeFacet, Vocabulary

FRESH_S, IF_ERROR_S = 300.0, 86_400.0
# Models are learned make by make behind the requests, politely, and kept a day.
LEARN_EVERY_S = 60.0
LEARNED_S = 86_400.0


class Stock(Struct, frozen=True):
    """Make facets that have cars, and when that was said (unix seconds)."""

    facets: frozenset[str]
    at: float


class FacetsService:
    """Answers from one cached call to Encar; what models a make has is learned in the background.

    `also` tells the (make, model) pairs that are known of Danawa just now.
    """

    def __init__(
        self,
        encar: EncarClient,
        vocabulary: Vocabulary,
        cache: StaleCache,
        *,
        also: Callable[[], Collection[tuple[str, str]]] = frozenset,
        deadline_s: float,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._encar, self._vocabulary, self._cache, self._also = encar, vocabulary, cache, also
        self._kind: CachePolicy[Stock] = CachePolicy(
            "stock", Stock, fresh_s=FRESH_S, revalidate_s=2 * FRESH_S, if_error_s=IF_ERROR_S
        )
        self._deadline_s, self._now, self._clock, self._sleep = deadline_s, now, clock, sleep
        self._learned: dict[str, tuple[float, frozenset[str]]] = {}
        self._stocked: frozenset[str] = frozenset()
        self._learner: asyncio.Task[None] | None = None

    async def answer(self, sources: Sequence[str], deadline: Deadline) -> FacetsAnswer:
        """Answer from the upstream's facets, or from the vocabulary alone with a notice that says so."""
        if sources and DEALER not in sources:
            return FacetsAnswer(makes=(), models={}, fuels=(), transmissions=(), sources=(), as_of=iso_kst(self._now()))
        try:
            stock = (await self._cache.get(self._kind, MAKES, self._ask_makes, deadline)).value
        except UpstreamError as error:
            message = f"Encar could not be asked what it has ({error.code}); these are all values known here."
            return self._answer(None, self._now(), (Notice(code="from_vocabulary", message=message),))
        self._stocked = stock.facets
        if self._learner is None:
            with background():
                self._learner = asyncio.create_task(self._learn(), name="learn-models")
        return self._answer(stock.facets, stock.at, ())

    async def close(self) -> None:
        """End the background work."""
        if self._learner is not None:
            await cancel_and_wait(self._learner)

    def _answer(self, stocked: frozenset[str] | None, at: float, notices: Sequence[Notice]) -> FacetsAnswer:
        makes = [make for make in self._vocabulary.makes if stocked is None or _facets_in(make, stocked)]
        models = {make.name: self._models(make, stocked) for make in makes}
        for make, model in sorted(self._also()):
            names = models.setdefault(make, [])
            if model not in names:
                names.append(model)
        return FacetsAnswer(
            makes=list(models),
            models=models,
            fuels=list(self._vocabulary.fuel_filters),
            transmissions=[token for token, facets in self._vocabulary.transmission_filters.items() if facets],
            sources=[DEALER],
            as_of=iso_kst(at),
            notices=notices,
        )

    def _models(self, make: Make, stocked: frozenset[str] | None) -> list[str]:
        """A make's models by name: those its facets were learned to have, else all that are known."""
        names: dict[str, None] = {}
        for model in self._vocabulary.models_of(make):
            if stocked is not None and model.make_facet not in stocked:
                continue
            learned = self._fresh(model.make_facet)
            if learned is None or model.korean in learned:
                names[model.name] = None
        return list(names)

    def _fresh(self, facet: str) -> frozenset[str] | None:
        learned = self._learned.get(facet)
        return learned[1] if learned is not None and self._clock() - learned[0] < LEARNED_S else None

    async def _ask_makes(self) -> Stock:
        try:
            read = partial(read_facets, axis=MAKES)
            counts = await self._encar.facets(makes_q(), read, within_s=self._deadline_s)
            for facet in counts:
                if self._vocabulary.make_of(facet) is None:
                    self._vocabulary.missed("make", facet)
            known = frozenset(facet for facet in counts if self._vocabulary.make_of(facet) is not None)
            if not known:
                raise Drift(f"iNav: {MAKES}", "no make that is known")
        except UpstreamError as error:
            upstream_trouble("encar", "facets", error)
            raise
        return Stock(known, self._now())

    async def _learn(self) -> None:
        """Learn one make's models a minute, round and round, for as long as the service runs."""
        structlog.contextvars.clear_contextvars()  # its lines are not about the request that came first
        for facet in itertools.cycle([facet for make in self._vocabulary.makes for facet in make.facets]):
            if facet.korean in self._stocked and self._fresh(facet.korean) is None:
                await self._sleep(LEARN_EVERY_S)
                await self._learn_one(facet)
            elif facet is self._vocabulary.makes[0].facets[0]:
                await self._sleep(LEARN_EVERY_S)  # a round with nothing to learn must not spin

    async def _learn_one(self, facet: MakeFacet) -> None:
        try:
            q, read = models_q(facet.korean, domestic=facet.domestic), partial(read_facets, axis=MODEL_GROUPS)
            groups = frozenset(await self._encar.facets(q, read, within_s=self._deadline_s))
        except UpstreamError as error:
            upstream_trouble("encar", "facets", error)
            return
        make = self._vocabulary.make_of(facet.korean)
        if make is not None and any(model.korean in groups for model in self._vocabulary.models_of(make)):
            self._learned[facet.korean] = (self._clock(), groups)


def _facets_in(make: Make, stocked: frozenset[str]) -> bool:
    return any(facet.korean in stocked for facet in make.facets)
