"""The processes a measurement needs, started here, held to a processor of their own, and ended whatever happens."""

import importlib.util
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from shutil import which
from threading import Timer
from typing import IO, NamedTuple, TypeVar

from dealerproxy.settings import PREFIX
from tests.bench.figures import Skipped

T = TypeVar("T")
START_S = 20.0
# A process with nothing but these modules, of which servers are copies: so they start at once.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([f"tests.bench.{name}" for name in ("servers", "standin", "market", "peer")])
# The processors this process was given; empty where a system does not hold processes to some of them.
_PROCESSORS = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


_PEAK = re.compile(r"VmHWM:\s*(\d+) kB")
_LISTENS = re.compile(r"listens on http://\S+:(\d+)")


class Server(NamedTuple):
    """A server in a process of its own."""

    port: int
    pid: int

    def cpu_s(self) -> float:
        """Processor time it has used; 0 where the system does not tell."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_bytes(self) -> int:
        """The most memory it ever had resident; 0 where the system does not tell."""
        try:
            return int(_PEAK.findall(Path(f"/proc/{self.pid}/status").read_text())[0]) * 1024
        except (OSError, IndexError):
            return 0

    def resident_bytes(self) -> int:
        """Memory it has resident; 0 where the system does not tell."""
        try:
            return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            return 0


@contextmanager
def serving(serve: Callable[..., None], *arguments: object, measured: bool = True) -> Iterator[Server]:
    """Run `serve(told, *arguments)`, which sends its port through `told`, in a process of its own.

    What is measured has the first processor for itself, as far as other users of the machine let it.
    """
    told, telling = _FORKS.Pipe(duplex=False)
    place = _PROCESSORS[:1] if measured else _PROCESSORS[-1:]
    process = _FORKS.Process(target=_run, args=(telling, place, serve, arguments), daemon=True)
    process.start()
    telling.close()
    try:
        if not told.poll(START_S):
            raise TimeoutError(f"{serve.__name__} did not start within {START_S:.0f} s")
        yield Server(told.recv(), process.pid or 0)
    finally:
        told.close()
        process.terminate()
        process.join()
        process.close()


def stay_aside() -> None:
    """Leave the processor of what is measured to it."""
    _stay(_PROCESSORS[-1:])


def _run(telling: Connection, place: Sequence[int], serve: Callable[..., None], arguments: Sequence[object]) -> None:
    _stay(place)
    serve(telling, *arguments)


def _stay(place: Sequence[int], pid: int = 0) -> None:
    if place:
        os.sched_setaffinity(pid, place)


@contextmanager
def redis() -> Iterator[str]:
    """Run a Redis on a socket of its own and yield its URL. Raises Skipped where there is none installed."""
    program = which("redis-server")
    if program is None:
        raise Skipped("redis-server is not installed")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "redis.sock"
        options = {"port": "0", "unixsocket": str(path), "dir": folder, "save": "", "appendonly": "no"}
        command = [program, *(word for name, value in options.items() for word in (f"--{name}", value))]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # our own words only
        try:
            _wait_for(path.exists)
            yield f"unix://{path}"
        finally:
            process.terminate()
            process.wait()


def start_s(command: tuple[str, ...], says: str, **settings: object) -> float:
    """Seconds from starting Python with these arguments until a line on its standard error says so; then end it."""
    began = time.perf_counter()
    process = subprocess.Popen(  # our own words only
        (sys.executable, *command), env=_environment(settings), stderr=subprocess.PIPE, text=True
    )
    impatience = Timer(START_S, process.kill)
    impatience.start()
    with process:
        try:
            for line in process.stderr or ():
                if says in line:
                    return time.perf_counter() - began
        finally:
            impatience.cancel()
            process.terminate()
    raise RuntimeError(f"{' '.join(command)} ended without a word")


@contextmanager
def serve_command(**settings: object) -> Iterator[Server]:
    """Run `dealerproxy serve` as it is, on a free port. It ends as it ends anywhere: it keeps what it has."""
    with tempfile.TemporaryFile("w+") as said:
        command = (sys.executable, "-m", "dealerproxy", "serve")
        environment = _environment({"port": 0, **settings})
        process = subprocess.Popen(command, env=environment, stdout=said, stderr=said)  # our own words only
        try:
            _stay(_PROCESSORS[:1], process.pid)
            port = _wait_for(lambda: _LISTENS.search(_text_of(said)) or process.poll())
            if not isinstance(port, re.Match):
                raise RuntimeError(f"dealerproxy ended: {_text_of(said)[-800:]}")  # noqa: TRY004  # no matter of types
            yield Server(int(port[1]), process.pid)
        finally:
            process.terminate()
            process.wait()


def need(*modules: str, extra: str) -> None:
    """Raise Skipped unless all of these can be imported."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise Skipped(f"{', '.join(missing)} not installed: pip install 'dealerproxy[{extra}]'")


def _environment(settings: Mapping[str, object]) -> Mapping[str, str]:
    """This process's environment with no settings of the service but these."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return inherited | {PREFIX + name.upper(): str(value) for name, value in settings.items()}


def _text_of(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def _wait_for(condition: Callable[[], T]) -> T:
    """Return the first result that is true."""
    deadline = time.monotonic() + START_S
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError("a program did not start")
        time.sleep(0.01)
    return found
