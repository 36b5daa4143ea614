"""The image: what goes into it, and that it runs as a stranger on a disk it cannot write to."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

import dealerproxy
from dealerproxy.serving.serve import DRAIN_S, SHUTDOWN_S
from dealerproxy.settings import PREFIX, Settings
from tests.ops.dockerfile import PROJECT, Image, build, context, copied, steps
from tests.ops.locks import RUN, pins

DOCKERFILE = steps((PROJECT / "Dockerfile").read_text(encoding="utf-8"))
CAPTURES = "/captures"
STRANGER = 10001
START_S = 20
INSTALLED = """
import importlib.metadata, json
print(json.dumps({each.name.lower().replace('_', '-'): each.version for each in importlib.metadata.distributions()}))
"""


def test_no_more_is_sent_to_be_built_from_than_what_is_copied() -> None:
    sources = {source for step in DOCKERFILE if step.name == "COPY" for source in copied(step)[1]}
    sent = {path if path.startswith(".") else path.partition("/")[0] for path in context()}
    assert sent == {source for source in sources if not source.startswith("/")}
    assert not [path for path in context() if "__pycache__" in path]


def test_nothing_is_installed_whose_hash_is_not_known() -> None:
    installs = [
        part
        for step in DOCKERFILE
        if step.name == "RUN"
        for part in step.text.split("&&")
        if re.search(r"\bpip\b.* (install|wheel|download) ", part)
    ]
    assert len(installs) == 4
    for command in installs:
        assert "--require-hashes" in command or (
            "--no-deps" in command and re.search(r"--no-(index|build-iso)", command)
        )


def test_the_ports_and_addresses_of_the_image_are_those_of_the_settings() -> None:
    said = {step.name: step.text for step in DOCKERFILE}
    assert int(said["EXPOSE"]) == Settings().port
    assert f"{PREFIX}PORT={Settings().port}" in said["ENV"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", said["USER"])


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """The image's last stage, built once."""
    if os.geteuid() != 0 or subprocess.call(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL):
        pytest.skip("without root and mount namespaces there is no root directory of an image's own")
    folder = tmp_path_factory.mktemp("image")
    yield build(folder)
    shutil.rmtree(folder)


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A volume for captures, whose owner an engine takes from the image."""
    folder = tmp_path / "volume"
    folder.mkdir()
    os.chown(folder, STRANGER, STRANGER)
    return folder


class Container:
    """The image's own command, all but one volume read-only, as `docker run --read-only` starts it."""

    def __init__(self, image: Image, volume: Path, log: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self._image, self._volume, self._log = image, volume, log
        self._env = image.environment(**{f"{PREFIX}PORT": str(port), f"{PREFIX}CAPTURE_DIR": CAPTURES})
        self.url = f"http://127.0.0.1:{port}"
        with log.open("wb") as standard_error:
            self.process = subprocess.Popen(
                image.inside(image.command, volume=volume, place=CAPTURES), env=self._env, stderr=standard_error
            )

    def does(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command beside the service, as `docker exec` does."""
        inside = self._image.inside(command, volume=self._volume, place=CAPTURES)
        return subprocess.run(inside, env=self._env, capture_output=True, text=True, timeout=START_S, check=False)

    def ask(self, path: str) -> Any:
        with urlopen(self.url + path, timeout=START_S) as answer:
            return json.load(answer)

    def healthy(self) -> bool:
        """Run the image's own health check."""
        return self.does(*self._image.health).returncode == 0

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")


@pytest.fixture
def container(image: Image, volume: Path, tmp_path: Path) -> Iterator[Container]:
    running = Container(image, volume, tmp_path / "log")
    try:
        ends = time.monotonic() + START_S
        while "listens on" not in running.log():
            assert running.process.poll() is None, running.log()
            assert time.monotonic() < ends, running.log()
            time.sleep(0.05)
        yield running
    finally:
        running.process.kill()
        running.process.wait()


@pytest.mark.slow
def test_the_image_runs_what_is_locked_as_a_stranger_on_a_read_only_disk(container: Container, volume: Path) -> None:
    assert container.ask("/health/live") == {"status": "live"}
    assert {upstream["name"] for upstream in container.ask("/v1/upstreams")["data"]} == {"encar", "danawa"}
    assert container.healthy()

    status = Path(f"/proc/{container.process.pid}/status").read_text(encoding="utf-8")
    for kind in ("Uid", "Gid"):
        assert re.search(rf"^{kind}:(\t{STRANGER}){{4}}$", status, re.MULTILINE)
    assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE)

    locked = {name: str(pin.version) for name, pin in pins(RUN).items() if pin.needed()}
    installed = json.loads(container.does("python", "-c", INSTALLED).stdout)
    assert installed == locked | {"dealerproxy": dealerproxy.__version__}
    assert "- alert: " in container.does("dealerproxy", "ops", "alerts").stdout

    for place in ("/opt/dealerproxy/x", "/tmp/x", "/x"):
        assert "Read-only file system" in container.does("touch", place).stderr
    assert container.does("touch", f"{CAPTURES}/x").returncode == 0
    assert (volume / "x").stat().st_uid == STRANGER

    container.process.send_signal(signal.SIGTERM)
    assert container.process.wait(timeout=DRAIN_S + SHUTDOWN_S) == 0
    assert not container.healthy()
    assert "Traceback" not in container.log()
