"""A car's document at `/v1/readside/vehicle/{id}`: one JSON document in sections.

Keys, their order, types and spelling follow captures of August 2026 and the fields new in September. Every number is
whole. Values that a search row also has (price, mileage, months, words, photos) are the same here. Not captured, so
guessed: the option codes of trucks, a lease's terms beyond the months and the fee.
"""

import random
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from dealerproxy.sandbox.encar.cars import Car, Load, chance
from dealerproxy.sandbox.encar.category import category
from dealerproxy.sandbox.encar.engine import displacement, seats
from dealerproxy.sandbox.encar.identity import address, plate, stamp, under_water, user_id, vin, written_off
from dealerproxy.sandbox.encar.inspections import formats
from dealerproxy.sandbox.encar.rows import photo_prefix
from dealerproxy.sandbox.encar.words import FUELS, OPTIONS

Json = dict[str, object]

# The sections of a document by their names in `include`.
SECTIONS: Final = {
    "ADVERTISEMENT": "advertisement",
    "CATEGORY": "category",
    "CONDITION": "condition",
    "CONTACT": "contact",
    "MANAGE": "manage",
    "OPTIONS": "options",
    "PHOTOS": "photos",
    "SPEC": "spec",
    "PARTNERSHIP": "partnership",
    "CONTENTS": "contents",
    "VIEW": "view",
}
_LEASE_TYPES: Final = {
    "운용리스": "OPERATING_LEASE",
    "금융리스": "FINANCING_LEASE",
    "렌트승계": "RENT_SUCCESSION",
    "장기렌트": "RENT_CAR",
}
_FUEL_CODES: Final = {fuel.value: fuel.code for fuel in FUELS}
_OPTION_CODES: Final = {option.value: option.code for option in OPTIONS}
# A truck's codes come from another dictionary with other meanings.
_TRUCK_OPTIONS: Final = ("001", "002", "003", "005", "010", "014")
_SELLER_WORDS: Final = ("무사고 완전 무결 차량입니다", "1인 신조, 비흡연 차량", "실매물 / 전국 탁송 가능", None)
_WRITTEN_OFF: Final = (
    "전손처리 후 완벽 수리, 주행 이상 없음",
    "보험 전손 차량 / 수출 추천",
    "침수 없음, 전손 이력 고지합니다",
)
_FLOODED: Final = "부분침수 차량입니다. 사고는 없습니다"
_THUMBNAILS: Final = (("011", "001"), ("012", "001"), ("013", "001"), ("014", "007"), ("025", "001"), ("026", "001"))
_UNDER_BODY: Final = ("", "_FRONT_LEFT", "_FRONT_RIGHT", "_REAR_RIGHT", "_REAR_LEFT")


def detail(car: Car, copies: Sequence[Car] = ()) -> Json:
    """The whole document of an advert; `copies` are the adverts that show the same car again."""
    shown_by = int(car.id) if car.is_copy else next((int(copy.id) for copy in copies), None)
    sections: Json = {
        "manage": _manage(car, shown_by),
        "category": category(car),
        "advertisement": _advertisement(car),
        "contact": _contact(car),
        "spec": _spec(car),
        "photos": _photos(car),
        "options": _options(car),
        "condition": _condition(car),
        "partnership": _partnership(car),
        "contents": _contents(car),
        "view": _view(car),
    }
    identity = {
        "vehicleId": int(car.vehicle_id),
        "vehicleType": car.vehicle_type,
        "vin": vin(car),
        "vehicleNo": plate(car),
    }
    # The order of the top-level keys is not the same in every answer.
    return identity | sections if chance("order", car).random() < 0.3 else sections | identity


def narrowed(document: Json, include: str) -> Json:
    """The document with only the sections an `include` names; the others are null."""
    named: Collection[str | None] = {SECTIONS.get(name.strip().upper()) for name in include.split(",")}
    hidden = [section for section in SECTIONS.values() if section not in named]
    return document | dict.fromkeys(hidden)


def diagnosis_mark(car: Car) -> int:
    """0, 1 or 2 by the row's `EncarDiagnosisP0` to `P2`; -1 without."""
    return next((int(mark[-1]) for mark in car.service_mark if mark.startswith("EncarDiagnosisP")), -1)


def _manage(car: Car, shown_by: int | None) -> Json:
    rng = chance("manage", car)
    registered = car.modified - timedelta(minutes=rng.randint(6_000, 150_000))
    return {
        "dummy": car.is_copy,
        "dummyVehicleId": shown_by,
        "reRegistered": rng.random() < 0.3,
        "webReserved": rng.random() < 0.9,
        "registDateTime": stamp(registered),
        "firstAdvertisedDateTime": stamp(registered + timedelta(minutes=rng.randint(5, 5_000))),
        "modifyDateTime": stamp(car.modified),
        "subscribeCount": rng.randint(0, 60),
        "viewCount": rng.randint(0, 4_000),
    }


