"""A store of a site's listings in a folder, so that a restart keeps them. Several processes may use one folder.

A listing is one file, written under a temporary name and renamed. A damaged file is removed, and its listing is read
again. Notes on cars off sale are appended to one more file, one per line.
"""

import asyncio
import hashlib
import os
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog

from dealerproxy.stock.codec import DamagedError, decode, encode
from dealerproxy.stock.shelf import USABLE_S, Reading
from dealerproxy.stock.store import Lead, Note, shifted

LISTINGS, NOTES = "*.listing", "off-sale.jsonl"
# Size at which the notes file is rewritten with only the valid notes.
NOTES_BYTES = 4 * 2**20
NOTES_KEPT = 20_000
# A killed process leaves its unfinished file behind.
UNFINISHED, UNFINISHED_S = ".*.tmp", 600.0

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Folder:
    """The listings of one site in `folder / upstream`, at most `max_bytes`: the oldest files are deleted first.

    Times in files are unix time (`wall`), times of readings are the clock's. All file work runs in threads.
    """

    def __init__(
        self,
        folder: Path,
        upstream: str,
        *,
        max_bytes: int,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._folder, self._upstream, self._max_bytes = folder / upstream, upstream, max_bytes
        self._clock, self._wall = clock, wall
        self._loaded = self._notes_read = self._failed = False
        self.damaged = 0

    async def newer(self) -> AsyncIterator[tuple[str, Reading]]:
        """Yield all usable listings at the first call, and none later."""
        if self._loaded:
            return
        self._loaded = True
        for path in await self._in_thread(self._paths) or ():
            found = await asyncio.to_thread(self._read, path)
            if found is not None:
                yield found

    async def save(self, key: str, reading: Reading) -> bool:
        """Write a listing."""
        ahead_s = self._wall() - self._clock()

        def write() -> bool:
            raw = encode(key, reading, ahead_s)
            if len(raw) <= self._max_bytes:
                _write(self._path(key), raw)
                self._tidy()
            return True

        return bool(await self._in_thread(write))

    async def remove(self, key: str) -> None:
        """Delete a listing's file."""
        await self._in_thread(lambda: self._path(key).unlink(missing_ok=True))

    async def exchange(self, notes: Sequence[Note]) -> Sequence[Note] | None:
        """Append notes; return the valid notes at the first call, and none later."""
        first, self._notes_read = not self._notes_read, True
        if not (first or notes):
            return ()
        return await self._in_thread(lambda: self._exchange(notes, first=first))

    async def lead(self, asked: Mapping[str, float]) -> Lead:
        """Return that this process reads: folders do not coordinate processes."""
        return Lead()

    async def close(self) -> None:
        """Do nothing: everything is written already."""

    async def _in_thread(self, what: Callable[[], T]) -> T | None:
        """Do file work in a thread; None if it failed, which is logged once until the next success."""
        try:
            done = await asyncio.to_thread(what)
        except OSError as error:
            if not self._failed:
                log.warning("stock_folder_failed", upstream=self._upstream, folder=str(self._folder), error=str(error))
            self._failed = True
            return None
        self._failed = False
        return done

    def _paths(self) -> list[Path]:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._tidy()
        return [path for path, _ in _by_age(self._folder.glob(LISTINGS))]

    def _read(self, path: Path) -> tuple[str, Reading] | None:
        """Return a file's listing, None if it is too old. A damaged file is removed."""
        now = self._clock()
        try:
            key, reading = decode(path.read_bytes(), self._wall() - now)
        except OSError:
            return None  # another process removed it
        except DamagedError as error:
            self.damaged += 1
            log.warning("stock_damaged", upstream=self._upstream, file=path.name, error=str(error))
            with suppress(OSError):
                path.unlink()
            return None
        # If the clock was set back, the listing would look younger than it is.
        return (key, reading) if reading.read_at <= reading.checked_at <= now < reading.read_at + USABLE_S else None

    def _exchange(self, notes: Sequence[Note], *, first: bool) -> Sequence[Note]:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / NOTES
        ahead_s = self._wall() - self._clock()
        known = [shifted(note, -ahead_s) for note in self._notes(path)] if first else []
        if notes:
            lines = (msgspec.json.encode(shifted(note, ahead_s)) for note in notes)
            with path.open("ab") as file:
                file.write(b"\n" + b"\n".join(lines) + b"\n")  # the previous line may be incomplete
        if first or path.stat().st_size > NOTES_BYTES:
            counting = {(note.listing_id, note.back, note.status): note for note in self._notes(path)}
            _write(path, b"\n".join(map(msgspec.json.encode, list(counting.values())[-NOTES_KEPT:])) + b"\n")
        return known

    def _notes(self, path: Path) -> Iterator[Note]:
        """Yield the valid notes; skip unreadable lines."""
        now = self._wall()
        with suppress(FileNotFoundError):
            for line in path.read_bytes().splitlines():
                with suppress(msgspec.MsgspecError, ValueError):
                    note = msgspec.json.decode(line, type=Note)
                    if now - USABLE_S < note.at <= now:
                        yield note

    def _tidy(self) -> None:
        """Delete files that are too old, then the oldest files above the limit."""
        now, total = self._wall(), 0
        for path, status in reversed(_by_age(self._folder.glob(LISTINGS))):
            total += status.st_size
            if total > self._max_bytes or now - status.st_mtime > USABLE_S:
                path.unlink(missing_ok=True)
        for path, status in _by_age(self._folder.glob(UNFINISHED)):
            if now - status.st_mtime > UNFINISHED_S:
                path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder / f"{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}.listing"


def _by_age(paths: Iterator[Path]) -> list[tuple[Path, os.stat_result]]:
    """Return files with their status, oldest first; skip files that no longer exist."""
    found: list[tuple[Path, os.stat_result]] = []
    for path in paths:
        with suppress(FileNotFoundError):
            found.append((path, path.stat()))
    return sorted(found, key=lambda each: each[1].st_mtime)


def _write(path: Path, raw: bytes) -> None:
    """Write a file under a temporary name and rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        unfinished.write_bytes(raw)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
