"""`GET /docs`: the OpenAPI document in Swagger UI. Its files come from a wheel (offapi), not from a CDN."""

from importlib.metadata import distribution
from pathlib import Path

from aiohttp import web

from dealerproxy.api.pages import STATIC, files, page

# The package is not imported, because an import reads all of the wheel's 9 MB.
_WHEEL = Path(str(distribution("offapi").locate_file("offapi")))

ROUTES = (
    # Swagger UI's icons are data URLs.
    web.get("/docs", page("docs.html", img_src="data:")),
    files(
        "/docs", [_WHEEL / "swagger_bundle.js", _WHEEL / "swagger_style.css", STATIC / "docs.js", STATIC / "docs.css"]
    ),
)
