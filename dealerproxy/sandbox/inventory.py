"""The invented cars of the stand-in: everything the search knows about a car, and the list of cars that can change.

A seed gives the same cars on every machine and day: there is no wall clock, the last change of an invented car lies
in the weeks before `LAST_CHANGE`. The oddities of the real site are invented along: re-advertised copies, lease and
rent offers, cars under contract, placeholder prices, hidden rows, optional keys left out.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

import msgspec

from dealerproxy.sandbox.catalogue import GENERATIONS, Generation, Group, Make
from dealerproxy.sandbox.words import COLOURS, OPTIONS, REGIONS

LAST_CHANGE: Final = datetime(2026, 10, 1, 9, 0, 0)  # noqa: DTZ001 - Seoul time; rows.py writes the offset
LAST_MONTH: Final = 202609

_NOBODY: Final = Make("", "", "", "N")
_DRIVES: Final = ("4WD", "AWD", "4MATIC", "xDrive", "콰트로", "4모션")
_DETAILS: Final = {
    "Y": (
        None,
        None,
        "프레스티지",
        "노블레스",
        "시그니처",
        "익스클루시브",
        "캘리그래피",
        "(세부등급 없음)",
        "별하 셀렉션",
    ),
    "N": (None, None, None, "(세부등급 없음)", "AMG 라인", "프리미엄"),
}
# What else is odd about real rows: how often (a guess; what matters is that each occurs) and its variants.
_ODDITIES: Final[tuple[tuple[float, tuple[dict[str, object], ...]], ...]] = (
    (0.05, ({"hidden": True},)),
    (0.003, ({"mileage": 999_999},)),
    (0.01, ({"left_out": frozenset({"SellType"})},)),
    (0.02, ({"photo_slots": ("001",)}, {"photo_slots": ("001", "003")})),
    (0.2, ({"home_service_verification": False, "trust": (), "service_mark": ()},)),
    (0.02, ({"home_service_progress": "WAIT_CONSULTATION"},)),
    (0.1, ({"condition": ("Record",)}, {"condition": ("Inspection", "Record")}, {"condition": ()})),
    (0.2, ({"ad_types": ("A", "B", "E"), "ad_words": "무사고 1인 신조", "hotmarks": ("02", "17", "24")},)),
)
_FIRST_ID: Final = 40_000_000
_FIRST_NEW_ID: Final = 44_000_000


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
class Car:
    """One advert as the search knows it, with what is not on every row (colour, options, group, hidden).

    `year` is the month of first registration as YYYYMM, `price` is in 만원 (10,000 KRW), `mileage` in km.
    `vehicle_id` is the number in the photo path: another one than `id` makes the car a DUPLICATION.
    `modified` is Seoul time without an offset. `left_out` names row keys this car's row does not carry, although the
    search knows the value. Raises ValueError for an id that is not eight digits.
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

    def __post_init__(self) -> None:
        for number in (self.id, self.vehicle_id):
            if not (len(number) == 8 and number.isascii() and number.isdecimal()):
                raise ValueError(f"a car's id is eight digits, not {number!r}")

    @property
    def copy_kind(self) -> str:
        """`ORIGINAL` or `DUPLICATION`: in all captured rows the latter goes with a foreign number in `Photo`."""
        return "ORIGINAL" if self.id == self.vehicle_id else "DUPLICATION"

    @property
    def is_green(self) -> bool:
        """Whether the site counts the car as eco-friendly: here every car with a motor or a fuel cell."""
        return "전기" in self.fuel or self.fuel == "수소"


