"""Memory as an aiocache backend with a bound: so many bytes, and what was not used for longest goes first.

aiocache's own has no bound and a timer on the event loop for every entry. Here nothing runs by itself: what expired is
passed over when it is asked for, and dropped when something else is stored.
"""

import math
import time
from collections.abc import Callable, Hashable, Iterable
from typing import Any, NamedTuple

from aiocache.base import BaseCache  # type: ignore[import-untyped]
from aiocache.serializers import NullSerializer  # type: ignore[import-untyped]
from cachetools import TLRUCache

# What an entry takes beside its value: a key of a hundred characters, and a place in five tables.
ENTRY_BYTES = 1_000


class _Entry(NamedTuple):
    value: object
    expires_at: float
    size: int


class BoundedMemory(BaseCache):  # type: ignore[misc]  # aiocache has no types
    """Holds values as they are, so they must be immutable; `weigh` tells how many of the `max_bytes` one takes.

    A value larger than all of it is not kept, and neither is what stood under its key. Of aiocache's commands it
    knows get, multi_get, set and delete; a ttl is in seconds.
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
        """Bytes taken by what is kept and has not expired."""
        return int(self._entries.currsize)

    def at_hand(self, key: Hashable) -> Any:  # noqa: ANN401  # whatever was put there
        """Return what is kept, or None, at once: aiocache's way to it, with time-outs and plugins, takes longer."""
        try:
            return self._entries[key].value
        except KeyError:
            return None

    def keep(self, key: Hashable, value: object, ttl: float | None = None) -> bool:
        """Store a value at once, as `set` does; return whether it is kept."""
        expires_at = math.inf if ttl is None else self._clock() + ttl
        try:
            self._entries[key] = _Entry(value, expires_at, ENTRY_BYTES + self._weigh(value))
        except ValueError:  # larger than the whole
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
