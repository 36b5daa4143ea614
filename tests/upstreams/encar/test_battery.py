"""A battery's report: what a tester measured and what the maker says, each null where it is not said."""

import re
from typing import Any

import msgspec
import orjson
import pytest

from dealerproxy import vocabulary as words
from dealerproxy.contract.inspection import EvBattery
from dealerproxy.transport.errors import Drift
from dealerproxy.upstreams.encar.battery import read_battery
from dealerproxy.vocabulary import Vocabulary

HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")
TESTED = {"soh": 93.9, "sohGrade": "SS", "diagnosisCompletedDate": "2026-07-15T14:34:47"}
BY_MAKER = {
    "batteryType": "리튬이온",
    "controlSystem": "BMS",
    "thermalManagementSystem": "수랭식",
    "otaUpdateSystem": "지원",
    "v2lSupport": "미지원",
    "compositeEfficiency": "5.1km/kWh",
}


def battery(vocabulary: Vocabulary, tested: Any = None, by_maker: Any = None) -> EvBattery:
    document = {"ensolRawInfo": tested, "jatoBatteryInfo": by_maker, "encarComputedInfo": None}
    return read_battery(orjson.dumps(document), vocabulary)


def test_a_full_report_is_in_english_with_units(vocabulary: Vocabulary) -> None:
    assert battery(vocabulary, {"summaryInfo": TESTED}, BY_MAKER) == EvBattery(
        health_percent=93.9,
        health_grade="SS",
        tested_on="2026-07-15",
        battery_type="Lithium-Ion",
        control_system="BMS",
        thermal_management="Liquid-Cooled",
        over_the_air_updates=True,
        vehicle_to_load=False,
        efficiency_km_per_kwh=5.1,
    )


def test_the_answer_for_a_car_without_a_battery_says_nothing(vocabulary: Vocabulary) -> None:
    body = b'{"ensolRawInfo":null,"jatoBatteryInfo":null,"encarComputedInfo":null}'
    assert read_battery(body, vocabulary) == EvBattery()


@pytest.mark.parametrize(
    ("soh", "percent"),
    [(95, 95.0), ("95.4", 95.4), (100.6, 100.6), (0, None), (-1, None), (939, None), (True, None), ("?", None)],
)
def test_health_is_a_plausible_share_or_null(vocabulary: Vocabulary, soh: object, percent: float | None) -> None:
    assert battery(vocabulary, {"summaryInfo": TESTED | {"soh": soh}}).health_percent == percent


@pytest.mark.parametrize(
    ("said", "figure"),
    [(5.1, 5.1), ("5.1", 5.1), ("5.1 km/kWh", 5.1), ("4.9KM/KWH", 4.9), (0, None), (180, None), ("185Wh/km", None)],
)
def test_efficiency_is_kilometres_a_kilowatt_hour_or_null(
    vocabulary: Vocabulary, said: object, figure: float | None
) -> None:
    assert battery(vocabulary, None, BY_MAKER | {"compositeEfficiency": said}).efficiency_km_per_kwh == figure


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        *((yes, True) for yes in (True, "Y", "y", "지원", "가능")),
        *((no, False) for no in (False, "N", "미지원", "없음")),
        *((None, None), ("", None), (1, None), ([], None), ("일부 지원", None), ("지어낸 말", None)),
    ],
)
def test_an_answer_of_any_other_form_is_not_known(vocabulary: Vocabulary, said: object, answer: bool | None) -> None:
    found = battery(vocabulary, None, BY_MAKER | {"otaUpdateSystem": said, "v2lSupport": said})
    assert (found.over_the_air_updates, found.vehicle_to_load) == (answer, answer)


@pytest.mark.parametrize(
    ("korean", "english"),
    [("리튬인산철", "Lithium Iron Phosphate"), ("NCM", "NCM"), ("지어낸 전지", None), ("<b>", None), (5, None)],
)
def test_words_are_shown_whole_in_english_or_not_at_all(
    vocabulary: Vocabulary, korean: object, english: str | None
) -> None:
    assert battery(vocabulary, None, BY_MAKER | {"batteryType": korean}).battery_type == english


def test_unknown_words_are_counted() -> None:
    fresh = words.load()
    battery(fresh, None, {"batteryType": "지어낸전지", "v2lSupport": "일부 지원"})
    assert fresh.untranslated == {("ev_battery", "지어낸전지"): 1, ("ev_battery", "일부 지원"): 1}


@pytest.mark.parametrize("part", [5, [], "x", {}, {"summaryInfo": None}, {"summaryInfo": [1]}])
def test_a_part_of_another_form_says_nothing(vocabulary: Vocabulary, part: object) -> None:
    assert battery(vocabulary, part, part) == EvBattery()


@pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b'{"other": 1}', b"<html>", b""])
def test_an_answer_without_its_parts_is_drift(vocabulary: Vocabulary, body: bytes) -> None:
    with pytest.raises(Drift):
        read_battery(body, vocabulary)


def test_nothing_korean_gets_in(vocabulary: Vocabulary) -> None:
    korean = dict.fromkeys((*TESTED, *BY_MAKER), "한글")
    assert not HANGUL.search(msgspec.json.encode(battery(vocabulary, {"summaryInfo": korean}, korean)).decode())
