"""The feeder's answer about one car: what it becomes, when it drifts, and every car of the stand-in."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from dealerproxy.contract.inspection import DealerInspection, InspectionReport, Record
from dealerproxy.sandbox.danawa.cars import MARKS, DanawaCar
from dealerproxy.sandbox.danawa.inventory import generate_danawa
from dealerproxy.sandbox.danawa.mpark import detail_info, photos
from dealerproxy.transport.errors import Drift
from dealerproxy.upstreams.danawa.feeder import (
    PLACE,
    STATUSES,
    Advert,
    normalise,
    read_advert,
    read_inspection,
    read_record,
)
from dealerproxy.upstreams.danawa.listing import ListRow
from dealerproxy.upstreams.danawa.names import as_shown
from dealerproxy.upstreams.danawa.names import normalise as normalise_row
from dealerproxy.vehicles.advert_facts import AdvertFacts
from dealerproxy.vehicles.car import Car, Documents, SaleStatus
from dealerproxy.vehicles.listing import Listing
from dealerproxy.vehicles.render import detail
from dealerproxy.vocabulary import Vocabulary, load
from dealerproxy.vocabulary.files import read_file

CAPTURES = Path(__file__).parents[2] / "captures"
TRANSLATIONS = Path(__file__).parents[3] / "translations"
HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")
LOADED = load()
ID = "6100000001"
FUELS = {
    "가솔린": "gasoline",
    "디젤": "diesel",
    "LPG": "lpg",
    "가솔린+전기": "gasoline_hybrid",
    "LPG+가솔린": None,
    "전기": "electric",
    "수소": "hydrogen",
}
NO_PRICES: tuple[Any, ...] = (..., None, "상담", "", "1,23", -1, True, [], "33,900,000원")
NO_MILEAGES: tuple[Any, ...] = (..., None, "-", "12,34km", -5, False, {}, 10**400, "9" * 99)
NO_YEARS: tuple[Any, ...] = (..., None, "", 22, 20230, "x", 2023.5, [2023])


def body(name: str = "checked", **changes: Any) -> bytes:
    """A fixture's answer with keys of its car changed; `...` takes a key away."""
    found = orjson.loads((CAPTURES / f"danawa_feeder_{name}" / "body.json").read_bytes())["data"]["detailInfo"]
    kept = [{key: value for key, value in (one | changes).items() if value is not ...} for one in found]
    return json.dumps({"data": {"detailInfo": kept}}).encode()  # orjson takes no integers of any size


def advert(name: str = "checked", listing_id: str = ID, **changes: Any) -> Advert:
    found = read_advert(body(name, **changes), listing_id)
    assert isinstance(found, Advert)
    return found


def car(vocabulary: Vocabulary = LOADED, /, **changes: Any) -> Car:
    return normalise(advert(**changes), ID, vocabulary)


def report(vocabulary: Vocabulary = LOADED, /, **changes: Any) -> InspectionReport:
    found = read_inspection(advert(**changes), vocabulary)
    assert found is not None
    return found


def test_an_answer_becomes_a_car_with_every_field() -> None:
    assert msgspec.to_builtins(car()) == {
        "upstream": "danawa",
        "listing_id": ID,
        "vehicle_id": ID,
        "make": "Kia",
        "model": "Sorento",
        "trim": "2.2 Diesel 4WD Prestige (The New, MQ4)",
        "year": 2023,
        "registered": 202209,
        "mileage_km": 41_250,
        "price_krw": 33_900_000,
        "under_contract": False,
        "fuel": "diesel",
        "transmission": "auto",
        "colour": "Dark Gray",
        "engine_cc": 2151,
        "drivetrain": "4WD",
        "body": "suv",
        "options": (),
        "photos": tuple(
            {"url": f"https://www.m-park.co.kr/AttEdit/CarPhoto/Middle/0000001/0000001610R{shot}.jpg", "tag": None}
            for shot in (1, 2)
        ),
        "vin": None,
        "license_plate": "123가4567",
        "url": f"https://auto.danawa.com/usedcar/loadingBridge.php?refer=usedcarList&sCompany=mpark&sDemoNo={ID}",
        "seller_type": None,
        "region": None,
        "model_korean": "더 뉴쏘렌토(MQ4) 2.2 디젤 4WD 프레스티지",
        "trim_korean": "2.2 디젤 4WD 프레스티지",
        "record_is_private": False,
        "has_no_sheet": False,
        "seizures": 0,
        "pledges": 1,
        "month_known": True,
        "generation": "The New, MQ4",
        "truck": None,
        "seller_mentions": (),
        "facts": msgspec.to_builtins(AdvertFacts()),
    }


