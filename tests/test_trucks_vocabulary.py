"""The words of Encar's truck index, and what partners call its vehicles."""

import json
import os
import re
import shutil
import tomllib
from pathlib import Path

import pytest

from dealerproxy.vocabulary import Vocabulary, VocabularyError, load

FOLDER = Path(__file__).parent.parent / "translations"
FILE = tomllib.loads((FOLDER / "trucks.toml").read_text(encoding="utf-8"))
HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")
MODELS = [(maker, korean) for maker, models in FILE["models"].items() for korean in models]
DETAILS = [(form, korean) for form, details in FILE["form_details"].items() for korean in details]


@pytest.mark.parametrize(("maker", "korean"), MODELS)
def test_every_model_has_a_plain_english_name(vocabulary: Vocabulary, maker: str, korean: str) -> None:
    found = vocabulary.trucks.model_of("스카니아" if maker == "*" else maker, korean)
    assert found is not None
    assert found.korean == korean  # exactly as the site expects it
    assert found.model.name.isascii()


@pytest.mark.parametrize("badge", FILE["badges"])
def test_every_badge_has_a_plain_english_name(vocabulary: Vocabulary, badge: str) -> None:
    english = vocabulary.trucks.badge(badge)
    assert english is not None
    assert english.isascii()


@pytest.mark.parametrize(("form", "detail"), DETAILS)
def test_every_body_has_a_plain_english_name_and_a_form(vocabulary: Vocabulary, form: str, detail: str) -> None:
    found = vocabulary.trucks.form(detail)
    assert found is not None
    assert found.name is not None
    assert found.name.isascii()
    kind = vocabulary.trucks.form_alone(form)
    assert kind is not None
    assert (kind.form, kind.name) == (found.form, None)


def test_every_word_of_the_recorded_vocabulary_is_known(vocabulary: Vocabulary) -> None:
    recorded = Path(os.environ.get("DEALERPROXY_TEST_CAPTURES", "/")).parent / "facts" / "encar-trucks-vocabulary.json"
    if not recorded.is_file():
        pytest.skip("the recorded vocabulary is not here")
    words = json.loads(recorded.read_text(encoding="utf-8"))
    trucks = vocabulary.trucks
    for row in words["makers"]:
        assert trucks.make_of(row["kr"]) is not None, row
    for row in words["models"]:
        assert trucks.model_of(row["maker_kr"] or "스카니아", row["kr"]) is not None, row
    for row in words["badges"]:
        assert trucks.badge(row["kr"]) or trucks.says_nothing(row["kr"]), row
    for row in words["form_details"]:
        assert trucks.form(row["kr"]) or trucks.says_nothing(row["kr"]), row
    for row in words["standards"]:
        assert trucks.standard(row["kr"]), row
    for row in words["uses"]:
        assert trucks.use(row["kr"]), row
    capacities = words["capacities"]
    loads = [
        *capacities["카고(화물)트럭"]["values"],
        *capacities["냉동탑 (part)"]["values"],
        *capacities["other_units"],
    ]
    for load_ in loads:
        assert trucks.load(load_), load_
    assert trucks.options.keys() == {row["code"] for row in words["options"]}
    for row in (*words["fuels"], *words["transmissions"]):
        assert (vocabulary.fuel(row["kr"]), vocabulary.transmission(row["kr"])) != ("", ""), row


@pytest.mark.parametrize(
    ("korean", "english"),
    [
        ("1톤", "1 t"),
        ("2.5톤", "2.5 t"),
        ("30 이상톤", "30 t or more"),
        ("30톤 이상", "30 t or more"),
        ("0.4미만㎥", "under 0.4 m3"),
        ("6㎘", "6 kl"),
        ("20FT", "20 ft"),
        ("20ft", "20 ft"),
        ("12.5m", "12.5 m"),
        ("기타", None),
        ("1톤차", None),
        ("많음", None),
    ],
)
def test_a_load_is_a_number_and_a_unit(vocabulary: Vocabulary, korean: str, english: str | None) -> None:
    assert vocabulary.trucks.load(korean) == english


