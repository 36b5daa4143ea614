"""The inspection sheet of a vehicle, as in `/v1/readside/inspection/vehicle/{vehicleId}`.

Keys, their order and the types follow captured sheets. Not captured, so guessed: the keys of a photo-only sheet other
than `formats` and `images`, and the codes of tuning and flood (every sheet seen has those lists empty).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from dealerproxy.sandbox.encar.cars import Car, chance
from dealerproxy.sandbox.encar.identity import rented, stamp, under_water, vin, written_off
from dealerproxy.sandbox.encar.papers import Sheet
from dealerproxy.sandbox.encar.sheet_items import (
    COLOUR_TYPES,
    GUARANTY,
    ITEM_STATUSES,
    ITEMS,
    PANEL_STATUSES,
    PANELS,
    RECALL,
    REPAIRS,
    STATE,
    TRANSMISSIONS,
    USAGE,
    Item,
)

Json = dict[str, object]

_OUTSIDE: Final = [code for code, panel in PANELS.items() if not panel.is_frame]
_FRAME: Final = [code for code, panel in PANELS.items() if panel.is_frame]
# Occasional faults; oil leaks of gearbox, steering and brakes have the codes of water leaks.
_TROUBLES: Final = (
    ("s013", "4"), ("s013", "5"), ("s016", "4"), ("s023", "4"), ("s023", "5"), ("s027", "4"), ("s028", "5"),
    ("s004", "6"), ("s005", "7"), ("s006", "6"), ("s009", "4"), ("s010", "5"), ("s007", "8"), ("s014", "9"),
    ("s011", "8"), ("s021", "10"), ("s024", "10"), ("s030", "10"), ("s035", "10"), ("s036", "11"), ("s001", "10"),
)  # fmt: skip
_COMMENTS: Final = (
    None,
    None,
    "비금속 및 탈부착 가능 부품은 점검에서 제외됩니다.",
    "엔진 하부 미세누유 있음. 정비 후 출고합니다.",
    "앞범퍼 도색, 휠 흠집 있음.",
    "보험이력 있음 / 타이어 교체 필요",
)
# What inspectors write of what is not on the form: in part with words of people, in part a denial.
_GRAVE_COMMENTS: Final = (
    "조)리어도어 부분수리",
    "운)앞도어 교환, 조)뒤휀더 판금",
    "1. 무사고\n2. 침수, 전손 없음\n3. 하체 부식 있음",
    "미터기 교환 이력 있음. 홍길동 고객님 확인",
    "1.사고이력 있음 2.앞범퍼/뒤범퍼 도색",
    "엔진 누유 무 / 미션 미세누유 있음 / 임꺽정 점검",
)
_WRITTEN_OFF: Final = ("전손이력 있음. 앞범퍼 도색", "전손 처리 후 가상모터스에서 수리한 차량")
_FLOODED: Final = ("침수이력 있음", "실내 침수 흔적 있음, 시트 교체")
_MANUAL: Final = frozenset({"s0202", "s016", "s017", "s018", "s019"})
_HIGH_VOLTAGE: Final = frozenset({"S08", "s040", "s041", "s042"})
_NEW_PANEL: Final = ("P999", ("X",))
_NEW_ITEM: Final = ("s099", "1")
_NEW_STATUS: Final = ("s034", "99")
_NEW_WORD: Final = "확인 필요"


def formats(car: Car) -> list[str]:
    """Return the detail's formats of the sheet: `["TABLE"]`, `["IMAGE"]`, or `[]` when there is none."""
    found = sheet(car)
    return [] if found is None else [_format(found)]


def sheet(car: Car) -> Sheet | None:
    """The car's sheet, its own or an invented one. None: private sellers, and cars without `Inspection`."""
    if car.is_private or "Inspection" not in car.condition:
        return None
    return _invented(car) if car.sheet is None else car.sheet


def inspection(car: Car) -> Json | None:
    """The answer for a vehicle; None when it has no sheet."""
    found = sheet(car)
    if found is None:
        return None
    scan = found.form == "IMAGE"
    return {
        "vehicleId": int(car.vehicle_id),
        "formats": [_format(found)],
        "master": _master(car, found),
        "price": None,
        "inners": [] if scan else _inners(car, found),
        "outers": [] if scan else _outers(car, found),
        "images": _images(car) if scan or found.pictures else [],
        "etcs": [] if scan else _repairs(found),
        "directManagement": None,
        "inspectionSource": _source(car),
    }


def _format(found: Sheet) -> str:
    return "IMAGE" if found.form == "IMAGE" else "TABLE"


