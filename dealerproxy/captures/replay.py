"""A server that returns captured answers of the sites, for the real service to call in their place.

Each site is served under its own host's name (`http://127.0.0.1:8090/api.encar.com/...`). A request gets a captured
answer only if method, host, path and query match; the order of parameters and their encoding do not count. For any
other request the answer is a status that no site uses, and a line names the closest capture. No request goes out.

Danawa's list is read whole: without a capture of its first page the newest of any page stands in for it, and the list
ends where no further page was captured.
"""

import difflib
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web
from msgspec.structs import replace
from yarl import URL

from dealerproxy.captures.capture import Capture
from dealerproxy.captures.scrub.scrub import TRANSPORT_HEADERS
from dealerproxy.captures.sites import SITES
from dealerproxy.settings import Settings
from dealerproxy.upstreams.danawa import operations as danawa
from dealerproxy.upstreams.danawa.urls import list_url
from dealerproxy.upstreams.danawa.whole import MAX_PAGES

# Neither a block, nor a 404, nor a status that is retried, so it cannot be mistaken for an answer of a site.
NO_CAPTURE = 421
# Settings that switch off all other calls during a replay.
_OFFLINE = {
    **dict.fromkeys(("fx_url", "fx_path", "fx_date_path", "redis_url", "capture_dir"), ""),
    **dict.fromkeys(("encar_proxy", "danawa_proxy"), ""),
    **dict.fromkeys(("encar_daily_calls", "danawa_daily_calls"), 0),
}
# The replay runs locally, so it needs no rate limit of a real site.
RPS = 200.0

_UNSENT = TRANSPORT_HEADERS | {"date"}

Key = tuple[str, str, str, tuple[tuple[str, str], ...]]


def key_of(method: str, url: URL) -> Key:
    """Return the key of a request; equal requests have equal keys."""
    return method, url.host or "", url.path, tuple(sorted(url.query.items()))


class Replay:
    """Serves captures, the newest of several for one request. `missed` holds the requests without a capture."""

    def __init__(self, captures: Iterable[Capture], *, say: Callable[[str], None] | None = None) -> None:
        oldest_first = sorted(captures, key=lambda capture: capture.about.captured_at)
        self._captures = {key_of(capture.request.method, capture.url): capture for capture in oldest_first}
        lists = [each for each in oldest_first if each.about.operation == danawa.LIST.name]
        pages = (
            [key_of("GET", list_url(danawa.SITE.home, number)) for number in range(1, MAX_PAGES + 1)] if lists else []
        )
        self._captures |= {page: lists[-1] for page in pages[:1] if page not in self._captures}
        self._pages = frozenset(pages)
        self._say = say or (lambda line: print(line, file=sys.stderr))
        self.missed: dict[Key, None] = {}

    def app(self) -> web.Application:
        """Build the server."""
        app = web.Application()
        app.router.add_route("*", "/{host}/{path:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.Response:
        host, _, path = request.rel_url.raw_path.lstrip("/").partition("/")
        url = URL(f"https://{host}/{path}?{request.rel_url.raw_query_string}", encoded=True)
        key = key_of(request.method, url)
        capture = self._captures.get(key)
        if capture is None and key in self._pages:
            return web.Response(status=404)
        if capture is None:
            return self._miss(key, url)
        headers = {name: value for name, value in capture.response.headers.items() if name.lower() not in _UNSENT}
        return web.Response(status=capture.response.status, headers=headers, body=capture.response.body)

    def _miss(self, key: Key, url: URL) -> web.Response:
        asked = f"{key[0]} {url.human_repr()}"
        nearest = self._nearest(url)
        if key not in self.missed:
            self.missed[key] = None
            self._say(f"no capture of {asked}\n  nearest: {nearest}")
        return web.json_response({"error": "no capture", "asked": asked, "nearest": nearest}, status=NO_CAPTURE)

    def _nearest(self, url: URL) -> str:
        addresses = {capture.url.human_repr(): capture for capture in self._captures.values()}
        found = difflib.get_close_matches(url.human_repr(), addresses, n=1, cutoff=0.0)
        return f"{addresses[found[0]].name}, {found[0]}" if found else "there are no captures"


def offline(settings: Settings, url: str) -> Settings:
    """Return the settings of a service that calls only a replay at an address."""
    asked_at: Mapping[str, str] = {site.setting: f"{url}/{site.home.host}" for site in SITES}
    secret = settings.cursor_secret or "replay"
    return replace(settings, **asked_at, **_OFFLINE, encar_rps=RPS, danawa_rps=RPS, cursor_secret=secret)


@asynccontextmanager
async def serving(app: web.Application, port: int = 0) -> AsyncIterator[str]:
    """Serve an application on the loopback and yield its address; port 0 takes a free one."""
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
