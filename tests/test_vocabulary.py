"""The translations as data, the look-ups, and what a broken file is answered with."""

import json
import re
import shutil
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy.vocabulary import MISSES_BEYOND, MISSES_KEPT, Model, Vocabulary, VocabularyError, load
from dealerproxy.vocabulary.text import COMPOUNDING

FOLDER = Path(__file__).parent.parent / "translations"
WORDS = load()  # for tests that only look; those that count take `fresh`
HANGUL = re.compile(r"[가-힣]+")


@pytest.fixture
def fresh() -> Vocabulary:
    """Return a vocabulary that has counted nothing yet."""
    return load()


def all_models() -> list[Model]:
    return [model for make in WORDS.makes for model in WORDS.models_of(make)]


def make_name(text: str) -> str | None:
    make = WORDS.find_make(text)
    return make.name if make else None


def model_facets(make: str, text: str) -> list[str]:
    found = WORDS.find_make(make)
    assert found is not None
    return [model.korean for model in WORDS.find_models(found, text)]


# What the files hold


def test_every_facet_is_there() -> None:
    facets = [facet.korean for make in WORDS.makes for facet in make.facets]
    assert len(facets) == len(set(facets)) == 74
    assert len(all_models()) == len({(m.make_facet, m.korean) for m in all_models()}) == 682
    assert len(WORDS.options) == 62
    assert sum(len(WORDS.colours_of(family)) for family in WORDS.colour_families) == 32


def test_every_word_of_a_cars_papers_is_there() -> None:
    sheet = WORDS.sheet
    assert (len(sheet.panels), len(sheet.damages), len(sheet.diagnosis_panels)) == (37, 7, 11)
    assert (len(sheet.groups), len(sheet.items), len(sheet.statuses)) == (9, 42, 11)
    assert Counter(panel.kind for panel in sheet.panels.values()) == {"exterior": 14, "frame": 23}
    assert list(sheet.damages) == ["X", "WC", "W", "T", "C", "U", "A"]  # worst first


def test_a_side_is_told_at_the_end_of_a_panels_id_and_name() -> None:
    for panel in WORDS.sheet.panels.values():
        for korean, side in (("(좌)", "l"), ("(우)", "r")):
            assert all(word.endswith(korean) for word in panel.korean) == panel.id.endswith(f"-{side}"), panel
            assert panel.id.endswith(f"-{side}") == panel.name.endswith(f"({side.upper()})"), panel


def test_items_of_a_group_never_share_a_token() -> None:
    tokens = Counter((item.group, item.token) for item in WORDS.sheet.items.values())
    assert set(tokens.values()) == {1}


def test_a_leak_is_of_coolant_only_in_the_engine() -> None:
    fluids = {code: item.fluid for code, item in WORDS.sheet.items.items() if item.fluid}
    assert {code for code, fluid in fluids.items() if fluid == "coolant"} == {"s008", "s009", "s010"}
    assert [fluids[code] for code in ("s013", "s016", "s023", "s027", "s028")] == [
        "transmission fluid",
        "oil",
        "power steering fluid",
        "brake fluid",
        "brake fluid",
    ]
    assert {
        word.label_for("brake fluid") for code, word in WORDS.sheet.statuses.items() if code in {"4", "5", "6", "7"}
    } == {"Brake fluid seepage (minor leak)", "Brake fluid leak"}


def test_a_papers_word_is_found_by_its_code_and_by_its_korean() -> None:
    usage = WORDS.sheet.tokens["usage_changes"]
    assert usage["1"] == usage["렌트"] == "rental"
    assert WORDS.sheet.tokens["serious"] == {"침수": "flood", "화재": "fire"}  # no code was ever seen


def test_seven_facets_are_domestic() -> None:
    domestic = {facet.korean for make in WORDS.makes for facet in make.facets if facet.domestic}
    assert domestic == {
        "현대",
        "제네시스",
        "기아",
        "쉐보레(GM대우)",
        "르노코리아(삼성)",
        "KG모빌리티(쌍용)",
        "기타 제조사",
    }


def test_codes_are_unique_within_a_make() -> None:
    codes = Counter((model.make_facet, model.code) for model in all_models() if model.code)
    assert [code for code, times in codes.items() if times > 1] == []


def test_the_body_is_known_for_at_least_99_percent_of_the_stock() -> None:
    stock = sum(model.stock for model in all_models())
    known = sum(model.stock for model in all_models() if model.body)
    print(f"\nbody known for {known} of {stock} adverts: {known / stock:.2%}")
    assert stock > 150_000
    assert known / stock >= 0.99


@pytest.mark.parametrize(
    ("make", "model", "body"),
    [
        ("Kia", "Carnival", "minivan"),
        ("Hyundai", "Starex", "van"),
        ("Hyundai", "Staria", "minivan"),
        ("Hyundai", "Casper", "suv"),
        ("Hyundai", "Grandeur", "sedan"),
        ("Kia", "Ray", "compact"),
        ("Kia", "Tasman", "truck"),
        ("KG Mobility", "Rexton", "suv"),
        ("KG Mobility", "Musso", "truck"),
        ("Chevrolet", "Damas", "van"),
        ("Chevrolet", "Labo", "truck"),
        ("Genesis", "GV80", "suv"),
        ("MINI", "Countryman", "suv"),
        ("Toyota", "Prius", "compact"),
        ("Mercedes-Benz", "Sprinter", "van"),
        ("BMW", "2 Series", "coupe"),  # but for the people carriers
        ("Kia", "Soul", "compact"),
        ("Mercedes-Benz", "EQS", "sedan"),
        ("Mercedes-Benz", "EQE", "sedan"),
        ("Peugeot", "408", "sedan"),
        ("Subaru", "Outback", "wagon"),
    ],
)
def test_the_body_is_what_the_car_is(make: str, model: str, body: str | None) -> None:
    found = WORDS.find_make(make)
    assert found is not None
    assert [m.body for m in WORDS.find_models(found, model)] == [body]


