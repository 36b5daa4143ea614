"""Makers' codes in names: which cars plug in, and which fuel a code means. Every table has cars that must not match."""

import pytest

from dealerproxy.upstreams.car_words import facts_in_name, fuel_token
from dealerproxy.upstreams.danawa.names import fuel_said, read_name
from dealerproxy.vocabulary import Vocabulary

PLUG_INS = [
    ("벤츠", "E-클래스 W213 E300e 4MATIC 익스클루시브"),
    ("벤츠", "E-클래스 W213 E350 e"),
    ("벤츠", "GLC-클래스 X253 GLC350e 4MATIC"),
    ("벤츠", "GLC-클래스 GLC 300e 4매틱 쿠페"),
    ("벤츠", "GLE-클래스 GLE350de 4MATIC"),
    ("벤츠", "S-클래스 W222 S560e L"),
    ("벤츠", "S-클래스 S580Le 4MATIC"),
    ("벤츠", "AMG GT 63 S E 퍼포먼스"),
    ("BMW", "5시리즈 (G30) 530e M 스포츠"),
    ("BMW", "7시리즈 745Le"),
    ("BMW", "2시리즈 225xe"),
    ("BMW", "X5 (G05) xDrive45e xLine"),
    ("BMW", "X3 xDrive 30e"),
    ("BMW", "X5(4세대) 50e xDrive"),
    ("BMW", "XM XM"),
    ("랜드로버", "레인지로버 5세대 P440e 오토바이오그래피"),
    ("랜드로버", "레인지로버 스포츠 P510e"),
    ("랜드로버", "레인지로버 P400e PHEV"),
    ("재규어", "F-PACE P400e"),
    ("렉서스", "NX NX450h+ F 스포츠"),
    ("렉서스", "RX 5세대 450h+ 럭셔리"),
    ("지프", "랭글러 (JL) 4xe 사하라"),
    ("지프", "그랜드 체로키 (WL) 4XE 서밋"),
    ("포르쉐", "카이엔 (PO536) E-하이브리드"),
    ("포르쉐", "파나메라 4 E-Hybrid"),
    ("포르쉐", "카이엔 S E 하이브리드"),
    ("미니", "컨트리맨 쿠퍼 SE ALL4"),
    ("도요타", "프리우스 프라임 1.8"),
    ("도요타", "Prius Prime"),
    ("볼보", "XC90 2세대 T8 AWD 인스크립션"),
    ("볼보", "XC60 2세대 리차지 T8 얼티메이트"),
    ("볼보", "S90 Recharge T6"),
    ("아우디", "Q5 50 TFSI e 콰트로"),
    ("아우디", "A3 e-트론"),
    ("폭스바겐", "골프 GTE"),
    ("현대", "아이오닉 플러그인 하이브리드"),
    ("기아", "니로 PHEV 프레스티지"),
]
OTHER_HYBRIDS = [
    ("벤츠", "E-클래스 W213 E300 4MATIC"),
    ("벤츠", "E-클래스 W213 E350 4MATIC AMG 라인"),
    ("벤츠", "EQE-클래스 EQE 350 4MATIC"),
    ("벤츠", "S-클래스 W221 S400 하이브리드"),
    ("벤츠", "S-클래스 S63 AMG 에디션"),
    ("BMW", "5시리즈 (G30) 530i M 스포츠"),
    ("BMW", "X5 (G05) xDrive40i"),
    ("BMW", "X5 (G05) xDrive30d"),
    ("BMW", "X5M 컴페티션"),
    ("랜드로버", "레인지로버 P400 MHEV"),
    ("랜드로버", "디펜더 D300"),
    ("렉서스", "NX NX350h"),
    ("렉서스", "RX 450h 슈프림"),
    ("지프", "랭글러 (JL) 4x4 사하라"),
    ("포르쉐", "카이엔 S 하이브리드"),
    ("미니", "쿠퍼 S 클래식"),
    ("미니", "컨트리맨 쿠퍼 S ALL4"),
    ("미니", "쿠퍼 S 에센셜"),
    ("도요타", "프리우스 1.8 E"),
    ("볼보", "XC90 B6 AWD"),
    ("볼보", "XC60 T6 AWD"),
    ("아우디", "Q5 45 TFSI 콰트로"),
    ("폭스바겐", "골프 1.5 eTSI"),
    ("기아", "K5 하이브리드 1.6e"),
]


