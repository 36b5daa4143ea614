"""What a car buyer reads: words that depend on their place, conversions that never vanish, the words of the papers."""

import json
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy.upstreams.car_words import full_trim, trim
from dealerproxy.upstreams.danawa.names import Named, read_name
from dealerproxy.vocabulary import Make, Vocabulary, VocabularyError, load
from dealerproxy.vocabulary.text import UNTRANSLATED

FOLDER = Path(__file__).parent.parent / "translations"
WORDS = load()


# Words that depend on their place


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("LPG 겸용", "LPG Bi-Fuel"),
        ("LPG겸용", "LPG Bi-Fuel"),
        ("가솔린/LPG겸용", "Gasoline/LPG Bi-Fuel"),
        ("가솔린 겸용", "Gasoline Bi-Fuel"),
        ("LPi(겸용)", "LPi (Bi-Fuel)"),
        ("승합 겸용", "Passenger Van Dual-Use"),
        ("겸용", "Dual-Use"),
        ("렉스턴 스포츠 칸", "Rexton Sports Khan"),
        ("렉스턴스포츠칸", "Rexton Sports Khan"),
        ("코란도 스포츠", "Korando Sports"),
        ("액티언 스포츠", "Actyon Sports"),
        ("무쏘 스포츠", "Musso Sports"),
        ("M 스포츠", "M Sport"),
        ("스포츠 렉스턴", "Sport Rexton"),
        ("4매틱", "4MATIC"),
        ("4 매틱", "4MATIC"),
        ("매틱", "MATIC"),
        ("4매틱+ 쿠페", "4MATIC+ Coupe"),
        ("그랑 쿠페", "Gran Coupe"),
        ("그랑쿠페", "Gran Coupe"),
        ("그랑 투리스모", "Gran Turismo"),
        ("그랑 콜레오스", "Grand Koleos"),
        ("20주년 기념", "20th Anniversary"),
        ("20주년기념 에디션", "20th Anniversary Edition"),
        ("1주년", "1st Anniversary"),
        ("2주년", "2nd Anniversary"),
        ("3주년", "3rd Anniversary"),
        ("11주년", "11th Anniversary"),
        ("12주년", "12th Anniversary"),
        ("13주년", "13th Anniversary"),
        ("50 주년", "50th Anniversary"),
        ("61주년", "61st Anniversary"),
        ("100주년", "100th Anniversary"),
        ("월드컵 기념", "World Cup Commemorative"),
        ("7 인승", "7-seater"),
        ("M16 GDi 탑", "M16 GDi Top"),
        ("위트 1.6 GDI 탑", "Wit 1.6 GDI Top"),
        ("슈퍼캡 탑", "Super Cab Box Body"),
        ("저상 버스", "Low Floor Bus"),
        ("소프트 탑", "Soft Top"),
        ("하드탑", "Hard Top"),
        ("어린이 보호차 15인승", "School Bus 15-seater"),
        ("장애인용 슬로프", "Disability Spec Slope"),
        ("LPe 장애인용", "LPe Disability Spec (LPG)"),
        ("윈도우밴", "Window Van"),
        ("저상", "Low Bed"),
    ],
)
def test_a_word_goes_by_the_words_beside_it(text: str, english: str) -> None:
    assert WORDS.translate(text) == (english, ())


@pytest.mark.parametrize(
    ("make", "text", "english"),
    [
        ("Smart", "패션 쿠페", "Passion Coupe"),
        ("KG Mobility", "CX5 2WD 패션", "CX5 2WD Fashion"),
        (None, "패션", "Fashion"),
        ("Ford", "보스 302", "Boss 302"),
        ("Kia", "보스 패키지", "Bose Package"),
        ("Jeep", "루비콘 파워탑", "Rubicon Power Top"),
        ("Jeep", "루비콘 파워 탑", "Rubicon Power Top"),
        ("Hyundai", "파워탑", "Power-Gate Box"),
        (None, "보스", "Bose"),
    ],
)
def test_a_word_goes_by_the_make(make: str | None, text: str, english: str) -> None:
    assert WORDS.translate(text, make) == (english, ())


