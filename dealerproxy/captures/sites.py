"""Finds the site and operation of an address, at a stand-in, a replay, or the site itself."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from yarl import URL

from dealerproxy.contract.ids import UpstreamName
from dealerproxy.settings import Settings
from dealerproxy.upstreams.danawa import operations as danawa
from dealerproxy.upstreams.encar import operations as encar
from dealerproxy.upstreams.operations import Host, Operation

# By name, as in a capture's `meta.json`.
OPERATIONS: Mapping[str, Operation[..., object]] = {
    operation.name: operation for operation in (*encar.OPERATIONS, *danawa.OPERATIONS)
}
SITES: tuple[Host, ...] = tuple(dict.fromkeys(operation.host for operation in OPERATIONS.values()))
HOMES: Mapping[str, URL] = {site.setting: site.home for site in SITES}


class Page(NamedTuple):
    """A page of a site: `url` is its address at the site itself, `subject` the number of the car it is about."""

    upstream: UpstreamName
    operation: str
    site: Host
    url: URL
    subject: str | None


def bases(settings: Settings) -> Mapping[str, URL]:
    """Return the address of each site, by the name of the setting."""
    return {site.setting: URL(getattr(settings, site.setting)) for site in SITES}


def recognise(url: URL, asked_at: Mapping[str, URL] = HOMES) -> Page | None:
    """Return the page of an address; None for one of no site. `asked_at` are the sites' addresses."""
    for operation in OPERATIONS.values():
        host = operation.host
        path = _below(asked_at[host.setting], url)
        if operation.is_at(url, path):
            home = URL(f"{host.home}{path}?{url.raw_query_string}".rstrip("?"), encoded=True)
            return Page(host.upstream, operation.name, host, home, operation.subject(home, path))
    return None


def page_of(operation: Operation[..., Any], number: str) -> Page:
    """Return the page of an operation that is about the car with this number."""
    host = operation.host
    return Page(host.upstream, operation.name, host, operation.url(host.home, id=number), number)


def address(page: Page, asked_at: Mapping[str, URL]) -> URL:
    """Return the address of a page."""
    base = str(asked_at[page.site.setting]).rstrip("/")
    return URL(base + page.url.raw_path_qs, encoded=True)


def _below(base: URL, url: URL) -> str:
    """Return the path of an address below a base, with its slash; empty for an address elsewhere."""
    folder = base.raw_path.rstrip("/")
    if not url.absolute or url.origin() != base.origin() or not url.raw_path.startswith(f"{folder}/"):
        return ""
    return url.raw_path.removeprefix(folder)
