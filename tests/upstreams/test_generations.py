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
        ("BMW", "2시리즈 액티브 투어러 (F45)", "2 Series Active Tourer", "minivan", "F45"),
        ("BMW", "2시리즈 그란투어러 (F46)", "2 Series Gran Tourer", "minivan", "F46"),
        ("BMW", "2시리즈 (F22)", None, "coupe", "F22"),
        ("쉐보레(GM대우)", "트랙스 크로스오버", "Trax Crossover", "suv", None),
        ("쉐보레(GM대우)", "더 뉴 트랙스", None, "suv", "The New"),
        (SSANGYONG, "티볼리 에어", "Tivoli Air", "suv", None),
        (SSANGYONG, "토레스 EVX", "Torres EVX", "suv", None),
        (SSANGYONG, "코란도 EV (이모션)", "Korando EV", "suv", "e-Motion"),
        (SSANGYONG, "무쏘 EV", "Musso EV", "truck", None),
        (SSANGYONG, "뉴 체어맨 W", "Chairman W", "sedan", "New"),
        ("기아", "더 뉴 기아 레이 EV", "Ray EV", "compact", "The New"),
        ("현대", "아반떼 N", "Avante N", "sedan", None),
        ("현대", "아이오닉5 N", "IONIQ 5 N", "suv", None),
        ("기아", "K7 프리미어", None, "sedan", "Premier"),
        ("도요타", "프리우스 프라임", "Prius Prime", "compact", None),
        ("렉서스", "NX300h", None, "suv", "300h"),
        (SSANGYONG, "렉스턴 스포츠 칸 쿨멘", KHAN_CULMEN, "truck", None),
        ("현대", "쏘나타 플러그인 하이브리드", "Sonata Plug-in Hybrid", "sedan", None),
        ("현대", "스타리아 라운지", "Staria Lounge", "minivan", None),
        ("현대", "에쿠스 리무진", "Equus Limousine", "sedan", None),
        ("기아", "니로 플러스", "Niro Plus", "suv", None),
        ("BMW", "3시리즈 GT (F34)", "3 Series GT", "sedan", "F34"),
        ("벤츠", "EQE SUV", "EQE SUV", "suv", None),
        ("벤츠", "마이바흐 S-클래스 (Z223)", "Maybach S-Class", "sedan", "Z223"),
        ("볼보", "V60 크로스컨트리 2세대", "V60 Cross Country", "wagon", "2nd Gen"),
        ("미쯔비시", "이클립스 크로스", "Eclipse Cross", "suv", None),
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
        ("현대 그랜저HG HG 240 럭셔리", "HG240 Luxury (HG)", "sedan"),
        ("현대 제네시스 BH 330 모던", "BH330 Modern (BH)", "sedan"),
        ("현대 그랜저 TG 270 럭셔리", "TG270 Luxury (TG)", "sedan"),
        ("현대 그랜저HG 디젤 HG 220 모던", "Diesel HG 220 Modern (HG)", "sedan"),
        ("현대 제네시스 DH G330 모던", "G330 Modern (DH)", "sedan"),
        ("기아 K7 프리미어 2.5 GDi X 에디션", "2.5 GDi X Edition (Premier)", "sedan"),
        ("기아 K7 프리미어 하이브리드 노블레스", "Hybrid Noblesse (Premier)", "sedan"),
        ("쉐보레(대우) 트랙스 1.4 프리미어", "1.4 Premier", "suv"),
        ("기아 모하비 더 마스터 3.0 디젤 마스터즈", "3.0 Diesel Masters (The Master)", "suv"),
        ("기아 스포티지 더 볼드 2.0 노블레스", "2.0 Noblesse (The Bold)", "suv"),
        ("기아 쏘렌토 R 디젤 2.0 TLX", "Diesel 2.0 TLX (R)", "suv"),
        ("현대 LF쏘나타 뉴라이즈 2.0 모던", "2.0 Modern (LF, New Rise)", "sedan"),
        ("르노(삼성) SM7 뉴아트 2.3", "2.3 (New Art)", "sedan"),
        ("르노(삼성) SM5 노바 LPLi 고급형", "LPLi High Grade (Nova)", "sedan"),
        ("현대 엑센트 신형 1.4 VVT 모던", "1.4 VVT Modern (New)", "sedan"),
        ("현대 아반떼 N 라인 1.6 터보", "N Line 1.6 Turbo", "sedan"),
        ("현대 아반떼 N 2.0 터보 N", "2.0 Turbo N", "sedan"),
        ("현대 아이오닉 5 N N", "N", "suv"),
        ("쉐보레(대우) 스파크 EV EV", "EV", "compact"),
        ("쉐보레(대우) 트랙스 크로스오버 1.2 RS", "Crossover 1.2 RS", "suv"),
        ("벤츠 E클래스 W213 E250 아방가르드", "E250 Avantgarde (W213)", "sedan"),
        ("벤츠 E클래스(W213) E250 아방가르드", "E250 Avantgarde (W213)", "sedan"),
        ("벤츠 C클래스 C200 아방가르드", "C200 Avantgarde", "sedan"),
        ("BMW 3시리즈 G20 320d", "320d (G20)", "sedan"),
        ("BMW 그란투리스모(GT) 3시리즈 GT 320d xDrive", "3 Series GT 320d xDrive", "sedan"),
        ("BMW 2시리즈(1세대) 액티브 투어러 조이", "Active Tourer Joy (1st Gen)", "minivan"),
        ("렉서스 NX 300h", "300h", "suv"),
        ("푸조 e-208 e-208 GT 라인", "e-208 GT Line", "compact"),
        ("폭스바겐 티구안 2.0 TDI 4모션 프레스티지", "2.0 TDI 4MOTION Prestige", "suv"),
        ("현대 투싼 디젤(e-VGT R)2.0 모던", "Diesel (e-VGT R) 2.0 Modern", "suv"),
        ("기아 카니발(KA4) 하이리무진 특장 메이저카", "Hi-Limousine Special Purpose Major Car (KA4)", "minivan"),
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
        ("Kia", "Optima Hybrid", {"K5 Hybrid"}),
        ("Hyundai", "Elantra Hybrid", {"Avante Hybrid"}),
        ("Hyundai", "Kona EV", {"Kona Electric"}),
        ("Genesis", "eG80", {"Electrified G80"}),
        ("Genesis", "G80 Electrified", {"Electrified G80"}),
        ("Genesis", "GV70 Electrified", {"Electrified GV70"}),
        ("Genesis", "G80", None),
        ("Chevrolet", "Trax Crossover", {"Trax Crossover"}),
        ("Chevrolet", "Trax", None),
        ("BMW", "2 Series Active Tourer", {"2 Series Active Tourer"}),
        ("KG Mobility", "Korando e-Motion", {"Korando EV"}),
        ("KG Mobility", "Chairman W", {"Chairman W"}),
        ("Ford", "Mustang", {None}),
        ("Ford", "Mustang Mach-E", {"Mustang Mach-E"}),
        ("Toyota", "Prius Prime", {"Prius Prime"}),
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
