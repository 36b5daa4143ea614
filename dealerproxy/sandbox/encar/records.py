"""The insurance record and the diagnosis of a vehicle, as in `/v1/readside/record/…/open` and `/diagnosis/…`.

Keys, their order and the types follow the captures. A claim of unknown cost has 1 won as its benefit and its parts;
which other numbers the site sets to 1 is not captured.
"""

import random
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

from dealerproxy.sandbox.encar.cars import Car, chance
from dealerproxy.sandbox.encar.engine import displacement
from dealerproxy.sandbox.encar.identity import plate, rented, stamp, under_water, written_off
from dealerproxy.sandbox.encar.inspections import sheet
from dealerproxy.sandbox.encar.papers import Accident, Diagnosis, Record

Json = dict[str, object]

OWN_CAR: Final = frozenset({"1", "2"})
# The insurers' words for fuels are not the site's.
_FUELS: Final = {
    "가솔린+전기": "하이브리드", "디젤+전기": "하이브리드", "LPG+전기": "하이브리드", "LPG(일반인 구입)": "가스",
    "가솔린+LPG": "가스", "CNG": "가스",
}  # fmt: skip
_MAKERS: Final = {"르노코리아(삼성)": "삼성", "쉐보레(GM대우)": "쉐보레", "KG모빌리티(쌍용)": "쌍용"}
_SHAPES: Final = {"SUV": "SUV", "RV": "RV", "화물차": "픽업", "승합차": "승합"}

# Code and name of what a diagnosis looks at, and the panel of the inspection sheet it is.
_DIAGNOSED: Final = (
    ("006003", "FRONT_DOOR_LEFT", "P031", "앞문(좌)"),
    ("006006", "BACK_DOOR_LEFT", "P033", "뒷문(좌)"),
    ("006009", "TRUNK_LID", "P041", "트렁크"),
    ("006018", "BACK_DOOR_RIGHT", "P034", "뒷문(우)"),
    ("006023", "FRONT_DOOR_RIGHT", "P032", "앞문(우)"),
    ("006026", "HOOD", "P011", "후드"),
    ("006027", "FRONT_FENDER_RIGHT", "P022", "앞펜더(우)"),
    ("006033", "FRONT_FENDER_LEFT", "P021", "앞펜더(좌)"),
)


def record(car: Car) -> Json | None:
    """The insurers' record; None when the seller does not show it (no `Record` in the car's `condition`)."""
    if "Record" not in car.condition:
        return None
    said = _invented(car) if car.record is None else car.record
    rng = chance("record", car)
    mine = [accident for accident in said.accidents if accident.kind in OWN_CAR]
    others = [accident for accident in said.accidents if accident.kind not in OWN_CAR]
    uninsured = (*said.uninsured[:5], *(None,) * 5)
    return {
        "openData": True,
        "regDate": f"{stamp(car.modified - timedelta(hours=rng.randint(1, 200)))}.{rng.randint(10_000, 999_999)}",
        "carNo": plate(car),
        "year": car.form_year,
        "maker": _MAKERS.get(car.manufacturer, car.manufacturer) if rng.random() < 0.95 else None,
        "carKind": "1",
        "use": "1" if said.government else "3" if car.sell_type == "렌트" else "2",
        "displacement": str(displacement(car)),
        "carName": None,
        "firstDate": f"{car.first_registered}",
        "fuel": _FUELS.get(car.fuel, car.fuel),
        "carShape": _SHAPES.get(car.category, "세단 4도어"),
        "model": car.model if rng.random() < 0.95 else None,
        "transmission": None,
        "carNameCode": None,
        "myAccidentCnt": len(mine),
        "otherAccidentCnt": len(others),
        "ownerChangeCnt": len(said.owner_changes),
        "robberCnt": int(said.stolen is not None),
        "robberDate": said.stolen,
        "totalLossCnt": int(said.total_loss is not None),
        "totalLossDate": said.total_loss,
        "floodTotalLossCnt": int(said.flood is not None and not said.flood_in_part),
        "floodPartLossCnt": 1 if said.flood is not None and said.flood_in_part else None,
        "floodDate": said.flood,
        "government": int(said.government),
        "business": int(said.business),
        "loan": int(said.rental),
        "carNoChangeCnt": len(said.plate_changes),
        "myAccidentCost": sum(accident.cost for accident in mine),
        "otherAccidentCost": sum(accident.cost for accident in others),
        "carInfoChanges": [
            {"date": day, "carNo": f"{rng.randint(10, 99)}{rng.choice('거너소호')}XXXX"}
            for day in (*said.plate_changes, f"{car.first_registered}")
        ],
        "carInfoUse1s": ["3", "2"] if said.rental or said.business else ["2"],
        "carInfoUse2s": ["4", "1"] if said.rental else ["1"],
        "ownerChanges": list(said.owner_changes),
        **{f"notJoinDate{at}": uninsured[at - 1] for at in range(1, 6)},
        "accidentCnt": len(said.accidents),
        "accidents": [_claim(rng, accident) for accident in said.accidents],
    }


