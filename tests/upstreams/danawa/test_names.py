"""Names of Danawa's rows: what they say, what a row becomes, and every name of a real list of March 2025."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import to_builtins

from dealerproxy.upstreams.car_words import full_trim
from dealerproxy.upstreams.danawa.listing import ListRow, read_list
from dealerproxy.upstreams.danawa.names import as_shown, fuel_said, normalise, photo_url, read_name
from dealerproxy.vehicles.listing import LeftOut, LeftOutReason, Listing
from dealerproxy.vehicles.render import summarise
from dealerproxy.vocabulary import Vocabulary, load

PAGE = Path(__file__).parents[2] / "captures" / "danawa_list" / "body.html"
HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")
ROW = ListRow("기아 K5 2.0 가솔린", 2021, 79_959, 1_850, "mpark", "77", "loadingBridge.php?sCompany=mpark&sDemoNo=77")


def listing(vocabulary: Vocabulary, row: ListRow = ROW) -> Listing:
    found = as_shown(normalise(row, vocabulary), vocabulary)
    assert isinstance(found, Listing)
    return found


@pytest.mark.parametrize(
    ("text", "make", "model", "trim"),
    [
        ("기아 신형 카니발(KA4) 9인승 디젤 노블레스", "Kia", "Carnival", "9-seater Diesel Noblesse (New, KA4)"),
        ("기아 신형쏘렌토 하이브리드(MQ4) 1.6 HEV 시그니처", "Kia", "Sorento", "Hybrid 1.6 HEV Signature (New, MQ4)"),
        (
            "기아 더 뉴봉고Ⅲ화물 1톤 킹캡 초장축 L",
            "Kia",
            "Bongo III",
            "King Cab, Extra-Long, 1 t, L (The New)",
        ),
        ("현대 포터II CRDi 슈퍼캡 ", "Hyundai", "Porter II", "Super Cab CRDi"),
        ("현대 그랜저 (GN7) 2.5 가솔린", "Hyundai", "Grandeur", "2.5 Gasoline (GN7)"),
        ("현대 제네시스DH  ", "Hyundai", "Genesis", "(DH)"),
        ("제네시스 eG80 EV AWD", "Genesis", "G80", "Electrified EV AWD"),
        ("벤츠 E클래스(5세대) E250 익스클루시브", "Mercedes-Benz", "E-Class", "E250 Exclusive (5th Gen)"),
        ("BMW 올뉴5시리즈(G30) 520i M 스포츠", "BMW", "5 Series", "520i M Sport (All New, G30)"),
        ("BMW 그란투리스모(GT) 3시리즈 GT", "BMW", "Gran Turismo", "3 Series GT"),
        ("BMW X5(4세대) M50i", "BMW", "X5", "M50i (4th Gen)"),
        ("BMW X5 M50i", "BMW", "X5", "M50i"),
        ("푸조 e-208 e-208 GT 라인", "Peugeot", "208", "e-208 GT Line"),
        ("랜드로버 레인지로버 이보크(2세대) 2.0 P250 SE", "Land Rover", "Range Rover Evoque", "2.0 P250 SE (2nd Gen)"),
        ("토요타 라브4(4세대) 2.5 2WD", "Toyota", "RAV4", "2.5 2WD (4th Gen)"),
        ("도요타 캠리 (XV70) 2.5 XLE", "Toyota", "Camry", "2.5 XLE (XV70)"),
        ("쉐보레(대우) 올 뉴말리부 2.0 LTZ", "Chevrolet", "Malibu", "2.0 LTZ (All New)"),
        ("쉐보레(GM대우) 트랙스 크로스오버", "Chevrolet", "Trax", "Crossover"),
        ("쉐보레 트레일블레이저 1.35 RS", "Chevrolet", "Trailblazer", "1.35 RS"),
        ("르노삼성 더 뉴 QM6 2.0 LPe", "Renault", "QM6", "2.0 LPe (The New)"),
        ("KG모빌리티(쌍용) 렉스턴 스포츠 칸 2.2", "KG Mobility", "Rexton", "Sports Khan 2.2"),
        ("세보모빌리티(캠시스) 쎄보-C SE", "Cammsys", "CEVO", "SE"),
        ("피아트 500 1.4 라운지", "Fiat", "500", "1.4 Lounge"),
    ],
)
def test_a_name_tells_make_model_and_trim(
    vocabulary: Vocabulary, text: str, make: str, model: str, trim: str | None
) -> None:
    named = read_name(text, vocabulary)
    assert named.make is not None
    assert named.model is not None
    shown = full_trim(named.trim, named.generation)
    assert (named.make.name, named.model.name, shown) == (make, model, trim)


@pytest.mark.parametrize("text", ["", "기아", "기아 없는차", "모르는회사 K5 2.0", "K5 2.0", "현대 쏘렌토"])
def test_a_name_nobody_knows_has_no_model(vocabulary: Vocabulary, text: str) -> None:
    assert read_name(text, vocabulary).model is None


def test_a_label_with_two_facets_finds_the_model_in_either(vocabulary: Vocabulary) -> None:
    assert read_name("쉐보레 콜벳", vocabulary).facet == "쉐보레"
    assert read_name("쉐보레 트랙스", vocabulary).facet == "쉐보레(GM대우)"


@pytest.mark.parametrize(
    ("text", "fuel"),
    [
        ("2.2 디젤 4WD", "diesel"),
        ("1.6 가솔린 터보", "gasoline"),
        ("2.0 LPi 렌터카", "lpg"),
        ("2.0 LPe", "lpg"),
        ("3.5 LPG 투어러", "lpg"),
        ("하이브리드 1.6 HEV", "hybrid"),
        ("LPi 하이브리드", "hybrid"),
        ("1.6 가솔린 하이브리드", "gasoline_hybrid"),
        ("디젤 하이브리드", "diesel_hybrid"),
        ("플러그인 하이브리드", "plug_in_hybrid"),
        ("2.0 P-HEV 가솔린", "plug_in_hybrid"),
        ("일렉트릭 카고", "electric"),
        ("EV6 롱 레인지", "electric"),
        ("전기차 EV", "electric"),
        ("넥쏘 FCEV", "hydrogen"),
        ("수소전기차", "hydrogen"),
        ("가솔린 디젤", None),
        ("하이브리드 EV", None),
        ("디젤 가솔린 하이브리드", None),
        ("플러그인 EV", None),
        ("바이퓨얼", None),
        ("가솔린 LPG 겸용", None),
        ("CRDi TDI dCi GDi", None),
        ("530e RZ 450e 500e", None),
        ("전기형 LPX HELP EVO", None),
        ("", None),
    ],
)
def test_the_fuel_is_taken_only_from_words_that_name_it(vocabulary: Vocabulary, text: str, fuel: str | None) -> None:
    assert fuel_said(text, "", vocabulary) == fuel


def test_drive_and_engine_are_what_the_name_says_and_an_electric_car_has_no_engine(vocabulary: Vocabulary) -> None:
    named = read_name("기아 더 뉴쏘렌토(MQ4) 2.2 디젤 4WD", vocabulary)
    assert (named.fuel, named.engine_cc, named.drivetrain) == ("diesel", 2200, "4WD")
    assert read_name("기아 봉고Ⅲ EV 1.2톤 2.0", vocabulary).engine_cc is None
    assert read_name("쉐보레(대우) 트레일블레이저 1.35 가솔린", vocabulary).engine_cc is None


def test_a_row_becomes_a_listing_with_every_field(vocabulary: Vocabulary) -> None:
    row = read_list(PAGE.read_bytes()).rows[0]
    assert isinstance(row, ListRow)
    assert to_builtins(listing(vocabulary, row)) == {
        "type": "Listing",
        "upstream": "danawa",
        "listing_id": "9900000001",
        "vehicle_key": "9900000001",
        "original": True,
        "make": "Hyundai",
        "model": "Grandeur",
        "trim": "Gasoline 2.5 2WD Exclusive (The New, IG)",
        "year": 2021,
        "registered": 202112,
        "month_known": False,
        "mileage_km": 39_959,
        "price_krw": 23_900_000,
        "fuel": "gasoline",
        "fuel_word": None,
        "transmission": None,
        "transmission_word": None,
        "engine_cc": None,
        "drivetrain": "2WD",
        "body": "sedan",
        "thumbnail_url": "https://www.m-park.co.kr/AttEdit/CarPhoto/Middle/0990001/9900000001R1.jpg",
        "url": "https://auto.danawa.com/usedcar/loadingBridge.php?refer=usedcarList&sCompany=mpark&sDemoNo=9900000001",
        "seller_type": None,
        "region": None,
        "model_korean": "더 뉴그랜저IG 가솔린 2.5 2WD 익스클루시브",
        "trim_korean": "가솔린 2.5 2WD 익스클루시브",
        "untranslated": 0,
        "colour": None,
        "options": (),
        "vehicle": None,
        "generation": "The New, IG",
        "truck": None,
    }


def test_what_is_no_offer_is_left_out_with_its_reason(vocabulary: Vocabulary) -> None:
    rows = [row for row in read_list(PAGE.read_bytes()).rows if isinstance(row, ListRow)]
    found = {row.listing_id[-2:]: normalise(row, vocabulary) for row in rows}
    assert {number: entry.reason for number, entry in found.items() if isinstance(entry, LeftOut)} == {
        "06": LeftOutReason.SOLD_OR_RESERVED,
        "07": LeftOutReason.OTHER_FEEDER,
        "08": LeftOutReason.UNKNOWN_MODEL,
        "09": LeftOutReason.PLACEHOLDER_PRICE,
        "10": LeftOutReason.PLACEHOLDER_MILEAGE,
    }


@pytest.mark.parametrize(("price", "kept"), [(0, False), (1, True), (9_999, True), (19_900, True), (99_999, False)])
def test_a_placeholder_price_is_told_as_on_encar(vocabulary: Vocabulary, price: int, kept: bool) -> None:
    assert isinstance(normalise(ROW._replace(price_manwon=price), vocabulary), LeftOut) is not kept


def test_turismo_is_no_lease(vocabulary: Vocabulary) -> None:
    car = listing(vocabulary, ROW._replace(name="KG모빌리티(쌍용) 코란도 투리스모 2.2 4WD"))
    assert (car.model, car.trim) == ("Korando", "Turismo 2.2 4WD")


def test_an_unknown_make_and_an_unknown_model_are_counted() -> None:
    fresh = load()
    for name in ("모르는회사 K5", "기아 없는차"):
        assert normalise(ROW._replace(name=name), fresh) == LeftOut(LeftOutReason.UNKNOWN_MODEL, "77")
    assert fresh.untranslated == {("make", "모르는회사 K5"): 1, ("model", "기아 없는차"): 1}


def test_a_word_without_english_is_left_out_and_counted() -> None:
    fresh = load()
    car = listing(fresh, ROW._replace(name="기아 K5 2.0 뷁뷁 노블레스"))
    assert (car.trim, car.trim_korean, car.untranslated) == ("2.0 Noblesse", "2.0 뷁뷁 노블레스", 1)
    assert fresh.untranslated == {("trim", "뷁뷁"): 1}


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("http://www.m-park.co.kr/a/1R1.jpg", "https://www.m-park.co.kr/a/1R1.jpg"),
        ("//autoimg.danawa.com/1_thumb.jpg?x=1", "https://autoimg.danawa.com/1_thumb.jpg?x=1"),
        ("https://www.kukmincha.com/p/1.jpg", "https://www.kukmincha.com/p/1.jpg"),
        ("https://evil.example/1.jpg", None),
        ("https://xdanawa.com/1.jpg", None),
        ("https://www.m-park.co.kr.evil.example/1.jpg", None),
        ("https://www.m-park.co.kr@evil.example/1.jpg", None),
        ("https://www.m-park.co.kr:8080/1.jpg", None),
        ("javascript://danawa.com/1", None),
        ("/AttEdit/1.jpg", None),
        ("https://autoimg.danawa.com/사진.jpg", None),
        ("https://autoimg.danawa.com/a b.jpg", None),
        ("", None),
    ],
)
def test_a_picture_is_shown_only_from_a_known_host_and_over_https(address: str, url: str | None) -> None:
    assert photo_url(address) == url


PARTS = [
    "기아",
    "현대",
    "쉐보레",
    "K5",
    "X5",
    "포터II",
    "더",
    "뉴",
    "2.0",
    "하이브리드",
    "뷁",
    "(MQ4)",
    "(",
    "봉고Ⅲ",
    "１",
]


@given(st.lists(st.sampled_from(PARTS)))
def test_any_name_is_read_without_korean_in_its_english(vocabulary: Vocabulary, words: list[str]) -> None:
    found = as_shown(normalise(ROW._replace(name=" ".join(words)), vocabulary), vocabulary)
    if isinstance(found, Listing):
        assert not HANGUL.search(str(to_builtins(summarise(found, 1300.0))))


@given(st.text())
def test_any_text_is_a_name(vocabulary: Vocabulary, text: str) -> None:
    read_name(text, vocabulary)
    named = read_name(f"기아 K5 {text}", vocabulary)
    assert named.make is not None
    assert named.korean.startswith("K5")


def test_every_name_of_a_real_list_tells_its_make_and_nearly_every_one_its_model(
    vocabulary: Vocabulary, captures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (captures / "danawa" / "list_rows_73pages_2025-03.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row["car_name"] != "[]"]
    named = [read_name(row["car_name"], vocabulary) for row in rows]
    unresolved = [row["car_name"] for row, name in zip(rows, named, strict=True) if name.model is None]
    fuels = Counter(name.fuel for name in named)
    words = Counter(word for name in named for word in vocabulary.translate(name.trim.korean or "")[1])
    with capsys.disabled():
        print(f"\n{len(rows)} names: make {sum(n.make is not None for n in named)}, without a model {unresolved}")
        print(f"trim words without English: {dict(words)}; fuels: {dict(fuels)}")
    assert (len(lines), len(rows)) == (2263, 2190)
    assert all(name.make is not None for name in named)
    assert len(unresolved) <= 0.02 * len(rows)
    for row, name in zip(rows, named, strict=True):
        assert not HANGUL.search(name.trim.english or ""), row
        assert name.facet is not None


def test_every_row_of_a_real_list_is_read_from_the_markup_it_was_taken_from(
    vocabulary: Vocabulary, captures: Path
) -> None:
    lines = (captures / "danawa" / "list_rows_73pages_2025-03.jsonl").read_text(encoding="utf-8").splitlines()
    rows = list(map(json.loads, lines))
    items = []
    for number, row in enumerate(rows):
        if row["car_name"] == "[]":
            items.append("banner")
            continue
        items.append(
            f'<a class="name" href="loadingBridge.php?sCompany=mpark&amp;sDemoNo={number}">\n {row["car_name"]}</a>'
            f'<div class="col year"><div class="middle">{row["car_year"]}</div></div>'
            f'<div class="col km"><div class="middle">{row["car_km"]}</div></div>'
            f'<div class="col price"><div class="middle"><span class="num">{row["car_price"]}</span>만원</div></div>'
        )
    page = read_list(f'<div id="usedcarList"><ul><li>{"<li>".join(items)}</ul></div>'.encode())
    found = [row for row in page.rows if isinstance(row, ListRow)]
    assert len(found) == len(page.rows) == 2190
    for row in found:
        source = rows[int(row.listing_id)]
        assert row.name == " ".join(source["car_name"].split())
        assert (f"{row.year}", f"{row.mileage_km:,}km", f"{row.price_manwon:,}") == (
            source["car_year"],
            source["car_km"],
            source["car_price"],
        )
        assert row.mark is None
        car = listing(vocabulary, row)
        assert not HANGUL.search(str(to_builtins(summarise(car, 1300.0))))


def test_a_model_is_not_put_together_from_parts_of_two_words(vocabulary: Vocabulary) -> None:
    for name, model in (("기아 신형 K5 2.0 LPI 렌터카 스타일", "K5"), ("랜드로버 레인지로버 스포츠팩", "Range Rover")):
        assert read_name(name, vocabulary).model.name == model  # type: ignore[union-attr]
