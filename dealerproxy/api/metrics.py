"""`GET /metrics`, for Prometheus."""

from collections.abc import Sequence

from aiohttp import web
from prometheus_client.aiohttp import make_aiohttp_handler

from dealerproxy.contract.errors import ApiError
from dealerproxy.ops.metrics import Metrics

# The workers' own ports, one each, if several processes share the clients' port.
WORKER_PORTS: web.AppKey[Sequence[int]] = web.AppKey("worker_ports")


def routes(metrics: Metrics) -> Sequence[web.RouteDef]:
    """Return the route of the scrape. It calls no upstream."""
    told = make_aiohttp_handler(metrics.registry)

    async def scrape(request: web.Request) -> web.StreamResponse:
        """Return the metrics of this process; 404 on the shared port, where another process may answer next."""
        ports = request.app.get(WORKER_PORTS)
        if ports is not None and _port(request) not in ports:
            shown = ", ".join(map(str, ports))
            raise ApiError(404, "not_found", f"Each worker has its own metrics, on ports {shown}.")
        return await told(request)

    return (web.get("/metrics", scrape),)


def _port(request: web.Request) -> int | None:
    """Return the port of the request; None if the connection is closed."""
    address = request.get_extra_info("sockname")
    return address[1] if address else None
