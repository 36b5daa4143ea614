"""The advert document: as JSON, inside the page, and when it drifts."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import to_builtins

from dealerproxy.transport.errors import Drift
from dealerproxy.upstreams.encar.advert import (
    GONE_TEXT,
    is_under_contract,
    normalise,
    read_detail,
    read_details,
    read_page,
    sale_status,
)
from dealerproxy.upstreams.encar.kinds import Kind, template
from dealerproxy.vehicles.car import Car, Documents, SaleStatus
from dealerproxy.vehicles.render import detail
from dealerproxy.vocabulary import Vocabulary

BODY = Path(__file__).parents[2] / "captures" / "encar_detail" / "body.json"
HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")
ID = "49000001"


def document(**sections: Any) -> dict[str, Any]:
    """The fixture's document with keys of its sections, or of its top, changed; `...` takes a key away."""
    made: dict[str, Any] = orjson.loads(BODY.read_bytes())
    for name, change in sections.items():
        if isinstance(change, dict):
            made[name] = {key: value for key, value in (made[name] | change).items() if value is not ...}
        else:
            made[name] = change
    return {name: section for name, section in made.items() if section is not ...}


def car(vocabulary: Vocabulary, listing_id: str = ID, **sections: Any) -> Car:
    return normalise(read_detail(orjson.dumps(document(**sections)), listing_id), listing_id, vocabulary)


def page(base: object, *, end: str = "</script>") -> bytes:
    state = json.dumps({"pender": {}, "cars": {"base": base, "detailFlags": {}}}, ensure_ascii=False)
    script = f"<script>__PRELOADED_STATE__ = {state}{end}"
    return f"<!DOCTYPE html><html><head></head><body>{script}<script>other = 1</script></body></html>".encode()


def test_a_document_becomes_a_car_with_every_field(vocabulary: Vocabulary) -> None:
    assert msgspec.json.decode(msgspec.json.encode(car(vocabulary))) == {
        "upstream": "encar",
        "listing_id": "49000001",
        "vehicle_id": "49000001",
        "make": "Kia",
        "model": "Sorento",
        "trim": "Diesel 2.2 4WD Prestige (The New, 4th Gen)",
        "year": 2023,
        "registered": 202305,
        "mileage_km": 41250,
        "price_krw": 30_500_000,
        "under_contract": False,
        "fuel": "diesel",
        "transmission": "auto",
        "colour": "Dark Gray",
        "engine_cc": 2151,
        "drivetrain": "4WD",
        "body": "suv",
        "options": ["abs", "sunroof", "driver_airbag", "leather_seats"],
        "photos": [
            {"url": f"https://ci.encar.com/carpicture/carpicture10/pic4900/49000001_{slot}.jpg", "tag": tag}
            for slot, tag in (("001", "front"), ("003", "exterior"), ("007", "interior"), ("015", "option"))
        ],
        "vin": "KNAMA81ABPK000001",
        "license_plate": "123가4567",
        "url": "https://fem.encar.com/cars/detail/49000001",
        "seller_type": "dealer",
        "region": "Gyeonggi",
        "model_korean": "더 뉴 쏘렌토 4세대",
        "trim_korean": "디젤 2.2 4WD 프레스티지",
        "record_is_private": False,
        "has_no_sheet": False,
        "seizures": 0,
        "pledges": 0,
        "month_known": True,
        "generation": "The New, 4th Gen",
        "truck": None,
        "seller_mentions": [],
        "facts": {
            "first_advertised_on": "2026-07-21",
            "warranty": {
                "set_by_seller": False,
                "body": {"months": 36, "km": 60_000, "km_unlimited": False},
                "transmission": {"months": 60, "km": 100_000, "km_unlimited": False},
            },
            "parallel_import": False,
            "new_price_krw": 42_020_000,
            "seats": 5,
            "horse_power": None,
            "tuning_codes": [],
            "trust_marks": ["home_service", "warranty", "pre_verified"],
            "choice_codes": ["1104"],
            "has_battery_report": False,
        },
    }


def test_a_copy_keeps_the_id_it_was_asked_for(vocabulary: Vocabulary) -> None:
    copy = car(vocabulary, "49000777", manage={"dummy": True, "dummyVehicleId": 49000777})
    assert (copy.id, copy.vehicle_id) == ("encar_49000777", "49000001")


