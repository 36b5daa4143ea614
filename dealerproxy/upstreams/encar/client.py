"""Encar over the wire: one search page per call."""

from collections.abc import Mapping

from yarl import URL

from dealerproxy.transport.fetch import Fetcher
from dealerproxy.transport.response import json_body
from dealerproxy.upstreams.encar.query import search_url

# The page a blocked caller is sent to, found in bodies of status 404, 403 and 200.
BLOCK_MARKERS = (b"has_been_cr_blocked",)
BURST = 24
IN_FLIGHT = 6
MAX_BYTES = 4_000_000


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
    """Asks Encar's search."""

    def __init__(self, fetcher: Fetcher, base_url: str) -> None:
        self._fetcher = fetcher
        self._base = URL(base_url)

    async def search(self, q: str, *, sort: str, offset: int, limit: int, within_s: float) -> bytes:
        """Fetch one page of a search as JSON bytes. Raises UpstreamError."""
        url = search_url(self._base, q, sort, offset, limit)
        return json_body(await self._fetcher.get(url, within_s=within_s), block_markers=BLOCK_MARKERS)
