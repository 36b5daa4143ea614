"""The `dealerproxy` command: run the service, alone or against invented cars, and look after captured pages."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import dealerproxy
from dealerproxy import logs, settings
from dealerproxy.captures import command as captures
from dealerproxy.ops import shipped
from dealerproxy.serving.sandboxed import sandbox
from dealerproxy.serving.serve import exit_status, serve
from dealerproxy.settings import Settings


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

    return exit_status(run)


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