@pytest.mark.parametrize(
    ("make", "text", "words"),
    [
        ("Hyundai", "Porter", ["포터 Ⅱ", "포터", "뉴포터"]),
        ("Hyundai", "포터", ["포터 Ⅱ", "포터", "뉴포터"]),
        ("Hyundai", "뉴포터", ["뉴포터"]),
        ("Hyundai", "카운티", ["카운티", "뉴 카운티"]),
        ("Kia", "봉고", ["봉고Ⅲ", "더 뉴 봉고Ⅲ", "봉고프론티어"]),
        ("Tata Daewoo", "노부스", ["노부스 중형트럭", "노부스 대형트럭", "노부스 덤프"]),
        ("Tata Daewoo", "Prima Dump", ["프리마 덤프"]),
        ("Hyundai", "porter-ii", ["포터 Ⅱ"]),
        ("Hyundai", "포터Ⅱ", ["포터 Ⅱ"]),
        ("Hyundai", "포터2", ["포터 Ⅱ"]),
        ("Hyundai", "New Porter", ["뉴포터"]),
        ("Kia", "BONGO", ["봉고Ⅲ", "더 뉴 봉고Ⅲ", "봉고프론티어"]),
        ("Kia", "Bongo III", ["봉고Ⅲ", "더 뉴 봉고Ⅲ"]),
        ("Kia", "봉고3", ["봉고Ⅲ", "더 뉴 봉고Ⅲ"]),
        ("Kia", "The New Bongo III", ["더 뉴 봉고Ⅲ"]),
        ("Kia", "Frontier", ["봉고프론티어"]),
        ("Hyundai", "Mighty", ["마이티", "마이티2", "마이티 큐티", "올 뉴 마이티"]),
        ("Hyundai", "e-Mighty", ["e마이티"]),
        ("Hyundai", "County", ["카운티", "뉴 카운티"]),
        ("Hyundai", "Solati", ["쏠라티"]),
        ("Hyundai", "Xcient", ["엑시언트"]),
        ("Tata Daewoo", "Novus", ["노부스 중형트럭", "노부스 대형트럭", "노부스 덤프"]),
        ("Scania", "Tractor", ["트렉터"]),
        ("Volvo", "Dump Truck", ["덤프"]),
        ("Mercedes-Benz", "Sprinter", ["스프린터"]),
        # Cars, even if some were converted
        ("Hyundai", "Palisade", []),
        ("Hyundai", "Starex", []),
        ("Kia", "Carnival", []),
        ("Kia", "Bongo III Minibus", []),
        ("KG Mobility", "Rexton Sports", []),
        # Not of this make
        ("Kia", "Porter", []),
        ("Hyundai", "Bongo", []),
        ("Kia", "Dump Truck", []),
    ],
)
def test_a_name_means_the_words_of_the_index(vocabulary: Vocabulary, make: str, text: str, words: list[str]) -> None:
    found = vocabulary.find_make_anywhere(make)
    assert found is not None
    assert [model.korean for model in vocabulary.trucks.meant(found, text)] == words


def test_a_make_alone_brings_the_porter_and_bongo_families_only(vocabulary: Vocabulary) -> None:
    brought = {
        make.name: [model.korean for model in vocabulary.trucks.with_make(make)]
        for make in (*vocabulary.makes, *vocabulary.trucks.makes)
        if vocabulary.trucks.with_make(make)
    }
    assert brought == {"Hyundai": ["포터 Ⅱ", "포터", "뉴포터"], "Kia": ["봉고Ⅲ", "더 뉴 봉고Ⅲ", "봉고프론티어"]}


def test_the_numerals_are_the_single_characters_the_site_uses(vocabulary: Vocabulary) -> None:
    kia, hyundai = vocabulary.find_make("Kia"), vocabulary.find_make("Hyundai")
    assert kia is not None
    assert hyundai is not None
    assert [model.korean for model in vocabulary.trucks.meant(hyundai, "Porter II")] == ["포터 \u2161"]
    assert vocabulary.trucks.meant(kia, "Bongo III")[0].korean == "봉고\u2162"


def test_a_make_that_only_the_truck_index_has_is_found_by_its_names(vocabulary: Vocabulary) -> None:
    for text, name in (
        ("scania", "Scania"),
        ("타타대우", "Tata Daewoo"),
        ("Daewoo Bus", "Zyle Daewoo"),
        ("MAN", "MAN"),
    ):
        found = vocabulary.find_make_anywhere(text)
        assert found is not None, text
        assert found.name == name
    assert vocabulary.find_make("Scania") is None


def test_an_option_is_mapped_to_a_token_only_where_the_meaning_is_the_same(vocabulary: Vocabulary) -> None:
    options = vocabulary.trucks.options
    assert options["010"].token is None  # a sunroof among the cars, an exhaust filter here
    assert options["003"].token == "sunroof"
    assert {option.token for option in options.values()} - {None} <= vocabulary.options.keys()
    assert len(options) == 37
    assert not any(HANGUL.search(option.name) for option in options.values())


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("trucks.toml", '[models."현대"]', '[models."현데"]', "is no maker"),
        ("trucks.toml", 'with_make = ["Porter"', 'with_make = ["Parter"', "'Parter' is no family"),
        ("trucks.toml", '"Bongo" = ["봉고"]', '"Bango" = ["봉고"]', "'Bango' is no family"),
        ("trucks.toml", 'name = "Porter II"', 'name = "포터"', "matching regex"),
        ("trucks.toml", 'body = "bus"', 'body = "boat"', "Invalid enum value"),
        ("trucks.toml", '[form_details."버스"]', '[form_details."버쓰"]', "is no form"),
        ("trucks.toml", '"덤프" = { name = "Dump", ', '"윙바디" = { name = "Dump", ', "is repeated"),
        ("trucks.toml", 'aliases = ["MAN Truck", "만"]', 'aliases = ["Tata Daewoo"]', "already means Tata Daewoo"),
        ("truck_options.toml", 'token = "sunroof"', 'token = "moonroof"', "no token"),
    ],
)
def test_a_wrong_entry_is_told_with_its_file_and_line(tmp_path: Path, name: str, old: str, new: str, says: str) -> None:
    folder = tmp_path / "translations"
    shutil.copytree(FOLDER, folder)
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(VocabularyError, match=rf"translations/{name} line \d+: .*{re.escape(says)}"):
        load(folder)
