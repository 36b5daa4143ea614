"""A site's listings in Redis: one process reads them, all use them.

Redis holds the listings (in the codec's bytes), an index of when each was saved, the notes on cars off sale (a stream),
the calls by listing since it was read, and the lease of the process that reads. All keys expire, and times are Redis'
own. When the process that reads ends, another takes over after the lease.
"""

import asyncio
import math
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
import structlog
from redis.asyncio import Redis

from dealerproxy.stock.codec import DamagedError, decode, encode
from dealerproxy.stock.shelf import USABLE_S, Reading
from dealerproxy.stock.store import Lead, Note, shifted
from dealerproxy.transport.redis_guard import RELEASE, TAKE, RedisGuard

AWAY = b"away"
LEASE_S = 6.0
# Seconds without Redis after which a process reads for itself.
ALONE_S = 60.0
# A large listing is sent in parts, each within the guard's time-out.
PART_BYTES = 128 * 2**10
MOST_SAVED = 32 * 2**20
# Seconds after which a half-written listing expires if its process ends.
UNFINISHED_S = 60
# Seconds of the index that are read again, in case saves arrive out of order.
OVERLAP_S = 10.0
# Notes per entry of the stream, entries in the stream, and entries read at a time.
NOTES_AN_ENTRY, ENTRIES, ENTRIES_A_READ = 2_000, 20_000, 200
_KEEP_MS: Final = int(USABLE_S * 1000)
_NOTES = msgspec.msgpack.Decoder(list[Note])

# Renew the lease KEYS[1] of token ARGV[1] for ARGV[2] ms, or take it.
_LEAD = "if redis.pcall('get', KEYS[1]) == ARGV[1] then redis.call('pexpire', KEYS[1], ARGV[2]) return end" + TAKE

log = structlog.get_logger(__name__)