@pytest.mark.parametrize(
    ("texts", "after", "english"),
    [
        (("스포츠 칸",), "더 뉴 렉스턴", "Sports Khan"),
        (("스포츠 칸",), "싼타페", "Sport Khan"),
        (("LPG", "겸용"), None, "LPG Bi-Fuel"),
        (("승합", "겸용"), None, "Passenger Van Dual-Use"),
        (("(세부등급 없음)", "스포츠"), "코란도", "Sports"),  # what says nothing stands between nothing
    ],
)
def test_the_word_before_may_stand_in_the_name_or_the_grade_before(
    texts: tuple[str, ...], after: str | None, english: str
) -> None:
    assert trim(texts, WORDS, None, after).english == english


# The same names as Danawa's list has them


@pytest.mark.parametrize(
    ("name", "english"),
    [
        ("KG모빌리티(쌍용) 렉스턴 스포츠 칸 디젤 2.2", "Sports Khan Diesel 2.2"),
        ("KG모빌리티(쌍용) 코란도 스포츠 CX5 2WD 패션", "Sports CX5 2WD Fashion"),
        ("벤츠 E클래스(6세대) E53 AMG 4매틱+", "E53 AMG 4MATIC+"),
        ("현대 아반떼MD M16 GDi 탑", "M16 GDi Top"),
        ("현대 포터II 내장탑차 저상", "Low Bed Dry Box"),
        ("현대 포터II 냉동탑차 슈퍼캡 트윈컴프", "Super Cab, Refrigerated Box, Twin Compressor"),
        ("현대 포터II 트랜스파워게이트", "Tail Lift"),
        ("르노(삼성) SM6 2.0 LPe 장애인용 RE", "2.0 LPe Disability Spec (LPG) RE"),
    ],
)
def test_a_name_on_danawa_is_read_alike(name: str, english: str) -> None:
    named = read_name(name, WORDS)
    assert full_trim(named.trim, named.generation._replace(english=None)) == english


# Conversions and uses


@pytest.mark.parametrize(
    ("korean", "english"),
    [
        ("탑", "Box Body"),
        ("탑차", "Box Body"),
        ("내장탑", "Dry Box"),
        ("냉동탑", "Refrigerated Box"),
        ("냉장탑차", "Chilled Box"),
        ("활어운반차", "Live-Fish Truck"),
        ("미닫이탑차", "Sliding-Door Box"),
        ("파워탑", "Power-Gate Box"),
        ("파워게이트", "Tail Lift"),
        ("장축고상", "Long High Bed"),
        ("초장축고상", "Extra-Long High Bed"),
        ("저상형", "Low Bed"),
        ("렉카", "Tow Truck"),
        ("견인차", "Tow Truck"),
        ("살수차", "Water Truck"),
        ("캠핑카", "Camper"),
        ("수출형", "Export Version"),
        ("장애인", "Disability Spec (LPG)"),
        ("장애인용", "Disability Spec (LPG)"),
        ("일반인", "Private-Buyer (LPG)"),
        ("개인택시", "Owner-Operated Taxi"),
        ("택시형", "Taxi"),
        ("렌터카", "Rental"),
        ("복지차", "Mobility Vehicle"),
        ("슬로프", "Slope"),
        ("관용", "Government"),
        ("경찰차", "Police"),
        ("운전교습용", "Driving School"),
        ("구형", "Previous Generation"),
        ("고급형", "High Grade"),
        ("최고급형", "Top Grade"),
        ("디럭스", "Deluxe"),
    ],
)
def test_what_a_car_was_made_into_or_served_as_is_told(korean: str, english: str) -> None:
    assert WORDS.translate(korean) == (english, ())


@pytest.mark.parametrize(
    ("run", "english"),
    [
        ("꽹과리냉동탑차", "Refrigerated Box"),
        ("꽹과리파워게이트", "Tail Lift"),
        ("꽹과리택시", "Taxi"),
        ("택시꽹과리", "Taxi"),
        ("꽹과리장애인용", "Disability Spec (LPG)"),
        ("(꽹과리렌터카)", "(Rental)"),
        ("2.0 꽹과리캠핑카 LT", "2.0 Camper LT"),
    ],
)
def test_a_conversion_in_a_word_nobody_knows_is_told_and_the_word_counted(run: str, english: str) -> None:
    told, left_out = WORDS.translate(run)
    assert told == english
    assert len(left_out) == 1


