"""Danawa over the wire: a page of its list, and a car from the feeder M-Park. Bodies of good answers, or UpstreamError.

The bridge between the two is never followed: its query says which feeder has the car and under which number, and the
feeder's address is a setting.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from yarl import URL

from dealerproxy.transport.fetch import Fetcher, FetchPolicy
from dealerproxy.transport.response import Response
from dealerproxy.upstreams.danawa.operations import FEEDER, LIST
from dealerproxy.upstreams.danawa.urls import list_url

# Nothing at once: four a second is what the site is given credit for, from the first second on.
LIST_MANNERS = FetchPolicy((LIST.circuit,), burst=1, in_flight=4, max_bytes=4_000_000)
FEEDER_MANNERS = FetchPolicy((FEEDER.circuit,), burst=1, in_flight=4, max_bytes=4_000_000)

T = TypeVar("T")


class PageBody(NamedTuple):
    """A page as it came, and the charset its header names."""

    body: bytes
    charset: str | None


def request_headers(user_agent: str) -> Mapping[str, str]:
    """Headers a reader's browser sends; no cookie, no token."""
    return {
        "User-Agent": user_agent,
        "Accept": "text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.8",
        "Accept-Language": "ko-KR,ko;q=0.9,en;q=0.8",
    }


class DanawaClient:
    """Asks Danawa and its feeder, each through a fetcher of its own; `within_s` bounds a call, its turn included.

    `read` makes of a good body what is asked for; a Drift it raises is the site's, and its page may be kept.
    """

    def __init__(self, site: Fetcher, feeder: Fetcher, *, site_url: str, feeder_url: str) -> None:
        self._site, self._feeder = site, feeder
        self.base = URL(site_url)
        self._feeder_base = URL(feeder_url)

    async def page(
        self, brand: str, series: str | None, number: int, read: Callable[[PageBody], T], *, within_s: float
    ) -> T:
        """Page `number` (from 1) of a listing."""
        url = list_url(self.base, brand, series, number)

        def judge(response: Response) -> T:
            return read(PageBody(LIST.body(response), response.charset))

        return await self._site.get(LIST.circuit, url, judge, within_s=within_s)

    async def car(self, listing_id: str, read: Callable[[bytes], T], *, within_s: float) -> T:
        """A car as the feeder's JSON tells it."""
        url = FEEDER.url(self._feeder_base, id=listing_id)
        return await self._feeder.get(
            FEEDER.circuit, url, lambda response: read(FEEDER.body(response)), within_s=within_s
        )