def _advertisement(car: Car) -> Json:
    rng = chance("advertisement", car)
    under_body = _under_body(rng) if rng.random() < 0.15 else []
    passed = rng.random() < 0.1
    lease = car.lease
    terms = {"residualMonth": lease.month_rest, "monthlyFee": lease.month_price} if lease else {}
    deposit = lease.deposit if lease and rng.random() < 0.5 else None
    return {
        "type": car.vehicle_type,
        "price": car.price,
        "status": car.status,
        "warrantyStyleColor": rng.choice(("WHITE", "BLACK", "NONE", None)),
        "trust": list(car.trust),
        "hotMark": [int(mark) for mark in car.hotmarks],
        "oneLineText": car.ad_words or _confession(car) or rng.choice(_SELLER_WORDS),
        "salesStatus": car.sales_status,
        "directInspected": rng.random() < 0.1,
        "preVerified": rng.random() < 0.8,
        "extendWarranty": False,
        "deemedExtendWarranty": "ExtendWarranty" in car.trust,
        "homeService": "HomeService" in car.trust,
        "meetGo": "Meetgo" in car.trust,
        "encarCheck": False,
        "preDelivery": False,
        "leaseRentInfo": {**terms, "advancePrice": None, "depositPrice": deposit} if terms else None,
        "encarPassType": "Y" if passed else None,
        "encarPassCategoryType": "CLEAR" if passed else None,
        "underBodyPhotos": under_body,
        "hasUnderBodyPhoto": bool(under_body),
        "advertisementType": _LEASE_TYPES.get(lease.lease_type, "OPERATING_LEASE") if lease else "NORMAL",
        "diagnosisCar": diagnosis_mark(car) >= 0,
        "verification": {"version": None, "reportExists": rng.random() < 0.3, "reportVersion": None},
    }


def _confession(car: Car) -> str | None:
    """Return what some sellers write of a car that was written off or flooded."""
    rng = chance("confession", car)
    if rng.random() < 0.5:
        return None
    return rng.choice(_WRITTEN_OFF) if written_off(car) else _FLOODED if under_water(car) else None


def _under_body(rng: random.Random) -> list[Json]:
    folder = f"/diagnosis/evaluation/carphoto/car0/car{rng.randint(10, 99)}/insp"
    paths = [f"{folder}/{rng.getrandbits(64):016x}.{rng.choice(('jpg', 'jpg', 'heic'))}" for _ in _UNDER_BODY]
    return [
        {"photoType": f"UNDER_BODY{side}", "photoPath": path, "photoUrl": f"http://imgcar.encar.com{path}"}
        for side, path in zip(_UNDER_BODY, paths, strict=True)
    ]


def _contact(car: Car) -> Json:
    rng = chance("contact", car)
    kind = "CLIENT" if car.is_private else "REPEAT" if rng.random() < 0.03 else "DEALER"
    return {
        "userId": user_id(car),
        "userType": kind,
        "no": "050-0000-0000",
        "address": address(car),
        "contactType": "MOBILE",
        "isVerifyOwner": car.is_private,
        "isOwnerPartner": not car.is_private,
    }


def _spec(car: Car) -> Json:
    rng = chance("spec", car)
    truck: Json = {"horsePower": rng.randint(90, 420)} if car.vehicle_type == "TRUCK" else {}
    if car.load is not None:
        truck = _of_load(car.load)
    spec = {
        "type": car.vehicle_type,
        "mileage": car.mileage,
        "displacement": displacement(car),
        "transmissionName": car.transmission,
        "fuelCd": _FUEL_CODES.get(car.fuel, "999"),
        "fuelName": car.fuel,
        "colorName": car.colour,
        "customColor": rng.choice(("크리미 화이트 펄", "문라이트 블루")) if rng.random() < 0.1 else None,
        "seatCount": seats(car),
        "tradeType": None if car.is_private else rng.choice("DDDDDDBS"),
        "tradeOwnerType": "C" if rng.random() < 0.05 else None,
        "tradeCompanyName": None,
        "bodyName": car.category,
        **truck,
    }
    return {key: value for key, value in spec.items() if car.load is None or key not in {"bodyName", "tradeType"}}


def _of_load(load: Load) -> Json:
    """What only a truck has; reconstructed from typed models of public programs, as are its category's form keys."""
    boxed = load.form_detail != "카고(화물)트럭"
    return {
        "horsePower": load.horse_power,
        "use": load.use,
        "varaxis": None,
        "capacityStandardName": load.standard,
        "carryingBox": boxed,
        "carryingBoxBore": 2_860 if boxed else None,
        "carryingBoxHeight": 1_800 if boxed else None,
        "carryingBoxWidth": 1_630 if boxed else None,
    }


