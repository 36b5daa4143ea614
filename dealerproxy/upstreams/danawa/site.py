"""Danawa with its feeder M-Park, behind the Upstream protocol."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial

from dealerproxy.contract.deadline import Deadline
from dealerproxy.settings import Settings, SettingsError
from dealerproxy.tasks import cancel_and_wait
from dealerproxy.upstreams.absence import Absence, Adverts
from dealerproxy.upstreams.availability import Outcome
from dealerproxy.upstreams.danawa.availability import check
from dealerproxy.upstreams.danawa.cars import DanawaCars
from dealerproxy.upstreams.danawa.client import (
    FEEDER_MANNERS,
    LIST_MANNERS,
    DanawaClient,
    request_headers,
)
from dealerproxy.upstreams.danawa.index import Brand, Indexes
from dealerproxy.upstreams.danawa.legs import DanawaLeg, plan_legs
from dealerproxy.upstreams.danawa.names import UPSTREAM
from dealerproxy.upstreams.danawa.operations import FEEDER, LIST
from dealerproxy.upstreams.danawa.pages import Pages
from dealerproxy.upstreams.danawa.search import DanawaChunks
from dealerproxy.upstreams.papers import INSPECTION, RECORD
from dealerproxy.upstreams.query import RowFilter
from dealerproxy.upstreams.resources import OpenSite, Resources
from dealerproxy.upstreams.results import EnrichedRows, StockedModels
from dealerproxy.upstreams.stocked import StockedLeg
from dealerproxy.vehicles.listing import Listing
from dealerproxy.vocabulary import Vocabulary


class Danawa:
    """Danawa as one Upstream, made of the site's parts."""

    operations = (LIST.name, FEEDER.name, INSPECTION, RECORD)
    plan = staticmethod(plan_legs)
    stock = None

    def __init__(self, chunks: DanawaChunks, cars: DanawaCars, indexes: Indexes) -> None:
        self._cars, self._indexes = cars, indexes
        self.adverts = cars.adverts
        self.chunk, self.count = chunks.chunk, chunks.count
        self.find, self.documents = cars.find, cars.documents

    async def stocked(
        self, leg: DanawaLeg, keep: RowFilter, deadline: Deadline, *, bypass_cache: bool
    ) -> StockedLeg | None:
        """Return nothing: no listing is kept."""
        return None

    async def enrich(self, rows: Sequence[Listing], deadline: Deadline, *, bypass_cache: bool) -> EnrichedRows:
        """Fill no row, because the feeder returns one car a call."""
        return EnrichedRows()

    async def availability(
        self, listing_ids: Sequence[str], deadline: Deadline, *, bypass_cache: bool
    ) -> Mapping[str, Outcome]:
        """Check cars one by one at the feeder."""
        return await check(self._cars, listing_ids, deadline, bypass_cache=bypass_cache)

    async def facets(self, deadline: Deadline) -> StockedModels:
        """Return the models in all cached indexes, by name. Sends no request."""
        models: dict[str, list[str]] = {}
        for make, model in sorted(self._indexes.models()):
            models.setdefault(make, []).append(model)
        return StockedModels(models)


def set_up_danawa(settings: Settings, vocabulary: Vocabulary) -> OpenSite:
    """Return the function that opens Danawa. Raises SettingsError for a make to keep warm that Danawa lacks."""
    return partial(_open, settings, vocabulary, _warm(settings, vocabulary))


@asynccontextmanager
async def _open(
    settings: Settings, vocabulary: Vocabulary, warm: Sequence[Brand], resources: Resources
) -> AsyncIterator[Danawa]:
    cache, off_sale, clock = resources.cache, resources.off_sale, resources.clock
    headers, rps = request_headers(settings.user_agent), settings.danawa_rps
    async with (
        resources.open_fetcher(LIST_MANNERS, headers, rps=rps) as site,
        resources.open_fetcher(FEEDER_MANNERS, headers, rps=rps) as feeder,
    ):
        client = DanawaClient(site, feeder, site_url=settings.danawa_url, feeder_url=settings.mpark_api_url)
        pages = Pages(client, vocabulary, off_sale, judged=resources.judged, now=clock)
        indexes = Indexes(pages.read, cache, now=clock)
        adverts = Adverts(UPSTREAM, FEEDER.circuit, off_sale, Absence(clock))
        cars = DanawaCars(
            client,
            vocabulary,
            cache,
            off_sale,
            fresh_s=settings.detail_fresh_s,
            deadline_s=settings.detail_deadline_s,
            adverts=adverts,
        )
        warming = asyncio.create_task(indexes.keep_warm(warm), name="keep-danawa-warm") if warm else None
        try:
            yield Danawa(DanawaChunks(indexes, off_sale, listed=adverts.listed), cars, indexes)
        finally:
            if warming is not None:
                await cancel_and_wait(warming)


def _warm(settings: Settings, vocabulary: Vocabulary) -> Sequence[Brand]:
    """Return the listings to keep warm. Raises SettingsError for a make without a known Danawa code."""
    brands: list[Brand] = []
    for text in filter(None, map(str.strip, settings.danawa_warm.split(","))):
        make = vocabulary.find_make_anywhere(text)
        codes = vocabulary.danawa.brands_of(make) if make else ()
        if not codes:
            raise SettingsError(f"DEALERPROXY_DANAWA_WARM cannot be used: Danawa has no make known as {text!r}")
        brands += [Brand(code) for code in codes]
    return tuple(dict.fromkeys(brands))
