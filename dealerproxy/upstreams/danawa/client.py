"""The HTTP client of Danawa: fetches a page of its list, or a car from the feeder M-Park, or raises UpstreamError.

The bridge between the two is never followed: its query has the car's feeder and number, and the feeder's address is
a setting.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from yarl import URL

from dealerproxy.contract.explain import RateBudget
from dealerproxy.transport.errors import Suspended
from dealerproxy.transport.fetch import Fetcher, FetchPolicy
from dealerproxy.transport.limits import Lane
from dealerproxy.transport.response import Response
from dealerproxy.upstreams.danawa.operations import FEEDER, LIST
from dealerproxy.upstreams.danawa.urls import list_url

# No burst: the rate limit holds from the first second.
LIST_MANNERS = FetchPolicy(
    # Listings are read whole, so later requests can use them.
    (LIST.circuit,),
    burst=1,
    in_flight=4,
    max_bytes=4_000_000,
    lanes={LIST.circuit: Lane.BACKGROUND},
)
FEEDER_MANNERS = FetchPolicy(
    (FEEDER.circuit,), burst=1, in_flight=4, max_bytes=4_000_000, lanes={FEEDER.circuit: Lane.CARS}
)

T = TypeVar("T")


class PageBody(NamedTuple):
    """A page's body, and the charset in its header."""

    body: bytes
    charset: str | None


def request_headers(user_agent: str) -> Mapping[str, str]:
    """Return the headers that a browser sends, without cookie or token."""
    return {
        "User-Agent": user_agent,
        "Accept": "text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.8",
        "Accept-Language": "ko-KR,ko;q=0.9,en;q=0.8",
    }


class DanawaClient:
    """Fetches from Danawa and its feeder, each with its own fetcher; `within_s` bounds a call and its wait for a turn.

    `read` converts a good body; a Drift that it raises counts as the site's, and its page may be captured.
    """

    def __init__(self, site: Fetcher, feeder: Fetcher, *, site_url: str, feeder_url: str) -> None:
        self._site, self._feeder = site, feeder
        self.base = URL(site_url)
        self._feeder_base = URL(feeder_url)

    async def page(self, number: int, read: Callable[[PageBody], T], *, within_s: float) -> T:
        """Return page `number` (from 1) of the list."""
        url = list_url(self.base, number)

        def judge(response: Response) -> T:
            return read(PageBody(LIST.body(response), response.charset))

        return await self._site.get(LIST.circuit, url, judge, within_s=within_s)

    @property
    def budget(self) -> RateBudget:
        """The request rate of the list."""
        return self._site.budget

    def trouble(self) -> Suspended | None:
        """Return why the list is suspended now; None if it may be called."""
        return self._site.trouble(LIST.circuit)

    async def car(self, listing_id: str, read: Callable[[bytes], T], *, within_s: float) -> T:
        """Return a car from the feeder's JSON."""
        url = FEEDER.url(self._feeder_base, id=listing_id)
        return await self._feeder.get(
            FEEDER.circuit, url, lambda response: read(FEEDER.body(response)), within_s=within_s
        )
