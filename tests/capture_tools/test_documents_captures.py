"""The captures' document: its tables match the code, and its walk from an outage to a fix runs as it is written."""

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args
from urllib.request import HTTPErrorProcessor, ProxyHandler, Request, build_opener

import msgspec
import pytest

from dealerproxy.app import create_app
from dealerproxy.captures import capture as saved
from dealerproxy.captures import command, keeper, sites
from dealerproxy.captures.scrub.stand_ins import Kind
from tests.support.documents import PROJECT, document
from tests.support.shell import SERVICE, SITES, Command, blocks, commands, request_of
from tests.test_cli import Process

DOCUMENT = "dealerproxy/captures/README.md"
# Longer than any command of the walk takes, on a busy machine.
WITHIN_S = 60
PLACED = re.compile(r"`([^`]+)`")


def section(heading: str) -> str:
    return document(DOCUMENT).partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def first_cells(text: str) -> list[str]:
    """The words in backticks in the first cell of each row of the tables."""
    return [word for cell in re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE) for word in PLACED.findall(cell)]


# Its tables


def test_every_command_and_option_is_named() -> None:
    parser = argparse.ArgumentParser()
    choices = parser.add_subparsers()
    command.add_commands(choices, create_app)
    text = section("Commands")
    for name, each in choices.choices.items():
        assert f"dealerproxy {name}" in text
        options = {option for action in each._actions for option in action.option_strings if option.startswith("--")}
        assert all(option in text for option in options - {"--help"})


def test_every_exit_code_is_named() -> None:
    codes = re.findall(r"^\| (\d) \|", section("Commands"), re.MULTILINE)
    assert [int(code) for code in codes] == [command.GOOD, command.WRONG, command.UNUSABLE]


def test_the_tables_of_the_format_have_its_files_and_the_fields_of_its_description() -> None:
    files, _, described = section("The format").partition("Fields of `meta.json`:")
    assert set(first_cells(files)) == saved.FILES
    assert first_cells(described) == list(saved.About.__struct_fields__)
    assert all(f"`{word}`" in described for word in (*get_args(saved.Provenance), *saved.Trouble.__struct_fields__))
    assert all(f"`{operation}`" in described for operation in sites.OPERATIONS)


def test_the_table_of_what_is_scrubbed_has_every_kind() -> None:
    assert sorted(first_cells(section("What is scrubbed"))) == sorted(Kind)


def test_the_bounds_of_what_the_service_stores_are_those_of_the_code() -> None:
    text = section("What the service stores by itself")
    assert f"{keeper.MAX_CAPTURES} captures and {keeper.MAX_BYTES // 1_000_000} MB" in text
    assert f"over {keeper.LARGEST_BODY // 1_000_000} MB" in text
    assert keeper.MOST_WORDS == 10, "the eleventh code shares a capture"
    assert saved.MOST_BYTES == 4_000_000
    assert "at\nmost 4 MB" in section("The format")


def test_a_capture_of_the_project_has_the_fields_of_the_document() -> None:
    meta = msgspec.json.decode((PROJECT / "tests/captures/encar_search_none/meta.json").read_bytes())
    assert list(meta) == list(saved.About.__struct_fields__)


# Its walk


class Walk:
    """Runs the commands of the walk in a folder that has a copy of the package; `said` is all that they printed."""

    def __init__(self, folder: Path) -> None:
        self.said = ""
        self._folder, self._servers = folder, dict[str, str]()
        self._serving: Process | None = None
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("DEALERPROXY_", "PYTEST_"))
        }
        self._environment = inherited | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}

    def run(self, step: Command) -> int:
        """Run a command to its end, or start one that serves. Returns its exit code, of curl the answer's status."""
        if step.program == "curl":
            return self._send(step)
        words = [each for word in step.words for each in self._expanded(word)]
        if step.program == "dealerproxy":
            if words[1] == "sandbox" or (words[1] == "replay" and not words[-1].startswith("--")):
                return self._serve(words[1:], step.variables)
            words[:1] = [sys.executable, "-m", "dealerproxy"]
        elif step.program == "pytest":
            words[:1] = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
        ended = subprocess.run(
            words,
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )
        self.said += ended.stdout + ended.stderr
        return ended.returncode

    def stop(self) -> None:
        """Stop the command that serves."""
        if self._serving is not None:
            self.said += self._serving.stop()
            self._serving = None

    def _serve(self, words: list[str], variables: Mapping[str, str]) -> int:
        self.stop()
        free = ("--upstream-port", "0") if words[0] == "sandbox" else ()
        inherited = {"PYTHONPATH": self._environment["PYTHONPATH"], **variables}
        self._serving = Process((*words, *free), inherited, "stdout", self._folder)
        assert self._serving.popen.stdout is not None
        self.said += self._serving.popen.stdout.readline()  # after the addresses
        sites_at = self._serving.lines[-1].rpartition(" on ")[2].strip().rstrip(".")
        self._servers = {**dict.fromkeys(SERVICE, self._serving.url), **dict.fromkeys(SITES, sites_at)}
        return 0

    def _send(self, step: Command) -> int:
        method, url, headers, body = request_of(step, self._servers)
        opener = build_opener(ProxyHandler({}), AnyStatus())
        with opener.open(Request(url, body, dict(headers), method=method), timeout=WITHIN_S) as answer:
            self.said += answer.read().decode()
            return int(answer.status)

    def _expanded(self, word: str) -> list[str]:
        """The files that a `*` stands for; the word itself if there are none."""
        found = sorted(self._folder.glob(word)) if "*" in word else []
        return [path.relative_to(self._folder).as_posix() for path in found] or [word]


class AnyStatus(HTTPErrorProcessor):
    """Returns answers of any status."""

    def http_response(self, request: Request, response: Any) -> Any:
        return response


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    """A walk in a repository with the package, its translations and its captures."""
    for path in ("dealerproxy", "translations", "tests/captures"):
        shutil.copytree(PROJECT / path, tmp_path / path, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n", encoding="utf-8")
    git = ("git", "-c", "user.name=x", "-c", "user.email=x@example.test", "-c", "commit.gpgsign=false")
    for words in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "x")):
        subprocess.run((*git, *words), cwd=tmp_path, check=True, capture_output=True)
    made = Walk(tmp_path)
    yield made
    made.stop()


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


@pytest.mark.slow
def test_the_walk_from_an_outage_to_a_fix_runs_as_it_is_written(walk: Walk, tmp_path: Path) -> None:
    statuses, promised = [], []
    for language, block in blocks(section("A site changed: what now?")):
        if language == "text":
            promised.append(block)
            continue
        for line in block.splitlines():
            *before, last = commands(f"```sh\n{line}\n```\n")
            for step in (*before, last):
                found = walk.run(step)
                if step.program == "curl":
                    statuses.append(found)
                else:
                    exits = re.search(r"# exit code (\d)", line) if step is last else None
                    assert found == (int(exits[1]) if exits else 0), f"{line}\n{walk.said[-2000:]}"
    walk.stop()
    assert statuses == [200, 503, 200]
    said = squeezed(walk.said)
    for text in promised:
        for line in text.splitlines():
            assert squeezed(line) in said, line
    (request,) = re.findall(r"curl -si 'http://[^/]+(/v1/vehicles\S+)'", section("A site changed: what now?"))
    assert request in walk.said
    clean = subprocess.run(("git", "status", "--short"), cwd=tmp_path, check=True, capture_output=True, text=True)
    assert clean.stdout == ""
