"""The brands, series, generations and trims of the invented Danawa cars, named as its used-car list names cars.

A name is brand, model, grade and detail joined by single blanks, empty parts included. Words and labels follow the
list of March 2025, the codes those of the site (a series with an unknown code has none). The list mixes two
manners of naming: `더 뉴그랜저IG 가솔린 2.5` and, now and then, `더 뉴 그랜저 IG 2.5` with its own brand labels.

A brand line reads `label|code|its label in the second manner|Encar's makes`, a series line
`name|code|body|price|weight|Encar's group`, a generation line
`words|first year|last year|trim sets|words in the second manner|model code`. Encar's words tell which of its cars a
dealer may advertise here too; they stand in the lines where both sites surely mean the same model.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Brand:
    """A brand as the list labels it; `second` is its label in the second manner, `code` is None if unknown."""

    label: str
    code: str | None
    second: str
    encar: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """A model line; `price` is a rough new price in 만원, `weight` how common its cars are."""

    brand: Brand
    name: str
    code: str | None
    body: str
    price: int
    weight: int
    encar: str


@dataclass(frozen=True, slots=True)
class Trim:
    """Grade and detail, either of which may be empty, and the fuel in the feeder's word."""

    grade: str
    detail: str
    fuel: str


@dataclass(frozen=True, slots=True)
class Generation:
    """One model of a series: its words in both manners, its years and its trims."""

    series: Series
    words: str
    second: str
    first_year: int
    last_year: int
    trims: tuple[Trim, ...]
    code: str | None


_FUELS: Final = {
    "G": "가솔린", "D": "디젤", "L": "LPG", "H": "가솔린+전기", "B": "LPG+가솔린", "E": "전기", "F": "수소",
}  # fmt: skip