@pytest.mark.parametrize(
    ("count", "told"),
    [
        *((0, 0), ("0회", 0), (2, 2), ("2", 2), ("2회", 2), (1.0, 1)),
        *((..., None), (None, None), ("", None), ("x", None), (-1, None), (True, None), ([], None)),
    ],
)
def test_seizures_and_mortgages_are_the_cars_liens(count: Any, told: int | None) -> None:
    found = car(seizureCnt=count, mortgageCnt=0)
    assert (found.seizures, found.pledges) == (told, 0)
    found = car(seizureCnt=0, mortgageCnt=count)
    assert (found.seizures, found.pledges) == (0, told)


def test_numbers_may_be_texts_and_pictures_objects() -> None:
    found = normalise(advert("unchecked", "6100000002"), "6100000002", LOADED)
    assert (found.price_krw, found.mileage_km, found.engine_cc) == (42_500_000, 58_031, 1998)
    assert (found.year, found.registered, found.month_known) == (2021, 202011, True)
    assert (found.fuel, found.transmission, found.colour) == ("plug_in_hybrid", "auto", None)
    assert [photo.url for photo in found.photos] == [
        "https://www.m-park.co.kr/AttEdit/CarPhoto/Middle/0000002/0000002610R1.jpg"
    ]


def test_the_address_of_the_list_leads_to_the_car() -> None:
    found = normalise(advert(), ID, LOADED, URL("http://127.0.0.1:9"))
    assert found.url == f"http://127.0.0.1:9/usedcar/loadingBridge.php?refer=usedcarList&sCompany=mpark&sDemoNo={ID}"


class TestWhetherItCanBeBought:
    def test_an_empty_list_is_a_car_that_is_gone(self) -> None:
        assert read_advert(body("none"), ID) is SaleStatus.GONE

    def test_a_car_marked_sold_is_never_live(self) -> None:
        assert read_advert(body("sold"), "6100000003") is SaleStatus.SOLD

    @pytest.mark.parametrize(("word", "verdict"), [*STATUSES.items(), ("계약 중", SaleStatus.WAITING)])
    def test_a_mark_says_why_the_car_cannot_be_bought(self, word: str, verdict: SaleStatus) -> None:
        assert read_advert(body(demoStatus=word), ID) is verdict

    def test_every_mark_of_the_stand_in_has_a_meaning(self) -> None:
        assert set(MARKS) == STATUSES.keys()

    @pytest.mark.parametrize("nothing", [None, "", " "])
    def test_without_a_mark_the_car_is_on_sale(self, nothing: object) -> None:
        assert advert(demoStatus=nothing).carName

    @pytest.mark.parametrize("mark", ["상담중", "SOLD", 0, 1, False, ["판매완료"], {}])
    def test_a_mark_nobody_knows_is_drift_never_an_offer(self, mark: object) -> None:
        with pytest.raises(Drift) as caught:
            advert(demoStatus=mark)
        assert caught.value.path == "data.detailInfo[0].demoStatus"

    @pytest.mark.parametrize(
        "spelling",
        ["판 매 완 료", "\u1111\u1161\u11ab\u1106\u1162\u110b\u116a\u11ab\u1105\u116d", "판매\u200b완료", "[판매완료]"],
    )
    def test_a_mark_is_the_same_in_any_spelling(self, spelling: str) -> None:
        assert read_advert(body(demoStatus=spelling), ID) is SaleStatus.SOLD

    @pytest.mark.parametrize("mark", ["?", "\u200b", "판매완료" * 200])
    def test_a_mark_without_a_word_is_drift(self, mark: str) -> None:
        with pytest.raises(Drift):
            advert(demoStatus=mark)

    @pytest.mark.parametrize(
        "field",
        [{"saleState": "판매완료"}, {"soldYn": "Y"}, {"status": "SOLD"}, {"reserved": True}, {"stateNm": "계약 중"}],
    )
    def test_another_field_that_tells_of_a_sale_is_drift_never_an_offer(self, field: dict[str, Any]) -> None:
        with pytest.raises(Drift) as caught:
            advert(**field)
        assert caught.value.path == "data.detailInfo[0].demoStatus"

    def test_a_sold_car_needs_no_description(self) -> None:
        assert read_advert(
            b'{"data":{"detailInfo":[{"demoStatus":"\xed\x8c\x90\xeb\xa7\xa4\xec\x99\x84\xeb\xa3\x8c"}]}}', ID
        )


