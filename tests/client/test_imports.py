"""The main API pays only for what it imports: a fresh interpreter tells what that loads."""

import subprocess
import sys

SERVER_ONLY = {
    *("selectolax", "redis", "prometheus_client", "aiocache", "structlog", "tenacity", "cachetools", "aiolimiter"),
    *("orjson", "aiohttp.web", "dealerproxy.app", "dealerproxy.api", "dealerproxy.upstreams", "dealerproxy.vocabulary"),
}


def test_importing_the_client_loads_nothing_that_only_the_server_needs() -> None:
    code = "import sys, dealerproxy.client; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(ran.stdout.split())
    assert {"dealerproxy.client", "aiohttp", "msgspec", "yarl"} <= loaded
    assert not loaded & SERVER_ONLY