# Trim sets, `set|fuel:grade=detail,detail|…`; a grade ending in `=` has no detail. 한빛 and 누리 are invented.
_TRIM_SETS: Final = """
large|G:가솔린 2.5=프리미엄 초이스,익스클루시브,캘리그래피|G:3.0 GDi=모던 베이직|L:3.0 LPi 렌터카=모던|G:가솔린 3.3=
hev|H:1.6 HEV 2WD=프리미엄,캘리그래피|H:2.4 HEV=프리미엄 초이스|H:HEV=시그니처 스페셜
sedan|G:2.0 가솔린=노블레스,프레스티지|G:1.6 터보=N라인 인스퍼레이션|L:2.0 LPI 렌터카=스타일|D:1.7 디젤=트렌디
compact|G:1.6 가솔린=모던,인스퍼레이션|G:1.6 GDi=스마트|L:1.6 LPI 렌터카=스타일|G:1.6 한빛팩=
suv|D:R2.0 2WD=모던,인스퍼레이션|D:2.2 디젤 AWD=캘리그래피 블랙에디션|G:가솔린 2.5 2WD=익스클루시브|G:3.8 가솔린=
suv_s|G:1.6 가솔린 2WD=모던 초이스,노블레스|G:1.6 터보 2WD=인스퍼레이션|D:1.6 디젤 2WD=시그니처|G:2.0  가솔린=트렌디
van|D:9인승 디젤=프레스티지,노블레스|D:11인승 디젤=럭셔리|G:하이리무진 7인승 가솔린=프레지던트
city|G:1.0 가솔린=프레스티지,럭셔리|G:가솔린 1.0 터보=인스퍼레이션|L:LPi=디럭스|B:1.0 바이퓨얼=
porter|D:CRDi 슈퍼캡 초장축=슈퍼,골드|D:CRDi 더블캡 초장축=모던|L:LPG 슈퍼캡=트윈컴프|E:일렉트릭 카고=하이|D:윙바디=
bongo|D:1톤 킹캡 초장축=GL,L라이트|L:1.2톤 LPG 킹캡=GL|D:냉동탑차 1톤 킹캡=초장축|E:EV 카고=GLS
ev|E:EV 2WD 롱레인지=프레스티지|E:롱 레인지 4WD=GT 라인|E:EV AWD=
fcev|F:FCEV=모던,프리미엄
genesis|G:가솔린 2.5 2WD=기본형|G:2.5T AWD=스포츠|G:3.3 GDi AWD=럭셔리|D:2.2 디젤 AWD=기본형
spark|G:LT=,플러스|G:프리미어=,마이핏|L:LPGi=LT
malibu|G:1.5 터보=LTZ|G:2.0 가솔린=LT 스페셜|D:2.0 디젤=LT 디럭스팩
blazer|G:1.35 가솔린=RS,액티브|G:1.35 가솔린 AWD=RS|G:1.2 가솔린 터보=
bolt|E:EV=프리미어|E:2WD=프리미어
america|G:3.6  가솔린=RS|G:3.6L 4WD=Z71-X 미드나잇|G:6.2=하이 컨트리
renault|G:2.0 GDe=RE,LE 시그니처|D:2.0 dCi 2WD=RE|L:2.0 LPe=RE 플러스|G:1.3 TCe=
koleos|H:하이브리드 1.5 HEV=에스프리 알핀|G:2.0 터보=아이코닉
tivoli|G:1.5 가솔린 2WD=V3 스페셜|D:1.6 디젤=기어 플러스|G:가솔린 2WD=LX
rexton|D:2.2 4WD=헤리티지,유라시아 에디션|D:2.2 2WD=럭셔리
sports|D:2.2 4WD=프레스티지,다이내믹 에디션|D:2.2 2WD=와일드
turismo|D:2.0 4WD=11인승 GT,9인승 익스트림|D:2.2 11인승 4WD=TX
torres|G:1.5 GDI-T 2WD=T7|G:1.5 GDI-T 4WD=T5
benz_e|G:E250=익스클루시브|D:E220d=아방가르드|G:E300=아방가르드|D:쿠페 E300d 4매틱=
benz_c|G:C200=아방가르드|D:C220 d=아방가르드|G:C200 카브리올레=
benz_s|D:S350 d 4매틱=,AMG 라인|G:S580L 4매틱=|D:S400d 4매틱=
benz_gle|D:GLE 400d 4매틱 쿠페=|G:GLE 450 4매틱=
bmw3|G:320i=M 스포츠|D:320d=|D:320d xDrive=
bmw5|D:520d=|D:520d xDrive=M 스포츠팩|G:530i xDrive=M 스포츠팩|H:530e=M 스포츠팩|G:520i=럭셔리
bmw7|D:740Ld xDrive=M 스포츠팩|G:740i=
bmw_gt|D:320d=럭셔리 라인|D:320d xDrive=
bmw_x|D:30d xDrive=M 스포츠팩|G:40i xDrive=x라인,M 스포츠팩|D:20d xDrive=
audi|D:40 TDI 콰트로=스포츠|G:45 TFSI 콰트로=프리미엄|D:35 TDI=프리미엄|D:45 TDI 콰트로=
vw|D:2.0 TDI=프리미엄,프레스티지|G:1.4 TSI=프리미엄|D:1.6 TDI 블루모션=
mini|G:1.5=,하이|G:2.0 S=|D:2.0 D ALL4=|G:1.5 누리 에디션=
volvo|D:D5 AWD=모멘텀|H:T8 AWD=인스크립션|G:B5=인스크립션
toyota|H:2.5 하이브리드=XLE|G:2.5 2WD=|G:2.5=
lexus|H:300h=슈프림,럭셔리 플러스|G:=
tesla|E:AWD=롱 레인지|E:퍼포먼스=
chrysler|G:3.6=
jeep|G:3.6=루비콘 4도어|G:2.0=루비콘 4DR 레콘 에디션
"""