class TestDrift:
    @pytest.mark.parametrize(
        ("answer", "path"),
        [
            (b"", "$"),
            (b"<html>", "$"),
            (b'"\xff"', "$"),
            (b"[]", "$"),
            (b"null", "$"),
            (b"{}", "data"),
            (b'{"data":null}', "data"),
            (b'{"data":[]}', "data"),
            (b'{"data":{}}', "data.detailInfo"),
            (b'{"data":{"detailInfo":null}}', "data.detailInfo"),
            (b'{"data":{"detailInfo":{}}}', "data.detailInfo"),
            (b'{"data":{"detailInfo":[null]}}', "data.detailInfo[0]"),
        ],
    )
    def test_an_answer_without_the_list_names_the_place(self, answer: bytes, path: str) -> None:
        with pytest.raises(Drift) as caught:
            read_advert(answer, ID)
        assert caught.value.path == path

    @pytest.mark.parametrize("number", ["6100000009", 6100000009, 0, "x", [], {}, True, 6100000001.5])
    def test_an_answer_about_another_car_is_drift(self, number: object) -> None:
        with pytest.raises(Drift, match="another car") as caught:
            advert(demoNo=number)
        assert caught.value.path == "data.detailInfo[0].demoNo"

    @pytest.mark.parametrize("number", [6100000001, 6100000001.0, " 6100000001 ", None, "", ...])
    def test_an_answer_need_not_name_its_car_and_may_do_so_as_a_number(self, number: object) -> None:
        assert advert(demoNo=number).carName

    @pytest.mark.parametrize(
        ("changes", "path"),
        [
            ({"carName": ...}, "carName"),
            ({"carName": " "}, "carName"),
            ({"carName": 5}, "carName"),
            ({"carName": "모르는회사 K5"}, "carName"),
            ({"carName": "기아 없는차 2.0"}, "carName"),
            *(({"demoAmt": value}, "demoAmt") for value in NO_PRICES),
            *(({"km": value}, "km") for value in NO_MILEAGES),
            *(({"yymm": None, "yyyy": value}, "yyyy") for value in NO_YEARS),
        ],
    )
    def test_what_is_mandatory_is_named_when_it_is_missing(self, changes: dict[str, Any], path: str) -> None:
        with pytest.raises(Drift) as caught:
            car(**changes)
        assert caught.value.path == f"{PLACE}.{path}"

    def test_a_model_nobody_knows_is_counted(self) -> None:
        vocabulary = load()
        with pytest.raises(Drift, match="no English name"):
            car(vocabulary, carName="기아 없는차 2.0")
        assert ("model", "기아 없는차 2.0") in vocabulary.untranslated


