"""The `dealerproxy` command: run the service, alone or against invented cars, and look after captured pages."""

import argparse
import asyncio
import gc
import os
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from multiprocessing.connection import Connection
from typing import Any

import msgspec
import structlog
from aiohttp import web

import dealerproxy
from dealerproxy import logs, settings, workers
from dealerproxy.api import server
from dealerproxy.api.metrics import WORKER_PORTS
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
# How long readiness says no, and each answer ends its connection, before the socket is closed.
DRAIN_S = 0.4
LAST_PORT = 65_535

log = structlog.get_logger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status is the command's own, or 2 for a start that cannot succeed."""
    options = _parser().parse_args(arguments)

    def run() -> int | None:
        configured = settings.load()
        logs.configure(configured.log_format)
        for name in settings.unknown():
            print(f"warning: {name} is not a setting of dealerproxy", file=sys.stderr)
        status: int | None = asyncio.run(options.run(configured, options))
        return status

    return _status(run)


def _status(run: Callable[[], int | None]) -> int:
    """The exit status of what is run; a start that cannot succeed is told in one line."""
    try:
        status = run()
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
    serve_parser = _command(
        commands.add_parser, "serve", serve, "run the service (settings come from DEALERPROXY_* variables)"
    )
    serve_parser.add_argument(
        "--workers",
        type=_count,
        default=1,
        metavar="N",
        help="processes that share the port (1); of several each has one of the ports after it, too, for its metrics",
    )
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


def _count(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if not number:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes")
    return number


async def serve(configured: Settings, options: argparse.Namespace) -> int:
    """Run the service until it is told to stop, in this process or in several."""
    stop = _stop_signal()
    if options.workers > 1:
        return await _serve_together(configured, options.workers, stop)
    await _serve(
        create_app(configured), configured, stop, lambda url: print(f"dealerproxy listens on {url}", file=sys.stderr)
    )
    return 0


async def _serve(
    app: web.Application,
    configured: Settings,
    stop: asyncio.Event,
    tell: Callable[[str], None],
    own_port: int | None = None,
) -> None:
    async with _listening(app, configured.host, configured.port, own_port) as url:
        # What is there by now stays: looking through it again would hold up everything for 10 ms now and then.
        gc.collect()
        gc.freeze()
        tell(url)
        await stop.wait()
        # Whoever sends us requests must have a chance to see that it should not any more.
        app[DRAINING].set()
        await asyncio.sleep(DRAIN_S)


async def _serve_together(configured: Settings, number: int, stop: asyncio.Event) -> int:
    """Run the service in several processes on one port; each has a port of its own, too, where its metrics are."""
    ports = range(configured.port + 1, configured.port + number + 1)
    if not configured.port or ports[-1] > LAST_PORT:
        raise SettingsError(
            f"DEALERPROXY_PORT='{configured.port}' cannot be used with {number} workers: "
            f"expected a port with {number} more after it"
        )
    # What cannot be used ends the start here, with one line.
    create_app(configured)
    await _check_free(configured.host, configured.port, ports)
    if not configured.cursor_secret:
        log.warning("cursor_secret_random", hint="set DEALERPROXY_CURSOR_SECRET so that cursors outlive a restart")
    if not configured.redis_url:
        log.warning("workers_without_redis", hint="set DEALERPROXY_REDIS_URL so that workers share what they read")
    each = msgspec.structs.replace(
        configured,
        cursor_secret=configured.cursor_secret or secrets.token_hex(32),
        processes=configured.processes * number,
    )

    def listening(url: str) -> None:
        print(f"dealerproxy listens on {url}, its workers on ports {', '.join(map(str, ports))}", file=sys.stderr)

    return await workers.supervise(work, [(each, port, ports) for port in ports], stop, listening)


def work(line: Connection, configured: Settings, own_port: int, ports: Sequence[int]) -> None:
    """Be one of several processes: on the port of all, and on one of its own."""
    logs.configure(configured.log_format)

    async def run() -> None:
        stop = workers.stopped_by(line)
        app = create_app(configured)
        app[WORKER_PORTS] = ports
        await _serve(app, configured, stop, lambda url: workers.tell(line, url), own_port)

    raise SystemExit(_status(lambda: asyncio.run(run())))


async def _check_free(host: str, shared: int, own: Sequence[int]) -> None:
    """Bind every port for a moment, without listening. Raises OSError for one that is in use."""
    for port in (shared, *own):
        server = await asyncio.get_running_loop().create_server(
            asyncio.Protocol, host, port, reuse_port=port == shared, start_serving=False
        )
        server.close()


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
async def _listening(app: web.Application, host: str, port: int, own_port: int | None = None) -> AsyncIterator[str]:
    """Serve an application and yield its base URL. With a port of its own, it shares the first with others."""
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=server.CUT_S)
    await runner.setup()
    try:
        await server.Site(runner, host, port, reuse_port=own_port is not None).start()
        if own_port is not None:
            await server.Site(runner, host, own_port).start()
        bound = runner.addresses[0]
        shown = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        yield f"http://{shown}:{bound[1]}"
    finally:
        await server.stop(runner, SHUTDOWN_S)


def _stop_signal() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set; made before anybody can be told that the service listens."""
    stop = asyncio.Event()
    for number in workers.STOP_SIGNALS:
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
