"""Encar's search rows (`premium` view): bytes in, typed listings out, or an error with the path.

Paths and words are those captured in 2023, 2025 and 2026: numbers are floats on the wire (`202305.0`), a missing
key means unknown, prices are in 만원 (10,000 won), `Year` is the first registration as YYYYMM and
`FormYear` the model year.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from operator import attrgetter
from typing import Annotated, Generic, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from dealerproxy.stock.table import StockedCar, Words
from dealerproxy.transport.errors import Drift
from dealerproxy.upstreams.caps import MOST_ROWS, Text, check_json
from dealerproxy.upstreams.car_words import PLACEHOLDER_MILEAGE, WON_PER_MANWON, is_placeholder_price
from dealerproxy.upstreams.encar.addresses import LISTING_ID
from dealerproxy.upstreams.encar.kinds import count_misses, listing_of, place_of, template
from dealerproxy.upstreams.paging import CHUNK_ROWS, MAX_OFFSET
from dealerproxy.upstreams.values import decode, is_year, shown, without_broken_escapes
from dealerproxy.vehicles.listing import LeftOut, LeftOutReason, Listing
from dealerproxy.vocabulary import Make, Model, Vocabulary

COUNT, ROWS = "Count", "SearchResults"


R = TypeVar("R")
RowT = TypeVar("RowT", bound="Offer")


class Frame(NamedTuple):
    """A search answer with undecoded rows: the site's own count, and one object for each row."""

    total: int
    rows: Sequence[object]


class _Page(Struct, Generic[R], frozen=True):
    Count: float | UnsetType = UNSET
    SearchResults: Annotated[list[R], msgspec.Meta(max_length=MOST_ROWS)] | UnsetType = UNSET


class _Photo(Struct, frozen=True, gc=False):
    location: Text
    type: Text = ""
    ordering: float = 0.0


class Offer(Struct, frozen=True, gc=False, kw_only=True):
    """The fields that rows of cars and of trucks share, as Encar sends them. Those without a default are mandatory."""

    Id: Text
    Manufacturer: Text
    Model: Text
    Year: float
    Mileage: float
    Price: float
    FormYear: Text | None = None
    Badge: str | None = None
    FuelType: Text | None = None
    Transmission: Text | None = None
    SellType: Text | None = None
    SalesStatus: Text | None = None
    ServiceCopyCar: Text | None = None
    Photo: Text | None = None
    Photos: tuple[_Photo, ...] = ()
    Separation: tuple[Text, ...] = ()
    OfficeCityState: Text | None = None
    LeaseType: Text | None = None
    MonthLeasePrice: float | None = None


class SearchRow(Offer, frozen=True, gc=False, kw_only=True):
    """A row of a car."""

    FormYear: Text
    BadgeDetail: str | None = None


class SearchTarget(NamedTuple):
    """The make and models of a search; they decide if the row's own words are ambiguous.

    `trucks` are the truck index's words for the models, () for a search of cars or of a whole maker.
    """

    make: Make
    facet: str
    model: Model | None = None
    trucks: tuple[str, ...] = ()


class ReadRow(NamedTuple):
    """The result of reading a row, and the generation that it names; None if it cannot be read."""

    car: StockedCar | LeftOut
    generation: str | None


ReadOne = Callable[[object, SearchTarget, Vocabulary, "Counter[str]"], ReadRow]


class Unreadable(Exception):
    """A row that cannot be used; the message names the path."""


_page_decoder = msgspec.json.Decoder(_Page[msgspec.Raw])
# Optional fields whose odd values are ignored. Not those that distinguish a sale from a lease, or a sold car.
FORGIVABLE = (
    *("Badge", "BadgeDetail", "FuelType", "Transmission", "ServiceCopyCar", "Photo", "Photos"),
    *("Separation", "OfficeCityState"),
)
_YEAR = re.compile(r"\d{4}", re.ASCII)
# More cars than Korea has; a larger count is invalid.
_MOST_CARS = 1e8
# The largest number that a table can store.
_LARGEST = 2**63 - 1


def read_search(
    body: bytes, asked: SearchTarget, vocabulary: Vocabulary, bad: Counter[str] | None = None
) -> tuple[int, tuple[Listing | LeftOut, ...]]:
    """Read a search answer into the upstream's own count and its rows in order.

    Raises Drift if the answer has no readable `Count` or `SearchResults`, or if more than half of its rows cannot be
    read; the path names what is missing. `bad`, if given, gets the counts of unreadable rows by reason.
    """
    return read_listings(body, asked, vocabulary, read_row, bad)


