"""Texts that are no Unicode, or no text to show: each costs its own value or row, never the page."""

import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy.transport.errors import Drift
from dealerproxy.upstreams import values
from dealerproxy.upstreams.danawa import feeder, names
from dealerproxy.upstreams.danawa.listing import ListRow
from dealerproxy.upstreams.encar.addresses import photo_url
from dealerproxy.upstreams.encar.advert import (
    is_under_contract,
    normalise,
    read_detail,
    read_details,
    read_page,
    sale_status,
)
from dealerproxy.upstreams.encar.diagnosis import read_diagnosis
from dealerproxy.upstreams.encar.facets import MAKES, read_facets
from dealerproxy.upstreams.encar.inspection import read_inspection
from dealerproxy.upstreams.encar.record import read_record
from dealerproxy.upstreams.encar.rows import SearchTarget, read_search
from dealerproxy.upstreams.values import DAMAGED, decode, is_year, plate, shown, vin
from dealerproxy.vehicles.car import Car
from dealerproxy.vehicles.listing import LeftOut, LeftOutReason, Listing
from dealerproxy.vocabulary import Vocabulary, load

CAPTURES = Path(__file__).parents[1] / "captures"
WORDS = load()
# What stands between the quotes of a text: half an emoji, bytes that are no UTF-8, too long a form of one, control
# characters as they are, and escapes that JSON does not know.
DAMAGE = {
    "half an emoji": rb"\ud83d",
    "the other half": rb"x\ude00y",
    "halves the wrong way round": rb"\ude00\ud83d",
    "a half before a letter": rb"\ud83dx",
    "half an emoji in bytes": b"\xed\xa0\xbd",
    "a byte that begins nothing": b"\xff",
    "a cut letter": "가".encode()[:2],
    "Korean of another encoding": "기아".encode("cp949"),
    "an overlong slash": b"\xc0\xaf",
    "an overlong zero": b"\xe0\x80\x80",
    "beyond Unicode": b"\xf4\x90\x80\x80",
    "a zero byte": b"a\x00b",
    "a tab": b"a\tb",
    "a line end": b"a\r\nb",
    "an escape character": b"\x1b[31m",
    "an unknown escape": rb"\x41",
    "an unfinished escape": rb"\u12",
}
damaged = pytest.mark.parametrize("text", DAMAGE.values(), ids=DAMAGE)
UNFIT = [
    '"><img src=x onerror=alert(1)>',
    "<b>bold</b>",
    "a\tb",
    "a\x00b",
    "a\x1b[31mb",
    "a\x85b",
    "a\u202eb",
    "a\u2066b",
    "a\u200fb",
    "a\ufffdb",
    "\ue000",
    "a\u2028b",
    "back\\slash",
    "`tick`",
    "＜script＞",
    "x" * 501,
]
unfit = pytest.mark.parametrize("text", UNFIT, ids=ascii)
MARK = "@@"


def body(name: str) -> bytes:
    return (CAPTURES / name / "body.json").read_bytes()


def with_text(document: Any, text: bytes) -> bytes:
    """The document as JSON, with the text where it has MARK."""
    return orjson.dumps(document).replace(MARK.encode(), text)


def rows_with(text: bytes, name: str) -> tuple[Any, ...]:
    page = orjson.loads(body("encar_search_premium"))
    good = page["SearchResults"][0]
    rows = [good, good | {"Id": "49000077", name: MARK}, good | {"Id": "49000078"}]
    kia = WORDS.find_make("Kia")
    assert kia is not None
    _, entries = read_search(with_text({"Count": 3, "SearchResults": rows}, text), SearchTarget(kia, "기아"), WORDS)
    return entries


@damaged
@pytest.mark.parametrize("name", ["DealerName", "OfficeName", "Badge", "BadgeDetail", "OfficeCityState", "FuelType"])
def test_a_damaged_text_of_a_row_costs_at_most_itself(text: bytes, name: str) -> None:
    first, second, third = rows_with(text, name)
    assert all(isinstance(entry, Listing) for entry in (first, second, third))
    assert (second.model, second.price_krw, third.trim) == (first.model, first.price_krw, first.trim)
    assert (second.trim or "").isprintable()
    assert "\ufffd" not in f"{second.trim_korean}{second.trim}"


