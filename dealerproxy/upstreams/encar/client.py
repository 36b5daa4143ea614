"""The HTTP client of Encar: one method per endpoint. Each reads the body of a good answer, or raises UpstreamError."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from yarl import URL

from dealerproxy.contract.explain import RateBudget
from dealerproxy.transport.errors import NotFound, Suspended
from dealerproxy.transport.fetch import Fetcher, FetchPolicy
from dealerproxy.transport.limits import Lane
from dealerproxy.transport.response import Response
from dealerproxy.upstreams.encar import operations
from dealerproxy.upstreams.encar.query import facets_url, search_url
from dealerproxy.upstreams.operations import Operation

# A site may block searches but not details, so each circuit is suspended by itself.
_CIRCUITS = tuple(dict.fromkeys(operation.circuit for operation in operations.OPERATIONS))
_LANES = {
    operations.DETAIL.circuit: Lane.CARS,
    operations.PAGE.circuit: Lane.CARS,
    operations.RECORD.circuit: Lane.PAPERS,
    operations.PACKAGES.circuit: Lane.BACKGROUND,
}
MANNERS = FetchPolicy(_CIRCUITS, burst=24, in_flight=6, max_bytes=4_000_000, lanes=_LANES)
BATCH_IDS = 20
# Papers are optional: none of them may take long.
PAPER_S = 3.0


T = TypeVar("T")


def _ignored() -> None:
    """Ignore a plain 404."""


def request_headers(user_agent: str) -> Mapping[str, str]:
    """Return the headers that the site's own pages send, without cookie or token."""
    return {
        "User-Agent": user_agent,
        "Accept": "application/json, text/plain, */*",
        "Accept-Language": "ko-KR,ko;q=0.9,en;q=0.8",
        "Referer": "https://www.encar.com/",
        "Origin": "https://www.encar.com",
    }


class EncarClient:
    """Calls Encar. Ids are digits; `within_s` bounds each call and its wait for a turn.

    `read` converts a good body; a Drift that it raises counts as the site's, and its page may be captured.
    """

    def __init__(self, fetcher: Fetcher, api_url: str, page_url: str) -> None:
        self._fetcher = fetcher
        self._api, self._pages = URL(api_url), URL(page_url)

    async def search(
        self,
        q: str,
        read: Callable[[bytes], T],
        *,
        sort: str,
        offset: int,
        limit: int,
        within_s: float,
        operation: Operation[..., object] = operations.SEARCH,
    ) -> T:
        """Return one page of a search: of cars, or of what the operation is for."""
        url = self.search_address(q, sort=sort, offset=offset, limit=limit, operation=operation)
        return await self._get(operation, url, read, within_s)

    def search_address(
        self, q: str, *, sort: str, offset: int, limit: int, operation: Operation[..., object] = operations.SEARCH
    ) -> URL:
        """Return the address of one page of a search."""
        return search_url(self._api, q, sort, offset, limit, path=operation.path)

    @property
    def budget(self) -> RateBudget:
        """The request rate of all calls."""
        return self._fetcher.budget

    def trouble(self, operation: Operation[..., object] = operations.SEARCH) -> Suspended | None:
        """Return why a search is suspended now; None if it may be called."""
        return self._fetcher.trouble(operation.circuit)

    async def facets(self, q: str, read: Callable[[bytes], T], *, within_s: float) -> T:
        """Return the facets of a search, without rows."""
        return await self._get(operations.FACETS, facets_url(self._api, q), read, within_s)

    async def detail(
        self, listing_id: str, read: Callable[[bytes], T], *, within_s: float, missing: Callable[[], None] = _ignored
    ) -> T:
        """Return the advert's JSON. A plain 404 calls `missing` while the answer is available, and raises NotFound."""
        url = operations.DETAIL.url(self._api, id=listing_id)
        return await self._get(operations.DETAIL, url, read, within_s, missing)

    async def details(self, listing_ids: Iterable[str], read: Callable[[bytes], T], *, within_s: float) -> T:
        """Return up to 20 adverts from a JSON list; it lacks adverts that are gone."""
        return await self._get(operations.BATCH, self._batch_url(listing_ids), read, within_s)

    async def detail_or_details(
        self,
        listing_ids: Callable[[], Sequence[str]],
        read: Callable[[bytes, Sequence[str]], T],
        *,
        within_s: float,
        missing: Callable[[str], None],
    ) -> T:
        """Return the adverts that are wanted when the call has its turn: one as in `detail`, several as in `details`.

        `listing_ids` is called at that time. `read` gets the ids too; `missing` is called as in `detail`.
        """
        ids: Sequence[str] = ()

        def url() -> URL:
            nonlocal ids
            ids = ids or listing_ids()
            return self._batch_url(ids) if len(ids) > 1 else operations.DETAIL.url(self._api, id=ids[0])

        def judge(response: Response) -> T:
            if len(ids) > 1:
                return read(operations.BATCH.body(response), ids)
            return _judged(operations.DETAIL, response, lambda body: read(body, ids), lambda: missing(ids[0]))

        return await self._fetcher.get(operations.DETAIL.circuit, url, judge, within_s=within_s)

    async def page(self, listing_id: str, read: Callable[[bytes], T], *, within_s: float) -> T:
        """Return the advert's page, which is HTML."""
        return await self._get(operations.PAGE, operations.PAGE.url(self._pages, id=listing_id), read, within_s)

    async def paper(
        self, operation: Operation[..., object], vehicle_id: str, read: Callable[[bytes], T], *, within_s: float
    ) -> T:
        """Return one of a car's papers; the operation names which."""
        return await self._get(operation, operation.url(self._api, id=vehicle_id), read, min(PAPER_S, within_s))

    async def _get(
        self,
        operation: Operation[..., object],
        url: URL,
        read: Callable[[bytes], T],
        within_s: float,
        missing: Callable[[], None] = _ignored,
    ) -> T:
        return await self._fetcher.get(
            operation.circuit, url, lambda response: _judged(operation, response, read, missing), within_s=within_s
        )

    def _batch_url(self, listing_ids: Iterable[str]) -> URL:
        return operations.BATCH.url(self._api).with_query(vehicleIds=",".join(listing_ids))


def _judged(
    operation: Operation[..., object], response: Response, read: Callable[[bytes], T], missing: Callable[[], None]
) -> T:
    try:
        body = operation.body(response)
    except NotFound:
        missing()
        raise
    return read(body)
