"""The reader of Danawa's whole list, page after page. It detects inconsistencies.

The site neither sorts nor filters nor counts. The list ends at a page without new cars, if the cars read so far match
the last reading.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from dealerproxy.stock.shelf import SHRUNK, LeftOutKey
from dealerproxy.stock.table import MOST_NUMBER, StockedCar
from dealerproxy.transport.errors import Drift, NotFound
from dealerproxy.transport.troubles import upstream_trouble
from dealerproxy.upstreams.danawa.listing import CONTAINER, silence
from dealerproxy.upstreams.danawa.names import UPSTREAM
from dealerproxy.vehicles.listing import LeftOut, LeftOutReason

# If rows were read within this time, an empty list is not believable: it is drift.
ALIVE_S = 86_400.0
CARS_A_PAGE = 30
SIDE_BY_SIDE = 4
# The list has about 150 pages.
MAX_PAGES = 500
# A second page that equals the first means that the site may repeat one page.
SECOND_PAGE = 2
_SOLD = LeftOutReason.SOLD_OR_RESERVED

Entry = StockedCar | LeftOut


class PageRead(NamedTuple):
    """One page: its rows in order, how many cars it has, and whether a text says that there are none."""

    entries: Sequence[Entry]
    cars: int
    says_empty: bool


class WholeList(NamedTuple):
    """The whole list: each car once, including those left out. Reading began at `read_at` (the clock's seconds)."""

    entries: Sequence[Entry]
    read_at: float

    @property
    def cars(self) -> list[StockedCar]:
        """The cars for sale."""
        return [entry for entry in self.entries if isinstance(entry, StockedCar)]

    @property
    def listed(self) -> list[int]:
        """The numbers of the cars in the list that are not marked as sold or reserved, offered or not."""
        unsold = (entry for entry in self.entries if not (isinstance(entry, LeftOut) and entry.reason is _SOLD))
        numbers = (int(number) for number in map(_id, unsold) if number is not None)
        return sorted(number for number in numbers if number <= MOST_NUMBER)

    @property
    def left_out(self) -> Counter[LeftOutKey]:
        """Counts of left-out rows, by reason, make and model."""
        return Counter((entry.reason, entry.make, entry.model) for entry in self.entries if isinstance(entry, LeftOut))


class WholeReader:
    """Reads the list; remembers when it last saw rows. `clock` counts seconds and never goes back."""

    def __init__(
        self, read_page: Callable[[int], Awaitable[PageRead]], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read_page, self._clock = read_page, clock
        self._rows_seen_at: float | None = None

    async def read(self, before: int | None) -> WholeList:
        """Read all pages; `before` is how many different rows the last reading found, None without one.

        A short page is not the end: some of its cars may be unreadable. Several pages are fetched at a time, and an
        error on a page after the end is ignored. Raises UpstreamError, and Drift for a list that is empty without
        saying so, that repeats, or that lost more than a fifth of its cars.
        """
        read_at = self._clock()
        page = await self._read_page(1)
        if not page.cars:
            self._check_empty(page, before)
            return WholeList((), read_at)
        self._rows_seen_at = self._clock()
        gathered = _Gathered()
        gathered.add(page)
        last = 1
        while last < MAX_PAGES:
            ahead = SIDE_BY_SIDE if page.cars >= CARS_A_PAGE else 1
            numbers = range(last + 1, min(last + ahead, MAX_PAGES) + 1)
            answers = await asyncio.gather(*map(self._read_page, numbers), return_exceptions=True)
            for place, (number, answer) in enumerate(zip(numbers, answers, strict=True)):
                if gathered.ends_with(number, page, answers[place:]):
                    _check(gathered.entries, before)
                    return WholeList(gathered.entries, read_at)
                if isinstance(answer, BaseException):
                    raise answer
                gathered.add(answer)
                page, last = answer, number
        raise _logged(Drift(CONTAINER, f"new cars on more than {MAX_PAGES} pages"))

    def _check_empty(self, page: PageRead, before: int | None) -> None:
        """Raise Drift unless the first page says that the list is empty, and no row was seen lately."""
        silent = silence(1, page.cars, says_empty=page.says_empty)
        if silent is not None:
            raise _logged(silent)
        alive = self._rows_seen_at is not None and self._clock() - self._rows_seen_at < ALIVE_S
        if before or alive:
            raise _logged(Drift(CONTAINER, "an empty list where there were cars"))


class _Gathered:
    """The rows of the pages so far, each car once; rows without a number are all kept."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._seen: set[str] = set()

    def add(self, page: PageRead) -> None:
        """Add a page's rows."""
        for entry in page.entries:
            number = _id(entry)
            if number is None or number not in self._seen:
                self.entries.append(entry)
            if number is not None:
                self._seen.add(number)

    def ends_with(self, number: int, before: PageRead, answers: Sequence[PageRead | BaseException]) -> bool:
        """Whether the page `before` is the last; `answers` are those for page `number` and later pages.

        The list ends at a page that is not found or has no new car, without new cars on later pages. Only the last
        page may be repeated for each later page. Raises Drift if another full page repeats.
        """
        answer, *later = answers
        if isinstance(answer, NotFound):
            others = [each for each in later if not isinstance(each, NotFound)]
            return not self._new(others) and not any(isinstance(each, BaseException) for each in others)
        if isinstance(answer, BaseException) or self._new([answer]):
            return False
        if self._new(later):
            raise _logged(Drift(CONTAINER, f"page {number} repeats cars, and later pages do not"))
        full = min(answer.cars, before.cars) >= CARS_A_PAGE
        if full and (number == SECOND_PAGE or _ids(answer) != _ids(before)):
            raise _logged(Drift(CONTAINER, f"page {number} repeats an earlier page"))
        return True

    def _new(self, answers: Sequence[PageRead | BaseException]) -> bool:
        return any(not isinstance(answer, BaseException) and _ids(answer) - self._seen for answer in answers)


def _check(entries: Sequence[Entry], before: int | None) -> None:
    """Raise Drift for a list of unknown names, or one that shrank by more than a fifth from `before`."""
    unknown = sum(isinstance(entry, LeftOut) and entry.reason is LeftOutReason.UNKNOWN_MODEL for entry in entries)
    if 2 * unknown > len(entries):
        raise _logged(Drift("a.name", f"{unknown} of {len(entries)} names have no known make and model"))
    if before is not None and len(entries) < SHRUNK * before:
        raise _logged(Drift(CONTAINER, f"shrunken to {len(entries)} cars from {before}"))


def _logged(error: Drift) -> Drift:
    """Log the drift of a whole list and return it; drift of single pages is logged where they are read."""
    upstream_trouble(UPSTREAM, "list", error)
    return error


def _id(entry: Entry) -> str | None:
    return str(entry.number) if isinstance(entry, StockedCar) else entry.listing_id


def _ids(page: PageRead) -> set[str]:
    return {number for number in map(_id, page.entries) if number is not None}