def test_a_document_about_another_car_is_drift(vocabulary: Vocabulary) -> None:
    with pytest.raises(Drift, match="another car"):
        car(vocabulary, "49000002")


@pytest.mark.parametrize(
    ("advertisement", "verdict"),
    [
        ({}, SaleStatus.LIVE),
        ({"status": "SOLD"}, SaleStatus.SOLD),
        ({"status": "WAIT"}, SaleStatus.WAITING),
        ({"status": "SOLD", "advertisementType": "OPERATING_LEASE"}, SaleStatus.SOLD),
        ({"advertisementType": "OPERATING_LEASE"}, SaleStatus.NOT_FOR_SALE),
        ({"advertisementType": "FINANCING_LEASE"}, SaleStatus.NOT_FOR_SALE),
        ({"advertisementType": "RENT_SUCCESSION"}, SaleStatus.NOT_FOR_SALE),
        ({"advertisementType": "RENT_CAR"}, SaleStatus.NOT_FOR_SALE),
        ({"leaseRentInfo": {"residualMonth": 5, "monthlyFee": 86}}, SaleStatus.NOT_FOR_SALE),
        ({"salesStatus": "CONTRACT"}, SaleStatus.LIVE),
    ],
)
def test_the_advert_says_whether_the_car_can_be_bought(advertisement: dict[str, Any], verdict: SaleStatus) -> None:
    assert sale_status(read_detail(orjson.dumps(document(advertisement=advertisement)), ID)) is verdict


@pytest.mark.parametrize(
    ("advertisement", "path"),
    [
        ({"status": "RESERVED"}, "advertisement.status"),
        ({"status": ""}, "advertisement.status"),
        ({"advertisementType": "AUCTION"}, "advertisement.advertisementType"),
        ({"salesStatus": "DONE"}, "advertisement.salesStatus"),
    ],
)
def test_a_word_nobody_knows_is_drift_never_an_offer(
    vocabulary: Vocabulary, advertisement: dict[str, Any], path: str
) -> None:
    advert = read_detail(orjson.dumps(document(advertisement=advertisement)), ID)

    def understand() -> None:
        sale_status(advert)
        normalise(advert, ID, vocabulary)

    with pytest.raises(Drift) as caught:
        understand()
    assert caught.value.path == path


@pytest.mark.parametrize("price", [99_999, 999_999, 0, -5])
def test_a_placeholder_price_is_null(vocabulary: Vocabulary, price: int) -> None:
    assert car(vocabulary, advertisement={"price": price}).price_krw is None


def test_9999_is_a_price_unless_the_car_is_under_contract(vocabulary: Vocabulary) -> None:
    assert car(vocabulary, advertisement={"price": 9999}).price_krw == 99_990_000
    agreed = car(vocabulary, advertisement={"price": 9999, "salesStatus": "CONTRACT"})
    assert (agreed.price_krw, agreed.under_contract) == (None, True)
    shown = detail(agreed, Documents(), 1300.0)
    assert (shown.pricing.listing_price, shown.pricing.breakdown.estimated_landed) == (None, None)
    assert shown.pricing.breakdown.ocean_freight == 1800


@pytest.mark.parametrize(
    ("headline", "text", "mentions"),
    [
        ("전손처리 후 완벽 수리", "관리 상태 최상", ("total_loss",)),
        ("무사고 1인 신조", "침수차 아님. 전손 이력 고지합니다.\n엔진오일 교환", ("total_loss",)),
        ("단순교환 무사고", "침수 이력 있음 <br> 누유 없음", ("flood", "replaced")),
        ("완전무사고", "침수 시 100% 환불, 대차 교환 가능", ()),
        (None, "보험 전손 차량", ("total_loss",)),
        ("도난 후 회수", None, ("theft",)),
        (None, None, ()),
        (5, ["전손"], ()),
        ("침수 <b>없음</b>", "사고&nbsp;없음<br>전손<br/>침수 <span style='color:red'>無</span>", ("total_loss",)),
        ("<전손차량>", "<p>누유</p><p>사고 없음</p>", ("total_loss", "oil_leak")),
        ("무사고", "전손" * 200_000, ("total_loss",)),
    ],
)
def test_of_what_the_seller_writes_only_its_dangers_are_told(
    vocabulary: Vocabulary, headline: Any, text: Any, mentions: tuple[str, ...]
) -> None:
    told = car(vocabulary, advertisement={"oneLineText": headline}, contents={"text": text})
    assert told.seller_mentions == mentions
    shown = msgspec.to_builtins(detail(told, Documents(), 1300.0, insider=True))
    assert shown["dealer"]["seller_mentions"] == mentions
    assert "seller_mentions" not in msgspec.to_builtins(detail(told, Documents(), 1300.0))
    assert not isinstance(headline, str) or headline not in str(shown)


