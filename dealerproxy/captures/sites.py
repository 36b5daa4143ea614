"""Which page of which site an address is, wherever the site is asked: a stand-in, a replay, or the site itself."""

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from yarl import URL

from dealerproxy.settings import Settings

SEARCH, FACETS = "search", "facets"
DETAIL, BATCH, PAGE = "detail", "batch", "page"
INSPECTION, RECORD, DIAGNOSIS = "inspection", "record", "diagnosis"
LIST, FEEDER = "list", "feeder"
# The operations that answer with a page for people.
HTML = frozenset({PAGE, LIST})

Upstream = Literal["encar", "danawa"]
_READSIDE = "/v1/readside/"


class Site(NamedTuple):
    """A host of an upstream: its own address, the setting that may put another in its place, its pages by path."""

    upstream: Upstream
    setting: str
    home: URL
    pages: Mapping[str, re.Pattern[str]]


def _pages(**paths: str) -> dict[str, re.Pattern[str]]:
    return {operation: re.compile(path, re.ASCII) for operation, path in paths.items()}


SITES = (
    Site(
        "encar",
        "encar_api_url",
        URL("https://api.encar.com"),
        _pages(
            search=r"/search/car/list/\w+",
            detail=rf"{_READSIDE}vehicle/(\d+)",
            batch=rf"{_READSIDE}vehicles",
            inspection=rf"{_READSIDE}inspection/vehicle/(\d+)",
            record=rf"{_READSIDE}record/vehicle/(\d+)/open",
            diagnosis=rf"{_READSIDE}diagnosis/vehicle/(\d+)",
        ),
    ),
    Site("encar", "encar_page_url", URL("https://fem.encar.com"), _pages(page=r"/cars/detail/(\d+)")),
    Site("danawa", "danawa_url", URL("https://auto.danawa.com"), _pages(list=r"/usedcar/")),
    Site(
        "danawa",
        "mpark_api_url",
        URL("https://api.m-park.co.kr"),
        _pages(feeder=r"/home/api/v1/wb/searchmycar/cardetailinfo/get"),
    ),
)
HOMES: Mapping[str, URL] = {site.setting: site.home for site in SITES}


class Page(NamedTuple):
    """A page of a site: `url` is its address at the site itself, `subject` the number of the car it is about."""

    upstream: Upstream
    operation: str
    site: Site
    url: URL
    subject: str | None


def bases(settings: Settings) -> Mapping[str, URL]:
    """Where a service asks each site, by the name of the setting."""
    return {site.setting: URL(getattr(settings, site.setting)) for site in SITES}


def recognise(url: URL, asked_at: Mapping[str, URL] = HOMES) -> Page | None:
    """Tell which page an address is; None for one that is no page of a site. `asked_at` are the sites' addresses."""
    for site in SITES:
        path = _below(asked_at[site.setting], url)
        for operation, shape in site.pages.items():
            match = shape.fullmatch(path)
            if match is not None:
                home = URL(f"{site.home}{path}?{url.raw_query_string}".rstrip("?"), encoded=True)
                subject = match[1] if match.groups() else home.query.get("demoNo")
                return Page(site.upstream, _operation(operation, home), site, home, subject)
    return None


def address(page: Page, asked_at: Mapping[str, URL]) -> URL:
    """Where to ask for a page."""
    base = str(asked_at[page.site.setting]).rstrip("/")
    return URL(base + page.url.raw_path_qs, encoded=True)


def _operation(operation: str, url: URL) -> str:
    """A search without `sr` answers facets only."""
    return FACETS if operation == SEARCH and "sr" not in url.query else operation


def _below(base: URL, url: URL) -> str:
    """The path of an address below a base, with its slash; empty for an address elsewhere."""
    folder = base.raw_path.rstrip("/")
    if not url.absolute or url.origin() != base.origin() or not url.raw_path.startswith(f"{folder}/"):
        return ""
    return url.raw_path.removeprefix(folder)