def _invented(car: Car) -> Sheet:
    rng = chance("sheet", car)
    form = rng.random()
    if form < 0.06:
        return Sheet(form="IMAGE" if form < 0.03 else "EMPTY")
    panels: list[str] = []
    dice = rng.random()
    if dice > 0.69:
        panels += rng.sample(_OUTSIDE, rng.choice((1, 1, 2, 3, 5, 9)))
    if dice > 0.9:
        panels += rng.sample(_FRAME, rng.choice((1, 1, 2, 4)))
    rng.shuffle(panels)
    touched = [(code, _damage(rng.random())) for code in panels]
    left_open = set(_left_open(car))
    likely = [trouble for trouble in _TROUBLES if trouble[0] not in left_open]
    items = rng.choices(likely, k=rng.choice((1, 1, 2, 3))) if rng.random() < 0.15 else []
    for share, panel, item in ((0.02, _NEW_PANEL, None), (0.02, None, _NEW_ITEM), (0.01, None, _NEW_STATUS)):
        if rng.random() < share:
            touched += [panel] if panel else []
            items += [item] if item else []
    two_only = bool(panels) and all(code in PANELS and PANELS[code].rank == "TWO" for code in panels)
    return Sheet(
        panels=tuple(touched),
        items=tuple(dict(items).items()),
        # Inspectors differ: some call a welded sill an accident, some do not call a bent member one.
        accident=True if two_only and rng.random() < 0.5 else False if rng.random() < 0.02 else None,
        usage=("1",) if rented(car) else ((rng.choice(("2", "3")),) if rng.random() < 0.02 else ()),
        recall=rng.random() < 0.6 if rng.random() < 0.06 else None,
        tuning=rng.random() < 0.02,
        waterlog=under_water(car),
        comments=_comments(car, rng.choice(_COMMENTS)),
        pictures=rng.random() < 0.3,
        has_detail=rng.random() > 0.03,
    )


def _comments(car: Car, usual: str | None) -> str | None:
    """Return what the inspector writes: of half of the losses something, of a few cars something grave."""
    rng = chance("comments", car)
    writes = rng.random()
    if written_off(car) and writes < 0.5:
        return rng.choice(_WRITTEN_OFF)
    if under_water(car) and writes < 0.5:
        return rng.choice(_FLOODED)
    return rng.choice(_GRAVE_COMMENTS) if writes > 0.95 else usual


def _damage(dice: float) -> tuple[str, ...]:
    """Return the statuses of a panel: replaced and welded are common, the rest is rare."""
    shares = (
        (0.60, ("X",)), (0.88, ("W",)), (0.93, ("X", "WC")), (0.95, ("A",)), (0.97, ("U",)), (0.98, ("C",)),
        (0.99, ("T",)),
    )  # fmt: skip
    return next((statuses for below, statuses in shares if dice < below), ("WC",))


def _master(car: Car, found: Sheet) -> Json:
    rng = chance("master", car)
    issued = car.modified - timedelta(days=rng.randint(2, 60), minutes=rng.randint(0, 500))
    places = [PANELS[code] for code, _ in found.panels if code in PANELS]
    frame, outside = any(panel.is_frame for panel in places), any(not panel.is_frame for panel in places)
    with_detail = found.has_detail and found.form != "IMAGE"
    return {
        "supplyNum": f"2026{rng.randint(10**6, 10**8)}",
        "accdient": frame if found.accident is None else found.accident,
        "simpleRepair": outside if found.simple_repair is None else found.simple_repair,
        "registrationDate": stamp(issued + timedelta(hours=30)),
        "detail": _detail(car, found, issued.date()) if with_detail else None,
    }


def _detail(car: Car, found: Sheet, issued: date) -> Json:
    rng = chance("sheet detail", car)
    valid = issued.replace(day=1)
    whole = vin(car) or ""
    electric = car.fuel in {"전기", "수소"}
    return {
        "recordNo": str(rng.randint(10**9, 10**10 - 1)),
        "modelYear": f"{car.form_year:<6}",
        "validityStartDate": f"{valid:%Y%m%d}",
        "validityEndDate": f"{valid + timedelta(days=729):%Y%m%d}",
        "firstRegistrationDate": f"{car.first_registered:%Y%m%d}",
        "transmissionType": _pair(TRANSMISSIONS[car.transmission])
        if car.transmission in TRANSMISSIONS and rng.random() < 0.9
        else None,
        "vin": whole[-6:] if rng.random() < 0.2 else whole,
        "guarantyType": _coded(GUARANTY, rng.choice("122")),
        "motorType": rng.choice(("3D1", "4D3", "EM17")) if electric else rng.choice(("G4KR", "D4HB", "G6DT", "B48")),
        "boardStateType": _coded(STATE, "1"),
        "mileage": max(0, car.mileage - rng.randint(0, 300)),
        "mileageStateType": None,
        "coout": "0" if electric else rng.choice(("0", "0.02", "0.07")),
        "hcout": "0" if electric else rng.choice(("0", "3", "21")),
        "smout": rng.choice(("0", "2", "11")) if car.fuel == "디젤" else None,
        "tuning": found.tuning,
        "tuningStateTypes": [{"code": "1", "title": "적법"}] if found.tuning else [],
        "seriousTypes": [{"code": "1", "title": "침수"}] if found.waterlog else [],
        "usageChangeTypes": [_coded(USAGE, code) for code in found.usage],
        "colorType": rng.choice((None, None, _coded(COLOUR_TYPES, "1"), _coded(COLOUR_TYPES, "2"))),
        "paintPartTypes": [],
        "mainOptionTypes": [],
        "recall": found.recall is not None,
        "recallFullFillTypes": [] if found.recall is None else [_coded(RECALL, "1" if found.recall else "2")],
        "comments": found.comments,
        "issueDate": f"{issued:%Y%m%d}",
        "inspName": "임꺽정",
        "noticeName": "홍길동",
        "carStateType": _coded(STATE, "1"),
        "engineCheck": "Y",
        "trnsCheck": "Y",
        "waterlog": found.waterlog,
        "performTester": None,
        "version": "V200922",
    }


