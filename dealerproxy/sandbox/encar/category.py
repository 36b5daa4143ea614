"""The `category` of a detail document: the car's words and codes, its price when new, and its warranty.

Makes and model groups have the codes and English names of the site's facets; codes of models and trims are their
places in the catalogue.
"""

import random
from typing import Final

from dealerproxy.sandbox.encar.cars import Car, chance
from dealerproxy.sandbox.encar.catalogue import GENERATIONS, GROUPS, MAKES
from dealerproxy.sandbox.encar.engine import english

_NO_TRIM: Final = "(세부등급 없음)"
_MAKES: Final = {(make.name, make.car_type): make for make in MAKES}
_GROUPS: Final = {(group.make.name, group.make.car_type, group.name): group for group in GROUPS}
_MODELS: Final = {
    (group.make.name, group.make.car_type, group.name, model.name): (at, model)
    for group in GROUPS
    for at, model in enumerate((model for model in GENERATIONS if model.group == group), 1)
}


def category(car: Car) -> dict[str, object]:
    """The section; words the catalogue does not have get code 999."""
    rng = chance("category", car)
    make = _MAKES.get((car.manufacturer, car.car_type))
    group = _GROUPS.get((car.manufacturer, car.car_type, car.model_group))
    at, model = _MODELS.get((car.manufacturer, car.car_type, car.model_group, car.model), (999, None))
    badges = [badge for badge, _ in model.trims] if model else []
    trim = None if car.badge_detail in {None, _NO_TRIM} else car.badge_detail
    section = {
        "type": car.vehicle_type,
        "manufacturerCd": make.code if make else "999",
        "manufacturerName": car.manufacturer,
        "modelCd": f"{at:03d}",
        "modelName": car.model,
        "gradeCd": f"{badges.index(car.badge) + 1 if car.badge in badges else 99:03d}",
        "gradeName": car.badge,
        "gradeEnglishName": english(car.badge, comma=rng.random() < 0.1),
        "yearMonth": str(car.year),
        "formYear": car.form_year,
        "domestic": car.car_type == "Y",
        "importType": _import_type(car, rng),
        "originPrice": round((group.price if group else 3_000) * rng.uniform(0.95, 1.25)),
        "manufacturerEnglishName": make.eng_name if make else "Others",
        "modelGroupCd": group.code if group else "999",
        "modelGroupName": car.model_group,
        "modelGroupEnglishName": group.eng_name if group else car.model_group,
        "gradeDetailCd": f"{rng.randint(1, 9):03d}" if trim else None,
        "gradeDetailName": car.badge_detail,
        "gradeDetailEnglishName": english(trim) if trim else None,
        "jatoVehicleId": _jato(car, rng),
        "warranty": _warranty(car, rng),
    }
    if car.load is None:
        return section
    # A truck has a form and a load, and no model group, grade detail or price when new.
    absent = ("modelGroup", "gradeDetail", "originPrice", "jato", "warranty")
    kept = {key: value for key, value in section.items() if not key.startswith(absent)}
    return kept | {
        "formCd": "001",
        "formName": car.load.form,
        "formDetailCd": "001",
        "formDetailName": car.load.form_detail,
        "capacityCd": "001",
        "capacityName": car.load.capacity,
        "isSmallCapacity": car.load.capacity == "1톤",
        "specialManufacturerCd": None,
        "specialManufacturerName": None,
    }


def _import_type(car: Car, rng: random.Random) -> str:
    if car.car_type == "Y":
        return "NONE_IMPORT_TYPE"
    if "F" in car.separation:
        return "BRAND_IMPORT"
    return "REGULAR_IMPORT" if rng.random() < 0.9 else "NONE_IMPORT_TYPE"


def _jato(car: Car, rng: random.Random) -> int | None:
    """15 to 19 digits: a number, a day, and often a few more; most are past what a JavaScript number holds."""
    number, more = rng.randint(7_000_000, 8_999_999), rng.randint(1, 4)
    whole = f"{number}{car.first_registered:%Y%m%d}{rng.randint(0, 10**more - 1):0{more}d}"
    dice = rng.random()
    return None if dice < 0.1 else int(whole[:15] if dice < 0.3 else whole)


def _warranty(car: Car, rng: random.Random) -> dict[str, object]:
    own = car.car_type == "N" and rng.random() < 0.5
    months, mileage = (36, 60_000) if car.car_type == "Y" else (rng.choice((24, 60)), rng.choice((100_000, 9_999_999)))
    return {
        "userDefined": own,
        "companyName": f"{car.manufacturer} 서비스" if own else None,
        "bodyMonth": months,
        "bodyMileage": mileage,
        "transmissionMonth": 60,
        "transmissionMileage": rng.choice((100_000, 999_999)),
    }
