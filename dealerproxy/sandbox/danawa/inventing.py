"""Inventing cars of the Danawa list from a seed; `danawa_inventory.generate_danawa` puts them on offer."""

import random
import re
from dataclasses import replace
from itertools import cycle
from typing import Final

from dealerproxy.sandbox.danawa.cars import MARKS, Check, DanawaCar
from dealerproxy.sandbox.danawa.catalogue import BRANDS, GENERATIONS, SERIES, Brand, Generation, Series, Trim
from dealerproxy.sandbox.encar.cars import ADVERTISED, Car
from dealerproxy.sandbox.encar.words import COLOURS

FIRST_ID: Final = 3_000_000_000
FIRST_NEW_ID: Final = 7_000_000_000

_LAST_YEAR: Final = 2026
# Feeders besides M-Park; their names in links are unknown, so these are invented.
_OTHER_FEEDERS: Final = ("kukmincha", "autodanji")
# Oddities of a row or its car: one car in how many (a guess; each must occur), and the variants.
_ODDITIES: Final[tuple[tuple[int, tuple[dict[str, object], ...]], ...]] = (
    (50, tuple({"mark": mark} for mark in MARKS)),
    (50, tuple({"feeder": feeder} for feeder in _OTHER_FEEDERS)),
    (100, ({"at_feeder": False},)),
    (12, ({"colour": ""},)),
    (12, ({"check": None},)),
)
_ACCIDENTS: Final[tuple[dict[str, object], ...]] = (
    {"accident": True, "replaced": 3, "welded": 2, "own_damages": 2, "own_damage_cost": 4_812_000},
    {"repaired": True, "replaced": 1, "own_damages": 1, "own_damage_cost": 742_300},
    {"repaired": True, "welded": 1},
    {"use_changed": True, "owners_changed": 3, "seizures": 1, "mortgages": 1},
    {"other_damages": 1, "other_damage_cost": 1_120_450, "owners_changed": 1},
    {"flooded": True, "accident": True, "owners_changed": 2},
)
_LITRES: Final = re.compile(r"(?<![0-9])([0-9]\.[0-9])")
# Encar's words for fuels that the feeder has another word for.
_ENCAR_FUELS: Final = {"LPG(일반인 구입)": "LPG", "가솔린+LPG": "LPG+가솔린"}
# Models that Encar keeps in one group and the list in series of their own.
_OTHER_SERIES: Final = frozenset({"렉스턴 스포츠 칸", "제네시스 DH"})
_HIGHEST_PRICE: Final = 9_999
_NO_MILEAGE: Final = 999_999


def invent(rng: random.Random, number: int, generation: Generation, *, second: bool = False) -> DanawaCar:
    """An ordinary car of the generation: M-Park's, free, with an inspection; `second` names it in the second manner."""
    series, brand = generation.series, generation.series.brand
    trim = rng.choice(generation.trims)
    registered = rng.randint(generation.first_year, min(generation.last_year, _LAST_YEAR))
    age = _LAST_YEAR - registered
    mileage = max(8, round(rng.gauss(14_000 * age + 8_000, 9_000)))
    price = max(120, round(series.price * 0.88**age * rng.uniform(0.85, 1.15)))
    return DanawaCar(
        id=str(number),
        brand=brand.second if second else brand.label,
        brand_code=brand.code,
        series=series.name,
        series_code=series.code,
        model=generation.second if second else generation.words,
        model_code=generation.code,
        grade=trim.grade,
        detail=trim.detail,
        # About half of the cars carry the model year after that of their registration.
        year=min(_LAST_YEAR, registered + rng.randint(0, 1)),
        registered=registered * 100 + rng.randint(1, 9 if registered == _LAST_YEAR else 12),
        mileage=mileage,
        price=price if rng.random() < 0.4 else max(120, round(price / 10) * 10),
        body=series.body,
        fuel=trim.fuel,
        colour=rng.choices(COLOURS, [colour.share for colour in COLOURS])[0].value,
        plate=f"{rng.randint(100, 399)}{rng.choice('가나다라마')}{rng.randint(1000, 9999)}",
        cc=_displacement(trim),
        transmission="수동" if trim.fuel in {"가솔린", "디젤"} and rng.random() < 0.05 else "오토",
        check=_check(rng, number),
    )


