"""Worker processes: a parent starts them, stops them together, and ends when one of them ends.

A pipe (`line`) joins the parent with each worker. A worker sends its address through it, and stops when it closes, so
a killed parent leaves no worker behind. Only the parent handles signals: workers block them, because a signal to the
whole group, such as Ctrl-C, would otherwise reach a worker twice, maybe before it is ready or after its end.
"""

import asyncio
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, NamedTuple

import structlog

from dealerproxy.tasks import cancel_and_wait

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# Seconds after which a stopping worker is killed. Supervisors wait for 20 s.
PATIENCE_S = 18.0

# A worker starts as a new interpreter, without the parent's loop, files or signal handlers.
_SPAWN = get_context("spawn")

log = structlog.get_logger(__name__)


class Worker(NamedTuple):
    """One process, and the parent's end of its pipe."""

    process: SpawnProcess
    line: Connection


async def supervise(
    work: Callable[..., object],
    of_each: Sequence[tuple[Any, ...]],
    stop: asyncio.Event,
    listening: Callable[[str], None],
) -> int:
    """Runs `work(line, *arguments)` in a process for each of the arguments, until `stop` is set or one of them ends.

    Calls `listening` once, when all listen, with the address from the first worker. If one ends by itself, the others
    are stopped. Returns 0 if all ended cleanly after `stop`, else 1.
    """
    workers = _start(work, of_each)
    told = asyncio.create_task(stop.wait())
    ready = asyncio.create_task(_told_by_all(workers))
    ends = {asyncio.create_task(_readable(worker.process.sentinel)): worker for worker in workers}
    try:
        await asyncio.wait({told, ready, *ends}, return_when=asyncio.FIRST_COMPLETED)
        if ready.done() and (where := ready.result()) is not None:
            listening(where)
        await asyncio.wait({told, *ends}, return_when=asyncio.FIRST_COMPLETED)
        by_itself = None if stop.is_set() else next(worker for end, worker in ends.items() if end.done())
    finally:
        await cancel_and_wait(ready, told)
        for worker in workers:
            worker.line.close()
    if by_itself is not None:
        pid, exit_code = by_itself.process.pid, _exit_code(by_itself)
        log.error("worker_ended", pid=pid, exit_code=exit_code, hint="all other workers are stopped")
    _, late = await asyncio.wait(ends, timeout=PATIENCE_S)
    for end in late:
        log.error("worker_killed", pid=ends[end].process.pid, hint="it did not stop when it was told to")
        ends[end].process.kill()
    await asyncio.gather(*ends)
    exit_codes = [_exit_code(worker) for worker in workers]
    return int(by_itself is not None or any(exit_codes))


def stopped_by(line: Connection) -> asyncio.Event:
    """In a worker: an event that is set when the parent stops it or has ended."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def closed() -> None:
        loop.remove_reader(line.fileno())
        stop.set()

    loop.add_reader(line.fileno(), closed)
    return stop


def tell(line: Connection, where: str) -> None:
    """In a worker: sends its address to the parent; ignores that the parent has ended."""
    with suppress(OSError):
        line.send(where)


def _start(work: Callable[..., object], of_each: Sequence[tuple[Any, ...]]) -> Sequence[Worker]:
    """Starts the processes with signals blocked; they inherit the mask."""
    workers = []
    # The first process's start would otherwise start this one as well, which unblocks the signals.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        for arguments in of_each:
            ours, theirs = _SPAWN.Pipe()
            process = _SPAWN.Process(target=work, args=(theirs, *arguments))
            process.start()
            theirs.close()
            workers.append(Worker(process, ours))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return workers


async def _told_by_all(workers: Sequence[Worker]) -> str | None:
    """The first worker's address, once all workers have sent theirs; None if one ends before that."""
    told: list[str] = []
    for worker in workers:
        await _readable(worker.line.fileno())
        try:
            told.append(worker.line.recv())
        except (EOFError, OSError):
            return None
    return told[0]


async def _readable(file: int) -> None:
    """Waits until there is something to read, or the other end is closed."""
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(file, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(file)


def _exit_code(worker: Worker) -> int | None:
    """The exit code of a process: negative for a signal."""
    worker.process.join()
    return worker.process.exitcode
