"""Encar over the wire: one method per endpoint, each answering the body of a good answer or raising UpstreamError."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from yarl import URL

from dealerproxy.transport.errors import NotFound, Overloaded, Suspended
from dealerproxy.transport.fetch import Fetcher, FetchPolicy
from dealerproxy.transport.response import Response
from dealerproxy.upstreams.encar import operations
from dealerproxy.upstreams.encar.query import facets_url, search_url
from dealerproxy.upstreams.operations import Operation

# A search is blocked where a detail is not, so each circuit is suspended by itself.
_CIRCUITS = tuple(dict.fromkeys(operation.circuit for operation in operations.OPERATIONS))
MANNERS = FetchPolicy(_CIRCUITS, burst=24, in_flight=6, max_bytes=4_000_000)
BATCH_IDS = 20
# Papers are nice to have: they never take all slots, and none of them for long.
PAPERS_IN_FLIGHT = 3
PAPER_S = 3.0


T = TypeVar("T")


def _ignored() -> None:
    """Take no note of a plain 404."""


def request_headers(user_agent: str) -> Mapping[str, str]:
    """Headers the site's own pages send; no cookie, no token."""
    return {
        "User-Agent": user_agent,
        "Accept": "application/json, text/plain, */*",
        "Accept-Language": "ko-KR,ko;q=0.9,en;q=0.8",
        "Referer": "https://www.encar.com/",
        "Origin": "https://www.encar.com",
    }


class EncarClient:
    """Asks Encar. Ids are digits; `within_s` bounds each call, waiting for its turn included.

    `read` makes of a good body what is asked for; a Drift it raises is the site's, and its page may be kept.
    """

    def __init__(self, fetcher: Fetcher, api_url: str, page_url: str) -> None:
        self._fetcher = fetcher
        self._api, self._pages = URL(api_url), URL(page_url)
        self._papers = asyncio.Semaphore(PAPERS_IN_FLIGHT)

    async def search(
        self, q: str, read: Callable[[bytes], T], *, sort: str, offset: int, limit: int, within_s: float
    ) -> T:
        """One page of a search."""
        return await self._get(operations.SEARCH, search_url(self._api, q, sort, offset, limit), read, within_s)

    def trouble(self) -> Suspended | None:
        """Return why the search is suspended now; None if it may be asked."""
        return self._fetcher.trouble(operations.SEARCH.circuit)

    async def facets(self, q: str, read: Callable[[bytes], T], *, within_s: float) -> T:
        """The facets of a search, without rows."""
        return await self._get(operations.FACETS, facets_url(self._api, q), read, within_s)

    async def detail(
        self, listing_id: str, read: Callable[[bytes], T], *, within_s: float, missing: Callable[[], None] = _ignored
    ) -> T:
        """The advert as JSON; `missing` is called while a plain 404 is at hand, which raises NotFound all the same."""
        url = operations.DETAIL.url(self._api, id=listing_id)
        return await self._get(operations.DETAIL, url, read, within_s, missing)

    async def details(self, listing_ids: Iterable[str], read: Callable[[bytes], T], *, within_s: float) -> T:
        """Up to 20 adverts as a JSON list; those that are gone are missing from it."""
        url = operations.BATCH.url(self._api).with_query(vehicleIds=",".join(listing_ids))
        return await self._get(operations.BATCH, url, read, within_s)

    async def page(self, listing_id: str, read: Callable[[bytes], T], *, within_s: float) -> T:
        """The advert's page as HTML."""
        return await self._get(operations.PAGE, operations.PAGE.url(self._pages, id=listing_id), read, within_s)

    async def inspection(self, vehicle_id: str, read: Callable[[bytes], T], *, within_s: float) -> T:
        """The inspection sheet."""
        return await self._paper(operations.INSPECTION, vehicle_id, read, within_s)

    async def record(self, vehicle_id: str, read: Callable[[bytes], T], *, within_s: float) -> T:
        """The insurance record."""
        return await self._paper(operations.RECORD, vehicle_id, read, within_s)

    async def diagnosis(self, vehicle_id: str, read: Callable[[bytes], T], *, within_s: float) -> T:
        """Encar's own diagnosis."""
        return await self._paper(operations.DIAGNOSIS, vehicle_id, read, within_s)

    async def _paper(
        self, operation: Operation[..., object], vehicle_id: str, read: Callable[[bytes], T], within_s: float
    ) -> T:
        url = operation.url(self._api, id=vehicle_id)
        try:
            async with asyncio.timeout(within_s), self._papers:
                return await self._get(operation, url, read, min(PAPER_S, within_s))
        except TimeoutError:
            raise Overloaded("no turn among the papers in time") from None

    async def _get(
        self,
        operation: Operation[..., object],
        url: URL,
        read: Callable[[bytes], T],
        within_s: float,
        missing: Callable[[], None] = _ignored,
    ) -> T:
        def judge(response: Response) -> T:
            try:
                body = operation.body(response)
            except NotFound:
                missing()
                raise
            return read(body)

        return await self._fetcher.get(operation.circuit, url, judge, within_s=within_s)
