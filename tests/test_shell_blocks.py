"""Every shell block of every document: requests run against the sandbox, commands are parsed by what they call."""

import argparse
import json
import tomllib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from importlib.util import find_spec
from typing import Any

import pytest
from packaging.requirements import Requirement

from dealerproxy import settings
from dealerproxy.cli import _parser
from dealerproxy.vocabulary import Vocabulary
from tests.api.conftest import Sandbox, Sandboxes
from tests.api.document_examples import differences
from tests.bench.command import _parser as bench_parser
from tests.support.documents import DOCUMENTS, PROJECT, document
from tests.support.shell import SERVICE, SITES, Command, blocks, commands, request_of

DECLARED = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = DECLARED["project"]["optional-dependencies"]
PHOTOS = "http://127.0.0.1:8081/__sandbox/photos/"
# These documents have a test of their own that runs their requests and compares the answers.
RUN_BY = {
    "dealerproxy/api/README.md": "tests/api/test_documents_api.py",
    "dealerproxy/client/README.md": "tests/client/test_page.py",
}
WITH_REQUESTS = [path for path in DOCUMENTS if any(each.program == "curl" for each in commands(document(path)))]


@pytest.fixture
async def sandboxes(vocabulary: Vocabulary) -> AsyncIterator[Sandboxes]:
    async with AsyncExitStack() as stack:
        yield Sandboxes(vocabulary, stack)


# How each program's commands are checked. A check fails with an exception.


