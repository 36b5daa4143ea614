"""The `dealerproxy` command: runs the service, against the sites or the sandbox, and manages captured pages."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import shtab

import dealerproxy
from dealerproxy import logs, settings
from dealerproxy.app import create_app
from dealerproxy.arguments import whole_number
from dealerproxy.captures import command as captures
from dealerproxy.ops import shipped
from dealerproxy.serving.sandboxed import sandbox
from dealerproxy.serving.serve import LAST_PORT, exit_status, serve
from dealerproxy.settings import Settings

# Encar has 200,000 cars; ten times as many would take minutes to invent.
MOST_CARS = 1_000_000
MOST_SEEDS = 2**32


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command. Returns its exit status, or 2 for a failed start."""
    options = _parser().parse_args(arguments)

    def run() -> int | None:
        configured = settings.load()
        logs.configure(configured.log_format, configured.log_level)
        for name in settings.unknown():
            print(f"warning: {name} is not a setting of dealerproxy", file=sys.stderr)
        status: int | None = asyncio.run(options.run(configured, options))
        return status

    return exit_status(run)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dealerproxy", description=dealerproxy.__doc__)
    parser.add_argument("--version", action="version", version=dealerproxy.__version__)
    shtab.add_argument_to(parser, "--print-completion", help="print a script that completes commands in this shell")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve_parser = _command(
        commands.add_parser, "serve", serve, "run the service (settings come from DEALERPROXY_* variables)"
    )
    serve_parser.add_argument(
        "--workers",
        type=whole_number(1, 1_000),
        default=1,
        metavar="N",
        help="processes that share the port (1); if more than 1, each has its metrics on one of the next ports",
    )
    ops = _command(
        commands.add_parser, "ops", shipped.show, "print the alert rules for Prometheus or the dashboard for Grafana"
    )
    ops.add_argument("what", choices=tuple(shipped.FILES), help="what to print")
    sandbox_parser = _command(
        commands.add_parser, "sandbox", sandbox, "run the service against local stand-ins with invented cars"
    )
    sandbox_parser.add_argument(
        "--port",
        type=whole_number(0, LAST_PORT),
        metavar="PORT",
        help="port of the service (8080, or DEALERPROXY_PORT if set); 0 takes a free one",
    )
    sandbox_parser.add_argument(
        "--upstream-port",
        type=whole_number(0, LAST_PORT),
        default=8081,
        metavar="PORT",
        help="port of the stand-ins (8081); 0 takes a free one",
    )
    sandbox_parser.add_argument(
        "--seed", type=whole_number(0, MOST_SEEDS), default=1, metavar="N", help="seed of the invented cars (1)"
    )
    sandbox_parser.add_argument(
        "--cars",
        type=whole_number(1, MOST_CARS),
        default=4000,
        metavar="N",
        help="how many cars to invent for Encar (4000); Danawa gets a quarter as many",
    )
    captures.add_commands(commands, create_app)
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