@pytest.mark.parametrize("run", ["꽹과리프리미엄", "냉장고", "내장형", "꽹택시과리", "캠퍼스"])
def test_a_word_that_only_resembles_a_conversion_tells_none(run: str) -> None:
    assert WORDS.translate(run) == (None, (run,))


CONVERSIONS = [
    *("탑차", "냉동탑차", "파워게이트", "택시", "렌터카", "장애인용"),
    *("캠핑카", "견인차", "살수차", "경찰차", "운전교습용", "수출형"),
]


@given(st.text(alphabet="꽹괭꿩뚱 12()", max_size=8), st.sampled_from(CONVERSIONS))
def test_a_conversion_survives_whatever_stands_before_it(before: str, word: str) -> None:
    alone, _ = WORDS.translate(word)
    told, _ = WORDS.translate(before + word)
    assert alone is not None
    assert told is not None
    assert told.endswith(alone)


@pytest.mark.parametrize(
    ("korean", "english"),
    [
        ("리차지", "Recharge"),
        ("블랙 잉크", "Black Ink"),
        ("윈터팩", "Winter Pack"),
        ("넘버원", "No. 1"),
        ("스패셜", "Special"),
        ("롱카고", "Long Cargo"),
        ("크리에이티브", "Creative"),
        ("파크", "Park"),
        ("살룬", "Saloon"),
        ("브라이트", "Bright"),
        ("에비뉴", "Avenue"),
        ("판넬밴", "Panel Van"),
        ("그루브", "Groove"),
        ("아레나", "Arena"),
        ("인스파이어", "Inspire"),
        ("플레져", "Pleasure"),
        ("포트폴리오", "Portfolio"),
        ("컬러", "Color"),
        ("아반트", "Avant"),
        ("언테임드", "Untamed"),
        ("드날리", "Denali"),
        ("헬캣", "Hellcat"),
        ("퍼포만테", "Performante"),
        ("블랙배지", "Black Badge"),
        ("패신저", "Passenger"),
        ("그란루소", "GranLusso"),
        ("모데나", "Modena"),
        ("와인스페셜", "Wine Special"),
        ("스파크 스파크", "Spark Spark"),
        ("그랜드 카니발", "Grand Carnival"),
    ],
)
def test_a_trim_name_met_on_the_sites_is_told(korean: str, english: str) -> None:
    assert WORDS.translate(korean) == (english, ())


# The words of a car's papers


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("P151", "Firewall (Bulkhead)"),
        ("P111", "Inner Fender Apron (L)"),
        ("P091", "Front End Panel (welded)"),
        ("P181", "Rear End Panel"),
        ("P051", "Radiator Support (bolt-on)"),
        ("P081", "Rocker Panel (Side Sill) (L)"),
        ("P121", "Front Side Member (Frame Rail) (L)"),
        ("P124", "Rear Side Member (Frame Rail) (R)"),
        ("P101", "Crossmember"),
        ("P131", "Front Wheelhouse (L)"),
        ("P041", "Trunk Lid/Tailgate"),
        ("P191", "Rear Parcel-Shelf Panel"),
    ],
)
def test_a_panel_is_named_as_body_shops_do(code: str, name: str) -> None:
    assert WORDS.sheet.panels[code].name == name


def test_a_damage_is_named_as_body_shops_do() -> None:
    names = {code: damage.name for code, damage in WORDS.sheet.damages.items()}
    assert (names["W"], names["WC"], names["T"]) == ("Sheet Metal/Welding", "Cut and Welded (Sectioned)", "Damaged")


