"""Replaces photo addresses in the sandbox's answers with placeholders: the invented cars have no photos."""

import re

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from dealerproxy.sandbox.photos import PHOTO_HOSTS, PHOTOS

_ANSWERS = "/v1/vehicles"
_POLICY = "Content-Security-Policy"
_HOSTS = "|".join(map(re.escape, PHOTO_HOSTS))
# A JSON string that is the address of a photo.
_PHOTO = re.compile(rf'"https://((?:{_HOSTS})/[^"\\?]+\.(?:jpe?g|png|webp|gif|heic))"'.encode(), re.IGNORECASE)


def placeholders(upstream: str) -> Middleware:
    """Builds a middleware that takes photos from the stand-ins at `upstream`, and lets the pages load them."""
    instead = rb'"%s/\1"' % f"{upstream}{PHOTOS}".encode()

    @web.middleware
    async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        if request.path.startswith(_ANSWERS) and isinstance(response, web.Response):
            if isinstance(response.body, bytes):
                response.body = _PHOTO.sub(instead, response.body)
        elif _POLICY in response.headers:
            policy = response.headers[_POLICY]
            response.headers[_POLICY] = policy.replace("img-src 'self'", f"img-src 'self' {upstream}")
        return response

    return answered
