"""The truck index of the stand-in: `GET /search/truck/list/{view}`, its axes, its rows, and invented trucks.

Reconstructed: no full answer of the real index was seen. Addresses, words and axes are those that public programs use
and print; the keys of rows are those that they read, in an order of our own. `general` rows lack fuel and gearbox,
which the other views have. A wrong word finds nothing, and so does an axis of the cars alone (CarType, ModelGroup,
SellType), with status 200; a name that nobody met is a plain 404, as in the index of cars. Facets (`inav`) are not
served: their shape is not known.
"""

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Final

from dealerproxy.sandbox.encar.axes import FACETS
from dealerproxy.sandbox.encar.cars import Car, Load
from dealerproxy.sandbox.encar.catalogue import Generation, Group, Make
from dealerproxy.sandbox.encar.inventing import FIRST_ID, invent
from dealerproxy.sandbox.encar.rows import Row, premium

_SHARED: Final = (
    *("Hidden", "Manufacturer", "Model", "Badge", "FuelType", "Transmission", "Color", "OfficeCityState"),
    *("Trust", "ServiceMark", "Condition", "Separation"),
)


def _load(read: Callable[[Load], str | None]) -> Callable[[Car], Collection[str]]:
    def values(car: Car) -> Collection[str]:
        value = None if car.load is None else read(car.load)
        return () if value is None else (value,)

    return values


def _nothing(_: Car) -> Collection[str]:
    return ()


TRUCK_FACETS: Final[dict[str, Callable[[Car], Collection[str]]]] = {
    **{name: FACETS[name] for name in _SHARED if name in FACETS},
    "Form": _load(lambda load: load.form),
    "FormDetail": _load(lambda load: load.form_detail),
    "Capacity": _load(lambda load: load.capacity),
    "Standard": _load(lambda load: load.standard),
    "Use": _load(lambda load: load.use),
    **dict.fromkeys(("CarType", "ModelGroup", "SellType", "BadgeDetail", "Options"), _nothing),
}
_FIRST_TRUCK: Final = 30_000_000
_CARS_ALONE: Final = ("BadgeDetail", "HomeServiceVerification", "HomeServiceProgress", "SellType", "BuyType")


def truck_row(car: Car) -> Row:
    """The truck as a row of the `premium` and `mobile` views."""
    load = car.load
    row = {key: value for key, value in premium(car).items() if key not in _CARS_ALONE}
    if load is None:
        return row
    own = {"FormDetail": load.form_detail, "Capacity": load.capacity, "Standard": load.standard, "Use": load.use}
    return row | {key: value for key, value in own.items() if value is not None and key not in car.left_out}


def general_row(car: Car) -> Row:
    """The truck as a row of the `general` view."""
    return {key: value for key, value in truck_row(car).items() if key not in {"FuelType", "Transmission"}}


TRUCK_VIEWS: Final[dict[str, Callable[[Car], Row]]] = {
    "premium": truck_row,
    "general": general_row,
    "mobile": truck_row,
    "direct": truck_row,
}


@dataclass(frozen=True, slots=True)
class _Model:
    maker: str
    name: str
    weight: int
    years: tuple[int, int]
    price: int
    badges: tuple[tuple[str, str], ...]
    loads: tuple[str, ...] = ("1톤",)
    bodies: tuple[tuple[str, str], ...] = ()


