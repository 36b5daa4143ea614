"""Fetches pages by hand, one attempt each, and returns any answer of a site unchanged, errors included.

The input is that of the partner (a query, the id of a car), or the address of a page.
"""

import asyncio
import math
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from urllib.parse import parse_qs

import aiohttp
from yarl import URL

from dealerproxy.captures import sites
from dealerproxy.captures.sites import Page, page_of, recognise
from dealerproxy.contract.errors import ApiError
from dealerproxy.contract.ids import PUBLIC_ID
from dealerproxy.search.plan import plan
from dealerproxy.search.query import parse
from dealerproxy.settings import Settings
from dealerproxy.transport.errors import Closed, Drift
from dealerproxy.transport.fetch import MAX_FIELD_BYTES, MAX_HEADERS
from dealerproxy.transport.redis_guard import connect
from dealerproxy.transport.response import Response
from dealerproxy.transport.valve import Valves
from dealerproxy.upstreams.danawa import operations as danawa
from dealerproxy.upstreams.danawa.client import request_headers as danawa_headers
from dealerproxy.upstreams.danawa.legs import DanawaLeg
from dealerproxy.upstreams.danawa.legs import plan_legs as plan_danawa
from dealerproxy.upstreams.danawa.urls import list_url
from dealerproxy.upstreams.encar import operations as encar
from dealerproxy.upstreams.encar.advert import read_document
from dealerproxy.upstreams.encar.client import request_headers as encar_headers
from dealerproxy.upstreams.encar.leg import EncarLeg
from dealerproxy.upstreams.encar.legs import plan_legs as plan_encar
from dealerproxy.upstreams.encar.query import search_url
from dealerproxy.upstreams.paging import CHUNK_ROWS
from dealerproxy.upstreams.results import Leg
from dealerproxy.upstreams.values import decode
from dealerproxy.vocabulary import Vocabulary

PLANNERS = {"encar": plan_encar, "danawa": plan_danawa}
WITHIN_S = 20.0
_PAPERS = (encar.INSPECTION, encar.RECORD, encar.DIAGNOSIS)
MAX_BYTES = 4_000_000
_ID = re.compile(rf"(?:.*/v1/vehicles/)?({PUBLIC_ID.pattern})")
_QUERY = re.compile(r"(?:.*/v1/vehicles)?\?(.+)|([a-z_]+=.*)")

Fetch = Callable[[Page], Awaitable[Response]]


class Unfetched(Exception):
    """A page that could not be fetched, or an unknown input; the message says why."""


def pages_of(what: str, settings: Settings, vocabulary: Vocabulary, *, pages: int = 1) -> list[Page]:
    """Return the pages of a query, an id or an address; of each list of a query the first `pages`.

    Raises Unfetched for anything else.
    """
    if match := _ID.fullmatch(what):
        return pages_of_car(*match[1].split("_"))
    if page := _page_at(what, settings):
        return [page]
    if match := _QUERY.fullmatch(what):
        return _pages_of_query(match[1] or match[2], settings, vocabulary, pages)
    raise Unfetched(f"{what!r} is not a partner query, a car's id or a page of a known site")


def pages_of_car(upstream: str, number: str) -> list[Page]:
    """Return the pages of a car, without its papers."""
    if upstream == "danawa":
        return [page_of(danawa.FEEDER, number)]
    return [page_of(encar.DETAIL, number), page_of(encar.PAGE, number)]


def number_of_papers(page: Page) -> int:
    """Return how many papers a page names: those of a car if it is an advert, else none."""
    return len(_PAPERS) if page.operation == encar.DETAIL.name else 0


def papers_of(page: Page, response: Response) -> list[Page]:
    """Return the papers of a car whose advert this is; none of any other page."""
    if not number_of_papers(page) or response.status != 200:
        return []
    try:
        vehicle = read_document(decode(response.body, object)).vehicle_id
    except Drift:
        return []
    return [page_of(paper, vehicle) for paper in _PAPERS]


@asynccontextmanager
async def fetching(
    settings: Settings, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> AsyncIterator[Fetch]:
    """Yield a function that fetches a page from the addresses in the settings, within their limits.

    It raises Unfetched if there is no answer or a too large one, and if the site is paused or its daily calls are
    used up.
    """
    shared = connect(settings.redis_url) if settings.redis_url else None
    valves = Valves(settings.daily_calls, processes=settings.processes, shared=shared)
    asked_at = sites.bases(settings)
    manners: Mapping[str, tuple[float, Mapping[str, str]]] = {
        "encar": (settings.encar_rps, encar_headers(settings.user_agent)),
        "danawa": (settings.danawa_rps, danawa_headers(settings.user_agent)),
    }
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=WITHIN_S),
        max_line_size=MAX_FIELD_BYTES,
        max_field_size=MAX_FIELD_BYTES,
        max_headers=MAX_HEADERS,
    ) as session:

        async def fetch(page: Page) -> Response:
            rps, headers = manners[page.upstream]
            await sleep(1 / rps)
            try:
                await valves[page.upstream].take(background=False)
                url = sites.address(page, asked_at)
                proxy = settings.proxies[page.upstream] or None
                async with session.get(url, headers=headers, allow_redirects=False, proxy=proxy) as answer:
                    body = await answer.content.read(MAX_BYTES + 1)
                    while not answer.content.at_eof() and len(body) <= MAX_BYTES:
                        body += await answer.content.read(MAX_BYTES + 1)
            except Closed as error:
                minutes = math.ceil((error.retry_after_s or 0.0) / 60)
                raise Unfetched(f"calls to {page.upstream} are stopped for {minutes} min ({error.code})") from error
            except aiohttp.ClientResponseError as error:
                # The error's text may hold the address of the proxy, with its password.
                raise Unfetched(type(error).__name__) from error
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                raise Unfetched(f"{type(error).__name__}: {error}") from error
            if len(body) > MAX_BYTES:
                raise Unfetched(f"the answer is larger than {MAX_BYTES} bytes")
            return Response(answer.status, answer.headers, body)

        try:
            yield fetch
        finally:
            if shared is not None:
                await shared.close()


def _page_at(address: str, settings: Settings) -> Page | None:
    """Return the page at an address, below the site's own host or the one in the settings."""
    try:
        url = URL(address)
    except ValueError:
        return None
    return recognise(url, sites.bases(settings)) or recognise(url)


def _pages_of_query(text: str, settings: Settings, vocabulary: Vocabulary, pages: int) -> list[Page]:
    try:
        query = parse(parse_qs(text), vocabulary)
        legs = plan(query, settings.krw_per_usd, vocabulary, PLANNERS).legs
    except ApiError as error:
        raise Unfetched(error.message) from error
    urls = [_url_of(leg, number) for leg in legs for number in range(pages)]
    if not urls:
        raise Unfetched(f"{text!r} searches no site")
    return [_page(str(url)) for url in dict.fromkeys(urls)]


def _url_of(leg: Leg, number: int) -> URL:
    """Return the address of a leg's page by index."""
    match leg:
        case EncarLeg():
            return search_url(
                encar.API.home, leg.q, leg.sort, number * CHUNK_ROWS, CHUNK_ROWS, path=leg.site_index.search.path
            )
        case DanawaLeg():
            return list_url(danawa.SITE.home, number + 1)
    raise TypeError(f"{leg.upstream} has no page for a leg")


def _page(url: str) -> Page:
    page = recognise(URL(url, encoded=True))
    if page is None:
        raise Unfetched(f"{url} is not a page of a known site")
    return page
