"""A real outage before a real Prometheus, for which a minute of the rules lasts two seconds."""

import re
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from dealerproxy.ops import shipped
from dealerproxy.sandbox.showcase import SHOWN_ID
from tests.ops.prometheus import Prometheus, wait_until
from tests.ops.running import Sandbox

pytestmark = pytest.mark.slow

MINUTE_S = 2
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
LIST_DOWN, CAR_DOWN, PAUSED = "DealerproxyListDown", "DealerproxyCarDown", "DealerproxyPaused"


def faster(rules: str) -> str:
    """The same rules, where a minute is shorter."""

    def shorter(duration: re.Match[str]) -> str:
        number, unit = duration.groups()
        return f"{int(number) * SECONDS[unit] * MINUTE_S * 1_000 // 60}ms"

    return re.sub(r"(?:(?<=\[)|(?<=offset )|(?<=for: ))(\d+)([smhd])\b", shorter, rules)


class Clients:
    """Requests that no cache can answer."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox, self._mileages = sandbox, count(50_000)

    def ask(self) -> bool:
        self._sandbox.ask(f"/v1/vehicles?make=Kia&model=K5&mileage_max_km={next(self._mileages)}")
        self._sandbox.ask(f"/v1/vehicles/encar_{SHOWN_ID}")
        return True


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """Without stock: what is not cached is read from the site."""
    running = Sandbox(tmp_path / "log.jsonl", STOCK_MB="0", DETAIL_FRESH_S="0", ENCAR_RPS="50")
    yield running
    running.stop()


def test_an_outage_and_a_pause_fire_their_alerts_and_the_recovery_clears_them(sandbox: Sandbox, tmp_path: Path) -> None:
    clients = Clients(sandbox)
    with Prometheus.scraping(sandbox.port, tmp_path, faster(shipped.read("alerts")), interval="500ms") as prometheus:

        def firing() -> set[str]:
            clients.ask()
            return set(prometheus.alerts("firing"))

        wait_until(lambda: clients.ask() and prometheus.ask("dealerproxy_source_answers_total > 3"), "no lists")
        assert firing() == set()
        sandbox.breaks(*({"kind": "status", "operation": name, "status": 500} for name in ("search", "detail", "page")))
        wait_until(lambda: firing() >= {LIST_DOWN, CAR_DOWN}, "the outage fires nothing")
        sandbox.breaks()
        sandbox.forgive()
        wait_until(lambda: not firing() & {LIST_DOWN, CAR_DOWN}, "the alerts outlast the outage")

        sandbox.ask("/v1/upstreams/encar/pause", {"minutes": 30, "note": "for a test"})
        ends = time.monotonic() + 7 * MINUTE_S
        told = [firing() for _ in iter(lambda: time.monotonic() < ends, False)]
        assert not {LIST_DOWN, CAR_DOWN, "DealerproxySourceMissing"} & set[str]().union(*told)
        assert PAUSED in prometheus.alerts("pending")
        assert sandbox.ask("/v1/upstreams/encar/resume", {})[0] == 200
        wait_until(lambda: PAUSED not in prometheus.alerts("pending"), "the pause outlasts its end")