_CATALOGUE: Final = """
@현대|303|현대|현대
그랜저|2718|대형차|4200|16|그랜저
 그랜저HG|2011|2016|large||2129
 그랜저IG|2016|2019|large||3332
 더 뉴그랜저IG|2019|2022|large|더 뉴 그랜저 IG|3737
 더 뉴그랜저IG 하이브리드|2019|2022|hev||
 디 올뉴그랜저|2022|2026|large|그랜저 (GN7)|
 디 올뉴그랜저 하이브리드|2022|2026|hev|그랜저 하이브리드 (GN7)|
쏘나타||중형차|3000|9|쏘나타
 LF쏘나타|2014|2017|sedan|LF 쏘나타|3151
 LF쏘나타 뉴라이즈|2017|2019|sedan||3458
 쏘나타(DN8)|2019|2023|sedan|쏘나타 (DN8)|3652
 쏘나타 디 엣지|2023|2026|sedan||
아반떼|2710|준중형차|2200|9|아반떼
 아반떼AD|2015|2020|compact||3259
 아반떼(CN7)|2020|2023|compact|아반떼 (CN7)|3821
 더 뉴아반떼(CN7)|2023|2026|compact|더 뉴 아반떼 (CN7)|
싼타페||SUV|3800|9|싼타페
 싼타페 더 프라임|2015|2018|suv||3273
 싼타페 TM|2018|2020|suv||3498
 더 뉴싼타페|2020|2023|suv|더 뉴 싼타페|3853
 디 올뉴싼타페|2023|2026|suv||
투싼||SUV|2900|6|투싼
 올 뉴투싼|2015|2018|suv_s||
 더 올뉴투싼|2020|2026|suv_s||3820
 더 올뉴투싼 하이브리드|2020|2026|hev||
팰리세이드||SUV|4500|5|팰리세이드
 팰리세이드|2018|2022|suv||3563
 더 뉴팰리세이드|2022|2025|suv|더 뉴 팰리세이드|
코나||SUV|2500|4|코나
 코나|2017|2020|suv_s||3445
 디 올뉴코나|2023|2026|suv_s||
캐스퍼||경차|1500|3|캐스퍼
 캐스퍼|2021|2026|city||
아이오닉5|4200|SUV|5200|3|아이오닉5
 아이오닉 5|2021|2026|ev||4013
넥쏘||SUV|6800|1|넥쏘
 넥쏘|2018|2025|fcev||3564
제네시스||대형차|4800|1|
 제네시스DH|2013|2016|genesis||
포터||화물차|1900|12|
 포터II|2008|2023|porter||1901
@제네시스|304|제네시스|제네시스
G70||중형차|4500|4|G70
 G70|2017|2020|genesis||3444
 더 뉴 G70|2020|2025|genesis||3995
G80|3558|대형차|6000|7|G80
 G80|2016|2020|genesis||3375
 더 올뉴G80|2020|2026|genesis|G80 (RG3)|3656
G90||대형차|9900|3|G90
 G90|2018|2021|genesis||3602
 신형 G90|2021|2026|genesis||
GV70|4161|SUV|5700|3|GV70
 GV70|2020|2024|genesis||3849
GV80||SUV|7200|3|GV80
 GV80|2020|2023|genesis||3657
 뉴 GV80|2023|2026|genesis||
@기아|307|기아|기아
쏘렌토|2740|SUV|3700|11|쏘렌토
 올 뉴쏘렌토|2014|2017|suv||3153
 더 뉴쏘렌토|2017|2020|suv||3495
 신형쏘렌토(MQ4)|2020|2023|suv|쏘렌토 4세대|3837
 신형쏘렌토 하이브리드(MQ4)|2020|2023|hev|쏘렌토 4세대 HEV|
 더 뉴쏘렌토 하이브리드(MQ4)|2023|2026|hev||
카니발|2743|RV|4000|12|카니발
 올 뉴카니발|2014|2018|van||3152
 더 뉴카니발|2018|2020|van||3484
 신형 카니발(KA4)|2020|2023|van||3910
 더 뉴카니발(KA4)|2023|2026|van||
K5||중형차|2900|9|K5
 신형 K5|2015|2018|sedan||3566
 신형 K5(DL3)|2019|2023|sedan|K5 3세대|3742
 더 뉴K5 하이브리드(DL3)|2023|2026|hev||
K3||준중형차|2000|5|K3
 올 뉴K3|2018|2021|compact||3551
 더 뉴 K3|2021|2024|compact|더 뉴 K3 2세대|4057
K8||대형차|3900|4|K8
 K8|2021|2024|large||4017
 K8 하이브리드|2021|2026|hev||
스포티지||SUV|2900|6|스포티지
 스포티지 더 볼드|2018|2021|suv_s||3560
 디 올뉴스포티지|2021|2026|suv_s||
셀토스||SUV|2400|4|셀토스
 셀토스|2019|2022|suv_s||3699
 더 뉴셀토스|2022|2026|suv_s||
모닝|2735|경차|1300|6|모닝
 올 뉴모닝(JA)|2017|2020|city||3333
 더 뉴모닝(JA)|2020|2026|city||3871
레이|3162|경차|1500|6|레이
 더 뉴레이|2017|2022|city||3548
 더 뉴기아 레이|2022|2026|city||
니로||SUV|2800|3|니로
 더 뉴니로|2019|2022|hev||3677
 디 올뉴니로|2022|2026|hev||
EV6||SUV|5300|2|EV6
 EV6|2021|2026|ev||
봉고||화물차|1900|6|
 봉고Ⅲ화물|2008|2020|bongo|봉고3|1907
 더 뉴봉고Ⅲ화물|2020|2026|bongo||3772
@쉐보레(대우)|312|쉐보레(GM대우)|쉐보레(GM대우),쉐보레
스파크|3163|경차|1200|6|스파크
 더 넥스트 스파크|2015|2018|spark||3255
 더 뉴스파크|2018|2022|spark||3594
말리부||중형차|2700|5|말리부
 올 뉴말리부|2016|2018|malibu|올 뉴 말리부|3359
 더 뉴말리부|2018|2022|malibu||3603
트레일블레이저||SUV|2600|4|트레일블레이저
 트레일블레이저|2020|2023|blazer||3754
 더 뉴트레일블레이저|2023|2026|blazer||
볼트 EV||소형차|4500|2|볼트 EV
 볼트 EV|2017|2023|bolt||3424
트래버스||SUV|5200|2|
 트래버스|2019|2024|america||3543
콜로라도||화물차|4200|1|콜로라도
 리얼 뉴 콜로라도|2020|2023|america||3864
@르노(삼성)|321|르노삼성|르노코리아(삼성)
QM6||SUV|2900|8|QM6
 QM6|2016|2019|renault||3364
 더 뉴QM6|2019|2025|renault|더 뉴 QM6|4008
SM6||중형차|2700|5|SM6
 SM6|2016|2020|renault||3319
 더 뉴SM6|2020|2024|renault||3979
XM3||SUV|2300|3|XM3
 XM3|2020|2024|renault||3701
그랑 콜레오스||SUV|3800|1|그랑 콜레오스
 그랑 콜레오스|2024|2026|koleos||
@KG모빌리티(쌍용)|326|KG모빌리티(쌍용)|KG모빌리티(쌍용)
티볼리||SUV|2200|5|티볼리
 티볼리 아머|2017|2019|tivoli||3505
 베리 뉴 티볼리|2019|2024|tivoli||3723
렉스턴||SUV|3800|3|렉스턴
 G4 렉스턴|2017|2020|rexton||3419
 올 뉴 렉스턴|2020|2026|rexton||4006
렉스턴 스포츠||화물차|3200|4|
 렉스턴 스포츠|2018|2021|sports||3544
 더 뉴렉스턴 스포츠 칸|2021|2026|sports||4051
코란도 투리스모||RV|3200|3|
 코란도 투리스모|2013|2018|turismo||3055
 신형 코란도 투리스모|2018|2019|turismo||3561
토레스||SUV|3000|2|토레스
 토레스|2022|2026|torres||
@벤츠|349|벤츠|벤츠
E클래스|2822|대형차|7600|8|E-클래스
 E클래스(4세대)|2010|2016|benz_e||3096
 E클래스(5세대)|2016|2024|benz_e||3331
C클래스||중형차|5900|3|C-클래스
 C클래스(4세대)|2014|2021|benz_c||3140
S클래스||대형차|15500|2|S-클래스
 S클래스(6세대)|2013|2020|benz_s||3128
 S클래스(7세대)|2021|2026|benz_s||3992
GLE클래스||SUV|11500|2|GLE-클래스
 GLE클래스(4세대)|2019|2026|benz_gle||3693
@BMW|362|BMW|BMW
3시리즈||중형차|5900|4|3시리즈
 3시리즈(6세대)|2012|2019|bmw3||3301
 3시리즈(7세대)|2019|2026|bmw3||3520
5시리즈|2792|대형차|7200|7|5시리즈
 5시리즈(6세대)|2010|2017|bmw5||2351
 5시리즈(7세대)|2017|2023|bmw5||3422
 5시리즈(8세대)|2023|2026|bmw5||
7시리즈||대형차|15000|1|7시리즈
 7시리즈(6세대)|2015|2022|bmw7||3276
그란투리스모||중형차|6200|1|
 그란투리스모(GT) 3시리즈 GT|2013|2019|bmw_gt||2366
X5||SUV|11800|2|X5
 X5(3세대)|2013|2018|bmw_x||3127
 X5(4세대)|2018|2026|bmw_x||3577
@아우디|371|아우디|아우디
A6||대형차|7500|4|A6
 A6(4세대)|2011|2018|audi||3270
 A6(5세대)|2019|2025|audi||3713
@폭스바겐|376|폭스바겐|폭스바겐
골프||소형차|3600|2|골프
 골프(7세대)|2013|2020|vw||
티구안|3369|SUV|4400|2|티구안
 티구안(2세대)|2018|2024|vw|티구안 2세대|3368
@미니|367|미니|미니
쿠퍼|2886|소형차|3700|3|
 쿠퍼(3세대)|2014|2024|mini||3164
@볼보|459|볼보|볼보
XC60|3527|SUV|6700|2|XC60
 XC60(2세대)|2017|2026|volvo||3468
XC90||SUV|9000|1|XC90
 XC90(2세대)|2015|2026|volvo||3347
@토요타|491|도요타|도요타
캠리||중형차|4200|1|캠리
 캠리(8세대)|2017|2024|toyota|캠리 (XV70)|3486
@렉서스|486|렉서스|
ES|2905|대형차|6200|2|
 ES(6세대)|2012|2018|lexus||3299
 ES(7세대)|2018|2026|lexus||3608
@테슬라|611|테슬라|테슬라
모델 Y|4333|SUV|6500|2|모델 Y
 모델 Y|2021|2025|tesla||
@지프|587|지프|
랭글러||SUV|6500|1|
 랭글러(JL)|2018|2026|jeep||
@크라이슬러||크라이슬러|
300C||대형차|5000|1|
 300C(2세대)|2011|2019|chrysler||
"""