KOREAN_TABLES = {("labels",), ("abbreviations",)}


def english_values(data: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield every value that is English by its place: all texts but facets, groups, aliases and long forms."""
    for key, value in data.items():
        if isinstance(value, dict):
            yield from english_values(value, (*path, key))
        elif isinstance(value, str) and key not in {"facet", "korean", "group"} and path not in KOREAN_TABLES:
            yield (*path, key), value


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.toml")), ids=lambda file: file.name)
def test_no_english_value_holds_hangul(file: Path) -> None:
    values = list(english_values(tomllib.loads(file.read_text(encoding="utf-8"))))
    assert values or file.name in {"makes.toml", "name_codes.toml"}  # English in the keys, and patterns
    assert [(path, value) for path, value in values if not value.isascii() or not value.strip()] == []


def test_every_make_name_is_english() -> None:
    assert [make.name for make in WORDS.makes if not make.name.isascii()] == []


def test_every_file_says_first_what_it_is_for() -> None:
    assert [f.name for f in FOLDER.glob("*.toml") if not f.read_text(encoding="utf-8").startswith("# ")] == []


# Makes


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("hyundai", "Hyundai"),
        ("현대자동차", "Hyundai"),
        ("Mercedes", "Mercedes-Benz"),
        ("mercedes benz", "Mercedes-Benz"),
        ("Benz", "Mercedes-Benz"),
        ("MB", "Mercedes-Benz"),
        ("메르세데스-벤츠", "Mercedes-Benz"),
        ("SsangYong", "KG Mobility"),
        ("KGM", "KG Mobility"),
        ("쌍용", "KG Mobility"),
        ("Citroën", "Citroen/DS"),
        ("DS", "Citroen/DS"),
        ("VW", "Volkswagen"),
        ("토요타", "Toyota"),
        ("도요타", "Toyota"),
        ("mini", "MINI"),
        ("Rolls Royce", "Rolls-Royce"),
        ("land-rover", "Land Rover"),
        ("ＢＭＷ", "BMW"),
        ("르노(삼성)", "Renault"),
    ],
)
def test_a_make_is_found_by_the_words_people_type(text: str, name: str) -> None:
    assert make_name(text) == name


@pytest.mark.parametrize("text", ["Range Rover", "Sonata", "", "-", "Hyundaii"])
def test_a_word_for_no_make_finds_none(text: str) -> None:
    assert WORDS.find_make(text) is None


def test_a_make_with_two_facets_has_both() -> None:
    for name, facets in {
        "Chevrolet": [("쉐보레(GM대우)", "003", True), ("쉐보레", "038", False)],
        "Renault": [("르노코리아(삼성)", "005", True), ("르노", "078", False)],
    }.items():
        make = WORDS.find_make(name)
        assert make is not None
        assert [(f.korean, f.code, f.domestic) for f in make.facets] == facets
        assert all(WORDS.make_of(korean) is make for korean, _, _ in facets)


def test_a_row_names_its_make_exactly() -> None:
    make = WORDS.make_of("KG모빌리티(쌍용)")
    assert make is not None
    assert make.name == "KG Mobility"
    assert WORDS.make_of("KG모빌리티 (쌍용)") is None


# Models


@pytest.mark.parametrize(
    ("make", "text", "facets"),
    [
        ("Hyundai", "Santafe", ["싼타페"]),
        ("Hyundai", "Santa Fe", ["싼타페"]),
        ("Hyundai", "santa-fe", ["싼타페"]),
        ("Hyundai", "Azera", ["그랜저"]),
        ("Hyundai", "Avante", ["아반떼"]),
        ("Hyundai", "Elantra", ["엘란트라"]),
        ("Hyundai", "소나타", ["쏘나타"]),
        ("Hyundai", "IONIQ5", ["아이오닉5"]),
        ("Hyundai", "아이오닉 5", ["아이오닉5"]),
        ("Kia", "Sorrento", ["쏘렌토"]),
        ("Kia", "Sedona", ["카니발"]),
        ("Kia", "Picanto", ["모닝"]),
        ("Kia", "Optima", ["옵티마"]),
        ("Kia", "Porte", ["포르테"]),
        ("Mercedes-Benz", "E Class", ["E-클래스"]),
        ("Mercedes-Benz", "GLC", ["GLC-클래스"]),
        ("BMW", "5series", ["5시리즈"]),
        ("Volkswagen", "Beatle", ["비틀"]),
        ("BYD", "Sealion 7", ["씨라이언 7 "]),
        ("BYD", "씨라이언 7", ["씨라이언 7 "]),
        ("Fiat", "Ducato", [" 두카토"]),
        ("Chevrolet", "Tahoe", ["타호", "타호"]),
        ("Chevrolet", "Suburban", ["서버밴"]),
        ("Kia", "Sonata", []),
        ("INEOS", "Defender", []),
    ],
)
def test_a_model_is_found_by_the_words_people_type(make: str, text: str, facets: list[str]) -> None:
    assert model_facets(make, text) == facets


def test_a_model_both_facets_of_a_make_have_is_found_once_for_each() -> None:
    make = WORDS.find_make("Chevrolet")
    assert make is not None
    assert [m.make_facet for m in WORDS.find_models(make, "Corvette")] == ["쉐보레(GM대우)", "쉐보레"]


def test_a_model_without_its_make_is_still_known() -> None:
    assert WORDS.knows_model("sonata")
    assert WORDS.knows_model("k-5")
    assert not WORDS.knows_model("Hyundai")


def disguised(names: list[str]) -> st.SearchStrategy[tuple[str, str]]:
    """Draw a name and another way to write it: case, blanks, hyphens, width and Unicode form at random."""

    @st.composite
    def build(draw: st.DrawFn) -> tuple[str, str]:
        name = draw(st.sampled_from(names))
        text = draw(st.sampled_from(["", " ", " - "]))
        for char in name:
            wide = chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char
            text += draw(st.sampled_from([char, char.upper(), char.lower(), wide]))
            text += draw(st.sampled_from(["", "", "", " ", "-", "\t", "\u3000", "‐"]))
        return name, unicodedata.normalize(draw(st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"])), text)

    return build()


@given(disguised([make.name for make in WORDS.makes] + [f.korean for m in WORDS.makes for f in m.facets]))
def test_a_make_is_found_however_it_is_written(case: tuple[str, str]) -> None:
    name, text = case
    assert WORDS.find_make(text) is WORDS.find_make(name) is not None


@given(disguised([model.name for model in all_models()] + [model.korean for model in all_models()]))
def test_a_model_is_known_however_it_is_written(case: tuple[str, str]) -> None:
    name, text = case
    makes = [make for make in WORDS.makes if WORDS.find_models(make, name)]
    assert makes
    assert all(WORDS.find_models(make, text) == WORDS.find_models(make, name) for make in makes)
    assert WORDS.knows_model(text)


# Generations

GENERATIONS = [
    ("기아", "더 뉴 쏘렌토 4세대", "쏘렌토"),
    ("현대", "LF 쏘나타", "쏘나타"),
    ("르노코리아(삼성)", "뉴SM5 플래티넘", "SM5"),
    ("기아", "K5 하이브리드 2세대", "K5"),
    ("기아", "더 뉴 기아 레이 EV", "레이"),
    ("현대", "그랜저 하이브리드 (GN7)", "그랜저"),
    ("BMW", "5시리즈 (G30)", "5시리즈"),
    ("벤츠", "GLE-클래스 W167", "GLE-클래스"),
    ("벤츠", "C-클래스 W205", "C-클래스"),
    ("벤츠", "마이바흐 GLS", "GLS-클래스"),
    ("현대", "아이오닉 일렉트릭", "아이오닉"),
    ("현대", "아이오닉 5 N", "아이오닉5"),
    ("KG모빌리티(쌍용)", "코란도 EV (이모션)", "코란도"),
    ("KG모빌리티(쌍용)", "더 뉴 렉스턴 스포츠 칸", "렉스턴"),
    ("BMW", "6시리즈 GT (G32)", "그란투리스모 (GT)"),
    ("BMW", "X3 (G01)", "X3"),
    ("BMW", "X3M (F97)", "X3M"),
    ("BMW", "iX3", "iX3"),
    ("아우디", "Q4 e-트론", "Q4 e-트론"),
    ("아우디", "RS3", "RS3"),
    ("볼보", "XC40", "XC40"),
    ("렉서스", "ES300h 7세대", "ES"),
    ("포르쉐", "718 박스터", "718"),
    ("랜드로버", "레인지로버 스포츠 2세대", "레인지로버 스포츠"),
    ("지프", "그랜드 체로키 (WL)", "체로키"),
    ("쉐보레(GM대우)", "볼트 EUV", "볼트 EUV"),
    ("BYD", "씨라이언 7", "씨라이언 7 "),
    ("제네시스", "일렉트리파이드 GV70", "GV70"),
    ("기아", "Ｋ５ 3세대", "K5"),
    ("BMW", "X3 X5", "X3"),  # of two equally long words the first
    ("기아", unicodedata.normalize("NFD", "카니발 4세대"), "카니발"),
]


@pytest.mark.parametrize(("facet", "generation", "model"), GENERATIONS)
def test_a_generation_name_tells_its_model(facet: str, generation: str, model: str) -> None:
    found = WORDS.model_of_generation(facet, generation)
    assert found is not None
    assert (found.make_facet, found.korean) == (facet, model)


@pytest.mark.parametrize(
    ("facet", "generation"),
    [("기아", "K50"), ("BMW", "i50"), ("현대", "쏘렌토"), ("no make", "K5"), ("기아", ""), ("아우디", "XA4")],
)
def test_a_name_that_only_resembles_a_model_tells_none(facet: str, generation: str) -> None:
    assert WORDS.model_of_generation(facet, generation) is None


def test_every_model_recognises_its_own_facet_word() -> None:
    wrong = [m for m in all_models() if WORDS.model_of_generation(m.make_facet, m.korean) is not m]
    assert wrong == []


@pytest.mark.parametrize(
    ("generation", "model"),
    [
        ("X5 M50i", "X5"),
        ("X5M", "X5M"),
        ("X5 M", "X5M"),
        ("X5 M (F95)", "X5M"),
        ("X5-M 4.4", "X5M"),
        ("5 시리즈", "5시리즈"),
    ],
)
def test_a_models_last_letter_is_not_the_next_words_first(generation: str, model: str) -> None:
    found = WORDS.model_of_generation("BMW", generation)
    assert found is not None
    assert found.korean == model


# Danawa


def danawa_facet(make: str) -> str:
    found = WORDS.find_make(make)
    assert found is not None
    return found.facets[0].korean


def test_danawas_own_makes_are_there() -> None:
    assert [make.name for make in WORDS.danawa.makes] == [
        *("Daechang Motors", "Cammsys", "Zyle Daewoo", "Kaind", "Maiv", "Smart EV", "Iveco")
    ]


@pytest.mark.parametrize(
    ("label", "facet", "make"),
    [
        ("기아", "기아", "Kia"),
        ("쉐보레(대우)", "쉐보레(GM대우)", "Chevrolet"),
        ("쉐보레", "쉐보레", "Chevrolet"),
        ("르노삼성", "르노코리아(삼성)", "Renault"),
        ("토요타", "도요타", "Toyota"),
        ("도요타", "도요타", "Toyota"),
        ("시트로엥", "시트로엥/DS", "Citroen/DS"),
        ("세보모빌리티(캠시스)", "캠시스", "Cammsys"),
    ],
)
def test_a_label_tells_the_make_facet(label: str, facet: str, make: str) -> None:
    assert WORDS.danawa.make_facet_of(label) == facet
    found = WORDS.danawa.make_of(facet)
    assert found is not None
    assert found.name == make


def test_an_unknown_label_tells_nothing() -> None:
    assert WORDS.danawa.make_facet_of("기아 ") is None
    assert WORDS.danawa.make_of("모르는회사") is None


def test_groups_only_danawa_has_are_found_there_and_nowhere_else() -> None:
    hyundai = WORDS.find_make("Hyundai")
    assert hyundai is not None
    assert [(m.name, m.body, m.make_facet) for m in WORDS.danawa.find_models(hyundai, "porter")] == [
        ("Porter", "truck", "현대")
    ]
    assert WORDS.danawa.find_models(hyundai, "Sonata") == WORDS.find_models(hyundai, "Sonata")
    assert WORDS.find_models(hyundai, "Porter") == ()
    assert not WORDS.knows_model("Porter")
    cammsys = WORDS.danawa.find_make("캠시스")
    assert cammsys is WORDS.danawa.find_make("cammsys")
    assert WORDS.find_make("Cammsys") is None


@pytest.mark.parametrize(
    ("make", "name", "group", "words"),
    [
        ("Kia", "더 뉴쏘렌토(MQ4) 2.2 디젤", "쏘렌토", 2),
        ("Kia", "봉고Ⅲ 미니버스", "봉고III 미니버스", 2),
        ("Kia", "봉고Ⅲ화물 CRDi", "봉고Ⅲ화물", 1),
        ("Land Rover", "레인지로버 스포츠(2세대) 3.0", "레인지로버 스포츠", 2),
        ("Lexus", "NX 300h 럭셔리", "NX", 1),
        ("Kia", unicodedata.normalize("NFD", "올 뉴카니발 9인승"), "카니발", 2),
    ],
)
def test_a_name_is_split_after_its_model(make: str, name: str, group: str, words: int) -> None:
    found = WORDS.danawa.split_name(danawa_facet(make), name)
    assert found is not None
    assert (found[0].korean, found[1]) == (group, words)


# Values and filters


def test_fuels_become_the_partners_tokens() -> None:
    assert [WORDS.fuel(word) for word in ("가솔린", "디젤", "LPG(일반인 구입)", "전기", "수소")] == [
        "gasoline",
        "diesel",
        "lpg",
        "electric",
        "hydrogen",
    ]
    assert [WORDS.fuel(word) for word in ("가솔린+전기", "디젤+전기", "LPG+전기")] == [
        "gasoline_hybrid",
        "diesel_hybrid",
        "hybrid",
    ]
    assert {WORDS.fuel(word) for word in ("가솔린+LPG", "LPG+가솔린", "가솔린+CNG", "CNG", "기타")} == {None}


def test_a_hybrid_filter_asks_for_all_three_hybrids() -> None:
    assert WORDS.fuel_filters["hybrid"] == ("가솔린+전기", "디젤+전기", "LPG+전기")
    assert WORDS.fuel_filters["plug_in_hybrid"] == ("가솔린+전기", "디젤+전기")
    assert set(WORDS.fuel_filters) == {
        "gasoline",
        "diesel",
        "hybrid",
        "electric",
        "lpg",
        "hydrogen",
        "gasoline_hybrid",
        "diesel_hybrid",
        "plug_in_hybrid",
    }


def test_a_semi_automatic_is_an_automatic_and_a_dual_clutch_has_no_facet() -> None:
    assert WORDS.transmission("세미오토") == WORDS.transmission("오토") == "auto"
    assert WORDS.transmission("수동") == "manual"
    assert WORDS.transmission("기타") is None
    assert dict(WORDS.transmission_filters) == {
        "auto": ("오토", "세미오토"),
        "manual": ("수동",),
        "cvt": ("CVT",),
        "dct": (),
    }


def test_options_stand_in_the_catalogues_order() -> None:
    tokens = list(WORDS.options)
    assert (tokens[0], tokens[17], tokens[32], tokens[50], tokens[-1]) == (
        "sunroof",
        "driver_airbag",
        "cruise_control",
        "leather_seats",
        "massage_seats",
    )
    groups = Counter(option.group for option in WORDS.options.values())
    assert groups == {"exterior": 17, "safety": 15, "convenience": 18, "seats": 12}
    assert WORDS.unsupported_options == {"panoramic_sunroof", "dashcam"}


def test_an_option_is_found_by_its_code() -> None:
    option = WORDS.option_of_code("034")
    assert option is not None
    assert (option.token, option.facet) == ("ventilated_seats", "통풍시트(운전석)")
    assert WORDS.option_of_code("999") is None


def test_a_colour_family_covers_all_its_facets() -> None:
    assert {c.korean for c in WORDS.colours_of("White")} == {"흰색", "진주색", "흰색투톤", "진주투톤"}
    assert {c.korean for c in WORDS.colours_of("black")} == {"검정색", "검정투톤", "검은색"}
    assert WORDS.colours_of("grey") == WORDS.colours_of("GRAY") != ()


def test_an_exact_colour_name_covers_one_facet() -> None:
    assert [c.korean for c in WORDS.colours_of("pearl")] == ["진주색"]
    assert [c.korean for c in WORDS.colours_of("Dark Gray")] == ["쥐색"]
    assert WORDS.colours_of("ultraviolet") == ()


def test_a_row_colour_has_a_name_and_a_family() -> None:
    colour = WORDS.colour("쥐색")
    assert colour is not None
    assert (colour.name, colour.family) == ("Dark Gray", "gray")


def test_the_words_of_a_row_that_say_where_who_and_how() -> None:
    assert WORDS.region("경기") == "Gyeonggi"
    assert WORDS.region("null") is None
    assert [WORDS.seller_type(code) for code in "ABFR"] == [
        "private",
        "dealer",
        "brand_certified",
        "rental_company",
    ]
    assert [WORDS.sell_type(word) for word in ("일반", "리스", "리스승계", "운용리스", "금융리스")] == [
        "outright",
        *["lease"] * 4,
    ]
    assert {WORDS.sell_type(word) for word in ("렌트", "렌트승계", "장기렌트")} == {"rent"}


def test_a_category_proves_a_body_only_where_it_names_one() -> None:
    assert [WORDS.category_body(word) for word in ("SUV", "RV", "승합차", "화물차")] == [
        "suv",
        "minivan",
        "van",
        "truck",
    ]
    assert {WORDS.category_body(word) for word in ("경차", "대형차", "기타")} == {None}


def test_an_unknown_value_is_none_and_counted(fresh: Vocabulary) -> None:
    assert fresh.fuel("석탄") is None
    assert fresh.fuel("석탄") is None
    assert fresh.region("화성") is None
    assert fresh.fuel("기타") is None  # known to have no token: not a miss
    assert fresh.region("null") is None
    assert fresh.untranslated == {("fuel", "석탄"): 2, ("region", "화성"): 1}


# Trims


@pytest.mark.parametrize(
    ("korean", "english"),
    [
        ("프레스티지", "Prestige"),
        ("가솔린 7인승 시그니처", "Gasoline 7-seater Signature"),
        ("HEV 7인승 하이리무진", "HEV 7-seater Hi-Limousine"),
        ("프레스티지 (5링크)", "Prestige (5-link)"),
        ("디젤(e-VGT) 2.0 2WD 익스클루시브", "Diesel (e-VGT) 2.0 2WD Exclusive"),
        ("LPLi 택시렌터카 고급형", "LPLi Taxi Rental High Grade"),
        ("2.0 LPG(렌터카용)", "2.0 LPG (Rental)"),
        ("530i xDrive M스포츠", "530i xDrive M Sport"),
        ("E220d 4MATIC 아방가르드", "E220d 4MATIC Avantgarde"),
        ("45 TFSI 콰트로 프리미엄", "45 TFSI quattro Premium"),
        ("더뉴프리미엄팩", "The New Premium Pack"),
        ("２.０ 가솔린", "2.0 Gasoline"),
        ("E클래스 스포츠클래스", "E-Class Sport-Class"),
        ("X-Pro", "X-Pro"),
        ("프리미엄+", "Premium+"),
        ("(세부등급 없음)", None),
        ("1.6 터보 (세부등급 없음)", "1.6 Turbo"),
        ("", None),
        ("  ", None),
        ("()", None),
    ],
)
def test_a_trim_is_told_in_english(korean: str, english: str | None) -> None:
    assert WORDS.translate(korean) == (english, ())


@pytest.mark.parametrize(
    ("korean", "english"),
    [
        ("2.0 꽹과리 프리미엄", "2.0 Premium"),
        ("프리미엄 (꽹과리)", "Premium"),
        ("프리미엄 (꽹과리/블랙)", "Premium (Black)"),
        ("프리미엄 / 꽹과리 / 블랙", "Premium / Black"),
        ("프리미엄/꽹과리/블랙", "Premium/Black"),
        ("꽹과리+블랙", "Black"),
        ("블랙 - 꽹과리", "Black"),
        ("[꽹과리] LT", "LT"),
        ("꽹과리", None),
        ("꽹과리프리미엄", None),  # a run is known as a whole or not at all
    ],
)
def test_an_unknown_word_is_left_out_and_the_rest_is_tidy(korean: str, english: str | None) -> None:
    translated, left_out = WORDS.translate(korean)
    assert translated == english
    assert len(left_out) == 1


@pytest.mark.parametrize("run", ["밴더올", "더올", "디올", "프리미엄필", "올프리미엄", "팝스타", "더그랜저"])
def test_a_lone_syllable_is_no_part_of_a_run(run: str) -> None:
    assert WORDS.translate(run) == (None, (run,))


@pytest.mark.parametrize(
    ("run", "english"),
    [
        ("뉴그랜저", "New Grandeur"),
        ("파워팩", "Power Pack"),
        ("슈퍼밴", "Super Van"),
        ("미니벤", "MINI Van"),
        ("화이트펄", "White Pearl"),
        ("알로이휠", "Alloy Wheels"),
        ("6단자동", "6-speed Automatic"),
        ("3열시트", "3-row Seats"),
        ("1톤트럭", "1-ton Truck"),
        ("스포츠칸", "Sport Khan"),
        ("올뉴", "All New"),  # these have lines of their own
        ("더뉴", "The New"),
        ("디올뉴", "The All New"),
        ("올뉴프리미엄", "All New Premium"),
        ("더 올 뉴 필", "The All New Feel"),  # and alone any word counts
    ],
)
def test_a_syllable_that_forms_compounds_is_a_part_of_a_run(run: str, english: str) -> None:
    assert WORDS.translate(run) == (english, ())


def test_every_syllable_that_forms_compounds_is_a_word() -> None:
    known = tomllib.loads((FOLDER / "words.toml").read_text(encoding="utf-8"))["words"]
    assert known.keys() >= COMPOUNDING


@pytest.mark.parametrize(
    ("text", "english", "left_out"),
    [
        ("2.5 特別", "2.5", ("特別",)),
        ("特別", None, ("特別",)),
        ("特別프리미엄", "Premium", ("特別",)),
        ("프리미엄 (特別/블랙)", "Premium (Black)", ("特別",)),
        ("LT スペシャル", "LT", ("スペシャル",)),
        ("LT ｽﾍﾟｼｬﾙ", "LT", ("スペシャル",)),  # half-width kana
        ("Ω 꽹과리 Люкс", None, ("Ω", "꽹과리", "Люкс")),
        ("٣ LT", "LT", ("٣",)),
    ],
)
def test_what_is_neither_korean_nor_ascii_is_left_out_and_told(
    text: str, english: str | None, left_out: tuple[str, ...]
) -> None:
    assert WORDS.translate(text) == (english, left_out)


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("Édition Spéciale", "Edition Speciale"),
        (unicodedata.normalize("NFD", "Édition 프리미엄"), "Edition Premium"),
        ("X\u2010Pro \u2013 블랙", "X-Pro - Black"),
        ("프리미엄·블랙", "Premium/Black"),
        ("4×4 ’24", "4x4 '24"),
        ("Ⅱ ２.０", "II 2.0"),
        ("★프리미엄★", "Premium"),  # a decoration says nothing
        ("L\u200bT\x07블랙\x7f", "LT Black"),
        ("1\ufe0f\u20e3", "1"),
    ],
)
def test_accents_and_signs_become_ascii(text: str, english: str) -> None:
    assert WORDS.translate(text) == (english, ())


def test_a_foreign_word_is_counted_like_a_korean_one(fresh: Vocabulary) -> None:
    assert fresh.english("2.5 特別") == "2.5"
    assert fresh.untranslated == {("trim", "特別"): 1}


def test_an_unknown_word_is_counted_each_time_it_is_met(fresh: Vocabulary) -> None:
    for _ in range(3):
        assert fresh.english("꽹과리 LT") == "LT"
    fresh.english("꽹과리", "note")
    fresh.translate("꽹과리")
    assert fresh.untranslated == {("trim", "꽹과리"): 3, ("note", "꽹과리"): 1}


def test_hostile_words_cannot_grow_the_count(fresh: Vocabulary) -> None:
    syllables = [chr(code) for code in range(ord("가"), ord("힣"))]
    for syllable in syllables[: MISSES_KEPT * 2]:
        fresh.english("꽹" + syllable * 500)
    assert len(fresh.untranslated) == MISSES_KEPT + 1
    assert fresh.untranslated["trim", MISSES_BEYOND] == MISSES_KEPT
    assert max(len(word) for _, word in fresh.untranslated) <= 40


@given(
    st.text(
        alphabet=st.one_of(
            st.sampled_from("가각힣ㄱㅏ가프리미엄더뉴()[]/+-· 1aᄒ〮ﾡ㈀特é×\0\x7f\u200b\u0301"),
            st.characters(),  # lone surrogates too
        )
    )
)
def test_the_english_of_any_text_is_none_or_printable_ascii(text: str) -> None:
    english, left_out = WORDS.translate(text)
    assert english is None or (english == english.strip() != "" and english.isascii() and english.isprintable())
    assert not any(word.isascii() for word in left_out)


# Broken files


def broken(tmp_path: Path, name: str, old: str, new: str) -> tuple[str, str]:
    """Load a copy of the translations with one text replaced; return the error and the line it names."""
    folder = tmp_path / "translations"
    shutil.copytree(FOLDER, folder)
    text = (folder / name).read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} should stand once in {name}"
    text = text.replace(old, new)
    (folder / name).write_text(text, encoding="utf-8")
    with pytest.raises(VocabularyError) as caught:
        load(folder)
    match = re.match(rf"translations/{name} line (\d+): (.+)", str(caught.value))
    assert match, str(caught.value)
    return match[2], text.split("\n")[int(match[1]) - 1]


SUNROOF = 'facet = "선루프", code = "010", group = '
GRAY = '"쥐색" = { name = "Dark Gray", family = '


@pytest.mark.parametrize(
    ("name", "old", "new", "line", "says"),
    [
        ("models.toml", '"그랜저" = {', '"그랜저" = = {', "그랜저", "Invalid value"),
        ("models.toml", '"쏘나타" = { n', '"그랜저" = { n', '"그랜저" = { name = "Sonata"', "Cannot overwrite"),
        ("models.toml", 'name = "Grandeur", ', "", "그랜저", "missing required field `name`"),
        ("models.toml", 'name = "Grandeur"', 'name = ""', "그랜저", "$.name"),
        ("models.toml", 'name = "Grandeur"', 'name = "그랜저"', "그랜저", "$.name"),
        ("models.toml", 'name = "Grandeur"', 'name = "Sonata"', "쏘나타", "already means Sonata"),
        ("models.toml", '["Azera", ', '["Sonata", ', "그랜저", "already means Sonata"),
        ("models.toml", '["Azera", ', '["GRAND-EUR", ', "그랜저", "already means Grandeur"),
        ("models.toml", '["Azera", ', '[" - ", ', "그랜저", "is empty"),
        ("models.toml", 'body = "sedan", stock = 10146', 'body = "boat", stock = 10146', "그랜저", "'boat'"),
        ("models.toml", "stock = 10146", 'stock = "many"', "그랜저", "Expected `int`"),
        ("models.toml", "stock = 10146", "stock = 10146, colour = 1", "그랜저", "unknown field `colour`"),
        ("models.toml", '["현대"]', '["현데"]', '["현데"]', "no facet of any make"),
        ("makes.toml", "[Genesis]", '["제네시스"]', '["제네시스"]', "matching regex"),
        ("makes.toml", "[Genesis]", "[Hyundai]", "[Hyundai]", "twice"),
        ("makes.toml", "[Genesis]", "[Chevy]\nfacets = []\n[Genesis]", "[Chevy]", "length >= 1"),
        ("makes.toml", '["기아자동차", "기아차"]', '["BMW"]', '["BMW"]', "already means BMW"),
        ("makes.toml", 'korean = "제네시스"', 'korean = "현대"', 'korean = "현대"', "already belongs to Hyundai"),
        ("makes.toml", 'korean = "르노",', 'korean = "현대",', "[Renault]", "already belongs to Hyundai"),
        ("fuels.toml", 'lpg = ["LPG(일반인 구입)"]', 'lpg = ["LPG"]', 'lpg = ["LPG"]', "is no facet"),
        ("fuels.toml", 'token = "diesel"', 'token = "oil"', "디젤", "no line under [filters]"),
        ("colours.toml", f'{GRAY}"gray"', f'{GRAY}"mouse"', "쥐색", "'mouse' is not in the list"),
        ("colours.toml", 'grey = "gray"', 'grey = "mouse"', "grey", "'mouse' is neither"),
        ("colours.toml", 'grey = "gray"', 'silver = "gray"', 'silver = "gray"', "already means"),
        ("options.toml", f'{SUNROOF}"exterior"', f'{SUNROOF}"roof"', "sunroof", "'roof'"),
        ("options.toml", 'facet = "루프랙"', 'facet = "선루프"', "roof_rack", "already belongs to sunroof"),
        ("options.toml", "\nsunroof = {", "\ndashcam = {", "dashcam = {", "unsupported"),
        ("options.toml", "\nsunroof = {", "\n# sunroof = {", "[options]", "61 options"),
        ("regions.toml", '"서울" = "Seoul"', '"서울" = 1', "서울", "Expected `str`"),
        ("regions.toml", "[regions]", "[region]", "#", "regions: is missing"),
        ("seller_types.toml", 'B = "dealer"', 'B = "shop"', 'B = "shop"', "'shop' is none of"),
        ("panels.toml", 'id = "hood"', 'id = "Hood"', "P011", "matching regex"),
        ("panels.toml", 'id = "hood"', 'id = "trunk-lid"', "P041", "already belongs to P011"),
        ("panels.toml", '"Hood", kind = "exterior"', '"Hood", kind = "frame"', "P011", "no rank of a part"),
        ("panels.toml", '"Hood", kind = "exterior", ', '"Hood", ', "P011", "missing required field `kind`"),
        ("panels.toml", 'RANK_ONE = "exterior"', 'RANK_ONE = "roof"', 'RANK_ONE = "roof"', "'roof'"),
        ("damages.toml", '"Scratch", severity = "minor"', '"Scratch", severity = "major"', "A = {", "follows one"),
        ("damages.toml", 'token = "u"', 'token = "t"', "U = {", "already belongs to T"),
        ("damages.toml", '"Dent", severity = "minor"', '"Dent", severity = "bad"', "U = {", "'bad'"),
        ("checklist.toml", 'token = "cv_joints"', 'token = "cv joints"', "s021", "matching regex"),
        ("checklist.toml", 'token = "manual_oil_leak"', 'token = "automatic_oil_leak"', "s016", "belongs to s013"),
        ("checklist.toml", '"Brake fluid leak", answers = ["3",', '"Brake", answers = ["33",', "s028", "no status"),
        ("checklist.toml", ', fluid = "power steering fluid"', "", "s023", "names the fluid"),
        ("checklist.toml", 's036 = { group = "S07"', 's036 = { group = "S7"', "s036", "no group"),
        ("checklist.toml", '"누수", severity = "medium", leak = "{fluid} leak"', '"누수"', "5 = {", "leak"),
        ("sheet.toml", '2 = { token = "lease"', '1 = { token = "lease"', "1 = {", "Cannot overwrite"),
        ("sheet.toml", 'korean = "리스"', 'korean = "렌트"', "2 = {", "already means rental"),
        ("sheet.toml", 'TRUNK_LID = { panel = "P041"', 'TRUNK_LID = { panel = "P999"', "TRUNK_LID", "no panel"),
        ("sheet.toml", "[recalls]", "[recals]", "#", "recalls: is missing"),
        ("remarks.toml", '"양호" = { english', '"특이 사항 없음" = { english', "특이 사항", "is repeated"),
        ("remarks.toml", 'english = "Good", confidence = "inferred"', 'english = "Good"', "양호", "confidence"),
        ("remarks.toml", '"범퍼" = "bumper"', '"범퍼" = "범퍼"', "범퍼", "matching regex"),
        ("remarks.toml", "[abbreviations]", "[short]", "#", "abbreviations: is missing"),
        ("dangers.toml", '"도난", "盜難"', '"침수", "盜難"', "[dangers.theft]", "already means flood"),
        ("dangers.toml", "[dangers.theft]", "[dangers.Theft]", "[dangers.Theft]", "matching regex"),
        ("dangers.toml", 'english = "theft"', 'english = "도난"', "[dangers.theft]", "matching regex"),
        ("dangers.toml", "is_not = ", "is = ", "[negation]", "unknown field"),
        ("danawa.toml", '"볼보" = "볼보"', '"볼보" = "볼보차"', '"볼보" = ', "'볼보차' is no facet of a make"),
        ("danawa.toml", '"볼보" = "볼보"', '"볼보 코리아" = "볼보"', "볼보 코리아", "a label has no blank"),
        ("danawa.toml", '"포터" = { facet = "현대"', '"포터" = { facet = "현데"', "포터", "no facet of a make"),
        ("danawa.toml", 'name = "Porter"', 'name = "Sonata"', "포터", "already means Sonata"),
        ("danawa.toml", '"이베코" = "Iveco"', '"이베코" = "Kia"', '"이베코" = "Kia"', "is a make of makes.toml"),
        ("words.toml", '"프레스티지" = ', '"프레스티지 " = ', "프레스티지 ", "a word is Hangul"),
        ("words.toml", '"프레스티지" = "Prestige"', '"프레스티지" = "프"', '"프레스티지" = "프"', "matching regex"),
    ],
)
def test_a_wrong_entry_is_told_with_its_file_and_line(
    tmp_path: Path, name: str, old: str, new: str, line: str, says: str
) -> None:
    problem, named = broken(tmp_path, name, old, new)
    assert says in problem
    assert line in named


def test_a_missing_file_and_an_unreadable_one_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "translations"
    shutil.copytree(FOLDER, folder)
    (folder / "regions.toml").write_bytes(b"\xff")
    with pytest.raises(VocabularyError, match=r"translations/regions\.toml line 1: cannot be read"):
        load(folder)
    (folder / "regions.toml").unlink()
    with pytest.raises(VocabularyError, match=r"translations/regions\.toml line 1: cannot be read"):
        load(folder)


def test_a_file_that_ends_too_early_is_told_with_its_last_line(tmp_path: Path) -> None:
    folder = tmp_path / "translations"
    shutil.copytree(FOLDER, folder)
    (folder / "regions.toml").write_text('nothing = ["null"', encoding="utf-8")
    with pytest.raises(VocabularyError, match=r"translations/regions\.toml line 1: "):
        load(folder)


def test_the_copy_in_an_installed_package_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(FOLDER, tmp_path / "translations")
    (tmp_path / "translations" / "regions.toml").write_text(
        'nothing = []\n[regions]\n"부산" = "Pusan"\n', encoding="utf-8"
    )
    monkeypatch.setattr("dealerproxy.vocabulary.lookup.__file__", str(tmp_path / "vocabulary" / "lookup.py"))
    assert load().region("부산") == "Pusan"


# Captured rows


@pytest.fixture(scope="module")
def rows(captures: Path) -> list[dict[str, Any]]:
    folder = captures / "encar_search"
    recent = json.loads((folder / "premium_carType_Y_200rows_2026-03.json").read_text(encoding="utf-8"))
    older = json.loads((folder / "premium_sorento_20rows_2023-06.json").read_text(encoding="utf-8"))
    found = [*recent, *older["SearchResults"]]
    assert len(found) == 220
    return found


def test_nearly_every_word_of_captured_trims_has_an_english_one(rows: list[dict[str, Any]]) -> None:
    trims = [row.get(key) or "" for row in rows for key in ("Badge", "BadgeDetail")]
    words = Counter(word for trim in trims if trim != "(세부등급 없음)" for word in HANGUL.findall(trim))
    known = {word: times for word, times in words.items() if not WORDS.translate(word)[1]}
    distinct, weighted = len(known) / len(words), sum(known.values()) / words.total()
    print(f"\ntrim words: {len(known)} of {len(words)} distinct, {sum(known.values())} of {words.total()} in all")
    assert distinct >= 0.97
    assert weighted >= 0.97


def test_nearly_every_captured_row_has_a_model(rows: list[dict[str, Any]]) -> None:
    found = [WORDS.model_of_generation(row["Manufacturer"], row["Model"]) for row in rows]
    print(f"\nmodel found for {len(found) - found.count(None)} of {len(found)} rows")
    assert found.count(None) / len(found) <= 0.01


def test_captured_rows_miss_nothing_else(rows: list[dict[str, Any]], fresh: Vocabulary) -> None:
    for row in rows:
        assert fresh.make_of(row["Manufacturer"])
        fresh.fuel(row["FuelType"])
        fresh.transmission(row["Transmission"])
        fresh.region(row["OfficeCityState"])
        fresh.sell_type(row.get("SellType") or "일반")
        for code in row["Separation"]:
            fresh.seller_type(code)
    assert fresh.untranslated == {}
