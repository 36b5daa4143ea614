"""The shipped files for monitoring: alert rules for Prometheus, a dashboard for Grafana."""

import argparse
from importlib.resources import files

from dealerproxy.settings import Settings

FILES = {"alerts": "alerts.yml", "dashboard": "dashboard.json"}


async def show(_: Settings, options: argparse.Namespace) -> None:
    """Prints one of the files."""
    print(read(options.what), end="")


def read(what: str) -> str:
    """Returns one of the files as text."""
    return files(__package__).joinpath(FILES[what]).read_text(encoding="utf-8")