class TestValues:
    @pytest.mark.parametrize(
        ("price", "won"),
        [
            (3390, 33_900_000),
            (3390.0, 33_900_000),
            (3390.5, 33_905_000),
            ("3,390", 33_900_000),
            (" 3390 ", 33_900_000),
            ("3,390만원", 33_900_000),
            ("12,345.0", 123_450_000),
            (9_999, 99_990_000),
            (0, None),
            ("0", None),
            (99_999, None),
            ("999,999", None),
        ],
    )
    def test_a_price_is_won_and_a_placeholder_none(self, price: object, won: int | None) -> None:
        assert car(demoAmt=price).price_krw == won

    @pytest.mark.parametrize(
        ("km", "read"), [("144,088km", 144_088), ("8 km", 8), (0, 0), (12.7, 12), (999_999, None), ("1,234,567", None)]
    )
    def test_a_mileage_may_carry_its_unit_and_a_placeholder_is_none(self, km: object, read: int | None) -> None:
        assert car(km=km).mileage_km == read

    @pytest.mark.parametrize(
        ("changes", "year", "registered", "month_known"),
        [
            ({}, 2023, 202209, True),
            ({"startYearMonth": ...}, 2023, 202209, True),
            ({"yymm": ...}, 2023, 202209, True),
            ({"yymm": ..., "startYearMonth": ...}, 2023, 202312, False),
            ({"yymm": "22년09월", "startYearMonth": None, "yyyy": "2022"}, 2022, 202209, True),
            ({"yymm": "(23년형)", "startYearMonth": None, "yyyy": None}, 2023, 202312, False),
            ({"yymm": "2022년 9월 (2023년형)", "startYearMonth": None, "yyyy": None}, 2023, 202209, True),
            ({"yymm": "98년12월(99년형)", "startYearMonth": None}, 1999, 199812, True),
            ({"yymm": "22년13월(23년형)", "startYearMonth": "2022/00"}, 2023, 202312, False),
            ({"yymm": "no date", "startYearMonth": 202209, "yyyy": "2023년"}, 2023, 202312, False),
            ({"yymm": 2209, "startYearMonth": "2022-9"}, 2023, 202209, True),
            ({"yymm": "", "startYearMonth": "1022/09"}, 2023, 202312, False),
        ],
    )
    def test_the_year_is_the_model_year_and_the_month_that_of_first_registration(
        self, changes: dict[str, Any], year: int, registered: int, month_known: bool
    ) -> None:
        found = car(**changes)
        assert (found.year, found.registered, found.month_known) == (year, registered, month_known)

    @pytest.mark.parametrize(
        ("word", "fuel"),
        [
            *FUELS.items(),
            ("가솔린+LPG", None),
            ("가솔린/LPG겸용", None),
            ("디젤+전기", "diesel_hybrid"),
            ("LPG+전기", "hybrid"),
            ("수소+전기", "hydrogen"),
            ("가솔린 하이브리드", "gasoline_hybrid"),
            ("디젤 하이브리드", "diesel_hybrid"),
            ("휘발유", "gasoline"),
            ("경유", "diesel"),
            ("기타", None),
        ],
    )
    def test_the_fuel_words_of_the_feeder_are_known(self, word: str, fuel: str | None) -> None:
        vocabulary = load()
        assert car(vocabulary, carGas=word).fuel == fuel
        assert not vocabulary.untranslated

    @pytest.mark.parametrize("nothing", [..., None, "", 3])
    def test_what_the_feeder_leaves_out_the_name_may_say_as_in_the_list(self, nothing: object) -> None:
        assert car(carGas=nothing).fuel == "diesel"
        assert car(numCc=... if nothing is ... else None).engine_cc == 2200

    def test_only_the_name_tells_a_plug_in(self) -> None:
        plugged = {"carName": "기아 쏘렌토(MQ4) 1.6 플러그인 하이브리드", "carGas": "가솔린+전기"}
        assert car(**plugged).fuel == "plug_in_hybrid"
        assert car(**plugged | {"carName": "BMW 5시리즈(7세대) 2.0 P-HEV"}).fuel == "plug_in_hybrid"
        assert car(**plugged | {"carGas": "가솔린"}).fuel == "gasoline"

    @pytest.mark.parametrize("cc", [0, 1, "0", 499, 10_001, 222_222, "-", -2000, True, [2151]])
    def test_an_absurd_displacement_is_none(self, cc: object) -> None:
        assert car(numCc=cc).engine_cc is None

    def test_an_electric_car_has_no_engine(self) -> None:
        assert car(carGas="전기", numCc=2151).engine_cc is None

    @pytest.mark.parametrize("cc", [2151, 2151.0, "2151", "2,151", "2,151cc"])
    def test_a_displacement_may_be_written_in_many_ways(self, cc: object) -> None:
        assert car(numCc=cc).engine_cc == 2151

    @pytest.mark.parametrize(
        ("key", "kind", "field"),
        [("carGas", "fuel", "fuel"), ("carColor", "colour", "colour"), ("carAutoGbn", "transmission", "transmission")],
    )
    def test_a_word_nobody_knows_is_none_and_counted(self, key: str, kind: str, field: str) -> None:
        vocabulary = load()
        assert getattr(car(vocabulary, **{key: "모르는말"}), field) is None
        assert vocabulary.untranslated == {(kind, "모르는말"): 1}

    @pytest.mark.parametrize(("name", "body"), [("시트로엥 DS3 1.6", "compact"), ("시트로엥 DS3 크로스백 1.5", "suv")])
    @pytest.mark.parametrize("word", ["화물차", "SUV", "소형차", ...])
    def test_the_body_is_the_lists_whatever_word_the_feeder_has(self, name: str, body: str, word: object) -> None:
        assert car(carName=name, carType=word).body == body

    @pytest.mark.parametrize(
        "images",
        [
            ...,
            None,
            "https://www.m-park.co.kr/a.jpg",
            {"url": "https://www.m-park.co.kr/a.jpg"},
            [None, 1, [], {}, "", "/AttEdit/a.jpg", "https://m-park.co.kr.evil.example/a.jpg"],
            ["javascript:alert(1)", "https://www.m-park.co.kr/가.jpg", "ftp://www.m-park.co.kr/a.jpg"],
        ],
    )
    def test_a_picture_from_elsewhere_is_none(self, images: object) -> None:
        assert car(images=images).photos == ()

    def test_a_picture_shows_once(self) -> None:
        twice = ["http://www.m-park.co.kr/a.jpg", {"thumb": " https://www.m-park.co.kr/a.jpg"}]
        assert [photo.url for photo in car(images=twice).photos] == ["https://www.m-park.co.kr/a.jpg"]

    def test_the_words_the_feeder_has_for_encar_s_are_encar_s(self) -> None:
        tables = {"fuels": "facets", "transmissions": "facets", "colours": "facets"}
        known = {word for name, table in tables.items() for word in read_file(TRANSLATIONS, f"{name}.toml").data[table]}
        for word, entry in read_file(TRANSLATIONS, "danawa.toml").data["feeder"].items():
            assert entry["facet"] in known
            assert word not in known
            assert LOADED.danawa.encar_word(word) == entry["facet"]
        assert LOADED.danawa.encar_word("가솔린") == "가솔린"


