"""Nothing personal of a page is left anywhere in its capture, and what was put in its place parses as before."""

import json
import re
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from yarl import URL

from dealerproxy.captures import capture as saved
from dealerproxy.captures.capture import Capture
from dealerproxy.captures.expectations import compared
from dealerproxy.captures.maker import Maker
from dealerproxy.captures.reading import read
from dealerproxy.captures.scrub.stand_ins import Kind, StandIns, masked
from dealerproxy.captures.scrub.texts import ScrubError
from dealerproxy.captures.sites import recognise
from dealerproxy.transport.response import Response
from dealerproxy.vocabulary import Vocabulary

from .conftest import AT, FIXTURES, Make

DETAIL = "https://api.encar.com/v1/readside/vehicle/49000001"
SEARCH = "https://api.encar.com/search/car/list/premium?count=true&q=Hidden.N.&sr=%7CYear%7C0%7C48"
PAGE = "https://fem.encar.com/cars/detail/49000001"
LIST = "https://auto.danawa.com/usedcar/?Work=list&Tab=list&Page=1&Order=8&Brand=307&Series=&Model="
RECORD = "https://api.encar.com/v1/readside/record/vehicle/49000001/open"
# What a capture may change in what is read: the fields that are personal themselves, and the dangers found in people's
# own words, which a capture masks.
PERSONAL_FIELDS = {
    *("car.vin", "car.license_plate", "vin", "report.inspector_notes"),
    *("car.seller_mentions", "car.seller_mentions[]", "report.accident_summary", "report.flood", "report.fire"),
    *("report.issues", *(f"report.issues[].{key}" for key in ("category", "status", "detail", "faults[]", "type"))),
}