def test_a_document_without_the_sellers_text_mentions_nothing(vocabulary: Vocabulary) -> None:
    assert car(vocabulary, contents=None).seller_mentions == ()
    assert car(vocabulary, contents=..., advertisement={"oneLineText": ...}).seller_mentions == ()


def test_a_placeholder_mileage_is_null(vocabulary: Vocabulary) -> None:
    assert car(vocabulary, spec={"mileage": 999_999}).mileage_km is None


@pytest.mark.parametrize(
    ("spec", "cc"),
    [
        ({"fuelName": "전기", "displacement": 230}, None),
        ({"fuelName": "전기", "displacement": 1998}, None),
        ({"fuelName": "수소", "displacement": 1998}, None),
        ({"displacement": 167}, None),
        ({"displacement": 0}, None),
        ({"displacement": None}, None),
        ({"displacement": ...}, None),
        ({"displacement": 6592}, 6592),
    ],
)
def test_a_displacement_counts_only_where_there_is_an_engine(
    vocabulary: Vocabulary, spec: dict[str, Any], cc: int | None
) -> None:
    assert car(vocabulary, spec=spec).engine_cc == cc


@pytest.mark.parametrize("change", [{"vehicleType": "TRUCK"}, {"category": {"type": "TRUCK"}}])
def test_a_truck_has_option_codes_of_its_own(vocabulary: Vocabulary, change: dict[str, Any]) -> None:
    found = car(vocabulary, options={"standard": ["010", "014", "026", "x"]}, **change)
    assert found.options == ("leather_seats", "rear_camera")  # 010 is a sunroof of a car, and no token's in a truck


def test_a_group_code_is_read_as_the_leaf_that_owns_it(vocabulary: Vocabulary) -> None:
    found = car(vocabulary, options={"standard": ["001", "002", "003", "009"]})
    assert found.options == ("abs", "electronic_suspension", "cd_player")


def test_an_unknown_make_or_model_goes_by_the_sites_own_english(vocabulary: Vocabulary) -> None:
    category = {"manufacturerName": "새제조사", "manufacturerEnglishName": "Newmake", "modelGroupName": "새차",
                "modelGroupEnglishName": "Newcar", "modelName": "새차 1세대"}  # fmt: skip
    found = car(vocabulary, category=category)
    assert (found.make, found.model, found.body) == ("Newmake", "Newcar", "suv")
    with pytest.raises(Drift, match="no English name"):
        car(vocabulary, category=category | {"modelGroupEnglishName": "새차"})
    with pytest.raises(Drift, match="no English name"):
        car(vocabulary, category=category | {"manufacturerEnglishName": None})


def test_a_private_seller_has_no_vin_and_no_firm(vocabulary: Vocabulary) -> None:
    found = car(vocabulary, vin=None, contact={"userType": "CLIENT"}, partnership={"dealer": None})
    assert (found.vin, found.seller_type) == (None, "private")


@pytest.mark.parametrize("section", ["manage", "contact", "photos", "options", "condition", "vehicleType", "vin"])
def test_an_optional_section_may_be_null_or_absent(vocabulary: Vocabulary, section: str) -> None:
    for value in (None, ...):
        change: dict[str, Any] = {section: value}
        assert car(vocabulary, **change).make == "Kia"


def test_one_odd_photo_does_not_spoil_the_others(vocabulary: Vocabulary) -> None:
    photos = [*document()["photos"], {"code": 5}, "x", {"path": "http://elsewhere/x.jpg"}]
    assert len(car(vocabulary, photos=photos).photos) == 4