class Inventory:
    """The cars on offer, by id. Every change raises `version`, by which readers know their caches are old."""

    def __init__(self, cars: Iterable[Car] = (), *, seed: int = 0) -> None:
        self.version = 0
        self._cars = {car.id: car for car in cars}
        self._rng = random.Random(f"new cars of {seed}")  # noqa: S311 - inventing cars, not secrets
        self._made = 0

    def __len__(self) -> int:
        return len(self._cars)

    def __iter__(self) -> Iterator[Car]:
        return iter(self._cars.values())

    def by_id(self, car_id: str) -> Car | None:
        """The car with this advert id, or None."""
        return self._cars.get(car_id)

    def insert(self, car: Car) -> Car:
        """Put a car on offer (or replace the one with its id) and return it."""
        self._cars[car.id] = car
        self.version += 1
        return car

    def remove(self, car_id: str) -> bool:
        """Take a car off; False when there was none with this id."""
        found = self._cars.pop(car_id, None) is not None
        self.version += found
        return found

    def new_car(self, **overrides: object) -> Car:
        """Invent an ordinary car (outright sale, shown, real price) that is not on offer yet; newest of all.

        Overrides are fields of `Car`; the rest is invented to fit the given make, group and model where the
        catalogue has them. Raises TypeError for a name that is no field.
        """
        unknown = overrides.keys() - {field.name for field in fields(Car)}
        if unknown:
            raise TypeError(f"a car has no {', '.join(sorted(unknown))}")
        self._made += 1
        while str(_FIRST_NEW_ID + self._made) in self._cars:
            self._made += 1
        car = _invent(self._rng, _FIRST_NEW_ID + self._made, _fitting(self._rng, overrides))
        implied: dict[str, object] = {"modified": LAST_CHANGE + timedelta(seconds=self._made)}
        if "id" in overrides:
            implied["vehicle_id"] = overrides["id"]
        if "year" in overrides:
            implied["form_year"] = str(overrides["year"])[:4]
        return replace(car, **(implied | overrides))  # type: ignore[arg-type]


def generate(seed: int, size: int = 4000) -> Inventory:
    """Invent `size` cars from the seed: about one in seven a copy, each generation of the catalogue at least once."""
    rng = random.Random(seed)  # noqa: S311
    copies = size // 7
    numbers = iter(rng.sample(range(_FIRST_ID, _FIRST_NEW_ID), 2 * size))
    rest = max(0, size - copies - len(GENERATIONS))
    weights = [generation.group.weight for generation in GENERATIONS]
    chosen = [*GENERATIONS, *rng.choices(GENERATIONS, weights, k=rest)][: size - copies]
    cars = [_with_oddities(rng, _invent(rng, next(numbers), generation)) for generation in chosen]
    cars += [_copy(rng, rng.choice(cars), numbers) for _ in range(copies)]
    rng.shuffle(cars)
    return Inventory(cars, seed=seed)