PLATES = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "서울", "경기 "]),
    st.integers(10, 699),
    st.sampled_from("가나라마버조하허호"),
    st.integers(1000, 9999),
)
VINS = st.from_regex(re.compile(r"\A(KMH|KNA|WBA|5YJ)[A-HJ-NPR-Z1-9]{8}[1-9]{6}\Z"))
PHONES = st.builds(
    "{}-{}-{}".format, st.sampled_from(["010", "050", "02", "031"]), st.integers(2000, 9999), st.integers(1000, 9999)
)
# Names of people and firms that are no words of the sites' own.
NAMES = st.builds(
    "".join, st.tuples(st.sampled_from("김이박최정강"), st.sampled_from("도서예준쥬"), st.sampled_from("윤훤빈흠욱"))
)
FIRMS = st.builds("{}모터스".format, NAMES)
USERS = st.from_regex(re.compile(r"\A[a-z]{3,8}[1-9]{3,6}\Z"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scrubbed")


def stored(capture: Capture, folder: Path) -> str:
    """Everything that is on the disk of a capture."""
    saved.write(folder / "one", capture)
    text = "\n".join(path.read_bytes().decode("utf-8", "replace") for path in (folder / "one").iterdir())
    saved.remove(folder / "one")
    return text


def body_of(name: str) -> Any:
    return orjson.loads((FIXTURES / name / "body.json").read_bytes())


# What is put in place of what


@given(PLATES | st.sampled_from(["12가XXXX", "12 가 3456", "34하****"]))
def test_a_plate_becomes_one_that_cannot_be_real(plate: str) -> None:
    found = StandIns().of(Kind.PLATE, plate)
    assert found != plate
    assert len(found) == len(plate)
    assert re.sub(r"\d", "0", found) == re.sub(r"\d", "0", plate)
    assert re.search(r"(?<!\d)00+\s?[가-힣]", found)


@given(VINS)
def test_a_vin_keeps_its_length_its_alphabet_and_its_maker(vin: str) -> None:
    found = StandIns().of(Kind.VIN, vin)
    assert found != vin
    assert found[:3] == vin[:3]
    assert re.fullmatch(r"[A-HJ-NPR-Z0-9]{17}", found)


@given(st.lists(PLATES, min_size=2, max_size=6))
def test_the_same_value_has_the_same_stand_in_and_others_have_others(plates: list[str]) -> None:
    standins = StandIns()
    first = [standins.of(Kind.PLATE, plate) for plate in plates]
    assert [standins.of(Kind.PLATE, plate) for plate in plates] == first
    serials = [re.sub(r"\D", "", found)[-4:] for found in first]
    assert len(set(serials)) == len({plate.strip("서울경기 ") for plate in plates})


@given(st.text(max_size=40))
def test_a_masked_text_keeps_its_length_and_marks_and_none_of_its_letters(text: str) -> None:
    found = masked(text.replace("\\", "").replace("&", ""))
    assert re.sub(r"[가나다라마바사아자차카타파하xX0]", "", found) == re.sub(r"[^\W_]", "", found)
    assert masked(found) == found


def test_escapes_of_a_masked_text_are_kept_but_for_letters() -> None:
    assert masked(r'"\uae40 \n\"a&#44608;&amp;\u003c"') == r'"가 \n\"x나&amp;\u003c"'


# Nothing personal survives


@given(data=st.data())
def test_no_personal_value_of_an_advert_is_left_anywhere(data: st.DataObject, maker: Maker, folder: Path) -> None:
    plate, vin, phone = data.draw(PLATES), data.draw(VINS), data.draw(PHONES)
    name, firm, user = data.draw(NAMES), data.draw(FIRMS), data.draw(USERS)
    document = body_of("encar_detail")
    document["vehicleNo"], document["vin"] = plate, vin
    document["contact"] |= {"userId": user, "no": phone, "address": f"경기 수원시 {name}로 12"}
    document["advertisement"]["oneLineText"] = f"{name} 팀장 {phone} 문의, 차량 {plate}"
    document["partnership"] = {"dealer": {"userId": user, "name": name, "firm": {"code": "12345678", "name": firm}}}
    document["contents"] = {"text": f"{firm} {user} {vin}", "meetGoText": None}
    # Keys that nobody has seen yet.
    document["sellerInfo"] = {
        "nick": name,
        "talk": phone,
        "handle": user,
        "certNo": 1098765432101,
        "jwt": f"eyJhbGciOi.{vin}",
    }
    url = URL(DETAIL).with_query(vehicleNo=plate, from_=user)
    page = recognise(url)
    assert page is not None
    headers = {"Set-Cookie": f"id={user}", "X-Auth-Token": user, "ETag": '"9f8e-tag"', "X-Owner": f"{plate} {phone}"}
    made = maker.make("one", page, Response(200, CIMultiDict(headers), orjson.dumps(document)), at=AT)
    text = stored(made, folder)
    for value in (plate, vin, phone, name, firm, user, "12345678", "1098765432101", "9f8e-tag"):
        assert value not in text, value
    assert set(made.about.dropped_headers) == {"Set-Cookie", "X-Auth-Token", "ETag"}


@given(data=st.data())
def test_no_personal_value_of_a_page_is_left_in_its_markup(data: st.DataObject, make: Make) -> None:
    plate, vin, phone = data.draw(PLATES), data.draw(VINS), data.draw(PHONES)
    name, firm, user = data.draw(NAMES), data.draw(FIRMS), data.draw(USERS)
    state = {
        "cars": {"base": {"vehicleNo": plate, "vin": vin, "partnership": {"dealer": {"name": name, "userId": user}}}}
    }
    coded = "".join(f"&#{ord(char)};" for char in name)
    page = f"""<html><head><title>{name}님의 차 {plate}</title><meta name="csrf-token" content="{user}x9">
    <script>__PRELOADED_STATE__ = {json.dumps(state, ensure_ascii=False)}</script>
    <script>var dealerName = '{name}', owner = {{"userId": "{user}"}}; track("{firm}"); // {name}</script></head>
    <body data-user={user}><p class=hx1>{firm}</p><strong title="{name}">{name}</strong> <i>{coded}</i>
    <li>종사원증번호 CN24-01599</li><a href="tel:{phone}">{phone}</a> <!-- {firm} --> <b>{vin}</b>
    <a href="/shop?who={"".join(f"%{byte:02X}" for byte in plate.encode())}">< {name} ></a><p "{name}>"""
    made = make(PAGE, page.encode())
    found = made.response.body.decode()
    for value in (plate, vin, phone, name, firm, user, coded, "CN24-01599", f"%{plate.encode()[-1]:02X}"):
        assert value not in found, value


def test_escaped_and_quoted_otherwise_a_name_is_still_found(make: Make) -> None:
    body = (
        rb"""{"DealerName": "\uae40\ub3c4\uc724", 'OfficeName': '\xea\xb9\x80', "SearchResults": [{'who': 'dealer778'"""
    )
    body = body.replace(rb"\xea\xb9\x80", "도윤모터스".encode())
    found = make(SEARCH, body).response.body.decode()
    assert "\\uae40" not in found
    assert "도윤" not in found
    assert "dealer778" not in found


def test_a_page_in_cp949_is_scrubbed_and_stays_in_cp949(make: Make) -> None:
    body = (FIXTURES / "danawa_list_cp949" / "body.html").read_bytes()
    body = body.replace(b"</ul>", "<li>판매자 홍길동 12가3456</li></ul>".encode("cp949"))
    made = make(LIST, body, headers={"Content-Type": "text/html; charset=euc-kr"})
    assert made.about.charset == "cp949"
    text = made.response.body.decode("cp949")
    assert "홍길동" not in text
    assert "12가3456" not in text
    assert "00가0001" in text


def test_bytes_of_no_charset_stay_and_hide_no_name(make: Make) -> None:
    body = '{"SearchResults": [{"Badge": "@@", "DealerName": "홍@@길동"}]}'.encode().replace(b"@@", b"\xff\xfe")
    found = make(SEARCH, body).response.body
    assert b'"Badge": "\xff\xfe"' in found
    assert "길".encode() not in found


def test_what_is_left_over_is_written_nowhere(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dealerproxy.captures.scrub.bodies.is_harmless", lambda *_: True)
    monkeypatch.setattr("dealerproxy.captures.scrub.texts.identities", lambda _: [])
    with pytest.raises(ScrubError, match="a plate remains in the page"):
        make(DETAIL, '{"vehicleNo": "12가3456", "x": "12가3456"}'.encode())


# What stays


@pytest.mark.parametrize("path", saved.find(FIXTURES), ids=lambda path: path.name)
def test_a_scrubbed_fixture_reads_as_before_but_for_its_personal_fields(
    path: Path, maker: Maker, vocabulary: Vocabulary
) -> None:
    fixture = saved.read(path)
    page = recognise(fixture.url)
    assert page is not None
    before = read(fixture, vocabulary)
    made = maker.make(path.name, page, fixture.response, at=fixture.about.captured_at)
    after = read(made, vocabulary)
    changed = {field for field, found in compared(before.outcome, after.outcome).items() if found}
    assert changed <= PERSONAL_FIELDS


@pytest.mark.parametrize("path", saved.find(FIXTURES), ids=lambda path: path.name)
def test_scrubbing_what_is_scrubbed_changes_nothing(path: Path, maker: Maker) -> None:
    fixture = saved.read(path)
    page = recognise(fixture.url)
    assert page is not None
    once = maker.make(path.name, page, fixture.response, at=AT)
    twice = maker.make(path.name, page, once.response, at=AT)
    assert twice.response.body == once.response.body


def test_only_the_spans_that_are_personal_change(make: Make) -> None:
    body = '{"Count":  1.0,"SearchResults":[{"Id":"49000001","Year":202305.0,"DealerName":"홍길동" ,}]'
    assert make(SEARCH, body.encode()).response.body.decode() == body.replace("홍길동", "가가나")


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("ADVERTISE", True),
        ("2026-11-20T03:00:00", True),
        ("더 뉴 쏘렌토 4세대", True),
        ("디젤 2.2 4WD", True),
        ("현대", True),
        ("/carpicture04/pic3964/39648901_001.jpg", True),
        ("홍길동", False),
        ("현대 홍길동", False),
        ("kimdoyun77", False),
        ("쏘렌토 문의 010-1234-5678", False),
    ],
)
def test_under_a_new_key_only_what_is_known_to_be_harmless_stays(make: Make, value: str, kept: bool) -> None:
    found = orjson.loads(make(SEARCH, orjson.dumps({"brandNew": value})).response.body)
    assert (found["brandNew"] == value) is kept
    assert len(found["brandNew"]) == len(value)


@pytest.mark.parametrize(
    "value", ["HONG", "Hong Gildong", "gildong", "0101234567", "/dealerphoto/77/gildong.jpg", "무사고 hong"]
)
@pytest.mark.parametrize("key", ["oneLineText", "AdWords", "comments", "DealerPhoto", "DealerName", "userId"])
def test_latin_letters_and_numbers_are_no_less_personal(make: Make, key: str, value: str) -> None:
    found = make(SEARCH, orjson.dumps({key: value})).response.body.decode()
    assert value not in found
    assert "ildong" not in found


def test_where_a_redirect_leads_is_kept_without_its_secrets(make: Make) -> None:
    headers = {"Location": "https://api.encar.com/login?token=s3cr3t99&vehicleNo=12가3456&next=/a&sid=SECRET&u=홍길동"}
    made = make(SEARCH, b"", status=302, headers=headers)
    assert made.response.headers["Location"] == (
        "https://api.encar.com/login?token=user0001&vehicleNo=00가0001&next=/x&sid=XXXXXX&u=가나다"
    )


@pytest.mark.parametrize(
    ("url", "body"),
    [
        (PAGE, '<html><a href="https://x.example/p?token=s3cr3t99&memberId=gildong7">more</a></html>'),
        (PAGE, "<html><p>session=s3cr3t99; userId=gildong7</p></html>"),
        (DETAIL, '{"photo": "/a.jpg?accessToken=s3cr3t99&loginId=gildong7"}'),
        (DETAIL, "denied: session_id=s3cr3t99 member_id=gildong7"),
    ],
)
def test_what_an_address_carries_under_a_telling_name_goes(make: Make, url: str, body: str) -> None:
    found = make(url, body.encode()).response.body.decode()
    assert "s3cr3t99" not in found
    assert "gildong7" not in found
    assert len(found) == len(body)


@pytest.mark.parametrize(
    "number", ["０１０-１２３４-５６７８", "０１０－１２３４－５６７８", "010‑1234‑5678", "０１０．１２３４．５６７８"]
)
@pytest.mark.parametrize("around", ['{{"brandNew": "{}"}}', '{{"AdWords": "{}"}}', '{{"Model": "{}"}}', "<p>{}</p>"])
def test_a_telephone_number_in_wide_digits_is_one_too(make: Make, around: str, number: str) -> None:
    found = make(PAGE if "<" in around else DETAIL, around.format(number).encode()).response.body.decode()
    assert not set("2345678２３４５６７８") & set(found)


def test_only_the_number_of_a_row_is_no_name_of_a_person(make: Make) -> None:
    body = b'{"SearchResults": [{"Id": "41804269"}], "member": {"id": "gildong7"}}'
    found = orjson.loads(make(SEARCH, body).response.body)
    assert found == {"SearchResults": [{"Id": "41804269"}], "member": {"id": "xxxxxxx0"}}


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "<",
            "<a<",
            "<script",
            "<!--",
            '<a b="',
            "<a b='",
            "a=",
            '"',
            "{",
            "[",
            "\\",
            "%41",
            "a%",
            "@a",
            "a.a@",
            "eyJ",
        ),
        *(
            "A1",
            "01",
            "010-",
            "1.",
            "가",
            "가1",
            "&#44032;",
            "\\uac00",
            "홍길동 ",
            '"DealerName":"홍',
            "년 ",
            "https://a/",
        ),
    ],
)
@pytest.mark.parametrize("start", ["", "<html>", '{"a":"'])
@pytest.mark.parametrize(("size", "longest_s"), [(12_000, 1.0), pytest.param(100_000, 8.0, marks=pytest.mark.slow)])
def test_a_page_made_to_hold_us_up_is_scrubbed_in_time(
    make: Make, start: str, piece: str, size: int, longest_s: float
) -> None:
    body = (start + piece * (size // len(piece))).encode()
    began = time.process_time()  # whatever else this machine does meanwhile
    make(PAGE, body)
    assert time.process_time() - began < longest_s


def test_an_inspectors_standing_phrase_stays_and_anything_else_goes(make: Make) -> None:
    sheet = "https://api.encar.com/v1/readside/inspection/vehicle/1"
    for comments, kept in (
        ("특이사항 없음.", True),
        ("특이사항 없음. 홍길동", False),
        ("국민 257601-04-211425", False),
    ):
        found = orjson.loads(make(sheet, orjson.dumps({"comments": comments})).response.body)
        assert (found["comments"] == comments) is kept


@pytest.mark.parametrize(
    "text",
    [
        "판매완료",
        "판매 보류",
        "계약중",
        "예약",
        "거래종료",
        "월 납입 25만원",
        "검색 조건에 맞는 차량이 없습니다.",
        "39,959km",
    ],
)
def test_what_danawas_list_says_of_a_car_or_of_none_stays(make: Make, text: str) -> None:
    body = f'<div id="usedcarList"><ul><li><span>{text}</span></li></ul></div>'.encode()
    assert make(LIST, body).response.body == body


def test_a_sentence_stays_in_danawas_list_and_nowhere_else(make: Make) -> None:
    body = "<html><p>등록하신 차량이 존재하지 않습니다.</p></html>".encode()
    assert make(LIST, body).response.body == body
    assert make(PAGE, body).response.body != body


def test_an_answer_that_is_no_document_is_scrubbed_too(make: Make) -> None:
    for body, left in ((b"upstream connect error", b"upstream connect error"), (b"", b"")):
        assert make(SEARCH, body, status=503).response.body == left
    assert "홍길동" not in make(SEARCH, "홍길동 010-1234-5678".encode()).response.body.decode()