def _displacement(trim: Trim) -> int:
    if trim.fuel in {"전기", "수소"}:
        return 0
    litres = _LITRES.search(trim.grade)
    return round(float(litres[1]) * 1000) - 2 if litres else 1998


def _check(rng: random.Random, number: int) -> Check:
    checked = Check(number=str(number % 10_000_000), date=f"2026-{rng.randint(1, 9):02}-{rng.randint(1, 28):02}")
    return replace(checked, **rng.choice(_ACCIDENTS)) if rng.random() < 0.3 else checked  # type: ignore[arg-type]


def with_oddities(rng: random.Random, cars: list[DanawaCar]) -> list[DanawaCar]:
    """Return the cars, some of them with oddities of real rows and answers, each variant in turn."""
    odd = list(cars)
    for one_in, variants in _ODDITIES:
        for at, change in zip(rng.sample(range(len(odd)), len(odd) // one_in), cycle(variants), strict=False):
            odd[at] = replace(odd[at], **change)  # type: ignore[arg-type]
    return odd


def twin(rng: random.Random, number: int, car: Car) -> DanawaCar | None:
    """The same car as this one of Encar's: make, model, model year, mileage and price agree.

    None for a car that Danawa's dealers would not show (leased, hidden, without a real price, a copy, not on offer),
    and for one of a model that the list has no words for.
    """
    shown = car.status == ADVERTISED and not car.hidden and not car.is_copy and car.sales_status is None
    series = _series_of(car)
    told = car.lease is None and 120 <= car.price < _HIGHEST_PRICE and car.mileage < _NO_MILEAGE
    if series is None or not shown or not told:
        return None
    generation = _nearest(series, car)
    fuel = _ENCAR_FUELS.get(car.fuel, car.fuel)
    trims = tuple(trim for trim in generation.trims if trim.fuel == fuel)
    alike = replace(generation, trims=trims or generation.trims)
    return replace(
        invent(rng, number, alike),
        year=int(car.form_year),
        registered=car.year,
        mileage=car.mileage,
        price=car.price,
        colour=car.colour,
        plate=car.plate,
        encar_id=car.id,
    )


def _series_of(car: Car) -> Series | None:
    wanted = (car.manufacturer, car.model_group)
    found = (series for series in SERIES for make in series.brand.encar if (make, series.encar) == wanted)
    return None if car.model in _OTHER_SERIES else next(found, None)


def _nearest(series: Series, car: Car) -> Generation:
    """Return the generation of the year, if possible one with the car's fuel."""
    fuel, year = _ENCAR_FUELS.get(car.fuel, car.fuel), car.year // 100

    def distance(generation: Generation) -> tuple[int, bool]:
        outside = max(generation.first_year - year, year - generation.last_year, 0)
        return outside, all(trim.fuel != fuel for trim in generation.trims)

    return min((generation for generation in GENERATIONS if generation.series == series), key=distance)


def fitting(rng: random.Random, wanted: dict[str, object]) -> Generation:
    """Return a generation of the catalogue with the wanted words, or a new one for words that it lacks."""
    asked: dict[str, str] = {name: str(wanted[name]) for name in ("brand", "series", "model") if name in wanted}
    known = [generation for generation in GENERATIONS if asked.items() <= _words(generation, asked).items()]
    if known:
        return rng.choice(known)
    label = asked.get("brand", "기타")
    brand = next((brand for brand in BRANDS if label in {brand.label, brand.second}), Brand(label, None, label, ()))
    series = Series(brand, asked.get("series", asked.get("model", "새 모델")), None, "SUV", 3000, 1, "")
    words = asked.get("model", series.name)
    return Generation(series, words, words, 2018, _LAST_YEAR, GENERATIONS[0].trims, None)


def _words(generation: Generation, asked: dict[str, str]) -> dict[str, str]:
    """Return the words that match a generation: its brand and its words in either style."""
    brand, brand_asked, model_asked = generation.series.brand, asked.get("brand"), asked.get("model")
    return {
        "brand": brand.second if brand_asked == brand.second else brand.label,
        "series": generation.series.name,
        "model": generation.second if model_asked == generation.second else generation.words,
    }