@pytest.mark.parametrize(
    ("section", "key"),
    [
        *(("category", key) for key in ("manufacturerName", "modelName", "yearMonth", "formYear")),
        *(("advertisement", key) for key in ("price", "status")),
        ("spec", "mileage"),
    ],
)
def test_a_mandatory_path_that_is_missing_is_drift_naming_it(vocabulary: Vocabulary, section: str, key: str) -> None:
    def understand() -> None:
        advert = read_detail(orjson.dumps(document(**{section: {key: ...}})), ID)
        sale_status(advert)
        normalise(advert, ID, vocabulary)

    with pytest.raises(Drift) as caught:
        understand()
    assert caught.value.path == f"{section}.{key}"


@pytest.mark.parametrize(
    ("sections", "field"),
    [
        ({"options": {"standard": None}}, "options"),
        ({"options": {"standard": []}}, "options"),
        ({"options": {"choice": 5, "tuning": "001"}}, "facts"),
        ({"category": {"warranty": [], "originPrice": "?", "importType": 5}}, "facts"),
        ({"spec": {"seatCount": "?", "horsePower": []}}, "facts"),
        ({"manage": {"firstAdvertisedDateTime": 5}}, "facts"),
        ({"advertisement": {"trust": "Meetgo", "homeService": 1}}, "facts"),
        ({"advertisement": {"underBodyPhotos": 5}}, "photos"),
        ({"view": []}, "facts"),
        ({"condition": {"accident": {"recordView": None}}}, "record_is_private"),
        ({"condition": {"inspection": {"formats": None}}}, "has_no_sheet"),
        ({"condition": {"inspection": {"formats": "none"}}}, "has_no_sheet"),
        ({"condition": {"inspection": None}}, "has_no_sheet"),
        ({"manage": {"dummyVehicleId": "49000777"}}, "vehicle_id"),
        ({"photos": 5}, "photos"),
        ({"contact": {"address": 5}}, "region"),
        ({"vin": 123}, "vin"),
        ({"vin": "차대번호 확인불가"}, "vin"),
        ({"spec": {"fuelName": 3}}, "fuel"),
        ({"spec": {"displacement": "1969"}}, "engine_cc"),
        ({"vehicleId": 49000001.0}, "vehicle_id"),
        ({"vehicleId": "49000001"}, "vehicle_id"),
        ({"category": {"yearMonth": 202305, "formYear": 2023}}, "registered"),
        ({"category": {"yearMonth": 202305.0}}, "registered"),
        ({"advertisement": {"price": "3050"}}, "price_krw"),
        ({"spec": {"mileage": "41250"}}, "mileage_km"),
    ],
)
def test_an_odd_type_costs_at_most_its_own_field(vocabulary: Vocabulary, sections: dict[str, Any], field: str) -> None:
    usual = msgspec.structs.asdict(car(vocabulary))
    odd = msgspec.structs.asdict(car(vocabulary, **sections))
    assert {name for name in usual if usual[name] != odd[name]} <= {field}


@pytest.mark.parametrize(("status", "verdict"), [("SOLD", SaleStatus.SOLD), ("WAIT", SaleStatus.WAITING)])
def test_a_sold_car_is_sold_however_little_else_its_document_says(status: str, verdict: SaleStatus) -> None:
    bare = {"vehicleId": 49000001, "advertisement": {"status": status}}
    assert sale_status(read_detail(orjson.dumps(bare), ID)) is verdict
    seen = read_page(page(bare), ID)
    assert seen is not None
    assert sale_status(seen) is verdict


def test_an_advert_knows_its_own_id_from_its_twins() -> None:
    original = read_detail(orjson.dumps(document(manage={"dummy": False, "dummyVehicleId": 49000777})), ID)
    copy = read_detail(orjson.dumps(document(manage={"dummy": True, "dummyVehicleId": 49000777})), ID)
    assert (original.listing_id, original.other_id) == ("49000001", "49000777")
    assert (copy.listing_id, copy.other_id) == ("49000777", "49000001")


@pytest.mark.parametrize("name", ["window.__PRELOADED_STATE__", "var __PRELOADED_STATE__", "const __PRELOADED_STATE__"])
def test_the_state_is_found_however_it_is_declared(name: str) -> None:
    body = page(document()).replace(b"__PRELOADED_STATE__", name.encode())
    assert read_page(body, ID) is not None


