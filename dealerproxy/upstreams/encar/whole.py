"""The reader of a whole Encar search, page after page in the order of price. It detects inconsistencies.

Encar repeats rows across pages (500 consecutive rows had 406 cars) and repeats its last page from row 10,000 on. So
cars are counted by their ids, and a larger search continues as a search from the last price on.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

from msgspec.structs import replace

from dealerproxy.contract.terms import Sort
from dealerproxy.stock.shelf import SHRUNK
from dealerproxy.stock.table import StockedCar
from dealerproxy.transport.errors import Drift, UpstreamError
from dealerproxy.transport.reading import Reading, current_reading, reading
from dealerproxy.transport.troubles import upstream_trouble
from dealerproxy.upstreams.car_words import WON_PER_MANWON
from dealerproxy.upstreams.encar.addresses import UPSTREAM
from dealerproxy.upstreams.encar.indexes import CARS, ENCAR_SORTS, NEWEST, SearchIndex
from dealerproxy.upstreams.encar.query import ANY_NUMBER, AnySearch, query_of
from dealerproxy.upstreams.encar.rows import (
    COUNT,
    ROWS,
    Frame,
    ReadRow,
    SearchTarget,
    check_readable,
    read_frame,
)
from dealerproxy.upstreams.off_sale import OffSale
from dealerproxy.upstreams.paging import MAX_OFFSET
from dealerproxy.vehicles.listing import LeftOut, LeftOutReason
from dealerproxy.vocabulary import Vocabulary

T = TypeVar("T")

PAGE_ROWS = 500
BY_PRICE = ENCAR_SORTS[Sort.PRICE_ASC]
# A reading is whole if it has this share of the site's count: cars are sold while it runs.
WHOLE = 0.95
# Counts of one search may differ by this many cars in any case.
FEW = 3
# This many consecutive repeated rows are not chance.
LEAST_REPEATED = 8
# The planned share of a part's maximum size, by the known prices.
PART_FILL = 0.8
# A check stops after this many pages with new cars: all is read again.
CHECK_ROWS, CHECK_PAGES = 100, 5
# Rows that are read without yielding to the event loop: about 0.6 ms.
SLICE_ROWS = 100
PAGE_S = 30.0


class AskSearch(Protocol):
    """A function that fetches one page of a search, like `EncarClient.search`."""

    def __call__(
        self, q: str, read: Callable[[bytes], T], *, sort: str, offset: int, limit: int, within_s: float
    ) -> Awaitable[T]:
        """Return what `read` makes of the page."""


class WholeListing(NamedTuple):
    """A search that was read whole.

    `rows` has each car once, by its listing id, including cars left out. `total` is the site's own count, `nameless`
    the number of unreadable rows without an id, `calls` counts calls, `read_at` is the clock's seconds at its start.
    """

    rows: Mapping[int, ReadRow]
    total: int
    nameless: int
    calls: int
    read_at: float

    @property
    def distinct(self) -> int:
        """The number of different cars, including those left out; the next reading is compared with it."""
        return len(self.rows)

    @property
    def cars(self) -> list[StockedCar]:
        """The cars for sale."""
        return [row.car for row in self.rows.values() if isinstance(row.car, StockedCar)]

    @property
    def left_out(self) -> Counter[LeftOutReason]:
        """Counts of left-out rows, by reason."""
        reasons = Counter(row.car.reason for row in self.rows.values() if isinstance(row.car, LeftOut))
        return reasons + Counter({LeftOutReason.UNREADABLE: self.nameless})


class Checked(NamedTuple):
    """The result of a check: the cars that are new or changed, newest first, and the site's count.

    `settled` is false if there were so many that the listing should be read again.
    """

    cars: list[StockedCar]
    total: int
    calls: int
    settled: bool


class _Page(NamedTuple):
    total: int
    rows: Sequence[ReadRow]
    answer: Reading

    def drift(self, path: str, message: str) -> Drift:
        """Report a drift with this page, and return it."""
        error = Drift(path, message)
        self.answer.report(error)
        return error


class _Part(NamedTuple):
    """Pages of one search: the site's count, the last page, and the price (만원) where the rest begins, if any."""

    total: int
    last: _Page
    rest_from: int | None


