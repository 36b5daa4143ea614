"""Generations on both sites: which vehicle a name means, its body, and the trim that ends with the generation."""

import pytest

from dealerproxy.upstreams.car_words import Trim, body_of, full_trim, read_generation
from dealerproxy.upstreams.danawa.names import read_name
from dealerproxy.vocabulary import Generation, Vehicle, Vocabulary

SSANGYONG = "KG모빌리티(쌍용)"
KHAN_CULMEN = "Rexton Sports Khan Culmen"


@pytest.mark.parametrize(
    ("facet", "korean", "vehicle", "body", "english"),
    [
        (SSANGYONG, "렉스턴 스포츠", "Rexton Sports", "truck", None),
        (SSANGYONG, "렉스턴 스포츠 칸", "Rexton Sports Khan", "truck", None),
        (SSANGYONG, "더 뉴 렉스턴 스포츠 칸", "Rexton Sports Khan", "truck", "The New"),
        (SSANGYONG, "올 뉴 렉스턴", None, "suv", "All New"),
        (SSANGYONG, "렉스턴 W", "Rexton W", "suv", None),
        (SSANGYONG, "더 뉴 코란도 스포츠", "Korando Sports", "truck", "The New"),
        (SSANGYONG, "코란도 투리스모", "Korando Turismo", "minivan", None),
        (SSANGYONG, "더 뉴 코란도 투리스모", "Korando Turismo", "minivan", "The New"),
        (SSANGYONG, "뉴코란도 C", "Korando C", "suv", "New"),
        (SSANGYONG, "뷰티풀 코란도", None, "suv", "Beautiful"),
        ("현대", "제네시스 쿠페", "Genesis Coupe", "coupe", None),
        ("현대", "뉴 제네시스 쿠페", "Genesis Coupe", "coupe", "New"),
        ("현대", "제네시스 DH", None, "sedan", "DH"),
        ("지프", "그랜드 체로키 (WK2)", "Grand Cherokee", "suv", "WK2"),
        ("지프", "체로키 (KL)", None, "suv", "KL"),
        ("기아", "그랜드 카니발", "Grand Carnival", "minivan", None),
        ("기아", "더 뉴 카니발 4세대", None, "minivan", "The New, 4th Gen"),
        ("현대", "쏘나타 하이브리드 (DN8)", "Sonata Hybrid", "sedan", "DN8"),
        ("현대", "쏘나타 (DN8)", None, "sedan", "DN8"),
        ("현대", "LF 쏘나타", None, "sedan", "LF"),
        ("현대", "더 뉴 그랜저 IG 하이브리드", "Grandeur Hybrid", "sedan", "The New, IG"),
        ("기아", "더 뉴 쏘렌토 4세대", None, "suv", "The New, 4th Gen"),
        ("기아", "스포티지 5세대 하이브리드", "Sportage Hybrid", "suv", "5th Gen"),
        ("기아", "K5 (DL3)", None, "sedan", "DL3"),
        ("기아", "K5 3세대(DL3)", None, "sedan", "3rd Gen, DL3"),
        ("기아", "K5 2세대", None, "sedan", "2nd Gen"),
        ("기아", "더 뉴 기아 레이", None, "compact", "The New"),
        ("기아", "디 올 뉴 니로", None, "suv", "The All New"),
        ("기아", "올 뉴 모닝 (JA)", None, "compact", "All New, JA"),
        ("기아", "모하비 더 마스터", None, "suv", "The Master"),
        ("제네시스", "EQ900", None, "sedan", None),
        ("BMW", "5시리즈 (G30)", None, "sedan", "G30"),
        ("벤츠", "E-클래스 W213", None, "sedan", "W213"),
    ],
)
def test_a_generation_tells_vehicle_body_and_age(
    vocabulary: Vocabulary, facet: str, korean: str, vehicle: str | None, body: str, english: str | None
) -> None:
    model = vocabulary.model_of_generation(facet, korean)
    assert model is not None
    found = read_generation(model, korean, vocabulary)
    assert (found.vehicle.name if found.vehicle else None) == vehicle
    assert (body_of(model, found), found.english, found.missing) == (body, english, ())