def diagnosis(car: Car) -> Json | None:
    """The site's diagnosis: of cars that carry one, and of most of those marked `EncarDiagnosisP0`.

    For the marks P1 and P2, which most rows have, the site returned 404.
    """
    rng = chance("diagnosis", car)
    found = car.diagnosis
    if found is None:
        if "EncarDiagnosisP0" not in car.service_mark or rng.random() < 0.05:
            return None
        found = _second_opinion(rng, car)
    when = car.modified - timedelta(days=rng.randint(3, 40))
    return {
        "vehicleId": int(car.vehicle_id),
        "diagnosisDate": f"{when:%Y-%m-%d}T00:00:00",
        "diagnosisNo": rng.randint(1, 9999),
        "realDiagnosisDate": stamp(when),
        "ordNo": rng.randint(20_000_000, 29_999_999),
        "centerCode": f"{rng.randint(1, 250):03d}",
        "reservationCenterName": rng.choice(("수원 권선", "서울 강서", "대구 동구", "부산 사상")),
        "items": _diagnosed(found),
    }


def _invented(car: Car) -> Record:
    rng = chance("insurance", car)
    first, last = car.first_registered, (car.modified - timedelta(days=10)).date()
    accidents = [_accident(rng, day) for day in _days(rng, first, last, rng.choice((0, 0, 0, 0, 0, 1, 1, 2, 4)))]
    owners = _days(rng, first, last, rng.choice((0, 0, 1, 1, 2, 4)))
    gap = rng.random() < 0.3
    return Record(
        accidents=tuple(accidents),
        owner_changes=tuple(owners),
        total_loss=next(iter(_days(rng, first, last, 1)), None) if written_off(car) else None,
        flood=next(iter(_days(rng, first, last, 1)), None) if under_water(car) else None,
        flood_in_part=chance("part", car).random() < 0.4,
        stolen=next(iter(_days(rng, first, last, 1)), None) if rng.random() < 0.01 else None,
        government=rng.random() < 0.01,
        business=rng.random() < 0.02,
        rental=rented(car),
        plate_changes=tuple(owners[:1]) if rng.random() < 0.4 else (),
        uninsured=(f"{first:%Y%m}~{min(first + timedelta(days=rng.randint(31, 400)), last):%Y%m}",) if gap else (),
    )


def _accident(rng: random.Random, day: str) -> Accident:
    kind = rng.choice("12233")
    if rng.random() < 0.1:
        return Accident(kind=kind, date=day, cost=1, benefit=1)
    cost = round(rng.lognormvariate(13.8, 0.8), -1)
    cost = max(50_000, int(cost))
    return Accident(kind=kind, date=day, cost=cost, benefit=int(cost * rng.uniform(0.9, 1.3)) // 10 * 10)


def _claim(rng: random.Random, accident: Accident) -> Json:
    part = accident.cost * rng.randint(0, 6) // 10 if accident.cost > 1 else accident.cost
    labour = (accident.cost - part) // 2
    return {
        "type": accident.kind,
        "date": accident.date,
        "insuranceBenefit": accident.benefit,
        "partCost": part,
        "laborCost": labour,
        "paintingCost": accident.cost - part - labour,
    }


def _days(rng: random.Random, first: date, last: date, count: int) -> list[str]:
    """Return `count` days between two, newest first; none if there is no day between them."""
    span = (last - first).days
    days = [first + timedelta(days=rng.randint(1, span)) for _ in range(count)] if span > 0 else []
    return [f"{day}" for day in sorted(days, reverse=True)]


def _second_opinion(rng: random.Random, car: Car) -> Diagnosis:
    """Return the panels that the inspection sheet calls replaced, with an occasional difference."""
    on_sheet = sheet(car)
    replaced = {code for code, statuses in on_sheet.panels if "X" in statuses} if on_sheet else set[str]()
    if rng.random() < 0.05:
        replaced ^= {rng.choice(_DIAGNOSED)[2]}
    return Diagnosis(replaced=tuple(name for _, name, panel, _ in _DIAGNOSED if panel in replaced))


def _diagnosed(found: Diagnosis) -> list[Json]:
    known = {name for _, name, _, _ in _DIAGNOSED}
    looked_at = [*((code, name) for code, name, _, _ in _DIAGNOSED), *_unknown(set(found.replaced) - known)]
    panels = [_verdict(code, name, replaced=name in found.replaced) for code, name in looked_at]
    words = " ".join(word for _, name, _, word in _DIAGNOSED if name in found.replaced)
    outcome = f"외부패널부의 {words}가 교환되었으며" if words else "외부패널의 교환이 없으며"
    comments = (
        (
            "006039",
            "CHECKER_COMMENT",
            f"본 차량은 진단 결과 {outcome}, 프레임(주요 골격) 부위는 정상으로 확인되었습니다.",
        ),
        (
            "006040",
            "OUTER_PANEL_COMMENT",
            f"외부패널 확인 결과 {words or '모든 항목이 정상'}\n판금 및 도장은 표기치 않음",
        ),
    )
    return panels + [{"code": code, "name": name, "result": text, "resultCode": None} for code, name, text in comments]


def _unknown(names: Iterable[str]) -> list[tuple[str, str]]:
    return [(f"0069{at:02d}", name) for at, name in enumerate(sorted(names))]


def _verdict(code: str, name: str, *, replaced: bool) -> Json:
    result, result_code = ("교환", "REPLACEMENT") if replaced else ("정상", "NORMAL")
    return {"code": code, "name": name, "result": result, "resultCode": result_code}