def test_the_checklist_speaks_of_the_right_fluids_and_parts() -> None:
    labels = {code: item.label for code, item in WORDS.sheet.items.items()}
    statuses = WORDS.sheet.statuses
    assert [statuses[code].label for code in "29"] == ["Normal", "Overfilled"]
    assert {statuses[code].label for code in "46"} == {"Seepage (minor leak)"}
    assert labels["s004"] == "Oil leak at the valve (rocker) cover"
    assert labels["s013"] == "Automatic transmission fluid (ATF) leak"
    assert labels["s022"] == "Driveshaft and bearings"
    assert labels["s023"] == "Power steering fluid leak"
    assert labels["s024"] == "Steering gear (including electric power steering)"
    assert labels["s027"] == "Brake fluid leak at the master cylinder"
    assert labels["s036"] == "Fuel leak (including LPG)"
    assert labels["s038"] == "Steering shaft joint"
    assert "insulation" in labels["s042"]


def test_the_head_of_a_sheet_is_in_the_trades_words() -> None:
    tokens = WORDS.sheet.tokens
    assert tokens["guarantees"]["자가보증"] == tokens["guarantees"]["1"] == "self"
    assert tokens["vin_markings"]["1"] == "good"
    assert [tokens["vin_markings"][word] for word in ("부식", "훼손", "상이", "변조", "도말")] == [
        "corroded",
        "damaged",
        "mismatched",
        "altered",
        "erased",
    ]
    assert (tokens["color_types"]["무채색"], tokens["color_types"]["유채색"]) == ("neutral", "coloured")


# Colours


@pytest.mark.parametrize(
    ("korean", "name"),
    [
        ("자주색", "Burgundy (Maroon)"),
        ("진주색", "Pearl White"),
        ("담녹색", "Light Green"),
        ("갈대색", "Greige"),
        ("은하색", "Medium Silver"),
    ],
)
def test_a_colour_is_named_as_buyers_do(korean: str, name: str) -> None:
    colour = WORDS.colour(korean)
    assert colour is not None
    assert colour.name == name


@pytest.mark.parametrize(
    ("word", "facet"),
    [
        ("burgundy", "자주색"),
        ("Wine", "자주색"),
        ("maroon", "자주색"),
        ("champagne", "연금색"),
        ("bronze", "갈색"),
        ("ivory", "진주색"),
        ("cream", "흰색"),
        ("gunmetal", "쥐색"),
        ("Gun Metal", "쥐색"),
        ("pearl", "진주색"),
    ],
)
def test_a_colour_is_found_by_the_words_people_type(word: str, facet: str) -> None:
    assert facet in {colour.korean for colour in WORDS.colours_of(word)}


# Models


@pytest.mark.parametrize(
    ("make", "text", "name"),
    [
        ("Hyundai", "Stellar", "Stellar"),
        ("Kia", "Concord", "Concord"),
        ("Ford", "F-150", "F-150"),
        ("Ford", "F150", "F-150"),
        ("Ford", "F-250", "F-250"),
        ("Ford", "F-350", "F-350"),
        ("Jaguar", "F-타입", "F-Type"),
        ("Jaguar", "F-Type", "F-Type"),
        ("Maybach", "Maybach 57", "57"),
        ("Maybach", "마이바흐 57", "57"),
        ("Mercedes-Benz", "마이바흐 57", "Maybach 57"),
        ("KG Mobility", "Rodius", "Rodius"),
        ("KG Mobility", "로디우스", "Rodius"),
    ],
)
def test_a_model_has_its_makers_spelling(make: str, text: str, name: str) -> None:
    found = WORDS.find_make(make)
    assert found is not None
    assert {model.name for model in WORDS.danawa.find_models(found, text)} == {name}


@pytest.mark.parametrize(
    ("make", "text", "names"),
    [
        ("Hyundai", "Elantra", ["Elantra", "Avante"]),
        ("Kia", "Optima", ["Optima", "K5", "Lotze"]),
        ("Kia", "Rio", ["Rio", "Pride"]),
        ("Kia", "Cerato", ["Cerato", "K3", "Forte"]),
        ("Kia", "Forte", ["Forte", "K3"]),
        ("Hyundai", "Avante", ["Avante"]),
        ("Kia", "K5", ["K5"]),
        ("Kia", "K3", ["K3"]),
        ("Hyundai", "Optima", []),
    ],
)
def test_a_name_of_several_models_means_all_of_them(make: str, text: str, names: list[str]) -> None:
    found = WORDS.find_make(make)
    assert found is not None
    assert [model.name for model in WORDS.models_meant(found, text)] == names
    assert [model.name for model in WORDS.danawa.models_meant(found, text)] == names


