"""The `dealerproxy` command: run the service, alone or against invented cars, and look after captured pages."""

import argparse
import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec
from aiohttp import web

import dealerproxy
from dealerproxy import logs, settings
from dealerproxy.api.server import Site
from dealerproxy.api.state import DRAINING
from dealerproxy.app import create_app
from dealerproxy.captures import commands as captures
from dealerproxy.ops import shipped
from dealerproxy.settings import Settings, SettingsError
from dealerproxy.vocabulary import VocabularyError

USAGE_ERROR = 2
# The stand-in is ours, so the politeness owed to a real site would only slow a first try down.
SANDBOX_RPS = 200.0
# Requests under way may finish: a little more than the longest of them is given by default.
SHUTDOWN_S = 12.0
# How long readiness says no before the socket is closed.
DRAIN_S = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status is the command's own, or 2 for a start that cannot succeed."""
    options = _parser().parse_args(arguments)
    try:
        configured = settings.load()
        logs.configure(configured.log_format)
        for name in settings.unknown():
            print(f"warning: {name} is not a setting of dealerproxy", file=sys.stderr)
        status: int | None = asyncio.run(options.run(configured, options))
    except (SettingsError, VocabularyError) as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE_ERROR
    except (OSError, UnicodeError) as error:
        print(f"error: cannot listen: {error}", file=sys.stderr)
        return USAGE_ERROR
    return status or 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dealerproxy", description=dealerproxy.__doc__)
    parser.add_argument("--version", action="version", version=dealerproxy.__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _command(commands.add_parser, "serve", serve, "run the service (settings come from DEALERPROXY_* variables)")
    ops = _command(commands.add_parser, "ops", shipped.show, "print what Prometheus and Grafana need to watch it")
    ops.add_argument("what", choices=shipped.FILES, help="the alert rules, or the dashboard")
    sandbox_parser = _command(
        commands.add_parser, "sandbox", sandbox, "run the service against local stand-ins with invented cars"
    )
    sandbox_parser.add_argument("--upstream-port", type=int, default=8081, help="port of the stand-ins (8081)")
    sandbox_parser.add_argument("--seed", type=int, default=1, help="seed of the invented cars (1)")
    sandbox_parser.add_argument(
        "--cars", type=int, default=4000, help="how many cars to invent for Encar (4000); Danawa gets a quarter as many"
    )
    captures.add_commands(commands)
    return parser


def _command(
    add: Callable[..., argparse.ArgumentParser],
    name: str,
    run: Callable[[Settings, argparse.Namespace], Coroutine[Any, Any, int | None]],
    about: str,
) -> argparse.ArgumentParser:
    parser = add(name, help=about, description=about)
    parser.set_defaults(run=run)
    return parser


async def serve(configured: Settings, _: argparse.Namespace) -> None:
    """Run the service until it is told to stop."""
    stop = _stop_signal()
    app = create_app(configured)
    async with _listening(app, configured.host, configured.port) as url:
        # What is there by now stays: looking through it again would hold up everything for 10 ms now and then.
        gc.collect()
        gc.freeze()
        print(f"dealerproxy listens on {url}", file=sys.stderr)
        await stop.wait()
        # Whoever sends us requests must have a chance to see that it should not any more.
        app[DRAINING].set()
        await asyncio.sleep(DRAIN_S)


async def sandbox(configured: Settings, options: argparse.Namespace) -> None:
    """Run stand-ins for both sites and the service wired to them until told to stop."""
    from dealerproxy.sandbox.danawa import DanawaStandIn  # noqa: PLC0415  # only this command needs the stand-ins
    from dealerproxy.sandbox.danawa_inventory import generate_danawa  # noqa: PLC0415
    from dealerproxy.sandbox.encar import EncarStandIn  # noqa: PLC0415
    from dealerproxy.sandbox.inventory import generate  # noqa: PLC0415
    from dealerproxy.sandbox.showcase import shown_car  # noqa: PLC0415
    from dealerproxy.sandbox.sites import serve as serve_sites  # noqa: PLC0415

    stop = _stop_signal()
    inventory = generate(options.seed, options.cars)
    inventory.insert(shown_car(inventory))
    encar = EncarStandIn(inventory)
    danawa = DanawaStandIn(generate_danawa(options.seed, options.cars // 4, also=inventory), faults=encar.faults)
    async with AsyncExitStack() as stack:
        sites = serve_sites(encar, danawa)
        upstream = await stack.enter_async_context(_listening(sites, "127.0.0.1", options.upstream_port))
        wired = msgspec.structs.replace(
            configured,
            encar_api_url=upstream,
            encar_page_url=upstream,
            danawa_url=upstream,
            mpark_api_url=upstream,
            encar_rps=configured.encar_rps if "DEALERPROXY_ENCAR_RPS" in os.environ else SANDBOX_RPS,
            danawa_rps=configured.danawa_rps if "DEALERPROXY_DANAWA_RPS" in os.environ else SANDBOX_RPS,
            cursor_secret=configured.cursor_secret or "sandbox",
        )
        url = await stack.enter_async_context(_listening(create_app(wired), configured.host, configured.port))
        print(_welcome(url, upstream), flush=True)
        await stop.wait()


@asynccontextmanager
async def _listening(app: web.Application, host: str, port: int) -> AsyncIterator[str]:
    """Serve an application and yield its base URL."""
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        await Site(runner, host, port).start()
        bound = runner.addresses[0]
        shown = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        yield f"http://{shown}:{bound[1]}"
    finally:
        await runner.cleanup()


def _stop_signal() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set; made before anybody can be told that the service listens."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _welcome(service: str, upstream: str) -> str:
    return f"""dealerproxy listens on {service}, its stand-ins for Encar and Danawa on {upstream}.
Every car is invented.

Try:
  curl -s '{service}/v1/vehicles?make=Hyundai,Kia&model=Avante,K5&limit=3'
  curl -si '{service}/v1/vehicles?make=BMW&options_include=sunroof,ventilated_seats&sort=price_asc&include=dealer'
  curl -s '{service}/v1/vehicles/encar_41985016?include=dealer'
  curl -si '{service}/v1/vehicles?make=Kia&upstream=danawa&limit=3'
  curl -s -X POST {upstream}/__sandbox/faults -d '{{"kind": "block", "operation": "search"}}'
  curl -si '{service}/v1/vehicles?make=Volvo'

Switch the faults off again with: curl -X DELETE {upstream}/__sandbox/faults
"""