def _photos(car: Car) -> list[Json]:
    """The photos in no order; a car with a full row of photos has the usual slots, another only what its row has."""
    rng = chance("photos", car)
    slots = set(car.photo_slots)
    thumbnails: tuple[tuple[str, str], ...] = ()
    if len(slots) >= 4:
        slots |= {f"{slot:03d}" for slot in (*range(1, 11), *range(15, rng.randint(16, 25)))}
        slots |= {f"{slot:03d}" for slot in range(31, 37)} if rng.random() < 0.4 else set()
        thumbnails = _THUMBNAILS if rng.random() < 0.5 else ()
    photos = [(slot, slot, _photo_kind(int(slot))) for slot in sorted(slots)]
    if diagnosis_mark(car) == 2 and "001" in slots:
        photos = [("001", "027", "DIAG2") if photo[0] == "001" else photo for photo in photos]
        thumbnails = ()
    photos += [(code, repeated, "THUMBNAIL") for code, repeated in thumbnails]
    rng.shuffle(photos)
    # Three days before the last change, as the search row has it.
    updated = stamp(car.modified - timedelta(days=3))
    prefix = photo_prefix(car.vehicle_id)
    return [
        {
            "code": code,
            "path": f"{prefix}{number}.jpg",
            "type": kind,
            "updateDateTime": updated,
            "desc": "실제 촬영한 사진입니다" if rng.random() < 0.03 else None,
        }
        for code, number, kind in photos
    ]


def _photo_kind(slot: int) -> str:
    if slot <= 6 or 31 <= slot <= 33:
        return "OUTER"
    return "INNER" if slot <= 10 or 34 <= slot <= 36 else "OPTION"


def _options(car: Car) -> Json:
    rng = chance("options", car)
    truck = car.vehicle_type == "TRUCK"
    codes = _TRUCK_OPTIONS if truck else sorted(_OPTION_CODES[name] for name in car.options if name in _OPTION_CODES)
    return {
        "type": car.vehicle_type,
        "standard": list(codes),
        "etc": ["블랙박스 2채널"] if rng.random() < 0.2 else [],
        "choice": choice_codes(car),
        "tuning": ["001"] if rng.random() < 0.02 else [],
    }


class BatteryMarks(NamedTuple):
    """Whether the site knows a battery's data by its maker, and whether a tester measured it."""

    is_described: bool
    is_tested: bool


def battery_marks(car: Car) -> BatteryMarks:
    """What an advert says about the car's battery report; both False without a drive battery."""
    rng, electric = chance("battery", car), car.fuel == "전기"
    return BatteryMarks(electric and rng.random() < 0.5, electric and rng.random() < 0.2)


def choice_codes(car: Car) -> list[str]:
    """The codes of the factory packages on a car."""
    rng = chance("choice", car)
    codes = (
        str(rng.choice((rng.randint(1_001, 1_120), rng.randint(10_001, 10_020)))) for _ in range(rng.randint(0, 5))
    )
    return list(dict.fromkeys(codes))


def _condition(car: Car) -> Json:
    rng = chance("condition", car)
    seized = (rng.choice((0, 1, 3)), rng.choice((0, 1))) if rng.random() < 0.05 else (0, 0)
    known = rng.random() < 0.9
    return {
        "accident": {"recordView": "Record" in car.condition, "resumeView": "Resume" in car.condition},
        "inspection": {"formats": formats(car)},
        "seizing": {"seizingCount": seized[0] if known else None, "pledgeCount": seized[1] if known else None},
    }


def _partnership(car: Car) -> Json:
    rng = chance("partnership", car)
    company = {"companyId": rng.randint(1, 99), "originCompanyId": rng.randint(1, 99)} if car.lease else None
    rent = car.sell_type == "렌트"
    return {
        "brand": None,
        "testdrive": {"active": False},
        "dealer": None if car.is_private or rent else _dealer(car, rng),
        "isPartneredVehicle": not car.is_private,
        "certifiedBrand": None,
        "lease": None if rent else company,
        "rent": company if rent else None,
    }


def _dealer(car: Car, rng: random.Random) -> Json:
    centres = [
        {
            "code": f"{rng.randint(1, 250):03d}",
            "name": car.office,
            "major": at == 0,
            "telephoneNumber": "050-0000-0000",
            "address": address(car),
        }
        for at in range(rng.randint(0, 2))
    ]
    return {
        "userId": user_id(car),
        "name": car.dealer,
        "firm": {
            "code": str(rng.randint(1000, 9999)),
            "name": car.office,
            "diag2Partnered": diagnosis_mark(car) == 2,
            "diagnosisCenters": centres,
            "meetgoCenters": [],
        },
        "visitReservation": False,
    }


def _contents(car: Car) -> Json | None:
    rng = chance("contents", car)
    if rng.random() < 0.1:
        return None
    # Sellers write arbitrary text, marks included.
    text = rng.choice(
        ("사진과 동일한 실매물입니다.\n방문 전 연락 주세요.", "최저가 <할부 가능> & 보증 포함", "관리 상태 최상")
    )
    return {"text": text, "meetGoText": None}


def _view(car: Car) -> Json:
    rng = chance("view", car)
    battery = battery_marks(car)
    return {
        "encarDiagnosis": diagnosis_mark(car),
        "encarMeetGo": 0 if "EncarMeetgo" in car.service_mark else -1,
        "hasEvBatteryInfo": battery.is_described,
        "isBatteryPass": battery.is_tested,
        "isBatteryCompensable": False,
        "photoPlus": rng.choice((0, 1, 2)),
        "meetgoExpertAvailable": False,
        "meetgoCheckupAvailable": False,
        "meetgoVisitAvailable": False,
        "isSingleAd": False,
    }