def test_a_shared_name_changes_nothing_about_the_cars_it_stands_on() -> None:
    found = WORDS.model_of_generation("현대", "엘란트라")
    assert found is not None
    assert found.name == "Elantra"
    assert read_name("현대 엘란트라 1.6", WORDS).model == found


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Hyundia", "Hyundai"),
        ("Mercedez Benz", "Mercedes-Benz"),
        ("BWM", "BMW"),
        ("Toyta", "Toyota"),
        ("폭스바켄", "Volkswagen"),
        ("zzzzzz", None),
        ("", None),
        ("x" * 100_000, None),
    ],
)
def test_the_nearest_make_is_named(text: str, name: str | None) -> None:
    make = WORDS.nearest_make(text)
    assert (make.name if make else None) == name


@given(st.text(), st.lists(st.sampled_from(WORDS.makes), max_size=3))
def test_the_nearest_name_of_any_text_is_one_that_is_known(text: str, makes: list[Make]) -> None:
    assert WORDS.nearest_make(text) in (None, *WORDS.makes)
    near = WORDS.nearest_model(makes, text)
    assert near is None or near.isascii()


@pytest.mark.parametrize(
    ("make", "text", "name"),
    [
        ("Kia", "Sorenot", "Sorento"),
        ("KG Mobility", "Rexton Sport", "Rexton Sports"),
        ("KG Mobility", "Korando Tursimo", "Korando Turismo"),
        ("Jeep", "Wrangler Unlimited", "Wrangler"),
        ("Jeep", "Grand Cherokee 4xe", "Grand Cherokee"),
        ("Toyota", "Camry Hybrid", "Camry"),
        ("Porsche", "911 Turbo", "911"),
        ("Hyundai", "Hyundai Sonata", "Sonata"),
        ("Kia", "Carnival Limousine", "Carnival"),
        ("Kia", "zzzzzz", None),
    ],
)
def test_the_nearest_model_is_the_word_spelled_like_it_or_the_one_in_it(make: str, text: str, name: str | None) -> None:
    found = WORDS.find_make(make)
    assert found is not None
    assert WORDS.nearest_model([found], text) == name


# One word for hybrids


@pytest.mark.parametrize(
    ("name", "fuel"),
    [
        ("현대 그랜저IG 하이브리드 2.4 HEV 프리미엄", "gasoline_hybrid"),
        ("기아 신형쏘렌토 하이브리드(MQ4) 1.6 HEV 4WD 노블레스", "gasoline_hybrid"),
        ("토요타 시에나(4세대) 2.5 2WD 하이브리드 ", "gasoline_hybrid"),
        ("르노(삼성) 그랑 콜레오스 하이브리드 1.5 HEV 에스프리 알핀", "gasoline_hybrid"),
        ("현대 아반떼 하이브리드 1.6 LPi", "hybrid"),
        ("현대 아반떼 하이브리드 1.6 가솔린 모던", "gasoline_hybrid"),
        ("현대 쏘나타 하이브리드 2.0 LPi", "hybrid"),
        ("현대 쏘나타 하이브리드 2.0 디젤", "diesel_hybrid"),
        ("현대 LF쏘나타 하이브리드 2.0 P-HEV 프리미엄", "plug_in_hybrid"),
        ("벤츠 E클래스(4세대) E300 하이브리드", "hybrid"),  # that make has diesel ones
        ("볼보 XC60 하이브리드", "hybrid"),
        ("현대 쏘나타 2.0 가솔린", "gasoline"),
    ],
)
def test_a_hybrid_is_told_by_one_word_wherever_its_other_fuel_is_sure(name: str, fuel: str) -> None:
    assert read_name(name, WORDS).fuel == fuel


# Broken cases


