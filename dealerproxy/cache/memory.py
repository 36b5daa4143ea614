"""Memory as an aiocache backend with a bound in bytes; it evicts the least recently used entry first.

aiocache's own backend has no bound, and a timer on the event loop for every entry. Here nothing runs by itself: reads
skip expired entries, and writes drop them.
"""

import math
import time
from collections.abc import Callable, Hashable, Iterable
from typing import Any, NamedTuple

from aiocache.base import BaseCache  # type: ignore[import-untyped]
from aiocache.serializers import NullSerializer  # type: ignore[import-untyped]
from cachetools import TLRUCache

# Bytes of an entry besides its value: a key of a hundred characters, and a slot in five tables.
ENTRY_BYTES = 1_000


class _Entry(NamedTuple):
    value: object
    expires_at: float
    size: int


class BoundedMemory(BaseCache):  # type: ignore[misc]  # aiocache has no types
    """Stores values as they are, so they must be immutable; `weigh` returns how many of the `max_bytes` one takes.

    A value larger than `max_bytes` is not stored, and the old value of its key is removed. Of aiocache's commands it
    supports get, multi_get, set and delete; a ttl is in seconds.
    """

    NAME = "memory"

    def __init__(
        self, *, max_bytes: int, weigh: Callable[[Any], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(serializer=NullSerializer(), timeout=None)
        self._weigh, self._clock = weigh, clock
        self._entries: TLRUCache[Hashable, _Entry] = TLRUCache(
            max_bytes, lambda _key, entry, _now: entry.expires_at, timer=clock, getsizeof=lambda entry: entry.size
        )

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size(self) -> int:
        """Bytes of the stored entries that have not expired."""
        return int(self._entries.currsize)

    def at_hand(self, key: Hashable) -> Any:  # noqa: ANN401  # any stored value
        """Return the stored value, or None, without await: aiocache's time-outs and plugins take longer."""
        try:
            return self._entries[key].value
        except KeyError:
            return None

    def keep(self, key: Hashable, value: object, ttl: float | None = None) -> bool:
        """Store a value without await, as `set` does; return whether it is stored."""
        expires_at = math.inf if ttl is None else self._clock() + ttl
        try:
            self._entries[key] = _Entry(value, expires_at, ENTRY_BYTES + self._weigh(value))
        except ValueError:  # larger than `max_bytes`
            self._entries.pop(key, None)
        return key in self._entries

    async def _get(self, key: Hashable, encoding: str | None = None, _conn: None = None) -> object:
        return self.at_hand(key)

    async def _multi_get(
        self, keys: Iterable[Hashable], encoding: str | None = None, _conn: None = None
    ) -> list[object]:
        return [await self._get(key) for key in keys]

    async def _set(
        self, key: Hashable, value: object, ttl: float | None = None, _cas_token: None = None, _conn: None = None
    ) -> bool:
        return self.keep(key, value, ttl)

    async def _delete(self, key: Hashable, _conn: None = None) -> int:
        return 0 if self._entries.pop(key, None) is None else 1
