"""Inventing cars from a seed, oddities of the real site included; `inventory.generate` puts them on offer."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from dealerproxy.sandbox.encar.cars import Car, Lease, chance
from dealerproxy.sandbox.encar.catalogue import GENERATIONS, Generation, Group, Make
from dealerproxy.sandbox.encar.identity import rented
from dealerproxy.sandbox.encar.words import COLOURS, OPTIONS, REGIONS

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
# Further oddities of real rows: how often (a guess; each must occur), and the variants.
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
_HIRED: Final = str.maketrans("가나다라마", "하허호하허")
FIRST_ID: Final = 40_000_000
FIRST_NEW_ID: Final = 44_000_000


def invent(rng: random.Random, number: int, generation: Generation) -> Car:
    """An ordinary car of the generation: outright sale, shown, real price."""
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


def with_oddities(rng: random.Random, car: Car) -> Car:
    """Return the car, sometimes with an oddity of real rows."""
    changes = _way_of_selling(rng, car.price)
    for share, variants in _ODDITIES:
        if rng.random() < share:
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


def copy(rng: random.Random, original: Car, numbers: Iterator[int]) -> Car:
    """Advertise a car again under its own id; in four of ten cases the original advert is not on offer."""
    vehicle_id = original.id if rng.random() < 0.6 else str(next(numbers))
    modified = original.modified - timedelta(minutes=rng.randint(0, 3 * 1440))
    return replace(original, id=str(next(numbers)), vehicle_id=vehicle_id, modified=modified)


def fitting(rng: random.Random, wanted: dict[str, object]) -> Generation:
    """Return a generation of the catalogue with the wanted words, or a new one for words that it lacks."""
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


def settled(car: Car, *, has_copies: bool) -> Car:
    """Return the car with its row and detail consistent: rental plates, trucks, private sellers, kinds of diagnosis."""
    changes: dict[str, object] = {}
    if rented(car):
        # The letter of a number plate says that a car is for hire.
        changes["plate"] = car.plate.translate(_HIRED)
    if car.category == "화물차" and chance("truck", car).random() < 0.7:
        changes["vehicle_type"] = "TRUCK"
    if car.is_private:
        # Only dealers advertise a car twice.
        private = {"condition": ("Record", "Resume"), "trust": (), "service_mark": (), "sales_status": None}
        changes |= {"separation": ("B",)} if has_copies else private
    elif car.service_mark:
        mark = chance("mark", car).choices(("P0", "P1", "P2"), (20, 65, 15))[0]
        changes["service_mark"] = ("EncarMeetgo", f"EncarDiagnosis{mark}")
    return replace(car, **changes) if changes else car  # type: ignore[arg-type]