def parsed_by(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    try:
        parser.parse_args(words)
    except SystemExit as end:
        if end.code:  # --help and --version end with 0
            raise


def check_dealerproxy(command: Command, made: set[str]) -> None:
    parsed_by(_parser(), command.words[1:])


def check_python(command: Command, made: set[str]) -> None:
    option, module, *words = command.words[1:]
    assert option == "-m", "only modules are run"
    assert find_spec(module), module
    if module == "tests.bench":
        parsed_by(bench_parser(), words)
    elif module == "dealerproxy":
        parsed_by(_parser(), words)


def check_pip(command: Command, made: set[str]) -> None:
    assert command.words[1] == "install"
    for word in command.words[2:]:
        if word.startswith("-"):
            assert word in {"--quiet", "--editable", "--upgrade"}
        else:
            requirement = Requirement(f"dealerproxy{word.removeprefix('.')}" if word.startswith(".") else word)
            assert requirement.name == "dealerproxy"
            assert requirement.extras <= set(EXTRAS)


def check_pytest(command: Command, made: set[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("paths", nargs="*")
    parser.add_argument("-n", choices=["auto", *map(str, range(9))])
    parser.add_argument("-m", choices=["slow", "not slow"])
    parser.add_argument("-k")
    parser.add_argument("-q", "-x", action="store_true")
    parsed_by(parser, command.words[1:])
    for path in parser.parse_args(command.words[1:]).paths:
        file = path.partition("::")[0]
        assert file in made or (PROJECT / file).exists(), file


def check_moved(command: Command, made: set[str]) -> None:
    made.add(command.words[-1])


def check_tool(command: Command, made: set[str]) -> None:
    assert command.program in {Requirement(each).name for each in EXTRAS["dev"]}


def check_script(command: Command, made: set[str]) -> None:
    assert (PROJECT / command.program).stat().st_mode & 0o100


def check_nothing(command: Command, made: set[str]) -> None:
    """For programs that are not ours."""


CHECKS: dict[str, Callable[[Command, set[str]], None]] = {
    "dealerproxy": check_dealerproxy,
    **dict.fromkeys(("python", "python3"), check_python),
    "pip": check_pip,
    "pytest": check_pytest,
    **dict.fromkeys(("ruff", "mypy"), check_tool),
    **dict.fromkeys((".ci/run", ".ci/lock"), check_script),
    **dict.fromkeys(("mv", "cp", "mkdir"), check_moved),
    **dict.fromkeys(("cat", "cd", "curl", "docker", "eval", "export", "git", "grep", "ls", "sed"), check_nothing),
}


@pytest.mark.parametrize("path", DOCUMENTS)
def test_every_command_of_a_document_can_be_run(path: str) -> None:
    made: set[str] = set()
    for command in commands(document(path)):
        assert command.program in CHECKS, f"{command.program}: add how its commands are checked"
        CHECKS[command.program](command, made)


@pytest.mark.parametrize("path", DOCUMENTS)
def test_the_settings_in_front_of_a_command_exist_and_are_valid(path: str) -> None:
    for command in commands(document(path)):
        ours = {name: value for name, value in command.variables.items() if not name.endswith("_TEST_CAPTURES")}
        assert not settings.unknown(ours)
        settings.load(ours)


@pytest.mark.parametrize("path", DOCUMENTS)
def test_every_block_names_its_language(path: str) -> None:
    assert all(language for language, _ in blocks(document(path)))


# Requests


async def run_curl(command: Command, sandbox: Sandbox) -> tuple[int, bytes]:
    """Send the request of a curl command to the sandbox."""
    request = request_of(command, {**dict.fromkeys(SERVICE, sandbox.url), **dict.fromkeys(SITES, sandbox.sites)})
    status, _, answer = await sandbox.request(*request[:2], headers=request.headers, body=request.body)
    return status, answer


@pytest.mark.parametrize("path", sorted(set(WITH_REQUESTS) - set(RUN_BY)))
async def test_the_requests_of_a_document_succeed_or_fail_by_the_faults_it_switches_on(
    path: str, sandboxes: Sandboxes
) -> None:
    sandbox = await sandboxes.start()
    for command in commands(document(path)):
        if command.program == "curl":
            status, answer = await run_curl(command, sandbox)
            assert 200 <= status < 300 or (status == 503 and list(sandbox.encar.faults)), f"{command.words}: {answer!r}"


@pytest.mark.parametrize("path", RUN_BY)
def test_a_test_of_its_own_reads_the_requests_of_a_document(path: str) -> None:
    assert path in WITH_REQUESTS
    assert "curl" in (PROJECT / RUN_BY[path]).read_text(encoding="utf-8")


# The example of the README


def without_ages(members: dict[str, Any]) -> dict[str, Any]:
    """Ages differ from run to run."""
    return {name: 0 if name == "age_s" and value is not None else value for name, value in members.items()}


async def test_the_readme_shows_what_the_sandbox_answers(sandboxes: Sandboxes) -> None:
    readme = document("README.md")
    (shown,) = [block for language, block in blocks(readme) if language == "json"]
    (command,) = [command for command in commands(readme) if command.program == "curl"]
    options = _parser().parse_args(["sandbox"])
    sandbox = await sandboxes.start(seed=options.seed, cars=options.cars, trucks=options.cars // 20)
    status, answer = await run_curl(command, sandbox)
    assert status == 200
    shown = shown.replace(PHOTOS, "https://")  # the command leads photos to the stand-ins
    real = json.loads(answer, object_hook=without_ages)
    assert list(differences(json.loads(shown, object_hook=without_ages), real)) == [], answer


# The parser of the blocks


def test_a_block_becomes_commands() -> None:
    text = (
        "words\n\n```sh\nA=1 b -c 'd e' && f > g   # a comment\nh | i; j \\\n  k\n```\n\n"
        "* x\n\n  ```bash\n  l\n  ```\n\n```json\n{}\n```\n"
    )
    assert list(commands(text)) == [
        Command({"A": "1"}, ["b", "-c", "d e"], []),
        Command({}, ["f"], ["g"]),
        Command({}, ["h"], []),
        Command({}, ["i"], []),
        Command({}, ["j", "k"], []),
        Command({}, ["l"], []),
    ]
    assert [language for language, _ in blocks(text)] == ["sh", "bash", "json"]


@pytest.mark.parametrize(
    "line",
    [
        "dealerproxy serv",
        "dealerproxy sandbox --seeds 2",
        "python -m tests.bench no-such-case",
        "python -m no_such_module",
        "pip install '.[nothing]'",
        "pytest tests/no_such_test.py",
        "pytest -m fast",
        ".ci/gone",
    ],
)
def test_a_wrong_command_is_found(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    (command,) = commands(f"```sh\n{line}\n```\n")
    with pytest.raises((AssertionError, KeyError, SystemExit)):
        CHECKS[command.program](command, set())
