"""Partner keys of the main API in small: who asks, from where, under which environment, and how often."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from tests.client.partner_api import PARTNER


class Key(NamedTuple):
    partner: str
    environment: str
    addresses: tuple[str, ...] = ("127.0.0.1",)
    most_requests: int = 1000


KEYS = {
    "lmn_prd_acme": Key("acme", "production"),
    "lmn_stg_acme": Key("acme", "sandbox"),
    "lmn_prd_bolt": Key("bolt", "production"),
    "lmn_prd_elsewhere": Key("elsewhere", "production", addresses=("127.9.9.9",)),
    "lmn_prd_eager": Key("eager", "production", most_requests=2),
}


def check_keys(environment: str, keys: Mapping[str, Key] = KEYS) -> Middleware:
    """Let in who has a key of this environment; `PARTNER` tells the handlers who it is."""
    asked: Counter[str] = Counter()

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get("x-api-key")
        key = keys.get(given or "")
        if given is None:
            return _refusal(401, "missing_api_key")
        if key is None or key.environment != environment:
            return _refusal(401, "invalid_api_key")
        if request.remote not in key.addresses:
            return _refusal(403, "ip_not_allowed")
        asked[given] += 1
        if asked[given] > key.most_requests:
            return _refusal(429, "rate_limited", {"Retry-After": "60"})
        request[PARTNER] = (key.partner, key.environment)
        return await handler(request)

    return check


def _refusal(status: int, code: str, headers: Mapping[str, str] | None = None) -> web.Response:
    error: dict[str, object] = {"code": code, "message": code, "request_id": None, "details": {}}
    return web.json_response({"error": error}, status=status, headers=headers)
