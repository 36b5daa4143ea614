"""Security headers of every answer, and the limit of a request body."""

from aiohttp import web

from dealerproxy.api.keys import DRAINING

# HTML pages set their own policy.
_POLICY = "default-src 'none'; frame-ancestors 'none'"
_ALWAYS = {"Server": "dealerproxy", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
MAX_BODY_BYTES = 65_536


async def secure_all(request: web.Request, response: web.StreamResponse) -> None:
    """Add the security headers to every answer (a signal of the application); during shutdown, close connections."""
    secure(response)
    # Only this service's own protocol class reports whether another request is already queued on the connection.
    if request.app[DRAINING].is_set() and not getattr(request.protocol, "has_more", False):
        response.headers["Connection"] = "close"
        response.force_close()


def secure(response: web.StreamResponse) -> None:
    """Hide the server's software, and forbid browsers everything that the service's pages do not need."""
    response.headers.update(_ALWAYS)
    response.headers.setdefault("Content-Security-Policy", _POLICY)