def read_listings(
    body: bytes, asked: SearchTarget, vocabulary: Vocabulary, read_one: ReadOne, bad: Counter[str] | None
) -> tuple[int, tuple[Listing | LeftOut, ...]]:
    """Do the same as `read_search`, with the reader of one row."""
    frame = read_frame(body)
    bad = Counter() if bad is None else bad
    cars = [read_one(row, asked, vocabulary, bad).car for row in frame.rows]
    check_readable(bad, len(cars))
    return frame.total, tuple([car if isinstance(car, LeftOut) else listing_of(car, vocabulary) for car in cars])


def read_frame(body: bytes) -> Frame:
    """Read a search answer without decoding its rows. Raises Drift if it has no readable `Count` or `SearchResults`."""
    count, page = _counted(body)
    if page.SearchResults is UNSET:
        raise Drift(ROWS)
    return Frame(count, page.SearchResults)


def check_readable(bad: Counter[str], rows: int) -> None:
    """Raise Drift if more than half of the rows cannot be read; `bad` has their counts by reason."""
    if 2 * bad.total() > rows:
        raise Drift(f"{ROWS}[]: {bad.most_common(1)[0][0]}", f"{bad.total()} of {rows} rows unreadable")


def check_not_empty(rows: int, total: int, offset: int) -> None:
    """Raise Drift if there are no rows from `offset` on, the start of a chunk, although the site counts some.

    A count may be a little off at the end of a search, but not by more than a chunk. Rows from the middle of a chunk on
    may be missing: the chunk then has their number.
    """
    if rows or offset % CHUNK_ROWS or offset >= MAX_OFFSET:
        return
    if total > (offset + CHUNK_ROWS if offset else 0):
        raise Drift(ROWS, f"empty from {offset} on although {total} cars are counted")


def read_count(body: bytes) -> int:
    """Read only the upstream's own count. Raises Drift if there is none."""
    return _counted(body)[0]


def _counted(body: bytes) -> tuple[int, _Page[msgspec.Raw] | _Page[object]]:
    """Decode all but the rows, which are decoded one by one, so that a damaged row affects only itself."""
    page: _Page[msgspec.Raw] | _Page[object]
    check_json(body)
    try:
        page = _page_decoder.decode(body)
    except (msgspec.DecodeError, RecursionError):
        try:
            page = _page_decoder.decode(without_broken_escapes(body))
        except (msgspec.DecodeError, RecursionError):
            page = decode(body, _Page[object])
    if page.Count is UNSET or not 0 <= page.Count <= _MOST_CARS:
        raise Drift(COUNT)
    return int(page.Count), page


class RowReader(Generic[RowT]):
    """Reads rows of one kind; `forgivable` are the optional fields whose odd values are ignored."""

    def __init__(
        self,
        kind: type[RowT],
        forgivable: Collection[str],
        judge: Callable[[RowT, SearchTarget, Vocabulary], StockedCar | LeftOutReason],
    ) -> None:
        """`judge` returns a row's car, or why it is left out; it raises Unreadable."""
        self._kind, self._forgivable, self._judge = kind, frozenset(forgivable), judge
        self._decoder = msgspec.json.Decoder(kind)
        self._types = {field.name: field.type for field in msgspec.structs.fields(kind)}

    def __call__(self, raw: object, asked: SearchTarget, vocabulary: Vocabulary, bad: Counter[str]) -> ReadRow:
        """Read one row of a Frame; if it cannot be read, count that in `bad`."""
        row = None
        try:
            row = self._decode(raw)
            car = self._judge(row, asked, vocabulary)
        except (msgspec.ValidationError, Drift, Unreadable) as error:
            bad[str(error)] += 1
            number = row.Id if row and LISTING_ID.fullmatch(row.Id) else None
            return ReadRow(LeftOut(LeftOutReason.UNREADABLE, number), row.Model if row else None)
        return ReadRow(LeftOut(car, row.Id) if isinstance(car, LeftOutReason) else car, row.Model)

    def _decode(self, raw: object) -> RowT:
        """Decode a row; if that fails, decode it again without the optional fields that fail."""
        if isinstance(raw, msgspec.Raw):
            try:
                str(memoryview(raw), "utf-8")  # the decoder skips unknown names, including damaged ones
                return self._decoder.decode(raw)
            except (msgspec.DecodeError, UnicodeDecodeError):
                raw = decode(bytes(raw), object)
        try:
            return msgspec.convert(raw, self._kind)
        except msgspec.ValidationError:
            if not isinstance(raw, dict):
                raise
            fitting = {name: value for name, value in raw.items() if self._fits(name, value)}
            return msgspec.convert(fitting, self._kind)

    def _fits(self, name: str, value: object) -> bool:
        if name not in self._forgivable:
            return True
        try:
            msgspec.convert(value, self._types[name])
        except msgspec.ValidationError:
            return False
        return True


