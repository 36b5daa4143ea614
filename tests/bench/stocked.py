"""A folder with whole listings of both sites, read by the service itself from a stand-in that does not make it wait."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from tests.bench import load, market
from tests.bench.processes import Server, serve_command, serving
from tests.bench.standin import CALLS

# Nobody asks for rows any more: everything was read.
QUIET_S, LONGEST_S = 4.0, 120.0
AT_ONCE = 1_000.0


@contextmanager
def stock_dir(most: float, warm: str = "*") -> Iterator[str]:
    """Read at most so many of Encar's cars, of these makes, and yield the folder they are kept in."""
    with tempfile.TemporaryDirectory() as folder:
        with serving(market.serve, 0.0, market.SITE_PAGE_ROWS, most, measured=False) as site:
            rates = {"encar_rps": AT_ONCE, "danawa_rps": AT_ONCE}
            with serve_command(**urls(site), **rates, encar_warm=warm, stock_dir=folder):
                wait_until_read(site)
        yield folder


def urls(site: Server) -> dict[str, str]:
    """The settings by which the service asks a stand-in."""
    url = f"http://{load.HOST}:{site.port}"
    return dict.fromkeys(("encar_api_url", "encar_page_url", "danawa_url", "mpark_api_url"), url)


def calls(site: Server) -> market.Calls:
    """What the stand-in was asked for."""
    return msgspec.json.decode(load.fetch(site.port, CALLS)[1], type=market.Calls)


def wait_until_read(site: Server) -> None:
    """Wait until nobody has asked for rows for a while."""
    deadline = time.monotonic() + LONGEST_S
    while not calls(site).operations or calls(site).quiet_s < QUIET_S:
        if time.monotonic() > deadline:
            raise TimeoutError("the stock is not read")
        time.sleep(0.2)
