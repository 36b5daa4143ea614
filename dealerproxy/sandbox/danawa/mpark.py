"""The feeder M-Park's answer about one of its cars: `data.detailInfo` of its JSON, with one car or none.

Known from programs that read it are `demoNo`, `carNo`, `carName`, `demoAmt` (만원), `yymm`, `yyyy`, `startYearMonth`,
`km`, `carGas`, `carColor`, `numCc`, `carType`, `carAutoGbn`, `noAccident`, `modelDetailName`, `images`. No answer
of it was ever captured. So reconstructed are the kinds of these values (a fifth of the cars has its numbers as texts),
the words of `yymm` (those of the page: `22년09월(23년형)`), `carAutoGbn`, `carType` and `noAccident`; and wholly so,
names included, after the labels of its page:

* the inspection, absent with `checkNo` null: `checkDate`, `accident` (유, 무), `simpleRepair`, `usageChange`, `flood`
  (있음, 없음), `exchangeCnt`, `sheetMetalCnt`
* the history: `myDamageCnt`, `myDamageAmt`, `otherDamageCnt`, `otherDamageAmt` (won), `ownerChangeCnt`, `seizureCnt`,
  `mortgageCnt`
* `demoStatus`, only on a car that is not free: the mark of the list's row
"""

from typing import Final

from dealerproxy.sandbox.danawa.cars import MPARK, Check, DanawaCar

_PHOTOS: Final = "https://www.m-park.co.kr/AttEdit/CarPhoto/Middle"
_NUMBERS: Final = ("demoAmt", "yyyy", "km", "numCc")


def detail_info(car: DanawaCar | None) -> dict[str, object]:
    """Return the answer for a car; an empty list for None (unknown, gone, another feeder's)."""
    known = car is not None and car.feeder == MPARK and car.at_feeder
    return {"data": {"detailInfo": [_car(car)] if car is not None and known else []}}


def photos(car: DanawaCar) -> list[str]:
    """Return the addresses of the car's pictures at the feeder."""
    folder = car.id[-7:]
    return [f"{_PHOTOS}/{folder}/{folder}{car.id[:3]}R{shot}.jpg" for shot in range(1, 5)]


def _car(car: DanawaCar) -> dict[str, object]:
    said: dict[str, object] = {
        "demoNo": car.id,
        "carNo": car.plate,
        "carName": " ".join(car.name.split()),
        "modelDetailName": car.model,
        "demoAmt": car.price,
        "yymm": f"{car.registered // 100 % 100:02}년{car.registered % 100:02}월({car.year % 100:02}년형)",
        "yyyy": car.year,
        "startYearMonth": f"{car.registered // 100}/{car.registered % 100:02}",
        "km": car.mileage,
        "carGas": car.fuel,
        "carColor": car.colour,
        "numCc": car.cc,
        "carType": car.body,
        "carAutoGbn": car.transmission,
        "noAccident": _in_a_word(car.check),
        "images": photos(car),
        **_checked(car.check),
    }
    if int(car.id) % 5 == 0:
        said |= {name: str(said[name]) for name in _NUMBERS}
    return said | ({} if car.mark is None else {"demoStatus": car.mark})


def _in_a_word(check: Check | None) -> str:
    if check is None:
        return ""
    return "사고" if check.accident else "단순수리" if check.repaired else "무사고"


def _checked(check: Check | None) -> dict[str, object]:
    if check is None:
        return {"checkNo": None}
    return {
        "checkNo": check.number,
        "checkDate": check.date,
        "accident": "유" if check.accident else "무",
        "simpleRepair": _whether(check.repaired),
        "exchangeCnt": check.replaced,
        "sheetMetalCnt": check.welded,
        "usageChange": _whether(check.use_changed),
        "flood": _whether(check.flooded),
        "myDamageCnt": check.own_damages,
        "myDamageAmt": check.own_damage_cost,
        "otherDamageCnt": check.other_damages,
        "otherDamageAmt": check.other_damage_cost,
        "ownerChangeCnt": check.owners_changed,
        "seizureCnt": check.seizures,
        "mortgageCnt": check.mortgages,
    }


def _whether(fact: bool) -> str:
    return "있음" if fact else "없음"
