"""`dealerproxy sandbox`: the service against stand-in sites with invented cars."""

import argparse
import os
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, nullcontext

import msgspec
import structlog

from dealerproxy.app import create_app
from dealerproxy.serving.placeholders import placeholders
from dealerproxy.serving.serve import check_free, listening, serving, stop_signal
from dealerproxy.settings import PREFIX, Settings, SettingsError

# The stand-ins are local, so the real sites' rate limits would only slow them down.
SANDBOX_RPS = 200.0
UPSTREAM_HOST = "127.0.0.1"
log = structlog.get_logger(__name__)


async def sandbox(configured: Settings, options: argparse.Namespace) -> None:
    """Runs stand-ins for both sites and the service against them until SIGINT or SIGTERM."""
    from dealerproxy.sandbox.danawa.inventory import generate_danawa  # noqa: PLC0415
    from dealerproxy.sandbox.danawa.site import DanawaStandIn  # noqa: PLC0415  # only this command needs the stand-ins
    from dealerproxy.sandbox.encar.inventory import generate  # noqa: PLC0415
    from dealerproxy.sandbox.encar.site import EncarStandIn  # noqa: PLC0415
    from dealerproxy.sandbox.progress import Progress  # noqa: PLC0415
    from dealerproxy.sandbox.showcase import shown_car  # noqa: PLC0415
    from dealerproxy.sandbox.sites import serve as serve_sites  # noqa: PLC0415

    stop = stop_signal()
    if options.port is not None:
        configured = msgspec.structs.replace(configured, port=options.port)
    await _check_ports(configured, options)
    log.info("inventing", encar=options.cars, danawa=options.cars // 4)
    progress = Progress(lambda step, percent: log.info("inventing", step=f"{step} of 3", percent=percent))
    inventory = generate(options.seed, options.cars, trucks=options.cars // 20, watch=progress)
    inventory.insert(shown_car(inventory))
    encar = EncarStandIn(inventory)
    invented = generate_danawa(options.seed, options.cars // 4, also=inventory, watch=progress)
    danawa = DanawaStandIn(invented, faults=encar.faults)
    async with AsyncExitStack() as stack:
        sites = serve_sites(encar, danawa)
        upstream = await stack.enter_async_context(listening(sites, UPSTREAM_HOST, options.upstream_port))
        wired = msgspec.structs.replace(
            configured,
            encar_api_url=upstream,
            encar_page_url=upstream,
            danawa_url=upstream,
            mpark_api_url=upstream,
            encar_rps=configured.encar_rps if "DEALERPROXY_ENCAR_RPS" in os.environ else SANDBOX_RPS,
            danawa_rps=configured.danawa_rps if "DEALERPROXY_DANAWA_RPS" in os.environ else SANDBOX_RPS,
            # The stand-ins are on this machine.
            encar_proxy="",
            danawa_proxy="",
            cursor_secret=configured.cursor_secret or "sandbox",
        )
        app = create_app(wired)
        app.middlewares.append(placeholders(upstream))
        url = await stack.enter_async_context(serving(app, configured))
        print(_welcome(url, upstream), flush=True)
        await stop.wait()


async def _check_ports(configured: Settings, options: argparse.Namespace) -> None:
    """Checks that the ports are free, before cars are invented. Raises SettingsError or OSError with the port."""
    upstream_port: int = options.upstream_port
    named = f"{PREFIX}PORT" if options.port is None else "--port"
    if upstream_port and upstream_port == configured.port:
        raise SettingsError(f"--upstream-port {upstream_port} is also the port of the service: see {named}")
    with _naming_option("--upstream-port", upstream_port):
        await check_free(UPSTREAM_HOST, upstream_port)
    with nullcontext() if options.port is None else _naming_option("--port", options.port):
        await check_free(configured.host, configured.port)


@contextmanager
def _naming_option(option: str, port: int) -> Iterator[None]:
    """Raises SettingsError with the option's name if its port cannot be listened on."""
    try:
        yield
    except OSError as error:
        raise SettingsError(f"{option} {port} cannot be used: {error}") from error


def _welcome(service: str, upstream: str) -> str:
    return f"""dealerproxy listens on {service}, its stand-ins for Encar and Danawa on {upstream}.
Every car is invented.

Try:
  curl -s '{service}/v1/vehicles?make=Hyundai,Kia&model=Avante,K5&limit=3'
  curl -si '{service}/v1/vehicles?make=BMW&options_include=sunroof,ventilated_seats&sort=price_asc&include=dealer'
  curl -s '{service}/v1/vehicles/encar_41985016?include=dealer'
  curl -si '{service}/v1/vehicles?make=Kia&upstream=danawa&limit=3'
  curl -s '{service}/v1/vehicles?make=Hyundai,Kia&model=Porter,Bongo&limit=3&include=dealer'
  curl -s -X POST {upstream}/__sandbox/faults -d '{{"kind": "block", "operation": "search"}}'
  curl -si '{service}/v1/vehicles?make=Volvo'

Switch the faults off again with: curl -X DELETE {upstream}/__sandbox/faults
"""