@pytest.mark.parametrize(
    ("photo", "tag"),
    [
        ({"code": "001", "type": "OUTER", "path": "/a/1_001.jpg"}, "front"),
        ({"code": "002", "type": "OUTER", "path": "/a/1_002.jpg"}, "exterior"),
        ({"code": "006", "type": "OUTER", "path": "/a/1_006.jpg"}, "exterior"),
        ({"code": "031", "type": "OUTER", "path": "/a/1_031.jpg"}, "exterior"),
        ({"code": "007", "type": "INNER", "path": "/a/1_007.jpg"}, "interior"),
        ({"code": "015", "type": "OPTION", "path": "/a/1_015.jpg"}, "option"),
        ({"code": "001", "type": "OUTER", "path": "/a/1_027.jpg"}, "exterior"),  # another file as the cover
        ({"code": "001", "type": "DIAG2", "path": "/a/1_027.jpg"}, None),
        ({"code": "001", "type": "DIAG2", "path": "/a/1_001.jpg"}, None),
        ({"code": "011", "type": "THUMBNAIL", "path": "/a/1_001.jpg"}, None),
        ({"code": None, "type": "OUTER", "path": "/a/1_001.jpg"}, "exterior"),
        ({"code": "001", "type": None, "path": "/a/1_001.jpg"}, None),
    ],
)
def test_a_photo_is_tagged_by_its_slot_where_that_is_proven(
    vocabulary: Vocabulary, photo: dict[str, object], tag: str | None
) -> None:
    assert [shown.tag for shown in car(vocabulary, photos=[photo]).photos] == [tag]


def test_a_thumbnail_of_the_front_takes_nothing_from_it(vocabulary: Vocabulary) -> None:
    slots = (("011", "THUMBNAIL"), ("001", "OUTER"))
    photos = [{"code": code, "type": kind, "path": "/a/1_001.jpg"} for code, kind in slots]
    assert [shown.tag for shown in car(vocabulary, photos=photos).photos] == ["front"]


def test_a_list_and_a_car_agree_on_the_body_and_so_on_the_freight(vocabulary: Vocabulary) -> None:
    models = [model for make in vocabulary.makes for model in vocabulary.models_of(make)]
    unsure = [(model, word) for model in models if model.body is None for word in (None, "경차", "화물차", "모르는말")]
    assert unsure
    for model, word in (*((model, "SUV") for model in models), *unsure):
        named = {"manufacturerName": model.make_facet, "modelGroupName": model.korean, "modelName": model.korean}
        row = template(Kind(model.make_facet, model.korean, model.make_facet, model.korean), vocabulary).listing
        found = car(vocabulary, category=named, spec={"bodyName": word})
        assert row is not None
        assert (found.make, found.model, found.body) == (row.make, row.model, row.body)


def test_the_sites_word_tells_the_body_of_a_group_that_no_list_shows(vocabulary: Vocabulary) -> None:
    named = {
        "manufacturerName": "현대",
        "modelGroupName": "새차",
        "modelName": "새차",
        "modelGroupEnglishName": "Saecha",
    }
    assert car(vocabulary, category=named, spec={"bodyName": "SUV"}).body == "suv"
    assert car(vocabulary, category=named, spec={"bodyName": "중형차"}).body is None


def test_photos_of_one_slot_come_in_one_order(vocabulary: Vocabulary) -> None:
    photos = [{"code": "001", "path": f"/a/{n}.jpg", "type": kind} for n, kind in ((9, "DIAG2"), (1, None))]
    orders = {car(vocabulary, photos=order).photos for order in (photos, photos[::-1])}
    assert [photo.url[-5] for photo in orders.pop()] == ["1", "9"]
    assert not orders


def test_numbers_of_nineteen_digits_do_not_spoil_a_document() -> None:
    assert document()["category"]["jatoVehicleId"] == 8174400202601081077
    advert = read_detail(orjson.dumps(document(vehicleId=9174400202601081077)), "9174400202601081077")
    assert (advert.listing_id, advert.vehicle_id) == ("9174400202601081077", "9174400202601081077")