@damaged
@pytest.mark.parametrize("name", ["Id", "Model", "FormYear", "SellType", "SalesStatus", "LeaseType"])
def test_a_damaged_text_that_a_row_needs_costs_the_row(text: bytes, name: str) -> None:
    first, second, third = rows_with(text, name)
    assert isinstance(second, LeftOut)
    assert second.reason in {LeftOutReason.UNREADABLE, LeftOutReason.LEASE_OR_RENT}
    assert isinstance(first, Listing)
    assert isinstance(third, Listing)


def test_a_damaged_key_costs_its_row() -> None:
    good = orjson.loads(body("encar_search_premium"))["SearchResults"][0]
    page = with_text({"Count": 2, "SearchResults": [good, good | {MARK: 1}]}, rb"Sales\ud83dStatus")
    kia = WORDS.find_make("Kia")
    assert kia is not None
    _, entries = read_search(page, SearchTarget(kia, "기아"), WORDS)
    assert [type(entry) for entry in entries] == [Listing, LeftOut]


@damaged
def test_a_damaged_text_nobody_reads_costs_no_car(text: bytes) -> None:
    usual = orjson.loads(body("encar_detail"))
    odd = usual | {"contents": {"text": MARK}, "partnership": {"dealer": {"name": MARK, MARK[:1]: [MARK, [MARK]]}}}
    assert _car(with_text(odd, text)) == _car(body("encar_detail"))


def _car(document: bytes, vocabulary: Vocabulary = WORDS) -> Car:
    return normalise(read_detail(document, "49000001"), "49000001", vocabulary)


@damaged
@pytest.mark.parametrize("name", ["vehicleNo", "vin"])
def test_a_damaged_plate_or_vin_is_null(text: bytes, name: str) -> None:
    found = _car(with_text(orjson.loads(body("encar_detail")) | {name: MARK}, text))
    assert (found.license_plate if name == "vehicleNo" else found.vin) is None


@damaged
@pytest.mark.parametrize("key", ["status", "salesStatus", "advertisementType"])
def test_a_damaged_word_on_the_sale_is_never_taken_for_an_offer(text: bytes, key: str) -> None:
    document = orjson.loads(body("encar_detail"))
    document["advertisement"][key] = MARK
    advert = read_detail(with_text(document, text), "49000001")
    with pytest.raises(Drift):
        assert (sale_status(advert), is_under_contract(advert)) is None


@damaged
@pytest.mark.parametrize("path", ["category.modelName", "category.manufacturerName", "category.yearMonth"])
def test_a_damaged_text_that_a_car_needs_is_drift(text: bytes, path: str) -> None:
    document = orjson.loads(body("encar_detail"))
    section, key = path.split(".")
    document[section] |= {key: MARK, "manufacturerEnglishName": None, "modelGroupEnglishName": None}
    with pytest.raises(Drift) as caught:
        _car(with_text(document, text))
    assert caught.value.path == path


@damaged
def test_a_damaged_advert_of_a_batch_leaves_the_others(text: bytes) -> None:
    document = orjson.loads(body("encar_detail"))
    assert len(read_details(with_text([document, document | {"memo": MARK}], text))) == 2


@damaged
def test_a_damaged_text_in_the_state_of_a_page_costs_no_car(text: bytes) -> None:
    state = with_text({"cars": {"base": orjson.loads(body("encar_detail")) | {"memo": MARK}}}, text)
    page = b"<html><body><script>__PRELOADED_STATE__ = " + state + b"</script></body></html>"
    seen = read_page(page, "49000001")
    assert seen is not None
    assert normalise(seen, "49000001", WORDS) == _car(body("encar_detail"))


