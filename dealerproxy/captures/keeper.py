"""Keeps the first page of each new kind of trouble: in the background, bounded, and without failing a request."""

import asyncio
import hashlib
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from cachetools import TTLCache
from yarl import URL

from dealerproxy.captures import capture as saved
from dealerproxy.captures.capture import Trouble
from dealerproxy.captures.maker import Maker
from dealerproxy.captures.scrub.safe_words import identities
from dealerproxy.captures.scrub.stand_ins import masked
from dealerproxy.captures.scrub.texts import ScrubError
from dealerproxy.captures.sites import Page, recognise
from dealerproxy.contract.terms import UPSTREAMS
from dealerproxy.tasks import cancel_and_wait
from dealerproxy.transport.errors import Blocked, Drift, NotFound
from dealerproxy.transport.reading import CaptureReason, Unknown
from dealerproxy.transport.response import Response
from dealerproxy.vocabulary import MISSES_BEYOND, Vocabulary

MAX_CAPTURES = 200
MAX_BYTES = 50_000_000
# Pages that wait to be written; each may be as large as the largest answer.
MAX_WAITING = 4
# Larger bodies are not kept: scrubbing them would block the process for seconds.
LARGEST_BODY = 1_000_000
# How long a kind of trouble counts as known before the disk is checked again, where the capture may be removed.
KNOWN_S = 3600.0
MAX_KNOWN = 1_000
CLOSE_S = 0.5
# A code without a translation is no error, but its page is kept. A site that renumbers all codes must not displace all
# other captures.
UNKNOWN = "unknown"
MOST_WORDS = 10

_PLACE = re.compile(r"\[\d+\]")
_LONGEST_SLUG = 32
_NO_SLUG = re.compile(r"[^a-z0-9]+")
_NAME = re.compile(rf"(?:{'|'.join(UPSTREAMS)})-[a-z]+-[a-z_]+-[a-z0-9-]*[0-9a-f]{{8}}")

WRITTEN, FAILED = "written", "failed"
# Stands for the name of a capture that is not written yet.
PENDING = "pending"

log = structlog.get_logger(__name__)


class _Waiting(NamedTuple):
    name: str
    page: Page
    response: Response
    trouble: Trouble
    bound: Mapping[str, Any]  # the context fields of the request's log lines


