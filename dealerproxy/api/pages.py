"""HTML pages and the files they load, all from this package or a wheel, not from another host."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

STATIC = Path(__file__).with_name("static")
# The policy allows no inline script or style and no other host.
_POLICY: Mapping[str, str] = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}


def policy(**loosened: str) -> str:
    """Return the Content-Security-Policy of a page; `img_src="https:"` also allows images of other hosts."""
    directives = dict(_POLICY)
    for directive, sources in loosened.items():
        directives[directive.replace("_", "-")] += f" {sources}"
    return "; ".join(f"{directive} {sources}" for directive, sources in directives.items())


def page(file: str, **loosened: str) -> Handler:
    """Build the handler of a page; `loosened` is for its policy."""
    return _file(STATIC / file, {"Content-Security-Policy": policy(**loosened)})


def files(prefix: str, paths: Iterable[Path]) -> web.RouteDef:
    """Build the route of these files, by their names."""
    handlers = {path.name: _file(path, {}) for path in paths}

    async def get_file(request: web.Request) -> web.StreamResponse:
        handler = handlers.get(request.match_info["file"])
        if handler is None:
            raise web.HTTPNotFound
        return await handler(request)

    return web.get(prefix + "/{file}", get_file)


def _file(path: Path, headers: Mapping[str, str]) -> Handler:
    # Browsers revalidate each file by its ETag, so that no page mixes two versions after an update.
    told = {**headers, "Cache-Control": "no-cache"}

    async def get_file(_: web.Request) -> web.StreamResponse:
        return web.FileResponse(path, headers=told)

    return get_file