@damaged
@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("encar_inspection_frame", lambda raw: read_inspection(raw, WORDS)),
        ("encar_record_accidents", lambda raw: read_record(raw, WORDS)),
        ("encar_diagnosis_hood_replaced", lambda raw: read_diagnosis(raw, WORDS)),
        ("encar_facets_makes", lambda raw: read_facets(raw, MAKES)),
    ],
)
def test_a_damaged_text_nobody_reads_costs_no_paper_and_no_facets(
    text: bytes, name: str, read: Callable[[bytes], object]
) -> None:
    assert read(with_text(orjson.loads(body(name)) | {"memo": MARK}, text)) == read(body(name))


@damaged
def test_a_damaged_value_of_an_axis_is_left_out_of_its_facets(text: bytes) -> None:
    facets = [{"Value": "기아", "Count": 3}, {"Value": MARK, "Count": 2}]
    answer = {"iNav": {"Nodes": [{"Name": MAKES, "Facets": facets}, {"Name": "x", "Facets": []}]}}
    found = read_facets(with_text(answer, text), MAKES)
    assert found["기아"] == 3
    assert not any("\ufffd" in value or "\ud83d" in value for value in found)


@damaged
def test_a_damaged_text_of_the_feeders_costs_at_most_itself(text: bytes) -> None:
    document = orjson.loads(body("danawa_feeder_checked"))
    document["data"]["detailInfo"][0] |= {"memo": MARK, "carNo": MARK, "carColor": MARK}
    advert = feeder.read_advert(with_text(document, text), "6100000001")
    assert isinstance(advert, feeder.Advert)
    found = feeder.normalise(advert, "6100000001", WORDS)
    assert (found.license_plate, found.colour) == (None, None)


@damaged
def test_a_damaged_state_of_the_feeders_is_never_taken_for_an_offer(text: bytes) -> None:
    document = orjson.loads(body("danawa_feeder_checked"))
    document["data"]["detailInfo"][0]["demoStatus"] = MARK
    with pytest.raises(Drift):
        feeder.read_advert(with_text(document, text), "6100000001")


@pytest.mark.parametrize("raw", [b'{"a":1,}', b'{"a"', b"nul", b'{"a":NaN}', b'"', b"\xff", b'["\\ud83d"'])
def test_what_is_no_json_is_drift_all_the_same(raw: bytes) -> None:
    with pytest.raises(Drift):
        decode(raw, object)


def test_numbers_beyond_reason_stand_as_damaged() -> None:
    found = decode(b'{"a":1e999,"b":' + b"9" * 5000 + b',"c":"\\ud83d","d":2,"e":2.5}', dict[str, Any])
    assert found == {"a": DAMAGED, "b": DAMAGED, "c": DAMAGED, "d": 2, "e": 2.5}


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), st.lists, max_leaves=8))
def test_what_is_sound_beside_the_damage_is_read_as_ever(value: Any) -> None:
    if "\ufffd" in repr(value):
        return
    raw = orjson.dumps({"sound": value, "odd": MARK}).replace(b'"@@"', rb'"\ud83d"')
    assert decode(raw, object) == {"sound": value, "odd": DAMAGED}


