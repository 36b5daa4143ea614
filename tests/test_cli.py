"""The `dealerproxy` command, mostly as a process of its own."""

import asyncio
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.request import urlopen

import aiohttp
import pytest
import shtab
from aiohttp import web
from pytest_aiohttp import AiohttpServer

import dealerproxy
from dealerproxy import cli
from dealerproxy.settings import PREFIX
from dealerproxy.vocabulary import VocabularyError

# Nothing listens on port 9 of the loopback, so even a request sent by mistake goes nowhere.
QUIET = {
    "DEALERPROXY_CURSOR_SECRET": "a secret of the tests",
    **{f"DEALERPROXY_{name}_URL": "http://127.0.0.1:9" for name in ("ENCAR_API", "ENCAR_PAGE", "DANAWA", "MPARK_API")},
}
GENEROUS_S = 20


def environment(**variables: str) -> dict[str, str]:
    """The environment of a run: ours without the caller's settings, on a free port."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return inherited | QUIET | {"DEALERPROXY_PORT": "0"} | variables


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "dealerproxy", *arguments],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=GENEROUS_S,
        check=False,
    )


class Process:
    """A command that serves, in a folder: knows the address it said it listens on."""

    def __init__(
        self, arguments: tuple[str, ...], variables: Mapping[str, str], address_on: str, folder: Path | None = None
    ) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "dealerproxy", *arguments],
            cwd=folder,
            env=environment(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        stream = getattr(self.popen, address_on)
        self.lines: list[str] = []
        for line in stream:
            self.lines.append(line)
            if found := re.search(r"listens on (http://\S+:[0-9]+)", line):
                self.url = found[1]
                return
        raise AssertionError(f"ended without listening: {self.lines} {self.popen.communicate()}")

    def stop(self, number: int = signal.SIGTERM) -> str:
        """Send a signal and return everything the process wrote after it listened."""
        self.popen.send_signal(number)
        out, err = self.popen.communicate(timeout=GENEROUS_S)
        return out + err


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    """Start a serving command; it is gone when the test ends."""
    started: list[Process] = []

    def begin(*arguments: str, address_on: str = "stderr", **variables: str) -> Process:
        started.append(Process(arguments, variables, address_on))
        return started[-1]

    yield begin
    for process in started:
        process.popen.kill()
        process.popen.communicate()


Start = Callable[..., Process]


def address(url: str) -> tuple[str, int]:
    host, port = url.removeprefix("http://").rsplit(":", 1)
    return host, int(port)


# Serving


@pytest.mark.parametrize(
    "number",
    [pytest.param(signal.SIGTERM, id="SIGTERM"), pytest.param(signal.SIGINT, id="SIGINT", marks=pytest.mark.slow)],
)
def test_serve_answers_and_ends_cleanly_when_told_to_stop(start: Start, number: int) -> None:
    process = start("serve")
    with urlopen(f"{process.url}/health/live", timeout=GENEROUS_S) as answer:
        assert (answer.status, json.load(answer)) == (200, {"status": "live"})
    said = process.stop(number)
    assert process.popen.returncode == 0
    events = [json.loads(line)["event"] for line in said.splitlines()]
    # No farewell of any kind; Danawa's list, which is read from the start, is not there.
    quiet = {"upstream_trouble", "starting", "ready"}
    assert [event for event in events if event not in quiet] == ["stopping", "stopped"]


@pytest.mark.slow
async def test_a_request_under_way_is_answered_before_the_service_ends(
    start: Start, aiohttp_server: AiohttpServer
) -> None:
    asked, carry_on = asyncio.Event(), asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        asked.set()
        await carry_on.wait()
        return web.json_response({"Count": 0, "SearchResults": []})

    upstream = web.Application()
    upstream.router.add_get("/{rest:.*}", slow)
    url = str((await aiohttp_server(upstream)).make_url("/"))
    process = await asyncio.to_thread(start, "serve", DEALERPROXY_ENCAR_API_URL=url)
    async with aiohttp.ClientSession() as session:
        asking = asyncio.create_task(session.get(f"{process.url}/v1/vehicles?make=BMW"))
        await asyncio.wait_for(asked.wait(), GENEROUS_S)
        process.popen.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.05)  # the signal has arrived by now
        carry_on.set()
        async with await asyncio.wait_for(asking, GENEROUS_S) as answer:
            assert answer.status == 200
            assert (await answer.json())["sources"][0]["status"] == "ok"
    assert await asyncio.to_thread(process.popen.wait, 5) == 0


@pytest.mark.slow
def test_a_connection_that_is_kept_alive_does_not_keep_the_service_alive(start: Start) -> None:
    process = start("serve")
    connection = http.client.HTTPConnection(*address(process.url), timeout=GENEROUS_S)
    connection.request("GET", "/health/ready")
    assert json.load(connection.getresponse())["status"] == "ready"
    process.popen.send_signal(signal.SIGTERM)
    assert process.popen.wait(timeout=5) == 0
    connection.close()


STOPPED_AT_ONCE = """
import builtins, os, signal, sys
from dealerproxy import cli

