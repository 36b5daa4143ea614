"""The factory packages of a vehicle's trim, as in `/v1/readside/vehicles/car/{vehicleId}/options/choice`."""

from typing import Final

from dealerproxy.sandbox.encar.cars import Car, chance
from dealerproxy.sandbox.encar.details import Json, choice_codes

_NAMES: Final = (
    "파노라마 선루프",
    "프리미엄 사운드 시스템(12 스피커)",
    "드라이브 와이즈",
    "스마트 컨비니언스 패키지",
    "헤드업 디스플레이",
    "20인치 알로이 휠 & 타이어",
    "스노우 화이트 펄",
    "지어낸 패키지",  # no vocabulary has this one
)


def packages(car: Car) -> list[Json] | None:
    """All packages of the trim, those on the car among them; None for trucks, which have none."""
    if car.vehicle_type == "TRUCK":
        return None
    rng = chance("packages", car)
    others = (str(code) for code in rng.sample(range(1_200, 1_260), 3))
    return [
        {"optionCd": code, "optionName": rng.choice(_NAMES), "price": rng.randint(20, 300), "description": None}
        for code in sorted({*choice_codes(car), *others})
    ]
