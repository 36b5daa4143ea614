"""A real Prometheus as a process of its own."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

PATIENT_S = 60.0


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def wait_until(what: Callable[[], Any], about: str) -> Any:
    patience = time.monotonic() + PATIENT_S
    while True:
        with suppress(OSError, URLError):
            if found := what():
                return found
        assert time.monotonic() < patience, about
        time.sleep(0.1)


class Prometheus:
    """A Prometheus with a folder of its own, scraping one service at short intervals, with some rules."""

    def __init__(self, binary: str, folder: Path, target: str, rules: str, interval: str) -> None:
        (folder / "alerts.yml").write_text(rules, encoding="utf-8")
        every = {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval}
        config = {
            "global": every,
            "rule_files": ["alerts.yml"],
            "scrape_configs": [{"job_name": "dealerproxy", "static_configs": [{"targets": [target]}]}],
        }
        (folder / "prometheus.yml").write_text(json.dumps(config), encoding="utf-8")
        address = f"127.0.0.1:{free_port()}"
        self._url = f"http://{address}/api/v1"
        self._process = subprocess.Popen(
            [
                binary,
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._scrapes, "Prometheus scrapes nothing")

    def _scrapes(self) -> bool:
        assert self._process.poll() is None, "Prometheus has ended: its port may be taken"
        return bool(self.ask("up"))

    @classmethod
    @contextmanager
    def scraping(cls, port: int, folder: Path, rules: str, *, interval: str = "1s") -> Iterator["Prometheus"]:
        """Run one while it is needed; skip the test where there is no Prometheus."""
        binary = shutil.which("prometheus")
        if binary is None:
            pytest.skip("there is no prometheus on the path (Debian's package prometheus)")
        running = cls(binary, folder, f"127.0.0.1:{port}", rules, interval)
        try:
            yield running
        finally:
            running.stop()

    def _get(self, path: str, **query: str) -> Any:
        with urlopen(f"{self._url}/{path}?{urlencode(query)}", timeout=PATIENT_S) as answer:
            return json.load(answer)["data"]

    def ask(self, query: str) -> list[Any]:
        found: list[Any] = self._get("query", query=query)["result"]
        return found

    def alerts(self, state: str) -> dict[str, list[dict[str, str]]]:
        """The alerts in a state, by their names, with the texts of each."""
        found: dict[str, list[dict[str, str]]] = {}
        for alert in self._get("alerts")["alerts"]:
            if alert["state"] == state:
                found.setdefault(alert["labels"]["alertname"], []).append(alert["annotations"])
        return found

    def rules(self) -> list[Any]:
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def scrape_twice(self) -> None:
        """Wait until what is new was scraped twice: a rate needs two figures."""
        scrapes = 'count_over_time(up{job="dealerproxy"}[10m])'
        before = float(self.ask(scrapes)[0]["value"][1])
        # The one under way may have begun before.
        wait_until(lambda: float(self.ask(scrapes)[0]["value"][1]) >= before + 3, "it is scraped no more")

    def targets(self) -> list[Any]:
        found: list[Any] = self._get("targets")["activeTargets"]
        return found

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()
