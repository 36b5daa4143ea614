"""Danawa's addresses: a page of its list, and the bridge, which is the link from a row to the feeder's site.

Sources: the list by a crawl of 151 pages (March 2025), the bridge by links followed in September 2026.
"""

import re
from functools import lru_cache

from yarl import URL

from dealerproxy.contract.ids import LISTING_IDS
from dealerproxy.upstreams.caps import MOST_TEXT

HOME = URL("https://auto.danawa.com")
FOLDER = "usedcar"
BRIDGE = "loadingBridge.php"

# The order in the site's own links; its sort key is unknown, but it is not price, year or mileage.
ORDER = "8"

# The host of a link, if any, and its query.
_LINK = re.compile(rf"(?:(?:https?:)?//([^/?#]*)/)?(?:[^?#:]*/)?{re.escape(BRIDGE)}\?([^#]*)(?:#.*)?", re.IGNORECASE)
# Each finds every value of its parameter in a query; a value of another shape is found as empty.
_FEEDER = re.compile(r"(?:^|&)sCompany=(?:([A-Za-z0-9_-]{1,32})(?=&|$))?", re.ASCII)
_LISTING_ID = re.compile(rf"(?:^|&)sDemoNo=(?:({LISTING_IDS['danawa'].pattern})(?=&|$))?", re.ASCII)


def list_url(base: URL, page: int) -> URL:
    """Return the address of a page (from 1) of all used cars."""
    query = {
        "Work": "list",
        "Tab": "list",
        "Page": str(page),
        "Order": ORDER,
        "Brand": "",
        "Series": "",
        "Model": "",
    }
    return (base / FOLDER / "").with_query(query)


def bridge_url(base: URL, feeder: str, listing_id: str) -> str:
    """Return the list's own link to a car; neither part needs escaping."""
    return f"{_bridge(base)}?refer=usedcarList&sCompany={feeder}&sDemoNo={listing_id}"


@lru_cache(maxsize=8)
def _bridge(base: URL) -> str:
    return str(base / FOLDER / BRIDGE)


def bridge(href: str, base: URL = HOME) -> tuple[str, str] | None:
    """Return feeder and listing id of a link over the bridge, relative or absolute; None for any other link.

    Only the two parameters are used, and the link is never followed. A link to another host than the list's, or with
    two different ids, is not reliable and returns None.
    """
    match = _LINK.fullmatch(href.strip()) if len(href) <= MOST_TEXT else None
    if match is None or (match[1] is not None and match[1].partition(":")[0].lower() not in {base.host, HOME.host}):
        return None
    feeders, ids = set(_FEEDER.findall(match[2])), set(_LISTING_ID.findall(match[2]))
    if len(feeders) != 1 or len(ids) != 1:
        return None
    feeder, listing_id = feeders.pop(), ids.pop()
    return (feeder.lower(), listing_id) if feeder and listing_id else None