class SharedStock:
    """The listings of one site in Redis, used by one process."""

    def __init__(self, upstream: str, shared: RedisGuard, clock: Callable[[], float] = time.monotonic) -> None:
        self._upstream, self._shared, self._clock = upstream, shared, clock
        self._token = uuid.uuid4().hex
        self._index, self._asked, self._stream, self._lease = (
            shared.key("stock", what, upstream) for what in ("index", "asked", "off-sale", "lease")
        )
        self._seen: dict[str, float] = {}  # when each loaded listing was saved
        self._since = -math.inf
        self._last_entry: str | None = None
        self._saved: dict[str, float] = {}  # when each listing that this process saved was read
        self._unsent: dict[str, float] = {}
        self._leads = False
        self._there_at = -math.inf
        self.damaged = 0

    async def newer(self) -> AsyncIterator[tuple[str, Reading]]:
        """Yield the listings that were saved since the last call; the next call continues an interrupted one."""
        now = await self._shared.run(self._shared.time_of, None)
        if now is None:
            return
        since = max(self._since, now - USABLE_S)
        found = await self._command("ZRANGEBYSCORE", self._index, since, "+inf", "WITHSCORES") or ()
        rows = [(raw.decode(errors="replace"), float(at)) for raw, at in zip(found[::2], found[1::2], strict=True)]
        whole = True
        for key, saved_at in rows:
            if self._seen.get(key) == saved_at:
                continue
            raw = await self._load(key)
            if raw is None:
                whole = False
                continue
            self._seen[key] = saved_at
            listing = await self._read(key, raw, now)
            if listing is not None:
                yield listing
        if whole and rows:
            self._since = rows[-1][1] - OVERLAP_S
            self._seen = {key: at for key, at in self._seen.items() if at >= self._since}

    async def save(self, key: str, reading: Reading) -> bool:
        """Store a listing in parts, and publish it when it is whole."""
        began_at = self._clock()
        now = await self._shared.run(self._shared.time_of, None)
        if now is None:
            return False
        raw = await asyncio.to_thread(encode, key, reading, now - began_at)
        if len(raw) > MOST_SAVED:
            log.warning("stock_too_large", upstream=self._upstream, listing=key, bytes=len(raw))
            return True
        name = self._name(key)
        unfinished = f"{name}:{self._token}"
        for start in range(0, len(raw), PART_BYTES):
            part = raw[start : start + PART_BYTES]
            sent = (
                await self._command("APPEND", unfinished, part)
                if start
                else await self._command("SET", unfinished, part, "EX", UNFINISHED_S)
            )
            if not sent:
                return False
        anew = self._saved.get(key) != reading.read_at
        shown = await self._transaction(
            ("RENAME", unfinished, name),
            ("PEXPIRE", name, _KEEP_MS),
            ("ZADD", self._index, now, key),
            ("ZREMRANGEBYSCORE", self._index, "-inf", now - USABLE_S),
            ("PEXPIRE", self._index, _KEEP_MS),
            *([("HDEL", self._asked, key)] if anew else []),
        )
        if shown:
            self._saved[key], self._seen[key] = reading.read_at, now
        return shown

    async def remove(self, key: str) -> None:
        """Delete a listing."""
        self._saved.pop(key, None)
        await self._transaction(("DEL", self._name(key)), ("ZREM", self._index, key))

    async def exchange(self, notes: Sequence[Note]) -> Sequence[Note] | None:
        """Append notes to the stream; return those of other processes since the last call."""
        clock = self._clock()
        now = await self._shared.run(self._shared.time_of, None)
        if now is None:
            return None
        sent = [shifted(note, now - clock) for note in notes]
        for start in range(0, len(sent), NOTES_AN_ENTRY):
            raw = msgspec.msgpack.encode(sent[start : start + NOTES_AN_ENTRY])
            entry = ("XADD", self._stream, "MAXLEN", "~", ENTRIES, "*", "by", self._token, "notes", raw)
            if not await self._transaction(entry, ("PEXPIRE", self._stream, _KEEP_MS)):
                return None
        return await self._others(now, clock - now)

    async def lead(self, asked: Mapping[str, float]) -> Lead | None:
        """Take or renew the lease.

        Without Redis, the process that reads continues; after a minute (or at the start), every process reads.
        """
        for key, calls in asked.items():
            self._unsent[key] = self._unsent.get(key, 0.0) + calls
        held = await self._command("EVAL", _LEAD, 1, self._lease, self._token, int(LEASE_S * 1000), otherwise=AWAY)
        now = self._clock()
        if held == AWAY:
            return Lead() if self._leads or now - self._there_at >= ALONE_S else None
        self._there_at, self._leads = now, held is None
        await self._send_asked()
        if not self._leads:
            return None
        totals: Mapping[bytes, bytes] = await self._command("HGETALL", self._asked) or {}
        emptied = await self._command("ZCARD", self._index) == 0 and bool(self._seen)
        if emptied:
            self._saved.clear()
            self._seen.clear()
        return Lead({key.decode(errors="replace"): _calls(total) for key, total in totals.items()}, emptied)

    async def close(self) -> None:
        """Release the lease."""
        await self._command("EVAL", RELEASE, 1, self._lease, self._token)

    async def _send_asked(self) -> None:
        if not self._unsent:
            return
        added = [("HINCRBYFLOAT", self._asked, key, calls) for key, calls in self._unsent.items()]
        if await self._transaction(*added, ("PEXPIRE", self._asked, _KEEP_MS)):
            self._unsent.clear()

    async def _load(self, key: str) -> bytes | None:
        """Return a listing's bytes, empty if there are none; None if Redis is unavailable."""
        name, raw = self._name(key), bytearray()
        while len(raw) <= MOST_SAVED:
            start = len(raw)
            part: bytes | None = await self._command("GETRANGE", name, start, start + PART_BYTES - 1)
            if part is None:
                return None
            raw += part
            if len(part) < PART_BYTES:
                break
        return bytes(raw)

    async def _read(self, key: str, raw: bytes, now: float) -> tuple[str, Reading] | None:
        clock = self._clock()
        try:
            found = await asyncio.to_thread(decode, raw, now - clock)
        except DamagedError as error:
            if raw:  # else it expired, or was removed
                self.damaged += 1
                log.warning("stock_damaged", upstream=self._upstream, listing=key, error=str(error))
            return None
        reading = found[1]
        usable = reading.read_at <= reading.checked_at <= clock + OVERLAP_S and clock < reading.read_at + USABLE_S
        return found if usable else None

    async def _others(self, now: float, ahead_s: float) -> Sequence[Note] | None:
        notes: list[Note] = []
        last = self._last_entry or f"{int((now - USABLE_S) * 1000)}-0"
        while True:
            found = await self._command("XREAD", "COUNT", ENTRIES_A_READ, "STREAMS", self._stream, last)
            if found is None:
                return None
            entries = found[0][1] if found else ()
            for name, fields in entries:
                last = name.decode()
                if fields.get(b"by") != self._token.encode():
                    notes += [shifted(note, ahead_s) for note in _decoded(fields.get(b"notes", b""))]
            if len(entries) < ENTRIES_A_READ:
                self._last_entry = last
                return notes

    async def _command(self, *words: str | bytes | float, otherwise: object = None) -> Any:  # noqa: ANN401  # as it comes
        return await self._shared.run(lambda redis: redis.execute_command(*words), otherwise)  # type: ignore[no-untyped-call]

    async def _transaction(self, *commands: Sequence[str | bytes | float]) -> bool:
        """Run commands in one transaction; return whether they ran."""

        async def run(redis: Redis) -> bool:
            async with redis.pipeline(transaction=True) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)
                await pipeline.execute()
            return True

        return await self._shared.run(run, otherwise=False)

    def _name(self, key: str) -> str:
        return self._shared.key("stock", "listing", self._upstream, key)


def _decoded(raw: bytes) -> Sequence[Note]:
    try:
        return _NOTES.decode(raw)
    except msgspec.MsgspecError:
        return ()


def _calls(raw: bytes) -> float:
    """Return a number of calls; 0 if it is not a number."""
    try:
        calls = float(raw)
    except ValueError:
        return 0.0
    return calls if math.isfinite(calls) else 0.0