def _inners(car: Car, found: Sheet) -> list[Json]:
    """The tree of checked items: groups, below them items, below headings more items."""
    said: dict[str, str | None] = dict(found.items)
    left_open = set(_left_open(car))
    groups: list[Json] = []
    group: list[Json] = []
    heading: list[Json] = []
    for item in _places(car, said):
        if item.depth == 0:
            group = []
            groups.append({"type": _pair((item.code, item.title)), "price": None, "children": group})
            continue
        healthy = None if not item.allowed or item.code in left_open or item.code == "s014" else item.allowed[0]
        line = _line(item, said.get(item.code, None if found.form == "EMPTY" else healthy))
        if item.depth == 1:
            heading = []
            group.append({**line, "children": heading})
        else:
            heading.append(line)
    return groups


def _places(car: Car, said: dict[str, str | None]) -> Iterator[Item]:
    """Yield the lines of a car's sheet; given items that no sheet has come at the end of the electrics."""
    known = {item.code for item in ITEMS}
    skipped = set() if car.is_green else set(_HIGH_VOLTAGE)
    if car.fuel != "디젤":
        skipped.add("s012")
    if car.transmission != "수동" and chance("form", car).random() < 0.6:
        skipped |= _MANUAL
    skipped -= said.keys()
    # A heading is present if any of its items is.
    skipped -= {"s0202"} if said.keys() & _MANUAL else set()
    skipped -= {"S08"} if said.keys() & _HIGH_VOLTAGE else set()
    for item in ITEMS:
        if item.code not in skipped:
            yield item
        if item.code == "s035":
            yield from (Item(code, _NEW_WORD, ("1", "10"), 1) for code in said if code not in known)


def _left_open(car: Car) -> Iterator[str]:
    """Yield the items that do not apply to a car; inspectors leave them unanswered."""
    yield "s018"
    if car.transmission == "수동":
        yield from ("s013", "s015")
    else:
        yield from ("s016", "s017", "s019", "s020")
    if car.fuel in {"전기", "수소"}:
        yield from ("s003", "s004", "s005", "s006", "s007")
    if not car.badge_group.endswith("4WD"):
        yield from ("s022", "s037")
    if chance("steering", car).random() < 0.7:
        yield from ("s025", "s039")


def _line(item: Item, status: str | None) -> Json:
    return {
        "type": _pair((item.code, item.title)),
        "statusType": None if status is None else _coded(ITEM_STATUSES, status),
        "statusItemTypes": [_coded(ITEM_STATUSES, code) for code in item.allowed],
        "description": None,
    }


def _outers(car: Car, found: Sheet) -> list[Json]:
    rows: list[Json] = []
    for code, statuses in found.panels:
        panel = PANELS.get(code)
        rows.append(
            {
                "type": _pair((code, panel.title if panel else _NEW_WORD)),
                "statusTypes": [_coded(PANEL_STATUSES, status) for status in statuses],
                "attributes": [f"RANK_{panel.rank if panel else 'ONE'}"],
            }
        )
    chance("outers", car).shuffle(rows)
    return rows


def _images(car: Car) -> list[Json]:
    path = f"/carsdata/cars/inspection/{car.vehicle_id}_photo"
    return [
        {"path": f"{path}Front.jpg", "type": "M1", "title": "앞면"},
        {"path": f"{path}Rear.jpg", "type": "M2", "title": "뒷면"},
    ]


def _repairs(found: Sheet) -> list[Json]:
    ticked = dict(found.repairs)
    return [
        {
            "type": _pair(("", group)),
            "children": [
                {
                    "type": _pair((code, title)),
                    "exists": True if code in ticked else None,
                    "statusTypes": [_pair((at, places[int(at) - 1])) for at in ticked.get(code, ())],
                    "statusItemTypes": [_pair((str(at), place)) for at, place in enumerate(places, 1)],
                }
                for code, title, places in lines
            ],
        }
        for group, lines in REPAIRS.items()
    ]


def _source(car: Car) -> Json:
    rng = chance("source", car)
    code = rng.choice(("PARTNERSHIP", "NORMAL", "DIRECT_INPUT"))
    booked = code != "DIRECT_INPUT"
    user = f"shop{rng.randint(1000, 9999)}"
    return {
        "code": code,
        "inspectionVersion": "V200623" if booked else None,
        "reservationId": rng.randint(3_000_000, 3_999_999) if booked else None,
        "registrantId": user,
        "updaterId": user,
    }


def _coded(words: dict[str, str], code: str) -> Json:
    return _pair((code, words.get(code, _NEW_WORD)))


def _pair(pair: tuple[str, str]) -> Json:
    return {"code": pair[0], "title": pair[1]}
