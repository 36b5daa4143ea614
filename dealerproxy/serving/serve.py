"""`dealerproxy serve`: runs the service in one process or several until SIGINT or SIGTERM."""

import argparse
import asyncio
import errno
import gc
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from multiprocessing.connection import Connection

import msgspec
import structlog
from aiohttp import web

import dealerproxy
from dealerproxy import logs
from dealerproxy.api.keys import DRAINING
from dealerproxy.api.metrics import WORKER_PORTS
from dealerproxy.app import create_app
from dealerproxy.serving import sockets as server
from dealerproxy.serving import workers
from dealerproxy.settings import PREFIX, Settings, SettingsError
from dealerproxy.vocabulary import VocabularyError

USAGE_ERROR = 2
# Seconds for running requests to finish at a shutdown: a little more than the longest default deadline.
SHUTDOWN_S = 12.0
# Seconds between a failing readiness check, with each answer closing its connection, and the end of the socket.
DRAIN_S = 0.4
LAST_PORT = 65_535
log = structlog.get_logger(__name__)


def exit_status(run: Callable[[], int | None]) -> int:
    """Runs a command and returns its exit status. A failed start prints one line."""
    try:
        status = run()
    except (SettingsError, VocabularyError) as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE_ERROR
    except (OSError, UnicodeError) as error:
        print(f"error: cannot listen: {error}", file=sys.stderr)
        return USAGE_ERROR
    return status or 0


async def serve(configured: Settings, options: argparse.Namespace) -> int:
    """Runs the service until SIGINT or SIGTERM, in this process or in several."""
    stop = stop_signal()
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
    async with serving(app, configured, own_port) as url:
        # Objects of the start live on; without the freeze, each full collection would pause the loop for 10 ms.
        gc.collect()
        gc.freeze()
        tell(url)
        await stop.wait()
        # Load balancers need time to notice that readiness fails.
        app[DRAINING].set()
        await asyncio.sleep(DRAIN_S)


@asynccontextmanager
async def serving(app: web.Application, configured: Settings, own_port: int | None = None) -> AsyncIterator[str]:
    """Serves the service where its settings say, yields its base URL, and logs its start and end."""
    worker = os.getpid()
    log.info("starting", version=dealerproxy.__version__, worker=worker)
    async with listening(app, configured.host, configured.port, own_port) as url:
        log.info("ready", url=url, worker=worker)
        yield url
        log.info("stopping", worker=worker)
    log.info("stopped", worker=worker)


async def _serve_together(configured: Settings, number: int, stop: asyncio.Event) -> int:
    """Runs the service in several processes on one port; each also has its own port for metrics."""
    ports = range(configured.port + 1, configured.port + number + 1)
    if not configured.port or ports[-1] > LAST_PORT:
        raise SettingsError(
            f"DEALERPROXY_PORT='{configured.port}' cannot be used with {number} workers: "
            f"expected a port with {number} more after it"
        )
    # An unusable setting or port ends the start here, with one line.
    create_app(configured)
    await check_free(configured.host, configured.port, reuse_port=True)
    await check_free(configured.host, *ports)
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
    """Runs one of several processes, on the shared port and on its own."""
    logs.configure(configured.log_format, configured.log_level)

    async def run() -> None:
        stop = workers.stopped_by(line)
        app = create_app(configured)
        app[WORKER_PORTS] = ports
        await _serve(app, configured, stop, lambda url: workers.tell(line, url), own_port)

    raise SystemExit(exit_status(lambda: asyncio.run(run())))


async def check_free(host: str, *ports: int, reuse_port: bool = False) -> None:
    """Binds every port for a moment, without listening.

    Raises OSError for one in use, SettingsError for a host that is not this machine.
    """
    for port in ports:
        with _naming(host):
            bound = await asyncio.get_running_loop().create_server(
                asyncio.Protocol, host, port, reuse_port=reuse_port, start_serving=False
            )
        bound.close()


@contextmanager
def _naming(host: str) -> Iterator[None]:
    """Raises SettingsError with the variable's name if a host cannot be listened on, whatever the port."""
    try:
        yield
    except OSError as error:
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            raise SettingsError(f"{PREFIX}HOST={host!r} cannot be used: {error}") from error
        raise


@asynccontextmanager
async def listening(app: web.Application, host: str, port: int, own_port: int | None = None) -> AsyncIterator[str]:
    """Serves an application and yields its base URL. With an `own_port`, it shares the first port with others."""
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=server.CUT_S)
    await runner.setup()
    try:
        with _naming(host):
            await server.Site(runner, host, port, reuse_port=own_port is not None).start()
            if own_port is not None:
                await server.Site(runner, host, own_port).start()
        bound = runner.addresses[0]
        shown = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        yield f"http://{shown}:{bound[1]}"
    finally:
        await server.stop(runner, SHUTDOWN_S)


def stop_signal() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set. Create it before reporting that the service listens."""
    stop = asyncio.Event()
    for number in workers.STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
