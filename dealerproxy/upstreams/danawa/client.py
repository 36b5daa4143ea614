"""Danawa over the wire: a page of its list, and a car from the feeder M-Park. Bodies of good answers, or UpstreamError.

The bridge between the two is never followed: its query says which feeder has the car and under which number, and the
feeder's address is a setting.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from yarl import URL

from dealerproxy.transport.fetch import Fetcher, Manners
from dealerproxy.transport.response import Response, json_body, page_body
from dealerproxy.upstreams.danawa.urls import list_url

# What fails and is suspended each by itself.
LIST, FEEDER = "list", "feeder"
# Nothing at once: four a second is what the site is given credit for, from the first second on.
LIST_MANNERS = Manners((LIST,), burst=1, in_flight=4, max_bytes=4_000_000)
FEEDER_MANNERS = Manners((FEEDER,), burst=1, in_flight=4, max_bytes=4_000_000)
# Of the feeder's own site, as a program read it in September 2026.
CAR_PATH = "home/api/v1/wb/searchmycar/cardetailinfo/get"
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w-]+)", re.ASCII | re.IGNORECASE)


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
    """Asks Danawa and its feeder, each through a fetcher of its own; `within_s` bounds a call, its turn included."""

    def __init__(self, site: Fetcher, feeder: Fetcher, *, site_url: str, feeder_url: str) -> None:
        self._site, self._feeder = site, feeder
        self.base = URL(site_url)
        self._car_url = URL(feeder_url) / CAR_PATH

    async def page(self, brand: str, series: str | None, number: int, *, within_s: float) -> PageBody:
        """Page `number` (from 1) of a listing."""
        return await self._site.get(LIST, list_url(self.base, brand, series, number), _page, within_s=within_s)

    async def car(self, listing_id: str, *, within_s: float) -> bytes:
        """A car as the feeder's JSON tells it."""
        url = self._car_url.with_query(demoNo=listing_id)
        return await self._feeder.get(FEEDER, url, json_body, within_s=within_s)


def _page(response: Response) -> PageBody:
    charset = _CHARSET.search(response.headers.get("Content-Type", ""))
    return PageBody(page_body(response), charset[1] if charset else None)