_BOX: Final = "윙바디/탑"
_CARGO: Final = ("카고(화물)트럭", "카고(화물)트럭")
_LIGHT: Final = (
    *(_CARGO,) * 6,
    ("카고(화물)트럭", "파워게이트"),
    *(
        (_BOX, detail)
        for detail in ("내장탑", "익스(하이)내장탑", "냉동탑", "윙바디", "냉장탑", "저상형 내장탑", "기타")
    ),
    ("덤프/건설/중기", "덤프"),
    ("캠핑카/캠핑 트레일러", "캠핑카"),
    ("활어차", "활어차"),
)
_PORTER: Final = (
    ("슈퍼캡 CRDI", "디젤"),
    ("슈퍼캡", "디젤"),
    ("일반캡 CRDI", "디젤"),
    ("더블캡", "디젤"),
    ("4WD 슈퍼캡", "디젤"),
    ("4WD 더블캡 LPG", "LPG(일반인 구입)"),
    ("슈퍼캡 LPG", "LPG(일반인 구입)"),
    ("슈퍼캡 일렉트릭(EV)", "전기"),
)
_BONGO: Final = (
    ("킹캡 CRDI", "디젤"),
    ("킹캡", "디젤"),
    ("표준캡 TCI", "디젤"),
    ("4WD 킹캡", "디젤"),
    ("킹캡 LPG", "LPG(일반인 구입)"),
    ("더블캡", "디젤"),
    ("킹캡 EV", "전기"),
)
_HEAVY: Final = (("6X4", "디젤"), ("8X4 후삼축", "디젤"), ("4X2", "디젤"))
_MODELS: Final = (
    _Model("현대", "포터 Ⅱ", 52, (2008, 2026), 1_900, _PORTER, bodies=_LIGHT),
    _Model("현대", "포터", 3, (1998, 2004), 500, (("슈퍼캡 TCI", "디젤"), ("일반캡", "디젤"))),
    _Model("현대", "뉴포터", 2, (2000, 2004), 500, (("터보인터쿨러 슈퍼캡", "디젤"), ("CRDI 슈퍼캡", "디젤"))),
    _Model("기아(아시아)", "봉고Ⅲ", 17, (2004, 2020), 1_600, _BONGO, ("1톤", "1.2톤", "1.4톤"), _LIGHT),
    _Model("기아(아시아)", "더 뉴 봉고Ⅲ", 19, (2020, 2026), 1_900, _BONGO, ("1톤", "1.2톤"), _LIGHT),
    _Model("기아(아시아)", "봉고프론티어", 2, (1998, 2004), 400, (("표준캡", "디젤"),)),
    _Model("현대", "마이티", 5, (2005, 2026), 4_500, (("와이드캡 GOLD", "디젤"),), ("2.5톤", "3.5톤"), _LIGHT),
    _Model("현대", "카운티", 3, (2008, 2026), 5_000, (("25인승", "디젤"),), ("기타",), (("버스", "버스"),)),
    _Model("현대", "쏠라티", 2, (2016, 2021), 4_500, (("럭셔리", "디젤"),), ("기타",), (("버스", "버스"),)),
    _Model("현대", "엑시언트", 2, (2014, 2026), 12_000, _HEAVY, ("25톤", "30 이상톤"), (("트렉터", "트렉터"), _CARGO)),
    _Model("타타대우", "프리마 덤프", 1, (2012, 2024), 9_000, _HEAVY, ("25.5톤",), (("덤프/건설/중기", "덤프"),)),
    _Model("스카니아", "트렉터", 1, (2012, 2025), 11_000, _HEAVY, ("기타",), (("트렉터", "트렉터"),)),
)


def invent_trucks(seed: int, count: int) -> list[Car]:
    """Invent trucks on offer; from a dozen on each model is among them."""
    rng = random.Random(f"trucks of {seed}")  # noqa: S311 - inventing trucks, not secrets
    models = [*_MODELS, *rng.choices(_MODELS, [model.weight for model in _MODELS], k=count)][:count]
    numbers = rng.sample(range(_FIRST_TRUCK, FIRST_ID), count)
    return [_truck(rng, number, model) for number, model in zip(numbers, models, strict=True)]


def _truck(rng: random.Random, number: int, model: _Model) -> Car:
    group = Group(Make(model.maker, "", "", "Y"), "", "", "", "화물차", model.price, 1)
    car = invent(rng, number, Generation(group, model.name, *model.years, model.badges))
    form, detail = rng.choice(model.bodies or (_CARGO,))
    gears = "오토" if car.fuel == "전기" or car.year > 201500 else "수동"
    return replace(
        car,
        badge_detail=None,
        transmission=rng.choice((gears, "수동", "오토")) if car.fuel != "전기" else gears,
        vehicle_type="TRUCK",
        load=Load(
            form=form,
            form_detail=detail,
            capacity=rng.choice(model.loads),
            standard=rng.choice(("초장축", "초장축", "장축", None)),
            use=rng.choice(("자가용", "자가용", "영업용")),
            horse_power=rng.choice((123, 133, 135, 184)),
        ),
        # What a row may lack, in some.
        left_out=frozenset(rng.choice(((), (), ("FormYear",), ("FuelType", "Transmission"), ("Capacity", "Badge")))),
        photo_slots=("001", "003", "004", "007"),
    )