class TestInspection:
    def test_the_summary_says_what_the_feeder_says_and_no_more(self) -> None:
        found = msgspec.to_builtins(report())
        said = {key: value for key, value in found.items() if value not in (None, ())}
        assert said == {
            "source": "mpark",
            "accident_summary": (
                "No accident reported. Simple repairs reported. Replacements: 1. Sheet metal or welding repairs: 2."
            ),
            "has_accident": False,
            "dealer_inspection": {"frame_damage_count": None, "exterior_damage_count": None},
            "simple_repair": True,
            "inspected_on": "2026-06-08",
            "usage_changes": ("unknown",),
            "flood": False,
        }

    def test_counts_of_repairs_are_no_counts_of_panels(self) -> None:
        clean = report(exchangeCnt=0, sheetMetalCnt=0, simpleRepair="없음")
        assert clean.dealer_inspection == DealerInspection(None, None)
        assert (clean.has_frame_damage, clean.exterior_summary) == (None, None)

    def test_an_accident_and_a_flood_are_told(self) -> None:
        found = report(accident="유", flood="있음", exchangeCnt="3회", sheetMetalCnt=None, usageChange="없음")
        assert found.accident_summary == (
            "Accident reported. Simple repairs reported. Replacements: 3. Flood damage reported."
        )
        assert (found.has_accident, found.flood, found.usage_changes) == (True, True, ())

    def test_what_the_summary_leaves_open_is_none(self) -> None:
        open_ = dict.fromkeys(
            ("simpleRepair", "flood", "usageChange", "exchangeCnt", "sheetMetalCnt", "checkDate"), None
        )
        found = report(**open_)
        assert found.accident_summary == "No accident reported."
        assert (found.simple_repair, found.flood, found.usage_changes, found.inspected_on) == (None,) * 4

    def test_a_word_nobody_knows_is_none_and_counted(self) -> None:
        vocabulary = load()
        assert report(vocabulary, flood="모름").flood is None
        assert vocabulary.untranslated == {("sheet", "모름"): 1}

    @pytest.mark.parametrize("nothing", [..., None, ""])
    def test_without_a_check_there_is_no_report(self, nothing: object) -> None:
        assert read_inspection(advert(checkNo=nothing), LOADED) is None

    @pytest.mark.parametrize("word", [..., None, "", "미확인", 0, True])
    def test_a_check_that_does_not_speak_of_accidents_is_drift_never_a_clean_bill(self, word: object) -> None:
        with pytest.raises(Drift) as caught:
            report(accident=word)
        assert caught.value.path == "data.detailInfo[0].accident"

    @pytest.mark.parametrize(
        ("written", "day"),
        [
            ("2026년 06월 08일", "2026-06-08"),
            ("2026.06.08", "2026-06-08"),
            ("20260608", "2026-06-08"),
            ("2026-06-08T10:00:00", "2026-06-08"),
            ("2026-13-08", None),
            ("어제", None),
            (20260608, None),
        ],
    )
    def test_the_day_of_the_check_is_an_iso_date(self, written: object, day: str | None) -> None:
        assert report(checkDate=written).inspected_on == day