# Brands with a code but without cars: their listing is truly empty.
WITHOUT_STOCK: Final = (
    Brand("롤스로이스", "385", "롤스로이스", ()),
    Brand("코닉세그", "468", "코닉세그", ()),
    Brand("이베코", "622", "이베코", ()),
)


def _trims() -> Iterator[tuple[str, tuple[Trim, ...]]]:
    for line in _TRIM_SETS.strip().split("\n"):
        name, *grades = line.split("|")
        said = (grade.split(":", 1) for grade in grades)
        parts = ((_FUELS[fuel], *rest.rsplit("=", 1)) for fuel, rest in said)
        yield name, tuple(Trim(grade, detail, fuel) for fuel, grade, details in parts for detail in details.split(","))


def _generations() -> Iterator[Generation]:
    sets = dict(_trims())
    brand = WITHOUT_STOCK[0]
    series = Series(brand, "", None, "", 0, 0, "")
    for line in _CATALOGUE.strip("\n").split("\n"):
        match line.split("|"):
            case [label, code, second, encar] if label.startswith("@"):
                brand = Brand(label[1:], code or None, second, tuple(encar.split(",")) if encar else ())
            case [words, first, last, trims, second, code] if words.startswith(" "):
                words = words[1:]
                yield Generation(series, words, second or words, int(first), int(last), sets[trims], code or None)
            case [name, code, body, price, weight, encar]:
                series = Series(brand, name, code or None, body, int(price), int(weight), encar)


GENERATIONS: Final = tuple(_generations())
SERIES: Final = tuple(dict.fromkeys(generation.series for generation in GENERATIONS))
BRANDS: Final = (*dict.fromkeys(series.brand for series in SERIES), *WITHOUT_STOCK)