@pytest.mark.parametrize(
    ("name", "trim", "body"),
    [
        (f"{SSANGYONG} 더 뉴렉스턴 스포츠 칸 2.2 4WD 프레스티지", "Sports Khan 2.2 4WD Prestige (The New)", "truck"),
        (f"{SSANGYONG} 코란도 스포츠 CX7 4WD", "Sports CX7 4WD", "truck"),
        (f"{SSANGYONG} 신형 코란도 투리스모 2.2 11인승", "Turismo 2.2 11-seater (New)", "minivan"),
        ("현대 제네시스 쿠페 380 GT R", "Coupe 380 GT R", "coupe"),
        ("지프 그랜드 체로키(WK2) 3.0", "Grand 3.0 (WK2)", "suv"),
        ("지프 체로키(KL) 2.4", "2.4 (KL)", "suv"),
        ("기아 신형쏘렌토 하이브리드(MQ4) 1.6 시그니처", "Hybrid 1.6 Signature (New, MQ4)", "suv"),
        ("기아 카니발 4세대 9인승 시그니처", "9-seater Signature (4th Gen)", "minivan"),
        ("기아 더 뉴 K3 2세대 1.6 시그니처", "1.6 Signature (The New, 2nd Gen)", "sedan"),
        ("현대 더 뉴 그랜저 IG IG 2.5 익스클루시브", "2.5 Exclusive (The New, IG)", "sedan"),
        ("현대 제네시스DH", "(DH)", "sedan"),
        ("닛산 알티마(5세대F/L) 2.5", "2.5 (5th Gen, Facelift)", "sedan"),
        ("현대 마이티 롱바디 3.5톤", "Long Body 3.5-ton", "truck"),
        ("현대 e-마이티 카고", "Electric Cargo", "truck"),
        ("푸조 e-208 GT 라인", "e-208 GT Line", "compact"),
    ],
)
def test_a_danawa_name_has_the_same_order(vocabulary: Vocabulary, name: str, trim: str, body: str) -> None:
    named = read_name(name, vocabulary)
    assert named.model is not None
    assert full_trim(named.trim, named.generation) == trim
    assert body_of(named.model, named.generation) == body


def test_an_e_mighty_is_electric(vocabulary: Vocabulary) -> None:
    assert read_name("현대 e-마이티 카고", vocabulary).fuel == "electric"


@pytest.mark.parametrize(
    ("vehicle", "grades", "generation", "trim"),
    [
        (None, "1.6 Turbo Prestige", "DL3", "1.6 Turbo Prestige (DL3)"),
        (None, "1.6 Turbo Prestige", None, "1.6 Turbo Prestige"),
        (None, None, "DL3", "(DL3)"),
        (None, None, None, None),
        ("Hybrid", None, None, "Hybrid"),
        ("Hybrid", "1.6 Turbo Hybrid", None, "1.6 Turbo Hybrid"),
        ("Sports Khan", "2.2 Prestige", "The New", "Sports Khan 2.2 Prestige (The New)"),
    ],
)
def test_a_trim_is_null_only_if_the_site_says_nothing(
    vehicle: str | None, grades: str | None, generation: str | None, trim: str | None
) -> None:
    named = Vehicle("Any", vehicle, None, own=False) if vehicle else None
    assert full_trim(Trim(None, grades, ()), Generation(named, generation, ())) == trim


@pytest.mark.parametrize(
    ("make", "text", "wanted"),
    [
        ("Jeep", "Grand Cherokee", {"Grand Cherokee", "Grand Cherokee L"}),
        ("Jeep", "그랜드 체로키", {"Grand Cherokee", "Grand Cherokee L"}),
        ("Jeep", "Cherokee", {None}),
        ("KG Mobility", "Rexton Sports", {"Rexton Sports", "Rexton Sports Khan", "Rexton Sports Culmen", KHAN_CULMEN}),
        ("KG Mobility", "rexton-sports khan", {"Rexton Sports Khan", KHAN_CULMEN}),
        ("KG Mobility", "Rexton", {None, "Rexton W"}),
        ("KG Mobility", "Korando Sports", {"Korando Sports"}),
        ("KG Mobility", "Korando Turismo", {"Korando Turismo"}),
        ("KG Mobility", "코란도 투리스모", {"Korando Turismo"}),
        ("Hyundai", "Genesis Coupe", {"Genesis Coupe"}),
        ("Hyundai", "Genesis", {None}),
        ("Hyundai", "Sonata Hybrid", {"Sonata Hybrid"}),
        ("Hyundai", "Sonata", None),
        ("Hyundai", "e-Mighty", {"e-Mighty"}),
        ("Kia", "Grand Carnival", {"Grand Carnival"}),
        ("Kia", "Carnival", None),
        ("Kia", "Morning", None),
    ],
)
def test_a_name_asks_for_its_vehicle_of_the_group(
    vocabulary: Vocabulary, make: str, text: str, wanted: set[str | None] | None
) -> None:
    found = vocabulary.find_make(make)
    assert found is not None
    (model,) = vocabulary.find_models_anywhere(found, text)
    asked = vocabulary.generations.asked_for(model, text)
    assert asked == wanted
