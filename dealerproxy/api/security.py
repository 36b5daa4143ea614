"""Security headers on every answer, and the largest request body."""

from aiohttp import web

from dealerproxy.api.keys import DRAINING

# Pages for people bring a policy of their own.
_POLICY = "default-src 'none'; frame-ancestors 'none'"
_ALWAYS = {"Server": "dealerproxy", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
MAX_BODY_BYTES = 65_536


async def secure_all(request: web.Request, response: web.StreamResponse) -> None:
    """Give every answer its security headers, as a signal of the application; one that drains ends its connections."""
    secure(response)
    # A connection of ours tells whether another request has come on it already.
    if request.app[DRAINING].is_set() and not getattr(request.protocol, "has_more", False):
        response.headers["Connection"] = "close"
        response.force_close()


def secure(response: web.StreamResponse) -> None:
    """Say nothing of what we run on, and let browsers do nothing that a page of ours does not need."""
    response.headers.update(_ALWAYS)
    response.headers.setdefault("Content-Security-Policy", _POLICY)