def stocked_car(row: SearchRow, asked: SearchTarget, vocabulary: Vocabulary) -> StockedCar | LeftOutReason:
    """Return a row as a car for sale, or why it is left out; words without English are counted.

    Raises Unreadable with the path.
    """
    return car_of(row, vocabulary, kind_of(row, asked))


def car_of(row: Offer, vocabulary: Vocabulary, kind: Words) -> StockedCar | LeftOutReason:
    """Do the same as `stocked_car` for a row of any kind."""
    if not LISTING_ID.fullmatch(row.Id) or (number := int(row.Id)) > _LARGEST:
        raise Unreadable("Id is no number")
    reason = _left_out(row, vocabulary)
    if reason is not None:
        return reason
    if shown(row.Model) is None:
        raise Unreadable("Model is no text")
    place = place_of(row.OfficeCityState, row.Separation)
    shared = template(kind, vocabulary)
    count_misses(shared, place, vocabulary)
    if shared.listing is None:
        return LeftOutReason.UNKNOWN_MODEL
    vehicle = _vehicle(row)
    return StockedCar(
        number=number,
        kind=kind,
        place=place,
        year=_model_year(row),
        registered=_registered(row),
        mileage_km=int(row.Mileage),
        price_krw=round(row.Price * WON_PER_MANWON),
        vehicle=vehicle,
        original=row.ServiceCopyCar == "ORIGINAL" if row.ServiceCopyCar else vehicle == number,
        photo=_photo(row.Photos),
    )


def kind_of(row: SearchRow, asked: SearchTarget) -> Words:
    """Return the fields of a row's Kind."""
    group = asked.model.korean if asked.model else None
    searched, name = (asked.facet, group), (row.Manufacturer, row.Model, row.Badge, row.BadgeDetail)
    return (*searched, *name, row.FuelType, row.Transmission)


def _left_out(row: Offer, vocabulary: Vocabulary) -> LeftOutReason | None:
    """Return why a row is not an offer to buy. An unknown word makes the row unreadable: it might mean sold."""
    sale = vocabulary.sell_type(row.SellType) if row.SellType is not None else "outright"
    if sale is None:
        raise Unreadable("SellType is an unknown word")
    if sale != "outright" or row.LeaseType is not None or row.MonthLeasePrice is not None:
        return LeftOutReason.LEASE_OR_RENT
    if row.SalesStatus not in {None, "CONTRACT"}:
        raise Unreadable("SalesStatus is an unknown word")
    if row.SalesStatus == "CONTRACT":
        return LeftOutReason.UNDER_CONTRACT
    if is_placeholder_price(row.Price, under_contract=False):
        return LeftOutReason.PLACEHOLDER_PRICE
    if row.Mileage >= PLACEHOLDER_MILEAGE:
        return LeftOutReason.PLACEHOLDER_MILEAGE
    if row.Mileage < 0:
        raise Unreadable("Mileage is negative")
    return None


def _registered(row: Offer) -> int:
    if not is_year(int(row.Year) // 100):
        raise Unreadable("Year is no month")
    return int(row.Year)


def _model_year(row: Offer) -> int:
    if row.FormYear is None:
        return _registered(row) // 100
    if not (_YEAR.fullmatch(row.FormYear) and is_year(int(row.FormYear))):
        raise Unreadable("FormYear is no year")
    return int(row.FormYear)


def _vehicle(row: Offer) -> int:
    """Return the number in `Photo`: the same for all adverts of one car, its own Id for the first (727 of 727)."""
    _, slash, name = (row.Photo or "").rpartition("/")
    number = name.removesuffix("_")
    known = slash and number != name and LISTING_ID.fullmatch(number) and int(number) <= _LARGEST
    return int(number if known else row.Id)


def _photo(photos: Sequence[_Photo]) -> str | None:
    """Return the front view (type 001), else the first in order; a row has up to four photos, none of them certain."""
    for photo in photos:
        if photo.type == "001":
            return photo.location
    return min(photos, key=_ordering).location if photos else None


_ordering = attrgetter("ordering")
read_row = RowReader(SearchRow, FORGIVABLE, stocked_car)
