"""One invented advert: everything the search, its detail page and its papers say about a car."""

import random
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Final, Literal

import msgspec

from dealerproxy.sandbox.encar.papers import Diagnosis, Record, Sheet

ADVERTISED: Final = "ADVERTISE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """What a lease or rent offer adds to a row: the kind, 만원 amounts and months."""

    lease_type: str  # 운용리스, 금융리스, 렌트승계, 장기렌트
    acceptance_charge: int
    month_price: int
    deposit: int
    residual_value: int
    month_rest: int
    month_total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a truck has beyond a car; the words are those of the truck index."""

    form: str
    form_detail: str
    capacity: str = "1톤"
    standard: str | None = None
    use: str | None = "자가용"
    horse_power: int = 133


@dataclass(frozen=True, slots=True, kw_only=True)
class Car:
    """One advert: what its search row shows, what is not on every row (colour, options, group, hidden), its papers.

    `year` is the month of first registration as YYYYMM, `price` is in 만원 (10,000 KRW), `mileage` in km.
    `vehicle_id` is the number in the photo path: another one than `id` makes the car a DUPLICATION.
    `modified` is Seoul time without an offset. `left_out` names row keys this car's row does not carry, although the
    search knows the value. `separation` `A` is a private seller.

    `status` is the status in the advert's detail: `ADVERTISE`, `SOLD`, `WAIT` or any other word; only the first is on
    offer. For any other the site's JSON is still returned if `lingers`, and its page always is. `condition` names the
    papers that exist, `sheet`, `record` and `diagnosis` are their contents (None: invented from the vehicle number).
    A car with a `load` stands in the truck index and not in that of cars.
    Raises ValueError for an id that is not eight digits.
    """

    id: str
    vehicle_id: str
    car_type: Literal["Y", "N"]
    manufacturer: str
    model_group: str
    model: str
    badge_group: str
    badge: str
    category: str
    colour: str
    fuel: str
    year: int
    form_year: str
    mileage: int
    price: int
    modified: Annotated[datetime, msgspec.Meta(tz=False)]
    region: str
    badge_detail: str | None = None
    seat_colour: str = "검정색"
    transmission: str = "오토"
    sell_type: str = "일반"
    lease: Lease | None = None
    sales_status: str | None = None
    hidden: bool = False
    options: frozenset[str] = frozenset()
    photo_slots: tuple[str, ...] = ("001", "003", "004", "007")
    separation: tuple[str, ...] = ("B",)
    trust: tuple[str, ...] = ("ExtendWarranty", "HomeService")
    service_mark: tuple[str, ...] = ("EncarMeetgo", "EncarDiagnosisP1")
    condition: tuple[str, ...] = ("Inspection", "Record", "Resume")
    buy_type: tuple[str, ...] = ("Delivery",)
    ad_types: tuple[str, ...] = ()
    hotmarks: tuple[str, ...] = ()
    ad_words: str | None = None
    home_service_verification: bool = True
    home_service_progress: str | None = None
    office: str = "가상모터스"
    dealer: str = "홍길동"
    plate: str = ""
    left_out: frozenset[str] = frozenset()
    status: str = ADVERTISED
    lingers: bool = False
    vehicle_type: Literal["CAR", "TRUCK"] = "CAR"
    load: Load | None = None
    sheet: Sheet | None = None
    record: Record | None = None
    diagnosis: Diagnosis | None = None

    def __post_init__(self) -> None:
        for number in (self.id, self.vehicle_id):
            if not (len(number) == 8 and number.isascii() and number.isdecimal()):
                raise ValueError(f"a car's id must be eight digits, not {number!r}")

    @property
    def copy_kind(self) -> str:
        """`ORIGINAL` or `DUPLICATION`: in all captured rows the latter goes with a foreign number in `Photo`."""
        return "DUPLICATION" if self.is_copy else "ORIGINAL"

    @property
    def is_green(self) -> bool:
        """Whether the site counts the car as eco-friendly: here every car with a motor or a fuel cell."""
        return "전기" in self.fuel or self.fuel == "수소"

    @property
    def is_copy(self) -> bool:
        """Whether this advert shows another advert's car."""
        return self.id != self.vehicle_id

    @property
    def is_private(self) -> bool:
        """Whether the seller is private."""
        return "A" in self.separation

    @property
    def first_registered(self) -> date:
        """The day of first registration, in the month `year` says."""
        return date(self.year // 100, self.year % 100, chance("first registration", self).randint(1, 28))


def chance(topic: str, car: Car) -> random.Random:
    """Return the random generator of one topic about a vehicle: the same for its copies, on every machine and day."""
    return random.Random(f"{topic} of {car.vehicle_id}")  # noqa: S311 - inventing cars, not secrets
