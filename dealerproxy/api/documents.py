"""`GET /docs/pages/{name}`: the documents of the package as HTML pages."""

import asyncio
import html
import posixpath
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from string import Template

from aiohttp import web

from dealerproxy.api.http import etag, not_modified
from dealerproxy.api.pages import STATIC, policy

PROJECT = Path(__file__).parents[2]
# The name of each page, its title in the navigation, and its source by the path in the project.
DOCUMENTS: Mapping[str, tuple[str, str]] = {
    "api": ("API", "dealerproxy/api/README.md"),
    "fields": ("Fields", "dealerproxy/api/FIELDS.md"),
    "client": ("Client", "dealerproxy/client/README.md"),
    "ops": ("Operations", "dealerproxy/ops/README.md"),
    "captures": ("Captures", "dealerproxy/captures/README.md"),
    "sandbox": ("Sandbox", "dealerproxy/sandbox/README.md"),
    "architecture": ("Architecture", "dealerproxy/README.md"),
}
CURRENT = ' aria-current="page"'


@cache
def rendered(name: str) -> bytes:
    """Render a document as a whole page. Raises KeyError for an unknown name."""
    # Only a process that shows a document loads the Markdown parser.
    from dealerproxy.api.markdown import render  # noqa: PLC0415

    _, path = DOCUMENTS[name]
    pages = {source: page for page, (_, source) in DOCUMENTS.items()}
    title, body = render((PROJECT / path).read_text(encoding="utf-8"), directory=posixpath.dirname(path), pages=pages)
    links = (f'<a href="{page}"{CURRENT if page == name else ""}>{shown}</a>' for page, (shown, _) in DOCUMENTS.items())
    template = Template((STATIC / "document.html").read_text(encoding="utf-8"))
    return template.substitute(title=html.escape(title), documents=" ".join(links), body=body).encode()


async def get_page(request: web.Request) -> web.Response:
    """Return a document as a page, or a 304."""
    name = request.match_info["name"]
    if name not in DOCUMENTS:
        raise web.HTTPNotFound
    body = await asyncio.to_thread(rendered, name)
    headers = {"ETag": etag(body), "Cache-Control": "no-cache", "Content-Security-Policy": policy()}
    unchanged = not_modified(request, headers["ETag"], headers)
    return unchanged or web.Response(body=body, headers=headers, content_type="text/html", charset="utf-8")


ROUTES = (web.get("/docs/pages/{name}", get_page),)