class _Rows:
    """The rows of a reading so far."""

    def __init__(self) -> None:
        self.by_number: dict[int, ReadRow] = {}
        self.nameless = self.calls = 0
        self.bad: Counter[str] = Counter()

    def add(self, page: _Page) -> None:
        for row in page.rows:
            number = _number(row.car)
            if number is None:
                self.nameless += 1
            # If one page shows a car as off sale, it is off sale.
            elif number not in self.by_number or isinstance(row.car, LeftOut):
                self.by_number[number] = row

    @property
    def readable(self) -> int:
        """The number of different readable cars."""
        return sum(not _is_unreadable(row.car) for row in self.by_number.values())

    def prices(self) -> Iterator[int]:
        """The prices of the cars for sale in 만원, in the order of the rows."""
        for row in self.by_number.values():
            if isinstance(row.car, StockedCar):
                yield row.car.price_krw // WON_PER_MANWON


class WholeReader:
    """Reads and checks searches of one index. Every method raises UpstreamError; its page is captured."""

    def __init__(
        self,
        ask: AskSearch,
        vocabulary: Vocabulary,
        off_sale: OffSale,
        *,
        index: SearchIndex = CARS,
        page_s: float = PAGE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`ask` searches the index; `page_s` bounds each call and its wait for a turn, in seconds."""
        self._ask, self._vocabulary, self._off_sale, self._index = ask, vocabulary, off_sale, index
        self._page_s, self._clock = page_s, clock
        # The site's rows per page, as far as known.
        self.page_rows = PAGE_ROWS

    async def read_whole(
        self, search: AnySearch, target: SearchTarget, *, before: int | None = None, expected: int | None = None
    ) -> WholeListing:
        """Read all cars of a search.

        `before` is `distinct` of the last whole reading. If as many cars come as another answer counts (`expected`),
        no call looks for rows behind the last one. Raises Drift if cars are missing, pages repeat, counts contradict,
        or the listing shrank by more than a fifth.
        """
        read_at, rows = self._clock(), _Rows()
        try:
            first = part = await self._read_part(search, target, rows, expected)
            while part.rest_from is not None:
                part = await self._read_part(_from_price(search, part.rest_from), target, rows, None)
            if len(rows.by_number) + rows.nameless < WHOLE * first.total:
                part = await self._read_by_price(search, target, rows, first)
            _check_whole(rows, first.total, before, part.last)
        except UpstreamError as error:
            upstream_trouble(UPSTREAM, self._index.search.name, error, q=query_of(search))
            raise
        return WholeListing(rows.by_number, first.total, rows.nameless, rows.calls, read_at)

    async def check(self, search: AnySearch, target: SearchTarget, known: Callable[[StockedCar], bool]) -> Checked:
        """Read the newest rows until a page has none that is new or changed; `known` is true if a car is neither."""
        rows, found = _Rows(), dict[int, StockedCar]()
        offset, count, settled = 0, None, False
        try:
            while not settled and rows.calls < CHECK_PAGES:
                page = await self._page(search, target, NEWEST, offset, CHECK_ROWS, rows)
                count = _checked_count(page, count, offset)
                offset += len(page.rows)
                cars = (row.car for row in page.rows if isinstance(row.car, StockedCar))
                new = {car.number: car for car in cars if not known(car)}
                found |= new
                settled = not new or offset >= page.total
        except UpstreamError as error:
            upstream_trouble(UPSTREAM, self._index.search.name, error, q=query_of(search))
            raise
        return Checked(list(found.values()), count or 0, rows.calls, settled)

    async def _read_by_price(self, search: AnySearch, target: SearchTarget, rows: _Rows, first: _Part) -> _Part:
        """Read a search again, in parts of about a page by the known prices: within a page no row repeats."""
        counted, part = 0, first
        rows.nameless = 0
        for bounds in _price_parts(sorted(rows.prices()), int(PART_FILL * self.page_rows), search.price or ANY_NUMBER):
            part = await self._read_part(replace(search, price=bounds), target, rows, 0)
            counted += part.total
            # Parts overlap in one price. A site that ignores the bounds counts everything in each part.
            if counted > 2 * first.total + PAGE_ROWS:
                raise part.last.drift(COUNT, f"{counted} in parts of a search that counts {first.total}")
        return part

    async def _read_part(self, search: AnySearch, target: SearchTarget, rows: _Rows, expected: int | None) -> _Part:
        """Read a search to its end, or as far as the site returns it.

        It ends at its count if as many rows are `expected`; else only at a page without rows, because a site that cuts
        its pages and counts wrong could lose cars unnoticed.
        """
        came, repeated = set[int | None](), 0
        offset, count = 0, None
        while True:
            limit = min(PAGE_ROWS, MAX_OFFSET - offset)
            page = await self._page(search, target, BY_PRICE, offset, limit, rows)
            count = _checked_count(page, count, offset)
            if not page.rows:
                return _Part(count, page, None)  # the count agrees, see _checked_count
            numbers = {_number(row.car) for row in page.rows}
            repeated = repeated + len(page.rows) if numbers <= came else 0
            if repeated >= LEAST_REPEATED:
                raise page.drift(ROWS, f"an earlier page again at {offset}")
            came |= numbers
            offset += len(page.rows)
            if offset >= page.total and expected is not None and offset >= WHOLE * expected:
                return _Part(count, page, None)
            if offset < page.total and limit == PAGE_ROWS:
                self.page_rows = len(page.rows)
            if offset >= MAX_OFFSET:
                return _Part(count, page, _rest_from(page, search))

    async def _page(
        self, search: AnySearch, target: SearchTarget, sort: str, offset: int, limit: int, rows: _Rows
    ) -> _Page:
        """Read one answer, its rows in slices, and add them; cars under contract are noted as off sale."""
        asked_at = self._clock()
        rows.calls += 1
        frame, answer = await self._ask(
            query_of(search), _framed, sort=sort, offset=offset, limit=limit, within_s=self._page_s
        )
        read, bad, read_row = list[ReadRow](), Counter[str](), self._index.read_row
        for start in range(0, len(frame.rows), SLICE_ROWS):
            with reading(answer):
                read += [read_row(row, target, self._vocabulary, bad) for row in frame.rows[start : start + SLICE_ROWS]]
            await asyncio.sleep(0)
        with reading(answer):
            page = _Page(frame.total, read[:limit], answer)
            try:
                check_readable(bad, len(read))
            except Drift as error:
                answer.report(error)
                raise
            for path in bad:
                answer.report(Drift(f"{ROWS}[]: {path}", "in some rows"))
        rows.bad += bad
        rows.add(page)
        for row in page.rows:
            if isinstance(row.car, LeftOut) and row.car.reason is LeftOutReason.UNDER_CONTRACT and row.car.listing_id:
                self._off_sale.note(UPSTREAM, row.car.listing_id, asked_at)
        return page


def _framed(body: bytes) -> tuple[Frame, Reading]:
    return read_frame(body), current_reading()


def _checked_count(page: _Page, before: int | None, offset: int) -> int:
    """Return the largest count of a search so far. Raises Drift if this page's count contradicts it or the rows."""
    count, end = page.total, offset + len(page.rows)
    if not page.rows and offset < WHOLE * count:
        raise page.drift(ROWS, f"empty from {offset} on although {count} cars are counted")
    if page.rows and WHOLE * end > count:
        raise page.drift(COUNT, f"{count} counted, and {end} came")
    if before is None:
        return count
    if abs(count - before) > max(FEW, (1 - WHOLE) * before):
        raise page.drift(COUNT, f"{count} at {offset}, and {before} before")
    return max(count, before)


def _check_whole(rows: _Rows, total: int, before: int | None, last: _Page) -> None:
    """Raise Drift if too many counted cars are missing or unreadable, or the listing shrank by more than a fifth."""
    distinct = len(rows.by_number)
    came = distinct + rows.nameless
    if rows.bad and rows.readable < WHOLE * came:
        raise last.drift(f"{ROWS}[]: {rows.bad.most_common(1)[0][0]}", f"in {came - rows.readable} of {came} rows")
    if rows.readable < WHOLE * total:
        raise last.drift(ROWS, f"{rows.readable} different cars although {total} are counted")
    if before is not None and distinct < SHRUNK * before:
        raise last.drift(COUNT, f"shrunken to {distinct} cars from {before}")


def _rest_from(page: _Page, search: AnySearch) -> int:
    """Return the price of the last car for sale on a page, from which a search for the rest can start."""
    prices = [row.car.price_krw // WON_PER_MANWON for row in page.rows if isinstance(row.car, StockedCar)]
    lowest = (search.price or ANY_NUMBER)[0]
    if not prices or max(prices) <= lowest:
        raise page.drift(ROWS, f"{MAX_OFFSET} rows without a higher price than {lowest}")
    return max(prices)


def _from_price(search: AnySearch, low: int) -> AnySearch:
    return replace(search, price=(low, (search.price or ANY_NUMBER)[1]))


def _price_parts(prices: Sequence[int], rows: int, whole: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Yield bounds that cover a whole range in parts of about `rows` rows. Each part begins where the last one ends."""
    low, high = whole
    for price in dict.fromkeys(prices[max(1, rows) :: max(1, rows)]):
        if low < price < high:
            yield low, price
            low = price
    yield low, high


def _number(car: StockedCar | LeftOut) -> int | None:
    if isinstance(car, StockedCar):
        return car.number
    return int(car.listing_id) if car.listing_id else None


def _is_unreadable(car: StockedCar | LeftOut) -> bool:
    return isinstance(car, LeftOut) and car.reason is LeftOutReason.UNREADABLE
