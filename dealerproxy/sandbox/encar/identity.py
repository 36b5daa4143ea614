"""Values that are equal in all documents about a vehicle: its number, its plate, its seller, its past."""

from datetime import datetime
from typing import Final

from dealerproxy.sandbox.encar.cars import Car, chance

_VIN_LETTERS: Final = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
_MAKERS: Final = {
    "현대": "KMH", "제네시스": "KMT", "기아": "KNA", "쉐보레(GM대우)": "KLA", "르노코리아(삼성)": "KNM",
    "KG모빌리티(쌍용)": "KPT", "벤츠": "W1K", "BMW": "WBA", "아우디": "WAU", "폭스바겐": "WVW", "테슬라": "LRW",
    "BYD": "LGX", "볼보": "YV1", "도요타": "JTM", "쉐보레": "1GN", "르노": "VFA",
}  # fmt: skip
_CITIES: Final = {
    "경기": "수원시 권선구", "서울": "강서구", "대구": "동구", "부산": "사상구", "인천": "서구", "대전": "유성구",
    "광주": "서구", "전북": "전주시 덕진구", "경남": "창원시 의창구", "충남": "천안시", "울산": "북구",
    "충북": "청주시 흥덕구", "경북": "포항시 북구", "전남": "순천시", "강원": "원주시", "제주": "제주시", "세종": "",
}  # fmt: skip


def vin(car: Car) -> str | None:
    """The chassis number; private sellers and a few others do not show it."""
    rng = chance("vin", car)
    if car.is_private or rng.random() < 0.08:
        return None
    return _MAKERS.get(car.manufacturer, "ZZZ") + "".join(rng.choices(_VIN_LETTERS, k=14))


def plate(car: Car) -> str:
    """The whole number plate, which the site shows without a mask."""
    return car.plate or f"{chance('plate', car).randint(100, 399)}가0000"


def rented(car: Car) -> bool:
    """Whether the car was or is hired out."""
    return car.sell_type == "렌트" or chance("rented", car).random() < 0.05


def under_water(car: Car) -> bool:
    """Whether the car was ever flooded."""
    return chance("water", car).random() < 0.012


def written_off(car: Car) -> bool:
    """Whether an insurer ever wrote the car off."""
    return chance("loss", car).random() < 0.02


def address(car: Car) -> str:
    """Return the seller's place, as in the search row."""
    return f"{car.region} {_CITIES[car.region]}".strip() if car.region in _CITIES else ""


def user_id(car: Car) -> str:
    """The seller's account."""
    rng = chance("user", car)
    return f"{'private' if car.is_private else 'dealer'}{rng.randint(100_000, 999_999)}"


def stamp(moment: datetime) -> str:
    """A time as documents write it: Seoul time to the second, without a zone."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}"
