"""The makes, model groups, generations and trims the stand-in invents its cars from, in the site's own words.

Makes and model groups carry the English name and the code of the site's facets, its odd spellings included
(`Canival`, `Santafe`, the trailing blank of `씨라이언 7 `). Generation and trim names are spelt as on the
site; prices are rough new prices in 만원 (10,000 KRW). A group line reads `name|EngName|code|category|price|weight`,
a generation line `name|first year|last year|trim sets`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Make:
    """A manufacturer facet: its word, the site's English name and code, `Y` domestic or `N` import."""

    name: str
    eng_name: str
    code: str
    car_type: str


@dataclass(frozen=True, slots=True)
class Group:
    """A model group of a make; `price` is a rough new price in 만원, `weight` how common its cars are."""

    make: Make
    name: str
    eng_name: str
    code: str
    category: str
    price: int
    weight: int


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation of a group: the site's `Model` word, its years and its trims as (badge, fuel)."""

    group: Group
    name: str
    first_year: int
    last_year: int
    trims: tuple[tuple[str, str], ...]


_FUELS: Final = {
    "G": "가솔린", "D": "디젤", "L": "LPG(일반인 구입)", "H": "가솔린+전기", "M": "디젤+전기", "B": "가솔린+LPG",
    "N": "LPG+전기", "E": "전기", "F": "수소", "X": "기타",
}  # fmt: skip

# Trim sets, `set|badge=fuel|…`. 누리, 한빛, 가온 and 라온 are invented: no vocabulary has a translation for them.
_TRIM_SETS: Final = """
city|1.0 가솔린=G|밴=G|1.0 터보=G|LPG 1.0=L|가솔린+LPG 1.0 바이퓨얼=B
compact|1.6 가솔린=G|1.6 터보=G|디젤 1.6=D|1.6 LPi=L|1.6 한빛팩=G
sedan|2.0 가솔린=G|1.6 터보=G|2.0 LPI 렌터카=L|디젤 1.7=D|2.0 누리 에디션=G
large|2.5 가솔린 2WD=G|3.3 가솔린 2WD=G|3.5 가솔린 AWD=G|3.0 LPI=L
hybrid|1.6 하이브리드 2WD=H|1.6 하이브리드 4WD=H|2.0 하이브리드=H|하이브리드 가온 리미티드=H|1.6 LPi 하이브리드=N
plugin|2.0 플러그인 하이브리드=H|1.6 PHEV 4WD=H
suv|디젤 2.2 4WD=D|디젤 2.0 2WD=D|2.5 가솔린 터보 2WD=G|2.5 가솔린 터보 4WD=G
suv_s|1.6 터보 2WD=G|1.6 터보 4WD=G|디젤 1.6 2WD=D|2.0 LPG 2WD=L
van|디젤 9인승=D|디젤 11인승=D|3.5 가솔린 7인승=G|3.5 LPI 11인승=L
truck|디젤 2.2 4WD=D|디젤 2.2 2WD=D|3.6 가솔린 4WD=G
ev|롱레인지 2WD=E|롱레인지 4WD=E|스탠다드=E|EV 라온 패키지=E
fcev|수소전기=F
genesis|가솔린 2.5 터보 2WD=G|가솔린 3.5 터보 AWD=G|디젤 2.2 AWD=D|전동화 AWD=E
genesis_suv|가솔린 2.5 터보 AWD=G|가솔린 3.5 터보 AWD=G|디젤 3.0 2WD=D|디젤 3.0 AWD=D
v8|6.2 가솔린 4WD=G|6.2 하이 컨트리=G|6.2 쿠페=G
bmw|520i M 스포츠=G|530i xDrive M 스포츠=G|520d=D|520d xDrive=D|523d MHEV=M
bmw3|320i M 스포츠=G|320d=D|330i xDrive=G|320i 한빛 에디션=G
bmw7|740d xDrive=D|740i M 스포츠=G|750Li xDrive=G
bmw_x|xDrive 30d M 스포츠=D|xDrive 40i=G|xDrive 20d=D
bmw_e|530e M 스포츠=H|530e 럭셔리=H
bmw_xe|xDrive 45e M 스포츠=H|xDrive 50e=H
benz_e|E250 아방가르드=G|E220d 4MATIC=D|E300 4MATIC AMG 라인=G|E300 익스클루시브=G
benz_ee|E350e 플러그인 하이브리드=H|E300e 4MATIC=H
benz_s|S500 4MATIC=G|S350d=D|S580e 4MATIC=H|S400d 4MATIC L=D
benz_c|C200 아방가르드=G|C220d=D|C300 AMG 라인=G
benz_suv|300 4MATIC=G|300d 4MATIC=D|400d 4MATIC 쿠페=D|350e 4MATIC=H
benz_eq|EQE 350+=E|350 4MATIC=E
audi|40 TDI 프리미엄=D|45 TFSI 콰트로 프리미엄=G|50 TDI 콰트로=D|55 TFSI e 콰트로=H
vw|2.0 TDI 프리미엄=D|2.0 TDI 4모션=D|1.4 TSI=G|2.0 TSI R 라인=G
vw_e|프로=E|프로 라이트=E
tesla|롱레인지=E|퍼포먼스=E|스탠다드 RWD=E|플레이드=E
byd|기본형=E|플러스=E
volvo|B5 인스크립션=G|T8 AWD 인스크립션 리차지=H|D5 AWD 모멘텀=D|B6 AWD 얼티메이트=G
toyota|2.5 하이브리드 XLE=H|2.5 가솔린 XLE=G|프라임 PHEV=H|2.5 하이브리드 AWD=H
alpine|A110=G|1.8 터보 S=G
other|바이오 연료=X|2.0 가솔린=G
"""