say = print

def say_and_stop(*words, **how):
    say(*words, **how)
    if "listens on" in words[0]:
        os.kill(os.getpid(), signal.SIGTERM)

builtins.print = say_and_stop
sys.exit(cli.main(["serve"]))
"""


@pytest.mark.slow
def test_a_supervisor_that_stops_the_service_as_soon_as_it_listens_gets_a_clean_end() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", STOPPED_AT_ONCE],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=GENEROUS_S,
        check=False,
    )
    assert ended.returncode == 0
    assert "Traceback" not in ended.stderr


@pytest.mark.slow
def test_log_lines_are_json_on_standard_error_and_standard_output_stays_empty(start: Start) -> None:
    process = start("serve")
    with urlopen(f"{process.url}/v1/upstreams", timeout=GENEROUS_S) as answer:
        request_id = answer.headers["X-Request-Id"]
    process.popen.send_signal(signal.SIGTERM)
    out, err = process.popen.communicate(timeout=GENEROUS_S)
    assert out == ""
    lines = [json.loads(line) for line in err.splitlines()]
    (line,) = [line for line in lines if line["event"] == "request"]
    assert (line["request_id"], line["route"], line["status"]) == (request_id, "/v1/upstreams", 200)


@pytest.mark.slow
def test_a_variable_nobody_reads_is_a_warning_and_no_obstacle(start: Start) -> None:
    process = start("serve", DEALERPROXY_PROT="8099", DEALERPROXY_LOG_FORMAT="console")
    assert "warning: DEALERPROXY_PROT is not a setting of dealerproxy\n" in process.lines
    with urlopen(f"{process.url}/health/live", timeout=GENEROUS_S) as answer:
        assert answer.status == 200
    process.stop()
    assert process.popen.returncode == 0


def test_the_sandbox_serves_invented_cars_and_ends_cleanly(start: Start) -> None:
    process = start("sandbox", "--upstream-port", "0", "--cars", "300", address_on="stdout")
    with urlopen(f"{process.url}/v1/vehicles?make=Hyundai,Kia&limit=3", timeout=GENEROUS_S) as answer:
        assert len(json.load(answer)["data"]) == 3
    said = process.stop()
    assert process.popen.returncode == 0
    assert "Traceback" not in said


@pytest.mark.slow
def test_the_sandbox_says_what_it_invents_and_takes_its_ports_from_the_command_line(start: Start) -> None:
    ports = ("--port", "0", "--upstream-port", "0")
    process = start("sandbox", *ports, "--cars", "40", address_on="stdout", DEALERPROXY_PORT="9")
    assert not process.url.endswith(":9")
    events = [json.loads(line) for line in process.stop().splitlines() if line.startswith("{")]
    assert (events[0]["event"], events[0]["encar"], events[0]["danawa"]) == ("inventing", 40, 10)


# Starts that cannot succeed


def test_a_bad_setting_ends_the_start_with_one_line() -> None:
    ended = run("serve", DEALERPROXY_PORT="http")
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr == "error: DEALERPROXY_PORT='http' cannot be used: Expected `int`, got `str`\n"


@pytest.mark.parametrize("command", [("serve",), ("sandbox", "--upstream-port", "0", "--cars", "10")])
@pytest.mark.slow
def test_a_port_in_use_ends_the_start_with_one_line(command: tuple[str, ...]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = run(*command, DEALERPROXY_PORT=str(port))
    assert ended.returncode == 2
    (line,) = [line for line in ended.stderr.splitlines() if not line.startswith("{")]
    assert line.startswith("error: cannot listen: ")
    assert str(port) in line


@pytest.mark.slow
@pytest.mark.parametrize("command", [("serve",), ("serve", "--workers", "2"), ("sandbox", "--cars", "1")])
# The first is no name at all, the second none that anybody knows, the third an address of another machine.
@pytest.mark.parametrize("host", ["two..dots", "nowhere.invalid", "192.0.2.1"])
def test_a_host_that_cannot_be_listened_on_ends_the_start_with_one_line_that_names_it(
    command: tuple[str, ...], host: str
) -> None:
    ended = run(*command, DEALERPROXY_HOST=host, DEALERPROXY_PORT="42005")
    assert ended.returncode == 2
    (line,) = [line for line in ended.stderr.splitlines() if not line.startswith("{")]
    assert line.startswith(f"error: DEALERPROXY_HOST='{host}' cannot be used: ")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_KEYS", ",\t,"),
        ("CURSOR_SECRET", "too-short"),
        ("ENCAR_PROXY", "socks5://ops:hidden@proxy.example.test"),
        ("DANAWA_PROXY", "http://ops:hidden@"),
    ],
)
def test_a_bad_value_that_may_be_a_secret_ends_the_start_with_one_line_without_it(name: str, value: str) -> None:
    ended = run("serve", **{f"DEALERPROXY_{name}": value})
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"error: DEALERPROXY_{name} cannot be used: ")
    assert value not in line


@pytest.mark.slow
def test_a_vocabulary_that_cannot_be_read_ends_the_start_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: object) -> None:
        raise VocabularyError("translations/models.toml line 41: what is this")

    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.setattr("dealerproxy.serving.serve.create_app", broken)
    monkeypatch.setattr("dealerproxy.logs.configure", lambda *_: None)  # the logs of this process stay as they are
    assert cli.main(["serve"]) == 2
    assert capsys.readouterr().err == "error: translations/models.toml line 41: what is this\n"


# The command line itself


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"{dealerproxy.__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["serve", "--fly"],
        ["serve", "--workers", "0"],
        ["serve", "--workers", "all"],
        ["sandbox", "--cars", "many"],
    ],
)
def test_a_command_line_that_makes_no_sense_is_a_usage_error(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: dealerproxy")


def test_every_command_is_told_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    told = capsys.readouterr().out
    for command in ("serve", "sandbox"):
        assert re.search(rf"^ +{command} ", told, re.MULTILINE)


def test_the_installed_command_is_this_one() -> None:
    command = Path(sys.executable).with_name("dealerproxy")
    if not command.exists():
        pytest.skip("the package is not installed beside this interpreter")
    ended = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=GENEROUS_S, check=True)
    assert ended.stdout == f"{dealerproxy.__version__}\n"


COMPLETED = """
source "$1"
shift
function=$(complete -p dealerproxy | sed 's/.*-F \\([^ ]*\\).*/\\1/')
COMP_WORDS=(dealerproxy "$@")
COMP_CWORD=$#
"$function" dealerproxy "${@: -1}"
echo "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def completion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script for bash, in a folder of its own with a folder and a file in it."""
    folder = tmp_path_factory.mktemp("completion")
    (folder / "captures").mkdir()
    (folder / "car.json").touch()
    (folder / "script").write_text(run("--print-completion", "bash").stdout)
    return folder / "script"


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ([""], {"serve", "ops", "sandbox", "capture", "replay", "doctor"}),
        (["sa"], {"sandbox"}),
        (["sandbox", "--"], {"--help", "--port", "--upstream-port", "--seed", "--cars"}),
        (["ops", ""], {"alerts", "dashboard"}),
        (["replay", "ca"], {"captures"}),
        (["doctor", "--captures", "ca"], {"captures"}),
        (["capture", "make=Kia", "--into", "ca"], {"captures"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_shell_completes_commands_options_and_folders(completion: Path, words: list[str], offered: set[str]) -> None:
    if shutil.which("bash") is None:
        pytest.skip("there is no bash")
    ended = subprocess.run(
        ["bash", "-c", COMPLETED, "bash", str(completion), *words],
        cwd=completion.parent,
        capture_output=True,
        text=True,
        timeout=GENEROUS_S,
        check=True,
    )
    assert set(ended.stdout.split()) == offered


@pytest.mark.parametrize("shell", shtab.SUPPORTED_SHELLS)
def test_a_script_for_every_shell_names_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["--print-completion", shell])
    assert caught.value.code == 0
    script = capsys.readouterr().out
    assert all(command in script for command in ("serve", "ops", "sandbox", "capture", "replay", "doctor"))


NUMBERS = {
    ("serve", "--workers"): (1, 1_000),
    ("sandbox", "--port"): (0, 65_535),
    ("sandbox", "--upstream-port"): (0, 65_535),
    ("sandbox", "--seed"): (0, 2**32),
    ("sandbox", "--cars"): (1, 1_000_000),
    ("capture", "make=Kia", "--pages"): (1, 200),
}
NO_NUMBERS = ("", " ", "many", "1.5", "1e3", "0x10", "1_000", "١", "²", "nan", "inf", "--", "9" * 5_000, "-" * 5_000)


@pytest.mark.parametrize("arguments", NUMBERS, ids=" ".join)
def test_every_number_out_of_bounds_or_that_is_none_is_a_line_that_names_its_option(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    lowest, highest = NUMBERS[arguments]
    for text in (*NO_NUMBERS, str(lowest - 1), str(highest + 1), "-4", "-99999999999999999999", "99999999999999999999"):
        with pytest.raises(SystemExit) as caught:
            cli.main([*arguments, text])
        assert caught.value.code == 2
        said = capsys.readouterr()
        assert said.out == ""
        line = said.err.splitlines()[-1]
        assert f"error: argument {arguments[-1]}: " in line


def test_every_option_that_takes_a_number_is_among_those() -> None:
    commands = cli._parser()._subparsers
    assert commands is not None
    found = {
        (name, action.option_strings[0])
        for name, parser in commands._group_actions[0].choices.items()  # type: ignore[union-attr]
        for action in parser._actions
        if action.option_strings and action.metavar in {"N", "PORT"}
    }
    assert found == {(arguments[0], arguments[-1]) for arguments in NUMBERS}


@pytest.fixture
def no_cars(monkeypatch: pytest.MonkeyPatch) -> None:
    """No car may be invented, and no setting of the caller's counts."""

    def invent(*_: object) -> None:
        raise AssertionError("cars were invented")

    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.setattr("dealerproxy.sandbox.encar.inventory.generate", invent)
    monkeypatch.setattr("dealerproxy.logs.configure", lambda *_: None)


@pytest.mark.usefixtures("no_cars")
def test_a_port_of_the_stand_ins_that_is_taken_is_a_line_before_any_car_is_invented(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert cli.main(["sandbox", "--upstream-port", str(port)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"error: --upstream-port {port} cannot be used: ")
        monkeypatch.setenv("DEALERPROXY_PORT", str(port))
        assert cli.main(["sandbox", "--upstream-port", "0"]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: cannot listen: ")
        assert str(port) in line
        assert cli.main(["sandbox", "--upstream-port", str(port)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line == f"error: --upstream-port {port} is also the port of the service: see DEALERPROXY_PORT"
        assert cli.main(["sandbox", "--port", str(port), "--upstream-port", "0"]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"error: --port {port} cannot be used: ")
        assert cli.main(["sandbox", "--port", "8081", "--upstream-port", "8081"]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line == "error: --upstream-port 8081 is also the port of the service: see --port"
