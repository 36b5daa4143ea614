"""Engine size and seats from a trim's name, and the trim's name in the site's English."""

import re
from typing import Final

from dealerproxy.sandbox.encar.cars import Car, chance

_LITRES: Final = re.compile(r"(?<![0-9])([0-9]\.[0-9])(?![0-9])")
_SEATS: Final = re.compile(r"([0-9]{1,2})인승")
# The site writes `2,5 Gasoline 2WD`, a comma for the dot, on some cars.
_ENGLISH: Final = {
    "가솔린": "Gasoline", "디젤": "Diesel", "플러그인": "Plug-in", "하이브리드": "Hybrid", "터보": "Turbo",
    "프리미엄": "Premium", "스포츠": "Sports", "쿠페": "Coupe", "콰트로": "Quattro", "4모션": "4Motion",
    "아방가르드": "Avantgarde", "익스클루시브": "Exclusive", "인스크립션": "Inscription", "모멘텀": "Momentum",
    "얼티메이트": "Ultimate", "리차지": "Recharge", "럭셔리": "Luxury", "롱레인지": "Long Range",
    "스탠다드": "Standard", "퍼포먼스": "Performance", "플레이드": "Plaid", "기본형": "Base", "플러스": "Plus",
    "프로": "Pro", "라이트": "Lite", "프라임": "Prime", "라인": "Line", "전동화": "Electrified",
    "수소전기": "Fuel Cell", "하이": "High", "컨트리": "Country",
    "렌터카": "Rent Car", "에디션": "Edition", "리미티드": "Limited", "패키지": "Package", "바이퓨얼": "Bi-fuel",
    "바이오": "Bio", "연료": "Fuel", "밴": "Van", "가솔린+LPG": "Gasoline+LPG", "누리": "Nuri", "한빛": "Hanbit",
    "한빛팩": "Hanbit Pack", "가온": "Gaon", "라온": "Raon", "프레스티지": "Prestige", "노블레스": "Noblesse",
    "시그니처": "Signature", "캘리그래피": "Calligraphy", "별하": "Byeolha", "셀렉션": "Selection",
}  # fmt: skip


def displacement(car: Car) -> int:
    """Return the displacement in cc; for a car without an engine an arbitrary number."""
    rng = chance("engine", car)
    if car.fuel in {"전기", "수소"}:
        return rng.choice((111, 167, 180, 230))
    litres = _LITRES.search(car.badge)
    return round(float(litres[1]) * 1000) - rng.choice((1, 3, 30)) if litres else rng.choice((1998, 1995, 2998))


def seats(car: Car) -> int | None:
    """Return the number of seats; None if the seller leaves it out."""
    said = _SEATS.search(car.badge)
    return int(said[1]) if said else chance("seats", car).choice((5, 5, 5, 5, 7, None))


def english(words: str, *, comma: bool = False) -> str:
    """A trim in English, word by word; a word the site would have no English for stays as it is."""
    translated = " ".join(_ENGLISH.get(word, _SEATS.sub(r"\1 Seats", word)) for word in words.split())
    return _LITRES.sub(lambda litres: litres[1].replace(".", ","), translated) if comma else translated