class TestRecord:
    def test_the_counts_are_the_feeder_s_and_the_rest_is_not_said(self) -> None:
        assert read_record(advert()) == Record(
            open=True, own_accident_count=2, other_accident_count=1, owner_change_count=3
        )

    @pytest.mark.parametrize("nothing", [..., None, ""])
    def test_without_a_count_there_is_no_history(self, nothing: object) -> None:
        assert read_record(advert(myDamageCnt=nothing)) is None

    @pytest.mark.parametrize("odd", ["many", -1, True, 1.5, []])
    def test_a_count_nobody_can_read_is_drift_never_an_accident_free_car(self, odd: object) -> None:
        with pytest.raises(Drift) as caught:
            read_record(advert(myDamageCnt=odd))
        assert caught.value.path == "data.detailInfo[0].myDamageCnt"

    def test_a_count_may_carry_its_unit(self) -> None:
        found = read_record(advert(myDamageCnt="0회", otherDamageCnt="x"))
        assert found == Record(open=True, own_accident_count=0, owner_change_count=3)


# The stand-in's cars


CARS = tuple(generate_danawa(1))


def listed(one: DanawaCar) -> Listing:
    row = ListRow(one.name, one.year, one.mileage, one.price, one.feeder, one.id, "x")
    found = as_shown(normalise_row(row, LOADED), LOADED)
    assert isinstance(found, Listing)
    return found


def test_every_car_of_the_stand_in_is_told_as_its_inventory_has_it() -> None:
    seen: set[object] = set()
    for one in CARS:
        found = read_advert(orjson.dumps(detail_info(one)), one.id)
        if isinstance(found, SaleStatus):
            here = one.feeder == "mpark" and one.at_feeder
            assert found is (STATUSES[one.mark or ""] if here else SaleStatus.GONE)
            seen.add(found)
            continue
        assert one.mark is None
        told = normalise(found, one.id, LOADED)
        row = listed(one)
        # The list and the car agree in all that the name says.
        assert (told.make, told.model, told.trim, told.drivetrain, told.body, told.url) == (
            *(row.make, row.model, row.trim, row.drivetrain, row.body, row.url),
        )
        assert (told.id, told.year, told.registered, told.month_known) == (row.id, one.year, one.registered, True)
        assert (told.price_krw, told.mileage_km, told.license_plate) == (one.price * 10_000, one.mileage, one.plate)
        fuel = FUELS[one.fuel]
        plugs_in = fuel == "gasoline_hybrid" and one.grade in {"530e", "T8 AWD"}
        assert told.fuel == ("plug_in_hybrid" if plugs_in else fuel)
        assert told.engine_cc == (one.cc or None)
        assert told.transmission == {"오토": "auto", "수동": "manual"}[one.transmission]
        shade = LOADED.colour(one.colour)
        assert told.colour == (shade.name if shade else None)
        assert (told.colour is None) == (one.colour == "")
        assert [photo.url for photo in told.photos] == photos(one)
        seen |= {told.fuel, told.transmission, one.check is None}
        checked(one, found)
        shown(told, Documents(report=read_inspection(found, LOADED), record=read_record(found)))
    assert seen >= {*SaleStatus} - {SaleStatus.LIVE, SaleStatus.NOT_FOR_SALE} | {*FUELS.values(), "manual", True, False}