@pytest.mark.parametrize(
    "piece",
    [b'{"a":"\\ud83d"},', b'"\xff",', b'"\\\\\\\\",', b'"' + b"\\\\" * 50 + b'\\x",', b'"\\', b'"', b"\\", b"1.5,"],
    ids=ascii,
)
def test_the_time_of_reading_damaged_texts_grows_with_their_length(piece: bytes) -> None:
    def seconds(size: int) -> float:
        raw = b"[" + piece * (size // len(piece)) + b'"\\ud83d"]'
        times = []
        for _ in range(3):
            began = time.process_time()
            with suppress(Drift):
                decode(raw, object)
            times.append(time.process_time() - began)
        return min(times)

    assert seconds(400_000) < 40 * seconds(40_000) + 0.05


@unfit
def test_what_is_no_text_to_show_is_in_no_name(text: str) -> None:
    assert shown(text) is None or "<" not in text
    first, second, _ = rows_with(orjson.dumps(text)[1:-1], "Badge")
    assert isinstance(second, Listing)
    for name in (second.trim or "", second.trim_korean or ""):
        assert name.isprintable()
        assert not re.search('[<>"`\\\\\ufffd]', name)
    assert second.untranslated > first.untranslated


@unfit
def test_a_model_that_is_no_text_makes_its_row_unreadable(text: str) -> None:
    _, second, _ = rows_with(orjson.dumps(f"쏘렌토 {text}")[1:-1], "Model")
    assert isinstance(second, LeftOut) or second.model_korean.isascii() is False


@unfit
def test_no_english_name_of_the_sites_is_shown_unfit(text: str) -> None:
    document = orjson.loads(body("encar_detail"))
    document["category"] |= {
        "manufacturerName": "모르는",
        "manufacturerEnglishName": text,
        "modelName": "모르는차",
        "modelGroupName": "모르는차",
        "modelGroupEnglishName": "Some",
    }
    with pytest.raises(Drift):
        _car(orjson.dumps(document))


@unfit
def test_a_name_of_danawas_that_is_no_text_makes_its_row_unreadable(text: str) -> None:
    row = ListRow(f"기아 K5 {text}", 2020, 10_000, 1500, "mpark", "61", "")
    found = names.as_shown(names.normalise(row, WORDS), WORDS)
    if isinstance(found, Listing):  # full-width signs are not in its Korean as such
        assert not re.search("[<>]", f"{found.trim}{found.model_korean}")
    else:
        assert found.reason is LeftOutReason.UNREADABLE


@pytest.mark.parametrize(
    "text", ["2.5 가솔린", "K5\u200b 3세대", "\ufeff더 뉴 쏘렌토", "S&P / R-Line (5인승) '21", "1.6\u00a0터보"]
)
def test_an_ordinary_name_is_shown(text: str) -> None:
    assert shown(text)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("12가3456", "12가3456"),
        ("123하4567", "123하4567"),
        (" 12가 3456 ", "12가 3456"),
        ("서울 12가 3456", "서울 12가 3456"),
        ("경기1가1234", "경기1가1234"),
        ("12가345", None),
        ("1234가5678", None),
        ("12A3456", None),
        ("12ㄱ3456", None),
        ("１２가３４５６", None),
        ("12가3456\u202e", None),
        ("12가\n3456", None),
        ("12가\x003456", None),
        ("<b>12가3456</b>", None),
        ("12가3456<script>", None),
        ("번호판 없음", None),
        ("", None),
        (None, None),
        (123, None),
        ({"no": "12가3456"}, None),
    ],
    ids=ascii,
)
def test_a_plate_is_a_plate_or_null(text: object, kept: str | None) -> None:
    words = WORDS.counting_apart()
    assert plate(text, words) == kept
    counted = isinstance(text, str) and text != "" and kept is None
    assert words.untranslated == ({("plate", "no plate"): 1} if counted else {})


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("KNAMA81ABPK000001", "KNAMA81ABPK000001"),
        (" knama81abpk000001 ", "KNAMA81ABPK000001"),
        ("KNAMA81ABPK00000I", None),
        ("KNAMA81ABPK00000O", None),
        ("KNAMA81ABPK00000Q", None),
        ("KNAMA81ABPK00001", None),
        ("KNAMA81ABPK0000001", None),
        ("KNAMA81ABPK00000\u0661", None),
        ("KNAMA81ABPK00<001", None),
        ("222436", None),
        ("확인불가", None),
    ],
    ids=ascii,
)
def test_a_vin_is_a_vin_or_null(text: str, kept: str | None) -> None:
    assert vin(text, WORDS.counting_apart()) == kept