@pytest.mark.parametrize(
    ("cases", "says"),
    [
        ("[]", "has no case"),
        ('[{ english = "A" }, { after = ["톤"], english = "B" }]', "without a condition comes last"),
        ('[{ make = ["Hundai"], english = "A" }]', "'Hundai' is no make"),
        ('[{ make = ["현대"], english = "A" }]', "'현대' is no make"),
        ('[{ after = ["두 말"], english = "A" }]', "'두 말' is not one word"),
        ('[{ before = ["e-VGT"], english = "A" }]', "'e-VGT' is not one word"),
        ('[{ after = [""], english = "A" }]', "length >= 1"),
        ('[{ after = "톤", english = "A" }]', "Expected `array`"),
        ('[{ after = ["톤"] }]', "missing required field `english`"),
        ('[{ near = ["톤"], english = "A" }]', "unknown field `near`"),
        ('[{ english = "에이" }]', "matching regex"),
        ("1", "Expected `str`"),
    ],
)
@pytest.mark.parametrize("table", ["words", "conversions"])
def test_a_wrong_case_is_told_with_its_line(tmp_path: Path, table: str, cases: str, says: str) -> None:
    problem, line = _broken(tmp_path, "words.toml", f"[{table}]", f'[{table}]\n"꽹과리" = {cases}')
    assert says in problem
    assert line.startswith('"꽹과리"')


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("words.toml", '"탑차" = ', '"프리미엄" = ', "is under [words] too"),
        ("models.toml", 'shared = ["Elantra"]', 'shared = ["Elentra"]', "no word for another model"),
        ("models.toml", 'shared = ["Elantra"]', 'shared = ["Avante"]', "no word for another model"),
        ("colours.toml", 'wine = "Burgundy (Maroon)"', 'wine = "wine"', "neither a family nor the name"),
        ("colours.toml", 'wine = "Burgundy (Maroon)"', 'wine = "grey"', "neither a family nor the name"),
    ],
)
def test_what_contradicts_another_entry_is_told(tmp_path: Path, name: str, old: str, new: str, says: str) -> None:
    problem, line = _broken(tmp_path, name, old, new)
    assert says in problem
    assert new in line


def _broken(tmp_path: Path, name: str, old: str, new: str) -> tuple[str, str]:
    """Load a copy of the translations with one text replaced; return the error and the line it names."""
    folder = tmp_path / "translations"
    shutil.copytree(FOLDER, folder)
    text = (folder / name).read_text(encoding="utf-8")
    assert text.count(f"\n{old}") == 1 or text.count(old) == 1, old
    text = text.replace(old, new, 1) if text.count(old) == 1 else text.replace(f"\n{old}", f"\n{new}")
    (folder / name).write_text(text, encoding="utf-8")
    with pytest.raises(VocabularyError) as caught:
        load(folder)
    match = re.fullmatch(rf"translations/{name} line (\d+): (.+)", str(caught.value))
    assert match, str(caught.value)
    return match[2], text.split("\n")[int(match[1]) - 1]


# Captured names


@pytest.fixture(scope="module")
def names(captures: Path) -> list[Named]:
    """Return the names of 73 pages of Danawa's list, each once."""
    path = captures / "danawa" / "list_rows_73pages_2025-03.jsonl"
    rows = [json.loads(line)["car_name"] for line in path.read_text(encoding="utf-8").splitlines()]
    vocabulary: Vocabulary = load()
    return [read_name(name, vocabulary) for name in dict.fromkeys(rows) if name != "[]"]


def test_nearly_every_distinct_word_of_captured_danawa_trims_has_an_english_one(names: list[Named]) -> None:
    words = {run for name in names for run in UNTRANSLATED.findall(name.korean)}
    missing = {word for name in names for word in (*name.trim.missing, *name.generation.missing)}
    print(f"\ndanawa words: {len(words) - len(missing)} of {len(words)} distinct")
    assert len(words) > 390
    assert 1 - len(missing) / len(words) >= 0.995


def test_a_captured_trim_is_null_only_where_the_name_says_nothing_more(names: list[Named]) -> None:
    silent = [name.korean for name in names if full_trim(name.trim, name.generation) is None]
    assert silent == ["MKZ"]
