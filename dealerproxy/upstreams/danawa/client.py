"""Danawa over the wire: a page of its list, and a car from the feeder M-Park. Bodies of good answers, or UpstreamError.

The bridge between the two is never followed: its query says which feeder has the car and under which number, and the
feeder's address is a setting.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from yarl import URL

from dealerproxy.transport.fetch import Fetcher
from dealerproxy.transport.response import json_body, page_body
from dealerproxy.upstreams.danawa.urls import list_url

BURST = 4
IN_FLIGHT = 4
MAX_BYTES = 4_000_000
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
        response = await self._site.get(list_url(self.base, brand, series, number), within_s=within_s)
        charset = _CHARSET.search(response.headers.get("Content-Type", ""))
        return PageBody(page_body(response), charset[1] if charset else None)

    async def car(self, listing_id: str, *, within_s: float) -> bytes:
        """A car as the feeder's JSON tells it."""
        return json_body(await self._feeder.get(self._car_url.with_query(demoNo=listing_id), within_s=within_s))
