"""`GET /docs`: the OpenAPI document in Swagger UI, whose files come in a wheel (offapi) and never from a CDN."""

from importlib.metadata import distribution
from pathlib import Path

from aiohttp import web

from dealerproxy.api.pages import STATIC, files, page

# Not imported: that would read all of the wheel's 9 MB.
_WHEEL = Path(str(distribution("offapi").locate_file("offapi")))

ROUTES = (
    # Swagger UI has its icons as data.
    web.get("/docs", page("docs.html", img_src="data:")),
    files(
        "/docs", [_WHEEL / "swagger_bundle.js", _WHEEL / "swagger_style.css", STATIC / "docs.js", STATIC / "docs.css"]
    ),
)