_CATALOGUE: Final = """
@현대|Hyundai|001|Y
그랜저|Grandeur|004|대형차|4200|20
 그랜저 HG|2011|2016|large
 그랜저 IG|2016|2019|large
 그랜저 하이브리드 (IG)|2017|2019|hybrid
 더 뉴 그랜저 IG|2019|2022|large
 그랜저 (GN7)|2022|2026|large
 그랜저 하이브리드 (GN7)|2022|2026|hybrid
쏘나타|Sonata|018|중형차|3000|12
 LF 쏘나타|2014|2019|sedan
 쏘나타 (DN8)|2019|2023|sedan
 쏘나타 디 엣지(DN8)|2023|2026|sedan
 쏘나타 하이브리드 (DN8)|2019|2026|hybrid
아반떼|AVANTE|019|준중형차|2200|12
 아반떼 AD|2015|2020|compact
 아반떼 (CN7)|2020|2023|compact
 더 뉴 아반떼 (CN7)|2023|2026|compact
 아반떼 하이브리드 (CN7)|2020|2026|hybrid
싼타페|Santafe|017|SUV|3800|12
 싼타페 더 프라임|2015|2018|suv
 싼타페 TM|2018|2020|suv
 더 뉴 싼타페|2020|2023|suv
 디 올 뉴 싼타페|2023|2026|suv
 싼타페 하이브리드 (MX5)|2023|2026|hybrid
투싼|Tucson|032|SUV|2900|8
 올 뉴 투싼|2015|2020|suv_s
 투싼 (NX4)|2020|2026|suv_s
 투싼 하이브리드 (NX4)|2020|2026|hybrid
팰리세이드|Palisade|058|SUV|4500|8
 팰리세이드|2018|2022|suv
 더 뉴 팰리세이드|2022|2025|suv
코나|Kona|055|SUV|2500|4
 코나|2017|2020|suv_s
 코나 일렉트릭|2018|2022|ev
 디 올 뉴 코나|2023|2026|suv_s
캐스퍼|Casper|062|경차|1500|4
 캐스퍼|2021|2026|city
아이오닉5|Ioniq5|061|SUV|5200|4
 아이오닉5|2021|2024|ev
 더 뉴 아이오닉5|2024|2026|ev
넥쏘|Nexo|056|SUV|6800|1
 넥쏘|2018|2025|fcev
제네시스|Genesis|025|대형차|4800|2
 제네시스 DH|2013|2016|large
@제네시스|Genesis|007|Y
G70|G70|003|중형차|4500|4
 G70|2017|2020|genesis
 더 뉴 G70|2020|2025|genesis
G80|G80|002|대형차|6000|9
 G80|2016|2020|genesis
 G80 (RG3)|2020|2026|genesis
G90|G90|004|대형차|9900|3
 G90|2018|2021|large
 G90 (RS4)|2021|2026|large
GV70|GV70|006|SUV|5700|4
 GV70|2020|2024|genesis_suv
 일렉트리파이드 GV70|2022|2026|ev
GV80|GV80|005|SUV|7200|6
 GV80|2020|2023|genesis_suv
 더 뉴 GV80|2023|2026|genesis_suv
@기아|Kia|002|Y
쏘렌토|Sorento|027|SUV|3700|14
 올 뉴 쏘렌토|2014|2017|suv
 더 뉴 쏘렌토|2017|2020|suv
 쏘렌토 4세대|2020|2023|suv
 쏘렌토 하이브리드 4세대|2020|2023|hybrid
 더 뉴 쏘렌토 4세대|2023|2026|suv
 더 뉴 쏘렌토 하이브리드 4세대|2023|2026|hybrid
카니발|Canival|036|RV|4000|14
 올 뉴 카니발|2014|2018|van
 더 뉴 카니발|2018|2020|van
 카니발 4세대|2020|2023|van
 더 뉴 카니발 4세대|2023|2026|van
 더 뉴 카니발 하이브리드 4세대|2023|2026|hybrid
K5|K5|001|중형차|2900|10
 K5 2세대|2015|2018|sedan
 더 뉴 K5 2세대|2018|2019|sedan
 K5 3세대|2019|2023|sedan
 K5 하이브리드 3세대|2019|2026|hybrid
 K5 플러그인 하이브리드 2세대|2016|2019|plugin
K3|K3|060|준중형차|2000|5
 올 뉴 K3|2018|2021|compact
 더 뉴 K3 2세대|2021|2024|compact
K8|K8|065|대형차|3900|4
 K8|2021|2024|large
 K8 하이브리드|2021|2026|hybrid
스포티지|Sportage|025|SUV|2900|8
 스포티지 4세대|2015|2021|suv_s
 스포티지 5세대|2021|2026|suv_s
 스포티지 5세대 하이브리드|2021|2026|hybrid
셀토스|Seltos|064|SUV|2400|5
 셀토스|2019|2022|suv_s
 더 뉴 셀토스|2022|2026|suv_s
모닝|morning|013|경차|1300|6
 올 뉴 모닝 (JA)|2017|2020|city
 더 뉴 모닝|2020|2026|city
레이|RAY|058|경차|1500|7
 더 뉴 레이|2017|2022|city
 더 뉴 기아 레이 EV|2023|2026|ev
니로|Niro|061|SUV|2800|4
 더 뉴 니로|2019|2022|hybrid
 디 올 뉴 니로|2022|2026|hybrid
 디 올 뉴 니로 EV|2022|2026|ev
 니로 플러그인 하이브리드|2017|2022|plugin
EV6|EV6|066|SUV|5300|4
 EV6|2021|2024|ev
 더 뉴 EV6|2024|2026|ev
타스만|Tasman|071|화물차|4500|1
 타스만|2025|2026|truck
@쉐보레(GM대우)|ChevroletGMDaewoo|003|Y
스파크|Spark|043|경차|1200|6
 더 넥스트 스파크|2015|2018|city
 더 뉴 스파크|2018|2022|city
말리부|Malibu|046|중형차|2700|4
 올 뉴 말리부|2016|2018|sedan
 더 뉴 말리부|2018|2022|sedan
트레일블레이저|Trailblazer|055|SUV|2600|4
 트레일블레이저|2020|2023|suv_s
 더 뉴 트레일블레이저|2023|2026|suv_s
볼트 EV|Bolt EV|051|소형차|4500|2
 볼트 EV|2017|2023|ev
타호|Tahoe|057|SUV|9200|1
 타호 5세대|2022|2025|v8
콜로라도|Colorado|053|화물차|4200|2
 리얼 뉴 콜로라도|2020|2023|truck
콜벳|Corvette|047|스포츠카|9800|1
 콜벳 C7|2014|2019|v8
@쉐보레|Chevrolet|038|N
타호|Tahoe|007|SUV|9000|1
 타호 4세대|2015|2020|v8
콜로라도|Colorado|014|화물차|4500|1
 콜로라도 2세대|2015|2022|truck
콜벳|Corvette|001|스포츠카|11000|1
 콜벳 C8|2020|2025|v8
익스프레스밴|Express Van|012|승합차|8000|1
 익스프레스밴|2012|2022|v8
@르노코리아(삼성)|Renault-KoreaSamsung|005|Y
QM6|QM6|011|SUV|2900|6
 QM6|2016|2019|suv_s
 더 뉴 QM6|2019|2025|suv_s
SM6|SM6|010|중형차|2700|4
 SM6|2016|2020|sedan
 더 뉴 SM6|2020|2024|sedan
XM3|XM3|015|SUV|2300|3
 XM3|2020|2024|compact,hybrid
그랑 콜레오스|Grand Koleos|019|SUV|3800|2
 그랑 콜레오스|2024|2026|suv_s,hybrid
@르노|Renault|078|N
알핀|Alpine|005|스포츠카|9000|1
 알핀 A110|2018|2022|alpine
@KG모빌리티(쌍용)|KG_Mobility_Ssangyong|004|Y
티볼리|TIBOLI|012|SUV|2200|4
 티볼리 아머|2017|2019|suv_s
 베리 뉴 티볼리|2019|2024|suv_s
렉스턴|Rexton|003|SUV|3800|4
 G4 렉스턴|2017|2020|suv
 렉스턴 스포츠 칸|2019|2026|truck
토레스|Torres|013|SUV|3000|3
 토레스|2022|2026|suv_s
 토레스 EVX|2023|2026|ev
@기타 제조사|Others|006|Y
기타|Others|999|기타|1500|1
 기타 차종|2012|2020|other
@벤츠|Mercedes-Benz|013|N
E-클래스|E-Class|004|대형차|7600|9
 E-클래스 W212|2010|2016|benz_e
 E-클래스 W213|2016|2024|benz_e,benz_ee
 E-클래스 W214|2024|2026|benz_e,benz_ee
C-클래스|C-Class|001|중형차|5900|3
 C-클래스 W205|2014|2021|benz_c
 C-클래스 W206|2021|2026|benz_c
S-클래스|S-Class|005|대형차|15500|5
 S-클래스 W222|2013|2020|benz_s
 S-클래스 W223|2021|2026|benz_s
GLE-클래스|GLE-Class|035|SUV|11500|3
 GLE-클래스 W167|2019|2026|benz_suv
EQE|EQE|043|대형차|10300|1
 EQE V295|2022|2026|benz_eq
@BMW|BMW|012|N
3시리즈|3-Series|002|중형차|5900|4
 3시리즈 (F30)|2012|2019|bmw3
 3시리즈 (G20)|2019|2026|bmw3
5시리즈|5-Series|003|대형차|7200|9
 5시리즈 (F10)|2010|2017|bmw
 5시리즈 (G30)|2017|2023|bmw,bmw_e
 5시리즈 (G60)|2023|2026|bmw,bmw_e
7시리즈|7-Series|005|대형차|15000|3
 7시리즈 (G11)|2015|2022|bmw7
X3|X3|007|SUV|7000|2
 X3 (G01)|2017|2024|bmw_x
X5|X5|008|SUV|11800|3
 X5 (F15)|2013|2018|bmw_x
 X5 (G05)|2018|2026|bmw_x,bmw_xe
@아우디|Audi|011|N
A6|A6|004|대형차|7500|4
 A6 (C7)|2011|2018|audi
 A6 (C8)|2019|2025|audi
Q5|Q5|020|SUV|6900|2
 Q5 (FY)|2018|2025|audi
@폭스바겐|Volkswagen|014|N
골프|Golf|007|소형차|3600|2
 골프 7세대|2013|2020|vw
 골프 8세대|2021|2025|vw
티구안|Tiguan|002|SUV|4400|3
 티구안 2세대|2018|2024|vw
ID.4|ID.4|023|SUV|5700|1
 ID.4|2022|2026|vw_e
@테슬라|Tesla|087|N
모델 3|Model 3|003|중형차|5700|4
 모델 3|2019|2024|tesla
 모델 3 하이랜드|2024|2026|tesla
모델 Y|Model Y|004|SUV|6500|4
 모델 Y|2021|2025|tesla
 모델 Y 주니퍼|2025|2026|tesla
@BYD|BYD|090|N
아토 3|Atto 3|002|SUV|3300|1
 아토 3|2025|2026|byd
씰|Seal|003|중형차|4700|1
 씰|2025|2026|byd
씨라이언 7 |Sealion 7|004|SUV|4500|1
 씨라이언 7 |2025|2026|byd
@볼보|Volvo|017|N
XC60|XC60|016|SUV|6700|3
 XC60 2세대|2017|2026|volvo
XC90|XC90|010|SUV|9000|2
 XC90 2세대|2015|2026|volvo
@도요타|Toyota|031|N
RAV4|RAV4|008|SUV|4500|2
 RAV4 5세대|2019|2026|toyota
캠리|Camry|001|중형차|4200|2
 캠리 (XV70)|2017|2024|toyota
"""