def checked(one: DanawaCar, found: Advert) -> None:
    inspection, record = read_inspection(found, LOADED), read_record(found)
    if one.check is None:
        assert (inspection, record) == (None, None)
        return
    assert inspection is not None
    assert record is not None
    assert inspection.accident_summary == " ".join(
        filter(
            None,
            (
                "Accident reported." if one.check.accident else "No accident reported.",
                "Simple repairs reported." if one.check.repaired else "",
                f"Replacements: {one.check.replaced}. Sheet metal or welding repairs: {one.check.welded}.",
                "Flood damage reported." if one.check.flooded else "",
            ),
        )
    )
    assert (inspection.has_accident, inspection.simple_repair, inspection.flood, inspection.inspected_on) == (
        *(one.check.accident, one.check.repaired, one.check.flooded, one.check.date),
    )
    assert inspection.usage_changes == (("unknown",) if one.check.use_changed else ())
    told = normalise(found, one.id, LOADED)
    assert (told.seizures, told.pledges) == (one.check.seizures, one.check.mortgages)
    assert (record.own_accident_count, record.other_accident_count, record.owner_change_count) == (
        *(one.check.own_damages, one.check.other_damages, one.check.owners_changed),
    )


def shown(told: Car, documents: Documents) -> None:
    """Render the car for both kinds of reader: no Korean but in the plate, and in the words marked as Korean."""
    for insider in (False, True):
        answer = orjson.loads(msgspec.json.encode(detail(told, documents, 1347.52, insider=insider)))
        assert answer.pop("license_plate") == told.license_plate
        if insider:
            dealer = answer["dealer"]
            assert dealer.pop("model_korean")
            dealer.pop("trim_korean")
            month = f"{told.registered // 100}-{told.registered % 100:02}"
            assert dealer["first_registered"] == (month if told.month_known else None)
        assert not HANGUL.search(orjson.dumps(answer).decode())


# Whatever the feeder sends


KEYS = tuple(Advert.__struct_fields__)
ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(
        ["3,390", "144,088km", "22년09월(23년형)", "2022/09", "무", "있음", "수소", "기아", "예약", "0회"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(KEYS), ODD | st.just(...), max_size=4))
def test_whatever_the_values_are_they_are_read_or_none_or_named(changes: dict[str, Any]) -> None:
    try:
        found = read_advert(body(**changes), ID)
        if isinstance(found, SaleStatus):
            return
        inspection, record = read_inspection(found, LOADED), read_record(found)
        told = normalise(found, ID, LOADED)
    except Drift as error:
        assert error.path.startswith(PLACE)
        return
    assert 1950 <= told.year < 2100
    assert 1950_01 <= told.registered <= 2099_12
    assert 1 <= told.registered % 100 <= 12
    assert told.price_krw is None or 0 < told.price_krw < 999_990_000
    assert told.mileage_km is None or 0 <= told.mileage_km < 999_999
    assert told.engine_cc is None or 500 <= told.engine_cc <= 10_000
    assert all(photo.url.startswith("https://") for photo in told.photos)
    if not isinstance(changes.get("carNo"), str):
        assert told.license_plate in {None, "123가4567"}
    shown(told, Documents(report=inspection, record=record))


@given(ODD)
def test_whatever_the_answer_is_it_is_read_or_named(answer: object) -> None:
    for value in (answer, {"data": answer}, {"data": {"detailInfo": answer}}):
        try:
            read_advert(msgspec.json.encode(value), ID)
        except Drift as error:
            assert error.path


@given(st.binary(max_size=64))
def test_bytes_that_are_no_answer_are_drift(junk: bytes) -> None:
    with pytest.raises(Drift):
        read_advert(junk, ID)