@pytest.mark.parametrize("end", ["</script>", ";</script>", " ;\n</script>"])
def test_the_page_says_what_the_json_says(vocabulary: Vocabulary, end: str) -> None:
    base = document(contents=None) | {"queryCarId": 49000001, "requestUrl": "/v1/readside/vehicle/49000001"}
    advert = read_page(page(base, end=end), ID)
    assert advert is not None
    assert normalise(advert, ID, vocabulary) == car(vocabulary)


def test_a_sold_page_keeps_its_state() -> None:
    advert = read_page(page(document(advertisement={"status": "SOLD"})), ID)
    assert advert is not None
    assert sale_status(advert) is SaleStatus.SOLD


def test_the_sold_or_deleted_page_says_gone() -> None:
    message = f'<div class="DetailNone_no_data__x1"><p class="DetailNone_text__y2">{GONE_TEXT}.</p></div>'
    assert read_page(f"<html><body>{message}</body></html>".encode(), ID) is None
    assert read_page(page({}) + message.encode(), ID) is None


@pytest.mark.parametrize(
    "body",
    [
        b"<html><body>hello</body></html>",
        b"",
        page({}),
        page(None),
        page([1]),
        b"<script>__PRELOADED_STATE__ = {broken</script>",
        page(document(vehicleId=1)),
        page(document(vehicleId=None)),
    ],
)
def test_a_page_without_car_and_without_the_message_is_drift(body: bytes) -> None:
    with pytest.raises(Drift):
        read_page(body, ID)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"{", b'"\xff"', b"5"])
def test_a_body_that_is_no_document_is_drift(body: bytes) -> None:
    with pytest.raises(Drift):
        read_detail(body, ID)


def test_a_batch_is_a_list() -> None:
    assert len(read_details(orjson.dumps([document(), {}]))) == 2
    with pytest.raises(Drift):
        read_details(b"{}")


@given(data=st.data())
def test_any_change_to_a_document_is_read_or_drifts(vocabulary: Vocabulary, data: st.DataObject) -> None:
    made = document()
    section = data.draw(st.sampled_from(list(made)))
    value = data.draw(st.none() | st.integers() | st.text(max_size=3) | st.lists(st.none(), max_size=2))
    if isinstance(made[section], dict) and data.draw(st.booleans()):
        made[section][data.draw(st.sampled_from(list(made[section])))] = value
    else:
        made[section] = value
    try:
        advert = read_detail(json.dumps(made).encode(errors="replace"), ID)
        if sale_status(advert) is SaleStatus.LIVE:
            is_under_contract(advert)
            normalise(advert, ID, vocabulary)
    except Drift:
        pass


def test_captured_details_and_their_page_are_read(vocabulary: Vocabulary, captures: Path) -> None:
    expected = {
        "vehicle_41344448_copy_of_41335009_2026-08.json": ("41344448", "41335009", "Genesis", "GV80", 58_900_000),
        "vehicle_42276134_under_contract_2026-08.json": ("42276134", "42276134", "Hyundai", "Grandeur", None),
        "vehicle_42391233_grand_koleos_2026-08.json": ("42391233", "42391233", "Renault", "Grand Koleos", 33_700_000),
    }
    for name, (asked, vehicle, make, model, price) in expected.items():
        advert = read_detail((captures / "encar_detail" / name).read_bytes(), asked)
        assert sale_status(advert) is SaleStatus.LIVE
        found = normalise(advert, asked, vocabulary)
        assert (found.listing_id, found.vehicle_id) == (asked, vehicle)
        assert (found.make, found.model, found.price_krw) == (make, model, price)
        assert len(found.options) > 40
        assert len(found.photos) == len({photo.url for photo in found.photos}) >= 20
        shown = to_builtins(detail(found, Documents(), 1300.0)) | {"license_plate": None}
        assert not HANGUL.search(str(shown))
    body = (captures / "encar_detail" / "page_41756847_preloaded_state_2026-08.html").read_bytes()
    seen = read_page(body, "41756847")
    assert seen is not None
    found = normalise(seen, "41756847", vocabulary)
    assert (found.make, found.model, found.engine_cc) == ("Kia", "K7", 2199)
    assert found.trim == "2.2 Diesel Prestige (All New)"