# Makes that the site lists without cars: a facet may count zero.
WITHOUT_STOCK: Final = (
    Make("렉서스", "Lexus", "035", "N"),
    Make("부가티", "Bugatti", "077", "N"),
    Make("오펠", "Opel", "039", "N"),
)


def _trims() -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    for line in _TRIM_SETS.strip().split("\n"):
        name, *trims = line.split("|")
        yield name, tuple((badge, _FUELS[fuel]) for badge, _, fuel in (trim.rpartition("=") for trim in trims))


def _generations() -> Iterator[Generation]:
    sets = dict(_trims())
    make = WITHOUT_STOCK[0]
    group = Group(make, "", "", "", "", 0, 0)
    for line in _CATALOGUE.strip("\n").split("\n"):
        match line.split("|"):
            case [name, eng_name, code, car_type] if name.startswith("@"):
                make = Make(name[1:], eng_name, code, car_type)
            case [name, first, last, names]:
                trims = tuple(trim for key in names.split(",") for trim in sets[key])
                yield Generation(group, name[1:], int(first), int(last), trims)
            case [name, eng_name, code, category, price, weight]:
                group = Group(make, name, eng_name, code, category, int(price), int(weight))


GENERATIONS: Final = tuple(_generations())
GROUPS: Final = tuple(dict.fromkeys(generation.group for generation in GENERATIONS))
MAKES: Final = (*dict.fromkeys(group.make for group in GROUPS), *WITHOUT_STOCK)