class Keeper:
    """Keeps captures in a folder. `asked_at` are the addresses at which the service calls the sites.

    A thread writes them, only between `start` and `close`.
    """

    def __init__(
        self,
        folder: Path,
        vocabulary: Vocabulary,
        asked_at: Mapping[str, URL],
        *,
        max_captures: int = MAX_CAPTURES,
        max_bytes: int = MAX_BYTES,
        now: Callable[[], datetime] = saved.utc_now,
        count: Callable[[str], None] = lambda _: None,
        met: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`count` is called with `written` or `failed` for every capture, `met` with the id of each trouble."""
        self._count, self._met = count, met
        self._folder, self._asked_at = folder, asked_at
        self._maker = Maker(vocabulary)
        self._max_captures, self._max_bytes, self._now = max_captures, max_bytes, now
        self._known: TTLCache[str, bool] = TTLCache(MAX_KNOWN, KNOWN_S)
        self._words: dict[tuple[str, str], set[str]] = {}
        self._waiting: asyncio.Queue[_Waiting] = asyncio.Queue(MAX_WAITING)
        self._writer: asyncio.Task[None] | None = None
        self._pending: dict[str, asyncio.Event] = {}
        self._failed = False

    def start(self) -> None:
        """Start writing."""
        self._writer = asyncio.create_task(self._write_all(), name="write-captures")

    async def close(self) -> None:
        """Write the waiting captures, for at most CLOSE_S seconds, and stop."""
        if self._writer is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._waiting.join()
        await cancel_and_wait(self._writer)

    async def on_disk(self, name: str, within_s: float) -> str | None:
        """Return the name of a written capture, PENDING if writing takes longer than `within_s`, None if it failed."""
        pending = self._pending.get(name)
        if pending is not None:
            try:
                async with asyncio.timeout(within_s):
                    await pending.wait()
            except TimeoutError:
                return PENDING
        return name if (self._folder / name).exists() else None

    def notice(
        self, upstream: str, operation: str, url: URL, response: Response | None, error: CaptureReason
    ) -> str | None:
        """Queue a failed or odd answer to be kept; return the id of the capture of this kind of trouble.

        The id is the name of a directory, which may not be written yet. None if nothing is kept: no answer, a plain
        404, a page of no site, or a full queue. The page is found by the address, which is more precise than
        `upstream` and `operation`.
        """
        if response is None or isinstance(error, NotFound):
            return None
        if isinstance(error, Unknown):
            return self._note(url, response, Trouble(UNKNOWN, f"{error.kind} {self._word(operation, error)}"))
        sign = (
            error.path
            if isinstance(error, Drift)
            else error.kind
            if isinstance(error, Blocked)
            else f"status {response.status}"
        )
        return self._note(url, response, Trouble(error.code, _PLACE.sub("[]", sign)))

    def _word(self, operation: str, unknown: Unknown) -> str:
        """Return the word that names the page; words of an operation and kind past the first few share one."""
        word = masked(unknown.word) if any(identities(unknown.word)) else unknown.word
        words = self._words.setdefault((operation, unknown.kind), set())
        if word not in words and len(words) >= MOST_WORDS:
            return MISSES_BEYOND
        words.add(word)
        return word

    def _note(self, url: URL, response: Response, trouble: Trouble) -> str | None:
        page = recognise(url, self._asked_at)
        if page is None or self._writer is None or len(response.body) > LARGEST_BODY:
            return None
        name = name_of(page, trouble)
        known = self._known.get(name)
        if known is None:
            bound = structlog.contextvars.get_contextvars()
            try:
                self._waiting.put_nowait(_Waiting(name, page, response, trouble, bound))
            except asyncio.QueueFull:
                return None
            known = self._known[name] = True
            self._pending[name] = asyncio.Event()
        if not known:
            return None
        self._met(name)
        return name

    async def _write_all(self) -> None:
        while True:
            waiting = await self._waiting.get()
            try:
                written = await asyncio.to_thread(self._write, waiting)
            except (OSError, ScrubError) as error:
                self._known[waiting.name] = False
                self._count(FAILED)
                self._say_once(waiting, error)
            except Exception:
                # Any error: nothing was written, and the service continues.
                self._known[waiting.name] = False
                self._count(FAILED)
                log.exception("capture_failed", capture=waiting.name, **waiting.bound)
            else:
                if written:
                    self._count(WRITTEN)
                    log.warning("capture_written", capture=waiting.name, folder=str(self._folder), **waiting.bound)
                    self._failed = False
            finally:
                self._pending.pop(waiting.name).set()
                self._waiting.task_done()

    def _write(self, waiting: _Waiting) -> bool:
        """Write a capture unless another process already did, then make room for the next."""
        folder = self._folder / waiting.name
        if folder.exists():
            return False
        capture = self._maker.make(
            waiting.name,
            waiting.page,
            waiting.response,
            at=self._now(),
            asked_at=self._asked_at,
            trouble=waiting.trouble,
        )
        if waiting.trouble.code not in {Drift.code, UNKNOWN}:
            capture = self._maker.expecting(capture)
        try:
            saved.write(folder, capture)
        except FileExistsError:
            return False
        make_room(self._folder, self._max_captures, self._max_bytes)
        return True

    def _say_once(self, waiting: _Waiting, error: Exception) -> None:
        """Log a write error once, until a capture is written again."""
        if not self._failed:
            reason = f"{type(error).__name__}: {error}"
            log.error("capture_failed", capture=waiting.name, reason=reason, **waiting.bound)
        self._failed = True


def name_of(page: Page, trouble: Trouble) -> str:
    """Return a name that is the same for the same kind of trouble, in every process and after every restart."""
    group = "\n".join((page.upstream, page.operation, trouble.code, trouble.sign))
    digest = hashlib.blake2b(group.encode(), digest_size=4).hexdigest()
    words = _NO_SLUG.sub(" ", trouble.sign.lower()).split()
    while len(words) > 1 and sum(map(len, words)) > _LONGEST_SLUG:
        words.pop(0)  # the end of a path is the most specific
    return "-".join((page.upstream, page.operation, trouble.code, *words, digest))


def make_room(folder: Path, max_captures: int, max_bytes: int) -> None:
    """Remove the oldest automatically kept captures until the rest is within bounds; nothing else."""
    kept = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    sizes: list[tuple[int, Path, int]] = []
    for path in kept:
        with suppress(OSError):  # another process may be making room, too
            sizes.append((path.stat().st_mtime_ns, path, sum(file.stat().st_size for file in path.iterdir())))
    room = max_bytes
    for number, (_, path, size) in enumerate(sorted(sizes, reverse=True)):
        room -= size
        if number >= max_captures or (room < 0 and number):
            with suppress(OSError):  # a directory with other files stays
                saved.remove(path)