@pytest.mark.parametrize(("facet", "name"), PLUG_INS)
def test_a_hybrid_with_a_plug_in_code_is_a_plug_in(vocabulary: Vocabulary, facet: str, name: str) -> None:
    facts = facts_in_name(name, facet, vocabulary)
    assert fuel_token("가솔린+전기", facts, vocabulary) == "plug_in_hybrid"


@pytest.mark.parametrize(("facet", "name"), OTHER_HYBRIDS)
def test_other_hybrids_are_no_plug_ins(vocabulary: Vocabulary, facet: str, name: str) -> None:
    assert fuel_token("가솔린+전기", facts_in_name(name, facet, vocabulary), vocabulary) == "gasoline_hybrid"


@pytest.mark.parametrize(("facet", "name"), PLUG_INS)
@pytest.mark.parametrize(("word", "fuel"), [("전기", "electric"), ("가솔린", "gasoline"), ("디젤", "diesel")])
def test_a_code_never_overrules_a_site_that_says_no_hybrid(
    vocabulary: Vocabulary, facet: str, name: str, word: str, fuel: str
) -> None:
    assert fuel_token(word, facts_in_name(name, facet, vocabulary), vocabulary) == fuel


@pytest.mark.parametrize(
    ("name", "fuel"),
    [
        ("현대 포터II CRDi 슈퍼캡 초장축 슈퍼", "diesel"),
        ("현대 i40 1.7 VGT D 스펙", "diesel"),
        ("현대 싼타페(CM) 2.0 e-VGT 2WD MLX", "diesel"),
        ("현대 싼타페 TM R2.0 2WD 모던", "diesel"),
        ("현대 싼타페 TM 2.0T GDi 2WD", "gasoline"),
        ("현대 쏘나타(DN8) G2.0 모던", "gasoline"),
        ("현대 쏘나타(DN8) L2.0 렌터카 스마트", "lpg"),
        ("현대 아이오닉 6 롱레인지", "electric"),
        ("현대 LF쏘나타 2.0 CVVL 스마트", None),
        ("현대 그랜저 IG 2.4 모던", None),
        ("현대 쏘나타 하이브리드(DN8) 2.0", "gasoline_hybrid"),
        ("현대 아반떼 LPi 하이브리드", "hybrid"),
        ("현대 아반떼 하이브리드 1.6 프리미엄", "hybrid"),
        ("현대 아반떼HD 하이브리드", "hybrid"),
        ("현대 아반떼 하이브리드(CN7) HEV 모던", "gasoline_hybrid"),
        ("현대 더 뉴아반떼 하이브리드(CN7) 1.6 HEV 모던", "gasoline_hybrid"),
        ("기아 포르테 하이브리드 1.6 GHI", "hybrid"),
        ("기아 K5 하이브리드 500h", "gasoline_hybrid"),
        ("현대 그랜저HG HG 240 럭셔리", "gasoline"),
        ("현대 그랜저HG HG 300 프리미엄", None),  # built for LPG too
        ("현대 제네시스 BH 330 럭셔리", "gasoline"),
        ("현대 신형에쿠스 VS380 프레스티지", "gasoline"),
        ("현대 쏘나타(DN8) 1.6 터보 인스퍼레이션", "gasoline"),
        ("현대 갤로퍼 2.5 터보", None),
        ("기아 올 뉴K3 1.6 터보 GT", "gasoline"),
        ("쉐보레(대우) 트랙스 1.4 터보 LT", "gasoline"),
        ("쉐보레(대우) 트랙스 1.6 디젤 LT", "diesel"),
        ("쉐보레(대우) 알페온 이어시스트 EL240H", "gasoline_hybrid"),
        ("쉐보레(대우) 알페온 CL240 프리미엄", None),
        ("제네시스 GV70 2.5T AWD 기본형", "gasoline"),
        ("제네시스 신형 G90 3.5 터보 AWD", "gasoline"),
        ("제네시스 G80 디젤 2.2", "diesel"),
        ("랜드로버 레인지로버 스포츠(3세대) 3.0 D300 HSE", "diesel"),
        ("랜드로버 레인지로버 이보크(2세대) 2.0 P250 SE", "gasoline"),
        ("랜드로버 레인지로버 P400e", "plug_in_hybrid"),
        ("재규어 F-PACE D180", "diesel"),
        ("볼보 S90 T5 모멘텀", "gasoline"),
        ("볼보 XC60 T6 리차지", None),
        ("토요타 프리우스(3세대) 1.8 E", "gasoline_hybrid"),
        ("토요타 프리우스 프라임 1.8", "plug_in_hybrid"),
        ("토요타 프리우스 PHEV", "plug_in_hybrid"),
        ("벤츠 G클래스(2세대) G63 AMG", "gasoline"),
        ("벤츠 C클래스 C63 S E 퍼포먼스", "plug_in_hybrid"),
        ("벤츠 E클래스(6세대) E53 AMG 하이브리드 4매틱+", "plug_in_hybrid"),
        ("벤츠 E클래스(5세대) E53 AMG 4매틱+", None),
        ("벤츠 S클래스(6세대) S400H", "gasoline_hybrid"),
        ("기아 K7 프리미어 2.5 GDi 노블레스", "gasoline"),
        ("기아 올 뉴쏘렌토 R2.0 2WD 노블레스", "diesel"),
        ("기아 레이 바이퓨얼 GDI", None),
        ("기아 EV6 롱 레인지", "electric"),
        ("르노(삼성) QM6 2.0 dCi 2WD LE", "diesel"),
        ("르노(삼성) XM3 1.3 TCe RE", "gasoline"),
        ("르노(삼성) QM6 2.0 GDe RE", "gasoline"),
        ("KG모빌리티(쌍용) 토레스 1.5 GDI-T 2WD T7", "gasoline"),
        ("제네시스 EQ900 3.8 GDi AWD", "gasoline"),
        ("제네시스 EQ900 3.8 AWD 럭셔리", None),
        ("제네시스 G80 2.2 D 럭셔리", "diesel"),
        ("제네시스 GV60 스탠다드", "electric"),
        ("폭스바겐 골프(7세대) 1.4 TSI 프리미엄", "gasoline"),
        ("폭스바겐 골프(7세대) 2.0 TDI", "diesel"),
        ("폭스바겐 골프(8세대) 1.5 eTSI", None),
        ("아우디 A5(2세대) 45TFSI 콰트로", "gasoline"),
        ("아우디 Q5 55 TFSI e 콰트로", "plug_in_hybrid"),
        ("아우디 A3 e-트론", None),
        ("푸조 3008(2세대) 1.5 BlueHDi GT라인", "diesel"),
        ("푸조 e-208 e-208 GT 라인", "electric"),
        ("푸조 208 1.2", None),
        ("벤츠 EQS EQS 450+", "electric"),
        ("벤츠 E클래스(5세대) E220d 아방가르드", "diesel"),
        ("벤츠 C클래스(4세대) C220 d 4매틱 쿠페", "diesel"),
        ("벤츠 B클래스(2세대) B200 CDI", "diesel"),
        ("벤츠 E클래스(5세대) E250 아방가르드", None),
        ("벤츠 E클래스(5세대) E300e 익스클루시브", "plug_in_hybrid"),
        ("벤츠 S클래스(7세대) S580L 4매틱", None),
        ("BMW 5시리즈(7세대) 520d xDrive", "diesel"),
        ("BMW 5시리즈(7세대) 530i M 스포츠팩", "gasoline"),
        ("BMW 3시리즈(7세대) 330e M 스포츠 팩", "plug_in_hybrid"),
        ("BMW 7시리즈(6세대) 740Ld xDrive", "diesel"),
        ("BMW X5(4세대) 40i xDrive", "gasoline"),
        ("BMW X5(3세대) 30d xDrive", "diesel"),
        ("BMW i5 eDrive40 M 스포츠 프로", "electric"),
        ("BMW M2(2세대) M2 쿠페", None),
        ("재규어 XE 2.0 20d 프레스티지", "diesel"),
        ("랜드로버 디스커버리 스포츠 2.0 TD4 SE", "diesel"),
        ("미니 쿠퍼(3세대) 1.5 D 미드", "diesel"),
        ("미니 쿠퍼(3세대) SE", None),
        ("볼보 XC60(2세대) T8 AWD", "plug_in_hybrid"),
        ("볼보 XC40 리차지 트윈", None),
        ("렉서스 ES(7세대) 300h 럭셔리", "gasoline_hybrid"),
        ("렉서스 RX(5세대) 450h+", "plug_in_hybrid"),
        ("테슬라 모델 Y AWD 롱 레인지", "electric"),
        ("포드 토러스(6세대) 2.0 에코부스트 SEL", "gasoline"),
    ],
)
def test_a_code_in_a_danawa_name_tells_the_fuel_if_it_means_one_thing(
    vocabulary: Vocabulary, name: str, fuel: str | None
) -> None:
    assert read_name(name, vocabulary).fuel == fuel


def test_codes_of_two_fuels_say_nothing(vocabulary: Vocabulary) -> None:
    assert fuel_said("CRDi GDi", "현대", vocabulary) is None
