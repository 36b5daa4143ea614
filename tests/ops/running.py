"""Commands as processes of their own, as ops run them."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from dealerproxy.settings import PREFIX

GENEROUS_S = 20


class Sandbox:
    """`dealerproxy sandbox` on free ports, its log in a file."""

    def __init__(self, log: Path, *, cars: int = 200, **settings: str) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        self._log = log
        with log.open("wb") as standard_error:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "dealerproxy", "sandbox", "--upstream-port", "0", "--cars", str(cars)],
                env={**inherited, f"{PREFIX}PORT": "0", **{PREFIX + name: value for name, value in settings.items()}},
                stdout=subprocess.PIPE,
                stderr=standard_error,
                text=True,
            )
        assert self._process.stdout is not None
        welcome = self._process.stdout.readline()
        addresses = re.findall(r"http://127\.0\.0\.1:\d+", welcome)
        assert len(addresses) == 2, f"{welcome}{log.read_text()}"
        self.url, self.sites = addresses

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def ask(self, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """Ask the service; headers are written with underscores."""
        return _ask(self.url + path, body, {name.replace("_", "-"): value for name, value in headers.items()})

    def control(self, path: str, body: object = None, method: str | None = None) -> Any:
        """Ask the stand-ins."""
        return _ask(self.sites + path, body, {}, method)[1]

    def breaks(self, *faults: Mapping[str, object]) -> None:
        """Switch these faults on, all others off, and let the sites be asked again."""
        self.control("/__sandbox/faults", method="DELETE")
        self.control("/__sandbox/faults", list(faults))

    def forgive(self, **headers: str) -> None:
        for name in ("encar", "danawa"):
            assert self.ask(f"/v1/upstreams/{name}/reset", {}, **headers)[0] == 200

    def send(self, raw: bytes) -> bytes:
        """Send bytes as they are; return what comes back."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=GENEROUS_S) as connection:
            connection.sendall(raw)
            return connection.recv(65_536)

    def stop(self) -> str:
        """End it; return its log."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.communicate(timeout=GENEROUS_S)
        finally:
            self._process.kill()
        return self._log.read_text(encoding="utf-8")


def _ask(url: str, body: object, headers: dict[str, str], method: str | None = None) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(url, data, headers, method=method), timeout=GENEROUS_S) as answer:
            status, text = answer.status, answer.read()
    except HTTPError as error:
        with error:
            status, text = error.code, error.read()
    with suppress(json.JSONDecodeError):
        return status, json.loads(text or b"null")
    return status, text.decode()