def _invent(rng: random.Random, number: int, generation: Generation) -> Car:
    group = generation.group
    badge, fuel = rng.choice(generation.trims)
    year = rng.randint(generation.first_year, generation.last_year)
    month = rng.randint(1, LAST_MONTH % 100 if year == LAST_MONTH // 100 else 12)
    age = 2026 - year
    mileage = max(10, round(rng.gauss(14_000 * age + 8_000, 9_000)))
    price = max(90, group.price * 0.88**age * rng.uniform(0.85, 1.15))
    manual = fuel in {"가솔린", "디젤"} and rng.random() < 0.04
    equipment = rng.uniform(0.6, 1.3)
    return Car(
        id=str(number),
        vehicle_id=str(number),
        car_type="Y" if group.make.car_type == "Y" else "N",
        manufacturer=group.make.name,
        model_group=group.name,
        model=generation.name,
        badge_group=_badge_group(badge, fuel),
        badge=badge,
        badge_detail=rng.choice(_DETAILS[group.make.car_type]),
        category=group.category,
        colour=rng.choices(COLOURS, [colour.share for colour in COLOURS])[0].value,
        fuel=fuel,
        transmission="수동" if manual else rng.choices(("오토", "세미오토", "CVT", "기타"), (940, 20, 38, 2))[0],
        year=year * 100 + month,
        # The model year is that of the registration or one more, each for about half of the captured rows.
        form_year=str(year + rng.randint(0, 1)),
        # Sellers like round numbers, so there are many ties.
        mileage=mileage if rng.random() < 0.5 else max(1_000, round(mileage, -3)),
        price=round(price) if rng.random() < 0.3 else round(price / 10) * 10,
        modified=LAST_CHANGE - timedelta(seconds=rng.randint(0, 40 * 86_400) // 60 * 60),
        region=rng.choices(REGIONS, [region.share for region in REGIONS])[0].value,
        seat_colour=rng.choice(("검정색", "갈색", "연금색")),
        options=frozenset(option.value for option in OPTIONS if rng.random() < option.share * equipment),
        separation=("B",) if rng.random() < 0.97 else rng.choice((("A",), ("F",), ())),
        plate=f"{rng.randint(100, 399)}{rng.choice('가나다라마')}{rng.randint(1000, 9999)}",
    )


def _badge_group(badge: str, fuel: str) -> str:
    """The level above the badge: fuel and driven axles, as in `가솔린 4WD`."""
    drive = "4WD" if any(word in badge for word in _DRIVES) else "2WD"
    return f"{fuel.partition('(')[0]} {drive}"


def _with_oddities(rng: random.Random, car: Car) -> Car:
    """Give some cars what makes real rows awkward."""
    changes = _way_of_selling(rng, car.price)
    for chance, variants in _ODDITIES:
        if rng.random() < chance:
            changes |= rng.choice(variants)
    return replace(car, **changes) if changes else car  # type: ignore[arg-type]


def _way_of_selling(rng: random.Random, price: int) -> dict[str, object]:
    """What differs for the few cars that are leased, rented, under contract or without a real price."""
    dice = rng.random()
    if dice < 0.04:
        sell_type = rng.choice(("리스", "리스", "렌트"))
        return {"sell_type": sell_type, "lease": _lease(rng, sell_type, price)}
    if dice < 0.055:
        return {"sales_status": "CONTRACT"}
    if dice < 0.065:
        return {"sales_status": "CONTRACT", "price": 9_999}
    if dice < 0.075:
        return {"price": rng.choice((99_999, 999_999))}
    return {}


def _lease(rng: random.Random, sell_type: str, price: int) -> Lease:
    total = rng.choice((36, 48, 60))
    kinds = ("운용리스", "금융리스") if sell_type == "리스" else ("렌트승계", "장기렌트")
    return Lease(
        lease_type=rng.choice(kinds),
        acceptance_charge=rng.randint(0, price // 4),
        month_price=max(10, price // total),
        deposit=price // 5,
        residual_value=price // 2,
        month_rest=rng.randint(1, total),
        month_total=total,
    )


def _copy(rng: random.Random, original: Car, numbers: Iterator[int]) -> Car:
    """Advertise a car again under its own id; in four of ten cases the original advert is not on offer."""
    vehicle_id = original.id if rng.random() < 0.6 else str(next(numbers))
    modified = original.modified - timedelta(minutes=rng.randint(0, 3 * 1440))
    return replace(original, id=str(next(numbers)), vehicle_id=vehicle_id, modified=modified)


def _fitting(rng: random.Random, wanted: dict[str, object]) -> Generation:
    """A generation of the catalogue with the wanted words, or one made up for words the catalogue does not have."""
    asked = {name: str(wanted[name]) for name in ("manufacturer", "model_group", "model") if name in wanted}
    known = [
        generation
        for generation in GENERATIONS
        if asked.items()
        <= {
            "manufacturer": generation.group.make.name,
            "model_group": generation.group.name,
            "model": generation.name,
        }.items()
    ]
    if known:
        return rng.choice(known)
    makes = [g.group.make for g in GENERATIONS if g.group.make.name == asked.get("manufacturer")]
    group = Group(makes[0] if makes else _NOBODY, asked.get("model_group", "새 모델"), "", "", "SUV", 3000, 1)
    return Generation(group, asked.get("model", group.name), 2018, 2026, GENERATIONS[0].trims)
