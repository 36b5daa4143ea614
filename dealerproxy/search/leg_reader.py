"""The live reader of one leg: which chunk it needs, which row is next, and where a later page resumes.

Pure: the caller fetches the wanted chunk and passes it in.
"""

from collections import Counter
from collections.abc import Callable

from dealerproxy.cache.entries import CacheResult
from dealerproxy.search.cursor import LegCursor, Position, ReturnedIds, resumption
from dealerproxy.search.source_report import LegReport, combined, from_entry
from dealerproxy.transport.errors import UpstreamError
from dealerproxy.upstreams.paging import CHUNK_ROWS, MAX_OFFSET, ORDER_KEYS, Order, digest
from dealerproxy.upstreams.results import Leg
from dealerproxy.vehicles.listing import Chunk, LeftOut, LeftOutReason, Listing

# Neighbouring chunks in which a leg that was read from stock before may look for its position.
LOOKS_SWITCHED = 4


class LegReader:
    """Reads a leg in chunks of 48 rows, from its position in the cursor.

    `wanted` is the index of the chunk it needs, None while it has a next row, has ended or failed. `next_key` is the
    sort key of `next_row`. Rows that sort before the walk's frontier appeared during the walk. They are skipped,
    because the order would jump back and ids could repeat.
    """

    def __init__(
        self,
        leg: Leg,
        state: LegCursor,
        walk: Position,
        *,
        order: Order,
        keep: Callable[[Listing], bool],
        seen: ReturnedIds,
    ) -> None:
        """`state` is the leg's position in the walk."""
        self.leg = leg
        self.failure: UpstreamError | None = None
        self.next_row: Listing | None = None
        self.next_key = self.next_tie = 0
        self.total = state.total
        self._reports: list[LegReport] = []
        self.confirmed = True
        self.calls = 0
        self.too_deep = False
        self.missing = 0
        self.moved = 0
        self.left_out: Counter[LeftOutReason] = Counter()
        self._order, self._sort_key = order, ORDER_KEYS[order]
        self._keep, self._seen = keep, seen
        self._frontier, self._remembered = resumption(state, walk, seen)
        self._offset, self._key, self._last = state.offset, state.key, state.last
        self._passed: str | None = None  # the listing id of the last row passed in this request
        self._ended, self._late = state.ended, state.late
        self._chunk: Chunk | None = None
        self._index = state.offset // CHUNK_ROWS
        self._resuming = state.last is not None
        self._switched = state.stocked
        self.jumped = self._switched and self._frontier is not None and not self._remembered
        if self._switched:  # stock orders rows of one key differently
            if self._frontier is not None and self.jumped:
                self._frontier += 1
            self._key, self._remembered = self._frontier, True
        self._looks_left = LOOKS_SWITCHED if self._switched else 1

    @property
    def wanted(self) -> int | None:
        """The index of the chunk that is needed next; None if no chunk is needed."""
        if self._ended or self.failure is not None or self.next_row is not None:
            return None
        return self._index

    @property
    def ready(self) -> bool:
        """Whether the next row is loaded."""
        return self.next_row is not None

    @property
    def ended(self) -> bool:
        """Whether this leg has no further rows."""
        return self._ended

    @property
    def reports(self) -> LegReport:
        """This request's report on the leg."""
        return combined(self.leg.upstream, self._reports, self.failure, self.total if self.leg.filtered else None)

    def state(self, frontier: int | None) -> LegCursor:
        """Return the leg's position for the cursor; `frontier` is the walk's new frontier."""
        caught_up = self.next_row is not None and frontier is not None and self.next_key >= frontier
        late = self.failure is not None or (self._late and not caught_up)
        last = self._last if self._passed is None else digest(self._passed)
        return LegCursor(self._offset, self._key, last, self.total, self._ended, late)

    def offer(self, found: CacheResult[Chunk]) -> None:
        """Take the wanted chunk and move to the next row that may be returned."""
        chunk = found.value
        self.total = chunk.total
        self._reports.append(from_entry(self.leg.upstream, found, self.total if self.leg.filtered else None))
        self.confirmed = chunk.confirmed
        start = 0
        if self._resuming:
            place = self._find_place(chunk)
            if place is None:
                return
            self._resuming = False
            start = place
        elif self._offset // CHUNK_ROWS == self._index:
            start = self._offset % CHUNK_ROWS
        self._chunk = chunk
        self._offset = self._index * CHUNK_ROWS + start
        self._advance()

    def take(self) -> Listing:
        """Return the next row and move on within the chunk. Raises LookupError if there is none."""
        listing = self.next_row
        if listing is None:
            raise LookupError("the leg has no row loaded")
        self._pass(listing)
        self.next_row = None
        self._advance()
        return listing

    def _advance(self) -> None:
        chunk = self._chunk
        if chunk is None:
            return
        base = self._index * CHUNK_ROWS
        for place in range(self._offset - base, len(chunk.entries)):
            entry = chunk.entries[place]
            if isinstance(entry, LeftOut):
                self.left_out[entry.reason] += 1
            elif self._keep(entry):
                key = self._sort_key(entry)
                if entry.id not in self._seen and (self._frontier is None or key >= self._frontier):
                    self.next_row, self.next_key = entry, key
                    return
                self.moved += not self._switched  # after a switch from stock, the live position is not exact
            self._pass(entry)
        self._index += 1
        self._chunk = None
        self.missing += chunk.missing
        self.too_deep = not chunk.ended and self._index * CHUNK_ROWS >= MAX_OFFSET
        self._ended = chunk.ended or self.too_deep

    def _pass(self, entry: Listing | LeftOut) -> None:
        self._offset += 1
        if entry.listing_id is not None:
            self._passed = entry.listing_id
        if isinstance(entry, Listing):
            self._key = self._sort_key(entry)

    def _find_place(self, chunk: Chunk) -> int | None:
        """Return where to resume in a chunk; None if a neighbouring chunk is needed first.

        Resumes after the last passed row if the chunk has it; looks into a neighbour if the rows moved by a whole
        chunk; else resumes at the last key, and skips returned rows by their id.
        """
        if not self._switched:
            for position, entry in enumerate(chunk.entries):
                if entry.listing_id is not None and digest(entry.listing_id) == self._last:
                    return position + 1
            if self._offset == self._index * CHUNK_ROWS:
                return 0  # the last passed row was the last of the previous chunk
        keys = [self._sort_key(entry) if isinstance(entry, Listing) else None for entry in chunk.entries]
        neighbour = self._index + self._shift([key for key in keys if key is not None])
        if neighbour >= 0 and neighbour != self._index and self._looks_left:
            self._looks_left -= 1
            self._index = neighbour
            return None
        return self._from_key(keys)

    def _shift(self, keys: list[int]) -> int:
        """Return by how many chunks the position moved if these keys lack its key: -1, 0 or 1.

        After a switch from stock, the previous chunk may end with rows of the key that this chunk begins with.
        """
        if self._key is None:
            return 0
        if not keys or min(keys) > self._key or (self._switched and min(keys) == self._key):
            return -1
        return 1 if max(keys) < self._key else 0

    def _from_key(self, keys: list[int | None]) -> int:
        if self._key is None:
            return self._offset % CHUNK_ROWS
        # If the cursor had no room for some ids, a row with exactly this key may have been returned already.
        first = self._key if self._remembered else self._key + 1
        return next((i for i, key in enumerate(keys) if key is not None and key >= first), len(keys))