def test_years_run_from_1950_to_just_ahead_of_the_calendar() -> None:
    this_year = time.gmtime().tm_year
    assert [is_year(year) for year in (1949, 1950, this_year + 1, this_year + 3, 9999)] == [
        False, True, True, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [("FormYear", "9999"), ("FormYear", "1900"), ("Year", 210012.0), ("Year", 194912.0), ("Id", "0"), ("Id", "00042")],
)
def test_a_row_of_no_year_or_no_number_is_unreadable(name: str, value: object) -> None:
    good = orjson.loads(body("encar_search_premium"))["SearchResults"][0]
    kia = WORDS.find_make("Kia")
    assert kia is not None
    page = orjson.dumps({"Count": 2, "SearchResults": [good, good | {name: value}]})
    _, (_, odd) = read_search(page, SearchTarget(kia, "기아"), WORDS)
    assert odd == LeftOut(LeftOutReason.UNREADABLE, None if name == "Id" else good["Id"])


@pytest.mark.parametrize("changes", [{"formYear": "9999"}, {"formYear": 1900}, {"yearMonth": "210012"}], ids=str)
def test_an_advert_of_no_year_is_drift(changes: dict[str, Any]) -> None:
    document = orjson.loads(body("encar_detail"))
    document["category"] |= changes
    with pytest.raises(Drift) as caught:
        _car(orjson.dumps(document))
    assert caught.value.path == f"category.{next(iter(changes))}"


ODD_PATHS = [
    "carpicture//evil.test/a.jpg",
    "//evil.test/a.jpg",
    "/carpicture01//evil.test/a.jpg",
    "/../../a.jpg",
    "/carpicture01/../a.jpg",
    "/carpicture01/%2e%2e/a.jpg",
    "\\\\evil.test\\a.jpg",
    "/carpicture01\\a.jpg",
    "https://evil.test/a.jpg",
    "javascript:alert(1)//a.jpg",
    '/carpicture01/"onerror=x.jpg',
    "/carpicture01/'.jpg",
    "/carpicture01/<b>.jpg",
    "/carpicture01/a\n.jpg",
    "/carpicture01/a\x00.jpg",
    "/carpicture01/a b.jpg",
    "/carpicture01/a.jpg?x=//evil.test",
    "/carpicture01/a.jpg#x",
    "@evil.test/a.jpg",
    ".evil.test/a.jpg",
    "/carpicture01/a.svg",
    "/carpicture01/a.html",
    "/carpicture01/",
    "/",
    "",
    "/" + "a/" * 2000 + "a.jpg",
]


@pytest.mark.parametrize("path", ODD_PATHS, ids=ascii)
def test_a_location_that_is_no_photos_has_no_address(path: str) -> None:
    assert photo_url(path) is None
    for host in ("autoimg.danawa.com", "www.m-park.co.kr"):
        found = names.photo_url(f"https://{host}{path}")
        assert found is None or found.startswith(f"https://{host}/carpicture01/a.")
    document = orjson.loads(body("encar_detail")) | {"photos": [{"path": path, "code": "001", "type": "OUTER"}]}
    assert _car(orjson.dumps(document)).photos == ()


def test_a_photos_location_has_its_address() -> None:
    assert photo_url("/carpicture10/pic4900/49000001_001.jpg") == (
        "https://ci.encar.com/carpicture/carpicture10/pic4900/49000001_001.jpg"
    )


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": "\xff' + b" " * 900_000 + b'"}',
        b'{"a": "\\ud83d", ' + b", ".join(b'"k%d": 1' % number for number in range(30_000)) + b"}",
        b'{"a": "' + b"\\q" * 70_000 + b'"}',
    ],
)
def test_damaged_json_beyond_what_an_answer_has_is_drift_without_a_slow_reading(
    body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(values, "_tolerant", lambda _: pytest.fail("it was read by slower means"))
    with pytest.raises(Drift):
        decode(body, dict[str, object])


def test_a_damaged_page_of_500_rows_is_still_read() -> None:
    row = {f"field{number}": "x" * 20 for number in range(40)}
    page = json.dumps({"Count": 500, "SearchResults": [row] * 500}).encode().replace(b"x" * 20, b"\xff" * 20, 1)
    assert len(page) < values.MOST_DAMAGED
    found = decode(page, dict[str, Any])
    assert len(found["SearchResults"]) == 500
