"""What is shipped for others to load: the alert rules for Prometheus, the dashboard for Grafana."""

import argparse
from importlib.resources import files

from dealerproxy.settings import Settings

FILES = {"alerts": "alerts.yml", "dashboard": "dashboard.json"}


async def show(_: Settings, options: argparse.Namespace) -> None:
    """Print one of them."""
    print(read(options.what), end="")


def read(what: str) -> str:
    """Return one of them as text."""
    return files(__package__).joinpath(FILES[what]).read_text(encoding="utf-8")
