"""Encar's report on an electric car's battery (`/v1/readside/vehicle/ev-battery/{vehicleId}`).

Its parts are null for most cars, and for every car without a battery. Measured values were captured in 2026, but only
the keys of the maker's data. So a value of any other form than those below is null, and an unknown word is counted.
"""

import re
from collections.abc import Mapping
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from dealerproxy.contract.inspection import EvBattery
from dealerproxy.transport.errors import Drift
from dealerproxy.upstreams.caps import short_text
from dealerproxy.upstreams.values import code, decode, iso_date, measured, shown, tick
from dealerproxy.vocabulary import Vocabulary

TESTED, BY_MAKER = "ensolRawInfo", "jatoBatteryInfo"
# A tester can find a new battery a little above its nominal capacity.
MOST_HEALTH, MOST_KM_PER_KWH = 110, 20
# Words in catalogues for whether a car has a feature.
ANSWERS = {
    **dict.fromkeys(("Y", "O", "지원", "가능", "있음", "적용"), True),
    **dict.fromkeys(("N", "X", "미지원", "불가", "불가능", "없음", "미적용"), False),
}
_EFFICIENCY = re.compile(r"(\d{1,2}(?:\.\d{1,2})?)\s*km/kwh", re.ASCII | re.IGNORECASE)


class _Document(Struct, frozen=True):
    """The two parts that are read; a third, `encarComputedInfo`, was never seen filled."""

    ensolRawInfo: Any = UNSET
    jatoBatteryInfo: Any = UNSET


def read_battery(body: bytes, vocabulary: Vocabulary) -> EvBattery:
    """Read a battery report; all fields are null if it is empty. Raises Drift if both parts are missing."""
    document = decode(body, _Document)
    if isinstance(document.ensolRawInfo, UnsetType) and isinstance(document.jatoBatteryInfo, UnsetType):
        raise Drift(TESTED)
    tested, car = _part(_part(document.ensolRawInfo).get("summaryInfo")), _part(document.jatoBatteryInfo)
    health, efficiency = tested.get("soh"), car.get("compositeEfficiency")
    match = _EFFICIENCY.fullmatch(short_text(efficiency) or "")
    return EvBattery(
        health_percent=measured(health, most=MOST_HEALTH) or None,
        health_grade=code(tested.get("sohGrade")),
        tested_on=iso_date(tested.get("diagnosisCompletedDate")),
        battery_type=_words(car.get("batteryType"), vocabulary),
        control_system=_words(car.get("controlSystem"), vocabulary),
        thermal_management=_words(car.get("thermalManagementSystem"), vocabulary),
        over_the_air_updates=_answer(car.get("otaUpdateSystem"), vocabulary),
        vehicle_to_load=_answer(car.get("v2lSupport"), vocabulary),
        efficiency_km_per_kwh=measured(match[1] if match else efficiency, most=MOST_KM_PER_KWH) or None,
    )


def _part(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _words(value: object, vocabulary: Vocabulary) -> str | None:
    text = shown(value)
    return vocabulary.maker_words(text, "ev_battery") if text else None


def _answer(value: object, vocabulary: Vocabulary) -> bool | None:
    text = short_text(value)
    if text is None:
        return tick(value)
    answer = ANSWERS.get(text.strip().upper())
    if answer is None:
        vocabulary.missed("ev_battery", text)
    return answer
